// SPDX-License-Identifier: MIT
// The real workerd, by way of miniflare: bundled, without Node compatibility, the module as a static import.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { gzipSync } from "node:zlib";
import * as heavenbase from "heavenbase";
import { PGlite } from "@electric-sql/pglite";
import { vector } from "@electric-sql/pglite-pgvector";
import { remote, seen } from "../hosts/remote.js";
import { tour } from "../hosts/tour.js";
import { onPglite, startNeon } from "../servers/neon.mjs";
import { bundle, start } from "./bundle.mjs";

/** @type {import("./bundle.mjs").Bundle} */
let worker;
/** @type {import("miniflare").Miniflare} */
let runtime;
before(async () => {
  worker = await bundle("tests/workerd/worker.js");
  runtime = start(worker);
  await runtime.ready;
});
after(() => runtime?.dispose());

/** @param {import("miniflare").Miniflare} server @param {string} path @returns {Promise<any>} */
async function ask(server, path) {
  const response = await server.dispatchFetch(`http://worker.test${path}`);
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return JSON.parse(text);
}

test("the bundle asks for nothing of Node and evaluates no text", (t) => {
  for (const pattern of [/["']node:/, /\brequire\(/, /\beval\(/, /\bnew Function\(/]) assert.doesNotMatch(worker.code, pattern);
  assert.deepEqual([...worker.wasm.keys()], ["hb.wasm"]);
  const bytes = gzipSync(worker.code).length + gzipSync(/** @type {Buffer} */ (worker.wasm.get("hb.wasm"))).length;
  t.diagnostic(`worker with its module: ${Math.round(bytes / 1024)} KB gzipped`);
});

test("importing compiles and instantiates nothing, and the runtime has no Node", async () => {
  const nothing = { Module: 0, Instance: 0, compile: 0, instantiate: 0 };
  assert.deepEqual(await ask(runtime, "/import"), { atImport: nothing, buffer: "undefined", process: "undefined" });
});

test("the tour passes inside a request, and gives what it gives in Node", async (t) => {
  const first = await ask(runtime, "/tour");
  assert.deepEqual([first.before.Instance, first.before.instantiate], [0, 0], "instantiated before the first open");
  assert.deepEqual([first.after.Module, first.after.compile], [0, 0], "compiled, though the module comes compiled");
  assert.equal(first.after.Instance + first.after.instantiate, 1);
  assert.deepEqual(first.report, await tour(heavenbase));
  const second = await ask(runtime, "/tour");
  assert.deepEqual(second.report, first.report);
  assert.deepEqual(second.after, first.after, "a later request instantiated again");
  t.diagnostic(`tour: ${first.ms} ms in the first request, ${second.ms} ms in the second`);
});

test("concurrent requests share one module", async () => {
  const fresh = start(worker);
  try {
    const answers = await Promise.all([1, 2, 3].map(() => ask(fresh, "/tour")));
    assert.equal(Math.max(...answers.map(({ after: { Instance, instantiate } }) => Instance + instantiate)), 1);
    for (const { report } of answers) assert.deepEqual(report, answers[0].report);
  } finally {
    await fresh.dispose();
  }
});

test("the tour passes with everything in sqlite", async () => {
  assert.deepEqual((await ask(runtime, "/one-engine")).backends, ["main"]);
});

test("what this host cannot keep is a typed error", async () => {
  assert.deepEqual(await ask(runtime, "/persist"), { name: "HeavenBaseError", code: "HOST" });
});

test("a worker reaches pgvector by fetch", async () => {
  const db = await PGlite.create({ extensions: { vector } });
  await db.exec("CREATE EXTENSION vector");
  const uri = "postgresql://me:hunter2@ep-one.test/db";
  const proxy = await startNeon({ run: onPglite(db), connectionString: uri });
  try {
    const given = (/** @type {string} */ id) => ({ id, backends: { main: { type: "pgvector", via: "neon", url: proxy.url, uri } }, secret: "hunter2" });
    assert.deepEqual(await ask(runtime, `/remote?given=${encodeURIComponent(JSON.stringify(given("from-worker")))}`), seen);
    assert.deepEqual(await remote(heavenbase, given("from-node")), seen);
  } finally {
    await proxy.stop();
    await db.close();
  }
});

test("the slim entry passes the tour in memory", async () => {
  const slim = await bundle("tests/workerd/slim-worker.js");
  assert.deepEqual([...slim.wasm.keys()], ["hb-slim.wasm"]);
  const server = start(slim);
  try {
    assert.deepEqual((await ask(server, "/")).backends, ["main"]);
  } finally {
    await server.dispose();
  }
});

test("the example keeps notes and finds them by words", async () => {
  const server = start(await bundle("examples/worker/worker.js"));
  try {
    const post = (/** @type {string} */ body) => server.dispatchFetch("http://worker.test/", { method: "POST", body });
    assert.deepEqual((await Promise.all(["Ships leave at dawn.", "Rain, then wind; ships wait for the rain to end."].map(post))).map(({ status }) => status), [201, 201]);
    assert.equal((await ask(server, "/")).length, 2);
    assert.deepEqual(await ask(server, "/?words=dawn"), ["Ships leave at dawn."]);
    assert.deepEqual((await ask(server, "/?words=rain+ships"))[0], "Rain, then wind; ships wait for the rain to end.");
  } finally {
    await server.dispose();
  }
});
