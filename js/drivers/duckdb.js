// SPDX-License-Identifier: MIT
// DuckDB in Node, by npm @duckdb/node-api.
//   const instance = await DuckDBInstance.create("analytics.duckdb");
//   HeavenBase.open(id, { backends: { main: { type: "duckdb" } }, drivers: { main: duckdbDriver(instance) } })
import { interrupting, nodeConnection } from "./duckdb-connection.js";
import { DuckdbSession } from "./duckdb-session.js";
import { Places } from "./pool.js";

/** @typedef {import("../host/sql.js").SqlDriver} SqlDriver */
/** @typedef {import("../host/sql.js").SqlResult} SqlResult */
/** @typedef {import("../host/sql.js").Statement} Statement */
/** @typedef {{ maxRows: number, maxBytes: number, check: (kind: number) => void }} Limits `check` throws when statements of a kind may not run */
/** @typedef {{ run: (sql: string, params: unknown[]) => Promise<SqlResult>, read: (sql: string, params: unknown[], limits: Limits) => Promise<SqlResult>, interrupt: () => unknown, close: () => unknown }} Connection */
/** The part of a DuckDBInstance that is used. @typedef {{ connect: () => Promise<any> }} DuckDBInstanceLike */

/**
 * A driver around a DuckDBInstance, which the caller closes. An abort interrupts the statement. @param {DuckDBInstanceLike} instance
 * @param {{ connections?: number }} [options] how many sessions there may be at a time @returns {SqlDriver}
 */
export const duckdbDriver = (instance, { connections = Infinity } = {}) => driverOf(async () => nodeConnection(await instance.connect()), connections);

/**
 * Makes an instance of the backend's options, and its driver: `drivers: { main: connectDuckdb }`. The package
 * @duckdb/node-api has to be installed. @param {{ database?: string, config?: Record<string, string> }} options
 * @param {{ connections?: number }} [more] @returns {Promise<SqlDriver>}
 */
export async function connectDuckdb({ database = ":memory:", config }, more = {}) {
  const { DuckDBInstance } = /** @type {any} */ (await import(/** @type {string} */ ("@duckdb/node-api")));
  const instance = await DuckDBInstance.create(database, config);
  return { ...duckdbDriver(instance, more), close: () => instance.closeSync() };
}

/**
 * A connection for each operation; those that write come one after the other, since DuckDB refuses a transaction that
 * another one got ahead of. @param {() => Promise<Connection>} connect @param {number} connections @returns {SqlDriver}
 */
function driverOf(connect, connections) {
  const writers = new Places(1), places = new Places(connections);
  /** @template T @param {AbortSignal} signal @param {(connection: Connection) => Promise<T>} body @returns {Promise<T>} */
  const onConnection = async (signal, body) => {
    signal.throwIfAborted();
    const connection = await connect();
    const done = interrupting(connection, signal);
    try {
      signal.throwIfAborted();
      return await body(connection);
    } finally {
      done();
      await connection.close();
    }
  };
  return {
    execute: (sql, params, { signal }) => onConnection(signal, (connection) => connection.run(sql, params)),
    async batch(statements, { signal }) {
      const endTurn = await writers.take(signal);
      try {
        return await onConnection(signal, (connection) => transact(connection, statements, signal));
      } finally {
        endTurn();
      }
    },
    async session({ signal, readOnly = false }) {
      const leave = await places.take(signal);
      try {
        return new DuckdbSession(await connect(), { writers, readOnly, leave });
      } catch (error) {
        leave();
        throw error;
      }
    },
  };
}

/** @param {Connection} connection @param {Statement[]} statements @param {AbortSignal} signal */
async function transact(connection, statements, signal) {
  await connection.run("BEGIN TRANSACTION", []);
  try {
    /** @type {SqlResult[]} */
    const results = [];
    for (const { sql, params } of statements) results.push(await connection.run(sql, params));
    signal.throwIfAborted();
    await connection.run("COMMIT", []);
    return results;
  } catch (error) {
    await connection.run("ROLLBACK", []).catch(() => {});       // the first error is the one to report
    throw error;
  }
}
