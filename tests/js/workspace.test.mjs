// SPDX-License-Identifier: MIT
// The workspace on the real module: rows in and out, ids, queries, errors, order of calls, abort.
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import {
  ArrayOf, Artifact, Boolean, Catalog, Categorical, Date as DateType, Duration, Float, HeavenBase, HyperG, Integer, Json, LongText, MetaSchema,
  ShortText, Timestamp, Vector, VectorIndex, InlineColumn, and, entity, field, not,
} from "heavenbase";

const Item = entity("Item", {
  title: field(ShortText), body: field(LongText), n: field(Integer), x: field(Float), ok: field(Boolean), state: field(Categorical(["open", "done"])),
  at: field(Timestamp), day: field(DateType), took: field(Duration), tags: field(ArrayOf(ShortText)), emb: field(Vector(2)), j: field(Json),
  slots: field(HyperG(["slot", "value"])), file: field(Artifact),
});
const full = {
  object_id: "full", name: "Full", title: "Title é😀", body: "some words", n: 5, x: 1.5, ok: true, state: "open", at: 1700000000000, day: "2026-11-21",
  took: 60, tags: ["a", "b"], emb: new Float32Array([1, 0]), j: { deep: [1, null, { a: "b" }] }, slots: [{ slot: "k", value: "v" }], file: new Uint8Array([1, 2, 3]),
};
const open = async (options = {}) => {
  const ws = await HeavenBase.open("js-tests", options);
  await ws.register(Item);
  return ws;
};
let ws;
before(async () => { ws = await open(); });
after(() => ws?.close());

test("a row comes back as it was written, object_id first, in declaration order", async () => {
  assert.equal(await ws.upsert(Item, full), "full");
  const row = await ws.get("full", { entity: Item });
  assert.deepEqual(row, full);
  assert.equal(Object.keys(row)[0], "object_id");
  assert.deepEqual((await ws.query(Item).where(Item.object_id.eq("full")).execute()).rows().map((one) => ({ ...one })), [row]);
});

const stored = [
  ["a bigint that is safe", "n", 7n, 7], ["a bigint beyond 2^53", "n", 2n ** 60n, 2n ** 60n], ["the least int64", "n", -(2n ** 63n), -(2n ** 63n)],
  ["an integer as text", "n", "12", 12], ["an integer in a float field", "x", 3, 3], ["a Date in a Timestamp", "at", new Date(86400000), 86400000],
  ["a Date in a Date", "day", new Date(86400000), "1970-01-02"], ["a Set in an Array", "tags", new Set(["x"]), ["x"]],
  ["numbers in a Vector", "emb", [0.5, 0.25], new Float32Array([0.5, 0.25])], ["a Float64Array in a Vector", "emb", new Float64Array([1, 2]), new Float32Array([1, 2])],
  ["an ArrayBuffer in an Artifact", "file", new Uint8Array([9]).buffer, new Uint8Array([9])], ["a text in an Artifact", "file", "hi", new Uint8Array([104, 105])],
  ["a text in a Json field", "j", "plain text", "plain text"], ["a Map in a Json field", "j", new Map([["a", 1]]), { a: 1 }], ["false", "ok", false, false],
  ["a number in a text", "title", 42, "42"], ["undefined", "n", undefined, null], ["null", "title", null, null], ["an empty text", "title", "", ""],
];
for (const [name, key, given, want] of stored) {
  test(`stored: ${name}`, async () => {
    const id = await ws.upsert(Item, { object_id: "one", [key]: given });
    assert.deepEqual((await ws.get(id, { entity: "item" }))[key], want);
  });
}

