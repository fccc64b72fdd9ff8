// SPDX-License-Identifier: MIT
/* Clauses that become part of the filter: `available` of the Catalog, and `after`, which goes on
 * behind the row that a cursor tells of.
 *
 * A cursor is a JSON list: a mark of the entity and order, then the values of the order keys in the
 * last row and its object_id; or, where rows are ranked or reduced, the number of rows passed. */
#include "query/spec.h"

#include "value/pack.h"

#define AFTER_KEYS_MAX 16u

static const hb_expr *extra_leaf(bind_ctx *ctx, const hb_col *col, hb_op op,
                                 const hb_value *value) {
    hb_expr *leaf = HB_NEW(ctx->arena, hb_expr);
    if (leaf == NULL) return NULL;
    *leaf = (hb_expr){ .kind = HB_EXPR_LEAF,
                       .leaf_index = ctx->leaf_count++,
                       .field = col->field,
                       .op = op,
                       .path = col->path,
                       .path_len = col->path_len };
    if (value != NULL) leaf->value = *value;
    return leaf;
}

/* NULL when an argument is: out of memory. */
static const hb_expr *extra_pair(bind_ctx *ctx, hb_expr_kind kind, const hb_expr *a,
                                 const hb_expr *b) {
    const hb_expr *pair[] = { a, b };
    return a == NULL || b == NULL ? NULL : hb_expr_join(ctx->arena, kind, pair, 2);
}

static hb_status extra_and(bind_ctx *ctx, hb_query *query, const hb_expr *expr, hb_err *err) {
    if (expr != NULL && query->filter != NULL)
        expr = extra_pair(ctx, HB_EXPR_AND, query->filter, expr);
    if (expr == NULL) return hb_err_memory(err);
    query->filter = expr;
    return HB_OK;
}

/* ---- available -------------------------------------------------------------------------- */

typedef struct available {
    int64_t now;
    bool stale, invisible;      /* show those too */
} available;

static hb_status available_read(bind_ctx *ctx, yyjson_val *json, available *out, hb_err *err) {
    static const hb_str known[] = { { "now", 3 }, { "stale", 5 }, { "invisible", 9 } };
    if (yyjson_is_true(json)) return HB_OK;
    if (!yyjson_is_obj(json)) {
        return hb_err_set(err, HB_E_TYPE, "available takes true or a mapping, got a %s",
                          spec_kind_name(json));
    }
    yyjson_obj_iter iter = yyjson_obj_iter_with(json);
    for (yyjson_val *key = yyjson_obj_iter_next(&iter); key; key = yyjson_obj_iter_next(&iter)) {
        hb_str name = spec_str(key);
        yyjson_val *value = yyjson_obj_iter_get_val(key);
        bool *flag = hb_str_eq(name, known[1])   ? &out->stale
                     : hb_str_eq(name, known[2]) ? &out->invisible
                                                 : NULL;
        if (hb_str_eq(name, known[0])) {
            if (!yyjson_is_null(value))
                HB_TRY(bind_whole(ctx, value, "available.now", &out->now, err));
        } else if (flag == NULL) {
            return spec_unknown_key("available", name, known, 3, err);
        } else if (!yyjson_is_bool(value)) {
            return hb_err_set(err, HB_E_TYPE, "available.%.*s takes true or false", HB_ARG(name));
        } else {
            *flag = yyjson_get_bool(value);
        }
    }
    return HB_OK;
}

static hb_status available_add(bind_ctx *ctx, hb_query *query, const char *name, hb_op op,
                               hb_value value, hb_err *err) {
    hb_col col = { .kind = HB_COL_FIELD, .field = hb_schema_find(ctx->schema, hb_str_c(name)) };
    HB_ASSERT(col.field != HB_FIELD_NONE && ctx->schema->fields[col.field].kind == value.kind);
    return extra_and(ctx, query, extra_leaf(ctx, &col, op, &value), err);
}

