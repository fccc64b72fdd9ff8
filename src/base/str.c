// SPDX-License-Identifier: MIT
#include "base/str.h"

int hb_str_cmp(hb_str a, hb_str b) {
    const uint32_t shared = a.len < b.len ? a.len : b.len;
    const int order = shared > 0 ? memcmp(a.ptr, b.ptr, shared) : 0;
    if (order != 0) return order;
    return a.len < b.len ? -1 : a.len > b.len ? 1 : 0;
}

bool hb_str_starts(hb_str text, hb_str prefix) {
    return prefix.len <= text.len &&
           (prefix.len == 0 || memcmp(text.ptr, prefix.ptr, prefix.len) == 0);
}

bool hb_str_ends(hb_str text, hb_str suffix) {
    return suffix.len <= text.len &&
           (suffix.len == 0 ||
            memcmp(text.ptr + (text.len - suffix.len), suffix.ptr, suffix.len) == 0);
}

int64_t hb_str_find(hb_str text, hb_str needle, uint32_t from) {
    if (from > text.len) return -1;
    if (needle.len == 0) return from;
    if (needle.len > text.len - from) return -1;
    const char *at = text.ptr + from;
    const char *end = text.ptr + (text.len - needle.len) + 1;
    while (at < end) {
        at = memchr(at, needle.ptr[0], (size_t)(end - at));
        if (at == NULL) return -1;
        if (memcmp(at, needle.ptr, needle.len) == 0) return at - text.ptr;
        at++;
    }
    return -1;
}

bool hb_str_has_char(hb_str text, char c) {
    return text.len > 0 && memchr(text.ptr, c, text.len) != NULL;
}

/* White space of Python's str.isspace: Unicode White_Space plus the separators U+001C..U+001F. */
static bool code_is_space(uint32_t cp) {
    if (cp <= 0x20) return cp == 0x20 || (cp >= 0x09 && cp <= 0x0d) || (cp >= 0x1c && cp <= 0x1f);
    return cp == 0x85 || cp == 0xa0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200a) ||
           cp == 0x2028 || cp == 0x2029 || cp == 0x202f || cp == 0x205f || cp == 0x3000;
}

hb_str hb_str_trim(hb_str text) {
    uint32_t start = 0;
    while (start < text.len) {
        uint32_t next = start;
        if (!code_is_space(hb_utf8_next(text, &next))) break;
        start = next;
    }
    uint32_t end = text.len;
    while (end > start) {
        uint32_t prev = end - 1;
        while (prev > start && end - prev < 4 && ((unsigned char)text.ptr[prev] & 0xc0) == 0x80) {
            prev--;
        }
        uint32_t next = prev;
        if (!code_is_space(hb_utf8_next(text, &next)) || next != end) break;
        end = prev;
    }
    return (hb_str){ start > 0 ? text.ptr + start : text.ptr, end - start };
}

hb_str hb_str_sub(hb_str text, uint32_t start, uint32_t len) {
    if (start > text.len) start = text.len;
    if (len > text.len - start) len = text.len - start;
    return (hb_str){ start > 0 ? text.ptr + start : text.ptr, len };
}

/* FNV-1a over 8-byte words, then the finaliser of MurmurHash3, so that short keys spread well. */
uint64_t hb_str_hash(hb_str text) {
    uint64_t hash = 0xcbf29ce484222325u ^ text.len;
    uint32_t pos = 0;
    for (; text.len - pos >= 8; pos += 8) {
        uint64_t word;
        memcpy(&word, text.ptr + pos, 8);
        hash = (hash ^ word) * 0x100000001b3u;
        hash ^= hash >> 29;
    }
    for (; pos < text.len; pos++) {
        hash = (hash ^ (unsigned char)text.ptr[pos]) * 0x100000001b3u;
    }
    hash ^= hash >> 33;
    hash *= 0xff51afd7ed558ccdu;
    hash ^= hash >> 33;
    hash *= 0xc4ceb9fe1a85ec53u;
    return hash ^ (hash >> 33);
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool hb_str_eq_nocase(hb_str a, hb_str b) {
    if (a.len != b.len) return false;
    for (uint32_t i = 0; i < a.len; i++) {
        if (lower(a.ptr[i]) != lower(b.ptr[i])) return false;
    }
    return true;
}
