// SPDX-License-Identifier: MIT
/* JSON text to MessagePack and back. yyjson reads; writing is simple enough to do here. */
#include "value/pack.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <yyjson.h>

#include "base/base64.h"
#include "base/limits.h"
#include "base/num.h"
#include "value/time.h"

/* ---- reading ---------------------------------------------------------------------------- */

/* yyjson's allocator does not tell sizes when it frees, ours wants them: a prefix keeps them. */
#define PREFIX 16u

typedef struct alc_ctx {
    const hb_mem *mem;
} alc_ctx;

static void *alc_malloc(void *ctx, size_t size) {
    const alc_ctx *alc = ctx;
    if (size > SIZE_MAX - PREFIX) return NULL;
    char *block = hb_mem_alloc(alc->mem, size + PREFIX);
    if (block == NULL) return NULL;
    memcpy(block, &size, sizeof size);
    return block + PREFIX;
}

static size_t alc_size(const char *block) {
    size_t size;
    memcpy(&size, block, sizeof size);
    return size;
}

static void *alc_realloc(void *ctx, void *ptr, size_t old_size, size_t size) {
    const alc_ctx *alc = ctx;
    (void)old_size;
    if (size > SIZE_MAX - PREFIX) return NULL;
    char *old = (char *)ptr - PREFIX;
    char *block = hb_mem_realloc(alc->mem, old, alc_size(old) + PREFIX, size + PREFIX);
    if (block == NULL) return NULL;
    memcpy(block, &size, sizeof size);
    return block + PREFIX;
}

static void alc_free(void *ctx, void *ptr) {
    const alc_ctx *alc = ctx;
    if (ptr == NULL) return;
    char *block = (char *)ptr - PREFIX;
    hb_mem_free(alc->mem, block, alc_size(block) + PREFIX);
}

static void pack_number(yyjson_val *val, hb_buf *out) {
    if (yyjson_is_sint(val)) {
        hb_pack_int(out, yyjson_get_sint(val));
    } else if (yyjson_is_uint(val) && yyjson_get_uint(val) <= INT64_MAX) {
        hb_pack_int(out, (int64_t)yyjson_get_uint(val));
    } else {
        hb_pack_float(out, yyjson_get_num(val));    /* beyond int64, or with a fraction */
    }
}

static hb_status pack_yyjson(yyjson_val *val, uint32_t depth, hb_buf *out, hb_err *err) {
    size_t index;
    size_t count;
    yyjson_val *key;
    yyjson_val *item;
    if (yyjson_is_ctn(val) && depth >= HB_VALUE_DEPTH_MAX) {
        return hb_err_set(err, HB_E_LIMIT, "JSON is nested deeper than %u levels",
                          (unsigned)HB_VALUE_DEPTH_MAX);
    }
    switch (yyjson_get_type(val)) {
    case YYJSON_TYPE_BOOL: hb_pack_bool(out, yyjson_get_bool(val)); break;
    case YYJSON_TYPE_NUM: pack_number(val, out); break;
    case YYJSON_TYPE_STR:
        hb_pack_str(out, hb_str_n(yyjson_get_str(val), yyjson_get_len(val)));
        break;
    case YYJSON_TYPE_ARR:
        hb_pack_array(out, (uint32_t)yyjson_arr_size(val));
        yyjson_arr_foreach(val, index, count, item) {
            HB_TRY(pack_yyjson(item, depth + 1, out, err));
        }
        break;
    case YYJSON_TYPE_OBJ:
        hb_pack_map(out, (uint32_t)yyjson_obj_size(val));
        yyjson_obj_foreach(val, index, count, key, item) {
            hb_pack_str(out, hb_str_n(yyjson_get_str(key), yyjson_get_len(key)));
            HB_TRY(pack_yyjson(item, depth + 1, out, err));
        }
        break;
    default: hb_pack_nil(out); break;
    }
    return HB_OK;
}

