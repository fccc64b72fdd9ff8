// SPDX-License-Identifier: MIT
#include "eval/leaf.h"
#include "exec/summary.h"
#include "tests/unit/test.h"

typedef struct summary_case {
    hb_summary_kind kind;
    const char *values;     /* a JSON list */
    const char *want;
} summary_case;

static const summary_case summaries[] = {
    { HB_SUMMARY_NUMERIC, "[]", "{}" },
    { HB_SUMMARY_NUMERIC, "[true,\"x\"]", "{}" },
    { HB_SUMMARY_NUMERIC, "[2.5]",
      "{\"distinct\":1,\"min\":2.5,\"max\":2.5,\"mean\":2.5,\"percentiles\":{\"p25\":2.5,\"p50\":2."
      "5,"
      "\"p75\":2.5},\"histogram\":[{\"lo\":2.5,\"hi\":2.5,\"count\":1}],\"top\":[{\"value\":\"2."
      "5\","
      "\"count\":1}]}" },
    { HB_SUMMARY_NUMERIC, "[1,1,3]",
      "{\"distinct\":2,\"min\":1.0,\"max\":3.0,\"mean\":1.6667,\"percentiles\":{\"p25\":1.0,"
      "\"p50\":1.0,"
      "\"p75\":2.0},\"histogram\":[{\"lo\":1.0,\"hi\":2.0,\"count\":2},{\"lo\":2.0,\"hi\":3.0,"
      "\"count\":0},"
      "{\"lo\":3.0,\"hi\":4.0,\"count\":1}],\"top\":[{\"value\":\"1\",\"count\":2},{\"value\":"
      "\"3\","
      "\"count\":1}]}" },
    /* beyond the range of floats in sum and width, but not in the mean */
    { HB_SUMMARY_NUMERIC, "[-1.5e308,1.5e308,1.5e308,1.5e308]",
      "{\"distinct\":2,\"min\":-1.5e+308,\"max\":1.5e+308,\"mean\":7.5e+307,\"percentiles\":{"
      "\"p25\":"
      "7.5e+307,\"p50\":1.5e+308,\"p75\":1.5e+308},\"top\":[{\"value\":\"1.5e+308\",\"count\":3},"
      "{\"value\":\"-1.5e+308\",\"count\":1}]}" },
    { HB_SUMMARY_BOOL, "[true,false,true,0,\"\",[1]]",
      "{\"distinct\":2,\"top\":[{\"value\":\"false\",\"count\":3},{\"value\":\"true\",\"count\":3}]"
      "}" },
    { HB_SUMMARY_TIME, "[\"2024-02-29\",\"2024-03-01\",\"never\"]",
      "{\"format\":\"ISO "
      "date\",\"earliest\":\"2024-02-29\",\"latest\":\"2024-03-01\",\"span_days\":1.0,"
      "\"unparsed\":1}" },
    { HB_SUMMARY_TIME, "[1709210096123,\"2024-02-29T13:00:00Z\"]",
      "{\"format\":\"mixed\",\"earliest\":\"2024-02-29T12:34:56.123000+00:00\",\"latest\":"
      "\"2024-02-29T13:00:00+00:00\",\"span_days\":0.0}" },
    { HB_SUMMARY_VECTOR, "[[3,4],[\"1\"],[null],5]",
      "{\"dims\":\"1\\u20132\",\"norm\":{\"min\":1.0,\"mean\":3.0,\"max\":5.0}}" },
    { HB_SUMMARY_JSON, "[{\"a\":1},{},[null,true,2.0,[]],\"s\"]",
      "{\"scalars\":1,\"scalar_values\":[{\"value\":\"s\",\"count\":1}],\"keys\":[{\"key\":\"a\","
      "\"count\":1}],"
      "\"distinct_keys\":1,\"key_count\":{\"min\":0,\"mean\":0.5,\"max\":1},\"items\":{\"min\":4,"
      "\"mean\":4.0,"
      "\"max\":4},\"elements\":[{\"value\":\"2.0\",\"count\":1},{\"value\":\"None\",\"count\":1},{"
      "\"value\":"
      "\"True\",\"count\":1}],\"size\":{\"mean\":18.3,\"max\":39}}" },
    { HB_SUMMARY_TEXT, "[\"b\",\"\\u00e9\\u00e9\",1]",
      "{\"distinct\":3,\"length\":{\"min\":1,\"mean\":1.3,\"max\":2},\"length_histogram\":[{\"lo\":"
      "1.0,\"hi\":"
      "2.0,\"count\":2},{\"lo\":2.0,\"hi\":3.0,\"count\":1}],\"examples\":[{\"value\":\"b\"},{"
      "\"value\":"
      "\"\\u00e9\\u00e9\"},{\"value\":\"1\"}]}" },
};

