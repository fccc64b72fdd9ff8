// SPDX-License-Identifier: MIT
/* Row files as JSON, byte for byte as HeavenBase for Python writes them. */
#include <math.h>
#include <stdlib.h>

#include "backends/files/files_priv.h"
#include "base/limits.h"
#include "base/num.h"
#include "value/time.h"

#define EXACT_MAX (INT64_C(1) << 53)    /* larger integers are wrapped */

typedef struct json_out {
    hb_pack_reader r;
    hb_buf *out;
    uint32_t indent;
    hb_err *err;
} json_out;

static void new_line(const json_out *w, uint32_t depth, const char *otherwise) {
    if (w->indent == 0) {
        hb_buf_add_c(w->out, otherwise);
        return;
    }
    hb_buf_add_char(w->out, '\n');
    for (uint32_t i = 0; i < depth * w->indent; i++) hb_buf_add_char(w->out, ' ');
}

static void add_wrapped(const json_out *w, hb_str digits, uint32_t depth) {
    hb_buf_add_char(w->out, '{');
    new_line(w, depth + 1, "");
    hb_buf_add_c(w->out, "\"__obj_data__\": ");
    hb_buf_add_json_str(w->out, digits);
    hb_buf_add_char(w->out, ',');
    new_line(w, depth + 1, " ");
    hb_buf_add_c(w->out, "\"__obj_type__\": \"bigint\"");
    new_line(w, depth, "");
    hb_buf_add_char(w->out, '}');
}

static hb_status not_finite(const json_out *w) {
    return hb_err_set(w->err, HB_E_VALIDATION, "JSON has no number for a value that is not finite");
}

static hb_status add_ext(const json_out *w, const hb_pack_item *item, uint32_t depth) {
    char text[HB_NUM_TEXT_MAX];
    int64_t us;
    if (item->ext == HB_PACK_EXT_TIMESTAMP && hb_time_from_ext(item->s, &us)) {
        char iso[HB_TIME_TEXT_MAX];
        hb_buf_add_json_str(w->out, hb_str_n(iso, hb_time_write_iso(us, iso)));
        return HB_OK;
    }
    if (item->ext != HB_PACK_EXT_VECTOR) {
        return hb_err_set(w->err, HB_E_VALIDATION, "JSON cannot hold MessagePack extension %d",
                          (int)item->ext);
    }
    hb_buf_add_char(w->out, '[');
    const uint32_t size = (uint32_t)sizeof(float);
    for (uint32_t i = 0; i + size <= item->s.len; i += size) {
        float value;
        memcpy(&value, item->s.ptr + i, sizeof(value));
        if (!isfinite(value)) return not_finite(w);
        if (i > 0) hb_buf_add_char(w->out, ',');
        new_line(w, depth + 1, i > 0 ? " " : "");
        hb_buf_add(w->out, text, hb_num_write_f32(value, text));
    }
    if (item->s.len > 0) new_line(w, depth, "");
    hb_buf_add_char(w->out, ']');
    return HB_OK;
}

static hb_status add_next(json_out *w, uint32_t depth);

static hb_status add_array(json_out *w, uint32_t count, uint32_t depth) {
    hb_buf_add_char(w->out, '[');
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) hb_buf_add_char(w->out, ',');
        new_line(w, depth + 1, i > 0 ? " " : "");
        HB_TRY(add_next(w, depth + 1));
    }
    if (count > 0) new_line(w, depth, "");
    hb_buf_add_char(w->out, ']');
    return HB_OK;
}

typedef struct json_pair {
    hb_str key;
    uint32_t pos;           /* where the value starts */
    uint32_t index;
} json_pair;

static int pair_compare(const void *a, const void *b) {
    const json_pair *x = a, *y = b;
    const int order = hb_str_cmp(x->key, y->key);
    return order != 0 ? order : x->index < y->index ? -1 : 1;
}

static hb_status add_pairs(json_out *w, json_pair *pairs, uint32_t count, uint32_t depth) {
    for (uint32_t i = 0; i < count; i++) {
        hb_pack_item item;
        if (!hb_pack_next(&w->r, &item) || item.tag != HB_PACK_STR) {
            return hb_err_set(w->err, HB_E_VALIDATION, "keys of a mapping must be text");
        }
        pairs[i] = (json_pair){ item.s, w->r.pos, i };
        if (!hb_pack_skip(&w->r, NULL)) return hb_err_set(w->err, HB_E_CORRUPT, "malformed value");
    }
    const uint32_t end = w->r.pos;
    qsort(pairs, count, sizeof(*pairs), pair_compare);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) hb_buf_add_char(w->out, ',');
        new_line(w, depth + 1, i > 0 ? " " : "");
        hb_buf_add_json_str(w->out, pairs[i].key);
        hb_buf_add_c(w->out, ": ");
        w->r.pos = pairs[i].pos;
        HB_TRY(add_next(w, depth + 1));
    }
    w->r.pos = end;
    return HB_OK;
}

