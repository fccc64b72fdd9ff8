// SPDX-License-Identifier: MIT
#include "tests/unit/test.h"

#include <stdlib.h>

#include "index/codes.h"
#include "value/value.h"

#define ROWS 600u
#define DIM  40u
#define K    10u

static float matrix[ROWS * DIM];
static double norms[ROWS];
static uint8_t state[ROWS];

static float next_number(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return (float)((int32_t)(*seed >> 8) % 2001 - 1000) / 1000.0f;
}

static hb_vector_view rows_make(uint32_t seed) {
    for (uint32_t slot = 0; slot < ROWS; slot++) {
        for (uint32_t i = 0; i < DIM; i++) {
            matrix[slot * DIM + i] = next_number(&seed) * (float)(1 + slot % 3);
        }
        norms[slot] = hb_vector_norm(matrix + slot * DIM, DIM);
        state[slot] = HB_CELL_VALUE;
    }
    return (hb_vector_view){ matrix, DIM, DIM, ROWS, state, norms, NULL };
}

static void the_kernel_equals_its_plain_twin(void) {
    int8_t a[128], b[128];
    uint32_t seed = 5;
    for (uint32_t i = 0; i < 128; i++) {
        a[i] = (int8_t)(next_number(&seed) * 127.0f);
        b[i] = i < 64 ? (int8_t)-127 : (int8_t)(next_number(&seed) * 127.0f);
    }
    for (uint32_t count = 0; count <= 128; count += 16) {
        CHECK_INT(hb_codes_dot(a, b, count), hb_codes_dot_plain(a, b, count));
        CHECK_INT(hb_codes_dot(b, b, count), hb_codes_dot_plain(b, b, count));
    }
}

/* How many of the ten best are among the `most` that the codes find. */
static uint32_t agreement(const hb_codes *codes, hb_vector_view view, hb_metric metric,
                          uint32_t most) {
    uint8_t scratch[DIM + 16];
    hb_hit truth[K], hits[ROWS];
    uint32_t found = 0;
    for (uint32_t q = 0; q < 20; q++) {
        float vector[DIM];
        uint32_t seed = 900 + q;
        for (uint32_t i = 0; i < DIM; i++) {
            vector[i] = next_number(&seed);
        }
        hb_vector_query query = { .view = view, .vector = vector, .metric = metric, .k = K };
        CHECK_INT(hb_vector_search(&query, truth), K);
        query.k = most;
        const uint32_t count = hb_codes_search(codes, &query, scratch, hits);
        CHECK_INT(count, most);
        for (uint32_t t = 0; t < K; t++) {
            for (uint32_t i = 0; i < count; i++) {
                found += hits[i].slot == truth[t].slot ? 1 : 0;
            }
        }
    }
    return found;
}

static void the_best_are_among_few_by_code(void) {
    static const hb_metric metrics[] = { HB_METRIC_COSINE, HB_METRIC_L2, HB_METRIC_DOT };
    const hb_vector_view view = rows_make(1);
    hb_codes codes;
    hb_codes_init(&codes, hb_mem_default(), false, DIM);
    CHECK(hb_codes_follow(&codes, &view, ROWS));
    CHECK_INT(codes.count, ROWS);
    CHECK_INT(hb_codes_bytes(&codes), ROWS * (48u + sizeof(float)));
    for (uint32_t m = 0; m < 3; m++) {
        CHECK(agreement(&codes, view, metrics[m], 40) >= 198);
    }
    hb_codes_free(&codes);
    hb_codes_init(&codes, hb_mem_default(), true, DIM);
    CHECK(hb_codes_follow(&codes, &view, ROWS));
    CHECK_INT(hb_codes_bytes(&codes), ROWS * 16u);
    CHECK(agreement(&codes, view, HB_METRIC_COSINE, 200) >= 180);
    hb_codes_free(&codes);
}

static void codes_follow_what_changes(void) {
    hb_vector_view view = rows_make(2);
    uint8_t scratch[DIM + 16];
    hb_hit hits[3];
    const uint32_t slots[] = { 5, 599, 7 };
    hb_codes codes;
    hb_codes_init(&codes, hb_mem_default(), false, DIM);
    state[9] = HB_CELL_NULL;
    view.count = 500;
    hb_codes_changed(&codes, &view, 3);                             /* nothing there yet */
    CHECK(hb_codes_follow(&codes, &view, 500));
    view.count = ROWS;
    CHECK(hb_codes_follow(&codes, &view, ROWS));
    memcpy(matrix + 5 * DIM, matrix + 7 * DIM, DIM * sizeof *matrix);
    memset(matrix + 11 * DIM, 0, DIM * sizeof *matrix);
    norms[5] = norms[7];
    norms[11] = 0.0;
    hb_codes_changed(&codes, &view, 5);
    hb_codes_changed(&codes, &view, 11);
    hb_vector_query query = { .view = view, .vector = matrix + 7 * DIM,
                              .metric = HB_METRIC_COSINE, .k = 3 };
    CHECK_INT(hb_codes_search(&codes, &query, scratch, hits), 3);
    CHECK_INT(hits[0].slot, 5);
    CHECK_INT(hits[1].slot, 7);
    CHECK_DOUBLE(hits[0].score, hits[1].score);
    query.slots = slots;
    query.slot_count = 2;
    CHECK_INT(hb_codes_search(&codes, &query, scratch, hits), 2);
    CHECK_INT(hits[1].slot, 599);
    hb_codes_free(&codes);
}

/* ctx: how many allocations succeed. */
static void *few_alloc(void *ctx, size_t size) {
    uint32_t *left = ctx;
    if (*left == 0) return NULL;
    --*left;
    return malloc(size);
}

static void *few_realloc(void *ctx, void *ptr, size_t old_size, size_t size) {
    (void)old_size;
    uint32_t *left = ctx;
    if (*left == 0) return NULL;
    --*left;
    return realloc(ptr, size);
}

static void heap_free(void *ctx, void *ptr, size_t size) {
    (void)ctx;
    (void)size;
    free(ptr);
}

static void without_memory_codes_stay_as_they_were(void) {
    const hb_vector_view view = rows_make(3);
    uint32_t left = 0;
    const hb_mem mem = { few_alloc, few_realloc, heap_free, &left };
    hb_codes codes;
    hb_codes_init(&codes, &mem, false, DIM);
    for (uint32_t allowed = 0; allowed < 2; allowed++) {
        left = allowed;
        CHECK(!hb_codes_follow(&codes, &view, ROWS));
        CHECK_INT(codes.count, 0);
        CHECK_INT(hb_codes_bytes(&codes), 0);
    }
    left = 2;
    CHECK(hb_codes_follow(&codes, &view, ROWS));
    hb_codes_free(&codes);
    hb_codes_free(&codes);
}

TEST_SUITE {
    TEST(the_kernel_equals_its_plain_twin);
    TEST(the_best_are_among_few_by_code);
    TEST(codes_follow_what_changes);
    TEST(without_memory_codes_stay_as_they_were);
}
