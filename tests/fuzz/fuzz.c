// SPDX-License-Identifier: MIT
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>

const char fuzz_definition[] =
    "{\"name\":\"All\",\"fields\":{\"name\":\"short-text\",\"ref\":\"identifier\",\"mid\":\"medium-text\","
    "\"body\":\"long-text\",\"n\":\"integer\",\"x\":\"float\",\"ok\":\"boolean\","
    "\"cat\":{\"type\":{\"type\":\"categorical\",\"values\":[\"red\",\"green\"]}},"
    "\"num\":{\"type\":{\"type\":\"categorical\",\"values\":[1,2,3]}},\"at\":\"timestamp\",\"day\":\"date\","
    "\"span\":\"duration\",\"tags\":\"array[short-text]\",\"nums\":\"array[integer]\",\"any\":\"array\","
    "\"emb\":\"vector[2]\",\"meta\":\"json\",\"facts\":{\"type\":{\"type\":\"hyper-g\",\"fields\":[{\"name\":\"slot\","
    "\"dtype\":\"short-text\"},{\"name\":\"value\",\"dtype\":\"integer\",\"required\":false}]}},"
    "\"blob\":\"artifact\"}}";

const char fuzz_rows[] =
    "[{\"object_id\":\"a\",\"name\":\"Agent\",\"ref\":\"b\",\"mid\":\"100%\",\"body\":\"agents route queries\","
    "\"n\":1,\"x\":0.5,\"ok\":true,\"cat\":\"red\",\"num\":1,\"at\":1700000000000,\"day\":\"2024-02-29\","
    "\"span\":5,\"tags\":[\"a\",\"b\"],\"nums\":[1,2],\"any\":[1,\"x\",null],\"emb\":[1,0],"
    "\"meta\":{\"a\":{\"b\":1},\"l\":[1,2]},\"facts\":[{\"slot\":\"s\",\"value\":1}],\"blob\":\"ab\"},"
    "{\"object_id\":\"b\",\"name\":\"agent two\",\"ref\":\"a\",\"mid\":\"a_c\",\"body\":\"backends store rows\","
    "\"n\":-9007199254740993,\"x\":-1e300,\"ok\":false,\"cat\":\"green\",\"num\":2,\"at\":0,"
    "\"day\":\"1970-01-01\",\"span\":0,\"tags\":[],\"nums\":[2,2,3],\"any\":[],\"emb\":[0.6,0.8],"
    "\"meta\":\"text\",\"facts\":[{\"slot\":\"s\",\"value\":2},{\"slot\":\"t\",\"value\":null}],\"blob\":\"\"},"
    "{\"object_id\":\"c\",\"name\":\"\",\"ref\":null,\"mid\":\"\",\"body\":\"Stra\\u00dfe agents store\",\"n\":2,"
    "\"x\":2,\"ok\":null,\"cat\":null,\"num\":null,\"at\":null,\"day\":null,\"span\":null,\"tags\":[\"b\"],"
    "\"nums\":[],\"any\":[{\"k\":1}],\"emb\":[0,0],\"meta\":{\"a\":\"1\"},\"facts\":[],\"blob\":null},"
    "{\"object_id\":\"d\",\"name\":null,\"ref\":null,\"mid\":null,\"body\":null,\"n\":null,\"x\":null,\"ok\":null,"
    "\"cat\":null,\"num\":null,\"at\":null,\"day\":null,\"span\":null,\"tags\":null,\"nums\":null,\"any\":null,"
    "\"emb\":null,\"meta\":null,\"facts\":null,\"blob\":null}]";

void fuzz_fail(const char *cond, const char *text, const char *file, int line) {
    fprintf(stderr, "%s:%d: this must hold: %s\n%s\n", file, line, cond, text);
    abort();
}

hb_str fuzz_split(const uint8_t *data, size_t size, hb_arena *arena, hb_str *rest) {
    const uint8_t *nul = size > 0 ? memchr(data, 0, size) : NULL;
    const size_t head = nul != NULL ? (size_t)(nul - data) : size;
    *rest = nul != NULL ? hb_arena_str(arena, hb_str_n(nul + 1, size - head - 1)) : HB_STR_EMPTY;
    return hb_arena_str(arena, hb_str_n(data, head));
}

