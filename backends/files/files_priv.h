// SPDX-License-Identifier: MIT
/* What the files of this backend share.
 *
 * On disk, below the folder of the instance (the layout of HeavenBase for Python, which sees
 * nothing of the hidden folders):
 *   <workspace>/<entity with underscores>/<percent-encoded object_id>.json|.pkl   one row each
 *   <workspace>/<entity>/.quarantine/      unreadable files that repair moved away
 *   <workspace>/.heavenbase/meta/          definitions and intents, one file per key
 *   <workspace>/.heavenbase/tx/            what a call has written and not yet moved in place
 *   <workspace>/.heavenbase/values/        values outside the rows (external.c)
 *   <workspace>/.heavenbase/lock/          the process that is busy with the folder
 *   <workspace>/.heavenbase/generation     changes when rows do
 *
 * In memory, an inmem instance holds the rows that were read: it answers what is asked of a
 * container once that was loaded. */
#ifndef HB_BACKENDS_FILES_FILES_PRIV_H
#define HB_BACKENDS_FILES_FILES_PRIV_H

#include "backends/backend.h"
#include "backends/files/lease.h"
#include "backends/path.h"
#include "value/schema.h"

#define FILES_ROW_BYTES_MAX (64u << 20)
#define FILES_HIDDEN ".heavenbase"
#define FILES_QUARANTINE ".quarantine"
#define FILES_MISNAMED "MISNAMED"   /* err->native: a whole row under another row's name */
#define FILES_LOOK_MAX 16u
#define FILES_FETCH_SINGLE_MAX 256u /* up to so many ids are read one by one */

typedef struct files_table files_table;

typedef struct files_format {
    hb_str suffix;              /* ".json" */
    /* One row of a WRITE batch as the bytes of its file. */
    hb_status (*encode)(const files_table *table, const hb_batch *batch, uint32_t row, hb_buf *out,
                        hb_err *err);
    /* A file's bytes as one MessagePack value; CORRUPT (err->native may name an opcode). */
    hb_status (*decode)(hb_str bytes, hb_buf *pack, hb_err *err);
} files_format;

extern const files_format files_json, files_pickle;

typedef struct files_op {       /* one step of an open transaction; texts owned by files_conn.tx */
    hb_str target;              /* path below the workspace's folder */
    hb_str staged;              /* path of the new content below it; "" to remove the target */
    bool tree;                  /* remove it with everything in it */
} files_op;

typedef struct files_group {    /* calls that returned and are not on disk yet */
    hb_arena arena;             /* of the texts */
    files_op *ops;
    uint32_t op_count, op_cap;
    bool lost;                  /* another process took the folder over: a flush says so */
} files_group;

struct files_conn {             /* of one instance */
    const hb_mem *mem;
    const hb_fs *fs;
    hb_arena arena;             /* texts that live as long as the instance */
    const files_format *format;
    hb_str root;                /* <path>/<workspace> */
    hb_str hidden, tx_folder, meta_folder, values_folder;
    hb_instance inner;          /* inmem: rows that were read */
    files_table *tables;
    bool relaxed;               /* calls are gathered (group.c), not waited for */
    bool whole_rows;            /* every value stays in its row, as Python has it */
    bool in_tx;
    bool pending;               /* a journal that counts is not carried out yet */
    bool removes_tree;          /* the open transaction removes folders: never a single step */
    hb_arena tx;                /* of the open transaction */
    files_op *ops;
    uint32_t op_count, op_cap;
    uint32_t staged_count;      /* names given in tx_folder */
    files_group group;
    files_lease lease;
};

struct files_table {
    files_conn *conn;
    files_table *next;          /* in conn->tables */
    hb_container *owner;        /* NULL once released */
    hb_container cache;         /* the same container in conn->inner */
    hb_str name;                /* folder below the root; owned */
    uint8_t *outside;           /* by container field; see external.h; owned */
    bool has_outside;           /* any of them is */
    uint32_t field_count;       /* of `outside` */
    bool loaded;                /* conn->inner holds every readable row */
    bool as_mended;             /* also those that a repair would give their own name back */
    bool misnamed;              /* and there are such */
    bool has_misfits;           /* the last check of the files found values that do not fit */
    bool has_unreadable;        /* files were passed over as the rows were read */
    bool loaded_in_tx;          /* since the open transaction began: a rollback takes it back */
    bool unseen_in_tx;          /* written in it without being loaded */
};

/* ---- place.c: where things lie */
/* The option "path" as a path of the host (backends/path.h). */
hb_status files_path_option(const hb_instance *instance, hb_arena *arena, hb_str *out, hb_err *err);
/* Everything but A-Z a-z 0-9 - . _ ~ as %XX; .ptr NULL when out of memory. */
hb_str files_percent(hb_arena *arena, hb_str text);
/* Path of a row below the root, and below the host. */
hb_str files_row_name(const files_table *table, hb_str object_id, hb_arena *arena);
/* Whether a file system takes that name: an object_id may be too long once it is encoded. */
bool files_row_fits(const files_table *table, hb_str target);
/* The object_id that a file of the entity's folder is for; false: the file is none of ours. */
bool files_row_id(const files_table *table, hb_str file, hb_arena *arena, hb_str *object_id);

