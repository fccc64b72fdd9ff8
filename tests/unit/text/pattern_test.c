// SPDX-License-Identifier: MIT
#include "tests/unit/test.h"

#include "base/buf.h"
#include "base/limits.h"
#include "text/pattern.h"

typedef struct pattern_case {
    hb_pattern_kind kind;
    const char *operand, *text;
    int want;
} pattern_case;

static int run(hb_pattern_kind kind, hb_str operand, hb_str text) {
    hb_pattern *pattern = NULL;
    hb_err err;
    hb_err_init(&err);
    if (hb_pattern_new(kind, operand, hb_mem_default(), &pattern, &err) != HB_OK) return -2;
    const int got = hb_pattern_test(pattern, text);
    hb_pattern_free(pattern);
    return got;
}

static void check_cases(const pattern_case *cases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        CASE(cases[i].operand);
        CHECK_INT(run(cases[i].kind, hb_str_c(cases[i].operand), hb_str_c(cases[i].text)),
                  cases[i].want);
    }
}
#define CHECK_CASES(cases) check_cases(cases, sizeof(cases) / sizeof((cases)[0]))

static void match_lowers_both_sides_and_does_not_fold(void) {
    static const pattern_case cases[] = {
        { HB_PATTERN_MATCH, "", "", 1 },
        { HB_PATTERN_MATCH, "", "x", 1 },
        { HB_PATTERN_MATCH, "AGENT", "the agent", 1 },
        { HB_PATTERN_MATCH, "agent", "a long enough text in front of the AGENT", 1 },
        { HB_PATTERN_MATCH, "agent", "a long enough text in front of the AGEN", 0 },
        { HB_PATTERN_MATCH, "e", "a text of one letter that is far away: E", 1 },
        { HB_PATTERN_MATCH, "[x]", "{X}", 0 },
        { HB_PATTERN_MATCH, "@", "`", 0 },
        { HB_PATTERN_MATCH, "STRASSE",
          "Stra\xc3\x9f"
          "e",
          0 },
        { HB_PATTERN_MATCH,
          "stra\xc3\x9f"
          "e",
          "STRA\xe1\xba\x9e"
          "E",
          1 },
        { HB_PATTERN_MATCH, "Z\xc3\x9cRICH", "in z\xc3\xbcrich", 1 },
        { HB_PATTERN_MATCH, "z\xc3\xbc", "zurich", 0 },
        { HB_PATTERN_MATCH, "kelvin",
          "300 \xe2\x84\xaa"
          "elvin",
          1 },
        { HB_PATTERN_MATCH, "i", "\xc4\xb0", 1 },
        { HB_PATTERN_MATCH, "ist",
          "\xc4\xb0"
          "STANBUL",
          0 },
        { HB_PATTERN_MATCH, "\xc4\xb0", "i\xcc\x87", 1 },
        { HB_PATTERN_MATCH, "a\nb", "A\nB", 1 },
    };
    CHECK_CASES(cases);
}

static void affixes_and_contains_are_case_sensitive(void) {
    static const pattern_case cases[] = {
        { HB_PATTERN_CONTAINS, "", "", 1 },
        { HB_PATTERN_CONTAINS, "pie", "apple pie", 1 },
        { HB_PATTERN_CONTAINS, "Pie", "apple pie", 0 },
        { HB_PATTERN_CONTAINS, "far", "seventeen bytes and more until it is far", 1 },
        { HB_PATTERN_STARTS_WITH, "ap", "apple", 1 },
        { HB_PATTERN_STARTS_WITH, "Ap", "apple", 0 },
        { HB_PATTERN_STARTS_WITH, "apple pie", "apple", 0 },
        { HB_PATTERN_ENDS_WITH, "le", "apple", 1 },
        { HB_PATTERN_ENDS_WITH, "", "apple", 1 },
        { HB_PATTERN_ENDS_WITH, "xapple", "apple", 0 },
    };
    CHECK_CASES(cases);
}

