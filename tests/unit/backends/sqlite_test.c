// SPDX-License-Identifier: MIT
/* The sqlite backend: files keep rows, workspaces do not meet, a rollback leaves nothing, entities
 * change, constraints hold, and errors are told apart. */
#include "backends/sqlite/sqlite_priv.h"
#include "tests/unit/backends/sqlite_env.h"

static void rows_come_back_in_the_order_of_the_ids(void) {
    env e;
    REQUIRE(env_open(&e, "w", NULL, definition_text) == HB_OK);
    row rows[3] = { simple_row(&e, HB_STR("a"), 1), simple_row(&e, HB_STR("b"), 2),
                    simple_row(&e, HB_STR("c"), 3) };
    CHECK_INT(write_rows(&e, rows, 3), HB_OK);
    hb_str ids[] = { HB_STR("c"), HB_STR("no such"), HB_STR("a") };
    hb_ids list = { ids, 3 };
    uint32_t columns[] = { field_of(&e, "n") };
    hb_fragment fragment = {
        .kind = HB_FRAG_FETCH, .ids = &list, .columns = columns, .column_count = 1
    };
    hb_job job;
    CHECK_INT(run(&e, &fragment, &job), HB_OK);
    hb_batch out = hb_rowset_batch(&job.out);
    CHECK_INT(out.row_count, 2);
    CHECK_STR(hb_column_span(&out.columns[0], 0), "c");
    CHECK_INT(hb_column_get(&out.columns[1], 1).as.i, 1);
    hb_rowset_free(&job.out);

    hb_str wanted[] = { HB_STR("b"), HB_STR("c"), HB_STR("d") };
    hb_ids candidates = { wanted, 3 };
    hb_fragment scan = { .kind = HB_FRAG_SCAN, .candidates = &candidates, .limit = 1, .offset = 1 };
    CHECK_INT(run(&e, &scan, &job), HB_OK);
    out = hb_rowset_batch(&job.out);
    CHECK_INT(out.row_count, 1);
    CHECK_STR(hb_column_span(&out.columns[0], 0), "c");
    hb_rowset_free(&job.out);
    env_close(&e);
}

static void a_limit_without_order_stops_early(void) {
    env e;
    REQUIRE(env_open(&e, "w", NULL, definition_text) == HB_OK);
    row *rows = malloc(sizeof(row) * 500);
    for (uint32_t i = 0; i < 500; i++) {
        rows[i] = simple_row(&e, hb_arena_printf(&e.arena, "%05u", (unsigned)i), i);
    }
    CHECK_INT(write_rows(&e, rows, 500), HB_OK);
    hb_fragment scan = { .kind = HB_FRAG_SCAN, .limit = 5 };
    hb_job job;
    CHECK_INT(run(&e, &scan, &job), HB_OK);
    CHECK(job.rows_examined <= 6);
    hb_rowset_free(&job.out);
    free(rows);
    env_close(&e);
}

static void engine_errors_become_our_codes_and_show_no_sql(void) {
    static const struct {
        int rc;
        hb_status want;
        const char *native;
    } cases[] = {
        { SQLITE_FULL, HB_E_BACKEND, "SQLITE_FULL" },
        { SQLITE_IOERR_WRITE, HB_E_BACKEND, "SQLITE_IOERR" },
        { SQLITE_READONLY, HB_E_REFUSED, "SQLITE_READONLY" },
        { SQLITE_AUTH, HB_E_REFUSED, "SQLITE_AUTH" },
        { SQLITE_BUSY, HB_E_LOCKED, "SQLITE_BUSY" },
        { SQLITE_CORRUPT, HB_E_CORRUPT, "SQLITE_CORRUPT" },
        { SQLITE_CANTOPEN, HB_E_UNAVAILABLE, "SQLITE_CANTOPEN" },
        { SQLITE_TOOBIG, HB_E_LIMIT, "SQLITE_TOOBIG" },
        { SQLITE_INTERRUPT, HB_E_CANCELLED, "SQLITE_INTERRUPT" },
        { SQLITE_NOMEM, HB_E_MEMORY, "SQLITE_NOMEM" },
        { SQLITE_ERROR, HB_E_BACKEND, "SQLITE_ERROR" },
    };
    hb_instance instance = { .name = HB_STR("main") };
    sqlite_conn conn = { .instance = &instance };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CASE(cases[i].native);
        hb_err err;
        hb_err_init(&err);
        CHECK_INT(sqlite_fail(&conn, cases[i].rc, &err), cases[i].want);
        CHECK_CSTR(err.native, cases[i].native);
        CHECK_CSTR(err.backend, "main");
    }
}

