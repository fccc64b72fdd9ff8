// SPDX-License-Identifier: MIT
// Approximate vector search: indexes over the vectors alone, built on one thread, asked in turn, their recall against the
// exact ten. The others hold no rows; ours do, and a build of ours has them loaded.
import { createRequire } from "node:module";
import { HeavenBase, Vector, VectorIndex, entity, field } from "heavenbase";
import { dotAt } from "./engines/plain-ranking.mjs";
import { TOP } from "./workload.mjs";

/** @typedef {{ search: (vector: Float32Array) => ArrayLike<number> | Promise<ArrayLike<number>>, close?: () => unknown }} VectorIndex gives positions of vectors, best first */
/** @typedef {{ name: string, title: string, build: (vectors: readonly Float32Array[]) => Promise<VectorIndex> }} VectorEngine `build` is timed whole */

const QUERIES = 200;
const M = 16;
const EF_BUILD = 128;
const EF_SEARCH = 64;
const from = createRequire(new URL("engines/peers/package.json", import.meta.url));

/** Natively, graph and all; as it comes but for the threads. @type {VectorEngine} */
const usearch = {
  name: "usearch", title: "usearch, native HNSW",
  async build(vectors) {
    const { Index, MetricKind, ScalarKind } = from("usearch");
    const index = new Index({ dimensions: vectors[0].length, metric: MetricKind.Cos, quantization: ScalarKind.F32, connectivity: M, expansion_add: EF_BUILD, expansion_search: EF_SEARCH, multi: false });
    const all = new Float32Array(vectors.length * vectors[0].length);
    vectors.forEach((vector, at) => all.set(vector, at * vector.length));
    index.add(BigUint64Array.from(vectors, (_, at) => BigInt(at)), all, 1);
    return { search: (vector) => Array.from(index.search(vector, TOP, 1).keys, Number) };
  },
};

/** Made for browsers: it asks for a window once, while it loads. @type {VectorEngine} */
const hnswlib = {
  name: "hnswlib-wasm", title: "hnswlib in WebAssembly",
  async build(vectors) {
    const { HierarchicalNSW } = await hnswlibModule();
    const index = new HierarchicalNSW("cosine", vectors[0].length, "");
    index.initIndex(vectors.length, M, EF_BUILD, 100);
    index.addItems(vectors, false);
    index.setEfSearch(EF_SEARCH);
    return { search: (vector) => index.searchKnn(vector, TOP, undefined).neighbors };
  },
};

/** @type {Promise<any> | undefined} */
let hnswlibLoaded;
function hnswlibModule() {
  return (hnswlibLoaded ??= (async () => {
    const host = /** @type {any} */ (globalThis);
    const { log, warn, error } = console;
    host.window = host;
    host.document = { currentScript: null };
    console.log = console.warn = console.error = () => {}; // it finds no IndexedDB, and works without
    try {
      const { loadHnswlib } = await import(new URL("engines/peers/node_modules/hnswlib-wasm/dist/hnswlib.js", import.meta.url).href);
      return await loadHnswlib();
    } finally {
      Object.assign(console, { log, warn, error });
      delete host.window;
      delete host.document;
    }
  })());
}

/** @param {"hnsw" | "int8" | "binary"} index @param {string} title @param {Record<string, unknown>} options @returns {VectorEngine} */
const ours = (index, title, options) => ({
  name: `inmem-${index}`, title: `HeavenBase, inmem, ${title}`,
  async build(vectors) {
    const ws = await HeavenBase.open("bench-vectors", { backends: { main: { type: "inmem" } }, catalog: false });
    const Item = entity("Item", { embedding: field(Vector(vectors[0].length)).store({ strategy: VectorIndex({ index, ...options }) }) });
    await ws.register(Item);
    await ws.upsertMany(Item, vectors.map((embedding, at) => ({ object_id: String(at), name: "item", embedding })));
    const near = await ws.query(Item).near(Item.embedding, vectors[0], { topK: TOP }).select("score").prepare();
    const search = (/** @type {Float32Array} */ vector) => near.execute({ params: [vector] }).then((/** @type {any} */ frame) => frame.ids.map(Number));
    await search(vectors[0]);
    return { search, close: () => ws.close() };
  },
});

/** @type {readonly VectorEngine[]} */
export const VECTOR_OURS = [ours("hnsw", "HNSW", { m: M, efConstruction: EF_BUILD, ef: EF_SEARCH }), ours("int8", "int8 codes", {}), ours("binary", "binary codes", {})];
/** @type {readonly VectorEngine[]} */
export const VECTOR_PEERS = [usearch, hnswlib];

/** @param {readonly Float32Array[]} vectors @param {Float32Array} query @returns {Set<number>} */
function exact(vectors, query) {
  const scores = vectors.map((vector) => dotAt(query, vector, 0, vector.length));
  return new Set(scores.map((_, at) => at).sort((a, b) => scores[b] - scores[a]).slice(0, TOP));
}

/**
 * Builds every index once a round and asks it everything.
 * @param {readonly VectorEngine[]} engines @param {readonly Float32Array[]} vectors unit length @param {() => Float32Array} makeQuery @param {{ rounds: number, say: (line: string) => void, queries?: number }} options
 * @returns {Promise<Record<string, { title: string, build: number[], search: number[], recall: number } | { title: string, missing: string }>>} seconds by round
 */
export async function measureVectors(engines, vectors, makeQuery, { rounds, say, queries: count = QUERIES }) {
  const queries = Array.from({ length: count }, makeQuery);
  const truth = queries.map((query) => exact(vectors, query));
  /** @type {Record<string, any>} */
  const results = {};
  for (const { name, title, build } of engines) {
    say(`N = ${vectors.length}, ${name}`);
    const found = { title, build: /** @type {number[]} */ ([]), search: /** @type {number[]} */ ([]), recall: 0 };
    let hits = 0;
    try {
      for (let round = 0; round < rounds; round++) {
        const start = performance.now();
        const index = await build(vectors);
        found.build.push((performance.now() - start) / 1000);
        /** @type {number[]} */
        const seconds = [];
        for (const [at, query] of queries.entries()) {
          const since = performance.now();
          const answer = index.search(query);
          const ids = answer instanceof Promise ? await answer : answer;
          seconds.push((performance.now() - since) / 1000);
          if (round === 0) hits += Array.from(ids).filter((id) => truth[at].has(id)).length;
        }
        found.search.push(seconds.sort((a, b) => a - b)[count >> 1]);
        await index.close?.();
      }
      found.recall = hits / TOP / count;
      results[name] = found;
    } catch (error) {
      results[name] = { title, missing: /** @type {Error} */ (error).message.split("\n")[0] };
    }
  }
  return results;
}
