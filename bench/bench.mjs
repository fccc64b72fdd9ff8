// SPDX-License-Identifier: MIT
// npm run bench -- [--n 1000,10000] [--engines inmem,sqlite | --no-peers] [--only near,search] [--rounds 3] [--quick] [--check] [--out FILE] [--json FILE]
// Measures every engine on the document workload, checks its answers, and writes RESULTS.md.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release, tmpdir, totalmem, type } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ENGINES, PEERS, engineOf } from "./engines/index.mjs";
import { measureLimits, unfitBuild } from "./limits.mjs";
import { measure, median, reasonOf } from "./measure.mjs";
import { OPERATIONS } from "./operations.mjs";
import { installPeers } from "./peers.mjs";
import { report } from "./report.mjs";
import { VECTOR_OURS, VECTOR_PEERS, measureVectors } from "./vectors.mjs";
import { makeSource, makeWorkload } from "./workload.mjs";

/** @typedef {import("./engines/engine.mjs").Engine} Engine */

const here = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));
const say = (/** @type {string} */ line) => process.stderr.write(`${line}\n`);
const PROCESS_ROUNDS_MAX = 5;
/** What --only takes beside the operations. */
const OTHERS = ["load", "loadLean", "buildText", "open", "reopen", "memory", "vectors", "limits"];
/** Graphs of more vectors are built once: that takes long enough. */
const VECTOR_ROWS_ONCE = 5_000;
/** Writes in turn, and rows that must fit a worker's memory; fewer where only the answers matter. */
const LIMITS = { full: { churn: 1_000_000, rows: 20_000 }, quick: { churn: 50_000, rows: 20_000 }, check: { churn: 400, rows: 400 } };

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

