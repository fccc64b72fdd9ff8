// SPDX-License-Identifier: MIT
#include "value/value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "value/pack.h"
#include "value/share.h"

#define ROWS_FIRST 16u
#define HEAP_FIRST 64u

static bool kind_is_span(hb_kind kind, uint32_t dim) {
    return kind == HB_KIND_TEXT || kind == HB_KIND_BYTES || kind == HB_KIND_PACK ||
           (kind == HB_KIND_VEC && dim == 0);
}

/* Bytes of one element in the data buffer. */
static size_t kind_size(hb_kind kind, uint32_t dim) {
    switch (kind) {
    case HB_KIND_NULL: return 0;
    case HB_KIND_BOOL: return 1;
    case HB_KIND_I64: return sizeof(int64_t);
    case HB_KIND_F64: return sizeof(double);
    case HB_KIND_TEXT:
    case HB_KIND_BYTES:
    case HB_KIND_PACK: return sizeof(hb_span);
    case HB_KIND_VEC: return dim == 0 ? sizeof(hb_span) : dim * sizeof(float);
    case HB_KIND_COUNT: break;
    }
    HB_ASSERT(!"kind");
    return 0;
}

hb_value hb_column_get(const hb_column *col, uint32_t row) {
    hb_value value = { .kind = HB_KIND_NULL };
    if (hb_column_cell(col, row) != HB_CELL_VALUE) return value;
    value.kind = col->kind;
    switch (col->kind) {
    case HB_KIND_NULL:
    case HB_KIND_COUNT: value.kind = HB_KIND_NULL; break;
    case HB_KIND_BOOL: value.as.b = ((const uint8_t *)col->data)[row] != 0; break;
    case HB_KIND_I64: value.as.i = ((const int64_t *)col->data)[row]; break;
    case HB_KIND_F64: value.as.f = ((const double *)col->data)[row]; break;
    case HB_KIND_TEXT:
    case HB_KIND_BYTES:
    case HB_KIND_PACK: value.as.s = hb_column_span(col, row); break;
    case HB_KIND_VEC:
        if (col->dim > 0) {
            value.as.v.ptr = hb_column_vec(col, row);
            value.as.v.len = col->dim;
        } else {
            const hb_str span = hb_column_span(col, row);
            value.as.v.ptr = (const float *)(const void *)span.ptr;
            value.as.v.len = span.len / (uint32_t)sizeof(float);
        }
        break;
    }
    return value;
}

int hb_batch_find(const hb_batch *batch, hb_str name) {
    for (uint32_t i = 0; i < batch->column_count; i++) {
        if (hb_str_eq(batch->columns[i].name, name)) return (int)i;
    }
    return -1;
}

/* ---- comparison ------------------------------------------------------------------------- */

/* Total: NaN after everything, equal to itself; -0 equals 0. */
static int f64_cmp(double a, double b) {
    if (isnan(a) || isnan(b)) return (isnan(a) ? 1 : 0) - (isnan(b) ? 1 : 0);
    return a < b ? -1 : a > b ? 1 : 0;
}

/* Exact, also where an int64 has no double. */
static int i64_f64_cmp(int64_t a, double b) {
    if (isnan(b) || b >= 9223372036854775808.0) return -1;
    if (b < -9223372036854775808.0) return 1;
    const int64_t whole = (int64_t)b;
    if (a != whole) return a < whole ? -1 : 1;
    return f64_cmp(0.0, b - (double)whole);
}

static bool is_number(hb_kind kind) {
    return kind == HB_KIND_I64 || kind == HB_KIND_F64;
}

static int number_cmp(const hb_value *a, const hb_value *b) {
    if (a->kind == HB_KIND_I64 && b->kind == HB_KIND_I64) {
        return a->as.i < b->as.i ? -1 : a->as.i > b->as.i ? 1 : 0;
    }
    if (a->kind == HB_KIND_I64) return i64_f64_cmp(a->as.i, b->as.f);
    if (b->kind == HB_KIND_I64) return -i64_f64_cmp(b->as.i, a->as.f);
    return f64_cmp(a->as.f, b->as.f);
}

int hb_value_cmp(const hb_value *a, const hb_value *b) {
    if (is_number(a->kind) && is_number(b->kind)) return number_cmp(a, b);
    HB_ASSERT(a->kind == b->kind);
    if (a->kind == HB_KIND_BOOL) return (a->as.b ? 1 : 0) - (b->as.b ? 1 : 0);
    HB_ASSERT(a->kind == HB_KIND_TEXT || a->kind == HB_KIND_BYTES);
    return hb_str_cmp(a->as.s, b->as.s);
}

