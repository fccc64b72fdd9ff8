// SPDX-License-Identifier: MIT
/* postgres and pgvector against a scripted server: what they send, what they make of answers, and what is left when an
 * operation or an allocation fails. */
#include "tests/unit/support/scene.h"
#include "tests/unit/workspace/fixture.h"

#include "value/wire.h"

typedef struct server {
    const char *columns;        /* answer to the question which columns there are */
    const char *answers[8];     /* to SELECTs, in turn: "name,name\nvalue,value\n", \N for null */
    uint32_t answered;
    uint32_t fail_at;           /* which operation fails, from 1; 0: none */
    uint32_t operations;
    const char *native;         /* with this code */
    hb_buf sent;                /* statements, one a line; transactions between { and } */
} server;

static void server_init(server *s) {
    memset(s, 0, sizeof(*s));
    s->native = "XX000";
    hb_buf_init(&s->sent, hb_mem_default());
}

static const char *server_sent(server *s) {
    hb_buf_add_char(&s->sent, '\0');
    s->sent.len--;
    return s->sent.ptr;
}

/* All cells are texts: the forms that a driver may give are the business of rows.c. */
static hb_str table_of(const char *text, hb_buf *wire) {
    hb_str rest = hb_str_c(text);
    hb_rowset set = { 0 };
    hb_err err;
    uint32_t line = 0, columns = 1;
    while (rest.len > 0) {
        const int64_t end = hb_str_find(rest, HB_STR("\n"), 0);
        hb_str row = hb_str_sub(rest, 0, (uint32_t)end);
        rest = hb_str_sub(rest, (uint32_t)end + 1, rest.len);
        if (line == 0) {
            for (uint32_t i = 0; i < row.len; i++) columns += row.ptr[i] == ',';
            CHECK_INT(hb_rowset_init(&set, hb_mem_default(), columns, &err), HB_OK);
        }
        uint32_t at = 0;
        for (uint32_t c = 0; c < columns; c++) {
            uint32_t stop = at;
            while (stop < row.len && row.ptr[stop] != ',') stop++;
            hb_str cell = hb_str_sub(row, at, stop - at);
            at = stop + 1;
            if (line == 0) {
                hb_rowset_column(&set, c, cell, HB_KIND_TEXT, 0);
            } else {
                CHECK(hb_str_eq(cell, HB_STR("\\N")) ? hb_colbuf_add_null(&set.columns[c])
                                                     : hb_colbuf_add_text(&set.columns[c], cell));
            }
        }
        line++;
    }
    hb_batch batch = hb_rowset_batch(&set);
    hb_wire_write(&batch, NULL, batch.row_count, wire);
    hb_rowset_free(&set);
    return hb_buf_str(wire);
}

static bool note_statements(server *s, const hb_host_op *op) {
    hb_pack_reader reader = hb_pack_read(op->statements);
    hb_pack_item list, pair, sql;
    bool asks_columns = false;
    CHECK(hb_pack_valid(op->statements) && hb_pack_next(&reader, &list) && list.tag == HB_PACK_ARRAY);
    if (op->in_transaction) hb_buf_add_c(&s->sent, "{\n");
    for (uint32_t i = 0; i < list.count; i++) {
        hb_str params;
        CHECK(hb_pack_next(&reader, &pair) && hb_pack_next(&reader, &sql) && hb_pack_skip(&reader, &params));
        asks_columns = asks_columns || hb_str_find(sql.s, HB_STR("pg_attribute"), 0) >= 0;
        hb_buf_add_str(&s->sent, asks_columns ? HB_STR("COLUMNS") : sql.s);
        hb_buf_add_char(&s->sent, '\n');
    }
    if (op->in_transaction) hb_buf_add_c(&s->sent, "}\n");
    return asks_columns;
}

static hb_status serve(server *s, hb_task *task, const hb_host_op *op, hb_err *err) {
    const bool asks_columns = note_statements(s, op);
    hb_host_reply reply = { .op_id = op->id, .status = 200 };
    const char *answer = NULL;
    if (++s->operations == s->fail_at) {
        reply.failed = true;
        reply.native = hb_str_c(s->native);
        reply.text = HB_STR("password=hunter2");
        return hb_task_reply(task, &reply, err);
    }
    if (asks_columns) answer = s->columns;
    else if (!op->in_transaction && s->answered < 8) answer = s->answers[s->answered++];
    hb_buf wire;
    hb_buf_init(&wire, hb_mem_default());
    if (answer != NULL) reply.body = table_of(answer, &wire);
    hb_status status = hb_task_reply(task, &reply, err);
    hb_buf_free(&wire);
    return status;
}

