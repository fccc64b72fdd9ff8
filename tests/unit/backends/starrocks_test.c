// SPDX-License-Identifier: MIT
/* starrocks against a scripted server: what goes out as SQL, as loads and to the driver, what is made of every kind of
 * answer, and where a redirect is followed to. No error tells a secret, and no other host gets the password. */
#include <stdio.h>

#include "tests/unit/support/scene.h"
#include "tests/unit/workspace/fixture.h"

#define FE "https://fe.example.test:8030"
#define BE "https://be.example.test:8040"
#define LOAD "/api/hb_unit/doc/_stream_load"
#define AUTHORIZATION "Basic bWU6aHVudGVyMg=="
#define META "{\"meta\":[{\"name\":\"object_id\",\"type\":\"varchar\"},{\"name\":\"n\",\"type\":\"bigint(20)\"}]}\n"
#define ROWS(n) "{\"statistics\":{\"scanRows\":0,\"scanBytes\":0,\"returnRows\":" n "}}\n"
#define BODY(text) { text, sizeof(text) - 1 }

typedef struct reply_of {
    uint32_t status;            /* 0: none came */
    hb_str body;
    const char *location, *retry_after;
} reply_of;

typedef struct script {
    const reply_of *answers;    /* in turn, the last one again and again; none: what a server usually says */
    uint32_t count, given, requests, fails_at;      /* the load that fails, from 1; 0: none */
    uint32_t loads;
    bool no_driver;
    hb_buf sent;                /* "METHOD url label: body", and "driver: statement", a line each */
} script;

typedef struct stage {
    fixture f;
    script s;
} stage;

static const char doc[] = "{\"name\":\"Doc\",\"fields\":{\"n\":\"integer\",\"f\":\"float\",\"b\":\"boolean\",\"v\":\"vector[2]\",\"j\":\"json\"}}";
static const char row[] = "{\"object_id\":\"it's\",\"name\":\"A\\\"\\\\\\u0001\\u00df\",\"n\":-9223372036854775808,\"f\":0.1,\"b\":true,\"v\":[1,0.5],\"j\":{\"a\":\"'\"}}";
#define OPTIONS(more) "{\"id\":\"unit\",\"catalog\":false,\"owner\":\"tok\",\"backends\":{\"main\":{\"type\":\"starrocks\"," more "}}}"
#define HTTP(more) OPTIONS("\"via\":\"http\",\"url\":\"" FE "/\",\"username\":\"me\",\"password\":\"hunter2\"" more)
static const char by_http[] = HTTP(",\"load_url\":\"" BE "/\",\"load_hosts\":\"be2.example.test, be3.example.test:1\"");
static const char by_driver[] = OPTIONS("\"host\":\"fe\"");

static void usual(script *s, const hb_host_op *op, hb_buf *body) {
    static const char *const columns[7][2] = { { "object_id", "varchar" }, { "name", "varchar" }, { "n", "bigint" }, { "f", "double" }, { "b", "boolean" }, { "v", "array" }, { "j", "varchar" } };
    if (hb_str_eq(op->method, HB_STR("PUT"))) {
        if (++s->loads == s->fails_at) {
            hb_buf_add_c(body, "{\"Status\":\"Fail\",\"Message\":\"a value of a row\",\"NumberLoadedRows\":0}");
            return;
        }
        uint32_t rows = 0;
        for (int64_t at = 0; (at = hb_str_find(op->body, HB_STR("{\"object_id\":"), (uint32_t)at)) >= 0; at++) rows++;
        for (int64_t at = 0; (at = hb_str_find(op->body, HB_STR("{\"key\":"), (uint32_t)at)) >= 0; at++) rows++;
        hb_buf_printf(body, "{\"TxnId\":1,\"Status\":\"Success\",\"Message\":\"OK\",\"NumberLoadedRows\":%u,\"NumberFilteredRows\":0}", (unsigned)rows);
    } else if (hb_str_find(op->body, HB_STR("information_schema"), 0) >= 0) {
        hb_buf_add_c(body, "{\"connectionId\":7}\n{\"meta\":[{\"name\":\"t\"},{\"name\":\"c\"},{\"name\":\"d\"}]}\n");
        for (int i = 0; i < 7; i++) hb_buf_printf(body, "{\"data\":[\"doc\",\"%s\",\"%s\"]}\n", columns[i][0], columns[i][1]);
        hb_buf_add_c(body, ROWS("7"));
    } else {
        hb_buf_add_c(body, "{\"connectionId\":7}\n" META ROWS("0"));
    }
}

static void note_driver(script *s, const hb_host_op *op) {
    hb_pack_reader reader = hb_pack_read(op->statements);
    hb_pack_item list, pair, sql, params;
    CHECK(!op->in_transaction && hb_pack_next(&reader, &list) && list.count == 1);
    CHECK(hb_pack_next(&reader, &pair) && hb_pack_next(&reader, &sql) && hb_pack_next(&reader, &params) && params.count == 0);
    hb_buf_printf(&s->sent, "driver: %.*s\n", HB_ARG(sql.s));
}

