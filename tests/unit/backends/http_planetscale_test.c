// SPDX-License-Identifier: MIT
/* The transport "planetscale" against a scripted server: statements with their values written into them, sessions that go
 * back as they came, and what is made of every kind of answer. No error tells a secret. */
#include "tests/unit/backends/http_script.h"
#include "tests/unit/support/scene.h"
#include "tests/unit/workspace/fixture.h"

static const char doc[] = "{\"name\":\"Doc\",\"fields\":{\"n\":\"integer\",\"v\":\"vector[2]\"}}";
static const char row[] = "{\"object_id\":\"a\",\"name\":\"A\",\"n\":1,\"v\":[1,0]}";
static const char spec[] = "{\"select\":[\"n\"]}";

#define FIELDS "\"fields\":[{\"name\":\"object_id\",\"type\":\"VARBINARY\",\"charset\":63},{\"name\":\"n\",\"type\":\"INT64\",\"charset\":63,\"flags\":0}]"
#define ROWS(rows) "{\"session\":" HTTP_SESSION ",\"result\":{" FIELDS ",\"rows\":[" rows "]},\"timing\":0.1}"
#define ERROR(code, message) "{\"session\":" HTTP_SESSION ",\"error\":{\"code\":\"" code "\",\"message\":\"" message "\"}}"
#define DONE "{\"session\":" HTTP_SESSION ",\"result\":{\"rowsAffected\":\"1\"}}"
#define BODY(text) { "" text, sizeof(text) - 1 }
/* a and 7 */
static const char good[] = ROWS("{\"lengths\":[\"1\",\"1\"],\"values\":\"YTc=\"}");

typedef struct stage {
    fixture f;
    http_script s;
} stage;

static hb_status calls(stage *t, hb_request request) {
    hb_task_free(t->f.task);
    t->f.task = NULL;
    return http_call(&t->s, t->f.ws, request, &t->f.task, &t->f.err);
}

static hb_status attaches(stage *t) { return calls(t, (hb_request){ .kind = HB_CALL_ATTACH }); }
static hb_status registers(stage *t) { return calls(t, (hb_request){ .kind = HB_CALL_REGISTER, .text = pack_of(&t->f, doc) }); }
static hb_status upserts_of(stage *t, const char *of) {
    return calls(t, (hb_request){ .kind = HB_CALL_UPSERT, .entity = hb_workspace_entity(t->f.ws, HB_STR("doc")),
                                  .flags = HB_FLAG_OVERWRITE, .batch = row_of(&t->f, of) });
}
static hb_status upserts(stage *t) { return upserts_of(t, row); }
static hb_status asks_of(stage *t, const char *of) {
    return calls(t, (hb_request){ .kind = HB_CALL_QUERY, .entity = hb_workspace_entity(t->f.ws, HB_STR("doc")), .text = hb_str_c(of) });
}
static hb_status asks(stage *t) { return asks_of(t, spec); }

static void ready(stage *t) {
    memset(t, 0, sizeof(*t));
    t->s.planetscale = true;
    hb_buf_init(&t->s.sent, hb_mem_default());
    fixture_open(&t->f, HTTP_PLANETSCALE);
    CHECK_INT(attaches(t), HB_OK);
    CHECK_INT(registers(t), HB_OK);
    hb_buf_clear(&t->s.sent);
    t->s.requests = 0;
}

static void end(stage *t) {
    hb_buf_free(&t->s.sent);
    fixture_close(&t->f);
}

