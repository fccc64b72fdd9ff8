// SPDX-License-Identifier: MIT
/* Leaves of a filter: which operators a type has, and operands as values of that type. */
#include "query/spec.h"

#include <math.h>

#include "base/num.h"
#include "text/pattern.h"
#include "value/coerce.h"

#define OPS_PATH                                                                                   \
    (HB_OPS_EQUALITY | HB_OPS_ORDER | HB_OP_BIT(HB_OP_CONTAINS) | HB_OP_BIT(HB_OP_IS_NULL))

typedef struct leaf_ctx {
    bind_ctx *bind;
    const hb_field *field;
    hb_op op;
    hb_expr *leaf;
    hb_err *err;
} leaf_ctx;

static hb_status leaf_fail(leaf_ctx *ctx, hb_status status) {
    if (status != HB_OK) {
        hb_err_where(ctx->err, ctx->bind->schema->entity_id, ctx->field->name, HB_STR_EMPTY);
    }
    return status;
}

static hb_status node_count(bind_ctx *ctx, hb_err *err) {
    if (++ctx->node_count <= HB_EXPR_NODES_MAX) return HB_OK;
    return hb_err_set(err, HB_E_LIMIT, "the filter has more than %u nodes", HB_EXPR_NODES_MAX);
}

static hb_status node_new(bind_ctx *ctx, hb_expr_kind kind, hb_expr **out, hb_err *err) {
    HB_TRY(node_count(ctx, err));
    *out = HB_NEW(ctx->arena, hb_expr);
    if (*out == NULL) return hb_err_memory(err);
    (*out)->kind = kind;
    return HB_OK;
}

static hb_status node_not(bind_ctx *ctx, const hb_expr *inner, const hb_expr **out, hb_err *err) {
    hb_expr *node;
    HB_TRY(node_new(ctx, HB_EXPR_NOT, &node, err));
    const hb_expr **args = HB_NEW_ARRAY(ctx->arena, const hb_expr *, 1);
    if (args == NULL) return hb_err_memory(err);
    args[0] = inner;
    node->args = args;
    node->arg_count = 1;
    *out = node;
    return HB_OK;
}

/* A comparison with null that is not a question about null: matches no row. */
static hb_status leaf_never(leaf_ctx *ctx) {
    ctx->leaf->op = HB_OP_IN;
    ctx->leaf->list_count = 0;
    return HB_OK;
}

/* Groups of paths into Json have values of any kind, which compare like those at a path. */
static bool leaf_orders_json(const leaf_ctx *ctx) {
    return ctx->leaf->field != 0 && ctx->leaf->field <= ctx->bind->group_count &&
           ctx->field->type->id == HB_TYPE_JSON && hb_op_in(ctx->op, HB_OPS_ORDER);
}

/* *defined is false for an operator that the type does not have: the planner's to refuse. */
static hb_status leaf_check_op(leaf_ctx *ctx, bool *defined) {
    *defined = true;
    const hb_type *type = ctx->field->type;
    if (ctx->leaf->path_len > 0) {
        if (hb_op_in(ctx->op, OPS_PATH)) return HB_OK;
        return hb_err_set(ctx->err, HB_E_QUERY,
                          "a path into a Json field has no operator '%.*s'; expected one of: "
                          "eq, ne, in, lt, lte, gt, gte, contains, is_null",
                          HB_ARG(hb_op_name(ctx->op)));
    }
    if (type->id == HB_TYPE_ARRAY && ctx->op == HB_OP_CONTAINS) {
        ctx->op = HB_OP_ARRAY_CONTAINS;
    }
    *defined = hb_op_in(ctx->op, hb_type_ops(type)) || leaf_orders_json(ctx);
    if (*defined) return HB_OK;
    if (type->id == HB_TYPE_CATEGORICAL &&
        hb_op_in(ctx->op, type->int_base ? HB_OPS_TEXT : HB_OPS_ORDER)) {
        return hb_err_set(ctx->err, HB_E_VALIDATION,
                          "%s categorical fields have no %s operators such as '%.*s'",
                          type->int_base ? "integer" : "text", type->int_base ? "text" : "order",
                          HB_ARG(hb_op_name(ctx->op)));
    }
    return HB_OK;
}

