// SPDX-License-Identifier: MIT
/* The portable form of a type, text or descriptor mapping, to its descriptor. */
#include "value/type.h"

#include <math.h>

#include "base/limits.h"
#include "base/num.h"
#include "value/schema.h"
#include "value/type_table.h"

#define S(literal) { "" literal, sizeof(literal) - 1 }

typedef struct type_parser {
    hb_arena *arena;
    hb_err *err;
} type_parser;

static hb_status parse_pack(type_parser *p, hb_str pack, uint32_t depth, const hb_type **out);

static hb_status type_new(type_parser *p, hb_type_id id, hb_type **out) {
    *out = HB_NEW(p->arena, hb_type);
    if (*out == NULL) return hb_err_memory(p->err);
    (*out)->id = id;
    (*out)->max_chars = hb_type_max_chars(id);
    (*out)->target_entity = HB_STR_EMPTY;
    if (id == HB_TYPE_TIMESTAMP) {
        (*out)->unit = HB_UNIT_MS;
        (*out)->max = hb_time_unit_max(HB_UNIT_MS);
    }
    return HB_OK;
}

static hb_status unknown_type(type_parser *p, hb_str name) {
    hb_str names[HB_TYPE_COUNT];
    for (uint32_t i = 0; i < HB_TYPE_COUNT; i++) {
        names[i] = hb_type_name((hb_type_id)i);
    }
    (void)hb_err_set(p->err, HB_E_SCHEMA, "unknown logical type '%.*s'", HB_ARG(name));
    (void)hb_err_hint(p->err, name, names, HB_TYPE_COUNT);
    return HB_E_SCHEMA;
}

static hb_status keep_text(type_parser *p, hb_str text, hb_str *out) {
    *out = hb_arena_str(p->arena, text);
    return out->ptr != NULL ? HB_OK : hb_err_memory(p->err);
}

static bool column_is_filterable(const hb_type *type) {
    const hb_kind kind = hb_type_kind(type);
    return kind != HB_KIND_PACK && kind != HB_KIND_VEC && kind != HB_KIND_BYTES;
}

static hb_status column_name(type_parser *p, const hb_hyper_field *columns, uint32_t count,
                             hb_str name, hb_str *out) {
    if (!hb_field_name_is_valid(name)) {
        return hb_err_set(p->err, HB_E_SCHEMA,
                          "'%.*s' is no column name for HyperG: expected a public identifier",
                          HB_ARG(name));
    }
    for (uint32_t i = 0; i < count; i++) {
        if (hb_str_eq(columns[i].name, name)) {
            return hb_err_set(p->err, HB_E_SCHEMA, "HyperG has two columns called '%.*s'",
                              HB_ARG(name));
        }
    }
    return keep_text(p, name, out);
}

static hb_status set_dim(type_parser *p, hb_type *type, int64_t dim) {
    if (dim <= 0) {
        return hb_err_set(p->err, HB_E_SCHEMA, "Vector dimension must be positive: found %lld",
                          (long long)dim);
    }
    if (dim > HB_VECTOR_DIM_MAX) {
        return hb_err_set(p->err, HB_E_LIMIT, "Vector dimension %lld exceeds the maximum of %u",
                          (long long)dim, (unsigned)HB_VECTOR_DIM_MAX);
    }
    type->dim = (uint32_t)dim;
    return HB_OK;
}

/* "a,b": required ShortText columns. */
static hb_status parse_text_columns(type_parser *p, hb_str list, hb_type *type) {
    uint32_t count = 1;
    for (uint32_t i = 0; i < list.len; i++) {
        count += list.ptr[i] == ',' ? 1u : 0u;
    }
    if (count > HB_FIELDS_MAX) return hb_err_set(p->err, HB_E_LIMIT, "too many HyperG columns");
    hb_type *text;
    HB_TRY(type_new(p, HB_TYPE_SHORT_TEXT, &text));
    hb_hyper_field *columns = HB_NEW_ARRAY(p->arena, hb_hyper_field, count);
    if (columns == NULL) return hb_err_memory(p->err);
    uint32_t start = 0;
    for (uint32_t i = 0; i < count; i++) {
        const int64_t comma = hb_str_find(list, HB_STR(","), start);
        const uint32_t end = comma < 0 ? list.len : (uint32_t)comma;
        const hb_str name = hb_str_trim(hb_str_sub(list, start, end - start));
        HB_TRY(column_name(p, columns, i, name, &columns[i].name));
        columns[i].type = text;
        columns[i].required = true;
        columns[i].filterable = true;
        start = end + 1;
    }
    type->columns = columns;
    type->column_count = count;
    return HB_OK;
}

