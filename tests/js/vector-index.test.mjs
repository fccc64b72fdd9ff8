// SPDX-License-Identifier: MIT
// Indexes for near that are not exact: what they find, how they follow writes, what is refused.
import assert from "node:assert/strict";
import { test } from "node:test";
import { HeavenBase, Integer, Vector, VectorIndex, entity, field } from "heavenbase";

const DIM = 16;
const ROWS = 3000;
let seed = 7;
const random = () => ((seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32) - 0.5;
const centres = Array.from({ length: 20 }, () => Array.from({ length: DIM }, random));
const vector = () => Float32Array.from(centres[Math.floor((random() + 0.5) * 20)], (x) => x + 0.4 * random());
const Item = entity("Item", { n: field(Integer), emb: field(Vector(DIM)).store({ to: "main", strategy: VectorIndex({ index: "hnsw", m: 8, efConstruction: 64, ef: 32 }) }) });
const rows = () => Array.from({ length: ROWS }, (_, n) => ({ object_id: `i${String(n).padStart(5, "0")}`, name: "item", n, emb: vector() }));
const open = () => HeavenBase.open("indexes", { backends: { main: { type: "inmem" } }, catalog: false });

/** @param {any} ws @param {(query: any) => any} [narrow] */
async function recall(ws, narrow = (query) => query) {
  let found = 0;
  for (let i = 0; i < 20; i++) {
    const wanted = vector();
    const near = await narrow(ws.query(Item)).near(Item.emb, wanted, { topK: 10 }).select("score").execute();
    const exact = await narrow(ws.query(Item)).near(Item.emb, wanted, { topK: 10, exact: true }).select("score").execute();
    assert.equal(near.ids.length, 10);
    const scores = new Map(exact.ids.map((/** @type {string} */ id, /** @type {number} */ at) => [id, exact.column("score")[at]]));
    near.ids.forEach((/** @type {string} */ id, /** @type {number} */ at) => {
      if (!scores.has(id)) return;
      found++;
      assert.equal(near.column("score")[at], scores.get(id), "scores are exact");
    });
  }
  return found / 200;
}

test("an index finds nearly all, follows writes, and gives way to filters", async () => {
  const ws = await open();
  await ws.register(Item);
  const all = rows();
  await ws.upsertMany(Item, all);
  assert.ok(await recall(ws) >= 0.9);
  await ws.upsertMany(Item, all.slice(0, 1000).map((row) => ({ ...row, emb: vector() })));
  await ws.deleteMany(all.slice(2000, 2500).map((row) => row.object_id), { entity: Item });
  assert.ok(await recall(ws) >= 0.9);
  assert.ok(await recall(ws, (query) => query.where(Item.n.gte(50))) >= 0.9, "nearly all rows pass");
  assert.equal(await recall(ws, (query) => query.where(Item.n.lt(100))), 1, "few rows pass: they are compared");
  const one = vector();
  await ws.upsert(Item, { object_id: "new", name: "item", n: -1, emb: one });
  assert.deepEqual((await ws.query(Item).near(Item.emb, one, { topK: 1 }).execute()).ids, ["new"]);
  await ws.delete("new", { entity: Item });
  assert.notDeepEqual((await ws.query(Item).near(Item.emb, one, { topK: 1 }).execute()).ids, ["new"]);
  await ws.close();
});

for (const [index, least] of /** @type {const} */ ([["int8", 0.98], ["binary", 0.8]])) {
  test(`${index} codes find nearly all and follow writes`, async () => {
    const ws = await open();
    const Coded = entity("Item", { n: field(Integer), emb: field(Vector(DIM)).store({ strategy: VectorIndex({ index }) }) });
    await ws.register(Coded);
    const all = rows();
    await ws.upsertMany(Coded, all);
    assert.ok(await recall(ws) >= least);
    await ws.upsertMany(Coded, all.slice(0, 1000).map((row) => ({ ...row, emb: vector() })));
    await ws.deleteMany(all.slice(2000, 2500).map((row) => row.object_id), { entity: Coded });
    assert.ok(await recall(ws) >= least);
    assert.ok(await recall(ws, (query) => query.where(Item.n.gte(50))) >= least);
    assert.equal(await recall(ws, (query) => query.where(Item.n.lt(100))), 1);
    await ws.close();
  });
}

test("the definition keeps the index, and another one is an altered storage", async () => {
  const ws = await open();
  await ws.register(Item);
  await ws.upsertMany(Item, rows());
  const how = async () => (await ws.query(Item).near("emb", vector()).explain()).steps.find((/** @type {any} */ step) => step.node === "near");
  assert.equal((await how()).index, "hnsw");
  const Exact = entity("Item", { n: field(Integer), emb: field(Vector(DIM)).store({ to: "main", strategy: VectorIndex }) });
  await assert.rejects(async () => ws.register(Exact), { code: "SCHEMA_CONFLICT" });
  await ws.alterEntity(Exact, { confirm: "item" });
  assert.equal((await how()).index, undefined);
  await ws.alterEntity(Item, { confirm: "item" });
  assert.equal((await how()).index, "hnsw");
  assert.ok(await recall(ws) >= 0.9);
  await ws.close();
});

test("what an index cannot be is refused", async () => {
  const ws = await open();
  /** @param {any} strategy @param {any} [type] */
  const made = async (strategy, type = Vector(4)) => ws.register(entity("Wrong", { emb: field(type).store({ strategy }) }));
  await assert.rejects(made(VectorIndex({ index: /** @type {any} */ ("hnws") })), { code: "SCHEMA", message: /hnsw/u });
  await assert.rejects(made(VectorIndex({ index: "hnsw", m: 3 })), { code: "SCHEMA", message: /from 4 to 64/u });
  await assert.rejects(made(VectorIndex({ index: "hnsw", ef: 1.5 })), { code: "SCHEMA" });
  await assert.rejects(made(VectorIndex({ m: 8 })), { code: "SCHEMA" });
  await assert.rejects(made(VectorIndex({ index: "hnsw" }), Vector), { code: "SCHEMA" });
  assert.throws(() => VectorIndex(/** @type {any} */ ({ efSearch: 3 })), { code: "SCHEMA", message: /efConstruction/u });
  await ws.register(Item);
  assert.throws(() => ws.query(Item).near("emb", vector(), /** @type {any} */ ({ efSearch: 3 })), { code: "TYPE" });
  await assert.rejects(ws.query(Item).near("emb", vector(), { ef: 10_001 }).execute(), { code: "QUERY" });
  await assert.rejects(ws.queryJson("item", { near: { field: "emb", query: [1], exact: 1 } }).execute(), { code: "QUERY" });
  await ws.close();
});
