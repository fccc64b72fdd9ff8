// SPDX-License-Identifier: MIT
// What HeavenBase is to reach, each target as a measured figure and its limit. A target whose operation or engine did
// not take part is reported as not measured.

/**
 * @typedef {object} Figures
 * @property {(operation: string, engine: string) => number} seconds median per call, per row for loads; NaN where there is none
 * @property {(above: [operation: string, engine: string], below: [operation: string, engine: string]) => number} ratio median of the rounds' own ratios
 * @property {(operation: string, engine: string) => number} overlap
 * @property {(engine: string) => number} memory bytes per raw byte
 * @property {(index: string, what: "build" | "search" | "recall") => number} vectors of an index over the vectors alone
 * @property {(key: string) => number} once what a run measures once, whatever N
 */
/**
 * @typedef {object} Target
 * @property {string} what
 * @property {number[]} at numbers of rows; none: measured once, whatever N
 * @property {"rate" | "time" | "ratio" | "share" | "bytes"} unit
 * @property {"least" | "most"} sense
 * @property {(figures: Figures) => number} limit
 * @property {(figures: Figures) => number} value
 * @property {{ key: string, full: number }} [scale] how much of it was done, and how much has to be
 * @property {boolean} [unbuilt] there is nothing of ours to measure yet
 */

const N = 10_000;
const LARGE = 100_000;
const MICRO = 1e-6;
const MILLI = 1e-3;

/** @param {string} what @param {string} operation @param {string} engine @param {number} seconds @param {number[]} [at] @returns {Target} */
const within = (what, operation, engine, seconds, at = [N]) => ({ what, at, unit: "time", sense: "most", limit: () => seconds, value: (figures) => figures.seconds(operation, engine) });

/** @param {string} what @param {string} operation @param {string} engine @param {number} perSecond @param {number} [rows] in one call @returns {Target} */
const rate = (what, operation, engine, perSecond, rows = 1) => ({ what, at: [N], unit: "rate", sense: "least", limit: () => perSecond, value: (figures) => rows / figures.seconds(operation, engine) });

/** @param {string} what @param {string} operation @param {string} engine @param {number} times @param {string} peer @returns {Target} */
const ahead = (what, operation, engine, times, peer) => ({ what, at: [N], unit: "ratio", sense: "least", limit: () => times, value: (figures) => figures.ratio([operation, peer], [operation, engine]) });

/** @param {string} what @param {string} key @param {"time" | "ratio" | "bytes"} unit @param {number} limit @param {Target["scale"]} [scale] @returns {Target} */
const once = (what, key, unit, limit, scale) => ({ what, at: [], unit, sense: "most", limit: () => limit, value: (figures) => figures.once(key), scale });

/** @param {string} what @param {number[]} at @param {"time" | "share"} unit @param {"least" | "most"} sense @param {number} limit @param {string} index @param {"search" | "recall"} figure @returns {Target} */
const vectors = (what, at, unit, sense, limit, index, figure) => ({ what, at, unit, sense, limit: () => limit, value: (figures) => figures.vectors(`inmem-${index}`, figure) });

/** Nothing may grow; a heap is never twice the same to the byte. */
const SAME = 1.02;

