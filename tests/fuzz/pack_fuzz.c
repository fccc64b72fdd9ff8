// SPDX-License-Identifier: MIT
/* MessagePack bytes: validation, walking, paths, equality, order, JSON and back. Two values one after the
 * other are compared with each other. */
#include "tests/fuzz/fuzz.h"

/* Item by item as skip goes by the whole. */
static void walk(hb_str bytes) {
    hb_pack_reader reader = hb_pack_read(bytes);
    hb_pack_item item;
    uint64_t left = 1;
    while (left > 0) {
        MUST(hb_pack_next(&reader, &item));
        left += item.tag == HB_PACK_ARRAY ? item.count : item.tag == HB_PACK_MAP ? 2 * (uint64_t)item.count : 0;
        left--;
    }
    MUST(reader.pos == bytes.len);
}

static void paths(hb_str bytes) {
    hb_pack_reader reader = hb_pack_read(bytes);
    hb_pack_item item;
    hb_str keys[4], found;
    uint32_t count = 0;
    while (count < 4 && hb_pack_next(&reader, &item)) {
        if (item.tag == HB_PACK_STR) keys[count++] = item.s;
        if (item.tag == HB_PACK_ARRAY) keys[count++] = HB_STR("0");
    }
    for (uint32_t len = 0; len <= count; len++) {
        if (hb_pack_path(bytes, keys, len, &found)) MUST(hb_pack_valid(found));
    }
}

/* JSON has no ext types, bytes or integers beyond 64 bits: the first way there settles what they become. */
static void to_json_and_back(hb_str bytes) {
    hb_buf json, again, text;
    hb_err err;
    hb_buf_init(&json, hb_mem_default());
    hb_buf_init(&again, hb_mem_default());
    hb_buf_init(&text, hb_mem_default());
    if (hb_pack_to_json(bytes, 0, false, &json, &err) == HB_OK) {
        MUST_SAY(hb_pack_from_json(hb_buf_str(&json), &again, &err) == HB_OK, err.msg);
        MUST(hb_pack_valid(hb_buf_str(&again)));
        MUST_SAY(hb_pack_to_json(hb_buf_str(&again), 2, true, &text, &err) == HB_OK, err.msg);
        hb_buf_clear(&json);
        MUST_SAY(hb_pack_from_json(hb_buf_str(&text), &json, &err) == HB_OK, err.msg);
        MUST(fuzz_repeats_keys(bytes) || hb_pack_eq(hb_buf_str(&again), hb_buf_str(&json)));
    }
    hb_buf_free(&json);
    hb_buf_free(&again);
    hb_buf_free(&text);
}

static void one(hb_str bytes, hb_arena *arena) {
    hb_value value;
    hb_err err;
    hb_buf out;
    walk(bytes);
    paths(bytes);
    to_json_and_back(bytes);
    MUST(hb_pack_cmp(bytes, bytes) == 0);
    if (hb_pack_to_value(bytes, arena, &value, &err) != HB_OK) return;
    hb_buf_init(&out, hb_mem_default());
    hb_pack_value(&out, &value);
    MUST(hb_pack_valid(hb_buf_str(&out)));
    hb_buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hb_arena arena;
    hb_arena_init(&arena, hb_mem_default());
    const hb_str bytes = hb_arena_str(&arena, hb_str_n(data, size));
    hb_pack_reader reader = hb_pack_read(bytes);
    hb_str a, b;
    if (hb_pack_valid(bytes)) one(bytes, &arena);
    if (hb_pack_skip(&reader, &a) && hb_pack_skip(&reader, &b) && hb_pack_valid(a) && hb_pack_valid(b)) {
        one(a, &arena);
        one(b, &arena);
        MUST(fuzz_repeats_keys(a) || fuzz_repeats_keys(b) || hb_pack_eq(a, b) == hb_pack_eq(b, a));
        const int ab = hb_pack_cmp(a, b), ba = hb_pack_cmp(b, a);
        MUST((ab < 0) == (ba > 0) && (ab > 0) == (ba < 0));
    }
    hb_arena_free(&arena);
    return 0;
}
