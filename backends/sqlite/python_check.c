// SPDX-License-Identifier: MIT
/* Side tables of Python's layout, for audit and repair. The items of a side table are the value
 * itself, so only what holds them together can be judged: they belong to a row that says it has
 * items, count from 0, and are keyed by their hash. A repair keeps the items in their order. */
#include "backends/sqlite/python.h"

static const hb_field *field_at(const sqlite_table *table, uint32_t place) {
    return &table->container->schema->fields[table->container->fields[place].field];
}

typedef struct side_view {
    sqlite_table *table;
    uint32_t place;
    hb_str name;                /* of the side table */
    const sqlite_checker *to;   /* NULL when it mends */
} side_view;

/* "<words> main.<side table> <tail>"; '@' in the tail: the main table, '#': its flag. */
static hb_status side_prepare(const side_view *side, const char *words, const char *tail,
                              sqlite3_stmt **out, hb_err *err) {
    hb_sql sql = sqlite_ddl(side->table->conn, words);
    hb_sql_add(&sql, " main.");
    hb_sql_ident(&sql, side->name);
    hb_sql_add(&sql, " ");
    for (const char *at = tail; *at != '\0'; at++) {
        const char one[2] = { *at, '\0' };
        if (*at == '@') {
            hb_sql_add(&sql, "main.");
            hb_sql_ident(&sql, side->table->target);
        } else if (*at == '#') {
            hb_sql_ident(&sql, side->table->stored[side->place]);
        } else {
            hb_sql_add(&sql, one);
        }
    }
    return sqlite_ddl_prepare(side->table->conn, out, &sql, err);
}

static hb_status tell(const side_view *side, hb_str object_id, const char *reason, hb_err *err) {
    const hb_finding finding = {
        .kind = "side_table",
        .path = side->name,
        .field = field_at(side->table, side->place)->name,
        .object_id = object_id,
        .reason = hb_str_c(reason),
        .fixed = side->to->fix,
    };
    *side->to->count += 1;
    return side->to->sink(side->to->arg, &finding, err);
}

/* Tells the first column of every row. */
static hb_status tell_all(const side_view *side, const char *tail, const char *reason,
                          hb_err *err) {
    sqlite3_stmt *stmt;
    HB_TRY(side_prepare(side, "SELECT DISTINCT object_id FROM", tail, &stmt, err));
    hb_status status = HB_OK;
    int rc = SQLITE_DONE;
    while (status == HB_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        status = tell(side, sqlite_text_at(stmt, 0), reason, err);
    }
    if (status == HB_OK && rc != SQLITE_DONE) status = sqlite_fail(side->table->conn, rc, err);
    sqlite3_finalize(stmt);
    return status;
}

#define STRAYS "WHERE object_id NOT IN (SELECT object_id FROM @ WHERE # = 1)"
#define GAPS                                                                                       \
    "GROUP BY object_id HAVING min(idx) <> 0 OR max(idx) <> count(*) - 1 OR"                       \
    " count(DISTINCT idx) <> count(*) ORDER BY object_id"

static hb_status key_of(const side_view *side, hb_str object_id, int64_t idx,
                        char out[HB_OBJECT_ID_HASH_LEN], hb_err *err) {
    python_hash hash;
    sqlite_python_hash_begin(&hash, side->table->conn->mem);
    sqlite_python_hash_text(&hash, side->name);
    sqlite_python_hash_text(&hash, object_id);
    sqlite_python_hash_int(&hash, idx);
    return sqlite_python_hash_end(&hash, out, err);
}

/* One row of (rowid, object_id, idx, _id) in order; `next`: the place that its item should have. */
static hb_status key_check(const side_view *side, sqlite3_stmt *stmt, sqlite3_stmt *update,
                           int64_t next, hb_err *err) {
    char key[HB_OBJECT_ID_HASH_LEN];
    const int64_t idx = sqlite3_column_int64(stmt, 2);
    const hb_str object_id = sqlite_text_at(stmt, 1);
    HB_TRY(key_of(side, object_id, update != NULL ? next : idx, key, err));
    const bool same = hb_str_eq(sqlite_text_at(stmt, 3), (hb_str){ key, sizeof(key) });
    if (update == NULL) {
        return same ? HB_OK : tell(side, object_id, "an item is kept under a wrong key", err);
    }
    if (same && idx == next) return HB_OK;
    sqlite3_bind_int64(update, 1, next);
    sqlite_bind_str(update, 2, (hb_str){ key, sizeof(key) });
    sqlite3_bind_int64(update, 3, sqlite3_column_int64(stmt, 0));
    return sqlite_step_done(side->table->conn, update, err);
}

