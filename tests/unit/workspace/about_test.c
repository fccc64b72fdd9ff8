// SPDX-License-Identifier: MIT
/* What a workspace says about itself, and the manifest as bytes from outside. */
#include <cJSON.h>

#include "tests/unit/workspace/fixture.h"

#include "backends/backend.h"

static const char debug_options[] = "{\"id\":\"unit\",\"preset\":\"debug\"}";
static const char note[] = "{\"name\":\"Note\",\"fields\":{\"title\":\"short-text\",\"keywords\":\"array[short-text]\"}}";

static bool says(const fixture *f, const char *text) {
    const hb_str json = answer(f)->json;
    return hb_str_find(json, hb_str_c(text), 0) >= 0;
}

static hb_status no_answer(hb_instance *instance, hb_str key, hb_arena *arena, hb_str *value, hb_err *err) {
    (void)instance, (void)key, (void)arena, (void)value;
    return hb_err_set(err, HB_E_UNAVAILABLE, "nobody is at home");
}

extern const hb_backend hb_backend_sqlite;

static void health_tells_which_backend_fails(void) {
    fixture f;
    fixture_open(&f, debug_options);
    CHECK_INT(define(&f, note), HB_OK);
    CHECK_INT(call(&f, (hb_request){ .kind = HB_CALL_HEALTH }), HB_OK);
    CHECK(says(&f, "\"entities\":[\"note\"]") && says(&f, "\"ok\":true}"));
    hb_backend broken = hb_backend_sqlite;
    broken.meta_get = no_answer;
    f.ws->instances[0]->type = &broken;
    CHECK_INT(call(&f, (hb_request){ .kind = HB_CALL_HEALTH }), HB_OK);
    CHECK(says(&f, "\"ok\":false,\"error\":{\"code\":\"UNAVAILABLE\",\"message\":\"nobody is at home\"}"));
    CHECK(says(&f, "\"ok\":false}"));
    f.ws->instances[0]->type = &hb_backend_sqlite;
    fixture_close(&f);
}

static hb_status find(fixture *f, const char *options) {
    return call(f, (hb_request){ .kind = HB_CALL_FIND, .text = hb_str_c(options) });
}

static void search_scores_by_place(void) {
    fixture f;
    fixture_open(&f, debug_options);
    CHECK_INT(define(&f, note), HB_OK);
    CHECK_INT(upsert(&f, "note", "{\"object_id\":\"a\",\"name\":\"Stra\\u00dfe\"}"), HB_OK);
    CHECK_INT(upsert(&f, "note", "{\"object_id\":\"b\",\"keywords\":[\"x\",\"strasse 5\"]}"), HB_OK);
    CHECK_INT(find(&f, "{\"text\":\" STRASSE \"}"), HB_OK);
    CHECK_CSTR(lines(&f, "score"), "catalog:note:a|130.0\ncatalog:note:b|45.0\n");
    CHECK_INT(find(&f, "{\"text\":\"5 strasse\"}"), HB_OK);
    CHECK_CSTR(lines(&f, "score"), "catalog:note:a|50.0\ncatalog:note:b|35.0\n");
    CHECK_INT(find(&f, "{\"text\":\"note\",\"limit\":1}"), HB_OK);
    CHECK_CSTR(lines(&f, "kind"), "entity:note|entity\n");
    static const struct { const char *options; hb_status want; } bad[] = {
        { "", HB_E_TYPE }, { "{}", HB_E_TYPE }, { "{\"text\":\"\"}", HB_E_QUERY }, { "{\"text\":\"a\",\"limit\":1.5}", HB_E_QUERY },
        { "{\"text\":\"a\",\"limit\":-1}", HB_E_QUERY }, { "{\"text\":\"a\",\"limit\":1e30}", HB_E_QUERY },
        { "{\"text\":\"a\",\"limit\":201}", HB_E_LIMIT }, { "{\"text\":\"a\",\"limit\":\"1\"}", HB_E_TYPE },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CASE(bad[i].options);
        CHECK_INT(find(&f, bad[i].options), bad[i].want);
    }
    fixture_close(&f);
}

static void a_signature_is_replaced_whole_or_not_at_all(void) {
    fixture f;
    fixture_open(&f, debug_options);
    CHECK_INT(call(&f, (hb_request){ .kind = HB_CALL_SIGN, .text = pack_of(&f, "{\"owner\":\"ann\",\"metadata\":{\"k\":1}}") }), HB_OK);
    CHECK_INT(call(&f, (hb_request){ .kind = HB_CALL_SIGN, .text = pack_of(&f, "{\"owner\":\"bob\",\"auth\":1}") }), HB_E_TYPE);
    CHECK_INT(call(&f, (hb_request){ .kind = HB_CALL_SIGN, .text = pack_of(&f, "[]") }), HB_E_TYPE);
    CHECK_INT(call(&f, (hb_request){ .kind = HB_CALL_SIGN, .text = pack_of(&f, "{}") }), HB_OK);
    CHECK_STR(answer(&f)->json, "{\"owner\":\"ann\",\"metadata\":{\"k\":1}}");
    fixture_close(&f);
}

