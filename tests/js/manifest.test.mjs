// SPDX-License-Identifier: MIT
// The manifest there and back: whatever a definition or an opening can say comes back from JSON text, in entities that
// behave the same; and what is malformed is refused whole.
import assert from "node:assert/strict";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { ArrayOf, Artifact, Boolean as Bool, Categorical, Date as Day, Duration, ExternalRef, Float, GraphEdge, HeavenBase, HyperG, Identifier, InlineColumn,
  Integer, InvertedIndex, Json, JsonField, LongText, MediumText, ShortText, SideTable, SparseGramIndex, Timestamp, Vector, VectorIndex, entity, field,
  index, unique } from "heavenbase";

const computes = { shout: (/** @type {unknown} */ text) => String(text ?? "").slice(0, 20).toUpperCase(), two: () => [1, 0], seven: () => 7 };

/** @param {HeavenBase["prototype"] | any} ws @param {object} [options] */
async function again(ws, options = {}) {
  const text = JSON.stringify(await ws.toManifest());
  return { text, made: await HeavenBase.fromManifest(JSON.parse(text), { computes, ...options }) };
}

// ---- any definition -------------------------------------------------------------------------

/** @param {number} seed */
function dice(seed) {
  let state = seed * 2654435761 % 2 ** 32;
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  const below = (/** @type {number} */ n) => Math.floor(next() * n);
  return { below, chance: (/** @type {number} */ part) => next() < part, one: (/** @type {readonly any[]} */ list) => list[below(list.length)] };
}

/** Types with values and placements that fit them. @type {readonly [type: any, values: readonly unknown[], strategies: readonly any[], indexed: boolean][]} */
const kinds = [
  [Identifier, ["x1", "y:2"], [InlineColumn], true], [Identifier("doc"), ["x1"], [InlineColumn], true], [ShortText, ["a", "", "Ünï\u0000x", "$int64"], [InlineColumn], true],
  [ShortText(12), ["short"], [InlineColumn], true], [MediumText, ["medium text"], [InlineColumn], false], [LongText, ["long words here", ""], [InlineColumn, InvertedIndex, ExternalRef], false],
  [Integer, [0, -1, 9007199254740993n, -(2n ** 63n)], [InlineColumn], true], [Float, [0.1, -1e300, 3], [InlineColumn], true], [Bool, [true, false], [InlineColumn], true],
  [Categorical(["red", "green"]), ["red"], [InlineColumn], true], [Categorical([1, 2]), [2], [InlineColumn], true], [Timestamp("us"), [1, 1700000000000000], [InlineColumn], true],
  [Timestamp, [0, 1700000000000], [InlineColumn], true], [Day, ["2024-02-29"], [InlineColumn], true], [Duration, [5, 0], [InlineColumn], true],
  [ArrayOf(ShortText), [["a", "b"], []], [InlineColumn, SparseGramIndex], false], [ArrayOf(Integer), [[1, 9007199254740993n]], [SideTable, JsonField], false],
  [ArrayOf(), [[1, "a", null, { b: [1.5] }]], [JsonField], false], [Vector(2), [[1, 0], [0.1, -0.5]], [VectorIndex, VectorIndex({ index: "hnsw", metric: "l2", m: 8, efConstruction: 40, ef: 20 }), VectorIndex({ index: "int8" })], false],
  [Vector, [[1, 2, 3]], [VectorIndex], false], [Json, [{ $int64: "5", "": 1 }, { $bytes: "AQI=", $$x: [9007199254740993n] }, null, "text", [1, { "__proto__x": 2 }], false], [JsonField], false],
  [HyperG({ slot: ShortText, value: field(Integer) }), [[{ slot: "a", value: 1 }]], [SideTable], false], [HyperG(["only"]), [[{ only: "x" }]], [SideTable], false],
  [HyperG({ to: Identifier("any"), w: field(Integer) }), [[]], [GraphEdge, GraphEdge({ target: "to", onDelete: "detach" })], false],
  [Artifact, [new Uint8Array([0, 1, 255]), new Uint8Array()], [InlineColumn, ExternalRef], false],
];

