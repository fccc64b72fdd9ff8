// SPDX-License-Identifier: MIT
/* A pattern, after a NUL the text: compiled as each kind and tried, within the engine's limits. The kinds
 * agree with each other where one can say what another means. */
#include "tests/fuzz/fuzz.h"
#include "text/pattern.h"

#define REFUSED (-2)

static int tried(hb_pattern_kind kind, hb_str operand, hb_str text) {
    hb_pattern *pattern = NULL;
    hb_err err;
    if (hb_pattern_new(kind, operand, hb_mem_default(), &pattern, &err) != HB_OK) {
        MUST(pattern == NULL && err.code != HB_OK && err.code != HB_E_INTERNAL && err.msg[0] != '\0');
        return REFUSED;
    }
    const int found = hb_pattern_test(pattern, text);
    MUST(hb_pattern_test(pattern, text) == found); /* scratch buffers do not remember */
    (void)hb_pattern_test(pattern, HB_STR_EMPTY);
    hb_pattern_free(pattern);
    return found;
}

static bool has_any(hb_str text, const char *chars) {
    for (; *chars != '\0'; chars++) {
        if (hb_str_has_char(text, *chars)) return true;
    }
    return false;
}

static void agree(hb_str operand, hb_str text) {
    const int contains = tried(HB_PATTERN_CONTAINS, operand, text);
    MUST(contains == (hb_str_find(text, operand, 0) >= 0));
    MUST(tried(HB_PATTERN_STARTS_WITH, operand, text) == hb_str_starts(text, operand));
    MUST(tried(HB_PATTERN_ENDS_WITH, operand, text) == hb_str_ends(text, operand));
    if (contains == 1) MUST(tried(HB_PATTERN_MATCH, operand, text) == 1);
    const int like = tried(HB_PATTERN_LIKE, operand, text), ilike = tried(HB_PATTERN_ILIKE, operand, text);
    if (like == 1) MUST(ilike == 1);
    const bool equal = hb_str_eq(operand, text);
    if (!has_any(operand, "%_")) MUST(like == equal);
    const int wildcard = tried(HB_PATTERN_WILDCARD, operand, text);
    if (!has_any(operand, "*?[")) MUST(wildcard == equal);
    const int words = tried(HB_PATTERN_HAS_WORDS, operand, text);
    MUST(words == 0 || words == 1);
    if (equal) MUST(words == 1);
    const int regex = tried(HB_PATTERN_REGEX, operand, text);
    if (regex != REFUSED && text.len <= 8192 && !has_any(operand, "\\^$.|?*+()[]{}")) MUST(regex == contains);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hb_arena arena;
    hb_str text;
    hb_arena_init(&arena, hb_mem_default());
    const hb_str operand = fuzz_split(data, size, &arena, &text);
    if (hb_utf8_valid(operand) && hb_utf8_valid(text)) agree(operand, text);
    hb_arena_free(&arena);
    return 0;
}
