// SPDX-License-Identifier: MIT
/* Every type with every strategy on every embedded backend: what capabilities denies register refuses, what it claims
 * is registered, written and read. */
#include "tests/unit/workspace/fixture.h"

#include "plan/capabilities.h"
#include "tests/unit/support/memory_fs.h"

static const struct {
    hb_type_id dtype;
    const char *type, *value;
} forms[] = {
    { HB_TYPE_IDENTIFIER, "\"identifier\"", "\"v\"" },
    { HB_TYPE_SHORT_TEXT, "\"short-text\"", "\"v\"" },
    { HB_TYPE_MEDIUM_TEXT, "\"medium-text\"", "\"v\"" },
    { HB_TYPE_LONG_TEXT, "\"long-text\"", "\"v\"" },
    { HB_TYPE_INTEGER, "\"integer\"", "7" },
    { HB_TYPE_FLOAT, "\"float\"", "0.5" },
    { HB_TYPE_BOOLEAN, "\"boolean\"", "true" },
    { HB_TYPE_CATEGORICAL, "{\"type\":\"categorical\",\"values\":[\"a\",\"b\"]}", "\"b\"" },
    { HB_TYPE_CATEGORICAL, "{\"type\":\"categorical\",\"values\":[1,2]}", "2" },
    { HB_TYPE_TIMESTAMP, "\"timestamp\"", "5" },
    { HB_TYPE_DATE, "\"date\"", "\"2026-02-01\"" },
    { HB_TYPE_DURATION, "\"duration\"", "9" },
    { HB_TYPE_ARRAY, "\"array\"", "[1,\"x\"]" },
    { HB_TYPE_ARRAY, "\"array[short-text]\"", "[\"x\"]" },
    { HB_TYPE_ARRAY, "\"array[integer]\"", "[3]" },
    { HB_TYPE_VECTOR, "\"vector[2]\"", "[1,0]" },
    { HB_TYPE_JSON, "\"json\"", "{\"k\":1}" },
    { HB_TYPE_HYPER_G, "{\"type\":\"hyper-g\",\"fields\":[{\"name\":\"p\",\"dtype\":\"integer\"}]}", "[{\"p\":1}]" },
    { HB_TYPE_HYPER_G,
      "{\"type\":\"hyper-g\",\"fields\":[{\"name\":\"to\",\"dtype\":{\"type\":\"identifier\",\"target_entity\":\"p0\"}}]}", "[]" },
    { HB_TYPE_ARTIFACT, "\"artifact\"", "\"v\"" },
};
#define FORM_COUNT (sizeof forms / sizeof forms[0])

static const struct {
    const char *type, *options;
} places[] = {
    { "inmem", "{\"type\":\"inmem\"}" },
    { "sqlite", "{\"type\":\"sqlite\",\"database\":\":memory:\"}" },
    { "json", "{\"type\":\"json\",\"path\":\"data\"}" },
    { "pickle", "{\"type\":\"pickle\",\"path\":\"data\"}" },
    { "file", "{\"type\":\"file\",\"path\":\"data\"}" },
};

static const char *text_of(fixture *f, hb_str text) { return hb_arena_printf(&f->arena, "%.*s", HB_ARG(text)).ptr; }

/* The types that the matrix has with a strategy: that there is no value can be asked of all that is held. */
static const char *claimed_types(fixture *f, hb_strategy strategy) {
    const hb_str ask = hb_arena_printf(&f->arena, "{\"method\":\"logical_types\",\"op\":\"is_null\",\"backend\":\"main\",\"strategy\":\"%.*s\"}",
                                       HB_ARG(hb_strategy_name(strategy)));
    CHECK_INT(call(f, (hb_request){ .kind = HB_CALL_CAPABILITIES, .text = ask }), HB_OK);
    return text_of(f, answer(f)->json);
}

static void check_kept(fixture *f, const char *id, const char *value) {
    const hb_str row = hb_arena_printf(&f->arena, "{\"object_id\":\"r\",\"f\":%s}", value);
    if (!CHECK_INT(upsert(f, id, row.ptr), HB_OK)) test_check(false, f->err.msg, __FILE__, __LINE__);
    CHECK_INT(upsert(f, id, "{\"object_id\":\"n\"}"), HB_OK);
    CHECK_INT(query(f, id, "{\"filter\":{\"f\":{\"is_null\":false}},\"select\":[\"f\"]}"), HB_OK);
    CHECK_INT(answer(f)->batch.row_count, 1);
    CHECK_INT(hb_column_get(&answer(f)->batch.columns[1], 0).kind != HB_KIND_NULL, 1);
    CHECK_INT(query(f, id, "{\"filter\":{\"f\":{\"is_null\":true}}}"), HB_OK);
    CHECK_CSTR(lines(f, "name"), "n|\n");
}

