// SPDX-License-Identifier: MIT
/* Which layout a file has. */
#include "backends/sqlite/layout.h"

static const sqlite_layout *const layouts[] = { &sqlite_layout_own, &sqlite_layout_python };
#define LAYOUTS (sizeof(layouts) / sizeof(layouts[0]))

/* Our tables come first: Python may have added its own to a file of ours. Python's are known by the
 * key that every one of them has. */
static hb_status layout_of_file(sqlite_conn *conn, const sqlite_layout **out, hb_err *err) {
    static const char probe[] =
        "SELECT EXISTS (SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = "
        "'hb_meta'),"
        " EXISTS (SELECT 1 FROM main.sqlite_schema s JOIN pragma_table_info(s.name) c"
        "  WHERE s.type = 'table' AND s.name NOT LIKE 'sqlite~_%' ESCAPE '~'"
        "  AND c.name = 'object_id' AND c.type = 'VARCHAR(63)' AND c.pk = 1)";
    sqlite3_stmt *stmt = NULL;
    HB_TRY(sqlite_prepare(conn, hb_str_c(probe), &stmt, err));
    int rc = sqlite3_step(stmt);
    *out = NULL;
    if (rc == SQLITE_ROW) {
        if (sqlite3_column_int(stmt, 0) != 0) {
            *out = &sqlite_layout_own;
        } else if (sqlite3_column_int(stmt, 1) != 0) {
            *out = &sqlite_layout_python;
        }
    }
    sqlite3_finalize(stmt);
    return rc == SQLITE_ROW ? HB_OK : sqlite_fail(conn, rc, err);
}

static hb_status layout_of_option(sqlite_conn *conn, const sqlite_layout **out, hb_err *err) {
    hb_str name = hb_instance_text(conn->instance, "layout");
    *out = NULL;
    if (name.len == 0) return HB_OK;
    for (size_t i = 0; i < LAYOUTS; i++) {
        if (hb_str_eq(name, hb_str_c(layouts[i]->name))) *out = layouts[i];
    }
    if (*out != NULL) return HB_OK;
    hb_err_set(err, HB_E_TYPE, "option 'layout' is 'own' or 'python', not '%.*s'", HB_ARG(name));
    return hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, conn->instance->name);
}

hb_status sqlite_layout_choose(sqlite_conn *conn, hb_err *err) {
    const sqlite_layout *wanted, *found;
    HB_TRY(layout_of_option(conn, &wanted, err));
    HB_TRY(layout_of_file(conn, &found, err));
    if (wanted != NULL && found != NULL && wanted != found) {
        hb_err_set(err, HB_E_REFUSED, "the file has layout '%s', and option 'layout' asks for '%s'",
                   found->name, wanted->name);
        return hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, conn->instance->name);
    }
    conn->layout = found != NULL ? found : wanted != NULL ? wanted : &sqlite_layout_own;
    return HB_OK;
}