static void note_request(script *s, const hb_host_op *op) {
    hb_buf_printf(&s->sent, "%.*s %.*s", HB_ARG(op->method), HB_ARG(op->url));
    CHECK(op->header_count > 1 && hb_str_eq(op->headers[0].value, HB_STR(AUTHORIZATION)));
    for (uint32_t i = 1; i < op->header_count; i++) hb_buf_printf(&s->sent, " %.*s=%.*s", HB_ARG(op->headers[i].name), HB_ARG(op->headers[i].value));
    if (op->delay_ms > 0) hb_buf_printf(&s->sent, " after %u", (unsigned)op->delay_ms);
    hb_buf_printf(&s->sent, "\n%.*s\n", HB_ARG(op->body));
}

static hb_status serve(script *s, hb_task *task, const hb_host_op *op, hb_err *err) {
    hb_header headers[2];
    hb_host_reply reply = { .op_id = op->id, .status = 200, .headers = headers };
    hb_buf body;
    hb_buf_init(&body, hb_mem_default());
    s->requests++;
    if (op->kind == HB_HOST_SQL) {
        note_driver(s, op);
        reply.failed = s->no_driver;
        if (s->no_driver) reply.native = HB_STR("UNAVAILABLE");
        reply.text = HB_STR("backend 'main' needs a driver");
    } else {
        note_request(s, op);
        if (s->count == 0) {
            usual(s, op, &body);
            reply.body = hb_buf_str(&body);
        } else {
            const reply_of *given = &s->answers[s->given < s->count ? s->given++ : s->count - 1];
            reply.failed = given->status == 0;
            reply.status = given->status;
            reply.body = given->body;
            reply.text = HB_STR("connect to " FE " as hunter2");
            if (reply.failed) reply.native = HB_STR("ECONNRESET");
            if (given->location != NULL) headers[reply.header_count++] = (hb_header){ HB_STR("Location"), hb_str_c(given->location) };
            if (given->retry_after != NULL) headers[reply.header_count++] = (hb_header){ HB_STR("retry-after"), hb_str_c(given->retry_after) };
        }
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
static uint32_t entity_of(stage *t) { return hb_workspace_entity(t->f.ws, HB_STR("doc")); }
static hb_status upserts_this(stage *t, const char *json) {
    return calls(t, (hb_request){ .kind = HB_CALL_UPSERT, .entity = entity_of(t), .flags = HB_FLAG_OVERWRITE, .batch = row_of(&t->f, json) });
}
static hb_status upserts(stage *t) { return upserts_this(t, row); }
static hb_status asks_for(stage *t, const char *spec) {
    return calls(t, (hb_request){ .kind = HB_CALL_QUERY, .entity = entity_of(t), .text = hb_str_c(spec) });
}
static hb_status asks(stage *t) { return asks_for(t, "{\"select\":[\"n\"]}"); }
static hb_status deletes(stage *t) {
    static const char id[] = "it's";
    const hb_span span = { 0, sizeof(id) - 1 };
    const hb_column column = { .name = HB_STR("object_id"), .kind = HB_KIND_TEXT, .data = &span, .heap = (const uint8_t *)id, .heap_len = span.len };
    return calls(t, (hb_request){ .kind = HB_CALL_DELETE, .entity = entity_of(t), .batch = { 1, 1, &column } });
}

static void begin(stage *t, const char *with) {
    memset(t, 0, sizeof(*t));
    hb_buf_init(&t->s.sent, hb_mem_default());
    fixture_open(&t->f, with);
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

static void ready(stage *t, const char *with) {
    begin(t, with);
    CHECK_INT(attaches(t), HB_OK);
    CHECK_INT(registers(t), HB_OK);
    answers(t, NULL, 0);
    t->s.loads = 0;
}

static void check_error(const hb_err *err) {
    const char *const texts[] = { err->msg, err->native, err->entity, err->field, err->detail };
    CHECK_CSTR(err->backend, "main");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        CHECK(strstr(texts[i], "hunter2") == NULL && strstr(texts[i], "://") == NULL && strstr(texts[i], "a value of a row") == NULL);
    }
}

#define POST "POST " FE "/api/v1/catalogs/default_catalog/sql Content-Type=application/json\n{\"query\":\""
#define ALL_COLUMNS "`object_id`,`name`,`n`,`f`,`b`,`v`,`j`"
#define ROW_JSON "[{\"object_id\":\"it's\",\"name\":\"A\\\"\\\\\\u0001\xc3\x9f\",\"n\":-9223372036854775808,\"f\":0.1e0,\"b\":true,\"v\":[1.0,0.5],\"j\":\"{\\\"a\\\":\\\"'\\\"}\"}]"

/* A line without its label, which follows from the workspace's token. */
static void check_load(const char *text, const char *columns, const char *json) {
    static const char head[] = "PUT " BE LOAD " format=json strip_outer_array=true strict_mode=true columns=";
    CHECK(strncmp(text, head, sizeof(head) - 1) == 0);
    text += sizeof(head) - 1;
    CHECK(strncmp(text, columns, strlen(columns)) == 0);
    const char *body = strchr(text, '\n');
    REQUIRE(body != NULL);
    CHECK_CSTR(body + 1, json);
}

static void what_goes_by_http(void) {
    stage t;
    begin(&t, by_http);
    CHECK_INT(attaches(&t), HB_OK);
    CHECK_CSTR(sent(&t), POST "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE FROM information_schema.columns WHERE TABLE_SCHEMA = 'hb_unit'\"}\n");
    hb_buf_clear(&t.s.sent);
    CHECK_INT(registers(&t), HB_OK);
    CHECK(strstr(sent(&t), "driver: CREATE TABLE IF NOT EXISTS `hb_unit`.`hb_meta` (`key` varchar(255) NOT NULL, `value` varchar(1048576)) PRIMARY KEY (`key`) DISTRIBUTED BY HASH (`key`)\n") != NULL);
    CHECK(strstr(sent(&t), "PUT " BE "/api/hb_unit/hb_meta/_stream_load format=json strip_outer_array=true strict_mode=true columns=`key`,`value`,__op") != NULL);
    CHECK(strstr(sent(&t), ",\"value\":\"\\\\x") != NULL);
    hb_buf_clear(&t.s.sent);
    CHECK_INT(upserts(&t), HB_OK);
    check_load(sent(&t), ALL_COLUMNS, ROW_JSON "\n");
    static const reply_of there[] = { { .status = 200, .body = BODY("{\"meta\":[{\"name\":\"object_id\"}]}\n{\"data\":[\"it's\"]}\n" ROWS("1")) },
                                      { .status = 200, .body = BODY("{\"Status\":\"Publish Timeout\",\"NumberLoadedRows\":1,\"NumberFilteredRows\":0}") } };
    answers(&t, there, 2);
    CHECK_INT(deletes(&t), HB_OK);
    const char *load = strstr(sent(&t), "PUT ");
    REQUIRE(load != NULL);
    CHECK(strncmp(sent(&t), POST "SELECT `object_id` FROM `hb_unit`.`doc` WHERE `object_id` = 'it''s'\"}\n", (size_t)(load - sent(&t))) == 0);
    check_load(load, "`object_id`,__op", "[{\"object_id\":\"it's\",\"__op\":1}]\n");
    end(&t);
}

static void what_goes_to_a_driver(void) {
    stage t;
    begin(&t, by_driver);
    CHECK_INT(attaches(&t), HB_OK);
    hb_buf_clear(&t.s.sent);
    CHECK_INT(registers(&t), HB_OK);
    CHECK(strstr(sent(&t), "driver: CREATE SCHEMA IF NOT EXISTS `hb_unit`\ndriver: CREATE TABLE IF NOT EXISTS `hb_unit`.`doc` (`object_id` varchar(255) NOT NULL, "
                           "`name` varchar(1048576), `n` bigint, `f` double, `b` boolean, `v` array<float>, `j` varchar(1048576)) PRIMARY KEY (`object_id`) DISTRIBUTED BY HASH (`object_id`)\n") != NULL);
    CHECK(strstr(sent(&t), "driver: INSERT INTO `hb_unit`.`hb_meta` (`key`, `value`) VALUES ('") != NULL && strstr(sent(&t), "', '\\\\x") != NULL);
    hb_buf_clear(&t.s.sent);
    CHECK_INT(upserts(&t), HB_OK);
    CHECK_CSTR(sent(&t), "driver: INSERT INTO `hb_unit`.`doc` (`object_id`, `name`, `n`, `f`, `b`, `v`, `j`) VALUES ('it''s', 'A\"\\\\\x01\xc3\x9f', "
                         "-9223372036854775808, 0.1e0, TRUE, CAST('[1.0,0.5]' AS array<float>), '{\"a\":\"''\"}')\n");
    end(&t);
}

static void without_a_driver(void) {
    stage t;
    begin(&t, by_http);
    CHECK_INT(attaches(&t), HB_OK);
    t.s.no_driver = true;
    CHECK_INT(registers(&t), HB_E_UNSUPPORTED);
    check_error(&t.f.err);
    CHECK(strstr(t.f.err.msg, "driver") != NULL);
    end(&t);
}

static void conditions(void) {
    static const struct { const char *spec, *want; } cases[] = {
        { "{\"filter\":{\"n\":{\"$gt\":-1}},\"order\":[\"-n\"],\"limit\":3,\"offset\":2}", "WHERE `n` > -1 ORDER BY `n` DESC NULLS LAST, `object_id` NULLS LAST LIMIT 4 OFFSET 2\"}\n" },
        { "{\"filter\":{\"f\":{\"$lte\":1e300}}}", "WHERE `f` <= 1e+300 ORDER BY `object_id` NULLS LAST\"}\n" },
        { "{\"filter\":{\"name\":{\"$ne\":\"x' OR 1=1 --\"}}}", "WHERE (`name` <> 'x'' OR 1=1 --' OR `name` IS NULL) ORDER BY `object_id` NULLS LAST\"}\n" },
        { "{\"filter\":{\"$not\":{\"name\":{\"contains\":\"\\\\'\"}}}}", "WHERE ((instr(`name`, '\\\\\\\\''') > 0)) <=> TRUE = FALSE ORDER BY `object_id` NULLS LAST\"}\n" },
        { "{\"filter\":{\"name\":{\"starts_with\":\"a?\"}}}", "WHERE (starts_with(`name`, 'a?')) ORDER BY `object_id` NULLS LAST\"}\n" },
        { "{\"filter\":{\"name\":{\"ends_with\":\"\\n\"}}}", "WHERE (ends_with(`name`, '\\\\n')) ORDER BY `object_id` NULLS LAST\"}\n" },
        { "{\"filter\":{\"b\":true}}", "WHERE `b` = TRUE ORDER BY `object_id` NULLS LAST\"}\n" },
        { "{\"filter\":{\"n\":{\"in\":[1,null]}}}", "WHERE (`n` IN (1) OR `n` IS NULL) ORDER BY `object_id` NULLS LAST\"}\n" },
        { "{\"filter\":{\"name\":{\"like\":\"a%\"}}}", "FROM `hb_unit`.`doc` ORDER BY `object_id` NULLS LAST\"}\n" },     /* here */
    };
    stage t;
    ready(&t, by_http);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CASE(cases[i].spec);
        static const reply_of none = { .status = 200, .body = BODY("{\"meta\":[]}\n" ROWS("0")) };
        answers(&t, &none, 1);
        CHECK_INT(asks_for(&t, cases[i].spec), HB_OK);
        const char *text = sent(&t), *want = cases[i].want;
        CHECK(strlen(text) > strlen(want));
        CHECK_CSTR(text + strlen(text) - strlen(want), want);
    }
    end(&t);
}

/* What each text is inside of quotes, by the server's rules: no value ends its literal. */
static void hostile_values_stay_values(void) {
    static const char *const values[] = { "'", "''", "\\", "\\'", "\\\\'; DROP TABLE doc; -- ", "?", "`", "\n\r\t\x1a", "%_\\%", "/*! */", "\xc3\xa9", "'\\'", "\\''" };
    stage t;
    ready(&t, by_driver);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        CASE(values[i]);
        hb_buf spec;
        hb_buf_init(&spec, hb_mem_default());
        hb_buf_add_c(&spec, "{\"filter\":{\"name\":");
        hb_buf_add_json_str(&spec, hb_str_c(values[i]));
        hb_buf_add_c(&spec, "}}");
        hb_buf_add_char(&spec, '\0');
        answers(&t, NULL, 0);
        CHECK_INT(asks_for(&t, spec.ptr), HB_OK);
        static const char before[] = "WHERE `name` = '", after[] = " ORDER BY `object_id` NULLS LAST\n";
        const char *p = strstr(sent(&t), before);
        REQUIRE(p != NULL);
        char back[80];
        size_t len = 0;
        for (p += sizeof(before) - 1; *p != '\0' && len < sizeof back - 1; p++) {
            if (*p == '\'' && p[1] != '\'') break;
            if (*p == '\'' || *p == '\\') p++;
            back[len++] = p[-1] != '\\' ? *p : *p == 'n' ? '\n' : *p == 'r' ? '\r' : *p == 'Z' ? '\x1a' : *p;
        }
        back[len] = '\0';
        CHECK_CSTR(back, values[i]);
        CHECK_CSTR(p + 1, after);
        hb_buf_free(&spec);
    }
    end(&t);
}

