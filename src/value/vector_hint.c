// SPDX-License-Identifier: MIT
/* The index that a vector field declares: {"index", "metric", "m", "ef_construction", "ef"} among
 * the params of a storage with the strategy VECTOR. */
#include "base/limits.h"
#include "value/schema_parts.h"

#define S(literal) { "" literal, sizeof(literal) - 1 }
#define METRIC_COUNT 3u

enum { KEY_INDEX, KEY_METRIC, KEY_M, KEY_EF_BUILD, KEY_EF };

const hb_str hb_vector_keys[HB_VECTOR_KEY_COUNT] = {
    [KEY_INDEX] = S("index"), [KEY_METRIC] = S("metric"),
    [KEY_M] = S("m"),         [KEY_EF_BUILD] = S("ef_construction"),
    [KEY_EF] = S("ef"),
};
static const hb_str kind_names[HB_VECTOR_KIND_COUNT] = {
    [HB_VECTOR_EXACT] = S("exact"),
    [HB_VECTOR_HNSW] = S("hnsw"),
    [HB_VECTOR_INT8] = S("int8"),
    [HB_VECTOR_BINARY] = S("binary"),
};
static const hb_str metric_names[METRIC_COUNT] = { S("cosine"), S("l2"), S("dot") };

hb_str hb_vector_kind_name(hb_vector_index_kind kind) {
    return kind_names[kind];
}

static hb_status read_word(schema_parser *p, const char *what, hb_str pack, const hb_str *words,
                           uint32_t count, uint8_t *out) {
    hb_str word;
    *out = 0;
    if (hb_def_is_nil(pack)) return HB_OK;
    HB_TRY(hb_def_text(p, what, pack, &word));
    for (uint32_t i = 0; i < count; i++) {
        *out = (uint8_t)i;
        if (hb_str_eq(word, words[i])) return HB_OK;
    }
    (void)hb_err_set(p->err, HB_E_SCHEMA, "unknown '%s' of a vector index: '%.*s'", what,
                     HB_ARG(word));
    return hb_err_hint(p->err, word, words, count);
}

static hb_status read_number(schema_parser *p, hb_str key, hb_str pack, uint32_t least,
                             uint32_t most, uint16_t *out) {
    hb_pack_item item;
    *out = 0;
    if (hb_def_is_nil(pack)) return HB_OK;
    HB_TRY(hb_def_item(p, pack, &item));
    if (item.tag != HB_PACK_INT || item.i < (int64_t)least || item.i > (int64_t)most) {
        return hb_err_set(p->err, HB_E_SCHEMA,
                          "'%.*s' of a vector index must be a whole number from %u to %u",
                          HB_ARG(key), (unsigned)least, (unsigned)most);
    }
    *out = (uint16_t)item.i;
    return HB_OK;
}

hb_status hb_vector_hint_param(schema_parser *p, hb_str key, hb_str value, hb_vector_hint *hint,
                               bool *known) {
    uint32_t at = 0;
    while (at < HB_VECTOR_KEY_COUNT && !hb_str_eq(key, hb_vector_keys[at])) {
        at++;
    }
    *known = at < HB_VECTOR_KEY_COUNT;
    switch (at) {
    case KEY_INDEX:
        return read_word(p, "index", value, kind_names, HB_VECTOR_KIND_COUNT, &hint->kind);
    case KEY_METRIC:
        return read_word(p, "metric", value, metric_names, METRIC_COUNT, &hint->metric);
    case KEY_M: return read_number(p, key, value, HB_EF_M_MIN, HB_EF_M_MAX, &hint->m);
    case KEY_EF_BUILD: return read_number(p, key, value, 1, HB_EF_MAX, &hint->ef_build);
    case KEY_EF: return read_number(p, key, value, 1, HB_EF_MAX, &hint->ef);
    default: return HB_OK;
    }
}

bool hb_vector_hint_same(const hb_vector_hint *a, const hb_vector_hint *b) {
    return a->kind == b->kind && a->metric == b->metric && a->m == b->m &&
           a->ef_build == b->ef_build && a->ef == b->ef;
}

static hb_status check_hint(schema_parser *p, const hb_field *field, const hb_store *store) {
    const hb_vector_hint *hint = &store->vector;
    if (hb_vector_hint_size(hint) == 0) return HB_OK;
    if (store->strategy != HB_STRATEGY_VECTOR) {
        return hb_err_set(p->err, HB_E_SCHEMA, "only the strategy vector takes an 'index'");
    }
    if (field->type->id != HB_TYPE_VECTOR || field->type->dim == 0) {
        return hb_err_set(p->err, HB_E_SCHEMA,
                          "an index that is not exact is for vectors of one dimension: found %.*s",
                          HB_ARG(hb_type_class(field->type->id)));
    }
    if (hint->kind == HB_VECTOR_EXACT ||
        (hint->kind != HB_VECTOR_HNSW && (hint->m | hint->ef_build) != 0)) {
        return hb_err_set(p->err, HB_E_SCHEMA,
                          "'m' and 'ef_construction' are for the index hnsw, 'metric' and 'ef' for "
                          "one that is not exact");
    }
    if (hint->kind == HB_VECTOR_BINARY && hint->metric != 0) {
        return hb_err_set(p->err, HB_E_SCHEMA, "the index binary serves the metric cosine");
    }
    return HB_OK;
}

hb_status hb_vector_hint_make(schema_parser *p, hb_field *field) {
    for (uint32_t i = 0; i < field->store_count; i++) {
        const hb_store *store = &field->stores[i];
        HB_TRY(check_hint(p, field, store));
        if (store->vector.kind == HB_VECTOR_EXACT) continue;
        if (field->vector.kind != HB_VECTOR_EXACT &&
            !hb_vector_hint_same(&field->vector, &store->vector)) {
            return hb_err_set(p->err, HB_E_SCHEMA,
                              "the vector storages of a field must agree on their index");
        }
        field->vector = store->vector;
    }
    return HB_OK;
}

uint32_t hb_vector_hint_size(const hb_vector_hint *hint) {
    return (hint->kind != 0 ? 1u : 0u) + (hint->metric != 0 ? 1u : 0u) + (hint->m != 0 ? 1u : 0u) +
           (hint->ef_build != 0 ? 1u : 0u) + (hint->ef != 0 ? 1u : 0u);
}

static void write_text(hb_buf *out, uint32_t key, hb_str word) {
    hb_pack_str(out, hb_vector_keys[key]);
    hb_pack_str(out, word);
}

static void write_number(hb_buf *out, uint32_t key, uint16_t number) {
    if (number == 0) return;
    hb_pack_str(out, hb_vector_keys[key]);
    hb_pack_int(out, number);
}

void hb_vector_hint_write(const hb_vector_hint *hint, hb_buf *out) {
    if (hint->kind != 0) write_text(out, KEY_INDEX, kind_names[hint->kind]);
    if (hint->metric != 0) write_text(out, KEY_METRIC, metric_names[hint->metric]);
    write_number(out, KEY_M, hint->m);
    write_number(out, KEY_EF_BUILD, hint->ef_build);
    write_number(out, KEY_EF, hint->ef);
}
