// SPDX-License-Identifier: MIT
/* Opening, transactions and the meta store of a SQL engine elsewhere. */
#include "backends/sql/transport.h"

#include <stdlib.h>

enum { ATTACH_WHICH = 1, ATTACH_COLUMNS, ATTACH_META };

/* Where the tables are: what the options say, else a prefix or a schema called as the workspace. */
static hb_status place(sql_remote *remote, hb_err *err) {
    const hb_instance *instance = remote->instance;
    const bool can_prefix = remote->engine->columns_by_prefix != NULL;
    remote->schema = hb_instance_text(instance, "schema");
    if (can_prefix) remote->prefix = hb_instance_text(instance, "prefix");
    if (remote->prefix.len > 0) return sql_check_prefix(remote, err);
    if (remote->schema.len > 0) return HB_OK;
    hb_str name = hb_arena_printf(instance->arena, "hb_%.*s", HB_ARG(instance->workspace_id));
    if (name.ptr == NULL) return hb_err_memory(err);
    hb_str *place = can_prefix ? &remote->prefix : &remote->schema;
    *place = can_prefix ? sql_prefix_of(remote, name, instance->arena)
                        : sql_name(remote, name, instance->arena);
    return place->ptr != NULL ? HB_OK : hb_err_memory(err);
}

hb_status sql_open(hb_instance *instance, const sql_engine *engine, hb_err *err) {
    sql_remote *remote = hb_mem_zalloc(instance->mem, sizeof(*remote));
    if (remote == NULL) return hb_err_memory(err);
    remote->engine = engine;
    remote->instance = instance;
    remote->mem = instance->mem;
    hb_arena_init(&remote->known_arena, instance->mem);
    sql_list_init(&remote->tx.list, instance->mem);
    instance->state = remote;
    hb_status status = place(remote, err);
    if (status == HB_OK) status = sql_http_open(remote, err);
    if (status != HB_OK) sql_close(instance);
    return status;
}

static void tx_clear(sql_tx *tx, const hb_mem *mem) {
    sql_list_free(&tx->list);
    sql_list_init(&tx->list, mem);
    sql_meta_clear(&tx->meta, mem);
    tx->open = false;
}

void sql_close(hb_instance *instance) {
    sql_remote *remote = instance->state;
    if (remote == NULL) return;
    tx_clear(&remote->tx, remote->mem);
    sql_meta_clear(&remote->meta, remote->mem);
    hb_arena_free(&remote->known_arena);
    hb_mem_free(remote->mem, remote, sizeof(*remote));
    instance->state = NULL;
}

bool sql_durable(const hb_instance *instance) {
    (void)instance;
    return true;
}

/* What changed the meta store outside of a transaction is sent with the next one. */
hb_status sql_tx_op(hb_instance *instance, hb_tx op, hb_err *err) {
    sql_remote *remote = instance->state;
    switch (op) {
    case HB_TX_BEGIN: remote->tx.open = true; return HB_OK;
    case HB_TX_ROLLBACK:
        remote->stale = remote->stale || !sql_list_is_empty(&remote->tx.list);
        tx_clear(&remote->tx, remote->mem);
        return HB_OK;
    case HB_TX_COMMIT: break; /* is a fragment */
    }
    return hb_err_set(err, HB_E_INTERNAL, "a remote transaction commits by a fragment");
}

/* ---- the meta store ---------------------------------------------------------------------- */

hb_status sql_meta_put(hb_instance *instance, hb_str key, hb_str value, hb_err *err) {
    sql_remote *remote = instance->state;
    return sql_meta_set(&remote->tx.meta, remote->mem, key, value, err);
}

hb_status sql_meta_delete(hb_instance *instance, hb_str key, hb_err *err) {
    return sql_meta_put(instance, key, (hb_str){ NULL, 0 }, err);
}

/* The newest: what the open transaction has, else what is stored. */
static const sql_meta_entry *meta_newest(const sql_remote *remote, hb_str key) {
    const sql_meta_entry *entry = sql_meta_find(&remote->tx.meta, key);
    return entry != NULL ? entry : sql_meta_find(&remote->meta, key);
}

hb_status sql_meta_get(hb_instance *instance, hb_str key, hb_arena *arena, hb_str *value,
                       hb_err *err) {
    const sql_meta_entry *entry = meta_newest(instance->state, key);
    *value = (hb_str){ NULL, 0 };
    if (entry == NULL || entry->value.ptr == NULL) return HB_OK;
    *value = hb_arena_str(arena, entry->value);
    return value->ptr != NULL ? HB_OK : hb_err_memory(err);
}

