// SPDX-License-Identifier: MIT
/* mysql and oceanbase: MySQL and its relatives MariaDB and OceanBase by a driver of the host
 * (mysql2, ...) or by HTTP. OceanBase writes the numbers of its vectors with six digits: they are
 * kept as bytes there too, and ranked by the core.
 *
 * Facts: https://dev.mysql.com/doc/refman/8.0/en/ (charset-unicode-sets, implicit-commit,
 * string-functions, json-table-functions) and https://dev.mysql.com/doc/mysql-errors/8.0/en/;
 * MariaDB: https://mariadb.com/kb/en/supported-character-sets-and-collations/. */
#include "backends/sql/transport.h"

/* By the server's number; drivers, Node and mysql2 have words of their own. */
static hb_status status_of(hb_str native) {
    static const sql_number known[] = {
        { 1062, 1062, HB_E_UNIQUE },
        { 1044, 1045, HB_E_REFUSED },       /* no such right, password */
        { 1142, 1143, HB_E_REFUSED },
        { 1227, 1227, HB_E_REFUSED },
        { 1290, 1290, HB_E_REFUSED },       /* --read-only */
        { 1698, 1698, HB_E_REFUSED },
        { 1792, 1792, HB_E_REFUSED },       /* a read-only transaction */
        { 1049, 1049, HB_E_SCHEMA_DRIFT },  /* database, column, table */
        { 1054, 1054, HB_E_SCHEMA_DRIFT },
        { 1146, 1146, HB_E_SCHEMA_DRIFT },
        { 1205, 1205, HB_E_LOCKED },
        { 1213, 1213, HB_E_LOCKED },
        { 3572, 3572, HB_E_LOCKED },
        { 1317, 1317, HB_E_TIMEOUT },       /* KILL QUERY, max_execution_time */
        { 1969, 1969, HB_E_TIMEOUT },
        { 3024, 3024, HB_E_TIMEOUT },
        { 4012, 4012, HB_E_TIMEOUT },       /* OceanBase */
        { 1048, 1048, HB_E_VALIDATION },
        { 1264, 1265, HB_E_VALIDATION },
        { 1292, 1292, HB_E_VALIDATION },
        { 1300, 1300, HB_E_VALIDATION },
        { 1366, 1366, HB_E_VALIDATION },
        { 1406, 1406, HB_E_VALIDATION },
        { 1690, 1690, HB_E_VALIDATION },
        { 1069, 1071, HB_E_LIMIT },         /* keys, and how long they are */
        { 1114, 1114, HB_E_LIMIT },
        { 1117, 1118, HB_E_LIMIT },         /* columns, row size */
        { 1153, 1153, HB_E_LIMIT },         /* max_allowed_packet */
        { 1390, 1390, HB_E_LIMIT },
        { 1461, 1461, HB_E_LIMIT },
        { 1040, 1040, HB_E_UNAVAILABLE },   /* connections; a server that ends */
        { 1053, 1053, HB_E_UNAVAILABLE },
        { 1152, 1161, HB_E_UNAVAILABLE },
        { 1203, 1203, HB_E_UNAVAILABLE },
        { 1226, 1226, HB_E_UNAVAILABLE },
        { 1927, 1927, HB_E_UNAVAILABLE },
        { 2002, 2055, HB_E_UNAVAILABLE },
    };
    hb_status status;
    if (sql_status_by_number(known, sizeof(known) / sizeof(known[0]), native, &status)) {
        return status;
    }
    if (hb_str_eq(native, HB_STR("UNSUPPORTED"))) return HB_E_UNSUPPORTED;
    const bool of_network = hb_str_starts(native, HB_STR("E")) ||
                            hb_str_starts(native, HB_STR("PROTOCOL_")) ||
                            hb_str_eq(native, HB_STR("UNAVAILABLE"));
    return of_network ? HB_E_UNAVAILABLE : HB_E_BACKEND;
}

/* Database, table, column, key. */
static bool is_made(hb_str native) {
    return hb_str_eq(native, HB_STR("1007")) || hb_str_eq(native, HB_STR("1050")) ||
           hb_str_eq(native, HB_STR("1060")) || hb_str_eq(native, HB_STR("1061"));
}

static bool is_deadlock(hb_str native) {
    return hb_str_eq(native, HB_STR("1213"));
}

static const sql_engine engine_mysql, engine_mariadb, engine_binary;

