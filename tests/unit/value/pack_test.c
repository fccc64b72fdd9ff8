// SPDX-License-Identifier: MIT
#include "value/pack.h"

#include <math.h>

#include "base/limits.h"
#include "tests/unit/test.h"
#include "value/time.h"

#define S(literal) { literal, sizeof(literal) - 1 }

static void integers_take_the_shortest_form(void) {
    static const struct {
        int64_t value;
        hb_str want;
    } cases[] = {
        { 0, S("\x00") }, { 127, S("\x7f") }, { 128, S("\xcc\x80") }, { 255, S("\xcc\xff") },
        { 256, S("\xcd\x01\x00") }, { 65536, S("\xce\x00\x01\x00\x00") },
        { INT64_C(4294967296), S("\xcf\0\0\0\x01\0\0\0\0") },
        { INT64_MAX, S("\xcf\x7f\xff\xff\xff\xff\xff\xff\xff") }, { -1, S("\xff") },
        { -32, S("\xe0") }, { -33, S("\xd0\xdf") }, { -129, S("\xd1\xff\x7f") },
        { -32769, S("\xd2\xff\xff\x7f\xff") },
        { INT64_MIN, S("\xd3\x80\0\0\0\0\0\0\0") },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        hb_buf buf;
        hb_pack_item item;
        hb_buf_init(&buf, hb_mem_default());
        hb_pack_int(&buf, cases[i].value);
        CHECK_BYTES(buf.ptr, buf.len, cases[i].want.ptr, cases[i].want.len);
        hb_pack_reader r = hb_pack_read(hb_buf_str(&buf));
        CHECK(hb_pack_next(&r, &item));
        CHECK_INT(item.tag, HB_PACK_INT);
        CHECK_INT(item.i, cases[i].value);
        CHECK(!hb_pack_next(&r, &item));
        hb_buf_free(&buf);
    }
}

static void malformed_bytes_are_refused(void) {
    static const struct {
        const char *name;
        hb_str in;
    } cases[] = {
        { "empty", S("") }, { "cut text", S("\xa3" "ab") }, { "cut int", S("\xcd\x01") },
        { "never used", S("\xc1") }, { "two values", S("\x01\x02") }, { "cut list", S("\x92\x01") },
        { "list of four billion", S("\xdd\xff\xff\xff\xff\x01") },
        { "map of four billion", S("\xdf\xff\xff\xff\xff\x01") },
        { "bytes of four billion", S("\xc6\xff\xff\xff\xff\x01") },
        { "ext of four billion", S("\xc9\xff\xff\xff\xff\x01\x01") },
        { "cut ext", S("\xd4\x01") }, { "text that is not UTF-8", S("\xa1\xff") },
        { "surrogate in text", S("\xa3\xed\xa0\x80") }, { "odd vector", S("\xc7\x03\x01" "abc") },
        { "cut float", S("\xcb\x00\x00") },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CASE(cases[i].name);
        CHECK(!hb_pack_valid(cases[i].in));
    }
}

static void depth_is_limited(void) {
    char nested[HB_VALUE_DEPTH_MAX + 2];
    memset(nested, '\x91', sizeof nested);
    nested[HB_VALUE_DEPTH_MAX] = '\x01';
    CHECK(hb_pack_valid(hb_str_n(nested, HB_VALUE_DEPTH_MAX + 1)));
    nested[HB_VALUE_DEPTH_MAX] = '\x91';
    nested[HB_VALUE_DEPTH_MAX + 1] = '\x01';
    CHECK(!hb_pack_valid(hb_str_n(nested, HB_VALUE_DEPTH_MAX + 2)));
    hb_buf buf;
    hb_err err;
    hb_buf_init(&buf, hb_mem_default());
    CHECK_INT(hb_pack_to_json(hb_str_n(nested, HB_VALUE_DEPTH_MAX + 2), 0, false, &buf, &err),
              HB_E_CORRUPT);
    char json[2 * HB_VALUE_DEPTH_MAX + 2];
    memset(json, '[', HB_VALUE_DEPTH_MAX + 1);
    memset(json + HB_VALUE_DEPTH_MAX + 1, ']', HB_VALUE_DEPTH_MAX + 1);
    CHECK_INT(hb_pack_from_json(hb_str_n(json, sizeof json), &buf, &err), HB_E_LIMIT);
    hb_buf_free(&buf);
}

