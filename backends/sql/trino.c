// SPDX-License-Identifier: MIT
/* The transport "trino": statements as POSTs to /v1/statement, each followed by GETs of what its
 * answers call nextUri, until there is none. A statement begins with the first of these GETs, and
 * ends when its last URI is DELETEd. Each of a list's statements stands for itself: there is no
 * transaction, and a failure in the middle of what writes is told as PARTIAL_WRITE.
 *
 * Values go out as literals of EXECUTE IMMEDIATE '...' USING, written by one function. Of a nextUri
 * only the path counts, which is asked of the url of the options: what a server behind a proxy
 * takes for its own address is nobody's, and a token goes nowhere else.
 *
 * Facts: https://trino.io/docs/current/develop/client-protocol.html, and what Trino 476 answers. */
#include "backends/sql/transport.h"
#include "base/base64.h"
#include "base/limits.h"
#include "base/num.h"

#define STATEMENT "/v1/statement"
#define STEP_BYTES_MAX 1000u
#define EMPTY_PAGES 20u             /* the server makes a client wait by itself... */
#define EMPTY_WAIT_MS 50u           /* ...and one that does not is asked less often */

typedef enum cell_kind { CELL_TEXT, CELL_FLAG, CELL_INTEGER, CELL_NUMBER, CELL_BYTES } cell_kind;

typedef struct page {               /* rows, without the head of a list */
    hb_str rows;
    struct page *next;
} page;

typedef struct trino_run {
    hb_str left;                    /* statements that have not been sent, packed */
    /* of the one under way: */
    hb_str id, path;                /* what the server calls it, and what was asked last */
    hb_str columns;                 /* as the answers tell them, packed */
    hb_str *names;
    cell_kind *kinds;
    uint32_t column_count, row_count, empty_pages;
    uint64_t bytes;
    page *first, *last;
} trino_run;

/* ---- where, and as whom ------------------------------------------------------------------ */

static hb_status bad_option(const sql_remote *remote, const char *what, hb_err *err) {
    hb_err_set(err, HB_E_VALIDATION, "%s", what);
    return hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, remote->instance->name);
}

static bool is_loopback(hb_str url) {
    const hb_str host = hb_str_sub(url, 7, url.len);    /* after http:// */
    static const char *const names[] = { "127.0.0.1", "localhost", "[::1]" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const hb_str name = hb_str_c(names[i]);
        const bool ends = host.len == name.len ||
                          (host.len > name.len && strchr(":/", host.ptr[name.len]) != NULL);
        if (hb_str_starts(host, name) && ends) return true;
    }
    return false;
}

/* A password, or a token: over TLS only, or to this machine. */
static hb_status add_secret(const sql_remote *remote, sql_link *link, hb_str user, hb_err *err) {
    const hb_instance *instance = remote->instance;
    const hb_str password = hb_instance_text(instance, "password");
    const bool has_token = hb_instance_text(instance, "token").len > 0;
    if (password.len == 0 && !has_token) return HB_OK;
    if (!hb_str_starts(link->url, HB_STR("https://")) && !is_loopback(link->url)) {
        return bad_option(remote, "a password or token goes to https:// only", err);
    }
    if (has_token && password.len > 0) {
        return bad_option(remote, "give a password or a token, not both", err);
    }
    if (has_token) return sql_http_bearer(remote, link, err);
    return sql_http_basic(remote, link, user, password, err);
}

static hb_status open_trino(const sql_remote *remote, sql_link *link, hb_err *err) {
    hb_str base, catalog, user = HB_STR_EMPTY, session;
    HB_TRY(sql_http_option(remote, "url", &base, err));
    HB_TRY(sql_http_url(remote, &link->url, err));
    HB_TRY(sql_http_option(remote, "catalog", &catalog, err));
    const bool has_token = hb_instance_text(remote->instance, "token").len > 0;
    if (!has_token || hb_instance_text(remote->instance, "username").len > 0) {
        HB_TRY(sql_http_option(remote, "username", &user, err));
        sql_http_header(link, "X-Trino-User", user);
    }
    sql_http_header(link, "X-Trino-Source", HB_STR("heavenbase"));
    sql_http_header(link, "X-Trino-Catalog", catalog);
    sql_http_header(link, "X-Trino-Time-Zone", HB_STR("UTC"));
    /* without it, times come rounded to milliseconds */
    sql_http_header(link, "X-Trino-Client-Capabilities", HB_STR("PARAMETRIC_DATETIME"));
    if (hb_instance_text(remote->instance, "session").len > 0) {
        HB_TRY(sql_http_option(remote, "session", &session, err));
        sql_http_header(link, "X-Trino-Session", session);
    }
    sql_http_header(link, "Content-Type", HB_STR("text/plain; charset=utf-8"));
    return add_secret(remote, link, user, err);
}