/* A text that is no JSON is read as no mapping. The answer is copied to `out` as JSON. */
static hb_status read_manifest(const char *json, hb_buf *out, hb_err *err) {
    hb_buf pack;
    hb_buf_init(&pack, hb_mem_default());
    (void)hb_pack_from_json(hb_str_c(json), &pack, err);
    const hb_request request = { .kind = HB_CALL_MANIFEST, .text = hb_buf_str(&pack) };
    hb_task *task = NULL;
    const hb_status status = hb_workspace_start(NULL, &request, &task, err);
    if (status == HB_OK && out != NULL) {
        hb_err ignored;
        CHECK_INT(hb_pack_to_json(hb_task_answer(task)->json, 0, false, out, &ignored), HB_OK);
    }
    hb_task_free(task);
    hb_buf_free(&pack);
    return status;
}

#define HEAD "\"kind\":\"heavenbase.workspace.manifest\",\"version\":2,\"id\":\"a\""

#define MADE(construction, entities) "{\"manifest\":{" HEAD ",\"construction\":" construction ",\"entities\":[" entities "]}}"
#define DOC "{\"name\":\"Doc\",\"fields\":{\"t\":\"short-text\"}}"

static void a_manifest_is_checked_whole(void) {
    static const struct { const char *json; hb_status want; } cases[] = {
        { "", HB_E_TYPE }, { "[]", HB_E_TYPE }, { "{}", HB_E_TYPE }, { "{\"manifest\":{}}", HB_E_VALIDATION },
        { "{\"manifest\":{" HEAD "}}", HB_E_VALIDATION },
        { "{\"manifest\":{" HEAD ",\"construction\":{\"preset\":\"debug\"}}}", HB_E_VALIDATION },
        { "{\"manifest\":{" HEAD ",\"construction\":{\"preset\":\"debug\"},\"entities\":[]}}", HB_OK },
        { "{\"manifest\":{" HEAD ",\"construction\":{\"backends\":{\"m\":{\"type\":\"x\",\"url\":\"http://u:<redacted>@h\"}}},\"entities\":[]}}", HB_E_VALIDATION },
        { "{\"manifest\":{" HEAD ",\"construction\":{\"backends\":{\"m\":{\"type\":\"x\",\"a\":[[[[[[1]]]]]]}}},\"entities\":[]}}", HB_E_VALIDATION },
        { "{\"manifest\":{" HEAD ",\"construction\":{\"backends\":{\"m\":{\"password\":\"<redacted>\"}}},\"entities\":[]},\"env\":{\"HVNB_M_PASSWORD\":\"p\"}}", HB_OK },
        { "{\"manifest\":{" HEAD ",\"construction\":{\"preset\":\"debug\"},\"entities\":[{\"definition\":{\"name\":\"A\",\"fields\":{}}}]}}", HB_E_SCHEMA },
        { "{\"manifest\":{" HEAD ",\"construction\":{\"preset\":\"debug\"},\"entities\":[],\"zzz\":1}}", HB_E_VALIDATION },
        { "{\"manifest\":{" HEAD ",\"id\":\"b\",\"construction\":{\"preset\":\"debug\"},\"entities\":[]}}", HB_E_VALIDATION },
        { MADE("{\"preset\":\"debug\",\"backends\":{}}", ""), HB_E_VALIDATION }, { MADE("{\"preset\":1}", ""), HB_E_VALIDATION },
        { MADE("{\"preset\":\"debug\",\"kind\":\"backends\"}", ""), HB_E_VALIDATION }, { MADE("{\"preset\":\"debug\",\"zzz\":1}", ""), HB_E_VALIDATION },
        { MADE("{\"preset\":\"debug\",\"catalog\":1}", ""), HB_E_VALIDATION }, { MADE("{\"preset\":\"debug\",\"persist\":\"x\"}", ""), HB_E_VALIDATION },
        { MADE("{\"preset\":\"debug\",\"overrides\":[]}", ""), HB_E_VALIDATION }, { MADE("{\"preset\":\"debug\",\"overrides\":{\"main\":1}}", ""), HB_OK },
        { MADE("{\"preset\":\"debug\",\"env\":{\"A\":1}}", ""), HB_E_VALIDATION }, { MADE("{\"backends\":{},\"env\":{}}", ""), HB_E_VALIDATION },
        { MADE("{\"backends\":{\"main\":{\"type\":\"sqlite\",\"database\":\"a\\u0000b\"}}}", ""), HB_E_VALIDATION },
        { MADE("{\"preset\":\"debug\"}", "1"), HB_E_VALIDATION }, { MADE("{\"preset\":\"debug\"}", "{\"definition\":[]}"), HB_E_VALIDATION },
        { MADE("{\"preset\":\"debug\"}", "{\"definition\":" DOC ",\"zzz\":1}"), HB_E_VALIDATION },
        { MADE("{\"preset\":\"debug\"}", "{\"definition\":" DOC ",\"storage\":{}}"), HB_E_VALIDATION },
        { MADE("{\"preset\":\"debug\"}", "{\"definition\":" DOC ",\"storage\":[{\"field\":\"t\"}]}"), HB_E_VALIDATION },
        { MADE("{\"preset\":\"debug\"}", "{\"definition\":" DOC "},{\"definition\":" DOC "}"), HB_E_VALIDATION },
        { MADE("{\"preset\":\"debug\"}", "{\"definition\":" DOC ",\"storage\":[{\"field\":\"t\",\"backend\":\"main\",\"strategy\":\"inline\"}]}"), HB_OK },
        { MADE("{\"preset\":\"debug\"}", "{\"definition\":{\"name\":\"A\",\"name\":\"B\",\"fields\":{\"a\":\"integer\"}}}"), HB_E_SCHEMA },
        { MADE("{\"preset\":\"debug\"}", "{\"definition\":{\"name\":\"A\",\"fields\":{\"a\":\"integer\",\"a\":\"float\"}}}"), HB_E_SCHEMA },
        { MADE("{\"preset\":\"debug\"}", "{\"definition\":{\"name\":\"A\",\"fields\":{\"a\":{\"type\":\"integer\",\"type\":\"float\"}}}}"), HB_E_SCHEMA },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CASE(cases[i].json);
        hb_err err;
        if (!CHECK_INT(read_manifest(cases[i].json, NULL, &err), cases[i].want)) test_check(false, err.msg, __FILE__, __LINE__);
    }
}

