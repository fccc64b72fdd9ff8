// SPDX-License-Identifier: MIT
/* WRITE and DELETE: statements for the transaction that is collected. */
#include "backends/sql/remote.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/num.h"

#define ROWS_PER_STATEMENT 500u

/* Columns that the table has for fields that are not here any more: rows written now clear them. */
hb_status sql_cleared_columns(const sql_remote *remote, const hb_container *container,
                              const sql_table *table, hb_arena *arena, hb_str **out,
                              uint32_t *count, hb_err *err) {
    *count = 0;
    *out = hb_arena_array(arena, (size_t)remote->known_count + 1, sizeof(**out));
    if (*out == NULL) return hb_err_memory(err);
    for (uint32_t k = 0; k < remote->known_count; k++) {
        const sql_known *known = &remote->known[k];
        if (!hb_str_eq(known->table, table->name)) continue;
        bool is_used = false;
        for (uint32_t i = 0; i < container->field_count && !is_used; i++) {
            is_used = hb_str_eq(known->column, table->columns[i]);
        }
        if (!is_used) (*out)[(*count)++] = known->column;
    }
    return HB_OK;
}

hb_status sql_check_text(const hb_job *job, const hb_field *field, hb_str text, hb_err *err) {
    if (sql_remote_of(job)->engine->dialect->holds_nul) return HB_OK;
    if (memchr(text.ptr, '\0', text.len) == NULL) return HB_OK;
    hb_err_set(err, HB_E_VALIDATION, "%s stores no text with the character U+0000",
               job->instance->type->name);
    return hb_err_where(err, job->fragment->container->schema->entity_id, field->name,
                        job->instance->name);
}

/* ---- rows of a statement: what stands before, between and after them --------------------- */

static void add_of(hb_sql *sql, const char *words, hb_str column) {
    hb_sql_add(sql, words);
    hb_sql_ident(sql, column);
}

hb_status sql_rows_replace(hb_sql *sql, sql_list *list, const sql_remote *remote, hb_str table,
                           hb_str key, const hb_str *ids, uint32_t count, hb_err *err) {
    const uint32_t max = sql->dialect->in_list_max > 0 ? sql->dialect->in_list_max : count;
    if (sql->dialect->upsert != HB_UPSERT_INSERT_ALL) return HB_OK;
    for (uint32_t from = 0; from < count; from += max) {
        hb_sql_clear(sql);
        hb_sql_add(sql, "DELETE FROM ");
        sql_add_table(sql, remote, table);
        hb_sql_add(sql, " WHERE ");
        HB_TRY(sql_add_in(sql, key, ids + from, count - from < max ? count - from : max, err));
        HB_TRY(sql_list_add(list, remote, sql, err));
    }
    return HB_OK;
}

void sql_rows_begin(hb_sql *sql, const sql_remote *remote, hb_str table, const hb_str *columns,
                    uint32_t column_count) {
    const hb_dialect *dialect = sql->dialect;
    hb_sql_clear(sql);
    if (dialect->upsert == HB_UPSERT_INSERT_ALL) {
        hb_sql_add(sql, "INSERT ALL");
        return;
    }
    const bool merges = dialect->upsert == HB_UPSERT_MERGE;
    hb_sql_add(sql, merges ? "MERGE INTO " : "INSERT INTO ");
    sql_add_table(sql, remote, table);
    if (merges) {
        hb_buf_printf(&sql->text, "%s AS t USING (VALUES ", dialect->merge_hint);
    } else {
        hb_sql_column_list(sql, columns, column_count);
        hb_sql_add(sql, " VALUES ");
    }
}

void sql_row_begin(hb_sql *sql, const sql_remote *remote, hb_str table, const hb_str *columns,
                   uint32_t column_count, bool follows) {
    if (sql->dialect->upsert == HB_UPSERT_INSERT_ALL) {
        hb_sql_add(sql, " INTO ");
        sql_add_table(sql, remote, table);
        hb_sql_column_list(sql, columns, column_count);
        hb_sql_add(sql, " VALUES (");
    } else {
        hb_sql_add(sql, follows ? ", (" : "(");
    }
}

