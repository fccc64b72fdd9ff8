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
/** @typedef {{ name: string, call: (index: number) => any, slow?: boolean }} Participant */
/** @typedef {{ engine: string, operation: string, ok: boolean, overlap: number | null, faults: number, reason?: string }} Checked */
/** @typedef {{ rounds: number, budget: number, say: (line: string) => void, wants?: (operation: string) => boolean }} Options `budget`: seconds per operation, engine and round */

export const SCAN = "simd-scan";
const BLOCK_SECONDS = 2e-4;
const BLOCK_CALLS_MAX = 256;
const FIXED_BLOCK_CALLS = 10;
const WARMING_CALLS = 2;
const SLICES = 4;
/** Of an engine that is slow, fewer questions are asked. */
const SLOW_VARIANTS = 2;

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
 * Who throws is left out.
 * @param {readonly Participant[]} participants @param {(value: any) => any} use @param {number} budget seconds for each @param {(name: string, error: unknown) => void} failed
 */
async function sample(participants, use, budget, failed) {
  const states = participants.map(({ name, call, slow }) => ({ name, call, at: WARMING_CALLS, count: slow ? 1 : 0, seconds: /** @type {number[]} */ ([]) }));
  const broken = new Set();
  for (let slice = 0; slice < SLICES; slice++) {
    for (const state of states.filter((one) => !broken.has(one))) {
      try {
        await sampleSlice(state, use, budget / SLICES);
      } catch (error) {
        broken.add(state);
        failed(state.name, error);
      }
    }
  }
  return states.filter((state) => !broken.has(state)).map(({ name, seconds }) => ({ name, seconds: median(seconds) }));
}

