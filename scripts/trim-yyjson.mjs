// SPDX-License-Identifier: MIT
// node trim-yyjson.mjs IN OUT: yyjson.c with its table of 668 powers of ten (10 KB that do not compress) in three small
// ones: every 27th power, the 27 powers of five between two of them, and what the product of both falls short by. All
// 668 results are checked here, bit by bit, against the table they stand for. And with a way to its writer of doubles
// (src/base/num.c) that does not bring the whole JSON writer along.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [from, to] = process.argv.slice(2);
const STEP = 27;
const FIRST = -343;
// The coarse powers begin 8 before, so that one of them is 10^0 and the exact ones stay exact.
const BEFORE = 8;
const LOW = (1n << 64n) - 1n;

/** @param {boolean} holds @param {string} what */
function expect(holds, what) {
  if (!holds) throw new Error(`trim-yyjson: ${what}; the table is not laid out as in yyjson 0.10.0`);
}

const text = readFileSync(join(from, "yyjson.c"), "utf8");
const start = text.indexOf("static const u64 pow10_sig_table[] = {");
const end = text.indexOf("};", start) + 2;
expect(start >= 0 && end > start, "no table");
const words = [...text.slice(start, end).matchAll(/U64\(0x([0-9A-F]{8}), 0x([0-9A-F]{8})\)/g)]
  .map((match) => BigInt(`0x${match[1]}${match[2]}`));
expect(words.length === 668 * 2, "another count of powers");
const powers = Array.from({ length: 668 }, (_, i) => (words[2 * i] << 64n) | words[2 * i + 1]);

/** 5^n with its highest bit in bit 63. @param {number} n */
const five = (n) => {
  const value = 5n ** BigInt(n);
  return value << BigInt(64 - value.toString(2).length);
};
/** The highest 128 bits of 10^n. @param {number} n */
const ten = (n) => {
  const scaled = n < 0 ? (1n << 1400n) / 10n ** BigInt(-n) : 10n ** BigInt(n) << 128n;
  return scaled >> BigInt(scaled.toString(2).length - 128);
};
const coarse = Array.from({ length: Math.ceil((powers.length + BEFORE) / STEP) }, (_, k) => ten(FIRST - BEFORE + STEP * k));
const fives = Array.from({ length: STEP }, (_, n) => five(n));
const short = powers.map((power, i) => {
  const product = coarse[Math.floor((i + BEFORE) / STEP)] * fives[(i + BEFORE) % STEP];
  const top = product >> 191n === 1n ? product >> 64n : (product >> 63n) & ((1n << 128n) - 1n);
  const rest = power - top;
  expect(rest >= 0n && rest <= 3n, `power ${i} is off by ${rest}`);
  return Number(rest);
});

/** @param {bigint} value */
const u64 = (value) => `0x${value.toString(16).padStart(16, "0")}ull`;
/** @param {string[]} items @param {number} count */
const wrap = (items, count) =>
  items.map((item, i) => `${i % count === 0 ? "\n    " : " "}${item},`).join("");
const packed = Array.from({ length: Math.ceil(short.length / 4) }, (_, i) =>
  short.slice(4 * i, 4 * i + 4).reduce((byte, rest, place) => byte | (rest << (2 * place)), 0));

const tables = `static const u64 pow10_coarse_table[] = {${wrap(coarse.flatMap((power) => [u64(power >> 64n), u64(power & LOW)]), 4)}
};
static const u64 pow5_table[] = {${wrap(fives.map(u64), 4)}
};
static const u8 pow10_short_table[] = {${wrap(packed.map(String), 20)}
};`;
const lookup = `    i32 idx = exp10 - (POW10_SIG_TABLE_MIN_EXP);
    i32 at = (idx + ${BEFORE}) / ${STEP};
    u64 five = pow5_table[(idx + ${BEFORE}) % ${STEP}];
    u64 top, middle, carry, bottom, shortfall = (pow10_short_table[idx / 4] >> (idx % 4 * 2)) & 3;
    u128_mul(pow10_coarse_table[at * 2 + 1], five, &carry, &bottom);
    u128_mul_add(pow10_coarse_table[at * 2], five, carry, &top, &middle);
    if (!(top >> 63)) {
        top = (top << 1) | (middle >> 63);
        middle = (middle << 1) | (bottom >> 63);
    }
    *lo = middle + shortfall;
    *hi = top + (*lo < shortfall);
`;
const old = `    i32 idx = exp10 - (POW10_SIG_TABLE_MIN_EXP);
    *hi = pow10_sig_table[idx * 2];
    *lo = pow10_sig_table[idx * 2 + 1];
`;
expect(text.split(old).length === 2, "no lookup");
const writer = `
size_t hb_yyjson_write_f64(double value, char *out) {
    return (size_t)(write_f64_raw((u8 *)out, f64_to_raw(value), YYJSON_WRITE_NOFLAG) - (u8 *)out);
}
`;
expect(text.includes("static_inline u8 *write_f64_raw(u8 *buf, u64 raw, yyjson_write_flag flg) {"), "no writer of doubles");
mkdirSync(to, { recursive: true });
writeFileSync(join(to, "yyjson.c"), (text.slice(0, start) + tables + text.slice(end)).replace(old, () => lookup) + writer);
