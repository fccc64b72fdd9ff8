// SPDX-License-Identifier: MIT
#include "value/wire.h"

#include <string.h>

#include "base/limits.h"
#include "value/pack.h"

/* Offsets of the u32 members; the layout is documented in wire.h. */
enum {
    HEAD_MAGIC = 0,
    HEAD_BYTES = 4,
    HEAD_ROWS = 8,
    HEAD_COLUMNS = 12,
    HEAD_COLUMNS_OFF = 16,
    HEAD_FLAGS = 20,
    HEAD_TOTAL = 24,
    COL_NAME_OFF = 0,
    COL_NAME_LEN = 4,
    COL_KIND = 8,
    COL_DIM = 12,
    COL_STATE_OFF = 16,
    COL_DATA_OFF = 20,
    COL_DATA_LEN = 24,
    COL_HEAP_OFF = 28,
    COL_HEAP_LEN = 32,
    COL_ROLE = 36
};
_Static_assert(COL_ROLE + 4 == HB_WIRE_COLUMN_LEN, "column record");
_Static_assert(sizeof(hb_span) == 8, "spans cross as they are");

static uint32_t get_u32(const char *at) {
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static void set_u32(char *at, uint32_t value) {
    memcpy(at, &value, sizeof value);
}

static bool range_fits(uint32_t off, uint64_t len, uint32_t total) {
    return off <= total && len <= total - off;
}

static hb_status bad_batch(hb_err *err, uint32_t column, const char *what) {
    return hb_err_set(err, HB_E_CORRUPT, "malformed column batch: column %u: %s", (unsigned)column,
                      what);
}

static bool is_span(const hb_column *col) {
    return col->kind == HB_KIND_TEXT || col->kind == HB_KIND_BYTES || col->kind == HB_KIND_PACK ||
           (col->kind == HB_KIND_VEC && col->dim == 0);
}

/* ---- reading ---------------------------------------------------------------------------- */

static uint64_t data_len(hb_kind kind, uint32_t dim, uint32_t rows) {
    switch (kind) {
    case HB_KIND_NULL:
    case HB_KIND_COUNT: return 0;
    case HB_KIND_BOOL: return rows;
    case HB_KIND_I64:
    case HB_KIND_F64:
    case HB_KIND_TEXT:
    case HB_KIND_BYTES:
    case HB_KIND_PACK: return (uint64_t)rows * 8;
    case HB_KIND_VEC: return dim == 0 ? (uint64_t)rows * 8 : (uint64_t)rows * dim * sizeof(float);
    }
    return 0;
}

static bool heap_is_ascii(const hb_column *col) {
    uint32_t pos = 0;
    for (; col->heap_len - pos >= 8; pos += 8) {
        uint64_t word;
        memcpy(&word, col->heap + pos, 8);
        if ((word & 0x8080808080808080u) != 0) return false;
    }
    for (; pos < col->heap_len; pos++) {
        if (col->heap[pos] >= 0x80) return false;
    }
    return true;
}

static hb_status check_spans(const hb_column *col, uint32_t rows, uint32_t index, hb_err *err) {
    const hb_span *spans = col->data;
    const bool check_text = col->kind == HB_KIND_TEXT && !heap_is_ascii(col);
    for (uint32_t row = 0; row < rows; row++) {
        if (col->state != NULL && col->state[row] != HB_CELL_VALUE) continue;
        if (!range_fits(spans[row].off, spans[row].len, col->heap_len)) {
            return bad_batch(err, index, "a span points outside its heap");
        }
        if (check_text && !hb_utf8_valid(hb_column_span(col, row))) {
            return hb_err_set(err, HB_E_VALIDATION, "text is not valid UTF-8 in row %u",
                              (unsigned)row);
        }
        if (col->kind == HB_KIND_PACK && !hb_pack_valid(hb_column_span(col, row))) {
            return bad_batch(err, index, "a nested value is malformed or nested too deeply");
        }
        if (col->kind == HB_KIND_VEC && (spans[row].off % 4 != 0 || spans[row].len % 4 != 0)) {
            return bad_batch(err, index, "a vector is not made of whole float32 numbers");
        }
    }
    return HB_OK;
}

static hb_status check_cells(const hb_column *col, uint32_t rows, uint32_t index, hb_err *err) {
    for (uint32_t row = 0; col->state != NULL && row < rows; row++) {
        if (col->state[row] > HB_CELL_VALUE) return bad_batch(err, index, "unknown cell state");
        if (col->kind == HB_KIND_NULL && col->state[row] == HB_CELL_VALUE) {
            return bad_batch(err, index, "a value in a column without values");
        }
    }
    for (uint32_t row = 0; col->kind == HB_KIND_BOOL && row < rows; row++) {
        if (((const uint8_t *)col->data)[row] > 1) return bad_batch(err, index, "bad boolean");
    }
    return is_span(col) ? check_spans(col, rows, index, err) : HB_OK;
}

static hb_status read_column(hb_str bytes, const char *at, uint32_t rows, uint32_t index,
                             hb_column *out, hb_err *err) {
    const uint32_t kind = get_u32(at + COL_KIND);
    if (kind >= HB_KIND_COUNT) return bad_batch(err, index, "unknown kind");
    const uint32_t dim = get_u32(at + COL_DIM);
    if (kind == HB_KIND_VEC ? dim > HB_VECTOR_DIM_MAX : dim != 0) {
        return bad_batch(err, index, "bad dimension");
    }
    const uint32_t name_off = get_u32(at + COL_NAME_OFF), name_len = get_u32(at + COL_NAME_LEN);
    const uint32_t state_off = get_u32(at + COL_STATE_OFF), data_off = get_u32(at + COL_DATA_OFF);
    const uint32_t heap_off = get_u32(at + COL_HEAP_OFF), heap_len = get_u32(at + COL_HEAP_LEN);
    const uint64_t need = data_len((hb_kind)kind, dim, rows);
    if (get_u32(at + COL_DATA_LEN) != need) return bad_batch(err, index, "wrong data length");
    if (!range_fits(name_off, name_len, bytes.len) || !range_fits(state_off, rows, bytes.len) ||
        !range_fits(data_off, need, bytes.len) || !range_fits(heap_off, heap_len, bytes.len)) {
        return bad_batch(err, index, "a section lies outside the batch");
    }
    if (data_off % 8 != 0 || heap_off % 8 != 0) return bad_batch(err, index, "not 8-aligned");
    *out = (hb_column){
        .name = { bytes.ptr + name_off, name_len },
        .kind = (hb_kind)kind,
        .dim = dim,
        .state = state_off != 0 ? (const uint8_t *)bytes.ptr + state_off : NULL,
        .data = kind == HB_KIND_NULL ? NULL : (const void *)(bytes.ptr + data_off),
        .heap = (const uint8_t *)bytes.ptr + heap_off,
        .heap_len = heap_len,
    };
    if (!hb_utf8_valid(out->name)) return bad_batch(err, index, "name is not UTF-8");
    return check_cells(out, rows, index, err);
}

hb_status hb_wire_read(hb_str bytes, hb_arena *arena, hb_batch *out, hb_err *err) {
    HB_ASSERT(((uintptr_t)bytes.ptr & 7) == 0);
    if (bytes.len < HB_WIRE_HEADER_LEN || get_u32(bytes.ptr + HEAD_MAGIC) != HB_WIRE_MAGIC ||
        get_u32(bytes.ptr + HEAD_BYTES) != bytes.len || get_u32(bytes.ptr + HEAD_FLAGS) != 0) {
        return hb_err_set(err, HB_E_CORRUPT, "malformed column batch: bad header");
    }
    const uint32_t rows = get_u32(bytes.ptr + HEAD_ROWS);
    const uint32_t count = get_u32(bytes.ptr + HEAD_COLUMNS);
    const uint32_t columns_off = get_u32(bytes.ptr + HEAD_COLUMNS_OFF);
    if (columns_off % 8 != 0 ||
        !range_fits(columns_off, (uint64_t)count * HB_WIRE_COLUMN_LEN, bytes.len)) {
        return hb_err_set(err, HB_E_CORRUPT, "malformed column batch: bad column table");
    }
    if (rows > HB_BATCH_ROWS_MAX) {
        return hb_err_set(err, HB_E_LIMIT, "a batch of %u rows exceeds the maximum of %u",
                          (unsigned)rows, (unsigned)HB_BATCH_ROWS_MAX);
    }
    hb_column *columns = HB_NEW_ARRAY(arena, hb_column, count);
    if (columns == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        const char *at = bytes.ptr + columns_off + (size_t)i * HB_WIRE_COLUMN_LEN;
        HB_TRY(read_column(bytes, at, rows, i, &columns[i], err));
    }
    *out = (hb_batch){ rows, count, columns };
    return HB_OK;
}

/* ---- writing ---------------------------------------------------------------------------- */

/* A column's record in the table, as it crosses. */
typedef struct wire_record {
    uint32_t name_off, name_len, kind, dim, state_off, data_off, data_len, heap_off, heap_len, role;
} wire_record;
_Static_assert(sizeof(wire_record) == HB_WIRE_COLUMN_LEN, "column record");

/* Padding of a column's three sections. */
#define COLUMN_PADDING 32u

/* What is written of a batch, and where: there is room for all of it. */
typedef struct wire_writer {
    const hb_batch *batch;
    const uint32_t *rows;       /* which rows of the columns, batch->row_count many; NULL: all */
    char *base;
    uint32_t at;                /* bytes written */
    wire_record *table;
} wire_writer;

/* What is read for every row of a column of spans, beside what is written: kept in registers. */
typedef struct span_source {
    const hb_span *spans;
    const uint8_t *state;
    const uint32_t *rows;
} span_source;

static span_source spans_of(const wire_writer *w, const hb_column *col) {
    return (span_source){ col->data, col->state, w->rows };
}

/* Row i of what is written. */
static inline hb_span span_at(const span_source *from, uint32_t i) {
    const uint32_t row = from->rows != NULL ? from->rows[i] : i;
    const bool there = from->state == NULL || from->state[row] == HB_CELL_VALUE;
    return there ? from->spans[row] : (hb_span){ 0, 0 };
}

/* Bytes of a column's values outside of its data. */
static uint64_t heap_bytes(const wire_writer *w, const hb_column *col) {
    const span_source from = spans_of(w, col);
    const uint32_t count = is_span(col) && from.spans != NULL ? w->batch->row_count : 0;
    uint64_t size = 0;
    for (uint32_t i = 0; i < count; i++) size += span_at(&from, i).len;
    return size;
}

/* Room for the whole batch at once: nothing that is written looks for it again. */
static bool reserve_batch(const wire_writer *w, hb_buf *out) {
    const hb_batch *batch = w->batch;
    uint64_t size = HB_WIRE_HEADER_LEN + 8;
    for (uint32_t i = 0; i < batch->column_count; i++) {
        const hb_column *col = &batch->columns[i];
        size += HB_WIRE_COLUMN_LEN + col->name.len + COLUMN_PADDING + batch->row_count;
        size += data_len(col->kind, col->dim, batch->row_count) + heap_bytes(w, col);
    }
    out->over = out->over || size > HB_BUF_BYTES_MAX;
    return hb_buf_reserve(out, (uint32_t)size);
}

/* Begins a section. */
static uint32_t section(wire_writer *w) {
    memset(w->base + w->at, 0, 8);
    w->at = (w->at + 7u) & ~7u;
    return w->at;
}

/* 0: all cells are values. */
static uint32_t write_states(wire_writer *w, const hb_column *col) {
    if (col->state == NULL) return 0;
    const uint32_t count = w->batch->row_count, off = section(w);
    uint8_t *to = (uint8_t *)w->base + off;
    const uint32_t *rows = w->rows;
    const uint8_t *state = col->state;
    bool gaps = rows == NULL;           /* of rows that were picked, often all have a value */
    for (uint32_t i = 0; i < count; i++) {
        to[i] = state[rows != NULL ? rows[i] : i];
        gaps = gaps || to[i] != HB_CELL_VALUE;
    }
    if (!gaps) return 0;
    w->at += count;
    return off;
}

/* Gives the length of the heap that goes with the spans. */
static uint32_t write_span_data(const wire_writer *w, const hb_column *col) {
    const span_source from = spans_of(w, col);
    const uint32_t count = w->batch->row_count;
    hb_span *to = (hb_span *)(void *)(w->base + w->at);
    uint32_t heap = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t len = span_at(&from, i).len;
        to[i] = (hb_span){ heap, len };
        heap += len;
    }
    return heap;
}

