// SPDX-License-Identifier: MIT
#include "base/status.h"

#include <stddef.h>

static const struct {
    hb_status status;
    const char *name;
    const char *text;
} statuses[] = {
#define X(name, value, text) { HB_E_##name, #name, text },
    HB_STATUS_LIST(X)
#undef X
};

/* The list is dense and in order, so a status is its own index. */
_Static_assert(sizeof(statuses) / sizeof(statuses[0]) == HB_STATUS_COUNT, "dense values");

const char *hb_status_name(hb_status status) {
    return (unsigned)status < (unsigned)HB_STATUS_COUNT ? statuses[status].name : "UNKNOWN";
}

const char *hb_status_text(hb_status status) {
    return (unsigned)status < (unsigned)HB_STATUS_COUNT ? statuses[status].text : "unknown status";
}
