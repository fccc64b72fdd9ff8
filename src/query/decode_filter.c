// SPDX-License-Identifier: MIT
/* The filter grammar: {"field": value | {"op": operand, ...}}, $and, $or, $not. Only the shape is
 * looked at; what a field is and whether it has the operator is asked when the spec is bound.
 * Empty objects impose nothing and vanish; an empty $or is refused (it can be read both ways). */
#include "query/spec.h"

#define DEPTH_MAX                                                                                  \
    (2u * HB_EXPR_DEPTH_MAX)  /* of the JSON; the tree that is left has its own limit */

typedef struct filter_ctx {
    hb_spec *spec;
    uint32_t node_count;
    hb_err *err;
} filter_ctx;

static hb_status filter_object(filter_ctx *ctx, yyjson_val *json, uint32_t depth, spec_expr **out);

static hb_status filter_node(filter_ctx *ctx, hb_expr_kind kind, uint32_t arg_cap,
                             spec_expr **out) {
    if (++ctx->node_count > HB_EXPR_NODES_MAX) {
        return hb_err_set(ctx->err, HB_E_LIMIT, "the filter has more than %u nodes",
                          HB_EXPR_NODES_MAX);
    }
    spec_expr *node = HB_NEW(&ctx->spec->arena, spec_expr);
    if (node == NULL) return hb_err_memory(ctx->err);
    node->kind = kind;
    if (arg_cap > 0) {
        node->args = HB_NEW_ARRAY(&ctx->spec->arena, spec_expr *, arg_cap);
        if (node->args == NULL) return hb_err_memory(ctx->err);
    }
    *out = node;
    return HB_OK;
}

/* Nothing, the only argument, or the node itself. */
static spec_expr *filter_collapse(spec_expr *node) {
    if (node->arg_count == 0) return NULL;
    return node->arg_count == 1 ? node->args[0] : node;
}

static hb_status filter_leaf(filter_ctx *ctx, hb_str field, hb_str op, yyjson_val *operand,
                             spec_expr **out) {
    HB_TRY(filter_node(ctx, HB_EXPR_LEAF, 0, out));
    spec_expr *leaf = *out;
    leaf->field = field;
    leaf->operand = operand;
    hb_str word = hb_str_trim(op);
    if (word.len > 0 && word.ptr[0] == '$') {
        word = hb_str_sub(word, 1, word.len);
    }
    leaf->is_get = hb_str_eq_nocase(word, HB_STR("get"));
    leaf->is_near = hb_str_eq_nocase(word, HB_STR("near"));
    if (leaf->is_get || leaf->is_near || hb_op_find(op, &leaf->op)) {
        return HB_OK;
    }
    hb_str known[HB_OP_COUNT];
    for (uint32_t i = 0; i < HB_OP_COUNT; i++) {
        known[i] = hb_op_name((hb_op)i);
    }
    hb_err_set(ctx->err, HB_E_UNSUPPORTED, "unknown filter operator '%.*s'", HB_ARG(op));
    hb_err_hint(ctx->err, word, known, HB_OP_COUNT);
    return hb_err_where(ctx->err, HB_STR_EMPTY, field, HB_STR_EMPTY);
}

/* {"field": json} */
static hb_status filter_field(filter_ctx *ctx, hb_str field, yyjson_val *json, spec_expr **out) {
    uint32_t param;
    if (!yyjson_is_obj(json) || spec_param(json, &param)) {
        return filter_leaf(ctx, field, HB_STR("eq"), json, out);
    }
    HB_TRY(spec_keys_unique(json, ctx->spec->arena.mem, "operator", ctx->err));
    spec_expr *all;
    HB_TRY(filter_node(ctx, HB_EXPR_AND, (uint32_t)yyjson_obj_size(json), &all));
    yyjson_obj_iter iter = yyjson_obj_iter_with(json);
    for (yyjson_val *key = yyjson_obj_iter_next(&iter); key != NULL;
         key = yyjson_obj_iter_next(&iter)) {
        HB_TRY(filter_leaf(ctx, field, spec_str(key), yyjson_obj_iter_get_val(key),
                           &all->args[all->arg_count]));
        all->arg_count++;
    }
    *out = filter_collapse(all);
    return HB_OK;
}

