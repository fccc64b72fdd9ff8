// SPDX-License-Identifier: MIT
// Incremental builds by CMake preset; configures once, then lets Ninja decide.
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { at, run } from "./lib.mjs";

/** Debian's emcc looks for its JavaScript optimiser here, whichever Node is installed. */
const env = { NODE_PATH: ["/usr/share/nodejs", process.env.NODE_PATH ?? ""].filter(Boolean).join(":") };

/** Whether the preset's folder was configured, and with what the preset says now. @param {string} preset */
function isConfigured(preset) {
  if (!existsSync(at("build", preset, "build.ninja"))) return false;
  const cache = readFileSync(at("build", preset, "CMakeCache.txt"), "utf8").split("\n");
  const { configurePresets } = JSON.parse(readFileSync(at("CMakePresets.json"), "utf8"));
  /** @type {[string, string][]} */
  const wanted = Object.entries(configurePresets.find((/** @type {any} */ one) => one.name === preset)?.cacheVariables ?? {});
  return wanted.every(([name, value]) => cache.some((line) => line.startsWith(`${name}:`) && new RegExp(`[=/]${value}$`).test(line)));
}

/**
 * @param {"native" | "release" | "emscripten" | "wasi"} preset
 * @param {{ targets?: string[], keep_going?: boolean }} [options]
 */
export function build(preset, options = {}) {
  mkdirSync(at("build"), { recursive: true });
  // One build of a preset at a time: two Ninjas in one folder would overwrite each other.
  const locked = (/** @type {string[]} */ ...command) => run("flock", [at("build", `${preset}.lock`), ...command], { env });
  if (!isConfigured(preset)) locked("cmake", "--fresh", "--preset", preset);
  const targets = options.targets ? ["--target", ...options.targets] : [];
  locked("cmake", "--build", "--preset", preset, ...targets, "--", "-j2", ...(options.keep_going ? ["-k0"] : []));
}

/** Declarations from JSDoc, into types/. */
export function buildTypes() {
  run(process.execPath, [at("node_modules/typescript/bin/tsc"), "-p", "tsconfig.json"]);
}
