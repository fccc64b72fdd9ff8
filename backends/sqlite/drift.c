// SPDX-License-Identifier: MIT
/* Tables that are not what was made: told by name, and mended on request. */
#include "backends/sqlite/layout.h"
#include "base/format.h"

hb_status sqlite_drift(const sqlite_table *table, hb_str path, hb_str field, bool *go_on,
                       hb_err *err, const char *format, ...) {
    const sqlite_conn *conn = table->conn;
    const sqlite_checker *checker = conn->checker;
    char reason[200];
    va_list args;
    va_start(args, format);
    hb_format_list(reason, sizeof(reason), format, args);
    va_end(args);
    *go_on = false;
    if (checker == NULL) {
        /* A table that was there before the entity is somebody's: no repair must change its type.
         */
        const char *remedy = table->container->made
                                 ? "audit() names all that differs, repair() mends it"
                                 : "declare the field with the type that its column has, then "
                                   "alterEntity gives it another";
        hb_err_set(err, HB_E_SCHEMA_DRIFT, "table '%.*s': %s; %s", HB_ARG(path), reason, remedy);
        return hb_err_where(err, table->container->schema->entity_id, field, conn->instance->name);
    }
    *go_on = checker->fix;
    *checker->count += 1;
    *checker->drifts += 1;
    const hb_finding finding = { .kind = "drift",
                                 .path = path,
                                 .field = field,
                                 .reason = hb_str_c(reason),
                                 .fixed = checker->fix };
    return checker->sink(checker->arg, &finding, err);
}

hb_status sqlite_drift_stop(const sqlite_table *table, hb_err *err) {
    const sqlite_checker *checker = table->conn->checker;
    if (checker == NULL || checker->fix || *checker->drifts == 0) return HB_OK;
    return hb_err_set(err, HB_E_SCHEMA_DRIFT, "the tables are not what was made");
}

hb_status sqlite_column_type(sqlite_conn *conn, hb_str table, hb_str column, hb_arena *arena,
                             hb_str *out, hb_err *err) {
    static const char text[] = "SELECT type FROM pragma_table_info(?1, 'main')"
                               " WHERE name = ?2 COLLATE NOCASE";
    hb_sql sql = sqlite_ddl(conn, text);
    sqlite3_stmt *stmt;
    *out = (hb_str){ NULL, 0 };
    hb_status status = sqlite_borrow(conn, &sql, &stmt, err);
    hb_sql_free(&sql);
    HB_TRY(status);
    sqlite_bind_str(stmt, 1, table);
    sqlite_bind_str(stmt, 2, column);
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        *out = hb_arena_str(arena, sqlite_text_at(stmt, 0));
        if (out->ptr == NULL) status = hb_err_memory(err);
    } else if (rc != SQLITE_DONE) {
        status = sqlite_fail(conn, rc, err);
    }
    sqlite_return(conn, stmt);
    return status;
}

hb_status sqlite_drift_keys(const sqlite_table *table, hb_arena *arena, hb_err *err) {
    static const char *const keys[] = { "slot", "object_id" };
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        hb_str type;
        bool mend;
        HB_TRY(sqlite_column_type(table->conn, table->name, hb_str_c(keys[i]), arena, &type, err));
        if (type.ptr != NULL) continue;
        HB_TRY(sqlite_drift(table, table->name, HB_STR_EMPTY, &mend, err, "column '%s' is gone",
                            keys[i]));
        return hb_err_set(err, HB_E_SCHEMA_DRIFT, "the table has lost its key");
    }
    return HB_OK;
}

/* What of the old value `v` is kept; a number also when it was written as its text. */
static const char *kept_value(hb_kind kind) {
    switch (kind) {
    case HB_KIND_BOOL:
    case HB_KIND_I64:
        return "CASE WHEN CAST(CAST(v AS INTEGER) AS TEXT) = CAST(v AS TEXT)"
               " THEN CAST(v AS INTEGER) END";
    case HB_KIND_F64:
        return "CASE WHEN typeof(v) IN ('integer', 'real')"
               " OR CAST(CAST(v AS REAL) AS TEXT) = v OR CAST(CAST(v AS INTEGER) AS TEXT) = v"
               " THEN CAST(v AS REAL) END";
    case HB_KIND_TEXT: return "CASE WHEN typeof(v) <> 'blob' THEN CAST(v AS TEXT) END";
    case HB_KIND_PACK: return "CASE WHEN typeof(v) = 'text' THEN v END";
    case HB_KIND_BYTES:
    case HB_KIND_VEC: return "CASE WHEN typeof(v) = 'blob' THEN v END";
    case HB_KIND_NULL:
    case HB_KIND_COUNT: break;
    }
    return "NULL";
}

hb_status sqlite_column_retype(sqlite_conn *conn, hb_str table, hb_str column, hb_kind kind,
                               hb_err *err) {
    const hb_str old = HB_STR("~retyped");
    HB_TRY(sqlite_ddl_column(conn, table, " RENAME COLUMN ", column, " TO \"~retyped\"", err));
    HB_TRY(sqlite_ddl_column_add(conn, table, column, kind, err));
    hb_sql sql = sqlite_ddl(conn, "UPDATE ");
    hb_sql_ident(&sql, table);
    hb_sql_add(&sql, " SET ");
    hb_sql_ident(&sql, column);
    hb_sql_add(&sql, " = (SELECT ");
    hb_sql_add(&sql, kept_value(kind));
    hb_sql_add(&sql, " FROM (SELECT \"~retyped\" AS v))");
    HB_TRY(sqlite_ddl_run(conn, &sql, err));
    return sqlite_ddl_column(conn, table, " DROP COLUMN ", old, "", err);
}
