// SPDX-License-Identifier: MIT
/* An open workspace for the length of one command. */
#include <string.h>
#include <time.h>

#include "wasi/cli.h"

/* A call waits for another process as long as it may take, else for 10 s: a killed one's lock is
 * dead after 8. On a machine so busy that 100 attempts take longer it makes those. */
#define TURN_MS 20
#define WAIT_MS 10000
#define ATTEMPTS_MIN 100

/* Another process has the files: waits a little, while it is worth it. */
static bool wait_for_turn(const cli *c, hb_status status, int64_t since_ms, uint32_t *attempts) {
    const bool is_held = status == HB_E_LOCKED && strcmp(c->err.native, "HELD") == 0;
    const int64_t limit_ms = c->timeout_ms > 0 ? (int64_t)c->timeout_ms : WAIT_MS;
    const bool is_enough = c->timeout_ms > 0 || ++*attempts >= ATTEMPTS_MIN;
    if (!is_held || (is_enough && cli_now_ms() - since_ms + TURN_MS > limit_ms)) return false;
    const struct timespec pause = { 0, TURN_MS * 1000000 };
    nanosleep(&pause, NULL);
    return true;
}

/* The host's part of the options: a token for locks, and the time. */
static void add_owner(hb_buf *options) {
    struct timespec now;
    if (options->len == 0 || clock_gettime(CLOCK_REALTIME, &now) != 0) return;
    options->len--;     /* the closing brace */
    hb_buf_printf(options, ",\"owner\":\"%llx-%lx\",\"now_ms\":%lld}", (long long)now.tv_sec,
                  (long)now.tv_nsec, (long long)cli_now_ms());
}

int cli_session_open_record(cli_session *s, cli *c, hb_str id, yyjson_val *record) {
    *s = (cli_session){ .c = c, .id = id };
    const hb_host host = { .mem = c->mem, .fs = hb_fs_posix(), .clock = &cli_clock };
    hb_buf options;
    hb_buf_init(&options, c->mem);
    hb_status status = cli_registry_options(c, record, &options, &c->err);
    if (status == HB_OK) {
        add_owner(&options);
        status = hb_buf_check(&options, &c->err);
    }
    const int64_t since_ms = cli_now_ms();
    uint32_t attempts = 0;
    if (status == HB_OK) {
        do {
            status = hb_workspace_open_on(hb_buf_str(&options), &host, &s->ws, &c->err);
        } while (wait_for_turn(c, status, since_ms, &attempts));
    }
    int code = status == HB_OK ? CLI_OK : cli_fail(c, &c->err);
    hb_buf_free(&options);
    return code;
}

int cli_session_open(cli_session *s, cli *c) {
    *s = (cli_session){ .c = c };
    yyjson_doc *record;
    int code = cli_registry_choose(c, &s->id);
    if (code == CLI_OK) code = cli_registry_get(c, s->id, &record);
    if (code != CLI_OK) return code;
    return cli_session_open_record(s, c, s->id, yyjson_doc_get_root(record));
}

static void session_forget(cli_session *s) {
    if (s->task != NULL) hb_task_free(s->task);
    s->task = NULL;
    s->answer = NULL;
}

void cli_session_close(cli_session *s) {
    session_forget(s);
    hb_workspace_close(s->ws);
    s->ws = NULL;
}

static hb_status session_try(cli_session *s, hb_request *request) {
    hb_err *err = &s->c->err;
    session_forget(s);
    request->now_ms = cli_now_ms();
    request->timeout_ms = s->c->timeout_ms;
    HB_TRY(hb_workspace_start(s->ws, request, &s->task, err));
    hb_step step;
    HB_TRY(hb_task_step(s->task, &step, err));
    if (step.kind != HB_STEP_DONE) {
        hb_err_set(err, HB_E_UNAVAILABLE, "this module reaches local backends only");
        return step.op != NULL ? hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, step.op->backend)
                               : err->code;
    }
    s->answer = hb_task_answer(s->task);
    return HB_OK;
}

hb_status cli_session_call(cli_session *s, hb_request *request) {
    const int64_t since_ms = cli_now_ms();
    uint32_t attempts = 0;
    hb_status status;
    do {
        status = session_try(s, request);
    } while (wait_for_turn(s->c, status, since_ms, &attempts));
    /* Reading input or printing may take long: others get their turn meanwhile. */
    if (status == HB_OK) hb_workspace_idle(s->ws);
    return status;
}

int cli_session_do(cli_session *s, hb_request *request) {
    return cli_session_call(s, request) == HB_OK ? CLI_OK : cli_fail(s->c, &s->c->err);
}

/* The workspace's own account of itself, as a document. */
static int session_info(cli_session *s, yyjson_doc **out) {
    hb_request request = { .kind = HB_CALL_INFO, .entity = HB_ENTITY_NONE };
    int code = cli_session_do(s, &request);
    if (code != CLI_OK) return code;
    hb_status status = cli_json_parse(s->c, s->answer->json, "the answer", out, &s->c->err);
    return status == HB_OK ? CLI_OK : cli_fail(s->c, &s->c->err);
}

static int unknown_entity(cli_session *s, hb_str id) {
    cli *c = s->c;
    yyjson_doc *info;
    int code = session_info(s, &info);
    if (code != CLI_OK) return code;
    yyjson_val *entities = yyjson_obj_get(yyjson_doc_get_root(info), "entities");
    hb_str *known = hb_arena_array(&c->arena, yyjson_arr_size(entities) + 1, sizeof(*known));
    if (known == NULL) return cli_no_memory(c);
    size_t index, count;
    yyjson_val *item;
    yyjson_arr_foreach(entities, index, count, item) {
        known[index] = cli_json_text(item, "id");
    }
    hb_err_set(&c->err, HB_E_UNKNOWN_ENTITY, "workspace '%.*s' has no entity '%.*s'", HB_ARG(s->id),
               HB_ARG(id));
    hb_err_hint(&c->err, id, known, count);
    return cli_fail(c, &c->err);
}

int cli_session_entity(cli_session *s, const char *id, uint32_t *index) {
    *index = hb_workspace_entity(s->ws, hb_str_c(id));
    return *index != HB_ENTITY_NONE ? CLI_OK : unknown_entity(s, hb_str_c(id));
}

int cli_session_warn(cli_session *s) {
    yyjson_doc *info;
    int code = session_info(s, &info);
    if (code != CLI_OK) return code;
    hb_buf names;
    hb_buf_init(&names, s->c->mem);
    size_t index, count;
    yyjson_val *item;
    yyjson_val *backends = yyjson_obj_get(yyjson_doc_get_root(info), "backends");
    yyjson_arr_foreach(backends, index, count, item) {
        if (yyjson_is_true(yyjson_obj_get(item, "durable"))) continue;
        hb_buf_printf(&names, "%s%s", names.len > 0 ? ", " : "",
                      yyjson_get_str(yyjson_obj_get(item, "name")));
    }
    if (names.len > 0) {
        cli_note(s->c,
                 "workspace '%.*s' keeps %.*s in memory: that data does not outlive this command",
                 HB_ARG(s->id), HB_ARG(hb_buf_str(&names)));
    }
    hb_buf_free(&names);
    return CLI_OK;
}
