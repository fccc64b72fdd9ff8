// SPDX-License-Identifier: MIT
/* The transport "http": StarRocks by its own HTTP. Reads are SQL that is POSTed to a frontend,
 * whose answer is lines of JSON, the last of them the statistics: without it, the answer was cut
 * off. Rows are written by Stream Load (load.c): a PUT to a backend or compute node, or to a
 * frontend behind something that adds "Expect: 100-continue", which fetch cannot, and which
 * frontends want. They redirect a load to a backend: the request follows, with the password, to the
 * same host or one that the option `load_hosts` names, and to nobody else. A load has a label, so
 * that one that goes out again because nobody answered is not done twice.
 *
 * Facts: docs.starrocks.io (sql-reference/http_sql_api, loading_unloading/STREAM_LOAD,
 * loading/Load_to_Primary_Key_tables) and the sources ExecuteSqlAction, LoadAction and
 * http_result_writer of StarRocks. No real server has answered this code yet. */
#include "backends/sql/transport.h"
#include "base/limits.h"
#include "base/md5.h"
#include "base/num.h"

#define SQL_PATH "/api/v1/catalogs/default_catalog/sql"
#define LOAD_HEADERS 6u
#define HOPS_MAX 3u

typedef struct rocks_run {
    hb_str path;                    /* of the request under way */
    bool is_load;
    int64_t rows;                   /* of the load */
    uint32_t hops;                  /* redirects that were followed */
} rocks_run;

/* ---- where ------------------------------------------------------------------------------- */

static hb_status open_http(const sql_remote *remote, sql_link *link, hb_err *err) {
    hb_str given, username;
    HB_TRY(sql_http_option(remote, "url", &given, err));
    HB_TRY(sql_http_url(remote, &link->url, err));
    HB_TRY(sql_http_url_of(remote, "load_url", &link->loads_url, err));
    if (link->loads_url.len == 0) link->loads_url = link->url;
    HB_TRY(sql_http_option(remote, "username", &username, err));
    const hb_str password = hb_instance_text(remote->instance, "password");
    HB_TRY(sql_http_basic(remote, link, username, password, err));
    sql_http_header(link, "Content-Type", HB_STR("application/json"));
    return HB_OK;
}

/* ---- requests ---------------------------------------------------------------------------- */

static hb_status send_sql(hb_job *job, hb_str text, rocks_run *run, hb_err *err) {
    run->path = HB_STR(SQL_PATH);
    const hb_str url =
        hb_arena_printf(job->arena, "%.*s" SQL_PATH, HB_ARG(sql_remote_of(job)->link->url));
    if (url.ptr == NULL) return hb_err_memory(err);
    hb_buf body;
    hb_buf_init(&body, job->mem);
    hb_buf_add_c(&body, "{\"query\":");
    hb_buf_add_json_str(&body, text);
    hb_buf_add_char(&body, '}');
    return sql_http_post(job, url, &body, err);
}

/* By the token of the open workspace, which is random; without one the server makes a label. */
static hb_str make_label(const hb_job *job) {
    static const char digits[] = "0123456789abcdef";
    sql_remote *remote = sql_remote_of(job);
    const hb_instance *instance = job->instance;
    char text[2 * HB_MD5_LEN];
    uint8_t sum[HB_MD5_LEN];
    hb_md5 md5;
    if (instance->owner.len == 0) return HB_STR_EMPTY;
    hb_md5_init(&md5);
    hb_md5_add(&md5, instance->owner.ptr, instance->owner.len);
    hb_md5_add(&md5, "/", 1);
    hb_md5_add(&md5, instance->name.ptr, instance->name.len);
    hb_md5_finish(&md5, sum);
    for (uint32_t i = 0; i < HB_MD5_LEN; i++) {
        text[2 * i] = digits[sum[i] >> 4];
        text[2 * i + 1] = digits[sum[i] & 15];
    }
    remote->loads++;
    return hb_arena_printf(job->arena, "hb_%.*s_%u", (int)sizeof(text), text,
                           (unsigned)remote->loads);
}

