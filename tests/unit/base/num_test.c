// SPDX-License-Identifier: MIT
#include "base/num.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/test.h"

static void integers_are_exact_to_the_last_one(void) {
    static const struct {
        const char *in;
        hb_num_result result;
        int64_t want;
    } cases[] = {
        { "0", HB_NUM_OK, 0 }, { "-0", HB_NUM_OK, 0 }, { "+5", HB_NUM_OK, 5 },
        { "007", HB_NUM_OK, 7 }, { "9223372036854775807", HB_NUM_OK, INT64_MAX },
        { "-9223372036854775808", HB_NUM_OK, INT64_MIN },
        { "9223372036854775808", HB_NUM_RANGE, 0 }, { "-9223372036854775809", HB_NUM_RANGE, 0 },
        { "99999999999999999999999", HB_NUM_RANGE, 0 }, { "", HB_NUM_BAD, 0 },
        { "-", HB_NUM_BAD, 0 }, { "1.5", HB_NUM_BAD, 0 }, { "1e3", HB_NUM_BAD, 0 },
        { "0x10", HB_NUM_BAD, 0 }, { " 1", HB_NUM_BAD, 0 }, { "1_000", HB_NUM_BAD, 0 },
        { "99999999999999999999x", HB_NUM_BAD, 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CASE(cases[i].in);
        int64_t value = 0;
        CHECK_INT(hb_num_parse_i64(hb_str_c(cases[i].in), &value), cases[i].result);
        if (cases[i].result == HB_NUM_OK) CHECK_INT(value, cases[i].want);
    }
}

static void doubles_are_correctly_rounded(void) {
    static const char *const good[] = {
        "0", "-0", "1", "1.5", ".5", "5.", "1e3", "1E+3", "1e-3", "0.1", "1e308", "5e-324",
        "2.2250738585072014e-308", "1.7976931348623157e308", "9007199254740993",
        "0.000000000000000000000000000000000000000000000000000000000123456",
        "123456789012345678901234567890123456789012345678901234567890", "1e-400", "0e999999999",
        "2.4703282292062327208e-324", "2.4703282292062328e-324", "-1.25e2", "+3.5",
        "8.5e-324", "0.1000000000000000055511151231257827021181583404541015625",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        CASE(good[i]);
        double value = NAN;
        CHECK_INT(hb_num_parse_f64(hb_str_c(good[i]), &value), HB_NUM_OK);
        CHECK_DOUBLE(value, strtod(good[i], NULL));
    }
    static const char *const bad[] = { "", "-", ".", "e5", "1e", "1e+", "inf", "nan", "0x1p3",
                                       "1.2.3", "1 ", "1_0", "--1", "1e5x" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CASE(bad[i]);
        double value;
        CHECK_INT(hb_num_parse_f64(hb_str_c(bad[i]), &value), HB_NUM_BAD);
    }
    double value;
    CHECK_INT(hb_num_parse_f64(HB_STR("1e309"), &value), HB_NUM_RANGE);
    CHECK_INT(hb_num_parse_f64(HB_STR("1.8e308"), &value), HB_NUM_RANGE);
    CHECK_INT(hb_num_parse_f64(HB_STR("1e999999999999"), &value), HB_NUM_RANGE);
}

static void a_digit_far_out_still_decides_a_tie(void) {
    char text[1200];
    memset(text, '0', sizeof text);
    memcpy(text, "9007199254740993", 16);   /* halfway between two doubles */
    text[16] = '.';
    double value = 0;
    CHECK_INT(hb_num_parse_f64(hb_str_n(text, sizeof text), &value), HB_NUM_OK);
    CHECK_DOUBLE(value, 9007199254740992.0);
    text[sizeof text - 1] = '1';
    CHECK_INT(hb_num_parse_f64(hb_str_n(text, sizeof text), &value), HB_NUM_OK);
    CHECK_DOUBLE(value, 9007199254740994.0);
}

static void doubles_print_as_python_prints_them(void) {
    static const struct {
        double in;
        const char *want;
    } cases[] = {
        { 0.0, "0.0" }, { -0.0, "-0.0" }, { 1.0, "1.0" }, { 1.5, "1.5" }, { -2.0, "-2.0" },
        { 0.1, "0.1" }, { 1e15, "1000000000000000.0" }, { 1e16, "1e+16" }, { 1e22, "1e+22" },
        { 1.5e300, "1.5e+300" }, { 0.0001, "0.0001" }, { 0.00001, "1e-05" },
        { 0.000123, "0.000123" }, { 1.25e-7, "1.25e-07" }, { 5e-324, "5e-324" },
        { 1234567890123456.7, "1234567890123456.8" }, { 123456.789, "123456.789" },
        { 9007199254740993.0, "9007199254740992.0" }, { 1.7976931348623157e308,
        "1.7976931348623157e+308" }, { 100.0, "100.0" }, { 1e100, "1e+100" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[HB_NUM_TEXT_MAX];
        const uint32_t len = hb_num_write_f64(cases[i].in, out);
        CHECK_STR(hb_str_n(out, len), cases[i].want);
    }
    char out[HB_NUM_TEXT_MAX];
    CHECK_STR(hb_str_n(out, hb_num_write_f64(NAN, out)), "nan");
    CHECK_STR(hb_str_n(out, hb_num_write_f64(-INFINITY, out)), "-inf");
}

static uint64_t next_random(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state ^ (*state >> 31);
}

static void what_is_printed_reads_back_equal(void) {
    uint64_t state = 1;
    for (int i = 0; i < 20000; i++) {
        const uint64_t bits = next_random(&state);
        double value;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value)) continue;
        char out[HB_NUM_TEXT_MAX];
        double back = 0.0;
        const uint32_t len = hb_num_write_f64(value, out);
        REQUIRE(hb_num_parse_f64(hb_str_n(out, len), &back) == HB_NUM_OK);
        REQUIRE(memcmp(&back, &value, sizeof value) == 0);
        const uint32_t narrow = (uint32_t)(bits >> 16);
        float single;
        memcpy(&single, &narrow, sizeof single);
        if (!isfinite(single)) continue;
        const uint32_t single_len = hb_num_write_f32(single, out);
        REQUIRE(hb_num_parse_f64(hb_str_n(out, single_len), &back) == HB_NUM_OK);
        REQUIRE((float)back == single);
    }
}

