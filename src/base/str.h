// SPDX-License-Identifier: MIT
/* Borrowed text: bytes with a length, never NUL-terminated by promise. UTF-8 unless said otherwise.
 * A value of hb_str by itself never owns what it points to. */
#ifndef HB_BASE_STR_H
#define HB_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct hb_str {
    const char *ptr;    /* may be NULL when len is 0 */
    uint32_t len;       /* bytes */
} hb_str;

#define HB_STR(literal) ((hb_str){ "" literal, (uint32_t)(sizeof(literal) - 1) })
#define HB_STR_EMPTY ((hb_str){ "", 0 })
/* For "%.*s". */
#define HB_ARG(s) (int)(s).len, ((s).ptr != NULL ? (s).ptr : "")

/* Borrows a C string. Only for literals, our own tables and the edge of a C library. */
static inline hb_str hb_str_c(const char *text) {
    return (hb_str){ text, (uint32_t)strlen(text) };
}
static inline hb_str hb_str_n(const void *ptr, size_t len) {
    return (hb_str){ (const char *)ptr, (uint32_t)len };
}
static inline bool hb_str_eq(hb_str a, hb_str b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}
/* Byte order, which for UTF-8 is code point order: <0, 0, >0. */
int hb_str_cmp(hb_str a, hb_str b);
bool hb_str_starts(hb_str text, hb_str prefix);
bool hb_str_ends(hb_str text, hb_str suffix);
/* Byte position of `needle` in `text` at or after `from`, or -1. An empty needle is found at
 * `from`. */
int64_t hb_str_find(hb_str text, hb_str needle, uint32_t from);
bool hb_str_has_char(hb_str text, char c);
/* Without leading and trailing Unicode white space as Python's str.strip knows it. */
hb_str hb_str_trim(hb_str text);
/* [start, start + len) clamped to the text. */
hb_str hb_str_sub(hb_str text, uint32_t start, uint32_t len);
/* 64-bit FNV-1a style hash with a final mix; stable within one process only. */
uint64_t hb_str_hash(hb_str text);
/* ASCII case-insensitive equality, for keywords and boolean words. */
bool hb_str_eq_nocase(hb_str a, hb_str b);

/* UTF-8. */
/* Decodes the code point at *pos and advances; invalid bytes decode as U+FFFD, one byte each. */
uint32_t hb_utf8_next(hb_str text, uint32_t *pos);
/* Number of code points (invalid bytes count one each). */
uint32_t hb_utf8_count(hb_str text);
bool hb_utf8_valid(hb_str text);
/* Writes the 1..4 bytes of `cp`; returns how many. */
uint32_t hb_utf8_put(uint32_t cp, char out[4]);

#endif
