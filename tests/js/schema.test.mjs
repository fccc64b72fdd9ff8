// SPDX-License-Identifier: MIT
// Schemas over time: conflicts with a plan, altering with the rows kept, definitions that come back on reopening.
import assert from "node:assert/strict";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after } from "node:test";
import { ArrayOf, Categorical, HeavenBase, Integer, Json, LongText, ShortText, Vector, entity, field } from "heavenbase";

const folder = fs.mkdtempSync(join(tmpdir(), "hb-schema-"));
after(() => fs.rmSync(folder, { recursive: true, force: true }));
const Note = entity("Note", { title: field(ShortText), n: field(Integer) });
const Wider = entity("Note", { title: field(ShortText), n: field(Integer), body: field(LongText), tags: field(ArrayOf(ShortText)).default(["new"]),
  level: field(Integer).required().default(3), emb: field(Vector(2)) });
const Other = entity("Note", { title: field(Integer), extra: field(ShortText).required() });
const on = (database) => ({ backends: { main: { type: "sqlite", database: join(folder, database) } } });

test("another structure is refused with a plan that says what differs", async () => {
  const ws = await HeavenBase.open("schema-tests");
  await ws.register(Note);
  await ws.upsert(Note, { object_id: "a", title: "x" });
  const error = await ws.register(Other).then(() => null, (failure) => failure);
  assert.equal(error.code, "SCHEMA_CONFLICT");
  assert.match(error.message, /added extra; removed n; changed title \(type\)/);
  assert.equal(error.plan.ok, false);
  assert.deepEqual(error.plan.removed, ["n"]);
  assert.deepEqual(error.plan.changed.map(({ field: name, what }) => [name, what]), [["title", ["type"]]]);
  assert.deepEqual(error.plan.refused.length, 2);
  assert.deepEqual(await ws.planAlter(Other), error.plan);
  await assert.rejects(ws.alterEntity(Other, { confirm: "note" }), (failure) => failure.code === "SCHEMA_CONFLICT" && failure.plan.refused.length === 2);
  const { ok, added } = await ws.planAlter(Wider);
  assert.equal(ok, true);
  assert.deepEqual(added.map((one) => one.field), ["body", "tags", "level", "emb"]);
  assert.equal((await ws.get("a", { entity: Note })).title, "x");
  await ws.close();
});

test("altering keeps the rows, fills defaults and gives the new entity", async () => {
  const ws = await HeavenBase.open("schema-tests");
  await ws.register(Note);
  await ws.upsertMany(Note, [{ object_id: "a", title: "x", n: 1 }, { object_id: "b", n: 2 }]);
  await assert.rejects(ws.alterEntity(Wider), { code: "VALIDATION" });
  await assert.rejects(ws.alterEntity(Wider, { confirm: "Note" }), { code: "VALIDATION" });
  await assert.rejects(ws.alterEntity("note", { confirm: "note" }), { code: "TYPE" });
  assert.equal(await ws.alterEntity(Wider, { confirm: "note" }), Wider);
  assert.deepEqual(await ws.rows(Wider), [
    { object_id: "a", name: null, title: "x", n: 1, body: null, tags: ["new"], level: 3, emb: null },
    { object_id: "b", name: null, title: null, n: 2, body: null, tags: ["new"], level: 3, emb: null },
  ].map((row) => ({ ...row })));
  await ws.set("a", { emb: [1, 0], body: "agents" }, { entity: Wider });
  assert.deepEqual((await ws.query(Wider).near(Wider.emb, [1, 0], { topK: 2 }).execute()).ids, ["a"]);
  assert.deepEqual((await ws.query(Wider).where(Wider.tags.arrayContains("new")).execute()).ids, ["a", "b"]);
  assert.equal((await ws.audit()).catalog.ok, true);
  assert.equal(await ws.register(Wider), Wider);
  await ws.close();
});

test("fields are renamed, retyped, moved and dropped, and the plan says so", async () => {
  const ws = await HeavenBase.open("schema-tests");
  await ws.register(Note);
  await ws.upsertMany(Note, [{ object_id: "a", title: "7", n: 1 }, { object_id: "b", n: 2 }]);
  const Told = entity("Note", { count: field(Integer).store({ to: "search" }), n: field(ShortText).required() });
  const moves = { rename: { title: "count" } };
  const plan = await ws.planAlter(Told, moves);
  assert.deepEqual([plan.ok, plan.rows, plan.renamed, plan.refused], [true, 2, [{ from: "title", to: "count" }], []]);
  assert.deepEqual(plan.backends, [{ backend: "main", action: "rebuild" }, { backend: "search", action: "make" }]);
  assert.deepEqual(plan.moved, [{ field: "count", from: [{ backend: "main", strategy: "inline" }], to: [{ backend: "search", strategy: "inline" }] }]);
  await ws.alterEntity(Told, { confirm: "note", ...moves });
  assert.deepEqual((await ws.rows(Told)).map(({ count, n }) => [count, n]), [[7, "1"], [null, "2"]]);
  const Strict = entity("Note", { count: field(Integer).required().store({ to: "search" }), n: field(ShortText) });
  const refused = await ws.planAlter(Strict);
  assert.deepEqual([refused.ok, refused.refused.length], [false, 1]);
  await assert.rejects(ws.alterEntity(Strict, { confirm: "note" }), { code: "VALIDATION", field: "count", entity: "note" });
  const Less = entity("Note", { count: field(Integer).store({ to: "search" }) });
  await assert.rejects(ws.alterEntity(Less, { confirm: "note" }), { code: "SCHEMA_CONFLICT", field: "n" });
  await ws.alterEntity(Less, { confirm: "note", drop: ["n"] });
  assert.deepEqual(await ws.rows(Less), [{ object_id: "a", name: null, count: 7 }, { object_id: "b", name: null, count: null }]);
  await assert.rejects(ws.alterEntity(Less, { confirm: "note", rename: ["count"] }), { code: "TYPE" });
  assert.equal((await ws.audit()).ok, true);
  await ws.close();
});

