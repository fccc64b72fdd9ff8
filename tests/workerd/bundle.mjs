// SPDX-License-Identifier: MIT
// A worker as its deployer would bundle it: esbuild, the workerd condition, wasm files as modules of their own.
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { build } from "esbuild";
import { Miniflare } from "miniflare";
import { at } from "../../scripts/lib.mjs";

/** The runtime's behaviour of that day; no compatibility flag, so no Node built-ins. */
const COMPATIBILITY_DATE = "2026-04-01";

/** @typedef {{ code: string, wasm: Map<string, Buffer> }} Bundle */

/** @param {string} entry from the root @returns {Promise<Bundle>} */
export async function bundle(entry) {
  /** @type {Map<string, Buffer>} */
  const wasm = new Map();
  const result = await build({
    entryPoints: [at(entry)], absWorkingDir: at(), bundle: true, write: false, format: "esm", target: "es2022",
    conditions: ["workerd"], mainFields: ["module", "main"], minify: true, logLevel: "silent",
    plugins: [{ name: "wasm-modules", setup(setting) {
      setting.onResolve({ filter: /\.wasm$/ }, ({ path, resolveDir }) => {
        wasm.set(basename(path), readFileSync(new URL(path, `file://${resolveDir}/`)));
        return { path: `./${basename(path)}`, external: true };
      });
    } }],
  });
  return { code: result.outputFiles[0].text, wasm };
}

/** Starts workerd with it, on a loopback port of its own. @param {Bundle} worker */
export function start({ code, wasm }) {
  return new Miniflare({
    compatibilityDate: COMPATIBILITY_DATE, compatibilityFlags: [], host: "127.0.0.1", port: 0, cf: false,
    modules: [
      { type: "ESModule", path: "worker.js", contents: code },
      ...[...wasm].map(([path, contents]) => /** @type {const} */ ({ type: "CompiledWasm", path, contents })),
    ],
  });
}
