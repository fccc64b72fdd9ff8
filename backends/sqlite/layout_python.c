// SPDX-License-Identifier: MIT
/* Layout "python": the tables of HeavenBase for Python in a SQLite file.
 *
 *   <entity>            '-' is '_'; object_id VARCHAR(63) primary key, a column per field, and
 *                       _present_<field> instead of it where the items are in a side table
 *   <entity>_<field>    side table of an array or HyperG: python_sides.c
 *   hb_gram_*           keyword index of text arrays: python_gram.c
 *   "heavenbase/meta"   ours: definitions and intents. No entity of Python can have this name
 *
 * Such a file is not divided by workspaces: all of them share its tables. Queries read through two
 * temporary views per container, which show the tables in the shape of our own layout:
 *
 *   <ws>/<entity>           slot, object_id, c<place>...
 *   <ws>/<entity>/c<place>  slot, item: of arrays whose items an operator asks for
 *
 * Nothing but Python's tables is derived from the rows, so that nothing grows old when Python
 * writes. */
#include "backends/sqlite/python.h"
#include "base/format.h"

#define CHECK_DIGITS 12         /* of the hash in the name of a check constraint */
#define COMPOSITE_MAX 3u        /* HyperG columns in the index over several */

typedef struct python_maker {
    sqlite_table *table;
    hb_arena scratch;
    hb_map columns; /* columns that the table has: value 1 when it takes nulls, else 0 */
} python_maker;

static const hb_field *field_at(const sqlite_table *table, uint32_t place) {
    return &table->container->schema->fields[table->container->fields[place].field];
}

static const hb_type identifier_type = { .id = HB_TYPE_IDENTIFIER, .max_chars = 63 };

/* ---- columns ------------------------------------------------------------------------------------
 */

/* The most characters of a text column. */
static uint32_t text_chars(const hb_type *type) {
    if (type->id == HB_TYPE_DATE) return 10;
    if (type->id != HB_TYPE_CATEGORICAL) return type->max_chars;
    uint32_t most = 1;
    for (uint32_t i = 0; i < type->value_count; i++) {
        uint32_t count = hb_utf8_count(type->values[i]);
        if (count > most) most = count;
    }
    return most;
}

/* "CONSTRAINT ck_hb_text_<hash> CHECK (typeof(<name>) IN ('text', 'null'))": what Python takes as
 * proof that it may compare texts in SQL. */
static void add_check(hb_sql *sql, hb_str name) {
    char hash[HB_OBJECT_ID_HASH_LEN];
    hb_hash_decimal(name, hash);
    hb_buf_printf(&sql->text, " CONSTRAINT ck_hb_text_%.*s CHECK (typeof(", CHECK_DIGITS, hash);
    hb_sql_ident(sql, name);
    hb_sql_add(sql, ") IN ('text', 'null'))");
}

static void add_column(hb_sql *sql, hb_str name, const hb_type *type, bool required) {
    hb_sql_ident(sql, name);
    bool text = false;
    switch (sqlite_python_cell(type)) {
    case PYTHON_TEXT:
        text = true;
        hb_buf_printf(&sql->text, " VARCHAR(%u) COLLATE \"BINARY\"", (unsigned)text_chars(type));
        break;
    case PYTHON_INT: {
        bool time = type->id == HB_TYPE_TIMESTAMP || type->id == HB_TYPE_DURATION;
        hb_sql_add(sql, time ? " BIGINT" : " INTEGER");
        break;
    }
    case PYTHON_FLOAT: hb_sql_add(sql, " FLOAT"); break;
    case PYTHON_BOOL: hb_sql_add(sql, " BOOLEAN"); break;
    case PYTHON_BYTES: hb_sql_add(sql, " BLOB"); break;
    case PYTHON_JSON: hb_sql_add(sql, " TEXT"); break;
    }
    if (required) hb_sql_add(sql, " NOT NULL");
    if (text) add_check(sql, name);
}

