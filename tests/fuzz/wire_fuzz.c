// SPDX-License-Identifier: MIT
/* A batch as bytes from the host: what passes hb_wire_read is written and read again as the same, can be
 * upserted whole or not at all, and what was taken can be read. */
#include "tests/fuzz/fuzz.h"
#include "value/wire.h"

static void reads_again(const hb_batch *batch, hb_arena *arena) {
    hb_buf wire;
    hb_err err;
    hb_batch again;
    hb_buf_init(&wire, hb_mem_default());
    hb_wire_write(batch, NULL, batch->row_count, &wire);
    MUST(hb_buf_check(&wire, &err) == HB_OK);
    MUST_SAY(hb_wire_read(hb_buf_str(&wire), arena, &again, &err) == HB_OK, err.msg);
    MUST(fuzz_same(batch, &again));
    for (uint32_t i = 0; i < batch->column_count; i++) {
        for (uint32_t row = 0; row < batch->row_count; row++) {
            MUST(hb_column_cell(&batch->columns[i], row) == hb_column_cell(&again.columns[i], row));
        }
    }
    hb_buf_free(&wire);
}

static uint32_t count_rows(hb_workspace *ws, uint32_t entity) {
    hb_task *task;
    hb_err err;
    const hb_request query = { .kind = HB_CALL_QUERY, .entity = entity, .text = HB_STR("{}") };
    MUST_SAY(fuzz_call(ws, query, &task, &err) == HB_OK, err.msg);
    const hb_answer *answer = hb_task_answer(task);
    hb_arena arena;
    hb_arena_init(&arena, hb_mem_default());
    reads_again(&answer->batch, &arena);
    hb_arena_free(&arena);
    const uint32_t rows = answer->batch.row_count;
    hb_task_free(task);
    return rows;
}

static void writes(const hb_batch *batch, hb_arena *arena) {
    static const hb_call_kind kinds[] = { HB_CALL_UPSERT, HB_CALL_SET, HB_CALL_GET, HB_CALL_EXISTS, HB_CALL_DELETE };
    hb_workspace *ws = fuzz_open("{\"id\":\"fuzz\",\"backends\":{\"main\":{\"type\":\"inmem\"}}}");
    hb_err err;
    const hb_str definition = fuzz_pack(fuzz_definition, arena);
    MUST_SAY(fuzz_call_plain(ws, (hb_request){ .kind = HB_CALL_REGISTER, .text = definition }, &err) == HB_OK, err.msg);
    const uint32_t entity = hb_workspace_entity(ws, HB_STR("all"));
    uint32_t rows = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const hb_request request = { .kind = kinds[i], .entity = entity, .batch = *batch,
                                     .flags = i == 0 ? HB_FLAG_OVERWRITE | HB_FLAG_DROP_UNKNOWN : 0 };
        const hb_status status = fuzz_call_plain(ws, request, &err);
        const uint32_t after = count_rows(ws, entity);
        if (status != HB_OK) MUST(after == rows);
        if (status == HB_OK && kinds[i] == HB_CALL_UPSERT) MUST(after == batch->row_count);
        rows = after;
    }
    hb_workspace_close(ws);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hb_arena arena;
    hb_err err;
    hb_batch batch;
    /* Its own block: 8-aligned, and its end is seen. */
    char *bytes = hb_mem_alloc(hb_mem_default(), size);
    memcpy(bytes, data, size);
    hb_arena_init(&arena, hb_mem_default());
    if (hb_wire_read(hb_str_n(bytes, size), &arena, &batch, &err) == HB_OK && batch.row_count <= 4096) {
        reads_again(&batch, &arena);
        if (batch.row_count > 0) writes(&batch, &arena);
    }
    hb_arena_free(&arena);
    hb_mem_free(hb_mem_default(), bytes, size);
    return 0;
}
