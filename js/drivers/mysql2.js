// SPDX-License-Identifier: MIT
// mysql2 (npm mysql2): MySQL, MariaDB and OceanBase from Node, and from Cloudflare workers over Hyperdrive.
//   const pool = mysql.createPool({ uri });                      // of "mysql2" or "mysql2/promise"
//   HeavenBase.open(id, { backends: { main: { type: "mysql" } }, drivers: { main: mysql2Driver(pool) } })
// or with what the backend's options say:
//   HeavenBase.open(id, { backends: { main: { type: "mysql", host, username, password, database } }, drivers: { main: connectMysql2 } })

/** @typedef {import("../host/sql.js").SqlDriver} SqlDriver */
/** @typedef {import("../host/sql.js").SqlResult} SqlResult */
/** @typedef {{ execute: (options: any, values: unknown[]) => Promise<[any, any]>, query: (options: any, values?: unknown[]) => Promise<[any, any]>, unprepare: (options: any) => unknown, connection: any, threadId: number | null, release: () => void, destroy: () => void }} ConnectionLike */
/** The part of a promised pool that is used. @typedef {{ getConnection: () => Promise<ConnectionLike> }} PromisedPoolLike */
/** The part of a pool that is used. @typedef {PromisedPoolLike | { promise: () => PromisedPoolLike }} PoolLike */

/** A server's own: values that do not fit are errors, and nothing is folded. */
const SESSION = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', SESSION time_zone = '+00:00'";
/** Integers keep all their digits, and nothing becomes a date or an object. */
const CELLS = { rowsAsArray: true, supportBigNumbers: true, bigNumberStrings: true, dateStrings: true, nestTables: false };
/** Statements of more parameters than this are not kept prepared: a server holds so many, and these are large. */
const KEPT_PARAMS = 64;

/** There mysql2 must not make code of texts, by which it reads rows otherwise. */
const IN_WORKER = globalThis.navigator?.userAgent === "Cloudflare-Workers";

/** Connections whose session is as it has to be. @type {WeakSet<object>} */
const ready = new WeakSet();

/**
 * A driver around a pool, which the caller ends; its charset has to be utf8mb4, which is mysql2's default. An abort kills
 * the statement in the server. @param {PoolLike} pool @returns {SqlDriver}
 */
export function mysql2Driver(pool) {
  const promised = "promise" in pool ? pool.promise() : pool;
  return {
    execute: (sql, params, { signal }) => onConnection(promised, signal, (connection) => run(connection, sql, params)),
    batch: (statements, { signal }) => onConnection(promised, signal, async (connection) => {
      await connection.query("START TRANSACTION");
      try {
        /** @type {SqlResult[]} */
        const results = [];
        for (const { sql, params } of statements) {
          results.push(await run(connection, sql, params));
          signal.throwIfAborted();
        }
        await connection.query("COMMIT");
        return results;
      } catch (error) {
        await connection.query("ROLLBACK").catch(() => {});        // the first error is the one to report
        throw error;
      }
    }),
  };
}

/**
 * Makes a pool of the backend's own options, and its driver: `drivers: { main: connectMysql2 }`. The package mysql2 has to
 * be installed. @param {{ uri?: string, host?: string, port?: number, database?: string, username?: string, password?: string, params?: { ssl?: string } }} options @returns {Promise<SqlDriver>}
 */
export async function connectMysql2({ uri, host, port, database, username, password, params }) {
  const { default: mysql } = /** @type {any} */ (await import(/** @type {string} */ ("mysql2/promise")));
  const ssl = params?.ssl;
  const given = Object.entries({ uri, host, port, database, user: username, password }).filter(([, value]) => value !== undefined);
  const pool = mysql.createPool({ ...Object.fromEntries(given), disableEval: IN_WORKER,
    ...(ssl && ssl !== "disable" && { ssl: { rejectUnauthorized: ssl.startsWith("verify") } }) });
  return { ...mysql2Driver(pool), close: () => pool.end() };
}

/** @template T @param {PromisedPoolLike} pool @param {AbortSignal} signal @param {(connection: ConnectionLike) => Promise<T>} body @returns {Promise<T>} */
async function onConnection(pool, signal, body) {
  signal.throwIfAborted();
  const connection = await pool.getConnection().catch(told);
  const raw = connection.connection;
  let broken = false;
  // A connection that is lost between two statements says so by an event, which ends the process if nobody listens.
  const lost = () => { broken = true; };
  raw.on("error", lost);
  /** @type {Promise<unknown> | undefined} */
  let killed;
  const cancel = () => { killed = kill(pool, connection).catch(() => {}); };        // it may have ended by then
  signal.addEventListener("abort", cancel, { once: true });
  try {
    signal.throwIfAborted();
    if (!ready.has(raw)) {
      await connection.query(SESSION);
      ready.add(raw);
    }
    const result = await body(connection);
    signal.throwIfAborted();
    return result;
  } catch (error) {
    broken ||= !isServers(error);
    return told(error);
  } finally {
    signal.removeEventListener("abort", cancel);
    await killed;
    raw.off("error", lost);
    if (broken || signal.aborted) connection.destroy();        // a late KILL must not meet the next one's statement
    else connection.release();
  }
}

/** @param {PromisedPoolLike} pool @param {ConnectionLike} connection */
async function kill(pool, connection) {
  const id = Number(connection.threadId);
  const other = await pool.getConnection();
  try {
    await other.query(`KILL QUERY ${id}`);
  } finally {
    other.release();
  }
}

/** The server's own error: its connection is sound. @param {any} error */
const isServers = (error) => typeof error?.sqlState === "string" && error.errno > 0 && error.fatal !== true;

/** The server's number is the code: its name is mysql2's. @param {any} error @returns {never} */
function told(error) {
  throw isServers(error) ? Object.assign(new Error(error.message, { cause: error }), { code: String(error.errno) }) : error;
}

/** @param {ConnectionLike} connection @param {string} sql @param {unknown[]} params @returns {Promise<SqlResult>} */
async function run(connection, sql, params) {
  const options = { ...CELLS, sql };
  const [rows, fields] = await connection.execute(options, params.map(valueOf));
  if (params.length > KEPT_PARAMS) connection.unprepare(options);
  if (!Array.isArray(rows)) return { affected: rows.affectedRows };
  return { columns: fields.map((/** @type {{ name: string }} */ { name }) => name), rows, affected: 0 };
}

/** mysql2 takes bytes as Buffer; an integer beyond 2^53 goes as a text, which the statement casts. @param {unknown} value */
function valueOf(value) {
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return typeof value === "bigint" ? String(value) : value;
}
