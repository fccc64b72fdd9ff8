// SPDX-License-Identifier: MIT
// Rows that were read by id are plain objects, whose vectors nothing else changes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ArrayOf, Float, HeavenBase, ShortText, Vector, entity, field } from "heavenbase";

const DIM = 64;
const Item = entity("Item", { title: field(ShortText), first: field(Vector(DIM)).optional(), price: field(Float).optional(), second: field(Vector(DIM)).optional(), tags: field(ArrayOf(ShortText)).optional() });
const vector = (/** @type {number} */ seed) => Float32Array.from({ length: DIM }, (_, i) => seed + i / DIM);
const row = (/** @type {number} */ i) => ({ object_id: `i${i}`, name: `n${i}`, title: i % 2 ? `Grüße ${i}` : `title ${i}`, first: vector(i), price: i / 4, second: vector(-i), tags: ["a", "ä"] });

async function opened() {
  const ws = await HeavenBase.open("rows", { backends: { main: { type: "inmem" } }, catalog: false });
  await ws.register(Item);
  await ws.upsertMany(Item, [row(0), row(1), row(2), { object_id: "i3", name: "n3", title: "", second: vector(3) }]);
  return { ws, get: async (/** @type {string} */ id) => /** @type {any} */ (await ws.get(id, { entity: Item })) };
}

test("a row is a plain object in every respect", async () => {
  const { ws, get } = await opened();
  for (const i of [0, 1]) {
    assert.deepEqual(await get(`i${i}`), row(i));
    assert.deepEqual({ ...await get(`i${i}`) }, row(i));
    assert.deepEqual(structuredClone(await get(`i${i}`)), row(i));
    assert.equal(JSON.stringify(await get(`i${i}`)), JSON.stringify(row(i)));
    assert.deepEqual(Object.keys(await get(`i${i}`)), ["object_id", "name", "title", "first", "price", "second", "tags"]);
    assert.deepEqual(Reflect.ownKeys(await get(`i${i}`)), ["object_id", "name", "title", "first", "price", "second", "tags"]);
    assert.equal(Object.getPrototypeOf(await get(`i${i}`)), Object.prototype);
  }
  assert.deepEqual(await get("i3"), { object_id: "i3", name: "n3", title: "", first: null, price: null, second: vector(3), tags: null });
  assert.equal(await get("i9"), null);
  await ws.close();
});

test("a vector is what it was when the row was read, and the same at each look", async () => {
  const { ws, get } = await opened();
  const before = await get("i1");
  await ws.upsert(Item, { ...row(1), first: vector(100) });
  for (let i = 0; i < 50; i++) await get("i2");
  assert.deepEqual(before.first, vector(1));
  assert.equal(before.first, before.first);
  assert.equal(before.first.byteLength, before.first.buffer.byteLength);
  before.first[0] = 7;
  assert.equal(before.first[0], 7);
  assert.equal((await get("i1")).first[0], 100);
  await ws.close();
});

test("a row can be written to, frozen and inherited from", async () => {
  const { ws, get } = await opened();
  const changed = await get("i0");
  changed.first = null;
  delete changed.second;
  changed.more = 1;
  assert.deepEqual(changed, { object_id: "i0", name: "n0", title: "title 0", first: null, price: 0, tags: ["a", "ä"], more: 1 });
  const frozen = Object.freeze(await get("i0"));
  assert.deepEqual(frozen.first, vector(0));
  assert.equal(frozen.first, frozen.first);
  assert.throws(() => { frozen.first = null; }, TypeError);
  const heir = Object.create(await get("i0"));
  assert.deepEqual(heir.second, vector(-0));
  heir.second = 1;
  assert.equal(heir.second, 1);
  await ws.close();
});

test("getMany gives the rows in the order of the ids, with null for those that are not there", async () => {
  const { ws } = await opened();
  const ids = ["i2", "gone", "i0", "i2", "i1", "i3"];
  const rows = await ws.getMany(ids, { entity: Item });
  const empty = { object_id: "i3", name: "n3", title: "", first: null, price: null, second: vector(3), tags: null };
  assert.deepEqual(rows, [row(2), null, row(0), row(2), row(1), empty]);
  assert.deepEqual(await ws.getMany(["gone", "lost"], { entity: Item }), [null, null]);
  assert.deepEqual(await ws.getMany(["i1", "i0"], { entity: Item }), [row(1), row(0)]);
  await ws.upsert(Item, { ...row(2), first: vector(50) });
  assert.deepEqual(/** @type {any} */ (rows[0]).first, vector(2));
  assert.equal(/** @type {any} */ (rows[0]).first.buffer, /** @type {any} */ (rows[2]).first.buffer);
  await ws.close();
});
