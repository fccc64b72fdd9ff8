// SPDX-License-Identifier: MIT
#include "backends/sqlite/layout.h"
#include "base/format.h"

hb_sql sqlite_ddl(const sqlite_conn *conn, const char *words) {
    hb_sql sql;
    hb_sql_init(&sql, &hb_dialect_sqlite, conn->mem, NULL);
    hb_sql_add(&sql, words);
    return sql;
}

void sqlite_ddl_text(hb_sql *sql, const char *before, hb_str text) {
    hb_value value = { .kind = HB_KIND_TEXT };
    value.as.s = text;
    hb_sql_add(sql, before);
    hb_sql_param_add(sql, &value);
}

void sqlite_ddl_int(hb_sql *sql, const char *before, int64_t number) {
    hb_value value = { .kind = HB_KIND_I64 };
    value.as.i = number;
    hb_sql_add(sql, before);
    hb_sql_param_add(sql, &value);
}

hb_status sqlite_ddl_run(sqlite_conn *conn, hb_sql *sql, hb_err *err) {
    hb_status status = hb_sql_check(sql, err);
    sqlite3_stmt *stmt = NULL;
    if (status == HB_OK) status = sqlite_prepare(conn, hb_sql_text(sql), &stmt, err);
    if (status == HB_OK) {
        for (uint32_t i = 0; i < sql->param_count; i++) {
            sqlite_bind_value(stmt, (int)i + 1, &sql->params[i].value);
        }
        int rc = sqlite3_step(stmt);
        if (rc != SQLITE_DONE && rc != SQLITE_ROW) status = sqlite_fail(conn, rc, err);
    }
    sqlite3_finalize(stmt);
    hb_sql_free(sql);
    return status;
}

hb_status sqlite_ddl_name(sqlite_conn *conn, const char *words, hb_str name, hb_err *err) {
    hb_sql sql = sqlite_ddl(conn, words);
    hb_sql_ident(&sql, name);
    return sqlite_ddl_run(conn, &sql, err);
}

hb_status sqlite_ddl_column(sqlite_conn *conn, hb_str table, const char *words, hb_str column,
                            const char *tail, hb_err *err) {
    hb_sql sql = sqlite_ddl(conn, "ALTER TABLE main.");
    hb_sql_ident(&sql, table);
    hb_sql_add(&sql, words);
    hb_sql_ident(&sql, column);
    hb_sql_add(&sql, tail);
    return sqlite_ddl_run(conn, &sql, err);
}

hb_status sqlite_ddl_column_add(sqlite_conn *conn, hb_str table, hb_str column, hb_kind kind,
                                hb_err *err) {
    char type[24];
    hb_format(type, sizeof(type), " %s", hb_dialect_sqlite.types[kind]);
    return sqlite_ddl_column(conn, table, " ADD COLUMN ", column, type, err);
}

hb_status sqlite_ddl_has(sqlite_conn *conn, const char *what, hb_str name, bool *there,
                         hb_err *err) {
    sqlite3_stmt *stmt = NULL;
    HB_TRY(sqlite_prepare(
        conn, HB_STR("SELECT 1 FROM main.sqlite_schema WHERE type = ? AND name = ?"), &stmt, err));
    sqlite_bind_str(stmt, 1, hb_str_c(what));
    sqlite_bind_str(stmt, 2, name);
    int rc = sqlite3_step(stmt);
    sqlite3_finalize(stmt);
    *there = rc == SQLITE_ROW;
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? HB_OK : sqlite_fail(conn, rc, err);
}

hb_status sqlite_ddl_prepare(sqlite_conn *conn, sqlite3_stmt **out, hb_sql *sql, hb_err *err) {
    hb_status status = hb_sql_check(sql, err);
    if (status == HB_OK) status = sqlite_prepare(conn, hb_sql_text(sql), out, err);
    hb_sql_free(sql);
    return status;
}

hb_status sqlite_ddl_select_given(const sqlite_table *table, const char *key, uint32_t place,
                                  sqlite3_stmt **out, hb_err *err) {
    hb_sql sql = sqlite_ddl(table->conn, "SELECT ");
    hb_sql_add(&sql, key);
    hb_sql_add(&sql, ", ");
    hb_sql_ident(&sql, table->columns[place]);
    hb_sql_add(&sql, " FROM ");
    hb_sql_ident(&sql, table->name);
    hb_sql_add(&sql, " WHERE ");
    hb_sql_ident(&sql, table->columns[place]);
    hb_sql_add(&sql, " IS NOT NULL");
    return sqlite_ddl_prepare(table->conn, out, &sql, err);
}

hb_status sqlite_step_done(sqlite_conn *conn, sqlite3_stmt *stmt, hb_err *err) {
    int rc = sqlite3_step(stmt);
    sqlite3_reset(stmt);
    return rc == SQLITE_DONE ? HB_OK : sqlite_fail(conn, rc, err);
}
