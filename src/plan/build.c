// SPDX-License-Identifier: MIT
/* Nodes, scans and the splitting of a filter over backends. */
#include "plan/build.h"

hb_status build_marks(plan_build *build, uint8_t **out) {
    *out = HB_NEW_ARRAY(build->arena, uint8_t, build->routing->schema->field_count);
    return *out != NULL ? HB_OK : hb_err_memory(build->err);
}

static hb_status build_grow(plan_build *build) {
    uint32_t cap = build->node_cap == 0 ? 16 : 2 * build->node_cap;
    hb_node *nodes = hb_arena_array(build->arena, cap, sizeof(*nodes));
    uint8_t **has = hb_arena_array(build->arena, cap, sizeof(*has));
    if (nodes == NULL || has == NULL) return hb_err_memory(build->err);
    if (build->node_count > 0) {
        memcpy(nodes, build->nodes, build->node_count * sizeof *nodes);
        memcpy(has, build->has, build->node_count * sizeof *has);
    }
    build->nodes = nodes;
    build->has = has;
    build->node_cap = cap;
    return HB_OK;
}

hb_status build_node(plan_build *build, hb_node_kind kind, uint32_t a, uint32_t b, hb_node **out) {
    if (build->node_count == build->node_cap) HB_TRY(build_grow(build));
    uint32_t at = build->node_count;
    hb_node *node = &build->nodes[at];
    *node = (hb_node){ .kind = kind,
                       .backend = HB_BACKEND_NONE,
                       .candidates_from = HB_NODE_NONE,
                       .bound = HB_NO_LIMIT,
                       .limit = HB_NO_LIMIT };
    uint32_t *inputs = HB_NEW_ARRAY(build->arena, uint32_t, 2);
    if (inputs == NULL) return hb_err_memory(build->err);
    HB_TRY(build_marks(build, &build->has[at]));
    if (a != HB_NODE_NONE) {
        inputs[node->input_count++] = a;
        memcpy(build->has[at], build->has[a], build->routing->schema->field_count);
    }
    if (b != HB_NODE_NONE) {
        inputs[node->input_count++] = b;
    }
    node->inputs = inputs;
    build->node_count++;
    *out = node;
    return HB_OK;
}

static bool field_fetched_here(const plan_build *build, uint32_t field, uint32_t backend,
                               bool replicas) {
    if (field == HB_FIELD_OBJECT_ID) return false;      /* always there, as column 0 */
    if (build->routing->primary[field] == backend) return true;
    return replicas && split_binding(build->routing, field, backend) != NULL;
}

/* Gives a SCAN or FETCH its columns and marks them as present. */
static hb_status node_set_columns(plan_build *build, hb_node *node, const uint8_t *wanted,
                                  bool replicas) {
    uint32_t field_count = build->routing->schema->field_count;
    uint8_t *has = build->has[(uint32_t)(node - build->nodes)];
    uint32_t *columns = HB_NEW_ARRAY(build->arena, uint32_t, field_count);
    if (columns == NULL) return hb_err_memory(build->err);
    uint32_t count = 0;
    for (uint32_t f = 1; wanted != NULL && f < field_count; f++) {
        if (wanted[f] && !has[f] && field_fetched_here(build, f, node->backend, replicas)) {
            columns[count++] = f;
            has[f] = 1;
        }
    }
    node->fragment.columns = columns;
    node->fragment.column_count = count;
    node->ids_only = count == 0;
    return HB_OK;
}

hb_status build_scan(plan_build *build, uint32_t backend, const uint8_t *wanted, bool replicas,
                     uint32_t candidates, hb_node **out) {
    HB_TRY(build_node(build, HB_NODE_SCAN, HB_NODE_NONE, HB_NODE_NONE, out));
    hb_node *node = *out;
    node->backend = backend;
    node->candidates_from = candidates;
    node->fragment = (hb_fragment){ .kind = HB_FRAG_SCAN,
                                    .container = build->routing->containers[backend],
                                    .leaf_count = build->query->leaf_count,
                                    .limit = HB_NO_LIMIT };
    HB_ASSERT(node->fragment.container != NULL);
    return node_set_columns(build, node, wanted, replicas);
}

