// SPDX-License-Identifier: MIT
/* json, pickle, file: one file per row in a folder per entity, as HeavenBase for Python lays them
 * out; it can open what these write, and these what it wrote.
 *
 * Rows are read into memory when a container is first asked for, and answered from there with
 * everything that inmem can do. A call that writes several rows is all or nothing (journal.c).
 * Processes take turns (lease.c), and see what others of this package wrote; changes that are made
 * by other programs are seen after refresh(). */
#include "backends/files/files_priv.h"

extern const hb_backend hb_backend_inmem;

/* ---- what they can do: what inmem can, over rows that were read ----------------------------- */

static bool stores(const hb_type *type, hb_strategy strategy) {
    return hb_backend_inmem.stores(type, strategy);
}

static hb_offer offer(const hb_type *type, hb_strategy strategy, bool indexed,
                      const hb_expr *leaf) {
    return hb_backend_inmem.offer(type, strategy, indexed, leaf);
}

static hb_offer supports(const hb_type *type, hb_strategy strategy, hb_str op) {
    return hb_backend_inmem.supports(type, strategy, op);
}

/* ---- life --------------------------------------------------------------------------------- */

static hb_status choose_format(const hb_instance *instance, const files_format **out, hb_err *err) {
    hb_str type = hb_str_c(instance->type->name);
    hb_str format = hb_str_eq(type, HB_STR("file")) ? hb_instance_text(instance, "fmt") : type;
    if (format.len == 0 || hb_str_eq(format, HB_STR("json"))) {
        *out = &files_json;
        return HB_OK;
    }
    *out = &files_pickle;
    if (hb_str_eq(format, HB_STR("pickle")) || hb_str_eq(format, HB_STR("pkl"))) return HB_OK;
    static const char *const names[] = { "json", "pickle" };
    hb_str known[2] = { hb_str_c(names[0]), hb_str_c(names[1]) };
    hb_err_set(err, HB_E_VALIDATION, "unknown file format '%.*s'", HB_ARG(format));
    return hb_err_hint(err, format, known, 2);
}

static hb_status find_places(files_conn *conn, const hb_instance *instance, hb_err *err) {
    hb_str path;
    HB_TRY(files_path_option(instance, &conn->arena, &path, err));
    conn->root = hb_fs_join(&conn->arena, path, instance->workspace_id);
    conn->hidden = hb_fs_join(&conn->arena, conn->root, HB_STR(FILES_HIDDEN));
    conn->tx_folder = hb_fs_join(&conn->arena, conn->hidden, HB_STR("tx"));
    conn->meta_folder = hb_fs_join(&conn->arena, conn->hidden, HB_STR("meta"));
    conn->values_folder = hb_fs_join(&conn->arena, conn->hidden, HB_STR("values"));
    bool ok = conn->root.ptr != NULL && conn->hidden.ptr != NULL && conn->tx_folder.ptr != NULL &&
              conn->meta_folder.ptr != NULL && conn->values_folder.ptr != NULL;
    return ok ? HB_OK : hb_err_memory(err);
}

/* Python knows whole rows alone: where it has worked on the folder, its mirror of the registry
 * tells so, every value stays in its row. */
static hb_status choose_layout(files_conn *conn, const hb_instance *instance, hb_err *err) {
    const hb_str layout = hb_instance_text(instance, "layout");
    conn->whole_rows = hb_str_eq(layout, HB_STR("python"));
    if (conn->whole_rows || hb_str_eq(layout, HB_STR("own"))) return HB_OK;
    if (layout.len > 0) {
        const hb_str known[2] = { HB_STR("own"), HB_STR("python") };
        hb_err_set(err, HB_E_VALIDATION, "unknown layout '%.*s'", HB_ARG(layout));
        return hb_err_hint(err, layout, known, 2);
    }
    const hb_str mirror = hb_fs_join(&conn->arena, conn->root, HB_STR("sys_metaschema"));
    if (mirror.ptr == NULL) return hb_err_memory(err);
    hb_fs_stat info;
    conn->whole_rows = conn->fs->stat(conn->fs->ctx, mirror, &info) == HB_FS_OK && info.folder;
    return HB_OK;
}

static hb_status conn_start(files_conn *conn, hb_instance *instance, hb_err *err) {
    HB_TRY(hb_fs_require(instance->fs, err));
    HB_TRY(choose_format(instance, &conn->format, err));
    HB_TRY(find_places(conn, instance, err));
    conn->relaxed = instance->relaxed;
    HB_TRY(choose_layout(conn, instance, err));
    /* Wrong paths and missing permissions are told when opening, not at the first row. */
    HB_TRY(hb_fs_make_folders(conn->fs, conn->root, err));
    HB_TRY(files_lease_open(conn, instance, err));
    conn->inner = *instance;
    conn->inner.type = &hb_backend_inmem;
    conn->inner.state = NULL;
    return conn->inner.type->open(&conn->inner, err);
}

static void conn_free(files_conn *conn) {
    while (conn->tables != NULL) {
        if (conn->tables->owner != NULL) conn->tables->owner->state = NULL;
        files_table_free(conn->tables);
    }
    if (conn->inner.state != NULL) conn->inner.type->close(&conn->inner);
    files_lease_end(conn);
    files_group_free(&conn->group);
    hb_arena_free(&conn->tx);
    hb_arena_free(&conn->arena);
    hb_mem_free(conn->mem, conn, sizeof(*conn));
}

