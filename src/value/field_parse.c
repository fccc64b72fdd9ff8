// SPDX-License-Identifier: MIT
/* One field of an entity definition. */
#include "value/schema_parts.h"

#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "value/coerce.h"
#include "value/time.h"

#define S(literal) { "" literal, sizeof(literal) - 1 }

/* ---- helpers over definition bytes ------------------------------------------------------- */

bool hb_def_is_nil(hb_str pack) {
    return pack.len == 0 || (pack.len == 1 && (unsigned char)pack.ptr[0] == 0xc0);
}

hb_status hb_def_corrupt(schema_parser *p) {
    return hb_err_set(p->err, HB_E_CORRUPT, "malformed entity definition");
}

hb_status hb_def_item(schema_parser *p, hb_str pack, hb_pack_item *item) {
    hb_pack_reader r = hb_pack_read(pack);
    return hb_pack_next(&r, item) ? HB_OK : hb_def_corrupt(p);
}

hb_status hb_def_is_json(schema_parser *p, const char *what, hb_str pack) {
    hb_pack_reader r = hb_pack_read(pack);
    hb_pack_item item;
    while (r.pos < r.len) {
        int64_t us;
        if (!hb_pack_next(&r, &item)) return hb_def_corrupt(p);
        bool ok = item.tag != HB_PACK_FLOAT || isfinite(item.f);
        if (item.tag == HB_PACK_EXT && item.ext == HB_PACK_EXT_VECTOR) {
            for (uint32_t i = 0; i + sizeof(float) <= item.s.len; i += (uint32_t)sizeof(float)) {
                float number;
                memcpy(&number, item.s.ptr + i, sizeof(number));
                ok = ok && isfinite(number);
            }
        } else if (item.tag == HB_PACK_EXT) {
            ok = item.ext == HB_PACK_EXT_TIMESTAMP && hb_time_from_ext(item.s, &us);
        }
        if (ok) continue;
        return hb_err_set(p->err, HB_E_SCHEMA,
                          "'%s' of a definition must be JSON: found a number that is not finite",
                          what);
    }
    return HB_OK;
}

hb_status hb_def_text(schema_parser *p, const char *what, hb_str pack, hb_str *out) {
    hb_pack_item item;
    *out = HB_STR_EMPTY;
    if (hb_def_is_nil(pack)) return HB_OK;
    HB_TRY(hb_def_item(p, pack, &item));
    if (item.tag != HB_PACK_STR) {
        return hb_err_set(p->err, HB_E_TYPE, "'%s' of a definition must be text", what);
    }
    *out = hb_arena_str(p->arena, item.s);
    return out->ptr != NULL ? HB_OK : hb_err_memory(p->err);
}

hb_status hb_def_bool(schema_parser *p, const char *what, hb_str pack, bool *out) {
    hb_pack_item item;
    *out = false;
    if (hb_def_is_nil(pack)) return HB_OK;
    HB_TRY(hb_def_item(p, pack, &item));
    if (item.tag != HB_PACK_BOOL) {
        return hb_err_set(p->err, HB_E_TYPE, "'%s' of a definition must be true or false", what);
    }
    *out = item.b;
    return HB_OK;
}

hb_status hb_def_texts(schema_parser *p, const char *what, hb_str pack, const hb_str **out,
                       uint32_t *count) {
    *out = NULL;
    *count = 0;
    if (hb_def_is_nil(pack)) return HB_OK;
    hb_pack_reader r = hb_pack_read(pack);
    hb_pack_item item;
    if (!hb_pack_next(&r, &item)) return hb_def_corrupt(p);
    if (item.tag != HB_PACK_ARRAY) {
        return hb_err_set(p->err, HB_E_TYPE, "'%s' of a definition must be a list of texts", what);
    }
    hb_str *texts = HB_NEW_ARRAY(p->arena, hb_str, item.count);
    if (texts == NULL) return hb_err_memory(p->err);
    *count = item.count;
    for (uint32_t i = 0; i < *count; i++) {
        if (!hb_pack_next(&r, &item) || item.tag != HB_PACK_STR) {
            return hb_err_set(p->err, HB_E_TYPE, "'%s' of a definition must hold texts", what);
        }
        texts[i] = hb_arena_str(p->arena, item.s);
        if (texts[i].ptr == NULL) return hb_err_memory(p->err);
    }
    *out = texts;
    return HB_OK;
}

