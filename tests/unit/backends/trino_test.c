// SPDX-License-Identifier: MIT
/* trino against a scripted server: what goes out as statements and literals, pages that are followed, and what is made of
 * every kind of answer that may come back. No error tells a secret, and a query that nobody will read is DELETEd. */
#include <stdio.h>

#include "tests/unit/support/scene.h"
#include "tests/unit/workspace/fixture.h"

#define URL "https://trino.example.test:8443/base"
#define PAGE "/v1/statement/executing/q1/y0/"
#define NEXT(n) "\"id\":\"q1\",\"nextUri\":\"http://10.0.0.1:8080" PAGE n "\""
#define COLUMNS "\"columns\":[{\"name\":\"object_id\",\"type\":\"varchar\",\"typeSignature\":{}},{\"name\":\"n\",\"type\":\"bigint\"}]"

#define BODY(text) { text, sizeof(text) - 1 }

typedef struct reply_of {
    uint32_t status;            /* 0: none came */
    hb_str body;
} reply_of;

typedef struct script {
    const reply_of *answers;      /* in turn, the last one again and again; none: what a server usually says */
    uint32_t count, given, requests, writes;
    uint32_t fails_at;          /* of the statements that write, from 1; 0: none */
    const char *connector, *existing;   /* what it says of the catalog; rows of questions for ids: "[\"a\"]" */
    bool has_tables;
    hb_buf sent;                /* "METHOD path\n", bodies, waits, and what is to be undone */
} script;

typedef struct stage {
    fixture f;
    script s;
} stage;

static const char doc[] = "{\"name\":\"Doc\",\"fields\":{\"n\":\"integer\",\"f\":\"float\",\"b\":\"boolean\",\"v\":\"vector[2]\",\"j\":\"json\"}}";
static const char row[] = "{\"object_id\":\"it's\",\"name\":\"A\\\"\\u0001\\u00df\",\"n\":-9223372036854775808,\"f\":0.1,\"b\":true,\"v\":[1,0.5],\"j\":{\"a\":\"'\"}}";
static const char options[] = "{\"id\":\"unit\",\"catalog\":false,\"backends\":{\"main\":{\"type\":\"trino\",\"url\":\"" URL "/\",\"catalog\":\"pg\","
                              "\"username\":\"me\",\"password\":\"hunter2\",\"session\":\"a=b\"}}}";

static void usual(script *s, const hb_host_op *op, hb_buf *body) {
    const bool writes = hb_str_find(op->body, HB_STR("INSERT"), 0) >= 0 || hb_str_find(op->body, HB_STR("DELETE"), 0) >= 0;
    if (writes && ++s->writes == s->fails_at) {
        hb_buf_add_c(body, "{\"id\":\"q1\",\"error\":{\"errorName\":\"JDBC_ERROR\",\"errorType\":\"EXTERNAL\",\"message\":\"a value of a row\"}}");
    } else if (hb_str_find(op->body, HB_STR("system.metadata"), 0) >= 0) {
        hb_buf_printf(body, "{\"id\":\"q1\",\"columns\":[{\"name\":\"c\",\"type\":\"varchar\"}],\"data\":[[\"%s\"]]}", s->connector);
    } else if (hb_str_find(op->body, HB_STR("information_schema"), 0) >= 0 && s->has_tables) {
        hb_buf_add_c(body, "{\"id\":\"q1\",\"columns\":[{\"name\":\"t\",\"type\":\"varchar\"},{\"name\":\"c\",\"type\":\"varchar\"},{\"name\":\"d\",\"type\":\"varchar\"}],\"data\":["
                           "[\"doc\",\"object_id\",\"varchar\"],[\"doc\",\"name\",\"varchar\"],[\"doc\",\"n\",\"bigint\"],[\"doc\",\"f\",\"double\"],"
                           "[\"doc\",\"b\",\"boolean\"],[\"doc\",\"v\",\"varbinary\"],[\"doc\",\"j\",\"varchar\"]]}");
    } else if (hb_str_find(op->body, HB_STR("SELECT \"object_id\" FROM"), 0) >= 0) {
        hb_buf_printf(body, "{\"id\":\"q1\",\"columns\":[{\"name\":\"object_id\",\"type\":\"varchar\"}],\"data\":[%s]}", s->existing);
    } else {
        hb_buf_add_c(body, "{\"id\":\"q1\"," COLUMNS ",\"data\":[]}");
    }
}

