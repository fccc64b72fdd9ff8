// SPDX-License-Identifier: MIT
/* Fragments of a SQL engine elsewhere: what begins them, and what their replies lead to. */
#include "backends/sql/transport.h"

#include "value/wire.h"

static hb_status sql_probe(hb_job *job, hb_err *err) {
    hb_sql sql;
    hb_sql_init(&sql, sql_remote_of(job)->engine->dialect, job->mem, job->arena);
    const char *probe = sql_remote_of(job)->engine->probe;
    hb_sql_add(&sql, probe != NULL ? probe : "SELECT 1");
    hb_status status = sql_send_one(job, &sql, err);
    hb_sql_free(&sql);
    return status;
}

static hb_status begin(hb_job *job, hb_err *err) {
    switch (job->fragment->kind) {
    case HB_FRAG_ATTACH: return sql_attach(job, err);
    case HB_FRAG_PROBE: return sql_probe(job, err);
    case HB_FRAG_COMMIT: return sql_commit(job, err);
    case HB_FRAG_ENSURE: return sql_ensure(job, err);
    case HB_FRAG_CLEAR: return sql_clear(job, err);
    case HB_FRAG_WRITE: return sql_write(job, err);
    case HB_FRAG_DELETE: return sql_delete(job, err);
    case HB_FRAG_FETCH:
    case HB_FRAG_SCAN:
    case HB_FRAG_COUNT:
    case HB_FRAG_AGGREGATE: return sql_read(job, err);
    case HB_FRAG_REFRESH: break;    /* nothing is kept of the rows */
    }
    job->done = true;
    return HB_OK;
}

/* What is known of the tables may be wrong: it is read anew first. */
hb_status sql_begin(hb_job *job, hb_err *err) {
    sql_state *state = hb_mem_zalloc(job->mem, sizeof(*state));
    if (state == NULL) return hb_err_memory(err);
    sql_list_init(&state->sent.list, job->mem);
    job->state = state;
    state->looks = sql_remote_of(job)->stale && job->fragment->container != NULL;
    return state->looks ? sql_send_columns(job, err) : begin(job, err);
}

static hb_status take_columns(hb_job *job, const hb_batch *rows, hb_err *err) {
    sql_state *state = job->state;
    state->looks = false;
    HB_TRY(sql_take_columns(job, rows, err));
    return begin(job, err);
}

static hb_status take_rows(hb_job *job, const hb_batch *rows, hb_err *err) {
    switch (job->fragment->kind) {
    case HB_FRAG_ATTACH: return sql_attach_reply(job, rows, err);
    case HB_FRAG_FETCH:
    case HB_FRAG_SCAN:
    case HB_FRAG_COUNT:
    case HB_FRAG_AGGREGATE: return sql_read_reply(job, rows, err);
    case HB_FRAG_DELETE: return sql_delete_reply(job, rows, err);
    case HB_FRAG_WRITE: return sql_keyless_write_reply(job, rows, err);
    case HB_FRAG_COMMIT:        /* steps (steps.c) */
    case HB_FRAG_ENSURE:
    case HB_FRAG_PROBE:
    case HB_FRAG_CLEAR:
    case HB_FRAG_REFRESH: break;
    }
    job->done = true;
    return HB_OK;
}

/* The host has none, as it says in its own code. */
static hb_status no_driver(const hb_job *job, hb_err *err) {
    hb_err_set(
        err, HB_E_UNSUPPORTED,
        "%s makes, empties and drops tables by SQL alone, which its HTTP does not take: pass "
        "a driver too, or make them through a driver or the gateway",
        job->instance->type->name);
    return hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, job->instance->name);
}

/* *complete: nothing more of it is to come. */
static hb_status answer(hb_job *job, const hb_host_reply *reply, hb_batch *rows, bool *complete,
                        hb_err *err) {
    const bool by_driver = ((const sql_state *)job->state)->by_driver;
    *complete = true;
    if (sql_remote_of(job)->link != NULL && !by_driver) {
        return sql_http_reply(job, reply, rows, complete, err);
    }
    if (reply->failed && by_driver && hb_str_eq(reply->native, HB_STR("UNAVAILABLE"))) {
        return no_driver(job, err);
    }
    if (reply->failed) return sql_failed(sql_remote_of(job), reply, err);
    return reply->body.len > 0 ? hb_wire_read(reply->body, job->arena, rows, err) : HB_OK;
}

hb_status sql_reply(hb_job *job, const hb_host_reply *reply, hb_err *err) {
    hb_batch rows = { 0, 0, NULL };
    const sql_state *state = job->state;
    bool complete;
    hb_status status = answer(job, reply, &rows, &complete, err);
    if (status == HB_OK && !complete) return HB_OK;
    if (status == HB_OK) status = sql_unmark(job, &rows, err);
    if (status != HB_OK && sql_step_repeats(job, err)) {
        hb_err_init(err);
        return sql_steps(job, err);
    }
    if (status != HB_OK && !sql_step_forgives(job, err)) return sql_step_failed(job, status, err);
    if (status != HB_OK && err != NULL) hb_err_init(err);
    if (state->step != SQL_STEP_NONE) return sql_step_done(job, status == HB_OK, err);
    return state->looks ? take_columns(job, &rows, err) : take_rows(job, &rows, err);
}

/* Of the tables nothing is sure any more when what makes or drops them was asked for, and neither
 * done nor known not to be: it failed, was given up, or its answer was none. */
static void forget_tables(const hb_job *job) {
    const hb_frag_kind kind = job->fragment->kind;
    if (job->done || job->state == NULL) return;
    if (kind != HB_FRAG_COMMIT && kind != HB_FRAG_ENSURE && kind != HB_FRAG_CLEAR) return;
    sql_remote_of(job)->stale = true;
}

void sql_end(hb_job *job) {
    forget_tables(job);
    sql_state_free(job);
}