hb_str fuzz_pack(const char *json, hb_arena *arena) {
    hb_buf pack;
    hb_err err;
    hb_buf_init(&pack, hb_mem_default());
    MUST(hb_pack_from_json(hb_str_c(json), &pack, &err) == HB_OK);
    const hb_str copy = hb_arena_str(arena, hb_buf_str(&pack));
    hb_buf_free(&pack);
    return copy;
}

hb_workspace *fuzz_open(const char *options) {
    hb_workspace *ws = NULL;
    hb_err err;
    MUST_SAY(hb_workspace_open(hb_str_c(options), hb_mem_default(), &ws, &err) == HB_OK, err.msg);
    return ws;
}

hb_workspace *fuzz_open_filled(const char *options) {
    hb_workspace *ws = fuzz_open(options);
    hb_arena arena;
    hb_err err;
    hb_batch batch;
    hb_arena_init(&arena, hb_mem_default());
    const hb_str definition = fuzz_pack(fuzz_definition, &arena);
    const hb_request define = { .kind = HB_CALL_REGISTER, .text = definition };
    MUST_SAY(fuzz_call_plain(ws, define, &err) == HB_OK, err.msg);
    MUST(fuzz_batch(fuzz_pack(fuzz_rows, &arena), &arena, &batch));
    const hb_request rows = { .kind = HB_CALL_UPSERT, .flags = HB_FLAG_OVERWRITE, .batch = batch,
                              .entity = hb_workspace_entity(ws, HB_STR("all")) };
    MUST_SAY(fuzz_call_plain(ws, rows, &err) == HB_OK, err.msg);
    hb_arena_free(&arena);
    return ws;
}

hb_status fuzz_call(hb_workspace *ws, hb_request request, hb_task **task, hb_err *err) {
    *task = NULL;
    request.now_ms = 1700000000000;
    hb_status status = hb_workspace_start(ws, &request, task, err);
    MUST(status == err->code || status == HB_OK);
    if (status == HB_OK) {
        hb_step step;
        status = hb_task_step(*task, &step, err);
        MUST(status != HB_OK || step.kind == HB_STEP_DONE);
        if (status != HB_OK) {
            hb_task_free(*task);
            *task = NULL;
        }
    }
    MUST_SAY(status != HB_E_INTERNAL, err->msg);
    MUST(status == HB_OK || err->msg[0] != '\0');
    return status;
}

hb_status fuzz_call_plain(hb_workspace *ws, hb_request request, hb_err *err) {
    hb_task *task;
    const hb_status status = fuzz_call(ws, request, &task, err);
    hb_task_free(task);
    return status;
}

bool fuzz_batch(hb_str pack, hb_arena *arena, hb_batch *out) {
    hb_pack_reader reader = hb_pack_read(pack);
    hb_pack_item list, map, key;
    if (!hb_pack_valid(pack) || !hb_pack_next(&reader, &list) || list.tag != HB_PACK_ARRAY) return false;
    hb_pack_reader first = reader;
    if (list.count == 0 || !hb_pack_next(&first, &map) || map.tag != HB_PACK_MAP) return false;
    const uint32_t rows = list.count, count = map.count;
    hb_column *columns = hb_arena_zalloc_array(arena, count, sizeof *columns);
    hb_str whole;
    for (uint32_t i = 0; i < count; i++) {
        if (!hb_pack_next(&first, &key) || key.tag != HB_PACK_STR || !hb_pack_skip(&first, &whole)) return false;
        uint8_t *state = hb_arena_zalloc(arena, rows);
        columns[i] = (hb_column){ key.s, HB_KIND_PACK, 0, state, hb_arena_zalloc_array(arena, rows, sizeof(hb_span)),
                                  (const uint8_t *)pack.ptr, pack.len, NULL };
    }
    *out = (hb_batch){ rows, count, columns };
    for (uint32_t row = 0; row < rows; row++) {
        if (!hb_pack_next(&reader, &map) || map.tag != HB_PACK_MAP) return false;
        for (uint32_t i = 0; i < map.count; i++) {
            if (!hb_pack_next(&reader, &key) || !hb_pack_skip(&reader, &whole)) return false;
            const int at = key.tag == HB_PACK_STR ? hb_batch_find(out, key.s) : -1;
            if (at < 0) continue;
            ((uint8_t *)(uintptr_t)columns[at].state)[row] = HB_CELL_VALUE;
            ((hb_span *)(uintptr_t)columns[at].data)[row] =
                (hb_span){ (uint32_t)(whole.ptr - pack.ptr), whole.len };
        }
    }
    return true;
}

