// SPDX-License-Identifier: MIT
// npm test: every stage in order, none stopping the next; the failed ones are named at the end.
//   node scripts/test.mjs              all stages whose files exist
//   node scripts/test.mjs unit js      these stages and the builds they stand on
//   node scripts/test.mjs --long       all, with HB_LONG=1: larger seeds, longer runs
//   node scripts/test.mjs --list       the stages' names
// The driver needs nothing installed: its first stage does that.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { at, filesUnder, root, say, seconds } from "./lib.mjs";

/**
 * `files`: when the stage is listed. `needs`: stages that run before it and must have passed; a `lenient` stage only
 * wants them tried, and says itself what it misses.
 * `setup`: what the machine must have (scripts/setup.mjs). `run` gives its counts; a build counts as one check.
 * @typedef {{ passed: number, failed: number, skipped?: number }} Counts
 * @typedef {{ name: string, about: string, files: () => boolean, needs: string[], setup: string[], lenient?: boolean,
 *             run: () => Promise<Counts> }} Stage
 */

const long = process.argv.includes("--long");
const chosen = process.argv.slice(2).filter((arg) => !arg.startsWith("--"));
const stage_timeout_ms = (long ? 120 : 20) * 60_000;

/**
 * Runs a program, echoing what it prints. @param {string} command @param {string[]} args
 * @returns {Promise<{ status: number, output: string }>}
 */
function run(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root, stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...(long ? { HB_LONG: "1" } : {}) },
    });
    const chunks = /** @type {string[]} */ ([]);
    for (const [from, to] of /** @type {const} */ ([[child.stdout, process.stdout], [child.stderr, process.stderr]])) {
      from.setEncoding("utf8").on("data", (text) => {
        chunks.push(text);
        to.write(text);
      });
    }
    const timer = setTimeout(() => {
      say(`\nstopped after ${stage_timeout_ms / 60_000} minutes`);
      child.kill("SIGKILL");
    }, stage_timeout_ms);
    const end = (/** @type {number} */ status) => {
      clearTimeout(timer);
      resolve({ status, output: chunks.join("") });
    };
    child.on("error", (error) => {
      say(`${command}: ${error.message}`);
      end(127);
    });
    child.on("close", (code) => end(code ?? 128));
  });
}

/** A program that either succeeds or not. @param {string} command @param {string[]} args */
async function check(command, args) {
  const { status } = await run(command, args);
  return { passed: status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1 };
}

/** A program that closes with `N passed, N failed[, N skipped]`. @param {string} command @param {string[]} args */
async function counted(command, args) {
  const { status, output } = await run(command, args);
  const closing = [...output.matchAll(/^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?[^\n]*$/gm)].at(-1);
  if (!closing) return { passed: 0, failed: 1 };
  const counts = { passed: Number(closing[1]), failed: Number(closing[2]), skipped: Number(closing[3] ?? 0) };
  // A crash, a leak or a sanitizer's report after the closing line is a failure of its own.
  if (status !== 0 && counts.failed === 0) counts.failed = 1;
  return counts;
}

/** Node's own runner over a folder's *.test.mjs. @param {string} folder */
async function nodeTests(folder) {
  const report = at("build", `${folder.replaceAll("/", "-")}.tap`);
  mkdirSync(at("build"), { recursive: true });
  rmSync(report, { force: true });
  const { status } = await run(process.execPath, ["--test", "--test-reporter=spec", "--test-reporter-destination=stdout",
    "--test-reporter=tap", `--test-reporter-destination=${report}`, ...testFiles(folder)]);
  const tap = existsSync(report) ? readFileSync(report, "utf8") : "";
  const total = (/** @type {string} */ key) => Number(new RegExp(`^# ${key} (\\d+)$`, "m").exec(tap)?.[1] ?? 0);
  const counts = { passed: total("pass"), failed: total("fail") + total("cancelled"), skipped: total("skipped") + total("todo") };
  if ((status !== 0 && counts.failed === 0) || counts.passed + counts.failed === 0) counts.failed += 1;
  return counts;
}

/** @param {string} folder */
const testFiles = (folder) => filesUnder(folder).filter((path) => path.endsWith(".test.mjs"));
/** @param {string} folder */
const hasTests = (folder) => () => testFiles(folder).length > 0;
/** @param {string} folder @param {string} ending */
const hasFiles = (folder, ending) => () => filesUnder(folder).some((path) => path.endsWith(ending));
/** @param {string} preset */
const cmake = (preset) => () => check(process.execPath, [at("scripts/run.mjs"), "preset", preset]);

/** @param {string} name @param {string} about @param {string[]} needs @param {string[]} [extra] @returns {Stage} */
const nodeStage = (name, about, needs, extra = []) => ({
  name, about, files: hasTests(`tests/${name}`), needs, setup: ["npm", ...extra], run: () => nodeTests(`tests/${name}`),
});