void sql_merge_end(hb_sql *sql, const hb_str *columns, uint32_t column_count, const hb_str *cleared,
                   uint32_t cleared_count) {
    add_of(sql, " ON t.", columns[0]);
    add_of(sql, " = s.", columns[0]);
    if (column_count + cleared_count > 1) hb_sql_add(sql, " WHEN MATCHED THEN UPDATE SET ");
    for (uint32_t i = 1; i < column_count; i++) {
        add_of(sql, i > 1 ? ", " : "", columns[i]);
        add_of(sql, " = s.", columns[i]);
    }
    for (uint32_t i = 0; i < cleared_count; i++) {
        add_of(sql, i > 0 || column_count > 1 ? ", " : "", cleared[i]);
        hb_sql_add(sql, " = NULL");
    }
    hb_sql_add(sql, " WHEN NOT MATCHED THEN INSERT");
    hb_sql_column_list(sql, columns, column_count);
    for (uint32_t i = 0; i < column_count; i++) {
        add_of(sql, i > 0 ? ", s." : " VALUES (s.", columns[i]);
    }
    hb_sql_add(sql, ")");
}

void sql_rows_end(hb_sql *sql, const hb_str *columns, uint32_t column_count, const hb_str *cleared,
                  uint32_t cleared_count) {
    switch (sql->dialect->upsert) {
    case HB_UPSERT_INSERT_ALL: hb_sql_add(sql, " SELECT 1 FROM dual"); return;
    case HB_UPSERT_MERGE:
        hb_sql_add(sql, ") AS s");
        hb_sql_column_list(sql, columns, column_count);
        sql_merge_end(sql, columns, column_count, cleared, cleared_count);
        hb_sql_add(sql, sql->dialect->merge_end);
        return;
    case HB_UPSERT_ON_CONFLICT:
    case HB_UPSERT_ON_DUPLICATE:
    case HB_UPSERT_BY_KEY:
    case HB_UPSERT_NONE: break;
    }
    hb_sql_on_clash(sql, columns, column_count, cleared, cleared_count);
}

static hb_status add_row(hb_job *job, const sql_table *table, hb_sql *sql, uint32_t first,
                         uint32_t row, hb_err *err) {
    const hb_container *container = job->fragment->container;
    const hb_batch *batch = job->fragment->batch;
    sql_row_begin(sql, sql_remote_of(job), table->name, table->columns, container->field_count,
                  row > first);
    for (uint32_t i = 0; i < container->field_count; i++) {
        const hb_field *field = &container->schema->fields[container->fields[i].field];
        const hb_value value = hb_column_get(&batch->columns[i], row);
        if (value.kind == HB_KIND_TEXT && value.as.s.len > 0) {
            HB_TRY(sql_check_text(job, field, value.as.s, err));
        }
        if (i > 0) hb_sql_add(sql, ", ");
        hb_sql_cell_add(sql, &value, field->kind);
    }
    hb_sql_add(sql, ")");
    return HB_OK;
}

static uint64_t row_bytes(const hb_batch *batch, uint32_t row) {
    uint64_t bytes = 0;
    for (uint32_t c = 0; c < batch->column_count; c++) {
        const hb_value value = hb_column_get(&batch->columns[c], row);
        const bool is_span =
            value.kind == HB_KIND_TEXT || value.kind == HB_KIND_BYTES || value.kind == HB_KIND_PACK;
        bytes += is_span ? value.as.s.len : sizeof(double);
        if (value.kind == HB_KIND_VEC) bytes += (uint64_t)value.as.v.len * HB_NUM_TEXT_MAX;
    }
    return bytes;
}

