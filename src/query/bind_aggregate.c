// SPDX-License-Identifier: MIT
/* group_by, aggregate and having: names become columns, and the outputs a schema of their own,
 * which order, select and having are bound against. */
#include "base/num.h"
#include "query/spec.h"

static const hb_str reducer_names[HB_REDUCE_TOTAL] = {
    [HB_REDUCE_COUNT] = { "count", 5 },
    [HB_REDUCE_SUM] = { "sum", 3 },
    [HB_REDUCE_AVG] = { "avg", 3 },
    [HB_REDUCE_MIN] = { "min", 3 },
    [HB_REDUCE_MAX] = { "max", 3 },
    [HB_REDUCE_MEDIAN] = { "median", 6 },
    [HB_REDUCE_PERCENTILE] = { "percentile", 10 },
    [HB_REDUCE_VALUE_COUNTS] = { "value_counts", 12 },
    [HB_REDUCE_KEY_COUNTS] = { "key_counts", 10 },
    [HB_REDUCE_KEY_SUMS] = { "key_sums", 8 },
    [HB_REDUCE_COLUMN_SUMMARY] = { "column_summary", 14 },
};

hb_str hb_reducer_name(hb_reducer reducer) {
    return reducer_names[reducer];
}

static const hb_type type_integer = { .id = HB_TYPE_INTEGER };
static const hb_type type_float = { .id = HB_TYPE_FLOAT };
static const hb_type type_json = { .id = HB_TYPE_JSON };
static const hb_type type_id = { .id = HB_TYPE_IDENTIFIER };

static bool type_is_integer(const hb_type *type) {
    return type->id == HB_TYPE_INTEGER || type->id == HB_TYPE_DURATION ||
           (type->id == HB_TYPE_CATEGORICAL && type->int_base);
}

/* A path may lead to anything; what does not fit is left out or refused when it is met. */
static bool reducer_accepts(hb_reducer reducer, const hb_type *type, bool path) {
    switch (reducer) {
    case HB_REDUCE_SUM:
    case HB_REDUCE_AVG:
    case HB_REDUCE_MEDIAN:
    case HB_REDUCE_PERCENTILE: return path || type_is_integer(type) || type->id == HB_TYPE_FLOAT;
    case HB_REDUCE_MIN:
    case HB_REDUCE_MAX: return path || hb_type_is_ordered(type) || type->id == HB_TYPE_CATEGORICAL;
    case HB_REDUCE_KEY_COUNTS:
    case HB_REDUCE_KEY_SUMS:
    case HB_REDUCE_VALUE_COUNTS:
    case HB_REDUCE_COLUMN_SUMMARY: return type->id != HB_TYPE_ARTIFACT;
    case HB_REDUCE_COUNT:
    case HB_REDUCE_TOTAL: break;
    }
    return true;
}

static const hb_type *reducer_type(const hb_measure *measure, const hb_type *type) {
    bool path = measure->col.kind == HB_COL_PATH;
    switch ((int)measure->reducer) {
    case HB_REDUCE_COUNT: return &type_integer;
    case HB_REDUCE_SUM: return !path && type_is_integer(type) ? &type_integer : &type_float;
    case HB_REDUCE_AVG:
    case HB_REDUCE_MEDIAN:
    case HB_REDUCE_PERCENTILE: return &type_float;
    case HB_REDUCE_MIN:
    case HB_REDUCE_MAX:
        if (path) return &type_json;
        return type->id == HB_TYPE_CATEGORICAL && type->int_base ? &type_integer : type;
    default: return &type_json;
    }
}

static const hb_str summary_kinds[HB_SUMMARY_TOTAL] = {
    [HB_SUMMARY_BOOL] = { "bool", 4 },     [HB_SUMMARY_JSON] = { "json", 4 },
    [HB_SUMMARY_LIST] = { "list", 4 },     [HB_SUMMARY_NUMERIC] = { "numeric", 7 },
    [HB_SUMMARY_TEXT] = { "text", 4 },     [HB_SUMMARY_TIME] = { "time", 4 },
    [HB_SUMMARY_VECTOR] = { "vector", 6 },
};

