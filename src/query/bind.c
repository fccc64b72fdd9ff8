// SPDX-License-Identifier: MIT
/* hb_spec + schema + parameters -> hb_query: names become field indexes, operands become values of
 * their field's type. Whatever is wrong with a query is found here, before any backend is asked. */
#include "query/spec.h"

#include "base/num.h"
#include "value/coerce.h"

/* ---- operands --------------------------------------------------------------------------- */

static hb_status bind_param(bind_ctx *ctx, uint32_t index, hb_value *out, hb_err *err) {
    if (index >= ctx->param_count) {
        return hb_err_set(err, HB_E_QUERY, "parameter %u is missing: %u given", (unsigned)index,
                          (unsigned)ctx->param_count);
    }
    *out = ctx->params[index];
    return HB_OK;
}

/* Integers beyond int64 become floats, as in every JSON reader of this code base. */
static hb_value scalar_value(yyjson_val *json) {
    hb_value value = { .kind = HB_KIND_NULL };
    if (yyjson_is_bool(json)) {
        value.kind = HB_KIND_BOOL;
        value.as.b = yyjson_get_bool(json);
    } else if (yyjson_is_str(json)) {
        value.kind = HB_KIND_TEXT;
        value.as.s = spec_str(json);
    } else if (yyjson_is_sint(json) ||
               (yyjson_is_uint(json) && yyjson_get_uint(json) <= INT64_MAX)) {
        value.kind = HB_KIND_I64;
        value.as.i = yyjson_get_sint(json);
    } else if (yyjson_is_num(json)) {
        value.kind = HB_KIND_F64;
        value.as.f = yyjson_get_num(json);
    }
    return value;
}

static hb_status operand_pack(bind_ctx *ctx, yyjson_val *json, uint32_t depth, hb_buf *out,
                              hb_err *err) {
    uint32_t index;
    if (depth > HB_VALUE_DEPTH_MAX) {
        return hb_err_set(err, HB_E_LIMIT, "an operand nests deeper than %u levels",
                          HB_VALUE_DEPTH_MAX);
    }
    hb_value value;
    if (spec_param(json, &index)) {
        HB_TRY(bind_param(ctx, index, &value, err));
        hb_pack_value(out, &value);
    } else if (yyjson_is_arr(json)) {
        hb_pack_array(out, (uint32_t)yyjson_arr_size(json));
        yyjson_arr_iter iter = yyjson_arr_iter_with(json);
        for (yyjson_val *item = yyjson_arr_iter_next(&iter); item;
             item = yyjson_arr_iter_next(&iter)) {
            HB_TRY(operand_pack(ctx, item, depth + 1, out, err));
        }
    } else if (yyjson_is_obj(json)) {
        HB_TRY(spec_keys_unique(json, ctx->mem, "operand", err));
        hb_pack_map(out, (uint32_t)yyjson_obj_size(json));
        yyjson_obj_iter iter = yyjson_obj_iter_with(json);
        for (yyjson_val *key = yyjson_obj_iter_next(&iter); key;
             key = yyjson_obj_iter_next(&iter)) {
            hb_pack_str(out, spec_str(key));
            HB_TRY(operand_pack(ctx, yyjson_obj_iter_get_val(key), depth + 1, out, err));
        }
    } else {
        value = scalar_value(json);
        hb_pack_value(out, &value);
    }
    return HB_OK;
}

hb_status bind_operand(bind_ctx *ctx, yyjson_val *json, hb_value *out, hb_err *err) {
    uint32_t index;
    if (spec_param(json, &index)) return bind_param(ctx, index, out, err);
    if (!yyjson_is_ctn(json)) {
        *out = scalar_value(json);
        return HB_OK;
    }
    hb_buf pack;
    hb_buf_init(&pack, ctx->mem);
    hb_status status = operand_pack(ctx, json, 0, &pack, err);
    if (status == HB_OK) {
        status = hb_buf_check(&pack, err);
    }
    if (status == HB_OK) {
        out->kind = HB_KIND_PACK;
        out->as.s = hb_arena_str(ctx->arena, hb_buf_str(&pack));
        if (out->as.s.ptr == NULL) {
            status = hb_err_memory(err);
        }
    }
    hb_buf_free(&pack);
    return status;
}

