// SPDX-License-Identifier: MIT
/* Bytes as a sequence of calls, made of two workspaces at once: rows in the core's own memory and in
 * SQLite. Both must give the same status and the same frame, and so must SQLite without push-down. */
#include "tests/fuzz/calls_words.h"
#include "tests/fuzz/fuzz.h"

typedef struct input {
    const uint8_t *at, *end;
    hb_workspace *inmem, *sqlite;
    uint32_t entity;
    hb_arena arena;
} input;

static uint8_t take(input *in) { return in->at < in->end ? *in->at++ : 0; }

#define PICK(in, list) ((list)[take(in) % (sizeof(list) / sizeof(list)[0])])

static void add_row(input *in, hb_buf *json) {
    hb_buf_printf(json, "{\"object_id\":\"%s\"", PICK(in, ids));
    const uint32_t mask = take(in) | (uint32_t)take(in) << 8;
    for (uint32_t i = 0; i < 15; i++) {
        if ((mask >> i & 1) != 0) hb_buf_printf(json, ",\"%s\":%s", fields[i].name, PICK(in, fields[i].values));
    }
    hb_buf_add_c(json, "}");
}

static void add_filter(input *in, uint32_t depth, hb_buf *json) {
    const uint8_t form = take(in) % 8;
    const size_t at = take(in) % 16;
    const char *name = fields[at].name, *value = PICK(in, fields[at].values);
    if (form < 2 && depth < 3) {
        hb_buf_add_c(json, form == 0 ? "{\"$and\":[" : "{\"$or\":[");
        add_filter(in, depth + 1, json);
        hb_buf_add_c(json, ",");
        add_filter(in, depth + 1, json);
        hb_buf_add_c(json, "]}");
    } else if (form == 2 && depth < 3) {
        hb_buf_add_c(json, "{\"$not\":");
        add_filter(in, depth + 1, json);
        hb_buf_add_c(json, "}");
    } else if (form == 3) {
        hb_buf_printf(json, "{\"%s\":{\"in\":[%s,%s]}}", name, value, PICK(in, fields[at].values));
    } else if (form == 4) {
        hb_buf_printf(json, "{\"%s\":{\"is_null\":%s}}", name, take(in) % 2 == 0 ? "true" : "false");
    } else if (form == 5) {
        hb_buf_printf(json, "{\"meta.a\":{\"%s\":%s}}", PICK(in, ops), value);
    } else if (form == 6) {
        const char *slot = take(in) % 2 ? "s" : "t";
        hb_buf_printf(json, "{\"facts\":{\"exists\":{\"slot\":\"%s\",\"value\":{\"gte\":%u}}}}", slot, take(in) % 4u);
    } else {
        const char *op = PICK(in, ops);
        hb_buf_printf(json, "{\"%s\":{\"%s\":%s}}", name, op, value);
    }
}

static void add_spec(input *in, hb_buf *json) {
    const uint8_t what = take(in);
    hb_buf_add_c(json, "{\"filter\":");
    if ((what & 1) != 0) add_filter(in, 0, json);
    else hb_buf_add_c(json, "{}");
    if ((what & 14) == 14) {
        const char *name = PICK(in, fields).name, *distinct = take(in) % 2 ? "true" : "false";
        hb_buf_printf(json, ",\"count\":{\"field\":\"%s\",\"distinct\":%s}}", name, distinct);
        return;
    }
    if ((what & 2) != 0) {
        const unsigned second = take(in) % 3u, top_k = 1 + take(in) % 3u;
        hb_buf_printf(json, ",\"near\":{\"field\":\"emb\",\"query\":[1,%u],\"top_k\":%u}", second, top_k);
    }
    if ((what & 4) != 0) {
        hb_buf_printf(json, ",\"search\":{\"fields\":[\"body\"],\"query\":%s}", PICK(in, fields[1].values));
    }
    if ((what & 8) != 0) {
        const char *sign = take(in) % 2 ? "-" : "";
        hb_buf_printf(json, ",\"order\":[\"%s%s\"]", sign, fields[take(in) % 10].name);
    }
    if ((what & 16) != 0) {
        const unsigned limit = take(in) % 4u, offset = take(in) % 3u;
        hb_buf_printf(json, ",\"limit\":%u,\"offset\":%u", limit, offset);
    }
    hb_buf_add_c(json, "}");
}

