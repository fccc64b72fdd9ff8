// SPDX-License-Identifier: MIT
/* Writing rows: one prepared upsert per row that keeps the slot, item tables and memory indexes in
 * step with it. Everything here runs inside one transaction. */
#include "backends/sqlite/sqlite_priv.h"

#define BULK_ROWS_MIN 4096u /* batches below never have the secondary indexes made anew */

typedef struct row_writer {
    sqlite_table *table;
    const hb_batch *batch;
    hb_buf json;                /* JSON texts of the current row */
    hb_str *texts;              /* by column: where in `json`; .len 0 means none */
    bool has_json;
} row_writer;

static hb_status writer_prepare(sqlite_table *table, sqlite3_stmt **slot, hb_sql *sql,
                                hb_err *err) {
    hb_status status = hb_sql_check(sql, err);
    if (status == HB_OK) status = sqlite_prepare(table->conn, hb_sql_text(sql), slot, err);
    hb_sql_free(sql);
    return status;
}

static hb_status side_prepare(sqlite_table *table, uint32_t place, hb_err *err) {
    if (table->sides[place].len == 0 || table->side_add[place] != NULL) return HB_OK;
    hb_sql sql;
    hb_sql_init(&sql, &hb_dialect_sqlite, table->conn->mem, NULL);
    hb_sql_add(&sql, "INSERT INTO ");
    hb_sql_ident(&sql, table->sides[place]);
    hb_sql_add(&sql, " (slot, idx, item) VALUES (?, ?, ?)");
    HB_TRY(writer_prepare(table, &table->side_add[place], &sql, err));
    hb_sql_init(&sql, &hb_dialect_sqlite, table->conn->mem, NULL);
    hb_sql_add(&sql, "DELETE FROM ");
    hb_sql_ident(&sql, table->sides[place]);
    hb_sql_add(&sql, " WHERE slot = ?");
    return writer_prepare(table, &table->side_remove[place], &sql, err);
}

static hb_status writer_statements(sqlite_table *table, hb_err *err) {
    if (table->upsert != NULL) return HB_OK;
    for (uint32_t i = 0; i < table->container->field_count; i++) {
        HB_TRY(side_prepare(table, i, err));
    }
    hb_sql sql;
    hb_sql_init(&sql, &hb_dialect_sqlite, table->conn->mem, NULL);
    hb_sql_upsert(&sql, table->name, table->columns, table->container->field_count, table->cleared,
                  table->cleared_count);
    return writer_prepare(table, &table->upsert, &sql, err);
}

static hb_status find_prepare(sqlite_table *table, hb_err *err) {
    if (table->find != NULL) return HB_OK;
    hb_sql sql;
    hb_sql_init(&sql, &hb_dialect_sqlite, table->conn->mem, NULL);
    hb_sql_add(&sql, "SELECT slot FROM ");
    hb_sql_ident(&sql, table->name);
    hb_sql_add(&sql, " WHERE object_id = ?");
    return writer_prepare(table, &table->find, &sql, err);
}

/* *slot is 0 when there is no such row: SQLite's own rowids start at 1. */
static hb_status find_slot(sqlite_table *table, hb_str id, int64_t *slot, hb_err *err) {
    sqlite_bind_str(table->find, 1, id);
    int rc = sqlite3_step(table->find);
    *slot = rc == SQLITE_ROW ? sqlite3_column_int64(table->find, 0) : 0;
    sqlite3_reset(table->find);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? HB_OK : sqlite_fail(table->conn, rc, err);
}

static hb_status step_done(sqlite_table *table, sqlite3_stmt *stmt, hb_err *err) {
    int rc = sqlite3_step(stmt);
    sqlite3_reset(stmt);
    return rc == SQLITE_DONE ? HB_OK : sqlite_fail(table->conn, rc, err);
}

/* ---- item tables ----------------------------------------------------------------------------- */

