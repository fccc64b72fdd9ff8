// SPDX-License-Identifier: MIT
/* The workspace through its public interface. */
#include "tests/unit/workspace/fixture.h"

static const char debug_options[] = "{\"id\":\"unit\",\"preset\":\"debug\"}";
static const char doc_definition[] =
    "{\"name\":\"Doc\",\"fields\":{\"title\":\"short-text\",\"n\":\"integer\",\"body\":\"long-text\","
    "\"emb\":\"vector[2]\"}}";

static void fill(fixture *f) {
    CHECK_INT(define(f, doc_definition), HB_OK);
    static const char *const rows[] = {
        "{\"object_id\":\"d1\",\"title\":\"Agent routing\",\"n\":1,\"body\":\"agents route queries\",\"emb\":[1,0]}",
        "{\"object_id\":\"d2\",\"title\":\"Storage\",\"n\":2,\"body\":\"backends store rows\",\"emb\":[0,1]}",
        "{\"object_id\":\"d3\",\"title\":\"Both\",\"n\":3,\"body\":\"agents store queries\",\"emb\":[0.6,0.8]}",
    };
    for (size_t i = 0; i < 3; i++) {
        if (!CHECK_INT(upsert(f, "doc", rows[i]), HB_OK)) test_check(false, f->err.msg, __FILE__, __LINE__);
    }
}

static void bad_options_are_typed_errors(void) {
    static const struct { const char *options; hb_status want; } cases[] = {
        { "{\"id\":\"Bad Id\"}", HB_E_INVALID_ID },
        { "{\"id\":\"a\",\"preset\":\"zzz\"}", HB_E_UNKNOWN_PRESET },
        { "{\"id\":\"a\",\"backends\":{}}", HB_E_VALIDATION },
        { "{\"id\":\"a\",\"backends\":{\"main\":\"inmem\"}}", HB_E_TYPE },
        { "{\"id\":\"a\",\"backends\":{\"main\":{\"type\":\"nope\"}}}", HB_E_UNKNOWN_BACKEND },
        { "{\"id\":\"a\",\"backends\":{\"Main X\":{\"type\":\"inmem\"}}}", HB_E_INVALID_ID },
        { "{\"id\":\"a\",\"backends\":{\"main\":{\"type\":\"inmem\",\"zzz\":1}}}", HB_E_UNKNOWN_BACKEND },
        { "{\"id\":\"a\",\"nonsense\":1}", HB_E_TYPE },
        { "[]", HB_E_TYPE },
        { "{", HB_E_TYPE },
        { "{\"id\":\"a\",\"backends\":{\"main\":{\"type\":\"inmem\",\"x\":\"a\\u0000b\"}}}", HB_E_VALIDATION },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CASE(cases[i].options);
        hb_workspace *ws = NULL;
        hb_err err;
        CHECK_INT(hb_workspace_open(hb_str_c(cases[i].options), hb_mem_default(), &ws, &err), cases[i].want);
    }
}

static void a_written_row_is_read_back_from_three_backends(void) {
    fixture f;
    fixture_open(&f, debug_options);
    fill(&f);
    REQUIRE(by_id(&f, HB_CALL_GET, "doc", "d3") == HB_OK);
    const hb_batch *batch = &answer(&f)->batch;
    REQUIRE(batch->row_count == 1);
    int title = hb_batch_find(batch, HB_STR("title")), emb = hb_batch_find(batch, HB_STR("emb"));
    REQUIRE(title > 0 && emb > 0);
    CHECK_STR(hb_column_span(&batch->columns[title], 0), "Both");
    CHECK_DOUBLE(((const float *)batch->columns[emb].data)[1], (double)0.8f);
    CHECK_INT(by_id(&f, HB_CALL_GET, NULL, "d2"), HB_OK);
    CHECK_INT(answer(&f)->batch.row_count, 1);
    CHECK_INT(by_id(&f, HB_CALL_GET, "doc", "zz"), HB_OK);
    CHECK_INT(answer(&f)->batch.row_count, 0);
    fixture_close(&f);
}

