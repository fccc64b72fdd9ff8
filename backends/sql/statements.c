// SPDX-License-Identifier: MIT
/* Statements as operations of the host: texts with their parameters, in MessagePack. */
#include "backends/sql/transport.h"
#include "base/num.h"
#include "value/pack.h"

void sql_list_init(sql_list *list, const hb_mem *mem) {
    *list = (sql_list){ 0 };
    hb_buf_init(&list->items, mem);
    hb_buf_init(&list->tables, mem);
    hb_buf_init(&list->drops, mem);
}

void sql_list_free(sql_list *list) {
    hb_buf_free(&list->items);
    hb_buf_free(&list->tables);
    hb_buf_free(&list->drops);
    list->count = list->table_count = 0;
}

void sql_vector_text(const hb_value *value, hb_buf *out) {
    hb_buf_add_char(out, '[');
    for (uint32_t i = 0; i < value->as.v.len; i++) {
        char digits[HB_NUM_TEXT_MAX];
        if (i > 0) hb_buf_add_char(out, ',');
        hb_buf_add(out, digits, hb_num_write_f32(value->as.v.ptr[i], digits));
    }
    hb_buf_add_char(out, ']');
}

static hb_status text_param(const sql_remote *remote, const hb_value *value, hb_buf *out,
                            hb_err *err) {
    hb_buf text;
    hb_buf_init(&text, remote->mem);
    hb_status status = HB_OK;
    if (value->kind == HB_KIND_VEC) {
        sql_vector_text(value, &text);
    } else {
        status = hb_pack_to_json(value->as.s, 0, false, &text, err);
    }
    if (status == HB_OK) status = hb_buf_check(&text, err);
    if (status == HB_OK) hb_pack_str(out, hb_buf_str(&text));
    hb_buf_free(&text);
    return status;
}

/* A vector's, which get their mark here. */
static hb_status bytes_param(const sql_remote *remote, hb_str bytes, hb_buf *out, hb_err *err) {
    const hb_dialect *dialect = remote->engine->dialect;
    if (!dialect->bytes_marked || !hb_sql_is_marked(dialect, bytes)) {
        hb_pack_bin(out, bytes);
        return HB_OK;
    }
    hb_buf marked;
    hb_buf_init(&marked, remote->mem);
    hb_buf_add_str(&marked, bytes);
    hb_buf_add_char(&marked, HB_SQL_MARK);
    const hb_status status = hb_buf_check(&marked, err);
    if (status == HB_OK) hb_pack_bin(out, hb_buf_str(&marked));
    hb_buf_free(&marked);
    return status;
}

static hb_status param_add(const sql_remote *remote, const hb_value *value, hb_buf *out,
                           hb_err *err) {
    if (value->kind == HB_KIND_PACK) return text_param(remote, value, out, err);
    if (value->kind != HB_KIND_VEC) {
        hb_pack_value(out, value);
        return HB_OK;
    }
    if (remote->engine->vector_type) return text_param(remote, value, out, err);
    return bytes_param(remote, hb_str_n(value->as.v.ptr, (size_t)value->as.v.len * sizeof(float)),
                       out, err);
}

static hb_status params_add(const sql_remote *remote, const hb_sql *sql, hb_buf *out, hb_err *err) {
    hb_pack_array(out, sql->param_count);
    for (uint32_t i = 0; i < sql->param_count; i++) {
        HB_TRY(param_add(remote, &sql->params[i].value, out, err));
    }
    return hb_buf_check(out, err);
}

/* The text with its parameters in it, and none beside. */
static hb_status spelled_add(sql_list *list, const sql_remote *remote, const hb_sql *sql,
                             hb_err *err) {
    hb_buf params, text;
    hb_buf_init(&params, remote->mem);
    hb_buf_init(&text, remote->mem);
    hb_status status = params_add(remote, sql, &params, err);
    if (status == HB_OK) {
        hb_pack_reader reader = hb_pack_read(hb_buf_str(&params));
        status = sql_spell(hb_sql_text(sql), &reader, true, &text, err);
    }
    if (status == HB_OK) status = hb_buf_check(&text, err);
    if (status == HB_OK) {
        hb_pack_array(&list->items, 2);
        hb_pack_str(&list->items, hb_buf_str(&text));
        hb_pack_array(&list->items, 0);
        list->count++;
        status = hb_buf_check(&list->items, err);
    }
    hb_buf_free(&text);
    hb_buf_free(&params);
    return status;
}

hb_status sql_list_add(sql_list *list, const sql_remote *remote, const hb_sql *sql, hb_err *err) {
    HB_TRY(hb_sql_check(sql, err));
    if (remote->engine->spelled) return spelled_add(list, remote, sql, err);
    hb_pack_array(&list->items, 2);
    hb_pack_str(&list->items, hb_sql_text(sql));
    list->count++;
    return params_add(remote, sql, &list->items, err);
}

/* What writes, and is no load, does not go out by HTTP where that takes only loads. */
static bool needs_driver(const hb_job *job, const sql_list *list) {
    const struct sql_link *link = sql_remote_of(job)->link;
    hb_pack_reader reader = hb_pack_read(hb_buf_str(&list->items));
    hb_pack_item pair, text;
    if (link == NULL || !link->transport->loads_only) return false;
    if (((const sql_state *)job->state)->step == SQL_STEP_NONE) return false;
    return !(hb_pack_next(&reader, &pair) && hb_pack_next(&reader, &text) &&
             hb_str_starts(text.s, HB_STR("/")));
}

