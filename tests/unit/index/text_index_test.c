// SPDX-License-Identifier: MIT
#include "tests/unit/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "index/text_index.h"
#include "text/words.h"

#define SLOTS 64u
#define TEXT_MAX 256u

/* What the index should hold: the texts themselves, searched the slow way. */
typedef struct model {
    char texts[SLOTS][TEXT_MAX];
    bool present[SLOTS], null[SLOTS];
} model;

static uint32_t next_random(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static hb_str model_text(const model *m, uint32_t slot) {
    return m->null[slot] ? (hb_str){ NULL, 0 } : hb_str_c(m->texts[slot]);
}

static uint32_t count_word(hb_str text, hb_str wanted, uint32_t *len) {
    hb_words words;
    hb_str word;
    uint32_t tf = 0;
    *len = 0;
    if (text.ptr == NULL) return 0;
    hb_words_init(&words, text, hb_mem_default());
    while (hb_words_next(&words, &word)) {
        ++*len;
        if (hb_str_eq(word, wanted)) tf++;
    }
    hb_words_free(&words);
    return tf;
}

/* The formula as it is written down, for one word. */
static double model_score(const model *m, uint32_t slot, hb_str word) {
    double n = 0, df = 0, total = 0;
    uint32_t len = 0;
    for (uint32_t i = 0; i < SLOTS; i++) {
        if (!m->present[i]) continue;
        n++;
        if (count_word(model_text(m, i), word, &len) > 0) df++;
        total += len;
    }
    const double tf = m->present[slot] ? count_word(model_text(m, slot), word, &len) : 0;
    if (tf == 0) return 0;
    const double idf = log(1 + (n - df + 0.5) / (df + 0.5));
    return idf * tf * (1.2 + 1) / (tf + 1.2 * (1 - 0.75 + 0.75 * len / (total / n)));
}

static void random_text(uint32_t *state, char out[TEXT_MAX]) {
    static const char *const vocabulary[] = {
        "alpha", "Alphabet", "beta", "gamma", "delta", "be", "\xc3\x89mile", "don't", "3.14", "x_y",
        "zeta", "ETA",
    };
    size_t at = 0;
    const uint32_t count = next_random(state) % 20;
    out[0] = '\0';
    for (uint32_t i = 0; i < count; i++) {
        /* Skewed, so that some words are common and some rare. */
        const uint32_t pick = next_random(state) % 12 * (next_random(state) % 12) / 12;
        at += (size_t)snprintf(out + at, TEXT_MAX - at, "%s ", vocabulary[pick]);
    }
}

static void must(hb_status status) {
    CHECK_INT(status, HB_OK);
}

static hb_text_index *fill(const model *m) {
    hb_text_index *index = hb_text_index_new(hb_mem_default());
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        if (m->present[slot]) must(hb_text_index_append(index, slot, model_text(m, slot), NULL));
    }
    must(hb_text_index_settle(index, NULL));
    return index;
}

/* `ctx` is one model per field. */
static hb_str model_text_of(void *ctx, uint32_t index, uint32_t slot) {
    return model_text((const model *)ctx + index, slot);
}

static hb_text_query query_of(const hb_text_index *const *indexes, const char *text) {
    return (hb_text_query){ .indexes = indexes, .index_count = 1, .text = hb_str_c(text),
                            .mode = HB_SEARCH_ANY, .k = UINT32_MAX, .mem = hb_mem_default() };
}