const refused = [
  ["a bigint beyond 64 bits", { n: 2n ** 63n }, { code: "VALIDATION", entity: "item", field: "n" }],
  ["a fraction in words", { n: "x" }, { code: "VALIDATION", entity: "item", field: "n" }],
  ["a vector of another length", { emb: [1, 2, 3] }, { code: "VALIDATION", entity: "item", field: "emb" }],
  ["a vector with NaN", { emb: [NaN, 1] }, { code: "VALIDATION", entity: "item", field: "emb" }],
  ["an infinite number", { x: Infinity }, { code: "VALIDATION", entity: "item", field: "x" }],
  ["an unknown field", { titel: "x" }, { code: "UNKNOWN_FIELD", entity: "item" }],
  ["a function", { j: () => 1 }, { code: "TYPE", entity: "item", field: "j" }],
  ["a category that is none", { state: "lost" }, { code: "VALIDATION", entity: "item", field: "state" }],
  ["a lone surrogate", { title: "\ud800" }, { code: "VALIDATION", entity: "item", field: "title" }],
  ["a list for a text", { title: ["a"] }, { entity: "item", field: "title" }],
];
for (const [name, values, want] of refused) {
  test(`refused, and nothing is written: ${name}`, async () => {
    await assert.rejects(ws.upsertMany(Item, [{ object_id: "good" }, { object_id: "bad", ...values }]), { name: "HeavenBaseError", ...want });
    assert.deepEqual(await ws.existsMany(["good", "bad"], { entity: Item }), [false, false]);
  });
}

for (const [name, row] of [["null", null], ["a list", []], ["a text", "x"], ["a Date", new Date()], ["a Map", new Map()], ["bytes", new Uint8Array(1)]]) {
  test(`${name} is no row`, () => assert.rejects(ws.upsert(Item, row), { code: "TYPE", entity: "item" }));
}

test("unknown: \"drop\" leaves unknown keys out, whatever they hold", async () => {
  await ws.upsert(Item, { object_id: "dropped", title: "t", zzz: () => 1 }, { unknown: "drop" });
  assert.equal((await ws.get("dropped", { entity: Item })).title, "t");
});

test("rows of one batch may have different keys", async () => {
  const ids = await ws.upsertMany(Item, [{ object_id: "m1", title: "a" }, { object_id: "m2", n: 1 }, { object_id: "m3", title: "c", n: 3 }]);
  assert.deepEqual(ids, ["m1", "m2", "m3"]);
  const rows = await ws.getMany(["m3", "nope", "m1", "m2", "m3"], { entity: Item });
  assert.deepEqual(rows.map((row) => row && [row.title, row.n]), [["c", 3], null, ["a", null], [null, 1], ["c", 3]]);
});

test("an id follows from the name", async () => {
  const Note = entity("NamedNote", { title: field(ShortText) });
  await ws.register(Note);
  assert.equal(await ws.upsert(Note, { name: "名前", title: "x" }), "000215432076023800242434414402443066458152");
});

test("set merges, upsert replaces", async () => {
  await ws.upsert(Item, { object_id: "s", title: "a", n: 1 });
  assert.equal(await ws.set("s", { n: 2 }, { entity: Item }), "s");
  assert.deepEqual([(await ws.get("s", { entity: Item })).title, (await ws.get("s", { entity: Item })).n], ["a", 2]);
  await ws.set({ object_id: "s", title: "b" });
  assert.equal((await ws.get("s", { entity: Item })).title, "b");
  assert.deepEqual(await ws.setMany([{ object_id: "s", n: 5 }, { object_id: "s2", n: 6 }], { entity: Item }), ["s", "s2"]);
  await ws.upsert(Item, { object_id: "s", n: 9 });
  assert.equal((await ws.get("s", { entity: Item })).title, null);
});

