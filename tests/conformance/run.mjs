// SPDX-License-Identifier: MIT
// node tests/conformance/run.mjs [NAME…]: the conformance suite over every embedded backend.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { vector } from "@electric-sql/pglite-pgvector";
import { HeavenBase } from "heavenbase";
import { conformance } from "heavenbase/conformance";
import { pgliteDriver } from "heavenbase/drivers/pglite";
import { addCounts, printReport } from "./report.mjs";

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
  "postgres (PGlite)": { main: { type: "postgres" } },
  "pgvector (PGlite)": { main: { type: "pgvector" } },
};
/** What reaches backends that are not in the module, made when first needed. */
const pglite = lazily(async () => {
  const db = await PGlite.create({ extensions: { vector } });
  await db.exec("CREATE EXTENSION vector");
  return pgliteDriver(db);
});
/** @param {string} name */
const driversOf = async (name) => (name.endsWith("(PGlite)") ? { drivers: { main: await pglite() } } : {});

/** @template T @param {() => Promise<T>} make */
function lazily(make) {
  /** @type {Promise<T> | undefined} */
  let made;
  return () => (made ??= make());
}

const chosen = process.argv.slice(2);
const total = { passed: 0, failed: 0, skipped: 0 };
try {
  for (const [name, backends] of Object.entries(deployments)) {
    if (chosen.length > 0 && !chosen.includes(name)) continue;
    const drivers = await driversOf(name);
    const report = await conformance({ open: (id) => HeavenBase.open(id, { backends, ...drivers }) });
    printReport(name, report);
    console.log(`${name.padEnd(17)} ${report.summary}`);
    addCounts(total, report);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