static void queries_answer_across_backends(void) {
    static const struct { const char *spec, *column, *want; } cases[] = {
        { "{}", "title", "d1|Agent routing\nd2|Storage\nd3|Both\n" },
        { "{\"filter\":{\"n\":{\"$gte\":2}},\"select\":[\"n\"]}", "n", "d2|2\nd3|3\n" },
        { "{\"filter\":{\"title\":{\"$match\":\"AGENT\"}}}", "n", "d1|1\n" },
        { "{\"order\":[\"-n\"],\"limit\":2}", "n", "d3|3\nd2|2\n" },
        { "{\"near\":{\"field\":\"emb\",\"query\":[1,0],\"top_k\":2},\"select\":[\"title\",\"score\"]}", "title",
          "d1|Agent routing\nd3|Both\n" },
        { "{\"filter\":{\"n\":{\"$gt\":1}},\"near\":{\"field\":\"emb\",\"query\":[1,0],\"top_k\":1}}", "title",
          "d3|Both\n" },
        { "{\"search\":{\"fields\":[\"body\"],\"query\":\"store\"}}", "title", "d2|Storage\nd3|Both\n" },
        { "{\"near\":{\"field\":\"emb\",\"query\":[1,0]},\"search\":{\"fields\":null,\"query\":\"agents\"}}", "n",
          "d1|1\nd3|3\nd2|2\n" },
    };
    fixture f;
    fixture_open(&f, debug_options);
    fill(&f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CASE(cases[i].spec);
        if (!CHECK_INT(query(&f, "doc", cases[i].spec), HB_OK)) {
            test_check(false, f.err.msg, __FILE__, __LINE__);
            continue;
        }
        CHECK_CSTR(lines(&f, cases[i].column), cases[i].want);
    }
    fixture_close(&f);
}

static void mode_all_over_two_engines_is_refused(void) {
    fixture f;
    fixture_open(&f, debug_options);
    fill(&f);
    CHECK_INT(query(&f, "doc", "{\"search\":{\"fields\":[\"title\",\"body\"],\"query\":\"agent store\",\"mode\":\"all\"}}"),
              HB_E_UNSUPPORTED);
    CHECK_INT(query(&f, "doc", "{\"search\":{\"fields\":[\"body\"],\"query\":\"agents store\",\"mode\":\"all\"}}"), HB_OK);
    CHECK_CSTR(lines(&f, "n"), "d3|3\n");
    fixture_close(&f);
}

static void set_merges_and_upsert_replaces(void) {
    fixture f;
    fixture_open(&f, debug_options);
    fill(&f);
    CHECK_INT(write_row(&f, HB_CALL_SET, "doc", "{\"object_id\":\"d1\",\"n\":10}", 0), HB_OK);
    CHECK_INT(query(&f, "doc", "{\"filter\":{\"n\":10}}"), HB_OK);
    CHECK_CSTR(lines(&f, "title"), "d1|Agent routing\n");
    CHECK_INT(upsert(&f, "doc", "{\"object_id\":\"d1\",\"n\":11}"), HB_OK);
    CHECK_INT(query(&f, "doc", "{\"filter\":{\"n\":11}}"), HB_OK);
    CHECK_CSTR(lines(&f, "title"), "d1|\n");
    fixture_close(&f);
}

