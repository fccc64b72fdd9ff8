// SPDX-License-Identifier: MIT
/* Workspace options in JSON: opening says yes or a typed error, and what opened can be asked and closed. Whatever file
 * they name lies in memory: SQLite's own file systems are taken away. */
#include <sqlite3.h>

#include "tests/fuzz/fuzz.h"
#include "tests/unit/support/memory_vfs.h"

static void keep_off_the_disk(void) {
    MUST(sqlite3_initialize() == SQLITE_OK);
    MUST(sqlite3_vfs_register(sqlite3_vfs_find("hb-memory"), 1) == SQLITE_OK);
    static const char *const others[] = { "unix", "unix-none", "unix-dotfile", "unix-excl", "memdb" };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        sqlite3_vfs *vfs = sqlite3_vfs_find(others[i]);
        if (vfs != NULL) MUST(sqlite3_vfs_unregister(vfs) == SQLITE_OK);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const hb_call_kind kinds[] = { HB_CALL_INFO, HB_CALL_AUDIT, HB_CALL_REGISTER, HB_CALL_AUDIT, HB_CALL_DROP };
    hb_arena arena;
    hb_err err;
    hb_workspace *ws = NULL;
    memory_fs disk;
    memory_fs_init(&disk);
    memory_vfs_use(&disk);
    keep_off_the_disk();
    const hb_host host = { .mem = hb_mem_default(), .fs = &disk.fs };
    hb_arena_init(&arena, hb_mem_default());
    const hb_str options = hb_arena_str(&arena, hb_str_n(data, size));
    const hb_str definition = fuzz_pack("{\"name\":\"Doc\",\"fields\":{\"n\":\"integer\"}}", &arena);
    const hb_status status = hb_workspace_open_on(options, &host, &ws, &err);
    MUST_SAY(status != HB_E_INTERNAL, err.msg);
    if (status == HB_OK) {
        for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
            const hb_request request = { .kind = kinds[i], .entity = HB_ENTITY_NONE, .text = definition };
            (void)fuzz_call_plain(ws, request, &err);
        }
        hb_workspace_close(ws);
    } else {
        MUST(status == err.code && err.msg[0] != '\0');
    }
    const hb_request capabilities = { .kind = HB_CALL_CAPABILITIES, .text = options };
    (void)fuzz_call_plain(NULL, capabilities, &err);
    hb_arena_free(&arena);
    memory_vfs_use(NULL);
    memory_fs_free(&disk);
    return 0;
}
