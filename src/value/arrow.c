// SPDX-License-Identifier: MIT
#include "value/arrow.h"

#include <string.h>

#include "base/limits.h"
#include "value/pack.h"
#include "value/time.h"
#include "value/type.h"
#include "value/wire.h"

/* ---- flatbuffers, written forwards: a table, then what it points to ---------------------- */

#define SLOTS_MAX 7

typedef struct fb_slot {
    uint8_t size;               /* bytes; 0: the default, not stored */
    int64_t value;
} fb_slot;

#define FB_NONE { 0, 0 }
#define FB_OFFSET { 4, 0 }      /* patched by fb_point */

static void put(hb_buf *out, int64_t value, size_t size) {
    hb_buf_add(out, &value, size);          /* little-endian, as every target is */
}

/* Writes vtable and table; `at` gets the position of every slot. The table's own position. */
static uint32_t fb_table(hb_buf *out, const fb_slot *slots, uint32_t count, uint32_t *at) {
    uint16_t vtable[2 + SLOTS_MAX] = { 0 };
    uint32_t size = 4;
    for (uint32_t i = 0; i < count; i++) {
        if (slots[i].size == 0) continue;
        size = (size + slots[i].size - 1u) & ~(slots[i].size - 1u);
        vtable[2 + i] = (uint16_t)size;
        size += slots[i].size;
    }
    vtable[0] = (uint16_t)(4 + 2 * count);
    vtable[1] = (uint16_t)size;
    hb_buf_align(out, 8);
    uint32_t vtable_at = out->len;
    hb_buf_add(out, vtable, vtable[0]);
    hb_buf_align(out, 8);
    uint32_t table = out->len;
    put(out, table - vtable_at, 4);
    for (uint32_t i = 0; i < count; i++) {
        at[i] = table + vtable[2 + i];
        if (slots[i].size == 0) continue;
        hb_buf_add_zero(out, at[i] - (out->len < at[i] ? out->len : at[i]));
        put(out, slots[i].value, slots[i].size);
    }
    return table;
}

/* Makes the offset at `at` point to `target`, which lies behind it. */
static void fb_point(hb_buf *out, uint32_t at, uint32_t target) {
    if (out->failed || out->over) return;
    uint32_t offset = target - at;
    memcpy(out->ptr + at, &offset, sizeof(offset));
}

static void fb_string(hb_buf *out, uint32_t from, hb_str text) {
    hb_buf_align(out, 4);
    fb_point(out, from, out->len);
    put(out, text.len, 4);
    hb_buf_add_str(out, text);
    hb_buf_add_zero(out, 1);
}

/* A vector of offsets; the first one's position. */
static uint32_t fb_offsets(hb_buf *out, uint32_t from, uint32_t count) {
    hb_buf_align(out, 4);
    fb_point(out, from, out->len);
    put(out, count, 4);
    uint32_t first = out->len;
    hb_buf_add_zero(out, (size_t)count * 4);
    return first;
}

/* A vector of structs of two int64. */
static void fb_pairs(hb_buf *out, uint32_t from, const hb_buf *pairs) {
    hb_buf_align(out, 8);
    hb_buf_add_zero(out, 4);                /* the count ends where the first struct begins */
    fb_point(out, from, out->len);
    put(out, pairs->len / 16, 4);
    hb_buf_add(out, pairs->ptr, pairs->len);
}

/* ---- types ------------------------------------------------------------------------------- */

typedef enum arrow_id {         /* Type of Schema.fbs */
                        ARROW_NULL = 1,
                        ARROW_INT = 2,
                        ARROW_FLOAT = 3,
                        ARROW_BINARY = 4,
                        ARROW_UTF8 = 5,
                        ARROW_BOOL = 6,
                        ARROW_DATE = 8,
                        ARROW_TIMESTAMP = 10,
                        ARROW_LIST = 12,
                        ARROW_FIXED_LIST = 16
} arrow_id;

typedef struct arrow_type {
    arrow_id id;
    hb_kind kind;               /* of the cells that it is made from */
    bool json;                  /* UTF8: JSON text of a nested value */
    bool single;                /* FLOAT: 32 bits */
    uint8_t unit;               /* TIMESTAMP: hb_time_unit, which Arrow numbers alike */
    uint32_t dim;               /* FIXED_LIST */
    uint32_t item;              /* LIST over packs: tag of the items */
} arrow_type;

