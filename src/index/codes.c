// SPDX-License-Identifier: MIT
#include "index/codes.h"

#include <math.h>
#include <string.h>

#include "value/value.h"

#if defined(__wasm_simd128__)
#include <wasm_simd128.h>
#endif

#define STEPS 127.0f

/* ---- kernels --------------------------------------------------------------------------------- */

int32_t hb_codes_dot_plain(const int8_t *a, const int8_t *b, uint32_t count) {
    int32_t sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        sum += (int32_t)a[i] * b[i];
    }
    return sum;
}

#if defined(__wasm_simd128__)
int32_t hb_codes_dot(const int8_t *a, const int8_t *b, uint32_t count) {
    v128_t low = wasm_i32x4_splat(0), high = low;
    for (uint32_t i = 0; i < count; i += 16) {
        const v128_t x = wasm_v128_load(a + i), y = wasm_v128_load(b + i);
        low = wasm_i32x4_add(low,
                             wasm_i32x4_extadd_pairwise_i16x8(wasm_i16x8_extmul_low_i8x16(x, y)));
        high = wasm_i32x4_add(
            high, wasm_i32x4_extadd_pairwise_i16x8(wasm_i16x8_extmul_high_i8x16(x, y)));
    }
    low = wasm_i32x4_add(low, high);
    return wasm_i32x4_extract_lane(low, 0) + wasm_i32x4_extract_lane(low, 1) +
           wasm_i32x4_extract_lane(low, 2) + wasm_i32x4_extract_lane(low, 3);
}
#else
int32_t hb_codes_dot(const int8_t *a, const int8_t *b, uint32_t count) {
    return hb_codes_dot_plain(a, b, count);
}
#endif

/* Signs that differ. */
static uint32_t bits_apart(const uint8_t *a, const uint8_t *b, uint32_t bytes) {
    uint32_t sum = 0;
    for (uint32_t i = 0; i < bytes; i += 8) {
        uint64_t x, y;
        memcpy(&x, a + i, 8);
        memcpy(&y, b + i, 8);
        sum += (uint32_t)__builtin_popcountll(x ^ y);
    }
    return sum;
}

/* ---- codes ----------------------------------------------------------------------------------- */

/* The worth of a step; 1 where there is none. */
static float encode(const hb_codes *codes, const float *vector, uint32_t dim, uint8_t *out) {
    memset(out, 0, codes->stride);
    if (codes->binary) {
        for (uint32_t i = 0; i < dim; i++) {
            if (vector[i] > 0.0f) out[i / 8] |= (uint8_t)(1u << (i % 8));
        }
        return 1.0f;
    }
    float most = 0.0f;
    for (uint32_t i = 0; i < dim; i++) {
        const float size = fabsf(vector[i]);
        most = size > most ? size : most;
    }
    const float scale = most / STEPS;
    if (!(scale > 0.0f)) return 1.0f;
    for (uint32_t i = 0; i < dim; i++) {
        const float steps = vector[i] / scale;
        out[i] = (uint8_t)(int8_t)(steps + (steps < 0.0f ? -0.5f : 0.5f));
    }
    return scale;
}

void hb_codes_init(hb_codes *codes, const hb_mem *mem, bool binary, uint32_t dim) {
    const uint32_t bytes = binary ? (dim + 7) / 8 : dim;
    *codes = (hb_codes){ .mem = mem, .binary = binary, .stride = (bytes + 15) / 16 * 16 };
}

size_t hb_codes_bytes(const hb_codes *codes) {
    return codes->cap * (codes->stride + (codes->binary ? 0 : sizeof(float)));
}

void hb_codes_free(hb_codes *codes) {
    if (codes->mem == NULL) return;
    hb_mem_free(codes->mem, codes->bytes, (size_t)codes->cap * codes->stride);
    if (!codes->binary) {
        hb_mem_free(codes->mem, codes->scales, codes->cap * sizeof(*codes->scales));
    }
    *codes = (hb_codes){ .mem = NULL };
}

