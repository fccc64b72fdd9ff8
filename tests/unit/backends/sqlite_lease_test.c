// SPDX-License-Identifier: MIT
/* Two processes on one SQLite file: one is stopped in the middle of a call for so long that the other takes the file
 * over. As in WebAssembly, SQLite's own locks do nothing here. */
#define _POSIX_C_SOURCE 200809L
#include "tests/unit/workspace/process.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER "hb-sqlite-lease-test.tmp"
#define LONG_TEXT 65000

static const char doc[] = "{\"entity_id\":\"my-doc\",\"name\":\"MyDoc\",\"fields\":{\"title\":\"long-text\"}}";

static int64_t read_clock(void *ctx);

static hb_status try_start(process *p, const char *owner) {
    return process_start(p, hb_fs_posix(), read_clock, owner,
                         "{\"type\":\"sqlite\",\"vfs\":\"stopper\",\"database\":\"" FOLDER "/x.db\"}", "");
}

static void remove_files(void) {
    hb_err err;
    hb_err_init(&err);
    CHECK_INT(hb_fs_remove_tree(hb_fs_posix(), hb_mem_default(), HB_STR(FOLDER), &err), HB_OK);
}

static void stopper_add(void);

static void prepare(void) {
    stopper_add();
    remove_files();
    mkdir(FOLDER, 0777);
    process p;
    must(&p, try_start(&p, "first"));
    must(&p, define(&p.f, doc));
    must(&p, put(&p, "1", "a"));
    must(&p, put(&p, "2", "b"));
    fixture_close(&p.f);
}

/* ---- being stopped -------------------------------------------------------------------------- */

/* Stops a process right before the nth operation by which SQLite changes a file, or in the middle of its nth look at
 * the clock; and is the VFS for that: the host's without its locks. */
static struct {
    sqlite3_vfs vfs, *host;
    const sqlite3_io_methods *inner;
    sqlite3_io_methods methods;
    uint64_t at;                /* counts down; 0: never */
    bool by_clock;
    process *victim;
} stopper;

/* As if the heartbeat of whoever holds the lock were long ago. */
static void age_lock(void) {
    hb_arena arena;
    hb_err err;
    hb_arena_init(&arena, hb_mem_default());
    hb_err_init(&err);
    hb_str *names;
    uint32_t count = 0;
    hb_str folder = HB_STR(FOLDER "/x.db.hb-lock");
    CHECK_INT(hb_fs_names(hb_fs_posix(), folder, &arena, &names, &count, &err), HB_OK);
    CHECK_INT(count, 1);
    for (uint32_t i = 0; i < count; i++) {
        hb_str path = hb_arena_printf(&arena, "%.*s/%.*s", HB_ARG(folder), HB_ARG(names[i]));
        struct stat info;
        CHECK_INT(stat(path.ptr, &info), 0);
        const struct timespec times[2] = { { info.st_mtim.tv_sec - 9, 0 }, { info.st_mtim.tv_sec - 9, 0 } };
        CHECK_INT(utimensat(AT_FDCWD, path.ptr, times, 0), 0);
    }
    hb_arena_free(&arena);
}

static void rob(void) {
    age_lock();
    stopper.victim->ms += 9000;
    process b;
    must(&b, try_start(&b, "b"));
    must(&b, put(&b, "1", "of b"));
    must(&b, put(&b, "5", "of b"));
    fixture_close(&b.f);
}

static void tick(bool clock) {
    if (clock == stopper.by_clock && stopper.at > 0 && --stopper.at == 0) rob();
}

static int64_t read_clock(void *ctx) {
    const process *p = ctx;
    if (p == stopper.victim) tick(true);
    return p->ms;
}

static int stop_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at) {
    tick(false);
    return stopper.inner->xWrite(file, bytes, len, at);
}

static int stop_truncate(sqlite3_file *file, sqlite3_int64 size) {
    tick(false);
    return stopper.inner->xTruncate(file, size);
}