/** @param {ReturnType<typeof dice>} r @param {any} kind @param {string[]} before names of fields to compute from @returns {any} */
function anyField(r, [type, values, strategies, indexed], before) {
  let one = field(type);
  if (r.chance(0.3)) one = one.desc(r.one(["says", "übel \"quoted\"\n"]));
  if (r.chance(0.3)) one = one.tags("a", "b c");
  if (r.chance(0.3)) one = one.example(r.one(values), r.one(values));
  if (r.chance(0.4)) one = one.default(r.one(values));
  if (r.chance(0.2)) one = one.required();
  if (indexed && r.chance(0.3)) one = one.index(r.chance(0.7));
  if (indexed && r.chance(0.1)) one = one.unique();
  if (type === ShortText && before.length > 0 && r.chance(0.4)) one = one.compute("shout", { inputs: [r.one(before)] });
  if (type.descriptor?.type === "vector" && r.chance(0.4)) one = one.queryCompute("two");
  if (type === Integer && r.chance(0.2)) one = one.compute("seven");
  if (r.chance(0.5)) one = one.store({ strategy: r.one(strategies), ...(r.chance(0.5) ? { reason: "as the test wants it" } : {}) });
  return one;
}

/** @param {number} seed */
function anyEntity(seed) {
  const r = dice(seed);
  /** @type {Record<string, any>} */
  const fields = {};
  /** @type {[string, any][]} */
  const chosen = [];
  for (let i = r.below(8) + 1; i > 0; i--) {
    const kind = r.one(kinds);
    const name = `${r.one(["f", "été_", "Wide"])}${i}`;
    fields[name] = anyField(r, kind, Object.keys(fields));
    chosen.push([name, kind]);
  }
  const plain = chosen.filter(([, kind]) => kind[3]).map(([name]) => name);
  const texts = chosen.filter(([, kind]) => kind[0] === LongText).map(([name]) => name);
  const many = plain.length > 1;
  const options = { ...(r.chance(0.3) ? { id: `some_entity-${seed}` } : {}), ...(r.chance(0.3) ? { desc: "about", tags: ["t"] } : {}),
    ...(many && r.chance(0.5) ? { indexes: [r.chance(0.5) ? plain.slice(0, 2) : index(...plain.slice(0, 2), { to: "main" })] } : {}),
    ...(many && r.chance(0.2) ? { constraints: [unique(...plain.slice(-2))] } : {}),
    ...(texts.length > 0 && r.chance(0.5) ? { derive: [{ target: "catalog.summary", compute: "shout", inputs: [texts[0]] }] } : {}) };
  const rows = [0, 1, 2].map((n) => ({ object_id: `o${n}`, ...Object.fromEntries(chosen.filter(() => n > 0).map(([name, kind]) => [name, r.one(kind[1])])) }));
  return { made: entity(`Any${seed}`, fields, options), rows, near: chosen.find(([, kind]) => kind[0].descriptor.dim === 2)?.[0] };
}

/** What a workspace does with the rows: outcomes of writing, what is read, what a query says. @param {any} ws @param {string} id @param {ReturnType<typeof anyEntity>} one */
async function behaviour(ws, id, { rows, near }) {
  const outcomes = [];
  for (const row of rows) outcomes.push(await ws.upsert(id, row).catch((/** @type {any} */ error) => [error.code, error.field, error.message]));
  const read = await ws.rows(id);
  const found = near && await ws.queryJson(id, { near: { field: near, query: [1, 0], top_k: 2 } }).execute().then((/** @type {any} */ frame) => frame.rows(), (/** @type {any} */ error) => error.code);
  const { storage, ...schema } = await ws.schema(id);
  return { outcomes, read, found, schema, storage };
}

test("any entity comes back from the text of a manifest and behaves the same", async () => {
  let registered = 0;
  for (let seed = 1; seed <= 48; seed++) {
    const one = anyEntity(seed);
    const ws = await HeavenBase.open("any", { preset: seed % 3 === 0 ? "edge" : "debug", computes });
    try {
      await ws.register(one.made);
      registered++;
    } catch (error) {
      assert.ok(["SCHEMA", "UNSUPPORTED_STORAGE", "ROUTING"].includes(/** @type {any} */ (error).code), `seed ${seed}: ${error}`);
      await ws.close();
      continue;
    }
    const { text, made } = await again(ws);
    assert.equal(JSON.stringify(await made.toManifest()), text, `seed ${seed}`);
    assert.deepEqual(await behaviour(made, one.made.entityId, one), await behaviour(ws, one.made.entityId, one), `seed ${seed}`);
    await made.register(one.made);                        // the same structure, or it would be refused
    await made.close();
    await ws.close();
  }
  assert.ok(registered > 32, `only ${registered} of the definitions could be registered`);
});

