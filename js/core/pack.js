// SPDX-License-Identifier: MIT
// MessagePack both ways: nested values of rows, query parameters, headers. Integers are exact: a number when it is
// safe, else a bigint. Ext 1 is a vector (float32, little-endian), ext -1 a timestamp.
import { HeavenBaseError } from "../errors.js";
import { DEPTH_MAX, EXT_TIMESTAMP, EXT_VECTOR } from "../generated/abi.js";
import { readText } from "./text.js";

/** @typedef {import("./sink.js").Sink} Sink */

const I64_MIN = -(2n ** 63n);
const I64_MAX = 2n ** 63n - 1n;

/** @param {bigint} value */
export const fitsI64 = (value) => value >= I64_MIN && value <= I64_MAX;

/** Appends one value to `sink`. @param {Sink} sink @param {unknown} value */
export function packValue(sink, value) {
  writeValue(sink, value, 0);
}

/** @param {Sink} sink @param {unknown} value @param {number} depth */
function writeValue(sink, value, depth) {
  switch (typeof value) {
    case "string": return writeText(sink, value);
    case "number": return Number.isSafeInteger(value) ? writeInt(sink, value) : writeFloat(sink, value);
    case "boolean": return byte(sink, value ? 0xc3 : 0xc2);
    case "bigint": return writeBigint(sink, value);
    case "undefined": return byte(sink, 0xc0);
    case "object": return value === null ? byte(sink, 0xc0) : writeObject(sink, value, depth);
    default: throw new HeavenBaseError("TYPE", `a ${typeof value} is not a value that can be stored`);
  }
}

/** @param {Sink} sink @param {number} value */
function byte(sink, value) {
  sink.room(1);
  sink.u8[sink.base + sink.pos++] = value;
}

/** @param {Sink} sink @param {object} value @param {number} depth */
function writeObject(sink, value, depth) {
  if (depth >= DEPTH_MAX) {
    throw new HeavenBaseError("LIMIT", `the value nests deeper than ${DEPTH_MAX} levels, or contains itself`);
  }
  if (Array.isArray(value)) return writeArray(sink, value, depth);
  if (value instanceof Float32Array) return writeVector(sink, value);
  if (value instanceof Date) return writeTimestamp(sink, value);
  if (value instanceof ArrayBuffer) return writeBytes(sink, new Uint8Array(value));
  if (ArrayBuffer.isView(value)) return writeView(sink, value, depth);
  if (value instanceof Set) return writeArray(sink, [...value], depth);
  if (value instanceof Map) return writeMap(sink, [...value], depth);
  return writeMap(sink, Object.entries(value), depth);
}

