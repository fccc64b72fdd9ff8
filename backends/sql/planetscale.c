// SPDX-License-Identifier: MIT
/* The transport "planetscale": MySQL behind PlanetScale's SQL over HTTP, or a proxy that speaks it.
 * A request carries one statement with its values written into it. A transaction is what the
 * server's session says, which goes out again as it came; when one of its statements fails, it is
 * rolled back. One whose connection is lost ends by the server's own time-out.
 *
 * Facts: the driver @planetscale/database (paths, bodies, escapes, rows as lengths and bytes). */
#include "backends/sql/transport.h"
#include "base/base64.h"
#include "base/limits.h"
#include "base/num.h"

#define COLUMNS_MAX (2 * HB_FIELDS_MAX)

/* ---- where ------------------------------------------------------------------------------- */

static hb_status bad_option(const sql_remote *remote, const char *name, const char *expected,
                            hb_err *err) {
    hb_err_set(err, HB_E_VALIDATION, "option '%s' expects %s", name, expected);
    return hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, remote->instance->name);
}

/* "Basic <base64 of username:password>" */
static hb_status add_credentials(const sql_remote *remote, sql_link *link, hb_err *err) {
    hb_str username, password;
    HB_TRY(sql_http_option(remote, "username", &username, err));
    HB_TRY(sql_http_option(remote, "password", &password, err));
    return sql_http_basic(remote, link, username, password, err);
}

static hb_status open_planetscale(const sql_remote *remote, sql_link *link, hb_err *err) {
    hb_arena *arena = remote->instance->arena;
    hb_str base, host;
    HB_TRY(sql_http_url(remote, &base, err));
    if (base.len == 0) {
        HB_TRY(sql_http_option(remote, "host", &host, err));
        for (uint32_t i = 0; i < host.len; i++) {
            if (strchr("/@?#\\", host.ptr[i]) != NULL) {
                return bad_option(remote, "host", "the name of a host", err);
            }
        }
        base = hb_arena_printf(arena, "https://%.*s", HB_ARG(host));
        if (base.ptr == NULL) return hb_err_memory(err);
    }
    link->url = hb_arena_printf(arena, "%.*s/psdb.v1alpha1.Database/Execute", HB_ARG(base));
    if (link->url.ptr == NULL) return hb_err_memory(err);
    sql_http_header(link, "Content-Type", HB_STR("application/json"));
    return add_credentials(remote, link, err);
}

/* ---- statements -------------------------------------------------------------------------- */

static hb_status send_query(hb_job *job, hb_str query, hb_err *err) {
    const sql_exchange *exchange = sql_exchange_of(job);
    hb_buf body;
    hb_buf_init(&body, job->mem);
    hb_buf_add_c(&body, "{\"query\":");
    hb_buf_add_json_str(&body, query);
    hb_buf_add_c(&body, ",\"session\":");
    hb_buf_add_str(&body, exchange->session.len > 0 ? exchange->session : HB_STR("null"));
    hb_buf_add_char(&body, '}');
    return sql_http_post(job, sql_remote_of(job)->link->url, &body, err);
}

/* The first of the statements that are left, which are one fewer then. */
static hb_status send_statement(hb_job *job, hb_err *err) {
    sql_exchange *exchange = sql_exchange_of(job);
    hb_pack_reader reader = hb_pack_read(exchange->statements);
    hb_pack_item pair, text;
    if (!hb_pack_next(&reader, &pair) || !hb_pack_next(&reader, &text)) {
        return hb_err_set(err, HB_E_INTERNAL, "no statement");
    }
    hb_buf query;
    hb_buf_init(&query, job->mem);
    hb_status status = sql_spell(text.s, &reader, false, &query, err);
    if (status == HB_OK) status = hb_buf_check(&query, err);
    exchange->statements = hb_str_sub(exchange->statements, reader.pos, exchange->statements.len);
    if (status == HB_OK) status = send_query(job, hb_buf_str(&query), err);
    hb_buf_free(&query);
    return status;
}

