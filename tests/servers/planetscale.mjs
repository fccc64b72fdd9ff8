// SPDX-License-Identifier: MIT
// PlanetScale's SQL over HTTP before a MariaDB or MySQL of any kind, strictly: what the protocol does not know is refused.
// That it is the protocol is shown by PlanetScale's own driver (tests/engines/mysql.mjs).
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";

const BODY_MAX = 64 << 20;
/** MySQL's types by their number on the wire, as the protocol calls them; those of texts have another name for bytes. */
const TYPES = new Map(Object.entries({
  0: "DECIMAL", 1: "INT8", 2: "INT16", 3: "INT32", 4: "FLOAT32", 5: "FLOAT64", 6: "NULL", 7: "TIMESTAMP", 8: "INT64", 9: "INT24", 10: "DATE", 11: "TIME", 12: "DATETIME",
  13: "YEAR", 16: "BIT", 245: "JSON", 246: "DECIMAL", 247: "ENUM", 248: "SET", 249: "TEXT", 250: "TEXT", 251: "TEXT", 252: "TEXT", 253: "VARCHAR", 254: "CHAR", 255: "GEOMETRY",
}));
const OF_BYTES = { TEXT: "BLOB", VARCHAR: "VARBINARY", CHAR: "BINARY" };
const BINARY = 63, UNSIGNED = 32;
/** The codes that the protocol has for the server's numbers. */
const CODES = new Map(Object.entries({ 1062: "ALREADY_EXISTS", 1146: "NOT_FOUND", 1213: "ABORTED", 1205: "ABORTED", 1317: "CANCELED" }));

class Refusal extends Error {
  /** @param {number} status @param {string} message */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** @typedef {{ connection: any, isOpen: boolean, count: number }} Session */

/**
 * @param {{ pool: any, username: string, password: string }} options `pool`: of mysql2/promise
 * @returns {Promise<{ url: string, requests: number, open: () => number, stop: () => Promise<void> }>} `open`: transactions that are open
 */
export async function startPlanetscale({ pool, username, password }) {
  /** @type {Map<string, Session>} */
  const sessions = new Map();
  const proxy = { url: "", requests: 0, open: () => sessions.size, stop: async () => {} };
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
  const server = createServer((request, response) => {
    proxy.requests += 1;
    answer(request, { pool, sessions, authorization }).then(({ status, type, text }) => {
      response.writeHead(status, { "content-type": type });
      response.end(text);
    }, () => response.destroy());
  });
  server.keepAliveTimeout = 120_000;      // a connection that is closed while a request is on its way says nothing of the request
  await new Promise((resolve) => { server.listen(0, "127.0.0.1", () => resolve(undefined)); });
  proxy.url = `http://127.0.0.1:${/** @type {import("node:net").AddressInfo} */ (server.address()).port}`;
  proxy.stop = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => { server.close(resolve); });
    for (const { connection } of sessions.values()) connection.destroy();
  };
  return proxy;
}

/** @param {import("node:http").IncomingMessage} request @param {{ pool: any, sessions: Map<string, Session>, authorization: string }} setting */
async function answer(request, { pool, sessions, authorization }) {
  const json = (/** @type {number} */ status, /** @type {unknown} */ body) => ({ status, type: "application/json", text: JSON.stringify(body) });
  try {
    const { headers, method, url } = request;
    const path = /^\/psdb\.v1alpha1\.Database\/(Execute|CreateSession)$/.exec(url ?? "");
    if (!path) throw new Refusal(404, "no such path");
    if (method !== "POST") throw new Refusal(405, "POST, please");
    if (headers.authorization !== authorization) return json(401, { error: { code: "UNAUTHENTICATED", message: "invalid username or password" } });
    if (headers["content-type"] !== "application/json") throw new Refusal(415, "JSON, please");
    const body = JSON.parse(await textOf(request));
    if (path[1] === "CreateSession") return json(200, { session: told(randomUUID(), 0, false) });
    const { query, session = null, ...more } = body;
    if (typeof query !== "string" || Object.keys(more).length > 0) throw new Refusal(400, "the body is { query, session }");
    return json(200, await execute(query, session, { pool, sessions }));
  } catch (error) {
    if (error instanceof Refusal) return { status: error.status, type: "text/plain", text: error.message };
    return json(503, { error: { code: "UNAVAILABLE", message: "the database is gone" } });
  }
}

