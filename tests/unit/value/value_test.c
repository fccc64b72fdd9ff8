// SPDX-License-Identifier: MIT
#include "value/value.h"

#include <math.h>
#include <stdio.h>

#include "tests/unit/test.h"

#define TEXT(literal) { HB_KIND_TEXT, { .s = { literal, sizeof(literal) - 1 } } }
#define I64(value) { HB_KIND_I64, { .i = value } }
#define F64(value) { HB_KIND_F64, { .f = value } }
#define PACK(literal) { HB_KIND_PACK, { .s = { literal, sizeof(literal) - 1 } } }

static void numbers_compare_exactly_across_kinds(void) {
    static const struct {
        hb_value a, b;
        int want;
    } cases[] = {
        { I64(1), I64(2), -1 }, { I64(1), F64(1.0), 0 }, { F64(1.5), I64(1), 1 },
        { I64(9007199254740993), F64(9007199254740992.0), 1 },
        { I64(INT64_MAX), F64(9223372036854775808.0), -1 },
        { I64(INT64_MIN), F64(-9223372036854775808.0), 0 }, { F64(-0.0), I64(0), 0 },
        { I64(-1), F64(-1.5), 1 }, { I64(0), F64(1e300), -1 }, { I64(0), F64(-1e300), 1 },
        { TEXT("a"), TEXT("b"), -1 }, { TEXT("a"), TEXT("a"), 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const int got = hb_value_cmp(&cases[i].a, &cases[i].b);
        CHECK_INT(got < 0 ? -1 : got > 0 ? 1 : 0, cases[i].want);
        CHECK_INT(hb_value_eq(&cases[i].a, &cases[i].b), cases[i].want == 0);
        const int back = hb_value_cmp(&cases[i].b, &cases[i].a);
        CHECK_INT(back < 0 ? -1 : back > 0 ? 1 : 0, -cases[i].want);
    }
}

static void equality_crosses_from_packed_to_plain(void) {
    static const hb_value null = { .kind = HB_KIND_NULL };
    static const hb_value yes = { HB_KIND_BOOL, { .b = true } };
    static const hb_value one = I64(1), text = TEXT("a");
    static const hb_value packed_one = PACK("\x01"), packed_text = PACK("\xa1" "a");
    static const hb_value packed_nil = PACK("\xc0"), list = PACK("\x91\x01");
    CHECK(hb_value_eq(&null, &null));
    CHECK(hb_value_eq(&packed_nil, &null));
    CHECK(hb_value_eq(&one, &packed_one));
    CHECK(hb_value_eq(&packed_text, &text));
    CHECK(!hb_value_eq(&yes, &one));
    CHECK(!hb_value_eq(&yes, &packed_one));
    CHECK(!hb_value_eq(&text, &one));
    CHECK(!hb_value_eq(&list, &one));
    CHECK(hb_value_eq(&list, &list));
    CHECK(!hb_value_eq(&null, &one));
}

/* A column of 0..count-1 with every third row null. */
static void fill(hb_colbuf *col, hb_kind kind, uint32_t dim, uint32_t count) {
    hb_colbuf_init(col, hb_mem_default(), kind, dim);
    for (uint32_t i = 0; i < count; i++) {
        char text[32];
        const float floats[2] = { (float)i, -(float)i };
        hb_value value = { .kind = HB_KIND_NULL };
        if (i % 3 != 0) {
            value.kind = kind;
            if (kind == HB_KIND_BOOL) value.as.b = i % 2 == 0;
            if (kind == HB_KIND_I64) value.as.i = (int64_t)i;
            if (kind == HB_KIND_F64) value.as.f = i + 0.5;
            if (kind == HB_KIND_TEXT || kind == HB_KIND_BYTES) {
                value.as.s = hb_str_n(text, (size_t)snprintf(text, sizeof text, "row %u", i));
            }
            if (kind == HB_KIND_PACK) value.as.s = HB_STR("\x91\x01");
            if (kind == HB_KIND_VEC) {
                value.as.v.ptr = floats;
                value.as.v.len = dim > 0 ? dim : 1 + i % 2;
            }
        }
        REQUIRE(hb_colbuf_add(col, &value));
    }
}

static const struct {
    const char *name;
    hb_kind kind;
    uint32_t dim;
} shapes[] = {
    { "bool", HB_KIND_BOOL, 0 }, { "i64", HB_KIND_I64, 0 }, { "f64", HB_KIND_F64, 0 },
    { "text", HB_KIND_TEXT, 0 }, { "bytes", HB_KIND_BYTES, 0 }, { "pack", HB_KIND_PACK, 0 },
    { "vec[2]", HB_KIND_VEC, 2 }, { "vec", HB_KIND_VEC, 0 },
};

static void check_same(const hb_column *a, uint32_t row_a, const hb_column *b, uint32_t row_b) {
    const hb_value x = hb_column_get(a, row_a);
    const hb_value y = hb_column_get(b, row_b);
    REQUIRE(x.kind == y.kind);
    REQUIRE(hb_value_eq(&x, &y));
}

static void gathering_equals_adding_cell_by_cell(void) {
    enum { COUNT = 100 };
    uint32_t rows[COUNT];
    for (uint32_t i = 0; i < COUNT; i++) {
        rows[i] = (i * 37) % COUNT;
    }
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        CASE(shapes[s].name);
        hb_colbuf src;
        hb_colbuf copy;
        fill(&src, shapes[s].kind, shapes[s].dim, COUNT);
        hb_colbuf_init(&copy, hb_mem_default(), shapes[s].kind, shapes[s].dim);
        const hb_column view = hb_colbuf_view(&src, HB_STR("x"));
        CHECK(hb_colbuf_add_rows(&copy, &view, NULL, COUNT));
        CHECK(hb_colbuf_add_rows(&copy, &view, rows, COUNT));
        for (uint32_t i = 0; i < COUNT; i++) {
            CHECK(hb_colbuf_add_cell(&copy, &view, i));
        }
        CHECK_INT(copy.row_count, 3 * COUNT);
        CHECK_INT(copy.null_count, 3 * src.null_count);
        const hb_column got = hb_colbuf_view(&copy, HB_STR("y"));
        for (uint32_t i = 0; i < COUNT; i++) {
            check_same(&got, i, &view, i);
            check_same(&got, COUNT + i, &view, rows[i]);
            check_same(&got, 2 * COUNT + i, &view, i);
        }
        hb_colbuf_free(&copy);
        hb_colbuf_free(&src);
    }
}

