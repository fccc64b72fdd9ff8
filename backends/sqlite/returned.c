// SPDX-License-Identifier: MIT
/* A field that comes back with another type. Its column holds values of the type that it had: each
 * becomes what the new type makes of it when it is written, in a column of its own. What the new
 * type does not take is null there and stays in the old column, for audit to name, until the row is
 * written, a repair lets it go, or the field comes back with a type that takes it. */
#include "backends/sqlite/layout.h"
#include "value/coerce.h"

typedef struct mover {
    sqlite_table *table;
    const sqlite_move *move;
    sqlite3_stmt *rows; /* slot, value */
    sqlite3_stmt *take; /* (new value, slot) */
    hb_buf pack, text;
    hb_arena arena;
} mover;

static hb_status mover_prepare(mover *m, hb_err *err) {
    sqlite_conn *conn = m->table->conn;
    const sqlite_move *move = m->move;
    hb_sql sql = sqlite_ddl(conn, "SELECT slot, ");
    hb_sql_ident(&sql, move->from);
    hb_sql_add(&sql, " FROM ");
    hb_sql_ident(&sql, m->table->name);
    hb_sql_add(&sql, " WHERE ");
    hb_sql_ident(&sql, move->from);
    hb_sql_add(&sql, " IS NOT NULL");
    HB_TRY(sqlite_ddl_prepare(conn, &m->rows, &sql, err));
    if (move->to.len == 0) return HB_OK;
    sql = sqlite_ddl(conn, "UPDATE ");
    hb_sql_ident(&sql, m->table->name);
    hb_sql_add(&sql, " SET ");
    hb_sql_ident(&sql, move->from);
    hb_sql_add(&sql, " = NULL, ");
    hb_sql_ident(&sql, move->to);
    hb_sql_add(&sql, " = ?1 WHERE slot = ?2");
    return sqlite_ddl_prepare(conn, &m->take, &sql, err);
}

/* *fits: the new type takes the value, or what it is can no longer be told. */
static hb_status mover_read(mover *m, hb_value *was, hb_value *is, bool *fits, hb_err *why,
                            hb_err *err) {
    hb_err_init(why);
    hb_arena_reset(&m->arena);
    hb_status status = sqlite_read_value(sqlite3_column_value(m->rows, 1), m->move->from_kind,
                                         &m->pack, &m->arena, was, why);
    if (status == HB_OK) status = hb_coerce_value(m->move->type, was, &m->arena, is, why);
    *fits = status == HB_OK;
    return why->code == HB_E_MEMORY ? hb_err_memory(err) : HB_OK;
}

static hb_status mover_take(mover *m, const hb_value *value, hb_err *err) {
    const bool nested = value->kind == HB_KIND_PACK;
    hb_buf_clear(&m->text);
    if (nested) HB_TRY(hb_pack_to_json(value->as.s, 0, false, &m->text, err));
    HB_TRY(hb_buf_check(&m->text, err));
    const int rc = nested ? sqlite_bind_str(m->take, 1, hb_buf_str(&m->text))
                          : sqlite_bind_value(m->take, 1, value);
    if (rc != SQLITE_OK) return sqlite_fail(m->table->conn, rc, err);
    sqlite3_bind_int64(m->take, 2, sqlite3_column_int64(m->rows, 0));
    return sqlite_step_done(m->table->conn, m->take, err);
}

static hb_status mover_run(mover *m, bool *any, hb_err *err) {
    const bool looks = m->move->to.len == 0;
    int rc = SQLITE_DONE;
    while (!(looks && *any) && (rc = sqlite3_step(m->rows)) == SQLITE_ROW) {
        hb_value was, is;
        hb_err why;
        bool fits;
        HB_TRY(mover_read(m, &was, &is, &fits, &why, err));
        if (looks) {
            /* What cannot even be read is named by the check of the column itself. */
            *any = fits ? !hb_value_eq(&was, &is) : why.code != HB_E_CORRUPT;
        } else if (fits) {
            HB_TRY(mover_take(m, &is, err));
        } else {
            *any = true;
        }
    }
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? HB_OK : sqlite_fail(m->table->conn, rc, err);
}

