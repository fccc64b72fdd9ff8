// SPDX-License-Identifier: MIT
/* The table of a container: made, compared with what the file holds, altered, dropped.
 *
 * A field that appears gets a column; one that comes back with another type gets a fresh one where
 * its values become others (returned.c); a field that is not here any more keeps its column, so
 * that a workspace opened with another placement loses nothing, but rows written meanwhile clear
 * it. */
#include "backends/sqlite/layout.h"

typedef struct known_column {   /* a row of hb_columns */
    hb_str field, physical;
    hb_kind kind;
    hb_str type; /* of its values, as JSON; "": the file is older and does not say */
    int side; /* what its table beside the row is: side_code */
    bool used; /* a field of the container is in it */
    bool recorded; /* hb_columns says so already */
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
    hb_map objects; /* names of indexes and item tables that exist; 2: wanted */
} table_maker;

static hb_str table_text(hb_arena *arena, const char *form, hb_str a, hb_str b) {
    return hb_arena_printf(arena, form, HB_ARG(a), HB_ARG(b));
}

static hb_status type_text(const table_maker *maker, const hb_type *type, hb_str *out,
                           hb_err *err) {
    hb_buf pack, text;
    hb_buf_init(&pack, maker->table->conn->mem);
    hb_buf_init(&text, maker->table->conn->mem);
    hb_type_write(type, &pack);
    hb_status status = hb_buf_check(&pack, err);
    if (status == HB_OK) status = hb_pack_to_json(hb_buf_str(&pack), 0, false, &text, err);
    if (status == HB_OK) status = hb_buf_check(&text, err);
    if (status == HB_OK) *out = hb_arena_str(&maker->table->arena, hb_buf_str(&text));
    hb_buf_free(&pack);
    hb_buf_free(&text);
    return status == HB_OK && out->ptr == NULL ? hb_err_memory(err) : status;
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
            .type = hb_arena_str(&maker->table->arena, sqlite_text_at(stmt, 4)),
            .side = sqlite3_column_int(stmt, 3),
            .recorded = true,
        };
        if (column.field.ptr == NULL || column.physical.ptr == NULL || column.type.ptr == NULL) {
            return hb_err_memory(err);
        }
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
                          HB_STR("SELECT field, physical, kind, side, type FROM hb_columns"
                                 " LEFT JOIN hb_types USING (ws, entity, physical)"
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
    HB_TRY(sqlite_ddl_run(maker->table->conn, &sql, err));
    sql = sqlite_ddl(maker->table->conn, "INSERT OR REPLACE INTO hb_types VALUES (");
    sqlite_ddl_text(&sql, "", container->workspace_id);
    sqlite_ddl_text(&sql, ", ", container->schema->entity_id);
    sqlite_ddl_text(&sql, ", ", column->physical);
    sqlite_ddl_text(&sql, ", ", column->type);
    hb_sql_add(&sql, ")");
    return sqlite_ddl_run(maker->table->conn, &sql, err);
}

/* What the file says of the container, or of one of its fields. */
static hb_status record_delete(const sqlite_table *table, const char *from, hb_str field,
                               hb_err *err) {
    hb_sql sql = sqlite_ddl(table->conn, from);
    sqlite_ddl_text(&sql, " WHERE ws = ", table->container->workspace_id);
    sqlite_ddl_text(&sql, " AND entity = ", table->container->schema->entity_id);
    if (field.len > 0) sqlite_ddl_text(&sql, " AND field = ", field);
    return sqlite_ddl_run(table->conn, &sql, err);
}

static hb_status records_delete(const sqlite_table *table, hb_err *err) {
    HB_TRY(record_delete(table, "DELETE FROM hb_types", HB_STR_EMPTY, err));
    return record_delete(table, "DELETE FROM hb_columns", HB_STR_EMPTY, err);
}