static hb_status send_load(hb_job *job, hb_str path, hb_pack_reader *params, rocks_run *run,
                           hb_err *err) {
    const sql_link *link = sql_remote_of(job)->link;
    sql_exchange *exchange = sql_exchange_of(job);
    hb_pack_item list, columns, json, rows;
    if (!hb_pack_next(params, &list) || list.count != 3 || !hb_pack_next(params, &columns) ||
        !hb_pack_next(params, &json) || !hb_pack_next(params, &rows)) {
        return hb_err_set(err, HB_E_INTERNAL, "no load");
    }
    *run = (rocks_run){ .path = path, .is_load = true, .rows = rows.i };
    const hb_str label = make_label(job);
    const hb_str url =
        hb_arena_printf(job->arena, "%.*s%.*s", HB_ARG(link->loads_url), HB_ARG(path));
    hb_header *headers = HB_NEW_ARRAY(job->arena, hb_header, LOAD_HEADERS);
    if (label.ptr == NULL || url.ptr == NULL || headers == NULL) return hb_err_memory(err);
    headers[0] = link->headers[0];
    headers[1] = (hb_header){ HB_STR("format"), HB_STR("json") };
    headers[2] = (hb_header){ HB_STR("strip_outer_array"), HB_STR("true") };
    headers[3] = (hb_header){ HB_STR("strict_mode"), HB_STR("true") };
    headers[4] = (hb_header){ HB_STR("columns"), columns.s };
    headers[5] = (hb_header){ HB_STR("label"), label };
    exchange->request = (hb_host_op){ .kind = HB_HOST_FETCH,
                                      .method = HB_STR("PUT"),
                                      .url = url,
                                      .headers = headers,
                                      .header_count = LOAD_HEADERS - (label.len == 0 ? 1 : 0),
                                      .body = json.s,
                                      .answer_max = SQL_ANSWER_BYTES_MAX };
    exchange->tries = 1;
    return hb_job_emit(job, &exchange->request, NULL, err);
}

/* What reads, or a load: always one, since nothing here is done with another. */
static hb_status send_one(hb_job *job, hb_err *err) {
    sql_exchange *exchange = sql_exchange_of(job);
    hb_pack_reader reader = hb_pack_read(exchange->statements);
    hb_pack_item list, pair, text;
    rocks_run *run = HB_NEW(job->arena, rocks_run);
    if (run == NULL) return hb_err_memory(err);
    exchange->run = run;
    if (exchange->count != 1 || !hb_pack_next(&reader, &list) || !hb_pack_next(&reader, &pair) ||
        !hb_pack_next(&reader, &text)) {
        return hb_err_set(err, HB_E_INTERNAL, "not one statement");
    }
    if (hb_str_starts(text.s, HB_STR("/"))) return send_load(job, text.s, &reader, run, err);
    return send_sql(job, text.s, run, err);
}

/* ---- redirects --------------------------------------------------------------------------- */

/* "http://host:port" of a URL; empty: it is none. Who it names before an @ is nobody here. */
static hb_str origin_of(hb_str url, hb_str *host, hb_str *path) {
    const int64_t scheme = hb_str_find(url, HB_STR("://"), 0);
    if (scheme < 0) return HB_STR_EMPTY;
    uint32_t from = (uint32_t)scheme + 3, end = from;
    while (end < url.len && strchr("/?#\\", url.ptr[end]) == NULL) end++;
    *path = hb_str_sub(url, end, url.len);
    for (uint32_t i = from; i < end; i++) {
        if (url.ptr[i] == '@') from = i + 1;
        if (url.ptr[i] <= ' ' || url.ptr[i] > '~') return HB_STR_EMPTY;
    }
    *host = hb_str_sub(url, from, end - from);
    return hb_str_sub(url, 0, (uint32_t)scheme);
}

static hb_str without_port(hb_str host) {
    for (uint32_t i = host.len; i > 0 && host.ptr[i - 1] != ']'; i--) {
        if (host.ptr[i - 1] == ':') return hb_str_sub(host, 0, i - 1);
    }
    return host;
}

/* "be1:8040, be2": a name without a port is of any. */
static bool is_named(hb_str names, hb_str host) {
    while (names.len > 0) {
        const int64_t comma = hb_str_find(names, HB_STR(","), 0);
        const uint32_t end = comma < 0 ? names.len : (uint32_t)comma;
        const hb_str name = hb_str_trim(hb_str_sub(names, 0, end));
        if (name.len > 0 &&
            (hb_str_eq_nocase(name, host) || hb_str_eq_nocase(name, without_port(host)))) {
            return true;
        }
        names = hb_str_sub(names, end + 1, names.len);
    }
    return false;
}