static void cut_at_any_byte(void) {
    static const char whole[] = "{\"connectionId\":7}\n" META "{\"data\":[\"a\",9223372036854775807]}\n{\"data\":[\"b\",null]}\n" ROWS("2");
    stage t;
    ready(&t, by_http);
    for (uint32_t len = 0; len < sizeof(whole); len++) {
        const reply_of cut = { .status = 200, .body = { whole, len } };
        answers(&t, &cut, 1);
        const bool is_whole = len >= sizeof(whole) - 2;     /* its last byte ends a line */
        CHECK_INT(asks(&t), is_whole ? HB_OK : HB_E_BAD_REPLY);
        if (is_whole) CHECK_CSTR(lines(&t.f, "n"), "a|9223372036854775807\nb|\n");
    }
    end(&t);
}

static void answers_of_another_form(void) {
    static const char *const bodies[] = {
        "", "{}", "[]", "null", "7", "{\"connectionId\":7}\n", META, ROWS("0"), META META ROWS("0"), META ROWS("1"), META ROWS("-1"), META ROWS("0.5"), META ROWS("\"0\""), META "{\"statistics\":{}}\n",
        META "{\"statistics\":[]}\n", META ROWS("0") ROWS("0"), META ROWS("0") "{\"data\":[\"a\",1]}\n", "{\"data\":[\"a\",1]}\n" META ROWS("1"), META "{\"data\":[\"a\"]}\n" ROWS("1"), META "{\"data\":[\"a\",1,2]}\n" ROWS("1"),
        META "{\"data\":{}}\n" ROWS("1"), META "{\"data\":[null,1]}\n" ROWS("1"), META "{\"data\":[7,1]}\n" ROWS("1"), META "{\"data\":[\"a\",true]}\n" ROWS("1"), META "{\"data\":[\"a\",\"x\"]}\n" ROWS("1"), META "{\"data\":[\"a\",1.5]}\n" ROWS("1"),
        META "{\"data\":[\"a\",9223372036854775808]}\n" ROWS("1"), META "{\"data\":[\"a\",1e400]}\n" ROWS("1"), META "{\"data\":[\"a\",{}]}\n" ROWS("1"), META "{\"data\":[\"a\",[1]]}\n" ROWS("1"), META "{\"data\":[\"a\",NaN]}\n" ROWS("1"),
        META "{\"data\":[\"a\",1],\"data\":[\"b\",2]}\n" ROWS("1"), "{\"meta\":[{\"type\":\"bigint\"}]}\n" ROWS("0"), "{\"meta\":[7]}\n" ROWS("0"), "{\"meta\":{}}\n" ROWS("0"), META "{\"explain\":\"x\"}\n" ROWS("0"), "{\"data\":[\"\xff\",1]}\n",
    };
    stage t;
    ready(&t, by_http);
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        CASE(bodies[i]);
        const reply_of one = { .status = 200, .body = hb_str_c(bodies[i]) };
        answers(&t, &one, 1);
        CHECK_INT(asks(&t), HB_E_BAD_REPLY);
        check_error(&t.f.err);
        CHECK_INT(t.s.requests, 1);
    }
    static const reply_of vectors = { .status = 200, .body = BODY("{\"meta\":[{\"name\":\"object_id\"},{\"name\":\"b\"},{\"name\":\"v\"}]}\n{\"data\":[\"a\",1,[1,0.5]]}\n{\"data\":[\"b\",0,\"[0,-1]\"]}\n" ROWS("2")) };
    answers(&t, &vectors, 1);
    CHECK_INT(asks_for(&t, "{\"select\":[\"v\",\"b\"]}"), HB_OK);
    end(&t);
}

