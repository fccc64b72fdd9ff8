// SPDX-License-Identifier: MIT
/* Writing where tables have no keys, and a statement is all that is done or not done at once: rows
 * go out as one JSON text, so that a statement of thousands of rows is planned as quickly as one.
 * Rows are merged where the engine can; else it is asked first which of them are there, and those
 * are deleted before, or refused where nothing can be deleted.
 *
 * Definitions are only added, with a number that grows; those that they replace go afterwards. So
 * nothing is lost when the second statement fails. */
#include "backends/sql/remote.h"

#include "base/base64.h"
#include "base/num.h"
#include "value/pack.h"

#define JSON_BYTES_MAX 400000u      /* of a statement; quotes in it are doubled on the way */

/* ---- rows as JSON ------------------------------------------------------------------------ */

static hb_status add_cell(const hb_job *job, const hb_field *field, const hb_value *value,
                          hb_buf *out, hb_err *err) {
    char digits[HB_NUM_TEXT_MAX];
    hb_buf text;
    hb_str bytes = value->as.s;
    switch (value->kind) {
    case HB_KIND_BOOL: hb_buf_add_c(out, value->as.b ? "\"true\"" : "\"false\""); return HB_OK;
    case HB_KIND_I64:
        hb_buf_add_json_str(out, hb_str_n(digits, hb_num_write_i64(value->as.i, digits)));
        return HB_OK;
    case HB_KIND_F64:
        hb_buf_add_json_str(out, hb_str_n(digits, hb_num_write_f64(value->as.f, digits)));
        return HB_OK;
    case HB_KIND_TEXT:
        if (value->as.s.len > 0) HB_TRY(sql_check_text(job, field, value->as.s, err));
        hb_buf_add_json_str(out, value->as.s);
        return HB_OK;
    case HB_KIND_VEC:
        bytes = hb_str_n((const char *)value->as.v.ptr, (size_t)value->as.v.len * sizeof(float));
        __attribute__((fallthrough));
    case HB_KIND_BYTES:
        hb_buf_add_char(out, '"');
        hb_base64_write(bytes, out);
        hb_buf_add_char(out, '"');
        return HB_OK;
    case HB_KIND_PACK: {
        hb_buf_init(&text, job->mem);
        hb_status status = hb_pack_to_json(value->as.s, 0, false, &text, err);
        if (status == HB_OK) hb_buf_add_json_str(out, hb_buf_str(&text));
        hb_buf_free(&text);
        return status;
    }
    case HB_KIND_NULL:
    case HB_KIND_COUNT: break;
    }
    hb_buf_add_c(out, "null");
    return HB_OK;
}

static hb_status add_json_row(const hb_job *job, uint32_t row, hb_buf *out, hb_err *err) {
    const hb_container *container = job->fragment->container;
    hb_buf_add_char(out, '[');
    for (uint32_t i = 0; i < container->field_count; i++) {
        const hb_field *field = &container->schema->fields[container->fields[i].field];
        const hb_value value = hb_column_get(&job->fragment->batch->columns[i], row);
        if (i > 0) hb_buf_add_char(out, ',');
        HB_TRY(add_cell(job, field, &value, out, err));
    }
    hb_buf_add_char(out, ']');
    return hb_buf_check(out, err);
}

/* As many rows from *from on as one statement takes, and at least one. */
static hb_status json_rows(const hb_job *job, uint32_t *from, hb_buf *out, hb_err *err) {
    const uint32_t count = job->fragment->batch->row_count, first = *from;
    hb_buf_clear(out);
    hb_buf_add_char(out, '[');
    for (; *from < count; (*from)++) {
        const uint32_t len = out->len;
        if (*from > first) hb_buf_add_char(out, ',');
        HB_TRY(add_json_row(job, *from, out, err));
        if (*from == first || out->len <= JSON_BYTES_MAX) continue;
        out->len = len;
        break;
    }
    hb_buf_add_char(out, ']');
    return hb_buf_check(out, err);
}

/* ---- statements -------------------------------------------------------------------------- */

