// SPDX-License-Identifier: MIT
#include "tests/unit/test.h"

#include <stdlib.h>

#include "index/hnsw.h"
#include "value/value.h"

#define ROWS     1200u
#define DIM      24u
#define CLUSTERS 12u
#define K        10u
#define QUERIES  40u

static float matrix[ROWS * DIM];
static uint8_t state[ROWS];

static float next_number(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return (float)((int32_t)(*seed >> 8) % 2001 - 1000) / 1000.0f;
}

/* Near one of the centres, which every seed shares. */
static void clustered(float *vector, uint32_t *seed) {
    uint32_t centre = 1000u + (*seed >> 10) % CLUSTERS;
    for (uint32_t i = 0; i < DIM; i++) {
        vector[i] = 2.0f * next_number(&centre) + 0.6f * next_number(seed);
    }
}

static hb_vector_view rows_view(void) {
    return (hb_vector_view){ matrix, DIM, DIM, ROWS, state, NULL, NULL };
}

static void rows_make(uint32_t seed) {
    for (uint32_t slot = 0; slot < ROWS; slot++) {
        clustered(matrix + slot * DIM, &seed);
        state[slot] = HB_CELL_VALUE;
    }
}

static hb_hnsw *graph_make(hb_metric metric) {
    const hb_vector_view view = rows_view();
    hb_hnsw *graph = hb_hnsw_new(hb_mem_default(), metric, HB_HNSW_M, HB_HNSW_EF_BUILD);
    for (uint32_t slot = 0; slot < ROWS; slot++) {
        if (state[slot] == HB_CELL_VALUE) CHECK(hb_hnsw_put(graph, &view, slot));
    }
    return graph;
}

/* Of all the ten nearest, how many in a hundred are found. */
static uint32_t recall(hb_hnsw *graph, hb_metric metric, uint32_t ef) {
    const hb_vector_view view = rows_view();
    uint32_t seed = 4242, found = 0, possible = 0;
    for (uint32_t q = 0; q < QUERIES; q++) {
        float vector[DIM];
        uint32_t slots[ROWS];
        hb_hit truth[K], hits[K];
        clustered(vector, &seed);
        hb_vector_query query = { .view = view, .vector = vector, .metric = metric, .k = K };
        const uint32_t count = hb_vector_search(&query, truth);
        CHECK(hb_hnsw_find(graph, &view, vector, ef, slots, &query.slot_count));
        CHECK(query.slot_count <= ef);
        query.slots = slots;
        const uint32_t hit_count = hb_vector_search(&query, hits);
        for (uint32_t i = 0; i < hit_count; i++) {
            for (uint32_t t = 0; t < count; t++) {
                if (hits[i].slot == truth[t].slot) {
                    CHECK_DOUBLE(hits[i].score, truth[t].score);
                    found++;
                }
            }
        }
        possible += count;
    }
    return possible == 0 ? 100 : found * 100 / possible;
}

static void nearly_all_of_the_nearest_are_found(void) {
    static const hb_metric metrics[] = { HB_METRIC_COSINE, HB_METRIC_L2 };
    rows_make(1);
    for (uint32_t m = 0; m < 2; m++) {
        hb_hnsw *graph = graph_make(metrics[m]);
        CHECK_INT(hb_hnsw_count(graph), ROWS);
        CHECK(recall(graph, metrics[m], 64) >= 97);
        CHECK(recall(graph, metrics[m], ROWS) >= 99);
        hb_hnsw_free(graph);
    }
}

static void the_same_writes_make_the_same_graph(void) {
    rows_make(2);
    const hb_vector_view view = rows_view();
    hb_hnsw *one = graph_make(HB_METRIC_COSINE), *other = graph_make(HB_METRIC_COSINE);
    uint32_t a[32], b[32], a_count, b_count;
    for (uint32_t slot = 0; slot < ROWS; slot += 97) {
        CHECK(hb_hnsw_find(one, &view, matrix + slot * DIM, 32, a, &a_count));
        CHECK(hb_hnsw_find(other, &view, matrix + slot * DIM, 32, b, &b_count));
        CHECK_INT(a_count, 32);
        CHECK_BYTES(a, a_count * sizeof *a, b, b_count * sizeof *b);
        CHECK_INT(a[0], slot);
    }
    hb_hnsw_free(one);
    hb_hnsw_free(other);
}

/* Each slot is taken out and comes back as another vector, several times over. */
static void changes_cost_neither_recall_nor_memory(void) {
    rows_make(3);
    const hb_vector_view view = rows_view();
    hb_hnsw *graph = graph_make(HB_METRIC_COSINE);
    const size_t bytes = hb_hnsw_bytes(graph);
    uint32_t seed = 99;
    for (uint32_t i = 0; i < 4 * ROWS; i++) {
        const uint32_t slot = (i * 7919u) % ROWS;
        hb_hnsw_remove(graph, &view, slot);
        CHECK_INT(hb_hnsw_count(graph), ROWS - 1);
        clustered(matrix + slot * DIM, &seed);
        CHECK(hb_hnsw_put(graph, &view, slot));
    }
    CHECK_INT(hb_hnsw_bytes(graph), bytes);
    CHECK(recall(graph, HB_METRIC_COSINE, 64) >= 96);
    hb_hnsw_free(graph);
}