static hb_status parse_text(type_parser *p, hb_str text, uint32_t depth, const hb_type **out);

/* What stands between the brackets of a type text. */
static hb_status parse_argument(type_parser *p, hb_str argument, uint32_t depth, hb_type *type) {
    int64_t dim = 0;
    if (type->id == HB_TYPE_ARRAY) return parse_text(p, argument, depth + 1, &type->item);
    if (type->id == HB_TYPE_HYPER_G) return parse_text_columns(p, argument, type);
    if (type->id == HB_TYPE_VECTOR) {
        if (hb_num_parse_i64(argument, &dim) != HB_NUM_OK) {
            return hb_err_set(p->err, HB_E_SCHEMA, "Vector dimension must be a whole number: "
                              "found '%.*s'", HB_ARG(argument));
        }
        return set_dim(p, type, dim);
    }
    if (type->id == HB_TYPE_IDENTIFIER) {
        if (!hb_id_is_valid(argument)) {
            return hb_err_set(p->err, HB_E_SCHEMA, "Identifier refers to '%.*s', which is no "
                              "entity id", HB_ARG(argument));
        }
        return keep_text(p, argument, &type->target_entity);
    }
    return hb_err_set(p->err, HB_E_SCHEMA, "%.*s takes nothing in brackets: use a descriptor "
                      "mapping for its parameters", HB_ARG(hb_type_class(type->id)));
}

static hb_status parse_text(type_parser *p, hb_str text, uint32_t depth, const hb_type **out) {
    if (depth > HB_TYPE_DEPTH_MAX) {
        return hb_err_set(p->err, HB_E_LIMIT, "type is nested deeper than %u levels",
                          (unsigned)HB_TYPE_DEPTH_MAX);
    }
    text = hb_str_trim(text);
    const int64_t bracket = hb_str_find(text, HB_STR("["), 0);
    const hb_str name = bracket < 0 ? text : hb_str_trim(hb_str_sub(text, 0, (uint32_t)bracket));
    hb_type_id id;
    if (!hb_type_find(name, &id)) return unknown_type(p, name);
    if (bracket < 0 && id == HB_TYPE_CATEGORICAL) {
        return hb_err_set(p->err, HB_E_SCHEMA, "Categorical needs values: "
                          "{\"type\": \"categorical\", \"values\": [...]}");
    }
    if (bracket < 0 && id == HB_TYPE_HYPER_G) {
        return hb_err_set(p->err, HB_E_SCHEMA, "HyperG needs columns: \"hyper-g[a,b]\" or "
                          "{\"type\": \"hyper-g\", \"fields\": [...]}");
    }
    hb_type *type;
    HB_TRY(type_new(p, id, &type));
    if (bracket >= 0) {
        if (text.ptr[text.len - 1] != ']') {
            return hb_err_set(p->err, HB_E_SCHEMA, "type '%.*s' lacks its closing bracket",
                              HB_ARG(text));
        }
        const uint32_t start = (uint32_t)bracket + 1;
        const hb_str argument = hb_str_trim(hb_str_sub(text, start, text.len - 1 - start));
        HB_TRY(parse_argument(p, argument, depth, type));
    }
    *out = type;
    return HB_OK;
}

/* ---- descriptor mappings ---------------------------------------------------------------- */

static hb_status want_int(type_parser *p, const hb_type *type, const char *key,
                          const hb_pack_item *item, int64_t *out) {
    if (item->tag == HB_PACK_INT) {
        *out = item->i;
        return HB_OK;
    }
    if (item->tag == HB_PACK_FLOAT && item->f == trunc(item->f) && fabs(item->f) < 9e18) {
        *out = (int64_t)item->f;
        return HB_OK;
    }
    return hb_err_set(p->err, HB_E_SCHEMA, "%.*s: '%s' must be a whole number",
                      HB_ARG(hb_type_class(type->id)), key);
}

