// SPDX-License-Identifier: MIT
/* What this backend claims. Every claim is EXACT: a leaf is either said in SQL with our meaning, or
 * answered by the evaluator from inside the statement, which explain() shows as not native. */
#include "backends/matrix.h"
#include "backends/sqlite/sqlite_priv.h"

bool sqlite_stores(const hb_type *type, hb_strategy strategy) {
    /* Side tables are of items, relations of edges. Any other strategy that makes no sense for the
     * type leaves nothing to ask but whether there is a value. */
    if (strategy == HB_STRATEGY_GRAPH) return type->edge_column > 0;
    return strategy != HB_STRATEGY_SIDE || type->id == HB_TYPE_ARRAY || type->id == HB_TYPE_HYPER_G;
}

bool sqlite_has_item_table(const hb_type *type, hb_strategy strategy) {
    if (strategy == HB_STRATEGY_GRAPH) return type->edge_column > 0;
    if (type->id != HB_TYPE_ARRAY || type->item == NULL) return false;
    if (strategy != HB_STRATEGY_SIDE && strategy != HB_STRATEGY_SPARSE_GRAM) return false;
    hb_kind kind = hb_type_kind(type->item);
    return kind == HB_KIND_BOOL || kind == HB_KIND_I64 || kind == HB_KIND_F64 ||
           kind == HB_KIND_TEXT;
}

bool sqlite_leaf_edges(const hb_type *type, hb_strategy strategy, const hb_expr *leaf,
                       hb_pack_reader *ids, uint32_t *count) {
    return strategy == HB_STRATEGY_GRAPH && leaf->op == HB_OP_EXISTS &&
           leaf->value.kind == HB_KIND_PACK && hb_edge_lookup(type, leaf->value.as.s, ids, count);
}

static bool type_has_op(const hb_type *type, hb_strategy strategy, hb_op op) {
    return sqlite_stores(type, strategy) && hb_matrix_has_op(type, strategy, op);
}

static hb_offer offer_none(void) {
    return (hb_offer){ HB_NO, false, NULL,
                       "sqlite has no such operator for this type and strategy" };
}

static hb_offer offer_called(const char *reason) {
    return (hb_offer){ HB_EXACT, false, "row_payload", reason };
}

static hb_offer offer_sql(void) {
    return (hb_offer){ HB_EXACT, true, "sql_where", NULL };
}

static const char *called_reason(const hb_type *type, hb_op op) {
    if (hb_op_in(op, HB_OPS_PROSE)) return "text_semantics_not_proven";
    if (type->id == HB_TYPE_JSON) return "json_semantics_not_proven";
    return "no operator of the engine has this meaning; the core answers from inside the statement";
}

hb_offer sqlite_offer(const hb_type *type, hb_strategy strategy, bool indexed,
                      const hb_expr *leaf) {
    (void)indexed;
    bool known = leaf->path_len > 0 ? hb_matrix_has_path_op(type, strategy, leaf->op)
                                    : type_has_op(type, strategy, leaf->op);
    if (!known) return offer_none();
    hb_pack_reader ids;
    uint32_t count;
    if (sqlite_leaf_edges(type, strategy, leaf, &ids, &count)) return offer_sql();
    if (hb_sql_can_leaf(&hb_dialect_sqlite, type, leaf)) return offer_sql();
    if (leaf->op == HB_OP_HAS_WORDS && strategy == HB_STRATEGY_INVERTED) {
        return (hb_offer){ HB_EXACT, true, "index_filter", NULL };
    }
    if (leaf->op == HB_OP_ARRAY_CONTAINS && leaf->path_len == 0 &&
        leaf->value.kind != HB_KIND_NULL && sqlite_has_item_table(type, strategy)) {
        return offer_sql();
    }
    if (leaf->op == HB_OP_CONTAINED_IN && strategy == HB_STRATEGY_SPARSE_GRAM &&
        sqlite_has_item_table(type, strategy)) {
        return (hb_offer){ HB_EXACT, true, "sql_sparse_gram_contained_in", NULL };
    }
    return offer_called(called_reason(type, leaf->op));
}

/* A leaf of the type's own kind stands for the operators in the static answer. */
static hb_offer supports_op(const hb_type *type, hb_strategy strategy, hb_op op) {
    hb_value value = { .kind = hb_type_kind(type) };
    value.as.s = HB_STR("x");
    if (value.kind != HB_KIND_TEXT) memset(&value.as, 0, sizeof(value.as));
    if (op == HB_OP_ARRAY_CONTAINS && type->item != NULL) value.kind = hb_type_kind(type->item);
    hb_expr leaf = { .kind = HB_EXPR_LEAF, .field = 1, .op = op, .value = value };
    return sqlite_offer(type, strategy, false, &leaf);
}

hb_offer sqlite_supports(const hb_type *type, hb_strategy strategy, hb_str op) {
    if (hb_str_eq(op, HB_STR("near"))) {
        if (type->id != HB_TYPE_VECTOR || strategy != HB_STRATEGY_VECTOR) return offer_none();
        return offer_called("the core's kernel scans the vectors of the rows that pass the filter");
    }
    if (hb_str_eq(op, HB_STR("search"))) {
        if (!type_has_op(type, strategy, HB_OP_HAS_WORDS)) return offer_none();
        if (strategy == HB_STRATEGY_INVERTED)
            return (hb_offer){ HB_EXACT, true, "index_filter", NULL };
        return offer_called("the field has no text index: its rows are read for each search");
    }
    if (hb_str_eq(op, HB_STR("get"))) {
        return type->id == HB_TYPE_JSON && hb_matrix_is_plain(strategy) ? offer_sql()
                                                                        : offer_none();
    }
    hb_op found;
    if (!hb_op_find(op, &found)) return offer_none();
    return supports_op(type, strategy, found);
}
