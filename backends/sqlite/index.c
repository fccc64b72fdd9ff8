// SPDX-License-Identifier: MIT
/* Secondary indexes of a table in our own layout: made at once in a file; in memory, by the first
 * question that they can answer. */
#include "backends/sqlite/layout.h"

hb_status sqlite_index_make(sqlite_table *table, const sqlite_index *index, bool unique,
                            hb_err *err) {
    hb_sql sql = sqlite_ddl(table->conn, unique ? "CREATE UNIQUE INDEX " : "CREATE INDEX ");
    hb_sql_ident(&sql, index->name);
    hb_sql_add(&sql, " ON ");
    hb_sql_ident(&sql, table->name);
    hb_sql_add(&sql, " (");
    for (uint32_t i = 0; i < index->place_count; i++) {
        if (i > 0) hb_sql_add(&sql, ", ");
        hb_sql_ident(&sql, table->columns[index->places[i]]);
    }
    hb_sql_add(&sql, ")");
    return sqlite_index_run(table, index->name, unique, &sql, err);
}

hb_status sqlite_indexes_drop(sqlite_table *table, hb_err *err) {
    for (uint32_t i = 0; i < table->index_count; i++) {
        if (table->indexes[i].waits) continue;
        HB_TRY(sqlite_ddl_name(table->conn, "DROP INDEX ", table->indexes[i].name, err));
    }
    return HB_OK;
}

hb_status sqlite_indexes_make(sqlite_table *table, hb_err *err) {
    for (uint32_t i = 0; i < table->index_count; i++) {
        if (!table->indexes[i].waits) {
            HB_TRY(sqlite_index_make(table, &table->indexes[i], false, err));
        }
    }
    return HB_OK;
}

bool sqlite_index_waits(const sqlite_table *table, hb_str name) {
    return !table->conn->on_disk && hb_map_find(&table->conn->made, name) == HB_MAP_NONE;
}

static bool filter_asks(const hb_expr *expr, uint32_t field) {
    if (expr == NULL) return false;
    if (expr->kind == HB_EXPR_LEAF) return expr->field == field;
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        if (filter_asks(expr->args[i], field)) return true;
    }
    return false;
}

/* Does the fragment filter, sort or group by the first field of the index? */
static bool index_is_asked(const sqlite_table *table, const sqlite_index *index,
                           const hb_fragment *fragment) {
    const uint32_t field = table->container->fields[index->places[0]].field;
    if (filter_asks(fragment->filter, field)) return true;
    if (fragment->order_count > 0 && fragment->order[0].col.kind == HB_COL_FIELD &&
        fragment->order[0].col.field == field) {
        return true;
    }
    const hb_aggregate *aggregate = fragment->aggregate;
    return aggregate != NULL && aggregate->group_count > 0 && aggregate->groups[0].field == field;
}

static hb_status indexes_need_body(sqlite_table *table, hb_job *job, hb_err *err) {
    for (uint32_t i = 0; i < table->index_count; i++) {
        sqlite_index *index = &table->indexes[i];
        if (!index->waits || !index_is_asked(table, index, job->fragment)) continue;
        HB_TRY(sqlite_index_make(table, index, false, err));
        hb_str name = hb_arena_str(table->conn->instance->arena, index->name);
        if (name.ptr == NULL || !hb_map_put(&table->conn->made, name, 1)) return hb_err_memory(err);
        index->waits = false;
    }
    return HB_OK;
}

hb_status sqlite_indexes_need(sqlite_table *table, hb_job *job, hb_err *err) {
    if (table->conn->in_tx) return HB_OK;   /* it might be rolled back */
    for (uint32_t i = 0; i < table->index_count; i++) {
        const sqlite_index *index = &table->indexes[i];
        if (index->waits && index_is_asked(table, index, job->fragment))
            return sqlite_in_tx(table, job, indexes_need_body, err);
    }
    return HB_OK;
}