static arrow_type arrow_of_kind(hb_kind kind, uint32_t dim) {
    switch (kind) {
    case HB_KIND_BOOL: return (arrow_type){ .id = ARROW_BOOL, .kind = kind };
    case HB_KIND_I64: return (arrow_type){ .id = ARROW_INT, .kind = kind };
    case HB_KIND_F64: return (arrow_type){ .id = ARROW_FLOAT, .kind = kind };
    case HB_KIND_TEXT: return (arrow_type){ .id = ARROW_UTF8, .kind = kind };
    case HB_KIND_BYTES: return (arrow_type){ .id = ARROW_BINARY, .kind = kind };
    case HB_KIND_VEC:
        return (
            arrow_type){ .id = dim > 0 ? ARROW_FIXED_LIST : ARROW_LIST, .kind = kind, .dim = dim };
    case HB_KIND_PACK: return (arrow_type){ .id = ARROW_UTF8, .kind = kind, .json = true };
    case HB_KIND_NULL:
    case HB_KIND_COUNT: break;
    }
    return (arrow_type){ .id = ARROW_NULL, .kind = HB_KIND_NULL };
}

/* The physical kind that cells of a logical type have; NULL for those of more than one. */
static hb_kind kind_of_tag(uint32_t tag) {
    hb_type_id id;
    if (!hb_wire_tag_type(tag, &id)) return HB_KIND_NULL;
    if (id == HB_TYPE_CATEGORICAL || id == HB_TYPE_VECTOR) return HB_KIND_NULL;
    const hb_type type = { .id = id };
    return hb_type_kind(&type);
}

static arrow_type arrow_of(hb_kind kind, uint32_t dim, uint32_t tag) {
    if (kind == HB_KIND_NULL) kind = kind_of_tag(tag);      /* not one value, but a known type */
    arrow_type type = arrow_of_kind(kind, dim);
    hb_type_id id;
    if (!hb_wire_tag_type(tag, &id)) return type;
    if (id == HB_TYPE_TIMESTAMP && kind == HB_KIND_I64) {
        type.id = ARROW_TIMESTAMP;
        type.unit = (uint8_t)(tag >> 16);
    } else if (id == HB_TYPE_DATE && kind == HB_KIND_TEXT) {
        type.id = ARROW_DATE;
    } else if (id == HB_TYPE_ARRAY && kind == HB_KIND_PACK) {
        uint32_t item = (tag >> 16) << 8;
        hb_kind inner = kind_of_tag(item);
        if (inner != HB_KIND_NULL && inner != HB_KIND_PACK && inner != HB_KIND_BYTES) {
            type = (arrow_type){ .id = ARROW_LIST, .kind = kind, .item = item };
        }
    }
    return type;
}

static arrow_type arrow_child(const arrow_type *list) {
    if (list->kind != HB_KIND_VEC) return arrow_of(HB_KIND_NULL, 0, list->item);
    return (arrow_type){ .id = ARROW_FLOAT, .kind = HB_KIND_F64, .single = true };
}

/* ---- the schema message ------------------------------------------------------------------ */

static void write_type(const arrow_type *type, uint32_t from, hb_buf *out) {
    fb_slot slots[2] = { FB_NONE, FB_NONE };
    uint32_t count = 0, at[2];
    switch (type->id) {
    case ARROW_INT:
        slots[0] = (fb_slot){ 4, 64 };
        slots[1] = (fb_slot){ 1, 1 };
        count = 2;
        break;
    case ARROW_FLOAT: slots[count++] = (fb_slot){ 2, type->single ? 1 : 2 }; break;
    case ARROW_DATE: slots[count++] = (fb_slot){ 2, 0 }; break;
    case ARROW_TIMESTAMP:
        slots[0] = (fb_slot){ 2, type->unit };
        slots[1] = (fb_slot)FB_OFFSET;
        count = 2;
        break;
    case ARROW_FIXED_LIST: slots[count++] = (fb_slot){ 4, type->dim }; break;
    case ARROW_NULL:
    case ARROW_BINARY:
    case ARROW_UTF8:
    case ARROW_BOOL:
    case ARROW_LIST: break;
    }
    uint32_t table = fb_table(out, slots, count, at);
    fb_point(out, from, table);
    if (type->id == ARROW_TIMESTAMP) fb_string(out, at[1], HB_STR("UTC"));
}

static void write_metadata(uint32_t from, hb_str key, hb_str value, hb_buf *out) {
    uint32_t pair = fb_offsets(out, from, 1), at[2];
    const fb_slot slots[2] = { FB_OFFSET, FB_OFFSET };
    uint32_t table = fb_table(out, slots, 2, at);
    fb_point(out, pair, table);
    fb_string(out, at[0], key);
    fb_string(out, at[1], value);
}

