// SPDX-License-Identifier: MIT
#include "compile/dialects.h"

/* SQLite. Text is compared with memcmp over UTF-8 (collation BINARY), which is code point order and
 * safe for NUL characters. substr() over text stops at a NUL, so affixes are tested on bytes or by
 * range; instr() compares bytes by length and does not stop. A REAL inside JSON is converted by
 * SQLite's own reader, which need not round like ours: only integers are compared in SQL. */
const hb_dialect hb_dialect_sqlite = {
    .name = "sqlite",
    .quote_open = '"',
    .quote_close = '"',
    .placeholder = HB_PLACEHOLDER_QUESTION,
    .limit = HB_LIMIT_OFFSET,
    .no_limit = "-1",
    .upsert = HB_UPSERT_ON_CONFLICT,
    .nulls_last = true,
    .text_exact = HB_TEXT_EQ_EXACT | HB_TEXT_ORDER_EXACT,
    .in_max = 32,
    .params_soft_max = 12000,
    .true_text = "1",
    .not_true = " IS NOT TRUE",
    .is_not = " IS NOT ",
    .contains = "instr($c, $p) > 0",
    .starts_with = "$c >= $p AND $c < $n",
    .ends_with = "substr(CAST($c AS BLOB), $l) = $b",
    .json_number = "CASE json_type($c, $j) WHEN 'integer' THEN json_extract($c, $j) $o $p "
                   "WHEN 'real' THEN $h ELSE 0 END",
    .json_true = "json_type($c, $j) = 'true'",
    .json_false = "json_type($c, $j) = 'false'",
    .types = {
        [HB_KIND_NULL] = "ANY",
        [HB_KIND_BOOL] = "INTEGER",
        [HB_KIND_I64] = "INTEGER",
        [HB_KIND_F64] = "REAL",
        [HB_KIND_TEXT] = "TEXT",
        [HB_KIND_BYTES] = "BLOB",
        [HB_KIND_VEC] = "BLOB",
        [HB_KIND_PACK] = "TEXT",
    },
    .table_suffix = " STRICT",
};

static const hb_ddl ddl_if = {
    .create_schema = "CREATE SCHEMA IF NOT EXISTS ",
    .create_table = "CREATE TABLE IF NOT EXISTS ",
    .create_index = "CREATE INDEX IF NOT EXISTS ",
    .add_column = " ADD COLUMN IF NOT EXISTS ",
    .drop_table = "DROP TABLE IF EXISTS ",
};

/* PostgreSQL. Columns of text are of collation "C": compared with memcmp over UTF-8. Functions of
 * text work by character and do not fold. A text never holds a NUL. bigint against double would be
 * compared as doubles: such leaves are not claimed (backends/sql/claims.c). */
#define POSTGRES_DIALECT                                                                           \
    .quote_open = '"', .quote_close = '"', .placeholder = HB_PLACEHOLDER_DOLLAR,                   \
    .limit = HB_LIMIT_OFFSET, .no_limit = "ALL", .upsert = HB_UPSERT_ON_CONFLICT,                  \
    .nulls_last = true, .text_exact = HB_TEXT_EQ_EXACT | HB_TEXT_ORDER_EXACT, .in_max = 1000,      \
    .params_soft_max = 60000, .true_text = "TRUE", .not_true = " IS NOT TRUE",                     \
    .is_not = " IS DISTINCT FROM ", .contains = "strpos($c, $p) > 0",                              \
    .starts_with = "starts_with($c, $p)", .ends_with = "right($c, char_length($p)) = $p",          \
    .table_suffix = "", .id_type = "text COLLATE \"C\"", .in_array = "$c = ANY($a::text[])",       \
    .name_max = 63, .params_max = 65535, .ddl = &ddl_if, .sum_head = "CAST(sum(",                  \
    .sum_tail = ") AS text)"
