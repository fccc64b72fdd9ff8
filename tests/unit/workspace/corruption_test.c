// SPDX-License-Identifier: MIT
/* Every kind of single corruption, on every embedded backend and layout: audit names it, a dry run says what the
 * repair then does, the repair brings back what the source of truth holds, a second audit is clean. */
#include "tests/unit/workspace/rehearsal.h"

#include <stdio.h>
#include <stdlib.h>

#include "backends/sqlite/sqlite_priv.h"
#include "tests/unit/support/memory_fs.h"

enum { OWN = 1, PYTHON = 2, FILES = 4, MEMORY = 8, SQLITE = OWN | PYTHON, ANY = 15, JSON = 16 };
enum { MAIN, SIDE };

/* Where the entity lies: all of it on main, `body` on side as well; `far` on side alone. */
typedef struct place {
    const char *name, *main, *side;
    int main_is, side_is;
    const char *suffix, *side_suffix;       /* of row files */
} place;

#define JSON_AT(folder) "{\"type\":\"json\",\"path\":\"" folder "\"}"
#define OWN_DB "{\"type\":\"sqlite\",\"database\":\":memory:\"}"
static const place places[] = {
    { "inmem + sqlite", "{\"type\":\"inmem\"}", OWN_DB, MEMORY, OWN, "", "" },
    { "sqlite + json", OWN_DB, JSON_AT("side"), OWN, FILES | JSON, "", ".json" },
    { "python's sqlite + sqlite", "{\"type\":\"sqlite\",\"database\":\":memory:\",\"layout\":\"python\"}", OWN_DB, PYTHON, OWN,
      "", "" },
    { "json + pickle", JSON_AT("main"), "{\"type\":\"pickle\",\"path\":\"side\"}", FILES | JSON, FILES, ".json", ".pkl" },
    { "pickle + sqlite", "{\"type\":\"pickle\",\"path\":\"main\"}", OWN_DB, FILES, OWN, ".pkl", "" },
    { "file + json", "{\"type\":\"file\",\"fmt\":\"json\",\"path\":\"main\"}", JSON_AT("side"), FILES | JSON, FILES | JSON,
      ".json", ".json" },
};

static const char definition[] =
    "{\"name\":\"Doc\",\"fields\":{"
    "\"name\":{\"type\":\"short-text\",\"stores\":[{\"to\":\"main\"}]},"
    "\"n\":{\"type\":\"integer\",\"index\":true,\"stores\":[{\"to\":\"main\"}]},"
    "\"u\":{\"type\":\"integer\",\"unique\":true,\"stores\":[{\"to\":\"main\"}]},"
    "\"tags\":{\"type\":\"array[short-text]\",\"stores\":[{\"to\":\"main\",\"strategy\":\"sparse-gram\"}]},"
    "\"list\":{\"type\":\"array[integer]\",\"stores\":[{\"to\":\"main\",\"strategy\":\"side\"}]},"
    "\"body\":{\"type\":\"long-text\",\"stores\":[{\"to\":\"main\",\"strategy\":\"external\"},{\"to\":\"side\"}]},"
    "\"meta\":{\"type\":\"json\",\"stores\":[{\"to\":\"main\"},{\"to\":\"side\"}]},"
    "\"v\":{\"type\":\"vector[2]\",\"stores\":[{\"to\":\"main\"}]},"
    "\"far\":{\"type\":\"short-text\",\"stores\":[{\"to\":\"side\"}]}}}";

static memory_fs files;
static fixture f;

