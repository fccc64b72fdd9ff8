// SPDX-License-Identifier: MIT
/* A call under every fault of its files: each file operation in turn is the last one (the process dies, or the power goes
 * and takes what was not synced), or fails alone with an I/O error or a full disk. What a new process finds is the state
 * before the call or the one after it, in all backends together. */
#ifndef HB_TESTS_UNIT_SUPPORT_SWEEP_H
#define HB_TESTS_UNIT_SUPPORT_SWEEP_H

#include "tests/unit/support/scene.h"

/* A workspace before any call, per scene_start. */
typedef struct beginning {
    bool made;
    memory_fs disk;
    char *state;
} beginning;

typedef struct sweep {
    const scene_placement *placement;
    const scene_call *call;
    bool shared, relaxed;
    beginning starts[SCENE_STARTS];
    char *after;
    uint64_t operations;        /* of files, in the call and the end of its process */
} sweep;

/* About `wanted` operations of the call (scene_stride), each with the faults in turn, or with all of them in a long run.
 * `turn` says where to begin, so that calls differ. */
void sweep_run(sweep *w, const scene_call *call, uint64_t turn, uint64_t wanted);
/* Only that the very first operation of a call is the last one. */
void sweep_first(sweep *w, const scene_call *call);
void sweep_free(sweep *w);

#endif
