// SPDX-License-Identifier: MIT
/* Files that fail: for every call that writes, in every placement that outlives the process, each file operation in turn
 * is the last one (the process dies, or the power goes and takes what was not synced), or fails alone with an I/O error
 * or a full disk. What a new process finds is the state before the call or the one after it, in all backends together;
 * what was acknowledged stays (by the call, or with relaxed durability by a flush); a call that fails has written nothing
 * and the workspace goes on. */
#include "tests/unit/support/sweep.h"

/* Shared or not, strict or relaxed: the suite takes the calls in turn, a long run all with all. */
static void sweep_placement(const char *name) {
    const scene_placement *placement = scene_placement_named(name);
    REQUIRE(placement != NULL);
    for (uint32_t way = 0; way < 4; way++) {
        sweep w = { .placement = placement, .shared = way % 2 != 0, .relaxed = way / 2 != 0 };
        for (uint32_t c = 0; c < scene_call_count; c++) {
            if (scene_calls[c].writes && (scene_runs_long() || c % 4 == way)) sweep_run(&w, &scene_calls[c], c, 4);
        }
        sweep_free(&w);
    }
}

#define PLACEMENT(name)                                                             \
    static void faults_of_files_leave_before_or_after_on_##name(void) {             \
        sweep_placement(#name);                                                     \
    }
PLACEMENT(sqlite)
PLACEMENT(python)
PLACEMENT(json)
PLACEMENT(pickle)
PLACEMENT(mixed)

/* A shared file is looked at first: then a call begins with opening it anew, and that fails. */
static void a_device_that_is_gone_at_once_ends_calls_with_an_error(void) {
    sweep w = { .placement = scene_placement_named("sqlite"), .shared = true };
    for (uint32_t c = 0; c < scene_call_count; c++) {
        if (scene_calls[c].writes) sweep_first(&w, &scene_calls[c]);
    }
    sweep_free(&w);
}

TEST_SUITE {
    TEST(a_device_that_is_gone_at_once_ends_calls_with_an_error);
    TEST(faults_of_files_leave_before_or_after_on_sqlite);
    TEST(faults_of_files_leave_before_or_after_on_python);
    TEST(faults_of_files_leave_before_or_after_on_json);
    TEST(faults_of_files_leave_before_or_after_on_pickle);
    TEST(faults_of_files_leave_before_or_after_on_mixed);
}
