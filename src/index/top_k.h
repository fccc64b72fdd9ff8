// SPDX-License-Identifier: MIT
/* The k best of many scored slots: a bounded heap in the caller's array, the worst on top. Higher
 * scores are better; equal scores are settled by the caller, so that results are deterministic. */
#ifndef HB_INDEX_TOP_K_H
#define HB_INDEX_TOP_K_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

typedef struct hb_hit {
    double score;
    uint32_t slot;
} hb_hit;

/* < 0 when slot a comes before slot b, as in qsort. */
typedef int (*hb_tie_fn)(void *ctx, uint32_t slot_a, uint32_t slot_b);

typedef struct hb_top_k {
    hb_hit *hits;           /* borrowed: room for k */
    uint32_t k;
    uint32_t count;
    hb_tie_fn tie;          /* NULL: the lower slot comes first */
    void *tie_ctx;
} hb_top_k;

/* False: a hit of this score cannot enter any more. */
static inline bool hb_top_k_wants(const hb_top_k *top, double score) {
    return top->count < top->k || (top->k > 0 && score >= top->hits[0].score);
}
/* `score` is not NaN. */
void hb_top_k_add(hb_top_k *top, uint32_t slot, double score);
/* Best first; nothing may be added afterwards. */
void hb_top_k_sort(hb_top_k *top);

/* Slot sets as bits, 64 to a word. */
static inline uint32_t hb_bits_words(uint32_t bit_count) {
    return bit_count / 64u + (bit_count % 64u != 0 ? 1u : 0u);
}
static inline void hb_bit_set(uint64_t *bits, uint32_t bit) {
    bits[bit / 64u] |= (uint64_t)1 << (bit % 64u);
}
/* The slots, all below `bit_count`, as a set in the arena. NULL when out of memory. */
uint64_t *hb_bits_of(hb_arena *arena, const uint32_t *slots, uint32_t count, uint32_t bit_count);
/* Index of the lowest set bit; `bits` is not 0. */
static inline uint32_t hb_bits_first(uint64_t bits) {
    return (uint32_t)__builtin_ctzll(bits);     /* gcc and clang compile all our targets */
}
static inline bool hb_bit_has(const uint64_t *bits, uint32_t bit_count, uint32_t bit) {
    return bit < bit_count && (bits[bit / 64u] >> (bit % 64u) & 1u) != 0;
}

#endif