/** @param {Sink} sink @param {ArrayBufferView} value @param {number} depth */
function writeView(sink, value, depth) {
  if (value instanceof Uint8Array || value instanceof Uint8ClampedArray) {
    return writeBytes(sink, new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  }
  if (value instanceof DataView) throw new HeavenBaseError("TYPE", "a DataView is not a value that can be stored");
  return writeArray(sink, Array.from(/** @type {Float64Array} */ (value)), depth);
}

/** @param {Sink} sink @param {unknown[]} items @param {number} depth */
function writeArray(sink, items, depth) {
  writeHead(sink, items.length, 0x90, 15, 0xdc);
  for (let i = 0; i < items.length; i++) writeValue(sink, items[i], depth + 1);
}

/** Members that are undefined are left out, as JSON does. @param {Sink} sink @param {[unknown, unknown][]} pairs @param {number} depth */
function writeMap(sink, pairs, depth) {
  const given = pairs.filter((pair) => pair[1] !== undefined);
  writeHead(sink, given.length, 0x80, 15, 0xde);
  for (const [key, value] of given) {
    if (typeof key !== "string" && typeof key !== "number") {
      throw new HeavenBaseError("TYPE", `the keys of a mapping are texts, got a ${typeof key}`);
    }
    writeText(sink, String(key));
    writeValue(sink, value, depth + 1);
  }
}

/** @param {Sink} sink @param {number} count @param {number} fix @param {number} fixMax @param {number} code16 */
function writeHead(sink, count, fix, fixMax, code16) {
  sink.room(5);
  const at = sink.base + sink.pos;
  if (count <= fixMax) {
    sink.u8[at] = fix | count;
    sink.pos += 1;
  } else if (count <= 0xffff) {
    sink.u8[at] = code16;
    sink.view.setUint16(at + 1, count);
    sink.pos += 3;
  } else {
    sink.u8[at] = code16 + 1;
    sink.view.setUint32(at + 1, count);
    sink.pos += 5;
  }
}

/** The head is written for the longest case of its size class, then the text, then the true length. @param {Sink} sink @param {string} text */
function writeText(sink, text) {
  const longest = text.length * 3;
  const headLen = longest <= 31 ? 1 : longest <= 0xff ? 2 : longest <= 0xffff ? 3 : 5;
  sink.room(longest + 5);
  const start = sink.pos;
  sink.pos += headLen;
  const len = sink.text(text);
  if (len < 0) throw new HeavenBaseError("VALIDATION", "the text has a lone surrogate and is not valid Unicode");
  const at = sink.base + start;
  if (headLen === 1) sink.u8[at] = 0xa0 | len;
  else if (headLen === 2) sink.view.setUint16(at, 0xd900 | len);
  else if (headLen === 3) {
    sink.u8[at] = 0xda;
    sink.view.setUint16(at + 1, len);
  } else {
    sink.u8[at] = 0xdb;
    sink.view.setUint32(at + 1, len);
  }
}

/** @param {Sink} sink @param {Uint8Array} bytes */
function writeBytes(sink, bytes) {
  sink.room(5);
  const at = sink.base + sink.pos;
  const size = bytes.length <= 0xff ? 0 : bytes.length <= 0xffff ? 1 : 2;
  sink.u8[at] = 0xc4 + size;
  if (size === 0) sink.u8[at + 1] = bytes.length;
  else if (size === 1) sink.view.setUint16(at + 1, bytes.length);
  else sink.view.setUint32(at + 1, bytes.length);
  sink.pos += [2, 3, 5][size];
  sink.bytes(bytes);
}

/** @param {Sink} sink @param {number} type @param {number} len */
function writeExtHead(sink, type, len) {
  sink.room(6);
  const at = sink.base + sink.pos;
  sink.u8[at] = 0xc9;
  sink.view.setUint32(at + 1, len);
  sink.view.setInt8(at + 5, type);
  sink.pos += 6;
}

/** @param {Sink} sink @param {Float32Array} vector */
function writeVector(sink, vector) {
  writeExtHead(sink, EXT_VECTOR, vector.byteLength);
  sink.bytes(new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength));
}

/** The 12-byte form: nanoseconds u32, seconds i64. @param {Sink} sink @param {Date} date */
function writeTimestamp(sink, date) {
  const ms = date.getTime();
  if (Number.isNaN(ms)) throw new HeavenBaseError("VALIDATION", "the Date is invalid");
  const seconds = Math.floor(ms / 1000);
  sink.room(15);
  const at = sink.base + sink.pos;
  sink.u8[at] = 0xc7;
  sink.u8[at + 1] = 12;
  sink.view.setInt8(at + 2, EXT_TIMESTAMP);
  sink.view.setUint32(at + 3, (ms - seconds * 1000) * 1_000_000);
  sink.view.setBigInt64(at + 7, BigInt(seconds));
  sink.pos += 15;
}

/** @param {Sink} sink @param {number} value */
function writeFloat(sink, value) {
  sink.room(9);
  sink.u8[sink.base + sink.pos] = 0xcb;
  sink.view.setFloat64(sink.base + sink.pos + 1, value);
  sink.pos += 9;
}