/* BEGIN, the statements, COMMIT; or the statements alone. */
static uint32_t requests_of(const sql_exchange *exchange) {
    return exchange->count + (exchange->in_transaction ? 2 : 0);
}

static hb_status send_next(hb_job *job, hb_err *err) {
    const sql_exchange *exchange = sql_exchange_of(job);
    if (exchange->in_transaction) {
        if (exchange->at == 0) return send_query(job, HB_STR("BEGIN"), err);
        if (exchange->at == exchange->count + 1) return send_query(job, HB_STR("COMMIT"), err);
    }
    return send_statement(job, err);
}

static hb_status send_first(hb_job *job, hb_err *err) {
    sql_exchange *exchange = sql_exchange_of(job);
    hb_pack_reader reader = hb_pack_read(exchange->statements);
    hb_pack_item list;
    if (!hb_pack_next(&reader, &list)) return hb_err_set(err, HB_E_INTERNAL, "no statements");
    exchange->statements = hb_str_sub(exchange->statements, reader.pos, exchange->statements.len);
    return send_next(job, err);
}

/* What failed is in `err`, and told when the server has answered. */
static hb_status undo(hb_job *job, hb_status status, const hb_err *err) {
    hb_err ignored;
    const hb_err *kept = err != NULL ? hb_arena_copy(job->arena, err, sizeof(*err)) : NULL;
    if (kept == NULL || kept->code != status) return status;
    if (send_query(job, HB_STR("ROLLBACK"), &ignored) != HB_OK) return status;
    sql_exchange_of(job)->failure = kept;
    return HB_OK;
}

/* ---- errors ------------------------------------------------------------------------------ */

/* The number of the last "(errno 1062) (sqlstate 23000)" in the text; empty: there is none. */
static hb_str number_in(hb_str message) {
    const hb_str before = HB_STR("(errno "), after = HB_STR(") (sqlstate ");
    hb_str found = HB_STR_EMPTY;
    for (int64_t at = 0; (at = hb_str_find(message, before, (uint32_t)at)) >= 0; at++) {
        const uint32_t from = (uint32_t)at + before.len;
        const int64_t end = hb_str_find(message, after, from);
        int64_t number;
        if (end < 0) break;
        const hb_str digits = hb_str_sub(message, from, (uint32_t)end - from);
        if (digits.len < 6 && hb_num_parse_i64(digits, &number) == HB_NUM_OK) found = digits;
    }
    return found;
}

static void read_error(const hb_job *job, hb_str error, sql_fault *out) {
    static const struct {
        hb_str code;
        hb_status status;
    } codes[] = {
        { { "ALREADY_EXISTS", 14 }, HB_E_UNIQUE },   { { "NOT_FOUND", 9 }, HB_E_SCHEMA_DRIFT },
        { { "UNAUTHENTICATED", 15 }, HB_E_REFUSED }, { { "PERMISSION_DENIED", 17 }, HB_E_REFUSED },
        { { "ABORTED", 7 }, HB_E_LOCKED },           { { "DEADLINE_EXCEEDED", 17 }, HB_E_TIMEOUT },
        { { "CANCELED", 8 }, HB_E_TIMEOUT },         { { "RESOURCE_EXHAUSTED", 18 }, HB_E_LIMIT },
        { { "UNAVAILABLE", 11 }, HB_E_UNAVAILABLE },
    };
    static const char *const names[2] = { "code", "message" };
    hb_err ignored;
    hb_str parts[2];
    out->status = HB_E_BACKEND;
    if (sql_json_members(error, names, parts, 2, &ignored) != HB_OK) return;
    out->native = sql_json_text(parts[0]);
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (hb_str_eq(out->native, codes[i].code)) out->status = codes[i].status;
    }
    const hb_str number = number_in(sql_json_text(parts[1]));
    if (number.len == 0 || hb_str_eq(number, HB_STR("1105"))) return; /* "unknown error" */
    out->native = number;
    out->status = sql_remote_of(job)->engine->status_of(number);
}

