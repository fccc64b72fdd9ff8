// SPDX-License-Identifier: MIT
// postgres and pgvector over the real engine, PGlite: what reaches it, what comes back, and what happens when it fails.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { PGlite } from "@electric-sql/pglite";
import { vector } from "@electric-sql/pglite-pgvector";
import { Float, HeavenBase, Integer, Json, LongText, ShortText, Vector, VectorIndex, entity, field } from "heavenbase";
import { pgliteDriver } from "heavenbase/drivers/pglite";

const Doc = entity("Doc", { title: field(ShortText), body: field(LongText), n: field(Integer), f: field(Float), j: field(Json), v: field(Vector(3)) });
/** @type {PGlite} */
let db;
before(async () => {
  db = await PGlite.create({ extensions: { vector } });
  await db.exec("CREATE EXTENSION vector");
});
after(() => db.close());

/** A driver that keeps what it is asked, and refuses what `refuse` names. @param {(sql: string) => unknown} [refuse] */
function watched(refuse = () => undefined) {
  /** @type {string[][]} */
  const seen = [];
  const driver = pgliteDriver(db);
  const look = (/** @type {import("../../js/host/sql.js").Statement[]} */ statements) => {
    seen.push(statements.map(({ sql }) => sql));
    for (const { sql } of statements) {
      const error = refuse(sql);
      if (error) throw error;
    }
  };
  return { seen, driver: {
    execute: async (/** @type {string} */ sql, /** @type {unknown[]} */ params, /** @type {any} */ options) => {
      look([{ sql, params }]);
      return driver.execute(sql, params, options);
    },
    batch: async (/** @type {any[]} */ statements, /** @type {any} */ options) => {
      look(statements);
      return /** @type {any} */ (driver.batch)(statements, options);
    },
  } };
}

const open = (/** @type {string} */ id, driver = pgliteDriver(db), type = "pgvector", options = {}) =>
  HeavenBase.open(id, { backends: { main: { type } }, drivers: { main: driver }, ...options });
/** @param {number} i */
const row = (i) => ({ name: `doc ${i}`, title: `Title ${i}`, body: i % 2 ? "the quick fox" : "a lazy dog", n: i, f: i / 3, j: { k: [i, null, "é"] }, v: [i, 1, -i] });

test("rows come back as they went, int64, floats, nulls and all, after reopening too", async () => {
  const ws = await open("pg-values");
  await ws.register(Doc);
  const rows = [row(1), { ...row(2), n: 2n ** 62n + 1n, f: 1e-300, body: null, v: null, j: "text" }, { ...row(3), n: -(2n ** 63n), f: null, title: "quote ' \" \\ ; -- 😀", j: { deep: { a: [1.5, true] } } }];
  const ids = await ws.upsertMany(Doc, rows);
  const check = async (/** @type {any} */ at) => {
    for (const [i, id] of ids.entries()) {
      const found = await at.get(id, { entity: Doc });
      for (const [name, value] of Object.entries(rows[i])) assert.deepEqual(name === "v" && found[name] ? [...found[name]] : found[name], value, name);
    }
  };
  await check(ws);
  await ws.close();
  const again = await open("pg-values");
  await again.register(Doc);
  await check(again);
  assert.equal((await again.audit()).catalog.ok, true);
  await again.drop();
  const { rows: left } = await db.query("SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'hb_pg-values' AND relkind = 'r' AND relname <> 'hb_meta'");
  assert.deepEqual(left, []);
  await again.close();
});

