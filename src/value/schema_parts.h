// SPDX-License-Identifier: MIT
/* What the files of the schema share. */
#ifndef HB_VALUE_SCHEMA_PARTS_H
#define HB_VALUE_SCHEMA_PARTS_H

#include "value/schema.h"

#define HB_OBJECT_ID_DESC HB_STR("Built-in stable object_id")

/* A definition being read into `schema`. */
typedef struct schema_parser {
    hb_schema *schema;
    hb_arena *arena;        /* the schema's */
    hb_err *err;
} schema_parser;

/* Appends the canonical portable definition, from which the same schema is parsed. */
void hb_schema_define(const hb_schema *schema, hb_buf *out);

/* Appends the canonical portable definition of one field. */
void hb_field_define(const hb_field *field, hb_buf *out);

/* One field from its definition (type text or mapping); `field->name` is set. `groups` collects
 * an index or unique constraint that names a backend. */
typedef struct field_extras {
    bool index_to;          /* {"to": ...}: belongs to a group of its own */
    bool unique_to;
    hb_str index_backend;
    hb_str unique_backend;
} field_extras;
hb_status hb_field_parse(schema_parser *p, hb_str pack, bool is_object_id, hb_field *field,
                         field_extras *extras);

/* hooks.c: functions by name. `compute` and `query` are a field's definitions ("" none). */
hb_status hb_hooks_field(schema_parser *p, hb_str compute, hb_str query, bool is_object_id,
                         hb_field *field);
/* The entity's derive list, then the checks that need all fields: inputs exist, no function needs
 * its own result. `fields` are the schema's, still being made. */
hb_status hb_hooks_entity(schema_parser *p, hb_str derive, hb_field *fields);
bool hb_hook_same(const hb_hook *a, const hb_hook *b);
bool hb_derives_same(const hb_schema *a, const hb_schema *b);
/* {"name", "inputs"}; {"name", "ops"}. */
void hb_hook_write(const hb_hook *hook, hb_buf *out);
void hb_query_hook_write(const hb_field *field, hb_buf *out);
/* Key "derive" and its list. */
void hb_derives_write(const hb_schema *schema, hb_buf *out);

/* Helpers over definition bytes. All texts they give out are copied to the arena. */
bool hb_def_is_nil(hb_str pack);
hb_status hb_def_corrupt(schema_parser *p);
hb_status hb_def_item(schema_parser *p, hb_str pack, hb_pack_item *item);
hb_status hb_def_text(schema_parser *p, const char *what, hb_str pack, hb_str *out);
hb_status hb_def_bool(schema_parser *p, const char *what, hb_str pack, bool *out);
hb_status hb_def_texts(schema_parser *p, const char *what, hb_str pack, const hb_str **out,
                       uint32_t *count);
/* SCHEMA unless the value can be written as JSON: no number in it is infinite or NaN. */
hb_status hb_def_is_json(schema_parser *p, const char *what, hb_str pack);
/* Next key and value of a mapping; keys must be text. */
hb_status hb_def_pair(schema_parser *p, hb_pack_reader *r, hb_str *key, hb_str *value);

/* ---- vector_hint.c: what the strategy VECTOR says of an index */
/* One key of `params`; *known is false for those of others, whose names are in `keys`. */
#define HB_VECTOR_KEY_COUNT 5u
extern const hb_str hb_vector_keys[HB_VECTOR_KEY_COUNT];
hb_status hb_vector_hint_param(schema_parser *p, hb_str key, hb_str value, hb_vector_hint *hint,
                               bool *known);
/* The hint of a field from those of its storages; HB_E_SCHEMA if they cannot be. */
hb_status hb_vector_hint_make(schema_parser *p, hb_field *field);
bool hb_vector_hint_same(const hb_vector_hint *a, const hb_vector_hint *b);
/* How many keys it has, and the keys. */
uint32_t hb_vector_hint_size(const hb_vector_hint *hint);
void hb_vector_hint_write(const hb_vector_hint *hint, hb_buf *out);

/* ---- relation.c: what the strategy GRAPH asks of a field */
/* `params` of a storage: {"target", "on_delete"}, or what the strategy VECTOR takes. */
hb_status hb_relation_params(schema_parser *p, hb_str pack, hb_store *store);
/* A field with a GRAPH storage becomes a relation: its type is marked; HB_E_SCHEMA if it cannot. */
hb_status hb_relation_make(schema_parser *p, hb_field *field);

#endif
