// SPDX-License-Identifier: MIT
// Neon's SQL over HTTP before a PostgreSQL of any kind, strictly: what the protocol does not know is refused. That it is
// the protocol is shown by Neon's own driver (tests/js/http-neon.test.mjs).
import { createServer } from "node:http";

/** @typedef {{ query: string, params: (string | null)[] }} Query */
/** @typedef {{ command: string, rowCount: number, fields: { name: string, dataTypeID: number }[], rows: (string | null)[][] }} Result */
/** Runs queries in order, in one transaction when there are several ways to fail. @typedef {(queries: Query[], how: { batch: boolean, begin: string, signal: AbortSignal }) => Promise<Result[]>} Run */

const BODY_MAX = 64 << 20;
const HEADERS = ["neon-connection-string", "neon-raw-text-output", "neon-array-mode"];
const BATCH_HEADERS = ["neon-batch-isolation-level", "neon-batch-read-only", "neon-batch-deferrable"];
const ISOLATION = { ReadUncommitted: "READ UNCOMMITTED", ReadCommitted: "READ COMMITTED", RepeatableRead: "REPEATABLE READ", Serializable: "SERIALIZABLE" };
const ERROR_MEMBERS = ["severity", "code", "detail", "hint", "position", "where", "schema", "table", "column", "dataType", "constraint", "file", "line", "routine"];

class Refusal extends Error {
  /** @param {number} status @param {string} message */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** @param {{ run: Run, connectionString: string, token?: string }} options @returns {Promise<{ url: string, requests: number, batches: number, stop: () => Promise<void> }>} */
export async function startNeon({ run, connectionString, token }) {
  const proxy = { url: "", requests: 0, batches: 0, stop: async () => {} };
  const server = createServer((request, response) => {
    proxy.requests += 1;
    const gone = new AbortController();
    response.on("close", () => gone.abort());
    const counted = /** @type {Run} */ ((queries, how) => {
      proxy.batches += how.batch ? 1 : 0;
      return run(queries, how);
    });
    answer(request, { run: counted, connectionString, token, signal: gone.signal }).then(({ status, type, text }) => {
      response.writeHead(status, { "content-type": type, "access-control-allow-origin": "*", "access-control-allow-headers": [...HEADERS, ...BATCH_HEADERS, "authorization"].join(", ") });
      response.end(text);
    }, () => response.destroy());
  });
  server.keepAliveTimeout = 120_000;      // a connection that is closed while a request is on its way says nothing of the request
  await new Promise((resolve) => { server.listen(0, "127.0.0.1", () => resolve(undefined)); });
  proxy.url = `http://127.0.0.1:${/** @type {import("node:net").AddressInfo} */ (server.address()).port}/sql`;
  proxy.stop = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => { server.close(resolve); });
  };
  return proxy;
}

/** @param {import("node:http").IncomingMessage} request @param {{ run: Run, connectionString: string, token?: string, signal: AbortSignal }} setting */
async function answer(request, { run, connectionString, token, signal }) {
  try {
    if (request.method === "OPTIONS") return { status: 200, type: "text/plain", text: "" };
    const { headers } = request;
    if (request.url !== "/sql") throw new Refusal(404, "no such path");
    if (request.method !== "POST") throw new Refusal(405, "POST, please");
    for (const name of Object.keys(headers)) {
      if (name.startsWith("neon-") && !HEADERS.includes(name) && !BATCH_HEADERS.includes(name)) throw new Refusal(400, `unknown header ${name}`);
    }
    if (!sameDatabase(String(headers["neon-connection-string"]), connectionString)) throw new Refusal(400, "password authentication failed");
    if (headers.authorization !== (token && `Bearer ${token}`)) throw new Refusal(401, "jwt, please");
    const body = parse(await bytesOf(request));
    const batch = "queries" in body;
    if (!batch && BATCH_HEADERS.some((name) => name in headers)) throw new Refusal(400, "a header of a batch without one");
    const queries = check(batch ? body.queries : [body]);
    const shape = { text: isOn(headers, "neon-raw-text-output"), arrays: isOn(headers, "neon-array-mode") };
    const results = (await run(queries, { batch, begin: beginOf(headers), signal })).map((result) => resultOf(result, shape));
    return { status: 200, type: "application/json", text: JSON.stringify(batch ? { results } : results[0]) };
  } catch (error) {
    const { message } = /** @type {Error} */ (error);
    if (error instanceof Refusal && error.status !== 400) return { status: error.status, type: "text/plain", text: message };
    if (error instanceof Refusal) return { status: 400, type: "application/json", text: JSON.stringify({ message, code: null }) };
    const members = Object.fromEntries(ERROR_MEMBERS.map((name) => [name, /** @type {any} */ (error)[name] ?? null]));
    if (!/^[0-9A-Z]{5}$/.test(String(members.code))) return { status: 500, type: "text/plain", text: "the database is gone" };
    return { status: 400, type: "application/json", text: JSON.stringify({ message, ...members }) };
  }
}

