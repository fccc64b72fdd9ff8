// SPDX-License-Identifier: MIT
/* postgres and pgvector against a scripted server: what they send, what they make of answers, and what is left when an
 * operation or an allocation fails. */
#include "tests/unit/support/sql_server.h"

#define MARK "pg_attribute"

static const char options[] = "{\"id\":\"unit\",\"catalog\":false,\"backends\":{\"main\":{\"type\":\"pgvector\"}}}";

static void what_is_sent(void) {
    fixture f;
    server s;
    server_init(&s, MARK);
    fixture_open(&f, options);
    CHECK_INT(registers(&f, &s), HB_E_CLOSED);          /* not attached */
    CHECK_INT(attach(&f, &s), HB_OK);
    CHECK_INT(registers(&f, &s), HB_OK);
    CHECK_INT(upserts(&f, &s), HB_OK);
    s.answers[0] = "object_id,title\na,One\n";
    CHECK_INT(queries(&f, &s, "{\"select\":[\"title\"],\"filter\":{\"n\":{\"$gt\":0}},\"limit\":3}"), HB_OK);
    REQUIRE(f.task != NULL);
    CHECK_CSTR(lines(&f, "title"), "a|One\n");
    CHECK_CSTR(server_sent(&s),
               "COLUMNS\nCOLUMNS\n{\nSELECT pg_advisory_xact_lock(hashtext($1::text))\nCREATE SCHEMA IF NOT EXISTS \"hb_unit\"\n"
               "CREATE TABLE IF NOT EXISTS \"hb_unit\".\"doc\" (\"object_id\" text COLLATE \"C\" PRIMARY KEY, \"name\" text COLLATE \"C\", "
               "\"title\" text COLLATE \"C\", \"n\" bigint, \"v\" vector(2))\n"
               "CREATE INDEX IF NOT EXISTS \"doc_name_ix\" ON \"hb_unit\".\"doc\" (\"name\")\n"
               "CREATE INDEX IF NOT EXISTS \"doc_title_ix\" ON \"hb_unit\".\"doc\" (\"title\")\n"
               "CREATE INDEX IF NOT EXISTS \"doc_n_ix\" ON \"hb_unit\".\"doc\" (\"n\")\n}\n"
               "{\nSELECT pg_advisory_xact_lock(hashtext($1::text))\n"
               "CREATE TABLE IF NOT EXISTS \"hb_unit\".\"hb_meta\" (\"key\" text COLLATE \"C\" PRIMARY KEY, \"value\" bytea)\n"
               "INSERT INTO \"hb_unit\".\"hb_meta\" (\"key\", \"value\") VALUES ($1::text, $2::bytea) ON CONFLICT (\"key\") DO UPDATE SET \"value\" = excluded.\"value\"\n"
               "INSERT INTO \"hb_unit\".\"hb_meta\" (\"key\", \"value\") VALUES ($1::text, $2::bytea) ON CONFLICT (\"key\") DO UPDATE SET \"value\" = excluded.\"value\"\n"
               "INSERT INTO \"hb_unit\".\"hb_meta\" (\"key\", \"value\") VALUES ($1::text, $2::bytea) ON CONFLICT (\"key\") DO UPDATE SET \"value\" = excluded.\"value\"\n}\n"
               "{\nINSERT INTO \"hb_unit\".\"doc\" (\"object_id\", \"name\", \"title\", \"n\", \"v\") VALUES ($1::text, $2::text, $3::text, $4::bigint, $5::vector) "
               "ON CONFLICT (\"object_id\") DO UPDATE SET \"name\" = excluded.\"name\", \"title\" = excluded.\"title\", \"n\" = excluded.\"n\", \"v\" = excluded.\"v\"\n}\n"
               "SELECT \"object_id\", \"title\" FROM \"hb_unit\".\"doc\" WHERE \"n\" > $1::bigint ORDER BY \"object_id\" NULLS LAST LIMIT $2::bigint\n");
    hb_buf_free(&s.sent);
    fixture_close(&f);
}

/* A workspace whose tables are there. */
static const char known[] = "table,column,type\ndoc,object_id,text\ndoc,name,text\ndoc,title,text\ndoc,n,int8\ndoc,v,vector\n";

