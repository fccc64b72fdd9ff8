// SPDX-License-Identifier: MIT
// DuckDB in Node, by npm @duckdb/node-api.
//   const instance = await DuckDBInstance.create("analytics.duckdb");
//   HeavenBase.open(id, { backends: { main: { type: "duckdb" } }, drivers: { main: duckdbDriver(instance) } })

/** @typedef {import("../host/sql.js").SqlDriver} SqlDriver */
/** @typedef {import("../host/sql.js").SqlResult} SqlResult */
/** @typedef {import("../host/sql.js").Statement} Statement */
/** @typedef {{ run: (sql: string, params: unknown[]) => Promise<SqlResult>, interrupt: () => unknown, close: () => unknown }} Connection */
/** The part of a DuckDBInstance that is used. @typedef {{ connect: () => Promise<any> }} DuckDBInstanceLike */

/** A driver around a DuckDBInstance, which the caller closes. An abort interrupts the statement. @param {DuckDBInstanceLike} instance @returns {SqlDriver} */
export const duckdbDriver = (instance) => driverOf(async () => nodeConnection(await instance.connect()));

/**
 * Makes an instance of the backend's options, and its driver: `drivers: { main: connectDuckdb }`. The package
 * @duckdb/node-api has to be installed. @param {{ database?: string, config?: Record<string, string> }} options @returns {Promise<SqlDriver>}
 */
export async function connectDuckdb({ database = ":memory:", config }) {
  const { DuckDBInstance } = /** @type {any} */ (await import(/** @type {string} */ ("@duckdb/node-api")));
  const instance = await DuckDBInstance.create(database, config);
  return { ...duckdbDriver(instance), close: () => instance.closeSync() };
}

/**
 * A connection for each operation; those that write come one after the other, since DuckDB refuses a transaction that
 * another one got ahead of. @param {() => Promise<Connection>} connect @returns {SqlDriver}
 */
function driverOf(connect) {
  /** @type {Promise<unknown>} */
  let last = Promise.resolve();
  /** @template T @param {AbortSignal} signal @param {(connection: Connection) => Promise<T>} body @returns {Promise<T>} */
  const onConnection = async (signal, body) => {
    signal.throwIfAborted();
    const connection = await connect();
    const interrupt = () => connection.interrupt();
    signal.addEventListener("abort", interrupt, { once: true });
    try {
      signal.throwIfAborted();
      return await body(connection);
    } catch (error) {
      throw named(error);
    } finally {
      signal.removeEventListener("abort", interrupt);
      await connection.close();
    }
  };
  return {
    execute: (sql, params, { signal }) => onConnection(signal, (connection) => connection.run(sql, params)),
    batch: (statements, { signal }) => {
      const turn = last.then(() => onConnection(signal, (connection) => transact(connection, statements, signal)));
      last = turn.catch(() => {});          // its own caller hears of it
      return turn;
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

/** What DuckDB has in the place of a code are the first words of its message. @param {any} error */
function named(error) {
  const [, kind] = /^(?:Error: )?([A-Z][A-Za-z ]{1,22}?)(?: Error|: )/.exec(String(error?.message ?? "")) ?? [];
  return kind && error.code === undefined ? Object.assign(new Error(error.message, { cause: error }), { code: kind }) : error;
}

/** @param {any} connection of @duckdb/node-api @returns {Connection} */
const nodeConnection = (connection) => ({
  async run(sql, params) {
    const prepared = await connection.prepare(sql);
    try {
      params.forEach((value, i) => bindTo(prepared, i + 1, value));
      const reader = await prepared.runAndReadAll();
      return { columns: reader.columnNames(), rows: reader.getRows().map((/** @type {unknown[]} */ row) => row.map(cellOf)) };
    } finally {
      prepared.destroySync();
    }
  },
  interrupt: () => connection.interrupt(),
  close: () => connection.closeSync(),
});

/** @param {any} prepared @param {number} at @param {unknown} value */
function bindTo(prepared, at, value) {
  switch (typeof value) {
    case "number": return prepared.bindDouble(at, value);
    case "bigint": return prepared.bindBigInt(at, value);
    case "boolean": return prepared.bindBoolean(at, value);
    case "string": return prepared.bindVarchar(at, value);
    default: return value == null ? prepared.bindNull(at) : prepared.bindBlob(at, value);
  }
}

/** Lists are vectors, blobs their bytes. @param {any} value */
function cellOf(value) {
  if (typeof value !== "object" || value === null) return value;
  return value.bytes !== undefined ? new Uint8Array(value.bytes) : Float32Array.from(value.items);
}
