// SPDX-License-Identifier: MIT
#include "value/type.h"

#include "base/limits.h"
#include "value/type_table.h"

#define S(literal) { "" literal, sizeof(literal) - 1 }

static const struct {
    hb_str name;
    hb_str class_name;
    uint32_t max_chars;     /* default */
} types[HB_TYPE_COUNT] = {
    [HB_TYPE_IDENTIFIER] = { S("identifier"), S("Identifier"), HB_ID_CHARS_MAX },
    [HB_TYPE_SHORT_TEXT] = { S("short-text"), S("ShortText"), 255 },
    [HB_TYPE_MEDIUM_TEXT] = { S("medium-text"), S("MediumText"), 4095 },
    [HB_TYPE_LONG_TEXT] = { S("long-text"), S("LongText"), 65535 },
    [HB_TYPE_INTEGER] = { S("integer"), S("Integer"), 0 },
    [HB_TYPE_FLOAT] = { S("float"), S("Float"), 0 },
    [HB_TYPE_BOOLEAN] = { S("boolean"), S("Boolean"), 0 },
    [HB_TYPE_CATEGORICAL] = { S("categorical"), S("Categorical"), 0 },
    [HB_TYPE_TIMESTAMP] = { S("timestamp"), S("Timestamp"), 0 },
    [HB_TYPE_DATE] = { S("date"), S("Date"), 0 },
    [HB_TYPE_DURATION] = { S("duration"), S("Duration"), 0 },
    [HB_TYPE_ARRAY] = { S("array"), S("Array"), 0 },
    [HB_TYPE_VECTOR] = { S("vector"), S("Vector"), 0 },
    [HB_TYPE_JSON] = { S("json"), S("Json"), 0 },
    [HB_TYPE_HYPER_G] = { S("hyper-g"), S("HyperG"), 0 },
    [HB_TYPE_ARTIFACT] = { S("artifact"), S("Artifact"), 0 },
};

/* What people write instead; lower case only, like the names themselves. */
static const struct {
    hb_str alias;
    hb_type_id id;
} aliases[] = {
    { S("id"), HB_TYPE_IDENTIFIER },      { S("string"), HB_TYPE_SHORT_TEXT },
    { S("str"), HB_TYPE_SHORT_TEXT },     { S("short_text"), HB_TYPE_SHORT_TEXT },
    { S("medium_text"), HB_TYPE_MEDIUM_TEXT }, { S("text"), HB_TYPE_LONG_TEXT },
    { S("long_text"), HB_TYPE_LONG_TEXT }, { S("int"), HB_TYPE_INTEGER },
    { S("int64"), HB_TYPE_INTEGER },      { S("bigint"), HB_TYPE_INTEGER },
    { S("number"), HB_TYPE_FLOAT },       { S("double"), HB_TYPE_FLOAT },
    { S("real"), HB_TYPE_FLOAT },         { S("bool"), HB_TYPE_BOOLEAN },
    { S("enum"), HB_TYPE_CATEGORICAL },   { S("category"), HB_TYPE_CATEGORICAL },
    { S("datetime"), HB_TYPE_TIMESTAMP }, { S("interval"), HB_TYPE_DURATION },
    { S("list"), HB_TYPE_ARRAY },         { S("embedding"), HB_TYPE_VECTOR },
    { S("object"), HB_TYPE_JSON },        { S("hyper_g"), HB_TYPE_HYPER_G },
    { S("hyperg"), HB_TYPE_HYPER_G },     { S("bytes"), HB_TYPE_ARTIFACT },
    { S("blob"), HB_TYPE_ARTIFACT },
};

static const hb_str unit_names[] = { S("s"), S("ms"), S("us") };
static const int64_t unit_max[] = { INT64_C(253402300799), INT64_C(253402300799000),
                                    INT64_C(253402300799000000) };

uint32_t hb_type_max_chars(hb_type_id id) {
    return types[id].max_chars;
}

hb_str hb_time_unit_name(hb_time_unit unit) {
    return unit_names[unit];
}

int64_t hb_time_unit_max(hb_time_unit unit) {
    return unit_max[unit];
}

