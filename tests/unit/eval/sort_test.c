// SPDX-License-Identifier: MIT
#include "eval/sort.h"

#include <stdlib.h>

#include "tests/unit/test.h"
#include "value/pack.h"

enum { ROWS = 6 };

typedef struct table {      /* rows a..f */
    hb_colbuf number, text, flag, json, id;
    hb_column views[5];
} table;

static void add_json(hb_colbuf *column, const char *json) {
    hb_buf buf;
    hb_err err;
    hb_buf_init(&buf, hb_mem_default());
    if (json == NULL) {
        CHECK(hb_colbuf_add_null(column));
    } else {
        CHECK_INT(hb_pack_from_json(hb_str_c(json), &buf, &err), HB_OK);
        CHECK(hb_colbuf_add_text(column, hb_buf_str(&buf)));
    }
    hb_buf_free(&buf);
}

static void table_open(table *t) {
    static const struct {
        int64_t number;
        const char *text, *json, *id;
    } rows[ROWS] = {
        { 3, "longer text one", "{\"k\":2}", "r5" },
        { 1, "longer text", "{\"k\":1.5}", "r4" },
        { INT64_MIN, NULL, NULL, "r3" },            /* INT64_MIN stands for null */
        { 3, "", "{}", "r2" },
        { -7, "longer textile", "{\"k\":9007199254740993}", "r1" },
        { 1, "Z", "{\"k\":-4}", "r0" },
    };
    const hb_mem *mem = hb_mem_default();
    hb_colbuf_init(&t->number, mem, HB_KIND_I64, 0);
    hb_colbuf_init(&t->text, mem, HB_KIND_TEXT, 0);
    hb_colbuf_init(&t->flag, mem, HB_KIND_BOOL, 0);
    hb_colbuf_init(&t->json, mem, HB_KIND_PACK, 0);
    hb_colbuf_init(&t->id, mem, HB_KIND_TEXT, 0);
    for (int i = 0; i < ROWS; i++) {
        hb_value number = { .kind = HB_KIND_I64, .as.i = rows[i].number };
        hb_value flag = { .kind = HB_KIND_BOOL, .as.b = i % 2 == 0 };
        CHECK(rows[i].number == INT64_MIN ? hb_colbuf_add_null(&t->number)
                                          : hb_colbuf_add(&t->number, &number));
        CHECK(rows[i].text == NULL ? hb_colbuf_add_null(&t->text)
                                   : hb_colbuf_add_text(&t->text, hb_str_c(rows[i].text)));
        CHECK(hb_colbuf_add(&t->flag, &flag));
        add_json(&t->json, rows[i].json);
        CHECK(hb_colbuf_add_text(&t->id, hb_str_c(rows[i].id)));
    }
    const hb_colbuf *all[5] = { &t->number, &t->text, &t->flag, &t->json, &t->id };
    static const char *const names[5] = { "number", "text", "flag", "json", "object_id" };
    for (int i = 0; i < 5; i++) {
        t->views[i] = hb_colbuf_view(all[i], hb_str_c(names[i]));
    }
}

static void table_close(table *t) {
    hb_colbuf_free(&t->number);
    hb_colbuf_free(&t->text);
    hb_colbuf_free(&t->flag);
    hb_colbuf_free(&t->json);
    hb_colbuf_free(&t->id);
}

