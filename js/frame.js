// SPDX-License-Identifier: MIT
// A result: columns over one block of bytes that belongs to the frame. Cells are decoded when they are asked for.
import { isIdentity, isMetadata, readBatch, readColumnTyped, readColumnValues } from "./core/batch-reader.js";
import { HeavenBaseError } from "./errors.js";

/** @typedef {import("./core/batch-reader.js").Column} Column */
/** @typedef {import("./core/batch-reader.js").Batch} Batch */

const SHOWN_ROWS_MAX = 20;
const SHOWN_CHARS_MAX = 60;

/** @template [R=Record<string, any>] */
export class Frame {
  /** @type {Batch} */
  #batch;
  /** @type {readonly Column[]} */
  #columns;
  /** Rows of the batch that this frame shows, in order; null: all. @type {readonly number[] | null} */
  #shown;
  /** @type {Map<string, any[]>} */
  #values;

  /** @param {Batch} batch @param {{ total: number | null, truncated: boolean, cursor?: string | null }} known @param {{ columns?: readonly Column[], shown?: readonly number[] | null, values?: Map<string, any[]> }} [part] */
  constructor(batch, { total, truncated, cursor = null }, { columns = batch.columns, shown = null, values = new Map() } = {}) {
    this.#batch = batch;
    this.#columns = columns;
    this.#shown = shown;
    this.#values = values;
    /** Rows before paging; null when paging left it unknown. */
    this.total = total;
    /** Are there more rows than these? */
    this.truncated = truncated;
    /** For `query.after(...)`: goes on behind the last row; null when no rows follow. */
    this.cursor = cursor;
    Object.freeze(this);
  }

  /** @param {import("./core/call.js").Core} core the answer of its last call @returns {Frame<any>} */
  static fromAnswer(core) {
    const { bytes, total, truncated, cursor } = core.frame();
    const batch = readBatch({ u8: bytes, view: new DataView(bytes.buffer) });
    batch.arrow = (columns, rows) => core.arrow(bytes, columns, rows);
    return new Frame(batch, { total, truncated, cursor });
  }

  get length() {
    return this.#shown?.length ?? this.#batch.rowCount;
  }