static void scores_are_those_of_the_written_formula(void) {
    model m;
    memset(&m, 0, sizeof(m));
    uint32_t state = 1;
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        m.present[slot] = slot % 7 != 3;
        m.null[slot] = slot % 11 == 5;
        random_text(&state, m.texts[slot]);
    }
    hb_text_index *index = fill(&m);
    const hb_text_index *const indexes[] = { index };
    const hb_text_query query = query_of(indexes, "beta GAMMA, beta \xc3\xa9mile absent");
    const hb_str words[] = { HB_STR("beta"), HB_STR("gamma"), HB_STR("\xc3\xa9mile") };
    hb_text_hit hits[SLOTS];
    uint32_t count = 0;
    must(hb_text_search(&query, hits, &count, NULL));
    CHECK(count > 20);
    double found[SLOTS] = { 0 };
    for (uint32_t i = 0; i < count; i++) {
        found[hits[i].slot] = hits[i].score;
        CHECK(i == 0 || hits[i].score < hits[i - 1].score ||
              (hits[i].score == hits[i - 1].score && hits[i].slot > hits[i - 1].slot));
    }
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        double want = 0;
        for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++) {
            want += model_score(&m, slot, words[w]);
        }
        CHECK_NEAR(found[slot], want, 1e-12);
    }
    hb_text_index_free(index);
}

/* Equal indexes: the same statistics, and the same hits with bit-equal scores. */
static void check_equal(const hb_text_index *a, const hb_text_index *b) {
    static const char *const texts[] = { "alpha", "beta delta", "eta zeta x_y 3.14", "be don't" };
    CHECK_INT(hb_text_index_doc_count(a), hb_text_index_doc_count(b));
    CHECK_INT(hb_text_index_total_words(a), hb_text_index_total_words(b));
    CHECK_INT(hb_text_index_word_count(a), hb_text_index_word_count(b));
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        hb_text_hit of_a[SLOTS], of_b[SLOTS];
        uint32_t count_a = 0, count_b = 0;
        const hb_text_query query_a = query_of(&a, texts[i]);
        const hb_text_query query_b = query_of(&b, texts[i]);
        must(hb_text_search(&query_a, of_a, &count_a, NULL));
        must(hb_text_search(&query_b, of_b, &count_b, NULL));
        CHECK_INT(count_a, count_b);
        for (uint32_t j = 0; j < count_a && j < count_b; j++) {
            CHECK_INT(of_a[j].slot, of_b[j].slot);
            CHECK_DOUBLE(of_a[j].score, of_b[j].score);
        }
    }
}

static void any_sequence_of_edits_equals_a_rebuild(void) {
    model m;
    memset(&m, 0, sizeof(m));
    uint32_t state = 42;
    hb_text_index *index = hb_text_index_new(hb_mem_default());
    for (int turn = 0; turn < 6000; turn++) {
        const uint32_t slot = next_random(&state) % SLOTS;
        const uint32_t action = next_random(&state) % 8;
        m.present[slot] = action > 2;
        m.null[slot] = action == 3;
        if (action > 2) {
            random_text(&state, m.texts[slot]);
            must(hb_text_index_put(index, slot, model_text(&m, slot), NULL));
        } else {
            hb_text_index_remove(index, slot);
        }
        if (turn % 200 == 199) {
            hb_text_index *rebuilt = fill(&m);
            check_equal(index, rebuilt);
            hb_text_index_free(turn % 400 == 399 ? index : rebuilt);
            if (turn % 400 == 399) index = rebuilt;     /* edits go on where a build ended */
        }
    }
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        hb_text_index_remove(index, slot);
    }
    CHECK_INT(hb_text_index_doc_count(index), 0);
    CHECK_INT(hb_text_index_total_words(index), 0);
    CHECK_INT(hb_text_index_word_count(index), 0);
    hb_text_index_free(index);
}

/* Slots come back in any order and words live long: tails, merges and compaction. */
static void long_posting_lists_survive_reuse_of_slots(void) {
    enum { MANY = 5000 };
    static bool present[MANY];
    uint32_t state = 9;
    hb_text_index *index = hb_text_index_new(hb_mem_default());
    memset(present, 0, sizeof(present));
    for (int turn = 0; turn < 60000; turn++) {
        const uint32_t slot = next_random(&state) % MANY;
        /* Waves of mostly putting and mostly removing. */
        const bool put = next_random(&state) % 10 < (turn / 10000 % 2 == 0 ? 8u : 1u);
        present[slot] = put;
        if (put) must(hb_text_index_put(index, slot, HB_STR("common word"), NULL));
        else hb_text_index_remove(index, slot);
    }
    uint64_t bits[MANY / 64 + 1];
    must(hb_text_index_has_words(index, HB_STR("common"), HB_TEXT_SET, bits, MANY, NULL));
    uint32_t count = 0;
    for (uint32_t slot = 0; slot < MANY; slot++) {
        CHECK_INT(hb_bit_has(bits, MANY, slot), present[slot]);
        count += present[slot] ? 1 : 0;
    }
    CHECK_INT(hb_text_index_df(index, HB_STR("common")), count);
    CHECK_INT(hb_text_index_doc_count(index), count);
    hb_text_index_free(index);
}

