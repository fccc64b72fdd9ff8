// SPDX-License-Identifier: MIT
/* What the transports share: the options, the requests, what is tried again and when, and errors.
 *
 * Waits: what Retry-After says, in seconds or as a date (against the answer's own Date: there is
 * no other clock that means the same), else twice as long each time, a part of it by the
 * workspace's token so that programs that were refused together do not come back together. */
#include "backends/sql/transport.h"
#include "base/base64.h"
#include "base/num.h"
#include "value/time.h"

#define TRIES_MAX 5u
#define NETWORK_TRIES_MAX 2u
#define WAIT_FIRST_MS 250u
#define WAIT_MAX_MS 10000u
#define ASKED_WAIT_MAX_MS 60000u    /* a server that wants more is told of instead */

/* ---- options ----------------------------------------------------------------------------- */

static hb_status bad_option(const sql_remote *remote, const char *name, const char *expected,
                            hb_err *err) {
    hb_err_set(err, HB_E_VALIDATION, "option '%s' expects %s", name, expected);
    return hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, remote->instance->name);
}

/* Nothing that ends a header or a line, and nothing that a host would refuse aloud. */
static bool is_visible(hb_str text) {
    for (uint32_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < 0x21 || text.ptr[i] > 0x7e) return false;
    }
    return true;
}

static hb_status read_option(const sql_remote *remote, const char *name, hb_str *out, hb_err *err) {
    *out = hb_instance_text(remote->instance, name);
    return is_visible(*out) ? HB_OK
                            : bad_option(remote, name, "visible ASCII characters only", err);
}

hb_status sql_http_option(const sql_remote *remote, const char *name, hb_str *out, hb_err *err) {
    HB_TRY(read_option(remote, name, out, err));
    return out->len > 0 ? HB_OK : bad_option(remote, name, "a text with this `via`", err);
}

/* Every character becomes part of one step, but a step that is only dots means another path. */
hb_status sql_http_step(const sql_remote *remote, const char *name, hb_str *out, hb_err *err) {
    *out = hb_instance_text(remote->instance, name);
    const bool is_step =
        out->len > 0 && !hb_str_eq(*out, HB_STR(".")) && !hb_str_eq(*out, HB_STR(".."));
    return is_step ? HB_OK : bad_option(remote, name, "a name with this `via`", err);
}

hb_status sql_http_url(const sql_remote *remote, hb_str *out, hb_err *err) {
    return sql_http_url_of(remote, "url", out, err);
}

hb_status sql_http_url_of(const sql_remote *remote, const char *name, hb_str *out, hb_err *err) {
    HB_TRY(read_option(remote, name, out, err));
    if (out->len == 0) return HB_OK;
    const uint32_t scheme = hb_str_starts(*out, HB_STR("https://"))  ? 8
                            : hb_str_starts(*out, HB_STR("http://")) ? 7
                                                                     : 0;
    const hb_str rest = hb_str_sub(*out, scheme, out->len);
    const bool is_plain = !hb_str_has_char(rest, '@') && !hb_str_has_char(rest, '?') &&
                          !hb_str_has_char(rest, '#') && !hb_str_starts(rest, HB_STR("/"));
    if (scheme == 0 || rest.len == 0 || !is_plain) {
        return bad_option(remote, name, "http:// or https:// without credentials and query", err);
    }
    while (out->ptr[out->len - 1] == '/') out->len--;
    return HB_OK;
}

void sql_http_header(sql_link *link, const char *name, hb_str value) {
    HB_ASSERT(link->header_count < SQL_HTTP_HEADERS_MAX);
    link->headers[link->header_count++] = (hb_header){ hb_str_c(name), value };
}

hb_status sql_http_bearer(const sql_remote *remote, sql_link *link, hb_err *err) {
    hb_str token;
    HB_TRY(read_option(remote, "token", &token, err));
    if (token.len == 0) return HB_OK;
    const hb_str value = hb_arena_printf(remote->instance->arena, "Bearer %.*s", HB_ARG(token));
    if (value.ptr == NULL) return hb_err_memory(err);
    sql_http_header(link, "Authorization", value);
    return HB_OK;
}

