// SPDX-License-Identifier: MIT
#include "base/buf.h"

#include <stdarg.h>
#include <string.h>

#include "base/format.h"
#include "base/limits.h"
#include "base/num.h"

#define BUF_FIRST 256u

void hb_buf_init(hb_buf *buf, const hb_mem *mem) {
    *buf = (hb_buf){ .mem = mem };
}

void hb_buf_free(hb_buf *buf) {
    hb_mem_free(buf->mem, buf->ptr, buf->cap);
    *buf = (hb_buf){ .mem = buf->mem, .max = buf->max };
}

bool hb_buf_reserve(hb_buf *buf, uint32_t more) {
    if (buf->failed || buf->over) return false;
    if (more <= buf->cap - buf->len) return true;
    const uint32_t max = buf->max > 0 ? buf->max : HB_BUF_BYTES_MAX;
    if (buf->len > max || more > max - buf->len) {
        buf->over = true;
        return false;
    }
    const uint32_t need = buf->len + more;
    uint64_t cap = buf->cap > 0 ? (uint64_t)buf->cap * 2 : BUF_FIRST;
    if (cap < need) cap = need;
    if (cap > max) cap = max;
    char *ptr = hb_mem_realloc(buf->mem, buf->ptr, buf->cap, (size_t)cap);
    if (ptr == NULL) {
        buf->failed = true;
        return false;
    }
    buf->ptr = ptr;
    buf->cap = (uint32_t)cap;
    return true;
}

void hb_buf_add(hb_buf *buf, const void *bytes, size_t len) {
    if (len == 0) return;
    if (len > HB_BUF_BYTES_MAX) {
        buf->over = true;
        return;
    }
    if (!hb_buf_reserve(buf, (uint32_t)len)) return;
    memcpy(buf->ptr + buf->len, bytes, len);
    buf->len += (uint32_t)len;
}

void hb_buf_add_str(hb_buf *buf, hb_str text) {
    hb_buf_add(buf, text.ptr, text.len);
}

void hb_buf_add_c(hb_buf *buf, const char *text) {
    hb_buf_add(buf, text, strlen(text));
}

void hb_buf_add_char(hb_buf *buf, char c) {
    if (!hb_buf_reserve(buf, 1)) return;
    buf->ptr[buf->len++] = c;
}

void hb_buf_add_zero(hb_buf *buf, size_t len) {
    if (len > HB_BUF_BYTES_MAX) {
        buf->over = true;
        return;
    }
    if (len == 0 || !hb_buf_reserve(buf, (uint32_t)len)) return;
    memset(buf->ptr + buf->len, 0, len);
    buf->len += (uint32_t)len;
}

void hb_buf_align(hb_buf *buf, uint32_t align) {
    const uint32_t over = buf->len % align;
    if (over > 0) hb_buf_add_zero(buf, align - over);
}

void hb_buf_printf(hb_buf *buf, const char *fmt, ...) {
    va_list args;
    va_list again;
    va_start(args, fmt);
    va_copy(again, args);
    const uint32_t len = hb_format_list(NULL, 0, fmt, args);
    va_end(args);
    if (hb_buf_reserve(buf, len + 1)) {
        hb_format_list(buf->ptr + buf->len, (size_t)len + 1, fmt, again);
        buf->len += len;
    }
    va_end(again);
}

void hb_buf_add_i64(hb_buf *buf, int64_t value) {
    char text[HB_NUM_TEXT_MAX];
    hb_buf_add(buf, text, hb_num_write_i64(value, text));
}

void hb_buf_add_f64(hb_buf *buf, double value) {
    char text[HB_NUM_TEXT_MAX];
    hb_buf_add(buf, text, hb_num_write_f64(value, text));
}

static void add_json_escape(hb_buf *buf, unsigned char c) {
    static const char hex[] = "0123456789abcdef";
    static const char shorts[] = "\b\t\n\f\r\"\\";
    static const char letters[] = "btnfr\"\\";
    const char *found = c != 0 ? strchr(shorts, c) : NULL;
    if (found != NULL) {
        const char text[2] = { '\\', letters[found - shorts] };
        hb_buf_add(buf, text, 2);
        return;
    }
    const char text[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };
    hb_buf_add(buf, text, 6);
}

void hb_buf_add_json_str(hb_buf *buf, hb_str text) {
    hb_buf_add_char(buf, '"');
    uint32_t start = 0;
    for (uint32_t pos = 0; pos < text.len; pos++) {
        const unsigned char c = (unsigned char)text.ptr[pos];
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        hb_buf_add(buf, text.ptr + start, pos - start);
        add_json_escape(buf, c);
        start = pos + 1;
    }
    if (start < text.len) hb_buf_add(buf, text.ptr + start, text.len - start);
    hb_buf_add_char(buf, '"');
}

hb_status hb_buf_check(const hb_buf *buf, hb_err *err) {
    if (buf->failed) return hb_err_memory(err);
    if (buf->over) {
        return hb_err_set(err, HB_E_LIMIT, "output exceeds %u bytes",
                          (unsigned)(buf->max > 0 ? buf->max : HB_BUF_BYTES_MAX));
    }
    return HB_OK;
}

char *hb_buf_take(hb_buf *buf, uint32_t *len, uint32_t *cap) {
    char *ptr = buf->ptr;
    *len = buf->len;
    *cap = buf->cap;
    *buf = (hb_buf){ .mem = buf->mem, .max = buf->max };
    return ptr;
}
