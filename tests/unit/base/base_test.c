// SPDX-License-Identifier: MIT
/* Memory, buffers, maps, errors, MD5: the small parts that everything stands on. */
#include <stdio.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/md5.h"
#include "tests/unit/test.h"

/* ---- memory ----------------------------------------------------------------------------- */

typedef struct failing_mem {
    int left;           /* allocations that still succeed */
    size_t live;        /* bytes handed out and not returned */
} failing_mem;

static void *failing_alloc(void *ctx, size_t size) {
    failing_mem *f = ctx;
    if (f->left-- <= 0) return NULL;
    f->live += size;
    return hb_mem_alloc(hb_mem_default(), size);
}

static void *failing_realloc(void *ctx, void *ptr, size_t old_size, size_t size) {
    failing_mem *f = ctx;
    if (f->left-- <= 0) return NULL;
    f->live += size - old_size;
    return hb_mem_realloc(hb_mem_default(), ptr, old_size, size);
}

static void failing_free(void *ctx, void *ptr, size_t size) {
    failing_mem *f = ctx;
    f->live -= size;
    hb_mem_free(hb_mem_default(), ptr, size);
}

static void arena_gives_aligned_memory_and_returns_all_of_it(void) {
    failing_mem f = { 1000, 0 };
    const hb_mem mem = { failing_alloc, failing_realloc, failing_free, &f };
    hb_arena arena;
    hb_arena_init(&arena, &mem);
    for (size_t i = 0; i < 2000; i++) {
        const size_t size = i % 97 == 0 ? 400000 : i;
        unsigned char *ptr = hb_arena_alloc(&arena, size);
        REQUIRE(ptr != NULL);
        REQUIRE(((uintptr_t)ptr & 15) == 0);
        memset(ptr, (int)i, size);
    }
    CHECK(arena.used_bytes > 2000000);
    hb_arena_reset(&arena);
    CHECK_INT(arena.used_bytes, 0);
    CHECK_STR(hb_arena_printf(&arena, "%d-%s", 7, "x"), "7-x");
    CHECK_STR(hb_arena_str(&arena, HB_STR("kept")), "kept");
    CHECK(hb_arena_str(&arena, (hb_str){ NULL, 0 }).ptr != NULL);
    CHECK(hb_arena_array(&arena, SIZE_MAX / 2, 3) == NULL);
    hb_arena_free(&arena);
    CHECK_INT(f.live, 0);
}

static void arena_failure_is_a_null(void) {
    failing_mem f = { 1, 0 };
    const hb_mem mem = { failing_alloc, failing_realloc, failing_free, &f };
    hb_arena arena;
    hb_arena_init(&arena, &mem);
    CHECK(hb_arena_alloc(&arena, 100) != NULL);
    CHECK(hb_arena_alloc(&arena, 100000) == NULL);
    CHECK(hb_arena_alloc(&arena, 100) != NULL);
    hb_arena_free(&arena);
    CHECK_INT(f.live, 0);
}

/* ---- buffers ---------------------------------------------------------------------------- */

static void buffer_appends_and_moves_out(void) {
    hb_buf buf;
    hb_buf_init(&buf, hb_mem_default());
    hb_buf_add_c(&buf, "a");
    hb_buf_add_char(&buf, 'b');
    hb_buf_printf(&buf, "%d", 42);
    hb_buf_add_i64(&buf, -7);
    hb_buf_add_f64(&buf, 1.0);
    hb_buf_align(&buf, 8);
    CHECK_BYTES(buf.ptr, buf.len, "ab42-71.0\0\0\0\0\0\0\0", 16);
    hb_err err;
    CHECK_INT(hb_buf_check(&buf, &err), HB_OK);
    uint32_t len;
    uint32_t cap;
    char *ptr = hb_buf_take(&buf, &len, &cap);
    CHECK_INT(len, 16);
    CHECK_INT(buf.len, 0);
    hb_mem_free(hb_mem_default(), ptr, cap);
    hb_buf_free(&buf);
}

static void buffer_failure_is_sticky_and_told_once(void) {
    failing_mem f = { 1, 0 };
    const hb_mem mem = { failing_alloc, failing_realloc, failing_free, &f };
    hb_buf buf;
    hb_err err;
    hb_buf_init(&buf, &mem);
    hb_buf_add_zero(&buf, 200);
    hb_buf_add_zero(&buf, 2000);
    hb_buf_add_c(&buf, "x");
    CHECK_INT(buf.len, 200);
    CHECK_INT(hb_buf_check(&buf, &err), HB_E_MEMORY);
    hb_buf_free(&buf);
    buf.max = 10;
    f.left = 10;
    hb_buf_add_c(&buf, "0123456789");
    CHECK_INT(hb_buf_check(&buf, &err), HB_OK);
    hb_buf_add_c(&buf, "x");
    CHECK_INT(hb_buf_check(&buf, &err), HB_E_LIMIT);
    hb_buf_free(&buf);
    CHECK_INT(f.live, 0);
}