/* Scores are made window by window of the slots: the same texts far apart must score the same. */
static void texts_far_apart_score_as_neighbours_do(void) {
    enum { APART = 3001 };
    static const char *const texts[] = { "beta", "alpha beta", "delta be gamma", "gamma alpha eta" };
    static const hb_search_mode modes[] = { HB_SEARCH_ANY, HB_SEARCH_ALL, HB_SEARCH_PREFIX };
    model m;
    memset(&m, 0, sizeof(m));
    uint32_t state = 21;
    hb_text_index *far = hb_text_index_new(hb_mem_default());
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        m.present[slot] = true;
        random_text(&state, m.texts[slot]);
        must(hb_text_index_put(far, slot * APART + slot % 3, model_text(&m, slot), NULL));
    }
    hb_text_index *near = fill(&m);
    uint32_t found = 0;
    for (size_t i = 0; i < 12; i++) {
        hb_text_hit of_near[SLOTS], of_far[SLOTS];
        uint32_t near_count = 0, far_count = 0;
        const hb_text_index *const near_indexes[] = { near }, *const far_indexes[] = { far };
        hb_text_query query = query_of(near_indexes, texts[i / 3]);
        query.mode = modes[i % 3];
        must(hb_text_search(&query, of_near, &near_count, NULL));
        query.indexes = far_indexes;
        must(hb_text_search(&query, of_far, &far_count, NULL));
        CHECK_INT(far_count, near_count);
        for (uint32_t hit = 0; hit < near_count; hit++) {
            const uint32_t slot = of_near[hit].slot;
            CHECK_INT(of_far[hit].slot, slot * APART + slot % 3);
            CHECK(of_far[hit].score == of_near[hit].score);
        }
        found += near_count;
    }
    CHECK(found > 100);
    hb_text_index_free(near);
    hb_text_index_free(far);
}

static void memory_does_not_grow_with_turns(void) {
    char text[TEXT_MAX];
    uint32_t word = 0;
    size_t early = 0;
    hb_text_index *index = hb_text_index_new(hb_mem_default());
    for (uint32_t turn = 0; turn < 60000; turn++) {
        const uint32_t slot = turn % 50;
        if (turn % 5 == 4) {
            hb_text_index_remove(index, slot);
            continue;
        }
        /* Ever new words beside ones that stay. */
        snprintf(text, sizeof(text), "same words unique%u word%u", (unsigned)word,
                 (unsigned)word / 3);
        word++;
        must(hb_text_index_put(index, slot, hb_str_c(text), NULL));
        if (turn == 6000) early = hb_text_index_bytes(index);
    }
    CHECK(hb_text_index_bytes(index) <= early + early / 4);
    hb_text_index_free(index);
}

typedef struct mode_case {
    const char *name, *text;
    hb_search_mode mode;
    const char *want;       /* slots as letters, in byte order */
} mode_case;

