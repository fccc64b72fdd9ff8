// SPDX-License-Identifier: MIT
/* starrocks: StarRocks over MySQL's protocol by a driver of the host or by the gateway, or by its
 * own HTTP (sql/starrocks.c), which takes no SQL that writes: rows go by loads, and tables are made
 * by a driver. Tables have primary keys: writing a row means the same when it is done twice. No
 * statement is undone with another.
 *
 * Facts: docs.starrocks.io (sql-reference: System_limit,
 * table_design/table_types/primary_key_table, sql-statements DELETE, TRUNCATE_TABLE,
 * prepared_statement), the sources StarRocks.g4, AstBuilder and ErrorCode of StarRocks. */
#include "backends/sql/transport.h"

/* By the server's number, which is MySQL's where there is one; drivers have words of their own. */
static hb_status status_of(hb_str native) {
    static const sql_number known[] = {
        { 1044, 1045, HB_E_REFUSED },      { 1142, 1142, HB_E_REFUSED },
        { 1227, 1227, HB_E_REFUSED },      { 5203, 5203, HB_E_REFUSED },
        { 1049, 1049, HB_E_SCHEMA_DRIFT }, { 1051, 1051, HB_E_SCHEMA_DRIFT },
        { 1054, 1054, HB_E_SCHEMA_DRIFT }, { 1146, 1146, HB_E_SCHEMA_DRIFT },
        { 5501, 5502, HB_E_SCHEMA_DRIFT }, { 1317, 1317, HB_E_TIMEOUT },
        { 5024, 5024, HB_E_TIMEOUT },      { 5014, 5014, HB_E_LOCKED },
        { 5025, 5025, HB_E_VALIDATION },   { 1203, 1203, HB_E_UNAVAILABLE },
        { 5021, 5021, HB_E_UNAVAILABLE },
    };
    static const sql_code words[] = {
        { { "UNSUPPORTED", 11 }, HB_E_UNSUPPORTED },
        { { "UNAVAILABLE", 11 }, HB_E_UNAVAILABLE },
        { { "PROTOCOL_", 9 }, HB_E_UNAVAILABLE },
        { { "E", 1 }, HB_E_UNAVAILABLE },
    };
    hb_status status;
    if (sql_status_by_number(known, sizeof(known) / sizeof(known[0]), native, &status)) {
        return status;
    }
    return sql_status_by_prefix(words, sizeof(words) / sizeof(words[0]), native);
}

/* Database, table, column. */
static bool is_made(hb_str native) {
    return hb_str_eq(native, HB_STR("1007")) || hb_str_eq(native, HB_STR("1050")) ||
           hb_str_eq(native, HB_STR("1060"));
}

static const sql_transport *const transports[] = { &sql_transport_starrocks, NULL };

#define SHARED_ENGINE                                                                              \
    .dialect = &hb_dialect_starrocks,                                                              \
    .columns = "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE FROM information_schema.columns WHERE "  \
               "TABLE_SCHEMA = $s",                                                                \
    .empty = "TRUNCATE TABLE ", .no_indexes = true, .no_transactions = true, .spelled = true,      \
    .vector_type = true, .is_made = is_made, .status_of = status_of, .transports = transports,     \
    .known_types = {                                                                               \
        [HB_KIND_NULL] = "varchar",                                                                \
        [HB_KIND_BOOL] = "boolean|tinyint",                                                        \
        [HB_KIND_I64] = "bigint",                                                                  \
        [HB_KIND_F64] = "double",                                                                  \
        [HB_KIND_TEXT] = "varchar",                                                                \
        [HB_KIND_BYTES] = "varchar",                                                               \
        [HB_KIND_VEC] = "array|array<float>",                                                      \
        [HB_KIND_PACK] = "varchar",                                                                \
    }

static const sql_engine engine_sql = { SHARED_ENGINE };
static const sql_engine engine_loads = { .loads = true, SHARED_ENGINE };

/* It becomes part of a path, and the server has no other names. */
static hb_status check_schema(const hb_instance *instance, hb_err *err) {
    const hb_str name = hb_instance_text(instance, "schema");
    bool is_good = name.len <= hb_dialect_starrocks.name_max;
    for (uint32_t i = 0; i < name.len && is_good; i++) {
        const char c = name.ptr[i];
        is_good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
                  (i > 0 && c >= '0' && c <= '9');
    }
    if (is_good) return HB_OK;
    hb_err_set(err, HB_E_INVALID_ID, "option 'schema' has up to 64 letters, digits and '_'");
    return hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, instance->name);
}

static hb_status open_starrocks(hb_instance *instance, hb_err *err) {
    const hb_str via = hb_instance_text(instance, "via");
    HB_TRY(check_schema(instance, err));
    const bool loads = hb_str_eq(via, hb_str_c(sql_transport_starrocks.name));
    return sql_open(instance, loads ? &engine_loads : &engine_sql, err);
}

static hb_offer offer(const hb_type *type, hb_strategy strategy, bool indexed,
                      const hb_expr *leaf) {
    (void)strategy, (void)indexed;
    return sql_offer(&hb_dialect_starrocks, type, leaf);
}

static hb_offer supports(const hb_type *type, hb_strategy strategy, hb_str op) {
    return sql_supports(&engine_sql, type, strategy, op);
}

/* All but the first and the last are for what makes the driver, or for `via`. */
static const hb_option options[] = {
    { "schema", 's', false, "the database that holds the workspace; default hb_<workspace id>" },
    { "uri", 's', true, "mysql://user:password@host:9030" },
    { "host", 's', false, "a frontend; default localhost" },
    { "port", 'i', false, "its MySQL port, 9030" },
    { "database", 's', false, "the connection's own" },
    { "username", 's', false, "user" },
    { "password", 's', true, "its password" },
    { "params", 'o', false, "ssl and other parameters of the connection" },
    { "load_url", 's', false, "http: a backend, compute node or proxy that takes loads" },
    { "load_hosts", 's', false, "http: other hosts that a load may be redirected to" },
    SQL_HTTP_OPTIONS,
    { NULL, 0, false, NULL },
};

const hb_backend hb_backend_starrocks = {
    .name = "starrocks",
    .desc = "StarRocks, by a driver of the host or by HTTP",
    .roles = HB_ROLE_ROW | HB_TAG_SQL,
    .routing_rank = 25,
    .local = false,
    .options = options,
    .caps = { SQL_CAPS, SQL_AGGREGATES },
    .supports = supports,
    .offer = offer,
    .open = open_starrocks,
    SQL_FUNCTIONS,
};
