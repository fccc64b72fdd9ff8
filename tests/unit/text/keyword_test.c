// SPDX-License-Identifier: MIT
#include "tests/unit/test.h"

#include "text/keyword.h"

static void gaps_become_single_spaces_and_symbols_stay(void) {
    static const struct {
        const char *name, *in, *want;
    } cases[] = {
        { "empty", "", "" },
        { "only gaps", " -- ,\t\n", "" },
        { "case and punctuation", "(Agent-Routing), e.g.!", "agent routing e g" },
        { "symbols", "C++ = 5$", "c++ = 5$" },
        { "full case folding", "STRA\xc3\x9f" "E", "strasse" },
        { "decomposed", "Cafe\xcc\x81", "caf\xc3\xa9" },
        { "wide space", "a\xe3\x80\x80" "b", "a b" },
        { "hangul", "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", "\xed\x95\x9c" },
        { "left out", "a\xe2\x80\x8b" "b\x01" "c\xee\x80\x80", "abc" },
        { "control that is space", "a\x1c\xc2\x85" "b", "a b" },
        { "a mark on a gap", "a-\xcc\x81" "b", "a \xcc\x81" "b" },
    };
    hb_buf plain, placed, places;
    hb_buf_init(&plain, hb_mem_default());
    hb_buf_init(&placed, hb_mem_default());
    hb_buf_init(&places, hb_mem_default());
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CASE(cases[i].name);
        hb_buf_clear(&plain);
        hb_buf_clear(&placed);
        hb_buf_clear(&places);
        hb_text_keyword(hb_str_c(cases[i].in), &plain, NULL);
        hb_text_keyword(hb_str_c(cases[i].in), &placed, &places);
        CHECK_STR(hb_buf_str(&plain), cases[i].want);
        CHECK_STR(hb_buf_str(&placed), cases[i].want);
        CHECK_INT(places.len / sizeof(hb_keyword_place), hb_utf8_count(hb_buf_str(&placed)));
    }
    hb_buf_free(&plain);
    hb_buf_free(&placed);
    hb_buf_free(&places);
}

static void places_are_code_points_of_the_original(void) {
    hb_buf form, places;
    hb_buf_init(&form, hb_mem_default());
    hb_buf_init(&places, hb_mem_default());
    hb_text_keyword(HB_STR(" \xc3\x9f -- e\xcc\x81!"), &form, &places);
    CHECK_STR(hb_buf_str(&form), "ss \xc3\xa9");
    static const hb_keyword_place want[] = { { 1, 2 }, { 1, 2 }, { 2, 6 }, { 6, 8 } };
    CHECK_BYTES(places.ptr, places.len, (const char *)want, sizeof want);
    hb_buf_free(&form);
    hb_buf_free(&places);
}

TEST_SUITE {
    TEST(gaps_become_single_spaces_and_symbols_stay);
    TEST(places_are_code_points_of_the_original);
}
