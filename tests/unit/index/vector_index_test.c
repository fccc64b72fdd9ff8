// SPDX-License-Identifier: MIT
#include "tests/unit/test.h"

#include <math.h>

#include "index/vector_index.h"
#include "value/value.h"

#define ROWS 200u
#define DIM_MAX 100u

static float next_number(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return (float)((int32_t)(*state >> 8) % 2001 - 1000) / 1000.0f;
}

static void fill(float *numbers, size_t count, uint32_t seed) {
    for (size_t i = 0; i < count; i++) {
        numbers[i] = next_number(&seed);
    }
}

/* The definition, in double. */
static double exact_score(hb_metric metric, const float *a, const float *b, uint32_t dim) {
    double dot = 0, aa = 0, bb = 0, dd = 0;
    for (uint32_t i = 0; i < dim; i++) {
        dot += (double)a[i] * b[i];
        aa += (double)a[i] * a[i];
        bb += (double)b[i] * b[i];
        dd += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    }
    if (metric == HB_METRIC_DOT) return dot;
    if (metric == HB_METRIC_L2) return -sqrt(dd);
    return aa == 0 || bb == 0 ? 0 : dot / sqrt(aa * bb);
}

static void kernels_equal_their_plain_twins_to_the_bit(void) {
    float a[DIM_MAX], b[DIM_MAX];
    fill(a, DIM_MAX, 1);
    fill(b, DIM_MAX, 2);
    for (uint32_t dim = 1; dim <= DIM_MAX; dim++) {
        CHECK_DOUBLE(hb_vector_dot(a, b, dim), hb_vector_dot_plain(a, b, dim));
        CHECK_DOUBLE(hb_vector_l2_squared(a, b, dim), hb_vector_l2_squared_plain(a, b, dim));
        CHECK_NEAR(hb_vector_dot(a, b, dim), exact_score(HB_METRIC_DOT, a, b, dim), 1e-5);
    }
}

static void search_ranks_as_the_definition_does(void) {
    static const hb_metric metrics[] = { HB_METRIC_COSINE, HB_METRIC_L2, HB_METRIC_DOT };
    static const uint32_t dims[] = { 1, 2, 3, 15, 16, 17, 31, 64, 100 };
    static float base[ROWS * DIM_MAX];
    float vector[DIM_MAX];
    hb_vector_hit hits[ROWS];
    for (size_t d = 0; d < sizeof(dims) / sizeof(dims[0]); d++) {
        const uint32_t dim = dims[d];
        fill(base, (size_t)ROWS * dim, dim);
        fill(vector, dim, 77);
        for (size_t m = 0; m < 3; m++) {
            const hb_vector_query query = { .view = { base, dim, dim, ROWS, NULL, NULL, NULL },
                                            .vector = vector, .metric = metrics[m], .k = 10 };
            CHECK_INT(hb_vector_search(&query, hits), 10);
            uint32_t better = 0;
            for (uint32_t row = 0; row < ROWS; row++) {
                const double score = exact_score(metrics[m], vector, base + row * dim, dim);
                if (score > hits[9].score + 1e-5) better++;
            }
            CHECK(better <= 9);
            for (uint32_t i = 0; i < 10; i++) {
                const float *row = base + hits[i].slot * dim;
                CHECK(i == 0 || hits[i].score <= hits[i - 1].score);
                CHECK_NEAR(hits[i].score, exact_score(metrics[m], vector, row, dim),
                           dim < HB_VECTOR_EXACT_DIM ? 1e-14 : 1e-5);
                CHECK_DOUBLE(hits[i].score, hb_vector_score(metrics[m], vector, row, dim));
            }
        }
    }
}

static int higher_slot_first(void *ctx, uint32_t a, uint32_t b) {
    (void)ctx;
    return a > b ? -1 : a < b ? 1 : 0;
}