// ---- any opening ----------------------------------------------------------------------------

const folder = fs.mkdtempSync(join(tmpdir(), "hb-manifest-"));
test.after(() => fs.rmSync(folder, { recursive: true, force: true }));
const at = (/** @type {string} */ name) => join(folder, name);

const Note = entity("Note", { title: field(ShortText), far: field(LongText).store({ to: "main" }).store({ to: "search", strategy: InvertedIndex, optional: true, reason: "found there" }),
  emb: field(Vector(2)).store({ to: "vec", strategy: VectorIndex }) });

/** @type {[string, import("heavenbase").OpenOptions, object | null][]} */
const openings = [
  ["debug", {}, { preset: "debug" }],
  ["single options over a preset", { preset: "debug", overrides: { main: { database: at("over.db"), layout: "python" }, vec: { type: "memory" } } }, null],
  ["other engines over a preset", { preset: "web-lts", env: { HVNB_WEB_LTS_POSTGRES_PASSWORD: "s3cret" }, overrides: { main: { type: "sqlite", database: at("web.db") }, vec: { type: "inmem" }, search: { type: "inmem" } } }, null],
  ["a backend of a preset left out", { preset: "edge", overrides: { search: { enabled: false }, vec: { name: "v" } } }, null],
  ["no catalog, relaxed, a span", { preset: "edge", catalog: false, durability: "relaxed", intentMs: 123 }, { preset: "edge", catalog: false, durability: "relaxed", intent_ms: 123 }],
  ["files of every kind", { backends: { main: { type: "sqlite", database: at("m.db") }, vec: { type: "json", path: at("vec") }, search: { type: "file", path: at("s"), fmt: "pickle" }, more: { type: "pickle", path: at("p") } } }, null],
  ["a path as a URL", { backends: { main: { type: "sqlite", database: `file://${at("u%C3%BC.db")}` }, vec: { type: "inmem" }, search: { type: "inmem" } } }, null],
  ["backends with overrides", { backends: { main: { type: "sqlite" }, vec: { type: "inmem" }, search: { type: "inmem" } }, overrides: { main: { database: at("o.db") } } },
    { backends: { main: { type: "sqlite", database: at("o.db") }, vec: { type: "inmem" }, search: { type: "inmem" } } }],
];

for (const [name, options, construction] of openings) {
  test(`an opening comes back: ${name}`, async () => {
    const ws = await HeavenBase.open("opening", options);
    const shown = (/** @type {any} */ one) => one.backends.names().map((/** @type {string} */ key) => one.backends.get(key));
    const first = { backends: shown(ws), preset: ws.preset, durability: ws.durability, persistence: ws.persistence };
    if (ws.backends.names().includes("vec") && ws.backends.names().includes("search")) await ws.register(Note);
    const manifest = await ws.toManifest();
    if (construction) assert.deepEqual({ catalog: true, kind: "preset" in construction ? "preset" : "backends", ...construction }, manifest.construction);
    await ws.close();
    assert.ok(!JSON.stringify(manifest).includes("s3cret"));
    const made = await HeavenBase.fromManifest(JSON.parse(JSON.stringify(manifest)));
    assert.deepEqual({ backends: shown(made), preset: made.preset, durability: made.durability, persistence: made.persistence }, first);
    assert.deepEqual(await made.toManifest(), manifest);
    await made.close();
  });
}

test("paths are kept as they were written", async () => {
  const before = process.cwd();
  process.chdir(folder);
  try {
    const ws = await HeavenBase.open("places", { backends: { main: { type: "json", path: "here" } } });
    const { construction } = await ws.toManifest();
    assert.deepEqual(construction.backends, { main: { type: "json", path: "here" } });
    await ws.close();
  } finally {
    process.chdir(before);
  }
});

