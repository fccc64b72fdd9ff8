// SPDX-License-Identifier: MIT
// starrocks through the host's fetch, and tables through a driver beside it: what is sent with each request, where a load
// is redirected to, and what is given up.
import assert from "node:assert/strict";
import test from "node:test";
import { HeavenBase, Integer, Vector, entity, field } from "heavenbase";

const FE = "https://fe.test:8030", BE = "https://be.test:8040";
const Note = entity("Note", { n: field(Integer), v: field(Vector(2)) });
const known = [["object_id", "varchar"], ["name", "varchar"], ["n", "bigint"], ["v", "array"]];
const lines = (/** @type {string[]} */ names, /** @type {string[]} */ rows) => `${JSON.stringify({ connectionId: 7 })}\n${JSON.stringify({ meta: names.map((name) => ({ name, type: "varchar" })) })}\n${rows.map((row) => `{"data":${row}}\n`).join("")}{"statistics":{"scanRows":0,"scanBytes":0,"returnRows":${rows.length}}}\n`;

/** A server that has the tables of `Note`, or not. @param {{ rows?: (signal: AbortSignal) => any, load?: (url: string) => any, made?: boolean }} answers */
function server({ rows = () => lines(["object_id"], []), load = () => undefined, made = true }) {
  /** @type {any[]} */
  const calls = [];
  const fetch = async (/** @type {string} */ url, /** @type {any} */ { method, headers, body, signal, redirect, credentials }) => {
    const text = new TextDecoder().decode(body);
    calls.push({ method, url, headers, text, redirect, credentials });
    if (method === "PUT") return load(url) ?? Response.json({ Status: "Success", NumberLoadedRows: JSON.parse(text).length, NumberFilteredRows: 0 });
    const { query } = JSON.parse(text);
    const answer = /information_schema/.test(query) ? lines(["t", "c", "d"], made ? known.map(([name, type]) => JSON.stringify(["note", name, type])) : []) : await rows(signal);
    return answer instanceof Response ? answer : new Response(answer);
  };
  return { calls, fetch: /** @type {any} */ (fetch) };
}

/** What a driver is asked. */
function tables() {
  /** @type {string[]} */
  const asked = [];
  return { asked, driver: { execute: (/** @type {string} */ sql) => { asked.push(sql); return {}; } } };
}

const open = async (/** @type {typeof fetch} */ fetch_, /** @type {any} */ more = {}, /** @type {any} */ options = {}) => {
  const ws = await HeavenBase.open("s", { catalog: false, fetch: fetch_, backends: { main: { type: "starrocks", via: "http", url: FE, load_url: BE, username: "me", password: "sesame", ...more } }, ...options });
  await ws.register(Note);
  return ws;
};
const Authorization = `Basic ${btoa("me:sesame")}`;

test("reads go to the frontend, rows to the backend with a label of their own, and nothing is followed by the host", async () => {
  const { asked, driver } = tables();
  const { calls, fetch } = server({ rows: () => lines(["object_id", "n", "v"], ['["a",9223372036854775807,[1,0.5]]', '["b",null,"[0,-1]"]']) });
  const ws = await open(fetch, {}, { drivers: { main: driver } });
  assert.deepEqual(asked, ["CREATE TABLE IF NOT EXISTS `hb_s`.`hb_meta` (`key` varchar(255) NOT NULL, `value` varchar(1048576)) PRIMARY KEY (`key`) DISTRIBUTED BY HASH (`key`)"]);
  calls.length = 0;
  const frame = await ws.query(Note).select("n", "v").execute();
  assert.deepEqual(frame.rows().map(({ n, v }) => [n, v && [...v]]), [[9223372036854775807n, [1, 0.5]], [null, [0, -1]]]);
  await ws.upsertMany(Note, [{ object_id: "a", n: 2n ** 62n, v: [1, 0.5] }, { object_id: "it's", n: null }]);
  await ws.upsert(Note, { object_id: "c", n: 1 });
  const [read, load, second] = calls;
  assert.deepEqual(read, { method: "POST", url: `${FE}/api/v1/catalogs/default_catalog/sql`, headers: { Authorization, "Content-Type": "application/json" }, redirect: "manual", credentials: "omit",
    text: '{"query":"SELECT `object_id`, `n`, `v` FROM `hb_s`.`note` ORDER BY `object_id` NULLS LAST"}' });
  const { label, ...headers } = load.headers;
  assert.deepEqual({ ...load, headers }, { method: "PUT", url: `${BE}/api/hb_s/note/_stream_load`, redirect: "manual", credentials: "omit",
    headers: { Authorization, format: "json", strip_outer_array: "true", strict_mode: "true", columns: "`object_id`,`name`,`n`,`v`" },
    text: '[{"object_id":"a","name":null,"n":4611686018427387904,"v":[1.0,0.5]},{"object_id":"it\'s","name":null,"n":null,"v":null}]' });
  assert.match(label, /^hb_[0-9a-f]{32}_\d+$/);
  assert.notEqual(second.headers.label, label);
  const other = await open(fetch, {}, { drivers: { main: driver } });
  await other.upsert(Note, { object_id: "d", n: 1 });
  assert.notEqual(calls.at(-1).headers.label.slice(0, 35), label.slice(0, 35));
  assert.doesNotMatch(JSON.stringify([ws.backends.get("main"), await ws.toManifest()]), /sesame/);
  await ws.close();
  await other.close();
});