static void bad_rows_write_nothing(void) {
    static const struct { const char *row; hb_status want; const char *field; } cases[] = {
        { "{\"object_id\":\"x\",\"n\":\"many\"}", HB_E_VALIDATION, "n" },
        { "{\"object_id\":\"x\",\"nope\":1}", HB_E_UNKNOWN_FIELD, "nope" },
        { "{\"title\":\"no id\"}", HB_E_INVALID_ID, "object_id" },
        { "{\"object_id\":\"x\",\"emb\":[1,2,3]}", HB_E_VALIDATION, "emb" },
    };
    fixture f;
    fixture_open(&f, debug_options);
    fill(&f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CASE(cases[i].row);
        CHECK_INT(upsert(&f, "doc", cases[i].row), cases[i].want);
        CHECK_CSTR(f.err.field, cases[i].field);
        CHECK_CSTR(f.err.entity, "doc");
    }
    CHECK_INT(write_row(&f, HB_CALL_UPSERT, "doc", "{\"object_id\":\"d1\"}", 0), HB_E_DUPLICATE);
    CHECK_INT(query(&f, "doc", "{}"), HB_OK);
    CHECK_INT(answer(&f)->batch.row_count, 3);
    fixture_close(&f);
}

static void delete_tells_what_existed(void) {
    fixture f;
    fixture_open(&f, debug_options);
    fill(&f);
    CHECK_INT(by_id(&f, HB_CALL_DELETE, NULL, "d2"), HB_OK);
    CHECK_INT(((const uint8_t *)answer(&f)->batch.columns[0].data)[0], 1);
    CHECK_INT(by_id(&f, HB_CALL_DELETE, "doc", "d2"), HB_OK);
    CHECK_INT(((const uint8_t *)answer(&f)->batch.columns[0].data)[0], 0);
    CHECK_INT(query(&f, "sys-catalog", "{\"select\":[\"target_id\"]}"), HB_OK);
    CHECK_INT(answer(&f)->batch.row_count, 2);
    fixture_close(&f);
}

static void metaschema_tells_where_fields_live(void) {
    fixture f;
    fixture_open(&f, debug_options);
    fill(&f);
    CHECK_INT(query(&f, "sys-metaschema",
                    "{\"filter\":{\"kind\":\"storage\",\"subject_id\":\"doc\",\"field\":\"emb\"},\"select\":[\"backend\"]}"),
              HB_OK);
    CHECK_CSTR(lines(&f, "backend"), "storage:doc.emb.vec.vector|vec\n");
    CHECK_INT(upsert(&f, "sys-metaschema", "{\"object_id\":\"x\"}"), HB_E_UNSUPPORTED);
    fixture_close(&f);
}

static bool contains(hb_str text, const char *part) { return hb_str_find(text, hb_str_c(part), 0) >= 0; }

static void audit_finds_and_repair_mends_the_catalog(void) {
    fixture f;
    fixture_open(&f, debug_options);
    CHECK_INT(define(&f, "{\"name\":\"Person\",\"fields\":{\"name\":\"short-text\"}}"), HB_OK);
    CHECK_INT(upsert(&f, "person", "{\"object_id\":\"a\",\"name\":\"Ann\"}"), HB_OK);
    CHECK_INT(upsert(&f, "person", "{\"object_id\":\"b\",\"name\":\"Ben\"}"), HB_OK);
    CHECK_INT(call(&f, (hb_request){ .kind = HB_CALL_AUDIT }), HB_OK);
    CHECK(contains(answer(&f)->json, "{\"catalog\":{\"ok\":true,"));
    CHECK_INT(by_id(&f, HB_CALL_DELETE, "sys-catalog", "catalog:person:a"), HB_OK);
    CHECK_INT(write_row(&f, HB_CALL_SET, "sys-catalog", "{\"object_id\":\"catalog:person:b\",\"name\":\"Bob\"}", 0),
              HB_OK);
    CHECK_INT(upsert(&f, "sys-catalog", "{\"object_id\":\"catalog:person:zz\",\"name\":\"ghost\"}"), HB_OK);
    CHECK_INT(call(&f, (hb_request){ .kind = HB_CALL_AUDIT }), HB_OK);
    CHECK(contains(answer(&f)->json, "\"ok\":false"));
    CHECK(contains(answer(&f)->json, "\"missing\":[{\"expected\":{\"object_id\":\"catalog:person:a\""));
    CHECK(contains(answer(&f)->json, "\"dangling\":[{\"catalog\":{\"object_id\":\"catalog:person:zz\""));
    CHECK(contains(answer(&f)->json, "\"fields\":[\"name\"]"));
    CHECK_INT(call(&f, (hb_request){ .kind = HB_CALL_REPAIR, .flags = HB_FLAG_DRY_RUN }), HB_OK);
    CHECK(contains(answer(&f)->json, "\"dry_run\":true,\"missing_written\":0"));
    CHECK_INT(call(&f, (hb_request){ .kind = HB_CALL_REPAIR }), HB_OK);
    CHECK(contains(answer(&f)->json, "\"missing_written\":1,\"mismatched_rewritten\":1,\"dangling_deleted\":1"));
    CHECK_INT(call(&f, (hb_request){ .kind = HB_CALL_AUDIT }), HB_OK);
    CHECK(contains(answer(&f)->json, "{\"catalog\":{\"ok\":true,"));
    fixture_close(&f);
}