static void rows_come_by_keys_then_by_id_with_nulls_last(void) {
    static const hb_str path_k = { "k", 1 };
    static const struct {
        const char *name;
        int keys[2];        /* column, -1: none */
        bool desc[2];
        bool tie;
        const char *want;
    } cases[] = {
        { "number", { 0, -1 }, { false }, true, "efbdac" },
        { "number desc", { 0, -1 }, { true }, true, "dafbec" },
        { "number, stable without tie", { 0, -1 }, { false }, false, "ebfadc" },
        { "text", { 1, -1 }, { false }, true, "dfbaec" },
        { "text desc", { 1, -1 }, { true }, true, "eabfdc" },
        { "flag desc, number", { 2, 0 }, { true, false }, true, "eacfbd" },
        { "number desc, text", { 0, 1 }, { true, false }, true, "dafbec" },
        { "json path", { 3, -1 }, { false }, true, "fbaedc" },
        { "json path desc", { 3, -1 }, { true }, true, "eabfdc" },
        { "only ids", { -1, -1 }, { false }, true, "fedcba" },
    };
    table t;
    table_open(&t);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        hb_sort_key keys[2] = { { 0 } };
        uint32_t key_count = 0;
        while (key_count < 2 && cases[i].keys[key_count] >= 0) {
            hb_sort_key *key = &keys[key_count];
            key->column = &t.views[cases[i].keys[key_count]];
            key->desc = cases[i].desc[key_count++];
            if (key->column->kind == HB_KIND_PACK) {
                key->path = &path_k;
                key->path_len = 1;
            }
        }
        CASE(cases[i].name);
        for (uint64_t limit = 0; limit <= ROWS + 1; limit++) {
            uint32_t rows[ROWS] = { 0, 1, 2, 3, 4, 5 };
            uint32_t kept = 99;
            char got[ROWS + 1] = { 0 };
            hb_err err;
            hb_arena scratch;
            hb_arena_init(&scratch, hb_mem_default());
            CHECK_INT(hb_sort_rows(keys, key_count, cases[i].tie ? &t.views[4] : NULL, rows, ROWS,
                                   limit, &kept, &scratch, &err),
                      HB_OK);
            CHECK_INT(kept, limit < ROWS ? limit : ROWS);
            for (uint32_t r = 0; r < kept; r++) {
                got[r] = (char)('a' + rows[r]);
            }
            CHECK(strncmp(got, cases[i].want, kept) == 0);
            if (kept == ROWS) {
                CHECK_CSTR(got, cases[i].want);
            }
            hb_arena_free(&scratch);
        }
    }
    table_close(&t);
}

static void values_without_a_common_order_are_refused(void) {
    static const char *const mixed[4] = { "{\"k\":1}", "{\"k\":\"x\"}", "{\"k\":[1]}",
                                          "{\"k\":{}}" };
    static const hb_str path = { "k", 1 };
    static const struct {
        const char *name;
        uint32_t rows[2];
        hb_status want;
    } cases[] = {
        { "number and text", { 0, 1 }, HB_E_QUERY }, { "text and list", { 1, 2 }, HB_E_QUERY },
        { "a mapping", { 3, 3 }, HB_E_QUERY },       { "lists only", { 2, 2 }, HB_OK },
        { "texts only", { 1, 1 }, HB_OK },
    };
    hb_colbuf json;
    hb_colbuf_init(&json, hb_mem_default(), HB_KIND_PACK, 0);
    for (int i = 0; i < 4; i++) {
        add_json(&json, mixed[i]);
    }
    hb_column view = hb_colbuf_view(&json, HB_STR("j"));
    hb_sort_key key = { &view, &path, 1, false };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        hb_arena scratch;
        hb_err err;
        uint32_t kept;
        uint32_t rows[2] = { cases[i].rows[0], cases[i].rows[1] };
        CASE(cases[i].name);
        hb_arena_init(&scratch, hb_mem_default());
        CHECK_INT(hb_sort_rows(&key, 1, NULL, rows, 2, 2, &kept, &scratch, &err), cases[i].want);
        hb_arena_free(&scratch);
    }
    CASE("a whole Json value");
    key.path_len = 0;
    hb_arena scratch;
    hb_err err;
    uint32_t rows[2] = { 0, 1 };
    uint32_t kept;
    hb_arena_init(&scratch, hb_mem_default());
    CHECK_INT(hb_sort_rows(&key, 1, NULL, rows, 2, 2, &kept, &scratch, &err), HB_E_QUERY);
    hb_arena_free(&scratch);
    hb_colbuf_free(&json);
}