static bool vec_eq(const hb_value *a, const hb_value *b) {
    if (a->as.v.len != b->as.v.len) return false;
    for (uint32_t i = 0; i < a->as.v.len; i++) {
        if (a->as.v.ptr[i] != b->as.v.ptr[i]) return false;
    }
    return true;
}

/* A scalar inside a PACK as the value it is; containers and vectors stay PACK. */
static hb_value value_unpacked(const hb_value *value) {
    hb_pack_reader reader = hb_pack_read(value->as.s);
    hb_pack_item item;
    hb_value out = *value;
    if (!hb_pack_next(&reader, &item)) return out;
    switch (item.tag) {
    case HB_PACK_NIL: out.kind = HB_KIND_NULL; break;
    case HB_PACK_BOOL: out = (hb_value){ HB_KIND_BOOL, { .b = item.b } }; break;
    case HB_PACK_INT: out = (hb_value){ HB_KIND_I64, { .i = item.i } }; break;
    case HB_PACK_FLOAT: out = (hb_value){ HB_KIND_F64, { .f = item.f } }; break;
    case HB_PACK_STR: out = (hb_value){ HB_KIND_TEXT, { .s = item.s } }; break;
    case HB_PACK_BIN: out = (hb_value){ HB_KIND_BYTES, { .s = item.s } }; break;
    case HB_PACK_UINT64:
    case HB_PACK_ARRAY:
    case HB_PACK_MAP:
    case HB_PACK_EXT: break;
    }
    return out;
}

bool hb_value_eq(const hb_value *a, const hb_value *b) {
    if (is_number(a->kind) && is_number(b->kind)) return number_cmp(a, b) == 0;
    if (a->kind != b->kind) {
        if (a->kind != HB_KIND_PACK && b->kind != HB_KIND_PACK) return false;
        const hb_value x = a->kind == HB_KIND_PACK ? value_unpacked(a) : *a;
        const hb_value y = b->kind == HB_KIND_PACK ? value_unpacked(b) : *b;
        return x.kind != HB_KIND_PACK && y.kind != HB_KIND_PACK && hb_value_eq(&x, &y);
    }
    switch (a->kind) {
    case HB_KIND_NULL: return true;
    case HB_KIND_BOOL:
    case HB_KIND_I64:
    case HB_KIND_F64: return hb_value_cmp(a, b) == 0;
    case HB_KIND_TEXT:
    case HB_KIND_BYTES: return hb_str_eq(a->as.s, b->as.s);
    case HB_KIND_VEC: return vec_eq(a, b);
    case HB_KIND_PACK: return hb_pack_eq(a->as.s, b->as.s);
    case HB_KIND_COUNT: break;
    }
    return false;
}

/* ---- colbuf ----------------------------------------------------------------------------- */

void hb_colbuf_init(hb_colbuf *col, const hb_mem *mem, hb_kind kind, uint32_t dim) {
    *col = (hb_colbuf){ .mem = mem, .kind = kind, .dim = kind == HB_KIND_VEC ? dim : 0 };
}

static void pieces_free(const hb_colbuf *col) {
    const hb_pieces *pieces = &col->pieces;
    const size_t size = kind_size(col->kind, col->dim);
    for (uint32_t i = 0; i < pieces->count; i++) {
        const size_t rows = i == 0 ? pieces->first : (size_t)1 << pieces->shift;
        hb_mem_free(col->mem, pieces->at[i], rows * size);
    }
    hb_mem_free(col->mem, pieces->at, pieces->cap * sizeof(*pieces->at));
}

void hb_colbuf_free(hb_colbuf *col) {
    hb_mem_free(col->mem, col->state, col->row_cap);
    if (col->pieces.shift > 0)
        pieces_free(col);
    else
        hb_mem_free(col->mem, col->data, col->row_cap * kind_size(col->kind, col->dim));
    hb_mem_free(col->mem, col->heap, col->heap_cap);
    hb_share_free(col);
    const bool shares = col->shares;
    const uint32_t shift = col->pieces.shift;
    hb_colbuf_init(col, col->mem, col->kind, col->dim);
    col->shares = shares;
    col->pieces.shift = shift;
}