const calls = [
  ["overwrite: false on a row that exists", () => ws.upsert(Item, { object_id: "full" }, { overwrite: false }), "DUPLICATE"],
  ["overwrite: false on a patch of a row that exists", () => ws.set("full", { n: 1 }, { entity: Item, overwrite: false }), "DUPLICATE"],
  ["one id twice in a batch", () => ws.upsertMany(Item, [{ object_id: "d" }, { object_id: "d" }]), "DUPLICATE"],
  ["a row without id and name", () => ws.upsert(Item, { title: "x" }), "INVALID_ID"],
  ["a patch without id", () => ws.set({ n: 1 }, { entity: Item }), "INVALID_ID"],
  ["a patch of an unknown row without entity", () => ws.set("nowhere", { n: 1 }), "TYPE"],
  ["get of nothing", () => ws.get("", { entity: Item }), "INVALID_ID"],
  ["get of a mapping", () => ws.get({}, { entity: Item }), "TYPE"],
  ["ids that are no list", () => ws.getMany(5, { entity: Item }), "TYPE"],
  ["rows that are no list", () => ws.upsertMany(Item, { object_id: "x" }), "TYPE"],
  ["an entity by its class name", () => ws.get("x", { entity: "Item" }), "UNKNOWN_ENTITY"],
  ["an entity that is not registered", () => ws.upsert(entity("Stranger", {}), { name: "x" }), "UNKNOWN_ENTITY"],
  ["no entity at all", () => ws.count(undefined), "TYPE"],
  ["an unknown option", () => ws.get("x", { entitiy: Item }), "TYPE"],
  ["options that are no mapping", () => ws.upsert(Item, {}, "overwrite"), "TYPE"],
  ["an unknown backend", () => ws.refresh({ backend: "zz" }), "UNKNOWN_BACKEND"],
  ["a definition that is none", () => ws.register(5), "TYPE"],
  ["a definition with an unknown type", () => ws.register({ name: "Bad", fields: { a: "Number" } }), "SCHEMA"],
  ["another structure under the same id", () => ws.register(entity("Item", { title: field(Integer) })), "SCHEMA_CONFLICT"],
  ["a system entity", () => ws.register(Catalog), "SCHEMA_CONFLICT"],
  ["a backend that does not exist", () => ws.register(entity("Lost", { a: field(ShortText).store({ to: "nope" }) })), "ROUTING"],
  ["an unknown operator", () => ws.queryJson(Item, { filter: { n: { $nope: 1 } } }).execute(), "UNSUPPORTED"],
  ["an unknown column in select", () => ws.query(Item).select("zzz").execute(), "QUERY"],
  ["an unknown field in where", () => ws.query(Item).where({ zzz: 1 }).execute(), "UNKNOWN_FIELD"],
  ["an unknown metric", () => ws.query(Item).near("emb", [1, 0], { metric: "bogus" }).execute(), "QUERY"],
  ["too large a topK", () => ws.query(Item).near("emb", [1, 0], { topK: 1001 }).execute(), "LIMIT"],
  ["an empty $or", () => ws.queryJson(Item, { filter: { $or: [] } }).execute(), "QUERY"],
  ["a spec that is none", () => Promise.resolve().then(() => ws.queryJson(Item, [])), "TYPE"],
  ["an unknown preset", () => HeavenBase.open("x", { preset: "zzz" }), "UNKNOWN_PRESET"],
  ["a bad workspace id", () => HeavenBase.open("Bad Id"), "INVALID_ID"],
  ["no workspace id", () => HeavenBase.open(), "INVALID_ID"],
  ["an unknown type of backend", () => HeavenBase.open("x", { backends: { main: { type: "zzz" } } }), "UNKNOWN_BACKEND"],
  ["a backend that is no mapping", () => HeavenBase.open("x", { backends: { main: "inmem" } }), "TYPE"],
  ["an unknown option of open", () => HeavenBase.open("x", { presett: "debug" }), "TYPE"],
  ["persist: \"idb\" in Node", () => HeavenBase.open("x", { persist: "idb" }), "HOST"],
];
for (const [name, work, code] of calls) test(`typed error: ${name}`, () => assert.rejects(work(), { name: "HeavenBaseError", code }));

test("exists, delete and their lists", async () => {
  await ws.upsertMany(Item, [{ object_id: "e1" }, { object_id: "e2" }]);
  assert.deepEqual([await ws.exists("e1", { entity: Item }), await ws.exists("e1"), await ws.exists("e9")], [true, true, false]);
  assert.deepEqual(await ws.existsMany(["e1", "e9", "e1"], { entity: Item }), [true, false, true]);
  assert.equal(await ws.delete("e1", { entity: Item }), true);
  assert.equal(await ws.delete("e1", { entity: Item }), false);
  assert.deepEqual(await ws.deleteMany(["e2", "e9"], { entity: Item }), [true, false]);
  assert.equal(await ws.get("e2", { entity: Item }), null);
});

