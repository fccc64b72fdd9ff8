// SPDX-License-Identifier: MIT
/* Access paths: which condition of a filter can be answered from an index. Only conditions that
 * every match must satisfy count: the filter itself, or arguments of ANDs from the top down. */
#include "backends/inmem/scan.h"

#include "value/edge.h"

typedef struct access_pick {
    const hb_expr *leaf;        /* best so far; NULL: none */
    inmem_field *field;
    uint32_t count;             /* its candidates */
} access_pick;

static hb_value leaf_operand(const hb_expr *leaf) {
    hb_value value = leaf->value;
    if (value.kind != HB_KIND_PACK) {
        return value;
    }
    hb_pack_reader reader = hb_pack_read(value.as.s);
    hb_pack_item item;
    if (!hb_pack_next(&reader, &item)) {
        return value;
    }
    switch ((int)item.tag) {
    case HB_PACK_BOOL: return (hb_value){ .kind = HB_KIND_BOOL, .as.b = item.b };
    case HB_PACK_INT: return (hb_value){ .kind = HB_KIND_I64, .as.i = item.i };
    case HB_PACK_UINT64: return (hb_value){ .kind = HB_KIND_F64, .as.f = (double)item.u };
    case HB_PACK_FLOAT: return (hb_value){ .kind = HB_KIND_F64, .as.f = item.f };
    case HB_PACK_STR: return (hb_value){ .kind = HB_KIND_TEXT, .as.s = item.s };
    case HB_PACK_BIN: return (hb_value){ .kind = HB_KIND_BYTES, .as.s = item.s };
    default: return value;
    }
}

static bool leaf_is_value(const hb_expr *leaf) {
    bool eq = leaf->op == HB_OP_EQ && leaf->value.kind != HB_KIND_NULL;
    return leaf->path_len == 0 && (eq || (leaf->op == HB_OP_IN && !leaf->list_has_null));
}

static bool leaf_is_item(const hb_expr *leaf, const inmem_field *field) {
    return leaf->path_len == 0 && field->type == HB_TYPE_ARRAY &&
           (leaf->op == HB_OP_ARRAY_CONTAINS || leaf->op == HB_OP_CONTAINS) &&
           leaf->value.kind != HB_KIND_NULL;
}

static uint32_t leaf_value_count(const hb_expr *leaf) {
    return leaf->op == HB_OP_IN ? leaf->list_count : 1;
}

static hb_value leaf_value(const hb_expr *leaf, const inmem_field *field, uint32_t index) {
    if (leaf->op == HB_OP_IN) {
        return leaf->list[index];
    }
    return field->type == HB_TYPE_ARRAY ? leaf_operand(leaf) : leaf->value;
}

/* Rows with an edge to one of the ids. */
static bool leaf_edges(const inmem_scan *scan, const hb_expr *leaf, const inmem_field *field,
                       hb_pack_reader *ids, uint32_t *count) {
    const hb_type *type = scan->fragment->container->schema->fields[leaf->field].type;
    return leaf->op == HB_OP_EXISTS && leaf->path_len == 0 && field->edge_ptr != NULL &&
           leaf->value.kind == HB_KIND_PACK &&
           hb_edge_lookup(type, leaf->value.as.s, ids, count);
}

static uint32_t edges_hash(hb_pack_reader *ids) {
    hb_pack_item item;
    hb_value value = { .kind = HB_KIND_TEXT };
    if (hb_pack_next(ids, &item)) {
        value.as.s = item.s;
    }
    return inmem_value_hash(&value);
}

static uint32_t edges_total(const inmem_field *field, hb_pack_reader ids, uint32_t count,
                            uint32_t most) {
    uint64_t total = 0;
    for (uint32_t i = 0; i < count && total < most; i++) {
        total += inmem_postings_count(&field->values, edges_hash(&ids), most);
    }
    return total < most ? (uint32_t)total : most;
}

static uint32_t postings_total(const hb_expr *leaf, const inmem_field *field, uint32_t most) {
    uint64_t total = 0;
    for (uint32_t i = 0; i < leaf_value_count(leaf) && total < most; i++) {
        hb_value value = leaf_value(leaf, field, i);
        total += inmem_postings_count(&field->values, inmem_value_hash(&value), most);
    }
    return total < most ? (uint32_t)total : most;
}

