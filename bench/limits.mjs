// SPDX-License-Identifier: MIT
// What is measured once in a run, whatever N: sizes of the modules, the CPU time of a worker, and that memory is used
// again. What cannot be measured here is null, with the reason said.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants } from "node:zlib";
import { median, reasonOf } from "./measure.mjs";

const path = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));
const TICKS_PER_SECOND = 100; // of /proc on Linux
const WORKER_ROUNDS = 3;
const FUNCTION_SECTION = 3;
const CODE_SECTION = 10;
/** @typedef {Record<string, number | null>} Limits */

/** Script and module together. @param {string} name */
function brotliBytes(name) {
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11 };
  return [`../dist/${name}.mjs`, `../dist/${name}.wasm`].reduce((sum, file) => sum + brotliCompressSync(readFileSync(path(file)), { params }).length, 0);
}

/** How many functions of a module are there twice, byte for byte: wasm-opt leaves none. @param {Buffer} bytes */
export function duplicateFunctions(bytes) {
  let at = 8;
  const leb = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value |= (byte & 127) << shift;
      if (byte < 128) return value >>> 0;
    }
  };
  /** @type {number[]} */
  let types = [];
  /** @type {string[]} */
  let bodies = [];
  while (at < bytes.length) {
    const id = bytes[at++];
    const length = leb();
    const end = at + length;
    if (id === FUNCTION_SECTION) types = Array.from({ length: leb() }, leb);
    if (id === CODE_SECTION) {
      bodies = Array.from({ length: leb() }, () => {
        const size = leb();
        at += size;
        return bytes.toString("latin1", at - size, at);
      });
    }
    at = end;
  }
  return bodies.length - new Set(bodies.map((body, index) => `${types[index]}:${body}`)).size;
}

/** Why the build in dist/ is none to measure; null: it is one. */
export function unfitBuild() {
  if (!existsSync(path("../dist/hb.wasm"))) return "there is no dist/hb.wasm";
  const duplicates = duplicateFunctions(readFileSync(path("../dist/hb.wasm")));
  return duplicates > 0 ? `dist/hb.wasm holds ${duplicates} functions twice: it was linked without wasm-opt` : null;
}

/** CPU seconds of the workerd that this process started. */
function workerdSeconds() {
  for (const entry of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    const stat = existsSync(`/proc/${entry}/stat`) ? readFileSync(`/proc/${entry}/stat`, "latin1") : "";
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (stat.includes("(workerd)") && fields[1] === String(process.pid)) return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }
  throw new Error("no workerd among the processes");
}

/** Open and first query inside a request, less what an empty worker takes; every one in a workerd of its own. @param {(line: string) => void} say */
async function workerSeconds(say) {
  if (process.platform !== "linux") return null;
  try {
    const { bundle, start } = await import("../tests/workerd/bundle.mjs");
    const seconds = async (/** @type {import("../tests/workerd/bundle.mjs").Bundle} */ worker) => {
      const runtime = start(worker);
      try {
        await runtime.ready;
        const response = await runtime.dispatchFetch("http://worker.test/");
        if ((await response.text()) !== "One") throw new Error("the worker did not find its row");
        return workerdSeconds();
      } finally {
        await runtime.dispose();
      }
    };
    const own = await bundle("bench/worker.js");
    const empty = { code: "export default { fetch: () => new Response('One') };", wasm: new Map() };
    const found = [];
    for (let round = 0; round < WORKER_ROUNDS; round++) found.push(await seconds(own) - await seconds(empty));
    return Math.max(median(found), 0);
  } catch (error) {
    say(`workerd: ${reasonOf(error)}`);
    return null;
  }
}

/**
 * @param {{ probe: (...args: string[]) => any, say: (line: string) => void, churn: number, rows: number }} options `churn`: writes in turn; `rows`: how many must fit a worker
 * @returns {Promise<Limits>}
 */
export async function measureLimits({ probe, say, churn, rows }) {
  say("sizes, workerd, memory over time");
  const room = probe("room", "inmem", String(rows));
  const refill = probe("refill", "inmem", String(rows >> 1));
  const churned = probe("churn", "inmem", String(churn));
  const compact = probe("compact", "inmem", String(rows >> 2));
  return {
    fullBytes: brotliBytes("hb"), slimBytes: brotliBytes("hb-slim"), workerSeconds: await workerSeconds(say),
    roomRows: rows, roomBytes: room.bytes, refillGrowth: refill.after / refill.before, churnWrites: churn, churnGrowth: churned.after / churned.before,
    compactShare: compact && compact.after / compact.before,
  };
}
