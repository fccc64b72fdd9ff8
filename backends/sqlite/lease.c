// SPDX-License-Identifier: MIT
#include "backends/sqlite/derived.h"
#include "backends/sqlite/sqlite_priv.h"

#define TURN_MS 200     /* a busy process lets a waiting one in after so long */

static int64_t now_ms(const sqlite_lease *lease) {
    return lease->clock->now_ms(lease->clock->ctx);
}

void sqlite_lease_init(sqlite_conn *conn, const char *path) {
    hb_instance *instance = conn->instance;
    sqlite_lease *lease = &conn->lease;
    if (!conn->on_disk || instance->fs == NULL || instance->clock == NULL || !instance->shared)
        return;
    hb_arena *arena = instance->arena;
    lease->lock.path = hb_arena_printf(arena, "%s.hb-lock", path);
    lease->want = hb_arena_printf(arena, "%s.hb-lock-want", path);
    lease->shm = hb_arena_printf(arena, "%s-shm", path);
    if (lease->lock.path.ptr == NULL || lease->want.ptr == NULL || lease->shm.ptr == NULL) return;
    lease->lock.fs = instance->fs;
    lease->lock.mem = conn->mem;
    lease->lock.owner = instance->owner;
    lease->clock = instance->clock;
}

static hb_status locked(const sqlite_conn *conn, const char *native, const char *text,
                        hb_err *err) {
    hb_err_set(err, HB_E_LOCKED, "sqlite: %s", text);
    if (err != NULL) strncpy(err->native, native, sizeof(err->native) - 1);
    return hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, conn->instance->name);
}

static bool is_there(const sqlite_lease *lease, hb_str path) {
    hb_fs_stat info;
    return lease->lock.fs->stat(lease->lock.fs->ctx, path, &info) == HB_FS_OK;
}

/* Says that we wait, or takes it back. */
static void ask(sqlite_lease *lease, bool wanted) {
    if (lease->asked == wanted) return;
    lease->asked = wanted;
    const hb_fs *fs = lease->lock.fs;
    hb_err ignored;     /* without it we only wait longer */
    hb_err_init(&ignored);
    if (wanted) {
        lease->asked =
            hb_fs_write_all(fs, lease->want, lease->lock.owner, false, &ignored) == HB_OK;
    } else {
        fs->remove(fs->ctx, lease->want);
    }
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
    for (sqlite_table *table = conn->tables; table != NULL; table = table->next) {
        sqlite_derived_forget(table);
        table->checked = false;
    }
    return HB_OK;
}

/* ---- taking and giving back -------------------------------------------------------------- */

static hb_status start(sqlite_conn *conn, hb_err *err) {
    sqlite_lease *lease = &conn->lease;
    if (is_there(lease, lease->shm)) {
        return locked(conn, "WAL", "another program holds the database file in WAL mode", err);
    }
    HB_TRY(sqlite_run(conn, "PRAGMA locking_mode=EXCLUSIVE", err));
    HB_TRY(sqlite_run(conn, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL", err));
    return forget_if_changed(conn, err);
}

static hb_status take(sqlite_conn *conn, hb_err *err) {
    sqlite_lease *lease = &conn->lease;
    bool taken;
    HB_TRY(hb_lock_take(&lease->lock, &taken, err));
    if (!taken) {
        ask(lease, true);
        return locked(conn, "HELD", "another process or workspace holds the database file", err);
    }
    ask(lease, false);
    lease->since_ms = lease->beat_ms = now_ms(lease);
    hb_status status = start(conn, err);
    if (status != HB_OK) hb_lock_release(&lease->lock);
    return status;
}

static hb_status keep(sqlite_conn *conn, hb_err *err) {
    sqlite_lease *lease = &conn->lease;
    int64_t now = now_ms(lease);
    bool held = true;
    if (now - lease->beat_ms >= HB_LOCK_BEAT_MS) {
        HB_TRY(hb_lock_beat(&lease->lock, &held, err));
        lease->beat_ms = now;
    }
    if (!held) {
        lease->lost = true;
        return locked(conn, "LOST",
                      "this process was silent for so long that another one took "
                      "the database file over; open the workspace again",
                      err);
    }
    if (conn->in_tx || now - lease->since_ms < TURN_MS) return HB_OK;
    lease->since_ms = now;
    if (!is_there(lease, lease->want)) return HB_OK;
    sqlite_lease_yield(conn);
    if (lease->lock.held) return HB_OK;
    /* Whoever waits takes it while we come back. */
    lease->lock.fs->remove(lease->lock.fs->ctx, lease->want);
    return locked(conn, "HELD", "another process waits for the database file", err);
}

hb_status sqlite_lease_enter(sqlite_conn *conn, hb_err *err) {
    sqlite_lease *lease = &conn->lease;
    if (lease->lock.fs == NULL) return HB_OK;
    if (lease->lost) {
        return locked(conn, "LOST", "another process took the database file over", err);
    }
    return lease->lock.held ? keep(conn, err) : take(conn, err);
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
    if (!lease->lock.held || conn->in_tx || lease->lost) return;
    hb_err ignored;     /* then the file stays ours until the next time */
    hb_err_init(&ignored);
    if (read_version(conn, &lease->version, &ignored) != HB_OK) return;
    if (!fold_log(conn)) return;
    if (sqlite_run(conn, "PRAGMA locking_mode=NORMAL; SELECT count(*) FROM sqlite_schema",
                   &ignored) != HB_OK) {
        return;
    }
    hb_lock_release(&lease->lock);
}

void sqlite_lease_end(sqlite_lease *lease) {
    if (lease->lock.fs == NULL) return;
    ask(lease, false);
    hb_lock_release(&lease->lock);
}
