// SPDX-License-Identifier: MIT
/* Work on its way. Where making a table is part of the transaction, it is one operation: everything
 * or nothing. Where it ends the transaction (dialect.tables_commit), tables are made before, one by
 * one; then come the rows, as one transaction; tables that are needed no more were emptied in it,
 * and go after it. Each of these steps may be done again, and another program may be doing the
 * same: that something is there already is no failure. */
#include "backends/sql/remote.h"
#include "value/pack.h"

#define REPEATS_MAX 8u /* one of those that are in each other's way gets through */

hb_status sql_table_add(sql_list *list, const sql_remote *remote, const hb_sql *sql, hb_err *err) {
    if (!remote->engine->dialect->tables_commit) return sql_list_add(list, remote, sql, err);
    sql_list made = { .items = list->tables, .count = list->table_count };
    hb_status status = sql_list_add(&made, remote, sql, err);
    list->tables = made.items;
    list->table_count = made.count;
    return status;
}

hb_status sql_drop_add(sql_list *list, hb_str table, hb_err *err) {
    hb_buf_add_str(&list->drops, table);
    hb_buf_add_char(&list->drops, '\n');
    return hb_buf_check(&list->drops, err);
}

/* The first of the names, without it in *rest. */
static hb_str first_name(hb_str names, hb_str *rest) {
    const int64_t end = hb_str_find(names, HB_STR("\n"), 0);
    if (end < 0) return HB_STR_EMPTY;
    *rest = hb_str_sub(names, (uint32_t)end + 1, names.len);
    return hb_str_sub(names, 0, (uint32_t)end);
}

void sql_drop_forget(sql_list *list, hb_str table) {
    hb_str rest = hb_buf_str(&list->drops);
    uint32_t kept = 0;
    while (rest.len > 0) {
        const hb_str name = first_name(rest, &rest);
        if (hb_str_eq(name, table)) continue;
        memmove(list->drops.ptr + kept, name.ptr, (size_t)name.len + 1);
        kept += name.len + 1;
    }
    list->drops.len = kept;
}

/* Everything of `from`, after what `list` has. */
hb_status sql_list_append(sql_list *list, const sql_list *from, hb_err *err) {
    hb_buf_add_str(&list->items, hb_buf_str(&from->items));
    hb_buf_add_str(&list->tables, hb_buf_str(&from->tables));
    hb_buf_add_str(&list->drops, hb_buf_str(&from->drops));
    list->count += from->count;
    list->table_count += from->table_count;
    HB_TRY(hb_buf_check(&list->items, err));
    HB_TRY(hb_buf_check(&list->tables, err));
    return hb_buf_check(&list->drops, err);
}

bool sql_list_is_empty(const sql_list *list) {
    return list->count == 0 && list->table_count == 0 && list->drops.len == 0;
}

/* ---- steps ------------------------------------------------------------------------------- */

/* One of the items, from 0, by itself. */
static hb_status send_item(hb_job *job, const hb_buf *items, uint32_t at, hb_err *err) {
    hb_pack_reader reader = hb_pack_read(hb_buf_str(items));
    hb_str item = HB_STR_EMPTY;
    for (uint32_t i = 0; i <= at; i++) {
        if (!hb_pack_skip(&reader, &item)) return hb_err_set(err, HB_E_INTERNAL, "a lost step");
    }
    sql_list one;
    sql_list_init(&one, job->mem);
    hb_buf_add_str(&one.items, item);
    one.count = 1;
    hb_status status = hb_buf_check(&one.items, err);
    if (status == HB_OK) status = sql_send(job, &one, false, err);
    sql_list_free(&one);
    return status;
}

static hb_status send_drop(hb_job *job, hb_err *err) {
    sql_state *state = job->state;
    hb_sql sql;
    hb_sql_init(&sql, sql_remote_of(job)->engine->dialect, job->mem, job->arena);
    hb_sql_add(&sql, sql_remote_of(job)->engine->dialect->ddl->drop_table);
    sql_add_table(&sql, sql_remote_of(job), state->dropping);
    hb_status status = sql_send_one(job, &sql, err);
    hb_sql_free(&sql);
    return status;
}