static const char *file_path(char *path, size_t size) {
    snprintf(path, size, "hb-sqlite-test.db");
    remove(path);
    remove("hb-sqlite-test.db-wal");
    remove("hb-sqlite-test.db-journal");
    return path;
}

static void a_file_keeps_rows_and_workspaces_apart(void) {
    char path[64];
    env e;
    file_path(path, sizeof(path));
    REQUIRE(env_open(&e, "one", path, definition_text) == HB_OK);
    CHECK(hb_backend_sqlite.durable(&e.instance));
    row r = simple_row(&e, HB_STR("a"), 1);
    r.values[field_of(&e, "tags")] = json_value(&e, "[\"red\"]");
    CHECK_INT(write_rows(&e, &r, 1), HB_OK);
    CHECK_INT(hb_backend_sqlite.meta_put(&e.instance, HB_STR("k/1"), HB_STR("v"), &e.err), HB_OK);
    env_close(&e);

    REQUIRE(env_open(&e, "two", path, definition_text) == HB_OK);
    CHECK_INT(count_rows(&e), 0);
    hb_str value;
    CHECK_INT(hb_backend_sqlite.meta_get(&e.instance, HB_STR("k/1"), &e.arena, &value, &e.err),
              HB_OK);
    CHECK(value.ptr == NULL);
    r = simple_row(&e, HB_STR("a"), 2);
    CHECK_INT(write_rows(&e, &r, 1), HB_OK);
    CHECK_INT(run_plain(&e, HB_FRAG_CLEAR), HB_OK);
    env_close(&e);

    REQUIRE(env_open(&e, "one", path, definition_text) == HB_OK);
    CHECK_INT(count_rows(&e), 1);
    CHECK_INT(hb_backend_sqlite.meta_get(&e.instance, HB_STR("k/1"), &e.arena, &value, &e.err),
              HB_OK);
    CHECK_STR(value, "v");
    env_close(&e);
    remove(path);
}

static void a_file_has_one_owner_at_a_time(void) {
    char path[64];
    env e, other;
    file_path(path, sizeof(path));
    REQUIRE(env_open(&e, "one", path, definition_text) == HB_OK);
    CHECK_INT(env_open(&other, "two", path, definition_text), HB_E_LOCKED);
    CHECK_CSTR(other.err.native, "SQLITE_BUSY");
    CHECK_CSTR(other.err.backend, "main");
    env_close(&other);
    env_close(&e);
    remove(path);
}

static void damaged_and_missing_files_are_told_apart(void) {
    char path[64];
    env e;
    file_path(path, sizeof(path));
    FILE *file = fopen(path, "wb");
    REQUIRE(file != NULL);
    for (int i = 0; i < 300; i++) fputs("this is not a database. ", file);
    fclose(file);
    CHECK_INT(env_open(&e, "one", path, definition_text), HB_E_CORRUPT);
    CHECK_CSTR(e.err.native, "SQLITE_NOTADB");
    env_close(&e);
    remove(path);
    CHECK_INT(env_open(&e, "one", "no/such/folder/x.db", definition_text), HB_E_UNAVAILABLE);
    env_close(&e);
}

static void meta_keys_are_listed_by_prefix(void) {
    env e;
    REQUIRE(env_open(&e, "w", NULL, definition_text) == HB_OK);
    static const char *const names[] = { "entity/b", "entity/a", "entit", "intent/1",
                                         "entity/\xc3\xa9" };
    for (size_t i = 0; i < 5; i++) {
        CHECK_INT(hb_backend_sqlite.meta_put(&e.instance, hb_str_c(names[i]), HB_STR_EMPTY, &e.err),
                  HB_OK);
    }
    CHECK_INT(hb_backend_sqlite.meta_delete(&e.instance, HB_STR("entity/b"), &e.err), HB_OK);
    hb_str *keys;
    uint32_t count;
    CHECK_INT(hb_backend_sqlite.meta_list(&e.instance, HB_STR("entity/"), &e.arena, &keys, &count,
                                          &e.err),
              HB_OK);
    CHECK_INT(count, 2);
    CHECK_STR(keys[0], "entity/a");
    hb_str value;
    CHECK_INT(hb_backend_sqlite.meta_get(&e.instance, keys[0], &e.arena, &value, &e.err), HB_OK);
    CHECK(value.ptr != NULL && value.len == 0);
    env_close(&e);
}

