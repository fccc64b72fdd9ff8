// SPDX-License-Identifier: MIT
/* Decode and bind: what a spec means (as text), and what is refused with which code. */
#include "query/query.h"
#include "tests/unit/test.h"
#include "value/pack.h"

static const char definition[] =
    "{\"name\":\"Rec\",\"fields\":{\"s\":\"short-text\",\"l\":\"long-text\",\"i\":\"integer\","
    "\"f\":\"float\","
    "\"b\":\"boolean\",\"d\":\"date\",\"t\":\"timestamp\",\"u\":\"duration\","
    "\"c\":{\"type\":{\"type\":\"categorical\",\"values\":[\"red\",\"green\"]}},"
    "\"k\":{\"type\":{\"type\":\"categorical\",\"values\":[1,2,3],\"base\":\"integer\"}},"
    "\"a\":\"array[short-text]\",\"ai\":\"array[integer]\",\"any\":\"array\",\"j\":\"json\",\"v\":"
    "\"vector[2]\","
    "\"h\":{\"type\":{\"type\":\"hyper-g\",\"fields\":[{\"name\":\"slot\",\"dtype\":\"short-text\"}"
    ","
    "{\"name\":\"score\",\"dtype\":\"integer\",\"required\":false}]}},\"x\":\"artifact\"}}";

typedef struct fixture {
    hb_schema *schema;
    hb_spec *spec;
    hb_arena arena;
    const hb_query *query;
    hb_err err;
} fixture;

static hb_status pack_json(hb_arena *arena, const char *json, hb_str *out, hb_err *err) {
    hb_buf pack;
    hb_buf_init(&pack, hb_mem_default());
    hb_status status = hb_pack_from_json(hb_str_c(json), &pack, err);
    if (status == HB_OK) *out = hb_arena_str(arena, hb_buf_str(&pack));
    hb_buf_free(&pack);
    return status;
}

static hb_status fixture_open(fixture *fx, const char *spec, const char *params) {
    memset(fx, 0, sizeof *fx);
    hb_err_init(&fx->err);
    hb_arena_init(&fx->arena, hb_mem_default());
    hb_str pack, param_pack = HB_STR_EMPTY;
    HB_TRY(pack_json(&fx->arena, definition, &pack, &fx->err));
    HB_TRY(hb_schema_parse(pack, hb_mem_default(), &fx->schema, &fx->err));
    if (params != NULL) HB_TRY(pack_json(&fx->arena, params, &param_pack, &fx->err));
    HB_TRY(hb_spec_decode(hb_str_c(spec), hb_mem_default(), &fx->spec, &fx->err));
    return hb_query_bind(fx->spec, fx->schema, param_pack, 0, &fx->arena, &fx->query, &fx->err);
}

static void fixture_close(fixture *fx) {
    hb_spec_free(fx->spec);
    if (fx->schema != NULL) hb_schema_free(fx->schema);
    hb_arena_free(&fx->arena);
}

/* ---- meaning ---------------------------------------------------------------------------- */

