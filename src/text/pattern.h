// SPDX-License-Identifier: MIT
/* Compiled text patterns: what the evaluator runs per cell. Exact semantics of the portable
 * operators (docs/query.md):
 *   MATCH       case-insensitive (lower-cased) substring; "" matches every text
 *   CONTAINS    substring; STARTS_WITH, ENDS_WITH: affixes; all case-sensitive
 *   LIKE/ILIKE  whole string, % any run, _ one code point, no escape; neither crosses a newline
 *   WILDCARD    whole string glob: * ? [seq] [!seq] [a-z], case-sensitive
 *   REGEX       unanchored search, Perl syntax close to Python re, PCRE2 with match limits; pattern
 *               at most 512 code points, only the first 8192 code points of the target are looked
 *               at; nested quantifiers such as (a+)+ are refused as unsafe
 *   HAS_WORDS   every word (words.h) of the operand occurs as a word of the text */
#ifndef HB_TEXT_PATTERN_H
#define HB_TEXT_PATTERN_H

#include "base/err.h"
#include "base/mem.h"

typedef enum hb_pattern_kind {
    HB_PATTERN_MATCH, HB_PATTERN_CONTAINS, HB_PATTERN_STARTS_WITH, HB_PATTERN_ENDS_WITH,
    HB_PATTERN_LIKE, HB_PATTERN_ILIKE, HB_PATTERN_WILDCARD, HB_PATTERN_REGEX, HB_PATTERN_HAS_WORDS
} hb_pattern_kind;

typedef struct hb_pattern hb_pattern;

/* Owns what it needs; `*out` moves to the caller. HB_E_QUERY for a bad or unsafe pattern. */
hb_status hb_pattern_new(hb_pattern_kind kind, hb_str operand, const hb_mem *mem,
                         hb_pattern **out, hb_err *err);
void hb_pattern_free(hb_pattern *pattern);
/* 1 match, 0 no match, -1 match limit of the regex engine exceeded (HB_E_LIMIT) or no memory.
 * Not const: it has scratch buffers; use one pattern from one thread. */
int hb_pattern_test(hb_pattern *pattern, hb_str text);

#endif
