// SPDX-License-Identifier: MIT
/* The small key-value store: one file per key in a hidden folder, part of an open transaction. */
#include "backends/files/files_priv.h"

#define META_BYTES_MAX (64u << 20)

static hb_str meta_target(hb_arena *arena, hb_str key) {
    hb_str name = files_percent(arena, key);
    if (name.ptr == NULL) return name;
    return hb_arena_printf(arena, FILES_META_BELOW "%.*s", HB_ARG(name));
}

static hb_status meta_change(files_conn *conn, hb_str key, const hb_str *value, hb_err *err) {
    hb_arena scratch;
    hb_arena_init(&scratch, conn->mem);
    hb_str target = meta_target(&scratch, key);
    const bool own = !conn->in_tx;
    hb_status status = target.ptr != NULL ? HB_OK : hb_err_memory(err);
    if (status == HB_OK && own) status = files_tx_begin(conn, err);
    bool begun = status == HB_OK && own;
    if (status == HB_OK) {
        status = value != NULL ? files_tx_put(conn, target, *value, err)
                               : files_tx_remove(conn, target, err);
    }
    if (begun && status == HB_OK)
        status = files_tx_commit(conn, err);
    else if (begun)
        files_tx_rollback(conn);
    if (status == HB_OK && own && value == NULL) {
        files_remove_empty(conn);
        conn->lease.emptied = true;
    }
    hb_arena_free(&scratch);
    return status;
}

hb_status files_meta_put(hb_instance *instance, hb_str key, hb_str value, hb_err *err) {
    if (value.len > META_BYTES_MAX) {
        return hb_err_set(err, HB_E_LIMIT,
                          "files: a definition or the intent of a call has at most %u bytes",
                          META_BYTES_MAX);
    }
    return meta_change(instance->state, key, &value, err);
}

hb_status files_meta_delete(hb_instance *instance, hb_str key, hb_err *err) {
    return meta_change(instance->state, key, NULL, err);
}

hb_status files_meta_get(hb_instance *instance, hb_str key, hb_arena *arena, hb_str *value,
                         hb_err *err) {
    files_conn *conn = instance->state;
    HB_TRY(files_lease_enter(conn, err));
    *value = (hb_str){ NULL, 0 };
    hb_str target = meta_target(arena, key);
    if (target.ptr == NULL) return hb_err_memory(err);
    const files_op *op = files_tx_find(conn, target);
    if (op != NULL && op->staged.len == 0) return HB_OK;
    hb_str path = hb_fs_join(arena, conn->root, op != NULL ? op->staged : target);
    if (path.ptr == NULL) return hb_err_memory(err);
    hb_buf bytes;
    hb_buf_init(&bytes, conn->mem);
    bool found;
    hb_status status = hb_fs_read_all(conn->fs, path, META_BYTES_MAX, &bytes, &found, err);
    if (status == HB_OK && found) {
        *value = hb_arena_str(arena, bytes.len > 0 ? hb_buf_str(&bytes) : HB_STR_EMPTY);
        if (value->ptr == NULL) status = hb_err_memory(err);
    }
    hb_buf_free(&bytes);
    return status;
}

hb_status files_meta_path(hb_instance *instance, hb_str key, hb_arena *arena, hb_str *path,
                          hb_err *err) {
    const files_conn *conn = instance->state;
    const hb_str target = meta_target(arena, key);
    *path = target.ptr != NULL ? hb_fs_join(arena, conn->root, target) : target;
    return path->ptr != NULL ? HB_OK : hb_err_memory(err);
}

/* Keys that the open transaction has put or removed are told as they are on disk. */
hb_status files_meta_list(hb_instance *instance, hb_str prefix, hb_arena *arena, hb_str **keys,
                          uint32_t *count, hb_err *err) {
    files_conn *conn = instance->state;
    HB_TRY(files_lease_enter(conn, err));
    hb_str *names;
    uint32_t name_count, kept = 0;
    HB_TRY(hb_fs_names(conn->fs, conn->meta_folder, arena, &names, &name_count, err));
    for (uint32_t i = 0; i < name_count; i++) {
        hb_str key;
        if (!hb_path_unpercent(arena, names[i], &key)) continue;
        if (hb_str_starts(key, prefix)) names[kept++] = key;
    }
    *keys = names;
    *count = kept;
    return HB_OK;
}
