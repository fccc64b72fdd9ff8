// SPDX-License-Identifier: MIT
#include "value/wire.h"

#include "tests/unit/test.h"

/* One row set with every kind, some nulls, written to `out`. */
static void write_sample(hb_buf *out) {
    static const struct {
        const char *name;
        hb_kind kind;
        uint32_t dim;
    } columns[] = {
        { "id", HB_KIND_TEXT, 0 }, { "b", HB_KIND_BOOL, 0 }, { "i", HB_KIND_I64, 0 },
        { "f", HB_KIND_F64, 0 }, { "blob", HB_KIND_BYTES, 0 }, { "v", HB_KIND_VEC, 3 },
        { "w", HB_KIND_VEC, 0 }, { "j", HB_KIND_PACK, 0 }, { "nothing", HB_KIND_NULL, 0 },
    };
    enum { COUNT = sizeof columns / sizeof columns[0], ROWS = 5 };
    static const float floats[4] = { 1.0f, 2.0f, 3.0f, 4.0f };
    hb_rowset set;
    hb_err err;
    REQUIRE(hb_rowset_init(&set, hb_mem_default(), COUNT, &err) == HB_OK);
    for (uint32_t c = 0; c < COUNT; c++) {
        hb_rowset_column(&set, c, hb_str_c(columns[c].name), columns[c].kind, columns[c].dim);
    }
    for (uint32_t row = 0; row < ROWS; row++) {
        const hb_value values[COUNT] = {
            { HB_KIND_TEXT, { .s = hb_str_n("\xc3\xa9lan", row) } },
            { HB_KIND_BOOL, { .b = row % 2 == 0 } }, { HB_KIND_I64, { .i = INT64_MAX - row } },
            { HB_KIND_F64, { .f = row / 4.0 } },
            { HB_KIND_BYTES, { .s = hb_str_n("\0\xff\1\2", row % 5) } },
            { HB_KIND_VEC, { .v = { floats, 3 } } }, { HB_KIND_VEC, { .v = { floats, row % 4 } } },
            { HB_KIND_PACK, { .s = HB_STR("\x81\xa1" "a\x01") } }, { .kind = HB_KIND_NULL },
        };
        static const hb_value null = { .kind = HB_KIND_NULL };
        for (uint32_t c = 0; c < COUNT; c++) {
            const bool skip = c > 1 && (row + c) % 4 == 0;
            const bool text = c == 0 && row == 1;       /* would cut a code point */
            REQUIRE(hb_colbuf_add(&set.columns[c], skip || text ? &null : &values[c]));
        }
    }
    const uint8_t roles[COUNT] = { HB_ROLE_IDENTITY };
    const hb_batch batch = hb_rowset_batch(&set);
    hb_wire_write(&batch, roles, 99, out);
    CHECK_INT(hb_buf_check(out, &err), HB_OK);
    hb_rowset_free(&set);
}

static void a_batch_comes_back_as_it_was(void) {
    hb_buf out;
    hb_arena arena;
    hb_batch batch;
    hb_err err;
    hb_buf_init(&out, hb_mem_default());
    hb_arena_init(&arena, hb_mem_default());
    write_sample(&out);
    CHECK_INT(out.len % 8, 0);
    REQUIRE(hb_wire_read(hb_buf_str(&out), &arena, &batch, &err) == HB_OK);
    CHECK_INT(batch.row_count, 5);
    CHECK_INT(batch.column_count, 9);
    CHECK_STR(hb_column_span(&batch.columns[0], 4), "\xc3\xa9la");
    CHECK_INT(hb_column_cell(&batch.columns[0], 1), HB_CELL_NULL);
    CHECK_INT(hb_column_get(&batch.columns[2], 4).as.i, INT64_MAX - 4);
    CHECK_DOUBLE((double)hb_column_get(&batch.columns[5], 0).as.v.ptr[2], 3.0);
    CHECK_INT(hb_column_get(&batch.columns[6], 3).as.v.len, 3);
    CHECK_INT(hb_column_cell(&batch.columns[8], 0), HB_CELL_NULL);
    hb_buf again;
    hb_buf_init(&again, hb_mem_default());
    const uint8_t roles[9] = { HB_ROLE_IDENTITY };
    hb_wire_write(&batch, roles, 99, &again);
    CHECK_BYTES(again.ptr, again.len, out.ptr, out.len);
    hb_buf_free(&again);
    hb_arena_free(&arena);
    hb_buf_free(&out);
}

