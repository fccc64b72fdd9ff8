// SPDX-License-Identifier: MIT
/* Shape and names of group_by, aggregate and having: what can be said about them without running
 * them. A mistake is reported as such, not as a missing feature. */
#include "query/spec.h"

enum {
    REDUCER_COUNT,
    REDUCER_SUM,
    REDUCER_AVG,
    REDUCER_MIN,
    REDUCER_MAX,
    REDUCER_MEDIAN,
    REDUCER_PERCENTILE,
    REDUCER_TOTAL
};

static const hb_str reducers[REDUCER_TOTAL] = {
    [REDUCER_COUNT] = { "count", 5 },
    [REDUCER_SUM] = { "sum", 3 },
    [REDUCER_AVG] = { "avg", 3 },
    [REDUCER_MIN] = { "min", 3 },
    [REDUCER_MAX] = { "max", 3 },
    [REDUCER_MEDIAN] = { "median", 6 },
    [REDUCER_PERCENTILE] = { "percentile", 10 },
};

static bool reducer_accepts(uint32_t reducer, const hb_type *type) {
    bool numeric = type->id == HB_TYPE_INTEGER || type->id == HB_TYPE_FLOAT ||
                   type->id == HB_TYPE_DURATION ||
                   (type->id == HB_TYPE_CATEGORICAL && type->int_base);
    if (reducer == REDUCER_COUNT) return true;
    if (reducer == REDUCER_MIN || reducer == REDUCER_MAX) return hb_type_is_ordered(type);
    return numeric;
}

static hb_status check_q(yyjson_val *q, hb_err *err) {
    if (q == NULL || !yyjson_is_num(q))
        return hb_err_set(err, HB_E_TYPE, "percentile needs a number q");
    double number = yyjson_get_num(q);
    if (!(number >= 0.0 && number <= 1.0)) {
        return hb_err_set(err, HB_E_QUERY, "percentile q must be between 0 and 1");
    }
    return HB_OK;
}

static hb_status check_options(uint32_t reducer, yyjson_val *options, hb_str output, hb_err *err) {
    yyjson_obj_iter iter = yyjson_obj_iter_with(options);
    for (yyjson_val *key = yyjson_obj_iter_next(&iter); key; key = yyjson_obj_iter_next(&iter)) {
        hb_str name = spec_str(key);
        bool known = hb_str_eq(name, HB_STR("field")) ||
                     (reducer == REDUCER_COUNT && hb_str_eq(name, HB_STR("distinct"))) ||
                     (reducer == REDUCER_PERCENTILE && hb_str_eq(name, HB_STR("q")));
        if (!known) {
            return hb_err_set(err, HB_E_TYPE, "aggregate '%.*s': %.*s has no option '%.*s'",
                              HB_ARG(output), HB_ARG(reducers[reducer]), HB_ARG(name));
        }
    }
    return reducer == REDUCER_PERCENTILE ? check_q(yyjson_obj_get(options, "q"), err) : HB_OK;
}

static hb_status check_field(bind_ctx *ctx, uint32_t reducer, yyjson_val *options, hb_str output,
                             hb_err *err) {
    yyjson_val *field = yyjson_obj_get(options, "field");
    if (!yyjson_is_str(field)) {
        return hb_err_set(err, HB_E_QUERY, "aggregate '%.*s' needs 'field'", HB_ARG(output));
    }
    hb_str name = spec_str(field);
    int64_t dot = hb_str_find(name, HB_STR("."), 0);
    uint32_t index =
        hb_schema_find(ctx->schema, dot > 0 ? hb_str_sub(name, 0, (uint32_t)dot) : name);
    if (index == HB_FIELD_NONE) {
        return hb_err_set(err, HB_E_QUERY, "unknown aggregate field '%.*s'", HB_ARG(name));
    }
    const hb_type *type = ctx->schema->fields[index].type;
    if (dot <= 0 && !reducer_accepts(reducer, type)) {
        hb_err_set(err, HB_E_QUERY, "%.*s is not defined on %.*s field '%.*s'",
                   HB_ARG(reducers[reducer]), HB_ARG(hb_type_name(type->id)), HB_ARG(name));
        return hb_err_where(err, ctx->schema->entity_id, name, HB_STR_EMPTY);
    }
    return HB_OK;
}

