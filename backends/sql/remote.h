// SPDX-License-Identifier: MIT
/* What the SQL engines share that are reached by operations of the host: one file per engine beside
 * (postgres.c, mysql.c), which gives its dialect and its claims' exceptions.
 *
 * Layout: a schema of the engine per workspace, or names that begin with a prefix in the schema of
 * the connection; in it
 *   hb_meta   (key, value)     definitions, intents
 *   <entity>  (object_id PRIMARY KEY, one column per placed field): BOOL, I64, F64, TEXT, BYTES as
 *             the dialect says; vectors as its vector type, or the bytes of their float32; lists,
 *             Json and HyperG one JSON text
 * Names that the engine could cut off or fold get a hash (tables.c), so that they follow from ours.
 *
 * Attaching reads hb_meta and which columns there are; both are copies from then on, kept in step
 * by what is committed here. What a call writes is collected, and goes out as one transaction with
 * its COMMIT (steps.c): no connection is held open in between. */
#ifndef HB_BACKENDS_SQL_REMOTE_H
#define HB_BACKENDS_SQL_REMOTE_H

#include "backends/backend.h"
#include "compile/sql.h"

#define SQL_META_TABLE "hb_meta"

/* How a row gets into a table. All but the first: engines without keys (keyless.c), whose tables
 * of definitions have the column n: of a key's values that of the greatest n counts. */
typedef enum sql_writes {
    SQL_WRITES_UPSERT,          /* the dialect says what happens to one that is there */
    SQL_WRITES_MERGE,           /* MERGE does all of a statement's rows */
    SQL_WRITES_REPLACE,         /* rows that are there are deleted first */
    SQL_WRITES_INSERT           /* only new ones can be written, and nothing be deleted */
} sql_writes;

typedef struct sql_engine {
    const hb_dialect *dialect;
    /* Which columns the schema $s has: rows (table, column, type). */
    const char *columns;
    /* The same of the connection's own schema, for tables whose names begin with the prefix $s
     * (more may come); it is the default then. NULL: a workspace has a schema of its own. */
    const char *columns_by_prefix;
    /* Asked when a workspace attaches, NULL: nothing. The first texts of its rows, each between
     * newlines, choose which engine it is. */
    const char *which;
    const struct sql_engine *(*choose)(hb_str answer);
    /* As `columns` tells those of dialect->types; several that will do are separated by "|" */
    const char *known_types[HB_KIND_COUNT];
    /* Nobody else makes tables in the schema $s until the transaction ends. NULL: making them at
     * once is harmless */
    const char *lock;
    bool no_indexes;            /* of single columns: reading all of one is as good */
    /* The failure says that the engine undid the whole transaction because another one was in its
     * way: it is sent again. NULL: never. */
    bool (*may_repeat)(hb_str native);
    /* The failure says that what was to be made is there already; NULL: such a failure is one. */
    bool (*is_made)(hb_str native);
    /* No statement is undone with another: each goes out by itself, and means the same when it
     * comes twice. What fails after others is PARTIAL_WRITE. */
    bool no_transactions;
    bool loads;                 /* rows are written by loads (load.c) */
    bool spelled;               /* values are written into statements (literals.c) */
    bool vector_type;           /* a vector is the text "[1,2]", cast to a type; else its bytes */
    /* By hb_metric, smallest first, $c the column and $v the vector; NULL: ranked here. */
    const char *distances[3];
    /* The status of a failure by the engine's own code. */
    hb_status (*status_of)(hb_str native);
    /* Ways by HTTP beside the gateway (transport.h), ends with NULL; or NULL. */
    const struct sql_transport *const *transports;
    const struct sql_transport *by_http;    /* the way when nobody says one; NULL: a driver */
    sql_writes writes;
    const char *probe;          /* is answered whenever anything is; NULL: SELECT 1 */
    const char *empty;          /* what empties a table, its name follows; NULL: DELETE FROM */
    /* Making a table may fail in this way when another program makes it: it is tried again. */
    bool (*may_remake)(hb_str native);
} sql_engine;

/* Statements on their way, MessagePack items without the list's head. */
typedef struct sql_list {
    hb_buf items;
    uint32_t count;
    /* Where making tables ends a transaction: what makes them, before the items... */
    hb_buf tables;
    uint32_t table_count;
    hb_buf drops;               /* ...and which go afterwards: their names, each with a newline */
} sql_list;