static void registering_twice_needs_the_same_structure(void) {
    fixture f;
    fixture_open(&f, debug_options);
    CHECK_INT(define(&f, doc_definition), HB_OK);
    CHECK_INT(define(&f, doc_definition), HB_OK);
    CHECK_INT(define(&f, "{\"name\":\"Doc\",\"fields\":{\"title\":\"integer\"}}"), HB_E_SCHEMA_CONFLICT);
    CHECK_INT(define(&f, "{\"entity_id\":\"sys-catalog\",\"fields\":{\"a\":\"integer\"}}"), HB_E_SCHEMA_CONFLICT);
    fixture_close(&f);
}

static void unique_values_are_refused_on_every_backend(void) {
    static const char *const backends[] = {
        "{\"id\":\"unit\",\"backends\":{\"main\":{\"type\":\"inmem\"}}}",
        "{\"id\":\"unit\",\"backends\":{\"main\":{\"type\":\"sqlite\"}}}",
        "{\"id\":\"unit\",\"backends\":{\"main\":{\"type\":\"sqlite\"},\"side\":{\"type\":\"inmem\"}}}",
    };
    for (size_t b = 0; b < 3; b++) {
        CASE(backends[b]);
        fixture f;
        fixture_open(&f, backends[b]);
        CHECK_INT(define(&f, b == 2 ? "{\"name\":\"User\",\"fields\":{\"mail\":{\"type\":\"short-text\","
                                      "\"unique\":true},\"a\":\"integer\",\"b\":{\"type\":\"integer\","
                                      "\"storage\":{\"to\":\"side\"}}},\"constraints\":[{\"fields\":[\"a\",\"b\"]}]}"
                                    : "{\"name\":\"User\",\"fields\":{\"mail\":{\"type\":\"short-text\","
                                      "\"unique\":true},\"a\":\"integer\",\"b\":\"integer\"},"
                                      "\"constraints\":[{\"fields\":[\"a\",\"b\"]}]}"),
                  HB_OK);
        CHECK_INT(upsert(&f, "user", "{\"object_id\":\"u1\",\"mail\":\"x@y\",\"a\":1,\"b\":2}"), HB_OK);
        CHECK_INT(upsert(&f, "user", "{\"object_id\":\"u2\",\"mail\":\"x@y\"}"), HB_E_UNIQUE);
        CHECK_INT(upsert(&f, "user", "{\"object_id\":\"u2\",\"a\":1,\"b\":2}"), HB_E_UNIQUE);
        CHECK_INT(upsert(&f, "user", "{\"object_id\":\"u2\",\"a\":1}"), HB_OK);
        CHECK_INT(upsert(&f, "user", "{\"object_id\":\"u3\",\"a\":1}"), HB_OK);
        CHECK_INT(write_row(&f, HB_CALL_SET, "user", "{\"object_id\":\"u3\",\"b\":2}", 0), HB_E_UNIQUE);
        CHECK_INT(write_row(&f, HB_CALL_SET, "user", "{\"object_id\":\"u1\",\"mail\":\"x@y\"}", 0), HB_OK);
        CHECK_INT(query(&f, "user", "{}"), HB_OK);
        CHECK_INT(answer(&f)->batch.row_count, 3);
        fixture_close(&f);
    }
}

