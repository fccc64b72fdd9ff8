// SPDX-License-Identifier: MIT
/* What the parts of the sqlite backend share. One connection per instance; a container is a table.
 *
 * Layout of a file (all tables STRICT, all names quoted by hb_sql_ident):
 *   hb_meta    (ws, key, value)                            definitions, intents; layout version
 *   hb_columns (ws, entity, field, physical, kind, side)   physical name of every field ever held;
 *                              <field>~<physical>: values that its type does not take (returned.c)
 *   hb_types   (ws, entity, physical, type)                type of the values in it, as JSON
 *   <ws>/<entity>              slot (rowid), object_id UNIQUE, one column per placed field:
 *                              BOOL, I64 INTEGER; F64 REAL; TEXT; BYTES, VEC (float32) BLOB;
 *                              arrays, Json and HyperG one JSON text. The row is the truth.
 *   <ws>/<entity>/<physical>   items of an array held as side table or sparse-gram index, the rows
 *                              that the edges of a relation lead to: an index (item, slot, idx)
 *                              over the row, kept in the same transaction;
 *                              or the values of a field held outside the row (hash, value): the
 *                              row's column holds the hash (blob.c)
 * Workspace and entity ids hold no '/', so that no two workspaces ever share a table. Text and
 * vector indexes live in memory, slot = rowid, built at first use and kept in step by writes. */
#ifndef HB_BACKENDS_SQLITE_SQLITE_PRIV_H
#define HB_BACKENDS_SQLITE_SQLITE_PRIV_H

#include <sqlite3.h>

#include "backends/backend.h"
#include "backends/sqlite/fence.h"
#include "backends/sqlite/lease.h"
#include "base/map.h"
#include "compile/sql.h"
#include "eval/pred.h"
#include "value/edge.h"

#define SQLITE_STMTS_MAX 24u            /* kept prepared by text */
#define SQLITE_LEAF_POINTER "hb_leaf"
#define SQLITE_LIST_POINTER "hb_list"
#define SQLITE_LAYOUT_VERSION "1"

typedef struct sqlite_table sqlite_table;
typedef struct sqlite_layout sqlite_layout;         /* layout.h */
typedef struct sqlite_checker sqlite_checker;       /* layout.h */

/* What a cell is bound as when its row is written. */
typedef enum sqlite_form {
    SQLITE_AS_IS,
    SQLITE_AS_TEXT,             /* a text that the layout makes of the value */
    SQLITE_AS_FLAG              /* 1 when there is a value, else 0: the value is in another table */
} sqlite_form;

typedef struct sqlite_cached {
    sqlite3_stmt *stmt;
    char *text;                 /* owned key */
    uint32_t text_len;
    uint64_t used;              /* tick of the last use */
    bool busy;
} sqlite_cached;

struct sqlite_conn {            /* hb_instance.state; owned */
    sqlite3 *db;
    const hb_mem *mem;
    hb_instance *instance;
    const sqlite_layout *layout;
    const char *path;           /* borrowed from the options */
    bool on_disk;
    bool in_tx;
    const hb_deadline *deadline;    /* of the job at work; NULL: none is, or it may take for ever */
    bool touched;               /* a fragment wrote in the open transaction */
    const sqlite_checker *checker;  /* is told what tables lack when they are attached; NULL: that
                                     * is an error */
    uint64_t tick;
    sqlite_cached cache[SQLITE_STMTS_MAX];
    hb_map made;                /* in memory: names of indexes that questions had made */
    sqlite_table *tables;       /* attached ones, linked; owned: freed by release, or by close */
    sqlite_lease lease;
    sqlite_fence fence;         /* raised where there is a lease */
};

typedef struct sqlite_derived sqlite_derived;       /* derived.h */

typedef struct sqlite_index {   /* a secondary index that is not unique */
    hb_str name;
    const uint32_t *places;     /* container fields */
    uint32_t place_count;
    bool waits;                 /* in memory: made by the first question that it can answer */
} sqlite_index;

typedef struct sqlite_left {    /* a column with values that their field's type does not take */
    hb_str column;
    uint32_t place;             /* container field */
    hb_kind kind;
} sqlite_left;

