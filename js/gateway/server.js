// SPDX-License-Identifier: MIT
// The HTTP side of the gateway: who asks, for what, and what is answered.
import { randomUUID } from "node:crypto";
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { GatewayError, stopping } from "./errors.js";
import { writeResults } from "./json.js";
import { checkHeaders, parseRequest, readBody } from "./request.js";
import { runStatements } from "./run.js";
import { bearers } from "./tokens.js";

/** @typedef {import("node:http").IncomingMessage} Request */
/** @typedef {import("node:http").ServerResponse} Response */
/** @typedef {import("./config.js").CheckedConfig} CheckedConfig */
/** @typedef {import("./errors.js").EndReason} EndReason */
/** @typedef {import("./run.js").Connection} Connection */
/** @typedef {{ request: Request, response: Response, name: string, entry: Record<string, unknown>, onBody: () => void }} Call `name`: of the connection; `entry`: what the log will say */
/** @typedef {{ status?: number, body: string }} Answer */

const REQUEST_ID = /^[\w.:-]{1,128}$/;
const PREFLIGHT_SECONDS = "600";
const HEADER_BYTES = 16_384;
/** A connection without a request stays open longer than clients and proxies keep theirs: none is closed under a request that is just sent. */
const IDLE_MS = 65_000;
/** Connections are looked at this often for requests that take too long to come. */
const WATCH_MS = 1000;
/** How long answers may be taken when the gateway ends. */
const LEAVE_MS = 5000;
/** How long a client whose connection ends may go on sending what nobody reads any more, see `send` and `refuseSocket`. */
const LINGER_MS = 1000;