test("an id may be a number", async () => {
  assert.equal(await ws.upsert(Item, { object_id: 5, title: "five" }), "5");
  assert.equal((await ws.get(5, { entity: Item })).title, "five");
});

test("an id that two entities hold is ambiguous without its entity", async () => {
  const Twin = entity("Twin", { t: field(ShortText) });
  await ws.register(Twin);
  await ws.upsert(Item, { object_id: "twin" });
  await ws.upsert(Twin, { object_id: "twin", t: "x" });
  await assert.rejects(ws.get("twin"), { code: "AMBIGUOUS" });
  await assert.rejects(ws.exists("twin"), { code: "AMBIGUOUS" });
  assert.notEqual(await ws.get("twin", { unique: false }), null);
  assert.equal((await ws.get("twin", { entity: Twin })).t, "x");
});

test("queries filter, rank, order and page", async () => {
  const one = await open();
  await one.upsertMany(Item, [
    { object_id: "a", title: "Agent routing", body: "agents route rows", n: 3, emb: [1, 0] }, { object_id: "b", title: "agent ROUTING two", n: 1, emb: [0, 1] },
    { object_id: "c", title: "Zeta", body: "nothing here", n: 2, emb: [1, 1] }, { object_id: "d" }]);
  const ids = async (query) => (await query.execute()).ids;
  assert.deepEqual(await ids(one.query(Item).where(Item.title.match("agent"))), ["a", "b"]);
  assert.deepEqual(await ids(one.query(Item).where(Item.n.ne(1))), ["a", "c", "d"]);
  assert.deepEqual(await ids(one.query(Item).where(not(Item.n.gt(1)))), ["b", "d"]);
  assert.deepEqual(await ids(one.query(Item).where(and(Item.n.in([1, 3]), Item.title.isNotNull()))), ["a", "b"]);
  assert.deepEqual(await ids(one.query(Item).orderBy(Item.n, "desc")), ["a", "c", "b", "d"]);
  assert.deepEqual(await ids(one.query(Item).orderBy("n").limit(2).offset(1)), ["c", "a"]);
  const near = await one.query(Item).near(Item.emb, [1, 0], { topK: 2 }).select("title", "score").execute();
  assert.deepEqual(near.colNames(), ["object_id", "title", "score"]);
  assert.deepEqual([near.ids, near.rows()[0].score, near.metadataColumns], [["a", "c"], 1, ["score"]]);
  assert.deepEqual(await ids(one.query(Item).search(Item.body, "route")), ["a"]);
  assert.equal(await one.query(Item).count().scalar(), 4);
  assert.equal(await one.query(Item).count(Item.n).scalar(), 3);
  assert.equal(await one.count(Item), 4);
  assert.deepEqual(await one.ids(Item), ["a", "b", "c", "d"]);
  assert.deepEqual((await one.rows(Item)).map((row) => row.n), [3, 1, 2, null]);
  assert.equal((await one.query(Item).where(Item.n.eq(2)).first()).title, "Zeta");
  assert.equal(await one.query(Item).where(Item.n.eq(99)).first(), null);
  assert.deepEqual((await one.queryJson("item", { filter: { n: { $param: 0 } } }, { params: [2] }).execute()).ids, ["c"]);
  await one.close();
});

test("a prepared query runs again with other operands", async () => {
  const one = await open();
  await one.upsertMany(Item, [{ object_id: "a", n: 1 }, { object_id: "b", n: 2 }]);
  const prepared = await one.query(Item).where(Item.n.eq(1)).prepare();
  assert.deepEqual((await prepared.execute()).ids, ["a"]);
  assert.deepEqual((await prepared.execute({ params: [2] })).ids, ["b"]);
  await prepared.release();
  await assert.rejects(prepared.execute(), { code: "QUERY" });
  await one.close();
});

