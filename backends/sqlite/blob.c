// SPDX-License-Identifier: MIT
/* Values outside the row. A field held with the strategy EXTERNAL has a table (hash, value) of its
 * own, and the row's column holds the hash: equal values are kept once, and whoever does not ask
 * for the field never reads them. The hash only finds; equal means equal bytes, so a value whose
 * hash is taken by another one gets the next free name.
 *
 * Writes never remove a value, since other rows may hold it: sqlite_blobs_check does, for repair.
 * A value that does not fit its hash any more is as good as gone; a repair keeps it under a name
 * that no row can have. */
#include "backends/sqlite/sqlite_priv.h"

#include <stdio.h>

#include "base/md5.h"

#define SET_ASIDE "set aside "   /* begins the name of a value that was changed */
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
    hb_err_set(
        err, HB_E_CORRUPT,
        "the value of row '%.*s' that is kept outside it is gone: audit names it, repair brings "
        "it back from another backend or makes it null",
        HB_ARG(id));
    return hb_err_where(err, schema->entity_id,
                        schema->fields[table->container->fields[place].field].name,
                        table->conn->instance->name);
}

hb_status sqlite_blob_add(sqlite_table *table, uint32_t place, sqlite3_stmt *row, int at,
                          bool lost_as_null, hb_colbuf *out, hb_err *err) {
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
    } else if (rc == SQLITE_DONE && lost_as_null) {
        if (!hb_colbuf_add_null(out)) status = hb_err_memory(err);
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

static hb_status blob_change(sqlite_table *table, const blob_words *words, uint32_t count,
                             hb_err *err) {
    sqlite3_stmt *stmt;
    HB_TRY(blob_sql(table, words, count, &stmt, err));
    int rc = sqlite3_step(stmt);
    sqlite_return(table->conn, stmt);
    return rc == SQLITE_DONE ? HB_OK : sqlite_fail(table->conn, rc, err);
}

typedef struct blob_checker {
    sqlite_table *table;
    uint32_t place;
    hb_check_how how;
    hb_finding_sink *sink;
    void *arg;
} blob_checker;

static hb_status tell(const blob_checker *checker, const char *kind, hb_str object_id,
                      const char *reason, uint64_t count, bool fixed, hb_err *err) {
    const hb_container *container = checker->table->container;
    const hb_finding finding = {
        .kind = kind,
        .path = checker->table->blobs[checker->place],
        .field = container->schema->fields[container->fields[checker->place].field].name,
        .object_id = object_id,
        .reason = hb_str_c(reason),
        .count = count,
        .fixed = fixed,
    };
    return checker->sink(checker->arg, &finding, err);
}

/* Tells the rows that a statement yields. *any: there were some. */
static hb_status tell_rows(const blob_checker *checker, sqlite3_stmt *stmt, const char *reason,
                           bool *any, hb_err *err) {
    hb_status status = HB_OK;
    int rc = SQLITE_DONE;
    *any = false;
    while (status == HB_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        *any = true;
        status = tell(checker, "external", sqlite_text_at(stmt, 0), reason, 0,
                      checker->how == HB_CHECK_GIVE_UP, err);
    }
    sqlite_return(checker->table->conn, stmt);
    HB_TRY(status);
    return rc == SQLITE_DONE ? HB_OK : sqlite_fail(checker->table->conn, rc, err);
}

/* A null is not in an empty table either, says SQL. */
static hb_status blobs_missing(const blob_checker *checker, hb_err *err) {
    sqlite_table *table = checker->table;
    const blob_words words[] = { { "SELECT object_id FROM ", table->name },
                                 { " WHERE ", table->columns[checker->place] },
                                 { " IS NOT NULL AND ", table->columns[checker->place] },
                                 { " NOT IN (SELECT hash FROM ", table->blobs[checker->place] },
                                 { ") ORDER BY object_id", HB_STR_EMPTY } };
    sqlite3_stmt *stmt;
    HB_TRY(blob_sql(table, words, 5, &stmt, err));
    bool any;
    return tell_rows(checker, stmt, "the value that is kept outside the row is gone", &any, err);
}

/* The rows that hold the value called `name`. */
static hb_status changed_rows(const blob_checker *checker, hb_kind kind, const sqlite_ref *name,
                              bool *any, hb_err *err) {
    sqlite_table *table = checker->table;
    const blob_words words[] = { { "SELECT object_id FROM ", table->name },
                                 { " WHERE ", table->columns[checker->place] },
                                 { " = ?1 ORDER BY object_id", HB_STR_EMPTY } };
    sqlite3_stmt *stmt;
    HB_TRY(blob_sql(table, words, 3, &stmt, err));
    sqlite_ref_bind(stmt, 1, kind, name);
    return tell_rows(checker, stmt, "the value that is kept outside the row was changed", any, err);
}

/* No row refers to such a name: all names are hashes. */
static hb_status set_aside(const blob_checker *checker, hb_kind kind, const sqlite_ref *name,
                           hb_err *err) {
    sqlite3_stmt *stmt;
    HB_TRY(blob_statement(checker->table, checker->place, "UPDATE ",
                          kind == HB_KIND_BYTES
                              ? " SET hash = CAST('" SET_ASIDE "' || hash || ' ' ||"
                                " hex(randomblob(8)) AS BLOB) WHERE hash = ?1"
                              : " SET hash = '" SET_ASIDE "' || hash || ' ' || hex(randomblob(8))"
                                " WHERE hash = ?1",
                          &stmt, err));
    sqlite_ref_bind(stmt, 1, kind, name);
    int rc = sqlite3_step(stmt);
    sqlite_return(checker->table->conn, stmt);
    return rc == SQLITE_DONE ? HB_OK : sqlite_fail(checker->table->conn, rc, err);
}

/* Does a stored value fit its hash? *name: that hash, as rows refer to it. */
static bool blob_fits(sqlite3_stmt *stmt, sqlite_ref *name) {
    const hb_str hash = { sqlite3_column_blob(stmt, 0), (uint32_t)sqlite3_column_bytes(stmt, 0) };
    if (hash.len >= SQLITE_REF_MAX || hb_str_starts(hash, HB_STR(SET_ASIDE))) return true;
    memcpy(name->text, hash.ptr, hash.len);
    name->len = hash.len;
    const hb_str bytes = { sqlite3_column_blob(stmt, 1), (uint32_t)sqlite3_column_bytes(stmt, 1) };
    sqlite_ref made;
    ref_make(bytes.ptr != NULL ? bytes : HB_STR_EMPTY, 0, &made);
    return hash.len >= made.len && memcmp(hash.ptr, made.text, made.len) == 0;
}

/* The next name whose value does not fit it, after `name`; .len 0: there is none. */
static hb_status next_changed(const blob_checker *checker, hb_kind kind, sqlite_ref *name,
                              hb_err *err) {
    sqlite3_stmt *stmt;
    HB_TRY(blob_statement(checker->table, checker->place, "SELECT hash, value FROM ",
                          " WHERE hash > ?1 ORDER BY hash", &stmt, err));
    sqlite_ref_bind(stmt, 1, kind, name);
    int rc;
    sqlite_ref at = { .len = 0 };
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW && blob_fits(stmt, &at)) {
    }
    sqlite_return(checker->table->conn, stmt);
    *name = rc == SQLITE_ROW ? at : (sqlite_ref){ .len = 0 };
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? HB_OK
                                                 : sqlite_fail(checker->table->conn, rc, err);
}

