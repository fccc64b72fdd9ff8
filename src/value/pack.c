// SPDX-License-Identifier: MIT
#include "value/pack.h"

#include <string.h>

#include "base/limits.h"
#include "base/num.h"

/* ---- reading ---------------------------------------------------------------------------- */

hb_pack_reader hb_pack_read(hb_str bytes) {
    return (hb_pack_reader){ (const uint8_t *)bytes.ptr, bytes.len, 0 };
}

static uint64_t read_be(const uint8_t *at, uint32_t size) {
    uint64_t value = 0;
    for (uint32_t i = 0; i < size; i++) {
        value = value << 8 | at[i];
    }
    return value;
}

static int64_t read_signed(const uint8_t *at, uint32_t size) {
    const uint64_t value = read_be(at, size);
    switch (size) {
    case 1: return (int8_t)(uint8_t)value;
    case 2: return (int16_t)(uint16_t)value;
    case 4: return (int32_t)(uint32_t)value;
    default: return (int64_t)value;
    }
}

static void item_unsigned(hb_pack_item *item, uint64_t value) {
    item->tag = value > INT64_MAX ? HB_PACK_UINT64 : HB_PACK_INT;
    item->u = value;
    item->i = value > INT64_MAX ? 0 : (int64_t)value;
}

static void item_signed(hb_pack_item *item, int64_t value) {
    item->tag = HB_PACK_INT;
    item->i = value;
}

/* A payload of `len` bytes after a header of `head` bytes. */
static bool item_payload(const hb_pack_reader *r, hb_pack_item *item, hb_pack_tag tag,
                         uint32_t head, uint64_t len, uint32_t *size) {
    if (head > r->len - r->pos || len > r->len - r->pos - head) return false;
    item->tag = tag;
    item->s = (hb_str){ (const char *)r->ptr + r->pos + head, (uint32_t)len };
    *size = head + (uint32_t)len;
    return true;
}

/* A container's header. More items than bytes are left cannot be true, so nobody allocates for
 * a count that was made up. */
static bool item_container(const hb_pack_reader *r, hb_pack_item *item, hb_pack_tag tag,
                           uint32_t head, uint64_t count, uint32_t *size) {
    if (head > r->len - r->pos) return false;
    if (count * (tag == HB_PACK_MAP ? 2u : 1u) > r->len - r->pos - head) return false;
    item->tag = tag;
    item->count = (uint32_t)count;
    *size = head;
    return true;
}

static bool item_float(const uint8_t *at, uint32_t width, hb_pack_item *item) {
    const uint64_t bits = read_be(at, width);
    item->tag = HB_PACK_FLOAT;
    if (width == 4) {
        const uint32_t narrow = (uint32_t)bits;
        float value;
        memcpy(&value, &narrow, sizeof value);
        item->f = (double)value;
    } else {
        memcpy(&item->f, &bits, sizeof item->f);
    }
    return true;
}

/* Heads 0xc0 to 0xdf: the ones that are not a value or a length by themselves. */
static bool item_long(const hb_pack_reader *r, hb_pack_item *item, uint8_t head, uint32_t *size) {
    const uint8_t *at = r->ptr + r->pos + 1;
    const uint32_t left = r->len - r->pos - 1;
    /* Bytes of the number that follows the head. */
    static const uint8_t widths[32] = { 0, 0, 0, 0, 1, 2, 4, 1, 2, 4, 4, 8, 1, 2, 4, 8,
                                        1, 2, 4, 8, 0, 0, 0, 0, 0, 1, 2, 4, 2, 4, 2, 4 };
    const uint32_t width = widths[head - 0xc0];
    if (width > left) return false;
    const uint64_t value = read_be(at, width);
    *size = 1 + width;
    switch (head) {
    case 0xc0: item->tag = HB_PACK_NIL; return true;
    case 0xc2:
    case 0xc3: item->tag = HB_PACK_BOOL; item->b = head == 0xc3; return true;
    case 0xc4: case 0xc5: case 0xc6:
        return item_payload(r, item, HB_PACK_BIN, 1 + width, value, size);
    case 0xc7: case 0xc8: case 0xc9:
        if (left < width + 1) return false;
        item->ext = (int8_t)at[width];
        return item_payload(r, item, HB_PACK_EXT, 2 + width, value, size);
    case 0xca: case 0xcb: return item_float(at, width, item);
    case 0xcc: case 0xcd: case 0xce: case 0xcf: item_unsigned(item, value); return true;
    case 0xd0: case 0xd1: case 0xd2: case 0xd3:
        item_signed(item, read_signed(at, width));
        return true;
    case 0xd4: case 0xd5: case 0xd6: case 0xd7: case 0xd8:
        if (left < 1) return false;
        item->ext = (int8_t)at[0];
        return item_payload(r, item, HB_PACK_EXT, 2, 1u << (head - 0xd4), size);
    case 0xd9: case 0xda: case 0xdb:
        return item_payload(r, item, HB_PACK_STR, 1 + width, value, size);
    case 0xdc: case 0xdd:
        return item_container(r, item, HB_PACK_ARRAY, 1 + width, value, size);
    case 0xde: case 0xdf:
        return item_container(r, item, HB_PACK_MAP, 1 + width, value, size);
    default: return false;      /* 0xc1 is never used */
    }
}

