// SPDX-License-Identifier: MIT
/* Altering an entity: rows stay, in every placement; what cannot be followed is refused. */
#include "tests/unit/workspace/fixture.h"

#include <stdio.h>

static const char before[] = "{\"name\":\"Thing\",\"fields\":{\"a\":\"integer\",\"t\":\"array[short-text]\"}}";

static hb_status alter(fixture *f, const char *json, const char *confirm, uint32_t flags) {
    char params[80];
    snprintf(params, sizeof params, "[%s]", confirm);
    return call(f, (hb_request){ .kind = HB_CALL_ALTER, .flags = flags, .text = pack_of(f, json), .params = pack_of(f, params) });
}

static void three_rows(fixture *f) {
    CHECK_INT(define(f, before), HB_OK);
    CHECK_INT(upsert(f, "thing", "{\"object_id\":\"x\",\"a\":1,\"t\":[\"p\",\"q\"]}"), HB_OK);
    CHECK_INT(upsert(f, "thing", "{\"object_id\":\"y\",\"a\":2}"), HB_OK);
    CHECK_INT(upsert(f, "thing", "{\"object_id\":\"z\",\"a\":2,\"t\":[]}"), HB_OK);
}

static bool catalog_is_fine(fixture *f) {
    return CHECK_INT(call(f, (hb_request){ .kind = HB_CALL_AUDIT }), HB_OK) &&
           strstr(answer(f)->json.ptr, "\"ok\":true") != NULL;
}

/* All the kinds of places that a new field may take. */
static const char *const placements[] = {
    "{\"id\":\"unit\",\"preset\":\"debug\"}",
    "{\"id\":\"unit\",\"backends\":{\"main\":{\"type\":\"inmem\"}}}",
    "{\"id\":\"unit\",\"backends\":{\"main\":{\"type\":\"sqlite\"}}}",
    "{\"id\":\"unit\",\"backends\":{\"main\":{\"type\":\"inmem\"},\"vec\":{\"type\":\"sqlite\"},\"search\":{\"type\":\"inmem\"}}}",
};
#define PLACEMENT_COUNT (sizeof placements / sizeof placements[0])

static const char wider[] =
    "{\"name\":\"Thing\",\"fields\":{\"b\":{\"type\":\"short-text\",\"required\":true,\"default\":\"new\"},"
    "\"a\":\"integer\",\"t\":\"array[short-text]\",\"n\":{\"type\":\"integer\",\"default\":7,\"index\":true},"
    "\"k\":{\"type\":\"array[integer]\",\"default\":[4,5]},\"e\":{\"type\":\"vector[2]\",\"default\":[1,0]},"
    "\"body\":{\"type\":\"long-text\",\"default\":\"agents route\"},\"j\":\"json\","
    "\"summary\":{\"type\":\"long-text\",\"default\":\"shown\"}},\"indexes\":[{\"fields\":[\"a\",\"n\"]}]}";

static void check_wider(fixture *f) {
    CHECK_INT(query(f, "thing", "{}"), HB_OK);
    CHECK_CSTR(lines(f, "b"), "x|new\ny|new\nz|new\n");
    CHECK_CSTR(lines(f, "a"), "x|1\ny|2\nz|2\n");
    CHECK_INT(query(f, "thing", "{\"filter\":{\"n\":7,\"a\":2}}"), HB_OK);
    CHECK_CSTR(lines(f, "n"), "y|7\nz|7\n");
    CHECK_INT(query(f, "thing", "{\"filter\":{\"t\":{\"array_contains\":\"q\"}}}"), HB_OK);
    CHECK_CSTR(lines(f, "a"), "x|1\n");
    CHECK_INT(query(f, "thing", "{\"filter\":{\"k\":{\"array_contains\":5}}}"), HB_OK);
    CHECK_INT(answer(f)->batch.row_count, 3);
    CHECK_INT(query(f, "thing", "{\"near\":{\"field\":\"e\",\"query\":[1,0],\"top_k\":2}}"), HB_OK);
    CHECK_INT(answer(f)->batch.row_count, 2);
    CHECK_INT(query(f, "thing", "{\"search\":{\"fields\":[\"body\"],\"query\":\"agents\",\"top_k\":9}}"), HB_OK);
    CHECK_INT(answer(f)->batch.row_count, 3);
    CHECK_INT(query(f, "sys-catalog", "{\"filter\":{\"summary\":\"shown\"}}"), HB_OK);
    CHECK_INT(answer(f)->batch.row_count, 3);
    CHECK(catalog_is_fine(f));
}