/* ---- statements -------------------------------------------------------------------------- */

static void add_quoted(hb_buf *out, hb_str text) {
    hb_buf_add_char(out, '\'');
    for (uint32_t from = 0; from < text.len;) {
        const char *quote = memchr(text.ptr + from, '\'', text.len - from);
        const uint32_t end = quote != NULL ? (uint32_t)(quote - text.ptr) + 1 : text.len;
        hb_buf_add(out, text.ptr + from, end - from);
        if (quote != NULL) hb_buf_add_char(out, '\'');
        from = end;
    }
    hb_buf_add_char(out, '\'');
}

/* A value as a literal, in which nothing but the quote has a meaning; bytes are base64. */
static void add_literal(hb_buf *out, const hb_pack_item *item) {
    char digits[HB_NUM_TEXT_MAX];
    switch (item->tag) {
    case HB_PACK_BOOL: hb_buf_add_c(out, item->b ? "true" : "false"); return;
    case HB_PACK_INT:
        hb_buf_add_c(out, "BIGINT ");
        add_quoted(out, hb_str_n(digits, hb_num_write_i64(item->i, digits)));
        return;
    case HB_PACK_FLOAT:
        hb_buf_add_c(out, "DOUBLE ");
        add_quoted(out, hb_str_n(digits, hb_num_write_f64(item->f, digits)));
        return;
    case HB_PACK_STR: add_quoted(out, item->s); return;
    case HB_PACK_BIN:
        hb_buf_add_char(out, '\'');
        hb_base64_write(item->s, out);
        hb_buf_add_char(out, '\'');
        return;
    case HB_PACK_NIL:
    case HB_PACK_UINT64:
    case HB_PACK_ARRAY:
    case HB_PACK_MAP:
    case HB_PACK_EXT: break;
    }
    hb_buf_add_c(out, "NULL");
}

/* [text, [parameter...]] */
static bool add_statement(hb_pack_reader *reader, hb_buf *out) {
    hb_pack_item pair, text, params, param;
    if (!hb_pack_next(reader, &pair) || !hb_pack_next(reader, &text) ||
        !hb_pack_next(reader, &params)) {
        return false;
    }
    if (params.count == 0) {
        hb_buf_add_str(out, text.s);
        return true;
    }
    hb_buf_add_c(out, "EXECUTE IMMEDIATE ");
    add_quoted(out, text.s);
    for (uint32_t i = 0; i < params.count; i++) {
        if (!hb_pack_next(reader, &param)) return false;
        hb_buf_add_c(out, i == 0 ? " USING " : ", ");
        add_literal(out, &param);
    }
    return true;
}

static hb_str url_of(const hb_job *job, hb_str path) {
    return hb_arena_printf(job->arena, "%.*s%.*s", HB_ARG(sql_remote_of(job)->link->url),
                           HB_ARG(path));
}

static hb_status send_next(hb_job *job, hb_err *err) {
    sql_exchange *exchange = sql_exchange_of(job);
    trino_run *run = exchange->run;
    hb_pack_reader reader = hb_pack_read(run->left);
    const hb_str url = url_of(job, HB_STR(STATEMENT));
    if (url.ptr == NULL) return hb_err_memory(err);
    hb_buf body;
    hb_buf_init(&body, job->mem);
    if (!add_statement(&reader, &body)) {
        hb_buf_free(&body);
        return hb_err_set(err, HB_E_INTERNAL, "no statement");
    }
    *run = (trino_run){ .left = hb_str_sub(run->left, reader.pos, run->left.len) };
    exchange->again = SQL_AGAIN_UNANSWERED; /* nothing has begun yet */
    return sql_http_post(job, url, &body, err);
}

static hb_status send_all(hb_job *job, hb_err *err) {
    sql_exchange *exchange = sql_exchange_of(job);
    hb_pack_reader reader = hb_pack_read(exchange->statements);
    hb_pack_item list;
    trino_run *run = HB_NEW(job->arena, trino_run);
    if (run == NULL) return hb_err_memory(err);
    if (!hb_pack_next(&reader, &list)) return hb_err_set(err, HB_E_INTERNAL, "no statements");
    run->left = hb_str_sub(exchange->statements, reader.pos, exchange->statements.len);
    exchange->run = run;
    return send_next(job, err);
}

