// SPDX-License-Identifier: MIT
/* Two processes on the folder of a json instance: turns, what the other one wrote, dead owners and their journals. */
#include "tests/unit/workspace/process.h"

#include <stdio.h>

#include "tests/unit/support/memory_fs.h"

static const char doc[] = "{\"entity_id\":\"my-doc\",\"name\":\"MyDoc\",\"fields\":{\"title\":\"short-text\"}}";
static const char lock_folder[] = "data/shop/.heavenbase/lock";
static const char journal_file[] = "data/shop/.heavenbase/tx/journal";

static int64_t read_clock(void *ctx) {
    return ((const process *)ctx)->ms;
}

static hb_status try_start_with(process *p, memory_fs *files, const char *owner, bool catalog) {
    return process_start(p, &files->fs, read_clock, owner, "{\"type\":\"json\",\"path\":\"data\"}",
                         catalog ? "" : ",\"catalog\":false");
}

static hb_status try_start(process *p, memory_fs *files, const char *owner) {
    return try_start_with(p, files, owner, true);
}

static void must_be_held(process *p, hb_status status) {
    CHECK_INT(status, HB_E_LOCKED);
    CHECK_CSTR(p->f.err.native, "HELD");
}

/* Rows 1 and 2. */
static void prepare(memory_fs *files) {
    memory_fs_init(files);
    process p;
    must(&p, try_start(&p, files, "first"));
    must(&p, define(&p.f, doc));
    must(&p, put(&p, "1", "a"));
    must(&p, put(&p, "2", "b"));
    fixture_close(&p.f);
    CHECK_INT(memory_fs_count(files, lock_folder), 0);
}

/* As if nobody had done anything for so long. */
static void pass_ms(memory_fs *files, int64_t ms) {
    files->tick += ms * 1000000;
}

static void processes_take_turns_and_see_each_other(void) {
    memory_fs files;
    prepare(&files);
    process a, b;
    must(&a, try_start(&a, &files, "a"));
    CHECK_CSTR(titles(&a), "1|a\n2|b\n");
    must_be_held(&b, try_start(&b, &files, "b"));
    fixture_close(&b.f);
    hb_workspace_idle(a.f.ws);
    must(&b, try_start(&b, &files, "b"));
    CHECK_CSTR(titles(&b), "1|a\n2|b\n");
    must(&b, put(&b, "3", "of b"));
    must_be_held(&a, put(&a, "4", "of a"));
    CHECK_INT(query(&a.f, "my-doc", "{}"), HB_E_LOCKED);
    /* A busy owner notices the one that waits after its turn. */
    must(&b, put(&b, "3", "of b again"));
    b.ms += 500;
    must_be_held(&b, put(&b, "3", "refused"));
    must_be_held(&b, put(&b, "3", "refused: the other one comes first"));
    must(&a, put(&a, "4", "of a"));
    CHECK_CSTR(titles(&a), "1|a\n2|b\n3|of b again\n4|of a\n");
    hb_workspace_idle(a.f.ws);
    CHECK_CSTR(titles(&b), "1|a\n2|b\n3|of b again\n4|of a\n");
    fixture_close(&a.f);
    fixture_close(&b.f);
    CHECK_INT(memory_fs_count(&files, lock_folder), 0);
    memory_fs_free(&files);
}

/* The one that waits looks only now and then, and the lock is free for moments only. */
static void whoever_waits_gets_its_turn_however_short_the_others_are(void) {
    memory_fs files;
    prepare(&files);
    process a, b;
    must(&a, try_start(&a, &files, "a"));
    hb_workspace_idle(a.f.ws);
    must(&b, try_start(&b, &files, "b"));
    must_be_held(&a, put(&a, "4", "of a"));
    for (int i = 0; i < 8; i++) {
        hb_workspace_idle(b.f.ws);
        b.ms += 10;
        must_be_held(&b, put(&b, "3", "refused"));
    }
    must(&a, put(&a, "4", "of a"));
    must_be_held(&b, put(&b, "3", "asks"));
    hb_workspace_idle(a.f.ws);
    must(&b, put(&b, "3", "of b"));
    CHECK_CSTR(titles(&b), "1|a\n2|b\n3|of b\n4|of a\n");
    fixture_close(&a.f);
    fixture_close(&b.f);
    memory_fs_free(&files);
}