#define POSTGRES_TYPES                                                                             \
    [HB_KIND_NULL] = "text", [HB_KIND_BOOL] = "boolean", [HB_KIND_I64] = "bigint",                 \
    [HB_KIND_F64] = "double precision", [HB_KIND_TEXT] = "text COLLATE \"C\"",                     \
    [HB_KIND_BYTES] = "bytea", [HB_KIND_PACK] = "text"
#define POSTGRES_CASTS                                                                             \
    [HB_KIND_BOOL] = "::boolean", [HB_KIND_I64] = "::bigint",                                      \
    [HB_KIND_F64] = "::double precision", [HB_KIND_TEXT] = "::text", [HB_KIND_BYTES] = "::bytea",  \
    [HB_KIND_PACK] = "::text"

const hb_dialect hb_dialect_postgres = {
    .name = "postgres",
    POSTGRES_DIALECT,
    .types = { POSTGRES_TYPES, [HB_KIND_VEC] = "bytea" },
    .casts = { POSTGRES_CASTS, [HB_KIND_VEC] = "::bytea" },
};

const hb_dialect hb_dialect_pgvector = {
    .name = "pgvector",
    POSTGRES_DIALECT,
    .types = { POSTGRES_TYPES, [HB_KIND_VEC] = "vector" },
    .vector_of = "vector(#)",
    .casts = { POSTGRES_CASTS, [HB_KIND_VEC] = "::vector" },
};

/* DuckDB. Text is compared with memcmp over UTF-8 and may hold a NUL; contains, starts_with and
 * ends_with look at bytes. A text is cast to a list of floats as it is to a number. */
const hb_dialect hb_dialect_duckdb = {
    .name = "duckdb",
    .quote_open = '"',
    .quote_close = '"',
    .placeholder = HB_PLACEHOLDER_DOLLAR,
    .limit = HB_LIMIT_OFFSET,
    .no_limit = "ALL",
    .upsert = HB_UPSERT_ON_CONFLICT,
    .nulls_last = true,
    .text_exact = HB_TEXT_EQ_EXACT | HB_TEXT_ORDER_EXACT,
    .in_max = 1000,
    .params_soft_max = 60000,
    .true_text = "TRUE",
    .not_true = " IS NOT TRUE",
    .is_not = " IS DISTINCT FROM ",
    .contains = "contains($c, $p)",
    .starts_with = "starts_with($c, $p)",
    .ends_with = "ends_with($c, $p)",
    .types = {
        [HB_KIND_NULL] = "VARCHAR",
        [HB_KIND_BOOL] = "BOOLEAN",
        [HB_KIND_I64] = "BIGINT",
        [HB_KIND_F64] = "DOUBLE",
        [HB_KIND_TEXT] = "VARCHAR",
        [HB_KIND_BYTES] = "BLOB",
        [HB_KIND_VEC] = "FLOAT[]",
        [HB_KIND_PACK] = "VARCHAR",
    },
    .casts = {
        [HB_KIND_BOOL] = "::BOOLEAN",
        [HB_KIND_I64] = "::BIGINT",
        [HB_KIND_F64] = "::DOUBLE",
        [HB_KIND_TEXT] = "::VARCHAR",
        [HB_KIND_BYTES] = "::BLOB",
        [HB_KIND_VEC] = "::FLOAT[]",
        [HB_KIND_PACK] = "::VARCHAR",
    },
    .vector_of = "FLOAT[#]",
    .vector_cast = "::FLOAT[#]",
    .holds_nul = true,
    .table_suffix = "",
    .id_type = "VARCHAR",
    .in_array = "$c IN (SELECT unnest(from_json($k::JSON, '[\"VARCHAR\"]')))",
    .sum_head = "CAST(sum(",
    .sum_tail = ") AS VARCHAR)",
    .name_max = 63,
    .params_max = 65535,
    .ddl = &ddl_if,
};