/* A key with its value; .ptr NULL: deleted. Owned texts. */
typedef struct sql_meta_entry {
    hb_str key, value;
} sql_meta_entry;

typedef struct sql_meta {
    sql_meta_entry *entries;    /* owned */
    uint32_t count, cap;
} sql_meta;

typedef struct sql_known {      /* a column that exists; texts of remote->known_arena */
    hb_str table, column, type;
} sql_known;

typedef struct sql_tx {         /* collected, not sent */
    bool open;
    sql_list list;
    sql_meta meta;              /* what it changes */
} sql_tx;

typedef struct sql_remote {     /* hb_instance.state */
    const sql_engine *engine;
    struct sql_link *link;      /* by HTTP; NULL: by the host's driver. Of the instance's arena */
    hb_instance *instance;
    const hb_mem *mem;
    hb_str schema;              /* empty: the connection's own... */
    hb_str prefix;              /* ...where names of tables begin so */
    hb_arena known_arena;
    sql_known *known;           /* in it */
    uint32_t known_count, known_cap;
    bool is_chosen;             /* the engine, if there are several */
    bool has_schema;            /* for sure */
    bool stale;                 /* `known` may be wrong: what made tables failed */
    sql_meta meta;
    uint32_t loads;             /* how many went out: makes their labels differ */
    int64_t meta_n;             /* greatest n among the definitions, of engines without keys */
    sql_tx tx;
} sql_remote;

typedef struct sql_table {      /* hb_container.state */
    const hb_mem *mem;
    hb_arena arena;
    hb_str name;
    hb_str *columns;            /* by container field */
} sql_table;

/* ---- session.c: what is not about a container */
hb_status sql_open(hb_instance *instance, const sql_engine *engine, hb_err *err);
void sql_close(hb_instance *instance);
bool sql_durable(const hb_instance *instance);
hb_status sql_tx_op(hb_instance *instance, hb_tx op, hb_err *err);
hb_status sql_meta_put(hb_instance *instance, hb_str key, hb_str value, hb_err *err);
hb_status sql_meta_get(hb_instance *instance, hb_str key, hb_arena *arena, hb_str *value,
                       hb_err *err);
hb_status sql_meta_delete(hb_instance *instance, hb_str key, hb_err *err);
hb_status sql_meta_list(hb_instance *instance, hb_str prefix, hb_arena *arena, hb_str **keys,
                        uint32_t *count, hb_err *err);
hb_status sql_attach(hb_job *job, hb_err *err);
hb_status sql_attach_reply(hb_job *job, const hb_batch *rows, hb_err *err);
hb_status sql_send_columns(hb_job *job, hb_err *err);
hb_status sql_take_columns(hb_job *job, const hb_batch *rows, hb_err *err);
hb_status sql_commit(hb_job *job, hb_err *err);
hb_status sql_commit_reply(hb_job *job, hb_err *err);
void sql_state_free(hb_job *job);

/* ---- meta.c */
hb_status sql_meta_set(sql_meta *meta, const hb_mem *mem, hb_str key, hb_str value, hb_err *err);
const sql_meta_entry *sql_meta_find(const sql_meta *meta, hb_str key);
void sql_meta_clear(sql_meta *meta, const hb_mem *mem);
/* Everything of `from`, which is empty afterwards; a deleted key goes. */
hb_status sql_meta_merge(sql_meta *meta, sql_meta *from, const hb_mem *mem, hb_err *err);

/* ---- statements.c: sending and collecting */
void sql_list_init(sql_list *list, const hb_mem *mem);
void sql_list_free(sql_list *list);
/* "[1,2.5]", as engines with a vector type read it. */
void sql_vector_text(const hb_value *value, hb_buf *out);
/* Adds a statement with its parameters. */
hb_status sql_list_add(sql_list *list, const sql_remote *remote, const hb_sql *sql, hb_err *err);
/* One operation of everything in the list. */
hb_status sql_send(hb_job *job, const sql_list *list, bool in_transaction, hb_err *err);
hb_status sql_send_one(hb_job *job, const hb_sql *sql, hb_err *err);
/* Into the open transaction, with the job done; or sent in one of its own. */
hb_status sql_submit(hb_job *job, sql_list *list, hb_err *err);
/* What an engine's own codes mean: that of the first prefix; BACKEND when there is none. */
typedef struct sql_code {
    hb_str prefix;
    hb_status status;
} sql_code;
hb_status sql_status_by_prefix(const sql_code *codes, size_t count, hb_str native);
/* The same of numbers, by the first entry that has it; false: it is none. */
typedef struct sql_number {
    int32_t from, to;
    hb_status status;
} sql_number;
bool sql_status_by_number(const sql_number *known, size_t count, hb_str native, hb_status *out);
/* Status and words of an operation that failed. */
hb_status sql_failed(const sql_remote *remote, const hb_host_reply *reply, hb_err *err);
/* The same of a status that is known: `telling` are more words, or empty; `native` a code. */
hb_status sql_say(const sql_remote *remote, hb_status status, hb_str telling, hb_str native,
                  hb_err *err);

