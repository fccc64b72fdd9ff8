// SPDX-License-Identifier: MIT
/* near by the index that a field declares. It is made at the first question for which it pays and
 * kept by writes; where it does not pay, or memory runs out, the answer is the exact one. */
#include "backends/inmem/scan.h"

#include "index/hnsw.h"

/* Rows that an exact scan looks at in the time in which the graph follows one more slot. */
#define SCAN_ROWS_PER_EF   16u
/* Codes pay where they leave out that many times the rows that they find. */
#define SCAN_ROWS_PER_CODE 2u
/* Rows that codes are to find before the k best of them are the best of all, nearly. */
#define INT8_EF            64u
#define INT8_EF_PER_K      4u
#define BINARY_EF          512u
#define BINARY_EF_PER_K    20u

static uint32_t either(uint32_t given, uint32_t otherwise) {
    return given != 0 ? given : otherwise;
}

hb_vector_view inmem_vector_view(inmem_store *store, inmem_field *field, bool norms) {
    const hb_colbuf *column = &field->column;
    return (hb_vector_view){ .base = (const float *)(const void *)column->data,
                             .stride = column->dim,
                             .dim = column->dim,
                             .count = store->slot_count,
                             .state = column->state,
                             .norms = norms ? inmem_norms(store, field) : NULL,
                             .pieces = column->pieces.shift > 0 ? &column->pieces : NULL };
}

static hb_vector_view graph_view(inmem_store *store, inmem_field *field) {
    return inmem_vector_view(store, field, field->hint.metric == HB_METRIC_COSINE);
}

void inmem_near_added(inmem_store *store, inmem_field *field, uint32_t slot) {
    if ((field->graph == NULL && slot >= field->codes.count) ||
        field->column.state[slot] != HB_CELL_VALUE) {
        return;
    }
    hb_vector_view view = graph_view(store, field);
    hb_codes_changed(&field->codes, &view, slot);
    if (field->graph == NULL) {
        return;
    }
    if (!hb_hnsw_put(field->graph, &view, slot)) {
        hb_hnsw_free(field->graph);
        field->graph = NULL;
    }
}

void inmem_near_removed(inmem_store *store, inmem_field *field, uint32_t slot) {
    if (field->graph != NULL) {
        hb_vector_view view = graph_view(store, field);
        hb_hnsw_remove(field->graph, &view, slot);
    }
}

static bool graph_ready(inmem_store *store, inmem_field *field) {
    const hb_vector_hint *hint = &field->hint;
    if (field->graph != NULL) {
        return true;
    }
    field->graph = hb_hnsw_new(store->mem, (hb_metric)hint->metric, either(hint->m, HB_HNSW_M),
                               either(hint->ef_build, HB_HNSW_EF_BUILD));
    for (uint32_t slot = 0; slot < store->slot_count && field->graph != NULL; slot++) {
        if (store->state[slot] == INMEM_LIVE) {
            inmem_near_added(store, field, slot);
        }
    }
    return field->graph != NULL;
}

/* Keeps those of the slots that passed. */
static bool keep_passing(inmem_scan *scan, const inmem_rows *passing, uint32_t *slots,
                         uint32_t *count) {
    uint32_t bit_count = scan->store->slot_count;
    const uint64_t *bits = hb_bits_of(scan->arena, passing->slots, passing->count, bit_count);
    if (bits == NULL) {
        return false;
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < *count; i++) {
        slots[kept] = slots[i];
        kept += hb_bit_has(bits, bit_count, slots[i]) ? 1 : 0;
    }
    *count = kept;
    return true;
}