static void write_fixed_data(const wire_writer *w, const hb_column *col) {
    const size_t size = (size_t)data_len(col->kind, col->dim, 1);
    const uint32_t count = w->batch->row_count;
    char *to = w->base + w->at;
    const char *from = col->data;
    if (size * count == 0) return;
    if (col->pieces != NULL) {
        for (uint32_t i = 0; i < count; i++) {
            memcpy(to + i * size, hb_column_vec(col, w->rows != NULL ? w->rows[i] : i), size);
        }
    } else if (w->rows == NULL) {
        memcpy(to, from, size * count);
    } else if (size == 8) {
        for (uint32_t i = 0; i < count; i++) memcpy(to + i * 8, from + (size_t)w->rows[i] * 8, 8);
    } else {
        for (uint32_t i = 0; i < count; i++) memcpy(to + i * size, from + w->rows[i] * size, size);
    }
}

/* Everything of a column but its heap. */
static void write_column(wire_writer *w, uint32_t index, uint32_t role) {
    const hb_column *col = &w->batch->columns[index];
    wire_record *record = &w->table[index];
    const uint32_t len = (uint32_t)data_len(col->kind, col->dim, w->batch->row_count);
    record->kind = (uint32_t)col->kind;
    record->dim = col->kind == HB_KIND_VEC ? col->dim : 0;
    record->state_off = write_states(w, col);
    record->data_off = section(w);
    record->data_len = len;
    record->heap_off = record->heap_len = 0;
    record->role = role;
    if (!is_span(col)) {
        write_fixed_data(w, col);
    } else if (len > 0) {
        record->heap_len = write_span_data(w, col);
    }
    w->at += len;
}