/* Every prefix of a rich value, and every value with one byte changed, must be survived. */
static void broken_bytes_are_survived(void) {
    hb_buf buf;
    hb_buf json;
    hb_err err;
    hb_buf_init(&buf, hb_mem_default());
    hb_buf_init(&json, hb_mem_default());
    const hb_str text = HB_STR("{\"a\":[1,-5,300,1.5,\"x\",true,null,{\"b\":[]}],\"c\":\"0123456789"
                               "0123456789012345678901234567890123456789\"}");
    REQUIRE(hb_pack_from_json(text, &buf, &err) == HB_OK);
    for (uint32_t len = 0; len < buf.len; len++) {
        CHECK(!hb_pack_valid(hb_str_n(buf.ptr, len)));
    }
    for (uint32_t i = 0; i < buf.len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            buf.ptr[i] = (char)(buf.ptr[i] ^ (1 << bit));
            hb_buf_clear(&json);
            (void)hb_pack_valid(hb_buf_str(&buf));
            (void)hb_pack_to_json(hb_buf_str(&buf), 0, true, &json, &err);
            (void)hb_pack_eq(hb_buf_str(&buf), HB_STR("\x80"));
            buf.ptr[i] = (char)(buf.ptr[i] ^ (1 << bit));
        }
    }
    hb_buf_free(&json);
    hb_buf_free(&buf);
}

