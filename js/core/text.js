// SPDX-License-Identifier: MIT
// UTF-8 bytes to texts. Short ASCII texts are made of their codes, eight at a time; the rest by TextDecoder (costs
// measured in Node 20).

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const CODES_BYTES_MAX = 24;
const of = String.fromCharCode;

/** @param {Uint8Array} u8 @param {number} at @param {number} len */
export function readText(u8, at, len) {
  if (len <= CODES_BYTES_MAX) {
    const text = readCodes(u8, at, len);
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
