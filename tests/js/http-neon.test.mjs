// SPDX-License-Identifier: MIT
// postgres and pgvector through Neon's SQL over HTTP: a proxy of ours over the real engine, PGlite, which Neon's own
// driver examines first.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { PGlite } from "@electric-sql/pglite";
import { vector } from "@electric-sql/pglite-pgvector";
import { neon, neonConfig } from "@neondatabase/serverless";
import { Float, HeavenBase, Integer, Json, ShortText, Vector, entity, field } from "heavenbase";
import { onPglite, startNeon } from "../servers/neon.mjs";

const uri = "postgresql://me:hunter2@ep-one.local.test/notes";
const Doc = entity("Doc", { title: field(ShortText), n: field(Integer), f: field(Float), j: field(Json), v: field(Vector(3)) });
/** @type {PGlite} */
let db;
/** @type {Awaited<ReturnType<typeof startNeon>>} */
let proxy;
before(async () => {
  db = await PGlite.create({ extensions: { vector } });
  await db.exec("CREATE EXTENSION vector");
  proxy = await startNeon({ run: onPglite(db), connectionString: uri });
});
after(async () => {
  await proxy.stop();
  await db.close();
});

const open = (/** @type {string} */ id, /** @type {any} */ options = {}, /** @type {any} */ rest = {}) =>
  HeavenBase.open(id, { backends: { main: { type: "pgvector", via: "neon", url: proxy.url, uri, ...options } }, ...rest });

test("Neon's own driver finds its server: rows, types, a batch, an error", async () => {
  neonConfig.fetchEndpoint = () => proxy.url;
  const sql = neon(uri);
  assert.deepEqual(await sql`SELECT ${41}::int + 1 AS n, ${"é"}::text AS t, NULL::text AS nothing, true AS b`, [{ n: 42, t: "é", nothing: null, b: true }]);
  const [first, second] = await sql.transaction([sql`SELECT 1 AS a`, sql`SELECT 2 AS a`], { isolationLevel: "Serializable", readOnly: true });
  assert.deepEqual([first, second], [[{ a: 1 }], [{ a: 2 }]]);
  await assert.rejects(sql`SELECT 1 / 0`, { code: "22012" });
  await assert.rejects(neon("postgresql://me:wrong@ep-one.local.test/notes")`SELECT 1`, /authentication failed/);
});

test("rows come back as they went, int64, floats, nulls and all, after reopening too", async () => {
  const ws = await open("neon-values");
  await ws.register(Doc);
  const rows = [{ name: "1", title: "One", n: 2n ** 62n + 1n, f: 1e-300, j: { k: [1, null, "é"] }, v: [1, 2, 3] },
    { name: "2", title: "quote ' \" \\ ; -- 😀", n: -(2n ** 63n), f: null, j: "text", v: null }, { name: "3", title: null, n: null, f: -0.1, j: null, v: [0.1, -1e-20, 3e8] }];
  const ids = await ws.upsertMany(Doc, rows);
  await ws.close();
  const again = await open("neon-values");
  await again.register(Doc);
  for (const [i, id] of ids.entries()) {
    const found = await again.get(id, { entity: Doc });
    for (const [name, value] of Object.entries(rows[i])) assert.deepEqual(name === "v" && found[name] ? [...found[name]] : found[name], name === "v" && value ? [...Float32Array.from(/** @type {number[]} */ (value))] : value, name);
  }
  const near = await again.query(Doc).where(Doc.n.gt(0)).near(Doc.v, [1, 2, 3], { topK: 1 }).select("name").execute();
  assert.deepEqual(near.column("name"), ["1"]);
  assert.equal((await again.audit()).catalog.ok, true);
  await again.drop();
  await again.close();
});

test("a write is one request, and nothing is left of one that fails", async () => {
  const ws = await open("neon-tx");
  await ws.register(Doc);
  const before = proxy.batches;
  await ws.upsertMany(Doc, Array.from({ length: 1200 }, (_, i) => ({ name: `r ${i}`, n: i })));
  assert.equal(proxy.batches - before, 1);
  await db.exec(`ALTER TABLE "hb_neon-tx"."sys-catalog" ADD CONSTRAINT small CHECK (object_id IS NULL) NOT VALID`);
  await assert.rejects(ws.upsert(Doc, { name: "late", n: 1 }), { code: "VALIDATION", native: "23514", backend: "main" });
  await db.exec(`ALTER TABLE "hb_neon-tx"."sys-catalog" DROP CONSTRAINT small`);
  assert.equal(await ws.count(Doc), 1200);
  await ws.drop();
  await ws.close();
});

test("secrets are in no error, manifest or list of backends; what refuses is REFUSED", async () => {
  const guarded = await startNeon({ run: onPglite(db), connectionString: uri, token: "jwt-of-me" });
  try {
    const backends = (/** @type {string} */ token) => ({ main: { type: "postgres", via: "neon", url: guarded.url, uri, token } });
    await assert.rejects(HeavenBase.open("neon-secrets", { backends: backends("jwt-of-you") }), (/** @type {any} */ error) => {
      assert.deepEqual([error.code, error.backend, error.native], ["REFUSED", "main", "HTTP 401"]);
      assert.doesNotMatch(JSON.stringify(error) + error.stack, /hunter2|jwt-of/);
      return true;
    });
    const ws = await HeavenBase.open("neon-secrets", { backends: backends("jwt-of-me") });
    assert.doesNotMatch(JSON.stringify([ws.backends.get("main"), await ws.toManifest(), await ws.health()]), /hunter2|jwt-of/);
    await ws.close();
  } finally {
    await guarded.stop();
  }
});

test("what a host or the options lack is said when the workspace opens", async () => {
  for (const [options, code] of /** @type {[any, string][]} */ ([
    [{ via: "neo" }, "VALIDATION"], [{ uri: undefined }, "VALIDATION"], [{ url: undefined, uri: "postgresql://me:hunter2@localhost/notes" }, "VALIDATION"],
    [{ url: "ftp://x" }, "VALIDATION"], [{ url: "https://me:hunter2@x/sql" }, "VALIDATION"], [{ token: "a\nb" }, "VALIDATION"], [{ uri: "postgresql://me:hunter2\r\nX: y@h/d" }, "VALIDATION"],
  ])) {
    await assert.rejects(open("neon-options", options), (/** @type {any} */ error) => {
      assert.deepEqual([error.code, error.backend], [code, "main"], JSON.stringify(options));
      assert.doesNotMatch(error.message, /hunter2/);
      return true;
    });
  }
});
