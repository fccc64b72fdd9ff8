// SPDX-License-Identifier: MIT
// One connection of tedious.
import { HeavenBaseError } from "../errors.js";

/** @typedef {import("../host/sql.js").SqlColumn} SqlColumn */
/** @typedef {import("../host/sql.js").SqlOptions} SqlOptions */
/** @typedef {import("../host/sql.js").SqlResult} SqlResult */
/** @typedef {import("./session-driver.js").Line} Line */
/** @typedef {import("./tedious.js").TediousLike} TediousLike */

/** Of a text or of bytes, beyond which they are of another type: so a statement has few plans, whatever its values' lengths. */
const NVARCHAR_MAX = 4000, VARBINARY_MAX = 8000;
/** Errors after which a connection is as it was. */
const SOUND = new Set(["EREQUEST", "ECANCEL", "EPARAM", "EARG"]);
/** From this severity on the server ends the connection. */
const FATAL = 20;

/** The first thing that the server said; its number is the code. @param {any} error @returns {Error} */
export function told(error) {
  const first = error instanceof AggregateError && error.errors.length > 0 ? error.errors[0] : error;
  const code = Number.isInteger(first?.number) && first.number > 0 ? String(first.number) : first instanceof TypeError ? "EPARAM" : first?.code;
  return Object.assign(new Error(String(first?.message), { cause: error }), { code });
}

/** @param {any} error */
function isSound(error) {
  const all = error instanceof AggregateError ? error.errors : [error];
  return all.every((/** @type {any} */ one) => (SOUND.has(one?.code) || one instanceof TypeError) && !(one.class >= FATAL));
}

/** @implements {Line} */
export class TediousLine {
  #connection;
  #tedious;
  isLost = false;
  /** @type {(isBroken: boolean) => void} */
  freed = () => {};

  /** @param {TediousLike} tedious @param {any} connection */
  constructor(tedious, connection) {
    this.#tedious = tedious;
    this.#connection = connection;
    // A connection that is lost between two statements says so by an event, which ends the process if nobody listens.
    for (const event of ["error", "end"]) connection.on(event, () => { this.isLost = true; });
  }

  inTransaction() {
    return this.#connection.inTransaction === true;
  }

  begin() {
    return this.#said((done) => this.#connection.beginTransaction(done));
  }

  commit() {
    return this.#said((done) => this.#connection.commitTransaction(done));
  }

  rollback() {
    return this.#said((done) => this.#connection.rollbackTransaction(done));
  }

  reset() {
    return this.#said((done) => this.#connection.reset(done));
  }

  /** @param {boolean} isBroken */
  free(isBroken) {
    this.freed(isBroken);
  }

  close() {
    this.isLost = true;
    this.#connection.close();
  }

  /** @param {(done: (error?: any) => void) => void} body @returns {Promise<void>} */
  #said(body) {
    return new Promise((resolve, reject) => {
      body((error) => (error ? reject(this.#judged(error)) : resolve()));
    });
  }

  /** @param {any} error */
  #judged(error) {
    this.isLost ||= !isSound(error);
    return told(error);
  }

  /** @param {string} sql @param {unknown[]} params @param {SqlOptions} options @returns {Promise<SqlResult>} */
  run(sql, params, { signal, maxRows = Infinity, maxBytes = Infinity }) {
    return new Promise((resolve, reject) => {
      /** @type {SqlColumn[] | undefined} */
      let columns;
      /** @type {unknown[][]} */
      const rows = [];
      let tables = 0, bytes = 0;
      /** @type {Error | undefined} */
      let failure;
      const cancel = () => this.#connection.cancel();
      const refuse = (/** @type {string} */ found) => {
        failure ??= new HeavenBaseError("LIMIT", `the result has more than ${found}`);
        cancel();
      };
      const request = new this.#tedious.Request(sql, (error, count) => {
        signal.removeEventListener("abort", cancel);
        if (failure) reject(failure);
        else if (error) reject(this.#judged(error));
        else resolve(columns ? { columns, rows, affected: 0, bytes } : { affected: count ?? 0 });
      });
      request.setTimeout(0);                  // the signal's business
      for (const [i, value] of params.entries()) this.#bind(request, `p${i + 1}`, value);
      request.on("columnMetadata", (/** @type {any[]} */ found) => {
        tables += 1;
        if (tables === 1) columns = found.map(columnOf);
      });
      request.on("row", (/** @type {{ value: unknown }[]} */ cells) => {
        if (failure || tables !== 1) return;
        const row = cells.map(({ value }) => value);
        for (const cell of row) bytes += 4 + (typeof cell === "string" || cell instanceof Uint8Array ? cell.length : 8);
        if (rows.push(row) > maxRows) refuse(`${maxRows} rows`);
        else if (bytes > maxBytes) refuse(`${maxBytes} bytes`);
      });
      signal.addEventListener("abort", cancel, { once: true });
      this.#connection.execSql(request);
    });
  }

  /** A double goes out as one; an integer of any length with all its digits. @param {any} request @param {string} name @param {unknown} value */
  #bind(request, name, value) {
    const { TYPES } = this.#tedious;
    if (typeof value === "string" || value === null || value === undefined) {
      request.addParameter(name, TYPES.NVarChar, value ?? null, { length: String(value ?? "").length > NVARCHAR_MAX ? Infinity : NVARCHAR_MAX });
    } else if (value instanceof Uint8Array) {
      const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
      request.addParameter(name, TYPES.VarBinary, bytes, { length: bytes.length > VARBINARY_MAX ? Infinity : VARBINARY_MAX });
    } else if (typeof value === "boolean") {
      request.addParameter(name, TYPES.Bit, value);
    } else if (typeof value === "bigint" && BigInt.asIntN(64, value) !== value) {
      request.addParameter(name, TYPES.NVarChar, String(value), { length: NVARCHAR_MAX });
    } else {
      const isInteger = typeof value === "bigint" || (Number.isSafeInteger(value) && !Object.is(value, -0));
      request.addParameter(name, isInteger ? TYPES.BigInt : TYPES.Float, value);
    }
  }
}

/** bigint comes as its digits. @param {any} column @returns {SqlColumn} */
function columnOf({ colName, type, dataLength }) {
  return type?.name === "BigInt" || (type?.name === "IntN" && dataLength === 8) ? { name: colName, text: "integer" } : { name: colName };
}
