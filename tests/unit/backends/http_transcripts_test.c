// SPDX-License-Identifier: MIT
/* The transports "neon" and "gateway" against a scripted server: what goes out, and what is made of every kind of
 * answer that may come back. No error tells a secret. */
#include "tests/unit/backends/http_script.h"
#include "tests/unit/support/scene.h"
#include "tests/unit/workspace/fixture.h"

static const char doc[] = "{\"name\":\"Doc\",\"fields\":{\"n\":\"integer\",\"v\":\"vector[2]\"}}";
static const char row[] = "{\"object_id\":\"a\",\"name\":\"A\",\"n\":1,\"v\":[1,0]}";
static const char spec[] = "{\"select\":[\"n\"]}";

/* What was asked for, as each protocol says it: one row, a and 7. */
static const char *const good[2] = {
    "{\"results\":[{\"columns\":[\"object_id\",\"n\"],\"rows\":[[\"a\",7]],\"affected\":0}]}",
    "{\"fields\":[{\"name\":\"object_id\",\"dataTypeID\":25},{\"name\":\"n\",\"dataTypeID\":20}],\"rows\":[[\"a\",\"7\"]],\"command\":\"SELECT\",\"rowCount\":1,\"rowAsArray\":true}",
};

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
static hb_status upserts(stage *t) {
    return calls(t, (hb_request){ .kind = HB_CALL_UPSERT, .entity = hb_workspace_entity(t->f.ws, HB_STR("doc")),
                                  .flags = HB_FLAG_OVERWRITE, .batch = row_of(&t->f, row) });
}
static hb_status asks(stage *t) {
    return calls(t, (hb_request){ .kind = HB_CALL_QUERY, .entity = hb_workspace_entity(t->f.ws, HB_STR("doc")), .text = hb_str_c(spec) });
}