static hb_status serve(script *s, hb_task *task, const hb_host_op *op, hb_err *err) {
    hb_host_reply reply = { .op_id = op->id, .status = 200 };
    hb_buf body;
    hb_buf_init(&body, hb_mem_default());
    CHECK(hb_str_starts(op->url, HB_STR(URL "/v1/statement")));
    const bool is_post = hb_str_eq(op->method, HB_STR("POST"));
    CHECK(is_post == (op->body.len > 0) && op->undo == hb_str_eq(op->method, HB_STR("GET")));
    hb_buf_printf(&s->sent, "%.*s %.*s", HB_ARG(op->method), HB_ARG(hb_str_sub(op->url, sizeof(URL) - 1 + 13, op->url.len)));
    if (op->delay_ms > 0) hb_buf_printf(&s->sent, " after %u", (unsigned)op->delay_ms);
    hb_buf_printf(&s->sent, "\n%.*s%s", HB_ARG(op->body), is_post ? "\n" : "");
    s->requests++;
    if (s->count == 0) {
        usual(s, op, &body);
        reply.body = hb_buf_str(&body);
    } else {
        const reply_of *given = &s->answers[s->given < s->count ? s->given++ : s->count - 1];
        reply.failed = given->status == 0;
        reply.status = given->status;
        reply.body = given->body;
        reply.text = HB_STR("connect to " URL " as hunter2");
        if (reply.failed) reply.native = HB_STR("ECONNRESET");
    }
    hb_status status = hb_task_reply(task, &reply, err);
    hb_buf_free(&body);
    return status;
}

static hb_status calls(stage *t, hb_request request) {
    hb_task_free(t->f.task);
    t->f.task = NULL;
    hb_step step = { .kind = HB_STEP_WAIT };
    request.now_ms = 1700000000000;
    hb_task *task;
    HB_TRY(hb_workspace_start(t->f.ws, &request, &task, &t->f.err));
    hb_status status = HB_OK;
    while (status == HB_OK) {
        status = hb_task_step(task, &step, &t->f.err);
        if (status != HB_OK || step.kind != HB_STEP_OP) break;
        status = serve(&t->s, task, step.op, &t->f.err);
    }
    if (status == HB_OK && step.kind == HB_STEP_DONE) {
        t->f.task = task;
        return HB_OK;
    }
    hb_task_free(task);
    return status != HB_OK ? status : HB_E_INTERNAL;
}

static hb_status attaches(stage *t) { return calls(t, (hb_request){ .kind = HB_CALL_ATTACH }); }
static hb_status registers(stage *t) { return calls(t, (hb_request){ .kind = HB_CALL_REGISTER, .text = pack_of(&t->f, doc) }); }
static hb_status upserts(stage *t) {
    return calls(t, (hb_request){ .kind = HB_CALL_UPSERT, .entity = hb_workspace_entity(t->f.ws, HB_STR("doc")),
                                  .flags = HB_FLAG_OVERWRITE, .batch = row_of(&t->f, row) });
}
static hb_status asks_for(stage *t, const char *spec) {
    return calls(t, (hb_request){ .kind = HB_CALL_QUERY, .entity = hb_workspace_entity(t->f.ws, HB_STR("doc")), .text = hb_str_c(spec) });
}
static hb_status asks(stage *t) { return asks_for(t, "{\"select\":[\"n\"]}"); }

static void begin(stage *t, const char *with, const char *connector) {
    memset(t, 0, sizeof(*t));
    t->s.connector = connector;
    t->s.existing = "";
    hb_buf_init(&t->s.sent, hb_mem_default());
    fixture_open(&t->f, with);
}

static void ready(stage *t, const char *connector) {
    begin(t, options, connector);
    t->s.has_tables = true;
    CHECK_INT(attaches(t), HB_OK);
    CHECK_INT(registers(t), HB_OK);
    hb_buf_clear(&t->s.sent);
    t->s.writes = 0;
}

static void end(stage *t) {
    hb_buf_free(&t->s.sent);
    fixture_close(&t->f);
}

static const char *sent(stage *t) {
    hb_buf_add_char(&t->s.sent, '\0');
    t->s.sent.len--;
    return t->s.sent.ptr;
}

static void answers(stage *t, const reply_of *list, uint32_t count) {
    t->s.answers = list;
    t->s.count = count;
    t->s.given = t->s.requests = 0;
    hb_buf_clear(&t->s.sent);
}

static void check_error(const hb_err *err) {
    const char *const texts[] = { err->msg, err->native, err->entity, err->field, err->detail };
    CHECK_CSTR(err->backend, "main");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        CHECK(strstr(texts[i], "hunter2") == NULL && strstr(texts[i], "://") == NULL && strstr(texts[i], "a value of a row") == NULL);
    }
}

#define INSERT_DOC "INSERT INTO \"hb_unit\".\"doc\" (\"object_id\", \"name\", \"n\", \"f\", \"b\", \"v\", \"j\") SELECT r[1], r[2], CAST(r[3] AS bigint), " \
                   "CAST(r[4] AS double), CAST(r[5] AS boolean), from_base64(r[6]), r[7] FROM UNNEST(CAST(json_parse(?) AS array(array(varchar)))) AS j(r)"