static hb_status check_metric(bind_ctx *ctx, hb_str output, yyjson_val *metric, hb_err *err) {
    if (hb_str_eq(output, HB_STR("object_id"))) {
        return hb_err_set(err, HB_E_QUERY, "the aggregate name 'object_id' is reserved");
    }
    if (!yyjson_is_obj(metric)) {
        return hb_err_set(err, HB_E_TYPE, "aggregate '%.*s' takes a mapping, got a %s",
                          HB_ARG(output), spec_kind_name(metric));
    }
    if (yyjson_obj_size(metric) != 1) {
        return hb_err_set(err, HB_E_QUERY, "aggregate '%.*s' takes exactly one operation",
                          HB_ARG(output));
    }
    yyjson_obj_iter iter = yyjson_obj_iter_with(metric);
    yyjson_val *key = yyjson_obj_iter_next(&iter);
    yyjson_val *options = yyjson_obj_iter_get_val(key);
    uint32_t reducer = 0;
    while (reducer < REDUCER_TOTAL && !hb_str_eq(spec_str(key), reducers[reducer])) {
        reducer++;
    }
    if (reducer == REDUCER_TOTAL) {
        hb_err_set(err, HB_E_QUERY, "unsupported aggregate operation '%.*s'",
                   HB_ARG(spec_str(key)));
        return hb_err_hint(err, spec_str(key), reducers, REDUCER_TOTAL);
    }
    if (!yyjson_is_obj(options)) {
        return hb_err_set(err, HB_E_TYPE, "aggregate '%.*s': %.*s takes a mapping, got a %s",
                          HB_ARG(output), HB_ARG(reducers[reducer]), spec_kind_name(options));
    }
    HB_TRY(check_field(ctx, reducer, options, output, err));
    return check_options(reducer, options, output, err);
}

static hb_status check_groups(bind_ctx *ctx, yyjson_val *group_by, yyjson_val *aggregate,
                              hb_err *err) {
    if (!yyjson_is_arr(group_by)) {
        return hb_err_set(err, HB_E_TYPE, "group_by takes a list of names, got a %s",
                          spec_kind_name(group_by));
    }
    yyjson_arr_iter iter = yyjson_arr_iter_with(group_by);
    for (yyjson_val *item = yyjson_arr_iter_next(&iter); item; item = yyjson_arr_iter_next(&iter)) {
        if (!yyjson_is_str(item)) {
            return hb_err_set(err, HB_E_TYPE, "group_by takes a list of names, got a %s",
                              spec_kind_name(item));
        }
        hb_str name = spec_str(item);
        int64_t dot = hb_str_find(name, HB_STR("."), 0);
        if (hb_schema_find(ctx->schema, dot > 0 ? hb_str_sub(name, 0, (uint32_t)dot) : name) ==
            HB_FIELD_NONE) {
            return hb_err_set(err, HB_E_QUERY, "unknown group field '%.*s'", HB_ARG(name));
        }
        if (aggregate != NULL && yyjson_obj_getn(aggregate, name.ptr, name.len) != NULL) {
            return hb_err_set(err, HB_E_QUERY, "'%.*s' is both a group field and an aggregate name",
                              HB_ARG(name));
        }
    }
    return HB_OK;
}

hb_status bind_aggregate_check(bind_ctx *ctx, hb_err *err) {
    yyjson_val *aggregate = ctx->spec->aggregate;
    if (aggregate == NULL && ctx->spec->having != NULL) {
        return hb_err_set(err, HB_E_QUERY, "having needs aggregate: it filters aggregate rows");
    }
    if (aggregate != NULL && !yyjson_is_obj(aggregate)) {
        return hb_err_set(err, HB_E_TYPE, "aggregate takes a mapping, got a %s",
                          spec_kind_name(aggregate));
    }
    if (aggregate != NULL && yyjson_obj_size(aggregate) == 0) {
        return hb_err_set(err, HB_E_QUERY, "aggregate needs at least one named metric");
    }
    if (ctx->spec->group_by != NULL) HB_TRY(check_groups(ctx, ctx->spec->group_by, aggregate, err));
    if (aggregate == NULL) return HB_OK;
    HB_TRY(spec_keys_unique(aggregate, ctx->mem, "aggregate", err));
    yyjson_obj_iter iter = yyjson_obj_iter_with(aggregate);
    for (yyjson_val *key = yyjson_obj_iter_next(&iter); key; key = yyjson_obj_iter_next(&iter)) {
        HB_TRY(check_metric(ctx, spec_str(key), yyjson_obj_iter_get_val(key), err));
    }
    return HB_OK;
}