static hb_status filter_list(filter_ctx *ctx, hb_expr_kind kind, yyjson_val *json, uint32_t depth,
                             spec_expr **out) {
    const char *word = kind == HB_EXPR_AND ? "$and" : "$or";
    if (!yyjson_is_arr(json)) {
        return hb_err_set(ctx->err, HB_E_TYPE, "%s takes a list of filters, got a %s", word,
                          spec_kind_name(json));
    }
    if (kind == HB_EXPR_OR && yyjson_arr_size(json) == 0) {
        return hb_err_set(ctx->err, HB_E_QUERY,
                          "$or of an empty list has no meaning; leave the filter out for all rows");
    }
    spec_expr *node;
    HB_TRY(filter_node(ctx, kind, (uint32_t)yyjson_arr_size(json), &node));
    yyjson_arr_iter iter = yyjson_arr_iter_with(json);
    for (yyjson_val *item = yyjson_arr_iter_next(&iter); item != NULL;
         item = yyjson_arr_iter_next(&iter)) {
        spec_expr *arg;
        HB_TRY(filter_object(ctx, item, depth + 1, &arg));
        if (arg != NULL) {
            node->args[node->arg_count++] = arg;
        }
    }
    *out = filter_collapse(node);
    return HB_OK;
}

static hb_status filter_not(filter_ctx *ctx, yyjson_val *json, uint32_t depth, spec_expr **out) {
    spec_expr *inner, *node;
    HB_TRY(filter_object(ctx, json, depth + 1, &inner));
    *out = NULL;
    if (inner == NULL) return HB_OK;
    HB_TRY(filter_node(ctx, HB_EXPR_NOT, 1, &node));
    node->args[node->arg_count++] = inner;
    *out = node;
    return HB_OK;
}

static hb_status filter_logical(filter_ctx *ctx, hb_str key, yyjson_val *json, uint32_t depth,
                                spec_expr **out) {
    static const hb_str known[] = { { "$and", 4 }, { "$or", 3 }, { "$not", 4 } };
    if (hb_str_eq(key, known[0])) return filter_list(ctx, HB_EXPR_AND, json, depth, out);
    if (hb_str_eq(key, known[1])) return filter_list(ctx, HB_EXPR_OR, json, depth, out);
    if (hb_str_eq(key, known[2])) return filter_not(ctx, json, depth, out);
    hb_err_set(ctx->err, HB_E_QUERY, "unsupported logical filter operator '%.*s'", HB_ARG(key));
    return hb_err_hint(ctx->err, key, known, sizeof known / sizeof known[0]);
}

static hb_status filter_object(filter_ctx *ctx, yyjson_val *json, uint32_t depth, spec_expr **out) {
    if (depth > DEPTH_MAX) {
        return hb_err_set(ctx->err, HB_E_LIMIT, "the filter nests deeper than %u levels",
                          DEPTH_MAX);
    }
    if (!yyjson_is_obj(json)) {
        return hb_err_set(ctx->err, HB_E_TYPE, "a filter is a mapping, got a %s",
                          spec_kind_name(json));
    }
    HB_TRY(spec_keys_unique(json, ctx->spec->arena.mem, "filter", ctx->err));
    spec_expr *all;
    HB_TRY(filter_node(ctx, HB_EXPR_AND, (uint32_t)yyjson_obj_size(json), &all));
    yyjson_obj_iter iter = yyjson_obj_iter_with(json);
    for (yyjson_val *key = yyjson_obj_iter_next(&iter); key != NULL;
         key = yyjson_obj_iter_next(&iter)) {
        hb_str name = spec_str(key);
        yyjson_val *value = yyjson_obj_iter_get_val(key);
        spec_expr *arg;
        if (name.len > 0 && name.ptr[0] == '$') {
            HB_TRY(filter_logical(ctx, name, value, depth, &arg));
        } else {
            HB_TRY(filter_field(ctx, name, value, &arg));
        }
        if (arg != NULL) {
            all->args[all->arg_count++] = arg;
        }
    }
    *out = filter_collapse(all);
    return HB_OK;
}

hb_status spec_filter_decode(hb_spec *spec, yyjson_val *json, spec_expr **out, hb_err *err) {
    filter_ctx ctx = { .spec = spec, .err = err };
    return filter_object(&ctx, json, 0, out);
}
