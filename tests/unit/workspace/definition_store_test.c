// SPDX-License-Identifier: MIT
/* Stored definitions that another program changed, on every backend that keeps them: the workspace opens, the entity is
 * refused with the file's name, the others work, audit names it, and repair puts back what was registered last. */
#include "tests/unit/workspace/fixture.h"

#include <stdio.h>

#include "tests/unit/support/memory_fs.h"

static const char thing[] = "{\"name\":\"Thing\",\"fields\":{\"a\":\"integer\",\"b\":\"short-text\",\"c\":{\"type\":\"float\",\"default\":2}}}";
static const char older[] = "{\"name\":\"Thing\",\"fields\":{\"a\":\"short-text\"}}";
static const char other[] = "{\"name\":\"Other\",\"fields\":{\"n\":\"integer\"}}";

typedef struct place {
    const char *main, *path;        /* path: what messages name for the definition of thing */
} place;

static const place places[] = {
    { "{\"type\":\"json\",\"path\":\"data\"}", "data/unit/.heavenbase/meta/entity%2Fthing" },
    { "{\"type\":\"pickle\",\"path\":\"data\"}", "data/unit/.heavenbase/meta/entity%2Fthing" },
    { "{\"type\":\"file\",\"fmt\":\"pickle\",\"path\":\"data\"}", "data/unit/.heavenbase/meta/entity%2Fthing" },
    { "{\"type\":\"sqlite\",\"database\":\"hb-definition-test.db\"}", "entity/thing" },
};

static memory_fs files;
static fixture f;

static void open_on(const place *p) {
    memset(&f, 0, sizeof(f));
    hb_arena_init(&f.arena, hb_mem_default());
    const bool real = strstr(p->main, "sqlite") != NULL;
    const hb_host host = { .mem = hb_mem_default(), .fs = real ? NULL : &files.fs };
    char options[300];
    snprintf(options, sizeof(options), "{\"id\":\"unit\",\"backends\":{\"main\":%s}}", p->main);
    const hb_status status = real ? hb_workspace_open(hb_str_c(options), hb_mem_default(), &f.ws, &f.err)
                                  : hb_workspace_open_on(hb_str_c(options), &host, &f.ws, &f.err);
    if (!CHECK_INT(status, HB_OK)) test_check(false, f.err.msg, __FILE__, __LINE__);
}

static void remove_files(void) {
    static const char *const names[] = { "hb-definition-test.db", "hb-definition-test.db-wal", "hb-definition-test.db-shm" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) remove(names[i]);
}

static void fill(const place *p) {
    remove_files();
    memory_fs_init(&files);
    open_on(p);
    CHECK_INT(define(&f, thing), HB_OK);
    CHECK_INT(define(&f, other), HB_OK);
    CHECK_INT(upsert(&f, "thing", "{\"object_id\":\"p\",\"a\":1,\"b\":\"x\"}"), HB_OK);
    CHECK_INT(upsert(&f, "other", "{\"object_id\":\"o\",\"n\":7}"), HB_OK);
}

static void finish(void) {
    fixture_close(&f);
    memory_fs_free(&files);
    remove_files();
}

static hb_instance *keeper(void) { return hb_workspace_keeper(f.ws); }
static void put(const char *key, hb_str value) {
    CHECK_INT(keeper()->type->meta_put(keeper(), hb_str_c(key), value, &f.err), HB_OK);
}
static hb_str stored(const char *key) {
    hb_str value;
    CHECK_INT(keeper()->type->meta_get(keeper(), hb_str_c(key), &f.arena, &value, &f.err), HB_OK);
    return value;
}
static void drop_key(const char *key) {
    CHECK_INT(keeper()->type->meta_delete(keeper(), hb_str_c(key), &f.err), HB_OK);
}

static void edited(void) {
    hb_schema *schema;
    CHECK_INT(hb_schema_parse(pack_of(&f, older), hb_mem_default(), &schema, &f.err), HB_OK);
    put("entity/thing", schema->definition);
    hb_schema_free(schema);
}
static void missing(void) { drop_key("entity/thing"); }
static void cut_off(void) { put("entity/thing", hb_str_sub(stored("entity/thing"), 0, 20)); }
static void of_another(void) { put("entity/thing", stored("entity/other")); }
static void empty(void) { put("entity/thing", HB_STR_EMPTY); }
static void copy_gone(void) { drop_key("copy/thing"); }
static void copy_changed(void) { put("copy/thing", HB_STR("00000000?")); }
static void copy_of_another(void) { put("copy/thing", stored("copy/other")); }

typedef struct damage {
    void (*inject)(void);
    hb_status refused;          /* HB_OK: the entity can be used */
    const char *says;
} damage;

static const damage damages[] = {
    { edited, HB_E_SCHEMA_DRIFT, "is not the one that was registered or altered last" },
    { of_another, HB_E_SCHEMA_DRIFT, "is that of the entity 'other'" },
    { missing, HB_E_CORRUPT, "is gone" },
    { cut_off, HB_E_CORRUPT, "cannot be read (" },
    { empty, HB_E_CORRUPT, "cannot be read (" },
    { copy_gone, HB_OK, "has lost its copy" },
    { copy_changed, HB_OK, "has a copy that was changed" },
    { copy_of_another, HB_OK, "has a copy that was changed" },
};

static const char *report(hb_call_kind kind, uint32_t flags) {
    const hb_request request = { .kind = kind, .entity = HB_ENTITY_NONE, .flags = flags };
    if (!CHECK_INT(call(&f, request), HB_OK)) {
        test_check(false, f.err.msg, __FILE__, __LINE__);
        return "";
    }
    return hb_arena_printf(&f.arena, "%.*s", HB_ARG(answer(&f)->json)).ptr;
}