static int stop_sync(sqlite3_file *file, int flags) {
    (void)file;
    (void)flags;
    tick(false);
    return SQLITE_OK;           /* nobody cuts the power here */
}

static int stop_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *out) {
    const int rc = stopper.host->xOpen(vfs, name, file, flags, out);
    if (rc != SQLITE_OK) return rc;
    stopper.inner = file->pMethods;
    stopper.methods = *file->pMethods;
    stopper.methods.xWrite = stop_write;
    stopper.methods.xTruncate = stop_truncate;
    stopper.methods.xSync = stop_sync;
    file->pMethods = &stopper.methods;
    return rc;
}

static int stop_delete(sqlite3_vfs *vfs, const char *name, int sync_folder) {
    (void)sync_folder;
    return stopper.host->xDelete(vfs, name, 0);
}

static void stopper_add(void) {
    if (stopper.host != NULL) return;
    stopper.host = sqlite3_vfs_find("unix-none");
    stopper.vfs = *stopper.host;
    stopper.vfs.zName = "stopper";
    stopper.vfs.xOpen = stop_open;
    stopper.vfs.xDelete = stop_delete;
    sqlite3_vfs_register(&stopper.vfs, 0);
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void file_is_sound(void) {
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    CHECK_INT(sqlite3_open_v2(FOLDER "/x.db", &db, SQLITE_OPEN_READWRITE, "stopper"), SQLITE_OK);
    sqlite3_exec(db, "PRAGMA locking_mode=EXCLUSIVE", NULL, NULL, NULL);    /* the log without shared memory */
    CHECK_INT(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL), SQLITE_OK);
    if (CHECK_INT(sqlite3_step(stmt), SQLITE_ROW)) CHECK_CSTR((const char *)sqlite3_column_text(stmt, 0), "ok");
    sqlite3_finalize(stmt);
    sqlite3_close(db);
}

static int64_t log_pages(void) {
    struct stat info;
    return stat(FOLDER "/x.db-wal", &info) == 0 ? info.st_size / 4120 : 0;
}

/* Its call has happened before the other's, or not at all, wherever it was stopped. */
static void stopped_at(uint64_t at, const char *filler, bool *reached, bool *lost) {
    prepare();
    process a;
    must(&a, try_start(&a, "a"));
    must(&a, put(&a, "2", "of a"));
    while (filler[0] != '\0' && log_pages() < 980) must(&a, put(&a, "1", filler));
    stopper.victim = &a;
    stopper.at = at;
    const hb_status status = put(&a, "1", filler[0] != '\0' ? filler : "of a, late");
    *reached = stopper.at == 0;
    *lost = status != HB_OK;
    stopper.at = 0;
    if (status != HB_OK) CHECK_INT(status, HB_E_LOCKED);
    if (*reached) {
        /* It may hear of it only now, and goes on by itself. */
        if (query(&a.f, "my-doc", "{}") != HB_OK) CHECK_CSTR(a.f.err.native, "HELD");
        CHECK_CSTR(titles(&a), "1|of b\n2|of a\n5|of b\n");
        must(&a, put(&a, "1", "again"));
        CHECK_CSTR(titles(&a), "1|again\n2|of a\n5|of b\n");
        must(&a, call(&a.f, (hb_request){ .kind = HB_CALL_AUDIT, .entity = HB_ENTITY_NONE }));
        CHECK(strstr(answer(&a.f)->json.ptr, "\"catalog\":{\"ok\":true") != NULL);
    }
    fixture_close(&a.f);
    file_is_sound();
    remove_files();
}

static void a_stopped_writer_undoes_nothing(void) {
    char name[64];
    bool reached = true, lost, seen_lost = false, seen_done = false;
    for (uint64_t at = 1; reached; at++) {
        snprintf(name, sizeof(name), "stopped at operation %d", (int)at);
        CASE(name);
        stopped_at(at, "", &reached, &lost);
        seen_lost = seen_lost || (reached && lost);
        seen_done = seen_done || (reached && !lost);
    }
    CHECK(seen_lost && seen_done);
}