hb_status bind_whole(bind_ctx *ctx, yyjson_val *json, const char *what, int64_t *out, hb_err *err) {
    hb_value value;
    HB_TRY(bind_operand(ctx, json, &value, err));
    if (value.kind == HB_KIND_I64) {
        *out = value.as.i;
        return HB_OK;
    }
    if (value.kind == HB_KIND_F64 && value.as.f >= -9007199254740992.0 &&
        value.as.f <= 9007199254740992.0 && value.as.f == (double)(int64_t)value.as.f) {
        *out = (int64_t)value.as.f;
        return HB_OK;
    }
    if (value.kind == HB_KIND_TEXT || value.kind == HB_KIND_F64) {
        if (value.kind == HB_KIND_TEXT &&
            hb_num_parse_i64(hb_str_trim(value.as.s), out) == HB_NUM_OK) {
            return HB_OK;
        }
        return hb_err_set(err, HB_E_QUERY, "%s takes a whole number", what);
    }
    return hb_err_set(err, HB_E_TYPE, "%s takes a whole number", what);
}

static hb_status bind_params(bind_ctx *ctx, hb_str pack, hb_err *err) {
    if (pack.len == 0) return HB_OK;
    hb_pack_reader reader = hb_pack_read(pack);
    hb_pack_item head;
    if (!hb_pack_next(&reader, &head) || head.tag != HB_PACK_ARRAY || head.count > pack.len) {
        return hb_err_set(err, HB_E_TYPE, "the parameters are not a list");
    }
    hb_value *params = HB_NEW_ARRAY(ctx->arena, hb_value, head.count);
    if (params == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < head.count; i++) {
        hb_str whole;
        if (!hb_pack_skip(&reader, &whole) || !hb_pack_valid(whole)) {
            return hb_err_set(err, HB_E_TYPE, "parameter %u is malformed", (unsigned)i);
        }
        HB_TRY(hb_pack_to_value(whole, ctx->arena, &params[i], err));
    }
    ctx->params = params;
    ctx->param_count = head.count;
    return HB_OK;
}

/* ---- columns ---------------------------------------------------------------------------- */

hb_status bind_path_split(bind_ctx *ctx, hb_str text, const hb_str **path, uint32_t *path_len,
                          hb_err *err) {
    uint32_t count = 1;
    for (uint32_t i = 0; i < text.len; i++) {
        count += text.ptr[i] == '.';
    }
    if (count > HB_VALUE_DEPTH_MAX) {
        return hb_err_set(err, HB_E_LIMIT, "a path has more than %u keys", HB_VALUE_DEPTH_MAX);
    }
    hb_str *keys = HB_NEW_ARRAY(ctx->arena, hb_str, count);
    if (keys == NULL) return hb_err_memory(err);
    uint32_t start = 0;
    for (uint32_t k = 0; k < count; k++) {
        uint32_t end = start;
        while (end < text.len && text.ptr[end] != '.') {
            end++;
        }
        if (end == start) {
            return hb_err_set(err, HB_E_QUERY, "the path '%.*s' has an empty key", HB_ARG(text));
        }
        keys[k] = hb_str_sub(text, start, end - start);
        start = end + 1;
    }
    *path = keys;
    *path_len = count;
    return HB_OK;
}