static hb_status set_max_chars(type_parser *p, hb_type *type, const hb_pack_item *item) {
    int64_t value = 0;
    HB_TRY(want_int(p, type, "max_chars", item, &value));
    if (value <= 0 || value > INT32_MAX) {
        return hb_err_set(p->err, HB_E_SCHEMA, "%.*s: max_chars must be positive: found %lld",
                          HB_ARG(hb_type_class(type->id)), (long long)value);
    }
    type->max_chars = (uint32_t)value;
    return HB_OK;
}

static hb_status category_repeated(type_parser *p) {
    return hb_err_set(p->err, HB_E_SCHEMA, "Categorical values must be unique");
}

static hb_status int_categories(type_parser *p, hb_type *type, hb_pack_reader r) {
    int64_t *values = HB_NEW_ARRAY(p->arena, int64_t, type->value_count);
    if (values == NULL) return hb_err_memory(p->err);
    for (uint32_t i = 0; i < type->value_count; i++) {
        hb_pack_item item;
        if (!hb_pack_next(&r, &item) || item.tag != HB_PACK_INT) {
            return hb_err_set(p->err, HB_E_TYPE, "integer Categorical values must be integers");
        }
        values[i] = item.i;
        for (uint32_t j = 0; j < i; j++) {
            if (values[j] == item.i) return category_repeated(p);
        }
    }
    type->int_values = values;
    return HB_OK;
}

static hb_status text_categories(type_parser *p, hb_type *type, hb_pack_reader r) {
    hb_str *values = HB_NEW_ARRAY(p->arena, hb_str, type->value_count);
    if (values == NULL) return hb_err_memory(p->err);
    for (uint32_t i = 0; i < type->value_count; i++) {
        hb_pack_item item;
        if (!hb_pack_next(&r, &item) || item.tag != HB_PACK_STR) {
            return hb_err_set(p->err, HB_E_TYPE, "string Categorical values must be texts");
        }
        for (uint32_t j = 0; j < i; j++) {
            if (hb_str_eq(values[j], item.s)) return category_repeated(p);
        }
        HB_TRY(keep_text(p, item.s, &values[i]));
    }
    type->values = values;
    return HB_OK;
}

/* Whether every value is an integer, which makes the base integer unless it is named. */
static bool all_ints(hb_pack_reader r, uint32_t count) {
    hb_pack_item item;
    for (uint32_t i = 0; i < count; i++) {
        if (!hb_pack_next(&r, &item) || item.tag != HB_PACK_INT) return false;
    }
    return count > 0;
}

static hb_status set_categories(type_parser *p, hb_type *type, hb_str values, hb_str base) {
    hb_pack_reader r = hb_pack_read(values);
    hb_pack_item item;
    if (!hb_pack_next(&r, &item) || item.tag == HB_PACK_NIL) {
        return hb_err_set(p->err, HB_E_SCHEMA, "Categorical needs values");
    }
    if (item.tag != HB_PACK_ARRAY) {
        return hb_err_set(p->err, HB_E_TYPE, "Categorical values must be a list");
    }
    if (item.count == 0) return hb_err_set(p->err, HB_E_SCHEMA, "Categorical needs values");
    if (item.count > HB_CATEGORIES_MAX) {
        return hb_err_set(p->err, HB_E_LIMIT, "Categorical has %u values, the maximum is %u",
                          (unsigned)item.count, (unsigned)HB_CATEGORIES_MAX);
    }
    type->value_count = item.count;
    type->int_base = base.len > 0 ? hb_str_eq(base, HB_STR("integer")) : all_ints(r, item.count);
    if (base.len > 0 && !type->int_base && !hb_str_eq(base, HB_STR("string"))) {
        return hb_err_set(p->err, HB_E_SCHEMA, "Categorical base must be 'string' or 'integer': "
                          "found '%.*s'", HB_ARG(base));
    }
    return type->int_base ? int_categories(p, type, r) : text_categories(p, type, r);
}

