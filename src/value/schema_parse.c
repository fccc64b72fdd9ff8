// SPDX-License-Identifier: MIT
/* The portable entity definition to a schema. */
#include "value/schema_parts.h"

#include "base/limits.h"

#define S(literal) { "" literal, sizeof(literal) - 1 }

static const hb_str object_id_name = S("object_id");
static const hb_str name_name = S("name");

/* ---- the entity's own keys ---------------------------------------------------------------- */

enum {
    KEY_ENTITY_ID, KEY_NAME, KEY_DESC, KEY_DESCRIPTION, KEY_TAGS, KEY_FIELDS, KEY_INDEXES,
    KEY_CONSTRAINTS, KEY_DERIVE, KEY_CARD, KEY_COUNT
};

static const hb_str key_names[KEY_COUNT] = {
    [KEY_ENTITY_ID] = S("entity_id"), [KEY_NAME] = S("name"), [KEY_DESC] = S("desc"),
    [KEY_DESCRIPTION] = S("description"), [KEY_TAGS] = S("tags"), [KEY_FIELDS] = S("fields"),
    [KEY_INDEXES] = S("indexes"), [KEY_CONSTRAINTS] = S("constraints"), [KEY_DERIVE] = S("derive"),
    [KEY_CARD] = S("card"),
};

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
        if (at < KEY_COUNT && values[at].len > 0) {
            return hb_err_set(p->err, HB_E_SCHEMA, "key '%.*s' is twice in a definition",
                              HB_ARG(key));
        }
        if (at < KEY_COUNT) {
            values[at] = value;
            continue;
        }
        if (hb_str_eq(key, HB_STR("id"))) {
            return hb_err_set(p->err, HB_E_SCHEMA, "an entity definition has 'entity_id', not "
                              "'id'");
        }
        (void)hb_err_set(p->err, HB_E_SCHEMA, "unknown key '%.*s' in an entity definition",
                         HB_ARG(key));
        (void)hb_err_hint(p->err, key, key_names, KEY_COUNT);
        return HB_E_SCHEMA;
    }
    return HB_OK;
}

/* "routed-document" -> "RoutedDocument" */
static hb_status name_from_id(schema_parser *p, hb_str id, hb_str *out) {
    char *name = hb_arena_alloc(p->arena, id.len);
    if (name == NULL) return hb_err_memory(p->err);
    uint32_t len = 0;
    bool upper = true;
    for (uint32_t i = 0; i < id.len; i++) {
        const char c = id.ptr[i];
        if (c == '-' || c == '_') {
            upper = true;
            continue;
        }
        name[len++] = upper && c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
        upper = false;
    }
    *out = (hb_str){ name, len };
    return HB_OK;
}

static hb_status parse_identity(schema_parser *p, const hb_str values[KEY_COUNT]) {
    hb_schema *schema = p->schema;
    HB_TRY(hb_def_text(p, "entity_id", values[KEY_ENTITY_ID], &schema->entity_id));
    HB_TRY(hb_def_text(p, "name", values[KEY_NAME], &schema->name));
    const bool named = schema->entity_id.len > 0; /* "" is as good as absent */
    if (!named && hb_def_is_nil(values[KEY_NAME])) {
        return hb_err_set(p->err, HB_E_SCHEMA, "an entity definition needs 'name' or 'entity_id'");
    }
    if (!hb_def_is_nil(values[KEY_NAME]) && !hb_field_name_is_valid(schema->name)) {
        return hb_err_set(p->err, HB_E_SCHEMA, "'%.*s' is no entity name: expected a public "
                          "identifier, no keyword", HB_ARG(schema->name));
    }
    if (!named) {
        return hb_entity_id_from_name(schema->name, p->arena, &schema->entity_id, p->err);
    }
    if (!hb_id_is_valid(schema->entity_id)) {
        return hb_err_set(p->err, HB_E_INVALID_ID, "'%.*s' is no entity_id: expected words of a-z "
                          "and 0-9 joined by '-' or '_', starting with a letter",
                          HB_ARG(schema->entity_id));
    }
    if (schema->name.len == 0) return name_from_id(p, schema->entity_id, &schema->name);
    return HB_OK;
}

