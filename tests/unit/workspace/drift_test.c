// SPDX-License-Identifier: MIT
/* Tables that another program changed: the workspace opens, what needs them says SCHEMA_DRIFT by name, audit lists
 * them, and repair makes them usable with everything that is left. */
#include "tests/unit/workspace/rehearsal.h"

#include <sqlite3.h>
#include <stdio.h>

#define FILE_NAME "hb-drift-test.db"
#define OTHER_NAME "hb-drift-other.db"

static const char own[] = "{\"id\":\"unit\",\"backends\":{\"main\":{\"type\":\"sqlite\",\"database\":\"" FILE_NAME "\"}}}";
static const char python[] = "{\"id\":\"unit\",\"backends\":{\"main\":{\"type\":\"sqlite\",\"layout\":\"python\",\"database\":\"" FILE_NAME "\"}}}";
static const char both[] = "{\"id\":\"unit\",\"backends\":{\"main\":{\"type\":\"sqlite\",\"database\":\"" FILE_NAME "\"},"
                           "\"vec\":{\"type\":\"sqlite\",\"database\":\"" OTHER_NAME "\"}}}";
static const char thing[] =
    "{\"name\":\"Thing\",\"fields\":{\"a\":{\"type\":\"integer\",\"index\":true},\"b\":\"short-text\",\"t\":{\"type\":\"array[integer]\","
    "\"storage\":{\"to\":\"main\",\"strategy\":\"side\"}},\"x\":{\"type\":\"long-text\",\"storage\":{\"to\":\"main\",\"strategy\":\"external\"}}}}";

static void remove_files(void) {
    static const char *const names[] = { FILE_NAME, FILE_NAME "-wal", FILE_NAME "-shm", FILE_NAME "-journal",
                                         OTHER_NAME, OTHER_NAME "-wal", OTHER_NAME "-shm", OTHER_NAME "-journal" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) remove(names[i]);
}

