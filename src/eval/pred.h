// SPDX-License-Identifier: MIT
/* The evaluator: what every operator means. A predicate is compiled once per query and run over
 * column views in chunks; every backend that scans uses it, and so does the residual filter. */
#ifndef HB_EVAL_PRED_H
#define HB_EVAL_PRED_H

#include "query/ir.h"

typedef struct hb_pred hb_pred;

/* Compiles `expr` (patterns, IN sets). Borrows expr and schema, which must outlive it. */
hb_status hb_pred_new(const hb_schema *schema, const hb_expr *expr, const hb_mem *mem,
                      hb_pred **out, hb_err *err);
void hb_pred_free(hb_pred *pred);

/* Evaluates rows rows[0..count) (NULL: base, base+1, ...), count <= HB_EVAL_CHUNK.
 * `columns` is indexed by schema field; NULL entries are columns of nulls. mask[i] in: 1 = look at
 * row i; out: 1 = it matches. Leaves are evaluated only for rows that can still matter. */
hb_status hb_pred_eval(hb_pred *pred, const hb_column *const *columns, const uint32_t *rows,
                       uint32_t base, uint32_t count, uint8_t *mask, hb_err *err);

/* One leaf (by leaf_index) on one value, for engines that call back: *out 0 or 1. */
hb_status hb_pred_test(hb_pred *pred, uint32_t leaf_index, const hb_value *value, bool *out,
                       hb_err *err);

#endif
