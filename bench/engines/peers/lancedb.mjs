// SPDX-License-Identifier: MIT
// LanceDB in memory: an Arrow table, scalar indexes, its full-text index without stemming, vectors without an index.
import { Index, connect, makeArrowTable, rerankers } from "@lancedb/lancedb";
import { Field, FixedSizeList, Float32, Float64, Int32, List, Schema, Utf8 } from "apache-arrow";
import { DIM, FUSE_DEPTH, TOP } from "../../workload.mjs";
import { versionOf } from "./version.mjs";

const LIMIT = 100;
const text = () => new Utf8();
const FIELDS = /** @type {[string, any][]} */ ([["object_id", text()], ["name", text()], ["title", text()], ["year", new Int32()], ["price", new Float64()],
  ["category", text()], ["tags", new List(new Field("item", text(), true))]]);
const TEXT_FIELDS = /** @type {[string, any][]} */ ([["body", text()], ["embedding", new FixedSizeList(DIM, new Field("item", new Float32(), true))]]);
const FTS = { baseTokenizer: /** @type {const} */ ("simple"), lowercase: true, stem: false, removeStopWords: false, asciiFolding: false, withPosition: false };

/** @param {import("../engine.mjs").Range} range */
const inRange = ({ low, high }) => `price >= ${low} AND price < ${high}`;
/** No rows, no columns. @param {any} table @param {string} name */
const column = (table, name) => Array.from(table.getChild(name) ?? []);
/** @param {any} table */
const titled = (table) => ({ ids: column(table, "object_id"), titles: column(table, "title") });
/** @param {any} table */
const close = (table) => ({ ids: column(table, "object_id"), scores: column(table, "_distance").map((distance) => 1 - distance) });

/** @param {any} db @param {boolean} lean @returns {Promise<import("../engine.mjs").Instance>} */
async function makeInstance(db, lean) {
  const schema = new Schema([...FIELDS, ...(lean ? [] : TEXT_FIELDS)].map(([name, type]) => new Field(name, type, true)));
  const names = schema.names;
  const table = await db.createEmptyTable("doc", schema);
  const reranker = await rerankers.RRFReranker.create();
  const arrow = (/** @type {readonly any[]} */ rows) => makeArrowTable(/** @type {any} */ (rows), { schema });
  const whole = (/** @type {any} */ found, /** @type {number} */ at) => {
    const row = found.get(at);
    return Object.fromEntries(names.map((name) => [name, name === "tags" ? Array.from(row.tags) : name === "embedding" ? Float32Array.from(row.embedding.toArray()) : row[name]]));
  };
  const titles = (/** @type {string} */ where, count = Infinity) => {
    const query = table.query().where(where).select(["object_id", "title"]);
    return (count === Infinity ? query : query.limit(count)).toArrow().then(titled);
  };
  const nearest = (/** @type {Float32Array} */ vector, where = "") => {
    const query = table.vectorSearch(vector).distanceType("cosine").select(["object_id", "_distance"]).limit(TOP);
    return (where ? query.where(where) : query).toArrow().then(close);
  };
  return {
    async load(rows) {
      await table.add(arrow(rows));
      for (const name of ["object_id", "year"]) await table.createIndex(name, { config: Index.btree() });
      await table.createIndex("tags", { config: Index.labelList() });
      if (!lean) await table.createIndex("body", { config: Index.fts(FTS) });
    },
    settle() {},
    upsert: (row) => table.mergeInsert("object_id").whenMatchedUpdateAll().whenNotMatchedInsertAll().execute(arrow([row])),
    remove: (id) => table.delete(`object_id = '${id}'`),
    async getPart(id) {
      const found = await table.query().where(`object_id = '${id}'`).select(["object_id", "title"]).limit(1).toArrow();
      return found.numRows > 0 ? found.get(0) : null;
    },
    async getFull(id) {
      const found = await table.query().where(`object_id = '${id}'`).limit(1).toArrow();
      return found.numRows > 0 ? whole(found, 0) : null;
    },
    async getMany(ids) {
      const found = await table.query().where(`object_id IN (${ids.map((id) => `'${id}'`).join(", ")})`).toArrow();
      const at = new Map(column(found, "object_id").map((id, index) => [id, index]));
      return ids.map((id) => whole(found, /** @type {number} */ (at.get(id))));
    },
    filterScan: (range) => titles(inRange(range)),
    filterIndex: (year) => titles(`year = ${year}`),
    filterLimit: (range, count) => titles(inRange(range), count ?? LIMIT),
    ...(!lean && {
      near: (vector) => nearest(vector),
      nearFiltered: (vector, range) => nearest(vector, inRange(range)),
      routed: (word, range, vector) => nearest(vector, `${inRange(range)} AND regexp_like(body, '\\b${word}\\b', 'i')`),
      search: (words) => table.query().fullTextSearch(words, { columns: ["body"] }).select(["object_id", "_score"]).limit(TOP).toArrow()
        .then((/** @type {any} */ found) => ({ ids: column(found, "object_id"), scores: column(found, "_score") })),
      hybrid: (words, vector) => table.query().nearestTo(vector).distanceType("cosine").fullTextSearch(words, { columns: ["body"] }).rerank(reranker).limit(FUSE_DEPTH).toArrow()
        .then((/** @type {any} */ found) => ({ ids: column(found, "object_id").slice(0, TOP), scores: [] })),
      match: (needle) => table.query().where(`lower(body) LIKE '%${needle}%'`).select(["object_id"]).toArrow().then((/** @type {any} */ found) => ({ ids: column(found, "object_id") })),
    }),
    close: () => db.close(),
  };
}

/** @type {import("../engine.mjs").Engine} */
export const engine = {
  name: "lancedb", title: "LanceDB", ours: false, textbook: false, native: true,
  version: () => versionOf("@lancedb/lancedb"),
  open: async ({ lean }) => makeInstance(await connect("memory://"), lean),
};
