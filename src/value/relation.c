// SPDX-License-Identifier: MIT
/* A relation: a HyperG field held with the strategy GRAPH. One required column is an identifier of
 * an entity and says which row an item leads to; the others describe the edge and are scalars. */
#include "value/schema_parts.h"

#define S(literal) { "" literal, sizeof(literal) - 1 }

static hb_status params_on_delete(schema_parser *p, hb_str pack, hb_store *store) {
    static const hb_str words[] = { S("restrict"), S("detach") };
    hb_str word;
    HB_TRY(hb_def_text(p, "on_delete", pack, &word));
    store->edge_detach = hb_str_eq(word, words[1]);
    if (word.len == 0 || store->edge_detach || hb_str_eq(word, words[0])) return HB_OK;
    (void)hb_err_set(p->err, HB_E_SCHEMA, "unknown 'on_delete' of a graph: '%.*s'", HB_ARG(word));
    return hb_err_hint(p->err, word, words, 2);
}

hb_status hb_relation_params(schema_parser *p, hb_str pack, hb_store *store) {
    hb_str keys[2 + HB_VECTOR_KEY_COUNT] = { S("target"), S("on_delete") };
    memcpy(keys + 2, hb_vector_keys, sizeof hb_vector_keys);
    if (hb_def_is_nil(pack)) return HB_OK;
    hb_pack_reader r = hb_pack_read(pack);
    hb_pack_item item;
    if (!hb_pack_next(&r, &item)) return hb_def_corrupt(p);
    if (item.tag != HB_PACK_MAP) {
        return hb_err_set(p->err, HB_E_TYPE, "'params' of a storage must be a mapping");
    }
    for (uint32_t i = 0; i < item.count; i++) {
        hb_str key;
        hb_str value;
        bool known;
        HB_TRY(hb_def_pair(p, &r, &key, &value));
        HB_TRY(hb_vector_hint_param(p, key, value, &store->vector, &known));
        if (known) continue;
        if (hb_str_eq(key, keys[0])) {
            HB_TRY(hb_def_text(p, "target", value, &store->edge_target));
        } else if (hb_str_eq(key, keys[1])) {
            HB_TRY(params_on_delete(p, value, store));
        } else {
            (void)hb_err_set(p->err, HB_E_SCHEMA, "unknown key '%.*s' in 'params' of a storage",
                             HB_ARG(key));
            return hb_err_hint(p->err, key, keys, sizeof keys / sizeof keys[0]);
        }
    }
    return HB_OK;
}

static bool column_leads(const hb_hyper_field *column) {
    return column->type->id == HB_TYPE_IDENTIFIER && column->type->target_entity.len > 0;
}

/* The column of the edges' ends, by its name or as the only identifier of an entity. */
static hb_status relation_target(schema_parser *p, const hb_field *field, hb_str name,
                                 uint32_t *out) {
    const hb_type *type = field->type;
    uint32_t found = type->column_count;
    uint32_t count = 0;
    for (uint32_t i = 0; i < type->column_count; i++) {
        const bool named = name.len > 0 && hb_str_eq(type->columns[i].name, name);
        if (named || (name.len == 0 && column_leads(&type->columns[i]))) {
            found = i;
            count++;
        }
    }
    if (name.len > 0 && count == 0) {
        return hb_err_set(p->err, HB_E_SCHEMA, "the target of a graph is a column of its HyperG: "
                          "there is no '%.*s'", HB_ARG(name));
    }
    if (count != 1) {
        return hb_err_set(p->err, HB_E_SCHEMA, "a graph needs exactly one column that is an "
                          "Identifier of an entity, or 'target' to name it: found %u",
                          (unsigned)count);
    }
    if (!column_leads(&type->columns[found])) {
        return hb_err_set(p->err, HB_E_SCHEMA, "the target '%.*s' of a graph must be an "
                          "Identifier of an entity", HB_ARG(name));
    }
    if (!type->columns[found].required) {
        return hb_err_set(p->err, HB_E_SCHEMA, "the target '%.*s' of a graph must be required",
                          HB_ARG(type->columns[found].name));
    }
    *out = found;
    return HB_OK;
}

static bool column_is_scalar(const hb_hyper_field *column) {
    const hb_kind kind = hb_type_kind(column->type);
    return kind == HB_KIND_BOOL || kind == HB_KIND_I64 || kind == HB_KIND_F64 ||
           kind == HB_KIND_TEXT;
}

static hb_status relation_store(schema_parser *p, hb_field *field, const hb_store *store) {
    if (field->type->id != HB_TYPE_HYPER_G) {
        return hb_err_set(p->err, HB_E_SCHEMA, "the strategy graph is for HyperG fields: found "
                          "%.*s", HB_ARG(hb_type_class(field->type->id)));
    }
    uint32_t target;
    HB_TRY(relation_target(p, field, store->edge_target, &target));
    if (field->type->edge_column != 0) {
        if (field->type->edge_column == target + 1 && field->edge_detach == store->edge_detach) {
            return HB_OK;
        }
        return hb_err_set(p->err, HB_E_SCHEMA, "the graph storages of a field must agree on "
                          "'target' and 'on_delete'");
    }
    for (uint32_t i = 0; i < field->type->column_count; i++) {
        if (column_is_scalar(&field->type->columns[i])) continue;
        return hb_err_set(p->err, HB_E_SCHEMA, "the properties of an edge are scalars: '%.*s' "
                          "is not", HB_ARG(field->type->columns[i].name));
    }
    hb_type *type = hb_arena_copy(p->arena, field->type, sizeof *type);
    if (type == NULL) return hb_err_memory(p->err);
    type->edge_column = target + 1;
    field->type = type;
    field->edge_detach = store->edge_detach;
    return HB_OK;
}

hb_status hb_relation_make(schema_parser *p, hb_field *field) {
    for (uint32_t i = 0; i < field->store_count; i++) {
        const hb_store *store = &field->stores[i];
        if (store->strategy == HB_STRATEGY_GRAPH) {
            HB_TRY(relation_store(p, field, store));
        } else if (store->edge_target.len > 0 || store->edge_detach) {
            return hb_err_set(p->err, HB_E_SCHEMA, "only the strategy graph takes 'target' and "
                              "'on_delete'");
        }
    }
    return HB_OK;
}