static const sql_engine *choose(hb_str collations) {
    if (hb_str_find(collations, HB_STR("\nutf8mb4_nopad_bin\n"), 0) >= 0) return &engine_mariadb;
    if (hb_str_find(collations, HB_STR("\nutf8mb4_0900_bin\n"), 0) >= 0) return &engine_mysql;
    return &engine_binary;
}

#define COLUMNS                                                                                    \
    "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE "             \
    "table_schema "
#define TEXTS "longtext|longblob|varchar|varbinary"
#define SHARED_ENGINE                                                                              \
    .columns = COLUMNS "= $s",                                                                     \
    .columns_by_prefix = COLUMNS "= DATABASE() AND LOCATE($s, table_name) = 1",                    \
    .which = "SELECT collation_name FROM information_schema.collations WHERE collation_name IN "   \
             "('utf8mb4_0900_bin', 'utf8mb4_nopad_bin')",                                          \
    .choose = choose, .is_made = is_made, .may_repeat = is_deadlock, .status_of = status_of,       \
    .known_types = {                                                                               \
        [HB_KIND_NULL] = TEXTS,     [HB_KIND_BOOL] = "tinyint", [HB_KIND_I64] = "bigint",          \
        [HB_KIND_F64] = "double",   [HB_KIND_TEXT] = TEXTS,     [HB_KIND_BYTES] = "longblob",      \
        [HB_KIND_VEC] = "longblob", [HB_KIND_PACK] = TEXTS,                                        \
    }

static const sql_transport *const transports[] = { &sql_transport_planetscale, NULL };

static const sql_engine engine_mysql = { .dialect = &hb_dialect_mysql,
                                         .transports = transports,
                                         SHARED_ENGINE };
static const sql_engine engine_mariadb = { .dialect = &hb_dialect_mariadb, SHARED_ENGINE };
static const sql_engine engine_binary = { .dialect = &hb_dialect_mysql_binary, SHARED_ENGINE };

static hb_status open_mysql(hb_instance *instance, hb_err *err) {
    return sql_open(instance, &engine_mysql, err);
}

static hb_status open_oceanbase(hb_instance *instance, hb_err *err) {
    return sql_open(instance, &engine_binary, err);
}

static hb_offer offer(const hb_type *type, hb_strategy strategy, bool indexed,
                      const hb_expr *leaf) {
    (void)strategy, (void)indexed;
    return sql_offer(&hb_dialect_mysql, type, leaf);
}

static hb_offer supports(const hb_type *type, hb_strategy strategy, hb_str op) {
    return sql_supports(&engine_mysql, type, strategy, op);
}

/* All but the first two and the last are for what makes the driver. */
static const hb_option options[] = {
    { "schema", 's', false, "a database that holds the workspace alone; made if it may be" },
    { "prefix", 's', false, "of tables in the connection's database; default hb_<workspace id>$" },
    { "uri", 's', true, "mysql://user:password@host:port/database" },
    { "host", 's', false, "server; default localhost" },
    { "port", 'i', false, "default 3306" },
    { "database", 's', false, "database" },
    { "username", 's', false, "user" },
    { "password", 's', true, "its password" },
    { "params", 'o', false, "ssl and other parameters of the connection" },
    { "superuser", 'o', false, "who may make users and databases: {username, password, ...}" },
    { "shared_database", 'b', false, "the database holds other things too" },
    SQL_HTTP_OPTIONS,
    { NULL, 0, false, NULL },
};

static const char *const aliases[] = { "mariadb", NULL };

#define SHARED                                                                                     \
    .roles = HB_ROLE_ROW | HB_TAG_SQL, .local = false, .options = options,                         \
    .caps = { SQL_CAPS, SQL_AGGREGATES_WITHOUT_TEXTS,                                              \
              .sort_chars = 255 /* max_sort_length is 1024 bytes */ },                             \
    .supports = supports, .offer = offer, SQL_FUNCTIONS

const hb_backend hb_backend_mysql = {
    .name = "mysql",
    .aliases = aliases,
    .desc = "MySQL or MariaDB, by a driver of the host or by HTTP",
    .routing_rank = 22,
    .open = open_mysql,
    SHARED,
};

const hb_backend hb_backend_oceanbase = {
    .name = "oceanbase",
    .desc = "OceanBase, or seekdb, in its MySQL mode, by a driver of the host or by HTTP",
    .routing_rank = 23,
    .open = open_oceanbase,
    SHARED,
};
