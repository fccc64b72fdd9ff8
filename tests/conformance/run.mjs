// SPDX-License-Identifier: MIT
// node tests/conformance/run.mjs [NAME…]: the conformance suite over every embedded backend.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HeavenBase } from "heavenbase";
import { conformance } from "heavenbase/conformance";

const folder = mkdtempSync(join(tmpdir(), "hb-conformance-"));
const inmem = { type: "inmem" }, sqlite = { type: "sqlite", database: ":memory:" };
/** @type {Record<string, Record<string, any>>} */
const deployments = {
  inmem: { main: inmem },
  sqlite: { main: sqlite },
  "sqlite file": { main: { type: "sqlite", database: join(folder, "main.db") } },
  json: { main: { type: "json", path: join(folder, "json") } },
  pickle: { main: { type: "pickle", path: join(folder, "pickle") } },
  file: { main: { type: "file", path: join(folder, "file") } },
  debug: { main: sqlite, vec: inmem, search: inmem },
};

const chosen = process.argv.slice(2);
const total = { passed: 0, failed: 0, skipped: 0 };
try {
  for (const [name, backends] of Object.entries(deployments)) {
    if (chosen.length > 0 && !chosen.includes(name)) continue;
    const report = await conformance({ open: (id) => HeavenBase.open(id, { backends }) });
    for (const { name: check, status, reason, error } of report.results) {
      if (status === "failed") console.log(`not ok ${name}: ${check}\n    ${error instanceof Error ? error.message : error}`);
      if (status === "skipped") console.log(`skipped ${name}: ${check} (${reason})`);
    }
    console.log(`${name.padEnd(12)} ${report.summary}`);
    for (const key of /** @type {const} */ (["passed", "failed", "skipped"])) total[key] += report[key];
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
