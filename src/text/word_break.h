// SPDX-License-Identifier: MIT
/* Unicode word boundaries (UAX #29, default rules) over borrowed text, and the two character
 * properties that unicode.h lacks. The data is in word_break_table.c, made by
 * scripts/make-word-break-table.mjs. Used inside src/text only; words.h is the public face. */
#ifndef HB_TEXT_WORD_BREAK_H
#define HB_TEXT_WORD_BREAK_H

#include "base/str.h"

/* In the order that the generator knows. */
typedef enum hb_word_class {
    HB_WORD_OTHER, HB_WORD_CR, HB_WORD_LF, HB_WORD_NEWLINE, HB_WORD_EXTEND, HB_WORD_ZWJ,
    HB_WORD_FORMAT, HB_WORD_REGIONAL, HB_WORD_KATAKANA, HB_WORD_HEBREW, HB_WORD_LETTER,
    HB_WORD_SINGLE_QUOTE, HB_WORD_DOUBLE_QUOTE, HB_WORD_MID_NUM_LETTER, HB_WORD_MID_LETTER,
    HB_WORD_MID_NUM, HB_WORD_NUMERIC, HB_WORD_EXTEND_NUM, HB_WORD_SPACE
} hb_word_class;

/* Runs of equal properties in code point order: first code point << 6, 0x20 when pictographic,
 * hb_word_class. The first run starts at U+0000. */
extern const uint32_t hb_word_break_runs[];
extern const uint32_t hb_word_break_run_count;
/* Where Other_Lowercase or Other_Uppercase switches: false from [0], true from [1], and so on. */
extern const uint32_t hb_other_cased_edges[];
extern const uint32_t hb_other_cased_edge_count;

hb_word_class hb_word_class_of(uint32_t cp);
/* The properties Cased and Case_Ignorable, which decide how a capital sigma is lower-cased. */
bool hb_cp_is_cased(uint32_t cp);
bool hb_cp_is_case_ignorable(uint32_t cp);
/* Where the segment that starts at the boundary `start` < text.len ends; > start. */
uint32_t hb_word_segment_end(hb_str text, uint32_t start);

#endif
