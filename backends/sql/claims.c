// SPDX-License-Identifier: MIT
/* What a SQL engine elsewhere can hold, and which leaves it answers with exactly our meaning: those
 * that its dialect can say. The core evaluates the others on the rows that the rest lets through.
 */
#include "backends/matrix.h"
#include "backends/sql/remote.h"

bool sql_stores(const hb_type *type, hb_strategy strategy) {
    switch (strategy) {
    case HB_STRATEGY_SIDE: return type->id == HB_TYPE_ARRAY || type->id == HB_TYPE_HYPER_G;
    case HB_STRATEGY_SPARSE_GRAM: return type->id == HB_TYPE_ARRAY;
    case HB_STRATEGY_VECTOR: return type->id == HB_TYPE_VECTOR;
    case HB_STRATEGY_GRAPH: return type->id == HB_TYPE_HYPER_G;
    case HB_STRATEGY_INLINE:
    case HB_STRATEGY_JSON: return true;
    case HB_STRATEGY_INVERTED:
    case HB_STRATEGY_EXTERNAL:
    case HB_STRATEGY_NONE:
    case HB_STRATEGY_COUNT: break;
    }
    return false;
}

static bool has_nul(const hb_value *value) {
    return value->kind == HB_KIND_TEXT && value->as.s.len > 0 &&
           memchr(value->as.s.ptr, '\0', value->as.s.len) != NULL;
}

/* Engines compare an integer with a double as two doubles: only with what both can hold. */
static bool is_comparable(const hb_dialect *dialect, hb_kind column, const hb_value *value) {
    if (column == HB_KIND_I64 && value->kind == HB_KIND_F64) return false;
    if (column == HB_KIND_F64 && value->kind == HB_KIND_I64) {
        return value->as.i >= -9007199254740992 && value->as.i <= 9007199254740992;
    }
    return dialect->holds_nul || !has_nul(value);
}

/* Templates would see the mark of a text, or not all of one that is too long (dialects.h). */
static bool can_template(const hb_dialect *dialect, const hb_type *type, const hb_expr *leaf) {
    const bool looks_into =
        leaf->op == HB_OP_CONTAINS || leaf->op == HB_OP_STARTS_WITH || leaf->op == HB_OP_ENDS_WITH;
    const bool compares = leaf->op == HB_OP_LT || leaf->op == HB_OP_LTE || leaf->op == HB_OP_GT ||
                          leaf->op == HB_OP_GTE;
    const hb_str text = leaf->value.as.s;
    if (leaf->value.kind != HB_KIND_TEXT) return true;
    if (dialect->operand_max > 0 && text.len > dialect->operand_max) return false;
    if (looks_into && dialect->text_marked != NULL && hb_str_has_char(text, HB_SQL_MARK)) {
        return false;
    }
    return !compares || dialect->order_chars == 0 || type->id == HB_TYPE_DATE ||
           (type->max_chars > 0 && type->max_chars <= dialect->order_chars);
}

static bool can_say(const hb_dialect *dialect, const hb_type *type, const hb_expr *leaf) {
    const hb_kind kind = hb_type_kind(type);
    if (leaf->path_len > 0 || !hb_sql_can_leaf(dialect, type, leaf)) return false;
    if (leaf->op == HB_OP_IN && leaf->list_count > dialect->in_max) return false;
    for (uint32_t i = 0; i < leaf->list_count; i++) {
        if (!is_comparable(dialect, kind, &leaf->list[i])) return false;
    }
    return is_comparable(dialect, kind, &leaf->value) && can_template(dialect, type, leaf);
}

hb_offer sql_offer(const hb_dialect *dialect, const hb_type *type, const hb_expr *leaf) {
    if (can_say(dialect, type, leaf)) return (hb_offer){ HB_EXACT, true, "sql_where", NULL };
    return (hb_offer){ HB_NO, false, "row_payload",
                       "the engine has no operator with exactly this meaning" };
}

static hb_offer supports_op(const sql_engine *engine, const hb_type *type, hb_op op) {
    hb_value value = { .kind = hb_type_kind(type) };
    value.as.s = HB_STR("x");
    if (value.kind != HB_KIND_TEXT) memset(&value.as, 0, sizeof(value.as));
    const hb_expr leaf = { .kind = HB_EXPR_LEAF, .field = 1, .op = op, .value = value };
    hb_offer offer = sql_offer(engine->dialect, type, &leaf);
    if (offer.claim == HB_NO) offer.claim = HB_EXACT; /* by the core */
    return offer;
}

hb_offer sql_supports(const sql_engine *engine, const hb_type *type, hb_strategy strategy,
                      hb_str op) {
    const hb_offer none = { HB_NO, false, NULL, "no such operator for this type and strategy" };
    hb_op found;
    if (!sql_stores(type, strategy)) return none;
    if (hb_str_eq(op, HB_STR("near"))) {
        if (type->id != HB_TYPE_VECTOR || strategy != HB_STRATEGY_VECTOR) return none;
        if (engine->distances[HB_METRIC_L2] != NULL) {
            return (hb_offer){ HB_EXACT, true, "sql_distance", NULL };
        }
        return (hb_offer){ HB_EXACT, false, "row_payload",
                           "the vectors of the rows that pass come here, and the core ranks them" };
    }
    if (hb_str_eq(op, HB_STR("search"))) {
        if (!hb_matrix_has_op(type, strategy, HB_OP_HAS_WORDS)) return none;
        return (hb_offer){ HB_EXACT, false, "row_payload", "the field has no text index here" };
    }
    if (hb_str_eq(op, HB_STR("get"))) {
        if (type->id != HB_TYPE_JSON || !hb_matrix_is_plain(strategy)) return none;
        return (hb_offer){ HB_EXACT, false, "row_payload", "the core looks into the value" };
    }
    if (!hb_op_find(op, &found) || !hb_matrix_has_op(type, strategy, found)) return none;
    return supports_op(engine, type, found);
}
