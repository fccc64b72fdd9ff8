// SPDX-License-Identifier: MIT
/* Ranked search over one or several text indexes, and unranked word filters. */
#include <math.h>
#include <stdlib.h>

#include "index/text_parts.h"

#define BM25_K1 1.2
#define BM25_B 0.75
#define WINDOW 4096u            /* slots; a multiple of 64 */
#define SLOT_NONE UINT32_MAX    /* no slot is that high: memory follows the slots */

typedef struct query_word {
    uint32_t start, len;    /* in bytes */
} query_word;

typedef struct search {
    const hb_text_query *query;
    hb_buf bytes;           /* owns the words of the query, folded */
    hb_buf words;           /* owns query_word[]: distinct, in query order, expansions last */
    hb_buf phrase;          /* owns uint32_t[]: the query as indexes into words */
    hb_buf runs;            /* owns run[]: word by word, index by index */
} search;

static uint32_t word_count(const search *s) {
    return s->words.len / (uint32_t)sizeof(query_word);
}

static hb_str word_at(const search *s, uint32_t index) {
    const query_word *words = (const query_word *)(const void *)s->words.ptr;
    return (hb_str){ s->bytes.ptr + words[index].start, words[index].len };
}

/* Index of the word, or the count. */
static uint32_t word_find(const search *s, hb_str word) {
    const uint32_t count = word_count(s);
    for (uint32_t i = 0; i < count; i++) {
        if (hb_str_eq(word_at(s, i), word)) return i;
    }
    return count;
}

static uint32_t word_add(search *s, hb_str word) {
    const uint32_t found = word_find(s, word);
    if (found < word_count(s)) return found;
    const query_word add = { s->bytes.len, word.len };
    hb_buf_add_str(&s->bytes, word);
    hb_buf_add(&s->words, &add, sizeof(add));
    return found;
}

static hb_status read_query(search *s, hb_err *err) {
    hb_words words;
    hb_str word;
    hb_words_init(&words, s->query->text, s->query->mem);
    while (hb_words_next(&words, &word)) {
        const uint32_t index = word_add(s, word);
        hb_buf_add(&s->phrase, &index, sizeof(index));
        if (s->words.failed || s->bytes.failed) break;
    }
    const bool failed = words.fold.failed;
    hb_words_free(&words);
    if (failed) return hb_err_memory(err);
    HB_TRY(hb_buf_check(&s->bytes, err));
    HB_TRY(hb_buf_check(&s->words, err));
    return hb_buf_check(&s->phrase, err);
}

/* ---- prefix ---------------------------------------------------------------------------------- */

static int compare_words(const void *a, const void *b) {
    return hb_str_cmp(*(const hb_str *)a, *(const hb_str *)b);
}

static void collect_prefixed(const hb_text_index *index, hb_str prefix, hb_buf *out) {
    for (uint32_t i = 0; i < index->term_count; i++) {
        if (index->terms[i].word_len == UINT32_MAX) continue;
        const hb_str word = text_term_word(index, i);
        if (hb_str_starts(word, prefix)) hb_buf_add(out, &word, sizeof(word));
    }
}

/* Adds the words that start with the last one, in byte order. They are appended without looking for
 * duplicates one by one: equal ones are neighbours, and only the words of the query itself, which
 * are few, can be among them besides. */