static hb_status unknown_column(bind_ctx *ctx, const char *clause, hb_str name, hb_err *err) {
    uint32_t count = ctx->schema->field_count;
    hb_str *names = HB_NEW_ARRAY(ctx->arena, hb_str, count);
    if (names == NULL) return hb_err_memory(err);
    uint32_t first = ctx->schema->fields[0].name.len == 0; /* rows without identity */
    for (uint32_t i = first; i < count; i++) {
        names[i - first] = ctx->schema->fields[i].name;
    }
    count -= first;
    hb_err_set(err, HB_E_QUERY, "%s names '%.*s', which is not a column of %.*s", clause,
               HB_ARG(name), HB_ARG(ctx->schema->entity_id));
    hb_err_hint(err, name, names, count);
    return hb_err_where(err, ctx->schema->entity_id, name, HB_STR_EMPTY);
}

/* Score columns exist only beside near or search; each alone has one score under every name. */
static bool score_column(const hb_query *query, hb_str name, hb_col_kind *kind) {
    bool hybrid = query->near != NULL && query->search != NULL;
    if (query->near == NULL && query->search == NULL) return false;
    if (hb_str_eq(name, HB_STR("score"))) {
        *kind = HB_COL_SCORE;
        return true;
    }
    if (hb_str_eq(name, HB_STR("near_score")) && query->near != NULL) {
        *kind = hybrid ? HB_COL_NEAR_SCORE : HB_COL_SCORE;
        return true;
    }
    if (hb_str_eq(name, HB_STR("search_score")) && query->search != NULL) {
        *kind = hybrid ? HB_COL_SEARCH_SCORE : HB_COL_SCORE;
        return true;
    }
    return false;
}

hb_status bind_field_column(bind_ctx *ctx, const char *clause, hb_str name, hb_col *out,
                            hb_err *err) {
    *out = (hb_col){ .kind = HB_COL_FIELD, .name = name, .field = HB_FIELD_NONE };
    out->field = hb_schema_find(ctx->schema, name);
    if (out->field != HB_FIELD_NONE) return HB_OK;
    int64_t dot = hb_str_find(name, HB_STR("."), 0);
    if (dot <= 0 || (uint32_t)dot + 1 >= name.len) return unknown_column(ctx, clause, name, err);
    out->field = hb_schema_find(ctx->schema, hb_str_sub(name, 0, (uint32_t)dot));
    if (out->field == HB_FIELD_NONE) return unknown_column(ctx, clause, name, err);
    if (ctx->schema->fields[out->field].type->id != HB_TYPE_JSON) {
        (void)unknown_column(ctx, clause, name, err);
        if (err != NULL) err->code = HB_E_UNKNOWN_FIELD; /* there is nothing below a scalar */
        return HB_E_UNKNOWN_FIELD;
    }
    out->kind = HB_COL_PATH;
    return bind_path_split(ctx, hb_str_sub(name, (uint32_t)dot + 1, name.len), &out->path,
                           &out->path_len, err);
}

static hb_status bind_column(bind_ctx *ctx, const hb_query *query, const char *clause, hb_str name,
                             hb_col *out, hb_err *err) {
    *out = (hb_col){ .kind = HB_COL_FIELD, .name = name, .field = HB_FIELD_NONE };
    if (query->aggregate == NULL && score_column(query, name, &out->kind)) return HB_OK;
    if (query->aggregate == NULL && hb_str_eq(name, HB_STR("match")) &&
        hb_expr_has_match(query->filter)) {
        out->kind = HB_COL_MATCH;
        return HB_OK;
    }
    return bind_field_column(ctx, clause, name, out, err);
}

static hb_status bind_select(bind_ctx *ctx, hb_query *query, hb_err *err) {
    const hb_spec *spec = ctx->spec;
    query->select_all = !spec->has_select;
    hb_col *columns = HB_NEW_ARRAY(ctx->arena, hb_col, spec->select_count);
    if (columns == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < spec->select_count; i++) {
        hb_str name = hb_str_trim(spec->select[i]);
        for (uint32_t k = 0; k < i; k++) {
            if (hb_str_eq(name, hb_str_trim(spec->select[k]))) {
                return hb_err_set(err, HB_E_QUERY, "select names '%.*s' twice", HB_ARG(name));
            }
        }
        hb_col column;
        HB_TRY(bind_column(ctx, query, "select", name, &column, err));
        if (column.kind != HB_COL_FIELD || column.field != HB_FIELD_OBJECT_ID) {
            columns[query->select_count++] = column;
        }
    }
    query->select = columns;
    return HB_OK;
}

