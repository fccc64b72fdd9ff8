// SPDX-License-Identifier: MIT
/* The file seam: the C library's files and those in memory keep the same promises. */
#include "tests/unit/test.h"

#include "base/fs.h"
#include "tests/unit/support/memory_fs.h"

#define FOLDER "hb-fs-test.tmp"

static hb_err err;

static void must(hb_status status) {
    if (!CHECK_INT(status, HB_OK)) test_check(false, err.msg, __FILE__, __LINE__);
}

static void promises(const hb_fs *fs) {
    hb_arena arena;
    hb_arena_init(&arena, hb_mem_default());
    hb_buf bytes;
    hb_buf_init(&bytes, hb_mem_default());
    bool found = true;

    must(hb_fs_remove_tree(fs, hb_mem_default(), HB_STR(FOLDER), &err));
    must(hb_fs_read_all(fs, HB_STR(FOLDER "/a"), 100, &bytes, &found, &err));
    CHECK(!found);
    must(hb_fs_make_folders(fs, HB_STR(FOLDER "/x/y"), &err));
    must(hb_fs_make_folders(fs, HB_STR(FOLDER "/x/y"), &err));
    must(hb_fs_write_all(fs, HB_STR(FOLDER "/x/b"), HB_STR("two\0three"), true, &err));
    must(hb_fs_write_all(fs, HB_STR(FOLDER "/x/a%3A\xc3\xa9"), HB_STR(""), false, &err));
    must(hb_fs_read_all(fs, HB_STR(FOLDER "/x/b"), 9, &bytes, &found, &err));
    CHECK(found);
    CHECK_BYTES(bytes.ptr, bytes.len, "two\0three", 9);
    hb_buf_clear(&bytes);
    CHECK_INT(hb_fs_read_all(fs, HB_STR(FOLDER "/x/b"), 8, &bytes, &found, &err), HB_E_LIMIT);
    must(hb_fs_write_all(fs, HB_STR(FOLDER "/x/b"), HB_STR("1"), false, &err));

    hb_str *names;
    uint32_t count;
    must(hb_fs_names(fs, HB_STR(FOLDER "/x"), &arena, &names, &count, &err));
    if (CHECK_INT(count, 3)) {
        CHECK_STR(names[0], "a%3A\xc3\xa9");
        CHECK_STR(names[1], "b");
        CHECK_STR(names[2], "y");
    }
    must(hb_fs_names(fs, HB_STR(FOLDER "/none"), &arena, &names, &count, &err));
    CHECK_INT(count, 0);

    hb_fs_stat info;
    CHECK_INT(fs->stat(fs->ctx, HB_STR(FOLDER "/x"), &info), HB_FS_OK);
    CHECK(info.folder);
    CHECK_INT(fs->stat(fs->ctx, HB_STR(FOLDER "/x/b"), &info), HB_FS_OK);
    CHECK(!info.folder);
    CHECK_INT(info.size, 1);
    CHECK(info.modified_ns > 0);
    CHECK_INT(fs->stat(fs->ctx, HB_STR(FOLDER "/none"), &info), HB_FS_MISSING);

    int32_t file;
    CHECK_INT(fs->open(fs->ctx, HB_STR(FOLDER "/x/b"), HB_FS_CREATE, &file), HB_FS_EXISTS);
    CHECK_INT(fs->open(fs->ctx, HB_STR(FOLDER "/none/b"), HB_FS_WRITE, &file), HB_FS_MISSING);
    if (CHECK_INT(fs->open(fs->ctx, HB_STR(FOLDER "/lock"), HB_FS_CREATE, &file), HB_FS_OK)) {
        CHECK_INT(fs->close(fs->ctx, file), HB_FS_OK);
    }
    CHECK_INT(fs->rename(fs->ctx, HB_STR(FOLDER "/x/b"), HB_STR(FOLDER "/lock")), HB_FS_OK);
    hb_buf_clear(&bytes);
    must(hb_fs_read_all(fs, HB_STR(FOLDER "/lock"), 9, &bytes, &found, &err));
    CHECK_STR(hb_buf_str(&bytes), "1");
    CHECK_INT(fs->rename(fs->ctx, HB_STR(FOLDER "/x/b"), HB_STR(FOLDER "/lock")), HB_FS_MISSING);
    CHECK_INT(fs->sync_folder(fs->ctx, HB_STR(FOLDER)), HB_FS_OK);
    CHECK_INT(fs->remove(fs->ctx, HB_STR(FOLDER "/x/b")), HB_FS_MISSING);
    CHECK_INT(fs->remove_folder(fs->ctx, HB_STR(FOLDER "/x")), HB_FS_NOT_EMPTY);
    CHECK_INT(fs->make_folder(fs->ctx, HB_STR(FOLDER "/x")), HB_FS_EXISTS);
    must(hb_fs_remove_tree(fs, hb_mem_default(), HB_STR(FOLDER), &err));
    CHECK_INT(fs->stat(fs->ctx, HB_STR(FOLDER), &info), HB_FS_MISSING);

    hb_buf_free(&bytes);
    hb_arena_free(&arena);
}

