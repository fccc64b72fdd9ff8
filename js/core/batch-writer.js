// SPDX-License-Identifier: MIT
// Rows to a column batch (src/value/wire.h): one pass per column, guided by the field's kind. A value of another
// JavaScript type makes its column a PACK column, whose cells say their own type; the core coerces those.
import { located } from "../errors.js";
import { Cell, Kind, WIRE_COLUMN_LEN, WIRE_HEADER_LEN, WIRE_MAGIC } from "../generated/abi.js";
import { fitsI64, packValue } from "./pack.js";
import { HeavenBaseError } from "../errors.js";

/** @typedef {import("./sink.js").Sink} Sink */
/** @typedef {{ name: string, kind: number, dim?: number, cells: readonly unknown[] }} InputColumn */
/** Where the sections of the column under way begin. @typedef {{ state: number, data: number, heap: number, dim: number, gaps: boolean }} Sections */
/**
 * Writes the cells; false when one does not fit the kind, and then nothing counts.
 * @callback Attempt
 * @param {Sink} sink @param {readonly unknown[]} cells @param {Sections} at @returns {boolean}
 */

/** Appends a batch, 8-aligned. @param {Sink} sink @param {readonly InputColumn[]} columns @param {number} rowCount @param {string | null} [entity] @returns {{ off: number, len: number }} */
export function writeBatch(sink, columns, rowCount, entity = null) {
  sink.align(8);
  const start = sink.pos;
  const table = start + WIRE_HEADER_LEN;
  sink.zeros(WIRE_HEADER_LEN + columns.length * WIRE_COLUMN_LEN);
  let index = 0;
  try {
    for (; index < columns.length; index++) writeColumn(sink, columns[index], rowCount, start, table + index * WIRE_COLUMN_LEN);
  } catch (error) {
    throw located(error, { entity, field: columns[index].name });
  }
  sink.align(8);
  const len = sink.pos - start;
  const { view } = sink;
  const header = sink.base + start;
  view.setUint32(header, WIRE_MAGIC, true);
  view.setUint32(header + 4, len, true);
  view.setUint32(header + 8, rowCount, true);
  view.setUint32(header + 12, columns.length, true);
  view.setUint32(header + 16, WIRE_HEADER_LEN, true);
  return { off: start, len };
}

/** @param {Sink} sink @param {InputColumn} column @param {number} rowCount @param {number} start @param {number} record */
function writeColumn(sink, column, rowCount, start, record) {
  const nameAt = sink.pos;
  const nameLen = sink.text(column.name);
  if (nameLen < 0) throw new HeavenBaseError("UNKNOWN_FIELD", "a field name is not valid Unicode");
  sink.align(8);
  const from = sink.pos;
  const kinds = FALLBACKS[column.kind] ?? ONLY_PACK;
  for (let i = 0; i < kinds.length; i++) {
    const kind = kinds[i];
    sink.pos = from;
    const dim = kind === Kind.VEC ? column.dim ?? 0 : 0;
    const at = openColumn(sink, kind, dim, rowCount);
    if (!ATTEMPTS[kind](sink, column.cells, at)) continue;
    const dataLen = rowCount * cellBytes(kind, dim);
    const { view } = sink;
    const to = sink.base + record;
    view.setUint32(to, nameAt - start, true);
    view.setUint32(to + 4, nameLen, true);
    view.setUint32(to + 8, kind, true);
    view.setUint32(to + 12, dim, true);
    view.setUint32(to + 16, at.gaps ? at.state - start : 0, true);
    view.setUint32(to + 20, at.data - start, true);
    view.setUint32(to + 24, dataLen, true);
    view.setUint32(to + 28, at.heap - start, true);
    view.setUint32(to + 32, sink.pos - at.heap, true);
    view.setUint32(to + 36, 0, true);
    sink.align(8);
    return;
  }
}

/** @param {number} kind @param {number} dim */
function cellBytes(kind, dim) {
  if (kind === Kind.BOOL) return 1;
  return kind === Kind.VEC && dim > 0 ? dim * 4 : 8;
}

