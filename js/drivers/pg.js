// SPDX-License-Identifier: MIT
// node-postgres (npm pg): Node, and Cloudflare workers over Hyperdrive.
//   const pool = new pg.Pool({ connectionString });
//   HeavenBase.open(id, { backends: { main: { type: "postgres" } }, drivers: { main: pgDriver(pool) } })
// or with what the backend's options say:
//   HeavenBase.open(id, { backends: { main: { type: "postgres", host, username, password } }, drivers: { main: connectPg } })
import { openSession } from "./pg-session.js";
import { driverOfSessions } from "./session-driver.js";

/** @typedef {import("../host/sql.js").SqlDriver} SqlDriver */
/** @typedef {import("./pg-session.js").PoolLike} PoolLike */

/** A driver around a pool, which the caller ends; what the program set on its connections stays. An abort cancels the statement in the server. @param {PoolLike} pool @returns {SqlDriver} */
export const pgDriver = (pool) => driverOfSessions((options) => openSession(pool, options));

/**
 * Makes a pool of the backend's own options, and its driver: `drivers: { main: connectPg }`. The package pg has to be
 * installed. @param {{ uri?: string, host?: string, port?: number, database?: string, username?: string, password?: string, params?: { sslmode?: string } }} options
 * @param {Record<string, unknown>} [pool] what else the Pool of node-postgres takes: `max`, `connectionTimeoutMillis` … @returns {Promise<SqlDriver>}
 */
export async function connectPg({ uri, host, port, database, username, password, params }, pool = {}) {
  const { default: pg } = /** @type {any} */ (await import(/** @type {string} */ ("pg")));
  const sslmode = params?.sslmode;
  const made = new pg.Pool({ ...pool, connectionString: uri, host, port, database, user: username, password,
    ...(sslmode && sslmode !== "disable" && sslmode !== "prefer" && { ssl: { rejectUnauthorized: sslmode.startsWith("verify") } }) });
  made.on("error", () => {});           // an idle connection that is lost: the next statement takes another
  return { ...pgDriver(made), close: () => made.end() };
}
