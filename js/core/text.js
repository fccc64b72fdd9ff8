// SPDX-License-Identifier: MIT
// UTF-8 bytes to texts. Short ASCII texts by loop, the rest by TextDecoder (costs measured in Node 20).

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const LOOP_BYTES_MAX = 16;

/** @param {Uint8Array} u8 @param {number} at @param {number} len */
export function readText(u8, at, len) {
  if (len <= LOOP_BYTES_MAX) {
    let text = "";
    let i = 0;
    for (; i < len; i++) {
      const code = u8[at + i];
      if (code >= 128) break;
      text += String.fromCharCode(code);
    }
    if (i === len) return text;
  }
  return decoder.decode(u8.subarray(at, at + len));
}

/** A NUL-terminated text. @param {Uint8Array} u8 @param {number} at */
export function readCString(u8, at) {
  if (at === 0) return "";
  let end = at;
  while (u8[end] !== 0) end++;
  return readText(u8, at, end - at);
}
