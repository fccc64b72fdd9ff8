// SPDX-License-Identifier: MIT
/* audit names a single fault in any backend, repair brings back what the source of truth holds. */
#include <stdio.h>

#include "backends/sqlite/sqlite_priv.h"
#include "tests/unit/workspace/rehearsal.h"

static const char debug_options[] = "{\"id\":\"unit\",\"preset\":\"debug\"}";
static const char doc_definition[] =
    "{\"name\":\"Doc\",\"fields\":{\"title\":\"short-text\",\"n\":{\"type\":\"integer\",\"index\":true},"
    "\"body\":\"long-text\",\"tags\":\"array[short-text]\",\"emb\":\"vector[2]\"}}";
enum { MAIN, VEC, SEARCH };

static bool contains(hb_str text, const char *part) { return hb_str_find(text, hb_str_c(part), 0) >= 0; }

static void fill(fixture *f) {
    fixture_open(f, debug_options);
    if (!CHECK_INT(define(f, doc_definition), HB_OK)) test_check(false, f->err.msg, __FILE__, __LINE__);
    static const char *const rows[] = {
        "{\"object_id\":\"d1\",\"title\":\"One\",\"n\":1,\"body\":\"agents route\",\"tags\":[\"a\",\"b\"],\"emb\":[1,0]}",
        "{\"object_id\":\"d2\",\"title\":\"Two\",\"n\":2,\"body\":\"backends store\",\"tags\":[\"b\"],\"emb\":[0,1]}",
        "{\"object_id\":\"d3\",\"title\":\"Three\",\"n\":3}",
    };
    for (size_t i = 0; i < 3; i++) CHECK_INT(upsert(f, "doc", rows[i]), HB_OK);
}

/* A fragment on one backend alone, behind the workspace's back. */
static void behind(fixture *f, uint32_t backend, hb_fragment fragment) {
    hb_entity *doc = f->ws->entities[hb_workspace_entity(f->ws, HB_STR("doc"))];
    fragment.container = doc->routing->containers[backend];
    fragment.limit = HB_NO_LIMIT;
    hb_task *task = hb_task_new(f->ws->mem, NULL);
    hb_job *job;
    REQUIRE(task != NULL);
    CHECK_INT(hb_task_start_job(task, f->ws->instances[backend], &fragment, &job, &f->err), HB_OK);
    hb_task_free(task);
}

static void remove_behind(fixture *f, uint32_t backend, const char *id) {
    hb_str text = hb_str_c(id);
    hb_ids ids = { &text, 1 };
    behind(f, backend, (hb_fragment){ .kind = HB_FRAG_DELETE, .ids = &ids });
}

/* The container of `search` holds object_id and body. */
static void write_search(fixture *f, const char *id, const char *body) {
    hb_span spans[2] = { { 0, (uint32_t)strlen(id) }, { 0, (uint32_t)strlen(body) } };
    hb_column columns[2] = {
        { HB_STR("object_id"), HB_KIND_TEXT, 0, NULL, &spans[0], (const uint8_t *)id, spans[0].len, NULL },
        { HB_STR("body"), HB_KIND_TEXT, 0, NULL, &spans[1], (const uint8_t *)body, spans[1].len, NULL },
    };
    hb_batch batch = { 1, 2, columns };
    behind(f, SEARCH, (hb_fragment){ .kind = HB_FRAG_WRITE, .batch = &batch });
}

static void sql(fixture *f, const char *text) {
    const sqlite_conn *conn = f->ws->instances[MAIN]->state;
    if (sqlite3_exec(conn->db, text, NULL, NULL, NULL) != SQLITE_OK) {
        test_check(false, sqlite3_errmsg(conn->db), __FILE__, __LINE__);
    }
}

static hb_str report(fixture *f, hb_call_kind kind, uint32_t flags) {
    if (!CHECK_INT(call(f, (hb_request){ .kind = kind, .entity = HB_ENTITY_NONE, .flags = flags }), HB_OK)) {
        test_check(false, f->err.msg, __FILE__, __LINE__);
        return HB_STR_EMPTY;
    }
    return answer(f)->json;
}

static bool is_ok(hb_str json) { return hb_str_ends(json, HB_STR("\"ok\":true}")); }