static uint32_t unpack(hb_str pack, hb_value *values) {
    hb_pack_reader reader = hb_pack_read(pack);
    hb_pack_item head;
    if (!hb_pack_next(&reader, &head)) return 0;
    for (uint32_t i = 0; i < head.count; i++) {
        hb_str whole;
        if (!hb_pack_skip(&reader, &whole) || !hb_leaf_unpack(whole, &values[i])) return 0;
    }
    return head.count;
}

/* The want is JSON with escapes of its own: both are compared as packed values. */
static void each_kind_tells_its_own(void) {
    for (size_t i = 0; i < sizeof summaries / sizeof summaries[0]; i++) {
        hb_arena arena;
        hb_buf in, out, want, text;
        hb_value values[8];
        hb_err err = { 0 };
        CASE(summaries[i].values);
        hb_arena_init(&arena, hb_mem_default());
        hb_buf_init(&in, hb_mem_default());
        hb_buf_init(&out, hb_mem_default());
        hb_buf_init(&want, hb_mem_default());
        hb_buf_init(&text, hb_mem_default());
        CHECK(HB_OK == hb_pack_from_json(hb_str_c(summaries[i].values), &in, &err));
        CHECK(HB_OK == hb_pack_from_json(hb_str_c(summaries[i].want), &want, &err));
        uint32_t count = unpack(hb_buf_str(&in), values);
        CHECK(HB_OK == hb_summary_write(values, count, summaries[i].kind, 0, hb_mem_default(),
                                        &arena, &out, &err));
        CHECK(HB_OK == hb_pack_to_json(hb_buf_str(&out), 0, false, &text, &err));
        CHECK(hb_pack_eq(hb_buf_str(&out), hb_buf_str(&want)));
        if (!hb_pack_eq(hb_buf_str(&out), hb_buf_str(&want)))
            CHECK_STR(hb_buf_str(&text), summaries[i].want);
        hb_buf_free(&in);
        hb_buf_free(&out);
        hb_buf_free(&want);
        hb_buf_free(&text);
        hb_arena_free(&arena);
    }
}

static void long_texts_and_lists_say_that_they_are_cut(void) {
    hb_arena arena;
    hb_buf out, text;
    hb_err err = { 0 };
    char letters[131];
    hb_value values[250];
    memset(letters, 'x', sizeof letters);
    hb_arena_init(&arena, hb_mem_default());
    hb_buf_init(&out, hb_mem_default());
    hb_buf_init(&text, hb_mem_default());
    values[0] = (hb_value){ HB_KIND_TEXT, { .s = hb_str_n(letters, 130) } };
    for (int i = 1; i < 250; i++) values[i] = (hb_value){ HB_KIND_I64, { .i = i } };
    CHECK(HB_OK ==
          hb_summary_write(values, 250, HB_SUMMARY_JSON, 0, hb_mem_default(), &arena, &out, &err));
    CHECK(HB_OK == hb_pack_to_json(hb_buf_str(&out), 0, false, &text, &err));
    CHECK(hb_str_find(hb_buf_str(&text), HB_STR("\"scalar_values_truncated\":true"), 0) >= 0);
    hb_buf_clear(&text);
    CHECK(HB_OK ==
          hb_summary_write(values, 1, HB_SUMMARY_TEXT, 0, hb_mem_default(), &arena, &out, &err));
    CHECK(HB_OK == hb_pack_to_json(hb_buf_str(&out), 0, false, &text, &err));
    CHECK(hb_str_find(hb_buf_str(&text), HB_STR("\"value_truncated\":true,\"value_len\":130"), 0) >=
          0);
    hb_buf_free(&out);
    hb_buf_free(&text);
    hb_arena_free(&arena);
}

TEST_SUITE {
    TEST(each_kind_tells_its_own);
    TEST(long_texts_and_lists_say_that_they_are_cut);
}
