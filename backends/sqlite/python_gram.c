// SPDX-License-Identifier: MIT
/* The keyword index of Python's layout ("sparse gram"): for every text of an array a keyword with
 * its normal form, and for every keyword the hashes of some of its substrings, so that a long text
 * finds the keywords that it contains. Python answers contained_in from it; here it is only kept in
 * step. A keyword's substrings are cut where the hashes of its trigrams have a new maximum, from
 * both ends. */
#include "backends/sqlite/python.h"
#include "base/crc32.h"

#define GRAM_WIDTH 3u
#define GRAM_SALT "||{\"salt\": \"heavenbase.gram.v1\", \"seed\": 42}"
#define GRAM_NORMALIZER "default:auto"
/* SHA-256 of Python's default options. */
#define GRAM_FINGERPRINT "d14358086ceb42ae7507a964e41799bc169bd6c3ba0a01c91e21da5937b6c6c0"

#define POSTING_COLUMNS "_id, ns, entity_id, field_name, gram_hash, keyword_id, mask_bit"
#define POSTING_VALUES " (" POSTING_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?)"
#define KEYWORD_COLUMNS                                                                            \
    "ns, keyword_id, entity_id, field_name, object_id, keyword, keyword_norm, normalizer,"         \
    " full_mask, ordinal, keyword_len, part_count"
#define KEYWORD_VALUES " (" KEYWORD_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

typedef struct gram_keyword {       /* one keyword on its way into the tables */
    hb_arena *arena;
    hb_str norm;
    uint32_t *starts;               /* byte position of every code point, and of the end */
    uint32_t unit_count;
    uint32_t *hashes;               /* of every trigram */
    uint32_t hash_count;
    hb_str *parts;                  /* the substrings, no two alike */
    uint32_t part_count;
} gram_keyword;

typedef struct gram_row {
    const char *add_posting, *add_keyword;  /* statements; NULL: those of the index itself */
    sqlite_table *table;
    hb_str ns, entity, field, object_id;
    hb_arena *arena;
} gram_row;

bool sqlite_python_has_gram(const hb_type *type, hb_strategy strategy) {
    return strategy == HB_STRATEGY_SPARSE_GRAM && type->id == HB_TYPE_ARRAY && type->item != NULL &&
           type->item->id == HB_TYPE_SHORT_TEXT;
}

/* ---- substrings ---------------------------------------------------------------------------------
 */

static uint32_t gram_hash(hb_str gram) {
    return hb_crc32(hb_crc32(0, gram), HB_STR(GRAM_SALT));
}

/* Code points [from, to). */
static hb_str keyword_span(const gram_keyword *keyword, uint32_t from, uint32_t to) {
    uint32_t start = keyword->starts[from];
    return hb_str_sub(keyword->norm, start, keyword->starts[to] - start);
}

static void part_add(gram_keyword *keyword, uint32_t from, uint32_t to) {
    hb_str span = keyword_span(keyword, from, to);
    for (uint32_t i = 0; i < keyword->part_count; i++) {
        if (hb_str_eq(keyword->parts[i], span)) return;
    }
    keyword->parts[keyword->part_count++] = span;
}

static void cut_parts(gram_keyword *keyword) {
    const uint32_t *hashes = keyword->hashes;
    uint32_t count = keyword->hash_count, most = hashes[0], start = 0;
    for (uint32_t i = 1; i < count; i++) {
        if (hashes[i] < most) continue; /* a new maximum, or as high as the last one */
        most = hashes[i];
        part_add(keyword, start, i + GRAM_WIDTH);
        start = i;
    }
    uint32_t stop = keyword->unit_count;
    most = hashes[count - 1];
    for (uint32_t i = count - 1; i-- > 0;) {
        if (hashes[i] < most) continue;
        most = hashes[i];
        part_add(keyword, i, stop);
        stop = i + GRAM_WIDTH;
    }
}