static bool is_nothing(hb_str pack) {
    hb_pack_reader reader = hb_pack_read(pack);
    hb_pack_item item;
    return pack.ptr == NULL || !hb_pack_next(&reader, &item) || item.tag == HB_PACK_NIL;
}

/* The server's error, if it is one. */
static void fault(hb_job *job, const hb_host_reply *reply, sql_fault *out) {
    static const char *const names[1] = { "error" };
    hb_err ignored;
    hb_str pack, error;
    if (sql_json_read(job, reply->body, &pack, &ignored) != HB_OK) return;
    if (sql_json_members(pack, names, &error, 1, &ignored) != HB_OK || is_nothing(error)) return;
    sql_fault found = { 0 };
    read_error(job, error, &found);
    if (found.status != HB_E_BACKEND) *out = found;
}

/* ---- rows -------------------------------------------------------------------------------- */

typedef struct row_reader {
    hb_column *columns;
    uint32_t column_count;
    uint8_t **states;
    hb_span **spans;
    uint8_t *heap;
    uint32_t heap_len, heap_cap;
} row_reader;

/* A field's type; bytes are what has no character set. */
static hb_status read_field(hb_str field, hb_column *column, hb_err *err) {
    static const hb_str of_bytes[] = { { "BLOB", 4 },     { "BINARY", 6 }, { "VARBINARY", 9 },
                                       { "GEOMETRY", 8 }, { "BIT", 3 },    { "VECTOR", 6 } };
    static const hb_str of_texts[] = { { "TEXT", 4 }, { "VARCHAR", 7 }, { "CHAR", 4 } };
    static const char *const names[3] = { "name", "type", "charset" };
    hb_str parts[3];
    hb_pack_item charset;
    HB_TRY(sql_json_members(field, names, parts, 3, err));
    const hb_str type = sql_json_text(parts[1]);
    hb_pack_reader reader = hb_pack_read(parts[2]);
    const bool is_binary = parts[2].ptr != NULL && hb_pack_next(&reader, &charset) &&
                           charset.tag == HB_PACK_INT && charset.i == 63;
    column->name = sql_json_text(parts[0]);
    column->kind = HB_KIND_TEXT;
    for (size_t i = 0; i < sizeof(of_bytes) / sizeof(of_bytes[0]); i++) {
        if (hb_str_eq(type, of_bytes[i])) column->kind = HB_KIND_BYTES;
    }
    for (size_t i = 0; i < sizeof(of_texts) / sizeof(of_texts[0]); i++) {
        if (is_binary && hb_str_eq(type, of_texts[i])) column->kind = HB_KIND_BYTES;
    }
    return HB_OK;
}

static hb_status read_fields(const hb_job *job, hb_str fields, row_reader *out, hb_err *err) {
    hb_pack_reader reader;
    hb_str field;
    if (is_nothing(fields)) return HB_OK;
    HB_TRY(sql_json_list(fields, &reader, &out->column_count, err));
    if (out->column_count > COLUMNS_MAX) return sql_bad_answer(err, "it has too many columns");
    out->columns = HB_NEW_ARRAY(job->arena, hb_column, out->column_count);
    if (out->columns == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < out->column_count; i++) {
        if (!hb_pack_skip(&reader, &field)) return sql_bad_answer(err, "a field is missing");
        HB_TRY(read_field(field, &out->columns[i], err));
    }
    return HB_OK;
}

/* How many bytes of a row a cell has, as a text or a number; -1: it is null. */
static bool read_length(hb_pack_reader *lengths, int64_t *length) {
    hb_pack_item item;
    if (!hb_pack_next(lengths, &item)) return false;
    *length = item.i;
    if (item.tag == HB_PACK_STR) return hb_num_parse_i64(item.s, length) == HB_NUM_OK;
    return item.tag == HB_PACK_INT;
}

