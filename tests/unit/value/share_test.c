// SPDX-License-Identifier: MIT
/* Columns of which equal values share their bytes, against plain ones that see the same changes. */
#include "value/value.h"

#include "tests/unit/test.h"

static const char *const words[] = { "", "a", "beta beta", "gamma gamma gamma", "delta", "epsilon epsilon" };
#define WORDS (sizeof(words) / sizeof(words[0]))

static hb_value value_of(uint32_t random) {
    if (random % 7 == 0) return (hb_value){ .kind = HB_KIND_NULL };
    return (hb_value){ HB_KIND_TEXT, { .s = hb_str_c(words[random % WORDS]) } };
}

static void check_same(const hb_colbuf *shared, const hb_colbuf *plain) {
    hb_column a = hb_colbuf_view(shared, HB_STR("a")), b = hb_colbuf_view(plain, HB_STR("b"));
    uint32_t held = 0, total = 0;
    bool seen[WORDS] = { false };
    REQUIRE(shared->row_count == plain->row_count && shared->null_count == plain->null_count);
    for (uint32_t row = 0; row < shared->row_count; row++) {
        hb_value x = hb_column_get(&a, row), y = hb_column_get(&b, row);
        CHECK(hb_value_eq(&x, &y));
        for (size_t w = 1; w < WORDS && x.kind == HB_KIND_TEXT; w++) {
            if (seen[w] || !hb_str_eq(x.as.s, hb_str_c(words[w]))) continue;
            seen[w] = true;
            held++;
            total += x.as.s.len;
        }
    }
    CHECK_INT(shared->shared_count, held);
    CHECK_INT(shared->heap_len - shared->garbage_len, total);
}

static void shared_bytes_follow_every_change(void) {
    for (uint32_t seed = 1; seed < 40; seed++) {
        hb_colbuf shared, plain;
        hb_colbuf_init(&shared, hb_mem_default(), HB_KIND_TEXT, 0);
        hb_colbuf_init(&plain, hb_mem_default(), HB_KIND_TEXT, 0);
        hb_colbuf_share(&shared);
        uint32_t random = seed * 2654435761u;
        for (int step = 0; step < 120; step++) {
            random = random * 1664525u + 1013904223u;
            const uint32_t pick = random >> 8;
            const hb_value value = value_of(pick / 16);
            if (pick % 16 < 6 || shared.row_count == 0) {
                CHECK(hb_colbuf_add(&shared, &value) && hb_colbuf_add(&plain, &value));
            } else if (pick % 16 < 13) {
                const uint32_t row = pick / 97 % shared.row_count;
                CHECK(hb_colbuf_set(&shared, row, &value) && hb_colbuf_set(&plain, row, &value));
            } else if (pick % 16 < 15) {
                const hb_column self = hb_colbuf_view(&plain, HB_STR("x"));
                const uint32_t rows[2] = { 0, shared.row_count - 1 };
                hb_column copy = self;
                CHECK(hb_colbuf_add_rows(&shared, &copy, rows, 2));
                const hb_value first = hb_column_get(&self, rows[0]);
                CHECK(hb_colbuf_add(&plain, &first));
                const hb_column again = hb_colbuf_view(&plain, HB_STR("x"));
                const hb_value last = hb_column_get(&again, rows[1]);
                CHECK(hb_colbuf_add(&plain, &last));
            } else {
                CHECK(hb_colbuf_compact(&shared));
                CHECK_INT(shared.garbage_len, 0);
            }
            check_same(&shared, &plain);
        }
        hb_colbuf_clear(&shared);
        CHECK_INT(shared.heap_len, 0);
        hb_colbuf_free(&shared);
        hb_colbuf_free(&plain);
    }
}

TEST_SUITE {
    TEST(shared_bytes_follow_every_change);
}