const wasmtime = at(".cache/bin/wasmtime");
/** @type {Stage[]} */
const stages = [
  { name: "native", about: "native library and unit tests, ASan and UBSan", files: () => true, needs: [], setup: ["native"],
    run: cmake("native") },
  { name: "unit", about: "unit tests, native", files: hasFiles("tests/unit", "_test.c"), needs: ["native"], setup: [],
    run: () => counted(at("build/native/hb_unit"), []) },
  { name: "fuzz-build", about: "fuzzers, clang, ASan and UBSan", files: hasFiles("tests/fuzz", "_fuzz.c"), needs: [], setup: ["native", "fuzz"],
    run: cmake("fuzz") },
  { name: "fuzz", about: "decoders and calls from hostile bytes", files: hasFiles("tests/fuzz", "_fuzz.c"), needs: ["fuzz-build"], setup: [],
    run: () => counted(process.execPath, [at("tests/fuzz/run.mjs")]) },
  { name: "wasi-build", about: "WASI command and unit tests", files: () => true, needs: [], setup: ["wasi"], run: cmake("wasi") },
  { name: "unit-wasm", about: "the same unit tests under wasmtime", files: hasFiles("tests/unit", "_test.c"), needs: ["wasi-build"],
    setup: ["wasmtime"], run: () => counted(wasmtime, ["run", "--dir", ".", at("build/wasi/hb_unit.wasm")]) },
  { name: "module", about: "ES module, full and slim", files: hasFiles("src/abi", ".c"), needs: [], setup: ["emscripten"],
    run: cmake("emscripten") },
  { name: "types", about: "strict tsc over the JavaScript, declarations", files: () => existsSync(at("js")), needs: ["module"],
    setup: ["npm"], run: () => check(process.execPath, [at("node_modules/typescript/bin/tsc"), "-p", "tsconfig.json"]) },
  { name: "tidy", about: "layers, lengths, banned calls, statics, imports", files: () => true,
    needs: ["native", "wasi-build", "module"], setup: [],
    lenient: true, run: () => counted(process.execPath, [at("tests/tidy/tidy.mjs")]) },
  nodeStage("js", "JavaScript in Node", ["module"]),
  { name: "replayer", about: "the oracle's replayer, against a stand-in", files: hasTests("tests/oracle"), needs: [], setup: ["npm"],
    run: () => nodeTests("tests/oracle") },
  { name: "oracle", about: "recorded behaviour, replayed", files: () => existsSync(at("tests/oracle/replay.mjs")), needs: ["module"],
    setup: ["npm"], run: () => counted(process.execPath, [at("tests/oracle/replay.mjs")]) },
  nodeStage("differential", "placements against each other, random", ["module"]),
  { name: "conformance", about: "every backend does what it claims", files: () => existsSync(at("tests/conformance/run.mjs")), needs: ["module"],
    setup: ["npm"], run: () => counted(process.execPath, [at("tests/conformance/run.mjs")]) },
  nodeStage("runtimes", "Deno and Bun", ["module"], ["runtimes"]),
  nodeStage("interchange", "data that Python writes and reads", ["module"], ["python"]),
  nodeStage("wasi", "the hb command under wasmtime", ["wasi-build"], ["wasmtime"]),
  nodeStage("web", "a real Chromium", ["module"], ["chromium"]),
  nodeStage("workerd", "workerd, without Node compatibility", ["module"]),
  nodeStage("package", "what npm pack ships", ["module", "types", "wasi-build"]),
];

/** The chosen stages with the stages they stand on, in order; all listed ones when none is chosen. */
function selection() {
  const listed = stages.filter((stage) => stage.files());
  const unknown = chosen.filter((name) => !stages.some((stage) => stage.name === name));
  if (unknown.length > 0) {
    say(`no such stage: ${unknown.join(" ")}; there is: ${stages.map((stage) => stage.name).join(" ")}`);
    process.exit(2);
  }
  const absent = chosen.filter((name) => !listed.some((stage) => stage.name === name));
  if (absent.length > 0) say(`nothing to run yet for: ${absent.join(" ")}`);
  if (chosen.length === 0) return listed;
  const wanted = new Set(chosen.includes("unit") ? [...chosen, "unit-wasm"] : chosen);
  for (const stage of [...stages].reverse()) {
    if (wanted.has(stage.name)) stage.needs.forEach((need) => wanted.add(need));
  }
  return listed.filter((stage) => wanted.has(stage.name));
}

const started = performance.now();
const selected = selection();
if (process.argv.includes("--list")) {
  for (const stage of selected) say(`${stage.name.padEnd(12)} ${stage.about}`);
  process.exit(0);
}

/** @type {{ name: string, counts: Counts, took: string }[]} */
const results = [];
/** @param {string} name @param {string} about @param {() => Promise<Counts>} job */
async function perform(name, about, job) {
  say(`\n== ${name}: ${about}`);
  const since = performance.now();
  const counts = await job();
  const took = seconds(since);
  results.push({ name, counts, took });
  const skipped = counts.skipped ? `, ${counts.skipped} skipped` : "";
  say(`== ${name}: ${counts.passed} passed, ${counts.failed} failed${skipped} (${took})`);
}

const needs = [...new Set(selected.flatMap((stage) => stage.setup))];
await perform("setup", needs.join(" "), () => check(process.execPath, [at("scripts/run.mjs"), "setup", ...needs]));
for (const stage of selected) {
  const broken = stage.needs.filter((need) => results.some((result) => result.name === need && result.counts.failed > 0));
  if (broken.length === 0 || stage.lenient) await perform(stage.name, stage.about, stage.run);
  else await perform(stage.name, `not run, ${broken.join(" and ")} failed`, async () => ({ passed: 0, failed: 1 }));
}

const sum = (/** @type {"passed" | "failed"} */ key) => results.reduce((total, result) => total + result.counts[key], 0);
say(`\n${"stage".padEnd(12)} ${"passed".padStart(7)} ${"failed".padStart(7)} ${"skipped".padStart(8)}  time`);
for (const { name, counts, took } of results) {
  say(`${name.padEnd(12)} ${String(counts.passed).padStart(7)} ${String(counts.failed).padStart(7)} ${String(counts.skipped ?? 0).padStart(8)}  ${took}`);
}
const failing = results.filter((result) => result.counts.failed > 0).map((result) => result.name);
say(failing.length > 0 ? `\nfailing: ${failing.join(" ")} (${seconds(started)})` : `\nall stages passed (${seconds(started)})`);
say(`${sum("passed")} passed, ${sum("failed")} failed`);
process.exitCode = failing.length > 0 ? 1 : 0;
