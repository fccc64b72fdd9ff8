// SPDX-License-Identifier: MIT
// HeavenBase for Python on its inmem backend, in a process of its own, asked line by line (python-server.py): the pipe
// and the JSON are part of its times. The package is the one that the tests of interchange pin.
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CATEGORIES } from "../../workload.mjs";

const path = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));
const program = path("../../../.cache/python/bin/python");
const CHUNK = 500;

/** @param {Float32Array} vector */
const packed = (vector) => Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString("base64");
/** @param {any} row */
const stored = (row) => (row.embedding ? { ...row, embedding: packed(row.embedding) } : row);
/** @param {any} row */
const whole = (row) => (row?.embedding ? { ...row, embedding: Float32Array.from(row.embedding) } : row);

/** Starts the server. @returns {{ ask: (op: string, given?: object) => Promise<any>, end: () => Promise<void> }} */
function start() {
  const home = mkdtempSync(join(tmpdir(), "heavenbase-bench-python-"));
  const child = spawn(program, ["-W", "ignore", path("python-server.py")], { stdio: ["pipe", "pipe", "inherit"], env: { PATH: process.env.PATH, HOME: home, PYTHONHASHSEED: "0", TZ: "UTC" } });
  /** @type {{ resolve: (value: any) => void, reject: (error: Error) => void }[]} */
  const waiting = [];
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (part) => {
    text += part;
    if (!part.includes("\n")) return;
    const lines = text.split("\n");
    text = /** @type {string} */ (lines.pop());
    for (const line of lines) {
      const answer = JSON.parse(line);
      const caller = waiting.shift();
      if (answer.error) caller?.reject(new Error(answer.error));
      else caller?.resolve(answer.ok);
    }
  });
  const gone = new Promise((resolve) => child.on("close", resolve)).then(() => {
    rmSync(home, { recursive: true, force: true });
    for (const { reject } of waiting) reject(new Error("Python ended"));
  });
  return {
    ask: (op, given = {}) => new Promise((resolve, reject) => {
      waiting.push({ resolve, reject });
      child.stdin.write(`${JSON.stringify({ op, ...given })}\n`);
    }),
    async end() {
      child.stdin.end();
      await gone;
    },
  };
}

/** @param {boolean} lean @returns {Promise<import("../engine.mjs").Instance>} */
async function makeInstance(lean) {
  const { ask, end } = start();
  await ask("open", { lean, categories: CATEGORIES });
  return {
    async load(rows) {
      for (let at = 0; at < rows.length; at += CHUNK) await ask("load", { rows: rows.slice(at, at + CHUNK).map(stored) });
    },
    settle() {},
    upsert: (row) => ask("upsert", { row: stored(row) }),
    remove: (id) => ask("remove", { id }),
    getPart: (id) => ask("part", { id }),
    getFull: (id) => ask("full", { ids: [id] }).then(([row]) => whole(row)),
    getMany: (ids) => ask("full", { ids }).then((rows) => rows.map(whole)),
    filterScan: (range) => ask("range", { range }),
    filterIndex: (year) => ask("year", { year }),
    filterLimit: (range, limit) => ask("range", { range, limit }),
    ...(!lean && {
      near: (vector) => ask("near", { vector: packed(vector) }),
      nearFiltered: (vector, range) => ask("near", { vector: packed(vector), range }),
      match: (needle) => ask("match", { needle }),
    }),
    close: end,
  };
}

/** @type {import("../engine.mjs").Engine} */
export const engine = {
  name: "python", title: "HeavenBase for Python, inmem, over a pipe", ours: false, textbook: false, slow: true, rowsMax: 20_000,
  version() {
    if (!existsSync(program)) throw new Error("not installed: node scripts/run.mjs setup python");
    return execFileSync(program, ["-c", "import importlib.metadata as m; print(m.version('heavenbase'))"], { encoding: "utf8" }).trim();
  },
  open: ({ lean }) => makeInstance(lean),
};