#define ROW_JSON "[[\"it''s\",\"A\\\"\\u0001\xc3\x9f\",\"-9223372036854775808\",\"0.1\",\"true\",\"AACAPwAAAD8=\",\"{\\\"a\\\":\\\"''\\\"}\"]]"

static void what_is_sent(void) {
    stage t;
    begin(&t, options, "postgresql");
    CHECK_INT(attaches(&t), HB_OK);
    CHECK_CSTR(sent(&t), "POST \nSELECT connector_name FROM system.metadata.catalogs WHERE catalog_name = current_catalog\n"
                         "POST \nEXECUTE IMMEDIATE 'SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = ?' USING 'hb_unit'\n");
    hb_buf_clear(&t.s.sent);
    CHECK_INT(registers(&t), HB_OK);
    CHECK(strstr(sent(&t), "POST \nCREATE SCHEMA IF NOT EXISTS \"hb_unit\"\nPOST \nCREATE TABLE IF NOT EXISTS \"hb_unit\".\"doc\" (\"object_id\" varchar, "
                           "\"name\" varchar, \"n\" bigint, \"f\" double, \"b\" boolean, \"v\" varbinary, \"j\" varchar)\n") != NULL);
    CHECK(strstr(sent(&t), "POST \nCREATE TABLE IF NOT EXISTS \"hb_unit\".\"hb_meta\" (\"key\" varchar, \"value\" varbinary, n bigint)\n"
                           "POST \nEXECUTE IMMEDIATE 'INSERT INTO \"hb_unit\".\"hb_meta\" (\"key\", \"value\", n) SELECT ?, from_base64(?), coalesce(max(n), 0) + 1 "
                           "FROM \"hb_unit\".\"hb_meta\"' USING '") != NULL);
    CHECK(strstr(sent(&t), "DELETE") == NULL);
    end(&t);
}

/* Rows that are there go first; with MERGE all is one statement; where nothing can be deleted, only new rows are taken. */
static void rows_by_what_is_behind_the_catalog(void) {
    static const char question[] = "POST \nEXECUTE IMMEDIATE 'SELECT \"object_id\" FROM \"hb_unit\".\"doc\" WHERE \"object_id\" = ?' USING 'it''s'\n";
    static const struct { const char *connector, *existing, *want; hb_status status; } cases[] = {
        { "postgresql", "", "POST \nEXECUTE IMMEDIATE '" INSERT_DOC "' USING '" ROW_JSON "'\n", HB_OK },
        { "postgresql", "[\"it's\"]", "POST \nEXECUTE IMMEDIATE 'DELETE FROM \"hb_unit\".\"doc\" WHERE \"object_id\" = ?' USING 'it''s'\n"
                                      "POST \nEXECUTE IMMEDIATE '" INSERT_DOC "' USING '" ROW_JSON "'\n", HB_OK },
        { "memory", "", "POST \nEXECUTE IMMEDIATE '" INSERT_DOC "' USING '" ROW_JSON "'\n", HB_OK },
        { "memory", "[\"it's\"]", "", HB_E_UNSUPPORTED },
    };
    stage t;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CASE(cases[i].connector);
        ready(&t, cases[i].connector);
        t.s.existing = cases[i].existing;
        CHECK_INT(upserts(&t), cases[i].status);
        const char *from = strstr(sent(&t), question);
        REQUIRE(from != NULL);
        CHECK_CSTR(from + sizeof(question) - 1, cases[i].want);
        end(&t);
    }
    ready(&t, "iceberg");
    CHECK_INT(upserts(&t), HB_OK);
    CHECK(strstr(sent(&t), "POST \nEXECUTE IMMEDIATE 'MERGE INTO \"hb_unit\".\"doc\" AS t USING (SELECT r[1] AS \"object_id\", r[2] AS \"name\", CAST(r[3] AS bigint) AS \"n\", ") != NULL);
    CHECK(strstr(sent(&t), ") AS s ON t.\"object_id\" = s.\"object_id\" WHEN MATCHED THEN UPDATE SET \"name\" = s.\"name\", \"n\" = s.\"n\", \"f\" = s.\"f\", \"b\" = s.\"b\", "
                           "\"v\" = s.\"v\", \"j\" = s.\"j\" WHEN NOT MATCHED THEN INSERT (\"object_id\", \"name\", \"n\", \"f\", \"b\", \"v\", \"j\") VALUES (s.\"object_id\", ") != NULL);
    end(&t);
}

