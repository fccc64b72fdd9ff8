// SPDX-License-Identifier: MIT
#include "eval/pred.h"

#include "eval/leaf.h"

/* AND narrows the mask in place; OR and NOT work on copies, one pair of masks per level. */

typedef struct pred_node pred_node;
struct pred_node {
    hb_expr_kind kind;
    pred_node **args;
    uint32_t arg_count;
    hb_leaf *leaf;
    uint32_t field;
    uint32_t cost;
};

typedef struct pred_masks {
    uint8_t rest[HB_EVAL_CHUNK];
    uint8_t part[HB_EVAL_CHUNK];
} pred_masks;

struct hb_pred {
    hb_arena arena;
    const hb_mem *mem;
    const hb_schema *schema;
    pred_node *root;
    hb_leaf *chain;             /* owns patterns and sets */
    hb_leaf **leaves;           /* by leaf_index; NULL where the expression has none */
    uint32_t leaf_count;
    pred_masks *masks;          /* one per level */
};

static void expr_measure(const hb_expr *expr, uint32_t depth, uint32_t *depth_max,
                         uint32_t *leaf_count) {
    if (depth > *depth_max) {
        *depth_max = depth;
    }
    if (expr->kind == HB_EXPR_LEAF) {
        if (expr->leaf_index + 1 > *leaf_count) {
            *leaf_count = expr->leaf_index + 1;
        }
        return;
    }
    for (uint32_t i = 0; i < expr->arg_count && depth <= HB_EXPR_DEPTH_MAX; i++) {
        expr_measure(expr->args[i], depth + 1, depth_max, leaf_count);
    }
}

/* Cheap conditions first; stable, so that equals keep the order of the text. */
static void args_order(pred_node **args, uint32_t count) {
    for (uint32_t i = 1; i < count; i++) {
        pred_node *node = args[i];
        uint32_t at = i;
        while (at > 0 && args[at - 1]->cost > node->cost) {
            args[at] = args[at - 1];
            at--;
        }
        args[at] = node;
    }
}

static hb_status node_make(hb_pred *pred, const hb_expr *expr, pred_node **out, hb_err *err) {
    pred_node *node = HB_NEW(&pred->arena, pred_node);
    if (node == NULL) {
        return hb_err_memory(err);
    }
    *out = node;
    node->kind = expr->kind;
    if (expr->kind == HB_EXPR_LEAF) {
        HB_ASSERT(expr->field < pred->schema->field_count);
        const hb_field *field = &pred->schema->fields[expr->field];
        HB_TRY(hb_leaf_new(field->type, field->name, expr, &pred->arena, &pred->chain,
                           &node->leaf, err));
        node->field = expr->field;
        node->cost = node->leaf->cost;
        pred->leaves[expr->leaf_index] = node->leaf;
        return HB_OK;
    }
    node->arg_count = expr->arg_count;
    node->args = HB_NEW_ARRAY(&pred->arena, pred_node *, expr->arg_count);
    if (node->args == NULL) {
        return hb_err_memory(err);
    }
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        HB_TRY(node_make(pred, expr->args[i], &node->args[i], err));
        node->cost += node->args[i]->cost;
    }
    args_order(node->args, node->arg_count);
    return HB_OK;
}

hb_status hb_pred_new(const hb_schema *schema, const hb_expr *expr, const hb_mem *mem,
                      hb_pred **out, hb_err *err) {
    *out = NULL;
    uint32_t depth = 0;
    uint32_t leaf_count = 0;
    expr_measure(expr, 1, &depth, &leaf_count);
    if (depth > HB_EXPR_DEPTH_MAX) {
        return hb_err_set(err, HB_E_LIMIT, "the filter is nested deeper than %u levels",
                          HB_EXPR_DEPTH_MAX);
    }
    hb_pred *pred = hb_mem_zalloc(mem, sizeof(*pred));
    if (pred == NULL) {
        return hb_err_memory(err);
    }
    hb_arena_init(&pred->arena, mem);
    pred->mem = mem;
    pred->schema = schema;
    pred->leaf_count = leaf_count;
    pred->leaves = HB_NEW_ARRAY(&pred->arena, hb_leaf *, leaf_count);
    pred->masks = hb_arena_array(&pred->arena, depth, sizeof(pred_masks));
    hb_status status = pred->leaves == NULL || pred->masks == NULL ? hb_err_memory(err) : HB_OK;
    if (status == HB_OK) {
        status = node_make(pred, expr, &pred->root, err);
    }
    if (status != HB_OK) {
        hb_pred_free(pred);
        return status;
    }
    *out = pred;
    return HB_OK;
}