static hb_status expand_prefix(search *s, hb_err *err) {
    const hb_text_query *query = s->query;
    const uint32_t own_count = word_count(s);
    const uint32_t *phrase = (const uint32_t *)(const void *)s->phrase.ptr;
    const hb_str prefix = word_at(s, phrase[s->phrase.len / sizeof(uint32_t) - 1]);
    hb_buf found;
    hb_buf_init(&found, query->mem);
    for (uint32_t i = 0; i < query->index_count; i++) {
        collect_prefixed(query->indexes[i], prefix, &found);
    }
    hb_str *list = (hb_str *)(void *)found.ptr;
    const uint32_t count = found.len / (uint32_t)sizeof(*list);
    if (count > 0) qsort(list, count, sizeof(*list), compare_words);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0 && hb_str_eq(list[i], list[i - 1])) continue;
        bool own = false;
        for (uint32_t j = 0; j < own_count && !own; j++) {
            own = hb_str_eq(word_at(s, j), list[i]);
        }
        if (own) continue;
        const query_word add = { s->bytes.len, list[i].len };
        hb_buf_add_str(&s->bytes, list[i]);
        hb_buf_add(&s->words, &add, sizeof(add));
    }
    const hb_status status = hb_buf_check(&found, err);
    hb_buf_free(&found);
    HB_TRY(status);
    HB_TRY(hb_buf_check(&s->bytes, err));
    return hb_buf_check(&s->words, err);
}

/* ---- scores ---------------------------------------------------------------------------------- */

typedef struct bm25 {
    double word;            /* idf * (k1 + 1) */
    double base, per_word;  /* the denominator is tf + base + per_word * length */
} bm25;

/* A sorted run of postings that is still to be read. */
typedef struct run {
    const text_posting *at, *end;
    const uint32_t *lens;
    bm25 weights;
    uint32_t word;
} run;

/* Scores of the slots [base, base + WINDOW), which stay in the processor's nearest cache. All is 0
 * between two windows, so that a search costs what its postings cost, not what the index holds. */
typedef struct window {
    double scores[WINDOW];
    uint32_t seen[WINDOW];          /* ALL, PHRASE: words in a row, from the first, of the slot */
    uint64_t touched[WINDOW / 64];  /* bits: slots that may have a score */
    uint32_t base;
} window;

static bm25 bm25_of(const hb_text_index *index, const text_term *term) {
    const double n = index->doc_count;
    const double df = term->df;
    const double average = (double)index->total_words / n;
    return (bm25){ log1p((n - df + 0.5) / (df + 0.5)) * (BM25_K1 + 1.0),
                      BM25_K1 * (1.0 - BM25_B), BM25_K1 * BM25_B / average };
}

static double part_of(const bm25 *f, uint32_t tf, uint32_t len) {
    return f->word * tf / (tf + f->base + f->per_word * len);
}

/* The runs of all words, in the order in which their parts of a score are added up. */
static hb_status collect_runs(search *s, hb_err *err) {
    const uint32_t count = word_count(s);
    for (uint32_t word = 0; word < count; word++) {
        for (uint32_t i = 0; i < s->query->index_count; i++) {
            const hb_text_index *index = s->query->indexes[i];
            const uint32_t number = text_term_find(index, word_at(s, word));
            if (number == TERM_NONE) continue;
            const text_term *term = &index->terms[number];
            const text_posting *list = text_postings(term);
            run add = { list, list + term->sorted, index->lens, bm25_of(index, term), word };
            if (add.at < add.end) hb_buf_add(&s->runs, &add, sizeof(add));
            add.at = add.end;
            add.end = list + term->count;
            if (add.at < add.end) hb_buf_add(&s->runs, &add, sizeof(add));
        }
    }
    return hb_buf_check(&s->runs, err);
}

static run *runs_of(const search *s, uint32_t *count) {
    *count = s->runs.len / (uint32_t)sizeof(run);
    return (run *)(void *)s->runs.ptr;
}

/* Moves the run to its first posting whose slot is not below `slot`: by doubling, then halving
 * steps. */
static void run_skip(run *r, uint32_t slot) {
    size_t step = 1;
    while ((size_t)(r->end - r->at) > step && r->at[step].slot < slot) {
        r->at += step;
        step *= 2;
    }
    while (step > 0) {
        if ((size_t)(r->end - r->at) >= step && r->at[step - 1].slot < slot) r->at += step;
        else step /= 2;
    }
}

/* The lowest slot that may be a hit and is not below `from`, or SLOT_NONE: the first one of any
 * run; if every word must be there, the word that comes last decides. */
