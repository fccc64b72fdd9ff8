// SPDX-License-Identifier: MIT
// Ranking by hand, for the engines that have none.
import { TOP } from "../workload.mjs";

const FUSE_K = 60;

/** The cosine to one vector; four sums, since the compiler does not unroll. @param {Float32Array} query @returns {(vector: Float32Array, at?: number) => number} */
export function cosineTo(query) {
  let square = 0;
  for (const x of query) square += x * x;
  const scale = 1 / Math.sqrt(square);
  const dim = query.length;
  return (vector, at = 0) => {
    let dot = 0;
    let own = 0;
    for (let i = 0; i < dim; i++) {
      const x = vector[at + i];
      dot += query[i] * x;
      own += x * x;
    }
    return (dot * scale) / Math.sqrt(own);
  };
}

/** @param {Float32Array} query @param {Float32Array} matrix @param {number} at a multiple of four follows @param {number} dim */
export function dotAt(query, matrix, at, dim) {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  for (let i = 0; i < dim; i += 4) {
    a += query[i] * matrix[at + i];
    b += query[i + 1] * matrix[at + i + 1];
    c += query[i + 2] * matrix[at + i + 2];
    d += query[i + 3] * matrix[at + i + 3];
  }
  return a + b + (c + d);
}

/** The best so far, sorted by insertion: k is small. */
export class Best {
  /** @type {number[]} */
  slots = [];
  /** @type {number[]} */
  scores = [];
  /** What a score has to exceed. */
  least = -Infinity;

  /** @param {number} count */
  constructor(count) {
    this.count = count;
  }

  /** @param {number} slot @param {number} score beyond `least` */
  add(slot, score) {
    const { slots, scores } = this;
    let at = Math.min(scores.length, this.count - 1);
    for (; at > 0 && scores[at - 1] < score; at--) {
      scores[at] = scores[at - 1];
      slots[at] = slots[at - 1];
    }
    scores[at] = score;
    slots[at] = slot;
    if (scores.length === this.count) this.least = scores[this.count - 1];
  }
}

/** Reciprocal rank fusion of lists of ids. @param {readonly (readonly string[])[]} lists */
export function fuse(lists) {
  /** @type {Map<string, number>} */
  const sums = new Map();
  for (const list of lists) list.forEach((id, index) => sums.set(id, (sums.get(id) ?? 0) + 1 / (FUSE_K + index + 1)));
  const best = [...sums].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).slice(0, TOP);
  return { ids: best.map(([id]) => id), scores: best.map(([, score]) => score) };
}
