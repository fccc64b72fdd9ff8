// SPDX-License-Identifier: MIT
/* exists and all over the items of a HyperG field. The operand is a mapping of column conditions
 * {"slot": v | {"op": v, ...}}; `all` also takes {"where": {...}, "then": {...}}. */
#include "eval/leaf.h"
#include "value/coerce.h"

#define EMPTY_MAP "\x80"     /* MessagePack */

static hb_status items_error(const hb_leaf *leaf, hb_err *err, hb_status code, const char *what) {
    hb_str op = hb_op_name(leaf->op);
    hb_err_set(err, code, "'%.*s' expects a mapping of columns to conditions; %s", HB_ARG(op),
               what);
    return hb_err_where(err, HB_STR_EMPTY, leaf->field, HB_STR_EMPTY);
}

/* Every item would do, or none is asked about: a slip, not a question. */
static hb_status items_none(const hb_leaf *leaf, hb_err *err) {
    return items_error(leaf, err, HB_E_QUERY, "found none");
}

static const hb_hyper_field *items_column(const hb_type *type, hb_str name) {
    for (uint32_t i = 0; i < type->column_count; i++) {
        if (hb_str_eq(type->columns[i].name, name)) {
            return &type->columns[i];
        }
    }
    return NULL;
}

static hb_status items_operand(const hb_type *type, hb_str bytes, hb_arena *arena, hb_value *out,
                               hb_err *err) {
    hb_value raw;
    HB_TRY(hb_pack_to_value(bytes, arena, &raw, err));
    if (raw.kind == HB_KIND_NULL) {
        *out = raw;
        return HB_OK;
    }
    return hb_coerce_value(type, &raw, arena, out, err);
}

static hb_status items_list(const hb_type *type, hb_str bytes, hb_expr *expr, hb_arena *arena,
                            hb_err *err) {
    hb_pack_reader reader = hb_pack_read(bytes);
    hb_pack_item head;
    if (!hb_pack_next(&reader, &head) || head.tag != HB_PACK_ARRAY) {
        return hb_err_set(err, HB_E_TYPE, "the operator 'in' expects a list");
    }
    hb_value *list = hb_arena_array(arena, head.count, sizeof(*list));
    if (list == NULL) {
        return hb_err_memory(err);
    }
    for (uint32_t i = 0; i < head.count; i++) {
        hb_str whole;
        if (!hb_pack_skip(&reader, &whole)) {
            return hb_err_set(err, HB_E_QUERY, "the operand of 'in' is malformed");
        }
        hb_value value;
        HB_TRY(items_operand(type, whole, arena, &value, err));
        if (value.kind == HB_KIND_NULL) {
            expr->list_has_null = true;
        } else {
            list[expr->list_count++] = value;
        }
    }
    expr->list = list;
    return HB_OK;
}

static hb_status items_leaf(const hb_hyper_field *column, hb_op op, hb_str operand, hb_arena *arena,
                            hb_leaf **chain, hb_leaf **out, hb_err *err) {
    hb_expr *expr = HB_NEW(arena, hb_expr);
    if (expr == NULL) {
        return hb_err_memory(err);
    }
    expr->kind = HB_EXPR_LEAF;
    expr->op = op;
    if (op == HB_OP_IN) {
        HB_TRY(items_list(column->type, operand, expr, arena, err));
    } else if (op != HB_OP_IS_NULL) {
        HB_TRY(items_operand(column->type, operand, arena, &expr->value, err));
    }
    return hb_leaf_new(column->type, column->name, expr, arena, chain, out, err);
}

/* Number of conditions of one column: an operator mapping has one per key. */
static uint32_t condition_count(hb_str bytes) {
    hb_pack_reader reader = hb_pack_read(bytes);
    hb_pack_item head;
    return hb_pack_next(&reader, &head) && head.tag == HB_PACK_MAP ? head.count : 1;
}

static hb_status items_conditions(const hb_hyper_field *column, hb_str bytes, hb_arena *arena,
                                  hb_leaf **chain, hb_leaf_column *out, uint32_t *count,
                                  hb_err *err) {
    hb_pack_reader reader = hb_pack_read(bytes);
    hb_pack_item head;
    if (!hb_pack_next(&reader, &head)) {
        return hb_err_set(err, HB_E_QUERY, "the operand is malformed");
    }
    if (head.tag != HB_PACK_MAP) {
        hb_op op = head.tag == HB_PACK_NIL ? HB_OP_IS_NULL : HB_OP_EQ;
        out[*count].name = column->name;
        HB_TRY(items_leaf(column, op, bytes, arena, chain, &out[*count].leaf, err));
        *count += 1;
        return HB_OK;
    }
    for (uint32_t i = 0; i < head.count; i++) {
        hb_pack_item key;
        hb_str operand;
        hb_op op;
        if (!hb_pack_next(&reader, &key) || key.tag != HB_PACK_STR ||
            !hb_pack_skip(&reader, &operand)) {
            return hb_err_set(err, HB_E_QUERY, "a column condition is malformed");
        }
        if (!hb_op_find(key.s, &op)) {
            return hb_err_set(err, HB_E_UNSUPPORTED, "unknown operator '%.*s' on column '%.*s'",
                              HB_ARG(key.s), HB_ARG(column->name));
        }
        out[*count].name = column->name;
        HB_TRY(items_leaf(column, op, operand, arena, chain, &out[*count].leaf, err));
        *count += 1;
    }
    return HB_OK;
}