static hb_status keyword_cut(gram_keyword *keyword, hb_err *err) {
    uint32_t count = hb_utf8_count(keyword->norm), pos = 0;
    keyword->unit_count = count;
    keyword->starts = hb_arena_array(keyword->arena, (size_t)count + 1, sizeof(uint32_t));
    keyword->parts = hb_arena_array(keyword->arena, (size_t)count * 2 + 1, sizeof(hb_str));
    keyword->hashes = hb_arena_array(keyword->arena, (size_t)count + 1, sizeof(uint32_t));
    if (keyword->starts == NULL || keyword->parts == NULL || keyword->hashes == NULL) {
        return hb_err_memory(err);
    }
    for (uint32_t i = 0; i < count; i++) {
        keyword->starts[i] = pos;
        (void)hb_utf8_next(keyword->norm, &pos);
    }
    keyword->starts[count] = keyword->norm.len;
    if (count <= GRAM_WIDTH) {
        part_add(keyword, 0, count);
        return HB_OK;
    }
    keyword->hash_count = count - GRAM_WIDTH + 1;
    for (uint32_t i = 0; i < keyword->hash_count; i++) {
        keyword->hashes[i] = gram_hash(keyword_span(keyword, i, i + GRAM_WIDTH));
    }
    cut_parts(keyword);
    return HB_OK;
}

/* ---- statements ---------------------------------------------------------------------------------
 */

/* Borrows the statement of `text` with texts bound to its first parameters. */
static hb_status gram_borrow(sqlite_conn *conn, const char *text, const hb_str *texts,
                             uint32_t count, sqlite3_stmt **out, hb_err *err) {
    hb_sql sql = sqlite_ddl(conn, text);
    hb_status status = sqlite_borrow(conn, &sql, out, err);
    hb_sql_free(&sql);
    HB_TRY(status);
    for (uint32_t i = 0; i < count; i++) sqlite_bind_str(*out, (int)i + 1, texts[i]);
    return HB_OK;
}

static hb_status gram_run(sqlite_conn *conn, const char *text, const hb_str *texts, uint32_t count,
                          hb_err *err) {
    sqlite3_stmt *stmt;
    HB_TRY(gram_borrow(conn, text, texts, count, &stmt, err));
    hb_status status = sqlite_step_done(conn, stmt, err);
    sqlite_return(conn, stmt);
    return status;
}

/* ---- one keyword
 * ---------------------------------------------------------------------------------- */

/* Doubles a decimal number; digits stand in reverse. */
static uint32_t decimal_double(char *digits, uint32_t len) {
    uint32_t carry = 0;
    for (uint32_t i = 0; i < len; i++) {
        uint32_t digit = (uint32_t)(digits[i] - '0') * 2 + carry;
        digits[i] = (char)('0' + digit % 10);
        carry = digit / 10;
    }
    if (carry > 0) digits[len++] = '1';
    return len;
}

static hb_str decimal_text(const char *digits, uint32_t len, char *out) {
    for (uint32_t i = 0; i < len; i++) out[i] = digits[len - 1 - i];
    return (hb_str){ out, len };
}

static hb_status posting_add(const gram_row *row, hb_str keyword_id, hb_str part, hb_str mask_bit,
                             hb_err *err) {
    sqlite_conn *conn = row->table->conn;
    char hash_text[12], id[HB_OBJECT_ID_HASH_LEN];
    uint32_t hash = gram_hash(part), at = sizeof(hash_text);
    do {
        hash_text[--at] = (char)('0' + hash % 10);
        hash /= 10;
    } while (hash > 0);
    hb_str number = { hash_text + at, (uint32_t)sizeof(hash_text) - at };
    python_hash key;
    sqlite_python_hash_begin(&key, conn->mem);
    sqlite_python_hash_text(&key, row->ns);
    sqlite_python_hash_text(&key, keyword_id);
    sqlite_python_hash_text(&key, number);
    sqlite_python_hash_text(&key, mask_bit);
    HB_TRY(sqlite_python_hash_end(&key, id, err));
    hb_str texts[] = { { id, sizeof(id) }, row->ns, row->entity, row->field, number,
                       keyword_id,         mask_bit };
    return gram_run(conn,
                    row->add_posting != NULL
                        ? row->add_posting
                        : "INSERT OR REPLACE INTO main.hb_gram_postings" POSTING_VALUES,
                    texts, 7, err);
}

