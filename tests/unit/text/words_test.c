// SPDX-License-Identifier: MIT
#include "tests/unit/test.h"

#include <stdlib.h>

#include "text/word_break.h"
#include "text/words.h"
#include "tests/unit/text/word_break_cases.h"

/* Reads one case: its text as UTF-8, and for each byte whether a segment ends there. */
static uint32_t read_case(const char *at, const char *end, char text[64], bool ends[65]) {
    uint32_t len = 0;
    memset(ends, 0, 65 * sizeof(ends[0]));
    while (at < end) {
        char *next;
        len += hb_utf8_put((uint32_t)strtoul(at, &next, 16), text + len);
        ends[len] = next == end || *next == '/';
        at = next + 1;
    }
    return len;
}

static void check_case(const char *at, const char *end) {
    char text[64];
    bool ends[65];
    const hb_str whole = { text, read_case(at, end, text, ends) };
    uint32_t start = 0;
    for (uint32_t pos = 1; pos <= whole.len; pos++) {
        if (!ends[pos]) continue;
        CHECK_INT(hb_word_segment_end(whole, start), pos);
        start = pos;
    }
}

static void boundaries_are_those_of_the_unicode_test_file(void) {
    int count = 0;
    for (size_t i = 0; i < sizeof(word_break_cases) / sizeof(word_break_cases[0]); i++) {
        const char *at = word_break_cases[i];
        while (*at != '\0') {
            const char *end = at + strcspn(at, " ");
            CASE(at);
            check_case(at, end);
            count++;
            at = *end == ' ' ? end + 1 : end;
        }
    }
    CASE(NULL);
    CHECK_INT(count, WORD_BREAK_CASE_COUNT);
}

static void join_words(hb_words *words, char *out, size_t cap) {
    hb_str word;
    size_t len = 0;
    while (hb_words_next(words, &word) && len + word.len + 1 < cap) {
        if (len > 0) out[len++] = '|';
        memcpy(out + len, word.ptr, word.len);
        len += word.len;
    }
    out[len] = '\0';
}

static void words_are_folded_segments_with_a_letter_or_digit(void) {
    static const struct {
        const char *name, *in, *want;
    } cases[] = {
        { "empty", "", "" },
        { "punctuation only", " .,;:!? -- '\"' _ ", "" },
        { "plain", "one two  three.", "one|two|three" },
        { "upper case", "Agent ROUTING", "agent|routing" },
        { "apostrophe", "don't o'neil's 'quoted'", "don't|o'neil's|quoted" },
        { "curly apostrophe", "don\xe2\x80\x99t", "don\xe2\x80\x99t" },
        { "numbers", "3.14 1,000;5 v1.2.x 1.", "3.14|1,000;5|v1.2|x|1" },
        { "full stop between letters", "e.g. a.b. c:d c;d", "e.g|a.b|c:d|c|d" },
        { "underscore", "x_y __init__ _", "x_y|__init__" },
        { "ends in a middle", "abc'", "abc" },
        { "em dash", "abc\xe2\x80\x94" "def", "abc|def" },
        { "sharp s", "Stra\xc3\x9f" "e STRASSE", "strasse|strasse" },
        { "accents compose", "Cafe\xcc\x81 CAF\xc3\x89", "caf\xc3\xa9|caf\xc3\xa9" },
        { "ideographs stand alone", "\xe6\x9d\xb1\xe4\xba\xac,", "\xe6\x9d\xb1|\xe4\xba\xac" },
        { "katakana runs", "\xe3\x82\xab\xe3\x82\xbf", "\xe3\x82\xab\xe3\x82\xbf" },
        { "final sigma folds", "\xce\x9f\xce\xa3 \xce\xbf\xcf\x82",
          "\xce\xbf\xcf\x83|\xce\xbf\xcf\x83" },
        { "emoji is no word", "\xf0\x9f\x9a\x80 rocket", "rocket" },
        { "fraction counts as digit", "\xc2\xbd", "\xc2\xbd" },
        { "combining mark joins ascii", "a\xcc\x88" "b", "\xc3\xa4" "b" },
        { "malformed bytes part words", "ab\xff" "cd\xc3", "ab|cd" },
    };
    hb_words words;
    hb_words_init(&words, HB_STR_EMPTY, hb_mem_default());
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char got[128];
        CASE(cases[i].name);
        hb_words_reset(&words, hb_str_c(cases[i].in));
        join_words(&words, got, sizeof(got));
        CHECK_CSTR(got, cases[i].want);
    }
    hb_words_free(&words);
}

/* The same texts with a non-ASCII neighbour take the full rules; both paths must agree. */
static void fast_path_equals_the_full_rules(void) {
    static const char letters[] = "aB1_'.,;: \"-";
    uint32_t state = 12345;
    for (int round = 0; round < 20000; round++) {
        char text[16];
        uint32_t len = 0;
        for (; len < 12; len++) {
            state = state * 1664525u + 1013904223u;
            text[len] = letters[(state >> 16) % (sizeof(letters) - 1)];
        }
        hb_words words;
        hb_str word;
        hb_words_init(&words, (hb_str){ text, len }, hb_mem_default());
        uint32_t pos = 0;
        while (hb_words_next(&words, &word)) {
            /* Skip segments without letter or digit, as the iterator does. */
            uint32_t end = hb_word_segment_end(words.text, pos);
            while (end != words.pos && pos < len) {
                for (uint32_t i = pos; i < end; i++) {
                    CHECK(strchr("aB1", text[i]) == NULL);
                }
                pos = end;
                end = hb_word_segment_end(words.text, pos);
            }
            CHECK_INT(end, words.pos);
            CHECK_INT(word.len, end - pos);
            pos = end;
        }
        hb_words_free(&words);
    }
}

TEST_SUITE {
    TEST(boundaries_are_those_of_the_unicode_test_file);
    TEST(words_are_folded_segments_with_a_letter_or_digit);
    TEST(fast_path_equals_the_full_rules);
}