static hb_summary_kind type_summary(const hb_type *type, bool path) {
    if (path) return HB_SUMMARY_JSON;
    switch ((int)type->id) {
    case HB_TYPE_INTEGER:
    case HB_TYPE_DURATION:
    case HB_TYPE_FLOAT: return HB_SUMMARY_NUMERIC;
    case HB_TYPE_BOOLEAN: return HB_SUMMARY_BOOL;
    case HB_TYPE_DATE:
    case HB_TYPE_TIMESTAMP: return HB_SUMMARY_TIME;
    case HB_TYPE_VECTOR: return HB_SUMMARY_VECTOR;
    case HB_TYPE_JSON: return HB_SUMMARY_JSON;
    case HB_TYPE_ARRAY:
    case HB_TYPE_HYPER_G: return HB_SUMMARY_LIST;
    default: return HB_SUMMARY_TEXT;
    }
}

/* The kind that is asked for, or that of the field's type. */
static hb_status check_kind(yyjson_val *kind, hb_summary_kind *out, hb_err *err) {
    if (kind == NULL) return HB_OK;
    hb_str word = yyjson_is_str(kind) ? spec_str(kind) : HB_STR_EMPTY;
    for (uint32_t i = 0; i < HB_SUMMARY_TOTAL; i++) {
        if (!hb_str_eq(word, summary_kinds[i])) continue;
        *out = (hb_summary_kind)i;
        return HB_OK;
    }
    hb_err_set(err, HB_E_QUERY,
               "column_summary has no kind '%.*s': it is bool, json, list, numeric, text, time or "
               "vector",
               HB_ARG(word));
    return hb_err_hint(err, word, summary_kinds, HB_SUMMARY_TOTAL);
}

/* A number, or a text that is one. */
static hb_status check_q(yyjson_val *q, double *out, hb_err *err) {
    *out = yyjson_get_num(q);
    bool text = yyjson_is_str(q) && hb_num_parse_f64(hb_str_trim(spec_str(q)), out) != HB_NUM_BAD;
    if (!yyjson_is_num(q) && !text)
        return hb_err_set(err, HB_E_TYPE, "percentile needs a number q");
    if (*out >= 0.0 && *out <= 1.0) return HB_OK;
    return hb_err_set(err, HB_E_QUERY, "percentile q must be between 0 and 1");
}

static hb_status bind_options(hb_measure *out, yyjson_val *options, hb_err *err) {
    yyjson_val *asked = NULL; /* q of a percentile, kind of a summary */
    yyjson_obj_iter iter = yyjson_obj_iter_with(options);
    for (yyjson_val *key = yyjson_obj_iter_next(&iter); key; key = yyjson_obj_iter_next(&iter)) {
        hb_str name = hb_str_trim(spec_str(key));
        yyjson_val *value = yyjson_obj_iter_get_val(key);
        bool distinct = out->reducer == HB_REDUCE_COUNT && hb_str_eq(name, HB_STR("distinct"));
        if (distinct && yyjson_is_bool(value)) {
            out->distinct = yyjson_get_bool(value);
        } else if (distinct) {
            return hb_err_set(err, HB_E_TYPE, "aggregate '%.*s': distinct takes true or false",
                              HB_ARG(out->name));
        } else if ((out->reducer == HB_REDUCE_PERCENTILE && hb_str_eq(name, HB_STR("q"))) ||
                   (out->reducer == HB_REDUCE_COLUMN_SUMMARY && hb_str_eq(name, HB_STR("kind")))) {
            asked = value;
        } else if (!hb_str_eq(name, HB_STR("field"))) {
            return hb_err_set(err, HB_E_TYPE, "aggregate '%.*s': %.*s has no option '%.*s'",
                              HB_ARG(out->name), HB_ARG(reducer_names[out->reducer]), HB_ARG(name));
        }
    }
    out->q = 0.5;
    if (out->reducer == HB_REDUCE_COLUMN_SUMMARY) return check_kind(asked, &out->kind, err);
    return out->reducer == HB_REDUCE_PERCENTILE ? check_q(asked, &out->q, err) : HB_OK;
}

