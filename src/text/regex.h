// SPDX-License-Identifier: MIT
/* Regular expressions: Python's syntax for text patterns (re, 3.11) on PCRE2, interpreted, with
 * limits on matching. Used inside src/text. */
#ifndef HB_TEXT_REGEX_H
#define HB_TEXT_REGEX_H

#include "base/buf.h"

typedef struct hb_regex hb_regex;

typedef struct hb_regex_source {
    bool ascii;         /* (?a): \w \d \s \b know ASCII only */
} hb_regex_source;

/* Rewrites a Python pattern as a PCRE2 pattern, appended to `out`. HB_E_QUERY with the byte offset
 * for what Python refuses, and for an unbounded repeat of a group that holds an unbounded one. */
hb_status hb_regex_translate(hb_str pattern, hb_buf *out, hb_regex_source *source, hb_err *err);

/* Owns what it needs; `*out` moves to the caller. */
hb_status hb_regex_new(hb_str pattern, const hb_mem *mem, hb_regex **out, hb_err *err);
void hb_regex_free(hb_regex *regex);
/* Searches the first HB_REGEX_TARGET_MAX code points: 1 found, 0 not, -1 beyond the limits. */
int hb_regex_test(hb_regex *regex, hb_str text);

#endif