test("explain shows what goes out, and no value", async () => {
  const { fetch } = server({});
  const ws = await open(fetch, {}, { drivers: { main: tables().driver } });
  const plan = await ws.query(Note).where(Note.n.eq(41_414_141)).explain();
  assert.match(JSON.stringify(plan), /WHERE `n` = \?/);
  assert.doesNotMatch(JSON.stringify(plan.plan ?? plan), /"sql":"[^"]*41414141/);
  await ws.close();
});

test("a load follows a redirect to its own host or one that is named, and the password goes nowhere else", async () => {
  for (const [to, follows] of /** @type {[string, boolean][]} */ ([["https://be.test:9000", true], ["https://be2.test:8040", true], ["https://evil.test", false], ["http://be.test:8040", false]])) {
    const { calls, fetch } = server({ load: (url) => (url.startsWith(BE) && url.includes("/note/") ? new Response(null, { status: 307, headers: { location: `${to}/api/hb_s/note/_stream_load` } }) : undefined) });
    const ws = await open(fetch, { load_hosts: "be2.test" }, { drivers: { main: tables().driver } });
    const done = ws.upsert(Note, { object_id: "a", n: 1 });
    if (follows) await done;
    else await assert.rejects(done, (/** @type {any} */ error) => error.code === "BAD_REPLY" && error.backend === "main" && !/evil|sesame/.test(error.message));
    assert.equal(calls.some(({ url }) => url.startsWith(to)), follows, to);
    await ws.close();
  }
});

test("without a driver tables are not made, and it is said how they are", async () => {
  const { calls, fetch } = server({ made: false });
  await assert.rejects(open(fetch), (/** @type {any} */ error) => error.code === "UNSUPPORTED" && error.backend === "main" && /driver/.test(error.message));
  assert.equal(calls.filter(({ method }) => method === "PUT").length, 0);
});

test("a read that is given up ends its request, and one that is busy waits as long as it is told", async () => {
  const stop = new AbortController();
  let ended = false, asks = 0;
  const { fetch } = server({ rows: (signal) => new Promise((_, reject) => {
    signal.addEventListener("abort", () => {
      ended = true;
      reject(signal.reason);
    });
    setTimeout(() => stop.abort(), 0);
  }) });
  const ws = await open(fetch, {}, { drivers: { main: tables().driver } });
  await assert.rejects(ws.query(Note).execute({ signal: stop.signal }), { code: "CANCELLED" });
  assert.ok(ended);
  await ws.close();
  const busy = server({ rows: () => ((asks += 1) > 1 ? lines(["object_id"], []) : new Response('{"status":"FAILED","msg":"busy"}', { status: 429, headers: { "retry-after": "0" } })) });
  const other = await open(busy.fetch, {}, { drivers: { main: tables().driver } });
  assert.equal((await other.query(Note).select("object_id").execute()).length, 0);
  assert.equal(asks, 2);
  await other.close();
});
