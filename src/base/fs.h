// SPDX-License-Identifier: MIT
/* The file seam: everything that the core does with files goes through one const table, given when
 * a workspace is opened. So a host without files gives none, and a test gives one that fails, stops
 * or records.
 *
 * Paths are UTF-8, parts joined by '/', absolute or relative to what the host takes as its working
 * folder; a backslash is an ordinary character. Operations answer an hb_fs_code: callers act
 * on "missing" and "exists". hb_fs_fail makes an error record of the others. */
#ifndef HB_BASE_FS_H
#define HB_BASE_FS_H

#include "base/buf.h"

/* name, errno's name (err.native), what an error says about the path */
#define HB_FS_CODE_LIST(X)                                                            \
    X(OK, "", "there is no error")                                                    \
    X(MISSING, "ENOENT", "there is no such file or folder")                           \
    X(EXISTS, "EEXIST", "it exists already")                                          \
    X(REFUSED, "EACCES", "permission is denied")                                      \
    X(OUTSIDE, "ENOTCAPABLE", "it lies in no folder that was given to this module")   \
    X(FULL, "ENOSPC", "no space is left")                                             \
    X(BUSY, "EBUSY", "it is in use")                                                  \
    X(NOT_EMPTY, "ENOTEMPTY", "the folder is not empty")                              \
    X(NOT_FOLDER, "ENOTDIR", "a part of the path is a file, not a folder")            \
    X(IS_FOLDER, "EISDIR", "it is a folder, not a file")                              \
    X(TOO_LONG, "ENAMETOOLONG", "the path is too long")                               \
    X(MANY_OPEN, "EMFILE", "too many files are open")                                 \
    X(INVALID, "EINVAL", "the path is malformed")                                     \
    X(READ_ONLY, "EROFS", "the file system is read-only")                             \
    X(IO, "EIO", "the device failed")

typedef enum hb_fs_code {
#define X(name, native, text) HB_FS_##name,
    HB_FS_CODE_LIST(X)
#undef X
    HB_FS_CODE_COUNT
} hb_fs_code;

typedef enum hb_fs_how {
    HB_FS_READ,         /* an existing file, to read */
    HB_FS_WRITE,        /* to write from the start: made, or emptied (mode 0600 when made) */
    HB_FS_CREATE,       /* to write; EXISTS when there is one: test and making are one step */
    HB_FS_UPDATE        /* an existing file, to write or to sync: nothing is emptied */
} hb_fs_how;

typedef struct hb_fs_stat {
    bool folder;
    uint64_t size;          /* bytes; 0 for a folder */
    int64_t modified_ns;    /* since 1970 */
} hb_fs_stat;

/* Called per entry of a folder, in no order, without "." and ".."; false stops the listing. `name`
 * is borrowed for the call. */
typedef bool hb_fs_visit(void *arg, hb_str name);

typedef struct hb_fs {
    void *ctx;              /* first argument of every function */
    hb_fs_code (*open)(void *ctx, hb_str path, hb_fs_how how, int32_t *file);
    /* Up to `len` bytes from where the last read ended; *got 0: the end. */
    hb_fs_code (*read)(void *ctx, int32_t file, void *bytes, uint32_t len, uint32_t *got);
    /* All of `len`; after a failure some of it may be there. */
    hb_fs_code (*write)(void *ctx, int32_t file, const void *bytes, uint32_t len);
    /* What was written survives a power cut once it returns. */
    hb_fs_code (*sync)(void *ctx, int32_t file);
    hb_fs_code (*close)(void *ctx, int32_t file);
    /* In one step; replaces a file at `to`. */
    hb_fs_code (*rename)(void *ctx, hb_str from, hb_str to);
    hb_fs_code (*remove)(void *ctx, hb_str path);               /* a file */
    hb_fs_code (*remove_folder)(void *ctx, hb_str path);        /* an empty one */
    hb_fs_code (*make_folder)(void *ctx, hb_str path);          /* its parent must exist */
    /* The folder's entries survive a power cut; OK where the host cannot promise that. */
    hb_fs_code (*sync_folder)(void *ctx, hb_str path);
    hb_fs_code (*list)(void *ctx, hb_str path, hb_fs_visit *visit, void *arg);
    hb_fs_code (*stat)(void *ctx, hb_str path, hb_fs_stat *out);
} hb_fs;

/* The C library's files: natively, on WASI (the folders given to the module) and on Emscripten's
 * file system. Not referenced by a build without files. */
const hb_fs *hb_fs_posix(void);

/* "cannot <doing> '<path>': <why>"; err->native says which code. UNAVAILABLE for MISSING, OUTSIDE,
 * NOT_FOLDER and IS_FOLDER; REFUSED for itself and READ_ONLY; INVALID_ID for INVALID and TOO_LONG;
 * else BACKEND. OK for HB_FS_OK. */
hb_status hb_fs_fail(hb_fs_code code, const char *doing, hb_str path, hb_err *err);
/* UNAVAILABLE when the host gave no files. */
hb_status hb_fs_require(const hb_fs *fs, hb_err *err);

/* Appends the whole file; LIMIT beyond `max` bytes. *found false when there is none: that is no
 * error. */
hb_status hb_fs_read_all(const hb_fs *fs, hb_str path, uint32_t max, hb_buf *out, bool *found,
                         hb_err *err);
/* Writes a file (made or emptied) and, where `sync`, waits until the device has it. */
hb_status hb_fs_write_all(const hb_fs *fs, hb_str path, hb_str bytes, bool sync, hb_err *err);
/* What was written to an existing file survives a power cut once it returns. */
hb_status hb_fs_sync_file(const hb_fs *fs, hb_str path, hb_err *err);
/* Makes a folder and the missing ones above it. */
hb_status hb_fs_make_folders(const hb_fs *fs, hb_str path, hb_err *err);
/* The names in a folder, sorted by bytes, in the arena; none when there is no such folder. */
hb_status hb_fs_names(const hb_fs *fs, hb_str path, hb_arena *arena, hb_str **names,
                      uint32_t *count, hb_err *err);
/* Deletes a file, or a folder with everything in it; fine when there is none. */
hb_status hb_fs_remove_tree(const hb_fs *fs, const hb_mem *mem, hb_str path, hb_err *err);
/* "<folder>/<name>" in the arena; .ptr NULL on failure. An empty folder gives the name. */
hb_str hb_fs_join(hb_arena *arena, hb_str folder, hb_str name);

#endif
