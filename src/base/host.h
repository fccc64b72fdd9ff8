// SPDX-License-Identifier: MIT
/* What a host lends to a workspace beside its options; it outlives the workspace. A member that is
 * NULL is a thing that the host does not have. */
#ifndef HB_BASE_HOST_H
#define HB_BASE_HOST_H

#include "base/fs.h"
#include "base/mem.h"

typedef struct hb_host {
    const hb_mem *mem;      /* never NULL */
    const hb_fs *fs;        /* NULL: no files */
} hb_host;

#endif
