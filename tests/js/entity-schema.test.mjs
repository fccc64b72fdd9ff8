// SPDX-License-Identifier: MIT
// Entities as JSON Schema and as Standard Schema: what each says, and that they agree with what the workspace does.
import assert from "node:assert/strict";
import test from "node:test";
import Ajv from "ajv/dist/2020.js";
import { ArrayOf, Artifact, Boolean as Bool, Categorical, Date as Day, Duration, Entity, Float, HeavenBase, HyperG, Identifier, Integer, Json, LongText,
  ShortText, Timestamp, Vector, entity, entityFromSchema, field, index, unique } from "heavenbase";

const Sample = entity("Sample", {
  title: field(ShortText(10)).required().desc("what it is called"), count: field(Integer), ratio: field(Float), flag: field(Bool).default(true),
  colour: field(Categorical(["red", "green"])), level: field(Categorical([1, 2])), at: field(Timestamp("s")), day: field(Day), span: field(Duration),
  ref: field(Identifier), tags: field(ArrayOf(ShortText)), numbers: field(ArrayOf(Integer)), any: field(ArrayOf()), vector: field(Vector(2)), free: field(Vector),
  data: field(Json), facts: field(HyperG({ slot: ShortText, value: field(Integer) })), bytes: field(Artifact), text: field(LongText),
  size: field(Integer).required().compute((title) => title.length, { inputs: ["title"] }), made: field(Integer).required().default(() => 7),
});

const ajv = () => new Ajv({ strict: false, validateFormats: false });
const base = { object_id: "x", title: "t" };
const fitting = [{}, { count: 5 }, { ratio: 1.5 }, { flag: null }, { colour: "red" }, { colour: null }, { level: 2 }, { at: 86400 }, { at: "2024-02-29T10:00:00Z" },
  { day: "2024-02-29" }, { span: 0 }, { ref: "r1" }, { tags: ["a", "b"] }, { numbers: [1, 2] }, { any: [1, "a", null] }, { vector: [1, 0.5] }, { free: [1, 2, 3] }, { data: { a: [1] } },
  { data: "text" }, { data: null }, { facts: [{ slot: "a", value: 1 }, { slot: "b", value: null }] }, { bytes: "text" }, { text: "" }, { size: 3, made: 1 }, { name: "n" }];
const unfitting = [{ title: "more than ten" }, { title: null }, { count: {} }, { ratio: "x" }, { flag: 2 }, { colour: "blue" }, { level: 3 }, { at: -1 }, { day: "2024" }, { span: -1 }, { ref: "" },
  { tags: "one" }, { tags: [null] }, { vector: [1] }, { vector: "text" }, { facts: [{ value: 1 }] }, { facts: [{ slot: "a", nope: 1 }] }, { unknown: 1 }, { text: ["a"] }];

async function sampled(t) {
  const ws = await HeavenBase.open("entity-schema", { preset: "debug" });
  t.after(() => ws.close());
  await ws.register(Sample);
  return ws;
}

test("what the insert schema lets through is written, and Standard Schema agrees with both", async (t) => {
  const ws = await sampled(t);
  const check = ajv().compile(Sample.toJsonSchema());
  for (const more of fitting) {
    const row = { ...base, ...more };
    assert.ok(check(row), `${JSON.stringify(more)}: ${JSON.stringify(check.errors)}`);
    await ws.upsert(Sample, row);
    const { issues, value } = await Sample["~standard"].validate(row);
    assert.equal(issues, undefined, JSON.stringify(issues));
    assert.equal(value.title, "t");
  }
  for (const more of unfitting) {
    const row = { ...base, ...more };
    assert.equal(check(row), false, JSON.stringify(more));
    await assert.rejects(ws.upsert(Sample, row), { name: "HeavenBaseError" }, JSON.stringify(more));
    const { issues } = await Sample["~standard"].validate(row);
    assert.equal(issues?.length, 1, JSON.stringify(more));
    assert.equal(issues[0].path[0], Object.keys(more)[0]);
    assert.ok(issues[0].message.length > 10);
  }
});