/* A call to its end, with the server's answers. */
static hb_status served(fixture *f, server *s, hb_request request) {
    hb_task_free(f->task);
    f->task = NULL;
    request.now_ms = 1700000000000;
    hb_task *task;
    HB_TRY(hb_workspace_start(f->ws, &request, &task, &f->err));
    hb_step step = { .kind = HB_STEP_WAIT };
    hb_status status = HB_OK;
    while (status == HB_OK) {
        status = hb_task_step(task, &step, &f->err);
        if (status != HB_OK || step.kind == HB_STEP_DONE) break;
        if (!CHECK_INT(step.kind, HB_STEP_OP)) break;   /* every operation is answered at once */
        status = serve(s, task, step.op, &f->err);
    }
    if (status != HB_OK || step.kind != HB_STEP_DONE) {
        hb_task_free(task);
        return status != HB_OK ? status : HB_E_INTERNAL;
    }
    f->task = task;
    return HB_OK;
}

static const char options[] = "{\"id\":\"unit\",\"catalog\":false,\"backends\":{\"main\":{\"type\":\"pgvector\"}}}";
static const char doc[] = "{\"name\":\"Doc\",\"fields\":{\"title\":\"short-text\",\"n\":\"integer\",\"v\":\"vector[2]\"}}";
static const char row[] = "{\"object_id\":\"a\",\"title\":\"One\",\"n\":1,\"v\":[1,0]}";

static hb_status attach(fixture *f, server *s) {
    return served(f, s, (hb_request){ .kind = HB_CALL_ATTACH });
}
static hb_status registers(fixture *f, server *s) {
    return served(f, s, (hb_request){ .kind = HB_CALL_REGISTER, .text = pack_of(f, doc) });
}
static hb_status upserts(fixture *f, server *s) {
    return served(f, s, (hb_request){ .kind = HB_CALL_UPSERT, .entity = hb_workspace_entity(f->ws, HB_STR("doc")),
                                      .flags = HB_FLAG_OVERWRITE, .batch = row_of(f, row) });
}
static hb_status asks(fixture *f, server *s, const char *spec) {
    return served(f, s, (hb_request){ .kind = HB_CALL_QUERY, .entity = hb_workspace_entity(f->ws, HB_STR("doc")),
                                      .text = hb_str_c(spec) });
}

static void what_is_sent(void) {
    fixture f;
    server s;
    server_init(&s);
    fixture_open(&f, options);
    CHECK_INT(registers(&f, &s), HB_E_CLOSED);          /* not attached */
    CHECK_INT(attach(&f, &s), HB_OK);
    CHECK_INT(registers(&f, &s), HB_OK);
    CHECK_INT(upserts(&f, &s), HB_OK);
    s.answers[0] = "object_id,title\na,One\n";
    CHECK_INT(asks(&f, &s, "{\"select\":[\"title\"],\"filter\":{\"n\":{\"$gt\":0}},\"limit\":3}"), HB_OK);
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
    server_init(s);
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
        CHECK_INT(asks(&f, &s, "{\"select\":[\"n\"]}"), cases[i].want);
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
    CHECK_INT(asks(&f, &s, "{\"select\":[\"title\"],\"near\":{\"field\":\"v\",\"query\":[1,0],\"top_k\":2}}"), HB_OK);
    REQUIRE(f.task != NULL);
    CHECK_CSTR(lines(&f, "title"), "a|A\nb|B\n");
    CHECK(strstr(server_sent(&s), "ORDER BY coalesce(nullif(\"v\" <=> $1::vector, 'NaN'), 1), \"object_id\" LIMIT $2::bigint") != NULL);
    hb_buf_free(&s.sent);
    fixture_close(&f);
}

/* Every operation of a life fails once, in turn: a typed error that names the backend and no secret, and the next
 * attempt of the same call succeeds. */
static void operations_that_fail(void) {
    for (uint32_t at = 1; at < 32; at++) {
        fixture f;
        server s;
        server_init(&s);
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
        CHECK_INT(asks(&f, &s, "{\"select\":[\"n\"]}"), at == s.operations ? want : HB_OK);
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
        server_init(&s);
        hb_arena_init(&f.arena, hb_mem_default());
        faulty_from(&memory, at, false);
        hb_status status = hb_workspace_open(hb_str_c(options), &memory.mem, &f.ws, &f.err);
        s.answers[0] = "object_id,n\na,1\n";
        if (status == HB_OK) status = attach(&f, &s);
        if (status == HB_OK) status = registers(&f, &s);
        if (status == HB_OK) status = upserts(&f, &s);
        if (status == HB_OK) status = asks(&f, &s, "{\"select\":[\"n\"]}");
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
    TEST(operations_that_fail);
    TEST(allocations_that_fail);
}