static void like_is_whole_and_keeps_to_one_line(void) {
    static const pattern_case cases[] = {
        { HB_PATTERN_LIKE, "", "", 1 },
        { HB_PATTERN_LIKE, "", "a", 0 },
        { HB_PATTERN_LIKE, "%", "", 1 },
        { HB_PATTERN_LIKE, "%", "abc", 1 },
        { HB_PATTERN_LIKE, "%", "a\nb", 0 },
        { HB_PATTERN_LIKE, "%\n%", "a\nb", 1 },
        { HB_PATTERN_LIKE, "a%c", "abcbc", 1 },
        { HB_PATTERN_LIKE, "a%c", "abcb", 0 },
        { HB_PATTERN_LIKE, "%ab%ab", "abcab", 1 },
        { HB_PATTERN_LIKE, "%ab%ab", "ab", 0 },
        { HB_PATTERN_LIKE, "_", "\xe6\x9d\xb1", 1 },
        { HB_PATTERN_LIKE, "_", "\n", 0 },
        { HB_PATTERN_LIKE, "a\\_b", "a\\xb", 1 },
        { HB_PATTERN_LIKE, "A%", "apple", 0 },
        { HB_PATTERN_ILIKE, "A%", "apple", 1 },
        { HB_PATTERN_ILIKE, "_", "\xc4\xb0", 1 },            /* Turkish capital I with a dot */
        { HB_PATTERN_ILIKE, "\xc4\xb1", "I", 1 },            /* Turkish dotless i */
        { HB_PATTERN_ILIKE, "i", "\xc4\xb0", 1 },
        { HB_PATTERN_ILIKE, "s", "\xc5\xbf", 1 },            /* long s */
        { HB_PATTERN_ILIKE, "\xe2\x84\xaa", "k", 1 },        /* Kelvin sign */
        { HB_PATTERN_ILIKE, "\xce\xb1\xcf\x82", "\xce\x91\xce\xa3", 1 },
        { HB_PATTERN_ILIKE, "i\xcc\x87", "\xc4\xb0", 0 },
        { HB_PATTERN_LIKE, "a", "a\n", 0 },
        { HB_PATTERN_ILIKE, "z\xc3\x9c%", "Z\xc3\xbcRICH", 1 },
        { HB_PATTERN_ILIKE, "STRASSE",
          "stra\xc3\x9f"
          "e",
          0 },
    };
    CHECK_CASES(cases);
}

static void wildcard_is_fnmatch(void) {
    static const pattern_case cases[] = {
        { HB_PATTERN_WILDCARD, "", "", 1 },
        { HB_PATTERN_WILDCARD, "*", "a\nb", 1 },
        { HB_PATTERN_WILDCARD, "a?b", "a\nb", 1 },
        { HB_PATTERN_WILDCARD, "a*", "Apple", 0 },
        { HB_PATTERN_WILDCARD, "[az]*", "zebra", 1 },
        { HB_PATTERN_WILDCARD, "[!a]*", "zebra", 1 },
        { HB_PATTERN_WILDCARD, "[!a]*", "apple", 0 },
        { HB_PATTERN_WILDCARD, "[a-c]", "b", 1 },
        { HB_PATTERN_WILDCARD, "[c-a]", "b", 0 },
        { HB_PATTERN_WILDCARD, "[!c-a]", "b", 1 },
        { HB_PATTERN_WILDCARD, "[]]", "]", 1 },
        { HB_PATTERN_WILDCARD, "[!]]", "]", 0 },
        { HB_PATTERN_WILDCARD, "[^a]", "^", 1 },
        { HB_PATTERN_WILDCARD, "[a-]", "-", 1 },
        { HB_PATTERN_WILDCARD, "[", "[", 1 },
        { HB_PATTERN_WILDCARD, "[ab", "[ab", 1 },
        { HB_PATTERN_WILDCARD, "[*]", "*", 1 },
        { HB_PATTERN_WILDCARD, "\\*", "\\abc", 1 },
        { HB_PATTERN_WILDCARD, "[\xc3\xa0-\xc3\xb6]", "\xc3\xa9", 1 },
    };
    CHECK_CASES(cases);
}