static hb_status bind_order(bind_ctx *ctx, hb_query *query, hb_err *err) {
    const hb_spec *spec = ctx->spec;
    hb_order *order = HB_NEW_ARRAY(ctx->arena, hb_order, spec->order_count);
    if (order == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < spec->order_count; i++) {
        hb_str name = spec->order[i];
        if (name.ptr[0] == '-') {
            order[i].desc = true;
            name = hb_str_sub(name, 1, name.len);
        }
        name = hb_str_trim(name);
        HB_TRY(bind_column(ctx, query, "order", name, &order[i].col, err));
        if (order[i].col.kind == HB_COL_MATCH)
            return hb_err_set(err, HB_E_QUERY, "the column 'match' has no order");
    }
    query->order = order;
    query->order_count = spec->order_count;
    return HB_OK;
}

static hb_status bind_paging(bind_ctx *ctx, hb_query *query, hb_err *err) {
    int64_t number;
    query->limit = HB_NO_LIMIT;
    if (ctx->spec->limit != NULL) {
        HB_TRY(bind_whole(ctx, ctx->spec->limit, "limit", &number, err));
        if (number < 0) return hb_err_set(err, HB_E_QUERY, "limit must be zero or more");
        query->limit = (uint64_t)number;
    }
    if (ctx->spec->offset != NULL) {
        HB_TRY(bind_whole(ctx, ctx->spec->offset, "offset", &number, err));
        if (number < 0) return hb_err_set(err, HB_E_QUERY, "offset must be zero or more");
        query->offset = (uint64_t)number;
    }
    return HB_OK;
}

/* ---- ranking ---------------------------------------------------------------------------- */

static hb_status bind_top_k(bind_ctx *ctx, yyjson_val *json, const char *what, uint32_t *out,
                            hb_err *err) {
    int64_t number = HB_TOP_K_DEFAULT;
    if (json != NULL) HB_TRY(bind_whole(ctx, json, what, &number, err));
    if (number <= 0) return hb_err_set(err, HB_E_QUERY, "%s must be one or more", what);
    if (number > HB_TOP_K_MAX) {
        return hb_err_set(err, HB_E_LIMIT, "%s is at most %u", what, HB_TOP_K_MAX);
    }
    *out = (uint32_t)number;
    return HB_OK;
}

static hb_status bind_ef(bind_ctx *ctx, yyjson_val *json, uint32_t *out, hb_err *err) {
    int64_t number;
    HB_TRY(bind_whole(ctx, json, "near.ef", &number, err));
    if (number < 1 || number > HB_EF_MAX) {
        return hb_err_set(err, HB_E_QUERY, "near.ef must be from 1 to %u", HB_EF_MAX);
    }
    *out = (uint32_t)number;
    return HB_OK;
}

static hb_status bind_metric(bind_ctx *ctx, hb_str name, hb_metric *out, hb_err *err) {
    static const hb_str known[] = { { "cosine", 6 }, { "l2", 2 }, { "dot", 3 } };
    (void)ctx;
    if (name.len == 0 || hb_metric_find(name, out)) return HB_OK;
    hb_err_set(err, HB_E_QUERY, "unknown metric '%.*s'", HB_ARG(name));
    return hb_err_hint(err, name, known, 3);
}

