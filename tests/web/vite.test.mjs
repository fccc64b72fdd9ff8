// SPDX-License-Identifier: MIT
// Bundled by Vite with its defaults: the list passes, the wasm is a file of its own, and the example keeps its notes.
import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import test, { after, before } from "node:test";
import * as heavenbase from "heavenbase";
import { build } from "vite";
import { at, root } from "../../scripts/lib.mjs";
import { tour } from "../hosts/tour.js";
import { callHost, inPage, launch } from "./chromium.mjs";
import { serve } from "./server.mjs";

/** @type {string} */
let project;
/** @type {Awaited<ReturnType<typeof serve>>} */
let server;
/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  mkdirSync(at("build"), { recursive: true });
  project = mkdtempSync(at("build", "vite-"));
  cpSync(at("examples/vite"), project, { recursive: true });
  for (const folder of ["tests/web", "tests/hosts"]) cpSync(at(folder), join(project, folder), { recursive: true });
  mkdirSync(join(project, "node_modules"));
  symlinkSync(root, join(project, "node_modules/heavenbase"), "dir");
  await build({ root: project, configFile: false, logLevel: "warn",
    build: { rollupOptions: { input: [join(project, "index.html"), join(project, "tests/web/bundled.html")] } } });
  server = await serve(join(project, "dist"));
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.close();
  if (project) rmSync(project, { recursive: true, force: true });
});

test("the bundle has one wasm file, by a name that follows its content", () => {
  const names = readdirSync(join(project, "dist/assets"));
  assert.deepEqual(names.filter((name) => name.endsWith(".wasm")).map((name) => name.replace(/-[\w-]{8}\./, "-HASH.")), ["hb-HASH.wasm"]);
});

test("the tour passes in the bundle, and gives what it gives in Node", () => inPage(browser, `${server.url}/tests/web/bundled.html`, async (page) => {
  assert.deepEqual(await callHost(page, "tour"), await tour(heavenbase));
}));

test("the example keeps its notes over a reload", () => inPage(browser, server.url, async (page, reload) => {
  for (const text of ["Ships leave at dawn", "Rain until the evening"]) {
    await page.getByLabel("Note").fill(text);
    await page.getByRole("button", { name: "Keep" }).click();
    await page.getByRole("listitem").filter({ hasText: text }).waitFor();
  }
  await reload();
  assert.deepEqual(await page.getByRole("listitem").allTextContents(), ["Rain until the evening", "Ships leave at dawn"]);
  await page.getByLabel("Find").fill("SHIPS");
  await page.getByRole("listitem").filter({ hasText: "Rain" }).waitFor({ state: "detached" });
  assert.deepEqual(await page.getByRole("listitem").allTextContents(), ["Ships leave at dawn"]);
}));
