// SPDX-License-Identifier: MIT
/* An entity definition, checked. Immutable once made; owns its arena. Field 0 is object_id. */
#ifndef HB_VALUE_SCHEMA_H
#define HB_VALUE_SCHEMA_H

#include "base/map.h"
#include "value/type.h"

typedef enum hb_strategy {
    HB_STRATEGY_NONE = 0,       /* not chosen yet */
    HB_STRATEGY_INLINE, HB_STRATEGY_JSON, HB_STRATEGY_SIDE, HB_STRATEGY_INVERTED,
    HB_STRATEGY_SPARSE_GRAM, HB_STRATEGY_VECTOR, HB_STRATEGY_GRAPH, HB_STRATEGY_EXTERNAL,
    HB_STRATEGY_COUNT
} hb_strategy;

hb_str hb_strategy_name(hb_strategy strategy);      /* "inline", "sparse-gram", ... */
hb_str hb_strategy_class(hb_strategy strategy);     /* "InlineColumn", "SparseGramIndex", ... */
bool hb_strategy_find(hb_str name, hb_strategy *out);   /* either spelling */

typedef enum hb_vector_index_kind {
    HB_VECTOR_EXACT, HB_VECTOR_HNSW, HB_VECTOR_INT8, HB_VECTOR_BINARY, HB_VECTOR_KIND_COUNT
} hb_vector_index_kind;
hb_str hb_vector_kind_name(hb_vector_index_kind kind);

/* How near may be answered in less time and not quite exactly: a hint, which a backend may pass
 * over. Numbers of 0 were not given. */
typedef struct hb_vector_hint {
    uint8_t kind;               /* hb_vector_index_kind */
    uint8_t metric;             /* an hb_metric: the only one it serves */
    uint16_t m, ef_build;       /* HNSW */
    uint16_t ef;                /* rows in view during a search, scored exactly at its end */
} hb_vector_hint;

typedef struct hb_store {       /* one .store(...) of a field, as declared */
    hb_str to;                  /* backend instance name; "" means "choose the backend" */
    hb_strategy strategy;       /* INLINE when the declaration names none */
    bool optional;
    hb_str reason;
    hb_str edge_target;         /* GRAPH: the column that leads to rows; "": the only one */
    bool edge_detach;           /* GRAPH: deleting a row removes the edges that lead to it */
    hb_vector_hint vector;      /* VECTOR */
} hb_store;

/* A function of the host, known here by its name. Who runs it gives its result with the rows. */
typedef struct hb_hook {
    hb_str name;                /* "": none */
    const hb_str *input_names;  /* fields whose values it takes, in order */
    const uint32_t *inputs;     /* the same as schema fields */
    uint32_t input_count;       /* 0: it takes the whole row */
} hb_hook;

typedef struct hb_derive {      /* a computed column of the row's Catalog row */
    hb_str target;              /* "catalog.<column>" */
    hb_str column;              /* checked where the Catalog is known */
    hb_hook hook;
} hb_derive;

typedef struct hb_field {
    hb_str name;
    const hb_type *type;
    hb_kind kind;               /* hb_type_kind(type) */
    bool required;
    bool has_default;
    hb_value def;               /* already coerced; KIND_NULL with has_default: default null */
    bool def_invalid;           /* `def` does not fit the type and stays as it was declared: the
                                 * definition is accepted, whoever applies it reports
                                 * hb_coerce_value's error */
    hb_str desc;
    const hb_str *tags;
    uint32_t tag_count;
    hb_str examples;            /* MessagePack array, "" when none */
    const hb_store *stores;     /* declared placements */
    uint32_t store_count;
    int8_t index;               /* 1 .index(), 0 .index(false), -1 not said */
    bool unique;
    bool edge_detach;           /* a relation (type->edge_column) with on_delete "detach" */
    hb_vector_hint vector;      /* of its storages; they agree */
    bool implicit;              /* the `name` field that the entity did not declare */
    hb_hook compute;            /* gives the value when a row has none */
    hb_str query_compute;       /* the function that makes the operand of near (vectors) or
                                 * search (texts); "": none */
} hb_field;