hb_status sql_send(hb_job *job, const sql_list *list, bool in_transaction, hb_err *err) {
    hb_buf whole;
    hb_buf_init(&whole, job->mem);
    hb_pack_array(&whole, list->count);
    hb_buf_add_str(&whole, hb_buf_str(&list->items));
    hb_status status = hb_buf_check(&whole, err);
    hb_str statements = HB_STR_EMPTY;
    if (status == HB_OK) {
        statements = hb_arena_str(job->arena, hb_buf_str(&whole));
        if (statements.ptr == NULL) status = hb_err_memory(err);
    }
    hb_buf_free(&whole);
    HB_TRY(status);
    sql_state *state = job->state;
    state->by_driver = needs_driver(job, list);
    if (sql_remote_of(job)->link != NULL && !state->by_driver) {
        return sql_http_send(job, statements, list->count, in_transaction, err);
    }
    const hb_host_op op = { .kind = HB_HOST_SQL,
                            .statements = statements,
                            .in_transaction = in_transaction };
    return hb_job_emit(job, &op, NULL, err);
}

hb_status sql_send_one(hb_job *job, const hb_sql *sql, hb_err *err) {
    sql_list list;
    sql_list_init(&list, job->mem);
    hb_status status = sql_list_add(&list, sql_remote_of(job), sql, err);
    if (status == HB_OK) status = sql_send(job, &list, false, err);
    sql_list_free(&list);
    return status;
}

hb_status sql_submit(hb_job *job, sql_list *list, hb_err *err) {
    sql_tx *tx = &sql_remote_of(job)->tx;
    sql_state *state = job->state;
    if (sql_list_is_empty(list)) {
        job->done = true;
        return HB_OK;
    }
    if (!tx->open) {
        sql_list_free(&state->sent.list);
        state->sent.list = *list;
        sql_list_init(list, job->mem);
        return sql_steps(job, err);
    }
    job->done = true;
    return sql_list_append(&tx->list, list, err);
}

hb_status sql_status_by_prefix(const sql_code *codes, size_t count, hb_str native) {
    for (size_t i = 0; i < count; i++) {
        if (hb_str_starts(native, codes[i].prefix)) return codes[i].status;
    }
    return HB_E_BACKEND;
}

bool sql_status_by_number(const sql_number *known, size_t count, hb_str native, hb_status *out) {
    int64_t number;
    *out = HB_E_BACKEND;
    if (hb_num_parse_i64(native, &number) != HB_NUM_OK) return false;
    for (size_t i = 0; i < count; i++) {
        if (number < known[i].from || number > known[i].to) continue;
        *out = known[i].status;
        break;
    }
    return true;
}

/* What the host says of a server that it does not reach, unless that could tell a secret: codes of
 * the system begin with E, the host's own are ours. */
static hb_str words_of_host(const hb_host_reply *reply) {
    const bool is_host = reply->native.len == 0 || reply->native.ptr[0] == 'E' ||
                         hb_str_eq(reply->native, HB_STR("UNAVAILABLE"));
    const bool is_safe = hb_str_find(reply->text, HB_STR("://"), 0) < 0 &&
                         hb_str_find(reply->text, HB_STR("assword"), 0) < 0;
    return is_host && is_safe ? hb_str_sub(reply->text, 0, 200) : HB_STR_EMPTY;
}

/* The engine's own words may hold values of rows: only its code is passed on. */
hb_status sql_failed(const sql_remote *remote, const hb_host_reply *reply, hb_err *err) {
    hb_status status = HB_E_UNAVAILABLE;
    if (reply->native.len > 0) status = remote->engine->status_of(reply->native);
    return sql_say(remote, status, words_of_host(reply), reply->native, err);
}

hb_status sql_say(const sql_remote *remote, hb_status status, hb_str telling, hb_str code,
                  hb_err *err) {
    const char *name = remote->instance->type->name;
    switch ((int)status) {
    case HB_E_UNAVAILABLE:
        hb_err_set(err, status, "%s cannot be reached%s%.*s", name, telling.len > 0 ? ": " : "",
                   HB_ARG(telling));
        break;
    case HB_E_REFUSED:
        hb_err_set(err, status, "%s refused the credentials or a right", name);
        break;
    case HB_E_SCHEMA_DRIFT:
        hb_err_set(err, status,
                   "a table or column that was made is not there any more, or is another: repair() "
                   "makes what is missing");
        break;
    case HB_E_LOCKED:
        hb_err_set(err, status, "%s gave up: other transactions are in the way", name);
        break;
    case HB_E_LIMIT: hb_err_set(err, status, "%s refused what is too large", name); break;
    case HB_E_TIMEOUT: hb_err_set(err, status, "%s cancelled the statement", name); break;
    case HB_E_VALIDATION: hb_err_set(err, status, "%s cannot store a value", name); break;
    default: hb_err_set(err, status, "%s reported an error", name); break;
    }
    if (err != NULL && code.len > 0) {
        hb_str native = hb_str_sub(code, 0, (uint32_t)sizeof(err->native) - 1);
        memcpy(err->native, native.ptr, native.len);
        err->native[native.len] = '\0';
    }
    return hb_err_where(err, HB_STR_EMPTY, HB_STR_EMPTY, remote->instance->name);
}
