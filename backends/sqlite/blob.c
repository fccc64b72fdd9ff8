// SPDX-License-Identifier: MIT
/* Values outside the row. A field held with the strategy EXTERNAL has a table (hash, value) of its
 * own, and the row's column holds the hash: equal values are kept once, and whoever does not ask
 * for the field never reads them. The hash only finds; equal means equal bytes, so a value whose
 * hash is taken by another one gets the next free name.
 *
 * Writes never remove a value, since other rows may hold it: sqlite_blobs_check does, for repair.
 */
#include "backends/sqlite/sqlite_priv.h"

#include <stdio.h>

#include "base/md5.h"

#define TWINS_MAX 64u           /* different values of one hash; more is no accident */

bool sqlite_has_blobs(const hb_type *type, hb_strategy strategy) {
    hb_kind kind = hb_type_kind(type);
    return strategy == HB_STRATEGY_EXTERNAL && (kind == HB_KIND_TEXT || kind == HB_KIND_BYTES);
}

/* A text refers by text and bytes by bytes: the columns are typed. */
int sqlite_ref_bind(sqlite3_stmt *stmt, int at, hb_kind kind, const sqlite_ref *ref) {
    if (kind == HB_KIND_BYTES) {
        return sqlite3_bind_blob(stmt, at, ref->text, (int)ref->len, SQLITE_STATIC);
    }
    return sqlite3_bind_text(stmt, at, ref->text, (int)ref->len, SQLITE_STATIC);
}

static void ref_make(hb_str bytes, uint32_t twin, sqlite_ref *out) {
    uint8_t digest[HB_MD5_LEN];
    hb_md5 md5;
    hb_md5_init(&md5);
    hb_md5_add(&md5, bytes.ptr, bytes.len);
    hb_md5_finish(&md5, digest);
    static const char digits[] = "0123456789abcdef";
    for (uint32_t i = 0; i < HB_MD5_LEN; i++) {
        out->text[2 * i] = digits[digest[i] >> 4];
        out->text[2 * i + 1] = digits[digest[i] & 15];
    }
    out->len = 32;
    if (twin == 0) return;
    out->len += (uint32_t)snprintf(out->text + 32, SQLITE_REF_MAX - 32, "~%u", (unsigned)twin + 1);
}

/* A cached statement over the field's table. */
static hb_status blob_statement(sqlite_table *table, uint32_t place, const char *before,
                                const char *after, sqlite3_stmt **out, hb_err *err) {
    hb_sql sql;
    hb_sql_init(&sql, &hb_dialect_sqlite, table->conn->mem, NULL);
    hb_sql_add(&sql, before);
    hb_sql_ident(&sql, table->blobs[place]);
    hb_sql_add(&sql, after);
    hb_status status = sqlite_borrow(table->conn, &sql, out, err);
    hb_sql_free(&sql);
    return status;
}

/* *found: 0 the name is free, 1 it is this value, 2 it is another one. */
static hb_status blob_look(sqlite_table *table, uint32_t place, const hb_value *value,
                           const sqlite_ref *ref, int *found, hb_err *err) {
    sqlite3_stmt *stmt;
    HB_TRY(blob_statement(table, place, "SELECT value = ?2 FROM ", " WHERE hash = ?1", &stmt, err));
    sqlite_ref_bind(stmt, 1, value->kind, ref);
    sqlite_bind_value(stmt, 2, value);
    int rc = sqlite3_step(stmt);
    *found = rc != SQLITE_ROW ? 0 : sqlite3_column_int(stmt, 0) != 0 ? 1 : 2;
    sqlite_return(table->conn, stmt);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? HB_OK : sqlite_fail(table->conn, rc, err);
}

static hb_status blob_insert(sqlite_table *table, uint32_t place, const hb_value *value,
                             const sqlite_ref *ref, hb_err *err) {
    sqlite3_stmt *stmt;
    HB_TRY(
        blob_statement(table, place, "INSERT INTO ", " (hash, value) VALUES (?1, ?2)", &stmt, err));
    sqlite_ref_bind(stmt, 1, value->kind, ref);
    sqlite_bind_value(stmt, 2, value);
    int rc = sqlite3_step(stmt);
    sqlite_return(table->conn, stmt);
    return rc == SQLITE_DONE ? HB_OK : sqlite_fail(table->conn, rc, err);
}

hb_status sqlite_blob_put(sqlite_table *table, uint32_t place, const hb_value *value,
                          sqlite_ref *out, hb_err *err) {
    for (uint32_t twin = 0; twin < TWINS_MAX; twin++) {
        int found;
        ref_make(value->as.s, twin, out);
        HB_TRY(blob_look(table, place, value, out, &found, err));
        if (found == 1) return HB_OK;
        if (found == 0) return blob_insert(table, place, value, out, err);
    }
    return hb_err_set(err, HB_E_LIMIT, "more than %u different values have one hash", TWINS_MAX);
}

static hb_status blob_gone(const sqlite_table *table, uint32_t place, sqlite3_stmt *row,
                           hb_err *err) {
    const hb_schema *schema = table->container->schema;
    hb_str id = sqlite_text_at(row, 0);
    hb_err_set(err, HB_E_CORRUPT,
               "the value of row '%.*s' that is kept outside it is gone: "
               "audit names it, repair makes it null",
               HB_ARG(id));
    return hb_err_where(err, schema->entity_id,
                        schema->fields[table->container->fields[place].field].name,
                        table->conn->instance->name);
}

