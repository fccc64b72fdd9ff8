// SPDX-License-Identifier: MIT
/* Other words for a schema: descriptions, tags, examples; its structure stays. */
#include "value/schema_parts.h"

/* The next pair of a mapping; *left counts down. */
static hb_status map_open(schema_parser *p, hb_str pack, const char *what, hb_pack_reader *r,
                          uint32_t *left) {
    hb_pack_item item;
    *r = hb_pack_read(pack);
    if (!hb_pack_next(r, &item)) return hb_def_corrupt(p);
    if (item.tag != HB_PACK_MAP) return hb_err_set(p->err, HB_E_TYPE, "%s must be a mapping", what);
    *left = item.count;
    return HB_OK;
}

static hb_status read_examples(schema_parser *p, hb_str pack, hb_str *out) {
    hb_pack_item item;
    HB_TRY(hb_def_item(p, pack, &item));
    if (item.tag != HB_PACK_ARRAY) {
        return hb_err_set(p->err, HB_E_TYPE, "'examples' must be a list");
    }
    HB_TRY(hb_def_is_json(p, "examples", pack));
    *out = hb_arena_str(p->arena, pack);
    return out->ptr != NULL ? HB_OK : hb_err_memory(p->err);
}

static hb_status field_words(schema_parser *p, hb_str pack, hb_field *field) {
    static const hb_str known[] = { { "desc", 4 }, { "tags", 4 }, { "examples", 8 } };
    hb_pack_reader r;
    uint32_t left;
    HB_TRY(map_open(p, pack, "the description of a field", &r, &left));
    for (; left > 0; left--) {
        hb_str key, value;
        HB_TRY(hb_def_pair(p, &r, &key, &value));
        if (hb_str_eq(key, known[0])) {
            HB_TRY(hb_def_text(p, "desc", value, &field->desc));
        } else if (hb_str_eq(key, known[1])) {
            HB_TRY(hb_def_texts(p, "tags", value, &field->tags, &field->tag_count));
        } else if (hb_str_eq(key, known[2])) {
            HB_TRY(read_examples(p, value, &field->examples));
        } else {
            hb_err_set(p->err, HB_E_TYPE,
                       "a field is described by desc, tags and examples, not "
                       "by '%.*s'",
                       HB_ARG(key));
            return hb_err_hint(p->err, key, known, 3);
        }
    }
    field->implicit = false;        /* what was said about it is kept with the definition */
    return HB_OK;
}

static hb_status fields_words(schema_parser *p, hb_str pack, hb_field *fields) {
    hb_pack_reader r;
    uint32_t left;
    HB_TRY(map_open(p, pack, "'fields'", &r, &left));
    for (; left > 0; left--) {
        hb_str key, value;
        HB_TRY(hb_def_pair(p, &r, &key, &value));
        const uint32_t at = hb_schema_find(p->schema, key);
        if (at == HB_FIELD_NONE) return hb_schema_unknown_field(p->schema, key, p->err);
        const hb_status status = field_words(p, value, &fields[at]);
        if (status != HB_OK) {
            (void)hb_err_where(p->err, p->schema->entity_id, key, HB_STR_EMPTY);
            return status;
        }
    }
    return HB_OK;
}

static hb_status schema_words(schema_parser *p, hb_str words) {
    static const hb_str known[] = { { "desc", 4 }, { "tags", 4 }, { "fields", 6 } };
    hb_schema *schema = p->schema;
    hb_field *fields =
        hb_arena_copy(p->arena, schema->fields, schema->field_count * sizeof *fields);
    hb_pack_reader r;
    uint32_t left;
    if (fields == NULL) return hb_err_memory(p->err);
    if (!hb_pack_valid(words)) return hb_def_corrupt(p);
    HB_TRY(map_open(p, words, "a description", &r, &left));
    for (; left > 0; left--) {
        hb_str key, value;
        HB_TRY(hb_def_pair(p, &r, &key, &value));
        if (hb_str_eq(key, known[0])) {
            HB_TRY(hb_def_text(p, "desc", value, &schema->desc));
        } else if (hb_str_eq(key, known[1])) {
            HB_TRY(hb_def_texts(p, "tags", value, &schema->tags, &schema->tag_count));
        } else if (hb_str_eq(key, known[2])) {
            HB_TRY(fields_words(p, value, fields));
        } else {
            hb_err_set(p->err, HB_E_TYPE,
                       "an entity is described by desc, tags and fields, not "
                       "by '%.*s'",
                       HB_ARG(key));
            return hb_err_hint(p->err, key, known, 3);
        }
    }
    schema->fields = fields;
    return HB_OK;
}

hb_status hb_schema_reword(const hb_schema *schema, hb_str words, hb_schema **out, hb_err *err) {
    hb_schema *copy;
    HB_TRY(hb_schema_parse(schema->definition, schema->arena.mem, &copy, err));
    schema_parser p = { copy, &copy->arena, err };
    hb_buf definition;
    hb_buf_init(&definition, schema->arena.mem);
    hb_status status = schema_words(&p, words);
    if (status == HB_OK) {
        hb_schema_define(copy, &definition);
        status = hb_buf_check(&definition, err);
    }
    if (status == HB_OK) {
        copy->definition = hb_arena_str(&copy->arena, hb_buf_str(&definition));
        if (copy->definition.ptr == NULL) status = hb_err_memory(err);
    }
    hb_buf_free(&definition);
    if (status != HB_OK) {
        if (err != NULL && err->entity[0] == '\0') {
            (void)hb_err_where(err, schema->entity_id, HB_STR_EMPTY, HB_STR_EMPTY);
        }
        hb_schema_free(copy);
        return status;
    }
    *out = copy;
    return HB_OK;
}
