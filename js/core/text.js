// SPDX-License-Identifier: MIT
// UTF-8 bytes to texts. ASCII texts of eight bytes at most are looked up among those that were read lately: tags,
// categories and keys repeat, and making a text takes longer than finding it. Longer short ones are made of their
// codes, eight at a time; the rest by TextDecoder (costs measured in Node 20).

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const CODES_BYTES_MAX = 24;
const of = String.fromCharCode;

/** Texts of one to eight bytes, each where its bytes say; a later one takes the place of an earlier. */
const LATE_BITS = 10;
/** @type {string[]} */
const late = new Array(1 << LATE_BITS).fill("");
const lateLow = new Int32Array(1 << LATE_BITS);
const lateHigh = new Int32Array(1 << LATE_BITS);

/** @param {Uint8Array} u8 @param {number} at @param {number} len @returns {string | null} */
function readLate(u8, at, len) {
  let low = u8[at];
  let high = 0;
  if (len > 1) low |= u8[at + 1] << 8;
  if (len > 2) low |= u8[at + 2] << 16;
  if (len > 3) low |= u8[at + 3] << 24;
  if (len > 4) high = u8[at + 4];
  if (len > 5) high |= u8[at + 5] << 8;
  if (len > 6) high |= u8[at + 6] << 16;
  if (len > 7) high |= u8[at + 7] << 24;
  if (((low | high) & 0x80808080) !== 0) return null;
  const place = Math.imul(low ^ Math.imul(high, 0x9e3779b1), 0x85ebca6b) >>> (32 - LATE_BITS);
  const known = late[place];
  if (lateLow[place] === low && lateHigh[place] === high && known.length === len) return known;
  const text = /** @type {string} */ (readCodes(u8, at, len));
  late[place] = text;
  lateLow[place] = low;
  lateHigh[place] = high;
  return text;
}

/** @param {Uint8Array} u8 @param {number} at @param {number} len */
export function readText(u8, at, len) {
  if (len <= CODES_BYTES_MAX) {
    const text = len > 0 && len <= 8 ? readLate(u8, at, len) : readCodes(u8, at, len);
    if (text !== null) return text;
  }
  return decoder.decode(u8.subarray(at, at + len));
}

/** An ASCII text; null when it is none. @param {Uint8Array} u8 @param {number} at @param {number} len @returns {string | null} */
function readCodes(u8, at, len) {
  let text = "";
  let i = at;
  const end = at + len;
  for (; i + 8 <= end; i += 8) {
    const a = u8[i], b = u8[i + 1], c = u8[i + 2], d = u8[i + 3], e = u8[i + 4], f = u8[i + 5], g = u8[i + 6], h = u8[i + 7];
    if ((a | b | c | d | e | f | g | h) >= 128) return null;
    text += of(a, b, c, d, e, f, g, h);
  }
  if (i + 4 <= end) {
    const a = u8[i], b = u8[i + 1], c = u8[i + 2], d = u8[i + 3];
    if ((a | b | c | d) >= 128) return null;
    text += of(a, b, c, d);
    i += 4;
  }
  for (; i < end; i++) {
    const code = u8[i];
    if (code >= 128) return null;
    text += of(code);
  }
  return text;
}

/** A NUL-terminated text. @param {Uint8Array} u8 @param {number} at */
export function readCString(u8, at) {
  if (at === 0) return "";
  let end = at;
  while (u8[end] !== 0) end++;
  return readText(u8, at, end - at);
}