/* ---- rows -------------------------------------------------------------------------------- */

static bool is_absent(hb_str pack) {
    hb_pack_reader reader = hb_pack_read(pack);
    hb_pack_item item;
    return pack.ptr == NULL || !hb_pack_next(&reader, &item) || item.tag == HB_PACK_NIL;
}

static cell_kind kind_of(hb_str type) {
    static const struct {
        hb_str name;
        cell_kind kind;
    } known[] = { { { "boolean", 7 }, CELL_FLAG },    { { "bigint", 6 }, CELL_INTEGER },
                  { { "integer", 7 }, CELL_INTEGER }, { { "smallint", 8 }, CELL_INTEGER },
                  { { "tinyint", 7 }, CELL_INTEGER }, { { "double", 6 }, CELL_NUMBER },
                  { { "real", 4 }, CELL_NUMBER },     { { "varbinary", 9 }, CELL_BYTES } };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (hb_str_eq(type, known[i].name)) return known[i].kind;
    }
    return CELL_TEXT;               /* decimals and times too, so that no digit is lost */
}

/* [{"name": ..., "type": ..., ...}...] */
static hb_status take_columns(const hb_job *job, trino_run *run, hb_str list, hb_err *err) {
    static const char *const names[2] = { "name", "type" };
    hb_pack_reader reader;
    uint32_t count;
    if (run->columns.ptr != NULL) {
        return hb_str_eq(run->columns, list) ? HB_OK
                                             : sql_bad_answer(err, "its columns have changed");
    }
    HB_TRY(sql_json_list(list, &reader, &count, err));
    run->columns = hb_arena_str(job->arena, list);
    run->names = HB_NEW_ARRAY(job->arena, hb_str, count);
    run->kinds = HB_NEW_ARRAY(job->arena, cell_kind, count);
    if (run->columns.ptr == NULL || run->names == NULL || run->kinds == NULL) {
        return hb_err_memory(err);
    }
    for (uint32_t i = 0; i < count; i++) {
        hb_str column, parts[2];
        if (!hb_pack_skip(&reader, &column)) return sql_bad_answer(err, "a column is missing");
        HB_TRY(sql_json_members(column, names, parts, 2, err));
        const hb_str type = sql_json_text(parts[1]);
        if (parts[0].ptr == NULL || type.len == 0) {
            return sql_bad_answer(err, "a column has no name or type");
        }
        run->names[i] = hb_arena_str(job->arena, sql_json_text(parts[0]));
        run->kinds[i] = kind_of(type);
        if (run->names[i].ptr == NULL) return hb_err_memory(err);
    }
    run->column_count = count;
    return HB_OK;
}

static bool add_cell(hb_pack_reader *reader, cell_kind kind, hb_buf *out) {
    double number;
    hb_pack_item item;
    if (!hb_pack_next(reader, &item)) return false;
    const bool is_text = item.tag == HB_PACK_STR;
    bool is_good = item.tag == HB_PACK_NIL;
    switch (kind) {
    case CELL_TEXT: is_good = is_good || is_text; break;
    case CELL_FLAG: is_good = is_good || item.tag == HB_PACK_BOOL; break;
    case CELL_INTEGER: is_good = is_good || item.tag == HB_PACK_INT; break;
    case CELL_NUMBER:
        is_good = is_good || item.tag == HB_PACK_INT || item.tag == HB_PACK_FLOAT;
        if (is_text && sql_json_number_word(item.s, &number)) {
            hb_pack_float(out, number);
            return true;
        }
        break;
    case CELL_BYTES:
        if (is_text) {
            hb_pack_map(out, 1);
            hb_pack_str(out, HB_STR("$bytes"));
            hb_pack_str(out, item.s);
            return true;
        }
        break;
    }
    if (is_good) hb_buf_add_str(out, item.raw);
    return is_good;
}

