// SPDX-License-Identifier: MIT
/* The task machine without any host: a query over two scripted remote backends, whose replies come
 * in any order, fail, or never come. */
#include "tests/unit/test.h"

#include "exec/run.h"
#include "exec/task.h"

/* A remote backend that answers SCAN and FETCH with one operation each, FETCH or SQL. A reply body
 * is lines of "id=text"; the job's result is object_id and the one column asked for. */
typedef struct script_state {
    uint32_t op_id;
} script_state;

static hb_status script_begin(hb_job *job, hb_err *err) {
    script_state *state = hb_mem_zalloc(job->mem, sizeof(*state));
    if (state == NULL) return hb_err_memory(err);
    job->state = state;
    bool scan = job->fragment->kind == HB_FRAG_SCAN;
    hb_host_op op = { .kind = HB_HOST_FETCH,
                      .method = HB_STR("POST"),
                      .url = scan ? HB_STR("/scan") : HB_STR("/fetch") };
    if (hb_str_eq(job->instance->name, HB_STR("b"))) { /* one engine by HTTP, one by a driver */
        op = (hb_host_op){ .kind = HB_HOST_SQL,
                           .statements = HB_STR("SELECT id") };
    }
    return hb_job_emit(job, &op, &state->op_id, err);
}

static hb_status script_add_line(hb_job *job, hb_str line, hb_err *err) {
    int64_t eq = hb_str_find(line, HB_STR("="), 0);
    if (eq < 0) return hb_err_set(err, HB_E_BAD_REPLY, "a line has no '='");
    bool ok = hb_colbuf_add_text(&job->out.columns[0], hb_str_sub(line, 0, (uint32_t)eq));
    if (ok && job->out.column_count > 1) {
        ok = hb_colbuf_add_text(&job->out.columns[1], hb_str_sub(line, (uint32_t)eq + 1, line.len));
    }
    return ok ? HB_OK : hb_err_memory(err);
}

static hb_status script_reply(hb_job *job, const hb_host_reply *reply, hb_err *err) {
    if (reply->failed) return hb_err_set(err, HB_E_UNAVAILABLE, "no answer");
    HB_TRY(hb_rowset_init(&job->out, job->mem, 1 + job->fragment->column_count, err));
    hb_rowset_column(&job->out, 0, HB_STR("object_id"), HB_KIND_TEXT, 0);
    if (job->fragment->column_count > 0) {
        hb_rowset_column(&job->out, 1, HB_STR("title"), HB_KIND_TEXT, 0);
    }
    uint32_t start = 0;
    while (start < reply->body.len) {
        int64_t end = hb_str_find(reply->body, HB_STR("\n"), start);
        uint32_t stop = end < 0 ? reply->body.len : (uint32_t)end;
        HB_TRY(script_add_line(job, hb_str_sub(reply->body, start, stop - start), err));
        start = stop + 1;
    }
    job->done = true;
    return HB_OK;
}

static void script_end(hb_job *job) {
    hb_mem_free(job->mem, job->state, sizeof(script_state));
    uint32_t *ended = job->instance->state;
    *ended += 1;
}

static const hb_backend script_backend = {
    .name = "script",
    .desc = "scripted",
    .roles = HB_ROLE_ROW,
    .begin = script_begin,
    .reply = script_reply,
    .end = script_end,
};

/* A plan over it: scans on A and B, their intersection, titles from A. */
typedef struct fixture {
    int64_t now_ms;             /* what the scripted clock shows */
    uint32_t ended;             /* jobs whose end() was called */
    bool rolled_back;
    hb_arena arena;
    hb_schema *schema;
    hb_instance a, b;
    hb_instance *instances[2];
    hb_container containers[2];
    hb_query query;
    hb_node nodes[5];
    hb_plan plan;
    hb_task *task;
    hb_run *run;
    hb_err err;
} fixture;

static const uint32_t scan_inputs[2] = { 0, 1 };
static const uint32_t third[1] = { 2 };
static const uint32_t fourth[1] = { 3 };
static const uint32_t title_column[1] = { 1 };
static const hb_col title_col[1] = { { HB_COL_FIELD, 1, NULL, 0, { "title", 5 } } };

static hb_status fixture_advance(hb_task *task, hb_err *err) {
    const fixture *f = task->program;
    bool done = false;
    HB_TRY(hb_run_advance(f->run, &done, err));
    if (done) hb_task_finish_frame(task, hb_run_result_get(f->run)->batch, NULL);
    return HB_OK;
}

