// SPDX-License-Identifier: MIT
// mysql2 (npm mysql2): MySQL, MariaDB and OceanBase from Node, and from Cloudflare workers over Hyperdrive.
//   const pool = mysql.createPool({ uri });                      // of "mysql2" or "mysql2/promise"
//   HeavenBase.open(id, { backends: { main: { type: "mysql" } }, drivers: { main: mysql2Driver(pool) } })
// or with what the backend's options say:
//   HeavenBase.open(id, { backends: { main: { type: "mysql", host, username, password, database } }, drivers: { main: connectMysql2 } })
import { CELLS, PLAIN_CELLS, SESSION, bound, checkPlain, isServers, ready, told, valueOf } from "./mysql2-parts.js";
import { openSession } from "./mysql2-session.js";

/** @typedef {import("../host/sql.js").SqlDriver} SqlDriver */
/** @typedef {import("../host/sql.js").SqlResult} SqlResult */
/** @typedef {import("./mysql2-parts.js").ConnectionLike} ConnectionLike */
/** @typedef {import("./mysql2-parts.js").PromisedPoolLike} PromisedPoolLike */
/** The part of a pool that is used. @typedef {PromisedPoolLike | { promise: () => PromisedPoolLike }} PoolLike */

/** There mysql2 must not make code of texts, by which it reads rows otherwise. */
const IN_WORKER = globalThis.navigator?.userAgent === "Cloudflare-Workers";

/**
 * A driver around a pool, which the caller ends; its charset has to be utf8mb4, which is mysql2's default. An abort kills
 * the statement in the server. @param {PoolLike} pool @param {PoolLike} [spare] for what a session has to say when the pool is busy @returns {SqlDriver}
 */
export function mysql2Driver(pool, spare = pool) {
  const [promised, other] = [pool, spare].map((one) => ("promise" in one ? one.promise() : one));
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
    session: (options) => openSession(promised, other, options),
  };
}

/**
 * A driver around a pool of StarRocks, at a frontend's port 9030: statements go out one by one, as texts with their values
 * in them, since its prepared statements only read, and its transactions take no DELETE. An abort kills the statement in
 * the server. @param {PoolLike} pool which the caller ends @param {PoolLike} [spare] for what a session has to say when the pool is busy @returns {SqlDriver}
 */
export function starrocksDriver(pool, spare = pool) {
  const [promised, other] = [pool, spare].map((one) => ("promise" in one ? one.promise() : one));
  return {
    async execute(sql, params, { signal }) {
      checkPlain(params);
      return onConnection(promised, signal, async (connection) => resultOf(await connection.query({ ...PLAIN_CELLS, sql })), true);
    },
    session: (options) => openSession(promised, other, options, true),
  };
}

/**
 * Makes a pool of the backend's own options, and its driver: `drivers: { main: connectMysql2 }`. The package mysql2 has to
 * be installed. @param {{ uri?: string, host?: string, port?: number, database?: string, username?: string, password?: string, params?: { ssl?: string } }} options
 * @param {Record<string, unknown>} [more] what else a pool of mysql2 takes: `connectionLimit`, `connectTimeout` … @returns {Promise<SqlDriver>}
 */
export const connectMysql2 = (options, more = {}) => connect(mysql2Driver, options, more);

/**
 * The same of StarRocks: `drivers: { main: connectStarrocks }`; `port` is 9030 unless it is said.
 * @param {Parameters<typeof connectMysql2>[0]} options @param {Record<string, unknown>} [more] @returns {Promise<SqlDriver>}
 */
export const connectStarrocks = ({ uri, port = uri ? undefined : 9030, ...options }, more = {}) => connect(starrocksDriver, { uri, port, ...options }, more);

/** @param {typeof mysql2Driver} driverOf @param {Parameters<typeof connectMysql2>[0]} options @param {Record<string, unknown>} more @returns {Promise<SqlDriver>} */
async function connect(driverOf, { uri, host, port, database, username, password, params }, more) {
  const { default: mysql } = /** @type {any} */ (await import(/** @type {string} */ ("mysql2/promise")));
  const ssl = params?.ssl;
  const given = Object.entries({ uri, host, port, database, user: username, password }).filter(([, value]) => value !== undefined);
  const settings = { ...more, ...Object.fromEntries(given), disableEval: IN_WORKER,
    ...(ssl && ssl !== "disable" && { ssl: { rejectUnauthorized: ssl.startsWith("verify") } }) };
  const pool = mysql.createPool(settings);
  const spare = mysql.createPool({ ...settings, connectionLimit: 1 });          // connects when it is needed
  return { ...driverOf(pool, spare), close: () => Promise.all([pool.end(), spare.end()]) };
}

/** @template T @param {PromisedPoolLike} pool @param {AbortSignal} signal @param {(connection: ConnectionLike) => Promise<T>} body @param {boolean} [plain] its session stays as it is @returns {Promise<T>} */
async function onConnection(pool, signal, body, plain = false) {
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
    if (!plain && !ready.has(raw)) {
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

/** @param {ConnectionLike} connection @param {string} sql @param {unknown[]} params @returns {Promise<SqlResult>} */
async function run(connection, sql, params) {
  const options = { ...CELLS, sql };
  return resultOf(await connection.execute(options, params.map(valueOf)).finally(() => bound(connection, options, params.length)));
}

/** @param {[any, any]} answer @returns {SqlResult} */
function resultOf([rows, fields]) {
  if (!Array.isArray(rows)) return { affected: rows.affectedRows };
  return { columns: fields.map((/** @type {{ name: string }} */ { name }) => name), rows, affected: 0 };
}