/* As another program would. Alone: some hosts have no shared memory for the log. */
static void run(const char *file, const char *sql) {
    sqlite3 *db = NULL;
    CHECK_INT(sqlite3_open(file, &db), SQLITE_OK);
    char *message = NULL;
    CHECK_INT(sqlite3_exec(db, "PRAGMA locking_mode=EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    if (!CHECK_INT(sqlite3_exec(db, sql, NULL, NULL, &message), SQLITE_OK)) test_check(false, message, __FILE__, __LINE__);
    sqlite3_free(message);
    sqlite3_close(db);
}

static void fill(const char *options, const char *definition) {
    fixture f;
    remove_files();
    fixture_open(&f, options);
    CHECK_INT(define(&f, definition), HB_OK);
    CHECK_INT(define(&f, "{\"name\":\"Other\",\"fields\":{\"n\":\"integer\"}}"), HB_OK);
    CHECK_INT(upsert(&f, "thing", "{\"object_id\":\"p\",\"a\":1,\"b\":\"10\",\"t\":[1,2],\"x\":\"outside\"}"), HB_OK);
    CHECK_INT(upsert(&f, "thing", "{\"object_id\":\"q\",\"a\":2,\"b\":\"no\",\"t\":[],\"x\":\"of it\"}"), HB_OK);
    CHECK_INT(upsert(&f, "other", "{\"object_id\":\"o\",\"n\":7}"), HB_OK);
    fixture_close(&f);
}

static const char *report_as(fixture *f, hb_call_kind kind, uint32_t flags) {
    if (!CHECK_INT(call(f, (hb_request){ .kind = kind, .flags = flags }), HB_OK)) {
        test_check(false, f->err.msg, __FILE__, __LINE__);
        return "";
    }
    return hb_arena_printf(&f->arena, "%.*s", HB_ARG(answer(f)->json)).ptr;
}

static const char *report(fixture *f, hb_call_kind kind) {
    return report_as(f, kind, 0);
}

/* A dry run, which changes nothing, and then the repair that it foresees. */
static const char *repair(fixture *f) {
    const char *audited = report(f, HB_CALL_AUDIT);
    const char *said = report_as(f, HB_CALL_REPAIR, HB_FLAG_DRY_RUN);
    CHECK_CSTR(report(f, HB_CALL_AUDIT), audited);
    const char *done = report(f, HB_CALL_REPAIR);
    check_foreseen(said, done);
    return done;
}

typedef struct damage {
    const char *sql, *field, *says;
    const char *a, *b;          /* what is left of the fields */
} damage;

/* Every use names it; nothing but repair changes anything. */
static void check_damage(const char *options, const damage *one) {
    CASE(one->sql);
    fill(options, thing);
    run(FILE_NAME, one->sql);
    fixture f;
    fixture_open(&f, options);
    CHECK_INT(query(&f, "thing", "{}"), HB_E_SCHEMA_DRIFT);
    CHECK_CSTR(f.err.entity, "thing");
    CHECK_CSTR(f.err.field, one->field);
    CHECK_CSTR(f.err.backend, "main");
    if (strstr(f.err.msg, one->says) == NULL) CHECK_CSTR(f.err.msg, one->says);
    CHECK_INT(upsert(&f, "thing", "{\"object_id\":\"r\",\"a\":3}"), HB_E_SCHEMA_DRIFT);
    CHECK_INT(define(&f, thing), HB_OK);
    CHECK_INT(query(&f, "other", "{}"), HB_OK);
    CHECK_CSTR(lines(&f, "n"), "o|7\n");
    const char *found = report(&f, HB_CALL_HEALTH);
    CHECK(strstr(found, "\"ok\":false,\"error\":{\"code\":\"SCHEMA_DRIFT\"") != NULL && strstr(found, "\"entity\":\"thing\"") != NULL);
    found = report(&f, HB_CALL_AUDIT);
    CHECK(strstr(found, "\"what\":\"drift\"") != NULL && strstr(found, one->says) != NULL);
    CHECK(strstr(found, "\"dangling\":[],\"mismatched\":[]") != NULL);
    CHECK_INT(query(&f, "thing", "{}"), HB_E_SCHEMA_DRIFT);
    found = repair(&f);
    CHECK(strstr(found, "\"repaired\":true") != NULL);
    CHECK_INT(query(&f, "thing", "{}"), HB_OK);
    CHECK_CSTR(lines(&f, "a"), one->a);
    CHECK_CSTR(lines(&f, "b"), one->b);
    found = report(&f, HB_CALL_AUDIT);
    if (strstr(found, "\"ok\":false") != NULL) test_check(false, found, __FILE__, __LINE__);
    CHECK_INT(upsert(&f, "thing", "{\"object_id\":\"r\",\"a\":3,\"b\":\"new\",\"t\":[9],\"x\":\"more\"}"), HB_OK);
    fixture_close(&f);
    fixture_open(&f, options);
    CHECK_INT(query(&f, "thing", "{\"filter\":{\"t\":{\"array_contains\":9}}}"), HB_OK);
    CHECK_CSTR(lines(&f, "x"), "r|more\n");
    CHECK_INT(call(&f, (hb_request){ .kind = HB_CALL_DROP }), HB_OK);
    fixture_close(&f);
    remove_files();
}

static void our_tables_are_mended(void) {
    static const damage damages[] = {
        { "DROP INDEX \"unit/thing/a/plain/index\"; ALTER TABLE \"unit/thing\" DROP COLUMN a", "a", "column 'a' is gone: expected INTEGER", "p|\nq|\n", "p|10\nq|no\n" },
        { "ALTER TABLE \"unit/thing\" RENAME COLUMN b TO bb", "b", "column 'b' is gone: expected TEXT", "p|1\nq|2\n", "p|\nq|\n" },
        { "ALTER TABLE \"unit/thing\" RENAME COLUMN b TO old; ALTER TABLE \"unit/thing\" ADD COLUMN b INTEGER; UPDATE \"unit/thing\" SET b = 5",
          "b", "column 'b' is INTEGER: expected TEXT", "p|1\nq|2\n", "p|5\nq|5\n" },
        { "DROP INDEX \"unit/thing/a/plain/index\"; ALTER TABLE \"unit/thing\" RENAME COLUMN a TO old; ALTER TABLE \"unit/thing\" ADD COLUMN a TEXT;"
          "UPDATE \"unit/thing\" SET a = b", "a", "column 'a' is TEXT: expected INTEGER", "p|10\nq|\n", "p|10\nq|no\n" },
        { "DROP TABLE \"unit/thing\"", "", "it is gone", "", "" },
        { "DROP TABLE \"unit/thing/x\"", "x", "the values outside the rows are gone", "p|1\nq|2\n", "p|10\nq|no\n" },
    };
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) check_damage(own, &damages[i]);
}

static void tables_in_the_layout_of_python_are_mended(void) {
    static const damage damages[] = {
        { "ALTER TABLE thing RENAME COLUMN b TO bb", "b", "column 'b' is gone", "p|1\nq|2\n", "p|\nq|\n" },
        { "ALTER TABLE thing RENAME COLUMN b TO old; ALTER TABLE thing ADD COLUMN b INTEGER; UPDATE thing SET b = 5", "b",
          "column 'b' is INTEGER: expected text", "p|1\nq|2\n", "p|5\nq|5\n" },
        { "DROP TABLE thing_t", "t", "the table of its items is gone", "p|1\nq|2\n", "p|10\nq|no\n" },
        { "DROP TABLE thing", "", "it is gone", "", "" },
    };
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) check_damage(python, &damages[i]);
}