/* `desc` and `tags`, or the same inside `card`. */
static hb_status parse_description(schema_parser *p, hb_str values[KEY_COUNT]) {
    hb_str desc = values[KEY_DESC];
    hb_str tags = values[KEY_TAGS];
    if (hb_def_is_nil(desc)) desc = values[KEY_DESCRIPTION];
    if (!hb_def_is_nil(values[KEY_CARD])) {
        static const hb_str desc_keys[] = { S("desc"), S("short_desc"), S("long_desc") };
        static const hb_str tags_key = S("tags");
        hb_str found;
        for (uint32_t i = 0; i < 3 && hb_def_is_nil(desc); i++) {
            if (hb_pack_path(values[KEY_CARD], &desc_keys[i], 1, &found)) desc = found;
        }
        if (hb_def_is_nil(tags) && hb_pack_path(values[KEY_CARD], &tags_key, 1, &found)) {
            tags = found;
        }
    }
    HB_TRY(hb_def_text(p, "desc", desc, &p->schema->desc));
    return hb_def_texts(p, "tags", tags, &p->schema->tags, &p->schema->tag_count);
}

/* ---- fields ------------------------------------------------------------------------------ */

typedef struct field_source {
    hb_str name;
    hb_str pack;
} field_source;

static hb_status list_field_name(schema_parser *p, hb_str pack, hb_str *out) {
    hb_pack_item item;
    hb_str raw;
    HB_TRY(hb_def_item(p, pack, &item));
    if (item.tag != HB_PACK_MAP || !hb_pack_path(pack, &name_name, 1, &raw)) {
        return hb_err_set(p->err, HB_E_TYPE, "a field in a list must be a mapping with 'name'");
    }
    return hb_def_text(p, "name", raw, out);
}

/* Names and definitions, from a mapping or a list. */
static hb_status list_fields(schema_parser *p, hb_str pack, field_source **out, uint32_t *count) {
    hb_pack_reader r = hb_pack_read(pack);
    hb_pack_item item = { .tag = HB_PACK_NIL };
    *count = 0;
    if (!hb_def_is_nil(pack) && !hb_pack_next(&r, &item)) return hb_def_corrupt(p);
    if (item.tag != HB_PACK_MAP && item.tag != HB_PACK_ARRAY && item.tag != HB_PACK_NIL) {
        return hb_err_set(p->err, HB_E_TYPE, "entity fields must be a mapping or a list");
    }
    if (item.count == 0) {
        return hb_err_set(p->err, HB_E_SCHEMA, "entity '%.*s' needs at least one field",
                          HB_ARG(p->schema->entity_id));
    }
    if (item.count > HB_FIELDS_MAX - 2) {
        return hb_err_set(p->err, HB_E_LIMIT, "an entity has at most %u fields",
                          (unsigned)(HB_FIELDS_MAX - 2));
    }
    field_source *sources = HB_NEW_ARRAY(p->arena, field_source, item.count);
    if (sources == NULL) return hb_err_memory(p->err);
    for (uint32_t i = 0; i < item.count; i++) {
        if (item.tag == HB_PACK_MAP) {
            hb_str key;
            HB_TRY(hb_def_pair(p, &r, &key, &sources[i].pack));
            sources[i].name = hb_arena_str(p->arena, key);
            if (sources[i].name.ptr == NULL) return hb_err_memory(p->err);
        } else {
            if (!hb_pack_skip(&r, &sources[i].pack)) return hb_def_corrupt(p);
            HB_TRY(list_field_name(p, sources[i].pack, &sources[i].name));
        }
    }
    *out = sources;
    *count = item.count;
    return HB_OK;
}