/* MySQL and its relatives: one dialect, three ways to hold a text so that = and < compare its bytes
 * (utf8mb4_bin does not: it pads with spaces). Functions of text go by character, and do not fold
 * with such a collation; the end of a text is compared as bytes, which is the same in UTF-8.
 * bigint against double would be compared as doubles: not claimed. What is bound has the type that
 * the driver gives it, so that integers are cast; LIMIT takes no cast. */
static const hb_ddl ddl_mysql = {
    .create_schema = "CREATE SCHEMA IF NOT EXISTS ",
    .create_table = "CREATE TABLE IF NOT EXISTS ",
    .create_index = "CREATE INDEX ",
    .add_column = " ADD COLUMN ",
    .drop_table = "DROP TABLE IF EXISTS ",
};

#define MYSQL_DIALECT                                                                              \
    .quote_open = '`', .quote_close = '`', .placeholder = HB_PLACEHOLDER_QUESTION,                 \
    .limit = HB_LIMIT_OFFSET, .limit_written = true, .no_limit = "18446744073709551615",           \
    .upsert = HB_UPSERT_ON_DUPLICATE, .text_exact = HB_TEXT_EQ_EXACT | HB_TEXT_ORDER_EXACT,        \
    .in_max = 1000, .params_soft_max = 60000, .true_text = "TRUE", .not_true = " IS NOT TRUE",     \
    .contains = "LOCATE($p, $c) > 0", .starts_with = "LOCATE($p, $c) = 1",                         \
    .ends_with = "RIGHT(CAST($c AS BINARY), LENGTH($b)) = $b",                                     \
    .cast_heads = { [HB_KIND_I64] = "CAST(" }, .casts = { [HB_KIND_I64] = " AS SIGNED)" },         \
    .in_array = "$c IN (SELECT v FROM JSON_TABLE($k, '$[*]' COLUMNS "                              \
                "(v varchar(255) CHARACTER SET utf8mb4 PATH '$')) AS j)",                          \
    .sum_head = "CAST(sum(", .sum_tail = ") AS CHAR)", .in_array_from = 30000, .holds_nul = true,  \
    .name_max = 64, .params_max = 65535, .bytes_max = 4u << 20, .table_suffix = " ENGINE=InnoDB",  \
    .tables_commit = true, .index_inside = true, .index_part = "(191)", .indexes_max = 60,         \
    .ddl = &ddl_mysql
#define MYSQL_TYPES(id, text)                                                                      \
    .id_type = id, .types = {                                                                      \
        [HB_KIND_NULL] = text,      [HB_KIND_BOOL] = "tinyint(1)", [HB_KIND_I64] = "bigint",       \
        [HB_KIND_F64] = "double",   [HB_KIND_TEXT] = text,         [HB_KIND_BYTES] = "longblob",   \
        [HB_KIND_VEC] = "longblob", [HB_KIND_PACK] = text,                                         \
    }
#define MYSQL_COLLATED(collation)                                                                  \
    MYSQL_TYPES("varchar(255) CHARACTER SET utf8mb4 COLLATE " collation,                           \
                "longtext CHARACTER SET utf8mb4 COLLATE " collation)

const hb_dialect hb_dialect_mysql = {
    .name = "mysql",
    MYSQL_DIALECT,
    MYSQL_COLLATED("utf8mb4_0900_bin"),
};

const hb_dialect hb_dialect_mariadb = {
    .name = "mariadb",
    MYSQL_DIALECT,
    MYSQL_COLLATED("utf8mb4_nopad_bin"),
};

const hb_dialect hb_dialect_mysql_binary = {
    .name = "mysql, texts as bytes",
    MYSQL_DIALECT,
    MYSQL_TYPES("varbinary(1020)", "longblob"),
};

/* Trino. Text is compared with memcmp over UTF-8; its functions go by code point and do not fold.
 * LIMIT takes no typed literal. Values go out as literals that have their types (sql/trino.c), and
 * bytes in base64. A list of ids that is short goes down to what is behind a catalog; of a longer
 * one some connectors would keep only the range, and then delete nothing. */