export class GatewayServer {
  #config;
  #connections;
  #log;
  #bearerOf;
  #server;
  /** Requests that hold, or wait for, a connection. @type {Map<AbortController, Promise<unknown>>} */
  #running = new Map();
  #isStopping = false;
  /** @type {Record<string, { pattern: RegExp, method: string, answer: (call: Call) => Answer | Promise<Answer> }>} */
  #routes = {
    health: { pattern: /^\/health$/, method: "GET", answer: () => (this.#isStopping ? { status: 503, body: '{"status":"stopping"}' } : { body: '{"status":"ok"}' }) },
    connections: { pattern: /^\/v1\/connections$/, method: "GET", answer: (call) => this.#list(call) },
    statements: { pattern: /^\/v1\/connections\/([^/]+)\/statements$/, method: "POST", answer: (call) => this.#perform(call) },
  };

  /** @param {CheckedConfig} config @param {ReadonlyMap<string, Connection>} connections @param {import("./log.js").Log} log @param {{ cert: string, key: string } | null} tls */
  constructor(config, connections, log, tls) {
    const { headersMs, bodyMs, sockets } = config.limits;
    const times = { headersTimeout: headersMs, requestTimeout: headersMs + bodyMs + WATCH_MS, keepAliveTimeout: IDLE_MS, connectionsCheckingInterval: Math.min(WATCH_MS, headersMs) };
    const options = { ...times, maxHeaderSize: HEADER_BYTES };
    this.#config = config;
    this.#connections = connections;
    this.#log = log;
    this.#bearerOf = bearers(config.tokens);
    this.#server = tls ? createHttpsServer({ ...options, ...tls }) : createHttpServer(options);
    this.#server.maxConnections = sockets;
    this.#server.on("request", (request, response) => this.#handle(request, response, () => {}));
    this.#server.on("checkContinue", (request, response) => this.#handle(request, response, () => response.writeContinue()));
    this.#server.on("clientError", (error, socket) => refuseSocket(/** @type {any} */ (error), socket));
  }

  /** @returns {Promise<import("node:net").AddressInfo>} */
  listen() {
    const { host, port } = this.#config;
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host, port }, () => {
        this.#server.off("error", reject);
        resolve(/** @type {import("node:net").AddressInfo} */ (this.#server.address()));
      });
    });
  }

  /** Requests that run have until then; what still runs is cancelled. New ones are told that the gateway stops. @param {number} drainMs @param {AbortSignal} now ends the wait */
  async stop(drainMs, now) {
    this.#isStopping = true;
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    const over = new Promise((resolve) => {
      timer = setTimeout(resolve, drainMs);
      if (now.aborted) resolve(undefined);
      now.addEventListener("abort", resolve, { once: true });
    });
    await Promise.race([over, this.#allEnded()]);
    clearTimeout(timer);
    for (const controller of this.#running.keys()) controller.abort(/** @type {EndReason} */ ("stopping"));
    await this.#allEnded();
    await this.#close();
  }

  /** Answers that are under way may be taken for a while. */
  async #close() {
    const until = performance.now() + LEAVE_MS;
    const closing = setInterval(() => {
      if (performance.now() < until) this.#server.closeIdleConnections();
      else this.#server.closeAllConnections();
    }, 20);
    await new Promise((resolve) => { this.#server.close(resolve); });
    clearInterval(closing);
  }

  async #allEnded() {
    while (this.#running.size > 0) await Promise.all(this.#running.values());
  }

  /** @param {Request} request @param {Response} response @param {() => void} onBody called before the body is read */
  async #handle(request, response, onBody) {
    const since = performance.now();
    const given = request.headers["x-request-id"];
    const id = typeof given === "string" && REQUEST_ID.test(given) ? given : randomUUID();
    /** @type {Call} */
    const call = { request, response, name: "", entry: {}, onBody };
    response.setHeader("x-request-id", id);
    response.setHeader("cache-control", "no-store");
    response.setHeader("x-content-type-options", "nosniff");
    response.on("error", () => {});
    let status = 500;
    let bytes = 0;
    try {
      const { status: chosen = 200, body } = await this.#route(call);
      [status, bytes] = [chosen, send(response, chosen, body, this.#config.limits.responseMs)];
    } catch (error) {
      const told = error instanceof GatewayError ? error : new GatewayError("INTERNAL", "the gateway failed");
      Object.assign(call.entry, { error: told.code, native: told.native, ...(told !== error && { fault: faultOf(error) }) });
      for (const [name, value] of Object.entries(told.headers)) response.setHeader(name, value);
      status = told.status;
      bytes = send(response, status, JSON.stringify({ error: told }), this.#config.limits.responseMs);
    }
    this.#log("request", { id, remote: request.socket.remoteAddress, method: request.method, ...call.entry, bytes, ms: Math.round((performance.now() - since) * 10) / 10, status });
  }

  /** @param {Call} call @returns {Promise<Answer>} */
  async #route(call) {
    const { request, response, entry } = call;
    const path = (request.url ?? "").split("?", 1)[0];
    const found = Object.entries(this.#routes).map(([name, route]) => ({ name, route, match: route.pattern.exec(path) })).find(({ match }) => match);
    this.#allowOrigin(request, response);
    if (!found) throw new GatewayError("NOT_FOUND", "there is no such path");
    const { name, route: { method, answer }, match } = found;
    entry.route = name;
    call.name = match?.[1] ?? "";
    if (request.method === "OPTIONS" && request.headers.origin !== undefined && request.headers["access-control-request-method"] !== undefined) return preflight(response, method);
    if (request.method !== method) throw new GatewayError("METHOD_NOT_ALLOWED", `the method here is ${method}`, { headers: { allow: method } });
    return answer(call);
  }

  /** Pages of other origins are refused, whatever they ask for. @param {Request} request @param {Response} response */
  #allowOrigin({ headers: { origin } }, response) {
    const { origins } = this.#config.cors;
    response.setHeader("vary", "Origin");
    if (origin === undefined) return;
    const allowed = origins.includes("*") ? "*" : origins.find((one) => one === origin);
    if (allowed === undefined) throw new GatewayError("FORBIDDEN", "pages of this origin may not ask here");
    response.setHeader("access-control-allow-origin", allowed);
    response.setHeader("access-control-expose-headers", "x-request-id, retry-after");
  }

  /** @param {Call} call */
  #bearer({ request, entry }) {
    const bearer = this.#bearerOf(request.headers.authorization);
    if (!bearer) throw new GatewayError("UNAUTHORIZED", "a token of this gateway is needed", { headers: { "www-authenticate": "Bearer" } });
    entry.token = bearer.name;
    return bearer;
  }

  /** @param {Call} call @returns {Answer} */
  #list(call) {
    const bearer = this.#bearer(call);
    const shown = [...this.#connections.values()].filter(({ config }) => bearer.connections.has(config.name));
    return { body: JSON.stringify({ connections: shown.map(({ config: { name, engine, readOnly } }) => ({ name, engine, readOnly })) }) };
  }

  /** @param {Call} call @returns {Promise<Answer>} */
  async #perform(call) {
    const bearer = this.#bearer(call);
    const connection = this.#connections.get(call.name);
    if (!connection) throw new GatewayError("NOT_FOUND", "there is no such connection");
    call.entry.connection = call.name;
    if (!bearer.connections.has(call.name)) throw new GatewayError("FORBIDDEN", "the token is not for this connection");
    if (this.#isStopping) throw stopping();
    checkHeaders(call.request, this.#config.limits.bodyBytes);
    if (this.#running.size >= this.#config.limits.concurrent) throw new GatewayError("TOO_MANY_REQUESTS", "too many requests run at once", { began: false, headers: { "retry-after": "1" } });
    const controller = new AbortController();
    const work = this.#run(call, connection, controller);
    this.#running.set(controller, work.catch(() => {}));
    try {
      return await work;
    } finally {
      this.#running.delete(controller);
    }
  }

  /** @param {Call} call @param {Connection} connection @param {AbortController} controller @returns {Promise<Answer>} */
  async #run({ request, response, entry, onBody }, connection, controller) {
    const leave = () => controller.abort(/** @type {EndReason} */ ("gone"));
    response.once("close", leave);
    onBody();
    const asked = parseRequest(await readBody(request, this.#config.limits, controller.signal), this.#config.limits);
    entry.statements = asked.statements.length;
    const tally = { rows: 0 };
    const timer = setTimeout(() => controller.abort(/** @type {EndReason} */ ("timeout")), Math.min(connection.config.timeoutMs, asked.timeoutMs ?? Infinity));
    try {
      return { body: writeResults(await runStatements(connection, asked, controller.signal, tally)) };
    } finally {
      clearTimeout(timer);
      response.off("close", leave);
      entry.rows = tally.rows;
    }
  }
}

/** @param {Response} response @param {string} method @returns {Answer} */
function preflight(response, method) {
  response.setHeader("access-control-allow-methods", method);
  response.setHeader("access-control-allow-headers", "authorization, content-type, x-request-id");
  response.setHeader("access-control-max-age", PREFLIGHT_SECONDS);
  return { status: 204, body: "" };
}

/**
 * Whoever does not take the answer in time loses the connection. A connection that ends with an answer to half a request
 * stays until the other half has come and is dropped: closed over unread bytes it would be reset, and the answer lost.
 * @param {Response} response @param {number} status @param {string} body @param {number} responseMs
 */
function send(response, status, body, responseMs) {
  const bytes = Buffer.from(body);
  if (response.destroyed) return 0;
  if (bytes.length > 0) response.setHeader("content-type", "application/json");
  response.writeHead(status, status === 204 ? {} : { "content-length": bytes.length });
  const timer = setTimeout(() => response.destroy(), responseMs);
  response.once("close", () => clearTimeout(timer));
  const { req: request } = response;
  if (bytes.length > 0 && request.method !== "HEAD") response.write(bytes);
  const end = () => {
    clearTimeout(lingering);
    response.end();
  };
  const lingering = setTimeout(end, LINGER_MS);
  if (request.complete || response.shouldKeepAlive) end();
  else request.resume().once("end", end).once("close", end);
  return bytes.length;
}

/**
 * What is no HTTP, or takes too long to become it, gets an answer of its own. What still comes after it is read and dropped
 * until the client closes: a connection that is closed over unread bytes is reset, and a reset takes the answer with it.
 * Each of those bytes is an error again, hence the first line.
 * @param {Error & { code?: string }} error @param {import("node:stream").Duplex} socket
 */
function refuseSocket({ code }, socket) {
  if (socket.writableEnded && code !== "ECONNRESET") return socket;
  if (code === "ECONNRESET" || !socket.writable) return socket.destroy();
  const told = code === "HPE_HEADER_OVERFLOW" ? new GatewayError("HEADERS_TOO_LARGE", `the headers have at most ${HEADER_BYTES} bytes`)
    : code === "ERR_HTTP_REQUEST_TIMEOUT" ? new GatewayError("REQUEST_TIMEOUT", "the request took too long") : new GatewayError("INVALID_REQUEST", "this is not HTTP");
  const body = JSON.stringify({ error: told });
  socket.end(`HTTP/1.1 ${told.status} ${told.code}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  return socket.once("close", () => clearTimeout(timer));
}

/** Where a defect of ours lies, without what its message may say. @param {unknown} error */
const faultOf = (error) => (error instanceof Error ? `${error.name} ${(error.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line)).slice(0, 3).map((line) => line.trim()).join(" ")}` : typeof error);
