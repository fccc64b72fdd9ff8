// SPDX-License-Identifier: MIT
#include "value/python_json.h"

#include <string.h>

#include "base/limits.h"
#include "base/num.h"

#define TYPE_KEY "__obj_type__"
#define DATA_KEY "__obj_data__"
/* Beyond these an integer is tagged. */
#define PLAIN_MAX ((int64_t)1 << 53)

/* ---- writing ----------------------------------------------------------------------------- */

static bool item_is_big(const hb_pack_item *item) {
    return item->tag == HB_PACK_UINT64 ||
           (item->tag == HB_PACK_INT && (item->i > PLAIN_MAX || item->i < -PLAIN_MAX));
}

static bool pack_has_big(hb_str pack) {
    hb_pack_reader reader = hb_pack_read(pack);
    hb_pack_item item;
    while (hb_pack_next(&reader, &item)) {
        if (item_is_big(&item)) return true;
    }
    return false;
}

static void add_big(hb_buf *out, const hb_pack_item *item) {
    char text[HB_NUM_TEXT_MAX];
    uint32_t len = item->tag == HB_PACK_INT ? hb_num_write_i64(item->i, text) : 0;
    if (item->tag == HB_PACK_UINT64) {
        uint64_t rest = item->u;
        uint32_t at = HB_NUM_TEXT_MAX;
        for (; rest > 0; rest /= 10) text[--at] = (char)('0' + rest % 10);
        len = HB_NUM_TEXT_MAX - at;
        memmove(text, text + at, len);
    }
    hb_pack_map(out, 2);
    hb_pack_str(out, HB_STR(TYPE_KEY));
    hb_pack_str(out, HB_STR("bigint"));
    hb_pack_str(out, HB_STR(DATA_KEY));
    hb_pack_str(out, (hb_str){ text, len });
}

/* Items follow their container's header, so that a flat copy is enough. */
static void pack_with_tags(hb_str pack, hb_buf *out) {
    hb_pack_reader reader = hb_pack_read(pack);
    hb_pack_item item;
    while (hb_pack_next(&reader, &item)) {
        if (item_is_big(&item)) {
            add_big(out, &item);
        } else {
            hb_buf_add_str(out, item.raw);
        }
    }
}

hb_status hb_python_json_write(hb_str pack, uint32_t indent, bool sort_keys, hb_buf *out,
                               hb_err *err) {
    if (!pack_has_big(pack)) return hb_pack_to_json(pack, indent, sort_keys, out, err);
    hb_buf tagged;
    hb_buf_init(&tagged, out->mem);
    pack_with_tags(pack, &tagged);
    hb_status status = hb_buf_check(&tagged, err);
    if (status == HB_OK) {
        status = hb_pack_to_json(hb_buf_str(&tagged), indent, sort_keys, out, err);
    }
    hb_buf_free(&tagged);
    return status;
}

/* ---- reading ----------------------------------------------------------------------------- */

static hb_status restore(hb_pack_reader *reader, uint32_t depth, hb_buf *out, hb_err *err);

static void add_number(hb_str text, bool whole, hb_buf *out) {
    int64_t i = 0;
    double f = 0;
    if (whole && hb_num_parse_i64(text, &i) == HB_NUM_OK) {
        hb_pack_int(out, i);
    } else if (hb_num_parse_f64(text, &f) == HB_NUM_OK) {
        hb_pack_float(out, f);
    } else {
        hb_pack_nil(out);       /* Decimal("NaN") */
    }
}

/* The value that the tag `type` makes of `data` (whole encoding; NULL when there is none). */
static hb_status restore_tagged(hb_str type, hb_str data, uint32_t depth, hb_buf *out,
                                hb_err *err) {
    hb_pack_reader reader = hb_pack_read(data);
    hb_pack_item item;
    hb_pack_reader first = reader;
    bool is_text = data.ptr != NULL && hb_pack_next(&first, &item) && item.tag == HB_PACK_STR;
    if (is_text && (hb_str_eq(type, HB_STR("bigint")) || hb_str_eq(type, HB_STR("decimal")))) {
        add_number(item.s, hb_str_eq(type, HB_STR("bigint")), out);
        return HB_OK;
    }
    if (data.ptr != NULL) return restore(&reader, depth + 1, out, err);
    bool list = hb_str_eq(type, HB_STR("tuple")) || hb_str_eq(type, HB_STR("set"));
    if (list) {
        hb_pack_array(out, 0);
    } else {
        hb_pack_nil(out);
    }
    return HB_OK;
}

static bool tag_is_known(hb_str type) {
    static const char *const types[] = { "tuple",  "set",     "datetime", "date",
                                         "bigint", "decimal", "ellipsis", "callable-ref" };
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (hb_str_eq(type, hb_str_c(types[i]))) return true;
    }
    return false;
}