static void ready(fixture *f, server *s) {
    server_init(s, MARK);
    s->columns = known;
    fixture_open(f, options);
    CHECK_INT(attach(f, s), HB_OK);
    CHECK_INT(registers(f, s), HB_OK);
}

static void answers_that_are_none(void) {
    static const struct { const char *rows; hb_status want; } cases[] = {
        { "object_id,n\na,7\n", HB_OK },
        { "object_id,n\na,\\N\n", HB_OK },
        { "object_id,n\na,seven\n", HB_E_BAD_REPLY },
        { "object_id,n\na,99999999999999999999\n", HB_E_BAD_REPLY },
        { "object_id,n\na,1.5\n", HB_E_BAD_REPLY },
        { "object_id\na\n", HB_E_BAD_REPLY },
        { "object_id,n,more\na,1,2\n", HB_E_BAD_REPLY },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CASE(cases[i].rows);
        fixture f;
        server s;
        ready(&f, &s);
        s.answers[0] = cases[i].rows;
        CHECK_INT(queries(&f, &s, "{\"select\":[\"n\"]}"), cases[i].want);
        if (cases[i].want != HB_OK) CHECK_CSTR(f.err.backend, "main");
        hb_buf_free(&s.sent);
        fixture_close(&f);
    }
}

static void the_core_scores_what_the_engine_found(void) {
    fixture f;
    server s;
    ready(&f, &s);
    s.answers[0] = "object_id,v\nb,\\x0000000000000040\na,\\x0000803f00000000\nc,\\x000080bf00000000\n";     /* [0,2] [1,0] [-1,0] */
    s.answers[1] = "object_id,title\nb,B\na,A\n";
    CHECK_INT(queries(&f, &s, "{\"select\":[\"title\"],\"near\":{\"field\":\"v\",\"query\":[1,0],\"top_k\":2}}"), HB_OK);
    REQUIRE(f.task != NULL);
    CHECK_CSTR(lines(&f, "title"), "a|A\nb|B\n");
    CHECK(strstr(server_sent(&s), "ORDER BY coalesce(nullif(\"v\" <=> $1::vector, 'NaN'), 1), \"object_id\" LIMIT $2::bigint") != NULL);
    hb_buf_free(&s.sent);
    fixture_close(&f);
}

#define GROUPS "min,g,c,s,c2,s2,d\n"

/* Sums come as digits, so that none is cut off on the way; what does not fit says so. */
static void groups_are_the_engines(void) {
    static const char sums[] = "{\"group_by\":[\"title\"],\"aggregate\":{\"s\":{\"sum\":{\"field\":\"n\"}},"
                               "\"a\":{\"avg\":{\"field\":\"n\"}},\"d\":{\"count\":{\"field\":\"n\",\"distinct\":true}}},\"filter\":{\"n\":{\"$gt\":0}}}";
    static const struct { const char *answer, *want; hb_status status; } cases[] = {
        { GROUPS "a,Two,2,9007199254740993,2,3,2\nb,\\N,0,\\N,0,\\N,0\n", "Two|9007199254740993\n|\n", HB_OK },
        { GROUPS "a,Two,1,9223372036854775807,1,-1,1\n", "Two|9223372036854775807\n", HB_OK },
        { GROUPS "a,Two,1,-9223372036854775808,1,1,1\n", "Two|-9223372036854775808\n", HB_OK },
        { GROUPS "a,Two,2,9223372036854775808,2,3,1\n", NULL, HB_E_LIMIT },
        { GROUPS "a,Two,2,-9223372036854775809,2,3,1\n", NULL, HB_E_LIMIT },
        { GROUPS "a,Two,2,340282366920938463463374607431768211456,2,3,1\n", NULL, HB_E_BAD_REPLY },
        { GROUPS "a,Two,2,1e3,2,3,1\n", NULL, HB_E_BAD_REPLY },
        { GROUPS "a,Two,2,-,2,3,1\n", NULL, HB_E_BAD_REPLY },
        { GROUPS "a,Two,2,\\N,2,3,1\n", NULL, HB_E_BAD_REPLY },
        { GROUPS "a,Two,-2,1,2,3,1\n", NULL, HB_E_BAD_REPLY },
        { GROUPS "\\N,Two,2,1,2,3,1\n", NULL, HB_E_BAD_REPLY },
        { GROUPS "a,Two,2,1\n", NULL, HB_E_BAD_REPLY },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CASE(cases[i].answer);
        fixture f;
        server s;
        ready(&f, &s);
        s.answers[0] = cases[i].answer;
        CHECK_INT(queries(&f, &s, sums), cases[i].status);
        if (cases[i].want != NULL) CHECK_CSTR(lines(&f, "s"), cases[i].want);
        CHECK(strstr(server_sent(&s),
                     "SELECT min(\"object_id\"), \"title\", count(\"n\"), CAST(sum(\"n\") AS text), count(\"n\"), CAST(sum(\"n\") AS text), "
                     "count(DISTINCT \"n\") FROM \"hb_unit\".\"doc\" WHERE \"n\" > $1::bigint GROUP BY \"title\" ORDER BY 1\n") != NULL);
        hb_buf_free(&s.sent);
        fixture_close(&f);
    }
}