static void only_what_may_take_part_does(void) {
    static const float base[] = { 1, 0, 9, 0, 1, 9, 1, 0, 9, 0, 0, 9, -1, 0, 9 };
    static const uint8_t state[] = { HB_CELL_VALUE, HB_CELL_VALUE, HB_CELL_NULL, HB_CELL_VALUE,
                                     HB_CELL_VALUE };
    static const float vector[] = { 1, 0 };
    static const uint64_t allowed[] = { 0x1e };
    static const uint32_t slots[] = { 4, 2, 1, 900 };
    hb_vector_hit hits[5];
    /* Rows are three floats apart; the third is not theirs. */
    hb_vector_query query = { .view = { base, 3, 2, 5, state, NULL, NULL }, .vector = vector,
                              .metric = HB_METRIC_COSINE, .k = UINT32_MAX };
    CHECK_INT(hb_vector_search(&query, hits), 4);
    CHECK_INT(hits[0].slot, 0);
    CHECK_DOUBLE(hits[0].score, 1.0);
    CHECK_INT(hits[1].slot, 1);
    CHECK_INT(hits[2].slot, 3);         /* the zero vector: 0, tied with the orthogonal one */
    CHECK_DOUBLE(hits[2].score, 0.0);
    CHECK_DOUBLE(hits[3].score, -1.0);
    query.tie = higher_slot_first;
    CHECK_INT(hb_vector_search(&query, hits), 4);
    CHECK_INT(hits[1].slot, 3);
    query.allowed = allowed;
    query.allowed_count = 4;
    query.k = 1;
    CHECK_INT(hb_vector_search(&query, hits), 1);
    CHECK_INT(hits[0].slot, 3);
    query.slots = slots;
    query.slot_count = 4;
    query.k = 5;
    CHECK_INT(hb_vector_search(&query, hits), 2);
    CHECK_INT(hits[0].slot, 1);
    CHECK_INT(hits[1].slot, 4);
}

static void extreme_numbers_do_not_break_a_score(void) {
    float huge[32], tiny[32], ones[32];
    for (int i = 0; i < 32; i++) {
        huge[i] = 1e30f;
        tiny[i] = 1e-30f;
        ones[i] = 1.0f;
    }
    CHECK_NEAR(hb_vector_score(HB_METRIC_COSINE, huge, huge, 32), 1.0, 1e-9);
    CHECK_NEAR(hb_vector_score(HB_METRIC_COSINE, tiny, tiny, 32), 1.0, 1e-9);
    CHECK_NEAR(hb_vector_score(HB_METRIC_COSINE, huge, ones, 32), 1.0, 1e-5);
    CHECK_NEAR(hb_vector_score(HB_METRIC_DOT, huge, huge, 32) / 32e60, 1.0, 1e-6);
    CHECK_NEAR(hb_vector_score(HB_METRIC_L2, huge, ones, 32) / -1e30, sqrt(32.0), 1e-5);
}

static void owner_keeps_one_vector_per_slot(void) {
    hb_vector_index *index = hb_vector_index_new(hb_mem_default(), 3);
    hb_err err;
    for (uint32_t slot = 0; slot < 150; slot++) {
        const float vector[] = { (float)slot, 1, 0 };
        CHECK_INT(hb_vector_index_put(index, slot * 2, vector, &err), HB_OK);
    }
    const float moved[] = { 0, 0, 5 };
    CHECK_INT(hb_vector_index_put(index, 10, moved, &err), HB_OK);
    hb_vector_index_remove(index, 12);
    hb_vector_index_remove(index, 13);
    hb_vector_index_remove(index, 100000);
    CHECK_INT(hb_vector_index_count(index), 149);
    CHECK(hb_vector_index_get(index, 12) == NULL);
    CHECK(hb_vector_index_get(index, 11) == NULL);
    CHECK_DOUBLE(hb_vector_index_get(index, 298)[0], 149.0);
    const hb_vector_view view = hb_vector_index_view(index);
    CHECK_INT(view.count, 299);
    CHECK_DOUBLE(view.norms[10], 5.0);
    hb_vector_hit hits[2];
    const hb_vector_query query = { .view = view, .vector = moved, .metric = HB_METRIC_COSINE,
                                    .k = 2 };
    CHECK_INT(hb_vector_search(&query, hits), 2);
    CHECK_INT(hits[0].slot, 10);
    hb_vector_index_clear(index);
    CHECK_INT(hb_vector_index_count(index), 0);
    CHECK_INT(hb_vector_index_view(index).count, 0);
    hb_vector_index_free(index);
}

TEST_SUITE {
    TEST(kernels_equal_their_plain_twins_to_the_bit);
    TEST(search_ranks_as_the_definition_does);
    TEST(only_what_may_take_part_does);
    TEST(extreme_numbers_do_not_break_a_score);
    TEST(owner_keeps_one_vector_per_slot);
}