  /** @param {string} name */
  #find(name) {
    const column = this.#columns.find((one) => one.name === name);
    if (column) return column;
    throw new HeavenBaseError("QUERY", `the result has no column '${name}'; it has: ${this.colNames().join(", ")}`);
  }

  /** All values of a column; decoded once. @param {Column} column @returns {any[]} */
  #cells(column) {
    let values = this.#values.get(column.name);
    if (!values) {
      values = readColumnValues(this.#batch, column);
      this.#values.set(column.name, values);
    }
    const whole = values;
    return this.#shown === null ? whole : this.#shown.map((row) => whole[row]);
  }

  /** Names of the columns, object_id first. @returns {string[]} */
  colNames() {
    return this.#columns.map((column) => column.name);
  }

  /** Typed array for numbers without nulls, else the list of values. @param {string} name @returns {any[] | Float64Array | BigInt64Array} */
  column(name) {
    const column = this.#find(name);
    return this.#shown === null ? readColumnTyped(this.#batch, column) : this.#cells(column);
  }

  /** Every column by name. @returns {Record<string, any[] | Float64Array | BigInt64Array>} */
  get columns() {
    return Object.fromEntries(this.#columns.map((column) => [column.name, this.column(column.name)]));
  }

  /** The object_ids; of a result without identity, none. @returns {string[]} */
  get ids() {
    const column = this.#columns.find(isIdentity);
    return column ? this.#cells(column).slice() : [];
  }

  get hasIdentity() {
    return this.#columns.some(isIdentity);
  }

  /** Names of the columns that no field stands behind: scores and the like. */
  get metadataColumns() {
    return this.#columns.filter(isMetadata).map((column) => column.name);
  }

  /** @returns {R[]} */
  rows() {
    const cells = this.#columns.map((column) => this.#cells(column));
    const names = this.colNames();
    const rows = new Array(this.length);
    for (let i = 0; i < rows.length; i++) {
      /** @type {Record<string, any>} */
      const row = {};
      for (let c = 0; c < names.length; c++) row[names[c]] = cells[c][i];
      rows[i] = row;
    }
    return rows;
  }

  *[Symbol.iterator]() {
    yield* this.rows();
  }

  /** The only cell. @returns {any} */
  scalar() {
    const values = this.#columns.filter((column) => !isIdentity(column) || this.#columns.length === 1);
    if (this.length !== 1 || values.length !== 1) {
      throw new HeavenBaseError("QUERY", `scalar needs one row and one column, the result has ${this.length} and ${this.#columns.length}`);
    }
    return this.#cells(values[0])[0];
  }

  /** The same rows with these columns, in this order; identity stays. @param {readonly string[]} names @returns {Frame<any>} */
  project(names) {
    const identity = this.#columns.filter((column) => isIdentity(column) && !names.includes(column.name));
    return this.#part({ columns: [...identity, ...names.map((name) => this.#find(name))] });
  }

  /** @param {number} count @param {number} [offset] @returns {Frame<R>} */
  limit(count, offset = 0) {
    const rows = this.#shown ?? Array.from({ length: this.#batch.rowCount }, (_, row) => row);
    return this.#part({ shown: rows.slice(offset, offset + count) });
  }

  /** Only the rows with these object_ids, in the frame's order. @param {Iterable<string>} ids @returns {Frame<R>} */
  filterIds(ids) {
    const wanted = new Set(ids);
    const rows = this.#shown ?? Array.from({ length: this.#batch.rowCount }, (_, row) => row);
    const own = this.ids;
    return this.#part({ shown: rows.filter((_, index) => wanted.has(own[index])) });
  }

  /** @param {{ columns?: readonly Column[], shown?: readonly number[] }} part @returns {Frame<any>} */
  #part({ columns = this.#columns, shown }) {
    const rows = shown ?? this.#shown;
    const total = this.total ?? null;
    const truncated = this.truncated || (rows !== null && rows.length < this.length);
    return new Frame(this.#batch, { total, truncated, cursor: shown ? null : this.cursor }, { columns, shown: rows, values: this.#values });
  }

  /**
   * The rows as an Apache Arrow IPC stream, for apache-arrow, DuckDB, Polars, pandas and the like. Dates, timestamps,
   * vectors and lists keep their types; Json and HyperG columns are JSON text (extension type `arrow.json`).
   * @returns {Uint8Array}
   */
  toArrow() {
    const columns = this.#columns.map((column) => this.#batch.columns.indexOf(column));
    return /** @type {NonNullable<Batch["arrow"]>} */ (this.#batch.arrow)(columns, this.#shown);
  }

  /** Plain data: columns as lists, and what is known beside them. */
  toDict() {
    const metadata = this.metadataColumns;
    return { columns: Object.fromEntries(this.#columns.map((column) => [column.name, this.#cells(column).map(plain)])),
      ...(metadata.length > 0 ? { metadata_columns: metadata } : {}), total: this.total, truncated: this.truncated };
  }

  toJSON() {
    return this.toDict();
  }

  /** A table of the first rows. */
  toString() {
    if (this.length === 0) return "Frame<empty>";
    const names = this.colNames();
    const cells = this.#columns.map((column) => this.#cells(column).slice(0, SHOWN_ROWS_MAX).map(shown));
    const widths = names.map((name, i) => Math.max(name.length, ...cells[i].map((cell) => cell.length)));
    const line = (/** @type {string[]} */ texts) => texts.map((text, i) => text.padEnd(widths[i])).join(" | ").trimEnd();
    const lines = [line(names), widths.map((width) => "-".repeat(width)).join("-+-")];
    for (let row = 0; row < Math.min(this.length, SHOWN_ROWS_MAX); row++) lines.push(line(cells.map((column) => column[row])));
    if (this.length > SHOWN_ROWS_MAX) lines.push(`... (${this.length - SHOWN_ROWS_MAX} more)`);
    return lines.join("\n");
  }
}

/** @param {any} value @returns {any} what JSON.stringify can write */
function plain(value) {
  if (typeof value === "bigint") return String(value);
  if (value instanceof Uint8Array) return btoa(Array.from(value, (byte) => String.fromCharCode(byte)).join(""));
  return ArrayBuffer.isView(value) ? Array.from(/** @type {Float32Array} */ (value)) : value;
}

/** @param {any} value */
function shown(value) {
  const text = value === null ? "null" : typeof value === "string" ? value
    : JSON.stringify(plain(value), (_key, item) => (typeof item === "bigint" ? String(item) : item)) ?? String(value);
  const flat = text.replace(/\s+/g, " ");
  return flat.length > SHOWN_CHARS_MAX ? `${flat.slice(0, SHOWN_CHARS_MAX - 1)}…` : flat;
}