/* Bit i of the mask stands for part i; masks are decimal texts of any length. *full: all bits. */
static hb_status postings_add(const gram_row *row, const gram_keyword *keyword, hb_str keyword_id,
                              hb_str *full, hb_err *err) {
    uint32_t room = keyword->part_count / 3 + 2;
    char *digits = hb_arena_alloc(row->arena, room), *text = hb_arena_alloc(row->arena, room);
    if (digits == NULL || text == NULL) return hb_err_memory(err);
    uint32_t len = 1;
    digits[0] = '1';
    for (uint32_t i = 0; i < keyword->part_count; i++) {
        HB_TRY(
            posting_add(row, keyword_id, keyword->parts[i], decimal_text(digits, len, text), err));
        len = decimal_double(digits, len);
    }
    digits[0]--; /* a power of two never ends in 0 */
    *full = decimal_text(digits, len, text);
    return HB_OK;
}

static hb_status keyword_insert(const gram_row *row, const gram_keyword *keyword, hb_str source,
                                uint32_t ordinal, hb_str id, hb_str full, hb_err *err) {
    sqlite_conn *conn = row->table->conn;
    sqlite3_stmt *stmt;
    hb_str texts[] = { row->ns,
                       id,
                       row->entity,
                       row->field,
                       row->object_id,
                       source,
                       keyword->norm,
                       HB_STR(GRAM_NORMALIZER),
                       full };
    HB_TRY(gram_borrow(conn,
                       row->add_keyword != NULL
                           ? row->add_keyword
                           : "INSERT OR REPLACE INTO main.hb_gram_keywords" KEYWORD_VALUES,
                       texts, 9, &stmt, err));
    sqlite3_bind_int64(stmt, 10, ordinal);
    sqlite3_bind_int64(stmt, 11, keyword->unit_count);
    sqlite3_bind_int64(stmt, 12, keyword->part_count);
    hb_status status = sqlite_step_done(conn, stmt, err);
    sqlite_return(conn, stmt);
    return status;
}

static hb_status keyword_add(const gram_row *row, hb_str source, uint32_t ordinal, hb_buf *norm,
                             hb_err *err) {
    hb_buf_clear(norm);
    sqlite_python_keyword(source, norm);
    HB_TRY(hb_buf_check(norm, err));
    if (norm->len == 0) return HB_OK; /* nothing that a text could contain */
    gram_keyword keyword = { .arena = row->arena, .norm = hb_buf_str(norm) };
    HB_TRY(keyword_cut(&keyword, err));
    char id[HB_OBJECT_ID_HASH_LEN];
    python_hash key;
    sqlite_python_hash_begin(&key, row->table->conn->mem);
    sqlite_python_hash_text(&key, row->entity);
    sqlite_python_hash_text(&key, row->field);
    sqlite_python_hash_text(&key, row->object_id);
    sqlite_python_hash_int(&key, ordinal);
    sqlite_python_hash_text(&key, keyword.norm);
    sqlite_python_hash_text(&key, HB_STR(GRAM_FINGERPRINT));
    HB_TRY(sqlite_python_hash_end(&key, id, err));
    hb_str full, keyword_id = { id, sizeof(id) };
    HB_TRY(postings_add(row, &keyword, keyword_id, &full, err));
    return keyword_insert(row, &keyword, source, ordinal, keyword_id, full, err);
}

/* ---- rows
 * ----------------------------------------------------------------------------------------- */

