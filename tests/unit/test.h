// SPDX-License-Identifier: MIT
/* A unit test file is one suite. It tells what must hold, as static functions, and lists them at the bottom:
 *
 *     static void limit_is_not_pushed_below_residual(void) {
 *         CHECK(plan != NULL);
 *         CHECK_INT(plan_limit(plan), 5);
 *     }
 *
 *     TEST_SUITE {
 *         TEST(limit_is_not_pushed_below_residual);
 *     }
 *
 * The build gives each file's suite its own symbol and links all of them into one program, native and wasm.
 * A failing CHECK prints file:line and marks the test as failed; the test goes on. REQUIRE returns from it.
 * CASE("name") says which row of a table is running; it is printed with a failure. */
#ifndef HB_TESTS_UNIT_TEST_H
#define HB_TESTS_UNIT_TEST_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct test_suite {
    const char *name;
    void (*run)(void);
} test_suite;

#ifndef TEST_SUITE_SYMBOL
#define TEST_SUITE_SYMBOL test_no_suite
#endif
void TEST_SUITE_SYMBOL(void);
#define TEST_SUITE void TEST_SUITE_SYMBOL(void)
#define TEST(function) test_run(#function, function)
#define CASE(name) test_case(name)

void test_run(const char *name, void (*function)(void));
void test_case(const char *name);

bool test_check(bool holds, const char *what, const char *file, int line);
bool test_check_int(int64_t got, int64_t want, const char *what, const char *file, int line);
bool test_check_double(double got, double want, double within, const char *what, const char *file, int line);
bool test_check_bytes(const void *got, size_t got_len, const void *want, size_t want_len, const char *what,
                      const char *file, int line);

#define CHECK(condition) test_check((condition), #condition, __FILE__, __LINE__)
#define CHECK_INT(got, want) test_check_int((int64_t)(got), (int64_t)(want), #got, __FILE__, __LINE__)
#define CHECK_DOUBLE(got, want) test_check_double((got), (want), 0.0, #got, __FILE__, __LINE__)
#define CHECK_NEAR(got, want, within) test_check_double((got), (want), (within), #got, __FILE__, __LINE__)
/* C strings; bytes by pointer and length; an hb_str (ptr, len) against a C string. */
#define CHECK_CSTR(got, want) test_check_bytes((got), strlen(got), (want), strlen(want), #got, __FILE__, __LINE__)
#define CHECK_BYTES(got, got_len, want, want_len) \
    test_check_bytes((got), (got_len), (want), (want_len), #got, __FILE__, __LINE__)
#define CHECK_STR(got, want) \
    test_check_bytes((got).ptr, (got).len, (want), strlen(want), #got, __FILE__, __LINE__)
#define REQUIRE(condition)                                          \
    do {                                                            \
        if (!test_check((condition), #condition, __FILE__, __LINE__)) \
            return;                                                 \
    } while (0)
#endif
