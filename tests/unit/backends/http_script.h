// SPDX-License-Identifier: MIT
/* A server by HTTP that answers from a script, for the transports "neon", "gateway", "planetscale", "trino" and "http" of starrocks: what it was asked, with its
 * waits; and an answer to each request that the script says nothing about. For unit tests and fuzzers. */
#ifndef HB_TESTS_UNIT_BACKENDS_HTTP_SCRIPT_H
#define HB_TESTS_UNIT_BACKENDS_HTTP_SCRIPT_H

#include <stdio.h>
#include <stdlib.h>

#include "base/base64.h"
#include "hb.h"
#include "value/pack.h"

typedef struct http_answer {
    bool failed;                /* the host got none; `native` says why */
    const char *native;
    uint32_t status;
    hb_str body;
    const char *retry_after, *date;
} http_answer;

typedef struct http_script {
    bool neon, planetscale, trino, starrocks;
    const http_answer *answers; /* in turn; the last one again and again */
    uint32_t count, given;
    uint32_t requests;          /* since the script began */
    uint32_t delays[8];         /* of the first ones */
    hb_buf sent;                /* method, url, headers and body, a line each */
} http_script;

#define HTTP_URI "postgresql://me:hunter2@ep-one.eu.example.test/db"
#define HTTP_TOKEN "sesame-token"

/* Options of a workspace whose "main" is reached so. */
static inline const char *http_options(bool neon) {
    return neon ? "{\"id\":\"unit\",\"catalog\":false,\"backends\":{\"main\":{\"type\":\"pgvector\",\"via\":\"neon\","
                  "\"uri\":\"" HTTP_URI "\",\"token\":\"" HTTP_TOKEN "\"}}}"
                : "{\"id\":\"unit\",\"catalog\":false,\"backends\":{\"main\":{\"type\":\"pgvector\",\"via\":\"gateway\","
                  "\"url\":\"https://gw.example.test/db/\",\"connection\":\"m\\u00e4in/1\",\"token\":\"" HTTP_TOKEN "\"}}}";
}

#define HTTP_PLANETSCALE "{\"id\":\"unit\",\"catalog\":false,\"backends\":{\"main\":{\"type\":\"mysql\",\"via\":\"planetscale\"," \
                         "\"url\":\"https://db.example.test/\",\"username\":\"me\",\"password\":\"hunter2\"}}}"
/* A session as a server could write it. */
#define HTTP_SESSION "{\"a\\\"}\":[1.50,\"]}\\\\\"], \"session\":null, \"n\":18446744073709551615}"
static inline const char *http_options_trino(void) {
    return "{\"id\":\"unit\",\"catalog\":false,\"backends\":{\"main\":{\"type\":\"trino\",\"url\":\"https://t.example.test\","
           "\"catalog\":\"c\",\"writes\":\"replace\",\"username\":\"me\",\"password\":\"hunter2\"}}}";
}

#define HTTP_STARROCKS "{\"id\":\"unit\",\"catalog\":false,\"owner\":\"tok\",\"backends\":{\"main\":{\"type\":\"starrocks\",\"via\":\"http\"," \
                       "\"url\":\"https://fe.example.test\",\"username\":\"me\",\"password\":\"hunter2\"}}}"

static inline void http_note(http_script *s, const hb_host_op *op) {
    hb_buf_printf(&s->sent, "%.*s %.*s\n", HB_ARG(op->method), HB_ARG(op->url));
    for (uint32_t i = 0; i < op->header_count; i++) {
        hb_buf_printf(&s->sent, "%.*s: %.*s\n", HB_ARG(op->headers[i].name), HB_ARG(op->headers[i].value));
    }
    hb_buf_printf(&s->sent, "%.*s\n", HB_ARG(op->body));
    if (s->requests < 8) s->delays[s->requests] = op->delay_ms;
    s->requests++;
}

