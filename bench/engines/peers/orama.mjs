// SPDX-License-Identifier: MIT
// Orama: one index over body, numbers, tags and the vector. Its hybrid mode adds scores of either side, which is not a
// fusion by rank, and takes no word as a condition, so those two are left out, as are orders other than by score.
import { create, getByID, insert, insertMultiple, remove, search } from "@orama/orama";
import { DIM, TOP } from "../../workload.mjs";
import { versionOf } from "./version.mjs";

const SCHEMA = /** @type {const} */ ({ year: "number", price: "number", category: "enum", tags: "enum[]" });
const BATCH = 1000;
/** Without it Orama takes the vectors out of the stored documents that it answers with. */
const KEEP = { includeVectors: true };

/** @param {any} row */
const stored = (row) => ({ ...row, id: row.object_id, ...(row.embedding && { embedding: Array.from(row.embedding) }) });
/** @param {import("../engine.mjs").Range} range */
const inRange = ({ low, high }) => ({ and: [{ price: { gte: low } }, { price: { lt: high } }] });
/** @param {any} results */
const titled = ({ hits }) => ({ ids: hits.map((/** @type {any} */ hit) => hit.id), titles: hits.map((/** @type {any} */ hit) => hit.document.title) });
/** @param {any} results */
const scored = ({ hits }) => ({ ids: hits.map((/** @type {any} */ hit) => hit.id), scores: hits.map((/** @type {any} */ hit) => hit.score) });

/** @param {boolean} lean @returns {import("../engine.mjs").Instance} */
function makeInstance(lean) {
  const db = /** @type {any} */ (create({ schema: lean ? SCHEMA : { ...SCHEMA, body: "string", embedding: `vector[${DIM}]` } }));
  let rowCount = 0;
  const whole = (/** @type {string} */ id) => {
    const document = getByID(db, id);
    if (!document) return null;
    const { id: _, ...row } = /** @type {any} */ (document);
    if (row.embedding) row.embedding = Float32Array.from(row.embedding);
    return row;
  };
  const near = (/** @type {Float32Array} */ vector, /** @type {any} */ where) => search(db, /** @type {any} */ ({
    mode: "vector", vector: { value: Array.from(vector), property: "embedding" }, similarity: -1, limit: TOP, ...KEEP, ...(where && { where }) }));
  const filter = (/** @type {any} */ where) => search(db, /** @type {any} */ ({ term: "", where, limit: rowCount, ...KEEP }));
  return {
    async load(rows) {
      rowCount += rows.length;
      await insertMultiple(db, rows.map(stored), BATCH, undefined, true, 0);
    },
    settle() {},
    upsert: (row) => insert(db, stored(row)),
    remove: (id) => remove(db, id),
    getPart: (id) => getByID(db, id),
    getFull: whole,
    getMany: (ids) => ids.map(whole),
    filterScan: async (range) => titled(await filter(inRange(range))),
    filterIndex: async (year) => titled(await filter({ year: { eq: year } })),
    ...(!lean && {
      near: async (vector) => scored(await near(vector, undefined)),
      nearFiltered: async (vector, range) => scored(await near(vector, inRange(range))),
      search: async (text) => scored(await search(db, /** @type {any} */ ({ term: text, properties: ["body"], tolerance: 0, threshold: 1, limit: TOP, ...KEEP, relevance: { k: 1.2, b: 0.75, d: 0 } }))),
    }),
    close() {},
  };
}

/** @type {import("../engine.mjs").Engine} */
export const engine = {
  name: "orama", title: "Orama", ours: false, textbook: false, rowsMax: 20_000,
  version: () => versionOf("@orama/orama"),
  open: async ({ lean }) => makeInstance(lean),
};
