// SPDX-License-Identifier: MIT
/* A lock between processes: a folder "<path>" that holds one file, named by the owner's token. It
 * is made whole under another name and moved into place, which fails while a living one is there;
 * so owner and lock appear in one step. The file's modification time is the heartbeat. A lock whose
 * heartbeat is older than HB_LOCK_STALE_MS (by the clock of the same file system) belongs to a dead
 * process: it is moved to a name made of its token. That name is taken once, so of two processes
 * that find the same dead lock one wins, and the other cannot move the winner's.
 *
 * An owner that only slept finds its own file gone. All that it does to the lock goes by that
 * file's name, so that it never renews or removes the lock of whoever came after it. */
#ifndef HB_BASE_LOCK_H
#define HB_BASE_LOCK_H

#include "base/fs.h"

#define HB_LOCK_STALE_MS 8000       /* without heartbeat for so long: dead */
#define HB_LOCK_BEAT_MS 1000        /* beat when the last one is older */

typedef struct hb_lock {
    const hb_fs *fs;
    const hb_mem *mem;
    hb_str path;                /* borrowed, as is owner */
    hb_str owner;               /* differs between processes and workspaces */
    uint32_t taken;             /* how often: makes tokens of one owner differ */
    bool held;
} hb_lock;

/* *taken false: somebody living has it. VALIDATION when that is the same owner by another lock: it
 * would wait for itself. */
hb_status hb_lock_take(hb_lock *lock, bool *taken, hb_err *err);
/* Renews the heartbeat of a lock that is held; *held false: another process has taken it over. */
hb_status hb_lock_beat(hb_lock *lock, bool *held, hb_err *err);
/* Whether a lock that is held still is: one look, without a heartbeat; to be asked where something
 * is about to count. */
hb_status hb_lock_check(hb_lock *lock, bool *held, hb_err *err);
/* Gives it back; nothing when it is not held. */
void hb_lock_release(hb_lock *lock);

#endif
