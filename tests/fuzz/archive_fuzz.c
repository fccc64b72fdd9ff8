// SPDX-License-Identifier: MIT
/* An exported workspace as a file. Lengths are cut to what is there and checksums are made right, so that
 * what lies behind them is reached. The seeds are exports of small workspaces. A file that passes the checks may still hold rows or definitions that
 * are refused, and one that is taken in whole comes out again as a file that is taken in. */
#include "base/crc32.h"
#include "tests/fuzz/fuzz.h"
#include "value/archive.h"
#include "workspace/workspace.h"

#define RECORDS_MAX 64

static const char options[] = "{\"id\":\"fuzz\",\"backends\":{\"main\":{\"type\":\"inmem\"}}}";

static void set_u32(char *at, uint32_t value) {
    memcpy(at, &value, sizeof(value));
}

/* Makes numbers, lengths and checksums of the records fit; gives where each begins and the end. */
static uint32_t mend(char *bytes, uint32_t size, uint32_t begins[RECORDS_MAX + 1]) {
    uint32_t count = 0, at = HB_ARCHIVE_FILE_HEAD_LEN;
    while (count < RECORDS_MAX && at + HB_ARCHIVE_RECORD_HEAD_LEN <= size) {
        char *head = bytes + at;
        uint32_t len, room = size - at - HB_ARCHIVE_RECORD_HEAD_LEN;
        memcpy(&len, head + 8, sizeof(len));
        if (len > room) len = room;
        set_u32(head + 4, count);
        set_u32(head + 8, len);
        uint32_t crc = hb_crc32(0, hb_str_n(head, 12));
        set_u32(head + 12, hb_crc32(crc, hb_str_n(head + HB_ARCHIVE_RECORD_HEAD_LEN, len)));
        begins[count] = count == 0 ? 0 : at;
        count++;
        at += HB_ARCHIVE_RECORD_HEAD_LEN + ((len + 7) & ~7u);
        if (at > size) at = size;
    }
    begins[count] = at;
    return count;
}

static hb_status import_record(hb_workspace *ws, hb_str bytes, uint32_t number, uint32_t flags, hb_err *err) {
    hb_arena arena;
    hb_buf params;
    hb_arena_init(&arena, hb_mem_default());
    hb_buf_init(&params, hb_mem_default());
    hb_pack_array(&params, 1);
    hb_pack_int(&params, number);
    const hb_request request = { .kind = HB_CALL_IMPORT, .entity = HB_ENTITY_NONE, .flags = flags,
                                 .text = bytes, .params = hb_buf_str(&params) };
    const hb_status status = fuzz_call_plain(ws, request, err);
    hb_buf_free(&params);
    hb_arena_free(&arena);
    return status;
}

/* How many records the workspace took. */
static uint32_t import_all(hb_workspace *ws, const char *bytes, const uint32_t *begins, uint32_t count) {
    hb_err err;
    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < count; i++) {
            const hb_str record = hb_str_n(bytes + begins[i], begins[i + 1] - begins[i]);
            const hb_status status = import_record(ws, record, i, pass == 0 ? HB_FLAG_DRY_RUN : 0, &err);
            MUST(status != HB_E_INTERNAL);
            if (status != HB_OK) return pass == 0 ? 0 : i;
        }
    }
    return count;
}

static hb_status export_record(hb_workspace *ws, uint32_t entity, const char *part, uint32_t number, hb_buf *out,
                               hb_err *err) {
    hb_buf params;
    hb_task *task;
    hb_buf_init(&params, hb_mem_default());
    hb_pack_array(&params, 4);
    hb_pack_str(&params, hb_str_c(part));
    hb_pack_int(&params, number);
    hb_pack_str(&params, HB_STR_EMPTY);
    hb_pack_int(&params, 4096);
    const hb_request request = { .kind = HB_CALL_EXPORT, .entity = entity, .params = hb_buf_str(&params) };
    const hb_status status = fuzz_call(ws, request, &task, err);
    if (status == HB_OK) {
        const hb_answer *answer = hb_task_answer(task);
        if (answer->kind == HB_ANSWER_BYTES) hb_buf_add_str(out, answer->json);
        hb_task_free(task);
    }
    hb_buf_free(&params);
    return status;
}

/* Definition and rows of what was imported first go out and into a new workspace. */
static void goes_round(hb_workspace *ws, uint32_t entity) {
    static const char *const parts[] = { "entity", "rows" };
    hb_workspace *other = fuzz_open(options);
    hb_err err;
    for (uint32_t i = 0; i < 2; i++) {
        hb_buf record;
        hb_buf_init(&record, hb_mem_default());
        MUST_SAY(export_record(ws, entity, parts[i], i + 1, &record, &err) == HB_OK, err.msg);
        if (record.len > 0) MUST_SAY(import_record(other, hb_buf_str(&record), i + 1, 0, &err) == HB_OK, err.msg);
        hb_buf_free(&record);
    }
    hb_workspace_close(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < HB_ARCHIVE_FILE_HEAD_LEN || size > 1u << 20) return 0;
    uint32_t begins[RECORDS_MAX + 1];
    char *bytes = hb_mem_alloc(hb_mem_default(), size);
    memcpy(bytes, data, size);
    const uint32_t count = mend(bytes, (uint32_t)size, begins);
    hb_workspace *ws = fuzz_open(options);
    const uint32_t taken = import_all(ws, bytes, begins, count);
    if (taken > 0 && taken == count && ws->entity_count > 2) goes_round(ws, 2);
    hb_workspace_close(ws);
    hb_mem_free(hb_mem_default(), bytes, size);
    return 0;
}