test("a frame is columns, rows and a table", async () => {
  const one = await open();
  await one.upsertMany(Item, Array.from({ length: 25 }, (_, i) => ({ object_id: `r${String(i).padStart(2, "0")}`, title: `t${i}`, n: i, x: i / 2 })));
  const frame = await one.query(Item).select("title", "n", "x").orderBy("n").execute();
  assert.deepEqual([frame.length, frame.colNames()], [25, ["object_id", "title", "n", "x"]]);
  assert.deepEqual(frame.column("n").slice(0, 3), new Float64Array([0, 1, 2]));
  assert.deepEqual(frame.column("x").slice(0, 2), new Float64Array([0, 0.5]));
  assert.deepEqual(Object.keys(frame.columns), frame.colNames());
  assert.deepEqual([...frame].at(-1), { object_id: "r24", title: "t24", n: 24, x: 12 });
  assert.deepEqual(frame.project(["n"]).colNames(), ["object_id", "n"]);
  assert.deepEqual(frame.limit(2, 1).ids, ["r01", "r02"]);
  assert.deepEqual(frame.filterIds(["r05", "r03", "zz"]).rows().map((row) => row.n), [3, 5]);
  assert.equal(frame.limit(1).truncated, true);
  assert.deepEqual(frame.limit(1).toDict().columns, { object_id: ["r00"], title: ["t0"], n: [0], x: [0] });
  assert.match(String(frame), /^object_id \| title \| n +\| x\n-+/);
  assert.match(String(frame), /\(5 more\)$/);
  assert.throws(() => frame.scalar(), { code: "QUERY" });
  assert.throws(() => frame.column("zzz"), { code: "QUERY" });
  const empty = await one.query(Item).where(Item.n.gt(99)).execute();
  assert.deepEqual([empty.length, empty.ids, empty.rows(), String(empty)], [0, [], [], "Frame<empty>"]);
  await one.close();
});

test("explain is plain data that draws itself as a tree", async () => {
  const plan = await ws.query(Item).where(Item.title.match("agent")).near(Item.emb, [1, 0]).explain();
  assert.equal(plan.workspace, "js-tests");
  assert.ok(plan.steps.some((step) => step.node === "filter" && step.field === "title"));
  assert.ok(plan.steps.some((step) => step.node === "near" && step.backend === "vec"));
  assert.equal(Object.keys(plan).includes("toString"), false);
  assert.match(String(plan), /─ near emb @vec/);
  assert.match(String(plan), /where title match "agent"/);
});

test("MetaSchema and Catalog are entities like any other", async () => {
  const one = await open();
  const storage = await one.query(MetaSchema).where(and(MetaSchema.kind.eq("storage"), MetaSchema.subject_id.eq("item"))).select("field", "backend").execute();
  assert.ok(storage.rows().some((row) => row.field === "emb" && row.backend === "vec"));
  await one.upsert(Item, { object_id: "c", name: "Listed" });
  const listed = await one.query(Catalog).where(Catalog.target_id.eq("c")).execute();
  assert.deepEqual(listed.rows().map((row) => [row.name, row.target_entity]), [["Listed", "item"]]);
  assert.equal((await one.audit()).catalog.ok, true);
  assert.equal((await one.repair({ dryRun: true })).catalog.dry_run, true);
  assert.deepEqual(Object.keys(one.entities), ["sys-catalog", "sys-metaschema", "item"]);
  assert.equal(one.entities.item, Item);
  await one.close();
});

test("a workspace knows its backends, and redacts nothing that is no secret", async () => {
  assert.deepEqual([ws.id, ws.preset, ws.backends.names(), ws.persistence], ["js-tests", "debug", ["main", "vec", "search"], "memory"]);
  assert.deepEqual([ws.backends.get("main").type, ws.backends.get("main").options.database], ["sqlite", ":memory:"]);
  assert.throws(() => ws.backends.get("zz"), { code: "UNKNOWN_BACKEND" });
  assert.deepEqual(ws.backends.items().map(([name]) => name), ["main", "vec", "search"]);
});