static hb_status add_rows(trino_run *run, hb_str data, hb_buf *out, hb_err *err) {
    hb_pack_reader reader;
    hb_pack_item row;
    uint32_t count;
    HB_TRY(sql_json_list(data, &reader, &count, err));
    if (count > 0 && run->columns.ptr == NULL) return sql_bad_answer(err, "rows without columns");
    if (count > HB_BATCH_ROWS_MAX - run->row_count) {
        return sql_bad_answer(err, "it has too many rows");
    }
    for (uint32_t r = 0; r < count; r++) {
        if (!hb_pack_next(&reader, &row) || row.tag != HB_PACK_ARRAY ||
            row.count != run->column_count) {
            return sql_bad_answer(err, "a row has another number of cells than there are columns");
        }
        hb_buf_add_str(out, row.raw);
        for (uint32_t c = 0; c < row.count; c++) {
            if (!add_cell(&reader, run->kinds[c], out)) {
                return sql_bad_answer(err, "a cell is not of its column's type");
            }
        }
    }
    run->row_count += count;
    run->empty_pages = count > 0 ? 0 : run->empty_pages;
    return hb_buf_check(out, err);
}

static hb_status take_rows(const hb_job *job, trino_run *run, hb_str data, hb_err *err) {
    hb_buf rows;
    hb_buf_init(&rows, job->mem);
    hb_status status = add_rows(run, data, &rows, err);
    page *added = NULL;
    if (status == HB_OK) {
        added = HB_NEW(job->arena, page);
        if (added != NULL) added->rows = hb_arena_str(job->arena, hb_buf_str(&rows));
        if (added == NULL || added->rows.ptr == NULL) status = hb_err_memory(err);
    }
    hb_buf_free(&rows);
    HB_TRY(status);
    if (run->last != NULL) run->last->next = added;
    if (run->first == NULL) run->first = added;
    run->last = added;
    return HB_OK;
}

/* All pages as one list. */
static hb_status finish(const hb_job *job, const trino_run *run, hb_batch *rows, hb_err *err) {
    hb_buf list;
    hb_buf_init(&list, job->mem);
    hb_pack_array(&list, run->row_count);
    for (const page *one = run->first; one != NULL; one = one->next) {
        hb_buf_add_str(&list, one->rows);
    }
    hb_status status = hb_buf_check(&list, err);
    hb_str whole = HB_STR_EMPTY;
    if (status == HB_OK) {
        whole = hb_arena_str(job->arena, hb_buf_str(&list));
        if (whole.ptr == NULL) status = hb_err_memory(err);
    }
    hb_buf_free(&list);
    HB_TRY(status);
    return sql_json_rows(job, whole, run->names, run->column_count, false, rows, err);
}

/* ---- answers ----------------------------------------------------------------------------- */

/* {"errorName": ..., "errorType": ...}: the message may hold values. */
static hb_status take_error(const hb_job *job, hb_str error, hb_err *err) {
    static const char *const names[2] = { "errorName", "errorType" };
    hb_str parts[2];
    HB_TRY(sql_json_members(error, names, parts, 2, err));
    sql_fault fault = { .native = sql_json_text(parts[0]) };
    fault.status = sql_remote_of(job)->engine->status_of(fault.native);
    if (fault.status == HB_E_BACKEND &&
        hb_str_eq(sql_json_text(parts[1]), HB_STR("INSUFFICIENT_RESOURCES"))) {
        fault.status = HB_E_LIMIT;
    }
    return sql_http_refused(job, &fault, err);
}

