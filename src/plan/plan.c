// SPDX-License-Identifier: MIT
/* From a bound query to a plan: driving scan, then order, paging and the final columns. What may go
 * down goes down only if everything under it is exact; correct beats pushed. */
#include "plan/build.h"

#include <stdlib.h>

/* Output columns and everything they and the order read. */
typedef struct plan_columns {
    hb_col *columns;
    uint32_t column_count;
    uint8_t *output; /* marks: fields of the result */
    uint8_t *order; /* marks: fields of the order */
    uint8_t *both;
} plan_columns;

static int column_compare(const void *a, const void *b) {
    return hb_str_cmp(((const hb_col *)a)->name, ((const hb_col *)b)->name);
}

static bool is_ranked(const hb_query *query) {
    return query->near != NULL || query->search != NULL;
}

static bool score_shadows(const hb_query *query, hb_str name) {
    if (hb_str_eq(name, HB_STR("match")) && hb_expr_has_match(query->filter)) return true;
    if (!is_ranked(query)) return false;
    if (hb_str_eq(name, HB_STR("score"))) return true;
    bool hybrid = query->near != NULL && query->search != NULL;
    return hybrid &&
           (hb_str_eq(name, HB_STR("near_score")) || hb_str_eq(name, HB_STR("search_score")));
}

/* No select: every stored field alphabetically, then the scores. */
static void columns_all(const plan_build *build, plan_columns *out) {
    const hb_query *query = build->query;
    const hb_schema *schema = build->routing->schema;
    for (uint32_t f = 1; f < schema->field_count; f++) {
        if (build->routing->primary[f] == HB_BACKEND_NONE ||
            score_shadows(query, schema->fields[f].name))
            continue;
        out->columns[out->column_count++] =
            (hb_col){ .kind = HB_COL_FIELD, .field = f, .name = schema->fields[f].name };
    }
    qsort(out->columns, out->column_count, sizeof *out->columns, column_compare);
    if (hb_expr_has_match(query->filter))
        out->columns[out->column_count++] =
            (hb_col){ .kind = HB_COL_MATCH, .field = HB_FIELD_NONE, .name = HB_STR("match") };
    if (!is_ranked(query)) return;
    out->columns[out->column_count++] =
        (hb_col){ .kind = HB_COL_SCORE, .field = HB_FIELD_NONE, .name = HB_STR("score") };
    if (query->near == NULL || query->search == NULL) return;
    out->columns[out->column_count++] =
        (hb_col){ .kind = HB_COL_NEAR_SCORE, .field = HB_FIELD_NONE, .name = HB_STR("near_score") };
    out->columns[out->column_count++] = (hb_col){ .kind = HB_COL_SEARCH_SCORE,
                                                  .field = HB_FIELD_NONE,
                                                  .name = HB_STR("search_score") };
}

/* The fields whose texts contained_in looks for. */
static void match_mark(const hb_expr *expr, uint8_t *marks) {
    if (!hb_expr_has_match(expr)) return;
    if (expr->kind == HB_EXPR_LEAF) marks[expr->field] = 1;
    for (uint32_t i = 0; i < expr->arg_count; i++) match_mark(expr->args[i], marks);
}

static void column_mark(const hb_query *query, const hb_col *column, uint8_t *marks) {
    if (column->kind == HB_COL_MATCH) match_mark(query->filter, marks);
    if (column->kind == HB_COL_FIELD || column->kind == HB_COL_PATH) {
        marks[column->field] = 1;
    }
}

static hb_status columns_make(plan_build *build, plan_columns *out) {
    const hb_query *query = build->query;
    uint32_t field_count = build->routing->schema->field_count;
    *out = (plan_columns){ .columns = HB_NEW_ARRAY(build->arena, hb_col,
                                                   field_count + query->select_count + 4u) };
    if (out->columns == NULL) return hb_err_memory(build->err);
    HB_TRY(build_marks(build, &out->output));
    HB_TRY(build_marks(build, &out->order));
    HB_TRY(build_marks(build, &out->both));
    if (query->select_all) {
        columns_all(build, out);
    } else if (query->select_count > 0) {
        memcpy(out->columns, query->select, query->select_count * sizeof *out->columns);
        out->column_count = query->select_count;
    }
    for (uint32_t i = 0; i < out->column_count && !query->is_count; i++) {
        column_mark(query, &out->columns[i], out->output);
    }
    if (query->is_count) {
        out->output[query->count_field] = 1;
    }
    for (uint32_t i = 0; i < query->order_count; i++) {
        column_mark(query, &query->order[i].col, out->order);
    }
    for (uint32_t f = 0; f < field_count; f++) {
        out->both[f] = out->output[f] | out->order[f];
    }
    return HB_OK;
}

/* ---- what may be pushed into the driving scan ------------------------------------------- */