static hb_status set_unit(type_parser *p, hb_type *type, hb_str unit) {
    static const hb_time_unit units[] = { HB_UNIT_S, HB_UNIT_MS, HB_UNIT_US };
    hb_str names[sizeof units / sizeof units[0]];
    for (uint32_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        names[i] = hb_time_unit_name(units[i]);
        if (hb_str_eq(unit, names[i])) {
            type->unit = units[i];
            type->max = hb_time_unit_max(units[i]);
            return HB_OK;
        }
    }
    (void)hb_err_set(p->err, HB_E_SCHEMA, "Timestamp has no unit '%.*s'", HB_ARG(unit));
    (void)hb_err_hint(p->err, unit, names, sizeof units / sizeof units[0]);
    return HB_E_SCHEMA;
}

/* One column: a name, or {"name", "dtype" or "type", "required", "filterable"}. */
static hb_status parse_column(type_parser *p, hb_str pack, uint32_t depth, hb_type *type,
                              hb_hyper_field *columns, uint32_t index) {
    hb_hyper_field *column = &columns[index];
    column->required = true;
    hb_pack_reader r = hb_pack_read(pack);
    hb_pack_item item;
    hb_str name = HB_STR_EMPTY;
    bool filterable = true;
    HB_ASSERT(type->id == HB_TYPE_HYPER_G);
    if (!hb_pack_next(&r, &item)) return hb_err_set(p->err, HB_E_CORRUPT, "malformed definition");
    if (item.tag != HB_PACK_STR && item.tag != HB_PACK_MAP) {
        return hb_err_set(p->err, HB_E_TYPE, "a HyperG column must be a name or a mapping");
    }
    if (item.tag == HB_PACK_STR) name = item.s;
    for (uint32_t i = 0; item.tag == HB_PACK_MAP && i < item.count; i++) {
        static const hb_str keys[] = { S("name"), S("dtype"), S("type"), S("required"),
                                       S("filterable"), S("desc") };
        hb_pack_item key;
        hb_pack_item value;
        hb_str whole = HB_STR_EMPTY;
        if (!hb_pack_next(&r, &key) || !hb_pack_skip(&r, &whole)) {
            return hb_err_set(p->err, HB_E_CORRUPT, "malformed definition");
        }
        hb_pack_reader value_reader = hb_pack_read(whole);
        HB_ASSERT(hb_pack_next(&value_reader, &value));
        if (hb_str_eq(key.s, keys[0]) && value.tag == HB_PACK_STR) {
            name = value.s;
        } else if (hb_str_eq(key.s, keys[1]) || hb_str_eq(key.s, keys[2])) {
            HB_TRY(parse_pack(p, whole, depth + 1, &column->type));
        } else if (hb_str_eq(key.s, keys[3]) && value.tag == HB_PACK_BOOL) {
            column->required = value.b;
        } else if (hb_str_eq(key.s, keys[4]) && value.tag == HB_PACK_BOOL) {
            filterable = value.b;
        } else if (!hb_str_eq(key.s, keys[5])) {
            (void)hb_err_set(p->err, HB_E_SCHEMA, "HyperG column has a bad or unknown key '%.*s'",
                             HB_ARG(key.s));
            (void)hb_err_hint(p->err, key.s, keys, sizeof keys / sizeof keys[0]);
            return HB_E_SCHEMA;
        }
    }
    HB_TRY(column_name(p, columns, index, name, &column->name));
    if (column->type == NULL) {
        hb_type *text;
        HB_TRY(type_new(p, HB_TYPE_SHORT_TEXT, &text));
        column->type = text;
    }
    column->filterable = filterable && column_is_filterable(column->type);
    return HB_OK;
}

static hb_status set_columns(type_parser *p, hb_type *type, hb_str fields, uint32_t depth) {
    hb_pack_reader r = hb_pack_read(fields);
    hb_pack_item item;
    if (!hb_pack_next(&r, &item) || item.tag != HB_PACK_ARRAY) {
        return hb_err_set(p->err, HB_E_TYPE, "HyperG fields must be a list of columns");
    }
    if (item.count == 0) return hb_err_set(p->err, HB_E_SCHEMA, "HyperG needs columns");
    if (item.count > HB_FIELDS_MAX) {
        return hb_err_set(p->err, HB_E_LIMIT, "HyperG has too many columns");
    }
    hb_hyper_field *columns = HB_NEW_ARRAY(p->arena, hb_hyper_field, item.count);
    if (columns == NULL) return hb_err_memory(p->err);
    for (uint32_t i = 0; i < item.count; i++) {
        hb_str whole = HB_STR_EMPTY;
        if (!hb_pack_skip(&r, &whole)) {
            return hb_err_set(p->err, HB_E_CORRUPT, "malformed definition");
        }
        HB_TRY(parse_column(p, whole, depth, type, columns, i));
    }
    type->columns = columns;
    type->column_count = item.count;
    return HB_OK;
}