/** The shortest form. @param {Sink} sink @param {number} value */
function writeInt(sink, value) {
  sink.room(9);
  const at = sink.base + sink.pos;
  const { u8, view } = sink;
  if (value >= 0) {
    if (value < 128) return void (u8[at] = value, sink.pos += 1);
    if (value <= 0xff) return void (u8[at] = 0xcc, u8[at + 1] = value, sink.pos += 2);
    if (value <= 0xffff) return void (u8[at] = 0xcd, view.setUint16(at + 1, value), sink.pos += 3);
    if (value <= 0xffffffff) return void (u8[at] = 0xce, view.setUint32(at + 1, value), sink.pos += 5);
    u8[at] = 0xcf;
    view.setUint32(at + 1, Math.floor(value / 2 ** 32));
    view.setUint32(at + 5, value % 2 ** 32);
    sink.pos += 9;
    return;
  }
  if (value >= -32) return void (view.setInt8(at, value), sink.pos += 1);
  if (value >= -0x80) return void (u8[at] = 0xd0, view.setInt8(at + 1, value), sink.pos += 2);
  if (value >= -0x8000) return void (u8[at] = 0xd1, view.setInt16(at + 1, value), sink.pos += 3);
  if (value >= -0x80000000) return void (u8[at] = 0xd2, view.setInt32(at + 1, value), sink.pos += 5);
  u8[at] = 0xd3;
  view.setBigInt64(at + 1, BigInt(value));
  sink.pos += 9;
}

/** @param {Sink} sink @param {bigint} value */
function writeBigint(sink, value) {
  if (!fitsI64(value)) throw new HeavenBaseError("VALIDATION", `${value} is beyond 64 bits`);
  const small = Number(value);
  if (Number.isSafeInteger(small)) return writeInt(sink, small);
  sink.room(9);
  sink.u8[sink.base + sink.pos] = value < 0n ? 0xd3 : 0xcf;
  sink.view.setBigInt64(sink.base + sink.pos + 1, value);
  sink.pos += 9;
}

// ---- reading ----------------------------------------------------------------------------

/** Where a value is read. A DataView costs more than a short list of texts: it is made when a number wants one. */
class Cursor {
  /** @type {DataView | null} */
  #view = null;

  /** @param {Uint8Array} u8 @param {number} pos @param {number} end */
  constructor(u8, pos, end) {
    this.u8 = u8;
    this.pos = pos;
    this.end = end;
  }

  get view() {
    return this.#view ??= new DataView(this.u8.buffer, this.u8.byteOffset, this.u8.byteLength);
  }
}

/** The one value in [start, end) of `u8`. @param {Uint8Array} u8 @param {number} [start] @param {number} [end] @returns {any} */
export function unpack(u8, start = 0, end = u8.length) {
  const cursor = new Cursor(u8, start, end);
  const value = readValue(cursor, 0);
  if (cursor.pos !== end) throw malformed();
  return value;
}

function malformed() {
  return new HeavenBaseError("CORRUPT", "the MessagePack bytes are malformed");
}

/** Steps over `len` bytes and gives where they began. @param {Cursor} cursor @param {number} len */
function step(cursor, len) {
  const at = cursor.pos;
  if (len > cursor.end - at) throw malformed();
  cursor.pos = at + len;
  return at;
}

/** @param {bigint} value */
const exact = (value) => (value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value);

