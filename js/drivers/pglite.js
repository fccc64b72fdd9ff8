// SPDX-License-Identifier: MIT
// PGlite (npm @electric-sql/pglite), PostgreSQL in WebAssembly: browsers, workers, Node.
//   const db = await PGlite.create({ extensions: { vector } });
//   HeavenBase.open(id, { backends: { main: { type: "pgvector" } }, drivers: { main: pgliteDriver(db) } })
import { openSession } from "./pglite-session.js";

/** @typedef {import("../host/sql.js").SqlDriver} SqlDriver */
/** @typedef {import("../host/sql.js").SqlResult} SqlResult */
/** The part of a PGlite instance or transaction that is used. @typedef {{ query: (sql: string, params?: any[], options?: any) => Promise<{ rows: any[], fields: { name: string, dataTypeID: number }[], affectedRows?: number }> }} Queries */
/** @typedef {Queries & { transaction: (body: (tx: Queries) => Promise<any>) => Promise<any>, parsers?: Record<string, unknown>, close?: () => Promise<void> }} PGliteLike */

/**
 * A driver around a PGlite instance, which the caller closes. PGlite runs one statement after the other and cannot be
 * interrupted: an abort ends the wait, and keeps what has not begun from beginning. What only reads, or is limited, needs
 * a session.
 * @param {PGliteLike} db @returns {SqlDriver}
 */
export function pgliteDriver(db) {
  return {
    execute: (sql, params, { signal }) => run(db, sql, params, signal),
    batch: (statements, { signal }) => db.transaction(async (tx) => {
      /** @type {SqlResult[]} */
      const results = [];
      for (const { sql, params } of statements) results.push(await run(tx, sql, params, signal));
      return results;
    }),
    session: (options) => openSession(db, options),
  };
}

/** @param {Queries} on @param {string} sql @param {unknown[]} params @param {AbortSignal} signal @returns {Promise<SqlResult>} */
async function run(on, sql, params, signal) {
  signal.throwIfAborted();
  const { rows, fields, affectedRows } = await on.query(sql, params, { rowMode: "array" });
  return { columns: fields.map(({ name }) => name), rows, affected: affectedRows ?? 0 };
}

/**
 * Makes an instance, in memory or on a folder, and its driver; `close` closes both. The package has to be installed.
 * @param {{ dataDir?: string, extensions?: string[] }} options `extensions`: "vector" @returns {Promise<SqlDriver>}
 */
export async function connectPglite({ dataDir, extensions = [] } = {}) {
  const { PGlite } = /** @type {any} */ (await import(/** @type {string} */ ("@electric-sql/pglite")));
  const withVector = extensions.includes("vector");
  const { vector } = withVector ? /** @type {any} */ (await import(/** @type {string} */ ("@electric-sql/pglite-pgvector"))) : {};
  const db = await PGlite.create({ dataDir, ...(withVector && { extensions: { vector } }) });
  if (withVector) await db.exec("CREATE EXTENSION IF NOT EXISTS vector");
  return { ...pgliteDriver(db), close: () => db.close() };
}