void hb_pred_free(hb_pred *pred) {
    if (pred == NULL) {
        return;
    }
    hb_leaf_free_chain(pred->chain);
    hb_arena_free(&pred->arena);
    hb_mem_free(pred->mem, pred, sizeof(*pred));
}

typedef struct pred_run {
    hb_pred *pred;
    const hb_column *const *columns;
    const uint32_t *rows;
    uint32_t base;
    uint32_t count;
    hb_err *err;
} pred_run;

static bool mask_is_empty(const uint8_t *mask, uint32_t count) {
    return memchr(mask, 1, count) == NULL;
}

static hb_status leaf_gave_up(const hb_leaf *leaf, hb_err *err) {
    if (leaf->how == HB_LEAF_KEYWORD) return hb_err_memory(err);
    hb_err_set(err, HB_E_LIMIT, "the pattern needs more steps than the match limit allows");
    return hb_err_where(err, HB_STR_EMPTY, leaf->field, HB_STR_EMPTY);
}

static hb_status node_eval(const pred_run *run, const pred_node *node, uint32_t level,
                           uint8_t *mask);

static hb_status or_eval(const pred_run *run, const pred_node *node, uint32_t level,
                         uint8_t *mask) {
    pred_masks *masks = &run->pred->masks[level];
    memcpy(masks->rest, mask, run->count);
    memset(mask, 0, run->count);
    for (uint32_t i = 0; i < node->arg_count && !mask_is_empty(masks->rest, run->count); i++) {
        memcpy(masks->part, masks->rest, run->count);
        HB_TRY(node_eval(run, node->args[i], level + 1, masks->part));
        for (uint32_t r = 0; r < run->count; r++) {
            mask[r] |= masks->part[r];
            masks->rest[r] &= (uint8_t)(masks->part[r] ^ 1);
        }
    }
    return HB_OK;
}

static hb_status not_eval(const pred_run *run, const pred_node *node, uint32_t level,
                          uint8_t *mask) {
    uint8_t *part = run->pred->masks[level].part;
    memcpy(part, mask, run->count);
    HB_TRY(node_eval(run, node->args[0], level + 1, part));
    for (uint32_t r = 0; r < run->count; r++) {
        mask[r] &= (uint8_t)(part[r] ^ 1);
    }
    return HB_OK;
}

static hb_status node_eval(const pred_run *run, const pred_node *node, uint32_t level,
                           uint8_t *mask) {
    switch (node->kind) {
    case HB_EXPR_LEAF:
        if (hb_leaf_mask(node->leaf, run->columns[node->field], run->rows, run->base, run->count,
                         mask) < 0) {
            return leaf_gave_up(node->leaf, run->err);
        }
        return HB_OK;
    case HB_EXPR_AND:
        for (uint32_t i = 0; i < node->arg_count && !mask_is_empty(mask, run->count); i++) {
            HB_TRY(node_eval(run, node->args[i], level + 1, mask));
        }
        return HB_OK;
    case HB_EXPR_OR: return or_eval(run, node, level, mask);
    case HB_EXPR_NOT: return not_eval(run, node, level, mask);
    }
    return HB_OK;
}

hb_status hb_pred_eval(hb_pred *pred, const hb_column *const *columns, const uint32_t *rows,
                       uint32_t base, uint32_t count, uint8_t *mask, hb_err *err) {
    HB_ASSERT(count <= HB_EVAL_CHUNK);
    pred_run run = { pred, columns, rows, base, count, err };
    return node_eval(&run, pred->root, 0, mask);
}

hb_status hb_pred_test(hb_pred *pred, uint32_t leaf_index, const hb_value *value, bool *out,
                       hb_err *err) {
    HB_ASSERT(leaf_index < pred->leaf_count && pred->leaves[leaf_index] != NULL);
    int hit = hb_leaf_test(pred->leaves[leaf_index], value);
    *out = hit > 0;
    return hit < 0 ? leaf_gave_up(pred->leaves[leaf_index], err) : HB_OK;
}