/* What is no vector is for the field's query function, and that is for hosts that run functions. */
static hb_status near_refuse_text(const bind_ctx *ctx, const hb_field *field, hb_err *err) {
    const hb_schema *schema = ctx->schema;
    if (field->query_compute.len > 0) {
        hb_err_set(err, HB_E_COMPUTE,
                   "near on field %.*s.%.*s received text, and this host cannot "
                   "run the function '%.*s' that makes a vector of it: give the vector",
                   HB_ARG(schema->entity_id), HB_ARG(field->name), HB_ARG(field->query_compute));
    } else {
        hb_err_set(err, HB_E_VALIDATION,
                   "near on field %.*s.%.*s received text, but the field has "
                   "no query_compute hook for op 'near'",
                   HB_ARG(schema->entity_id), HB_ARG(field->name));
    }
    return hb_err_where(err, schema->entity_id, field->name, HB_STR_EMPTY);
}

static hb_status bind_near(bind_ctx *ctx, hb_query *query, hb_err *err) {
    const spec_near *spec = ctx->spec->near;
    if (spec == NULL) return HB_OK;
    hb_near *near = HB_NEW(ctx->arena, hb_near);
    if (near == NULL) return hb_err_memory(err);
    near->field = hb_schema_find(ctx->schema, spec->field);
    if (near->field == HB_FIELD_NONE) return hb_schema_unknown_field(ctx->schema, spec->field, err);
    const hb_type *type = ctx->schema->fields[near->field].type;
    if (type->id != HB_TYPE_VECTOR) {
        hb_err_set(err, HB_E_UNSUPPORTED, "near needs a vector field; '%.*s' is %.*s",
                   HB_ARG(spec->field), HB_ARG(hb_type_name(type->id)));
        return hb_err_where(err, ctx->schema->entity_id, spec->field, HB_STR_EMPTY);
    }
    HB_TRY(bind_metric(ctx, spec->metric, &near->metric, err));
    HB_TRY(bind_top_k(ctx, spec->top_k, "near.top_k", &near->top_k, err));
    if (spec->ef != NULL) HB_TRY(bind_ef(ctx, spec->ef, &near->ef, err));
    near->exact = spec->exact;
    hb_value operand, vector = { .kind = HB_KIND_NULL };
    HB_TRY(bind_operand(ctx, spec->query, &operand, err));
    hb_status status = HB_OK;
    if (operand.kind == HB_KIND_TEXT) {
        return near_refuse_text(ctx, &ctx->schema->fields[near->field], err);
    }
    if (operand.kind != HB_KIND_NULL) {
        status = hb_coerce_value(type, &operand, ctx->arena, &vector, err);
    }
    if (status == HB_OK && (vector.kind != HB_KIND_VEC || vector.as.v.len == 0)) {
        status = hb_err_set(err, HB_E_VALIDATION,
                            "near.query must be a vector with at least one component");
    }
    if (status != HB_OK) {
        hb_err_where(err, ctx->schema->entity_id, spec->field, HB_STR_EMPTY);
        return status;
    }
    near->vector = vector.as.v.ptr;
    near->dim = vector.as.v.len;
    query->near = near;
    return HB_OK;
}

static hb_status bind_search_fields(bind_ctx *ctx, hb_search *search, hb_err *err) {
    const spec_search *spec = ctx->spec->search;
    uint32_t *fields = HB_NEW_ARRAY(ctx->arena, uint32_t, spec->field_count);
    if (fields == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < spec->field_count; i++) {
        hb_str name = spec->fields[i];
        fields[i] = hb_schema_find(ctx->schema, name);
        if (fields[i] == HB_FIELD_NONE) return hb_schema_unknown_field(ctx->schema, name, err);
        const hb_type *type = ctx->schema->fields[fields[i]].type;
        if (!hb_type_is_text(type) || type->id == HB_TYPE_DATE) {
            hb_err_set(err, HB_E_UNSUPPORTED, "search needs text fields; '%.*s' is %.*s",
                       HB_ARG(name), HB_ARG(hb_type_name(type->id)));
            return hb_err_where(err, ctx->schema->entity_id, name, HB_STR_EMPTY);
        }
        for (uint32_t k = 0; k < i; k++) {
            if (fields[k] == fields[i]) {
                return hb_err_set(err, HB_E_QUERY, "search.fields names '%.*s' twice",
                                  HB_ARG(name));
            }
        }
    }
    search->fields = fields;
    search->field_count = spec->field_count;
    return HB_OK;
}

