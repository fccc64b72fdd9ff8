// SPDX-License-Identifier: MIT
/* Every SQL dialect, and a workspace on its engine with an entity "doc", whose server notes what it is asked. */
#ifndef HB_TESTS_UNIT_BACKENDS_DIALECTS_H
#define HB_TESTS_UNIT_BACKENDS_DIALECTS_H

#include <stdio.h>

#include "tests/unit/support/sql_server.h"

#include "compile/sql.h"
#include "query/query.h"

#define MAIN(options) "{\"id\":\"w\",\"catalog\":false,\"backends\":{\"main\":{" options "}}}"

static const struct {
    const char *name;
    const char *options;        /* NULL: no workspace is opened on it, conditions alone are written */
    const char *which;          /* answer to the question which engine it is */
    const hb_dialect *dialect;
    bool local;                 /* in this process: nobody sends its statements */
    const char *columns;        /* what the question for columns has in it; NULL: information_schema.columns */
} dialects[] = {
    { "sqlite", MAIN("\"type\":\"sqlite\",\"database\":\":memory:\""), NULL, &hb_dialect_sqlite, true, NULL },
    { "postgres", MAIN("\"type\":\"postgres\""), NULL, &hb_dialect_postgres, false, NULL },
    { "pgvector", MAIN("\"type\":\"pgvector\""), NULL, &hb_dialect_pgvector, false, NULL },
    { "duckdb", MAIN("\"type\":\"duckdb\""), NULL, &hb_dialect_duckdb, false, NULL },
    { "mysql", MAIN("\"type\":\"mysql\""), "c\nutf8mb4_0900_bin\n", &hb_dialect_mysql, false, NULL },
    { "mariadb", MAIN("\"type\":\"mysql\""), "c\nutf8mb4_nopad_bin\n", &hb_dialect_mariadb, false, NULL },
    { "oceanbase", MAIN("\"type\":\"oceanbase\""), NULL, &hb_dialect_mysql_binary, false, NULL },
    { "mssql", MAIN("\"type\":\"mssql\""), NULL, &hb_dialect_mssql, false, "INFORMATION_SCHEMA.COLUMNS" },
    { "oracle", MAIN("\"type\":\"oracle\""), NULL, &hb_dialect_oracle, false, "_tab_columns" },
    { "trino", NULL, NULL, &hb_dialect_trino, true, NULL },           /* sends requests of its own protocol: trino_test.c */
    { "starrocks", NULL, NULL, &hb_dialect_starrocks, true, NULL },  /* its statements hold their values: starrocks_test.c */
};
#define DIALECT_COUNT (sizeof dialects / sizeof dialects[0])

static inline const char *columns_of(size_t at) {
    return dialects[at].columns != NULL ? dialects[at].columns : "information_schema.columns";
}

typedef struct engine {
    fixture f;
    server s;
    hb_schema *schema;          /* of a local one */
} engine;

static inline void engine_open(engine *e, size_t at, const char *definition) {
    memset(e, 0, sizeof(*e));
    server_init(&e->s, columns_of(at));
    e->s.which = dialects[at].which;
    e->s.with_types = true;
    if (dialects[at].options != NULL) fixture_open(&e->f, dialects[at].options);
    else hb_arena_init(&e->f.arena, hb_mem_default());
    if (!dialects[at].local) CHECK_INT(attach(&e->f, &e->s), HB_OK);
    const hb_str pack = pack_of(&e->f, definition);
    if (dialects[at].options != NULL) CHECK_INT(served(&e->f, &e->s, (hb_request){ .kind = HB_CALL_REGISTER, .text = pack }), HB_OK);
    CHECK_INT(hb_schema_parse(pack, hb_mem_default(), &e->schema, &e->f.err), HB_OK);
}

static inline void engine_close(engine *e) {
    if (e->schema != NULL) hb_schema_free(e->schema);
    hb_buf_free(&e->s.sent);
    fixture_close(&e->f);
}

static inline hb_status asks(engine *e, hb_call_kind kind, hb_str spec) {
    return served(&e->f, &e->s, (hb_request){ .kind = kind, .entity = hb_workspace_entity(e->f.ws, HB_STR("doc")), .text = spec });
}

#endif
