// SPDX-License-Identifier: MIT
#include "tests/unit/test.h"

#include <stdlib.h>

#include "index/top_k.h"

static int by_score_then_slot(const void *a, const void *b) {
    const hb_hit *x = a;
    const hb_hit *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return x->slot < y->slot ? -1 : 1;
}

static int higher_slot_first(void *ctx, uint32_t a, uint32_t b) {
    ++*(int *)ctx;
    return a > b ? -1 : 1;
}

static void the_best_k_of_any_order_come_sorted(void) {
    hb_hit all[200];
    hb_hit got[200];
    uint32_t state = 7;
    for (uint32_t k = 0; k <= 210; k += 7) {
        hb_top_k top = { .hits = got, .k = k };
        for (uint32_t i = 0; i < 200; i++) {
            state = state * 1664525u + 1013904223u;
            all[i] = (hb_hit){ (double)(state >> 16 & 31), i };
            if (hb_top_k_wants(&top, all[i].score)) hb_top_k_add(&top, i, all[i].score);
        }
        hb_top_k_sort(&top);
        qsort(all, 200, sizeof(all[0]), by_score_then_slot);
        CHECK_INT(top.count, k < 200 ? k : 200);
        for (uint32_t i = 0; i < top.count; i++) {
            CHECK_INT(got[i].slot, all[i].slot);
        }
    }
}

static void equal_scores_are_settled_by_the_caller(void) {
    hb_hit got[3];
    int asked = 0;
    hb_top_k top = { .hits = got, .k = 3, .tie = higher_slot_first, .tie_ctx = &asked };
    for (uint32_t i = 0; i < 10; i++) {
        hb_top_k_add(&top, i, 1.0);
    }
    hb_top_k_sort(&top);
    CHECK(asked > 0);
    CHECK_INT(got[0].slot, 9);
    CHECK_INT(got[1].slot, 8);
    CHECK_INT(got[2].slot, 7);
}

TEST_SUITE {
    TEST(the_best_k_of_any_order_come_sorted);
    TEST(equal_scores_are_settled_by_the_caller);
}