/* The log is so long by then that the commit also folds it into the file. What is written there cannot be told from
 * what the other writes, but for the look at the clock before each page. */
static void a_writer_that_is_stopped_while_it_folds_the_log_undoes_nothing(void) {
    char *text = malloc(LONG_TEXT + 1), name[64];
    memset(text, 'x', LONG_TEXT);
    text[LONG_TEXT] = '\0';
    bool reached = true, lost, seen_done = false;
    stopper.by_clock = true;
    for (uint64_t at = 1; reached; at += 8) {
        snprintf(name, sizeof(name), "stopped at operation %d", (int)at);
        CASE(name);
        stopped_at(at, text, &reached, &lost);
        seen_done = seen_done || (reached && !lost);
    }
    CHECK(seen_done);
    stopper.by_clock = false;
    free(text);
}

static void a_reader_that_slept_sees_what_was_written_meanwhile(void) {
    prepare();
    process a;
    must(&a, try_start(&a, "a"));
    CHECK_CSTR(titles(&a), "1|a\n2|b\n");
    stopper.victim = &a;
    rob();
    CHECK_INT(query(&a.f, "my-doc", "{}"), HB_E_LOCKED);
    CHECK_CSTR(a.f.err.native, "HELD");
    CHECK_CSTR(titles(&a), "1|of b\n2|b\n5|of b\n");
    fixture_close(&a.f);
    remove_files();
}

/* ---- programs without the lock ---------------------------------------------------------------- */

/* As HeavenBase for Python would: nothing keeps it out of the file while `a` holds it. */
static void meddle(const char *sql) {
    sqlite3 *db = NULL;
    CHECK_INT(sqlite3_open_v2(FOLDER "/x.db", &db, SQLITE_OPEN_READWRITE, "stopper"), SQLITE_OK);
    sqlite3_exec(db, "PRAGMA locking_mode=EXCLUSIVE", NULL, NULL, NULL);
    char *message = NULL;
    if (!CHECK_INT(sqlite3_exec(db, sql, NULL, NULL, &message), SQLITE_OK)) test_check(false, message, __FILE__, __LINE__);
    sqlite3_free(message);
    sqlite3_close(db);
}

static void meddled_start(process *a, bool python, const char *owner) {
    const char *options = python ? "{\"type\":\"sqlite\",\"vfs\":\"stopper\",\"layout\":\"python\",\"database\":\"" FOLDER "/x.db\"}"
                                 : "{\"type\":\"sqlite\",\"vfs\":\"stopper\",\"database\":\"" FOLDER "/x.db\"}";
    must(a, process_start(a, hb_fs_posix(), read_clock, owner, options, ""));
}

/* So many pages that the one who opens the file anew has not read them all. */
static void meddled_fill(bool python) {
    process a;
    char title[3000], id[16];
    stopper_add();
    remove_files();
    mkdir(FOLDER, 0777);
    meddled_start(&a, python, "first");
    must(&a, define(&a.f, doc));
    must(&a, define(&a.f, "{\"entity_id\":\"other\",\"name\":\"Other\",\"fields\":{\"n\":\"integer\"}}"));
    must(&a, upsert(&a.f, "other", "{\"object_id\":\"o\",\"n\":7}"));
    memset(title, 'x', sizeof(title) - 1);
    title[sizeof(title) - 1] = '\0';
    for (int i = 0; i < 40; i++) {
        snprintf(id, sizeof(id), "p%d", i);
        must(&a, put(&a, id, title));
    }
    fixture_close(&a.f);
}

/* "make the call again" is what the hosts do by themselves. */
static void check_dropped(process *a, hb_status status, const char *table) {
    char says[120];
    if (status == HB_E_LOCKED) {
        CHECK_CSTR(a->f.err.native, "HELD");
        status = query(&a->f, "my-doc", "{}");
    }
    snprintf(says, sizeof(says), "table '%s': it is gone; audit() names all that differs, repair() mends it", table);
    CHECK_INT(status, HB_E_SCHEMA_DRIFT);
    CHECK_CSTR(a->f.err.msg, says);
    CHECK_CSTR(a->f.err.entity, "my-doc");
    CHECK_CSTR(a->f.err.backend, "main");
}