/** Reserves state and data; the heap follows and grows. @param {Sink} sink @param {number} kind @param {number} dim @param {number} rowCount @returns {Sections} */
function openColumn(sink, kind, dim, rowCount) {
  const state = sink.pos;
  sink.room(rowCount + rowCount * cellBytes(kind, dim) + 16);
  if (rowCount === 1) sink.u8[sink.base + state] = Cell.VALUE;
  else sink.u8.fill(Cell.VALUE, sink.base + state, sink.base + state + rowCount);
  sink.pos += rowCount;
  sink.align(8);
  const data = sink.pos;
  sink.pos += rowCount * cellBytes(kind, dim);
  sink.align(8);
  return { state, data, heap: sink.pos, dim, gaps: false };
}

/** Notes a cell without a value: null, or undefined for "the row has no such key". @param {Sink} sink @param {Sections} at @param {number} row @param {unknown} value @param {number} width */
function gap(sink, at, row, value, width) {
  at.gaps = true;
  sink.u8[sink.base + at.state + row] = value === null ? Cell.NULL : Cell.ABSENT;
  const from = sink.base + at.data + row * width;
  sink.u8.fill(0, from, from + width);
}

/** @param {Sink} sink @param {Sections} at @param {number} row @param {number} off start of the value in the sink */
function span(sink, at, row, off) {
  const to = sink.base + at.data + row * 8;
  sink.view.setUint32(to, off - at.heap, true);
  sink.view.setUint32(to + 4, sink.pos - off, true);
}

/** @type {Attempt} */
function writeBools(sink, cells, at) {
  for (let row = 0; row < cells.length; row++) {
    const value = cells[row];
    if (typeof value === "boolean") sink.u8[sink.base + at.data + row] = value ? 1 : 0;
    else if (value == null) gap(sink, at, row, value, 1);
    else return false;
  }
  return true;
}

/** Safe integers as two halves, without a BigInt. @type {Attempt} */
function writeIntegers(sink, cells, at) {
  const { view } = sink;
  for (let row = 0; row < cells.length; row++) {
    const value = cells[row];
    const to = sink.base + at.data + row * 8;
    if (typeof value === "number") {
      if (!Number.isSafeInteger(value)) return false;
      view.setUint32(to, value >>> 0, true);
      view.setInt32(to + 4, Math.floor(value / 2 ** 32), true);
    } else if (typeof value === "bigint") {
      if (!fitsI64(value)) throw new HeavenBaseError("VALIDATION", `${value} is beyond 64 bits`);
      view.setBigInt64(to, value, true);
    } else if (value == null) gap(sink, at, row, value, 8);
    else return false;
  }
  return true;
}

/** @type {Attempt} */
function writeFloats(sink, cells, at) {
  const { view } = sink;
  for (let row = 0; row < cells.length; row++) {
    const value = cells[row];
    if (typeof value === "number") view.setFloat64(sink.base + at.data + row * 8, value, true);
    else if (value == null) gap(sink, at, row, value, 8);
    else return false;
  }
  return true;
}

/** @type {Attempt} */
function writeTexts(sink, cells, at) {
  for (let row = 0; row < cells.length; row++) {
    const value = cells[row];
    if (typeof value === "string") {
      const off = sink.pos;
      if (sink.text(value) < 0) {
        throw new HeavenBaseError("VALIDATION", "the text has a lone surrogate and is not valid Unicode");
      }
      span(sink, at, row, off);
    } else if (value == null) gap(sink, at, row, value, 8);
    else return false;
  }
  return true;
}

/** @type {Attempt} */
function writeByteStrings(sink, cells, at) {
  for (let row = 0; row < cells.length; row++) {
    const value = cells[row];
    if (value instanceof Uint8Array || value instanceof ArrayBuffer) {
      const off = sink.pos;
      sink.bytes(value instanceof Uint8Array ? value : new Uint8Array(value));
      span(sink, at, row, off);
    } else if (value == null) gap(sink, at, row, value, 8);
    else return false;
  }
  return true;
}

/** @param {unknown} value @returns {value is Float32Array | Float64Array | unknown[]} */
const isVector = (value) => value instanceof Float32Array || Array.isArray(value) || value instanceof Float64Array;

