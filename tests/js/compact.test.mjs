// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { ArrayOf, Catalog, HeavenBase, Integer, InvertedIndex, LongText, MetaSchema, ShortText, Vector, entity, field } from "heavenbase";
import { currentLoader } from "../../js/core/instance.js";

const INMEM = { backends: { main: { type: "inmem" } } };
const DIM = 2048;
const Doc = entity("Doc", {
  title: field(ShortText), year: field(Integer).index(), tags: field(ArrayOf(ShortText)),
  body: field(LongText).store({ strategy: InvertedIndex }), embedding: field(Vector(DIM)),
});
const Other = entity("Other", { word: field(ShortText) });
const vector = (/** @type {number} */ seed) => new Float32Array(DIM).fill(1, seed % DIM);
const row = (/** @type {number} */ i) => ({ object_id: `d${i}`, name: `Doc ${i}`, title: `Title ${i}`, year: 1900 + (i % 100), tags: [`t${i % 7}`], body: `words of row w${i}`, embedding: vector(i) });

/** @param {any} ws */
async function filled(ws, rows = 500) {
  await ws.register(Other);
  await ws.register(Doc);
  await ws.upsertMany(Doc, Array.from({ length: rows }, (_, i) => row(i)));
  await ws.upsert(Other, { object_id: "o", name: "O", word: "kept" });
  return ws;
}

/** @param {any} ws */
const count = async (ws) => (await ws.query(Doc).select("object_id").execute()).length;

test("memory comes back", async (t) => {
  const ws = await filled(await HeavenBase.open("compact-large", { ...INMEM, catalog: false }), 6000);
  t.after(() => ws.close());
  await ws.deleteMany(Array.from({ length: 5900 }, (_, i) => `d${i + 100}`), { entity: Doc });
  const { before, after } = await ws.compact();
  assert.ok(after <= before / 2, `${before} bytes before, ${after} after`);
  assert.equal(await count(ws), 100);
});

test("all that the workspace holds and says is as it was", async (t) => {
  for (const options of [{ ...INMEM, catalog: false }, { preset: "debug" }]) {
    const ws = await filled(await HeavenBase.open("compact-same", options), 300);
    t.after(() => ws.close());
    await ws.sign({ owner: "me" });
    const prepared = await ws.query(Doc).near(Doc.embedding, vector(3), { topK: 3 }).prepare();
    const frame = await ws.query(Doc).where(Doc.year.eq(1903)).select("title").execute();
    await ws.describe(Doc, { desc: "A text." });
    const seen = async () => ({ docs: await ws.items(Doc), other: await ws.items(Other), catalog: await ws.items(Catalog), meta: await ws.items(MetaSchema), manifest: await ws.toManifest(),
      schema: await ws.schema(Doc), best: (await prepared.execute()).ids, titles: frame.column("title"), signed: await ws.sign({}), health: await ws.health() });
    const before = await seen();
    await ws.compact();
    assert.deepEqual(await seen(), before);
    assert.equal((await ws.query(Doc).search("body", "w7", { topK: 1 }).execute()).ids[0], "d7");
    await ws.upsert(Doc, row(5000));
    assert.equal(await count(ws), 301);
    assert.equal((await ws.audit()).ok, true);
    await prepared.release();
    await assert.rejects(prepared.execute(), { code: "QUERY" });
  }
});

test("nothing keeps the instance that it left", async (t) => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc");
  const ws = await filled(await HeavenBase.open("compact-left", { ...INMEM, catalog: false }), 10);
  t.after(() => ws.close());
  const prepared = await ws.query(Doc).where(Doc.year.eq(1903)).prepare();
  const frame = await prepared.execute();
  await ws.compact();               // from here on it shares its instance with none
  const left = new WeakRef((await currentLoader().load()).module);
  await ws.compact();
  for (let turn = 0; turn < 50 && left.deref(); turn++) {
    await new Promise((resolve) => { setTimeout(resolve, 10); });
    collect();
  }
  assert.equal(left.deref(), undefined);
  assert.deepEqual((await prepared.execute()).ids, frame.ids);
});

test("calls made meanwhile wait for it, and it waits for those before it", async (t) => {
  const ws = await filled(await HeavenBase.open("compact-turns", { ...INMEM, catalog: false }));
  t.after(() => ws.close());
  const writes = ws.upsert(Doc, row(9000));
  const compacted = ws.compact();
  const found = ws.get("d9000", { entity: Doc });
  const late = ws.upsert(Doc, row(9001));
  assert.equal((await found).title, "Title 9000");
  await Promise.all([writes, compacted, late]);
  assert.equal(await count(ws), 502);
});

test("a workspace beside it stays where it is, and one that opens later goes along", async (t) => {
  const beside = await filled(await HeavenBase.open("compact-beside", { ...INMEM, catalog: false }), 10);
  const ws = await filled(await HeavenBase.open("compact-one", { ...INMEM, catalog: false }), 10);
  await ws.compact();
  const later = await filled(await HeavenBase.open("compact-later", { ...INMEM, catalog: false }), 10);
  t.after(() => Promise.all([beside, ws, later].map((one) => one.close())));
  for (const one of [beside, ws, later]) {
    assert.equal(await count(one), 10);
    await one.upsert(Doc, row(11));
    assert.equal((await one.get("d11", { entity: Doc })).title, "Title 11");
  }
});

test("stopped half-way, everything is where it was", async (t) => {
  const ws = await filled(await HeavenBase.open("compact-stopped", { ...INMEM, catalog: false }));
  t.after(() => ws.close());
  const stop = new AbortController();
  await assert.rejects(ws.compact({ signal: stop.signal, onProgress: () => stop.abort() }), { code: "CANCELLED" });
  await assert.rejects(ws.compact({ timeoutMs: 0 }), { code: "TIMEOUT" });
  await assert.rejects(ws.compact(/** @type {any} */ ({ hurry: true })), { code: "TYPE" });
  assert.equal(await count(ws), 500);
  await ws.upsert(Doc, row(500));
  assert.equal((await ws.get("d500", { entity: Doc })).title, "Title 500");
});
