// SPDX-License-Identifier: MIT
// What the driver around mysql2 and its sessions share.
import { HeavenBaseError } from "../errors.js";

/** @typedef {{ execute: (options: any, values: unknown[]) => Promise<[any, any]>, query: (options: any, values?: unknown[]) => Promise<[any, any]>, unprepare: (options: any) => unknown, reset: () => Promise<unknown>, connection: any, threadId: number | null, release: () => void, destroy: () => void }} ConnectionLike */
/** The part of a promised pool that is used. @typedef {{ getConnection: () => Promise<ConnectionLike> }} PromisedPoolLike */

/** A server's own: values that do not fit are errors, and nothing is folded. */
export const SESSION = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', SESSION time_zone = '+00:00'";
/** Integers keep all their digits, and nothing becomes a date or an object. */
export const CELLS = { rowsAsArray: true, supportBigNumbers: true, bigNumberStrings: true, dateStrings: true, nestTables: false };
/** Of a server whose prepared statements only read: statements go out as they are, and every cell stays the server's text. */
export const PLAIN_CELLS = { rowsAsArray: true, typeCast: (/** @type {{ string: (encoding: string) => string | null }} */ field) => field.string("utf8") };
/** A server holds so many prepared statements for a connection (OceanBase 50), and those of many parameters are large. */
const KEPT = 32, KEPT_PARAMS = 64;

/** Connections whose session is as it has to be. @type {WeakSet<object>} */
export const ready = new WeakSet();

/** The server's own error: its connection is sound. @param {any} error */
export const isServers = (error) => typeof error?.sqlState === "string" && error.errno > 0 && error.fatal !== true;

/** The server's number is the code: its name is mysql2's. @param {any} error @returns {never} */
export function told(error) {
  throw isServers(error) ? Object.assign(new Error(error.message, { cause: error }), { code: String(error.errno) }) : error;
}

/** What connections have prepared, the oldest first. @type {WeakMap<object, Map<string, object>>} */
const prepared = new WeakMap();

/** Lets what was prepared go again, except the newest small ones. @param {ConnectionLike} connection @param {{ sql: string }} options @param {number} count of parameters */
export function bound(connection, options, count) {
  const kept = prepared.get(connection.connection) ?? new Map();
  prepared.set(connection.connection, kept);
  kept.delete(options.sql);
  if (count > KEPT_PARAMS) connection.unprepare(options);
  else kept.set(options.sql, options);
  if (kept.size <= KEPT) return;
  const [[sql, oldest]] = kept;
  kept.delete(sql);
  connection.unprepare(oldest);
}

/** Statements without parameters alone. @param {unknown[]} params */
export function checkPlain(params) {
  if (params.length > 0) throw new HeavenBaseError("UNSUPPORTED", "StarRocks takes no parameters for statements that write: write the values into the text", { native: "UNSUPPORTED" });
}

/** mysql2 takes bytes as Buffer; an integer beyond 2^53 goes as a text, which the statement casts. @param {unknown} value */
export function valueOf(value) {
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return typeof value === "bigint" ? String(value) : value;
}
