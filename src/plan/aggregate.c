// SPDX-License-Identifier: MIT
/* Aggregates: by one backend that reduces exactly what is asked for, or by the core over the rows
 * of the filter, with only the columns that groups and reducers read. */
#include "plan/build.h"

static bool kind_is_scalar(hb_kind kind) {
    return kind == HB_KIND_BOOL || kind == HB_KIND_I64 || kind == HB_KIND_F64 ||
           kind == HB_KIND_TEXT;
}

/* Whether a column is a stored scalar of `backend`, whose own grouping and comparing we trust. */
static bool column_is_here(const plan_build *build, const hb_col *col, uint32_t backend) {
    const hb_field *field = &build->routing->schema->fields[col->field];
    if (col->kind != HB_COL_FIELD || !kind_is_scalar(field->kind)) return false;
    if (col->field == HB_FIELD_OBJECT_ID) return true;
    if (build->routing->primary[col->field] != backend) return false;
    /* What is kept outside the row has to be read to be compared. */
    const hb_container *container = build->routing->containers[backend];
    return container->fields[container->by_field[col->field]].strategy != HB_STRATEGY_EXTERNAL;
}

static hb_kind column_kind(const plan_build *build, const hb_col *col) {
    return build->routing->schema->fields[col->field].kind;
}

static bool is_registered(const hb_backend *type, hb_reducer reducer) {
    uint32_t any = 0;
    for (uint32_t kind = 0; kind < HB_KIND_COUNT; kind++) any |= type->caps.reducers[kind];
    return (any & 1u << reducer) != 0;
}

/* Why the backend cannot compute a measure; NULL when it can. */
static const char *not_reduced(const plan_build *build, uint32_t backend,
                               const hb_measure *measure) {
    const hb_backend *type = build->split.instances[backend]->type;
    const bool here = column_is_here(build, &measure->col, backend);
    const hb_kind kind = column_kind(build, &measure->col);
    if (here ? (type->caps.reducers[kind] & 1u << measure->reducer) == 0
             : !is_registered(type, measure->reducer)) {
        hb_str reason = hb_arena_printf(build->arena, "backend_reducer_not_registered:%s",
                                        hb_reducer_name(measure->reducer).ptr);
        return reason.ptr != NULL ? reason.ptr : "backend_reducer_not_registered";
    }
    if (!here) return "aggregate_dependencies_not_colocated";
    return measure->distinct && (type->caps.groups & 1u << kind) == 0
               ? "the engine tells the values apart otherwise"
               : NULL;
}

/* Why the backend cannot reduce; NULL when it can. */
static const char *not_native(const plan_build *build, uint32_t backend) {
    const hb_aggregate *aggregate = build->query->aggregate;
    const hb_backend *type = build->split.instances[backend]->type;
    if (build->split.options.no_pushdown) return "pushdown is switched off";
    if (type->caps.groups == 0) return "native_aggregate_compiler_not_registered";
    for (uint32_t i = 0; i < aggregate->group_count; i++) {
        if (!column_is_here(build, &aggregate->groups[i], backend))
            return "aggregate_dependencies_not_colocated";
        if ((type->caps.groups & 1u << column_kind(build, &aggregate->groups[i])) == 0)
            return "the engine tells the values of a group apart otherwise";
    }
    for (uint32_t i = 0; i < aggregate->measure_count; i++) {
        const char *reason = not_reduced(build, backend, &aggregate->measures[i]);
        if (reason != NULL) return reason;
    }
    return NULL;
}

/* The one backend that holds everything the aggregate reads, or the home of the entity. */
static uint32_t deps_backend(const plan_build *build, const uint8_t *wanted) {
    uint32_t backend = HB_BACKEND_NONE;
    for (uint32_t f = 1; f < build->routing->schema->field_count; f++) {
        uint32_t holder = build->routing->primary[f];
        if (!wanted[f] || holder == HB_BACKEND_NONE) continue;
        if (backend != HB_BACKEND_NONE && backend != holder) return build->routing->home;
        backend = holder;
    }
    return backend != HB_BACKEND_NONE ? backend : build->routing->home;
}

/* The rows to reduce, or, with *done, the groups themselves. */
static hb_status build_source(plan_build *build, const uint8_t *wanted, uint32_t *rows, bool *done,
                              const char **reason) {
    const hb_query *query = build->query;
    if (query->near != NULL || query->search != NULL) {
        *reason = "ranked rows are reduced in process";
        return build_ranked(build, wanted, rows);
    }
    uint32_t backend = deps_backend(build, wanted);
    split_parts parts = { .claim = HB_EXACT };
    if (query->filter != NULL) {
        HB_TRY(split_single(&build->split, query->filter, &backend));
        *reason = "aggregate_dependencies_not_colocated";
        if (backend == HB_BACKEND_NONE) return build_filter(build, query->filter, rows);
        HB_TRY(split_claims(&build->split, query->filter, backend, &parts));
    }
    *reason = parts.residual != NULL ? "the filter is not answered by the backend alone"
                                     : not_native(build, backend);
    hb_node *node;
    if (*reason != NULL && query->filter != NULL)
        return build_filtered_scan(build, query->filter, backend, wanted, HB_NODE_NONE, rows);
    HB_TRY(build_scan(build, backend, *reason != NULL ? wanted : NULL, false, HB_NODE_NONE, &node));
    *rows = build_last(build);
    if (*reason != NULL) return HB_OK;
    node->fragment.kind = HB_FRAG_AGGREGATE;
    node->fragment.filter = parts.pushed;
    node->fragment.aggregate = query->aggregate;
    *done = true;
    return HB_OK;
}

static hb_status build_having(plan_build *build, uint32_t *rows) {
    const hb_aggregate *aggregate = build->query->aggregate;
    hb_node *node;
    if (aggregate->having == NULL) return HB_OK;
    HB_TRY(build_node(build, HB_NODE_FILTER, *rows, HB_NODE_NONE, &node));
    node->residual = aggregate->having;
    node->schema = aggregate->schema;
    *rows = build_last(build);
    return HB_OK;
}

hb_status build_aggregate(plan_build *build, uint32_t *out) {
    const hb_aggregate *aggregate = build->query->aggregate;
    uint8_t *wanted;
    HB_TRY(build_marks(build, &wanted));
    for (uint32_t i = 0; i < aggregate->group_count; i++) wanted[aggregate->groups[i].field] = 1;
    for (uint32_t i = 0; i < aggregate->measure_count; i++)
        wanted[aggregate->measures[i].col.field] = 1;
    bool done = false;
    const char *reason = NULL;
    HB_TRY(build_source(build, wanted, out, &done, &reason));
    if (!done) {
        hb_node *node;
        HB_TRY(build_hydrate(build, *out, wanted, out));
        HB_TRY(build_node(build, HB_NODE_AGGREGATE, *out, HB_NODE_NONE, &node));
        node->note = reason;
        *out = build_last(build);
    }
    return build_having(build, out);
}
