// SPDX-License-Identifier: MIT
/* Ordering of rows by keys: nulls last in both directions, stable, ties by object_id. */
#ifndef HB_EVAL_SORT_H
#define HB_EVAL_SORT_H

#include "query/ir.h"

typedef struct hb_sort_key {
    const hb_column *column;        /* any kind; PACK: a Json path is taken out of it */
    const hb_str *path;
    uint32_t path_len;
    bool desc;
} hb_sort_key;

/* Sorts `rows` (row numbers into the columns) by the keys, then by `tie` ascending (TEXT column,
 * may
 * be NULL). When limit < count only the first `limit` need be in order (bounded heap); the count
 * kept is written to *kept. Values of different JSON kinds under a path are HB_E_QUERY. */
hb_status hb_sort_rows(const hb_sort_key *keys, uint32_t key_count, const hb_column *tie,
                       uint32_t *rows, uint32_t count, uint64_t limit, uint32_t *kept,
                       hb_arena *scratch, hb_err *err);

#endif
