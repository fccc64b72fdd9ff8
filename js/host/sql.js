// SPDX-License-Identifier: MIT
// SQL operations by a driver that the application gives to `open`, one per backend instance.
import { guessKind } from "../core/batch-writer.js";
import { HeavenBaseError } from "../errors.js";

/** @typedef {import("../core/call.js").HostOp} HostOp */
/** @typedef {import("../core/call.js").HostReply} HostReply */
/** A text of the engine's dialect with its placeholders, and their values: null, boolean, number, bigint, string or Uint8Array. @typedef {{ sql: string, params: unknown[] }} Statement */
/** A column, and what the engine's own text in its cells writes. @typedef {{ name: string, text?: "boolean" | "integer" | "float" | "bytes" }} SqlColumn */
/**
 * Rows are lists of cells, or mappings by column name. A cell that JavaScript has no exact number for stays text.
 * @typedef {object} SqlResult
 * @property {readonly (string | SqlColumn)[]} [columns]
 * @property {readonly (readonly unknown[] | Record<string, unknown>)[]} [rows]
 * @property {number} [affected]
 * @property {number} [bytes] of its rows, as the engine sent them, where they are limited
 */
/**
 * What a workspace says is `signal`; the rest is said by the gateway.
 * @typedef {object} SqlOptions
 * @property {AbortSignal} signal
 * @property {boolean} [readOnly] the engine refuses what writes
 * @property {number} [maxRows] of the result; more is LIMIT
 * @property {number} [maxBytes] of its rows, as the engine sends them
 */
/** One connection with an open transaction; after `commit` or `rollback` it is not used again. @typedef {{ execute: (sql: string, params: unknown[], options: SqlOptions) => SqlResult | Promise<SqlResult>, commit: (options: SqlOptions) => unknown, rollback: () => unknown }} SqlTransaction */
/**
 * One connection of the engine, held for several statements. `release` gives it back without what they left behind:
 * open transactions, settings, temporary tables, locks. A session that only reads has each statement in a transaction
 * of its own that the engine keeps from writing.
 * @typedef {object} SqlSession
 * @property {(sql: string, params: unknown[], options: SqlOptions) => Promise<SqlResult>} execute
 * @property {(options: SqlOptions) => Promise<unknown>} begin
 * @property {(options: SqlOptions) => Promise<unknown>} commit
 * @property {() => Promise<unknown>} rollback
 * @property {() => Promise<unknown>} release
 */
/**
 * What an engine is reached by. `execute` alone reads; writing needs `batch` (all statements in one transaction, a result
 * for each) or `begin`. `close` is called with the workspace's. `session` is what the gateway needs, and it alone.
 * @typedef {object} SqlDriver
 * @property {(sql: string, params: unknown[], options: SqlOptions) => SqlResult | Promise<SqlResult>} execute
 * @property {(statements: Statement[], options: SqlOptions) => SqlResult[] | Promise<SqlResult[]>} [batch]
 * @property {(options: SqlOptions) => SqlTransaction | Promise<SqlTransaction>} [begin]
 * @property {(options: SqlOptions) => Promise<SqlSession>} [session]
 * @property {() => unknown} [close]
 */

/** @param {HostOp} op @param {SqlDriver | undefined} driver @param {AbortSignal} signal @returns {Promise<HostReply>} */
export async function performSql(op, driver, signal) {
  if (typeof driver?.execute !== "function") {
    throw new HeavenBaseError("UNAVAILABLE", `backend '${op.backend}' needs a driver: pass drivers: { ${op.backend}: … } to open`);
  }
  const result = op.inTransaction ? await transact(op, driver, signal) : await inTurn(op.statements, driver, signal);
  return { failed: false, status: 200, head: { affected: String(result.affected ?? 0) }, ...tableOf(result) };
}

/** The last one's result. @param {Statement[]} statements @param {Pick<SqlDriver, "execute">} on @param {AbortSignal} signal */
async function inTurn(statements, on, signal) {
  /** @type {SqlResult} */
  let result = {};
  for (const { sql, params } of statements) result = await on.execute(sql, params, { signal });
  return result;
}

/** @param {HostOp} op @param {SqlDriver} driver @param {AbortSignal} signal @returns {Promise<SqlResult>} */
async function transact({ backend, statements }, driver, signal) {
  if (typeof driver.batch === "function") return (await driver.batch(statements, { signal })).at(-1) ?? {};
  if (typeof driver.begin !== "function") {
    throw new HeavenBaseError("UNSUPPORTED", `the driver of backend '${backend}' can only read: writing needs its batch or begin`);
  }
  const transaction = await driver.begin({ signal });
  try {
    const result = await inTurn(statements, transaction, signal);
    await transaction.commit({ signal });
    return result;
  } catch (error) {
    await Promise.resolve(transaction.rollback()).catch(() => {});      // the first error is the one to report
    throw error;
  }
}

/** @param {SqlResult} result */
function tableOf(result) {
  const given = result.rows ?? [];
  const names = (result.columns ?? Object.keys(given[0] ?? {})).map((column) => (typeof column === "string" ? column : column.name));
  const rows = given.map((row) => (Array.isArray(row) ? row : names.map((name) => /** @type {Record<string, unknown>} */ (row)[name])));
  const columns = names.map((name, index) => {
    const cells = rows.map((row) => row[index] ?? null);
    return { name, kind: guessKind(cells), cells };
  });
  return { columns, rowCount: rows.length };
}
