// SPDX-License-Identifier: MIT
/* trino: Trino by its own protocol, /v1/statement (sql/trino.c). What it can do with rows depends
 * on what is behind the catalog: asked when a workspace attaches, or said by the option `writes`.
 * It has no keys, no indexes, and no transaction around what a call writes.
 *
 * Facts: https://trino.io/docs/current/ (language/types, functions/string, connector/memory,
 * connector/postgresql, sql/merge), the names of io.trino.spi.StandardErrorCode, and what Trino
 * 476 answers. */
#include "backends/sql/transport.h"

static hb_status status_of(hb_str native) {
    static const sql_code known[] = {
        { { "TABLE_NOT_FOUND", 15 }, HB_E_SCHEMA_DRIFT },
        { { "COLUMN_NOT_FOUND", 16 }, HB_E_SCHEMA_DRIFT },
        { { "SCHEMA_NOT_FOUND", 16 }, HB_E_SCHEMA_DRIFT },
        { { "TYPE_MISMATCH", 13 }, HB_E_SCHEMA_DRIFT },
        { { "CATALOG_", 8 }, HB_E_UNAVAILABLE },
        { { "PERMISSION_DENIED", 17 }, HB_E_REFUSED },
        { { "NOT_SUPPORTED", 13 }, HB_E_UNSUPPORTED },
        { { "READ_ONLY_VIOLATION", 19 }, HB_E_REFUSED },
        { { "CONSTRAINT_VIOLATION", 20 }, HB_E_VALIDATION },
        { { "INVALID_CAST_ARGUMENT", 21 }, HB_E_VALIDATION },
        { { "INVALID_FUNCTION_ARG", 20 }, HB_E_VALIDATION },
        { { "NUMERIC_VALUE_OUT", 17 }, HB_E_VALIDATION },
        { { "TRANSACTION_CONFLICT", 20 }, HB_E_LOCKED },
        { { "EXCEEDED_TIME_LIMIT", 19 }, HB_E_TIMEOUT },
        { { "EXCEEDED_CPU_LIMIT", 18 }, HB_E_TIMEOUT },
        { { "USER_CANCELED", 13 }, HB_E_TIMEOUT },
        { { "ADMINISTRATIVELY", 16 }, HB_E_TIMEOUT },
        { { "ABANDONED_", 10 }, HB_E_TIMEOUT },
        { { "EXCEEDED_", 9 }, HB_E_LIMIT },
        { { "QUERY_TEXT_TOO_LARGE", 20 }, HB_E_LIMIT },
        { { "QUERY_HAS_TOO_MANY", 18 }, HB_E_LIMIT },
        { { "COMPILER_ERROR", 14 }, HB_E_LIMIT },
        { { "QUERY_QUEUE_FULL", 16 }, HB_E_UNAVAILABLE },
        { { "CLUSTER_OUT_OF_MEMORY", 21 }, HB_E_UNAVAILABLE },
        { { "NO_NODES_AVAILABLE", 18 }, HB_E_UNAVAILABLE },
        { { "SERVER_", 7 }, HB_E_UNAVAILABLE },
        { { "REMOTE_", 7 }, HB_E_UNAVAILABLE },
        { { "PAGE_TRANSPORT_", 15 }, HB_E_UNAVAILABLE },
    };
    return sql_status_by_prefix(known, sizeof(known) / sizeof(known[0]), native);
}

static bool is_made(hb_str native) {
    return hb_str_ends(native, HB_STR("_ALREADY_EXISTS"));
}

/* What is behind a catalog was asked to make what another program makes just then. */
static bool may_remake(hb_str native) {
    return hb_str_eq(native, HB_STR("JDBC_ERROR")) ||
           hb_str_eq(native, HB_STR("TRANSACTION_CONFLICT"));
}

static const sql_engine engine_merge, engine_replace, engine_insert;