typedef struct sqlite_table {   /* hb_container.state; owned */
    sqlite_conn *conn;
    sqlite_table *next;
    hb_container *container;
    uint32_t field_count;
    hb_arena arena;             /* names and arrays below */
    bool fresh;                 /* made by this attaching: the file had nothing of it */
    bool checked;               /* false after a rollback: the table may be gone again */
    hb_str name;                /* what queries read: columns `slot`, object_id and those below */
    hb_str *columns;            /* physical column by container field; [0] is object_id */
    hb_str *sides;              /* items (slot, item) by container field, .len 0: none */
    hb_str *blobs;              /* table of values outside the row, likewise */
    hb_str target;              /* the table that rows are written to */
    hb_str *stored;             /* its column by container field */
    sqlite_form *forms;         /* by container field */
    hb_str *grams;              /* namespace of the field's keyword index, .len 0: none */
    const hb_str *cleared;      /* columns of `target` for fields that are not here any more */
    uint32_t cleared_count;
    const sqlite_left *left;    /* some of them */
    uint32_t left_count;
    bool tracks_slots;          /* writes must know the slot: item tables or indexes in memory */
    const uint32_t **uniques;   /* unique constraints as container fields, HB_FIELD_NONE ends one */
    uint32_t unique_count;
    sqlite_index *indexes;
    uint32_t index_count;
    sqlite3_stmt *upsert;       /* lent to every write, prepared at the first one */
    sqlite3_stmt *find;         /* object_id -> slot */
    sqlite3_stmt *remove;       /* by slot */
    sqlite3_stmt **side_add;    /* by container field */
    sqlite3_stmt **side_remove;
    sqlite_derived *derived;    /* text and vector indexes in memory; derived.c */
} sqlite_table;

/* ---- conn.c: connection, statements, errors -------------------------------------------------- */

hb_status sqlite_conn_open(hb_instance *instance, hb_err *err);
void sqlite_conn_close(hb_instance *instance);
/* A new connection in the place of one whose file was taken over. What was prepared or read is
 * forgotten. After a failure the lease is lost as before. */
hb_status sqlite_conn_reopen(sqlite_conn *conn, hb_err *err);
/* Statements are interrupted once the deadline has passed, until the next call; NULL: never. The
 * deadline is borrowed until then. */
void sqlite_conn_limit(sqlite_conn *conn, const hb_deadline *deadline);
bool sqlite_conn_durable(const hb_instance *instance);
hb_status sqlite_conn_flush(hb_instance *instance, hb_err *err);
/* The journal mode, and how long a commit waits for the device. */
hb_status sqlite_log_start(sqlite_conn *conn, hb_err *err);
hb_status sqlite_conn_tx(hb_instance *instance, hb_tx op, hb_err *err);

/* The error of the last failed call: our status, the engine's code by name, never its text. */
hb_status sqlite_fail(const sqlite_conn *conn, int rc, hb_err *err);
/* Runs `body` between BEGIN and COMMIT, unless a transaction is open already. `job` may be NULL. */
typedef hb_status (*sqlite_body)(sqlite_table *table, hb_job *job, hb_err *err);
hb_status sqlite_in_tx(sqlite_table *table, hb_job *job, sqlite_body body, hb_err *err);
hb_status sqlite_run(sqlite_conn *conn, const char *sql, hb_err *err);
/* A statement of its own; the caller finalizes. */
hb_status sqlite_prepare(sqlite_conn *conn, hb_str sql, sqlite3_stmt **out, hb_err *err);
/* A statement out of the cache, parameters bound. Give it back with sqlite_return. */
hb_status sqlite_borrow(sqlite_conn *conn, const hb_sql *sql, sqlite3_stmt **out, hb_err *err);
void sqlite_return(sqlite_conn *conn, sqlite3_stmt *stmt);
/* Drops every cached statement (before DDL). */
void sqlite_cache_clear(sqlite_conn *conn);
/* Binds 1-based parameter `at`; PACK is refused: it is stored as JSON text. Borrows. */
int sqlite_bind_value(sqlite3_stmt *stmt, int at, const hb_value *value);
static inline int sqlite_bind_str(sqlite3_stmt *stmt, int at, hb_str text) {
    return sqlite3_bind_text(stmt, at, text.len > 0 ? text.ptr : "", (int)text.len, SQLITE_STATIC);
}
static inline hb_str sqlite_text_at(sqlite3_stmt *stmt, int column) {
    const char *ptr = (const char *)sqlite3_column_text(stmt, column);
    return (hb_str){ ptr, ptr != NULL ? (uint32_t)sqlite3_column_bytes(stmt, column) : 0 };
}

/* ---- meta.c ---------------------------------------------------------------------------------- */

hb_status sqlite_meta_put(hb_instance *instance, hb_str key, hb_str value, hb_err *err);
hb_status sqlite_meta_get(hb_instance *instance, hb_str key, hb_arena *arena, hb_str *value,
                          hb_err *err);