static bool is_ok(const char *json) { return hb_str_ends(hb_str_c(json), HB_STR("\"ok\":true}")); }
static void says(const char *text, const char *part) {
    if (strstr(text, part) == NULL) CHECK_CSTR(text, part);
}

static void check_refused(const place *p, const damage *d) {
    const char *set = "{\"object_id\":\"q\",\"a\":2}";
    CHECK_INT(query(&f, "thing", "{}"), d->refused);
    CHECK_INT(query(&f, "other", "{}"), HB_OK);
    CHECK_CSTR(lines(&f, "n"), "o|7\n");
    CHECK_INT(upsert(&f, "other", "{\"object_id\":\"o\",\"n\":7}"), HB_OK);
    CHECK_INT(by_id(&f, HB_CALL_DELETE, "other", "nobody"), HB_OK);
    const char *health = report(HB_CALL_HEALTH, 0);
    says(health, "\"ok\":false,\"error\":{");
    says(health, p->path);
    says(health, d->says);
    if (d->refused == HB_OK) return;
    CHECK_INT(upsert(&f, "thing", set), d->refused);
    CHECK_CSTR(f.err.entity, "thing");
    CHECK_CSTR(f.err.backend, "main");
    says(f.err.msg, p->path);
    says(f.err.msg, d->says);
    CHECK_INT(by_id(&f, HB_CALL_GET, "thing", "p"), d->refused);
    CHECK_INT(call(&f, (hb_request){ .kind = HB_CALL_ALTER, .text = pack_of(&f, older), .params = pack_of(&f, "[\"thing\"]") }), d->refused);
}

static void check_damage(const place *p, const damage *d, bool reopened) {
    fill(p);
    d->inject();
    if (reopened) {
        fixture_close(&f);
        open_on(p);
    } else {
        CHECK_INT(call(&f, (hb_request){ .kind = HB_CALL_REFRESH, .entity = HB_ENTITY_NONE }), HB_OK);
    }
    check_refused(p, d);
    for (int turn = 0; turn < 2; turn++) {
        const char *found = turn == 0 ? report(HB_CALL_AUDIT, 0) : report(HB_CALL_REPAIR, HB_FLAG_DRY_RUN);
        CHECK(!is_ok(found));
        says(found, "\"what\":\"definition\"");
        says(found, p->path);
        says(found, d->says);
        says(found, "\"dangling\":[]");
    }
    CHECK_INT(query(&f, "thing", "{}"), d->refused);
    const char *did = report(HB_CALL_REPAIR, 0);
    if (!is_ok(did)) test_check(false, did, __FILE__, __LINE__);
    for (int turn = 0; turn < 2; turn++) {
        CHECK(is_ok(report(HB_CALL_AUDIT, 0)));
        CHECK_INT(query(&f, "thing", "{}"), HB_OK);
        CHECK_CSTR(lines(&f, "a"), "p|1\n");
        CHECK_CSTR(lines(&f, "b"), "p|x\n");
        CHECK_INT(define(&f, thing), HB_OK);
        if (turn > 0) break;
        fixture_close(&f);
        open_on(p);
    }
    finish();
}

static void each_damage_is_named_and_mended(void) {
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        for (size_t k = 0; k < sizeof damages / sizeof damages[0]; k++) {
            char label[200];
            snprintf(label, sizeof label, "%.40s: %s", places[i].main, damages[k].says);
            CASE(label);
            check_damage(&places[i], &damages[k], true);
            check_damage(&places[i], &damages[k], false);
        }
    }
}

static void registering_again_mends_too(void) {
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        CASE(places[i].main);
        fill(&places[i]);
        edited();
        fixture_close(&f);
        open_on(&places[i]);
        CHECK_INT(define(&f, older), HB_E_SCHEMA_CONFLICT);     /* the edit is nobody's alteration */
        CHECK_INT(define(&f, thing), HB_OK);
        CHECK_INT(query(&f, "thing", "{}"), HB_OK);
        CHECK_CSTR(lines(&f, "b"), "p|x\n");
        CHECK(is_ok(report(HB_CALL_AUDIT, 0)));
        finish();
    }
}

/* Without both, nothing says what the rows are: they stay, and so do their Catalog rows. */
static void what_is_lost_twice_waits_for_its_registration(void) {
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        CASE(places[i].main);
        fill(&places[i]);
        cut_off();
        copy_changed();
        fixture_close(&f);
        open_on(&places[i]);
        hb_entity *entity;
        CHECK_INT(hb_entity_by_id(f.ws, HB_STR("thing"), &entity, &f.err), HB_E_CORRUPT);
        CHECK_CSTR(f.err.entity, "thing");
        says(f.err.msg, places[i].path);
        CHECK_INT(hb_entity_by_id(f.ws, HB_STR("nothing"), &entity, &f.err), HB_E_UNKNOWN_ENTITY);
        CHECK_INT(query(&f, "other", "{}"), HB_OK);
        const char *did = report(HB_CALL_REPAIR, 0);
        CHECK(!is_ok(did));
        says(did, "register the entity again");
        says(did, "\"dangling_deleted\":0");
        CHECK_INT(define(&f, thing), HB_OK);
        CHECK_INT(query(&f, "thing", "{}"), HB_OK);
        CHECK_CSTR(lines(&f, "b"), "p|x\n");
        const char *found = report(HB_CALL_AUDIT, 0);
        if (!is_ok(found)) test_check(false, found, __FILE__, __LINE__);
        finish();
    }
}

TEST_SUITE {
    TEST(each_damage_is_named_and_mended);
    TEST(registering_again_mends_too);
    TEST(what_is_lost_twice_waits_for_its_registration);
}