static const struct {
    const char *spec, *params, *want;
} meanings[] = {
    /* filters */
    { "{\"filter\":{\"s\":\"a\"}}", NULL, "s = \"a\"" },
    { "{\"filter\":{\"i\":{\"$gte\":0,\"$lt\":10}}}", NULL, "i >= 0 and i < 10" },
    { "{\"filter\":{\"i\":{\"gt\":0}}}", NULL, "i > 0" },
    { "{\"filter\":{\"i\":{\"$GT\":0}}}", NULL, "i > 0" },
    { "{\"filter\":{\"i\":{\" $gt \":0}}}", NULL, "i > 0" },
    { "{\"filter\":{\"i\":1,\"b\":true}}", NULL, "i = 1 and b = true" },
    { "{\"filter\":{\"$or\":[{\"i\":1},{\"$and\":[{\"b\":true},{\"s\":\"x\"}]}]}}", NULL,
      "i = 1 or (b = true and s = \"x\")" },
    { "{\"filter\":{\"$not\":{\"i\":1}}}", NULL, "not i = 1" },
    { "{\"filter\":{\"$not\":{\"$not\":{\"i\":1}}}}", NULL, "not not i = 1" },
    { "{\"filter\":{}}", NULL, "" },
    { "{\"filter\":null}", NULL, "" },
    { "{\"filter\":{\"$and\":[]}}", NULL, "" },
    { "{\"filter\":{\"i\":{}}}", NULL, "" },
    { "{\"filter\":{\"$not\":{}}}", NULL, "" },
    { "{\"filter\":{\"$or\":[{},{\"i\":5}]}}", NULL, "i = 5" },
    { "{\"filter\":{\"$and\":[{\"i\":5}]}}", NULL, "i = 5" },
    /* null */
    { "{\"filter\":{\"i\":null}}", NULL, "i is null" },
    { "{\"filter\":{\"x\":null}}", NULL, "x is null" },
    { "{\"filter\":{\"v\":{\"$ne\":null}}}", NULL, "not v is null" },
    { "{\"filter\":{\"s\":{\"$is_null\":true}}}", NULL, "s is null" },
    { "{\"filter\":{\"s\":{\"is_null\":false}}}", NULL, "not s is null" },
    { "{\"filter\":{\"b\":\"null\"}}", NULL, "b is null" },
    { "{\"filter\":{\"s\":{\"$in\":[\"a\",null]}}}", NULL, "s in (\"a\", null)" },
    { "{\"filter\":{\"s\":{\"$match\":null}}}", NULL, "s in ()" },
    { "{\"filter\":{\"j.a\":null}}", NULL, "j.a in ()" },
    { "{\"filter\":{\"j.a\":{\"is_null\":true}}}", NULL, "j.a is null" },
    /* operands become the field's type */
    { "{\"filter\":{\"i\":\"5\"}}", NULL, "i = 5" },
    { "{\"filter\":{\"i\":5.9}}", NULL, "i = 5" },
    { "{\"filter\":{\"i\":9223372036854775807}}", NULL, "i = 9223372036854775807" },
    { "{\"filter\":{\"i\":-9223372036854775808}}", NULL, "i = -9223372036854775808" },
    { "{\"filter\":{\"s\":100}}", NULL, "s = \"100\"" },
    { "{\"filter\":{\"f\":3}}", NULL, "f = 3.0" },
    { "{\"filter\":{\"b\":\"yes\"}}", NULL, "b = true" },
    { "{\"filter\":{\"d\":\"20240101\"}}", NULL, "d = \"2024-01-01\"" },
    { "{\"filter\":{\"t\":\"2023-11-14T23:13:20Z\"}}", NULL, "t = 1700003600000" },
    { "{\"filter\":{\"i\":{\"$in\":[5.5,\"7\"]}}}", NULL, "i in (5, 7)" },
    { "{\"filter\":{\"i\":{\"$in\":[]}}}", NULL, "i in ()" },
    { "{\"filter\":{\"s\":{\"$match\":5}}}", NULL, "s match \"5\"" },
    { "{\"filter\":{\"c\":{\"$contains\":\"e\"}}}", NULL, "c contains \"e\"" },
    { "{\"filter\":{\"k\":{\"$contained_in\":\"1 or 3\"}}}", NULL, "k in (1, 3)" },
    { "{\"filter\":{\"s\":{\"$contains\":\"\"}}}", NULL, "s match \"\"" },
    /* arrays */
    { "{\"filter\":{\"a\":{\"$contains\":\"x\"}}}", NULL, "a array_contains \"x\"" },
    { "{\"filter\":{\"ai\":{\"$array_contains\":\"3\"}}}", NULL, "ai array_contains 3" },
    { "{\"filter\":{\"any\":{\"$array_contains\":{\"q\":1}}}}", NULL,
      "any array_contains {\"q\":1}" },
    { "{\"filter\":{\"ai\":[\"1\",2]}}", NULL, "ai = [1,2]" },
    { "{\"filter\":{\"a\":{\"$in\":[[\"x\"],[]]}}}", NULL, "a in ([\"x\"], [])" },
    /* Json */
    { "{\"filter\":{\"j\":{\"$eq\":{\"a\":1}}}}", NULL, "j = {\"a\":1}" },
    { "{\"filter\":{\"j.a.b\":{\"$gte\":1}}}", NULL, "j.a.b >= 1" },
    { "{\"filter\":{\"j\":{\"$get\":{\"path\":\"a.b\",\"gte\":\"1\"}}}}", NULL, "j.a.b >= \"1\"" },
    { "{\"filter\":{\"j\":{\"$get\":{\"path\":\"a.b\",\"op\":\"$GTE\",\"value\":\"1\"}}}}", NULL,
      "j.a.b >= \"1\"" },
    { "{\"filter\":{\"j\":{\"$get\":{\"path\":[\"a.b\"],\"$in\":[1,\"1\",null]}}}}", NULL,
      "j.a.b in (1, \"1\")" },
    { "{\"filter\":{\"h\":{\"$exists\":{\"slot\":\"k\"}}}}", NULL, "h exists {\"slot\":\"k\"}" },
    { "{\"filter\":{\"h\":{\"any\":{\"score\":{\"$gt\":1}}}}}", NULL,
      "h exists {\"score\":{\"$gt\":1}}" },
    { "{\"filter\":{\"h\":{\"$all\":{\"where\":{\"slot\":\"a\"},\"then\":{\"score\":1}}}}}", NULL,
      "h all {\"where\":{\"slot\":\"a\"},\"then\":{\"score\":1}}" },
    /* An operator that the type lacks is the planner's to refuse. */
    { "{\"filter\":{\"i\":{\"$match\":\"x\"}}}", NULL, "i match \"x\"" },
    { "{\"filter\":{\"v\":{\"$in\":[[1,0]]}}}", NULL, "v in ()" },
    /* parameters */
    { "{\"filter\":{\"i\":{\"$param\":0},\"s\":{\"$in\":[\"a\",{\"$param\":1}]}}}", "[7,\"b\"]",
      "i = 7 and s in (\"a\", \"b\")" },
    { "{\"filter\":{\"s\":{\"$in\":{\"$param\":0}}}}", "[[\"a\",\"b\"]]", "s in (\"a\", \"b\")" },
    { "{\"filter\":{\"h\":{\"$exists\":{\"slot\":{\"$param\":0}}}}}", "[\"k\"]",
      "h exists {\"slot\":\"k\"}" },
    { "{\"filter\":{\"j.a\":{\"$eq\":{\"b\":{\"$param\":0}}}}}", "[1]", "j.a = {\"b\":1}" },
};

