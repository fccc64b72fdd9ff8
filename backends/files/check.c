// SPDX-License-Identifier: MIT
/* Looks over the files of an entity: rows that cannot be read, files under a wrong name, values
 * that do not fit their fields, values outside the rows that are lost (external_check.c). A file
 * that holds a whole row under another name gets its own back when that is free; every other one
 * goes into the folder's quarantine. */
#include "backends/files/external.h"

static hb_str quarantine_folder(const files_table *table, hb_arena *arena) {
    const hb_str folder = files_table_folder(table, arena);
    return folder.ptr == NULL ? folder : hb_fs_join(arena, folder, HB_STR(FILES_QUARANTINE));
}

hb_status files_has_quarantined(const files_table *table, hb_arena *arena, bool *out, hb_err *err) {
    const hb_str folder = quarantine_folder(table, arena);
    if (folder.ptr == NULL) return hb_err_memory(err);
    hb_str *names;
    uint32_t count;
    *out = false;
    HB_TRY(hb_fs_names(table->conn->fs, folder, arena, &names, &count, err));
    for (uint32_t i = 0; i < count; i++) *out = *out || !files_value_is_name(names[i]);
    return HB_OK;
}

/* Where a file with that name may go there. */
static hb_status quarantine_place(files_table *table, hb_str name, hb_arena *arena, hb_str *out,
                                  hb_err *err) {
    const hb_fs *fs = table->conn->fs;
    hb_str away = quarantine_folder(table, arena);
    if (away.ptr == NULL) return hb_err_memory(err);
    HB_TRY(files_lease_mark(table->conn, err));
    HB_TRY(hb_fs_make_folders(fs, away, err));
    for (uint32_t i = 0;; i++) {
        hb_str to = i == 0 ? hb_arena_printf(arena, "%.*s/%.*s", HB_ARG(away), HB_ARG(name))
                           : hb_arena_printf(arena, "%.*s/%.*s.%u", HB_ARG(away), HB_ARG(name), i);
        if (to.ptr == NULL) return hb_err_memory(err);
        hb_fs_stat info;
        hb_fs_code code = fs->stat(fs->ctx, to, &info);
        if (code == HB_FS_OK) continue;
        *out = to;
        return code == HB_FS_MISSING ? HB_OK : hb_fs_fail(code, "look at", to, err);
    }
}

hb_status files_quarantine(files_table *table, hb_str path, hb_str name, hb_arena *arena,
                           hb_err *err) {
    const hb_fs *fs = table->conn->fs;
    hb_str to;
    HB_TRY(quarantine_place(table, name, arena, &to, err));
    return hb_fs_fail(fs->rename(fs->ctx, path, to), "move away", path, err);
}

/* ---- one file ---------------------------------------------------------------------------------
 */

typedef struct file_check {
    files_table *table;
    files_loader loader;
    hb_arena arena;             /* of the file that is looked at */
    hb_str folder;
    const hb_str *names;        /* in it, sorted */
    uint32_t name_count;
    hb_check_how how;
    files_values_check values;
    hb_finding_sink *sink;
    void *arg;
} file_check;

static hb_status tell_file(file_check *check, hb_str path, hb_str name, hb_str id, hb_str reason,
                           hb_str back, hb_err *err) {
    files_table *table = check->table;
    const hb_fs *fs = table->conn->fs;
    if (back.ptr == NULL) check->values.spares = true;
    if (check->how == HB_CHECK_MEND && back.ptr != NULL) {
        HB_TRY(files_lease_mark(table->conn, err));
        HB_TRY(hb_fs_fail(fs->rename(fs->ctx, path, back), "rename", path, err));
    } else if (check->how == HB_CHECK_MEND) {
        HB_TRY(files_quarantine(table, path, name, &check->arena, err));
    }
    if (check->how == HB_CHECK_MEND) table->loaded = false;
    const hb_finding finding = { .kind = "file",
                                 .path = path,
                                 .object_id = id,
                                 .reason = reason,
                                 .belongs = back.ptr != NULL ? back : HB_STR_EMPTY,
                                 .fixed = check->how == HB_CHECK_MEND };
    return check->sink(check->arg, &finding, err);
}

/* Keeps the row for the end of the check: its values that are lost are null now. */
static hb_status row_note(files_loader *loader, hb_err *err) {
    for (uint32_t i = 0; i < loader->rows.column_count; i++) {
        if (!hb_colbuf_add(&loader->rows.columns[i], &loader->cells[i])) return hb_err_memory(err);
    }
    loader->rows.row_count++;
    return HB_OK;
}

