// SPDX-License-Identifier: MIT
/* Writing rows: one prepared upsert per row that keeps the slot, item tables and memory indexes in
 * step with it. Everything here runs inside one transaction. */
#include "backends/sqlite/layout.h"

#define SAME_ROWS_MIN 16u   /* batches below are not searched for columns of one value */
#define BULK_ROWS_MIN 4096u /* batches below never have the secondary indexes made anew */

typedef struct row_writer {
    sqlite_table *table;
    const hb_batch *batch;
    hb_buf text;                /* what cells of the current row are stored as */
    hb_str *texts;              /* by column: where in `text` */
    bool has_text;
    sqlite_ref *refs;           /* by column: of a value outside the row */
    uint8_t *same;              /* by column: all rows of the batch have the same value in it */
    bool bound; /* columns of the same value keep what was bound for the first row */
    bool all_new; /* the table had no rows when the batch came */
} row_writer;

static hb_status writer_statements(sqlite_table *table, hb_err *err) {
    if (table->upsert != NULL) return HB_OK;
    hb_sql sql = sqlite_ddl(table->conn, "");
    hb_sql_upsert(&sql, table->target, table->stored, table->container->field_count, table->cleared,
                  table->cleared_count);
    return sqlite_ddl_prepare(table->conn, &table->upsert, &sql, err);
}

static hb_status find_prepare(sqlite_table *table, hb_err *err) {
    if (table->find != NULL) return HB_OK;
    hb_sql sql;
    hb_sql_init(&sql, &hb_dialect_sqlite, table->conn->mem, NULL);
    hb_sql_add(&sql, "SELECT slot FROM ");
    hb_sql_ident(&sql, table->name);
    hb_sql_add(&sql, " WHERE object_id = ?");
    return sqlite_ddl_prepare(table->conn, &table->find, &sql, err);
}