static void filters_mean_what_they_say(void) {
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        CASE(meanings[i].spec);
        fixture fx;
        hb_buf text;
        hb_buf_init(&text, hb_mem_default());
        CHECK_INT(fixture_open(&fx, meanings[i].spec, meanings[i].params), HB_OK);
        if (fx.query != NULL && fx.query->filter != NULL)
            hb_expr_print(fx.schema, fx.query->filter, &text);
        if (fx.query == NULL) CHECK_CSTR(fx.err.msg, "");
        CHECK_BYTES(text.ptr != NULL ? text.ptr : "", text.len, meanings[i].want,
                    strlen(meanings[i].want));
        hb_buf_free(&text);
        fixture_close(&fx);
    }
}

static const struct {
    const char *spec, *want;
} clauses[] = {
    { "{}", "from rec" },
    { "{\"select\":[]}", "from rec" },
    { "{\"select\":[\"s\",\"object_id\",\"j.a.b\"]}", "from rec | select s, j.a.b" },
    { "{\"select\":[\"object_id\"]}", "from rec | select object_id" },
    { "{\"order\":[\"-i\",\"s\",\"j.x\"],\"limit\":5,\"offset\":\"2\"}",
      "from rec | order -i, s, j.x | offset 2 | limit 5" },
    { "{\"limit\":0}", "from rec | limit 0" },
    { "{\"near\":{\"field\":\"v\",\"query\":[1,\"0\"]}}", "from rec | near v [1,0] top 50" },
    { "{\"near\":{\"field\":\"v\",\"query\":[1,0],\"top_k\":1000,\"metric\":\"EUCLIDEAN\"},"
      "\"select\":[\"score\",\"near_score\"]}",
      "from rec | near v [1,0] top 1000 by l2 | select score, near_score" },
    { "{\"search\":{\"query\":\"a b\"}}", "from rec | search * \"a b\" top 50" },
    { "{\"search\":{\"fields\":\"l\",\"query\":\"a\",\"mode\":\"phrase\"},\"order\":[\"-search_"
      "score\"]}",
      "from rec | search l \"a\" top 50 phrase | order -search_score" },
    { "{\"search\":{\"fields\":[\"s\",\"l\"],\"query\":\"a\",\"top_k\":3}}",
      "from rec | search s,l \"a\" top 3" },
    { "{\"count\":true}", "from rec | count object_id" },
    { "{\"count\":{\"field\":\"s\",\"distinct\":false}}", "from rec | count s all" },
    { "{\"count\":false,\"limit\":1}", "from rec | limit 1" },
    { "{\"available\":false,\"unsafe\":true}", "from rec" },
    /* names have no white space around them */
    { "{\"select\":[\" s \"],\"order\":[\"- i \"]}", "from rec | order -i | select s" },
    { "{\"near\":{\"field\":\" v\",\"query\":[1,0],\"metric\":\" Dot \"}}",
      "from rec | near v [1,0] top 50 by dot" },
    { "{\"count\":{\"field\":\" s \"},\"offset\":0}", "from rec | count s" },
};