static void json_strings_are_escaped_as_json_wants(void) {
    hb_buf buf;
    hb_buf_init(&buf, hb_mem_default());
    hb_buf_add_json_str(&buf, HB_STR("a\"b\\c\n\t\r\b\f\x01\x1f\x7f\xc3\xa9/\0"));
    CHECK_STR(hb_buf_str(&buf),
              "\"a\\\"b\\\\c\\n\\t\\r\\b\\f\\u0001\\u001f\x7f\xc3\xa9/\\u0000\"");
    hb_buf_free(&buf);
}

/* ---- map -------------------------------------------------------------------------------- */

static void map_finds_what_was_put_through_growth_and_removal(void) {
    enum { COUNT = 5000 };
    static char keys[COUNT][8];
    hb_map map;
    hb_map_init(&map, hb_mem_default());
    CHECK_INT(hb_map_find(&map, HB_STR("x")), HB_MAP_NONE);
    for (uint32_t i = 0; i < COUNT; i++) {
        snprintf(keys[i], sizeof keys[i], "k%u", (unsigned)i);
        REQUIRE(hb_map_put(&map, hb_str_c(keys[i]), i));
    }
    for (uint32_t i = 0; i < COUNT; i += 2) {
        REQUIRE(hb_map_remove(&map, hb_str_c(keys[i])));
    }
    CHECK(!hb_map_remove(&map, hb_str_c(keys[0])));
    CHECK_INT(map.count, COUNT / 2);
    for (uint32_t i = 0; i < COUNT; i++) {
        REQUIRE(hb_map_find(&map, hb_str_c(keys[i])) == (i % 2 == 0 ? HB_MAP_NONE : i));
    }
    CHECK(hb_map_put(&map, hb_str_c(keys[1]), 77));
    CHECK_INT(hb_map_find(&map, hb_str_c(keys[1])), 77);
    hb_map_free(&map);
}

static void map_does_not_grow_by_churn(void) {
    static char keys[64][8];
    hb_map map;
    hb_map_init(&map, hb_mem_default());
    for (uint32_t i = 0; i < 64; i++) {
        snprintf(keys[i], sizeof keys[i], "k%u", (unsigned)i);
    }
    for (uint32_t i = 0; i < 100000; i++) {
        REQUIRE(hb_map_put(&map, hb_str_c(keys[i % 64]), i));
        if (i >= 8) REQUIRE(hb_map_remove(&map, hb_str_c(keys[(i - 8) % 64])));
    }
    CHECK(map.cap <= 64);
    CHECK(hb_map_reserve(&map, 1000));
    CHECK(map.cap >= 1334);
    hb_map_free(&map);
}

/* ---- MD5 -------------------------------------------------------------------------------- */

