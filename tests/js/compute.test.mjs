// SPDX-License-Identifier: MIT
// Functions of the program: computed fields, derived Catalog columns, defaults, operands of queries.
import assert from "node:assert/strict";
import test from "node:test";
import { Catalog, Float, HeavenBase, HeavenBaseError, Integer, LongText, ShortText, Vector, VectorIndex, entity, entityFromSchema, field, registerCompute } from "heavenbase";

const later = (value, ms = 1) => new Promise((resolve) => { setTimeout(() => resolve(value), ms); });
const code = (wanted, more = {}) => (error) => {
  assert.ok(error instanceof HeavenBaseError, String(error?.stack ?? error));
  assert.equal(error.code, wanted, error.message);
  for (const [key, value] of Object.entries(more)) {
    if (value instanceof RegExp) assert.match(String(error[key]), value);
    else assert.equal(error[key], value);
  }
  return true;
};

const Person = entity("Person", {
  first: field(ShortText), last: field(ShortText),
  full: field(ShortText).compute((first, last) => `${first} ${last}`, { inputs: ["first", "last"] }),
  loud: field(ShortText).compute(async (full) => later(full.toUpperCase()), { inputs: ["full"] }),
});

async function people(t, options = { preset: "debug" }) {
  const ws = await HeavenBase.open("compute", options);
  t.after(() => ws.close());
  await ws.register(Person);
  return ws;
}
const shown = ({ object_id, full, loud }) => [object_id, full, loud];

test("a value is computed when a row has none, in the order of the inputs", async (t) => {
  const ws = await people(t);
  const rows = [{ object_id: "a", first: "Ann", last: "Lee" }, { object_id: "b", first: "Ben", last: "Ode", full: null }, { object_id: "c", full: "given" },
    { object_id: "d", loud: "BOTH", full: "given" }];
  await ws.upsertMany(Person, rows);
  assert.deepEqual((await ws.rows(Person)).map(shown), [["a", "Ann Lee", "ANN LEE"], ["b", "Ben Ode", "BEN ODE"], ["c", "given", "GIVEN"], ["d", "given", "BOTH"]]);
});

test("set computes anew when an input changes, and only then", async (t) => {
  const ws = await people(t);
  await ws.upsert(Person, { object_id: "a", first: "Ann", last: "Lee", loud: "kept" });
  const now = async () => shown(await ws.get("a", { entity: Person }));
  assert.deepEqual(await now(), ["a", "Ann Lee", "kept"]);
  await ws.set("a", { name: "other" }, { entity: Person });
  assert.deepEqual(await now(), ["a", "Ann Lee", "kept"]);
  await ws.set("a", { last: "Oak" });
  assert.deepEqual(await now(), ["a", "Ann Oak", "ANN OAK"]);
  await ws.set("a", { first: "Amy", full: "by hand" }, { entity: Person });
  assert.deepEqual(await now(), ["a", "by hand", "BY HAND"]);
  await ws.set("a", { full: null }, { entity: Person });
  assert.deepEqual(await now(), ["a", "Amy Oak", "AMY OAK"]);
  await ws.setMany([{ object_id: "a", first: "Al" }, { object_id: "n", first: "New", last: "One" }], { entity: Person });
  assert.deepEqual((await ws.rows(Person)).map(shown), [["a", "Al Oak", "AL OAK"], ["n", "New One", "NEW ONE"]]);
  await ws.setMany([{ object_id: "a", first: "Bo" }]);
  assert.deepEqual(await now(), ["a", "Bo Oak", "BO OAK"]);
  await assert.rejects(ws.set({ first: "no id" }, { entity: Person }), code("INVALID_ID", { entity: "person" }));
  await assert.rejects(ws.set("a", { first: "x" }, { entity: Person, overwrite: false }), code("DUPLICATE"));
});

test("a missing input is an error that names both fields, and nothing is written", async (t) => {
  const ws = await people(t);
  const rows = [{ object_id: "a", first: "Ann", last: "Lee" }, { object_id: "b", first: "Ben" }];
  await assert.rejects(ws.upsertMany(Person, rows), code("VALIDATION", { entity: "person", field: "full", message: /'last'.*row 2 of 2/ }));
  assert.equal(await ws.count(Person), 0);
});

