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
import { startGateway } from "heavenbase/gateway";
import { onPglite, startNeon } from "../servers/neon.mjs";
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
  "pgvector (gateway)": { main: { type: "pgvector", via: "gateway", connection: "main", token: "token-of-the-conformance-suite" } },
  "pgvector (neon)": { main: { type: "pgvector", via: "neon", uri: "postgresql://me:secret@ep-one.test/db" } },
};
/** What reaches backends that are not in the module, made when first needed. */
const pglite = lazily(async () => {
  const db = await PGlite.create({ extensions: { vector } });
  await db.exec("CREATE EXTENSION vector");
  return db;
});
const neon = lazily(async () => startNeon({ run: onPglite(await pglite()), connectionString: deployments["pgvector (neon)"].main.uri }));
const gateway = lazily(async () => {
  const { token } = deployments["pgvector (gateway)"].main;
  const drivers = { main: pgliteDriver(await pglite()) };
  return startGateway({ port: 0, tokens: [{ name: "suite", token, connections: ["main"] }], connections: [{ name: "main", engine: "pglite" }] }, { log: () => {}, drivers });
});
/** The backends as they are reached, and the drivers for that. @param {string} name @param {Record<string, any>} backends */
async function reached(name, backends) {
  if (name.endsWith("(PGlite)")) return { backends, drivers: { main: pgliteDriver(await pglite()) } };
  if (name.endsWith("(neon)")) return { backends: { main: { ...backends.main, url: (await neon()).url } } };
  if (name.endsWith("(gateway)")) return { backends: { main: { ...backends.main, url: (await gateway()).url } } };
  return { backends };
}

/** @template T @param {() => Promise<T>} make */
function lazily(make) {
  /** @type {(() => Promise<T>) & { made?: Promise<T> }} */
  const get = () => (get.made ??= make());
  return get;
}

const chosen = process.argv.slice(2);
const total = { passed: 0, failed: 0, skipped: 0 };
try {
  for (const [name, backends] of Object.entries(deployments)) {
    if (chosen.length > 0 && !chosen.includes(name)) continue;
    const options = await reached(name, backends);
    const report = await conformance({ open: (id) => HeavenBase.open(id, options) });
    printReport(name, report);
    console.log(`${name.padEnd(17)} ${report.summary}`);
    addCounts(total, report);
  }
} finally {
  await neon.made?.then((proxy) => proxy.stop());
  await gateway.made?.then((started) => started.stop());
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