static hb_status blobs_changed(const blob_checker *checker, hb_err *err) {
    const hb_container *container = checker->table->container;
    const hb_kind kind = container->schema->fields[container->fields[checker->place].field].kind;
    sqlite_ref name = { .len = 0 };
    for (;;) {
        HB_TRY(next_changed(checker, kind, &name, err));
        if (name.len == 0) return HB_OK;
        bool any; /* else it is one of those that no row holds */
        HB_TRY(changed_rows(checker, kind, &name, &any, err));
        if (any && checker->how == HB_CHECK_MEND) HB_TRY(set_aside(checker, kind, &name, err));
    }
}

/* "<before> <table of values> WHERE hash NOT IN (<what rows hold>)" */
static hb_status unused_statement(const blob_checker *checker, const char *before,
                                  sqlite3_stmt **out, hb_err *err) {
    sqlite_table *table = checker->table;
    hb_str column = table->columns[checker->place];
    const blob_words words[] = { { before, table->blobs[checker->place] },
                                 { " WHERE CAST(hash AS TEXT) NOT LIKE '" SET_ASIDE "%' AND hash"
                                   " NOT IN (SELECT ",
                                   column },
                                 { " FROM ", table->name },
                                 { " WHERE ", column },
                                 { " IS NOT NULL)", HB_STR_EMPTY } };
    return blob_sql(table, words, 5, out, err);
}

static hb_status blobs_unused(const blob_checker *checker, hb_err *err) {
    sqlite_conn *conn = checker->table->conn;
    sqlite3_stmt *stmt;
    HB_TRY(unused_statement(checker, "SELECT count(*) FROM ", &stmt, err));
    int rc = sqlite3_step(stmt);
    uint64_t count = rc == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(stmt, 0) : 0;
    sqlite_return(conn, stmt);
    if (rc != SQLITE_ROW) return sqlite_fail(conn, rc, err);
    if (count == 0) return HB_OK;
    const bool gone = checker->how == HB_CHECK_GIVE_UP;
    if (gone) {
        HB_TRY(unused_statement(checker, "DELETE FROM ", &stmt, err));
        rc = sqlite3_step(stmt);
        sqlite_return(conn, stmt);
        if (rc != SQLITE_DONE) return sqlite_fail(conn, rc, err);
    }
    return tell(checker, "unused", HB_STR_EMPTY, "no row holds these values", count, gone, err);
}

static hb_status give_up(const blob_checker *checker, hb_err *err) {
    sqlite_table *table = checker->table;
    hb_str column = table->columns[checker->place], blobs = table->blobs[checker->place];
    const blob_words gone[] = { { "UPDATE ", table->name },
                                { " SET ", column },
                                { " = NULL WHERE ", column },
                                { " NOT IN (SELECT hash FROM ", blobs },
                                { ")", HB_STR_EMPTY } };
    HB_TRY(blobs_missing(checker, err));
    HB_TRY(blob_change(table, gone, 5, err));
    return blobs_unused(checker, err);
}

static hb_status check_place(const blob_checker *checker, hb_err *err) {
    if (checker->how == HB_CHECK_GIVE_UP) return give_up(checker, err);
    HB_TRY(blobs_missing(checker, err));
    HB_TRY(blobs_changed(checker, err));
    return checker->how == HB_CHECK_LOOK ? blobs_unused(checker, err) : HB_OK;
}

hb_status sqlite_blobs_check(sqlite_table *table, hb_check_how how, hb_finding_sink *sink,
                             void *arg, hb_err *err) {
    for (uint32_t place = 1; place < table->field_count; place++) {
        if (table->blobs[place].len == 0) continue;
        const blob_checker checker = { table, place, how, sink, arg };
        HB_TRY(check_place(&checker, err));
    }
    return HB_OK;
}
