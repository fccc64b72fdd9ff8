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

static hb_status note(void *arg, uint32_t field, hb_str object_id, hb_err *err) {
    (void)err;
    hb_buf *out = arg;
    hb_buf_add_str(out, object_id);
    hb_buf_printf(out, "/%u ", (unsigned)field);
    return HB_OK;
}

static const char *check(fixture *f, bool fix, uint64_t *unused) {
    hb_entity *entity = f->ws->entities[hb_workspace_entity(f->ws, HB_STR("doc"))];
    hb_buf out;
    hb_buf_init(&out, hb_mem_default());
    hb_status status = sqlite_blobs_check(f->ws->instances[0], entity->routing->containers[0], fix, note,
                                          &out, unused, &f->err);
    CHECK_INT(status, HB_OK);
    hb_buf_add_char(&out, '\0');
    const char *text = hb_arena_copy(&f->arena, out.ptr, out.len);
    hb_buf_free(&out);
    return text;
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
    hb_entity *entity = f.ws->entities[hb_workspace_entity(f.ws, HB_STR("doc"))];
    uint32_t body = hb_schema_find(entity->schema, HB_STR("body"));
    hb_str want = hb_arena_printf(&f.arena, "a/%u ", (unsigned)body);
    CHECK_CSTR(check(&f, false, &unused), want.ptr);
    CHECK_INT(unused, 1);
    const char *fixed = check(&f, true, &unused);
    CHECK_CSTR(fixed, want.ptr);
    CHECK_CSTR(check(&f, false, &unused), "");
    CHECK_INT(unused, 0);
    CHECK_INT(query(&f, "doc", "{}"), HB_OK);
    CHECK_CSTR(lines(&f, "body"), "a|\nb|three\nc|\n");
    fixture_close(&f);
}

TEST_SUITE {
    TEST(equal_values_are_kept_once);
    TEST(another_value_of_the_hash_gets_another_name);
    TEST(a_value_that_is_gone_hides_nothing_else);
}
