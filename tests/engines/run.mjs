// SPDX-License-Identifier: MIT
// npm run test:engines [NAME…]: real servers, one after the other: each is started on loopback, examined through every
// way that leads to it, and stopped. Prints a line per way, and closes with `N passed, N failed`.
import { conformance } from "heavenbase/conformance";
import { addCounts, printReport } from "../conformance/report.mjs";
import { duckdb } from "./duckdb.mjs";
import { gateway } from "./gateway.mjs";
import { gatewayMysql } from "./gateway-mysql.mjs";
import { mssql } from "./mssql.mjs";
import { oracle } from "./oracle.mjs";
import { mariadb, mysql8, oceanbase } from "./mysql.mjs";
import { postgres } from "./postgres.mjs";
import { starrocks } from "./starrocks.mjs";
import { three } from "./three.mjs";
import { trino } from "./trino.mjs";

/**
 * A way to an engine: `open` for the conformance suite, and checks of its own.
 * @typedef {{ name: string, open?: (id: string) => Promise<import("heavenbase").Workspace>, checks?: Record<string, () => Promise<void>> }} Way
 * `slow`: only when it is named.
 * @typedef {{ name: string, slow?: boolean, start: () => Promise<{ ways: Way[], stop: () => Promise<void> }> }} Engine
 */
/** @type {Engine[]} */
const engines = [postgres, gateway, gatewayMysql, duckdb, mariadb, mysql8, oceanbase, three, starrocks, trino, mssql, oracle];

const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !engines.some((engine) => engine.name === name));
if (unknown.length > 0) {
  console.error(`unknown: ${unknown.join(" ")}; there is: ${engines.map(({ name }) => name).join(" ")}`);
  process.exit(2);
}

const total = { passed: 0, failed: 0, skipped: 0 };
for (const engine of engines.filter(({ name, slow }) => (chosen.length === 0 ? !slow : chosen.includes(name)))) {
  console.log(`\n== ${engine.name}: starting`);
  const { ways, stop } = await engine.start();
  try {
    for (const way of ways) await examine(way);
  } finally {
    await stop();
  }
}
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;

/** @param {Way} way */
async function examine(way) {
  const since = performance.now();
  const own = { passed: 0, failed: 0, skipped: 0 };
  if (way.open) {
    const report = await conformance({ open: way.open });
    addCounts(own, report);
    printReport(way.name, report);
  }
  for (const [name, check] of Object.entries(way.checks ?? {})) {
    try {
      await check();
      own.passed += 1;
    } catch (error) {
      own.failed += 1;
      console.log(`not ok ${way.name}: ${name}\n    ${error instanceof Error ? error.stack : error}`);
    }
  }
  addCounts(total, own);
  console.log(`${way.name.padEnd(28)} ${own.passed} passed, ${own.failed} failed, ${own.skipped} skipped (${((performance.now() - since) / 1000).toFixed(1)} s)`);
}