test("filters, order, limit and the nearest vectors are the engine's; values are bound", async () => {
  const { seen, driver } = watched();
  const ws = await open("pg-push", driver);
  await ws.register(Doc);
  await ws.upsertMany(Doc, Array.from({ length: 12 }, (_, i) => row(i)));
  seen.length = 0;
  const hostile = "x'; DROP TABLE doc; --";
  assert.equal((await ws.query(Doc).where(Doc.title.eq(hostile)).execute()).length, 0);
  const frame = await ws.query(Doc).where(Doc.n.gte(4)).where(Doc.title.startsWith("Title")).orderBy(Doc.n, "desc").limit(2).select("title").execute();
  assert.deepEqual(frame.rows().map((one) => one.title), ["Title 11", "Title 10"]);
  const near = await ws.query(Doc).where(Doc.n.lt(6)).near(Doc.v, [1, 0, 0], { topK: 2 }).select("title", "score").execute();
  assert.deepEqual(near.rows().map((one) => one.title), ["Title 5", "Title 4"]);
  assert.ok(!seen.flat().some((sql) => sql.includes("DROP TABLE doc")));
  assert.match(seen[1][0], /WHERE \(.*"n" >= \$1::bigint.*starts_with\("title", \$2::text\).*ORDER BY "n" DESC NULLS LAST, "object_id" NULLS LAST LIMIT \$3::bigint/);
  assert.match(seen[2][0], /"n" < \$1::bigint AND \("v" IS NOT NULL\) ORDER BY coalesce\(nullif\("v" <=> \$2::vector, 'NaN'\), 1\), "object_id" LIMIT/);
  assert.equal(seen.length, 4);
  await ws.drop();
  await ws.close();
});

test("a searched text that no row has is found in none, whatever kind its column seems to be of", async () => {
  const ws = await open("pg-texts");
  await ws.register(Doc);
  await ws.upsert(Doc, { ...row(1), title: null });
  const ids = async (/** @type {string} */ text) => (await ws.queryJson(Doc, { search: { fields: ["title", "body"], query: text } }).execute()).ids;
  assert.deepEqual([(await ids("fox")).length, await ids("bear")], [1, []]);
  await ws.drop();
  await ws.close();
});

test("a write is one transaction, rows and Catalog together; nothing is left of one that fails", async () => {
  let broken = false;
  const { seen, driver } = watched((sql) => (broken && sql.includes('"sys-catalog"') && sql.startsWith("INSERT") ? Object.assign(new Error("secret value"), { code: "53300" }) : undefined));
  const ws = await open("pg-tx", driver);
  await ws.register(Doc);
  await ws.upsert(Doc, row(1));
  assert.deepEqual(seen.at(-1)?.map((sql) => sql.slice(0, 12)), ["INSERT INTO ", "INSERT INTO "]);
  broken = true;
  await assert.rejects(ws.upsert(Doc, row(2)), (/** @type {any} */ error) => {
    assert.deepEqual([error.code, error.backend, error.native], ["UNAVAILABLE", "main", "53300"]);
    return true;
  });
  broken = false;
  assert.equal(await ws.count(Doc), 1);
  await ws.upsert(Doc, row(2));
  assert.equal(await ws.count(Doc), 2);
  assert.equal((await ws.audit()).catalog.ok, true);
  await ws.drop();
  await ws.close();
});

test("errors are typed, and say nothing of what the engine said", async () => {
  const failing = (/** @type {string} */ code) => ({ execute: () => Promise.reject(Object.assign(new Error("password=hunter2 value 'x'"), { code })) });
  for (const [code, expected] of [["28P01", "REFUSED"], ["42P01", "SCHEMA_DRIFT"], ["40001", "LOCKED"], ["57014", "TIMEOUT"], ["XX000", "BACKEND"], ["22003", "VALIDATION"]]) {
    await assert.rejects(open("pg-errors", failing(code)), (/** @type {any} */ error) => {
      assert.deepEqual([error.code, error.backend, error.native], [expected, "main", code]);
      assert.doesNotMatch(error.message, /hunter2|'x'/);
      return true;
    });
  }
  await assert.rejects(HeavenBase.open("pg-errors", { backends: { main: { type: "postgres" } } }), { code: "UNAVAILABLE", message: /needs a driver/ });
  const readOnly = { execute: pgliteDriver(db).execute };
  const ws = await open("pg-errors", readOnly);
  await assert.rejects(ws.register(Doc), { code: "UNSUPPORTED" });
  await ws.close();
});

test("a text with U+0000 is refused before anything is sent", async () => {
  const { seen, driver } = watched();
  const ws = await open("pg-nul", driver);
  await ws.register(Doc);
  seen.length = 0;
  await assert.rejects(ws.upsert(Doc, { ...row(1), title: "a\0b" }), { code: "VALIDATION", field: "title", entity: "doc", backend: "main" });
  assert.equal(seen.filter((one) => one[0].startsWith("INSERT")).length, 0);
  await ws.upsert(Doc, { ...row(1), j: { a: "x\0y" } });
  const [found] = (await ws.query(Doc).where(Doc.title.eq("a\0b").or(Doc.n.eq(1))).select("j").execute()).rows();
  assert.deepEqual(found.j, { a: "x\0y" });
  await ws.drop();
  await ws.close();
});

test("two workspaces are apart; another instance sees what is committed, and definitions after refresh", async () => {
  const one = await open("pg-one"), other = await open("pg-other"), twin = await open("pg-one");
  await one.register(Doc);
  await other.register(Doc);
  await one.upsert(Doc, row(1));
  assert.equal(await other.count(Doc), 0);
  await twin.refresh();
  await twin.register(Doc);
  assert.equal(await twin.count(Doc), 1);
  await one.drop();
  assert.equal(await other.count(Doc), 0);
  await other.drop();
  for (const ws of [one, other, twin]) await ws.close();
});

test("a table that another program took is named, and made again by registering", async () => {
  const ws = await open("pg-drift");
  await ws.register(Doc);
  await ws.upsert(Doc, row(1));
  await db.exec('DROP TABLE "hb_pg-drift"."doc"');
  await assert.rejects(ws.query(Doc).execute(), { code: "SCHEMA_DRIFT", native: "42P01" });
  await ws.drop();
  await ws.close();
});

test("rows here, vectors in the module: one query over both", async () => {
  const Split = entity("Split", { title: field(ShortText).store({ to: "main" }), v: field(Vector(3)).store({ to: "vec", strategy: VectorIndex }) });
  const ws = await HeavenBase.open("pg-split", { backends: { main: { type: "postgres" }, vec: { type: "inmem" } }, drivers: { main: pgliteDriver(db) } });
  await ws.register(Split);
  await ws.upsertMany(Split, Array.from({ length: 9 }, (_, i) => ({ name: `s ${i}`, title: i % 3 ? "odd one" : "third", v: [i, 1, 0] })));
  const frame = await ws.query(Split).where(Split.title.eq("third")).near(Split.v, [1, 0, 0], { topK: 2 }).select("name").execute();
  assert.deepEqual(frame.rows().map((one) => one.name), ["s 6", "s 3"]);
  await ws.drop();
  await ws.close();
});

test("an abort and a deadline end a call that waits, and the workspace goes on", async () => {
  let slow = false;
  const quick = pgliteDriver(db);
  const ws = await open("pg-abort", { ...quick, execute: (sql, params, options) => (slow ? new Promise(() => {}) : quick.execute(sql, params, options)) });
  await ws.register(Doc);
  await ws.upsert(Doc, row(1));
  slow = true;
  await assert.rejects(ws.count(Doc, { timeoutMs: 20 }), { code: "TIMEOUT", backend: "main" });
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 10);
  await assert.rejects(ws.count(Doc, { signal: stop.signal }), { code: "CANCELLED" });
  slow = false;
  assert.equal(await ws.count(Doc), 1);
  await ws.drop();
  await ws.close();
});