/* Numbers become their decimal text; anything else is not a text. */
static hb_status leaf_text(leaf_ctx *ctx, const hb_value *in, hb_value *out) {
    char digits[HB_NUM_TEXT_MAX];
    uint32_t len;
    if (in->kind == HB_KIND_TEXT) {
        *out = *in;
        return HB_OK;
    }
    if (in->kind == HB_KIND_I64) {
        len = hb_num_write_i64(in->as.i, digits);
    } else if (in->kind == HB_KIND_F64) {
        len = hb_num_write_f64(in->as.f, digits);
    } else {
        return hb_err_set(ctx->err, HB_E_TYPE, "'%.*s' takes a text", HB_ARG(hb_op_name(ctx->op)));
    }
    out->kind = HB_KIND_TEXT;
    out->as.s = hb_arena_str(ctx->bind->arena, hb_str_n(digits, len));
    return out->as.s.ptr != NULL ? HB_OK : hb_err_memory(ctx->err);
}

static hb_status leaf_coerce(leaf_ctx *ctx, const hb_type *type, const hb_value *in,
                             hb_value *out) {
    bool is_list = false;
    if (in->kind == HB_KIND_PACK) {
        hb_pack_reader reader = hb_pack_read(in->as.s);
        hb_pack_item head;
        is_list = hb_pack_next(&reader, &head) && head.tag == HB_PACK_ARRAY;
    }
    bool takes_list = type->id == HB_TYPE_ARRAY || type->id == HB_TYPE_VECTOR ||
                      type->id == HB_TYPE_JSON || type->id == HB_TYPE_HYPER_G;
    if (is_list && !takes_list) {
        return hb_err_set(ctx->err, HB_E_TYPE,
                          "'%.*s' takes one %.*s, got a list; use $in for several",
                          HB_ARG(hb_op_name(ctx->op)), HB_ARG(hb_type_name(type->id)));
    }
    return hb_coerce_value(type, in, ctx->bind->arena, out, ctx->err);
}

/* Json holds no other numbers, so a question about one is a slip. */
static hb_status leaf_finite(const leaf_ctx *ctx, const hb_value *value) {
    if (value->kind != HB_KIND_F64 || isfinite(value->as.f)) return HB_OK;
    return hb_err_set(ctx->err, HB_E_VALIDATION, "numbers in Json are finite");
}

/* IN: items one by one; a null among them matches null rows (not under a path: there, never). */
static hb_status leaf_list(leaf_ctx *ctx, const hb_value *operand) {
    hb_arena *arena = ctx->bind->arena;
    hb_pack_reader reader =
        hb_pack_read(operand->kind == HB_KIND_PACK ? operand->as.s : HB_STR_EMPTY);
    hb_pack_item head;
    if (!hb_pack_next(&reader, &head) || head.tag != HB_PACK_ARRAY) {
        return hb_err_set(ctx->err, HB_E_TYPE, "'in' takes a list");
    }
    hb_value *list = HB_NEW_ARRAY(arena, hb_value, head.count);
    if (list == NULL) return hb_err_memory(ctx->err);
    hb_expr *leaf = ctx->leaf;
    for (uint32_t i = 0; i < head.count; i++) {
        hb_str whole;
        hb_value item;
        if (!hb_pack_skip(&reader, &whole))
            return hb_err_set(ctx->err, HB_E_TYPE, "'in' holds a malformed item");
        HB_TRY(hb_pack_to_value(whole, arena, &item, ctx->err));
        if (leaf->path_len > 0) HB_TRY(leaf_finite(ctx, &item));
        if (item.kind != HB_KIND_NULL && leaf->path_len == 0) {
            hb_value given = item;
            HB_TRY(leaf_coerce(ctx, ctx->field->type, &given, &item));
        }
        if (item.kind != HB_KIND_NULL) {
            list[leaf->list_count++] = item;
        } else if (leaf->path_len == 0) {
            leaf->list_has_null = true;
        }
    }
    leaf->list = list;
    return HB_OK;
}