static void refusals(void) {
    static const struct { uint32_t status; const char *body; hb_status want; uint32_t requests; const char *native; } cases[] = {
        { 200, "{\"status\":\"FAILED\",\"msg\":\"a value of a row\"}", HB_E_BACKEND, 1, "" },
        { 400, "{\"status\":\"FAILED\",\"msg\":\"only support SELECT\"}", HB_E_BACKEND, 1, "" },
        { 401, "", HB_E_REFUSED, 1, "HTTP 401" },
        { 401, "{\"status\":\"FAILED\",\"msg\":\"Access denied\"}", HB_E_REFUSED, 1, "" },
        { 403, "{\"status\":\"FAILED\",\"msg\":\"set catalog or db failed\"}", HB_E_REFUSED, 1, "" },
        { 404, "<html>", HB_E_UNAVAILABLE, 1, "HTTP 404" },
        { 500, "{\"status\":\"FAILED\",\"msg\":\"Getting analyzing error. Detail message: Unknown table 'hb_unit.doc'.\"}", HB_E_SCHEMA_DRIFT, 1, "" },
        { 500, "{\"status\":\"FAILED\",\"msg\":\"Column '`n`' cannot be resolved.\"}", HB_E_SCHEMA_DRIFT, 1, "" },
        { 500, "{\"status\":\"FAILED\",\"msg\":\"Query reached its timeout of 300 seconds\"}", HB_E_TIMEOUT, 1, "" },
        { 500, "{\"status\":\"FAILED\",\"msg\":\"Memory limit of query exceeded\"}", HB_E_LIMIT, 1, "" },
        { 500, "", HB_E_UNAVAILABLE, 1, "HTTP 500" },
        { 503, "{\"status\":\"FAILED\",\"msg\":\"Reach limit of connections\"}", HB_E_UNAVAILABLE, 5, "HTTP 503" },
        { 502, "", HB_E_UNAVAILABLE, 5, "HTTP 502" },
        { 0, "", HB_E_UNAVAILABLE, 2, "ECONNRESET" },
        { 204, "", HB_E_BAD_REPLY, 1, "" },
        { 302, "", HB_E_BAD_REPLY, 1, "" },
        { 307, "", HB_E_BAD_REPLY, 1, "" },
    };
    stage t;
    ready(&t, by_http);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CASE(cases[i].body);
        const reply_of one = { .status = cases[i].status, .body = hb_str_c(cases[i].body) };
        answers(&t, &one, 1);
        CHECK_INT(asks(&t), cases[i].want);
        check_error(&t.f.err);
        CHECK_CSTR(t.f.err.native, cases[i].native);
        CHECK_INT(t.s.requests, cases[i].requests);
    }
    static const reply_of busy[] = { { .status = 429, .retry_after = "3" }, { .status = 200, .body = BODY(META ROWS("0")) } };
    answers(&t, busy, 2);
    CHECK_INT(asks(&t), HB_OK);
    CHECK(strstr(sent(&t), "Content-Type=application/json after 3000\n") != NULL);
    end(&t);
}