static void fixture_cleanup(hb_task *task, bool failed) {
    fixture *f = task->program;
    f->rolled_back = failed;
}

static void fixture_open(fixture *f) {
    memset(f, 0, sizeof(*f));
    hb_arena_init(&f->arena, hb_mem_default());
    hb_buf pack;
    hb_buf_init(&pack, hb_mem_default());
    CHECK(
        hb_pack_from_json(HB_STR("{\"entity_id\":\"note\",\"fields\":{\"title\":\"short-text\"}}"),
                          &pack, &f->err) == HB_OK);
    CHECK(hb_schema_parse(hb_buf_str(&pack), hb_mem_default(), &f->schema, &f->err) == HB_OK);
    hb_buf_free(&pack);
    f->a = (hb_instance){ .type = &script_backend, .name = HB_STR("a"), .state = &f->ended };
    f->b = (hb_instance){ .type = &script_backend, .name = HB_STR("b"), .state = &f->ended };
    f->instances[0] = &f->a;
    f->instances[1] = &f->b;
    for (uint32_t i = 0; i < 2; i++) f->containers[i].schema = f->schema;
    f->query.schema = f->schema;
    for (uint32_t i = 0; i < 2; i++) {
        f->nodes[i] =
            (hb_node){ .kind = HB_NODE_SCAN, .backend = i, .candidates_from = HB_NODE_NONE };
        f->nodes[i].fragment.kind = HB_FRAG_SCAN;
        f->nodes[i].fragment.container = &f->containers[i];
    }
    f->nodes[2] = (hb_node){ .kind = HB_NODE_INTERSECT, .inputs = scan_inputs, .input_count = 2 };
    f->nodes[3] =
        (hb_node){ .kind = HB_NODE_HYDRATE, .inputs = third, .input_count = 1, .backend = 0 };
    f->nodes[3].fragment.kind = HB_FRAG_FETCH;
    f->nodes[3].fragment.container = &f->containers[0];
    f->nodes[3].fragment.columns = title_column;
    f->nodes[3].fragment.column_count = 1;
    f->nodes[4] = (hb_node){ .kind = HB_NODE_PROJECT,
                             .inputs = fourth,
                             .input_count = 1,
                             .columns = title_col,
                             .column_count = 1 };
    f->plan = (hb_plan){ .query = &f->query, .nodes = f->nodes, .node_count = 5 };
    f->task = hb_task_new(hb_mem_default(), NULL);
    f->task->advance = fixture_advance;
    f->task->cleanup = fixture_cleanup;
    CHECK(hb_run_new(f->task, &f->plan, f->instances, &f->run, &f->err) == HB_OK);
    f->task->program = f;
}

static void fixture_close(fixture *f) {
    hb_task_free(f->task);
    hb_schema_free(f->schema);
    hb_arena_free(&f->arena);
}

static hb_step step(fixture *f) {
    hb_step out = { .kind = HB_STEP_WAIT };
    CHECK(hb_task_step(f->task, &out, &f->err) == HB_OK);
    return out;
}

static hb_status reply(fixture *f, uint32_t op_id, const char *body) {
    hb_host_reply r = { .op_id = op_id, .status = 200, .body = hb_str_c(body) };
    return hb_task_reply(f->task, &r, &f->err);
}

/* Both scans are asked for before any reply is needed; returns their ids in a's, b's order. */
static void take_scans(fixture *f, uint32_t ids[2]) {
    for (uint32_t i = 0; i < 2; i++) {
        hb_step s = step(f);
        CHECK_INT(s.kind, HB_STEP_OP);
        if (s.kind != HB_STEP_OP) return;
        bool by_driver = hb_str_eq(s.op->backend, HB_STR("b"));
        CHECK_INT(s.op->kind, by_driver ? HB_HOST_SQL : HB_HOST_FETCH);
        CHECK_STR(by_driver ? s.op->statements : s.op->url, by_driver ? "SELECT id" : "/scan");
        ids[hb_str_eq(s.op->backend, HB_STR("a")) ? 0 : 1] = s.op->id;
    }
    CHECK_INT(step(f).kind, HB_STEP_WAIT);
}

static void fragments_of_two_backends_are_outstanding_at_once(void) {
    fixture f;
    fixture_open(&f);
    uint32_t ids[2] = { 0, 0 };
    take_scans(&f, ids);
    CHECK(ids[0] != ids[1]);
    fixture_close(&f);
}

