// SPDX-License-Identifier: MIT
/* What a host lends to a workspace beside its options; it outlives the workspace. A member that is
 * NULL is a thing that the host does not have. */
#ifndef HB_BASE_HOST_H
#define HB_BASE_HOST_H

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"

typedef struct hb_host {
    const hb_mem *mem;      /* never NULL */
    const hb_fs *fs;        /* NULL: no files */
    const hb_clock *clock;  /* NULL: calls have no deadline */
} hb_host;

#endif