static void write_field(const arrow_type *type, hb_str name, uint32_t from, hb_buf *out) {
    const fb_slot slots[7] = { FB_OFFSET, { 1, 1 },  { 1, type->id },          FB_OFFSET,
                               FB_NONE,   FB_OFFSET, { type->json ? 4 : 0, 0 } };
    uint32_t at[7];
    uint32_t table = fb_table(out, slots, 7, at);
    fb_point(out, from, table);
    fb_string(out, at[0], name);
    write_type(type, at[3], out);
    bool list = type->id == ARROW_LIST || type->id == ARROW_FIXED_LIST;
    uint32_t child_at = fb_offsets(out, at[5], list ? 1 : 0);
    if (list) {
        arrow_type child = arrow_child(type);
        write_field(&child, HB_STR("item"), child_at, out);
    }
    if (type->json) {
        write_metadata(at[6], HB_STR("ARROW:extension:name"), HB_STR("arrow.json"), out);
    }
}

typedef enum message_kind { MESSAGE_SCHEMA = 1, MESSAGE_BATCH = 3 } message_kind;

/* The frame of a message and its Message table; where the header's offset is to be patched. */
static uint32_t message_begin(message_kind kind, uint64_t body_len, hb_buf *out) {
    put(out, -1, 4); /* the continuation mark, then the metadata's length */
    put(out, 0, 4);
    uint32_t root = out->len, at[4];
    hb_buf_add_zero(out, 4);
    const fb_slot slots[4] = {
        { 2, 4 /* V5 */ }, { 1, kind }, FB_OFFSET, { 8, (int64_t)body_len }
    };
    uint32_t table = fb_table(out, slots, 4, at);
    fb_point(out, root, table);
    return at[2];
}

static void message_end(uint32_t begin, hb_buf *out) {
    hb_buf_align(out, 8);
    if (out->failed || out->over) return;
    uint32_t len = out->len - begin - 8;
    memcpy(out->ptr + begin + 4, &len, sizeof(len));
}

static void write_schema(const hb_batch *batch, const arrow_type *types, hb_buf *out) {
    uint32_t begin = out->len, at[2];
    uint32_t header = message_begin(MESSAGE_SCHEMA, 0, out);
    const fb_slot slots[2] = { { 2, 0 /* little-endian */ }, FB_OFFSET };
    uint32_t table = fb_table(out, slots, 2, at);
    fb_point(out, header, table);
    uint32_t first = fb_offsets(out, at[1], batch->column_count);
    for (uint32_t c = 0; c < batch->column_count; c++) {
        write_field(&types[c], batch->columns[c].name, first + c * 4, out);
    }
    message_end(begin, out);
}

/* ---- the record batch -------------------------------------------------------------------- */

typedef struct arrow_body {
    hb_buf bytes; /* owned, like the two below */
    hb_buf nodes; /* {length, null_count} per field, children after their parent */
    hb_buf buffers; /* {offset, length} */
    const hb_mem *mem;
} arrow_body;

static void buffer_end(arrow_body *body, uint32_t begin) {
    put(&body->buffers, begin, 8);
    put(&body->buffers, body->bytes.len - begin, 8);
    hb_buf_align(&body->bytes, 8);
}

static uint32_t row_at(const uint32_t *rows, uint32_t i) {
    return rows != NULL ? rows[i] : i;
}

static bool has_value(const hb_column *col, const uint32_t *rows, uint32_t i) {
    return hb_column_cell(col, row_at(rows, i)) == HB_CELL_VALUE;
}

/* Bit i: f(i). */
static void put_bits(arrow_body *body, const hb_column *col, const uint32_t *rows, uint32_t count,
                     bool validity) {
    for (uint32_t i = 0; i < count; i += 8) {
        uint8_t byte = 0;
        for (uint32_t bit = 0; bit < 8 && i + bit < count; bit++) {
            bool set = has_value(col, rows, i + bit);
            if (set && !validity) {
                set = ((const uint8_t *)col->data)[row_at(rows, i + bit)] != 0;
            }
            if (set) byte = (uint8_t)(byte | 1u << bit);
        }
        hb_buf_add(&body->bytes, &byte, 1);
    }
}

static void put_node(arrow_body *body, const arrow_type *type, const hb_column *col,
                     const uint32_t *rows, uint32_t count) {
    uint32_t nulls = 0;
    for (uint32_t i = 0; i < count; i++) nulls += !has_value(col, rows, i);
    put(&body->nodes, count, 8);
    put(&body->nodes, nulls, 8);
    if (type->id == ARROW_NULL) return;
    uint32_t begin = body->bytes.len;
    if (nulls > 0) put_bits(body, col, rows, count, true);
    buffer_end(body, begin);
}