static void replies_in_any_order_give_the_same_rows(void) {
    for (uint32_t first = 0; first < 2; first++) {
        CASE(first == 0 ? "a answers first" : "b answers first");
        fixture f;
        fixture_open(&f);
        uint32_t ids[2] = { 0, 0 };
        take_scans(&f, ids);
        static const char *const bodies[2] = { "n1=\nn2=\nn3=", "n2=\nn3=\nn4=" };
        CHECK(reply(&f, ids[first], bodies[first]) == HB_OK);
        CHECK_INT(step(&f).kind, HB_STEP_WAIT);
        CHECK(reply(&f, ids[1 - first], bodies[1 - first]) == HB_OK);
        hb_step s = step(&f);
        REQUIRE(s.kind == HB_STEP_OP);
        CHECK_STR(s.op->url, "/fetch");
        CHECK(reply(&f, s.op->id, "n2=Two\nn3=Three") == HB_OK);
        CHECK_INT(step(&f).kind, HB_STEP_DONE);
        const hb_batch *batch = &hb_task_answer(f.task)->batch;
        REQUIRE(batch->row_count == 2 && batch->column_count == 2);
        CHECK_STR(hb_column_span(&batch->columns[0], 0), "n2");
        CHECK_STR(hb_column_span(&batch->columns[1], 1), "Three");
        fixture_close(&f);
    }
}

static void a_row_missing_at_hydration_reads_null(void) {
    fixture f;
    fixture_open(&f);
    uint32_t ids[2] = { 0, 0 };
    take_scans(&f, ids);
    CHECK(reply(&f, ids[0], "n1=\nn2=") == HB_OK && reply(&f, ids[1], "n1=\nn2=") == HB_OK);
    hb_step s = step(&f);
    REQUIRE(s.kind == HB_STEP_OP);
    CHECK(reply(&f, s.op->id, "n2=Two") == HB_OK);
    CHECK_INT(step(&f).kind, HB_STEP_DONE);
    const hb_batch *batch = &hb_task_answer(f.task)->batch;
    CHECK_INT(hb_column_cell(&batch->columns[1], 0), HB_CELL_NULL);
    CHECK_STR(hb_column_span(&batch->columns[1], 1), "Two");
    fixture_close(&f);
}

static void a_failed_operation_fails_the_task_and_names_the_backend(void) {
    fixture f;
    fixture_open(&f);
    uint32_t ids[2] = { 0, 0 };
    take_scans(&f, ids);
    hb_host_reply r = { .op_id = ids[1], .failed = true, .text = HB_STR("refused") };
    CHECK_INT(hb_task_reply(f.task, &r, &f.err), HB_E_UNAVAILABLE);
    CHECK_CSTR(f.err.backend, "b");
    fixture_close(&f); /* leaks would be reported */
}

static void undecodable_replies_are_typed_errors(void) {
    fixture f;
    fixture_open(&f);
    uint32_t ids[2] = { 0, 0 };
    take_scans(&f, ids);
    CHECK_INT(reply(&f, ids[0], "nonsense"), HB_E_BAD_REPLY);
    fixture_close(&f);
}

static void a_reply_to_an_unknown_or_answered_operation_is_refused(void) {
    fixture f;
    fixture_open(&f);
    uint32_t ids[2] = { 0, 0 };
    take_scans(&f, ids);
    CHECK(reply(&f, ids[0], "n1=") == HB_OK);
    CHECK_INT(reply(&f, ids[0], "n1="), HB_E_INTERNAL);
    fixture_close(&f);
}

static void cancelling_is_freeing(void) {
    fixture f;
    fixture_open(&f);
    CHECK_INT(step(&f).kind, HB_STEP_OP);
    fixture_close(&f);
    CHECK_INT(f.ended, 2); /* the one that waits for its reply, and the one never asked for */
    CHECK(f.rolled_back);
}

/* ---- deadlines --------------------------------------------------------------------------- */

static int64_t scripted_now(void *ctx) {
    const fixture *f = ctx;
    return f->now_ms;
}

/* Both scans are outstanding; a's has been answered when `answered`. */
static void wait_with_deadline(fixture *f, const hb_clock *clock, bool answered, uint32_t ids[2]) {
    fixture_open(f);
    f->now_ms = 5000;
    f->task->deadline = hb_deadline_in(clock, 250);
    take_scans(f, ids);
    if (answered) CHECK(reply(f, ids[0], "n1=") == HB_OK);
}

