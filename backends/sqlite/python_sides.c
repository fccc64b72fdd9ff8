// SPDX-License-Identifier: MIT
/* Side tables of Python's layout: one row per item of an array or HyperG, keyed by object_id, with
 * the hash of (table, object_id, idx) as primary key. */
#include "backends/sqlite/python.h"

#include "value/python_json.h"

#define FIRST_ITEM_COLUMN 4     /* after _id, object_id, idx */

typedef struct side_writer {
    sqlite_table *table;
    uint32_t place;
    const hb_type *type;
    hb_str name, object_id;
    hb_buf text;                /* JSON texts of one row */
} side_writer;

bool sqlite_python_has_side(const hb_type *type, hb_strategy strategy) {
    return strategy == HB_STRATEGY_SIDE &&
           (type->id == HB_TYPE_ARRAY || type->id == HB_TYPE_HYPER_G);
}

static const hb_field *field_at(const sqlite_table *table, uint32_t place) {
    return &table->container->schema->fields[table->container->fields[place].field];
}

hb_str sqlite_python_side_name(const sqlite_table *table, uint32_t place, hb_arena *arena) {
    return hb_arena_printf(arena, "%.*s_%.*s", HB_ARG(table->target),
                           HB_ARG(field_at(table, place)->name));
}

static hb_status side_prepare(sqlite_table *table, uint32_t place, hb_str name, hb_err *err) {
    if (table->side_add[place] != NULL) return HB_OK;
    const hb_type *type = field_at(table, place)->type;
    hb_sql sql = sqlite_ddl(table->conn, "INSERT INTO main.");
    hb_sql_ident(&sql, name);
    hb_sql_add(&sql, " (_id, object_id, idx");
    if (type->id == HB_TYPE_ARRAY) hb_sql_add(&sql, ", item) VALUES (?, ?, ?, ?)");
    for (uint32_t i = 0; i < type->column_count; i++) {
        hb_sql_add(&sql, ", ");
        hb_sql_ident(&sql, type->columns[i].name);
    }
    if (type->id == HB_TYPE_HYPER_G) hb_sql_add(&sql, ") VALUES (?, ?, ?");
    for (uint32_t i = 0; i < type->column_count; i++) hb_sql_add(&sql, ", ?");
    if (type->id == HB_TYPE_HYPER_G) hb_sql_add(&sql, ")");
    HB_TRY(sqlite_ddl_prepare(table->conn, &table->side_add[place], &sql, err));
    sql = sqlite_ddl(table->conn, "DELETE FROM main.");
    hb_sql_ident(&sql, name);
    hb_sql_add(&sql, " WHERE object_id = ?");
    return sqlite_ddl_prepare(table->conn, &table->side_remove[place], &sql, err);
}

/* ---- one row ----------------------------------------------------------------------------------
 */

static hb_status cell_fail(const side_writer *writer, hb_err *err) {
    const hb_container *container = writer->table->container;
    hb_err_set(err, HB_E_VALIDATION,
               "the layout 'python' holds no null and no other type in an item of a side table");
    return hb_err_where(err, container->schema->entity_id,
                        field_at(writer->table, writer->place)->name,
                        writer->table->conn->instance->name);
}

/* Binds the whole value `pack` to parameter `at`. */
static hb_status cell_bind(side_writer *writer, int at, python_cell cell, hb_str pack,
                           hb_err *err) {
    sqlite3_stmt *stmt = writer->table->side_add[writer->place];
    hb_pack_reader reader = hb_pack_read(pack);
    hb_pack_item item;
    if (!hb_pack_next(&reader, &item)) return cell_fail(writer, err);
    if (cell != PYTHON_JSON && item.tag == HB_PACK_EXT) return cell_fail(writer, err);
    if (cell == PYTHON_JSON) {
        hb_buf_clear(&writer->text);
        HB_TRY(hb_python_json_write(pack, 4, false, &writer->text, err));
        HB_TRY(hb_buf_check(&writer->text, err));
        int rc =
            sqlite3_bind_text(stmt, at, writer->text.ptr, (int)writer->text.len, SQLITE_TRANSIENT);
        return rc == SQLITE_OK ? HB_OK : sqlite_fail(writer->table->conn, rc, err);
    }
    hb_value value;
    HB_TRY(hb_pack_to_value(pack, NULL, &value, err));
    if (value.kind == HB_KIND_NULL || value.kind == HB_KIND_VEC || value.kind == HB_KIND_PACK) {
        return cell_fail(writer, err);
    }
    if (cell == PYTHON_FLOAT && value.kind == HB_KIND_I64) {
        value = (hb_value){ .kind = HB_KIND_F64, .as.f = (double)value.as.i };
    }
    int rc = sqlite_bind_value(stmt, at, &value);
    return rc == SQLITE_OK ? HB_OK : sqlite_fail(writer->table->conn, rc, err);
}

