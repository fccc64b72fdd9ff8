// SPDX-License-Identifier: MIT
/* The one list of backends of this build. */
#include "backends/backend.h"

extern const hb_backend hb_backend_inmem;
#if HB_WITH_FILES
extern const hb_backend hb_backend_json, hb_backend_pickle, hb_backend_file;
#endif
#if HB_WITH_SQLITE
extern const hb_backend hb_backend_sqlite;
#endif
#if HB_WITH_REMOTE
extern const hb_backend hb_backend_postgres, hb_backend_pgvector, hb_backend_duckdb;
extern const hb_backend hb_backend_mysql, hb_backend_oceanbase;
extern const hb_backend hb_backend_trino, hb_backend_starrocks;
extern const hb_backend hb_backend_mssql, hb_backend_oracle;
#endif

const hb_backend *const hb_backends[] = {
    &hb_backend_inmem,
#if HB_WITH_FILES
    &hb_backend_file,
    &hb_backend_json,
    &hb_backend_pickle,
#endif
#if HB_WITH_SQLITE
    &hb_backend_sqlite,
#endif
#if HB_WITH_REMOTE
    &hb_backend_postgres,
    &hb_backend_pgvector,
    &hb_backend_duckdb,
    &hb_backend_mysql,
    &hb_backend_oceanbase,
    &hb_backend_trino,
    &hb_backend_starrocks,
    &hb_backend_mssql,
    &hb_backend_oracle,
#endif
    NULL,
};

static bool backend_is_called(const hb_backend *backend, hb_str name) {
    if (hb_str_eq(hb_str_c(backend->name), name)) return true;
    for (const char *const *alias = backend->aliases; alias != NULL && *alias != NULL; alias++) {
        if (hb_str_eq(hb_str_c(*alias), name)) return true;
    }
    return false;
}

const hb_backend *hb_backend_find(hb_str type_or_alias) {
    for (const hb_backend *const *backend = hb_backends; *backend != NULL; backend++) {
        if (backend_is_called(*backend, type_or_alias)) return *backend;
    }
    return NULL;
}
