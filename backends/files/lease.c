// SPDX-License-Identifier: MIT
#include "backends/files/files_priv.h"

#define GENERATION_BYTES_MAX 512u

static hb_status locked(const files_lease *lease, const char *native, const char *text,
                        hb_err *err) {
    return hb_turn_refuse("files", lease->name, native, text, err);
}

/* ---- what another process may have changed ----------------------------------------------- */

static void forget_rows(files_conn *conn) {
    for (files_table *table = conn->tables; table != NULL; table = table->next) {
        table->loaded = false;
    }
}

/* Another process has the folder: what was gathered is lost, and memory is ahead of the disk. */
static void lose(files_conn *conn) {
    if (conn->group.op_count > 0) conn->group.lost = true;
    files_group_forget(conn);
    forget_rows(conn);
}

static hb_status write_generation(files_conn *conn, hb_err *err) {
    files_lease *lease = &conn->lease;
    hb_buf_clear(&lease->seen);
    hb_buf_printf(&lease->seen, "%.*s.%u\n", HB_ARG(lease->turn.lock.owner),
                  lease->turn.lock.taken);
    HB_TRY(hb_buf_check(&lease->seen, err));
    hb_str text = hb_buf_str(&lease->seen);
    hb_status status = hb_fs_write_all(conn->fs, lease->generation, text, true, err);
    lease->marked = status == HB_OK;
    if (status != HB_OK) hb_buf_clear(&lease->seen);
    return status;
}

static hb_status forget_if_changed(files_conn *conn, hb_err *err) {
    files_lease *lease = &conn->lease;
    hb_buf now;
    hb_buf_init(&now, conn->mem);
    bool found;
    hb_status status =
        hb_fs_read_all(conn->fs, lease->generation, GENERATION_BYTES_MAX, &now, &found, err);
    if (status == HB_OK && !hb_str_eq(hb_buf_str(&now), hb_buf_str(&lease->seen))) {
        forget_rows(conn);
        lease->changes++;
        hb_buf_clear(&lease->seen);
        hb_buf_add_str(&lease->seen, hb_buf_str(&now));
        status = hb_buf_check(&lease->seen, err);
    }
    /* Without a whole token (it ends a line), what happened in between could not be told from
     * nothing: a drop, or an owner killed while it wrote this file. */
    bool whole = now.len > 0 && now.ptr[now.len - 1] == '\n';
    if (status == HB_OK && !whole) {
        forget_rows(conn);
        lease->changes++;
        status = write_generation(conn, err);
    }
    hb_buf_free(&now);
    return status;
}

/* ---- taking and giving back -------------------------------------------------------------- */

static hb_status take(files_conn *conn, hb_err *err) {
    files_lease *lease = &conn->lease;
    bool taken;
    HB_TRY(hb_fs_make_folders(conn->fs, conn->hidden, err));
    hb_status status = hb_turn_take(&lease->turn, &taken, err);
    /* Whoever dropped the workspace has just removed the folder that we made sure of. */
    if (status != HB_OK && strcmp(err->native, "ENOENT") == 0) {
        hb_err_init(err);
        hb_turn_ask(&lease->turn);
        taken = false;
        status = HB_OK;
    }
    HB_TRY(status);
    if (!taken) {
        return locked(lease, "HELD", "another process or workspace holds the folder", err);
    }
    lease->marked = false;
    status = files_recover(conn, err);
    if (status == HB_OK) status = forget_if_changed(conn, err);
    if (status != HB_OK) hb_lock_release(&lease->turn.lock);
    return status;
}

static hb_status keep(files_conn *conn, hb_err *err) {
    files_lease *lease = &conn->lease;
    bool held;
    HB_TRY(hb_turn_beat(&lease->turn, &held, err));
    if (!held) {
        lose(conn);
        return locked(lease, "HELD", "another process has taken the folder over", err);
    }
    return HB_OK;
}

hb_status files_lease_turn(files_conn *conn, hb_err *err) {
    files_lease *lease = &conn->lease;
    if (!lease->turn.lock.held || conn->in_tx || !hb_turn_is_over(&lease->turn)) return HB_OK;
    files_lease_yield(conn);
    return locked(lease, "HELD", "another process waits for the folder", err);
}

hb_status files_lease_open(files_conn *conn, const hb_instance *instance, hb_err *err) {
    files_lease *lease = &conn->lease;
    if (instance->clock == NULL || !instance->shared) return files_recover(conn, err);
    lease->turn.lock.path = hb_fs_join(&conn->arena, conn->hidden, HB_STR("lock"));
    lease->turn.want = hb_fs_join(&conn->arena, conn->hidden, HB_STR("lock-want"));
    lease->generation = hb_fs_join(&conn->arena, conn->hidden, HB_STR("generation"));
    if (lease->turn.lock.path.ptr == NULL || lease->turn.want.ptr == NULL ||
        lease->generation.ptr == NULL) {
        return hb_err_memory(err);
    }
    lease->turn.lock.fs = conn->fs;
    lease->turn.lock.mem = conn->mem;
    lease->turn.lock.owner = instance->owner;
    lease->turn.clock = instance->clock;
    lease->name = instance->name;
    hb_status status = take(conn, err);
    if (status != HB_E_REFUSED) return status;
    /* Read-only: nothing of ours can be written here, and nothing be half written. */
    lease->turn.lock.fs = NULL;
    hb_err_init(err);
    return HB_OK;
}