/* How many rows from `from` on go out together. */
static uint32_t rows_of_statement(const hb_job *job, uint32_t from, uint32_t most) {
    const hb_batch *batch = job->fragment->batch;
    const uint64_t max = sql_remote_of(job)->engine->dialect->bytes_max;
    const uint32_t rest = batch->row_count - from, step = rest < most ? rest : most;
    if (max == 0) return step;
    uint64_t bytes = row_bytes(batch, from);
    for (uint32_t count = 1; count < step; count++) {
        bytes += row_bytes(batch, from + count);
        if (bytes > max) return count;
    }
    return step;
}

static hb_status replace_rows(hb_job *job, sql_list *list, const sql_table *table, hb_sql *sql,
                              hb_err *err) {
    const hb_batch *batch = job->fragment->batch;
    hb_str *ids = hb_arena_array(job->arena, (size_t)batch->row_count + 1, sizeof(*ids));
    if (ids == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < batch->row_count; i++) ids[i] = hb_column_span(&batch->columns[0], i);
    return sql_rows_replace(sql, list, sql_remote_of(job), table->name, table->columns[0], ids,
                            batch->row_count, err);
}

static hb_status add_rows(hb_job *job, sql_list *list, const sql_table *table, hb_sql *sql,
                          hb_err *err) {
    const sql_remote *remote = sql_remote_of(job);
    const hb_container *container = job->fragment->container;
    const hb_batch *batch = job->fragment->batch;
    const uint32_t params_max = remote->engine->dialect->params_max;
    uint32_t step = ROWS_PER_STATEMENT, cleared_count, count;
    if (params_max > 0 && step > params_max / container->field_count) {
        step = params_max / container->field_count;
    }
    if (step == 0) {
        return hb_err_set(err, HB_E_LIMIT, "%s takes at most %u values in a statement",
                          job->instance->type->name, params_max);
    }
    hb_str *cleared;
    if (sql->dialect->upsert == HB_UPSERT_INSERT_ALL) {
        HB_TRY(replace_rows(job, list, table, sql, err));
    }
    HB_TRY(
        sql_cleared_columns(remote, container, table, job->arena, &cleared, &cleared_count, err));
    for (uint32_t from = 0; from < batch->row_count; from += count) {
        count = rows_of_statement(job, from, step);
        sql_rows_begin(sql, remote, table->name, table->columns, container->field_count);
        for (uint32_t i = 0; i < count; i++) {
            HB_TRY(add_row(job, table, sql, from, from + i, err));
        }
        sql_rows_end(sql, table->columns, container->field_count, cleared, cleared_count);
        HB_TRY(sql_list_add(list, remote, sql, err));
    }
    return HB_OK;
}

hb_status sql_write(hb_job *job, hb_err *err) {
    if (sql_remote_of(job)->engine->writes != SQL_WRITES_UPSERT) return sql_keyless_write(job, err);
    sql_table *table;
    sql_list list;
    hb_sql sql;
    sql_list_init(&list, job->mem);
    hb_sql_init(&sql, sql_remote_of(job)->engine->dialect, job->mem, job->arena);
    hb_status status = sql_table_make(job->instance, job->fragment->container, &list, err);
    if (status == HB_OK) {
        status = sql_table_of(job->instance, job->fragment->container, &table, err);
    }
    const bool loads = sql_remote_of(job)->engine->loads;
    if (status == HB_OK) {
        status =
            loads ? sql_load_rows(job, table, &list, err) : add_rows(job, &list, table, &sql, err);
    }
    if (status == HB_OK) status = sql_submit(job, &list, err);
    hb_sql_free(&sql);
    sql_list_free(&list);
    return status;
}

/* ---- deleting ---------------------------------------------------------------------------- */

static hb_status send_existing(hb_job *job, const sql_table *table, hb_err *err) {
    const hb_ids *ids = job->fragment->ids;
    hb_sql sql;
    hb_sql_init(&sql, sql_remote_of(job)->engine->dialect, job->mem, job->arena);
    hb_sql_add(&sql, "SELECT ");
    hb_sql_ident(&sql, table->columns[0]);
    hb_sql_add(&sql, " FROM ");
    sql_add_table(&sql, sql_remote_of(job), table->name);
    hb_sql_add(&sql, " WHERE ");
    hb_status status = sql_add_in(&sql, table->columns[0], ids->ids, ids->count, err);
    if (status == HB_OK) status = sql_send_one(job, &sql, err);
    hb_sql_free(&sql);
    return status;
}