/** The driver adds parameters of its own. @param {string} given @param {string} expected */
function sameDatabase(given, expected) {
  const [a, b] = [given, expected].map((text) => {
    try {
      const { username, password, hostname, pathname } = new URL(text);
      return [username, password, hostname, pathname].join(" ");
    } catch {
      return text;
    }
  });
  return a === b;
}

/** @param {import("node:http").IncomingHttpHeaders} headers @param {string} name */
function isOn(headers, name) {
  if (headers[name] !== undefined && headers[name] !== "true" && headers[name] !== "false") throw new Refusal(400, `${name} is true or false`);
  return headers[name] === "true";
}

/** @param {import("node:http").IncomingHttpHeaders} headers */
function beginOf(headers) {
  const level = headers["neon-batch-isolation-level"];
  const words = ["BEGIN"];
  if (level !== undefined) {
    if (!Object.hasOwn(ISOLATION, String(level))) throw new Refusal(400, "unknown isolation level");
    words.push("ISOLATION LEVEL", ISOLATION[/** @type {keyof typeof ISOLATION} */ (String(level))]);
  }
  if (isOn(headers, "neon-batch-read-only")) words.push("READ ONLY");
  if (isOn(headers, "neon-batch-deferrable")) words.push("DEFERRABLE");
  return words.join(" ");
}

/** @param {import("node:http").IncomingMessage} request */
async function bytesOf(request) {
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

/** @param {string} text */
function parse(text) {
  try {
    const body = JSON.parse(text);
    if (body !== null && typeof body === "object" && Object.keys(body).join() === "queries" && Array.isArray(body.queries)) return body;
    if (body !== null && typeof body === "object" && !("queries" in body)) return body;
  } catch {
    // said below
  }
  throw new Refusal(400, "the body is { query, params } or { queries }");
}

/** @param {unknown[]} queries @returns {Query[]} */
function check(queries) {
  for (const one of queries) {
    const { query, params, ...more } = /** @type {any} */ (one);
    if (typeof query !== "string" || !Array.isArray(params) || Object.keys(more).length > 0) throw new Refusal(400, "a query is { query, params }");
    if (!params.every((param) => param === null || typeof param === "string")) throw new Refusal(400, "a parameter is null or a text");
  }
  return /** @type {Query[]} */ (queries);
}

/** @param {Result} result @param {{ text: boolean, arrays: boolean }} shape */
function resultOf({ command, rowCount, fields, rows }, { text, arrays }) {
  if (!text) throw new Refusal(400, "this proxy gives texts only");
  const full = fields.map(({ name, dataTypeID }) => ({ name, dataTypeID, tableID: 0, columnID: 0, dataTypeSize: -1, dataTypeModifier: -1, format: "text" }));
  const shaped = arrays ? rows : rows.map((row) => Object.fromEntries(row.map((cell, i) => [fields[i].name, cell])));
  return { command, rowCount, rows: shaped, fields: full, rowAsArray: arrays };
}

const same = (/** @type {unknown} */ text) => text;
/** For each type that there is one for. @param {Record<string, unknown>} converters */
const none = (converters) => Object.fromEntries(Object.keys(converters).map((type) => [type, same]));

/** A pool of node-postgres. @param {any} pool @returns {Run} */
export const onPool = (pool) => async (queries, { batch, begin, signal }) => {
  const client = await pool.connect();
  const cancel = () => pool.query({ text: "SELECT pg_cancel_backend($1)", values: [client.processID] }).catch(() => {});
  let broken;
  const lost = (/** @type {Error} */ error) => { broken = error; };
  client.on("error", lost);
  signal.addEventListener("abort", cancel, { once: true });
  try {
    /** @type {Result[]} */
    const results = [];
    if (batch) await client.query(begin);
    try {
      for (const { query, params } of queries) {
        const { command, rowCount, fields, rows } = await client.query({ text: query, values: params, rowMode: "array", queryMode: "extended", types: { getTypeParser: () => same } });
        results.push({ command, rowCount: rowCount ?? 0, fields, rows });
      }
      signal.throwIfAborted();
      if (batch) await client.query("COMMIT");
    } catch (error) {
      if (batch) await client.query("ROLLBACK").catch((/** @type {Error} */ failure) => { broken = failure; });
      throw error;
    }
    return results;
  } finally {
    signal.removeEventListener("abort", cancel);
    client.off("error", lost);
    client.release(broken);
  }
};

/** A PGlite instance. @param {any} db @returns {Run} */
export const onPglite = (db) => async (queries, { batch, signal }) => {
  const inTurn = async (/** @type {any} */ on) => {
    /** @type {Result[]} */
    const results = [];
    for (const { query, params } of queries) {
      signal.throwIfAborted();
      const { fields, rows, affectedRows } = await on.query(query, params, { rowMode: "array", parsers: none(db.parsers), serializers: none(db.serializers) });
      results.push({ command: query.split(" ", 1)[0].toUpperCase(), rowCount: affectedRows || rows.length, fields, rows });
    }
    return results;
  };
  return batch ? db.transaction(inTurn) : inTurn(db);
};
