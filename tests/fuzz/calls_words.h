// SPDX-License-Identifier: MIT
/* What calls_fuzz.c makes rows and filters of: few values, so that they meet, and for every type some
 * that it refuses. The fields are those of fuzz_definition. */
#ifndef HB_TESTS_FUZZ_CALLS_WORDS_H
#define HB_TESTS_FUZZ_CALLS_WORDS_H

static const char *const ids[] = { "a", "b", "c", "\xc3\xa9", "A" };
static const struct { const char *name, *values[6]; } fields[] = {
    { "name", { "\"a\"", "\"Agent x\"", "\"\"", "\"\\u00df\\u0000%\"", "\"A_\\nb\"", "12" } },
    { "body", { "\"agents route\"", "\"route the agents\"", "\"\"", "\"Stra\\u00dfe\"", "\"x route x\"", "null" } },
    { "n", { "0", "1", "-1", "9007199254740993", "-9223372036854775808", "\"x\"" } },
    { "x", { "0.5", "-0.0", "1e300", "2", "1.0000000000000002", "9007199254740993" } },
    { "ok", { "true", "false", "0", "\"yes\"", "null", "[]" } },
    { "cat", { "\"red\"", "\"green\"", "\"blue\"", "\"red\"", "null", "1" } },
    { "num", { "1", "2", "3", "4", "null", "1" } },
    { "at", { "0", "1700000000000", "\"2024-01-01T00:00:00Z\"", "-1", "1", "null" } },
    { "day", { "\"2024-02-29\"", "\"20240101\"", "\"2023-02-29\"", "null", "\"1970-01-01\"", "\"2024-01-01\"" } },
    { "span", { "0", "5", "9223372036854775807", "-1", "null", "1" } },
    { "tags", { "[]", "[\"a\"]", "[\"a\",\"b\"]", "[\"\"]", "null", "[\"b\",\"a\"]" } },
    { "nums", { "[]", "[1]", "[1,2]", "[2,2]", "null", "[9007199254740993]" } },
    { "emb", { "[1,0]", "[0,1]", "[0,0]", "[0.6,0.8]", "null", "[1]" } },
    { "meta", { "{\"a\":1}", "{\"a\":{\"b\":\"x\"}}", "\"a\"", "[1,\"a\"]", "null", "{\"a\":1.0}" } },
    { "facts", { "[]", "[{\"slot\":\"s\",\"value\":1}]", "[{\"slot\":\"t\",\"value\":2},{\"slot\":\"s\"}]", "null",
                 "[[\"s\",3]]", "[{\"slot\":\"s\",\"value\":null}]" } },
    { "object_id", { "\"a\"", "\"b\"", "\"\"", "\"\\u00e9\"", "null", "\"A\"" } },
};
static const char *const ops[] = { "eq", "ne", "lt", "lte", "gt", "gte", "match", "contains", "starts_with", "ends_with",
                                   "like", "ilike", "wildcard", "regex", "has_words", "array_contains" };

#endif