/* A column of a big store may view only some bytes of its heap; send those, in row order. */
static void write_heap(wire_writer *w, uint32_t index) {
    const hb_column *col = &w->batch->columns[index];
    wire_record *record = &w->table[index];
    record->heap_off = section(w);
    const span_source from = spans_of(w, col);
    const uint32_t count = record->heap_len > 0 ? w->batch->row_count : 0;
    const uint8_t *heap = col->heap;
    char *to = w->base + w->at;
    for (uint32_t i = 0; i < count; i++) {
        const hb_span span = span_at(&from, i);
        if (span.len > 0) memcpy(to, heap + span.off, span.len);
        to += span.len;
    }
    w->at += record->heap_len;
}

static void write_names(wire_writer *w) {
    for (uint32_t i = 0; i < w->batch->column_count; i++) {
        const hb_str name = w->batch->columns[i].name;
        w->table[i].name_off = w->at;
        w->table[i].name_len = name.len;
        if (name.len > 0) memcpy(w->base + w->at, name.ptr, name.len);
        w->at += name.len;
    }
}

/* The heaps of texts come last and together, so that a reader can decode them in one piece. */
static void write_heaps(wire_writer *w) {
    for (uint32_t texts = 0; texts < 2; texts++) {
        for (uint32_t i = 0; i < w->batch->column_count; i++) {
            const hb_column *col = &w->batch->columns[i];
            if (is_span(col) && (col->kind == HB_KIND_TEXT) == (texts == 1)) write_heap(w, i);
        }
    }
}