/* exists {col: cond} and all {col: cond} or {where, then}: the columns must be there; conditions
 * are compiled, and refused, by the evaluator. */
static hb_status leaf_items(leaf_ctx *ctx, const hb_value *operand) {
    const hb_type *type = ctx->field->type;
    hb_pack_reader reader =
        hb_pack_read(operand->kind == HB_KIND_PACK ? operand->as.s : HB_STR_EMPTY);
    hb_pack_item head, key;
    if (!hb_pack_next(&reader, &head) || head.tag != HB_PACK_MAP) {
        return hb_err_set(ctx->err, HB_E_TYPE, "'%.*s' takes a mapping of columns to conditions",
                          HB_ARG(hb_op_name(ctx->op)));
    }
    hb_str *columns = HB_NEW_ARRAY(ctx->bind->arena, hb_str, type->column_count);
    if (columns == NULL) return hb_err_memory(ctx->err);
    for (uint32_t c = 0; c < type->column_count; c++) {
        columns[c] = type->columns[c].name;
    }
    for (uint32_t i = 0; i < head.count; i++) {
        hb_str value;
        if (!hb_pack_next(&reader, &key) || key.tag != HB_PACK_STR ||
            !hb_pack_skip(&reader, &value)) {
            return hb_err_set(ctx->err, HB_E_TYPE, "a column condition is malformed");
        }
        uint32_t c = 0;
        while (c < type->column_count && !hb_str_eq(columns[c], key.s)) {
            c++;
        }
        bool word = ctx->op == HB_OP_ALL &&
                    (hb_str_eq(key.s, HB_STR("where")) || hb_str_eq(key.s, HB_STR("then")));
        if (c == type->column_count && !word) {
            hb_err_set(ctx->err, HB_E_UNKNOWN_FIELD, "the items have no column '%.*s'",
                       HB_ARG(key.s));
            return hb_err_hint(ctx->err, key.s, columns, type->column_count);
        }
        if (c < type->column_count && !type->columns[c].filterable) {
            return hb_err_set(ctx->err, HB_E_UNSUPPORTED, "the column '%.*s' cannot be filtered",
                              HB_ARG(key.s));
        }
    }
    ctx->leaf->value = *operand;
    return HB_OK;
}

/* contained_in on integers: the members whose digits the text holds. */
static hb_status leaf_members_in_text(leaf_ctx *ctx, hb_str text) {
    const hb_type *type = ctx->field->type;
    hb_value *list = HB_NEW_ARRAY(ctx->bind->arena, hb_value, type->value_count);
    if (list == NULL) return hb_err_memory(ctx->err);
    ctx->leaf->op = HB_OP_IN;
    ctx->leaf->list = list;
    for (uint32_t i = 0; i < type->value_count; i++) {
        char digits[HB_NUM_TEXT_MAX];
        uint32_t len = hb_num_write_i64(type->int_values[i], digits);
        if (hb_str_find(text, hb_str_n(digits, len), 0) >= 0) {
            list[ctx->leaf->list_count++] =
                (hb_value){ .kind = HB_KIND_I64, .as.i = type->int_values[i] };
        }
    }
    return HB_OK;
}

static hb_status leaf_pattern(leaf_ctx *ctx, const hb_value *operand) {
    HB_TRY(leaf_text(ctx, operand, &ctx->leaf->value));
    if (ctx->op == HB_OP_CONTAINED_IN && hb_type_kind(ctx->field->type) == HB_KIND_I64) {
        return leaf_members_in_text(ctx, ctx->leaf->value.as.s);
    }
    if (ctx->op == HB_OP_CONTAINS && ctx->leaf->value.as.s.len == 0) {
        ctx->leaf->op = HB_OP_MATCH; /* every text contains "", and here null counts as "" too */
    }
    if (ctx->op != HB_OP_REGEX) return HB_OK;
    /* A bad or unsafe expression must be refused before any row is looked at. */
    hb_pattern *pattern = NULL;
    HB_TRY(hb_pattern_new(HB_PATTERN_REGEX, ctx->leaf->value.as.s, ctx->bind->mem, &pattern,
                          ctx->err));
    hb_pattern_free(pattern);
    return HB_OK;
}