static uint32_t next_slot(const search *s, uint32_t from, bool every) {
    uint32_t count;
    run *runs = runs_of(s, &count);
    uint32_t next = SLOT_NONE;
    uint32_t latest = 0;
    uint32_t words = 0;
    for (uint32_t i = 0; i < count;) {
        uint32_t first = SLOT_NONE;
        const uint32_t word = runs[i].word;
        for (; i < count && runs[i].word == word; i++) {
            run_skip(&runs[i], from);
            if (runs[i].at < runs[i].end && runs[i].at->slot < first) first = runs[i].at->slot;
        }
        if (first < next) next = first;
        if (first > latest) latest = first;
        words++;
    }
    if (!every) return next;
    return words < word_count(s) ? SLOT_NONE : latest;
}

static void add_any(window *w, run *r) {
    const text_posting *at = r->at;
    const uint32_t base = w->base;
    const bm25 f = r->weights;
    for (; at < r->end && at->slot - base < WINDOW; at++) {
        if (at->tf == 0) continue;
        const uint32_t i = at->slot - base;
        w->scores[i] += part_of(&f, at->tf, r->lens[at->slot]);
        hb_bit_set(w->touched, i);
    }
    r->at = at;
}

/* Only slots that have every word before this one, in some field, stay in the race. */
static void add_all(window *w, run *r) {
    const text_posting *at = r->at;
    const bm25 f = r->weights;
    for (; at < r->end && at->slot - w->base < WINDOW; at++) {
        const uint32_t i = at->slot - w->base;
        if (at->tf == 0 || w->seen[i] < r->word) continue;
        w->seen[i] = r->word + 1;
        w->scores[i] += part_of(&f, at->tf, r->lens[at->slot]);
        hb_bit_set(w->touched, i);
    }
    r->at = at;
}

/* ---- phrase ---------------------------------------------------------------------------------- */

typedef struct phrase {
    const uint32_t *words;  /* the query as indexes into search.words */
    uint32_t *borders;      /* Knuth-Morris-Pratt: longest proper border of each prefix */
    uint32_t count;
    hb_words reader;
} phrase;

static hb_status phrase_init(phrase *p, const search *s, hb_err *err) {
    p->words = (const uint32_t *)(const void *)s->phrase.ptr;
    p->count = s->phrase.len / (uint32_t)sizeof(uint32_t);
    p->borders = hb_mem_alloc(s->query->mem, p->count * sizeof(*p->borders));
    hb_words_init(&p->reader, HB_STR_EMPTY, s->query->mem);
    if (p->borders == NULL) return hb_err_memory(err);
    uint32_t border = 0;
    p->borders[0] = 0;
    for (uint32_t i = 1; i < p->count; i++) {
        while (border > 0 && p->words[i] != p->words[border]) {
            border = p->borders[border - 1];
        }
        if (p->words[i] == p->words[border]) border++;
        p->borders[i] = border;
    }
    return HB_OK;
}

static void phrase_free(phrase *p, const search *s) {
    hb_mem_free(s->query->mem, p->borders, p->count * sizeof(*p->borders));
    hb_words_free(&p->reader);
}

static bool phrase_in_text(phrase *p, const search *s, hb_str text) {
    const uint32_t none = word_count(s);
    uint32_t matched = 0;
    hb_str word;
    hb_words_reset(&p->reader, text);
    while (hb_words_next(&p->reader, &word)) {
        const uint32_t index = word_find(s, word);
        if (index == none) {
            matched = 0;
            continue;
        }
        while (matched > 0 && p->words[matched] != index) {
            matched = p->borders[matched - 1];
        }
        if (p->words[matched] == index) matched++;
        if (matched == p->count) return true;
    }
    return false;
}

static bool phrase_in_slot(phrase *p, const search *s, uint32_t slot) {
    const hb_text_query *query = s->query;
    for (uint32_t i = 0; i < query->index_count; i++) {
        if (slot >= query->indexes[i]->slot_count) continue;
        const uint32_t len = query->indexes[i]->lens[slot];
        if (len == LEN_ABSENT || len == LEN_NULL || len < p->count) continue;
        if (phrase_in_text(p, s, query->text_of(query->text_ctx, i, slot))) return true;
    }
    return false;
}