typedef struct hb_field_group { /* composite index or unique constraint */
    const uint32_t *fields;
    uint32_t field_count;
    hb_str to;
} hb_field_group;

typedef struct hb_schema {
    hb_arena arena;             /* owns everything below */
    hb_str entity_id;
    hb_str name;
    hb_str desc;
    const hb_str *tags;
    uint32_t tag_count;
    const hb_field *fields;     /* [0] is object_id, in declaration order */
    uint32_t field_count;
    const hb_field_group *indexes;
    uint32_t index_count;
    const hb_field_group *uniques;
    uint32_t unique_count;
    const hb_derive *derives;
    uint32_t derive_count;
    hb_map by_name;
    hb_str definition;          /* MessagePack of the portable definition, canonical form */
} hb_schema;

#define HB_FIELD_NONE UINT32_MAX
#define HB_FIELD_OBJECT_ID 0u

/* From the portable definition (MessagePack mapping). Adds object_id, and `name: ShortText` when
 * the entity declares none (design D1). `*out` moves to the caller. */
hb_status hb_schema_parse(hb_str definition_pack, const hb_mem *mem, hb_schema **out, hb_err *err);
void hb_schema_free(hb_schema *schema);
uint32_t hb_schema_find(const hb_schema *schema, hb_str field_name);        /* or HB_FIELD_NONE */
/* Same structure: fields in any order, types, required flags, defaults, placements, indexes,
 * functions; descriptions and tags are free. */
bool hb_schema_same(const hb_schema *a, const hb_schema *b);
/* Takes over names, descriptions, tags and examples of `from`, which has the same structure. On
 * error
 * the schema is as before. */
hb_status hb_schema_describe(hb_schema *schema, const hb_schema *from, hb_err *err);
/* A copy with other words: {"desc","tags","fields":{name:{"desc","tags","examples"}}} as a
 * MessagePack mapping, what it leaves out stays. Moves to the caller. */
hb_status hb_schema_reword(const hb_schema *schema, hb_str words, hb_schema **out, hb_err *err);
/* UNKNOWN_FIELD with entity, name and a did-you-mean. */
hb_status hb_schema_unknown_field(const hb_schema *schema, hb_str name, hb_err *err);
/* {"entity_id","name","desc","tags","fields":{name:{name,dtype,pk,required,default,...}}}. */
void hb_schema_write(const hb_schema *schema, hb_buf *pack_out);
/* The derive of a Catalog column, by "catalog.<column>"; or schema->derive_count. */
uint32_t hb_schema_derive_find(const hb_schema *schema, hb_str target);
/* "RoutedDocument" -> "routed-document", every upper-case letter after the first gets a dash. */
hb_status hb_entity_id_from_name(hb_str name, hb_arena *arena, hb_str *out, hb_err *err);
/* ^[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*$ */
bool hb_id_is_valid(hb_str id);
/* A public Python identifier: Unicode letters, digits and '_', no leading digit or '_', and none
 * of Python's keywords. Also the rule for entity names and HyperG columns. */
bool hb_field_name_is_valid(hb_str name);

/* object_id of (entity_id, name): zero-padded 42-digit decimal of the MD5 of
 * {"__obj_data__": ["<entity>", "<name>"], "__obj_type__": "tuple"}. */
#define HB_OBJECT_ID_HASH_LEN 42
void hb_object_id_hash(const hb_str *parts, uint32_t part_count, const hb_mem *mem,
                       char out[HB_OBJECT_ID_HASH_LEN]);
/* The same number of any bytes. */
void hb_hash_decimal(hb_str bytes, char out[HB_OBJECT_ID_HASH_LEN]);

#endif
