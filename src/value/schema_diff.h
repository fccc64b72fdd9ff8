// SPDX-License-Identifier: MIT
/* What differs between two definitions of one entity, and whether stored rows can follow. Whether
 * their values fit is seen when they are converted (convert.h). */
#ifndef HB_VALUE_SCHEMA_DIFF_H
#define HB_VALUE_SCHEMA_DIFF_H

#include "value/schema_parts.h"

/* Aspects of a field that both definitions have. */
enum {
    HB_CHANGE_TYPE = 1, HB_CHANGE_REQUIRED = 2, HB_CHANGE_DEFAULT = 4, HB_CHANGE_INDEX = 8,
    HB_CHANGE_UNIQUE = 16, HB_CHANGE_STORAGE = 32,
    HB_CHANGE_OTHER = 64,       /* anything else that makes the structure another one */
    HB_CHANGE_NAME = 128
};

/* What two definitions cannot say by themselves. */
typedef struct hb_schema_moves {
    const hb_str *from, *to;            /* fields that are called otherwise: old name, new name */
    uint32_t rename_count;
    const hb_str *dropped;              /* fields whose values may be given up */
    uint32_t drop_count;
} hb_schema_moves;

typedef struct hb_field_change {
    uint32_t before, after;     /* field of the old, of the new schema */
    uint32_t what;              /* HB_CHANGE_* */
} hb_field_change;

typedef struct hb_schema_diff {
    const hb_schema *before, *after;    /* borrowed */
    const uint32_t *added;              /* fields of `after` */
    uint32_t added_count;
    const uint32_t *removed;            /* fields of `before` */
    uint32_t removed_count;
    const hb_schema_moves *moves;       /* borrowed */
    const uint32_t *origin;             /* by field of `after`: the one of `before`, or NONE */
    const hb_field_change *changed;
    uint32_t change_count;
    bool indexes, uniques;              /* composite indexes, composite constraints differ */
    bool derives;                       /* derived columns of Catalog differ */
    bool words;                         /* descriptions, tags, examples or names differ */
} hb_schema_diff;

/* In the arena; both schemas are of one entity_id. `moves` may be NULL; names in it that do not fit
 * are UNKNOWN_FIELD or VALIDATION. */
hb_status hb_schema_diff_make(const hb_schema *before, const hb_schema *after,
                              const hb_schema_moves *moves, hb_arena *arena, hb_schema_diff *out,
                              hb_err *err);
/* Same structure: nothing but words differs. */
bool hb_schema_diff_is_empty(const hb_schema_diff *diff);
/* The first reason why stored rows cannot follow, as SCHEMA_CONFLICT with the field: a field that
 * goes without being named as dropped, a new required field without default. */
hb_status hb_schema_diff_check(const hb_schema_diff *diff, hb_err *err);
/* "added b, c; removed d; changed a (type, required)", for messages. */
void hb_schema_diff_text(const hb_schema_diff *diff, hb_buf *out);
/* {"added":[{field, definition}],"removed":[name],"renamed":[{from,to}],"changed":[{field,what,
 * from,to}],"indexes":bool,"constraints":bool,"derives":bool,"refused":[text]} as the pairs of a
 * MessagePack mapping: HB_DIFF_PAIRS of them. `refusal`: one more text that is found in the rows,
 * or "". */
#define HB_DIFF_PAIRS 8u
hb_status hb_schema_diff_write(const hb_schema_diff *diff, hb_str refusal, hb_arena *scratch,
                               hb_buf *out, hb_err *err);

/* ---- schema.c */
bool hb_field_same(const hb_field *a, const hb_field *b);
bool hb_field_stores_same(const hb_field *a, const hb_field *b);
bool hb_field_group_same(const hb_schema *a, const hb_field_group *x, const hb_schema *b,
                         const hb_field_group *y);

#endif
