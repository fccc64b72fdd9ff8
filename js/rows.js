// SPDX-License-Identifier: MIT
// Rows on their way in and out: what a row may be, its columns by the entity's kinds, and rows read straight from
// the module's memory.
import { keysOf } from "./core/batch-writer.js";
import { readBatch, readCell, readColumnValues } from "./core/batch-reader.js";
import { readLoneRow, readRowsOf } from "./core/row-reader.js";
import { HeavenBaseError } from "./errors.js";
import { Kind } from "./generated/abi.js";

/** @typedef {import("./core/call.js").Core} Core */
/** @typedef {import("./core/batch-writer.js").InputColumn} InputColumn */
/** @typedef {{ name: string, kind: number, dim: number, type: string }} ColumnInfo */
/**
 * A registered entity as this side knows it.
 * @typedef {object} Registered
 * @property {string} id
 * @property {number} index
 * @property {ReadonlyMap<string, ColumnInfo>} columns
 * @property {import("./core/row-reader.js").Shape} shape
 * @property {import("./entity.js").Entity} entity
 * @property {boolean} declared by the program, not only read back from storage
 * @property {Record<string, any>} schema
 * @property {Record<string, any>[]} storage
 * @property {import("./compute.js").Hooks | null} hooks functions that run here, if any
 */

/** @param {unknown} row @param {string} entity @returns {Record<string, unknown>} */
export function checkRow(row, entity) {
  const wrong = row === null || typeof row !== "object" || Array.isArray(row) || ArrayBuffer.isView(row) || row instanceof ArrayBuffer
    || row instanceof Date || row instanceof Set || row instanceof Map || row instanceof Promise;
  if (!wrong) return /** @type {Record<string, unknown>} */ (row);
  const found = row === null ? "null" : Array.isArray(row) ? "a list" : typeof row === "object" ? `a ${row.constructor?.name}` : `a ${typeof row}`;
  throw new HeavenBaseError("TYPE", `a row is a mapping of field names to values, got ${found}`, { entity });
}

/** @param {unknown} rows @param {string} entity @returns {Record<string, unknown>[]} */
export function checkRows(rows, entity) {
  const iterable = rows !== null && typeof rows === "object" && Symbol.iterator in rows && !(rows instanceof Map);
  if (!iterable) throw new HeavenBaseError("TYPE", "rows are given as a list", { entity });
  return Array.from(/** @type {Iterable<unknown>} */ (rows), (row) => checkRow(row, entity));
}

/** One column per key of any row. @param {readonly Record<string, unknown>[]} rows @param {Registered} registered @param {boolean} dropUnknown @returns {InputColumn[]} */
export function columnsOf(rows, { columns }, dropUnknown) {
  const keys = rows.length === 1 ? Object.keys(rows[0]) : [...keysOf(rows)];
  const wanted = dropUnknown ? keys.filter((key) => columns.has(key)) : keys;
  return wanted.map((name) => {
    const info = columns.get(name);
    const cells = new Array(rows.length);
    for (let i = 0; i < rows.length; i++) cells[i] = Object.hasOwn(rows[i], name) ? rows[i][name] : undefined;
    return { name, kind: info?.kind ?? Kind.PACK, dim: info?.dim ?? 0, cells };
  });
}

/** An object_id as text. @param {unknown} id @returns {string} */
export function checkId(id) {
  if (typeof id === "string" && id !== "") return id;
  if (typeof id === "number" || typeof id === "bigint") return String(id);
  if (id === undefined || id === null || id === "") throw new HeavenBaseError("INVALID_ID", "an object_id is needed, and is not empty", { field: "object_id" });
  throw new HeavenBaseError("TYPE", `an object_id is a text or a number, got a ${typeof id}`, { field: "object_id" });
}

/** @param {unknown} ids @returns {string[]} */
export function checkIds(ids) {
  if (ids === null || typeof ids !== "object" || !(Symbol.iterator in ids)) throw new HeavenBaseError("TYPE", "object_ids are given as a list");
  const texts = [.../** @type {Iterable<unknown>} */ (ids)];
  for (let i = 0; i < texts.length; i++) texts[i] = checkId(texts[i]);
  return /** @type {string[]} */ (texts);
}

/** @param {readonly string[]} ids @returns {InputColumn[]} */
export const idColumn = (ids) => [{ name: "object_id", kind: Kind.TEXT, cells: ids }];

// ---- answers, read before the next call -------------------------------------------------

/** @param {Core} core @returns {import("./core/batch-reader.js").Batch} */
function answer(core) {
  const { u8, view } = core.memory;
  return readBatch({ u8, view }, core.answerAt);
}

/** The row that was found, or null. @param {Core} core @param {Registered | null} registered @param {string} id */
export function readRow(core, registered, id) {
  if (registered) return readLoneRow(core.memory, core.answerAt, registered.shape, id);
  return readRowsOf(core.memory, core.answerAt, null, [id])[0];
}

/** The row of each id in turn, or null. @param {Core} core @param {Registered} registered @param {readonly string[]} ids */
export function readRows(core, registered, ids) {
  return readRowsOf(core.memory, core.answerAt, registered.shape, ids);
}

/** The values of the first column. @param {Core} core @returns {any[]} */
export function readList(core) {
  const batch = answer(core);
  return batch.rowCount === 0 ? [] : readColumnValues(batch, batch.columns[0]);
}

/** Its column's name is not looked at. */
const UNNAMED = [""];

/** The first cell. @param {Core} core @returns {any} */
export function readOne(core) {
  const { u8, view } = core.memory;
  const batch = readBatch({ u8, view }, core.answerAt, UNNAMED);
  return readCell(batch.bytes, batch.columns[0], 0, true);
}

/** A patch says which row it is for. @param {Record<string, unknown>} patch @param {{ entity?: import("./types.js").EntityLike }} options */
export function checkTarget(patch, options) {
  if (patch.object_id !== undefined && patch.object_id !== null && patch.object_id !== "") return;
  throw new HeavenBaseError("INVALID_ID", "set needs the object_id of a row", { entity: entityName(options.entity), field: "object_id" });
}

/** A patch for the row of an id: it may repeat the id, and not name another row. @param {Record<string, unknown>} patch @param {string} id @param {string} entity */
export function withId(patch, id, entity) {
  const named = patch.object_id;
  if (named === undefined || String(named) === id) return { ...patch, object_id: id };
  throw new HeavenBaseError("VALIDATION", "set names one row by its id and another one in the values", { entity, field: "object_id" });
}

/** @param {import("./types.js").EntityLike | undefined} entity */
export function entityName(entity) {
  return typeof entity === "string" ? entity : entity?.entityId ?? "";
}