hb_status hb_pack_from_json(hb_str json, hb_buf *out, hb_err *err) {
    alc_ctx ctx = { out->mem };
    const yyjson_alc alc = { alc_malloc, alc_realloc, alc_free, &ctx };
    const size_t size = (size_t)json.len + YYJSON_PADDING_SIZE;
    char *copy = hb_mem_zalloc(out->mem, size);
    if (copy == NULL) return hb_err_memory(err);
    if (json.len > 0) memcpy(copy, json.ptr, json.len);
    yyjson_read_err read_err;
    memset(&read_err, 0, sizeof read_err);
    yyjson_doc *doc = yyjson_read_opts(copy, json.len, YYJSON_READ_INSITU, &alc, &read_err);
    hb_status status;
    if (doc == NULL && read_err.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION) {
        status = hb_err_memory(err);
    } else if (doc == NULL) {
        status = hb_err_set(err, HB_E_VALIDATION, "invalid JSON at byte %u: %s",
                            (unsigned)read_err.pos, read_err.msg);
        if (err != NULL) err->at = (uint32_t)read_err.pos;
    } else {
        status = pack_yyjson(yyjson_doc_get_root(doc), 0, out, err);
        if (status == HB_OK) status = hb_buf_check(out, err);
    }
    yyjson_doc_free(doc);
    hb_mem_free(out->mem, copy, size);
    return status;
}

/* ---- writing ---------------------------------------------------------------------------- */

typedef struct json_writer {
    hb_pack_reader r;
    hb_buf *out;
    uint32_t indent;
    bool sort_keys;
    hb_err *err;
} json_writer;

static void add_base64(hb_buf *out, hb_str bytes) {
    hb_buf_add_char(out, '"');
    hb_base64_write(bytes, out);
    hb_buf_add_char(out, '"');
}

static void new_line(const json_writer *w, uint32_t depth) {
    if (w->indent == 0 || w->indent == HB_JSON_ONE_LINE) return;
    hb_buf_add_char(w->out, '\n');
    for (uint32_t i = 0; i < depth * w->indent; i++) {
        hb_buf_add_char(w->out, ' ');
    }
}

/* Between two items of a container. */
static void next_item(const json_writer *w) {
    hb_buf_add_c(w->out, w->indent == HB_JSON_ONE_LINE ? ", " : ",");
}

static hb_status write_float(json_writer *w, double value) {
    if (!isfinite(value)) {
        return hb_err_set(w->err, HB_E_VALIDATION, "JSON has no number for %s",
                          isnan(value) ? "NaN" : "infinity");
    }
    hb_buf_add_f64(w->out, value);
    return HB_OK;
}

static hb_status write_vector(json_writer *w, hb_str payload, uint32_t depth) {
    hb_buf_add_char(w->out, '[');
    for (uint32_t i = 0; i + sizeof(float) <= payload.len; i += (uint32_t)sizeof(float)) {
        float value;
        memcpy(&value, payload.ptr + i, sizeof value);
        if (i > 0) next_item(w);
        new_line(w, depth + 1);
        if (!isfinite(value)) {
            return hb_err_set(w->err, HB_E_VALIDATION, "JSON has no non-finite number");
        }
        char text[HB_NUM_TEXT_MAX];
        hb_buf_add(w->out, text, hb_num_write_f32(value, text));
    }
    if (payload.len > 0) new_line(w, depth);
    hb_buf_add_char(w->out, ']');
    return HB_OK;
}

static hb_status write_ext(json_writer *w, const hb_pack_item *item, uint32_t depth) {
    if (item->ext == HB_PACK_EXT_VECTOR) return write_vector(w, item->s, depth);
    int64_t us = 0;
    char text[HB_TIME_TEXT_MAX];
    if (item->ext != HB_PACK_EXT_TIMESTAMP || !hb_time_from_ext(item->s, &us)) {
        return hb_err_set(w->err, HB_E_VALIDATION, "JSON cannot hold MessagePack extension %d",
                          (int)item->ext);
    }
    hb_buf_add_json_str(w->out, hb_str_n(text, hb_time_write_iso(us, text)));
    return HB_OK;
}

static hb_status write_next(json_writer *w, uint32_t depth);

static hb_status malformed(json_writer *w) {
    return hb_err_set(w->err, HB_E_CORRUPT, "malformed or too deeply nested MessagePack value");
}

static hb_status write_array(json_writer *w, uint32_t count, uint32_t depth) {
    hb_buf_add_char(w->out, '[');
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) next_item(w);
        new_line(w, depth + 1);
        HB_TRY(write_next(w, depth + 1));
    }
    if (count > 0) new_line(w, depth);
    hb_buf_add_char(w->out, ']');
    return HB_OK;
}