static hb_status bind_measure_field(bind_ctx *ctx, hb_measure *out, yyjson_val *options,
                                    const hb_type **type, hb_err *err) {
    yyjson_val *field = yyjson_obj_get(options, "field");
    if (!yyjson_is_str(field)) {
        return hb_err_set(err, HB_E_QUERY, "aggregate '%.*s' needs 'field'", HB_ARG(out->name));
    }
    HB_TRY(bind_field_column(ctx, "aggregate", hb_str_trim(spec_str(field)), &out->col, err));
    *type = ctx->schema->fields[out->col.field].type;
    if (reducer_accepts(out->reducer, *type, out->col.kind == HB_COL_PATH)) return HB_OK;
    hb_err_set(err, HB_E_QUERY, "%.*s is not defined on %.*s field '%.*s'",
               HB_ARG(reducer_names[out->reducer]), HB_ARG(hb_type_name((*type)->id)),
               HB_ARG(out->col.name));
    return hb_err_where(err, ctx->schema->entity_id, out->col.name, HB_STR_EMPTY);
}

static hb_status bind_measure(bind_ctx *ctx, yyjson_val *metric, hb_measure *out,
                              const hb_type **type, hb_err *err) {
    if (out->name.len == 0) return hb_err_set(err, HB_E_QUERY, "an aggregate needs a name");
    if (hb_str_eq(out->name, HB_STR("object_id"))) {
        return hb_err_set(err, HB_E_QUERY, "the aggregate name 'object_id' is reserved");
    }
    if (!yyjson_is_obj(metric)) {
        return hb_err_set(err, HB_E_TYPE, "aggregate '%.*s' takes a mapping, got a %s",
                          HB_ARG(out->name), spec_kind_name(metric));
    }
    if (yyjson_obj_size(metric) != 1) {
        return hb_err_set(err, HB_E_QUERY, "aggregate '%.*s' takes exactly one operation",
                          HB_ARG(out->name));
    }
    yyjson_obj_iter iter = yyjson_obj_iter_with(metric);
    yyjson_val *key = yyjson_obj_iter_next(&iter);
    yyjson_val *options = yyjson_obj_iter_get_val(key);
    hb_str word = hb_str_trim(spec_str(key));
    if (word.len > 0 && word.ptr[0] == '$') word = hb_str_sub(word, 1, word.len);
    uint32_t reducer = 0;
    while (reducer < HB_REDUCE_TOTAL && !hb_str_eq_nocase(word, reducer_names[reducer])) reducer++;
    if (reducer == HB_REDUCE_TOTAL) {
        hb_err_set(err, HB_E_QUERY, "unsupported aggregate operation '%.*s'", HB_ARG(word));
        return hb_err_hint(err, word, reducer_names, HB_REDUCE_TOTAL);
    }
    out->reducer = (hb_reducer)reducer;
    if (!yyjson_is_obj(options)) {
        return hb_err_set(err, HB_E_TYPE, "aggregate '%.*s': %.*s takes a mapping, got a %s",
                          HB_ARG(out->name), HB_ARG(word), spec_kind_name(options));
    }
    HB_TRY(bind_measure_field(ctx, out, options, type, err));
    out->kind = type_summary(*type, out->col.kind == HB_COL_PATH);
    HB_TRY(bind_options(out, options, err));
    *type = reducer_type(out, *type);
    return HB_OK;
}

static bool type_groups(const hb_type *type) {
    return type->id != HB_TYPE_JSON && type->id != HB_TYPE_ARRAY && type->id != HB_TYPE_VECTOR &&
           type->id != HB_TYPE_HYPER_G;
}