/* {"lengths": ["1", "-1"], "values": base64} */
static hb_status read_row(const hb_job *job, hb_str pack, uint32_t row, row_reader *out,
                          hb_err *err) {
    static const char *const names[2] = { "lengths", "values" };
    hb_str parts[2], bytes;
    hb_pack_reader lengths;
    uint32_t count, at = 0;
    HB_TRY(sql_json_members(pack, names, parts, 2, err));
    HB_TRY(sql_json_list(parts[0], &lengths, &count, err));
    if (count != out->column_count) {
        return sql_bad_answer(err, "a row has another number of cells than there are columns");
    }
    if (!hb_base64_read(sql_json_text(parts[1]), job->arena, &bytes)) {
        return sql_bad_answer(err, "malformed base64");
    }
    if (bytes.ptr == NULL) return hb_err_memory(err);
    for (uint32_t c = 0; c < count; c++) {
        int64_t length;
        if (!read_length(&lengths, &length) || length > (int64_t)(bytes.len - at)) {
            return sql_bad_answer(err, "a row's lengths are not those of its bytes");
        }
        out->states[c][row] = length < 0 ? HB_CELL_NULL : HB_CELL_VALUE;
        if (length < 0) continue;
        if (out->columns[c].kind == HB_KIND_TEXT &&
            !hb_utf8_valid(hb_str_sub(bytes, at, (uint32_t)length))) {
            return sql_bad_answer(err, "a text is no UTF-8");
        }
        out->spans[c][row] = (hb_span){ out->heap_len + at, (uint32_t)length };
        at += (uint32_t)length;
    }
    if (at != bytes.len) return sql_bad_answer(err, "a row's lengths are not those of its bytes");
    HB_ASSERT(bytes.len <= out->heap_cap - out->heap_len);
    if (bytes.len > 0) memcpy(out->heap + out->heap_len, bytes.ptr, bytes.len);
    out->heap_len += bytes.len;
    return HB_OK;
}

static bool make_room(const hb_job *job, uint32_t rows, uint32_t heap, row_reader *out) {
    out->states = hb_arena_zalloc_array(job->arena, out->column_count, sizeof(uint8_t *));
    out->spans = hb_arena_zalloc_array(job->arena, out->column_count, sizeof(hb_span *));
    out->heap = hb_arena_alloc(job->arena, heap);
    out->heap_cap = heap;
    bool good = out->states != NULL && out->spans != NULL && out->heap != NULL;
    for (uint32_t c = 0; c < out->column_count && good; c++) {
        out->states[c] = HB_NEW_ARRAY(job->arena, uint8_t, rows);
        out->spans[c] = HB_NEW_ARRAY(job->arena, hb_span, rows);
        good = out->states[c] != NULL && out->spans[c] != NULL;
    }
    return good;
}

/* {"fields": [...], "rows": [...]}; what is absent is empty. */
static hb_status take_result(const hb_job *job, hb_str result, hb_batch *rows, hb_err *err) {
    static const char *const names[2] = { "fields", "rows" };
    row_reader out = { 0 };
    hb_str parts[2], row;
    hb_pack_reader reader;
    uint32_t count = 0;
    HB_TRY(sql_json_members(result, names, parts, 2, err));
    HB_TRY(read_fields(job, parts[0], &out, err));
    if (!is_nothing(parts[1])) HB_TRY(sql_json_list(parts[1], &reader, &count, err));
    if (count > HB_BATCH_ROWS_MAX) return sql_bad_answer(err, "it has too many rows");
    /* the rows' base64 is longer than their bytes */
    if (!make_room(job, count, parts[1].len, &out)) return hb_err_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        if (!hb_pack_skip(&reader, &row)) return sql_bad_answer(err, "a row is missing");
        HB_TRY(read_row(job, row, i, &out, err));
    }
    for (uint32_t c = 0; c < out.column_count; c++) {
        out.columns[c].state = out.states[c];
        out.columns[c].data = out.spans[c];
        out.columns[c].heap = out.heap;
        out.columns[c].heap_len = out.heap_len;
    }
    *rows = (hb_batch){ count, out.column_count, out.columns };
    return HB_OK;
}