static hb_status pick_leaf(inmem_scan *scan, const hb_expr *leaf, access_pick *pick, hb_err *err) {
    uint32_t index = scan->fragment->container->by_field[leaf->field];
    if (index == HB_FIELD_NONE) {
        return HB_OK;
    }
    inmem_field *field = &scan->store->fields[index];
    uint32_t count = UINT32_MAX;
    hb_pack_reader ids;
    uint32_t id_count;
    if (leaf_edges(scan, leaf, field, &ids, &id_count)) {
        HB_TRY(inmem_index_values(scan->store, field, err));
        count = edges_total(field, ids, id_count, pick->count);
    } else if (leaf->field == HB_FIELD_OBJECT_ID && leaf_is_value(leaf)) {
        count = leaf_value_count(leaf);
    } else if (inmem_field_is_indexed(field) && field->edge_ptr == NULL &&
               (field->type == HB_TYPE_ARRAY ? leaf_is_item(leaf, field) : leaf_is_value(leaf))) {
        HB_TRY(inmem_index_values(scan->store, field, err));
        count = postings_total(leaf, field, pick->count);
    } else if (leaf->op == HB_OP_HAS_WORDS && field->strategy == HB_STRATEGY_INVERTED &&
               leaf->value.kind == HB_KIND_TEXT) {
        HB_TRY(inmem_text_ready(scan->store, field, err));
        count = inmem_text_estimate(scan->store, field, leaf->value.as.s);
    }
    if (count < pick->count) {
        *pick = (access_pick){ leaf, field, count };
    }
    return HB_OK;
}

static hb_status pick_any(inmem_scan *scan, const hb_expr *expr, access_pick *pick, hb_err *err) {
    if (expr->kind == HB_EXPR_LEAF) {
        return pick_leaf(scan, expr, pick, err);
    }
    for (uint32_t i = 0; expr->kind == HB_EXPR_AND && i < expr->arg_count; i++) {
        HB_TRY(pick_any(scan, expr->args[i], pick, err));
    }
    return HB_OK;
}

static hb_status get_ids(inmem_scan *scan, const hb_expr *leaf, inmem_rows *out) {
    for (uint32_t i = 0; i < leaf_value_count(leaf); i++) {
        const hb_value *value = leaf->op == HB_OP_IN ? &leaf->list[i] : &leaf->value;
        uint32_t slot = value->kind == HB_KIND_TEXT ? inmem_store_find(scan->store, value->as.s)
                                                    : INMEM_NO_SLOT;
        if (slot != INMEM_NO_SLOT) {
            out->slots[out->count++] = slot;
        }
    }
    return HB_OK;
}

hb_status inmem_access(inmem_scan *scan, uint32_t limit, bool *found, inmem_rows *out,
                       hb_err *err) {
    access_pick pick = { .count = limit < UINT32_MAX ? limit + 1 : limit };
    *found = false;
    HB_TRY(pick_any(scan, scan->fragment->filter, &pick, err));
    if (pick.leaf == NULL) {
        return HB_OK;
    }
    *found = true;
    *out = (inmem_rows){ 0 };
    if (pick.leaf->op == HB_OP_HAS_WORDS) {
        return inmem_text_words(scan->store, pick.field, pick.leaf->value.as.s, scan->arena,
                                &out->slots, &out->count, err);
    }
    out->slots = hb_arena_array(scan->arena, (size_t)pick.count + 1, sizeof(uint32_t));
    if (out->slots == NULL) {
        return hb_err_memory(err);
    }
    if (pick.leaf->field == HB_FIELD_OBJECT_ID) {
        return get_ids(scan, pick.leaf, out);
    }
    hb_pack_reader ids;
    uint32_t id_count;
    if (leaf_edges(scan, pick.leaf, pick.field, &ids, &id_count)) {
        for (uint32_t i = 0; i < id_count; i++) {
            inmem_postings_get(&pick.field->values, edges_hash(&ids), out->slots, &out->count);
        }
        return HB_OK;
    }
    for (uint32_t i = 0; i < leaf_value_count(pick.leaf); i++) {
        hb_value value = leaf_value(pick.leaf, pick.field, i);
        inmem_postings_get(&pick.field->values, inmem_value_hash(&value), out->slots, &out->count);
    }
    return HB_OK;
}