test("health tells of a server that fails or hangs, and of a table that is gone, beside one that answers", async () => {
  /** @type {"well" | "gone" | "hangs"} */
  let state = "well";
  const { driver } = watched(() => (state === "gone" ? Object.assign(new Error("refused"), { code: "ECONNREFUSED" }) : undefined));
  const waits = { ...driver, execute: async (/** @type {string} */ sql, /** @type {unknown[]} */ params, /** @type {any} */ options) =>
    (state === "hangs" ? new Promise((_, reject) => { options.signal.addEventListener("abort", () => reject(options.signal.reason)); }) : driver.execute(sql, params, options)) };
  const ws = await open("pg-health", undefined, undefined, { backends: { main: { type: "inmem" }, rows: { type: "postgres" } }, drivers: { rows: waits } });
  const told = async (/** @type {{ timeoutMs?: number }} */ options = {}) => (await ws.health(options)).backends.map(({ name, ok, error }) => [name, ok, error?.code, error?.entity]);
  assert.deepEqual(await told(), [["main", true, undefined, undefined], ["rows", true, undefined, undefined]], "nothing is stored yet");
  state = "gone";
  assert.deepEqual(await told(), [["main", true, undefined, undefined], ["rows", false, "UNAVAILABLE", undefined]]);
  state = "hangs";
  assert.deepEqual(await told({ timeoutMs: 4000 }), [["main", true, undefined, undefined], ["rows", false, "UNAVAILABLE", undefined]]);
  state = "well";
  const Note = entity("Note", { title: field(ShortText).store({ to: "rows" }) });
  await ws.register(Note);
  assert.equal((await ws.health()).ok, true);
  await db.exec('DROP TABLE "hb_pg-health"."note"');
  assert.deepEqual(await told(), [["main", true, undefined, undefined], ["rows", false, "SCHEMA_DRIFT", "note"]]);
  await ws.drop();
  await ws.close();
});

