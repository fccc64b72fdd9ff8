// SPDX-License-Identifier: MIT
/* The lock between processes: one owner, a heartbeat, and what happens when a process dies at any file operation. */
#include "tests/unit/test.h"

#include "base/lock.h"
#include "tests/unit/support/memory_fs.h"

#define SECOND 1000000000

static hb_lock lock_of(const hb_fs *fs, const char *owner) {
    return (hb_lock){ .fs = fs, .mem = hb_mem_default(), .path = HB_STR("d/x.lock"), .owner = hb_str_c(owner) };
}

static void files_init(memory_fs *m) {
    memory_fs_init(m);
    memory_fs_put(m, "d/x", HB_STR("data"));
}

static bool takes(hb_lock *lock) {
    hb_err err;
    hb_err_init(&err);
    bool taken = false;
    if (!CHECK_INT(hb_lock_take(lock, &taken, &err), HB_OK)) test_check(false, err.msg, __FILE__, __LINE__);
    return taken;
}

static bool beats(hb_lock *lock) {
    hb_err err;
    bool held = false;
    CHECK_INT(hb_lock_beat(lock, &held, &err), HB_OK);
    return held;
}

static void one_owner_at_a_time(void) {
    memory_fs m;
    files_init(&m);
    hb_lock a = lock_of(&m.fs, "a"), b = lock_of(&m.fs, "b");
    CHECK(takes(&a));
    CHECK(takes(&a));       /* has it already */
    CHECK(!takes(&b));
    hb_lock_release(&b);    /* has nothing to give back */
    CHECK(!takes(&b));
    hb_lock_release(&a);
    CHECK(takes(&b));
    CHECK(!takes(&a));
    hb_lock_release(&b);
    CHECK_INT(memory_fs_count(&m, "d"), 1);     /* nothing is left behind */
    memory_fs_free(&m);
}

static void a_lock_without_heartbeat_is_taken_over(void) {
    memory_fs m;
    files_init(&m);
    hb_lock a = lock_of(&m.fs, "a"), b = lock_of(&m.fs, "b");
    CHECK(takes(&a));
    m.tick += 6 * (int64_t)SECOND;
    CHECK(beats(&a));
    m.tick += 6 * (int64_t)SECOND;
    CHECK(!takes(&b));
    m.tick += 4 * (int64_t)SECOND;
    CHECK(takes(&b));
    CHECK(!beats(&a));      /* it slept, and hears of it */
    CHECK(!a.held);
    CHECK(beats(&b));
    hb_lock_release(&a);
    CHECK(!takes(&a));
    hb_lock_release(&b);
    CHECK(takes(&a));
    memory_fs_free(&m);
}

static void what_a_late_owner_does_leaves_its_successor_alone(void) {
    for (int late = 0; late < 3; late++) {
        memory_fs m;
        files_init(&m);
        hb_lock a = lock_of(&m.fs, "a"), b = lock_of(&m.fs, "b");
        hb_err err;
        bool held = true;
        CHECK(takes(&a));
        CHECK_INT(hb_lock_check(&a, &held, &err), HB_OK);
        CHECK(held);
        m.tick += 9 * (int64_t)SECOND;
        CHECK(takes(&b));
        if (late == 0) CHECK(!beats(&a));
        if (late == 1) hb_lock_release(&a);
        if (late == 2) CHECK_INT(hb_lock_check(&a, &held, &err), HB_OK);
        if (late == 2) CHECK(!held);
        CHECK(!a.held);
        CHECK_INT(hb_lock_check(&b, &held, &err), HB_OK);
        CHECK(held);
        CHECK(!takes(&a));
        hb_lock_release(&b);
        CHECK(takes(&a));
        memory_fs_free(&m);
    }
}

/* Taken over in the middle of a heartbeat, at any operation. */
static struct {
    memory_fs *m;
    hb_lock *other;
} robber;

static void rob(void *arg) {
    (void)arg;
    robber.m->tick += 9 * (int64_t)SECOND;
    CHECK(takes(robber.other));
}

static void one_of_two_holds_it_after_a_late_heartbeat(void) {
    for (uint64_t at = 1; at <= 3; at++) {
        memory_fs m;
        files_init(&m);
        hb_lock a = lock_of(&m.fs, "a"), b = lock_of(&m.fs, "b");
        CHECK(takes(&a));
        robber.m = &m;
        robber.other = &b;
        m.hook = rob;
        m.hook_at = at;
        beats(&a);
        CHECK_INT(m.hook_at, 0);
        CHECK(!beats(&a));
        CHECK(beats(&b));
        memory_fs_free(&m);
    }
}

