// SPDX-License-Identifier: MIT
/* Short codes beside a float matrix: a scan over them finds the rows that are worth an exact look.
 * INT8 holds each number as a part of the largest of its row in 127 steps; BINARY its sign alone,
 * and ranks by how many signs agree. It computes integers, so every build finds the same. */
#ifndef HB_INDEX_CODES_H
#define HB_INDEX_CODES_H

#include "index/vector_index.h"
#include "value/schema.h"

typedef struct hb_codes {
    const hb_mem *mem;          /* NULL: none */
    bool binary;
    uint32_t stride;            /* bytes of a row, a multiple of 16 */
    uint8_t *bytes;
    float *scales;              /* INT8: by slot, the worth of a step */
    uint32_t count, cap;        /* slots that have codes; that there is room for */
} hb_codes;

void hb_codes_init(hb_codes *codes, const hb_mem *mem, bool binary, uint32_t dim);
void hb_codes_free(hb_codes *codes);
/* Codes for all rows of the view that have none yet, with room for `cap` >= view->count. False: out
 * of memory; what was there stays. */
bool hb_codes_follow(hb_codes *codes, const hb_vector_view *view, uint32_t cap);
/* The vector of a slot is another one: a slot beyond `count` waits for hb_codes_follow. */
void hb_codes_changed(hb_codes *codes, const hb_vector_view *view, uint32_t slot);
size_t hb_codes_bytes(const hb_codes *codes);
/* The rows that seem best, `query->k` at most, best first; of query->slots, or of all rows of the
 * view. Their scores are good for nothing else. COSINE and L2 want view.norms. `scratch` has room
 * for codes->stride bytes, `hits` for min(k, rows). */
uint32_t hb_codes_search(const hb_codes *codes, const hb_vector_query *query, uint8_t *scratch,
                         hb_hit *hits);

/* The kernels: `count` is a multiple of 16. The plain twin is in every build for the tests. */
int32_t hb_codes_dot(const int8_t *a, const int8_t *b, uint32_t count);
int32_t hb_codes_dot_plain(const int8_t *a, const int8_t *b, uint32_t count);

#endif