static hb_status check_name(schema_parser *p, hb_str name) {
    if (!hb_field_name_is_valid(name)) {
        return hb_err_set(p->err, HB_E_SCHEMA, "'%.*s' is no field name: expected a public "
                          "identifier, no keyword", HB_ARG(name));
    }
    if (hb_map_find(&p->schema->by_name, name) != HB_MAP_NONE) {
        return hb_err_set(p->err, HB_E_SCHEMA, "field '%.*s' is declared twice", HB_ARG(name));
    }
    return HB_OK;
}

static hb_status add_name(schema_parser *p, hb_str name, uint32_t index) {
    return hb_map_put(&p->schema->by_name, name, index) ? HB_OK : hb_err_memory(p->err);
}

/* The two fields that every entity has. */
static void make_implied(hb_field *field, hb_str name, const hb_type *type) {
    *field = (hb_field){
        .name = name,
        .type = type,
        .kind = HB_KIND_TEXT,
        .required = type->id == HB_TYPE_IDENTIFIER,
        .desc = type->id == HB_TYPE_IDENTIFIER ? HB_OBJECT_ID_DESC : HB_STR_EMPTY,
        .examples = HB_STR_EMPTY,
        .index = -1,
        .implicit = type->id != HB_TYPE_IDENTIFIER,
    };
}

static hb_status implied_fields(schema_parser *p, hb_field *fields, bool with_name,
                                uint32_t *count) {
    static const char id_type[] = "\xaa" "identifier";
    static const char name_type[] = "\xaa" "short-text";
    const hb_type *type;
    HB_TRY(hb_type_parse(hb_str_n(id_type, sizeof id_type - 1), p->arena, &type, p->err));
    make_implied(&fields[HB_FIELD_OBJECT_ID], object_id_name, type);
    HB_TRY(add_name(p, object_id_name, HB_FIELD_OBJECT_ID));
    *count = 1;
    if (with_name) {
        HB_TRY(hb_type_parse(hb_str_n(name_type, sizeof name_type - 1), p->arena, &type, p->err));
        make_implied(&fields[1], name_name, type);
        HB_TRY(add_name(p, name_name, 1));
        *count = 2;
    }
    return HB_OK;
}

/* Puts {"index": {"to": b}} and {"unique": {"to": b}} of one field among the groups. */
static hb_status add_group(schema_parser *p, hb_field_group *groups, uint32_t *count,
                           uint32_t field, hb_str to) {
    uint32_t *fields = hb_arena_copy(p->arena, &field, sizeof field);
    if (fields == NULL) return hb_err_memory(p->err);
    groups[(*count)++] = (hb_field_group){ fields, 1, to };
    return HB_OK;
}

typedef struct group_list {
    hb_field_group *groups;
    uint32_t count;
} group_list;

static hb_status parse_field(schema_parser *p, const field_source *source, hb_field *fields,
                             uint32_t *field_count, group_list *indexes, group_list *uniques) {
    const bool is_object_id = hb_str_eq(source->name, object_id_name);
    const uint32_t index = is_object_id ? HB_FIELD_OBJECT_ID : *field_count;
    field_extras extras;
    hb_field *field = &fields[index];
    *field = (hb_field){ .name = source->name };
    HB_TRY(hb_field_parse(p, source->pack, is_object_id, field, &extras));
    if (!is_object_id) {
        HB_TRY(add_name(p, field->name, index));
        (*field_count)++;
    }
    if (extras.index_to) {
        HB_TRY(add_group(p, indexes->groups, &indexes->count, index, extras.index_backend));
    }
    if (extras.unique_to) {
        HB_TRY(add_group(p, uniques->groups, &uniques->count, index, extras.unique_backend));
    }
    return HB_OK;
}

