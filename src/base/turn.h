// SPDX-License-Identifier: MIT
/* Turns of several processes at one thing that is kept in files: a lock (lock.h) that is held for a
 * burst of work, and a file by which another process says that it waits. A busy owner looks for it
 * every HB_TURN_MS and gives the lock back. Whoever had it stays out while that file is there, so
 * that the one that waits, which only looks now and then, meets a lock that is free; after
 * HB_TURN_GRACE_MS nobody seems to come for it, and the file goes. It outlives an attempt to open,
 * since the next attempt knows nothing of that one.
 *
 * Whoever asks again after that lives, and is slow: it might miss that time always. Each time that
 * nobody came is followed by one twice as long, so that after a few turns it is longer than any
 * pause; it is as short as before once the lock has passed on. */
#ifndef HB_BASE_TURN_H
#define HB_BASE_TURN_H

#include "base/clock.h"
#include "base/lock.h"

#define HB_TURN_MS 200
#define HB_TURN_GRACE_MS 500    /* longer than a host pauses between two attempts, if it is slow */
#define HB_TURN_GRACE_MS_MAX 4000

typedef struct hb_turn {
    hb_lock lock;               /* .fs NULL: no turns are needed */
    const hb_clock *clock;
    hb_str want;                /* path of the file; borrowed */
    int64_t since_ms, beat_ms;
    int64_t stood_back_ms;      /* since when, while stands_back */
    int64_t missed_ms;          /* when it last stood back in vain */
    uint32_t missed;            /* how often, since the lock last passed on */
    bool stands_back;           /* for another one that waits */
    bool had;                   /* the lock, at some time */
    bool asked;                 /* we wait: `want` is ours as well */
} hb_turn;

/* *taken false: somebody living has it, and now knows that we wait; or it is free, and another one
 * has waited for longer than we. */
hb_status hb_turn_take(hb_turn *turn, bool *taken, hb_err *err);
/* Says that we wait. Without the file we only wait longer. */
void hb_turn_ask(hb_turn *turn);
/* Renews the heartbeat when the last is old; *held false: we do not have it, or not any more. */
hb_status hb_turn_beat(hb_turn *turn, bool *held, hb_err *err);
/* The same, and looks even if the last heartbeat is fresh: to be asked before something counts. */
hb_status hb_turn_check(hb_turn *turn, bool *held, hb_err *err);
/* Has it lasted HB_TURN_MS while another process waits? Looks at most once in that time. */
bool hb_turn_is_over(hb_turn *turn);
/* Gives the lock back for good. */
void hb_turn_end(hb_turn *turn);
/* Counts from now on again. */
void hb_turn_extend(hb_turn *turn);
/* LOCKED: "<engine>: <text>", with `native` ("HELD", "LOST", ...) and the instance as backend. */
hb_status hb_turn_refuse(const char *engine, hb_str instance, const char *native, const char *text,
                         hb_err *err);

#endif