static hb_status columns_read(python_maker *maker, hb_err *err) {
    sqlite3_stmt *stmt = NULL;
    sqlite_conn *conn = maker->table->conn;
    HB_TRY(sqlite_prepare(
        conn, HB_STR("SELECT name, \"notnull\" FROM pragma_table_info(?, 'main')"), &stmt, err));
    sqlite_bind_str(stmt, 1, maker->table->target);
    hb_status status = HB_OK;
    int rc;
    while (status == HB_OK && (rc = sqlite3_step(stmt)) != SQLITE_DONE) {
        if (rc != SQLITE_ROW) {
            status = sqlite_fail(conn, rc, err);
            break;
        }
        hb_str name = hb_arena_str(&maker->table->arena, sqlite_text_at(stmt, 0));
        uint32_t nullable = sqlite3_column_int(stmt, 1) == 0 ? 1 : 0;
        if (name.ptr == NULL || !hb_map_put(&maker->columns, name, nullable)) {
            status = hb_err_memory(err);
        }
    }
    sqlite3_finalize(stmt);
    return status;
}

static hb_status table_create(python_maker *maker, hb_err *err) {
    sqlite_table *table = maker->table;
    hb_sql sql = sqlite_ddl(table->conn, "CREATE TABLE main.");
    hb_sql_ident(&sql, table->target);
    hb_sql_add(&sql, " (\n\t");
    add_column(&sql, HB_STR("object_id"), &identifier_type, true);
    for (uint32_t i = 1; i < table->field_count; i++) {
        if (table->forms[i] == SQLITE_AS_FLAG) continue;
        const hb_field *field = field_at(table, i);
        hb_sql_add(&sql, ", \n\t");
        add_column(&sql, field->name, field->type, field->required && !table->container->gaps);
    }
    hb_sql_add(&sql, ", \n\tPRIMARY KEY (object_id)\n)");
    return sqlite_ddl_run(table->conn, &sql, err);
}

/* A column that is new takes nulls: there are rows without it. */
static hb_status column_make(python_maker *maker, uint32_t place, hb_err *err) {
    sqlite_table *table = maker->table;
    if (hb_map_find(&maker->columns, table->stored[place]) != HB_MAP_NONE) return HB_OK;
    if (table->forms[place] == SQLITE_AS_FLAG) {
        return sqlite_ddl_column_add(table->conn, table->target, table->stored[place], HB_KIND_I64,
                                     err);
    }
    hb_sql sql = sqlite_ddl(table->conn, "ALTER TABLE main.");
    hb_sql_ident(&sql, table->target);
    hb_sql_add(&sql, " ADD COLUMN ");
    add_column(&sql, table->stored[place], field_at(table, place)->type, false);
    return sqlite_ddl_run(table->conn, &sql, err);
}

/* What a rewritten row does not keep, as in Python: values of fields that are not here. */
static hb_status columns_clear(python_maker *maker, hb_err *err) {
    sqlite_table *table = maker->table;
    hb_str *cleared =
        hb_arena_array(&table->arena, (size_t)maker->columns.count + 1, sizeof(*cleared));
    if (cleared == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < maker->columns.cap; i++) {
        const hb_map_slot *slot = &maker->columns.slots[i];
        if (slot->used != 1 || slot->value == 0) continue;
        hb_str name = { slot->ptr, slot->len };
        bool mine = false;
        for (uint32_t k = 0; k < table->field_count && !mine; k++) {
            mine = hb_str_eq(table->stored[k], name);
        }
        if (!mine) cleared[table->cleared_count++] = name;
    }
    table->cleared = cleared;
    return HB_OK;
}

/* ---- indexes ------------------------------------------------------------------------------------
 */

