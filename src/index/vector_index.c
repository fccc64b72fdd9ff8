// SPDX-License-Identifier: MIT
#include "index/vector_index.h"

#include <math.h>

#include "value/value.h"

#define SLOTS_FIRST 64u
/* Products of norms between which a float32 sum neither overflows nor loses what counts. */
#define SAFE_LEAST 1e-20
#define SAFE_MOST 1e37

/* ---- one pair -------------------------------------------------------------------------------- */

static double dot_exact(const float *a, const float *b, uint32_t dim) {
    double sum = 0;
    for (uint32_t i = 0; i < dim; i++) {
        sum += (double)a[i] * (double)b[i];
    }
    return sum;
}

static double l2_squared_exact(const float *a, const float *b, uint32_t dim) {
    double sum = 0;
    for (uint32_t i = 0; i < dim; i++) {
        const double d = (double)a[i] - (double)b[i];
        sum += d * d;
    }
    return sum;
}

double hb_vector_norm(const float *vector, uint32_t dim) {
    return sqrt(dot_exact(vector, vector, dim));
}

static double cosine(const float *a, const float *b, uint32_t dim, double norms) {
    if (norms == 0.0) return 0.0;
    const bool exact = dim < HB_VECTOR_EXACT_DIM || norms < SAFE_LEAST || norms > SAFE_MOST;
    const double dot = exact ? dot_exact(a, b, dim) : hb_vector_dot(a, b, dim);
    return dot / norms;
}

static double dot_score(const float *a, const float *b, uint32_t dim) {
    if (dim < HB_VECTOR_EXACT_DIM) return dot_exact(a, b, dim);
    const double dot = hb_vector_dot(a, b, dim);
    return isfinite(dot) ? dot : dot_exact(a, b, dim);
}

static double l2_score(const float *a, const float *b, uint32_t dim) {
    if (dim < HB_VECTOR_EXACT_DIM) return -sqrt(l2_squared_exact(a, b, dim));
    const double sum = hb_vector_l2_squared(a, b, dim);
    return -sqrt(isfinite(sum) ? sum : l2_squared_exact(a, b, dim));
}

double hb_vector_score(hb_metric metric, const float *a, const float *b, uint32_t dim) {
    switch (metric) {
    case HB_METRIC_COSINE:
        return cosine(a, b, dim, hb_vector_norm(a, dim) * hb_vector_norm(b, dim));
    case HB_METRIC_L2: return l2_score(a, b, dim);
    case HB_METRIC_DOT: return dot_score(a, b, dim);
    }
    return 0.0;
}

/* ---- search ---------------------------------------------------------------------------------- */

typedef struct scan {
    const hb_vector_query *query;
    double norm;            /* of the query vector; COSINE only */
    hb_top_k top;
} scan;

static void look_at(scan *s, uint32_t slot) {
    const hb_vector_query *query = s->query;
    const hb_vector_view *view = &query->view;
    if (view->state != NULL && view->state[slot] != HB_CELL_VALUE) return;
    const float *row = hb_vector_row(view, slot);
    double score = 0.0;
    switch (query->metric) {
    case HB_METRIC_COSINE: {
        const double norm =
            view->norms != NULL ? view->norms[slot] : hb_vector_norm(row, view->dim);
        score = cosine(query->vector, row, view->dim, norm * s->norm);
        break;
    }
    case HB_METRIC_L2: score = l2_score(query->vector, row, view->dim); break;
    case HB_METRIC_DOT: score = dot_score(query->vector, row, view->dim); break;
    }
    if (hb_top_k_wants(&s->top, score)) hb_top_k_add(&s->top, slot, score);
}

static uint32_t lowest_bit(uint64_t bits) {
#if defined(__GNUC__)
    return (uint32_t)__builtin_ctzll(bits);
#else
    uint32_t at = 0;
    while ((bits >> at & 1u) == 0) {
        at++;
    }
    return at;
#endif
}

static void look_at_bits(scan *s, const uint64_t *bits, uint32_t bit_count) {
    for (uint32_t word = 0; word < hb_bits_words(bit_count); word++) {
        for (uint64_t left = bits[word]; left != 0; left &= left - 1) {
            const uint32_t slot = word * 64u + lowest_bit(left);
            if (slot >= bit_count) return;
            look_at(s, slot);
        }
    }
}

uint32_t hb_vector_search(const hb_vector_query *query, hb_vector_hit *hits) {
    const hb_vector_view *view = &query->view;
    scan s = { .query = query };
    s.top = (hb_top_k){ .hits = hits, .k = query->k, .tie = query->tie,
                        .tie_ctx = query->tie_ctx };
    if (query->metric == HB_METRIC_COSINE) s.norm = hb_vector_norm(query->vector, view->dim);
    if (query->slots != NULL) {
        for (uint32_t i = 0; i < query->slot_count; i++) {
            if (query->slots[i] < view->count) look_at(&s, query->slots[i]);
        }
    } else if (query->allowed != NULL) {
        const uint32_t count =
            query->allowed_count < view->count ? query->allowed_count : view->count;
        look_at_bits(&s, query->allowed, count);
    } else {
        for (uint32_t slot = 0; slot < view->count; slot++) {
            look_at(&s, slot);
        }
    }
    hb_top_k_sort(&s.top);
    return s.top.count;
}