/* Named by audit and by a dry run, which changes nothing; then mended, and clean. */
static void check_mended(fixture *f, const char *named, const char *done) {
    CHECK(!is_ok(report(f, HB_CALL_AUDIT, 0)));
    CHECK(contains(answer(f)->json, named));
    CHECK(!is_ok(report(f, HB_CALL_REPAIR, HB_FLAG_DRY_RUN)));
    CHECK(contains(answer(f)->json, named));
    const char *said = hb_arena_printf(&f->arena, "%.*s", HB_ARG(answer(f)->json)).ptr;
    CHECK(!is_ok(report(f, HB_CALL_AUDIT, 0)));
    CHECK(is_ok(report(f, HB_CALL_REPAIR, 0)));
    check_foreseen(said, hb_arena_printf(&f->arena, "%.*s", HB_ARG(answer(f)->json)).ptr);
    if (!contains(answer(f)->json, done)) {
        test_check(false, hb_arena_printf(&f->arena, "%.*s", HB_ARG(answer(f)->json)).ptr, __FILE__, __LINE__);
    }
    CHECK(is_ok(report(f, HB_CALL_AUDIT, 0)));
}

static void whole_workspaces_are_ok(void) {
    fixture f;
    fill(&f);
    CHECK(is_ok(report(&f, HB_CALL_AUDIT, 0)));
    CHECK(contains(answer(&f)->json, "\"storage\":{\"problems\":[],\"unused\":[],\"ok\":true}"));
    CHECK(contains(answer(&f)->json, "\"orphaned\":[],\"different\":[],\"checked\":{\"entities\":"));
    CHECK(is_ok(report(&f, HB_CALL_REPAIR, 0)));
    fixture_close(&f);
}

static void rows_that_a_backend_lacks_are_written(void) {
    fixture f;
    fill(&f);
    remove_behind(&f, SEARCH, "d1");
    check_mended(&f, "\"missing\":[{\"entity\":\"doc\",\"object_id\":\"d1\",\"backend\":\"search\"}]",
                 "\"missing_written\":1");
    fixture_close(&f);
}

static void rows_without_one_in_the_home_are_deleted(void) {
    fixture f;
    fill(&f);
    write_search(&f, "ghost", "boo");
    check_mended(&f, "\"orphaned\":[{\"entity\":\"doc\",\"object_id\":\"ghost\",\"backend\":\"search\"}]",
                 "\"orphaned_deleted\":1");
    remove_behind(&f, MAIN, "d2");
    check_mended(&f, "\"backend\":\"vec\"}", "\"orphaned_deleted\":2");
    CHECK_INT(by_id(&f, HB_CALL_GET, "doc", "d2"), HB_OK);
    CHECK_INT(answer(&f)->batch.row_count, 0);
    fixture_close(&f);
}

static void values_that_differ_become_those_of_the_first_store(void) {
    fixture f;
    fill(&f);
    write_search(&f, "d1", "nothing of the kind");
    check_mended(&f,
                 "\"different\":[{\"entity\":\"doc\",\"object_id\":\"d1\",\"backend\":\"search\",\"fields\":[\"body\"]}]",
                 "\"different_rewritten\":1");
    CHECK_INT(by_id(&f, HB_CALL_GET, "doc", "d1"), HB_OK);
    int body = hb_batch_find(&answer(&f)->batch, HB_STR("body"));
    REQUIRE(body > 0);
    CHECK_STR(hb_column_span(&answer(&f)->batch.columns[body], 0), "agents route");
    fixture_close(&f);
}

static void item_tables_are_made_anew_from_the_rows(void) {
    static const char *const faults[] = {
        "DELETE FROM \"unit/doc/tags\" WHERE slot = 1 AND item = 'b'",
        "INSERT INTO \"unit/doc/tags\" (item, slot, idx) VALUES ('zz', 2, 1)",
        "INSERT INTO \"unit/doc/tags\" (item, slot, idx) VALUES ('zz', 3, 0)",
        "UPDATE \"unit/doc/tags\" SET item = 'c' WHERE slot = 2",
        "INSERT INTO \"unit/doc/tags\" (item, slot, idx) VALUES ('zz', 99, 0)",
    };
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        CASE(faults[i]);
        fixture f;
        fill(&f);
        sql(&f, faults[i]);
        check_mended(&f, "\"field\":\"tags\",\"what\":\"side_table\"", "\"repaired\":true");
        fixture_close(&f);
    }
}

