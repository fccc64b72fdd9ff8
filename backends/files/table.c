// SPDX-License-Identifier: MIT
/* Containers: rows are read into the inner inmem instance, which then answers; writes go to files
 * and, once a container is loaded, to the inner instance too. */
#include "backends/files/external.h"

#define LOAD_ROWS 1024u     /* rows handed over at once */

/* ---- the inner instance ------------------------------------------------------------------- */

/* Runs a fragment on the rows in memory as part of `job`, which takes the result. */
hb_status files_answer_from_memory(files_table *table, hb_job *job, const hb_fragment *fragment,
                                   hb_err *err) {
    hb_fragment own = *fragment;
    own.container = &table->cache;
    own.lends = false;          /* the next job may read the files again */
    hb_job inner = *job;
    inner.instance = &table->conn->inner;
    inner.fragment = &own;
    hb_status status = inner.instance->type->begin(&inner, err);
    inner.instance->type->end(&inner);
    job->out = inner.out;
    job->rows_examined = inner.rows_examined;
    return status;
}

/* Runs a fragment of our own on them and throws its result away. */
static hb_status inner_run(files_table *table, hb_frag_kind kind, const hb_batch *batch,
                           const hb_ids *ids, hb_err *err) {
    hb_arena arena;
    hb_arena_init(&arena, table->conn->mem);
    const hb_fragment fragment = {
        .kind = kind, .container = &table->cache, .batch = batch, .ids = ids
    };
    hb_job job = { .instance = &table->conn->inner,
                   .fragment = &fragment,
                   .mem = table->conn->mem,
                   .arena = &arena };
    hb_status status = job.instance->type->begin(&job, err);
    job.instance->type->end(&job);
    hb_rowset_free(&job.out);
    hb_arena_free(&arena);
    return status;
}

/* ---- life --------------------------------------------------------------------------------- */

static hb_status adopt_fields(files_table *table, const hb_container *container, hb_err *err) {
    const hb_mem *mem = table->conn->mem;
    uint8_t *outside = hb_mem_zalloc(mem, container->field_count);
    if (outside == NULL) return hb_err_memory(err);
    hb_mem_free(mem, table->outside, table->field_count);
    table->outside = outside;
    table->field_count = container->field_count;
    void *rows = table->cache.state;
    table->cache = *container;
    table->cache.state = rows;
    return files_values_adopt(table, err);
}

/* "my-entity" is stored in "my_entity". */
static bool name_make(files_table *table, hb_str entity) {
    char *name = hb_mem_alloc(table->conn->mem, entity.len);
    if (name == NULL) return false;
    for (uint32_t i = 0; i < entity.len; i++) name[i] = entity.ptr[i] == '-' ? '_' : entity.ptr[i];
    table->name = (hb_str){ name, entity.len };
    return true;
}

static hb_status table_new(files_conn *conn, hb_container *container, files_table **out,
                           hb_err *err) {
    files_table *table = hb_mem_zalloc(conn->mem, sizeof(*table));
    if (table == NULL) return hb_err_memory(err);
    table->conn = conn;
    table->owner = container;
    table->next = conn->tables;
    conn->tables = table;
    *out = table;
    return name_make(table, container->schema->entity_id) ? HB_OK : hb_err_memory(err);
}

void files_table_free(files_table *table) {
    if (table == NULL) return;
    files_conn *conn = table->conn;
    for (files_table **at = &conn->tables; *at != NULL; at = &(*at)->next) {
        if (*at == table) {
            *at = table->next;
            break;
        }
    }
    conn->inner.type->release(&conn->inner, &table->cache);
    hb_mem_free(conn->mem, table->outside, table->field_count);
    hb_mem_free(conn->mem, (void *)(uintptr_t)table->name.ptr, table->name.len);
    hb_mem_free(conn->mem, table, sizeof(*table));
}

