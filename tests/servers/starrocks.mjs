// SPDX-License-Identifier: MIT
// A stand-in for StarRocks, since no real server can be had here: a frontend and a backend on loopback, by what the
// documentation and the sources say of the HTTP SQL API and of Stream Load, strictly: whatever they do not know is refused,
// and noted in `problems`. The MySQL protocol is not stood in for: `driver` takes what would go over it. It shows that the
// module keeps to what is published, not that a real server agrees.
import { createServer } from "node:http";
import { parseExact } from "../../js/gateway/json.js";
import { Engine, SqlError } from "./starrocks-sql.mjs";

const SQL = /^\/api\/v1\/catalogs\/default_catalog(?:\/databases\/(\w+))?\/sql$/;
const LOAD = /^\/api\/(\w+)\/(\w+)\/_stream_load$/;
const LABEL = /^[A-Za-z0-9_-]{1,128}$/;
/** What fetch adds by itself, and what says how the body comes. */
const CARRIED = new Set(["host", "connection", "content-length", "transfer-encoding", "accept", "accept-language", "accept-encoding", "sec-fetch-mode", "user-agent", "authorization", "expect"]);
const OF_LOADS = new Set(["label", "format", "columns", "strip_outer_array", "strict_mode"]);
const JSON_MAX = 100 << 20;