static void clauses_mean_what_they_say(void) {
    for (size_t i = 0; i < sizeof clauses / sizeof clauses[0]; i++) {
        CASE(clauses[i].spec);
        fixture fx;
        hb_buf text;
        hb_buf_init(&text, hb_mem_default());
        CHECK_INT(fixture_open(&fx, clauses[i].spec, NULL), HB_OK);
        if (fx.query != NULL)
            hb_query_print(fx.query, &text);
        else
            CHECK_CSTR(fx.err.msg, "");
        CHECK_STR(hb_buf_str(&text), clauses[i].want);
        hb_buf_free(&text);
        fixture_close(&fx);
    }
}

/* ---- refusals --------------------------------------------------------------------------- */

static const struct {
    const char *spec;
    hb_status want;
    const char *says;           /* part of the message */
} refusals[] = {
    { "", HB_E_QUERY, "not JSON" },
    { "{\"filter\":", HB_E_QUERY, "byte" },
    { "[]", HB_E_TYPE, "mapping" },
    { "{\"filters\":{}}", HB_E_QUERY, "did you mean 'filter'" },
    { "{\"limit\":1,\"limit\":2}", HB_E_QUERY, "twice" },
    { "{\"filter\":{\"i\":1,\"i\":2}}", HB_E_QUERY, "twice" },
    { "{\"filter\":{\"i\":{\"$gt\":1,\"$gt\":2}}}", HB_E_QUERY, "twice" },
    { "{\"filter\":[]}", HB_E_TYPE, "mapping" },
    { "{\"filter\":{\"$or\":[]}}", HB_E_QUERY, "$or" },
    { "{\"filter\":{\"$and\":{\"i\":1}}}", HB_E_TYPE, "list" },
    { "{\"filter\":{\"$and\":[1]}}", HB_E_TYPE, "mapping" },
    { "{\"filter\":{\"$not\":[{\"i\":1}]}}", HB_E_TYPE, "mapping" },
    { "{\"filter\":{\"$nor\":[{\"i\":1}]}}", HB_E_QUERY, "did you mean '$or'" },
    { "{\"filter\":{\"i\":{\"$nope\":1}}}", HB_E_UNSUPPORTED, "'$nope'" },
    { "{\"filter\":{\"j.a\":{\"b\":5}}}", HB_E_UNSUPPORTED, "'b'" },
    { "{\"filter\":{\"zzz\":1}}", HB_E_UNKNOWN_FIELD, "zzz" },
    { "{\"filter\":{\"\":1}}", HB_E_UNKNOWN_FIELD, "" },
    { "{\"filter\":{\"s.x\":1}}", HB_E_UNKNOWN_FIELD, "s.x" },
    { "{\"filter\":{\"j.\":1}}", HB_E_UNKNOWN_FIELD, "j." },
    { "{\"filter\":{\"j.a..b\":1}}", HB_E_QUERY, "empty key" },
    { "{\"filter\":{\"j.a\":{\"$like\":\"x\"}}}", HB_E_QUERY, "like" },
    { "{\"filter\":{\"j\":{\"$get\":\"a\"}}}", HB_E_TYPE, "mapping" },
    { "{\"filter\":{\"j\":{\"$get\":{\"path\":\"a\"}}}}", HB_E_QUERY, "exactly one" },
    { "{\"filter\":{\"j\":{\"$get\":{\"path\":\"\",\"eq\":1}}}}", HB_E_QUERY, "empty key" },
    { "{\"filter\":{\"j\":{\"$get\":{\"path\":[],\"eq\":1}}}}", HB_E_QUERY, "path" },
    { "{\"filter\":{\"h\":{\"$exists\":true}}}", HB_E_TYPE, "mapping" },
    { "{\"filter\":{\"h\":{\"$exists\":{\"zzz\":1}}}}", HB_E_UNKNOWN_FIELD, "zzz" },
    { "{\"filter\":{\"i\":[1,2]}}", HB_E_TYPE, "$in" },
    { "{\"filter\":{\"i\":\"x\"}}", HB_E_VALIDATION, "" },
    { "{\"filter\":{\"i\":{\"$lt\":null}}}", HB_E_TYPE, "null" },
    { "{\"filter\":{\"i\":{\"$in\":5}}}", HB_E_TYPE, "list" },
    { "{\"filter\":{\"a\":{\"$array_contains\":[\"x\"]}}}", HB_E_TYPE, "list" },
    { "{\"filter\":{\"i\":9223372036854775808}}", HB_E_VALIDATION, "" },
    { "{\"filter\":{\"s\":true}}", HB_E_VALIDATION, "" },
    { "{\"filter\":{\"s\":{\"$match\":[\"a\"]}}}", HB_E_TYPE, "text" },
    { "{\"filter\":{\"s\":{\"$is_null\":1}}}", HB_E_TYPE, "is_null" },
    { "{\"filter\":{\"c\":\"blue\"}}", HB_E_VALIDATION, "blue" },
    { "{\"filter\":{\"c\":{\"$in\":[\"red\",\"blue\"]}}}", HB_E_VALIDATION, "blue" },
    { "{\"filter\":{\"c\":{\"$lt\":\"red\"}}}", HB_E_VALIDATION, "order" },
    { "{\"filter\":{\"k\":{\"$match\":\"1\"}}}", HB_E_VALIDATION, "text" },
    { "{\"filter\":{\"k\":{\"$gte\":4}}}", HB_E_VALIDATION, "" },
    { "{\"filter\":{\"u\":-1}}", HB_E_VALIDATION, "" },
    { "{\"filter\":{\"s\":{\"$regex\":\"(\"}}}", HB_E_QUERY, "" },
    { "{\"filter\":{\"s\":{\"$regex\":\"(a+)+\"}}}", HB_E_QUERY, "" },
    { "{\"filter\":{\"v\":{\"$near\":[1,0]}}}", HB_E_UNSUPPORTED, "clause" },
    { "{\"filter\":{\"i\":{\"$param\":0}}}", HB_E_QUERY, "parameter 0" },
    { "{\"select\":[\"zzz\"]}", HB_E_QUERY, "zzz" },
    { "{\"select\":[\"s\",\"s\"]}", HB_E_QUERY, "twice" },
    { "{\"select\":[\"\"]}", HB_E_QUERY, "empty" },
    { "{\"select\":[1]}", HB_E_TYPE, "text" },
    { "{\"select\":[\"score\"]}", HB_E_QUERY, "score" },
    { "{\"near\":{\"field\":\"v\",\"query\":[1,0]},\"select\":[\"search_score\"]}", HB_E_QUERY,
      "search_score" },
    { "{\"order\":\"i\"}", HB_E_TYPE, "list" },
    { "{\"order\":[1]}", HB_E_TYPE, "text" },
    { "{\"order\":[\"-\"]}", HB_E_QUERY, "empty" },
    { "{\"order\":[\"zzz\"]}", HB_E_QUERY, "zzz" },
    { "{\"order\":[\"i.a\"]}", HB_E_UNKNOWN_FIELD, "i.a" },
    { "{\"limit\":-1}", HB_E_QUERY, "limit" },
    { "{\"limit\":null}", HB_E_TYPE, "limit" },
    { "{\"limit\":1.5}", HB_E_QUERY, "limit" },
    { "{\"offset\":-1}", HB_E_QUERY, "offset" },
    { "{\"near\":[1]}", HB_E_TYPE, "mapping" },
    { "{\"near\":{\"query\":[1,0]}}", HB_E_QUERY, "'field'" },
    { "{\"near\":{\"field\":\"v\"}}", HB_E_QUERY, "'query'" },
    { "{\"near\":{\"field\":\"v\",\"query\":[1,0],\"k\":5}}", HB_E_QUERY, "'k'" },
    { "{\"near\":{\"field\":\"zzz\",\"query\":[1,0]}}", HB_E_UNKNOWN_FIELD, "zzz" },
    { "{\"near\":{\"field\":\"i\",\"query\":[1,0]}}", HB_E_UNSUPPORTED, "vector" },
    { "{\"near\":{\"field\":\"v\",\"query\":[1,0],\"top_k\":0}}", HB_E_QUERY, "top_k" },
    { "{\"near\":{\"field\":\"v\",\"query\":[1,0],\"top_k\":1001}}", HB_E_LIMIT, "1000" },
    { "{\"near\":{\"field\":\"v\",\"query\":[1,0,0]}}", HB_E_VALIDATION, "" },
    { "{\"near\":{\"field\":\"v\",\"query\":[]}}", HB_E_VALIDATION, "" },
    { "{\"near\":{\"field\":\"v\",\"query\":null}}", HB_E_VALIDATION, "vector" },
    { "{\"near\":{\"field\":\"v\",\"query\":[1e400,0]}}", HB_E_QUERY, "" },
    { "{\"near\":{\"field\":\"v\",\"query\":[1,0],\"metric\":\"manhattan\"}}", HB_E_QUERY,
      "cosine" },
    { "{\"search\":{\"fields\":[\"l\"]}}", HB_E_QUERY, "'query'" },
    { "{\"search\":{\"query\":5}}", HB_E_TYPE, "text" },
    { "{\"search\":{\"query\":\"a\",\"fields\":[\"i\"]}}", HB_E_UNSUPPORTED, "text" },
    { "{\"search\":{\"query\":\"a\",\"fields\":[\"s\",\"s\"]}}", HB_E_QUERY, "twice" },
    { "{\"search\":{\"query\":\"a\",\"mode\":\"fuzzy\"}}", HB_E_QUERY, "any, all, phrase, prefix" },
    { "{\"fuse\":{\"k\":0}}", HB_E_QUERY, "fuse.k" },
    { "{\"fuse\":{\"weights\":{\"vector\":1}}}", HB_E_QUERY, "vector" },
    { "{\"count\":{\"field\":\"zzz\"}}", HB_E_QUERY, "zzz" },
    { "{\"count\":true,\"limit\":1}", HB_E_QUERY, "limit" },
    { "{\"count\":true,\"order\":[\"i\"]}", HB_E_QUERY, "order" },
    { "{\"having\":{\"i\":1}}", HB_E_QUERY, "aggregate" },
    { "{\"aggregate\":{}}", HB_E_QUERY, "at least one" },
    { "{\"aggregate\":{\"x\":\"sum\"}}", HB_E_TYPE, "mapping" },
    { "{\"aggregate\":{\"x\":{\"foo\":{\"field\":\"i\"}}}}", HB_E_QUERY, "foo" },
    { "{\"aggregate\":{\"x\":{\"sum\":{\"field\":\"zzz\"}}}}", HB_E_QUERY, "zzz" },
    { "{\"aggregate\":{\"x\":{\"sum\":{\"field\":\"s\"}}}}", HB_E_QUERY, "short-text" },
    { "{\"aggregate\":{\"x\":{\"percentile\":{\"field\":\"i\"}}}}", HB_E_TYPE, "q" },
    { "{\"aggregate\":{\"x\":{\"percentile\":{\"field\":\"i\",\"q\":2}}}}", HB_E_QUERY, "between" },
    { "{\"aggregate\":{\"x\":{\"percentile\":{\"field\":\"i\",\"q\":\"1.5\"}}}}", HB_E_QUERY,
      "between" },
    { "{\"aggregate\":{\"x\":{\"percentile\":{\"field\":\"i\",\"q\":\"half\"}}}}", HB_E_TYPE, "q" },
    { "{\"aggregate\":{\"x\":{\"percentile\":{\"field\":\"i\",\"q\":true}}}}", HB_E_TYPE, "q" },
    { "{\"aggregate\":{\"x\":{\"column_summary\":{\"field\":\"i\",\"kind\":\"number\"}}}}",
      HB_E_QUERY, "number" },
    { "{\"aggregate\":{\"x\":{\"column_summary\":{\"field\":\"i\",\"kind\":null}}}}", HB_E_QUERY,
      "kind" },
    { "{\"aggregate\":{\"x\":{\"column_summary\":{\"field\":\"i\",\"q\":1}}}}", HB_E_TYPE,
      "option" },
    { "{\"aggregate\":{\"x\":{\"sum\":{\"field\":\"i\",\"zzz\":1}}}}", HB_E_TYPE, "zzz" },
    { "{\"aggregate\":{\"object_id\":{\"count\":{\"field\":\"i\"}}}}", HB_E_QUERY, "reserved" },
    { "{\"group_by\":[\"c\"],\"aggregate\":{\" c\":{\"count\":{\"field\":\"i\"}}}}", HB_E_QUERY,
      "two columns" },
    { "{\"aggregate\":{\" \":{\"count\":{\"field\":\"i\"}}}}", HB_E_QUERY, "needs a name" },
    { "{\"having\":{}}", HB_E_QUERY, "needs aggregate" },
    { "{\"near\":{\"field\":\"v\",\"query\":[1,0],\"metric\":\" \"}}", HB_E_QUERY, "empty name" },
    { "{\"select\":[\"s\",\" s\"]}", HB_E_QUERY, "twice" },
    { "{\"filter\":{\"j\":{\"$get\":{\"path\":\"a\",\"eq\":1,\"ne\":2}}}}", HB_E_QUERY,
      "exactly one comparison" },
    { "{\"count\":true,\"offset\":1}", HB_E_QUERY, "offset" },
    { "{\"group_by\":[\"c\"],\"aggregate\":{\"x\":{\"sum\":{\"field\":\"i\"}}},"
      "\"having\":{\"zzz\":1}}",
      HB_E_QUERY, "expected one of: c, x" },
    { "{\"group_by\":[\"c\",\"c\"],\"aggregate\":{\"x\":{\"sum\":{\"field\":\"i\"}}}}", HB_E_QUERY,
      "twice" },
    { "{\"group_by\":[\"c\"]}", HB_E_QUERY, "needs aggregate" },
    { "{\"group_by\":null}", HB_E_TYPE, "list" },
    { "{\"aggregate\":null}", HB_E_TYPE, "mapping" },
    { "{\"group_by\":[\"c\"],\"aggregate\":{\"x\":{\"sum\":{\"field\":\"i\"}}},"
      "\"select\":[\"x\"]}",
      HB_E_QUERY, "leave out select" },
    { "{\"aggregate\":{\"x\":{\"count\":{\"field\":\"i\",\"distinct\":1}}}}", HB_E_TYPE,
      "true or false" },
    { "{\"available\":true}", HB_E_QUERY, "Catalog" },
    { "{\"after\":5}", HB_E_TYPE, "cursor" },
    { "{\"after\":\"x\"}", HB_E_QUERY, "cursor" },
    { "{\"after\":\"[1,2]\"}", HB_E_QUERY, "cursor" },
    { "{\"after\":\"[1,2]\",\"count\":true}", HB_E_QUERY, "count" },
    { "{\"traverse\":7}", HB_E_TYPE, "mapping" },
    { "{\"traverse\":{\"field\":\"s\"}}", HB_E_QUERY, "start" },
    { "{\"traverse\":{\"start\":\"a\"}}", HB_E_QUERY, "field" },
    { "{\"traverse\":{\"field\":\"s\",\"start\":null}}", HB_E_TYPE, "object_id" },
    { "{\"traverse\":{\"field\":\"s\",\"start\":\"a\",\"hops\":1}}", HB_E_QUERY, "hops" },
    { "{\"traverse\":{\"field\":\"s\",\"start\":\"a\",\"max_hops\":65}}", HB_E_LIMIT, "64" },
    { "{\"traverse\":{\"field\":\"s\",\"start\":\"a\",\"min_hops\":2,\"max_hops\":1}}", HB_E_QUERY,
      "min_hops" },
    { "{\"traverse\":{\"field\":\"s\",\"start\":\"a\",\"direction\":\"up\"}}", HB_E_QUERY,
      "direction" },
};