static hb_status instance_open(hb_instance *instance, hb_err *err) {
    files_conn *conn = hb_mem_zalloc(instance->mem, sizeof(*conn));
    if (conn == NULL) return hb_err_memory(err);
    conn->mem = instance->mem;
    conn->fs = instance->fs;
    hb_arena_init(&conn->arena, conn->mem);
    hb_arena_init(&conn->tx, conn->mem);
    hb_arena_init(&conn->group.arena, conn->mem);
    hb_buf_init(&conn->lease.seen, conn->mem);
    hb_status status = conn_start(conn, instance, err);
    if (status != HB_OK) {
        conn_free(conn);
        return status;
    }
    instance->state = conn;
    return HB_OK;
}

static void instance_close(hb_instance *instance) {
    files_conn *conn = instance->state;
    if (conn == NULL) return;
    if (conn->in_tx) files_tx_rollback(conn);
    conn_free(conn);
    instance->state = NULL;
}

static hb_status flush(hb_instance *instance, hb_err *err) {
    files_conn *conn = instance->state;
    hb_status status = files_group_write(conn, err);
    const bool lost = conn->group.lost;
    conn->group.lost = false;
    if (status != HB_OK || !lost) return status;
    hb_err_set(err, HB_E_LOCKED,
               "files: this process was silent for so long that another one took "
               "the folder over; calls since the last flush are lost");
    if (err != NULL) strncpy(err->native, "LOST", sizeof(err->native) - 1);
    return hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, instance->name);
}

static void idle(hb_instance *instance) {
    files_lease_yield(instance->state);
}

static hb_status turn(hb_instance *instance, hb_err *err) {
    return files_lease_turn(instance->state, err);
}

static hb_status changes(hb_instance *instance, uint64_t *count, hb_err *err) {
    files_conn *conn = instance->state;
    HB_TRY(files_lease_enter(conn, err));
    *count = conn->lease.changes;
    return HB_OK;
}

static bool durable(const hb_instance *instance) {
    (void)instance;
    return true;
}

static hb_status tx(hb_instance *instance, hb_tx op, hb_err *err) {
    hb_status status = files_tx(instance, op, err);
    if (status != HB_OK) hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, instance->name);
    return status;
}

static void release(hb_instance *instance, hb_container *container) {
    /* After close the table went with the instance. */
    if (instance->state != NULL) files_table_free(container->state);
    container->state = NULL;
}

static hb_status begin(hb_job *job, hb_err *err) {
    hb_status status = files_lease_explain(job->instance->state, files_run(job, err), err);
    job->done = status == HB_OK;
    if (status != HB_OK) hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, job->instance->name);
    return status;
}

static void end(hb_job *job) {
    (void)job;      /* jobs finish in begin() and keep nothing */
}

static const char layout_desc[] =
    "'python': values of ExternalRef stay in the row, for HeavenBase for Python; 'own': never. "
    "Default: 'python' where it has used the folder";

static const hb_option row_options[] = {
    { "path", 's', false, "folder; a workspace has a folder of its own in it" },
    { "layout", 's', false, layout_desc },
    { NULL, 0, false, NULL },
};

static const hb_option file_options[] = {
    { "path", 's', false, "folder; a workspace has a folder of its own in it" },
    { "fmt", 's', false, "'json' (the default) or 'pickle'" },
    { "layout", 's', false, layout_desc },
    { NULL, 0, false, NULL },
};

/* The three tables differ in these alone. */
#define FILES_BACKEND(type_name, type_desc, rank, type_options)                                    \
    {                                                                                              \
        .name = type_name,                                                                         \
        .desc = type_desc,                                                                         \
        .roles = HB_ROLE_ROW | HB_ROLE_TEXT,                                                       \
        .local = true,                                                                             \
        .routing_rank = rank,                                                                      \
        .options = type_options,                                                                   \
        .caps = { .sort = HB_EXACT,                                                                \
                  .limit = HB_EXACT,                                                               \
                  .count = HB_EXACT,                                                               \
                  .metrics = 1u << HB_METRIC_COSINE | 1u << HB_METRIC_L2 | 1u << HB_METRIC_DOT,    \
                  .search = true,                                                                  \
                  .candidates = true,                                                              \
                  .filtered_rank = true },                                                         \
        .stores = stores,                                                                          \
        .offer = offer,                                                                            \
        .supports = supports,                                                                      \
        .open = instance_open,                                                                     \
        .close = instance_close,                                                                   \
        .idle = idle,                                                                              \
        .turn = turn,                                                                              \
        .changes = changes,                                                                        \
        .flush = flush,                                                                            \
        .durable = durable,                                                                        \
        .tx = tx,                                                                                  \
        .meta_put = files_meta_put,                                                                \
        .meta_get = files_meta_get,                                                                \
        .meta_delete = files_meta_delete,                                                          \
        .meta_list = files_meta_list,                                                              \
        .meta_path = files_meta_path,                                                              \
        .check = files_check,                                                                      \
        .look = files_look,                                                                        \
        .begin = begin,                                                                            \
        .end = end,                                                                                \
        .release = release,                                                                        \
    }

extern const hb_backend hb_backend_json, hb_backend_pickle, hb_backend_file;
const hb_backend hb_backend_json =
    FILES_BACKEND("json", "one JSON file per row, in a folder per entity", 2, row_options);
const hb_backend hb_backend_pickle =
    FILES_BACKEND("pickle", "one pickle file per row, in a folder per entity", 3, row_options);
const hb_backend hb_backend_file = FILES_BACKEND(
    "file", "one file per row, as JSON or pickle, in a folder per entity", 1, file_options);
