// SPDX-License-Identifier: MIT
/* The words of the query language: operators, metrics, search modes. One table each. */
#include <assert.h>

#include "query/ir.h"

static_assert(HB_OP_COUNT <= 32, "operator sets are 32 bits wide");

static const hb_str op_names[] = {
    [HB_OP_EQ] = { "eq", 2 },
    [HB_OP_NE] = { "ne", 2 },
    [HB_OP_LT] = { "lt", 2 },
    [HB_OP_LTE] = { "lte", 3 },
    [HB_OP_GT] = { "gt", 2 },
    [HB_OP_GTE] = { "gte", 3 },
    [HB_OP_IN] = { "in", 2 },
    [HB_OP_IS_NULL] = { "is_null", 7 },
    [HB_OP_MATCH] = { "match", 5 },
    [HB_OP_CONTAINS] = { "contains", 8 },
    [HB_OP_STARTS_WITH] = { "starts_with", 11 },
    [HB_OP_ENDS_WITH] = { "ends_with", 9 },
    [HB_OP_LIKE] = { "like", 4 },
    [HB_OP_ILIKE] = { "ilike", 5 },
    [HB_OP_WILDCARD] = { "wildcard", 8 },
    [HB_OP_REGEX] = { "regex", 5 },
    [HB_OP_HAS_WORDS] = { "has_words", 9 },
    [HB_OP_ARRAY_CONTAINS] = { "array_contains", 14 },
    [HB_OP_CONTAINED_IN] = { "contained_in", 12 },
    [HB_OP_EXISTS] = { "exists", 6 },
    [HB_OP_ALL] = { "all", 3 },
    [HB_OP_GET] = { "get", 3 },
    [HB_OP_NEAR] = { "near", 4 },
};

static const struct {
    hb_str name;
    hb_metric metric;
} metric_names[] = {
    { { "cosine", 6 }, HB_METRIC_COSINE }, { { "l2", 2 }, HB_METRIC_L2 },
    { { "dot", 3 }, HB_METRIC_DOT },       { { "euclidean", 9 }, HB_METRIC_L2 },
    { { "ip", 2 }, HB_METRIC_DOT },        { { "inner_product", 13 }, HB_METRIC_DOT },
};

hb_str hb_op_name(hb_op op) {
    HB_ASSERT(op < sizeof op_names / sizeof op_names[0] && op != HB_OP_COUNT);
    return op_names[op];
}

bool hb_op_find(hb_str name, hb_op *out) {
    name = hb_str_trim(name);
    if (name.len > 0 && name.ptr[0] == '$') {
        name = hb_str_sub(name, 1, name.len);
    }
    for (uint32_t i = 0; i < HB_OP_COUNT; i++) {
        if (hb_str_eq_nocase(name, op_names[i])) {
            *out = (hb_op)i;
            return true;
        }
    }
    if (hb_str_eq_nocase(name, HB_STR("any"))) {
        *out = HB_OP_EXISTS;
        return true;
    }
    return false;
}

hb_str hb_metric_name(hb_metric metric) {
    HB_ASSERT(metric <= HB_METRIC_DOT);
    return metric_names[metric].name;
}

bool hb_metric_find(hb_str name, hb_metric *out) {
    for (size_t i = 0; i < sizeof metric_names / sizeof metric_names[0]; i++) {
        if (hb_str_eq_nocase(name, metric_names[i].name)) {
            *out = metric_names[i].metric;
            return true;
        }
    }
    return false;
}

hb_status hb_near_misfit(const hb_near *near, uint32_t dim, hb_err *err) {
    return hb_err_set(err, HB_E_VALIDATION, "the query vector has %u numbers, the field %u",
                      (unsigned)near->dim, (unsigned)dim);
}

hb_vector_index_kind hb_near_index(const hb_schema *schema, const hb_near *near, const char **why) {
    const hb_vector_hint *hint = &schema->fields[near->field].vector;
    *why = hint->kind == HB_VECTOR_EXACT           ? NULL
           : near->exact                           ? "the query asks for an exact answer"
           : hint->metric != (uint8_t)near->metric ? "the index is made for another metric"
                                                   : NULL;
    return *why == NULL ? (hb_vector_index_kind)hint->kind : HB_VECTOR_EXACT;
}

hb_str hb_search_mode_name(hb_search_mode mode) {
    switch (mode) {
    case HB_SEARCH_ANY: return HB_STR("any");
    case HB_SEARCH_ALL: return HB_STR("all");
    case HB_SEARCH_PHRASE: return HB_STR("phrase");
    case HB_SEARCH_PREFIX: return HB_STR("prefix");
    }
    return HB_STR("any");
}

static uint32_t type_ops(const hb_type *type) {
    switch (type->id) {
    case HB_TYPE_IDENTIFIER:
    case HB_TYPE_SHORT_TEXT:
    case HB_TYPE_MEDIUM_TEXT:
    case HB_TYPE_LONG_TEXT: return HB_OPS_EQUALITY | HB_OPS_ORDER | HB_OPS_PROSE;
    case HB_TYPE_DATE: return HB_OPS_EQUALITY | HB_OPS_ORDER | HB_OPS_TEXT;
    case HB_TYPE_CATEGORICAL:
        return type->int_base ? HB_OPS_EQUALITY | HB_OPS_ORDER | HB_OP_BIT(HB_OP_CONTAINED_IN)
                              : HB_OPS_EQUALITY | HB_OPS_PROSE;
    case HB_TYPE_INTEGER:
    case HB_TYPE_FLOAT:
    case HB_TYPE_TIMESTAMP:
    case HB_TYPE_DURATION: return HB_OPS_EQUALITY | HB_OPS_ORDER;
    case HB_TYPE_BOOLEAN:
    case HB_TYPE_JSON: return HB_OPS_EQUALITY;
    case HB_TYPE_ARRAY:
        return HB_OPS_EQUALITY | HB_OP_BIT(HB_OP_ARRAY_CONTAINS) | HB_OP_BIT(HB_OP_CONTAINED_IN);
    case HB_TYPE_HYPER_G:
        return HB_OPS_EQUALITY | HB_OP_BIT(HB_OP_EXISTS) | HB_OP_BIT(HB_OP_ALL) |
               HB_OP_BIT(HB_OP_MATCH);
    case HB_TYPE_VECTOR: return HB_OP_BIT(HB_OP_EQ);
    case HB_TYPE_ARTIFACT:
    case HB_TYPE_COUNT: break;
    }
    return 0;
}

uint32_t hb_type_ops(const hb_type *type) {
    return type_ops(type) | HB_OP_BIT(HB_OP_IS_NULL);
}

hb_status hb_type_no_op(const hb_type *type, hb_op op, hb_err *err) {
    hb_str known[HB_OP_COUNT];
    size_t count = 0;
    for (uint32_t i = 0; i < HB_OP_COUNT; i++) {
        if (hb_op_in((hb_op)i, hb_type_ops(type))) {
            known[count++] = op_names[i];
        }
    }
    hb_err_set(err, HB_E_UNSUPPORTED, "%.*s fields have no operator '%.*s'",
               HB_ARG(hb_type_name(type->id)), HB_ARG(hb_op_name(op)));
    return hb_err_hint(err, hb_op_name(op), known, count);
}

bool hb_expr_has_match(const hb_expr *expr) {
    if (expr == NULL || expr->kind == HB_EXPR_NOT) return false;
    if (expr->kind == HB_EXPR_LEAF) return expr->op == HB_OP_CONTAINED_IN;
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        if (hb_expr_has_match(expr->args[i])) return true;
    }
    return false;
}