/* SELECT r[1], ... FROM the parameter's rows. */
static void add_source(const hb_job *job, const sql_table *table, bool named, hb_str json,
                       hb_sql *sql) {
    const hb_container *container = job->fragment->container;
    const hb_dialect *dialect = sql->dialect;
    hb_value value = { .kind = HB_KIND_TEXT };
    value.as.s = json;
    hb_sql_add(sql, "SELECT ");
    for (uint32_t i = 0; i < container->field_count; i++) {
        const hb_kind kind = container->schema->fields[container->fields[i].field].kind;
        if (i > 0) hb_sql_add(sql, ", ");
        hb_sql_of_length(sql, dialect->json_cells[kind], i + 1);
        if (named) hb_sql_add(sql, " AS ");
        if (named) hb_sql_ident(sql, table->columns[i]);
    }
    hb_sql_add(sql, " FROM ");
    for (const char *p = dialect->json_rows; *p != '\0'; p++) {
        if (p[0] == '$' && p[1] == 'k') {
            hb_sql_cell_add(sql, &value, HB_KIND_NULL);
            p++;
        } else {
            hb_buf_add_char(&sql->text, *p);
        }
    }
}

static void add_insert(const hb_job *job, const sql_table *table, hb_str json, hb_sql *sql) {
    hb_sql_add(sql, "INSERT INTO ");
    sql_add_table(sql, sql_remote_of(job), table->name);
    hb_sql_column_list(sql, table->columns, job->fragment->container->field_count);
    hb_sql_add(sql, " ");
    add_source(job, table, false, json, sql);
}

static void add_of(hb_sql *sql, const char *table, hb_str column) {
    hb_sql_add(sql, table);
    hb_sql_ident(sql, column);
}

static hb_status add_merge(hb_job *job, const sql_table *table, hb_str json, hb_sql *sql,
                           hb_err *err) {
    const uint32_t count = job->fragment->container->field_count;
    hb_str *cleared;
    uint32_t cleared_count;
    HB_TRY(sql_cleared_columns(sql_remote_of(job), job->fragment->container, table, job->arena,
                               &cleared, &cleared_count, err));
    hb_sql_add(sql, "MERGE INTO ");
    sql_add_table(sql, sql_remote_of(job), table->name);
    hb_sql_add(sql, " AS t USING (");
    add_source(job, table, true, json, sql);
    hb_sql_add(sql, ") AS s");
    sql_merge_end(sql, table->columns, count, cleared, cleared_count);
    return HB_OK;
}

static hb_status add_rows(hb_job *job, const sql_table *table, sql_list *list, hb_sql *sql,
                          hb_err *err) {
    const sql_remote *remote = sql_remote_of(job);
    hb_status status = HB_OK;
    hb_buf json;
    hb_buf_init(&json, job->mem);
    for (uint32_t from = 0; from < job->fragment->batch->row_count && status == HB_OK;) {
        hb_sql_clear(sql);
        status = json_rows(job, &from, &json, err);
        if (status != HB_OK) break;
        if (remote->engine->writes == SQL_WRITES_MERGE) {
            status = add_merge(job, table, hb_buf_str(&json), sql, err);
        } else {
            add_insert(job, table, hb_buf_str(&json), sql);
        }
        if (status == HB_OK) status = sql_list_add(list, remote, sql, err);
    }
    hb_buf_free(&json);
    return status;
}

/* The rows, after those of the same ids that are there. */
static hb_status submit(hb_job *job, const hb_str *there, uint32_t count, hb_err *err) {
    sql_table *table;
    sql_list list;
    hb_sql sql;
    sql_list_init(&list, job->mem);
    hb_sql_init(&sql, sql_remote_of(job)->engine->dialect, job->mem, job->arena);
    hb_status status = sql_table_make(job->instance, job->fragment->container, &list, err);
    if (status == HB_OK) {
        status = sql_table_of(job->instance, job->fragment->container, &table, err);
    }
    if (status == HB_OK && count > 0) {
        status = sql_delete_list(job, table, there, count, &sql, &list, err);
    }
    if (status == HB_OK) status = add_rows(job, table, &list, &sql, err);
    if (status == HB_OK) status = sql_submit(job, &list, err);
    hb_sql_free(&sql);
    sql_list_free(&list);
    return status;
}

