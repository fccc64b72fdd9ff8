// SPDX-License-Identifier: MIT
// The machine's own Chromium, headless, with a profile of its own; pages that report what went wrong in them.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";
import { which } from "../../scripts/lib.mjs";

const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"];

/** @returns {Promise<import("playwright-core").Browser>} */
export function launch() {
  const executablePath = which("chromium");
  assert.ok(executablePath, "chromium is not installed: node scripts/run.mjs setup chromium");
  return chromium.launch({ executablePath, args: FLAGS, headless: true });
}

/**
 * A page at `url`, ready when its script said so. `faults` grows with errors, failed requests and broken policies.
 * @param {import("playwright-core").BrowserContext} context @param {string} url
 */
export async function openPage(context, url) {
  const page = await context.newPage();
  /** @type {string[]} */
  const faults = [];
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
  page.on("requestfailed", (request) => faults.push(`${request.url()}: ${request.failure()?.errorText}`));
  await page.goto(url);
  await ready(page, faults);
  return { page, faults };
}

/** @param {import("playwright-core").Page} page @param {string[]} faults */
export async function ready(page, faults) {
  try {
    await page.waitForFunction(() => document.documentElement.dataset.ready === "yes", null, { timeout: 60_000 });
  } catch (error) {
    throw new Error(`the page did not become ready: ${faults.join("; ") || error}`);
  }
}