extern const hb_backend hb_backend_inmem;

/* The second of two engines loses its connection: at the start of its part, or when it commits. */
static hb_status refuse_begin(hb_instance *instance, hb_tx op, hb_err *err) {
    if (op == HB_TX_BEGIN) return hb_err_set(err, HB_E_BACKEND, "the engine is gone");
    return hb_backend_inmem.tx(instance, op, err);
}

static hb_status refuse_commit(hb_instance *instance, hb_tx op, hb_err *err) {
    if (op != HB_TX_COMMIT) return hb_backend_inmem.tx(instance, op, err);
    hb_err ignored;
    (void)hb_backend_inmem.tx(instance, HB_TX_ROLLBACK, &ignored);
    return hb_err_set(err, HB_E_BACKEND, "the engine is gone");
}

static void a_failing_second_engine_is_named(void) {
    static const struct {
        const char *name;
        hb_status (*tx)(hb_instance *, hb_tx, hb_err *);
        hb_status want;
        uint32_t rows_left;
    } cases[] = {
        { "at the start: nothing is written", refuse_begin, HB_E_BACKEND, 0 },
        { "at the commit: the first one has it", refuse_commit, HB_E_PARTIAL_WRITE, 1 },
    };
    for (size_t i = 0; i < 2; i++) {
        CASE(cases[i].name);
        fixture f;
        fixture_open(&f, "{\"id\":\"unit\",\"backends\":{\"main\":{\"type\":\"sqlite\"},\"vec\":{\"type\":\"inmem\"}}}");
        CHECK_INT(define(&f, doc_definition), HB_OK);
        hb_backend broken = hb_backend_inmem;
        broken.tx = cases[i].tx;
        f.ws->instances[1]->type = &broken;
        CHECK_INT(upsert(&f, "doc", "{\"object_id\":\"d1\",\"n\":1,\"emb\":[1,0]}"), cases[i].want);
        CHECK_CSTR(f.err.backend, "vec");
        if (cases[i].want == HB_E_PARTIAL_WRITE) {
            CHECK(contains(hb_str_c(f.err.msg), "'main'") && contains(hb_str_c(f.err.msg), "'vec'"));
        }
        f.ws->instances[1]->type = &hb_backend_inmem;
        CHECK_INT(query(&f, "doc", "{\"filter\":{\"n\":1}}"), HB_OK);
        CHECK_INT(answer(&f)->batch.row_count, cases[i].rows_left);
        fixture_close(&f);
    }
}

static void a_dropped_workspace_refuses_calls(void) {
    fixture f;
    fixture_open(&f, debug_options);
    fill(&f);
    CHECK_INT(call(&f, (hb_request){ .kind = HB_CALL_DROP }), HB_OK);
    CHECK_INT(call(&f, (hb_request){ .kind = HB_CALL_DROP }), HB_OK);
    CHECK_INT(query(&f, "doc", "{}"), HB_E_CLOSED);
    fixture_close(&f);
}

TEST_SUITE {
    TEST(bad_options_are_typed_errors);
    TEST(a_written_row_is_read_back_from_three_backends);
    TEST(queries_answer_across_backends);
    TEST(mode_all_over_two_engines_is_refused);
    TEST(set_merges_and_upsert_replaces);
    TEST(bad_rows_write_nothing);
    TEST(delete_tells_what_existed);
    TEST(metaschema_tells_where_fields_live);
    TEST(audit_finds_and_repair_mends_the_catalog);
    TEST(registering_twice_needs_the_same_structure);
    TEST(unique_values_are_refused_on_every_backend);
    TEST(a_failing_second_engine_is_named);
    TEST(a_dropped_workspace_refuses_calls);
}
