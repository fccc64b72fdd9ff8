// SPDX-License-Identifier: MIT
#include "backends/sqlite/derived.h"
#include "backends/sqlite/sqlite_priv.h"

void sqlite_lease_init(sqlite_conn *conn, const char *path) {
    hb_instance *instance = conn->instance;
    sqlite_lease *lease = &conn->lease;
    if (!conn->on_disk || instance->fs == NULL || instance->clock == NULL || !instance->shared)
        return;
    hb_arena *arena = instance->arena;
    lease->turn.lock.path = hb_arena_printf(arena, "%s.hb-lock", path);
    lease->turn.want = hb_arena_printf(arena, "%s.hb-lock-want", path);
    lease->shm = hb_arena_printf(arena, "%s-shm", path);
    lease->log = hb_arena_printf(arena, "%s-wal", path);
    if (lease->turn.lock.path.ptr == NULL || lease->turn.want.ptr == NULL ||
        lease->shm.ptr == NULL || lease->log.ptr == NULL)
        return;
    lease->turn.lock.fs = instance->fs;
    lease->turn.lock.mem = conn->mem;
    lease->turn.lock.owner = instance->owner;
    lease->turn.clock = instance->clock;
}

static hb_status locked(const sqlite_conn *conn, const char *native, const char *text,
                        hb_err *err) {
    return hb_turn_refuse("sqlite", conn->instance->name, native, text, err);
}

static bool is_there(const sqlite_lease *lease, hb_str path) {
    hb_fs_stat info;
    return lease->turn.lock.fs->stat(lease->turn.lock.fs->ctx, path, &info) == HB_FS_OK;
}

/* ---- what another process may have changed ----------------------------------------------- */

static hb_status read_version(sqlite_conn *conn, int64_t *out, hb_err *err) {
    sqlite3_stmt *stmt = NULL;
    HB_TRY(sqlite_prepare(conn, HB_STR("PRAGMA data_version"), &stmt, err));
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) *out = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return rc == SQLITE_ROW ? HB_OK : sqlite_fail(conn, rc, err);
}

static hb_status forget_if_changed(sqlite_conn *conn, hb_err *err) {
    int64_t version;
    HB_TRY(read_version(conn, &version, err));
    if (version == conn->lease.version) return HB_OK;
    conn->lease.version = version;
    conn->lease.changes++;
    sqlite_tables_forget(conn);
    return HB_OK;
}

/* ---- taking and giving back -------------------------------------------------------------- */

static hb_status start(sqlite_conn *conn, hb_err *err) {
    sqlite_lease *lease = &conn->lease;
    if (is_there(lease, lease->shm)) {
        return locked(conn, "WAL", "another program holds the database file in WAL mode", err);
    }
    HB_TRY(sqlite_run(conn, "PRAGMA locking_mode=EXCLUSIVE", err));
    HB_TRY(sqlite_log_start(conn, err));
    lease->has_log = is_there(lease, lease->log);
    return forget_if_changed(conn, err);
}

static hb_status take(sqlite_conn *conn, hb_err *err) {
    sqlite_lease *lease = &conn->lease;
    bool taken;
    HB_TRY(hb_turn_take(&lease->turn, &taken, err));
    if (!taken) {
        return locked(conn, "HELD", "another process or workspace holds the database file", err);
    }
    hb_status status = start(conn, err);
    if (status != HB_OK) hb_lock_release(&lease->turn.lock);
    return status;
}

bool sqlite_lease_is_meddled(sqlite_conn *conn) {
    sqlite_lease *lease = &conn->lease;
    if (!lease->turn.lock.held || lease->lost || !lease->has_log) return false;
    if (is_there(lease, lease->log) && !is_there(lease, lease->shm)) return false;
    lease->lost = lease->meddled = true;
    hb_lock_release(&lease->turn.lock);
    return true;
}

hb_status sqlite_lease_refuse(const sqlite_conn *conn, hb_err *err) {
    if (conn->lease.meddled) {
        return locked(conn, "HELD",
                      "another program has opened the database file meanwhile; make the call again",
                      err);
    }
    return locked(conn, conn->in_tx ? "LOST" : "HELD",
                  "this process was silent for so long that another one took the database file "
                  "over; make the call again",
                  err);
}

