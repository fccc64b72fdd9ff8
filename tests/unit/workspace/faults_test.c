// SPDX-License-Identifier: MIT
/* Memory that runs out: allocations of every call, the core's, SQLite's and cJSON's, fail once in turn, alone and with all that follow them, in every
 * placement. The call says MEMORY or gets along without; what is stored is then as before the call or as after it, in
 * every backend; nothing leaks, and every block is given back with the size it was asked for. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/support/library_memory.h"
#include "tests/unit/support/scene.h"

static const char *const parts[FAULTY_PARTS] = { "core", "SQLite", "cJSON" };

typedef struct trial {
    faulty_part part;           /* whose allocations fail */
    const scene_placement *placement;
    const scene_call *call;
    memory_fs start, disk;
    scene s;
    char *before, *after;
} trial;

static bool must(scene *s, hb_status status) {
    return CHECK_INT(status, HB_OK) || test_check(false, s->err.msg, __FILE__, __LINE__);
}

static char *kept(const char *text) {
    char *copy = malloc(strlen(text) + 1);
    memcpy(copy, text, strlen(text) + 1);
    return copy;
}

/* A workspace as it is before the call. */
static void reset(trial *t) {
    memory_fs_copy(&t->start, &t->disk);
    t->s = (scene){ .now_ms = 0 };
    must(&t->s, scene_open(&t->s, t->placement, &t->disk, "first", false));
    if (!t->placement->durable) scene_fill(&t->s, t->call->start);
}

static void clear(trial *t) {
    scene_close(&t->s);
    memory_fs_free(&t->disk);
}

static void prepare(trial *t) {
    scene s = { .now_ms = 0 };
    memory_fs_init(&t->start);
    must(&s, scene_open(&s, t->placement, &t->start, "first", false));
    if (t->placement->durable) scene_fill(&s, t->call->start);
    scene_close(&s);
}

static bool drops(const trial *t) {
    return strcmp(t->call->name, "drop") == 0;
}

static hb_status run(trial *t, hb_request request, uint64_t fail_at, bool goes_on) {
    t->s.memory.elsewhere = t->part != FAULTY_CORE;
    library_memory_watch(&t->s.memory, t->part);
    faulty_from(&t->s.memory, fail_at, goes_on);
    const hb_status status = scene_call_run(&t->s, request, NULL);
    library_memory_watch(NULL, FAULTY_CORE);
    return status;
}

/* The states before and after; gives how many allocations the call makes. */
static uint64_t learn(trial *t) {
    reset(t);
    t->before = kept(scene_state(&t->s));
    clear(t);
    reset(t);
    const hb_request request = t->call->make(&t->s);
    must(&t->s, run(t, request, 0, false));
    const uint64_t total = t->s.memory.count;
    t->after = kept(drops(t) ? "" : scene_state(&t->s));
    clear(t);
    return total;
}

static void fails_at(trial *t, uint64_t at, bool goes_on) {
    reset(t);
    const hb_request request = t->call->make(&t->s);
    hb_status status = run(t, request, at, goes_on);
    faulty_from(&t->s.memory, 0, false);
    if (status == HB_E_PARTIAL_WRITE) {
        const hb_request mend = { .kind = drops(t) ? HB_CALL_DROP : HB_CALL_REPAIR, .entity = HB_ENTITY_NONE };
        status = scene_call_run(&t->s, mend, NULL);
        must(&t->s, status);
    } else if (status != HB_OK && !CHECK_INT(status, HB_E_MEMORY)) {
        test_check(false, t->s.err.msg, __FILE__, __LINE__);
    }
    if (status != HB_OK || !drops(t)) {
        const char *now = scene_state(&t->s);
        const bool is_before = strcmp(now, t->before) == 0, is_after = strcmp(now, t->after) == 0;
        if (status == HB_OK ? !is_after : !is_before && !is_after) {
            CHECK_CSTR(now, status == HB_OK ? t->after : t->before);
        }
    }
    clear(t);
}

