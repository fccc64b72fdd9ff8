// SPDX-License-Identifier: MIT
/* Substring search by vectors of 16 bytes, for `match` and `contains` over many short texts. A
 * needle borrows its bytes. */
#ifndef HB_TEXT_SCAN_H
#define HB_TEXT_SCAN_H

#include "base/str.h"

typedef struct hb_needle {
    hb_str bytes;
    bool nocase;        /* ASCII letters also match in the other case; `bytes` is in lower case */
} hb_needle;

/* Byte position of the first occurrence in `text` at or after `from`, or -1. An empty needle is
 * found at `from`. */
int64_t hb_needle_find(const hb_needle *needle, hb_str text, uint32_t from);
bool hb_text_is_ascii(hb_str text);

#endif
