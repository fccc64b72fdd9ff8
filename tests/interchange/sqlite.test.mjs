// SPDX-License-Identifier: MIT
// SQLite files of HeavenBase for Python: a file that it wrote is read here, and what is written here it reads again.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after } from "node:test";
import { gunzipSync } from "node:zlib";
import { HeavenBase } from "heavenbase";
import { at } from "../../scripts/lib.mjs";
import { fileUri, fromPython, python } from "./python.mjs";

const folder = fs.mkdtempSync(join(tmpdir(), "hb-interchange-sqlite-"));
after(() => fs.rmSync(folder, { recursive: true, force: true }));

/** What Python reads in it; integers beyond 2^53 as {"$int": text}. */
const product = fromPython(JSON.parse(fs.readFileSync(at("tests/interchange/fixtures/sqlite-product.json"), "utf8")));

/** The file that Python wrote (HeavenBase 0.1.2.2: forty rows of one entity), a fresh copy. @param {string} name */
function productFile(name) {
  const path = join(folder, name);
  fs.writeFileSync(path, gunzipSync(fs.readFileSync(at("tests/interchange/fixtures/sqlite-product.db.gz"))));
  return path;
}

/** @param {string} id @param {string} database @param {object} [more] */
const open = (id, database, more = {}) => HeavenBase.open(id, { backends: { main: { type: "sqlite", database, ...more } } });

/** Values that compare: typed arrays as lists of float32s, integers as BigInt or number by size. @param {any} value @returns {any} */
function plain(value) {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (value instanceof Uint8Array) return [...value];
  if (value instanceof Float32Array) return [...value];
  if (Array.isArray(value)) return value.map(plain);
  if (value && typeof value === "object") return Object.fromEntries(Object.keys(value).sort().map((key) => [key, plain(value[key])]));
  return Object.is(value, -0) ? 0 : value;
}

/** Python's row, its vectors as the float32s that they are here. @param {any} row @param {string[]} vectors */
function rounded(row, vectors) {
  const copy = { ...row };
  for (const name of vectors) if (copy[name]) copy[name] = copy[name].map(Math.fround);
  return plain(copy);
}

/** @param {any[]} rows */
const byId = (rows) => Object.fromEntries(rows.map((row) => [row.object_id, plain(row)]));

/** Every type and storage that a SQLite file of Python knows. */
const every = { entity_id: "every-thing", name: "EveryThing", fields: {
  name: "ShortText", code: "Identifier", short: { type: { type: "short-text", max_chars: 40 } }, med: "MediumText", long: "LongText",
  n: "Integer", f: "Float", b: "Boolean", cs: { type: { type: "categorical", values: ["aa", "b"] } },
  ci: { type: { type: "categorical", values: [1, 22], base: "integer" } }, ts: { type: { type: "timestamp", unit: "s" } }, day: "Date", dur: "Duration",
  at: "array[short-text]", ai: "array[integer]", al: "array[long-text]", ad: "array[date]",
  v: "vector[3]", vv: "vector", j: "Json",
  h: { type: { type: "hyper-g", fields: [{ name: "slot", dtype: "short-text" }, { name: "n", dtype: "integer", required: false },
    { name: "fl", dtype: "float", required: false }, { name: "js", dtype: "json", required: false }] } },
  art: "Artifact", req: { type: "ShortText", required: true, unique: true },
  inl: { type: "array[integer]", storage: { to: "main", strategy: "inline" } },
  hin: { type: "hyper-g[a,b]", storage: { to: "main", strategy: "inline" } },
} };
const vectors = ["v", "vv"];
const awkward = ["quo\"te", "back\\slash", "tab\there", "new\nline", "名前 ÉCOLE", "emoji 😀", "%like_", "o'brien; DROP TABLE x", "Ünïcode Straße", "nul\u0000char"];