void hb_colbuf_split(hb_colbuf *col) {
    const size_t size = kind_size(col->kind, col->dim);
    HB_ASSERT(col->row_cap == 0);
    if (col->kind != HB_KIND_VEC || col->dim == 0) return;
    while ((size << (col->pieces.shift + 1)) <= HB_PIECE_BYTES) col->pieces.shift++;
}

void hb_colbuf_clear(hb_colbuf *col) {
    col->row_count = 0;
    col->heap_len = 0;
    col->garbage_len = 0;
    col->null_count = 0;
    hb_share_free(col);
}

void hb_colbuf_share(hb_colbuf *col) {
    HB_ASSERT(col->heap_len == 0 && (col->kind == HB_KIND_TEXT || col->kind == HB_KIND_BYTES));
    col->shares = true;
}

/* Rows that there is room for in the pieces. */
static uint64_t pieces_room(const hb_pieces *pieces) {
    return pieces->count <= 1 ? pieces->first : (uint64_t)pieces->count << pieces->shift;
}

/* The first piece grows by doubling until it is a whole one. */
static bool first_piece_grow(hb_colbuf *col, uint64_t rows) {
    hb_pieces *pieces = &col->pieces;
    const uint32_t whole = 1u << pieces->shift;
    const size_t size = kind_size(col->kind, col->dim);
    uint64_t cap = (uint64_t)pieces->first * 2;
    if (cap < ROWS_FIRST) cap = ROWS_FIRST;
    if (cap < rows) cap = rows;
    if (cap > whole) cap = whole;
    uint8_t *piece = hb_mem_realloc(col->mem, pieces->count > 0 ? pieces->at[0] : NULL,
                                    pieces->first * size, (size_t)cap * size);
    if (piece == NULL) return false;
    pieces->at[0] = piece;
    pieces->count = 1;
    pieces->first = (uint32_t)cap;
    return true;
}

static bool piece_add(hb_colbuf *col) {
    hb_pieces *pieces = &col->pieces;
    uint8_t *piece = hb_mem_alloc(col->mem, kind_size(col->kind, col->dim) << pieces->shift);
    if (piece == NULL) return false;
    pieces->at[pieces->count++] = piece;
    return true;
}

/* Room for so many rows in all. What was there for them before memory ran out stays. */
static bool pieces_reserve(hb_colbuf *col, uint64_t rows) {
    hb_pieces *pieces = &col->pieces;
    while (pieces_room(pieces) < rows) {
        if (pieces->count == pieces->cap) {
            const uint32_t cap = pieces->cap == 0 ? 4 : pieces->cap * 2;
            uint8_t **at =
                hb_mem_realloc(col->mem, pieces->at, pieces->cap * sizeof(*at), cap * sizeof(*at));
            if (at == NULL) return false;
            pieces->at = at;
            pieces->cap = cap;
        }
        const bool whole = pieces->first == 1u << pieces->shift;
        if (!(whole ? piece_add(col) : first_piece_grow(col, rows))) return false;
    }
    return true;
}

/* States grow by an eighth, as the rows of a store do. */
static bool split_reserve(hb_colbuf *col, uint32_t more) {
    const uint64_t rows = (uint64_t)col->row_count + more;
    if (rows > UINT32_MAX) return false;
    if (rows > col->row_cap) {
        uint64_t cap = (uint64_t)col->row_cap + col->row_cap / 8 + ROWS_FIRST;
        if (cap < rows) cap = rows;
        if (cap > UINT32_MAX) cap = UINT32_MAX;
        uint8_t *state = hb_mem_realloc(col->mem, col->state, col->row_cap, (size_t)cap);
        if (state == NULL) return false;
        col->state = state;
        col->row_cap = (uint32_t)cap;
    }
    return pieces_reserve(col, rows);
}

