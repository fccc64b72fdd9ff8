// SPDX-License-Identifier: MIT
/* Item tables of our own layout: the items of arrays and the ends of edges, for lookups. They
 * follow from the rows. */
#include "backends/sqlite/layout.h"

/* ---- item tables ----------------------------------------------------------------------------- */

static hb_status side_prepare(sqlite_table *table, uint32_t place, hb_err *err) {
    if (table->sides[place].len == 0 || table->side_add[place] != NULL) return HB_OK;
    hb_sql sql;
    hb_sql_init(&sql, &hb_dialect_sqlite, table->conn->mem, NULL);
    hb_sql_add(&sql, "INSERT INTO ");
    hb_sql_ident(&sql, table->sides[place]);
    hb_sql_add(&sql, " (slot, idx, item) VALUES (?, ?, ?)");
    HB_TRY(sqlite_ddl_prepare(table->conn, &table->side_add[place], &sql, err));
    hb_sql_init(&sql, &hb_dialect_sqlite, table->conn->mem, NULL);
    hb_sql_add(&sql, "DELETE FROM ");
    hb_sql_ident(&sql, table->sides[place]);
    hb_sql_add(&sql, " WHERE slot = ?");
    return sqlite_ddl_prepare(table->conn, &table->side_remove[place], &sql, err);
}

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

/* The rows that the edges lead to; the slot is bound. */
static hb_status edges_add(sqlite_table *table, uint32_t place, const hb_type *type, hb_str pack,
                           hb_err *err) {
    sqlite3_stmt *stmt = table->side_add[place];
    hb_edges edges = hb_edges_read(hb_edge_column(type), pack);
    hb_str target;
    for (int i = 0; hb_edges_next(&edges, &target, NULL); i++) {
        sqlite_bind_str(stmt, 3, target);
        sqlite3_bind_int(stmt, 2, i);
        HB_TRY(sqlite_step_done(table->conn, stmt, err));
    }
    return HB_OK;
}

static hb_status side_add(sqlite_table *table, uint32_t place, int64_t slot, hb_str pack,
                          hb_err *err) {
    sqlite3_stmt *stmt = table->side_add[place];
    hb_pack_reader reader = hb_pack_read(pack);
    hb_pack_item item;
    if (!hb_pack_next(&reader, &item) || item.tag != HB_PACK_ARRAY) return HB_OK;
    uint32_t count = item.count;
    sqlite3_bind_int64(stmt, 1, slot);
    const hb_placed *placed = &table->container->fields[place];
    if (placed->strategy == HB_STRATEGY_GRAPH) {
        return edges_add(table, place, table->container->schema->fields[placed->field].type, pack,
                         err);
    }
    for (uint32_t i = 0; i < count && hb_pack_next(&reader, &item); i++) {
        if (item.tag == HB_PACK_ARRAY || item.tag == HB_PACK_MAP) {
            return hb_err_set(err, HB_E_INTERNAL, "a nested item in an array of scalars");
        }
        if (!bind_item(stmt, 3, &item)) continue;
        sqlite3_bind_int64(stmt, 2, i);
        HB_TRY(sqlite_step_done(table->conn, stmt, err));
    }
    return HB_OK;
}

hb_status sqlite_own_remove_sides(sqlite_table *table, hb_str object_id, int64_t slot,
                                  hb_err *err) {
    (void)object_id;
    for (uint32_t i = 0; i < table->container->field_count; i++) {
        if (table->sides[i].len == 0) continue;
        HB_TRY(side_prepare(table, i, err));
        sqlite3_bind_int64(table->side_remove[i], 1, slot);
        HB_TRY(sqlite_step_done(table->conn, table->side_remove[i], err));
    }
    return HB_OK;
}

hb_status sqlite_own_write_sides(sqlite_table *table, const hb_batch *batch, uint32_t row,
                                 int64_t slot, bool existed, hb_err *err) {
    if (existed) HB_TRY(sqlite_own_remove_sides(table, HB_STR_EMPTY, slot, err));
    for (uint32_t i = 0; i < batch->column_count; i++) {
        const hb_column *column = &batch->columns[i];
        if (table->sides[i].len == 0 || hb_column_cell(column, row) != HB_CELL_VALUE) continue;
        HB_TRY(side_prepare(table, i, err));
        HB_TRY(side_add(table, i, slot, hb_column_span(column, row), err));
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
        status = sqlite_read_known(sqlite3_column_value(rows, 1), HB_KIND_PACK, &pack, &value, err);
        if (status == HB_OK && value.kind == HB_KIND_PACK) {
            status = side_add(table, place, sqlite3_column_int64(rows, 0), value.as.s, err);
        }
    }
    hb_buf_free(&pack);
    if (status != HB_OK) return status;
    return rc == SQLITE_DONE ? HB_OK : sqlite_fail(table->conn, rc, err);
}

