// SPDX-License-Identifier: MIT
#include "base/md5.h"

#include <string.h>

/* floor(2^32 * |sin(i + 1)|), section 3.4 of RFC 1321. */
static const uint32_t sines[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};
static const uint8_t turns[4][4] = {
    { 7, 12, 17, 22 }, { 5, 9, 14, 20 }, { 4, 11, 16, 23 }, { 6, 10, 15, 21 },
};

static uint32_t read_u32(const uint8_t *at) {
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void md5_block(uint32_t state[4], const uint8_t *block) {
    uint32_t words[16];
    for (uint32_t i = 0; i < 16; i++) {
        words[i] = read_u32(block + 4 * i);
    }
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    for (uint32_t i = 0; i < 64; i++) {
        uint32_t mixed;
        uint32_t word;
        switch (i / 16) {
        case 0: mixed = (b & c) | (~b & d); word = i; break;
        case 1: mixed = (b & d) | (c & ~d); word = (5 * i + 1) % 16; break;
        case 2: mixed = b ^ c ^ d; word = (3 * i + 5) % 16; break;
        default: mixed = c ^ (b | ~d); word = (7 * i) % 16; break;
        }
        const uint32_t sum = a + mixed + sines[i] + words[word];
        const uint32_t turn = turns[i / 16][i % 4];
        a = d;
        d = c;
        c = b;
        b += sum << turn | sum >> (32 - turn);
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
}

void hb_md5_init(hb_md5 *md5) {
    *md5 = (hb_md5){ .state = { 0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u } };
}

void hb_md5_add(hb_md5 *md5, const void *bytes, size_t len) {
    const uint8_t *at = bytes;
    while (len > 0) {
        const size_t used = (size_t)(md5->len % 64);
        const size_t part = len < 64 - used ? len : 64 - used;
        memcpy(md5->block + used, at, part);
        md5->len += part;
        at += part;
        len -= part;
        if (used + part == 64) md5_block(md5->state, md5->block);
    }
}

void hb_md5_finish(hb_md5 *md5, uint8_t out[HB_MD5_LEN]) {
    const uint64_t bits = md5->len * 8;
    uint8_t tail[8];
    for (uint32_t i = 0; i < 8; i++) {
        tail[i] = (uint8_t)(bits >> (8 * i));
    }
    static const uint8_t padding[64] = { 0x80 };
    const size_t used = (size_t)(md5->len % 64);
    hb_md5_add(md5, padding, used < 56 ? 56 - used : 120 - used);
    hb_md5_add(md5, tail, sizeof tail);
    for (uint32_t i = 0; i < HB_MD5_LEN; i++) {
        out[i] = (uint8_t)(md5->state[i / 4] >> (8 * (i % 4)));
    }
}
