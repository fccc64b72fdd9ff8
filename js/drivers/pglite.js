// SPDX-License-Identifier: MIT
// PGlite (npm @electric-sql/pglite), PostgreSQL in WebAssembly: browsers, workers, Node.
//   const db = await PGlite.create({ extensions: { vector } });
//   HeavenBase.open(id, { backends: { main: { type: "pgvector" } }, drivers: { main: pgliteDriver(db) } })

/** @typedef {import("../host/sql.js").SqlDriver} SqlDriver */
/** @typedef {import("../host/sql.js").SqlResult} SqlResult */
/** The part of a PGlite instance or transaction that is used. @typedef {{ query: (sql: string, params?: any[], options?: any) => Promise<{ rows: any[], fields: { name: string }[], affectedRows?: number }> }} Queries */
/** @typedef {Queries & { transaction: (body: (tx: Queries) => Promise<any>) => Promise<any>, close?: () => Promise<void> }} PGliteLike */

/**
 * A driver around a PGlite instance, which the caller closes. PGlite runs one statement after the other and cannot be
 * interrupted: an abort ends the wait, and keeps what has not begun from beginning.
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
  };
}

/** @param {Queries} on @param {string} sql @param {unknown[]} params @param {AbortSignal} signal @returns {Promise<SqlResult>} */
async function run(on, sql, params, signal) {
  signal.throwIfAborted();
  const { rows, fields, affectedRows } = await on.query(sql, params, { rowMode: "array" });
  return { columns: fields.map(({ name }) => name), rows, affected: affectedRows ?? 0 };
}