hb_status hb_def_pair(schema_parser *p, hb_pack_reader *r, hb_str *key, hb_str *value) {
    hb_pack_item item;
    if (!hb_pack_next(r, &item)) return hb_def_corrupt(p);
    if (item.tag != HB_PACK_STR) {
        return hb_err_set(p->err, HB_E_TYPE, "keys of a definition must be text");
    }
    *key = item.s;
    return hb_pack_skip(r, value) ? HB_OK : hb_def_corrupt(p);
}

/* ---- placements -------------------------------------------------------------------------- */

static hb_status parse_strategy(schema_parser *p, hb_str name, hb_strategy *out) {
    if (hb_strategy_find(name, out)) return HB_OK;
    hb_str names[HB_STRATEGY_COUNT];
    uint32_t count = 0;
    for (uint32_t i = HB_STRATEGY_NONE + 1; i < HB_STRATEGY_COUNT; i++) {
        names[count++] = hb_strategy_name((hb_strategy)i);
    }
    (void)hb_err_set(p->err, HB_E_SCHEMA, "unknown storage strategy '%.*s'", HB_ARG(name));
    (void)hb_err_hint(p->err, name, names, count);
    return HB_E_SCHEMA;
}

static hb_status parse_store_key(schema_parser *p, hb_str key, hb_str value, hb_store *store) {
    static const hb_str keys[] = { S("to"), S("strategy"), S("optional"), S("reason"),
                                   S("params") };
    hb_str name;
    if (hb_str_eq(key, keys[0])) return hb_def_text(p, "to", value, &store->to);
    if (hb_str_eq(key, keys[1])) {
        if (hb_def_is_nil(value)) return HB_OK;
        HB_TRY(hb_def_text(p, "strategy", value, &name));
        return parse_strategy(p, name, &store->strategy);
    }
    if (hb_str_eq(key, keys[2])) return hb_def_bool(p, "optional", value, &store->optional);
    if (hb_str_eq(key, keys[3])) return hb_def_text(p, "reason", value, &store->reason);
    if (hb_str_eq(key, keys[4])) {
        return hb_relation_params(p, value, store);
    }
    (void)hb_err_set(p->err, HB_E_SCHEMA, "unknown key '%.*s' in a storage", HB_ARG(key));
    (void)hb_err_hint(p->err, key, keys, sizeof keys / sizeof keys[0]);
    return HB_E_SCHEMA;
}

/* One placement: the name of a backend or a mapping. */
static hb_status parse_store(schema_parser *p, hb_str pack, hb_store *store) {
    *store = (hb_store){ .to = HB_STR_EMPTY, .strategy = HB_STRATEGY_INLINE };
    hb_pack_reader r = hb_pack_read(pack);
    hb_pack_item item;
    if (!hb_pack_next(&r, &item)) return hb_def_corrupt(p);
    if (item.tag == HB_PACK_STR) return hb_def_text(p, "to", pack, &store->to);
    if (item.tag != HB_PACK_MAP) {
        return hb_err_set(p->err, HB_E_TYPE, "a storage must be a backend name or a mapping");
    }
    for (uint32_t i = 0; i < item.count; i++) {
        hb_str key;
        hb_str value;
        HB_TRY(hb_def_pair(p, &r, &key, &value));
        HB_TRY(parse_store_key(p, key, value, store));
    }
    return HB_OK;
}

/* `storage` is one placement, `stores` a list; each takes the other's form as well. */
static hb_status parse_stores(schema_parser *p, hb_str pack, hb_store *stores, uint32_t *count) {
    if (hb_def_is_nil(pack)) return HB_OK;
    hb_pack_reader r = hb_pack_read(pack);
    hb_pack_item item;
    if (!hb_pack_next(&r, &item)) return hb_def_corrupt(p);
    const bool list = item.tag == HB_PACK_ARRAY;
    const uint32_t more = list ? item.count : 1;
    if (more > HB_STORES_MAX - *count) {
        return hb_err_set(p->err, HB_E_LIMIT, "a field has more than %u storages",
                          (unsigned)HB_STORES_MAX);
    }
    for (uint32_t i = 0; i < more; i++) {
        hb_str whole = pack;
        if (list && !hb_pack_skip(&r, &whole)) return hb_def_corrupt(p);
        HB_TRY(parse_store(p, whole, &stores[(*count)++]));
    }
    return HB_OK;
}

/* ---- keys -------------------------------------------------------------------------------- */