/* Which of two errors comes first, and what an engine cannot hold or ask, may differ. */
static void both(input *in, hb_request request, hb_workspace *other, uint32_t flags, const char *what, hb_str text) {
    hb_task *tasks[2];
    hb_err errors[2];
    const hb_status a = fuzz_call(in->inmem, request, &tasks[0], &errors[0]);
    request.flags |= flags;
    const hb_status b = fuzz_call(other, request, &tasks[1], &errors[1]);
    const bool free_to_differ = a == HB_E_UNSUPPORTED || b == HB_E_UNSUPPORTED || a == HB_E_LIMIT || b == HB_E_LIMIT;
    bool same = (a == HB_OK) == (b == HB_OK) || free_to_differ;
    if (a == HB_OK && b == HB_OK) same = fuzz_same(&hb_task_answer(tasks[0])->batch, &hb_task_answer(tasks[1])->batch);
    if (!same) fuzz_differ(what, text, tasks, errors);
    hb_task_free(tasks[0]);
    hb_task_free(tasks[1]);
}

static void step(input *in) {
    static const hb_call_kind kinds[] = { HB_CALL_UPSERT, HB_CALL_UPSERT, HB_CALL_SET, HB_CALL_QUERY, HB_CALL_QUERY,
                                          HB_CALL_QUERY, HB_CALL_GET, HB_CALL_EXISTS, HB_CALL_DELETE, HB_CALL_AUDIT };
    hb_request request = { .kind = PICK(in, kinds), .entity = in->entity };
    hb_buf json, pack;
    hb_err err;
    hb_buf_init(&json, hb_mem_default());
    hb_buf_init(&pack, hb_mem_default());
    if (request.kind == HB_CALL_QUERY) {
        add_spec(in, &json);
        request.text = hb_buf_str(&json);
    } else if (request.kind != HB_CALL_AUDIT) {
        const uint32_t rows = 1 + take(in) % 3;
        const bool write = request.kind == HB_CALL_UPSERT || request.kind == HB_CALL_SET;
        for (uint32_t i = 0; i < rows; i++) {
            hb_buf_add_c(&json, i == 0 ? "[" : ",");
            if (write) add_row(in, &json);
            else hb_buf_printf(&json, "{\"object_id\":\"%s\"}", PICK(in, ids));
        }
        hb_buf_add_c(&json, "]");
        request.flags = request.kind == HB_CALL_UPSERT && take(in) % 4 > 0 ? HB_FLAG_OVERWRITE : 0;
        MUST(hb_pack_from_json(hb_buf_str(&json), &pack, &err) == HB_OK);
        MUST(fuzz_batch(hb_buf_str(&pack), &in->arena, &request.batch));
    }
    both(in, request, in->sqlite, 0, "inmem and sqlite", hb_buf_str(&json));
    if (request.kind == HB_CALL_QUERY) {
        both(in, request, in->sqlite, HB_FLAG_NO_PUSHDOWN, "without push-down", hb_buf_str(&json));
    }
    hb_buf_free(&json);
    hb_buf_free(&pack);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    input in = { .at = data, .end = data + size };
    hb_arena_init(&in.arena, hb_mem_default());
    in.inmem = fuzz_open_filled("{\"id\":\"fuzz\",\"backends\":{\"main\":{\"type\":\"inmem\"}}}");
    in.sqlite = fuzz_open_filled("{\"id\":\"fuzz\",\"backends\":{\"main\":{\"type\":\"sqlite\"}}}");
    in.entity = hb_workspace_entity(in.inmem, HB_STR("all"));
    for (int steps = 0; in.at < in.end && steps < 40; steps++) step(&in);
    hb_workspace_close(in.inmem);
    hb_workspace_close(in.sqlite);
    hb_arena_free(&in.arena);
    return 0;
}
