// SPDX-License-Identifier: MIT
/* The transport "neon": PostgreSQL behind Neon's SQL over HTTP, or a proxy that speaks it. Values
 * go out and come in as PostgreSQL writes them; a list of statements is one transaction.
 *
 * Facts: the driver @neondatabase/serverless (headers, bodies, the endpoint made of the host). */
#include "backends/sql/transport.h"
#include "base/num.h"

static void add_hex(hb_buf *out, hb_str bytes) {
    static const char digits[] = "0123456789abcdef";
    hb_buf_add_c(out, "\"\\\\x");
    for (uint32_t i = 0; i < bytes.len; i++) {
        hb_buf_add_char(out, digits[(uint8_t)bytes.ptr[i] >> 4]);
        hb_buf_add_char(out, digits[(uint8_t)bytes.ptr[i] & 15]);
    }
    hb_buf_add_char(out, '"');
}

/* Every value is a text that PostgreSQL reads. */
static void param(hb_buf *out, const hb_pack_item *item) {
    char digits[HB_NUM_TEXT_MAX];
    switch (item->tag) {
    case HB_PACK_BOOL: hb_buf_add_c(out, item->b ? "\"true\"" : "\"false\""); return;
    case HB_PACK_INT:
        hb_buf_add_json_str(out, hb_str_n(digits, hb_num_write_i64(item->i, digits)));
        return;
    case HB_PACK_FLOAT:
        hb_buf_add_json_str(out, hb_str_n(digits, hb_num_write_f64(item->f, digits)));
        return;
    case HB_PACK_STR: hb_buf_add_json_str(out, item->s); return;
    case HB_PACK_BIN: add_hex(out, item->s); return;
    case HB_PACK_NIL:
    case HB_PACK_UINT64:
    case HB_PACK_ARRAY:
    case HB_PACK_MAP:
    case HB_PACK_EXT: break;
    }
    hb_buf_add_c(out, "null");
}

/* ---- where ------------------------------------------------------------------------------- */

/* The host of postgresql://user:password@host:port/database?...; empty: there is none. */
static hb_str host_of(hb_str uri) {
    const int64_t scheme = hb_str_find(uri, HB_STR("://"), 0);
    if (scheme < 0 || !hb_str_starts(uri, HB_STR("postgres"))) return HB_STR_EMPTY;
    uint32_t from = (uint32_t)scheme + 3, end = from;
    while (end < uri.len && strchr("/?#", uri.ptr[end]) == NULL) end++;
    for (uint32_t i = from; i < end; i++) {
        if (uri.ptr[i] == '@') from = i + 1;
    }
    for (uint32_t i = from; i < end; i++) {
        if (uri.ptr[i] == ':') end = i;
    }
    return hb_str_sub(uri, from, end - from);
}

/* ep-x.region.aws.neon.tech -> https://api.region.aws.neon.tech/sql */
static hb_status endpoint_of(const sql_remote *remote, hb_str uri, bool has_token, hb_str *url,
                             hb_err *err) {
    const hb_str host = host_of(uri);
    const int64_t dot = hb_str_find(host, HB_STR("."), 0);
    const hb_str rest = dot < 0 ? HB_STR_EMPTY : hb_str_sub(host, (uint32_t)dot, host.len);
    const char last = rest.len > 0 ? rest.ptr[rest.len - 1] : '0';
    if (rest.len < 2 || (last >= '0' && last <= '9')) {
        hb_err_set(err, HB_E_VALIDATION,
                   "option 'uri' names no host of Neon: give the endpoint as 'url'");
        return hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, remote->instance->name);
    }
    *url = hb_arena_printf(remote->instance->arena, "https://%s%.*s/sql",
                           has_token ? "apiauth" : "api", HB_ARG(rest));
    return url->ptr != NULL ? HB_OK : hb_err_memory(err);
}

