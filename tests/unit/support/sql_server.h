// SPDX-License-Identifier: MIT
/* A scripted server for the SQL engines that are reached by operations of the host: it notes what is sent, answers from a
 * list, and fails when it is told to. */
#ifndef HB_TESTS_SQL_SERVER_H
#define HB_TESTS_SQL_SERVER_H

#include "tests/unit/support/scene.h"
#include "tests/unit/workspace/fixture.h"

#include "value/wire.h"

typedef struct server {
    const char *columns;        /* answer to the question which columns there are... */
    const char *asks_columns;   /* ...which has this in it */
    const char *which;          /* answer to the question for collations, if it is asked */
    const char *answers[8];     /* to SELECTs, in turn: "name,name\nvalue,value\n", \N for null */
    uint32_t answered;
    uint32_t fail_at;           /* which operation fails, from 1; 0: none */
    uint32_t fails_from;        /* and from which on all do */
    uint32_t operations;
    const char *native;         /* with this code */
    hb_buf sent;                /* statements, one a line; transactions between { and } */
    bool with_types;            /* of their parameters, behind the statements */
} server;

static inline void server_init(server *s, const char *asks_columns) {
    memset(s, 0, sizeof(*s));
    s->asks_columns = asks_columns;
    s->native = "XX000";
    hb_buf_init(&s->sent, hb_mem_default());
}

static inline const char *server_sent(server *s) {
    hb_buf_add_char(&s->sent, '\0');
    s->sent.len--;
    return s->sent.ptr;
}

