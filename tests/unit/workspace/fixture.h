// SPDX-License-Identifier: MIT
/* A workspace under test: calls on it, rows from JSON, answers as text. */
#ifndef HB_TESTS_UNIT_WORKSPACE_FIXTURE_H
#define HB_TESTS_UNIT_WORKSPACE_FIXTURE_H

#include "tests/unit/test.h"

#include "hb.h"
#include "value/pack.h"
#include "workspace/workspace.h"

typedef struct fixture {
    hb_workspace *ws;
    hb_err err;
    hb_task *task;          /* of the last call that succeeded */
    hb_arena arena;
    int64_t now_ms;         /* of the calls; 0: some time in 2023 */
    int number;             /* which one it is, for tests with several */
} fixture;

static inline void fixture_open(fixture *f, const char *options) {
    memset(f, 0, sizeof(*f));
    hb_arena_init(&f->arena, hb_mem_default());
    hb_status status = hb_workspace_open(hb_str_c(options), hb_mem_default(), &f->ws, &f->err);
    if (!CHECK_INT(status, HB_OK)) test_check(false, f->err.msg, __FILE__, __LINE__);
}

static inline void fixture_close(fixture *f) {
    hb_task_free(f->task);
    if (f->ws != NULL) hb_workspace_close(f->ws);
    hb_arena_free(&f->arena);
}

/* Runs a call to its end; the answer stays until the next call. */
static inline hb_status call(fixture *f, hb_request request) {
    hb_task_free(f->task);
    f->task = NULL;
    request.now_ms = f->now_ms != 0 ? f->now_ms : 1700000000000;
    hb_task *task;
    HB_TRY(hb_workspace_start(f->ws, &request, &task, &f->err));
    hb_step step;
    hb_status status = hb_task_step(task, &step, &f->err);
    if (status != HB_OK) {
        hb_task_free(task);
        return status;
    }
    CHECK_INT(step.kind, HB_STEP_DONE);
    f->task = task;
    return HB_OK;
}

static inline const hb_answer *answer(const fixture *f) { return hb_task_answer(f->task); }

static inline hb_str pack_of(fixture *f, const char *json) {
    hb_buf pack;
    hb_buf_init(&pack, hb_mem_default());
    hb_err err;
    CHECK(hb_pack_from_json(hb_str_c(json), &pack, &err) == HB_OK);
    hb_str copy = hb_arena_str(&f->arena, hb_buf_str(&pack));
    hb_buf_free(&pack);
    return copy;
}

static inline hb_status define(fixture *f, const char *json) {
    return call(f, (hb_request){ .kind = HB_CALL_REGISTER, .text = pack_of(f, json) });
}

/* One row from a JSON mapping: a PACK column per key. */
static inline hb_batch row_of(fixture *f, const char *json) {
    hb_pack_reader reader = hb_pack_read(pack_of(f, json));
    hb_pack_item map, key;
    CHECK(hb_pack_next(&reader, &map));
    hb_column *columns = hb_arena_array(&f->arena, map.count, sizeof(*columns));
    for (uint32_t i = 0; i < map.count; i++) {
        hb_str whole;
        CHECK(hb_pack_next(&reader, &key) && hb_pack_skip(&reader, &whole));
        hb_span *span = hb_arena_alloc(&f->arena, sizeof(*span));
        *span = (hb_span){ 0, whole.len };
        columns[i] = (hb_column){ key.s, HB_KIND_PACK, 0, NULL, span, (const uint8_t *)whole.ptr, whole.len, NULL };
    }
    return (hb_batch){ 1, map.count, columns };
}

static inline hb_status write_row(fixture *f, hb_call_kind kind, const char *entity, const char *json, uint32_t flags) {
    return call(f, (hb_request){ .kind = kind, .entity = hb_workspace_entity(f->ws, hb_str_c(entity)),
                                 .flags = flags, .batch = row_of(f, json) });
}

static inline hb_status upsert(fixture *f, const char *entity, const char *json) {
    return write_row(f, HB_CALL_UPSERT, entity, json, HB_FLAG_OVERWRITE);
}

static inline hb_status by_id(fixture *f, hb_call_kind kind, const char *entity, const char *id) {
    hb_span span = { 0, (uint32_t)strlen(id) };
    hb_column column = { HB_STR("object_id"), HB_KIND_TEXT, 0, NULL, &span, (const uint8_t *)id, span.len, NULL };
    return call(f, (hb_request){
                       .kind = kind,
                       .entity = entity != NULL ? hb_workspace_entity(f->ws, hb_str_c(entity)) : HB_ENTITY_NONE,
                       .batch = { 1, 1, &column } });
}

static inline hb_status query(fixture *f, const char *entity, const char *spec) {
    return call(f, (hb_request){ .kind = HB_CALL_QUERY, .entity = hb_workspace_entity(f->ws, hb_str_c(entity)),
                                 .text = hb_str_c(spec) });
}

/* The answer's rows as "id|value of `column`", one line each. */
static inline const char *lines(fixture *f, const char *column) {
    const hb_batch *batch = &answer(f)->batch;
    int at = hb_batch_find(batch, hb_str_c(column));
    hb_buf out;
    hb_buf_init(&out, hb_mem_default());
    for (uint32_t i = 0; i < batch->row_count; i++) {
        hb_buf_add_str(&out, hb_column_span(&batch->columns[0], i));
        hb_buf_add_char(&out, '|');
        hb_value value = { HB_KIND_NULL, { 0 } };
        if (at >= 0) value = hb_column_get(&batch->columns[at], i);
        if (value.kind == HB_KIND_TEXT) hb_buf_add_str(&out, value.as.s);
        if (value.kind == HB_KIND_I64) hb_buf_add_i64(&out, value.as.i);
        if (value.kind == HB_KIND_F64) hb_buf_add_f64(&out, value.as.f);
        hb_buf_add_char(&out, '\n');
    }
    hb_buf_add_char(&out, '\0');
    const char *text = hb_arena_copy(&f->arena, out.ptr, out.len);
    hb_buf_free(&out);
    return text;
}

#endif
