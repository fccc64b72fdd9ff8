// SPDX-License-Identifier: MIT
// Declarations and queries as portable JSON: what the builder writes, without the module.
import assert from "node:assert/strict";
import test from "node:test";
import { ArrayOf, Categorical, Catalog, FieldRef, HyperG, Identifier, InlineColumn, Integer, Json, LongText, MetaSchema, Query, ShortText, Timestamp,
  Vector, VectorIndex, and, entity, field, not, or } from "../../js/index.js";
import { encodeSpec } from "../../js/spec.js";

const Note = entity("Note", { title: field(ShortText), n: field(Integer), tags: field(ArrayOf(ShortText)), j: field(Json), emb: field(Vector(2)),
  slots: field(HyperG(["slot", "value"])) });
const Other = entity("Other", { title: field(ShortText) });
const query = () => new Query({}, Note);

const filters = [
  ["eq", Note.n.eq(1), { n: { eq: 1 } }],
  ["eq null", Note.n.eq(null), { n: { eq: null } }],
  ["ne", Note.n.ne(1), { n: { ne: 1 } }],
  ["order", and(Note.n.lt(1), Note.n.lte(2), Note.n.gt(3), Note.n.gte(4)), { $and: [{ n: { lt: 1 } }, { n: { lte: 2 } }, { n: { gt: 3 } }, { n: { gte: 4 } }] }],
  ["in", Note.n.in(new Set([1, 2])), { n: { in: [1, 2] } }],
  ["match", Note.title.match("x"), { title: { match: "x" } }],
  ["contains", Note.title.contains("x"), { title: { contains: "x" } }],
  ["startsWith", Note.title.startsWith("x"), { title: { starts_with: "x" } }],
  ["endsWith", Note.title.endsWith("x"), { title: { ends_with: "x" } }],
  ["like", Note.title.like("x%"), { title: { like: "x%" } }],
  ["ilike", Note.title.ilike("x%"), { title: { ilike: "x%" } }],
  ["wildcard", Note.title.wildcard("x*"), { title: { wildcard: "x*" } }],
  ["regex", Note.title.regex("^x"), { title: { regex: "^x" } }],
  ["hasWords", Note.title.hasWords("a b"), { title: { has_words: "a b" } }],
  ["isNull", Note.title.isNull(), { title: { is_null: true } }],
  ["isNotNull", Note.title.isNotNull(), { title: { is_null: false } }],
  ["arrayContains", Note.tags.arrayContains("x"), { tags: { array_contains: "x" } }],
  ["containedIn", Note.title.containedIn("x y"), { title: { contained_in: "x y" } }],
  ["exists", Note.slots.exists({ slot: "k" }), { slots: { exists: { slot: "k" } } }],
  ["any", Note.slots.any({ slot: "k" }), { slots: { exists: { slot: "k" } } }],
  ["all with where", Note.slots.all({ slot: "k" }, { value: "v" }), { slots: { all: { where: { slot: "k" }, then: { value: "v" } } } }],
  ["all", Note.slots.all({ value: "v" }), { slots: { all: { where: {}, then: { value: "v" } } } }],
  ["path", Note.j.path("a.b").eq(1), { j: { get: { path: ["a", "b"], eq: 1 } } }],
  ["at", Note.j.at("a.b", 0).gt(1), { j: { get: { path: ["a.b", "0"], gt: 1 } } }],
  ["a mapping operand", Note.j.eq({ $or: 1 }), { j: { eq: { $or: 1 } } }],
  ["or", or(Note.n.eq(1), Note.n.eq(2)), { $or: [{ n: { eq: 1 } }, { n: { eq: 2 } }] }],
  ["not", not(Note.n.eq(1)), { $not: { n: { eq: 1 } } }],
  ["methods", Note.n.eq(1).and(Note.n.eq(2)).or(Note.n.eq(3).not()),
    { $or: [{ $and: [{ n: { eq: 1 } }, { n: { eq: 2 } }] }, { $not: { n: { eq: 3 } } }] }],
  ["flat and", Note.n.eq(1).and(Note.n.eq(2)).and(Note.n.eq(3)), { $and: [{ n: { eq: 1 } }, { n: { eq: 2 } }, { n: { eq: 3 } }] }],
  ["implicit name", Note.name.eq("x"), { name: { eq: "x" } }],
  ["object_id", Note.object_id.eq("x"), { object_id: { eq: "x" } }],
];
for (const [name, expr, want] of filters) {
  test(`filter ${name}`, () => assert.deepEqual(query().where(expr).toJSON(), { filter: want }));
}