hb_status sqlite_own_fill_side(sqlite_table *table, uint32_t place, hb_err *err) {
    sqlite3_stmt *rows = NULL;
    HB_TRY(sqlite_ddl_select_given(table, "slot", place, &rows, err));
    hb_status status = side_prepare(table, place, err);
    if (status == HB_OK) status = side_rebuild_rows(table, place, rows, err);
    sqlite3_finalize(rows);
    return status;
}

/* ---- item tables compared with the rows ------------------------------------------------------ */

typedef struct side_checker {
    sqlite_table *table;
    uint32_t place;
    sqlite3_stmt *rows; /* slot, value, object_id */
    sqlite3_stmt *has; /* is (slot, idx, item) there? */
    sqlite3_stmt *count; /* items of a slot */
    sqlite3_stmt *strays; /* items without a row */
    const sqlite_checker *to;
} side_checker;

static hb_status side_found(const side_checker *side, hb_str object_id, const char *reason,
                            hb_err *err) {
    const hb_container *container = side->table->container;
    const hb_finding finding = {
        .kind = "side_table",
        .path = side->table->sides[side->place],
        .field = container->schema->fields[container->fields[side->place].field].name,
        .object_id = object_id,
        .reason = hb_str_c(reason),
        .fixed = side->to->fix,
    };
    *side->to->count += 1;
    return side->to->sink(side->to->arg, &finding, err);
}

/* One number that a statement yields. */
static hb_status step_number(sqlite_conn *conn, sqlite3_stmt *stmt, int64_t *out, hb_err *err) {
    int rc = sqlite3_step(stmt);
    hb_status status = rc == SQLITE_ROW ? HB_OK : sqlite_fail(conn, rc, err);
    if (status == HB_OK) *out = sqlite3_column_int64(stmt, 0);
    sqlite3_reset(stmt);
    return status;
}

/* Counts an expected item, whose value is bound, and whether it is there. */
static hb_status side_expect(const side_checker *side, uint32_t idx, int64_t *expected,
                             int64_t *found, hb_err *err) {
    int64_t there = 0;
    sqlite3_bind_int64(side->has, 2, idx);
    HB_TRY(step_number(side->table->conn, side->has, &there, err));
    *expected += 1;
    *found += there;
    return HB_OK;
}

/* What side_add would have stored for the array. */
static hb_status side_expect_all(const side_checker *side, hb_str pack, int64_t *expected,
                                 int64_t *found, hb_err *err) {
    const hb_container *container = side->table->container;
    const hb_placed *placed = &container->fields[side->place];
    hb_pack_reader reader = hb_pack_read(pack);
    hb_pack_item item;
    if (!hb_pack_next(&reader, &item) || item.tag != HB_PACK_ARRAY) return HB_OK;
    if (placed->strategy == HB_STRATEGY_GRAPH) {
        const hb_type *type = container->schema->fields[placed->field].type;
        hb_edges edges = hb_edges_read(hb_edge_column(type), pack);
        hb_str target;
        for (uint32_t i = 0; hb_edges_next(&edges, &target, NULL); i++) {
            sqlite_bind_str(side->has, 3, target);
            HB_TRY(side_expect(side, i, expected, found, err));
        }
        return HB_OK;
    }
    uint32_t count = item.count;
    for (uint32_t i = 0; i < count && hb_pack_next(&reader, &item); i++) {
        if (bind_item(side->has, 3, &item)) HB_TRY(side_expect(side, i, expected, found, err));
    }
    return HB_OK;
}

/* Are exactly the items of the array `pack` (.ptr NULL: none) there for the slot? */
static hb_status side_check_row(const side_checker *side, int64_t slot, hb_str pack, bool *fits,
                                hb_err *err) {
    int64_t expected = 0, found = 0, there = 0;
    sqlite3_bind_int64(side->has, 1, slot);
    if (pack.ptr != NULL) HB_TRY(side_expect_all(side, pack, &expected, &found, err));
    sqlite3_bind_int64(side->count, 1, slot);
    HB_TRY(step_number(side->table->conn, side->count, &there, err));
    *fits = found == expected && there == expected;
    return HB_OK;
}