static bool bind_item(sqlite3_stmt *stmt, int at, const hb_pack_item *item) {
    switch (item->tag) {
    case HB_PACK_BOOL: return sqlite3_bind_int(stmt, at, item->b ? 1 : 0) == SQLITE_OK;
    case HB_PACK_INT: return sqlite3_bind_int64(stmt, at, item->i) == SQLITE_OK;
    case HB_PACK_FLOAT: return sqlite3_bind_double(stmt, at, item->f) == SQLITE_OK;
    case HB_PACK_STR: return sqlite_bind_str(stmt, at, item->s) == SQLITE_OK;
    case HB_PACK_NIL:
    case HB_PACK_UINT64:
    case HB_PACK_BIN:
    case HB_PACK_ARRAY:
    case HB_PACK_MAP:
    case HB_PACK_EXT: break;
    }
    return false; /* nothing that an operand of the item's type could be equal to */
}

static hb_status side_add(sqlite_table *table, uint32_t place, int64_t slot, hb_str pack,
                          hb_err *err) {
    sqlite3_stmt *stmt = table->side_add[place];
    hb_pack_reader reader = hb_pack_read(pack);
    hb_pack_item item;
    if (!hb_pack_next(&reader, &item) || item.tag != HB_PACK_ARRAY) return HB_OK;
    uint32_t count = item.count;
    sqlite3_bind_int64(stmt, 1, slot);
    for (uint32_t i = 0; i < count && hb_pack_next(&reader, &item); i++) {
        if (item.tag == HB_PACK_ARRAY || item.tag == HB_PACK_MAP) {
            return hb_err_set(err, HB_E_INTERNAL, "a nested item in an array of scalars");
        }
        if (!bind_item(stmt, 3, &item)) continue;
        sqlite3_bind_int64(stmt, 2, i);
        HB_TRY(step_done(table, stmt, err));
    }
    return HB_OK;
}

static hb_status sides_remove(sqlite_table *table, int64_t slot, hb_err *err) {
    for (uint32_t i = 0; i < table->container->field_count; i++) {
        if (table->sides[i].len == 0) continue;
        sqlite3_bind_int64(table->side_remove[i], 1, slot);
        HB_TRY(step_done(table, table->side_remove[i], err));
    }
    return HB_OK;
}

static hb_status side_rebuild_rows(sqlite_table *table, uint32_t place, sqlite3_stmt *rows,
                                   hb_err *err) {
    hb_buf pack;
    hb_buf_init(&pack, table->conn->mem);
    hb_status status = HB_OK;
    int rc = SQLITE_DONE;
    while (status == HB_OK && (rc = sqlite3_step(rows)) == SQLITE_ROW) {
        hb_value value;
        status = sqlite_read_value(sqlite3_column_value(rows, 1), HB_KIND_PACK, &pack, NULL, &value,
                                   err);
        if (status == HB_OK) {
            status = side_add(table, place, sqlite3_column_int64(rows, 0), value.as.s, err);
        }
    }
    hb_buf_free(&pack);
    if (status != HB_OK) return status;
    return rc == SQLITE_DONE ? HB_OK : sqlite_fail(table->conn, rc, err);
}