static hb_status run_ensure(hb_job *job, hb_err *err) {
    hb_container *container = job->fragment->container;
    files_table *table = container->state;
    bool fresh = table == NULL;
    hb_status status = HB_OK;
    if (fresh) status = table_new(job->instance->state, container, &table, err);
    /* A changed definition may read the same files in another way. */
    if (status == HB_OK && !fresh && table->cache.state != NULL) {
        status = inner_run(table, HB_FRAG_CLEAR, NULL, NULL, err);
        table->loaded = false;
    }
    if (status == HB_OK) status = adopt_fields(table, container, err);
    if (status == HB_OK) status = inner_run(table, HB_FRAG_ENSURE, NULL, NULL, err);
    if (status != HB_OK && fresh) {
        files_table_free(table);
        table = NULL;
    }
    container->state = table;
    return status;
}

/* ---- reading files ------------------------------------------------------------------------ */

hb_status files_loader_open(files_loader *loader, files_table *table, hb_err *err) {
    memset(loader, 0, sizeof(*loader));
    const hb_mem *mem = table->conn->mem;
    loader->table = table;
    hb_arena_init(&loader->arena, mem);
    hb_arena_init(&loader->names, mem);
    hb_map_init(&loader->given, mem);
    hb_buf_init(&loader->bytes, mem);
    hb_buf_init(&loader->pack, mem);
    HB_TRY(hb_rowset_init(&loader->rows, mem, table->field_count, err));
    for (uint32_t i = 0; i < table->field_count; i++) {
        const hb_field *field = files_field(table, i);
        hb_rowset_column(&loader->rows, i, field->name, field->kind,
                         field->kind == HB_KIND_VEC ? field->type->dim : 0);
    }
    loader->cells = hb_mem_alloc(mem, table->field_count * sizeof(*loader->cells));
    loader->misfits = hb_mem_zalloc(mem, table->field_count * sizeof(*loader->misfits));
    return loader->cells != NULL && loader->misfits != NULL ? HB_OK : hb_err_memory(err);
}

void files_loader_close(files_loader *loader) {
    hb_mem_free(loader->table->conn->mem, loader->cells,
                loader->table->field_count * sizeof(*loader->cells));
    hb_mem_free(loader->table->conn->mem, loader->misfits,
                loader->table->field_count * sizeof(*loader->misfits));
    hb_rowset_free(&loader->rows);
    hb_buf_free(&loader->pack);
    hb_buf_free(&loader->bytes);
    hb_map_free(&loader->given);
    hb_arena_free(&loader->names);
    hb_arena_free(&loader->arena);
}

static hb_status loader_flush(files_loader *loader, hb_err *err) {
    if (loader->rows.row_count == 0) return HB_OK;
    hb_batch batch = hb_rowset_batch(&loader->rows);
    HB_TRY(inner_run(loader->table, HB_FRAG_WRITE, &batch, NULL, err));
    for (uint32_t i = 0; i < loader->rows.column_count; i++) {
        hb_colbuf_clear(&loader->rows.columns[i]);
    }
    loader->rows.row_count = 0;
    return HB_OK;
}

hb_status files_loader_read(files_loader *loader, hb_str path, hb_str id, bool *found,
                            hb_err *err) {
    files_table *table = loader->table;
    const hb_fs *fs = table->conn->fs;
    hb_buf_clear(&loader->bytes);
    hb_buf_clear(&loader->pack);
    hb_status status = hb_fs_read_all(fs, path, FILES_ROW_BYTES_MAX, &loader->bytes, found, err);
    if (status == HB_E_LIMIT || (status != HB_OK && strcmp(err->native, "EISDIR") == 0)) {
        err->code = HB_E_CORRUPT;
        return HB_E_CORRUPT;
    }
    if (status != HB_OK || !*found) return status;
    HB_TRY(table->conn->format->decode(hb_buf_str(&loader->bytes), &loader->pack, err));
    return files_row_cells(table, hb_buf_str(&loader->pack), id, &loader->arena, loader->cells,
                           loader->misfits, err);
}

