// SPDX-License-Identifier: MIT
/* The small key-value store beside the tables, per workspace. */
#include "backends/sqlite/layout.h"

static hb_status meta_start(hb_instance *instance, const char *text, hb_str key, hb_sql *sql,
                            sqlite3_stmt **stmt, hb_err *err) {
    sqlite_conn *conn = instance->state;
    HB_TRY(sqlite_lease_enter(conn, err));
    hb_sql_init(sql, &hb_dialect_sqlite, conn->mem, NULL);
    for (const char *at = text; *at != '\0'; at++) {   /* $ is the table */
        if (*at == '$') {
            hb_sql_add(sql, conn->layout->meta);
        } else {
            hb_buf_add_char(&sql->text, *at);
        }
    }
    hb_status status = sqlite_borrow(conn, sql, stmt, err);
    hb_sql_free(sql);
    if (status != HB_OK) return sqlite_lease_explain(conn, status, err);
    sqlite_bind_str(*stmt, 1, instance->workspace_id);
    sqlite_bind_str(*stmt, 2, key);
    return HB_OK;
}

static hb_status meta_finish(hb_instance *instance, sqlite3_stmt *stmt, int rc, hb_err *err) {
    sqlite_conn *conn = instance->state;
    sqlite_return(conn, stmt);
    if (rc == SQLITE_DONE || rc == SQLITE_ROW) return HB_OK;
    return sqlite_lease_explain(conn, sqlite_fail(conn, rc, err), err);
}

hb_status sqlite_meta_put(hb_instance *instance, hb_str key, hb_str value, hb_err *err) {
    hb_sql sql;
    sqlite3_stmt *stmt;
    HB_TRY(meta_start(instance, "INSERT OR REPLACE INTO $ (ws, key, value) VALUES (?, ?, ?)", key,
                      &sql, &stmt, err));
    sqlite3_bind_blob(stmt, 3, value.len > 0 ? value.ptr : "", (int)value.len, SQLITE_STATIC);
    return meta_finish(instance, stmt, sqlite3_step(stmt), err);
}

hb_status sqlite_meta_get(hb_instance *instance, hb_str key, hb_arena *arena, hb_str *value,
                          hb_err *err) {
    hb_sql sql;
    sqlite3_stmt *stmt;
    *value = (hb_str){ NULL, 0 };
    HB_TRY(meta_start(instance, "SELECT value FROM $ WHERE ws = ? AND key = ?", key, &sql, &stmt,
                      err));
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        hb_str stored = { sqlite3_column_blob(stmt, 0), (uint32_t)sqlite3_column_bytes(stmt, 0) };
        *value = hb_arena_str(arena, stored.ptr != NULL ? stored : HB_STR_EMPTY);
    }
    hb_status status = meta_finish(instance, stmt, rc, err);
    return status == HB_OK && rc == SQLITE_ROW && value->ptr == NULL ? hb_err_memory(err) : status;
}

hb_status sqlite_meta_delete(hb_instance *instance, hb_str key, hb_err *err) {
    hb_sql sql;
    sqlite3_stmt *stmt;
    HB_TRY(meta_start(instance, "DELETE FROM $ WHERE ws = ? AND key = ?", key, &sql, &stmt, err));
    return meta_finish(instance, stmt, sqlite3_step(stmt), err);
}

hb_status sqlite_meta_list(hb_instance *instance, hb_str prefix, hb_arena *arena, hb_str **keys,
                           uint32_t *count, hb_err *err) {
    hb_sql sql;
    sqlite3_stmt *stmt;
    uint32_t cap = 16, used = 0;
    hb_str *list = hb_arena_array(arena, cap, sizeof(*list));
    if (list == NULL) return hb_err_memory(err);
    HB_TRY(meta_start(instance, "SELECT key FROM $ WHERE ws = ? AND key >= ? ORDER BY key", prefix,
                      &sql, &stmt, err));
    int rc;
    bool lost = false;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW && !lost) {
        hb_str key = sqlite_text_at(stmt, 0);
        if (!hb_str_starts(key, prefix)) break;
        if (used == cap) {
            hb_str *grown = hb_arena_array(arena, (size_t)cap * 2, sizeof(*list));
            if (grown == NULL) {
                lost = true;
                break;
            }
            memcpy(grown, list, cap * sizeof(*list));
            list = grown;
            cap *= 2;
        }
        list[used] = hb_arena_str(arena, key);
        lost = list[used++].ptr == NULL;
    }
    *keys = list;
    *count = used;
    hb_status status = meta_finish(instance, stmt, rc, err);
    return status == HB_OK && lost ? hb_err_memory(err) : status;
}
