// SPDX-License-Identifier: MIT
#include "backends/sqlite/derived.h"

#define DEAD_MIN 1024u /* removed rows that are put up with before everything is built anew */

hb_status sqlite_derived_init(sqlite_table *table, hb_err *err) {
    const hb_container *container = table->container;
    sqlite_derived *derived = HB_NEW(&table->arena, sqlite_derived);
    if (derived == NULL) return hb_err_memory(err);
    derived->mem = table->conn->mem;
    derived->field_count = container->field_count;
    derived->fields = HB_NEW_ARRAY(&table->arena, derived_field, container->field_count);
    if (derived->fields == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < container->field_count; i++) {
        const hb_type *type = container->schema->fields[container->fields[i].field].type;
        hb_strategy strategy = container->fields[i].strategy;
        derived->fields[i].is_text =
            strategy == HB_STRATEGY_INVERTED && hb_type_kind(type) == HB_KIND_TEXT;
        derived->fields[i].is_vector =
            strategy == HB_STRATEGY_VECTOR && type->id == HB_TYPE_VECTOR && type->dim > 0;
    }
    table->derived = derived;
    return HB_OK;
}

void sqlite_derived_forget(sqlite_table *table) {
    sqlite_derived *derived = table->derived;
    if (derived == NULL) return;
    for (uint32_t i = 0; i < derived->field_count; i++) {
        hb_text_index_free(derived->fields[i].text);
        hb_vector_index_free(derived->fields[i].vector);
        derived->fields[i].text = NULL;
        derived->fields[i].vector = NULL;
    }
    hb_mem_free(derived->mem, derived->rowids, derived->cap * sizeof(int64_t));
    hb_mem_free(derived->mem, derived->ranks, derived->rank_cap * sizeof(uint32_t));
    derived->rowids = NULL;
    derived->ranks = NULL;
    derived->count = derived->cap = derived->rank_cap = derived->dead_count = 0;
    derived->fresh = derived->ranks_fresh = false;
}

void sqlite_derived_free(sqlite_table *table) {
    sqlite_derived_forget(table); /* the rest is in the table's arena */
    table->derived = NULL;
}

bool sqlite_derived_has(const sqlite_table *table, uint32_t place) {
    const derived_field *field = &table->derived->fields[place];
    return field->is_text || field->is_vector;
}

/* ---- positions ------------------------------------------------------------------------------- */

uint32_t sqlite_position(const sqlite_derived *derived, int64_t rowid) {
    uint32_t low = 0, high = derived->count;
    if (high == 0 || rowid < derived->rowids[0]) return SQLITE_NO_POSITION;
    /* Without gaps the position is the distance from the first row. */
    uint64_t guess = (uint64_t)rowid - (uint64_t)derived->rowids[0];
    if (guess < high && derived->rowids[guess] == rowid) return (uint32_t)guess;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (derived->rowids[middle] < rowid) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < derived->count && derived->rowids[low] == rowid ? low : SQLITE_NO_POSITION;
}

static bool position_append(sqlite_derived *derived, int64_t rowid) {
    if (derived->count == derived->cap) {
        uint32_t cap = derived->cap == 0 ? 256 : derived->cap * 2;
        int64_t *grown = hb_mem_realloc(derived->mem, derived->rowids,
                                        derived->cap * sizeof(int64_t), cap * sizeof(int64_t));
        if (grown == NULL) return false;
        derived->rowids = grown;
        derived->cap = cap;
    }
    derived->rowids[derived->count++] = rowid;
    return true;
}

static hb_status derived_select(sqlite_table *table, const char *words, uint32_t place,
                                const char *tail, sqlite3_stmt **out, hb_err *err) {
    hb_sql sql;
    hb_sql_init(&sql, &hb_dialect_sqlite, table->conn->mem, NULL);
    hb_sql_add(&sql, words);
    if (place > 0) hb_sql_ident(&sql, table->columns[place]);
    hb_sql_add(&sql, " FROM ");
    hb_sql_ident(&sql, table->name);
    hb_sql_add(&sql, tail);
    hb_status status = sqlite_borrow(table->conn, &sql, out, err);
    hb_sql_free(&sql);
    return status;
}