static void sql(int backend, const char *text) {
    const sqlite_conn *conn = f.ws->instances[backend]->state;
    sqlite3_db_config(conn->db, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
    if (sqlite3_exec(conn->db, text, NULL, NULL, NULL) != SQLITE_OK) {
        test_check(false, sqlite3_errmsg(conn->db), __FILE__, __LINE__);
    }
}

/* ---- corruptions ----------------------------------------------------------------------------- */

static void behind(uint32_t backend, hb_fragment fragment) {
    const hb_entity *doc = f.ws->entities[hb_workspace_entity(f.ws, HB_STR("doc"))];
    fragment.container = doc->routing->containers[backend];
    fragment.limit = HB_NO_LIMIT;
    hb_task *task = hb_task_new(f.ws->mem, NULL);
    hb_job *job;
    CHECK_INT(hb_task_start_job(task, f.ws->instances[backend], &fragment, &job, &f.err), HB_OK);
    hb_task_free(task);
}

static void remove_behind(uint32_t backend, const char *id) {
    hb_str text = hb_str_c(id);
    hb_ids ids = { &text, 1 };
    behind(backend, (hb_fragment){ .kind = HB_FRAG_DELETE, .ids = &ids });
}

/* Side holds object_id, body, meta, far. */
static void write_side(const char *id, const char *body) {
    const hb_entity *doc = f.ws->entities[hb_workspace_entity(f.ws, HB_STR("doc"))];
    const hb_container *container = doc->routing->containers[SIDE];
    hb_span spans[4];
    hb_column columns[4];
    REQUIRE(container->field_count == 4);
    for (int i = 0; i < 4; i++) {
        const hb_field *field = &doc->schema->fields[container->fields[i].field];
        hb_str text = hb_str_c(i == 0 ? id : hb_str_eq(field->name, HB_STR("body")) ? body : "far a");
        if (field->kind == HB_KIND_PACK) text = (hb_str){ "\x81\xa1k\x91\x00", 5 };
        spans[i] = (hb_span){ 0, text.len };
        columns[i] = (hb_column){ field->name, field->kind, 0, NULL, &spans[i], (const uint8_t *)text.ptr, text.len, NULL };
    }
    hb_batch batch = { 1, 4, columns };
    behind(SIDE, (hb_fragment){ .kind = HB_FRAG_WRITE, .batch = &batch });
}

static void row_missing(const place *p) { (void)p; remove_behind(SIDE, "a"); }
static void row_different(const place *p) { (void)p; write_side("a", "nothing of the kind"); }
static void row_orphaned(const place *p) { (void)p; write_side("ghost", "boo"); }

static void catalog_missing(const place *p) {
    (void)p;
    CHECK_INT(by_id(&f, HB_CALL_DELETE, "sys-catalog", "catalog:doc:a"), HB_OK);
}
static void catalog_changed(const place *p) {
    (void)p;
    CHECK_INT(write_row(&f, HB_CALL_SET, "sys-catalog", "{\"object_id\":\"catalog:doc:a\",\"name\":\"wrong\"}", 0), HB_OK);
}
static void catalog_extra(const place *p) {
    (void)p;
    CHECK_INT(upsert(&f, "sys-catalog", "{\"object_id\":\"catalog:doc:zz\",\"name\":\"ghost\",\"target_id\":\"zz\","
                                        "\"target_entity\":\"doc\"}"), HB_OK);
}

static void item_missing(const place *p) { (void)p; sql(MAIN, "DELETE FROM \"unit/doc/tags\" WHERE slot = 1 AND item = 'x y'"); }
static void item_extra(const place *p) { (void)p; sql(MAIN, "INSERT INTO \"unit/doc/tags\" (item, slot, idx) VALUES ('zz', 2, 5)"); }
static void item_changed(const place *p) { (void)p; sql(MAIN, "UPDATE \"unit/doc/tags\" SET item = 'c' WHERE slot = 1 AND idx = 0"); }
static void item_stray(const place *p) { (void)p; sql(MAIN, "INSERT INTO \"unit/doc/tags\" (item, slot, idx) VALUES ('zz', 99, 0)"); }

/* The row changes while the file says that there is no index over it. */
static void index_changed(const place *p) {
    static const char how[] =
        "PRAGMA writable_schema = ON;"
        "CREATE TEMP TABLE kept AS SELECT * FROM main.sqlite_schema WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = '%s';"
        "DELETE FROM main.sqlite_schema WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = '%s';"
        "PRAGMA writable_schema = RESET; UPDATE main.\"%s\" SET n = n + 70 WHERE object_id = 'a'; PRAGMA writable_schema = ON;"
        "INSERT INTO main.sqlite_schema SELECT * FROM kept; PRAGMA writable_schema = RESET; DROP TABLE kept";
    const char *table = p->main_is == PYTHON ? "doc" : "unit/doc";
    char text[900];
    snprintf(text, sizeof(text), how, table, table, table);
    sql(MAIN, text);
}

/* Of the entity's table, over its field n or, unique, over u. */
static void drop_index(const place *p, bool unique) {
    const sqlite_conn *conn = f.ws->instances[MAIN]->state;
    char text[300], name[200] = "";
    sqlite3_stmt *stmt;
    snprintf(text, sizeof(text), "SELECT name FROM main.sqlite_schema WHERE type = 'index' AND tbl_name = '%s' AND sql LIKE '%s%%'",
             p->main_is == PYTHON ? "doc" : "unit/doc", unique ? "CREATE UNIQUE" : "CREATE INDEX");
    CHECK_INT(sqlite3_prepare_v2(conn->db, text, -1, &stmt, NULL), SQLITE_OK);
    if (sqlite3_step(stmt) == SQLITE_ROW) snprintf(name, sizeof(name), "%s", (const char *)sqlite3_column_text(stmt, 0));
    sqlite3_finalize(stmt);
    snprintf(text, sizeof(text), "DROP INDEX main.\"%s\"", name);
    sql(MAIN, text);
}
static void index_gone(const place *p) { drop_index(p, false); }
static void unique_gone(const place *p) { drop_index(p, true); }

static void cell_set(const place *p, const char *what) {
    char text[200];
    snprintf(text, sizeof(text), "PRAGMA ignore_check_constraints = 1; UPDATE \"%s\" SET %s WHERE object_id = 'a'; PRAGMA ignore_check_constraints = 0",
             p->main_is == PYTHON ? "doc" : "unit/doc", what);
    sql(MAIN, text);
}
static void json_broken(const place *p) { cell_set(p, p->main_is == PYTHON ? "tags = '[\"x'" : "tags = '{', list = 'no'"); }
static void json_copy_broken(const place *p) { cell_set(p, "meta = '{\"k\": '"); }
static void vector_broken(const place *p) { cell_set(p, p->main_is == PYTHON ? "v = '[1'" : "v = x'0102'"); }
static void vector_short(const place *p) { cell_set(p, p->main_is == PYTHON ? "v = '[1]'" : "v = x'00000000'"); }
static void number_is_text(const place *p) { cell_set(p, "n = 'many'"); }

static void keyword_missing(const place *p) { (void)p; sql(MAIN, "DELETE FROM hb_gram_keywords WHERE object_id = 'a' AND ordinal = 0"); }
static void keyword_changed(const place *p) { (void)p; sql(MAIN, "UPDATE hb_gram_keywords SET keyword_norm = 'q' WHERE object_id = 'a'"); }
static void keyword_extra(const place *p) {
    (void)p;
    sql(MAIN, "INSERT INTO hb_gram_keywords SELECT ns, 'zz', entity_id, field_name, 'zz', ordinal, keyword, keyword_norm,"
              " keyword_len, normalizer, full_mask, part_count FROM hb_gram_keywords LIMIT 1");
}
static void posting_missing(const place *p) {
    (void)p;
    sql(MAIN, "DELETE FROM hb_gram_postings WHERE _id = (SELECT min(_id) FROM hb_gram_postings)");
}
static void posting_extra(const place *p) {
    (void)p;
    sql(MAIN, "INSERT INTO hb_gram_postings SELECT 'zz', ns, entity_id, field_name, 'zz', 'zz', mask_bit FROM hb_gram_postings LIMIT 1");
}
static void side_stray(const place *p) {
    (void)p;
    sql(MAIN, "INSERT INTO doc_list (_id, object_id, idx, item) VALUES ('zz', 'zz', 0, 5)");
}
static void side_key(const place *p) { (void)p; sql(MAIN, "UPDATE doc_list SET _id = 'zz' WHERE object_id = 'a' AND idx = 0"); }
static void side_gap(const place *p) { (void)p; sql(MAIN, "UPDATE doc_list SET idx = 7 WHERE object_id = 'a' AND idx = 1"); }

/* The value of row a, which is the longest. */
static const char *value_path(void) {
    static char path[200];
    for (uint32_t n = 0; n < memory_fs_count(&files, "main/unit/.heavenbase/values"); n++) {
        snprintf(path, sizeof(path), "%s", memory_fs_path(&files, "main/unit/.heavenbase/values", n));
        if (memory_fs_bytes(&files, path).len == 2000) return path;
    }
    test_check(false, "no such value", __FILE__, __LINE__);
    return path;
}

static void value_gone(const place *p) {
    if ((p->main_is & FILES) != 0) {
        memory_fs_drop(&files, value_path());
    } else {
        sql(MAIN, "DELETE FROM \"unit/doc/body\" WHERE length(value) = 2000");
    }
}
static void value_changed(const place *p) {
    if ((p->main_is & FILES) != 0) {
        memory_fs_put(&files, value_path(), HB_STR("aaa cut"));
    } else {
        sql(MAIN, "UPDATE \"unit/doc/body\" SET value = 'aaa cut' WHERE length(value) = 2000");
    }
}
static void value_extra(const place *p) {
    if ((p->main_is & FILES) != 0) {
        char path[120];
        snprintf(path, sizeof(path), "main/unit/.heavenbase/values/doc%s/0123456789abcdef0123456789abcdef", p->suffix);
        memory_fs_put(&files, path, HB_STR("nobody's"));
    } else {
        sql(MAIN, "INSERT INTO \"unit/doc/body\" (hash, value) VALUES ('0123456789abcdef0123456789abcdef', 'x')");
    }
}

static const char *row_path(const place *p, uint32_t backend, const char *id) {
    static char path[2][80];
    static int turn;
    turn = 1 - turn;
    const bool main = backend == MAIN;
    snprintf(path[turn], sizeof(path[0]), "%s/unit/doc/%s%s", main ? "main" : "side", id, main ? p->suffix : p->side_suffix);
    return path[turn];
}
static void move(const char *from, const char *to) {
    hb_str bytes = memory_fs_bytes(&files, from);
    char *copy = malloc(bytes.len);
    memcpy(copy, bytes.ptr, bytes.len);
    memory_fs_put(&files, to, hb_str_n(copy, bytes.len));
    memory_fs_drop(&files, from);
    free(copy);
}
static void refresh(void) {
    CHECK_INT(call(&f, (hb_request){ .kind = HB_CALL_REFRESH, .entity = HB_ENTITY_NONE }), HB_OK);
}

static void side_file_cut(const place *p) { memory_fs_put(&files, row_path(p, SIDE, "a"), HB_STR("{\"bo")); refresh(); }
static void side_file_gone(const place *p) { memory_fs_drop(&files, row_path(p, SIDE, "a")); refresh(); }
static void side_file_renamed(const place *p) { move(row_path(p, SIDE, "a"), row_path(p, SIDE, "zz")); refresh(); }
static void main_file_renamed(const place *p) { move(row_path(p, MAIN, "a"), row_path(p, MAIN, "zz")); refresh(); }
/* Puts a value in the place of another in the file of row "a". */
static void rewrite(const place *p, uint32_t backend, const char *key, const char *value) {
    const char *path = row_path(p, backend, "a");
    const hb_str bytes = memory_fs_bytes(&files, path);
    const hb_str name = hb_arena_printf(&f.arena, "\"%s\": ", key);
    const int64_t at = hb_str_find(bytes, name, 0);
    if (!CHECK(at > 0)) return;
    const int64_t end = hb_str_find(bytes, HB_STR("\n"), (uint32_t)at);
    const hb_str head = hb_str_sub(bytes, 0, (uint32_t)at + name.len);
    const hb_str tail = hb_str_sub(bytes, (uint32_t)end, bytes.len - (uint32_t)end);
    memory_fs_put(&files, path, hb_arena_printf(&f.arena, "%.*s%s%s%.*s", HB_ARG(head), value, tail.len > 3 ? "," : "", HB_ARG(tail)));
    refresh();
}
static void main_value_unfit(const place *p) { rewrite(p, MAIN, "name", "[\"x\"]"); rewrite(p, MAIN, "n", "\"none\""); }
static void main_copy_unfit(const place *p) { rewrite(p, MAIN, "body", "{\"k\": 1}"); }
static void side_value_unfit(const place *p) { rewrite(p, SIDE, "far", "true"); }
static void side_copy_unfit(const place *p) { rewrite(p, SIDE, "body", "[]"); }
static void both_unfit(const place *p) { main_copy_unfit(p); side_copy_unfit(p); }
static void side_file_is_folder(const place *p) {
    char path[100];
    snprintf(path, sizeof(path), "%s/x", row_path(p, SIDE, "a"));
    memory_fs_drop(&files, row_path(p, SIDE, "a"));
    memory_fs_put(&files, path, HB_STR("?"));
    refresh();
}
/* A second file for row a, under a name that stands for it without being its own. */
static void main_file_twice(const place *p) {
    hb_str bytes = memory_fs_bytes(&files, row_path(p, MAIN, "b"));
    char *copy = malloc(bytes.len);
    memcpy(copy, bytes.ptr, bytes.len);
    memory_fs_put(&files, row_path(p, MAIN, "%62"), hb_str_n(copy, bytes.len));
    free(copy);
    refresh();
}

/* `named`: what audit says. `fine`: it is no fault, but a repair cleans it up. */
typedef struct corruption {
    const char *name;
    int main_is, side_is;
    void (*inject)(const place *p);
    const char *named;
    bool fine;
    bool rows_change;           /* the truth was changed, or what no other store holds is lost */
} corruption;

static const corruption corruptions[] = {
    { "row missing in the replica", ANY, ANY, row_missing, "\"missing\":[{\"entity\":\"doc\",\"object_id\":\"a\",\"backend\":\"side\"}]", false, true },
    { "replica differs", ANY, ANY, row_different,
      "\"different\":[{\"entity\":\"doc\",\"object_id\":\"a\",\"backend\":\"side\",\"fields\":[\"body\"]}]", false, false },
    { "orphan in the replica", ANY, ANY, row_orphaned, "\"orphaned\":[{\"entity\":\"doc\",\"object_id\":\"ghost\",\"backend\":\"side\"}]", false, false },
    { "Catalog row missing", ANY, ANY, catalog_missing, "\"missing\":[{\"expected\":{\"object_id\":\"catalog:doc:a\"", false, false },
    { "Catalog row changed", ANY, ANY, catalog_changed, "\"fields\":[\"name\"]", false, false },
    { "Catalog row extra", ANY, ANY, catalog_extra, "\"dangling\":[{\"catalog\":{\"object_id\":\"catalog:doc:zz\"", false, false },
    { "item missing", OWN, ANY, item_missing, "\"field\":\"tags\",\"what\":\"side_table\"", false, false },
    { "item extra", OWN, ANY, item_extra, "\"field\":\"tags\",\"what\":\"side_table\"", false, false },
    { "item changed", OWN, ANY, item_changed, "\"field\":\"tags\",\"what\":\"side_table\"", false, false },
    { "item of no row", OWN, ANY, item_stray, "\"field\":\"tags\",\"what\":\"side_table\"", false, false },
    { "index behind its row", SQLITE, ANY, index_changed, "\"what\":\"table\"", false, true },
    { "index gone", SQLITE, ANY, index_gone, "\"what\":\"index\"", false, false },
    { "unique index gone", SQLITE, ANY, unique_gone, "\"what\":\"index\"", false, false },
    { "JSON that is none", SQLITE, ANY, json_broken, "\"field\":\"tags\",\"what\":\"value\"", false, true },
    { "JSON that is none in the first store", SQLITE, ANY, json_copy_broken, "\"field\":\"meta\",\"what\":\"value\"", false, false },
    { "vector that is none", SQLITE, ANY, vector_broken, "\"field\":\"v\",\"what\":\"value\"", false, true },
    { "vector of another length", SQLITE, ANY, vector_short, "\"field\":\"v\",\"what\":\"value\"", false, true },
    { "text among numbers", PYTHON, ANY, number_is_text, "\"field\":\"n\",\"what\":\"value\"", false, true },
    { "keyword missing", PYTHON, ANY, keyword_missing, "\"object_id\":\"a\",\"reason\":\"the keywords kept", false, false },
    { "keyword changed", PYTHON, ANY, keyword_changed, "\"field\":\"tags\",\"what\":\"index\"", false, false },
    { "keyword extra", PYTHON, ANY, keyword_extra, "\"object_id\":\"zz\",\"reason\":\"the keywords kept", false, false },
    { "posting missing", PYTHON, ANY, posting_missing, "\"field\":\"tags\",\"what\":\"index\"", false, false },
    { "posting extra", PYTHON, ANY, posting_extra, "\"field\":\"tags\",\"what\":\"index\"", false, false },
    { "side row of no row", PYTHON, ANY, side_stray, "\"object_id\":\"zz\",\"reason\":\"items are kept", false, false },
    { "side row with a wrong key", PYTHON, ANY, side_key, "\"reason\":\"an item is kept under a wrong key\"", false, false },
    { "side rows with a gap", PYTHON, ANY, side_gap, "\"reason\":\"the items of the row are not numbered", false, true },
    { "value outside gone", OWN | FILES, ANY, value_gone, "\"field\":\"body\",\"what\":\"external\"", false, false },
    { "value outside changed", OWN | FILES, ANY, value_changed, "outside the row was changed\"", false, false },
    { "value outside extra", OWN | FILES, ANY, value_extra, "\"values\":1,\"deleted\":false", true, false },
    { "replica's file cut off", ANY, FILES, side_file_cut, "\"path\":\"side/unit/doc/a.", false, true },
    { "replica's file gone", ANY, FILES, side_file_gone, "\"missing\":[{\"entity\":\"doc\",\"object_id\":\"a\",\"backend\":\"side\"}]", false, true },
    { "replica's file renamed", ANY, FILES, side_file_renamed, "\"belongs\":\"side/unit/doc/a.", false, false },
    { "replica's file a folder", ANY, FILES, side_file_is_folder, "\"path\":\"side/unit/doc/a.", false, true },
    { "row's file renamed", FILES, ANY, main_file_renamed, "\"belongs\":\"main/unit/doc/a.", false, false },
    { "value of another type", JSON, ANY, main_value_unfit, "\"field\":\"name\",\"what\":\"value\"", false, true },
    { "value of another type in the first store", JSON, ANY, main_copy_unfit, "\"field\":\"body\",\"what\":\"value\"", false, false },
    { "replica's only value of another type", ANY, JSON, side_value_unfit, "\"field\":\"far\",\"what\":\"value\"", false, true },
    { "replica's value of another type", ANY, JSON, side_copy_unfit, "\"field\":\"body\",\"what\":\"value\"", false, false },
    { "value of another type in both stores", JSON, JSON, both_unfit, "\"field\":\"body\",\"what\":\"value\"", false, true },
    { "row in two files", FILES, ANY, main_file_twice, "another file, with the row's own name, holds the same row", false, false },
};

/* ---- the check --------------------------------------------------------------------------------- */

static void start(const place *p) {
    memory_fs_init(&files);
    memset(&f, 0, sizeof(f));
    hb_arena_init(&f.arena, hb_mem_default());
    const hb_host host = { .mem = hb_mem_default(), .fs = &files.fs };
    char options[400], row[2400], body[2001];
    snprintf(options, sizeof(options), "{\"id\":\"unit\",\"backends\":{\"main\":%s,\"side\":%s}}", p->main, p->side);
    hb_status status = hb_workspace_open_on(hb_str_c(options), &host, &f.ws, &f.err);
    if (!CHECK_INT(status, HB_OK)) test_check(false, f.err.msg, __FILE__, __LINE__);
    status = define(&f, definition);
    if (!CHECK_INT(status, HB_OK)) test_check(false, f.err.msg, __FILE__, __LINE__);
    for (int i = 0; i < 3; i++) {
        size_t len = 2000 - 300 * (size_t)i;
        memset(body, 'a' + i, len);
        body[len] = '\0';
        snprintf(row, sizeof(row), "{\"object_id\":\"%c\",\"name\":\"Row %d\",\"n\":%d,\"u\":%d,\"tags\":[\"x y\",\"tag %d\"],\"list\":[%d,5,6],"
                                   "\"body\":\"%s\",\"meta\":{\"k\":[%d]},\"v\":[%d,1],\"far\":\"far %c\"}", 'a' + i, i, i, i, i, i, body, i, i, 'a' + i);
        status = upsert(&f, "doc", row);
        if (!CHECK_INT(status, HB_OK)) test_check(false, f.err.msg, __FILE__, __LINE__);
    }
    /* In memory an index is made when it is asked. */
    CHECK_INT(query(&f, "doc", "{\"filter\":{\"n\":1}}"), HB_OK);
}

static void stop(void) {
    fixture_close(&f);
    memory_fs_free(&files);
}

static hb_str report(hb_call_kind kind, uint32_t flags) {
    hb_status status = call(&f, (hb_request){ .kind = kind, .entity = HB_ENTITY_NONE, .flags = flags });
    if (!CHECK_INT(status, HB_OK)) {
        test_check(false, f.err.msg, __FILE__, __LINE__);
        return HB_STR_EMPTY;
    }
    return hb_arena_printf(&f.arena, "%.*s", HB_ARG(answer(&f)->json)); /* ended by a zero */
}

static void show(hb_str json) {
    test_check(false, hb_arena_printf(&f.arena, "%.*s", HB_ARG(json)).ptr, __FILE__, __LINE__);
}

static bool is_ok(hb_str json) { return hb_str_ends(json, HB_STR("\"ok\":true}")); }

/* What was counted, and done about it. */
static hb_str totals(hb_str json) {
    int64_t at = hb_str_find(json, HB_STR("\"totals\":"), 0);
    int64_t end = hb_str_find(json, HB_STR(",\"ok\":"), at < 0 ? 0 : (uint32_t)at);
    return at < 0 || end < 0 ? HB_STR_EMPTY : hb_str_sub(json, (uint32_t)at, (uint32_t)(end - at));
}

/* Every cell of every row. */
static hb_str rows(void) {
    hb_status status = query(&f, "doc", "{}");
    if (!CHECK_INT(status, HB_OK)) {
        test_check(false, f.err.msg, __FILE__, __LINE__);
        return HB_STR_EMPTY;
    }
    const hb_batch *batch = &answer(&f)->batch;
    hb_buf out;
    hb_buf_init(&out, hb_mem_default());
    for (uint32_t row = 0; row < batch->row_count; row++) {
        for (uint32_t c = 0; c < batch->column_count; c++) {
            hb_value value = hb_column_get(&batch->columns[c], row);
            hb_pack_value(&out, &value);
        }
    }
    hb_str copy = hb_arena_str(&f.arena, hb_buf_str(&out));
    hb_buf_free(&out);
    return copy;
}

static void corrupt_and_mend(const place *p, const corruption *c) {
    start(p);
    const hb_str before = rows();
    CHECK(is_ok(report(HB_CALL_AUDIT, 0)));
    c->inject(p);
    const hb_str named = report(HB_CALL_AUDIT, 0);
    CHECK(is_ok(named) == c->fine);
    if (hb_str_find(named, hb_str_c(c->named), 0) < 0) show(named);
    const hb_str said = report(HB_CALL_REPAIR, HB_FLAG_DRY_RUN);
    CHECK(is_ok(said) == c->fine);
    CHECK(hb_str_eq(report(HB_CALL_AUDIT, 0), named));      /* nothing was done */
    const hb_str did = report(HB_CALL_REPAIR, 0);
    if (!is_ok(did)) show(did);
    CHECK(hb_str_find(totals(did), HB_STR("\"actions\":{"), 0) > 0);
    check_foreseen(said.ptr, did.ptr);
    const hb_str after = report(HB_CALL_AUDIT, 0);
    if (!is_ok(after)) show(after);
    if (!c->rows_change) {
        const hb_str now = rows();
        CHECK_BYTES(now.ptr, now.len, before.ptr, before.len);
    }
    stop();
}

static void every_corruption_is_named_and_mended(void) {
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        for (size_t k = 0; k < sizeof(corruptions) / sizeof(corruptions[0]); k++) {
            const place *p = &places[i];
            const corruption *c = &corruptions[k];
            if ((c->main_is & p->main_is) == 0 || (c->side_is & p->side_is) == 0) continue;
            char label[120];
            snprintf(label, sizeof(label), "%s: %s", p->name, c->name);
            CASE(label);
            corrupt_and_mend(p, c);
        }
    }
}