enum {
    KEY_TYPE,
    KEY_DTYPE,
    KEY_NAME,
    KEY_DESC,
    KEY_DESCRIPTION,
    KEY_TAGS,
    KEY_EXAMPLES,
    KEY_PK,
    KEY_REQUIRED,
    KEY_DEFAULT,
    KEY_HAS_DEFAULT,
    KEY_STORAGE,
    KEY_STORES,
    KEY_INDEX,
    KEY_INDEXES,
    KEY_UNIQUE,
    KEY_IMPLICIT,
    KEY_COMPUTE,
    KEY_COMPUTES,
    KEY_QUERY_COMPUTE,
    KEY_QUERY_COMPUTES,
    KEY_COUNT
};

static const hb_str key_names[KEY_COUNT] = {
    [KEY_TYPE] = S("type"),
    [KEY_DTYPE] = S("dtype"),
    [KEY_NAME] = S("name"),
    [KEY_DESC] = S("desc"),
    [KEY_DESCRIPTION] = S("description"),
    [KEY_TAGS] = S("tags"),
    [KEY_EXAMPLES] = S("examples"),
    [KEY_PK] = S("pk"),
    [KEY_REQUIRED] = S("required"),
    [KEY_DEFAULT] = S("default"),
    [KEY_HAS_DEFAULT] = S("has_default"),
    [KEY_STORAGE] = S("storage"),
    [KEY_STORES] = S("stores"),
    [KEY_INDEX] = S("index"),
    [KEY_INDEXES] = S("indexes"),
    [KEY_UNIQUE] = S("unique"),
    [KEY_IMPLICIT] = S("implicit"),
    [KEY_COMPUTE] = S("compute"),
    [KEY_COMPUTES] = S("computes"),
    [KEY_QUERY_COMPUTE] = S("query_compute"),
    [KEY_QUERY_COMPUTES] = S("query_computes"),
};

static bool is_type_parameter(hb_str key) {
    static const hb_str names[] = { S("values"), S("base"),          S("max_chars"), S("unit"),
                                    S("min"),    S("max"),           S("item_type"), S("dim"),
                                    S("fields"), S("target_entity"), S("choices") };
    for (uint32_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (hb_str_eq(key, names[i])) return true;
    }
    return false;
}

static hb_status unknown_key(schema_parser *p, hb_str key) {
    if (is_type_parameter(key)) {
        return hb_err_set(p->err, HB_E_SCHEMA,
                          "'%.*s' is a parameter of the type and belongs "
                          "inside it: {\"type\": {\"type\": ..., \"%.*s\": ...}}",
                          HB_ARG(key), HB_ARG(key));
    }
    (void)hb_err_set(p->err, HB_E_SCHEMA, "unknown key '%.*s' in a field", HB_ARG(key));
    (void)hb_err_hint(p->err, key, key_names, KEY_COUNT);
    return HB_E_SCHEMA;
}

static hb_status collect_keys(schema_parser *p, hb_pack_reader r, uint32_t count,
                              hb_str values[KEY_COUNT]) {
    for (uint32_t i = 0; i < count; i++) {
        hb_str key;
        hb_str value;
        uint32_t at = 0;
        HB_TRY(hb_def_pair(p, &r, &key, &value));
        while (at < KEY_COUNT && !hb_str_eq(key, key_names[at])) {
            at++;
        }
        if (at == KEY_COUNT) return unknown_key(p, key);
        if (values[at].len > 0) {
            return hb_err_set(p->err, HB_E_SCHEMA, "key '%.*s' is twice in a definition",
                              HB_ARG(key));
        }
        values[at] = value;
    }
    return HB_OK;
}

/* ---- parts ------------------------------------------------------------------------------- */

static hb_status value_keep(schema_parser *p, hb_value *value) {
    const void *copy = "";
    switch (value->kind) {
    case HB_KIND_TEXT:
    case HB_KIND_BYTES:
    case HB_KIND_PACK:
        copy = hb_arena_copy(p->arena, value->as.s.ptr, value->as.s.len);
        value->as.s.ptr = copy;
        break;
    case HB_KIND_VEC:
        copy = hb_arena_copy(p->arena, value->as.v.ptr, value->as.v.len * sizeof(float));
        value->as.v.ptr = copy;
        break;
    case HB_KIND_NULL:
    case HB_KIND_BOOL:
    case HB_KIND_I64:
    case HB_KIND_F64:
    case HB_KIND_COUNT: break;
    }
    return copy != NULL ? HB_OK : hb_err_memory(p->err);
}

