// SPDX-License-Identifier: MIT
/* Substring search by vectors of 16 bytes, for `match` and `contains` over many short texts. */
#ifndef HB_TEXT_SCAN_H
#define HB_TEXT_SCAN_H

#include "base/str.h"

typedef struct hb_needle {
    hb_str bytes;       /* borrowed */
    bool nocase;        /* ASCII letters also match in the other case; `bytes` is in lower case */
    uint32_t rare[2];   /* offsets of the two bytes that texts are least likely to have */
} hb_needle;

hb_needle hb_needle_of(hb_str bytes, bool nocase);
/* Byte position of the first occurrence in `text` at or after `from`, or -1. An empty needle is
 * found at `from`. */
int64_t hb_needle_find(const hb_needle *needle, hb_str text, uint32_t from);
/* The same from the start, and in the same pass: whether the text is ASCII. *ascii is set only when
 * the needle is not found. */
int64_t hb_needle_find_ascii(const hb_needle *needle, hb_str text, bool *ascii);
/* Whether the needle stands at `at`, which has as many bytes. */
bool hb_needle_is_at(const hb_needle *needle, const char *at);
bool hb_text_is_ascii(hb_str text);

#endif