bool hb_pack_next(hb_pack_reader *r, hb_pack_item *item) {
    if (r->pos >= r->len) return false;
    memset(item, 0, sizeof *item);
    const uint8_t head = r->ptr[r->pos];
    uint32_t size = 1;
    bool ok = true;
    if (head < 0x80) {
        item_unsigned(item, head);
    } else if (head < 0x90) {
        ok = item_container(r, item, HB_PACK_MAP, 1, head & 0x0fu, &size);
    } else if (head < 0xa0) {
        ok = item_container(r, item, HB_PACK_ARRAY, 1, head & 0x0fu, &size);
    } else if (head < 0xc0) {
        ok = item_payload(r, item, HB_PACK_STR, 1, head & 0x1fu, &size);
    } else if (head < 0xe0) {
        ok = item_long(r, item, head, &size);
    } else {
        item_signed(item, (int8_t)head);
    }
    if (!ok) return false;
    item->raw = (hb_str){ (const char *)r->ptr + r->pos, size };
    r->pos += size;
    return true;
}

/* Walks one value without recursion; `text` also checks its texts. */
static bool walk(hb_pack_reader *r, bool text) {
    uint64_t left[HB_VALUE_DEPTH_MAX + 1];  /* items still to come, per open container */
    uint32_t depth = 0;
    left[0] = 1;
    for (;;) {
        while (left[depth] == 0) {
            if (depth == 0) return true;
            depth--;
        }
        left[depth]--;
        hb_pack_item item;
        if (!hb_pack_next(r, &item)) return false;
        if (text && item.tag == HB_PACK_STR && !hb_utf8_valid(item.s)) return false;
        if (text && item.tag == HB_PACK_EXT && item.ext == HB_PACK_EXT_VECTOR &&
            item.s.len % sizeof(float) != 0) {
            return false;
        }
        if (item.tag == HB_PACK_ARRAY || item.tag == HB_PACK_MAP) {
            if (depth == HB_VALUE_DEPTH_MAX) return false;
            left[++depth] = item.tag == HB_PACK_MAP ? (uint64_t)item.count * 2 : item.count;
        }
    }
}

bool hb_pack_skip(hb_pack_reader *r, hb_str *whole) {
    const uint32_t start = r->pos;
    if (!walk(r, false)) return false;
    if (whole != NULL) *whole = (hb_str){ (const char *)r->ptr + start, r->pos - start };
    return true;
}

bool hb_pack_valid(hb_str bytes) {
    hb_pack_reader r = hb_pack_read(bytes);
    return walk(&r, true) && r.pos == r.len;
}

/* ---- writing ---------------------------------------------------------------------------- */

static void add_head(hb_buf *out, uint8_t head, uint64_t value, uint32_t width) {
    uint8_t bytes[9];
    bytes[0] = head;
    for (uint32_t i = 0; i < width; i++) {
        bytes[1 + i] = (uint8_t)(value >> (8 * (width - 1 - i)));
    }
    hb_buf_add(out, bytes, 1 + width);
}

void hb_pack_nil(hb_buf *out) {
    hb_buf_add_char(out, (char)0xc0);
}

void hb_pack_bool(hb_buf *out, bool value) {
    hb_buf_add_char(out, (char)(value ? 0xc3 : 0xc2));
}

