// SPDX-License-Identifier: MIT
// What README and docs/ say in code is run, and what they say in numbers is read from the tree.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { at, filesUnder } from "../../scripts/lib.mjs";
import { blocksOf, pageProgram } from "./doc-page.mjs";

const pages = ["README.md", ...filesUnder("docs").filter((path) => path.endsWith(".md"))];
const read = (/** @type {string} */ path) => readFileSync(at(path), "utf8");

/** @param {string} path */
function runNode(path) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [path], { encoding: "utf8", timeout: 240_000 });
  assert.equal(status, 0, `${path} failed:\n${stderr}`);
  return stdout;
}

test("README's example prints what it says", () => {
  const [example] = blocksOf(read("README.md"), "js");
  const [printed] = blocksOf(read("README.md"), "text");
  const path = at("build/doc-pages/example.mjs");
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, example.code);
  assert.equal(runNode(path).trimEnd(), printed.code);
});

describe("every runnable block of a page", () => {
  for (const page of pages.filter((path) => path !== "README.md")) {
    if (blocksOf(read(page), "js").length === 0) continue;
    test(page, () => {
      const { path, checks } = pageProgram(page);
      assert.equal(runNode(path).trim().split("\n").at(-1), String(checks), "not every claim was reached");
    });
  }
});

test("a link within the documentation leads to a file and a heading", () => {
  const anchor = (/** @type {string} */ heading) => heading.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, "").trim().replaceAll(" ", "-");
  for (const page of pages) {
    for (const [, target] of read(page).replace(/```[\s\S]*?```/g, "").matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [path, heading] = target.split("#");
      const file = path === "" ? page : join(dirname(page), path);
      assert.ok(existsSync(at(file)), `${page} links to ${target}, which is not there`);
      if (!heading) continue;
      const headings = [...read(file).matchAll(/^#+ (.*)$/gm)].map((found) => anchor(found[1]));
      assert.ok(headings.includes(heading), `${page} links to ${target}, but ${file} has no such heading`);
    }
  }
});

test("the page of error codes is made from the list in C", () => {
  const { status, stderr } = spawnSync(process.execPath, [at("scripts/make-error-docs.mjs"), "--check"], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
});

test("limits that the pages name are those of src/base/limits.h", () => {
  const limit = (/** @type {string} */ name) => Number(new RegExp(`#define ${name}\\s+(\\d+)`).exec(read("src/base/limits.h"))?.[1]);
  const number = (/** @type {string} */ text) => Number(text.replace(/ /g, ""));
  const claims = /** @type {const} */ ([
    ["docs/query.md", /by default (\d+), at most/, "HB_TOP_K_DEFAULT"], ["docs/query.md", /by default \d+, at most (\d+)/, "HB_TOP_K_MAX"],
    ["docs/query.md", /at most ([\d ]+) nodes/, "HB_EXPR_NODES_MAX"], ["docs/query.md", /nests at most (\d+) levels/, "HB_EXPR_DEPTH_MAX"],
    ["docs/query.md", /at most (\d+) characters long/, "HB_PATTERN_CHARS_MAX"], ["docs/query.md", /the first (\d+) characters/, "HB_REGEX_TARGET_MAX"],
    ["docs/types.md", /text of 1 to (\d+) characters/, "HB_ID_CHARS_MAX"], ["docs/backends/inmem.md", /takes at most ([\d ]+) rows/, "HB_BATCH_ROWS_MAX"],
  ]);
  for (const [page, pattern, name] of claims) {
    const found = pattern.exec(read(page));
    assert.ok(found, `${page} says nothing about ${name}`);
    assert.equal(number(found[1]), limit(name), `${page} about ${name}`);
  }
});

test("every error code and every type has its place in the documentation", async () => {
  const names = await import("heavenbase");
  const types = read("docs/types.md");
  for (const code of Object.keys(names.ERROR_CODES)) {
    if (code !== "OK") assert.match(read("docs/errors.md"), new RegExp(`^## ${code}$`, "m"));
  }
  for (const [name, value] of Object.entries(names)) {
    if (/** @type {any} */ (value)?.descriptor?.type && name !== "Array") assert.ok(types.includes(`\`${name}`), `docs/types.md lacks ${name}`);
  }
});