bool fuzz_repeats_keys(hb_str pack) {
    hb_pack_reader reader = hb_pack_read(pack);
    hb_pack_item item;
    while (hb_pack_next(&reader, &item)) {
        if (item.tag != HB_PACK_MAP) continue;
        hb_pack_reader outer = reader;
        for (uint32_t i = 0; i < item.count; i++) {
            hb_str key, other;
            MUST(hb_pack_skip(&outer, &key) && hb_pack_skip(&outer, &other));
            hb_pack_reader inner = outer;
            for (uint32_t j = i + 1; j < item.count; j++) {
                MUST(hb_pack_skip(&inner, &other));
                if (hb_pack_eq(key, other)) return true;
                MUST(hb_pack_skip(&inner, &other));
            }
        }
    }
    return false;
}

/* What is not even equal to itself, NaN, is the same when its bytes are. */
static bool same_bytes(const hb_value *x, const hb_value *y) {
    hb_buf a, b;
    hb_buf_init(&a, hb_mem_default());
    hb_buf_init(&b, hb_mem_default());
    hb_pack_value(&a, x);
    hb_pack_value(&b, y);
    const bool same = hb_str_eq(hb_buf_str(&a), hb_buf_str(&b));
    hb_buf_free(&a);
    hb_buf_free(&b);
    return same;
}

bool fuzz_same(const hb_batch *a, const hb_batch *b) {
    if (a->row_count != b->row_count || a->column_count != b->column_count) return false;
    for (uint32_t i = 0; i < a->column_count; i++) {
        if (!hb_str_eq(a->columns[i].name, b->columns[i].name)) return false;
        for (uint32_t row = 0; row < a->row_count; row++) {
            const hb_value x = hb_column_get(&a->columns[i], row), y = hb_column_get(&b->columns[i], row);
            if (x.kind != y.kind || (!hb_value_eq(&x, &y) && !same_bytes(&x, &y))) return false;
        }
    }
    return true;
}

static void print_rows(const hb_batch *batch, hb_buf *out) {
    for (uint32_t row = 0; row < batch->row_count; row++) {
        for (uint32_t i = 0; i < batch->column_count; i++) {
            const hb_value value = hb_column_get(&batch->columns[i], row);
            hb_buf pack;
            hb_err err;
            hb_buf_init(&pack, hb_mem_default());
            hb_pack_value(&pack, &value);
            hb_buf_printf(out, "%s%.*s=", i > 0 ? "  " : "", HB_ARG(batch->columns[i].name));
            if (hb_pack_to_json(hb_buf_str(&pack), 0, false, out, &err) != HB_OK) hb_buf_add_c(out, "?");
            hb_buf_free(&pack);
        }
        hb_buf_add_c(out, "\n");
    }
}

_Noreturn void fuzz_differ(const char *what, hb_str text, hb_task *const tasks[2], const hb_err errors[2]) {
    hb_buf out;
    hb_buf_init(&out, hb_mem_default());
    hb_buf_printf(&out, "%.*s\n", HB_ARG(text));
    for (int i = 0; i < 2; i++) {
        hb_buf_printf(&out, "-- %d: %s\n", i, tasks[i] != NULL ? "" : errors[i].msg);
        if (tasks[i] != NULL) print_rows(&hb_task_answer(tasks[i])->batch, &out);
    }
    hb_buf_add_char(&out, '\0');
    fuzz_fail(what, out.ptr, __FILE__, __LINE__);
}