/* A repair keeps the file as it was: what stands in it is nowhere else. */
static hb_status keep_copy(file_check *check, hb_str name, hb_err *err) {
    files_table *table = check->table;
    check->values.spares = table->has_misfits = true;
    if (check->how != HB_CHECK_MEND) return HB_OK;
    hb_str to;
    HB_TRY(quarantine_place(table, name, &check->arena, &to, err));
    return hb_fs_write_all(table->conn->fs, to, hb_buf_str(&check->loader.bytes), true, err);
}

/* Values that do not fit their fields; *changed when a repair writes the row without them. */
static hb_status check_fit(file_check *check, hb_str path, hb_str name, hb_str id, bool *changed,
                           hb_err *err) {
    const files_table *table = check->table;
    bool any = false;
    for (uint32_t i = 1; i < table->field_count; i++) {
        if (check->loader.misfits[i].ptr == NULL) continue;
        if (!any && check->how != HB_CHECK_GIVE_UP) HB_TRY(keep_copy(check, name, err));
        any = true;
        const hb_finding finding = { .kind = "value",
                                     .path = path,
                                     .field = files_field(table, i)->name,
                                     .object_id = id,
                                     .reason = check->loader.misfits[i],
                                     .fixed = check->how == HB_CHECK_GIVE_UP };
        HB_TRY(check->sink(check->arg, &finding, err));
    }
    *changed = any && check->how == HB_CHECK_GIVE_UP;
    return HB_OK;
}

static hb_status check_values(file_check *check, hb_str path, hb_str name, hb_str id, hb_err *err) {
    bool unfit, lost = false;
    HB_TRY(check_fit(check, path, name, id, &unfit, err));
    if (check->table->has_outside) {
        HB_TRY(files_values_check_row(&check->values, id, check->loader.cells, &lost, err));
    }
    return unfit || lost ? row_note(&check->loader, err) : HB_OK;
}

static hb_status check_file(file_check *check, uint32_t at, hb_str id, hb_err *err) {
    const hb_str name = check->names[at], none = { NULL, 0 };
    const hb_str path = hb_fs_join(&check->arena, check->folder, name);
    if (path.ptr == NULL) return hb_err_memory(err);
    bool found, second;
    HB_TRY(files_is_second(check->table, check->names, check->name_count, at, id, &check->arena,
                           &second, err));
    hb_err reason;
    hb_err_init(&reason);
    if (second) {
        if (check->how == HB_CHECK_GIVE_UP) return HB_OK;
        return tell_file(check, path, name, id,
                         HB_STR("another file, with the row's own name, holds the same row"), none,
                         err);
    }
    hb_status status = files_loader_read(&check->loader, path, id, &found, &reason);
    if (status == HB_OK) return found ? check_values(check, path, name, id, err) : HB_OK;
    if (status != HB_E_CORRUPT) {
        *err = reason;
        return status;
    }
    if (check->how == HB_CHECK_GIVE_UP) return HB_OK;
    hb_str back = none;
    if (strcmp(reason.native, FILES_MISNAMED) == 0) {
        HB_TRY(files_loader_own_name(&check->loader, path, &check->arena, &back, err));
    }
    HB_TRY(tell_file(check, path, name, id, hb_str_c(reason.msg), back, err));
    /* It is a row like the others from then on. */
    if (back.ptr == NULL) return HB_OK;
    const hb_str now = check->how == HB_CHECK_MEND ? back : path;
    return check_values(check, now, name, check->loader.cells[0].as.s, err);
}

/* ---- all of them -------------------------------------------------------------------------------
 */

static hb_status write_noted(files_table *table, hb_rowset *rows, hb_err *err) {
    if (rows->row_count == 0) return HB_OK;
    const hb_batch batch = hb_rowset_batch(rows);
    HB_TRY(files_tx_begin(table->conn, err));
    const hb_status status = files_put_rows(table, &batch, err);
    if (status != HB_OK) {
        files_tx_rollback(table->conn);
        return status;
    }
    table->loaded = false;
    return files_tx_commit(table->conn, err);
}

static hb_status check_folder(file_check *check, hb_arena *arena, hb_err *err) {
    files_table *table = check->table;
    check->folder = files_table_folder(table, arena);
    if (check->folder.ptr == NULL) return hb_err_memory(err);
    hb_str *names;
    HB_TRY(hb_fs_names(table->conn->fs, check->folder, arena, &names, &check->name_count, err));
    check->names = names;
    for (uint32_t i = 0; i < check->name_count; i++) {
        hb_str id;
        hb_arena_reset(&check->arena);
        hb_arena_reset(&check->loader.arena);
        HB_TRY(files_lease_beat(table->conn, err));
        if (files_row_id(table, names[i], &check->arena, &id)) {
            HB_TRY(check_file(check, i, id, err));
        }
    }
    HB_TRY(write_noted(table, &check->loader.rows, err));
    return table->has_outside ? files_values_check_unused(&check->values, err) : HB_OK;
}