/** @param {string} prefix */
function everyRows(prefix) {
  const rows = awkward.map((text, i) => ({
    object_id: `${prefix}-${i}`, name: `${prefix} ${text}`, code: `c${i}`, short: text, med: text.repeat(3), long: `${text} `.repeat(40),
    n: [2n ** 63n - 1n, -(2n ** 63n), 0, 2n ** 53n + 1n][i % 4], f: [0.1, 1e300, -0, 5e-324, 0.30000000000000004][i % 5], b: i % 2 === 0,
    cs: i % 2 ? "aa" : "b", ci: i % 2 ? 1 : 22, ts: 1_700_000_000 + i, day: `2024-02-${10 + i}`, dur: i * 1000,
    at: [text, "Alpha beta", "x", "", "!!", `long keyword number ${i}`], ai: [i, 2n ** 60n, -(2n ** 63n)], al: [text], ad: ["1999-12-31"],
    v: [0.1, i, -3.5], vv: Array.from({ length: (i % 3) + 1 }, (_, k) => k / 3), j: { text, deep: [1, 2.5, null, true, { x: text, big: 2n ** 60n }] },
    h: [{ slot: text, n: 2n ** 60n, fl: 0.1, js: { a: [text] } }, { slot: "only" }], art: new Uint8Array([0, i, 255]), req: `${prefix}${i}`,
    inl: [1, 2n ** 60n], hin: [{ a: text, b: "2" }],
  }));
  return [...rows, { object_id: `${prefix}-null`, req: `${prefix} null` },
    { object_id: `${prefix}-empty`, req: `${prefix} empty`, name: "", at: [], ai: [], h: [], j: {}, art: new Uint8Array(0), inl: [], hin: [] }];
}

test("a file of Python reads equal, and keeps its layout", async () => {
  const database = productFile("read.db");
  await assert.rejects(open("interop", database, { layout: "own" }), { code: "REFUSED" });
  const ws = await open("interop", database);
  const Product = await ws.register(product.schema);
  const rows = await ws.rows(Product);
  assert.deepEqual(byId(rows), Object.fromEntries(Object.entries(product.rows).map(([id, row]) => [id, rounded(row, ["emb"])])));
  assert.equal((await ws.audit()).catalog.ok, true);
  await ws.close();
});

test("filters, order, near and search over Python's tables", async () => {
  const ws = await open("interop", productFile("query.db"));
  const Product = await ws.register(product.schema);
  const all = Object.values(product.rows).map((row) => rounded(row, ["emb"]));
  /** @param {any} filter @param {(row: any) => boolean} holds */
  const same = async (filter, holds) => assert.deepEqual((await ws.query(Product).where(filter).execute()).ids, all.filter(holds).map((row) => row.object_id).sort());
  await same({ tags: { array_contains: "back\\slash" } }, (row) => row.tags?.includes("back\\slash"));
  await same({ nums: { array_contains: -3 } }, (row) => row.nums?.includes(-3));
  await same({ qty: { gte: 0 } }, (row) => row.qty !== null && row.qty >= 0);
  await same({ status: "used" }, (row) => row.status === "used");
  await same({ body: { match: "DROP" } }, (row) => row.body?.toLowerCase().includes("drop"));
  await same({ "meta.big": { eq: 9007199254740993n } }, (row) => row.meta?.big === 9007199254740993n);
  await same({ tags: { is_null: true } }, (row) => row.tags === null);
  const near = (await ws.query(Product).near("emb", [1, 0, 0, 0], { topK: 3 }).execute()).rows();
  const cosine = (/** @type {number[]} */ v) => v[0] / Math.hypot(...v);
  assert.deepEqual(near.map((row) => row.object_id), all.filter((row) => row.emb).sort((a, b) => cosine(b.emb) - cosine(a.emb)).slice(0, 3).map((row) => row.object_id));
  const found = (await ws.query(Product).search(["body"], "emoji", { topK: 100 }).execute()).ids;
  assert.deepEqual(found.toSorted(), all.filter((row) => /emoji/.test(row.body ?? "")).map((row) => row.object_id).sort());
  await ws.close();
});

test("what a writer that was killed had committed to its WAL is seen", async () => {
  const database = productFile("wal.db");
  execFileSync(at(".cache/python/bin/python"), ["-c", `
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("UPDATE product SET title = 'from the log'")
os._exit(0)`, database]);
  assert.ok(fs.statSync(`${database}-wal`).size > 0, "nothing was left in the log");
  await assert.rejects(open("interop", database), { code: "LOCKED", native: "WAL" }, "its -shm file looks as if it lived");
  fs.rmSync(`${database}-shm`);
  const ws = await open("interop", database);
  const Product = await ws.register(product.schema);
  assert.equal(await ws.query(Product).where({ title: "from the log" }).count().scalar(), 40);
  await ws.close();
  const count = execFileSync(at(".cache/python/bin/python"), ["-c", `
import sqlite3, sys
print(sqlite3.connect(sys.argv[1]).execute("SELECT count(*) FROM product WHERE title = 'from the log'").fetchone()[0])`, database]);
  assert.equal(String(count).trim(), "40");
});

