// SPDX-License-Identifier: MIT
#include "text/scan.h"

#include "text/simd16.h"

#define VECTOR 16u

/* Setting this bit brings an ASCII letter to lower case; 0 where case counts or is no matter. For
 * a lower-case letter c, (b | 0x20) == c holds for c and its capital only. */
static unsigned char case_bit(const hb_needle *needle, unsigned char c) {
    return needle->nocase && c >= 'a' && c <= 'z' ? 0x20 : 0;
}

bool hb_needle_is_at(const hb_needle *needle, const char *at) {
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
        const char *at = text.ptr + pos;
        if (((unsigned char)*at | bit) == first && hb_needle_is_at(needle, at)) return pos;
    }
    return -1;
}

#if HB_SIMD16
/* What a vector of starts must show at one of the two rare offsets. */
typedef struct probe {
    uint32_t offset;
    hb_v16 want, bits;
    hb_v16 seen;        /* or of all bytes looked at: their top bits tell whether all were ASCII */
} probe;

static probe probe_of(const hb_needle *needle, uint32_t offset) {
    const unsigned char c = (unsigned char)needle->bytes.ptr[offset];
    return (probe){ offset, hb_v16_fill(c), hb_v16_fill(case_bit(needle, c)), hb_v16_fill(0) };
}

/* Bit i: both rare bytes are where they must be if the needle starts at at + i. A call for every 16
 * bytes would cost more than they do: clang leaves it one when it is not told. */
static inline __attribute__((always_inline)) uint32_t
candidates_at(probe *a, const probe *b, const char *at) {
    const hb_v16 bytes = hb_v16_load(at + a->offset);
    a->seen = hb_v16_or(a->seen, bytes);
    const hb_v16 of_a = hb_v16_eq(hb_v16_or(bytes, a->bits), a->want);
    const hb_v16 of_b = hb_v16_eq(hb_v16_or(hb_v16_load(at + b->offset), b->bits), b->want);
    return hb_v16_mask(hb_v16_and(of_a, of_b));
}

/* Index of the first candidate at which the needle stands, or -1. */
static int64_t check_candidates(const hb_needle *needle, const char *at, uint32_t candidates) {
    while (candidates != 0) {
        const uint32_t bit = hb_low_bit(candidates);
        if (hb_needle_is_at(needle, at + bit)) return bit;
        candidates &= candidates - 1;
    }
    return -1;
}

/* At least 16 starts remain in [from, to]; two vectors of them are tried in one step. Not found:
 * the bytes [from + rare[0], to + rare[0]] have all been seen. */
static int64_t find_vector(const hb_needle *needle, hb_str text, uint32_t from, uint32_t to,
                           bool *seen_ascii) {
    probe a = probe_of(needle, needle->rare[0]);
    const probe b = probe_of(needle, needle->rare[1]);
    uint32_t pos = from;
    for (; to - pos >= 2 * VECTOR; pos += 2 * VECTOR) {
        const char *at = text.ptr + pos;
        const uint32_t candidates =
            candidates_at(&a, &b, at) | candidates_at(&a, &b, at + VECTOR) << VECTOR;
        if (candidates == 0) continue;
        const int64_t found = check_candidates(needle, at, candidates);
        if (found >= 0) return pos + found;
    }
    /* 1 to 32 starts are left. The last step overlaps what was tried, not to go by single bytes. */
    const uint32_t last = to - (VECTOR - 1);
    for (pos = to - pos >= VECTOR ? pos : last;; pos = last) {
        const char *at = text.ptr + pos;
        const int64_t found = check_candidates(needle, at, candidates_at(&a, &b, at));
        if (found >= 0) return pos + found;
        if (pos == last) break;
    }
    *seen_ascii = hb_v16_mask(a.seen) == 0;
    return -1;
}
#endif

/* How seldom a byte is in texts, roughly. */
static uint32_t rarity(unsigned char c) {
    static const char by_frequency[] = " etaoinsrhldcumfpgwybvkxjqz";
    const char *found = c != 0 ? strchr(by_frequency, c) : NULL;
    if (found != NULL) return (uint32_t)(found - by_frequency);
    /* Lead bytes repeat in every character of most scripts, the bytes behind them less. */
    if (c >= 0xc0) return 2;
    return c >= 0x80 ? 12 : 20;
}

hb_needle hb_needle_of(hb_str bytes, bool nocase) {
    hb_needle needle = { bytes, nocase, { 0, bytes.len > 0 ? bytes.len - 1 : 0 } };
    uint32_t best[2] = { 0, 0 };
    for (uint32_t i = 0; i < bytes.len; i++) {
        const uint32_t seldom = rarity((unsigned char)bytes.ptr[i]) + 1;
        if (seldom > best[0]) {
            best[1] = best[0];
            if (best[1] > 0) needle.rare[1] = needle.rare[0];
            best[0] = seldom;
            needle.rare[0] = i;
        } else if (seldom > best[1]) {
            best[1] = seldom;
            needle.rare[1] = i;
        }
    }
    return needle;
}

int64_t hb_needle_find(const hb_needle *needle, hb_str text, uint32_t from) {
    const uint32_t len = needle->bytes.len;
    if (from > text.len) return -1;
    if (len == 0) return from;
    if (len > text.len - from) return -1;
    const uint32_t to = text.len - len;
#if HB_SIMD16
    bool ascii;
    if (to - from >= VECTOR - 1) return find_vector(needle, text, from, to, &ascii);
#endif
    return find_scalar(needle, text, from, to);
}

int64_t hb_needle_find_ascii(const hb_needle *needle, hb_str text, bool *ascii) {
#if HB_SIMD16
    const uint32_t len = needle->bytes.len;
    if (len > 0 && len <= text.len && text.len - len >= VECTOR - 1) {
        const uint32_t to = text.len - len;
        const int64_t found = find_vector(needle, text, 0, to, ascii);
        if (found >= 0 || !*ascii) return found;
        const uint32_t end = to + needle->rare[0] + 1;
        *ascii = hb_text_is_ascii(hb_str_sub(text, 0, needle->rare[0])) &&
                 hb_text_is_ascii(hb_str_sub(text, end, text.len - end));
        return -1;
    }
#endif
    const int64_t found = hb_needle_find(needle, text, 0);
    if (found < 0) *ascii = hb_text_is_ascii(text);
    return found;
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
