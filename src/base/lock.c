// SPDX-License-Identifier: MIT
#include "base/lock.h"

static hb_str token_of(const hb_lock *lock, hb_arena *arena) {
    return hb_arena_printf(arena, "%.*s.%u", HB_ARG(lock->owner), lock->taken);
}

/* "<path>-<kind>-<token>" */
static hb_str beside(const hb_lock *lock, const char *kind, hb_str token, hb_arena *arena) {
    return hb_arena_printf(arena, "%.*s-%s-%.*s", HB_ARG(lock->path), kind, HB_ARG(token));
}

/* The file of a lock, which only its owner's token leads to. */
static hb_str file_in(hb_str folder, hb_str token, hb_arena *arena) {
    if (folder.ptr == NULL || token.ptr == NULL) return (hb_str){ NULL, 0 };
    return hb_fs_join(arena, folder, token);
}

static hb_str own_file(const hb_lock *lock, hb_arena *arena) {
    return file_in(lock->path, token_of(lock, arena), arena);
}

/* The file goes first: where it is gone already, the folder is another owner's. */
static void remove_lock(const hb_lock *lock, hb_str folder, hb_str file) {
    if (lock->fs->remove(lock->fs->ctx, file) != HB_FS_OK) return;
    lock->fs->remove_folder(lock->fs->ctx, folder);
}

/* The name of the file in a lock, "" when it has none. */
static hb_status read_token(const hb_lock *lock, hb_str folder, hb_arena *arena, hb_str *out,
                            hb_err *err) {
    hb_str *names;
    uint32_t count = 0;
    *out = HB_STR_EMPTY;
    HB_TRY(hb_fs_names(lock->fs, folder, arena, &names, &count, err));
    if (count > 0) *out = names[0];
    return HB_OK;
}

/* ---- taking ------------------------------------------------------------------------------ */

/* Moves the prepared lock into place; *done false when there is one. */
static hb_status put_in_place(hb_lock *lock, hb_str mine, bool *done, hb_err *err) {
    hb_fs_code code = lock->fs->rename(lock->fs->ctx, mine, lock->path);
    *done = code == HB_FS_OK;
    if (code == HB_FS_OK) return HB_OK;
    /* Hosts tell in different ways that there is a folder with something in it. */
    hb_fs_stat info;
    if (lock->fs->stat(lock->fs->ctx, lock->path, &info) == HB_FS_OK) return HB_OK;
    /* Given back between the two looks: then there was one. */
    if (code == HB_FS_NOT_EMPTY || code == HB_FS_EXISTS || code == HB_FS_MISSING) return HB_OK;
    return hb_fs_fail(code, "lock", lock->path, err);
}

/* Puts a dead lock out of the way. `mine` was written just now: its time is the time. */
static hb_status bury(hb_lock *lock, hb_str mine, hb_arena *arena, hb_err *err) {
    const hb_fs *fs = lock->fs;
    hb_str token;
    HB_TRY(read_token(lock, lock->path, arena, &token, err));
    if (token.len == 0) {       /* half removed; some hosts do not rename over an empty folder */
        fs->remove_folder(fs->ctx, lock->path);
        return HB_OK;
    }
    hb_str file = file_in(lock->path, token, arena), grave = beside(lock, "dead", token, arena);
    hb_str buried = file_in(grave, token, arena);
    if (file.ptr == NULL || buried.ptr == NULL) return hb_err_memory(err);
    hb_fs_stat theirs, now;
    if (fs->stat(fs->ctx, file, &theirs) != HB_FS_OK) return HB_OK;     /* released */
    if (fs->stat(fs->ctx, mine, &now) != HB_FS_OK) return HB_OK;
    if ((now.modified_ns - theirs.modified_ns) / 1000000 < HB_LOCK_STALE_MS) return HB_OK;
    /* Whoever comes second finds the name taken. */
    if (fs->rename(fs->ctx, lock->path, grave) != HB_FS_OK) return HB_OK;
    /* It woke up and released its lock, and what was moved is the next one's. */
    if (fs->stat(fs->ctx, buried, &theirs) == HB_FS_MISSING) {
        fs->rename(fs->ctx, grave, lock->path);
    }
    return HB_OK;
}

static void clear_grave(const hb_lock *lock, hb_str folder, int64_t now_ns, hb_arena *arena) {
    hb_err ignored;     /* tidying up may fail */
    hb_err_init(&ignored);
    hb_str token;
    hb_fs_stat info;
    if (read_token(lock, folder, arena, &token, &ignored) != HB_OK || token.len == 0) return;
    hb_str file = file_in(folder, token, arena);
    if (file.ptr == NULL || lock->fs->stat(lock->fs->ctx, file, &info) != HB_FS_OK) return;
    bool is_old = (now_ns - info.modified_ns) / 1000000 > 2 * HB_LOCK_STALE_MS;
    if (is_old) remove_lock(lock, folder, file);
}

