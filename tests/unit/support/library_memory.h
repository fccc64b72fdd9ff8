// SPDX-License-Identifier: MIT
/* The allocations of SQLite and of cJSON, which do not go through hb_mem: counted by a `faulty` and refused when it
 * says so. */
#ifndef HB_TESTS_UNIT_SUPPORT_LIBRARY_MEMORY_H
#define HB_TESTS_UNIT_SUPPORT_LIBRARY_MEMORY_H

#include "tests/unit/support/scene.h"

typedef enum faulty_part { FAULTY_CORE, FAULTY_SQLITE, FAULTY_CJSON, FAULTY_PARTS } faulty_part;

/* Nothing of SQLite is open; nothing of cJSON is allocated by other means before and after. */
void library_memory_start(void);
void library_memory_stop(void);
/* From now on the one library's allocations are those of `f`; CORE, or f NULL: nobody's. */
void library_memory_watch(faulty *f, faulty_part part);

#endif
