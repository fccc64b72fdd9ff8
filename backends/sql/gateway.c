// SPDX-License-Identifier: MIT
/* The transport "gateway": any engine behind `heavenbase gateway` (docs/gateway.md), which keeps
 * the connections. One request carries all statements of a list. */
#include <math.h>

#include "backends/sql/transport.h"
#include "base/base64.h"

static void param(hb_buf *out, const hb_pack_item *item) {
    switch (item->tag) {
    case HB_PACK_BOOL: hb_buf_add_c(out, item->b ? "true" : "false"); return;
    case HB_PACK_INT: hb_buf_add_i64(out, item->i); return;
    case HB_PACK_FLOAT:
        if (isfinite(item->f)) {
            hb_buf_add_f64(out, item->f);
        } else {
            hb_buf_add_c(out, isnan(item->f)  ? "\"NaN\""
                              : item->f > 0.0 ? "\"Infinity\""
                                              : "\"-Infinity\"");
        }
        return;
    case HB_PACK_STR: hb_buf_add_json_str(out, item->s); return;
    case HB_PACK_BIN:
        hb_buf_add_c(out, "{\"$bytes\":\"");
        hb_base64_write(item->s, out);
        hb_buf_add_c(out, "\"}");
        return;
    case HB_PACK_NIL:
    case HB_PACK_UINT64:
    case HB_PACK_ARRAY:
    case HB_PACK_MAP:
    case HB_PACK_EXT: break;
    }
    hb_buf_add_c(out, "null");
}

/* A name as one step of a path. */
static void add_step(hb_buf *out, hb_str text) {
    static const char digits[] = "0123456789ABCDEF";
    for (uint32_t i = 0; i < text.len; i++) {
        const char c = text.ptr[i];
        const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                              (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
        if (is_plain) {
            hb_buf_add_char(out, c);
        } else {
            hb_buf_add_char(out, '%');
            hb_buf_add_char(out, digits[(uint8_t)c >> 4]);
            hb_buf_add_char(out, digits[(uint8_t)c & 15]);
        }
    }
}

static hb_status open_gateway(const sql_remote *remote, sql_link *link, hb_err *err) {
    hb_str base, connection;
    HB_TRY(sql_http_option(remote, "url", &base, err));
    HB_TRY(sql_http_url(remote, &base, err));
    HB_TRY(sql_http_step(remote, "connection", &connection, err));
    hb_buf url;
    hb_buf_init(&url, remote->mem);
    hb_buf_add_str(&url, base);
    hb_buf_add_c(&url, "/v1/connections/");
    add_step(&url, connection);
    hb_buf_add_c(&url, "/statements");
    hb_status status = hb_buf_check(&url, err);
    if (status == HB_OK) {
        link->url = hb_arena_str(remote->instance->arena, hb_buf_str(&url));
        if (link->url.ptr == NULL) status = hb_err_memory(err);
    }
    hb_buf_free(&url);
    HB_TRY(status);
    sql_http_header(link, "Content-Type", HB_STR("application/json"));
    return sql_http_bearer(remote, link, err);
}

static hb_status send_all(hb_job *job, hb_err *err) {
    const sql_exchange *exchange = sql_exchange_of(job);
    const uint32_t left = hb_deadline_left_ms(&job->deadline);
    hb_buf body;
    hb_buf_init(&body, job->mem);
    hb_buf_add_c(&body, "{\"statements\":[");
    hb_status status = sql_json_statements(exchange, "sql", param, &body, err);
    if (status != HB_OK) {
        hb_buf_free(&body);
        return status;
    }
    hb_buf_printf(&body, "],\"transaction\":%s", exchange->in_transaction ? "true" : "false");
    if (left > 0) hb_buf_printf(&body, ",\"timeoutMs\":%u", (unsigned)left);
    hb_buf_add_char(&body, '}');
    return sql_http_post(job, sql_remote_of(job)->link->url, &body, err);
}

/* ---- answers ----------------------------------------------------------------------------- */

static hb_status column_names(const hb_job *job, hb_str list, hb_str **names, uint32_t *count,
                              hb_err *err) {
    hb_pack_reader reader;
    hb_pack_item item;
    HB_TRY(sql_json_list(list, &reader, count, err));
    *names = HB_NEW_ARRAY(job->arena, hb_str, *count);
    if (*names == NULL) return hb_err_memory(err);
    for (uint32_t i = 0; i < *count; i++) {
        if (!hb_pack_next(&reader, &item) || item.tag != HB_PACK_STR) {
            return sql_bad_answer(err, "a column's name is no text");
        }
        (*names)[i] = item.s;
    }
    return HB_OK;
}

/* {"columns": [...], "rows": [...], "affected": n} */
static hb_status take_result(const hb_job *job, hb_str result, hb_batch *rows, hb_err *err) {
    static const char *const names[3] = { "columns", "rows", "affected" };
    hb_str parts[3], *columns;
    uint32_t count;
    HB_TRY(sql_json_members(result, names, parts, 3, err));
    HB_TRY(column_names(job, parts[0], &columns, &count, err));
    return sql_json_rows(job, parts[1], columns, count, false, rows, err);
}

static hb_status take(hb_job *job, const hb_host_reply *reply, hb_batch *rows, bool *complete,
                      hb_err *err) {
    static const char *const names[1] = { "results" };
    hb_str pack, results, result = HB_STR_EMPTY;
    hb_pack_reader reader;
    uint32_t count;
    HB_TRY(sql_json_read(job, reply->body, &pack, err));
    HB_TRY(sql_json_members(pack, names, &results, 1, err));
    HB_TRY(sql_json_list(results, &reader, &count, err));
    if (count != sql_exchange_of(job)->count) {
        return sql_bad_answer(err, "it has not a result for each statement");
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!hb_pack_skip(&reader, &result)) return sql_bad_answer(err, "a result is missing");
    }
    *complete = true;
    return take_result(job, result, rows, err);
}

