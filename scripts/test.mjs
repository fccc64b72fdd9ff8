// SPDX-License-Identifier: MIT
// npm test: a graph of stages. Each starts when those that it needs have passed and a core is free; none stops the next,
// and the failed ones are named at the end. What they print comes in the order of the list, whichever ends first: the
// first one that runs prints as it goes, the others when those before them have printed.
//   node scripts/test.mjs              all stages whose files exist
//   node scripts/test.mjs unit js      these stages and the builds they stand on
//   node scripts/test.mjs --long       all, with HB_LONG=1: larger seeds, longer runs
//   node scripts/test.mjs --jobs=1     one at a time; otherwise as many as there are cores, at most four
//   node scripts/test.mjs --list       the stages' names
// The driver needs nothing installed: its first stage does that.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { at, filesUnder, root, say, seconds } from "./lib.mjs";

/**
 * `files`: when the stage is listed. `needs`: stages that run before it and must have passed; a `lenient` stage only
 * wants them tried, and says itself what it misses.
 * `setup`: what the machine must have (scripts/setup.mjs). `run` gives its counts; a build counts as one check.
 * @typedef {(text: string) => void} Print
 * @typedef {{ passed: number, failed: number, skipped?: number }} Counts
 * @typedef {{ name: string, about: string, files: () => boolean, needs: string[], setup: string[], lenient?: boolean,
 *             run: (print: Print) => Promise<Counts> }} Stage
 */

const long = process.argv.includes("--long");
const chosen = process.argv.slice(2).filter((arg) => !arg.startsWith("--"));
const jobs = Number(process.argv.find((arg) => /^--jobs=[1-9]\d?$/.test(arg))?.slice(7) ?? Math.min(4, availableParallelism()));
const stage_timeout_ms = (long ? 120 : 20) * 60_000;

/**
 * Runs a program, passing on what it prints. @param {Print} print @param {string} command @param {string[]} args
 * @returns {Promise<{ status: number, output: string }>}
 */
function run(print, command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root, stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...(long ? { HB_LONG: "1" } : {}) },
    });
    const chunks = /** @type {string[]} */ ([]);
    for (const from of [child.stdout, child.stderr]) {
      from.setEncoding("utf8").on("data", (text) => {
        chunks.push(text);
        print(text);
      });
    }
    const timer = setTimeout(() => {
      print(`\nstopped after ${stage_timeout_ms / 60_000} minutes\n`);
      child.kill("SIGKILL");
    }, stage_timeout_ms);
    const end = (/** @type {number} */ status) => {
      clearTimeout(timer);
      resolve({ status, output: chunks.join("") });
    };
    child.on("error", (error) => {
      print(`${command}: ${error.message}\n`);
      end(127);
    });
    child.on("close", (code) => end(code ?? 128));
  });
}

/** A program that either succeeds or not. @param {Print} print @param {string} command @param {string[]} args */
async function check(print, command, args) {
  const { status } = await run(print, command, args);
  return { passed: status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1 };
}

/** A program that closes with `N passed, N failed[, N skipped]`. @param {Print} print @param {string} command @param {string[]} args */
async function counted(print, command, args) {
  const { status, output } = await run(print, command, args);
  const closing = [...output.matchAll(/^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?[^\n]*$/gm)].at(-1);
  if (!closing) return { passed: 0, failed: 1 };
  const counts = { passed: Number(closing[1]), failed: Number(closing[2]), skipped: Number(closing[3] ?? 0) };
  // A crash, a leak or a sanitizer's report after the closing line is a failure of its own.
  if (status !== 0 && counts.failed === 0) counts.failed = 1;
  return counts;
}

/**
 * Node's own runner over a folder's *.test.mjs, two files at once where it would take one: they wait much, for locks, disks
 * and programs that they start. @param {Print} print @param {string} folder
 */