hb_status files_lease_enter(files_conn *conn, hb_err *err) {
    if (conn->lease.turn.lock.fs == NULL) return HB_OK;
    if (conn->in_tx) return files_lease_beat(conn, err);
    return conn->lease.turn.lock.held ? keep(conn, err) : take(conn, err);
}

static hb_status still_held(files_conn *conn, bool held, hb_err *err) {
    if (held) return HB_OK;
    lose(conn);
    /* Outside of a transaction, whoever waits for a held folder may simply call again. */
    return locked(&conn->lease, conn->in_tx ? "LOST" : "HELD",
                  "this process was silent for so long that another one took the folder over; "
                  "make the call again",
                  err);
}

hb_status files_lease_beat(files_conn *conn, hb_err *err) {
    if (conn->lease.turn.lock.fs == NULL) return HB_OK;
    bool held;
    HB_TRY(hb_turn_beat(&conn->lease.turn, &held, err));
    return still_held(conn, held, err);
}

hb_status files_lease_check(files_conn *conn, hb_err *err) {
    if (conn->lease.turn.lock.fs == NULL) return HB_OK;
    bool held;
    HB_TRY(hb_turn_check(&conn->lease.turn, &held, err));
    return still_held(conn, held, err);
}

hb_status files_lease_explain(files_conn *conn, hb_status status, hb_err *err) {
    if (status == HB_OK || status == HB_E_LOCKED || conn->lease.turn.lock.fs == NULL) return status;
    hb_err lost;
    hb_err_init(&lost);
    if (files_lease_check(conn, &lost) != HB_E_LOCKED) return status;
    *err = lost;
    return HB_E_LOCKED;
}

hb_str files_lease_token(const files_conn *conn, hb_arena *arena) {
    const hb_lock *lock = &conn->lease.turn.lock;
    if (lock->fs == NULL) return HB_STR("tx");
    return hb_arena_printf(arena, "%.*s.%u", HB_ARG(lock->owner), lock->taken);
}

hb_status files_lease_mark(files_conn *conn, hb_err *err) {
    if (conn->lease.turn.lock.fs == NULL) return HB_OK;
    if (!conn->lease.marked) {
        HB_TRY(files_lease_beat(conn, err));
        HB_TRY(write_generation(conn, err));
    }
    return files_lease_check(conn, err);
}

bool files_lease_is_ours(const files_conn *conn) {
    return conn->lease.turn.lock.fs == NULL || conn->lease.turn.lock.held;
}

void files_lease_extend(files_conn *conn) {
    hb_turn_extend(&conn->lease.turn);
}

/* Nothing is left of a workspace that was dropped but what the lease keeps. */
static bool is_empty(const files_conn *conn) {
    hb_arena arena;
    hb_arena_init(&arena, conn->mem);
    hb_str *names;
    uint32_t count = 0;
    hb_err ignored;     /* then the folders stay */
    hb_err_init(&ignored);
    bool empty = hb_fs_names(conn->fs, conn->root, &arena, &names, &count, &ignored) == HB_OK;
    for (uint32_t i = 0; i < count && empty; i++) {
        empty = hb_str_eq(names[i], HB_STR(FILES_HIDDEN));
    }
    empty = empty &&
            hb_fs_names(conn->fs, conn->meta_folder, &arena, &names, &count, &ignored) == HB_OK &&
            count == 0;
    hb_arena_free(&arena);
    return empty;
}

void files_lease_yield(files_conn *conn) {
    files_lease *lease = &conn->lease;
    hb_err ignored;     /* then the folder stays ours until the next time */
    hb_err_init(&ignored);
    if (conn->in_tx || files_group_write(conn, &ignored) != HB_OK || !lease->turn.lock.held) return;
    const bool sweep = lease->emptied && is_empty(conn);
    lease->emptied = false;
    if (sweep) conn->fs->remove(conn->fs->ctx, lease->generation);
    hb_lock_release(&lease->turn.lock);
    if (sweep) files_remove_empty(conn);
}

void files_lease_end(files_conn *conn) {
    files_lease *lease = &conn->lease;
    if (lease->turn.lock.fs != NULL) {
        files_lease_yield(conn);
        hb_turn_end(&lease->turn);
    }
    hb_buf_free(&lease->seen);
}