hb_status sql_http_basic(const sql_remote *remote, sql_link *link, hb_str username, hb_str password,
                         hb_err *err) {
    hb_arena *arena = remote->instance->arena;
    if (hb_str_has_char(username, ':')) return bad_option(remote, "username", "no colon", err);
    const hb_str both = hb_arena_printf(arena, "%.*s:%.*s", HB_ARG(username), HB_ARG(password));
    if (both.ptr == NULL) return hb_err_memory(err);
    hb_buf value;
    hb_buf_init(&value, remote->mem);
    hb_buf_add_c(&value, "Basic ");
    hb_base64_write(both, &value);
    hb_status status = hb_buf_check(&value, err);
    const hb_str kept =
        status == HB_OK ? hb_arena_str(arena, hb_buf_str(&value)) : (hb_str){ NULL, 0 };
    hb_buf_free(&value);
    if (kept.ptr == NULL) return hb_err_memory(err);
    sql_http_header(link, "Authorization", kept);
    return HB_OK;
}

static hb_status unknown_via(const sql_remote *remote, hb_str via, hb_err *err) {
    const sql_transport *const *own = remote->engine->transports;
    hb_str names[8];
    uint32_t count = 0;
    names[count++] = hb_str_c(sql_transport_gateway.name);
    for (; own != NULL && *own != NULL && count < 8; own++) names[count++] = hb_str_c((*own)->name);
    hb_err_set(err, HB_E_VALIDATION, "%s is not reached via '%.*s'", remote->instance->type->name,
               HB_ARG(hb_str_sub(via, 0, 40)));
    hb_err_hint(err, via, names, count);
    return hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, remote->instance->name);
}

static const sql_transport *find_transport(const sql_engine *engine, hb_str via) {
    const sql_transport *const *own = engine->transports;
    if (hb_str_eq(via, hb_str_c(sql_transport_gateway.name))) return &sql_transport_gateway;
    for (; own != NULL && *own != NULL; own++) {
        if (hb_str_eq(via, hb_str_c((*own)->name))) return *own;
    }
    return NULL;
}

hb_status sql_http_open(sql_remote *remote, hb_err *err) {
    const hb_str via = hb_instance_text(remote->instance, "via");
    const sql_transport *transport = remote->engine->by_http;
    if (via.len == 0 && transport == NULL) return HB_OK;
    if (via.len > 0) transport = find_transport(remote->engine, via);
    if (transport == NULL) return unknown_via(remote, via, err);
    sql_link *link = HB_NEW(remote->instance->arena, sql_link);
    if (link == NULL) return hb_err_memory(err);
    link->transport = transport;
    HB_TRY(transport->open(remote, link, err));
    remote->link = link;
    return HB_OK;
}

/* ---- sending ----------------------------------------------------------------------------- */

hb_status sql_http_send(hb_job *job, hb_str statements, uint32_t count, bool in_transaction,
                        hb_err *err) {
    sql_exchange *exchange = HB_NEW(job->arena, sql_exchange);
    if (exchange == NULL) return hb_err_memory(err);
    exchange->statements = statements;
    exchange->count = count;
    exchange->in_transaction = in_transaction;
    ((sql_state *)job->state)->exchange = exchange;
    return sql_remote_of(job)->link->transport->send(job, err);
}

hb_status sql_http_post(hb_job *job, hb_str url, hb_buf *body, hb_err *err) {
    const sql_link *link = sql_remote_of(job)->link;
    sql_exchange *exchange = sql_exchange_of(job);
    hb_status status = hb_buf_check(body, err);
    hb_str copy = HB_STR_EMPTY;
    if (status == HB_OK) {
        copy = hb_arena_str(job->arena, hb_buf_str(body));
        if (copy.ptr == NULL) status = hb_err_memory(err);
    }
    hb_buf_free(body);
    HB_TRY(status);
    exchange->request = (hb_host_op){ .kind = HB_HOST_FETCH,
                                      .method = HB_STR("POST"),
                                      .url = url,
                                      .headers = link->headers,
                                      .header_count = link->header_count,
                                      .body = copy,
                                      .answer_max = SQL_ANSWER_BYTES_MAX };
    exchange->tries = 1;
    return hb_job_emit(job, &exchange->request, NULL, err);
}

hb_status sql_http_request(hb_job *job, const char *method, hb_str url, uint32_t delay_ms,
                           bool undo, hb_err *err) {
    const sql_link *link = sql_remote_of(job)->link;
    sql_exchange *exchange = sql_exchange_of(job);
    exchange->request = (hb_host_op){ .kind = HB_HOST_FETCH,
                                      .method = hb_str_c(method),
                                      .url = url,
                                      .headers = link->headers,
                                      .header_count = link->header_count,
                                      .answer_max = SQL_ANSWER_BYTES_MAX,
                                      .delay_ms = delay_ms,
                                      .undo = undo };
    exchange->tries = 1;
    return hb_job_emit(job, &exchange->request, NULL, err);
}

/* ---- again ------------------------------------------------------------------------------- */