static hb_status redirect(hb_job *job, const hb_host_reply *reply, hb_err *err) {
    sql_exchange *exchange = sql_exchange_of(job);
    rocks_run *run = exchange->run;
    const hb_str names = hb_instance_text(job->instance, "load_hosts");
    hb_str host = HB_STR_EMPTY, path = HB_STR_EMPTY, old_host, old_path;
    const hb_str to = hb_str_trim(sql_http_find(reply, HB_STR("location")));
    const hb_str scheme = origin_of(to, &host, &path);
    const hb_str old_scheme = origin_of(exchange->request.url, &old_host, &old_path);
    const bool is_same = hb_str_eq_nocase(without_port(host), without_port(old_host));
    if (host.len == 0 || run->hops++ == HOPS_MAX || !hb_str_eq(path, run->path)) {
        return sql_bad_answer(err, "a redirect to what is none of the server's own paths");
    }
    if (!hb_str_eq(scheme, old_scheme) || !(is_same || is_named(names, host))) {
        return sql_bad_answer(err, "a redirect to a host that does not get the password: name it "
                                   "in the option 'load_hosts', or give it as 'load_url'");
    }
    const hb_str url =
        hb_arena_printf(job->arena, "%.*s://%.*s%.*s", HB_ARG(scheme), HB_ARG(host), HB_ARG(path));
    if (url.ptr == NULL) return hb_err_memory(err);
    exchange->request.url = url;
    exchange->request.delay_ms = 0;
    return hb_job_emit(job, &exchange->request, NULL, err);
}

/* ---- errors ------------------------------------------------------------------------------ */

/* There are no codes: the server's words tell what kind it is, and go no further. */
static hb_status status_in(hb_str words) {
    static const sql_code known[] = {
        { { "ccess denied", 12 }, HB_E_REFUSED },
        { { "no privilege", 12 }, HB_E_REFUSED },
        { { "100-continue", 12 }, HB_E_UNSUPPORTED },
        { { "nknown table", 12 }, HB_E_SCHEMA_DRIFT },
        { { "nknown database", 15 }, HB_E_SCHEMA_DRIFT },
        { { "nknown column", 13 }, HB_E_SCHEMA_DRIFT },
        { { "annot be resolved", 17 }, HB_E_SCHEMA_DRIFT },
        { { "oo many filtered", 16 }, HB_E_VALIDATION },
        { { "primary key size exceed", 23 }, HB_E_LIMIT },
        { { "exceed the max size", 19 }, HB_E_LIMIT },
        { { "emory limit", 11 }, HB_E_LIMIT },
        { { "imeout", 6 }, HB_E_TIMEOUT },
        { { "imed out", 8 }, HB_E_TIMEOUT },
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (hb_str_find(words, known[i].prefix, 0) >= 0) return known[i].status;
    }
    return HB_E_BACKEND;
}

static hb_status refused(const hb_job *job, hb_str words, hb_err *err) {
    const sql_fault fault = { .status = status_in(words) };
    if (fault.status != HB_E_UNSUPPORTED) return sql_http_refused(job, &fault, err);
    hb_err_set(err, HB_E_UNSUPPORTED,
               "a frontend takes loads only with 'Expect: 100-continue', which fetch cannot send: "
               "give a backend, a compute node or a proxy that adds it as 'load_url'");
    return hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, job->instance->name);
}

/* {"status":"FAILED","msg":"..."}; loads have capitals. */
static bool told(hb_str pack, hb_str *status, hb_str *words) {
    static const char *const names[4] = { "status", "Status", "msg", "Message" };
    hb_str parts[4];
    hb_err ignored;
    if (sql_json_members(pack, names, parts, 4, &ignored) != HB_OK) return false;
    *status = sql_json_text(parts[parts[0].ptr != NULL ? 0 : 1]);
    *words = sql_json_text(parts[parts[2].ptr != NULL ? 2 : 3]);
    return status->len > 0;
}

static void fault(hb_job *job, const hb_host_reply *reply, sql_fault *out) {
    hb_err ignored;
    hb_str pack, status, words;
    if (sql_json_read(job, reply->body, &pack, &ignored) != HB_OK) return;
    if (!told(pack, &status, &words)) return;
    const hb_status found = status_in(words);
    if (found != HB_E_BACKEND || reply->status < 502) out->status = found;
    if (reply->status == 401 || reply->status == 403) out->status = HB_E_REFUSED;
    if (reply->status == 408 || reply->status == 429) out->status = HB_OK;
}

/* ---- answers to reads -------------------------------------------------------------------- */

typedef struct rocks_rows {
    hb_str *names;
    uint32_t column_count, row_count;
    bool has_meta, is_done;
    hb_buf rows;
} rocks_rows;