/* ix_<hash of table and columns>, the name by which Python knows an index as its own. */
static hb_status index_make(const sqlite_table *table, hb_str on, const hb_str *columns,
                            uint32_t count, bool unique, hb_err *err) {
    char hash[HB_OBJECT_ID_HASH_LEN];
    python_hash key;
    sqlite_python_hash_begin(&key, table->conn->mem);
    sqlite_python_hash_text(&key, on);
    if (unique) sqlite_python_hash_text(&key, HB_STR("unique"));
    for (uint32_t i = 0; i < count; i++) sqlite_python_hash_text(&key, columns[i]);
    HB_TRY(sqlite_python_hash_end(&key, hash, err));
    char name[sizeof(hash) + 4];
    hb_format(name, sizeof(name), "ix_%.*s", (int)sizeof(hash), hash);
    bool there;
    HB_TRY(sqlite_ddl_has(table->conn, "index", hb_str_c(name), &there, err));
    if (there) return HB_OK;
    hb_sql sql =
        sqlite_ddl(table->conn, unique ? "CREATE UNIQUE INDEX main." : "CREATE INDEX main.");
    hb_sql_add(&sql, name);
    hb_sql_add(&sql, " ON ");
    hb_sql_ident(&sql, on);
    for (uint32_t i = 0; i < count; i++) {
        hb_sql_add(&sql, i == 0 ? " (" : ", ");
        hb_sql_ident(&sql, columns[i]);
    }
    hb_sql_add(&sql, ")");
    return sqlite_index_run(table, hb_str_c(name), unique, &sql, err);
}

static hb_status place_indexes(sqlite_table *table, uint32_t place, hb_err *err) {
    const hb_placed *placed = &table->container->fields[place];
    const hb_field *field = field_at(table, place);
    if (!sqlite_kind_is_sortable(field->kind)) return HB_OK;
    if (placed->unique) {
        HB_TRY(sqlite_unique_note(table, &place, 1, err));
        return index_make(table, table->target, &field->name, 1, true, err);
    }
    return placed->indexed ? index_make(table, table->target, &field->name, 1, false, err) : HB_OK;
}

static hb_status group_indexes(python_maker *maker, const hb_field_group *groups,
                               uint32_t group_count, bool unique, hb_err *err) {
    sqlite_table *table = maker->table;
    for (uint32_t g = 0; g < group_count; g++) {
        uint32_t count = groups[g].field_count;
        uint32_t *places = hb_arena_array(&maker->scratch, (size_t)count + 1, sizeof(*places));
        hb_str *names = hb_arena_array(&maker->scratch, (size_t)count + 1, sizeof(*names));
        if (places == NULL || names == NULL) return hb_err_memory(err);
        if (!sqlite_group_places(table, &groups[g], places)) continue;
        for (uint32_t i = 0; i < count; i++) names[i] = table->stored[places[i]];
        HB_TRY(index_make(table, table->target, names, count, unique, err));
        if (unique) HB_TRY(sqlite_unique_note(table, places, count, err));
    }
    return HB_OK;
}

/* ---- side tables
 * --------------------------------------------------------------------------------- */

static bool hyper_is_indexed(const hb_hyper_field *column) {
    switch (column->type->id) {
    case HB_TYPE_IDENTIFIER:
    case HB_TYPE_SHORT_TEXT:
    case HB_TYPE_INTEGER:
    case HB_TYPE_FLOAT:
    case HB_TYPE_CATEGORICAL:
    case HB_TYPE_TIMESTAMP:
    case HB_TYPE_DURATION:
    case HB_TYPE_DATE: return column->filterable;
    case HB_TYPE_MEDIUM_TEXT:
    case HB_TYPE_LONG_TEXT:
    case HB_TYPE_BOOLEAN:
    case HB_TYPE_ARRAY:
    case HB_TYPE_VECTOR:
    case HB_TYPE_JSON:
    case HB_TYPE_HYPER_G:
    case HB_TYPE_ARTIFACT:
    case HB_TYPE_COUNT: break;
    }
    return false;
}