static int key_compare(const void *a, const void *b) {
    return hb_str_cmp(*(const hb_str *)a, *(const hb_str *)b);
}

static hb_status keys_add(const sql_remote *remote, const sql_meta *meta, hb_str prefix,
                          hb_arena *arena, hb_str *keys, uint32_t *count, hb_err *err) {
    for (uint32_t i = 0; i < meta->count; i++) {
        const sql_meta_entry *entry = &meta->entries[i];
        const bool shadowed =
            meta == &remote->meta && sql_meta_find(&remote->tx.meta, entry->key) != NULL;
        if (shadowed || entry->value.ptr == NULL || !hb_str_starts(entry->key, prefix)) continue;
        keys[*count] = hb_arena_str(arena, entry->key);
        if (keys[(*count)++].ptr == NULL) return hb_err_memory(err);
    }
    return HB_OK;
}

hb_status sql_meta_list(hb_instance *instance, hb_str prefix, hb_arena *arena, hb_str **keys,
                        uint32_t *count, hb_err *err) {
    const sql_remote *remote = instance->state;
    *count = 0;
    *keys =
        hb_arena_array(arena, (size_t)remote->meta.count + remote->tx.meta.count, sizeof(**keys));
    if (*keys == NULL) return hb_err_memory(err);
    HB_TRY(keys_add(remote, &remote->meta, prefix, arena, *keys, count, err));
    HB_TRY(keys_add(remote, &remote->tx.meta, prefix, arena, *keys, count, err));
    qsort(*keys, *count, sizeof(**keys), key_compare);
    return HB_OK;
}

/* ---- attaching --------------------------------------------------------------------------- */

static void text_value(hb_sql *sql, hb_str text) {
    hb_value value = { .kind = HB_KIND_TEXT };
    value.as.s = text;
    hb_sql_param_add(sql, &value);
}

hb_status sql_send_columns(hb_job *job, hb_err *err) {
    const sql_remote *remote = sql_remote_of(job);
    hb_sql sql;
    hb_sql_init(&sql, remote->engine->dialect, job->mem, job->arena);
    if (remote->schema.len > 0) {
        sql_add_form(&sql, remote->engine->columns, remote->schema);
    } else {
        sql_add_form(&sql, remote->engine->columns_by_prefix, remote->prefix);
    }
    hb_status status = sql_send_one(job, &sql, err);
    hb_sql_free(&sql);
    return status;
}

static hb_status send_meta(hb_job *job, hb_err *err) {
    hb_sql sql;
    hb_sql_init(&sql, sql_remote_of(job)->engine->dialect, job->mem, job->arena);
    hb_sql_add(&sql, "SELECT ");
    hb_sql_ident(&sql, HB_STR("key"));
    hb_sql_add(&sql, ", ");
    hb_sql_ident(&sql, HB_STR("value"));
    const bool keyless = sql_remote_of(job)->engine->writes != SQL_WRITES_UPSERT;
    if (keyless) hb_sql_add(&sql, ", n");
    hb_sql_add(&sql, " FROM ");
    sql_add_table(&sql, sql_remote_of(job), HB_STR(SQL_META_TABLE));
    if (keyless) hb_sql_add(&sql, " ORDER BY n");
    hb_status status = sql_send_one(job, &sql, err);
    hb_sql_free(&sql);
    return status;
}

static hb_status bad_attach(hb_err *err) {
    return hb_err_set(err, HB_E_BAD_REPLY,
                      "the answer to the question for tables has another form");
}

hb_status sql_take_columns(hb_job *job, const hb_batch *rows, hb_err *err) {
    sql_remote *remote = sql_remote_of(job);
    remote->stale = false;
    remote->has_schema = rows->row_count > 0 || remote->schema.len == 0;
    hb_arena_reset(&remote->known_arena);
    remote->known = NULL;
    remote->known_count = remote->known_cap = 0;
    if (rows->row_count == 0) return HB_OK;
    if (rows->column_count != 3) return bad_attach(err);
    for (uint32_t i = 0; i < rows->row_count; i++) {
        hb_str texts[3];
        for (uint32_t c = 0; c < 3; c++) {
            if (!sql_holds_texts(&rows->columns[c])) return bad_attach(err);
            texts[c] = hb_column_span(&rows->columns[c], i);
        }
        if (!hb_str_starts(texts[0], remote->prefix)) continue;
        texts[0] = hb_str_sub(texts[0], remote->prefix.len, texts[0].len);
        HB_TRY(sql_known_add(remote, texts[0], texts[1], texts[2], err));
    }
    return HB_OK;
}

