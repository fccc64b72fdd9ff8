// SPDX-License-Identifier: MIT
#include "tests/unit/test.h"

#include "text/fold.h"

static void lower_is_pythons_str_lower(void) {
    static const struct {
        const char *name, *in, *want;
    } cases[] = {
        { "empty", "", "" },
        { "ascii", "Hello, WORLD 42 [\\]@`{", "hello, world 42 [\\]@`{" },
        { "sharp s stays", "Stra\xc3\x9f" "e", "stra\xc3\x9f" "e" },
        { "capital sharp s", "\xe1\xba\x9e", "\xc3\x9f" },
        { "umlaut", "Z\xc3\x9cRICH", "z\xc3\xbcrich" },
        { "dotted I becomes two code points", "\xc4\xb0", "i\xcc\x87" },
        { "kelvin sign", "\xe2\x84\xaa", "k" },
        { "sigma alone", "\xce\xa3", "\xcf\x83" },
        { "sigma at the end", "A\xce\xa3", "a\xcf\x82" },
        { "sigma inside", "A\xce\xa3" "B", "a\xcf\x83" "b" },
        { "sigma before a full stop", "A\xce\xa3. B", "a\xcf\x82. b" },
        { "sigma before an apostrophe and a letter", "A\xce\xa3'B", "a\xcf\x83'b" },
        { "sigma after a mark", "A\xcc\x81\xce\xa3", "a\xcc\x81\xcf\x82" },
        { "sigma after a space", "A \xce\xa3", "a \xcf\x83" },
        { "roman numeral is cased", "\xe2\x85\xa0\xce\xa3", "\xe2\x85\xb0\xcf\x82" },
        { "deseret", "\xf0\x90\x90\x80", "\xf0\x90\x90\xa8" },
        { "malformed byte", "A\xff" "B", "a\xef\xbf\xbd" "b" },
    };
    hb_buf out;
    hb_buf_init(&out, hb_mem_default());
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CASE(cases[i].name);
        hb_buf_clear(&out);
        hb_text_lower(hb_str_c(cases[i].in), &out);
        CHECK_STR(hb_buf_str(&out), cases[i].want);
    }
    hb_buf_free(&out);
}

static void fold_is_nfc_then_full_case_folding_then_nfc(void) {
    static const struct {
        const char *name, *in, *want;
    } cases[] = {
        { "empty", "", "" },
        { "ascii", "ABC", "abc" },
        { "sharp s", "\xc3\x9f\xe1\xba\x9e", "ssss" },
        { "ligature", "\xef\xac\x83", "ffi" },
        { "decomposed e acute", "E\xcc\x81", "\xc3\xa9" },
        { "marks are reordered", "a\xcc\x88\xcc\xa7", "\xc3\xa4\xcc\xa7" },
        { "hangul composes", "\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8", "\xea\xb0\x81" },
        { "final sigma", "\xcf\x82", "\xcf\x83" },
        { "j with caron composes again", "\xc7\xb0", "\xc7\xb0" },
        { "iota subscript is ordered, then folded", "\xce\xb1\xcd\x85\xcc\x81",
          "\xce\xac\xce\xb9" },
        { "angstrom sign", "\xe2\x84\xab", "\xc3\xa5" },
        { "cherokee folds to upper case", "\xea\xad\xb0", "\xe1\x8e\xa0" },
    };
    hb_buf out;
    hb_buf_init(&out, hb_mem_default());
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CASE(cases[i].name);
        hb_buf_clear(&out);
        hb_text_fold(hb_str_c(cases[i].in), &out);
        CHECK_STR(hb_buf_str(&out), cases[i].want);
    }
    hb_buf_free(&out);
}

TEST_SUITE {
    TEST(lower_is_pythons_str_lower);
    TEST(fold_is_nfc_then_full_case_folding_then_nfc);
}