const specs = [
  ["nothing", query(), {}],
  ["where twice", query().where(Note.n.eq(1)).where({ title: "x" }), { filter: { $and: [{ n: { eq: 1 } }, { title: "x" }] } }],
  ["where null", query().where(null), {}],
  ["near", query().near(Note.emb, [1, 0], { topK: 3, metric: "l2" }), { near: { field: "emb", query: [1, 0], top_k: 3, metric: "l2" } }],
  ["near by name", query().near("emb", new Float32Array([1, 0])), { near: { field: "emb", query: [1, 0] } }],
  ["search", query().search([Note.title, "name"], "x y", { topK: 5, mode: "phrase" }), { search: { fields: ["title", "name"], query: "x y", top_k: 5, mode: "phrase" } }],
  ["search one", query().search(Note.title, "x"), { search: { fields: ["title"], query: "x" } }],
  ["aggregate", query().groupBy(Note.title, "j.a").aggregate({ n: Note.object_id.count(), d: Note.n.count({ distinct: true }), p: Note.n.percentile(0.9) })
    .aggregate({ s: { sum: { field: "n" } } }).having({ n: { gt: 1 } }).having(Note.title.ne("x")),
  { group_by: ["title", "j.a"], aggregate: { n: { count: { field: "object_id" } }, d: { count: { field: "n", distinct: true } },
    p: { percentile: { field: "n", q: 0.9 } }, s: { sum: { field: "n" } } }, having: { $and: [{ n: { gt: 1 } }, { title: { ne: "x" } }] } }],
  ["reducers", query().aggregate({ a: Note.n.sum(), b: Note.n.avg(), c: Note.n.min(), d: Note.n.max(), e: Note.n.median(), f: Note.j.valueCounts(),
    g: Note.j.keyCounts(), h: Note.j.at("x").keySums(), i: Note.n.columnSummary(), k: Note.n.columnSummary("text") }),
  { aggregate: { a: { sum: { field: "n" } }, b: { avg: { field: "n" } }, c: { min: { field: "n" } }, d: { max: { field: "n" } }, e: { median: { field: "n" } },
    f: { value_counts: { field: "j" } }, g: { key_counts: { field: "j" } }, h: { key_sums: { field: "j.x" } }, i: { column_summary: { field: "n" } },
    k: { column_summary: { field: "n", kind: "text" } } } }],
  ["search all", query().search(null, "x"), { search: { fields: null, query: "x" } }],
  ["fuse", query().fuse({ k: 10, weights: { near: 2 } }), { fuse: { k: 10, weights: { near: 2 } } }],
  ["select", query().select(Note.title, "n", Note.j.path("a.b")), { select: ["title", "n", "j.a.b"] }],
  ["select a list", query().select(["title", "n"]), { select: ["title", "n"] }],
  ["order", query().orderBy(Note.n, { desc: true }).orderBy("title").orderBy("j.a", "desc"), { order: ["-n", "title", "-j.a"] }],
  ["page", query().limit(5).offset(10), { limit: 5, offset: 10 }],
  ["count", query().count(), { count: { field: "object_id" } }],
  ["count of a field", query().count(Note.n, { distinct: false }), { count: { field: "n", distinct: false } }],
  ["what JSON bends", query().where(and(Note.n.eq(2n ** 62n), Note.n.eq(7n), Note.j.eq(new Date(0)), Note.j.eq(new Uint8Array([1])))),
    { filter: { $and: [{ n: { eq: "4611686018427387904" } }, { n: { eq: 7 } }, { j: { eq: "1970-01-01T00:00:00.000Z" } }, { j: { eq: "AQ==" } }] } }],
];
for (const [name, built, want] of specs) {
  test(`spec: ${name}`, () => assert.deepEqual(JSON.parse(JSON.stringify(built)), want));
}

