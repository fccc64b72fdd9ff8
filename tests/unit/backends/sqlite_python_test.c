// SPDX-License-Identifier: MIT
/* The tables of HeavenBase for Python: how cells, names, keys and keywords lie in them. What is
 * expected here was written by the package itself. */
#include "backends/sqlite/python.h"
#include "tests/unit/backends/sqlite_env.h"
#include "value/python_json.h"

static const char every_text[] =
    "{\"entity_id\":\"every-thing\",\"name\":\"EveryThing\",\"fields\":{\"name\":\"short-text\","
    "\"at\":\"array[short-text]\",\"ai\":\"array[integer]\",\"af\":\"array[float]\","
    "\"ab\":\"array[boolean]\",\"aj\":\"array[json]\",\"v\":\"vector[3]\",\"j\":\"json\","
    "\"h\":{\"type\":{\"type\":\"hyper-g\",\"fields\":[{\"name\":\"slot\",\"dtype\":\"short-text\"}"
    ","
    "{\"name\":\"n\",\"dtype\":\"integer\",\"required\":false},{\"name\":\"js\",\"dtype\":\"json\","
    "\"required\":false}]}},"
    "\"ci\":{\"type\":{\"type\":\"categorical\",\"values\":[1,22],\"base\":\"integer\"}},"
    "\"n\":\"integer\",\"art\":\"artifact\"}}";

static const char object_id[] = "000318231834198854986162541365364676657650";

static void open_every(env *e, const char *path) {
    REQUIRE(env_open_as(e, "alpha", path, every_text, path == NULL ? "python" : NULL) == HB_OK);
    e->placed[field_of(e, "h")].strategy = HB_STRATEGY_SIDE;
    e->placed[field_of(e, "at")].strategy = HB_STRATEGY_SPARSE_GRAM;
}

static row every_row(env *e) {
    static const float vector[] = { 0.1f, 2, -3.5f };
    row r;
    memset(&r, 0, sizeof(r));
    r.values[0] = text_value(hb_str_c(object_id));
    r.values[field_of(e, "name")] = text_value(HB_STR("one"));
    r.values[field_of(e, "at")] = json_value(
        e, "[\"Alpha beta\",\"x\",\"\",\"!!\",\"日本語\",\"Straße ÉCOLE\",\"a\\u0000b\"]");
    r.values[field_of(e, "ai")] = json_value(e, "[1,-9223372036854775808,1152921504606846976]");
    r.values[field_of(e, "af")] = json_value(e, "[0.1,1,1e300,0.30000000000000004]");
    r.values[field_of(e, "ab")] = json_value(e, "[true,false]");
    r.values[field_of(e, "aj")] = json_value(e, "[{\"a\":1},[2]]");
    r.values[field_of(e, "j")] =
        json_value(e, "{\"z\":1,\"a\":[1152921504606846976,1.0,\"é\",null,true]}");
    r.values[field_of(e, "h")] = json_value(
        e, "[{\"slot\":\"k\",\"n\":1152921504606846976,\"js\":{\"a\":1}},{\"slot\":\"z\"}]");
    r.values[field_of(e, "v")] = (hb_value){ .kind = HB_KIND_VEC, .as.v = { vector, 3 } };
    r.values[field_of(e, "ci")] = int_value(22);
    r.values[field_of(e, "n")] = int_value(INT64_MAX);
    return r;
}

/* The only value of a query, as text. */
static void check_sql(env *e, const char *sql, const char *want) {
    CASE(sql);
    const sqlite_conn *conn = e->instance.state;
    sqlite3_stmt *stmt = NULL;
    REQUIRE(sqlite3_prepare_v2(conn->db, sql, -1, &stmt, NULL) == SQLITE_OK);
    CHECK_INT(sqlite3_step(stmt), SQLITE_ROW);
    const char *text = (const char *)sqlite3_column_text(stmt, 0);
    CHECK_CSTR(text != NULL ? text : "(null)", want);
    sqlite3_finalize(stmt);
}