static void objects_forget(table_maker *maker) {
    hb_map_free(&maker->objects);
    hb_map_init(&maker->objects, maker->table->conn->mem);
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
    HB_TRY(type_text(maker, field->type, &fresh.type, err));
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

/* Its values lie outside of the rows, or did: another type is another column. */
static hb_status column_blobs(table_maker *maker, known_column *known, const hb_field *field,
                              int side, hb_err *err) {
    if (known->kind == field->kind && known->side == side) return HB_OK;
    HB_TRY(column_drop(maker, known, err));
    objects_forget(maker); /* what it listed may be gone */
    known->kind = field->kind;
    known->recorded = false;
    HB_TRY(type_text(maker, field->type, &known->type, err));
    return column_add(maker, known, err);
}

/* Is it a column of values that the type of the field did not take? */
static bool is_left(const known_column *known, hb_str field) {
    return known->field.len > field.len && known->field.ptr[field.len] == '~' &&
           hb_str_starts(known->field, field);
}

/* What the new type takes goes `to` its column; a column without values goes. */
static hb_status column_move(table_maker *maker, known_column *from, const hb_field *field,
                             hb_str to, bool *empty, hb_err *err) {
    const sqlite_move move = {
        .from = from->physical, .to = to, .from_kind = from->kind, .type = field->type
    };
    bool any;
    HB_TRY(sqlite_cells_move(maker->table, &move, &any, err));
    *empty = !any;
    return *empty ? column_drop(maker, from, err) : HB_OK;
}

static hb_status columns_move(table_maker *maker, known_column *known, const hb_field *field,
                              hb_err *err) {
    known_column old = *known;
    bool empty;
    HB_TRY(physical_choose(maker, field->name, &known->physical, err));
    known->kind = field->kind;
    known->side = 0;
    const hb_str to = known->physical;
    HB_TRY(plain_indexes_drop(maker, err));
    HB_TRY(column_add(maker, known, err));
    for (uint32_t i = 0; i < maker->known_count; i++) {
        known_column *left = &maker->known[i];
        if (!is_left(left, field->name)) continue;
        HB_TRY(column_move(maker, left, field, to, &empty, err));
        if (!empty) continue;
        HB_TRY(record_delete(maker->table, "DELETE FROM hb_columns", left->field, err));
        *left = maker->known[--maker->known_count];
        i--;
    }
    HB_TRY(column_move(maker, &old, field, to, &empty, err));
    objects_forget(maker);
    if (empty) return HB_OK;
    old.field = table_text(&maker->table->arena, "%.*s~%.*s", field->name, old.physical);
    if (old.field.ptr == NULL) return hb_err_memory(err);
    old.side = 0;
    HB_TRY(column_record(maker, &old, err));
    return known_add(maker, &old, err);
}

/* The field is here again, or still is. */
static hb_status column_return(table_maker *maker, known_column **known, const hb_field *field,
                               hb_err *err) {
    hb_str type;
    HB_TRY(type_text(maker, field->type, &type, err));
    if (hb_str_eq((*known)->type, type)) return HB_OK;
    bool differs = (*known)->kind != field->kind;
    for (uint32_t i = 0; i < maker->known_count && !differs; i++) {
        differs = is_left(&maker->known[i], field->name);
    }
    const sqlite_move look = { .from = (*known)->physical,
                               .from_kind = (*known)->kind,
                               .type = field->type };
    if (!differs) HB_TRY(sqlite_cells_move(maker->table, &look, &differs, err));
    if (differs) HB_TRY(columns_move(maker, *known, field, err));
    *known = known_find(maker, field->name);
    (*known)->type = type;
    (*known)->recorded = false;
    return HB_OK;
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
    } else if (known->side == SIDE_BLOBS || side == SIDE_BLOBS) {
        HB_TRY(column_blobs(maker, known, field, side, err));
    } else {
        HB_TRY(column_return(maker, &known, field, err));
    }
    /* Another meaning of the items: they are made anew. */
    if (known->recorded && known->side > 0 && side > 0 && known->side != side) {
        hb_str items = item_table_name(maker, known->physical);
        if (items.ptr == NULL) return hb_err_memory(err);
        HB_TRY(sqlite_ddl_name(table->conn, "DROP TABLE IF EXISTS ", items, err));
        objects_forget(maker);
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

/* The columns among them that hold what the type of a field did not take. */
static hb_status maker_left(table_maker *maker, hb_err *err) {
    sqlite_table *table = maker->table;
    const hb_container *container = table->container;
    sqlite_left *left = hb_arena_array(&table->arena, maker->known_count, sizeof(*left));
    if (left == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < maker->known_count; i++) {
        const known_column *known = &maker->known[i];
        for (uint32_t place = 1; place < container->field_count; place++) {
            const hb_field *field = &container->schema->fields[container->fields[place].field];
            if (!is_left(known, field->name)) continue;
            left[table->left_count++] = (sqlite_left){ known->physical, place, known->kind };
        }
    }
    table->left = left;
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
    return sqlite_own_fill_side(table, place, err);
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
        HB_TRY(records_delete(table, err));
        HB_TRY(table_create(maker, err));
    }
    table->columns[0] = HB_STR("object_id");
    for (uint32_t i = 1; i < container->field_count; i++) {
        HB_TRY(maker_column(maker, i, err));
    }
    if (maker->objects.count == 0) HB_TRY(objects_read(maker, err));
    HB_TRY(maker_cleared(maker, err));
    HB_TRY(maker_left(maker, err));
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
    return records_delete(table, err);
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
        "CREATE TABLE IF NOT EXISTS hb_types (ws TEXT NOT NULL, entity TEXT NOT NULL,"
        " physical TEXT NOT NULL, type TEXT NOT NULL,"
        " PRIMARY KEY (ws, entity, physical)) STRICT, WITHOUT ROWID;"
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
    .write_sides = sqlite_own_write_sides,
    .remove_sides = sqlite_own_remove_sides,
    .check_sides = sqlite_own_check_sides,
    .rebuild_sides = sqlite_own_rebuild_sides,
};