static bool codes_reserve(hb_codes *codes, uint32_t cap) {
    if (cap <= codes->cap) return true;
    if (cap > SIZE_MAX / codes->stride) return false;
    float *scales = NULL;
    if (!codes->binary) {
        scales = hb_mem_alloc(codes->mem, cap * sizeof(*scales));
        if (scales == NULL) return false;
    }
    uint8_t *bytes = hb_mem_realloc(codes->mem, codes->bytes, (size_t)codes->cap * codes->stride,
                                    (size_t)cap * codes->stride);
    if (bytes == NULL) {
        hb_mem_free(codes->mem, scales, cap * sizeof(*scales));
        return false;
    }
    if (scales != NULL) {
        if (codes->count > 0) memcpy(scales, codes->scales, codes->count * sizeof(*scales));
        hb_mem_free(codes->mem, codes->scales, codes->cap * sizeof(*scales));
    }
    codes->scales = scales;
    codes->bytes = bytes;
    codes->cap = cap;
    return true;
}

void hb_codes_changed(hb_codes *codes, const hb_vector_view *view, uint32_t slot) {
    if (codes->mem == NULL || slot >= codes->count) return;
    const float *vector = hb_vector_row(view, slot);
    const float scale =
        encode(codes, vector, view->dim, codes->bytes + (size_t)slot * codes->stride);
    if (!codes->binary) codes->scales[slot] = scale;
}

bool hb_codes_follow(hb_codes *codes, const hb_vector_view *view, uint32_t cap) {
    if (view->count > codes->cap && !codes_reserve(codes, cap)) return false;
    while (codes->count < view->count) {
        codes->count++;
        if (view->state == NULL || view->state[codes->count - 1] == HB_CELL_VALUE) {
            hb_codes_changed(codes, view, codes->count - 1);
        }
    }
    return true;
}

/* ---- search ---------------------------------------------------------------------------------- */

typedef struct code_scan {
    const hb_codes *codes;
    const hb_vector_query *query;
    const uint8_t *wanted;
    double scale;
    hb_top_k top;
} code_scan;

static void look_at(code_scan *s, uint32_t slot) {
    const hb_vector_view *view = &s->query->view;
    const hb_codes *codes = s->codes;
    if (view->state != NULL && view->state[slot] != HB_CELL_VALUE) return;
    const uint8_t *row = codes->bytes + (size_t)slot * codes->stride;
    double score;
    if (codes->binary) {
        score = -(double)bits_apart(s->wanted, row, codes->stride);
    } else {
        const int32_t sum = hb_codes_dot((const int8_t *)s->wanted, (const int8_t *)row,
                                         codes->stride);
        score = sum * s->scale * (double)codes->scales[slot];
        const double norm = view->norms != NULL ? view->norms[slot] : 1.0;
        if (s->query->metric == HB_METRIC_COSINE) score = norm > 0.0 ? score / norm : 0.0;
        if (s->query->metric == HB_METRIC_L2) score = 2.0 * score - norm * norm;
    }
    if (hb_top_k_wants(&s->top, score)) hb_top_k_add(&s->top, slot, score);
}

uint32_t hb_codes_search(const hb_codes *codes, const hb_vector_query *query, uint8_t *scratch,
                         hb_hit *hits) {
    code_scan s = { .codes = codes, .query = query, .wanted = scratch };
    s.top = (hb_top_k){ .hits = hits, .k = query->k };
    s.scale = (double)encode(codes, query->vector, query->view.dim, scratch);
    const uint32_t count = query->slots != NULL ? query->slot_count : query->view.count;
    for (uint32_t i = 0; i < count; i++) {
        look_at(&s, query->slots != NULL ? query->slots[i] : i);
    }
    hb_top_k_sort(&s.top);
    return s.top.count;
}
