// SPDX-License-Identifier: MIT
/* JSON text from outside: refused with an error, or the same value after a round trip. */
#include "tests/fuzz/fuzz.h"

static void round_trip(hb_str pack, uint32_t indent, bool sort_keys) {
    hb_buf json, again;
    hb_err err;
    hb_buf_init(&json, hb_mem_default());
    hb_buf_init(&again, hb_mem_default());
    MUST_SAY(hb_pack_to_json(pack, indent, sort_keys, &json, &err) == HB_OK, err.msg);
    MUST_SAY(hb_pack_from_json(hb_buf_str(&json), &again, &err) == HB_OK, err.msg);
    if (sort_keys) {
        MUST(fuzz_repeats_keys(pack) || hb_pack_eq(pack, hb_buf_str(&again)));
    } else {
        MUST(hb_str_eq(pack, hb_buf_str(&again)));
    }
    hb_buf_free(&json);
    hb_buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hb_arena arena;
    hb_buf pack;
    hb_err err;
    hb_arena_init(&arena, hb_mem_default());
    hb_buf_init(&pack, hb_mem_default());
    const hb_status status = hb_pack_from_json(hb_arena_str(&arena, hb_str_n(data, size)), &pack, &err);
    if (status == HB_OK) {
        MUST(hb_pack_valid(hb_buf_str(&pack)));
        round_trip(hb_buf_str(&pack), 0, false);
        round_trip(hb_buf_str(&pack), 2, true);
    } else {
        MUST(status == err.code && status != HB_E_INTERNAL && err.msg[0] != '\0');
        MUST(err.at == HB_AT_NONE || err.at <= size);
    }
    hb_buf_free(&pack);
    hb_arena_free(&arena);
    return 0;
}