/** Copies numbers only: what Float32Array.set would turn into one must reach the core as it is. @param {Float32Array} out @param {number} from @param {readonly unknown[]} items */
function copyNumbers(out, from, items) {
  for (let i = 0; i < items.length; i++) {
    const item = items[i];
    if (typeof item !== "number") return false;
    out[from + i] = item;
  }
  return true;
}

/** @type {Attempt} */
function writeVectors(sink, cells, at) {
  return at.dim > 0 ? writeFixedVectors(sink, cells, at) : writeFreeVectors(sink, cells, at);
}

/** @type {Attempt} */
function writeFixedVectors(sink, cells, at) {
  const { dim } = at;
  const out = new Float32Array(sink.u8.buffer, sink.base + at.data, cells.length * dim);
  for (let row = 0; row < cells.length; row++) {
    const value = cells[row];
    if (value == null) {
      gap(sink, at, row, value, dim * 4);
      continue;
    }
    if (!isVector(value) || value.length !== dim) return false;
    if (!Array.isArray(value)) out.set(value, row * dim);
    else if (!copyNumbers(out, row * dim, value)) return false;
  }
  return true;
}

/** @type {Attempt} */
function writeFreeVectors(sink, cells, at) {
  for (let row = 0; row < cells.length; row++) {
    const value = cells[row];
    if (value == null) {
      gap(sink, at, row, value, 8);
      continue;
    }
    if (!isVector(value)) return false;
    sink.room(value.length * 4);
    const off = sink.pos;
    const out = new Float32Array(sink.u8.buffer, sink.base + off, value.length);
    if (!Array.isArray(value)) out.set(value);
    else if (!copyNumbers(out, 0, value)) return false;
    sink.pos += value.length * 4;
    span(sink, at, row, off);
  }
  return true;
}

/** @type {Attempt} */
function writePacks(sink, cells, at) {
  for (let row = 0; row < cells.length; row++) {
    const value = cells[row];
    if (value == null) {
      gap(sink, at, row, value, 8);
      continue;
    }
    const off = sink.pos;
    packValue(sink, value);
    span(sink, at, row, off);
  }
  return true;
}

/** @type {Record<number, Attempt>} */
const ATTEMPTS = {
  [Kind.BOOL]: writeBools, [Kind.I64]: writeIntegers, [Kind.F64]: writeFloats, [Kind.TEXT]: writeTexts,
  [Kind.BYTES]: writeByteStrings, [Kind.VEC]: writeVectors, [Kind.PACK]: writePacks,
};

const ONLY_PACK = [Kind.PACK];

/** What is tried for a field of each kind, in order. @type {Record<number, number[]>} */
const FALLBACKS = {
  [Kind.BOOL]: [Kind.BOOL, Kind.PACK], [Kind.I64]: [Kind.I64, Kind.F64, Kind.PACK], [Kind.F64]: [Kind.F64, Kind.PACK],
  [Kind.TEXT]: [Kind.TEXT, Kind.PACK], [Kind.BYTES]: [Kind.BYTES, Kind.PACK], [Kind.VEC]: [Kind.VEC, Kind.PACK],
};

/** The kind that the values of a column suggest, for columns that no field describes. @param {readonly unknown[]} cells */
export function guessKind(cells) {
  const value = cells.find((cell) => cell != null);
  switch (typeof value) {
    case "number": case "bigint": return Kind.I64;
    case "string": return Kind.TEXT;
    case "boolean": return Kind.BOOL;
    default: return value instanceof Uint8Array ? Kind.BYTES : value instanceof Float32Array ? Kind.VEC : Kind.PACK;
  }
}

/** The keys of all rows, in order of appearance. @param {readonly Record<string, unknown>[]} rows */
export function keysOf(rows) {
  /** @type {Set<string>} */
  const keys = new Set();
  /** @type {string[]} */
  let last = [];
  for (const row of rows) {
    const own = Object.keys(row);
    if (own.length === last.length && own.every((key, i) => key === last[i])) continue;
    for (const key of own) keys.add(key);
    last = own;
  }
  return keys;
}