test("a row needs an id or a name", () => {
  const check = ajv().compile(Sample.toJsonSchema());
  assert.equal(check({ title: "t" }), false);
  assert.equal(check({ title: "t", name: " " }), false);
  assert.equal(check({ title: "t", name: "n" }), true);
  const Named = entity("Named", { title: field(ShortText) }, { derive: [{ target: "catalog.name", compute: (title) => title, inputs: ["title"] }] });
  assert.equal(ajv().compile(Named.toJsonSchema())({ title: "t" }), true);
});

test("stored rows as JSON satisfy the row schema", async (t) => {
  const ws = await sampled(t);
  const check = ajv().compile(Sample.toJsonSchema({ shape: "row" }));
  await ws.upsert(Sample, { ...base, vector: [1, 2], facts: [{ slot: "a", value: 1 }], at: 5, tags: ["a"] });
  const plain = (value) => (ArrayBuffer.isView(value) ? [...value] : value);
  for (const row of await ws.rows(Sample)) {
    const json = Object.fromEntries(Object.entries(row).map(([key, value]) => [key, plain(value)]));
    assert.ok(check(json), JSON.stringify(check.errors));
    delete json.count;
    assert.equal(check(json), false);
  }
});

test("the JSON Schema says what the declaration says", () => {
  const schema = entity("Doc", { title: field(ShortText).required().desc("d").example("x"), n: field(Integer).default(5) }, { desc: "a document" }).toJsonSchema();
  assert.deepEqual(schema, {
    $schema: "https://json-schema.org/draft/2020-12/schema", title: "Doc", description: "a document", type: "object",
    properties: {
      object_id: { type: "string", minLength: 1, maxLength: 63 }, name: { type: ["string", "null"], maxLength: 255 },
      title: { type: "string", maxLength: 255, description: "d", examples: ["x"] }, n: { type: ["integer", "null"], minimum: -(2 ** 63), exclusiveMaximum: 2 ** 63, default: 5 },
    },
    required: ["title"], additionalProperties: false,
    anyOf: [{ required: ["object_id"], properties: { object_id: { type: "string", pattern: "\\S" } } }, { required: ["name"], properties: { name: { type: "string", pattern: "\\S" } } }],
  });
  assert.throws(() => Sample.toJsonSchema({ shape: "rows" }), { code: "TYPE" });
});

test("whatever a default, an example or a value is given as, the schema is JSON and its default fits it", () => {
  /** @type {[any, unknown, unknown?][]} */
  const given = [[Integer, 5n, 5], [Integer, 9007199254740993n], [Artifact, new Uint8Array([1])], [Vector(2), Float32Array.of(1, 0.5), [1, 0.5]], [ArrayOf(ShortText), new Set(["a"]), ["a"]],
    [Timestamp, new Date(0), "1970-01-01T00:00:00.000Z"], [Day, new Date(0), "1970-01-01"], [Json, new Map([["a", [1n]]]), { a: [1] }], [Json, { a: [new Uint8Array(1)] }], [Json, {}, {}],
    [Float, 1.5, 1.5], [Categorical([1n, 2n]), 2n, 2], [Bool, false, false]];
  for (const [type, value, told] of given) {
    const schema = entity("E", { f: field(type).default(value).example(value) }).toJsonSchema();
    const { f } = JSON.parse(JSON.stringify(schema)).properties;
    assert.deepEqual([f.default, f.examples], [told, told === undefined ? undefined : [told]], JSON.stringify(f));
    const check = ajv().compile(schema);
    if (told !== undefined) assert.ok(check({ object_id: "x", f: told }), JSON.stringify(check.errors));
  }
});

test("portable definitions in short forms give the schema of their canonical form", async (t) => {
  const ws = await sampled(t);
  const short = { name: "Short", fields: { a: "ShortText", b: "array[integer]", c: "vector[3]", d: "hyper-g[x,y]", e: { type: "int", required: true, default: 1 }, f: "Identifier[sample]",
    g: { type: { type: "categorical", values: ["a"] } }, h: "array[array[short-text]]", i: "interval" } };
  const before = Entity.fromSchema(short);
  const after = await ws.register(short);
  for (const shape of ["insert", "row"]) assert.deepEqual(before.toJsonSchema({ shape }), after.toJsonSchema({ shape }));
  assert.equal(before.entityId, "short");
  assert.ok(entityFromSchema(short).fields.a);
  assert.throws(() => entityFromSchema([]), { code: "TYPE" });
  assert.throws(() => entityFromSchema({ fields: {} }), { code: "SCHEMA" });
});

