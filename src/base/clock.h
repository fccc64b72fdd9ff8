// SPDX-License-Identifier: MIT
/* Deadlines. The core has no clock: the host gives one with each call that may not last for ever,
 * and whoever works for long asks whether the call's deadline has passed. */
#ifndef HB_BASE_CLOCK_H
#define HB_BASE_CLOCK_H

#include "base/err.h"

/* The host's clock: whole milliseconds from any origin; it never goes back. */
typedef struct hb_clock {
    int64_t (*now_ms)(void *ctx);
    void *ctx;
} hb_clock;

/* All zero: never. Copies are free; the clock is borrowed. */
typedef struct hb_deadline {
    const hb_clock *clock;
    int64_t at_ms;              /* on that clock */
    uint32_t timeout_ms;        /* what it was set to, for messages */
} hb_deadline;

/* `timeout_ms` from now on; never when it is 0 or `clock` is NULL. */
hb_deadline hb_deadline_in(const hb_clock *clock, uint32_t timeout_ms);
bool hb_deadline_has_passed(const hb_deadline *deadline);
/* Milliseconds that are left, at least 1; 0: there is no deadline. */
uint32_t hb_deadline_left_ms(const hb_deadline *deadline);
/* HB_E_TIMEOUT with a message once the deadline has passed, else HB_OK. */
hb_status hb_deadline_check(const hb_deadline *deadline, hb_err *err);

#endif
