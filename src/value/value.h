// SPDX-License-Identifier: MIT
/* One value, and columns of values: the shapes every layer speaks.
 * hb_kind is the physical form; the logical type (type.h) says what it means. */
#ifndef HB_VALUE_VALUE_H
#define HB_VALUE_VALUE_H

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

/* Physical kinds; they cross the boundary, never renumber. */
typedef enum hb_kind {
    HB_KIND_NULL = 0,   /* only for a single value, or a column without any value */
    HB_KIND_BOOL = 1,   /* uint8_t 0 or 1 */
    HB_KIND_I64 = 2,
    HB_KIND_F64 = 3,    /* finite unless a check says otherwise */
    HB_KIND_TEXT = 4,   /* UTF-8 span */
    HB_KIND_BYTES = 5,  /* span */
    HB_KIND_VEC = 6,    /* float32[dim]; dim 0: span of whole float32s, length differs by row */
    HB_KIND_PACK = 7,   /* span of one MessagePack value (pack.h): nested, Json, mixed input */
    HB_KIND_COUNT
} hb_kind;

typedef struct hb_value {
    hb_kind kind;
    union {
        bool b;
        int64_t i;
        double f;
        hb_str s;                                       /* TEXT, BYTES, PACK: borrowed */
        struct { const float *ptr; uint32_t len; } v;   /* VEC: borrowed, len components */
    } as;
} hb_value;

/* State of a cell. In stored data and results only NULL and VALUE occur; ABSENT is input:
 * "the caller's row has no such key". */
typedef enum hb_cell { HB_CELL_ABSENT = 0, HB_CELL_NULL = 1, HB_CELL_VALUE = 2 } hb_cell;

typedef struct hb_span {
    uint32_t off;       /* bytes into the column's heap */
    uint32_t len;       /* bytes */
} hb_span;

/* Elements in pieces of 1 << shift rows each, so that a long column of large ones grows without
 * being copied. */
typedef struct hb_pieces {
    uint8_t **at;
    uint32_t count, cap;
    uint32_t first;             /* rows that there is room for in the first, which grows */
    uint32_t shift;
} hb_pieces;

/* A view of one column. Borrows everything. Element i lives at data[i]
 * (VEC with dim > 0: data + i * dim floats, 4-aligned), or, of a VEC with pieces, where
 * hb_column_vec says. */
typedef struct hb_column {
    hb_str name;
    hb_kind kind;
    uint32_t dim;               /* VEC only */
    const uint8_t *state;       /* hb_cell per row; NULL: every row has a value */
    const void *data;           /* uint8_t, int64_t, double, hb_span or float; NULL for KIND_NULL */
    const uint8_t *heap;        /* spans point into it */
    uint32_t heap_len;
    const hb_pieces *pieces;    /* VEC with dim > 0 only: instead of data, which is then NULL */
} hb_column;

/* A view of rows. Borrows everything. */
typedef struct hb_batch {
    uint32_t row_count;
    uint32_t column_count;
    const hb_column *columns;
} hb_batch;

static inline hb_cell hb_column_cell(const hb_column *col, uint32_t row) {
    if (col->kind == HB_KIND_NULL && col->state == NULL) return HB_CELL_NULL;
    return col->state != NULL ? (hb_cell)col->state[row] : HB_CELL_VALUE;
}
static inline hb_str hb_column_span(const hb_column *col, uint32_t row) {
    const hb_span *span = (const hb_span *)col->data + row;
    return (hb_str){ (const char *)col->heap + span->off, span->len };
}
/* The numbers of a VEC with dim > 0. */
static inline const float *hb_column_vec(const hb_column *col, uint32_t row) {
    if (col->pieces == NULL) return (const float *)col->data + (size_t)row * col->dim;
    const hb_pieces *pieces = col->pieces;
    const uint32_t in_piece = row & ((1u << pieces->shift) - 1);
    return (const float *)(const void *)pieces->at[row >> pieces->shift] +
           (size_t)in_piece * col->dim;
}
/* The value of a cell; KIND_NULL for NULL and ABSENT. Borrowed from the column. */
hb_value hb_column_get(const hb_column *col, uint32_t row);
/* Index of the column called `name`, or -1. */
int hb_batch_find(const hb_batch *batch, hb_str name);

/* Total order of two non-null values of the same kind: BOOL, I64, F64 by value (I64 against F64
 * exactly), TEXT and BYTES by bytes. VEC and PACK compare by hb_value_eq only. */
int hb_value_cmp(const hb_value *a, const hb_value *b);
/* Equality; null equals null; numbers across I64 and F64 by value; PACK deep with key order free,
 * a packed scalar as the scalar. */
bool hb_value_eq(const hb_value *a, const hb_value *b);

