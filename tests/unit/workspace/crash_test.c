// SPDX-License-Identifier: MIT
/* Files that fail: for every call that writes, in every placement that outlives the process, each file operation in turn
 * is the last one (the process dies, or the power goes and takes what was not synced), or fails alone with an I/O error
 * or a full disk. What a new process finds is the state before the call or the one after it, in all backends together;
 * what was acknowledged stays; a call that fails has written nothing and the workspace goes on. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/support/scene.h"

typedef enum fault { FAULT_KILL, FAULT_POWER, FAULT_IO, FAULT_FULL, FAULT_COUNT } fault;

static const char *const fault_names[FAULT_COUNT] = { "killed", "power cut", "I/O error", "disk full" };

#define DEADLINE_MS 3600000     /* by then every intent of a dead process is due */

typedef struct sweep {
    const scene_placement *placement;
    const scene_call *call;
    memory_fs start;            /* the disk before the call */
    char *before, *after;
    bool shared;
} sweep;

static char *kept(const char *text) {
    char *copy = malloc(strlen(text) + 1);
    memcpy(copy, text, strlen(text) + 1);
    return copy;
}

static void must_open(scene *s, const sweep *w, memory_fs *disk, const char *owner) {
    if (!CHECK_INT(scene_open(s, w->placement, disk, owner, w->shared), HB_OK)) {
        test_check(false, s->err.msg, __FILE__, __LINE__);
    }
}

/* What a new process finds on the disk. */
static char *found_on(const sweep *w, memory_fs *disk) {
    scene s = { .now_ms = 0 };
    must_open(&s, w, disk, "reader");
    char *state = kept(scene_state(&s));
    scene_close(&s);
    return state;
}

/* Makes the states before and after; gives how many file operations the call and the end of its process take. */
static uint64_t sweep_begin(sweep *w) {
    scene s = { .now_ms = 0 };
    memory_fs disk;
    memory_fs_init(&w->start);
    must_open(&s, w, &w->start, "first");
    scene_fill(&s, w->call->start);
    scene_close(&s);
    memory_fs_copy(&w->start, &disk);
    w->before = found_on(w, &disk);
    memory_fs_free(&disk);
    memory_fs_copy(&w->start, &disk);
    must_open(&s, w, &disk, "first");
    const hb_request request = w->call->make(&s);
    memory_fs_fail_at(&disk, 0, HB_FS_OK, false);
    if (!CHECK_INT(scene_call_run(&s, request, NULL), HB_OK)) test_check(false, s.err.msg, __FILE__, __LINE__);
    hb_workspace_idle(s.ws);
    scene_close(&s);
    const uint64_t operations = disk.operations;
    w->after = found_on(w, &disk);
    memory_fs_free(&disk);
    return operations;
}

static void sweep_end(sweep *w) {
    memory_fs_free(&w->start);
    free(w->before);
    free(w->after);
}

/* One of the two; the one after it when the call was acknowledged. */
static void check_found(const sweep *w, const char *state, bool acknowledged) {
    const bool is_before = strcmp(state, w->before) == 0, is_after = strcmp(state, w->after) == 0;
    if (acknowledged ? is_after : is_before || is_after) return;
    CHECK_CSTR(state, acknowledged ? w->after : w->before);
}

/* The process ends at an operation, and another one comes later. */
static void dies_at(const sweep *w, uint64_t at, bool power) {
    memory_fs disk;
    scene s = { .now_ms = 0 };
    memory_fs_copy(&w->start, &disk);
    must_open(&s, w, &disk, "first");
    const hb_request request = w->call->make(&s);
    memory_fs_fail_at(&disk, at, HB_FS_IO, true);
    const bool acknowledged = scene_call_run(&s, request, NULL) == HB_OK;
    if (acknowledged) hb_workspace_idle(s.ws);
    disk.dead = true;
    scene_close(&s);
    if (!power) memory_fs_restart(&disk);
    else if (at % 4 == 0) memory_fs_power_cut(&disk);
    else memory_fs_power_cut_torn(&disk, (uint32_t)at);
    disk.tick += (int64_t)DEADLINE_MS * 1000000;
    s.now_ms += DEADLINE_MS;
    must_open(&s, w, &disk, "second");
    if (s.ws != NULL) {
        check_found(w, scene_state(&s), acknowledged);
        if (w->call->start == SCENE_FILLED) scene_is_whole(&s);
    }
    scene_close(&s);
    memory_fs_free(&disk);
}

