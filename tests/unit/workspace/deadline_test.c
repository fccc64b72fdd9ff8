// SPDX-License-Identifier: MIT
/* Calls on local backends against a clock that goes on by itself: they end at their deadline in the
 * middle of their work, and what they wrote is not there. */
#include "tests/unit/test.h"

#include <stdio.h>

#include "hb.h"
#include "value/pack.h"

#define ROWS 4000u

typedef struct fixture {
    hb_workspace *ws;
    hb_err err;
    uint32_t entity;
    hb_clock clock;
    int64_t looks; /* the clock goes on by 1 ms at each look */
} fixture;

static int64_t look(void *ctx) {
    fixture *f = ctx;
    return f->looks++;
}

/* Runs a call to its end; *count: the rows of a frame, or its one number. */
static hb_status call(fixture *f, hb_request request, uint32_t timeout_ms, int64_t *count) {
    request.now_ms = 1700000000000;
    request.timeout_ms = timeout_ms;
    hb_task *task;
    HB_TRY(hb_workspace_start(f->ws, &request, &task, &f->err));
    hb_step step;
    hb_status status = hb_task_step(task, &step, &f->err);
    if (status == HB_OK && count != NULL) {
        const hb_column *first = &hb_task_answer(task)->batch.columns[0];
        memcpy(count, first->data, sizeof(*count));
    }
    hb_task_free(task);
    return status;
}

static void fixture_open(fixture *f, const char *type) {
    memset(f, 0, sizeof(*f));
    f->clock = (hb_clock){ look, f };
    const hb_host host = { .mem = hb_mem_default(), .clock = &f->clock };
    char options[120];
    snprintf(options, sizeof(options), "{\"id\":\"w\",\"backends\":{\"main\":{\"type\":\"%s\"}}}",
             type);
    CHECK_INT(hb_workspace_open_on(hb_str_c(options), &host, &f->ws, &f->err), HB_OK);
    hb_buf pack;
    hb_buf_init(&pack, hb_mem_default());
    static const char definition[] =
        "{\"entity_id\":\"note\",\"fields\":{\"n\":\"integer\",\"body\":\"long-text\"}}";
    CHECK(hb_pack_from_json(hb_str_c(definition), &pack, &f->err) == HB_OK);
    hb_request request = { .kind = HB_CALL_REGISTER, .text = hb_buf_str(&pack) };
    CHECK_INT(call(f, request, 0, NULL), HB_OK);
    hb_buf_free(&pack);
    f->entity = hb_workspace_entity(f->ws, HB_STR("note"));
}

static hb_status write_rows(fixture *f, uint32_t timeout_ms) {
    static char names[ROWS][8];
    static hb_span spans[ROWS];
    static int64_t numbers[ROWS];
    for (uint32_t i = 0; i < ROWS; i++) {
        spans[i] = (hb_span){ i * 8, (uint32_t)snprintf(names[i], 8, "n%u", (unsigned)i) };
        numbers[i] = i;
    }
    hb_column columns[3] = {
        { .name = HB_STR("name"), .kind = HB_KIND_TEXT, .data = spans },
        { .name = HB_STR("n"), .kind = HB_KIND_I64, .data = numbers },
        { .name = HB_STR("body"), .kind = HB_KIND_TEXT, .data = spans },
    };
    for (uint32_t i = 0; i < 3; i += 2) {
        columns[i].heap = (const uint8_t *)names;
        columns[i].heap_len = sizeof(names);
    }
    hb_request request = { .kind = HB_CALL_UPSERT,
                           .entity = f->entity,
                           .batch = { ROWS, 3, columns } };
    return call(f, request, timeout_ms, NULL);
}

static hb_status ask(fixture *f, const char *spec, uint32_t timeout_ms, int64_t *count) {
    hb_request request = { .kind = HB_CALL_QUERY, .entity = f->entity, .text = hb_str_c(spec) };
    return call(f, request, timeout_ms, count);
}

#define COUNT_ALL "{\"count\":true}"
#define COUNT_SOME "{\"filter\":{\"body\":{\"$regex\":\"9.*7$\"}},\"count\":true}"

static void a_local_query_ends_at_its_deadline(void) {
    static const char *const types[] = { "inmem", "sqlite" };
    for (uint32_t i = 0; i < 2; i++) {
        CASE(types[i]);
        fixture f;
        fixture_open(&f, types[i]);
        CHECK_INT(write_rows(&f, 0), HB_OK);
        CHECK_INT(f.looks, 0); /* nobody looks at a clock without a deadline */
        CHECK_INT(ask(&f, COUNT_SOME, 3, NULL), HB_E_TIMEOUT);
        CHECK_CSTR(f.err.backend, "main");
        CHECK_CSTR(f.err.entity, "note");
        CHECK_CSTR(f.err.msg, "no answer within 3 ms");
        int64_t count = 0;
        CHECK_INT(ask(&f, COUNT_SOME, 1000000, &count), HB_OK);
        CHECK_INT(count, 76);
        hb_workspace_close(f.ws);
    }
}

static void a_write_that_meets_its_deadline_leaves_nothing(void) {
    fixture f;
    fixture_open(&f, "sqlite");
    CHECK_INT(write_rows(&f, 3), HB_E_TIMEOUT);
    CHECK_CSTR(f.err.backend, "main");
    CHECK_CSTR(f.err.native, "SQLITE_INTERRUPT");
    int64_t count = -1;
    CHECK_INT(ask(&f, COUNT_ALL, 0, &count), HB_OK);
    CHECK_INT(count, 0);
    CHECK_INT(write_rows(&f, 1000000), HB_OK);
    CHECK_INT(ask(&f, COUNT_ALL, 0, &count), HB_OK);
    CHECK_INT(count, ROWS);
    hb_workspace_close(f.ws);
}

TEST_SUITE {
    TEST(a_local_query_ends_at_its_deadline);
    TEST(a_write_that_meets_its_deadline_leaves_nothing);
}
