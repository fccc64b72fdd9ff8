// SPDX-License-Identifier: MIT
// The engines by name. Each is loaded only when it takes part, so that a fresh process pays for one of them alone.

/** @type {Record<string, () => Promise<{ engine: import("./engine.mjs").Engine }>>} */
export const ENGINES = {
  inmem: () => import("./inmem.mjs"),
  sqlite: () => import("./sqlite.mjs"),
  debug: () => import("./debug.mjs"),
  "sqlite-wasm": () => import("./sqlite-wasm.mjs"),
  "plain-js": () => import("./plain-js.mjs"),
};