/* Nobody can tell which of the rows is wrong: they are named, and can be read and put right. */
static void rows_that_break_a_constraint_are_named_until_they_are_put_right(void) {
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        const place *p = &places[i];
        if ((p->main_is & SQLITE) == 0) continue;
        CASE(p->name);
        start(p);
        drop_index(p, true);
        sql(MAIN, p->main_is == PYTHON ? "UPDATE main.doc SET u = 0 WHERE object_id = 'b'"
                                       : "UPDATE \"unit/doc\" SET u = 0 WHERE object_id = 'b'");
        const hb_str named = report(HB_CALL_AUDIT, 0);
        if (is_ok(named) || hb_str_find(named, HB_STR("\"what\":\"unique\""), 0) < 0) show(named);
        const hb_str said = report(HB_CALL_REPAIR, HB_FLAG_DRY_RUN);
        const hb_str did = report(HB_CALL_REPAIR, 0);
        if (is_ok(did) || !hb_str_eq(totals(said), totals(did))) show(did);
        CHECK_INT(query(&f, "doc", "{\"filter\":{\"u\":0}}"), HB_OK);
        CHECK_INT(answer(&f)->batch.row_count, 2);
        CHECK_INT(write_row(&f, HB_CALL_SET, "doc", "{\"object_id\":\"b\",\"u\":1}", 0), HB_OK);
        const hb_str mended = report(HB_CALL_REPAIR, 0);
        if (!is_ok(mended)) show(mended);
        CHECK(is_ok(report(HB_CALL_AUDIT, 0)));
        CHECK_INT(write_row(&f, HB_CALL_SET, "doc", "{\"object_id\":\"b\",\"u\":0}", 0), HB_E_UNIQUE);
        stop();
    }
}