static hb_str next_drop(sql_state *state) {
    const hb_str names = hb_buf_str(&state->sent.list.drops);
    hb_str rest = hb_str_sub(names, state->drops_done, names.len);
    const hb_str name = first_name(rest, &rest);
    state->drops_done = names.len - rest.len;
    return name;
}

static bool is_apart(const hb_job *job) {
    return sql_remote_of(job)->engine->no_transactions;
}

hb_status sql_steps(hb_job *job, hb_err *err) {
    sql_state *state = job->state;
    const sql_list *list = &state->sent.list;
    if (state->step <= SQL_STEP_TABLE && state->tables_done < list->table_count) {
        state->step = SQL_STEP_TABLE;
        return send_item(job, &list->tables, state->tables_done, err);
    }
    if (state->rows_done < list->count) {
        state->step = SQL_STEP_ROWS;
        return is_apart(job) ? send_item(job, &list->items, state->rows_done, err)
                             : sql_send(job, list, true, err);
    }
    state->dropping = next_drop(state);
    if (state->dropping.len > 0) {
        state->step = SQL_STEP_DROP;
        return send_drop(job, err);
    }
    state->step = SQL_STEP_NONE;
    job->done = true;
    return HB_OK;
}

bool sql_step_forgives(const hb_job *job, const hb_err *err) {
    const sql_state *state = job->state;
    const sql_engine *engine = sql_remote_of(job)->engine;
    if (state->step == SQL_STEP_DROP) return true; /* it is empty, and may stay */
    return state->step == SQL_STEP_TABLE && err != NULL && engine->is_made != NULL &&
           engine->is_made(hb_str_c(err->native));
}

bool sql_step_repeats(hb_job *job, const hb_err *err) {
    sql_state *state = job->state;
    const sql_engine *engine = sql_remote_of(job)->engine;
    if (state->step == SQL_STEP_TABLE && err != NULL && engine->may_remake != NULL &&
        state->repeats < REPEATS_MAX && engine->may_remake(hb_str_c(err->native))) {
        state->repeats++;
        return true;
    }
    if (state->step != SQL_STEP_ROWS || err == NULL || engine->may_repeat == NULL ||
        !engine->may_repeat(hb_str_c(err->native)) || state->repeats == REPEATS_MAX) {
        return false;
    }
    state->repeats++;
    state->step = SQL_STEP_TABLE; /* all of which are made */
    return true;
}

hb_status sql_step_failed(const hb_job *job, hb_status status, hb_err *err) {
    const sql_state *state = job->state;
    if (state->step != SQL_STEP_ROWS || state->rows_done == 0 || !is_apart(job)) return status;
    if (status == HB_E_MEMORY || err == NULL) return status;
    const hb_err cause = *err;
    hb_err_set(err, HB_E_PARTIAL_WRITE,
               "%u of the %u statements of this call are done, and %s has no transactions that "
               "would undo them (%s: %.160s); make the call again",
               (unsigned)state->rows_done, (unsigned)state->sent.list.count,
               job->instance->type->name, hb_status_name(status), cause.msg);
    memcpy(err->native, cause.native, sizeof(err->native));
    return hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, job->instance->name);
}

hb_status sql_step_done(hb_job *job, bool as_asked, hb_err *err) {
    sql_remote *remote = sql_remote_of(job);
    sql_state *state = job->state;
    remote->stale = remote->stale || !as_asked;
    if (state->step == SQL_STEP_TABLE) state->tables_done++;
    if (state->step == SQL_STEP_ROWS) {
        state->rows_done = is_apart(job) ? state->rows_done + 1 : state->sent.list.count;
    }
    if (state->step == SQL_STEP_ROWS && state->rows_done == state->sent.list.count &&
        job->fragment->kind == HB_FRAG_COMMIT) {
        HB_TRY(sql_commit_reply(job, err));
    }
    if (state->step == SQL_STEP_DROP && as_asked) sql_known_drop(remote, state->dropping);
    HB_TRY(sql_steps(job, err));
    if (job->done && job->fragment->kind == HB_FRAG_ENSURE) remote->has_schema = true;
    return HB_OK;
}