static hb_status deletes(stage *t) {
    static const char id[] = "it's";
    const hb_span span = { 0, sizeof(id) - 1 };
    const hb_column column = { .name = HB_STR("object_id"), .kind = HB_KIND_TEXT, .data = &span, .heap = (const uint8_t *)id, .heap_len = span.len };
    return calls(t, (hb_request){ .kind = HB_CALL_DELETE, .entity = hb_workspace_entity(t->f.ws, HB_STR("doc")), .batch = { 1, 1, &column } });
}

static void deletions(void) {
    static const struct { const char *connector; hb_status want; } cases[] = { { "postgresql", HB_OK }, { "memory", HB_E_UNSUPPORTED } };
    for (size_t i = 0; i < 2; i++) {
        stage t;
        CASE(cases[i].connector);
        ready(&t, cases[i].connector);
        t.s.existing = "[\"it's\"]";
        CHECK_INT(deletes(&t), cases[i].want);
        CHECK((strstr(sent(&t), "'DELETE FROM \"hb_unit\".\"doc\" WHERE \"object_id\" = ?' USING 'it''s'\n") != NULL) == (i == 0));
        end(&t);
    }
}

static uint32_t count_of(stage *t, hb_call_kind kind, const char *json, hb_status want) {
    static const char id[] = "it's";
    const hb_span span = { 0, sizeof(id) - 1 };
    const hb_column column = { .name = HB_STR("object_id"), .kind = HB_KIND_TEXT, .data = &span, .heap = (const uint8_t *)id, .heap_len = span.len };
    const uint32_t entity = hb_workspace_entity(t->f.ws, HB_STR("doc"));
    t->s.requests = 0;
    hb_request request = { .kind = kind, .entity = entity, .flags = kind == HB_CALL_UPSERT ? HB_FLAG_OVERWRITE : 0, .batch = { 1, 1, &column } };
    if (json != NULL && kind == HB_CALL_QUERY) request.text = hb_str_c(json);
    if (kind == HB_CALL_QUERY) request.batch = (hb_batch){ 0 };
    if (json != NULL && kind != HB_CALL_QUERY) request.batch = row_of(&t->f, json);
    CHECK_INT(calls(t, request), want);
    return t->s.requests;
}

/* Each statement is a round trip at the least: no call takes more of them than it has to. `existing` is what a question for
 * ids is answered. */
static void statements_of_a_call(void) {
    static const struct { const char *connector, *existing; bool catalog; uint32_t registers, upsert, deletion; } cases[] = {
        { "postgresql", "", false, 7, 2, 1 },
        { "postgresql", "[\"it's\"]", false, 7, 3, 2 },
        { "postgresql", "", true, 9, 5, 2 },
        { "postgresql", "[\"it's\"]", true, 9, 7, 4 },
        { "memory", "", true, 9, 5, 2 },
        { "iceberg", "", false, 7, 1, 1 },
        { "iceberg", "", true, 9, 3, 2 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        stage t;
        CASE(cases[i].connector);
        hb_buf with;
        hb_buf_init(&with, hb_mem_default());
        hb_buf_printf(&with, "{\"id\":\"unit\",\"catalog\":%s,\"backends\":{\"main\":{\"type\":\"trino\",\"url\":\"" URL "/\",\"catalog\":\"pg\",\"username\":\"me\"}}}%c",
                      cases[i].catalog ? "true" : "false", '\0');
        begin(&t, with.ptr, cases[i].connector);
        hb_buf_free(&with);
        CHECK_INT(attaches(&t), HB_OK);
        CHECK_INT(t.s.requests, 2);
        t.s.requests = 0;
        CHECK_INT(registers(&t), HB_OK);
        CHECK_INT(t.s.requests, cases[i].registers);
        t.s.existing = cases[i].existing;
        CHECK_INT(count_of(&t, HB_CALL_UPSERT, row, HB_OK), cases[i].upsert);
        CHECK_INT(count_of(&t, HB_CALL_DELETE, NULL, HB_OK), cases[i].deletion);
        CHECK_INT(count_of(&t, HB_CALL_GET, NULL, HB_OK), 1);
        CHECK_INT(count_of(&t, HB_CALL_QUERY, "{\"select\":[\"n\"],\"filter\":{\"n\":{\"$gt\":1}}}", HB_OK), 1);
        end(&t);
    }
}

/* Conditions and literals; nothing but a quote could end a literal, and it is doubled, twice in the statement itself. */
static void conditions(void) {
    static const struct { const char *spec, *want; } cases[] = {
        { "{\"filter\":{\"n\":{\"$gt\":-1}},\"order\":[\"-n\"],\"limit\":3,\"offset\":2}", "WHERE \"n\" > ? ORDER BY \"n\" DESC NULLS LAST, \"object_id\" NULLS LAST OFFSET 2 LIMIT 4' USING BIGINT '-1'\n" },
        { "{\"filter\":{\"f\":{\"$lte\":1e300}}}", "WHERE \"f\" <= ? ORDER BY \"object_id\" NULLS LAST' USING DOUBLE '1e+300'\n" },
        { "{\"filter\":{\"name\":{\"$ne\":\"x' OR 1=1 --\"}}}", "WHERE \"name\" IS DISTINCT FROM ? ORDER BY \"object_id\" NULLS LAST' USING 'x'' OR 1=1 --'\n" },
        { "{\"filter\":{\"$not\":{\"name\":{\"contains\":\"\\\\'\"}}}}", "WHERE ((strpos(\"name\", ?) > 0)) IS DISTINCT FROM TRUE ORDER BY \"object_id\" NULLS LAST' USING '\\'''\n" },
        { "{\"filter\":{\"name\":{\"starts_with\":\"a\"}}}", "WHERE (starts_with(\"name\", ?)) ORDER BY \"object_id\" NULLS LAST' USING 'a'\n" },
        { "{\"filter\":{\"name\":{\"ends_with\":\"a?\"}}}", "WHERE (substr(\"name\", -length(?)) = ?) ORDER BY \"object_id\" NULLS LAST' USING 'a?', 'a?'\n" },
        { "{\"filter\":{\"b\":true}}", "WHERE \"b\" = ? ORDER BY \"object_id\" NULLS LAST' USING true\n" },
        { "{\"filter\":{\"n\":{\"in\":[1,null]}}}", "WHERE (\"n\" IN (?) OR \"n\" IS NULL) ORDER BY \"object_id\" NULLS LAST' USING BIGINT '1'\n" },
        { "{\"filter\":{\"name\":{\"like\":\"a%\"}}}", "FROM \"hb_unit\".\"doc\" ORDER BY \"object_id\" NULLS LAST\n" },     /* here */
    };
    stage t;
    ready(&t, "postgresql");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CASE(cases[i].spec);
        static const reply_of none = { 200, BODY("{\"id\":\"q1\",\"columns\":[],\"data\":[]}") };
        answers(&t, &none, 1);
        CHECK_INT(asks_for(&t, cases[i].spec), HB_OK);
        const char *text = sent(&t), *want = cases[i].want;
        CHECK(strlen(text) > strlen(want));
        CHECK_CSTR(text + strlen(text) - strlen(want), want);
    }
    end(&t);
}

