// SPDX-License-Identifier: MIT
/* The bytes themselves are read back by apache-arrow in tests/js/arrow.test.mjs; here is what must
 * hold of the stream's frame, and that no input makes it fail in another way than by an error. */
#include "value/arrow.h"

#include "tests/unit/test.h"
#include "value/pack.h"
#include "value/wire.h"

static uint32_t u32_at(const hb_buf *buf, uint32_t at) {
    uint32_t value = 0;
    if (at + 4 <= buf->len) memcpy(&value, buf->ptr + at, sizeof(value));
    return value;
}

/* A column of texts, one of them null, and one of lists. */
static hb_status write_two(hb_str list, const uint32_t *rows, uint32_t count, hb_buf *out,
                           hb_err *err) {
    static const uint8_t state[3] = { HB_CELL_VALUE, HB_CELL_NULL, HB_CELL_VALUE };
    static const hb_span words[3] = { { 0, 2 }, { 0, 0 }, { 2, 3 } };
    const hb_span lists[3] = { { 0, list.len }, { 0, list.len }, { 0, list.len } };
    const hb_column columns[2] = {
        { HB_STR("word"), HB_KIND_TEXT, 0, state, words, (const uint8_t *)"abcde", 5, NULL },
        { HB_STR("list"), HB_KIND_PACK, 0, NULL, lists, (const uint8_t *)list.ptr, list.len, NULL },
    };
    const hb_type text = { .id = HB_TYPE_SHORT_TEXT };
    const hb_type array = { .id = HB_TYPE_ARRAY, .item = &text };
    const uint32_t tags[2] = { hb_wire_tag(&text), hb_wire_tag(&array) };
    const hb_batch batch = { 3, 2, columns };
    return hb_arrow_write(&batch, tags, rows, count, out, err);
}

static void a_stream_is_schema_batch_and_end(void) {
    hb_buf out;
    hb_err err;
    hb_buf_init(&out, hb_mem_default());
    hb_err_init(&err);
    CHECK_INT(write_two(HB_STR("\x92\xa1x\xa1y"), NULL, 3, &out, &err), HB_OK);
    uint32_t at = 0;
    CHECK_INT(u32_at(&out, at), UINT32_MAX);
    CHECK_INT(u32_at(&out, at + 4) % 8, 0);
    at += 8 + u32_at(&out, at + 4);
    CHECK_INT(u32_at(&out, at), UINT32_MAX);            /* the batch, with its body behind */
    CHECK_INT(out.len % 8, 0);
    CHECK_INT(u32_at(&out, out.len - 8), UINT32_MAX);   /* the end of the stream */
    CHECK_INT(u32_at(&out, out.len - 4), 0);
    hb_buf_free(&out);
}

static void chosen_rows_make_it_shorter(void) {
    static const uint32_t rows[1] = { 2 };
    hb_buf all, one;
    hb_err err;
    hb_buf_init(&all, hb_mem_default());
    hb_buf_init(&one, hb_mem_default());
    hb_err_init(&err);
    CHECK_INT(write_two(HB_STR("\x92\xa1x\xa1y"), NULL, 3, &all, &err), HB_OK);
    CHECK_INT(write_two(HB_STR("\x92\xa1x\xa1y"), rows, 1, &one, &err), HB_OK);
    CHECK(one.len < all.len);
    hb_buf_free(&all);
    hb_buf_free(&one);
}

static void a_list_that_ends_early_is_corrupt(void) {
    hb_buf out;
    hb_err err;
    hb_buf_init(&out, hb_mem_default());
    hb_err_init(&err);
    CHECK_INT(write_two(HB_STR("\x93\xa1x\xa1y"), NULL, 3, &out, &err), HB_E_CORRUPT);
    hb_buf_free(&out);
}

static void tags_tell_types_units_and_items(void) {
    const hb_type stamp = { .id = HB_TYPE_TIMESTAMP, .unit = HB_UNIT_US };
    const hb_type array = { .id = HB_TYPE_ARRAY, .item = &stamp };
    const hb_type untyped = { .id = HB_TYPE_ARRAY };
    hb_type_id id;
    CHECK(hb_wire_tag_type(hb_wire_tag(&stamp), &id) && id == HB_TYPE_TIMESTAMP);
    CHECK_INT(hb_wire_tag(&stamp) >> 16, HB_UNIT_US);
    CHECK(hb_wire_tag_type(hb_wire_tag(&array), &id) && id == HB_TYPE_ARRAY);
    CHECK_INT((hb_wire_tag(&array) >> 16) << 8, hb_wire_tag(&stamp));
    CHECK_INT(hb_wire_tag(&untyped) >> 16, 0);
    CHECK(!hb_wire_tag_type(0, &id));
    CHECK(!hb_wire_tag_type(0xff00, &id));
}

TEST_SUITE {
    TEST(a_stream_is_schema_batch_and_end);
    TEST(chosen_rows_make_it_shorter);
    TEST(a_list_that_ends_early_is_corrupt);
    TEST(tags_tell_types_units_and_items);
}