/* ---- the search ------------------------------------------------------------------------------ */

typedef struct collector {
    hb_top_k top;
    phrase phrase;
    bool every, is_phrase;
} collector;

/* Takes the hits of the window, and leaves it empty. */
static void collect_window(const search *s, collector *c, window *w) {
    const hb_text_query *query = s->query;
    const uint32_t words = word_count(s);
    for (uint32_t block = 0; block < WINDOW / 64; block++) {
        for (uint64_t bits = w->touched[block]; bits != 0; bits &= bits - 1) {
            const uint32_t i = block * 64 + hb_bits_first(bits);
            const uint32_t slot = w->base + i;
            const double score = w->scores[i];
            const bool complete = !c->every || w->seen[i] == words;
            w->scores[i] = 0.0;
            w->seen[i] = 0;
            if (!complete || !hb_top_k_wants(&c->top, score)) continue;
            if (query->allowed != NULL && !hb_bit_has(query->allowed, query->allowed_count, slot)) {
                continue;
            }
            /* Last, as it reads the text: only for what would enter the result. */
            if (c->is_phrase && !phrase_in_slot(&c->phrase, s, slot)) continue;
            hb_top_k_add(&c->top, slot, score);
        }
        w->touched[block] = 0;
    }
}

static void score_windows(const search *s, collector *c, window *w) {
    uint32_t count;
    run *runs = runs_of(s, &count);
    for (uint32_t slot = next_slot(s, 0, c->every); slot != SLOT_NONE;
         slot = next_slot(s, slot, c->every)) {
        if (c->every) {     /* all runs are at or behind `from`, not yet at the slot */
            for (uint32_t i = 0; i < count; i++) run_skip(&runs[i], slot);
        }
        w->base = slot;
        for (uint32_t i = 0; i < count; i++) {
            if (c->every) add_all(w, &runs[i]);
            else add_any(w, &runs[i]);
        }
        collect_window(s, c, w);
        if (SLOT_NONE - slot <= WINDOW) break;
        slot += WINDOW;
    }
}

static hb_status collect(search *s, hb_text_hit *hits, uint32_t *hit_count, hb_err *err) {
    const hb_text_query *query = s->query;
    collector c = { .top = { .hits = hits, .k = query->k, .tie = query->tie,
                             .tie_ctx = query->tie_ctx },
                    .every = query->mode == HB_SEARCH_ALL || query->mode == HB_SEARCH_PHRASE,
                    .is_phrase = query->mode == HB_SEARCH_PHRASE &&
                                 s->phrase.len > sizeof(uint32_t) };
    window *w = hb_mem_zalloc(query->mem, sizeof(*w));
    if (w == NULL) return hb_err_memory(err);
    hb_status status = c.is_phrase ? phrase_init(&c.phrase, s, err) : HB_OK;
    if (status == HB_OK) score_windows(s, &c, w);
    hb_mem_free(query->mem, w, sizeof(*w));
    if (c.is_phrase) {
        if (status == HB_OK && c.phrase.reader.fold.failed) status = hb_err_memory(err);
        phrase_free(&c.phrase, s);
    }
    HB_TRY(status);
    hb_top_k_sort(&c.top);
    *hit_count = c.top.count;
    return HB_OK;
}

static hb_status run_search(search *s, hb_text_hit *hits, uint32_t *hit_count, hb_err *err) {
    const hb_text_query *query = s->query;
    HB_TRY(read_query(s, err));
    if (word_count(s) == 0 || query->k == 0) return HB_OK;
    if (query->mode == HB_SEARCH_PREFIX) HB_TRY(expand_prefix(s, err));
    HB_TRY(collect_runs(s, err));
    return s->runs.len > 0 ? collect(s, hits, hit_count, err) : HB_OK;
}