/* Values of the keys of a descriptor; empty when absent. */
typedef struct descriptor {
    hb_str type, max_chars, target, values, base, unit, min, max, item, dim, fields;
} descriptor;

static hb_status collect_keys(type_parser *p, hb_type_id id, hb_pack_reader r, uint32_t count,
                              descriptor *d) {
    const struct {
        hb_str name;
        uint32_t of;
        hb_str *slot;
    } keys[] = {
        { HB_STR("max_chars"), HAS_CHARS, &d->max_chars },
        { HB_STR("target_entity"), HAS_TARGET, &d->target },
        { HB_STR("values"), HAS_VALUES, &d->values },
        { HB_STR("base"), HAS_VALUES, &d->base },
        { HB_STR("unit"), HAS_TIME, &d->unit },
        { HB_STR("min"), HAS_TIME, &d->min },
        { HB_STR("max"), HAS_TIME, &d->max },
        { HB_STR("item_type"), HAS_ITEM, &d->item },
        { HB_STR("dim"), HAS_DIM, &d->dim },
        { HB_STR("fields"), HAS_FIELDS, &d->fields },
        { HB_STR("type"), UINT32_MAX, &d->type },
    };
    const uint32_t key_count = (uint32_t)(sizeof keys / sizeof keys[0]);
    const uint32_t has = hb_type_keys(id) | 0x80000000u;
    for (uint32_t i = 0; i < count; i++) {
        hb_pack_item key;
        hb_str value = HB_STR_EMPTY;
        if (!hb_pack_next(&r, &key) || key.tag != HB_PACK_STR || !hb_pack_skip(&r, &value)) {
            return hb_err_set(p->err, HB_E_TYPE, "keys of a type descriptor must be text");
        }
        uint32_t at = 0;
        while (at < key_count && !((keys[at].of & has) != 0 && hb_str_eq(keys[at].name, key.s))) {
            at++;
        }
        if (at == key_count) {
            hb_str options[sizeof keys / sizeof keys[0]];
            uint32_t option_count = 0;
            for (uint32_t j = 0; j < key_count; j++) {
                if ((keys[j].of & has) != 0) options[option_count++] = keys[j].name;
            }
            (void)hb_err_set(p->err, HB_E_SCHEMA, "unknown key '%.*s' in the descriptor of %.*s",
                             HB_ARG(key.s), HB_ARG(hb_type_class(id)));
            (void)hb_err_hint(p->err, key.s, options, option_count);
            return HB_E_SCHEMA;
        }
        /* null is the same as not given */
        if (!(value.len == 1 && (unsigned char)value.ptr[0] == 0xc0)) *keys[at].slot = value;
    }
    return HB_OK;
}

static hb_status read_item(type_parser *p, hb_str pack, hb_pack_item *item) {
    hb_pack_reader r = hb_pack_read(pack);
    if (!hb_pack_next(&r, item)) return hb_err_set(p->err, HB_E_CORRUPT, "malformed definition");
    return HB_OK;
}

static hb_status read_text(type_parser *p, hb_type_id id, const char *key, hb_str pack,
                           hb_str *out) {
    hb_pack_item item;
    *out = HB_STR_EMPTY;
    if (pack.len == 0) return HB_OK;
    HB_TRY(read_item(p, pack, &item));
    if (item.tag != HB_PACK_STR) {
        return hb_err_set(p->err, HB_E_SCHEMA, "%.*s: '%s' must be text",
                          HB_ARG(hb_type_class(id)), key);
    }
    *out = item.s;
    return HB_OK;
}

