// SPDX-License-Identifier: MIT
/* How rows lie in a file. A layout makes the tables of a container and says which names a query
 * reads and a write sets; everything else (filters, order, ranking, transactions) is the same.
 *
 *   own      our tables, described in sqlite_priv.h; the default of a new file
 *   python   the tables of HeavenBase for Python, see layout_python.c; a file that has them keeps
 *            them. Queries read them through temporary views that have the shape of our tables. */
#ifndef HB_BACKENDS_SQLITE_LAYOUT_H
#define HB_BACKENDS_SQLITE_LAYOUT_H

#include "backends/sqlite/sqlite_priv.h"

struct sqlite_layout {
    const char *name;               /* what the option "layout" calls it */
    const char *meta;               /* table of the key-value store, quoted where it must be */
    bool keyed_by_id;               /* rows of item tables name object_ids, not slots */
    bool strict;                    /* its tables are STRICT */
    /* Inside a transaction: what every file of the layout has. */
    hb_status (*prepare)(sqlite_conn *conn, hb_err *err);
    /* Inside a transaction: makes or alters the tables of table->container and fills the names,
     * forms, constraints and indexes of `table`. */
    hb_status (*make)(sqlite_table *table, hb_err *err);
    /* Inside a transaction: drops everything of the container. */
    hb_status (*clear)(sqlite_table *table, hb_err *err);
    /* Appends the text that a value of container field `place` is stored as; its form is AS_TEXT
     * and the value is not null. */
    hb_status (*add_text)(const sqlite_table *table, uint32_t place, const hb_value *value,
                          hb_buf *out, hb_err *err);
    /* After row `row` of `batch` was written to `slot`, and before a row is removed: brings the
     * rows of other tables that belong to it in step. Called only if table->tracks_slots. */
    hb_status (*write_sides)(sqlite_table *table, const hb_batch *batch, uint32_t row, int64_t slot,
                             bool existed, hb_err *err);
    hb_status (*remove_sides)(sqlite_table *table, hb_str object_id, int64_t slot, hb_err *err);
    /* Tells `sink` which rows of other tables do not follow from the rows; and, inside a
     * transaction, makes them anew. NULL: a layout that cannot tell. */
    hb_status (*check_sides)(sqlite_table *table, const sqlite_checker *checker, hb_err *err);
    hb_status (*rebuild_sides)(sqlite_table *table, hb_err *err);
};

/* Who is told what a check finds. */
struct sqlite_checker {
    hb_finding_sink *sink;
    void *arg;
    bool fix;
    uint32_t *count;                /* of what was found */
    uint32_t *drifts;               /* of these, what keeps the table from being used */
};

extern const sqlite_layout sqlite_layout_own, sqlite_layout_python;

/* The layout that the file has, or that the option "layout" asks for where it has none.
 * HB_E_REFUSED when the option names another than the file has. */
hb_status sqlite_layout_choose(sqlite_conn *conn, hb_err *err);

/* ---- ddl.c: statements that run once --------------------------------------------------------- */

hb_sql sqlite_ddl(const sqlite_conn *conn, const char *words);
void sqlite_ddl_text(hb_sql *sql, const char *before, hb_str text);     /* bound */
void sqlite_ddl_int(hb_sql *sql, const char *before, int64_t number);
/* Runs and frees. */
hb_status sqlite_ddl_run(sqlite_conn *conn, hb_sql *sql, hb_err *err);
/* "<words> <name>", as for DROP. */
hb_status sqlite_ddl_name(sqlite_conn *conn, const char *words, hb_str name, hb_err *err);
/* "ALTER TABLE <table> <words> <column> <tail>"; and " ADD COLUMN " of our type for a kind. */
hb_status sqlite_ddl_column(sqlite_conn *conn, hb_str table, const char *words, hb_str column,
                            const char *tail, hb_err *err);
hb_status sqlite_ddl_column_add(sqlite_conn *conn, hb_str table, hb_str column, hb_kind kind,
                                hb_err *err);
/* Is there a "table", an "index" of this name? */
hb_status sqlite_ddl_has(sqlite_conn *conn, const char *what, hb_str name, bool *there,
                         hb_err *err);
/* A statement of the text of `sql`, which is freed. */
hb_status sqlite_ddl_prepare(sqlite_conn *conn, sqlite3_stmt **out, hb_sql *sql, hb_err *err);
/* Yields (key, value) of the rows whose column is not null; `key` is a column of the layout. */
hb_status sqlite_ddl_select_given(const sqlite_table *table, const char *key, uint32_t place,
                                  sqlite3_stmt **out, hb_err *err);