static hb_status leaf_compare(leaf_ctx *ctx, const hb_value *operand, bool *is_null) {
    const hb_type *type = ctx->field->type;
    if (ctx->op == HB_OP_ARRAY_CONTAINS) {
        type = type->item;
    }
    if (ctx->leaf->path_len > 0 || type == NULL || leaf_orders_json(ctx)) {
        ctx->leaf->value = *operand;
        return leaf_finite(ctx, operand);
    }
    HB_TRY(leaf_coerce(ctx, type, operand, &ctx->leaf->value));
    *is_null = ctx->leaf->value.kind == HB_KIND_NULL; /* "null" is a word for a boolean */
    return HB_OK;
}

/* Null operands: eq and ne ask about null, order and lists need a value, texts never match it. */
static hb_status leaf_null(leaf_ctx *ctx, const hb_expr **out) {
    if (ctx->leaf->path_len == 0 && (ctx->op == HB_OP_EQ || ctx->op == HB_OP_NE)) {
        ctx->leaf->op = HB_OP_IS_NULL;
        return ctx->op == HB_OP_NE ? node_not(ctx->bind, ctx->leaf, out, ctx->err) : HB_OK;
    }
    if (ctx->op == HB_OP_ARRAY_CONTAINS) {
        const hb_type *item = ctx->field->type->item;
        if (item == NULL || !hb_type_is_text(item)) return leaf_never(ctx);
        /* A null among texts is the empty text, as the portable definition has it. */
        ctx->leaf->value = (hb_value){ HB_KIND_TEXT, { .s = HB_STR_EMPTY } };
        return HB_OK;
    }
    if (ctx->op == HB_OP_CONTAINED_IN && hb_type_kind(ctx->field->type) != HB_KIND_I64) {
        /* In no text occurs nothing, and the result still has its column `match`. */
        ctx->leaf->value = (hb_value){ HB_KIND_TEXT, { .s = HB_STR_EMPTY } };
        return HB_OK;
    }
    if (hb_op_in(ctx->op, HB_OPS_ORDER) && ctx->leaf->path_len == 0) {
        return hb_err_set(ctx->err, HB_E_TYPE, "'%.*s' needs a value, got null",
                          HB_ARG(hb_op_name(ctx->op)));
    }
    return leaf_never(ctx);
}

static hb_status leaf_operand(leaf_ctx *ctx, const hb_value *operand, const hb_expr **out) {
    hb_expr *leaf = ctx->leaf;
    bool is_null = operand->kind == HB_KIND_NULL;
    if (ctx->op == HB_OP_IS_NULL) {
        if (operand->kind != HB_KIND_BOOL)
            return hb_err_set(ctx->err, HB_E_TYPE, "'is_null' takes true or false");
        return operand->as.b ? HB_OK : node_not(ctx->bind, leaf, out, ctx->err);
    }
    /* Null questions are open to every type, so they come before the operators of the type. */
    bool defined = true;
    if (!(is_null && (ctx->op == HB_OP_EQ || ctx->op == HB_OP_NE)))
        HB_TRY(leaf_check_op(ctx, &defined));
    leaf->op = ctx->op;
    if (!defined) {
        leaf->value = *operand;
        return HB_OK;
    }
    if (ctx->op == HB_OP_IN) return leaf_list(ctx, operand);
    if (ctx->op == HB_OP_EXISTS || ctx->op == HB_OP_ALL) return leaf_items(ctx, operand);
    if (!is_null && leaf->path_len == 0 && hb_op_in(ctx->op, HB_OPS_PROSE)) {
        return leaf_pattern(ctx, operand);
    }
    if (!is_null) HB_TRY(leaf_compare(ctx, operand, &is_null));
    return is_null ? leaf_null(ctx, out) : HB_OK;
}