/* Eight bytes per row, or days for a date. */
static void put_numbers(arrow_body *body, const arrow_type *type, const hb_column *col,
                        const uint32_t *rows, uint32_t count) {
    uint32_t begin = body->bytes.len;
    bool as_they_are = rows == NULL && col->state == NULL && col->data != NULL;
    if (as_they_are && type->id != ARROW_DATE) {
        hb_buf_add(&body->bytes, col->data, (size_t)count * 8);
        buffer_end(body, begin);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        bool value = has_value(col, rows, i);
        uint32_t row = row_at(rows, i);
        if (type->id == ARROW_DATE) {
            int64_t us = 0;
            if (value) (void)hb_time_parse_timestamp(hb_column_span(col, row), &us);
            put(&body->bytes, (us - (us % 86400000000 + 86400000000) % 86400000000) / 86400000000,
                4);
        } else if (value) {
            hb_buf_add(&body->bytes, (const char *)col->data + (size_t)row * 8, 8);
        } else {
            put(&body->bytes, 0, 8);
        }
    }
    buffer_end(body, begin);
}

/* Offsets, then bytes: texts and bytes as they are, nested values as JSON. */
static hb_status put_spans(arrow_body *body, const arrow_type *type, const hb_column *col,
                           const uint32_t *rows, uint32_t count, hb_err *err) {
    hb_buf heap;
    hb_buf_init(&heap, body->mem);
    uint32_t begin = body->bytes.len;
    put(&body->bytes, 0, 4);
    hb_status status = HB_OK;
    for (uint32_t i = 0; i < count && status == HB_OK; i++) {
        if (has_value(col, rows, i)) {
            hb_str cell = hb_column_span(col, row_at(rows, i));
            if (type->json)
                status = hb_pack_to_json(cell, 0, false, &heap, err);
            else
                hb_buf_add_str(&heap, cell);
        }
        put(&body->bytes, heap.len, 4);
    }
    buffer_end(body, begin);
    begin = body->bytes.len;
    if (status == HB_OK) status = hb_buf_check(&heap, err);
    hb_buf_add(&body->bytes, heap.ptr, heap.len);
    buffer_end(body, begin);
    hb_buf_free(&heap);
    return status;
}

static void put_floats(arrow_body *body, const arrow_type *type, const hb_column *col,
                       const uint32_t *rows, uint32_t count) {
    uint32_t begin = body->bytes.len, total = 0;
    for (uint32_t i = 0; type->id == ARROW_LIST && i <= count; i++) {
        put(&body->bytes, total, 4);
        if (i < count && has_value(col, rows, i)) {
            total += hb_column_span(col, row_at(rows, i)).len / 4;
        }
    }
    if (type->id == ARROW_LIST)
        buffer_end(body, begin);
    else
        total = count * type->dim;
    put(&body->nodes, total, 8);
    put(&body->nodes, 0, 8);
    buffer_end(body, body->bytes.len); /* every component is a value */
    begin = body->bytes.len;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = row_at(rows, i);
        bool value = has_value(col, rows, i);
        if (type->dim > 0 && value) {
            hb_buf_add(&body->bytes, hb_column_vec(col, row), (size_t)type->dim * 4);
        } else if (type->dim > 0) {
            hb_buf_add_zero(&body->bytes, (size_t)type->dim * 4);
        } else if (value) {
            hb_buf_add_str(&body->bytes, hb_column_span(col, row));
        }
    }
    buffer_end(body, begin);
}

static hb_status put_column(arrow_body *body, const arrow_type *type, const hb_column *col,
                            const uint32_t *rows, uint32_t count, hb_err *err);

