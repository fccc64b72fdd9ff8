// SPDX-License-Identifier: MIT
// Engines by HTTP as the host sees them: a server that redirects, hangs, breaks off, is busy, or answers out of turn.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { HeavenBase, Integer, entity, field } from "heavenbase";
import { performFetch } from "../../js/host/fetch.js";

const Row = entity("Row", { n: field(Integer) });
const SECRETS = /sesame|hunter2/;

/**
 * A gateway whose answers the test gives: `say.read` and `say.write`, else an empty result for each statement.
 * @param {(server: { url: string, say: Record<string, undefined | ((request: any, response: import("node:http").ServerResponse) => unknown)>, seen: { method: string, url: string, headers: any, body: any }[] }) => Promise<void>} body
 */
async function withServer(body) {
  const columns = [["row", "object_id", "text"], ["row", "name", "text"], ["row", "n", "int8"]];
  /** @type {any} */
  const self = { say: {}, seen: [] };
  const server = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const text = Buffer.concat(parts).toString();
    const sent = text === "" ? undefined : JSON.parse(text);
    self.seen.push({ method: request.method, url: request.url, headers: request.headers, body: sent });
    const special = sent?.statements[0].sql.includes("pg_attribute") ? undefined : self.say[sent?.transaction ? "write" : "read"];
    if (special) return special(request, response);
    const results = (sent?.statements ?? []).map((/** @type {any} */ { sql }) => (sql.includes("pg_attribute") ? { columns: ["t", "c", "y"], rows: columns } : { columns: [], rows: [] }));
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ results }));
  });
  await new Promise((resolve) => { server.listen(0, "127.0.0.1", () => resolve(undefined)); });
  self.url = `http://127.0.0.1:${/** @type {any} */ (server.address()).port}`;
  try {
    await body(self);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => { server.close(resolve); });
  }
}

/** @param {string} url @param {any} [rest] */
async function opened(url, rest = {}) {
  const ws = await HeavenBase.open("http-fetch", { catalog: false, backends: { main: { type: "postgres", via: "gateway", url, connection: "main", token: "sesame" } }, ...rest });
  await ws.register(Row);
  return ws;
}

/** @param {number} n */
const counted = (n) => JSON.stringify({ results: [{ columns: ["count"], rows: [[n]], affected: 0 }] });
/** @param {any} error @param {string} code */
const isPlain = (error, code) => {
  assert.equal(error.code, code, error.message);
  assert.equal(error.backend, "main");
  assert.doesNotMatch(`${JSON.stringify(error)} ${error.stack}`, SECRETS);
  return true;
};

test("a redirect is not followed: nobody else hears the secret", async () => {
  await withServer(async (other) => withServer(async ({ url, say }) => {
    const ws = await opened(url);
    for (const status of [301, 302, 307, 308]) {
      say.read = say.write = (_, response) => response.writeHead(status, { location: `${other.url}/v1` }).end();
      await assert.rejects(ws.count(Row), (/** @type {any} */ error) => isPlain(error, "BAD_REPLY") && /redirect/.test(error.message));
      await assert.rejects(ws.upsert(Row, { name: "a", n: 1 }, { overwrite: true }), (/** @type {any} */ error) => isPlain(error, "BAD_REPLY"));
    }
    assert.equal(other.seen.length, 0);
    await ws.close();
  }));
});

test("a busy server is asked again after a wait, which an abort and a deadline end", async () => {
  await withServer(async ({ url, say, seen }) => {
    const ws = await opened(url);
    let busy = 1;
    say.read = (_, response) => (busy-- > 0 ? response.writeHead(429).end() : response.end(counted(3)));
    const since = performance.now();
    assert.equal(await ws.count(Row), 3);
    assert.ok(performance.now() - since >= 100, "it did not wait");
    busy = Infinity;
    seen.length = 0;
    const stop = new AbortController();
    say.read = (_, response) => {
      response.writeHead(429, { "retry-after": "30" }).end();
      setTimeout(() => stop.abort(), 30);
    };
    await assert.rejects(ws.count(Row, { signal: stop.signal }), { code: "CANCELLED" });
    await assert.rejects(ws.count(Row, { timeoutMs: 5000 }), (/** @type {any} */ error) => isPlain(error, "UNAVAILABLE"));
    assert.equal(seen.length, 2);
    await ws.close();
  });
});

test("an answer that breaks off is none: a read is asked once more, a write is not", async () => {
  await withServer(async ({ url, say, seen }) => {
    const ws = await opened(url);
    const broken = (/** @type {any} */ _, /** @type {import("node:http").ServerResponse} */ response) => {
      response.writeHead(200, { "content-length": "500" }).write('{"results":[');
      setTimeout(() => response.destroy(), 5);
    };
    for (const [name, call, requests] of /** @type {[string, () => Promise<any>, number][]} */ ([["read", () => ws.count(Row), 2], ["write", () => ws.upsert(Row, { object_id: "a", name: "a", n: 1 }, { overwrite: true }), 1]])) {
      say[name] = broken;
      seen.length = 0;
      await assert.rejects(call(), (/** @type {any} */ error) => isPlain(error, "UNAVAILABLE"));
      assert.equal(seen.filter(({ body }) => body.transaction === (name === "write")).length, requests, name);
      say[name] = undefined;
    }
    await ws.close();
  });
});