static void items_that_follow_from_rows_are_made_anew(void) {
    fill(own, thing);
    run(FILE_NAME, "DROP TABLE \"unit/thing/t\"");
    fixture f;
    fixture_open(&f, own);
    CHECK_INT(query(&f, "thing", "{\"filter\":{\"t\":{\"array_contains\":2}}}"), HB_OK);
    CHECK_CSTR(lines(&f, "a"), "p|1\n");
    fixture_close(&f);
    remove_files();
}

static void copies_elsewhere_bring_back_what_was_lost(void) {
    static const char doubled[] =
        "{\"name\":\"Thing\",\"fields\":{\"a\":\"integer\",\"b\":{\"type\":\"short-text\",\"stores\":[{\"to\":\"main\"},{\"to\":\"vec\"}]},"
        "\"t\":\"array[integer]\",\"x\":\"long-text\"}}";
    static const struct { const char *file, *sql, *a, *b; } cases[] = {
        { FILE_NAME, "ALTER TABLE \"unit/thing\" RENAME COLUMN b TO bb", "p|1\nq|2\n", "p|10\nq|no\n" },
        { OTHER_NAME, "ALTER TABLE \"unit/thing\" RENAME COLUMN b TO bb", "p|1\nq|2\n", "p|10\nq|no\n" },
        { OTHER_NAME, "DROP TABLE \"unit/thing\"", "p|1\nq|2\n", "p|10\nq|no\n" },
        { FILE_NAME, "DROP TABLE \"unit/thing\"", "p|\nq|\n", "p|10\nq|no\n" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CASE(cases[i].sql);
        fill(both, doubled);
        run(cases[i].file, cases[i].sql);
        fixture f;
        fixture_open(&f, both);
        repair(&f);
        CHECK_INT(query(&f, "thing", "{}"), HB_OK);
        CHECK_CSTR(lines(&f, "a"), cases[i].a);
        CHECK_CSTR(lines(&f, "b"), cases[i].b);
        const char *found = report(&f, HB_CALL_AUDIT);
        if (strstr(found, "\"ok\":false") != NULL) test_check(false, found, __FILE__, __LINE__);
        fixture_close(&f);
    }
    remove_files();
}

static hb_status try_open(const char *options, hb_err *err) {
    hb_workspace *ws = NULL;
    hb_status status = hb_workspace_open(hb_str_c(options), hb_mem_default(), &ws, err);
    if (status == HB_OK) hb_workspace_close(ws);
    return status;
}

static void other_versions_are_refused(void) {
    static const struct { const char *sql; hb_status want; } cases[] = {
        { "UPDATE hb_meta SET value = CAST('2' AS BLOB) WHERE key = 'layout'", HB_E_FORMAT },
        { "UPDATE hb_meta SET value = CAST('2' AS BLOB) WHERE key = 'format'", HB_E_FORMAT },
        { "UPDATE hb_meta SET value = CAST('17.3' AS BLOB) WHERE key = 'format'", HB_E_FORMAT },
        { "UPDATE hb_meta SET value = CAST('x' AS BLOB) WHERE key = 'format'", HB_E_FORMAT },
        { "UPDATE hb_meta SET value = CAST('1.9' AS BLOB) WHERE key = 'format'", HB_OK },
        { "DELETE FROM hb_meta WHERE key = 'format'", HB_OK },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CASE(cases[i].sql);
        fill(own, thing);
        run(FILE_NAME, cases[i].sql);
        hb_err err;
        CHECK_INT(try_open(own, &err), cases[i].want);
        if (cases[i].want != HB_OK) CHECK_CSTR(err.backend, "main");
    }
    remove_files();
}

static void a_definition_that_is_none_hides_no_other(void) {
    fill(own, thing);
    run(FILE_NAME, "UPDATE hb_meta SET value = x'81a5776f726473c0' WHERE key = 'entity/thing'");
    fixture f;
    fixture_open(&f, own);
    CHECK_INT(query(&f, "other", "{}"), HB_OK);
    CHECK_CSTR(lines(&f, "n"), "o|7\n");
    const char *found = report(&f, HB_CALL_AUDIT);
    CHECK(strstr(found, "\"what\":\"definition\"") != NULL && strstr(found, "entity/thing") != NULL);
    CHECK_INT(define(&f, thing), HB_OK);
    CHECK_INT(query(&f, "thing", "{}"), HB_OK);
    CHECK_CSTR(lines(&f, "a"), "p|1\nq|2\n");
    found = report(&f, HB_CALL_AUDIT);
    CHECK(strstr(found, "\"ok\":false") == NULL);
    fixture_close(&f);
    remove_files();
}

TEST_SUITE {
    TEST(our_tables_are_mended);
    TEST(tables_in_the_layout_of_python_are_mended);
    TEST(items_that_follow_from_rows_are_made_anew);
    TEST(copies_elsewhere_bring_back_what_was_lost);
    TEST(other_versions_are_refused);
    TEST(a_definition_that_is_none_hides_no_other);
}
