// SPDX-License-Identifier: MIT
// HeavenBase as an engine of the bench, over any backends. Queries are prepared once, as in the SQL peers.
import { ArrayOf, Categorical, Float, HeavenBase, Integer, InvertedIndex, LongText, ShortText, Vector, entity, field } from "heavenbase";
import { readFileSync } from "node:fs";
import { CATEGORIES, DIM, FUSE_DEPTH, TOP } from "../workload.mjs";

const LIMIT = 100;

/** @param {boolean} lean @param {boolean} replicated does routing put the body on a text backend by itself? */
function declare(lean, replicated) {
  const body = replicated ? field(LongText) : field(LongText).store({ strategy: InvertedIndex });
  return entity("Doc", {
    title: field(ShortText), year: field(Integer).index(), price: field(Float).index(false), category: field(Categorical([...CATEGORIES])),
    tags: field(ArrayOf(ShortText)).index(), ...(lean ? {} : { body, embedding: field(Vector(DIM)) }),
  });
}

/** @param {any} frame @returns {import("./engine.mjs").Answer} */
const ranking = (frame) => ({ ids: frame.ids, scores: frame.column("score") });
/** @param {any} frame @returns {import("./engine.mjs").Answer} */
const titled = (frame) => ({ ids: frame.ids, titles: frame.column("title") });
/** @param {any} frame @returns {import("./engine.mjs").Answer} */
const bare = (frame) => ({ ids: frame.ids });

/** @param {any} ws @param {any} Doc */
async function prepareAll(ws, Doc) {
  const zero = new Float32Array(DIM);
  const inRange = (/** @type {any} */ query) => query.where(Doc.price.gte(0)).where(Doc.price.lt(1));
  const asked = {
    filterScan: inRange(ws.query(Doc)).select("title"), filterIndex: ws.query(Doc).where(Doc.year.eq(0)).select("title"),
    filterLimit: inRange(ws.query(Doc)).select("title").limit(LIMIT),
    ...(Doc.body && {
      match: ws.query(Doc).where(Doc.body.match("x")).select("object_id"), near: ws.query(Doc).near(Doc.embedding, zero, { topK: TOP }).select("score"),
      nearFiltered: inRange(ws.query(Doc)).near(Doc.embedding, zero, { topK: TOP }).select("score"),
      search: ws.query(Doc).search("body", "x", { topK: TOP }).select("score"),
      routed: inRange(ws.query(Doc).where(Doc.body.hasWords("x"))).near(Doc.embedding, zero, { topK: TOP }).select("score"),
      hybrid: ws.query(Doc).near(Doc.embedding, zero, { topK: FUSE_DEPTH }).search("body", "x", { topK: FUSE_DEPTH }).limit(TOP).select("score"),
    }),
  };
  const prepared = await Promise.all(Object.values(asked).map((query) => query.prepare()));
  return Object.fromEntries(Object.keys(asked).map((name, index) => [name, prepared[index]]));
}

/** @param {any} ws @param {any} Doc @returns {Promise<import("./engine.mjs").Instance>} */
async function makeInstance(ws, Doc) {
  const prepared = await prepareAll(ws, Doc);
  const ask = (/** @type {string} */ name, /** @type {any[]} */ params, /** @type {(frame: any) => any} */ read) => prepared[name].execute({ params }).then(read);
  const entityOnly = { entity: Doc };
  return {
    load: (rows) => ws.upsertMany(Doc, rows),
    async settle() {
      await ask("filterIndex", [0], bare);
      await ws.query(Doc).where(Doc.tags.arrayContains("")).execute();
      if (Doc.body) await ask("routed", ["x", 0, 1, new Float32Array(DIM)], bare);
      if (Doc.body) await ask("search", ["x"], bare);
    },
    upsert: (row) => ws.upsert(Doc, row),
    remove: (id) => ws.delete(id, entityOnly),
    getPart: (id) => ws.get(id, entityOnly),
    getFull: (id) => ws.get(id, entityOnly),
    getMany: (ids) => ws.getMany(ids, entityOnly),
    filterScan: ({ low, high }) => ask("filterScan", [low, high], titled),
    filterAdHoc: ({ low, high }) => ws.query(Doc).where(Doc.price.gte(low)).where(Doc.price.lt(high)).select("title").execute().then(titled),
    filterIndex: (year) => ask("filterIndex", [year], titled),
    filterLimit: ({ low, high }) => ask("filterLimit", [low, high], titled),
    near: (vector) => ask("near", [vector], ranking),
    nearFiltered: (vector, { low, high }) => ask("nearFiltered", [low, high, vector], ranking),
    search: (text) => ask("search", [text], ranking),
    routed: (word, { low, high }, vector) => ask("routed", [word, low, high, vector], ranking),
    hybrid: (text, vector) => ask("hybrid", [vector, text], ranking),
    match: (needle) => ask("match", [needle], bare),
    ...(typeof ws.compact === "function" && { compact: () => ws.compact() }),
    close: () => ws.close(),
  };
}

/**
 * @param {{ name: string, title: string, setting: Record<string, unknown>, replicated?: boolean, persists?: boolean }} what
 * @returns {import("./engine.mjs").Engine}
 */
export function makeEngine({ name, title, setting, replicated = false, persists = false }) {
  let opened = 0;
  return {
    name, title, ours: true, textbook: true, persists,
    version: () => JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")).version,
    async open({ lean, file }) {
      const options = file ? { ...setting, backends: { main: { type: "sqlite", database: file } } } : setting;
      const ws = await HeavenBase.open(file ? "bench" : `bench-${opened++}`, options);
      const Doc = declare(lean, replicated);
      await ws.register(Doc);
      return makeInstance(ws, Doc);
    },
    /** What the index adds to a load of bodies: with it and a first search, less without it. Where routing puts one anyway there is no telling. */
    ...(!replicated && { async buildText(/** @type {readonly import("../workload.mjs").Row[]} */ rows) {
      const bodies = rows.map(({ object_id, name: named, body }) => ({ object_id, name: named, body }));
      const seconds = async (/** @type {boolean} */ indexed) => {
        const ws = await HeavenBase.open(`bench-${opened++}`, setting);
        const Doc = entity("Doc", { body: indexed ? field(LongText).store({ strategy: InvertedIndex }) : field(LongText) });
        await ws.register(Doc);
        const start = performance.now();
        await ws.upsertMany(Doc, bodies);
        if (indexed) await ws.query(Doc).search("body", "x", { topK: TOP }).execute();
        const took = (performance.now() - start) / 1000;
        await ws.close();
        return took;
      };
      const without = await seconds(false);
      return Math.max(await seconds(true) - without, 0);
    } }),
  };
}
