// SPDX-License-Identifier: MIT
#include "base/str.h"

#define REPLACEMENT 0xfffdu
#define HIGH_BITS 0x8080808080808080u

/* Length of the well-formed sequence at `at` (RFC 3629, so no surrogates and nothing overlong),
 * 0 if there is none. */
static uint32_t sequence_len(const unsigned char *at, uint32_t left) {
    const unsigned char lead = at[0];
    if (lead < 0x80) return 1;
    if (lead < 0xc2 || lead > 0xf4) return 0;
    const uint32_t len = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (left < len) return 0;
    const unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    const unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (at[1] < low || at[1] > high) return 0;
    for (uint32_t i = 2; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80) return 0;
    }
    return len;
}

uint32_t hb_utf8_next(hb_str text, uint32_t *pos) {
    const unsigned char *at = (const unsigned char *)text.ptr + *pos;
    const uint32_t len = sequence_len(at, text.len - *pos);
    *pos += len > 0 ? len : 1;
    switch (len) {
    case 1: return at[0];
    case 2: return ((at[0] & 0x1fu) << 6) | (at[1] & 0x3fu);
    case 3: return ((at[0] & 0x0fu) << 12) | ((at[1] & 0x3fu) << 6) | (at[2] & 0x3fu);
    case 4:
        return ((at[0] & 0x07u) << 18) | ((at[1] & 0x3fu) << 12) | ((at[2] & 0x3fu) << 6) |
               (at[3] & 0x3fu);
    default: return REPLACEMENT;
    }
}

/* Bytes from `pos` on that are ASCII, looked at eight at a time. */
static uint32_t ascii_run(hb_str text, uint32_t pos) {
    const uint32_t start = pos;
    for (; text.len - pos >= 8; pos += 8) {
        uint64_t word;
        memcpy(&word, text.ptr + pos, 8);
        if ((word & HIGH_BITS) != 0) break;
    }
    while (pos < text.len && (unsigned char)text.ptr[pos] < 0x80) {
        pos++;
    }
    return pos - start;
}

uint32_t hb_utf8_count(hb_str text) {
    uint32_t count = 0;
    uint32_t pos = 0;
    while (pos < text.len) {
        const uint32_t run = ascii_run(text, pos);
        count += run;
        pos += run;
        while (pos < text.len && (unsigned char)text.ptr[pos] >= 0x80) {
            const uint32_t len =
                sequence_len((const unsigned char *)text.ptr + pos, text.len - pos);
            pos += len > 0 ? len : 1;
            count++;
        }
    }
    return count;
}

bool hb_utf8_valid(hb_str text) {
    uint32_t pos = 0;
    while (pos < text.len) {
        pos += ascii_run(text, pos);
        while (pos < text.len && (unsigned char)text.ptr[pos] >= 0x80) {
            const uint32_t len =
                sequence_len((const unsigned char *)text.ptr + pos, text.len - pos);
            if (len == 0) return false;
            pos += len;
        }
    }
    return true;
}

uint32_t hb_utf8_put(uint32_t cp, char out[4]) {
    if (cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff)) cp = REPLACEMENT;
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    const uint32_t len = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    for (uint32_t i = len - 1; i > 0; i--) {
        out[i] = (char)(0x80u | (cp & 0x3fu));
        cp >>= 6;
    }
    out[0] = (char)((len == 2 ? 0xc0u : len == 3 ? 0xe0u : 0xf0u) | cp);
    return len;
}