static bool rows_reserve(hb_colbuf *col, uint32_t rows) {
    if (col->pieces.shift > 0) return split_reserve(col, rows);
    if (rows <= col->row_cap - col->row_count) return true;
    if (rows > UINT32_MAX - col->row_count) return false;
    uint64_t cap = (uint64_t)col->row_cap * 2;
    if (cap < ROWS_FIRST) cap = ROWS_FIRST;
    if (cap < (uint64_t)col->row_count + rows) cap = (uint64_t)col->row_count + rows;
    if (cap > UINT32_MAX) cap = UINT32_MAX;
    const size_t size = kind_size(col->kind, col->dim);
    if (size > 0 && cap > SIZE_MAX / size) return false;
    /* The small buffer first and as a copy: a failure of either leaves both as they were. */
    uint8_t *state = hb_mem_alloc(col->mem, (size_t)cap);
    if (state == NULL) return false;
    if (size > 0) {
        uint8_t *data =
            hb_mem_realloc(col->mem, col->data, col->row_cap * size, (size_t)cap * size);
        if (data == NULL) {
            hb_mem_free(col->mem, state, (size_t)cap);
            return false;
        }
        col->data = data;
    }
    if (col->row_count > 0) memcpy(state, col->state, col->row_count);
    hb_mem_free(col->mem, col->state, col->row_cap);
    col->state = state;
    col->row_cap = (uint32_t)cap;
    return true;
}

static bool heap_reserve(hb_colbuf *col, uint32_t more) {
    if (more <= col->heap_cap - col->heap_len) return true;
    if (more > UINT32_MAX - col->heap_len) return false;
    uint64_t cap = (uint64_t)col->heap_cap * 2;
    if (cap < HEAP_FIRST) cap = HEAP_FIRST;
    if (cap < (uint64_t)col->heap_len + more) cap = (uint64_t)col->heap_len + more;
    if (cap > UINT32_MAX) cap = UINT32_MAX;
    uint8_t *heap = hb_mem_realloc(col->mem, col->heap, col->heap_cap, (size_t)cap);
    if (heap == NULL) return false;
    col->heap = heap;
    col->heap_cap = (uint32_t)cap;
    return true;
}

bool hb_colbuf_reserve(hb_colbuf *col, uint32_t rows, uint32_t heap_bytes) {
    return rows_reserve(col, rows) && heap_reserve(col, heap_bytes);
}

/* Appends bytes to the heap. `bytes` may lie in this very heap, which moves when it grows. */
static bool heap_add(hb_colbuf *col, const void *bytes, uint32_t len, hb_span *out) {
    if (col->shares && hb_share_take(col, hb_str_n(bytes, len), out)) return true;
    if (col->shares && !hb_share_reserve(col)) return false;
    const uint8_t *from = bytes;
    const bool own = col->heap != NULL && from >= col->heap && from < col->heap + col->heap_len;
    const size_t own_off = own ? (size_t)(from - col->heap) : 0;
    if (!heap_reserve(col, len)) return false;
    if (own) from = col->heap + own_off;
    *out = (hb_span){ col->heap_len, len };
    if (len > 0) memcpy(col->heap + col->heap_len, from, len);
    col->heap_len += len;
    if (col->shares) hb_share_add(col, *out);
    return true;
}

/* A row does not hold these bytes any more. */
static void heap_drop(hb_colbuf *col, hb_span span) {
    if (!col->shares || hb_share_drop(col, span)) col->garbage_len += span.len;
}

static hb_span *col_spans(const hb_colbuf *col) {
    return (hb_span *)(void *)col->data;
}

static bool is_span(const hb_colbuf *col) {
    return kind_is_span(col->kind, col->dim);
}

/* Where the element of `row` is, which has room. */
static uint8_t *element_at(const hb_colbuf *col, uint32_t row, size_t size) {
    if (col->pieces.shift == 0) return col->data + row * size;
    const uint32_t in_piece = row & ((1u << col->pieces.shift) - 1);
    return col->pieces.at[row >> col->pieces.shift] + in_piece * size;
}

/* Zeroes the element of `row`, so that null cells hold no stale or uninitialised bytes. */
static void element_zero(hb_colbuf *col, uint32_t row) {
    const size_t size = kind_size(col->kind, col->dim);
    if (size > 0) memset(element_at(col, row, size), 0, size);
}

bool hb_colbuf_add_null(hb_colbuf *col) {
    if (!rows_reserve(col, 1)) return false;
    element_zero(col, col->row_count);
    col->state[col->row_count++] = HB_CELL_NULL;
    col->null_count++;
    return true;
}