static void cells_are_as_python_writes_them(void) {
    env e;
    open_every(&e, NULL);
    row r = every_row(&e);
    CHECK_INT(write_rows(&e, &r, 1), HB_OK);
    CHECK_INT(write_rows(&e, &r, 1), HB_OK);    /* again: nothing twice */
    check_sql(&e, "SELECT at FROM every_thing",
              "[\n    \"Alpha beta\",\n    \"x\",\n    \"\",\n    \"!!\",\n    \"日本語\",\n    "
              "\"Straße ÉCOLE\",\n    \"a\\u0000b\"\n]");
    check_sql(&e, "SELECT v FROM every_thing", "[\n    0.1,\n    2.0,\n    -3.5\n]");
    check_sql(
        &e, "SELECT j FROM every_thing",
        "\"{\\\"a\\\": [{\\\"__obj_data__\\\": \\\"1152921504606846976\\\", "
        "\\\"__obj_type__\\\": \\\"bigint\\\"}, 1.0, \\\"é\\\", null, true], \\\"z\\\": 1}\"");
    check_sql(&e, "SELECT _present_ai || _present_h || ci || n FROM every_thing",
              "11229223372036854775807");
    check_sql(&e,
              "SELECT group_concat(_id || ' ' || idx || ' ' || item, ';' ORDER BY idx)"
              " FROM every_thing_ai",
              "000061646004245637080165690935094399955603 0 1;"
              "000332108871191589600080104262866430664526 1 -9223372036854775808;"
              "000101585447651321196172249976408988376904 2 1152921504606846976");
    check_sql(&e, "SELECT item FROM every_thing_aj WHERE idx = 0", "{\n    \"a\": 1\n}");
    check_sql(&e, "SELECT _id || slot || n || js FROM every_thing_h WHERE idx = 0",
              "000008840370579270206211436744944264393465k1152921504606846976{\n    \"a\": 1\n}");
    check_sql(&e,
              "SELECT count(*) FROM sqlite_schema WHERE name IN"
              " ('ix_000132447347816728854242423100437658982867',"
              " 'ix_000147764627538991449850095809625920742465',"
              " 'ix_000231946991853782312386418779799193574764',"
              " 'ix_000166426710588214533933913797333670134767')",
              "4");
    check_sql(&e,
              "SELECT count(*) FROM sqlite_schema WHERE sql LIKE"
              " '%name VARCHAR(255) COLLATE \"BINARY\" CONSTRAINT ck_hb_text_000234487109"
              " CHECK (typeof(\"name\") IN (''text'', ''null''))%'"
              " OR replace(sql, '\"name\" VARCHAR', 'name VARCHAR') LIKE"
              " '%name VARCHAR(255) COLLATE \"BINARY\" CONSTRAINT ck_hb_text_000234487109"
              " CHECK (typeof(\"name\") IN (''text'', ''null''))%'",
              "1");
    env_close(&e);
}

static void keywords_are_as_python_writes_them(void) {
    env e;
    open_every(&e, NULL);
    row r = every_row(&e);
    CHECK_INT(write_rows(&e, &r, 1), HB_OK);
    check_sql(&e,
              "SELECT group_concat(keyword_id || '|' || keyword_norm || '|' || keyword_len ||"
              " '|' || full_mask || '|' || part_count, ' ' ORDER BY ordinal)"
              " FROM hb_gram_keywords WHERE ns = 'alpha:main:sql_sparse_gram'"
              " AND entity_id = 'every-thing' AND field_name = 'at' AND ordinal <> 0",
              "000110272542296353641837102696825305828649|x|1|1|1 "
              "000177500403491908393527322396646533329171|日本語|3|1|1 "
              "000080153146824170676208159991042514982493|strasse école|13|15|4 "
              "000273508397032977091945935348427873427781|ab|2|1|1");
    check_sql(&e,
              "SELECT group_concat(gram_hash || '|' || mask_bit, ' ' ORDER BY mask_bit + 0)"
              " FROM hb_gram_postings WHERE keyword_id ="
              " '000080153146824170676208159991042514982493'",
              "4243718114|1 309095271|2 3179400807|4 723271343|8");
    r.values[field_of(&e, "at")] = json_value(&e, "[\"new\"]");
    CHECK_INT(write_rows(&e, &r, 1), HB_OK);
    check_sql(&e, "SELECT count(*) FROM hb_gram_postings", "1");
    r.values[field_of(&e, "at")] = null_value();
    CHECK_INT(write_rows(&e, &r, 1), HB_OK);
    check_sql(&e,
              "SELECT (SELECT count(*) FROM hb_gram_postings) + (SELECT count(*) FROM"
              " hb_gram_keywords)",
              "0");
    env_close(&e);
}