hb_status sqlite_side_rebuild(sqlite_table *table, uint32_t place, hb_err *err) {
    hb_sql sql;
    hb_sql_init(&sql, &hb_dialect_sqlite, table->conn->mem, NULL);
    hb_sql_add(&sql, "SELECT slot, ");
    hb_sql_ident(&sql, table->columns[place]);
    hb_sql_add(&sql, " FROM ");
    hb_sql_ident(&sql, table->name);
    hb_sql_add(&sql, " WHERE ");
    hb_sql_ident(&sql, table->columns[place]);
    hb_sql_add(&sql, " IS NOT NULL");
    sqlite3_stmt *rows = NULL;
    HB_TRY(writer_prepare(table, &rows, &sql, err));
    hb_status status = side_prepare(table, place, err);
    if (status == HB_OK) status = side_rebuild_rows(table, place, rows, err);
    sqlite3_finalize(rows);
    return status;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static hb_status writer_init(row_writer *writer, sqlite_table *table, const hb_batch *batch,
                             hb_arena *arena, hb_err *err) {
    HB_ASSERT(batch->column_count == table->container->field_count);
    *writer = (row_writer){ .table = table, .batch = batch };
    hb_buf_init(&writer->json, table->conn->mem);
    for (uint32_t i = 0; i < batch->column_count; i++) {
        if (batch->columns[i].kind == HB_KIND_PACK) writer->has_json = true;
    }
    writer->texts = HB_NEW_ARRAY(arena, hb_str, batch->column_count);
    return writer->texts != NULL ? HB_OK : hb_err_memory(err);
}

/* The JSON texts of a row, made before binding because the buffer moves while it grows. */
static hb_status writer_json(row_writer *writer, uint32_t row, hb_err *err) {
    hb_buf_clear(&writer->json);
    for (uint32_t i = 0; i < writer->batch->column_count; i++) {
        const hb_column *column = &writer->batch->columns[i];
        if (column->kind != HB_KIND_PACK || hb_column_cell(column, row) != HB_CELL_VALUE) continue;
        uint32_t start = writer->json.len;
        HB_TRY(hb_pack_to_json(hb_column_span(column, row), 0, false, &writer->json, err));
        writer->texts[i].len = writer->json.len - start;
    }
    HB_TRY(hb_buf_check(&writer->json, err));
    uint32_t at = 0;
    for (uint32_t i = 0; i < writer->batch->column_count; i++) {
        const hb_column *column = &writer->batch->columns[i];
        if (column->kind != HB_KIND_PACK || hb_column_cell(column, row) != HB_CELL_VALUE) continue;
        writer->texts[i].ptr = writer->json.ptr + at;
        at += writer->texts[i].len;
    }
    return HB_OK;
}

static int writer_bind(const row_writer *writer, uint32_t row) {
    sqlite3_stmt *stmt = writer->table->upsert;
    for (uint32_t i = 0; i < writer->batch->column_count; i++) {
        hb_value value = hb_column_get(&writer->batch->columns[i], row);
        int rc = value.kind == HB_KIND_PACK ? sqlite_bind_str(stmt, (int)i + 1, writer->texts[i])
                                            : sqlite_bind_value(stmt, (int)i + 1, &value);
        if (rc != SQLITE_OK) return rc;
    }
    return SQLITE_OK;
}

static hb_status writer_sides(const row_writer *writer, uint32_t row, int64_t slot, bool existed,
                              hb_err *err) {
    sqlite_table *table = writer->table;
    if (existed) HB_TRY(sides_remove(table, slot, err));
    for (uint32_t i = 0; i < writer->batch->column_count; i++) {
        const hb_column *column = &writer->batch->columns[i];
        if (table->sides[i].len == 0 || hb_column_cell(column, row) != HB_CELL_VALUE) continue;
        HB_TRY(side_add(table, i, slot, hb_column_span(column, row), err));
    }
    return HB_OK;
}

/* *clash: a unique constraint refused the row (and the status is OK). */
static hb_status writer_row(row_writer *writer, uint32_t row, bool *clash, hb_err *err) {
    sqlite_table *table = writer->table;
    int64_t slot = 0;
    if (table->tracks_slots) {
        HB_TRY(find_slot(table, hb_column_span(&writer->batch->columns[0], row), &slot, err));
    }
    if (writer->has_json) HB_TRY(writer_json(writer, row, err));
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
    HB_TRY(writer_sides(writer, row, slot, existed, err));
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
               "unique constraint on (%.*s): the value for row '%.*s' is held by row '%.*s'",
               HB_ARG(names), HB_ARG(id), HB_ARG(holder));
    if (err != NULL) strncpy(err->native, "SQLITE_CONSTRAINT", sizeof(err->native) - 1);
    return hb_err_where(err, schema->entity_id, HB_STR_EMPTY, table->conn->instance->name);
}

