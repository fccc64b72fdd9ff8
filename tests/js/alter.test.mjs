// SPDX-License-Identifier: MIT
// alterEntity on every embedded backend, with every strategy and every kind of change: the rows are what they were, in their
// new shape; what is refused changes nothing; the plan is what was done; reopening and audit agree.
import assert from "node:assert/strict";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after } from "node:test";
import { HeavenBase } from "heavenbase";

// No disk is waited for where there is one in memory: what is tested is not how a disk behaves.
const folder = fs.mkdtempSync(join(fs.existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "hb-alter-"));
after(() => fs.rmSync(folder, { recursive: true, force: true }));

/** Where an entity can live: names of two instances besides main are `one` and `two`. */
const PLACES = {
  inmem: () => ({ main: { type: "inmem" } }),
  "sqlite in memory": () => ({ main: { type: "sqlite" } }),
  sqlite: (at) => ({ main: { type: "sqlite", database: join(at, "own.db") } }),
  "python's sqlite": (at) => ({ main: { type: "sqlite", database: join(at, "python.db"), layout: "python" } }),
  json: (at) => ({ main: { type: "json", path: join(at, "rows") } }),
  pickle: (at) => ({ main: { type: "pickle", path: join(at, "rows") } }),
  file: (at) => ({ main: { type: "file", fmt: "pickle", path: join(at, "rows") } }),
};
/** Pairs between which fields move. */
const SPLITS = {
  "sqlite and json": (at) => ({ main: { type: "sqlite", database: join(at, "own.db") }, one: { type: "json", path: join(at, "rows") } }),
  "json and sqlite": (at) => ({ main: { type: "json", path: join(at, "rows") }, one: { type: "sqlite", database: join(at, "own.db") } }),
  "python's sqlite and sqlite": (at) => ({ main: { type: "sqlite", database: join(at, "python.db"), layout: "python" },
    one: { type: "sqlite", database: join(at, "own.db") } }),
  "inmem and sqlite": (at) => ({ main: { type: "inmem" }, one: { type: "sqlite", database: join(at, "own.db") } }),
  "sqlite and inmem": (at) => ({ main: { type: "sqlite", database: join(at, "own.db") }, one: { type: "inmem" } }),
  "two in memory": () => ({ main: { type: "sqlite" }, one: { type: "inmem" } }),
};

const at = (strategy, more = {}) => ({ storage: { to: "main", strategy, ...more } });
/** A field of every strategy. */
const FIELDS = {
  title: "short-text",
  n: "integer",
  kind: { type: { type: "categorical", values: ["a", "b"] } },
  when: { type: { type: "timestamp", unit: "s" } },
  nums: { type: "array[integer]", ...at("side") },
  tags: { type: "array[short-text]", ...at("sparse-gram") },
  data: { type: "json", ...at("json") },
  emb: { type: "vector[2]", ...at("vector") },
  body: { type: "long-text", ...at("inverted") },
  knows: { type: { type: "hyper-g", fields: [{ name: "to", dtype: { type: "identifier", target_entity: "thing" } }, { name: "since", dtype: "integer" }] }, ...at("graph", { params: { target: "to" } }) },
  scan: { type: "artifact", ...at("external") },
};
const ROWS = [
  { object_id: "x", name: "first", title: "7", n: 1, kind: "a", when: 1700000000, nums: [1, 2], tags: ["p", "q"], data: { k: [1] }, emb: [1, 0],
    body: "agents route queries", knows: [{ to: "y", since: 3 }], scan: new Uint8Array([1, 2, 255]) },
  { object_id: "y", name: "second", title: "8", n: 2, kind: "b", when: 1700000001, nums: [], tags: [], data: "text", emb: [0, 1],
    body: "rows are stored", knows: [], scan: new Uint8Array([9]) },
  { object_id: "z", name: null, title: null, n: 3, kind: null, when: null, nums: null, tags: null, data: null, emb: null, body: null, knows: null, scan: null },
];
const define = (fields, rest = {}) => ({ entity_id: "thing", name: "Thing", fields, ...rest });
const without = (key) => Object.fromEntries(Object.entries(FIELDS).filter(([name]) => name !== key));
const renamed = (from, to) => Object.fromEntries(Object.entries(FIELDS).map(([name, def]) => [name === from ? to : name, def]));
const changed = (key, def) => ({ ...FIELDS, [key]: def });
const rowsWith = (change) => ROWS.map((row) => change({ ...row }));
const moveKey = (from, to) => rowsWith(({ [from]: value, ...row }) => ({ ...row, [to]: value }));
const mapKey = (key, change) => rowsWith((row) => ({ ...row, [key]: row[key] === null ? null : change(row[key]) }));