static hb_status marks_join(plan_build *build, const uint8_t *a, const hb_expr *expr,
                            uint8_t **out) {
    HB_TRY(build_marks(build, out));
    if (a != NULL) {
        memcpy(*out, a, build->routing->schema->field_count);
    }
    if (expr != NULL) split_mark_fields(expr, *out);
    return HB_OK;
}

hb_status build_filtered_scan(plan_build *build, const hb_expr *expr, uint32_t backend,
                              const uint8_t *wanted, uint32_t candidates, uint32_t *out) {
    split_parts parts;
    HB_TRY(split_claims(&build->split, expr, backend, &parts));
    uint8_t *marks;
    HB_TRY(marks_join(build, wanted, parts.residual, &marks));
    hb_node *node;
    HB_TRY(build_scan(build, backend, marks, parts.residual != NULL, candidates, &node));
    node->fragment.filter = parts.pushed;
    *out = build_last(build);
    if (parts.residual == NULL) return HB_OK;
    HB_TRY(build_node(build, HB_NODE_FILTER, *out, HB_NODE_NONE, &node));
    node->residual = parts.residual;
    *out = build_last(build);
    return HB_OK;
}

/* ---- a filter over several backends ----------------------------------------------------- */

typedef struct filter_groups {
    const hb_expr *const *args;
    uint32_t *backends;         /* of each, or HB_BACKEND_NONE when it is mixed itself */
    uint32_t count;
} filter_groups;

static hb_status groups_make(plan_build *build, const hb_expr *expr, filter_groups *groups) {
    *groups = (filter_groups){ .args = expr->args,
                               .backends = HB_NEW_ARRAY(build->arena, uint32_t, expr->arg_count),
                               .count = expr->arg_count };
    if (groups->backends == NULL) return hb_err_memory(build->err);
    for (uint32_t i = 0; i < groups->count; i++) {
        HB_TRY(split_single(&build->split, groups->args[i], &groups->backends[i]));
    }
    return HB_OK;
}

/* All arguments of one backend, joined; NULL when there are none. */
static hb_status group_join(plan_build *build, const filter_groups *groups, hb_expr_kind kind,
                            uint32_t backend, const hb_expr **out) {
    const hb_expr **args = HB_NEW_ARRAY(build->arena, const hb_expr *, groups->count);
    if (args == NULL) return hb_err_memory(build->err);
    uint32_t count = 0;
    for (uint32_t i = 0; i < groups->count; i++) {
        if (groups->backends[i] == backend) {
            args[count++] = groups->args[i];
        }
    }
    return split_join(&build->split, kind, args, count, out);
}

/* The rows of `expr` among those of *rows (HB_NODE_NONE: all): by candidates where the backend
 * takes them, by intersection otherwise. */
static hb_status and_step(plan_build *build, const hb_expr *expr, uint32_t backend,
                          uint32_t *rows) {
    hb_instance *instance = build->split.instances[backend];
    bool feed = *rows != HB_NODE_NONE && instance->type->caps.candidates;
    uint32_t scan;
    HB_TRY(build_filtered_scan(build, expr, backend, NULL, feed ? *rows : HB_NODE_NONE, &scan));
    if (*rows == HB_NODE_NONE || feed) {
        *rows = scan;
        return HB_OK;
    }
    hb_node *node;
    HB_TRY(build_node(build, HB_NODE_INTERSECT, *rows, scan, &node));
    *rows = build_last(build);
    return HB_OK;
}

