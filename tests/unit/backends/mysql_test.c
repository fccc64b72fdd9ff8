// SPDX-License-Identifier: MIT
/* mysql against a scripted server: what it sends to servers of both collations, tables before and after the transaction,
 * and what is left when an operation or an allocation fails. */
#include "tests/unit/support/sql_server.h"

#define MARK "information_schema.columns"
#define TEXT_TYPE "longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"
#define ID_TYPE "varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"

static const char options[] = "{\"id\":\"unit\",\"catalog\":false,\"backends\":{\"main\":{\"type\":\"mariadb\"}}}";
static const char of_schema[] = "{\"id\":\"unit\",\"catalog\":false,\"backends\":{\"main\":{\"type\":\"mysql\",\"schema\":\"their`s\"}}}";
static const char mariadb[] = "collation_name\nutf8mb4_nopad_bin\n";
static const char known[] = "TABLE_NAME,COLUMN_NAME,DATA_TYPE\nhb_unit$doc,object_id,varchar\nhb_unit$doc,name,longtext\n"
                            "hb_unit$doc,title,longtext\nhb_unit$doc,n,bigint\nhb_unit$doc,v,longblob\nhb_unitXdoc2,n,bigint\n";

static void what_is_sent(void) {
    fixture f;
    server s;
    server_init(&s, MARK);
    s.which = mariadb;
    fixture_open(&f, options);
    CHECK_INT(attach(&f, &s), HB_OK);
    CHECK_INT(registers(&f, &s), HB_OK);
    CHECK_INT(upserts(&f, &s), HB_OK);
    s.answers[0] = "object_id,title\na,One\n";
    CHECK_INT(queries(&f, &s, "{\"select\":[\"title\"],\"filter\":{\"n\":{\"$gt\":0}},\"order\":[\"title\"],\"limit\":3}"), HB_OK);
    REQUIRE(f.task != NULL);
    CHECK_CSTR(lines(&f, "title"), "a|One\n");
    CHECK_CSTR(server_sent(&s),
               "WHICH\nCOLUMNS\nCOLUMNS\nCREATE TABLE IF NOT EXISTS `hb_unit$doc` (`object_id` " ID_TYPE " PRIMARY KEY, `name` " TEXT_TYPE
               ", `title` " TEXT_TYPE ", `n` bigint, `v` longblob, KEY `doc_name_ix` (`name`(191)), KEY `doc_title_ix` (`title`(191)), "
               "KEY `doc_n_ix` (`n`)) ENGINE=InnoDB\n"
               "CREATE TABLE IF NOT EXISTS `hb_unit$hb_meta` (`key` " ID_TYPE " PRIMARY KEY, `value` longblob) ENGINE=InnoDB\n"
               "{\nINSERT INTO `hb_unit$hb_meta` (`key`, `value`) VALUES (?, ?) ON DUPLICATE KEY UPDATE `value` = VALUES(`value`)\n"
               "INSERT INTO `hb_unit$hb_meta` (`key`, `value`) VALUES (?, ?) ON DUPLICATE KEY UPDATE `value` = VALUES(`value`)\n"
               "INSERT INTO `hb_unit$hb_meta` (`key`, `value`) VALUES (?, ?) ON DUPLICATE KEY UPDATE `value` = VALUES(`value`)\n}\n"
               "{\nINSERT INTO `hb_unit$doc` (`object_id`, `name`, `title`, `n`, `v`) VALUES (?, ?, ?, CAST(? AS SIGNED), ?) ON DUPLICATE KEY UPDATE "
               "`name` = VALUES(`name`), `title` = VALUES(`title`), `n` = VALUES(`n`), `v` = VALUES(`v`)\n}\n"
               "SELECT `object_id`, `title` FROM `hb_unit$doc` WHERE `n` > CAST(? AS SIGNED) "
               "ORDER BY CASE WHEN `title` IS NULL THEN 1 ELSE 0 END, `title`, `object_id` LIMIT 4\n");
    hb_buf_free(&s.sent);
    fixture_close(&f);
}

