// SPDX-License-Identifier: MIT
#include <yyjson.h>

#include "tests/unit/plan/fake.h"
#include "tests/unit/test.h"

#define DOCUMENT                                                                                   \
    "{\"name\":\"Document\",\"fields\":{\"title\":\"short-text\",\"body\":\"long-text\",\"n\":"    \
    "\"integer\","                                                                                 \
    "\"meta\":\"json\",\"tags\":\"array[integer]\",\"embedding\":\"vector[2]\"}}"
#define DEBUG_BACKENDS "main@sqlite vec@inmem search@inmem"
#define N_EQ                                                                                       \
    "filter field=n op=eq logical_type=integer backend=main type=sqlite strategy=inline "          \
    "handler_kind=sql_where handler_mode=native\n"

static yyjson_doc *explain(const char *backends, const char *entity, const char *spec,
                           hb_err *err) {
    fake_world world;
    const hb_plan *plan = NULL;
    hb_plan_options options = { .explain_only = true };
    hb_buf json;
    hb_buf_init(&json, hb_mem_default());
    yyjson_doc *doc = NULL;
    hb_status status = fake_open(&world, backends, entity);
    if (status == HB_OK) status = fake_route(&world);
    if (status == HB_OK) status = fake_query(&world, spec, NULL);
    if (status == HB_OK) status = fake_plan(&world, &options, &plan);
    if (status == HB_OK)
        status = hb_plan_explain(plan, world.instances, HB_STR("ws"), &json, &world.err);
    if (status == HB_OK) doc = yyjson_read(json.ptr, json.len, 0);
    *err = world.err;
    hb_buf_free(&json);
    fake_close(&world);
    return doc;
}

static void add_word(hb_buf *out, yyjson_val *step, const char *key) {
    yyjson_val *value = yyjson_obj_get(step, key);
    if (yyjson_is_str(value)) hb_buf_printf(out, " %s=%s", key, yyjson_get_str(value));
    if (yyjson_is_uint(value))
        hb_buf_printf(out, " %s=%llu", key, (unsigned long long)yyjson_get_uint(value));
}

/* The steps that the reference has, with their stable members, one per line. */
static void print_steps(yyjson_doc *doc, hb_buf *out) {
    static const char *const stable[] = { "field",
                                          "op",
                                          "n",
                                          "logical_type",
                                          "backend",
                                          "type",
                                          "strategy",
                                          "handler_kind",
                                          "handler_mode",
                                          "near_filter_mode",
                                          "top_k",
                                          "metric" };
    static const char *const extra[] = { "scan",  "residual", "merge", "hydrate", "sort",
                                         "limit", "search",   "fuse",  "project", "count" };
    yyjson_arr_iter iter = yyjson_arr_iter_with(yyjson_obj_get(yyjson_doc_get_root(doc), "steps"));
    for (yyjson_val *step = yyjson_arr_iter_next(&iter); step != NULL;
         step = yyjson_arr_iter_next(&iter)) {
        const char *node = yyjson_get_str(yyjson_obj_get(step, "node"));
        bool ours = false;
        for (size_t i = 0; i < sizeof extra / sizeof extra[0]; i++)
            ours = ours || strcmp(node, extra[i]) == 0;
        if (ours) continue;
        hb_buf_add_c(out, node);
        for (size_t i = 0; i < sizeof stable / sizeof stable[0]; i++)
            add_word(out, step, stable[i]);
        if (yyjson_is_str(yyjson_obj_get(step, "unsupported_reason")))
            hb_buf_add_c(out, " unsupported");
        hb_buf_add_char(out, '\n');
    }
}