static void vectors_sort_as_lists_of_numbers(void) {
    static const float cells[][3] = { { 1, 2, 3 }, { 1, -2, 9 }, { -1, 5 }, { 0 }, { 1, 2 } };
    static const uint32_t lens[] = { 3, 3, 2, 0, 2 };
    static const uint32_t up[] = { 3, 2, 1, 4, 0, 5 }, down[] = { 0, 4, 1, 2, 3, 5 };
    hb_colbuf vectors;
    hb_colbuf_init(&vectors, hb_mem_default(), HB_KIND_VEC, 0);
    for (uint32_t i = 0; i < 5; i++) {
        hb_value value = { .kind = HB_KIND_VEC, .as.v = { cells[i], lens[i] } };
        CHECK(hb_colbuf_add(&vectors, &value));
    }
    CHECK(hb_colbuf_add_null(&vectors));
    hb_column view = hb_colbuf_view(&vectors, HB_STR("v"));
    for (int desc = 0; desc < 2; desc++) {
        CASE(desc != 0 ? "falling" : "rising");
        hb_sort_key key = { &view, NULL, 0, desc != 0 };
        uint32_t rows[6] = { 0, 1, 2, 3, 4, 5 }, kept;
        hb_arena scratch;
        hb_err err;
        hb_arena_init(&scratch, hb_mem_default());
        CHECK_INT(hb_sort_rows(&key, 1, NULL, rows, 6, 6, &kept, &scratch, &err), HB_OK);
        for (int i = 0; i < 6; i++) CHECK_INT(rows[i], (desc != 0 ? down : up)[i]);
        hb_arena_free(&scratch);
    }
    hb_colbuf_free(&vectors);
}

/* Against a plain quadratic selection, over sizes and limits on both sides of the heap's bound. */
static void random_rows_sort_like_a_naive_model(void) {
    uint64_t seed = 88172645463325252ull;
    for (uint32_t round = 0; round < 60; round++) {
        uint32_t count = round * 7 % 301;
        hb_colbuf number;
        hb_colbuf_init(&number, hb_mem_default(), HB_KIND_F64, 0);
        uint32_t *rows = malloc((count + 1) * sizeof(*rows));
        for (uint32_t i = 0; i < count; i++) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            hb_value value = { .kind = HB_KIND_F64, .as.f = (double)(seed % 37) - 18.0 };
            CHECK(seed % 11 == 0 ? hb_colbuf_add_null(&number) : hb_colbuf_add(&number, &value));
            rows[i] = i;
        }
        hb_column view = hb_colbuf_view(&number, HB_STR("n"));
        hb_sort_key key = { .column = &view, .desc = round % 2 == 1 };
        hb_arena scratch;
        hb_err err;
        uint32_t kept;
        uint64_t limit = round % 3 == 0 ? HB_NO_LIMIT : round % 3 == 1 ? count / 5 : count / 2;
        hb_arena_init(&scratch, hb_mem_default());
        CHECK_INT(hb_sort_rows(&key, 1, NULL, rows, count, limit, &kept, &scratch, &err), HB_OK);
        for (uint32_t i = 1; i < kept; i++) {
            hb_value a = hb_column_get(&view, rows[i - 1]);
            hb_value b = hb_column_get(&view, rows[i]);
            int cmp = a.kind == HB_KIND_NULL || b.kind == HB_KIND_NULL
                          ? (a.kind == HB_KIND_NULL) - (b.kind == HB_KIND_NULL)
                          : hb_value_cmp(&a, &b) * (key.desc ? -1 : 1);
            CHECK(cmp < 0 || (cmp == 0 && rows[i - 1] < rows[i]));
        }
        hb_arena_free(&scratch);
        hb_colbuf_free(&number);
        free(rows);
    }
}

TEST_SUITE {
    TEST(rows_come_by_keys_then_by_id_with_nulls_last);
    TEST(values_without_a_common_order_are_refused);
    TEST(vectors_sort_as_lists_of_numbers);
    TEST(random_rows_sort_like_a_naive_model);
}