static hb_status side_indexes(const sqlite_table *table, hb_str name, const hb_type *type,
                              hb_err *err) {
    const hb_str owner = HB_STR("object_id"), order = HB_STR("idx"), item = HB_STR("item");
    HB_TRY(index_make(table, name, &owner, 1, false, err));
    HB_TRY(index_make(table, name, (hb_str[]){ owner, order }, 2, false, err));
    if (type->id == HB_TYPE_ARRAY) {
        return index_make(table, name, (hb_str[]){ item, owner }, 2, false, err);
    }
    hb_str several[COMPOSITE_MAX + 1];
    uint32_t count = 0;
    for (uint32_t i = 0; i < type->column_count; i++) {
        if (!hyper_is_indexed(&type->columns[i])) continue;
        hb_str column = type->columns[i].name;
        if (count < COMPOSITE_MAX) several[count++] = column;
        HB_TRY(index_make(table, name, (hb_str[]){ column, owner }, 2, false, err));
    }
    if (count == 0) return HB_OK;
    several[count] = owner;
    return index_make(table, name, several, count + 1, false, err);
}

static hb_status side_make(python_maker *maker, uint32_t place, hb_err *err) {
    sqlite_table *table = maker->table;
    const hb_type *type = field_at(table, place)->type;
    hb_str name = sqlite_python_side_name(table, place, &maker->scratch);
    if (name.ptr == NULL) return hb_err_memory(err);
    bool there;
    HB_TRY(sqlite_ddl_has(table->conn, "table", name, &there, err));
    if (!there) {
        hb_sql sql = sqlite_ddl(table->conn, "CREATE TABLE main.");
        hb_sql_ident(&sql, name);
        hb_sql_add(&sql, " (\n\t");
        add_column(&sql, HB_STR("_id"), &identifier_type, true);
        hb_sql_add(&sql, ", \n\t");
        add_column(&sql, HB_STR("object_id"), &identifier_type, true);
        hb_sql_add(&sql, ", \n\tidx INTEGER NOT NULL");
        if (type->id == HB_TYPE_ARRAY) {
            hb_sql_add(&sql, ", \n\t");
            add_column(&sql, HB_STR("item"), type->item, true);
        }
        for (uint32_t i = 0; i < type->column_count; i++) {
            hb_sql_add(&sql, ", \n\t");
            add_column(&sql, type->columns[i].name, type->columns[i].type,
                       type->columns[i].required);
        }
        hb_sql_add(&sql, ", \n\tPRIMARY KEY (_id)\n)");
        HB_TRY(sqlite_ddl_run(table->conn, &sql, err));
    }
    return side_indexes(table, name, type, err);
}

/* ---- views
 * --------------------------------------------------------------------------------------- */

static void add_letter(hb_sql *sql, python_cell cell) {
    hb_buf_printf(&sql->text, "'%c', ", sqlite_python_letter(cell));
}

/* The JSON list of the rows of a side table, null where the object has no value. */
static hb_status add_side_list(python_maker *maker, hb_sql *sql, uint32_t place, hb_err *err) {
    sqlite_table *table = maker->table;
    const hb_type *type = field_at(table, place)->type;
    hb_str name = sqlite_python_side_name(table, place, &maker->scratch);
    if (name.ptr == NULL) return hb_err_memory(err);
    hb_sql_add(sql, "CASE WHEN t.");
    hb_sql_ident(sql, table->stored[place]);
    hb_sql_add(sql, " = 0 THEN NULL ELSE (SELECT hb_py_items(");
    if (type->id == HB_TYPE_ARRAY) {
        add_letter(sql, sqlite_python_cell(type->item));
        hb_sql_add(sql, "s.item");
    } else {
        hb_sql_add(sql, "'j', hb_py_object(");
        for (uint32_t i = 0; i < type->column_count; i++) {
            hb_sql_add(sql, i > 0 ? ", '" : "'"); /* a name is an identifier: no quotes in it */
            hb_buf_add_str(&sql->text, type->columns[i].name);
            hb_sql_add(sql, "', ");
            add_letter(sql, sqlite_python_cell(type->columns[i].type));
            hb_sql_add(sql, "s.");
            hb_sql_ident(sql, type->columns[i].name);
        }
        hb_sql_add(sql, ")");
    }
    hb_sql_add(sql, " ORDER BY s.idx) FROM main.");
    hb_sql_ident(sql, name);
    hb_sql_add(sql, " s WHERE s.object_id = t.object_id) END");
    return HB_OK;
}