const hb_dialect hb_dialect_trino = {
    .name = "trino",
    .quote_open = '"',
    .quote_close = '"',
    .placeholder = HB_PLACEHOLDER_QUESTION,
    .limit = HB_LIMIT_OFFSET_FIRST,
    .limit_written = true,
    .upsert = HB_UPSERT_NONE,
    .nulls_last = true,
    .text_exact = HB_TEXT_EQ_EXACT | HB_TEXT_ORDER_EXACT,
    .in_max = 200,
    .params_soft_max = 10000,
    .true_text = "TRUE",
    .not_true = " IS DISTINCT FROM TRUE",
    .is_not = " IS DISTINCT FROM ",
    .contains = "strpos($c, $p) > 0",
    .starts_with = "starts_with($c, $p)",
    .ends_with = "substr($c, -length($p)) = $p",
    .types = {
        [HB_KIND_NULL] = "varchar",
        [HB_KIND_BOOL] = "boolean",
        [HB_KIND_I64] = "bigint",
        [HB_KIND_F64] = "double",
        [HB_KIND_TEXT] = "varchar",
        [HB_KIND_BYTES] = "varbinary",
        [HB_KIND_VEC] = "varbinary",
        [HB_KIND_PACK] = "varchar",
    },
    .cast_heads = { [HB_KIND_BYTES] = "from_base64(" },
    .casts = { [HB_KIND_BYTES] = ")" },
    .id_type = "varchar",
    .in_array = "$c IN (SELECT v FROM UNNEST(CAST(json_parse($k) AS array(varchar))) AS j(v))",
    .in_array_from = 201,
    .sum_head = "CAST(sum(CAST(",
    .sum_tail = " AS decimal(38, 0))) AS varchar)",
    .name_max = 63,
    .table_suffix = "",
    .ddl = &ddl_if,
    .tables_commit = true,
    .no_keys = true,
    .json_rows = "UNNEST(CAST(json_parse($k) AS array(array(varchar)))) AS j(r)",
    .json_cells = {
        [HB_KIND_NULL] = "r[#]",
        [HB_KIND_BOOL] = "CAST(r[#] AS boolean)",
        [HB_KIND_I64] = "CAST(r[#] AS bigint)",
        [HB_KIND_F64] = "CAST(r[#] AS double)",
        [HB_KIND_TEXT] = "r[#]",
        [HB_KIND_BYTES] = "from_base64(r[#])",
        [HB_KIND_VEC] = "from_base64(r[#])",
        [HB_KIND_PACK] = "r[#]",
    },
};

/* StarRocks. Text is compared with memcmp over UTF-8; its functions do not fold. Lengths of a
 * varchar are bytes. There is no IS TRUE, so that NOT is said by the null-safe =, and no byte
 * string that every way gives back: bytes are the text \x and their digits. */
const hb_dialect hb_dialect_starrocks = {
    .name = "starrocks",
    .quote_open = '`',
    .quote_close = '`',
    .placeholder = HB_PLACEHOLDER_QUESTION,
    .limit = HB_LIMIT_OFFSET,
    .limit_written = true,
    .no_limit = "4611686018427387903", /* and an offset */
    .upsert = HB_UPSERT_BY_KEY,
    .nulls_last = true,
    .text_exact = HB_TEXT_EQ_EXACT | HB_TEXT_ORDER_EXACT,
    .in_max = 1000,
    .params_soft_max = 60000,
    .true_text = "TRUE",
    .not_true = " <=> TRUE = FALSE",
    .contains = "instr($c, $p) > 0",
    .starts_with = "starts_with($c, $p)",
    .ends_with = "ends_with($c, $p)",
    .types = {
        [HB_KIND_NULL] = "varchar(1048576)",
        [HB_KIND_BOOL] = "boolean",
        [HB_KIND_I64] = "bigint",
        [HB_KIND_F64] = "double",
        [HB_KIND_TEXT] = "varchar(1048576)",
        [HB_KIND_BYTES] = "varchar(1048576)",
        [HB_KIND_VEC] = "array<float>",
        [HB_KIND_PACK] = "varchar(1048576)",
    },
    .cast_heads = { [HB_KIND_VEC] = "CAST(" },
    .casts = { [HB_KIND_VEC] = " AS array<float>)" },
    .id_type = "varchar(255) NOT NULL",
    .name_max = 64,
    .bytes_max = 4u << 20,
    .key_suffix = " PRIMARY KEY ($c) DISTRIBUTED BY HASH ($c)",
    .plain_names = true,
    .in_list_max = 5000,
    .sum_head = "CAST(sum(CAST(",
    .sum_tail = " AS largeint)) AS varchar)",
    .ddl = &ddl_mysql,
    .table_suffix = "",
    .tables_commit = true,
    .index_inside = true,
};