static void what_was_removed_is_not_found(void) {
    rows_make(4);
    const hb_vector_view view = rows_view();
    hb_hnsw *graph = graph_make(HB_METRIC_COSINE);
    uint32_t slots[ROWS], count, left = ROWS;
    for (uint32_t slot = 0; slot < ROWS; slot++) {
        if (slot % 8 == 3) continue;
        hb_hnsw_remove(graph, &view, slot);
        hb_hnsw_remove(graph, &view, slot);
        state[slot] = HB_CELL_NULL;
        left--;
        memset(matrix + slot * DIM, 0x7f, DIM * sizeof *matrix);    /* nobody looks at it */
    }
    CHECK_INT(hb_hnsw_count(graph), left);
    CHECK(recall(graph, HB_METRIC_COSINE, 64) >= 95);
    CHECK(hb_hnsw_find(graph, &view, matrix + 3 * DIM, ROWS, slots, &count));
    for (uint32_t i = 0; i < count; i++) {
        CHECK_INT(slots[i] % 8, 3);
    }
    for (uint32_t slot = 3; slot < ROWS; slot += 8) {
        hb_hnsw_remove(graph, &view, slot);
    }
    CHECK_INT(hb_hnsw_count(graph), 0);
    CHECK(hb_hnsw_find(graph, &view, matrix, 10, slots, &count));
    CHECK_INT(count, 0);
    rows_make(5);
    CHECK(hb_hnsw_put(graph, &view, 17));
    CHECK(hb_hnsw_find(graph, &view, matrix, 10, slots, &count));
    CHECK_INT(count, 1);
    CHECK_INT(slots[0], 17);
    hb_hnsw_free(graph);
}

static void odd_vectors_do_no_harm(void) {
    rows_make(6);
    memset(matrix, 0, 40 * DIM * sizeof *matrix);                   /* zero vectors, all alike */
    for (uint32_t i = 40 * DIM; i < 80 * DIM; i++) {
        matrix[i] = 1e30f;                                          /* products overflow */
    }
    for (uint32_t m = HB_METRIC_COSINE; m <= HB_METRIC_DOT; m++) {
        hb_hnsw *graph = graph_make((hb_metric)m);
        uint32_t slots[20], count;
        const hb_vector_view view = rows_view();
        CHECK(hb_hnsw_find(graph, &view, matrix + 500 * DIM, 20, slots, &count));
        CHECK_INT(count, 20);
        for (uint32_t slot = 0; slot < ROWS; slot += 2) {
            hb_hnsw_remove(graph, &view, slot);
        }
        CHECK_INT(hb_hnsw_count(graph), ROWS / 2);
        hb_hnsw_free(graph);
    }
}

/* ---- memory that runs out -------------------------------------------------------------------- */

typedef struct limited {
    uint32_t left;              /* allocations that succeed */
} limited;

static void *limited_alloc(void *ctx, size_t size) {
    limited *limit = ctx;
    if (limit->left == 0) return NULL;
    limit->left--;
    return malloc(size);
}

static void *limited_realloc(void *ctx, void *ptr, size_t old_size, size_t size) {
    (void)old_size;
    limited *limit = ctx;
    if (limit->left == 0) return NULL;
    limit->left--;
    return realloc(ptr, size);
}

static void limited_free(void *ctx, void *ptr, size_t size) {
    (void)ctx;
    (void)size;
    free(ptr);
}

static void without_memory_the_graph_stays_as_it_was(void) {
    rows_make(7);
    limited limit = { 0 };
    const hb_mem mem = { limited_alloc, limited_realloc, limited_free, &limit };
    hb_vector_view view = rows_view();
    CHECK(hb_hnsw_new(&mem, HB_METRIC_COSINE, 8, 32) == NULL);
    limit.left = 1;
    hb_hnsw *graph = hb_hnsw_new(&mem, HB_METRIC_COSINE, 8, 32);
    uint32_t failures = 0, slots[64], count;
    for (uint32_t slot = 0; slot < ROWS; slot++) {
        view.count = slot + 1;                                      /* it grows step by step */
        limit.left = 0;
        if (!hb_hnsw_put(graph, &view, slot)) {
            failures++;
            CHECK_INT(hb_hnsw_count(graph), slot);
            limit.left = 1;
            (void)hb_hnsw_put(graph, &view, slot);
            limit.left = 8;
            if (hb_hnsw_count(graph) == slot) CHECK(hb_hnsw_put(graph, &view, slot));
        }
    }
    CHECK(failures > 5);
    limit.left = 0;
    CHECK(!hb_hnsw_find(graph, &view, matrix, 64, slots, &count));
    CHECK_INT(count, 0);
    CHECK(hb_hnsw_find(graph, &view, matrix, 16, slots, &count));
    CHECK_INT(count, 16);
    hb_hnsw_free(graph);
}

TEST_SUITE {
    TEST(nearly_all_of_the_nearest_are_found);
    TEST(the_same_writes_make_the_same_graph);
    TEST(changes_cost_neither_recall_nor_memory);
    TEST(what_was_removed_is_not_found);
    TEST(odd_vectors_do_no_harm);
    TEST(without_memory_the_graph_stays_as_it_was);
}