/* The same where no engine looks: the workspace does, and audit after it. */
static void constraints_of_other_engines_are_looked_at_too(void) {
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        const place *p = &places[i];
        if ((p->main_is & SQLITE) != 0) continue;
        CASE(p->name);
        start(p);
        const hb_schema *schema = f.ws->entities[hb_workspace_entity(f.ws, HB_STR("doc"))]->schema;
        hb_field *u = (hb_field *)(uintptr_t)&schema->fields[hb_schema_find(schema, HB_STR("u"))];
        u->unique = false;
        CHECK_INT(write_row(&f, HB_CALL_SET, "doc", "{\"object_id\":\"b\",\"u\":0}", 0), HB_OK);
        u->unique = true;
        const hb_str named = report(HB_CALL_AUDIT, 0);
        if (is_ok(named) || hb_str_find(named, HB_STR("\"object_id\":\"b\",\"reason\":\"another row holds the same value"), 0) < 0) show(named);
        const hb_str said = report(HB_CALL_REPAIR, HB_FLAG_DRY_RUN);
        const hb_str did = report(HB_CALL_REPAIR, 0);
        if (is_ok(did) || !hb_str_eq(totals(said), totals(did))) show(did);
        CHECK_INT(write_row(&f, HB_CALL_SET, "doc", "{\"object_id\":\"b\",\"u\":1}", 0), HB_OK);
        CHECK(is_ok(report(HB_CALL_AUDIT, 0)));
        CHECK_INT(write_row(&f, HB_CALL_SET, "doc", "{\"object_id\":\"b\",\"u\":0}", 0), HB_E_UNIQUE);
        stop();
    }
}