hb_status files_check(hb_instance *instance, hb_container *container, hb_check_how how,
                      hb_finding_sink *sink, void *arg, hb_err *err) {
    (void)instance;
    files_table *table = container->state;
    if (table == NULL) return HB_OK;
    if (how == HB_CHECK_GIVE_UP && !table->has_outside && !table->has_misfits) return HB_OK;
    if (how != HB_CHECK_GIVE_UP) table->has_misfits = false;
    HB_TRY(files_lease_enter(table->conn, err));
    HB_TRY(files_settle(table->conn, err));
    file_check check = { .table = table, .how = how, .sink = sink, .arg = arg };
    hb_arena arena;
    hb_arena_init(&arena, table->conn->mem);
    hb_arena_init(&check.arena, table->conn->mem);
    files_values_check_open(&check.values, table, how, sink, arg);
    hb_status status = files_loader_open(&check.loader, table, err);
    if (status == HB_OK) status = check_folder(&check, &arena, err);
    files_loader_close(&check.loader);
    files_values_check_close(&check.values);
    hb_arena_free(&check.arena);
    hb_arena_free(&arena);
    return status;
}

/* ---- a cheap look ------------------------------------------------------------------------------
 */

typedef struct files_sample {
    uint32_t looked, broken;
    hb_str path;                /* of the first broken one */
    hb_err reason;
} files_sample;

static hb_status sample_file(files_loader *loader, hb_str path, hb_str id, files_sample *sample,
                             hb_arena *arena, hb_err *err) {
    hb_err refused;
    hb_err_init(&refused);
    bool found;
    hb_arena_reset(&loader->arena);
    HB_TRY(files_lease_beat(loader->table->conn, err));
    const hb_status status = files_loader_read(loader, path, id, &found, &refused);
    if (status == HB_OK && !found) return HB_OK;
    sample->looked++;
    if (status == HB_OK) return HB_OK;
    if (status == HB_E_MEMORY) return hb_err_memory(err);
    if (sample->broken++ > 0) return HB_OK;
    sample->reason = refused;
    sample->path = hb_arena_str(arena, path);
    return sample->path.ptr != NULL ? HB_OK : hb_err_memory(err);
}

static hb_status sample_folder(files_loader *loader, hb_arena *arena, files_sample *sample,
                               hb_err *err) {
    files_table *table = loader->table;
    const bool all = table->loaded && table->has_unreadable;
    const hb_str folder = files_table_folder(table, arena);
    if (folder.ptr == NULL) return hb_err_memory(err);
    hb_str *names;
    uint32_t count;
    HB_TRY(hb_fs_names(table->conn->fs, folder, arena, &names, &count, err));
    const uint32_t step = all || count <= FILES_LOOK_MAX ? 1 : count / FILES_LOOK_MAX;
    for (uint32_t i = 0; i < count; i += step) {
        hb_str id;
        if (!files_row_id(table, names[i], arena, &id)) continue;
        const hb_str path = hb_fs_join(arena, folder, names[i]);
        if (path.ptr == NULL) return hb_err_memory(err);
        HB_TRY(sample_file(loader, path, id, sample, arena, err));
    }
    if (sample->broken == 0) return HB_OK;
    return hb_err_set(err, sample->reason.code,
                      "%u of %u files that were looked at are no rows, %.*s: %.120s; audit() names "
                      "them all, repair() puts them aside",
                      sample->broken, sample->looked, HB_ARG(sample->path), sample->reason.msg);
}

hb_status files_look(hb_instance *instance, hb_container *container, hb_err *err) {
    (void)instance;
    files_table *table = container->state;
    if (table == NULL) return HB_OK;
    HB_TRY(files_lease_enter(table->conn, err));
    HB_TRY(files_settle(table->conn, err));
    files_sample sample = { .looked = 0 };
    files_loader loader;
    hb_arena arena;
    hb_arena_init(&arena, table->conn->mem);
    hb_status status = files_loader_open(&loader, table, err);
    if (status == HB_OK) status = sample_folder(&loader, &arena, &sample, err);
    files_loader_close(&loader);
    hb_arena_free(&arena);
    return status;
}