static void loads(void) {
    static const char lost[] = "";
    static const struct { reply_of answers[2]; uint32_t count; hb_status want; uint32_t requests; } cases[] = {
        { { { .status = 200, .body = BODY("{\"Status\":\"Success\",\"NumberLoadedRows\":1,\"NumberFilteredRows\":0}") } }, 1, HB_OK, 1 },
        { { { .status = 200, .body = BODY("{\"Status\":\"Success\",\"NumberLoadedRows\":0,\"NumberFilteredRows\":1}") } }, 1, HB_E_BAD_REPLY, 1 },
        { { { .status = 200, .body = BODY("{\"Status\":\"Success\"}") } }, 1, HB_E_BAD_REPLY, 1 },
        { { { .status = 200, .body = BODY("{\"Status\":\"Success\",\"NumberLoadedRows\":1.0,\"NumberFilteredRows\":0}") } }, 1, HB_E_BAD_REPLY, 1 },
        { { { .status = 200, .body = BODY("{\"TxnId\":-1}") } }, 1, HB_E_BAD_REPLY, 1 },
        { { { .status = 200, .body = BODY("[]") } }, 1, HB_E_BAD_REPLY, 1 },
        { { { .status = 200, .body = BODY("{\"Status\":\"Succ") } }, 1, HB_E_BAD_REPLY, 1 },
        { { { .status = 200, .body = BODY("{\"Status\":\"Fail\",\"Message\":\"too many filtered rows\",\"NumberFilteredRows\":1,\"ErrorURL\":\"http://be/x\"}") } }, 1, HB_E_VALIDATION, 1 },
        { { { .status = 200, .body = BODY("{\"Status\":\"Fail\",\"Message\":\"primary key size exceed the limit.\"}") } }, 1, HB_E_LIMIT, 1 },
        { { { .status = 200, .body = BODY("{\"Status\":\"Fail\",\"Message\":\"unknown table\"}") } }, 1, HB_E_SCHEMA_DRIFT, 1 },
        { { { .status = 200, .body = BODY("{\"Status\":\"FAILED\",\"Message\":\"class com.starrocks.common.DdlException: There is no 100-continue header\"}") } }, 1, HB_E_UNSUPPORTED, 1 },
        { { { .status = 200, .body = BODY("{\"status\":\"FAILED\",\"msg\":\"Access denied; you need (at least one of) the INSERT privilege(s)\"}") } }, 1, HB_E_REFUSED, 1 },
        { { { .status = 200, .body = BODY("{\"Status\":\"Label Already Exists\",\"ExistingJobStatus\":\"FINISHED\"}") } }, 1, HB_E_UNAVAILABLE, 1 },
        { { { .status = 0, .body = BODY(lost) }, { .status = 200, .body = BODY("{\"Status\":\"Label Already Exists\",\"ExistingJobStatus\":\"FINISHED\"}") } }, 2, HB_OK, 2 },
        { { { .status = 0, .body = BODY(lost) }, { .status = 200, .body = BODY("{\"Status\":\"Label Already Exists\",\"ExistingJobStatus\":\"RUNNING\"}") } }, 2, HB_E_UNAVAILABLE, 2 },
        { { { .status = 0, .body = BODY(lost) } }, 1, HB_E_UNAVAILABLE, 2 },
        { { { .status = 413, .body = BODY(lost) } }, 1, HB_E_LIMIT, 1 },
    };
    stage t;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CASE(cases[i].answers[cases[i].count - 1].body.ptr);
        ready(&t, by_http);
        answers(&t, cases[i].answers, cases[i].count);
        CHECK_INT(upserts(&t), cases[i].want);
        if (cases[i].want != HB_OK) check_error(&t.f.err);
        CHECK_INT(t.s.requests, cases[i].requests);
        end(&t);
    }
    ready(&t, by_http);
    CHECK_INT(upserts_this(&t, "{\"object_id\":\"a\",\"name\":\"\\u0000\"}"), HB_E_VALIDATION);
    CHECK_INT(t.s.requests, 0);
    end(&t);
}

