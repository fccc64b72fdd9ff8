// SPDX-License-Identifier: MIT
/* Turns at a lock: each of two that always want it gets it, however slowly one of them looks. Turns are counted, by a
 * clock that only goes on when somebody does something. */
#include "tests/unit/test.h"

#include "base/turn.h"
#include "tests/unit/support/memory_fs.h"

typedef struct world {
    memory_fs files;
    int64_t now_ms;
    hb_clock clock;
} world;

/* One that makes a call after the other, and when it may not, looks again after a pause. */
typedef struct user {
    hb_turn turn;
    int64_t next_ms, call_ms, pause_ms;
    uint32_t turns, calls, refused, refused_max;
} user;

static int64_t world_now(void *ctx) {
    return ((world *)ctx)->now_ms;
}

static void world_init(world *w) {
    memory_fs_init(&w->files);
    memory_fs_put(&w->files, "d/x", HB_STR("data"));
    w->now_ms = 1000000;
    w->clock = (hb_clock){ .ctx = w, .now_ms = world_now };
}

static user user_of(world *w, const char *owner, int64_t call_ms, int64_t pause_ms) {
    user u = { .next_ms = w->now_ms, .call_ms = call_ms, .pause_ms = pause_ms };
    u.turn.lock = (hb_lock){ .fs = &w->files.fs, .mem = hb_mem_default(), .path = HB_STR("d/x.lock"),
                             .owner = hb_str_c(owner) };
    u.turn.want = HB_STR("d/x.lock-want");
    u.turn.clock = &w->clock;
    return u;
}

static void advance(world *w, int64_t to_ms) {
    if (to_ms <= w->now_ms) return;
    w->files.tick += (to_ms - w->now_ms) * 1000000;
    w->now_ms = to_ms;
}

/* As a workspace does: a turn that is over is given back before a call, and the call made again. */
static void step(world *w, user *u) {
    hb_err err;
    hb_err_init(&err);
    advance(w, u->next_ms);
    bool may = false;
    if (u->turn.lock.held) CHECK_INT(hb_turn_beat(&u->turn, &may, &err), HB_OK);
    if (may && hb_turn_is_over(&u->turn)) {
        hb_lock_release(&u->turn.lock);
        may = false;
    } else if (!may) {
        CHECK_INT(hb_turn_take(&u->turn, &may, &err), HB_OK);
        u->turns += may;
    }
    u->calls += may;
    u->refused = may ? 0 : u->refused + 1;
    if (u->refused > u->refused_max) u->refused_max = u->refused;
    u->next_ms = w->now_ms + (may ? u->call_ms : u->pause_ms);
}

static void run(world *w, user *a, user *b, int64_t ms) {
    for (const int64_t end = w->now_ms + ms; w->now_ms < end;) step(w, a->next_ms <= b->next_ms ? a : b);
}

static void check_pair(int64_t slow_pause_ms, uint32_t refused_max) {
    world w;
    world_init(&w);
    user quick = user_of(&w, "quick", 10, 20), slow = user_of(&w, "slow", 10, slow_pause_ms);
    slow.next_ms += 50;     /* the quick one has it first */
    run(&w, &quick, &slow, 120000);
    CHECK(slow.turns >= 5);
    CHECK(quick.turns >= 5);
    CHECK(slow.turns + 1 >= quick.turns / 4);
    CHECK(slow.refused_max <= refused_max);
    memory_fs_free(&w.files);
}

static void two_take_turns_however_slowly_one_of_them_looks(void) {
    check_pair(40, 30);
    check_pair(200, 8);
    check_pair(600, 6);
    check_pair(700, 6);     /* as long as a turn and the time that its owner stands back */
    check_pair(710, 6);
    check_pair(1400, 6);
    check_pair(2100, 6);
    check_pair(3500, 6);
}

static void one_that_died_waiting_costs_its_grace_once(void) {
    world w;
    world_init(&w);
    user a = user_of(&w, "a", 10, 20), b = user_of(&w, "b", 10, 20);
    b.next_ms += 50;
    run(&w, &a, &b, 70);
    CHECK(b.refused > 0);
    b.next_ms = INT64_MAX;      /* dead */
    const uint32_t before = a.calls;
    run(&w, &a, &b, 10000);
    CHECK((a.calls - before) * 10 >= 10000 - HB_TURN_GRACE_MS - 100);
    CHECK_INT(memory_fs_count(&w.files, "d"), 2);
    run(&w, &a, &b, 10000);
    CHECK_INT(a.turn.missed, 0);        /* and is forgotten */
    memory_fs_free(&w.files);
}

TEST_SUITE {
    TEST(two_take_turns_however_slowly_one_of_them_looks);
    TEST(one_that_died_waiting_costs_its_grace_once);
}
