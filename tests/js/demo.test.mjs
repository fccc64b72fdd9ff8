// SPDX-License-Identifier: MIT
// The demo runs to its end, finds every answer, and prints for people what it prints for machines.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { at } from "../../scripts/lib.mjs";
import { nearest, passes, rankingFault } from "../../examples/demo/plain.mjs";

/** @param {string[]} args @param {Record<string, string>} [env] */
function demo(args, env = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [at("examples/demo/demo.mjs"), ...args],
    { encoding: "utf8", timeout: 400_000, maxBuffer: 64 * 1024 * 1024, env: { ...process.env, ...env } });
  return { status, stdout, stderr };
}

test("the demo answers all questions", () => {
  const { status, stdout, stderr } = demo(["--json"]);
  assert.equal(status, 0, `${stderr}\n${stdout.slice(0, 2000)}`);
  const { ok, faults, documents, storage, questions, audit, plan, rows_per_second } = JSON.parse(stdout);
  assert.deepEqual({ ok, faults, documents, audit }, { ok: true, faults: [], documents: 4308, audit: { ok: true, rows: 4308 } });
  assert.ok(rows_per_second > 0);
  assert.equal(questions.length, 14);
  for (const { question, places, top } of questions) {
    assert.ok(places.filtered <= 3 && places.hybrid <= 3, question);
    assert.equal(top.filtered.length, 10, question);
    assert.ok(top.search.every((/** @type {any} */ row) => row.score > 0), question);
  }
  const at_ = (/** @type {string} */ field) => storage.filter((/** @type {any} */ row) => row.field === field)
    .map((/** @type {any} */ row) => `${row.backend} ${row.strategy}`).sort();
  assert.deepEqual([at_("embedding"), at_("body"), at_("tags")], [["vec vector"], ["main inline", "search inverted"], ["main sparse-gram"]]);
  assert.ok(["near", "search", "fuse"].every((node) => plan.steps.some((/** @type {any} */ step) => step.node === node)));
});

test("what it prints fits a terminal and has no colours where there is none", () => {
  const { status, stdout } = demo([], { NO_COLOR: "1" });
  assert.equal(status, 0);
  assert.ok(!stdout.includes("\x1b") && !stdout.includes("\r"));
  const wide = stdout.split("\n").filter((line) => [...line].length > 100);
  assert.deepEqual(wide, []);
  for (const part of ["Where the fields live", "Filter", "Vector", "Words", "Hybrid", "The plan", "Capabilities", "Audit", "14 questions"]) {
    assert.ok(stdout.includes(part), part);
  }
  assert.match(stdout, /├─ near embedding @vec .*\n *│  └─ scan @main .*year >= 1950\n *└─ search body @search/);
});

test("the notes of examples/notes.mjs stay in their file", () => {
  const folder = mkdtempSync(join(tmpdir(), "heavenbase-"));
  const run = () => spawnSync(process.execPath, [at("examples/notes.mjs"), join(folder, "notes.db")], { encoding: "utf8" });
  try {
    for (const before of [0, 3]) {
      const { status, stdout, stderr } = run();
      assert.equal(status, 0, stderr);
      assert.match(stdout, new RegExp(`held ${before} notes and holds 3`));
      assert.deepEqual(stdout.trim().split("\n").slice(1).map((line) => line.trim().split(" ")[1]), ["harbour", "list"]);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the check by a plain loop sees a wrong ranking", () => {
  const rows = /** @type {any[]} */ ([{ name: "a", embedding: Float32Array.of(1, 0), year: 1 }, { name: "b", embedding: Float32Array.of(0.6, 0.8), year: 9 }]);
  const expected = nearest(rows, Float32Array.of(1, 0), {}, 2);
  assert.deepEqual(expected.map(({ name }) => name), ["a", "b"]);
  assert.equal(rankingFault(expected, expected), null);
  assert.match(String(rankingFault([...expected].reverse(), expected)), /place 1/);
  assert.match(String(rankingFault(expected.slice(1), expected)), /1 rows instead of 2/);
  assert.deepEqual(rows.filter((row) => passes(row, { year: { $gte: 2 } })).map(({ name }) => name), ["b"]);
});
