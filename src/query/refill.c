// SPDX-License-Identifier: MIT
/* A bound query asked again with other parameters, where it lies: what was planned for it stays. */
#include "query/query.h"

/* Nodes of a query that was bound into an arena are its holder's own; const is for those who read
 * them. */
static bool refill_expr(hb_expr *held, const hb_expr *asked) {
    if (held->kind != asked->kind || held->arg_count != asked->arg_count) return false;
    if (held->kind != HB_EXPR_LEAF) {
        for (uint32_t i = 0; i < held->arg_count; i++) {
            if (!refill_expr((hb_expr *)held->args[i], asked->args[i])) return false;
        }
        return true;
    }
    /* Where a query was put in other words, the words may depend on the value; and a list or a
     * pattern of edges says by its content what an engine can do with it. */
    const bool plain = held->asked == NULL && asked->asked == NULL && held->list_count == 0 &&
                       asked->list_count == 0 && asked->value.kind != HB_KIND_PACK;
    if (!plain || held->op != asked->op || held->field != asked->field ||
        held->path_len != asked->path_len || held->value.kind != asked->value.kind ||
        held->list_has_null != asked->list_has_null || held->leaf_index != asked->leaf_index) {
        return false;
    }
    held->value = asked->value;
    return true;
}

static bool refill_near(hb_near *held, const hb_near *asked) {
    if (held == NULL || asked == NULL) return held == asked;
    const bool same = held->field == asked->field && held->dim == asked->dim &&
                      held->top_k == asked->top_k && held->metric == asked->metric &&
                      held->ef == asked->ef && held->exact == asked->exact;
    if (same) held->vector = asked->vector;
    return same;
}

bool hb_query_refill(hb_query *held, const hb_query *asked) {
    /* A plan has texts of a search in scans of its own. */
    if (asked->search != NULL || asked->aggregate != NULL || asked->traverse != NULL ||
        asked->waiting != NULL) {
        return false;
    }
    if (held->limit != asked->limit || held->offset != asked->offset ||
        held->leaf_count != asked->leaf_count ||
        (held->filter == NULL) != (asked->filter == NULL)) {
        return false;
    }
    if (asked->filter != NULL && !refill_expr((hb_expr *)held->filter, asked->filter)) return false;
    return refill_near((hb_near *)held->near, asked->near);
}
