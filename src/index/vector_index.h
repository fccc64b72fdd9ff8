// SPDX-License-Identifier: MIT
/* Exact nearest vectors over a flat float32 matrix: a search over anybody's matrix
 * (hb_vector_view), and an index that owns one.
 *
 * Scores are higher-is-better: cosine, dot product, minus the Euclidean distance. A zero vector has
 * cosine 0 with everything. Sums are made in 16 float32 lanes, in double below HB_VECTOR_EXACT_DIM
 * dimensions and where float32 would overflow or vanish; the SIMD kernels and their scalar twins
 * add in the same order, so every build gives the same bits. */
#ifndef HB_INDEX_VECTOR_INDEX_H
#define HB_INDEX_VECTOR_INDEX_H

#include "base/err.h"
#include "base/mem.h"
#include "index/top_k.h"
#include "query/ir.h"

#define HB_VECTOR_EXACT_DIM 16u

/* Rows of a matrix, borrowed. */
typedef struct hb_vector_view {
    const float *base;
    uint32_t stride;            /* floats from one row to the next; >= dim */
    uint32_t dim;
    uint32_t count;             /* rows */
    const uint8_t *state;       /* hb_cell per row: only HB_CELL_VALUE takes part; NULL: all do */
    const double *norms;        /* hb_vector_norm of each row; NULL: computed where needed */
    const hb_pieces *pieces;    /* not NULL: the rows are here, each of `dim` floats, not at base */
} hb_vector_view;

static inline const float *hb_vector_row(const hb_vector_view *view, uint32_t slot) {
    const hb_pieces *pieces = view->pieces;
    if (pieces == NULL) return view->base + (size_t)slot * view->stride;
    const uint32_t in_piece = slot & ((1u << pieces->shift) - 1);
    return (const float *)(const void *)pieces->at[slot >> pieces->shift] +
           (size_t)in_piece * view->dim;
}

typedef hb_hit hb_vector_hit;

typedef struct hb_vector_query {
    hb_vector_view view;
    const float *vector;            /* view.dim finite numbers */
    hb_metric metric;
    uint32_t k;                     /* UINT32_MAX: all */
    const uint64_t *allowed;        /* one bit per row, before k is taken; NULL: all rows */
    uint32_t allowed_count;         /* bits in it; rows beyond are not allowed */
    const uint32_t *slots;          /* instead of `allowed`: rows to look at, each once; or NULL */
    uint32_t slot_count;
    hb_tie_fn tie;                  /* order of equal scores; NULL: by slot */
    void *tie_ctx;
} hb_vector_query;

/* Best first. `hits` has room for min(k, rows looked at). Allocates nothing and cannot fail. */
uint32_t hb_vector_search(const hb_vector_query *query, hb_vector_hit *hits);

double hb_vector_norm(const float *vector, uint32_t dim);
/* One pair, by the same arithmetic as the search. */
double hb_vector_score(hb_metric metric, const float *a, const float *b, uint32_t dim);

/* The kernels: sums in 16 float32 lanes, for dim >= HB_VECTOR_EXACT_DIM. The plain twins exist in
 * every build so that tests can prove them equal. */
double hb_vector_dot(const float *a, const float *b, uint32_t dim);
double hb_vector_dot_plain(const float *a, const float *b, uint32_t dim);
double hb_vector_l2_squared(const float *a, const float *b, uint32_t dim);
double hb_vector_l2_squared_plain(const float *a, const float *b, uint32_t dim);

/* An owner: one vector per slot, norms kept. */
typedef struct hb_vector_index hb_vector_index;

/* Borrows `mem`; dim >= 1. NULL when out of memory. */
hb_vector_index *hb_vector_index_new(const hb_mem *mem, uint32_t dim);
void hb_vector_index_free(hb_vector_index *index);
/* Copies dim numbers. On failure the slot keeps what it had. Memory follows the highest slot. */
hb_status hb_vector_index_put(hb_vector_index *index, uint32_t slot, const float *vector,
                              hb_err *err);
void hb_vector_index_remove(hb_vector_index *index, uint32_t slot);
void hb_vector_index_clear(hb_vector_index *index);
uint32_t hb_vector_index_count(const hb_vector_index *index);           /* vectors in it */
size_t hb_vector_index_bytes(const hb_vector_index *index);
/* Borrowed until the next put, remove or clear. */
hb_vector_view hb_vector_index_view(const hb_vector_index *index);
/* The vector of a slot, or NULL. */
const float *hb_vector_index_get(const hb_vector_index *index, uint32_t slot);

#endif
