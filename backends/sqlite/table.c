// SPDX-License-Identifier: MIT
/* The table of a container: made, compared with what the file holds, altered, dropped.
 *
 * A field that appears gets a column; a field that changed its kind gets a fresh one (old rows are
 * not migrated); a field that is not here any more keeps its column, so that a workspace opened
 * with another placement loses nothing, but rows written meanwhile clear it. */
#include "backends/sqlite/sqlite_priv.h"

typedef struct known_column {   /* a row of hb_columns */
    hb_str field, physical;
    hb_kind kind;
    bool side;                  /* has an item table */
    bool used;                  /* a field of the container is in it */
    bool recorded;              /* hb_columns says so already */
} known_column;

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

/* ---- running DDL ----------------------------------------------------------------------------- */

static hb_status ddl_run(sqlite_conn *conn, hb_sql *sql, hb_err *err) {
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

static hb_sql ddl_start(const table_maker *maker, const char *words) {
    hb_sql sql;
    hb_sql_init(&sql, &hb_dialect_sqlite, maker->table->conn->mem, NULL);
    hb_sql_add(&sql, words);
    return sql;
}

static void ddl_value(hb_sql *sql, const char *before, hb_kind kind, hb_str text, int64_t number) {
    hb_value value = { .kind = kind };
    if (kind == HB_KIND_TEXT) {
        value.as.s = text;
    } else {
        value.as.i = number;
    }
    hb_sql_add(sql, before);
    hb_sql_param_add(sql, &value);
}

/* "<words> <name>", for DROP. */
static hb_status ddl_drop(const table_maker *maker, const char *words, hb_str name, hb_err *err) {
    hb_sql sql = ddl_start(maker, words);
    hb_sql_ident(&sql, name);
    return ddl_run(maker->table->conn, &sql, err);
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
            .side = sqlite3_column_int(stmt, 3) != 0,
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

static hb_status table_is_there(const table_maker *maker, bool *there, hb_err *err) {
    sqlite3_stmt *stmt = NULL;
    HB_TRY(sqlite_prepare(maker->table->conn,
                          HB_STR("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?"),
                          &stmt, err));
    sqlite_bind_str(stmt, 1, maker->table->name);
    int rc = sqlite3_step(stmt);
    sqlite3_finalize(stmt);
    *there = rc == SQLITE_ROW;
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? HB_OK : sqlite_fail(maker->table->conn, rc, err);
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
    hb_sql sql = ddl_start(maker, "INSERT OR REPLACE INTO hb_columns VALUES (");
    ddl_value(&sql, "", HB_KIND_TEXT, container->workspace_id, 0);
    ddl_value(&sql, ", ", HB_KIND_TEXT, container->schema->entity_id, 0);
    ddl_value(&sql, ", ", HB_KIND_TEXT, column->field, 0);
    ddl_value(&sql, ", ", HB_KIND_TEXT, column->physical, 0);
    ddl_value(&sql, ", ", HB_KIND_I64, HB_STR_EMPTY, (int64_t)column->kind);
    ddl_value(&sql, ", ", HB_KIND_I64, HB_STR_EMPTY, column->side ? 1 : 0);
    hb_sql_add(&sql, ")");
    return ddl_run(maker->table->conn, &sql, err);
}

static hb_str item_table_name(const table_maker *maker, hb_str physical) {
    return table_text(&maker->table->arena, "%.*s/%.*s", maker->table->name, physical);
}

/* An old column of another kind: its indexes, items and values go. */
static hb_status column_drop(const table_maker *maker, const known_column *column, hb_err *err) {
    sqlite_table *table = maker->table;
    for (uint32_t i = 0; i < maker->objects.cap; i++) {
        const hb_map_slot *slot = &maker->objects.slots[i];
        hb_str name = { slot->ptr, slot->len };
        if (slot->used == 1 && hb_str_ends(name, HB_STR("/index")) &&
            !hb_str_ends(name, HB_STR("/slot/index"))) {
            HB_TRY(ddl_drop(maker, "DROP INDEX IF EXISTS ", name, err));
        }
    }
    HB_TRY(ddl_drop(maker, "DROP TABLE IF EXISTS ", item_table_name(maker, column->physical), err));
    hb_sql sql = ddl_start(maker, "ALTER TABLE ");
    hb_sql_ident(&sql, table->name);
    hb_sql_add(&sql, " DROP COLUMN ");
    hb_sql_ident(&sql, column->physical);
    return ddl_run(table->conn, &sql, err);
}

static hb_status column_add(const table_maker *maker, const known_column *column, hb_err *err) {
    hb_sql sql = ddl_start(maker, "ALTER TABLE ");
    hb_sql_ident(&sql, maker->table->name);
    hb_sql_add(&sql, " ADD COLUMN ");
    hb_sql_ident(&sql, column->physical);
    hb_buf_printf(&sql.text, " %s", hb_dialect_sqlite.types[column->kind]);
    return ddl_run(maker->table->conn, &sql, err);
}

static hb_status column_new(table_maker *maker, const hb_field *field, hb_err *err) {
    known_column fresh = { .field = field->name, .kind = field->kind };
    HB_TRY(physical_choose(maker, field->name, &fresh.physical, err));
    return known_add(maker, &fresh, err);
}

static hb_status table_create(table_maker *maker, hb_err *err) {
    const hb_container *container = maker->table->container;
    hb_sql sql = ddl_start(maker, "CREATE TABLE ");
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
    return ddl_run(maker->table->conn, &sql, err);
}

static hb_status maker_column(table_maker *maker, uint32_t place, hb_err *err) {
    sqlite_table *table = maker->table;
    const hb_placed *placed = &table->container->fields[place];
    const hb_field *field = &table->container->schema->fields[placed->field];
    known_column *known = known_find(maker, field->name);
    if (known == NULL) {
        HB_TRY(column_new(maker, field, err));
        known = &maker->known[maker->known_count - 1];
        HB_TRY(column_add(maker, known, err));
    } else if (known->kind != field->kind) {
        HB_TRY(column_drop(maker, known, err));
        hb_map_free(&maker->objects); /* what it listed may be gone */
        hb_map_init(&maker->objects, table->conn->mem);
        known->kind = field->kind;
        known->recorded = false;
        HB_TRY(column_add(maker, known, err));
    }
    bool side = sqlite_has_item_table(field->type, placed->strategy);
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
        /* Nobody would keep its items in step; they are made again when the field comes back. */
        hb_str items = item_table_name(maker, maker->known[i].physical);
        if (items.ptr == NULL) return hb_err_memory(err);
        if (maker_has(maker, items)) HB_TRY(ddl_drop(maker, "DROP TABLE ", items, err));
    }
    table->cleared = cleared;
    return HB_OK;
}

/* ---- indexes and item tables ----------------------------------------------------------------- */

static hb_status index_make(const table_maker *maker, const sqlite_index *index, bool unique,
                            hb_err *err) {
    sqlite_table *table = maker->table;
    hb_sql sql = ddl_start(maker, unique ? "CREATE UNIQUE INDEX " : "CREATE INDEX ");
    hb_sql_ident(&sql, index->name);
    hb_sql_add(&sql, " ON ");
    hb_sql_ident(&sql, table->name);
    hb_sql_add(&sql, " (");
    for (uint32_t i = 0; i < index->place_count; i++) {
        if (i > 0) hb_sql_add(&sql, ", ");
        hb_sql_ident(&sql, table->columns[index->places[i]]);
    }
    hb_sql_add(&sql, ")");
    hb_status status = ddl_run(table->conn, &sql, err);
    if (status == HB_E_BACKEND && unique) {
        hb_err_set(err, HB_E_UNIQUE,
                   "the stored rows have equal values in the fields of a unique constraint");
        return hb_err_where(err, table->container->schema->entity_id, HB_STR_EMPTY,
                            table->conn->instance->name);
    }
    return status;
}

hb_status sqlite_indexes_drop(sqlite_table *table, hb_err *err) {
    table_maker maker = { .table = table };
    for (uint32_t i = 0; i < table->index_count; i++) {
        HB_TRY(ddl_drop(&maker, "DROP INDEX ", table->indexes[i].name, err));
    }
    return HB_OK;
}

hb_status sqlite_indexes_make(sqlite_table *table, hb_err *err) {
    table_maker maker = { .table = table };
    for (uint32_t i = 0; i < table->index_count; i++) {
        HB_TRY(index_make(&maker, &table->indexes[i], false, err));
    }
    return HB_OK;
}

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
    if (wanted && !unique) table->indexes[table->index_count++] = index;
    if (there == wanted) return HB_OK;
    if (!wanted) return ddl_drop(maker, "DROP INDEX ", index.name, err);
    if (!hb_map_put(&maker->objects, index.name, 2)) return hb_err_memory(err);
    return index_make(maker, &index, unique, err);
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
        HB_TRY(ddl_drop(maker, "DROP INDEX IF EXISTS ", name, err));
    }
    return HB_OK;
}

