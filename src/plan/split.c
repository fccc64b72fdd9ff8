// SPDX-License-Identifier: MIT
#include "plan/split.h"

const hb_binding *split_binding(const hb_routing *routing, uint32_t field, uint32_t backend) {
    for (uint32_t i = 0; i < routing->binding_count; i++) {
        const hb_binding *binding = &routing->bindings[i];
        if (binding->field == field && binding->backend == backend) return binding;
    }
    return NULL;
}

hb_str split_op_name(const hb_expr *leaf) {
    return leaf->path_len > 0 ? HB_STR("get") : hb_op_name(leaf->op);
}

static const hb_type *leaf_type(const split_ctx *ctx, const hb_expr *leaf) {
    return ctx->routing->schema->fields[leaf->field].type;
}

/* is_null asks about the row: no handler needed. */
static bool op_needs_handler(const hb_expr *leaf) {
    return leaf->op != HB_OP_IS_NULL && leaf->field != HB_FIELD_OBJECT_ID;
}

bool split_supported(const split_ctx *ctx, const hb_expr *leaf, uint32_t backend, hb_str *reason) {
    const hb_binding *binding = split_binding(ctx->routing, leaf->field, backend);
    const hb_backend *type = ctx->instances[backend]->type;
    if (binding == NULL) return false;
    if (leaf->path_len == 0 && (hb_type_ops(leaf_type(ctx, leaf)) & (1u << leaf->op)) == 0) {
        if (reason != NULL) {
            *reason = hb_arena_printf(ctx->arena, "%.*s fields have no operator '%.*s'",
                                      HB_ARG(hb_type_name(leaf_type(ctx, leaf)->id)),
                                      HB_ARG(hb_op_name(leaf->op)));
        }
        return false;
    }
    hb_offer offer = type->supports(leaf_type(ctx, leaf), binding->strategy, split_op_name(leaf));
    if (offer.claim != HB_NO || !op_needs_handler(leaf)) return true;
    if (reason != NULL) {
        *reason = hb_arena_printf(ctx->arena, "%s has no handler for '%.*s' on %.*s (%.*s)",
                                  type->name, HB_ARG(split_op_name(leaf)),
                                  HB_ARG(hb_type_name(leaf_type(ctx, leaf)->id)),
                                  HB_ARG(hb_strategy_name(binding->strategy)));
    }
    return false;
}

hb_offer split_offer(const split_ctx *ctx, const hb_expr *leaf, uint32_t backend) {
    hb_offer none = { HB_NO, false, "row_payload", "the field is not held here" };
    const hb_container *container = ctx->routing->containers[backend];
    if (container == NULL || container->by_field[leaf->field] == HB_FIELD_NONE) return none;
    const hb_placed *placed = &container->fields[container->by_field[leaf->field]];
    const hb_backend *type = ctx->instances[backend]->type;
    hb_offer offer = type->offer(leaf_type(ctx, leaf), placed->strategy, placed->indexed, leaf);
    if (ctx->options.no_pushdown) {
        offer.claim = HB_NO;
        offer.native = false;
        offer.reason = "push-down is switched off";
    }
    return offer;
}

hb_status split_leaf_home(const split_ctx *ctx, const hb_expr *leaf, uint32_t *backend) {
    const hb_schema *schema = ctx->routing->schema;
    *backend = ctx->routing->primary[leaf->field];
    if (leaf->op == HB_OP_HAS_WORDS) {
        uint32_t index = hb_routing_find(ctx->routing, leaf->field, HB_STRATEGY_INVERTED);
        if (index != HB_BACKEND_NONE) {
            *backend = index;
        }
    }
    if (*backend == HB_BACKEND_NONE) {
        hb_err_set(ctx->err, HB_E_UNKNOWN_FIELD,
                   "'%.*s' of %.*s is stored nowhere in this workspace",
                   HB_ARG(schema->fields[leaf->field].name), HB_ARG(schema->entity_id));
        return hb_err_where(ctx->err, schema->entity_id, schema->fields[leaf->field].name,
                            HB_STR_EMPTY);
    }
    hb_str reason = HB_STR_EMPTY;
    if (ctx->options.explain_only || split_supported(ctx, leaf, *backend, &reason)) return HB_OK;
    if (leaf->path_len == 0 && (hb_type_ops(leaf_type(ctx, leaf)) & (1u << leaf->op)) == 0) {
        hb_type_no_op(leaf_type(ctx, leaf), leaf->op, ctx->err);
    } else {
        hb_err_set(ctx->err, HB_E_UNSUPPORTED, "%.*s", HB_ARG(reason));
    }
    return hb_err_where(ctx->err, schema->entity_id, schema->fields[leaf->field].name,
                        ctx->instances[*backend]->name);
}