static bool is_typed(hb_status status) {
    return status == HB_E_BACKEND || status == HB_E_PARTIAL_WRITE || status == HB_E_UNAVAILABLE || status == HB_E_LOCKED ||
           status == HB_E_CORRUPT;
}

/* One operation fails, and the process goes on. */
static void fails_at(const sweep *w, uint64_t at, hb_fs_code code) {
    memory_fs disk;
    scene s = { .now_ms = 0 };
    memory_fs_copy(&w->start, &disk);
    must_open(&s, w, &disk, "first");
    const hb_request request = w->call->make(&s);
    memory_fs_fail_at(&disk, at, code, false);
    const hb_status status = scene_call_run(&s, request, NULL);
    memory_fs_fail_at(&disk, 0, HB_FS_OK, false);
    CHECK(status == HB_OK || is_typed(status));
    const bool drops = strcmp(w->call->name, "drop") == 0;
    if (status == HB_E_PARTIAL_WRITE) {
        const hb_request mend = { .kind = drops ? HB_CALL_DROP : HB_CALL_REPAIR, .entity = HB_ENTITY_NONE };
        if (!CHECK_INT(scene_call_run(&s, mend, NULL), HB_OK)) test_check(false, s.err.msg, __FILE__, __LINE__);
    }
    const bool done = status == HB_OK || status == HB_E_PARTIAL_WRITE;
    /* A dropped workspace answers nothing more. */
    if (!done || !drops) CHECK_CSTR(scene_state(&s), done ? w->after : w->before);
    /* Asked again, it is done. */
    if (!done && !CHECK_INT(scene_call_run(&s, w->call->make(&s), NULL), HB_OK)) {
        test_check(false, s.err.msg, __FILE__, __LINE__);
    }
    scene_close(&s);
    char *state = found_on(w, &disk);
    CHECK_CSTR(state, w->after);
    free(state);
    memory_fs_free(&disk);
}

/* Each fault at some of the operations, at all in a long run. The suite looks at the faults in turn. */
static void sweep_run(sweep *w, uint64_t wanted) {
    char name[160];
    snprintf(name, sizeof(name), "%s, %s%s", w->placement->name, w->call->name, w->shared ? ", shared" : "");
    CASE(name);
    const uint64_t total = sweep_begin(w), stride = scene_stride(total, wanted), shift = (uint64_t)(w->call - scene_calls);
    CHECK(total > 0 && strcmp(w->before, w->after) != 0);
    for (uint64_t at = 1 + shift % stride, turn = 0; at <= total; at += stride, turn++) {
        for (uint64_t kind = 0; kind < FAULT_COUNT; kind++) {
            if (!scene_runs_long() && kind != (turn + shift) % FAULT_COUNT) continue;
            snprintf(name, sizeof(name), "%s, %s%s, %s at operation %u of %u", w->placement->name, w->call->name,
                     w->shared ? ", shared" : "", fault_names[kind], (unsigned)at, (unsigned)total);
            CASE(name);
            if (kind == FAULT_KILL || kind == FAULT_POWER) dies_at(w, at, kind == FAULT_POWER);
            else fails_at(w, at, kind == FAULT_IO ? HB_FS_IO : HB_FS_FULL);
        }
    }
    sweep_end(w);
}

static void sweep_placement(const char *name) {
    const scene_placement *placement = scene_placement_named(name);
    REQUIRE(placement != NULL);
    for (uint32_t c = 0; c < scene_call_count; c++) {
        if (!scene_calls[c].writes) continue;
        for (uint32_t shared = 0; shared < 2; shared++) {
            if (!scene_runs_long() && shared != c % 2) continue;
            sweep w = { .placement = placement, .call = &scene_calls[c], .shared = shared != 0 };
            sweep_run(&w, 6);
        }
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

TEST_SUITE {
    TEST(faults_of_files_leave_before_or_after_on_sqlite);
    TEST(faults_of_files_leave_before_or_after_on_python);
    TEST(faults_of_files_leave_before_or_after_on_json);
    TEST(faults_of_files_leave_before_or_after_on_pickle);
    TEST(faults_of_files_leave_before_or_after_on_mixed);
}