/* ---- edges ------------------------------------------------------------------------------------ */

static const char node_definition[] =
    "{\"name\":\"Node\",\"fields\":{\"label\":{\"type\":\"short-text\",\"stores\":[{\"to\":\"main\"},{\"to\":\"side\"}]},"
    "\"next\":{\"type\":{\"type\":\"hyper-g\",\"fields\":[{\"name\":\"to\",\"dtype\":{\"type\":\"identifier\",\"target_entity\":\"node\"}}]},"
    "\"stores\":[{\"to\":\"main\",\"strategy\":\"graph\"}]}}}";
static const char dangling[] = "\"dangling\":[{\"entity\":\"node\",\"field\":\"next\",\"object_id\":\"b\",\"target_entity\":\"node\",\"target\":\"a\"}]";

static void start_nodes(const place *p) {
    start(p);
    if (!CHECK_INT(define(&f, node_definition), HB_OK)) test_check(false, f.err.msg, __FILE__, __LINE__);
    CHECK_INT(upsert(&f, "node", "{\"object_id\":\"a\",\"label\":\"A\"}"), HB_OK);
    CHECK_INT(upsert(&f, "node", "{\"object_id\":\"b\",\"label\":\"B\",\"next\":[{\"to\":\"a\"}]}"), HB_OK);
    CHECK(is_ok(report(HB_CALL_AUDIT, 0)));
}