void hb_pack_int(hb_buf *out, int64_t value) {
    const uint64_t bits = (uint64_t)value;
    if (value >= 0) {
        if (value < 0x80) add_head(out, (uint8_t)value, 0, 0);
        else if (value <= 0xff) add_head(out, 0xcc, bits, 1);
        else if (value <= 0xffff) add_head(out, 0xcd, bits, 2);
        else if (value <= 0xffffffffLL) add_head(out, 0xce, bits, 4);
        else add_head(out, 0xcf, bits, 8);
    } else {
        if (value >= -32) add_head(out, (uint8_t)bits, 0, 0);
        else if (value >= INT8_MIN) add_head(out, 0xd0, bits, 1);
        else if (value >= INT16_MIN) add_head(out, 0xd1, bits, 2);
        else if (value >= INT32_MIN) add_head(out, 0xd2, bits, 4);
        else add_head(out, 0xd3, bits, 8);
    }
}

void hb_pack_float(hb_buf *out, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    add_head(out, 0xcb, bits, 8);
}

void hb_pack_str(hb_buf *out, hb_str text) {
    if (text.len < 32) add_head(out, (uint8_t)(0xa0 | text.len), 0, 0);
    else if (text.len <= 0xff) add_head(out, 0xd9, text.len, 1);
    else if (text.len <= 0xffff) add_head(out, 0xda, text.len, 2);
    else add_head(out, 0xdb, text.len, 4);
    hb_buf_add_str(out, text);
}

void hb_pack_bin(hb_buf *out, hb_str bytes) {
    if (bytes.len <= 0xff) add_head(out, 0xc4, bytes.len, 1);
    else if (bytes.len <= 0xffff) add_head(out, 0xc5, bytes.len, 2);
    else add_head(out, 0xc6, bytes.len, 4);
    hb_buf_add_str(out, bytes);
}

void hb_pack_array(hb_buf *out, uint32_t count) {
    if (count < 16) add_head(out, (uint8_t)(0x90 | count), 0, 0);
    else if (count <= 0xffff) add_head(out, 0xdc, count, 2);
    else add_head(out, 0xdd, count, 4);
}

void hb_pack_map(hb_buf *out, uint32_t count) {
    if (count < 16) add_head(out, (uint8_t)(0x80 | count), 0, 0);
    else if (count <= 0xffff) add_head(out, 0xde, count, 2);
    else add_head(out, 0xdf, count, 4);
}

void hb_pack_vector(hb_buf *out, const float *ptr, uint32_t len) {
    const uint64_t size = (uint64_t)len * sizeof(float);
    if (size > HB_BUF_BYTES_MAX) {
        out->over = true;
        return;
    }
    if (size == 4 || size == 8 || size == 16) {
        add_head(out, size == 4 ? 0xd6 : size == 8 ? 0xd7 : 0xd8, 0, 0);
    } else if (size <= 0xff) {
        add_head(out, 0xc7, size, 1);
    } else if (size <= 0xffff) {
        add_head(out, 0xc8, size, 2);
    } else {
        add_head(out, 0xc9, size, 4);
    }
    hb_buf_add_char(out, HB_PACK_EXT_VECTOR);
    hb_buf_add(out, ptr, (size_t)size);     /* both targets are little-endian */
}

void hb_pack_value(hb_buf *out, const hb_value *value) {
    switch (value->kind) {
    case HB_KIND_NULL:
    case HB_KIND_COUNT: hb_pack_nil(out); break;
    case HB_KIND_BOOL: hb_pack_bool(out, value->as.b); break;
    case HB_KIND_I64: hb_pack_int(out, value->as.i); break;
    case HB_KIND_F64: hb_pack_float(out, value->as.f); break;
    case HB_KIND_TEXT: hb_pack_str(out, value->as.s); break;
    case HB_KIND_BYTES: hb_pack_bin(out, value->as.s); break;
    case HB_KIND_VEC: hb_pack_vector(out, value->as.v.ptr, value->as.v.len); break;
    case HB_KIND_PACK: hb_buf_add_str(out, value->as.s); break;
    }
}

/* ---- values ----------------------------------------------------------------------------- */