/* "Sun, 06 Nov 1994 08:49:37 GMT" as seconds since 1970; -1: it is none. */
static int64_t http_date(hb_str text) {
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char iso[] = "0000-00-00T00:00:00Z";
    int64_t us;
    text = hb_str_trim(text);
    if (text.len != 29 || !hb_str_ends(text, HB_STR(" GMT"))) return -1;
    const int64_t month = hb_str_find(hb_str_c(months), hb_str_sub(text, 8, 3), 0);
    if (month < 0 || month % 3 != 0) return -1;
    memcpy(iso, text.ptr + 12, 4);
    iso[5] = (char)('0' + (month / 3 + 1) / 10);
    iso[6] = (char)('0' + (month / 3 + 1) % 10);
    memcpy(iso + 8, text.ptr + 5, 2);
    memcpy(iso + 11, text.ptr + 17, 8);
    return hb_time_parse_timestamp(hb_str_c(iso), &us) ? us / 1000000 : -1;
}

hb_str sql_http_find(const hb_host_reply *reply, hb_str name) {
    for (uint32_t i = 0; i < reply->header_count; i++) {
        if (hb_str_eq_nocase(reply->headers[i].name, name)) return reply->headers[i].value;
    }
    return HB_STR_EMPTY;
}

/* What the server asks for, in ms; false: nothing that can be read. */
static bool asked_wait(const hb_host_reply *reply, uint64_t *ms) {
    const hb_str after = hb_str_trim(sql_http_find(reply, HB_STR("retry-after")));
    int64_t seconds;
    if (after.len == 0) return false;
    if (hb_num_parse_i64(after, &seconds) != HB_NUM_OK) {
        const int64_t until = http_date(after);
        const int64_t now = http_date(sql_http_find(reply, HB_STR("date")));
        if (until < 0 || now < 0) return false;
        seconds = until > now ? until - now : 0;
    }
    if (seconds < 0) return false;
    *ms = seconds > INT32_MAX ? UINT32_MAX : (uint64_t)seconds * 1000;
    return true;
}

static uint32_t own_wait(const hb_job *job, const sql_exchange *exchange) {
    const uint32_t first = sql_remote_of(job)->link->transport->wait_first_ms;
    uint32_t wait = first > 0 ? first : WAIT_FIRST_MS;
    for (uint32_t i = 1; i < exchange->tries && wait < WAIT_MAX_MS; i++) wait *= 2;
    if (wait > WAIT_MAX_MS) wait = WAIT_MAX_MS;
    const hb_str owner = job->instance->owner;
    if (owner.len == 0) return wait;
    return wait / 2 + (uint32_t)((hb_str_hash(owner) >> (exchange->tries * 8)) % (wait / 2 + 1));
}

/* Sends it once more if there is time for that; else *sent stays false. */
static hb_status again(hb_job *job, const hb_host_reply *reply, bool *sent, hb_err *err) {
    sql_exchange *exchange = sql_exchange_of(job);
    uint32_t left = hb_deadline_left_ms(&job->deadline);
    uint64_t wait = own_wait(job, exchange), asked;
    if (asked_wait(reply, &asked)) {
        if (asked > ASKED_WAIT_MAX_MS) return HB_OK;
        if (asked > wait) wait = asked;
    }
    if (job->op_timeout_ms != 0 && (left == 0 || left > job->op_timeout_ms)) {
        left = job->op_timeout_ms;
    }
    if (left != 0 && wait >= left) return HB_OK;
    exchange->request.delay_ms = (uint32_t)wait;
    exchange->tries++;
    *sent = true;
    return hb_job_emit(job, &exchange->request, NULL, err);
}

static bool may_again(const sql_exchange *exchange, const hb_host_reply *reply,
                      const sql_fault *fault) {
    if (exchange->tries >= TRIES_MAX || fault->status != HB_OK) return false;
    if (reply->status == 429 || fault->not_begun) return true;
    if (exchange->in_transaction && exchange->again < SQL_AGAIN_UNANSWERED) return false;
    return reply->status == 408 || (reply->status >= 502 && reply->status <= 504);
}

/* ---- answers ----------------------------------------------------------------------------- */

bool sql_http_is_code(hb_str text) {
    for (uint32_t i = 0; i < text.len; i++) {
        const char c = text.ptr[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-')) {
            return false;
        }
    }
    return text.len > 0 && text.len < sizeof(((hb_err *)NULL)->native);
}

hb_status sql_http_refused(const hb_job *job, const sql_fault *fault, hb_err *err) {
    const sql_remote *remote = sql_remote_of(job);
    const hb_str native = sql_http_is_code(fault->native) ? fault->native : HB_STR_EMPTY;
    hb_status status = fault->status;
    if (status == HB_OK) status = remote->engine->status_of(fault->native);
    return sql_say(remote, status, HB_STR_EMPTY, native, err);
}