static hb_status write_key(json_writer *w, bool first, hb_str key, uint32_t depth) {
    if (!first) next_item(w);
    new_line(w, depth + 1);
    hb_buf_add_json_str(w->out, key);
    hb_buf_add_c(w->out, w->indent > 0 ? ": " : ":");
    return HB_OK;
}

static hb_status read_key(json_writer *w, hb_str *key) {
    hb_pack_item item;
    if (!hb_pack_next(&w->r, &item)) return malformed(w);
    if (item.tag != HB_PACK_STR) {
        return hb_err_set(w->err, HB_E_VALIDATION, "keys of a mapping must be text");
    }
    *key = item.s;
    return HB_OK;
}

typedef struct json_pair {
    hb_str key;
    uint32_t pos;       /* where the value starts */
    uint32_t index;     /* keeps the sort stable */
} json_pair;

static int pair_cmp(const void *a, const void *b) {
    const json_pair *x = a;
    const json_pair *y = b;
    const int order = hb_str_cmp(x->key, y->key);
    return order != 0 ? order : x->index < y->index ? -1 : 1;
}

static hb_status write_sorted(json_writer *w, json_pair *pairs, uint32_t count, uint32_t depth) {
    for (uint32_t i = 0; i < count; i++) {
        HB_TRY(read_key(w, &pairs[i].key));
        pairs[i].pos = w->r.pos;
        pairs[i].index = i;
        if (!hb_pack_skip(&w->r, NULL)) return malformed(w);
    }
    const uint32_t end = w->r.pos;
    qsort(pairs, count, sizeof *pairs, pair_cmp);
    for (uint32_t i = 0; i < count; i++) {
        w->r.pos = pairs[i].pos;
        HB_TRY(write_key(w, i == 0, pairs[i].key, depth));
        HB_TRY(write_next(w, depth + 1));
    }
    w->r.pos = end;
    return HB_OK;
}

static hb_status write_map(json_writer *w, uint32_t count, uint32_t depth) {
    hb_buf_add_char(w->out, '{');
    if (w->sort_keys && count > 1) {
        json_pair *pairs = hb_mem_alloc(w->out->mem, count * sizeof *pairs);
        if (pairs == NULL) return hb_err_memory(w->err);
        const hb_status status = write_sorted(w, pairs, count, depth);
        hb_mem_free(w->out->mem, pairs, count * sizeof *pairs);
        HB_TRY(status);
    } else {
        for (uint32_t i = 0; i < count; i++) {
            hb_str key = HB_STR_EMPTY;
            HB_TRY(read_key(w, &key));
            HB_TRY(write_key(w, i == 0, key, depth));
            HB_TRY(write_next(w, depth + 1));
        }
    }
    if (count > 0) new_line(w, depth);
    hb_buf_add_char(w->out, '}');
    return HB_OK;
}

/* Recursion is bounded by HB_VALUE_DEPTH_MAX. */
static hb_status write_next(json_writer *w, uint32_t depth) {
    hb_pack_item item;
    if (depth > HB_VALUE_DEPTH_MAX || !hb_pack_next(&w->r, &item)) return malformed(w);
    switch (item.tag) {
    case HB_PACK_NIL: hb_buf_add_c(w->out, "null"); return HB_OK;
    case HB_PACK_BOOL: hb_buf_add_c(w->out, item.b ? "true" : "false"); return HB_OK;
    case HB_PACK_INT: hb_buf_add_i64(w->out, item.i); return HB_OK;
    case HB_PACK_UINT64:
        hb_buf_printf(w->out, "%llu", (unsigned long long)item.u);
        return HB_OK;
    case HB_PACK_FLOAT: return write_float(w, item.f);
    case HB_PACK_STR: hb_buf_add_json_str(w->out, item.s); return HB_OK;
    case HB_PACK_BIN: add_base64(w->out, item.s); return HB_OK;
    case HB_PACK_EXT: return write_ext(w, &item, depth);
    case HB_PACK_ARRAY: return write_array(w, item.count, depth);
    case HB_PACK_MAP: return write_map(w, item.count, depth);
    }
    return malformed(w);
}

hb_status hb_pack_to_json(hb_str bytes, uint32_t indent, bool sort_keys, hb_buf *out,
                          hb_err *err) {
    json_writer w = { hb_pack_read(bytes), out, indent, sort_keys, err };
    HB_TRY(write_next(&w, 0));
    return hb_buf_check(out, err);
}