/** @param {Cursor} cursor @param {number} depth @returns {any} */
function readValue(cursor, depth) {
  const code = cursor.u8[step(cursor, 1)];
  if (code < 0x80) return code;
  if (code < 0x90) return readMap(cursor, code & 15, depth);
  if (code < 0xa0) return readArray(cursor, code & 15, depth);
  if (code < 0xc0) return readString(cursor, code & 31);
  if (code >= 0xe0) return code - 256;
  if (code === 0xd9) return readString(cursor, cursor.u8[step(cursor, 1)]);
  const { view } = cursor;
  switch (code) {
    case 0xc0: return null;
    case 0xc2: return false;
    case 0xc3: return true;
    case 0xc4: return readBytes(cursor, view.getUint8(step(cursor, 1)));
    case 0xc5: return readBytes(cursor, view.getUint16(step(cursor, 2)));
    case 0xc6: return readBytes(cursor, view.getUint32(step(cursor, 4)));
    case 0xc7: return readExt(cursor, view.getUint8(step(cursor, 1)));
    case 0xc8: return readExt(cursor, view.getUint16(step(cursor, 2)));
    case 0xc9: return readExt(cursor, view.getUint32(step(cursor, 4)));
    case 0xca: return view.getFloat32(step(cursor, 4));
    case 0xcb: return view.getFloat64(step(cursor, 8));
    case 0xcc: return view.getUint8(step(cursor, 1));
    case 0xcd: return view.getUint16(step(cursor, 2));
    case 0xce: return view.getUint32(step(cursor, 4));
    case 0xcf: return exact(view.getBigUint64(step(cursor, 8)));
    case 0xd0: return view.getInt8(step(cursor, 1));
    case 0xd1: return view.getInt16(step(cursor, 2));
    case 0xd2: return view.getInt32(step(cursor, 4));
    case 0xd3: return exact(view.getBigInt64(step(cursor, 8)));
    case 0xd4: case 0xd5: case 0xd6: case 0xd7: case 0xd8: return readExt(cursor, 1 << (code - 0xd4));
    case 0xda: return readString(cursor, view.getUint16(step(cursor, 2)));
    case 0xdb: return readString(cursor, view.getUint32(step(cursor, 4)));
    case 0xdc: return readArray(cursor, view.getUint16(step(cursor, 2)), depth);
    case 0xdd: return readArray(cursor, view.getUint32(step(cursor, 4)), depth);
    case 0xde: return readMap(cursor, view.getUint16(step(cursor, 2)), depth);
    case 0xdf: return readMap(cursor, view.getUint32(step(cursor, 4)), depth);
    default: throw malformed();
  }
}

/** @param {Cursor} cursor @param {number} len */
function readString(cursor, len) {
  return readText(cursor.u8, step(cursor, len), len);
}

/** @param {Cursor} cursor @param {number} len */
function readBytes(cursor, len) {
  const at = step(cursor, len);
  return cursor.u8.slice(at, at + len);
}

/** @param {Cursor} cursor @param {number} count @param {number} depth */
function readArray(cursor, count, depth) {
  if (depth >= DEPTH_MAX || count > cursor.end - cursor.pos) throw malformed();
  const items = [];
  for (let i = 0; i < count; i++) items.push(readValue(cursor, depth + 1));
  return items;
}

/** @param {Cursor} cursor @param {number} count @param {number} depth */
function readMap(cursor, count, depth) {
  if (depth >= DEPTH_MAX || count > cursor.end - cursor.pos) throw malformed();
  /** @type {Record<string, any>} */
  const map = {};
  for (let i = 0; i < count; i++) {
    const key = String(readValue(cursor, depth + 1));
    const value = readValue(cursor, depth + 1);
    // A plain assignment would set the prototype.
    if (key === "__proto__") Object.defineProperty(map, key, { value, enumerable: true, writable: true, configurable: true });
    else map[key] = value;
  }
  return map;
}

/** @param {Cursor} cursor @param {number} len */
function readExt(cursor, len) {
  const type = cursor.view.getInt8(step(cursor, 1));
  const at = step(cursor, len);
  if (type === EXT_VECTOR && len % 4 === 0) return new Float32Array(cursor.u8.slice(at, at + len).buffer);
  if (type === EXT_TIMESTAMP) return readTimestamp(cursor.view, at, len);
  throw malformed();
}

/** @param {DataView} view @param {number} at @param {number} len */
function readTimestamp(view, at, len) {
  if (len === 4) return new Date(view.getUint32(at) * 1000);
  if (len === 8) {
    const high = view.getUint32(at);
    return new Date(((high & 3) * 2 ** 32 + view.getUint32(at + 4)) * 1000 + Math.floor((high >>> 2) / 1e6));
  }
  if (len === 12) return new Date(Number(view.getBigInt64(at + 4)) * 1000 + Math.floor(view.getUint32(at) / 1e6));
  throw malformed();
}