hb_status bind_available(bind_ctx *ctx, hb_query *query, int64_t now_ms, hb_err *err) {
    yyjson_val *json = ctx->spec->available;
    if (json == NULL || yyjson_is_null(json) || yyjson_is_false(json)) return HB_OK;
    if (!hb_str_eq(ctx->schema->entity_id, HB_STR("sys-catalog"))) {
        return hb_err_set(err, HB_E_QUERY,
                          "available asks about rows of the Catalog; %.*s has no such columns",
                          HB_ARG(ctx->schema->entity_id));
    }
    available asked = { .now = now_ms };
    HB_TRY(available_read(ctx, json, &asked, err));
    hb_value yes = { HB_KIND_BOOL, { .b = true } };
    hb_value now = { HB_KIND_I64, { .i = asked.now } };
    HB_TRY(available_add(ctx, query, "active", HB_OP_EQ, yes, err));
    if (!asked.invisible) HB_TRY(available_add(ctx, query, "visible", HB_OP_EQ, yes, err));
    HB_TRY(available_add(ctx, query, "expires_compute", HB_OP_GT, now, err));
    return asked.stale ? HB_OK : available_add(ctx, query, "stale_compute", HB_OP_GT, now, err);
}

/* ---- after ------------------------------------------------------------------------------ */

uint32_t hb_query_mark(const hb_query *query) {
    uint32_t mark = 2166136261u;    /* FNV-1a */
    for (uint32_t i = 0; i <= query->order_count; i++) {
        hb_str text = i == 0 ? query->schema->entity_id : query->order[i - 1].col.name;
        for (uint32_t k = 0; k < text.len; k++) mark = (mark ^ (uint8_t)text.ptr[k]) * 16777619u;
        mark = (mark ^ (i > 0 && query->order[i - 1].desc ? 1u : 2u)) * 16777619u;
    }
    return mark;
}

bool hb_query_by_position(const hb_query *query) {
    return query->near != NULL || query->search != NULL || query->aggregate != NULL;
}

static hb_status after_bad(hb_err *err) {
    return hb_err_set(err, HB_E_QUERY,
                      "after takes the cursor of a frame of the same entity and order");
}

/* A string Categorical has an order of rows and no order operators: the values behind. */
static const hb_expr *after_member(bind_ctx *ctx, const hb_order *key, const hb_value *value) {
    const hb_type *type = ctx->schema->fields[key->col.field].type;
    hb_expr *leaf =
        (hb_expr *)(uintptr_t)extra_leaf(ctx, &key->col, HB_OP_IN, NULL); /* just made, ours */
    hb_value *list = HB_NEW_ARRAY(ctx->arena, hb_value, type->value_count);
    if (leaf == NULL || list == NULL) return NULL;
    leaf->list = list;
    leaf->list_has_null = true;
    for (uint32_t i = 0; i < type->value_count; i++) {
        int order = hb_str_cmp(type->values[i], value->as.s);
        if (key->desc ? order < 0 : order > 0)
            list[leaf->list_count++] = (hb_value){ HB_KIND_TEXT, { .s = type->values[i] } };
    }
    return leaf;
}

/* Rows whose key comes behind `value`, which is not null; nulls come last. */
static const hb_expr *after_key(bind_ctx *ctx, const hb_order *key, const hb_value *value) {
    const hb_type *type = ctx->schema->fields[key->col.field].type;
    if (key->col.field == HB_FIELD_OBJECT_ID)
        return extra_leaf(ctx, &key->col, key->desc ? HB_OP_LT : HB_OP_GT, value);
    bool member = key->col.kind == HB_COL_FIELD && type->id == HB_TYPE_CATEGORICAL &&
                  value->kind == HB_KIND_TEXT;
    if (member) return after_member(ctx, key, value);
    const hb_expr *nulls = extra_leaf(ctx, &key->col, HB_OP_IS_NULL, NULL);
    if (value->kind != HB_KIND_BOOL) {
        return extra_pair(ctx, HB_EXPR_OR,
                          extra_leaf(ctx, &key->col, key->desc ? HB_OP_LT : HB_OP_GT, value),
                          nulls);
    }
    if (value->as.b != key->desc) return nulls; /* the last of the two */
    hb_value other = { HB_KIND_BOOL, { .b = !value->as.b } };
    return extra_pair(ctx, HB_EXPR_OR, extra_leaf(ctx, &key->col, HB_OP_EQ, &other), nulls);
}