/* Writes a value that is not null and fits the column to `row`, which has room. */
static bool element_set(hb_colbuf *col, uint32_t row, const hb_value *value) {
    if (is_span(col)) {
        const bool vec = col->kind == HB_KIND_VEC;
        const void *bytes = vec ? (const void *)value->as.v.ptr : (const void *)value->as.s.ptr;
        const uint64_t len = vec ? (uint64_t)value->as.v.len * sizeof(float) : value->as.s.len;
        return len <= UINT32_MAX && heap_add(col, bytes, (uint32_t)len, &col_spans(col)[row]);
    }
    if (col->kind == HB_KIND_BOOL) {
        col->data[row] = value->as.b ? 1 : 0;
    } else if (col->kind == HB_KIND_I64) {
        memcpy(col->data + row * sizeof(int64_t), &value->as.i, sizeof(int64_t));
    } else if (col->kind == HB_KIND_F64) {
        memcpy(col->data + row * sizeof(double), &value->as.f, sizeof(double));
    } else {
        const size_t size = col->dim * sizeof(float);
        HB_ASSERT(value->as.v.len == col->dim);
        memmove(element_at(col, row, size), value->as.v.ptr, size);
    }
    return true;
}

bool hb_colbuf_add(hb_colbuf *col, const hb_value *value) {
    if (value->kind == HB_KIND_NULL) return hb_colbuf_add_null(col);
    HB_ASSERT(value->kind == col->kind);
    hb_value copy = *value;
    /* A vector out of this column's own data moves with it; of pieces only the first one moves. */
    const bool split = col->pieces.count > 0;
    const uint32_t movable = split ? col->pieces.first : col->row_count;
    const uint8_t *old = split ? col->pieces.at[0] : col->data;
    const uint8_t *ptr = col->kind == HB_KIND_VEC ? (const uint8_t *)value->as.v.ptr : NULL;
    const bool own = col->dim > 0 && old != NULL && ptr >= old &&
                     ptr < old + movable * kind_size(col->kind, col->dim);
    const size_t own_off = own ? (size_t)(ptr - old) : 0;
    if (!rows_reserve(col, 1)) return false;
    const uint8_t *moved = split ? col->pieces.at[0] : col->data;
    if (own) copy.as.v.ptr = (const float *)(const void *)(moved + own_off);
    if (!element_set(col, col->row_count, &copy)) return false;
    col->state[col->row_count++] = HB_CELL_VALUE;
    return true;
}

bool hb_colbuf_add_text(hb_colbuf *col, hb_str text) {
    HB_ASSERT(is_span(col) && col->kind != HB_KIND_VEC);
    if (!rows_reserve(col, 1)) return false;
    if (!heap_add(col, text.ptr, text.len, &col_spans(col)[col->row_count])) return false;
    col->state[col->row_count++] = HB_CELL_VALUE;
    return true;
}

bool hb_colbuf_add_cell(hb_colbuf *col, const hb_column *src, uint32_t row) {
    const hb_value value = hb_column_get(src, row);
    return hb_colbuf_add(col, &value);
}

/* Appends states of the chosen rows (ABSENT becomes NULL) and counts the nulls. */
static void states_add(hb_colbuf *col, const hb_column *src, const uint32_t *rows, uint32_t count) {
    uint8_t *to = col->state + col->row_count;
    if (src->state == NULL) {
        memset(to, HB_CELL_VALUE, count);
        return;
    }
    uint32_t nulls = 0;
    for (uint32_t i = 0; i < count; i++) {
        const bool null = src->state[rows != NULL ? rows[i] : i] != HB_CELL_VALUE;
        to[i] = null ? HB_CELL_NULL : HB_CELL_VALUE;
        nulls += null ? 1u : 0u;
    }
    col->null_count += nulls;
}

static void vectors_gather(hb_colbuf *col, const hb_column *src, const uint32_t *rows,
                           uint32_t count) {
    const size_t size = kind_size(col->kind, col->dim);
    for (uint32_t i = 0; i < count; i++) {
        memcpy(element_at(col, col->row_count + i, size),
               hb_column_vec(src, rows != NULL ? rows[i] : i), size);
    }
}

static void fixed_gather(uint8_t *to, const uint8_t *from, size_t size, const uint32_t *rows,
                         uint32_t count) {
    if (rows == NULL) {
        memcpy(to, from, size * count);
    } else if (size == 1) {
        for (uint32_t i = 0; i < count; i++) {
            to[i] = from[rows[i]];
        }
    } else if (size == 8) {
        for (uint32_t i = 0; i < count; i++) {
            memcpy(to + 8 * (size_t)i, from + 8 * (size_t)rows[i], 8);
        }
    } else {
        for (uint32_t i = 0; i < count; i++) {
            memcpy(to + size * i, from + size * rows[i], size);
        }
    }
}