/** @type {readonly Target[]} */
export const TARGETS = [
  rate("bulk load, every index, inmem", "load", "inmem", 100_000),
  ahead("bulk load, every index, sqlite against sqlite-wasm", "load", "sqlite", 3, "sqlite-wasm"),
  ahead("bulk load, lean rows, sqlite against sqlite-wasm", "loadLean", "sqlite", 5, "sqlite-wasm"),
  rate("bulk load, debug with Catalog", "load", "debug", 20_000),
  within("upsert, inmem", "upsert", "inmem", 25 * MICRO),
  within("upsert, debug", "upsert", "debug", 100 * MICRO),
  within("delete, inmem", "delete", "inmem", 10 * MICRO),
  rate("get by id, id and title read, inmem", "getPart", "inmem", 500_000),
  rate("get by id, fully read, inmem", "getFull", "inmem", 200_000),
  rate("getMany, rows, inmem", "getMany", "inmem", 1_500_000, 100),
  ahead("get by id, id and title read, sqlite against sqlite-wasm", "getPart", "sqlite", 5, "sqlite-wasm"),
  ahead("get by id, fully read, sqlite against sqlite-wasm", "getFull", "sqlite", 5, "sqlite-wasm"),
  within("1 % filter without index, inmem", "filterScan", "inmem", 80 * MICRO),
  within("1 % filter with index, inmem", "filterIndex", "inmem", 20 * MICRO),
  within("20 % filter, limit 100, inmem", "filterLimit", "inmem", 40 * MICRO),
  { what: "vector top-10, inmem, against a bare SIMD128 scan", at: [N, LARGE], unit: "ratio", sense: "most", limit: () => 1.3,
    value: (figures) => figures.ratio(["near", "inmem"], ["near", "simd-scan"]) },
  { what: "vector top-10 of a 20 % filter, inmem, against the unfiltered (1.5 × its share of the rows)", at: [N], unit: "ratio", sense: "most", limit: () => 0.3,
    value: (figures) => figures.ratio(["nearFiltered", "inmem"], ["near", "inmem"]) },
  within("BM25 top-10, inmem", "search", "inmem", 40 * MICRO),
  { what: "BM25 overlap@10 with the textbook, inmem", at: [N, LARGE], unit: "share", sense: "least", limit: () => 0.99, value: (figures) => figures.overlap("search", "inmem") },
  { what: "text index built, inmem against FTS5 in better-sqlite3", at: [N], unit: "ratio", sense: "least", limit: () => 1, value: (figures) => figures.ratio(["buildText", "better-sqlite3"], ["buildText", "inmem"]) },
  { what: "vector top-10, inmem, ahead of sqlite-vec", at: [N], unit: "ratio", sense: "least", limit: () => 8, value: (figures) => figures.ratio(["near", "better-sqlite3"], ["near", "inmem"]) },
  vectors("HNSW top-10, recall@10", [N, LARGE], "share", "least", 0.95, "hnsw", "recall"),
  vectors("HNSW top-10", [N], "time", "most", 0.1 * MILLI, "hnsw", "search"),
  vectors("HNSW top-10", [LARGE], "time", "most", 0.5 * MILLI, "hnsw", "search"),
  { what: "HNSW build against native usearch, one thread", at: [N, LARGE], unit: "ratio", sense: "most", limit: () => 2,
    value: (figures) => figures.vectors("inmem-hnsw", "build") / figures.vectors("usearch", "build") },
  vectors("int8 vectors with rescoring, recall@10", [N], "share", "least", 0.98, "int8", "recall"),
  vectors("binary vectors with rescoring, recall@10", [N], "share", "least", 0.98, "binary", "recall"),
  within("word, range and vector top-10, inmem", "routed", "inmem", 250 * MICRO),
  { what: "hybrid, inmem, against its search and its near and 0.05 ms", at: [N], unit: "time", sense: "most",
    limit: (figures) => figures.seconds("search", "inmem") + figures.seconds("near", "inmem") + 50 * MICRO, value: (figures) => figures.seconds("hybrid", "inmem") },
  within("match over all bodies, inmem", "match", "inmem", MILLI),
  within("open and first query beyond bare Node, inmem", "open", "inmem", 60 * MILLI),
  within("open and first query beyond bare Node, debug", "open", "debug", 60 * MILLI),
  within("open a file of 10 000 rows and first query beyond bare Node, sqlite", "reopen", "sqlite", 150 * MILLI),
  { what: "memory for each raw byte, inmem", at: [N], unit: "ratio", sense: "most", limit: () => 1.3, value: (figures) => figures.memory("inmem") },
  once("open and first query, CPU of workerd beyond an empty worker", "workerSeconds", "time", 50 * MILLI),
  once("full module and script, brotli", "fullBytes", "bytes", 700_000),
  once("slim module and script, brotli", "slimBytes", "bytes", 200_000),
  once("rows in a process, all that they and the module take", "roomBytes", "bytes", 128 * 2 ** 20, { key: "roomRows", full: 20_000 }),
  once("memory after half was deleted and refilled three times, against before", "refillGrowth", "ratio", SAME),
  once("memory after upserts and deletes in turn, against a tenth of the way", "churnGrowth", "ratio", SAME, { key: "churnWrites", full: 1_000_000 }),
  once("memory after compact() of a workspace nine tenths deleted, against before", "compactShare", "ratio", 0.5),
  within("1 % filter without index, inmem", "filterScan", "inmem", 600 * MICRO, [LARGE]),
  within("BM25 top-10, inmem", "search", "inmem", 300 * MICRO, [LARGE]),
  within("hybrid, inmem", "hybrid", "inmem", 4 * MILLI, [LARGE]),
];

/** @param {Target} target @param {Figures} figures @returns {{ value: number, limit: number, ratio: number, met: boolean } | null} `ratio`: 1 is on the line, less is better */
export function judge({ sense, limit: limitOf, value: valueOf }, figures) {
  const value = valueOf(figures);
  const limit = limitOf(figures);
  if (!Number.isFinite(value) || !Number.isFinite(limit)) return null;
  const ratio = sense === "most" ? value / limit : limit / value;
  return { value, limit, ratio, met: ratio <= 1 };
}