static hb_status add_view_column(python_maker *maker, hb_sql *sql, uint32_t place, hb_err *err) {
    const sqlite_table *table = maker->table;
    if (table->forms[place] == SQLITE_AS_FLAG) return add_side_list(maker, sql, place, err);
    bool text = table->forms[place] == SQLITE_AS_TEXT;
    bool vector = field_at(table, place)->type->id == HB_TYPE_VECTOR;
    if (text) hb_sql_add(sql, vector ? "hb_py_vector(" : "hb_py_json(");
    hb_sql_add(sql, "t.");
    hb_sql_ident(sql, table->stored[place]);
    if (text) hb_sql_add(sql, ")");
    return HB_OK;
}

static hb_sql view_start(const sqlite_table *table, hb_str name) {
    hb_sql sql = sqlite_ddl(table->conn, "CREATE TEMP VIEW ");
    hb_sql_ident(&sql, name);
    return sql;
}

static hb_status view_make(python_maker *maker, hb_err *err) {
    sqlite_table *table = maker->table;
    HB_TRY(sqlite_ddl_name(table->conn, "DROP VIEW IF EXISTS temp.", table->name, err));
    hb_sql sql = view_start(table, table->name);
    hb_sql_add(&sql, " AS SELECT t.rowid AS slot, t.object_id AS object_id");
    hb_status status = HB_OK;
    for (uint32_t i = 1; i < table->field_count && status == HB_OK; i++) {
        hb_sql_add(&sql, ", ");
        status = add_view_column(maker, &sql, i, err);
        hb_sql_add(&sql, " AS ");
        hb_sql_ident(&sql, table->columns[i]);
    }
    hb_sql_add(&sql, " FROM main.");
    hb_sql_ident(&sql, table->target);
    hb_sql_add(&sql, " t");
    if (status == HB_OK) return sqlite_ddl_run(table->conn, &sql, err);
    hb_sql_free(&sql);
    return status;
}

/* Items by slot: rows of the side table, or of the list in the row itself. */
static hb_status items_view_make(python_maker *maker, uint32_t place, hb_err *err) {
    sqlite_table *table = maker->table;
    hb_str name = hb_arena_printf(&table->arena, "%.*s/%.*s", HB_ARG(table->name),
                                  HB_ARG(table->columns[place]));
    hb_str side = sqlite_python_side_name(table, place, &maker->scratch);
    if (name.ptr == NULL || side.ptr == NULL) return hb_err_memory(err);
    HB_TRY(sqlite_ddl_name(table->conn, "DROP VIEW IF EXISTS temp.", name, err));
    hb_sql sql = view_start(table, name);
    if (table->forms[place] == SQLITE_AS_FLAG) {
        hb_sql_add(&sql, " AS SELECT t.rowid AS slot, s.item AS item FROM main.");
        hb_sql_ident(&sql, side);
        hb_sql_add(&sql, " s JOIN main.");
        hb_sql_ident(&sql, table->target);
        hb_sql_add(&sql, " t ON t.object_id = s.object_id");
    } else {
        hb_sql_add(&sql, " AS SELECT t.rowid AS slot, j.value AS item FROM main.");
        hb_sql_ident(&sql, table->target);
        hb_sql_add(&sql, " t, json_each(t.");
        hb_sql_ident(&sql, table->stored[place]);
        hb_sql_add(&sql, ") j");
    }
    table->sides[place] = name;
    return sqlite_ddl_run(table->conn, &sql, err);
}

/* ---- making
 * -------------------------------------------------------------------------------------- */

/* The file goes before the strategy: a list that the table has as a column stays there, and one
 * that has a side table stays in it. */
