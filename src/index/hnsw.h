// SPDX-License-Identifier: MIT
/* Approximate nearest vectors: a hierarchical navigable small world (Malkov, Yashunin 2016) over
 * anybody's matrix. It holds links between slots and no vectors; the caller lends the same matrix
 * to every call. What a search finds is scored anew by the exact arithmetic of vector_index.h.
 *
 * The level of a slot is a function of its number, so the same writes give the same graph, and all
 * of its memory follows the highest slot: taking vectors out and putting others in grows nothing.
 * A removed slot is unlinked at once from those that it links to; where it is linked from one side
 * only, whoever meets the link drops it. */
#ifndef HB_INDEX_HNSW_H
#define HB_INDEX_HNSW_H

#include "base/limits.h"
#include "index/vector_index.h"

#define HB_HNSW_M_MIN HB_EF_M_MIN
#define HB_HNSW_M_MAX HB_EF_M_MAX
#define HB_HNSW_M 16u                   /* links of a slot on the upper levels; twice below */
#define HB_HNSW_EF_BUILD 128u
#define HB_HNSW_EF 64u

typedef struct hb_hnsw hb_hnsw;

/* Borrows `mem`; m in [HB_HNSW_M_MIN, HB_HNSW_M_MAX], ef_build > 0. NULL when
 * out of memory. */
hb_hnsw *hb_hnsw_new(const hb_mem *mem, hb_metric metric, uint32_t m, uint32_t ef_build);
void hb_hnsw_free(hb_hnsw *graph);
/* Links the vector of a slot that is not in the graph. False: out of memory, nothing changed. */
bool hb_hnsw_put(hb_hnsw *graph, const hb_vector_view *view, uint32_t slot);
/* Before the vector of the slot changes or goes. A slot that is not there is no error. */
void hb_hnsw_remove(hb_hnsw *graph, const hb_vector_view *view, uint32_t slot);
uint32_t hb_hnsw_count(const hb_hnsw *graph);           /* slots in it */
size_t hb_hnsw_bytes(const hb_hnsw *graph);
/* The `ef` nearest slots or so (fewer when fewer can be reached), in slots[*count]: room for `ef`,
 * no order promised. query->k, allowed and slots are not looked at. False: out of memory. */
bool hb_hnsw_find(hb_hnsw *graph, const hb_vector_view *view, const float *vector, uint32_t ef,
                  uint32_t *slots, uint32_t *count);

#endif