static void a_written_manifest_is_read_back(void) {
    fixture f;
    fixture_open(&f, "{\"id\":\"unit\",\"backends\":{\"main\":{\"type\":\"sqlite\"},\"vec\":{\"type\":\"inmem\"}}}");
    CHECK_INT(define(&f, note), HB_OK);
    CHECK_INT(call(&f, (hb_request){ .kind = HB_CALL_MANIFEST }), HB_OK);
    const hb_str text = hb_arena_printf(&f.arena, "{\"manifest\":%.*s}", HB_ARG(answer(&f)->json));
    hb_err err;
    CHECK_INT(read_manifest(text.ptr, NULL, &err), HB_OK);
    fixture_close(&f);
}

/* What a preset took from the environment, and what stands over it, is in the manifest without secrets. */
static void a_preset_is_told_with_what_was_changed(void) {
    fixture f;
    fixture_open(&f, "{\"id\":\"unit\",\"preset\":\"local-lts\",\"durability\":\"relaxed\",\"intent_ms\":50,\"env\":{\"HVNB_LOCAL_LTS_POSTGRES_PASSWORD\":"
                     "\"s3cret\"},\"overrides\":{\"main\":{\"type\":\"sqlite\",\"database\":\"x\"},\"vec\":{\"type\":\"memory\"},\"search\":{\"type\":\"inmem\"}},"
                     "\"places\":{\"main\":{\"database\":\":memory:\"}}}");
    CHECK_INT(call(&f, (hb_request){ .kind = HB_CALL_MANIFEST }), HB_OK);
    CHECK(says(&f, "\"construction\":{\"kind\":\"preset\",\"catalog\":true,\"durability\":\"relaxed\",\"intent_ms\":50,\"preset\":\"local-lts\",\"overrides\":{\"main\":{\"type\":"
                   "\"sqlite\",\"database\":\"x\"},\"vec\":{\"type\":\"memory\"},\"search\":{\"type\":\"inmem\"}}},"));
    fixture_close(&f);
    cJSON *env = cJSON_Parse("{\"HVNB_LOCAL_LTS_POSTGRES_PASSWORD\":\"s3cret\",\"HVNB_LOCAL_LTS_POSTGRES_PORT\":\"77\",\"HVNB_LOCAL_LTS_POSTGRES_DB\":\"\",\"HVNB_X\":\"1\","
                             "\"HVNB_LOCAL_LTS_ES_URL\":\"https://me:s3cret@es\"}");
    cJSON *overrides = cJSON_Parse("{\"main\":{\"port\":1}}");
    cJSON *noted = NULL;
    hb_err err;
    CHECK_INT(hb_preset_env(HB_STR("local-lts"), env, overrides, &noted, &err), HB_OK);
    char *text = cJSON_PrintUnformatted(noted);
    CHECK_CSTR(text, "{\"HVNB_LOCAL_LTS_POSTGRES_PASSWORD\":\"<redacted>\",\"HVNB_LOCAL_LTS_ES_URL\":\"https://me:<redacted>@es\"}");
    cJSON_free(text);
    cJSON_Delete(noted);
    cJSON_Delete(overrides);
    cJSON_Delete(env);
}