/* Behind in key i, or equal there and behind in the rest; last comes object_id. */
static const hb_expr *after_keys(bind_ctx *ctx, const hb_query *query, const hb_value *values) {
    static const hb_col id = { .kind = HB_COL_FIELD, .field = HB_FIELD_OBJECT_ID };
    const hb_expr *after = extra_leaf(ctx, &id, HB_OP_GT, &values[query->order_count]);
    for (uint32_t i = query->order_count; i > 0; i--) {
        const hb_order *key = &query->order[i - 1];
        const hb_value *value = &values[i - 1];
        bool null = value->kind == HB_KIND_NULL;
        const hb_expr *same =
            extra_leaf(ctx, &key->col, null ? HB_OP_IS_NULL : HB_OP_EQ, null ? NULL : value);
        after = extra_pair(ctx, HB_EXPR_AND, same, after);
        if (!null) after = extra_pair(ctx, HB_EXPR_OR, after_key(ctx, key, value), after);
    }
    return after;
}

/* What the cursor says must be what such a row could have. */
static bool after_fits(const bind_ctx *ctx, const hb_col *col, hb_value *value) {
    if (value->kind == HB_KIND_NULL) return col->field != HB_FIELD_OBJECT_ID;
    if (value->kind > HB_KIND_TEXT) return false;
    if (col->kind == HB_COL_PATH) return true;
    hb_kind kind = ctx->schema->fields[col->field].kind;
    if (kind == HB_KIND_F64 && value->kind == HB_KIND_I64)
        *value = (hb_value){ HB_KIND_F64, { .f = (double)value->as.i } };
    return kind == value->kind;
}

static hb_status after_read(bind_ctx *ctx, hb_str text, hb_value *values, uint32_t want,
                            hb_err *err) {
    hb_buf pack;
    hb_buf_init(&pack, ctx->mem);
    hb_err ignored;
    hb_err_init(&ignored);
    hb_status status = hb_pack_from_json(text, &pack, &ignored);
    if (status == HB_OK) status = hb_buf_check(&pack, &ignored);
    hb_str kept = status == HB_OK ? hb_arena_str(ctx->arena, hb_buf_str(&pack)) : HB_STR_EMPTY;
    hb_buf_free(&pack);
    if (status == HB_E_MEMORY || kept.ptr == NULL) return hb_err_memory(err);
    hb_pack_reader reader = hb_pack_read(kept);
    hb_pack_item head;
    if (!hb_pack_next(&reader, &head) || head.tag != HB_PACK_ARRAY || head.count != want)
        return after_bad(err);
    for (uint32_t i = 0; i < want; i++) {
        hb_str whole;
        if (!hb_pack_skip(&reader, &whole)) return after_bad(err);
        HB_TRY(hb_pack_to_value(whole, ctx->arena, &values[i], err));
    }
    return HB_OK;
}

hb_status bind_after(bind_ctx *ctx, hb_query *query, hb_err *err) {
    hb_value text, values[AFTER_KEYS_MAX + 2];
    if (ctx->spec->after == NULL || yyjson_is_null(ctx->spec->after)) return HB_OK;
    HB_TRY(bind_operand(ctx, ctx->spec->after, &text, err));
    if (text.kind == HB_KIND_NULL) return HB_OK;
    if (text.kind != HB_KIND_TEXT) return hb_err_set(err, HB_E_TYPE, "after takes a cursor");
    if (query->is_count) return hb_err_set(err, HB_E_QUERY, "count has no place for after");
    if (query->order_count > AFTER_KEYS_MAX) {
        return hb_err_set(err, HB_E_LIMIT, "after goes with at most %u order keys", AFTER_KEYS_MAX);
    }
    bool by_position = hb_query_by_position(query);
    HB_TRY(after_read(ctx, text.as.s, values, by_position ? 2 : query->order_count + 2, err));
    if (values[0].kind != HB_KIND_I64 || values[0].as.i != hb_query_mark(query))
        return after_bad(err);
    if (by_position) {
        if (values[1].kind != HB_KIND_I64 || values[1].as.i < 0 || values[1].as.i > UINT32_MAX)
            return after_bad(err);
        query->offset += (uint64_t)values[1].as.i;
        return HB_OK;
    }
    static const hb_col id = { .kind = HB_COL_FIELD, .field = HB_FIELD_OBJECT_ID };
    for (uint32_t i = 0; i <= query->order_count; i++) {
        const hb_col *col = i < query->order_count ? &query->order[i].col : &id;
        if (!after_fits(ctx, col, &values[i + 1])) return after_bad(err);
    }
    return extra_and(ctx, query, after_keys(ctx, query, values + 1), err);
}