/* A default that does not fit is kept and marked: it fails where it is applied. */
static hb_status parse_default(schema_parser *p, const hb_str values[KEY_COUNT], hb_field *field) {
    const hb_str pack = values[KEY_DEFAULT];
    field->has_default = !hb_def_is_nil(pack);
    if (!hb_def_is_nil(values[KEY_HAS_DEFAULT])) {
        HB_TRY(hb_def_bool(p, "has_default", values[KEY_HAS_DEFAULT], &field->has_default));
    }
    if (!field->has_default || hb_def_is_nil(pack)) return HB_OK;
    HB_TRY(hb_def_is_json(p, "default", pack));
    const hb_value raw = { HB_KIND_PACK, { .s = pack } };
    hb_err why;
    hb_err_init(&why);
    const hb_status status = hb_coerce_value(field->type, &raw, p->arena, &field->def, &why);
    if (status == HB_E_MEMORY) return hb_err_memory(p->err);
    field->def_invalid = status != HB_OK;
    if (field->def_invalid) HB_TRY(hb_pack_to_value(pack, p->arena, &field->def, p->err));
    return value_keep(p, &field->def);
}

static hb_status parse_examples(schema_parser *p, hb_str pack, hb_field *field) {
    hb_pack_item item;
    if (hb_def_is_nil(pack)) return HB_OK;
    HB_TRY(hb_def_item(p, pack, &item));
    if (item.tag != HB_PACK_ARRAY) {
        return hb_err_set(p->err, HB_E_TYPE, "'examples' of a definition must be a list");
    }
    if (item.count == 0) return HB_OK;
    HB_TRY(hb_def_is_json(p, "examples", pack));
    field->examples = hb_arena_str(p->arena, pack);
    return field->examples.ptr != NULL ? HB_OK : hb_err_memory(p->err);
}

/* true, false, null, or {"enabled", "to"}: `given` tells whether anything was said. */
static hb_status parse_switch(schema_parser *p, const char *what, hb_str pack, bool *given,
                              bool *on, bool *has_to, hb_str *to) {
    *given = !hb_def_is_nil(pack);
    *on = *given;
    if (!*given) return HB_OK;
    hb_pack_reader r = hb_pack_read(pack);
    hb_pack_item item;
    if (!hb_pack_next(&r, &item)) return hb_def_corrupt(p);
    if (item.tag != HB_PACK_MAP) return hb_def_bool(p, what, pack, on);
    for (uint32_t i = 0; i < item.count; i++) {
        hb_str key;
        hb_str value;
        HB_TRY(hb_def_pair(p, &r, &key, &value));
        if (hb_str_eq(key, HB_STR("enabled"))) {
            HB_TRY(hb_def_bool(p, "enabled", value, on));
        } else if (hb_str_eq(key, HB_STR("to"))) {
            HB_TRY(hb_def_text(p, "to", value, to));
            *has_to = to->len > 0;
        } else {
            return hb_err_set(p->err, HB_E_SCHEMA,
                              "unknown key '%.*s' in '%s'; expected one of: "
                              "enabled, to",
                              HB_ARG(key), what);
        }
    }
    *has_to = *has_to && *on;
    return HB_OK;
}

static hb_status parse_indexing(schema_parser *p, const hb_str values[KEY_COUNT], bool is_object_id,
                                hb_field *field, field_extras *extras) {
    bool given = false;
    bool on = false;
    const hb_str index = values[KEY_INDEX].len > 0 ? values[KEY_INDEX] : values[KEY_INDEXES];
    HB_TRY(parse_switch(p, "index", index, &given, &on, &extras->index_to, &extras->index_backend));
    field->index = (int8_t)(!given || extras->index_to ? -1 : on ? 1 : 0);
    bool unique_given = false;
    HB_TRY(parse_switch(p, "unique", values[KEY_UNIQUE], &unique_given, &field->unique,
                        &extras->unique_to, &extras->unique_backend));
    if (is_object_id && ((given && on) || field->unique)) {
        return hb_err_set(p->err, HB_E_SCHEMA,
                          "object_id is indexed and unique by itself: 'index' and 'unique' are "
                          "not for it");
    }
    if (extras->unique_to) field->unique = false;
    return HB_OK;
}

