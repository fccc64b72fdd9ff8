// SPDX-License-Identifier: MIT
#include "base/format.h"

#include <inttypes.h>
#include <stdio.h>

#include "tests/unit/test.h"

/* The same text and length as the C library's, in a buffer that holds it and in one that does not. */
#define SAME(...)                                                               \
    do {                                                                        \
        char got[80], want[80];                                                 \
        for (size_t cap = 1; cap <= sizeof(got); cap += sizeof(got) / 8 - 1) {  \
            const int len = snprintf(want, cap, __VA_ARGS__);                   \
            CHECK_INT(hb_format(got, cap, __VA_ARGS__), len);                   \
            CHECK_CSTR(got, want);                                              \
        }                                                                       \
    } while (0)

static void texts_are_as_printf_writes_them(void) {
    SAME("plain");
    SAME("%s and %c, 100%%", "text", 'c');
    SAME("[%.*s]", 3, "abcdef");
    SAME("[%.*s][%.2s][%5s]", 0, "abc", "x", "ab");
    SAME("a longer text than the smallest of the buffers, with %s in it", "something");
}

static void whole_numbers_are_as_printf_writes_them(void) {
    SAME("%d %i %u", -7, 0, 4000000000u);
    SAME("%d %d", INT32_MIN, INT32_MAX);
    SAME("%lld %llu", (long long)INT64_MIN, (unsigned long long)UINT64_MAX);
    SAME("%" PRId64 " %" PRIu32 " %zu %ld", INT64_MAX, UINT32_MAX, sizeof(int), -1L);
    SAME("%x %04x %02d %02d %012lld", 0xbeefu, 0x1fu, 5, -5, 123456789ll);
    SAME("%4u|%1u", 17u, 17u);
}

static void floats_are_the_shortest_that_read_back(void) {
    char text[40];
    hb_format(text, sizeof(text), "%g %1.15g %g %g", 1.0, 0.1, -2.5, 1e300);
    CHECK_CSTR(text, "1 0.1 -2.5 1e+300");
}

TEST_SUITE {
    TEST(texts_are_as_printf_writes_them);
    TEST(whole_numbers_are_as_printf_writes_them);
    TEST(floats_are_the_shortest_that_read_back);
}