static void the_c_librarys_files_keep_the_promises(void) { promises(hb_fs_posix()); }

static void files_in_memory_keep_them_too(void) {
    memory_fs m;
    memory_fs_init(&m);
    promises(&m.fs);
    memory_fs_free(&m);
}

static void errors_name_the_path_and_the_reason(void) {
    const hb_fs *fs = hb_fs_posix();
    CHECK_INT(hb_fs_write_all(fs, HB_STR("no-such-folder/x"), HB_STR(""), false, &err), HB_E_UNAVAILABLE);
    CHECK_CSTR(err.native, "ENOENT");
    CHECK_CSTR(err.msg, "cannot create 'no-such-folder/x': there is no such file or folder");
    CHECK_INT(hb_fs_write_all(fs, HB_STR("a\0b"), HB_STR(""), false, &err), HB_E_INVALID_ID);
    CHECK_INT(hb_fs_fail(HB_FS_REFUSED, "open", HB_STR("x"), &err), HB_E_REFUSED);
    CHECK_INT(hb_fs_fail(HB_FS_FULL, "write", HB_STR("x"), &err), HB_E_BACKEND);
    CHECK_CSTR(err.native, "ENOSPC");
    CHECK_INT(hb_fs_require(NULL, &err), HB_E_UNAVAILABLE);
}

static void the_nth_operation_fails_once_or_for_good(void) {
    memory_fs m;
    memory_fs_init(&m);
    must(hb_fs_make_folders(&m.fs, HB_STR("w"), &err));
    memory_fs_fail_at(&m, 2, HB_FS_FULL, false);
    CHECK_INT(hb_fs_write_all(&m.fs, HB_STR("w/a"), HB_STR("1234"), true, &err), HB_E_BACKEND);
    CHECK(m.failed);
    CHECK_STR(memory_fs_bytes(&m, "w/a"), "12");
    must(hb_fs_write_all(&m.fs, HB_STR("w/a"), HB_STR("1234"), true, &err));
    memory_fs_fail_at(&m, 3, HB_FS_IO, true);
    CHECK_INT(hb_fs_write_all(&m.fs, HB_STR("w/b"), HB_STR("1234"), true, &err), HB_E_BACKEND);
    CHECK_INT(hb_fs_write_all(&m.fs, HB_STR("w/c"), HB_STR("1234"), true, &err), HB_E_BACKEND);
    CHECK_INT(memory_fs_count(&m, "w"), 2);
    memory_fs_power_cut(&m);
    CHECK_STR(memory_fs_bytes(&m, "w/a"), "1234");
    CHECK_STR(memory_fs_bytes(&m, "w/b"), "");
    CHECK_CSTR(memory_fs_path(&m, "w", 1), "w/b");
    memory_fs_free(&m);
}

TEST_SUITE {
    TEST(the_c_librarys_files_keep_the_promises);
    TEST(files_in_memory_keep_them_too);
    TEST(errors_name_the_path_and_the_reason);
    TEST(the_nth_operation_fails_once_or_for_good);
}