static void sweep_call(const scene_placement *placement, const scene_call *call, faulty_part part, uint64_t wanted) {
    char name[160];
    trial t = { .part = part, .placement = placement, .call = call };
    snprintf(name, sizeof(name), "%s, %s, %s", placement->name, call->name, parts[part]);
    CASE(name);
    prepare(&t);
    const uint64_t total = learn(&t), stride = scene_stride(total, wanted), shift = (uint64_t)(call - scene_calls);
    for (uint64_t at = 1 + shift % stride, turn = shift; at <= total; at += stride, turn++) {
        for (int goes_on = 0; goes_on < 2; goes_on++) {
            if (!scene_runs_whole() && goes_on != (int)(turn % 2)) continue;
            snprintf(name, sizeof(name), "%s, %s, %s, allocation %u of %u%s", placement->name, call->name, parts[part],
                     (unsigned)at, (unsigned)total, goes_on ? " and all after it" : "");
            CASE(name);
            fails_at(&t, at, goes_on != 0);
        }
    }
    free(t.before);
    free(t.after);
    memory_fs_free(&t.start);
}

static void calls_survive_failing_allocations(void) {
    library_memory_start();
    for (uint32_t p = 0; p < scene_placement_count; p++) {
        for (uint32_t c = 0; c < scene_call_count; c++) {
            /* The layout of Python has no edges. */
            const bool fits = !scene_calls[c].walks || strcmp(scene_placements[p].name, "python") != 0;
            for (int part = 0; part < FAULTY_PARTS && fits; part++) {
                const bool chosen = part == FAULTY_CORE ? (c + p) % 6 == 0 : (c + p) % 14 == (uint32_t)part;
                if (!scene_runs_long() && !chosen) continue;
                sweep_call(&scene_placements[p], &scene_calls[c], (faulty_part)part, part == FAULTY_CORE ? 3 : 2);
            }
        }
    }
    library_memory_stop();
}

static void sweep_opening(const scene_placement *placement, const memory_fs *start, faulty_part part) {
    static const uint64_t strides[FAULTY_PARTS] = { 37, 1009, 41 };
    bool reached = true;
    const uint64_t stride = scene_runs_whole() ? 1 : scene_runs_long() ? strides[part] / 8 : strides[part];
    for (uint64_t at = 1; reached; at += stride) {
        char name[160];
        memory_fs disk;
        scene s = { .memory = { .elsewhere = part != FAULTY_CORE } };
        snprintf(name, sizeof(name), "%s, opening, %s, allocation %u", placement->name, parts[part], (unsigned)at);
        CASE(name);
        memory_fs_copy(start, &disk);
        library_memory_watch(&s.memory, part);
        const hb_status status = scene_open_failing(&s, placement, &disk, at);
        library_memory_watch(NULL, FAULTY_CORE);
        reached = s.memory.failed;
        if (status != HB_OK && !CHECK_INT(status, HB_E_MEMORY)) test_check(false, s.err.msg, __FILE__, __LINE__);
        scene_close(&s);
        memory_fs_free(&disk);
    }
}

static void opening_survives_failing_allocations(void) {
    library_memory_start();
    for (uint32_t p = 0; p < scene_placement_count; p++) {
        memory_fs start;
        scene s = { .now_ms = 0 };
        memory_fs_init(&start);
        must(&s, scene_open(&s, &scene_placements[p], &start, "first", false));
        scene_fill(&s, SCENE_FILLED);
        scene_close(&s);
        for (int part = 0; part < FAULTY_PARTS; part++) sweep_opening(&scene_placements[p], &start, (faulty_part)part);
        memory_fs_free(&start);
    }
    library_memory_stop();
}

TEST_SUITE {
    TEST(opening_survives_failing_allocations);
    TEST(calls_survive_failing_allocations);
}