/* All cells are texts: the forms that a driver may give are the business of rows.c. */
static inline hb_str table_of(const char *text, hb_buf *wire) {
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

static inline const char *server_type_name(const hb_value *value) {
    static const char *const names[HB_KIND_COUNT] = { "null", "bool", "int", "float", "text", "bytes", "vector", "pack" };
    return names[value->kind];
}

/* "  -- int, text" for a list of parameters. */
static inline void note_types(server *s, hb_str params) {
    static const char *const names[] = { [HB_PACK_NIL] = "null", [HB_PACK_BOOL] = "bool", [HB_PACK_INT] = "int", [HB_PACK_FLOAT] = "float", [HB_PACK_STR] = "text", [HB_PACK_BIN] = "bytes" };
    hb_pack_reader reader = hb_pack_read(params);
    hb_pack_item list, item;
    CHECK(hb_pack_next(&reader, &list));
    for (uint32_t i = 0; i < list.count && CHECK(hb_pack_next(&reader, &item) && (size_t)item.tag < sizeof names / sizeof names[0]); i++) {
        hb_buf_printf(&s->sent, "%s%s", i == 0 ? "  -- " : ", ", names[item.tag]);
    }
}

/* What is asked: 'c' for columns, 'w' for which engine, 'r' for rows, 0 for nothing. */
static inline char note_statements(server *s, const hb_host_op *op) {
    hb_pack_reader reader = hb_pack_read(op->statements);
    hb_pack_item list, pair, sql;
    char asks = 0;
    CHECK(hb_pack_valid(op->statements) && hb_pack_next(&reader, &list) && list.tag == HB_PACK_ARRAY);
    if (op->in_transaction) hb_buf_add_c(&s->sent, "{\n");
    for (uint32_t i = 0; i < list.count; i++) {
        hb_str params;
        CHECK(hb_pack_next(&reader, &pair) && hb_pack_next(&reader, &sql) && hb_pack_skip(&reader, &params));
        asks = hb_str_starts(sql.s, HB_STR("SELECT ")) && !op->in_transaction ? 'r' : 0;
        if (hb_str_find(sql.s, hb_str_c(s->asks_columns), 0) >= 0) asks = 'c';
        if (hb_str_find(sql.s, HB_STR("collations"), 0) >= 0) asks = 'w';
        hb_buf_add_str(&s->sent, asks == 'c' ? HB_STR("COLUMNS") : asks == 'w' ? HB_STR("WHICH") : sql.s);
        if (s->with_types) note_types(s, params);
        hb_buf_add_char(&s->sent, '\n');
    }
    if (op->in_transaction) hb_buf_add_c(&s->sent, "}\n");
    return asks;
}

static inline hb_status serve(server *s, hb_task *task, const hb_host_op *op, hb_err *err) {
    const char asks = note_statements(s, op);
    hb_host_reply reply = { .op_id = op->id, .status = 200 };
    const char *answer = NULL;
    s->operations++;
    if (s->operations == s->fail_at || (s->fails_from > 0 && s->operations >= s->fails_from)) {
        reply.failed = true;
        reply.native = hb_str_c(s->native);
        reply.text = HB_STR("password=hunter2");
        return hb_task_reply(task, &reply, err);
    }
    if (asks == 'c') answer = s->columns;
    if (asks == 'w') answer = s->which;
    if (asks == 'r' && s->answered < 8) answer = s->answers[s->answered++];
    hb_buf wire;
    hb_buf_init(&wire, hb_mem_default());
    if (answer != NULL) reply.body = table_of(answer, &wire);
    hb_status status = hb_task_reply(task, &reply, err);
    hb_buf_free(&wire);
    return status;
}

/* A call to its end, with the server's answers. */
static inline hb_status served(fixture *f, server *s, hb_request request) {
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

static const char doc[] = "{\"name\":\"Doc\",\"fields\":{\"title\":\"short-text\",\"n\":\"integer\",\"v\":\"vector[2]\"}}";
static const char row[] = "{\"object_id\":\"a\",\"title\":\"One\",\"n\":1,\"v\":[1,0]}";

static inline hb_status attach(fixture *f, server *s) {
    return served(f, s, (hb_request){ .kind = HB_CALL_ATTACH });
}
static inline hb_status registers(fixture *f, server *s) {
    return served(f, s, (hb_request){ .kind = HB_CALL_REGISTER, .text = pack_of(f, doc) });
}
static inline hb_status upserts(fixture *f, server *s) {
    return served(f, s, (hb_request){ .kind = HB_CALL_UPSERT, .entity = hb_workspace_entity(f->ws, HB_STR("doc")),
                                      .flags = HB_FLAG_OVERWRITE, .batch = row_of(f, row) });
}
static inline hb_status queries(fixture *f, server *s, const char *spec) {
    return served(f, s, (hb_request){ .kind = HB_CALL_QUERY, .entity = hb_workspace_entity(f->ws, HB_STR("doc")),
                                      .text = hb_str_c(spec) });
}
static inline hb_status explains(fixture *f, server *s, const char *spec) {
    return served(f, s, (hb_request){ .kind = HB_CALL_EXPLAIN, .entity = hb_workspace_entity(f->ws, HB_STR("doc")),
                                      .text = hb_str_c(spec) });
}

/* Every operation of a life fails once, in turn, as if another transaction was in the way (fresh.native) or the server
 * was gone: a typed error that names the backend and no secret, and the next
 * attempt of the same call succeeds. */
static inline void server_operations_fail(const char *options, server fresh) {
    for (uint32_t at = 1; at < 32; at++) {
        fixture f;
        server s = fresh;
        hb_buf_init(&s.sent, hb_mem_default());
        s.fail_at = at;
        s.native = at % 2 == 0 ? "ECONNRESET" : fresh.native;
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
static inline void server_allocations_fail(const char *options, server fresh) {
    const uint64_t stride = scene_runs_long() ? 1 : 7;
    for (uint64_t at = 1;; at += stride) {
        faulty memory;
        faulty_init(&memory);
        fixture f = { 0 };
        server s = fresh;
        hb_buf_init(&s.sent, hb_mem_default());
        hb_arena_init(&f.arena, hb_mem_default());
        faulty_from(&memory, at, false);
        hb_status status = hb_workspace_open(hb_str_c(options), &memory.mem, &f.ws, &f.err);
        s.answers[0] = "object_id,n\na,1\n";
        if (status == HB_OK) status = attach(&f, &s);
        if (status == HB_OK) status = registers(&f, &s);
        if (status == HB_OK) status = upserts(&f, &s);
        if (status == HB_OK) status = explains(&f, &s, "{\"select\":[\"n\"],\"filter\":{\"n\":1}}");
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

#endif
