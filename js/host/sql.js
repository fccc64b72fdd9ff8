// SPDX-License-Identifier: MIT
// SQL operations by a driver that the application gives to `open`, one per backend instance.
import { guessKind } from "../core/batch-writer.js";
import { HeavenBaseError } from "../errors.js";

/** @typedef {import("../core/call.js").HostOp} HostOp */
/** @typedef {import("../core/call.js").HostReply} HostReply */
/**
 * Rows are lists of cells, or mappings by column name.
 * @typedef {object} SqlResult
 * @property {readonly (string | { name: string })[]} [columns]
 * @property {readonly (readonly unknown[] | Record<string, unknown>)[]} [rows]
 * @property {number} [affected]
 */
/**
 * @typedef {object} SqlDriver
 * @property {(sql: string, params: unknown[], options: { signal: AbortSignal, inTransaction: boolean }) => SqlResult | Promise<SqlResult>} execute
 */

/** One execution per list of parameters; the rows of all of them in one answer. @param {HostOp} op @param {SqlDriver | undefined} driver @param {AbortSignal} signal @returns {Promise<HostReply>} */
export async function performSql(op, driver, signal) {
  if (typeof driver?.execute !== "function") {
    throw new HeavenBaseError("UNAVAILABLE", `backend '${op.backend}' needs a driver: pass drivers: { ${op.backend}: … } to open`);
  }
  /** @type {string[]} */
  let names = [];
  /** @type {unknown[][]} */
  const rows = [];
  let affected = 0;
  for (const params of op.params.length > 0 ? op.params : [[]]) {
    const result = await driver.execute(op.sql, params, { signal, inTransaction: op.inTransaction });
    affected += result.affected ?? 0;
    const given = result.rows ?? [];
    names = (result.columns ?? Object.keys(given[0] ?? {})).map((column) => (typeof column === "string" ? column : column.name));
    for (const row of given) rows.push(Array.isArray(row) ? row : names.map((name) => /** @type {Record<string, unknown>} */ (row)[name]));
  }
  const columns = names.map((name, index) => {
    const cells = rows.map((row) => row[index] ?? null);
    return { name, kind: guessKind(cells), cells };
  });
  return { failed: false, status: 200, head: { affected: String(affected) }, columns, rowCount: rows.length };
}