static hb_status place_form(python_maker *maker, uint32_t place, hb_err *err) {
    sqlite_table *table = maker->table;
    const hb_field *field = field_at(table, place);
    hb_str present = hb_arena_printf(&table->arena, "_present_%.*s", HB_ARG(field->name));
    if (present.ptr == NULL) return hb_err_memory(err);
    bool list = field->type->id == HB_TYPE_ARRAY || field->type->id == HB_TYPE_HYPER_G;
    bool side = sqlite_python_has_side(field->type, table->container->fields[place].strategy);
    if (list && hb_map_find(&maker->columns, present) != HB_MAP_NONE) {
        side = true;
    } else if (list && hb_map_find(&maker->columns, field->name) != HB_MAP_NONE) {
        side = false;
    }
    bool text = field->kind == HB_KIND_PACK || field->kind == HB_KIND_VEC;
    table->forms[place] = side ? SQLITE_AS_FLAG : text ? SQLITE_AS_TEXT : SQLITE_AS_IS;
    table->stored[place] = side ? present : field->name;
    return HB_OK;
}

/* SQLite's names ignore ASCII case. */
static hb_status names_check(const sqlite_table *table, hb_err *err) {
    for (uint32_t i = 1; i < table->field_count; i++) {
        for (uint32_t k = 0; k < i; k++) {
            if (!hb_str_eq_nocase(table->stored[i], table->stored[k])) continue;
            hb_err_set(
                err, HB_E_UNSUPPORTED_STORAGE,
                "the layout 'python' cannot hold two fields whose names differ in case only");
            return hb_err_where(err, table->container->schema->entity_id, table->stored[i],
                                table->conn->instance->name);
        }
    }
    return HB_OK;
}

static hb_status names_make(python_maker *maker, hb_err *err) {
    sqlite_table *table = maker->table;
    const hb_container *container = table->container;
    hb_arena *arena = &table->arena;
    hb_str entity = container->schema->entity_id;
    char *target = hb_arena_copy(arena, entity.ptr, entity.len);
    table->name =
        hb_arena_printf(arena, "%.*s/%.*s", HB_ARG(container->workspace_id), HB_ARG(entity));
    table->stored = HB_NEW_ARRAY(arena, hb_str, table->field_count);
    if (target == NULL || table->name.ptr == NULL || table->stored == NULL)
        return hb_err_memory(err);
    for (uint32_t i = 0; i < entity.len; i++) {
        if (target[i] == '-') target[i] = '_';
    }
    table->target = (hb_str){ target, entity.len };
    table->columns[0] = table->stored[0] = HB_STR("object_id");
    HB_TRY(columns_read(maker, err));
    for (uint32_t i = 1; i < table->field_count; i++) {
        table->columns[i] = hb_arena_printf(arena, "c%u", (unsigned)i);
        if (table->columns[i].ptr == NULL) return hb_err_memory(err);
        HB_TRY(place_form(maker, i, err));
    }
    return names_check(table, err);
}

static hb_status place_make(python_maker *maker, uint32_t place, hb_err *err) {
    sqlite_table *table = maker->table;
    const hb_type *type = field_at(table, place)->type;
    hb_strategy strategy = table->container->fields[place].strategy;
    HB_TRY(column_make(maker, place, err));
    if (table->forms[place] == SQLITE_AS_FLAG) HB_TRY(side_make(maker, place, err));
    if (sqlite_python_has_gram(type, strategy)) HB_TRY(sqlite_python_gram_make(table, place, err));
    if (strategy != HB_STRATEGY_GRAPH && sqlite_has_item_table(type, strategy))
        HB_TRY(items_view_make(maker, place, err));
    if (table->forms[place] == SQLITE_AS_FLAG || table->grams[place].len > 0) {
        table->tracks_slots = true;
    }
    return place_indexes(table, place, err);
}

/* ---- drift ------------------------------------------------------------------------------------
 */

/* 't' text, 'n' number, 'b' bytes, 0: anything. */
static char class_of_cell(python_cell cell) {
    switch (cell) {
    case PYTHON_TEXT: return 't';
    case PYTHON_INT:
    case PYTHON_FLOAT:
    case PYTHON_BOOL: return 'n';
    case PYTHON_BYTES: return 'b';
    case PYTHON_JSON: break;
    }
    return 0;
}