/** @param {{ call: Participant["call"], at: number, count: number, seconds: number[] }} state @param {(value: any) => any} use @param {number} budget */
async function sampleSlice(state, use, budget) {
  if (state.count === 0) {
    const single = await block(state.call, use, 0, WARMING_CALLS);
    state.count = Math.max(1, Math.min(BLOCK_CALLS_MAX, Math.ceil(BLOCK_SECONDS / single)));
  }
  const end = now() + budget;
  do {
    state.seconds.push(await block(state.call, use, state.at, state.count));
    state.at += state.count;
  } while (now() < end);
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

/** @param {unknown} error */
export const reasonOf = (error) => (error instanceof Error ? error.message : String(error)).split("\n")[0].slice(0, 200);

/** @param {string} engine @param {string} operation @param {unknown} error @returns {Checked} */
const broken = (engine, operation, error) => ({ engine, operation, ok: false, faults: 1, overlap: null, reason: reasonOf(error) });

/** Asks every variant once and compares with the truth. @param {Engine} engine @param {Instance} instance @param {Workload} workload @param {ReturnType<typeof makeTruth>} truth @param {Options} options @returns {Promise<Checked[]>} */
async function check(engine, instance, workload, truth, { wants = () => true }) {
  const checked = [];
  for (const { key, method, call, check: judge } of OPERATIONS) {
    if (!judge || !instance[method] || !wants(key)) continue;
    try {
      const verdicts = [];
      for (let index = 0; index < (engine.slow ? SLOW_VARIANTS : VARIANTS); index++) verdicts.push(judge(await call(instance, workload, index), workload, truth, index, engine.textbook));
      const overlaps = verdicts.flatMap(({ overlap }) => (overlap === undefined ? [] : [overlap]));
      checked.push({ engine: engine.name, operation: key, ok: verdicts.every(({ ok }) => ok), faults: verdicts.filter(({ ok }) => !ok).length,
        overlap: overlaps.length === 0 ? null : overlaps.reduce((a, b) => a + b) / overlaps.length });
    } catch (error) {
      checked.push(broken(engine.name, key, error));
    }
  }
  return checked;
}

/** Do the rows that were written one by one read back, and not once they are deleted? @param {Engine} engine @param {Instance} instance @param {Workload} workload @param {"upsert" | "delete"} operation @returns {Promise<Checked>} */
async function checkWritten(engine, instance, { extra }, operation) {
  let faults = 0;
  for (const { object_id, title } of extra) {
    const row = await instance.getPart?.(object_id);
    if (operation === "upsert" ? row?.title !== title : row !== null && row !== undefined) faults += 1;
  }
  return { engine: engine.name, operation, ok: faults === 0, faults, overlap: null };
}

/**
 * Opens and loads every engine for one round. One that throws is left out of the round, and said to be broken.
 * @param {readonly Engine[]} engines @param {Workload} workload @param {{ done: Set<Engine>, record: (operation: string, engine: string, seconds: number) => void, checked: Checked[], options: Options }} state
 */
async function openAll(engines, workload, { done, record, checked, options: { wants = () => true } }) {
  /** @type {Map<Engine, Instance>} */
  const open = new Map();
  for (const engine of engines) {
    if (done.has(engine)) continue;
    try {
      if (!engine.textOnly && !engine.slow && wants("loadLean")) {
        const lean = await load(engine, workload.lean, true);
        record("loadLean", engine.name, lean.seconds);
        await lean.instance.close();
      }
      if (engine.buildText && wants("buildText")) record("buildText", engine.name, await engine.buildText(workload.rows) / workload.n);
      const full = await load(engine, workload.rows, false);
      record("load", engine.name, full.seconds);
      open.set(engine, full.instance);
      if (engine.slow) done.add(engine);
    } catch (error) {
      checked.push(broken(engine.name, "load", error));
    }
  }
  return open;
}

/** @param {readonly Engine[]} engines @param {Workload} workload @param {Options} options @returns {Promise<{ samples: Samples, checked: Checked[] }>} */
export async function measure(engines, workload, options) {
  const { rounds, budget, say, wants = () => true } = options;
  const truth = makeTruth(workload);
  const scan = makeScan(workload.rows.map((row) => row.embedding));
  /** @type {Samples} */
  const samples = {};
  /** @type {Checked[]} */
  const checked = [];
  /** Slow engines take part in the first round alone. @type {Set<Engine>} */
  const done = new Set();
  const record = (/** @type {string} */ operation, /** @type {string} */ engine, /** @type {number} */ seconds) => ((samples[operation] ??= {})[engine] ??= []).push(seconds);
  const works = (/** @type {Engine} */ engine, /** @type {string} */ operation) => !checked.some((one) => one.engine === engine.name && one.operation === operation && one.reason);
  const failed = (/** @type {string} */ operation) => (/** @type {string} */ name, /** @type {unknown} */ error) => void checked.push(broken(name, operation, error));
  for (let round = 0; round < rounds; round++) {
    say(`N = ${workload.n}, round ${round + 1} of ${rounds}`);
    const open = await openAll(rotated(engines, round), workload, { done, record, checked, options });
    if (round === 0) for (const [engine, instance] of open) checked.push(...await check(engine, instance, workload, truth, options));
    for (const [at, operation] of OPERATIONS.entries()) {
      if (!wants(operation.key)) continue;
      const able = rotated(engines, round + at).filter((engine) => open.get(engine)?.[operation.method] && works(engine, operation.key));
      const calls = operation.calls?.(workload);
      if (calls !== undefined) {
        for (const engine of able) {
          const instance = /** @type {Instance} */ (open.get(engine));
          try {
            record(operation.key, engine.name, await sampleFixed((index) => operation.call(instance, workload, index), operation.use, calls));
            if (round === 0 && instance.getPart) checked.push(await checkWritten(engine, instance, workload, /** @type {"upsert" | "delete"} */ (operation.key)));
          } catch (error) {
            failed(operation.key)(engine.name, error);
          }
        }
        continue;
      }
      /** @type {Participant[]} */
      const participants = able.map((engine) => ({ name: engine.name, slow: engine.slow, call: (index) => operation.call(open.get(engine), workload, index) }));
      if (operation.key === "near") participants.splice(round % 2 === 0 ? participants.length : 0, 0, { name: SCAN, call: (index) => ({ ids: [], scores: scan(workload.vectors[index % VARIANTS]) }) });
      for (const { name, seconds } of await sample(participants, operation.use, budget, failed(operation.key))) record(operation.key, name, seconds);
    }
    for (const instance of open.values()) await instance.close();
  }
  if (Number.isNaN(sink)) throw new Error("an answer had no content");
  return { samples, checked };
}
