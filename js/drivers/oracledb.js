// SPDX-License-Identifier: MIT
// node-oracledb (npm oracledb): Oracle Database from Node.
//   import oracledb from "oracledb";
//   const pool = await oracledb.createPool({ user, password, connectString });
//   HeavenBase.open(id, { backends: { main: { type: "oracle" } }, drivers: { main: oracledbDriver(oracledb, pool) } })
// or with what the backend's options say:
//   HeavenBase.open(id, { backends: { main: { type: "oracle", uri, username, password } }, drivers: { main: connectOracledb } })
import { HeavenBaseError } from "../errors.js";
import { taken } from "./pool.js";
import { sessionDriver } from "./session-driver.js";

/** @typedef {import("../host/sql.js").SqlColumn} SqlColumn */
/** @typedef {import("../host/sql.js").SqlDriver} SqlDriver */
/** @typedef {import("../host/sql.js").SqlOptions} SqlOptions */
/** @typedef {import("../host/sql.js").SqlResult} SqlResult */
/** @typedef {import("./session-driver.js").Line} Line */
/** The part of the package that is used: its constants. @typedef {Record<string, any>} OracledbLike */
/** The part of a pool that is used. @typedef {{ getConnection: () => Promise<any> }} PoolLike */

/** Texts are compared and ordered by their bytes, and numbers written with a point, whatever the client's country. */
const SESSION = "ALTER SESSION SET NLS_COMP = BINARY NLS_SORT = BINARY NLS_NUMERIC_CHARACTERS = '.,'";
/** Bytes that a value of SQL may have; longer ones go out as large objects. */
const VARCHAR_MAX = 4000, RAW_MAX = 2000;
/** What leaves nothing behind in its session. */
const LEAVES_NOTHING = /^\s*(SELECT|WITH|INSERT|UPDATE|DELETE|MERGE|CREATE\s+(TABLE|INDEX)|DROP\s+TABLE|ALTER\s+TABLE|TRUNCATE)\b/i;
const ROWS_AT_ONCE = 100;

/** A driver around a pool, which the caller closes. An abort breaks the statement in the server. @param {OracledbLike} oracledb the module @param {PoolLike} pool @returns {SqlDriver} */
export const oracledbDriver = (oracledb, pool) => sessionDriver(async (signal) => {
  const connection = await taken(async () => releasable(await pool.getConnection().catch(told)), signal);
  const line = new OracleLine(oracledb, connection.connection);
  try {
    await line.agree();
    return line;
  } catch (error) {
    line.free(true);
    throw error;
  }
}, "Oracle");

/**
 * Makes a pool of the backend's own options, and its driver: `drivers: { main: connectOracledb }`. The package oracledb has to be installed.
 * @param {{ uri?: string, username?: string, password?: string, params?: Record<string, unknown> }} options `params` are what else oracledb's pool takes
 * @param {Record<string, unknown>} [more] the same, for the program: `poolMax`, `queueTimeout` … @returns {Promise<SqlDriver>}
 */
export async function connectOracledb({ uri, username, password, params = {} }, more = {}) {
  const { default: oracledb } = /** @type {any} */ (await import(/** @type {string} */ ("oracledb")));
  const pool = await oracledb.createPool({ poolMin: 0, ...more, ...params, user: username, password, connectString: uri }).catch(told);
  return { ...oracledbDriver(oracledb, pool), close: () => pool.close(0) };
}

/** @param {any} connection */
const releasable = (connection) => ({ connection, release: () => connection.close().catch(() => {}) });

/** The number of ORA-… is the code, or the driver's own word. @param {any} error @returns {never} */
function told(error) {
  if (error instanceof HeavenBaseError) throw error;
  const code = error?.errorNum > 0 && !String(error.code).startsWith("NJS") ? String(error.errorNum) : error?.code;
  throw Object.assign(new Error(String(error?.message), { cause: error }), { code });
}

/** @implements {Line} */
class OracleLine {
  #oracledb;
  #connection;
  #isManual = false;                // a transaction of begin()
  #wrote = false;                   // in it
  #isBroken = false;
  #leaves = false;                  // a statement could have left something in the session

  /** @param {OracledbLike} oracledb @param {any} connection */
  constructor(oracledb, connection) {
    this.#oracledb = oracledb;
    this.#connection = connection;
  }

  agree() {
    return this.#connection.execute(SESSION, [], {}).catch(told);
  }

  /** One that has written nothing is not there for the engine either. */
  inTransaction() {
    return this.#isManual && !(this.#wrote && !this.#connection.transactionInProgress);
  }

  async begin() {
    this.#isManual = true;
    this.#wrote = false;
  }

  async commit() {
    this.#isManual = false;
    await this.#connection.commit().catch(told);
  }

