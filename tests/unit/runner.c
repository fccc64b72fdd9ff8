// SPDX-License-Identifier: MIT
/* Runs every suite, or those whose name holds one of the arguments, and closes with `N passed, N failed`.
 * With --list it only names them. */
#include "tests/unit/test.h"
#include <inttypes.h>
#include <stdio.h>

#include "suites.h"

static struct {
    const char *suite, *test, *row;
    bool failed;
    int passed_count, failed_count;
} now;

static bool test_fail(const char *file, int line) {
    now.failed = true;
    printf("%s:%d: %s: %s", file, line, now.suite, now.test);
    if (now.row)
        printf(" [%s]", now.row);
    printf(": ");
    return false;
}

bool test_check(bool holds, const char *what, const char *file, int line) {
    if (holds)
        return true;
    test_fail(file, line);
    printf("%s does not hold\n", what);
    return false;
}

bool test_check_int(int64_t got, int64_t want, const char *what, const char *file, int line) {
    if (got == want)
        return true;
    test_fail(file, line);
    printf("%s is %" PRId64 ", want %" PRId64 "\n", what, got, want);
    return false;
}

bool test_check_double(double got, double want, double within, const char *what, const char *file,
                       int line) {
    if (got >= want - within && got <= want + within)
        return true;
    test_fail(file, line);
    printf("%s is %.17g, want %.17g\n", what, got, want);
    return false;
}

static void print_bytes(const unsigned char *bytes, size_t len) {
    putchar('"');
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] < 0x20 || bytes[i] == '"' || bytes[i] == '\\' || bytes[i] == 0x7f)
            printf("\\x%02x", bytes[i]);
        else
            putchar(bytes[i]);
    }
    putchar('"');
}

bool test_check_bytes(const void *got, size_t got_len, const void *want, size_t want_len,
                      const char *what, const char *file, int line) {
    if (got_len == want_len && (got_len == 0 || memcmp(got, want, got_len) == 0))
        return true;
    test_fail(file, line);
    printf("%s is ", what);
    print_bytes(got, got_len);
    printf(", want ");
    print_bytes(want, want_len);
    putchar('\n');
    return false;
}

void test_case(const char *name) {
    now.row = name;
}

void test_run(const char *name, void (*function)(void)) {
    now.test = name;
    now.row = NULL;
    now.failed = false;
    function();
    if (now.failed) {
        now.failed_count++;
        printf("FAIL %s: %s\n", now.suite, name);
    } else {
        now.passed_count++;
    }
    fflush(stdout);
}

static bool wanted(const char *name, int count, char **parts) {
    for (int i = 1; i < count; i++) {
        if (strstr(name, parts[i]))
            return true;
    }
    return count <= 1;
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HB_HAS_ASAN 1
#endif
#endif
#if defined(HB_HAS_ASAN) || defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>

/* What ran when a sanitizer ended the program. */
static void test_died(void) {
    test_fail("runner", 0);
    puts("the program ended here");
    fflush(stdout);
}
#define ON_DEATH() __sanitizer_set_death_callback(test_died)
#else
#define ON_DEATH() (void)0
#endif

int main(int argc, char **argv) {
    ON_DEATH();
    bool list = argc == 2 && strcmp(argv[1], "--list") == 0;
    for (const test_suite *suite = suites; suite->name; suite++) {
        if (list) {
            puts(suite->name);
        } else if (wanted(suite->name, argc, argv)) {
            now.suite = suite->name;
            suite->run();
        }
    }
    if (list)
        return 0;
    printf("%d passed, %d failed\n", now.passed_count, now.failed_count);
    fflush(stdout);
    return now.failed_count == 0 ? 0 : 1;
}
