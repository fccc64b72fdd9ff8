// SPDX-License-Identifier: MIT
// Whole rows by id, straight from the module's memory, as plain objects. All texts of an answer lie together
// (src/value/wire.h) and are decoded at once. Making a buffer costs more than everything else of a row: the vectors of
// many rows share one.
import { HeavenBaseError } from "../errors.js";
import { Cell, Kind, ROW_LEN, ROW_MAGIC, Role } from "../generated/abi.js";
import { integerOf, readBatch, readCell, readColumnValues } from "./batch-reader.js";
import { unpack } from "./pack.js";
import { readText } from "./text.js";

/** @typedef {import("./memory.js").Memory} Memory */
/** What is known of an entity's rows: the names of their fields, object_id first, and a row of nulls to make others of. @typedef {{ names: readonly string[], empty: Record<string, any> }} Shape */

/** Texts decoded together keep each other alive: no more bytes than these, for each row. */
const SHARED_BYTES_MAX = 4096;

// Words of a cell of the row form; the header is as long.
const CELL = ROW_LEN >> 2;
const LEN = 1;
const VALUE = 2;

/** @param {readonly string[]} names of the fields, in order @returns {Shape} */
export function shapeOf(names) {
  /** @type {Record<string, any>} */
  const empty = {};
  for (const name of names) empty[name] = null;
  return { names, empty };
}

/** A vector with memory of its own. What a typed array is made of is not cleared first. @param {ArrayBuffer} buffer @param {number} at @param {number} dim */
const ownVector = (buffer, at, dim) => new Float32Array(new Float32Array(buffer, at, dim));

/** The row of the answer at `at`, in the row form (src/value/wire.h); null when there is none. @param {Memory} memory @param {number} at @param {Shape} shape @param {string} id @returns {Record<string, any> | null} */
export function readLoneRow(memory, at, shape, id) {
  const { u8, u32, f64 } = memory;
  const head = at >> 2;
  if (u32[head] !== ROW_MAGIC) throw new HeavenBaseError("CORRUPT", "not a row");
  if (u32[head + 1] === 0) return null;
  const { names, empty } = shape;
  const from = u32[head + 2];
  const len = u32[head + 3];
  const texts = len > SHARED_BYTES_MAX ? "" : readText(u8, at + from, len);
  const shared = texts.length === len;      // every character is one byte
  /** @type {Record<string, any>} */
  const row = { ...empty };
  row.object_id = id;
  for (let c = 1, cell = head + 2 * CELL; c < names.length; c++, cell += CELL) {
    const name = names[c];
    switch (u32[cell]) {
      case Kind.TEXT: {
        const start = u32[cell + VALUE];
        row[name] = shared ? texts.slice(start - from, start - from + u32[cell + LEN]) : readText(u8, at + start, u32[cell + LEN]);
        break;
      }
      case Kind.F64: row[name] = f64[(cell + VALUE) >> 1]; break;
      case Kind.I64: row[name] = integerOf(u32[cell + VALUE], u32[cell + VALUE + 1] | 0); break;
      case Kind.BOOL: row[name] = u32[cell + VALUE] === 1; break;
      case Kind.NULL: break;
      case Kind.PACK: row[name] = unpack(u8, at + u32[cell + VALUE], at + u32[cell + VALUE] + u32[cell + LEN]); break;
      case Kind.BYTES: row[name] = u8.slice(at + u32[cell + VALUE], at + u32[cell + VALUE] + u32[cell + LEN]); break;
      case Kind.VEC: row[name] = ownVector(/** @type {ArrayBuffer} */ (u8.buffer), at + u32[cell + VALUE], u32[cell + LEN]); break;
      default: throw new HeavenBaseError("CORRUPT", `field ${name} has an unknown kind`);
    }
  }
  return row;
}

/** The row of each id in turn, or null. @param {Memory} memory @param {number} at @param {Shape | null} shape of the entity that was named @param {readonly string[]} ids @returns {(Record<string, any> | null)[]} */
export function readRowsOf(memory, at, shape, ids) {
  const { u8, view } = memory;
  const batch = readBatch({ u8, view }, at, shape?.names);
  const last = batch.columns.length - 1;
  const indexed = batch.columns[last].name === "$index" && batch.columns[last].role === Role.METADATA;
  const columns = indexed ? batch.columns.slice(0, last) : batch.columns;
  const { rowCount } = batch;
  const { names, empty } = shape ?? shapeOf(columns.map((column) => column.name));
  const cells = columns.map((column, c) => (c === 0 && rowCount === ids.length ? ids : ownValues(batch, column)));
  const rows = new Array(rowCount);
  for (let i = 0; i < rowCount; i++) {
    const row = { ...empty };
    for (let c = 0; c < cells.length; c++) row[names[c]] = cells[c][i];
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
  const { kind, dim, state, data } = column;
  const fixed = kind === Kind.VEC && dim > 0;
  if (!fixed && kind !== Kind.VEC && kind !== Kind.BYTES) return readColumnValues(batch, column);
  const copy = fixed ? ownVector(/** @type {ArrayBuffer} */ (bytes.u8.buffer), data, rowCount * dim).buffer : null;
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