static void remove_node(uint32_t backend, const char *id) {
    hb_str text = hb_str_c(id);
    hb_ids ids = { &text, 1 };
    const hb_entity *node = f.ws->entities[hb_workspace_entity(f.ws, HB_STR("node"))];
    const hb_fragment fragment = { .kind = HB_FRAG_DELETE, .ids = &ids, .limit = HB_NO_LIMIT, .container = node->routing->containers[backend] };
    hb_task *task = hb_task_new(f.ws->mem, NULL);
    hb_job *job;
    CHECK_INT(hb_task_start_job(task, f.ws->instances[backend], &fragment, &job, &f.err), HB_OK);
    hb_task_free(task);
}

/* Says, does, and is clean unless an edge is left that leads nowhere. */
static void mend_nodes(const char *named, bool clean) {
    const hb_str found = report(HB_CALL_AUDIT, 0);
    if (is_ok(found) || hb_str_find(found, hb_str_c(named), 0) < 0) show(found);
    const hb_str said = report(HB_CALL_REPAIR, HB_FLAG_DRY_RUN);
    const hb_str did = report(HB_CALL_REPAIR, 0);
    if (is_ok(did) != clean || !hb_str_eq(totals(said), totals(did))) show(did);
    const hb_str after = report(HB_CALL_AUDIT, 0);
    if (is_ok(after) != clean || (!clean && hb_str_find(after, hb_str_c(dangling), 0) < 0)) show(after);
}

