// SPDX-License-Identifier: MIT
// The statements of a request, on one connection of a pool.
import { HeavenBaseError } from "../errors.js";
import { GatewayError, failureOf, notBegun } from "./errors.js";
import { ENGINES } from "./engines.js";

/** @typedef {import("../host/sql.js").SqlDriver} SqlDriver */
/** @typedef {import("../host/sql.js").SqlSession} SqlSession */
/** @typedef {import("../host/sql.js").SqlResult} SqlResult */
/** @typedef {import("./config.js").ConnectionConfig} ConnectionConfig */
/** @typedef {import("./request.js").StatementsRequest} StatementsRequest */
/** @typedef {{ config: ConnectionConfig, driver: SqlDriver, releasing: Set<Promise<unknown>> }} Connection a pool; `releasing`: sessions that are put in order */
/** @typedef {{ rows: number }} Tally what was read, for the log */

/**
 * All results, or a GatewayError. The session goes back to its pool behind the answer.
 * @param {Connection} connection @param {StatementsRequest} request @param {AbortSignal} signal @param {Tally} tally @returns {Promise<SqlResult[]>}
 */
export async function runStatements(connection, request, signal, tally) {
  const { judge } = ENGINES[connection.config.engine];
  const session = await opened(connection, signal, judge);
  /** @type {number | undefined} the statement that runs */
  let statement;
  try {
    if (request.transaction) await begun(session, signal, judge);
    /** @type {SqlResult[]} */
    const results = [];
    const left = { maxRows: connection.config.maxRows, maxBytes: connection.config.maxBytes };
    for (const [index, { sql, params }] of request.statements.entries()) {
      statement = index;
      const result = await session.execute(sql, params, { signal, ...left });
      results.push(result);
      tally.rows += result.rows?.length ?? 0;
      left.maxRows -= result.rows?.length ?? 0;
      left.maxBytes -= result.bytes ?? 0;
    }
    statement = undefined;
    if (request.transaction) await session.commit({ signal });
    return results;
  } catch (error) {
    if (request.transaction) await session.rollback().catch(() => {});       // the first error is the one to report
    throw failureOf(error, { reason: signal.reason, statement, judge });
  } finally {
    const end = Promise.resolve(session.release()).catch(() => {}).finally(() => connection.releasing.delete(end));
    connection.releasing.add(end);
  }
}

/** @param {Connection} connection @param {AbortSignal} signal @param {(error: any) => import("./errors.js").Verdict} judge @returns {Promise<SqlSession>} */
async function opened({ config, driver }, signal, judge) {
  try {
    const waiting = AbortSignal.any([signal, AbortSignal.timeout(config.poolTimeoutMs)]);
    return await /** @type {NonNullable<SqlDriver["session"]>} */ (driver.session)({ signal: waiting, readOnly: config.readOnly });
  } catch (error) {
    if (error instanceof HeavenBaseError && error.code === "REFUSED") throw new GatewayError("UNAVAILABLE", error.message, { began: false });
    if (signal.reason === "timeout") throw notBegun("no connection to the database became free in time");
    if (signal.aborted) throw failureOf(error, { reason: signal.reason, statement: undefined, judge });
    throw notBegun("no connection to the database was to be had", judge(error).native);
  }
}

/** @param {SqlSession} session @param {AbortSignal} signal @param {(error: any) => import("./errors.js").Verdict} judge */
async function begun(session, signal, judge) {
  try {
    await session.begin({ signal });
  } catch (error) {
    if (signal.aborted) throw error;
    throw notBegun("the connection to the database was lost", judge(error).native);
  }
}