static hb_status side_check_rows(const side_checker *side, hb_buf *pack, hb_err *err) {
    int rc;
    while ((rc = sqlite3_step(side->rows)) == SQLITE_ROW) {
        hb_value value = { .kind = HB_KIND_NULL };
        if (sqlite3_column_type(side->rows, 1) != SQLITE_NULL) {
            HB_TRY(sqlite_read_known(sqlite3_column_value(side->rows, 1), HB_KIND_PACK, pack,
                                     &value, err));
        }
        bool fits;
        hb_str array = value.kind == HB_KIND_PACK ? value.as.s : (hb_str){ NULL, 0 };
        HB_TRY(side_check_row(side, sqlite3_column_int64(side->rows, 0), array, &fits, err));
        if (fits) continue;
        HB_TRY(side_found(side, sqlite_text_at(side->rows, 2),
                          "the items kept for lookups are not those of the row", err));
    }
    if (rc != SQLITE_DONE) return sqlite_fail(side->table->conn, rc, err);
    int64_t strays = 0;
    HB_TRY(step_number(side->table->conn, side->strays, &strays, err));
    if (strays == 0) return HB_OK;
    return side_found(side, HB_STR_EMPTY, "items are kept for rows that are gone", err);
}

/* "<words> <item table> <tail>" */
static hb_status side_statement(const side_checker *side, const char *words, const char *tail,
                                sqlite3_stmt **out, hb_err *err) {
    hb_sql sql = sqlite_ddl(side->table->conn, words);
    hb_sql_ident(&sql, side->table->sides[side->place]);
    hb_sql_add(&sql, tail);
    return sqlite_ddl_prepare(side->table->conn, out, &sql, err);
}

static hb_status side_prepare_check(side_checker *side, hb_err *err) {
    const sqlite_table *table = side->table;
    HB_TRY(side_statement(side, "SELECT count(*) FROM ", " WHERE slot = ? AND idx = ? AND item = ?",
                          &side->has, err));
    HB_TRY(side_statement(side, "SELECT count(*) FROM ", " WHERE slot = ?", &side->count, err));
    hb_sql sql = sqlite_ddl(table->conn, "SELECT count(*) FROM ");
    hb_sql_ident(&sql, table->sides[side->place]);
    hb_sql_add(&sql, " WHERE slot NOT IN (SELECT slot FROM ");
    hb_sql_ident(&sql, table->name);
    hb_sql_add(&sql, ")");
    HB_TRY(sqlite_ddl_prepare(table->conn, &side->strays, &sql, err));
    sql = sqlite_ddl(table->conn, "SELECT slot, ");
    hb_sql_ident(&sql, table->columns[side->place]);
    hb_sql_add(&sql, ", object_id FROM ");
    hb_sql_ident(&sql, table->name);
    return sqlite_ddl_prepare(table->conn, &side->rows, &sql, err);
}

hb_status sqlite_own_check_sides(sqlite_table *table, const sqlite_checker *checker, hb_err *err) {
    hb_status status = HB_OK;
    hb_buf pack;
    hb_buf_init(&pack, table->conn->mem);
    for (uint32_t i = 0; i < table->field_count && status == HB_OK; i++) {
        if (table->sides[i].len == 0) continue;
        side_checker side = { .table = table, .place = i, .to = checker };
        status = side_prepare_check(&side, err);
        if (status == HB_OK) status = side_check_rows(&side, &pack, err);
        sqlite3_stmt *const all[] = { side.rows, side.has, side.count, side.strays };
        for (size_t k = 0; k < sizeof(all) / sizeof(all[0]); k++) sqlite3_finalize(all[k]);
    }
    hb_buf_free(&pack);
    return status;
}

hb_status sqlite_own_rebuild_sides(sqlite_table *table, hb_err *err) {
    for (uint32_t i = 0; i < table->field_count; i++) {
        if (table->sides[i].len == 0) continue;
        HB_TRY(sqlite_ddl_name(table->conn, "DELETE FROM ", table->sides[i], err));
        HB_TRY(sqlite_own_fill_side(table, i, err));
    }
    return HB_OK;
}
