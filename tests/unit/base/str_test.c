// SPDX-License-Identifier: MIT
#include "base/str.h"
#include "tests/unit/test.h"

#define S(literal) { literal, sizeof(literal) - 1 }

static void trim_takes_unicode_white_space_off(void) {
    static const struct {
        hb_str in;
        const char *want;
    } cases[] = {
        { S(""), "" }, { S("a"), "a" }, { S("  a b\t\n"), "a b" }, { S(" \r\n"), "" },
        { S("\xc2\xa0x\xe3\x80\x80"), "x" }, { S("\x1f\x1cx\x1d"), "x" },
        { S("\xe2\x80\x8bx"), "\xe2\x80\x8bx" },    /* zero width space is no white space */
        { S("\xff x"), "\xff x" }, { S("\xc2\x85x\xe2\x80\xa9"), "x" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_STR(hb_str_trim(cases[i].in), cases[i].want);
    }
}

static void find_gives_the_first_position_at_or_after_from(void) {
    static const struct {
        hb_str text, needle;
        uint32_t from;
        int64_t want;
    } cases[] = {
        { S("abcabc"), S("abc"), 0, 0 }, { S("abcabc"), S("abc"), 1, 3 },
        { S("abcabc"), S("abc"), 4, -1 }, { S("abc"), S(""), 2, 2 }, { S("abc"), S(""), 4, -1 },
        { S(""), S(""), 0, 0 }, { S(""), S("a"), 0, -1 }, { S("aab"), S("ab"), 0, 1 },
        { S("ab"), S("abc"), 0, -1 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_INT(hb_str_find(cases[i].text, cases[i].needle, cases[i].from), cases[i].want);
    }
    CHECK_INT(hb_str_find((hb_str){ NULL, 0 }, HB_STR("x"), 0), -1);
}

static void order_is_by_bytes(void) {
    CHECK(hb_str_cmp(HB_STR("a"), HB_STR("b")) < 0);
    CHECK(hb_str_cmp(HB_STR("a"), HB_STR("ab")) < 0);
    CHECK(hb_str_cmp(HB_STR("z"), HB_STR("\xc3\xa9")) < 0);
    CHECK_INT(hb_str_cmp(HB_STR("x"), HB_STR("x")), 0);
    CHECK_INT(hb_str_cmp((hb_str){ NULL, 0 }, HB_STR("")), 0);
}

static void affixes_and_parts(void) {
    CHECK(hb_str_starts(HB_STR("abc"), HB_STR("ab")));
    CHECK(!hb_str_starts(HB_STR("ab"), HB_STR("abc")));
    CHECK(hb_str_ends(HB_STR("abc"), HB_STR("bc")));
    CHECK(hb_str_ends(HB_STR("abc"), HB_STR("")));
    CHECK_STR(hb_str_sub(HB_STR("abcd"), 1, 2), "bc");
    CHECK_STR(hb_str_sub(HB_STR("abcd"), 3, 9), "d");
    CHECK_STR(hb_str_sub(HB_STR("abcd"), 9, 9), "");
    CHECK(hb_str_has_char(HB_STR("a[b"), '['));
    CHECK(!hb_str_has_char(HB_STR(""), '['));
    CHECK(hb_str_eq_nocase(HB_STR("TrUe"), HB_STR("true")));
    CHECK(!hb_str_eq_nocase(HB_STR("true"), HB_STR("tru")));
}

static void only_well_formed_utf8_is_valid(void) {
    static const struct {
        const char *name;
        hb_str in;
        bool valid;
        uint32_t count;
    } cases[] = {
        { "empty", S(""), true, 0 },
        { "ascii over several words", S("0123456789abcdefg"), true, 17 },
        { "two, three, four bytes", S("\xc3\xa9\xe5\x90\x8d\xf0\x9f\x98\x80"), true, 3 },
        { "after ascii", S("12345678\xc3\xa9" "9"), true, 10 },
        { "last code point", S("\xf4\x8f\xbf\xbf"), true, 1 },
        { "beyond the last", S("\xf4\x90\x80\x80"), false, 4 },
        { "surrogate", S("\xed\xa0\x80"), false, 3 },
        { "overlong slash", S("\xc0\xaf"), false, 2 },
        { "overlong three", S("\xe0\x80\xaf"), false, 3 },
        { "cut short", S("a\xe5\x90"), false, 3 },
        { "lone continuation", S("\x80"), false, 1 },
        { "NUL", S("a\0b"), true, 3 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CASE(cases[i].name);
        CHECK_INT(hb_utf8_valid(cases[i].in), cases[i].valid);
        CHECK_INT(hb_utf8_count(cases[i].in), cases[i].count);
    }
}

static void every_code_point_survives_writing_and_reading(void) {
    for (uint32_t cp = 0; cp <= 0x10ffff; cp += cp < 0x900 ? 1 : 37) {
        char out[4];
        uint32_t pos = 0;
        const uint32_t len = hb_utf8_put(cp, out);
        const uint32_t back = hb_utf8_next((hb_str){ out, len }, &pos);
        const bool surrogate = cp >= 0xd800 && cp <= 0xdfff;
        if (back != (surrogate ? 0xfffdu : cp) || pos != len) {
            CHECK_INT(back, cp);
            return;
        }
    }
}

TEST_SUITE {
    TEST(trim_takes_unicode_white_space_off);
    TEST(find_gives_the_first_position_at_or_after_from);
    TEST(order_is_by_bytes);
    TEST(affixes_and_parts);
    TEST(only_well_formed_utf8_is_valid);
    TEST(every_code_point_survives_writing_and_reading);
}