void hb_wire_write_rows(const hb_batch *batch, const uint32_t *rows, const uint8_t *roles,
                        const uint32_t *tags, uint32_t total, hb_buf *out) {
    HB_ASSERT(out->len % 8 == 0);
    wire_writer writer = { .batch = batch, .rows = rows };
    if (!reserve_batch(&writer, out)) return;
    char *head = writer.base = out->ptr + out->len;
    writer.table = (wire_record *)(void *)(head + HB_WIRE_HEADER_LEN);
    writer.at = HB_WIRE_HEADER_LEN + batch->column_count * HB_WIRE_COLUMN_LEN;
    write_names(&writer);
    for (uint32_t i = 0; i < batch->column_count; i++) {
        write_column(&writer, i, (roles != NULL ? roles[i] : 0u) | (tags != NULL ? tags[i] : 0u));
    }
    write_heaps(&writer);
    const uint32_t len = section(&writer);
    memset(head, 0, HB_WIRE_HEADER_LEN);
    set_u32(head + HEAD_MAGIC, HB_WIRE_MAGIC);
    set_u32(head + HEAD_BYTES, len);
    set_u32(head + HEAD_ROWS, batch->row_count);
    set_u32(head + HEAD_COLUMNS, batch->column_count);
    set_u32(head + HEAD_COLUMNS_OFF, HB_WIRE_HEADER_LEN);
    set_u32(head + HEAD_TOTAL, total);
    out->len += len;
}

void hb_wire_write(const hb_batch *batch, const uint8_t *roles, uint32_t total, hb_buf *out) {
    hb_wire_write_rows(batch, NULL, roles, NULL, total, out);
}

/* ---- one row ---------------------------------------------------------------------------- */

typedef struct wire_cell {
    uint32_t kind, len;
    union {
        uint32_t off, b;
        int64_t i;
        double f;
    } as;
} wire_cell;
_Static_assert(sizeof(wire_cell) == HB_WIRE_ROW_LEN, "cell");

/* The kind of a cell; KIND_NULL when it has no value. */
static hb_kind kind_at(const hb_column *col, uint32_t row) {
    return col->state == NULL || col->state[row] == HB_CELL_VALUE ? col->kind : HB_KIND_NULL;
}

/* The bytes of a value that does not fit its cell. */
static hb_str bytes_at(const hb_column *col, uint32_t row) {
    if (is_span(col)) return hb_column_span(col, row);
    return (hb_str){ (const char *)hb_column_vec(col, row), col->dim * (uint32_t)sizeof(float) };
}