/* OceanBase too: its own vectors come back rounded. */
static void servers_without_an_exact_collation_hold_texts_as_bytes(void) {
    fixture f;
    server s;
    server_init(&s, MARK);
    fixture_open(&f, of_schema);
    CHECK_INT(attach(&f, &s), HB_OK);
    CHECK_INT(registers(&f, &s), HB_OK);
    CHECK(strstr(server_sent(&s), "CREATE SCHEMA IF NOT EXISTS `their``s`\nCREATE TABLE IF NOT EXISTS `their``s`.`doc` (`object_id` varbinary(1020) PRIMARY KEY, `name` longblob,") != NULL);
    hb_buf_free(&s.sent);
    fixture_close(&f);
}

static void ready(fixture *f, server *s) {
    server_init(s, MARK);
    s->which = mariadb;
    s->columns = known;
    fixture_open(f, options);
    CHECK_INT(attach(f, s), HB_OK);
    CHECK_INT(registers(f, s), HB_OK);
    s->sent.len = 0;
}

static void a_prefix_is_of_few_characters(void) {
    static const struct { const char *options; hb_status want; } cases[] = {
        { "{\"id\":\"unit\",\"backends\":{\"main\":{\"type\":\"mysql\",\"prefix\":\"app_$\"}}}", HB_OK },
        { "{\"id\":\"unit\",\"backends\":{\"main\":{\"type\":\"mysql\",\"prefix\":\"App\"}}}", HB_E_INVALID_ID },
        { "{\"id\":\"unit\",\"backends\":{\"main\":{\"type\":\"mysql\",\"prefix\":\"a`b\"}}}", HB_E_INVALID_ID },
        { "{\"id\":\"unit\",\"backends\":{\"main\":{\"type\":\"mysql\",\"prefix\":\"abcdefghijabcdefghijabcdefghijabc\"}}}", HB_E_INVALID_ID },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CASE(cases[i].options);
        hb_workspace *ws = NULL;
        hb_err err;
        CHECK_INT(hb_workspace_open(hb_str_c(cases[i].options), hb_mem_default(), &ws, &err), cases[i].want);
        if (ws != NULL) hb_workspace_close(ws);
    }
}

/* A column that lacks is added with its index; that another program was quicker is no failure, and is looked at. */
static void a_table_that_grows_meanwhile(void) {
    static const struct { const char *native; hb_status want; } cases[] = {
        { "1060", HB_OK }, { "1061", HB_OK }, { "1142", HB_E_REFUSED }, { "1213", HB_E_LOCKED }, { "ECONNREFUSED", HB_E_UNAVAILABLE }, { "9999", HB_E_BACKEND },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CASE(cases[i].native);
        fixture f;
        server s;
        server_init(&s, MARK);
        s.which = mariadb;
        s.columns = "t,c,d\nhb_unit$doc,object_id,varchar\nhb_unit$doc,name,longblob\nhb_unit$doc,title,longtext\nhb_unit$doc,v,longblob\n";
        s.native = cases[i].native;
        s.fail_at = 4;
        fixture_open(&f, options);
        CHECK_INT(attach(&f, &s), HB_OK);
        CHECK_INT(registers(&f, &s), cases[i].want);
        CHECK(strstr(server_sent(&s), "COLUMNS\nCOLUMNS\nALTER TABLE `hb_unit$doc` ADD COLUMN `n` bigint, ADD KEY `doc_n_ix` (`n`)\n") != NULL);
        s.columns = known;
        s.sent.len = 0;
        if (cases[i].want == HB_OK) CHECK_INT(upserts(&f, &s), HB_OK);
        if (cases[i].want == HB_OK) CHECK(strncmp(server_sent(&s), "COLUMNS\n{\n", 10) == 0);
        hb_buf_free(&s.sent);
        fixture_close(&f);
    }
}

