// SPDX-License-Identifier: MIT
/* A query spec in JSON, after a NUL its parameters in MessagePack: decoded, bound to a schema with every
 * type, printed, explained, and run. Where push-down is left out the rows must be the same. */
#include "query/query.h"
#include "tests/fuzz/fuzz.h"

static hb_workspace *filled(void) {
    static hb_workspace *ws; /* reads leave it as it is */
    if (ws == NULL) {
        ws = fuzz_open_filled("{\"id\":\"fuzz\",\"backends\":{\"main\":{\"type\":\"inmem\"},"
                              "\"vec\":{\"type\":\"inmem\"},\"search\":{\"type\":\"inmem\"}}}");
    }
    return ws;
}

static void decode_and_bind(hb_str spec_json, hb_str params, hb_arena *arena) {
    hb_schema *schema = NULL;
    hb_spec *spec = NULL;
    hb_err err;
    const hb_query *query;
    MUST(hb_schema_parse(fuzz_pack(fuzz_definition, arena), hb_mem_default(), &schema, &err) == HB_OK);
    if (hb_spec_decode(spec_json, hb_mem_default(), &spec, &err) == HB_OK) {
        (void)hb_spec_param_count(spec);
        if (hb_query_bind(spec, schema, params, 0, arena, &query, &err) == HB_OK) {
            hb_buf text;
            hb_buf_init(&text, hb_mem_default());
            hb_query_print(query, &text);
            MUST(hb_buf_check(&text, &err) == HB_OK);
            hb_buf_free(&text);
        }
        hb_spec_free(spec);
    }
    hb_schema_free(schema);
}

static void explain(hb_request request) {
    hb_task *task;
    hb_err err;
    hb_buf pack;
    request.kind = HB_CALL_EXPLAIN;
    if (fuzz_call(filled(), request, &task, &err) != HB_OK) return;
    hb_buf_init(&pack, hb_mem_default());
    MUST_SAY(hb_pack_from_json(hb_task_answer(task)->json, &pack, &err) == HB_OK, err.msg);
    hb_buf_free(&pack);
    hb_task_free(task);
}

static void run_both_ways(hb_request request) {
    hb_task *tasks[2];
    hb_err errors[2];
    const hb_status status = fuzz_call(filled(), request, &tasks[0], &errors[0]);
    request.flags |= HB_FLAG_NO_PUSHDOWN;
    const hb_status other = fuzz_call(filled(), request, &tasks[1], &errors[1]);
    /* Who evaluates decides which of two errors comes first, and LIMIT may never be reached. */
    bool same = (status == HB_OK) == (other == HB_OK) || status == HB_E_LIMIT || other == HB_E_LIMIT;
    if (status == HB_OK && other == HB_OK) {
        same = fuzz_same(&hb_task_answer(tasks[0])->batch, &hb_task_answer(tasks[1])->batch);
    }
    if (!same) fuzz_differ("with and without push-down", request.text, tasks, errors);
    hb_task_free(tasks[0]);
    hb_task_free(tasks[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hb_arena arena;
    hb_str params;
    hb_arena_init(&arena, hb_mem_default());
    const hb_str spec = fuzz_split(data, size, &arena, &params);
    const hb_request request = { .kind = HB_CALL_QUERY, .text = spec, .params = params,
                                 .entity = hb_workspace_entity(filled(), HB_STR("all")) };
    decode_and_bind(spec, params, &arena);
    explain(request);
    run_both_ways(request);
    hb_arena_free(&arena);
    return 0;
}