hb_status sqlite_meta_delete(hb_instance *instance, hb_str key, hb_err *err);
hb_status sqlite_meta_list(hb_instance *instance, hb_str prefix, hb_arena *arena, hb_str **keys,
                           uint32_t *count, hb_err *err);

/* ---- functions.c: our operators inside SQLite ------------------------------------------------ */

/* The compiled filter of one job, and the leaf that a call of hb_test(?, column) means. */
typedef struct sqlite_filter {
    hb_pred *pred;              /* NULL until a leaf needs it; owned */
    hb_err err;                 /* what a call inside SQLite failed with */
    hb_buf pack;                /* scratch */
    hb_arena arena;             /* scratch for aligned vectors */
} sqlite_filter;

typedef struct sqlite_leaf {
    sqlite_filter *filter;
    uint32_t leaf_index;
    hb_kind kind;
} sqlite_leaf;

/* A list that hb_list(?) yields as rows with the one column `value`. */
typedef struct sqlite_list {
    const hb_value *values;     /* one of the three is set */
    const hb_str *texts;
    const int64_t *slots;
    uint32_t count;
} sqlite_list;

int sqlite_functions_add(sqlite3 *db);
/* A stored cell as a value. JSON becomes MessagePack in `pack`; vectors are aligned in `arena`.
 * Either may be NULL when the kind does not need it. */
hb_status sqlite_read_value(sqlite3_value *cell, hb_kind kind, hb_buf *pack, hb_arena *arena,
                            hb_value *out, hb_err *err);
/* The same; CORRUPT also for a vector of another length than `dim`, 0: any. */
hb_status sqlite_read_cell(sqlite3_value *cell, hb_kind kind, uint32_t dim, hb_buf *pack,
                           hb_arena *arena, hb_value *out, hb_err *err);
/* The same for what follows from the rows: a value that cannot be decoded is null there. */
hb_status sqlite_read_known(sqlite3_value *cell, hb_kind kind, hb_buf *pack, hb_value *out,
                            hb_err *err);

/* ---- table.c: the container ------------------------------------------------------------------ */

hb_status sqlite_table_ensure(hb_job *job, hb_err *err);
hb_status sqlite_table_clear(hb_job *job, hb_err *err);
void sqlite_table_release(hb_instance *instance, hb_container *container);
void sqlite_table_free(sqlite_table *table);
/* Between transactions: a table is looked at anew at its next use; it was in the file, so that what
 * it lacks then somebody took. */
void sqlite_table_doubt(sqlite_table *table);
/* All tables, and what follows from their rows: the file may be another one by now. */
void sqlite_tables_forget(sqlite_conn *conn);
/* The table of a container, made if it is not attached yet. */
hb_status sqlite_table_need(hb_instance *instance, hb_container *container, sqlite_table **out,
                            hb_err *err);
/* Drops the secondary indexes, or makes them again from the rows. */
hb_status sqlite_index_make(sqlite_table *table, const sqlite_index *index, bool unique,
                            hb_err *err);
/* May an index that is not there be made later? Nobody else reads a database in memory, so writes
 * need not pay for what is never asked. What was there once is missed. */
bool sqlite_index_waits(const sqlite_table *table, hb_str name);
/* Makes those that the fragment asks about and that have waited so far. */
hb_status sqlite_indexes_need(sqlite_table *table, hb_job *job, hb_err *err);
hb_status sqlite_indexes_drop(sqlite_table *table, hb_err *err);
hb_status sqlite_indexes_make(sqlite_table *table, hb_err *err);
/* Finalizes what is prepared; the table stays usable. */
void sqlite_table_finalize(sqlite_table *table);

/* ---- write.c --------------------------------------------------------------------------------- */

hb_status sqlite_write(hb_job *job, hb_err *err);
hb_status sqlite_delete(hb_job *job, hb_err *err);
/* ---- read.c ---------------------------------------------------------------------------------- */

hb_status sqlite_fetch(hb_job *job, hb_err *err);
hb_status sqlite_scan(hb_job *job, hb_err *err);
hb_status sqlite_count(hb_job *job, hb_err *err);
hb_status sqlite_aggregate(hb_job *job, hb_err *err);

/* One SELECT under way. Fields are the fragment's columns, then those that only sorting needs. */
typedef struct sqlite_query {
    sqlite_table *table;
    hb_job *job;
    sqlite_filter filter;
    const uint32_t *fields;
    uint32_t field_count;
    uint32_t visible_count;
    bool core_sorts;            /* a key that SQL cannot order by our rules, or ranked rows */
    bool scored;                /* a last column "score" */
    hb_sql sql;
} sqlite_query;