/* Locks that were buried long ago need no grave any more: nobody still looks at them. */
static void clear_graves(const hb_lock *lock, hb_arena *arena) {
    uint32_t cut = lock->path.len;
    while (cut > 0 && lock->path.ptr[cut - 1] != '/') cut--;
    hb_str folder = cut > 1    ? hb_str_sub(lock->path, 0, cut - 1)
                    : cut == 1 ? HB_STR("/")
                               : HB_STR(".");
    hb_str base = hb_str_sub(lock->path, cut, lock->path.len);
    hb_str start = hb_arena_printf(arena, "%.*s-dead-", HB_ARG(base)), *names;
    uint32_t count = 0;
    hb_err ignored;
    hb_err_init(&ignored);
    if (start.ptr == NULL ||
        hb_fs_names(lock->fs, folder, arena, &names, &count, &ignored) != HB_OK)
        return;
    hb_fs_stat now;
    hb_str own = own_file(lock, arena);
    if (own.ptr == NULL || lock->fs->stat(lock->fs->ctx, own, &now) != HB_FS_OK) return;
    for (uint32_t i = 0; i < count; i++) {
        if (!hb_str_starts(names[i], start)) continue;
        hb_str path = hb_fs_join(arena, folder, names[i]);
        if (path.ptr != NULL) clear_grave(lock, path, now.modified_ns, arena);
    }
}

/* Two backends of one workspace at the same files would wait for each other. */
static hb_status check_owner(const hb_lock *lock, hb_arena *arena, hb_err *err) {
    hb_str token;
    HB_TRY(read_token(lock, lock->path, arena, &token, err));
    const bool own = lock->owner.len > 0 && token.len > lock->owner.len + 1 &&
                     hb_str_starts(token, lock->owner) && token.ptr[lock->owner.len] == '.';
    if (!own) return HB_OK;
    return hb_err_set(
        err, HB_E_VALIDATION,
        "another backend of this workspace keeps its data in the same place (its lock "
        "is '%.*s'); give each a place of its own",
        HB_ARG(lock->path));
}

static hb_status take(hb_lock *lock, hb_arena *arena, bool *taken, hb_err *err) {
    lock->taken++;
    hb_str token = token_of(lock, arena);
    hb_str mine = token.ptr != NULL ? beside(lock, "new", token, arena) : token;
    hb_str file = file_in(mine, token, arena);
    if (file.ptr == NULL) return hb_err_memory(err);
    hb_fs_code code = lock->fs->make_folder(lock->fs->ctx, mine);
    if (code != HB_FS_OK && code != HB_FS_EXISTS) return hb_fs_fail(code, "lock", lock->path, err);
    hb_status status = hb_fs_write_all(lock->fs, file, token, false, err);
    if (status == HB_OK) status = put_in_place(lock, mine, taken, err);
    bool was_dead = false;
    if (status == HB_OK && !*taken) {
        status = bury(lock, file, arena, err);
        if (status == HB_OK) status = put_in_place(lock, mine, taken, err);
        was_dead = *taken;
    }
    if (status == HB_OK && !*taken) status = check_owner(lock, arena, err);
    if (!*taken) {
        lock->fs->remove(lock->fs->ctx, file);
        lock->fs->remove_folder(lock->fs->ctx, mine);
    }
    lock->held = *taken;
    if (was_dead) clear_graves(lock, arena);
    return status;
}

hb_status hb_lock_take(hb_lock *lock, bool *taken, hb_err *err) {
    *taken = lock->held;
    if (lock->held) return HB_OK;
    hb_arena arena;
    hb_arena_init(&arena, lock->mem);
    hb_status status = take(lock, &arena, taken, err);
    hb_arena_free(&arena);
    return status;
}

/* ---- holding ----------------------------------------------------------------------------- */

/* Writes the token over itself, by a path that only leads to it while the lock is ours: nothing is
 * made at a lock that was taken over between any two steps. */
static hb_status renew(hb_lock *lock, hb_arena *arena, hb_err *err) {
    hb_str token = token_of(lock, arena), path = own_file(lock, arena);
    if (token.ptr == NULL || path.ptr == NULL) return hb_err_memory(err);
    int32_t file;
    hb_fs_code code = lock->fs->open(lock->fs->ctx, path, HB_FS_UPDATE, &file);
    lock->held = code != HB_FS_MISSING;
    if (!lock->held) return HB_OK;
    if (code != HB_FS_OK) return hb_fs_fail(code, "open", path, err);
    code = lock->fs->write(lock->fs->ctx, file, token.ptr, token.len);
    hb_fs_code closed = lock->fs->close(lock->fs->ctx, file);
    return hb_fs_fail(code != HB_FS_OK ? code : closed, "write", path, err);
}

hb_status hb_lock_beat(hb_lock *lock, bool *held, hb_err *err) {
    hb_arena arena;
    hb_arena_init(&arena, lock->mem);
    hb_status status = lock->held ? renew(lock, &arena, err) : HB_OK;
    *held = lock->held;
    hb_arena_free(&arena);
    return status;
}

hb_status hb_lock_check(hb_lock *lock, bool *held, hb_err *err) {
    hb_status status = HB_OK;
    if (lock->held) {
        hb_arena arena;
        hb_arena_init(&arena, lock->mem);
        hb_str path = own_file(lock, &arena);
        hb_fs_stat info;
        hb_fs_code code = path.ptr != NULL ? lock->fs->stat(lock->fs->ctx, path, &info) : HB_FS_OK;
        if (path.ptr == NULL) status = hb_err_memory(err);
        lock->held = code != HB_FS_MISSING;
        if (lock->held) status = hb_fs_fail(code, "look at", path, err);
        hb_arena_free(&arena);
    }
    *held = lock->held;
    return status;
}

void hb_lock_release(hb_lock *lock) {
    if (!lock->held) return;
    lock->held = false;
    hb_arena arena;
    hb_arena_init(&arena, lock->mem);
    hb_str file = own_file(lock, &arena);
    if (file.ptr != NULL) remove_lock(lock, lock->path, file);
    hb_arena_free(&arena);
}
