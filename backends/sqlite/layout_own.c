// SPDX-License-Identifier: MIT
/* The table of a container: made, compared with what the file holds, altered, dropped.
 *
 * A field that appears gets a column; a field that changed its kind gets a fresh one (old rows are
 * not migrated); a field that is not here any more keeps its column, so that a workspace opened
 * with another placement loses nothing, but rows written meanwhile clear it. */
#include "backends/sqlite/layout.h"

typedef struct known_column {   /* a row of hb_columns */
    hb_str field, physical;
    hb_kind kind;
    int side;                   /* what its table beside the row is: side_code */
    bool used;                  /* a field of the container is in it */
    bool recorded;              /* hb_columns says so already */
} known_column;

/* Which table stands beside a column: none, items of an array, ends of edges (by the column of the
 * relation), or the values themselves. A file keeps the number. */
#define SIDE_BLOBS (-1)
static int side_code(const hb_type *type, hb_strategy strategy) {
    if (sqlite_has_blobs(type, strategy)) return SIDE_BLOBS;
    if (!sqlite_has_item_table(type, strategy)) return 0;
    return strategy == HB_STRATEGY_GRAPH ? 1 + (int)type->edge_column : 1;
}

typedef struct table_maker {
    sqlite_table *table;
    hb_arena scratch;
    known_column *known;
    uint32_t known_count, known_cap;
    hb_map objects;             /* names of indexes and item tables that exist; 2: wanted */
} table_maker;

static hb_str table_text(hb_arena *arena, const char *form, hb_str a, hb_str b) {
    return hb_arena_printf(arena, form, HB_ARG(a), HB_ARG(b));
}

/* ---- what the file knows --------------------------------------------------------------------- */

static hb_status known_add(table_maker *maker, const known_column *column, hb_err *err) {
    if (maker->known_count == maker->known_cap) {
        uint32_t cap = maker->known_cap == 0 ? 32 : maker->known_cap * 2;
        known_column *grown = hb_arena_array(&maker->scratch, cap, sizeof(*grown));
        if (grown == NULL) return hb_err_memory(err);
        if (maker->known_count > 0)
            memcpy(grown, maker->known, maker->known_count * sizeof(*grown));
        maker->known = grown;
        maker->known_cap = cap;
    }
    maker->known[maker->known_count++] = *column;
    return HB_OK;
}

static hb_status known_read(table_maker *maker, sqlite3_stmt *stmt, hb_err *err) {
    const hb_container *container = maker->table->container;
    sqlite_bind_str(stmt, 1, container->workspace_id);
    sqlite_bind_str(stmt, 2, container->schema->entity_id);
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        known_column column = {
            .field = hb_arena_str(&maker->table->arena, sqlite_text_at(stmt, 0)),
            .physical = hb_arena_str(&maker->table->arena, sqlite_text_at(stmt, 1)),
            .kind = (hb_kind)sqlite3_column_int(stmt, 2),
            .side = sqlite3_column_int(stmt, 3),
            .recorded = true,
        };
        if (column.field.ptr == NULL || column.physical.ptr == NULL) return hb_err_memory(err);
        HB_TRY(known_add(maker, &column, err));
    }
    return rc == SQLITE_DONE ? HB_OK : sqlite_fail(maker->table->conn, rc, err);
}

/* Indexes and item tables of this container: all that is called <table>/... */
static hb_status objects_read(table_maker *maker, hb_err *err) {
    sqlite3_stmt *stmt = NULL;
    HB_TRY(sqlite_prepare(maker->table->conn,
                          HB_STR("SELECT name FROM sqlite_schema"
                                 " WHERE substr(name, 1, length(?1) + 1) = ?1 || '/'"),
                          &stmt, err));
    sqlite_bind_str(stmt, 1, maker->table->name);
    hb_status status = HB_OK;
    int rc;
    while (status == HB_OK && (rc = sqlite3_step(stmt)) != SQLITE_DONE) {
        if (rc != SQLITE_ROW) {
            status = sqlite_fail(maker->table->conn, rc, err);
            break;
        }
        hb_str name = hb_arena_str(&maker->scratch, sqlite_text_at(stmt, 0));
        if (name.ptr == NULL || !hb_map_put(&maker->objects, name, 1)) status = hb_err_memory(err);
    }
    sqlite3_finalize(stmt);
    return status;
}

