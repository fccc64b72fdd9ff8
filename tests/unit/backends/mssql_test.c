// SPDX-License-Identifier: MIT
/* mssql and oracle against a scripted server: what they send, texts that are stored with a mark, and what errors mean. */
#include "tests/unit/support/sql_server.h"

#include "backends/sql/remote.h"

#define BIN "COLLATE Latin1_General_100_BIN2"
#define UTF8(c) "CAST(CAST([" c "] " BIN "_UTF8 AS varchar(max)) AS varbinary(max))"

static const char mssql[] = "{\"id\":\"unit\",\"catalog\":false,\"backends\":{\"main\":{\"type\":\"sqlserver\"}}}";
static const char mssql_of_schema[] = "{\"id\":\"unit\",\"catalog\":false,\"backends\":{\"main\":{\"type\":\"mssql\",\"schema\":\"their]s\"}}}";
static const char oracle[] = "{\"id\":\"unit\",\"catalog\":false,\"backends\":{\"main\":{\"type\":\"oracle\"}}}";

static void opens(fixture *f, server *s, const char *options) {
    server_init(s, strstr(options, "oracle") != NULL ? "_tab_columns" : "INFORMATION_SCHEMA.COLUMNS");
    s->native = strstr(options, "oracle") != NULL ? "60" : "1205";
    fixture_open(f, options);
}

static void closes(fixture *f, server *s) {
    hb_buf_free(&s->sent);
    fixture_close(f);
}

static void what_goes_to_sql_server(void) {
    fixture f;
    server s;
    opens(&f, &s, mssql);
    CHECK_INT(attach(&f, &s), HB_OK);
    CHECK_INT(registers(&f, &s), HB_OK);
    CHECK_INT(upserts(&f, &s), HB_OK);
    s.answers[0] = "object_id,title\na,One\n";
    CHECK_INT(queries(&f, &s, "{\"select\":[\"title\"],\"filter\":{\"n\":{\"$gt\":0}},\"order\":[\"title\",\"title\",\"object_id\"],\"limit\":3}"), HB_OK);
    REQUIRE(f.task != NULL);
    CHECK_CSTR(lines(&f, "title"), "a|One\n");
#define META "MERGE INTO [hb_unit$hb_meta] WITH (HOLDLOCK) AS t USING (VALUES (@p1, CAST(@p2 AS varbinary(max)))) AS s ([key], [value]) ON t.[key] = s.[key] " \
             "WHEN MATCHED THEN UPDATE SET [value] = s.[value] WHEN NOT MATCHED THEN INSERT ([key], [value]) VALUES (s.[key], s.[value]);\n"
    CHECK_CSTR(server_sent(&s),
               "COLUMNS\nCOLUMNS\nCREATE TABLE [hb_unit$doc] ([object_id] nvarchar(511) " BIN " PRIMARY KEY, [name] nvarchar(max) " BIN ", [title] nvarchar(max) " BIN
               ", [n] bigint, [v] varbinary(max))\nCREATE INDEX [doc_n_ix] ON [hb_unit$doc] ([n])\n"
               "CREATE TABLE [hb_unit$hb_meta] ([key] nvarchar(511) " BIN " PRIMARY KEY, [value] varbinary(max))\n"
               "{\n" META META META "}\n"
               "{\nMERGE INTO [hb_unit$doc] WITH (HOLDLOCK) AS t USING (VALUES (@p1, @p2, @p3, CAST(@p4 AS bigint), CAST(@p5 AS varbinary(max)))) AS s "
               "([object_id], [name], [title], [n], [v]) ON t.[object_id] = s.[object_id] WHEN MATCHED THEN UPDATE SET [name] = s.[name], [title] = s.[title], [n] = s.[n], [v] = s.[v] "
               "WHEN NOT MATCHED THEN INSERT ([object_id], [name], [title], [n], [v]) VALUES (s.[object_id], s.[name], s.[title], s.[n], s.[v]);\n}\n"
               "SELECT [object_id], [title] FROM [hb_unit$doc] WHERE [n] > CAST(@p1 AS bigint) ORDER BY CASE WHEN [title] IS NULL THEN 1 ELSE 0 END, " UTF8("title") ", "
               "CASE WHEN [object_id] IS NULL THEN 1 ELSE 0 END, " UTF8("object_id") " OFFSET 0 ROWS FETCH NEXT 4 ROWS ONLY\n");
    closes(&f, &s);
    opens(&f, &s, mssql_of_schema);
    CHECK_INT(attach(&f, &s), HB_OK);
    CHECK_INT(registers(&f, &s), HB_OK);
    CHECK(strstr(server_sent(&s), "COLUMNS\nCREATE SCHEMA [their]]s]\nCREATE TABLE [their]]s].[doc] (") != NULL);
    closes(&f, &s);
}