static hb_status unique_note(sqlite_table *table, const uint32_t *places, uint32_t count,
                             hb_err *err) {
    uint32_t *kept = hb_arena_array(&table->arena, (size_t)count + 1, sizeof(*kept));
    if (kept == NULL) return hb_err_memory(err);
    memcpy(kept, places, count * sizeof(*kept));
    kept[count] = HB_FIELD_NONE;
    table->uniques[table->unique_count++] = kept;
    return HB_OK;
}

static bool kind_is_sortable(hb_kind kind) {
    return kind == HB_KIND_BOOL || kind == HB_KIND_I64 || kind == HB_KIND_F64 ||
           kind == HB_KIND_TEXT;
}

/* Indexes over several fields, where all of them are here. */
static hb_status maker_groups(table_maker *maker, const hb_field_group *groups,
                              uint32_t group_count, bool unique, hb_err *err) {
    sqlite_table *table = maker->table;
    const hb_container *container = table->container;
    for (uint32_t g = 0; g < group_count; g++) {
        const hb_field_group *group = &groups[g];
        uint32_t *places = hb_arena_array(&maker->scratch, group->field_count, sizeof(*places));
        if (places == NULL) return hb_err_memory(err);
        bool here = group->field_count > 0 &&
                    (group->to.len == 0 || hb_str_eq(group->to, table->conn->instance->name));
        for (uint32_t i = 0; i < group->field_count && here; i++) {
            places[i] = container->by_field[group->fields[i]];
            here = places[i] != HB_FIELD_NONE &&
                   kind_is_sortable(container->schema->fields[group->fields[i]].kind);
        }
        if (!here) continue;
        HB_TRY(index_sync(maker, places, group->field_count, unique, true, err));
        if (unique) HB_TRY(unique_note(table, places, group->field_count, err));
    }
    return HB_OK;
}