static hb_status columns_read(table_maker *maker, hb_err *err) {
    sqlite3_stmt *stmt = NULL;
    HB_TRY(sqlite_prepare(maker->table->conn,
                          HB_STR("SELECT field, physical, kind, side FROM hb_columns"
                                 " WHERE ws = ? AND entity = ?"),
                          &stmt, err));
    hb_status status = known_read(maker, stmt, err);
    sqlite3_finalize(stmt);
    return status;
}

static known_column *known_find(const table_maker *maker, hb_str field) {
    for (uint32_t i = 0; i < maker->known_count; i++) {
        if (hb_str_eq(maker->known[i].field, field)) return &maker->known[i];
    }
    return NULL;
}

/* ---- columns --------------------------------------------------------------------------------- */

/* SQLite's column names ignore ASCII case, ours do not. */
static bool physical_is_taken(const table_maker *maker, hb_str name) {
    if (hb_str_eq_nocase(name, HB_STR("slot")) || hb_str_eq_nocase(name, HB_STR("object_id")))
        return true;
    for (uint32_t i = 0; i < maker->known_count; i++) {
        if (hb_str_eq_nocase(maker->known[i].physical, name)) return true;
    }
    return false;
}

static hb_status physical_choose(const table_maker *maker, hb_str field, hb_str *out, hb_err *err) {
    hb_arena *arena = &maker->table->arena;
    hb_str name = hb_arena_str(arena, field);
    for (int i = 2; name.ptr != NULL && physical_is_taken(maker, name); i++) {
        name = hb_arena_printf(arena, "%.*s~%d", HB_ARG(field), i);
    }
    *out = name;
    return name.ptr != NULL ? HB_OK : hb_err_memory(err);
}

static hb_status column_record(const table_maker *maker, const known_column *column, hb_err *err) {
    const hb_container *container = maker->table->container;
    hb_sql sql = sqlite_ddl(maker->table->conn, "INSERT OR REPLACE INTO hb_columns VALUES (");
    sqlite_ddl_text(&sql, "", container->workspace_id);
    sqlite_ddl_text(&sql, ", ", container->schema->entity_id);
    sqlite_ddl_text(&sql, ", ", column->field);
    sqlite_ddl_text(&sql, ", ", column->physical);
    sqlite_ddl_int(&sql, ", ", (int64_t)column->kind);
    sqlite_ddl_int(&sql, ", ", column->side);
    hb_sql_add(&sql, ")");
    return sqlite_ddl_run(maker->table->conn, &sql, err);
}

static hb_str item_table_name(const table_maker *maker, hb_str physical) {
    return table_text(&maker->table->arena, "%.*s/%.*s", maker->table->name, physical);
}

static hb_status plain_indexes_drop(const table_maker *maker, hb_err *err) {
    for (uint32_t i = 0; i < maker->objects.cap; i++) {
        const hb_map_slot *slot = &maker->objects.slots[i];
        hb_str name = { slot->ptr, slot->len };
        if (slot->used == 1 && hb_str_ends(name, HB_STR("/index")) &&
            !hb_str_ends(name, HB_STR("/slot/index"))) {
            HB_TRY(sqlite_ddl_name(maker->table->conn, "DROP INDEX IF EXISTS ", name, err));
        }
    }
    return HB_OK;
}

/* An old column of another kind: its indexes, items and values go. */
static hb_status column_drop(const table_maker *maker, const known_column *column, hb_err *err) {
    sqlite_table *table = maker->table;
    HB_TRY(plain_indexes_drop(maker, err));
    HB_TRY(sqlite_ddl_name(maker->table->conn, "DROP TABLE IF EXISTS ",
                           item_table_name(maker, column->physical), err));
    return sqlite_ddl_column(table->conn, table->name, " DROP COLUMN ", column->physical, "", err);
}

static hb_status column_add(const table_maker *maker, const known_column *column, hb_err *err) {
    const sqlite_table *table = maker->table;
    return sqlite_ddl_column_add(table->conn, table->name, column->physical, column->kind, err);
}

