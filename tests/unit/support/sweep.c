// SPDX-License-Identifier: MIT
#include "tests/unit/support/sweep.h"

#include <stdio.h>
#include <stdlib.h>

typedef enum fault { FAULT_KILL, FAULT_POWER, FAULT_IO, FAULT_FULL, FAULT_COUNT } fault;

static const char *const fault_names[FAULT_COUNT] = { "killed", "power cut", "I/O error", "disk full" };

#define DEADLINE_MS 3600000     /* by then every intent of a dead process is due */

static char *kept(const char *text) {
    char *copy = malloc(strlen(text) + 1);
    memcpy(copy, text, strlen(text) + 1);
    return copy;
}

static bool must(scene *s, hb_status status) {
    return CHECK_INT(status, HB_OK) || test_check(false, s->err.msg, __FILE__, __LINE__);
}

static void open_on(scene *s, const sweep *w, memory_fs *disk, const char *owner, int64_t now_ms) {
    *s = (scene){ .now_ms = now_ms, .relaxed = w->relaxed };
    must(s, scene_open(s, w->placement, disk, owner, w->shared));
}

/* What a new process finds on the disk. */
static char *found_on(const sweep *w, memory_fs *disk) {
    scene s;
    open_on(&s, w, disk, "reader", 0);
    char *state = kept(scene_state(&s));
    scene_close(&s);
    return state;
}

static hb_status acknowledge(const sweep *w, scene *s) {
    return w->relaxed ? scene_call_run(s, (hb_request){ .kind = HB_CALL_FLUSH }, NULL) : HB_OK;
}

static beginning *beginning_of(sweep *w) {
    beginning *start = &w->starts[w->call->start];
    if (start->made) return start;
    scene s;
    memory_fs disk;
    memory_fs_init(&start->disk);
    open_on(&s, w, &start->disk, "first", 0);
    scene_fill(&s, w->call->start);
    must(&s, acknowledge(w, &s));
    scene_close(&s);
    memory_fs_copy(&start->disk, &disk);
    start->state = found_on(w, &disk);
    memory_fs_free(&disk);
    start->made = true;
    return start;
}

/* A process of its own that is about to make the call. */
static hb_request begin(sweep *w, scene *s, memory_fs *disk) {
    memory_fs_copy(&beginning_of(w)->disk, disk);
    open_on(s, w, disk, "first", 0);
    const hb_request request = w->call->make(s);
    memory_fs_fail_at(disk, 0, HB_FS_OK, false);
    return request;
}

static void sweep_begin(sweep *w, const scene_call *call) {
    w->call = call;
    scene s;
    memory_fs disk;
    const hb_request request = begin(w, &s, &disk);
    must(&s, scene_call_run(&s, request, NULL));
    must(&s, acknowledge(w, &s));
    hb_workspace_idle(s.ws);
    scene_close(&s);
    w->operations = disk.operations;
    w->after = found_on(w, &disk);
    memory_fs_free(&disk);
    CHECK(w->operations > 0 && strcmp(beginning_of(w)->state, w->after) != 0);
}

void sweep_free(sweep *w) {
    for (int i = 0; i < SCENE_STARTS; i++) {
        if (!w->starts[i].made) continue;
        memory_fs_free(&w->starts[i].disk);
        free(w->starts[i].state);
    }
}

/* One of the two; the one after it when the call was acknowledged. */
static void check_found(sweep *w, const char *state, bool acknowledged) {
    const char *before = beginning_of(w)->state;
    const bool is_before = strcmp(state, before) == 0, is_after = strcmp(state, w->after) == 0;
    if (acknowledged ? is_after : is_before || is_after) return;
    CHECK_CSTR(state, acknowledged ? w->after : before);
}

/* The process ends at an operation, and another one comes later. */
static void dies_at(sweep *w, uint64_t at, bool power) {
    memory_fs disk;
    scene s;
    const hb_request request = begin(w, &s, &disk);
    memory_fs_fail_at(&disk, at, HB_FS_IO, true);
    const bool acknowledged = scene_call_run(&s, request, NULL) == HB_OK && acknowledge(w, &s) == HB_OK;
    if (acknowledged) hb_workspace_idle(s.ws);
    disk.dead = true;
    scene_close(&s);
    if (!power) memory_fs_restart(&disk);
    else if (at % 4 == 0) memory_fs_power_cut(&disk);
    else memory_fs_power_cut_torn(&disk, (uint32_t)at);
    disk.tick += (int64_t)DEADLINE_MS * 1000000;
    open_on(&s, w, &disk, "second", s.now_ms + DEADLINE_MS);
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
static void fails_at(sweep *w, uint64_t at, hb_fs_code code) {
    memory_fs disk;
    scene s;
    const hb_request request = begin(w, &s, &disk);
    memory_fs_fail_at(&disk, at, code, false);
    const hb_status status = scene_call_run(&s, request, NULL);
    memory_fs_fail_at(&disk, 0, HB_FS_OK, false);
    CHECK(status == HB_OK || is_typed(status));
    const bool drops = strcmp(w->call->name, "drop") == 0;
    const hb_request mend = { .kind = drops ? HB_CALL_DROP : HB_CALL_REPAIR, .entity = HB_ENTITY_NONE };
    if (status == HB_E_PARTIAL_WRITE) must(&s, scene_call_run(&s, mend, NULL));
    const bool done = status == HB_OK || status == HB_E_PARTIAL_WRITE;
    /* A dropped workspace answers nothing more. */
    if (!done || !drops) CHECK_CSTR(scene_state(&s), done ? w->after : beginning_of(w)->state);
    /* Asked again, it is done. */
    if (!done) must(&s, scene_call_run(&s, w->call->make(&s), NULL));
    must(&s, acknowledge(w, &s));
    scene_close(&s);
    char *state = found_on(w, &disk);
    CHECK_CSTR(state, w->after);
    free(state);
    memory_fs_free(&disk);
}

void sweep_run(sweep *w, const scene_call *call, uint64_t shift, uint64_t wanted) {
    char name[200];
    snprintf(name, sizeof(name), "%s, %s%s", w->placement->name, call->name, w->shared ? ", shared" : "");
    CASE(name);
    sweep_begin(w, call);
    const uint64_t stride = scene_stride(w->operations, wanted);
    for (uint64_t at = 1 + shift % stride, turn = shift; at <= w->operations; at += stride, turn++) {
        for (uint64_t kind = 0; kind < FAULT_COUNT; kind++) {
            if (!scene_runs_whole() && kind != turn % FAULT_COUNT) continue;
            snprintf(name, sizeof(name), "%s, %s%s%s, %s at operation %u of %u", w->placement->name, call->name,
                     w->shared ? ", shared" : "", w->relaxed ? ", relaxed" : "", fault_names[kind], (unsigned)at,
                     (unsigned)w->operations);
            CASE(name);
            if (kind == FAULT_KILL || kind == FAULT_POWER) dies_at(w, at, kind == FAULT_POWER);
            else fails_at(w, at, kind == FAULT_IO ? HB_FS_IO : HB_FS_FULL);
        }
    }
    free(w->after);
}

void sweep_first(sweep *w, const scene_call *call) {
    char name[200];
    snprintf(name, sizeof(name), "%s, %s%s, killed at its first operation", w->placement->name, call->name,
             w->shared ? ", shared" : "");
    CASE(name);
    sweep_begin(w, call);
    dies_at(w, 1, false);
    free(w->after);
}
