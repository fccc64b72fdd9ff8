// SPDX-License-Identifier: MIT
/* A field goes and one of another type has its name: on every backend that keeps rows its values are what the new type makes of
 * them when they are written, else null, which audit names. */
#include "tests/unit/workspace/fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "backends/sqlite/sqlite_priv.h"
#include "tests/unit/support/memory_fs.h"

enum { VALUES = 5, FIELDS_MAX = 200 };

/* Types of one kind stand together. */
static const struct {
    int kind;
    const char *type;
    const char *values[VALUES];
} types[] = {
    { 1, "\"identifier\"", { "\"a\"", "\"2020-01-02\"", "\"abcd\"" } },
    { 1, "\"short-text\"", { "\"a\"", "\"2020-01-02\"", "\"\"", "\"5\"", "\"0123456789012345678901234567890123456789012345678901234567890123456789\"" } },
    { 1, "{\"type\":\"short-text\",\"max_chars\":3}", { "\"abc\"", "\"\\u00e4\\u00f6\\u00fc\"" } },
    { 1, "\"long-text\"", { "\"a\"", "\"2020-01-02\"", "\"4 ch\"" } },
    { 1, "\"date\"", { "\"2020-01-02\"" } },
    { 1, "{\"type\":\"categorical\",\"values\":[\"a\",\"2020-01-02\"]}", { "\"a\"", "\"2020-01-02\"" } },
    { 2, "\"integer\"", { "5", "-99999999999999", "253402300800", "0", "9007199254740993" } },
    { 2, "{\"type\":\"timestamp\",\"unit\":\"s\"}", { "5", "253402300799" } },
    { 2, "{\"type\":\"timestamp\",\"unit\":\"ms\"}", { "5", "253402300799000" } },
    { 2, "{\"type\":\"categorical\",\"values\":[1,5]}", { "1", "5" } },
    { 2, "\"duration\"", { "5", "0" } },
    { 4, "\"vector[2]\"", { "[1,2]", "[0,-0.5]" } },
    { 4, "\"vector[3]\"", { "[1,2,3]" } },
    { 4, "\"vector\"", { "[1,2]", "[1]", "[1,2,3]" } },
    { 5, "\"array[short-text]\"", { "[\"a\",\"5\"]", "[]", "[\"6\"]" } },
    { 5, "\"array[integer]\"", { "[1,2]", "[]" } },
    { 5, "\"array\"", { "[1,\"a\"]", "[null]", "[[1]]" } },
    { 5, "\"json\"", { "{\"a\":1}", "[1]", "\"s\"", "5", "[\"a\"]" } },
    { 5, "{\"type\":\"hyper-g\",\"fields\":[{\"name\":\"a\",\"dtype\":\"integer\"}]}", { "[{\"a\":1}]", "[]" } },
    { 5, "{\"type\":\"hyper-g\",\"fields\":[{\"name\":\"b\",\"dtype\":\"short-text\"}]}", { "[{\"b\":\"q\"}]" } },
};
#define TYPE_COUNT (sizeof types / sizeof types[0])

/* A field for every pair: of the one type, then of the other. */
typedef struct pairs {
    size_t from[FIELDS_MAX], to[FIELDS_MAX];
    size_t count;
} pairs;

static pairs all_pairs(void) {
    pairs p = { .count = 0 };
    for (size_t a = 0; a < TYPE_COUNT; a++) {
        for (size_t b = 0; b < TYPE_COUNT; b++) {
            if (types[a].kind != types[b].kind || a == b) continue;
            p.from[p.count] = a;
            p.to[p.count++] = b;
        }
    }
    CHECK(p.count <= FIELDS_MAX);
    return p;
}

static const char *definition_of(fixture *f, const pairs *p, const size_t *type) {
    hb_buf out;
    hb_buf_init(&out, hb_mem_default());
    hb_buf_add_c(&out, "{\"name\":\"Thing\",\"fields\":{\"a\":\"integer\"");
    for (size_t i = 0; type != NULL && i < p->count; i++) {
        hb_buf_printf(&out, ",\"p%d\":{\"type\":%s}", (int)i, types[type[i]].type);
    }
    hb_buf_add_c(&out, "}}");
    hb_buf_add_char(&out, '\0');
    const char *text = hb_arena_copy(&f->arena, out.ptr, out.len);
    hb_buf_free(&out);
    return text;
}