static void a_deleted_row_leaves_nothing(void) {
    env e;
    open_every(&e, NULL);
    row r = every_row(&e);
    CHECK_INT(write_rows(&e, &r, 1), HB_OK);
    hb_str ids[] = { hb_str_c(object_id) };
    hb_ids list = { ids, 1 };
    hb_fragment fragment = { .kind = HB_FRAG_DELETE, .ids = &list };
    hb_job job;
    CHECK_INT(run(&e, &fragment, &job), HB_OK);
    hb_rowset_free(&job.out);
    check_sql(&e,
              "SELECT (SELECT count(*) FROM every_thing) + (SELECT count(*) FROM"
              " every_thing_ai) + (SELECT count(*) FROM every_thing_h) + (SELECT count(*) FROM"
              " hb_gram_keywords) + (SELECT count(*) FROM hb_gram_postings)",
              "0");
    CHECK_INT(run_plain(&e, HB_FRAG_CLEAR), HB_OK);
    check_sql(&e, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'every%'", "0");
    check_sql(&e, "SELECT count(*) FROM sqlite_temp_schema", "0");
    env_close(&e);
}

static void a_file_keeps_its_layout(void) {
    const char *path = "hb-sqlite-python-test.db";
    remove(path);
    env e;
    REQUIRE(env_open_as(&e, "alpha", path, every_text, "python") == HB_OK);
    row r = every_row(&e);
    CHECK_INT(write_rows(&e, &r, 1), HB_OK);
    env_close(&e);
    CHECK_INT(env_open_as(&e, "alpha", path, every_text, "own"), HB_E_REFUSED);
    env_close(&e);
    CHECK_INT(env_open_as(&e, "alpha", path, every_text, "other"), HB_E_TYPE);
    env_close(&e);
    open_every(&e, path);
    CHECK_INT(count_rows(&e), 1);
    check_sql(&e, "SELECT count(*) FROM sqlite_schema WHERE name = 'hb_meta'", "0");
    env_close(&e);
    remove(path);
}

/* A value that Python kept in the row stays there, whatever the strategy says. */
static void a_list_stays_where_the_file_has_it(void) {
    env e;
    open_every(&e, NULL);
    sqlite_conn *conn = e.instance.state;
    CHECK_INT(
        sqlite3_exec(conn->db,
                     "CREATE TABLE every_thing (object_id VARCHAR(63) PRIMARY KEY, ai TEXT);"
                     "INSERT INTO every_thing VALUES ('a', '[1, {\"__obj_type__\": \"bigint\","
                     " \"__obj_data__\": \"1152921504606846976\"}]')",
                     NULL, NULL, NULL),
        SQLITE_OK);
    uint32_t columns[] = { field_of(&e, "ai") };
    hb_fragment scan = {
        .kind = HB_FRAG_SCAN, .limit = HB_NO_LIMIT, .columns = columns, .column_count = 1
    };
    hb_job job;
    CHECK_INT(run(&e, &scan, &job), HB_OK);
    hb_batch out = hb_rowset_batch(&job.out);
    hb_value want = json_value(&e, "[1,1152921504606846976]");
    hb_value got = hb_column_get(&out.columns[1], 0);
    CHECK(hb_value_eq(&want, &got));
    hb_rowset_free(&job.out);
    env_close(&e);
}

static void damaged_cells_are_told(void) {
    static const struct {
        const char *sql, *field;
    } cases[] = {
        { "UPDATE every_thing SET v = '[1, x]'", "v" },
        { "UPDATE every_thing SET v = '[1, 2'", "v" },
        { "UPDATE every_thing SET v = '[1, 2]'", "v" },
        { "UPDATE every_thing SET j = '{\"a\": '", "j" },
        { "UPDATE every_thing SET at = '[\"a\"'", "at" },
        { "UPDATE every_thing_aj SET item = '{'", "aj" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CASE(cases[i].sql);
        env e;
        open_every(&e, NULL);
        row r = every_row(&e);
        CHECK_INT(write_rows(&e, &r, 1), HB_OK);
        sqlite_conn *conn = e.instance.state;
        CHECK_INT(sqlite3_exec(conn->db, cases[i].sql, NULL, NULL, NULL), SQLITE_OK);
        uint32_t columns[] = { field_of(&e, cases[i].field) };
        hb_fragment scan = {
            .kind = HB_FRAG_SCAN, .limit = HB_NO_LIMIT, .columns = columns, .column_count = 1
        };
        hb_job job;
        CHECK_INT(run(&e, &scan, &job), HB_E_CORRUPT);
        CHECK_CSTR(e.err.field, cases[i].field);
        hb_rowset_free(&job.out);
        env_close(&e);
    }
}

static void keywords_fold_one_character_at_a_time(void) {
    static const char *const cases[][2] = {
        { "  Hello,\tWorld!  ", "hello world" },
        { "a\xe2\x80\x8b"
          "b",
          "ab" },
        { "\xce\x90", "\xce\xb9\xcc\x88\xcc\x81" },    /* folds to three that are not composed */
        { "\xe2\x84\xab", "\xc3\xa5" },                /* ANGSTROM SIGN */
        { "e\xcc\x81", "e\xcc\x81" },                  /* not across characters */
        { "...", "" },
        { "", "" },
        { "\xc7\x85", "\xc7\x86" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CASE(cases[i][0]);
        hb_buf out;
        hb_buf_init(&out, hb_mem_default());
        sqlite_python_keyword(hb_str_c(cases[i][0]), &out);
        CHECK_STR(hb_buf_str(&out), cases[i][1]);
        hb_buf_free(&out);
    }
}

static void tagged_json_is_plain_json(void) {
    static const char *const cases[][2] = {
        { "{\"__obj_type__\": \"tuple\", \"__obj_data__\": [1, 2]}", "[1,2]" },
        { "[{\"__obj_data__\": \"9007199254740993\", \"__obj_type__\": \"bigint\"}]",
          "[9007199254740993]" },
        { "{\"__obj_type__\": \"decimal\", \"__obj_data__\": \"1.50\"}", "1.5" },
        { "{\"__obj_type__\": \"set\", \"__obj_data__\": []}", "[]" },
        { "{\"__obj_type__\": \"ellipsis\"}", "null" },
        { "{\"__obj_type__\": \"mine\", \"x\": NaN}", "{\"__obj_type__\":\"mine\",\"x\":null}" },
        { "[-Infinity, \"NaN \\\" Infinity\"]", "[null,\"NaN \\\" Infinity\"]" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CASE(cases[i][0]);
        hb_buf out;
        hb_buf_init(&out, hb_mem_default());
        CHECK(hb_python_json_is_tagged(hb_str_c(cases[i][0])));
        CHECK_INT(hb_python_json_plain(hb_str_c(cases[i][0]), &out, NULL), HB_OK);
        CHECK_STR(hb_buf_str(&out), cases[i][1]);
        hb_buf_free(&out);
    }
}

TEST_SUITE {
    TEST(cells_are_as_python_writes_them);
    TEST(keywords_are_as_python_writes_them);
    TEST(a_deleted_row_leaves_nothing);
    TEST(a_file_keeps_its_layout);
    TEST(a_list_stays_where_the_file_has_it);
    TEST(damaged_cells_are_told);
    TEST(keywords_fold_one_character_at_a_time);
    TEST(tagged_json_is_plain_json);
}
