// SPDX-License-Identifier: MIT
/* The plan under construction: nodes, and which columns the rows of each have. Private to src/plan.
 */
#ifndef HB_PLAN_BUILD_H
#define HB_PLAN_BUILD_H

#include "plan/split.h"

typedef struct plan_build {
    split_ctx split; /* first: the parts of a filter are asked with it */
    const hb_query *query;
    const hb_routing *routing;
    hb_arena *arena;
    hb_err *err;
    hb_node *nodes;
    uint8_t **has; /* by node: marks by schema field */
    uint32_t node_count, node_cap;
    bool pushed_limit;
} plan_build;

/* Marks by schema field, all clear. */
hb_status build_marks(plan_build *build, uint8_t **out);
/* Appends a node with up to two inputs (HB_NODE_NONE: none); its rows have the columns of `a`. */
hb_status build_node(plan_build *build, hb_node_kind kind, uint32_t a, uint32_t b, hb_node **out);
static inline uint32_t build_last(const plan_build *build) {
    return build->node_count - 1;
}
/* A SCAN of `backend` returning the marked fields that are held there as source of truth, or, with
 * `replicas`, in any form. `candidates` may be HB_NODE_NONE. */
hb_status build_scan(plan_build *build, uint32_t backend, const uint8_t *wanted, bool replicas,
                     uint32_t candidates, hb_node **out);
/* Rows that satisfy `expr` on one backend: a scan and, when needed, a filter above it. `wanted`
 * columns (NULL: none) are fetched on the way. */
hb_status build_filtered_scan(plan_build *build, const hb_expr *expr, uint32_t backend,
                              const uint8_t *wanted, uint32_t candidates, uint32_t *out);
/* Ids that satisfy `expr`, in object_id order, whatever backends its leaves are on. */
hb_status build_filter(plan_build *build, const hb_expr *expr, uint32_t *out);
/* HYDRATE nodes until the rows of `node` have all marked fields that are stored somewhere. */
hb_status build_hydrate(plan_build *build, uint32_t node, const uint8_t *wanted, uint32_t *out);
/* near, search or both (rank.c): ranked rows, best first. */
hb_status build_ranked(plan_build *build, const uint8_t *wanted, uint32_t *out);

/* The groups of an aggregate, filtered by having; then their order and paging are left to do. */
hb_status build_aggregate(plan_build *build, uint32_t *out);

#endif
