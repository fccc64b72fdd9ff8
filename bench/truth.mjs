// SPDX-License-Identifier: MIT
// What the right answers are, by code that no engine shares: no index, nothing incremental, doubles throughout.
import { FUSE_DEPTH, TOP } from "./workload.mjs";

/** @typedef {import("./workload.mjs").Workload} Workload */
/** @typedef {import("./workload.mjs").Row} Row */
/** @typedef {{ scores: Map<string, number>, count: number }} Ranking score of every row that may come, best first, and how many must */

const FUSE_K = 60;
const K1 = 1.2;
const B = 0.75;
/** What an answer may hold is among so many; the rest need not be kept. */
const KEPT = 1000;
const SCORE_EPSILON = 1e-5;
/** Two rankings by different roundings may swap neighbours that nearly tie. */
const TIE_EPSILON = 1e-6;

/** @param {string} text */
const wordsOf = (text) => text.toLowerCase().match(/[a-z]+/g) ?? [];

/** @param {Float32Array} a @param {Float32Array} b */
function cosine(a, b) {
  let dot = 0;
  let aa = 0;
  let bb = 0;
  for (let i = 0; i < a.length; i++) {
    dot += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  return dot / Math.sqrt(aa * bb);
}

/** The best, equal scores in the order of ids. @param {[id: string, score: number][]} scores @param {number} top @returns {Ranking} */
const ranked = (scores, top) => ({ scores: new Map(scores.sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).slice(0, KEPT)), count: Math.min(top, scores.length) });

/** @param {Workload} workload */
export function makeTruth({ rows }) {
  const bodies = rows.map((row) => wordsOf(row.body));
  const wordSets = bodies.map((words) => new Set(words));
  const averageLength = bodies.reduce((sum, words) => sum + words.length, 0) / rows.length;
  const inRange = (/** @type {{ low: number, high: number }} */ { low, high }) => (/** @type {Row} */ { price }) => price >= low && price < high;

  /** @param {(row: Row, index: number) => boolean} passes @returns {string[]} */
  const filter = (passes) => rows.filter(passes).map((row) => row.object_id);

  /** @param {Float32Array} vector @param {(row: Row, index: number) => boolean} [passes] @param {number} [top] @returns {Ranking} */
  const near = (vector, passes = () => true, top = TOP) => {
    const passing = rows.filter(passes);
    return ranked(passing.map((row) => [row.object_id, cosine(vector, row.embedding)]), top);
  };

  /** @param {string} text @param {number} [top] @returns {Ranking} */
  const search = (text, top = TOP) => {
    const terms = [...new Set(wordsOf(text))].map((term) => {
      const df = wordSets.filter((words) => words.has(term)).length;
      return { term, idf: Math.log(1 + (rows.length - df + 0.5) / (df + 0.5)) };
    });
    /** @type {[string, number][]} */
    const scores = [];
    bodies.forEach((words, index) => {
      if (!terms.some(({ term }) => wordSets[index].has(term))) return;
      let score = 0;
      for (const { term, idf } of terms) {
        const tf = words.filter((word) => word === term).length;
        score += (idf * tf * (K1 + 1)) / (tf + K1 * (1 - B + (B * words.length) / averageLength));
      }
      scores.push([rows[index].object_id, score]);
    });
    return ranked(scores, top);
  };

  /** @param {string} text @param {Float32Array} vector @returns {Ranking} */
  const hybrid = (text, vector) => {
    const scores = new Map();
    for (const { scores: own } of [near(vector), search(text)]) {
      [...own.keys()].slice(0, FUSE_DEPTH).forEach((id, index) => scores.set(id, (scores.get(id) ?? 0) + 1 / (FUSE_K + index + 1)));
    }
    return ranked([...scores], TOP);
  };

  /** Every engine is asked the same. @type {Map<string, any>} */
  const known = new Map();
  /** @template T @param {string} question @param {() => T} answer @returns {T} */
  const once = (question, answer) => {
    if (!known.has(question)) known.set(question, answer());
    return known.get(question);
  };

  return {
    once, titles: new Map(rows.map((row) => [row.object_id, row.title])), rows: new Map(rows.map((row) => [row.object_id, row])), inRange, filter, near, search, hybrid,
    /** @param {string} word @param {{ low: number, high: number }} range @param {Float32Array} vector */
    routed: (word, range, vector) => near(vector, (row, index) => wordSets[index].has(word) && inRange(range)(row)),
    /** @param {string} needle */
    match: (needle) => filter((row) => row.body.toLowerCase().includes(needle)),
  };
}

/** @param {Iterable<string>} found @param {Iterable<string>} wanted */
export function sameIds(found, wanted) {
  const a = [...found].sort();
  const b = [...wanted].sort();
  return a.length === b.length && a.every((id, index) => id === b[index]);
}

/** The part of an answer that belongs to the best; equal scores are equally good. @param {readonly string[]} ids @param {Ranking} ranking @param {number} [epsilon] */
export function overlap(ids, { scores, count }, epsilon = TIE_EPSILON) {
  if (count === 0) return ids.length === 0 ? 1 : 0;
  const least = [...scores.values()].sort((a, b) => b - a)[count - 1];
  const good = new Set(ids.filter((id) => (scores.get(id) ?? -Infinity) >= least - epsilon));
  return ids.length > count ? 0 : good.size / count;
}

/** Do the scores that came agree with ours? @param {readonly string[]} ids @param {ArrayLike<number>} found @param {Ranking} ranking */
export const scoresAgree = (ids, found, { scores }) => ids.every((id, index) => Math.abs(found[index] - (scores.get(id) ?? NaN)) <= SCORE_EPSILON);