static hb_status bind_group(bind_ctx *ctx, yyjson_val *item, hb_col *out, hb_err *err) {
    if (!yyjson_is_str(item)) {
        return hb_err_set(err, HB_E_TYPE, "group_by takes a list of names, got a %s",
                          spec_kind_name(item));
    }
    hb_str name = hb_str_trim(spec_str(item));
    HB_TRY(bind_field_column(ctx, "group_by", name, out, err));
    const hb_type *type = ctx->schema->fields[out->field].type;
    if (out->kind != HB_COL_PATH && !type_groups(type)) {
        hb_err_set(err, HB_E_QUERY, "%.*s field '%.*s' cannot be grouped by",
                   HB_ARG(hb_type_name(type->id)), HB_ARG(name));
        return hb_err_where(err, ctx->schema->entity_id, name, HB_STR_EMPTY);
    }
    return HB_OK;
}

static void add_output(hb_schema *schema, hb_str name, const hb_type *type) {
    hb_field *fields = (hb_field *)(uintptr_t)schema->fields;
    fields[schema->field_count++] =
        (hb_field){ .name = name, .type = type, .kind = hb_type_kind(type) };
}

static hb_status bind_groups(bind_ctx *ctx, hb_schema *schema, hb_aggregate *out, hb_err *err) {
    yyjson_val *list = ctx->spec->group_by;
    hb_col *groups = HB_NEW_ARRAY(ctx->arena, hb_col, yyjson_arr_size(list));
    if (groups == NULL) return hb_err_memory(err);
    out->groups = groups;
    yyjson_arr_iter iter = yyjson_arr_iter_with(list);
    for (yyjson_val *item = yyjson_arr_iter_next(&iter); item; item = yyjson_arr_iter_next(&iter)) {
        hb_col *col = &groups[out->group_count++];
        HB_TRY(bind_group(ctx, item, col, err));
        if (hb_schema_find(schema, col->name) != HB_FIELD_NONE) {
            return hb_err_set(err, HB_E_QUERY, "group_by names '%.*s' twice", HB_ARG(col->name));
        }
        if (col->kind != HB_COL_PATH &&
            ctx->schema->fields[col->field].type->id == HB_TYPE_ARTIFACT) {
            return hb_err_set(err, HB_E_QUERY, "group_by: '%.*s' holds bytes, which make no groups",
                              HB_ARG(col->name));
        }
        add_output(schema, col->name,
                   col->kind == HB_COL_PATH ? &type_json : ctx->schema->fields[col->field].type);
    }
    return HB_OK;
}

static hb_status bind_measures(bind_ctx *ctx, hb_schema *schema, hb_aggregate *out, hb_err *err) {
    yyjson_val *aggregate = ctx->spec->aggregate;
    if (aggregate == NULL) return HB_OK;
    HB_TRY(spec_keys_unique(aggregate, ctx->mem, "aggregate", err));
    hb_measure *measures = HB_NEW_ARRAY(ctx->arena, hb_measure, yyjson_obj_size(aggregate));
    if (measures == NULL) return hb_err_memory(err);
    out->measures = measures;
    yyjson_obj_iter iter = yyjson_obj_iter_with(aggregate);
    for (yyjson_val *key = yyjson_obj_iter_next(&iter); key; key = yyjson_obj_iter_next(&iter)) {
        hb_measure *measure = &measures[out->measure_count++];
        const hb_type *type;
        measure->name = hb_str_trim(spec_str(key));
        HB_TRY(bind_measure(ctx, yyjson_obj_iter_get_val(key), measure, &type, err));
        if (hb_schema_find(schema, measure->name) != HB_FIELD_NONE) {
            return hb_err_set(err, HB_E_QUERY, "two columns of the result are called '%.*s'",
                              HB_ARG(measure->name));
        }
        add_output(schema, measure->name, type);
    }
    return HB_OK;
}