/* Which rows there are is asked first: the answer tells it, and what is deleted is collected. */
hb_status sql_delete(hb_job *job, hb_err *err) {
    sql_table *table;
    static const hb_batch nothing = { 0, 0, NULL };
    HB_TRY(sql_table_of(job->instance, job->fragment->container, &table, err));
    if (job->fragment->ids->count == 0 || !sql_table_exists(sql_remote_of(job), table->name)) {
        return sql_delete_reply(job, &nothing, err);
    }
    return send_existing(job, table, err);
}

/* Where a long list of ids would be looked up by a subquery, it goes out in parts. */
hb_status sql_delete_list(hb_job *job, const sql_table *table, const hb_str *ids, uint32_t count,
                          hb_sql *sql, sql_list *list, hb_err *err) {
    sql_remote *remote = sql_remote_of(job);
    if (remote->engine->loads) return sql_load_deletes(list, remote, table, ids, count, err);
    const uint32_t parts_of = remote->engine->dialect->in_array_from;
    const uint32_t step = parts_of > 1 && count >= parts_of ? parts_of - 1 : count;
    for (uint32_t from = 0; from < count; from += step) {
        const uint32_t rest = count - from;
        hb_sql_clear(sql);
        hb_sql_add(sql, "DELETE FROM ");
        sql_add_table(sql, remote, table->name);
        hb_sql_add(sql, " WHERE ");
        HB_TRY(sql_add_in(sql, table->columns[0], ids + from, rest < step ? rest : step, err));
        HB_TRY(sql_list_add(list, remote, sql, err));
    }
    return HB_OK;
}

static hb_status add_delete(hb_job *job, const sql_table *table, hb_err *err) {
    hb_sql sql;
    sql_list list;
    sql_list_init(&list, job->mem);
    hb_sql_init(&sql, sql_remote_of(job)->engine->dialect, job->mem, job->arena);
    hb_status status = sql_delete_list(job, table, job->fragment->ids->ids,
                                       job->fragment->ids->count, &sql, &list, err);
    if (status == HB_OK) status = sql_submit(job, &list, err);
    sql_list_free(&list);
    hb_sql_free(&sql);
    return status;
}

static hb_status existed_fill(hb_job *job, const hb_map *found, hb_err *err) {
    const hb_ids *ids = job->fragment->ids;
    HB_TRY(hb_rowset_init(&job->out, job->mem, 1, err));
    hb_rowset_column(&job->out, 0, HB_STR("existed"), HB_KIND_BOOL, 0);
    for (uint32_t i = 0; i < ids->count; i++) {
        hb_value flag = { .kind = HB_KIND_BOOL };
        flag.as.b = hb_map_find(found, ids->ids[i]) != HB_MAP_NONE;
        if (!hb_colbuf_add(&job->out.columns[0], &flag)) return hb_err_memory(err);
    }
    return HB_OK;
}

hb_status sql_delete_reply(hb_job *job, const hb_batch *rows, hb_err *err) {
    hb_map found;
    hb_map_init(&found, job->mem);
    hb_status status = sql_check_ids(rows, err);
    for (uint32_t i = 0; i < rows->row_count && status == HB_OK; i++) {
        if (!hb_map_put(&found, hb_column_span(&rows->columns[0], i), i))
            status = hb_err_memory(err);
    }
    if (status == HB_OK) status = existed_fill(job, &found, err);
    hb_map_free(&found);
    HB_TRY(status);
    if (rows->row_count > 0) {
        HB_TRY(sql_keyless_check_delete(job, err));
        return add_delete(job, job->fragment->container->state, err);
    }
    job->done = true;
    return HB_OK;
}