/* The row changes while the file says that there is no index over it. */
static void indexes_are_made_anew_from_the_rows(void) {
    fixture f;
    fill(&f);
    CHECK_INT(query(&f, "doc", "{\"filter\":{\"n\":1}}"), HB_OK);     /* in memory they are made when asked */
    const sqlite_conn *conn = f.ws->instances[MAIN]->state;
    sqlite3_db_config(conn->db, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
    sql(&f, "PRAGMA writable_schema = ON;"
            "CREATE TEMP TABLE kept AS SELECT * FROM sqlite_schema WHERE name = 'unit/doc/n/plain/index';"
            "DELETE FROM sqlite_schema WHERE name = 'unit/doc/n/plain/index';"
            "PRAGMA writable_schema = RESET;"
            "UPDATE \"unit/doc\" SET n = 77 WHERE object_id = 'd1';"
            "PRAGMA writable_schema = ON;"
            "INSERT INTO sqlite_schema SELECT * FROM kept;"
            "PRAGMA writable_schema = RESET");
    check_mended(&f, "\"path\":\"unit/doc\"", "\"repaired\":true");
    fixture_close(&f);
}

static void values_that_are_gone_become_null(void) {
    fixture f;
    fill(&f);
    CHECK_INT(define(&f, "{\"name\":\"Far\",\"fields\":{\"text\":{\"type\":\"long-text\",\"storage\":"
                         "{\"to\":\"main\",\"strategy\":\"external\"}}}}"),
              HB_OK);
    CHECK_INT(upsert(&f, "far", "{\"object_id\":\"a\",\"text\":\"one\"}"), HB_OK);
    CHECK_INT(upsert(&f, "far", "{\"object_id\":\"b\",\"text\":\"two\"}"), HB_OK);
    sql(&f, "DELETE FROM \"unit/far/text\" WHERE value = 'one'");
    check_mended(&f, "\"object_id\":\"a\"", "\"what\":\"external\"");
    CHECK_INT(query(&f, "far", "{}"), HB_OK);
    CHECK_CSTR(lines(&f, "text"), "a|\nb|two\n");
    fixture_close(&f);
}

/* A repair leaves edges, which are the row's own value. */
static void edges_that_lead_nowhere_are_named(void) {
    fixture f;
    fill(&f);
    CHECK_INT(define(&f, "{\"name\":\"Node\",\"fields\":{\"next\":{\"type\":{\"type\":\"hyper-g\",\"fields\":["
                         "{\"name\":\"to\",\"dtype\":{\"type\":\"identifier\",\"target_entity\":\"node\"}}]},"
                         "\"storage\":{\"strategy\":\"graph\"}}}}"),
              HB_OK);
    CHECK_INT(upsert(&f, "node", "{\"object_id\":\"a\"}"), HB_OK);
    CHECK_INT(upsert(&f, "node", "{\"object_id\":\"b\",\"next\":[{\"to\":\"a\"}]}"), HB_OK);
    CHECK(is_ok(report(&f, HB_CALL_AUDIT, 0)));
    sql(&f, "UPDATE \"unit/node/next\" SET item = 'b'");
    check_mended(&f, "\"field\":\"next\",\"what\":\"side_table\"", "\"repaired\":true");
    sql(&f, "DELETE FROM \"unit/node\" WHERE object_id = 'a'");
    CHECK(!is_ok(report(&f, HB_CALL_AUDIT, 0)));
    static const char named[] = "\"edges\":{\"ok\":false,\"dangling\":[{\"entity\":\"node\",\"field\":\"next\","
                                "\"object_id\":\"b\",\"target_entity\":\"node\",\"target\":\"a\"}]}";
    CHECK(contains(answer(&f)->json, named));
    CHECK(!is_ok(report(&f, HB_CALL_REPAIR, 0)));
    CHECK(contains(answer(&f)->json, named));
    fixture_close(&f);
}

/* More sources than are read at once: in order, none twice, with looks in between and in time. */
static void edges_are_looked_at_by_pages(void) {
    static const char *const places[] = { debug_options, "{\"id\":\"unit\",\"backends\":{\"main\":{\"type\":\"inmem\"}}}" };
    for (size_t p = 0; p < 2; p++) {
        CASE(places[p]);
        fixture f;
        fixture_open(&f, places[p]);
        CHECK_INT(define(&f, "{\"name\":\"Node\",\"fields\":{\"next\":{\"type\":{\"type\":\"hyper-g\",\"fields\":["
                             "{\"name\":\"to\",\"dtype\":{\"type\":\"identifier\",\"target_entity\":\"node\"}}]},"
                             "\"storage\":{\"to\":\"main\",\"strategy\":\"graph\"}}}}"), HB_OK);
        enum { ROWS = 2100 };
        hb_span *ids = hb_arena_array(&f.arena, ROWS, sizeof(*ids)), *cells = hb_arena_array(&f.arena, ROWS, sizeof(*cells));
        hb_buf texts, packs;
        hb_buf_init(&texts, hb_mem_default());
        hb_buf_init(&packs, hb_mem_default());
        for (int i = 0; i < ROWS; i++) {
            const uint32_t at = texts.len, cell = packs.len;
            hb_buf_printf(&texts, "n%04d", i);
            ids[i] = (hb_span){ at, texts.len - at };
            hb_pack_array(&packs, 1);
            hb_pack_map(&packs, 1);
            hb_pack_str(&packs, HB_STR("to"));
            hb_pack_str(&packs, i == 0 || i == 1023 || i == 1024 || i == ROWS - 1 ? HB_STR("gone") : HB_STR("n0000"));
            cells[i] = (hb_span){ cell, packs.len - cell };
        }
        hb_column columns[2] = { { HB_STR("object_id"), HB_KIND_TEXT, 0, NULL, ids, (const uint8_t *)texts.ptr, texts.len, NULL },
                                 { HB_STR("next"), HB_KIND_PACK, 0, NULL, cells, (const uint8_t *)packs.ptr, packs.len, NULL } };
        CHECK_INT(upsert(&f, "node", "{\"object_id\":\"gone\"}"), HB_OK);
        CHECK_INT(call(&f, (hb_request){ .kind = HB_CALL_UPSERT, .entity = hb_workspace_entity(f.ws, HB_STR("node")),
                                         .flags = HB_FLAG_OVERWRITE, .batch = { ROWS, 2, columns } }), HB_OK);
        hb_buf_free(&texts);
        hb_buf_free(&packs);
        hb_str gone = HB_STR("gone");
        const hb_ids list = { &gone, 1 };
        const hb_entity *node = f.ws->entities[hb_workspace_entity(f.ws, HB_STR("node"))];
        const hb_fragment fragment = { .kind = HB_FRAG_DELETE, .ids = &list, .limit = HB_NO_LIMIT, .container = node->routing->containers[MAIN] };
        hb_task *task = hb_task_new(f.ws->mem, NULL);
        hb_job *job;
        CHECK_INT(hb_task_start_job(task, f.ws->instances[MAIN], &fragment, &job, &f.err), HB_OK);
        hb_task_free(task);
        report(&f, HB_CALL_AUDIT, 0);
        CHECK(contains(answer(&f)->json, "\"edges\":4}"));
        static const char *const found[] = { "n0000", "n1023", "n1024", "n2099" };
        int64_t at = hb_str_find(answer(&f)->json, HB_STR("\"edges\":{"), 0);
        for (int i = 0; i < 4 && at >= 0; i++) {
            at = hb_str_find(answer(&f)->json, hb_str_c(found[i]), (uint32_t)at);
            if (at < 0) CHECK_CSTR("not found in order", found[i]);
        }
        const hb_request asked = { .kind = HB_CALL_AUDIT, .entity = HB_ENTITY_NONE, .flags = HB_FLAG_PAUSES, .now_ms = 1700000000000 };
        CHECK_INT(hb_workspace_start(f.ws, &asked, &task, &f.err), HB_OK);
        hb_step step = { 0 };
        int looks = 0;
        do {
            CHECK_INT(hb_task_step(task, &step, &f.err), HB_OK);
            const hb_answer *so_far = hb_task_answer(task);
            if (step.kind != HB_STEP_DONE && contains(so_far->json, "{\"part\":\"edges\",\"entity\":\"node\",\"rows\":")) looks++;
        } while (step.kind != HB_STEP_DONE);
        CHECK_INT(looks, 2);
        hb_task_free(task);
        fixture_close(&f);
    }
}

/* The objects of "unique" problems, in order. */
static const char *twins_of(fixture *f) {
    static char text[4096];
    cJSON *root = cJSON_Parse(report(f, HB_CALL_AUDIT, 0).ptr);
    size_t at = 0;
    text[0] = '\0';
    const cJSON *problem;
    cJSON_ArrayForEach(problem, at_path(root, "storage", "problems")) {
        CHECK_CSTR(cJSON_GetStringValue(at_path(problem, "what", NULL)), "unique");
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s.%s ", cJSON_GetStringValue(at_path(problem, "object_id", NULL)),
                               cJSON_GetStringValue(at_path(problem, "field", NULL)));
    }
    cJSON_Delete(root);
    return text;
}