hb_status sqlite_positions_need(sqlite_table *table, hb_err *err) {
    sqlite_derived *derived = table->derived;
    if (derived->fresh) return HB_OK;
    sqlite_derived_forget(table);
    sqlite3_stmt *stmt;
    HB_TRY(derived_select(table, "SELECT slot", 0, " ORDER BY slot", &stmt, err));
    int rc;
    bool added = true;
    while (added && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        added = position_append(derived, sqlite3_column_int64(stmt, 0));
    }
    sqlite_return(table->conn, stmt);
    if (!added) return hb_err_memory(err);
    if (rc != SQLITE_DONE) return sqlite_fail(table->conn, rc, err);
    derived->fresh = true;
    return HB_OK;
}

hb_status sqlite_ranks_need(sqlite_table *table, hb_err *err) {
    sqlite_derived *derived = table->derived;
    HB_TRY(sqlite_positions_need(table, err));
    if (derived->ranks_fresh) return HB_OK;
    if (derived->rank_cap < derived->count) {
        uint32_t *grown =
            hb_mem_realloc(derived->mem, derived->ranks, derived->rank_cap * sizeof(uint32_t),
                           derived->cap * sizeof(uint32_t));
        if (grown == NULL) return hb_err_memory(err);
        derived->ranks = grown;
        derived->rank_cap = derived->cap;
    }
    sqlite3_stmt *stmt;
    HB_TRY(derived_select(table, "SELECT slot", 0, " ORDER BY object_id", &stmt, err));
    int rc;
    uint32_t rank = 0;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        uint32_t at = sqlite_position(derived, sqlite3_column_int64(stmt, 0));
        if (at != SQLITE_NO_POSITION) derived->ranks[at] = rank++;
    }
    sqlite_return(table->conn, stmt);
    if (rc != SQLITE_DONE) return sqlite_fail(table->conn, rc, err);
    derived->ranks_fresh = true;
    return HB_OK;
}

/* ---- building -------------------------------------------------------------------------------- */

static hb_status text_fill(sqlite_table *table, sqlite3_stmt *stmt, hb_text_index *index,
                           hb_err *err) {
    int rc;
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        uint32_t at = sqlite_position(table->derived, sqlite3_column_int64(stmt, 0));
        HB_ASSERT(at != SQLITE_NO_POSITION);
        HB_TRY(hb_text_index_append(index, at, sqlite_text_at(stmt, 1), err));
    }
    if (rc != SQLITE_DONE) return sqlite_fail(table->conn, rc, err);
    return hb_text_index_settle(index, err);
}

hb_status sqlite_text_need(sqlite_table *table, uint32_t place, hb_text_index **out, bool *mine,
                           hb_err *err) {
    derived_field *field = &table->derived->fields[place];
    HB_TRY(sqlite_positions_need(table, err));
    *mine = !field->is_text;
    *out = field->text;
    if (field->text != NULL) return HB_OK;
    hb_text_index *index = hb_text_index_new(table->conn->mem);
    if (index == NULL) return hb_err_memory(err);
    sqlite3_stmt *stmt;
    hb_status status = derived_select(table, "SELECT slot, ", place, " ORDER BY slot", &stmt, err);
    if (status == HB_OK) {
        status = text_fill(table, stmt, index, err);
        sqlite_return(table->conn, stmt);
    }
    if (status != HB_OK) {
        hb_text_index_free(index);
        return status;
    }
    if (field->is_text) field->text = index;
    *out = index;
    return HB_OK;
}

static hb_status vector_fill(sqlite_table *table, sqlite3_stmt *stmt, hb_vector_index *index,
                             uint32_t dim, hb_buf *misfits, hb_err *err) {
    hb_arena scratch;
    hb_arena_init(&scratch, table->conn->mem);
    hb_status status = HB_OK;
    int rc = SQLITE_DONE;
    while (status == HB_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        hb_value value;
        status = sqlite_read_value(sqlite3_column_value(stmt, 1), HB_KIND_VEC, NULL, &scratch,
                                   &value, err);
        uint32_t at = sqlite_position(table->derived, sqlite3_column_int64(stmt, 0));
        HB_ASSERT(at != SQLITE_NO_POSITION);
        if (status == HB_OK && value.kind == HB_KIND_VEC && value.as.v.len == dim) {
            status = hb_vector_index_put(index, at, value.as.v.ptr, err);
        } else if (status == HB_OK && value.kind == HB_KIND_VEC) {
            sqlite_misfit one = { at, value.as.v.len };
            hb_buf_add(misfits, &one, sizeof one);
        }
        hb_arena_reset(&scratch);
    }
    hb_arena_free(&scratch);
    if (status != HB_OK) return status;
    return rc == SQLITE_DONE ? HB_OK : sqlite_fail(table->conn, rc, err);
}