/* ---- which are there --------------------------------------------------------------------- */

static hb_status refuse(const hb_job *job, const char *what, hb_str id, hb_err *err) {
    hb_err_set(err, HB_E_UNSUPPORTED,
               "%s of row '%.*s': this catalog of %s takes new rows only, and none can be changed "
               "or deleted",
               what, HB_ARG(hb_str_sub(id, 0, 63)), job->instance->type->name);
    return hb_err_where(err, job->fragment->container->schema->entity_id, HB_STR_EMPTY,
                        job->instance->name);
}

hb_status sql_keyless_check_delete(const hb_job *job, hb_err *err) {
    if (sql_remote_of(job)->engine->writes != SQL_WRITES_INSERT) return HB_OK;
    return refuse(job, "deletion", job->fragment->ids->ids[0], err);
}

/* Asks for those from row state->phase on, as many as one question takes. */
static hb_status ask(hb_job *job, const sql_table *table, hb_err *err) {
    const hb_column *column = &job->fragment->batch->columns[0];
    const uint32_t count = job->fragment->batch->row_count;
    sql_state *state = job->state;
    hb_str *ids = hb_arena_array(job->arena, (size_t)(count - state->phase) + 1, sizeof(*ids));
    if (ids == NULL) return hb_err_memory(err);
    uint32_t asked = 0;
    for (uint64_t bytes = 0; state->phase < count && bytes < JSON_BYTES_MAX; state->phase++) {
        ids[asked++] = hb_column_span(column, state->phase);
        bytes += ids[asked - 1].len + 3;
    }
    hb_sql sql;
    hb_sql_init(&sql, sql_remote_of(job)->engine->dialect, job->mem, job->arena);
    hb_sql_add(&sql, "SELECT ");
    hb_sql_ident(&sql, table->columns[0]);
    hb_sql_add(&sql, " FROM ");
    sql_add_table(&sql, sql_remote_of(job), table->name);
    hb_sql_add(&sql, " WHERE ");
    hb_status status = sql_add_in(&sql, table->columns[0], ids, asked, err);
    if (status == HB_OK) status = sql_send_one(job, &sql, err);
    hb_sql_free(&sql);
    return status;
}

static hb_status all_ids(const hb_job *job, hb_str **out, hb_err *err) {
    const hb_batch *batch = job->fragment->batch;
    *out = hb_arena_array(job->arena, (size_t)batch->row_count + 1, sizeof(**out));
    if (*out == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < batch->row_count; i++) {
        (*out)[i] = hb_column_span(&batch->columns[0], i);
    }
    return HB_OK;
}

/* What this call has collected could be about the same rows, and the engine does not know. */
static hb_status is_collected(const hb_job *job, const sql_table *table, bool *is, hb_err *err) {
    const sql_remote *remote = sql_remote_of(job);
    hb_sql sql;
    hb_sql_init(&sql, remote->engine->dialect, job->mem, job->arena);
    sql_add_table(&sql, remote, table->name);
    const hb_status status = hb_sql_check(&sql, err);
    *is = status == HB_OK &&
          hb_str_find(hb_buf_str(&remote->tx.list.items), hb_sql_text(&sql), 0) >= 0;
    hb_sql_free(&sql);
    return status;
}

hb_status sql_keyless_write(hb_job *job, hb_err *err) {
    const sql_remote *remote = sql_remote_of(job);
    sql_table *table;
    bool again;
    hb_str *ids;
    HB_TRY(sql_table_of(job->instance, job->fragment->container, &table, err));
    const bool is_new = !sql_table_exists(remote, table->name);
    if (is_new || remote->engine->writes == SQL_WRITES_MERGE ||
        job->fragment->batch->row_count == 0)
        return submit(job, NULL, 0, err);
    HB_TRY(is_collected(job, table, &again, err));
    if (!again || remote->engine->writes == SQL_WRITES_INSERT) return ask(job, table, err);
    HB_TRY(all_ids(job, &ids, err));
    return submit(job, ids, job->fragment->batch->row_count, err);
}