static void replace(fixture *f, const char *json) {
    const hb_request request = { .kind = HB_CALL_REGISTER, .flags = HB_FLAG_REPLACE, .text = pack_of(f, json) };
    if (!CHECK_INT(call(f, request), HB_OK)) test_check(false, f->err.msg, __FILE__, __LINE__);
}

static const char *row_id(int i) {
    static const char *const ids[VALUES] = { "r0", "r1", "r2", "r3", "r4" };
    return ids[i];
}

static void write_rows(fixture *f, const pairs *p) {
    for (int i = 0; i < VALUES; i++) {
        hb_buf out;
        hb_buf_init(&out, hb_mem_default());
        hb_buf_printf(&out, "{\"object_id\":\"%s\"", row_id(i));
        for (size_t k = 0; k < p->count; k++) {
            const char *value = types[p->from[k]].values[i];
            if (value != NULL) hb_buf_printf(&out, ",\"p%d\":%s", (int)k, value);
        }
        hb_buf_add_c(&out, "}");
        hb_buf_add_char(&out, '\0');
        if (!CHECK_INT(upsert(f, "thing", out.ptr), HB_OK)) test_check(false, f->err.msg, __FILE__, __LINE__);
        hb_buf_free(&out);
    }
}

/* The value of a row in a field, of the last query; borrowed until the next call. */
static hb_value value_at(const fixture *f, int row, size_t field) {
    char name[16];
    snprintf(name, sizeof name, "p%d", (int)field);
    const hb_batch *batch = &answer(f)->batch;
    const int at = hb_batch_find(batch, hb_str_c(name));
    for (uint32_t r = 0; r < batch->row_count && at >= 0; r++) {
        if (hb_str_eq(hb_column_span(&batch->columns[0], r), hb_str_c(row_id(row)))) return hb_column_get(&batch->columns[at], r);
    }
    return (hb_value){ .kind = HB_KIND_NULL };
}

/* What `type` makes of a JSON value when it is written: asked of another workspace. */
typedef struct expected {
    fixture f;
    bool refused[FIELDS_MAX][VALUES];
    size_t refused_count;
} expected;

static expected *expect(const pairs *p) {
    expected *e = calloc(1, sizeof(*e));
    fixture_open(&e->f, "{\"id\":\"unit\",\"catalog\":false,\"backends\":{\"main\":{\"type\":\"inmem\"}}}");
    replace(&e->f, definition_of(&e->f, p, p->to));
    for (int i = 0; i < VALUES; i++) {
        char row[400];
        snprintf(row, sizeof row, "{\"object_id\":\"%s\"}", row_id(i));
        CHECK_INT(upsert(&e->f, "thing", row), HB_OK);
        for (size_t k = 0; k < p->count; k++) {
            const char *value = types[p->from[k]].values[i];
            if (value == NULL) continue;
            snprintf(row, sizeof row, "{\"object_id\":\"%s\",\"p%d\":%s}", row_id(i), (int)k, value);
            const hb_status status = write_row(&e->f, HB_CALL_SET, "thing", row, 0);
            e->refused[k][i] = status != HB_OK;
            e->refused_count += status != HB_OK;
            if (status != HB_OK) CHECK_INT(status == HB_E_VALIDATION || status == HB_E_TYPE, 1);
        }
    }
    return e;
}

static void check_values(fixture *f, const pairs *p, expected *e) {
    CHECK_INT(query(f, "thing", "{}"), HB_OK);
    CHECK_INT(answer(f)->batch.row_count, VALUES);
    CHECK_INT(query(&e->f, "thing", "{}"), HB_OK);
    for (size_t k = 0; k < p->count; k++) {
        for (int i = 0; i < VALUES; i++) {
            const hb_value want = value_at(&e->f, i, k), got = value_at(f, i, k);
            if (hb_value_eq(&want, &got)) continue;
            char text[500];
            snprintf(text, sizeof text, "%s as %s: %s", types[p->from[k]].type, types[p->to[k]].type, types[p->from[k]].values[i]);
            CHECK_CSTR(text, "what the type makes of it");
        }
    }
}

