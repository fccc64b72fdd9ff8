// SPDX-License-Identifier: MIT
/* Ranked search over one or several text indexes, and unranked word filters. */
#include <math.h>
#include <stdlib.h>

#include "index/text_parts.h"

#define BM25_K1 1.2
#define BM25_B 0.75

typedef struct query_word {
    uint32_t start, len;    /* in bytes */
} query_word;

typedef struct search {
    const hb_text_query *query;
    hb_buf bytes;           /* owns the words of the query, folded */
    hb_buf words;           /* owns query_word[]: distinct, in query order, expansions last */
    hb_buf phrase;          /* owns uint32_t[]: the query as indexes into words */
    uint32_t slot_count;
    double *scores;         /* by slot; 0: not found, as every word adds more than 0 */
    uint32_t *seen;         /* ALL, PHRASE: how many words in a row, from the first, the slot has */
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

typedef struct weights {
    double word;            /* idf * (k1 + 1) */
    double base, per_word;  /* the denominator is tf + base + per_word * length */
} weights;

static weights weights_of(const hb_text_index *index, const text_term *term) {
    const double n = index->doc_count;
    const double df = term->df;
    const double average = (double)index->total_words / n;
    return (weights){ log1p((n - df + 0.5) / (df + 0.5)) * (BM25_K1 + 1.0),
                      BM25_K1 * (1.0 - BM25_B), BM25_K1 * BM25_B / average };
}

static double part_of(const weights *w, uint32_t tf, uint32_t len) {
    return w->word * tf / (tf + w->base + w->per_word * len);
}

static void add_any(search *s, const hb_text_index *index, const text_term *term) {
    const weights w = weights_of(index, term);
    const text_posting *list = text_postings(term);
    for (uint32_t i = 0; i < term->count; i++) {
        if (list[i].tf == 0) continue;
        s->scores[list[i].slot] += part_of(&w, list[i].tf, index->lens[list[i].slot]);
    }
}

/* Only slots that have every word before `word`, in some field, stay in the race. */
static void add_all(search *s, const hb_text_index *index, const text_term *term, uint32_t word) {
    const weights w = weights_of(index, term);
    const text_posting *list = text_postings(term);
    for (uint32_t i = 0; i < term->count; i++) {
        const uint32_t slot = list[i].slot;
        if (list[i].tf == 0 || s->seen[slot] < word) continue;
        s->seen[slot] = word + 1;
        s->scores[slot] += part_of(&w, list[i].tf, index->lens[slot]);
    }
}

static void add_scores(search *s) {
    const uint32_t count = word_count(s);
    for (uint32_t word = 0; word < count; word++) {
        for (uint32_t i = 0; i < s->query->index_count; i++) {
            const hb_text_index *index = s->query->indexes[i];
            const uint32_t number = text_term_find(index, word_at(s, word));
            if (number == TERM_NONE) continue;
            if (s->seen != NULL) add_all(s, index, &index->terms[number], word);
            else add_any(s, index, &index->terms[number]);
        }
    }
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

static bool is_found(const search *s, uint32_t slot, uint32_t count) {
    if (s->scores[slot] <= 0.0) return false;
    if (s->seen != NULL && s->seen[slot] < count) return false;
    const hb_text_query *query = s->query;
    return query->allowed == NULL || hb_bit_has(query->allowed, query->allowed_count, slot);
}

static hb_status collect(search *s, hb_text_hit *hits, uint32_t *hit_count, hb_err *err) {
    const hb_text_query *query = s->query;
    const uint32_t count = word_count(s);
    hb_top_k top = { .hits = hits, .k = query->k, .tie = query->tie, .tie_ctx = query->tie_ctx };
    phrase p = { .count = 0 };
    const bool is_phrase = query->mode == HB_SEARCH_PHRASE && s->phrase.len > sizeof(uint32_t);
    hb_status status = is_phrase ? phrase_init(&p, s, err) : HB_OK;
    for (uint32_t slot = 0; status == HB_OK && slot < s->slot_count; slot++) {
        if (!is_found(s, slot, count) || !hb_top_k_wants(&top, s->scores[slot])) continue;
        /* Last, as it reads the text: only for what would enter the result. */
        if (is_phrase && !phrase_in_slot(&p, s, slot)) continue;
        hb_top_k_add(&top, slot, s->scores[slot]);
    }
    if (is_phrase) {
        if (status == HB_OK && p.reader.fold.failed) status = hb_err_memory(err);
        phrase_free(&p, s);
    }
    HB_TRY(status);
    hb_top_k_sort(&top);
    *hit_count = top.count;
    return HB_OK;
}

static hb_status run(search *s, hb_text_hit *hits, uint32_t *hit_count, hb_err *err) {
    const hb_text_query *query = s->query;
    HB_TRY(read_query(s, err));
    if (word_count(s) == 0 || s->slot_count == 0 || query->k == 0) return HB_OK;
    if (query->mode == HB_SEARCH_PREFIX) HB_TRY(expand_prefix(s, err));
    const bool every = query->mode == HB_SEARCH_ALL || query->mode == HB_SEARCH_PHRASE;
    s->scores = hb_mem_zalloc(query->mem, s->slot_count * sizeof(*s->scores));
    if (s->scores == NULL) return hb_err_memory(err);
    if (every) {
        s->seen = hb_mem_zalloc(query->mem, s->slot_count * sizeof(*s->seen));
        if (s->seen == NULL) return hb_err_memory(err);
    }
    add_scores(s);
    return collect(s, hits, hit_count, err);
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
    search s = { .query = query, .slot_count = hb_text_query_slots(query) };
    hb_buf_init(&s.bytes, query->mem);
    hb_buf_init(&s.words, query->mem);
    hb_buf_init(&s.phrase, query->mem);
    const hb_status status = run(&s, hits, hit_count, err);
    hb_mem_free(query->mem, s.seen, s.slot_count * sizeof(*s.seen));
    hb_mem_free(query->mem, s.scores, s.slot_count * sizeof(*s.scores));
    hb_buf_free(&s.phrase);
    hb_buf_free(&s.words);
    hb_buf_free(&s.bytes);
    return status;
}

/* ---- word filter ----------------------------------------------------------------------------- */

static void set_bit(uint64_t *bits, uint32_t bit_count, uint32_t bit) {
    if (bit < bit_count) bits[bit / 64u] |= (uint64_t)1 << (bit % 64u);
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
