// SPDX-License-Identifier: MIT
/* mssql: Microsoft SQL Server from 2019 on, and Azure SQL, by a driver of the host (tedious, ...)
 * or by the gateway.
 *
 * Facts: https://learn.microsoft.com/sql/ (t-sql/language-elements/string-comparison-assignment,
 * t-sql/statements/merge-transact-sql, t-sql/functions/charindex-transact-sql,
 * t-sql/functions/openjson-transact-sql, relational-databases/collations,
 * sql-server/maximum-capacity-specifications-for-sql-server,
 * relational-databases/errors-events/database-engine-events-and-errors). No server was asked. */
#include "backends/sql/transport.h"

/* By the server's number; tedious and Node have words of their own. */
static hb_status status_of(hb_str native) {
    static const sql_number known[] = {
        { 2627, 2627, HB_E_UNIQUE },        /* a key; an index */
        { 2601, 2601, HB_E_UNIQUE },
        { 229, 230, HB_E_REFUSED },         /* rights */
        { 262, 262, HB_E_REFUSED },
        { 297, 297, HB_E_REFUSED },
        { 300, 300, HB_E_REFUSED },
        { 916, 916, HB_E_REFUSED },
        { 2760, 2760, HB_E_REFUSED },       /* a schema: it is not there, or not ours */
        { 3906, 3906, HB_E_REFUSED },       /* a database that only reads */
        { 4060, 4060, HB_E_REFUSED },
        { 18450, 18488, HB_E_REFUSED },     /* logins */
        { 207, 208, HB_E_SCHEMA_DRIFT },    /* a column, a table */
        { 3701, 3701, HB_E_SCHEMA_DRIFT },
        { 4902, 4902, HB_E_SCHEMA_DRIFT },
        { 1205, 1205, HB_E_LOCKED },
        { 1222, 1222, HB_E_LOCKED },
        { 3960, 3960, HB_E_LOCKED },
        { 3617, 3617, HB_E_TIMEOUT },       /* an attention */
        { 220, 220, HB_E_VALIDATION },
        { 241, 245, HB_E_VALIDATION },
        { 515, 515, HB_E_VALIDATION },
        { 2628, 2628, HB_E_VALIDATION },
        { 8023, 8023, HB_E_VALIDATION },    /* NaN, infinity */
        { 8114, 8115, HB_E_VALIDATION },
        { 8152, 8152, HB_E_VALIDATION },
        { 511, 511, HB_E_LIMIT },           /* a row, a key, columns, parameters */
        { 701, 701, HB_E_LIMIT },
        { 1101, 1105, HB_E_LIMIT },
        { 1702, 1702, HB_E_LIMIT },
        { 1946, 1946, HB_E_LIMIT },
        { 8003, 8003, HB_E_LIMIT },
        { 8621, 8632, HB_E_LIMIT },
        { 9002, 9002, HB_E_LIMIT },
        { 6005, 6006, HB_E_UNAVAILABLE },   /* it ends; Azure moves the database */
        { 10053, 10061, HB_E_UNAVAILABLE },
        { 10928, 10929, HB_E_UNAVAILABLE },
        { 17142, 17142, HB_E_UNAVAILABLE },
        { 40197, 40197, HB_E_UNAVAILABLE },
        { 40501, 40501, HB_E_UNAVAILABLE },
        { 40613, 40613, HB_E_UNAVAILABLE },
        { 49918, 49920, HB_E_UNAVAILABLE },
    };
    static const sql_code words[] = {
        { { "ELOGIN", 6 }, HB_E_REFUSED },
        { { "ECANCEL", 7 }, HB_E_TIMEOUT },
        { { "EPARAM", 6 }, HB_E_VALIDATION },
        { { "UNSUPPORTED", 11 }, HB_E_UNSUPPORTED },
        { { "UNAVAILABLE", 11 }, HB_E_UNAVAILABLE },
        { { "E", 1 }, HB_E_UNAVAILABLE },   /* ESOCKET, ETIMEOUT, ECONNRESET, ... */
    };
    hb_status status;
    if (sql_status_by_number(known, sizeof(known) / sizeof(known[0]), native, &status)) {
        return status;
    }
    return sql_status_by_prefix(words, sizeof(words) / sizeof(words[0]), native);
}

/* A table or schema; an index; a column. */
static bool is_made(hb_str native) {
    return hb_str_eq(native, HB_STR("2714")) || hb_str_eq(native, HB_STR("1913")) ||
           hb_str_eq(native, HB_STR("2705"));
}

static bool is_deadlock(hb_str native) {
    return hb_str_eq(native, HB_STR("1205"));
}

#define COLUMNS                                                                                    \
    "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE FROM INFORMATION_SCHEMA.COLUMNS WHERE "             \
    "TABLE_SCHEMA = "

static const sql_engine engine = {
    .dialect = &hb_dialect_mssql,
    .columns = COLUMNS "$s",
    .columns_by_prefix = COLUMNS "SCHEMA_NAME() AND CHARINDEX($s, TABLE_NAME) = 1",
    .is_made = is_made,
    .may_repeat = is_deadlock,
    .status_of = status_of,
    .known_types = { [HB_KIND_NULL] = "nvarchar",
                     [HB_KIND_BOOL] = "bit",
                     [HB_KIND_I64] = "bigint",
                     [HB_KIND_F64] = "float",
                     [HB_KIND_TEXT] = "nvarchar",
                     [HB_KIND_BYTES] = "varbinary",
                     [HB_KIND_VEC] = "varbinary",
                     [HB_KIND_PACK] = "nvarchar" },
};

static hb_status open_mssql(hb_instance *instance, hb_err *err) {
    return sql_open(instance, &engine, err);
}

static hb_offer offer(const hb_type *type, hb_strategy strategy, bool indexed,
                      const hb_expr *leaf) {
    (void)strategy, (void)indexed;
    return sql_offer(&hb_dialect_mssql, type, leaf);
}

static hb_offer supports(const hb_type *type, hb_strategy strategy, hb_str op) {
    return sql_supports(&engine, type, strategy, op);
}

/* All but the first two and the last are for what makes the driver. */
static const hb_option options[] = {
    { "schema", 's', false, "a schema that holds the workspace alone; made if it may be" },
    { "prefix", 's', false, "of tables in the connection's schema; default hb_<workspace id>$" },
    { "host", 's', false, "server; default localhost" },
    { "port", 'i', false, "default 1433" },
    { "database", 's', false, "database" },
    { "username", 's', false, "login" },
    { "password", 's', true, "its password" },
    { "params", 'o', false, "encrypt, trustServerCertificate and others of the connection" },
    SQL_HTTP_OPTIONS,
    { NULL, 0, false, NULL },
};

static const char *const aliases[] = { "sqlserver", "sql-server", "msql", NULL };

const hb_backend hb_backend_mssql = {
    .name = "mssql",
    .aliases = aliases,
    .desc = "Microsoft SQL Server or Azure SQL, by a driver of the host or by HTTP",
    .roles = HB_ROLE_ROW | HB_TAG_SQL,
    .routing_rank = 25,
    .local = false,
    .options = options,
    .caps = { SQL_CAPS, .sort_chars = 1999 /* of a sort's row */ },
    .supports = supports,
    .offer = offer,
    .open = open_mssql,
    SQL_FUNCTIONS,
};