test("rows go to Python and back", { timeout: 900_000 }, async () => {
  const database = join(folder, "round.db");
  const ours = everyRows("ours");
  const ws = await open("alpha", database, { layout: "python" });
  const Every = await ws.register(every);
  await ws.upsertMany(Every, ours.map((row) => ({ ...row, short: "replaced below", at: ["gone"] })));
  await ws.upsertMany(Every, ours);
  await ws.upsert(Every, { object_id: "doomed", req: "doomed", at: ["doomed"], ai: [7] });
  await ws.delete("doomed", { entity: "every-thing" });
  const before = byId(await ws.rows(Every));
  assert.equal((await ws.audit()).catalog.ok, true);
  await ws.close();

  // Python's batches on SQL want the same keys in every row.
  const nothing = Object.fromEntries(Object.keys(every.fields).map((name) => [name, null]));
  const theirs = everyRows("theirs").map((row) => ({ ...nothing, ...row }));
  const answers = await python({ id: "alpha",
    backends: { main: { type: "sqlite", database: fileUri(database) } }, steps: [
      { op: "register", schema: every },
      { op: "rows", entity: "every-thing" },
      { op: "audit" },
      { op: "query", entity: "every-thing", query: { filter: { at: { contained_in: "some 名前, école and LONG keyword-number 4!" } }, select: ["object_id"] } },
      { op: "query", entity: "every-thing", query: { filter: { at: { array_contains: "back\\slash" } }, select: ["object_id"] } },
      { op: "query", entity: "every-thing", query: { filter: { h: { exists: { slot: "emoji 😀" } } }, select: ["object_id"] } },
      { op: "query", entity: "every-thing", query: { filter: { at: { contained_in: "gone doomed" } }, select: ["object_id"] } },
      { op: "upsert", entity: "every-thing", rows: theirs },
      { op: "set", entity: "every-thing", rows: [{ object_id: "ours-1", at: ["set by Python"], n: 5, h: [] }] },
      { op: "audit" },
    ] });
  assert.deepEqual(answers.filter((answer) => answer.error), []);
  const [, rows, audit, contained, contains, hyper, gone, , , again] = answers;
  assert.deepEqual(Object.fromEntries(Object.entries(rows.ok).map(([id, row]) => [id, rounded(row, vectors)])), before);
  assert.equal(audit.ok.catalog.ok, true, JSON.stringify(audit.ok, (_, value) => (typeof value === "bigint" ? String(value) : value)).slice(0, 2000));
  /** @param {any} answer */
  const ids = (answer) => answer.ok.map((/** @type {any} */ row) => row.object_id).sort();
  assert.deepEqual(ids(contained), ["ours-4"]);
  assert.deepEqual(ids(contains), ["ours-1"]);
  assert.deepEqual(ids(hyper), ["ours-5"]);
  assert.deepEqual(ids(gone), []);
  assert.equal(again.ok.catalog.ok, true);

  const reopened = await open("alpha", database);
  const back = byId(await reopened.rows("every-thing"));      // its definition is kept in the file
  assert.deepEqual(back["ours-1"], { ...before["ours-1"], at: ["set by Python"], n: 5, h: [] });
  for (const row of ours.filter(({ object_id }) => object_id !== "ours-1")) assert.deepEqual(back[row.object_id], before[row.object_id]);
  for (const row of theirs) {
    const id = row.object_id.replace("theirs", "ours");
    const { object_id, name, req, ...same } = back[row.object_id];
    const { object_id: _id, name: _name, req: _req, ...want } = before[id];
    assert.deepEqual(same, want, object_id + name + req);
  }
  assert.deepEqual((await reopened.query("every-thing").where({ at: { array_contains: "set by Python" } }).execute()).ids, ["ours-1"]);
  assert.equal((await reopened.audit()).catalog.ok, true);
  await reopened.close();
});