/* Was it registered? A refusal says what was found where, and what there is instead. */
static bool is_held(fixture *f, uint32_t form, hb_strategy strategy, uint32_t *number) {
    const hb_str id = hb_arena_printf(&f->arena, "p%u", (unsigned)*number);
    const hb_str json = hb_arena_printf(&f->arena, "{\"entity_id\":\"%s\",\"fields\":{\"f\":{\"type\":%s,\"stores\":[{\"to\":\"main\",\"strategy\":\"%.*s\"}]}}}",
                                        id.ptr, forms[form].type, HB_ARG(hb_strategy_name(strategy)));
    CASE(json.ptr);
    const hb_status status = define(f, json.ptr);
    if (status == HB_OK) {
        ++*number;
        check_kept(f, id.ptr, forms[form].value);
        return true;
    }
    CHECK_CSTR(f->err.entity, id.ptr);
    CHECK_CSTR(f->err.field, "f");
    if (status == HB_E_SCHEMA) {        /* what a relation needs is said before any backend is asked */
        CHECK_INT(strategy, HB_STRATEGY_GRAPH);
        return false;
    }
    CHECK_INT(status, HB_E_TYPE);
    CHECK_CSTR(f->err.backend, "main");
    CHECK(strstr(f->err.msg, text_of(f, hb_type_name(forms[form].dtype))) != NULL);
    CHECK(strstr(f->err.msg, text_of(f, hb_strategy_name(strategy))) != NULL);
    CHECK(strstr(f->err.msg, "expected one of: inline, json") != NULL);
    return false;
}

/* How many types are held. */
static uint32_t check_strategy(uint32_t place, hb_strategy strategy) {
    fixture f;
    memory_fs disk;
    memset(&f, 0, sizeof f);
    hb_arena_init(&f.arena, hb_mem_default());
    memory_fs_init(&disk);
    const hb_str options = hb_arena_printf(&f.arena, "{\"id\":\"unit\",\"catalog\":false,\"backends\":{\"main\":%s}}", places[place].options);
    const hb_host host = { .mem = hb_mem_default(), .fs = &disk.fs };
    CHECK_INT(hb_workspace_open_on(options, &host, &f.ws, &f.err), HB_OK);
    bool held[HB_TYPE_COUNT] = { false };
    uint32_t number = 0, held_count = 0;
    for (uint32_t form = 0; form < FORM_COUNT; form++) {
        if (is_held(&f, form, strategy, &number)) held[forms[form].dtype] = true;
    }
    const char *claimed = claimed_types(&f, strategy);
    for (uint32_t t = 0; t < HB_TYPE_COUNT; t++) {
        const hb_str type = hb_arena_printf(&f.arena, "\"identifier\":\"%.*s\"", HB_ARG(hb_type_name((hb_type_id)t)));
        CASE(hb_arena_printf(&f.arena, "%s, %.*s: %s", places[place].type, HB_ARG(hb_strategy_name(strategy)), type.ptr).ptr);
        CHECK_INT(strstr(claimed, type.ptr) != NULL, held[t]);
        held_count += held[t];
    }
    fixture_close(&f);
    memory_fs_free(&disk);
    return held_count;
}

static void check_backend(uint32_t place) {
    uint32_t held = 0;
    for (uint32_t s = HB_STRATEGY_INLINE; s < HB_STRATEGY_COUNT; s++) held += check_strategy(place, (hb_strategy)s);
    CASE(places[place].type);
    CHECK_INT(held, strcmp(places[place].type, "sqlite") == 0 ? 6 * HB_TYPE_COUNT + 2 + 1 : 7 * HB_TYPE_COUNT + 1);
}

static void register_and_capabilities_say_the_same(void) {
    for (uint32_t i = 0; i < sizeof places / sizeof places[0]; i++) check_backend(i);
}

/* A store that names no backend goes to one that can, or is refused like one on main. */
static void a_strategy_alone_finds_its_backend(void) {
    fixture f;
    fixture_open(&f, "{\"id\":\"unit\",\"backends\":{\"main\":{\"type\":\"sqlite\"},\"vec\":{\"type\":\"inmem\"}}}");
    CHECK_INT(define(&f, "{\"name\":\"A\",\"fields\":{\"n\":{\"type\":\"integer\",\"storage\":{\"strategy\":\"side\"}}}}"), HB_OK);
    fixture_close(&f);
    fixture_open(&f, "{\"id\":\"unit\",\"backends\":{\"main\":{\"type\":\"sqlite\"}}}");
    CHECK_INT(define(&f, "{\"name\":\"A\",\"fields\":{\"n\":{\"type\":\"integer\",\"storage\":{\"strategy\":\"side\"}}}}"), HB_E_TYPE);
    CHECK_CSTR(f.err.msg, "sqlite cannot hold integer field 'n' with the strategy 'side'; expected one of: inline, json, inverted, "
                          "sparse-gram, vector, external");
    CHECK_CSTR(f.err.backend, "main");
    fixture_close(&f);
}

TEST_SUITE {
    TEST(register_and_capabilities_say_the_same);
    TEST(a_strategy_alone_finds_its_backend);
}