static void absent_cells_become_null_in_a_store(void) {
    static const uint8_t state[3] = { HB_CELL_VALUE, HB_CELL_ABSENT, HB_CELL_NULL };
    static const int64_t data[3] = { 7, 8, 9 };
    const hb_column src = { .kind = HB_KIND_I64, .state = state, .data = data };
    hb_colbuf col;
    hb_colbuf_init(&col, hb_mem_default(), HB_KIND_I64, 0);
    CHECK(hb_colbuf_add_rows(&col, &src, NULL, 3));
    CHECK(hb_colbuf_add_cell(&col, &src, 1));
    const hb_column view = hb_colbuf_view(&col, HB_STR("x"));
    CHECK_INT(hb_column_cell(&view, 0), HB_CELL_VALUE);
    CHECK_INT(hb_column_cell(&view, 1), HB_CELL_NULL);
    CHECK_INT(hb_column_cell(&view, 2), HB_CELL_NULL);
    CHECK_INT(hb_column_cell(&view, 3), HB_CELL_NULL);
    CHECK_INT(col.null_count, 3);
    hb_colbuf_free(&col);
}

static void setting_counts_garbage_and_compaction_drops_it(void) {
    static const hb_value null = { .kind = HB_KIND_NULL };
    hb_colbuf col;
    fill(&col, HB_KIND_TEXT, 0, 30);
    const hb_value text = TEXT("a longer text than before");
    CHECK(hb_colbuf_set(&col, 1, &text));
    CHECK_INT(col.garbage_len, 5);
    CHECK(hb_colbuf_set(&col, 0, &text));
    CHECK_INT(col.null_count, 9);
    CHECK(hb_colbuf_set(&col, 2, &null));
    CHECK(hb_colbuf_set(&col, 2, &null));
    CHECK_INT(col.null_count, 10);
    CHECK_INT(col.garbage_len, 10);
    const uint32_t before = col.heap_len;
    CHECK(hb_colbuf_compact(&col));
    CHECK_INT(col.heap_len, before - 10);
    CHECK_INT(col.garbage_len, 0);
    const hb_column view = hb_colbuf_view(&col, HB_STR("x"));
    CHECK_STR(hb_column_span(&view, 0), "a longer text than before");
    CHECK_STR(hb_column_span(&view, 1), "a longer text than before");
    CHECK_STR(hb_column_span(&view, 29), "row 29");
    CHECK_INT(hb_column_get(&view, 2).kind, HB_KIND_NULL);
    hb_colbuf_free(&col);
}

static void a_column_can_take_values_out_of_itself(void) {
    hb_colbuf col;
    fill(&col, HB_KIND_TEXT, 0, 2);
    for (uint32_t i = 0; i < 500; i++) {
        const hb_column view = hb_colbuf_view(&col, HB_STR("x"));
        REQUIRE(hb_colbuf_add_cell(&col, &view, 1));
    }
    hb_column view = hb_colbuf_view(&col, HB_STR("x"));
    CHECK_STR(hb_column_span(&view, 501), "row 1");
    hb_colbuf_free(&col);
    fill(&col, HB_KIND_VEC, 2, 2);
    for (uint32_t i = 0; i < 500; i++) {
        view = hb_colbuf_view(&col, HB_STR("x"));
        REQUIRE(hb_colbuf_add_cell(&col, &view, 1));
    }
    view = hb_colbuf_view(&col, HB_STR("x"));
    CHECK_DOUBLE((double)hb_column_get(&view, 501).as.v.ptr[1], -1.0);
    hb_colbuf_free(&col);
}