static hb_status add_map(json_out *w, uint32_t count, uint32_t depth) {
    hb_buf_add_char(w->out, '{');
    const hb_mem *mem = w->out->mem;
    json_pair *pairs = hb_mem_alloc(mem, count * sizeof(*pairs));
    if (pairs == NULL) return hb_err_memory(w->err);
    hb_status status = add_pairs(w, pairs, count, depth);
    hb_mem_free(mem, pairs, count * sizeof(*pairs));
    if (count > 0) new_line(w, depth, "");
    hb_buf_add_char(w->out, '}');
    return status;
}

static hb_status add_scalar(json_out *w, const hb_pack_item *item, uint32_t depth) {
    char text[HB_NUM_TEXT_MAX];
    switch ((int)item->tag) {
    case HB_PACK_BOOL: hb_buf_add_c(w->out, item->b ? "true" : "false"); break;
    case HB_PACK_INT: {
        hb_str digits = hb_str_n(text, hb_num_write_i64(item->i, text));
        if (item->i <= EXACT_MAX && item->i >= -EXACT_MAX)
            hb_buf_add_str(w->out, digits);
        else
            add_wrapped(w, digits, depth);
        break;
    }
    case HB_PACK_UINT64: {
        /* Above INT64_MAX: the last digit by itself, so that both parts are in range. */
        uint32_t len = hb_num_write_i64((int64_t)(item->u / 10), text);
        text[len++] = (char)('0' + item->u % 10);
        add_wrapped(w, hb_str_n(text, len), depth);
        break;
    }
    case HB_PACK_FLOAT:
        if (!isfinite(item->f)) return not_finite(w);
        hb_buf_add_f64(w->out, item->f);
        break;
    case HB_PACK_STR: hb_buf_add_json_str(w->out, item->s); break;
    case HB_PACK_BIN: return hb_pack_to_json(item->raw, 0, false, w->out, w->err);
    case HB_PACK_EXT: return add_ext(w, item, depth);
    default: hb_buf_add_c(w->out, "null"); break;
    }
    return HB_OK;
}

/* Recursion is bounded by HB_VALUE_DEPTH_MAX. */
static hb_status add_next(json_out *w, uint32_t depth) {
    hb_pack_item item;
    if (depth > HB_VALUE_DEPTH_MAX + 1 || !hb_pack_next(&w->r, &item)) {
        return hb_err_set(w->err, HB_E_CORRUPT, "malformed or too deeply nested value");
    }
    if (item.tag == HB_PACK_ARRAY) return add_array(w, item.count, depth);
    if (item.tag == HB_PACK_MAP) return add_map(w, item.count, depth);
    return add_scalar(w, &item, depth);
}

hb_status files_json_value(hb_str pack, uint32_t indent, uint32_t depth, hb_buf *out, hb_err *err) {
    json_out w = { hb_pack_read(pack), out, indent, err };
    HB_TRY(add_next(&w, depth));
    return hb_buf_check(out, err);
}

hb_status files_json_decode(hb_str bytes, hb_buf *pack, hb_err *err) {
    hb_buf raw;
    hb_buf_init(&raw, pack->mem);
    hb_status status = hb_pack_from_json(bytes, &raw, err);
    if (status == HB_OK) status = files_unwrap(hb_buf_str(&raw), pack, err);
    hb_buf_free(&raw);
    if (status == HB_E_VALIDATION || status == HB_E_LIMIT) err->code = status = HB_E_CORRUPT;
    return status;
}

static hb_status json_encode(const files_table *table, const hb_batch *batch, uint32_t row,
                             hb_buf *out, hb_err *err) {
    hb_buf scratch;
    hb_buf_init(&scratch, out->mem);
    hb_status status = HB_OK;
    hb_buf_add_char(out, '{');
    for (uint32_t i = 0; i < table->field_count && status == HB_OK; i++) {
        const uint32_t field = table->sorted[i];
        hb_buf_add_c(out, i > 0 ? ",\n  " : "\n  ");
        hb_buf_add_json_str(out, files_field(table, field)->name);
        hb_buf_add_c(out, ": ");
        status = files_cell_pack(table, batch, field, row, &scratch, err);
        if (status == HB_OK) status = files_json_value(hb_buf_str(&scratch), 2, 1, out, err);
    }
    hb_buf_add_c(out, "\n}");
    hb_buf_free(&scratch);
    HB_TRY(status);
    return hb_buf_check(out, err);
}

const files_format files_json = { { ".json", 5 }, json_encode, files_json_decode };