/* First pass: the home of all leaves that are not free to move. */
static hb_status single_fixed(const split_ctx *ctx, const hb_expr *expr, uint32_t *found,
                              bool *mixed) {
    if (expr->kind != HB_EXPR_LEAF) {
        for (uint32_t i = 0; i < expr->arg_count; i++) {
            HB_TRY(single_fixed(ctx, expr->args[i], found, mixed));
        }
        return HB_OK;
    }
    uint32_t home;
    HB_TRY(split_leaf_home(ctx, expr, &home));
    uint32_t primary = ctx->routing->primary[expr->field];
    /* Words leave their index only for an engine that has one too, not to be scanned for. */
    bool movable =
        expr->field == HB_FIELD_OBJECT_ID ||
        (expr->op == HB_OP_HAS_WORDS && home != primary && split_offer(ctx, expr, primary).native);
    if (movable) return HB_OK;
    *mixed = *mixed || (*found != HB_BACKEND_NONE && *found != home);
    *found = home;
    return HB_OK;
}

/* Second pass: where the movable ones want to be, when nothing else decides. */
static hb_status single_wish(const split_ctx *ctx, const hb_expr *expr, uint32_t *wish,
                             bool *mixed) {
    if (expr->kind != HB_EXPR_LEAF) {
        for (uint32_t i = 0; i < expr->arg_count; i++) {
            HB_TRY(single_wish(ctx, expr->args[i], wish, mixed));
        }
        return HB_OK;
    }
    if (expr->field == HB_FIELD_OBJECT_ID) return HB_OK;
    uint32_t home;
    HB_TRY(split_leaf_home(ctx, expr, &home));
    *mixed = *mixed || (*wish != HB_BACKEND_NONE && *wish != home);
    *wish = home;
    return HB_OK;
}

static bool all_bound(const split_ctx *ctx, const hb_expr *expr, uint32_t backend) {
    if (expr->kind == HB_EXPR_LEAF)
        return split_binding(ctx->routing, expr->field, backend) != NULL;
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        if (!all_bound(ctx, expr->args[i], backend)) return false;
    }
    return true;
}

hb_status split_single(const split_ctx *ctx, const hb_expr *expr, uint32_t *backend) {
    uint32_t found = HB_BACKEND_NONE;
    bool mixed = false;
    *backend = HB_BACKEND_NONE;
    HB_TRY(single_fixed(ctx, expr, &found, &mixed));
    if (!mixed && found == HB_BACKEND_NONE) HB_TRY(single_wish(ctx, expr, &found, &mixed));
    if (mixed) return HB_OK;
    if (found == HB_BACKEND_NONE) {
        found = ctx->routing->home;
    }
    if (all_bound(ctx, expr, found)) {
        *backend = found;
    }
    return HB_OK;
}

bool split_all_on(const split_ctx *ctx, const hb_expr *expr, uint32_t backend, bool *exact,
                  bool *native) {
    if (expr->kind != HB_EXPR_LEAF) {
        for (uint32_t i = 0; i < expr->arg_count; i++) {
            if (!split_all_on(ctx, expr->args[i], backend, exact, native)) return false;
        }
        return true;
    }
    if (!split_supported(ctx, expr, backend, NULL)) return false;
    hb_offer offer = split_offer(ctx, expr, backend);
    *exact = *exact && offer.claim == HB_EXACT;
    *native = *native && offer.native;
    return true;
}