static hb_status vector_value(hb_str payload, hb_arena *aligned, hb_value *out, hb_err *err) {
    const char *ptr = payload.ptr;
    if (((uintptr_t)ptr & (sizeof(float) - 1)) != 0 || payload.len == 0) {
        ptr = hb_arena_copy(aligned, payload.ptr, payload.len);
        if (ptr == NULL) return hb_err_memory(err);
    }
    out->kind = HB_KIND_VEC;
    out->as.v.ptr = (const float *)(const void *)ptr;
    out->as.v.len = payload.len / (uint32_t)sizeof(float);
    return HB_OK;
}

hb_status hb_pack_to_value(hb_str bytes, hb_arena *aligned, hb_value *out, hb_err *err) {
    hb_pack_reader r = hb_pack_read(bytes);
    hb_pack_item item;
    hb_str whole = HB_STR_EMPTY;
    if (!hb_pack_skip(&r, &whole)) {
        return hb_err_set(err, HB_E_CORRUPT, "malformed or too deeply nested MessagePack value");
    }
    r = hb_pack_read(whole);
    HB_ASSERT(hb_pack_next(&r, &item));
    *out = (hb_value){ HB_KIND_PACK, { .s = whole } };
    switch (item.tag) {
    case HB_PACK_NIL: out->kind = HB_KIND_NULL; break;
    case HB_PACK_BOOL: *out = (hb_value){ HB_KIND_BOOL, { .b = item.b } }; break;
    case HB_PACK_INT: *out = (hb_value){ HB_KIND_I64, { .i = item.i } }; break;
    case HB_PACK_FLOAT: *out = (hb_value){ HB_KIND_F64, { .f = item.f } }; break;
    case HB_PACK_STR: *out = (hb_value){ HB_KIND_TEXT, { .s = item.s } }; break;
    case HB_PACK_BIN: *out = (hb_value){ HB_KIND_BYTES, { .s = item.s } }; break;
    case HB_PACK_EXT:
        if (item.ext == HB_PACK_EXT_VECTOR && item.s.len % sizeof(float) == 0) {
            return vector_value(item.s, aligned, out, err);
        }
        break;
    case HB_PACK_UINT64:
    case HB_PACK_ARRAY:
    case HB_PACK_MAP: break;
    }
    return HB_OK;
}

static bool path_step_map(hb_pack_reader *r, uint32_t count, hb_str key) {
    for (uint32_t i = 0; i < count; i++) {
        hb_pack_reader key_reader = *r;
        hb_pack_item item;
        if (!hb_pack_skip(r, NULL) || !hb_pack_next(&key_reader, &item)) return false;
        if (item.tag == HB_PACK_STR && hb_str_eq(item.s, key)) return true;
        if (!hb_pack_skip(r, NULL)) return false;
    }
    return false;
}

static bool path_step_array(hb_pack_reader *r, uint32_t count, hb_str key) {
    int64_t index = 0;
    const bool digits = key.len > 0 && key.ptr[0] >= '0' && key.ptr[0] <= '9';
    if (!digits || hb_num_parse_i64(key, &index) != HB_NUM_OK || index >= count) return false;
    for (int64_t i = 0; i < index; i++) {
        if (!hb_pack_skip(r, NULL)) return false;
    }
    return true;
}

bool hb_pack_path(hb_str bytes, const hb_str *path, uint32_t path_len, hb_str *found) {
    hb_pack_reader r = hb_pack_read(bytes);
    for (uint32_t i = 0; i < path_len; i++) {
        hb_pack_item item;
        if (!hb_pack_next(&r, &item)) return false;
        const bool there = item.tag == HB_PACK_MAP     ? path_step_map(&r, item.count, path[i])
                           : item.tag == HB_PACK_ARRAY ? path_step_array(&r, item.count, path[i])
                                                       : false;
        if (!there) return false;
    }
    return hb_pack_skip(&r, found);
}

/* ---- equality --------------------------------------------------------------------------- */

static bool item_is_number(const hb_pack_item *item) {
    return item->tag == HB_PACK_INT || item->tag == HB_PACK_UINT64 || item->tag == HB_PACK_FLOAT;
}