/* Runs a statement that yields no rows and resets it. */
hb_status sqlite_step_done(sqlite_conn *conn, sqlite3_stmt *stmt, hb_err *err);

/* ---- drift.c: tables that another program changed ------------------------------------------- */

/* A table of the container is not what was made: SCHEMA_DRIFT, or told to the connection's checker.
 * *go_on: it is to be mended; else nothing must be changed. `field` may be "". */
hb_status sqlite_drift(const sqlite_table *table, hb_str path, hb_str field, bool *go_on,
                       hb_err *err, const char *format, ...) HB_PRINTF(6, 7);
/* After all of them: SCHEMA_DRIFT when the checker only wants to know. */
hb_status sqlite_drift_stop(const sqlite_table *table, hb_err *err);
/* The declared type of a column of `table`, in `arena`; .ptr NULL: there is no such column. */
hb_status sqlite_column_type(sqlite_conn *conn, hb_str table, hb_str column, hb_arena *arena,
                             hb_str *out, hb_err *err);
/* SCHEMA_DRIFT when a table of ours has lost `slot` or object_id: nothing mends that. */
hb_status sqlite_drift_keys(const sqlite_table *table, hb_arena *arena, hb_err *err);
/* A column of our own type in place of one that has another: values that fit are kept. No index
 * must be on it. */
hb_status sqlite_column_retype(sqlite_conn *conn, hb_str table, hb_str column, hb_kind kind,
                               hb_err *err);

/* ---- cells.c: values that cannot be decoded ------------------------------------------------- */

/* Tells them as "value"; with HB_CHECK_GIVE_UP, inside a transaction, makes them null. *changed:
 * some are now. */
hb_status sqlite_cells_check(sqlite_table *table, hb_check_how how, const sqlite_checker *checker,
                             bool *changed, hb_err *err);

/* ---- own_sides.c: item tables of our own layout; see sqlite_layout --------------------------- */

hb_status sqlite_own_write_sides(sqlite_table *table, const hb_batch *batch, uint32_t row,
                                 int64_t slot, bool existed, hb_err *err);
hb_status sqlite_own_remove_sides(sqlite_table *table, hb_str object_id, int64_t slot, hb_err *err);
hb_status sqlite_own_check_sides(sqlite_table *table, const sqlite_checker *checker, hb_err *err);
hb_status sqlite_own_rebuild_sides(sqlite_table *table, hb_err *err);
/* Fills the empty item table of one container field from the rows. */
hb_status sqlite_own_fill_side(sqlite_table *table, uint32_t place, hb_err *err);

/* ---- returned.c: a field that comes back with another type ----------------------------------- */

typedef struct sqlite_move {
    hb_str from, to;                /* columns of the table; `to` "": it is only looked at */
    hb_kind from_kind;
    const hb_type *type;            /* of the field now */
} sqlite_move;
/* Inside a transaction: gives the column `to` what the type makes of the values in `from`; *any:
 * some stay there, because it takes them not. When it only looks, *any: some are not what the type
 * would make of them. */
hb_status sqlite_cells_move(sqlite_table *table, const sqlite_move *move, bool *any, hb_err *err);
/* Tells what stayed there as "value"; with HB_CHECK_GIVE_UP, inside a transaction, lets it go. */
hb_status sqlite_left_check(sqlite_table *table, hb_check_how how, const sqlite_checker *checker,
                            hb_err *err);

/* ---- what layouts share (table.c) ------------------------------------------------------------ */

/* The container fields of a group; false when the group is not for this instance, or some of its
 * fields are elsewhere or of a kind that no index sorts. `places` has room for the group. */
bool sqlite_group_places(const sqlite_table *table, const hb_field_group *group, uint32_t *places);
bool sqlite_kind_is_sortable(hb_kind kind);
/* Remembers a unique constraint, so that its violation is told by name. */
hb_status sqlite_unique_note(sqlite_table *table, const uint32_t *places, uint32_t count,
                             hb_err *err);
/* Makes an index that the file has not, and frees `create`. Where the table was there without it,
 * that is told to the connection's checker, and nothing is made when it only looks. Rows that a
 * unique index refuses are told to it too; without one they are UNIQUE while the constraint is new,
 * and go on without the index when it was there before: they can still be read and changed. */
hb_status sqlite_index_run(const sqlite_table *table, hb_str name, bool unique, hb_sql *create,
                           hb_err *err);

#endif