/* From now on these, in turn. */
static void script(stage *t, const http_answer *answers, uint32_t count) {
    t->s.answers = answers;
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

static hb_status asks_once(stage *t, hb_str body) {
    const http_answer answer = { .status = 200, .body = body };
    script(t, &answer, 1);
    hb_status status = asks(t);
    CHECK_INT(t->s.requests, 1);
    if (status != HB_OK) check_error(&t->f.err);
    t->s.count = 0;
    return status;
}

static const char *sent(stage *t) {
    hb_buf_add_char(&t->s.sent, '\0');
    t->s.sent.len--;
    return t->s.sent.ptr;
}

#define HEAD "POST https://db.example.test/psdb.v1alpha1.Database/Execute\nContent-Type: application/json\nAuthorization: Basic bWU6aHVudGVyMg==\n"
#define QUERY(query, session) HEAD "{\"query\":\"" query "\",\"session\":" session "}\n"

static void what_is_sent(void) {
    stage t;
    ready(&t);
    CHECK_INT(upserts(&t), HB_OK);
    CHECK_CSTR(sent(&t), QUERY("BEGIN", "null")
               QUERY("INSERT INTO `hb_unit$doc` (`object_id`, `name`, `n`, `v`) VALUES ('a', 'A', CAST(1 AS SIGNED), X'0000803F00000000') ON DUPLICATE KEY UPDATE "
                     "`name` = VALUES(`name`), `n` = VALUES(`n`), `v` = VALUES(`v`)", HTTP_SESSION)
               QUERY("COMMIT", HTTP_SESSION));
    CHECK_INT(asks_once(&t, hb_str_c(good)), HB_OK);
    CHECK_CSTR(lines(&t.f, "n"), "a|7\n");
    CHECK_CSTR(sent(&t), QUERY("SELECT `object_id`, `n` FROM `hb_unit$doc` ORDER BY `object_id`", "null"));
    end(&t);
}

/* Whatever a value holds, it ends where its literal does. */
static void values_as_literals(void) {
    static const struct { const char *json, *literal; } texts[] = {
        { "", "''" }, { "it's", "'it''s'" }, { "''", "''''''" }, { "?", "'?'" }, { "`", "'`'" }, { "\\\"", "'\\\"'" }, { "\\\\", "'\\\\\\\\'" }, { "\\\\'", "'\\\\\\\\'''" },
        { "\\u0000\\n\\r\\u001a", "'\\\\0\\\\n\\\\r\\\\Z'" }, { "/*! ? */ -- #", "'/*! ? */ -- #'" }, { "\xc3\xa9\xf0\x9f\x98\x80", "'\xc3\xa9\xf0\x9f\x98\x80'" },
    };
    stage t;
    ready(&t);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char json[200], want[300];
        CASE(texts[i].json);
        snprintf(json, sizeof json, "{\"object_id\":\"a\",\"name\":\"%s\",\"n\":-9223372036854775808,\"v\":null}", texts[i].json);
        snprintf(want, sizeof want, "VALUES ('a', %s, CAST(-9223372036854775808 AS SIGNED), NULL) ON DUPLICATE", texts[i].literal);
        hb_buf_clear(&t.s.sent);
        CHECK_INT(upserts_of(&t, json), HB_OK);
        CHECK(strstr(sent(&t), want) != NULL);
        snprintf(json, sizeof json, "{\"select\":[\"n\"],\"filter\":{\"name\":{\"$ne\":\"%s\"}}}", texts[i].json);
        snprintf(want, sizeof want, "WHERE (`name` <> %s OR `name` IS NULL) ORDER", texts[i].literal);
        hb_buf_clear(&t.s.sent);
        CHECK_INT(asks_of(&t, json), HB_OK);
        CHECK(strstr(sent(&t), want) != NULL);
    }
    end(&t);
}

static void an_answer_cut_at_any_byte(void) {
    stage t;
    ready(&t);
    const hb_str whole = hb_str_c(good);
    for (uint32_t len = 0; len < whole.len; len++) CHECK_INT(asks_once(&t, hb_str_sub(whole, 0, len)), HB_E_BAD_REPLY);
    CHECK_INT(asks_once(&t, whole), HB_OK);
    end(&t);
}

/* Any one byte is another: refused, or rows of the right form. */
static void an_answer_with_a_wrong_byte(void) {
    static const char wrong[] = { '\0', '"', '[', '}', ',', '9', '-', '\\', (char)0xff };
    stage t;
    ready(&t);
    char bytes[500];
    const size_t len = sizeof good - 1;
    REQUIRE(len < sizeof bytes);
    for (size_t at = 0; at < len; at++) {
        for (size_t w = 0; w < sizeof wrong; w++) {
            memcpy(bytes, good, len);
            bytes[at] = wrong[w];
            const hb_status status = asks_once(&t, hb_str_n(bytes, len));
            CHECK(status == HB_OK || status == HB_E_BAD_REPLY);
        }
    }
    end(&t);
}

