// SPDX-License-Identifier: MIT
/* Rows between the nodes of a plan: borrowed columns, a selection, and what each column is.
 * Column 0 is object_id. Nodes pass selections on and copy cells only where they must. */
#ifndef HB_EXEC_ROWS_H
#define HB_EXEC_ROWS_H

#include "exec/task.h"
#include "query/query.h"

#define HB_COLID_SCORE        0xfffffff0u
#define HB_COLID_NEAR_SCORE   0xfffffff1u
#define HB_COLID_SEARCH_SCORE 0xfffffff2u

typedef struct hb_rows {
    const hb_column *columns;
    const uint32_t *colids;         /* schema field of each column, or HB_COLID_* */
    uint32_t column_count;
    const uint32_t *sel;            /* row numbers in order; NULL: 0..count-1 */
    uint32_t count;
} hb_rows;

static inline uint32_t hb_rows_at(const hb_rows *rows, uint32_t i) {
    return rows->sel != NULL ? rows->sel[i] : i;
}
static inline hb_str hb_rows_id(const hb_rows *rows, uint32_t i) {
    return hb_column_span(&rows->columns[0], hb_rows_at(rows, i));
}
/* Position of a column by id, or -1. */
int hb_rows_find(const hb_rows *rows, uint32_t colid);
/* The selected ids, borrowed; the array is made in `arena`. */
hb_status hb_rows_ids(const hb_rows *rows, hb_arena *arena, hb_ids *out, hb_err *err);
/* Copies the selection into columns of their own (sel NULL afterwards). */
hb_status hb_rows_gather(hb_task *task, const hb_rows *in, hb_rows *out, hb_err *err);

/* The operators. All results live as long as the task. */
hb_status hb_exec_filter(hb_task *task, const hb_schema *schema, const hb_expr *residual,
                         const hb_rows *in, hb_rows *out, hb_err *err);
/* Inputs in object_id order; so is the result. */
hb_status hb_exec_intersect(hb_task *task, const hb_rows *const *in, uint32_t in_count,
                            hb_rows *out, hb_err *err);
hb_status hb_exec_union(hb_task *task, const hb_rows *const *in, uint32_t in_count, hb_rows *out,
                        hb_err *err);
hb_status hb_exec_except(hb_task *task, const hb_rows *all, const hb_rows *without, hb_rows *out,
                         hb_err *err);
/* Adds the columns of `fetched` (a subset of in's ids, in the same order) to `in`. */
hb_status hb_exec_hydrate(hb_task *task, const hb_rows *in, const hb_rows *fetched, hb_rows *out,
                          hb_err *err);
/* Sums HB_COLID_SCORE by id, inputs from `ranked` on once per row; best first, `bound` rows. */
hb_status hb_exec_add_scores(hb_task *task, const hb_rows *const *in, uint32_t in_count,
                             uint32_t ranked, uint64_t bound, hb_rows *out, hb_err *err);
/* Reciprocal rank fusion (Cormack, Clarke, Büttcher 2009): sum of weight / (k + rank), rank from
 * 1. */
hb_status hb_exec_fuse(hb_task *task, const hb_rows *near, const hb_rows *search, double k,
                       double near_weight, double search_weight, uint64_t bound, hb_rows *out,
                       hb_err *err);
hb_status hb_exec_sort(hb_task *task, const hb_order *order, uint32_t order_count, uint64_t bound,
                       const hb_rows *in, hb_rows *out, hb_err *err);
hb_status hb_exec_limit(hb_task *task, uint64_t limit, uint64_t offset, const hb_rows *in,
                        hb_rows *out, hb_err *err);
/* Number of rows (field object_id), or of non-null, or distinct non-null, values of a field. */
hb_status hb_exec_count(hb_task *task, uint32_t field, bool distinct, const hb_rows *in,
                        uint64_t *out, hb_err *err);
/* The values that place a row behind others: order keys, then object_id, as hb_query_mark's cursor
 * (JSON text in the arena); "" where a key is a list. By position: `passed` rows. */
hb_status hb_exec_cursor(hb_task *task, const hb_query *query, const hb_rows *rows, uint64_t passed,
                         hb_str *out, hb_err *err);
/* One row per group, in the order of their first rows by object_id; column 0 is that row's id. */
hb_status hb_exec_aggregate(hb_task *task, const hb_schema *schema, const hb_aggregate *aggregate,
                            const hb_rows *in, hb_rows *out, hb_err *err);
/* object_id (no aggregate has it) and then `columns`, as a batch with roles. With `rows_out`
 * columns that are there already are not copied: it gets the rows of them that are meant, or NULL
 * for all. */
hb_status hb_exec_project(hb_task *task, const hb_schema *schema, const hb_col *columns,
                          uint32_t column_count, const hb_query *query, const hb_rows *in,
                          const uint32_t **rows_out, hb_batch *out, const uint8_t **roles,
                          hb_err *err);
/* What each row has of the query's contained_in conditions, as packed lists. */
hb_status hb_exec_match(hb_task *task, const hb_schema *schema, const hb_expr *filter,
                        const hb_rows *in, hb_colbuf *dst, hb_err *err);

#endif