static hb_status gram_forget(const gram_row *row, hb_err *err) {
    hb_str texts[] = { row->ns, row->entity, row->object_id };
    HB_TRY(gram_run(row->table->conn,
                    "DELETE FROM main.hb_gram_postings WHERE ns = ?1 AND keyword_id IN (SELECT"
                    " keyword_id FROM main.hb_gram_keywords WHERE ns = ?1 AND entity_id = ?2"
                    " AND object_id = ?3)",
                    texts, 3, err));
    return gram_run(row->table->conn,
                    "DELETE FROM main.hb_gram_keywords WHERE ns = ? AND entity_id = ?"
                    " AND object_id = ?",
                    texts, 3, err);
}

static hb_status gram_add(const gram_row *row, hb_str pack, hb_err *err) {
    hb_pack_reader reader = hb_pack_read(pack);
    hb_pack_item header, item;
    if (!hb_pack_next(&reader, &header) || header.tag != HB_PACK_ARRAY) return HB_OK;
    hb_buf norm;
    hb_buf_init(&norm, row->table->conn->mem);
    hb_status status = HB_OK;
    for (uint32_t i = 0; i < header.count && status == HB_OK; i++) {
        if (!hb_pack_next(&reader, &item)) break;
        if (item.tag != HB_PACK_STR) continue;
        status = keyword_add(row, item.s, i, &norm, err);
        hb_arena_reset(row->arena);
    }
    hb_buf_free(&norm);
    return status;
}

static gram_row row_of(sqlite_table *table, uint32_t place, hb_str object_id, hb_arena *arena) {
    const hb_schema *schema = table->container->schema;
    return (gram_row){ .table = table,
                       .ns = table->grams[place],
                       .entity = schema->entity_id,
                       .field = schema->fields[table->container->fields[place].field].name,
                       .object_id = object_id,
                       .arena = arena };
}

hb_status sqlite_python_gram_remove(sqlite_table *table, hb_str object_id, hb_err *err) {
    for (uint32_t i = 0; i < table->field_count; i++) {
        if (table->grams[i].len == 0) continue;
        gram_row row = row_of(table, i, object_id, NULL);
        HB_TRY(gram_forget(&row, err));
    }
    return HB_OK;
}

hb_status sqlite_python_gram_write(sqlite_table *table, const hb_batch *batch, uint32_t row,
                                   hb_err *err) {
    hb_str object_id = hb_column_span(&batch->columns[0], row);
    HB_TRY(sqlite_python_gram_remove(table, object_id, err));
    hb_arena scratch;
    hb_arena_init(&scratch, table->conn->mem);
    hb_status status = HB_OK;
    for (uint32_t i = 0; i < batch->column_count && status == HB_OK; i++) {
        const hb_column *column = &batch->columns[i];
        if (table->grams[i].len == 0 || hb_column_cell(column, row) != HB_CELL_VALUE) continue;
        gram_row gram = row_of(table, i, object_id, &scratch);
        status = gram_add(&gram, hb_column_span(column, row), err);
    }
    hb_arena_free(&scratch);
    return status;
}

/* ---- the index of a field
 * --------------------------------------------------------------------------- */

