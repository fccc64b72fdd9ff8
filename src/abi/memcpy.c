// SPDX-License-Identifier: MIT
/* memcpy in place of the C library's, which leaves more than 512 bytes to the host: a call out of
 * the module for every vector costs more than copying it. And memcmp, which goes byte by byte
 * there: ids begin alike. */
#include <stddef.h>
#include <stdint.h>
#include <wasm_simd128.h>

typedef uint64_t __attribute__((aligned(1), may_alias)) loose_u64;
typedef uint32_t __attribute__((aligned(1), may_alias)) loose_u32;

/* Fewer than 16 bytes: two words, which may overlap. */
static void copy_few(char *to, const char *from, size_t len) {
    if (len >= 8) {
        const uint64_t head = *(const loose_u64 *)from;
        const uint64_t tail = *(const loose_u64 *)(from + len - 8);
        *(loose_u64 *)to = head;
        *(loose_u64 *)(to + len - 8) = tail;
    } else if (len >= 4) {
        const uint32_t head = *(const loose_u32 *)from;
        const uint32_t tail = *(const loose_u32 *)(from + len - 4);
        *(loose_u32 *)to = head;
        *(loose_u32 *)(to + len - 4) = tail;
    } else {
        for (size_t i = 0; i < len; i++) to[i] = from[i];
    }
}

void *memcpy(void *restrict to, const void *restrict from, size_t len);
void *memcpy(void *restrict to, const void *restrict from, size_t len) {
    char *out = to;
    const char *in = from;
    if (len < 16) {
        copy_few(out, in, len);
        return to;
    }
    const v128_t last = wasm_v128_load(in + len - 16);
    size_t at = 0;
    for (; at + 64 <= len; at += 64) {
        const v128_t a = wasm_v128_load(in + at), b = wasm_v128_load(in + at + 16);
        const v128_t c = wasm_v128_load(in + at + 32), d = wasm_v128_load(in + at + 48);
        wasm_v128_store(out + at, a);
        wasm_v128_store(out + at + 16, b);
        wasm_v128_store(out + at + 32, c);
        wasm_v128_store(out + at + 48, d);
    }
    for (; at + 16 <= len; at += 16) wasm_v128_store(out + at, wasm_v128_load(in + at));
    wasm_v128_store(out + len - 16, last);
    return to;
}

int memcmp(const void *a, const void *b, size_t len);
int memcmp(const void *a, const void *b, size_t len) {
    const unsigned char *one = a;
    const unsigned char *other = b;
    size_t at = 0;
    for (; at + 8 <= len; at += 8) {
        const uint64_t x = *(const loose_u64 *)(const void *)(one + at);
        const uint64_t y = *(const loose_u64 *)(const void *)(other + at);
        if (x == y) continue;
        const int shift = __builtin_ctzll(x ^ y) & ~7;
        return (int)(x >> shift & 0xff) - (int)(y >> shift & 0xff);
    }
    for (; at < len; at++) {
        if (one[at] != other[at]) return one[at] - other[at];
    }
    return 0;
}
