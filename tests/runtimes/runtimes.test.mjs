// SPDX-License-Identifier: MIT
// The list that every host passes, in Deno and in Bun: each finds its own condition of the package's exports.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const bin = join(here, "../../.cache/bin");
/** @type {[string, string[]][]} */
const runtimes = [["deno", ["run", "--no-lock", "--no-remote", "--allow-read", "--allow-write", "--allow-env"]], ["bun", ["run"]]];

for (const [name, args] of runtimes) {
  test(`the tour passes in ${name}, in memory, slim, and with a file on the real disk`, (t) => {
    const folder = mkdtempSync(join(tmpdir(), `hb-${name}-`));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const { status, stdout, stderr } = spawnSync(join(bin, name), [...args, join(here, "tour-main.js"), join(folder, "tour.db")],
      { cwd: here, encoding: "utf8", timeout: 240_000 });
    assert.equal(status, 0, stderr);
    assert.deepEqual(JSON.parse(stdout), { backends: ["main", "vec", "search"], near: ["d1 1.000", "d2 0.600", "d3 0.000"], same: true, persistence: "node" });
  });
}