static void answers_of_another_form(void) {
    static const struct { const char *body; hb_status want; const char *lines; } cases[] = {
        { ROWS(""), HB_OK, "" },
        { ROWS("{\"lengths\":[1,-1],\"values\":\"YQ==\"},{\"lengths\":[\"1\",\"19\"],\"values\":\"YjkyMjMzNzIwMzY4NTQ3NzU4MDc=\"}"), HB_OK, "a|\nb|9223372036854775807\n" },
        { ROWS("{\"lengths\":[\"1\",\"19\"],\"values\":\"YjkyMjMzNzIwMzY4NTQ3NzU4MDg=\"}"), HB_E_BAD_REPLY, NULL },    /* 2^63 */
        { ROWS("{\"lengths\":[\"1\",\"1\"],\"values\":\"YTc4\"}"), HB_E_BAD_REPLY, NULL },         /* more bytes than lengths */
        { ROWS("{\"lengths\":[\"1\",\"2\"],\"values\":\"YTc=\"}"), HB_E_BAD_REPLY, NULL },         /* fewer */
        { ROWS("{\"lengths\":[\"1\",\"4294967297\"],\"values\":\"YTc=\"}"), HB_E_BAD_REPLY, NULL },
        { ROWS("{\"lengths\":[\"1\",\"9223372036854775807\"],\"values\":\"YTc=\"}"), HB_E_BAD_REPLY, NULL },
        { ROWS("{\"lengths\":[\"1\",\"99999999999999999999\"],\"values\":\"YTc=\"}"), HB_E_BAD_REPLY, NULL },
        { ROWS("{\"lengths\":[\"1\",\"x\"],\"values\":\"YTc=\"}"), HB_E_BAD_REPLY, NULL },
        { ROWS("{\"lengths\":[\"1\",1.0],\"values\":\"YTc=\"}"), HB_E_BAD_REPLY, NULL },
        { ROWS("{\"lengths\":[\"1\"],\"values\":\"YTc=\"}"), HB_E_BAD_REPLY, NULL },
        { ROWS("{\"lengths\":[\"1\",\"0\",\"1\"],\"values\":\"YTc=\"}"), HB_E_BAD_REPLY, NULL },
        { ROWS("{\"lengths\":[\"1\",\"1\"],\"values\":\"YTc\"}"), HB_E_BAD_REPLY, NULL },          /* no base64 */
        { ROWS("{\"lengths\":[\"1\",\"1\"],\"values\":7}"), HB_E_BAD_REPLY, NULL },
        { ROWS("{\"lengths\":[\"1\",\"1\"]}"), HB_E_BAD_REPLY, NULL },
        { ROWS("{\"lengths\":[\"0\",\"1\"],\"values\":\"Nw==\"}"), HB_OK, "|7\n" },                 /* an id is any text */
        { ROWS("{\"lengths\":[\"-1\",\"1\"],\"values\":\"Nw==\"}"), HB_E_BAD_REPLY, NULL },         /* but not null */
        { ROWS("{\"lengths\":[\"1\",\"1\"],\"values\":\"/zc=\"}"), HB_E_BAD_REPLY, NULL },          /* nor other bytes */
        { ROWS("[\"a\",\"7\"]"), HB_E_BAD_REPLY, NULL },
        { ROWS("null"), HB_E_BAD_REPLY, NULL },
        { "{\"result\":{\"fields\":[{\"name\":\"object_id\",\"type\":\"VARCHAR\"},{\"name\":\"n\"}],\"rows\":[{\"lengths\":[\"1\",\"-1\"],\"values\":\"YQ==\"}]}}", HB_OK, "a|\n" },
        { "{\"result\":{\"fields\":[{\"name\":\"object_id\",\"type\":\"VARCHAR\"},{\"name\":\"n\",\"type\":\"INT64\"}],\"rows\":[{\"lengths\":[\"1\",\"1\"],\"values\":\"/zc=\"}]}}", HB_E_BAD_REPLY, NULL },
        { "{\"result\":{\"fields\":[{\"name\":\"object_id\",\"name\":\"n\"}],\"rows\":[]}}", HB_E_BAD_REPLY, NULL },
        { "{\"result\":{\"fields\":{},\"rows\":[]}}", HB_E_BAD_REPLY, NULL },
        { "{\"result\":{\"fields\":[],\"rows\":[{\"lengths\":[\"1\"],\"values\":\"YQ==\"}]}}", HB_E_BAD_REPLY, NULL },
        { "{\"result\":null}", HB_E_BAD_REPLY, NULL },
        { "{\"result\":[]}", HB_E_BAD_REPLY, NULL },
        { "{}", HB_E_BAD_REPLY, NULL },
        { "[]", HB_E_BAD_REPLY, NULL },
        { "{\"result\":{},\"result\":{}}", HB_E_BAD_REPLY, NULL },
        { "{\"s\\u0065ssion\":1,\"result\":{}}", HB_E_BAD_REPLY, NULL },    /* a session that cannot go back as it came */
    };
    stage t;
    ready(&t);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CASE(cases[i].body);
        if (CHECK_INT(asks_once(&t, hb_str_c(cases[i].body)), cases[i].want) && cases[i].lines != NULL) CHECK_CSTR(lines(&t.f, "n"), cases[i].lines);
    }
    end(&t);
}