class Refusal extends Error {
  /** @param {number} status @param {string} message */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** @typedef {Awaited<ReturnType<typeof startStarrocks>>} Starrocks */

/** @param {{ username: string, password: string }} account `frontend` and `backend`: their URLs; `requests`: methods and paths; `problems`: what no server would take */
export async function startStarrocks({ username, password }) {
  const engine = await Engine.start();
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
  /** @type {string[]} */
  const problems = [], requests = [];
  /** @type {Map<string, Set<string>>} by database */
  const labels = new Map();
  const setting = { engine, authorization, labels, backend: "" };
  /** @param {(request: import("node:http").IncomingMessage, setting: any, signal: AbortSignal) => Promise<{ status: number, headers?: Record<string, string>, text: string }>} answer */
  const listen = async (answer) => {
    /** @param {import("node:http").IncomingMessage} request @param {import("node:http").ServerResponse} response */
    const take = (request, response) => {
      const gone = new AbortController();
      response.on("close", () => gone.abort());
      requests.push(`${request.method} ${request.url}`);
      answer(request, setting, gone.signal).catch((error) => refusal(request, error)).then(({ status, headers, text }) => {
        response.writeHead(status, headers ?? { "content-type": "application/json" });
        response.end(text);
      }, () => response.destroy());
    };
    const server = createServer(take).on("checkContinue", (request, response) => {
      if (answer === onBackend) response.writeContinue();
      take(request, response);
    });
    server.keepAliveTimeout = 120_000;
    await new Promise((resolve) => { server.listen(0, "127.0.0.1", () => resolve(undefined)); });
    return { url: `http://127.0.0.1:${/** @type {import("node:net").AddressInfo} */ (server.address()).port}`, server };
  };
  /** @param {import("node:http").IncomingMessage} request @param {unknown} error */
  const refusal = async (request, error) => {
    if (error instanceof Refusal && error.status !== 401) problems.push(`${request.method} ${request.url}: ${error.message}`);
    else if (!(error instanceof SqlError) && !(error instanceof Refusal)) throw error;
    const status = error instanceof Refusal ? error.status : 500;
    return { status, text: JSON.stringify({ status: "FAILED", msg: /** @type {Error} */ (error).message }) };
  };
  const frontend = await listen(onFrontend), backend = await listen(onBackend);
  setting.backend = backend.url;
  return {
    frontend: frontend.url, backend: backend.url, requests, problems, engine, driver: driverOf(engine, problems),
    async stop() {
      for (const { server } of [frontend, backend]) {
        server.closeAllConnections();
        await new Promise((resolve) => { server.close(resolve); });
      }
      engine.stop();
    },
  };
}

/** @param {import("node:http").IncomingMessage} request @param {string} authorization @param {Set<string>} own */
function checkHeaders({ headers }, authorization, own) {
  if (headers.authorization !== authorization) throw new Refusal(401, "Access denied for user (using password: YES)");
  for (const name of Object.keys(headers)) if (!CARRIED.has(name) && !own.has(name)) throw new Refusal(400, `no header '${name}' is known here`);
}

/** @param {import("node:http").IncomingMessage} request @param {{ engine: Engine, authorization: string, backend: string }} setting @param {AbortSignal} signal */
async function onFrontend(request, { engine, authorization, backend }, signal) {
  const { method, url = "", headers } = request;
  if (LOAD.test(url)) {
    checkHeaders(request, authorization, OF_LOADS);
    request.resume();
    if (method !== "PUT") throw new Refusal(405, "PUT, please");
    if (headers.expect?.toLowerCase() !== "100-continue") return { status: 200, text: JSON.stringify({ Status: "FAILED", Message: "class com.starrocks.common.DdlException: There is no 100-continue header" }) };
    return { status: 307, headers: { location: backend + url, "content-type": "text/html" }, text: "" };
  }
  const path = SQL.exec(url);
  if (!path) throw new Refusal(404, "no such path");
  if (method !== "POST") throw new Refusal(405, "POST, please");
  checkHeaders(request, authorization, new Set(["content-type"]));
  if (headers["content-type"] !== "application/json") throw new Refusal(400, "JSON, please");
  const body = bodyOf(await textOf(request));
  const { query, sessionVariables = {}, disablePrintConnectionId = false, ...more } = body;
  if (typeof query !== "string" || query.trim() === "" || Object.keys(more).length > 0 || typeof sessionVariables !== "object") throw new Refusal(400, "the body is { query, sessionVariables }");
  if (!/^\s*SELECT\b/i.test(query)) throw new Refusal(400, "/api/v2/<catalog_name>/<database_name>/query only support SELECT, SHOW, EXPLAIN, DESC, KILL statement");
  const { names, types, rows } = await engine.run(query, signal);
  const lines = [
    ...(disablePrintConnectionId ? [] : ['{"connectionId":7}']),
    JSON.stringify({ meta: names.map((name, i) => ({ name, type: types[i] })) }),
    ...rows.map((row) => `{"data":[${row.map(written).join(",")}]}`),
    `{"statistics":{"scanRows":0,"scanBytes":0,"returnRows":${rows.length}}}`,
  ];
  return { status: 200, headers: { "content-type": "application/x-ndjson; charset=utf-8", "x-starrocks-query-id": "0-0" }, text: `${lines.join("\n")}\n` };
}

/** A cell as JSON: a float of a list is written as a double. @param {any} value @returns {string} */
function written(value) {
  if (typeof value === "bigint") return String(value);
  return value instanceof Float32Array ? JSON.stringify([...value]) : JSON.stringify(value);
}

/** @param {string} text */
function bodyOf(text) {
  try {
    return parseExact(text);
  } catch {
    throw new Refusal(400, "malformed json");
  }
}

/** @param {import("node:http").IncomingMessage} request @param {{ engine: Engine, authorization: string, labels: Map<string, Set<string>> }} setting @param {AbortSignal} signal */
async function onBackend(request, { engine, authorization, labels }, signal) {
  const path = LOAD.exec(request.url ?? "");
  if (!path) throw new Refusal(404, "no such path");
  if (request.method !== "PUT") throw new Refusal(405, "PUT, please");
  checkHeaders(request, authorization, OF_LOADS);
  const [, database, table] = path, { headers } = request;
  for (const [name, wanted] of [["format", "json"], ["strip_outer_array", "true"], ["strict_mode", "true"]]) if (headers[name] !== wanted) throw new Refusal(400, `${name} is ${headers[name]}`);
  const label = headers.label;
  if (label !== undefined && !LABEL.test(String(label))) throw new Refusal(400, "no such label can be");
  const used = labels.get(database) ?? new Set();
  labels.set(database, used);
  const text = await textOf(request);
  const told = { TxnId: 1, Label: label ?? "made-by-the-server" };
  const fails = (/** @type {string} */ Status, /** @type {string} */ Message, more = {}) => ({ status: 200, text: JSON.stringify({ ...told, Status, Message, ...more }) });
  if (label !== undefined && used.has(String(label))) return fails("Label Already Exists", `Label [${label}] has already been used.`, { ExistingJobStatus: "FINISHED" });
  const rows = bodyOf(text);
  try {
    const { columns, written: upserts, gone } = rowsOf(rows, String(headers.columns), engine.table(database, table));
    await engine.load(database, table, columns, upserts, gone, signal);
  } catch (error) {
    if (!(error instanceof SqlError)) throw error;
    return fails("Fail", error.message, { NumberTotalRows: rows.length, NumberLoadedRows: 0, NumberFilteredRows: rows.length, ErrorURL: "http://127.0.0.1/api/_load_error_log" });
  }
  if (label !== undefined) used.add(String(label));
  return fails("Success", "OK", { NumberTotalRows: rows.length, NumberLoadedRows: rows.length, NumberFilteredRows: 0, NumberUnselectedRows: 0, LoadBytes: text.length, LoadTimeMs: 1 });
}

/** What a column of a type takes of JSON, as DuckDB's expression. @type {Record<string, (value: any) => string | undefined>} */
const CELLS = {
  varchar: (value) => (typeof value === "string" && !value.includes("\0") ? `'${value.replaceAll("'", "''")}'` : undefined),
  bigint: (value) => (typeof value === "bigint" || Number.isSafeInteger(value) ? String(value) : undefined),
  double: (value) => (typeof value === "number" ? value.toExponential() : undefined),
  boolean: (value) => (typeof value === "boolean" ? String(value) : undefined),
  "array<float>": (value) => (Array.isArray(value) && value.every((item) => typeof item === "number") ? `CAST([${value.join(", ")}] AS FLOAT[])` : undefined),
};

/** @param {unknown} rows @param {string} header @param {import("./starrocks-sql.mjs").Table} table */
function rowsOf(rows, header, { columns: known, key }) {
  if (!Array.isArray(rows) || rows.length === 0) throw new Refusal(400, "a list of rows is expected");
  const names = header.split(",").map((name) => (name === "__op" ? name : /^`(\w+)`$/.exec(name)?.[1] ?? ""));
  for (const name of names) if (name !== "__op" && !known.has(name)) throw new SqlError(1054, `Unknown column '${name}'`);
  if (!names.includes(key)) throw new Refusal(400, "the key is missing");
  const columns = names.filter((name) => name !== "__op");
  /** @type {string[][]} */
  const upserts = [];
  /** @type {string[]} */
  const gone = [];
  for (const row of rows) {
    if (Object.keys(row).join() !== names.join()) throw new Refusal(400, `a row has ${Object.keys(row).join()}, and the columns are ${names.join()}`);
    const cells = columns.map((name) => (row[name] === null && name !== key ? "NULL" : CELLS[String(known.get(name))](row[name])));
    if (cells.includes(undefined)) throw new SqlError(5025, "too many filtered rows");
    if (names.includes("__op") && ![0, 1].includes(row.__op)) throw new Refusal(400, "__op is 0 or 1");
    if (row.__op === 1) gone.push(String(cells[columns.indexOf(key)]));
    else upserts.push(/** @type {string[]} */ (cells));
  }
  return { columns, written: upserts, gone };
}

/**
 * What takes the place of MySQL's protocol: statements without parameters, each by itself, since transactions of this
 * engine take no DELETE. @param {Engine} engine @param {string[]} problems @returns {import("../../js/host/sql.js").SqlDriver}
 */
function driverOf(engine, problems) {
  const note = (/** @type {string} */ what) => {
    problems.push(what);
    return new Error(what);
  };
  /** As MysqlRowBuffer writes it, by Ryu: 0.1 is 1E-1. @param {number} value */
  const digits = (value) => value.toExponential().toUpperCase().replace("E+", "E");
  const told = (/** @type {any} */ value) => {
    if (typeof value === "number") return digits(value);
    if (typeof value === "bigint") return String(value);
    if (typeof value === "boolean") return Number(value);
    return value instanceof Float32Array ? `[${[...value].map(digits).join(",")}]` : value;
  };
  /** @type {import("../../js/host/sql.js").SqlDriver["execute"]} */
  const execute = async (sql, params, { signal }) => {
    if (params.length > 0) throw note(`a statement with parameters: ${sql}`);
    const { names, rows } = await engine.run(sql, signal);
    return { columns: names, rows: rows.map((row) => row.map(told)), affected: 0 };
  };
  return {
    execute,
    session: async () => ({
      execute: async (sql, params, options) => execute(sql, params, options),
      begin: async () => { throw note("a transaction"); }, commit: async () => {}, rollback: async () => {}, release: async () => {},
    }),
  };
}

/** @param {import("node:http").IncomingMessage} request */
async function textOf(request) {
  /** @type {Buffer[]} */
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size > JSON_MAX) throw new Refusal(413, "too large");
    parts.push(part);
  }
  return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(parts));
}
