// SPDX-License-Identifier: MIT
#include "index/top_k.h"

/* True when `a` is the worse of two hits. */
static bool is_worse(const hb_top_k *top, const hb_hit *a, const hb_hit *b) {
    if (a->score != b->score) return a->score < b->score;
    if (top->tie != NULL) return top->tie(top->tie_ctx, a->slot, b->slot) > 0;
    return a->slot > b->slot;
}

/* Lets the hit at `at` sink below worse ones in the heap of `count`. */
static void sink(hb_top_k *top, uint32_t at, uint32_t count) {
    const hb_hit hit = top->hits[at];
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= count) break;
        if (child + 1 < count && is_worse(top, &top->hits[child + 1], &top->hits[child])) child++;
        if (!is_worse(top, &top->hits[child], &hit)) break;
        top->hits[at] = top->hits[child];
        at = child;
    }
    top->hits[at] = hit;
}

static void make_heap(hb_top_k *top) {
    for (uint32_t at = top->count / 2; at > 0; at--) {
        sink(top, at - 1, top->count);
    }
}

void hb_top_k_add(hb_top_k *top, uint32_t slot, double score) {
    const hb_hit hit = { score, slot };
    if (top->count < top->k) {
        top->hits[top->count++] = hit;
        /* The heap is made once, when it is full: a result that never fills it is only sorted. */
        if (top->count == top->k) make_heap(top);
        return;
    }
    if (top->k == 0 || !is_worse(top, &top->hits[0], &hit)) return;
    top->hits[0] = hit;
    sink(top, 0, top->count);
}

void hb_top_k_sort(hb_top_k *top) {
    if (top->count < top->k) make_heap(top);
    for (uint32_t left = top->count; left > 1; left--) {
        const hb_hit worst = top->hits[0];
        top->hits[0] = top->hits[left - 1];
        top->hits[left - 1] = worst;
        sink(top, 0, left - 1);
    }
}

uint64_t *hb_bits_of(hb_arena *arena, const uint32_t *slots, uint32_t count, uint32_t bit_count) {
    /* One more, as no memory for an empty set is no failure. */
    uint64_t *bits = hb_arena_zalloc_array(arena, (size_t)hb_bits_words(bit_count) + 1,
                                           sizeof(uint64_t));
    for (uint32_t i = 0; bits != NULL && i < count; i++) {
        hb_bit_set(bits, slots[i]);
    }
    return bits;
}