static void what_goes_to_oracle(void) {
    fixture f;
    server s;
    opens(&f, &s, oracle);
    CHECK_INT(attach(&f, &s), HB_OK);
    CHECK_INT(registers(&f, &s), HB_OK);
    CHECK_INT(upserts(&f, &s), HB_OK);
    CHECK_INT(served(&f, &s, (hb_request){ .kind = HB_CALL_DROP }), HB_OK);
#define META_OF_ORACLE "DELETE FROM \"hb_unit$hb_meta\" WHERE \"key\" = :1\nINSERT ALL INTO \"hb_unit$hb_meta\" (\"key\", \"value\") VALUES (:1, :2) SELECT 1 FROM dual\n"
    const char *start = "COLUMNS\nCOLUMNS\nCREATE TABLE \"hb_unit$doc\" (\"object_id\" VARCHAR2(1021 BYTE) PRIMARY KEY, \"name\" CLOB, \"title\" CLOB, \"n\" NUMBER(19), \"v\" BLOB)\n"
                        "CREATE INDEX \"";
    CHECK(strncmp(server_sent(&s), start, strlen(start)) == 0);
    CHECK(strstr(server_sent(&s), "{\n" META_OF_ORACLE META_OF_ORACLE META_OF_ORACLE "}\n{\nDELETE FROM \"hb_unit$doc\" WHERE \"object_id\" = :1\n"
                                  "INSERT ALL INTO \"hb_unit$doc\" (\"object_id\", \"name\", \"title\", \"n\", \"v\") VALUES (:1, :2, :3, CAST(:4 AS NUMBER(19)), :5) SELECT 1 FROM dual\n}\n") != NULL);
    CHECK(strstr(server_sent(&s), "DELETE FROM \"hb_unit$doc\"\n") != NULL && strstr(server_sent(&s), "}\nDROP TABLE \"hb_unit$doc\"\n") != NULL);
    closes(&f, &s);
}

/* What the engine would confuse gets a mark, which no other text has, and the order stays. */
static void marks_keep_texts_apart_and_in_order(void) {
    static const char *const texts[] = { "", "\1", "\1\1", "\1\1\1", "\1 ", "\1a", "\2", "\t", "\n", " ", " \1", "  ", " a", "a", "a\1", "a\1\1", "a\1b", "a\t", "a ", "a \1", "a  ", "a b", "ab", "b" };
    static const hb_dialect *const both[] = { &hb_dialect_mssql, &hb_dialect_oracle };
    hb_arena arena;
    hb_arena_init(&arena, hb_mem_default());
    for (size_t d = 0; d < 2; d++) {
        hb_sql sql;
        CASE(both[d]->name);
        hb_sql_init(&sql, both[d], hb_mem_default(), &arena);
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
            const hb_str a = hb_sql_marked(&sql, hb_str_c(texts[i]));
            CASE(texts[i]);
            CHECK(both[d] == &hb_dialect_mssql ? !hb_str_ends(a, HB_STR(" ")) : a.len > 0);
            CHECK_INT(a.len > 0 && a.ptr[a.len - 1] == HB_SQL_MARK, hb_sql_is_marked(both[d], hb_str_c(texts[i])));
            for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++) {
                const int want = hb_str_cmp(hb_str_c(texts[i]), hb_str_c(texts[k])), found = hb_str_cmp(a, hb_sql_marked(&sql, hb_str_c(texts[k])));
                CHECK_INT((found > 0) - (found < 0), (want > 0) - (want < 0));
            }
        }
        hb_sql_free(&sql);
    }
    CHECK(!hb_sql_is_marked(&hb_dialect_postgres, HB_STR("")) && !hb_sql_is_marked(&hb_dialect_mssql, HB_STR("")) && hb_sql_is_marked(&hb_dialect_oracle, HB_STR("")));
    hb_arena_free(&arena);
}

static void marks_are_taken_off_again(void) {
    static const char columns[] = "t,c,d\nhb_unit$doc,object_id,VARCHAR2\nhb_unit$doc,name,CLOB\nhb_unit$doc,title,CLOB\nhb_unit$doc,n,NUMBER19\nhb_unit$doc,v,BLOB\n";
    fixture f;
    server s;
    opens(&f, &s, oracle);
    s.columns = columns;
    CHECK_INT(attach(&f, &s), HB_OK);
    CHECK_INT(registers(&f, &s), HB_OK);
    s.answers[0] = "object_id,title\na,\1\nb,\\N\nc,x\1\1\nd,x\ne \1,y\n";
    CHECK_INT(queries(&f, &s, "{\"select\":[\"title\"]}"), HB_OK);
    CHECK_CSTR(lines(&f, "title"), "a|\nb|\nc|x\1\nd|x\ne |y\n");
    closes(&f, &s);
}

