// SPDX-License-Identifier: MIT
#include "base/fs.h"

#include <stdlib.h>

#define READ_BYTES 16384u
#define TREE_DEPTH_MAX 32u

static const struct {
    const char *native, *text;
} codes[] = {
#define X(name, native, text) { native, text },
    HB_FS_CODE_LIST(X)
#undef X
};

static hb_status code_status(hb_fs_code code) {
    switch ((int)code) {
    case HB_FS_MISSING:
    case HB_FS_OUTSIDE:
    case HB_FS_NOT_FOLDER:
    case HB_FS_IS_FOLDER: return HB_E_UNAVAILABLE;
    case HB_FS_REFUSED:
    case HB_FS_READ_ONLY: return HB_E_REFUSED;
    case HB_FS_INVALID:
    case HB_FS_TOO_LONG: return HB_E_INVALID_ID;
    default: return HB_E_BACKEND;
    }
}

hb_status hb_fs_fail(hb_fs_code code, const char *doing, hb_str path, hb_err *err) {
    if (code == HB_FS_OK) return HB_OK;
    hb_status status = hb_err_set(err, code_status(code), "cannot %s '%.*s': %s", doing,
                                  HB_ARG(path), codes[code].text);
    if (err != NULL) {
        size_t len = strlen(codes[code].native);
        memcpy(err->native, codes[code].native, len + 1);
    }
    return status;
}

hb_status hb_fs_require(const hb_fs *fs, hb_err *err) {
    if (fs != NULL) return HB_OK;
    return hb_err_set(err, HB_E_UNAVAILABLE, "this host gives no files");
}

static hb_status read_to_end(const hb_fs *fs, int32_t file, hb_str path, uint32_t max, hb_buf *out,
                             hb_err *err) {
    uint32_t start = out->len;
    for (;;) {
        if (!hb_buf_reserve(out, READ_BYTES)) return hb_buf_check(out, err);
        uint32_t got = 0;
        hb_fs_code code = fs->read(fs->ctx, file, out->ptr + out->len, READ_BYTES, &got);
        if (code != HB_FS_OK) return hb_fs_fail(code, "read", path, err);
        if (got == 0) return HB_OK;
        out->len += got;
        if (out->len - start > max) {
            return hb_err_set(err, HB_E_LIMIT, "'%.*s' is larger than %u bytes", HB_ARG(path), max);
        }
    }
}

hb_status hb_fs_read_all(const hb_fs *fs, hb_str path, uint32_t max, hb_buf *out, bool *found,
                         hb_err *err) {
    int32_t file;
    hb_fs_code code = fs->open(fs->ctx, path, HB_FS_READ, &file);
    *found = code != HB_FS_MISSING;
    if (code == HB_FS_MISSING) return HB_OK;
    if (code != HB_FS_OK) return hb_fs_fail(code, "open", path, err);
    hb_status status = read_to_end(fs, file, path, max, out, err);
    code = fs->close(fs->ctx, file);
    return status != HB_OK ? status : hb_fs_fail(code, "close", path, err);
}

hb_status hb_fs_write_all(const hb_fs *fs, hb_str path, hb_str bytes, bool sync, hb_err *err) {
    int32_t file;
    hb_fs_code code = fs->open(fs->ctx, path, HB_FS_WRITE, &file);
    if (code != HB_FS_OK) return hb_fs_fail(code, "create", path, err);
    if (bytes.len > 0) code = fs->write(fs->ctx, file, bytes.ptr, bytes.len);
    hb_status status = hb_fs_fail(code, "write", path, err);
    if (status == HB_OK && sync) status = hb_fs_fail(fs->sync(fs->ctx, file), "sync", path, err);
    /* Some hosts tell only here that a write failed. */
    code = fs->close(fs->ctx, file);
    return status != HB_OK ? status : hb_fs_fail(code, "close", path, err);
}

static hb_str parent_of(hb_str path) {
    uint32_t len = path.len;
    while (len > 0 && path.ptr[len - 1] == '/') len--;
    while (len > 0 && path.ptr[len - 1] != '/') len--;
    while (len > 1 && path.ptr[len - 1] == '/') len--;
    return (hb_str){ path.ptr, len };
}

hb_status hb_fs_sync_file(const hb_fs *fs, hb_str path, hb_err *err) {
    int32_t file;
    HB_TRY(hb_fs_fail(fs->open(fs->ctx, path, HB_FS_UPDATE, &file), "open", path, err));
    hb_fs_code code = fs->sync(fs->ctx, file);
    hb_fs_code closed = fs->close(fs->ctx, file);
    return hb_fs_fail(code != HB_FS_OK ? code : closed, "sync", path, err);
}

