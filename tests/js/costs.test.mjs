// SPDX-License-Identifier: MIT
// What a call costs in crossings into the module, and that answering does not grow its memory. Counts, not times: they
// hold on any machine. Allocations and rows examined are counted in the unit tests (workspace/costs, backends).
import assert from "node:assert/strict";
import { test } from "node:test";

/** Calls into the module since the last look; its exports have no names that stay. */
let crossings = 0;
/** @type {WebAssembly.Memory} */
let memory;

/** An instance whose functions are counted. @param {WebAssembly.Instance} instance */
function watched({ exports }) {
  memory = /** @type {WebAssembly.Memory} */ (Object.values(exports).find((value) => value instanceof WebAssembly.Memory));
  const counted = Object.entries(exports).map(([name, value]) => [name, typeof value !== "function" ? value : (/** @type {any[]} */ ...args) => {
    crossings += 1;
    return value(...args);
  }]);
  return /** @type {WebAssembly.Instance} */ ({ exports: Object.fromEntries(counted) });
}

/** Runs of bytes that were decoded, beside short ones (js/core/text.js). */
let decodings = 0;
const { decode } = TextDecoder.prototype;
TextDecoder.prototype.decode = function counted(...args) {
  decodings += 1;
  return decode.apply(this, args);
};

// Before the package is loaded; the glue takes the instance from here.
const instantiate = WebAssembly.instantiate;
/** @type {any} */ (WebAssembly).instantiate = async (/** @type {any} */ source, /** @type {any} */ imports) => {
  const made = /** @type {any} */ (await instantiate(source, imports));
  return made instanceof WebAssembly.Instance ? watched(made) : { module: made.module, instance: watched(made.instance) };
};
const { Float, HeavenBase, Integer, InvertedIndex, LongText, ShortText, Vector, entity, field } = await import("heavenbase");

/** The call; once more when the buffer that it is written to has to grow. */
const CROSSINGS_MAX = 1;
const ROWS = 500;
/** The buffer for what is written doubles until all rows are in it; each time is a crossing. */
const GROWTHS_MAX = 8;
const Doc = entity("Doc", { title: field(ShortText), year: field(Integer).index(), price: field(Float).index(false), body: field(LongText).store({ strategy: InvertedIndex }), embedding: field(Vector(8)) });
const row = (/** @type {number} */ i) => ({ object_id: `d${i}`, name: `Doc ${i}`, title: `Title ${i}`, year: i % 50, price: i, body: `words of row ${i % 97}`, embedding: Float32Array.of(i % 31, 1, 0, 0, 0, 0, 0, 0.5) });
const ids = Array.from({ length: 100 }, (_, i) => `d${i * 4}`);

/** @type {Record<string, { backends: any }>} */
const settings = { inmem: { backends: { main: { type: "inmem" } } }, sqlite: { backends: { main: { type: "sqlite" } } } };

/** Crossings of one call, once the first calls have built what they build. @param {() => Promise<unknown>} call */
async function cost(call) {
  for (let warm = 0; warm < 3; warm++) await call();
  crossings = 0;
  await call();
  return crossings;
}

for (const [name, setting] of Object.entries(settings)) {
  test(`${name}: few crossings per call`, async (t) => {
    const ws = await HeavenBase.open(`costs-${name}`, { ...setting, catalog: false });
    t.after(() => ws.close());
    await ws.register(Doc);
    const written = await cost(() => ws.upsertMany(Doc, Array.from({ length: ROWS }, (_, i) => row(i))));
    assert.ok(written <= 1 + GROWTHS_MAX, `upsertMany: ${written}`);
    const filter = await ws.query(Doc).where(Doc.price.lt(10)).select("title").prepare();
    const near = await ws.query(Doc).near(Doc.embedding, new Float32Array(8), { topK: 10 }).select("score").prepare();
    /** @type {Record<string, () => Promise<unknown>>} */
    const calls = {
      get: async () => (await ws.get("d5", { entity: Doc }))?.title,
      getMany: async () => (await ws.getMany(ids, { entity: Doc })).map((/** @type {any} */ found) => found?.title),
      exists: () => ws.exists("d5", { entity: Doc }),
      upsert: () => ws.upsert(Doc, row(5)),
      delete: () => ws.delete("nobody", { entity: Doc }),
      filter: async () => (await filter.execute()).column("title"),
      near: async () => (await near.execute({ params: [row(3).embedding] })).ids,
      search: async () => (await ws.query(Doc).search("body", "words", { topK: 10 }).execute()).rows(),
      "filter built anew": async () => (await ws.query(Doc).where(Doc.year.eq(3)).select("title").execute()).rows(),
    };
    for (const [call, run] of Object.entries(calls)) {
      const found = await cost(run);
      assert.ok(found <= (call === "getMany" ? CROSSINGS_MAX + 1 : CROSSINGS_MAX), `${call}: ${found}`);
    }
  });

  test(`${name}: texts of an answer are decoded together`, async (t) => {
    const ws = await HeavenBase.open(`texts-${name}`, { ...setting, catalog: false });
    t.after(() => ws.close());
    await ws.register(Doc);
    await ws.upsertMany(Doc, Array.from({ length: ROWS }, (_, i) => row(i)));
    const filter = await ws.query(Doc).where(Doc.price.lt(50)).select("title", "body").prepare();
    const count = async (/** @type {() => Promise<unknown>} */ call) => {
      await call();
      decodings = 0;
      await call();
      return decodings;
    };
    const texts = ["name", "title", "body"];
    assert.equal(await count(() => ws.get("d5", { entity: Doc })), 1);
    assert.equal(await count(() => ws.getMany(ids, { entity: Doc })), texts.length);
    assert.equal(await count(() => filter.execute()), 0);
    assert.equal(await count(async () => (await filter.execute()).ids), 1);
    assert.equal(await count(async () => (await filter.execute()).rows()), 3);
  });

  test(`${name}: asking and writing in turn does not grow the module's memory`, async (t) => {
    const ws = await HeavenBase.open(`growth-${name}`, { ...setting, catalog: false });
    t.after(() => ws.close());
    await ws.register(Doc);
    await ws.upsertMany(Doc, Array.from({ length: ROWS }, (_, i) => row(i)));
    const filter = await ws.query(Doc).where(Doc.price.lt(200)).select("title").prepare();
    const turns = async (/** @type {number} */ count) => {
      for (let turn = 0; turn < count; turn++) {
        await ws.upsert(Doc, row(ROWS + (turn % 10)));
        await filter.execute();
        await ws.query(Doc).search("body", "words", { topK: 10 }).execute();
        await ws.delete(`d${ROWS + (turn % 10)}`, { entity: Doc });
      }
    };
    await turns(20);
    const before = memory.buffer.byteLength;
    await turns(100);
    assert.equal(memory.buffer.byteLength, before);
  });
}