/* ---- building: an owner of column bytes ------------------------------------------------ */

/* A growable column. Owns its buffers. Rows are appended, or set by row number for stores that
 * reuse slots (then spans of the old value become garbage in the heap: garbage_len counts it). */
typedef struct hb_colbuf {
    const hb_mem *mem;
    hb_kind kind;
    uint32_t dim;
    uint32_t row_count;
    uint32_t row_cap;
    uint8_t *state;             /* always kept; view() hides it when null_count is 0 */
    uint8_t *data;
    uint8_t *heap;
    uint32_t heap_len;
    uint32_t heap_cap;
    uint32_t garbage_len;
    uint32_t null_count;        /* rows whose state is not VALUE */
    hb_pieces pieces;           /* owned; of a column in pieces (shift > 0): `data` is then NULL */
    bool shares;                /* equal values share their bytes in the heap; see share.c */
    struct hb_shared *shared;   /* owned: the values there are, a hash table */
    uint32_t shared_cap, shared_count;
} hb_colbuf;

void hb_colbuf_init(hb_colbuf *col, const hb_mem *mem, hb_kind kind, uint32_t dim);
void hb_colbuf_free(hb_colbuf *col);
void hb_colbuf_clear(hb_colbuf *col);                                   /* keeps capacity */
bool hb_colbuf_reserve(hb_colbuf *col, uint32_t rows, uint32_t heap_bytes);     /* further ones */
/* All return false when out of memory and leave the column as it was. */
bool hb_colbuf_add_null(hb_colbuf *col);
bool hb_colbuf_add(hb_colbuf *col, const hb_value *value);              /* kind must fit; NULL ok */
bool hb_colbuf_add_text(hb_colbuf *col, hb_str text);                   /* TEXT, BYTES, PACK */
/* Appends row `row` of `src` (same kind; a VEC dim 0 may take any VEC). ABSENT becomes NULL, here
 * and below: a colbuf never holds ABSENT. */
bool hb_colbuf_add_cell(hb_colbuf *col, const hb_column *src, uint32_t row);
/* Appends many rows; `rows` NULL means 0..count-1. */
bool hb_colbuf_add_rows(hb_colbuf *col, const hb_column *src, const uint32_t *rows, uint32_t count);
/* Replaces row `row` (< row_count). */
bool hb_colbuf_set(hb_colbuf *col, uint32_t row, const hb_value *value);
bool hb_colbuf_set_cell(hb_colbuf *col, uint32_t row, const hb_column *src, uint32_t src_row);
/* From now on a value is kept once, however many rows hold it; of an empty TEXT or BYTES column. */
void hb_colbuf_share(hb_colbuf *col);
/* From now on elements lie in pieces of HB_PIECE_BYTES or so, the first of which grows to that; of
 * an empty column. Nothing happens to one whose elements are small, or spans. */
#define HB_PIECE_BYTES 65536u
void hb_colbuf_split(hb_colbuf *col);
/* Rewrites the heap without garbage, where it is. False: out of memory, nothing changed. */
bool hb_colbuf_compact(hb_colbuf *col);
/* View for reading; valid until the next mutation. */
hb_column hb_colbuf_view(const hb_colbuf *col, hb_str name);
/* The same, for where it is asked of every column of every answer. */
static inline hb_column hb_colbuf_view_inline(const hb_colbuf *col, hb_str name) {
    return (hb_column){
        .name = name,
        .kind = col->kind,
        .dim = col->dim,
        .state = col->null_count > 0 ? col->state : NULL,
        .data = col->kind == HB_KIND_NULL ? NULL : col->data,
        .pieces = col->pieces.shift > 0 ? &col->pieces : NULL,
        .heap = col->heap != NULL ? col->heap : (const uint8_t *)"",
        .heap_len = col->heap_len,
    };
}

/* Builds hb_batch results in an arena-owned array of colbufs. Owns the columns. */
typedef struct hb_rowset {
    const hb_mem *mem;
    uint32_t column_count;
    uint32_t row_count;
    hb_str *names;              /* borrowed texts */
    hb_colbuf *columns;         /* owned */
    hb_column *views;           /* owned; made by hb_rowset_batch */
} hb_rowset;

hb_status hb_rowset_init(hb_rowset *set, const hb_mem *mem, uint32_t column_count, hb_err *err);
void hb_rowset_free(hb_rowset *set);
/* Names and types column `index`. */
void hb_rowset_column(hb_rowset *set, uint32_t index, hb_str name, hb_kind kind, uint32_t dim);
/* The columns as a batch; row_count is taken from column 0. Valid until the set changes. */
hb_batch hb_rowset_batch(hb_rowset *set);

#endif