static bool order_key_pushable(const plan_build *build, const hb_order *key, uint32_t backend) {
    if (key->col.kind != HB_COL_FIELD) return false;
    if (key->col.field == HB_FIELD_OBJECT_ID) return true;
    if (build->routing->primary[key->col.field] != backend) return false;
    const hb_field *field = &build->routing->schema->fields[key->col.field];
    const uint32_t chars = build->split.instances[backend]->type->caps.sort_chars;
    switch (field->kind) {
    case HB_KIND_BOOL:
    case HB_KIND_I64:
    case HB_KIND_F64: return true;
    case HB_KIND_TEXT:
        return chars == 0 || field->type->id == HB_TYPE_DATE ||
               (field->type->max_chars > 0 && field->type->max_chars <= chars);
    case HB_KIND_NULL:
    case HB_KIND_BYTES:
    case HB_KIND_VEC:
    case HB_KIND_PACK:
    case HB_KIND_COUNT: break;
    }
    return false;
}

static bool order_pushable(const plan_build *build, uint32_t backend) {
    const hb_query *query = build->query;
    if (query->order_count == 0) return true;
    if (build->split.options.no_pushdown ||
        build->split.instances[backend]->type->caps.sort != HB_EXACT)
        return false;
    for (uint32_t i = 0; i < query->order_count; i++) {
        if (!order_key_pushable(build, &query->order[i], backend)) return false;
    }
    return true;
}

static bool limit_pushable(const plan_build *build, uint32_t backend) {
    const hb_plan_options *options = &build->split.options;
    return build->query->limit != HB_NO_LIMIT && !options->no_pushdown && !options->want_total &&
           build->split.instances[backend]->type->caps.limit == HB_EXACT;
}

/* The backend that drives a query without a filter: that of the first order key, or home. */
static uint32_t driving_backend(const plan_build *build) {
    const hb_query *query = build->query;
    if (query->order_count > 0 && query->order[0].col.kind == HB_COL_FIELD &&
        query->order[0].col.field != HB_FIELD_OBJECT_ID) {
        uint32_t backend = build->routing->primary[query->order[0].col.field];
        if (backend != HB_BACKEND_NONE && order_pushable(build, backend)) return backend;
    }
    return build->routing->home;
}

/* ---- assembling ------------------------------------------------------------------------- */

static hb_status add_sort(plan_build *build, uint32_t *rows) {
    const hb_query *query = build->query;
    hb_node *node;
    HB_TRY(build_node(build, HB_NODE_SORT, *rows, HB_NODE_NONE, &node));
    node->order = query->order;
    node->order_count = query->order_count;
    if (query->limit != HB_NO_LIMIT) {
        node->bound = query->limit + query->offset;
    }
    *rows = build_last(build);
    return HB_OK;
}

static hb_status add_limit(plan_build *build, uint64_t offset, uint32_t *rows) {
    hb_node *node;
    HB_TRY(build_node(build, HB_NODE_LIMIT, *rows, HB_NODE_NONE, &node));
    node->limit = build->query->limit;
    node->offset = offset;
    *rows = build_last(build);
    return HB_OK;
}

/* Columns that the rows miss, order, paging: above whatever produced the rows. */
static hb_status finish_rows(plan_build *build, const plan_columns *columns, bool sorted,
                             uint32_t rows) {
    const hb_query *query = build->query;
    bool paged = query->limit != HB_NO_LIMIT || query->offset > 0;
    if (!sorted && query->order_count > 0) {
        HB_TRY(build_hydrate(build, rows, columns->order, &rows));
        HB_TRY(add_sort(build, &rows));
    }
    if (paged) HB_TRY(add_limit(build, build->pushed_limit ? 0 : query->offset, &rows));
    /* The order's columns too: a cursor is made of the last row's. */
    HB_TRY(build_hydrate(build, rows, paged ? columns->both : columns->output, &rows));
    hb_node *node;
    if (query->is_count) {
        HB_TRY(build_node(build, HB_NODE_COUNT, rows, HB_NODE_NONE, &node));
        node->count_field = query->count_field;
        node->count_distinct = query->count_distinct;
        return HB_OK;
    }
    HB_TRY(build_node(build, HB_NODE_PROJECT, rows, HB_NODE_NONE, &node));
    node->columns = columns->columns;
    node->column_count = columns->column_count;
    return HB_OK;
}

static hb_status plan_pushed_count(plan_build *build, const hb_expr *filter, uint32_t backend) {
    hb_node *node;
    HB_TRY(build_scan(build, backend, NULL, false, HB_NODE_NONE, &node));
    node->fragment.kind = HB_FRAG_COUNT;
    node->fragment.filter = filter;
    return HB_OK;
}

/* The whole filter is on one backend: order and limit go down if everything under them is exact. A
 * limit that stays above makes the scan fetch only what filter and order read. */