hb_status split_join(const split_ctx *ctx, hb_expr_kind kind, const hb_expr *const *args,
                     uint32_t count, const hb_expr **out) {
    *out = NULL;
    if (count == 0) return HB_OK;
    if (count == 1) {
        *out = args[0];
        return HB_OK;
    }
    hb_expr *node = HB_NEW(ctx->arena, hb_expr);
    if (node == NULL) return hb_err_memory(ctx->err);
    node->kind = kind;
    node->args = args;
    node->arg_count = count;
    *out = node;
    return HB_OK;
}

static hb_status claims_leaf(const split_ctx *ctx, const hb_expr *leaf, uint32_t backend,
                             split_parts *out) {
    *out = (split_parts){ .claim = HB_NO, .residual = leaf };
    if (!split_supported(ctx, leaf, backend, NULL)) return HB_OK;
    out->claim = split_offer(ctx, leaf, backend).claim;
    if (out->claim != HB_NO) {
        out->pushed = leaf;
    }
    if (out->claim == HB_EXACT) {
        out->residual = NULL;
    }
    return HB_OK;
}

static hb_status claims_and(const split_ctx *ctx, const hb_expr *expr, uint32_t backend,
                            split_parts *out) {
    const hb_expr **pushed = HB_NEW_ARRAY(ctx->arena, const hb_expr *, expr->arg_count);
    const hb_expr **residual = HB_NEW_ARRAY(ctx->arena, const hb_expr *, expr->arg_count);
    if (pushed == NULL || residual == NULL) return hb_err_memory(ctx->err);
    uint32_t pushed_count = 0, residual_count = 0;
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        split_parts part;
        HB_TRY(split_claims(ctx, expr->args[i], backend, &part));
        if (part.pushed != NULL) {
            pushed[pushed_count++] = part.pushed;
        }
        if (part.residual != NULL) {
            residual[residual_count++] = part.residual;
        }
    }
    HB_TRY(split_join(ctx, HB_EXPR_AND, pushed, pushed_count, &out->pushed));
    HB_TRY(split_join(ctx, HB_EXPR_AND, residual, residual_count, &out->residual));
    out->claim = residual_count == 0 ? HB_EXACT : pushed_count > 0 ? HB_SUPERSET : HB_NO;
    return HB_OK;
}

static hb_status claims_or(const split_ctx *ctx, const hb_expr *expr, uint32_t backend,
                           split_parts *out) {
    const hb_expr **pushed = HB_NEW_ARRAY(ctx->arena, const hb_expr *, expr->arg_count);
    if (pushed == NULL) return hb_err_memory(ctx->err);
    *out = (split_parts){ .claim = HB_EXACT };
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        split_parts part;
        HB_TRY(split_claims(ctx, expr->args[i], backend, &part));
        if (part.claim < out->claim) {
            out->claim = part.claim;
        }
        pushed[i] = part.pushed;
    }
    if (out->claim != HB_EXACT) {
        out->residual = expr;
    }
    return out->claim == HB_NO ? HB_OK
                               : split_join(ctx, HB_EXPR_OR, pushed, expr->arg_count, &out->pushed);
}

hb_status split_claims(const split_ctx *ctx, const hb_expr *expr, uint32_t backend,
                       split_parts *out) {
    *out = (split_parts){ .claim = HB_NO, .residual = expr };
    switch (expr->kind) {
    case HB_EXPR_LEAF: return claims_leaf(ctx, expr, backend, out);
    case HB_EXPR_AND: return claims_and(ctx, expr, backend, out);
    case HB_EXPR_OR: return claims_or(ctx, expr, backend, out);
    case HB_EXPR_NOT: break;
    }
    /* The complement of a superset is not a superset of the complement. */
    split_parts inner;
    HB_TRY(split_claims(ctx, expr->args[0], backend, &inner));
    if (inner.claim == HB_EXACT) {
        *out = (split_parts){ .claim = HB_EXACT, .pushed = expr };
    }
    return HB_OK;
}

void split_mark_fields(const hb_expr *expr, uint8_t *marks) {
    if (expr->kind == HB_EXPR_LEAF) {
        marks[expr->field] = 1;
        return;
    }
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        split_mark_fields(expr->args[i], marks);
    }
}
