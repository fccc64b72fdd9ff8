// SPDX-License-Identifier: MIT
#include "text/pattern.h"

#include "text/fold.h"
#include "text/glob.h"
#include "text/regex.h"
#include "text/scan.h"
#include "text/unicode.h"
#include "text/words.h"

typedef struct pattern_word {
    uint32_t start, len;    /* in operand */
    uint32_t seen;          /* number of the last text that has it */
    hb_needle needle;       /* over its bytes, once the operand is complete */
} pattern_word;

struct hb_pattern {
    const hb_mem *mem;
    hb_pattern_kind kind;
    hb_buf operand;         /* owns it: lower-cased for MATCH, folded words for HAS_WORDS */
    hb_buf scratch;         /* the text in lower case */
    hb_needle needle;
    bool ascii;             /* the operand is ASCII */
    bool has_i, has_k;      /* MATCH: what U+0130 and U+212A become in lower case */
    hb_glob glob;
    hb_regex *regex;
    hb_words words;
    hb_buf wanted;          /* owns pattern_word[] */
    uint32_t text_number;
};

static pattern_word *wanted_at(const hb_pattern *pattern, uint32_t index) {
    return (pattern_word *)(void *)pattern->wanted.ptr + index;
}

static uint32_t wanted_count(const hb_pattern *pattern) {
    return pattern->wanted.len / (uint32_t)sizeof(pattern_word);
}

/* Index of the wanted word that equals `word`, or the count. */
static uint32_t wanted_find(const hb_pattern *pattern, hb_str word) {
    const uint32_t count = wanted_count(pattern);
    for (uint32_t i = 0; i < count; i++) {
        const pattern_word *want = wanted_at(pattern, i);
        if (want->len == word.len &&
            memcmp(pattern->operand.ptr + want->start, word.ptr, word.len) == 0) {
            return i;
        }
    }
    return count;
}

static hb_status prepare_words(hb_pattern *pattern, hb_str operand, hb_err *err) {
    hb_str word;
    hb_words_reset(&pattern->words, operand);
    while (hb_words_next(&pattern->words, &word)) {
        if (wanted_find(pattern, word) < wanted_count(pattern)) continue;
        const pattern_word want = { .start = pattern->operand.len, .len = word.len };
        hb_buf_add_str(&pattern->operand, word);
        hb_buf_add(&pattern->wanted, &want, sizeof(want));
    }
    HB_TRY(hb_buf_check(&pattern->words.fold, err));
    HB_TRY(hb_buf_check(&pattern->operand, err));
    HB_TRY(hb_buf_check(&pattern->wanted, err));
    for (uint32_t i = 0; i < wanted_count(pattern); i++) {
        pattern_word *want = wanted_at(pattern, i);
        const hb_str bytes = { pattern->operand.ptr + want->start, want->len };
        want->needle = hb_needle_of(bytes, true);
    }
    return HB_OK;
}

/* Characters that are the same but for case, beyond what lower case tells: Unicode's simple case
 * folding, and the Turkish i's, which caseless matching takes for one as Python does. */
static uint32_t caseless(uint32_t cp) {
    static const uint16_t same[][2] = {
        { 0x130, 'i' },     { 0x131, 'i' },     { 0x17f, 's' },     { 0xb5, 0x3bc },
        { 0x345, 0x3b9 },   { 0x1fbe, 0x3b9 },  { 0x1fd3, 0x390 },  { 0x1fe3, 0x3b0 },
        { 0x3d0, 0x3b2 },   { 0x3f5, 0x3b5 },   { 0x3d1, 0x3b8 },   { 0x3f0, 0x3ba },
        { 0x3d6, 0x3c0 },   { 0x3f1, 0x3c1 },   { 0x3c2, 0x3c3 },   { 0x3d5, 0x3c6 },
        { 0x1c80, 0x432 },  { 0x1c81, 0x434 },  { 0x1c82, 0x43e },  { 0x1c83, 0x441 },
        { 0x1c84, 0x442 },  { 0x1c85, 0x442 },  { 0x1c86, 0x44a },  { 0x1c87, 0x463 },
        { 0x1c88, 0xa64b }, { 0x1e9b, 0x1e61 }, { 0xfb05, 0xfb06 },
    };
    if (cp != 0x130) cp = hb_cp_lower(cp);
    for (uint32_t i = 0; cp >= 0x80 && i < sizeof same / sizeof same[0]; i++) {
        if (same[i][0] == cp) return same[i][1];
    }
    return cp;
}