static void md5_gives_the_digests_of_the_rfc(void) {
    static const struct {
        const char *in, *want;
    } cases[] = {
        { "", "d41d8cd98f00b204e9800998ecf8427e" },
        { "a", "0cc175b9c0f1b6a831c399e269772661" },
        { "message digest", "f96b697d7cb7938d525a2f31aaf161d0" },
        { "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
          "d174ab98d277d9f5a5611c2c9f419d9f" },
        { "1234567890123456789012345678901234567890123456789012345678901234567890123456789012"
          "3456789012345678901234567890", NULL },
        { "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
          "57edf4a22be3c955ac49da2e2107b67a" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t whole[HB_MD5_LEN];
        uint8_t parts[HB_MD5_LEN];
        hb_md5 md5;
        hb_md5_init(&md5);
        hb_md5_add(&md5, cases[i].in, strlen(cases[i].in));
        hb_md5_finish(&md5, whole);
        hb_md5_init(&md5);
        for (const char *at = cases[i].in; *at != '\0'; at++) {
            hb_md5_add(&md5, at, 1);
        }
        hb_md5_finish(&md5, parts);
        CHECK_BYTES(parts, HB_MD5_LEN, whole, HB_MD5_LEN);
        char hex[2 * HB_MD5_LEN + 1];
        for (size_t j = 0; j < HB_MD5_LEN; j++) {
            snprintf(hex + 2 * j, 3, "%02x", whole[j]);
        }
        if (cases[i].want != NULL) CHECK_CSTR(hex, cases[i].want);
    }
}

/* ---- errors ----------------------------------------------------------------------------- */

static void every_status_has_a_name_and_a_meaning(void) {
    CHECK_CSTR(hb_status_name(HB_E_SCHEMA_CONFLICT), "SCHEMA_CONFLICT");
    CHECK_CSTR(hb_status_name((hb_status)999), "UNKNOWN");
    CHECK_CSTR(hb_status_name((hb_status)-1), "UNKNOWN");
    for (int i = 0; i < HB_STATUS_COUNT; i++) {
        CHECK(strlen(hb_status_text((hb_status)i)) > 4);
    }
}

static void error_says_where_and_what_was_meant(void) {
    static const hb_str options[] = { { "cosine", 6 }, { "l2", 2 }, { "dot", 3 } };
    hb_err err;
    CHECK_INT(hb_err_set(&err, HB_E_QUERY, "unknown metric '%s'", "cosin"), HB_E_QUERY);
    CHECK_INT(hb_err_hint(&err, HB_STR("cosin"), options, 3), HB_E_QUERY);
    CHECK_CSTR(err.msg, "unknown metric 'cosin'; did you mean 'cosine'?; expected one of: "
                        "cosine, l2, dot");
    CHECK_INT(hb_err_where(&err, HB_STR("note"), HB_STR("emb"), HB_STR("")), HB_E_QUERY);
    CHECK_INT(hb_err_where(&err, HB_STR(""), HB_STR(""), HB_STR("vec")), HB_E_QUERY);
    CHECK_CSTR(err.entity, "note");
    CHECK_CSTR(err.field, "emb");
    CHECK_CSTR(err.backend, "vec");
    CHECK_INT(err.at, HB_AT_NONE);
    hb_err_set(&err, HB_E_QUERY, "x");
    CHECK_CSTR(err.entity, "");
    CHECK_INT(hb_err_set(NULL, HB_E_LIMIT, "x"), HB_E_LIMIT);
}

static void hint_guesses_only_what_is_close(void) {
    static const hb_str options[] = { { "$and", 4 }, { "$not", 4 }, { "$or", 3 } };
    static const struct {
        const char *word, *guess;
    } cases[] = { { "$nor", "$not" }, { "$AND", "$and" }, { "$ro", "$or" }, { "nonsense", NULL } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CASE(cases[i].word);
        hb_err err;
        hb_err_set(&err, HB_E_QUERY, "bad");
        hb_err_hint(&err, hb_str_c(cases[i].word), options, 3);
        if (cases[i].guess == NULL) {
            CHECK(strstr(err.msg, "did you mean") == NULL);
        } else {
            char want[64];
            snprintf(want, sizeof want, "bad; did you mean '%s'?", cases[i].guess);
            CHECK_BYTES(err.msg, strlen(want), want, strlen(want));
        }
    }
}

static void long_messages_end_at_a_code_point(void) {
    char text[1000];
    for (size_t i = 0; i + 2 < sizeof text; i += 3) {
        memcpy(text + i, "\xe5\x90\x8d", 3);
    }
    hb_err err;
    for (int shift = 0; shift < 4; shift++) {
        hb_err_set(&err, HB_E_QUERY, "%.*s%.*s", shift, "xxxx", 999, text);
        CHECK(hb_utf8_valid(hb_str_c(err.msg)));
        CHECK(strlen(err.msg) > sizeof err.msg - 6);
        hb_err_where(&err, hb_str_n(text, 99), HB_STR(""), hb_str_n(text, 999));
        CHECK(hb_utf8_valid(hb_str_c(err.entity)));
        CHECK(hb_utf8_valid(hb_str_c(err.backend)));
    }
}

TEST_SUITE {
    TEST(arena_gives_aligned_memory_and_returns_all_of_it);
    TEST(arena_failure_is_a_null);
    TEST(buffer_appends_and_moves_out);
    TEST(buffer_failure_is_sticky_and_told_once);
    TEST(json_strings_are_escaped_as_json_wants);
    TEST(map_finds_what_was_put_through_growth_and_removal);
    TEST(map_does_not_grow_by_churn);
    TEST(md5_gives_the_digests_of_the_rfc);
    TEST(every_status_has_a_name_and_a_meaning);
    TEST(error_says_where_and_what_was_meant);
    TEST(hint_guesses_only_what_is_close);
    TEST(long_messages_end_at_a_code_point);
}
