// SPDX-License-Identifier: MIT
// The demo page in web/, as a reader uses it: by labels and roles.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { root } from "../../scripts/lib.mjs";
import { inPage, launch } from "./chromium.mjs";
import { serve } from "./server.mjs";

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

/** @param {import("playwright-core").Page} page */
const titles = (page) => page.getByRole("table").locator("tr td:nth-child(1)").allTextContents();

test("the demo page answers, explains and audits", () => inPage(browser, `${server.url}/web/`, async (page) => {
  assert.match(await page.getByRole("status").innerText(), /^\d of 6 texts in [\d.]+ ms; the catalog agrees with the rows\.$/);
  assert.equal((await titles(page))[0], "Departure");
  assert.match(await page.locator("#plan").innerText(), /search body @search \(inmem, inverted\): bm25/);

  await page.getByLabel("Words").fill("");
  await page.getByLabel("Near").selectOption("the sky");
  await page.getByLabel("At least so many pages").fill("2");
  await page.getByRole("button", { name: "Ask" }).click();
  await page.waitForFunction(() => document.querySelector("#plan")?.textContent?.includes("near place @vec"));
  assert.deepEqual(await titles(page), ["Weather", "Stars", "Departure", "The harbour in winter", "Market"]);
}));

test("the demo page says what is wrong in words", () => inPage(browser, `${server.url}/web/`, async (page) => {
  await page.getByLabel("At least so many pages").evaluate((input) => Object.assign(input, { type: "text", value: "many" }));
  await page.getByRole("button", { name: "Ask" }).click();
  await page.waitForFunction(() => /^[A-Z_]+: /.test(document.querySelector("#state")?.textContent ?? ""));
}));

for (const scheme of /** @type {const} */ (["light", "dark"])) {
  test(`text is readable in ${scheme} mode`, () => inPage(browser, `${server.url}/web/`, async (page) => {
    await page.emulateMedia({ colorScheme: scheme });
    const [ink, paper] = await page.evaluate(() => {
      const probe = document.body.appendChild(Object.assign(document.createElement("i"), { hidden: true }));
      probe.style.color = "Canvas";
      return [document.body, probe].map((element) => {
        const [red, green, blue] = (getComputedStyle(element).color.match(/[\d.]+/g) ?? []).map(Number);
        return red + green + blue;
      });
    });
    assert.equal(ink < paper, scheme === "light");
    assert.ok(Math.abs(ink - paper) > 500, "too little contrast");
  }));
}