static void whoever_waited_and_does_not_come_is_waited_for_once(void) {
    const char *want = "data/shop/.heavenbase/lock-want";
    memory_fs files;
    prepare(&files);
    memory_fs_put(&files, want, HB_STR("dead"));
    process a;
    must(&a, try_start(&a, &files, "a"));       /* an opener cannot know how long it lies there */
    CHECK(memory_fs_bytes(&files, want).ptr == NULL);
    hb_workspace_idle(a.f.ws);
    memory_fs_put(&files, want, HB_STR("dead"));
    must_be_held(&a, put(&a, "4", "too early"));
    a.ms += 499;
    must_be_held(&a, put(&a, "4", "too early"));
    a.ms += 1;
    must(&a, put(&a, "4", "of a"));
    hb_workspace_idle(a.f.ws);
    must(&a, put(&a, "4", "of a again"));
    fixture_close(&a.f);
    memory_fs_free(&files);
}

/* Each attempt to open is a workspace of its own. */
static void whoever_tries_to_open_gets_its_turn(void) {
    memory_fs files;
    prepare(&files);
    process a, b;
    must(&a, try_start(&a, &files, "a"));
    must(&a, put(&a, "1", "of a"));
    must_be_held(&b, try_start(&b, &files, "b1"));
    fixture_close(&b.f);
    a.ms += 200;
    must_be_held(&a, put(&a, "1", "refused"));
    must(&b, try_start(&b, &files, "b2"));
    CHECK_CSTR(titles(&b), "1|of a\n2|b\n");
    fixture_close(&a.f);
    fixture_close(&b.f);
    CHECK_INT(memory_fs_count(&files, lock_folder), 0);
    CHECK(memory_fs_bytes(&files, "data/shop/.heavenbase/lock-want").ptr == NULL);
    memory_fs_free(&files);
}

static void rows_stay_in_memory_while_nobody_else_wrote(void) {
    memory_fs files;
    prepare(&files);
    process a;
    must(&a, try_start(&a, &files, "a"));
    CHECK_CSTR(titles(&a), "1|a\n2|b\n");
    hb_workspace_idle(a.f.ws);
    memory_fs_put(&files, "data/shop/my_doc/1.json", HB_STR("{\"title\": \"by hand\"}"));
    CHECK_CSTR(titles(&a), "1|a\n2|b\n");
    must(&a, call(&a.f, (hb_request){ .kind = HB_CALL_REFRESH, .entity = HB_ENTITY_NONE }));
    CHECK_CSTR(titles(&a), "1|by hand\n2|b\n");
    fixture_close(&a.f);
    memory_fs_free(&files);
}

/* Killed at every operation of a write: the journal stays as it is while the lock may be a living one's, and is
 * carried out by the next owner. */
static void a_dead_owners_journal_is_taken_over(void) {
    bool reached = true, seen_journal = false, seen_before = false, seen_after = false;
    for (uint64_t at = 1; reached; at++) {
        char name[64];
        snprintf(name, sizeof(name), "killed at operation %d", (int)at);
        CASE(name);
        memory_fs files;
        prepare(&files);
        process a, b;
        must(&a, try_start(&a, &files, "a"));
        memory_fs_fail_at(&files, at, HB_FS_IO, true);
        const hb_status status = put(&a, "3", "new");
        reached = files.failed;
        files.dead = true;
        fixture_close(&a.f);
        memory_fs_restart(&files);
        const bool journal = memory_fs_bytes(&files, journal_file).ptr != NULL;
        const uint32_t staged = memory_fs_count(&files, "data/shop/.heavenbase/tx");
        pass_ms(&files, 7000);
        must_be_held(&b, try_start(&b, &files, "b"));
        fixture_close(&b.f);
        CHECK_INT(memory_fs_bytes(&files, journal_file).ptr != NULL, journal);
        CHECK_INT(memory_fs_count(&files, "data/shop/.heavenbase/tx"), staged);
        pass_ms(&files, 9000);
        must(&b, try_start(&b, &files, "b"));
        const char *rows = titles(&b);
        const bool after = strcmp(rows, "1|a\n2|b\n3|new\n") == 0;
        CHECK(after || strcmp(rows, "1|a\n2|b\n") == 0);
        CHECK(after || (status != HB_OK && !journal));
        CHECK_INT(memory_fs_count(&files, "data/shop/.heavenbase/tx"), 0);
        seen_journal = seen_journal || journal;
        seen_before = seen_before || !after;
        seen_after = seen_after || after;
        fixture_close(&b.f);
        memory_fs_free(&files);
    }
    CHECK(seen_journal && seen_before && seen_after);
}