test("Standard Schema: its shape, coerced values, all issues at once", async () => {
  const standard = Sample["~standard"];
  assert.equal(standard.version, 1);
  assert.equal(standard.vendor, "heavenbase");
  const { value } = await standard.validate({ title: 12, count: "5", at: new Date(5000), vector: [1, 0], bytes: "é", size: null, text: undefined });
  assert.deepEqual(value, { title: "12", count: 5, flag: true, at: 5, vector: Float32Array.of(1, 0), bytes: Uint8Array.of(0xc3, 0xa9), size: null });
  const { issues } = await standard.validate({ count: "x", colour: "blue", nope: 1 });
  assert.deepEqual(issues.map((issue) => issue.path[0]), ["nope", "title", "count", "colour"]);
  for (const wrong of [null, 5, "text", [], new Map()]) {
    const told = await standard.validate(wrong);
    assert.equal(told.issues.length, 1);
    assert.equal(told.issues[0].path, undefined);
  }
  assert.deepEqual((await standard.validate({ title: "t", data: Symbol("x") })).issues[0].path, ["data"]);
});

test("Standard Schema: the path of an issue leads to the value inside of the field", async () => {
  const columns = HyperG([{ name: "slot", dtype: ShortText }, { name: "n", dtype: Integer, required: false }, { name: "list", dtype: ArrayOf(Integer), required: false }]);
  const Deep = entity("Deep", { tags: field(ArrayOf(ShortText)), any: field(ArrayOf()), deep: field(ArrayOf(ArrayOf(Integer))), vector: field(Vector(2)), data: field(Json), items: field(columns) });
  const long = "k".repeat(150);
  const cases = [
    [{ tags: ["a", ["b"]] }, ["tags", 1]], [{ tags: ["a", null] }, ["tags", 1]], [{ tags: 5 }, ["tags"]], [{ tags: ["ok", "x".repeat(256)] }, ["tags", 1]],
    [{ any: [1, { a: [new Uint8Array(1)] }] }, ["any", 1, "a", 0]], [{ deep: [[1], [2, 3, "x"]] }, ["deep", 1, 2]], [{ deep: [[1], 7] }, ["deep", 1]],
    [{ vector: [1, "x"] }, ["vector", 1]], [{ vector: [1, null] }, ["vector", 1]], [{ vector: [1, NaN] }, ["vector", 1]], [{ vector: Float32Array.of(Infinity, 0) }, ["vector", 0]], [{ vector: [1] }, ["vector"]],
    [{ data: { "a\"\\b\n": [0, { é: new Uint8Array(2) }] } }, ["data", "a\"\\b\n", 1, "é"]], [{ data: [Infinity] }, ["data", 0]],
    [{ data: { [long]: { [long]: new Uint8Array(1) } } }, ["data", long]], [{ data: { [long + long]: new Uint8Array(1) } }, ["data"]],
    [{ items: [{ slot: "a" }, { slot: "b", n: "x" }] }, ["items", 1, "n"]], [{ items: [{ n: 1 }] }, ["items", 0, "slot"]], [{ items: [{ slot: "a", zz: 1 }] }, ["items", 0, "zz"]],
    [{ items: [["a", "x"]] }, ["items", 0]], [{ items: [["a", "x", []]] }, ["items", 0, 1]], [{ items: [{ slot: "a", list: [1, "y"] }] }, ["items", 0, "list", 1]], [{ items: [5] }, ["items", 0]],
    [{ any: new Map() }, ["any"]], [{ zz: 1 }, ["zz"]],
  ];
  for (const [row, path] of cases) {
    const { issues } = await Deep["~standard"].validate(row);
    assert.deepEqual(issues?.map((issue) => issue.path), [path], String(Object.keys(row)));
  }
  const { issues } = await Deep["~standard"].validate({ tags: [[]], items: [{}], deep: [[0], [[]]] });
  assert.deepEqual(issues.map(({ path }) => path.join(".")).sort(), ["deep.1.0", "items.0.slot", "tags.0"]);
});