/* What a server says that does not answer; the reads and the writes that go out then, and how it ends. An error of a
 * statement in a transaction is followed by its end. */
static void failures(void) {
    static const struct {
        const char *name;
        http_answer answer;
        uint32_t reads, writes;
        hb_status want;
        const char *native;
    } cases[] = {
        { "unique", { .status = 200, .body = BODY(ERROR("ALREADY_EXISTS", "Duplicate entry 'a value of a row' (errno 1062) (sqlstate 23000) (CallerID: me)")) }, 1, 3, HB_E_UNIQUE, "1062" },
        { "a value that looks like a number of an error", { .status = 200, .body = BODY(ERROR("UNKNOWN", "Duplicate entry '(errno 1213) (sqlstate 40001)' for key (errno 1062) (sqlstate 23000)")) }, 1, 3, HB_E_UNIQUE, "1062" },
        { "table", { .status = 200, .body = BODY(ERROR("NOT_FOUND", "no table (errno 1146) (sqlstate 42S02)")) }, 1, 3, HB_E_SCHEMA_DRIFT, "1146" },
        { "by its code", { .status = 200, .body = BODY(ERROR("RESOURCE_EXHAUSTED", "row count exceeded")) }, 1, 3, HB_E_LIMIT, "RESOURCE_EXHAUSTED" },
        { "unknown error by its code", { .status = 200, .body = BODY(ERROR("ABORTED", "x (errno 1105) (sqlstate HY000)")) }, 1, 3, HB_E_LOCKED, "ABORTED" },
        { "no number", { .status = 200, .body = BODY(ERROR("INTERNAL", "(errno 99999999999) (sqlstate 23000)")) }, 1, 3, HB_E_BACKEND, "INTERNAL" },
        { "a number that does not end", { .status = 200, .body = BODY(ERROR("INTERNAL", "(errno 1062")) }, 1, 3, HB_E_BACKEND, "INTERNAL" },
        { "a code that could be a secret", { .status = 200, .body = BODY(ERROR("hunter2", "hunter2")) }, 1, 3, HB_E_BACKEND, "" },
        { "an error of no form", { .status = 200, .body = BODY("{\"session\":1,\"error\":\"hunter2\"}") }, 1, 3, HB_E_BACKEND, "" },
        { "an error beside a result", { .status = 200, .body = BODY("{\"session\":{},\"result\":{},\"error\":{\"code\":\"UNAVAILABLE\"}}") }, 1, 3, HB_E_UNAVAILABLE, "UNAVAILABLE" },
        { "no JSON", { .status = 200, .body = BODY("<html>") }, 1, 3, HB_E_BAD_REPLY, "" },
        { "redirect", { .status = 302 }, 1, 2, HB_E_BAD_REPLY, "" },
        { "unauthorized", { .status = 401, .body = BODY("{\"error\":{\"code\":\"UNAUTHENTICATED\",\"message\":\"hunter2\"}}") }, 1, 2, HB_E_REFUSED, "UNAUTHENTICATED" },
        { "unauthorized, otherwise", { .status = 401, .body = BODY("{\"code\":\"unauthenticated\",\"msg\":\"hunter2\"}") }, 1, 2, HB_E_REFUSED, "HTTP 401" },
        { "of what stands before", { .status = 522, .body = BODY("<p>hunter2") }, 1, 2, HB_E_UNAVAILABLE, "HTTP 522" },
        { "unavailable", { .status = 503 }, 5, 2, HB_E_UNAVAILABLE, "HTTP 503" },
        { "too many requests", { .status = 429 }, 5, 6, HB_E_UNAVAILABLE, "HTTP 429" },
        { "no answer", { .failed = true, .native = "ECONNRESET" }, 2, 2, HB_E_UNAVAILABLE, "ECONNRESET" },
    };
    static const http_answer begun = { .status = 200, .body = BODY(DONE) };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        stage t;
        CASE(cases[i].name);
        ready(&t);
        script(&t, &cases[i].answer, 1);
        CHECK_INT(asks(&t), cases[i].want);
        CHECK_INT(t.s.requests, cases[i].reads);
        CHECK_CSTR(t.f.err.native, cases[i].native);
        check_error(&t.f.err);
        const http_answer answers[2] = { begun, cases[i].answer };
        script(&t, answers, 2);
        CHECK_INT(upserts(&t), cases[i].want);
        CHECK_INT(t.s.requests, cases[i].writes);
        CHECK_INT(strstr(sent(&t), "{\"query\":\"ROLLBACK\"") != NULL, cases[i].answer.status == 200);
        CHECK_CSTR(t.f.err.native, cases[i].native);
        check_error(&t.f.err);
        t.s.count = 0;
        CHECK_INT(upserts(&t), HB_OK);
        end(&t);
    }
}