test("definitions come back on reopening, usable without registering", async () => {
  const ws = await HeavenBase.open("restored", on("restored.db"));
  await ws.register(Note);
  await ws.upsert(Note, { object_id: "a", title: "x", n: 1 });
  await ws.alterEntity(Wider, { confirm: "note" });
  await ws.close();
  const again = await HeavenBase.open("restored", on("restored.db"));
  const restored = again.entity("note");
  assert.equal(restored, again.entities.note);
  assert.equal(restored.entityName, "Note");
  assert.deepEqual((await again.query(restored).where(restored.level.eq(3)).execute()).ids, ["a"]);
  await assert.rejects(again.register(Note), { code: "SCHEMA_CONFLICT" });
  assert.equal(await again.register(Wider), Wider);
  assert.equal(again.entity("note"), Wider);
  assert.throws(() => again.entity("nope"), { code: "UNKNOWN_ENTITY" });
  await again.close();
});

test("two workspaces in one file see only their own", async () => {
  const one = await HeavenBase.open("one", on("shared.db"));
  await one.register(Note);
  await one.upsert(Note, { object_id: "a", title: "of one" });
  await one.close();
  const two = await HeavenBase.open("two", on("shared.db"));
  assert.deepEqual(await two.listEntities(), []);
  await two.register(Wider);
  await two.upsertMany(Wider, [{ object_id: "a", title: "of two" }, { object_id: "b" }]);
  const { objects, catalog_rows: rows, entities } = (await two.audit()).catalog.checked;
  assert.deepEqual({ objects, rows, entities }, { objects: 2, rows: 2, entities: 1 });
  await two.close();
  const back = await HeavenBase.open("one", on("shared.db"));
  assert.deepEqual((await back.rows("note")).map((row) => row.title), ["of one"]);
  assert.equal((await back.audit()).catalog.ok, true);
  await back.drop();
  await back.close();
  const left = await HeavenBase.open("two", on("shared.db"));
  assert.deepEqual((await left.rows("note")).map((row) => row.title), ["of two", null]);
  assert.equal((await left.audit()).catalog.ok, true);
  await left.close();
  const empty = await HeavenBase.open("one", on("shared.db"));
  assert.deepEqual(await empty.listEntities(), []);
  assert.equal((await empty.audit()).catalog.ok, true);
  await empty.close();
});

test("definitions give integers beyond 2^53 back as they were declared", async () => {
  const big = 2n ** 53n + 1n;
  const Big = entity("Big", { n: field(Integer).default(big).example(-big), c: field(Categorical([1, 2])).default(2), list: field(ArrayOf(Integer)).default([1, big]),
    j: field(Json).default({ deep: [{ n: -big }], text: String(big) }), f: field(Integer).default(7) });
  let ws = await HeavenBase.open("schema-tests", on("big.db"));
  await ws.register(Big);
  const check = async () => {
    const { n, c, list, j, f } = (await ws.schema("big")).fields;
    assert.deepEqual([n.default, n.examples, c.default, list.default, j.default, f.default],
      [big, [-big], 2, [1, big], { deep: [{ n: -big }], text: String(big) }, 7]);
  };
  await check();
  assert.equal((await ws.describe("big", { desc: "large numbers" })).entityId, "big");
  await check();
  await ws.refresh();
  await ws.close();
  ws = await HeavenBase.open("schema-tests", on("big.db"));
  await check();
  const restored = await ws.entity("big");
  assert.equal(restored.toDefinition().fields.n.default, big);
  const other = await HeavenBase.open("schema-tests");
  const again = await other.register(entity("Big", Big.toDefinition().fields, { desc: "x" }));
  assert.equal((await other.schema(again)).fields.n.default, big);
  const id = await other.upsert(again, { object_id: "a" });
  assert.deepEqual((await other.get(id, { entity: again })).list, [1, big]);
  await other.close();
  await ws.register(Big);
  await ws.close();
});