static void ready(stage *t, bool neon) {
    memset(t, 0, sizeof(*t));
    t->s.neon = neon;
    hb_buf_init(&t->s.sent, hb_mem_default());
    fixture_open(&t->f, http_options(neon));
    CHECK_INT(attaches(t), HB_OK);
    CHECK_INT(registers(t), HB_OK);
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

/* A failure names the backend, and tells nothing that is nobody's business. */
static void check_error(const hb_err *err) {
    const char *const texts[] = { err->msg, err->native, err->entity, err->field, err->detail };
    CHECK_CSTR(err->backend, "main");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        CHECK(strstr(texts[i], "hunter2") == NULL && strstr(texts[i], HTTP_TOKEN) == NULL && strstr(texts[i], "://") == NULL);
        CHECK(strstr(texts[i], "a value of a row") == NULL);
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

static void what_is_sent(void) {
    static const char *const reads[2] = {
        "POST https://gw.example.test/db/v1/connections/m%C3%A4in%2F1/statements\nContent-Type: application/json\nAuthorization: Bearer " HTTP_TOKEN "\n"
        "{\"statements\":[{\"sql\":\"SELECT \\\"object_id\\\", \\\"n\\\" FROM \\\"hb_unit\\\".\\\"doc\\\" ORDER BY \\\"object_id\\\" NULLS LAST\",\"params\":[]}],\"transaction\":false}\n",
        "POST https://apiauth.eu.example.test/sql\nContent-Type: text/plain;charset=UTF-8\nNeon-Connection-String: " HTTP_URI "\nNeon-Raw-Text-Output: true\nNeon-Array-Mode: true\nAuthorization: Bearer " HTTP_TOKEN "\n"
        "{\"query\":\"SELECT \\\"object_id\\\", \\\"n\\\" FROM \\\"hb_unit\\\".\\\"doc\\\" ORDER BY \\\"object_id\\\" NULLS LAST\",\"params\":[]}\n",
    };
    static const char *const writes[2] = {
        "VALUES ($1::text, $2::text, $3::bigint, $4::vector) ON CONFLICT (\\\"object_id\\\") DO UPDATE SET \\\"name\\\" = excluded.\\\"name\\\", \\\"n\\\" = excluded.\\\"n\\\", \\\"v\\\" = excluded.\\\"v\\\"\",\"params\":[\"a\",\"A\",1,\"[1.0,0.0]\"]}],\"transaction\":true}\n",
        "VALUES ($1::text, $2::text, $3::bigint, $4::vector) ON CONFLICT (\\\"object_id\\\") DO UPDATE SET \\\"name\\\" = excluded.\\\"name\\\", \\\"n\\\" = excluded.\\\"n\\\", \\\"v\\\" = excluded.\\\"v\\\"\",\"params\":[\"a\",\"A\",\"1\",\"[1.0,0.0]\"]}]}\n",
    };
    for (int neon = 0; neon < 2; neon++) {
        stage t;
        ready(&t, neon == 1);
        hb_buf_clear(&t.s.sent);
        t.s.requests = 0;
        CHECK_INT(upserts(&t), HB_OK);
        CHECK_INT(t.s.requests, 1);
        CHECK(strstr(sent(&t), writes[neon]) != NULL);
        CHECK_INT(asks_once(&t, hb_str_c(good[neon])), HB_OK);
        CHECK_CSTR(lines(&t.f, "n"), "a|7\n");
        CHECK_CSTR(sent(&t), reads[neon]);
        end(&t);
    }
}

static void an_answer_cut_at_any_byte(void) {
    for (int neon = 0; neon < 2; neon++) {
        stage t;
        ready(&t, neon == 1);
        const hb_str whole = hb_str_c(good[neon]);
        for (uint32_t len = 0; len < whole.len; len++) CHECK_INT(asks_once(&t, hb_str_sub(whole, 0, len)), HB_E_BAD_REPLY);
        CHECK_INT(asks_once(&t, whole), HB_OK);
        end(&t);
    }
}

/* Any one byte is another: refused, or rows of the right form. */
static void an_answer_with_a_wrong_byte(void) {
    static const char wrong[] = { '\0', '"', '[', '}', ',', '9', '-', '\\', (char)0xff };
    for (int neon = 0; neon < 2; neon++) {
        stage t;
        ready(&t, neon == 1);
        char bytes[300];
        const uint32_t len = (uint32_t)strlen(good[neon]);
        for (uint32_t at = 0; at < len; at++) {
            memcpy(bytes, good[neon], len);
            bytes[at] = wrong[at % sizeof wrong];
            hb_status status = asks_once(&t, hb_str_n(bytes, len));
            CHECK(status == HB_OK || status == HB_E_BAD_REPLY);
        }
        end(&t);
    }
}

static void answers_of_another_form(void) {
    static const struct { bool neon; const char *body; hb_status want; const char *lines; } cases[] = {
        { false, "{\"results\":[{\"affected\":0,\"rows\":[[\"a\",9223372036854775807],[\"b\",null]],\"more\":{},\"columns\":[\"object_id\",\"n\"]}],\"more\":1}", HB_OK, "a|9223372036854775807\nb|\n" },
        { false, "{\"results\":[{\"columns\":[\"object_id\",\"n\"],\"rows\":[[\"a\",-9223372036854775808]]}]}", HB_OK, "a|-9223372036854775808\n" },
        { false, "{\"results\":[{\"columns\":[\"object_id\",\"n\"],\"rows\":[[\"a\",\"7\"],[\"b\",\"8\"]]}]}", HB_OK, "a|7\nb|8\n" },
        { false, "{\"results\":[{\"columns\":[\"object_id\",\"n\"],\"rows\":[[\"a\",7.0],[\"b\",8]]}]}", HB_OK, "a|7\nb|8\n" },
        { false, "{\"results\":[{\"columns\":[],\"rows\":[]}]}", HB_OK, "" },
        { false, "{\"results\":[{\"columns\":[\"object_id\",\"n\"],\"rows\":[[\"a\",9223372036854775808]]}]}", HB_E_BAD_REPLY, NULL },
        { false, "{\"results\":[{\"columns\":[\"object_id\",\"n\"],\"rows\":[[\"a\",1e999]]}]}", HB_E_BAD_REPLY, NULL },
        { false, "{\"results\":[{\"columns\":[\"object_id\",\"n\"],\"rows\":[[\"a\",1.5]]}]}", HB_E_BAD_REPLY, NULL },
        { false, "{\"results\":[{\"columns\":[\"object_id\",\"n\"],\"rows\":[[\"a\",NaN]]}]}", HB_E_BAD_REPLY, NULL },
        { false, "{\"results\":[{\"columns\":[\"object_id\",\"n\"],\"rows\":[[\"a\",\"NaN\"]]}]}", HB_E_BAD_REPLY, NULL },
        { false, "{\"results\":[{\"columns\":[\"object_id\",\"n\"],\"rows\":[[\"a\",true]]}]}", HB_E_BAD_REPLY, NULL },
        { false, "{\"results\":[{\"columns\":[\"object_id\",\"n\"],\"rows\":[[\"a\",\"a value of a row\"]]}]}", HB_E_BAD_REPLY, NULL },
        { false, "{\"results\":[{\"columns\":[\"object_id\",\"n\"],\"rows\":[[\"a\",1],[\"b\",\"x\"]]}]}", HB_E_BAD_REPLY, NULL },
        { false, "{\"results\":[{\"columns\":[\"object_id\",\"n\"],\"rows\":[[\"a\",9007199254740993],[\"b\",0.5]]}]}", HB_E_BAD_REPLY, NULL },
        { false, "{\"results\":[{\"columns\":[\"object_id\",\"n\"],\"rows\":[[\"a\",[1]]]}]}", HB_E_BAD_REPLY, NULL },
        { false, "{\"results\":[{\"columns\":[\"object_id\",\"n\"],\"rows\":[[\"a\",{\"$bytes\":\"AA==\"}]]}]}", HB_E_BAD_REPLY, NULL },
        { false, "{\"results\":[{\"columns\":[\"object_id\",\"n\"],\"rows\":[[\"a\",{\"$bytes\":\"A\"}]]}]}", HB_E_BAD_REPLY, NULL },
        { false, "{\"results\":[{\"columns\":[\"object_id\",\"n\"],\"rows\":[[\"a\",{\"$bytes\":7}]]}]}", HB_E_BAD_REPLY, NULL },
        { false, "{\"results\":[{\"columns\":[\"object_id\",\"n\"],\"rows\":[[null,1]]}]}", HB_E_BAD_REPLY, NULL },
        { false, "{\"results\":[{\"columns\":[\"object_id\",\"n\"],\"rows\":[[\"a\",1],[\"b\"]]}]}", HB_E_BAD_REPLY, NULL },
        { false, "{\"results\":[{\"columns\":[\"object_id\",\"n\"],\"rows\":[[\"a\",1,2]]}]}", HB_E_BAD_REPLY, NULL },
        { false, "{\"results\":[{\"columns\":[\"object_id\"],\"rows\":[[\"a\"]]}]}", HB_E_BAD_REPLY, NULL },
        { false, "{\"results\":[{\"columns\":[\"object_id\",7],\"rows\":[]}]}", HB_E_BAD_REPLY, NULL },
        { false, "{\"results\":[{\"columns\":[\"object_id\",\"n\"],\"rows\":{\"a\":1}}]}", HB_E_BAD_REPLY, NULL },
        { false, "{\"results\":[{\"columns\":[\"object_id\",\"n\"]}]}", HB_E_BAD_REPLY, NULL },
        { false, "{\"results\":[{\"rows\":[]}]}", HB_E_BAD_REPLY, NULL },
        { false, "{\"results\":[{\"columns\":[\"object_id\",\"n\"],\"rows\":[],\"rows\":[[\"a\",1]]}]}", HB_E_BAD_REPLY, NULL },
        { false, "{\"results\":[],\"results\":[{\"columns\":[],\"rows\":[]}]}", HB_E_BAD_REPLY, NULL },
        { false, "{\"results\":[]}", HB_E_BAD_REPLY, NULL },
        { false, "{\"results\":[{\"columns\":[],\"rows\":[]},{\"columns\":[],\"rows\":[]}]}", HB_E_BAD_REPLY, NULL },
        { false, "{\"error\":{\"code\":\"STATEMENT_FAILED\",\"native\":\"42P01\"}}", HB_E_BAD_REPLY, NULL },
        { false, "[]", HB_E_BAD_REPLY, NULL },
        { false, "null", HB_E_BAD_REPLY, NULL },
        { false, "<html>hunter2</html>", HB_E_BAD_REPLY, NULL },
        { false, "{\"results\":[{\"columns\":[],\"rows\":[]}]} more", HB_E_BAD_REPLY, NULL },
        { false, "\xef\xbb\xbf{\"results\":[{\"columns\":[],\"rows\":[]}]}", HB_E_BAD_REPLY, NULL },
        { true, "{\"rows\":[[\"a\",\"9223372036854775807\"],[\"b\",null]],\"fields\":[{\"name\":\"object_id\"},{\"name\":\"n\"}]}", HB_OK, "a|9223372036854775807\nb|\n" },
        { true, "{\"fields\":[{\"name\":\"object_id\"},{\"name\":\"n\"}],\"rows\":[[\"a\",7]]}", HB_E_BAD_REPLY, NULL },
        { true, "{\"fields\":[{\"name\":\"object_id\"},{\"name\":\"n\"}],\"rows\":[[\"a\",\"9223372036854775808\"]]}", HB_E_BAD_REPLY, NULL },
        { true, "{\"fields\":[{\"name\":\"object_id\"},{\"name\":\"n\"}],\"rows\":[[\"a\",\"1e3\"]]}", HB_E_BAD_REPLY, NULL },
        { true, "{\"fields\":[{\"name\":\"object_id\"},{\"name\":\"n\"}],\"rows\":[[\"a\"]]}", HB_E_BAD_REPLY, NULL },
        { true, "{\"fields\":[{\"name\":\"object_id\"},{\"name\":\"n\"}],\"rows\":[{\"object_id\":\"a\",\"n\":\"1\"}]}", HB_E_BAD_REPLY, NULL },
        { true, "{\"fields\":[\"object_id\",\"n\"],\"rows\":[[\"a\",\"1\"]]}", HB_E_BAD_REPLY, NULL },
        { true, "{\"fields\":[{\"name\":\"object_id\",\"name\":\"n\"}],\"rows\":[]}", HB_E_BAD_REPLY, NULL },
        { true, "{\"results\":[]}", HB_E_BAD_REPLY, NULL },
        { true, "{\"rows\":[]}", HB_E_BAD_REPLY, NULL },
    };
    for (int neon = 0; neon < 2; neon++) {
        stage t;
        ready(&t, neon == 1);
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            if (cases[i].neon != (neon == 1)) continue;
            CASE(cases[i].body);
            if (CHECK_INT(asks_once(&t, hb_str_c(cases[i].body)), cases[i].want) && cases[i].lines != NULL) CHECK_CSTR(lines(&t.f, "n"), cases[i].lines);
        }
        end(&t);
    }
}

static void answers_that_are_too_large(void) {
    stage t;
    hb_buf body;
    hb_buf_init(&body, hb_mem_default());
    for (uint32_t i = 0; i < 100000; i++) hb_buf_add_char(&body, '[');
    ready(&t, false);
    CHECK_INT(asks_once(&t, hb_buf_str(&body)), HB_E_BAD_REPLY);
    hb_buf_clear(&body);
    hb_buf_add_c(&body, "{\"results\":[{\"rows\":[],\"columns\":[");
    for (uint32_t i = 0; i < 5000; i++) hb_buf_add_c(&body, i > 0 ? ",\"\"" : "\"\"");
    hb_buf_add_c(&body, "]}]}");
    CHECK_INT(asks_once(&t, hb_buf_str(&body)), HB_E_BAD_REPLY);
    hb_buf_clear(&body);
    hb_buf_add_char(&body, '{');
    for (uint32_t i = 0; i < 100; i++) hb_buf_printf(&body, "\"k%u\":0,", (unsigned)i);
    hb_buf_add_c(&body, "\"results\":[]}");
    CHECK_INT(asks_once(&t, hb_buf_str(&body)), HB_E_BAD_REPLY);
    const http_answer answer = { .failed = true, .native = "BAD_REPLY" };    /* the host stopped reading */
    script(&t, &answer, 1);
    CHECK_INT(asks(&t), HB_E_BAD_REPLY);
    CHECK_INT(t.s.requests, 1);
    hb_buf_free(&body);
    end(&t);
}

#define BODY(text) { "" text, sizeof(text) - 1 }

/* What a server says that does not answer; the reads and the writes that go out then, and how it ends. */
static void statuses(void) {
    static const struct {
        const char *name;
        bool neon;
        http_answer answer;
        uint32_t reads, writes;
        hb_status want;
        const char *native;
    } cases[] = {
        { "redirect", false, { .status = 302 }, 1, 1, HB_E_BAD_REPLY, "" },
        { "redirect that keeps the method", true, { .status = 307 }, 1, 1, HB_E_BAD_REPLY, "" },
        { "redirect as a browser tells it", false, { .status = 0 }, 1, 1, HB_E_BAD_REPLY, "" },
        { "no content", false, { .status = 204 }, 1, 1, HB_E_BAD_REPLY, "" },
        { "unauthorized", false, { .status = 401, .body = BODY("{\"error\":{\"code\":\"UNAUTHORIZED\",\"message\":\"" HTTP_TOKEN "\"}}") }, 1, 1, HB_E_REFUSED, "UNAUTHORIZED" },
        { "forbidden, no JSON", true, { .status = 403, .body = BODY("<p>" HTTP_TOKEN) }, 1, 1, HB_E_REFUSED, "HTTP 403" },
        { "read only", false, { .status = 403, .body = BODY("{\"error\":{\"code\":\"READ_ONLY\"}}") }, 1, 1, HB_E_REFUSED, "READ_ONLY" },
        { "not found", false, { .status = 404 }, 1, 1, HB_E_UNAVAILABLE, "HTTP 404" },
        { "too large", false, { .status = 413, .body = BODY("{\"error\":{\"code\":\"REQUEST_TOO_LARGE\"}}") }, 1, 1, HB_E_LIMIT, "REQUEST_TOO_LARGE" },
        { "too many rows", false, { .status = 422, .body = BODY("{\"error\":{\"code\":\"RESULT_TOO_LARGE\"}}") }, 1, 1, HB_E_LIMIT, "RESULT_TOO_LARGE" },
        { "statement, unique", false, { .status = 422, .body = BODY("{\"error\":{\"code\":\"STATEMENT_FAILED\",\"message\":\"a value of a row\",\"native\":\"23505\",\"statement\":0}}") }, 1, 1, HB_E_UNIQUE, "23505" },
        { "statement, without its code", false, { .status = 422, .body = BODY("{\"error\":{\"code\":\"STATEMENT_FAILED\"}}") }, 1, 1, HB_E_BACKEND, "STATEMENT_FAILED" },
        { "a code that could be a secret", false, { .status = 422, .body = BODY("{\"error\":{\"code\":\"STATEMENT_FAILED\",\"native\":\"hunter2\"}}") }, 1, 1, HB_E_BACKEND, "" },
        { "time out in the server", false, { .status = 504, .body = BODY("{\"error\":{\"code\":\"TIMEOUT\"}}") }, 1, 1, HB_E_TIMEOUT, "TIMEOUT" },
        { "statement, neon", true, { .status = 400, .body = BODY("{\"message\":\"a value of a row\",\"code\":\"42P01\",\"detail\":\"hunter2\"}") }, 1, 1, HB_E_SCHEMA_DRIFT, "42P01" },
        { "authentication, neon", true, { .status = 400, .body = BODY("{\"message\":\"password authentication failed\",\"code\":\"28P01\"}") }, 1, 1, HB_E_REFUSED, "28P01" },
        { "no code, neon", true, { .status = 400, .body = BODY("{\"message\":\"hunter2\",\"code\":null}") }, 1, 1, HB_E_BACKEND, "HTTP 400" },
        { "a code twice, neon", true, { .status = 400, .body = BODY("{\"code\":\"42P01\",\"code\":\"23505\"}") }, 1, 1, HB_E_BACKEND, "HTTP 400" },
        { "internal", true, { .status = 500, .body = BODY("hunter2") }, 1, 1, HB_E_UNAVAILABLE, "HTTP 500" },
        { "bad gateway", false, { .status = 502 }, 5, 1, HB_E_UNAVAILABLE, "HTTP 502" },
        { "unavailable", true, { .status = 503, .body = BODY("<html>") }, 5, 1, HB_E_UNAVAILABLE, "HTTP 503" },
        { "unavailable, not begun", false, { .status = 503, .body = BODY("{\"error\":{\"code\":\"UNAVAILABLE\",\"began\":false}}") }, 5, 5, HB_E_UNAVAILABLE, "HTTP 503" },
        { "unavailable, begun", false, { .status = 503, .body = BODY("{\"error\":{\"code\":\"UNAVAILABLE\",\"began\":true}}") }, 5, 1, HB_E_UNAVAILABLE, "HTTP 503" },
        { "time out before", true, { .status = 504 }, 5, 1, HB_E_UNAVAILABLE, "HTTP 504" },
        { "too many requests", true, { .status = 429 }, 5, 5, HB_E_UNAVAILABLE, "HTTP 429" },
        { "too many requests, for long", true, { .status = 429, .retry_after = "86400" }, 1, 1, HB_E_UNAVAILABLE, "HTTP 429" },
        { "no answer", true, { .failed = true, .native = "ECONNREFUSED" }, 2, 1, HB_E_UNAVAILABLE, "ECONNREFUSED" },
        { "no answer, no code", false, { .failed = true }, 2, 1, HB_E_UNAVAILABLE, "" },
        { "no fetch", false, { .failed = true, .native = "HOST" }, 1, 1, HB_E_UNAVAILABLE, "HOST" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        stage t;
        CASE(cases[i].name);
        ready(&t, cases[i].neon);
        for (int write = 0; write < 2; write++) {
            script(&t, &cases[i].answer, 1);
            CHECK_INT(write == 1 ? upserts(&t) : asks(&t), cases[i].want);
            CHECK_INT(t.s.requests, write == 1 ? cases[i].writes : cases[i].reads);
            CHECK_CSTR(t.f.err.native, cases[i].native);
            check_error(&t.f.err);
            t.s.count = 0;
            CHECK_INT(write == 1 ? upserts(&t) : HB_OK, HB_OK);
        }
        end(&t);
    }
}

static void waits(void) {
    static const struct { const char *after, *date; uint32_t delays[3]; } cases[] = {
        { NULL, NULL, { 0, 250, 500 } },
        { "3", NULL, { 0, 3000, 3000 } },
        { " 0 ", NULL, { 0, 250, 500 } },
        { "-1", NULL, { 0, 250, 500 } },
        { "soon", NULL, { 0, 250, 500 } },
        { "99999999999999999999", NULL, { 0, 250, 500 } },
        { "Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:30 GMT", { 0, 7000, 7000 } },
        { "Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 09:49:30 GMT", { 0, 250, 500 } },
        { "Sun, 06 Nov 1994 08:49:37 GMT", NULL, { 0, 250, 500 } },
        { "Sun, 66 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:30 GMT", { 0, 250, 500 } },
        { "Sun, 06 ovD 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:30 GMT", { 0, 250, 500 } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        stage t;
        CASE(cases[i].after != NULL ? cases[i].after : "nothing");
        ready(&t, false);
        const http_answer busy = { .status = 429, .retry_after = cases[i].after, .date = cases[i].date };
        const http_answer answers[3] = { busy, busy, { .status = 200, .body = hb_str_c(good[0]) } };
        script(&t, answers, 3);
        CHECK_INT(asks(&t), HB_OK);
        CHECK_INT(t.s.requests, 3);
        for (uint32_t r = 0; r < 3; r++) CHECK_INT(t.s.delays[r], cases[i].delays[r]);
        end(&t);
    }
}

static int64_t still(void *ctx) { return *(int64_t *)ctx; }

/* A wait that would outlast the call is none; the gateway hears how long the call may last. */
static void the_deadline(void) {
    stage t = { 0 };
    int64_t now = 5;
    const hb_clock clock = { still, &now };
    const hb_host host = { .mem = hb_mem_default(), .clock = &clock };
    hb_arena_init(&t.f.arena, hb_mem_default());
    hb_buf_init(&t.s.sent, hb_mem_default());
    CHECK_INT(hb_workspace_open_on(hb_str_c(http_options(false)), &host, &t.f.ws, &t.f.err), HB_OK);
    CHECK_INT(attaches(&t), HB_OK);
    CHECK_INT(registers(&t), HB_OK);
    const hb_request request = { .kind = HB_CALL_QUERY, .entity = hb_workspace_entity(t.f.ws, HB_STR("doc")), .text = hb_str_c(spec), .timeout_ms = 1000 };
    const http_answer answers[2] = { { .status = 429, .retry_after = "1" }, { .status = 200, .body = hb_str_c(good[0]) } };
    script(&t, answers, 2);
    CHECK_INT(calls(&t, request), HB_E_UNAVAILABLE);
    CHECK_INT(t.s.requests, 1);
    CHECK(strstr(sent(&t), ",\"timeoutMs\":1000}") != NULL);
    const http_answer soon[2] = { { .status = 429 }, answers[1] };
    script(&t, soon, 2);
    CHECK_INT(calls(&t, request), HB_OK);
    CHECK_INT(t.s.requests, 2);
    end(&t);
}

static void every_kind_of_value_by_the_gateway(void) {
    static const char *const body = "{\"results\":[{\"columns\":[\"object_id\",\"n\",\"v\"],\"rows\":[[\"a\",null,\"[1,0.5]\"],[\"b\",2,{\"$bytes\":\"AACAPwAAAEA=\"}]]}]}";
    static const char *const bytes = "{\"results\":[{\"columns\":[\"object_id\",\"n\",\"v\"],\"rows\":[[\"a\",null,null],[\"b\",2,{\"$bytes\":\"AACAPwAAAEA=\"}]]}]}";
    stage t;
    ready(&t, false);
    const http_answer mixed = { .status = 200, .body = hb_str_c(body) }, plain = { .status = 200, .body = hb_str_c(bytes) };
    const hb_request request = { .kind = HB_CALL_QUERY, .entity = hb_workspace_entity(t.f.ws, HB_STR("doc")), .text = HB_STR("{\"select\":[\"n\",\"v\"]}") };
    script(&t, &mixed, 1);
    CHECK_INT(calls(&t, request), HB_E_BAD_REPLY);
    script(&t, &plain, 1);
    CHECK_INT(calls(&t, request), HB_OK);
    REQUIRE(t.f.task != NULL);
    const hb_batch *batch = &answer(&t.f)->batch;
    const hb_value v = hb_column_get(&batch->columns[hb_batch_find(batch, HB_STR("v"))], 1);
    REQUIRE(v.kind == HB_KIND_VEC && v.as.v.len == 2);
    CHECK(v.as.v.ptr[0] == 1.0f && v.as.v.ptr[1] == 2.0f);
    end(&t);
}

static void options_that_are_none(void) {
    static const struct { const char *options; const char *field; } cases[] = {
        { "\"via\":\"gateway\"", "'url'" },
        { "\"via\":\"gateway\",\"url\":\"https://x\"", "'connection'" },
        { "\"via\":\"gateway\",\"url\":\"https://x\",\"connection\":\"..\"", "'connection'" },
        { "\"via\":\"gateway\",\"url\":\"x\",\"connection\":\"c\"", "'url'" },
        { "\"via\":\"gateway\",\"url\":\"https://\",\"connection\":\"c\"", "'url'" },
        { "\"via\":\"gateway\",\"url\":\"https:///\",\"connection\":\"c\"", "'url'" },
        { "\"via\":\"gateway\",\"url\":\"https://u:hunter2@x\",\"connection\":\"c\"", "'url'" },
        { "\"via\":\"gateway\",\"url\":\"https://x?token=hunter2\",\"connection\":\"c\"", "'url'" },
        { "\"via\":\"gateway\",\"url\":\"https://x\",\"connection\":\"c\",\"token\":\"hunter2\\r\\nX: y\"", "'token'" },
        { "\"via\":\"neon\"", "'uri'" },
        { "\"via\":\"neon\",\"uri\":\"postgresql://u:hunter2@localhost/db\"", "'url'" },
        { "\"via\":\"neon\",\"uri\":\"postgresql://u:hunter2@127.0.0.1/db\"", "'url'" },
        { "\"via\":\"neon\",\"uri\":\"mysql://u:hunter2@a.b/db\"", "'url'" },
        { "\"via\":\"pigeon\"", "gateway" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[400];
        hb_workspace *ws = NULL;
        hb_err err;
        CASE(cases[i].options);
        snprintf(text, sizeof text, "{\"id\":\"unit\",\"backends\":{\"main\":{\"type\":\"postgres\",%s}}}", cases[i].options);
        CHECK_INT(hb_workspace_open(hb_str_c(text), hb_mem_default(), &ws, &err), HB_E_VALIDATION);
        CHECK(ws == NULL && strstr(err.msg, cases[i].field) != NULL && strstr(err.msg, "hunter2") == NULL);
        CHECK_CSTR(err.backend, "main");
    }
}

/* Nothing is lost of what the allocator gave, wherever it fails. */
static void allocations_that_fail(void) {
    const uint64_t stride = scene_runs_long() ? 1 : 11;
    for (int neon = 0; neon < 2; neon++) {
        for (uint64_t at = 1;; at += stride) {
            faulty memory;
            stage t = { .s = { .neon = neon == 1 } };
            faulty_init(&memory);
            hb_arena_init(&t.f.arena, hb_mem_default());
            hb_buf_init(&t.s.sent, hb_mem_default());
            faulty_from(&memory, at, false);
            hb_status status = hb_workspace_open(hb_str_c(http_options(neon == 1)), &memory.mem, &t.f.ws, &t.f.err);
            if (status == HB_OK) status = attaches(&t);
            if (status == HB_OK) status = registers(&t);
            if (status == HB_OK) status = upserts(&t);
            const http_answer answer = { .status = 200, .body = hb_str_c(good[neon]) };
            script(&t, &answer, 1);
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
}

TEST_SUITE {
    TEST(what_is_sent);
    TEST(an_answer_cut_at_any_byte);
    TEST(an_answer_with_a_wrong_byte);
    TEST(answers_of_another_form);
    TEST(answers_that_are_too_large);
    TEST(statuses);
    TEST(waits);
    TEST(the_deadline);
    TEST(every_kind_of_value_by_the_gateway);
    TEST(options_that_are_none);
    TEST(allocations_that_fail);
}