/* ---- answers ----------------------------------------------------------------------------- */

/* Where the text that begins at `at` ends. */
static uint32_t end_of_text(hb_str json, uint32_t at) {
    for (at++; at < json.len && json.ptr[at] != '"'; at++) {
        if (json.ptr[at] == '\\') at++;
    }
    return at;
}

/* A member of the mapping that `json` is for sure, as it stands there; empty: there is none. */
static hb_str written_member(hb_str json, hb_str name) {
    uint32_t depth = 0, from = 0;
    bool is_key = true, is_found = false;
    for (uint32_t i = 0; i < json.len; i++) {
        const char c = json.ptr[i];
        if (c == '"') {
            const uint32_t end = end_of_text(json, i);
            if (depth == 1 && is_key) is_found = hb_str_eq(hb_str_sub(json, i, end + 1 - i), name);
            i = end;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (depth == 1 && c == ':') {
            is_key = false;
            from = i + 1;
        } else if (depth == 1 && (c == ',' || c == '}')) {
            if (is_found && !is_key) return hb_str_trim(hb_str_sub(json, from, i - from));
            is_key = true;
        }
        if (c == '}' || c == ']') depth--;
    }
    return HB_STR_EMPTY;
}

static hb_status keep_session(const hb_job *job, hb_str body, hb_err *err) {
    const hb_str written = written_member(body, HB_STR("\"session\""));
    if (written.len == 0) return sql_bad_answer(err, "its session is not to be found");
    const hb_str kept = hb_arena_str(job->arena, written);
    if (kept.ptr == NULL) return hb_err_memory(err);
    sql_exchange_of(job)->session = kept;
    return HB_OK;
}

/* {"session": ..., "result": {...}, "error": {...}} */
static hb_status read_answer(hb_job *job, hb_str body, hb_batch *rows, hb_err *err) {
    static const char *const names[3] = { "session", "result", "error" };
    const sql_exchange *exchange = sql_exchange_of(job);
    hb_str pack, parts[3];
    HB_TRY(sql_json_read(job, body, &pack, err));
    HB_TRY(sql_json_members(pack, names, parts, 3, err));
    if (!is_nothing(parts[0])) HB_TRY(keep_session(job, body, err));
    if (!is_nothing(parts[2])) {
        sql_fault found = { 0 };
        read_error(job, parts[2], &found);
        return sql_http_refused(job, &found, err);
    }
    if (is_nothing(parts[1])) return sql_bad_answer(err, "it has no result");
    if (!exchange->in_transaction) return take_result(job, parts[1], rows, err);
    return exchange->session.len > 0 ? HB_OK : sql_bad_answer(err, "a transaction has no session");
}

static hb_status take(hb_job *job, const hb_host_reply *reply, hb_batch *rows, bool *complete,
                      hb_err *err) {
    sql_exchange *exchange = sql_exchange_of(job);
    hb_status status = read_answer(job, reply->body, rows, err);
    const bool is_last = exchange->at + 1 == requests_of(exchange);
    if (status == HB_OK) {
        exchange->at++;
        *complete = is_last;
        if (!is_last) status = send_next(job, err);
    }
    const bool is_open = exchange->in_transaction && exchange->at > 0 && !is_last;
    return status != HB_OK && is_open ? undo(job, status, err) : status;
}

const sql_transport sql_transport_planetscale = {
    .name = "planetscale",
    .open = open_planetscale,
    .send = send_first,
    .take = take,
    .fault = fault,
};