static uint32_t count_of(const char *text, const char *word) {
    uint32_t count = 0;
    for (; (text = strstr(text, word)) != NULL; text++) count++;
    return count;
}

/* A victim of a deadlock is undone, and sent again. */
static void transactions_in_the_way_of_others(void) {
    static const http_answer answers[] = {
        { .status = 200, .body = BODY(DONE) }, { .status = 200, .body = BODY(ERROR("ABORTED", "Deadlock (errno 1213) (sqlstate 40001)")) }, { .status = 503 }, { .status = 200, .body = BODY(DONE) },
    };
    stage t;
    ready(&t);
    script(&t, answers, 4);
    CHECK_INT(upserts(&t), HB_OK);
    CHECK_INT(count_of(sent(&t), "\"BEGIN\",\"session\":null"), 2);
    CHECK_INT(count_of(sent(&t), "\"ROLLBACK\",\"session\":{"), 1);
    CHECK_INT(count_of(sent(&t), "\"COMMIT\",\"session\":{"), 1);
    end(&t);
}

/* What began has a session, or nothing goes out after it; an end that fails is not followed by another. */
static void transactions_without_an_end(void) {
    static const http_answer no_session[] = { { .status = 200, .body = BODY("{\"session\":null,\"result\":{}}") } };
    static const http_answer no_begin[] = { { .status = 200, .body = BODY(ERROR("UNAVAILABLE", "")) } };
    static const http_answer no_commit[] = { { .status = 200, .body = BODY(DONE) }, { .status = 200, .body = BODY(DONE) }, { .status = 200, .body = BODY(ERROR("ABORTED", "")) } };
    static const struct { const http_answer *answers; uint32_t count, requests; hb_status want; } cases[] = {
        { no_session, 1, 1, HB_E_BAD_REPLY }, { no_begin, 1, 1, HB_E_UNAVAILABLE }, { no_commit, 3, 3, HB_E_LOCKED },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        stage t;
        ready(&t);
        script(&t, cases[i].answers, cases[i].count);
        CHECK_INT(upserts(&t), cases[i].want);
        CHECK_INT(t.s.requests, cases[i].requests);
        CHECK(strstr(sent(&t), "ROLLBACK") == NULL);
        check_error(&t.f.err);
        end(&t);
    }
}