/* Spans in row order with their bytes; one pass for the length, one for the copy. */
static bool spans_add(hb_colbuf *col, const hb_column *src, const uint32_t *rows, uint32_t count) {
    const hb_span *from = src->data;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t row = rows != NULL ? rows[i] : i;
        if (src->state == NULL || src->state[row] == HB_CELL_VALUE) bytes += from[row].len;
    }
    if (bytes > UINT32_MAX || !heap_reserve(col, (uint32_t)bytes)) return false;
    hb_span *to = col_spans(col) + col->row_count;
    uint32_t at = col->heap_len;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t row = rows != NULL ? rows[i] : i;
        if (src->state != NULL && src->state[row] != HB_CELL_VALUE) {
            to[i] = (hb_span){ 0, 0 };
            continue;
        }
        to[i] = (hb_span){ at, from[row].len };
        if (from[row].len > 0) memcpy(col->heap + at, src->heap + from[row].off, from[row].len);
        at += from[row].len;
    }
    col->heap_len = at;
    return true;
}

/* The rare ways: a column without values, or vectors of fixed against free dimension. */
static bool rows_add_one_by_one(hb_colbuf *col, const hb_column *src, const uint32_t *rows,
                                uint32_t count) {
    const hb_colbuf before = *col;
    for (uint32_t i = 0; i < count; i++) {
        if (!hb_colbuf_add_cell(col, src, rows != NULL ? rows[i] : i)) {
            if (col->shares) { /* the bytes stay as garbage: others may follow them */
                const hb_value null = { .kind = HB_KIND_NULL };
                for (uint32_t row = before.row_count; row < col->row_count; row++) {
                    hb_colbuf_set(col, row, &null);
                }
                col->row_count = before.row_count;
                col->null_count = before.null_count;
                return false;
            }
            col->row_count = before.row_count;
            col->heap_len = before.heap_len;
            col->null_count = before.null_count;
            return false;
        }
    }
    return true;
}

bool hb_colbuf_add_rows(hb_colbuf *col, const hb_column *src, const uint32_t *rows,
                        uint32_t count) {
    if (count == 0) return true;
    if (src->kind != col->kind || src->dim != col->dim || col->shares ||
        (src->data == NULL && src->pieces == NULL)) {
        return rows_add_one_by_one(col, src, rows, count);
    }
    if (!rows_reserve(col, count)) return false;
    if (is_span(col)) {
        if (!spans_add(col, src, rows, count)) return false;
    } else if (col->pieces.shift > 0 || src->pieces != NULL) {
        vectors_gather(col, src, rows, count);
    } else {
        const size_t size = kind_size(col->kind, col->dim);
        fixed_gather(col->data + col->row_count * size, src->data, size, rows, count);
    }
    states_add(col, src, rows, count);
    col->row_count += count;
    return true;
}

bool hb_colbuf_set(hb_colbuf *col, uint32_t row, const hb_value *value) {
    HB_ASSERT(row < col->row_count);
    const bool was_value = col->state[row] == HB_CELL_VALUE;
    if (value->kind == HB_KIND_NULL) {
        if (was_value) {
            if (is_span(col)) heap_drop(col, col_spans(col)[row]);
            element_zero(col, row);
            col->state[row] = HB_CELL_NULL;
            col->null_count++;
        }
        return true;
    }
    HB_ASSERT(value->kind == col->kind);
    const hb_span old = is_span(col) && was_value ? col_spans(col)[row] : (hb_span){ 0, 0 };
    if (!element_set(col, row, value)) return false;
    heap_drop(col, old);
    if (!was_value) col->null_count--;
    col->state[row] = HB_CELL_VALUE;
    return true;
}

bool hb_colbuf_set_cell(hb_colbuf *col, uint32_t row, const hb_column *src, uint32_t src_row) {
    const hb_value value = hb_column_get(src, src_row);
    return hb_colbuf_set(col, row, &value);
}

/* Into a heap of its own: for values that several rows hold. */
static bool compact_shared(hb_colbuf *col) {
    const uint32_t cap = col->heap_len - col->garbage_len;
    uint8_t *heap = hb_mem_alloc(col->mem, cap);
    if (heap == NULL) return false;
    const uint32_t len = hb_share_move(col, heap);
    HB_ASSERT(len <= cap);
    hb_mem_free(col->mem, col->heap, col->heap_cap);
    col->heap = heap;
    col->heap_cap = cap;
    col->heap_len = len;
    col->garbage_len = 0;
    return true;
}