/* ---- steps.c */
/* Adds a statement that makes a table or adds to one. */
hb_status sql_table_add(sql_list *list, const sql_remote *remote, const hb_sql *sql, hb_err *err);
/* The table, emptied by the items, is dropped after them; or stays after all. */
hb_status sql_drop_add(sql_list *list, hb_str table, hb_err *err);
void sql_drop_forget(sql_list *list, hb_str table);
hb_status sql_list_append(sql_list *list, const sql_list *from, hb_err *err);
bool sql_list_is_empty(const sql_list *list);
/* Sends the next step of state->sent.list, or ends the job. */
hb_status sql_steps(hb_job *job, hb_err *err);
/* The step under way failed, and its purpose is fulfilled nevertheless. */
bool sql_step_forgives(const hb_job *job, const hb_err *err);
/* The step under way failed, and may be sent again, which sql_steps does. */
bool sql_step_repeats(hb_job *job, const hb_err *err);
/* The step under way failed for good: what that means for the others. */
hb_status sql_step_failed(const hb_job *job, hb_status status, hb_err *err);
/* The step under way was answered: the next one. */
hb_status sql_step_done(hb_job *job, bool as_asked, hb_err *err);

/* ---- tables.c */
/* The table of a container, names and all; no question is asked. */
hb_status sql_table_of(hb_instance *instance, hb_container *container, sql_table **out,
                       hb_err *err);
void sql_release(hb_instance *instance, hb_container *container);
bool sql_table_exists(const sql_remote *remote, hb_str table);
/* Adds to `list` what makes the container's table as it has to be; SCHEMA_DRIFT when another
 * program gave a column another type. */
hb_status sql_table_make(hb_instance *instance, hb_container *container, sql_list *list,
                         hb_err *err);
hb_status sql_ensure(hb_job *job, hb_err *err);
hb_status sql_clear(hb_job *job, hb_err *err);
hb_status sql_known_add(sql_remote *remote, hb_str table, hb_str column, hb_str type, hb_err *err);
void sql_known_drop(sql_remote *remote, hb_str table);
/* Adds `form` with the name of a schema or prefix in the place of $s. */
void sql_add_form(hb_sql *sql, const char *form, hb_str name);
/* The prefix in remote->prefix, or INVALID_ID; and one of a name. */
hb_status sql_check_prefix(const sql_remote *remote, hb_err *err);
hb_str sql_prefix_of(const sql_remote *remote, hb_str name, hb_arena *arena);
/* What makes the schema, under the engine's lock for such work. */
hb_status sql_add_schema(sql_list *list, const sql_remote *remote, hb_sql *sql, hb_err *err);
/* The type of a table's key, and what follows the list of its columns. */
void sql_add_key_type(hb_sql *sql);
void sql_add_suffix(hb_sql *sql, hb_str key);
/* "schema"."table" */
void sql_add_table(hb_sql *sql, const sql_remote *remote, hb_str table);
/* A name that the engine keeps as it is, and no other name of ours becomes. */
hb_str sql_name(const sql_remote *remote, hb_str name, hb_arena *arena);
/* A condition: the column is one of the texts. */
hb_status sql_add_in(hb_sql *sql, hb_str column, const hb_str *texts, uint32_t count, hb_err *err);

/* ---- write.c */
hb_status sql_write(hb_job *job, hb_err *err);
hb_status sql_delete(hb_job *job, hb_err *err);
hb_status sql_delete_reply(hb_job *job, const hb_batch *rows, hb_err *err);
/* Columns that the table has for fields that are not here any more, in `arena`. */
hb_status sql_cleared_columns(const sql_remote *remote, const hb_container *container,
                              const sql_table *table, hb_arena *arena, hb_str **out,
                              uint32_t *count, hb_err *err);
