// SPDX-License-Identifier: MIT
/* From the portable spec to a bound query, and back to text.
 *
 * Spec keys: filter, near {field, query, top_k, metric}, search {fields, query, top_k, mode},
 * fuse {k, weights: {near, search}}, select [], order ["-n", "name"], limit, offset,
 * after "cursor", count {field, distinct}, traverse {field, start, min_hops, max_hops, direction},
 * unsafe, available, group_by [], aggregate {} and having. Any operand may be {"$param": n}.
 * Unknown keys are HB_E_QUERY with a did-you-mean. */
#ifndef HB_QUERY_QUERY_H
#define HB_QUERY_QUERY_H

#include "query/ir.h"

/* A decoded spec without names resolved. Owns its arena. Reusable with other parameters. */
typedef struct hb_spec hb_spec;

hb_status hb_spec_decode(hb_str json, const hb_mem *mem, hb_spec **out, hb_err *err);
void hb_spec_free(hb_spec *spec);
uint32_t hb_spec_param_count(const hb_spec *spec);

/* Resolves names and coerces operands against `schema`; `now_ms` is what `available` compares with
 * when it names no time; `params` is a MessagePack array ("" when
 * none). The result lives in `arena`, and borrows from spec and params. */
hb_status hb_query_bind(const hb_spec *spec, const hb_schema *schema, hb_str params,
                        int64_t now_ms, hb_arena *arena, const hb_query **out, hb_err *err);

/* Turns `held` into what `asked` asks: both were bound from the same spec and schema, with
 * parameters of their own. Only what no plan depends on may differ: single operands (of the same
 * kind) and the vector of near; their bytes are borrowed from where `asked` has them. False: they
 * differ in more, or have what plans look at (search, aggregates, traverse), and `held` is good for
 * nothing until it has been turned into something else. */
bool hb_query_refill(hb_query *held, const hb_query *asked);

/* Where a cursor of this query's frames counts rows instead of comparing keys. */
bool hb_query_by_position(const hb_query *query);
/* Told apart by entity and order: a cursor goes with the queries of one mark. */
uint32_t hb_query_mark(const hb_query *query);

/* One-line text form for explain and goldens: "from note | where n > 30 | near emb [..2] top 5
 * ...". */
void hb_query_print(const hb_query *query, hb_buf *out);
void hb_expr_print(const hb_schema *schema, const hb_expr *expr, hb_buf *out);

#endif
