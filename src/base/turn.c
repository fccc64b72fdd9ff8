// SPDX-License-Identifier: MIT
#include "base/turn.h"

#include <string.h>

static int64_t now_ms(const hb_turn *turn) {
    return turn->clock->now_ms(turn->clock->ctx);
}

static bool somebody_waits(const hb_turn *turn) {
    hb_fs_stat info;
    return turn->lock.fs->stat(turn->lock.fs->ctx, turn->want, &info) == HB_FS_OK;
}

void hb_turn_ask(hb_turn *turn) {
    /* One file serves all who wait: the one of them that got its turn has removed it. */
    if (turn->asked && somebody_waits(turn)) return;
    hb_err ignored;     /* without it we only wait longer */
    hb_err_init(&ignored);
    turn->asked =
        hb_fs_write_all(turn->lock.fs, turn->want, turn->lock.owner, false, &ignored) == HB_OK;
}

static void nobody_waits(hb_turn *turn) {
    turn->lock.fs->remove(turn->lock.fs->ctx, turn->want);
    turn->asked = false;
}

static int64_t grace_ms(const hb_turn *turn) {
    int64_t grace = HB_TURN_GRACE_MS;
    for (uint32_t i = 0; i < turn->missed && grace < HB_TURN_GRACE_MS_MAX; i++) grace *= 2;
    return grace;
}

/* Whoever waits comes first, if it comes: it may have given up, or be dead. */
static bool stand_back(hb_turn *turn) {
    if (turn->asked || turn->lock.held || !turn->had) return false;
    const bool before = turn->stands_back;
    turn->stands_back = somebody_waits(turn);
    if (before && !turn->stands_back) turn->missed = 0;     /* it came */
    if (!turn->stands_back) return false;
    const int64_t now = now_ms(turn);
    if (!before) turn->stood_back_ms = now;
    if (now - turn->stood_back_ms < grace_ms(turn)) return true;
    turn->stands_back = false;
    turn->missed++;
    turn->missed_ms = now;
    nobody_waits(turn);
    return false;
}

hb_status hb_turn_take(hb_turn *turn, bool *taken, hb_err *err) {
    *taken = false;
    if (stand_back(turn)) return HB_OK;
    HB_TRY(hb_lock_take(&turn->lock, taken, err));
    if (!*taken) {
        turn->missed = 0;   /* another one has it: it passes on */
        hb_turn_ask(turn);
        return HB_OK;
    }
    nobody_waits(turn);     /* another one that does says so again */
    turn->had = true;
    turn->since_ms = turn->beat_ms = now_ms(turn);
    return HB_OK;
}

void hb_turn_end(hb_turn *turn) {
    if (turn->had && !turn->asked) nobody_waits(turn);
    hb_lock_release(&turn->lock);
}

hb_status hb_turn_beat(hb_turn *turn, bool *held, hb_err *err) {
    *held = turn->lock.held;
    if (!*held) return HB_OK;
    int64_t now = now_ms(turn);
    if (now - turn->beat_ms < HB_LOCK_BEAT_MS) return HB_OK;
    HB_TRY(hb_lock_beat(&turn->lock, held, err));
    turn->beat_ms = now;
    return HB_OK;
}

hb_status hb_turn_check(hb_turn *turn, bool *held, hb_err *err) {
    HB_TRY(hb_turn_beat(turn, held, err));
    return *held ? hb_lock_check(&turn->lock, held, err) : HB_OK;
}

bool hb_turn_is_over(hb_turn *turn) {
    int64_t now = now_ms(turn);
    if (now - turn->since_ms < HB_TURN_MS) return false;
    turn->since_ms = now;
    const bool is_over = somebody_waits(turn);
    /* Longer than the slowest may pause: whoever asked then is gone. */
    if (!is_over && now - turn->missed_ms > 4 * HB_TURN_GRACE_MS_MAX) turn->missed = 0;
    return is_over;
}

void hb_turn_extend(hb_turn *turn) {
    if (turn->lock.held) turn->since_ms = now_ms(turn);
}

hb_status hb_turn_refuse(const char *engine, hb_str instance, const char *native, const char *text,
                         hb_err *err) {
    hb_err_set(err, HB_E_LOCKED, "%s: %s", engine, text);
    if (err != NULL) strncpy(err->native, native, sizeof(err->native) - 1);
    return hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, instance);
}