static void vectors_of_free_length_take_fixed_ones(void) {
    hb_colbuf fixed;
    hb_colbuf free_length;
    fill(&fixed, HB_KIND_VEC, 2, 4);
    hb_colbuf_init(&free_length, hb_mem_default(), HB_KIND_VEC, 0);
    const hb_column view = hb_colbuf_view(&fixed, HB_STR("x"));
    CHECK(hb_colbuf_add_rows(&free_length, &view, NULL, 4));
    const hb_column got = hb_colbuf_view(&free_length, HB_STR("x"));
    CHECK_INT(hb_column_get(&got, 2).as.v.len, 2);
    CHECK_DOUBLE((double)hb_column_get(&got, 2).as.v.ptr[1], -2.0);
    hb_colbuf_free(&free_length);
    hb_colbuf_free(&fixed);
}

typedef struct counting_mem {
    int left;
    size_t live;
} counting_mem;

static void *counting_alloc(void *ctx, size_t size) {
    counting_mem *c = ctx;
    if (c->left-- <= 0) return NULL;
    c->live += size;
    return hb_mem_alloc(hb_mem_default(), size);
}

static void *counting_realloc(void *ctx, void *ptr, size_t old_size, size_t size) {
    counting_mem *c = ctx;
    if (c->left-- <= 0) return NULL;
    c->live += size - old_size;
    return hb_mem_realloc(hb_mem_default(), ptr, old_size, size);
}

static void counting_free(void *ctx, void *ptr, size_t size) {
    counting_mem *c = ctx;
    c->live -= size;
    hb_mem_free(hb_mem_default(), ptr, size);
}

static void every_allocation_may_fail_and_nothing_leaks(void) {
    hb_colbuf src;
    fill(&src, HB_KIND_TEXT, 0, 50);
    const hb_column view = hb_colbuf_view(&src, HB_STR("x"));
    bool done = false;
    for (int budget = 0; !done && budget < 50; budget++) {
        counting_mem c = { budget, 0 };
        const hb_mem mem = { counting_alloc, counting_realloc, counting_free, &c };
        hb_colbuf col;
        hb_colbuf_init(&col, &mem, HB_KIND_TEXT, 0);
        done = hb_colbuf_add_text(&col, HB_STR("first"));
        const uint32_t rows = col.row_count;
        done = done && hb_colbuf_add_rows(&col, &view, NULL, 50);
        CHECK_INT(col.row_count, done ? 51 : rows);
        hb_colbuf_free(&col);
        CHECK_INT(c.live, 0);
        c.left = budget;
        hb_rowset set;
        hb_err err;
        if (hb_rowset_init(&set, &mem, 3, &err) == HB_OK) hb_rowset_free(&set);
        CHECK_INT(c.live, 0);
    }
    CHECK(done);
    hb_colbuf_free(&src);
}

static void a_rowset_is_a_batch(void) {
    hb_rowset set;
    hb_err err;
    CHECK_INT(hb_rowset_init(&set, hb_mem_default(), 2, &err), HB_OK);
    hb_rowset_column(&set, 0, HB_STR("id"), HB_KIND_TEXT, 0);
    hb_rowset_column(&set, 1, HB_STR("n"), HB_KIND_I64, 0);
    const hb_value n = I64(5);
    CHECK(hb_colbuf_add_text(&set.columns[0], HB_STR("a")));
    CHECK(hb_colbuf_add(&set.columns[1], &n));
    const hb_batch batch = hb_rowset_batch(&set);
    CHECK_INT(batch.row_count, 1);
    CHECK_INT(hb_batch_find(&batch, HB_STR("n")), 1);
    CHECK_INT(hb_batch_find(&batch, HB_STR("m")), -1);
    CHECK_INT(hb_column_get(&batch.columns[1], 0).as.i, 5);
    hb_rowset_free(&set);
}

TEST_SUITE {
    TEST(numbers_compare_exactly_across_kinds);
    TEST(equality_crosses_from_packed_to_plain);
    TEST(gathering_equals_adding_cell_by_cell);
    TEST(absent_cells_become_null_in_a_store);
    TEST(setting_counts_garbage_and_compaction_drops_it);
    TEST(a_column_can_take_values_out_of_itself);
    TEST(vectors_of_free_length_take_fixed_ones);
    TEST(every_allocation_may_fail_and_nothing_leaks);
    TEST(a_rowset_is_a_batch);
}