/* A batch may pass unique values from row to row; SQLite checks after each row. So the old values
 * of all rows of the batch are taken away first, and the batch is written again. */
static hb_status uniques_set_free(const row_writer *writer, hb_err *err) {
    sqlite_table *table = writer->table;
    sqlite_derived_forget(table); /* it saw rows of the first attempt */
    HB_TRY(sqlite_run(table->conn, "ROLLBACK TO hb_write", err));
    hb_sql sql;
    hb_sql_init(&sql, &hb_dialect_sqlite, table->conn->mem, NULL);
    hb_sql_add(&sql, "UPDATE ");
    hb_sql_ident(&sql, table->name);
    hb_sql_add(&sql, " SET ");
    bool first = true;
    for (uint32_t u = 0; u < table->unique_count; u++) {
        for (const uint32_t *place = table->uniques[u]; *place != HB_FIELD_NONE; place++) {
            if (!first) hb_sql_add(&sql, ", ");
            hb_sql_ident(&sql, table->columns[*place]);
            hb_sql_add(&sql, " = NULL");
            first = false;
        }
    }
    hb_sql_add(&sql, " WHERE object_id = ?");
    sqlite3_stmt *stmt = NULL;
    HB_TRY(writer_prepare(table, &stmt, &sql, err));
    hb_status status = HB_OK;
    for (uint32_t row = 0; row < writer->batch->row_count && status == HB_OK; row++) {
        sqlite_bind_str(stmt, 1, hb_column_span(&writer->batch->columns[0], row));
        status = step_done(table, stmt, err);
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

/* Sorting a whole index costs about a quarter of adding its entries one by one. */
static bool write_is_bulk(sqlite_table *table, uint32_t row_count) {
    if (row_count < BULK_ROWS_MIN || table->index_count == 0) return false;
    hb_sql sql;
    hb_sql_init(&sql, &hb_dialect_sqlite, table->conn->mem, NULL);
    hb_sql_add(&sql, "SELECT max(slot) FROM ");
    hb_sql_ident(&sql, table->name);
    sqlite3_stmt *stmt = NULL;
    bool bulk = false;
    if (sqlite_borrow(table->conn, &sql, &stmt, NULL) == HB_OK) {
        bulk = sqlite3_step(stmt) == SQLITE_ROW &&
               sqlite3_column_int64(stmt, 0) <= 2 * (int64_t)row_count;
        sqlite_return(table->conn, stmt);
    }
    hb_sql_free(&sql);
    return bulk;
}

static hb_status write_batch(sqlite_table *table, hb_job *job, hb_err *err) {
    row_writer writer;
    HB_TRY(writer_init(&writer, table, job->fragment->batch, job->arena, err));
    hb_status status;
    if (table->unique_count > 0) {
        status = writer_unique_rows(&writer, job->arena, err);
    } else {
        uint32_t clash_row;
        status = writer_rows(&writer, &clash_row, err);
    }
    sqlite3_clear_bindings(table->upsert);
    hb_buf_free(&writer.json);
    return status;
}

static hb_status write_body(sqlite_table *table, hb_job *job, hb_err *err) {
    HB_TRY(writer_statements(table, err));
    HB_TRY(find_prepare(table, err));
    /* Without slots to follow, what a search without index left behind is old. */
    if (!table->tracks_slots) sqlite_derived_forget(table);
    if (!write_is_bulk(table, job->fragment->batch->row_count)) return write_batch(table, job, err);
    HB_TRY(sqlite_indexes_drop(table, err));
    HB_TRY(write_batch(table, job, err));
    return sqlite_indexes_make(table, err);
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
    HB_TRY(sides_remove(table, slot, err));
    sqlite3_bind_int64(table->remove, 1, slot);
    HB_TRY(step_done(table, table->remove, err));
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
        hb_sql_ident(&sql, table->name);
        hb_sql_add(&sql, " WHERE slot = ?");
        HB_TRY(writer_prepare(table, &table->remove, &sql, err));
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