// ---- malformed ------------------------------------------------------------------------------

const definition = { name: "A", fields: { a: "integer" } };
const whole = (/** @type {object} */ change) => ({ kind: "heavenbase.workspace.manifest", version: 2, id: "hostile", construction: { kind: "preset", preset: "edge", catalog: true },
  extensions: [], entities: [{ definition, storage: [] }], ...change });
const made = (/** @type {any} */ construction) => whole({ construction });
const defined = (/** @type {any} */ one) => whole({ entities: [{ definition }, { definition: one }] });
const cyclic = /** @type {any} */ ({ name: "C", fields: { a: { type: "json" } } });
cyclic.fields.a.default = cyclic;
const own = (/** @type {string} */ text) => JSON.parse(text);

/** @type {[string, any, string, object?][]} */
const malformed = [
  ["nothing", undefined, "TYPE"], ["null", null, "TYPE"], ["a text", "{}", "TYPE"], ["a list", [], "TYPE"], ["a number", 5, "TYPE"], ["a function", () => {}, "TYPE"], ["no members", {}, "VALIDATION"],
  ["an unknown key", whole({ zzz: 1 }), "VALIDATION"], ["__proto__ as a key", own(JSON.stringify(whole({})).replace("{", "{\"__proto__\":{\"kind\":1},")), "VALIDATION"],
  ["another kind", whole({ kind: "heavenbase" }), "VALIDATION"], ["a version of tomorrow", whole({ version: 3 }), "FORMAT"], ["a version as text", whole({ version: "2" }), "VALIDATION"],
  ["half a version", whole({ version: 2.5 }), "VALIDATION"], ["no id", whole({ id: undefined }), "VALIDATION"], ["an id that is a path", whole({ id: "../x" }), "VALIDATION"],
  ["an extension", whole({ extensions: ["x"] }), "VALIDATION"], ["extensions as a mapping", whole({ extensions: {} }), "VALIDATION"],
  ["no construction", whole({ construction: undefined }), "VALIDATION"], ["a construction in a list", made([]), "VALIDATION"], ["an unknown key in the construction", made({ preset: "edge", url: "x" }), "VALIDATION"],
  ["an unknown preset", made({ preset: "zzz" }), "UNKNOWN_PRESET"], ["a preset called constructor", made({ preset: "constructor" }), "UNKNOWN_PRESET"], ["a preset and backends", made({ preset: "edge", backends: {} }), "VALIDATION"],
  ["no backends", made({ backends: {} }), "VALIDATION"], ["backends in a list", made({ backends: [] }), "VALIDATION"], ["a backend that is a text", made({ backends: { main: "sqlite" } }), "TYPE", { backend: "main" }],
  ["an unknown engine", made({ backends: { main: { type: "zzz" } } }), "UNKNOWN_BACKEND", { backend: "main" }], ["an engine called __proto__", made({ backends: { main: { type: "__proto__" } } }), "UNKNOWN_BACKEND", { backend: "main" }],
  ["an engine that is not built", made({ backends: { main: { type: "postgres" } } }), "UNAVAILABLE", { backend: "main" }], ["a backend called __proto__", made({ backends: own("{\"__proto__\":{\"type\":\"inmem\"}}") }), "INVALID_ID"],
  ["an unknown option", made({ backends: { main: { type: "inmem", zzz: 1 } } }), "UNKNOWN_BACKEND", { backend: "main" }], ["an option of another type", made({ backends: { main: { type: "sqlite", database: 5 } } }), "TYPE", { backend: "main" }],
  ["a path with NUL", made({ backends: { main: { type: "sqlite", database: "a\0b" } } }), "VALIDATION"], ["a path nobody can reach", made({ backends: { main: { type: "sqlite", database: "/no/such/place/x.db" } } }), "UNAVAILABLE", { backend: "main" }],
  ["another durability", made({ preset: "edge", durability: "maybe" }), "VALIDATION"], ["a durability that is a number", made({ preset: "edge", durability: 1 }), "TYPE"], ["a span below none", made({ preset: "edge", intent_ms: -1 }), "VALIDATION"],
  ["a span as text", made({ preset: "edge", intent_ms: "5" }), "TYPE"], ["another persistence", made({ preset: "edge", persist: "tape" }), "VALIDATION"], ["a catalog that is a text", made({ preset: "edge", catalog: "no" }), "VALIDATION"],
  ["overrides of nobody", made({ preset: "edge", overrides: { zzz: {} } }), "UNKNOWN_BACKEND"], ["overrides called constructor", made({ preset: "edge", overrides: { constructor: { type: "inmem" } } }), "UNKNOWN_BACKEND"],
  ["overrides that are a text", made({ preset: "edge", overrides: "x" }), "VALIDATION"], ["an override that is a number", made({ preset: "edge", overrides: { main: 5 } }), "TYPE", { backend: "main" }],
  ["options nested without end", made({ backends: { main: { type: "inmem", a: { b: { c: { d: { e: { f: 1 } } } } } } } }), "VALIDATION"],
  ["entities as a mapping", whole({ entities: {} }), "VALIDATION"], ["no entities", whole({ entities: undefined }), "VALIDATION"], ["an entity that is null", whole({ entities: [null] }), "VALIDATION"], ["an entity without definition", whole({ entities: [{ storage: [] }] }), "VALIDATION"],
  ["an unknown key beside a definition", whole({ entities: [{ definition, rows: [] }] }), "VALIDATION"], ["storage of another shape", whole({ entities: [{ definition, storage: [{ field: "a" }] }] }), "VALIDATION", { entity: "a" }],
  ["an entity twice", defined({ entity_id: "a", name: "Other", fields: { b: "float" } }), "VALIDATION", { entity: "a" }], ["a definition that is a text", defined("B"), "VALIDATION"], ["a definition in a list", defined([]), "VALIDATION"],
  ["a definition without a name", defined({ fields: { a: "integer" } }), "SCHEMA"], ["a name that is a number", defined({ name: 5, fields: { a: "integer" } }), "TYPE"], ["an unknown key in a definition", defined({ name: "B", fields: { a: "integer" }, zzz: 1 }), "SCHEMA"],
  ["__proto__ in a definition", defined(own("{\"name\":\"B\",\"fields\":{\"a\":\"integer\"},\"__proto__\":{}}")), "SCHEMA"], ["a field called __proto__", defined(own("{\"name\":\"B\",\"fields\":{\"__proto__\":\"integer\"}}")), "SCHEMA", { entity: "b", field: "__proto__" }],
  ["fields twice", defined({ name: "B", fields: [{ name: "a", type: "integer" }, { name: "a", type: "float" }] }), "SCHEMA", { entity: "b", field: "a" }], ["no fields", defined({ name: "B", fields: {} }), "SCHEMA", { entity: "b" }],
  ["fields as a text", defined({ name: "B", fields: "a" }), "TYPE", { entity: "b" }], ["a field that is a number", defined({ name: "B", fields: { a: 5 } }), "TYPE", { entity: "b", field: "a" }], ["an unknown type", defined({ name: "B", fields: { a: "zzz" } }), "SCHEMA", { entity: "b", field: "a" }],
  ["an unknown key of a field", defined({ name: "B", fields: { a: { type: "integer", zzz: 1 } } }), "SCHEMA", { entity: "b", field: "a" }], ["required that is a text", defined({ name: "B", fields: { a: { type: "integer", required: "yes" } } }), "TYPE", { entity: "b", field: "a" }],
  ["an unknown strategy", defined({ name: "B", fields: { a: { type: "integer", stores: [{ strategy: "zzz" }] } } }), "SCHEMA", { entity: "b", field: "a" }], ["storage on an unknown backend", defined({ name: "B", fields: { a: { type: "integer", stores: [{ to: "zzz" }] } } }), "ROUTING", { entity: "b", field: "a" }],
  ["a strategy that does not fit", defined({ name: "B", fields: { a: { type: "integer", stores: [{ to: "main", strategy: "graph" }] } } }), "SCHEMA", { entity: "b", field: "a" }],
  ["an index of an unknown field", defined({ name: "B", fields: { a: "integer" }, indexes: [{ fields: ["zzz"] }] }), "SCHEMA", { entity: "b" }], ["an index in a list", defined({ name: "B", fields: { a: "integer" }, indexes: [["a"]] }), "TYPE", { entity: "b" }], ["a dimension below none", defined({ name: "B", fields: { a: { type: "vector", dim: -1 } } }), "SCHEMA", { entity: "b", field: "a" }],
  ["types nested without end", defined({ name: "B", fields: { a: "array[".repeat(200) + "integer" + "]".repeat(200) } }), "LIMIT", { entity: "b", field: "a" }], ["a function nobody registered", defined({ name: "B", fields: { a: { type: "integer", compute: "zzz" } } }), "UNKNOWN_COMPUTE", { entity: "b", field: "a" }],
  ["a default that contains its definition", defined(cyclic), "LIMIT"], ["a default without end of numbers", defined({ name: "B", fields: { a: { type: "json", default: [NaN] } } }), "SCHEMA", { entity: "b", field: "a" }],
  ["a system entity", defined({ entity_id: "sys-catalog", name: "Catalog", fields: { a: "integer" } }), "SCHEMA_CONFLICT", { entity: "sys-catalog" }], ["control characters in a name", defined({ name: "B\u0007", fields: { a: "integer" } }), "SCHEMA"],
  ["more entities than there can be", whole({ entities: Array.from({ length: 5000 }, (_, n) => ({ definition: { name: `E${n}`, fields: { a: "integer" } } })) }), "LIMIT"],
  ["more fields than there can be", defined({ name: "B", fields: Object.fromEntries(Array.from({ length: 5000 }, (_, n) => [`f${n}`, "integer"])) }), "LIMIT", { entity: "b" }],
];