static void modes_find_what_they_say(void) {
    static const char *const titles[] = { "red apple pie", "green apple", "pie chart", "",
                                          "apple pie" };
    static const char *const bodies[] = { "a sweet thing", "pie of the day", "no apple red",
                                          "to be or not to be", "apply pressure" };
    static const mode_case cases[] = {
        { "any", "red pie", HB_SEARCH_ANY, "abce" },
        { "all, each word in any field", "apple pie", HB_SEARCH_ALL, "abce" },
        { "all of three", "red apple pie", HB_SEARCH_ALL, "ac" },
        { "all with an unknown word", "apple nowhere", HB_SEARCH_ALL, "" },
        { "phrase in one field", "apple pie", HB_SEARCH_PHRASE, "ae" },
        { "phrase folds case and skips punctuation", "APPLE, pie!", HB_SEARCH_PHRASE, "ae" },
        { "phrase with repeated words", "to be or not to be", HB_SEARCH_PHRASE, "d" },
        { "phrase in another order", "be to", HB_SEARCH_PHRASE, "" },
        { "phrase that overlaps itself", "not to be", HB_SEARCH_PHRASE, "d" },
        { "phrase of one word", "pie", HB_SEARCH_PHRASE, "abce" },
        { "prefix", "appl", HB_SEARCH_PREFIX, "abce" },
        { "prefix with words before it", "green pres", HB_SEARCH_PREFIX, "be" },
        { "prefix that is a word of the query too", "pie pi", HB_SEARCH_PREFIX, "abce" },
        { "prefix of nothing", "zzz", HB_SEARCH_PREFIX, "" },
        { "no words", " ... ", HB_SEARCH_ANY, "" },
        { "no words, all", "", HB_SEARCH_ALL, "" },
    };
    model models[2];
    memset(models, 0, sizeof(models));
    for (uint32_t i = 0; i < 5; i++) {
        snprintf(models[0].texts[i], TEXT_MAX, "%s", titles[i]);
        snprintf(models[1].texts[i], TEXT_MAX, "%s", bodies[i]);
        models[0].present[i] = models[1].present[i] = true;
    }
    hb_text_index *title = fill(&models[0]);
    hb_text_index *body = fill(&models[1]);
    const hb_text_index *const indexes[] = { title, body };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CASE(cases[i].name);
        hb_text_query query = query_of(indexes, cases[i].text);
        query.index_count = 2;
        query.mode = cases[i].mode;
        query.text_of = NULL;
        hb_text_hit hits[SLOTS];
        uint32_t count = 0;
        if (cases[i].mode == HB_SEARCH_PHRASE) {
            CHECK_INT(hb_text_search(&query, hits, &count, NULL), HB_E_UNSUPPORTED);
        }
        query.text_ctx = models;
        query.text_of = model_text_of;
        must(hb_text_search(&query, hits, &count, NULL));
        char got[SLOTS + 1] = "";
        for (char slot = 'a'; slot < 'f'; slot++) {
            for (uint32_t j = 0; j < count; j++) {
                if (hits[j].slot == (uint32_t)(slot - 'a')) strncat(got, &slot, 1);
            }
        }
        CHECK_CSTR(got, cases[i].want);
    }
    hb_text_index_free(body);
    hb_text_index_free(title);
}

static void expansions_score_as_the_words_they_are(void) {
    static const char *const texts[] = { "car", "cart cart", "carbon", "dog", "car cart" };
    model m;
    memset(&m, 0, sizeof(m));
    for (uint32_t i = 0; i < 5; i++) {
        snprintf(m.texts[i], TEXT_MAX, "%s", texts[i]);
        m.present[i] = true;
    }
    hb_text_index *index = fill(&m);
    const hb_text_index *const indexes[] = { index };
    hb_text_query query = query_of(indexes, "car");
    query.mode = HB_SEARCH_PREFIX;
    hb_text_hit hits[SLOTS];
    uint32_t count = 0;
    must(hb_text_search(&query, hits, &count, NULL));
    CHECK_INT(count, 4);
    for (uint32_t i = 0; i < count; i++) {
        const double want = model_score(&m, hits[i].slot, HB_STR("car")) +
                            model_score(&m, hits[i].slot, HB_STR("carbon")) +
                            model_score(&m, hits[i].slot, HB_STR("cart"));
        CHECK_NEAR(hits[i].score, want, 1e-12);
    }
    hb_text_index_free(index);
}

static int higher_slot_first(void *ctx, uint32_t a, uint32_t b) {
    (void)ctx;
    return a > b ? -1 : a < b ? 1 : 0;
}