uint32_t hb_type_keys(hb_type_id id) {
    switch (id) {
    case HB_TYPE_IDENTIFIER: return HAS_CHARS | HAS_TARGET;
    case HB_TYPE_SHORT_TEXT:
    case HB_TYPE_MEDIUM_TEXT:
    case HB_TYPE_LONG_TEXT: return HAS_CHARS;
    case HB_TYPE_CATEGORICAL: return HAS_VALUES;
    case HB_TYPE_TIMESTAMP: return HAS_TIME;
    case HB_TYPE_ARRAY: return HAS_ITEM;
    case HB_TYPE_VECTOR: return HAS_DIM;
    case HB_TYPE_HYPER_G: return HAS_FIELDS;
    case HB_TYPE_INTEGER:
    case HB_TYPE_FLOAT:
    case HB_TYPE_BOOLEAN:
    case HB_TYPE_DATE:
    case HB_TYPE_DURATION:
    case HB_TYPE_JSON:
    case HB_TYPE_ARTIFACT:
    case HB_TYPE_COUNT: break;
    }
    return 0;
}

hb_str hb_type_name(hb_type_id id) {
    return types[id].name;
}

hb_str hb_type_class(hb_type_id id) {
    return types[id].class_name;
}

bool hb_type_find(hb_str name, hb_type_id *out) {
    for (uint32_t i = 0; i < HB_TYPE_COUNT; i++) {
        if (hb_str_eq(name, types[i].name) || hb_str_eq(name, types[i].class_name)) {
            *out = (hb_type_id)i;
            return true;
        }
    }
    for (uint32_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++) {
        if (hb_str_eq(name, aliases[i].alias)) {
            *out = aliases[i].id;
            return true;
        }
    }
    return false;
}

hb_kind hb_type_kind(const hb_type *type) {
    switch (type->id) {
    case HB_TYPE_IDENTIFIER:
    case HB_TYPE_SHORT_TEXT:
    case HB_TYPE_MEDIUM_TEXT:
    case HB_TYPE_LONG_TEXT:
    case HB_TYPE_DATE: return HB_KIND_TEXT;
    case HB_TYPE_CATEGORICAL: return type->int_base ? HB_KIND_I64 : HB_KIND_TEXT;
    case HB_TYPE_INTEGER:
    case HB_TYPE_TIMESTAMP:
    case HB_TYPE_DURATION: return HB_KIND_I64;
    case HB_TYPE_FLOAT: return HB_KIND_F64;
    case HB_TYPE_BOOLEAN: return HB_KIND_BOOL;
    case HB_TYPE_VECTOR: return HB_KIND_VEC;
    case HB_TYPE_ARRAY:
    case HB_TYPE_JSON:
    case HB_TYPE_HYPER_G: return HB_KIND_PACK;
    case HB_TYPE_ARTIFACT: return HB_KIND_BYTES;
    case HB_TYPE_COUNT: break;
    }
    HB_ASSERT(!"type");
    return HB_KIND_NULL;
}

bool hb_type_is_text(const hb_type *type) {
    return hb_type_kind(type) == HB_KIND_TEXT;
}

bool hb_type_is_ordered(const hb_type *type) {
    const hb_kind kind = hb_type_kind(type);
    if (type->id == HB_TYPE_CATEGORICAL) return type->int_base;
    return kind == HB_KIND_TEXT || kind == HB_KIND_I64 || kind == HB_KIND_F64;
}

static bool categories_eq(const hb_type *a, const hb_type *b) {
    if (a->int_base != b->int_base || a->value_count != b->value_count) return false;
    for (uint32_t i = 0; i < a->value_count; i++) {
        if (a->int_base ? a->int_values[i] != b->int_values[i]
                        : !hb_str_eq(a->values[i], b->values[i])) {
            return false;
        }
    }
    return true;
}

static bool columns_eq(const hb_type *a, const hb_type *b) {
    if (a->column_count != b->column_count) return false;
    for (uint32_t i = 0; i < a->column_count; i++) {
        const hb_hyper_field *x = &a->columns[i];
        const hb_hyper_field *y = &b->columns[i];
        if (!hb_str_eq(x->name, y->name) || x->required != y->required ||
            x->filterable != y->filterable || !hb_type_eq(x->type, y->type)) {
            return false;
        }
    }
    return true;
}