hb_status sqlite_vector_need(sqlite_table *table, uint32_t place, uint32_t dim,
                             hb_vector_index **out, bool *mine, hb_buf *misfits, hb_err *err) {
    derived_field *field = &table->derived->fields[place];
    HB_TRY(sqlite_positions_need(table, err));
    *mine = !field->is_vector;
    *out = field->vector;
    if (field->vector != NULL) return HB_OK;
    hb_vector_index *index = hb_vector_index_new(table->conn->mem, dim);
    if (index == NULL) return hb_err_memory(err);
    sqlite3_stmt *stmt;
    hb_status status = derived_select(table, "SELECT slot, ", place, " ORDER BY slot", &stmt, err);
    if (status == HB_OK) {
        status = vector_fill(table, stmt, index, dim, misfits, err);
        sqlite_return(table->conn, stmt);
    }
    if (status == HB_OK) status = hb_buf_check(misfits, err);
    if (status != HB_OK) {
        hb_vector_index_free(index);
        return status;
    }
    if (field->is_vector) field->vector = index;
    *out = index;
    return HB_OK;
}

/* ---- in step with writes --------------------------------------------------------------------- */

static bool field_write(derived_field *field, uint32_t at, const hb_column *column, uint32_t row) {
    hb_value value = hb_column_get(column, row);
    if (field->text != NULL) {
        hb_str text = value.kind == HB_KIND_TEXT ? value.as.s : (hb_str){ NULL, 0 };
        if (value.kind == HB_KIND_TEXT && text.ptr == NULL) text = HB_STR_EMPTY;
        return hb_text_index_put(field->text, at, text, NULL) == HB_OK;
    }
    if (field->vector == NULL) return true;
    if (value.kind == HB_KIND_VEC) {
        return hb_vector_index_put(field->vector, at, value.as.v.ptr, NULL) == HB_OK;
    }
    hb_vector_index_remove(field->vector, at);
    return true;
}

void sqlite_derived_write(sqlite_table *table, int64_t slot, bool is_new, const hb_batch *batch,
                          uint32_t row) {
    sqlite_derived *derived = table->derived;
    if (!derived->fresh) return;
    uint32_t at = sqlite_position(derived, slot);
    if (is_new) {
        derived->ranks_fresh = false;
        if (at != SQLITE_NO_POSITION) {
            derived->dead_count--; /* the place of a removed row */
        } else if ((derived->count == 0 || slot > derived->rowids[derived->count - 1]) &&
                   position_append(derived, slot)) {
            at = derived->count - 1;
        }
    }
    bool kept = at != SQLITE_NO_POSITION;
    for (uint32_t i = 0; i < derived->field_count && kept; i++) {
        kept = field_write(&derived->fields[i], at, &batch->columns[i], row);
    }
    if (!kept) sqlite_derived_forget(table);
}

void sqlite_derived_remove(sqlite_table *table, int64_t slot) {
    sqlite_derived *derived = table->derived;
    if (!derived->fresh) return;
    uint32_t at = sqlite_position(derived, slot);
    derived->dead_count++;
    if (at == SQLITE_NO_POSITION || derived->dead_count > derived->count / 2 + DEAD_MIN) {
        sqlite_derived_forget(table);
        return;
    }
    for (uint32_t i = 0; i < derived->field_count; i++) {
        if (derived->fields[i].text != NULL) hb_text_index_remove(derived->fields[i].text, at);
        if (derived->fields[i].vector != NULL)
            hb_vector_index_remove(derived->fields[i].vector, at);
    }
}
