// SPDX-License-Identifier: MIT
/* What a server answers by HTTP: its first byte chooses the protocol, the status, and what the answer is to; the rest is
 * the body, of Trino each line that of one answer. It is refused with a typed error that tells no secret, or it is rows. */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/backends/http_script.h"

static const char definition[] = "{\"name\":\"Doc\",\"fields\":{\"n\":\"integer\",\"v\":\"vector[2]\"}}";
static const char *const specs[4] = {
    "{\"select\":[\"n\",\"v\"]}",
    "{\"count\":true}",
    "{\"select\":[\"n\"],\"near\":{\"field\":\"v\",\"query\":[1,0],\"top_k\":2}}",
    "{\"select\":[\"n\"],\"search\":{\"fields\":[\"name\"],\"query\":\"a\"}}",
};
static const uint32_t statuses[4] = { 200, 200, 400, 503 };

static void must_be_typed(hb_status status, const hb_err *err) {
    MUST(status == err->code && status != HB_E_INTERNAL && err->msg[0] != '\0');
    MUST_SAY(strstr(err->msg, "hunter2") == NULL && strstr(err->msg, HTTP_TOKEN) == NULL, err->msg);
    MUST_SAY(strstr(err->native, "hunter2") == NULL && strstr(err->native, HTTP_TOKEN) == NULL, err->native);
}

static hb_status call(http_script *s, hb_workspace *ws, hb_request request, hb_err *err) {
    hb_task *task;
    hb_status status = http_call(s, ws, request, &task, err);
    hb_task_free(task);
    return status;
}

typedef enum protocol { GATEWAY, NEON, PLANETSCALE, TRINO, STARROCKS } protocol;

#define ANSWERS_MAX 6u

static const char *options_of(protocol by) { return by == STARROCKS ? HTTP_STARROCKS : by == TRINO ? http_options_trino() : by == PLANETSCALE ? HTTP_PLANETSCALE : http_options(by == NEON); }
static http_script script_of(protocol by) { return (http_script){ .neon = by == NEON, .planetscale = by == PLANETSCALE, .trino = by == TRINO, .starrocks = by == STARROCKS }; }

static hb_workspace *made(protocol by) {
    http_script s = script_of(by);
    hb_arena arena;
    hb_err err;
    hb_arena_init(&arena, hb_mem_default());
    hb_buf_init(&s.sent, hb_mem_default());
    hb_workspace *ws = fuzz_open(options_of(by));
    MUST(call(&s, ws, (hb_request){ .kind = HB_CALL_ATTACH }, &err) == HB_OK);
    MUST(call(&s, ws, (hb_request){ .kind = HB_CALL_REGISTER, .text = fuzz_pack(definition, &arena) }, &err) == HB_OK);
    hb_buf_free(&s.sent);
    hb_arena_free(&arena);
    return ws;
}

/* One for all queries by a protocol: nothing that a server answers to them stays. */
static hb_workspace *filled(protocol by) {
    static hb_workspace *kept[5];
    if (kept[by] == NULL) kept[by] = made(by);
    return kept[by];
}

/* The answer to a load: whatever it is, the tables are looked at anew after a failure, hence a workspace of its own. */
static hb_status loads(http_script *s, hb_err *err) {
    static const char id[] = "a";
    static const hb_span span = { 0, 1 };
    const hb_column column = { .name = HB_STR("object_id"), .kind = HB_KIND_TEXT, .data = &span, .heap = (const uint8_t *)id, .heap_len = 1 };
    hb_workspace *ws = made(STARROCKS);
    const hb_request request = { .kind = HB_CALL_UPSERT, .entity = hb_workspace_entity(ws, HB_STR("doc")), .flags = HB_FLAG_OVERWRITE, .batch = { 1, 1, &column } };
    const hb_status status = call(s, ws, request, err);
    hb_workspace_close(ws);
    return status;
}

/* How many answers there are; all after the first have status 200. The last one comes again and again: without an address
 * of the next page, so that there is an end. */
static uint32_t lines_of(hb_str body, http_answer *answers) {
    uint32_t count = 0;
    while (count < ANSWERS_MAX - 1) {
        const int64_t end = hb_str_find(body, HB_STR("\n"), 0);
        answers[count].body = hb_str_sub(body, 0, end < 0 ? body.len : (uint32_t)end);
        if (count > 0) answers[count].status = 200;
        count++;
        if (end < 0) break;
        body = hb_str_sub(body, (uint32_t)end + 1, body.len);
    }
    answers[count++] = (http_answer){ .status = 200, .body = HB_STR("{\"id\":\"q\"}") };
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t how = size > 0 ? data[0] : 0;
    const protocol by = (how & 160) == 160 ? STARROCKS : (how & 128) != 0 ? TRINO : (how & 32) != 0 ? PLANETSCALE : (how & 1) != 0 ? NEON : GATEWAY;
    hb_arena arena;
    hb_err err;
    hb_arena_init(&arena, hb_mem_default());
    /* A block of its own size: reading past it is seen. */
    const hb_str body = size > 1 ? hb_arena_str(&arena, hb_str_n(data + 1, size - 1)) : HB_STR_EMPTY;
    http_answer answers[ANSWERS_MAX] = { { .status = statuses[how >> 1 & 3], .body = body } };
    http_script s = script_of(by);
    s.answers = answers;
    s.count = by == TRINO ? lines_of(body, answers) : 1;
    hb_buf_init(&s.sent, hb_mem_default());
    if (by == STARROCKS && (how & 65) == 1) {
        const hb_status status = loads(&s, &err);
        if (status != HB_OK) must_be_typed(status, &err);
    } else if ((how & 64) != 0) {          /* the first answers of all: which columns there are, and definitions */
        hb_workspace *ws = fuzz_open(options_of(by));
        const hb_status status = call(&s, ws, (hb_request){ .kind = HB_CALL_ATTACH }, &err);
        if (status != HB_OK) must_be_typed(status, &err);
        hb_workspace_close(ws);
    } else {
        hb_workspace *ws = filled(by);
        const hb_request request = { .kind = HB_CALL_QUERY, .entity = hb_workspace_entity(ws, HB_STR("doc")), .text = hb_str_c(specs[how >> 3 & 3]) };
        const hb_status status = call(&s, ws, request, &err);
        if (status != HB_OK) must_be_typed(status, &err);
        MUST(status == HB_OK || answers[0].status != 200 || status == HB_E_BAD_REPLY || by >= PLANETSCALE);      /* whose errors have 200 */
    }
    hb_buf_free(&s.sent);
    hb_arena_free(&arena);
    return 0;
}