/* "object_id, <columns>" */
void sqlite_query_columns(sqlite_query *query);
/* " FROM <table> WHERE <filter and candidates>" */
hb_status sqlite_query_from(sqlite_query *query, hb_err *err);
/* A failed step: what a callback reported, or the engine's error. */
hb_status sqlite_query_fail(sqlite_query *query, int rc, hb_err *err);
/* object_id, the fields, and the score: the columns of `out`. */
hb_status sqlite_rowset_begin(const sqlite_query *query, hb_rowset *out, hb_err *err);
/* Appends the current row of a statement that starts with sqlite_query_columns. */
hb_status sqlite_row_add(sqlite_query *query, sqlite3_stmt *stmt, hb_rowset *out, hb_err *err);
/* Sorts by the fragment's order if it has one, cuts to limit and offset, gives the visible columns
 * as job->out. */
hb_status sqlite_arrange(sqlite_query *query, hb_rowset *rows, hb_err *err);

/* ---- derived.c: indexes in memory, in step with the table ------------------------------------ */

hb_status sqlite_derived_init(sqlite_table *table, hb_err *err);
void sqlite_derived_free(sqlite_table *table);
bool sqlite_derived_has(const sqlite_table *table, uint32_t place);
/* After a row was written or removed. What cannot be kept in step is forgotten. */
void sqlite_derived_write(sqlite_table *table, int64_t slot, bool is_new, const hb_batch *batch,
                          uint32_t row);
void sqlite_derived_remove(sqlite_table *table, int64_t slot);
void sqlite_derived_forget(sqlite_table *table);    /* everything is built again at its next use */

/* ---- rank.c: near, search, has_words --------------------------------------------------------- */

hb_status sqlite_rank(sqlite_query *query, hb_err *err);
/* Slots of the rows whose field `place` has all words of `text`; made in the job's arena. */
hb_status sqlite_words_list(sqlite_query *query, uint32_t place, hb_str text, sqlite_list **out,
                            hb_err *err);

/* ---- check.c --------------------------------------------------------------------------------- */

hb_status sqlite_check(hb_instance *instance, hb_container *container, hb_check_how how,
                       hb_finding_sink *sink, void *arg, hb_err *err);

/* ---- claims.c -------------------------------------------------------------------------------- */

bool sqlite_stores(const hb_type *type, hb_strategy strategy);
hb_offer sqlite_offer(const hb_type *type, hb_strategy strategy, bool indexed, const hb_expr *leaf);
hb_offer sqlite_supports(const hb_type *type, hb_strategy strategy, hb_str op);
/* An array whose items are scalars of one type, or a relation: it can have an item table. */
bool sqlite_has_item_table(const hb_type *type, hb_strategy strategy);
/* A question for the rows with an edge to given ones; *ids stands before `count` texts. */
bool sqlite_leaf_edges(const hb_type *type, hb_strategy strategy, const hb_expr *leaf,
                       hb_pack_reader *ids, uint32_t *count);

/* ---- blob.c: values outside the row ---------------------------------------------------------- */

#define SQLITE_REF_MAX 48u
typedef struct sqlite_ref {     /* what the row holds in place of a value */
    char text[SQLITE_REF_MAX];
    uint32_t len;
} sqlite_ref;
/* Texts and bytes held with the strategy EXTERNAL are kept in a table of their own. */
bool sqlite_has_blobs(const hb_type *type, hb_strategy strategy);
/* Keeps a TEXT or BYTES value, once for all rows that hold it. */
hb_status sqlite_blob_put(sqlite_table *table, uint32_t place, const hb_value *value,
                          sqlite_ref *out, hb_err *err);
int sqlite_ref_bind(sqlite3_stmt *stmt, int at, hb_kind kind, const sqlite_ref *ref);
/* Appends the value that column `at` of the row refers to; one that is gone is HB_E_CORRUPT, or
 * null where `lost_as_null`. */
hb_status sqlite_blob_add(sqlite_table *table, uint32_t place, sqlite3_stmt *row, int at,
                          bool lost_as_null, hb_colbuf *out, hb_err *err);
/* For audit and repair: tells rows whose value is gone or was changed, and values that no row
 * holds. Mending puts changed ones aside under another hash; giving up makes the former null and
 * deletes the latter. */
hb_status sqlite_blobs_check(sqlite_table *table, hb_check_how how, hb_finding_sink *sink,
                             void *arg, hb_err *err);

#endif