test("a function without inputs takes the whole row", async (t) => {
  const seen = [];
  const Whole = entity("Whole", { a: field(Integer), b: field(Integer).default(7), sum: field(Integer).compute((row) => {
    seen.push(row);
    return (row.a ?? 0) + row.b;
  }) });
  const ws = await people(t);
  await ws.register(Whole);
  await ws.upsert(Whole, { object_id: "x", a: 1 });
  assert.deepEqual(seen.at(-1), { object_id: "x", a: 1, b: 7 });
  assert.ok(Object.isFrozen(seen.at(-1)));
  await ws.set("x", { b: 10 }, { entity: Whole });
  assert.equal((await ws.get("x", { entity: Whole })).sum, 11);
});

test("errors of functions are wrapped and name the field; what they give is validated", async (t) => {
  const cause = new Error("no model");
  const Bad = entity("Bad", { a: field(Integer), b: field(Integer).compute((a) => {
    if (a === 1) throw cause;
    return a === 2 ? Promise.reject(cause) : "no number";
  }, { inputs: ["a"] }) });
  const ws = await people(t);
  await ws.register(Bad);
  for (const a of [1, 2]) {
    await assert.rejects(ws.upsert(Bad, { object_id: "x", a }), code("COMPUTE", { entity: "bad", field: "b", cause, message: /bad\.b.*no model/ }));
  }
  await assert.rejects(ws.upsert(Bad, { object_id: "x", a: 3 }), code("VALIDATION", { entity: "bad", field: "b" }));
  assert.equal(await ws.count(Bad), 0);
});

test("writes keep their order while functions run, reads and the functions themselves go on", async (t) => {
  const ws = await people(t);
  const Slow = entity("Slow", { ms: field(Integer), told: field(ShortText).compute(async (ms) => {
    await later(null, ms);
    return String(await ws.count(Person));
  }, { inputs: ["ms"] }) });
  await ws.register(Slow);
  const first = ws.upsert(Slow, { object_id: "x", ms: 30 });
  const second = ws.upsert(Slow, { object_id: "x", ms: 1 });
  const plain = ws.delete("x", { entity: Slow });
  assert.equal(await ws.count(Slow), 0);
  await Promise.all([first, second]);
  assert.equal(await plain, true);
  assert.equal(await ws.count(Slow), 0);
  await Promise.all([ws.upsert(Slow, { object_id: "x", ms: 20 }), ws.set("x", { ms: 2 }, { entity: Slow })]);
  assert.equal((await ws.get("x", { entity: Slow })).ms, 2);
  const last = ws.upsert(Person, { object_id: "y", first: "Y", last: "Z" });
  const closed = ws.close();
  assert.equal(await last, "y");
  await closed;
});

test("many rows are computed some at a time, and an abort or the deadline stops them", async (t) => {
  let running = 0;
  let most = 0;
  let calls = 0;
  const Many = entity("Many", { n: field(Integer), twice: field(Integer).compute(async (n) => {
    calls++;
    most = Math.max(most, ++running);
    await later(null, 2);
    running--;
    return n * 2;
  }, { inputs: ["n"] }) });
  const ws = await people(t);
  await ws.register(Many);
  const rows = Array.from({ length: 50 }, (_, n) => ({ object_id: String(n).padStart(2, "0"), n }));
  await ws.upsertMany(Many, rows);
  assert.ok(most > 1 && most <= 8, `${most} at a time`);
  assert.deepEqual((await ws.rows(Many)).map((row) => row.twice), rows.map(({ n }) => n * 2));
  calls = 0;
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 4);
  await assert.rejects(ws.upsertMany(Many, rows, { signal: stop.signal }), code("CANCELLED"));
  await later(null, 20);
  assert.ok(calls < 50, `${calls} calls`);
  await assert.rejects(ws.upsertMany(Many, rows, { timeoutMs: 3 }), code("TIMEOUT"));
  await later(null, 20);
});

test("the entity may be written while its registration is under way", async (t) => {
  const ws = await HeavenBase.open("early", { preset: "debug" });
  t.after(() => ws.close());
  ws.register(Person);
  await ws.upsert(Person, { object_id: "a", first: "Ann", last: "Lee" });
  assert.equal((await ws.get("a", { entity: Person })).loud, "ANN LEE");
});