static int compare_u64(const void *a, const void *b) {
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Moves the values down over the garbage, in the order in which they lie: there is never a second
 * heap. `places` has room for all rows. */
static void heap_close_gaps(hb_colbuf *col, uint64_t *places) {
    hb_span *spans = col_spans(col);
    uint32_t count = 0;
    bool ascends = true;
    for (uint32_t row = 0; row < col->row_count; row++) {
        if (spans[row].len == 0) continue;
        places[count] = (uint64_t)spans[row].off << 32 | row;
        ascends = ascends && (count == 0 || places[count - 1] < places[count]);
        count++;
    }
    if (!ascends) qsort(places, count, sizeof(*places), compare_u64);
    uint32_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        hb_span *span = &spans[(uint32_t)places[i]];
        if (span->off != at) memmove(col->heap + at, col->heap + span->off, span->len);
        span->off = at;
        at += span->len;
    }
    col->heap_len = at;
    col->garbage_len = 0;
}

bool hb_colbuf_compact(hb_colbuf *col) {
    if (!is_span(col) || col->garbage_len == 0) return true;
    if (col->shares) return compact_shared(col);
    const size_t size = col->row_count * sizeof(uint64_t);
    uint64_t *places = hb_mem_alloc(col->mem, size);
    if (places == NULL) return false;
    heap_close_gaps(col, places);
    hb_mem_free(col->mem, places, size);
    /* Room for as much again stays; a shrink in place that fails costs nothing. */
    if (col->heap_len < col->heap_cap / 2) {
        uint8_t *heap = hb_mem_realloc(col->mem, col->heap, col->heap_cap, col->heap_len);
        if (heap == NULL) return true;
        col->heap = heap;
        col->heap_cap = col->heap_len;
    }
    return true;
}

hb_column hb_colbuf_view(const hb_colbuf *col, hb_str name) {
    return hb_colbuf_view_inline(col, name);
}

/* ---- rowset ----------------------------------------------------------------------------- */

hb_status hb_rowset_init(hb_rowset *set, const hb_mem *mem, uint32_t column_count, hb_err *err) {
    *set = (hb_rowset){ .mem = mem, .column_count = column_count };
    set->names = hb_mem_zalloc(mem, column_count * sizeof(hb_str));
    set->columns = hb_mem_zalloc(mem, column_count * sizeof(hb_colbuf));
    set->views = hb_mem_zalloc(mem, column_count * sizeof(hb_column));
    if (set->names == NULL || set->columns == NULL || set->views == NULL) {
        hb_rowset_free(set);
        return hb_err_memory(err);
    }
    for (uint32_t i = 0; i < column_count; i++) {
        hb_colbuf_init(&set->columns[i], mem, HB_KIND_NULL, 0);
    }
    return HB_OK;
}

void hb_rowset_free(hb_rowset *set) {
    if (set->mem == NULL) return;
    for (uint32_t i = 0; set->columns != NULL && i < set->column_count; i++) {
        if (set->columns[i].mem != NULL) hb_colbuf_free(&set->columns[i]);
    }
    hb_mem_free(set->mem, set->views, set->column_count * sizeof(hb_column));
    hb_mem_free(set->mem, set->columns, set->column_count * sizeof(hb_colbuf));
    hb_mem_free(set->mem, set->names, set->column_count * sizeof(hb_str));
    *set = (hb_rowset){ .mem = set->mem };
}

void hb_rowset_column(hb_rowset *set, uint32_t index, hb_str name, hb_kind kind, uint32_t dim) {
    HB_ASSERT(index < set->column_count);
    hb_colbuf_free(&set->columns[index]);
    hb_colbuf_init(&set->columns[index], set->mem, kind, dim);
    set->names[index] = name;
}

hb_batch hb_rowset_batch(hb_rowset *set) {
    set->row_count = set->column_count > 0 ? set->columns[0].row_count : 0;
    for (uint32_t i = 0; i < set->column_count; i++) {
        HB_ASSERT(set->columns[i].row_count == set->row_count);
        set->views[i] = hb_colbuf_view(&set->columns[i], set->names[i]);
    }
    return (hb_batch){ set->row_count, set->column_count, set->views };
}
