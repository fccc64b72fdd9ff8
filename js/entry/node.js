// SPDX-License-Identifier: MIT
// Node, Deno, Bun: the module is read from beside the package, files are on the real disk.
import { readFile } from "node:fs/promises";
import { makeHeavenBase } from "../heavenbase.js";
import { nodeFiles } from "../host/node-fs.js";

export * from "../index.js";
export const HeavenBase = makeHeavenBase({
  glue: () => import("../../dist/hb.mjs"),
  env: () => process.env,
  wasm: async () => ({ bytes: await readFile(new URL("../../dist/hb.wasm", import.meta.url)) }),
  files: nodeFiles,
});
export const { init } = HeavenBase;
