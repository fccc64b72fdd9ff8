// SPDX-License-Identifier: MIT
// trino through the host's fetch: what is sent with each request, pages, and what is given up.
import assert from "node:assert/strict";
import test from "node:test";
import { HeavenBase, Integer, entity, field } from "heavenbase";

const URL_ = "https://trino.test/base";
const Note = entity("Note", { n: field(Integer) });
const columns = (/** @type {[string, string][]} */ ...list) => list.map(([name, type]) => ({ name, type }));
const known = ["object_id", "name", "n"].map((name) => ["note", name, name === "n" ? "bigint" : "varchar"]);

/** A server that has the tables of `Note`; `pages` answers what follows a POST that reads rows. @param {(path: string, signal: AbortSignal) => any} pages */
function server(pages) {
  /** @type {any[]} */
  const calls = [];
  const decode = new TextDecoder();
  const answerTo = (/** @type {string} */ sql) => {
    if (/system\.metadata/.test(sql)) return { id: "q", columns: columns(["c", "varchar"]), data: [["postgresql"]] };
    if (/information_schema/.test(sql)) return { id: "q", columns: columns(["t", "varchar"], ["c", "varchar"], ["d", "varchar"]), data: known };
    return /^SELECT "object_id", "n"/.test(sql) ? { id: "q", nextUri: "http://10.0.0.1/v1/statement/queued/q/y/1" } : { id: "q", columns: [], data: [] };
  };
  const fetch = async (/** @type {string} */ url, /** @type {any} */ { method, headers, body, signal, redirect, credentials }) => {
    const sql = body ? decode.decode(body) : "";
    calls.push({ method, url, headers, sql, redirect, credentials });
    if (method === "DELETE") return new Response(null, { status: 204 });
    const answer = method === "POST" ? answerTo(sql) : await pages(url.slice(URL_.length), signal);
    return answer instanceof Response ? answer : Response.json(answer);
  };
  return { calls, fetch: /** @type {any} */ (fetch) };
}

const open = async (/** @type {typeof fetch} */ fetch_) => {
  const ws = await HeavenBase.open("t", { catalog: false, fetch: fetch_, backends: { main: { type: "trino", url: URL_, catalog: "pg", username: "me", password: "sesame" } } });
  await ws.register(Note);
  return ws;
};
const asked = (/** @type {any[]} */ calls) => calls.map(({ method, url }) => `${method} ${url.slice(URL_.length)}`);

test("pages are followed on the server's own path, with the headers and without following anything else", async () => {
  const { calls, fetch } = server((path) => (path.endsWith("/1")
    ? new Response('{"id":"q","nextUri":"https://elsewhere.test/v1/statement/executing/q/y/2","columns":[{"name":"object_id","type":"varchar"},{"name":"n","type":"bigint"}],"data":[["a",9223372036854775807]]}')
    : { id: "q", columns: columns(["object_id", "varchar"], ["n", "bigint"]), data: [["b", null]] }));
  const ws = await open(fetch);
  calls.length = 0;
  const frame = await ws.query(Note).select("n").execute();
  assert.deepEqual(frame.rows(), [{ object_id: "a", n: 9223372036854775807n }, { object_id: "b", n: null }]);
  assert.deepEqual(asked(calls), ["POST /v1/statement", "GET /v1/statement/queued/q/y/1", "GET /v1/statement/executing/q/y/2"]);
  for (const { headers, redirect, credentials } of calls) {
    assert.deepEqual({ headers, redirect, credentials }, { redirect: "manual", credentials: "omit", headers: { "X-Trino-User": "me", "X-Trino-Source": "heavenbase", "X-Trino-Catalog": "pg", "X-Trino-Time-Zone": "UTC",
      "X-Trino-Client-Capabilities": "PARAMETRIC_DATETIME", "Content-Type": "text/plain; charset=utf-8", Authorization: `Basic ${btoa("me:sesame")}` } });
  }
  assert.doesNotMatch(JSON.stringify([ws.backends.get("main"), await ws.toManifest()]), /sesame/);
  await ws.close();
});

test("a query that is given up is DELETEd, also while its next page is waited for", async () => {
  for (const busy of [false, true]) {
    const stop = new AbortController();
    let asks = 0;
    const { calls, fetch } = server((path, signal) => {
      asks += 1;
      if (busy) {
        setTimeout(() => stop.abort(), 0);
        return new Response(null, { status: 503, headers: { "retry-after": "30" } });
      }
      setTimeout(() => stop.abort(), 0);
      return new Promise((_, reject) => { signal.addEventListener("abort", () => reject(signal.reason)); });
    });
    const ws = await open(fetch);
    calls.length = 0;
    await assert.rejects(ws.query(Note).select("n").execute({ signal: stop.signal }), { code: "CANCELLED" });
    await new Promise((resolve) => { setTimeout(resolve, 0); });
    assert.equal(asks, 1);
    assert.deepEqual(asked(calls), ["POST /v1/statement", "GET /v1/statement/queued/q/y/1", "DELETE /v1/statement/queued/q/y/1"]);
    assert.equal(calls[2].headers.Authorization, `Basic ${btoa("me:sesame")}`);
    await ws.close();
  }
});

test("an error of the engine has its name, and no words of the server", async () => {
  const { fetch } = server(() => ({ id: "q", error: { message: "Table 'pg.secret.note' does not exist", errorCode: 46, errorName: "TABLE_NOT_FOUND", errorType: "USER_ERROR" } }));
  const ws = await open(fetch);
  await assert.rejects(ws.query(Note).select("n").execute(), (/** @type {any} */ error) => error.code === "SCHEMA_DRIFT" && error.native === "TABLE_NOT_FOUND" && error.backend === "main" && !/secret|sesame/.test(error.message));
  await ws.close();
});
