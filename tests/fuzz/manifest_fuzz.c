// SPDX-License-Identifier: MIT
/* A manifest from outside, as JSON or else as MessagePack: taken apart or refused with a typed error. What it makes
 * is opened, where that needs no disk; the entities that fit are registered, and the manifest of the outcome is read
 * again and says the same. What it asks to open can be read as options. */
#include <string.h>

#include "tests/fuzz/fuzz.h"

static const hb_str head_keys[] = { { "id", 2 }, { "construction", 12 }, { "entities", 8 } };

/* A call's answer in `arena`. */
static hb_status ask(hb_workspace *ws, hb_request request, hb_arena *arena, hb_str *answer, hb_err *err) {
    hb_task *task;
    const hb_status status = fuzz_call(ws, request, &task, err);
    if (status == HB_OK) *answer = hb_arena_str(arena, hb_task_answer(task)->json);
    hb_task_free(task);
    return status;
}

/* {...construction, "id": "fuzz"} as options, when it is of memory alone. */
static hb_workspace *open_made(hb_str answer, hb_arena *arena) {
    hb_buf json;
    hb_err err;
    hb_str made;
    hb_workspace *ws = NULL;
    MUST(hb_pack_path(answer, &head_keys[1], 1, &made));
    hb_buf_init(&json, hb_mem_default());
    MUST(hb_pack_to_json(made, 0, false, &json, &err) == HB_OK);
    MUST(json.len >= 2 && json.ptr[0] == '{');
    const hb_str text = hb_buf_str(&json);
    const bool disk = hb_str_find(text, HB_STR("\"sqlite\""), 0) >= 0 || hb_str_find(text, HB_STR("\"browser\""), 0) >= 0;
    if (!disk) {
        const hb_str options = hb_arena_printf(arena, "{\"id\":\"fuzz\"%s%.*s", text.len > 2 ? "," : "",
                                               (int)text.len - 1, text.ptr + 1);
        const hb_status status = hb_workspace_open(options, hb_mem_default(), &ws, &err);
        MUST_SAY(status == HB_OK || err.msg[0] != '\0', err.msg);
        if (status != HB_OK) ws = NULL;
    }
    hb_buf_free(&json);
    return ws;
}

static void register_all(hb_workspace *ws, hb_str answer) {
    hb_str list, definition;
    hb_pack_item head;
    hb_err err;
    MUST(hb_pack_path(answer, &head_keys[2], 1, &list));
    hb_pack_reader r = hb_pack_read(list);
    MUST(hb_pack_next(&r, &head) && head.tag == HB_PACK_ARRAY);
    for (uint32_t i = 0; i < head.count; i++) {
        MUST(hb_pack_skip(&r, &definition));
        hb_request request = { .kind = HB_CALL_REGISTER, .flags = HB_FLAG_DRY_RUN, .text = definition };
        const hb_status dry = fuzz_call_plain(ws, request, &err);
        request.flags = 0;
        if (dry == HB_OK) MUST_SAY(fuzz_call_plain(ws, request, &err) == HB_OK, err.msg);
    }
}

/* The manifest of `ws`, as what reads it takes it. */
static hb_str written(hb_workspace *ws, hb_arena *arena) {
    hb_str json = HB_STR_EMPTY;
    hb_err err;
    MUST_SAY(ask(ws, (hb_request){ .kind = HB_CALL_MANIFEST }, arena, &json, &err) == HB_OK, err.msg);
    return json;
}

static hb_str read_again(hb_str manifest, hb_arena *arena) {
    hb_str answer = HB_STR_EMPTY;
    hb_err err;
    const hb_str text = hb_arena_printf(arena, "{\"manifest\":%.*s}", HB_ARG(manifest));
    const hb_str request = fuzz_pack(text.ptr, arena);
    MUST_SAY(ask(NULL, (hb_request){ .kind = HB_CALL_MANIFEST, .text = request }, arena, &answer, &err) == HB_OK, err.msg);
    return answer;
}

static void comes_back(hb_str answer, hb_arena *arena) {
    hb_workspace *ws = open_made(answer, arena);
    if (ws == NULL) ws = fuzz_open("{\"id\":\"fuzz\",\"preset\":\"debug\"}");
    register_all(ws, answer);
    const hb_str manifest = written(ws, arena);
    hb_workspace_close(ws);
    if (hb_str_find(manifest, HB_STR("<redacted>"), 0) >= 0) return;
    const hb_str again = read_again(manifest, arena);
    ws = open_made(again, arena);
    if (ws == NULL) ws = fuzz_open("{\"id\":\"fuzz\",\"preset\":\"debug\"}");
    register_all(ws, again);
    MUST(hb_str_eq(manifest, written(ws, arena)));
    hb_workspace_close(ws);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hb_arena arena;
    hb_buf pack;
    hb_err err;
    hb_str answer = HB_STR_EMPTY;
    hb_arena_init(&arena, hb_mem_default());
    hb_buf_init(&pack, hb_mem_default());
    hb_str text = hb_arena_str(&arena, hb_str_n(data, size));
    const hb_request presets = { .kind = HB_CALL_PRESETS, .text = text };
    MUST_SAY(fuzz_call_plain(NULL, presets, &err) != HB_E_INTERNAL, err.msg);
    if (hb_pack_from_json(text, &pack, &err) == HB_OK) text = hb_buf_str(&pack);
    const hb_request request = { .kind = HB_CALL_MANIFEST, .text = text };
    if (ask(NULL, request, &arena, &answer, &err) == HB_OK) comes_back(answer, &arena);
    hb_buf_free(&pack);
    hb_arena_free(&arena);
    return 0;
}