/* Lists of ids that are longer than the engine's lists. */
static void long_lists(void) {
    hb_arena arena;
    hb_arena_init(&arena, hb_mem_default());
    hb_str ids[2001];
    for (uint32_t i = 0; i < 2001; i++) ids[i] = hb_arena_printf(&arena, "id %u ", i);
    hb_sql sql;
    hb_err err;
    hb_sql_init(&sql, &hb_dialect_mssql, hb_mem_default(), &arena);
    CHECK_INT(sql_add_in(&sql, HB_STR("c"), ids, 2001, &err), HB_OK);
    CHECK_STR(hb_sql_text(&sql), "[c] IN (SELECT value " BIN " FROM OPENJSON(@p1))");
    REQUIRE(sql.param_count == 1);
    CHECK(hb_str_starts(sql.params[0].value.as.s, HB_STR("[\"id 0 \\u0001\",\"id 1 \\u0001\"")));
    hb_sql_free(&sql);
    hb_sql_init(&sql, &hb_dialect_oracle, hb_mem_default(), &arena);
    CHECK_INT(sql_add_in(&sql, HB_STR("c"), ids, 2001, &err), HB_OK);
    CHECK_INT(sql.param_count, 2001);
    CHECK(hb_str_starts(hb_sql_text(&sql), HB_STR("(\"c\" IN (:1, :2")));
    CHECK(hb_str_find(hb_sql_text(&sql), HB_STR(":1000) OR \"c\" IN (:1001, "), 0) > 0 && hb_str_ends(hb_sql_text(&sql), HB_STR(":2000) OR \"c\" = :2001)")));
    hb_sql_clear(&sql);
    hb_sql_limit(&sql, 0, 7);       /* FETCH NEXT 0 is an error in SQL Server */
    CHECK_STR(hb_sql_text(&sql), " OFFSET 9223372036854775807 ROWS FETCH NEXT 1 ROWS ONLY");
    hb_sql_free(&sql);
    hb_arena_free(&arena);
}

static void what_errors_mean(void) {
    static const struct { const char *options, *native; hb_status want; } cases[] = {
        { mssql, "2627", HB_E_UNIQUE }, { mssql, "229", HB_E_REFUSED }, { mssql, "ELOGIN", HB_E_REFUSED }, { mssql, "208", HB_E_SCHEMA_DRIFT }, { mssql, "1222", HB_E_LOCKED },
        { mssql, "ECANCEL", HB_E_TIMEOUT }, { mssql, "8115", HB_E_VALIDATION }, { mssql, "EPARAM", HB_E_VALIDATION }, { mssql, "8003", HB_E_LIMIT }, { mssql, "40613", HB_E_UNAVAILABLE },
        { mssql, "ESOCKET", HB_E_UNAVAILABLE }, { mssql, "50000", HB_E_BACKEND }, { mssql, "hunter", HB_E_BACKEND },
        { oracle, "1031", HB_E_REFUSED }, { oracle, "942", HB_E_SCHEMA_DRIFT }, { oracle, "54", HB_E_LOCKED }, { oracle, "1013", HB_E_TIMEOUT }, { oracle, "NJS-123", HB_E_TIMEOUT },
        { oracle, "12899", HB_E_VALIDATION }, { oracle, "1795", HB_E_LIMIT }, { oracle, "12541", HB_E_UNAVAILABLE }, { oracle, "NJS-500", HB_E_UNAVAILABLE }, { oracle, "600", HB_E_BACKEND },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fixture f;
        server s;
        CASE(cases[i].native);
        opens(&f, &s, cases[i].options);
        s.native = cases[i].native;
        s.fail_at = 1;
        CHECK_INT(attach(&f, &s), cases[i].want);
        CHECK_CSTR(f.err.native, cases[i].native);
        CHECK(strstr(f.err.msg, "hunter2") == NULL);
        closes(&f, &s);
    }
}

/* That another program made a table meanwhile is no failure; a transaction that was in its way, or met its row, goes out again. */
static void others_meanwhile(void) {
    static const struct { const char *options, *made, *again; } cases[] = { { mssql, "2714", "1205" }, { oracle, "955", "1" } };
    for (size_t i = 0; i < 2; i++) {
        fixture f;
        server s;
        CASE(cases[i].made);
        opens(&f, &s, cases[i].options);
        CHECK_INT(attach(&f, &s), HB_OK);
        s.native = cases[i].made;
        s.fail_at = s.operations + 2;
        CHECK_INT(registers(&f, &s), HB_OK);
        s.native = cases[i].again;
        s.fails_from = s.operations + 1;
        s.sent.len = 0;
        const hb_status status = upserts(&f, &s);
        CHECK(status == HB_E_LOCKED || status == HB_E_UNIQUE);
        s.fails_from = 0;
        CHECK_INT(upserts(&f, &s), HB_OK);
        closes(&f, &s);
    }
}

static void operations_fail(void) {
    static const char *const all[] = { mssql, oracle };
    for (size_t i = 0; i < 2; i++) {
        server s;
        CASE(all[i]);
        server_init(&s, i == 1 ? "_tab_columns" : "INFORMATION_SCHEMA.COLUMNS");
        hb_buf_free(&s.sent);
        s.native = i == 1 ? "54" : "1222";
        server_operations_fail(all[i], s);
    }
}

TEST_SUITE {
    TEST(what_goes_to_sql_server);
    TEST(what_goes_to_oracle);
    TEST(marks_keep_texts_apart_and_in_order);
    TEST(marks_are_taken_off_again);
    TEST(long_lists);
    TEST(what_errors_mean);
    TEST(others_meanwhile);
    TEST(operations_fail);
}