/* ---- journal.c: several files at once */
hb_status files_tx(hb_instance *instance, hb_tx op, hb_err *err);
hb_status files_tx_begin(files_conn *conn, hb_err *err);
hb_status files_tx_commit(files_conn *conn, hb_err *err);
void files_tx_rollback(files_conn *conn);
/* Writes the new content of `target` (below the root) beside; it counts from the commit on. */
hb_status files_tx_put(files_conn *conn, hb_str target, hb_str bytes, hb_err *err);
hb_status files_tx_remove(files_conn *conn, hb_str target, hb_err *err);
/* A folder with everything in it. */
hb_status files_tx_remove_tree(files_conn *conn, hb_str target, hb_err *err);
/* Makes the steps count, and takes them. After a failure they do not count. */
hb_status files_tx_apply(files_conn *conn, hb_err *err);
/* The last step of the open transaction, or of the gathered ones, for `target`, or NULL. */
const files_op *files_tx_find(const files_conn *conn, hb_str target);
/* Completes what an earlier process committed, and clears what it did not. The folder must be ours
 * (lease.h). */
hb_status files_recover(files_conn *conn, hb_err *err);

/* ---- group.c: relaxed durability */
/* Takes the steps of the transaction that commits over into the group; false: they cannot wait. */
hb_status files_group_take(files_conn *conn, bool *taken, hb_err *err);
/* The gathered calls are on disk once it returns OK; else they stay gathered. */
hb_status files_group_write(files_conn *conn, hb_err *err);
/* They are lost: the folder is another process's. */
void files_group_forget(files_conn *conn);
void files_group_free(files_group *group);

/* ---- meta.c */
#define FILES_META_BELOW FILES_HIDDEN "/meta/"

hb_status files_meta_put(hb_instance *instance, hb_str key, hb_str value, hb_err *err);
hb_status files_meta_get(hb_instance *instance, hb_str key, hb_arena *arena, hb_str *value,
                         hb_err *err);
hb_status files_meta_delete(hb_instance *instance, hb_str key, hb_err *err);
hb_status files_meta_list(hb_instance *instance, hb_str prefix, hb_arena *arena, hb_str **keys,
                          uint32_t *count, hb_err *err);
hb_status files_meta_path(hb_instance *instance, hb_str key, hb_arena *arena, hb_str *path,
                          hb_err *err);

/* ---- table.c */
hb_status files_run(hb_job *job, hb_err *err);
void files_table_free(files_table *table);
/* What an earlier commit left to do comes before reading. */
hb_status files_settle(files_conn *conn, hb_err *err);
/* Folder of the entity, below the host; .ptr NULL when out of memory. */
hb_str files_table_folder(const files_table *table, hb_arena *arena);
/* *out: names[at], one of the sorted names in the folder, holds row `id` under another name than
 * its own, and there is a file of that name, which counts. */
hb_status files_is_second(const files_table *table, const hb_str *names, uint32_t count,
                          uint32_t at, hb_str id, hb_arena *arena, bool *out, hb_err *err);

typedef struct files_loader {   /* reads row files one by one */
    files_table *table;
    hb_arena arena;             /* of the rows since the last flush */
    hb_buf bytes, pack;
    hb_rowset rows;
    hb_value *cells;            /* of the last one read, by container field */
    hb_str *misfits;            /* why a value does not fit its field, so is null; or .ptr NULL */
    hb_arena names;             /* of the texts in `given` */
    hb_map given;               /* names that misnamed files get, or would get */
} files_loader;
/* Close it also after a failure. */
hb_status files_loader_open(files_loader *loader, files_table *table, hb_err *err);
void files_loader_close(files_loader *loader);
/* Reads one file into loader->cells. CORRUPT when it cannot be used; *found false when there is
 * none. */
hb_status files_loader_read(files_loader *loader, hb_str path, hb_str id, bool *found,
                            hb_err *err);
/* After the loader failed on a file for nothing but its object_id, FILES_MISNAMED: reads the whole
 * row into loader->cells under the id that it names. *own: what the file's name would be, .ptr NULL
 * when that is taken, or this loader gave it to another file, or the row is none. Texts of the
 * arena. */
hb_status files_loader_own_name(files_loader *loader, hb_str path, hb_arena *arena, hb_str *own,
                                hb_err *err);
/* Removes the folders that nothing is left in, so that a dropped workspace leaves none. */
void files_remove_empty(const files_conn *conn);

/* ---- check.c: for audit and repair */
hb_status files_check(hb_instance *instance, hb_container *container, hb_check_how how,
                      hb_finding_sink *sink, void *arg, hb_err *err);
/* For health: the entity's folder can be listed, and FILES_LOOK_MAX of its files, from first to
 * last, are rows; all of them when some were not as the rows were read. CORRUPT, or why one
 * cannot be opened, says how many are none. Values outside the rows are not looked at. */
hb_status files_look(hb_instance *instance, hb_container *container, hb_err *err);

/* ---- row.c: cells */
/* The cells of a decoded row, by container field; borrowed from `pack` and `arena`. A value that
 * does not fit its field is null, and misfits[field] the reason; else that has .ptr NULL. CORRUPT
 * says why the whole is no row. `expected`: the object_id that the file's name stands for. */
hb_status files_row_cells(const files_table *table, hb_str pack, hb_str expected, hb_arena *arena,
                          hb_value *cells, hb_str *misfits, hb_err *err);
/* A cell of a WRITE batch as it stands in a row: one MessagePack value in `pack`, which is emptied
 * first; a Json value is the text of its JSON. */
hb_status files_cell_pack(const files_table *table, const hb_batch *batch, uint32_t field,
                          uint32_t row, hb_buf *pack, hb_err *err);

/* ---- json.c */
/* CORRUPT when it is no JSON. */
hb_status files_json_decode(hb_str bytes, hb_buf *pack, hb_err *err);

/* A field whose value is kept as JSON text. */
static inline bool files_is_json_text(const files_table *table, uint32_t field) {
    const hb_placed *placed = &table->cache.fields[field];
    return table->cache.schema->fields[placed->field].type->id == HB_TYPE_JSON;
}
static inline const hb_field *files_field(const files_table *table, uint32_t field) {
    return &table->cache.schema->fields[table->cache.fields[field].field];
}

#endif