static size_t named_count(fixture *f, hb_call_kind kind) {
    CHECK_INT(call(f, (hb_request){ .kind = kind, .entity = HB_ENTITY_NONE }), HB_OK);
    const char *at = strstr(answer(f)->json.ptr, "\"totals\":");
    at = at != NULL ? strstr(at, "\"storage\":") : NULL;
    return CHECK(at != NULL) ? (size_t)atoi(at + strlen("\"storage\":")) : 0;
}

static memory_fs files;

static void open_on(fixture *f, const char *backend) {
    char options[200];
    const hb_host host = { .mem = hb_mem_default(), .fs = strstr(backend, "sqlite") == NULL ? &files.fs : NULL };
    memset(f, 0, sizeof(*f));
    hb_arena_init(&f->arena, hb_mem_default());
    snprintf(options, sizeof options, "{\"id\":\"unit\",\"catalog\":false,\"backends\":{\"main\":{%s}}}", backend);
    const hb_status status = host.fs != NULL ? hb_workspace_open_on(hb_str_c(options), &host, &f->ws, &f->err)
                                             : hb_workspace_open(hb_str_c(options), hb_mem_default(), &f->ws, &f->err);
    if (!CHECK_INT(status, HB_OK)) test_check(false, f->err.msg, __FILE__, __LINE__);
}

static void comes_back(const char *backend, const pairs *p, expected *e) {
    fixture f;
    CASE(backend);
    remove("hb-returns.db");
    memory_fs_init(&files);
    open_on(&f, backend);
    replace(&f, definition_of(&f, p, p->from));
    write_rows(&f, p);
    replace(&f, definition_of(&f, p, NULL));
    replace(&f, definition_of(&f, p, p->to));
    check_values(&f, p, e);
    CHECK_INT(named_count(&f, HB_CALL_AUDIT), e->refused_count);
    /* With its own type a field shows all that it held, whatever it was called in between. */
    replace(&f, definition_of(&f, p, NULL));
    fixture_close(&f);
    open_on(&f, backend);
    replace(&f, definition_of(&f, p, p->from));
    CHECK_INT(named_count(&f, HB_CALL_AUDIT), 0);
    CHECK_INT(query(&f, "thing", "{}"), HB_OK);
    for (size_t k = 0; k < p->count; k++) {
        for (int i = 0; i < VALUES; i++) CHECK((value_at(&f, i, k).kind != HB_KIND_NULL) == (types[p->from[k]].values[i] != NULL));
    }
    replace(&f, definition_of(&f, p, NULL));
    replace(&f, definition_of(&f, p, p->to));
    check_values(&f, p, e);
    CHECK_INT(named_count(&f, HB_CALL_REPAIR), e->refused_count);
    CHECK_INT(named_count(&f, HB_CALL_AUDIT), 0);
    check_values(&f, p, e);
    /* What was written since has nothing of before. */
    for (int i = 0; i < VALUES; i++) {
        char row[40];
        snprintf(row, sizeof row, "{\"object_id\":\"%s\"}", row_id(i));
        CHECK_INT(upsert(&f, "thing", row), HB_OK);
    }
    replace(&f, definition_of(&f, p, NULL));
    replace(&f, definition_of(&f, p, p->from));
    CHECK_INT(query(&f, "thing", "{}"), HB_OK);
    for (size_t k = 0; k < p->count; k++) CHECK_INT(value_at(&f, 0, k).kind, HB_KIND_NULL);
    fixture_close(&f);
    memory_fs_free(&files);
    remove("hb-returns.db");
}

