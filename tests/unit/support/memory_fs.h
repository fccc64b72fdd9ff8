// SPDX-License-Identifier: MIT
/* Files in memory behind the seam of base/fs.h, for tests: they count the operations, fail the nth one, or stop for
 * good there as a killed process does. What a kill leaves behind is the state at that moment; `power_cut` also takes
 * away the bytes that were not synced. */
#ifndef HB_TESTS_UNIT_SUPPORT_MEMORY_FS_H
#define HB_TESTS_UNIT_SUPPORT_MEMORY_FS_H

#include "base/fs.h"

typedef struct memory_node memory_node;
typedef struct memory_file {
    memory_node *node;          /* NULL: not open */
    uint32_t at;
    bool writes, updates;
} memory_file;

typedef struct memory_fs {
    hb_fs fs;                   /* give &x.fs; its ctx is this */
    memory_node *nodes;
    memory_file files[64];
    uint64_t operations;        /* since memory_fs_init or memory_fs_fail_at */
    uint64_t fail_at;           /* 1: the next; 0: none */
    hb_fs_code fail_code;
    bool dead;                  /* killed: every operation fails */
    bool kill;                  /* the failing operation is the last one */
    bool failed;                /* it was reached */
    int64_t tick;               /* modification times */
    void (*hook)(void *arg);    /* called once, right before operation `hook_at` (1: the next) */
    void *hook_arg;
    uint64_t hook_at;           /* counts down; 0: none */
} memory_fs;

void memory_fs_init(memory_fs *m);
void memory_fs_free(memory_fs *m);
/* The nth operation from now fails with `code`; a failing write has written half. `kill`: and all after it. */
void memory_fs_fail_at(memory_fs *m, uint64_t nth, hb_fs_code code, bool kill);
/* A new process on the same files: open files are closed, nothing fails. */
void memory_fs_restart(memory_fs *m);
/* Like restart, after bytes that were never synced are lost (files keep their names). */
void memory_fs_power_cut(memory_fs *m);
/* Like power_cut, but of the bytes that were not synced each sector of 512 came through or did not, by `seed`. */
void memory_fs_power_cut_torn(memory_fs *m, uint32_t seed);
/* Makes `to`, which is not initialised, a disk with the same files; nothing is open there. */
void memory_fs_copy(const memory_fs *from, memory_fs *to);
/* The bytes of a file, or .ptr NULL; borrowed until the next operation. */
hb_str memory_fs_bytes(const memory_fs *m, const char *path);
/* Makes or replaces a file and the folders above it, not counted. */
void memory_fs_put(memory_fs *m, const char *path, hb_str bytes);
void memory_fs_drop(memory_fs *m, const char *path);
/* How many files lie at or below `path`. */
uint32_t memory_fs_count(const memory_fs *m, const char *path);
/* The path of the nth file at or below `path` (sorted by bytes), or "". */
const char *memory_fs_path(const memory_fs *m, const char *path, uint32_t nth);

/* ---- for another seam over the same files (memory_vfs.h) ------------------------------------- */

/* Counts an operation; false: it fails. */
bool memory_fs_step(memory_fs *m);
/* A file; made when it is missing and `make`. NULL: none, or a folder. */
memory_node *memory_node_find(memory_fs *m, const char *path, bool make);
void memory_node_hold(memory_node *node);
void memory_node_let_go(memory_node *node);
/* Zeros beyond the end; gives how many bytes were there. */
uint32_t memory_node_read(const memory_node *node, uint64_t at, void *bytes, uint32_t len);
void memory_node_write(memory_fs *m, memory_node *node, uint64_t at, const void *bytes, uint32_t len);
void memory_node_cut(memory_fs *m, memory_node *node, uint64_t len);
uint64_t memory_node_len(const memory_node *node);
void memory_node_sync(memory_node *node);

#endif
