// SPDX-License-Identifier: MIT
/* Values outside the row, where they lie. */
#include "tests/unit/workspace/fixture.h"

#include "backends/sqlite/sqlite_priv.h"

static void open_docs(fixture *f) {
    fixture_open(f, "{\"id\":\"unit\",\"backends\":{\"main\":{\"type\":\"sqlite\",\"database\":\":memory:\"}}}");
    CHECK_INT(define(f, "{\"name\":\"Doc\",\"fields\":{\"n\":\"integer\",\"body\":{\"type\":\"long-text\","
                        "\"storage\":{\"strategy\":\"external\"}}}}"), HB_OK);
}

static void run(fixture *f, const char *sql) {
    sqlite_conn *conn = f->ws->instances[0]->state;
    CHECK_INT(sqlite3_exec(conn->db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static int64_t number(fixture *f, const char *sql) {
    sqlite_conn *conn = f->ws->instances[0]->state;
    sqlite3_stmt *stmt = NULL;
    CHECK_INT(sqlite3_prepare_v2(conn->db, sql, -1, &stmt, NULL), SQLITE_OK);
    int64_t value = sqlite3_step(stmt) == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : -1;
    sqlite3_finalize(stmt);
    return value;
}

typedef struct findings {
    hb_buf text;                /* "<id>/<field> " of values that are lost */
    uint64_t unused;
} findings;

static hb_status note(void *arg, const hb_finding *finding, hb_err *err) {
    (void)err;
    findings *out = arg;
    if (strcmp(finding->kind, "unused") == 0) {
        out->unused += finding->count;
        return HB_OK;
    }
    CHECK_CSTR(finding->kind, "external");
    hb_buf_printf(&out->text, "%.*s/%.*s ", HB_ARG(finding->object_id), HB_ARG(finding->field));
    return HB_OK;
}

static const char *look_over(fixture *f, hb_check_how how, uint64_t *unused) {
    hb_entity *entity = f->ws->entities[hb_workspace_entity(f->ws, HB_STR("doc"))];
    findings found = { .unused = 0 };
    hb_buf_init(&found.text, hb_mem_default());
    hb_status status = sqlite_check(f->ws->instances[0], entity->routing->containers[0], how, note, &found, &f->err);
    CHECK_INT(status, HB_OK);
    hb_buf_add_char(&found.text, '\0');
    const char *text = hb_arena_copy(&f->arena, found.text.ptr, found.text.len);
    hb_buf_free(&found.text);
    *unused = found.unused;
    return text;
}

/* CHECK_CSTR takes its text twice. */
static void check(fixture *f, hb_check_how how, const char *want, uint64_t *unused) {
    const char *found = look_over(f, how, unused);
    CHECK_CSTR(found, want);
}

static void equal_values_are_kept_once(void) {
    fixture f;
    open_docs(&f);
    upsert(&f, "doc", "{\"object_id\":\"a\",\"body\":\"same\"}");
    upsert(&f, "doc", "{\"object_id\":\"b\",\"body\":\"same\"}");
    upsert(&f, "doc", "{\"object_id\":\"c\",\"body\":\"other\"}");
    CHECK_INT(number(&f, "SELECT count(*) FROM \"unit/doc/body\""), 2);
    CHECK_INT(number(&f, "SELECT count(DISTINCT body) FROM \"unit/doc\""), 2);
    CHECK_INT(number(&f, "SELECT max(length(body)) FROM \"unit/doc\""), 32);
    fixture_close(&f);
}

static void another_value_of_the_hash_gets_another_name(void) {
    fixture f;
    open_docs(&f);
    upsert(&f, "doc", "{\"object_id\":\"a\",\"body\":\"mine\"}");
    run(&f, "UPDATE \"unit/doc/body\" SET value = 'who took the hash'");
    upsert(&f, "doc", "{\"object_id\":\"b\",\"body\":\"mine\"}");
    upsert(&f, "doc", "{\"object_id\":\"c\",\"body\":\"mine\"}");
    CHECK_INT(query(&f, "doc", "{}"), HB_OK);
    CHECK_CSTR(lines(&f, "body"), "a|who took the hash\nb|mine\nc|mine\n");
    CHECK_INT(number(&f, "SELECT count(*) FROM \"unit/doc/body\""), 2);
    fixture_close(&f);
}

static void a_value_that_is_gone_hides_nothing_else(void) {
    fixture f;
    uint64_t unused;
    open_docs(&f);
    upsert(&f, "doc", "{\"object_id\":\"a\",\"n\":1,\"body\":\"one\"}");
    upsert(&f, "doc", "{\"object_id\":\"b\",\"n\":2,\"body\":\"two\"}");
    upsert(&f, "doc", "{\"object_id\":\"c\",\"n\":3}");
    upsert(&f, "doc", "{\"object_id\":\"b\",\"n\":2,\"body\":\"three\"}");
    run(&f, "DELETE FROM \"unit/doc/body\" WHERE value = 'one'");
    CHECK_INT(query(&f, "doc", "{\"select\":[\"n\"]}"), HB_OK);
    CHECK_CSTR(lines(&f, "n"), "a|1\nb|2\nc|3\n");
    CHECK_INT(query(&f, "doc", "{\"select\":[\"body\"]}"), HB_E_CORRUPT);
    CHECK_CSTR(f.err.field, "body");
    CHECK(strstr(f.err.msg, "'a'") != NULL);
    check(&f, HB_CHECK_LOOK, "a/body ", &unused);
    CHECK_INT(unused, 1);
    check(&f, HB_CHECK_MEND, "a/body ", &unused);
    check(&f, HB_CHECK_GIVE_UP, "a/body ", &unused);
    CHECK_INT(unused, 1);
    check(&f, HB_CHECK_LOOK, "", &unused);
    CHECK_INT(unused, 0);
    CHECK_INT(query(&f, "doc", "{}"), HB_OK);
    CHECK_CSTR(lines(&f, "body"), "a|\nb|three\nc|\n");
    fixture_close(&f);
}

static void a_value_that_was_changed_is_set_aside(void) {
    fixture f;
    uint64_t unused;
    open_docs(&f);
    upsert(&f, "doc", "{\"object_id\":\"a\",\"body\":\"one\"}");
    upsert(&f, "doc", "{\"object_id\":\"b\",\"body\":\"two\"}");
    run(&f, "UPDATE \"unit/doc/body\" SET value = 'eins' WHERE value = 'one'");
    check(&f, HB_CHECK_LOOK, "a/body ", &unused);
    check(&f, HB_CHECK_MEND, "a/body ", &unused);
    CHECK_INT(query(&f, "doc", "{\"select\":[\"body\"]}"), HB_E_CORRUPT);
    check(&f, HB_CHECK_GIVE_UP, "a/body ", &unused);
    CHECK_INT(number(&f, "SELECT count(*) FROM \"unit/doc/body\" WHERE value = 'eins'"), 1);
    check(&f, HB_CHECK_LOOK, "", &unused);
    CHECK_INT(unused, 0);
    upsert(&f, "doc", "{\"object_id\":\"a\",\"body\":\"one\"}");
    CHECK_INT(query(&f, "doc", "{}"), HB_OK);
    CHECK_CSTR(lines(&f, "body"), "a|one\nb|two\n");
    fixture_close(&f);
}

TEST_SUITE {
    TEST(a_value_that_was_changed_is_set_aside);
    TEST(equal_values_are_kept_once);
    TEST(another_value_of_the_hash_gets_another_name);
    TEST(a_value_that_is_gone_hides_nothing_else);
}
