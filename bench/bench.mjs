// SPDX-License-Identifier: MIT
// npm run bench -- [--n 1000,10000] [--engines inmem,sqlite] [--rounds 5] [--quick] [--check] [--out FILE] [--json FILE]
// Measures every engine on the document workload, checks its answers, and writes RESULTS.md.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release, tmpdir, totalmem, type } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ENGINES } from "./engines/index.mjs";
import { measure, median } from "./measure.mjs";
import { report } from "./report.mjs";
import { makeWorkload } from "./workload.mjs";

/** @typedef {import("./engines/engine.mjs").Engine} Engine */

const here = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));
const say = (/** @type {string} */ line) => process.stderr.write(`${line}\n`);
const PROCESS_ROUNDS_MAX = 5;

/** What a process of its own says. @param {...string} args */
function runProbe(...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [here("probe.mjs"), ...args], { encoding: "utf8" });
  if (status !== 0) throw new Error(`probe ${args.join(" ")}: ${stderr}`);
  return stdout === "" ? null : JSON.parse(stdout);
}

/** Seconds from the start of a process to its first answer. @param {...string} args */
function secondsToAnswer(...args) {
  const start = performance.timeOrigin + performance.now();
  return (runProbe(...args).at - start) / 1000;
}

/** Adds what takes a process of its own. @param {readonly Engine[]} engines @param {import("./report.mjs").Size} size @param {number} rounds */
function measureProcesses(engines, { n, samples, memory }, rounds) {
  say(`N = ${n}, fresh processes`);
  const folder = mkdtempSync(join(tmpdir(), "heavenbase-bench-"));
  try {
    const files = new Map(engines.filter((engine) => engine.persists).map(({ name }) => [name, join(folder, `${name}.db`)]));
    for (const [name, file] of files) runProbe("fill", name, file, String(n));
    for (const { name } of engines) memory[name] = runProbe("memory", name, String(n));
    /** @type {number[]} */
    const bare = [];
    /** @type {Record<string, Record<string, number[]>>} */
    const whole = { open: {}, reopen: {} };
    for (let round = 0; round < Math.min(rounds, PROCESS_ROUNDS_MAX); round++) {
      bare.push(secondsToAnswer("bare"));
      for (const { name } of engines) (whole.open[name] ??= []).push(secondsToAnswer("open", name));
      for (const [name, file] of files) (whole.reopen[name] ??= []).push(secondsToAnswer("reopen", name, file));
    }
    const floor = median(bare);
    for (const [task, found] of Object.entries(whole)) {
      if (Object.keys(found).length > 0) samples[task] = Object.fromEntries(Object.entries(found).map(([name, list]) => [name, list.map((seconds) => Math.max(seconds - floor, 0))]));
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** @param {string} message @returns {never} */
function usage(message) {
  say(`error: ${message}`);
  process.exit(2);
}

function readOptions() {
  const { values } = parseArgs({ options: { n: { type: "string" }, engines: { type: "string" }, rounds: { type: "string" }, out: { type: "string" }, json: { type: "string" },
    quick: { type: "boolean", default: false }, check: { type: "boolean", default: false } } });
  const { quick, check } = values;
  const counts = (values.n ?? (check ? "300" : "1000,10000")).split(",").map(Number).sort((a, b) => a - b);
  if (!counts.every((n) => Number.isInteger(n) && n >= 100)) usage("--n is a list of numbers of rows, 100 at least");
  const names = values.engines?.split(",") ?? Object.keys(ENGINES);
  for (const name of names) if (!Object.hasOwn(ENGINES, name)) usage(`no engine is called '${name}'; there is: ${Object.keys(ENGINES).join(", ")}`);
  const rounds = Number(values.rounds ?? (check ? 1 : quick ? 3 : 5));
  if (!Number.isInteger(rounds) || rounds < 1) usage("--rounds is a number of rounds, 1 at least");
  return { counts, names, rounds, check, budget: check ? 0.001 : quick ? 0.02 : 0.08, extra: check ? 20 : 200, out: values.out ?? (check ? undefined : here("RESULTS.md")), json: values.json };
}

const { counts, names, rounds, check, budget, extra, out, json } = readOptions();
const load = [loadavg()[0]];
const start = performance.now();
const engines = await Promise.all(names.map(async (name) => (await ENGINES[name]()).engine));
const versions = Object.fromEntries(await Promise.all(engines.map(async (engine) => [engine.name, await engine.version()])));
/** @type {import("./report.mjs").Size[]} */
const sizes = [];
for (const n of counts) {
  const workload = makeWorkload(n, { extra });
  const size = { n, memory: {}, ...await measure(engines, workload, { rounds, budget, say }) };
  measureProcesses(engines, size, rounds);
  sizes.push(size);
}
load.push(loadavg()[0]);
const machine = { cpu: cpus()[0]?.model ?? "unknown CPU", cores: cpus().length, memory: Math.round(totalmem() / 2 ** 30), node: process.version.slice(1), platform: `${type()} ${release()}`, load };
const command = ["npm run bench", ...(process.argv.length > 2 ? ["--", ...process.argv.slice(2)] : [])].join(" ");
const run = { command, engines, versions, machine, rounds, seconds: (performance.now() - start) / 1000, sizes };
if (out) writeFileSync(out, report(run));
if (json) writeFileSync(json, `${JSON.stringify({ machine, versions, rounds, sizes }, null, 1)}\n`);
const wrong = sizes.flatMap(({ n, checked }) => checked.filter(({ ok }) => !ok).map(({ engine, operation, faults }) => `N = ${n}: ${engine} ${operation}, ${faults} wrong answers`));
for (const line of wrong) say(line);
say(wrong.length > 0 ? `${wrong.length} pairs of engine and operation answered wrongly` : `all answers right; ${out ? `written to ${out}` : check ? "nothing written" : ""}`);
process.exitCode = wrong.length > 0 ? 1 : 0;