/* Connectors by what a statement of theirs does wholly or not at all. */
static const sql_engine *choose(hb_str connectors) {
    if (hb_str_eq(connectors, HB_STR("\nmemory\n"))) return &engine_insert;
    if (hb_str_eq(connectors, HB_STR("\niceberg\n"))) return &engine_merge;
    if (hb_str_eq(connectors, HB_STR("\ndelta_lake\n"))) return &engine_merge;
    return &engine_replace;
}

static const sql_transport *const transports[] = { &sql_transport_trino, NULL };

#define SHARED_ENGINE                                                                              \
    .dialect = &hb_dialect_trino,                                                                  \
    .columns = "SELECT table_name, column_name, data_type FROM information_schema.columns "        \
               "WHERE table_schema = $s",                                                          \
    .which = "SELECT connector_name FROM system.metadata.catalogs "                                \
             "WHERE catalog_name = current_catalog",                                               \
    .choose = choose, .no_indexes = true, .is_made = is_made, .may_remake = may_remake,            \
    .status_of = status_of, .transports = transports, .by_http = &sql_transport_trino,             \
    .known_types = {                                                                               \
        [HB_KIND_NULL] = "varchar",  [HB_KIND_BOOL] = "boolean", [HB_KIND_I64] = "bigint",         \
        [HB_KIND_F64] = "double",    [HB_KIND_TEXT] = "varchar", [HB_KIND_BYTES] = "varbinary",    \
        [HB_KIND_VEC] = "varbinary", [HB_KIND_PACK] = "varchar",                                   \
    }

static const sql_engine engine_merge = { .writes = SQL_WRITES_MERGE, SHARED_ENGINE };
static const sql_engine engine_replace = { .writes = SQL_WRITES_REPLACE, SHARED_ENGINE };
static const sql_engine engine_insert = { .writes = SQL_WRITES_INSERT,
                                          .empty = "TRUNCATE TABLE ",
                                          SHARED_ENGINE };

static hb_status open_trino(hb_instance *instance, hb_err *err) {
    static const struct {
        hb_str name;
        const sql_engine *engine;
    } ways[] = { { { "merge", 5 }, &engine_merge },
                 { { "replace", 7 }, &engine_replace },
                 { { "insert", 6 }, &engine_insert } };
    const hb_str writes = hb_instance_text(instance, "writes");
    if (writes.len == 0) return sql_open(instance, &engine_replace, err);
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        if (!hb_str_eq(writes, ways[i].name)) continue;
        HB_TRY(sql_open(instance, ways[i].engine, err));
        ((sql_remote *)instance->state)->is_chosen = true;
        return HB_OK;
    }
    hb_err_set(err, HB_E_VALIDATION, "option 'writes' is one of merge, replace, insert");
    return hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, instance->name);
}

static hb_offer offer(const hb_type *type, hb_strategy strategy, bool indexed,
                      const hb_expr *leaf) {
    (void)strategy, (void)indexed;
    return sql_offer(&hb_dialect_trino, type, leaf);
}

static hb_offer supports(const hb_type *type, hb_strategy strategy, hb_str op) {
    return sql_supports(&engine_replace, type, strategy, op);
}

static const hb_option options[] = {
    { "url", 's', false, "the coordinator, https://host:8443" },
    { "catalog", 's', false, "the catalog that holds the workspace" },
    { "schema", 's', false, "the schema that holds it; default hb_<workspace id>" },
    { "username", 's', false, "who asks; not needed with a token that says it" },
    { "password", 's', true, "over https, or on this machine" },
    { "token", 's', true, "a JWT in the place of a password" },
    { "session", 's', false, "properties of the session: name=value,name=value" },
    { "writes", 's', false, "merge, replace or insert: how rows are written; default: asked" },
    { "via", 's', false, "trino, the only way" },
    { NULL, 0, false, NULL },
};

const hb_backend hb_backend_trino = {
    .name = "trino",
    .desc = "Trino by its own protocol, over HTTP",
    .roles = HB_ROLE_ROW | HB_TAG_SQL,
    .routing_rank = 24,
    .local = false,
    .options = options,
    .caps = { SQL_CAPS, SQL_AGGREGATES },
    .supports = supports,
    .offer = offer,
    .open = open_trino,
    SQL_FUNCTIONS,
};