static hb_status apply_time(type_parser *p, hb_type *type, const descriptor *d) {
    hb_pack_item item;
    hb_str unit;
    HB_TRY(read_text(p, type->id, "unit", d->unit, &unit));
    if (d->unit.len > 0) HB_TRY(set_unit(p, type, unit));
    if (d->min.len > 0) {
        HB_TRY(read_item(p, d->min, &item));
        HB_TRY(want_int(p, type, "min", &item, &type->min));
    }
    if (d->max.len > 0) {
        HB_TRY(read_item(p, d->max, &item));
        HB_TRY(want_int(p, type, "max", &item, &type->max));
    }
    if (type->min > type->max) {
        return hb_err_set(p->err, HB_E_SCHEMA, "Timestamp min %lld exceeds its max %lld",
                          (long long)type->min, (long long)type->max);
    }
    return HB_OK;
}

static hb_status apply_descriptor(type_parser *p, hb_type *type, const descriptor *d,
                                  uint32_t depth) {
    hb_pack_item item;
    hb_str text;
    int64_t dim = 0;
    if (d->max_chars.len > 0) {
        HB_TRY(read_item(p, d->max_chars, &item));
        HB_TRY(set_max_chars(p, type, &item));
    }
    if (d->target.len > 0) {
        HB_TRY(read_text(p, type->id, "target_entity", d->target, &text));
        HB_TRY(parse_argument(p, text, depth, type));
    }
    if (type->id == HB_TYPE_CATEGORICAL) {
        HB_TRY(read_text(p, type->id, "base", d->base, &text));
        HB_TRY(set_categories(p, type, d->values, text));
    }
    if (type->id == HB_TYPE_TIMESTAMP) HB_TRY(apply_time(p, type, d));
    if (d->item.len > 0) HB_TRY(parse_pack(p, d->item, depth + 1, &type->item));
    if (d->dim.len > 0) {
        HB_TRY(read_item(p, d->dim, &item));
        HB_TRY(want_int(p, type, "dim", &item, &dim));
        HB_TRY(set_dim(p, type, dim));
    }
    if (type->id == HB_TYPE_HYPER_G) HB_TRY(set_columns(p, type, d->fields, depth));
    return HB_OK;
}

static hb_status parse_descriptor(type_parser *p, hb_str pack, hb_pack_reader r, uint32_t count,
                                  uint32_t depth, const hb_type **out) {
    static const hb_str type_key = S("type");
    hb_str raw;
    hb_pack_item item;
    if (!hb_pack_path(pack, &type_key, 1, &raw)) {
        return hb_err_set(p->err, HB_E_TYPE, "a type descriptor needs 'type'");
    }
    HB_TRY(read_item(p, raw, &item));
    if (item.tag != HB_PACK_STR) {
        return hb_err_set(p->err, HB_E_TYPE, "'type' of a descriptor must be the name of a type");
    }
    if (hb_str_has_char(item.s, '[') && count == 1) return parse_text(p, item.s, depth, out);
    hb_type_id id;
    if (!hb_type_find(hb_str_trim(item.s), &id)) return unknown_type(p, item.s);
    descriptor d = { 0 };
    HB_TRY(collect_keys(p, id, r, count, &d));
    hb_type *type;
    HB_TRY(type_new(p, id, &type));
    HB_TRY(apply_descriptor(p, type, &d, depth));
    *out = type;
    return HB_OK;
}

static hb_status parse_pack(type_parser *p, hb_str pack, uint32_t depth, const hb_type **out) {
    hb_pack_reader r = hb_pack_read(pack);
    hb_pack_item item;
    if (depth > HB_TYPE_DEPTH_MAX) {
        return hb_err_set(p->err, HB_E_LIMIT, "type is nested deeper than %u levels",
                          (unsigned)HB_TYPE_DEPTH_MAX);
    }
    if (!hb_pack_next(&r, &item)) return hb_err_set(p->err, HB_E_CORRUPT, "malformed definition");
    if (item.tag == HB_PACK_STR) return parse_text(p, item.s, depth, out);
    if (item.tag == HB_PACK_MAP) return parse_descriptor(p, pack, r, item.count, depth, out);
    return hb_err_set(p->err, HB_E_TYPE,
                      "expected the name of a logical type or a descriptor mapping");
}

hb_status hb_type_parse(hb_str pack, hb_arena *arena, const hb_type **out, hb_err *err) {
    type_parser p = { arena, err };
    return parse_pack(&p, pack, 0, out);
}