hb_status sqlite_cells_move(sqlite_table *table, const sqlite_move *move, bool *any, hb_err *err) {
    mover m = { .table = table, .move = move };
    hb_buf_init(&m.pack, table->conn->mem);
    hb_buf_init(&m.text, table->conn->mem);
    hb_arena_init(&m.arena, table->conn->mem);
    *any = false;
    hb_status status = mover_prepare(&m, err);
    if (status == HB_OK) status = mover_run(&m, any, err);
    sqlite3_finalize(m.rows);
    sqlite3_finalize(m.take);
    hb_buf_free(&m.pack);
    hb_buf_free(&m.text);
    hb_arena_free(&m.arena);
    return status;
}

/* ---- what was left ----------------------------------------------------------------------------
 */

static hb_status left_tell(const sqlite_left *left, mover *m, hb_check_how how,
                           const sqlite_checker *to, hb_err *err) {
    const hb_container *container = m->table->container;
    int rc;
    while ((rc = sqlite3_step(m->rows)) == SQLITE_ROW) {
        hb_value was, is;
        hb_err why;
        bool fits;
        HB_TRY(mover_read(m, &was, &is, &fits, &why, err));
        const hb_finding finding = {
            .kind = "value",
            .path = m->table->target,
            .field = container->schema->fields[container->fields[left->place].field].name,
            .object_id = sqlite_text_at(m->rows, 0),
            .reason = fits ? HB_STR("a value of the type that the field had") : hb_str_c(why.msg),
            .fixed = how == HB_CHECK_GIVE_UP,
        };
        HB_TRY(to->sink(to->arg, &finding, err));
    }
    return rc == SQLITE_DONE ? HB_OK : sqlite_fail(m->table->conn, rc, err);
}

static hb_status left_check(const sqlite_left *left, mover *m, hb_check_how how,
                            const sqlite_checker *to, hb_err *err) {
    sqlite_conn *conn = m->table->conn;
    hb_sql sql = sqlite_ddl(conn, "SELECT object_id, ");
    hb_sql_ident(&sql, left->column);
    hb_sql_add(&sql, " FROM ");
    hb_sql_ident(&sql, m->table->name);
    hb_sql_add(&sql, " WHERE ");
    hb_sql_ident(&sql, left->column);
    hb_sql_add(&sql, " IS NOT NULL");
    HB_TRY(sqlite_ddl_prepare(conn, &m->rows, &sql, err));
    HB_TRY(left_tell(left, m, how, to, err));
    if (how != HB_CHECK_GIVE_UP) return HB_OK;
    sql = sqlite_ddl(conn, "UPDATE ");
    hb_sql_ident(&sql, m->table->name);
    hb_sql_add(&sql, " SET ");
    hb_sql_ident(&sql, left->column);
    hb_sql_add(&sql, " = NULL WHERE ");
    hb_sql_ident(&sql, left->column);
    hb_sql_add(&sql, " IS NOT NULL");
    return sqlite_ddl_run(conn, &sql, err);
}

hb_status sqlite_left_check(sqlite_table *table, hb_check_how how, const sqlite_checker *checker,
                            hb_err *err) {
    const hb_container *container = table->container;
    hb_status status = HB_OK;
    for (uint32_t i = 0; i < table->left_count && status == HB_OK; i++) {
        const sqlite_left *left = &table->left[i];
        const sqlite_move move = {
            .from_kind = left->kind,
            .type = container->schema->fields[container->fields[left->place].field].type,
        };
        mover m = { .table = table, .move = &move };
        hb_buf_init(&m.pack, table->conn->mem);
        hb_arena_init(&m.arena, table->conn->mem);
        status = left_check(left, &m, how, checker, err);
        sqlite3_finalize(m.rows);
        hb_buf_free(&m.pack);
        hb_arena_free(&m.arena);
    }
    return status;
}