static const char gram_tables[] =
    "CREATE TABLE IF NOT EXISTS main.hb_gram_meta (\n\tns VARCHAR(191) NOT NULL, \n\t\"key\" "
    "VARCHAR(191) NOT NULL, \n\tvalue VARCHAR(65535) NOT NULL, \n\tPRIMARY KEY (ns, \"key\")\n);"
    "CREATE TABLE IF NOT EXISTS main.hb_gram_keywords (\n\tns VARCHAR(191) NOT NULL, "
    "\n\tkeyword_id "
    "VARCHAR(191) NOT NULL, \n\tentity_id VARCHAR(191) NOT NULL, \n\tfield_name VARCHAR(191) NOT "
    "NULL, \n\tobject_id VARCHAR(191) NOT NULL, \n\tordinal INTEGER NOT NULL, \n\tkeyword "
    "VARCHAR(65535) NOT NULL, \n\tkeyword_norm VARCHAR(65535) NOT NULL, \n\tkeyword_len INTEGER, "
    "\n\tnormalizer VARCHAR(191) NOT NULL, \n\tfull_mask VARCHAR(65535) NOT NULL, \n\tpart_count "
    "INTEGER, \n\tPRIMARY KEY (keyword_id)\n);"
    "CREATE TABLE IF NOT EXISTS main.hb_gram_postings (\n\t_id VARCHAR(191) NOT NULL, \n\tns "
    "VARCHAR(191) NOT NULL, \n\tentity_id VARCHAR(191) NOT NULL, \n\tfield_name VARCHAR(191) NOT "
    "NULL, \n\tgram_hash VARCHAR(191) NOT NULL, \n\tkeyword_id VARCHAR(191) NOT NULL, \n\tmask_bit "
    "VARCHAR(65535) NOT NULL, \n\tPRIMARY KEY (_id)\n);"
    "CREATE INDEX IF NOT EXISTS main.ix_000036684637063572940298061472503398455935"
    " ON hb_gram_keywords (ns, entity_id, field_name);"
    "CREATE INDEX IF NOT EXISTS main.ix_000286457286710437165482429261150012543989"
    " ON hb_gram_keywords (ns, entity_id, object_id);"
    "CREATE INDEX IF NOT EXISTS main.ix_000309674107995465454005976263099442175768"
    " ON hb_gram_postings (ns, entity_id, field_name, gram_hash);"
    "CREATE INDEX IF NOT EXISTS main.ix_000330410666714628791717002516831400786492"
    " ON hb_gram_postings (ns, keyword_id)";

/* The namespace that the index of the field is in: Python's workspace may have another id than
 * ours, and its keywords are the ones to keep in step. *same: with the options that we know. */
static hb_status gram_find(sqlite_table *table, hb_str key, hb_str own, hb_str *ns, bool *same,
                           hb_err *err) {
    sqlite3_stmt *stmt;
    hb_str texts[] = { key, own };
    *ns = HB_STR_EMPTY;
    HB_TRY(gram_borrow(table->conn,
                       "SELECT ns, value FROM main.hb_gram_meta WHERE \"key\" = ?1"
                       " ORDER BY ns <> ?2, ns LIMIT 1",
                       texts, 2, &stmt, err));
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        *ns = hb_arena_str(&table->arena, sqlite_text_at(stmt, 0));
        *same = hb_str_eq(sqlite_text_at(stmt, 1), HB_STR(GRAM_FINGERPRINT));
    }
    sqlite_return(table->conn, stmt);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) return sqlite_fail(table->conn, rc, err);
    return ns->ptr != NULL ? HB_OK : hb_err_memory(err);
}

hb_status sqlite_python_gram_make(sqlite_table *table, uint32_t place, hb_err *err) {
    const hb_container *container = table->container;
    hb_arena *arena = &table->arena;
    HB_TRY(sqlite_run(table->conn, gram_tables, err));
    hb_str key =
        hb_arena_printf(arena, "fingerprint:%.*s:%.*s", HB_ARG(container->schema->entity_id),
                        HB_ARG(container->schema->fields[container->fields[place].field].name));
    hb_str own =
        hb_arena_printf(arena, "%.*s:%.*s:sql_sparse_gram", HB_ARG(container->workspace_id),
                        HB_ARG(table->conn->instance->name));
    if (key.ptr == NULL || own.ptr == NULL) return hb_err_memory(err);
    bool same = false;
    HB_TRY(gram_find(table, key, own, &table->grams[place], &same, err));
    if (table->grams[place].len == 0) table->grams[place] = own;
    if (same) return HB_OK;
    /* Where the index was made with other options, the changed fingerprint has Python make it
     * again. */
    hb_str texts[] = { table->grams[place], key, HB_STR(GRAM_FINGERPRINT) };
    return gram_run(table->conn, "INSERT OR REPLACE INTO main.hb_gram_meta VALUES (?, ?, ?)", texts,
                    3, err);
}