/* Groups that the backend narrows itself go first: their ids spare the others a full scan. */
static hb_status build_and(plan_build *build, const filter_groups *groups, uint32_t *out) {
    uint32_t rows = HB_NODE_NONE;
    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t b = 0; b < build->routing->backend_count; b++) {
            const hb_expr *expr;
            HB_TRY(group_join(build, groups, HB_EXPR_AND, b, &expr));
            if (expr == NULL) continue;
            split_parts parts;
            HB_TRY(split_claims(&build->split, expr, b, &parts));
            if ((parts.pushed != NULL) == (pass == 0)) HB_TRY(and_step(build, expr, b, &rows));
        }
    }
    for (uint32_t i = 0; i < groups->count; i++) {
        if (groups->backends[i] != HB_BACKEND_NONE) continue;
        uint32_t part;
        hb_node *node;
        HB_TRY(build_filter(build, groups->args[i], &part));
        if (rows == HB_NODE_NONE) {
            rows = part;
            continue;
        }
        HB_TRY(build_node(build, HB_NODE_INTERSECT, rows, part, &node));
        rows = build_last(build);
    }
    *out = rows;
    return HB_OK;
}

static hb_status union_step(plan_build *build, uint32_t part, uint32_t *rows) {
    hb_node *node;
    if (*rows == HB_NODE_NONE) {
        *rows = part;
        return HB_OK;
    }
    HB_TRY(build_node(build, HB_NODE_UNION, *rows, part, &node));
    memset(build->has[build_last(build)], 0, build->routing->schema->field_count);
    *rows = build_last(build);
    return HB_OK;
}

static hb_status build_or(plan_build *build, const filter_groups *groups, uint32_t *out) {
    uint32_t rows = HB_NODE_NONE, part;
    for (uint32_t b = 0; b < build->routing->backend_count; b++) {
        const hb_expr *expr;
        HB_TRY(group_join(build, groups, HB_EXPR_OR, b, &expr));
        if (expr == NULL) continue;
        HB_TRY(build_filtered_scan(build, expr, b, NULL, HB_NODE_NONE, &part));
        HB_TRY(union_step(build, part, &rows));
    }
    for (uint32_t i = 0; i < groups->count; i++) {
        if (groups->backends[i] != HB_BACKEND_NONE) continue;
        HB_TRY(build_filter(build, groups->args[i], &part));
        HB_TRY(union_step(build, part, &rows));
    }
    *out = rows;
    return HB_OK;
}

static hb_status build_not(plan_build *build, const hb_expr *expr, uint32_t *out) {
    uint32_t inner;
    hb_node *node;
    HB_TRY(build_filter(build, expr->args[0], &inner));
    HB_TRY(build_scan(build, build->routing->home, NULL, false, HB_NODE_NONE, &node));
    HB_TRY(build_node(build, HB_NODE_EXCEPT, build_last(build), inner, &node));
    *out = build_last(build);
    return HB_OK;
}

hb_status build_filter(plan_build *build, const hb_expr *expr, uint32_t *out) {
    uint32_t backend;
    HB_TRY(split_single(&build->split, expr, &backend));
    if (backend != HB_BACKEND_NONE) {
        return build_filtered_scan(build, expr, backend, NULL, HB_NODE_NONE, out);
    }
    if (expr->kind == HB_EXPR_NOT) return build_not(build, expr, out);
    filter_groups groups;
    HB_TRY(groups_make(build, expr, &groups));
    return expr->kind == HB_EXPR_AND ? build_and(build, &groups, out)
                                     : build_or(build, &groups, out);
}

hb_status build_hydrate(plan_build *build, uint32_t node_index, const uint8_t *wanted,
                        uint32_t *out) {
    uint32_t field_count = build->routing->schema->field_count;
    *out = node_index;
    for (uint32_t b = 0; b < build->routing->backend_count; b++) {
        bool missing = false;
        for (uint32_t f = 1; f < field_count && !missing; f++) {
            missing = wanted[f] && !build->has[*out][f] && build->routing->primary[f] == b;
        }
        if (!missing) continue;
        hb_node *node;
        HB_TRY(build_node(build, HB_NODE_HYDRATE, *out, HB_NODE_NONE, &node));
        node->backend = b;
        node->fragment = (hb_fragment){ .kind = HB_FRAG_FETCH,
                                        .container = build->routing->containers[b],
                                        .limit = HB_NO_LIMIT };
        HB_TRY(node_set_columns(build, node, wanted, false));
        *out = build_last(build);
    }
    return HB_OK;
}
