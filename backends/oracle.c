// SPDX-License-Identifier: MIT
/* oracle: Oracle Database from 12.2 on, of the character set AL32UTF8, by a driver of the host
 * (oracledb, ...) or by the gateway.
 *
 * Facts: https://docs.oracle.com/en/database/oracle/oracle-database/19/ (sqlrf: Data-Types, INSERT,
 * CAST, INSTR, Nulls; arpls: DBMS_LOB; refrn: ALL_TAB_COLUMNS, limits; errmg). No server was asked.
 */
#include "backends/sql/transport.h"

/* By the number of ORA-..., without zeros; the driver's own NJS-5.. are of the network. */
static hb_status status_of(hb_str native) {
    static const sql_number known[] = {
        { 1, 1, HB_E_UNIQUE },
        { 1017, 1017, HB_E_REFUSED },       /* password, rights, a database that only reads */
        { 1031, 1031, HB_E_REFUSED },
        { 1045, 1045, HB_E_REFUSED },
        { 1456, 1456, HB_E_REFUSED },
        { 16000, 16000, HB_E_REFUSED },
        { 28000, 28009, HB_E_REFUSED },
        { 904, 904, HB_E_SCHEMA_DRIFT },    /* a column, a table, a user's schema */
        { 942, 942, HB_E_SCHEMA_DRIFT },
        { 1435, 1435, HB_E_SCHEMA_DRIFT },
        { 1918, 1918, HB_E_SCHEMA_DRIFT },
        { 54, 54, HB_E_LOCKED },
        { 60, 60, HB_E_LOCKED },
        { 4020, 4021, HB_E_LOCKED },
        { 8177, 8177, HB_E_LOCKED },
        { 30006, 30006, HB_E_LOCKED },
        { 1013, 1013, HB_E_TIMEOUT },
        { 1400, 1400, HB_E_VALIDATION },
        { 1426, 1426, HB_E_VALIDATION },
        { 1438, 1438, HB_E_VALIDATION },
        { 1465, 1465, HB_E_VALIDATION },
        { 1722, 1722, HB_E_VALIDATION },
        { 12899, 12899, HB_E_VALIDATION },
        { 1000, 1000, HB_E_LIMIT },         /* cursors, keys, lists, space, memory */
        { 1450, 1450, HB_E_LIMIT },
        { 1536, 1536, HB_E_LIMIT },
        { 1652, 1654, HB_E_LIMIT },
        { 1691, 1693, HB_E_LIMIT },
        { 1745, 1745, HB_E_LIMIT },
        { 1795, 1795, HB_E_LIMIT },
        { 1950, 1950, HB_E_LIMIT },
        { 4030, 4036, HB_E_LIMIT },
        { 30036, 30036, HB_E_LIMIT },
        { 28, 28, HB_E_UNAVAILABLE },       /* a session that is killed; it starts or ends */
        { 1012, 1012, HB_E_UNAVAILABLE },
        { 1033, 1035, HB_E_UNAVAILABLE },
        { 1089, 1092, HB_E_UNAVAILABLE },
        { 3113, 3114, HB_E_UNAVAILABLE },
        { 3135, 3135, HB_E_UNAVAILABLE },
        { 12150, 12699, HB_E_UNAVAILABLE },
    };
    static const sql_code words[] = {
        { { "NJS-123", 7 }, HB_E_TIMEOUT },     /* its own time limit */
        { { "NJS-040", 7 }, HB_E_UNAVAILABLE }, /* its pool */
        { { "NJS-5", 5 }, HB_E_UNAVAILABLE },
        { { "UNSUPPORTED", 11 }, HB_E_UNSUPPORTED },
        { { "UNAVAILABLE", 11 }, HB_E_UNAVAILABLE },
        { { "E", 1 }, HB_E_UNAVAILABLE },       /* ECONNRESET, ... */
    };
    hb_status status;
    if (sql_status_by_number(known, sizeof(known) / sizeof(known[0]), native, &status)) {
        return status;
    }
    return sql_status_by_prefix(words, sizeof(words) / sizeof(words[0]), native);
}

/* A table or an index; a column; an index of it. */
static bool is_made(hb_str native) {
    return hb_str_eq(native, HB_STR("955")) || hb_str_eq(native, HB_STR("1430")) ||
           hb_str_eq(native, HB_STR("1408"));
}

/* Another program inserted one of the rows after this one deleted it, or was in the way. */
static bool may_repeat(hb_str native) {
    return hb_str_eq(native, HB_STR("1")) || hb_str_eq(native, HB_STR("60")) ||
           hb_str_eq(native, HB_STR("8177"));
}

/* Numbers are told by their digits: NUMBER1, NUMBER19. */
#define COLUMNS                                                                                    \
    "SELECT table_name, column_name, CASE WHEN data_precision IS NULL THEN data_type ELSE "        \
    "data_type || data_precision END AS column_type FROM "
#define TEXTS "CLOB|VARCHAR2"

static const sql_engine engine = {
    .dialect = &hb_dialect_oracle,
    .columns = COLUMNS "all_tab_columns WHERE owner = $s",
    .columns_by_prefix = COLUMNS "user_tab_columns WHERE INSTR(table_name, $s) = 1",
    .probe = "SELECT 1 FROM dual",
    .is_made = is_made,
    .may_repeat = may_repeat,
    .status_of = status_of,
    .known_types = { [HB_KIND_NULL] = TEXTS,
                     [HB_KIND_BOOL] = "NUMBER1",
                     [HB_KIND_I64] = "NUMBER19",
                     [HB_KIND_F64] = "BINARY_DOUBLE",
                     [HB_KIND_TEXT] = TEXTS,
                     [HB_KIND_BYTES] = "BLOB",
                     [HB_KIND_VEC] = "BLOB",
                     [HB_KIND_PACK] = TEXTS },
};

static hb_status open_oracle(hb_instance *instance, hb_err *err) {
    return sql_open(instance, &engine, err);
}

static hb_offer offer(const hb_type *type, hb_strategy strategy, bool indexed,
                      const hb_expr *leaf) {
    (void)strategy, (void)indexed;
    return sql_offer(&hb_dialect_oracle, type, leaf);
}

static hb_offer supports(const hb_type *type, hb_strategy strategy, hb_str op) {
    return sql_supports(&engine, type, strategy, op);
}

/* All but the first two and the last are for what makes the driver. */
static const hb_option options[] = {
    { "schema", 's', false, "a user's schema that holds the workspace alone; it has to be there" },
    { "prefix", 's', false, "of tables in the user's own schema; default hb_<workspace id>$" },
    { "uri", 's', false, "host:port/service, or a descriptor, as Oracle's drivers take it" },
    { "username", 's', false, "user" },
    { "password", 's', true, "its password" },
    { "params", 'o', false, "walletLocation and others of the connection" },
    SQL_HTTP_OPTIONS,
    { NULL, 0, false, NULL },
};

const hb_backend hb_backend_oracle = {
    .name = "oracle",
    .desc = "Oracle Database, by a driver of the host or by HTTP",
    .roles = HB_ROLE_ROW | HB_TAG_SQL,
    .routing_rank = 26,
    .local = false,
    .options = options,
    .caps = { SQL_CAPS, .sort_chars = 499 /* that DBMS_LOB.SUBSTR gives in any case */ },
    .supports = supports,
    .offer = offer,
    .open = open_oracle,
    SQL_FUNCTIONS,
};
