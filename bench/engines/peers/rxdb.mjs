// SPDX-License-Identifier: MIT
// RxDB over its memory storage: a collection with a schema, an index over years; vectors as arrays of numbers.
import { createRxDatabase } from "rxdb";
import { getRxStorageMemory } from "rxdb/plugins/storage-memory";
import { versionOf } from "./version.mjs";

const text = { type: "string" };
const number = { type: "number" };
const SCHEMA = {
  title: "doc", version: 0, type: "object", primaryKey: "object_id",
  properties: {
    object_id: { type: "string", maxLength: 16 }, name: text, title: text, body: text, price: number, category: text, tags: { type: "array", items: text },
    year: { type: "integer", minimum: 1900, maximum: 2100, multipleOf: 1 }, embedding: { type: "array", items: number },
  },
  required: ["object_id", "year"], indexes: ["year"],
};

/** @param {readonly any[]} documents */
const titled = (documents) => ({ ids: documents.map((one) => one.object_id), titles: documents.map((one) => one.title) });
/** @param {any} row */
const stored = (row) => (row.embedding ? { ...row, embedding: Array.from(row.embedding) } : row);
/** @param {import("../engine.mjs").Range} range */
const inRange = ({ low, high }) => ({ price: { $gte: low, $lt: high } });

/** @param {any} document */
function whole(document) {
  if (!document) return null;
  const row = document.toMutableJSON();
  if (row.embedding) row.embedding = Float32Array.from(row.embedding);
  return row;
}

/** @param {any} db @param {boolean} lean @returns {Promise<import("../engine.mjs").Instance>} */
async function makeInstance(db, lean) {
  const { doc } = await db.addCollections({ doc: { schema: SCHEMA } });
  return {
    async load(rows) {
      const { error } = await doc.bulkInsert(rows.map(stored));
      if (error.length > 0) throw new Error(JSON.stringify(error[0]).slice(0, 200));
    },
    settle: () => doc.find({ selector: { year: 0 } }).exec(),
    upsert: (row) => doc.upsert(stored(row)),
    remove: (id) => doc.bulkRemove([id]),
    getPart: (id) => doc.findOne(id).exec(),
    getFull: (id) => doc.findOne(id).exec().then(whole),
    getMany: (ids) => doc.findByIds(ids).exec().then((/** @type {Map<string, any>} */ found) => ids.map((id) => whole(found.get(id)))),
    filterScan: (range) => doc.find({ selector: inRange(range) }).exec().then(titled),
    filterIndex: (year) => doc.find({ selector: { year } }).exec().then(titled),
    filterLimit: (range, limit) => doc.find({ selector: inRange(range), sort: [{ object_id: "asc" }], limit }).exec().then(titled),
    ...(!lean && { match: (needle) => doc.find({ selector: { body: { $regex: needle, $options: "i" } } }).exec().then((/** @type {any[]} */ found) => ({ ids: found.map((one) => one.object_id) })) }),
    close: () => db.remove(),
  };
}

let opened = 0;
/** @type {import("../engine.mjs").Engine} */
export const engine = {
  name: "rxdb", title: "RxDB, memory storage", ours: false, textbook: false, rowsMax: 20_000,
  version: () => versionOf("rxdb"),
  open: async ({ lean }) => makeInstance(await createRxDatabase({ name: `bench${opened++}`, storage: getRxStorageMemory(), multiInstance: false }), lean),
};