/* The columns of an entity "doc" that exists, or a result without rows for each statement. */
static inline void http_usual(const http_script *s, const hb_host_op *op, hb_buf *body) {
    static const char columns[] = "[[\"doc\",\"object_id\",\"text\"],[\"doc\",\"name\",\"text\"],[\"doc\",\"n\",\"int8\"],[\"doc\",\"v\",\"vector\"]]";
    if (s->trino) {
        const bool asks = hb_str_find(op->body, HB_STR("information_schema"), 0) >= 0;
        hb_buf_add_c(body, asks ? "{\"id\":\"q\",\"columns\":[{\"name\":\"t\",\"type\":\"varchar\"},{\"name\":\"c\",\"type\":\"varchar\"},{\"name\":\"d\",\"type\":\"varchar\"}],"
                                  "\"data\":[[\"doc\",\"object_id\",\"varchar\"],[\"doc\",\"name\",\"varchar\"],[\"doc\",\"n\",\"bigint\"],[\"doc\",\"v\",\"varbinary\"]]}"
                                : "{\"id\":\"q\"}");
        return;
    }
    const bool asks_columns = hb_str_find(op->body, HB_STR("pg_attribute"), 0) >= 0;
    const bool is_batch = hb_str_starts(op->body, HB_STR("{\"queries\":")) || !s->neon;
    const hb_str word = s->neon ? HB_STR("{\"query\":") : HB_STR("{\"sql\":");
    const char *names = !asks_columns ? "" : s->neon ? "{\"name\":\"t\"},{\"name\":\"c\"},{\"name\":\"y\"}" : "\"t\",\"c\",\"y\"";
    if (is_batch) hb_buf_add_c(body, "{\"results\":[");
    bool first = true;
    for (int64_t at = 0; (at = hb_str_find(op->body, word, (uint32_t)at)) >= 0; at++) {
        hb_buf_printf(body, "%s{\"%s\":[%s],\"rows\":%s}", first ? "" : ",", s->neon ? "fields" : "columns", names,
                      asks_columns ? columns : "[]");
        first = false;
    }
    if (is_batch) hb_buf_add_c(body, "]}");
}

/* The same by PlanetScale's protocol; the tables begin with the workspace's prefix. */
static inline void http_usual_row(const char *const cells[3], hb_buf *body) {
    hb_buf all;
    hb_buf_init(&all, hb_mem_default());
    hb_buf_add_c(body, "{\"lengths\":[");
    for (int i = 0; i < 3; i++) {
        hb_buf_printf(body, "%s\"%u\"", i > 0 ? "," : "", (unsigned)strlen(cells[i]));
        hb_buf_add_c(&all, cells[i]);
    }
    hb_buf_add_c(body, "],\"values\":\"");
    hb_base64_write(hb_buf_str(&all), body);
    hb_buf_add_c(body, "\"}");
    hb_buf_free(&all);
}

static inline void http_usual_planetscale(const hb_host_op *op, hb_buf *body) {
    static const char *const rows[4][3] = { { "hb_unit$doc", "object_id", "varbinary" }, { "hb_unit$doc", "name", "longblob" },
                                            { "hb_unit$doc", "n", "bigint" }, { "hb_unit$doc", "v", "longblob" } };
    hb_buf_add_c(body, "{\"session\":" HTTP_SESSION ",\"result\":{");
    if (hb_str_find(op->body, HB_STR("information_schema.columns"), 0) >= 0) {
        hb_buf_add_c(body, "\"fields\":[{\"name\":\"t\",\"type\":\"VARCHAR\",\"charset\":255},{\"name\":\"c\",\"type\":\"VARCHAR\"},{\"name\":\"y\",\"type\":\"TEXT\"}],\"rows\":[");
        for (int i = 0; i < 4; i++) {
            if (i > 0) hb_buf_add_char(body, ',');
            http_usual_row(rows[i], body);
        }
        hb_buf_add_char(body, ']');
    }
    hb_buf_add_c(body, "},\"timing\":0.5}");
}