static void malformed_queries_are_refused(void) {
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        CASE(refusals[i].spec);
        fixture fx;
        CHECK_INT(fixture_open(&fx, refusals[i].spec, NULL), refusals[i].want);
        CHECK_INT(fx.err.code, refusals[i].want);
        CHECK(strstr(fx.err.msg, refusals[i].says) != NULL);
        CHECK(fx.err.msg[0] != '\0');
        fixture_close(&fx);
    }
}

static void errors_name_entity_and_field(void) {
    fixture fx;
    CHECK_INT(fixture_open(&fx, "{\"filter\":{\"c\":\"blue\"}}", NULL), HB_E_VALIDATION);
    CHECK_CSTR(fx.err.entity, "rec");
    CHECK_CSTR(fx.err.field, "c");
    fixture_close(&fx);
    CHECK_INT(fixture_open(&fx, "{\"near\":{\"field\":\"v\",\"query\":[1]}}", NULL),
              HB_E_VALIDATION);
    CHECK_CSTR(fx.err.field, "v");
    fixture_close(&fx);
}

/* ---- limits ----------------------------------------------------------------------------- */

static hb_status nested(uint32_t levels, const char *open, const char *close) {
    hb_buf text;
    hb_buf_init(&text, hb_mem_default());
    hb_buf_add_c(&text, "{\"filter\":");
    for (uint32_t i = 0; i < levels; i++) hb_buf_add_c(&text, open);
    hb_buf_add_c(&text, "{\"i\":1}");
    for (uint32_t i = 0; i < levels; i++) hb_buf_add_c(&text, close);
    hb_buf_add_c(&text, "}");
    hb_buf_add_char(&text, '\0');
    fixture fx;
    hb_status status = fixture_open(&fx, text.ptr, NULL);
    fixture_close(&fx);
    hb_buf_free(&text);
    return status;
}

