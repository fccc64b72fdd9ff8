// SPDX-License-Identifier: MIT
// What a careful programmer writes without a library: a Map of objects, hash indexes, one matrix of unit vectors,
// postings with term frequencies. It keeps the caller's objects, and lower-cased bodies beside them.
import { DIM, FUSE_DEPTH, TOP } from "../workload.mjs";
import { Best, dotAt, fuse } from "./plain-ranking.mjs";

/** @typedef {import("../workload.mjs").Row} Row */
/** @typedef {import("./engine.mjs").Range} Range */

const LIMIT = 100;
const K1 = 1.2;
const B = 0.75;

/** @template K @param {Map<K, number[]>} index @param {K} key @param {number} slot */
function indexAdd(index, key, slot) {
  const slots = index.get(key);
  if (slots) slots.push(slot);
  else index.set(key, [slot]);
}

/** @template K @param {Map<K, number[]>} index @param {K} key @param {number} slot */
function indexRemove(index, key, slot) {
  const slots = /** @type {number[]} */ (index.get(key));
  slots.splice(slots.lastIndexOf(slot), 1);
}

class Postings {
  /** @type {Map<string, { slots: number[], counts: number[] }>} */
  #terms = new Map();
  /** @type {number[]} */
  #lengths = [];
  #rows = 0;
  #words = 0;
  #scores = new Float64Array(0);

  /** @param {number} slot @param {string} lower */
  add(slot, lower) {
    const words = lower.match(/[a-z]+/g) ?? [];
    /** @type {Map<string, number>} */
    const counts = new Map();
    for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
    for (const [word, count] of counts) {
      const term = this.#terms.get(word);
      if (term) {
        term.slots.push(slot);
        term.counts.push(count);
      } else this.#terms.set(word, { slots: [slot], counts: [count] });
    }
    this.#lengths[slot] = words.length;
    this.#rows += 1;
    this.#words += words.length;
  }