hb_status sqlite_python_gram_clear(sqlite_table *table, hb_err *err) {
    bool there;
    HB_TRY(sqlite_ddl_has(table->conn, "table", HB_STR("hb_gram_meta"), &there, err));
    if (!there) return HB_OK;
    hb_str entity = table->container->schema->entity_id;
    hb_str key = hb_arena_printf(&table->arena, "fingerprint:%.*s:", HB_ARG(entity));
    if (key.ptr == NULL) return hb_err_memory(err);
    HB_TRY(gram_run(table->conn, "DELETE FROM main.hb_gram_postings WHERE entity_id = ?", &entity,
                    1, err));
    HB_TRY(gram_run(table->conn, "DELETE FROM main.hb_gram_keywords WHERE entity_id = ?", &entity,
                    1, err));
    return gram_run(table->conn,
                    "DELETE FROM main.hb_gram_meta WHERE substr(\"key\", 1, length(?1)) = ?1", &key,
                    1, err);
}

/* ---- audit and repair --------------------------------------------------------------------------
 */

/* What the index of a field should be, beside it. */
static const char expected_tables[] =
    "CREATE TEMP TABLE IF NOT EXISTS hb_gram_expected_keywords (" KEYWORD_COLUMNS
    ", PRIMARY KEY (keyword_id));"
    "CREATE TEMP TABLE IF NOT EXISTS hb_gram_expected_postings (" POSTING_COLUMNS
    ", PRIMARY KEY (_id));"
    "DELETE FROM temp.hb_gram_expected_keywords; DELETE FROM temp.hb_gram_expected_postings";
#define EXPECTED_END                                                                               \
    "DROP TABLE IF EXISTS temp.hb_gram_expected_keywords;"                                         \
    "DROP TABLE IF EXISTS temp.hb_gram_expected_postings"

static hb_status expected_row(gram_row *row, sqlite3_stmt *stmt, hb_buf *pack, hb_err *err) {
    hb_value value;
    HB_TRY(sqlite_read_known(sqlite3_column_value(stmt, 1), HB_KIND_PACK, pack, &value, err));
    row->object_id = sqlite_text_at(stmt, 0);
    return value.kind == HB_KIND_PACK ? gram_add(row, value.as.s, err) : HB_OK;
}

static hb_status expected_fill(sqlite_table *table, uint32_t place, hb_err *err) {
    sqlite_conn *conn = table->conn;
    HB_TRY(sqlite_run(conn, expected_tables, err));
    sqlite3_stmt *stmt;
    HB_TRY(sqlite_ddl_select_given(table, "object_id", place, &stmt, err));
    hb_arena arena;
    hb_buf pack;
    hb_arena_init(&arena, conn->mem);
    hb_buf_init(&pack, conn->mem);
    gram_row row = row_of(table, place, HB_STR_EMPTY, &arena);
    row.add_keyword = "INSERT OR REPLACE INTO temp.hb_gram_expected_keywords" KEYWORD_VALUES;
    row.add_posting = "INSERT OR REPLACE INTO temp.hb_gram_expected_postings" POSTING_VALUES;
    hb_status status = HB_OK;
    int rc = SQLITE_DONE;
    while (status == HB_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        status = expected_row(&row, stmt, &pack, err);
    }
    sqlite3_finalize(stmt);
    hb_buf_free(&pack);
    hb_arena_free(&arena);
    HB_TRY(status);
    return rc == SQLITE_DONE ? HB_OK : sqlite_fail(conn, rc, err);
}

