// SPDX-License-Identifier: MIT
/* Turns of several processes at one thing that is kept in files: a lock (lock.h) that is held for a
 * burst of work, and a file by which another process says that it waits. A busy owner looks for it
 * every HB_TURN_MS and lets the other in. */
#ifndef HB_BASE_TURN_H
#define HB_BASE_TURN_H

#include "base/clock.h"
#include "base/lock.h"

#define HB_TURN_MS 200

typedef struct hb_turn {
    hb_lock lock;               /* .fs NULL: no turns are needed */
    const hb_clock *clock;
    hb_str want;                /* path of the file; borrowed */
    int64_t since_ms, beat_ms;
    bool asked;                 /* our own `want` lies there */
} hb_turn;

/* *taken false: somebody living has it, and now knows that we wait. */
hb_status hb_turn_take(hb_turn *turn, bool *taken, hb_err *err);
/* Says that we wait, or takes it back. Without the file we only wait longer. */
void hb_turn_ask(hb_turn *turn, bool wanted);
/* Renews the heartbeat when the last is old; *held false: we do not have it, or not any more. */
hb_status hb_turn_beat(hb_turn *turn, bool *held, hb_err *err);
/* The same, and looks even if the last heartbeat is fresh: to be asked before something counts. */
hb_status hb_turn_check(hb_turn *turn, bool *held, hb_err *err);
/* Has it lasted HB_TURN_MS while another process waits? Looks at most once in that time. */
bool hb_turn_is_over(hb_turn *turn);
/* After the lock was given back: whoever waits takes it while we come back. */
void hb_turn_pass(hb_turn *turn);
/* Counts from now on again. */
void hb_turn_extend(hb_turn *turn);
/* LOCKED: "<engine>: <text>", with `native` ("HELD", "LOST", ...) and the instance as backend. */
hb_status hb_turn_refuse(const char *engine, hb_str instance, const char *native, const char *text,
                         hb_err *err);

#endif