  async rollback() {
    this.#isManual = false;
    await this.#connection.rollback().catch(told);
  }

  async reset() {
    if (this.#leaves) this.#isBroken = true;
    else await this.#connection.rollback().catch(told);
  }

  /** @param {boolean} isBroken */
  free(isBroken) {
    this.#connection.close({ drop: isBroken || this.#isBroken }).catch(() => {});
  }

  /** @param {string} sql @param {unknown[]} params @param {SqlOptions} options @returns {Promise<SqlResult>} */
  async run(sql, params, { signal, maxRows = Infinity, maxBytes = Infinity }) {
    this.#leaves ||= !LEAVES_NOTHING.test(sql);
    // A late break must not meet the next one's statement.
    const stop = () => {
      this.#isBroken = true;
      this.#connection.break().catch(() => {});
    };
    signal.addEventListener("abort", stop, { once: true });
    try {
      const options = { outFormat: this.#oracledb.OUT_FORMAT_ARRAY, autoCommit: !this.#isManual, resultSet: true, fetchTypeHandler: (/** @type {any} */ column) => this.#fetched(column) };
      const { metaData, resultSet, rowsAffected } = await this.#connection.execute(sql, params.map((value) => this.#bound(value)), options);
      this.#wrote ||= this.#isManual && this.#connection.transactionInProgress === true;
      if (!resultSet) return { affected: rowsAffected ?? 0 };
      const { rows, bytes } = await readRows(resultSet, { maxRows, maxBytes });
      return { columns: metaData.map((/** @type {any} */ column) => this.#columnOf(column)), rows, affected: 0, bytes };
    } catch (error) {
      return told(error);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  /** Numbers as their digits, large objects as what they hold. @param {any} column */
  #fetched({ dbType }) {
    const { DB_TYPE_NUMBER, DB_TYPE_CLOB, DB_TYPE_NCLOB, DB_TYPE_BLOB, DB_TYPE_VARCHAR, DB_TYPE_RAW } = this.#oracledb;
    if (dbType === DB_TYPE_NUMBER || dbType === DB_TYPE_CLOB || dbType === DB_TYPE_NCLOB) return { type: DB_TYPE_VARCHAR };
    return dbType === DB_TYPE_BLOB ? { type: DB_TYPE_RAW } : undefined;
  }

  /** @param {any} column @returns {SqlColumn} */
  #columnOf({ name, dbType, precision, scale }) {
    if (dbType !== this.#oracledb.DB_TYPE_NUMBER) return { name };
    return { name, text: precision > 0 && scale === 0 ? "integer" : "float" };
  }

  /** A double goes out as one, which NUMBER could not hold; the statement casts it. @param {unknown} value */
  #bound(value) {
    const { DB_TYPE_VARCHAR, DB_TYPE_CLOB, DB_TYPE_RAW, DB_TYPE_BLOB, DB_TYPE_NUMBER, DB_TYPE_BINARY_DOUBLE } = this.#oracledb;
    if (typeof value === "string") return { val: value, type: Buffer.byteLength(value) > VARCHAR_MAX ? DB_TYPE_CLOB : DB_TYPE_VARCHAR };
    if (typeof value === "bigint") return { val: String(value), type: DB_TYPE_VARCHAR };
    if (typeof value === "number") return { val: value, type: DB_TYPE_BINARY_DOUBLE };
    if (typeof value === "boolean") return { val: value ? 1 : 0, type: DB_TYPE_NUMBER };
    if (!(value instanceof Uint8Array)) return { val: null, type: DB_TYPE_VARCHAR };
    return { val: Buffer.from(value.buffer, value.byteOffset, value.byteLength), type: value.length > RAW_MAX ? DB_TYPE_BLOB : DB_TYPE_RAW };
  }
}

/** What is too large is not read to its end. @param {any} found @param {{ maxRows: number, maxBytes: number }} limits */
async function readRows(found, { maxRows, maxBytes }) {
  /** @type {unknown[][]} */
  const rows = [];
  let bytes = 0;
  try {
    for (let some = await found.getRows(ROWS_AT_ONCE); some.length > 0; some = await found.getRows(ROWS_AT_ONCE)) {
      for (const row of some) {
        for (const cell of row) bytes += 4 + (typeof cell === "string" || cell instanceof Uint8Array ? cell.length : 8);
        if (rows.push(row) > maxRows) throw new HeavenBaseError("LIMIT", `the result has more than ${maxRows} rows`);
        if (bytes > maxBytes) throw new HeavenBaseError("LIMIT", `the result has more than ${maxBytes} bytes`);
      }
    }
    return { rows, bytes };
  } finally {
    await found.close();
  }
}