static hb_status meta_reply(sql_remote *remote, const hb_batch *rows, hb_arena *scratch,
                            hb_err *err) {
    const bool keyless = remote->engine->writes != SQL_WRITES_UPSERT;
    sql_meta_clear(&remote->meta, remote->mem);
    remote->meta_n = 0;
    if (rows->row_count == 0) return HB_OK;
    if (rows->column_count != (keyless ? 3 : 2) || !sql_holds_texts(&rows->columns[0])) {
        return bad_attach(err);
    }
    if (keyless) HB_TRY(sql_keyless_meta_n(remote, &rows->columns[2], rows->row_count, err));
    hb_colbuf values;
    hb_colbuf_init(&values, remote->mem, HB_KIND_BYTES, 0);
    hb_status status = HB_OK;
    for (uint32_t i = 0; i < rows->row_count && status == HB_OK; i++) {
        status = sql_cell_read(&rows->columns[1], i, HB_KIND_BYTES, 0, scratch, &values, err);
    }
    const hb_column view = hb_colbuf_view(&values, HB_STR("value"));
    for (uint32_t i = 0; i < rows->row_count && status == HB_OK; i++) {
        const bool is_gone = hb_column_cell(&view, i) != HB_CELL_VALUE;
        if (is_gone && !keyless) continue;
        status = sql_meta_set(&remote->meta, remote->mem, hb_column_span(&rows->columns[0], i),
                              is_gone ? (hb_str){ NULL, 0 } : hb_column_span(&view, i), err);
    }
    hb_colbuf_free(&values);
    return status;
}

static hb_status send_which(hb_job *job, hb_err *err) {
    hb_sql sql;
    hb_sql_init(&sql, sql_remote_of(job)->engine->dialect, job->mem, job->arena);
    hb_sql_add(&sql, sql_remote_of(job)->engine->which);
    hb_status status = sql_send_one(job, &sql, err);
    hb_sql_free(&sql);
    return status;
}

static hb_status take_which(sql_remote *remote, const hb_batch *rows, hb_err *err) {
    hb_buf answer;
    if (rows->row_count > 0 && !(rows->column_count > 0 && sql_holds_texts(&rows->columns[0]))) {
        return bad_attach(err);
    }
    hb_buf_init(&answer, remote->mem);
    hb_buf_add_char(&answer, '\n');
    for (uint32_t i = 0; i < rows->row_count; i++) {
        hb_buf_add_str(&answer, hb_column_span(&rows->columns[0], i));
        hb_buf_add_char(&answer, '\n');
    }
    hb_status status = hb_buf_check(&answer, err);
    if (status == HB_OK) remote->engine = remote->engine->choose(hb_buf_str(&answer));
    remote->is_chosen = status == HB_OK;
    hb_buf_free(&answer);
    return status;
}

/* Begins with `rows` NULL, goes on with each answer. */
static hb_status attach_step(hb_job *job, const hb_batch *rows, hb_err *err) {
    sql_remote *remote = sql_remote_of(job);
    sql_state *state = job->state;
    switch (state->phase++) {
    case 0:
        if (remote->engine->which != NULL && !remote->is_chosen) return send_which(job, err);
        state->phase = ATTACH_COLUMNS;
        return sql_send_columns(job, err);
    case ATTACH_WHICH: HB_TRY(take_which(remote, rows, err)); return sql_send_columns(job, err);
    case ATTACH_COLUMNS:
        HB_TRY(sql_take_columns(job, rows, err));
        if (sql_table_exists(remote, HB_STR(SQL_META_TABLE))) return send_meta(job, err);
        sql_meta_clear(&remote->meta, remote->mem);
        break;
    case ATTACH_META: HB_TRY(meta_reply(remote, rows, job->arena, err)); break;
    default: return bad_attach(err);
    }
    job->done = true;
    return HB_OK;
}

hb_status sql_attach(hb_job *job, hb_err *err) {
    return attach_step(job, NULL, err);
}

hb_status sql_attach_reply(hb_job *job, const hb_batch *rows, hb_err *err) {
    return attach_step(job, rows, err);
}

/* ---- committing -------------------------------------------------------------------------- */