/* VALIDATION for U+0000 where the engine has none. */
hb_status sql_check_text(const hb_job *job, const hb_field *field, hb_str text, hb_err *err);
/* Where rows that are there would be in the way of their successors: adds what deletes them. */
hb_status sql_rows_replace(hb_sql *sql, sql_list *list, const sql_remote *remote, hb_str table,
                           hb_str key, const hb_str *ids, uint32_t count, hb_err *err);
/* A statement that writes rows of these columns, the first of which is their key, in the place of
 * those that are there: sql_rows_begin, for each row sql_row_begin, its values with commas between
 * and a closing parenthesis, then sql_rows_end. */
void sql_rows_begin(hb_sql *sql, const sql_remote *remote, hb_str table, const hb_str *columns,
                    uint32_t column_count);
void sql_row_begin(hb_sql *sql, const sql_remote *remote, hb_str table, const hb_str *columns,
                   uint32_t column_count, bool follows);
void sql_rows_end(hb_sql *sql, const hb_str *columns, uint32_t column_count, const hb_str *cleared,
                  uint32_t cleared_count);
/* " ON ..." of MERGE INTO ... AS t USING ... AS s */
void sql_merge_end(hb_sql *sql, const hb_str *columns, uint32_t column_count,
                   const hb_str *cleared, uint32_t cleared_count);
/* Adds what deletes the rows of these ids. */
hb_status sql_delete_list(hb_job *job, const sql_table *table, const hb_str *ids, uint32_t count,
                          hb_sql *sql, sql_list *list, hb_err *err);

/* ---- load.c: adding loads to a list */
hb_status sql_load_rows(hb_job *job, const sql_table *table, sql_list *list, hb_err *err);
hb_status sql_load_deletes(sql_list *list, const sql_remote *remote, const sql_table *table,
                           const hb_str *ids, uint32_t count, hb_err *err);
hb_status sql_load_meta(sql_list *list, const sql_remote *remote, const sql_meta *meta,
                        hb_err *err);

/* ---- keyless.c: writing where tables have no keys */
hb_status sql_keyless_write(hb_job *job, hb_err *err);
hb_status sql_keyless_write_reply(hb_job *job, const hb_batch *rows, hb_err *err);
/* UNSUPPORTED where nothing can be deleted. */
hb_status sql_keyless_check_delete(const hb_job *job, hb_err *err);
hb_status sql_keyless_meta_change(sql_list *list, const sql_remote *remote, hb_sql *sql,
                                  const sql_meta_entry *entry, hb_err *err);
hb_status sql_keyless_meta_n(sql_remote *remote, const hb_column *column, uint32_t count,
                             hb_err *err);

/* ---- read.c */
hb_status sql_read(hb_job *job, hb_err *err);     /* FETCH, SCAN, COUNT, AGGREGATE */
hb_status sql_read_reply(hb_job *job, const hb_batch *rows, hb_err *err);
hb_status sql_statement(hb_instance *instance, const hb_fragment *fragment, hb_arena *arena,
                        hb_buf *json, hb_err *err);

/* The filter and the candidates behind the word WHERE; *any: there are some. */
hb_status sql_add_where(hb_sql *sql, const hb_job *job, const sql_table *table, bool *any,
                        hb_err *err);

/* ---- aggregate.c: AGGREGATE */
hb_status sql_ask_groups(hb_job *job, const sql_table *table, hb_sql *sql, hb_err *err);
hb_status sql_take_groups(hb_job *job, const hb_batch *rows, hb_err *err);
/* The answer of a table that is not there. */
hb_status sql_no_groups(hb_job *job, hb_err *err);

/* ---- rank.c: rows (object_id, vector), (object_id, text...) -> state->ids, scores */
hb_status sql_rank_vectors(hb_job *job, const hb_batch *rows, hb_err *err);
hb_status sql_rank_texts(hb_job *job, const hb_batch *rows, hb_err *err);

/* ---- rows.c */
/* The answer with texts as they were before they got a mark. */
hb_status sql_unmark(const hb_job *job, hb_batch *rows, hb_err *err);
/* A column of texts, which an engine may hold and give as their bytes. */
bool sql_holds_texts(const hb_column *column);
/* BAD_REPLY unless an answer with rows has that many columns. */
hb_status sql_check_columns(const hb_batch *rows, uint32_t count, hb_err *err);
/* BAD_REPLY unless every row begins with an object_id. */
hb_status sql_check_ids(const hb_batch *rows, hb_err *err);
/* Appends a cell of a reply, as a value of `kind`; BAD_REPLY when it is none. */
hb_status sql_cell_read(const hb_column *column, uint32_t row, hb_kind kind, uint32_t dim,
                        hb_arena *scratch, hb_colbuf *out, hb_err *err);

