// SPDX-License-Identifier: MIT
#include "tests/unit/support/library_memory.h"

#include <cJSON.h>
#include <sqlite3.h>
#include <stdlib.h>

static sqlite3_mem_methods host;

/* Whose allocations the hooks count; the libraries have none of their own. */
static faulty *watched;
static faulty_part part;

static bool refuses(faulty_part asked) { return watched != NULL && part == asked && faulty_refuses(watched); }

static void *json_alloc(size_t size) { return refuses(FAULTY_CJSON) ? NULL : malloc(size); }

static void *sql_alloc(int size) { return refuses(FAULTY_SQLITE) ? NULL : host.xMalloc(size); }
static void *sql_realloc(void *ptr, int size) { return refuses(FAULTY_SQLITE) ? NULL : host.xRealloc(ptr, size); }

static void sql_watch(bool on) {
    CHECK_INT(sqlite3_shutdown(), SQLITE_OK);
    if (host.xMalloc == NULL) CHECK_INT(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &host), SQLITE_OK);
    sqlite3_mem_methods methods = host;
    if (on) {
        methods.xMalloc = sql_alloc;
        methods.xRealloc = sql_realloc;
    }
    CHECK_INT(sqlite3_config(SQLITE_CONFIG_MALLOC, &methods), SQLITE_OK);
    CHECK_INT(sqlite3_initialize(), SQLITE_OK);
}

void library_memory_start(void) {
    cJSON_Hooks hooks = { json_alloc, free };
    cJSON_InitHooks(&hooks);
    sql_watch(true);
}

void library_memory_stop(void) {
    library_memory_watch(NULL, FAULTY_CORE);
    cJSON_InitHooks(NULL);
    sql_watch(false);
}

void library_memory_watch(faulty *f, faulty_part asked) {
    watched = f;
    part = asked;
}
