// SPDX-License-Identifier: MIT
// A real Chromium, no bundler, under a strict content security policy; files that survive a reload.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import * as heavenbase from "heavenbase";
import { root } from "../../scripts/lib.mjs";
import { tour } from "../hosts/tour.js";
import { launch, openPage, ready } from "./chromium.mjs";
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

/** A page in a profile of its own. @param {(page: import("playwright-core").Page, faults: string[]) => Promise<void>} work */
async function inPage(work) {
  const context = await browser.newContext();
  try {
    const { page, faults } = await openPage(context, `${server.url}/tests/web/plain.html`);
    await work(page, faults);
    assert.deepEqual(faults, []);
  } finally {
    await context.close();
  }
}
/** Calls `host[name]` in the page. @param {import("playwright-core").Page} page @param {string} name @param {unknown} [argument] @returns {Promise<any>} */
const call = (page, name, argument) => page.evaluate(([key, given]) => /** @type {any} */ (globalThis).host[/** @type {string} */ (key)](given), [name, argument]);

test("the policy allows wasm and no evaluated text", () => {
  assert.match(STRICT_POLICY, /script-src 'self' 'wasm-unsafe-eval'$/);
});

test("the tour passes as a plain module script, and gives what it gives in Node", () => inPage(async (page) => {
  const fetched = server.asked.filter((path) => path.endsWith(".wasm") || path.endsWith("hb.mjs"));
  assert.deepEqual(fetched, [], "importing loaded the module");
  assert.deepEqual(await call(page, "tour"), await tour(heavenbase));
  assert.equal(server.asked.filter((path) => path === "/dist/hb.wasm").length, 1);
}));

test("from script to first answer", (t) => inPage(async (page) => {
  t.diagnostic(`first query after ${Math.round(await call(page, "firstQuery"))} ms`);
}));

test("the tour passes in a module worker", () => inPage(async (page) => {
  const answer = await page.evaluate(() => new Promise((resolve, reject) => {
    const worker = new Worker("/tests/web/worker.js", { type: "module" });
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(message));
  }));
  assert.deepEqual(answer, { report: await tour(heavenbase) });
}));

for (const [name, write, read] of [["the one file that persist makes", "write", "read"], ["a file that is named", "writeNamed", "readNamed"]]) {
  test(`a sqlite workspace survives a reload: ${name}`, () => inPage(async (page, faults) => {
    const written = await call(page, write);
    assert.equal(written.persistence, "idb");
    for (let reload = 0; reload < 2; reload++) {
      await page.reload();
      await ready(page, faults);
      assert.deepEqual(await call(page, read, written), written);
    }
  }));
}

test("what was flushed is there even if nobody closed the workspace", () => inPage(async (page, faults) => {
  assert.deepEqual(await call(page, "add"), [0, 20]);
  await page.reload();
  await ready(page, faults);
  assert.deepEqual(await call(page, "add"), [20, 40]);
}));

test("another profile has other files", () => inPage(async (page) => {
  assert.deepEqual(await call(page, "add"), [0, 20]);
}));

test("a workspace whose files are open is locked until it is closed", () => inPage(async (page) => {
  assert.equal(await call(page, "openTwice"), "LOCKED");
}));

test("what cannot be kept is refused", () => inPage(async (page) => {
  assert.deepEqual(await call(page, "refused"), ["VALIDATION", "VALIDATION", "VALIDATION"]);
}));