static bool has_word(hb_str text, hb_str word) {
    for (uint32_t i = 0; i + word.len <= text.len; i++) {
        if (hb_str_eq_nocase(hb_str_sub(text, i, word.len), word)) return true;
    }
    return false;
}

/* By SQLite's rules of affinity. */
static char class_of_type(hb_str type) {
    static const char *const texts[] = { "char", "clob", "text" };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (has_word(type, hb_str_c(texts[i]))) return 't';
    }
    if (type.len == 0) return 0;
    return has_word(type, HB_STR("blob")) ? 'b' : 'n';
}

static const char *class_word(char class) {
    switch (class) {
    case 't': return "text";
    case 'n': return "a number";
    case 'b': return "bytes";
    default: return "TEXT of JSON";
    }
}

/* Texts where an entity that is new here wants JSON: no value of the column could be read. */
static bool holds_texts(const sqlite_table *table, const hb_field *field, hb_str type) {
    return !table->container->made && sqlite_python_cell(field->type) == PYTHON_JSON &&
           has_word(type, HB_STR("varchar"));
}

/* Views and indexes of the column would forbid it; they are made again. */
static hb_status column_retype(sqlite_table *table, uint32_t place, hb_err *err) {
    sqlite_conn *conn = table->conn;
    const hb_field *field = field_at(table, place);
    HB_TRY(sqlite_ddl_name(conn, "DROP VIEW IF EXISTS temp.", table->name, err));
    for (int i = 0; i < 100; i++) {
        sqlite3_stmt *stmt = NULL;
        HB_TRY(sqlite_prepare(conn,
                              HB_STR("SELECT l.name FROM pragma_index_list(?1, 'main') l"
                                     " JOIN pragma_index_info(l.name, 'main') c"
                                     " WHERE l.origin = 'c' AND c.name = ?2 COLLATE NOCASE"),
                              &stmt, err));
        sqlite_bind_str(stmt, 1, table->target);
        sqlite_bind_str(stmt, 2, table->stored[place]);
        bool any = sqlite3_step(stmt) == SQLITE_ROW;
        hb_str name = any ? hb_arena_str(&table->arena, sqlite_text_at(stmt, 0)) : HB_STR_EMPTY;
        sqlite3_finalize(stmt);
        if (!any) break;
        if (name.ptr == NULL) return hb_err_memory(err);
        HB_TRY(sqlite_ddl_name(conn, "DROP INDEX main.", name, err));
    }
    return sqlite_column_retype(conn, table->target, table->stored[place], field->kind, err);
}

static hb_status drift_column(python_maker *maker, uint32_t place, hb_err *err) {
    sqlite_table *table = maker->table;
    const hb_field *field = field_at(table, place);
    const hb_str column = table->stored[place];
    hb_str type;
    bool mend;
    HB_TRY(sqlite_column_type(table->conn, table->target, column, &maker->scratch, &type, err));
    if (type.ptr == NULL) {
        if (!table->container->made || field->implicit) return HB_OK; /* the field is new here */
        return sqlite_drift(table, table->target, field->name, &mend, err, "column '%.*s' is gone",
                            HB_ARG(column));
    }
    const bool flag = table->forms[place] == SQLITE_AS_FLAG;
    const char want = flag ? 'n' : class_of_cell(sqlite_python_cell(field->type));
    const char have = class_of_type(type);
    const bool differs = want != 0 && have != 0 && want != have;
    if (differs || (!flag && holds_texts(table, field, type))) {
        HB_TRY(sqlite_drift(table, table->target, field->name, &mend, err,
                            "column '%.*s' is %.*s: expected %s", HB_ARG(column),
                            HB_ARG(hb_str_sub(type, 0, 40)), class_word(want)));
        if (mend) HB_TRY(column_retype(table, place, err));
    }
    if (!flag) return HB_OK;
    hb_str side = sqlite_python_side_name(table, place, &maker->scratch);
    bool there;
    if (side.ptr == NULL) return hb_err_memory(err);
    HB_TRY(sqlite_ddl_has(table->conn, "table", side, &there, err));
    if (there) return HB_OK;
    HB_TRY(sqlite_drift(table, side, field->name, &mend, err, "the table of its items is gone"));
    if (!mend) return HB_OK;
    hb_sql sql = sqlite_ddl(table->conn, "UPDATE main.");
    hb_sql_ident(&sql, table->target);
    hb_sql_add(&sql, " SET ");
    hb_sql_ident(&sql, column);
    hb_sql_add(&sql, " = 0");
    return sqlite_ddl_run(table->conn, &sql, err);
}