test("portable definitions name registered functions", async (t) => {
  const definition = { name: "Page", fields: { title: "short-text", slug: { type: "short-text", compute: { name: "test-slug", inputs: ["title"] } } } };
  const ws = await people(t, { preset: "debug", computes: { "test-own": () => "own" } });
  await assert.rejects(ws.register(definition), code("UNKNOWN_COMPUTE", { entity: "page", field: "slug" }));
  assert.deepEqual(await ws.listEntities(), ["person"]);
  registerCompute("test-slug", (title) => title.toLowerCase().replaceAll(" ", "-"));
  await assert.rejects(ws.register({ name: "Page", fields: { slug: { type: "short-text", compute: "test-slog" } } }), code("UNKNOWN_COMPUTE", { message: /did you mean 'test-slug'/ }));
  await ws.register(definition);
  await ws.upsert("page", { name: "x", title: "A Page" });
  assert.equal((await ws.rows("page"))[0].slug, "a-page");
  assert.deepEqual((await ws.schema("page")).fields.slug.compute, { name: "test-slug", inputs: ["title"] });
  const Own = entity("Own", { a: field(ShortText).compute("test-own") });
  await ws.register(Own);
  await ws.upsert(Own, { object_id: "x" });
  assert.equal((await ws.get("x", { entity: Own })).a, "own");
  assert.throws(() => registerCompute("test-slug", () => 1), code("SCHEMA_CONFLICT"));
  registerCompute("test-slug", (title) => title, { allowReplace: true });
  await ws.upsert("page", { name: "x", title: "A Page" });
  assert.equal((await ws.rows("page"))[0].slug, "A Page");
  assert.throws(() => registerCompute("", () => 1), code("TYPE"));
  await assert.rejects(HeavenBase.open("other", { computes: { a: 1 } }), code("TYPE"));
});

test("a function without a name goes by its place, in the definition and wherever that is read", async (t) => {
  const { fields } = Person.toDefinition();
  assert.deepEqual(fields.full.compute, { name: "person.full", inputs: ["first", "last"] });
  const ws = await HeavenBase.open("elsewhere", { preset: "debug" });
  t.after(() => ws.close());
  const Copy = entityFromSchema(JSON.parse(JSON.stringify(Person)));
  await assert.rejects(ws.register(Copy), code("UNKNOWN_COMPUTE", { field: "full" }));
  const own = await HeavenBase.open("with-names", { preset: "debug", computes: { "person.full": (a, b) => b + a, "person.loud": (full) => full } });
  t.after(() => own.close());
  await own.register(Copy);
  await own.upsert("person", { object_id: "a", first: "A", last: "B" });
  assert.equal((await own.get("a", { entity: Copy })).loud, "BA");
});

test("derived columns reach the Catalog row in the same write", async (t) => {
  const Doc = entity("Doc", { title: field(ShortText), body: field(LongText), size: field(Integer) }, { derive: [
    { target: "catalog.name", compute: (title) => title.trim(), inputs: ["title"] },
    { target: "catalog.desc", compute: async (body) => later(body.slice(0, 5)), inputs: ["body"] },
    { target: "size", compute: (body) => body.length, inputs: ["body"] },
  ] });
  const ws = await people(t);
  await ws.register(Doc);
  const id = await ws.upsert(Doc, { title: " Guide ", body: "one two three" });
  assert.equal(id, await ws.upsert(Doc, { title: "Guide", body: "one two three" }), "the id is derived from catalog.name");
  const catalog = async () => (await ws.query(Catalog).select("name", "desc").execute()).rows().map(({ name, desc }) => [name, desc]);
  assert.deepEqual(await catalog(), [["Guide", "one t"]]);
  assert.equal((await ws.get(id, { entity: Doc })).size, 13);
  await ws.set(id, { title: "Other" }, { entity: Doc });
  assert.deepEqual(await catalog(), [["Other", "one t"]]);
  await ws.set(id, { body: "changed" }, { entity: Doc });
  assert.deepEqual(await catalog(), [["Other", "chang"]]);
  assert.equal((await ws.audit()).catalog.ok, true);
  await assert.rejects(ws.register(entity("Bad", { a: field(Integer) }, { derive: [{ target: "catalog.ws", compute: () => "x" }] })), code("SCHEMA", { field: "catalog.ws" }));
  await assert.rejects(ws.register(entity("Bad", { a: field(Integer) }, { derive: [{ target: "nope", compute: () => "x" }] })), code("SCHEMA"));
});