/* `update` NULL: tells wrong keys; else numbers the items anew. */
static hb_status keys_walk(const side_view *side, sqlite3_stmt *update, hb_err *err) {
    sqlite3_stmt *stmt;
    HB_TRY(side_prepare(side, "SELECT rowid, object_id, idx, _id FROM",
                        "ORDER BY +object_id, +idx, rowid", &stmt, err));
    hb_buf last;
    hb_buf_init(&last, side->table->conn->mem);
    hb_status status = HB_OK;
    int64_t next = 0;
    int rc = SQLITE_DONE;
    while (status == HB_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        const hb_str object_id = sqlite_text_at(stmt, 1);
        next = hb_str_eq(object_id, hb_buf_str(&last)) ? next + 1 : 0;
        hb_buf_clear(&last);
        hb_buf_add_str(&last, object_id);
        status = hb_buf_check(&last, err);
        if (status == HB_OK) status = key_check(side, stmt, update, next, err);
    }
    if (status == HB_OK && rc != SQLITE_DONE) status = sqlite_fail(side->table->conn, rc, err);
    sqlite3_finalize(stmt);
    hb_buf_free(&last);
    return status;
}

static hb_status side_check(const side_view *side, hb_err *err) {
    HB_TRY(tell_all(side, STRAYS " ORDER BY object_id", "items are kept for a row that has none",
                    err));
    HB_TRY(tell_all(side, GAPS, "the items of the row are not numbered from 0", err));
    return keys_walk(side, NULL, err);
}

static hb_status run_once(const side_view *side, const char *words, const char *tail, hb_err *err) {
    sqlite3_stmt *stmt;
    HB_TRY(side_prepare(side, words, tail, &stmt, err));
    hb_status status = sqlite_step_done(side->table->conn, stmt, err);
    sqlite3_finalize(stmt);
    return status;
}

/* Keys are unique, so all of them first become ones that no item has. */
static hb_status side_rebuild(const side_view *side, hb_err *err) {
    HB_TRY(run_once(side, "DELETE FROM", STRAYS, err));
    HB_TRY(run_once(side, "UPDATE", "SET _id = 'old ' || rowid", err));
    sqlite3_stmt *update;
    HB_TRY(side_prepare(side, "UPDATE", "SET idx = ?1, _id = ?2 WHERE rowid = ?3", &update, err));
    hb_status status = keys_walk(side, update, err);
    sqlite3_finalize(update);
    return status;
}

hb_status sqlite_python_check_sides(sqlite_table *table, const sqlite_checker *checker,
                                    hb_err *err) {
    for (uint32_t i = 1; i < table->field_count; i++) {
        if (table->grams[i].len > 0) HB_TRY(sqlite_python_gram_check(table, i, checker, err));
        if (table->forms[i] != SQLITE_AS_FLAG) continue;
        const side_view side = { table, i, sqlite_python_side_name(table, i, &table->arena),
                                 checker };
        if (side.name.ptr == NULL) return hb_err_memory(err);
        HB_TRY(side_check(&side, err));
    }
    return HB_OK;
}

hb_status sqlite_python_rebuild_sides(sqlite_table *table, hb_err *err) {
    for (uint32_t i = 1; i < table->field_count; i++) {
        if (table->grams[i].len > 0) HB_TRY(sqlite_python_gram_rebuild(table, i, err));
        if (table->forms[i] != SQLITE_AS_FLAG) continue;
        const side_view side = { table, i, sqlite_python_side_name(table, i, &table->arena), NULL };
        if (side.name.ptr == NULL) return hb_err_memory(err);
        HB_TRY(side_rebuild(&side, err));
    }
    return HB_OK;
}