static void floats_print_shortest(void) {
    static const struct {
        float in;
        const char *want;
    } cases[] = {
        { 0.1f, "0.1" }, { 1.0f, "1.0" }, { -0.5f, "-0.5" }, { 3.4028235e38f, "3.4028235e+38" },
        { 16777216.0f, "16777216.0" }, { 1e-45f, "1.4013e-45" }, { 0.3f, "0.3" },
        { 1e10f, "10000000000.0" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[HB_NUM_TEXT_MAX];
        CHECK_STR(hb_str_n(out, hb_num_write_f32(cases[i].in, out)), cases[i].want);
    }
}

static void a_number_is_read_as_strtod_reads_it(void) {
    static const struct {
        const char *in;
        double want;
        int64_t read;
    } cases[] = {
        { "0.1", 0.1, 3 },   { "-12", -12.0, 3 },     { "1e3,", 1000.0, 3 }, { "1-2", 1.0, 1 },
        { "1e+", 1.0, 1 },   { "5.", 5.0, 2 },        { ".5", 0.5, 2 },      { ".", 0.0, 0 },
        { "-", 0.0, 0 },     { "1e999", HUGE_VAL, 5 }, { "-1e999", -HUGE_VAL, 6 },
        { "1e-999", 0.0, 6 }, { "2.2250738585072014e-308", 2.2250738585072014e-308, 23 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CASE(cases[i].in);
        char *end = NULL;
        CHECK_DOUBLE(hb_num_strtod(cases[i].in, &end), cases[i].want);
        CHECK_INT(end - cases[i].in, cases[i].read);
    }
}

static void integers_print(void) {
    char out[HB_NUM_TEXT_MAX];
    CHECK_STR(hb_str_n(out, hb_num_write_i64(INT64_MIN, out)), "-9223372036854775808");
    CHECK_STR(hb_str_n(out, hb_num_write_i64(INT64_MAX, out)), "9223372036854775807");
    CHECK_STR(hb_str_n(out, hb_num_write_i64(0, out)), "0");
}

TEST_SUITE {
    TEST(integers_are_exact_to_the_last_one);
    TEST(doubles_are_correctly_rounded);
    TEST(a_digit_far_out_still_decides_a_tie);
    TEST(doubles_print_as_python_prints_them);
    TEST(what_is_printed_reads_back_equal);
    TEST(floats_print_shortest);
    TEST(a_number_is_read_as_strtod_reads_it);
    TEST(integers_print);
}