/* *slot is 0 when there is no such row: SQLite's own rowids start at 1. */
static hb_status find_slot(sqlite_table *table, hb_str id, int64_t *slot, hb_err *err) {
    sqlite_bind_str(table->find, 1, id);
    int rc = sqlite3_step(table->find);
    *slot = rc == SQLITE_ROW ? sqlite3_column_int64(table->find, 0) : 0;
    sqlite3_reset(table->find);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? HB_OK : sqlite_fail(table->conn, rc, err);
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* Cells are compared as they lie: equal texts elsewhere in the heap only cost the gain. */
static bool column_is_same(const hb_column *column, uint32_t row_count) {
    const size_t width = column->kind == HB_KIND_BOOL ? 1 : 8;
    if (column->kind == HB_KIND_VEC || row_count < SAME_ROWS_MIN) return false;
    const uint8_t *data = column->data;
    for (uint32_t row = 1; row < row_count; row++) {
        if (hb_column_cell(column, row) != hb_column_cell(column, 0)) return false;
        if (data != NULL && memcmp(data, data + row * width, width) != 0) return false;
    }
    return true;
}

/* What the rows have in common is made a text, and bound, once. Most of a Catalog row is. */
static hb_status writer_find_same(row_writer *writer, hb_arena *arena, hb_err *err) {
    sqlite_table *table = writer->table;
    const hb_batch *batch = writer->batch;
    for (uint32_t i = 0; i < batch->column_count; i++) {
        const bool as_text = table->forms[i] == SQLITE_AS_TEXT;
        writer->same[i] = table->blobs[i].len == 0 && table->forms[i] != SQLITE_AS_FLAG &&
                          column_is_same(&batch->columns[i], batch->row_count);
        if (as_text && !writer->same[i]) writer->has_text = true;
        if (!as_text || !writer->same[i]) continue;
        hb_value value = hb_column_get(&batch->columns[i], 0);
        if (value.kind == HB_KIND_NULL) continue;
        hb_buf_clear(&writer->text);
        HB_TRY(table->conn->layout->add_text(table, i, &value, &writer->text, err));
        HB_TRY(hb_buf_check(&writer->text, err));
        writer->texts[i] = hb_arena_str(arena, hb_buf_str(&writer->text));
        if (writer->texts[i].ptr == NULL) return hb_err_memory(err);
    }
    return HB_OK;
}

static hb_status writer_init(row_writer *writer, sqlite_table *table, const hb_batch *batch,
                             bool all_new, hb_arena *arena, hb_err *err) {
    HB_ASSERT(batch->column_count == table->container->field_count);
    *writer = (row_writer){ .table = table, .batch = batch, .all_new = all_new };
    hb_buf_init(&writer->text, table->conn->mem);
    writer->texts = HB_NEW_ARRAY(arena, hb_str, batch->column_count);
    writer->refs = HB_NEW_ARRAY(arena, sqlite_ref, batch->column_count);
    writer->same = HB_NEW_ARRAY(arena, uint8_t, batch->column_count);
    if (writer->texts == NULL || writer->refs == NULL || writer->same == NULL) {
        return hb_err_memory(err);
    }
    return writer_find_same(writer, arena, err);
}

static bool cell_has_text(const row_writer *writer, uint32_t column, uint32_t row) {
    return writer->table->forms[column] == SQLITE_AS_TEXT &&
           hb_column_cell(&writer->batch->columns[column], row) == HB_CELL_VALUE;
}

/* The texts of a row, made before binding because the buffer moves while it grows. */
static hb_status writer_text(row_writer *writer, uint32_t row, hb_err *err) {
    const sqlite_layout *layout = writer->table->conn->layout;
    hb_buf_clear(&writer->text);
    for (uint32_t i = 0; i < writer->batch->column_count; i++) {
        if (writer->same[i] || !cell_has_text(writer, i, row)) continue;
        uint32_t start = writer->text.len;
        hb_value value = hb_column_get(&writer->batch->columns[i], row);
        HB_TRY(layout->add_text(writer->table, i, &value, &writer->text, err));
        writer->texts[i].len = writer->text.len - start;
    }
    HB_TRY(hb_buf_check(&writer->text, err));
    uint32_t at = 0;
    for (uint32_t i = 0; i < writer->batch->column_count; i++) {
        if (writer->same[i] || !cell_has_text(writer, i, row)) continue;
        writer->texts[i].ptr = writer->text.ptr + at;
        at += writer->texts[i].len;
    }
    return HB_OK;
}

/* Values that are kept outside the row go first. */
static hb_status writer_blobs(row_writer *writer, uint32_t row, hb_err *err) {
    for (uint32_t i = 0; i < writer->batch->column_count; i++) {
        if (writer->table->blobs[i].len == 0) continue;
        hb_value value = hb_column_get(&writer->batch->columns[i], row);
        if (value.kind == HB_KIND_NULL) continue;
        HB_TRY(sqlite_blob_put(writer->table, i, &value, &writer->refs[i], err));
    }
    return HB_OK;
}

static int writer_bind(row_writer *writer, uint32_t row) {
    sqlite3_stmt *stmt = writer->table->upsert;
    for (uint32_t i = 0; i < writer->batch->column_count; i++) {
        int at = (int)i + 1, rc = SQLITE_OK;
        if (writer->bound && writer->same[i]) continue;
        if (writer->table->forms[i] == SQLITE_AS_FLAG) {
            bool set = hb_column_cell(&writer->batch->columns[i], row) == HB_CELL_VALUE;
            rc = sqlite3_bind_int(stmt, at, set ? 1 : 0);
        } else if (cell_has_text(writer, i, row)) {
            rc = sqlite_bind_str(stmt, at, writer->texts[i]);
        } else {
            hb_value value = hb_column_get(&writer->batch->columns[i], row);
            bool outside = value.kind != HB_KIND_NULL && writer->table->blobs[i].len > 0;
            rc = outside ? sqlite_ref_bind(stmt, at, value.kind, &writer->refs[i])
                         : sqlite_bind_value(stmt, at, &value);
        }
        if (rc != SQLITE_OK) return rc;
    }
    writer->bound = true;
    return SQLITE_OK;
}

/* *clash: a unique constraint refused the row (and the status is OK). */
static hb_status writer_row(row_writer *writer, uint32_t row, bool *clash, hb_err *err) {
    sqlite_table *table = writer->table;
    int64_t slot = 0;
    if (table->tracks_slots && !writer->all_new) {
        HB_TRY(find_slot(table, hb_column_span(&writer->batch->columns[0], row), &slot, err));
    }
    if (writer->has_text) HB_TRY(writer_text(writer, row, err));
    HB_TRY(writer_blobs(writer, row, err));
    int rc = writer_bind(writer, row);
    if (rc == SQLITE_OK) rc = sqlite3_step(table->upsert);
    sqlite3_reset(table->upsert);
    if (rc == SQLITE_CONSTRAINT_UNIQUE && table->unique_count > 0) {
        *clash = true;
        return HB_OK;
    }
    if (rc != SQLITE_DONE) return sqlite_fail(table->conn, rc, err);
    if (!table->tracks_slots) return HB_OK;
    bool existed = slot != 0;
    if (!existed) slot = sqlite3_last_insert_rowid(table->conn->db);
    HB_TRY(table->conn->layout->write_sides(table, writer->batch, row, slot, existed, err));
    sqlite_derived_write(table, slot, !existed, writer->batch, row);
    return HB_OK;
}

static hb_status writer_rows(row_writer *writer, uint32_t *clash_row, hb_err *err) {
    for (uint32_t row = 0; row < writer->batch->row_count; row++) {
        bool clash = false;
        HB_TRY(writer_row(writer, row, &clash, err));
        if (clash) {
            *clash_row = row;
            return HB_OK;
        }
    }
    *clash_row = HB_FIELD_NONE;
    return HB_OK;
}

/* ---- unique constraints ---------------------------------------------------------------------- */

/* Who holds the values that `row` wants, for the message. False: not this constraint. */
static bool clash_holder(const row_writer *writer, uint32_t row, const uint32_t *places,
                         hb_arena *arena, hb_str *holder) {
    sqlite_table *table = writer->table;
    hb_sql sql;
    hb_sql_init(&sql, &hb_dialect_sqlite, table->conn->mem, NULL);
    hb_sql_add(&sql, "SELECT object_id FROM ");
    hb_sql_ident(&sql, table->name);
    hb_sql_add(&sql, " WHERE object_id <> ");
    hb_value id = hb_column_get(&writer->batch->columns[0], row);
    hb_sql_param_add(&sql, &id);
    for (; *places != HB_FIELD_NONE; places++) {
        hb_value value = hb_column_get(&writer->batch->columns[*places], row);
        hb_sql_add(&sql, " AND ");
        hb_sql_ident(&sql, table->columns[*places]);
        hb_sql_add(&sql, " = ");
        hb_sql_param_add(&sql, &value);
    }
    sqlite3_stmt *stmt = NULL;
    bool found = false;
    if (sqlite_borrow(table->conn, &sql, &stmt, NULL) == HB_OK) {
        found = sqlite3_step(stmt) == SQLITE_ROW;
        if (found) *holder = hb_arena_str(arena, sqlite_text_at(stmt, 0));
        sqlite_return(table->conn, stmt);
    }
    hb_sql_free(&sql);
    return found && holder->ptr != NULL;
}

static hb_status clash_error(const row_writer *writer, uint32_t row, hb_arena *arena, hb_err *err) {
    const sqlite_table *table = writer->table;
    const hb_schema *schema = table->container->schema;
    hb_str id = hb_column_span(&writer->batch->columns[0], row), holder = HB_STR_EMPTY,
           names = HB_STR_EMPTY;
    for (uint32_t u = 0; u < table->unique_count; u++) {
        const uint32_t *places = table->uniques[u];
        if (!clash_holder(writer, row, places, arena, &holder)) continue;
        for (; *places != HB_FIELD_NONE && names.ptr != NULL; places++) {
            hb_str name = schema->fields[table->container->fields[*places].field].name;
            names = hb_arena_printf(arena, "%.*s%s%.*s", HB_ARG(names), names.len > 0 ? ", " : "",
                                    HB_ARG(name));
        }
        break;
    }
    hb_err_set(err, HB_E_UNIQUE,
               "unique constraint on %.*s(%.*s): object_ids '%.*s' and '%.*s' have the same value",
               HB_ARG(schema->entity_id), HB_ARG(names), HB_ARG(holder), HB_ARG(id));
    if (err != NULL) strncpy(err->native, "SQLITE_CONSTRAINT", sizeof(err->native) - 1);
    return hb_err_where(err, schema->entity_id, HB_STR_EMPTY, table->conn->instance->name);
}

static void write_nulls(const sqlite_table *table, hb_sql *sql) {
    hb_sql_add(sql, "UPDATE ");
    hb_sql_ident(sql, table->target);
    hb_sql_add(sql, " SET ");
    bool first = true;
    for (uint32_t u = 0; u < table->unique_count; u++) {
        for (const uint32_t *place = table->uniques[u]; *place != HB_FIELD_NONE; place++) {
            if (!first) hb_sql_add(sql, ", ");
            hb_sql_ident(sql, table->stored[*place]);
            hb_sql_add(sql, " = NULL");
            first = false;
        }
    }
}

/* A batch may pass unique values from row to row; SQLite checks after each row. So the old values
 * of all rows of the batch are taken away first, and the batch is written again. */
static hb_status uniques_set_free(const row_writer *writer, hb_err *err) {
    sqlite_table *table = writer->table;
    sqlite_derived_forget(table); /* it saw rows of the first attempt */
    HB_TRY(sqlite_run(table->conn, "ROLLBACK TO hb_write", err));
    hb_sql sql = sqlite_ddl(table->conn, "");
    if (table->conn->layout->keyed_by_id) {
        hb_sql_add(&sql, "DELETE FROM "); /* a unique field may be required there */
        hb_sql_ident(&sql, table->target);
    } else {
        write_nulls(table, &sql);
    }
    hb_sql_add(&sql, " WHERE object_id = ?");
    sqlite3_stmt *stmt = NULL;
    HB_TRY(sqlite_ddl_prepare(table->conn, &stmt, &sql, err));
    hb_status status = HB_OK;
    for (uint32_t row = 0; row < writer->batch->row_count && status == HB_OK; row++) {
        sqlite_bind_str(stmt, 1, hb_column_span(&writer->batch->columns[0], row));
        status = sqlite_step_done(table->conn, stmt, err);
    }
    sqlite3_finalize(stmt);
    return status;
}

static hb_status writer_unique_rows(row_writer *writer, hb_arena *arena, hb_err *err) {
    sqlite_conn *conn = writer->table->conn;
    uint32_t clash_row;
    HB_TRY(sqlite_run(conn, "SAVEPOINT hb_write", err));
    HB_TRY(writer_rows(writer, &clash_row, err));
    if (clash_row != HB_FIELD_NONE) {
        HB_TRY(uniques_set_free(writer, err));
        HB_TRY(writer_rows(writer, &clash_row, err));
        if (clash_row != HB_FIELD_NONE) return clash_error(writer, clash_row, arena, err);
    }
    return sqlite_run(conn, "RELEASE hb_write", err);
}

/* ---- the fragments --------------------------------------------------------------------------- */

/* The highest slot, 0 in an empty table; INT64_MAX when it cannot be told. */
static int64_t slot_last(sqlite_table *table) {
    hb_sql sql;
    hb_sql_init(&sql, &hb_dialect_sqlite, table->conn->mem, NULL);
    hb_sql_add(&sql, "SELECT coalesce(max(slot), 0) FROM ");
    hb_sql_ident(&sql, table->name);
    sqlite3_stmt *stmt = NULL;
    int64_t last = INT64_MAX;
    if (sqlite_borrow(table->conn, &sql, &stmt, NULL) == HB_OK) {
        if (sqlite3_step(stmt) == SQLITE_ROW) last = sqlite3_column_int64(stmt, 0);
        sqlite_return(table->conn, stmt);
    }
    hb_sql_free(&sql);
    return last;
}

static hb_status write_batch(sqlite_table *table, hb_job *job, bool all_new, hb_err *err) {
    row_writer writer;
    hb_status status = writer_init(&writer, table, job->fragment->batch, all_new, job->arena, err);
    if (status == HB_OK && table->unique_count > 0) {
        status = writer_unique_rows(&writer, job->arena, err);
    } else if (status == HB_OK) {
        uint32_t clash_row;
        status = writer_rows(&writer, &clash_row, err);
    }
    sqlite3_clear_bindings(table->upsert);
    hb_buf_free(&writer.text);
    return status;
}

static hb_status write_body(sqlite_table *table, hb_job *job, hb_err *err) {
    HB_TRY(writer_statements(table, err));
    HB_TRY(find_prepare(table, err));
    /* Without slots to follow, what a search without index left behind is old. */
    if (!table->tracks_slots) sqlite_derived_forget(table);
    const uint32_t row_count = job->fragment->batch->row_count;
    if (row_count < BULK_ROWS_MIN) return write_batch(table, job, false, err);
    /* Sorting a whole index costs about a quarter of adding its entries one by one. */
    const int64_t last = slot_last(table);
    const bool bulk = last <= 2 * (int64_t)row_count;
    if (bulk) HB_TRY(sqlite_indexes_drop(table, err));
    HB_TRY(write_batch(table, job, last == 0, err));
    return bulk ? sqlite_indexes_make(table, err) : HB_OK;
}

hb_status sqlite_write(hb_job *job, hb_err *err) {
    sqlite_table *table;
    HB_TRY(sqlite_table_need(job->instance, job->fragment->container, &table, err));
    return sqlite_in_tx(table, job, write_body, err);
}

static hb_status delete_one(sqlite_table *table, hb_str id, bool *existed, hb_err *err) {
    int64_t slot;
    HB_TRY(find_slot(table, id, &slot, err));
    *existed = slot != 0;
    if (slot == 0) return HB_OK;
    HB_TRY(table->conn->layout->remove_sides(table, id, slot, err));
    sqlite3_bind_int64(table->remove, 1, slot);
    HB_TRY(sqlite_step_done(table->conn, table->remove, err));
    sqlite_derived_remove(table, slot);
    return HB_OK;
}

static hb_status delete_body(sqlite_table *table, hb_job *job, hb_err *err) {
    const hb_ids *ids = job->fragment->ids;
    HB_TRY(writer_statements(table, err));
    HB_TRY(find_prepare(table, err));
    if (table->remove == NULL) {
        hb_sql sql;
        hb_sql_init(&sql, &hb_dialect_sqlite, table->conn->mem, NULL);
        hb_sql_add(&sql, "DELETE FROM ");
        hb_sql_ident(&sql, table->target);
        hb_sql_add(&sql, " WHERE rowid = ?");
        HB_TRY(sqlite_ddl_prepare(table->conn, &table->remove, &sql, err));
    }
    HB_TRY(hb_rowset_init(&job->out, job->mem, 1, err));
    hb_rowset_column(&job->out, 0, HB_STR("existed"), HB_KIND_BOOL, 0);
    for (uint32_t i = 0; i < ids->count; i++) {
        hb_value existed = { .kind = HB_KIND_BOOL };
        HB_TRY(delete_one(table, ids->ids[i], &existed.as.b, err));
        if (!hb_colbuf_add(&job->out.columns[0], &existed)) return hb_err_memory(err);
    }
    job->out.row_count = ids->count;
    return HB_OK;
}

hb_status sqlite_delete(hb_job *job, hb_err *err) {
    sqlite_table *table;
    HB_TRY(sqlite_table_need(job->instance, job->fragment->container, &table, err));
    return sqlite_in_tx(table, job, delete_body, err);
}