static hb_status item_table_make(table_maker *maker, uint32_t place, hb_err *err) {
    sqlite_table *table = maker->table;
    hb_sql sql = ddl_start(maker, "CREATE TABLE ");
    hb_sql_ident(&sql, table->sides[place]);
    hb_sql_add(&sql, " (item ANY NOT NULL, slot INTEGER NOT NULL, idx INTEGER NOT NULL,"
                     " PRIMARY KEY (item, slot, idx)) STRICT, WITHOUT ROWID");
    HB_TRY(ddl_run(table->conn, &sql, err));
    sql = ddl_start(maker, "CREATE INDEX ");
    hb_sql_ident(
        &sql, table_text(&maker->scratch, "%.*s%.*s", table->sides[place], HB_STR("/slot/index")));
    hb_sql_add(&sql, " ON ");
    hb_sql_ident(&sql, table->sides[place]);
    hb_sql_add(&sql, " (slot)");
    HB_TRY(ddl_run(table->conn, &sql, err));
    return sqlite_side_rebuild(table, place, err);
}

static hb_status maker_placed(table_maker *maker, uint32_t place, hb_err *err) {
    sqlite_table *table = maker->table;
    const hb_placed *placed = &table->container->fields[place];
    const hb_field *field = &table->container->schema->fields[placed->field];
    if (kind_is_sortable(field->kind)) {
        HB_TRY(index_sync(maker, &place, 1, false, placed->indexed && !placed->unique, err));
        HB_TRY(index_sync(maker, &place, 1, true, placed->unique, err));
        if (placed->unique) HB_TRY(unique_note(table, &place, 1, err));
    }
    hb_str items = item_table_name(maker, table->columns[place]);
    if (items.ptr == NULL) return hb_err_memory(err);
    bool wanted = sqlite_has_item_table(field->type, placed->strategy);
    bool there = maker_has(maker, items);
    if (wanted) table->sides[place] = items;
    if (wanted && !there) return item_table_make(maker, place, err);
    return there && !wanted ? ddl_drop(maker, "DROP TABLE ", items, err) : HB_OK;
}

/* ---- making ---------------------------------------------------------------------------------- */