static hb_status items_conjunction(const hb_leaf *leaf, const hb_type *type, hb_str bytes,
                                   hb_arena *arena, hb_leaf **chain,
                                   const hb_leaf_column **out, uint32_t *out_count, hb_err *err) {
    hb_pack_reader reader = hb_pack_read(bytes);
    hb_pack_item head;
    if (!hb_pack_next(&reader, &head) || head.tag != HB_PACK_MAP) {
        return items_error(leaf, err, HB_E_TYPE, "found something else");
    }
    hb_pack_reader again = reader;
    uint32_t total = 0;
    hb_pack_item key;
    hb_str operand;
    for (uint32_t i = 0; i < head.count; i++) {
        if (!hb_pack_next(&reader, &key) || key.tag != HB_PACK_STR ||
            !hb_pack_skip(&reader, &operand)) {
            return items_error(leaf, err, HB_E_QUERY, "the mapping is malformed");
        }
        total += condition_count(operand);
    }
    hb_leaf_column *columns = HB_NEW_ARRAY(arena, hb_leaf_column, total);
    if (columns == NULL) {
        return hb_err_memory(err);
    }
    for (uint32_t i = 0; i < head.count; i++) {
        if (!hb_pack_next(&again, &key) || !hb_pack_skip(&again, &operand)) {
            return items_error(leaf, err, HB_E_QUERY, "the mapping is malformed");
        }
        const hb_hyper_field *column = items_column(type, key.s);
        if (column == NULL) {
            hb_err_set(err, HB_E_UNKNOWN_FIELD, "the items have no column '%.*s'", HB_ARG(key.s));
            return hb_err_where(err, HB_STR_EMPTY, leaf->field, HB_STR_EMPTY);
        }
        HB_TRY(items_conditions(column, operand, arena, chain, columns, out_count, err));
    }
    *out = columns;
    return HB_OK;
}

/* {"where": {...}, "then": {...}} unless the type has columns of these names. */
static bool items_is_where(const hb_type *type, hb_str bytes, hb_str *where, hb_str *then) {
    hb_pack_reader reader = hb_pack_read(bytes);
    hb_pack_item head;
    if (!hb_pack_next(&reader, &head) || head.tag != HB_PACK_MAP || head.count == 0) {
        return false;
    }
    *where = *then = HB_STR(EMPTY_MAP);
    for (uint32_t i = 0; i < head.count; i++) {
        hb_pack_item key;
        hb_str value;
        if (!hb_pack_next(&reader, &key) || key.tag != HB_PACK_STR ||
            !hb_pack_skip(&reader, &value) || items_column(type, key.s) != NULL) {
            return false;
        }
        bool is_null = value.len == 1 && (uint8_t)value.ptr[0] == 0xc0;
        if (hb_str_eq(key.s, HB_STR("where"))) {
            *where = is_null ? *where : value;
        } else if (hb_str_eq(key.s, HB_STR("then"))) {
            *then = is_null ? *then : value;
        } else {
            return false;
        }
    }
    return true;
}

hb_status hb_leaf_items_new(hb_leaf *leaf, const hb_type *type, const hb_expr *expr,
                            hb_arena *arena, hb_leaf **chain, hb_err *err) {
    hb_leaf_items *items = &leaf->items;
    items->all = expr->op == HB_OP_ALL;
    if (expr->value.kind != HB_KIND_PACK) {
        return items_error(leaf, err, HB_E_TYPE, "found something else");
    }
    hb_str where = expr->value.as.s;
    hb_str then = HB_STR_EMPTY;
    if (!items->all) {
        HB_TRY(items_conjunction(leaf, type, where, arena, chain, &items->where,
                                 &items->where_count, err));
        return condition_count(where) > 0 ? HB_OK : items_none(leaf, err);
    }
    if (!items_is_where(type, expr->value.as.s, &where, &then)) {
        then = expr->value.as.s;
        where = HB_STR(EMPTY_MAP);
    }
    HB_TRY(items_conjunction(leaf, type, where, arena, chain, &items->where, &items->where_count,
                             err));
    HB_TRY(items_conjunction(leaf, type, then, arena, chain, &items->then, &items->then_count,
                             err));
    return condition_count(then) > 0 ? HB_OK : items_none(leaf, err);
}

static hb_value item_column(hb_str item, hb_str name) {
    hb_str found;
    hb_value value;
    if (!hb_pack_path(item, &name, 1, &found) || !hb_leaf_unpack(found, &value)) {
        return (hb_value){ .kind = HB_KIND_NULL };
    }
    return value;
}

static int item_holds(const hb_leaf_column *columns, uint32_t count, hb_str item) {
    for (uint32_t i = 0; i < count; i++) {
        hb_value value = item_column(item, columns[i].name);
        int hit = hb_leaf_test(columns[i].leaf, &value);
        if (hit <= 0) {
            return hit;
        }
    }
    return 1;
}

int hb_leaf_items_test(hb_leaf *leaf, hb_str bytes) {
    const hb_leaf_items *items = &leaf->items;
    hb_pack_reader reader = hb_pack_read(bytes);
    hb_pack_item head;
    if (!hb_pack_next(&reader, &head) || head.tag != HB_PACK_ARRAY) {
        return 0;
    }
    for (uint32_t i = 0; i < head.count; i++) {
        hb_str item;
        if (!hb_pack_skip(&reader, &item)) {
            return 0;
        }
        int hit = item_holds(items->where, items->where_count, item);
        if (hit == 1 && items->all) {
            hit = item_holds(items->then, items->then_count, item);
            if (hit == 0) {
                return 0;
            }
        } else if (hit == 1) {
            return 1;
        }
        if (hit < 0) {
            return -1;
        }
    }
    return items->all ? 1 : 0;
}