hb_status sql_keyless_write_reply(hb_job *job, const hb_batch *rows, hb_err *err) {
    sql_state *state = job->state;
    const hb_batch *batch = job->fragment->batch;
    HB_TRY(sql_check_ids(rows, err));
    if (rows->row_count > 0 && sql_remote_of(job)->engine->writes == SQL_WRITES_INSERT) {
        return refuse(job, "upsert", hb_column_span(&rows->columns[0], 0), err);
    }
    if (state->ids == NULL) HB_TRY(all_ids(job, &state->ids, err));
    for (uint32_t i = 0; i < rows->row_count; i++) {
        if (state->count == batch->row_count) {
            return hb_err_set(err, HB_E_BAD_REPLY, "an answer has rows that were not asked for");
        }
        state->ids[state->count] = hb_arena_str(job->arena, hb_column_span(&rows->columns[0], i));
        if (state->ids[state->count++].ptr == NULL) return hb_err_memory(err);
    }
    if (state->phase < batch->row_count) return ask(job, job->fragment->container->state, err);
    return submit(job, state->ids, state->count, err);
}

/* ---- definitions ------------------------------------------------------------------------- */

hb_status sql_keyless_meta_n(sql_remote *remote, const hb_column *column, uint32_t count,
                             hb_err *err) {
    for (uint32_t i = 0; i < count; i++) {
        const hb_value n = hb_column_get(column, i);
        if (n.kind != HB_KIND_I64) return hb_err_set(err, HB_E_BAD_REPLY, "n is no integer");
        if (n.as.i > remote->meta_n) remote->meta_n = n.as.i;
    }
    return HB_OK;
}

static void add_key(hb_sql *sql, hb_str key) {
    hb_value value = { .kind = HB_KIND_TEXT };
    value.as.s = key;
    hb_sql_param_add(sql, &value);
}

/* Of those that were there when the workspace attached, unless all of them go. */
static hb_status add_meta_delete(sql_list *list, const sql_remote *remote, hb_sql *sql, hb_str key,
                                 bool all, hb_err *err) {
    hb_value n = { .kind = HB_KIND_I64 };
    n.as.i = remote->meta_n;
    hb_sql_clear(sql);
    hb_sql_add(sql, "DELETE FROM ");
    sql_add_table(sql, remote, HB_STR(SQL_META_TABLE));
    add_of(sql, " WHERE ", HB_STR("key"));
    hb_sql_add(sql, " = ");
    add_key(sql, key);
    if (!all) hb_sql_add(sql, " AND n <= ");
    if (!all) hb_sql_param_add(sql, &n);
    return sql_list_add(list, remote, sql, err);
}

hb_status sql_keyless_meta_change(sql_list *list, const sql_remote *remote, hb_sql *sql,
                                  const sql_meta_entry *entry, hb_err *err) {
    static const hb_str columns[2] = { { "key", 3 }, { "value", 5 } };
    const bool can_delete = remote->engine->writes != SQL_WRITES_INSERT;
    hb_value value = { .kind = entry->value.ptr != NULL ? HB_KIND_BYTES : HB_KIND_NULL };
    value.as.s = entry->value;
    if (value.kind == HB_KIND_NULL && can_delete) {
        return add_meta_delete(list, remote, sql, entry->key, true, err);
    }
    hb_sql_clear(sql);
    hb_sql_add(sql, "INSERT INTO ");
    sql_add_table(sql, remote, HB_STR(SQL_META_TABLE));
    add_of(sql, " (", columns[0]);
    add_of(sql, ", ", columns[1]);
    hb_sql_add(sql, ", n) SELECT ");
    add_key(sql, entry->key);
    hb_sql_add(sql, ", ");
    hb_sql_cell_add(sql, &value, HB_KIND_BYTES);
    hb_sql_add(sql, ", coalesce(max(n), 0) + 1 FROM ");
    sql_add_table(sql, remote, HB_STR(SQL_META_TABLE));
    HB_TRY(sql_list_add(list, remote, sql, err));
    if (!can_delete || sql_meta_find(&remote->meta, entry->key) == NULL) return HB_OK;
    return add_meta_delete(list, remote, sql, entry->key, false, err);
}