/* The pages of one answer; of their addresses only the paths count. */
static void pages(void) {
    static const reply_of list[] = {
        { 200, BODY("{" NEXT("1") ",\"stats\":{\"state\":\"QUEUED\"},\"warnings\":[]}") },
        { 503, BODY("") },
        { 200, BODY("{" NEXT("2") "," COLUMNS ",\"data\":[[\"a\",9223372036854775807]]}") },
        { 0, BODY("") },
        { 200, BODY("{" NEXT("3") "," COLUMNS ",\"data\":[[\"b\",null],[\"c\",-1]]}") },
        { 200, BODY("{\"id\":\"q1\"," COLUMNS ",\"error\":null}") },
    };
    stage t;
    ready(&t, "postgresql");
    answers(&t, list, 6);
    CHECK_INT(asks(&t), HB_OK);
    REQUIRE(t.f.task != NULL);
    CHECK_CSTR(lines(&t.f, "n"), "a|9223372036854775807\nb|\nc|-1\n");
    CHECK_CSTR(sent(&t), "POST \nSELECT \"object_id\", \"n\" FROM \"hb_unit\".\"doc\" ORDER BY \"object_id\" NULLS LAST\n"
                         "GET /executing/q1/y0/1\nGET /executing/q1/y0/1 after 100\nGET /executing/q1/y0/2\nGET /executing/q1/y0/2 after 100\nGET /executing/q1/y0/3\n");
    end(&t);
}

static void cut_at_any_byte(void) {
    static const char whole[] = "{\"id\":\"q1\"," COLUMNS ",\"data\":[[\"a\",7],[\"b\",null]],\"stats\":{\"state\":\"FINISHED\"},\"updateCount\":0}";
    stage t;
    ready(&t, "postgresql");
    for (uint32_t len = 0; len < sizeof(whole); len++) {
        const reply_of cut = { 200, hb_str_n(whole, len) };
        answers(&t, &cut, 1);
        CHECK_INT(asks(&t), len + 1 < sizeof(whole) ? HB_E_BAD_REPLY : HB_OK);
        CHECK_INT(t.s.requests, 1);
    }
    end(&t);
}