/** Adds what takes a process of its own. @param {readonly Engine[]} all @param {import("./report.mjs").Size} size @param {number} rounds @param {(key: string) => boolean} wants */
function measureProcesses(all, { n, samples, memory }, rounds, wants) {
  const engines = all.filter((engine) => !engine.slow);
  if (!["open", "reopen", "memory"].some(wants)) return;
  say(`N = ${n}, fresh processes`);
  const folder = mkdtempSync(join(tmpdir(), "heavenbase-bench-"));
  try {
    const files = new Map(engines.filter((engine) => engine.persists && wants("reopen")).map(({ name }) => [name, join(folder, `${name}.db`)]));
    for (const [name, file] of files) runProbe("fill", name, file, String(n));
    if (wants("memory")) for (const { name } of engines) memory[name] = runProbe("memory", name, String(n));
    const opened = engines.filter((engine) => !engine.textOnly && wants("open"));
    /** @type {number[]} */
    const bare = [];
    /** @type {Record<string, Record<string, number[]>>} */
    const whole = { open: {}, reopen: {} };
    for (let round = 0; round < Math.min(rounds, PROCESS_ROUNDS_MAX); round++) {
      bare.push(secondsToAnswer("bare"));
      for (const { name } of opened) (whole.open[name] ??= []).push(secondsToAnswer("open", name));
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

/** Those that are here and open; the others with the reason. @param {readonly string[]} names */
async function findEngines(names) {
  /** @type {Engine[]} */
  const engines = [];
  /** @type {Record<string, string>} */
  const versions = {};
  /** @type {Record<string, string>} */
  const missing = {};
  for (const name of names) {
    try {
      const engine = await engineOf(name);
      versions[name] = await engine.version();
      engines.push(engine);
    } catch (error) {
      if (Object.hasOwn(ENGINES, name)) throw error;
      missing[name] = reasonOf(error);
      say(`${name} is missing: ${missing[name]}`);
    }
  }
  return { engines, versions, missing };
}

/** @param {string} message @returns {never} */
function usage(message) {
  say(`error: ${message}`);
  process.exit(2);
}

/** A list of names, all of them known. @param {string} option @param {string} text @param {readonly string[]} known */
function namesOf(option, text, known) {
  const names = text.split(",");
  for (const name of names) if (!known.includes(name)) usage(`${option} takes no '${name}'; there is: ${known.join(", ")}`);
  return names;
}

function readOptions() {
  const { values } = parseArgs({ options: { n: { type: "string" }, engines: { type: "string" }, only: { type: "string" }, rounds: { type: "string" }, out: { type: "string" }, json: { type: "string" },
    "no-peers": { type: "boolean", default: false }, quick: { type: "boolean", default: false }, check: { type: "boolean", default: false } } });
  const { quick, check } = values;
  const counts = (values.n ?? (check ? "300" : "1000,10000")).split(",").map(Number).sort((a, b) => a - b);
  if (!counts.every((n) => Number.isInteger(n) && n >= 100)) usage("--n is a list of numbers of rows, 100 at least");
  const all = [...Object.keys(ENGINES), ...(!values["no-peers"] || values.engines ? Object.keys(PEERS) : [])];
  const names = values.engines ? namesOf("--engines", values.engines, all) : all;
  const only = values.only ? namesOf("--only", values.only, [...OPERATIONS.map(({ key }) => key), ...OTHERS]) : null;
  const rounds = Number(values.rounds ?? (check ? 1 : 3));
  if (!Number.isInteger(rounds) || rounds < 1) usage("--rounds is a number of rounds, 1 at least");
  return { counts, names, rounds, check, only, wants: (/** @type {string} */ key) => !only || only.includes(key), budget: check ? 0.001 : quick ? 0.02 : 0.08, extra: check ? 20 : 200,
    limits: LIMITS[check ? "check" : quick ? "quick" : "full"], out: values.out ?? (check ? undefined : here("RESULTS.md")), json: values.json };
}

const { counts, names, rounds, check, only, wants, budget, extra, limits: bounds, out, json } = readOptions();
const load = [loadavg()[0]];
const start = performance.now();
const unfit = unfitBuild();
if (unfit) say(`warning: ${unfit}; times of ours say little`);
installPeers(names, say);
const { engines, versions, missing } = await findEngines(names);
/** @type {import("./report.mjs").Size[]} */
const sizes = [];
for (const n of counts) {
  const workload = makeWorkload(n, { extra });
  const able = engines.filter(({ rowsMax = Infinity }) => n <= rowsMax);
  /** @type {import("./report.mjs").Size} */
  const size = { n, memory: {}, vectors: {}, ...await measure(able, workload, { rounds, budget, say, wants }) };
  if (wants("vectors")) {
    const indexes = [...VECTOR_OURS, ...(names.some((name) => Object.hasOwn(PEERS, name)) ? VECTOR_PEERS : [])];
    const vectors = workload.rows.map(({ embedding }) => embedding);
    size.vectors = await measureVectors(indexes, vectors, makeSource().vector, { rounds: n > VECTOR_ROWS_ONCE ? 1 : rounds, say, ...(check && { queries: 20 }) });
  }
  measureProcesses(able, size, rounds, wants);
  sizes.push(size);
}
const limits = wants("limits") && names.includes("inmem") && (!check || only) ? await measureLimits({ probe: runProbe, say, ...bounds }) : {};
load.push(loadavg()[0]);
const machine = { cpu: cpus()[0]?.model ?? "unknown CPU", cores: cpus().length, memory: Math.round(totalmem() / 2 ** 30), node: process.version.slice(1), platform: `${type()} ${release()}`, load };
const command = ["npm run bench", ...(process.argv.length > 2 ? ["--", ...process.argv.slice(2)] : [])].join(" ");
const run = { command, engines, versions, missing, unfit, machine, rounds, seconds: (performance.now() - start) / 1000, sizes, limits };
if (out) writeFileSync(out, report(run));
if (json) writeFileSync(json, `${JSON.stringify({ machine, versions, missing, rounds, sizes, limits }, null, 1)}\n`);
const wrong = sizes.flatMap(({ n, checked }) => checked.filter(({ ok }) => !ok).map(({ engine, operation, faults, reason }) => `N = ${n}: ${engine} ${operation}, ${reason ?? `${faults} wrong answers`}`));
for (const line of wrong) say(line);
say(wrong.length > 0 ? `${wrong.length} pairs of engine and operation answered wrongly` : `all answers right; ${out ? `written to ${out}` : check ? "nothing written" : ""}`);
process.exitCode = wrong.length > 0 ? 1 : 0;
