// SPDX-License-Identifier: MIT
// node tests/fuzz/run.mjs [--seconds n] [--build folder] [fuzzer...]: each fuzzer over its seeds and then on its own.
// What it finds stays in build/native/found/<fuzzer>-*; an input that failed goes into corpus/<fuzzer> with its fix.
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { at, run, say } from "../../scripts/lib.mjs";

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

let failed = 0;
const chosen = args.length > 0 ? args : all;
for (const name of chosen) {
  const grown = `${build}/corpus/${name}`;
  mkdirSync(grown, { recursive: true });
  const dictionary = at("tests/fuzz/dict", `${name}.dict`);
  const { status, output } = run("nice", [`${build}/fuzz_${name}`, grown, at("tests/fuzz/corpus", name), `-max_total_time=${seconds}`, "-timeout=20", "-rss_limit_mb=2048",
    "-max_len=4096", "-print_final_stats=1", "-verbosity=1", `-artifact_prefix=${found}${name}-`, ...(existsSync(dictionary) ? [`-dict=${dictionary}`] : [])],
  { quiet: true, may_fail: true, env: { ASAN_OPTIONS: "detect_leaks=1:allocator_may_return_null=1", UBSAN_OPTIONS: "print_stacktrace=1" } });
  const runs = /stat::number_of_executed_units:\s*(\d+)/.exec(output)?.[1] ?? "0";
  const coverage = [...output.matchAll(/cov: (\d+)/g)].at(-1)?.[1] ?? "0";
  if (status !== 0 || Number(runs) === 0) {
    failed++;
    say(output.split("\n").filter((line) => !/^#\d+\s/.test(line)).slice(-60).join("\n"));
  }
  say(`${status === 0 ? "ok  " : "FAIL"} ${name.padEnd(12)} ${runs} runs, ${coverage} edges`);
}
say(`${chosen.length - failed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