static void with_a_wrong_byte(void) {
    static const char whole[] = "{" NEXT("1") "," COLUMNS ",\"data\":[[\"a\",7],[\"b\",null]]}";
    static const char wrong[] = "\x00\x22\x2d\x2f\x39\x5d\x7b\x7d\xff";
    static const reply_of last = { 200, BODY("{\"id\":\"q1\"}") };
    stage t;
    ready(&t, "postgresql");
    for (uint32_t i = 0; i < sizeof(whole) - 1; i++) {
        for (uint32_t w = 0; w < sizeof(wrong) - 1; w++) {
            char text[sizeof(whole)];
            memcpy(text, whole, sizeof(whole));
            text[i] = wrong[w];
            const reply_of list[2] = { { 200, hb_str_n(text, sizeof(whole) - 1) }, last };
            answers(&t, list, 2);
            const hb_status status = asks(&t);
            CHECK(status == HB_OK || status == HB_E_BAD_REPLY);
            if (status != HB_OK) check_error(&t.f.err);
        }
    }
    end(&t);
}

static void answers_that_are_none(void) {
    static const struct { const char *name, *body; uint32_t requests; } cases[] = {
        { "a list", "[]", 1 },
        { "no id", "{" COLUMNS ",\"data\":[]}", 1 },
        { "an id twice", "{\"id\":\"q1\",\"id\":\"q1\"," COLUMNS ",\"data\":[]}", 1 },
        { "another host", "{\"id\":\"q1\",\"nextUri\":\"https://evil.test/steal\"}", 1 },
        { "another path", "{\"id\":\"q1\",\"nextUri\":\"http://x/v1/statement/../query\"}", 1 },
        { "a query string", "{\"id\":\"q1\",\"nextUri\":\"http://x/v1/statement/q?a=b\"}", 1 },
        { "a line's end", "{\"id\":\"q1\",\"nextUri\":\"http://x/v1/statement/q\\r\\nX: y\"}", 1 },
        { "no path", "{\"id\":\"q1\",\"nextUri\":\"http://x/v1/statement/\"}", 1 },
        { "a number", "{\"id\":\"q1\",\"nextUri\":7}", 1 },
        { "itself", "{" NEXT("1") "}", 3 },                             /* asked, and given up by DELETE */
        { "rows without columns", "{" NEXT("1") ",\"data\":[[\"a\",7]]}", 2 },
        { "a short row", "{" NEXT("1") "," COLUMNS ",\"data\":[[\"a\"]]}", 2 },
        { "a row of another kind", "{" NEXT("1") "," COLUMNS ",\"data\":[{\"a\":7}]}", 2 },
        { "a number as a text", "{" NEXT("1") "," COLUMNS ",\"data\":[[\"a\",\"7\"]]}", 2 },
        { "a fraction", "{" NEXT("1") "," COLUMNS ",\"data\":[[\"a\",7.5]]}", 2 },
        { "beyond int64", "{" NEXT("1") "," COLUMNS ",\"data\":[[\"a\",9223372036854775808]]}", 2 },
        { "far beyond", "{" NEXT("1") "," COLUMNS ",\"data\":[[\"a\",1e999]]}", 1 },    /* no JSON number */
        { "a list as a cell", "{" NEXT("1") "," COLUMNS ",\"data\":[[\"a\",[7]]]}", 2 },
        { "an id that is no text", "{" NEXT("1") "," COLUMNS ",\"data\":[[7,7]]}", 2 },
        { "spooled", "{" NEXT("1") "," COLUMNS ",\"data\":{\"encoding\":\"json\",\"segments\":[]}}", 2 },
        { "a column without a type", "{" NEXT("1") ",\"columns\":[{\"name\":\"a\"}],\"data\":[]}", 2 },
        { "an error that is none", "{\"id\":\"q1\",\"error\":7}", 1 },
    };
    stage t;
    ready(&t, "postgresql");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CASE(cases[i].name);
        const reply_of one = { 200, hb_str_c(cases[i].body) };
        answers(&t, &one, 1);
        CHECK_INT(asks(&t), HB_E_BAD_REPLY);
        CHECK_INT(t.s.requests, cases[i].requests);
        CHECK((strstr(sent(&t), "\nDELETE /executing/q1/y0/1\n") != NULL) == (cases[i].requests > 1));
        check_error(&t.f.err);
    }
    static const reply_of other[] = { { 200, BODY("{" NEXT("1") "}") }, { 200, BODY("{\"id\":\"q2\"," COLUMNS ",\"data\":[]}") } };
    answers(&t, other, 2);
    CHECK_INT(asks(&t), HB_E_BAD_REPLY);
    static const reply_of columns[] = { { 200, BODY("{" NEXT("1") "," COLUMNS "}") }, { 200, BODY("{" NEXT("2") ",\"columns\":[]}") }, { 204, BODY("") } };
    answers(&t, columns, 3);
    CHECK_INT(asks(&t), HB_E_BAD_REPLY);
    CHECK(strstr(sent(&t), "\nDELETE /executing/q1/y0/2\n") != NULL);
    end(&t);
}

