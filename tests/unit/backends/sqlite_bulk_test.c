// SPDX-License-Identifier: MIT
/* Many rows at once, columns in which all of them are equal, and indexes that wait for a question.
 */
#include <sqlite3.h>
#include <stdio.h>

#include "backends/sqlite/sqlite_priv.h"
#include "tests/unit/workspace/fixture.h"

#define UNANSWERED UINT32_MAX

enum { ROWS = 5000 };

static void start(fixture *f) {
    fixture_open(f, "{\"id\":\"bulk\",\"backends\":{\"main\":{\"type\":\"sqlite\"}},\"catalog\":false}");
    CHECK_INT(define(f, "{\"name\":\"Doc\",\"fields\":{\"n\":{\"type\":\"integer\",\"index\":true},"
                        "\"kind\":{\"type\":\"short-text\",\"index\":true},"
                        "\"tags\":{\"type\":\"array[short-text]\",\"index\":true},\"more\":\"json\"}}"),
              HB_OK);
}

/* n differs from row to row, the others are the same in all of them. */
static hb_status write_all(fixture *f, const char *kind, const char *tags, const char *more) {
    static char ids[ROWS * 8];
    static hb_span id_spans[ROWS], kinds[ROWS], tag_spans[ROWS], more_spans[ROWS];
    static int64_t numbers[ROWS];
    const hb_str tag_pack = pack_of(f, tags), more_pack = pack_of(f, more);
    for (uint32_t i = 0; i < ROWS; i++) {
        snprintf(ids + i * 8, 8, "d%05u", (unsigned)i);
        id_spans[i] = (hb_span){ i * 8, 6 };
        kinds[i] = (hb_span){ 0, (uint32_t)strlen(kind) };
        tag_spans[i] = (hb_span){ 0, tag_pack.len };
        more_spans[i] = (hb_span){ 0, more_pack.len };
        numbers[i] = i;
    }
    hb_column columns[] = {
        { .name = HB_STR("object_id"), .kind = HB_KIND_TEXT, .data = id_spans, .heap = (const uint8_t *)ids, .heap_len = sizeof(ids) },
        { .name = HB_STR("n"), .kind = HB_KIND_I64, .data = numbers },
        { .name = HB_STR("kind"), .kind = HB_KIND_TEXT, .data = kinds, .heap = (const uint8_t *)kind, .heap_len = kinds[0].len },
        { .name = HB_STR("tags"), .kind = HB_KIND_PACK, .data = tag_spans, .heap = (const uint8_t *)tag_pack.ptr, .heap_len = tag_pack.len },
        { .name = HB_STR("more"), .kind = HB_KIND_PACK, .data = more_spans, .heap = (const uint8_t *)more_pack.ptr, .heap_len = more_pack.len },
    };
    return call(f, (hb_request){ .kind = HB_CALL_UPSERT, .entity = hb_workspace_entity(f->ws, HB_STR("doc")),
                                 .flags = HB_FLAG_OVERWRITE, .batch = { ROWS, 5, columns } });
}

static uint32_t count(fixture *f, const char *spec) {
    if (!CHECK_INT(query(f, "doc", spec), HB_OK)) {
        test_check(false, f->err.msg, __FILE__, __LINE__);
        return UNANSWERED;
    }
    return answer(f)->batch.row_count;
}

static int64_t made(const fixture *f) {
    const sqlite_conn *conn = f->ws->instances[0]->state;
    sqlite3_stmt *stmt = NULL;
    CHECK_INT(sqlite3_prepare_v2(conn->db, "SELECT count(*) FROM sqlite_schema WHERE name LIKE '%/plain/index'", -1, &stmt, NULL), SQLITE_OK);
    CHECK_INT(sqlite3_step(stmt), SQLITE_ROW);
    const int64_t found = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return found;
}

static void what_all_rows_have_is_in_each_of_them(void) {
    fixture f;
    start(&f);
    CHECK_INT(write_all(&f, "one", "[\"a\",\"b\"]", "{\"deep\":[1,2]}"), HB_OK);
    CHECK_INT(count(&f, "{\"filter\":{\"kind\":\"one\"}}"), ROWS);
    CHECK_INT(count(&f, "{\"filter\":{\"tags\":{\"array_contains\":\"b\"}}}"), ROWS);
    CHECK_INT(write_all(&f, "two", "[\"c\"]", "null"), HB_OK);
    CHECK_INT(count(&f, "{\"filter\":{\"kind\":\"one\"}}"), 0);
    CHECK_INT(count(&f, "{\"filter\":{\"tags\":{\"array_contains\":\"b\"}}}"), 0);
    CHECK_INT(count(&f, "{\"filter\":{\"tags\":{\"array_contains\":\"c\"},\"n\":{\"lt\":9}}}"), 9);
    CHECK_INT(count(&f, "{\"filter\":{\"more\":{\"is_null\":true}}}"), ROWS);
    CHECK_INT(by_id(&f, HB_CALL_DELETE, "doc", "d00003"), HB_OK);
    CHECK_INT(count(&f, "{\"filter\":{\"tags\":{\"array_contains\":\"c\"},\"n\":{\"lt\":9}}}"), 8);
    fixture_close(&f);
}

static void in_memory_an_index_waits_for_the_first_question(void) {
    fixture f;
    start(&f);
    CHECK_INT(write_all(&f, "one", "[]", "1"), HB_OK);
    CHECK_INT(made(&f), 0);
    CHECK_INT(count(&f, "{\"filter\":{\"n\":{\"gte\":4990}}}"), 10);
    CHECK_INT(made(&f), 1);
    CHECK_INT(write_all(&f, "two", "[]", "1"), HB_OK);          /* made anew with the others of the batch */
    CHECK_INT(made(&f), 1);
    CHECK_INT(count(&f, "{\"order\":[\"kind\",\"n\"],\"limit\":3}"), 3);
    CHECK_INT(made(&f), 2);
    CHECK_INT(upsert(&f, "doc", "{\"object_id\":\"x\",\"n\":4999}"), HB_OK);
    CHECK_INT(count(&f, "{\"filter\":{\"n\":4999}}"), 2);
    fixture_close(&f);
}

TEST_SUITE {
    TEST(what_all_rows_have_is_in_each_of_them);
    TEST(in_memory_an_index_waits_for_the_first_question);
}