/** What is asked for, how, and the rows afterwards. */
const CHANGES = {
  "a new field": [define({ ...FIELDS, extra: "short-text" }), {}, rowsWith((row) => ({ ...row, extra: null }))],
  "new fields with defaults": [define({ ...FIELDS, level: { type: "integer", required: true, default: 4 }, list: { type: "array[integer]", default: [5] },
    dir: { type: "vector[2]", default: [1, 1] } }), {}, rowsWith((row) => ({ ...row, level: 4, list: [5], dir: [1, 1] }))],
  "a dropped number": [define(without("n")), { drop: ["n"] }, rowsWith(({ n: _, ...row }) => row)],
  "a dropped side table": [define(without("nums")), { drop: ["nums"] }, rowsWith(({ nums: _, ...row }) => row)],
  "a dropped relation": [define(without("knows")), { drop: ["knows"] }, rowsWith(({ knows: _, ...row }) => row)],
  "a dropped value outside": [define(without("scan")), { drop: ["scan"] }, rowsWith(({ scan: _, ...row }) => row)],
  "a renamed text": [define(renamed("title", "label")), { rename: { title: "label" } }, moveKey("title", "label")],
  "a renamed side table": [define(renamed("nums", "digits")), { rename: { nums: "digits" } }, moveKey("nums", "digits")],
  "a renamed relation": [define(renamed("knows", "friends")), { rename: { knows: "friends" } }, moveKey("knows", "friends")],
  "a renamed value outside": [define(renamed("scan", "image")), { rename: { scan: "image" } }, moveKey("scan", "image")],
  "a renamed vector": [define(renamed("emb", "dir")), { rename: { emb: "dir" } }, moveKey("emb", "dir")],
  "names that change places": [define({ ...FIELDS, label: "short-text", title: "integer", n: undefined }), { rename: { title: "label", n: "title" } },
    rowsWith(({ n, title, ...row }) => ({ ...row, title: n, label: title }))],
  "a number from texts": [define(changed("title", "integer")), {}, mapKey("title", Number)],
  "a text from numbers": [define(changed("n", "short-text")), {}, mapKey("n", String)],
  "a float from integers": [define(changed("n", "float")), {}, ROWS],
  "another unit": [define(changed("when", { type: { type: "timestamp", unit: "ms" } })), {}, mapKey("when", (value) => value * 1000)],
  "more categories": [define(changed("kind", { type: { type: "categorical", values: ["b", "c", "a"] } })), {}, ROWS],
  "other items": [define(changed("nums", { type: "array[short-text]", ...at("sparse-gram") })), {}, mapKey("nums", (list) => list.map(String))],
  "a required field with a default": [define(changed("title", { type: "short-text", required: true, default: "none" })), {},
    rowsWith((row) => ({ ...row, title: row.title ?? "none" }))],
  "a required field": [define(changed("n", { type: "integer", required: true })), {}, ROWS],
  "an index and a constraint": [define(changed("n", { type: "integer", index: true }), { indexes: [{ fields: ["n", "title"] }], constraints: [{ fields: ["title"] }] }), {}, ROWS],
  "other strategies": [define({ ...FIELDS, nums: { type: "array[integer]", ...at("inline") }, tags: { type: "array[short-text]", ...at("side") },
    title: { type: "short-text", ...at("external") }, scan: { type: "artifact", ...at("inline") } }), {}, ROWS],
};

/** What is refused, with its code and field. */
const REFUSALS = {
  "texts that are no numbers": [define(changed("body", "integer")), {}, "VALIDATION", "body"],
  "another dimension": [define(changed("emb", { type: "vector[3]", ...at("vector") })), {}, "VALIDATION", "emb"],
  "a category that rows have": [define(changed("kind", { type: { type: "categorical", values: ["a"] } })), {}, "VALIDATION", "kind"],
  "nulls in a required field": [define(changed("title", { type: "short-text", required: true })), {}, "VALIDATION", "title"],
  "a unit that loses": [define({ ...FIELDS, when: "date" }), {}, "VALIDATION", "when"],
  "a field that goes unnamed": [define(without("data")), {}, "SCHEMA_CONFLICT", "data"],
  "a required field without default": [define({ ...FIELDS, must: { type: "integer", required: true } }), {}, "SCHEMA_CONFLICT", "must"],
  "two rows of one value": [define({ ...FIELDS, same: { type: "integer", unique: true, default: 1 } }), {}, "UNIQUE", "same"],
};