static hb_status bind_search(bind_ctx *ctx, hb_query *query, hb_err *err) {
    const spec_search *spec = ctx->spec->search;
    if (spec == NULL) return HB_OK;
    hb_search *search = HB_NEW(ctx->arena, hb_search);
    if (search == NULL) return hb_err_memory(err);
    HB_TRY(bind_search_fields(ctx, search, err));
    hb_value text;
    HB_TRY(bind_operand(ctx, spec->query, &text, err));
    if (text.kind != HB_KIND_TEXT) return hb_err_set(err, HB_E_TYPE, "search.query takes a text");
    HB_TRY(bind_top_k(ctx, spec->top_k, "search.top_k", &search->top_k, err));
    search->text = text.as.s;
    search->mode = spec->mode;
    query->search = search;
    return HB_OK;
}

/* ---- terminal clauses ------------------------------------------------------------------- */

static hb_status bind_count(bind_ctx *ctx, hb_query *query, hb_err *err) {
    const hb_spec *spec = ctx->spec;
    if (!spec->has_count) return HB_OK;
    const char *clash = spec->has_select          ? "select"
                        : spec->order_count > 0   ? "order"
                        : spec->limit != NULL     ? "limit"
                        : query->offset > 0       ? "offset"
                        : spec->group_by != NULL  ? "group_by"
                        : spec->aggregate != NULL ? "aggregate"
                        : spec->has_having        ? "having"
                                                  : NULL;
    if (clash != NULL) {
        return hb_err_set(err, HB_E_QUERY, "count stands alone: it cannot be combined with %s",
                          clash);
    }
    query->count_field = hb_schema_find(ctx->schema, spec->count_field);
    if (query->count_field == HB_FIELD_NONE)
        return unknown_column(ctx, "count", spec->count_field, err);
    query->is_count = true;
    query->count_distinct = spec->count_distinct;
    return HB_OK;
}

static hb_status bind_clauses(bind_ctx *ctx, hb_query *query, int64_t now_ms, hb_err *err) {
    if (ctx->spec->filter != NULL) HB_TRY(bind_filter(ctx, ctx->spec->filter, &query->filter, err));
    HB_TRY(bind_available(ctx, query, now_ms, err));
    HB_TRY(bind_near(ctx, query, err));
    HB_TRY(bind_search(ctx, query, err));
    HB_TRY(bind_aggregate(ctx, &query->aggregate, err));
    if (query->aggregate != NULL) ctx->schema = query->aggregate->schema;
    HB_TRY(bind_traverse(ctx, query, err));
    HB_TRY(bind_select(ctx, query, err));
    HB_TRY(bind_order(ctx, query, err));
    HB_TRY(bind_paging(ctx, query, err));
    HB_TRY(bind_count(ctx, query, err));
    HB_TRY(bind_after(ctx, query, err));
    query->leaf_count = ctx->leaf_count;
    return HB_OK;
}

hb_status hb_query_bind(const hb_spec *spec, const hb_schema *schema, hb_str params, int64_t now_ms,
                        hb_arena *arena, const hb_query **out, hb_err *err) {
    hb_query *query = HB_NEW(arena, hb_query);
    if (query == NULL) return hb_err_memory(err);
    bind_ctx ctx = { .spec = spec, .schema = schema, .arena = arena, .mem = arena->mem };
    query->schema = schema;
    query->fuse_k = spec->fuse_k;
    query->fuse_near = spec->fuse_near;
    query->fuse_search = spec->fuse_search;
    query->unsafe = spec->unsafe;
    HB_TRY(bind_params(&ctx, params, err));
    HB_TRY(bind_clauses(&ctx, query, now_ms, err));
    *out = query;
    return HB_OK;
}