test("a default may be made by a function", async (t) => {
  let count = 0;
  const Made = entity("Made", { n: field(Integer).required().default(() => ++count), at: field(ShortText).default(async () => later("now")) });
  const ws = await people(t);
  await ws.register(Made);
  await ws.upsertMany(Made, [{ object_id: "a" }, { object_id: "b", n: 10, at: null }]);
  await ws.set("a", { at: "then" }, { entity: Made });
  await ws.set("c", {}, { entity: Made });
  assert.deepEqual((await ws.rows(Made)).map(({ n, at }) => [n, at]), [[1, "then"], [10, null], [2, "now"]]);
  const Failing = entity("Failing", { n: field(Integer).default(() => { throw new Error("empty"); }) });
  await ws.register(Failing);
  await assert.rejects(ws.upsert(Failing, { object_id: "a" }), code("COMPUTE", { field: "n", message: /empty/ }));
});

const words = { cat: [1, 0], dog: [0, 1] };
const embed = async (text) => later(words[text] ?? [0.5, 0.5]);
const Thing = entity("Thing", {
  label: field(ShortText), emb: field(Vector(2)).store({ to: "vec", strategy: VectorIndex }).compute(embed, { inputs: ["label"] }).queryCompute(embed),
  text: field(LongText).queryCompute((query) => query.replace("feline", "cat"), { ops: ["search"] }), other: field(LongText), score1: field(Float),
});

async function things(t) {
  const ws = await people(t);
  await ws.register(Thing);
  await ws.upsertMany(Thing, [{ object_id: "c", label: "cat", text: "a cat sleeps" }, { object_id: "d", label: "dog", text: "a dog barks" }]);
  return ws;
}

test("near takes a text where the field makes a vector of it", async (t) => {
  const ws = await things(t);
  const nearest = async (query) => (await query.execute()).ids;
  assert.deepEqual(await nearest(ws.query(Thing).near(Thing.emb, "dog", { topK: 1 })), ["d"]);
  assert.deepEqual(await nearest(ws.query(Thing).near(Thing.emb, [1, 0], { topK: 1 })), ["c"]);
  assert.deepEqual(await nearest(ws.queryJson(Thing, { near: { field: "emb", query: { $param: 0 }, top_k: 1 } }, { params: ["dog"] })), ["d"]);
  assert.equal((await ws.query(Thing).near(Thing.emb, "cat").explain()).steps.some((step) => step.node === "near"), true);
  const prepared = await ws.query(Thing).near(Thing.emb, "dog", { topK: 1 }).prepare();
  assert.deepEqual((await prepared.execute()).ids, ["d"]);
  assert.deepEqual((await prepared.execute({ params: ["cat"] })).ids, ["c"]);
  assert.deepEqual((await prepared.execute({ params: [[0, 1]] })).ids, ["d"]);
  await prepared.release();
});

test("a text for near without a function, or one that fails, is a typed error", async (t) => {
  const ws = await things(t);
  const Plain = entity("Plain", { emb: field(Vector(2)) });
  const Broken = entity("Broken", { emb: field(Vector(2)).queryCompute((text) => (text === "short" ? [1] : Promise.reject(new Error("down")))) });
  await ws.register(Plain);
  await ws.register(Broken);
  await assert.rejects(ws.query(Plain).near(Plain.emb, "cat").execute(), code("VALIDATION", { entity: "plain", field: "emb", message: /received text/ }));
  await assert.rejects(ws.query(Broken).near(Broken.emb, "cat").execute(), code("COMPUTE", { entity: "broken", field: "emb", message: /down/ }));
  await assert.rejects(ws.query(Broken).near(Broken.emb, "short").execute(), code("VALIDATION", { entity: "broken", field: "emb" }));
  await assert.rejects(ws.register(entity("No", { n: field(Integer).queryCompute(embed) })), code("SCHEMA"));
});

test("search runs the function of its field", async (t) => {
  const ws = await things(t);
  assert.deepEqual((await ws.query(Thing).search(Thing.text, "feline").execute()).ids, ["c"]);
  await assert.rejects(ws.query(Thing).search([Thing.text, Thing.other], "feline").execute(), code("QUERY", { entity: "thing" }));
});