/* The items of a column of packed lists, one after the other, as a column of their own. */
static hb_status put_items(arrow_body *body, const arrow_type *type, const hb_column *col,
                           const uint32_t *rows, uint32_t count, hb_err *err) {
    arrow_type child = arrow_child(type);
    hb_colbuf items;
    hb_colbuf_init(&items, body->mem, child.kind, 0);
    hb_arena scratch;
    hb_arena_init(&scratch, body->mem);
    hb_status status = HB_OK;
    uint32_t begin = body->bytes.len;
    put(&body->bytes, 0, 4);
    for (uint32_t i = 0; i < count && status == HB_OK; i++) {
        hb_pack_reader reader = { NULL, 0, 0 };
        hb_pack_item list = { .count = 0 };
        if (has_value(col, rows, i)) reader = hb_pack_read(hb_column_span(col, row_at(rows, i)));
        if (reader.len > 0 && !hb_pack_next(&reader, &list)) list.count = 0;
        for (uint32_t n = 0; n < list.count && status == HB_OK; n++) {
            hb_str whole;
            hb_value value;
            if (!hb_pack_skip(&reader, &whole)) {
                status = hb_err_set(err, HB_E_CORRUPT, "a list ends before its items do");
                break;
            }
            status = hb_pack_to_value(whole, &scratch, &value, err);
            if (status != HB_OK) break;
            if (child.kind == HB_KIND_F64 && value.kind == HB_KIND_I64) {
                value = (hb_value){ HB_KIND_F64, { .f = (double)value.as.i } };
            }
            bool fits = value.kind == child.kind;
            bool ok = fits ? hb_colbuf_add(&items, &value) : hb_colbuf_add_null(&items);
            if (!ok) status = hb_err_memory(err);
        }
        put(&body->bytes, items.row_count, 4);
    }
    buffer_end(body, begin);
    hb_column view = hb_colbuf_view(&items, HB_STR("item"));
    if (status == HB_OK) status = put_column(body, &child, &view, NULL, items.row_count, err);
    hb_colbuf_free(&items);
    hb_arena_free(&scratch);
    return status;
}

static hb_status put_column(arrow_body *body, const arrow_type *type, const hb_column *col,
                            const uint32_t *rows, uint32_t count, hb_err *err) {
    put_node(body, type, col, rows, count);
    uint32_t begin = body->bytes.len;
    switch (type->id) {
    case ARROW_NULL: return HB_OK;
    case ARROW_BOOL:
        put_bits(body, col, rows, count, false);
        buffer_end(body, begin);
        return HB_OK;
    case ARROW_INT:
    case ARROW_FLOAT:
    case ARROW_DATE:
    case ARROW_TIMESTAMP: put_numbers(body, type, col, rows, count); return HB_OK;
    case ARROW_UTF8:
    case ARROW_BINARY: return put_spans(body, type, col, rows, count, err);
    case ARROW_LIST:
    case ARROW_FIXED_LIST: break;
    }
    if (type->kind != HB_KIND_VEC) return put_items(body, type, col, rows, count, err);
    put_floats(body, type, col, rows, count);
    return HB_OK;
}

static hb_status write_batch(arrow_body *body, uint32_t row_count, hb_buf *out, hb_err *err) {
    HB_TRY(hb_buf_check(&body->bytes, err));
    HB_TRY(hb_buf_check(&body->nodes, err));
    HB_TRY(hb_buf_check(&body->buffers, err));
    uint32_t begin = out->len, at[3];
    uint32_t header = message_begin(MESSAGE_BATCH, body->bytes.len, out);
    const fb_slot slots[3] = { { 8, row_count }, FB_OFFSET, FB_OFFSET };
    uint32_t table = fb_table(out, slots, 3, at);
    fb_point(out, header, table);
    fb_pairs(out, at[1], &body->nodes);
    fb_pairs(out, at[2], &body->buffers);
    message_end(begin, out);
    hb_buf_add(out, body->bytes.ptr, body->bytes.len);
    put(out, UINT32_MAX, 8); /* end of stream: the mark and a length of 0 */
    return hb_buf_check(out, err);
}

hb_status hb_arrow_write(const hb_batch *batch, const uint32_t *tags, const uint32_t *rows,
                         uint32_t row_count, hb_buf *out, hb_err *err) {
    HB_ASSERT(out->len % 8 == 0);
    arrow_type *types = hb_mem_alloc(out->mem, ((size_t)batch->column_count + 1) * sizeof(*types));
    if (types == NULL) return hb_err_memory(err);
    arrow_body body = { .mem = out->mem };
    hb_buf_init(&body.bytes, out->mem);
    hb_buf_init(&body.nodes, out->mem);
    hb_buf_init(&body.buffers, out->mem);
    hb_status status = HB_OK;
    for (uint32_t c = 0; c < batch->column_count && status == HB_OK; c++) {
        const hb_column *col = &batch->columns[c];
        types[c] = arrow_of(col->kind, col->dim, tags != NULL ? tags[c] : 0);
        status = put_column(&body, &types[c], col, rows, row_count, err);
    }
    if (status == HB_OK) {
        write_schema(batch, types, out);
        status = write_batch(&body, row_count, out, err);
    }
    hb_buf_free(&body.bytes);
    hb_buf_free(&body.nodes);
    hb_buf_free(&body.buffers);
    hb_mem_free(out->mem, types, ((size_t)batch->column_count + 1) * sizeof(*types));
    return status;
}
