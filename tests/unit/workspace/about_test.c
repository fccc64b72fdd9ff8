// SPDX-License-Identifier: MIT
/* What a workspace says about itself, and the manifest as bytes from outside. */
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

static hb_status read_manifest(const char *json, hb_err *err) {
    const hb_request request = { .kind = HB_CALL_MANIFEST, .text = hb_str_c(json) };
    hb_task *task = NULL;
    const hb_status status = hb_workspace_start(NULL, &request, &task, err);
    hb_task_free(task);
    return status;
}

#define HEAD "\"kind\":\"heavenbase.workspace.manifest\",\"version\":2,\"id\":\"a\""

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
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CASE(cases[i].json);
        hb_err err;
        if (!CHECK_INT(read_manifest(cases[i].json, &err), cases[i].want)) test_check(false, err.msg, __FILE__, __LINE__);
    }
}

static void a_written_manifest_is_read_back(void) {
    fixture f;
    fixture_open(&f, "{\"id\":\"unit\",\"backends\":{\"main\":{\"type\":\"sqlite\"},\"vec\":{\"type\":\"inmem\"}}}");
    CHECK_INT(define(&f, note), HB_OK);
    CHECK_INT(call(&f, (hb_request){ .kind = HB_CALL_MANIFEST }), HB_OK);
    const hb_str text = hb_arena_printf(&f.arena, "{\"manifest\":%.*s}", HB_ARG(answer(&f)->json));
    hb_err err;
    CHECK_INT(read_manifest(text.ptr, &err), HB_OK);
    fixture_close(&f);
}

TEST_SUITE {
    TEST(health_tells_which_backend_fails);
    TEST(search_scores_by_place);
    TEST(a_signature_is_replaced_whole_or_not_at_all);
    TEST(a_manifest_is_checked_whole);
    TEST(a_written_manifest_is_read_back);
}