/* Where the load goes, with the password: not to another host unless the options name it. */
static void redirects(void) {
    static const struct { const char *location; const char *to; } cases[] = {
        { BE LOAD, BE LOAD }, { "https://be.example.test:9999" LOAD, "https://be.example.test:9999" LOAD }, { "https://BE2.example.test:8040" LOAD, "https://BE2.example.test:8040" LOAD },
        { "https://be3.example.test:1" LOAD, "https://be3.example.test:1" LOAD }, { "https://me:hunter2@be2.example.test:8040" LOAD, "https://be2.example.test:8040" LOAD },
        { "https://be3.example.test:2" LOAD, NULL }, { "https://evil.test" LOAD, NULL }, { "https://be2.example.test@evil.test" LOAD, NULL }, { "https://evil.test/" BE LOAD, NULL },
        { "https://be.example.test.evil.test" LOAD, NULL }, { "https://evil.test\\@be.example.test" LOAD, NULL }, { "https://evil.test?@be.example.test" LOAD, NULL }, { "https://evil.test#@be.example.test" LOAD, NULL },
        { "http://be.example.test:8040" LOAD, NULL }, { "ftp://be.example.test" LOAD, NULL }, { "//be2.example.test" LOAD, NULL }, { LOAD, NULL }, { "https://" LOAD, NULL },
        { BE "/api/other/doc/_stream_load", NULL }, { BE LOAD "?x=1", NULL }, { BE, NULL }, { "", NULL }, { NULL, NULL }, { "https://be.example.test:8040 evil.test" LOAD, NULL }, { "https://be.example.test:8040\n" LOAD, NULL },
    };
    stage t;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CASE(cases[i].location != NULL ? cases[i].location : "none");
        ready(&t, by_http);
        const reply_of list[] = { { .status = 307, .location = cases[i].location }, { .status = 200, .body = BODY("{\"Status\":\"Success\",\"NumberLoadedRows\":1,\"NumberFilteredRows\":0}") } };
        answers(&t, list, 2);
        CHECK_INT(upserts(&t), cases[i].to != NULL ? HB_OK : HB_E_BAD_REPLY);
        CHECK_INT(t.s.requests, cases[i].to != NULL ? 2 : 1);
        if (cases[i].to == NULL) check_error(&t.f.err);
        const char *second = cases[i].to != NULL ? strstr(sent(&t) + 4, "PUT ") : NULL;
        if (cases[i].to != NULL && CHECK(second != NULL)) {
            CHECK(strncmp(second + 4, cases[i].to, strlen(cases[i].to)) == 0 && second[4 + strlen(cases[i].to)] == ' ');
            CHECK(strstr(second, "\n" ROW_JSON "\n") != NULL);
        }
        end(&t);
    }
    ready(&t, by_http);
    static const reply_of around = { .status = 307, .location = BE LOAD };
    answers(&t, &around, 1);
    CHECK_INT(upserts(&t), HB_E_BAD_REPLY);
    CHECK_INT(t.s.requests, 4);
    end(&t);
}