static void nesting_is_limited(void) {
    CHECK_INT(nested(HB_EXPR_DEPTH_MAX - 1, "{\"$not\":", "}"), HB_OK);
    CHECK_INT(nested(HB_EXPR_DEPTH_MAX, "{\"$not\":", "}"), HB_E_LIMIT);
    CHECK_INT(nested(60, "{\"$not\":{\"$and\":[", "]}}"), HB_OK);
    CHECK_INT(nested(100000, "{\"$not\":", "}"), HB_E_LIMIT);
}

static void wide_filters_are_limited(void) {
    hb_buf text;
    hb_buf_init(&text, hb_mem_default());
    hb_buf_add_c(&text, "{\"filter\":{\"$or\":[{\"i\":0}");
    for (uint32_t i = 1; i < HB_EXPR_NODES_MAX; i++)
        hb_buf_printf(&text, ",{\"i\":%u}", (unsigned)i);
    hb_buf_add_c(&text, "]}}");
    hb_buf_add_char(&text, '\0');
    fixture fx;
    CHECK_INT(fixture_open(&fx, text.ptr, NULL), HB_E_LIMIT);
    fixture_close(&fx);
    hb_buf_free(&text);
}

static void deep_operands_are_limited(void) {
    hb_buf text;
    hb_buf_init(&text, hb_mem_default());
    hb_buf_add_c(&text, "{\"filter\":{\"j\":");
    for (uint32_t i = 0; i <= HB_VALUE_DEPTH_MAX + 1; i++) hb_buf_add_char(&text, '[');
    for (uint32_t i = 0; i <= HB_VALUE_DEPTH_MAX + 1; i++) hb_buf_add_char(&text, ']');
    hb_buf_add_c(&text, "}}");
    hb_buf_add_char(&text, '\0');
    fixture fx;
    CHECK_INT(fixture_open(&fx, text.ptr, NULL), HB_E_LIMIT);
    fixture_close(&fx);
    hb_buf_free(&text);
}