static hb_status plan_one_backend(plan_build *build, const plan_columns *columns,
                                  uint32_t backend) {
    const hb_query *query = build->query;
    split_parts parts = { .claim = HB_EXACT };
    if (query->filter != NULL) HB_TRY(split_claims(&build->split, query->filter, backend, &parts));
    bool exact = parts.residual == NULL;
    const hb_backend *type = build->split.instances[backend]->type;
    if (query->is_count && query->count_field == HB_FIELD_OBJECT_ID && exact &&
        type->caps.count == HB_EXACT && !build->split.options.no_pushdown) {
        return plan_pushed_count(build, parts.pushed, backend);
    }
    bool sorted = exact && order_pushable(build, backend);
    build->pushed_limit = sorted && limit_pushable(build, backend);
    bool late = query->limit != HB_NO_LIMIT && !build->pushed_limit;
    const uint8_t *wanted = !late ? columns->both : sorted ? NULL : columns->order;
    uint32_t rows;
    hb_node *node;
    if (query->filter != NULL) {
        HB_TRY(build_filtered_scan(build, query->filter, backend, wanted, HB_NODE_NONE, &rows));
    } else {
        HB_TRY(build_scan(build, backend, wanted, false, HB_NODE_NONE, &node));
        rows = build_last(build);
    }
    node = &build->nodes[rows];
    if (sorted) {
        HB_ASSERT(node->kind == HB_NODE_SCAN);
        node->fragment.order = query->order;
        node->fragment.order_count = query->order_count;
    }
    if (build->pushed_limit) {
        node->fragment.limit = query->limit + 1; /* one more, to tell whether rows were cut */
        node->fragment.offset = query->offset;
    }
    return finish_rows(build, columns, sorted, rows);
}

/* Order, paging and columns of the groups, which have a schema of their own. */
static hb_status plan_aggregate(plan_build *build) {
    const hb_query *query = build->query;
    const hb_schema *schema = query->aggregate->schema;
    uint32_t rows;
    hb_node *node;
    HB_TRY(build_aggregate(build, &rows));
    if (query->order_count > 0) HB_TRY(add_sort(build, &rows));
    if (query->limit != HB_NO_LIMIT || query->offset > 0)
        HB_TRY(add_limit(build, query->offset, &rows));
    hb_col *columns = HB_NEW_ARRAY(build->arena, hb_col, schema->field_count);
    if (columns == NULL) return hb_err_memory(build->err);
    for (uint32_t f = 1; f < schema->field_count; f++)
        columns[f - 1] = (hb_col){ HB_COL_FIELD, f, NULL, 0, schema->fields[f].name };
    HB_TRY(build_node(build, HB_NODE_PROJECT, rows, HB_NODE_NONE, &node));
    node->schema = schema;
    node->columns = query->select_all ? columns : query->select;
    node->column_count = query->select_all ? schema->field_count - 1 : query->select_count;
    return HB_OK;
}

static hb_status plan_query(plan_build *build) {
    const hb_query *query = build->query;
    plan_columns columns;
    if (query->aggregate != NULL) return plan_aggregate(build);
    HB_TRY(columns_make(build, &columns));
    uint32_t rows;
    if (is_ranked(query)) {
        HB_TRY(build_ranked(build, columns.both, &rows));
        return finish_rows(build, &columns, false, rows);
    }
    uint32_t backend = driving_backend(build);
    if (query->filter != NULL) HB_TRY(split_single(&build->split, query->filter, &backend));
    if (backend != HB_BACKEND_NONE) return plan_one_backend(build, &columns, backend);
    HB_TRY(build_filter(build, query->filter, &rows));
    return finish_rows(build, &columns, false, rows);
}

hb_status hb_plan_make(const hb_query *query, const hb_routing *routing,
                       hb_instance *const *instances, const hb_plan_options *options,
                       hb_arena *arena, const hb_plan **out, hb_err *err) {
    static const hb_plan_options defaults;
    if (options == NULL) {
        options = &defaults;
    }
    if (query->waiting != NULL)
        return hb_err_set(err, HB_E_UNSUPPORTED, "%s is not available yet", query->waiting);
    plan_build build = {
        .split = { .query = query,
                   .routing = routing,
                   .instances = instances,
                   .options = *options,
                   .arena = arena,
                   .err = err },
        .query = query,
        .routing = routing,
        .arena = arena,
        .err = err,
    };
    HB_TRY(plan_query(&build));
    hb_plan *plan = HB_NEW(arena, hb_plan);
    if (plan == NULL) return hb_err_memory(err);
    *plan = (hb_plan){ .query = query,
                       .routing = routing,
                       .nodes = build.nodes,
                       .node_count = build.node_count,
                       .pushed_limit = build.pushed_limit };
    *out = plan;
    return HB_OK;
}
