// SPDX-License-Identifier: MIT
// LokiJS: a collection of objects, unique ids, an index over years. It marks the objects that it is given, so it gets copies.
import Loki from "lokijs";
import { versionOf } from "./version.mjs";

/** @param {readonly any[]} rows */
const titled = (rows) => ({ ids: rows.map((row) => row.object_id), titles: rows.map((row) => row.title) });
/** @param {import("../engine.mjs").Range} range */
const inRange = ({ low, high }) => ({ $and: [{ price: { $gte: low } }, { price: { $lt: high } }] });

/** @param {boolean} lean @returns {import("../engine.mjs").Instance} */
function makeInstance(lean) {
  const collection = /** @type {any} */ (new Loki("bench.db").addCollection("doc", /** @type {any} */ ({ unique: ["object_id"], indices: ["year"], disableMeta: true })));
  const get = (/** @type {string} */ id) => collection.by("object_id", id) ?? null;
  return {
    load: (rows) => collection.insert(rows.map((row) => ({ ...row }))),
    settle: () => collection.ensureAllIndexes(),
    upsert(row) {
      const old = get(row.object_id);
      if (old) collection.update(Object.assign(old, row));
      else collection.insert({ ...row });
    },
    remove(id) {
      const old = get(id);
      if (old) collection.remove(old);
    },
    getPart: get, getFull: get,
    getMany: (ids) => ids.map(get),
    filterScan: (range) => titled(collection.find(inRange(range))),
    filterIndex: (year) => titled(collection.find({ year })),
    filterLimit: (range, count) => titled(collection.chain().find(inRange(range)).limit(count).data()),
    ...(!lean && { match: (needle) => ({ ids: collection.find({ body: { $regex: [needle, "i"] } }).map((/** @type {any} */ row) => row.object_id) }) }),
    close() {},
  };
}

/** @type {import("../engine.mjs").Engine} */
export const engine = {
  name: "lokijs", title: "LokiJS", ours: false, textbook: false,
  version: () => versionOf("lokijs"),
  open: async ({ lean }) => makeInstance(lean),
};
