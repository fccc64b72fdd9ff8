// SPDX-License-Identifier: MIT
/* The two inner loops of vector search. Element i is added to lane i % 16 of the sum, in order;
 * then lanes are added pairwise, first across the four vectors and then, in double, within one. The
 * plain twins spell out the same additions, so the results are equal to the bit. */
#include "index/vector_index.h"

#if defined(__wasm_simd128__)
#include <wasm_simd128.h>
#endif

#define LANES 16u

/* lane l holds (s[l] + s[l+4]) + (s[l+8] + s[l+12]). */
static double sum_lanes(const float s[LANES]) {
    float lane[4];
    for (int l = 0; l < 4; l++) {
        lane[l] = (s[l] + s[l + 4]) + (s[l + 8] + s[l + 12]);
    }
    return ((double)lane[0] + (double)lane[1]) + ((double)lane[2] + (double)lane[3]);
}

/* The last dim % 16 elements, into the first lanes. */
static void add_dot_rest(float s[LANES], const float *a, const float *b, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        s[i] += a[i] * b[i];
    }
}

static void add_l2_rest(float s[LANES], const float *a, const float *b, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        const float d = a[i] - b[i];
        s[i] += d * d;
    }
}

double hb_vector_dot_plain(const float *a, const float *b, uint32_t dim) {
    float s[LANES] = { 0 };
    uint32_t i = 0;
    for (; dim - i >= LANES; i += LANES) {
        for (uint32_t l = 0; l < LANES; l++) {
            s[l] += a[i + l] * b[i + l];
        }
    }
    add_dot_rest(s, a + i, b + i, dim - i);
    return sum_lanes(s);
}

double hb_vector_l2_squared_plain(const float *a, const float *b, uint32_t dim) {
    float s[LANES] = { 0 };
    uint32_t i = 0;
    for (; dim - i >= LANES; i += LANES) {
        for (uint32_t l = 0; l < LANES; l++) {
            s[l] += (a[i + l] - b[i + l]) * (a[i + l] - b[i + l]);
        }
    }
    add_l2_rest(s, a + i, b + i, dim - i);
    return sum_lanes(s);
}

#if defined(__wasm_simd128__)
static void store_lanes(float s[LANES], v128_t s0, v128_t s1, v128_t s2, v128_t s3) {
    wasm_v128_store(s, s0);
    wasm_v128_store(s + 4, s1);
    wasm_v128_store(s + 8, s2);
    wasm_v128_store(s + 12, s3);
}

static v128_t product(const float *a, const float *b) {
    return wasm_f32x4_mul(wasm_v128_load(a), wasm_v128_load(b));
}

static v128_t square(const float *a, const float *b) {
    const v128_t d = wasm_f32x4_sub(wasm_v128_load(a), wasm_v128_load(b));
    return wasm_f32x4_mul(d, d);
}

double hb_vector_dot(const float *a, const float *b, uint32_t dim) {
    v128_t s0 = wasm_f32x4_splat(0), s1 = s0, s2 = s0, s3 = s0;
    uint32_t i = 0;
    for (; dim - i >= LANES; i += LANES) {
        s0 = wasm_f32x4_add(s0, product(a + i, b + i));
        s1 = wasm_f32x4_add(s1, product(a + i + 4, b + i + 4));
        s2 = wasm_f32x4_add(s2, product(a + i + 8, b + i + 8));
        s3 = wasm_f32x4_add(s3, product(a + i + 12, b + i + 12));
    }
    float s[LANES];
    store_lanes(s, s0, s1, s2, s3);
    add_dot_rest(s, a + i, b + i, dim - i);
    return sum_lanes(s);
}

double hb_vector_l2_squared(const float *a, const float *b, uint32_t dim) {
    v128_t s0 = wasm_f32x4_splat(0), s1 = s0, s2 = s0, s3 = s0;
    uint32_t i = 0;
    for (; dim - i >= LANES; i += LANES) {
        s0 = wasm_f32x4_add(s0, square(a + i, b + i));
        s1 = wasm_f32x4_add(s1, square(a + i + 4, b + i + 4));
        s2 = wasm_f32x4_add(s2, square(a + i + 8, b + i + 8));
        s3 = wasm_f32x4_add(s3, square(a + i + 12, b + i + 12));
    }
    float s[LANES];
    store_lanes(s, s0, s1, s2, s3);
    add_l2_rest(s, a + i, b + i, dim - i);
    return sum_lanes(s);
}
#else
double hb_vector_dot(const float *a, const float *b, uint32_t dim) {
    return hb_vector_dot_plain(a, b, dim);
}

double hb_vector_l2_squared(const float *a, const float *b, uint32_t dim) {
    return hb_vector_l2_squared_plain(a, b, dim);
}
#endif