static const struct {
    const char *name, *backends, *spec, *want;
} cases[] = {
    { "nothing to filter, no step of the reference", DEBUG_BACKENDS,
      "{\"order\":[\"title\"],\"limit\":3}", "" },
    { "near alone", DEBUG_BACKENDS,
      "{\"near\":{\"field\":\"embedding\",\"query\":[1,0],\"top_k\":3}}",
      "near field=embedding op=near logical_type=vector backend=vec type=inmem strategy=vector "
      "handler_kind=row_payload handler_mode=scan near_filter_mode=none top_k=3 metric=cosine\n" },
    { "and on one backend is a group", DEBUG_BACKENDS,
      "{\"filter\":{\"$and\":[{\"title\":\"x\"},{\"body\":{\"$match\":\"y\"}}]}}",
      "and n=2\nbackend_group op=and n=2 backend=main\n"
      "filter field=title op=eq logical_type=short-text backend=main type=sqlite strategy=inline "
      "handler_kind=sql_where handler_mode=native\n"
      "filter field=body op=match logical_type=long-text backend=main type=sqlite strategy=inline "
      "handler_kind=row_payload handler_mode=scan\n" },
    { "not", DEBUG_BACKENDS, "{\"filter\":{\"$not\":{\"title\":\"x\"}}}",
      "not\nfilter field=title op=eq logical_type=short-text backend=main type=sqlite "
      "strategy=inline "
      "handler_kind=sql_where handler_mode=native\n" },
    { "and over backends has no group", "main@sqlite files@json vec@inmem",
      "{\"filter\":{\"title\":\"b\",\"embedding\":[1,0]}}",
      "and n=2\nfilter field=title op=eq logical_type=short-text backend=main type=sqlite "
      "strategy=inline "
      "handler_kind=sql_where handler_mode=native\n"
      "filter field=embedding op=eq logical_type=vector backend=vec type=inmem strategy=vector "
      "handler_kind=row_payload handler_mode=scan\n" },
    { "groups of a mixed and come first", DEBUG_BACKENDS,
      "{\"filter\":{\"$and\":[{\"title\":\"x\"},{\"embedding\":[1,0]},{\"n\":1}]}}",
      "and n=3\nbackend_group op=and n=2 backend=main\n"
      "filter field=title op=eq logical_type=short-text backend=main type=sqlite strategy=inline "
      "handler_kind=sql_where handler_mode=native\n"
      "filter field=embedding op=eq logical_type=vector backend=vec type=inmem strategy=vector "
      "handler_kind=row_payload handler_mode=scan\n"
      "filter field=n op=eq logical_type=integer backend=main type=sqlite strategy=inline "
      "handler_kind=sql_where handler_mode=native\n" },
    { "what nests in its own kind is told as one", DEBUG_BACKENDS,
      "{\"filter\":{\"$or\":[{\"$or\":[{\"n\":1},{\"$and\":[{\"$or\":[{\"n\":2}]}]}]},{\"n\":3}]}}",
      "or n=3\nbackend_group op=or n=3 backend=main\n" N_EQ N_EQ N_EQ },
    { "a question about null is told as it was put", DEBUG_BACKENDS,
      "{\"filter\":{\"$not\":{\"n\":{\"ne\":null}}}}",
      "not\nfilter field=n op=ne logical_type=integer backend=main type=sqlite strategy=inline "
      "handler_kind=sql_where handler_mode=native\n" },
    { "a list of numbers under a path is the engine's", DEBUG_BACKENDS,
      "{\"filter\":{\"meta.k\":{\"in\":[2,1.5,true]}}}",
      "filter field=meta op=get logical_type=json backend=main type=sqlite strategy=json "
      "handler_kind=sql_where handler_mode=native\n" },
    { "an operator that no field has", DEBUG_BACKENDS, "{\"filter\":{\"n\":{\"$near\":[1]}}}",
      "filter field=n op=near logical_type=integer backend=main type=sqlite strategy=inline "
      "handler_kind=row_payload handler_mode=scan unsupported\n" },
    { "nested groups are told again", DEBUG_BACKENDS,
      "{\"filter\":{\"$or\":[{\"$and\":[{\"title\":\"x\"},{\"n\":1}]},{\"tags\":{\"$array_"
      "contains\":2}}]}}",
      "or n=2\nbackend_group op=or n=2 backend=main\nand n=2\nbackend_group op=and n=2 "
      "backend=main\n"
      "filter field=title op=eq logical_type=short-text backend=main type=sqlite strategy=inline "
      "handler_kind=sql_where handler_mode=native\n"
      "filter field=n op=eq logical_type=integer backend=main type=sqlite strategy=inline "
      "handler_kind=sql_where handler_mode=native\n"
      "filter field=tags op=array_contains logical_type=array backend=main type=sqlite "
      "strategy=side "
      "handler_kind=sql_where handler_mode=native\n" },
    { "a Json path is the operator get", DEBUG_BACKENDS, "{\"filter\":{\"meta.k\":2}}",
      "filter field=meta op=get logical_type=json backend=main type=sqlite strategy=json "
      "handler_kind=sql_where handler_mode=native\n" },
    { "filter and near on one backend", "main@inmem",
      "{\"near\":{\"field\":\"embedding\",\"query\":[1,0],\"top_k\":3},\"filter\":{\"title\":\"x\"}"
      "}",
      "filter field=title op=eq logical_type=short-text backend=main type=inmem strategy=inline "
      "handler_kind=row_payload handler_mode=scan\n"
      "near field=embedding op=near logical_type=vector backend=main type=inmem strategy=vector "
      "handler_kind=row_payload handler_mode=scan near_filter_mode=combined_scan top_k=3 "
      "metric=cosine\n" },
    { "filter elsewhere, near within its ids", DEBUG_BACKENDS,
      "{\"near\":{\"field\":\"embedding\",\"query\":[1,0]},\"filter\":{\"title\":\"x\"}}",
      "filter field=title op=eq logical_type=short-text backend=main type=sqlite strategy=inline "
      "handler_kind=sql_where handler_mode=native\n"
      "near field=embedding op=near logical_type=vector backend=vec type=inmem strategy=vector "
      "handler_kind=row_payload handler_mode=scan near_filter_mode=candidate_id_prefilter top_k=50 "
      "metric=cosine\n" },
    { "object_id is answered by its index at home", "main@inmem",
      "{\"filter\":{\"object_id\":\"d1\"}}",
      "filter field=object_id op=eq logical_type=identifier backend=main type=inmem "
      "strategy=inline "
      "handler_kind=index_filter handler_mode=native\n" },
    { "an operator that the type lacks is shown as unsupported", DEBUG_BACKENDS,
      "{\"filter\":{\"n\":{\"$match\":\"x\"}}}",
      "filter field=n op=match logical_type=integer backend=main type=sqlite strategy=inline "
      "handler_kind=row_payload handler_mode=scan unsupported\n" },
};

