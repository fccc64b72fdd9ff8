// SPDX-License-Identifier: MIT
/* One compiled comparison: a field (or a Json path, or the items of a HyperG) against an operand.
 * hb_leaf_test is the definition of every operator on one value; hb_leaf_mask is the same over a
 * chunk of a column, with branch-free loops where the physical kind allows. Used by pred.c only. */
#ifndef HB_EVAL_LEAF_H
#define HB_EVAL_LEAF_H

#include "query/ir.h"
#include "base/buf.h"
#include "text/pattern.h"

typedef enum hb_leaf_how {
    HB_LEAF_FALSE,      /* matches nothing */
    HB_LEAF_NULL,       /* is null */
    HB_LEAF_NOT_NULL,   /* ne null */
    HB_LEAF_COMPARE,    /* BOOL, I64, F64, TEXT by order */
    HB_LEAF_EQUAL,      /* BYTES, VEC, PACK by equality only */
    HB_LEAF_IN,
    HB_LEAF_PATTERN,
    HB_LEAF_ARRAY,      /* array contains an item */
    HB_LEAF_PATH,       /* inside a Json value */
    HB_LEAF_ITEMS,      /* HyperG: exists, all */
    HB_LEAF_KEYWORD     /* the stored text, or a text of the list, is in `value`'s keyword form */
} hb_leaf_how;

typedef struct hb_leaf hb_leaf;

typedef struct hb_leaf_set {    /* IN: linear when small, hashed otherwise */
    const hb_value *list;
    uint32_t count;
    uint64_t *slots;            /* I64 and F64 as bits; NULL: linear */
    uint8_t *used;
    uint32_t slot_mask;
    hb_map texts;               /* TEXT when it is large */
} hb_leaf_set;

typedef struct hb_leaf_column { /* one column condition of exists/all */
    hb_str name;
    hb_leaf *leaf;
} hb_leaf_column;

typedef struct hb_leaf_items {
    const hb_leaf_column *where;
    uint32_t where_count;
    const hb_leaf_column *then;     /* ALL only */
    uint32_t then_count;
    bool all;
} hb_leaf_items;

struct hb_leaf {
    hb_leaf *next;              /* chain of all leaves of one predicate, for freeing */
    hb_leaf_how how;
    hb_op op;
    hb_kind kind;               /* physical kind of the field */
    bool null_result;           /* the answer for a null cell */
    uint32_t cost;              /* relative cost per row, to run cheap leaves first */
    hb_str field;               /* for messages */
    hb_value value;
    const hb_str *path;
    uint32_t path_len;
    hb_leaf_set set;
    hb_pattern *pattern;        /* owned */
    hb_leaf_items items;
    hb_buf scratch;             /* KEYWORD: owned */
};

/* Compiles a leaf in `arena`; pushes it (and inner ones) on *chain even when it fails later, so
 * that hb_leaf_free_chain releases what they own. */
hb_status hb_leaf_new(const hb_type *type, hb_str field, const hb_expr *expr, hb_arena *arena,
                      hb_leaf **chain, hb_leaf **out, hb_err *err);
void hb_leaf_free_chain(hb_leaf *chain);
/* 1, 0, or -1: the regex engine gave up. KIND_NULL is a null cell. */
int hb_leaf_test(hb_leaf *leaf, const hb_value *value);
/* mask[i] becomes mask[i] && match. `column` NULL: all null. -1 as above. */
int hb_leaf_mask(hb_leaf *leaf, const hb_column *column, const uint32_t *rows, uint32_t base,
                 uint32_t count, uint8_t *mask);

/* A MessagePack value as hb_value: scalars by value, all else as PACK. False when malformed. */
bool hb_leaf_unpack(hb_str bytes, hb_value *out);

/* leaf_items.c: parses the operand of exists/all. */
hb_status hb_leaf_items_new(hb_leaf *leaf, const hb_type *type, const hb_expr *expr,
                            hb_arena *arena, hb_leaf **chain, hb_err *err);
int hb_leaf_items_test(hb_leaf *leaf, hb_str bytes);

#endif