static hb_status parse_fields(schema_parser *p, const field_source *sources, uint32_t source_count,
                              group_list *indexes, group_list *uniques, hb_field **out) {
    bool has_name = false;
    bool has_id = false;
    for (uint32_t i = 0; i < source_count; i++) {
        has_name = has_name || hb_str_eq(sources[i].name, name_name);
    }
    hb_field *fields = HB_NEW_ARRAY(p->arena, hb_field, source_count + 2);
    if (fields == NULL) return hb_err_memory(p->err);
    uint32_t count = 0;
    HB_TRY(implied_fields(p, fields, !has_name, &count));
    for (uint32_t i = 0; i < source_count; i++) {
        const hb_str name = sources[i].name;
        const bool first_id = hb_str_eq(name, object_id_name) && !has_id;
        has_id = has_id || first_id;
        hb_status status = first_id ? HB_OK : check_name(p, name);
        if (status == HB_OK) {
            status = parse_field(p, &sources[i], fields, &count, indexes, uniques);
        }
        if (status != HB_OK) {
            (void)hb_err_where(p->err, p->schema->entity_id, name, HB_STR_EMPTY);
            return status;
        }
    }
    p->schema->fields = *out = fields;
    p->schema->field_count = count;
    return HB_OK;
}

/* ---- composite indexes and constraints ---------------------------------------------------- */

static hb_status group_fields(schema_parser *p, hb_str pack, const char *what,
                              hb_field_group *group) {
    const hb_str *names;
    HB_TRY(hb_def_texts(p, "fields", pack, &names, &group->field_count));
    if (group->field_count == 0) {
        return hb_err_set(p->err, HB_E_SCHEMA, "%s names no fields", what);
    }
    uint32_t *fields = hb_arena_array(p->arena, group->field_count, sizeof *fields);
    if (fields == NULL) return hb_err_memory(p->err);
    for (uint32_t i = 0; i < group->field_count; i++) {
        fields[i] = hb_map_find(&p->schema->by_name, names[i]);
        if (fields[i] == HB_MAP_NONE) {
            return hb_err_set(p->err, HB_E_SCHEMA, "%s names the unknown field '%.*s'", what,
                              HB_ARG(names[i]));
        }
        for (uint32_t j = 0; j < i; j++) {
            if (fields[j] == fields[i]) {
                return hb_err_set(p->err, HB_E_SCHEMA, "%s names the field '%.*s' twice", what,
                                  HB_ARG(names[i]));
            }
        }
    }
    group->fields = fields;
    return HB_OK;
}

static hb_status parse_group(schema_parser *p, hb_str pack, const char *what,
                             hb_field_group *group) {
    hb_pack_reader r = hb_pack_read(pack);
    hb_pack_item item;
    hb_str fields = HB_STR_EMPTY;
    group->to = HB_STR_EMPTY;
    if (!hb_pack_next(&r, &item)) return hb_def_corrupt(p);
    if (item.tag != HB_PACK_MAP) {
        return hb_err_set(p->err, HB_E_TYPE, "%s must be a mapping with 'fields'", what);
    }
    for (uint32_t i = 0; i < item.count; i++) {
        hb_str key;
        hb_str value;
        HB_TRY(hb_def_pair(p, &r, &key, &value));
        if (hb_str_eq(key, HB_STR("fields"))) {
            fields = value;
        } else if (hb_str_eq(key, HB_STR("to"))) {
            HB_TRY(hb_def_text(p, "to", value, &group->to));
        } else {
            return hb_err_set(p->err, HB_E_SCHEMA, "unknown key '%.*s' in %s; expected one of: "
                              "fields, to", HB_ARG(key), what);
        }
    }
    return group_fields(p, fields, what, group);
}

/* Number of entries of an optional list. */
static hb_status list_count(schema_parser *p, const char *what, hb_str pack, uint32_t *count) {
    hb_pack_item item;
    *count = 0;
    if (hb_def_is_nil(pack)) return HB_OK;
    HB_TRY(hb_def_item(p, pack, &item));
    if (item.tag != HB_PACK_ARRAY) {
        return hb_err_set(p->err, HB_E_TYPE, "'%s' of a definition must be a list", what);
    }
    if (item.count > HB_FIELDS_MAX) {
        return hb_err_set(p->err, HB_E_LIMIT, "'%s' has more than %u entries", what,
                          (unsigned)HB_FIELDS_MAX);
    }
    *count = item.count;
    return HB_OK;
}

