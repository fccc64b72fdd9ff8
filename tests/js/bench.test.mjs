// SPDX-License-Identifier: MIT
// The bench runs, its answers are right, its judges are strict, and its page is complete. Nothing here is about time.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { engine as plain } from "../../bench/engines/plain-js.mjs";
import { ENGINES } from "../../bench/engines/index.mjs";
import { duplicateFunctions } from "../../bench/limits.mjs";
import { measure } from "../../bench/measure.mjs";
import { OPERATIONS } from "../../bench/operations.mjs";
import { makeScan } from "../../bench/simd-scan.mjs";
import { TARGETS, judge } from "../../bench/targets.mjs";
import { overlap, sameIds, scoresAgree } from "../../bench/truth.mjs";
import { measureVectors } from "../../bench/vectors.mjs";
import { makeWorkload } from "../../bench/workload.mjs";
import { at } from "../../scripts/lib.mjs";

test("every engine answers rightly, and the page names every operation and target", () => {
  const folder = mkdtempSync(join(tmpdir(), "heavenbase-bench-test-"));
  const [page, data] = [join(folder, "RESULTS.md"), join(folder, "results.json")];
  try {
    const { status, stderr } = spawnSync(process.execPath, [at("bench/bench.mjs"), "--check", "--no-peers", "--out", page, "--json", data], { encoding: "utf8", timeout: 600_000 });
    assert.equal(status, 0, stderr);
    const { sizes: [size, ...others] } = JSON.parse(readFileSync(data, "utf8"));
    assert.deepEqual([size.n, others], [300, []]);
    for (const name of Object.keys(ENGINES)) {
      const checked = size.checked.filter((/** @type {any} */ one) => one.engine === name);
      assert.deepEqual(checked.map((/** @type {any} */ one) => one.operation).sort(), OPERATIONS.map(({ key }) => key).sort(), name);
      assert.ok(checked.every((/** @type {any} */ one) => one.ok), name);
      for (const { key } of [...OPERATIONS, { key: "load" }, { key: "loadLean" }, { key: "open" }]) assert.ok(size.samples[key][name].length === 1, `${name} ${key}`);
      assert.equal(size.samples.buildText[name]?.length, name === "debug" ? undefined : 1, name);
      assert.ok(size.memory[name].raw > 300 * 1536, name);
    }
    const text = readFileSync(page, "utf8");
    for (const title of [...OPERATIONS.map((one) => one.title), ...TARGETS.map(({ what }) => what), "## N = 300", "All 75 pairs"]) assert.ok(text.includes(title), title);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("an engine that answers wrongly is found out", async () => {
  const workload = makeWorkload(100, { extra: 10 });
  /** Each breaks one method of the plain engine. @type {Record<string, (instance: any) => any>} */
  const broken = {
    near: ({ near }) => ({ near: (/** @type {any} */ vector) => ({ ...near(vector), scores: new Array(10).fill(0.5) }) }),
    nearFiltered: ({ near }) => ({ nearFiltered: near }),
    search: ({ search }) => ({ search: (/** @type {string} */ text) => search(text.split(" ")[0]) }),
    filterIndex: ({ filterIndex }) => ({ filterIndex: (/** @type {number} */ year) => ({ ...filterIndex(year), titles: [] }) }),
    match: () => ({ match: () => ({ ids: [] }) }),
    getFull: ({ getFull }) => ({ getFull: (/** @type {string} */ id) => ({ ...getFull(id), year: 1 }) }),
    delete: () => ({ remove() {} }),
  };
  for (const [operation, breakIt] of Object.entries(broken)) {
    const engine = { ...plain, open: async (/** @type {any} */ options) => { const instance = await plain.open(options); return { ...instance, ...breakIt(instance) }; } };
    const { checked } = await measure([engine], workload, { rounds: 1, budget: 0, say() {} });
    assert.ok(checked.some((one) => one.operation === operation && !one.ok && one.faults > 0), operation);
  }
});

test("the judges", () => {
  const ranking = { scores: new Map([["a", 3], ["b", 2], ["c", 2], ["d", 1]]), count: 2 };
  assert.deepEqual([["a", "b"], ["a", "c"], ["a", "d"], ["a"], ["a", "a"], ["a", "b", "c"]].map((ids) => overlap(ids, ranking)), [1, 1, 0.5, 0.5, 0.5, 0]);
  assert.deepEqual([scoresAgree(["a", "b"], [3, 2.000001], ranking), scoresAgree(["a", "b"], [3, 2.1], ranking), scoresAgree(["x"], [1], ranking)], [true, false, false]);
  assert.deepEqual([sameIds(["b", "a"], ["a", "b"]), sameIds(["a"], ["a", "b"]), sameIds(["a", "a"], ["a", "b"])], [true, false, false]);
  const figures = { seconds: () => 2e-6, ratio: () => 4, overlap: () => 0.9, memory: () => NaN, vectors: () => NaN, once: () => 1.01 };
  const target = (/** @type {string} */ what) => judge(/** @type {any} */ (TARGETS.find((one) => one.what === what)), figures);
  assert.equal(target("delete, inmem")?.met, true);
  assert.equal(target("BM25 overlap@10 with the textbook, inmem")?.met, false);
  assert.equal(target("get by id, id and title read, inmem")?.met, true);
  assert.equal(target("bulk load, every index, sqlite against sqlite-wasm")?.met, true);
  assert.equal(target("get by id, fully read, sqlite against sqlite-wasm")?.ratio, 1.25);
  assert.equal(target("memory for each raw byte, inmem"), null);
  assert.equal(target("memory after half was deleted and refilled three times, against before")?.met, true);
  assert.equal(target("HNSW top-10, recall@10"), null);
});

test("an engine that throws is left out and named, and the others go on", async () => {
  const workload = makeWorkload(100, { extra: 10 });
  const fail = () => { throw new Error("no such thing"); };
  const thrower = { ...plain, name: "thrower", open: async (/** @type {any} */ options) => ({ ...await plain.open(options), near: fail, upsert: fail }) };
  const absent = { ...plain, name: "absent", open: fail };
  const { samples, checked } = await measure([plain, thrower, /** @type {any} */ (absent)], workload, { rounds: 2, budget: 0, say() {} });
  const broken = checked.filter((one) => !one.ok).map(({ engine, operation, reason }) => `${engine} ${operation}: ${reason}`);
  assert.deepEqual([...new Set(broken)].sort(), ["absent load: no such thing", "thrower near: no such thing", "thrower upsert: no such thing"]);
  assert.deepEqual([samples.near["plain-js"].length, samples.near.thrower, samples.search.thrower.length], [2, undefined, 2]);
});

test("approximate indexes are measured against the exact ten, and one that fails is named", async () => {
  const { rows, vectors } = makeWorkload(200);
  const stored = rows.map((row) => row.embedding);
  const all = { name: "all", title: "all", build: async () => ({ search: (/** @type {Float32Array} */ query) => stored
    .map((vector, at) => ({ at, score: vector.reduce((sum, x, i) => sum + x * query[i], 0) })).sort((a, b) => b.score - a.score).slice(0, 10).map(({ at }) => at) }) };
  const exact = await all.build();
  const half = { name: "half", title: "half", build: async () => ({ search: (/** @type {Float32Array} */ query) => [...exact.search(query).slice(0, 5), -1, -2, -3, -4, -5] }) };
  const none = { name: "none", title: "none", build: async () => { throw new Error("not here"); } };
  let asked = 0;
  const found = /** @type {any} */ (await measureVectors([all, half, /** @type {any} */ (none)], stored, () => vectors[asked++ % vectors.length], { rounds: 1, say() {}, queries: 5 }));
  assert.deepEqual([found.all.recall, found.half.recall, found.none.missing], [1, 0.5, "not here"]);
  assert.equal(found.all.build.length, 1);
});

test("a module that wasm-opt has not seen is told by its functions", () => {
  const module = (/** @type {number} */ last) => Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 3, 2, 0, 0, 10, 8, 2, 2, 0, 0x0b, 3, 0, last, 0x0b]);
  const twice = Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 3, 2, 0, 0, 10, 7, 2, 2, 0, 0x0b, 2, 0, 0x0b]);
  assert.ok(WebAssembly.validate(module(1)) && WebAssembly.validate(twice));
  assert.deepEqual([duplicateFunctions(module(1)), duplicateFunctions(twice)], [0, 1]);
});