/* The comparison of a 'get': {"gte": operand}, or {"op": "gte", "value": operand}. */
static bool get_comparison(yyjson_val *json, hb_str *word, yyjson_val **operand) {
    yyjson_val *op = yyjson_obj_get(json, "op");
    *operand = yyjson_obj_get(json, "value");
    if (yyjson_obj_size(json) == 3 && yyjson_is_str(op)) {
        *word = spec_str(op);
        return *operand != NULL;
    }
    yyjson_obj_iter iter = yyjson_obj_iter_with(json);
    for (yyjson_val *key = yyjson_obj_iter_next(&iter); key; key = yyjson_obj_iter_next(&iter)) {
        if (hb_str_eq(spec_str(key), HB_STR("path"))) continue;
        *word = spec_str(key);
        *operand = yyjson_obj_iter_get_val(key);
    }
    return yyjson_obj_size(json) == 2;
}

/* {"path": "a.b" | ["a", "b"]} and a comparison */
static hb_status leaf_get(leaf_ctx *ctx, yyjson_val *json, yyjson_val **operand) {
    bind_ctx *bind = ctx->bind;
    if (ctx->leaf->path_len > 0)
        return hb_err_set(ctx->err, HB_E_UNSUPPORTED, "a path has no operator 'get'");
    if (!yyjson_is_obj(json)) {
        return hb_err_set(ctx->err, HB_E_TYPE,
                          "'get' takes a mapping {\"path\", operator: operand}, got a %s",
                          spec_kind_name(json));
    }
    yyjson_val *path = yyjson_obj_get(json, "path");
    hb_str word = HB_STR_EMPTY;
    if (path == NULL || !get_comparison(json, &word, operand)) {
        return hb_err_set(ctx->err, HB_E_QUERY, "'get' takes \"path\" and exactly one comparison");
    }
    if (yyjson_is_str(path)) {
        HB_TRY(bind_path_split(bind, spec_str(path), &ctx->leaf->path, &ctx->leaf->path_len,
                               ctx->err));
    } else {
        size_t count = yyjson_arr_size(path);
        if (count == 0 || count > HB_VALUE_DEPTH_MAX) {
            return hb_err_set(ctx->err, HB_E_QUERY, "'get' needs a path of one to %u keys",
                              HB_VALUE_DEPTH_MAX);
        }
        hb_str *keys = HB_NEW_ARRAY(bind->arena, hb_str, count);
        if (keys == NULL) return hb_err_memory(ctx->err);
        for (size_t i = 0; i < count; i++) {
            yyjson_val *key = yyjson_arr_get(path, i);
            if (!yyjson_is_str(key) || yyjson_get_len(key) == 0) {
                return hb_err_set(ctx->err, HB_E_QUERY,
                                  "the keys of a path are texts and not empty");
            }
            keys[i] = spec_str(key);
        }
        ctx->leaf->path = keys;
        ctx->leaf->path_len = (uint32_t)count;
    }
    if (hb_op_find(word, &ctx->op)) return HB_OK;
    return hb_err_set(ctx->err, HB_E_UNSUPPORTED, "a path into a Json field has no operator '%.*s'",
                      HB_ARG(word));
}

/* near is a clause; as an operator of a vector it is refused, after its operand was looked at. */
static hb_status leaf_near(leaf_ctx *ctx, const hb_value *operand) {
    hb_value vector;
    HB_TRY(hb_coerce_value(ctx->field->type, operand, ctx->bind->arena, &vector, ctx->err));
    return hb_err_set(ctx->err, HB_E_UNSUPPORTED,
                      "near is a clause of the query, not an operator of a filter");
}