/* SQL Server from 2019 on. A binary collation compares UTF-16, but = pads with spaces: no stored
 * text ends in one (text_marked). < would pad too, and take surrogates for less than U+E000: texts
 * are compared and ordered as their UTF-8, of which a shorter one comes first. Tables are made one
 * by one before the rows, so that each is a batch of its own, as CREATE SCHEMA has to be. */
#define MSSQL_EXACT "COLLATE Latin1_General_100_BIN2"
#define MSSQL_UTF8 "CAST(CAST($c " MSSQL_EXACT "_UTF8 AS varchar(max)) AS varbinary(max))"
#define MSSQL_TEXT "nvarchar(max) " MSSQL_EXACT

static const hb_ddl ddl_mssql = {
    .create_schema = "CREATE SCHEMA ",
    .create_table = "CREATE TABLE ",
    .create_index = "CREATE INDEX ",
    .add_column = " ADD ",
    .drop_table = "DROP TABLE IF EXISTS ",
};

const hb_dialect hb_dialect_mssql = {
    .name = "mssql",
    .quote_open = '[',
    .quote_close = ']',
    .placeholder = HB_PLACEHOLDER_AT,
    .limit = HB_LIMIT_FETCH,
    .limit_written = true,
    .upsert = HB_UPSERT_MERGE,
    .merge_hint = " WITH (HOLDLOCK)",
    .merge_end = ";",
    .text_exact = HB_TEXT_EQ_EXACT | HB_TEXT_ORDER_EXACT,
    .in_max = 1000,
    .params_soft_max = 2000,
    .true_text = "1 = 1",
    .not_head = "CASE WHEN ",
    .not_true = " THEN 0 ELSE 1 END = 1",
    .text_compare = MSSQL_UTF8 " $o $b",
    .text_order = MSSQL_UTF8,
    .id_order = MSSQL_UTF8,
    .operand_max = 4000,
    .contains = "CHARINDEX($r, $c) > 0",
    .starts_with = "CHARINDEX($r, $c) = 1",
    .ends_with = "RIGHT($c, DATALENGTH($p) / 2) = $p",
    .types = {
        [HB_KIND_NULL] = MSSQL_TEXT,
        [HB_KIND_BOOL] = "bit",
        [HB_KIND_I64] = "bigint",
        [HB_KIND_F64] = "float(53)",
        [HB_KIND_TEXT] = MSSQL_TEXT,
        [HB_KIND_BYTES] = "varbinary(max)",
        [HB_KIND_VEC] = "varbinary(max)",
        [HB_KIND_PACK] = MSSQL_TEXT,
    },
    .cast_heads = {
        [HB_KIND_BOOL] = "CAST(",
        [HB_KIND_I64] = "CAST(",
        [HB_KIND_F64] = "CAST(",
        [HB_KIND_BYTES] = "CAST(",
        [HB_KIND_VEC] = "CAST(",
    },
    .casts = {
        [HB_KIND_BOOL] = " AS bit)",
        [HB_KIND_I64] = " AS bigint)",
        [HB_KIND_F64] = " AS float(53))",
        [HB_KIND_BYTES] = " AS varbinary(max))",
        [HB_KIND_VEC] = " AS varbinary(max))",
    },
    .id_type = "nvarchar(511) " MSSQL_EXACT,
    .in_array = "$c IN (SELECT value " MSSQL_EXACT " FROM OPENJSON($k))",
    .in_array_from = 1000,
    .text_marked = " \1",
    .name_max = 128,
    .params_max = 2000,
    .bytes_max = 4u << 20,
    .ddl = &ddl_mssql,
    .table_suffix = "",
    .tables_commit = true,
    .no_text_index = true,
    .indexes_max = 60,
};