const encoded = [
  ["scalars stay", { filter: { n: 1, t: "x", b: true, z: null } }, { filter: { n: 1, t: "x", b: true, z: null } }, []],
  ["a vector travels", { near: { query: new Float32Array([1]) } }, { near: { query: { $param: 0 } } }, [new Float32Array([1])]],
  ["int64 travels", { filter: { n: 2n ** 60n } }, { filter: { n: { $param: 0 } } }, [2n ** 60n]],
  ["a small bigint is a number", { filter: { n: 5n } }, { filter: { n: 5 } }, []],
  ["a long text travels", { filter: { t: "x".repeat(257) } }, { filter: { t: { $param: 0 } } }, ["x".repeat(257)]],
  ["bytes travel", { filter: { t: new Uint8Array(2) } }, { filter: { t: { $param: 0 } } }, [new Uint8Array(2)]],
  ["NaN travels, to be refused by name", { near: { query: NaN } }, { near: { query: { $param: 0 } } }, [NaN]],
  ["a long list travels", { filter: { n: { in: Array(100).fill(1) } } }, { filter: { n: { in: { $param: 0 } } } }, [Array(100).fill(1)]],
  ["a mapping of the builder travels", { filter: Note.j.eq({ $param: 3 }).filter }, { filter: { j: { eq: { $param: 0 } } } }, [{ $param: 3 }]],
];
for (const [name, spec, want, params] of encoded) {
  test(`encoding: ${name}`, () => {
    const got = encodeSpec(spec);
    assert.deepEqual([JSON.parse(got.text), got.params], [want, params]);
  });
}

test("encoding for prepare turns every operand into a parameter", () => {
  const { text, params } = encodeSpec(query().where(and(Note.n.gt(3), Note.title.match("x"))).near(Note.emb, [1, 0]).spec, [], { all: true });
  assert.deepEqual(JSON.parse(text), { filter: { $and: [{ n: { gt: { $param: 0 } } }, { title: { match: { $param: 1 } } }] },
    near: { field: "emb", query: { $param: 2 } } });
  assert.deepEqual(params, [3, "x", new Float32Array([1, 0])]);
});

test("parameters of the user come first", () => {
  assert.deepEqual(encodeSpec({ filter: { n: { $param: 0 }, m: 2n ** 60n } }, [5]).params, [5, 2n ** 60n]);
});

test("queries are immutable", () => {
  const vector = [1, 0];
  const base = query().where(Note.n.eq(1));
  const near = base.near(Note.emb, vector).select("title").orderBy("n");
  vector[0] = 9;
  assert.deepEqual(base.toJSON(), { filter: { n: { eq: 1 } } });
  assert.deepEqual(near.toJSON().near.query, [1, 0]);
  assert.throws(() => near.spec.select.push("x"), TypeError);
  assert.throws(() => { near.spec.limit = 1; }, TypeError);
});

