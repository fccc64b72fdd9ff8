// SPDX-License-Identifier: MIT
#include "text/scan.h"

#include "text/simd16.h"

#define VECTOR 16u

/* Setting this bit brings an ASCII letter to lower case; 0 where case counts or is no matter. For
 * a lower-case letter c, (b | 0x20) == c holds for c and its capital only. */
static unsigned char case_bit(const hb_needle *needle, unsigned char c) {
    return needle->nocase && c >= 'a' && c <= 'z' ? 0x20 : 0;
}

static bool is_at(const hb_needle *needle, const char *at) {
    const hb_str bytes = needle->bytes;
    if (!needle->nocase) return memcmp(at, bytes.ptr, bytes.len) == 0;
    for (uint32_t i = 0; i < bytes.len; i++) {
        const unsigned char want = (unsigned char)bytes.ptr[i];
        if (((unsigned char)at[i] | case_bit(needle, want)) != want) return false;
    }
    return true;
}

/* Looks at the starts [from, to] one by one; to + needle length is within the text. */
static int64_t find_scalar(const hb_needle *needle, hb_str text, uint32_t from, uint32_t to) {
    const unsigned char first = (unsigned char)needle->bytes.ptr[0];
    const unsigned char bit = case_bit(needle, first);
    for (uint32_t pos = from; pos <= to; pos++) {
        if (((unsigned char)text.ptr[pos] | bit) == first && is_at(needle, text.ptr + pos)) {
            return pos;
        }
    }
    return -1;
}

#if HB_SIMD16
/* A start is worth a comparison when the needle's first and last byte are both where they must
 * be; 16 starts are tried at once. At least 16 starts remain in [from, to]. */
static int64_t find_vector(const hb_needle *needle, hb_str text, uint32_t from, uint32_t to) {
    const uint32_t last_offset = needle->bytes.len - 1;
    const unsigned char first = (unsigned char)needle->bytes.ptr[0];
    const unsigned char last = (unsigned char)needle->bytes.ptr[last_offset];
    const hb_v16 first_bytes = hb_v16_fill(first);
    const hb_v16 last_bytes = hb_v16_fill(last);
    const hb_v16 first_bits = hb_v16_fill(case_bit(needle, first));
    const hb_v16 last_bits = hb_v16_fill(case_bit(needle, last));
    uint32_t pos = from;
    for (;;) {
        const char *at = text.ptr + pos;
        const hb_v16 heads = hb_v16_eq(hb_v16_or(hb_v16_load(at), first_bits), first_bytes);
        const hb_v16 tails =
            hb_v16_eq(hb_v16_or(hb_v16_load(at + last_offset), last_bits), last_bytes);
        uint32_t candidates = hb_v16_mask(hb_v16_and(heads, tails));
        while (candidates != 0) {
            const uint32_t bit = hb_low_bit(candidates);
            if (is_at(needle, at + bit)) return pos + bit;
            candidates &= candidates - 1;
        }
        if (to - pos < VECTOR) return -1;
        /* The last step overlaps the one before it rather than falling back to single bytes. */
        pos = to - pos >= 2 * VECTOR ? pos + VECTOR : to - (VECTOR - 1);
    }
}
#endif

int64_t hb_needle_find(const hb_needle *needle, hb_str text, uint32_t from) {
    const uint32_t len = needle->bytes.len;
    if (from > text.len) return -1;
    if (len == 0) return from;
    if (len > text.len - from) return -1;
    const uint32_t to = text.len - len;
#if HB_SIMD16
    if (to - from >= VECTOR - 1) return find_vector(needle, text, from, to);
#endif
    return find_scalar(needle, text, from, to);
}

bool hb_text_is_ascii(hb_str text) {
    uint32_t pos = 0;
#if HB_SIMD16
    for (; text.len - pos >= VECTOR; pos += VECTOR) {
        if (hb_v16_mask(hb_v16_load(text.ptr + pos)) != 0) return false;
    }
#endif
    for (; pos < text.len; pos++) {
        if ((unsigned char)text.ptr[pos] >= 0x80) return false;
    }
    return true;
}