static void statuses(void) {
#define ERROR(name, type) BODY("{\"id\":\"q1\",\"error\":{\"message\":\"a value of a row\",\"errorCode\":1,\"errorName\":\"" name "\",\"errorType\":\"" type "\"}}")
    static const struct { const char *name; reply_of given; uint32_t reads, writes; hb_status want; const char *native; } cases[] = {
        { "table", { 200, ERROR("TABLE_NOT_FOUND", "USER_ERROR") }, 1, 1, HB_E_SCHEMA_DRIFT, "TABLE_NOT_FOUND" },
        { "right", { 200, ERROR("PERMISSION_DENIED", "USER_ERROR") }, 1, 1, HB_E_REFUSED, "PERMISSION_DENIED" },
        { "cancelled", { 200, ERROR("USER_CANCELED", "USER_ERROR") }, 1, 1, HB_E_TIMEOUT, "USER_CANCELED" },
        { "not there", { 200, ERROR("NOT_SUPPORTED", "USER_ERROR") }, 1, 1, HB_E_UNSUPPORTED, "NOT_SUPPORTED" },
        { "too long", { 200, ERROR("QUERY_TEXT_TOO_LARGE", "USER_ERROR") }, 1, 1, HB_E_LIMIT, "QUERY_TEXT_TOO_LARGE" },
        { "memory", { 200, ERROR("A_NEW_NAME", "INSUFFICIENT_RESOURCES") }, 1, 1, HB_E_LIMIT, "A_NEW_NAME" },
        { "a name that could be a secret", { 200, ERROR("hunter2", "EXTERNAL") }, 1, 1, HB_E_BACKEND, "" },
        { "no name", { 200, BODY("{\"id\":\"q1\",\"error\":{}}") }, 1, 1, HB_E_BACKEND, "" },
        { "redirect", { 307, BODY("") }, 1, 1, HB_E_BAD_REPLY, "" },
        { "bad request", { 400, BODY("hunter2") }, 1, 1, HB_E_BACKEND, "HTTP 400" },
        { "unauthorized", { 401, BODY("hunter2") }, 1, 1, HB_E_REFUSED, "HTTP 401" },
        { "forgotten", { 410, BODY("") }, 1, 1, HB_E_UNAVAILABLE, "HTTP 410" },
        { "busy", { 429, BODY("") }, 5, 5, HB_E_UNAVAILABLE, "HTTP 429" },
        { "not yet", { 503, BODY("") }, 5, 5, HB_E_UNAVAILABLE, "HTTP 503" },
        { "broken", { 500, BODY("hunter2") }, 1, 1, HB_E_UNAVAILABLE, "HTTP 500" },
        { "no answer", { 0, BODY("") }, 2, 1, HB_E_UNAVAILABLE, "ECONNRESET" },
    };
    stage t;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CASE(cases[i].name);
        ready(&t, "iceberg");
        for (int write = 0; write < 2; write++) {
            answers(&t, &cases[i].given, 1);
            CHECK_INT(write == 1 ? upserts(&t) : asks(&t), cases[i].want);
            CHECK_INT(t.s.requests, write == 1 ? cases[i].writes : cases[i].reads);
            CHECK_CSTR(t.f.err.native, cases[i].native);
            check_error(&t.f.err);
            t.s.count = 0;
        }
        end(&t);
    }
}

/* What came before a failure stays, and is told. */
static void half_of_a_call(void) {
    stage t;
    ready(&t, "postgresql");
    t.s.existing = "[\"it's\"]";
    t.s.fails_at = 2;
    CHECK_INT(upserts(&t), HB_E_PARTIAL_WRITE);
    CHECK(strstr(t.f.err.msg, "1 of the 2 statements") != NULL);
    CHECK_CSTR(t.f.err.native, "JDBC_ERROR");
    check_error(&t.f.err);
    t.s.fails_at = t.s.writes + 1;
    CHECK_INT(upserts(&t), HB_E_BACKEND);
    CHECK_INT(upserts(&t), HB_OK);
    end(&t);
}