static void regex_reads_python_syntax(void) {
    static const pattern_case cases[] = {
        { HB_PATTERN_REGEX, "", "", 1 },
        { HB_PATTERN_REGEX, "^a", "apple", 1 },
        { HB_PATTERN_REGEX, "^b", "a\nb", 0 },
        { HB_PATTERN_REGEX, "(?m)^b", "a\nb", 1 },
        { HB_PATTERN_REGEX, "e$", "apple\n", 1 },
        { HB_PATTERN_REGEX, "e\\Z", "apple\n", 0 },
        { HB_PATTERN_REGEX, "a.b", "a\nb", 0 },
        { HB_PATTERN_REGEX, "(?s)a.b", "a\nb", 1 },
        { HB_PATTERN_REGEX, "(?i)\xc3\x89", "\xc3\xa9", 1 },
        { HB_PATTERN_REGEX, "(?i)(?s)A.B", "a\nb", 1 },
        { HB_PATTERN_REGEX, "\\u6771", "\xe6\x9d\xb1\xe4\xba\xac", 1 },
        { HB_PATTERN_REGEX, "\\x41\\101\\v", "AA\x0b", 1 },
        { HB_PATTERN_REGEX, "^\\w+$", "na\xc3\xafve_1", 1 },
        { HB_PATTERN_REGEX, "(?a)^\\w+$", "na\xc3\xafve", 0 },
        { HB_PATTERN_REGEX, "^\\w$", "\xcc\x81", 0 },
        { HB_PATTERN_REGEX, "^[\\W]$", "\xe2\x80\xbf", 1 },
        { HB_PATTERN_REGEX, "\\bpie\\b", "a pie\xcc\x81", 1 },
        { HB_PATTERN_REGEX, "\\bpie\\b", "a pied", 0 },
        { HB_PATTERN_REGEX, "\\B", "", 0 },
        { HB_PATTERN_REGEX, "a\\Bb", "ab", 1 },
        { HB_PATTERN_REGEX, "^\\d$", "\xd9\xa3", 1 },
        { HB_PATTERN_REGEX, "^\\s$", "\x1c", 1 },
        { HB_PATTERN_REGEX, "^[\\s]$", "\xe3\x80\x80", 1 },
        { HB_PATTERN_REGEX, "(?P<q>['\"]).*(?P=q)", "say 'hi'", 1 },
        { HB_PATTERN_REGEX, "^(a)?(?(1)b|c)$", "ab", 1 },
        { HB_PATTERN_REGEX, "^(a)?(?(1)b|c)$", "ac", 0 },
        { HB_PATTERN_REGEX, "^a{,2}$", "aa", 1 },
        { HB_PATTERN_REGEX, "^a{,2}$", "a{,2}", 0 },
        { HB_PATTERN_REGEX, "a{x}", "a{x}", 1 },
        { HB_PATTERN_REGEX, "[[:alpha:]]", ":]", 1 },
        { HB_PATTERN_REGEX, "[]a]+", "]", 1 },
        { HB_PATTERN_REGEX, "(?x) a b # c (", "ab", 1 },
        { HB_PATTERN_REGEX, "(\\d+\\.){3}\\d+", "10.0.0.1", 1 },
        { HB_PATTERN_REGEX, "^(a|b)*$", "abba", 1 },
    };
    CHECK_CASES(cases);
}

static void bad_and_unsafe_patterns_are_query_errors(void) {
    static const struct {
        const char *pattern;
        bool unsafe;
    } cases[] = {
        { "(", false },         { ")", false },       { "[a", false },      { "*a", false },
        { "a**", false },       { "^*", false },      { "\\", false },      { "\\h", false },
        { "\\Qa\\E", false },   { "[b-a]", false },   { "[a-\\d]", false }, { "x{2,1}", false },
        { "(?<n>a)", false },   { "(?R)", false },    { "(*FAIL)", false }, { "\\xg1", false },
        { "a(?i)b", false },    { "\\p{L}", false },  { "(?P=n)", false },  { "\\ud800", false },
        { "(?#", false },       { "(a+)+", true },    { "(a*)*", true },    { "((a+)b)*c", true },
        { "(?:a{2,})+", true }, { "(a|b+)+?", true },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        hb_pattern *pattern = NULL;
        hb_err err;
        hb_err_init(&err);
        CASE(cases[i].pattern);
        CHECK_INT(hb_pattern_new(HB_PATTERN_REGEX, hb_str_c(cases[i].pattern), hb_mem_default(),
                                 &pattern, &err),
                  HB_E_QUERY);
        CHECK(pattern == NULL);
        CHECK_INT(err.code, HB_E_QUERY);
        CHECK_INT(strncmp(err.msg, "unsafe", 6) == 0, cases[i].unsafe);
    }
}

/* `unit` repeated, then `tail`. */
static hb_str repeated(hb_buf *buf, const char *unit, uint32_t count, const char *tail) {
    hb_buf_clear(buf);
    for (uint32_t i = 0; i < count; i++) {
        hb_buf_add_c(buf, unit);
    }
    hb_buf_add_c(buf, tail);
    return hb_buf_str(buf);
}

