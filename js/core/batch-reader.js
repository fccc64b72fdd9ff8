// SPDX-License-Identifier: MIT
// A column batch (src/value/wire.h) to JavaScript values. The reader never copies the batch: it looks at the bytes
// it is given, which are either a frame's own block or, for one row at a time, the module's memory.
import { HeavenBaseError } from "../errors.js";
import { Cell, Kind, Role, WIRE_COLUMN_LEN, WIRE_HEADER_LEN, WIRE_MAGIC } from "../generated/abi.js";
import { unpack } from "./pack.js";
import { readText } from "./text.js";

/** @typedef {{ u8: Uint8Array, view: DataView }} Bytes */
/** Positions are absolute in the bytes. @typedef {{ name: string, kind: number, dim: number, role: number, state: number, data: number, heap: number, heapLen: number }} Column */
/** @typedef {{ bytes: Bytes, rowCount: number, total: number, columns: Column[], arrow?: (columns: number[], rows: readonly number[] | null) => Uint8Array }} Batch */

/** @param {Bytes} bytes @param {number} [base] where the batch begins @param {readonly string[]} [names] known names, by position @returns {Batch} */
export function readBatch(bytes, base = 0, names) {
  const { view } = bytes;
  if (bytes.u8.length - base < WIRE_HEADER_LEN || view.getUint32(base, true) !== WIRE_MAGIC) {
    throw new HeavenBaseError("CORRUPT", "not a column batch");
  }
  const rowCount = view.getUint32(base + 8, true);
  const count = view.getUint32(base + 12, true);
  const table = base + view.getUint32(base + 16, true);
  const columns = [];
  for (let i = 0; i < count; i++) columns.push(readColumn(bytes, base, table + i * WIRE_COLUMN_LEN, names?.[i]));
  return { bytes, rowCount, total: view.getUint32(base + 24, true), columns };
}

/** @param {Bytes} bytes @param {number} base @param {number} at @param {string | undefined} known @returns {Column} */
function readColumn({ u8, view }, base, at, known) {
  const u32 = (/** @type {number} */ index) => view.getUint32(at + index * 4, true);
  const state = u32(4);
  return { name: known ?? readText(u8, base + u32(0), u32(1)), kind: u32(2), dim: u32(3), role: u32(9) & 0xff,
    state: state === 0 ? 0 : base + state, data: base + u32(5), heap: base + u32(7), heapLen: u32(8) };
}

/** The value of one cell; null when it has none. With `copy`, vectors and bytes get memory of their own. @param {Bytes} bytes @param {Column} column @param {number} row @param {boolean} copy @returns {any} */
export function readCell(bytes, column, row, copy) {
  const { u8, view } = bytes;
  const { kind, data } = column;
  if (column.state !== 0 && u8[column.state + row] !== Cell.VALUE) return null;
  switch (kind) {
    case Kind.BOOL: return u8[data + row] === 1;
    case Kind.I64: return readInteger(view, data + row * 8);
    case Kind.F64: return view.getFloat64(data + row * 8, true);
    case Kind.NULL: return null;
    default:
  }
  if (kind === Kind.VEC && column.dim > 0) return readVector(u8, data + row * column.dim * 4, column.dim, copy);
  const off = column.heap + view.getUint32(data + row * 8, true);
  const len = view.getUint32(data + row * 8 + 4, true);
  switch (kind) {
    case Kind.TEXT: return readText(u8, off, len);
    case Kind.BYTES: return copy ? u8.slice(off, off + len) : u8.subarray(off, off + len);
    case Kind.VEC: return readVector(u8, off, len / 4, copy);
    case Kind.PACK: return unpack(u8, off, off + len);
    default: throw new HeavenBaseError("CORRUPT", `column ${column.name} has the unknown kind ${kind}`);
  }
}

/** A number when it is safe, else a bigint. @param {number} low unsigned @param {number} high signed */
export function integerOf(low, high) {
  if (high >= -0x200000 && high < 0x200000) {
    const value = high * 2 ** 32 + low;
    if (Number.isSafeInteger(value)) return value;
  }
  return (BigInt(high) << 32n) + BigInt(low);
}

/** @param {DataView} view @param {number} at */
const readInteger = (view, at) => integerOf(view.getUint32(at, true), view.getInt32(at + 4, true));

/** @param {Uint8Array} u8 @param {number} at @param {number} count @param {boolean} copy */
function readVector(u8, at, count, copy) {
  const vector = new Float32Array(/** @type {ArrayBuffer} */ (u8.buffer), u8.byteOffset + at, count);
  return copy ? vector.slice() : vector;
}

/** All values of a column, nulls as null. @param {Batch} batch @param {Column} column @returns {any[]} */
export function readColumnValues({ bytes, rowCount }, column) {
  const { kind, state, data } = column;
  if (kind === Kind.TEXT && rowCount > 4) return readTexts(bytes, column, rowCount);
  const values = new Array(rowCount);
  if (state === 0 && kind === Kind.F64) {
    for (let row = 0; row < rowCount; row++) values[row] = bytes.view.getFloat64(data + row * 8, true);
  } else if (state === 0 && kind === Kind.I64) {
    for (let row = 0; row < rowCount; row++) values[row] = readInteger(bytes.view, data + row * 8);
  } else {
    for (let row = 0; row < rowCount; row++) values[row] = readCell(bytes, column, row, false);
  }
  return values;
}

/** Sections of a batch are aligned as the batch is. @param {Uint8Array} u8 @param {number} at @param {number} count */
function wordsAt(u8, at, count) {
  const from = u8.byteOffset + at;
  return from % 4 === 0 ? new Uint32Array(u8.buffer, from, count) : new Uint32Array(u8.slice(at, at + count * 4).buffer);
}

/** One decode of the whole heap, then slices, as long as every character is one byte. @param {Bytes} bytes @param {Column} column @param {number} rowCount */
function readTexts(bytes, column, rowCount) {
  const { u8 } = bytes;
  const { state, heapLen } = column;
  const whole = readText(u8, column.heap, heapLen);
  const values = new Array(rowCount);
  if (whole.length !== heapLen) {
    for (let row = 0; row < rowCount; row++) values[row] = readCell(bytes, column, row, false);
    return values;
  }
  const spans = wordsAt(u8, column.data, rowCount * 2);
  for (let row = 0; row < rowCount; row++) {
    const off = spans[row * 2];
    values[row] = state !== 0 && u8[state + row] !== Cell.VALUE ? null : whole.slice(off, off + spans[row * 2 + 1]);
  }
  return values;
}

/** A typed array for numbers without nulls, else the list of values. @param {Batch} batch @param {Column} column @returns {Float64Array | BigInt64Array | any[]} */
export function readColumnTyped(batch, column) {
  const { bytes: { u8 }, rowCount } = batch;
  const buffer = /** @type {ArrayBuffer} */ (u8.buffer);
  if (column.kind === Kind.F64 && column.state === 0) return new Float64Array(buffer, u8.byteOffset + column.data, rowCount).slice();
  const values = readColumnValues(batch, column);
  if (column.kind !== Kind.I64 || column.state !== 0) return values;
  return values.every((value) => typeof value === "number") ? Float64Array.from(values)
    : new BigInt64Array(buffer, u8.byteOffset + column.data, rowCount).slice();
}

/** @param {Column} column */
export const isIdentity = (column) => column.role === Role.IDENTITY;
/** @param {Column} column */
export const isMetadata = (column) => column.role === Role.METADATA;