static void steps_have_the_shape_of_the_reference(void) {
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CASE(cases[i].name);
        hb_err err;
        yyjson_doc *doc = explain(cases[i].backends, DOCUMENT, cases[i].spec, &err);
        hb_buf text;
        hb_buf_init(&text, hb_mem_default());
        CHECK(doc != NULL);
        if (doc == NULL)
            CHECK_CSTR(err.msg, "");
        else
            print_steps(doc, &text);
        CHECK_BYTES(text.ptr != NULL ? text.ptr : "", text.len, cases[i].want,
                    strlen(cases[i].want));
        hb_buf_free(&text);
        yyjson_doc_free(doc);
    }
}

static yyjson_val *step_of(yyjson_doc *doc, const char *node) {
    yyjson_arr_iter iter = yyjson_arr_iter_with(yyjson_obj_get(yyjson_doc_get_root(doc), "steps"));
    for (yyjson_val *step = yyjson_arr_iter_next(&iter); step != NULL;
         step = yyjson_arr_iter_next(&iter)) {
        if (strcmp(yyjson_get_str(yyjson_obj_get(step, "node")), node) == 0) return step;
    }
    return NULL;
}

static void pushed_and_local_work_are_told_apart(void) {
    hb_err err;
    yyjson_doc *doc = explain(DEBUG_BACKENDS, DOCUMENT,
                              "{\"filter\":{\"n\":1},\"order\":[\"n\"],\"limit\":3}", &err);
    REQUIRE(doc != NULL);
    yyjson_val *pushed = yyjson_obj_get(step_of(doc, "scan"), "pushed");
    CHECK(yyjson_is_true(yyjson_obj_get(pushed, "filter")));
    CHECK(yyjson_is_true(yyjson_obj_get(pushed, "order")));
    CHECK(yyjson_is_true(yyjson_obj_get(pushed, "limit")));
    CHECK(yyjson_is_true(yyjson_obj_get(step_of(doc, "limit"), "pushed")));
    CHECK(step_of(doc, "sort") == NULL);
    yyjson_doc_free(doc);
    doc = explain("main@weak", "{\"name\":\"D\",\"fields\":{\"n\":\"integer\"}}",
                  "{\"filter\":{\"n\":1},\"order\":[\"n\"],\"limit\":3}", &err);
    REQUIRE(doc != NULL);
    pushed = yyjson_obj_get(step_of(doc, "scan"), "pushed");
    CHECK(yyjson_is_false(yyjson_obj_get(pushed, "filter")));
    CHECK(step_of(doc, "residual") != NULL);
    CHECK(yyjson_is_false(yyjson_obj_get(step_of(doc, "sort"), "pushed")));
    CHECK(yyjson_is_false(yyjson_obj_get(step_of(doc, "limit"), "pushed")));
    yyjson_doc_free(doc);
}

