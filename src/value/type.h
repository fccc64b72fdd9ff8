// SPDX-License-Identifier: MIT
/* Logical types: what a field means. A type descriptor is immutable and lives in the arena of the
 * schema that holds it. Rules of coercion: behaviour of the portable definition, see coerce.h. */
#ifndef HB_VALUE_TYPE_H
#define HB_VALUE_TYPE_H

#include "value/pack.h"
#include "value/value.h"

typedef enum hb_type_id {
    HB_TYPE_IDENTIFIER, HB_TYPE_SHORT_TEXT, HB_TYPE_MEDIUM_TEXT, HB_TYPE_LONG_TEXT,
    HB_TYPE_INTEGER, HB_TYPE_FLOAT, HB_TYPE_BOOLEAN, HB_TYPE_CATEGORICAL,
    HB_TYPE_TIMESTAMP, HB_TYPE_DATE, HB_TYPE_DURATION,
    HB_TYPE_ARRAY, HB_TYPE_VECTOR, HB_TYPE_JSON, HB_TYPE_HYPER_G, HB_TYPE_ARTIFACT,
    HB_TYPE_COUNT
} hb_type_id;

typedef enum hb_time_unit { HB_UNIT_S, HB_UNIT_MS, HB_UNIT_US } hb_time_unit;

typedef struct hb_type hb_type;

typedef struct hb_hyper_field {     /* one column of a HyperG */
    hb_str name;
    const hb_type *type;
    bool required;
    bool filterable;                /* false for json, artifact, vector, array, hyper-g columns */
} hb_hyper_field;

struct hb_type {
    hb_type_id id;
    uint32_t max_chars;             /* texts and identifier */
    uint32_t dim;                   /* vector; 0: any length */
    hb_time_unit unit;              /* timestamp */
    int64_t min, max;               /* timestamp bounds, in unit */
    bool int_base;                  /* categorical over integers */
    const hb_str *values;           /* categorical, string base */
    const int64_t *int_values;      /* categorical, int base */
    uint32_t value_count;
    const hb_type *item;            /* array; NULL: untyped */
    const hb_hyper_field *columns;  /* hyper-g */
    uint32_t column_count;
    hb_str target_entity;           /* identifier that refers to an entity; "" otherwise */
    uint32_t edge_column;           /* hyper-g that is a relation: 1 + index of the column that
                                       names the row an item leads to; 0: no relation */
};

/* "short-text" and so on; and the class spelling "ShortText". */
hb_str hb_type_name(hb_type_id id);
hb_str hb_type_class(hb_type_id id);
/* By identifier, class name or alias (text, string, int, bool, number...: listed in type.c). */
bool hb_type_find(hb_str name, hb_type_id *out);
hb_kind hb_type_kind(const hb_type *type);      /* physical kind of a field of this type */
bool hb_type_is_text(const hb_type *type);      /* the four texts, date, string categorical */
bool hb_type_is_ordered(const hb_type *type);   /* < <= > >= are defined */
bool hb_type_eq(const hb_type *a, const hb_type *b);

/* From the portable form: type text ("array[short-text]", "vector[3]", "hyper-g[a,b]", "ShortText")
 * or descriptor mapping, as one MessagePack value. */
hb_status hb_type_parse(hb_str pack, hb_arena *arena, const hb_type **out, hb_err *err);
/* The descriptor mapping, e.g. {"type":"short-text","max_chars":255}. */
void hb_type_write(const hb_type *type, hb_buf *pack_out);

#endif
