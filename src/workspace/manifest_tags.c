// SPDX-License-Identifier: MIT
/* What the JSON of JavaScript has no form for, inside definitions: see manifest.h. */
#include "base/base64.h"
#include "base/limits.h"
#include "base/num.h"
#include "workspace/manifest.h"

#define INT64_KEY HB_STR("$int64")
#define BYTES_KEY HB_STR("$bytes")
#define SAFE_MAX 9007199254740991

static bool is_safe(int64_t number) {
    return number >= -SAFE_MAX && number <= SAFE_MAX;
}

static hb_status malformed(hb_err *err) {
    return hb_err_set(err, HB_E_CORRUPT, "malformed or too deeply nested MessagePack value");
}

/* The next key of a mapping. */
static hb_status read_key(hb_pack_reader *r, hb_str *out, hb_err *err) {
    hb_pack_item key;
    if (!hb_pack_next(r, &key) || key.tag != HB_PACK_STR) return malformed(err);
    *out = key.s;
    return HB_OK;
}

/* ---- writing ---------------------------------------------------------------------------- */

/* A text that is made before its length is known. */
static void add_made(const hb_buf *text, hb_buf *out) {
    out->failed = out->failed || text->failed || text->over;
    hb_pack_str(out, hb_buf_str(text));
}

static void tag_bytes(hb_str bytes, hb_buf *out) {
    hb_buf text;
    hb_buf_init(&text, out->mem);
    hb_base64_write(bytes, &text);
    hb_pack_map(out, 1);
    hb_pack_str(out, BYTES_KEY);
    add_made(&text, out);
    hb_buf_free(&text);
}

static void tag_int(int64_t number, hb_buf *out) {
    char text[HB_NUM_TEXT_MAX];
    hb_pack_map(out, 1);
    hb_pack_str(out, INT64_KEY);
    hb_pack_str(out, hb_str_n(text, hb_num_write_i64(number, text)));
}

static void tag_key(hb_str key, hb_buf *out) {
    if (key.len == 0 || key.ptr[0] != '$') {
        hb_pack_str(out, key);
        return;
    }
    hb_buf text;
    hb_buf_init(&text, out->mem);
    hb_buf_add_char(&text, '$');
    hb_buf_add_str(&text, key);
    add_made(&text, out);
    hb_buf_free(&text);
}

static hb_status tag_next(hb_pack_reader *r, uint32_t depth, hb_buf *out, hb_err *err) {
    hb_pack_item item;
    if (depth > HB_VALUE_DEPTH_MAX || !hb_pack_next(r, &item)) return malformed(err);
    if (item.tag == HB_PACK_INT && !is_safe(item.i)) {
        tag_int(item.i, out);
        return HB_OK;
    }
    if (item.tag == HB_PACK_BIN) {
        tag_bytes(item.s, out);
        return HB_OK;
    }
    hb_buf_add_str(out, item.raw);
    if (item.tag != HB_PACK_ARRAY && item.tag != HB_PACK_MAP) return HB_OK;
    for (uint32_t i = 0; i < item.count; i++) {
        if (item.tag == HB_PACK_MAP) {
            hb_str key;
            HB_TRY(read_key(r, &key, err));
            tag_key(key, out);
        }
        HB_TRY(tag_next(r, depth + 1, out, err));
    }
    return HB_OK;
}

hb_status hb_manifest_tag(hb_str pack, hb_buf *out, hb_err *err) {
    hb_pack_reader r = hb_pack_read(pack);
    HB_TRY(tag_next(&r, 0, out, err));
    return hb_buf_check(out, err);
}

/* ---- reading ---------------------------------------------------------------------------- */

/* A mapping of one tag and what it stands for; *is false for any other. The reader is behind its
 * header, and stays there unless it is one. */
static hb_status untag_one(hb_pack_reader *r, hb_arena *arena, hb_buf *out, bool *is, hb_err *err) {
    hb_pack_reader ahead = *r;
    hb_pack_item key, value;
    hb_str bytes;
    int64_t number;
    *is = false;
    if (!hb_pack_next(&ahead, &key) || key.tag != HB_PACK_STR) return HB_OK;
    if (!hb_pack_next(&ahead, &value) || value.tag != HB_PACK_STR) return HB_OK;
    if (hb_str_eq(key.s, INT64_KEY)) {
        *is = hb_num_parse_i64(value.s, &number) == HB_NUM_OK;
        if (*is) hb_pack_int(out, number);
    } else if (hb_str_eq(key.s, BYTES_KEY)) {
        *is = hb_base64_read(value.s, arena, &bytes);
        if (*is && bytes.ptr == NULL) return hb_err_memory(err);
        if (*is) hb_pack_bin(out, bytes);
    }
    if (*is) *r = ahead;
    return HB_OK;
}

static hb_status untag_next(hb_pack_reader *r, uint32_t depth, hb_arena *arena, hb_buf *out,
                            hb_err *err) {
    hb_pack_item item;
    if (depth > HB_VALUE_DEPTH_MAX || !hb_pack_next(r, &item)) return malformed(err);
    if (item.tag == HB_PACK_MAP && item.count == 1) {
        bool is;
        HB_TRY(untag_one(r, arena, out, &is, err));
        if (is) return HB_OK;
    }
    hb_buf_add_str(out, item.raw);
    if (item.tag != HB_PACK_ARRAY && item.tag != HB_PACK_MAP) return HB_OK;
    for (uint32_t i = 0; i < item.count; i++) {
        if (item.tag == HB_PACK_MAP) {
            hb_str key;
            HB_TRY(read_key(r, &key, err));
            const bool doubled = key.len > 1 && key.ptr[0] == '$' && key.ptr[1] == '$';
            hb_pack_str(out, doubled ? hb_str_sub(key, 1, key.len) : key);
        }
        HB_TRY(untag_next(r, depth + 1, arena, out, err));
    }
    return HB_OK;
}

hb_status hb_manifest_untag(hb_str pack, hb_arena *arena, hb_buf *out, hb_err *err) {
    hb_pack_reader r = hb_pack_read(pack);
    HB_TRY(untag_next(&r, 0, arena, out, err));
    return hb_buf_check(out, err);
}