async function nodeTests(print, folder) {
  const report = at("build", `${folder.replaceAll("/", "-")}.tap`);
  mkdirSync(at("build"), { recursive: true });
  rmSync(report, { force: true });
  const { status } = await run(print, process.execPath, ["--test", `--test-concurrency=${Math.max(2, availableParallelism() - 1)}`,
    "--test-reporter=spec", "--test-reporter-destination=stdout",
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
const cmake = (preset) => (/** @type {Print} */ print) => check(print, process.execPath, [at("scripts/run.mjs"), "preset", preset]);
/** A program of ours that counts. */
const script = (/** @type {string} */ path) => (/** @type {Print} */ print) => counted(print, process.execPath, [at(path)]);

/** @param {string} name @param {string} about @param {string[]} needs @param {string[]} [extra] @returns {Stage} */
const nodeStage = (name, about, needs, extra = []) => ({
  name, about, files: hasTests(`tests/${name}`), needs, setup: ["npm", ...extra], run: (print) => nodeTests(print, `tests/${name}`),
});

/** They keep their files in a folder of their own: the native ones, which use the same names, may run beside. @param {Print} print */
function unitTestsInWasm(print) {
  const folder = at("build/wasi/files");
  mkdirSync(folder, { recursive: true });
  const folders = ["--dir", `${folder}::.`, "--dir", "tests::tests"];
  return counted(print, at(".cache/bin/wasmtime"), ["run", ...folders, at("build/wasi/hb_unit.wasm")]);
}

/**
 * The builds first, which all else waits for, then what takes longest: that is the order in which free cores take them.
 * @type {Stage[]}
 */
const stages = [
  { name: "module", about: "ES module, full and slim", files: hasFiles("src/abi", ".c"), needs: [], setup: ["emscripten"],
    run: cmake("emscripten") },
  { name: "native", about: "native library, unit tests and fuzzers, ASan and UBSan", files: () => true, needs: [], setup: ["native"],
    run: cmake("native") },
  { name: "wasi-build", about: "WASI command and unit tests", files: () => true, needs: [], setup: ["wasi"], run: cmake("wasi") },
  nodeStage("js", "JavaScript in Node", ["module", "wasi-build"], ["wasmtime"]),
  { name: "fuzz", about: "decoders and calls from hostile bytes", files: hasFiles("tests/fuzz", "_fuzz.c"), needs: ["native"], setup: [],
    run: script("tests/fuzz/run.mjs") },
  nodeStage("interchange", "data that Python writes and reads", ["module"], ["python"]),
  { name: "unit", about: "unit tests, native", files: hasFiles("tests/unit", "_test.c"), needs: ["native"], setup: [],
    run: (print) => counted(print, at("build/native/hb_unit"), []) },
  nodeStage("wasi", "the hb command under wasmtime", ["wasi-build", "module"], ["wasmtime"]),
  { name: "tidy", about: "layers, lengths, banned calls, statics, imports", files: () => true,
    needs: ["native", "wasi-build", "module"], setup: [], lenient: true, run: script("tests/tidy/tidy.mjs") },
  nodeStage("web", "a real Chromium", ["module"], ["chromium"]),
  { name: "types", about: "strict tsc over the JavaScript, declarations", files: () => existsSync(at("js")), needs: ["module"],
    setup: ["npm"], run: (print) => check(print, process.execPath, [at("node_modules/typescript/bin/tsc"), "-p", "tsconfig.json"]) },
  nodeStage("package", "what npm pack ships", ["module", "types", "wasi-build"]),
  nodeStage("differential", "placements against each other, random", ["module"]),
  { name: "oracle", about: "recorded behaviour, replayed", files: () => existsSync(at("tests/oracle/replay.mjs")), needs: ["module"],
    setup: ["npm"], run: script("tests/oracle/replay.mjs") },
  { name: "unit-wasm", about: "the same unit tests under wasmtime", files: hasFiles("tests/unit", "_test.c"), needs: ["wasi-build"],
    setup: ["wasmtime"], run: unitTestsInWasm },
  { name: "conformance", about: "every backend does what it claims", files: () => existsSync(at("tests/conformance/run.mjs")), needs: ["module"],
    setup: ["npm"], run: script("tests/conformance/run.mjs") },
  nodeStage("workerd", "workerd, without Node compatibility", ["module"]),
  nodeStage("runtimes", "Deno and Bun", ["module"], ["runtimes"]),
  { name: "replayer", about: "the oracle's replayer, against a stand-in", files: hasTests("tests/oracle"), needs: [], setup: ["npm"],
    run: (print) => nodeTests(print, "tests/oracle") },
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
/** @param {string} name @param {string} about @param {(print: Print) => Promise<Counts>} job @param {Print} print */
async function perform(name, about, job, print) {
  print(`\n== ${name}: ${about}\n`);
  const since = performance.now();
  const counts = await job(print);
  const took = seconds(since);
  results.push({ name, counts, took });
  const skipped = counts.skipped ? `, ${counts.skipped} skipped` : "";
  print(`== ${name}: ${counts.passed} passed, ${counts.failed} failed${skipped} (${took})\n`);
}

/** @param {string} name */
const failed = (name) => results.some((result) => result.name === name && result.counts.failed > 0);

/** @param {Stage} stage @param {Print} print */
function performStage(stage, print) {
  const broken = stage.needs.filter(failed);
  if (broken.length === 0 || stage.lenient) return perform(stage.name, stage.about, stage.run, print);
  return perform(stage.name, `not run, ${broken.join(" and ")} failed`, async () => ({ passed: 0, failed: 1 }), print);
}

/** One way out for what runs at once: `open(i)` prints for place i, which is heard when the places before it are closed. @param {number} places */
function inOrder(places) {
  const held = Array.from({ length: places }, () => /** @type {string[]} */ ([]));
  const closed = new Set();
  let heard = 0;
  return {
    open: (/** @type {number} */ place) => (/** @type {string} */ text) => {
      if (place === heard) process.stdout.write(text);
      else held[place].push(text);
    },
    close(/** @type {number} */ place) {
      closed.add(place);
      while (closed.has(heard)) {
        heard += 1;
        process.stdout.write((held[heard] ?? []).splice(0).join(""));
      }
    },
  };
}

/** Starts each stage when its needs have ended, `jobs` at once, the first of the list that can. @param {Stage[]} all */
async function performAll(all) {
  const way = inOrder(all.length);
  const waiting = new Set(all);
  const running = new Map();
  while (waiting.size + running.size > 0) {
    for (const stage of waiting) {
      if (running.size === jobs) break;
      if (stage.needs.some((need) => [...waiting, ...running.keys()].some(({ name }) => name === need))) continue;
      waiting.delete(stage);
      const place = all.indexOf(stage);
      running.set(stage, performStage(stage, way.open(place)).then(() => {
        way.close(place);
        running.delete(stage);
      }));
    }
    await Promise.race(running.values());
  }
}

const needs = [...new Set(selected.flatMap((stage) => stage.setup))];
await perform("setup", needs.join(" "), (print) => check(print, process.execPath, [at("scripts/run.mjs"), "setup", ...needs]), (text) => process.stdout.write(text));
const since_setup = performance.now();
await performAll(selected);
const place = (/** @type {{ name: string }} */ result) => selected.findIndex(({ name }) => name === result.name);
results.sort((a, b) => place(a) - place(b));

const sum = (/** @type {"passed" | "failed"} */ key) => results.reduce((total, result) => total + result.counts[key], 0);
say(`\n${"stage".padEnd(12)} ${"passed".padStart(7)} ${"failed".padStart(7)} ${"skipped".padStart(8)}  time`);
for (const { name, counts, took } of results) {
  say(`${name.padEnd(12)} ${String(counts.passed).padStart(7)} ${String(counts.failed).padStart(7)} ${String(counts.skipped ?? 0).padStart(8)}  ${took}`);
}
const failing = results.filter((result) => result.counts.failed > 0).map((result) => result.name);
const took = `${seconds(started)}, ${seconds(since_setup)} after set-up, ${jobs} at once`;
say(failing.length > 0 ? `\nfailing: ${failing.join(" ")} (${took})` : `\nall stages passed (${took})`);
say(`${sum("passed")} passed, ${sum("failed")} failed`);
process.exitCode = failing.length > 0 ? 1 : 0;