static void added_fields_keep_rows_and_fill_defaults(void) {
    for (size_t i = 0; i < PLACEMENT_COUNT; i++) {
        CASE(placements[i]);
        fixture f;
        fixture_open(&f, placements[i]);
        three_rows(&f);
        if (!CHECK_INT(alter(&f, wider, "\"thing\"", 0), HB_OK)) test_check(false, f.err.msg, __FILE__, __LINE__);
        check_wider(&f);
        CHECK_INT(upsert(&f, "thing", "{\"object_id\":\"w\",\"n\":1}"), HB_OK);
        CHECK_INT(query(&f, "thing", "{\"filter\":{\"b\":\"new\"}}"), HB_OK);
        CHECK_INT(answer(&f)->batch.row_count, 4);
        CHECK(catalog_is_fine(&f));
        fixture_close(&f);
    }
}

static void an_empty_entity_is_altered_too(void) {
    for (size_t i = 0; i < PLACEMENT_COUNT; i++) {
        CASE(placements[i]);
        fixture f;
        fixture_open(&f, placements[i]);
        CHECK_INT(define(&f, before), HB_OK);
        CHECK_INT(alter(&f, wider, "\"thing\"", 0), HB_OK);
        CHECK_INT(upsert(&f, "thing", "{\"object_id\":\"w\"}"), HB_OK);
        CHECK_INT(query(&f, "thing", "{\"filter\":{\"n\":7}}"), HB_OK);
        CHECK_CSTR(lines(&f, "b"), "w|new\n");
        fixture_close(&f);
    }
}

/* Definition, what the message says. */
static const struct { const char *definition, *confirm, *says; hb_status want; } refusals[] = {
    { "{\"name\":\"Thing\",\"fields\":{\"a\":\"integer\",\"t\":\"array[short-text]\",\"b\":\"short-text\"}}", "null", "confirm: \"thing\"", HB_E_VALIDATION },
    { "{\"name\":\"Thing\",\"fields\":{\"a\":\"integer\",\"t\":\"array[short-text]\",\"b\":\"short-text\"}}", "\"Thing\"", "another text", HB_E_VALIDATION },
    { "{\"name\":\"Thing\",\"fields\":{\"a\":\"date\",\"t\":\"array[short-text]\"}}", "\"thing\"", "row 'x' does not fit: Date expects", HB_E_VALIDATION },
    { "{\"name\":\"Thing\",\"fields\":{\"a\":\"integer\"}}", "\"thing\"", "field 't': it goes: name it in drop", HB_E_SCHEMA_CONFLICT },
    { "{\"name\":\"Thing\",\"fields\":{\"a\":\"integer\",\"t\":\"array[integer]\"}}", "\"thing\"", "row 'x' does not fit", HB_E_VALIDATION },
    { "{\"name\":\"Thing\",\"fields\":{\"a\":\"integer\",\"t\":{\"type\":\"array[short-text]\",\"required\":true}}}", "\"thing\"", "row 'y' does not fit: a required field", HB_E_VALIDATION },
    { "{\"name\":\"Thing\",\"fields\":{\"a\":{\"type\":\"integer\",\"storage\":{\"to\":\"nowhere\"}},\"t\":\"array[short-text]\"}}", "\"thing\"", "nowhere", HB_E_ROUTING },
    { "{\"name\":\"Thing\",\"fields\":{\"a\":\"integer\"}}", "\"thing\",{\"q\":\"t\"}", "", HB_E_UNKNOWN_FIELD },
    { "{\"name\":\"Thing\",\"fields\":{\"a\":\"integer\"}}", "\"thing\",{\"t\":\"a\"}", "both definitions", HB_E_VALIDATION },
    { "{\"name\":\"Thing\",\"fields\":{\"a\":\"integer\"}}", "\"thing\",null,[\"a\"]", "cannot be dropped", HB_E_VALIDATION },
    { "{\"name\":\"Thing\",\"fields\":{\"a\":\"integer\"}}", "\"thing\",[]", "rename expects", HB_E_TYPE },
    { "{\"name\":\"Thing\",\"fields\":{\"a\":\"integer\",\"t\":\"array[short-text]\",\"b\":{\"type\":\"integer\",\"required\":true}}}", "\"thing\"", "optional or have a default", HB_E_SCHEMA_CONFLICT },
    { "{\"name\":\"Thing\",\"fields\":{\"a\":\"integer\",\"t\":\"array[short-text]\",\"b\":{\"type\":\"integer\",\"default\":\"no\"}}}", "\"thing\"", "default", HB_E_SCHEMA_CONFLICT },
    { "{\"name\":\"Other\",\"fields\":{\"a\":\"integer\"}}", "\"other\"", "no registered entity", HB_E_UNKNOWN_ENTITY },
    { "{\"entity_id\":\"sys-catalog\",\"name\":\"Catalog\",\"fields\":{\"a\":\"integer\"}}", "\"sys-catalog\"", "system entity", HB_E_SCHEMA_CONFLICT },
    { "{\"name\":\"Thing\",\"fields\":{\"a\":{\"type\":\"integer\",\"unique\":true},\"t\":\"array[short-text]\"}}", "\"thing\"", "", HB_E_UNIQUE },
    { "{\"name\":\"Thing\",\"fields\":{\"a\":\"integer\",\"t\":\"array[short-text]\",\"u\":{\"type\":\"integer\",\"unique\":true,\"default\":1}}}", "\"thing\"", "", HB_E_UNIQUE },
    { "{\"name\":\"Thing\",\"fields\":{\"a\":\"integer\",\"t\":\"array[short-text]\",\"b\":\"integer\"},\"constraints\":[{\"fields\":[\"a\"]}]}", "\"thing\"", "", HB_E_UNIQUE },
};

