// SPDX-License-Identifier: MIT
/* One of several processes with the entity "my-doc" of one workspace, and a clock of its own. */
#ifndef HB_TESTS_UNIT_WORKSPACE_PROCESS_H
#define HB_TESTS_UNIT_WORKSPACE_PROCESS_H

#include "tests/unit/workspace/fixture.h"

typedef struct process {
    fixture f;
    int64_t ms;
    hb_clock clock;
} process;

/* Opens the workspace "shop" over one backend called main, whose options are JSON. */
static inline hb_status process_start(process *p, const hb_fs *fs, int64_t (*clock)(void *process), const char *owner,
                                      const char *main_options, const char *further) {
    memset(p, 0, sizeof(*p));
    hb_arena_init(&p->f.arena, hb_mem_default());
    p->ms = 1000;
    p->clock = (hb_clock){ clock, p };
    const hb_host host = { .mem = hb_mem_default(), .fs = fs, .clock = &p->clock };
    const hb_str options = hb_arena_printf(&p->f.arena, "{\"id\":\"shop\",\"owner\":\"%s\"%s,\"backends\":{\"main\":%s}}",
                                           owner, further, main_options);
    return hb_workspace_open_on(options, &host, &p->f.ws, &p->f.err);
}

static inline void must(process *p, hb_status status) {
    if (!CHECK_INT(status, HB_OK)) test_check(false, p->f.err.msg, __FILE__, __LINE__);
}

static inline hb_status put(process *p, const char *id, const char *title) {
    return upsert(&p->f, "my-doc",
                  hb_arena_printf(&p->f.arena, "{\"object_id\":\"%s\",\"title\":\"%s\"}", id, title).ptr);
}

static inline const char *titles(process *p) {
    const hb_status status = query(&p->f, "my-doc", "{}");
    must(p, status);
    return status == HB_OK ? lines(&p->f, "title") : "";
}

#endif
