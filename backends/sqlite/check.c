// SPDX-License-Identifier: MIT
/* Looks over a table: SQLite's own check of the table and its indexes, the item tables against the
 * rows, and the values outside the rows (blob.c). The row is the truth: indexes and item tables are
 * made anew from it. */
#include "backends/sqlite/layout.h"

#define MESSAGES_MAX 32u

typedef struct complaints {
    hb_str texts[MESSAGES_MAX]; /* the first ones; in the arena */
    uint32_t count;
    hb_arena arena;
} complaints;

/* SQLite's verdict on one table and its indexes. */
static hb_status engine_check(sqlite_table *table, complaints *out, hb_err *err) {
    hb_sql sql = sqlite_ddl(table->conn, "PRAGMA integrity_check(");
    hb_sql_ident(&sql, table->target);
    hb_sql_add(&sql, ")");
    sqlite3_stmt *stmt = NULL;
    HB_TRY(sqlite_ddl_prepare(table->conn, &stmt, &sql, err));
    hb_status status = HB_OK;
    int rc = SQLITE_DONE;
    out->count = 0;
    while (status == HB_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        hb_str text = sqlite_text_at(stmt, 0);
        if (hb_str_eq(text, HB_STR("ok")) || out->count == MESSAGES_MAX) continue;
        text = hb_arena_str(&out->arena, text);
        if (text.ptr == NULL) status = hb_err_memory(err);
        out->texts[out->count++] = text;
    }
    sqlite3_finalize(stmt);
    if (status == HB_OK && rc != SQLITE_DONE) status = sqlite_fail(table->conn, rc, err);
    return status;
}

static hb_status engine_tell(const sqlite_table *table, const sqlite_checker *checker,
                             const complaints *what, bool fixed, hb_err *err) {
    for (uint32_t i = 0; i < what->count; i++) {
        const hb_finding finding = {
            .kind = "table", .path = table->target, .reason = what->texts[i], .fixed = fixed
        };
        HB_TRY(checker->sink(checker->arg, &finding, err));
    }
    return HB_OK;
}

static hb_status reindex_body(sqlite_table *table, hb_job *job, hb_err *err) {
    (void)job;
    return sqlite_ddl_name(table->conn, "REINDEX ", table->target, err);
}

static hb_status sides_body(sqlite_table *table, hb_job *job, hb_err *err) {
    (void)job;
    return table->conn->layout->rebuild_sides(table, err);
}

/* Makes the indexes anew; *fixed when SQLite then finds nothing. */
static hb_status engine_mend(sqlite_table *table, const hb_mem *mem, bool *fixed, hb_err *err) {
    hb_err refused; /* rows that a unique index refuses stay: the report says so */
    hb_err_init(&refused);
    sqlite_cache_clear(table->conn);
    if (sqlite_in_tx(table, NULL, reindex_body, &refused) == HB_E_MEMORY) return hb_err_memory(err);
    complaints left = { .count = 0 };
    hb_arena_init(&left.arena, mem);
    hb_status status = engine_check(table, &left, err);
    *fixed = left.count == 0;
    hb_arena_free(&left.arena);
    return status;
}

static hb_status check_engine(sqlite_table *table, const sqlite_checker *checker, hb_err *err) {
    complaints found = { .count = 0 };
    hb_arena_init(&found.arena, table->conn->mem);
    bool fixed = false;
    hb_status status = engine_check(table, &found, err);
    if (status == HB_OK && found.count > 0 && checker->fix) {
        status = engine_mend(table, table->conn->mem, &fixed, err);
    }
    if (status == HB_OK) status = engine_tell(table, checker, &found, fixed, err);
    hb_arena_free(&found.arena);
    return status;
}

/* In one transaction, unless it only looks. */
typedef struct blobs_body_arg {
    hb_check_how how;
    const sqlite_checker *checker;
} blobs_body_arg;