/* ---- the owner ------------------------------------------------------------------------------- */

struct hb_vector_index {
    const hb_mem *mem;
    uint32_t dim;
    uint32_t slot_count, slot_cap;
    uint32_t count;         /* slots with a vector */
    float *base;
    double *norms;
    uint8_t *state;         /* hb_cell */
};

hb_vector_index *hb_vector_index_new(const hb_mem *mem, uint32_t dim) {
    HB_ASSERT(dim > 0);
    hb_vector_index *index = hb_mem_zalloc(mem, sizeof(*index));
    if (index == NULL) return NULL;
    index->mem = mem;
    index->dim = dim;
    return index;
}

void hb_vector_index_clear(hb_vector_index *index) {
    const size_t cap = index->slot_cap;
    hb_mem_free(index->mem, index->base, cap * index->dim * sizeof(*index->base));
    hb_mem_free(index->mem, index->norms, cap * sizeof(*index->norms));
    hb_mem_free(index->mem, index->state, cap * sizeof(*index->state));
    *index = (hb_vector_index){ .mem = index->mem, .dim = index->dim };
}

void hb_vector_index_free(hb_vector_index *index) {
    if (index == NULL) return;
    hb_vector_index_clear(index);
    hb_mem_free(index->mem, index, sizeof(*index));
}

/* Grows the three arrays to `cap` slots, or leaves all of them as they were. */
static bool grow(hb_vector_index *index, uint32_t cap) {
    const size_t row = index->dim * sizeof(*index->base);
    const size_t old = index->slot_cap;
    if (cap > SIZE_MAX / row) return false;
    double *norms = hb_mem_alloc(index->mem, cap * sizeof(*norms));
    uint8_t *state = hb_mem_zalloc(index->mem, cap);
    float *base = norms != NULL && state != NULL
                      ? hb_mem_realloc(index->mem, index->base, old * row, cap * row)
                      : NULL;
    if (base == NULL) {
        hb_mem_free(index->mem, norms, cap * sizeof(*norms));
        hb_mem_free(index->mem, state, cap);
        return false;
    }
    if (old > 0) {
        memcpy(norms, index->norms, old * sizeof(*norms));
        memcpy(state, index->state, old);
    }
    hb_mem_free(index->mem, index->norms, old * sizeof(*norms));
    hb_mem_free(index->mem, index->state, old);
    index->base = base;
    index->norms = norms;
    index->state = state;
    index->slot_cap = cap;
    return true;
}

hb_status hb_vector_index_put(hb_vector_index *index, uint32_t slot, const float *vector,
                              hb_err *err) {
    if (slot >= index->slot_cap) {
        uint64_t cap = (uint64_t)index->slot_cap + index->slot_cap / 2;
        if (cap < SLOTS_FIRST) cap = SLOTS_FIRST;
        if (cap <= slot) cap = (uint64_t)slot + 1;
        if (cap >= UINT32_MAX || !grow(index, (uint32_t)cap)) return hb_err_memory(err);
    }
    for (; index->slot_count <= slot; index->slot_count++) {
        memset(index->base + (size_t)index->slot_count * index->dim, 0,
               index->dim * sizeof(*index->base));
        index->norms[index->slot_count] = 0.0;
        index->state[index->slot_count] = HB_CELL_ABSENT;
    }
    if (index->state[slot] != HB_CELL_VALUE) index->count++;
    memcpy(index->base + (size_t)slot * index->dim, vector, index->dim * sizeof(*vector));
    index->norms[slot] = hb_vector_norm(vector, index->dim);
    index->state[slot] = HB_CELL_VALUE;
    return HB_OK;
}

void hb_vector_index_remove(hb_vector_index *index, uint32_t slot) {
    if (slot >= index->slot_count || index->state[slot] != HB_CELL_VALUE) return;
    index->state[slot] = HB_CELL_ABSENT;
    index->count--;
}

uint32_t hb_vector_index_count(const hb_vector_index *index) {
    return index->count;
}

size_t hb_vector_index_bytes(const hb_vector_index *index) {
    const size_t slot = index->dim * sizeof(*index->base) + sizeof(*index->norms) + 1;
    return sizeof(*index) + index->slot_cap * slot;
}

hb_vector_view hb_vector_index_view(const hb_vector_index *index) {
    return (hb_vector_view){ .base = index->base, .stride = index->dim, .dim = index->dim,
                             .count = index->slot_count, .state = index->state,
                             .norms = index->norms };
}

const float *hb_vector_index_get(const hb_vector_index *index, uint32_t slot) {
    if (slot >= index->slot_count || index->state[slot] != HB_CELL_VALUE) return NULL;
    return index->base + (size_t)slot * index->dim;
}
