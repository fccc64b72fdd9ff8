// SPDX-License-Identifier: MIT
// What is asked of every engine: how, what of the answer is read, and whether the answer is right.
import { DIM, VARIANTS } from "./workload.mjs";
import { overlap, sameIds, scoresAgree } from "./truth.mjs";

/** @typedef {import("./workload.mjs").Workload} Workload */
/** @typedef {import("./engines/engine.mjs").Instance} Instance */
/** @typedef {import("./engines/engine.mjs").Answer} Answer */
/** @typedef {ReturnType<import("./truth.mjs").makeTruth>} Truth */
/** @typedef {{ ok: boolean, overlap?: number }} Verdict */
/**
 * @typedef {object} Operation
 * @property {string} key
 * @property {string} title
 * @property {keyof Instance} method that an engine needs for it
 * @property {(instance: any, workload: Workload, index: number) => any} call
 * @property {(value: any) => unknown} use what a caller does with the answer; part of the time
 * @property {(value: any, workload: Workload, truth: Truth, index: number, textbook: boolean) => Verdict} [check]
 * @property {(workload: Workload) => number} [calls] how many calls there are, each made once a round; without it, as many as fit
 * @property {number} [rows] in one call: the figure is given in rows per second
 */

const BATCH = 100;
export const LIMIT = 100;
/** Others weigh words by formulas of their own, or take parts of words for words: how far they agree is shown. */
const OVERLAP_MIN = { textbook: 0.99, other: 0 };

/** Every value of a row, down to one item of lists. @param {any} row */
function readAll(row) {
  let sum = 0;
  for (const key in row) {
    const value = row[key];
    sum += typeof value === "number" ? value : value.length;
    if (typeof value === "object") sum += value[0].length ?? value[0];
  }
  return sum;
}

/** Fields that begin with $ are an engine's own. @param {any} found @param {any} row */
function sameRow(found, row) {
  return Object.keys(found).filter((key) => !key.startsWith("$")).length === Object.keys(row).length && Object.entries(row).every(([key, value]) => key === "embedding"
    ? found[key].length === DIM && value.every((/** @type {number} */ x, /** @type {number} */ i) => x === found[key][i])
    : JSON.stringify(found[key]) === JSON.stringify(value));
}

const useIds = (/** @type {Answer} */ { ids }) => ids.length + (ids[0]?.length ?? 0);
const useTitles = (/** @type {any} */ { ids, titles }) => ids.length + (titles[titles.length - 1]?.length ?? 0);
const useScores = (/** @type {any} */ { ids, scores }) => ids.length + (scores[0] ?? 0);

/** @param {Answer} answer @param {readonly string[]} wanted @param {Truth} truth @returns {Verdict} */
const rightTitles = ({ ids, titles }, wanted, truth) => ({ ok: sameIds(ids, wanted) && ids.every((id, index) => titles?.[index] === truth.titles.get(id)) });
/** @param {Answer} answer @param {import("./truth.mjs").Ranking} ranking @returns {Verdict} */
function rightNear({ ids, scores }, ranking) {
  const share = overlap(ids, ranking);
  return { ok: share === 1 && scores !== undefined && scoresAgree(ids, scores, ranking), overlap: share };
}
/** @param {Answer} answer @param {import("./truth.mjs").Ranking} ranking @param {boolean} textbook @param {boolean} [scored] @returns {Verdict} */
function rightRanking({ ids, scores }, ranking, textbook, scored = textbook) {
  const share = overlap(ids, ranking);
  return { ok: share >= (textbook ? OVERLAP_MIN.textbook : OVERLAP_MIN.other) && (!scored || (scores !== undefined && scoresAgree(ids, scores, ranking))), overlap: share };
}

/** @param {number} index */
const variant = (index) => index % VARIANTS;
/** @param {Workload} workload @param {number} index */
const probe = ({ probes }, index) => probes[index % probes.length];
/** @param {Workload} workload @param {number} index */
const batch = ({ probes }, index) => probes.slice((index % (probes.length / BATCH)) * BATCH, ((index % (probes.length / BATCH)) + 1) * BATCH);