static hb_status parse_placement(schema_parser *p, const hb_str values[KEY_COUNT],
                                 bool is_object_id, hb_field *field) {
    hb_store stores[HB_STORES_MAX];
    uint32_t count = 0;
    HB_TRY(parse_stores(p, values[KEY_STORAGE], stores, &count));
    HB_TRY(parse_stores(p, values[KEY_STORES], stores, &count));
    if (is_object_id && count > 0) {
        return hb_err_set(p->err, HB_E_SCHEMA, "the storage of object_id is fixed");
    }
    if (count == 0) return HB_OK;
    field->stores = hb_arena_copy(p->arena, stores, count * sizeof stores[0]);
    field->store_count = count;
    return field->stores != NULL ? HB_OK : hb_err_memory(p->err);
}

static hb_status check_key_field(schema_parser *p, const hb_str values[KEY_COUNT],
                                 bool is_object_id, hb_field *field) {
    bool pk = false;
    HB_TRY(hb_def_bool(p, "pk", values[KEY_PK], &pk));
    if (!is_object_id) {
        if (!pk) return HB_OK;
        return hb_err_set(p->err, HB_E_SCHEMA,
                          "only object_id is the primary key: '%.*s' cannot be one",
                          HB_ARG(field->name));
    }
    if (field->type->id != HB_TYPE_IDENTIFIER) {
        return hb_err_set(p->err, HB_E_TYPE, "object_id must be an Identifier: found %.*s",
                          HB_ARG(hb_type_class(field->type->id)));
    }
    if (field->type->max_chars > HB_ID_CHARS_MAX || field->type->target_entity.len > 0) {
        return hb_err_set(p->err, HB_E_SCHEMA,
                          "object_id has at most %u characters and refers "
                          "to no entity",
                          (unsigned)HB_ID_CHARS_MAX);
    }
    if (field->has_default) {
        return hb_err_set(p->err, HB_E_SCHEMA, "object_id cannot have a default");
    }
    field->required = true;
    return HB_OK;
}

static hb_status parse_mapping(schema_parser *p, const hb_str values[KEY_COUNT], bool is_object_id,
                               hb_field *field, field_extras *extras) {
    const hb_str type = values[KEY_TYPE].len > 0 ? values[KEY_TYPE] : values[KEY_DTYPE];
    if (hb_def_is_nil(type)) {
        return hb_err_set(p->err, HB_E_TYPE, "the field has no 'type'");
    }
    HB_TRY(hb_type_parse(type, p->arena, &field->type, p->err));
    field->kind = hb_type_kind(field->type);
    HB_TRY(hb_def_bool(p, "required", values[KEY_REQUIRED], &field->required));
    const bool alias = hb_def_is_nil(values[KEY_DESC]);
    HB_TRY(hb_def_text(p, "desc", values[alias ? KEY_DESCRIPTION : KEY_DESC], &field->desc));
    HB_TRY(hb_def_texts(p, "tags", values[KEY_TAGS], &field->tags, &field->tag_count));
    HB_TRY(parse_examples(p, values[KEY_EXAMPLES], field));
    HB_TRY(parse_default(p, values, field));
    HB_TRY(parse_placement(p, values, is_object_id, field));
    HB_TRY(parse_indexing(p, values, is_object_id, field, extras));
    HB_TRY(hb_relation_make(p, field));
    HB_TRY(hb_vector_hint_make(p, field));
    const bool one = values[KEY_COMPUTE].len > 0;
    const bool one_query = values[KEY_QUERY_COMPUTE].len > 0;
    HB_TRY(hb_hooks_field(p, values[one ? KEY_COMPUTE : KEY_COMPUTES],
                          values[one_query ? KEY_QUERY_COMPUTE : KEY_QUERY_COMPUTES], is_object_id,
                          field));
    return check_key_field(p, values, is_object_id, field);
}

hb_status hb_field_parse(schema_parser *p, hb_str pack, bool is_object_id, hb_field *field,
                         field_extras *extras) {
    hb_str values[KEY_COUNT] = { { NULL, 0 } };
    hb_pack_reader r = hb_pack_read(pack);
    hb_pack_item item;
    field->desc = HB_STR_EMPTY;
    field->examples = HB_STR_EMPTY;
    field->def = (hb_value){ .kind = HB_KIND_NULL };
    field->index = -1;
    *extras = (field_extras){ .index_to = false };
    if (!hb_pack_next(&r, &item)) return hb_def_corrupt(p);
    if (item.tag == HB_PACK_STR) {
        values[KEY_TYPE] = pack;
    } else if (item.tag == HB_PACK_MAP) {
        HB_TRY(collect_keys(p, r, item.count, values));
    } else {
        return hb_err_set(p->err, HB_E_TYPE, "a field must be the name of a type or a mapping");
    }
    return parse_mapping(p, values, is_object_id, field, extras);
}