/* [{"name": ..., "type": ...}...] */
static hb_status take_meta(const hb_job *job, rocks_rows *out, hb_str list, hb_err *err) {
    static const char *const names[1] = { "name" };
    hb_pack_reader reader;
    hb_str column, name;
    if (out->has_meta) return sql_bad_answer(err, "its columns come twice");
    HB_TRY(sql_json_list(list, &reader, &out->column_count, err));
    if (out->column_count > 2 * HB_FIELDS_MAX)
        return sql_bad_answer(err, "it has too many columns");
    out->names = HB_NEW_ARRAY(job->arena, hb_str, out->column_count);
    if (out->names == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < out->column_count; i++) {
        if (!hb_pack_skip(&reader, &column)) return sql_bad_answer(err, "a column is missing");
        HB_TRY(sql_json_members(column, names, &name, 1, err));
        if (name.ptr == NULL) return sql_bad_answer(err, "a column has no name");
        out->names[i] = hb_arena_str(job->arena, sql_json_text(name));
        if (out->names[i].ptr == NULL) return hb_err_memory(err);
    }
    out->has_meta = true;
    return HB_OK;
}

/* A list in a cell becomes its text. */
static hb_status add_cell(rocks_rows *out, hb_str cell, hb_err *err) {
    hb_pack_reader reader = hb_pack_read(cell);
    hb_pack_item item;
    if (!hb_pack_next(&reader, &item)) return sql_bad_answer(err, "a row ends early");
    if (item.tag != HB_PACK_ARRAY) {
        hb_buf_add_str(&out->rows, cell);
        return HB_OK;
    }
    hb_buf text;
    hb_buf_init(&text, out->rows.mem);
    hb_status status = hb_pack_to_json(cell, 0, false, &text, err);
    if (status == HB_OK) status = hb_buf_check(&text, err);
    if (status == HB_OK) hb_pack_str(&out->rows, hb_buf_str(&text));
    hb_buf_free(&text);
    return status;
}

static hb_status take_data(rocks_rows *out, hb_str data, hb_err *err) {
    hb_pack_reader reader;
    hb_str cell;
    uint32_t count;
    HB_TRY(sql_json_list(data, &reader, &count, err));
    if (!out->has_meta || count != out->column_count) {
        return sql_bad_answer(err, "a row has another number of cells than there are columns");
    }
    if (out->row_count++ == HB_BATCH_ROWS_MAX) return sql_bad_answer(err, "it has too many rows");
    hb_pack_array(&out->rows, count);
    for (uint32_t i = 0; i < count; i++) {
        if (!hb_pack_skip(&reader, &cell)) return sql_bad_answer(err, "a row ends early");
        HB_TRY(add_cell(out, cell, err));
    }
    return hb_buf_check(&out->rows, err);
}

/* {"scanRows": ..., "scanBytes": ..., "returnRows": ...} */
static hb_status take_statistics(rocks_rows *out, hb_str statistics, hb_err *err) {
    static const char *const names[1] = { "returnRows" };
    hb_str count;
    hb_pack_item item;
    HB_TRY(sql_json_members(statistics, names, &count, 1, err));
    hb_pack_reader reader = hb_pack_read(count);
    out->is_done = true;
    if (count.ptr == NULL || !hb_pack_next(&reader, &item) || item.tag != HB_PACK_INT) {
        return sql_bad_answer(err, "its statistics have another form");
    }
    if (!out->has_meta || item.i != (int64_t)out->row_count) {
        return sql_bad_answer(err, "it has another number of rows than it says");
    }
    return HB_OK;
}

static hb_status take_line(hb_job *job, rocks_rows *out, hb_str pack, hb_err *err) {
    static const char *const names[4] = { "connectionId", "meta", "data", "statistics" };
    hb_str parts[4], status, words;
    if (out->is_done) return sql_bad_answer(err, "it goes on after its end");
    HB_TRY(sql_json_members(pack, names, parts, 4, err));
    if (parts[1].ptr != NULL) return take_meta(job, out, parts[1], err);
    if (parts[2].ptr != NULL) return take_data(out, parts[2], err);
    if (parts[3].ptr != NULL) return take_statistics(out, parts[3], err);
    if (parts[0].ptr != NULL) return HB_OK;
    if (told(pack, &status, &words)) return refused(job, words, err);
    return sql_bad_answer(err, "a line of it has another form");
}