/* Room for the declared groups and one more per field. */
static hb_status group_room(schema_parser *p, const char *what, hb_str pack, uint32_t field_count,
                            group_list *list) {
    uint32_t count = 0;
    HB_TRY(list_count(p, what, pack, &count));
    list->groups = HB_NEW_ARRAY(p->arena, hb_field_group, count + field_count);
    list->count = 0;
    return list->groups != NULL ? HB_OK : hb_err_memory(p->err);
}

static hb_status parse_groups(schema_parser *p, const char *what, hb_str pack, group_list *list) {
    if (hb_def_is_nil(pack)) return HB_OK;
    hb_pack_reader r = hb_pack_read(pack);
    hb_pack_item item;
    if (!hb_pack_next(&r, &item)) return hb_def_corrupt(p);
    for (uint32_t i = 0; i < item.count; i++) {
        hb_str whole;
        if (!hb_pack_skip(&r, &whole)) return hb_def_corrupt(p);
        HB_TRY(parse_group(p, whole, what, &list->groups[list->count]));
        list->count++;
    }
    return HB_OK;
}

/* ---- the whole --------------------------------------------------------------------------- */

static hb_status keep_definition(schema_parser *p) {
    hb_buf buf;
    hb_buf_init(&buf, p->arena->mem);
    hb_schema_define(p->schema, &buf);
    hb_status status = hb_buf_check(&buf, p->err);
    if (status == HB_OK) {
        p->schema->definition = hb_arena_str(p->arena, hb_buf_str(&buf));
        if (p->schema->definition.ptr == NULL) status = hb_err_memory(p->err);
    }
    hb_buf_free(&buf);
    return status;
}

static hb_status parse_entity(schema_parser *p, hb_str pack) {
    hb_str values[KEY_COUNT] = { { NULL, 0 } };
    hb_pack_reader r = hb_pack_read(pack);
    hb_pack_item item;
    if (!hb_pack_valid(pack) || !hb_pack_next(&r, &item)) return hb_def_corrupt(p);
    if (item.tag != HB_PACK_MAP) {
        return hb_err_set(p->err, HB_E_TYPE, "an entity definition must be a mapping");
    }
    HB_TRY(collect_keys(p, r, item.count, values));
    HB_TRY(parse_identity(p, values));
    HB_TRY(parse_description(p, values));
    field_source *sources = NULL;
    uint32_t source_count = 0;
    group_list indexes;
    group_list uniques;
    HB_TRY(list_fields(p, values[KEY_FIELDS], &sources, &source_count));
    HB_TRY(group_room(p, "indexes", values[KEY_INDEXES], source_count, &indexes));
    HB_TRY(group_room(p, "constraints", values[KEY_CONSTRAINTS], source_count, &uniques));
    hb_field *fields = NULL;
    HB_TRY(parse_fields(p, sources, source_count, &indexes, &uniques, &fields));
    HB_TRY(hb_hooks_entity(p, values[KEY_DERIVE], fields));
    HB_TRY(parse_groups(p, "an index", values[KEY_INDEXES], &indexes));
    HB_TRY(parse_groups(p, "a constraint", values[KEY_CONSTRAINTS], &uniques));
    p->schema->indexes = indexes.groups;
    p->schema->index_count = indexes.count;
    p->schema->uniques = uniques.groups;
    p->schema->unique_count = uniques.count;
    return keep_definition(p);
}

hb_status hb_schema_parse(hb_str definition_pack, const hb_mem *mem, hb_schema **out,
                          hb_err *err) {
    hb_schema *schema = hb_mem_zalloc(mem, sizeof *schema);
    if (schema == NULL) return hb_err_memory(err);
    hb_arena_init(&schema->arena, mem);
    hb_map_init(&schema->by_name, mem);
    schema_parser p = { schema, &schema->arena, err };
    const hb_status status = parse_entity(&p, definition_pack);
    if (status != HB_OK) {
        if (err != NULL && err->entity[0] == '\0') {
            (void)hb_err_where(err, schema->entity_id, HB_STR_EMPTY, HB_STR_EMPTY);
        }
        hb_schema_free(schema);
        return status;
    }
    *out = schema;
    return HB_OK;
}