/* Rows that are picked are written as if they had been copied together first. */
static void picked_rows_are_written_as_if_they_were_all(void) {
    static const uint32_t rows[6] = { 4, 0, 3, 3, 1, 2 };
    hb_buf all, picked, copied;
    hb_arena arena;
    hb_batch batch, back;
    hb_err err;
    hb_rowset set;
    hb_buf_init(&all, hb_mem_default());
    hb_buf_init(&picked, hb_mem_default());
    hb_buf_init(&copied, hb_mem_default());
    hb_arena_init(&arena, hb_mem_default());
    write_sample(&all);
    REQUIRE(hb_wire_read(hb_buf_str(&all), &arena, &batch, &err) == HB_OK);
    for (uint32_t count = 0; count <= 6; count++) {
        REQUIRE(hb_rowset_init(&set, hb_mem_default(), batch.column_count, &err) == HB_OK);
        for (uint32_t c = 0; c < batch.column_count; c++) {
            const hb_column *col = &batch.columns[c];
            hb_rowset_column(&set, c, col->name, col->kind, col->dim);
            REQUIRE(hb_colbuf_add_rows(&set.columns[c], col, rows, count));
        }
        hb_buf_clear(&picked);
        hb_buf_clear(&copied);
        const hb_batch some = { count, batch.column_count, batch.columns };
        const hb_batch copy = { count, batch.column_count, hb_rowset_batch(&set).columns };
        hb_wire_write_rows(&some, rows, NULL, NULL, 7, &picked);
        hb_wire_write(&copy, NULL, 7, &copied);
        CHECK_BYTES(picked.ptr, picked.len, copied.ptr, copied.len);
        REQUIRE(hb_wire_read(hb_buf_str(&picked), &arena, &back, &err) == HB_OK);
        CHECK_INT(back.row_count, count);
        hb_rowset_free(&set);
    }
    hb_arena_free(&arena);
    hb_buf_free(&copied);
    hb_buf_free(&picked);
    hb_buf_free(&all);
}

static uint32_t word_at(const hb_buf *out, uint32_t off) {
    uint32_t word;
    memcpy(&word, out->ptr + off, sizeof word);
    return word;
}

/* One cell of the row form, against the column that it was written from. */
static void check_cell(const hb_buf *out, uint32_t at, const hb_column *col, uint32_t row) {
    const hb_value value = hb_column_get(col, row);
    const uint32_t len = word_at(out, at + 4);
    const char *bytes = out->ptr + word_at(out, at + 8);
    CHECK_INT(word_at(out, at), value.kind);
    switch (value.kind) {
    case HB_KIND_NULL: CHECK_INT(len, 0); break;
    case HB_KIND_BOOL: CHECK_INT(word_at(out, at + 8), value.as.b); break;
    case HB_KIND_I64:
    case HB_KIND_F64: CHECK_BYTES(out->ptr + at + 8, 8, &value.as, 8); break;
    case HB_KIND_VEC:
        CHECK_INT(word_at(out, at + 8) % 8, 0);
        CHECK_BYTES(bytes, len * 4, value.as.v.ptr, value.as.v.len * 4);
        break;
    case HB_KIND_TEXT:
    case HB_KIND_BYTES:
    case HB_KIND_PACK: CHECK_BYTES(bytes, len, value.as.s.ptr, value.as.s.len); break;
    case HB_KIND_COUNT: CHECK(false); break;
    }
}

static void a_row_alone_has_its_cells_and_its_texts_together(void) {
    hb_buf all, out;
    hb_arena arena;
    hb_batch batch;
    hb_err err;
    hb_buf_init(&all, hb_mem_default());
    hb_buf_init(&out, hb_mem_default());
    hb_arena_init(&arena, hb_mem_default());
    write_sample(&all);
    REQUIRE(hb_wire_read(hb_buf_str(&all), &arena, &batch, &err) == HB_OK);
    for (uint32_t row = 0; row <= batch.row_count; row++) {
        const bool there = row < batch.row_count;
        const hb_batch some = { there ? 1 : 0, batch.column_count, batch.columns };
        hb_buf_clear(&out);
        hb_wire_write_row(&some, &row, &out);
        REQUIRE(hb_buf_check(&out, &err) == HB_OK);
        CHECK_INT(word_at(&out, 0), HB_WIRE_ROW_MAGIC);
        CHECK_INT(word_at(&out, 4), there ? batch.column_count : 0);
        uint32_t text = word_at(&out, 8);
        for (uint32_t c = 0; there && c < batch.column_count; c++) {
            const uint32_t at = (c + 1) * HB_WIRE_ROW_LEN;
            check_cell(&out, at, &batch.columns[c], row);
            if (word_at(&out, at) != HB_KIND_TEXT) continue;
            CHECK_INT(word_at(&out, at + 8), text);
            text += word_at(&out, at + 4);
        }
        CHECK_INT(word_at(&out, 8) + word_at(&out, 12), text);
        CHECK_INT(out.len, text);
    }
    hb_arena_free(&arena);
    hb_buf_free(&out);
    hb_buf_free(&all);
}