/* What plans refuse of a filter is refused here: no plan looks at having. */
static hb_status having_check(const hb_aggregate *in, const hb_expr *expr, hb_err *err) {
    if (expr->kind == HB_EXPR_LEAF && expr->op > HB_OP_COUNT)
        return hb_err_set(err, HB_E_QUERY, "having knows no operator '%.*s'",
                          HB_ARG(hb_op_name(expr->op)));
    if (expr->kind == HB_EXPR_LEAF) {
        const hb_type *type = in->schema->fields[expr->field].type;
        const bool path = type->id == HB_TYPE_JSON && expr->field <= in->group_count;
        if (!path && (hb_type_ops(type) >> expr->op & 1u) == 0)
            return hb_type_no_op(type, expr->op, err);
    }
    for (uint32_t i = 0; expr->kind != HB_EXPR_LEAF && i < expr->arg_count; i++) {
        HB_TRY(having_check(in, expr->args[i], err));
    }
    return HB_OK;
}

/* having is a filter over the outputs; its leaves count from 0 again. */
static hb_status bind_having(bind_ctx *ctx, hb_aggregate *out, hb_err *err) {
    if (ctx->spec->having == NULL) return HB_OK;
    bind_ctx inner = *ctx;
    inner.schema = out->schema;
    inner.leaf_count = 0;
    inner.group_count = out->group_count;
    hb_status status = bind_filter(&inner, ctx->spec->having, &out->having, err);
    if (status == HB_OK) return having_check(out, out->having, err);
    if (status != HB_E_UNKNOWN_FIELD) return status;
    if (err != NULL) err->code = HB_E_QUERY; /* no field of an entity, a column of this query */
    return HB_E_QUERY;
}

static hb_status check_shape(const hb_spec *spec, hb_err *err) {
    size_t count = yyjson_obj_size(spec->aggregate) + yyjson_arr_size(spec->group_by);
    if (spec->aggregate == NULL && spec->has_having) {
        return hb_err_set(err, HB_E_QUERY, "having needs aggregate: it filters aggregate rows");
    }
    if (spec->aggregate != NULL && !yyjson_is_obj(spec->aggregate)) {
        return hb_err_set(err, HB_E_TYPE, "aggregate takes a mapping, got a %s",
                          spec_kind_name(spec->aggregate));
    }
    if (spec->aggregate != NULL && yyjson_obj_size(spec->aggregate) == 0) {
        return hb_err_set(err, HB_E_QUERY, "aggregate needs at least one named metric");
    }
    if (spec->group_by != NULL && !yyjson_is_arr(spec->group_by)) {
        return hb_err_set(err, HB_E_TYPE, "group_by takes a list of names, got a %s",
                          spec_kind_name(spec->group_by));
    }
    if (spec->aggregate == NULL && count > 0)
        return hb_err_set(err, HB_E_QUERY, "group_by needs aggregate: groups alone have no values");
    if (spec->aggregate != NULL && spec->has_select)
        return hb_err_set(err, HB_E_QUERY,
                          "aggregate names the result's columns; leave out select");
    if (count <= HB_FIELDS_MAX) return HB_OK;
    return hb_err_set(err, HB_E_LIMIT, "an aggregate has more than %u columns", HB_FIELDS_MAX);
}

hb_status bind_aggregate(bind_ctx *ctx, const hb_aggregate **out, hb_err *err) {
    const hb_spec *spec = ctx->spec;
    HB_TRY(check_shape(spec, err));
    size_t count = yyjson_obj_size(spec->aggregate) + yyjson_arr_size(spec->group_by);
    if (count == 0) return HB_OK;
    hb_aggregate *aggregate = HB_NEW(ctx->arena, hb_aggregate);
    hb_schema *schema = HB_NEW(ctx->arena, hb_schema);
    hb_field *fields = HB_NEW_ARRAY(ctx->arena, hb_field, count + 1);
    if (aggregate == NULL || schema == NULL || fields == NULL) return hb_err_memory(err);
    schema->arena.mem = ctx->mem;
    schema->entity_id = ctx->schema->entity_id;
    schema->fields = fields;
    aggregate->schema = schema;
    add_output(schema, HB_STR_EMPTY, &type_id);
    if (spec->group_by != NULL) HB_TRY(bind_groups(ctx, schema, aggregate, err));
    HB_TRY(bind_measures(ctx, schema, aggregate, err));
    HB_TRY(bind_having(ctx, aggregate, err));
    *out = aggregate;
    return HB_OK;
}
