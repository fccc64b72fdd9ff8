// SPDX-License-Identifier: MIT
#include "text/word_break.h"

#include "text/unicode.h"

#define RUN_SHIFT 6u
#define RUN_PICTOGRAPH 0x20u
#define RUN_CLASS 0x1fu
#define SET(class_name) (1u << (class_name))

#define LINE_ENDS (SET(HB_WORD_CR) | SET(HB_WORD_LF) | SET(HB_WORD_NEWLINE))
#define TRANSPARENT (SET(HB_WORD_EXTEND) | SET(HB_WORD_FORMAT) | SET(HB_WORD_ZWJ))
#define LETTERS (SET(HB_WORD_LETTER) | SET(HB_WORD_HEBREW))
#define QUOTE_OR_DOT (SET(HB_WORD_MID_NUM_LETTER) | SET(HB_WORD_SINGLE_QUOTE))
#define IN_WORD (LETTERS | SET(HB_WORD_NUMERIC) | SET(HB_WORD_KATAKANA) | SET(HB_WORD_EXTEND_NUM))

/* The last run that starts at or before `cp`. */
static uint32_t run_of(uint32_t cp) {
    uint32_t low = 0;
    uint32_t high = hb_word_break_run_count;
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        if (hb_word_break_runs[middle] >> RUN_SHIFT <= cp) low = middle;
        else high = middle;
    }
    return hb_word_break_runs[low];
}

hb_word_class hb_word_class_of(uint32_t cp) {
    return (hb_word_class)(run_of(cp) & RUN_CLASS);
}

static bool is_other_cased(uint32_t cp) {
    uint32_t low = 0;
    uint32_t high = hb_other_cased_edge_count;
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        if (hb_other_cased_edges[middle] <= cp) low = middle;
        else high = middle;
    }
    return (low & 1u) != 0;
}

bool hb_cp_is_cased(uint32_t cp) {
    const hb_category category = hb_cp_category(cp);
    return category == HB_CATEGORY_LU || category == HB_CATEGORY_LL ||
           category == HB_CATEGORY_LT || is_other_cased(cp);
}

bool hb_cp_is_case_ignorable(uint32_t cp) {
    const hb_category category = hb_cp_category(cp);
    if (category == HB_CATEGORY_MN || category == HB_CATEGORY_ME ||
        category == HB_CATEGORY_CF || category == HB_CATEGORY_LM ||
        category == HB_CATEGORY_SK) {
        return true;
    }
    return ((SET(HB_WORD_MID_LETTER) | QUOTE_OR_DOT) & SET(hb_word_class_of(cp))) != 0;
}

/* What the rules look back at, as sets of one class each. Extend, Format and ZWJ after another
 * character are seen by `raw` only (WB4). */
typedef struct boundary {
    uint32_t raw;           /* the character just before */
    uint32_t before;        /* the last one that is not transparent */
    uint32_t earlier;       /* the one before that; 0 at the start */
    uint32_t regional_count;
} boundary;

/* The class after `pos` that is not transparent, as a set; 0 at the end of the text. */
static uint32_t look_ahead(hb_str text, uint32_t pos) {
    while (pos < text.len) {
        const uint32_t set = SET(run_of(hb_utf8_next(text, &pos)) & RUN_CLASS);
        if ((set & TRANSPARENT) == 0) return set;
    }
    return 0;
}

/* WB5 to WB13b: between two characters that words are made of. `pos` is behind the second. */
static bool joins_word(const boundary *at, uint32_t set, hb_str text, uint32_t pos) {
    const uint32_t before = at->before;
    const uint32_t mid_letter = SET(HB_WORD_MID_LETTER) | QUOTE_OR_DOT;
    const uint32_t mid_number = SET(HB_WORD_MID_NUM) | QUOTE_OR_DOT;
    const uint32_t alphanumeric = LETTERS | SET(HB_WORD_NUMERIC);
    if ((before & alphanumeric) != 0 && (set & alphanumeric) != 0) return true;
    if ((before & LETTERS) != 0 && (set & mid_letter) != 0 &&
        (look_ahead(text, pos) & LETTERS) != 0) {
        return true;
    }
    if ((at->earlier & LETTERS) != 0 && (before & mid_letter) != 0 && (set & LETTERS) != 0) {
        return true;
    }
    if ((before & SET(HB_WORD_HEBREW)) != 0) {
        if ((set & SET(HB_WORD_SINGLE_QUOTE)) != 0) return true;
        if ((set & SET(HB_WORD_DOUBLE_QUOTE)) != 0 &&
            (look_ahead(text, pos) & SET(HB_WORD_HEBREW)) != 0) {
            return true;
        }
    }
    if ((at->earlier & set & SET(HB_WORD_HEBREW)) != 0 &&
        (before & SET(HB_WORD_DOUBLE_QUOTE)) != 0) {
        return true;
    }
    if ((at->earlier & set & SET(HB_WORD_NUMERIC)) != 0 && (before & mid_number) != 0) return true;
    if ((before & SET(HB_WORD_NUMERIC)) != 0 && (set & mid_number) != 0 &&
        (look_ahead(text, pos) & SET(HB_WORD_NUMERIC)) != 0) {
        return true;
    }
    if ((before & set & SET(HB_WORD_KATAKANA)) != 0) return true;
    return ((before & IN_WORD) != 0 && (set & SET(HB_WORD_EXTEND_NUM)) != 0) ||
           ((before & SET(HB_WORD_EXTEND_NUM)) != 0 && (set & IN_WORD) != 0);
}

static bool joins(const boundary *at, uint32_t run, hb_str text, uint32_t pos) {
    const uint32_t set = SET(run & RUN_CLASS);
    if ((at->raw & SET(HB_WORD_CR)) != 0 && (set & SET(HB_WORD_LF)) != 0) return true;
    if (((at->raw | set) & LINE_ENDS) != 0) return false;
    if ((at->raw & SET(HB_WORD_ZWJ)) != 0 && (run & RUN_PICTOGRAPH) != 0) return true;
    if ((at->raw & set & SET(HB_WORD_SPACE)) != 0) return true;
    if ((set & TRANSPARENT) != 0) return true;
    if ((at->before & set & SET(HB_WORD_REGIONAL)) != 0) return at->regional_count % 2 == 1;
    return joins_word(at, set, text, pos);
}

uint32_t hb_word_segment_end(hb_str text, uint32_t start) {
    uint32_t pos = start;
    const uint32_t first = SET(run_of(hb_utf8_next(text, &pos)) & RUN_CLASS);
    boundary at = { .raw = first, .before = first };
    at.regional_count = first == SET(HB_WORD_REGIONAL) ? 1 : 0;
    while (pos < text.len) {
        const uint32_t here = pos;
        const uint32_t run = run_of(hb_utf8_next(text, &pos));
        if (!joins(&at, run, text, pos)) return here;
        at.raw = SET(run & RUN_CLASS);
        if ((at.raw & TRANSPARENT) != 0) continue;
        at.earlier = at.before;
        at.before = at.raw;
        at.regional_count += at.raw == SET(HB_WORD_REGIONAL) ? 1 : 0;
    }
    return pos;
}