/* A transaction that the server undid for another one's sake is sent again, and not for ever. */
static void transactions_in_the_way_of_others(void) {
    fixture f;
    server s;
    ready(&f, &s);
    s.native = "1213";
    s.fail_at = s.operations + 1;
    CHECK_INT(upserts(&f, &s), HB_OK);
    const char *again = strstr(server_sent(&s), "{\nINSERT");
    REQUIRE(again != NULL);
    CHECK(strstr(again + 1, "{\nINSERT") != NULL);
    s.fails_from = s.operations + 1;
    CHECK_INT(upserts(&f, &s), HB_E_LOCKED);
    CHECK_CSTR(f.err.native, "1213");
    s.fails_from = 0;
    CHECK_INT(upserts(&f, &s), HB_OK);
    hb_buf_free(&s.sent);
    fixture_close(&f);
}

/* What is dropped is emptied in the transaction, and goes after it; that it cannot go is no failure. */
static void tables_that_go(void) {
    for (int fails = 0; fails < 2; fails++) {
        fixture f;
        server s;
        ready(&f, &s);
        if (fails) s.fail_at = s.operations + 2;
        CHECK_INT(served(&f, &s, (hb_request){ .kind = HB_CALL_DROP }), HB_OK);
        const char *emptied = strstr(server_sent(&s), "DELETE FROM `hb_unit$doc`\n");
        const char *dropped = strstr(server_sent(&s), "}\nDROP TABLE IF EXISTS `hb_unit$doc`\n");
        CHECK(emptied != NULL && dropped != NULL && emptied < dropped);
        hb_buf_free(&s.sent);
        fixture_close(&f);
    }
}

static void answers_that_are_none(void) {
    static const struct { const char *rows; hb_status want; } cases[] = {
        { "object_id,n\na,7\n", HB_OK },
        { "object_id,n\na,9223372036854775807\n", HB_OK },
        { "object_id,n\na,9223372036854775808\n", HB_E_BAD_REPLY },
        { "object_id,n\na,7e0\n", HB_E_BAD_REPLY },
        { "object_id\na\n", HB_E_BAD_REPLY },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CASE(cases[i].rows);
        fixture f;
        server s;
        ready(&f, &s);
        s.answers[0] = cases[i].rows;
        CHECK_INT(queries(&f, &s, "{\"select\":[\"n\"]}"), cases[i].want);
        hb_buf_free(&s.sent);
        fixture_close(&f);
    }
}

static void vectors_are_ranked_here(void) {
    fixture f;
    server s;
    ready(&f, &s);
    s.answers[0] = "object_id,v\nb,\\x0000000000000040\na,\\x0000803f00000000\n";     /* [0,2] [1,0] */
    s.answers[1] = "object_id,title\nb,B\na,A\n";
    CHECK_INT(queries(&f, &s, "{\"select\":[\"title\"],\"near\":{\"field\":\"v\",\"query\":[1,0],\"top_k\":2}}"), HB_OK);
    REQUIRE(f.task != NULL);
    CHECK_CSTR(lines(&f, "title"), "a|A\nb|B\n");
    CHECK(strncmp(server_sent(&s), "SELECT `object_id`, `v` FROM `hb_unit$doc` WHERE (`v` IS NOT NULL)\n", 60) == 0);
    hb_buf_free(&s.sent);
    fixture_close(&f);
}

static void operations_that_fail(void) {
    server s;
    server_init(&s, MARK);
    s.which = mariadb;
    s.native = "1205";
    server_operations_fail(options, s);
    hb_buf_free(&s.sent);
}

static void allocations_that_fail(void) {
    server s;
    server_init(&s, MARK);
    s.which = mariadb;
    server_allocations_fail(options, s);
    hb_buf_free(&s.sent);
}

TEST_SUITE {
    TEST(what_is_sent);
    TEST(servers_without_an_exact_collation_hold_texts_as_bytes);
    TEST(a_prefix_is_of_few_characters);
    TEST(a_table_that_grows_meanwhile);
    TEST(transactions_in_the_way_of_others);
    TEST(tables_that_go);
    TEST(answers_that_are_none);
    TEST(vectors_are_ranked_here);
    TEST(operations_that_fail);
    TEST(allocations_that_fail);
}