const refused = [
  ["a second near", () => query().near("emb", [1]).near("emb", [1]), "QUERY"],
  ["a second search", () => query().search(null, "a").search(null, "b"), "QUERY"],
  ["a field of another entity in where", () => query().where(Other.title.eq("x")), "QUERY"],
  ["a field of another entity in select", () => query().select(Other.title), "QUERY"],
  ["one expression over two entities", () => and(Note.title.eq("x"), Other.title.eq("y")), "QUERY"],
  ["an unknown option of near", () => query().near("emb", [1], { top_k: 1 }), "TYPE"],
  ["an unknown option of store", () => field(ShortText).store({ at: "main" }), "SCHEMA"],
  ["an unknown option of entity", () => entity("X", {}, { identifier: "x" }), "SCHEMA"],
  ["where of a text", () => query().where("x"), "TYPE"],
  ["where of a field", () => query().where(Note.title), "TYPE"],
  ["a direction that is none", () => query().orderBy("n", "down"), "QUERY"],
  ["in without a list", () => Note.n.in(5), "TYPE"],
  ["no operand", () => Note.n.eq(undefined), "TYPE"],
  ["a function in a spec", () => encodeSpec({ filter: { n: () => 1 } }), "TYPE"],
  ["no type", () => field(undefined), "TYPE"],
  ["Categorical without values", () => Categorical("a"), "SCHEMA"],
];
for (const [name, work, code] of refused) test(`refused: ${name}`, () => assert.throws(work, { name: "HeavenBaseError", code }));

test("an entity's definition is portable", () => {
  const RoutedDocument = entity("RoutedDocument", {
    title: field(ShortText(80)).required().desc("the title").tags("a", "b").example("x").unique(),
    emb: field(Vector(2)).store({ to: "vec", strategy: VectorIndex }).store({ to: "main", strategy: InlineColumn, optional: true, reason: "copy" }),
    when: field(Timestamp("s")).default(0).index(false),
    state: field(ShortText).choices("open", "done"),
    parent: field(Identifier(Note)),
    slots: field(HyperG({ slot: ShortText, n: field(Integer) })),
    bare: LongText,
  }, { desc: "d", tags: ["t"], constraints: [{ fields: ["title", "when"] }] });
  assert.deepEqual(JSON.parse(JSON.stringify(RoutedDocument)), {
    entity_id: "routed-document", name: "RoutedDocument", desc: "d", tags: ["t"], constraints: [{ fields: ["title", "when"] }],
    fields: {
      title: { type: { type: "short-text", max_chars: 80 }, required: true, desc: "the title", tags: ["a", "b"], examples: ["x"], unique: true },
      emb: { type: { type: "vector", dim: 2 }, stores: [{ to: "vec", strategy: "vector" }, { to: "main", strategy: "inline", optional: true, reason: "copy" }] },
      when: { type: { type: "timestamp", unit: "s" }, default: 0, has_default: true, index: false },
      state: { type: { type: "categorical", values: ["open", "done"] } },
      parent: { type: { type: "identifier", target_entity: "note" } },
      slots: { type: { type: "hyper-g", fields: [{ name: "slot", dtype: { type: "short-text" } }, { name: "n", dtype: { type: "integer" }, required: false }] } },
      bare: { type: { type: "long-text" } },
    },
  });
});

const ids = [["Note", "note"], ["RoutedDocument", "routed-document"], ["HTTPLog2X", "h-t-t-p-log2-x"], ["snake_case", "snake-case"]];
for (const [name, id] of ids) test(`entity ${name} has the id ${id}`, () => assert.equal(entity(name, {}).entityId, id));

test("a field that is called like a member is reached through fields", () => {
  const Odd = entity("Odd", { fields: field(ShortText), entityId: field(ShortText), toJSON: field(ShortText), score: field(Integer) });
  assert.equal(Odd.entityId, "odd");
  assert.ok(Odd.fields.entityId instanceof FieldRef);
  assert.ok(Odd.fields.toJSON instanceof FieldRef);
  assert.ok(Odd.score instanceof FieldRef);
});

test("the system entities have their ids and columns", () => {
  assert.deepEqual([Catalog.entityId, MetaSchema.entityId], ["sys-catalog", "sys-metaschema"]);
  assert.equal(Object.keys(Catalog.fields).length, 39);
  assert.equal(Object.keys(MetaSchema.fields).length, 16);
});