const plain = (value) => (value instanceof Float32Array ? [...value] : value);
const shape = (rows) => rows.map((row) => Object.fromEntries(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => [key, plain(value)])));
const isDurable = (backends) => Object.values(backends).every(({ path, database }) => path ?? database);
let number = 0;

/** A workspace with the rows, in a folder of its own. */
async function fresh(make, definition) {
  const where = join(folder, String(++number));
  fs.mkdirSync(where);
  const backends = make(where);
  const ws = await HeavenBase.open("altering", { backends });
  await ws.register(definition);
  await ws.upsertMany("thing", ROWS);
  return { ws, backends };
}

/** What shows that rows, indexes and definition are in step. */
async function check(ws, want) {
  assert.deepEqual(shape(await ws.rows("thing")), shape(want));
  const first = want[0];
  const found = async (filter) => (await ws.queryJson("thing", { filter }).execute()).ids;
  for (const key of ["nums", "digits", "tags"]) {
    if (key in first) assert.deepEqual(await found({ [key]: { array_contains: first[key][0] } }), ["x"], key);
  }
  for (const key of ["label", "n"]) if (key in first) assert.deepEqual(await found({ [key]: first[key] }), ["x"], key);
  if ("body" in first) {
    assert.deepEqual((await ws.queryJson("thing", { search: { fields: ["body"], query: "agents", top_k: 3 } }).execute()).ids, ["x"]);
  }
  const vector = "emb" in first ? "emb" : "dir";
  assert.deepEqual((await ws.queryJson("thing", { near: { field: vector, query: [1, 0], top_k: 1 } }).execute()).ids, ["x"]);
  const audit = await ws.audit();
  assert.equal(audit.ok, true, JSON.stringify(audit));
}

async function reopened(ws, backends, want) {
  await ws.close();
  if (!isDurable(backends)) return;
  const again = await HeavenBase.open("altering", { backends });
  await check(again, want);
  await again.upsert("thing", { ...want[0], object_id: "w", title: undefined, label: undefined, ...("title" in want[0] && { title: "11" }) }, { unknown: "drop" });
  assert.equal(await again.count("thing"), want.length + 1);
  await again.close();
}

/** Does the plan say what was done? Moved fields by the storage that register would have answered with. */
async function alter(ws, definition, moves) {
  const plan = await ws.planAlter(definition, moves);
  assert.deepEqual([plan.ok, plan.refused, plan.rows], [true, [], ROWS.length]);
  await ws.alterEntity(definition, { confirm: "thing", ...moves });
  const again = await ws.planAlter(definition);
  assert.equal(again.same, true);
  return plan;
}

for (const [place, make] of Object.entries(PLACES)) {
  test(`${place}: every change keeps the rows`, async (t) => {
    for (const [name, [definition, moves, want]] of Object.entries(CHANGES)) {
      await t.test(name, async () => {
        const { ws, backends } = await fresh(make, define(FIELDS));
        await alter(ws, JSON.parse(JSON.stringify(definition)), moves);
        await check(ws, want);
        await reopened(ws, backends, want);
      });
    }
  });

  test(`${place}: what is refused changes nothing`, async () => {
    const { ws, backends } = await fresh(make, define(FIELDS));
    for (const [name, [definition, moves, code, field]] of Object.entries(REFUSALS)) {
      const plan = await ws.planAlter(definition, moves);
      assert.deepEqual([plan.ok, plan.refused.length], [false, 1], name);
      await assert.rejects(ws.alterEntity(definition, { confirm: "thing", ...moves }), { code, field, entity: "thing" }, name);
      assert.equal((await ws.planAlter(define(FIELDS))).same, true);
    }
    await check(ws, ROWS);
    await reopened(ws, backends, ROWS);
  });
}

const to = (key, ...places) => changed(key, { ...(typeof FIELDS[key] === "string" ? { type: FIELDS[key] } : FIELDS[key]), storage: undefined,
  stores: places.map((place) => ({ strategy: FIELDS[key].storage?.strategy ?? "inline", ...FIELDS[key].storage?.params && { params: FIELDS[key].storage.params }, to: place })) });