/** @type {readonly Operation[]} */
export const OPERATIONS = [
  {
    key: "upsert", title: "upsert, one new row", method: "upsert", calls: ({ extra }) => extra.length,
    call: (instance, { extra }, index) => instance.upsert(extra[index]), use: () => 0,
  },
  {
    key: "delete", title: "delete, one row", method: "remove", calls: ({ extra }) => extra.length,
    call: (instance, { extra }, index) => instance.remove(extra[index].object_id), use: () => 0,
  },
  {
    key: "getPart", title: "get by id, id and title read", method: "getPart",
    call: (instance, workload, index) => instance.getPart(probe(workload, index)), use: (row) => row.object_id.length + row.title.length,
    check: (row, workload, truth, index) => ({ ok: row.object_id === probe(workload, index) && row.title === truth.titles.get(row.object_id) }),
  },
  {
    key: "getFull", title: "get by id, fully read", method: "getFull",
    call: (instance, workload, index) => instance.getFull(probe(workload, index)), use: readAll,
    check: (row, workload, truth, index) => ({ ok: sameRow(row, truth.rows.get(probe(workload, index))) }),
  },
  {
    key: "getMany", title: `getMany of ${BATCH} ids, fully read`, method: "getMany", rows: BATCH,
    call: (instance, workload, index) => instance.getMany(batch(workload, index)), use: (rows) => rows.reduce((/** @type {number} */ sum, /** @type {any} */ row) => sum + readAll(row), 0),
    check: (rows, workload, truth, index) => ({ ok: rows.length === BATCH && batch(workload, index).every((id, at) => sameRow(rows[at], truth.rows.get(id))) }),
  },
  {
    key: "filterScan", title: "1 % filter, ids and titles, no index", method: "filterScan",
    call: (instance, { narrow }, index) => instance.filterScan(narrow[variant(index)]), use: useTitles,
    check: (answer, { narrow }, truth, index) => rightTitles(answer, truth.filter(truth.inRange(narrow[variant(index)])), truth),
  },
  {
    key: "filterAdHoc", title: "the same, query built and parsed anew", method: "filterAdHoc",
    call: (instance, { narrow }, index) => instance.filterAdHoc(narrow[variant(index)]), use: useTitles,
    check: (answer, { narrow }, truth, index) => rightTitles(answer, truth.filter(truth.inRange(narrow[variant(index)])), truth),
  },
  {
    key: "filterIndex", title: "1 % filter, ids and titles, index", method: "filterIndex",
    call: (instance, { years }, index) => instance.filterIndex(years[variant(index)]), use: useTitles,
    check: (answer, { years }, truth, index) => rightTitles(answer, truth.filter(({ year }) => year === years[variant(index)]), truth),
  },
  {
    key: "filterLimit", title: `20 % filter, limit ${LIMIT}`, method: "filterLimit",
    call: (instance, { wide }, index) => instance.filterLimit(wide[variant(index)], LIMIT), use: useTitles,
    check: (answer, { wide }, truth, index) => rightTitles(answer, truth.filter(truth.inRange(wide[variant(index)])).slice(0, LIMIT), truth),
  },
  {
    key: "near", title: "vector top-10, exact", method: "near",
    call: (instance, { vectors }, index) => instance.near(vectors[variant(index)]), use: useScores,
    check: (answer, { vectors }, truth, index) => rightNear(answer, truth.once(`near ${variant(index)}`, () => truth.near(vectors[variant(index)]))),
  },
  {
    key: "nearFiltered", title: "vector top-10 of a 20 % filter", method: "nearFiltered",
    call: (instance, { vectors, wide }, index) => instance.nearFiltered(vectors[variant(index)], wide[variant(index)]), use: useScores,
    check: (answer, { vectors, wide }, truth, index) => rightNear(answer, truth.once(`nearFiltered ${variant(index)}`, () => truth.near(vectors[variant(index)], truth.inRange(wide[variant(index)])))),
  },
  {
    key: "search", title: "BM25 top-10 of two words", method: "search",
    call: (instance, { texts }, index) => instance.search(texts[variant(index)]), use: useScores,
    check: (answer, { texts }, truth, index, textbook) => rightRanking(answer, truth.once(`search ${variant(index)}`, () => truth.search(texts[variant(index)])), textbook),
  },
  {
    key: "routed", title: "word, 20 % range and vector top-10", method: "routed",
    call: (instance, { words, wide, vectors }, index) => instance.routed(words[variant(index)], wide[variant(index)], vectors[variant(index)]), use: useScores,
    check: (answer, { words, wide, vectors }, truth, index) => rightNear(answer, truth.once(`routed ${variant(index)}`, () => truth.routed(words[variant(index)], wide[variant(index)], vectors[variant(index)]))),
  },
  {
    key: "hybrid", title: "hybrid top-10, reciprocal rank", method: "hybrid",
    call: (instance, { texts, vectors }, index) => instance.hybrid(texts[variant(index)], vectors[variant(index)]), use: useScores,
    check: (answer, { texts, vectors }, truth, index, textbook) => rightRanking(answer, truth.once(`hybrid ${variant(index)}`, () => truth.hybrid(texts[variant(index)], vectors[variant(index)])), textbook, false),
  },
  {
    key: "match", title: "match, a substring in all bodies", method: "match",
    call: (instance, { needles }, index) => instance.match(needles[variant(index)]), use: useIds,
    check: (answer, { needles }, truth, index) => ({ ok: sameIds(answer.ids, truth.once(`match ${variant(index)}`, () => truth.match(needles[variant(index)]))) }),
  },
];