/* ---- claims.c */
bool sql_stores(const hb_type *type, hb_strategy strategy);
hb_offer sql_offer(const hb_dialect *dialect, const hb_type *type, const hb_expr *leaf);
hb_offer sql_supports(const sql_engine *engine, const hb_type *type, hb_strategy strategy,
                      hb_str op);

/* ---- remote.c: the functions of the table */
hb_status sql_begin(hb_job *job, hb_err *err);
hb_status sql_reply(hb_job *job, const hb_host_reply *reply, hb_err *err);
void sql_end(hb_job *job);

/* What a job keeps between its replies; job->state. */
typedef enum sql_step { SQL_STEP_NONE, SQL_STEP_TABLE, SQL_STEP_ROWS, SQL_STEP_DROP } sql_step;

typedef struct sql_state {
    bool looks;                 /* the answer under way says which columns there are */
    sql_step step;              /* of `sent`, which is under way */
    uint32_t tables_done, rows_done, drops_done, repeats;
    bool by_driver;             /* by HTTP: what is under way went to the driver nevertheless */
    hb_str dropping;
    uint32_t phase;
    sql_tx sent;                /* what is written; of a COMMIT with its meta */
    hb_str *ids;                /* near: the best, in order; in the job's arena */
    double *scores;
    uint32_t count;
    struct sql_exchange *exchange;  /* by HTTP: of the statements under way; in the job's arena */
} sql_state;

/* Members of an engine's table that are the same for all. */
#define SQL_CAPS                                                                                   \
    .sort = HB_EXACT, .limit = HB_EXACT, .count = HB_EXACT, .candidates = true,                    \
    .filtered_rank = true, .search = true,                                                         \
    .metrics = 1u << HB_METRIC_COSINE | 1u << HB_METRIC_L2 | 1u << HB_METRIC_DOT
/* Aggregates of engines that compare texts of any length as the core does; of the others. Floats
 * are left to the core: their sums depend on the order, and 0 and -0 are one value to engines. */
#define SQL_REDUCES_COUNT (1u << HB_REDUCE_COUNT)
#define SQL_REDUCES_ORDERED (SQL_REDUCES_COUNT | 1u << HB_REDUCE_MIN | 1u << HB_REDUCE_MAX)
#define SQL_REDUCES_INTEGERS (SQL_REDUCES_ORDERED | 1u << HB_REDUCE_SUM | 1u << HB_REDUCE_AVG)
#define SQL_AGGREGATES                                                                             \
    .groups = 1u << HB_KIND_BOOL | 1u << HB_KIND_I64 | 1u << HB_KIND_TEXT,                         \
    .reducers = { [HB_KIND_BOOL] = SQL_REDUCES_COUNT, [HB_KIND_I64] = SQL_REDUCES_INTEGERS,        \
                  [HB_KIND_F64] = SQL_REDUCES_COUNT, [HB_KIND_TEXT] = SQL_REDUCES_ORDERED }
#define SQL_AGGREGATES_WITHOUT_TEXTS                                                               \
    .groups = 1u << HB_KIND_BOOL | 1u << HB_KIND_I64,                                              \
    .reducers = { [HB_KIND_BOOL] = SQL_REDUCES_COUNT, [HB_KIND_I64] = SQL_REDUCES_INTEGERS,        \
                  [HB_KIND_F64] = SQL_REDUCES_COUNT, [HB_KIND_TEXT] = SQL_REDUCES_COUNT }
#define SQL_FUNCTIONS                                                                              \
    .stores = sql_stores, .close = sql_close, .durable = sql_durable, .tx = sql_tx_op,             \
    .meta_put = sql_meta_put, .meta_get = sql_meta_get, .meta_delete = sql_meta_delete,            \
    .meta_list = sql_meta_list, .begin = sql_begin, .reply = sql_reply, .end = sql_end,            \
    .release = sql_release, .statement = sql_statement

static inline sql_remote *sql_remote_of(const hb_job *job) { return job->instance->state; }

#endif
