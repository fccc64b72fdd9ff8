// SPDX-License-Identifier: MIT
#include "value/edge.h"

hb_edges hb_edges_read(hb_str column, hb_str cell) {
    hb_edges edges = { hb_pack_read(cell), 0, column };
    hb_pack_item head;
    if (hb_pack_next(&edges.reader, &head) && head.tag == HB_PACK_ARRAY) edges.left = head.count;
    return edges;
}

static bool edge_target(hb_str column, hb_str edge, hb_str *target) {
    hb_pack_reader r = hb_pack_read(edge);
    hb_pack_item item;
    if (!hb_pack_next(&r, &item) || item.tag != HB_PACK_MAP) return false;
    for (uint32_t left = item.count; left > 0; left--) {
        hb_str value;
        if (!hb_pack_next(&r, &item) || item.tag != HB_PACK_STR) return false;
        if (!hb_str_eq(item.s, column)) {
            if (!hb_pack_skip(&r, &value)) return false;
            continue;
        }
        if (!hb_pack_next(&r, &item) || item.tag != HB_PACK_STR) return false;
        *target = item.s;
        return true;
    }
    return false;
}

bool hb_edges_next(hb_edges *edges, hb_str *target, hb_str *whole) {
    while (edges->left > 0) {
        hb_str edge;
        edges->left--;
        if (!hb_pack_skip(&edges->reader, &edge)) {
            edges->left = 0;
            return false;
        }
        if (!edge_target(edges->column, edge, target)) continue;
        if (whole != NULL) *whole = edge;
        return true;
    }
    return false;
}

/* Anything that coercion would change or refuse is left to the evaluator. */
static bool lookup_id(const hb_type *id_type, const hb_pack_item *item) {
    return item->tag == HB_PACK_STR && item->s.len > 0 && item->s.len <= id_type->max_chars;
}

static bool lookup_list(const hb_type *id_type, hb_pack_reader r, uint32_t count) {
    hb_pack_item item;
    for (uint32_t i = 0; i < count; i++) {
        if (!hb_pack_next(&r, &item) || !lookup_id(id_type, &item)) return false;
    }
    return true;
}

static bool lookup_condition(const hb_type *id_type, hb_pack_reader *r, hb_pack_reader *ids,
                             uint32_t *count) {
    hb_pack_item item;
    *count = 1;
    *ids = *r;
    if (!hb_pack_next(r, &item)) return false;
    if (item.tag != HB_PACK_MAP) return lookup_id(id_type, &item);
    if (item.count != 1 || !hb_pack_next(r, &item) || item.tag != HB_PACK_STR) return false;
    *ids = *r;
    const bool in = hb_str_eq(item.s, HB_STR("in")) || hb_str_eq(item.s, HB_STR("$in"));
    const bool eq = hb_str_eq(item.s, HB_STR("eq")) || hb_str_eq(item.s, HB_STR("$eq"));
    if (!hb_pack_next(r, &item)) return false;
    if (eq) return lookup_id(id_type, &item);
    if (!in || item.tag != HB_PACK_ARRAY) return false;
    *ids = *r;
    *count = item.count;
    return lookup_list(id_type, *r, item.count);
}

bool hb_edge_lookup(const hb_type *type, hb_str operand, hb_pack_reader *ids, uint32_t *count) {
    if (type->edge_column == 0) return false;
    hb_pack_reader r = hb_pack_read(operand);
    hb_pack_item item;
    if (!hb_pack_next(&r, &item) || item.tag != HB_PACK_MAP || item.count != 1) return false;
    if (!hb_pack_next(&r, &item) || item.tag != HB_PACK_STR ||
        !hb_str_eq(item.s, hb_edge_column(type))) {
        return false;
    }
    return lookup_condition(type->columns[type->edge_column - 1].type, &r, ids, count);
}