static hb_status keep(sqlite_conn *conn, hb_err *err) {
    sqlite_lease *lease = &conn->lease;
    bool held;
    HB_TRY(hb_turn_beat(&lease->turn, &held, err));
    if (!held) {
        lease->lost = true;
        return sqlite_lease_refuse(conn, err);
    }
    return HB_OK;
}

hb_status sqlite_lease_turn(sqlite_conn *conn, hb_err *err) {
    sqlite_lease *lease = &conn->lease;
    if (!lease->turn.lock.held || conn->in_tx || !hb_turn_is_over(&lease->turn)) return HB_OK;
    sqlite_lease_yield(conn);
    if (lease->turn.lock.held) return HB_OK;
    return locked(conn, "HELD", "another process waits for the database file", err);
}

hb_status sqlite_lease_enter(sqlite_conn *conn, hb_err *err) {
    sqlite_lease *lease = &conn->lease;
    if (lease->turn.lock.fs == NULL) return HB_OK;
    if (lease->lost) {
        if (conn->in_tx) return sqlite_lease_refuse(conn, err);
        lease->version = -1;
        return sqlite_conn_reopen(conn, err);
    }
    return lease->turn.lock.held ? keep(conn, err) : take(conn, err);
}

hb_status sqlite_lease_confirm(sqlite_conn *conn, hb_err *err) {
    sqlite_lease *lease = &conn->lease;
    if (lease->turn.lock.fs == NULL) return HB_OK;
    bool held = false;
    if (!lease->lost && !sqlite_lease_is_meddled(conn)) {
        HB_TRY(hb_turn_check(&lease->turn, &held, err));
    }
    if (held) return HB_OK;
    lease->lost = true;
    return sqlite_lease_refuse(conn, err);
}

hb_status sqlite_lease_explain(sqlite_conn *conn, hb_status status, hb_err *err) {
    sqlite_lease *lease = &conn->lease;
    if (status == HB_OK || status == HB_E_LOCKED || !lease->turn.lock.held) return status;
    if (sqlite_lease_is_meddled(conn)) return sqlite_lease_refuse(conn, err);
    hb_err ignored;
    hb_err_init(&ignored);
    bool held;
    if (hb_turn_check(&lease->turn, &held, &ignored) != HB_OK || held) return status;
    lease->lost = true;
    return sqlite_lease_refuse(conn, err);
}

/* Puts the log into the file and removes it. */
static bool fold_log(sqlite_conn *conn) {
    sqlite3_stmt *stmt = NULL;
    hb_err ignored;
    hb_err_init(&ignored);
    if (sqlite_prepare(conn, HB_STR("PRAGMA journal_mode=DELETE"), &stmt, &ignored) != HB_OK) {
        return false;
    }
    bool done =
        sqlite3_step(stmt) == SQLITE_ROW && hb_str_eq(sqlite_text_at(stmt, 0), HB_STR("delete"));
    sqlite3_finalize(stmt);
    return done;
}

void sqlite_lease_yield(sqlite_conn *conn) {
    sqlite_lease *lease = &conn->lease;
    if (!lease->turn.lock.held || conn->in_tx || lease->lost) return;
    hb_err ignored;     /* then the file stays ours until the next time */
    hb_err_init(&ignored);
    if (sqlite_lease_confirm(conn, &ignored) != HB_OK) return;
    if (read_version(conn, &lease->version, &ignored) != HB_OK) return;
    if (!fold_log(conn)) return;
    if (sqlite_run(conn, "PRAGMA locking_mode=NORMAL; SELECT count(*) FROM sqlite_schema",
                   &ignored) != HB_OK) {
        return;
    }
    hb_lock_release(&lease->turn.lock);
}

void sqlite_lease_end(sqlite_lease *lease) {
    if (lease->turn.lock.fs == NULL) return;
    hb_turn_end(&lease->turn);
}
