// SPDX-License-Identifier: MIT
/* Sixteen bytes at a time: the few operations that scanning needs, for WebAssembly SIMD128 and
 * SSE2. HB_SIMD16 is 0 elsewhere, and the callers' scalar loops do all the work. */
#ifndef HB_TEXT_SIMD16_H
#define HB_TEXT_SIMD16_H

#include <stdint.h>

#if defined(__wasm_simd128__)
#define HB_SIMD16 1
#include <wasm_simd128.h>
typedef v128_t hb_v16;
static inline hb_v16 hb_v16_load(const void *ptr) { return wasm_v128_load(ptr); }
static inline hb_v16 hb_v16_fill(uint8_t byte) { return wasm_i8x16_splat((int8_t)byte); }
static inline hb_v16 hb_v16_or(hb_v16 a, hb_v16 b) { return wasm_v128_or(a, b); }
static inline hb_v16 hb_v16_and(hb_v16 a, hb_v16 b) { return wasm_v128_and(a, b); }
static inline hb_v16 hb_v16_eq(hb_v16 a, hb_v16 b) { return wasm_i8x16_eq(a, b); }
/* Bit i is the top bit of byte i. */
static inline uint32_t hb_v16_mask(hb_v16 a) { return (uint32_t)wasm_i8x16_bitmask(a); }
#elif defined(__SSE2__)
#define HB_SIMD16 1
#include <emmintrin.h>
typedef __m128i hb_v16;
static inline hb_v16 hb_v16_load(const void *ptr) { return _mm_loadu_si128((const __m128i *)ptr); }
static inline hb_v16 hb_v16_fill(uint8_t byte) { return _mm_set1_epi8((char)byte); }
static inline hb_v16 hb_v16_or(hb_v16 a, hb_v16 b) { return _mm_or_si128(a, b); }
static inline hb_v16 hb_v16_and(hb_v16 a, hb_v16 b) { return _mm_and_si128(a, b); }
static inline hb_v16 hb_v16_eq(hb_v16 a, hb_v16 b) { return _mm_cmpeq_epi8(a, b); }
static inline uint32_t hb_v16_mask(hb_v16 a) { return (uint32_t)_mm_movemask_epi8(a); }
#else
#define HB_SIMD16 0
#endif

/* Index of the lowest set bit; `bits` is not 0. */
static inline uint32_t hb_low_bit(uint32_t bits) {
#if defined(__GNUC__)
    return (uint32_t)__builtin_ctz(bits);
#else
    uint32_t at = 0;
    while ((bits & 1u) == 0) {
        bits >>= 1;
        at++;
    }
    return at;
#endif
}

#endif
