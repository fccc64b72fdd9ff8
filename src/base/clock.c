// SPDX-License-Identifier: MIT
#include "base/clock.h"

static int64_t deadline_now(const hb_deadline *deadline) {
    return deadline->clock->now_ms(deadline->clock->ctx);
}

hb_deadline hb_deadline_in(const hb_clock *clock, uint32_t timeout_ms) {
    hb_deadline deadline = { NULL, 0, 0 };
    if (clock == NULL || timeout_ms == 0) return deadline;
    deadline.clock = clock;
    deadline.timeout_ms = timeout_ms;
    deadline.at_ms = deadline_now(&deadline) + timeout_ms;
    return deadline;
}

bool hb_deadline_has_passed(const hb_deadline *deadline) {
    return deadline->clock != NULL && deadline_now(deadline) >= deadline->at_ms;
}

uint32_t hb_deadline_left_ms(const hb_deadline *deadline) {
    if (deadline->clock == NULL) return 0;
    int64_t left = deadline->at_ms - deadline_now(deadline);
    if (left < 1) return 1;
    return left < deadline->timeout_ms ? (uint32_t)left : deadline->timeout_ms;
}

hb_status hb_deadline_check(const hb_deadline *deadline, hb_err *err) {
    if (!hb_deadline_has_passed(deadline)) return HB_OK;
    return hb_err_set(err, HB_E_TIMEOUT, "no answer within %u ms", (unsigned)deadline->timeout_ms);
}