static void a_silent_owner_loses_the_folder_and_starts_anew(void) {
    memory_fs files;
    prepare(&files);
    process a, b;
    must(&a, try_start(&a, &files, "a"));
    must(&a, put(&a, "1", "of a"));
    pass_ms(&files, 9000);
    a.ms += 9000;
    must(&b, try_start(&b, &files, "b"));
    must(&b, put(&b, "1", "of b"));
    must_be_held(&a, put(&a, "2", "late"));
    must_be_held(&a, put(&a, "2", "late"));
    hb_workspace_idle(b.f.ws);
    CHECK_CSTR(titles(&a), "1|of b\n2|b\n");
    must(&a, put(&a, "2", "late"));
    fixture_close(&a.f);
    CHECK_CSTR(titles(&b), "1|of b\n2|late\n");
    fixture_close(&b.f);
    memory_fs_free(&files);
}

/* ---- stopped in the middle of a write ------------------------------------------------------- */

typedef struct robbery {
    memory_fs *files;
    process *victim;
    bool catalog;
} robbery;

/* While the victim is stopped, another process finds its lock dead, and writes two of the rows. */
static void rob(void *arg) {
    robbery *r = arg;
    pass_ms(r->files, 9000);
    r->victim->ms += 9000;
    process b;
    must(&b, try_start_with(&b, r->files, "b", r->catalog));
    must(&b, put(&b, "1", "of b"));
    must(&b, put(&b, "5", "of b"));
    fixture_close(&b.f);
}

/* It goes on at every operation of its write: that has happened before the other's, or not at all. */
static void a_stopped_writer_undoes_nothing(void) {
    char name[64];
    for (int form = 0; form < 2; form++) {
        bool reached = true, seen_lost = false, seen_done = false;
        for (uint64_t at = 1; reached; at++) {
            snprintf(name, sizeof(name), "%s, stopped at operation %d", form == 0 ? "one file" : "several files", (int)at);
            CASE(name);
            memory_fs files;
            prepare(&files);
            process a;
            must(&a, try_start_with(&a, &files, "a", form == 1));
            must(&a, put(&a, "2", "of a"));
            robbery r = { &files, &a, form == 1 };
            files.hook = rob;
            files.hook_arg = &r;
            files.hook_at = at;
            const hb_status status = put(&a, "1", "of a");
            reached = files.hook_at == 0;
            files.hook_at = 0;
            if (status != HB_OK) CHECK_INT(status, HB_E_LOCKED);
            seen_lost = seen_lost || status != HB_OK;
            seen_done = seen_done || (reached && status == HB_OK);
            if (reached) {
                /* It may hear of it only now. */
                if (query(&a.f, "my-doc", "{}") != HB_OK) CHECK_CSTR(a.f.err.native, "HELD");
                CHECK_CSTR(titles(&a), "1|of b\n2|of a\n5|of b\n");
                must(&a, put(&a, "1", "of a again"));
                CHECK_CSTR(titles(&a), "1|of a again\n2|of a\n5|of b\n");
            }
            CHECK_INT(memory_fs_count(&files, "data/shop/.heavenbase/tx"), 0);
            fixture_close(&a.f);
            memory_fs_free(&files);
        }
        /* Syncing the folder comes after the commit. */
        CHECK(seen_lost && seen_done);
    }
}

static void a_dropped_workspace_leaves_no_folder(void) {
    memory_fs files;
    prepare(&files);
    process a;
    must(&a, try_start(&a, &files, "a"));
    must(&a, call(&a.f, (hb_request){ .kind = HB_CALL_DROP, .entity = HB_ENTITY_NONE }));
    fixture_close(&a.f);
    hb_fs_stat info;
    CHECK_INT(files.fs.stat(&files, HB_STR("data/shop"), &info), HB_FS_MISSING);
    memory_fs_free(&files);
}

TEST_SUITE {
    TEST(processes_take_turns_and_see_each_other);
    TEST(whoever_waits_gets_its_turn_however_short_the_others_are);
    TEST(whoever_waited_and_does_not_come_is_waited_for_once);
    TEST(whoever_tries_to_open_gets_its_turn);
    TEST(rows_stay_in_memory_while_nobody_else_wrote);
    TEST(a_dead_owners_journal_is_taken_over);
    TEST(a_silent_owner_loses_the_folder_and_starts_anew);
    TEST(a_stopped_writer_undoes_nothing);
    TEST(a_dropped_workspace_leaves_no_folder);
}