  /** @param {number} slot @param {string} lower */
  remove(slot, lower) {
    for (const word of new Set(lower.match(/[a-z]+/g))) {
      const term = /** @type {{ slots: number[], counts: number[] }} */ (this.#terms.get(word));
      const at = term.slots.lastIndexOf(slot);
      term.slots.splice(at, 1);
      term.counts.splice(at, 1);
    }
    this.#rows -= 1;
    this.#words -= this.#lengths[slot];
  }

  /** @param {string} word */
  slotsOf(word) {
    return this.#terms.get(word)?.slots ?? [];
  }

  /** @param {string} text @param {number} count */
  best(text, count) {
    if (this.#scores.length < this.#lengths.length) this.#scores = new Float64Array(2 * this.#lengths.length);
    const scores = this.#scores;
    const lengths = this.#lengths;
    const average = this.#words / this.#rows;
    /** @type {number[]} */
    const touched = [];
    for (const word of new Set(text.match(/[a-z]+/g))) {
      const term = this.#terms.get(word);
      if (!term) continue;
      const { slots, counts } = term;
      const idf = Math.log(1 + (this.#rows - slots.length + 0.5) / (slots.length + 0.5));
      for (let i = 0; i < slots.length; i++) {
        const slot = slots[i];
        if (scores[slot] === 0) touched.push(slot);
        scores[slot] += (idf * counts[i] * (K1 + 1)) / (counts[i] + K1 * (1 - B + (B * lengths[slot]) / average));
      }
    }
    const best = new Best(count);
    for (const slot of touched) {
      if (scores[slot] > best.least) best.add(slot, scores[slot]);
      scores[slot] = 0;
    }
    return best;
  }
}

class Store {
  /** A deleted row leaves null. @type {(Row | null)[]} */
  rows = [];
  /** @type {Map<string, number>} */
  byId = new Map();
  /** @type {Map<number, number[]>} */
  byYear = new Map();
  /** @type {Map<string, number[]>} */
  byTag = new Map();
  /** @type {string[]} */
  lower = [];
  postings = new Postings();
  matrix = new Float32Array(DIM * 1024);

  /** @param {Row} row */
  upsert(row) {
    if (this.byId.has(row.object_id)) this.remove(row.object_id);
    const slot = this.rows.push(row) - 1;
    this.byId.set(row.object_id, slot);
    indexAdd(this.byYear, row.year, slot);
    for (const tag of row.tags) indexAdd(this.byTag, tag, slot);
    if (row.body !== undefined) {
      this.lower[slot] = row.body.toLowerCase();
      this.postings.add(slot, this.lower[slot]);
    }
    if (row.embedding !== undefined) this.#setVector(slot, row.embedding);
  }

  /** @param {number} slot @param {Float32Array} vector */
  #setVector(slot, vector) {
    if ((slot + 1) * DIM > this.matrix.length) {
      const grown = new Float32Array(2 * this.matrix.length);
      grown.set(this.matrix);
      this.matrix = grown;
    }
    const at = slot * DIM;
    const scale = 1 / Math.sqrt(dotAt(vector, vector, 0, DIM));
    for (let i = 0; i < DIM; i++) this.matrix[at + i] = vector[i] * scale;
  }

  /** @param {string} id */
  remove(id) {
    const slot = this.byId.get(id);
    if (slot === undefined) return;
    const row = /** @type {Row} */ (this.rows[slot]);
    this.byId.delete(id);
    indexRemove(this.byYear, row.year, slot);
    for (const tag of row.tags) indexRemove(this.byTag, tag, slot);
    if (row.body !== undefined) this.postings.remove(slot, this.lower[slot]);
    this.rows[slot] = null;
    while (this.rows.length > 0 && this.rows[this.rows.length - 1] === null) this.rows.pop();
  }

  /** @param {Range} range @param {number} [limit] */
  inRange({ low, high }, limit = Infinity) {
    const found = [];
    for (const row of this.rows) {
      if (row !== null && row.price >= low && row.price < high && found.push(row) >= limit) break;
    }
    return found;
  }

  /** @param {Float32Array} vector @param {number} count @param {{ range?: Range, slots?: readonly number[] }} [only] */
  near(vector, count, { range, slots } = {}) {
    const scale = 1 / Math.sqrt(dotAt(vector, vector, 0, DIM));
    const { rows, matrix } = this;
    const best = new Best(count);
    const length = slots?.length ?? rows.length;
    for (let i = 0; i < length; i++) {
      const slot = slots ? slots[i] : i;
      const row = rows[slot];
      if (row === null || (range && (row.price < range.low || row.price >= range.high))) continue;
      const score = dotAt(vector, matrix, slot * DIM, DIM) * scale;
      if (score > best.least) best.add(slot, score);
    }
    return best;
  }

  /** @param {Best} best */
  answer({ slots, scores }) {
    return { ids: this.idsOf(slots), scores };
  }

  /** @param {readonly number[]} slots */
  idsOf(slots) {
    return slots.map((slot) => /** @type {Row} */ (this.rows[slot]).object_id);
  }
}

/** @param {readonly Row[]} rows */
const titled = (rows) => ({ ids: rows.map((row) => row.object_id), titles: rows.map((row) => row.title) });

/** @returns {import("./engine.mjs").Instance} */
function makeInstance() {
  const store = new Store();
  const get = (/** @type {string} */ id) => store.rows[store.byId.get(id) ?? -1] ?? null;
  return {
    load(rows) {
      for (const row of rows) store.upsert(/** @type {Row} */ (row));
    },
    settle() {},
    upsert: (row) => store.upsert(row),
    remove: (id) => store.remove(id),
    getPart: get, getFull: get,
    getMany: (ids) => ids.map(get),
    filterScan: (range) => titled(store.inRange(range)),
    filterAdHoc: (range) => titled(store.inRange(range)),
    filterIndex: (year) => titled((store.byYear.get(year) ?? []).map((slot) => /** @type {Row} */ (store.rows[slot]))),
    filterLimit: (range) => titled(store.inRange(range, LIMIT)),
    near: (vector) => store.answer(store.near(vector, TOP)),
    nearFiltered: (vector, range) => store.answer(store.near(vector, TOP, { range })),
    search: (text) => store.answer(store.postings.best(text, TOP)),
    routed: (word, range, vector) => store.answer(store.near(vector, TOP, { range, slots: store.postings.slotsOf(word) })),
    hybrid: (text, vector) => fuse([store.idsOf(store.near(vector, FUSE_DEPTH).slots), store.idsOf(store.postings.best(text, FUSE_DEPTH).slots)]),
    match(needle) {
      const ids = [];
      for (let slot = 0; slot < store.rows.length; slot++) {
        const row = store.rows[slot];
        if (row !== null && store.lower[slot].includes(needle)) ids.push(row.object_id);
      }
      return { ids };
    },
    close() {},
  };
}

/** @type {import("./engine.mjs").Engine} */
export const engine = {
  name: "plain-js", title: "plain JavaScript", ours: false, textbook: true,
  version: () => process.version,
  open: async () => makeInstance(),
  async buildText(rows) {
    const postings = new Postings();
    const start = performance.now();
    rows.forEach(({ body }, slot) => postings.add(slot, body.toLowerCase()));
    return (performance.now() - start) / 1000;
  },
};
