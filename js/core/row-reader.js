// SPDX-License-Identifier: MIT
// Whole rows by id, straight from the module's memory, as plain objects. All texts of an answer lie together
// (src/value/wire.h) and are decoded at once. Making a typed array costs more than everything else of a row: a vector
// of a single row waits, as bytes, until it is looked at, and those of many rows share their memory.
import { HeavenBaseError } from "../errors.js";
import { Cell, Kind, WIRE_COLUMN_LEN, WIRE_HEADER_LEN, WIRE_MAGIC } from "../generated/abi.js";
import { readBatch, readCell, readColumnValues } from "./batch-reader.js";
import { Waiting } from "./waiting.js";
import { readText } from "./text.js";

/** @typedef {import("./memory.js").Memory} Memory */
/** A vector that waits: of which column, and where in what the row keeps. @typedef {{ dim: number, offset: number, property: PropertyDescriptor }} Late */
/** What is known of an entity's rows: the names of their fields, object_id first, and the vectors that wait in them. @typedef {{ names: readonly string[], late: readonly (Late | null)[], lateBytes: number }} Shape */

/** Shorter vectors are read at once. */
const WAITING_DIM_MIN = 32;
/** Texts decoded together keep each other alive: no more bytes than these, for each row. */
const SHARED_BYTES_MAX = 4096;

// Words of a batch and of its column records.
const ROWS = 2;
const TABLE = WIRE_HEADER_LEN >> 2;
const RECORD = WIRE_COLUMN_LEN >> 2;
const KIND = 2;
const DIM = 3;
const STATE = 4;
const DATA = 5;
const HEAP = 7;
const HEAP_LEN = 8;

/** @param {readonly { name: string, kind: number, dim: number }[]} columns of the answers, in order @returns {Shape} */
export function shapeOf(columns) {
  let lateBytes = 0;
  const late = columns.map(({ name, kind, dim }) => {
    if (kind !== Kind.VEC || dim < WAITING_DIM_MIN) return null;
    const offset = lateBytes;
    lateBytes += dim * 4;
    return { dim, offset, property: Waiting.vector(name, offset, dim) };
  });
  return { names: columns.map(({ name }) => name), late, lateBytes };
}

/** @param {Uint32Array} u32 @param {number} at */
function checkBatch(u32, at) {
  if (u32[at >> 2] !== WIRE_MAGIC) throw new HeavenBaseError("CORRUPT", "not a column batch");
}

/** The row of the answer at `at`; null when there is none. @param {Memory} memory @param {number} at @param {Shape} shape @param {string} id @returns {Record<string, any> | null} */
export function readLoneRow(memory, at, shape, id) {
  const { u8, u32 } = memory;
  checkBatch(u32, at);
  if (u32[(at >> 2) + ROWS] === 0) return null;
  const { names, late, lateBytes } = shape;
  const table = (at >> 2) + TABLE;
  let from = 0;
  let to = 0;
  for (let record = table + RECORD, end = table + names.length * RECORD; record < end; record += RECORD) {
    if (u32[record + KIND] !== Kind.TEXT) continue;
    to = at + u32[record + HEAP];
    from ||= to;
    to += u32[record + HEAP_LEN];
  }
  const texts = to - from > SHARED_BYTES_MAX ? "" : readText(u8, from, to - from);
  const shared = texts.length === to - from;      // every character is one byte
  /** @type {Record<string, any>} */
  const row = { object_id: id };
  let kept = -1;
  for (let c = 1, record = table + RECORD; c < names.length; c++, record += RECORD) {
    const kind = u32[record + KIND];
    const waits = late[c];
    if (u32[record + STATE] !== 0 && u8[at + u32[record + STATE]] !== Cell.VALUE) {
      row[names[c]] = null;
    } else if (kind === Kind.TEXT && shared) {
      const start = at + u32[record + HEAP] - from;
      row[names[c]] = texts.slice(start, start + u32[record + HEAP_LEN]);
    } else if (kind === Kind.F64) {
      row[names[c]] = memory.view.getFloat64(at + u32[record + DATA], true);
    } else if (waits !== null && kind === Kind.VEC && u32[record + DIM] === waits.dim) {
      if (kept < 0) kept = Waiting.keep(row, lateBytes);
      Waiting.copy(u8, at + u32[record + DATA], waits.dim * 4, kept + waits.offset);
      Object.defineProperty(row, names[c], waits.property);
    } else {
      row[names[c]] = readCell(memory, columnAt(u32, at, record, names[c]), 0, true);
    }
  }
  return row;
}

/** @param {Uint32Array} u32 @param {number} at @param {number} record @param {string} name @returns {import("./batch-reader.js").Column} */
function columnAt(u32, at, record, name) {
  const state = u32[record + STATE];
  return { name, kind: u32[record + KIND], dim: u32[record + DIM], role: 0, state: state === 0 ? 0 : at + state,
    data: at + u32[record + DATA], heap: at + u32[record + HEAP], heapLen: u32[record + HEAP_LEN] };
}

/** The row of each id in turn, or null. @param {Memory} memory @param {number} at @param {readonly string[]} ids @returns {(Record<string, any> | null)[]} */
export function readRowsOf(memory, at, ids) {
  const { u8, view } = memory;
  const batch = readBatch({ u8, view }, at);
  const last = batch.columns.length - 1;
  const indexed = batch.columns[last]?.name === "$index";
  const columns = indexed ? batch.columns.slice(0, last) : batch.columns;
  const { rowCount } = batch;
  const names = columns.map((column) => column.name);
  const cells = columns.map((column, c) => (c === 0 && rowCount === ids.length ? ids : ownValues(batch, column)));
  /** @type {Record<string, any>} */
  const empty = {};
  for (const name of names) empty[name] = null;
  const rows = new Array(rowCount);
  for (let i = 0; i < rowCount; i++) {
    const row = { ...empty };
    for (let c = 0; c < names.length; c++) row[names[c]] = cells[c][i];
    rows[i] = row;
  }
  if (rowCount === ids.length) return rows;
  const places = indexed ? readColumnValues(batch, batch.columns[last]) : placesOf(/** @type {string[]} */ (cells[0]), ids);
  const all = new Array(ids.length).fill(null);
  for (let i = 0; i < rowCount; i++) all[places[i]] = rows[i];
  return all;
}

/** Values that stay when the module's memory changes; vectors share a copy. @param {import("./batch-reader.js").Batch} batch @param {import("./batch-reader.js").Column} column */
function ownValues(batch, column) {
  const { bytes, rowCount } = batch;
  const { kind, dim, state } = column;
  const fixed = kind === Kind.VEC && dim > 0;
  if (!fixed && kind !== Kind.VEC && kind !== Kind.BYTES) return readColumnValues(batch, column);
  const copy = fixed ? bytes.u8.slice(column.data, column.data + rowCount * dim * 4).buffer : null;
  const values = new Array(rowCount);
  for (let row = 0; row < rowCount; row++) {
    if (copy === null) values[row] = readCell(bytes, column, row, true);
    else if (state !== 0 && bytes.u8[state + row] !== Cell.VALUE) values[row] = null;
    else values[row] = new Float32Array(copy, row * dim * 4, dim);
  }
  return values;
}

/** Found ids are in the order of the asked ones. @param {readonly string[]} found @param {readonly string[]} ids */
function placesOf(found, ids) {
  let at = 0;
  return found.map((id) => {
    while (ids[at] !== id) at++;
    return at++;
  });
}