static void json_round_trips(void) {
    static const struct {
        const char *in, *want;
    } cases[] = {
        { "null", NULL }, { "true", NULL }, { "5", NULL }, { "-9223372036854775808", NULL },
        { "9223372036854775807", NULL }, { "1.5", NULL }, { "1.0", NULL },
        { "9223372036854775808", "9.223372036854776e+18" }, { "1e400000", "?" },
        { "\"a\\\"\\u00e9\\ud83d\\ude00\\n\"", "\"a\\\"\xc3\xa9\xf0\x9f\x98\x80\\n\"" },
        { " [ 1 , [ ] , { } ] ", "[1,[],{}]" }, { "{\"b\":1,\"a\":{\"d\":2,\"c\":3}}", NULL },
        { "{\"\":\"empty key\"}", NULL }, { "\"a\\u0000b\"", NULL },
        { "\"\\ud800\"", "?" }, { "[1,]", "?" }, { "", "?" }, { "{", "?" }, { "nan", "?" },
        { "\"\xff\"", "?" }, { "1 2", "?" }, { "{'a':1}", "?" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CASE(cases[i].in);
        const char *want = cases[i].want != NULL ? cases[i].want : cases[i].in;
        hb_buf pack;
        hb_buf json;
        hb_err err;
        hb_buf_init(&pack, hb_mem_default());
        hb_buf_init(&json, hb_mem_default());
        const hb_status status = hb_pack_from_json(hb_str_c(cases[i].in), &pack, &err);
        if (strcmp(want, "?") == 0) {
            CHECK_INT(status, HB_E_VALIDATION);
            CHECK(err.at != HB_AT_NONE);
        } else {
            CHECK_INT(status, HB_OK);
            CHECK(hb_pack_valid(hb_buf_str(&pack)));
            CHECK_INT(hb_pack_to_json(hb_buf_str(&pack), 0, false, &json, &err), HB_OK);
            CHECK_STR(hb_buf_str(&json), want);
        }
        hb_buf_free(&json);
        hb_buf_free(&pack);
    }
}

static void json_can_be_indented_and_sorted(void) {
    hb_buf pack;
    hb_buf json;
    hb_err err;
    hb_buf_init(&pack, hb_mem_default());
    hb_buf_init(&json, hb_mem_default());
    CHECK_INT(hb_pack_from_json(HB_STR("{\"b\":[1,{\"z\":0,\"y\":[]}],\"a\":{}}"), &pack, &err),
              HB_OK);
    CHECK_INT(hb_pack_to_json(hb_buf_str(&pack), 2, true, &json, &err), HB_OK);
    CHECK_STR(hb_buf_str(&json), "{\n  \"a\": {},\n  \"b\": [\n    1,\n    {\n      \"y\": [],\n"
                                 "      \"z\": 0\n    }\n  ]\n}");
    hb_buf_free(&json);
    hb_buf_free(&pack);
}

static void what_json_lacks_is_written_as_text_or_refused(void) {
    static const struct {
        const char *name;
        hb_str in;
        const char *want;   /* NULL: VALIDATION */
    } cases[] = {
        { "bytes", S("\xc4\x04" "abcd"), "\"YWJjZA==\"" }, { "no bytes", S("\xc4\x00"), "\"\"" },
        { "two bytes", S("\xc4\x02\xff\xfe"), "\"//4=\"" },
        { "vector", S("\xd7\x01\0\0\x80\x3f\xcd\xcc\xcc\x3d"), "[1.0,0.1]" },
        { "seconds", S("\xd6\xff\x65\xe0\x72\x00"), "\"2024-02-29T12:01:04Z\"" },
        { "uint64", S("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), "18446744073709551615" },
        { "NaN", S("\xcb\x7f\xf8\0\0\0\0\0\0"), NULL },
        { "infinite vector", S("\xd6\x01\0\0\x80\x7f"), NULL },
        { "unknown ext", S("\xd4\x05\x00"), NULL }, { "number as key", S("\x81\x01\x01"), NULL },
        { "float32", S("\xca\x3f\xc0\0\0"), "1.5" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CASE(cases[i].name);
        hb_buf json;
        hb_err err;
        hb_buf_init(&json, hb_mem_default());
        const hb_status status = hb_pack_to_json(cases[i].in, 0, false, &json, &err);
        CHECK_INT(status, cases[i].want != NULL ? HB_OK : HB_E_VALIDATION);
        if (cases[i].want != NULL) CHECK_STR(hb_buf_str(&json), cases[i].want);
        hb_buf_free(&json);
    }
}

static bool json_eq(const char *a, const char *b) {
    hb_buf x;
    hb_buf y;
    hb_err err;
    hb_buf_init(&x, hb_mem_default());
    hb_buf_init(&y, hb_mem_default());
    CHECK_INT(hb_pack_from_json(hb_str_c(a), &x, &err), HB_OK);
    CHECK_INT(hb_pack_from_json(hb_str_c(b), &y, &err), HB_OK);
    const bool eq = hb_pack_eq(hb_buf_str(&x), hb_buf_str(&y));
    CHECK_INT(hb_pack_eq(hb_buf_str(&y), hb_buf_str(&x)), eq);
    hb_buf_free(&y);
    hb_buf_free(&x);
    return eq;
}

static void equality_is_deep_and_ignores_key_order(void) {
    static const struct {
        const char *a, *b;
        bool want;
    } cases[] = {
        { "1", "1.0", true }, { "1", "true", false }, { "1", "\"1\"", false },
        { "0", "null", false },
        { "{\"a\":1,\"b\":2,\"c\":3}", "{\"c\":3,\"a\":1,\"b\":2.0}", true },
        { "{\"a\":1}", "{\"a\":1,\"b\":2}", false }, { "{\"a\":1}", "{\"b\":1}", false },
        { "[1,2]", "[2,1]", false }, { "[[{\"x\":[1]}]]", "[[{\"x\":[1.0]}]]", true },
        { "{\"a\":{\"b\":1,\"c\":2},\"d\":3}", "{\"d\":3,\"a\":{\"c\":2,\"b\":1}}", true },
        { "[{\"a\":1,\"b\":2},5]", "[{\"b\":2,\"a\":1},6]", false },
        { "9007199254740993", "9007199254740992.0", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CASE(cases[i].a);
        CHECK_INT(json_eq(cases[i].a, cases[i].b), cases[i].want);
    }
}

static void paths_lead_through_maps_and_lists(void) {
    static const struct {
        hb_str path[3];
        uint32_t len;
        const char *want;
    } cases[] = {
        { { S("a") }, 1, "{\"b\":[10,{\"c\":5}],\"0\":7}" },
        { { S("a"), S("b"), S("0") }, 3, "10" },
        { { S("a"), S("0") }, 2, "7" }, { { S("a"), S("b"), S("2") }, 3, NULL },
        { { S("a"), S("b"), S("-1") }, 3, NULL }, { { S("x") }, 1, NULL },
        { { S("n") }, 1, "null" }, { { S("n"), S("x") }, 2, NULL }, { { S("a") }, 0, NULL },
    };
    hb_buf pack;
    hb_err err;
    hb_buf_init(&pack, hb_mem_default());
    CHECK_INT(hb_pack_from_json(HB_STR("{\"a\":{\"b\":[10,{\"c\":5}],\"0\":7},\"n\":null}"), &pack,
                                &err), HB_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        hb_str found;
        const bool there = hb_pack_path(hb_buf_str(&pack), cases[i].path, cases[i].len, &found);
        if (cases[i].len == 0) {
            CHECK(there && found.len == pack.len);
            continue;
        }
        CHECK_INT(there, cases[i].want != NULL);
        if (!there || cases[i].want == NULL) continue;
        hb_buf json;
        hb_buf_init(&json, hb_mem_default());
        CHECK_INT(hb_pack_to_json(found, 0, false, &json, &err), HB_OK);
        CHECK_STR(hb_buf_str(&json), cases[i].want);
        hb_buf_free(&json);
    }
    hb_buf_free(&pack);
}

static void values_pack_and_unpack(void) {
    static const float floats[3] = { 1.0f, -2.5f, 0.25f };
    hb_arena arena;
    hb_err err;
    hb_arena_init(&arena, hb_mem_default());
    const hb_value values[] = {
        { .kind = HB_KIND_NULL }, { HB_KIND_BOOL, { .b = true } }, { HB_KIND_I64, { .i = -77 } },
        { HB_KIND_F64, { .f = 0.1 } }, { HB_KIND_TEXT, { .s = S("text") } },
        { HB_KIND_BYTES, { .s = S("\x00\xff") } }, { HB_KIND_VEC, { .v = { floats, 3 } } },
        { HB_KIND_VEC, { .v = { floats, 2 } } }, { HB_KIND_VEC, { .v = { floats, 0 } } },
        { HB_KIND_PACK, { .s = S("\x91\xc0") } },
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        hb_buf buf;
        hb_value back;
        hb_buf_init(&buf, hb_mem_default());
        hb_buf_add_char(&buf, ' ');     /* so that vectors are not aligned by chance */
        hb_pack_value(&buf, &values[i]);
        const hb_str bytes = { buf.ptr + 1, buf.len - 1 };
        CHECK(hb_pack_valid(bytes));
        CHECK_INT(hb_pack_to_value(bytes, &arena, &back, &err), HB_OK);
        CHECK_INT(back.kind, values[i].kind);
        CHECK(hb_value_eq(&back, &values[i]));
        hb_buf_free(&buf);
    }
    hb_value out;
    CHECK_INT(hb_pack_to_value(HB_STR("\x92\x01"), &arena, &out, &err), HB_E_CORRUPT);
    hb_arena_free(&arena);
}

static void times_parse(void) {
    static const struct {
        const char *in;
        int64_t us;     /* -1: malformed */
    } cases[] = {
        { "2024-02-29", INT64_C(1709164800000000) },
        { "2024-02-29T12:34:56Z", INT64_C(1709210096000000) },
        { "2024-02-29t12:34:56.789Z", INT64_C(1709210096789000) },
        { "2024-02-29T12:34:56+02:00", INT64_C(1709202896000000) },
        { "2024-02-29T23:30:00-05:00", INT64_C(1709267400000000) },
        { "2024-02-29 12:34", INT64_C(1709210040000000) },
        { "2024-02-29T12", INT64_C(1709208000000000) },
        { "2024-02-29T12:34:56.123456789+0000", INT64_C(1709210096123456) },
        { "20240229T123456Z", INT64_C(1709210096000000) },
        { " 1970-01-01T00:00:00.000001 ", 1 },
        { "9999-12-31T23:59:59Z", INT64_C(253402300799000000) },
        { "", -1 }, { "yesterday", -1 }, { "1700000000000", -1 }, { "2024-02-30T00:00:00Z", -1 },
        { "2024-02-29T25:00:00Z", -1 }, { "2024-02-29T12:60:00Z", -1 }, { "2023-02-29", -1 },
        { "2024-13-01", -1 }, { "2024-00-01", -1 }, { "0000-01-01", -1 }, { "2024-1-2", -1 },
        { "2024-02-29T", -1 }, { "2024-02-29T12:34:56.", -1 }, { "2024-02-29T12:34:56 UTC", -1 },
        { "2024-02-29X12:00", -1 }, { "2024-0229", -1 }, { "1900-02-29", -1 }, { "2000-02-29",
        INT64_C(951782400000000) },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CASE(cases[i].in);
        int64_t us = 0;
        CHECK_INT(hb_time_parse_timestamp(hb_str_c(cases[i].in), &us), cases[i].us >= 0);
        if (cases[i].us >= 0) CHECK_INT(us, cases[i].us);
    }
    int64_t us = 0;
    CHECK(hb_time_parse_timestamp(HB_STR("1969-12-31T23:59:59Z"), &us));
    CHECK_INT(us, -1000000);
    CHECK(hb_time_parse_timestamp(HB_STR("0001-01-01"), &us));
    CHECK_INT(us, INT64_C(-62135596800000000));
}

static void every_day_of_the_calendar_is_written_as_it_is_read(void) {
    const int64_t day = INT64_C(86400000000);
    for (int64_t us = INT64_C(-62135596800000000); us <= INT64_C(253402300799999999);
         us += 53 * day + 1000001) {
        char text[HB_TIME_TEXT_MAX];
        int64_t back = 0;
        const uint32_t len = hb_time_write_iso(us, text);
        REQUIRE(len > 0);
        REQUIRE(hb_time_parse_timestamp(hb_str_n(text, len), &back));
        REQUIRE(back == us);
        char date[10];
        REQUIRE(hb_time_parse_date(hb_str_n(text, 10), date));
        REQUIRE(memcmp(date, text, 10) == 0);
    }
    char text[HB_TIME_TEXT_MAX];
    CHECK_INT(hb_time_write_iso(INT64_C(253402300800000000), text), 0);
    CHECK_INT(hb_time_write_iso(INT64_MIN, text), 0);
}

TEST_SUITE {
    TEST(integers_take_the_shortest_form);
    TEST(malformed_bytes_are_refused);
    TEST(depth_is_limited);
    TEST(broken_bytes_are_survived);
    TEST(json_round_trips);
    TEST(json_can_be_indented_and_sorted);
    TEST(what_json_lacks_is_written_as_text_or_refused);
    TEST(equality_is_deep_and_ignores_key_order);
    TEST(paths_lead_through_maps_and_lists);
    TEST(values_pack_and_unpack);
    TEST(times_parse);
    TEST(every_day_of_the_calendar_is_written_as_it_is_read);
}