/* Room for the row; false when there is none. */
static bool reserve_row(const hb_batch *batch, uint32_t row, hb_buf *out) {
    uint64_t size = HB_WIRE_ROW_LEN;
    for (uint32_t i = 0; i < batch->column_count; i++) {
        const hb_column *col = &batch->columns[i];
        size += HB_WIRE_ROW_LEN;
        if (kind_at(col, row) >= HB_KIND_TEXT) size += bytes_at(col, row).len + 8u;
    }
    out->over = out->over || size > HB_BUF_BYTES_MAX;
    return hb_buf_reserve(out, (uint32_t)size);
}

static void write_bytes(char *base, uint32_t *at, wire_cell *cell, hb_str bytes) {
    cell->as.off = *at;
    cell->len = cell->kind == HB_KIND_VEC ? bytes.len / (uint32_t)sizeof(float) : bytes.len;
    if (bytes.len > 0) memcpy(base + *at, bytes.ptr, bytes.len);
    *at += bytes.len;
}

/* Everything of a cell but the bytes of a text. */
static void write_cell(char *base, uint32_t *at, const hb_column *col, uint32_t row,
                       wire_cell *cell) {
    const hb_kind kind = kind_at(col, row);
    *cell = (wire_cell){ .kind = (uint32_t)kind };
    if (kind == HB_KIND_VEC) *at = (*at + 7u) & ~7u;
    switch (kind) {
    case HB_KIND_BOOL: cell->as.b = ((const uint8_t *)col->data)[row]; return;
    case HB_KIND_I64:
    case HB_KIND_F64: memcpy(&cell->as, (const char *)col->data + (size_t)row * 8, 8); return;
    case HB_KIND_BYTES:
    case HB_KIND_VEC:
    case HB_KIND_PACK: write_bytes(base, at, cell, bytes_at(col, row)); return;
    case HB_KIND_TEXT:
    case HB_KIND_NULL:
    case HB_KIND_COUNT: return;
    }
}

void hb_wire_write_row(const hb_batch *batch, const uint32_t *rows, hb_buf *out) {
    HB_ASSERT(out->len % 8 == 0);
    const hb_batch none = { 0, 0, NULL };
    const bool found = batch->row_count > 0;
    const uint32_t row = found && rows != NULL ? rows[0] : 0;
    if (!found) batch = &none;
    if (!reserve_row(batch, row, out)) return;
    char *base = out->ptr + out->len;
    const uint32_t count = batch->column_count;
    wire_cell *cells = (wire_cell *)(void *)(base + HB_WIRE_ROW_LEN);
    uint32_t at = HB_WIRE_ROW_LEN + count * HB_WIRE_ROW_LEN;
    for (uint32_t i = 0; i < count; i++) write_cell(base, &at, &batch->columns[i], row, &cells[i]);
    const uint32_t texts = at;
    for (uint32_t i = 0; i < count; i++) {
        if (cells[i].kind == HB_KIND_TEXT)
            write_bytes(base, &at, &cells[i], hb_column_span(&batch->columns[i], row));
    }
    const uint32_t head[] = { HB_WIRE_ROW_MAGIC, count, texts, at - texts };
    memcpy(base, head, sizeof head);
    out->len += at;
}

/* ---- tags ------------------------------------------------------------------------------- */

static uint32_t tag_unit(const hb_type *type) {
    return type->id == HB_TYPE_TIMESTAMP ? (uint32_t)type->unit : 0;
}

uint32_t hb_wire_tag(const hb_type *type) {
    const uint32_t tag = ((uint32_t)type->id + 1) << 8;
    if (type->id != HB_TYPE_ARRAY || type->item == NULL) return tag | tag_unit(type) << 16;
    return tag | ((uint32_t)type->item->id + 1) << 16 | tag_unit(type->item) << 24;
}

bool hb_wire_tag_type(uint32_t tag, hb_type_id *out) {
    const uint32_t id = tag >> 8 & 0xff;
    if (id == 0 || id > HB_TYPE_COUNT) return false;
    *out = (hb_type_id)(id - 1);
    return true;
}

void hb_wire_tags(hb_str bytes, uint32_t *out) {
    const uint32_t columns_off = get_u32(bytes.ptr + HEAD_COLUMNS_OFF);
    for (uint32_t i = 0; i < get_u32(bytes.ptr + HEAD_COLUMNS); i++) {
        const char *at = bytes.ptr + columns_off + (size_t)i * HB_WIRE_COLUMN_LEN;
        out[i] = get_u32(at + COL_ROLE) & ~0xffu;
    }
}