/* One character for each, so that one stays one for `_`. */
static void add_caseless(hb_str text, hb_buf *out) {
    for (uint32_t pos = 0; pos < text.len;) {
        char utf8[4];
        uint32_t start = pos, cp = hb_utf8_next(text, &pos), fold = caseless(cp);
        if (fold == cp) {
            hb_buf_add(out, text.ptr + start, pos - start);
        } else {
            hb_buf_add(out, utf8, hb_utf8_put(fold, utf8));
        }
    }
}

static hb_status prepare(hb_pattern *pattern, hb_str operand, hb_err *err) {
    switch (pattern->kind) {
    case HB_PATTERN_MATCH: hb_text_lower(operand, &pattern->operand); break;
    case HB_PATTERN_ILIKE:
        add_caseless(operand, &pattern->operand);
        HB_TRY(hb_buf_check(&pattern->operand, err));
        return hb_glob_compile_like(&pattern->glob, hb_buf_str(&pattern->operand), true, err);
    case HB_PATTERN_LIKE: return hb_glob_compile_like(&pattern->glob, operand, false, err);
    case HB_PATTERN_WILDCARD: return hb_glob_compile_wildcard(&pattern->glob, operand, err);
    case HB_PATTERN_REGEX: return hb_regex_new(operand, pattern->mem, &pattern->regex, err);
    case HB_PATTERN_HAS_WORDS: return prepare_words(pattern, operand, err);
    case HB_PATTERN_CONTAINS:
    case HB_PATTERN_STARTS_WITH:
    case HB_PATTERN_ENDS_WITH: hb_buf_add_str(&pattern->operand, operand); break;
    }
    HB_TRY(hb_buf_check(&pattern->operand, err));
    const hb_str bytes = hb_buf_str(&pattern->operand);
    pattern->needle = hb_needle_of(bytes, pattern->kind == HB_PATTERN_MATCH);
    pattern->ascii = hb_text_is_ascii(bytes);
    pattern->has_i = hb_str_has_char(bytes, 'i');
    pattern->has_k = hb_str_has_char(bytes, 'k');
    return HB_OK;
}

hb_status hb_pattern_new(hb_pattern_kind kind, hb_str operand, const hb_mem *mem, hb_pattern **out,
                         hb_err *err) {
    *out = NULL;
    hb_pattern *pattern = hb_mem_zalloc(mem, sizeof(*pattern));
    if (pattern == NULL) return hb_err_memory(err);
    pattern->mem = mem;
    pattern->kind = kind;
    hb_buf_init(&pattern->operand, mem);
    hb_buf_init(&pattern->scratch, mem);
    hb_buf_init(&pattern->wanted, mem);
    hb_glob_init(&pattern->glob, mem);
    hb_words_init(&pattern->words, HB_STR_EMPTY, mem);
    const hb_status status = prepare(pattern, operand, err);
    if (status != HB_OK) {
        hb_pattern_free(pattern);
        return status;
    }
    *out = pattern;
    return HB_OK;
}

void hb_pattern_free(hb_pattern *pattern) {
    if (pattern == NULL) return;
    hb_words_free(&pattern->words);
    hb_regex_free(pattern->regex);
    hb_glob_free(&pattern->glob);
    hb_buf_free(&pattern->wanted);
    hb_buf_free(&pattern->scratch);
    hb_buf_free(&pattern->operand);
    hb_mem_free(pattern->mem, pattern, sizeof(*pattern));
}

/* The text in lower case, borrowed from the scratch buffer; false when out of memory. */
static bool lower_text(hb_pattern *pattern, hb_str text, hb_str *lower) {
    hb_buf_clear(&pattern->scratch);
    hb_text_lower(text, &pattern->scratch);
    *lower = hb_buf_str(&pattern->scratch);
    return !pattern->scratch.failed && !pattern->scratch.over;
}