static void a_field_comes_back_as_what_its_type_makes_of_the_values(void) {
    static const char *const kept[] = {
        "\"type\":\"sqlite\",\"database\":\"hb-returns.db\"", "\"type\":\"json\",\"path\":\"at\"", "\"type\":\"pickle\",\"path\":\"at\"", "\"type\":\"file\",\"path\":\"at\"",
    };
    const pairs p = all_pairs();
    expected *e = expect(&p);
    CHECK(e->refused_count > 40);
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) comes_back(kept[i], &p, e);
    fixture_close(&e->f);
    free(e);
}

/* As another program would. Alone: some hosts have no shared memory for the log. */
static sqlite3 *opened(void) {
    sqlite3 *db;
    CHECK_INT(sqlite3_open("hb-returns.db", &db), SQLITE_OK);
    CHECK_INT(sqlite3_exec(db, "PRAGMA locking_mode=EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    return db;
}

static void sql(const char *text) {
    sqlite3 *db = opened();
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK) test_check(false, sqlite3_errmsg(db), __FILE__, __LINE__);
    sqlite3_close(db);
}

static int add_count(void *found, int count, char **values, char **names) {
    (void)names;
    if (count > 0 && values[0] != NULL) *(int *)found += atoi(values[0]);
    return 0;
}

/* A file that does not say what types its columns have opens, is left as it is where the values fit, and mended where a field came
 * back before. */
static void files_without_types_are_read_right(void) {
    static const char backend[] = "\"type\":\"sqlite\",\"database\":\"hb-returns.db\"";
    const pairs p = all_pairs();
    expected *e = expect(&p);
    fixture f;
    int columns = 0;
    remove("hb-returns.db");
    open_on(&f, backend);
    replace(&f, definition_of(&f, &p, p.from));
    write_rows(&f, &p);
    fixture_close(&f);
    sql("DROP TABLE hb_types");
    open_on(&f, backend);
    replace(&f, definition_of(&f, &p, p.from));
    CHECK_INT(named_count(&f, HB_CALL_AUDIT), 0);
    fixture_close(&f);
    sqlite3 *db = opened();
    CHECK_INT(sqlite3_exec(db, "SELECT count(*) FROM hb_columns WHERE field <> physical", add_count, &columns, NULL), SQLITE_OK);
    CHECK_INT(columns, 0);
    CHECK_INT(sqlite3_exec(db, "SELECT count(*) FROM hb_types WHERE entity = 'thing'", add_count, &columns, NULL), SQLITE_OK);
    CHECK(columns >= (int)p.count);
    sqlite3_close(db);
    open_on(&f, backend);
    replace(&f, definition_of(&f, &p, NULL));
    fixture_close(&f);
    sql("DROP TABLE hb_types");
    open_on(&f, backend);
    replace(&f, definition_of(&f, &p, p.to));
    check_values(&f, &p, e);
    CHECK_INT(named_count(&f, HB_CALL_AUDIT), e->refused_count);
    fixture_close(&f);
    fixture_close(&e->f);
    free(e);
    remove("hb-returns.db");
}

/* In memory the values of a field that a definition leaves out are gone with it. */
static void in_memory_nothing_comes_back(void) {
    const pairs p = all_pairs();
    fixture f;
    fixture_open(&f, "{\"id\":\"unit\",\"catalog\":false,\"backends\":{\"main\":{\"type\":\"inmem\"}}}");
    replace(&f, definition_of(&f, &p, p.from));
    write_rows(&f, &p);
    replace(&f, definition_of(&f, &p, NULL));
    replace(&f, definition_of(&f, &p, p.to));
    CHECK_INT(named_count(&f, HB_CALL_AUDIT), 0);
    CHECK_INT(query(&f, "thing", "{}"), HB_OK);
    for (size_t k = 0; k < p.count; k++) {
        for (int i = 0; i < VALUES; i++) CHECK_INT(value_at(&f, i, k).kind, HB_KIND_NULL);
    }
    fixture_close(&f);
}

TEST_SUITE {
    TEST(a_field_comes_back_as_what_its_type_makes_of_the_values);
    TEST(files_without_types_are_read_right);
    TEST(in_memory_nothing_comes_back);
}