/* By the graph: query->slots are then the rows in view. */
static bool near_by_graph(inmem_scan *scan, inmem_field *field, const inmem_rows *passing,
                          uint64_t ef, hb_vector_query *query) {
    inmem_store *store = scan->store;
    uint64_t rows = passing != NULL ? passing->count : store->live_count;
    /* Of ef rows as many pass as of all: so many more are to be found. */
    if (passing != NULL) {
        ef += ef * store->live_count / rows;
    }
    if (ef * SCAN_ROWS_PER_EF >= rows || !graph_ready(store, field)) {
        return false;
    }
    uint32_t *slots = hb_arena_array(scan->arena, (size_t)ef, sizeof(uint32_t));
    query->slots = slots;
    return slots != NULL &&
           hb_hnsw_find(field->graph, &query->view, query->vector, (uint32_t)ef, slots,
                        &query->slot_count) &&
           (passing == NULL || keep_passing(scan, passing, slots, &query->slot_count));
}

/* By the codes of the rows that pass, which are to be known. */
static bool near_by_codes(inmem_scan *scan, inmem_field *field, const inmem_rows *passing,
                          uint64_t ef, hb_vector_query *query) {
    inmem_store *store = scan->store;
    bool all = passing == NULL;
    if ((all && store->live_count != store->slot_count) ||
        ef * SCAN_ROWS_PER_CODE >= (all ? store->live_count : passing->count)) {
        return false;
    }
    if (field->codes.mem == NULL) {
        hb_codes_init(&field->codes, store->mem, field->hint.kind == HB_VECTOR_BINARY,
                      field->column.dim);
    }
    hb_vector_query rough = *query;
    rough.k = (uint32_t)ef;
    rough.slots = all ? NULL : passing->slots;
    rough.slot_count = all ? 0 : passing->count;
    if (query->metric == HB_METRIC_L2) {
        rough.view.norms = inmem_norms(store, field);
    }
    uint8_t *scratch = hb_arena_alloc(scan->arena, field->codes.stride);
    hb_hit *hits = hb_arena_array(scan->arena, (size_t)ef, sizeof(hb_hit));
    uint32_t *slots = hb_arena_array(scan->arena, (size_t)ef, sizeof(uint32_t));
    if (scratch == NULL || hits == NULL || slots == NULL ||
        !hb_codes_follow(&field->codes, &rough.view, store->slot_cap)) {
        return false;
    }
    query->slot_count = hb_codes_search(&field->codes, &rough, scratch, hits);
    for (uint32_t i = 0; i < query->slot_count; i++) {
        slots[i] = hits[i].slot;
    }
    query->slots = slots;
    scan->job->rows_examined += all ? store->live_count : 0;
    return true;
}

static uint64_t rows_in_view(const hb_near *near, const hb_vector_hint *hint, uint32_t k) {
    uint64_t least = hint->kind == HB_VECTOR_HNSW   ? HB_HNSW_EF
                   : hint->kind == HB_VECTOR_BINARY ? BINARY_EF
                                                    : INT8_EF;
    uint64_t times = hint->kind == HB_VECTOR_HNSW   ? 1
                   : hint->kind == HB_VECTOR_BINARY ? BINARY_EF_PER_K
                                                    : INT8_EF_PER_K;
    uint32_t given = either(near->ef, hint->ef);
    uint64_t ef = given != 0 ? given : least > times * k ? least : times * k;
    return ef > k ? ef : k;
}

bool inmem_near_approx(inmem_scan *scan, inmem_field *field, const inmem_rows *passing,
                       hb_vector_query query, hb_hit *hits, uint32_t *hit_count) {
    const char *why;
    const hb_near *near = scan->fragment->near;
    hb_vector_index_kind kind = hb_near_index(scan->fragment->container->schema, near, &why);
    if (kind == HB_VECTOR_EXACT) {
        return false;
    }
    uint64_t ef = rows_in_view(near, &field->hint, query.k);
    bool found = kind == HB_VECTOR_HNSW ? near_by_graph(scan, field, passing, ef, &query)
                                        : near_by_codes(scan, field, passing, ef, &query);
    if (!found) {
        return false;
    }
    *hit_count = hb_vector_search(&query, hits);
    scan->job->rows_examined += query.slot_count;
    uint64_t possible = passing != NULL         ? passing->count
                      : kind == HB_VECTOR_HNSW ? hb_hnsw_count(field->graph)
                                               : query.slot_count;
    return *hit_count >= (query.k < possible ? query.k : possible);
}