/* Rows of one side that the other has not; `of_field` picks the field's part of the index. */
#define OF_FIELD " WHERE ns = ?1 AND entity_id = ?2 AND field_name = ?3"
#define DIFFERENCE(columns, name)                                                                  \
    "SELECT " columns " FROM (SELECT " columns " FROM main.hb_gram_" name OF_FIELD                 \
    " EXCEPT SELECT " columns " FROM temp.hb_gram_expected_" name ") UNION ALL SELECT " columns    \
    " FROM (SELECT " columns " FROM temp.hb_gram_expected_" name " EXCEPT SELECT " columns         \
    " FROM main.hb_gram_" name OF_FIELD ")"

/* The rows whose keywords are others, in order; "" for postings of keywords that nobody knows. */
static const char different_rows[] =
    "SELECT DISTINCT object_id FROM (SELECT object_id FROM (" DIFFERENCE(
        KEYWORD_COLUMNS,
        "keywords") ") UNION ALL SELECT coalesce((SELECT object_id FROM"
                    " temp.hb_gram_expected_keywords k WHERE k.keyword_id = p.keyword_id),"
                    " (SELECT object_id FROM main.hb_gram_keywords k WHERE k.keyword_id ="
                    " p.keyword_id), '') AS object_id FROM (" DIFFERENCE(POSTING_COLUMNS,
                                                                         "postings") ") p)"
                                                                                     " ORDER BY"
                                                                                     " object_id";

hb_status sqlite_python_gram_check(sqlite_table *table, uint32_t place,
                                   const sqlite_checker *checker, hb_err *err) {
    sqlite_conn *conn = table->conn;
    hb_status status = expected_fill(table, place, err);
    gram_row row = row_of(table, place, HB_STR_EMPTY, NULL);
    const hb_str texts[] = { row.ns, row.entity, row.field };
    sqlite3_stmt *stmt = NULL;
    if (status == HB_OK) status = gram_borrow(conn, different_rows, texts, 3, &stmt, err);
    int rc = SQLITE_DONE;
    while (status == HB_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        const hb_finding finding = {
            .kind = "index",
            .path = HB_STR("hb_gram_keywords"),
            .field = row.field,
            .object_id = sqlite_text_at(stmt, 0),
            .reason = HB_STR("the keywords kept for lookups are not those of the row"),
            .fixed = checker->fix,
        };
        *checker->count += 1;
        status = checker->sink(checker->arg, &finding, err);
    }
    if (stmt != NULL) sqlite_return(conn, stmt);
    if (status == HB_OK && rc != SQLITE_DONE) status = sqlite_fail(conn, rc, err);
    sqlite_cache_clear(conn);
    const hb_status dropped = sqlite_run(conn, EXPECTED_END, status == HB_OK ? err : NULL);
    return status == HB_OK ? dropped : status;
}

hb_status sqlite_python_gram_rebuild(sqlite_table *table, uint32_t place, hb_err *err) {
    static const char *const steps[] = {
        "DELETE FROM main.hb_gram_postings" OF_FIELD,
        "DELETE FROM main.hb_gram_keywords" OF_FIELD,
        "INSERT OR REPLACE INTO main.hb_gram_keywords (" KEYWORD_COLUMNS ") SELECT " KEYWORD_COLUMNS
        " FROM temp.hb_gram_expected_keywords" OF_FIELD,
        "INSERT OR REPLACE INTO main.hb_gram_postings (" POSTING_COLUMNS ") SELECT " POSTING_COLUMNS
        " FROM temp.hb_gram_expected_postings" OF_FIELD,
    };
    HB_TRY(expected_fill(table, place, err));
    gram_row row = row_of(table, place, HB_STR_EMPTY, NULL);
    const hb_str texts[] = { row.ns, row.entity, row.field };
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        HB_TRY(gram_run(table->conn, steps[i], texts, 3, err));
    }
    sqlite_cache_clear(table->conn);
    return sqlite_run(table->conn, EXPECTED_END, err);
}