hb_status sqlite_blob_add(sqlite_table *table, uint32_t place, sqlite3_stmt *row, int at,
                          hb_colbuf *out, hb_err *err) {
    if (sqlite3_column_type(row, at) == SQLITE_NULL) {
        return hb_colbuf_add_null(out) ? HB_OK : hb_err_memory(err);
    }
    sqlite3_stmt *stmt;
    HB_TRY(blob_statement(table, place, "SELECT value FROM ", " WHERE hash = ?1", &stmt, err));
    sqlite3_bind_value(stmt, 1, sqlite3_column_value(row, at));
    int rc = sqlite3_step(stmt);
    hb_status status = HB_OK;
    if (rc == SQLITE_ROW) {
        hb_value value;
        status =
            sqlite_read_value(sqlite3_column_value(stmt, 0), out->kind, NULL, NULL, &value, err);
        if (status == HB_OK && !hb_colbuf_add(out, &value)) status = hb_err_memory(err);
    } else {
        status = rc == SQLITE_DONE ? blob_gone(table, place, row, err)
                                   : sqlite_fail(table->conn, rc, err);
    }
    sqlite_return(table->conn, stmt);
    return status;
}

/* ---- what repair needs ----------------------------------------------------------------------- */

typedef struct blob_words { /* "<before> table <middle> beside <after>" and the like, in order */
    const char *text;
    hb_str ident; /* .len 0: none */
} blob_words;

static hb_status blob_sql(sqlite_table *table, const blob_words *words, uint32_t count,
                          sqlite3_stmt **out, hb_err *err) {
    hb_sql sql;
    hb_sql_init(&sql, &hb_dialect_sqlite, table->conn->mem, NULL);
    for (uint32_t i = 0; i < count; i++) {
        hb_sql_add(&sql, words[i].text);
        if (words[i].ident.len > 0) hb_sql_ident(&sql, words[i].ident);
    }
    hb_status status = sqlite_borrow(table->conn, &sql, out, err);
    hb_sql_free(&sql);
    return status;
}

/* Rows whose value is gone. */
static hb_status blobs_missing(sqlite_table *table, uint32_t place, sqlite_blob_sink *sink,
                               void *arg, hb_err *err) {
    hb_str column = table->columns[place];
    const blob_words words[] = { { "SELECT object_id FROM ", table->name },
                                 { " WHERE ", column },
                                 { " NOT IN (SELECT hash FROM ", table->blobs[place] },
                                 { ") ORDER BY object_id", HB_STR_EMPTY } };
    sqlite3_stmt *stmt;
    HB_TRY(blob_sql(table, words, 4, &stmt, err));
    uint32_t field = table->container->fields[place].field;
    hb_status status = HB_OK;
    int rc = SQLITE_DONE;
    while (status == HB_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        status = sink(arg, field, sqlite_text_at(stmt, 0), err);
    }
    sqlite_return(table->conn, stmt);
    if (status != HB_OK) return status;
    return rc == SQLITE_DONE ? HB_OK : sqlite_fail(table->conn, rc, err);
}

static hb_status blob_change(sqlite_table *table, const blob_words *words, uint32_t count,
                             hb_err *err) {
    sqlite3_stmt *stmt;
    HB_TRY(blob_sql(table, words, count, &stmt, err));
    int rc = sqlite3_step(stmt);
    sqlite_return(table->conn, stmt);
    return rc == SQLITE_DONE ? HB_OK : sqlite_fail(table->conn, rc, err);
}

/* Values that no row holds. */
static hb_status blobs_unused(sqlite_table *table, uint32_t place, uint64_t *count, hb_err *err) {
    hb_str column = table->columns[place];
    const blob_words words[] = { { "SELECT count(*) FROM ", table->blobs[place] },
                                 { " WHERE hash NOT IN (SELECT ", column },
                                 { " FROM ", table->name },
                                 { " WHERE ", column },
                                 { " IS NOT NULL)", HB_STR_EMPTY } };
    sqlite3_stmt *stmt;
    HB_TRY(blob_sql(table, words, 5, &stmt, err));
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) *count += (uint64_t)sqlite3_column_int64(stmt, 0);
    sqlite_return(table->conn, stmt);
    return rc == SQLITE_ROW ? HB_OK : sqlite_fail(table->conn, rc, err);
}

static hb_status blobs_fix_body(sqlite_table *table, hb_job *job, hb_err *err) {
    (void)job;
    for (uint32_t place = 1; place < table->field_count; place++) {
        hb_str column = table->columns[place], blobs = table->blobs[place];
        if (blobs.len == 0) continue;
        const blob_words gone[] = { { "UPDATE ", table->name },
                                    { " SET ", column },
                                    { " = NULL WHERE ", column },
                                    { " NOT IN (SELECT hash FROM ", blobs },
                                    { ")", HB_STR_EMPTY } };
        const blob_words unused[] = { { "DELETE FROM ", blobs },
                                      { " WHERE hash NOT IN (SELECT ", column },
                                      { " FROM ", table->name },
                                      { " WHERE ", column },
                                      { " IS NOT NULL)", HB_STR_EMPTY } };
        HB_TRY(blob_change(table, gone, 5, err));
        HB_TRY(blob_change(table, unused, 5, err));
    }
    return HB_OK;
}

hb_status sqlite_blobs_check(hb_instance *instance, hb_container *container, bool fix,
                             sqlite_blob_sink *sink, void *arg, uint64_t *unused, hb_err *err) {
    sqlite_table *table;
    bool any = false;
    *unused = 0;
    HB_TRY(sqlite_table_need(instance, container, &table, err));
    for (uint32_t place = 1; place < table->field_count; place++) {
        if (table->blobs[place].len == 0) continue;
        any = true;
        HB_TRY(blobs_missing(table, place, sink, arg, err));
        HB_TRY(blobs_unused(table, place, unused, err));
    }
    return any && fix ? sqlite_in_tx(table, NULL, blobs_fix_body, err) : HB_OK;
}