static void an_empty_batch_has_columns(void) {
    const hb_column column = { .name = { "x", 1 }, .kind = HB_KIND_TEXT };
    const hb_batch batch = { 0, 1, &column };
    hb_buf out;
    hb_arena arena;
    hb_batch back;
    hb_err err;
    hb_buf_init(&out, hb_mem_default());
    hb_arena_init(&arena, hb_mem_default());
    hb_wire_write(&batch, NULL, 0, &out);
    REQUIRE(hb_wire_read(hb_buf_str(&out), &arena, &back, &err) == HB_OK);
    CHECK_INT(back.row_count, 0);
    CHECK_STR(back.columns[0].name, "x");
    hb_arena_free(&arena);
    hb_buf_free(&out);
}

/* Reads cells and spans of whatever was accepted, for the sanitizers to watch. */
static void touch(const hb_batch *batch) {
    volatile uint32_t sum = 0;
    for (uint32_t c = 0; c < batch->column_count; c++) {
        for (uint32_t row = 0; row < batch->row_count; row++) {
            const hb_value value = hb_column_get(&batch->columns[c], row);
            if (value.kind == HB_KIND_VEC) {
                for (uint32_t i = 0; i < value.as.v.len; i++) {
                    sum = sum + (value.as.v.ptr[i] > 0.0f ? 1u : 0u);
                }
            } else if (value.kind >= HB_KIND_TEXT) {
                for (uint32_t i = 0; i < value.as.s.len; i++) {
                    sum = sum + (unsigned char)value.as.s.ptr[i];
                }
            }
        }
    }
}

static void broken_batches_are_refused_or_harmless(void) {
    hb_buf out;
    hb_err err;
    hb_batch batch;
    hb_buf_init(&out, hb_mem_default());
    write_sample(&out);
    static const unsigned char bytes[] = { 0x00, 0x01, 0x07, 0x80, 0xff };
    for (uint32_t i = 0; i < out.len; i++) {
        const char before = out.ptr[i];
        for (size_t b = 0; b < sizeof bytes; b++) {
            hb_arena arena;
            hb_arena_init(&arena, hb_mem_default());
            out.ptr[i] = (char)bytes[b];
            if (hb_wire_read(hb_buf_str(&out), &arena, &batch, &err) == HB_OK) touch(&batch);
            hb_arena_free(&arena);
        }
        out.ptr[i] = before;
    }
    hb_arena arena;
    hb_arena_init(&arena, hb_mem_default());
    for (uint32_t len = 0; len < out.len; len += 3) {
        CHECK_INT(hb_wire_read(hb_str_n(out.ptr, len), &arena, &batch, &err), HB_E_CORRUPT);
    }
    CHECK_INT(hb_wire_read(hb_buf_str(&out), &arena, &batch, &err), HB_OK);
    hb_arena_free(&arena);
    hb_buf_free(&out);
}

static void text_must_be_utf8(void) {
    static const hb_span span = { 0, 2 };
    const hb_column column = { .name = { "x", 1 }, .kind = HB_KIND_TEXT, .data = &span,
                               .heap = (const uint8_t *)"\xed\xa0", .heap_len = 2 };
    const hb_batch batch = { 1, 1, &column };
    hb_buf out;
    hb_arena arena;
    hb_batch back;
    hb_err err;
    hb_buf_init(&out, hb_mem_default());
    hb_arena_init(&arena, hb_mem_default());
    hb_wire_write(&batch, NULL, 1, &out);
    CHECK_INT(hb_wire_read(hb_buf_str(&out), &arena, &back, &err), HB_E_VALIDATION);
    hb_arena_free(&arena);
    hb_buf_free(&out);
}

TEST_SUITE {
    TEST(a_batch_comes_back_as_it_was);
    TEST(picked_rows_are_written_as_if_they_were_all);
    TEST(a_row_alone_has_its_cells_and_its_texts_together);
    TEST(an_empty_batch_has_columns);
    TEST(broken_batches_are_refused_or_harmless);
    TEST(text_must_be_utf8);
}
