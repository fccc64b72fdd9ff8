// SPDX-License-Identifier: MIT
// node tests/fuzz/run.mjs [--seconds n] [--build folder] [fuzzer...]: each fuzzer over its seeds and then on its own.
// What it finds stays in build/native/found/<fuzzer>-*; an input that failed goes into corpus/<fuzzer> with its fix.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { at, root, say } from "../../scripts/lib.mjs";

const args = process.argv.slice(2);
/** @param {string} name @param {string} otherwise */
function option(name, otherwise) {
  const index = args.indexOf(`--${name}`);
  return index < 0 ? otherwise : args.splice(index, 2)[1];
}
const seconds = Number(option("seconds", process.env.HB_LONG ? "60" : "5"));
const build = option("build", at("build/native"));
const all = readdirSync(at("tests/fuzz")).flatMap((name) => /^(\w+)_fuzz\.c$/.exec(name)?.[1] ?? []);
const found = `${build}/found/`;
mkdirSync(found, { recursive: true });

/** How many run at once: they end by the clock, and much of it goes by while they start. */
const PLACES = 2;

/** One fuzzer to its end; what it says is printed in one piece. @param {string} name @returns {Promise<boolean>} did it pass? */
async function fuzz(name) {
  const grown = `${build}/corpus/${name}`;
  mkdirSync(grown, { recursive: true });
  const dictionary = at("tests/fuzz/dict", `${name}.dict`);
  const { status, output } = await ended("nice", [`${build}/fuzz_${name}`, grown, at("tests/fuzz/corpus", name), `-max_total_time=${seconds}`, "-timeout=20", "-rss_limit_mb=2048",
    "-max_len=4096", "-print_final_stats=1", "-verbosity=1", `-artifact_prefix=${found}${name}-`, ...(existsSync(dictionary) ? [`-dict=${dictionary}`] : [])]);
  const runs = /stat::number_of_executed_units:\s*(\d+)/.exec(output)?.[1] ?? "0";
  const coverage = [...output.matchAll(/cov: (\d+)/g)].at(-1)?.[1] ?? "0";
  const passed = status === 0 && Number(runs) > 0;
  if (!passed) say(output.split("\n").filter((line) => !/^#\d+\s/.test(line)).slice(-60).join("\n"));
  say(`${passed ? "ok  " : "FAIL"} ${name.padEnd(12)} ${runs} runs, ${coverage} edges`);
  return passed;
}

/** @param {string} command @param {string[]} args @returns {Promise<{ status: number, output: string }>} */
function ended(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ASAN_OPTIONS: "detect_leaks=1:allocator_may_return_null=1", UBSAN_OPTIONS: "print_stacktrace=1" } });
    let output = "";
    for (const from of [child.stdout, child.stderr]) from.setEncoding("utf8").on("data", (text) => output += text);
    child.on("error", (error) => resolve({ status: 127, output: error.message }));
    child.on("close", (code) => resolve({ status: code ?? 128, output }));
  });
}

const chosen = args.length > 0 ? args : all;
const waiting = [...chosen];
let failed = 0;
await Promise.all(Array.from({ length: PLACES }, async () => {
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    if (!await fuzz(name)) failed++;
  }
}));
say(`${chosen.length - failed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