/* A call of several loads, the second of which fails: what is done stays, and is told. */
static void half_done(void) {
    stage t;
    begin(&t, "{\"id\":\"unit\",\"backends\":{\"main\":{\"type\":\"starrocks\",\"via\":\"http\",\"url\":\"" FE "\",\"username\":\"me\",\"password\":\"hunter2\"}}}");
    CHECK_INT(attaches(&t), HB_OK);
    CHECK_INT(registers(&t), HB_OK);
    answers(&t, NULL, 0);
    t.s.loads = 0;
    t.s.fails_at = 1;
    CHECK_INT(upserts(&t), HB_E_BACKEND);
    t.s.loads = 0;
    t.s.fails_at = 2;
    CHECK_INT(upserts(&t), HB_E_PARTIAL_WRITE);
    check_error(&t.f.err);
    CHECK(strncmp(t.f.err.msg, "1 of the ", 9) == 0);
    end(&t);
}

static void options_that_are_none(void) {
    static const struct { const char *options; hb_status want; } cases[] = {
        { by_http, HB_OK }, { by_driver, HB_OK },
        { OPTIONS("\"via\":\"http\",\"username\":\"me\""), HB_E_VALIDATION },
        { OPTIONS("\"via\":\"http\",\"url\":\"" FE "\""), HB_E_VALIDATION },
        { OPTIONS("\"via\":\"http\",\"url\":\"" FE "\",\"username\":\"a:b\""), HB_E_VALIDATION },
        { OPTIONS("\"via\":\"http\",\"url\":\"" FE "\",\"username\":\"me\""), HB_OK },
        { HTTP(",\"load_url\":\"ftp://x\""), HB_E_VALIDATION },
        { HTTP(",\"load_url\":\"https://u:p@x\""), HB_E_VALIDATION },
        { HTTP(",\"schema\":\"good_1\""), HB_OK },
        { HTTP(",\"schema\":\"a/../b\""), HB_E_INVALID_ID },
        { HTTP(",\"schema\":\"1a\""), HB_E_INVALID_ID },
        { OPTIONS("\"schema\":\"a`b\""), HB_E_INVALID_ID },
        { OPTIONS("\"via\":\"htpp\",\"url\":\"" FE "\""), HB_E_VALIDATION },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        hb_workspace *ws = NULL;
        hb_err err;
        CASE(cases[i].options);
        CHECK_INT(hb_workspace_open(hb_str_c(cases[i].options), hb_mem_default(), &ws, &err), cases[i].want);
        if (cases[i].want == HB_OK) hb_workspace_close(ws);
        else CHECK(strstr(err.msg, "hunter2") == NULL);
    }
}