/* Looks through the pairs of a mapping without consuming them. */
static bool map_tag(hb_pack_reader reader, uint32_t count, hb_str *type, hb_str *data) {
    *type = *data = (hb_str){ NULL, 0 };
    for (uint32_t i = 0; i < count; i++) {
        hb_pack_item key, item;
        hb_str whole;
        if (!hb_pack_next(&reader, &key)) return false;
        hb_pack_reader value = reader;
        if (!hb_pack_skip(&reader, &whole)) return false;
        if (key.tag != HB_PACK_STR) continue;
        if (hb_str_eq(key.s, HB_STR(DATA_KEY))) *data = whole;
        if (hb_str_eq(key.s, HB_STR(TYPE_KEY)) && hb_pack_next(&value, &item) &&
            item.tag == HB_PACK_STR) {
            *type = item.s;
        }
    }
    return type->ptr != NULL && tag_is_known(*type);
}

static hb_status restore(hb_pack_reader *reader, uint32_t depth, hb_buf *out, hb_err *err) {
    hb_pack_item item;
    if (depth > HB_VALUE_DEPTH_MAX || !hb_pack_next(reader, &item)) {
        return hb_err_set(err, HB_E_CORRUPT, "malformed or too deeply nested JSON value");
    }
    hb_str type, data;
    if (item.tag == HB_PACK_MAP && map_tag(*reader, item.count, &type, &data)) {
        for (uint32_t i = 0; i < item.count * 2; i++) (void)hb_pack_skip(reader, NULL);
        return restore_tagged(type, data, depth, out, err);
    }
    hb_buf_add_str(out, item.raw);
    if (item.tag != HB_PACK_MAP && item.tag != HB_PACK_ARRAY) return HB_OK;
    uint32_t parts = item.tag == HB_PACK_MAP ? item.count * 2 : item.count;
    for (uint32_t i = 0; i < parts; i++) HB_TRY(restore(reader, depth + 1, out, err));
    return HB_OK;
}

bool hb_python_json_is_tagged(hb_str json) {
    return hb_str_find(json, HB_STR(TYPE_KEY), 0) >= 0 ||
           hb_str_find(json, HB_STR("NaN"), 0) >= 0 ||
           hb_str_find(json, HB_STR("Infinity"), 0) >= 0;
}

/* Copies the text with null for the words that json.dumps writes where JSON has no number. */
static void without_specials(hb_str json, hb_buf *out) {
    static const char *const words[] = { "-Infinity", "Infinity", "NaN" };
    bool quoted = false;
    for (uint32_t at = 0; at < json.len; at++) {
        char c = json.ptr[at];
        if (quoted && c == '\\' && at + 1 < json.len) {
            hb_buf_add_char(out, c);
            c = json.ptr[++at];
        } else if (c == '"') {
            quoted = !quoted;
        } else if (!quoted && (c == '-' || c == 'I' || c == 'N')) {
            for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
                hb_str word = hb_str_c(words[i]);
                if (!hb_str_starts(hb_str_sub(json, at, word.len), word)) continue;
                hb_buf_add_c(out, "nul");
                c = 'l';
                at += word.len - 1;
                break;
            }
        }
        hb_buf_add_char(out, c);
    }
}

static hb_status read_lenient(hb_str json, hb_buf *out, hb_err *err) {
    uint32_t start = out->len;
    hb_status status = hb_pack_from_json(json, out, NULL);
    if (status == HB_OK) return HB_OK;
    if (status == HB_E_MEMORY) return hb_err_memory(err);
    out->len = start;
    hb_buf plain;
    hb_buf_init(&plain, out->mem);
    without_specials(json, &plain);
    status = hb_buf_check(&plain, err);
    if (status == HB_OK) status = hb_pack_from_json(hb_buf_str(&plain), out, err);
    hb_buf_free(&plain);
    return status;
}

hb_status hb_python_json_read(hb_str json, hb_buf *pack_out, hb_err *err) {
    if (!hb_python_json_is_tagged(json)) return hb_pack_from_json(json, pack_out, err);
    hb_buf raw;
    hb_buf_init(&raw, pack_out->mem);
    hb_status status = read_lenient(json, &raw, err);
    hb_pack_reader reader = hb_pack_read(hb_buf_str(&raw));
    if (status == HB_OK) status = restore(&reader, 0, pack_out, err);
    if (status == HB_OK) status = hb_buf_check(pack_out, err);
    hb_buf_free(&raw);
    return status;
}

hb_status hb_python_json_plain(hb_str json, hb_buf *out, hb_err *err) {
    hb_buf pack;
    hb_buf_init(&pack, out->mem);
    hb_status status = hb_python_json_read(json, &pack, err);
    if (status == HB_OK) status = hb_pack_to_json(hb_buf_str(&pack), 0, false, out, err);
    hb_buf_free(&pack);
    return status;
}