static int64_t read_int(env *e, const char *field, bool *is_null) {
    uint32_t columns[] = { field_of(e, field) };
    hb_fragment fragment = {
        .kind = HB_FRAG_SCAN, .columns = columns, .column_count = 1, .limit = 1
    };
    hb_job job;
    CHECK_INT(run(e, &fragment, &job), HB_OK);
    hb_batch out = hb_rowset_batch(&job.out);
    hb_value value = out.row_count == 1 ? hb_column_get(&out.columns[1], 0) : null_value();
    *is_null = value.kind == HB_KIND_NULL;
    hb_rowset_free(&job.out);
    return *is_null ? 0 : value.as.i;
}

static void entities_may_gain_lose_and_change_fields(void) {
    static const char first[] =
        "{\"name\":\"Doc\",\"fields\":{\"n\":\"integer\",\"x\":\"integer\"}}";
    static const char gained[] =
        "{\"name\":\"Doc\",\"fields\":{\"N\":\"integer\",\"n\":\"integer\","
        "\"x\":\"integer\",\"tags\":\"array[short-text]\"}}";
    static const char lost[] = "{\"name\":\"Doc\",\"fields\":{\"n\":\"integer\"}}";
    static const char changed[] =
        "{\"name\":\"Doc\",\"fields\":{\"n\":\"integer\",\"x\":\"short-text\"}}";
    char path[64];
    env e;
    bool null;
    file_path(path, sizeof(path));
    REQUIRE(env_open(&e, "w", path, first) == HB_OK);
    row r = simple_row(&e, HB_STR("a"), 1);
    r.values[field_of(&e, "x")] = int_value(7);
    CHECK_INT(write_rows(&e, &r, 1), HB_OK);
    env_close(&e);

    REQUIRE(env_open(&e, "w", path, gained) == HB_OK);
    CHECK_INT(read_int(&e, "n", &null), 1);
    read_int(&e, "N", &null);
    CHECK(null);
    env_close(&e);

    REQUIRE(env_open(&e, "w", path, lost) == HB_OK);
    CHECK_INT(read_int(&e, "n", &null), 1);
    env_close(&e);

    REQUIRE(env_open(&e, "w", path, first) == HB_OK);
    CHECK_INT(read_int(&e, "x", &null), 7); /* nobody wrote the row in between */
    env_close(&e);

    REQUIRE(env_open(&e, "w", path, lost) == HB_OK);
    r = simple_row(&e, HB_STR("a"), 2);
    CHECK_INT(write_rows(&e, &r, 1), HB_OK);
    env_close(&e);
    REQUIRE(env_open(&e, "w", path, first) == HB_OK);
    read_int(&e, "x", &null);
    CHECK(null); /* the row was replaced without it */
    env_close(&e);

    REQUIRE(env_open(&e, "w", path, changed) == HB_OK);
    r = simple_row(&e, HB_STR("a"), 3);
    r.values[field_of(&e, "x")] = text_value(HB_STR("seven"));
    CHECK_INT(write_rows(&e, &r, 1), HB_OK);
    env_close(&e);
    remove(path);
}