static void options_that_are_none(void) {
    static const struct { const char *options, *word; } cases[] = {
        { "\"catalog\":\"c\",\"username\":\"u\"", "'url'" },
        { "\"url\":\"https://x\",\"username\":\"u\"", "'catalog'" },
        { "\"url\":\"https://x\",\"catalog\":\"c\"", "'username'" },
        { "\"url\":\"https://x\",\"catalog\":\"c\\r\\nX: y\",\"username\":\"u\"", "'catalog'" },
        { "\"url\":\"https://x\",\"catalog\":\"c\",\"username\":\"u\",\"session\":\"a=b\\r\\nX: y\"", "'session'" },
        { "\"url\":\"https://u:hunter2@x\",\"catalog\":\"c\",\"username\":\"u\"", "'url'" },
        { "\"url\":\"http://x\",\"catalog\":\"c\",\"username\":\"u\",\"password\":\"hunter2\"", "https" },
        { "\"url\":\"http://localhost.evil.test\",\"catalog\":\"c\",\"token\":\"hunter2\"", "https" },
        { "\"url\":\"http://127.0.0.1.evil.test\",\"catalog\":\"c\",\"token\":\"hunter2\"", "https" },
        { "\"url\":\"https://x\",\"catalog\":\"c\",\"username\":\"u:v\",\"password\":\"hunter2\"", "'username'" },
        { "\"url\":\"https://x\",\"catalog\":\"c\",\"username\":\"u\",\"password\":\"hunter2\",\"token\":\"t\"", "not both" },
        { "\"url\":\"https://x\",\"catalog\":\"c\",\"username\":\"u\",\"writes\":\"upsert\"", "'writes'" },
        { "\"url\":\"https://x\",\"catalog\":\"c\",\"username\":\"u\",\"via\":\"neon\"", "trino" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[400];
        hb_workspace *ws = NULL;
        hb_err err;
        CASE(cases[i].options);
        snprintf(text, sizeof text, "{\"id\":\"unit\",\"backends\":{\"main\":{\"type\":\"trino\",%s}}}", cases[i].options);
        CHECK_INT(hb_workspace_open(hb_str_c(text), hb_mem_default(), &ws, &err), HB_E_VALIDATION);
        CHECK(ws == NULL && strstr(err.msg, cases[i].word) != NULL && strstr(err.msg, "hunter2") == NULL);
        if (ws != NULL) hb_workspace_close(ws);
    }
}

/* Every statement of a life fails once, in turn; the same call succeeds then. */
static void requests_that_fail(void) {
    for (uint32_t at = 1; at < 40; at++) {
        stage t;
        begin(&t, options, "postgresql");
        hb_status (*const all[])(stage *) = { attaches, registers, upserts };
        bool reached = false;
        for (size_t c = 0; c < 3; c++) {
            /* Those before it are answered as usual. */
            const uint32_t before = t.s.writes;
            t.s.fails_at = at;
            hb_status status = all[c](&t);
            if (status == HB_OK) continue;
            CHECK(status == HB_E_BACKEND || status == HB_E_PARTIAL_WRITE);
            CHECK(t.s.writes > before);
            check_error(&t.f.err);
            reached = true;
            CHECK_INT(all[c](&t), HB_OK);
        }
        end(&t);
        if (!reached) break;
    }
}

static void allocations_that_fail(void) {
    static const reply_of list[] = { { 200, BODY("{" NEXT("1") "," COLUMNS ",\"data\":[[\"a\",7]]}") }, { 200, BODY("{\"id\":\"q1\"," COLUMNS ",\"data\":[[\"b\",8]]}") } };
    const uint64_t stride = scene_runs_long() ? 1 : 13;
    for (uint64_t at = 1;; at += stride) {
        faulty memory;
        stage t = { .s = { .connector = "postgresql", .existing = "[\"it's\"]", .has_tables = true } };
        faulty_init(&memory);
        hb_arena_init(&t.f.arena, hb_mem_default());
        hb_buf_init(&t.s.sent, hb_mem_default());
        faulty_from(&memory, at, false);
        hb_status status = hb_workspace_open(hb_str_c(options), &memory.mem, &t.f.ws, &t.f.err);
        if (status == HB_OK) status = attaches(&t);
        if (status == HB_OK) status = registers(&t);
        if (status == HB_OK) status = upserts(&t);
        answers(&t, list, 2);
        if (status == HB_OK) status = asks(&t);
        CHECK_INT(status, memory.failed ? HB_E_MEMORY : HB_OK);
        hb_buf_free(&t.s.sent);
        hb_task_free(t.f.task);
        if (t.f.ws != NULL) hb_workspace_close(t.f.ws);
        hb_arena_free(&t.f.arena);
        CHECK_INT(memory.live, 0);
        CHECK_INT(memory.wrong_sizes, 0);
        if (!memory.failed) break;
    }
}

TEST_SUITE {
    TEST(what_is_sent);
    TEST(rows_by_what_is_behind_the_catalog);
    TEST(deletions);
    TEST(statements_of_a_call);
    TEST(conditions);
    TEST(pages);
    TEST(cut_at_any_byte);
    TEST(with_a_wrong_byte);
    TEST(answers_that_are_none);
    TEST(statuses);
    TEST(half_of_a_call);
    TEST(options_that_are_none);
    TEST(requests_that_fail);
    TEST(allocations_that_fail);
}
