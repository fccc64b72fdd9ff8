// SPDX-License-Identifier: MIT
#include "base/lock.h"

#define OWNER_BYTES_MAX 256u

/* "<path>-<token>", or a file below it. */
static hb_str token_of(const hb_lock *lock, hb_arena *arena) {
    return hb_arena_printf(arena, "%.*s.%u", HB_ARG(lock->owner), lock->taken);
}

static hb_str beside(const hb_lock *lock, const char *kind, hb_str token, hb_arena *arena) {
    return hb_arena_printf(arena, "%.*s-%s-%.*s", HB_ARG(lock->path), kind, HB_ARG(token));
}

static hb_str owner_file(hb_str folder, hb_arena *arena) {
    return hb_arena_printf(arena, "%.*s/owner", HB_ARG(folder));
}

static void remove_lock(const hb_lock *lock, hb_str folder, hb_arena *arena) {
    hb_str file = owner_file(folder, arena);
    if (file.ptr == NULL) return;
    lock->fs->remove(lock->fs->ctx, file);
    lock->fs->remove_folder(lock->fs->ctx, folder);
}

/* The token in a lock, "" when there is none. */
static hb_status read_token(const hb_lock *lock, hb_str folder, hb_arena *arena, hb_str *out,
                            hb_err *err) {
    hb_str file = owner_file(folder, arena);
    if (file.ptr == NULL) return hb_err_memory(err);
    hb_buf bytes;
    hb_buf_init(&bytes, lock->mem);
    bool found;
    hb_status status = hb_fs_read_all(lock->fs, file, OWNER_BYTES_MAX, &bytes, &found, err);
    *out = hb_arena_str(arena, hb_buf_str(&bytes));
    hb_buf_free(&bytes);
    if (status == HB_OK && out->ptr == NULL) return hb_err_memory(err);
    return status;
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
    hb_str token, file = owner_file(lock->path, arena), own = owner_file(mine, arena);
    if (file.ptr == NULL || own.ptr == NULL) return hb_err_memory(err);
    hb_fs_stat theirs, now;
    if (lock->fs->stat(lock->fs->ctx, file, &theirs) != HB_FS_OK) return HB_OK;    /* released */
    if (lock->fs->stat(lock->fs->ctx, own, &now) != HB_FS_OK) return HB_OK;
    int64_t age_ms = (now.modified_ns - theirs.modified_ns) / 1000000;
    if (age_ms < HB_LOCK_STALE_MS) return HB_OK;
    HB_TRY(read_token(lock, lock->path, arena, &token, err));
    hb_str grave = beside(lock, "dead", token.len > 0 ? token : HB_STR("unknown"), arena);
    if (grave.ptr == NULL) return hb_err_memory(err);
    /* Whoever comes second finds the name taken. */
    lock->fs->rename(lock->fs->ctx, lock->path, grave);
    return HB_OK;
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
    hb_err ignored;     /* tidying up may fail */
    hb_err_init(&ignored);
    if (start.ptr == NULL ||
        hb_fs_names(lock->fs, folder, arena, &names, &count, &ignored) != HB_OK)
        return;
    hb_fs_stat now, grave;
    hb_str own = owner_file(lock->path, arena);
    if (own.ptr == NULL || lock->fs->stat(lock->fs->ctx, own, &now) != HB_FS_OK) return;
    for (uint32_t i = 0; i < count; i++) {
        if (!hb_str_starts(names[i], start)) continue;
        hb_str path = hb_fs_join(arena, folder, names[i]);
        hb_str file = path.ptr != NULL ? owner_file(path, arena) : path;
        bool is_old = file.ptr != NULL && lock->fs->stat(lock->fs->ctx, file, &grave) == HB_FS_OK &&
                      (now.modified_ns - grave.modified_ns) / 1000000 > 2 * HB_LOCK_STALE_MS;
        if (is_old) remove_lock(lock, path, arena);
    }
}

static hb_status take(hb_lock *lock, hb_arena *arena, bool *taken, hb_err *err) {
    lock->taken++;
    hb_str token = token_of(lock, arena);
    hb_str mine = token.ptr != NULL ? beside(lock, "new", token, arena) : token;
    hb_str file = mine.ptr != NULL ? owner_file(mine, arena) : mine;
    if (file.ptr == NULL) return hb_err_memory(err);
    hb_fs_code code = lock->fs->make_folder(lock->fs->ctx, mine);
    if (code != HB_FS_OK && code != HB_FS_EXISTS) return hb_fs_fail(code, "lock", lock->path, err);
    hb_status status = hb_fs_write_all(lock->fs, file, token, false, err);
    if (status == HB_OK) status = put_in_place(lock, mine, taken, err);
    bool was_dead = false;
    if (status == HB_OK && !*taken) {
        status = bury(lock, mine, arena, err);
        if (status == HB_OK) status = put_in_place(lock, mine, taken, err);
        was_dead = *taken;
    }
    if (!*taken) remove_lock(lock, mine, arena);
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

hb_status hb_lock_beat(hb_lock *lock, bool *held, hb_err *err) {
    hb_arena arena;
    hb_arena_init(&arena, lock->mem);
    hb_str token = token_of(lock, &arena), file = owner_file(lock->path, &arena), found;
    hb_status status = token.ptr == NULL || file.ptr == NULL ? hb_err_memory(err) : HB_OK;
    if (status == HB_OK) status = read_token(lock, lock->path, &arena, &found, err);
    if (status == HB_OK) {
        lock->held = hb_str_eq(token, found);
        if (lock->held) status = hb_fs_write_all(lock->fs, file, token, false, err);
    }
    *held = lock->held;
    hb_arena_free(&arena);
    return status;
}

void hb_lock_release(hb_lock *lock) {
    if (!lock->held) return;
    lock->held = false;
    hb_arena arena;
    hb_arena_init(&arena, lock->mem);
    /* A lock that was taken over meanwhile is not ours to remove. */
    hb_str token = token_of(lock, &arena), found;
    hb_err ignored;
    hb_err_init(&ignored);
    bool ours = token.ptr != NULL &&
                read_token(lock, lock->path, &arena, &found, &ignored) == HB_OK &&
                hb_str_eq(token, found);
    if (ours) remove_lock(lock, lock->path, &arena);
    hb_arena_free(&arena);
}