static void a_deadline_ends_the_task_and_names_who_did_not_answer(void) {
    static const struct {
        const char *name;
        bool answered;
        const char *backend;
    } cases[] = { { "nobody answered", false, "a" }, { "b did not answer", true, "b" } };
    for (uint32_t i = 0; i < 2; i++) {
        CASE(cases[i].name);
        fixture f;
        hb_clock clock = { scripted_now, &f };
        uint32_t ids[2] = { 0, 0 };
        wait_with_deadline(&f, &clock, cases[i].answered, ids);
        f.now_ms += 249;
        hb_step s = step(&f);
        CHECK_INT(s.kind, HB_STEP_WAIT);
        CHECK_INT(s.timeout_ms, 1);
        f.now_ms += 1;
        CHECK_INT(hb_task_step(f.task, &s, &f.err), HB_E_TIMEOUT);
        CHECK_CSTR(f.err.backend, cases[i].backend);
        CHECK_CSTR(f.err.entity, "note");
        CHECK_CSTR(f.err.msg, "no answer within 250 ms");
        CHECK(hb_task_answer(f.task) == NULL);
        CHECK(!f.rolled_back);
        fixture_close(&f);
        CHECK_INT(f.ended, 2);
        CHECK(f.rolled_back);
    }
}

static void nothing_is_begun_after_the_deadline(void) {
    fixture f;
    hb_clock clock = { scripted_now, &f };
    uint32_t ids[2] = { 0, 0 };
    wait_with_deadline(&f, &clock, true, ids);
    f.now_ms += 250;
    CHECK(reply(&f, ids[1], "n1=") == HB_OK); /* too late: the titles are not asked for */
    hb_step s;
    CHECK_INT(hb_task_step(f.task, &s, &f.err), HB_E_TIMEOUT);
    CHECK(s.op == NULL);
    fixture_close(&f);
}

static void an_operation_given_up_at_the_deadline_is_a_timeout(void) {
    fixture f;
    hb_clock clock = { scripted_now, &f };
    uint32_t ids[2] = { 0, 0 };
    wait_with_deadline(&f, &clock, false, ids);
    f.now_ms += 250;
    hb_host_reply r = { .op_id = ids[0], .failed = true, .text = HB_STR("stopped") };
    CHECK_INT(hb_task_reply(f.task, &r, &f.err), HB_E_TIMEOUT);
    CHECK_CSTR(f.err.backend, "a");
    fixture_close(&f);
}

static void a_task_that_is_done_in_time_stays_done(void) {
    fixture f;
    hb_clock clock = { scripted_now, &f };
    uint32_t ids[2] = { 0, 0 };
    wait_with_deadline(&f, &clock, true, ids);
    CHECK(reply(&f, ids[1], "n1=") == HB_OK);
    hb_step s = step(&f);
    REQUIRE(s.kind == HB_STEP_OP);
    CHECK_INT(s.timeout_ms, 250);
    f.now_ms += 100;
    CHECK(reply(&f, s.op->id, "n1=One") == HB_OK);
    CHECK_INT(step(&f).kind, HB_STEP_DONE);
    f.now_ms += 1000;
    CHECK_INT(step(&f).kind, HB_STEP_DONE);
    CHECK_INT(hb_task_answer(f.task)->batch.row_count, 1);
    fixture_close(&f);
    CHECK(!f.rolled_back);
}

static void without_a_clock_or_a_limit_a_task_waits_for_ever(void) {
    fixture f;
    hb_clock clock = { scripted_now, &f };
    uint32_t ids[2] = { 0, 0 };
    fixture_open(&f);
    f.task->deadline = hb_deadline_in(NULL, 250);
    CHECK(f.task->deadline.clock == NULL);
    f.task->deadline = hb_deadline_in(&clock, 0);
    take_scans(&f, ids);
    f.now_ms = INT64_MAX;
    hb_step s = step(&f);
    CHECK_INT(s.kind, HB_STEP_WAIT);
    CHECK_INT(s.timeout_ms, 0);
    fixture_close(&f);
}

TEST_SUITE {
    TEST(fragments_of_two_backends_are_outstanding_at_once);
    TEST(replies_in_any_order_give_the_same_rows);
    TEST(a_row_missing_at_hydration_reads_null);
    TEST(a_failed_operation_fails_the_task_and_names_the_backend);
    TEST(undecodable_replies_are_typed_errors);
    TEST(a_reply_to_an_unknown_or_answered_operation_is_refused);
    TEST(cancelling_is_freeing);
    TEST(a_deadline_ends_the_task_and_names_who_did_not_answer);
    TEST(nothing_is_begun_after_the_deadline);
    TEST(an_operation_given_up_at_the_deadline_is_a_timeout);
    TEST(a_task_that_is_done_in_time_stays_done);
    TEST(without_a_clock_or_a_limit_a_task_waits_for_ever);
}