static void filter_comes_before_k_and_ties_are_the_callers(void) {
    hb_text_index *index = hb_text_index_new(hb_mem_default());
    for (uint32_t slot = 0; slot < 40; slot++) {
        must(hb_text_index_put(index, slot, HB_STR("same text"), NULL));
    }
    const hb_text_index *const indexes[] = { index };
    hb_text_query query = query_of(indexes, "text");
    const uint64_t allowed[] = { 0x80010009u };
    hb_text_hit hits[SLOTS];
    uint32_t count = 0;
    query.k = 3;
    query.allowed = allowed;
    query.allowed_count = 40;
    must(hb_text_search(&query, hits, &count, NULL));
    CHECK_INT(count, 3);
    CHECK_INT(hits[0].slot, 0);
    CHECK_INT(hits[1].slot, 3);
    CHECK_INT(hits[2].slot, 16);
    query.tie = higher_slot_first;
    query.allowed_count = 31;
    must(hb_text_search(&query, hits, &count, NULL));
    CHECK_INT(count, 3);
    CHECK_INT(hits[0].slot, 16);
    query.k = 0;
    must(hb_text_search(&query, hits, &count, NULL));
    CHECK_INT(count, 0);
    hb_text_index_free(index);
}

static void has_words_is_a_set_that_combines(void) {
    static const char *const texts[] = { "one two", "two three", "three one", NULL, "",
                                         "ONE, two!" };
    static const struct {
        const char *name, *text;
        hb_text_combine how;
        uint64_t before, want;
    } cases[] = {
        { "one word", "one", HB_TEXT_SET, 0, 0x25 },
        { "every word", "two one two", HB_TEXT_SET, 0xff, 0x21 },
        { "and", "one", HB_TEXT_AND, 0x0f, 0x05 },
        { "or", "three", HB_TEXT_OR, 0x01, 0x07 },
        { "unknown word", "one four", HB_TEXT_SET, 0xff, 0 },
        { "no word: every text that is not null", "?!", HB_TEXT_SET, 0, 0x37 },
    };
    hb_text_index *index = hb_text_index_new(hb_mem_default());
    for (uint32_t slot = 0; slot < 6; slot++) {
        const hb_str text = texts[slot] != NULL ? hb_str_c(texts[slot]) : (hb_str){ NULL, 0 };
        must(hb_text_index_put(index, slot, text, NULL));
    }
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t bits = cases[i].before;
        CASE(cases[i].name);
        must(hb_text_index_has_words(index, hb_str_c(cases[i].text), cases[i].how, &bits, 6,
                                     NULL));
        CHECK_INT(bits, cases[i].want);
    }
    hb_text_index_free(index);
}

/* An allocator that fails at the nth request and counts what is held. */
typedef struct faulty {
    int left;
    size_t held;
} faulty;

static void *faulty_alloc(void *ctx, size_t size) {
    faulty *f = ctx;
    if (f->left-- == 0) return NULL;
    f->held += size;
    return malloc(size);
}

static void *faulty_realloc(void *ctx, void *ptr, size_t old_size, size_t size) {
    faulty *f = ctx;
    if (f->left-- == 0) return NULL;
    f->held += size - old_size;
    return realloc(ptr, size);
}

static void faulty_free(void *ctx, void *ptr, size_t size) {
    ((faulty *)ctx)->held -= ptr != NULL ? size : 0;
    free(ptr);
}

