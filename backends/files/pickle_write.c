// SPDX-License-Identifier: MIT
/* Row files as pickles of protocol 4: one mapping of plain values, nothing to import or call. */
#include "backends/files/pickle.h"
#include "base/limits.h"
#include "base/num.h"
#include "value/time.h"

static void add_le(hb_buf *out, uint64_t value, uint32_t bytes) {
    for (uint32_t i = 0; i < bytes; i++) hb_buf_add_char(out, (char)(value >> (8 * i) & 255));
}

static void add_text(hb_buf *out, hb_str text) {
    hb_buf_add_char(out, text.len < 256 ? PICKLE_SHORT_BINUNICODE : PICKLE_BINUNICODE);
    add_le(out, text.len, text.len < 256 ? 1 : 4);
    hb_buf_add_str(out, text);
}

static void add_bytes(hb_buf *out, hb_str bytes) {
    hb_buf_add_char(out, bytes.len < 256 ? PICKLE_SHORT_BINBYTES : PICKLE_BINBYTES);
    add_le(out, bytes.len, bytes.len < 256 ? 1 : 4);
    hb_buf_add_str(out, bytes);
}

static void add_int(hb_buf *out, int64_t value) {
    if (value >= 0 && value < 65536) {
        hb_buf_add_char(out, value < 256 ? PICKLE_BININT1 : PICKLE_BININT2);
        add_le(out, (uint64_t)value, value < 256 ? 1 : 2);
        return;
    }
    if (value >= INT32_MIN && value <= INT32_MAX) {
        hb_buf_add_char(out, PICKLE_BININT);
        add_le(out, (uint64_t)value, 4);
        return;
    }
    hb_buf_add_char(out, PICKLE_LONG1);
    hb_buf_add_char(out, 8);
    add_le(out, (uint64_t)value, 8);
}

static void add_float(hb_buf *out, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    hb_buf_add_char(out, PICKLE_BINFLOAT);
    for (int i = 7; i >= 0; i--) hb_buf_add_char(out, (char)(bits >> (8 * i) & 255));
}

/* The double that the shortest text of a float32 reads as, which is what the JSON says too. */
static double widened(float value) {
    char text[HB_NUM_TEXT_MAX];
    double out = (double)value;
    hb_num_parse_f64(hb_str_n(text, hb_num_write_f32(value, text)), &out);
    return out;
}

static void add_vector(hb_buf *out, hb_str floats) {
    hb_buf_add_char(out, PICKLE_EMPTY_LIST);
    if (floats.len == 0) return;
    hb_buf_add_char(out, PICKLE_MARK);
    for (uint32_t i = 0; i + sizeof(float) <= floats.len; i += (uint32_t)sizeof(float)) {
        float value;
        memcpy(&value, floats.ptr + i, sizeof(value));
        add_float(out, widened(value));
    }
    hb_buf_add_char(out, PICKLE_APPENDS);
}

static hb_status add_ext(hb_buf *out, const hb_pack_item *item, hb_err *err) {
    char iso[HB_TIME_TEXT_MAX];
    int64_t us;
    if (item->ext == HB_PACK_EXT_VECTOR) {
        add_vector(out, item->s);
        return HB_OK;
    }
    if (item->ext == HB_PACK_EXT_TIMESTAMP && hb_time_from_ext(item->s, &us)) {
        add_text(out, hb_str_n(iso, hb_time_write_iso(us, iso)));
        return HB_OK;
    }
    return hb_err_set(err, HB_E_VALIDATION, "a pickle cannot hold MessagePack extension %d",
                      (int)item->ext);
}

static hb_status add_next(hb_pack_reader *r, uint32_t depth, hb_buf *out, hb_err *err);

static hb_status add_items(hb_pack_reader *r, const hb_pack_item *item, uint32_t depth, hb_buf *out,
                           hb_err *err) {
    const bool map = item->tag == HB_PACK_MAP;
    const uint32_t count = map ? item->count * 2 : item->count;
    hb_buf_add_char(out, map ? PICKLE_EMPTY_DICT : PICKLE_EMPTY_LIST);
    if (count == 0) return HB_OK;
    hb_buf_add_char(out, PICKLE_MARK);
    for (uint32_t i = 0; i < count; i++) HB_TRY(add_next(r, depth + 1, out, err));
    hb_buf_add_char(out, map ? PICKLE_SETITEMS : PICKLE_APPENDS);
    return HB_OK;
}

/* Recursion is bounded by HB_VALUE_DEPTH_MAX. */
static hb_status add_next(hb_pack_reader *r, uint32_t depth, hb_buf *out, hb_err *err) {
    hb_pack_item item;
    if (depth > HB_VALUE_DEPTH_MAX || !hb_pack_next(r, &item)) {
        return hb_err_set(err, HB_E_CORRUPT, "malformed or too deeply nested value");
    }
    switch (item.tag) {
    case HB_PACK_NIL: hb_buf_add_char(out, PICKLE_NONE); break;
    case HB_PACK_BOOL: hb_buf_add_char(out, item.b ? PICKLE_NEWTRUE : PICKLE_NEWFALSE); break;
    case HB_PACK_INT: add_int(out, item.i); break;
    case HB_PACK_UINT64:
        hb_buf_add_char(out, PICKLE_LONG1);
        hb_buf_add_char(out, 9);
        add_le(out, item.u, 8);
        hb_buf_add_char(out, 0);
        break;
    case HB_PACK_FLOAT: add_float(out, item.f); break;
    case HB_PACK_STR: add_text(out, item.s); break;
    case HB_PACK_BIN: add_bytes(out, item.s); break;
    case HB_PACK_EXT: return add_ext(out, &item, err);
    case HB_PACK_ARRAY:
    case HB_PACK_MAP: return add_items(r, &item, depth, out, err);
    }
    return HB_OK;
}

static hb_status pickle_encode(const files_table *table, const hb_batch *batch, uint32_t row,
                               hb_buf *out, hb_err *err) {
    hb_buf scratch, body;
    hb_buf_init(&scratch, out->mem);
    hb_buf_init(&body, out->mem);
    hb_buf_add_char(&body, PICKLE_EMPTY_DICT);
    hb_buf_add_char(&body, PICKLE_MARK);
    hb_status status = HB_OK;
    for (uint32_t i = 0; i < table->field_count && status == HB_OK; i++) {
        add_text(&body, files_field(table, i)->name);
        status = files_cell_pack(table, batch, i, row, &scratch, err);
        hb_pack_reader cell = hb_pack_read(hb_buf_str(&scratch));
        if (status == HB_OK) status = add_next(&cell, 0, &body, err);
    }
    hb_buf_add_char(&body, PICKLE_SETITEMS);
    hb_buf_add_char(&body, PICKLE_STOP);
    if (status == HB_OK) status = hb_buf_check(&body, err);
    if (status == HB_OK) {
        hb_buf_add_char(out, PICKLE_PROTO);
        hb_buf_add_char(out, 4);
        hb_buf_add_char(out, PICKLE_FRAME);
        add_le(out, body.len, 8);
        hb_buf_add_str(out, hb_buf_str(&body));
        status = hb_buf_check(out, err);
    }
    hb_buf_free(&body);
    hb_buf_free(&scratch);
    return status;
}

const files_format files_pickle = { { ".pkl", 4 }, pickle_encode, files_pickle_decode };