hb_status hb_fs_make_folders(const hb_fs *fs, hb_str path, hb_err *err) {
    hb_fs_code code = fs->make_folder(fs->ctx, path);
    if (code == HB_FS_MISSING) {
        hb_str parent = parent_of(path);
        if (parent.len == 0 || parent.len == path.len) return hb_fs_fail(code, "make", path, err);
        HB_TRY(hb_fs_make_folders(fs, parent, err));
        code = fs->make_folder(fs->ctx, path);
    }
    if (code == HB_FS_OK || code == HB_FS_EXISTS) return HB_OK;
    /* A folder that was given to us need not let us make its parents, nor itself. */
    hb_fs_stat info;
    if (fs->stat(fs->ctx, path, &info) == HB_FS_OK && info.folder) return HB_OK;
    return hb_fs_fail(code, "make the folder", path, err);
}

typedef struct name_list {
    hb_arena *arena;
    hb_str *names;
    uint32_t count, cap;
    bool lost;
} name_list;

static bool name_add(void *arg, hb_str name) {
    name_list *list = arg;
    if (list->count == list->cap) {
        uint32_t cap = list->cap == 0 ? 32 : list->cap * 2;
        hb_str *grown = hb_arena_array(list->arena, cap, sizeof(*grown));
        if (grown == NULL) {
            list->lost = true;
            return false;
        }
        if (list->count > 0) memcpy(grown, list->names, list->count * sizeof(*grown));
        list->names = grown;
        list->cap = cap;
    }
    hb_str copy = hb_arena_str(list->arena, name);
    list->lost = copy.ptr == NULL;
    if (!list->lost) list->names[list->count++] = copy;
    return !list->lost;
}

static int name_compare(const void *a, const void *b) {
    return hb_str_cmp(*(const hb_str *)a, *(const hb_str *)b);
}

hb_status hb_fs_names(const hb_fs *fs, hb_str path, hb_arena *arena, hb_str **names,
                      uint32_t *count, hb_err *err) {
    name_list list = { .arena = arena };
    hb_fs_code code = fs->list(fs->ctx, path, name_add, &list);
    if (list.lost) return hb_err_memory(err);
    if (code != HB_FS_OK && code != HB_FS_MISSING) return hb_fs_fail(code, "list", path, err);
    if (list.count > 1) qsort(list.names, list.count, sizeof(*list.names), name_compare);
    *names = list.names;
    *count = list.count;
    return HB_OK;
}

static hb_status remove_below(const hb_fs *fs, hb_str path, uint32_t depth, hb_arena *arena,
                              hb_err *err) {
    hb_fs_stat info;
    hb_fs_code code = fs->stat(fs->ctx, path, &info);
    if (code == HB_FS_MISSING) return HB_OK;
    if (code != HB_FS_OK) return hb_fs_fail(code, "look at", path, err);
    if (!info.folder) {
        code = fs->remove(fs->ctx, path);
        return code == HB_FS_MISSING ? HB_OK : hb_fs_fail(code, "remove", path, err);
    }
    if (depth == TREE_DEPTH_MAX) {
        return hb_err_set(err, HB_E_LIMIT, "'%.*s' lies deeper than %u folders", HB_ARG(path),
                          TREE_DEPTH_MAX);
    }
    hb_str *names;
    uint32_t count;
    HB_TRY(hb_fs_names(fs, path, arena, &names, &count, err));
    for (uint32_t i = 0; i < count; i++) {
        hb_str below = hb_fs_join(arena, path, names[i]);
        if (below.ptr == NULL) return hb_err_memory(err);
        HB_TRY(remove_below(fs, below, depth + 1, arena, err));
    }
    code = fs->remove_folder(fs->ctx, path);
    return code == HB_FS_MISSING ? HB_OK : hb_fs_fail(code, "remove the folder", path, err);
}

hb_status hb_fs_remove_tree(const hb_fs *fs, const hb_mem *mem, hb_str path, hb_err *err) {
    hb_arena arena;
    hb_arena_init(&arena, mem);
    hb_status status = remove_below(fs, path, 0, &arena, err);
    hb_arena_free(&arena);
    return status;
}

hb_str hb_fs_join(hb_arena *arena, hb_str folder, hb_str name) {
    if (folder.len == 0) return hb_arena_str(arena, name);
    const char *between = folder.ptr[folder.len - 1] == '/' ? "" : "/";
    return hb_arena_printf(arena, "%.*s%s%.*s", HB_ARG(folder), between, HB_ARG(name));
}