for (const [name, manifest, code, place] of malformed) {
  test(`refused whole: ${name}`, async () => {
    const error = await HeavenBase.fromManifest(manifest).then(async (ws) => assert.fail(`opened with ${await ws.listEntities()}`), (one) => one);
    assert.equal(error.code, code, error.message);
    assert.ok(error.message.length > 10 && error.message.length < 420, error.message);
    for (const [key, value] of Object.entries(place ?? {})) assert.equal(error[key], value, `${key}: ${error.message}`);
  });
}

test("a manifest cut short anywhere is refused, or says what the whole one says", async () => {
  const text = JSON.stringify(whole({}));
  for (let end = 0; end < text.length; end++) assert.throws(() => JSON.parse(text.slice(0, end)));
  const parts = (/** @type {any} */ value, /** @type {(string | number)[]} */ path) => (value === null || typeof value !== "object" ? [path]
    : [path, ...Object.keys(value).flatMap((key) => parts(value[key], [...path, key]))]);
  for (const path of parts(whole({}), []).slice(1)) {
    for (const other of [undefined, null, 5, "x", [], {}, [[]], { a: { b: 1 } }]) {
      const changed = structuredClone(whole({}));
      const last = path.at(-1);
      path.slice(0, -1).reduce((/** @type {any} */ node, /** @type {string} */ key) => node[key], changed)[last] = other;
      const outcome = await HeavenBase.fromManifest(changed).then(async (ws) => ws.close(), (error) => error);
      if (outcome) assert.ok(outcome.code && outcome.code !== "INTERNAL", `${path} = ${JSON.stringify(other)}: ${outcome}`);
    }
  }
});

test("nothing of a manifest is registered when one of its entities cannot be", async () => {
  const database = at("none.db");
  const construction = { backends: { main: { type: "sqlite", database } } };
  const entities = [{ definition }, { definition: { name: "B", fields: { b: { type: "integer", stores: [{ to: "zzz" }] } } } }];
  await assert.rejects(HeavenBase.fromManifest(whole({ construction, entities })), { code: "ROUTING" });
  const ws = await HeavenBase.open("hostile", construction);
  assert.deepEqual(await ws.listEntities(), []);
  assert.equal((await ws.register({ name: "A", fields: { a: "integer" } }, { dryRun: true })).entityId, "a");
  assert.deepEqual(await ws.listEntities(), []);
  await ws.register({ name: "A", fields: { a: "integer" } });
  await assert.rejects(ws.register({ name: "A", fields: { a: "float" } }, { dryRun: true }), { code: "SCHEMA_CONFLICT" });
  await ws.close();
});
