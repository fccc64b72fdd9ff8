// SPDX-License-Identifier: MIT
#include "plan/capabilities.h"
#include "tests/unit/plan/fake.h"
#include "tests/unit/test.h"

static hb_status ask(const char *request, bool named, hb_buf *out, hb_err *err) {
    const hb_backend *types[] = { fake_backend(HB_STR("sqlite")), fake_backend(HB_STR("inmem")),
                                  fake_backend(HB_STR("lance")) };
    static const hb_str names[] = { { "main", 4 }, { "vec", 3 }, { "far", 3 } };
    hb_err_init(err);
    return hb_capabilities_json(types, named ? names : NULL, 3, hb_str_c(request), out, err);
}

static const struct {
    const char *request, *want;
} answers[] = {
    { "{\"method\":\"supports\",\"dtype\":\"Vector\",\"op\":\"near\",\"backend\":\"inmem\","
      "\"strategy\":\"VectorIndex\"}",
      "{\"supported\":true,\"mode\":\"fallback\"}" },
    { "{\"method\":\"supports\",\"dtype\":\"vector\",\"op\":\"$near\",\"backend\":\"lance\","
      "\"strategy\":\"vector\"}",
      "{\"supported\":true,\"mode\":\"native\"}" },
    { "{\"method\":\"supports\",\"dtype\":\"vector\",\"op\":\"near\",\"backend\":\"lance\","
      "\"strategy\":\"vector\"}",
      "{\"supported\":true,\"mode\":\"native\"}" },
    { "{\"method\":\"supports\",\"dtype\":\"Vector\",\"op\":\"match\",\"backend\":\"memory\","
      "\"strategy\":\"vector\"}",
      "{\"supported\":false,\"mode\":\"no\"}" },
    { "{\"method\":\"supports\",\"dtype\":\"ShortText\",\"op\":\"eq\",\"backend\":\"vec\","
      "\"strategy\":\"inline\"}",
      "{\"supported\":true,\"mode\":\"fallback\"}" },
    { "{\"method\":\"strategies\",\"dtype\":\"Vector\",\"op\":\"near\"}",
      "[{\"identifier\":\"vector\",\"strategy\":\"VectorIndex\",\"mode\":\"native\"}]" },
    { "{\"method\":\"ops\",\"dtype\":\"boolean\",\"strategy\":\"inline\",\"backend\":\"main\"}",
      "[{\"op\":\"eq\",\"mode\":\"native\"},{\"op\":\"in\",\"mode\":\"native\"},{\"op\":\"is_"
      "null\",\"mode\":\"native\"},"
      "{\"op\":\"ne\",\"mode\":\"native\"}]" },
    { "{\"method\":\"backends\",\"dtype\":\"hyper-g\",\"strategy\":\"side\"}",
      "[{\"type\":\"sqlite\",\"aliases\":[],\"name\":\"main\",\"mode\":\"native\"},"
      "{\"type\":\"inmem\",\"aliases\":[\"memory\"],\"name\":\"vec\",\"mode\":\"fallback\"}]" },
    { "{\"method\":\"logical_types\",\"op\":\"array_contains\",\"backend\":null}",
      "[{\"identifier\":\"array\",\"dtype\":\"Array\",\"mode\":\"native\"}]" },
    { "{\"method\":\"supports\",\"dtype\":\"Date\",\"op\":\"has_words\",\"backend\":\"memory\","
      "\"strategy\":\"inline\"}",
      "{\"supported\":false,\"mode\":\"no\"}" },
    { "{\"method\":\"supports\",\"dtype\":\"Date\",\"op\":\"search\",\"backend\":\"memory\","
      "\"strategy\":\"inverted\"}",
      "{\"supported\":false,\"mode\":\"no\"}" },
    { "{\"method\":\"rows\",\"dtype\":\"array[short-text]\",\"strategy\":\"sparse-gram\",\"op\":"
      "\"array_contains\"}",
      "[{\"dtype\":\"array\",\"op\":\"array_contains\",\"backend\":\"sqlite\",\"name\":\"main\","
      "\"strategy\":\"sparse-gram\","
      "\"mode\":\"native\"}]" },
};

static void questions_are_answered_from_the_tables(void) {
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        CASE(answers[i].request);
        hb_buf out;
        hb_err err;
        hb_buf_init(&out, hb_mem_default());
        CHECK_INT(ask(answers[i].request, true, &out, &err), HB_OK);
        CHECK_STR(hb_buf_str(&out), answers[i].want);
        hb_buf_free(&out);
    }
}

static const struct {
    const char *request;
    hb_status want;
} refusals[] = {
    { "", HB_E_QUERY },
    { "[]", HB_E_QUERY },
    { "{}", HB_E_QUERY },
    { "{\"method\":\"opss\"}", HB_E_QUERY },
    { "{\"method\":\"ops\",\"dtype\":\"Number\"}", HB_E_QUERY },
    { "{\"method\":\"ops\",\"strategy\":\"Inline\"}", HB_E_QUERY },
    { "{\"method\":\"ops\",\"op\":\"nope\"}", HB_E_QUERY },
    { "{\"method\":\"ops\",\"backend\":\"nope\"}", HB_E_UNKNOWN_BACKEND },
    { "{\"method\":\"ops\",\"dtype\":5}", HB_E_TYPE },
    { "{\"method\":\"ops\",\"colour\":\"red\"}", HB_E_QUERY },
    { "{\"method\":\"supports\",\"dtype\":\"Vector\"}", HB_E_QUERY },
};

static void bad_questions_are_refused(void) {
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        CASE(refusals[i].request);
        hb_buf out;
        hb_err err;
        hb_buf_init(&out, hb_mem_default());
        CHECK_INT(ask(refusals[i].request, false, &out, &err), refusals[i].want);
        hb_buf_free(&out);
    }
}

static bool count_row(void *user, const hb_capability *row) {
    const hb_capability *previous = user;
    CHECK(row->backend >= previous->backend);
    CHECK(row->native || row->reason != NULL);
    *(hb_capability *)user = *row;
    return true;
}

static void rows_come_in_order_with_a_reason_for_each_fallback(void) {
    const hb_backend *types[] = { fake_backend(HB_STR("sqlite")), fake_backend(HB_STR("inmem")) };
    hb_capability last = { 0 };
    hb_capabilities_each(types, 2, count_row, &last);
    CHECK_INT(last.backend, 1);
}

static void without_filters_everything_is_listed(void) {
    hb_buf out;
    hb_err err;
    hb_buf_init(&out, hb_mem_default());
    CHECK_INT(ask("{\"method\":\"logical_types\"}", false, &out, &err), HB_OK);
    uint32_t types = 0;
    for (int64_t at = 0;
         (at = hb_str_find(hb_buf_str(&out), HB_STR("\"dtype\""), (uint32_t)at)) >= 0; at++)
        types++;
    CHECK_INT(types, HB_TYPE_COUNT);
    hb_buf_free(&out);
}

TEST_SUITE {
    TEST(questions_are_answered_from_the_tables);
    TEST(bad_questions_are_refused);
    TEST(rows_come_in_order_with_a_reason_for_each_fallback);
    TEST(without_filters_everything_is_listed);
}