static void unique_fields_refuse_a_second_holder(void) {
    static const char text[] =
        "{\"name\":\"Doc\",\"fields\":{\"n\":{\"type\":\"integer\",\"unique\":true}}}";
    env e;
    REQUIRE(env_open(&e, "w", NULL, text) == HB_OK);
    row rows[2] = { simple_row(&e, HB_STR("a"), 1), simple_row(&e, HB_STR("b"), 2) };
    CHECK_INT(write_rows(&e, rows, 2), HB_OK);
    row third = simple_row(&e, HB_STR("c"), 2);
    CHECK_INT(write_rows(&e, &third, 1), HB_E_UNIQUE);
    CHECK(strstr(e.err.msg, "(n)") != NULL && strstr(e.err.msg, "'b'") != NULL);
    CHECK_INT(count_rows(&e), 2);
    /* Rows of one batch may exchange their values. */
    rows[0] = simple_row(&e, HB_STR("a"), 2);
    rows[1] = simple_row(&e, HB_STR("b"), 1);
    CHECK_INT(write_rows(&e, rows, 2), HB_OK);
    /* Null is no value. */
    rows[0].values[field_of(&e, "n")] = rows[1].values[field_of(&e, "n")] = null_value();
    CHECK_INT(write_rows(&e, rows, 2), HB_OK);
    env_close(&e);
}

static void a_failed_batch_writes_nothing(void) {
    static const char text[] =
        "{\"name\":\"Doc\",\"fields\":{\"n\":{\"type\":\"integer\",\"unique\":true}}}";
    env e;
    REQUIRE(env_open(&e, "w", NULL, text) == HB_OK);
    row rows[3] = { simple_row(&e, HB_STR("a"), 1), simple_row(&e, HB_STR("b"), 2),
                    simple_row(&e, HB_STR("c"), 2) };
    CHECK_INT(write_rows(&e, rows, 3), HB_E_UNIQUE);
    CHECK_INT(count_rows(&e), 0);
    env_close(&e);
}

/* Large batches drop and make the secondary indexes anew. */
static void a_bulk_write_leaves_the_indexes_right(void) {
    env e;
    REQUIRE(env_open(&e, "w", NULL, definition_text) == HB_OK);
    row *rows = malloc(sizeof(row) * 5000);
    for (int64_t times = 1; times <= 2; times++) {
        for (uint32_t i = 0; i < 5000; i++) {
            hb_str id = hb_arena_printf(&e.arena, "%05u", (unsigned)i);
            rows[i] = simple_row(&e, id, (int64_t)i * times);
        }
        CHECK_INT(write_rows(&e, rows, 5000), HB_OK);
        hb_expr leaf = { .kind = HB_EXPR_LEAF, .field = field_of(&e, "n"), .op = HB_OP_LT,
                         .value = int_value(20) };
        hb_fragment count = { .kind = HB_FRAG_COUNT, .filter = &leaf, .limit = HB_NO_LIMIT };
        hb_job job;
        CHECK_INT(run(&e, &count, &job), HB_OK);
        hb_batch out = hb_rowset_batch(&job.out);
        CHECK_INT(hb_column_get(&out.columns[0], 0).as.i, times == 1 ? 20 : 10);
        CHECK(job.rows_examined < 100);
        hb_rowset_free(&job.out);
    }
    free(rows);
    env_close(&e);
}

static void a_rolled_back_container_is_made_again(void) {
    env e;
    REQUIRE(env_open(&e, "w", NULL, definition_text) == HB_OK);
    CHECK_INT(hb_backend_sqlite.tx(&e.instance, HB_TX_BEGIN, &e.err), HB_OK);
    CHECK_INT(run_plain(&e, HB_FRAG_ENSURE), HB_OK);
    CHECK_INT(hb_backend_sqlite.tx(&e.instance, HB_TX_ROLLBACK, &e.err), HB_OK);
    row r = simple_row(&e, HB_STR("a"), 1);
    CHECK_INT(write_rows(&e, &r, 1), HB_OK);
    CHECK_INT(count_rows(&e), 1);
    env_close(&e);
}

static void errors_inside_the_statement_come_out(void) {
    env e;
    REQUIRE(env_open(&e, "w", NULL, definition_text) == HB_OK);
    row r = simple_row(&e, HB_STR("a"), 1);
    char *many = hb_arena_alloc(&e.arena, 8000);
    memset(many, 'a', 8000);
    r.values[field_of(&e, "title")] = text_value((hb_str){ many, 8000 });
    CHECK_INT(write_rows(&e, &r, 1), HB_OK);
    /* Backtracks beyond the match limit. */
    hb_expr leaf = { .kind = HB_EXPR_LEAF,
                     .field = field_of(&e, "title"),
                     .op = HB_OP_REGEX,
                     .value = text_value(HB_STR("a*a*a*a*a*a*[bc]")) };
    hb_fragment scan = {
        .kind = HB_FRAG_SCAN, .filter = &leaf, .leaf_count = 1, .limit = HB_NO_LIMIT
    };
    hb_job job;
    CHECK_INT(run(&e, &scan, &job), HB_E_LIMIT);
    hb_rowset_free(&job.out);
    CHECK_INT(count_rows(&e), 1);
    env_close(&e);
}