static void search_without_an_index_says_so(void) {
    hb_err err;
    yyjson_doc *doc = explain("main@sqlite", DOCUMENT,
                              "{\"search\":{\"fields\":\"body\",\"query\":\"a\"}}", &err);
    REQUIRE(doc != NULL);
    CHECK_CSTR(yyjson_get_str(yyjson_obj_get(step_of(doc, "search"), "ranking")), "equal scores");
    CHECK_CSTR(yyjson_get_str(yyjson_obj_get(step_of(doc, "search"), "handler_mode")), "scan");
    yyjson_doc_free(doc);
    doc = explain(DEBUG_BACKENDS, DOCUMENT, "{\"search\":{\"fields\":\"body\",\"query\":\"a\"}}",
                  &err);
    REQUIRE(doc != NULL);
    CHECK_CSTR(yyjson_get_str(yyjson_obj_get(step_of(doc, "search"), "ranking")), "bm25");
    yyjson_doc_free(doc);
}

static void every_binding_has_a_reason(void) {
    hb_err err;
    yyjson_doc *doc = explain(DEBUG_BACKENDS, DOCUMENT, "{}", &err);
    REQUIRE(doc != NULL);
    yyjson_val *plan = yyjson_obj_get(yyjson_doc_get_root(doc), "storage_plan");
    yyjson_arr_iter iter = yyjson_arr_iter_with(yyjson_obj_get(plan, "bindings"));
    size_t count = 0;
    for (yyjson_val *binding = yyjson_arr_iter_next(&iter); binding;
         binding = yyjson_arr_iter_next(&iter), count++) {
        CHECK(yyjson_get_len(yyjson_obj_get(binding, "why")) > 0);
        CHECK(yyjson_get_len(yyjson_obj_get(binding, "source")) > 0);
    }
    CHECK_INT(count, 11);   /* seven fields with name, the replica of body, object_id on three */
    CHECK_INT(yyjson_arr_size(yyjson_obj_get(plan, "indexes")), 3);
    yyjson_doc_free(doc);
}

static void operands_stay_exact(void) {
    hb_err err;
    yyjson_doc *doc = explain(DEBUG_BACKENDS, DOCUMENT,
                              "{\"filter\":{\"n\":9007199254740993,\"title\":\"a\\u0000\\\"b\"},"
                              "\"limit\":9007199254740993}",
                              &err);
    REQUIRE(doc != NULL);
    yyjson_val *query = yyjson_obj_get(yyjson_doc_get_root(doc), "query");
    yyjson_val *args = yyjson_obj_get(yyjson_obj_get(query, "filter"), "and");
    yyjson_val *n = yyjson_obj_get(yyjson_obj_get(yyjson_arr_get(args, 0), "filter"), "value");
    yyjson_val *title = yyjson_obj_get(yyjson_obj_get(yyjson_arr_get(args, 1), "filter"), "value");
    CHECK(yyjson_get_uint(n) == 9007199254740993u);
    CHECK_BYTES(yyjson_get_str(title), yyjson_get_len(title), "a\0\"b", 4);
    CHECK(yyjson_get_uint(yyjson_obj_get(query, "limit")) == 9007199254740993u);
    yyjson_doc_free(doc);
}

static void a_field_stored_nowhere_is_an_error_in_explain_too(void) {
    hb_err err;
    yyjson_doc *doc =
        explain("main@sqlite",
                "{\"name\":\"D\",\"fields\":{\"t\":{\"type\":\"short-text\",\"storage\":"
                "{\"to\":\"no\",\"optional\":true}}}}",
                "{\"filter\":{\"t\":\"x\"}}", &err);
    CHECK(doc == NULL);
    CHECK_INT(err.code, HB_E_UNKNOWN_FIELD);
    yyjson_doc_free(doc);
}

TEST_SUITE {
    TEST(steps_have_the_shape_of_the_reference);
    TEST(pushed_and_local_work_are_told_apart);
    TEST(search_without_an_index_says_so);
    TEST(every_binding_has_a_reason);
    TEST(operands_stay_exact);
    TEST(a_field_stored_nowhere_is_an_error_in_explain_too);
}