static bool number_eq(const hb_pack_item *a, const hb_pack_item *b) {
    if (a->tag == HB_PACK_UINT64 || b->tag == HB_PACK_UINT64) {
        if (a->tag == b->tag) return a->u == b->u;
        const hb_pack_item *big = a->tag == HB_PACK_UINT64 ? a : b;
        const hb_pack_item *other = big == a ? b : a;
        return other->tag == HB_PACK_FLOAT && other->f >= 9223372036854775808.0 &&
               other->f < 18446744073709551616.0 && (uint64_t)other->f == big->u;
    }
    const hb_value x = a->tag == HB_PACK_INT ? (hb_value){ HB_KIND_I64, { .i = a->i } }
                                             : (hb_value){ HB_KIND_F64, { .f = a->f } };
    const hb_value y = b->tag == HB_PACK_INT ? (hb_value){ HB_KIND_I64, { .i = b->i } }
                                             : (hb_value){ HB_KIND_F64, { .f = b->f } };
    return hb_value_eq(&x, &y);
}

static bool eq_next(hb_pack_reader *a, hb_pack_reader *b, uint32_t depth);

/* Looks for `key` among the pairs of the other map, first where the last hit ended: maps mostly
 * come in the same order, and then this is one comparison per key. */
static bool map_find(hb_pack_reader start, uint32_t count, uint32_t *hint, hb_pack_reader *hint_at,
                     hb_str key, uint32_t depth, hb_pack_reader *value) {
    hb_pack_reader r = *hint < count ? *hint_at : start;
    uint32_t index = *hint < count ? *hint : 0;
    for (uint32_t tried = 0; tried < count; tried++) {
        hb_pack_reader key_a = hb_pack_read(key);
        hb_pack_reader key_b = r;
        const bool same = eq_next(&key_a, &key_b, depth + 1);
        if (!hb_pack_skip(&r, NULL)) return false;
        *value = r;
        if (!hb_pack_skip(&r, NULL)) return false;
        index++;
        if (same) {
            *hint = index;
            *hint_at = r;
            return true;
        }
        if (index == count) {
            index = 0;
            r = start;
        }
    }
    return false;
}

static bool map_eq(hb_pack_reader *a, hb_pack_reader *b, uint32_t count, uint32_t depth) {
    const hb_pack_reader start = *b;
    hb_pack_reader hint_at = start;
    uint32_t hint = 0;
    for (uint32_t i = 0; i < count; i++) {
        hb_str key;
        hb_pack_reader value = start;
        if (!hb_pack_skip(a, &key)) return false;
        if (!map_find(start, count, &hint, &hint_at, key, depth, &value)) return false;
        if (!eq_next(a, &value, depth + 1)) return false;
    }
    for (uint32_t i = 0; i < count * 2; i++) {
        if (!hb_pack_skip(b, NULL)) return false;
    }
    return true;
}

/* Recursion is bounded by HB_VALUE_DEPTH_MAX. Reads one value from each side. */
static bool eq_next(hb_pack_reader *a, hb_pack_reader *b, uint32_t depth) {
    hb_pack_item x;
    hb_pack_item y;
    if (depth > HB_VALUE_DEPTH_MAX || !hb_pack_next(a, &x) || !hb_pack_next(b, &y)) return false;
    if (item_is_number(&x) && item_is_number(&y)) return number_eq(&x, &y);
    if (x.tag != y.tag) return false;
    switch (x.tag) {
    case HB_PACK_NIL: return true;
    case HB_PACK_BOOL: return x.b == y.b;
    case HB_PACK_STR:
    case HB_PACK_BIN: return hb_str_eq(x.s, y.s);
    case HB_PACK_EXT: return x.ext == y.ext && hb_str_eq(x.s, y.s);
    case HB_PACK_MAP: return x.count == y.count && map_eq(a, b, x.count, depth);
    case HB_PACK_ARRAY:
        if (x.count != y.count) return false;
        for (uint32_t i = 0; i < x.count; i++) {
            if (!eq_next(a, b, depth + 1)) return false;
        }
        return true;
    case HB_PACK_INT:
    case HB_PACK_UINT64:
    case HB_PACK_FLOAT: break;
    }
    return false;
}

bool hb_pack_eq(hb_str a, hb_str b) {
    if (hb_str_eq(a, b)) return true;
    hb_pack_reader x = hb_pack_read(a);
    hb_pack_reader y = hb_pack_read(b);
    return eq_next(&x, &y, 0);
}