bool hb_type_eq(const hb_type *a, const hb_type *b) {
    if (a == b) return true;
    if (a->id != b->id || a->max_chars != b->max_chars || a->dim != b->dim ||
        a->unit != b->unit || a->min != b->min || a->max != b->max) {
        return false;
    }
    if (!hb_str_eq(a->target_entity, b->target_entity)) return false;
    if ((a->item == NULL) != (b->item == NULL)) return false;
    if (a->item != NULL && !hb_type_eq(a->item, b->item)) return false;
    return categories_eq(a, b) && columns_eq(a, b);
}

/* ---- writing ---------------------------------------------------------------------------- */

static void write_key_text(hb_buf *out, hb_str key, hb_str text) {
    hb_pack_str(out, key);
    hb_pack_str(out, text);
}

static void write_key_int(hb_buf *out, hb_str key, int64_t value) {
    hb_pack_str(out, key);
    hb_pack_int(out, value);
}

static void write_categories(const hb_type *type, hb_buf *out) {
    hb_pack_str(out, HB_STR("values"));
    hb_pack_array(out, type->value_count);
    for (uint32_t i = 0; i < type->value_count; i++) {
        if (type->int_base) hb_pack_int(out, type->int_values[i]);
        else hb_pack_str(out, type->values[i]);
    }
    write_key_text(out, HB_STR("base"), type->int_base ? HB_STR("integer") : HB_STR("string"));
}

static void write_columns(const hb_type *type, hb_buf *out) {
    hb_pack_str(out, HB_STR("fields"));
    hb_pack_array(out, type->column_count);
    for (uint32_t i = 0; i < type->column_count; i++) {
        const hb_hyper_field *column = &type->columns[i];
        hb_pack_map(out, 4);
        write_key_text(out, HB_STR("name"), column->name);
        hb_pack_str(out, HB_STR("dtype"));
        hb_type_write(column->type, out);
        hb_pack_str(out, HB_STR("required"));
        hb_pack_bool(out, column->required);
        hb_pack_str(out, HB_STR("filterable"));
        hb_pack_bool(out, column->filterable);
    }
}

void hb_type_write(const hb_type *type, hb_buf *out) {
    const uint32_t keys = hb_type_keys(type->id);
    const bool target = type->target_entity.len > 0;
    const bool min = (keys & HAS_TIME) != 0 && type->min != 0;
    const bool max = (keys & HAS_TIME) != 0 && type->max != unit_max[type->unit];
    const bool item = type->item != NULL;
    const bool dim = type->dim > 0;
    const uint32_t count = 1u + ((keys & HAS_CHARS) != 0 ? 1u : 0u) + (target ? 1u : 0u) +
                           ((keys & HAS_VALUES) != 0 ? 2u : 0u) +
                           ((keys & HAS_TIME) != 0 ? 1u : 0u) + (min ? 1u : 0u) +
                           (max ? 1u : 0u) + (item ? 1u : 0u) + (dim ? 1u : 0u) +
                           ((keys & HAS_FIELDS) != 0 ? 1u : 0u);
    hb_pack_map(out, count);
    write_key_text(out, HB_STR("type"), types[type->id].name);
    if ((keys & HAS_CHARS) != 0) write_key_int(out, HB_STR("max_chars"), type->max_chars);
    if (target) write_key_text(out, HB_STR("target_entity"), type->target_entity);
    if ((keys & HAS_VALUES) != 0) write_categories(type, out);
    if ((keys & HAS_TIME) != 0) write_key_text(out, HB_STR("unit"), unit_names[type->unit]);
    if (min) write_key_int(out, HB_STR("min"), type->min);
    if (max) write_key_int(out, HB_STR("max"), type->max);
    if (item) {
        hb_pack_str(out, HB_STR("item_type"));
        hb_type_write(type->item, out);
    }
    if (dim) write_key_int(out, HB_STR("dim"), type->dim);
    if ((keys & HAS_FIELDS) != 0) write_columns(type, out);
}
