// SPDX-License-Identifier: MIT
// Incremental builds by CMake preset; configures once, then lets Ninja decide.
import { existsSync, mkdirSync } from "node:fs";
import { at, run } from "./lib.mjs";

/** Debian's emcc looks for its JavaScript optimiser here, whichever Node is installed. */
const env = { NODE_PATH: ["/usr/share/nodejs", process.env.NODE_PATH ?? ""].filter(Boolean).join(":") };

/**
 * @param {"native" | "release" | "fuzz" | "emscripten" | "wasi"} preset
 * @param {{ targets?: string[], keep_going?: boolean }} [options]
 */
export function build(preset, options = {}) {
  mkdirSync(at("build"), { recursive: true });
  // One build of a preset at a time: two Ninjas in one folder would overwrite each other.
  const locked = (/** @type {string[]} */ ...command) => run("flock", [at("build", `${preset}.lock`), ...command], { env });
  if (!existsSync(at("build", preset, "build.ninja"))) locked("cmake", "--preset", preset);
  const targets = options.targets ? ["--target", ...options.targets] : [];
  locked("cmake", "--build", "--preset", preset, ...targets, "--", "-j2", ...(options.keep_going ? ["-k0"] : []));
}

/** Declarations from JSDoc, into types/. */
export function buildTypes() {
  run(process.execPath, [at("node_modules/typescript/bin/tsc"), "-p", "tsconfig.json"]);
}