hb_status files_loader_own_name(files_loader *loader, hb_str path, hb_arena *arena, hb_str *own,
                                hb_err *err) {
    *own = (hb_str){ NULL, 0 };
    const hb_value *id = &loader->cells[0];
    if (id->kind != HB_KIND_TEXT) return HB_OK;
    hb_err reason;
    hb_err_init(&reason);
    const hb_str given = hb_arena_str(arena, id->as.s);
    if (given.ptr == NULL) return hb_err_memory(err);
    bool found;
    if (files_loader_read(loader, path, given, &found, &reason) != HB_OK || !found) return HB_OK;
    const files_conn *conn = loader->table->conn;
    const hb_str name = files_row_name(loader->table, given, arena);
    const hb_str free_name = name.ptr != NULL ? hb_fs_join(arena, conn->root, name) : name;
    if (free_name.ptr == NULL) return hb_err_memory(err);
    hb_fs_stat info;
    if (conn->fs->stat(conn->fs->ctx, free_name, &info) != HB_FS_MISSING) return HB_OK;
    if (hb_map_find(&loader->given, free_name) != HB_MAP_NONE) return HB_OK;
    const hb_str kept = hb_arena_str(&loader->names, free_name);
    if (kept.ptr == NULL || !hb_map_put(&loader->given, kept, 0)) return hb_err_memory(err);
    *own = free_name;
    return HB_OK;
}

/* A whole row under another's name counts for nothing, or as a repair would have it. */
static hb_status loader_misnamed(files_loader *loader, hb_str path, bool *whole, hb_err *err) {
    hb_str own = { NULL, 0 };
    loader->table->misnamed = true;
    if (loader->table->as_mended) {
        HB_TRY(files_loader_own_name(loader, path, &loader->arena, &own, err));
    }
    *whole = own.ptr != NULL;
    return HB_OK;
}

/* A file that cannot be used is passed over: files_check names it. */
static hb_status loader_take(files_loader *loader, hb_str path, hb_str id, hb_err *err) {
    bool found;
    HB_TRY(files_lease_beat(loader->table->conn, err));
    hb_arena_reset(&loader->arena);
    hb_err refused;
    hb_err_init(&refused);
    const hb_status status = files_loader_read(loader, path, id, &found, &refused);
    if (status == HB_OK && !found) return HB_OK;
    if (status == HB_E_CORRUPT) {
        bool whole = false;
        if (strcmp(refused.native, FILES_MISNAMED) == 0) {
            HB_TRY(loader_misnamed(loader, path, &whole, err));
        }
        if (!whole) loader->table->has_unreadable = true;
        if (!whole) return HB_OK;
    } else if (status != HB_OK) {
        if (err != NULL) *err = refused;
        return status;
    }
    HB_TRY(files_values_inline(loader->table, &loader->arena, loader->cells, err));
    for (uint32_t i = 0; i < loader->rows.column_count; i++) {
        if (!hb_colbuf_add(&loader->rows.columns[i], &loader->cells[i])) return hb_err_memory(err);
    }
    return ++loader->rows.row_count == LOAD_ROWS ? loader_flush(loader, err) : HB_OK;
}

hb_str files_table_folder(const files_table *table, hb_arena *arena) {
    return hb_fs_join(arena, table->conn->root, table->name);
}

