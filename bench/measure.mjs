// SPDX-License-Identifier: MIT
// The rounds: every round opens every engine anew, loads it, and asks everything; who comes first rotates.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { OPERATIONS } from "./operations.mjs";
import { makeScan } from "./simd-scan.mjs";
import { makeTruth } from "./truth.mjs";
import { VARIANTS } from "./workload.mjs";

/** @typedef {import("./engines/engine.mjs").Engine} Engine */
/** @typedef {import("./engines/engine.mjs").Instance} Instance */
/** @typedef {import("./workload.mjs").Workload} Workload */
/** @typedef {import("./operations.mjs").Operation} Operation */
/** @typedef {Record<string, Record<string, number[]>>} Samples seconds by operation and engine, one per round */
/** @typedef {{ engine: string, operation: string, ok: boolean, overlap: number | null, faults: number }} Checked */

export const SCAN = "simd-scan";
const BLOCK_SECONDS = 2e-4;
const BLOCK_CALLS_MAX = 256;
const FIXED_BLOCK_CALLS = 10;
const BLOCKS_MIN = 4;

setFlagsFromString("--expose-gc");
export const collect = /** @type {() => void} */ (runInNewContext("gc"));
const now = () => performance.now() / 1000;

/** @param {readonly number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** @template T @param {readonly T[]} list @param {number} by @returns {T[]} */
const rotated = (list, by) => [...list.slice(by % list.length), ...list.slice(0, by % list.length)];

/** What was read goes here, so that reading is not optimised away. */
let sink = 0;

/** Seconds per call. @param {(index: number) => any} call @param {(value: any) => any} use @param {number} from @param {number} count */
async function block(call, use, from, count) {
  const start = now();
  for (let index = from; index < from + count; index++) {
    let value = call(index);
    if (value instanceof Promise) value = await value;
    sink += Number(use(value));
  }
  return (now() - start) / count;
}

/** The median of blocks that take about `budget` seconds together. @param {(index: number) => any} call @param {(value: any) => any} use @param {number} budget */
async function sample(call, use, budget) {
  const single = await block(call, use, 0, 2);
  const count = Math.max(1, Math.min(BLOCK_CALLS_MAX, Math.ceil(BLOCK_SECONDS / single)));
  const seconds = [];
  const end = now() + budget;
  for (let at = 2; seconds.length < BLOCKS_MIN || now() < end; at += count) seconds.push(await block(call, use, at, count));
  return median(seconds);
}

/** Every call once. @param {(index: number) => any} call @param {(value: any) => any} use @param {number} calls */
async function sampleFixed(call, use, calls) {
  const seconds = [];
  for (let at = 0; at < calls; at += FIXED_BLOCK_CALLS) seconds.push(await block(call, use, at, Math.min(FIXED_BLOCK_CALLS, calls - at)));
  return median(seconds);
}

/** @param {Engine} engine @param {readonly any[]} rows @param {boolean} lean */
async function load(engine, rows, lean) {
  const instance = await engine.open({ lean });
  collect();
  const start = now();
  await instance.load(rows);
  await instance.settle();
  return { instance, seconds: (now() - start) / rows.length };
}

/** Asks every variant once and compares with the truth. @param {Engine} engine @param {Instance} instance @param {Workload} workload @param {ReturnType<typeof makeTruth>} truth @returns {Promise<Checked[]>} */
async function check(engine, instance, workload, truth) {
  const checked = [];
  for (const { key, method, call, check: judge } of OPERATIONS) {
    if (!judge || !instance[method]) continue;
    const verdicts = [];
    for (let index = 0; index < VARIANTS; index++) verdicts.push(judge(await call(instance, workload, index), workload, truth, index, engine.textbook));
    const overlaps = verdicts.flatMap(({ overlap }) => (overlap === undefined ? [] : [overlap]));
    checked.push({ engine: engine.name, operation: key, ok: verdicts.every(({ ok }) => ok), faults: verdicts.filter(({ ok }) => !ok).length,
      overlap: overlaps.length === 0 ? null : overlaps.reduce((a, b) => a + b) / overlaps.length });
  }
  return checked;
}

/** Do the rows that were written one by one read back, and not once they are deleted? @param {Engine} engine @param {Instance} instance @param {Workload} workload @param {"upsert" | "delete"} operation @returns {Promise<Checked>} */
async function checkWritten(engine, instance, { extra }, operation) {
  let faults = 0;
  for (const { object_id, title } of extra) {
    const row = await instance.getPart(object_id);
    if (operation === "upsert" ? row?.title !== title : row !== null && row !== undefined) faults += 1;
  }
  return { engine: engine.name, operation, ok: faults === 0, faults, overlap: null };
}

/**
 * @param {readonly Engine[]} engines @param {Workload} workload
 * @param {{ rounds: number, budget: number, say: (line: string) => void }} options `budget`: seconds per operation, engine and round
 * @returns {Promise<{ samples: Samples, checked: Checked[] }>}
 */
export async function measure(engines, workload, { rounds, budget, say }) {
  const truth = makeTruth(workload);
  const scan = makeScan(workload.rows.map((row) => row.embedding));
  /** @type {Samples} */
  const samples = {};
  /** @type {Checked[]} */
  const checked = [];
  const record = (/** @type {string} */ operation, /** @type {string} */ engine, /** @type {number} */ seconds) => ((samples[operation] ??= {})[engine] ??= []).push(seconds);
  for (let round = 0; round < rounds; round++) {
    say(`N = ${workload.n}, round ${round + 1} of ${rounds}`);
    /** @type {Map<Engine, Instance>} */
    const open = new Map();
    for (const engine of rotated(engines, round)) {
      const lean = await load(engine, workload.lean, true);
      record("loadLean", engine.name, lean.seconds);
      await lean.instance.close();
      const full = await load(engine, workload.rows, false);
      record("load", engine.name, full.seconds);
      open.set(engine, full.instance);
    }
    if (round === 0) for (const [engine, instance] of open) checked.push(...await check(engine, instance, workload, truth));
    for (const [at, operation] of OPERATIONS.entries()) {
      for (const engine of rotated(engines, round + at)) {
        const instance = /** @type {Instance} */ (open.get(engine));
        if (!instance[operation.method]) continue;
        const call = (/** @type {number} */ index) => operation.call(instance, workload, index);
        const calls = operation.calls?.(workload);
        record(operation.key, engine.name, calls ? await sampleFixed(call, operation.use, calls) : await sample(call, operation.use, budget));
        const written = operation.key === "upsert" || operation.key === "delete" ? operation.key : undefined;
        if (round === 0 && written) checked.push(await checkWritten(engine, instance, workload, written));
      }
      if (operation.key === "near") record("near", SCAN, await sample((index) => scan(workload.vectors[index % VARIANTS]), (scores) => scores[0], budget));
    }
    for (const instance of open.values()) await instance.close();
  }
  if (Number.isNaN(sink)) throw new Error("an answer had no content");
  return { samples, checked };
}