static void every_failed_allocation_leaves_the_slot_as_it_was(void) {
    static char text[TEXT_MAX * 32] = "kept";
    size_t len = strlen(text);
    for (int i = 0; i < 400; i++) {
        len += (size_t)snprintf(text + len, sizeof(text) - len, " New%d kept", i);
    }
    int failures = 0;
    for (int nth = 0; nth < 400; nth++) {
        faulty f = { -1, 0 };
        const hb_mem mem = { faulty_alloc, faulty_realloc, faulty_free, &f };
        hb_text_index *index = hb_text_index_new(&mem);
        must(hb_text_index_put(index, 0, HB_STR("old words kept"), NULL));
        must(hb_text_index_put(index, 1, HB_STR("kept"), NULL));
        hb_err err;
        f.left = nth;
        const hb_status status = hb_text_index_put(index, 0, hb_str_c(text), &err);
        f.left = -1;
        if (status != HB_OK) {
            failures++;
            CHECK_INT(status, HB_E_MEMORY);
            CHECK_INT(hb_text_index_df(index, HB_STR("old")), 1);
            CHECK_INT(hb_text_index_word_count(index), 3);
            CHECK_INT(hb_text_index_total_words(index), 4);
        } else {
            CHECK_INT(hb_text_index_df(index, HB_STR("old")), 0);
            CHECK_INT(hb_text_index_df(index, HB_STR("new399")), 1);
        }
        CHECK_INT(hb_text_index_df(index, HB_STR("kept")), 2);
        CHECK_INT(hb_text_index_bytes(index), f.held);
        const hb_text_index *const indexes[] = { index };
        hb_text_query query = query_of(indexes, "kept ne");
        query.mem = &mem;
        query.mode = HB_SEARCH_PREFIX;
        hb_text_hit hits[SLOTS];
        uint32_t count = 0;
        f.left = nth;
        const hb_status searched = hb_text_search(&query, hits, &count, &err);
        CHECK(searched == HB_OK ? count == 2 : searched == HB_E_MEMORY && count == 0);
        hb_text_index_free(index);
        CHECK_INT(f.held, 0);
    }
    CHECK(failures > 7);
}

/* Many documents of few words: a list of terms for each, and a list of postings for each word. */
static hb_status append_many(hb_text_index *index, uint32_t docs, hb_err *err) {
    for (uint32_t slot = 0; slot < docs; slot++) {
        char text[TEXT_MAX];
        snprintf(text, sizeof(text), "Common words, word%u of %u documents", (unsigned)slot % 10,
                 (unsigned)docs);
        HB_TRY(hb_text_index_append(index, slot, hb_str_c(text), err));
    }
    return hb_text_index_settle(index, err);
}

static void a_build_takes_memory_once_for_a_word_and_once_for_a_document(void) {
    enum { DOCS = 500, WORDS = 15, ARRAYS = 60 };
    int nth = 0;
    for (hb_status status = HB_E_MEMORY; status != HB_OK; nth++) {
        faulty f = { -1, 0 };
        const hb_mem mem = { faulty_alloc, faulty_realloc, faulty_free, &f };
        hb_text_index *index = hb_text_index_new(&mem);
        f.left = nth;
        hb_err err;
        status = append_many(index, DOCS, &err);
        f.left = -1;
        if (status == HB_OK) {
            CHECK_INT(hb_text_index_df(index, HB_STR("common")), DOCS);
            CHECK_INT(hb_text_index_df(index, HB_STR("word3")), DOCS / 10);
            CHECK_INT(hb_text_index_word_count(index), WORDS);
            CHECK_INT(hb_text_index_bytes(index), f.held);
        } else {
            CHECK_INT(status, HB_E_MEMORY);
        }
        hb_text_index_free(index);
        CHECK_INT(f.held, 0);
    }
    CHECK(nth > DOCS && nth < DOCS + WORDS + ARRAYS);
}

TEST_SUITE {
    TEST(a_build_takes_memory_once_for_a_word_and_once_for_a_document);
    TEST(scores_are_those_of_the_written_formula);
    TEST(any_sequence_of_edits_equals_a_rebuild);
    TEST(long_posting_lists_survive_reuse_of_slots);
    TEST(texts_far_apart_score_as_neighbours_do);
    TEST(memory_does_not_grow_with_turns);
    TEST(modes_find_what_they_say);
    TEST(expansions_score_as_the_words_they_are);
    TEST(filter_comes_before_k_and_ties_are_the_callers);
    TEST(has_words_is_a_set_that_combines);
    TEST(every_failed_allocation_leaves_the_slot_as_it_was);
}
