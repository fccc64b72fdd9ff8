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
/** @typedef {{ name: string, call: (index: number) => any }} Participant */
/** @typedef {{ engine: string, operation: string, ok: boolean, overlap: number | null, faults: number }} Checked */

export const SCAN = "simd-scan";
const BLOCK_SECONDS = 2e-4;
const BLOCK_CALLS_MAX = 256;
const FIXED_BLOCK_CALLS = 10;
const WARMING_CALLS = 2;
const SLICES = 4;

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

/**
 * Asks everybody in turn, several times over, so that a slow moment of the machine meets all. Gives for each the median of its blocks.
 * @param {readonly Participant[]} participants @param {(value: any) => any} use @param {number} budget seconds for each
 */
async function sample(participants, use, budget) {
  const states = participants.map(({ name, call }) => ({ name, call, at: WARMING_CALLS, count: 0, seconds: /** @type {number[]} */ ([]) }));
  for (let slice = 0; slice < SLICES; slice++) {
    for (const state of states) {
      if (state.count === 0) {
        const single = await block(state.call, use, 0, WARMING_CALLS);
        state.count = Math.max(1, Math.min(BLOCK_CALLS_MAX, Math.ceil(BLOCK_SECONDS / single)));
      }
      const end = now() + budget / SLICES;
      do {
        state.seconds.push(await block(state.call, use, state.at, state.count));
        state.at += state.count;
      } while (now() < end);
    }
  }
  return states.map(({ name, seconds }) => ({ name, seconds: median(seconds) }));
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
      const able = rotated(engines, round + at).filter((engine) => open.get(engine)?.[operation.method]);
      const calls = operation.calls?.(workload);
      if (calls !== undefined) {
        for (const engine of able) {
          const instance = /** @type {Instance} */ (open.get(engine));
          record(operation.key, engine.name, await sampleFixed((index) => operation.call(instance, workload, index), operation.use, calls));
          if (round === 0) checked.push(await checkWritten(engine, instance, workload, /** @type {"upsert" | "delete"} */ (operation.key)));
        }
        continue;
      }
      /** @type {Participant[]} */
      const participants = able.map((engine) => ({ name: engine.name, call: (index) => operation.call(open.get(engine), workload, index) }));
      if (operation.key === "near") participants.splice(round % 2 === 0 ? participants.length : 0, 0, { name: SCAN, call: (index) => ({ ids: [], scores: scan(workload.vectors[index % VARIANTS]) }) });
      for (const { name, seconds } of await sample(participants, operation.use, budget)) record(operation.key, name, seconds);
    }
    for (const instance of open.values()) await instance.close();
  }
  if (Number.isNaN(sink)) throw new Error("an answer had no content");
  return { samples, checked };
}