hb_status files_is_second(const files_table *table, const hb_str *names, uint32_t count,
                          uint32_t at, hb_str id, hb_arena *arena, bool *out, hb_err *err) {
    hb_str own = files_percent(arena, id);
    if (own.ptr != NULL) {
        own = hb_arena_printf(arena, "%.*s%.*s", HB_ARG(own), HB_ARG(table->conn->format->suffix));
    }
    if (own.ptr == NULL) return hb_err_memory(err);
    *out = false;
    if (hb_str_eq(own, names[at])) return HB_OK;
    uint32_t low = 0, high = count;
    while (low < high) {
        const uint32_t mid = low + (high - low) / 2;
        if (hb_str_cmp(names[mid], own) < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    *out = low < count && hb_str_eq(names[low], own);
    return HB_OK;
}

static hb_status load_folder(files_loader *loader, hb_arena *arena, hb_err *err) {
    files_table *table = loader->table;
    hb_str folder = files_table_folder(table, arena);
    if (folder.ptr == NULL) return hb_err_memory(err);
    hb_str *names;
    uint32_t count;
    HB_TRY(hb_fs_names(table->conn->fs, folder, arena, &names, &count, err));
    for (uint32_t i = 0; i < count; i++) {
        hb_str id;
        if (!files_row_id(table, names[i], arena, &id)) continue;
        bool second;
        HB_TRY(files_is_second(table, names, count, i, id, arena, &second, err));
        if (second) continue;
        hb_str path = hb_fs_join(arena, folder, names[i]);
        if (path.ptr == NULL) return hb_err_memory(err);
        HB_TRY(loader_take(loader, path, id, err));
    }
    return loader_flush(loader, err);
}

hb_status files_settle(files_conn *conn, hb_err *err) {
    HB_TRY(files_group_write(conn, err));
    return conn->pending && !conn->in_tx ? files_recover(conn, err) : HB_OK;
}

static hb_status table_load(files_table *table, hb_err *err) {
    if (table->loaded) return HB_OK;
    HB_TRY(files_settle(table->conn, err));
    HB_TRY(inner_run(table, HB_FRAG_CLEAR, NULL, NULL, err));
    table->misnamed = table->has_unreadable = false;
    hb_arena arena;
    hb_arena_init(&arena, table->conn->mem);
    files_loader loader;
    hb_status status = files_loader_open(&loader, table, err);
    if (status == HB_OK) status = load_folder(&loader, &arena, err);
    files_loader_close(&loader);
    hb_arena_free(&arena);
    table->loaded = status == HB_OK;
    files_lease_extend(table->conn);
    table->loaded_in_tx = table->loaded && table->conn->in_tx;
    return status;
}

/* The rows of a few ids, as they are on disk now; rows that are gone leave the memory. */
static hb_status load_ids(files_table *table, const hb_ids *ids, hb_err *err) {
    HB_TRY(files_settle(table->conn, err));
    HB_TRY(inner_run(table, HB_FRAG_DELETE, NULL, ids, err));
    hb_arena arena;
    hb_arena_init(&arena, table->conn->mem);
    files_loader loader;
    hb_status status = files_loader_open(&loader, table, err);
    for (uint32_t i = 0; i < ids->count && status == HB_OK; i++) {
        hb_str name = files_row_name(table, ids->ids[i], &arena);
        if (name.ptr != NULL && !files_row_fits(table, name)) continue;
        hb_str path = name.ptr != NULL ? hb_fs_join(&arena, table->conn->root, name) : name;
        status =
            path.ptr != NULL ? loader_take(&loader, path, ids->ids[i], err) : hb_err_memory(err);
    }
    if (status == HB_OK) status = loader_flush(&loader, err);
    files_loader_close(&loader);
    hb_arena_free(&arena);
    return status;
}

/* ---- writing files ------------------------------------------------------------------------ */

static hb_status put_row(files_table *table, const hb_batch *batch, uint32_t row, hb_arena *arena,
                         hb_buf *bytes, hb_err *err) {
    files_conn *conn = table->conn;
    const hb_str id = hb_column_span(&batch->columns[0], row);
    hb_str target = files_row_name(table, id, arena);
    if (target.ptr == NULL) return hb_err_memory(err);
    if (!files_row_fits(table, target)) {
        return hb_err_set(err, HB_E_INVALID_ID,
                          "object_id '%.*s' makes a file name of more than %u bytes", HB_ARG(id),
                          HB_FILE_NAME_BYTES_MAX);
    }
    HB_TRY(conn->format->encode(table, batch, row, bytes, err));
    return files_tx_put(conn, target, hb_buf_str(bytes), err);
}

hb_status files_put_rows(files_table *table, const hb_batch *batch, hb_err *err) {
    files_conn *conn = table->conn;
    hb_arena arena;
    hb_buf bytes;
    hb_arena_init(&arena, conn->mem);
    hb_buf_init(&bytes, conn->mem);
    hb_status status = HB_OK;
    for (uint32_t row = 0; row < batch->row_count && status == HB_OK; row++) {
        hb_arena_reset(&arena);
        hb_buf_clear(&bytes);
        status = put_row(table, batch, row, &arena, &bytes, err);
    }
    hb_buf_free(&bytes);
    hb_arena_free(&arena);
    return status;
}

static hb_status run_write(files_table *table, hb_job *job, hb_err *err) {
    hb_arena arena;
    hb_arena_init(&arena, table->conn->mem);
    hb_batch batch;
    hb_status status = files_values_put(table, job->fragment->batch, &arena, &batch, err);
    if (status == HB_OK) status = files_put_rows(table, &batch, err);
    /* Rows that were read one by one are read again; only a whole container is kept in step. */
    if (status == HB_OK && table->loaded) {
        status = inner_run(table, HB_FRAG_WRITE, &batch, NULL, err);
    }
    hb_arena_free(&arena);
    return status;
}

static hb_status row_exists(const files_table *table, hb_str target, hb_arena *arena, bool *out,
                            hb_err *err) {
    const files_conn *conn = table->conn;
    *out = false;
    if (!files_row_fits(table, target)) return HB_OK;
    const files_op *op = files_tx_find(conn, target);
    if (op != NULL) {
        *out = op->staged.len > 0;
        return HB_OK;
    }
    hb_str path = hb_fs_join(arena, conn->root, target);
    if (path.ptr == NULL) return hb_err_memory(err);
    hb_fs_stat info;
    hb_fs_code code = conn->fs->stat(conn->fs->ctx, path, &info);
    *out = code == HB_FS_OK && !info.folder;
    return code == HB_FS_MISSING ? HB_OK : hb_fs_fail(code, "look at", path, err);
}

static hb_status run_delete(files_table *table, hb_job *job, hb_err *err) {
    const hb_ids *ids = job->fragment->ids;
    HB_TRY(hb_rowset_init(&job->out, job->mem, 1, err));
    hb_rowset_column(&job->out, 0, HB_STR("existed"), HB_KIND_BOOL, 0);
    hb_arena arena;
    hb_arena_init(&arena, table->conn->mem);
    hb_status status = HB_OK;
    for (uint32_t i = 0; i < ids->count && status == HB_OK; i++) {
        hb_arena_reset(&arena);
        bool existed = false;
        hb_str target = files_row_name(table, ids->ids[i], &arena);
        status = target.ptr != NULL ? row_exists(table, target, &arena, &existed, err)
                                    : hb_err_memory(err);
        if (status == HB_OK && existed) status = files_tx_remove(table->conn, target, err);
        hb_value value = { .kind = HB_KIND_BOOL, .as.b = existed };
        if (status == HB_OK && !hb_colbuf_add(&job->out.columns[0], &value)) {
            status = hb_err_memory(err);
        }
    }
    hb_arena_free(&arena);
    HB_TRY(status);
    job->out.row_count = ids->count;
    job->rows_examined += ids->count;
    return table->loaded ? inner_run(table, HB_FRAG_DELETE, NULL, ids, err) : HB_OK;
}

/* A write outside of a transaction is one of its own. */
static hb_status run_change(files_table *table, hb_job *job, hb_err *err) {
    files_conn *conn = table->conn;
    const bool own = !conn->in_tx;
    if (own) HB_TRY(files_tx_begin(conn, err));
    if (!table->loaded) table->unseen_in_tx = true;
    hb_status status = job->fragment->kind == HB_FRAG_WRITE ? run_write(table, job, err)
                                                            : run_delete(table, job, err);
    if (!own) return status;
    if (status == HB_OK) return files_tx_commit(conn, err);
    files_tx_rollback(conn);
    return status;
}

void files_remove_empty(const files_conn *conn) {
    const hb_fs *fs = conn->fs;
    fs->remove_folder(fs->ctx, conn->tx_folder);
    fs->remove_folder(fs->ctx, conn->meta_folder);
    fs->remove_folder(fs->ctx, conn->values_folder);
    fs->remove_folder(fs->ctx, conn->hidden);
    fs->remove_folder(fs->ctx, conn->root);
}

/* Memory follows at once, and comes back with a transaction that is rolled back. */
static hb_status clear_body(files_table *table, hb_err *err) {
    files_conn *conn = table->conn;
    HB_TRY(inner_run(table, HB_FRAG_CLEAR, NULL, NULL, err));
    table->loaded = table->loaded_in_tx = true;
    table->unseen_in_tx = false;
    HB_TRY(files_tx_remove_tree(conn, table->name, err));
    hb_str values = files_values_folder(table, &conn->tx);
    if (values.ptr == NULL) return hb_err_memory(err);
    HB_TRY(files_tx_remove_tree(conn, values, err));
    /* HeavenBase for Python keeps a second system entity beside, which is computed here. */
    if (!hb_str_eq(table->name, HB_STR("sys_catalog"))) return HB_OK;
    return files_tx_remove_tree(conn, HB_STR("sys_metaschema"), err);
}

/* As part of the open transaction: the rows go, and what cannot be read as one stays. */
static hb_status clear_in_tx(files_table *table, hb_err *err) {
    files_conn *conn = table->conn;
    hb_arena arena;
    hb_arena_init(&arena, conn->mem);
    files_loader loader;
    hb_str *names = NULL;
    uint32_t count = 0;
    hb_status status = files_loader_open(&loader, table, err);
    hb_str folder = files_table_folder(table, &arena);
    if (status == HB_OK && folder.ptr == NULL) status = hb_err_memory(err);
    if (status == HB_OK) status = hb_fs_names(conn->fs, folder, &arena, &names, &count, err);
    for (uint32_t i = 0; i < count && status == HB_OK; i++) {
        hb_str id;
        bool found;
        if (!files_row_id(table, names[i], &arena, &id)) continue;
        hb_str path = hb_fs_join(&arena, folder, names[i]);
        hb_str target = files_row_name(table, id, &arena);
        hb_arena_reset(&loader.arena);
        status = path.ptr == NULL || target.ptr == NULL
                     ? hb_err_memory(err)
                     : files_loader_read(&loader, path, id, &found, err);
        if (status == HB_OK && found) status = files_tx_remove(conn, target, err);
        if (status == HB_E_CORRUPT) status = HB_OK;
    }
    files_loader_close(&loader);
    hb_arena_free(&arena);
    if (status == HB_OK) table->unseen_in_tx = true;
    return status == HB_OK ? inner_run(table, HB_FRAG_CLEAR, NULL, NULL, err) : status;
}

static hb_status run_clear(files_table *table, bool everything, hb_err *err) {
    files_conn *conn = table->conn;
    const bool own = !conn->in_tx;
    if (!own && !everything) return clear_in_tx(table, err);
    if (own) HB_TRY(files_tx_begin(conn, err));
    hb_status status = clear_body(table, err);
    if (!own) return status;
    if (status == HB_OK) return files_tx_commit(conn, err);
    files_tx_rollback(conn);
    return status;
}

/* What was read for a dry run is not what others see. */
static void look_as(files_table *table, bool as_mended) {
    if (table->as_mended == as_mended || table->conn->in_tx) return;
    if (table->misnamed) table->loaded = false;
    table->as_mended = as_mended;
}

hb_status files_run(hb_job *job, hb_err *err) {
    const hb_fragment *fragment = job->fragment;
    if (fragment->kind == HB_FRAG_ENSURE) return run_ensure(job, err);
    files_table *table = fragment->container->state;
    if (table == NULL) {
        if (fragment->kind == HB_FRAG_CLEAR || fragment->kind == HB_FRAG_REFRESH) return HB_OK;
        /* a system entity beside which nothing was registered yet */
        HB_TRY(run_ensure(job, err));
        table = fragment->container->state;
    }
    HB_TRY(files_lease_enter(table->conn, err));
    look_as(table, job->as_mended);
    switch ((int)fragment->kind) {
    case HB_FRAG_WRITE:
    case HB_FRAG_DELETE: return run_change(table, job, err);
    case HB_FRAG_CLEAR: return run_clear(table, fragment->everything, err);
    case HB_FRAG_REFRESH: table->loaded = false; return HB_OK;
    case HB_FRAG_FETCH:
        if (!table->loaded && !table->as_mended && fragment->ids->count <= FILES_FETCH_SINGLE_MAX) {
            HB_TRY(load_ids(table, fragment->ids, err));
            return files_answer(table, job, err);
        }
        break;
    default: break;
    }
    HB_TRY(table_load(table, err));
    return files_answer(table, job, err);
}