test("capabilities answer for what is built in and for what is configured", async () => {
  assert.equal(await HeavenBase.capabilities.supports(Vector, "near", "inmem", VectorIndex), true);
  assert.equal(await HeavenBase.capabilities.supports(Vector, "match", "inmem", VectorIndex), false);
  assert.ok((await HeavenBase.capabilities.ops(ShortText, InlineColumn, { backend: "sqlite" })).some(({ op }) => op === "starts_with"));
  assert.deepEqual((await ws.capabilities.strategies(Vector, { op: "near" })).map((one) => one.identifier), ["vector"]);
  assert.ok((await ws.capabilities.backends(Vector, VectorIndex)).some((one) => one.name === "vec"));
  assert.equal((await ws.capabilities.logicalTypes()).length, 16);
  assert.ok((await ws.capabilities.rows({ dtype: Vector, op: "near" })).length > 0);
  await assert.rejects(ws.capabilities.ops("nonsense"), { code: "QUERY" });
});

test("a portable definition registers as an entity with references", async () => {
  const one = await HeavenBase.open("definitions");
  const Made = await one.register({ name: "Made", fields: { title: "ShortText", price: { type: "float", default: 1.5 } } });
  assert.equal(Made.entityId, "made");
  await one.upsert("made", { object_id: "a", title: "x" });
  assert.deepEqual((await one.query(Made).where(Made.title.eq("x")).select("price").execute()).rows(), [{ object_id: "a", price: 1.5 }]);
  assert.deepEqual(await one.listEntities(), ["made"]);
  assert.equal((await one.schema(Made)).fields.price.default, 1.5);
  assert.equal(await one.register("made"), Made);
  await one.close();
});

test("calls keep their order: a read sees the writes before it, and not those behind", async () => {
  const one = await open();
  const seen = await Promise.all([one.upsert(Item, { object_id: "o", n: 1 }), one.get("o", { entity: Item }), one.set("o", { n: 2 }, { entity: Item }),
    one.get("o", { entity: Item }), one.delete("o", { entity: Item }), one.get("o", { entity: Item })]);
  assert.deepEqual(seen.map((value) => value?.n ?? value), ["o", 1, "o", 2, true, null]);
  await one.close();
});

test("an aborted signal keeps a call from starting", async () => {
  const signal = AbortSignal.abort(new Error("no more"));
  await assert.rejects(ws.upsert(Item, { object_id: "never" }, { signal }), (error) => error.code === "CANCELLED" && error.cause.message === "no more");
  assert.equal(await ws.exists("never", { entity: Item }), false);
  await assert.rejects(HeavenBase.open("x", { signal }), { code: "CANCELLED" });
});

test("a time limit that is none, and a signal that is none, are refused at once", async () => {
  const one = await open();
  for (const timeoutMs of ["5", -1, NaN, null]) await assert.rejects(one.count("item", { timeoutMs }), { code: "TYPE", message: /timeoutMs/ });
  for (const signal of [4, "abort", {}]) await assert.rejects(one.count("item", { signal }), { code: "TYPE", message: /AbortSignal/ });
  assert.equal(await one.count("item", { timeoutMs: Infinity, signal: new AbortController().signal }), 0);
  await one.close();
});

test("after close, and after drop, calls say so", async () => {
  const one = await open();
  await one.drop();
  await assert.rejects(one.upsert("item", {}), { code: /CLOSED|UNKNOWN_ENTITY/ });
  await one.close();
  await one.close();
  await assert.rejects(one.count("item"), { code: "CLOSED" });
  await assert.rejects(one.listEntities(), { code: "CLOSED" });
});

test("two workspaces never meet", async () => {
  const [a, b] = [await open(), await open()];
  await a.upsert(Item, { object_id: "mine" });
  assert.deepEqual([await a.count(Item), await b.count(Item)], [1, 0]);
  await a.close();
  assert.equal(await b.count(Item), 0);
  await b.close();
});

test("a thousand rows with vectors go there and back", async () => {
  const one = await open();
  const rows = Array.from({ length: 1000 }, (_, i) => ({ object_id: `k${i}`, title: `title ${i} ü`, n: i, emb: [Math.cos(i), Math.sin(i)], j: { i } }));
  await one.upsertMany(Item, rows);
  const frame = await one.query(Item).where(Item.n.gte(500)).orderBy("n").execute();
  assert.equal(frame.length, 500);
  assert.deepEqual(frame.rows()[7].emb, new Float32Array([Math.cos(507), Math.sin(507)]));
  assert.deepEqual(frame.rows()[7].j, { i: 507 });
  await one.close();
});
