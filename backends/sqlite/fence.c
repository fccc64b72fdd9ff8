// SPDX-License-Identifier: MIT
/* A SQLite VFS around the host's, one per connection that takes turns (lease.h): before anything is
 * written it makes sure that the file is still ours.
 *
 * A process can be stopped anywhere, in the middle of a COMMIT too, and by the time it goes on
 * another one may have taken the file over. What it had written until then is whole or is thrown
 * away by whoever recovered the log; what it would write now would destroy the other's rows. A
 * stopped process has missed its heartbeat, which is what is looked for: a look at the clock, and
 * the lock itself when the last heartbeat is old. The same looks keep the lock alive while a
 * statement works for long. */
#include "backends/sqlite/fence.h"

#include <stdio.h>

#include "backends/sqlite/sqlite_priv.h"

typedef struct fence_file {
    sqlite3_file base;
    sqlite_conn *conn; /* NULL: a temporary file, which is nobody else's */
    sqlite3_file *inner; /* the host's, behind this one */
} fence_file;

static sqlite3_file *inner_of(sqlite3_file *file) {
    return ((fence_file *)file)->inner;
}

static sqlite3_vfs *host_of(sqlite3_vfs *vfs) {
    return ((sqlite_conn *)vfs->pAppData)->fence.host;
}

bool sqlite_fence_passes(sqlite_conn *conn) {
    hb_turn *turn = &conn->lease.turn;
    if (turn->lock.fs == NULL) return true;
    if (conn->lease.lost) return false;
    hb_err ignored; /* a lock that cannot be read is no lock */
    hb_err_init(&ignored);
    const bool was_held = turn->lock.held;
    bool held;
    hb_status status = hb_turn_beat(turn, &held, &ignored);
    if (status == HB_OK && was_held && !held) conn->lease.lost = true;
    return status == HB_OK && held;
}

static bool may_write(sqlite3_file *file) {
    const fence_file *fence = (const fence_file *)file;
    return fence->conn == NULL || sqlite_fence_passes(fence->conn);
}

/* ---- files ----------------------------------------------------------------------------------- */

static int file_close(sqlite3_file *file) {
    return inner_of(file)->pMethods->xClose(inner_of(file));
}

static int file_read(sqlite3_file *file, void *bytes, int len, sqlite3_int64 at) {
    const fence_file *fence = (const fence_file *)file;
    /* A heartbeat, where one is due. Pages of a lost file are of no use. */
    const sqlite_lease *lease = fence->conn != NULL ? &fence->conn->lease : NULL;
    if (lease != NULL && (lease->lost || lease->turn.lock.held) &&
        !sqlite_fence_passes(fence->conn)) {
        return SQLITE_IOERR_READ;
    }
    return inner_of(file)->pMethods->xRead(inner_of(file), bytes, len, at);
}

static int file_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at) {
    if (!may_write(file)) return SQLITE_IOERR_WRITE;
    return inner_of(file)->pMethods->xWrite(inner_of(file), bytes, len, at);
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size) {
    if (!may_write(file)) return SQLITE_IOERR_TRUNCATE;
    return inner_of(file)->pMethods->xTruncate(inner_of(file), size);
}

static int file_sync(sqlite3_file *file, int flags) {
    return inner_of(file)->pMethods->xSync(inner_of(file), flags);
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size) {
    return inner_of(file)->pMethods->xFileSize(inner_of(file), size);
}

static int file_lock(sqlite3_file *file, int level) {
    return inner_of(file)->pMethods->xLock(inner_of(file), level);
}

static int file_unlock(sqlite3_file *file, int level) {
    return inner_of(file)->pMethods->xUnlock(inner_of(file), level);
}

static int file_check_lock(sqlite3_file *file, int *out) {
    return inner_of(file)->pMethods->xCheckReservedLock(inner_of(file), out);
}

