// SPDX-License-Identifier: MIT
// node scripts/run.mjs COMMAND [ARG...]: the commands behind `npm run`, each with the set-up and build it needs.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { totalmem } from "node:os";
import { build, buildTypes } from "./build.mjs";
import { at, fail, root, say } from "./lib.mjs";
import { allNeeds, setup } from "./setup.mjs";

const [command, ...args] = process.argv.slice(2);

/** The wasm module for JavaScript: all that the demo needs. */
function buildModule() {
  setup(["npm", "emscripten"]);
  build("emscripten");
}

/** Hands over to another program, with its exit code. @param {string} script @param {string[]} [options] of Node */
function start(script, options = []) {
  const result = spawnSync(process.execPath, [...options, at(script), ...args], { cwd: root, stdio: "inherit" });
  process.exit(result.status ?? 1);
}

/** @type {Record<string, () => void>} */
const commands = {
  setup() {
    const unknown = args.filter((need) => !allNeeds.includes(/** @type {any} */ (need)));
    if (unknown.length > 0) fail(`unknown: ${unknown.join(" ")}; there is: ${allNeeds.join(" ")}`);
    setup(args.length > 0 ? /** @type {import("./setup.mjs").Need[]} */ (args) : allNeeds);
  },
  build() {
    setup(["npm", "emscripten", "wasi"]);
    build("emscripten");
    build("wasi");
    if (existsSync(at("js"))) buildTypes();
  },
  module: buildModule,
  /** One CMake preset, as the tests build it: all of it that compiles. */
  preset() {
    build(/** @type {any} */ (args[0]), { keep_going: true });
  },
  types() {
    buildModule();
    buildTypes();
  },
  demo() {
    buildModule();
    start("examples/demo/demo.mjs");
  },
  engines() {
    setup(["npm", "emscripten", "engines", "chromium"]);
    build("emscripten");
    start("tests/engines/run.mjs");
  },
  oracle() {
    buildModule();
    start("tests/oracle/replay.mjs");
  },
  bench() {
    if (args[0] === "remote") {
      setup(["npm", "emscripten", "engines"]);
      build("emscripten");
      start("bench/remote.mjs");
      return;
    }
    buildModule();
    // All engines hold the rows at once, each with objects of its own.
    start("bench/bench.mjs", [`--max-old-space-size=${Math.floor(totalmem() / 2 ** 21)}`]);
  },
};

const chosen = command ? commands[command] : undefined;
if (!chosen) {
  say(`usage: node scripts/run.mjs ${Object.keys(commands).join(" | ")}`);
  process.exit(command ? 1 : 0);
}
chosen();