static hb_status open_neon(const sql_remote *remote, sql_link *link, hb_err *err) {
    hb_str uri;
    HB_TRY(sql_http_option(remote, "uri", &uri, err));
    HB_TRY(sql_http_url(remote, &link->url, err));
    /* as the driver's: a page may send it without asking */
    sql_http_header(link, "Content-Type", HB_STR("text/plain;charset=UTF-8"));
    sql_http_header(link, "Neon-Connection-String", uri);
    sql_http_header(link, "Neon-Raw-Text-Output", HB_STR("true"));
    sql_http_header(link, "Neon-Array-Mode", HB_STR("true"));
    const uint32_t count = link->header_count;
    HB_TRY(sql_http_bearer(remote, link, err));
    if (link->url.len > 0) return HB_OK;
    return endpoint_of(remote, uri, link->header_count > count, &link->url, err);
}

/* ---- statements -------------------------------------------------------------------------- */

static bool is_batch(const sql_exchange *exchange) {
    return exchange->in_transaction || exchange->count != 1;
}

static hb_status send_all(hb_job *job, hb_err *err) {
    const sql_exchange *exchange = sql_exchange_of(job);
    hb_buf body;
    hb_buf_init(&body, job->mem);
    if (is_batch(exchange)) hb_buf_add_c(&body, "{\"queries\":[");
    hb_status status = sql_json_statements(exchange, "query", param, &body, err);
    if (status != HB_OK) {
        hb_buf_free(&body);
        return status;
    }
    if (is_batch(exchange)) hb_buf_add_c(&body, "]}");
    return sql_http_post(job, sql_remote_of(job)->link->url, &body, err);
}

/* ---- answers ----------------------------------------------------------------------------- */

static hb_status field_names(const hb_job *job, hb_str list, hb_str **names, uint32_t *count,
                             hb_err *err) {
    static const char *const member[1] = { "name" };
    hb_pack_reader reader;
    hb_str field, name;
    HB_TRY(sql_json_list(list, &reader, count, err));
    *names = HB_NEW_ARRAY(job->arena, hb_str, *count);
    if (*names == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < *count; i++) {
        if (!hb_pack_skip(&reader, &field)) return sql_bad_answer(err, "a field is missing");
        HB_TRY(sql_json_members(field, member, &name, 1, err));
        (*names)[i] = sql_json_text(name);
    }
    return HB_OK;
}

/* {"fields": [{"name": ...}], "rows": [["1", null]], ...} */
static hb_status take_result(const hb_job *job, hb_str result, hb_batch *rows, hb_err *err) {
    static const char *const names[2] = { "fields", "rows" };
    hb_str parts[2], *columns;
    uint32_t count;
    HB_TRY(sql_json_members(result, names, parts, 2, err));
    HB_TRY(field_names(job, parts[0], &columns, &count, err));
    return sql_json_rows(job, parts[1], columns, count, true, rows, err);
}

static hb_status take(hb_job *job, const hb_host_reply *reply, hb_batch *rows, bool *complete,
                      hb_err *err) {
    static const char *const names[1] = { "results" };
    const sql_exchange *exchange = sql_exchange_of(job);
    hb_str pack, results;
    hb_pack_reader reader;
    uint32_t count;
    HB_TRY(sql_json_read(job, reply->body, &pack, err));
    *complete = true;
    if (!is_batch(exchange)) return take_result(job, pack, rows, err);
    HB_TRY(sql_json_members(pack, names, &results, 1, err));
    HB_TRY(sql_json_list(results, &reader, &count, err));
    if (count != exchange->count) {
        return sql_bad_answer(err, "it has not a result for each statement");
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!hb_pack_skip(&reader, &pack)) return sql_bad_answer(err, "a result is missing");
    }
    return take_result(job, pack, rows, err);
}

/* Status 400 has the server's error: {"code": SQLSTATE, "message": ...}. */
static void fault(hb_job *job, const hb_host_reply *reply, sql_fault *out) {
    static const char *const names[1] = { "code" };
    hb_err ignored;
    hb_str pack, code;
    if (reply->status != 400 || sql_json_read(job, reply->body, &pack, &ignored) != HB_OK) return;
    if (sql_json_members(pack, names, &code, 1, &ignored) != HB_OK) return;
    code = sql_json_text(code);
    if (code.len != 5 || !sql_http_is_code(code)) return;
    out->native = code;
    out->status = sql_remote_of(job)->engine->status_of(code);
}

const sql_transport sql_transport_neon = {
    .name = "neon",
    .open = open_neon,
    .send = send_all,
    .take = take,
    .fault = fault,
};