/* Every operation of a life fails once, in turn: a typed error that names the backend and no secret, and the next
 * attempt of the same call succeeds. */
static void operations_that_fail(void) {
    for (uint32_t at = 1; at < 32; at++) {
        fixture f;
        server s;
        server_init(&s, MARK);
        s.fail_at = at;
        s.native = at % 2 == 0 ? "57P01" : "40001";
        const hb_status want = at % 2 == 0 ? HB_E_UNAVAILABLE : HB_E_LOCKED;
        fixture_open(&f, options);
        hb_status (*const calls[])(fixture *, server *) = { attach, registers, upserts };
        for (size_t c = 0; c < 3; c++) {
            hb_status status = calls[c](&f, &s);
            if (status == HB_OK) continue;
            CHECK_INT(status, want);
            CHECK_CSTR(f.err.backend, "main");
            CHECK(strstr(f.err.msg, "hunter2") == NULL);
            CHECK_INT(calls[c](&f, &s), HB_OK);
        }
        s.answers[s.answered] = "object_id,n\na,1\n";
        CHECK_INT(queries(&f, &s, "{\"select\":[\"n\"]}"), at == s.operations ? want : HB_OK);
        const bool reached = s.operations >= at;
        hb_buf_free(&s.sent);
        fixture_close(&f);
        if (!reached) break;
    }
}

/* So does every allocation; nothing is lost of what the allocator gave. */
static void allocations_that_fail(void) {
    const uint64_t stride = scene_runs_long() ? 1 : 7;
    for (uint64_t at = 1;; at += stride) {
        faulty memory;
        faulty_init(&memory);
        fixture f = { 0 };
        server s;
        server_init(&s, MARK);
        hb_arena_init(&f.arena, hb_mem_default());
        faulty_from(&memory, at, false);
        hb_status status = hb_workspace_open(hb_str_c(options), &memory.mem, &f.ws, &f.err);
        s.answers[0] = "object_id,n\na,1\n";
        if (status == HB_OK) status = attach(&f, &s);
        if (status == HB_OK) status = registers(&f, &s);
        if (status == HB_OK) status = upserts(&f, &s);
        if (status == HB_OK) status = queries(&f, &s, "{\"select\":[\"n\"]}");
        CHECK_INT(status, memory.failed ? HB_E_MEMORY : HB_OK);
        hb_buf_free(&s.sent);
        hb_task_free(f.task);
        if (f.ws != NULL) hb_workspace_close(f.ws);
        hb_arena_free(&f.arena);
        CHECK_INT(memory.live, 0);
        CHECK_INT(memory.wrong_sizes, 0);
        if (!memory.failed) break;
    }
}

TEST_SUITE {
    TEST(what_is_sent);
    TEST(answers_that_are_none);
    TEST(the_core_scores_what_the_engine_found);
    TEST(groups_are_the_engines);
    TEST(operations_that_fail);
    TEST(allocations_that_fail);
}