/** A session as the client gets it; a signature says that it comes back as it was. @param {string} id @param {number} count @param {boolean} isOpen */
const told = (id, count, isOpen) => ({ signature: `${id}/${count}`, vitessSession: { autocommit: true, ...(isOpen && { inTransaction: true }), foundRows: "1", weight: 1.50, SessionUUID: id, enableSystemSettings: true } });

/** @param {string} query @param {any} given @param {{ pool: any, sessions: Map<string, Session> }} setting */
async function execute(query, given, { pool, sessions }) {
  const id = given?.vitessSession?.SessionUUID ?? randomUUID();
  const known = sessions.get(id);
  if (given !== null && given.signature !== `${id}/${known?.count ?? 0}`) return { session: null, error: { code: "INVALID_ARGUMENT", message: "the session is not the last one that was given" } };
  if (given?.vitessSession.inTransaction && !known) return { session: null, error: { code: "ABORTED", message: "transaction not found (errno 1105) (sqlstate HY000)" } };
  const session = known ?? { connection: await pool.getConnection(), isOpen: false, count: 0 };
  sessions.set(id, session);
  session.count += 1;
  /** @type {any} */
  let outcome;
  try {
    outcome = { result: await run(session.connection, query), timing: 0.001 };
    if (/^BEGIN$/i.test(query)) session.isOpen = true;
    if (/^(COMMIT|ROLLBACK)$/i.test(query)) session.isOpen = false;
  } catch (error) {
    const { errno, sqlState, message, fatal } = /** @type {any} */ (error);
    if (!errno || fatal) {
      sessions.delete(id);
      session.connection.destroy();
      throw error;
    }
    outcome = { error: { code: CODES.get(String(errno)) ?? "UNKNOWN", message: `target: t.-.primary: vttablet: rpc error: code = Unknown desc = ${message} (errno ${errno}) (sqlstate ${sqlState}) (CallerID: planetscale-admin)` } };
  }
  if (!session.isOpen) {
    sessions.delete(id);
    session.connection.release();
  }
  return { session: told(id, session.isOpen ? session.count : 0, session.isOpen), ...outcome };
}

/** @param {any} connection @param {string} query */
async function run(connection, query) {
  const [rows, fields] = await connection.query({ sql: query, rowsAsArray: true, typeCast: (/** @type {any} */ field) => field.buffer() });
  if (!fields) return { ...(rows.affectedRows > 0 && { rowsAffected: String(rows.affectedRows) }), ...(rows.insertId > 0 && { insertId: String(rows.insertId) }) };
  const told_ = fields.map((/** @type {any} */ { name, columnType, characterSet, flags, columnLength }) => {
    const type = TYPES.get(String(columnType)) ?? "NULL";
    const isBytes = characterSet === BINARY && type in OF_BYTES;
    const exact = isBytes ? OF_BYTES[/** @type {keyof typeof OF_BYTES} */ (type)] : /^INT/.test(type) && flags & UNSIGNED ? `U${type}` : type;
    return { name, ...(exact !== "NULL" && { type: exact }), charset: characterSet, flags, columnLength };
  });
  return { fields: told_, ...(rows.length > 0 && { rows: rows.map(rowOf) }) };
}

/** @param {(Buffer | null)[]} cells */
function rowOf(cells) {
  const values = Buffer.concat(cells.map((cell) => cell ?? Buffer.alloc(0)));
  return { lengths: cells.map((cell) => String(cell === null ? -1 : cell.length)), ...(values.length > 0 && { values: values.toString("base64") }) };
}

/** @param {import("node:http").IncomingMessage} request */
async function textOf(request) {
  /** @type {Buffer[]} */
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size > BODY_MAX) throw new Refusal(413, "too large");
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}
