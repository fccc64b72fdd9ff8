// SPDX-License-Identifier: MIT
#include "tests/unit/support/memory_vfs.h"

#include <sqlite3.h>

#define SECTOR 512

typedef struct vfs_file {
    sqlite3_file base;
    memory_fs *disk;
    memory_node *node;
} vfs_file;

/* What a failing operation answers: no space where writing needs some, else the device. */
static int failed(const memory_fs *disk, bool writes, int io_code) {
    return writes && disk->fail_code == HB_FS_FULL ? SQLITE_FULL : io_code;
}

static int file_close(sqlite3_file *base) {
    vfs_file *file = (vfs_file *)base;
    memory_node_let_go(file->node);
    return memory_fs_step(file->disk) ? SQLITE_OK : SQLITE_IOERR_CLOSE;
}

static int file_read(sqlite3_file *base, void *bytes, int len, sqlite3_int64 at) {
    const vfs_file *file = (vfs_file *)base;
    if (!memory_fs_step(file->disk)) return SQLITE_IOERR_READ;
    const uint32_t got = memory_node_read(file->node, (uint64_t)at, bytes, (uint32_t)len);
    return got == (uint32_t)len ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

/* A write that fails has written half. */
static int file_write(sqlite3_file *base, const void *bytes, int len, sqlite3_int64 at) {
    const vfs_file *file = (vfs_file *)base;
    const bool was_dead = file->disk->dead, done = memory_fs_step(file->disk);
    if (!was_dead) memory_node_write(file->disk, file->node, (uint64_t)at, bytes, (uint32_t)(done ? len : len / 2));
    return done ? SQLITE_OK : failed(file->disk, true, SQLITE_IOERR_WRITE);
}

static int file_cut(sqlite3_file *base, sqlite3_int64 len) {
    const vfs_file *file = (vfs_file *)base;
    if (!memory_fs_step(file->disk)) return SQLITE_IOERR_TRUNCATE;
    memory_node_cut(file->disk, file->node, (uint64_t)len);
    return SQLITE_OK;
}

static int file_sync(sqlite3_file *base, int flags) {
    const vfs_file *file = (vfs_file *)base;
    (void)flags;
    if (!memory_fs_step(file->disk)) return failed(file->disk, true, SQLITE_IOERR_FSYNC);
    memory_node_sync(file->node);
    return SQLITE_OK;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *out) {
    const vfs_file *file = (vfs_file *)base;
    if (!memory_fs_step(file->disk)) return SQLITE_IOERR_FSTAT;
    *out = (sqlite3_int64)memory_node_len(file->node);
    return SQLITE_OK;
}

static int file_lock(sqlite3_file *base, int how) {
    (void)base;
    (void)how;
    return SQLITE_OK;
}

static int file_is_reserved(sqlite3_file *base, int *out) {
    (void)base;
    *out = 0;
    return SQLITE_OK;
}

static int file_control(sqlite3_file *base, int op, void *arg) {
    (void)base;
    (void)op;
    (void)arg;
    return SQLITE_NOTFOUND;
}

static int file_sector(sqlite3_file *base) {
    (void)base;
    return SECTOR;
}

static int file_is(sqlite3_file *base) {
    (void)base;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static const sqlite3_io_methods file_methods = {
    .iVersion = 1,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_cut,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_lock,
    .xCheckReservedLock = file_is_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_is,
};

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *base, int flags, int *out_flags) {
    memory_fs *disk = vfs->pAppData;
    vfs_file *file = (vfs_file *)base;
    base->pMethods = NULL;
    if (!memory_fs_step(disk)) return SQLITE_CANTOPEN;
    memory_node *node = memory_node_find(disk, path != NULL ? path : "temporary", (flags & SQLITE_OPEN_CREATE) != 0);
    if (node == NULL) return SQLITE_CANTOPEN;
    memory_node_hold(node);
    *file = (vfs_file){ .base = { &file_methods }, .disk = disk, .node = node };
    if (out_flags != NULL) *out_flags = flags;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync_folder) {
    memory_fs *disk = vfs->pAppData;
    (void)sync_folder;
    if (!memory_fs_step(disk)) return SQLITE_IOERR_DELETE;
    if (memory_node_find(disk, path, false) == NULL) return SQLITE_IOERR_DELETE_NOENT;
    memory_fs_drop(disk, path);
    return SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int how, int *out) {
    memory_fs *disk = vfs->pAppData;
    if (!memory_fs_step(disk)) return SQLITE_IOERR_ACCESS;
    const memory_node *node = memory_node_find(disk, path, false);
    *out = node != NULL && (how != SQLITE_ACCESS_EXISTS || memory_node_len(node) > 0);
    return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *path, int cap, char *out) {
    (void)vfs;
    sqlite3_snprintf(cap, out, "%s", path);
    return SQLITE_OK;
}

static int vfs_random(sqlite3_vfs *vfs, int len, char *out) {
    const memory_fs *disk = vfs->pAppData;
    for (int i = 0; i < len; i++) out[i] = (char)(i * 37 + disk->tick * 101);
    return len;
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds) {
    (void)vfs;
    return microseconds;
}

static int vfs_now(sqlite3_vfs *vfs, double *out) {
    (void)vfs;
    *out = 2460000.5;
    return SQLITE_OK;
}

static int vfs_last_error(sqlite3_vfs *vfs, int len, char *out) {
    (void)vfs;
    if (len > 0) out[0] = '\0';
    return 0;
}

void memory_vfs_use(memory_fs *disk) {
    static sqlite3_vfs vfs = {
        .iVersion = 1,
        .szOsFile = sizeof(vfs_file),
        .mxPathname = 512,
        .zName = "hb-memory",
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_path,
        .xRandomness = vfs_random,
        .xSleep = vfs_sleep,
        .xCurrentTime = vfs_now,
        .xGetLastError = vfs_last_error,
    };
    vfs.pAppData = disk;
    if (disk != NULL) sqlite3_vfs_register(&vfs, 0);
    else sqlite3_vfs_unregister(&vfs);
}
