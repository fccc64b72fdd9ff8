// SPDX-License-Identifier: MIT
// The document workload: rows, and the questions that every engine is asked. The same seed gives the same bytes.

export const DIM = 384;
export const VARIANTS = 16; // different questions of each kind, asked in turn
export const TOP = 10;
/** How deep each ranking goes before two are fused. */
export const FUSE_DEPTH = 50;

const WORDS = 8000;
const BODY_WORDS = 40;
const CLUSTERS = 32;
const TAGS = 200;
const FIRST_YEAR = 1925;
const YEARS = 100;
const PRICE_MAX = 1000;
export const CATEGORIES = Object.freeze(Array.from({ length: 16 }, (_, i) => `category-${String.fromCharCode(97 + i)}`));

/**
 * @typedef {{ object_id: string, name: string, title: string, body: string, year: number, price: number, category: string, tags: string[], embedding: Float32Array }} Row
 * @typedef {{ low: number, high: number }} Range of prices; high is outside
 * @typedef {object} Workload
 * @property {number} n
 * @property {Row[]} rows in the order of their ids
 * @property {Partial<Row>[]} lean the same rows without body and embedding
 * @property {Row[]} extra rows to be written one by one and deleted again
 * @property {string[]} probes ids to be read, in random order
 * @property {Range[]} narrow ranges that 1 % of the rows pass
 * @property {Range[]} wide ranges that 20 % pass
 * @property {number[]} years each of them is in 1 % of the rows
 * @property {Float32Array[]} vectors near the clusters
 * @property {string[]} texts two words each
 * @property {string[]} words one word each
 * @property {string[]} needles parts of words
 */

/** mulberry32. @param {number} seed @returns {() => number} in [0, 1) */
function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** @param {() => number} random */
const gaussian = (random) => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

/** @param {() => number} random */
function makeVocabulary(random) {
  const onsets = ["b", "br", "c", "ch", "d", "dr", "f", "g", "gl", "h", "k", "l", "m", "n", "p", "pl", "r", "s", "st", "t", "tr", "v", "w", "z"];
  const vowels = ["a", "e", "i", "o", "u", "ai", "ea", "ou"];
  const codas = ["", "", "n", "r", "s", "l", "nd", "rt", "ck"];
  const pick = (/** @type {string[]} */ list) => list[Math.floor(random() * list.length)];
  const words = new Set();
  while (words.size < WORDS) {
    let word = "";
    for (let syllables = 1 + Math.floor(random() * 2); syllables > 0; syllables--) word += pick(onsets) + pick(vowels) + pick(codas);
    words.add(word);
  }
  return [...words];
}

/** Ranks with a Zipf distribution. @param {() => number} random */
function zipf(random) {
  const sums = new Float64Array(WORDS);
  let sum = 0;
  for (let rank = 0; rank < WORDS; rank++) sums[rank] = sum += 1 / (rank + 2.7);
  return () => {
    const wanted = random() * sum;
    let low = 0;
    let high = WORDS - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle] < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

/** @param {Float32Array} vector */
function normalise(vector) {
  let square = 0;
  for (const x of vector) square += x * x;
  const scale = 1 / Math.sqrt(square);
  for (let i = 0; i < vector.length; i++) vector[i] *= scale;
  return vector;
}

/** @param {string} text */
const capital = (text) => text[0].toUpperCase() + text.slice(1);

/** Makes rows one after another, so that a caller need not hold all. @param {number} seed */
export function makeSource(seed = 1) {
  const random = randomFrom(seed);
  const vocabulary = makeVocabulary(random);
  const rank = zipf(random);
  const centres = Array.from({ length: CLUSTERS }, () => Float32Array.from({ length: DIM }, () => gaussian(random)));
  const vector = () => {
    const centre = centres[Math.floor(random() * CLUSTERS)];
    return normalise(Float32Array.from(centre, (x) => x + 0.6 * gaussian(random)));
  };
  const text = (/** @type {number} */ words) => capital(Array.from({ length: words }, () => vocabulary[rank()]).join(" "));
  const tags = () => {
    const found = new Set();
    for (let wanted = 1 + Math.floor(random() * 5); found.size < wanted;) found.add(`tag-${Math.floor(random() * TAGS)}`);
    return [...found];
  };
  /** @param {string} prefix sorts the ids @param {number} index @returns {Row} */
  const row = (prefix, index) => ({
    object_id: `${prefix}${String(index).padStart(7, "0")}`, name: `Document ${prefix}${index}`, title: text(4 + Math.floor(random() * 3)),
    body: `${text(BODY_WORDS)}.`, year: FIRST_YEAR + Math.floor(random() * YEARS), price: Math.floor(random() * PRICE_MAX * 100) / 100,
    category: CATEGORIES[Math.floor(random() * CATEGORIES.length)], tags: tags(), embedding: vector(),
  });
  return { random, vocabulary, vector, row };
}

/** @param {number} n @param {{ seed?: number, extra?: number }} [options] @returns {Workload} */
export function makeWorkload(n, { seed = 1, extra = 200 } = {}) {
  const { random, vocabulary, vector, row } = makeSource(seed);
  const rows = Array.from({ length: n }, (_, index) => row("d", index));
  const each = (/** @type {() => any} */ make) => Array.from({ length: VARIANTS }, make);
  const range = (/** @type {number} */ part) => {
    const low = Math.floor(random() * PRICE_MAX * (1 - part));
    return { low, high: low + PRICE_MAX * part };
  };
  /** @param {number} from @param {number} to */
  const word = (from, to) => vocabulary[from + Math.floor(random() * (to - from))];
  return {
    n, rows, lean: rows.map(({ body: _, embedding: __, ...lean }) => lean),
    extra: Array.from({ length: extra }, (_, index) => row("x", index)),
    probes: Array.from({ length: 1000 }, () => rows[Math.floor(random() * n)].object_id),
    narrow: each(() => range(0.01)), wide: each(() => range(0.2)), years: each(() => FIRST_YEAR + Math.floor(random() * YEARS)),
    vectors: each(vector), texts: each(() => `${word(20, 150)} ${word(150, 400)}`), words: each(() => word(20, 150)),
    needles: each(() => word(500, 2000).slice(1)),
  };
}

/** Bytes of a row without any storage around them: texts, numbers of 8 bytes, the vector. @param {Partial<Row>} row */
export function rawBytes(row) {
  let bytes = 0;
  for (const value of Object.values(row)) {
    if (typeof value === "string") bytes += value.length;
    else if (typeof value === "number") bytes += 8;
    else if (value instanceof Float32Array) bytes += value.byteLength;
    else if (Array.isArray(value)) for (const item of value) bytes += item.length;
  }
  return bytes;
}