static hb_status column_new(table_maker *maker, const hb_field *field, hb_err *err) {
    known_column fresh = { .field = field->name, .kind = field->kind };
    HB_TRY(physical_choose(maker, field->name, &fresh.physical, err));
    return known_add(maker, &fresh, err);
}

static hb_status table_create(table_maker *maker, hb_err *err) {
    const hb_container *container = maker->table->container;
    hb_sql sql = sqlite_ddl(maker->table->conn, "CREATE TABLE ");
    hb_sql_ident(&sql, maker->table->name);
    hb_sql_add(&sql, " (slot INTEGER PRIMARY KEY, object_id TEXT NOT NULL UNIQUE");
    for (uint32_t i = 1; i < container->field_count; i++) {
        hb_status status =
            column_new(maker, &container->schema->fields[container->fields[i].field], err);
        if (status != HB_OK) {
            hb_sql_free(&sql);
            return status;
        }
        const known_column *column = &maker->known[maker->known_count - 1];
        hb_sql_add(&sql, ", ");
        hb_sql_ident(&sql, column->physical);
        hb_buf_printf(&sql.text, " %s", hb_dialect_sqlite.types[column->kind]);
    }
    hb_sql_add(&sql, ")");
    hb_sql_add(&sql, hb_dialect_sqlite.table_suffix);
    return sqlite_ddl_run(maker->table->conn, &sql, err);
}

static hb_status maker_column(table_maker *maker, uint32_t place, hb_err *err) {
    sqlite_table *table = maker->table;
    const hb_placed *placed = &table->container->fields[place];
    const hb_field *field = &table->container->schema->fields[placed->field];
    known_column *known = known_find(maker, field->name);
    int side = side_code(field->type, placed->strategy);
    if (known == NULL) {
        HB_TRY(column_new(maker, field, err));
        known = &maker->known[maker->known_count - 1];
        HB_TRY(column_add(maker, known, err));
    } else if (known->kind != field->kind || (known->side == SIDE_BLOBS) != (side == SIDE_BLOBS)) {
        HB_TRY(column_drop(maker, known, err));
        hb_map_free(&maker->objects); /* what it listed may be gone */
        hb_map_init(&maker->objects, table->conn->mem);
        known->kind = field->kind;
        known->recorded = false;
        HB_TRY(column_add(maker, known, err));
    }
    /* Another meaning of the items: they are made anew. */
    if (known->recorded && known->side > 0 && side > 0 && known->side != side) {
        hb_str items = item_table_name(maker, known->physical);
        if (items.ptr == NULL) return hb_err_memory(err);
        HB_TRY(sqlite_ddl_name(table->conn, "DROP TABLE IF EXISTS ", items, err));
        hb_map_free(&maker->objects);
        hb_map_init(&maker->objects, table->conn->mem);
    }
    known->recorded = known->recorded && known->side == side;
    known->side = side;
    known->used = true;
    table->columns[place] = known->physical;
    return known->recorded ? HB_OK : column_record(maker, known, err);
}

static bool maker_has(const table_maker *maker, hb_str name) {
    return hb_map_find(&maker->objects, name) != HB_MAP_NONE;
}

static hb_status maker_cleared(table_maker *maker, hb_err *err) {
    sqlite_table *table = maker->table;
    hb_str *cleared = hb_arena_array(&table->arena, maker->known_count, sizeof(*cleared));
    if (cleared == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < maker->known_count; i++) {
        if (maker->known[i].used) continue;
        cleared[table->cleared_count++] = maker->known[i].physical;
        if (maker->known[i].side == SIDE_BLOBS) continue; /* not an index: the values are there */
        /* Nobody would keep its items in step; they are made again when the field comes back. */
        hb_str items = item_table_name(maker, maker->known[i].physical);
        if (items.ptr == NULL) return hb_err_memory(err);
        if (maker_has(maker, items))
            HB_TRY(sqlite_ddl_name(maker->table->conn, "DROP TABLE ", items, err));
    }
    table->cleared = cleared;
    return HB_OK;
}

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