static void a_spec_is_reusable_with_other_parameters(void) {
    fixture fx;
    REQUIRE(fixture_open(&fx,
                         "{\"filter\":{\"i\":{\"$gt\":{\"$param\":0}}},\"limit\":{\"$param\":1}}",
                         "[1,2]") == HB_OK);
    CHECK_INT(hb_spec_param_count(fx.spec), 2);
    CHECK_INT(fx.query->limit, 2);
    hb_str params;
    const hb_query *again;
    CHECK_INT(pack_json(&fx.arena, "[9007199254740993,7]", &params, &fx.err), HB_OK);
    CHECK_INT(hb_query_bind(fx.spec, fx.schema, params, 0, &fx.arena, &again, &fx.err), HB_OK);
    CHECK_INT(again->filter->value.as.i, 9007199254740993);
    CHECK_INT(again->limit, 7);
    CHECK_INT(fx.query->filter->value.as.i, 1);
    fixture_close(&fx);
}

/* A decoder survives any bytes: every prefix, and every byte of a spec replaced. */
static void hostile_bytes_are_survived(void) {
    static const char spec[] = "{\"filter\":{\"$and\":[{\"i\":{\"$in\":[1,{\"$param\":0}]}},{\"j\":"
                               "{\"$get\":{\"path\":[\"a\"],\"eq\":{\"x\":[]}}}}]},"
                               "\"near\":{\"field\":\"v\",\"query\":[1,0],\"top_k\":\"3\"},"
                               "\"order\":[\"-s\"],\"limit\":2}";
    static const char bytes[] = { '"',  '{',  '}', '[', ']',    ',', ':',
                                  '\0', '\\', '9', '-', '\x80', '$' };
    char copy[sizeof spec];
    size_t len = sizeof spec - 1;
    fixture fx;
    REQUIRE(fixture_open(&fx, spec, "[2]") == HB_OK);
    for (size_t i = 0; i < len; i++) {
        hb_spec *made = NULL;
        hb_err err;
        hb_err_init(&err);
        CHECK(hb_spec_decode(hb_str_n(spec, i), hb_mem_default(), &made, &err) != HB_OK);
        for (size_t b = 0; b < sizeof bytes; b++) {
            const hb_query *query;
            memcpy(copy, spec, sizeof spec);
            copy[i] = bytes[b];
            if (hb_spec_decode(hb_str_n(copy, len), hb_mem_default(), &made, &err) != HB_OK)
                continue;
            (void)hb_query_bind(made, fx.schema, HB_STR("\x91\x02"), 0, &fx.arena, &query, &err);
            hb_spec_free(made);
        }
    }
    fixture_close(&fx);
}

TEST_SUITE {
    TEST(filters_mean_what_they_say);
    TEST(clauses_mean_what_they_say);
    TEST(malformed_queries_are_refused);
    TEST(errors_name_entity_and_field);
    TEST(nesting_is_limited);
    TEST(wide_filters_are_limited);
    TEST(deep_operands_are_limited);
    TEST(a_spec_is_reusable_with_other_parameters);
    TEST(hostile_bytes_are_survived);
}