for (const [place, make] of Object.entries(SPLITS)) {
  test(`${place}: fields move, replicas come and go`, async (t) => {
    const steps = [["title", ["one"]], ["nums", ["one"]], ["emb", ["one"]], ["body", ["one"]], ["knows", ["one"]], ["scan", ["one"]],
      ["tags", ["main", "one"]], ["data", ["one", "main"]]];
    for (const [key, places] of steps) {
      await t.test(`${key} to ${places.join(" and ")} and back`, async () => {
        const { ws, backends } = await fresh(make, define(FIELDS));
        const there = JSON.parse(JSON.stringify(define(to(key, ...places))));
        const plan = await alter(ws, there, {});
        assert.deepEqual(plan.moved.map(({ field, to: now }) => [field, now.map(({ backend }) => backend).sort()]), [[key, [...places].sort()]]);
        assert.equal(plan.backends.find(({ backend }) => backend === "one").action, "make");
        await check(ws, ROWS);
        await ws.set("x", { [key]: ROWS[0][key] }, { entity: "thing" });
        await check(ws, ROWS);
        const back = await alter(ws, define(FIELDS), {});
        assert.equal(back.backends.find(({ backend }) => backend === "one").action, "drop");
        await check(ws, ROWS);
        await alter(ws, there, {});
        await reopened(ws, backends, ROWS);
      });
    }
  });
}

/** Types of a field, with values that rows have. */
const TYPES = {
  "short-text": ["7", "1.5", "2024-05-06", "true", "[1, 2]", "a"],
  "long-text": ["a", "8", "{}"],
  identifier: ["a", "9"],
  integer: [0, 1, 1700000000, -3],
  float: [1.5, -0.25], // a whole one is an integer where JavaScript writes it
  boolean: [true, false],
  date: ["2024-05-06"],
  "timestamp in s": [1700000000, 0],
  "timestamp in ms": [1700000000123, 1700000001000],
  categorical: ["a", "b"],
  json: [{ k: [1] }, [1, 2], ["a"], "a", 5, true],
  "array[integer]": [[1, 2], []],
  "array[short-text]": [["a", "b"], ["1", "2"]],
  "vector[2]": [[0.25, 0.5]],
  artifact: [new Uint8Array([97, 255])],
};
const typeOf = (name) => ({ categorical: { type: "categorical", values: ["a", "b"] }, "timestamp in s": { type: "timestamp", unit: "s" },
  "timestamp in ms": { type: "timestamp", unit: "ms" } })[name] ?? name;
const NAMES = Object.keys(TYPES);
/** An entity with a field for each type that `type` says of its name. */
const every = (type) => define(Object.fromEntries(NAMES.map((name, i) => [`f${i}`, { type: typeOf(type(name)) }])));

/** What a field of another type makes of a value: what it would be if it were written there, else null. Times stay the same time. */
async function writtenAs(ws, from, to, value) {
  if (from === to) return value;
  if (from === "timestamp in s" && to === "timestamp in ms") return value * 1000;
  if (from === "timestamp in ms" && to === "timestamp in s") return Math.trunc(value / 1000);
  try {
    await ws.upsert("thing", { object_id: "try", [`f${NAMES.indexOf(to)}`]: value });
  } catch (error) {
    assert.ok(["VALIDATION", "TYPE"].includes(error.code), error);
    return null;
  }
  return (await ws.get("try"))[`f${NAMES.indexOf(to)}`];
}

test("register with allowReplace makes of every value what the new type takes, alike on every backend", async () => {
  const scratch = await HeavenBase.open("scratch", { backends: { main: { type: "inmem" } } });
  await scratch.register(every((name) => name));
  for (const [from, values] of Object.entries(TYPES)) {
    const want = [];
    for (const [i, value] of values.entries()) {
      const row = { object_id: `r${i}`, name: "n" };
      for (const [f, to] of NAMES.entries()) row[`f${f}`] = await writtenAs(scratch, from, to, value);
      want.push(row);
    }
    want.push({ object_id: "z", name: null, ...Object.fromEntries(NAMES.map((_, f) => [`f${f}`, null])) });
    for (const place of ["inmem", "sqlite", "python's sqlite", "json", "pickle"]) {
      const where = join(folder, String(++number));
      fs.mkdirSync(where);
      const backends = PLACES[place](where);
      const ws = await HeavenBase.open("replacing", { backends });
      await ws.register(every(() => from));
      await ws.upsertMany("thing", [...values.map((value, i) => ({ object_id: `r${i}`, name: "n", ...Object.fromEntries(NAMES.map((_, f) => [`f${f}`, value])) })),
        { object_id: "z" }]);
      await ws.register(every((name) => name), { allowReplace: true });
      assert.deepEqual(shape(await ws.rows("thing")), shape(want), `${from} in ${place}`);
      const audit = await ws.audit();
      assert.equal(audit.ok, true, JSON.stringify(audit));
      await ws.close();
      if (!isDurable(backends)) continue;
      const again = await HeavenBase.open("replacing", { backends });
      assert.deepEqual(shape(await again.rows("thing")), shape(want), `${from} in ${place}, reopened`);
      await again.close();
    }
  }
  await scratch.close();
});