static hb_status own_remove_sides(sqlite_table *table, hb_str object_id, int64_t slot,
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

static hb_status own_write_sides(sqlite_table *table, const hb_batch *batch, uint32_t row,
                                 int64_t slot, bool existed, hb_err *err) {
    if (existed) HB_TRY(own_remove_sides(table, HB_STR_EMPTY, slot, err));
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

static hb_status side_rebuild(sqlite_table *table, uint32_t place, hb_err *err) {
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

static hb_status own_check_sides(sqlite_table *table, const sqlite_checker *checker, hb_err *err) {
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

static hb_status own_rebuild_sides(sqlite_table *table, hb_err *err) {
    for (uint32_t i = 0; i < table->field_count; i++) {
        if (table->sides[i].len == 0) continue;
        HB_TRY(sqlite_ddl_name(table->conn, "DELETE FROM ", table->sides[i], err));
        HB_TRY(side_rebuild(table, i, err));
    }
    return HB_OK;
}

/* ---- indexes --------------------------------------------------------------------------------- */

static hb_status index_name(const table_maker *maker, sqlite_index *index, bool unique,
                            hb_err *err) {
    hb_arena *arena = &maker->table->arena;
    hb_str name = maker->table->name;
    for (uint32_t i = 0; i < index->place_count && name.ptr != NULL; i++) {
        name = table_text(arena, "%.*s/%.*s", name, maker->table->columns[index->places[i]]);
    }
    if (name.ptr != NULL) {
        name = table_text(arena, "%.*s%.*s", name,
                          unique ? HB_STR("/unique/index") : HB_STR("/plain/index"));
    }
    index->name = name;
    return name.ptr != NULL ? HB_OK : hb_err_memory(err);
}

/* Makes or drops the index over `places` so that the file has it exactly when `wanted`. */
static hb_status index_sync(table_maker *maker, const uint32_t *places, uint32_t count, bool unique,
                            bool wanted, hb_err *err) {
    sqlite_table *table = maker->table;
    sqlite_index index = { .place_count = count };
    index.places = hb_arena_copy(&table->arena, places, count * sizeof(*places));
    if (index.places == NULL) return hb_err_memory(err);
    HB_TRY(index_name(maker, &index, unique, err));
    bool there = maker_has(maker, index.name);
    if (wanted && there && !hb_map_put(&maker->objects, index.name, 2)) return hb_err_memory(err);
    index.waits = wanted && !there && !unique && sqlite_index_waits(table, index.name);
    if (wanted && !unique) table->indexes[table->index_count++] = index;
    if (there == wanted || index.waits) return HB_OK;
    if (!wanted) return sqlite_ddl_name(maker->table->conn, "DROP INDEX ", index.name, err);
    if (!hb_map_put(&maker->objects, index.name, 2)) return hb_err_memory(err);
    return sqlite_index_make(table, &index, unique, err);
}

/* Indexes over several fields that no declaration asks for any more; a unique one would go on
 * refusing rows. */
static hb_status maker_stale_indexes(const table_maker *maker, hb_err *err) {
    for (uint32_t i = 0; i < maker->objects.cap; i++) {
        const hb_map_slot *slot = &maker->objects.slots[i];
        hb_str name = { slot->ptr, slot->len };
        bool group =
            hb_str_ends(name, HB_STR("/plain/index")) || hb_str_ends(name, HB_STR("/unique/index"));
        if (slot->used != 1 || slot->value == 2 || !group) continue;
        HB_TRY(sqlite_ddl_name(maker->table->conn, "DROP INDEX IF EXISTS ", name, err));
    }
    return HB_OK;
}

/* Indexes over several fields, where all of them are here. */
static hb_status maker_groups(table_maker *maker, const hb_field_group *groups,
                              uint32_t group_count, bool unique, hb_err *err) {
    sqlite_table *table = maker->table;
    for (uint32_t g = 0; g < group_count; g++) {
        const hb_field_group *group = &groups[g];
        uint32_t *places =
            hb_arena_array(&maker->scratch, (size_t)group->field_count + 1, sizeof(*places));
        if (places == NULL) return hb_err_memory(err);
        if (!sqlite_group_places(table, group, places)) continue;
        HB_TRY(index_sync(maker, places, group->field_count, unique, true, err));
        if (unique) HB_TRY(sqlite_unique_note(table, places, group->field_count, err));
    }
    return HB_OK;
}

static hb_status item_table_make(table_maker *maker, uint32_t place, hb_err *err) {
    sqlite_table *table = maker->table;
    hb_sql sql = sqlite_ddl(maker->table->conn, "CREATE TABLE ");
    hb_sql_ident(&sql, table->sides[place]);
    hb_sql_add(&sql, " (item ANY NOT NULL, slot INTEGER NOT NULL, idx INTEGER NOT NULL,"
                     " PRIMARY KEY (item, slot, idx)) STRICT, WITHOUT ROWID");
    HB_TRY(sqlite_ddl_run(table->conn, &sql, err));
    sql = sqlite_ddl(table->conn, "CREATE INDEX ");
    hb_sql_ident(
        &sql, table_text(&maker->scratch, "%.*s%.*s", table->sides[place], HB_STR("/slot/index")));
    hb_sql_add(&sql, " ON ");
    hb_sql_ident(&sql, table->sides[place]);
    hb_sql_add(&sql, " (slot)");
    HB_TRY(sqlite_ddl_run(table->conn, &sql, err));
    return side_rebuild(table, place, err);
}

static hb_status blob_table_make(const table_maker *maker, hb_str name, hb_err *err) {
    hb_sql sql = sqlite_ddl(maker->table->conn, "CREATE TABLE ");
    hb_sql_ident(&sql, name);
    hb_sql_add(&sql, " (hash ANY PRIMARY KEY NOT NULL, value ANY NOT NULL) STRICT");
    return sqlite_ddl_run(maker->table->conn, &sql, err);
}

/* Whether a declared group is this field alone: its index has the name of the field's own. */
static bool group_of_one(const hb_field_group *groups, uint32_t count, uint32_t field) {
    for (uint32_t g = 0; g < count; g++) {
        if (groups[g].field_count == 1 && groups[g].fields[0] == field) return true;
    }
    return false;
}

static hb_status maker_placed(table_maker *maker, uint32_t place, hb_err *err) {
    sqlite_table *table = maker->table;
    const hb_placed *placed = &table->container->fields[place];
    const hb_field *field = &table->container->schema->fields[placed->field];
    if (sqlite_kind_is_sortable(field->kind)) {
        const hb_schema *schema = table->container->schema;
        bool indexed = placed->indexed && !placed->unique;
        if (indexed || !group_of_one(schema->indexes, schema->index_count, placed->field)) {
            HB_TRY(index_sync(maker, &place, 1, false, indexed, err));
        }
        if (placed->unique || !group_of_one(schema->uniques, schema->unique_count, placed->field)) {
            HB_TRY(index_sync(maker, &place, 1, true, placed->unique, err));
        }
        if (placed->unique) HB_TRY(sqlite_unique_note(table, &place, 1, err));
    }
    hb_str items = item_table_name(maker, table->columns[place]);
    if (items.ptr == NULL) return hb_err_memory(err);
    bool wanted = sqlite_has_item_table(field->type, placed->strategy);
    bool there = maker_has(maker, items);
    if (sqlite_has_blobs(field->type, placed->strategy)) {
        table->blobs[place] = items;
        return there ? HB_OK : blob_table_make(maker, items, err);
    }
    if (wanted) table->sides[place] = items;
    if (wanted && !there) return item_table_make(maker, place, err);
    return there && !wanted ? sqlite_ddl_name(maker->table->conn, "DROP TABLE ", items, err)
                            : HB_OK;
}

/* ---- drift ----------------------------------------------------------------------------------- */

static void objects_forget(table_maker *maker) {
    hb_map_free(&maker->objects);
    hb_map_init(&maker->objects, maker->table->conn->mem);
}

/* The table is gone: what stands beside it is about rows that are no more. */
static hb_status drift_table(table_maker *maker, hb_err *err) {
    sqlite_table *table = maker->table;
    bool mend;
    HB_TRY(sqlite_drift(table, table->name, HB_STR_EMPTY, &mend, err, "it is gone"));
    if (!mend) return HB_OK;
    for (uint32_t i = 0; i < maker->objects.cap; i++) {
        const hb_map_slot *slot = &maker->objects.slots[i];
        hb_str name = { slot->ptr, slot->len };
        if (slot->used != 1 || hb_str_ends(name, HB_STR("/index"))) continue;
        HB_TRY(sqlite_ddl_name(table->conn, "DROP TABLE IF EXISTS ", name, err));
    }
    objects_forget(maker);
    return HB_OK;
}

static hb_status drift_column(table_maker *maker, known_column *known, hb_err *err) {
    sqlite_table *table = maker->table;
    const char *want = hb_dialect_sqlite.types[known->kind];
    hb_str type;
    bool mend;
    HB_TRY(
        sqlite_column_type(table->conn, table->name, known->physical, &maker->scratch, &type, err));
    if (type.ptr == NULL) {
        HB_TRY(sqlite_drift(table, table->name, known->field, &mend, err,
                            "column '%.*s' is gone: expected %s", HB_ARG(known->physical), want));
        if (mend) HB_TRY(column_add(maker, known, err));
    } else if (!hb_str_eq_nocase(type, hb_str_c(want))) {
        HB_TRY(sqlite_drift(table, table->name, known->field, &mend, err,
                            "column '%.*s' is %.*s: expected %s", HB_ARG(known->physical),
                            HB_ARG(hb_str_sub(type, 0, 40)), want));
        if (mend) {
            HB_TRY(plain_indexes_drop(maker, err));
            objects_forget(maker);
            HB_TRY(
                sqlite_column_retype(table->conn, table->name, known->physical, known->kind, err));
        }
    }
    hb_str beside = item_table_name(maker, known->physical);
    if (beside.ptr == NULL) return hb_err_memory(err);
    bool is_there = true;
    if (known->side == SIDE_BLOBS)
        HB_TRY(sqlite_ddl_has(table->conn, "table", beside, &is_there, err));
    /* Item tables follow from the rows and are made anew; these values do not. */
    return is_there ? HB_OK
                    : sqlite_drift(table, beside, known->field, &mend, err,
                                   "the values outside the rows are gone");
}

/* Is the file what hb_columns says? */
static hb_status maker_compare(table_maker *maker, bool there, hb_err *err) {
    sqlite_table *table = maker->table;
    const hb_container *container = table->container;
    if (!there) return maker->known_count > 0 ? drift_table(maker, err) : HB_OK;
    HB_TRY(sqlite_drift_keys(table, &maker->scratch, err));
    for (uint32_t i = 1; i < container->field_count; i++) {
        const hb_field *field = &container->schema->fields[container->fields[i].field];
        known_column *known = known_find(maker, field->name);
        if (known != NULL) HB_TRY(drift_column(maker, known, err));
    }
    return HB_OK;
}

/* ---- making ---------------------------------------------------------------------------------- */

static hb_status maker_run(table_maker *maker, hb_err *err) {
    sqlite_table *table = maker->table;
    const hb_container *container = table->container;
    HB_TRY(columns_read(maker, err));
    HB_TRY(objects_read(maker, err));
    bool there = false;
    HB_TRY(sqlite_ddl_has(table->conn, "table", table->name, &there, err));
    HB_TRY(maker_compare(maker, there, err));
    HB_TRY(sqlite_drift_stop(table, err));
    if (!there) {
        maker->known_count = 0;
        table->fresh = true;
        HB_TRY(table_create(maker, err));
    }
    table->columns[0] = HB_STR("object_id");
    for (uint32_t i = 1; i < container->field_count; i++) {
        HB_TRY(maker_column(maker, i, err));
    }
    if (maker->objects.count == 0) HB_TRY(objects_read(maker, err));
    HB_TRY(maker_cleared(maker, err));
    for (uint32_t i = 1; i < container->field_count; i++) {
        HB_TRY(maker_placed(maker, i, err));
    }
    const hb_schema *schema = container->schema;
    HB_TRY(maker_groups(maker, schema->indexes, schema->index_count, false, err));
    HB_TRY(maker_groups(maker, schema->uniques, schema->unique_count, true, err));
    return maker_stale_indexes(maker, err);
}

static hb_status own_make(sqlite_table *table, hb_err *err) {
    const hb_container *container = table->container;
    table->name = table->target = table_text(&table->arena, "%.*s/%.*s", container->workspace_id,
                                             container->schema->entity_id);
    if (table->name.ptr == NULL) return hb_err_memory(err);
    table->stored = table->columns;
    table_maker maker = { .table = table };
    hb_arena_init(&maker.scratch, table->conn->mem);
    hb_map_init(&maker.objects, table->conn->mem);
    hb_status status = maker_run(&maker, err);
    hb_map_free(&maker.objects);
    hb_arena_free(&maker.scratch);
    for (uint32_t i = 0; i < container->field_count; i++) {
        hb_kind kind = container->schema->fields[container->fields[i].field].kind;
        table->forms[i] = kind == HB_KIND_PACK ? SQLITE_AS_TEXT : SQLITE_AS_IS;
        if (table->sides[i].len > 0) table->tracks_slots = true;
    }
    return status;
}

static hb_status own_clear(sqlite_table *table, hb_err *err) {
    const hb_container *container = table->container;
    for (uint32_t i = 0; i < container->field_count; i++) {
        hb_str beside = table->sides[i].len > 0 ? table->sides[i] : table->blobs[i];
        if (beside.len == 0) continue;
        HB_TRY(sqlite_ddl_name(table->conn, "DROP TABLE ", beside, err));
    }
    HB_TRY(sqlite_ddl_name(table->conn, "DROP TABLE ", table->name, err));
    hb_sql sql = sqlite_ddl(table->conn, "DELETE FROM hb_columns WHERE ws = ");
    sqlite_ddl_text(&sql, "", container->workspace_id);
    sqlite_ddl_text(&sql, " AND entity = ", container->schema->entity_id);
    return sqlite_ddl_run(table->conn, &sql, err);
}

static hb_status own_check(sqlite_conn *conn, hb_err *err) {
    sqlite3_stmt *stmt = NULL;
    HB_TRY(sqlite_prepare(
        conn, HB_STR("SELECT value FROM hb_meta WHERE ws = '' AND key = 'layout'"), &stmt, err));
    int rc = sqlite3_step(stmt);
    bool known =
        rc == SQLITE_ROW && hb_str_eq(sqlite_text_at(stmt, 0), HB_STR(SQLITE_LAYOUT_VERSION));
    sqlite3_finalize(stmt);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) return sqlite_fail(conn, rc, err);
    if (known) return HB_OK;
    hb_err_set(err, HB_E_FORMAT,
               "sqlite: the file's layout is of another version: expected " SQLITE_LAYOUT_VERSION);
    return hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, conn->instance->name);
}

static hb_status own_prepare(sqlite_conn *conn, hb_err *err) {
    static const char sql[] =
        "CREATE TABLE IF NOT EXISTS hb_meta (ws TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT "
        "NULL,"
        " PRIMARY KEY (ws, key)) STRICT, WITHOUT ROWID;"
        "CREATE TABLE IF NOT EXISTS hb_columns (ws TEXT NOT NULL, entity TEXT NOT NULL,"
        " field TEXT NOT NULL, physical TEXT NOT NULL, kind INTEGER NOT NULL, side INTEGER NOT "
        "NULL,"
        " PRIMARY KEY (ws, entity, field)) STRICT, WITHOUT ROWID;"
        "INSERT OR IGNORE INTO hb_meta VALUES ('', 'layout', CAST('" SQLITE_LAYOUT_VERSION
        "' AS BLOB))";
    HB_TRY(sqlite_run(conn, sql, err));
    return own_check(conn, err);
}

static hb_status own_add_text(const sqlite_table *table, uint32_t place, const hb_value *value,
                              hb_buf *out, hb_err *err) {
    (void)table;
    (void)place;
    return hb_pack_to_json(value->as.s, 0, false, out, err);
}

const sqlite_layout sqlite_layout_own = {
    .name = "own",
    .strict = true,
    .meta = "hb_meta",
    .prepare = own_prepare,
    .make = own_make,
    .clear = own_clear,
    .add_text = own_add_text,
    .write_sides = own_write_sides,
    .remove_sides = own_remove_sides,
    .check_sides = own_check_sides,
    .rebuild_sides = own_rebuild_sides,
};