static int file_control(sqlite3_file *file, int op, void *arg) {
    return inner_of(file)->pMethods->xFileControl(inner_of(file), op, arg);
}

static int file_sector_size(sqlite3_file *file) {
    return inner_of(file)->pMethods->xSectorSize(inner_of(file));
}

static int file_characteristics(sqlite3_file *file) {
    return inner_of(file)->pMethods->xDeviceCharacteristics(inner_of(file));
}

/* Version 1: a log without shared memory, as the connection works exclusively. */
static const sqlite3_io_methods file_methods = {
    .iVersion = 1,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_lock,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_characteristics,
};

/* ---- the file system ------------------------------------------------------------------------- */

static int fence_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags,
                      int *out_flags) {
    fence_file *fence = (fence_file *)file;
    *fence = (fence_file){ .inner = (sqlite3_file *)(fence + 1) };
    if (name != NULL) fence->conn = vfs->pAppData;
    memset(fence->inner, 0, sizeof(*fence->inner));
    int rc = host_of(vfs)->xOpen(host_of(vfs), name, fence->inner, flags, out_flags);
    if (rc == SQLITE_OK) {
        fence->base.pMethods = &file_methods;
    } else if (fence->inner->pMethods != NULL) {
        fence->inner->pMethods->xClose(fence->inner);
    }
    return rc;
}

static int fence_delete(sqlite3_vfs *vfs, const char *name, int sync_folder) {
    if (!sqlite_fence_passes(vfs->pAppData)) return SQLITE_IOERR_DELETE;
    return host_of(vfs)->xDelete(host_of(vfs), name, sync_folder);
}

static int fence_access(sqlite3_vfs *vfs, const char *name, int flags, int *out) {
    return host_of(vfs)->xAccess(host_of(vfs), name, flags, out);
}

static int fence_full_path(sqlite3_vfs *vfs, const char *name, int len, char *out) {
    return host_of(vfs)->xFullPathname(host_of(vfs), name, len, out);
}

static int fence_randomness(sqlite3_vfs *vfs, int len, char *out) {
    return host_of(vfs)->xRandomness(host_of(vfs), len, out);
}

static int fence_sleep(sqlite3_vfs *vfs, int micros) {
    return host_of(vfs)->xSleep(host_of(vfs), micros);
}

static int fence_time(sqlite3_vfs *vfs, double *out) {
    return host_of(vfs)->xCurrentTime(host_of(vfs), out);
}

static int fence_last_error(sqlite3_vfs *vfs, int len, char *out) {
    return host_of(vfs)->xGetLastError(host_of(vfs), len, out);
}

const char *sqlite_fence_raise(sqlite_conn *conn, const char *host_name) {
    sqlite_fence *fence = &conn->fence;
    fence->host = sqlite3_vfs_find(host_name);
    if (fence->host == NULL) return host_name; /* opening will say so */
    int len =
        snprintf(fence->name, sizeof(fence->name), "hb-%llx", (unsigned long long)(uintptr_t)conn);
    HB_ASSERT(len > 0 && (size_t)len < sizeof(fence->name));
    fence->vfs = (sqlite3_vfs){
        .iVersion = 1,
        .szOsFile = (int)sizeof(fence_file) + fence->host->szOsFile,
        .mxPathname = fence->host->mxPathname,
        .zName = fence->name,
        .pAppData = conn,
        .xOpen = fence_open,
        .xDelete = fence_delete,
        .xAccess = fence_access,
        .xFullPathname = fence_full_path,
        .xRandomness = fence_randomness,
        .xSleep = fence_sleep,
        .xCurrentTime = fence_time,
        .xGetLastError = fence_last_error,
    };
    sqlite3_vfs_register(&fence->vfs, 0);
    fence->raised = true;
    return fence->name;
}

void sqlite_fence_lower(sqlite_conn *conn) {
    if (conn->fence.raised) sqlite3_vfs_unregister(&conn->fence.vfs);
    conn->fence.raised = false;
}