test("declarations are frozen, indexes and constraints may be given as names", async (t) => {
  const Pair = entity("Pair", { a: field(Integer), b: field(Integer), c: field(Integer).index(false) },
    { indexes: [["a", "b"], index("b", "a", { to: "main" })], constraints: [unique("a", "b"), ["b", "c"]] });
  assert.deepEqual(Pair.indexes, [{ fields: ["a", "b"] }, { fields: ["b", "a"], to: "main" }]);
  assert.deepEqual(Pair.constraints, [{ fields: ["a", "b"] }, { fields: ["b", "c"] }]);
  for (const part of [Pair, Pair.fields, Pair.indexes, Pair.indexes[0], Pair.indexes[0].fields, Pair.constraints, Pair.toDefinition(), Pair.toDefinition().fields]) assert.ok(Object.isFrozen(part));
  assert.deepEqual(Sample.indexes, []);
  const ws = await sampled(t);
  await ws.register(Pair);
  await ws.upsertMany(Pair, [{ object_id: "x", a: 1, b: 1 }, { object_id: "y", a: 1, b: 2 }, { object_id: "n", a: 1, b: null }, { object_id: "m", a: 1 }]);
  await assert.rejects(ws.upsert(Pair, { object_id: "z", a: 1, b: 1 }), { code: "UNIQUE", entity: "pair" });
  assert.throws(() => index(), { code: "TYPE" });
  assert.throws(() => unique("a", { too: "main" }), { code: "TYPE" });
  await assert.rejects(ws.register(entity("Bad", { a: field(Integer) }, { indexes: [["a", "zz"]] })), { code: "SCHEMA" });
});

test("an index over several fields is used: SQLite's own, and in memory one for each field", async (t) => {
  const Stock = entity("Stock", { shelf: field(Integer), row: field(Integer), sku: field(ShortText).unique(), free: field(Integer) }, { indexes: [["shelf", "row"]] });
  const ws = await HeavenBase.open("indexes", { backends: { main: { type: "inmem" } } });
  t.after(() => ws.close());
  await ws.register(Stock);
  const rows = Array.from({ length: 40 }, (_, i) => ({ object_id: String(i), shelf: i % 5, row: i % 4, sku: `s${i}`, free: i }));
  await ws.upsertMany(Stock, rows);
  const mode = async (filter) => (await ws.query(Stock).where(filter).explain()).steps.find((step) => step.node === "filter").handler_kind;
  assert.equal(await mode({ shelf: 1 }), "index_filter");
  assert.equal(await mode({ row: 1 }), "index_filter");
  assert.equal(await mode({ sku: "s1" }), "index_filter");
  assert.notEqual(await mode({ free: 1 }), "index_filter");
  const found = (await ws.query(Stock).where({ shelf: 1, row: 2 }).execute()).ids;
  assert.deepEqual(found, rows.filter((row) => row.shelf === 1 && row.row === 2).map((row) => row.object_id).sort());
  await assert.rejects(ws.upsert(Stock, { object_id: "new", sku: "s3" }), (error) => {
    assert.equal(error.code, "UNIQUE");
    assert.match(error.message, /stock\(sku\).*'3'.*'new'/);
    return true;
  });
  await assert.rejects(ws.register(entity("Lost", { a: field(Integer) }, { indexes: [index("a", { to: "nowhere" })] })), { code: "ROUTING", entity: "lost", field: "a" });
  const sql = await HeavenBase.open("indexes", { backends: { main: { type: "sqlite" } } });
  t.after(() => sql.close());
  await sql.register(Stock);
  await sql.upsertMany(Stock, rows);
  assert.deepEqual((await sql.query(Stock).where({ shelf: 1, row: 2 }).execute()).ids, found);
  await assert.rejects(sql.upsert(Stock, { object_id: "new", sku: "s3" }), (error) => {
    assert.equal(error.code, "UNIQUE");
    assert.match(error.message, /stock\(sku\).*'3'.*'new'/);
    return true;
  });
});
