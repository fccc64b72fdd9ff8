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

/** What users would otherwise take. Their packages are in peers/package.json, installed when one of them is to run. @type {typeof ENGINES} */
export const PEERS = {
  "better-sqlite3": () => import("./peers/better-sqlite3.mjs"),
  pglite: () => import("./peers/pglite.mjs"),
  duckdb: () => import("./peers/duckdb.mjs"),
  lancedb: () => import("./peers/lancedb.mjs"),
  orama: () => import("./peers/orama.mjs"),
  minisearch: () => import("./peers/minisearch.mjs"),
  lokijs: () => import("./peers/lokijs.mjs"),
  rxdb: () => import("./peers/rxdb.mjs"),
  python: () => import("./peers/python.mjs"),
};

/** @param {string} name */
export const engineOf = async (name) => (await { ...ENGINES, ...PEERS }[name]()).engine;
