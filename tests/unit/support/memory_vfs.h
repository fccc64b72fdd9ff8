// SPDX-License-Identifier: MIT
/* SQLite's seam over the files of a memory_fs: its operations are counted together with those of the seam of base/fs.h,
 * fail and stop at the same places, and lose in a power cut what was not synced. A database option `"vfs":"hb-memory"`
 * chooses it. One disk at a time. */
#ifndef HB_TESTS_UNIT_SUPPORT_MEMORY_VFS_H
#define HB_TESTS_UNIT_SUPPORT_MEMORY_VFS_H

#include "tests/unit/support/memory_fs.h"

/* Connections opened from now on lie on `disk`; NULL takes the VFS away again. */
void memory_vfs_use(memory_fs *disk);

#endif