static void rows_of_edges_that_one_side_lost(void) {
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        const place *p = &places[i];
        if (p->main_is == PYTHON) continue;     /* no edges there */
        CASE(p->name);
        start_nodes(p);
        remove_node(SIDE, "b");                 /* the edge's row, in a replica */
        mend_nodes("\"missing\":[{\"entity\":\"node\",\"object_id\":\"b\",\"backend\":\"side\"}]", true);
        remove_node(SIDE, "a");                 /* the row that it leads to */
        mend_nodes("\"missing\":[{\"entity\":\"node\",\"object_id\":\"a\",\"backend\":\"side\"}]", true);
        remove_node(MAIN, "a");                 /* at home: the edge leads nowhere, and stays */
        mend_nodes(dangling, false);
        CHECK_INT(upsert(&f, "node", "{\"object_id\":\"a\",\"label\":\"A again\"}"), HB_OK);
        CHECK(is_ok(report(HB_CALL_AUDIT, 0)));
        remove_node(MAIN, "b");                 /* the edge goes with its row */
        mend_nodes("\"orphaned\":[{\"entity\":\"node\",\"object_id\":\"b\",\"backend\":\"side\"}]", true);
        CHECK_INT(query(&f, "node", "{}"), HB_OK);
        CHECK_CSTR(lines(&f, "label"), "a|A again\n");
        stop();
    }
}

TEST_SUITE {
    TEST(constraints_of_other_engines_are_looked_at_too);
    TEST(rows_of_edges_that_one_side_lost);
    TEST(rows_that_break_a_constraint_are_named_until_they_are_put_right);
    TEST(every_corruption_is_named_and_mended);
}