static hb_status take_lines(hb_job *job, rocks_rows *out, hb_str body, hb_err *err) {
    hb_buf pack;
    hb_buf_init(&pack, job->mem);
    hb_status status = HB_OK;
    while (body.len > 0 && status == HB_OK) {
        const int64_t end = hb_str_find(body, HB_STR("\n"), 0);
        const uint32_t len = end < 0 ? body.len : (uint32_t)end;
        const hb_str line = hb_str_trim(hb_str_sub(body, 0, len));
        body = hb_str_sub(body, len + 1, body.len);
        if (line.len == 0) continue;
        hb_buf_clear(&pack);
        status = hb_pack_from_json(line, &pack, err);
        if (status == HB_OK) {
            status = take_line(job, out, hb_buf_str(&pack), err);
        } else if (status != HB_E_MEMORY) {
            status = sql_bad_answer(err, "it is no JSON, or was cut off");
        }
    }
    hb_buf_free(&pack);
    if (status == HB_OK && !out->is_done) status = sql_bad_answer(err, "it was cut off");
    return status;
}

static hb_status take_rows(hb_job *job, hb_str body, hb_batch *rows, hb_err *err) {
    rocks_rows out = { 0 };
    hb_buf list;
    hb_str whole = HB_STR_EMPTY;
    hb_buf_init(&out.rows, job->mem);
    hb_buf_init(&list, job->mem);
    hb_status status = take_lines(job, &out, body, err);
    if (status == HB_OK) {
        hb_pack_array(&list, out.row_count);
        hb_buf_add_str(&list, hb_buf_str(&out.rows));
        status = hb_buf_check(&list, err);
    }
    if (status == HB_OK) {
        whole = hb_arena_str(job->arena, hb_buf_str(&list));
        if (whole.ptr == NULL) status = hb_err_memory(err);
    }
    hb_buf_free(&list);
    hb_buf_free(&out.rows);
    HB_TRY(status);
    return sql_json_rows(job, whole, out.names, out.column_count, false, rows, err);
}

/* ---- answers to loads -------------------------------------------------------------------- */

static bool is_count(hb_str pack, int64_t wanted) {
    hb_pack_reader reader = hb_pack_read(pack);
    hb_pack_item item;
    return pack.ptr != NULL && hb_pack_next(&reader, &item) && item.tag == HB_PACK_INT &&
           item.i == wanted;
}

/* Of the label that went out before, because nobody answered: whether that load is done. */
static hb_status take_again(const hb_job *job, hb_str pack, hb_err *err) {
    static const char *const names[1] = { "ExistingJobStatus" };
    hb_str state;
    HB_TRY(sql_json_members(pack, names, &state, 1, err));
    if (sql_exchange_of(job)->tries > 1 && hb_str_eq(sql_json_text(state), HB_STR("FINISHED"))) {
        return HB_OK;
    }
    return sql_say(sql_remote_of(job), HB_E_UNAVAILABLE,
                   HB_STR("a load of the same label is not known to be done"), HB_STR_EMPTY, err);
}

/* "Publish Timeout": it is committed, and is seen a little later. */
static hb_status take_load(const hb_job *job, const rocks_run *run, hb_str body, hb_err *err) {
    static const char *const names[2] = { "NumberLoadedRows", "NumberFilteredRows" };
    hb_str pack, status, words, counts[2];
    HB_TRY(sql_json_read(job, body, &pack, err));
    if (!told(pack, &status, &words)) return sql_bad_answer(err, "a load has no status");
    if (hb_str_eq(status, HB_STR("Label Already Exists"))) return take_again(job, pack, err);
    if (!hb_str_eq(status, HB_STR("Success")) && !hb_str_eq(status, HB_STR("Publish Timeout"))) {
        return refused(job, words, err);
    }
    HB_TRY(sql_json_members(pack, names, counts, 2, err));
    if (!is_count(counts[0], run->rows) || !is_count(counts[1], 0)) {
        return sql_bad_answer(err, "another number of rows was loaded than was sent");
    }
    return HB_OK;
}

static hb_status take(hb_job *job, const hb_host_reply *reply, hb_batch *rows, bool *complete,
                      hb_err *err) {
    const rocks_run *run = sql_exchange_of(job)->run;
    *complete = true;
    if (run->is_load) return take_load(job, run, reply->body, err);
    return take_rows(job, reply->body, rows, err);
}

const sql_transport sql_transport_starrocks = {
    .name = "http",
    .open = open_http,
    .send = send_one,
    .take = take,
    .fault = fault,
    .redirect = redirect,
    .loads_only = true,
};