static hb_status maker_run(table_maker *maker, hb_err *err) {
    sqlite_table *table = maker->table;
    const hb_container *container = table->container;
    HB_TRY(columns_read(maker, err));
    HB_TRY(objects_read(maker, err));
    bool there = false;
    HB_TRY(table_is_there(maker, &there, err));
    if (!there) {
        maker->known_count = 0;
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

static hb_status table_make_body(sqlite_table *table, hb_job *job, hb_err *err) {
    (void)job;
    table_maker maker = { .table = table };
    hb_arena_init(&maker.scratch, table->conn->mem);
    hb_map_init(&maker.objects, table->conn->mem);
    hb_status status = maker_run(&maker, err);
    hb_map_free(&maker.objects);
    hb_arena_free(&maker.scratch);
    return status;
}

static hb_status table_alloc(sqlite_table *table, hb_err *err) {
    const hb_container *container = table->container;
    uint32_t count = container->field_count;
    hb_arena *arena = &table->arena;
    table->name =
        table_text(arena, "%.*s/%.*s", container->workspace_id, container->schema->entity_id);
    table->columns = HB_NEW_ARRAY(arena, hb_str, count);
    table->sides = HB_NEW_ARRAY(arena, hb_str, count);
    table->side_add = HB_NEW_ARRAY(arena, sqlite3_stmt *, count);
    table->side_remove = HB_NEW_ARRAY(arena, sqlite3_stmt *, count);
    table->indexes =
        HB_NEW_ARRAY(arena, sqlite_index, (size_t)count + container->schema->index_count);
    table->uniques =
        HB_NEW_ARRAY(arena, const uint32_t *, (size_t)count + container->schema->unique_count);
    if (table->name.ptr == NULL || table->columns == NULL || table->sides == NULL ||
        table->side_add == NULL || table->side_remove == NULL || table->uniques == NULL ||
        table->indexes == NULL) {
        return hb_err_memory(err);
    }
    return sqlite_derived_init(table, err);
}

void sqlite_table_free(sqlite_table *table) {
    sqlite_table_finalize(table);
    sqlite_derived_free(table);
    const hb_mem *mem = table->arena.mem;
    hb_arena_free(&table->arena);
    hb_mem_free(mem, table, sizeof(*table));
}

static hb_status table_make(sqlite_conn *conn, hb_container *container, sqlite_table **out,
                            hb_err *err) {
    sqlite_table *table = hb_mem_zalloc(conn->mem, sizeof(*table));
    if (table == NULL) return hb_err_memory(err);
    table->conn = conn;
    table->container = container;
    table->field_count = container->field_count;
    hb_arena_init(&table->arena, conn->mem);
    hb_status status = table_alloc(table, err);
    if (status == HB_OK) status = sqlite_in_tx(table, NULL, table_make_body, err);
    if (status != HB_OK) {
        sqlite_table_free(table);
        return status;
    }
    for (uint32_t i = 0; i < container->field_count; i++) {
        if (table->sides[i].len > 0 || sqlite_derived_has(table, i)) table->tracks_slots = true;
    }
    table->checked = true;
    table->next = conn->tables;
    conn->tables = table;
    *out = table;
    return HB_OK;
}

void sqlite_table_finalize(sqlite_table *table) {
    sqlite3_stmt **const own[] = { &table->upsert, &table->find, &table->remove };
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        sqlite3_finalize(*own[i]);
        *own[i] = NULL;
    }
    for (uint32_t i = 0; i < table->field_count && table->side_remove != NULL; i++) {
        sqlite3_finalize(table->side_add[i]);
        sqlite3_finalize(table->side_remove[i]);
        table->side_add[i] = table->side_remove[i] = NULL;
    }
}

void sqlite_table_release(hb_instance *instance, hb_container *container) {
    sqlite_conn *conn = instance->state;
    sqlite_table *table = container->state;
    container->state = NULL;
    if (table == NULL || conn == NULL) return; /* after close it went with the connection */
    sqlite_table **link = &conn->tables;
    while (*link != NULL && *link != table) link = &(*link)->next;
    if (*link != NULL) *link = table->next;
    sqlite_table_free(table);
}

hb_status sqlite_table_need(hb_instance *instance, hb_container *container, sqlite_table **out,
                            hb_err *err) {
    sqlite_conn *conn = instance->state;
    sqlite_table *table = container->state;
    if (table != NULL && !table->checked) {
        sqlite_table_release(instance, container);
        table = NULL;
    }
    if (table == NULL) {
        HB_TRY(table_make(conn, container, &table, err));
        container->state = table;
    }
    *out = table;
    return HB_OK;
}

hb_status sqlite_table_ensure(hb_job *job, hb_err *err) {
    sqlite_table *table;
    return sqlite_table_need(job->instance, job->fragment->container, &table, err);
}

/* ---- dropping -------------------------------------------------------------------------------- */

static hb_status clear_body(sqlite_table *table, hb_job *job, hb_err *err) {
    (void)job;
    const hb_container *container = table->container;
    table_maker maker = { .table = table };
    for (uint32_t i = 0; i < container->field_count; i++) {
        if (table->sides[i].len > 0) HB_TRY(ddl_drop(&maker, "DROP TABLE ", table->sides[i], err));
    }
    HB_TRY(ddl_drop(&maker, "DROP TABLE ", table->name, err));
    hb_sql sql = ddl_start(&maker, "DELETE FROM hb_columns WHERE ws = ");
    ddl_value(&sql, "", HB_KIND_TEXT, container->workspace_id, 0);
    ddl_value(&sql, " AND entity = ", HB_KIND_TEXT, container->schema->entity_id, 0);
    return ddl_run(table->conn, &sql, err);
}

hb_status sqlite_table_clear(hb_job *job, hb_err *err) {
    sqlite_table *table;
    HB_TRY(sqlite_table_need(job->instance, job->fragment->container, &table, err));
    sqlite_table_finalize(table);
    sqlite_cache_clear(table->conn);
    HB_TRY(sqlite_in_tx(table, job, clear_body, err));
    sqlite_table_release(job->instance, job->fragment->container);
    return HB_OK;
}