static hb_status maker_compare(python_maker *maker, hb_err *err) {
    sqlite_table *table = maker->table;
    bool mend;
    if (maker->columns.count == 0) {
        if (!table->container->made) return HB_OK;
        return sqlite_drift(table, table->target, HB_STR_EMPTY, &mend, err, "it is gone");
    }
    for (uint32_t i = 1; i < table->field_count; i++) HB_TRY(drift_column(maker, i, err));
    return HB_OK;
}

static hb_status maker_run(python_maker *maker, hb_err *err) {
    sqlite_table *table = maker->table;
    const hb_schema *schema = table->container->schema;
    HB_TRY(names_make(maker, err));
    HB_TRY(maker_compare(maker, err));
    HB_TRY(sqlite_drift_stop(table, err));
    table->fresh = maker->columns.count == 0;
    if (table->fresh) HB_TRY(table_create(maker, err));
    HB_TRY(columns_read(maker, err));
    for (uint32_t i = 1; i < table->field_count; i++) HB_TRY(place_make(maker, i, err));
    HB_TRY(columns_clear(maker, err));
    HB_TRY(group_indexes(maker, schema->indexes, schema->index_count, false, err));
    HB_TRY(group_indexes(maker, schema->uniques, schema->unique_count, true, err));
    return view_make(maker, err);
}

static hb_status python_make(sqlite_table *table, hb_err *err) {
    python_maker maker = { .table = table };
    hb_arena_init(&maker.scratch, table->conn->mem);
    hb_map_init(&maker.columns, table->conn->mem);
    hb_status status = maker_run(&maker, err);
    hb_map_free(&maker.columns);
    hb_arena_free(&maker.scratch);
    return status;
}

static hb_status python_clear(sqlite_table *table, hb_err *err) {
    sqlite_conn *conn = table->conn;
    for (uint32_t i = 1; i < table->field_count; i++) {
        if (table->sides[i].len > 0) {
            HB_TRY(sqlite_ddl_name(conn, "DROP VIEW IF EXISTS temp.", table->sides[i], err));
        }
        if (table->forms[i] != SQLITE_AS_FLAG) continue;
        hb_str side = sqlite_python_side_name(table, i, &table->arena);
        if (side.ptr == NULL) return hb_err_memory(err);
        HB_TRY(sqlite_ddl_name(conn, "DROP TABLE IF EXISTS main.", side, err));
    }
    HB_TRY(sqlite_ddl_name(conn, "DROP VIEW IF EXISTS temp.", table->name, err));
    HB_TRY(sqlite_python_gram_clear(table, err));
    return sqlite_ddl_name(conn, "DROP TABLE IF EXISTS main.", table->target, err);
}

static hb_status python_prepare(sqlite_conn *conn, hb_err *err) {
    return sqlite_run(conn,
                      "CREATE TABLE IF NOT EXISTS main.\"heavenbase/meta\" (ws TEXT NOT NULL,"
                      " key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (ws, key))"
                      " WITHOUT ROWID",
                      err);
}

const sqlite_layout sqlite_layout_python = {
    .name = "python",
    .meta = "main.\"heavenbase/meta\"",
    .keyed_by_id = true,
    .prepare = python_prepare,
    .make = python_make,
    .clear = python_clear,
    .add_text = sqlite_python_add_text,
    .write_sides = sqlite_python_write_sides,
    .remove_sides = sqlite_python_remove_sides,
    .check_sides = sqlite_python_check_sides,
    .rebuild_sides = sqlite_python_rebuild_sides,
};