static void refused_changes_leave_everything(void) {
    for (size_t i = 0; i < PLACEMENT_COUNT; i++) {
        fixture f;
        fixture_open(&f, placements[i]);
        three_rows(&f);
        for (size_t k = 0; k < sizeof refusals / sizeof refusals[0]; k++) {
            CASE(refusals[k].definition);
            if (!CHECK_INT(alter(&f, refusals[k].definition, refusals[k].confirm, 0), refusals[k].want)) test_check(false, f.err.msg, __FILE__, __LINE__);
            CHECK(strstr(f.err.msg, refusals[k].says) != NULL);
            CHECK_INT(query(&f, "thing", "{\"filter\":{\"t\":{\"array_contains\":\"q\"}}}"), HB_OK);
            CHECK_CSTR(lines(&f, "a"), "x|1\n");
            CHECK_INT(query(&f, "thing", "{}"), HB_OK);
            CHECK_CSTR(lines(&f, "a"), "x|1\ny|2\nz|2\n");
            CHECK_INT(define(&f, before), HB_OK);
        }
        CHECK_INT(alter(&f, wider, "\"thing\"", 0), HB_OK);
        check_wider(&f);
        fixture_close(&f);
    }
}

static void constraints_come_and_go(void) {
    static const char strict[] = "{\"name\":\"Thing\",\"fields\":{\"a\":\"integer\",\"t\":\"array[short-text]\"},\"constraints\":[{\"fields\":[\"a\",\"name\"]}]}";
    for (size_t i = 0; i < PLACEMENT_COUNT; i++) {
        CASE(placements[i]);
        fixture f;
        fixture_open(&f, placements[i]);
        three_rows(&f);
        CHECK_INT(alter(&f, strict, "\"thing\"", 0), HB_OK);
        CHECK_INT(upsert(&f, "thing", "{\"object_id\":\"v\",\"a\":1,\"name\":\"v\"}"), HB_OK);
        CHECK_INT(upsert(&f, "thing", "{\"object_id\":\"w\",\"a\":1,\"name\":\"v\"}"), HB_E_UNIQUE);
        CHECK_INT(alter(&f, before, "\"thing\"", 0), HB_OK);
        if (!CHECK_INT(upsert(&f, "thing", "{\"object_id\":\"w\",\"a\":1,\"name\":\"v\"}"), HB_OK)) test_check(false, f.err.msg, __FILE__, __LINE__);
        fixture_close(&f);
    }
}

