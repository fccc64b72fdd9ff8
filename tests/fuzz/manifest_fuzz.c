// SPDX-License-Identifier: MIT
/* A manifest from outside: taken apart or refused with a typed error; what it asks to open can be read as options. */
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hb_arena arena;
    hb_err err;
    hb_arena_init(&arena, hb_mem_default());
    const hb_request request = { .kind = HB_CALL_MANIFEST, .text = hb_arena_str(&arena, hb_str_n(data, size)) };
    const hb_status status = fuzz_call_plain(NULL, request, &err);
    MUST_SAY(status != HB_E_INTERNAL, err.msg);
    const hb_request presets = { .kind = HB_CALL_PRESETS, .text = request.text };
    MUST_SAY(fuzz_call_plain(NULL, presets, &err) != HB_E_INTERNAL, err.msg);
    hb_arena_free(&arena);
    return 0;
}