static hb_status add_meta_table(sql_list *list, sql_remote *remote, hb_sql *sql, hb_err *err) {
    const hb_dialect *dialect = remote->engine->dialect;
    if (sql_table_exists(remote, HB_STR(SQL_META_TABLE))) return HB_OK;
    HB_TRY(sql_add_schema(list, remote, sql, err));
    hb_sql_clear(sql);
    hb_sql_add(sql, dialect->ddl->create_table);
    sql_add_table(sql, remote, HB_STR(SQL_META_TABLE));
    hb_sql_add(sql, " (");
    hb_sql_ident(sql, HB_STR("key"));
    sql_add_key_type(sql);
    hb_sql_add(sql, ", ");
    hb_sql_ident(sql, HB_STR("value"));
    hb_buf_printf(&sql->text, " %s%s)", dialect->types[HB_KIND_BYTES],
                  dialect->no_keys ? ", n bigint" : "");
    sql_add_suffix(sql, HB_STR("key"));
    return sql_table_add(list, remote, sql, err);
}

static hb_status add_meta_change(sql_list *list, const sql_remote *remote, hb_sql *sql,
                                 const sql_meta_entry *entry, hb_err *err) {
    static const hb_str columns[2] = { { "key", 3 }, { "value", 5 } };
    if (remote->engine->writes != SQL_WRITES_UPSERT) {
        return sql_keyless_meta_change(list, remote, sql, entry, err);
    }
    hb_sql_clear(sql);
    if (entry->value.ptr == NULL) {
        hb_sql_add(sql, "DELETE FROM ");
        sql_add_table(sql, remote, HB_STR(SQL_META_TABLE));
        hb_sql_add(sql, " WHERE ");
        hb_sql_ident(sql, columns[0]);
        hb_sql_add(sql, " = ");
        text_value(sql, entry->key);
        return sql_list_add(list, remote, sql, err);
    }
    hb_value value = { .kind = HB_KIND_BYTES };
    value.as.s = entry->value;
    HB_TRY(sql_rows_replace(sql, list, remote, HB_STR(SQL_META_TABLE), columns[0], &entry->key, 1,
                            err));
    sql_rows_begin(sql, remote, HB_STR(SQL_META_TABLE), columns, 2);
    sql_row_begin(sql, remote, HB_STR(SQL_META_TABLE), columns, 2, false);
    text_value(sql, entry->key);
    hb_sql_add(sql, ", ");
    hb_sql_param_add(sql, &value);
    hb_sql_add(sql, ")");
    sql_rows_end(sql, columns, 2, NULL, 0);
    return sql_list_add(list, remote, sql, err);
}

static hb_status add_meta(sql_list *list, sql_remote *remote, const sql_meta *meta, hb_job *job,
                          hb_err *err) {
    if (meta->count == 0) return HB_OK;
    hb_sql sql;
    hb_sql_init(&sql, remote->engine->dialect, remote->mem, job->arena);
    hb_status status = add_meta_table(list, remote, &sql, err);
    if (status == HB_OK && remote->engine->loads) status = sql_load_meta(list, remote, meta, err);
    if (remote->engine->loads) {
        hb_sql_free(&sql);
        return status;
    }
    for (uint32_t i = 0; i < meta->count && status == HB_OK; i++) {
        status = add_meta_change(list, remote, &sql, &meta->entries[i], err);
    }
    hb_sql_free(&sql);
    return status;
}

/* The transaction is the job's from now on: another one can be collected meanwhile. */
hb_status sql_commit(hb_job *job, hb_err *err) {
    sql_remote *remote = sql_remote_of(job);
    sql_state *state = job->state;
    state->sent = remote->tx;
    remote->tx = (sql_tx){ 0 };
    sql_list_init(&remote->tx.list, remote->mem);
    HB_TRY(add_meta(&state->sent.list, remote, &state->sent.meta, job, err));
    return sql_steps(job, err);
}

hb_status sql_commit_reply(hb_job *job, hb_err *err) {
    sql_remote *remote = sql_remote_of(job);
    sql_state *state = job->state;
    const bool has_meta = state->sent.meta.count > 0;
    if (has_meta && !sql_table_exists(remote, HB_STR(SQL_META_TABLE))) {
        HB_TRY(sql_known_add(remote, HB_STR(SQL_META_TABLE), HB_STR("key"), HB_STR_EMPTY, err));
    }
    return sql_meta_merge(&remote->meta, &state->sent.meta, remote->mem, err);
}

void sql_state_free(hb_job *job) {
    sql_state *state = job->state;
    if (state == NULL) return;
    sql_list_free(&state->sent.list);
    sql_meta_clear(&state->sent.meta, job->mem);
    hb_mem_free(job->mem, state, sizeof(*state));
    job->state = NULL;
}