uint32_t hb_text_query_slots(const hb_text_query *query) {
    uint32_t most = 0;
    for (uint32_t i = 0; i < query->index_count; i++) {
        if (query->indexes[i]->slot_count > most) most = query->indexes[i]->slot_count;
    }
    return most;
}

hb_status hb_text_search(const hb_text_query *query, hb_text_hit *hits, uint32_t *hit_count,
                         hb_err *err) {
    *hit_count = 0;
    if (query->mode == HB_SEARCH_PHRASE && query->text_of == NULL) {
        return hb_err_set(err, HB_E_UNSUPPORTED, "a phrase search needs the texts of the rows");
    }
    search s = { .query = query };
    hb_buf_init(&s.bytes, query->mem);
    hb_buf_init(&s.words, query->mem);
    hb_buf_init(&s.phrase, query->mem);
    hb_buf_init(&s.runs, query->mem);
    const hb_status status = run_search(&s, hits, hit_count, err);
    hb_buf_free(&s.runs);
    hb_buf_free(&s.phrase);
    hb_buf_free(&s.words);
    hb_buf_free(&s.bytes);
    return status;
}

/* ---- word filter ----------------------------------------------------------------------------- */

static void set_bit(uint64_t *bits, uint32_t bit_count, uint32_t bit) {
    if (bit < bit_count) hb_bit_set(bits, bit);
}

static void mark_term(const text_term *term, uint64_t *bits, uint32_t bit_count) {
    const text_posting *list = text_postings(term);
    for (uint32_t i = 0; i < term->count; i++) {
        if (list[i].tf > 0) set_bit(bits, bit_count, list[i].slot);
    }
}

static void mark_texts(const hb_text_index *index, uint64_t *bits, uint32_t bit_count) {
    for (uint32_t slot = 0; slot < index->slot_count; slot++) {
        const uint32_t len = index->lens[slot];
        if (len != LEN_ABSENT && len != LEN_NULL) set_bit(bits, bit_count, slot);
    }
}

/* `all` becomes the slots that have every word; `one` is scratch of the same size. */
static hb_status mark_words(const hb_text_index *index, hb_str text, uint64_t *all, uint64_t *one,
                            uint32_t bit_count, hb_err *err) {
    const uint32_t count = hb_bits_words(bit_count);
    const size_t size = count * sizeof(uint64_t);
    hb_words words;
    hb_str word;
    hb_words_init(&words, text, index->mem);
    bool none = true;
    bool missing = false;
    while (!missing && hb_words_next(&words, &word)) {
        const uint32_t number = text_term_find(index, word);
        missing = number == TERM_NONE;
        if (missing) break;
        uint64_t *to = none ? all : one;
        memset(to, 0, size);
        mark_term(&index->terms[number], to, bit_count);
        for (uint32_t i = 0; !none && i < count; i++) {
            all[i] &= one[i];
        }
        none = false;
    }
    const bool failed = words.fold.failed;
    hb_words_free(&words);
    if (failed) return hb_err_memory(err);
    if (missing) memset(all, 0, size);
    else if (none) mark_texts(index, all, bit_count);
    return HB_OK;
}

hb_status hb_text_index_has_words(const hb_text_index *index, hb_str text, hb_text_combine how,
                                  uint64_t *bits, uint32_t bit_count, hb_err *err) {
    const uint32_t count = hb_bits_words(bit_count);
    if (count == 0) return HB_OK;
    const size_t size = 2 * (size_t)count * sizeof(uint64_t);
    uint64_t *scratch = hb_mem_zalloc(index->mem, size);
    if (scratch == NULL) return hb_err_memory(err);
    const hb_status status = mark_words(index, text, scratch, scratch + count, bit_count, err);
    for (uint32_t i = 0; status == HB_OK && i < count; i++) {
        if (how == HB_TEXT_SET) bits[i] = scratch[i];
        else if (how == HB_TEXT_AND) bits[i] &= scratch[i];
        else bits[i] |= scratch[i];
    }
    hb_mem_free(index->mem, scratch, size);
    return status;
}