/* By the HTTP status alone. */
static hb_status refused_by_status(const hb_job *job, uint32_t code, hb_err *err) {
    const sql_remote *remote = sql_remote_of(job);
    hb_str telling = HB_STR_EMPTY;
    hb_status status = HB_E_BACKEND;
    char native[5 + HB_NUM_TEXT_MAX] = "HTTP ";
    if (code == 401 || code == 403) {
        status = HB_E_REFUSED;
    } else if (code == 404 || code == 405 || code == 410) {
        status = HB_E_UNAVAILABLE;
        telling = HB_STR("what answers at its url does not know that path");
    } else if (code == 413) {
        status = HB_E_LIMIT;
    } else if (code == 429) {
        status = HB_E_UNAVAILABLE;
        telling = HB_STR("too many requests");
    } else if (code == 408 || code >= 500) {
        status = HB_E_UNAVAILABLE;
        telling = HB_STR("the server is not able to answer");
    }
    const uint32_t len = 5 + hb_num_write_i64(code, native + 5);
    return sql_say(remote, status, telling, hb_str_n(native, len), err);
}

/* Nobody answered, or not with a whole answer. In a browser that may be a server which does not let
 * pages ask it. */
static hb_status take_failure(hb_job *job, const hb_host_reply *reply, hb_err *err) {
    const sql_remote *remote = sql_remote_of(job);
    const sql_exchange *exchange = sql_exchange_of(job);
    if (hb_str_eq(reply->native, HB_STR("BAD_REPLY"))) {
        return sql_bad_answer(err, "it is longer than an answer may be");
    }
    if (hb_str_eq(reply->native, HB_STR("HOST"))) {
        return sql_say(remote, HB_E_UNAVAILABLE, HB_STR("this host has no fetch"), reply->native,
                       err);
    }
    bool sent = false;
    const bool is_safe = !exchange->in_transaction || exchange->again == SQL_AGAIN_ALWAYS;
    if (is_safe && exchange->tries < NETWORK_TRIES_MAX) {
        HB_TRY(again(job, reply, &sent, err));
    }
    if (sent) return HB_OK;
    const hb_str native = sql_http_is_code(reply->native) ? reply->native : HB_STR_EMPTY;
    return sql_say(remote, HB_E_UNAVAILABLE,
                   HB_STR("no answer; a browser says so too of a server that does not allow it"),
                   native, err);
}

static hb_status take_fault(hb_job *job, const hb_host_reply *reply, hb_err *err) {
    sql_fault fault = { 0 };
    bool sent = false;
    const sql_transport *transport = sql_remote_of(job)->link->transport;
    if (reply->status == 307 && transport->redirect != NULL) {
        return transport->redirect(job, reply, err);
    }
    if (reply->status < 200 || (reply->status >= 300 && reply->status < 400)) {
        return sql_bad_answer(err, "a redirect, which is not followed: give the url it leads to");
    }
    if (reply->status < 300) return sql_bad_answer(err, "a status that nobody documents");
    if (transport->fault != NULL) transport->fault(job, reply, &fault);
    if (may_again(sql_exchange_of(job), reply, &fault)) HB_TRY(again(job, reply, &sent, err));
    if (sent) return HB_OK;
    if (fault.status != HB_OK || fault.native.len > 0) return sql_http_refused(job, &fault, err);
    return refused_by_status(job, reply->status, err);
}

static hb_status take_reply(hb_job *job, const hb_host_reply *reply, hb_batch *rows, bool *complete,
                            hb_err *err) {
    if (reply->failed) return take_failure(job, reply, err);
    if (reply->body.len > SQL_ANSWER_BYTES_MAX) {
        return sql_bad_answer(err, "it is longer than an answer may be");
    }
    if (reply->status != 200) return take_fault(job, reply, err);
    return sql_remote_of(job)->link->transport->take(job, reply, rows, complete, err);
}

hb_status sql_http_reply(hb_job *job, const hb_host_reply *reply, hb_batch *rows, bool *complete,
                         hb_err *err) {
    const sql_transport *transport = sql_remote_of(job)->link->transport;
    const hb_err *failure = sql_exchange_of(job)->failure;
    hb_status status;
    *complete = failure != NULL;
    if (failure != NULL) {
        status = failure->code;
        if (err != NULL) *err = *failure;
    } else {
        status = take_reply(job, reply, rows, complete, err);
    }
    if (status == HB_OK || transport->failed == NULL) return status;
    return transport->failed(job, status, err);
}
