// SPDX-License-Identifier: MIT
// The machine's own Chromium, headless, with a profile of its own; pages that report what went wrong in them.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";
import { which } from "../../scripts/lib.mjs";

const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"];

/** A busy machine takes longer than Playwright's half a minute. */
const WAIT_MS = 180_000;

/** @returns {Promise<import("playwright-core").Browser>} */
export function launch() {
  const executablePath = which("chromium");
  assert.ok(executablePath, "chromium is not installed: node scripts/run.mjs setup chromium");
  return chromium.launch({ executablePath, args: FLAGS, headless: true, timeout: WAIT_MS });
}

/**
 * A page in a profile of its own, when its script said that it is ready; nothing may go wrong in it: no error, no failed
 * request, no broken policy.
 * @param {import("playwright-core").Browser} browser @param {string} url
 * @param {(page: import("playwright-core").Page, reload: () => Promise<void>) => Promise<void>} work
 */
export async function inPage(browser, url, work) {
  const context = await browser.newContext();
  try {
    context.setDefaultTimeout(WAIT_MS);
    const page = await context.newPage();
    /** @type {string[]} */
    const faults = [];
    page.on("pageerror", (error) => faults.push(String(error)));
    page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
    page.on("requestfailed", (request) => faults.push(`${request.url()}: ${request.failure()?.errorText}`));
    await page.goto(url);
    await ready(page, faults);
    await work(page, async () => {
      await page.reload();
      await ready(page, faults);
    });
    assert.deepEqual(faults, []);
  } finally {
    await context.close();
  }
}

/** @param {import("playwright-core").Page} page @param {string[]} faults */
async function ready(page, faults) {
  try {
    await page.waitForFunction(() => document.documentElement.dataset.ready === "yes", null, { timeout: WAIT_MS });
  } catch (error) {
    throw new Error(`the page did not become ready: ${faults.join("; ") || error}`);
  }
}

/** Calls `host[name]` of tests/web/expose.js in the page. @param {import("playwright-core").Page} page @param {string} name @param {unknown} [argument] @returns {Promise<any>} */
export const callHost = (page, name, argument) =>
  page.evaluate(([key, given]) => /** @type {any} */ (globalThis).host[/** @type {string} */ (key)](given), [name, argument]);