static hb_status blobs_body(sqlite_table *table, hb_job *job, hb_err *err) {
    const blobs_body_arg *arg = job->state;
    return sqlite_blobs_check(table, arg->how, arg->checker->sink, arg->checker->arg, err);
}

/* What is let go changes what follows from the rows. */
static hb_status give_up_cells(sqlite_table *table, hb_job *job, hb_err *err) {
    const sqlite_layout *layout = table->conn->layout;
    bool changed;
    HB_TRY(sqlite_cells_check(table, HB_CHECK_GIVE_UP, job->state, &changed, err));
    HB_TRY(sqlite_left_check(table, HB_CHECK_GIVE_UP, job->state, err));
    if (!changed) return HB_OK;
    sqlite_derived_forget(table);
    return layout->rebuild_sides != NULL ? layout->rebuild_sides(table, err) : HB_OK;
}

static hb_status give_up(sqlite_table *table, const sqlite_checker *checker, hb_err *err) {
    sqlite_checker to = *checker;
    hb_job job = { .state = &to };
    return sqlite_in_tx(table, &job, give_up_cells, err);
}

static hb_status check_blobs(sqlite_table *table, hb_check_how how, const sqlite_checker *checker,
                             hb_err *err) {
    if (how == HB_CHECK_LOOK) {
        return sqlite_blobs_check(table, how, checker->sink, checker->arg, err);
    }
    blobs_body_arg arg = { how, checker };
    hb_job job = { .state = &arg };
    return sqlite_in_tx(table, &job, blobs_body, err);
}

/* Looks at the tables themselves once more; *usable false when they cannot be used as they are. */
static hb_status attach_anew(hb_instance *instance, hb_container *container,
                             const sqlite_checker *checker, sqlite_table **out, bool *usable,
                             hb_err *err) {
    sqlite_conn *conn = instance->state;
    sqlite_table *attached = container->state;
    if (attached != NULL) sqlite_table_doubt(attached);
    sqlite_cache_clear(conn);
    conn->checker = checker;
    hb_status status = sqlite_table_need(instance, container, out, err);
    conn->checker = NULL;
    *usable = status == HB_OK;
    return status == HB_E_SCHEMA_DRIFT && *checker->drifts > 0 ? HB_OK : status;
}

static hb_status check_all(hb_instance *instance, hb_container *container, hb_check_how how,
                           hb_finding_sink *sink, void *arg, hb_err *err) {
    sqlite_table *table;
    uint32_t found = 0, drifts = 0;
    const bool fix = how == HB_CHECK_MEND;
    const sqlite_checker checker = {
        .sink = sink, .arg = arg, .fix = fix, .count = &found, .drifts = &drifts
    };
    if (how == HB_CHECK_GIVE_UP) {
        HB_TRY(sqlite_table_need(instance, container, &table, err));
        HB_TRY(give_up(table, &checker, err));
        return check_blobs(table, how, &checker, err);
    }
    bool usable;
    HB_TRY(attach_anew(instance, container, &checker, &table, &usable, err));
    if (!usable) return HB_OK;
    HB_TRY(check_engine(table, &checker, err));
    HB_TRY(check_blobs(table, how, &checker, err));
    HB_TRY(sqlite_cells_check(table, how, &checker, &usable, err));
    HB_TRY(sqlite_left_check(table, how, &checker, err));
    const sqlite_layout *layout = table->conn->layout;
    if (layout->check_sides != NULL) HB_TRY(layout->check_sides(table, &checker, err));
    if (!fix) return HB_OK;
    sqlite_derived_forget(table);
    if (found == 0 || layout->rebuild_sides == NULL) return HB_OK;
    return sqlite_in_tx(table, NULL, sides_body, err);
}

hb_status sqlite_check(hb_instance *instance, hb_container *container, hb_check_how how,
                       hb_finding_sink *sink, void *arg, hb_err *err) {
    HB_TRY(sqlite_lease_enter(instance->state, err));
    const hb_status status = check_all(instance, container, how, sink, arg, err);
    return sqlite_lease_explain(instance->state, status, err);
}