/* The same by StarRocks' HTTP: a load of whatever it is, columns, or no rows. */
static inline void http_usual_starrocks(const hb_host_op *op, hb_buf *body) {
    static const char *const rows[4][2] = { { "object_id", "varchar" }, { "name", "varchar" }, { "n", "bigint" }, { "v", "array" } };
    uint32_t count = 0;
    if (hb_str_eq(op->method, HB_STR("PUT"))) {
        const bool is_meta = hb_str_find(op->url, HB_STR("/hb_meta/"), 0) >= 0;
        const hb_str first = is_meta ? HB_STR("{\"key\":") : HB_STR("{\"object_id\":");
        for (int64_t at = 0; (at = hb_str_find(op->body, first, (uint32_t)at)) >= 0; at++) count++;
        hb_buf_printf(body, "{\"Status\":\"Success\",\"NumberLoadedRows\":%u,\"NumberFilteredRows\":0}", (unsigned)count);
        return;
    }
    hb_buf_add_c(body, "{\"meta\":[{\"name\":\"t\"},{\"name\":\"c\"},{\"name\":\"d\"}]}\n");
    if (hb_str_find(op->body, HB_STR("information_schema"), 0) >= 0) count = 4;
    for (uint32_t i = 0; i < count; i++) hb_buf_printf(body, "{\"data\":[\"doc\",\"%s\",\"%s\"]}\n", rows[i][0], rows[i][1]);
    hb_buf_printf(body, "{\"statistics\":{\"returnRows\":%u}}\n", (unsigned)count);
}

static inline hb_status http_serve(http_script *s, hb_task *task, const hb_host_op *op, hb_err *err) {
    hb_header headers[2];
    hb_host_reply reply = { .op_id = op->id, .status = 200, .headers = headers };
    hb_buf body;
    hb_buf_init(&body, hb_mem_default());
    http_note(s, op);
    if (op->kind == HB_HOST_SQL) {
        reply.body = HB_STR_EMPTY;      /* a driver beside, which makes tables */
    } else if (s->count == 0) {
        if (s->starrocks) http_usual_starrocks(op, &body);
        else if (s->planetscale) http_usual_planetscale(op, &body);
        else http_usual(s, op, &body);
        reply.body = hb_buf_str(&body);
    } else {
        const http_answer *answer = &s->answers[s->given < s->count ? s->given++ : s->count - 1];
        reply.failed = answer->failed;
        reply.status = answer->status;
        reply.body = answer->body;
        reply.text = HB_STR("connect to " HTTP_URI " with " HTTP_TOKEN);
        if (answer->native != NULL) reply.native = hb_str_c(answer->native);
        if (answer->retry_after != NULL) headers[reply.header_count++] = (hb_header){ HB_STR("retry-after"), hb_str_c(answer->retry_after) };
        if (answer->date != NULL) headers[reply.header_count++] = (hb_header){ HB_STR("date"), hb_str_c(answer->date) };
    }
    hb_status status = hb_task_reply(task, &reply, err);
    hb_buf_free(&body);
    return status;
}

/* A call to its end; on HB_OK *task is to be freed. */
static inline hb_status http_call(http_script *s, hb_workspace *ws, hb_request request, hb_task **task, hb_err *err) {
    hb_step step = { .kind = HB_STEP_WAIT };
    request.now_ms = 1700000000000;
    *task = NULL;
    HB_TRY(hb_workspace_start(ws, &request, task, err));
    for (;;) {
        hb_status status = hb_task_step(*task, &step, err);
        if (status == HB_OK && step.kind == HB_STEP_DONE) return HB_OK;
        if (status == HB_OK && step.kind == HB_STEP_OP) status = http_serve(s, *task, step.op, err);
        else if (status == HB_OK) status = HB_E_INTERNAL;       /* every operation is answered at once */
        if (status == HB_OK) continue;
        hb_task_free(*task);
        *task = NULL;
        return status;
    }
}

#endif