/* Letters, digits and _ alone; what another name could become has a hash. */
static void names(void) {
    static const struct { const char *field, *column; } cases[] = {
        { "plain_1", "`plain_1` bigint" }, { "Upper", "`_upper__" }, { "two__marks", "`_two__marks__" }, { "gr\xc3\xb6\xc3\x9f", "`_gr__" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        stage t;
        char definition[200];
        CASE(cases[i].field);
        snprintf(definition, sizeof definition, "{\"name\":\"Other\",\"fields\":{\"%s\":\"integer\"}}", cases[i].field);
        begin(&t, by_driver);
        CHECK_INT(attaches(&t), HB_OK);
        CHECK_INT(calls(&t, (hb_request){ .kind = HB_CALL_REGISTER, .text = pack_of(&t.f, definition) }), HB_OK);
        CHECK(strstr(sent(&t), cases[i].column) != NULL);
        end(&t);
    }
}

/* What a wrong byte at any place makes of an answer: refused, or rows, and nothing else. */
static void check_wrong_bytes(stage *t, const char *whole, uint32_t len, bool is_load) {
    static const char wrong[] = "\x00\x0a\x22\x2d\x39\x5d\x7b\x7d\xff";
    char text[256];
    for (uint32_t i = 0; i < len; i++) {
        for (uint32_t w = 0; w < sizeof(wrong) - 1; w++) {
            memcpy(text, whole, len);
            text[i] = wrong[w];
            const reply_of one = { .status = 200, .body = hb_str_n(text, len) };
            if (is_load) ready(t, by_http);         /* after a write that failed, the tables are looked at anew */
            answers(t, &one, 1);
            const hb_status status = is_load ? upserts(t) : asks(t);
            CHECK(status == HB_OK || status == HB_E_BAD_REPLY || (is_load && status == HB_E_BACKEND));
            if (status != HB_OK) check_error(&t->f.err);
            if (is_load) end(t);
        }
    }
}

static void with_a_wrong_byte(void) {
    static const char read[] = "{\"connectionId\":7}\n" META "{\"data\":[\"a\",7]}\n" ROWS("1");
    static const char load[] = "{\"TxnId\":1,\"Status\":\"Success\",\"NumberLoadedRows\":1,\"NumberFilteredRows\":0}";
    stage t;
    ready(&t, by_http);
    check_wrong_bytes(&t, read, sizeof(read) - 1, false);
    end(&t);
    check_wrong_bytes(&t, load, sizeof(load) - 1, true);
}

static void allocations_that_fail(void) {
    static const reply_of list[] = { { .status = 307, .location = BE LOAD }, { .status = 200, .body = BODY("{\"Status\":\"Success\",\"NumberLoadedRows\":1,\"NumberFilteredRows\":0}") },
                                     { .status = 200, .body = BODY("{\"connectionId\":7}\n" META "{\"data\":[\"a\",7]}\n" ROWS("1")) } };
    const uint64_t stride = scene_runs_long() ? 1 : 13;
    for (uint64_t at = 1;; at += stride) {
        faulty memory;
        stage t = { 0 };
        faulty_init(&memory);
        hb_arena_init(&t.f.arena, hb_mem_default());
        hb_buf_init(&t.s.sent, hb_mem_default());
        faulty_from(&memory, at, false);
        hb_status status = hb_workspace_open(hb_str_c(by_http), &memory.mem, &t.f.ws, &t.f.err);
        if (status == HB_OK) status = attaches(&t);
        if (status == HB_OK) status = registers(&t);
        answers(&t, list, 3);
        if (status == HB_OK) status = upserts(&t);
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
    TEST(what_goes_by_http);
    TEST(what_goes_to_a_driver);
    TEST(without_a_driver);
    TEST(conditions);
    TEST(hostile_values_stay_values);
    TEST(cut_at_any_byte);
    TEST(with_a_wrong_byte);
    TEST(answers_of_another_form);
    TEST(refusals);
    TEST(loads);
    TEST(redirects);
    TEST(half_done);
    TEST(options_that_are_none);
    TEST(names);
    TEST(allocations_that_fail);
}