static hb_status hyper_bind(side_writer *writer, hb_str item, hb_err *err) {
    sqlite3_stmt *stmt = writer->table->side_add[writer->place];
    for (uint32_t i = 0; i < writer->type->column_count; i++) {
        const hb_hyper_field *column = &writer->type->columns[i];
        hb_pack_reader reader = hb_pack_read(item);
        hb_pack_item header, key;
        hb_str whole;
        int at = FIRST_ITEM_COLUMN + (int)i;
        sqlite3_bind_null(stmt, at);
        if (!hb_pack_next(&reader, &header) || header.tag != HB_PACK_MAP) {
            return cell_fail(writer, err);
        }
        for (uint32_t p = 0; p < header.count; p++) {
            if (!hb_pack_next(&reader, &key) || !hb_pack_skip(&reader, &whole)) break;
            bool null = whole.len == 1 && (uint8_t)whole.ptr[0] == 0xc0;
            if (null || !hb_str_eq(key.s, column->name)) continue;
            HB_TRY(cell_bind(writer, at, sqlite_python_cell(column->type), whole, err));
        }
    }
    return HB_OK;
}

static hb_status side_row(side_writer *writer, uint32_t idx, hb_str item, hb_err *err) {
    sqlite_table *table = writer->table;
    sqlite3_stmt *stmt = table->side_add[writer->place];
    char id[HB_OBJECT_ID_HASH_LEN];
    python_hash hash;
    sqlite_python_hash_begin(&hash, table->conn->mem);
    sqlite_python_hash_text(&hash, writer->name);
    sqlite_python_hash_text(&hash, writer->object_id);
    sqlite_python_hash_int(&hash, idx);
    HB_TRY(sqlite_python_hash_end(&hash, id, err));
    sqlite_bind_str(stmt, 1, (hb_str){ id, sizeof(id) });
    sqlite_bind_str(stmt, 2, writer->object_id);
    sqlite3_bind_int64(stmt, 3, idx);
    if (writer->type->id == HB_TYPE_HYPER_G) {
        HB_TRY(hyper_bind(writer, item, err));
    } else {
        HB_TRY(cell_bind(writer, FIRST_ITEM_COLUMN, sqlite_python_cell(writer->type->item), item,
                         err));
    }
    return sqlite_step_done(table->conn, stmt, err);
}

/* ---- the rows of one object ---------------------------------------------------------------------
 */

static hb_status side_remove(sqlite_table *table, uint32_t place, hb_str object_id, hb_err *err) {
    sqlite_bind_str(table->side_remove[place], 1, object_id);
    return sqlite_step_done(table->conn, table->side_remove[place], err);
}

static hb_status side_write(sqlite_table *table, uint32_t place, hb_str object_id, hb_str pack,
                            hb_arena *arena, hb_err *err) {
    side_writer writer = { .table = table, .place = place, .object_id = object_id };
    writer.type = field_at(table, place)->type;
    writer.name = sqlite_python_side_name(table, place, arena);
    if (writer.name.ptr == NULL) return hb_err_memory(err);
    HB_TRY(side_prepare(table, place, writer.name, err));
    HB_TRY(side_remove(table, place, object_id, err));
    if (pack.ptr == NULL) return HB_OK;
    hb_pack_reader reader = hb_pack_read(pack);
    hb_pack_item header;
    if (!hb_pack_next(&reader, &header) || header.tag != HB_PACK_ARRAY)
        return cell_fail(&writer, err);
    hb_buf_init(&writer.text, table->conn->mem);
    hb_status status = HB_OK;
    for (uint32_t i = 0; i < header.count && status == HB_OK; i++) {
        hb_str item;
        if (!hb_pack_skip(&reader, &item)) {
            status = cell_fail(&writer, err);
            break;
        }
        status = side_row(&writer, i, item, err);
    }
    hb_buf_free(&writer.text);
    return status;
}

hb_status sqlite_python_write_sides(sqlite_table *table, const hb_batch *batch, uint32_t row,
                                    int64_t slot, bool existed, hb_err *err) {
    (void)slot;
    (void)existed; /* rows without their object are swept as well */
    hb_arena scratch;
    hb_arena_init(&scratch, table->conn->mem);
    hb_str object_id = hb_column_span(&batch->columns[0], row);
    hb_status status = HB_OK;
    for (uint32_t i = 1; i < batch->column_count && status == HB_OK; i++) {
        if (table->forms[i] != SQLITE_AS_FLAG) continue;
        const hb_column *column = &batch->columns[i];
        bool set = hb_column_cell(column, row) == HB_CELL_VALUE;
        status = side_write(table, i, object_id,
                            set ? hb_column_span(column, row) : (hb_str){ NULL, 0 }, &scratch, err);
    }
    hb_arena_free(&scratch);
    if (status == HB_OK) status = sqlite_python_gram_write(table, batch, row, err);
    return status;
}

hb_status sqlite_python_remove_sides(sqlite_table *table, hb_str object_id, int64_t slot,
                                     hb_err *err) {
    (void)slot;
    hb_arena scratch;
    hb_arena_init(&scratch, table->conn->mem);
    hb_status status = HB_OK;
    for (uint32_t i = 1; i < table->field_count && status == HB_OK; i++) {
        if (table->forms[i] != SQLITE_AS_FLAG) continue;
        hb_str name = sqlite_python_side_name(table, i, &scratch);
        status = name.ptr == NULL ? hb_err_memory(err) : side_prepare(table, i, name, err);
        if (status == HB_OK) status = side_remove(table, i, object_id, err);
    }
    hb_arena_free(&scratch);
    if (status == HB_OK) status = sqlite_python_gram_remove(table, object_id, err);
    return status;
}