#define CODE "TEXTCOLLBYfGiJUETHQ4h%cKSMd5zYpgqf1YRDhkmxHkhPWptrkoyz28wnI9V0aHeAuaKnak" /* the same MD5 with A and with E */

/* Rows are read by pages of 256: twins stand in one and in several; what has one digest is compared. */
static void rows_with_a_value_of_another_are_named_by_pages(void) {
    enum { ROWS = 600 };
    static const char fields[] = "{\"name\":\"Item\",\"fields\":{\"code\":{\"type\":\"short-text\",\"unique\":%s},"
                                 "\"a\":\"integer\",\"b\":\"short-text\"}%s}";
    fixture f;
    char text[320];
    fixture_open(&f, "{\"id\":\"unit\",\"catalog\":false,\"backends\":{\"main\":{\"type\":\"inmem\"}}}");
    snprintf(text, sizeof(text), fields, "false", "");
    CHECK_INT(define(&f, text), HB_OK);
    for (int i = 0; i < ROWS; i++) {
        char code[96];
        snprintf(code, sizeof(code), "code %d", i == 599 ? 0 : i == 300 ? 299 : i);
        if (i == 10 || i == 510 || i == 520) snprintf(code, sizeof(code), CODE, 'A');
        if (i == 400 || i == 550) snprintf(code, sizeof(code), CODE, 'E');
        /* (a, b) is once more what it was 512 rows ago; ("1", "2x") is not ("12", "x"). */
        snprintf(text, sizeof(text), "{\"object_id\":\"r%03d\",\"code\":\"%s\",\"a\":%d,\"b\":%s}", i, code, i % 100 == 7 ? 7 : i % 512,
                 i % 100 == 7 ? "null" : i == 1 ? "\"1x\"" : i == 2 ? "\"x\"" : "\"y\"");
        CHECK_INT(upsert(&f, "item", text), HB_OK);
    }
    CHECK_INT(upsert(&f, "item", "{\"object_id\":\"z1\"}"), HB_OK);
    CHECK_INT(upsert(&f, "item", "{\"object_id\":\"z2\"}"), HB_OK);
    CHECK_CSTR(twins_of(&f), "");
    snprintf(text, sizeof(text), fields, "true", ",\"constraints\":[{\"fields\":[\"a\",\"b\"]}]");
    CHECK_INT(call(&f, (hb_request){ .kind = HB_CALL_REGISTER, .flags = HB_FLAG_REPLACE, .text = pack_of(&f, text) }), HB_OK);
    char want[4096] = "r300.code r510.code r520.code r550.code r599.code ";
    for (int i = 512; i < ROWS; i++) {
        const bool differs = i % 512 == 1 || i % 512 == 2 || i % 100 == 7 || (i % 512) % 100 == 7;
        if (!differs) snprintf(want + strlen(want), sizeof(want) - strlen(want), "r%03d.a ", i);
    }
    CHECK_CSTR(twins_of(&f), want);
    fixture_close(&f);
}

TEST_SUITE {
    TEST(rows_with_a_value_of_another_are_named_by_pages);
    TEST(whole_workspaces_are_ok);
    TEST(rows_that_a_backend_lacks_are_written);
    TEST(rows_without_one_in_the_home_are_deleted);
    TEST(values_that_differ_become_those_of_the_first_store);
    TEST(item_tables_are_made_anew_from_the_rows);
    TEST(indexes_are_made_anew_from_the_rows);
    TEST(values_that_are_gone_become_null);
    TEST(edges_that_lead_nowhere_are_named);
    TEST(edges_are_looked_at_by_pages);
}