/* U+0130 and U+212A are the only code points beyond ASCII whose lower case holds an ASCII letter
 * (i and k): text without them gives an ASCII needle nothing that a scan of its bytes misses. */
static bool needs_lowering(const hb_pattern *pattern, hb_str text) {
    return (pattern->has_i && hb_str_find(text, HB_STR("\xc4\xb0"), 0) >= 0) ||
           (pattern->has_k && hb_str_find(text, HB_STR("\xe2\x84\xaa"), 0) >= 0);
}

static int test_match(hb_pattern *pattern, hb_str text) {
    hb_str lower;
    if (pattern->ascii) {
        bool ascii = true;
        if (hb_needle_find_ascii(&pattern->needle, text, &ascii) >= 0) return 1;
        if (ascii || !needs_lowering(pattern, text)) return 0;
    } else if (hb_text_is_ascii(text)) {
        return 0;
    }
    if (!lower_text(pattern, text, &lower)) return -1;
    return hb_needle_find(&pattern->needle, lower, 0) >= 0 ? 1 : 0;
}

static int test_ilike(hb_pattern *pattern, hb_str text) {
    if (hb_text_is_ascii(text)) return hb_glob_test(&pattern->glob, text) ? 1 : 0;
    hb_buf_clear(&pattern->scratch);
    add_caseless(text, &pattern->scratch);
    if (pattern->scratch.failed || pattern->scratch.over) return -1;
    return hb_glob_test(&pattern->glob, hb_buf_str(&pattern->scratch)) ? 1 : 0;
}

/* In ASCII text a word stands as it is, but for case: whether all wanted ones may be there. */
static bool may_have_words(const hb_pattern *pattern, hb_str text) {
    const uint32_t count = wanted_count(pattern);
    for (uint32_t i = 0; i < count; i++) {
        bool ascii = true;
        if (hb_needle_find_ascii(&wanted_at(pattern, i)->needle, text, &ascii) >= 0) continue;
        if (ascii) return false;
    }
    return true;
}

static int test_words(hb_pattern *pattern, hb_str text) {
    const uint32_t count = wanted_count(pattern);
    uint32_t missing = count;
    if (!may_have_words(pattern, text)) return 0;
    const uint32_t number = ++pattern->text_number;
    if (number == 0) {
        /* The counter came round: no word may look as if this text had shown it. */
        for (uint32_t i = 0; i < count; i++) {
            wanted_at(pattern, i)->seen = 0;
        }
        pattern->text_number = 1;
    }
    hb_str word;
    hb_words_reset(&pattern->words, text);
    while (missing > 0 && hb_words_next(&pattern->words, &word)) {
        const uint32_t found = wanted_find(pattern, word);
        if (found == count || wanted_at(pattern, found)->seen == pattern->text_number) continue;
        wanted_at(pattern, found)->seen = pattern->text_number;
        missing--;
    }
    if (pattern->words.fold.failed) return -1;
    return missing == 0 ? 1 : 0;
}

int hb_pattern_test(hb_pattern *pattern, hb_str text) {
    const hb_str operand = pattern->needle.bytes;
    switch (pattern->kind) {
    case HB_PATTERN_MATCH: return test_match(pattern, text);
    case HB_PATTERN_CONTAINS: return hb_needle_find(&pattern->needle, text, 0) >= 0 ? 1 : 0;
    case HB_PATTERN_STARTS_WITH: return hb_str_starts(text, operand) ? 1 : 0;
    case HB_PATTERN_ENDS_WITH: return hb_str_ends(text, operand) ? 1 : 0;
    case HB_PATTERN_ILIKE: return test_ilike(pattern, text);
    case HB_PATTERN_LIKE:
    case HB_PATTERN_WILDCARD: return hb_glob_test(&pattern->glob, text) ? 1 : 0;
    case HB_PATTERN_REGEX: return hb_regex_test(pattern->regex, text);
    case HB_PATTERN_HAS_WORDS: return test_words(pattern, text);
    }
    return -1;
}