static void claims_are_exact_and_native_only_in_sql(void) {
    static const struct {
        const char *name;
        const char *type;
        hb_strategy strategy;
        const char *op;
        hb_claim claim;
        bool native;
        const char *kind;
    } cases[] = {
        { "number", "integer", HB_STRATEGY_INLINE, "gte", HB_EXACT, true, "sql_where" },
        { "text prefix", "short-text", HB_STRATEGY_INLINE, "starts_with", HB_EXACT, true,
          "sql_where" },
        { "match", "long-text", HB_STRATEGY_INLINE, "match", HB_EXACT, false, "row_payload" },
        { "match on a number", "integer", HB_STRATEGY_INLINE, "match", HB_NO, false, NULL },
        { "array item without items", "array[short-text]", HB_STRATEGY_INLINE, "array_contains",
          HB_EXACT, false, "row_payload" },
        { "array item", "array[short-text]", HB_STRATEGY_SPARSE_GRAM, "array_contains", HB_EXACT,
          true, "sql_where" },
        { "array equality on sparse-gram", "array[short-text]", HB_STRATEGY_SPARSE_GRAM, "eq",
          HB_NO, false, NULL },
        { "words with index", "long-text", HB_STRATEGY_INVERTED, "has_words", HB_EXACT, true,
          "index_filter" },
        { "search", "long-text", HB_STRATEGY_INVERTED, "search", HB_EXACT, true, "index_filter" },
        { "near", "vector[3]", HB_STRATEGY_VECTOR, "near", HB_EXACT, false, "row_payload" },
        { "near inline", "vector[3]", HB_STRATEGY_INLINE, "near", HB_NO, false, NULL },
        { "text as vector", "short-text", HB_STRATEGY_VECTOR, "eq", HB_NO, false, NULL },
        { "artifact", "artifact", HB_STRATEGY_INLINE, "eq", HB_NO, false, NULL },
        { "unknown operator", "integer", HB_STRATEGY_INLINE, "nope", HB_NO, false, NULL },
    };
    hb_arena arena;
    hb_arena_init(&arena, hb_mem_default());
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CASE(cases[i].name);
        hb_buf pack;
        const hb_type *type = NULL;
        hb_buf_init(&pack, hb_mem_default());
        hb_pack_str(&pack, hb_str_c(cases[i].type));
        CHECK_INT(hb_type_parse(hb_buf_str(&pack), &arena, &type, NULL), HB_OK);
        if (type == NULL) continue;
        hb_offer offer = hb_backend_sqlite.supports(type, cases[i].strategy, hb_str_c(cases[i].op));
        CHECK_INT(offer.claim, cases[i].claim);
        CHECK_INT(offer.native, cases[i].native);
        CHECK((offer.reason == NULL) == cases[i].native);
        if (cases[i].kind != NULL) CHECK_CSTR(offer.handler_kind, cases[i].kind);
        hb_buf_free(&pack);
    }
    hb_arena_free(&arena);
}

TEST_SUITE {
    TEST(engine_errors_become_our_codes_and_show_no_sql);
    TEST(rows_come_back_in_the_order_of_the_ids);
    TEST(a_limit_without_order_stops_early);
    TEST(a_file_keeps_rows_and_workspaces_apart);
    TEST(a_file_has_one_owner_at_a_time);
    TEST(damaged_and_missing_files_are_told_apart);
    TEST(meta_keys_are_listed_by_prefix);
    TEST(entities_may_gain_lose_and_change_fields);
    TEST(unique_fields_refuse_a_second_holder);
    TEST(a_failed_batch_writes_nothing);
    TEST(a_bulk_write_leaves_the_indexes_right);
    TEST(a_rolled_back_container_is_made_again);
    TEST(errors_inside_the_statement_come_out);
    TEST(claims_are_exact_and_native_only_in_sql);
}