/* {"error": {"code": ..., "native": ..., "began": ...}} */
static void fault(hb_job *job, const hb_host_reply *reply, sql_fault *out) {
    static const struct {
        hb_str code;
        hb_status status;       /* HB_OK: the HTTP status decides, or the engine's code */
    } codes[] = {
        { { "INVALID_REQUEST", 15 }, HB_E_BACKEND },  { { "UNAUTHORIZED", 12 }, HB_E_REFUSED },
        { { "READ_ONLY", 9 }, HB_E_REFUSED },         { { "FORBIDDEN", 9 }, HB_E_REFUSED },
        { { "NOT_FOUND", 9 }, HB_E_UNAVAILABLE },     { { "REQUEST_TOO_LARGE", 17 }, HB_E_LIMIT },
        { { "RESULT_TOO_LARGE", 16 }, HB_E_LIMIT },   { { "TIMEOUT", 7 }, HB_E_TIMEOUT },
        { { "STATEMENT_FAILED", 16 }, HB_E_BACKEND },
    };
    static const char *const top[1] = { "error" };
    static const char *const names[3] = { "code", "native", "began" };
    hb_err ignored;
    hb_str pack, error, parts[3];
    if (sql_json_read(job, reply->body, &pack, &ignored) != HB_OK) return;
    if (sql_json_members(pack, top, &error, 1, &ignored) != HB_OK || error.ptr == NULL) return;
    if (sql_json_members(error, names, parts, 3, &ignored) != HB_OK) return;
    const hb_str code = sql_json_text(parts[0]), native = sql_json_text(parts[1]);
    hb_pack_reader reader = hb_pack_read(parts[2]);
    hb_pack_item began;
    out->not_begun = parts[2].ptr != NULL && hb_pack_next(&reader, &began) &&
                     began.tag == HB_PACK_BOOL && !began.b;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (!hb_str_eq(code, codes[i].code)) continue;
        out->status = codes[i].status;
        out->native = code;
        if (native.len == 0) return;
        out->native = native;
        if (hb_str_eq(code, HB_STR("STATEMENT_FAILED"))) {
            out->status = sql_remote_of(job)->engine->status_of(native);
        }
    }
}

const sql_transport sql_transport_gateway = {
    .name = "gateway",
    .open = open_gateway,
    .send = send_all,
    .take = take,
    .fault = fault,
};
