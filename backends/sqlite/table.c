// SPDX-License-Identifier: MIT
/* The table of a container: attached at its first use, altered and dropped by the file's layout,
 * freed with the container or the connection. */
#include "backends/sqlite/layout.h"

/* ---- what layouts share ------------------------------------------------------------------------
 */

bool sqlite_kind_is_sortable(hb_kind kind) {
    return kind == HB_KIND_BOOL || kind == HB_KIND_I64 || kind == HB_KIND_F64 ||
           kind == HB_KIND_TEXT;
}

bool sqlite_group_places(const sqlite_table *table, const hb_field_group *group, uint32_t *places) {
    const hb_container *container = table->container;
    bool here = group->field_count > 0 &&
                (group->to.len == 0 || hb_str_eq(group->to, table->conn->instance->name));
    for (uint32_t i = 0; i < group->field_count && here; i++) {
        places[i] = container->by_field[group->fields[i]];
        here = places[i] != HB_FIELD_NONE &&
               sqlite_kind_is_sortable(container->schema->fields[group->fields[i]].kind);
    }
    return here;
}

hb_status sqlite_unique_note(sqlite_table *table, const uint32_t *places, uint32_t count,
                             hb_err *err) {
    uint32_t *kept = hb_arena_array(&table->arena, (size_t)count + 1, sizeof(*kept));
    if (kept == NULL) return hb_err_memory(err);
    memcpy(kept, places, count * sizeof(*kept));
    kept[count] = HB_FIELD_NONE;
    table->uniques[table->unique_count++] = kept;
    return HB_OK;
}

static hb_status unique_fail(const sqlite_table *table, hb_err *err) {
    hb_err_set(err, HB_E_UNIQUE,
               "the stored rows have equal values in the fields of a unique constraint");
    return hb_err_where(err, table->container->schema->entity_id, HB_STR_EMPTY,
                        table->conn->instance->name);
}

static hb_status index_tell(const sqlite_table *table, hb_str name, bool broken, hb_err *err) {
    const sqlite_checker *checker = table->conn->checker;
    const hb_finding finding = {
        .kind = broken ? "unique" : "index",
        .stays = broken,
        .path = name,
        .reason = broken ? HB_STR("rows have equal values in the fields of a unique constraint")
                         : HB_STR("the index is gone"),
        .fixed = checker->fix && !broken,
    };
    *checker->count += 1;
    return checker->sink(checker->arg, &finding, err);
}

hb_status sqlite_index_run(const sqlite_table *table, hb_str name, bool unique, hb_sql *create,
                           hb_err *err) {
    sqlite_conn *conn = table->conn;
    const sqlite_checker *checker = conn->checker;
    const bool told = checker != NULL && !table->fresh && *checker->drifts == 0;
    const bool looks = told && !checker->fix;
    hb_status status = looks ? sqlite_run(conn, "SAVEPOINT hb_look", err) : HB_OK;
    if (status != HB_OK) {
        hb_sql_free(create);
        return status;
    }
    hb_err refused;
    hb_err_init(&refused);
    status = sqlite_ddl_run(conn, create, &refused);
    const bool broken = unique && hb_str_eq(hb_str_c(refused.native), HB_STR("SQLITE_CONSTRAINT"));
    if (looks) HB_TRY(sqlite_run(conn, "ROLLBACK TO hb_look; RELEASE hb_look", err));
    if (status != HB_OK && !broken) {
        *err = refused;
        return status;
    }
    if (checker != NULL && (told || broken)) return index_tell(table, name, broken, err);
    return broken && !table->container->made ? unique_fail(table, err) : HB_OK;
}

/* ---- making ---------------------------------------------------------------------------------- */

static hb_status table_make_body(sqlite_table *table, hb_job *job, hb_err *err) {
    (void)job;
    return table->conn->layout->make(table, err);
}

static hb_status table_alloc(sqlite_table *table, hb_err *err) {
    const hb_container *container = table->container;
    uint32_t count = container->field_count;
    hb_arena *arena = &table->arena;
    table->columns = HB_NEW_ARRAY(arena, hb_str, count);
    table->sides = HB_NEW_ARRAY(arena, hb_str, count);
    table->blobs = HB_NEW_ARRAY(arena, hb_str, count);
    table->forms = HB_NEW_ARRAY(arena, sqlite_form, count);
    table->grams = HB_NEW_ARRAY(arena, hb_str, count);
    table->side_add = HB_NEW_ARRAY(arena, sqlite3_stmt *, count);
    table->side_remove = HB_NEW_ARRAY(arena, sqlite3_stmt *, count);
    table->indexes =
        HB_NEW_ARRAY(arena, sqlite_index, (size_t)count + container->schema->index_count);
    table->uniques =
        HB_NEW_ARRAY(arena, const uint32_t *, (size_t)count + container->schema->unique_count);
    if (table->blobs == NULL || table->forms == NULL || table->grams == NULL ||
        table->columns == NULL || table->sides == NULL || table->side_add == NULL ||
        table->side_remove == NULL || table->uniques == NULL || table->indexes == NULL) {
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
        if (sqlite_derived_has(table, i)) table->tracks_slots = true;
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

void sqlite_table_doubt(sqlite_table *table) {
    if (table->checked) table->container->made = true;
    table->checked = false;
}

void sqlite_tables_forget(sqlite_conn *conn) {
    for (sqlite_table *table = conn->tables; table != NULL; table = table->next) {
        sqlite_derived_forget(table);
        sqlite_table_doubt(table);
    }
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
    return table->conn->layout->clear(table, err);
}

static hb_status forget_finding(void *arg, const hb_finding *finding, hb_err *err) {
    (void)arg;
    (void)finding;
    (void)err;
    return HB_OK;
}

/* What other programs changed is no reason to keep a table that is to go. */
static hb_status need_whatever(hb_job *job, sqlite_table **out, hb_err *err) {
    sqlite_conn *conn = job->instance->state;
    uint32_t count = 0, drifts = 0;
    const sqlite_checker mender = {
        .sink = forget_finding, .fix = true, .count = &count, .drifts = &drifts
    };
    conn->checker = &mender;
    hb_status status = sqlite_table_need(job->instance, job->fragment->container, out, err);
    conn->checker = NULL;
    return status;
}

hb_status sqlite_table_clear(hb_job *job, hb_err *err) {
    sqlite_table *table;
    HB_TRY(need_whatever(job, &table, err));
    sqlite_table_finalize(table);
    sqlite_cache_clear(table->conn);
    HB_TRY(sqlite_in_tx(table, job, clear_body, err));
    job->fragment->container->made = false;
    sqlite_table_release(job->instance, job->fragment->container);
    return HB_OK;
}
