// SPDX-License-Identifier: MIT
// A real Chromium, no bundler, under a strict content security policy; files that survive a reload.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import * as heavenbase from "heavenbase";
import { PGlite } from "@electric-sql/pglite";
import { vector } from "@electric-sql/pglite-pgvector";
import { root } from "../../scripts/lib.mjs";
import { seen } from "../hosts/remote.js";
import { tour } from "../hosts/tour.js";
import { onPglite, startNeon } from "../servers/neon.mjs";
import { callHost, inPage, launch } from "./chromium.mjs";
import { STRICT_POLICY, serve } from "./server.mjs";

/** @type {Awaited<ReturnType<typeof serve>>} */
let server;
/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  server = await serve(root);
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.close();
});

/** @param {Parameters<typeof inPage>[2]} work */
const inPlainPage = (work) => inPage(browser, `${server.url}/tests/web/plain.html`, work);

test("the policy allows wasm and no evaluated text", () => {
  assert.match(STRICT_POLICY, /script-src 'self' 'wasm-unsafe-eval'$/);
});

test("the tour passes as a plain module script, and gives what it gives in Node", () => inPlainPage(async (page) => {
  const fetched = server.asked.filter((path) => path.endsWith(".wasm") || path.endsWith("hb.mjs"));
  assert.deepEqual(fetched, [], "importing loaded the module");
  assert.deepEqual(await callHost(page, "tour"), await tour(heavenbase));
  assert.equal(server.asked.filter((path) => path === "/dist/hb.wasm").length, 1);
}));

test("from script to first answer", (t) => inPlainPage(async (page) => {
  t.diagnostic(`first query after ${Math.round(await callHost(page, "firstQuery"))} ms`);
}));

test("the tour passes in a module worker", () => inPlainPage(async (page) => {
  const answer = await page.evaluate(() => new Promise((resolve, reject) => {
    const worker = new Worker("/tests/web/worker.js", { type: "module" });
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(message));
  }));
  assert.deepEqual(answer, { report: await tour(heavenbase) });
}));

for (const [name, write, read] of [["the one file that persist makes", "write", "read"], ["a file that is named", "writeNamed", "readNamed"],
  ["a folder of JSON files", "writeRows", "readRows"], ["a folder of pickle files", "writePickles", "readPickles"]]) {
  test(`a workspace survives a reload: ${name}`, () => inPlainPage(async (page, reload) => {
    const written = await callHost(page, write);
    assert.equal(written.persistence, "idb");
    for (let time = 0; time < 2; time++) {
      await reload();
      assert.deepEqual(await callHost(page, read, written), written);
    }
  }));
}

test("what was flushed, or written strictly, is there even if nobody closed the workspace", () => inPlainPage(async (page, reload) => {
  assert.deepEqual(await callHost(page, "add"), [0, 20]);
  assert.deepEqual(await callHost(page, "addStrictly"), { durability: ["strict", "strict"], seen: [true, true], rows: 2, early: false });
  await reload();
  assert.deepEqual(await callHost(page, "add"), [20, 40]);
  assert.equal((await callHost(page, "addStrictly")).rows, 2);
}));

test("a flushed write is kept even if it came in the same millisecond as the one before", () => inPlainPage(async (page, reload) => {
  await callHost(page, "addWithinOneInstant");
  await reload();
  assert.equal((await callHost(page, "add"))[0], 2);
}));

test("an IndexedDB that cannot be read is a typed error", () => inPlainPage(async (page) => {
  assert.deepEqual(await callHost(page, "openBroken"), ["HeavenBaseError", "HOST"]);
}));

test("another profile has other files", () => inPlainPage(async (page) => {
  assert.deepEqual(await callHost(page, "add"), [0, 20]);
}));

test("a workspace whose files are open is locked until it is closed", () => inPlainPage(async (page) => {
  assert.equal(await callHost(page, "openTwice"), "LOCKED");
}));

test("what cannot be kept is refused", () => inPlainPage(async (page) => {
  assert.deepEqual(await callHost(page, "refused"), ["VALIDATION", "VALIDATION", "VALIDATION"]);
}));

test("a page reaches pgvector by fetch, at a server of another origin", async () => {
  const db = await PGlite.create({ extensions: { vector } });
  await db.exec("CREATE EXTENSION vector");
  const uri = "postgresql://me:hunter2@ep-one.test/db";
  const proxy = await startNeon({ run: onPglite(db), connectionString: uri });
  const open = await serve(root, { policy: `${STRICT_POLICY}; connect-src 'self' ${new URL(proxy.url).origin}` });
  try {
    await inPage(browser, `${open.url}/tests/web/plain.html`, async (page) => {
      assert.deepEqual(await callHost(page, "remote", { id: "from-page", backends: { main: { type: "pgvector", via: "neon", url: proxy.url, uri } }, secret: "hunter2" }), seen);
    });
  } finally {
    await open.close();
    await proxy.stop();
    await db.close();
  }
});