static void a_plan_says_what_would_happen(void) {
    fixture f;
    fixture_open(&f, placements[0]);
    three_rows(&f);
    CHECK_INT(alter(&f, "{\"name\":\"Thing\",\"fields\":{\"a\":\"short-text\",\"b\":{\"type\":\"integer\",\"default\":1}}}", "", HB_FLAG_DRY_RUN), HB_OK);
    CHECK_STR(answer(&f)->json,
              "{\"entity\":\"thing\",\"ok\":false,\"same\":false,\"rows\":null,\"backends\":[{\"backend\":\"main\",\"action\":\"rebuild\"}],\"moved\":[],\"added\":[{\"field\":\"b\",\"definition\":{\"type\":{\"type\":\"integer\"},"
              "\"default\":1,\"has_default\":true}}],\"removed\":[\"t\"],\"renamed\":[],\"changed\":[{\"field\":\"a\",\"what\":[\"type\"],"
              "\"from\":{\"type\":{\"type\":\"integer\"}},\"to\":{\"type\":{\"type\":\"short-text\",\"max_chars\":255}}}],"
              "\"indexes\":false,\"constraints\":false,\"derives\":false,\"refused\":[\"t: it goes: name it in drop, or its new name in rename\"]}");
    CHECK_INT(define(&f, "{\"name\":\"Thing\",\"fields\":{\"a\":\"short-text\",\"b\":\"integer\"}}"), HB_E_SCHEMA_CONFLICT);
    CHECK(strstr(f.err.msg, "added b; removed t; changed a (type)") != NULL);
    CHECK_INT(alter(&f, before, "", HB_FLAG_DRY_RUN), HB_OK);
    CHECK(strstr(answer(&f)->json.ptr, "\"same\":true") != NULL);
    fixture_close(&f);
}

static void words_alone_are_taken_over(void) {
    fixture f;
    fixture_open(&f, placements[0]);
    three_rows(&f);
    CHECK_INT(alter(&f, "{\"name\":\"Thing\",\"desc\":\"said\",\"fields\":{\"a\":\"integer\",\"t\":\"array[short-text]\"}}", "\"thing\"", 0), HB_OK);
    CHECK_INT(query(&f, "sys-metaschema", "{\"filter\":{\"kind\":\"entity\",\"subject_id\":\"thing\"}}"), HB_OK);
    CHECK_CSTR(lines(&f, "desc"), "entity:thing|said\n");
    fixture_close(&f);
}

static void an_altered_entity_is_restored(void) {
    static const char path[] = "hb-alter-test.db";
    static const char options[] = "{\"id\":\"unit\",\"backends\":{\"main\":{\"type\":\"sqlite\",\"database\":\"hb-alter-test.db\"}}}";
    remove(path);
    fixture f;
    fixture_open(&f, options);
    three_rows(&f);
    CHECK_INT(alter(&f, wider, "\"thing\"", 0), HB_OK);
    CHECK_INT(alter(&f, refusals[3].definition, "\"thing\"", 0), HB_E_SCHEMA_CONFLICT);
    fixture_close(&f);
    fixture_open(&f, options);
    check_wider(&f);
    CHECK_INT(define(&f, wider), HB_OK);
    CHECK_INT(define(&f, before), HB_E_SCHEMA_CONFLICT);
    fixture_close(&f);
    remove(path);
}

TEST_SUITE {
    TEST(added_fields_keep_rows_and_fill_defaults);
    TEST(an_empty_entity_is_altered_too);
    TEST(refused_changes_leave_everything);
    TEST(constraints_come_and_go);
    TEST(a_plan_says_what_would_happen);
    TEST(words_alone_are_taken_over);
    TEST(an_altered_entity_is_restored);
}