static void check_meddled(bool python, bool idle, bool writes, bool vacuum) {
    const char *table = python ? "my_doc" : "shop/my-doc";
    char sql[100];
    process a;
    snprintf(sql, sizeof(sql), "%s layout, %s, %s, %s", python ? "python" : "own", idle ? "idle" : "held", writes ? "write" : "read", vacuum ? "vacuum" : "drop");
    CASE(sql);
    meddled_fill(python);
    meddled_start(&a, python, "a");
    must(&a, by_id(&a.f, HB_CALL_GET, "my-doc", "p1"));
    if (idle) hb_workspace_idle(a.f.ws);
    snprintf(sql, sizeof(sql), "DROP TABLE \"%s\"; %s", table, vacuum ? "VACUUM" : "");
    meddle(sql);
    if (!writes) {
        const hb_request refresh = { .kind = HB_CALL_REFRESH, .entity = HB_ENTITY_NONE };
        if (call(&a.f, refresh) == HB_E_LOCKED) must(&a, call(&a.f, refresh));
    }
    check_dropped(&a, writes ? put(&a, "z", "new") : query(&a.f, "my-doc", "{}"), table);
    check_dropped(&a, put(&a, "z", "new"), table);
    must(&a, query(&a.f, "other", "{}"));
    CHECK_CSTR(lines(&a.f, "n"), "o|7\n");
    must(&a, upsert(&a.f, "other", "{\"object_id\":\"u\",\"n\":8}"));
    must(&a, call(&a.f, (hb_request){ .kind = HB_CALL_REPAIR }));
    must(&a, put(&a, "z", "new"));
    CHECK_CSTR(titles(&a), "z|new\n");
    fixture_close(&a.f);
    file_is_sound();
    meddled_start(&a, python, "later");
    CHECK_CSTR(titles(&a), "z|new\n");
    must(&a, query(&a.f, "other", "{}"));
    CHECK_CSTR(lines(&a.f, "n"), "o|7\nu|8\n");
    fixture_close(&a.f);
    remove_files();
}

static void a_table_that_is_dropped_under_us_is_named(void) {
    for (int i = 0; i < 16; i++) check_meddled((i & 1) != 0, (i & 2) != 0, (i & 4) != 0, (i & 8) != 0);
}

/* Neither a write, nor giving the file back, nor closing damages what somebody else wrote meanwhile. */
static void what_was_written_under_us_stays(void) {
    static const char *const ends[] = { "write", "idle", "close" };
    for (int end = 0; end < 3; end++) {
        CASE(ends[end]);
        process a;
        meddled_fill(false);
        meddled_start(&a, false, "a");
        must(&a, put(&a, "p1", "of a"));
        meddle("UPDATE \"shop/my-doc\" SET title = 'theirs' WHERE object_id = 'p2'; DELETE FROM \"shop/my-doc\" WHERE object_id > 'p3'; VACUUM");
        if (end == 0) must(&a, put(&a, "p3", "of a"));
        if (end == 1) hb_workspace_idle(a.f.ws);
        if (end != 2) must(&a, put(&a, "p0", "of a"));
        fixture_close(&a.f);
        file_is_sound();
        meddled_start(&a, false, "later");
        must(&a, query(&a.f, "my-doc", "{\"filter\":{\"object_id\":{\"in\":[\"p1\",\"p2\"]}}}"));
        CHECK_CSTR(lines(&a.f, "title"), "p1|of a\np2|theirs\n");
        fixture_close(&a.f);
        remove_files();
    }
}

TEST_SUITE {
    TEST(a_table_that_is_dropped_under_us_is_named);
    TEST(what_was_written_under_us_stays);
    TEST(a_stopped_writer_undoes_nothing);
    TEST(a_writer_that_is_stopped_while_it_folds_the_log_undoes_nothing);
    TEST(a_reader_that_slept_sees_what_was_written_meanwhile);
}
