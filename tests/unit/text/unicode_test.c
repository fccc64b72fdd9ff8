// SPDX-License-Identifier: MIT
/* Our small tables against utf8proc's large ones, over every code point. Both are Unicode 15.0. */
#include "tests/unit/test.h"

#include <utf8proc.h>

#include "text/unicode.h"

#define CP_END 0x110000u

/* The first code point that `differs`, CP_END when none does. */
static uint32_t first_where(bool (*differs)(uint32_t cp)) {
    uint32_t cp = 0;
    while (cp < CP_END && !differs(cp)) {
        cp++;
    }
    return cp;
}

static bool category_differs(uint32_t cp) {
    return (int)hb_cp_category(cp) != (int)utf8proc_category((utf8proc_int32_t)cp);
}

static bool lower_differs(uint32_t cp) {
    return hb_cp_lower(cp) != (uint32_t)utf8proc_tolower((utf8proc_int32_t)cp);
}

static bool mark_class_differs(uint32_t cp) {
    const utf8proc_property_t *property = utf8proc_get_property((utf8proc_int32_t)cp);
    return hb_cp_mark_class(cp) != (uint32_t)property->combining_class;
}

static bool parts_differ(uint32_t cp, bool casefold) {
    const utf8proc_option_t form = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
    utf8proc_int32_t want[16];
    uint32_t got[HB_CP_PARTS_MAX];
    const utf8proc_ssize_t count = utf8proc_decompose_char(
        (utf8proc_int32_t)cp, want, 16, casefold ? form | UTF8PROC_CASEFOLD : form, NULL);
    const uint32_t got_count = hb_cp_decompose(cp, casefold, got);
    return count != (utf8proc_ssize_t)got_count || memcmp(got, want, got_count * sizeof(got[0])) != 0;
}

static bool decomposition_differs(uint32_t cp) {
    return parts_differ(cp, false);
}

static bool folding_differs(uint32_t cp) {
    return parts_differ(cp, true);
}

/* Takes the pairs from the tables and from the Hangul syllables; what composes is utf8proc's word. */
static bool composition_differs(uint32_t first, uint32_t second) {
    utf8proc_int32_t pair[2] = { (utf8proc_int32_t)first, (utf8proc_int32_t)second };
    const utf8proc_ssize_t count =
        utf8proc_normalize_utf32(pair, 2, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    return hb_cp_compose(first, second) != (count == 1 ? (uint32_t)pair[0] : 0);
}

static uint32_t plane(uint32_t entry, uint32_t shift) {
    return (uint32_t)(hb_unicode_pair_planes[entry] >> shift & 3) << 16;
}

static void every_character_has_utf8procs_properties(void) {
    CHECK_INT(first_where(category_differs), CP_END);
    CHECK_INT(first_where(lower_differs), CP_END);
    CHECK_INT(first_where(mark_class_differs), CP_END);
    CHECK_INT(first_where(decomposition_differs), CP_END);
    CHECK_INT(first_where(folding_differs), CP_END);
}

static void every_pair_of_the_tables_composes_as_with_utf8proc(void) {
    for (uint32_t i = 0; i < hb_unicode_pair_count; i++) {
        const uint32_t first = plane(i, 2) | hb_unicode_pair_firsts[i];
        const uint32_t second = plane(i, 4) | hb_unicode_pair_seconds[i];
        if (second == 0 || hb_cp_mark_class(first) != 0) continue;
        REQUIRE(!composition_differs(first, second));
        REQUIRE(!composition_differs(first, second + 1));
        REQUIRE(!composition_differs(first + 1, second));
    }
    for (uint32_t syllable = 0xac00; syllable < 0xd7a4; syllable++) {
        uint32_t parts[HB_CP_PARTS_MAX];
        const uint32_t count = hb_cp_decompose(syllable, false, parts);
        uint32_t composed = hb_cp_compose(parts[0], parts[1]);
        if (count == 3) composed = hb_cp_compose(composed, parts[2]);
        REQUIRE(composed == syllable);
    }
}

static void the_sign_before_the_trailing_consonants_is_none(void) {
    CHECK_INT(hb_cp_compose(0xac00, 0x11a7), 0);
    CHECK_INT(hb_cp_compose(0xac00, 0x11a8), 0xac01);
    CHECK_INT(hb_cp_compose(0xac01, 0x11a8), 0);
}

static void what_is_no_character_stays_as_it_is(void) {
    uint32_t parts[HB_CP_PARTS_MAX];
    CHECK_INT(hb_cp_category(CP_END), HB_CATEGORY_CN);
    CHECK_INT(hb_cp_lower(UINT32_MAX), UINT32_MAX);
    CHECK_INT(hb_cp_mark_class(CP_END), 0);
    CHECK_INT(hb_cp_decompose(UINT32_MAX, true, parts), 1);
    CHECK_INT(parts[0], UINT32_MAX);
}

TEST_SUITE {
    TEST(every_character_has_utf8procs_properties);
    TEST(every_pair_of_the_tables_composes_as_with_utf8proc);
    TEST(the_sign_before_the_trailing_consonants_is_none);
    TEST(what_is_no_character_stays_as_it_is);
}