test("register with allowReplace leaves null in a required field what its new type does not take", async () => {
  for (const [place, make] of Object.entries(PLACES)) {
    const where = join(folder, String(++number));
    fs.mkdirSync(where);
    const ws = await HeavenBase.open("replacing", { backends: make(where) });
    await ws.register(define({ a: "short-text", b: "integer" }));
    await ws.upsertMany("thing", [{ object_id: "x", a: "7", b: 1 }, { object_id: "y", a: "none", b: 2 }]);
    await ws.register(define({ a: { type: "integer", required: true }, b: "integer", c: { type: "integer", default: 5 } }), { allowReplace: true });
    const rows = [{ object_id: "x", name: null, a: 7, b: 1, c: null }, { object_id: "y", name: null, a: null, b: 2, c: null }];
    assert.deepEqual(shape(await ws.rows("thing")), shape(rows), place);
    await assert.rejects(ws.set("y", { b: 3 }, { entity: "thing" }), { code: "VALIDATION", field: "a" });
    await ws.set("y", { a: 8 }, { entity: "thing" });
    // Two rows must not share what has to be unique: nothing changes.
    await ws.register({ name: "Other", fields: { x: "float" } });
    await ws.upsertMany("other", [{ object_id: "a", x: 1.5 }, { object_id: "b", x: 1.25 }]);
    await assert.rejects(ws.register({ name: "Other", fields: { x: { type: "integer", unique: true } } }, { allowReplace: true }), { code: "UNIQUE", field: "x" });
    assert.deepEqual((await ws.rows("other")).map(({ x }) => x), [1.5, 1.25]);
    await ws.close();
  }
});

test("a field that its table has with another type is not taken for JSON, and says what to do", async () => {
  const where = join(folder, String(++number));
  fs.mkdirSync(where);
  const ws = await HeavenBase.open("replacing", { backends: PLACES["python's sqlite"](where) });
  await ws.register(define({ a: "short-text", n: "short-text" }));
  await ws.upsert("thing", { object_id: "x", a: "A", n: "text" });
  await ws.register(define({ a: "short-text" }), { allowReplace: true });
  for (const type of ["json", "integer", "vector[2]"]) {
    await assert.rejects(ws.register(define({ a: "short-text", n: type }), { allowReplace: true }),
      { code: "SCHEMA_DRIFT", field: "n", message: /declare the field with the type that its column has, then alterEntity/ });
  }
  await ws.register(define({ a: "short-text", n: "short-text" }), { allowReplace: true });
  await ws.alterEntity(define({ a: "short-text", n: "json" }), { confirm: "thing" });
  assert.equal((await ws.get("x")).n, "text");
  await ws.close();
});

test("register with allowReplace keeps the rows of every backend", async () => {
  for (const backends of [{ main: { type: "inmem" } }, { main: { type: "sqlite", database: ":memory:" } }]) {
    const ws = await HeavenBase.open("replace", { backends });
    await ws.register({ name: "Thing", fields: { a: "integer", gone: "short-text" } });
    await ws.upsert("thing", { object_id: "x", a: 1, gone: "text" });
    await assert.rejects(ws.register({ name: "Thing", fields: { a: "integer", b: "nothing-known" } }, { allowReplace: true }), { code: "SCHEMA" });
    assert.deepEqual(await ws.get("x", { entity: "thing" }), { object_id: "x", name: null, a: 1, gone: "text" });
    await ws.register({ name: "Thing", fields: { a: { type: "integer", index: true }, b: "short-text" } }, { allowReplace: true });
    await ws.upsert("thing", { object_id: "y", a: 1, b: "new" });
    const rows = (await ws.queryJson("thing", { filter: { a: 1 } }).execute()).rows();
    assert.deepEqual(rows.map(({ object_id, a, b }) => [object_id, a, b ?? null]), [["x", 1, null], ["y", 1, "new"]]);
    assert.ok(!("gone" in rows[0]));
    await ws.close();
  }
});