test("a function makes the driver of the backend's options, and its end is the workspace's", async () => {
  const made = [];
  let closed = 0;
  const make = (options) => {
    made.push(options);
    return { ...pgliteDriver(db), close: () => { closed++; } };
  };
  const backends = { main: { type: "postgres", host: "db.example", username: "me", password: "hunter2" } };
  const ws = await HeavenBase.open("pg-made", { backends, drivers: { main: make } });
  assert.deepEqual(made, [{ type: "postgres", host: "db.example", username: "me", password: "hunter2" }]);
  assert.doesNotMatch(JSON.stringify([ws.backends.get("main"), await ws.toManifest()]), /hunter2/);
  await ws.close();
  assert.equal(closed, 1);
  await assert.rejects(HeavenBase.open("pg-made", { backends, drivers: { main: () => ({ execute: () => Promise.reject(new Error("down")), close: () => { closed++; } }) } }), { code: "UNAVAILABLE", backend: "main" });
  assert.equal(closed, 2);
});

test("explain shows the statement that goes out, and no value", async () => {
  const { seen, driver } = watched();
  const ws = await open("pg-explain", driver);
  await ws.register(Doc);
  await ws.upsertMany(Doc, [row(1), row(2)]);
  const queries = {
    filter: ws.query(Doc).where(Doc.title.eq("Title 1").and(Doc.n.gt(0))).orderBy(Doc.n, "desc").limit(3).select(Doc.title),
    core: ws.query(Doc).where(Doc.body.match("hunter2").and(Doc.n.in([1, 2]))).select(Doc.title),
    near: ws.query(Doc).where(Doc.n.ne(1)).near(Doc.v, [1, 2, 3], { topK: 1 }),
    count: ws.query(Doc).where(Doc.f.isNull().not()).count(),
  };
  for (const [name, query] of Object.entries(queries)) {
    const plan = await query.explain();
    seen.length = 0;
    await query.execute();
    const asked = plan.steps.filter(({ statement }) => statement).map(({ statement }) => statement);
    assert.equal(asked[0].sql, seen[0][0], name);
    assert.ok(String(plan).includes(asked[0].sql), name);
    assert.equal(asked[0].params.length, (asked[0].sql.match(/\$\d+/g) ?? []).length, name);
    assert.equal(/hunter2|Title 1/.test(JSON.stringify(asked)), false, name);
  }
  assert.deepEqual((await queries.filter.explain()).steps.find(({ statement }) => statement)?.statement, {
    sql: 'SELECT "object_id", "title", "n" FROM "hb_pg-explain"."doc" WHERE ("title" = $1::text AND "n" > $2::bigint) ORDER BY "n" DESC NULLS LAST, "object_id" NULLS LAST LIMIT $3::bigint',
    params: ["text", "integer", "integer"] });
  await ws.close();
});
