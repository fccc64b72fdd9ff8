// SPDX-License-Identifier: MIT
// node tests/oracle/replay.mjs [--verbose] [--filter text] [--group g] [--sqlite-layout own|python] [--check-rules] [FILE...]
// Replays case files on the public package; see README.md beside this file.
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { checkRules } from "./check.mjs";
import { Driver } from "./driver.mjs";
import { Session } from "./session.mjs";
import { waitingIn } from "./waiting.mjs";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const WAITING = JSON.parse(readFileSync(join(HERE, "waiting.json"), "utf8"));

/** Every case of the files, in order. */
export function loadCases(files) {
  const paths = files.length > 0 ? files : readdirSync(HERE).filter((name) => name.endsWith(".jsonl")).sort()
    .map((name) => join(HERE, name));
  return paths.flatMap((path) => readFileSync(resolve(path), "utf8").split("\n").filter((line) => line.trim() !== "")
    .map((line, index) => parseCase(line, path, index)));
}

function parseCase(line, path, index) {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new Error(`${path}, line ${index + 1}: ${error.message}`, { cause: error });
  }
}

/** {status, failures, feature}; an informative case is run, but neither compared nor counted. */
export async function replayCase(HeavenBase, oracleCase, options = {}) {
  try {
    return await replaySteps(HeavenBase, oracleCase, options);
  } catch (error) {
    const failure = { index: -1, step: { op: "case", args: {} }, message: `the replayer: ${error.stack}` };
    return { status: oracleCase.informative ? "informative" : "failed", failures: [failure], feature: null, touched: [] };
  }
}

async function replaySteps(HeavenBase, oracleCase, options) {
  const waiting = waitingIn(WAITING, oracleCase);
  if (waiting.case) return { status: "skipped", feature: waiting.case, failures: [], touched: [] };
  const session = new Session(oracleCase, new Driver(HeavenBase, oracleCase.backends, options));
  const failures = [];
  try {
    if (oracleCase.steps[0]?.op !== "open") {
      const opened = await session.driver.perform("open", {});
      if (opened.error) failures.push({ index: -1, step: { op: "open", args: {} }, message: opened.error.message, actual: opened });
    }
    for (const [index, step] of oracleCase.steps.entries()) {
      if (waiting.steps.has(step)) continue;
      const failure = await session.run(step).catch((error) => ({ message: `the replayer: ${error.stack}` }));
      if (failure && !step.informative && !oracleCase.informative) failures.push({ index, step, ...failure });
    }
  } finally {
    await session.driver.end();
  }
  const feature = [...waiting.steps.values()][0] ?? null;
  const status = oracleCase.informative ? "informative" : failures.length > 0 ? "failed" : feature ? "skipped" : "passed";
  return { status, failures, feature, touched: session.touched };
}

function shorten(value, verbose) {
  const text = JSON.stringify(value, (_key, item) => (typeof item === "bigint" ? String(item) : item)) ?? "nothing";
  return verbose || text.length <= 400 ? text : `${text.slice(0, 400)}...`;
}

function printFailure(oracleCase, failures, verbose) {
  console.log(`FAIL ${oracleCase.id}`);
  for (const { index, step, message, expected, actual } of verbose ? failures : failures.slice(0, 3)) {
    console.log(`  step ${index} ${step.op} ${shorten(step.args, verbose)}`);
    console.log(`    ${message}`);
    if (expected !== undefined) console.log(`    expected ${shorten(expected, verbose)}`);
    if (actual !== undefined) console.log(`    actual   ${shorten(actual, verbose)}`);
  }
  if (!verbose && failures.length > 3) console.log(`  and ${failures.length - 3} more`);
}

async function main() {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: {
    verbose: { type: "boolean" }, filter: { type: "string" }, group: { type: "string" },
    "check-rules": { type: "boolean" }, "sqlite-layout": { type: "string" }, summary: { type: "boolean" } } });
  const cases = loadCases(positionals).filter((one) => (!values.filter || one.id.includes(values.filter))
    && (!values.group || one.group === values.group));
  if (values["check-rules"]) return checkRules(cases, WAITING, values.verbose);
  const { HeavenBase } = await import("heavenbase");
  const counts = { passed: 0, failed: 0, skipped: 0, informative: 0 };
  const features = new Map();
  const groups = new Map();
  for (const oracleCase of cases) {
    const { status, failures, feature } = await replayCase(HeavenBase, oracleCase, { sqliteLayout: values["sqlite-layout"] });
    counts[status]++;
    if (status === "informative") continue;
    const group = groups.get(oracleCase.group) ?? { passed: 0, failed: 0, skipped: 0 };
    group[status]++;
    groups.set(oracleCase.group, group);
    if (status === "skipped") features.set(feature, (features.get(feature) ?? 0) + 1);
    if (status === "failed" && !values.summary) printFailure(oracleCase, failures, values.verbose);
  }
  for (const [name, group] of groups) {
    console.log(`${name.padEnd(12)} ${group.passed} passed, ${group.failed} failed, ${group.skipped} skipped`);
  }
  for (const [feature, count] of features) console.log(`skipped: ${feature} (${count})`);
  if (counts.informative > 0) console.log(`not counted: informative (${counts.informative})`);
  console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  return counts.failed > 0 || cases.length === 0 ? 1 : 0;
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.exitCode = await main();
}
