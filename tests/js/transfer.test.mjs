// SPDX-License-Identifier: MIT
// A workspace as one file: out of one set of backends, into another, whole or not at all.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Array as ArrayOf, Catalog, HeavenBase, Integer, Json, LongText, ShortText, Timestamp, Vector, entity, field } from "../../js/entry/node.js";

const Doc = entity("Doc", { name: field(ShortText), body: field(LongText), n: field(Integer), at: field(Timestamp), tags: field(ArrayOf(ShortText)),
  v: field(Vector(4)), j: field(Json) });
const Longnamedentityforhashes = entity("Longnamedentityforhashes", { name: field(ShortText).required() });

const rows = Array.from({ length: 700 }, (_, i) => ({ name: `row ${i}`, body: `body ${i} `.repeat(i % 40), n: i % 3 === 0 ? null : 9007199254740993n + BigInt(i),
  at: i * 1000, tags: [`t${i % 5}`, "é"], v: [i, 1, 0, -1], j: i % 7 === 0 ? "text" : { i, deep: [null, { x: 1.5 }] } }));

/** @param {string} id @param {any} options */
async function filled(id, options) {
  const ws = await HeavenBase.open(id, options);
  await ws.register(Doc);
  await ws.register(Longnamedentityforhashes);
  await ws.upsertMany(Doc, rows);
  await ws.upsert(Longnamedentityforhashes, { name: "a name that makes the Catalog's id too long for plain text" });
  return ws;
}

/** @param {any} ws */
const contents = async (ws) => ({ docs: await ws.rows("doc"), longs: await ws.rows("longnamedentityforhashes"),
  created: (await ws.rows(Catalog)).map((/** @type {any} */ row) => [row.target_entity, row.target_id, row.name, row.created_at]).sort() });

test("an export opens in other backends under another id, Catalog and all", async () => {
  const ws = await filled("one", { preset: "debug" });
  const before = await contents(ws);
  /** @type {any[]} */
  const steps = [];
  const file = await ws.export({ onProgress: (step) => steps.push(step) });
  assert.ok(steps.length > 2 && steps.at(-1).rows === 2 * 701 && steps.at(-1).bytes < file.length);
  for (const options of [{ preset: "debug" }, { backends: { main: { type: "inmem" } } }, { backends: { main: { type: "sqlite" } } }]) {
    const other = await HeavenBase.import(file, { id: "two", ...options });
    assert.deepEqual(await contents(other), before, JSON.stringify(options));
    assert.equal((await other.audit()).catalog.ok, true);
    assert.equal((await other.rows(Catalog))[0].ws, "two");
    assert.deepEqual(await other.listEntities(), ["doc", "longnamedentityforhashes"]);
    const near = await other.query("doc").near("v", [700, 1, 0, -1], { topK: 1, metric: "l2" }).execute();
    assert.equal(near.rows()[0].name, "row 699");
    await other.close();
  }
  const same = await HeavenBase.import(new Blob([file]));
  assert.equal(same.id, "one");
  assert.equal(same.preset, "debug");
  await Promise.all([ws.close(), same.close()]);
});

test("a stream carries it too, in both directions", async () => {
  const ws = await filled("one", { backends: { main: { type: "inmem" } }, catalog: false });
  const { readable, writable } = new TransformStream();
  const [other] = await Promise.all([HeavenBase.import(readable, { backends: { main: { type: "sqlite" } }, catalog: false }), ws.exportTo(writable)]);
  assert.equal(await other.count(Doc), 700);
  await Promise.all([ws.close(), other.close()]);
});

test("a file without a Catalog fills one, a Catalog is left out where none is kept", async () => {
  const bare = await filled("one", { backends: { main: { type: "inmem" } }, catalog: false });
  const withOne = await HeavenBase.import(await bare.export(), { preset: "debug" });
  assert.equal(await withOne.count(Catalog), 701);
  assert.equal((await withOne.audit()).catalog.ok, true);
  const without = await HeavenBase.import(await withOne.export(), { backends: { main: { type: "inmem" } }, catalog: false });
  assert.equal(await without.count(Doc), 700);
  await Promise.all([bare.close(), withOne.close(), without.close()]);
});

test("a damaged file is refused before anything is written, whatever the damage", async () => {
  const ws = await filled("one", { preset: "debug" });
  const file = await ws.export();
  const into = await HeavenBase.open("two", { preset: "debug" });
  const cuts = [0, 7, 16, 40, file.length >> 1, file.length - 8];
  const damaged = cuts.map((length) => file.slice(0, length));
  for (const at of [0, 9, 17, 24, 30, file.length >> 2, file.length - 12]) {
    const copy = file.slice();
    copy[at] ^= 1;
    damaged.push(copy);
  }
  damaged.push(Uint8Array.from([...file, 0, 0, 0, 0, 0, 0, 0, 0]));
  for (const bytes of damaged) {
    await assert.rejects(into.import(bytes), { code: "CORRUPT" });
    assert.deepEqual(await into.listEntities(), []);
  }
  await assert.rejects(HeavenBase.import(file.slice(0, 50)), { code: "CORRUPT" });
  await assert.rejects(into.import(/** @type {any} */ ("text")), { code: "TYPE" });
  await Promise.all([ws.close(), into.close()]);
});

test("rows that are there are not overwritten unasked, nor a structure changed", async () => {
  const ws = await filled("one", { preset: "debug" });
  const file = await ws.export();
  await assert.rejects(ws.import(file), { code: "DUPLICATE", entity: "doc" });
  await ws.upsert(Doc, { ...rows[0], body: "changed" });
  assert.deepEqual(await ws.import(file, { overwrite: true }), { entities: ["doc", "longnamedentityforhashes"], rows: 1402 });
  assert.equal((await ws.query(Doc).where(Doc.body.eq("changed")).execute()).length, 0);
  assert.equal((await ws.audit()).catalog.ok, true);
  const other = await HeavenBase.open("two", { preset: "debug" });
  await other.register(entity("Doc", { name: field(ShortText) }));
  await assert.rejects(other.import(file), { code: "SCHEMA_CONFLICT", entity: "doc" });
  await Promise.all([ws.close(), other.close()]);
});

test("both directions stop when they are told to", async () => {
  const ws = await filled("one", { preset: "debug" });
  const abort = new AbortController();
  await assert.rejects(ws.export({ signal: abort.signal, onProgress: () => abort.abort() }), { code: "CANCELLED" });
  const file = await ws.export();
  const into = await HeavenBase.open("two", { preset: "debug" });
  const stop = new AbortController();
  await assert.rejects(into.import(file, { signal: stop.signal, onProgress: () => stop.abort() }), { code: "CANCELLED" });
  assert.equal((await into.import(file, { overwrite: true })).rows, 1402);
  await Promise.all([ws.close(), into.close()]);
});