static void options_that_are_none(void) {
    static const struct { const char *options, *field; } cases[] = {
        { "\"username\":\"u\",\"password\":\"hunter2\"", "'host'" },
        { "\"host\":\"h/x\",\"username\":\"u\",\"password\":\"hunter2\"", "'host'" },
        { "\"host\":\"u@h\",\"username\":\"u\",\"password\":\"hunter2\"", "'host'" },
        { "\"url\":\"h\",\"username\":\"u\",\"password\":\"hunter2\"", "'url'" },
        { "\"host\":\"h\",\"password\":\"hunter2\"", "'username'" },
        { "\"host\":\"h\",\"username\":\"u:v\",\"password\":\"hunter2\"", "'username'" },
        { "\"host\":\"h\",\"username\":\"u\"", "'password'" },
        { "\"host\":\"h\",\"username\":\"u\",\"password\":\"hunter2\\r\\nX: y\"", "'password'" },
        { "\"host\":\"h\",\"username\":\"u\",\"password\":\"hunter2\"", NULL },
    };
    static const char *const types[2] = { "mysql", "oceanbase" };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0] * 2; i++) {
        char text[400];
        hb_workspace *ws = NULL;
        hb_err err;
        const char *field = i % 2 == 0 ? cases[i / 2].field : "gateway";        /* OceanBase is not reached so */
        CASE(cases[i / 2].options);
        snprintf(text, sizeof text, "{\"id\":\"unit\",\"backends\":{\"main\":{\"type\":\"%s\",\"via\":\"planetscale\",%s}}}", types[i % 2], cases[i / 2].options);
        CHECK_INT(hb_workspace_open(hb_str_c(text), hb_mem_default(), &ws, &err), field != NULL ? HB_E_VALIDATION : HB_OK);
        if (ws != NULL) hb_workspace_close(ws);
        if (field == NULL) continue;
        CHECK(ws == NULL && strstr(err.msg, field) != NULL && strstr(err.msg, "hunter2") == NULL);
        CHECK_CSTR(err.backend, "main");
    }
}

/* Nothing is lost of what the allocator gave, wherever it fails. */
static void allocations_that_fail(void) {
    static const http_answer failing[] = { { .status = 200, .body = BODY(DONE) }, { .status = 200, .body = BODY(ERROR("NOT_FOUND", "")) } };
    const uint64_t stride = scene_runs_long() ? 1 : 13;
    for (uint64_t at = 1;; at += stride) {
        faulty memory;
        stage t = { .s = { .planetscale = true } };
        faulty_init(&memory);
        hb_arena_init(&t.f.arena, hb_mem_default());
        hb_buf_init(&t.s.sent, hb_mem_default());
        faulty_from(&memory, at, false);
        hb_status status = hb_workspace_open(HB_STR(HTTP_PLANETSCALE), &memory.mem, &t.f.ws, &t.f.err);
        if (status == HB_OK) status = attaches(&t);
        if (status == HB_OK) status = registers(&t);
        if (status == HB_OK) status = upserts(&t);
        const http_answer answer = { .status = 200, .body = hb_str_c(good) };
        script(&t, &answer, 1);
        if (status == HB_OK) status = asks(&t);
        script(&t, failing, 2);
        if (status == HB_OK) status = upserts(&t) == HB_E_SCHEMA_DRIFT ? HB_OK : t.f.err.code;
        CHECK_INT(status, memory.failed && status != HB_OK ? HB_E_MEMORY : HB_OK);
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
    TEST(values_as_literals);
    TEST(an_answer_cut_at_any_byte);
    TEST(an_answer_with_a_wrong_byte);
    TEST(answers_of_another_form);
    TEST(failures);
    TEST(transactions_in_the_way_of_others);
    TEST(transactions_without_an_end);
    TEST(options_that_are_none);
    TEST(allocations_that_fail);
}