test("answers out of turn go to whoever asked; a hanging one ends at its deadline, and the server hears of it", async () => {
  await withServer(async ({ url, say }) => {
    const ws = await opened(url);
    let asked = 0;
    say.read = (_, response) => {
      asked += 1;
      const own = asked;
      setTimeout(() => response.end(counted(own)), own === 1 ? 60 : 1);
    };
    assert.deepEqual(await Promise.all([ws.count(Row), pause(10).then(() => ws.count(Row))]), [1, 2]);
    const gone = new Promise((resolve) => {
      say.read = (_, response) => { response.on("close", resolve); };
    });
    await assert.rejects(ws.count(Row, { timeoutMs: 60 }), (/** @type {any} */ error) => isPlain(error, "TIMEOUT"));
    await gone;
    say.read = (_, response) => response.end(counted(9));
    assert.equal(await ws.count(Row), 9);
    await ws.close();
  });
});

test("a server that is not there is UNAVAILABLE with the system's code; so is a fetch that throws", async () => {
  let gone = "";
  await withServer(async ({ url }) => { gone = url; });
  await withServer(async ({ url, say }) => {
    const ws = await opened(url);
    say.read = (_, response) => response.writeHead(401, { "www-authenticate": "Bearer" }).end(JSON.stringify({ error: { code: "UNAUTHORIZED", message: "sesame" } }));
    await assert.rejects(ws.count(Row), (/** @type {any} */ error) => isPlain(error, "REFUSED"));
    await ws.close();
    const backends = { main: { type: "postgres", via: "gateway", url: gone, connection: "main", token: "sesame" } };
    await assert.rejects(HeavenBase.open("http-gone", { backends }), (/** @type {any} */ error) => isPlain(error, "UNAVAILABLE") && error.native === "ECONNREFUSED");
    const fetch = /** @type {any} */ (() => { throw new TypeError("sesame is no header"); });
    await assert.rejects(HeavenBase.open("http-gone", { backends, fetch }), (/** @type {any} */ error) => isPlain(error, "UNAVAILABLE"));
  });
});

test("a request tells what it must, and no cookie", async () => {
  /** @type {any[]} */
  const calls = [];
  const fetch = /** @type {any} */ (async (/** @type {string} */ url, /** @type {any} */ init) => {
    calls.push({ url, ...init });
    return new Response(JSON.stringify({ results: [{ columns: [], rows: [] }] }));
  });
  const ws = await HeavenBase.open("http-fetch", { backends: { main: { type: "postgres", via: "gateway", url: "https://gw.test", connection: "a b", token: "sesame" } }, fetch });
  const [{ url, method, headers, redirect, credentials }] = calls;
  assert.deepEqual({ url, method, headers, redirect, credentials }, { url: "https://gw.test/v1/connections/a%20b/statements", method: "POST",
    headers: { "Content-Type": "application/json", Authorization: "Bearer sesame" }, redirect: "manual", credentials: "omit" });
  assert.doesNotMatch(JSON.stringify([ws.backends.get("main"), await ws.toManifest()]), SECRETS);
  await ws.close();
});

const op = { id: 1, backend: "main", kind: /** @type {const} */ ("fetch"), method: "GET", url: "http://x.test/next", headers: { authorization: "sesame" }, body: new Uint8Array(), statements: [], inTransaction: false, timeoutMs: 0, delayMs: 0, answerMax: 0, undo: false };

test("an answer is read up to its limit", async () => {
  const fetch = /** @type {any} */ (async () => new Response(new ReadableStream({ pull: (to) => to.enqueue(new Uint8Array(1000)) })));
  await assert.rejects(performFetch({ ...op, answerMax: 5000 }, fetch, new AbortController().signal), { code: "BAD_REPLY" });
  const { body } = await performFetch({ ...op, answerMax: 4 }, /** @type {any} */ (async () => new Response("abcd")), new AbortController().signal);
  assert.deepEqual(body, new TextEncoder().encode("abcd"));
});

test("what is given up is DELETEd where the core says so, once, and nothing else is", async () => {
  for (const undo of [true, false]) {
    /** @type {any[]} */
    const calls = [];
    const fetch = /** @type {any} */ ((/** @type {string} */ url, /** @type {any} */ { method, headers, signal }) => {
      calls.push([method, url, headers.authorization]);
      if (method === "DELETE") return Promise.resolve(new Response(null, { status: 204 }));
      return new Promise((_, reject) => { signal.addEventListener("abort", () => reject(signal.reason)); });
    });
    const stop = new AbortController();
    const running = performFetch({ ...op, undo }, fetch, stop.signal);
    stop.abort();
    await assert.rejects(running);
    assert.deepEqual(calls, [["GET", op.url, "sesame"], ...(undo ? [["DELETE", op.url, "sesame"]] : [])]);
  }
});