static void what_a_manifest_leaves_out_is_asked_for(void) {
    static const struct { const char *construction, *given, *says; } cases[] = {
        { "{\"preset\":\"local-lts\",\"env\":{\"HVNB_P\":\"<redacted>\",\"HVNB_H\":\"db\"}}", "", "needs the variable HVNB_P" },
        { "{\"preset\":\"local-lts\",\"env\":{\"HVNB_P\":\"<redacted>\",\"HVNB_H\":\"db\"}}", ",\"env\":{\"HVNB_P\":\"p\",\"HVNB_X\":\"x\"}", "\"env\":{\"HVNB_P\":\"p\",\"HVNB_H\":\"db\"}" },
        { "{\"preset\":\"local-lts\",\"overrides\":{\"main\":{\"password\":\"<redacted>\"}}}", "", "by the variable HVNB_MAIN_PASSWORD" },
        { "{\"preset\":\"local-lts\",\"overrides\":{\"main\":{\"password\":\"<redacted>\",\"port\":1}}}", ",\"overrides\":{\"main\":{\"password\":\"p\"},\"vec\":{\"uri\":\"u\"}}",
          "\"overrides\":{\"main\":{\"port\":1,\"password\":\"p\"},\"vec\":{\"uri\":\"u\"}}" },
        { "{\"backends\":{\"main\":{\"type\":\"postgres\",\"password\":\"<redacted>\"}}}", ",\"overrides\":{\"main\":{\"type\":\"inmem\"}}", "\"backends\":{\"main\":{\"type\":\"inmem\"}}" },
    };
    hb_arena arena;
    hb_arena_init(&arena, hb_mem_default());
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        hb_err err;
        hb_buf out;
        hb_buf_init(&out, hb_mem_default());
        CASE(cases[i].construction);
        const hb_str text = hb_arena_printf(&arena, "{\"manifest\":{" HEAD ",\"construction\":%s,\"entities\":[]}%s}", cases[i].construction, cases[i].given);
        const hb_str said = read_manifest(text.ptr, &out, &err) == HB_OK ? hb_buf_str(&out) : hb_str_c(err.msg);
        if (!CHECK(hb_str_find(said, hb_str_c(cases[i].says), 0) >= 0)) test_check(false, said.ptr, __FILE__, __LINE__);
        hb_buf_free(&out);
    }
    hb_arena_free(&arena);
}

/* What JavaScript's JSON would lose or take for something else comes back from the text as it was. */
static void a_manifest_loses_no_value(void) {
    static const char *const defaults[] = { "9007199254740993", "-9223372036854775808", "{\"$int64\":\"5\"}", "{\"$bytes\":\"AQI=\",\"$$x\":{\"$\":1}}", "\"a\\u0000b\"", "[1.0,9007199254740991]" };
    for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++) {
        fixture f;
        hb_err err;
        CASE(defaults[i]);
        fixture_open(&f, debug_options);
        CHECK_INT(define(&f, hb_arena_printf(&f.arena, "{\"name\":\"D\",\"fields\":{\"j\":{\"type\":\"json\",\"default\":%s}}}", defaults[i]).ptr), HB_OK);
        CHECK_INT(call(&f, (hb_request){ .kind = HB_CALL_MANIFEST }), HB_OK);
        const hb_str text = hb_arena_printf(&f.arena, "{\"manifest\":%.*s}", HB_ARG(answer(&f)->json));
        CHECK(hb_str_find(text, HB_STR("9007199254740993,"), 0) < 0);
        hb_buf out;
        hb_buf_init(&out, hb_mem_default());
        CHECK_INT(read_manifest(text.ptr, &out, &err), HB_OK);
        const hb_str want = hb_arena_printf(&f.arena, "\"default\":%s,", defaults[i]);
        if (!CHECK(hb_str_find(hb_buf_str(&out), want, 0) >= 0)) test_check(false, out.ptr, __FILE__, __LINE__);
        hb_buf_free(&out);
        fixture_close(&f);
    }
}

TEST_SUITE {
    TEST(a_preset_is_told_with_what_was_changed);
    TEST(what_a_manifest_leaves_out_is_asked_for);
    TEST(a_manifest_loses_no_value);
    TEST(health_tells_which_backend_fails);
    TEST(search_scores_by_place);
    TEST(a_signature_is_replaced_whole_or_not_at_all);
    TEST(a_manifest_is_checked_whole);
    TEST(a_written_manifest_is_read_back);
}