static void regex_limits_hold(void) {
    hb_buf buf;
    hb_buf_init(&buf, hb_mem_default());
    CHECK_INT(run(HB_PATTERN_REGEX, repeated(&buf, "a", HB_PATTERN_CHARS_MAX, ""), HB_STR("b")), 0);
    CHECK_INT(run(HB_PATTERN_REGEX, repeated(&buf, "a", HB_PATTERN_CHARS_MAX + 1, ""), HB_STR("b")),
              -2);
    CHECK_INT(run(HB_PATTERN_REGEX, HB_STR("z"),
                  repeated(&buf, "\xc3\xa9", HB_REGEX_TARGET_MAX - 1, "z")),
              1);
    CHECK_INT(
        run(HB_PATTERN_REGEX, HB_STR("z"), repeated(&buf, "\xc3\xa9", HB_REGEX_TARGET_MAX, "z")),
        0);
    CHECK_INT(run(HB_PATTERN_REGEX, HB_STR("^(a|b)*$"), repeated(&buf, "a", 8000, "")), 1);
    /* Not caught by its shape, hence by the limit on steps. */
    CHECK_INT(run(HB_PATTERN_REGEX, HB_STR("^(a|aa|aaa)*$"), repeated(&buf, "a", 60, "b")), -1);
    hb_buf_free(&buf);
}

static void has_words_wants_every_word_as_a_word(void) {
    static const pattern_case cases[] = {
        { HB_PATTERN_HAS_WORDS, "", "", 1 },
        { HB_PATTERN_HAS_WORDS, "agent", "The Agent's agent", 1 },
        { HB_PATTERN_HAS_WORDS, "agent", "agents", 0 },
        { HB_PATTERN_HAS_WORDS, "two One two", "one, TWO", 1 },
        { HB_PATTERN_HAS_WORDS, "one three", "one two", 0 },
        { HB_PATTERN_HAS_WORDS, "STRASSE",
          "Stra\xc3\x9f"
          "e",
          1 },
        { HB_PATTERN_HAS_WORDS, "one", "", 0 },
    };
    CHECK_CASES(cases);
    hb_pattern *pattern = NULL;
    hb_err err;
    REQUIRE(hb_pattern_new(HB_PATTERN_HAS_WORDS, HB_STR("a b"), hb_mem_default(), &pattern, &err) ==
            HB_OK);
    CHECK_INT(hb_pattern_test(pattern, HB_STR("a b")), 1);
    CHECK_INT(hb_pattern_test(pattern, HB_STR("a")), 0);
    CHECK_INT(hb_pattern_test(pattern, HB_STR("b")), 0);
    CHECK_INT(hb_pattern_test(pattern, HB_STR("b a")), 1);
    hb_pattern_free(pattern);
}

/* Every position and length around the 16-byte step, against a plain search. */
static void scan_finds_the_needle_wherever_it_stands(void) {
    char text[80];
    for (uint32_t len = 1; len <= 70; len++) {
        for (uint32_t at = 0; at < len; at++) {
            memset(text, 'x', sizeof(text));
            text[at] = 'Q';
            const uint32_t tail = len - at < 3 ? len - at : 3;
            const hb_str needle = { text + at, tail };
            const hb_str whole = { text, len };
            CHECK_INT(run(HB_PATTERN_CONTAINS, needle, whole), 1);
            CHECK_INT(run(HB_PATTERN_MATCH, HB_STR("q"), whole), 1);
            CHECK_INT(run(HB_PATTERN_CONTAINS, HB_STR("Qz"), whole), 0);
            CHECK_INT(run(HB_PATTERN_MATCH, HB_STR("qx"), whole), at + 1 < len ? 1 : 0);
        }
    }
}

TEST_SUITE {
    TEST(match_lowers_both_sides_and_does_not_fold);
    TEST(affixes_and_contains_are_case_sensitive);
    TEST(like_is_whole_and_keeps_to_one_line);
    TEST(wildcard_is_fnmatch);
    TEST(regex_reads_python_syntax);
    TEST(bad_and_unsafe_patterns_are_query_errors);
    TEST(regex_limits_hold);
    TEST(has_words_wants_every_word_as_a_word);
    TEST(scan_finds_the_needle_wherever_it_stands);
}
