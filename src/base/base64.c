// SPDX-License-Identifier: MIT
#include "base/base64.h"

void hb_base64_write(hb_str bytes, hb_buf *out) {
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *at = (const unsigned char *)bytes.ptr;
    for (uint32_t i = 0; i < bytes.len; i += 3) {
        const uint32_t left = bytes.len - i;
        const uint32_t group = (uint32_t)at[i] << 16 | (left > 1 ? (uint32_t)at[i + 1] << 8 : 0u) |
                               (left > 2 ? (uint32_t)at[i + 2] : 0u);
        char text[4] = { alphabet[group >> 18], alphabet[group >> 12 & 63],
                         alphabet[group >> 6 & 63], alphabet[group & 63] };
        if (left < 3) text[3] = '=';
        if (left < 2) text[2] = '=';
        hb_buf_add(out, text, 4);
    }
}

static int digit_of(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool hb_base64_read(hb_str text, hb_arena *arena, hb_str *out) {
    char *bytes = hb_arena_alloc(arena, (size_t)text.len / 4 * 3 + 3);
    *out = (hb_str){ bytes, 0 };
    if (bytes == NULL) return true;
    uint32_t len = 0, group = 0, digits = 0, end = text.len;
    while (end > 0 && text.ptr[end - 1] == '=' && text.len - end < 2) end--;
    for (uint32_t i = 0; i < end; i++) {
        const int digit = digit_of(text.ptr[i]);
        if (digit < 0 || text.len % 4 != 0) return false;
        group = group << 6 | (uint32_t)digit;
        if (++digits < 4) continue;
        bytes[len++] = (char)(group >> 16);
        bytes[len++] = (char)(group >> 8);
        bytes[len++] = (char)group;
        digits = group = 0;
    }
    if (digits == 3) bytes[len++] = (char)(group >> 10);
    if (digits >= 2) bytes[len++] = (char)(digits == 3 ? group >> 2 : group >> 4);
    out->len = len;
    return true;
}