test("memory over time is read from a process of its own", () => {
  for (const task of ["refill", "churn"]) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [at("bench/probe.mjs"), task, "inmem", "200"], { encoding: "utf8" });
    assert.equal(status, 0, stderr);
    const { before, after } = JSON.parse(stdout);
    assert.ok(before > 1e6 && after < 1.5 * before, `${task}: ${stdout}`);
  }
});

test("the workload is the same each time, and as it is described", () => {
  const [one, two] = [makeWorkload(1000), makeWorkload(1000)];
  assert.deepEqual(one, two);
  assert.ok(one.rows.every(({ body, tags }) => body.split(" ").length === 40 && tags.length >= 1 && tags.length <= 5 && new Set(tags).size === tags.length));
  const share = (/** @type {{ low: number, high: number }[]} */ ranges) => ranges.reduce((sum, { low, high }) => sum + one.rows.filter(({ price }) => price >= low && price < high).length, 0) / ranges.length / one.n;
  assert.ok(Math.abs(share(one.narrow) - 0.01) < 0.005 && Math.abs(share(one.wide) - 0.2) < 0.03);
});

test("the bare scan computes dot products", () => {
  const { rows, vectors } = makeWorkload(100);
  const scan = makeScan(rows.map((row) => row.embedding));
  for (const vector of vectors) {
    const found = scan(vector);
    rows.forEach(({ embedding }, index) => assert.ok(Math.abs(found[index] - embedding.reduce((sum, x, i) => sum + x * vector[i], 0)) < 1e-5));
  }
});