/* "title", or "meta.a.b" when meta is a Json field. */
static hb_status leaf_resolve(bind_ctx *ctx, hb_str name, hb_expr *leaf, hb_err *err) {
    leaf->field = hb_schema_find(ctx->schema, name);
    if (leaf->field != HB_FIELD_NONE) return HB_OK;
    int64_t dot = hb_str_find(name, HB_STR("."), 0);
    if (dot <= 0 || (uint32_t)dot + 1 >= name.len)
        return hb_schema_unknown_field(ctx->schema, name, err);
    leaf->field = hb_schema_find(ctx->schema, hb_str_sub(name, 0, (uint32_t)dot));
    if (leaf->field == HB_FIELD_NONE || ctx->schema->fields[leaf->field].type->id != HB_TYPE_JSON) {
        return hb_schema_unknown_field(ctx->schema, name, err);
    }
    return bind_path_split(ctx, hb_str_sub(name, (uint32_t)dot + 1, name.len), &leaf->path,
                           &leaf->path_len, err);
}

/* Keeps the question as it was put beside what it was turned into. */
static hb_status leaf_keep_asked(const leaf_ctx *ctx, const hb_value *operand,
                                 const hb_expr **out) {
    if (ctx->op == HB_OP_IS_NULL || (*out == ctx->leaf && ctx->leaf->op == ctx->op)) return HB_OK;
    hb_expr *asked = hb_arena_copy(ctx->bind->arena, ctx->leaf, sizeof *asked);
    hb_expr *node = hb_arena_copy(ctx->bind->arena, *out, sizeof *node);
    if (asked == NULL || node == NULL) return hb_err_memory(ctx->err);
    asked->op = ctx->op;
    asked->value = *operand;
    node->asked = asked;
    *out = node;
    return HB_OK;
}

static hb_status bind_leaf(bind_ctx *bind, const spec_expr *in, const hb_expr **out, hb_err *err) {
    hb_expr *leaf;
    HB_TRY(node_new(bind, HB_EXPR_LEAF, &leaf, err));
    HB_TRY(leaf_resolve(bind, in->field, leaf, err));
    leaf->leaf_index = bind->leaf_count++;
    leaf->op = in->op;
    *out = leaf;
    leaf_ctx ctx = { bind, &bind->schema->fields[leaf->field], in->op, leaf, err };
    yyjson_val *json = in->operand;
    if (in->is_near) {
        ctx.op = HB_OP_NEAR;
    } else if (in->is_get && ctx.field->type->id != HB_TYPE_JSON) {
        ctx.op = HB_OP_GET;
    } else if (in->is_get) {
        hb_status status = leaf_get(&ctx, in->operand, &json);
        if (status != HB_OK) return leaf_fail(&ctx, status);
    }
    leaf->op = ctx.op;
    hb_value operand;
    hb_status status = bind_operand(bind, json, &operand, err);
    if (status == HB_OK && in->is_near && ctx.field->type->id == HB_TYPE_VECTOR) {
        status = leaf_near(&ctx, &operand);
    } else if (status == HB_OK) {
        status = leaf_operand(&ctx, &operand, out);
    }
    if (status == HB_OK) {
        status = leaf_keep_asked(&ctx, &operand, out);
    }
    return leaf_fail(&ctx, status);
}

static hb_status bind_node(bind_ctx *ctx, const spec_expr *in, uint32_t depth, const hb_expr **out,
                           hb_err *err) {
    if (depth > HB_EXPR_DEPTH_MAX) {
        return hb_err_set(err, HB_E_LIMIT, "the filter nests deeper than %u levels",
                          HB_EXPR_DEPTH_MAX);
    }
    if (in->kind == HB_EXPR_LEAF) return bind_leaf(ctx, in, out, err);
    const hb_expr **args = HB_NEW_ARRAY(ctx->arena, const hb_expr *, in->arg_count);
    if (args == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < in->arg_count; i++) {
        HB_TRY(bind_node(ctx, in->args[i], depth + 1, &args[i], err));
    }
    if (in->kind == HB_EXPR_NOT) return node_not(ctx, args[0], out, err);
    HB_TRY(node_count(ctx, err));
    *out = hb_expr_join(ctx->arena, in->kind, args, in->arg_count);
    return *out != NULL ? HB_OK : hb_err_memory(err);
}

hb_status bind_filter(bind_ctx *ctx, const spec_expr *in, const hb_expr **out, hb_err *err) {
    return bind_node(ctx, in, 1, out, err);
}
