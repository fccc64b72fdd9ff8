// SPDX-License-Identifier: MIT
/* duckdb: DuckDB by a driver of the host, its own libraries for Node and browsers, or by HTTP.
 *
 * Facts: https://duckdb.org/docs/stable/ (sql/functions/text, sql/functions/array,
 * sql/meta/duckdb_table_functions), and what DuckDB 1.5 answers. */
#include "backends/sql/transport.h"

/* By the first words of a message, which DuckDB has in the place of codes; here in capitals. */
static hb_status status_of(hb_str native) {
    static const sql_code known[] = {
        { { "CONSTRAINT", 10 }, HB_E_VALIDATION },
        { { "CONVERSION", 10 }, HB_E_VALIDATION },
        { { "OUT_OF_RANGE", 12 }, HB_E_VALIDATION },
        { { "INVALID_INPUT", 13 }, HB_E_VALIDATION },
        { { "CATALOG", 7 }, HB_E_SCHEMA_DRIFT },
        { { "BINDER", 6 }, HB_E_SCHEMA_DRIFT },
        { { "MISMATCH_TYPE", 13 }, HB_E_SCHEMA_DRIFT },
        { { "TRANSACTIONCONTEXT", 18 }, HB_E_LOCKED },
        { { "PERMISSION", 10 }, HB_E_REFUSED },
        { { "INTERRUPT", 9 }, HB_E_TIMEOUT },
        { { "OUT_OF_MEMORY", 13 }, HB_E_LIMIT },
        { { "IO", 2 }, HB_E_UNAVAILABLE },
        { { "CONNECTION", 10 }, HB_E_UNAVAILABLE },
        { { "FATAL", 5 }, HB_E_UNAVAILABLE },
        { { "UNAVAILABLE", 11 }, HB_E_UNAVAILABLE },
        { { "UNSUPPORTED", 11 }, HB_E_UNSUPPORTED },
    };
    return sql_status_by_prefix(known, sizeof(known) / sizeof(known[0]), native);
}

/* A vector's type has its length, which is not asked for: FLOAT[3] is told as FLOAT[]. */
static const sql_engine engine = {
    .dialect = &hb_dialect_duckdb,
    .columns =
        "SELECT table_name, column_name, regexp_replace(data_type, '\\[\\d+\\]$', '[]') "
        "FROM duckdb_columns() WHERE database_name = current_database() AND schema_name = $s",
    .known_types = { [HB_KIND_NULL] = "VARCHAR",
                     [HB_KIND_BOOL] = "BOOLEAN",
                     [HB_KIND_I64] = "BIGINT",
                     [HB_KIND_F64] = "DOUBLE",
                     [HB_KIND_TEXT] = "VARCHAR",
                     [HB_KIND_BYTES] = "BLOB",
                     [HB_KIND_VEC] = "FLOAT[]",
                     [HB_KIND_PACK] = "VARCHAR" },
    .no_indexes = true,
    .vector_type = true,
    /* A zero vector has no direction: with us it scores 0, and so does everything against it. */
    .distances = { [HB_METRIC_COSINE] = "CASE WHEN array_inner_product($c, $c) = 0 OR "
                                        "array_inner_product($v, $v) = 0 THEN 1 "
                                        "ELSE array_cosine_distance($c, $v) END",
                   [HB_METRIC_L2] = "array_distance($c, $v)",
                   [HB_METRIC_DOT] = "array_negative_inner_product($c, $v)" },
    .status_of = status_of,
};

static hb_status open_duckdb(hb_instance *instance, hb_err *err) {
    return sql_open(instance, &engine, err);
}

static hb_offer offer(const hb_type *type, hb_strategy strategy, bool indexed,
                      const hb_expr *leaf) {
    (void)strategy, (void)indexed;
    return sql_offer(&hb_dialect_duckdb, type, leaf);
}

static hb_offer supports(const hb_type *type, hb_strategy strategy, hb_str op) {
    return sql_supports(&engine, type, strategy, op);
}

/* All but the first and the last are for what makes the driver. */
static const hb_option options[] = {
    { "schema", 's', false, "the schema that holds the workspace; default hb_<workspace id>" },
    { "database", 's', false, "a file, or :memory:" },
    { "config", 'o', false, "DuckDB's own settings" },
    SQL_HTTP_OPTIONS,
    { NULL, 0, false, NULL },
};

const hb_backend hb_backend_duckdb = {
    .name = "duckdb",
    .desc = "DuckDB, by a driver of the host or by HTTP",
    .roles = HB_ROLE_ROW | HB_ROLE_VECTOR | HB_TAG_SQL | HB_TAG_VECTOR,
    .routing_rank = 22,
    .local = false,
    .options = options,
    .caps = { SQL_CAPS, SQL_AGGREGATES },
    .supports = supports,
    .offer = offer,
    .open = open_duckdb,
    SQL_FUNCTIONS,
};
