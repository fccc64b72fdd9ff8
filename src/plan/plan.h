// SPDX-License-Identifier: MIT
/* The plan: nodes in topological order, each node's rows feeding later ones. Const once made; lives
 * in the arena of the call. Fragments go to backends; all other nodes are the core's own operators
 * (src/exec). Every node yields rows with object_id first.
 *
 *   SCAN        a fragment on one backend; may take its candidates from another node's ids
 *   FILTER      residual predicate over the input's columns
 *   INTERSECT   ids of all inputs        UNION  ids of any input
 *   EXCEPT      ids of inputs[0] that are not in inputs[1]
 *   HYDRATE     adds columns by id from one backend (rows that are missing there get nulls)
 *   ADD_SCORES  search over several backends: sums scores by id; whatever the inputs beyond
 *               ranked_count find counts once
 *   FUSE        reciprocal rank fusion of near (inputs[0]) and search (inputs[1])
 *   SORT        by keys, ties by object_id; with a bound when a limit follows directly
 *   LIMIT       offset and limit
 *   AGGREGATE   one row per group, columns of the aggregate's schema, first of a group first
 *   COUNT       one row, one column: number of rows, or of (distinct) non-null values of a field
 *   PROJECT     the final columns in their final order (always the last node unless COUNT)
 *
 * Without an explicit order rows come in object_id order, or best score first for near, search
 * and hybrid. INTERSECT, UNION and EXCEPT yield object_id order. */
#ifndef HB_PLAN_PLAN_H
#define HB_PLAN_PLAN_H

#include "plan/route.h"
#include "query/ir.h"

typedef enum hb_node_kind {
    HB_NODE_SCAN, HB_NODE_FILTER, HB_NODE_INTERSECT, HB_NODE_UNION, HB_NODE_EXCEPT,
    HB_NODE_HYDRATE, HB_NODE_ADD_SCORES, HB_NODE_FUSE, HB_NODE_SORT, HB_NODE_LIMIT,
    HB_NODE_COUNT, HB_NODE_PROJECT, HB_NODE_AGGREGATE
} hb_node_kind;

#define HB_NODE_NONE UINT32_MAX

typedef struct hb_node {
    hb_node_kind kind;
    const uint32_t *inputs;         /* node indexes, all smaller than this one's */
    uint32_t input_count;
    /* SCAN, HYDRATE */
    uint32_t backend;               /* instance index; HB_BACKEND_NONE for a virtual entity */
    /* SCAN: complete but for candidates; HYDRATE: FETCH, columns set */
    hb_fragment fragment;
    uint32_t candidates_from;       /* SCAN: node whose ids restrict the scan; or HB_NODE_NONE */
    bool ids_only;                  /* SCAN: only object_id (and score) is needed */
    /* FILTER */
    const hb_expr *residual;
    const hb_schema *schema;        /* what it speaks of; NULL: the entity */
    uint32_t ranked_count;          /* ADD_SCORES */
    /* SORT */
    const hb_order *order;
    uint32_t order_count;
    uint64_t bound;                 /* rows that can matter (offset + limit [+1]); HB_NO_LIMIT */
    /* LIMIT */
    uint64_t limit, offset;
    /* COUNT */
    uint32_t count_field;
    bool count_distinct;
    /* PROJECT */
    const hb_col *columns;          /* after object_id */
    uint32_t column_count;
    const char *note;               /* for explain: near_filter_mode and the like; NULL */
} hb_node;

typedef struct hb_plan {
    const hb_query *query;
    const hb_routing *routing;
    const hb_node *nodes;
    uint32_t node_count;
    bool pushed_limit;              /* the limit went down with one row more, to tell truncation */
} hb_plan;

typedef struct hb_plan_options {
    bool no_pushdown;               /* tests: scans only fetch, the core does all the rest */
    bool want_total;                /* do not push limits: the frame's total is wanted */
    bool explain_only;              /* a leaf without a handler is shown, not refused */
} hb_plan_options;

hb_status hb_plan_make(const hb_query *query, const hb_routing *routing,
                       hb_instance *const *instances, const hb_plan_options *options,
                       hb_arena *arena, const hb_plan **out, hb_err *err);

/* explain() as JSON text: {workspace, query, storage_plan, steps} in the reference's shape with the
 * extra steps scan, hydrate, merge, sort, limit. */
hb_status hb_plan_explain(const hb_plan *plan, hb_instance *const *instances, hb_str workspace_id,
                          hb_buf *json_out, hb_err *err);

#endif