static void an_owner_does_not_wait_for_itself(void) {
    memory_fs m;
    files_init(&m);
    hb_lock a = lock_of(&m.fs, "a"), same = lock_of(&m.fs, "a");
    hb_err err;
    hb_err_init(&err);
    bool taken = false;
    CHECK(takes(&a));
    CHECK_INT(hb_lock_take(&same, &taken, &err), HB_E_VALIDATION);
    CHECK(!taken);
    CHECK(beats(&a));
    hb_lock_release(&a);
    CHECK_INT(memory_fs_count(&m, "d"), 1);
    memory_fs_free(&m);
}

static void a_lock_that_was_half_removed_is_free(void) {
    memory_fs m;
    files_init(&m);
    hb_lock a = lock_of(&m.fs, "a");
    CHECK_INT(m.fs.make_folder(&m, a.path), HB_FS_OK);
    CHECK(takes(&a));
    memory_fs_free(&m);
}

/* Files where somebody else acts just before a rename. */
static struct {
    hb_fs fs;
    memory_fs *m;
    hb_lock *other;
    int at;
    bool other_took;
} between;

static hb_fs_code rename_after_other(void *ctx, hb_str from, hb_str to) {
    (void)ctx;
    if (--between.at == 0) between.other_took = takes(between.other);
    return between.m->fs.rename(between.m, from, to);
}

static void of_two_that_find_a_dead_lock_one_wins(void) {
    for (int at = 1; at <= 3; at++) {
        memory_fs m;
        files_init(&m);
        hb_lock dead = lock_of(&m.fs, "dead"), second = lock_of(&m.fs, "second");
        CHECK(takes(&dead));
        m.tick += 9 * (int64_t)SECOND;
        between.m = &m;
        between.fs = m.fs;
        between.fs.rename = rename_after_other;
        between.other = &second;
        between.at = at;
        between.other_took = false;
        hb_lock first = lock_of(&between.fs, "first");
        const bool first_took = takes(&first);
        CHECK_INT(first_took + between.other_took, 1);
        hb_lock *winner = first_took ? &first : &second;
        CHECK(beats(winner));
        memory_fs_free(&m);
    }
}

static void a_kill_at_any_operation_leaves_a_lock_that_can_be_had(void) {
    for (int action = 0; action < 3; action++) {
        bool reached = true;
        for (uint64_t at = 1; reached; at++) {
            memory_fs m;
            files_init(&m);
            hb_lock a = lock_of(&m.fs, "a"), b = lock_of(&m.fs, "b");
            hb_err err;
            bool flag;
            hb_err_init(&err);
            if (action > 0) CHECK(takes(&a));
            memory_fs_fail_at(&m, at, HB_FS_IO, true);
            if (action == 0) hb_lock_take(&a, &flag, &err);
            if (action == 1) hb_lock_beat(&a, &flag, &err);
            if (action == 2) hb_lock_release(&a);
            reached = m.failed;
            memory_fs_restart(&m);
            m.tick += 9 * (int64_t)SECOND;
            CHECK(takes(&b));
            CHECK(beats(&b));
            CHECK_STR(memory_fs_bytes(&m, "d/x"), "data");
            memory_fs_free(&m);
        }
    }
}

static void a_folder_that_is_not_there_is_an_error(void) {
    memory_fs m;
    memory_fs_init(&m);
    hb_lock a = lock_of(&m.fs, "a");
    hb_err err;
    bool taken = true;
    CHECK_INT(hb_lock_take(&a, &taken, &err), HB_E_UNAVAILABLE);
    CHECK(!taken);
    memory_fs_free(&m);
}

TEST_SUITE {
    TEST(one_owner_at_a_time);
    TEST(a_lock_without_heartbeat_is_taken_over);
    TEST(what_a_late_owner_does_leaves_its_successor_alone);
    TEST(one_of_two_holds_it_after_a_late_heartbeat);
    TEST(an_owner_does_not_wait_for_itself);
    TEST(a_lock_that_was_half_removed_is_free);
    TEST(of_two_that_find_a_dead_lock_one_wins);
    TEST(a_kill_at_any_operation_leaves_a_lock_that_can_be_had);
    TEST(a_folder_that_is_not_there_is_an_error);
}
