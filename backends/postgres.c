// SPDX-License-Identifier: MIT
/* postgres and pgvector: PostgreSQL by a driver of the host (node-postgres, PGlite, ...) or by
 * HTTP; the second keeps vectors in the type of the extension pgvector, which has to be there.
 *
 * Facts: https://www.postgresql.org/docs/current/ (errcodes-appendix, functions-string,
 * sql-insert), and pgvector's README for <->, <#> and <=>. */
#include "backends/sql/transport.h"

/* By class, the first two letters of a SQLSTATE; drivers and Node have words of their own. */
static hb_status status_of(hb_str native) {
    static const sql_code known[] = {
        { { "23505", 5 }, HB_E_UNIQUE },
        { { "42501", 5 }, HB_E_REFUSED },
        { { "42P01", 5 }, HB_E_SCHEMA_DRIFT },
        { { "42703", 5 }, HB_E_SCHEMA_DRIFT },
        { { "42804", 5 }, HB_E_SCHEMA_DRIFT },
        { { "57014", 5 }, HB_E_TIMEOUT },
        { { "3F000", 5 }, HB_E_SCHEMA_DRIFT },
        { { "22", 2 }, HB_E_VALIDATION },
        { { "23", 2 }, HB_E_VALIDATION },
        { { "28", 2 }, HB_E_REFUSED },
        { { "40", 2 }, HB_E_LOCKED },
        { { "55P03", 5 }, HB_E_LOCKED },
        { { "08", 2 }, HB_E_UNAVAILABLE },
        { { "53", 2 }, HB_E_UNAVAILABLE },
        { { "57P", 3 }, HB_E_UNAVAILABLE },
        { { "54", 2 }, HB_E_LIMIT },
        { { "E", 1 }, HB_E_UNAVAILABLE },
        { { "UNAVAILABLE", 11 }, HB_E_UNAVAILABLE },
        { { "UNSUPPORTED", 11 }, HB_E_UNSUPPORTED },
    };
    return sql_status_by_prefix(known, sizeof(known) / sizeof(known[0]), native);
}

#define COLUMNS                                                                                    \
    "SELECT c.relname::text, a.attname::text, t.typname::text FROM pg_catalog.pg_attribute a "     \
    "JOIN pg_catalog.pg_class c ON c.oid = a.attrelid "                                            \
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "                                    \
    "JOIN pg_catalog.pg_type t ON t.oid = a.atttypid WHERE a.attnum > 0 AND NOT a.attisdropped "   \
    "AND c.relkind IN ('r', 'p') AND n.nspname = $s"
#define LOCK "SELECT pg_advisory_xact_lock(hashtext($s))"
#define KNOWN_TYPES                                                                                \
    [HB_KIND_NULL] = "text", [HB_KIND_BOOL] = "bool", [HB_KIND_I64] = "int8",                      \
    [HB_KIND_F64] = "float8", [HB_KIND_TEXT] = "text", [HB_KIND_BYTES] = "bytea",                  \
    [HB_KIND_PACK] = "text"

static const sql_transport *const transports[] = { &sql_transport_neon, NULL };

static const sql_engine engine_postgres = {
    .dialect = &hb_dialect_postgres,
    .columns = COLUMNS,
    .lock = LOCK,
    .known_types = { KNOWN_TYPES, [HB_KIND_VEC] = "bytea" },
    .status_of = status_of,
    .transports = transports,
};

static const sql_engine engine_pgvector = {
    .dialect = &hb_dialect_pgvector,
    .columns = COLUMNS,
    .lock = LOCK,
    .known_types = { KNOWN_TYPES, [HB_KIND_VEC] = "vector" },
    .vector_type = true,
    /* A zero vector has no direction: the engine says NaN, which comes last; with us it scores 0.
     */
    .distances = { [HB_METRIC_COSINE] = "coalesce(nullif($c <=> $v, 'NaN'), 1)",
                   [HB_METRIC_L2] = "$c <-> $v",
                   [HB_METRIC_DOT] = "$c <#> $v" },
    .status_of = status_of,
    .transports = transports,
};

static hb_status open_postgres(hb_instance *instance, hb_err *err) {
    return sql_open(instance, &engine_postgres, err);
}

static hb_status open_pgvector(hb_instance *instance, hb_err *err) {
    return sql_open(instance, &engine_pgvector, err);
}

static hb_offer offer(const hb_type *type, hb_strategy strategy, bool indexed,
                      const hb_expr *leaf) {
    (void)strategy, (void)indexed;
    return sql_offer(&hb_dialect_postgres, type, leaf);
}

static hb_offer supports_postgres(const hb_type *type, hb_strategy strategy, hb_str op) {
    return sql_supports(&engine_postgres, type, strategy, op);
}

static hb_offer supports_pgvector(const hb_type *type, hb_strategy strategy, hb_str op) {
    return sql_supports(&engine_pgvector, type, strategy, op);
}

/* All but the first and the last are for what makes the driver; `uri` also goes to Neon. */
static const hb_option options[] = {
    { "schema", 's', false, "the schema that holds the workspace; default hb_<workspace id>" },
    { "uri", 's', true, "postgresql://user:password@host:port/database" },
    { "host", 's', false, "server; default localhost" },
    { "port", 'i', false, "default 5432" },
    { "database", 's', false, "database" },
    { "username", 's', false, "role" },
    { "password", 's', true, "its password" },
    { "params", 'o', false, "sslmode and other parameters of the connection" },
    { "superuser", 'o', false, "who may make roles and databases: {username, password, ...}" },
    { "shared_database", 'b', false, "the database holds other things too" },
    SQL_HTTP_OPTIONS,
    { NULL, 0, false, NULL },
};

static const char *const aliases[] = { "postgresql", "pg", NULL };

const hb_backend hb_backend_postgres = {
    .name = "postgres",
    .aliases = aliases,
    .desc = "PostgreSQL, by a driver of the host or by HTTP",
    .roles = HB_ROLE_ROW | HB_TAG_SQL,
    .routing_rank = 20,
    .supports = supports_postgres,
    .offer = offer,
    .open = open_postgres,
    .local = false,
    .options = options,
    .caps = { SQL_CAPS, SQL_AGGREGATES },
    SQL_FUNCTIONS,
};

const hb_backend hb_backend_pgvector = {
    .name = "pgvector",
    .desc = "PostgreSQL with the extension pgvector, by a driver of the host or by HTTP",
    .roles = HB_ROLE_ROW | HB_ROLE_VECTOR | HB_TAG_SQL | HB_TAG_VECTOR,
    .routing_rank = 21,
    .supports = supports_pgvector,
    .offer = offer,
    .open = open_pgvector,
    .local = false,
    .options = options,
    .caps = { SQL_CAPS, SQL_AGGREGATES },
    SQL_FUNCTIONS,
};