/* The path of a nextUri; empty: it is none. */
static hb_str path_of(hb_str uri) {
    const int64_t at = hb_str_find(uri, HB_STR(STATEMENT "/"), 0);
    const hb_str path = at < 0 ? HB_STR_EMPTY : hb_str_sub(uri, (uint32_t)at, uri.len);
    if (path.len <= sizeof(STATEMENT) || path.len > STEP_BYTES_MAX) return HB_STR_EMPTY;
    for (uint32_t i = 0; i < path.len; i++) {
        const char c = path.ptr[i];
        const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                              (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '/';
        if (!is_plain) return HB_STR_EMPTY;
    }
    return path;
}

/* *next: where the rest is, in the job's arena, also when the rest of the answer is none. */
static hb_status take_page(const hb_job *job, hb_str pack, trino_run *run, hb_str *next,
                           hb_err *err) {
    static const char *const names[5] = { "id", "nextUri", "columns", "data", "error" };
    hb_str parts[5];
    HB_TRY(sql_json_members(pack, names, parts, 5, err));
    const hb_str id = sql_json_text(parts[0]);
    if (!is_absent(parts[1])) {
        *next = hb_arena_str(job->arena, path_of(sql_json_text(parts[1])));
        if (next->ptr == NULL) return hb_err_memory(err);
        if (next->len == 0) return sql_bad_answer(err, "its next address is none of the server's");
    }
    if (id.len == 0 || (run->id.len > 0 && !hb_str_eq(id, run->id))) {
        return sql_bad_answer(err, "it is to another statement");
    }
    if (run->id.len == 0) run->id = hb_arena_str(job->arena, id);
    if (run->id.ptr == NULL) return hb_err_memory(err);
    if (!is_absent(parts[4])) return take_error(job, parts[4], err);
    run->empty_pages++;
    if (!is_absent(parts[2])) HB_TRY(take_columns(job, run, parts[2], err));
    if (!is_absent(parts[3])) HB_TRY(take_rows(job, run, parts[3], err));
    if (next->len > 0 && hb_str_eq(*next, run->path)) {
        return sql_bad_answer(err, "its next address is that of itself");
    }
    return HB_OK;
}

/* What nobody will read is ended in the server; whatever that answers, the error is `cause`. */
static hb_status give_up(hb_job *job, hb_str path, const hb_err *cause, hb_err *err) {
    sql_exchange *exchange = sql_exchange_of(job);
    const hb_str url = url_of(job, path);
    exchange->failure = hb_arena_copy(job->arena, cause, sizeof(*cause));
    if (url.ptr == NULL || exchange->failure == NULL) return hb_err_memory(err);
    return sql_http_request(job, "DELETE", url, 0, false, err);
}

static hb_status ask_next(hb_job *job, trino_run *run, hb_str path, hb_err *err) {
    const hb_str url = url_of(job, path);
    if (url.ptr == NULL) return hb_err_memory(err);
    run->path = path;
    sql_exchange_of(job)->again = SQL_AGAIN_ALWAYS; /* the same page comes again */
    return sql_http_request(job, "GET", url, run->empty_pages > EMPTY_PAGES ? EMPTY_WAIT_MS : 0,
                            true, err);
}

static hb_status take_body(const hb_job *job, hb_str body, trino_run *run, hb_str *next,
                           hb_err *err) {
    hb_buf pack;
    hb_buf_init(&pack, job->mem);
    hb_status status = hb_pack_from_json(body, &pack, err);
    if (status != HB_OK && status != HB_E_MEMORY) {
        status = sql_bad_answer(err, "it is no JSON, or was cut off");
    }
    if (status == HB_OK) status = take_page(job, hb_buf_str(&pack), run, next, err);
    hb_buf_free(&pack);
    run->bytes += body.len;
    if (status == HB_OK && run->bytes > SQL_ANSWER_BYTES_MAX) {
        status = sql_bad_answer(err, "it is longer than an answer may be");
    }
    return status;
}

static hb_status take(hb_job *job, const hb_host_reply *reply, hb_batch *rows, bool *complete,
                      hb_err *err) {
    sql_exchange *exchange = sql_exchange_of(job);
    trino_run *run = exchange->run;
    hb_str next = HB_STR_EMPTY;
    hb_err cause;
    hb_err_init(&cause);
    const hb_status status = take_body(job, reply->body, run, &next, &cause);
    if (status != HB_OK && status != HB_E_MEMORY && next.len > 0) {
        return give_up(job, next, &cause, err);
    }
    if (status != HB_OK) {
        if (err != NULL) *err = cause;
        return status;
    }
    if (next.len > 0) return ask_next(job, run, next, err);
    exchange->at++;
    if (exchange->at < exchange->count) return send_next(job, err);
    *complete = true;
    return finish(job, run, rows, err);
}

/* What came before the failure stays. */
static hb_status failed(hb_job *job, hb_status status, hb_err *err) {
    const sql_exchange *exchange = sql_exchange_of(job);
    if (!exchange->in_transaction || exchange->at == 0 || status == HB_E_MEMORY || err == NULL) {
        return status;
    }
    const hb_err cause = *err;
    hb_err_set(err, HB_E_PARTIAL_WRITE,
               "%u of the %u statements of this call are done, and Trino has no transactions that "
               "would undo them (%s: %.160s); make the call again",
               (unsigned)exchange->at, (unsigned)exchange->count, hb_status_name(status),
               cause.msg);
    memcpy(err->native, cause.native, sizeof(err->native));
    return hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, job->instance->name);
}

const sql_transport sql_transport_trino = {
    .name = "trino",
    .open = open_trino,
    .send = send_all,
    .take = take,
    .failed = failed,
    .wait_first_ms = 100,
};
