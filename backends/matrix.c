// SPDX-License-Identifier: MIT
#include "backends/matrix.h"

bool hb_matrix_is_plain(hb_strategy strategy) {
    return strategy == HB_STRATEGY_INLINE || strategy == HB_STRATEGY_JSON ||
           strategy == HB_STRATEGY_INVERTED;
}

static bool array_has_op(hb_strategy strategy, hb_op op) {
    if (op == HB_OP_ARRAY_CONTAINS || op == HB_OP_CONTAINS || op == HB_OP_CONTAINED_IN) {
        return hb_matrix_is_plain(strategy) || strategy == HB_STRATEGY_SIDE ||
               strategy == HB_STRATEGY_SPARSE_GRAM;
    }
    return hb_op_in(op, HB_OPS_EQUALITY) &&
           (hb_matrix_is_plain(strategy) || strategy == HB_STRATEGY_SIDE);
}

static bool hyper_has_op(hb_strategy strategy, hb_op op) {
    if (strategy == HB_STRATEGY_GRAPH) return op == HB_OP_EXISTS || op == HB_OP_ALL;
    if (!hb_matrix_is_plain(strategy) && strategy != HB_STRATEGY_SIDE) return false;
    return op == HB_OP_EXISTS || op == HB_OP_ALL || hb_op_in(op, HB_OPS_EQUALITY);
}

bool hb_matrix_has_op(const hb_type *type, hb_strategy strategy, hb_op op) {
    if (op == HB_OP_IS_NULL) return true;
    switch (type->id) {
    case HB_TYPE_ARRAY: return array_has_op(strategy, op);
    case HB_TYPE_HYPER_G: return hyper_has_op(strategy, op);
    case HB_TYPE_VECTOR: return strategy == HB_STRATEGY_VECTOR && op == HB_OP_EQ;
    case HB_TYPE_ARTIFACT: return false;
    case HB_TYPE_BOOLEAN:
    case HB_TYPE_JSON: return hb_matrix_is_plain(strategy) && hb_op_in(op, HB_OPS_EQUALITY);
    case HB_TYPE_INTEGER:
    case HB_TYPE_FLOAT:
    case HB_TYPE_TIMESTAMP:
    case HB_TYPE_DURATION:
        return hb_matrix_is_plain(strategy) && hb_op_in(op, HB_OPS_EQUALITY | HB_OPS_ORDER);
    case HB_TYPE_IDENTIFIER:
    case HB_TYPE_SHORT_TEXT:
    case HB_TYPE_MEDIUM_TEXT:
    case HB_TYPE_LONG_TEXT:
    case HB_TYPE_DATE:
    case HB_TYPE_CATEGORICAL: {
        bool text = hb_type_kind(type) == HB_KIND_TEXT && hb_op_in(op, HB_OPS_PROSE);
        return hb_matrix_is_plain(strategy) &&
               (hb_op_in(op, HB_OPS_EQUALITY | HB_OPS_ORDER) || text);
    }
    case HB_TYPE_COUNT: break;
    }
    return false;
}

bool hb_matrix_has_path_op(const hb_type *type, hb_strategy strategy, hb_op op) {
    if (type->id != HB_TYPE_JSON || !hb_matrix_is_plain(strategy)) return false;
    return hb_op_in(op, HB_OPS_EQUALITY | HB_OPS_ORDER) || op == HB_OP_CONTAINS ||
           op == HB_OP_ARRAY_CONTAINS || op == HB_OP_IS_NULL;
}