/* Oracle. The empty text is null there, and so are no bytes: they are stored with a mark, which
 * nothing else has alone.
 * Texts are CLOBs, which = and < do not take. DBMS_LOB counts a character beyond U+FFFF as two; so
 * of 499 characters and a mark, 999 are all. They come as VARCHAR2, compared byte by byte. Rows are
 * deleted, and inserted with values that go straight to their columns; an INSERT ALL has at most
 * 999 of them, and a list 1000. */
static const hb_ddl ddl_oracle = {
    .create_table = "CREATE TABLE ",
    .create_index = "CREATE INDEX ",
    .add_column = " ADD ",
    .drop_table = "DROP TABLE ",
};

const hb_dialect hb_dialect_oracle = {
    .name = "oracle",
    .quote_open = '"',
    .quote_close = '"',
    .placeholder = HB_PLACEHOLDER_COLON,
    .limit = HB_LIMIT_FETCH,
    .limit_written = true,
    .upsert = HB_UPSERT_INSERT_ALL,
    .nulls_last = true,
    .text_exact = HB_TEXT_EQ_EXACT | HB_TEXT_ORDER_EXACT,
    .in_max = 1000,
    .params_soft_max = 30000,
    .true_text = "1 = 1",
    .not_head = "CASE WHEN ",
    .not_true = " THEN 0 ELSE 1 END = 1",
    .text_equal = "DBMS_LOB.COMPARE($c, $p) $o 0",
    .text_compare = "DBMS_LOB.SUBSTR($c, 999, 1) $o $p",
    .text_order = "DBMS_LOB.SUBSTR($c, 999, 1)",
    .order_chars = 499,
    .operand_max = 999,
    .contains = "INSTR($c, $r) > 0",
    .starts_with = "INSTR($c, $r) = 1",
    .types = {
        [HB_KIND_NULL] = "CLOB",
        [HB_KIND_BOOL] = "NUMBER(1)",
        [HB_KIND_I64] = "NUMBER(19)",
        [HB_KIND_F64] = "BINARY_DOUBLE",
        [HB_KIND_TEXT] = "CLOB",
        [HB_KIND_BYTES] = "BLOB",
        [HB_KIND_VEC] = "BLOB",
        [HB_KIND_PACK] = "CLOB",
    },
    .cast_heads = {
        [HB_KIND_BOOL] = "CAST(",
        [HB_KIND_I64] = "CAST(",
        [HB_KIND_F64] = "CAST(",
    },
    .casts = {
        [HB_KIND_BOOL] = " AS NUMBER(1))",
        [HB_KIND_I64] = " AS NUMBER(19))",
        [HB_KIND_F64] = " AS BINARY_DOUBLE)",
    },
    .id_type = "VARCHAR2(1021 BYTE)",
    .in_array_from = 1001,
    .in_list_max = 1000,
    .text_marked = "\1",
    .empty_marked = true,
    .bytes_marked = true,
    .name_max = 128,
    .params_max = 999,
    .bytes_max = 4u << 20,
    .ddl = &ddl_oracle,
    .table_suffix = "",
    .tables_commit = true,
    .no_text_index = true,
    .index_in_schema = true,
    .indexes_max = 60,
};
