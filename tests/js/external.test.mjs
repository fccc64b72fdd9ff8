// SPDX-License-Identifier: MIT
// Values outside the row: read when they are asked for, kept once, gone only where they are gone.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Artifact, ExternalRef, HeavenBase, Integer, LongText, MetaSchema, ShortText, Vector, entity, field } from "../../js/entry/node.js";

const Paper = entity("Paper", { title: ShortText, pages: Integer,
  body: field(LongText).store({ to: "main", strategy: ExternalRef }), scan: field(Artifact).store({ to: "main", strategy: ExternalRef }) });
const bytes = (length, seed) => Uint8Array.from({ length }, (_, i) => (i * 31 + seed) & 255);

for (const type of ["inmem", "sqlite", "json", "pickle"]) {
  test(`${type}: rows read back as they were written`, async (t) => {
    const path = mkdtempSync(join(tmpdir(), "hb-external-"));
    t.after(() => rmSync(path, { recursive: true, force: true }));
    const ws = await HeavenBase.open("papers", { backends: { main: type === "json" || type === "pickle" ? { type, path } : { type } } });
    await ws.register(Paper);
    const rows = Array.from({ length: 20 }, (_, i) => ({ object_id: `p${String(i).padStart(2, "0")}`, title: `t${i}`, pages: i,
      body: i % 5 === 4 ? null : "word ".repeat(2000 + i % 3), scan: i % 4 === 3 ? null : bytes(5000, i % 2) }));
    await ws.upsertMany(Paper, rows);
    for (const [i, row] of (await ws.rows(Paper)).entries()) assert.deepEqual(row, { name: null, ...rows[i], title: `t${i}` });
    await ws.set("p00", { body: "", scan: new Uint8Array(0) }, { entity: Paper });
    await ws.set("p01", { title: "new" }, { entity: Paper });
    assert.equal((await ws.get("p00", { entity: Paper })).body, "");
    assert.equal((await ws.get("p00", { entity: Paper })).scan.length, 0);
    assert.equal((await ws.get("p01", { entity: Paper })).body, rows[1].body);
    const query = ws.query(Paper);
    assert.deepEqual((await query.where(Paper.pages.gte(18)).select("title").execute()).rows(), [{ object_id: "p18", title: "t18" }, { object_id: "p19", title: "t19" }]);
    assert.deepEqual((await query.where(Paper.body.isNull()).execute()).ids, ["p04", "p09", "p14", "p19"]);
    assert.equal((await query.orderBy(Paper.body).limit(1).execute()).ids[0], "p00");
    assert.equal(await query.where(Paper.scan.isNotNull()).count().scalar(), 15);
    assert.equal(await query.count(Paper.body, { distinct: true }).scalar(), 4);
    assert.equal((await query.aggregate({ first: Paper.title.min() }).groupBy(Paper.body).execute()).length, 5);
    for (const filter of [{ body: { match: "word" } }, { body: "word" }, { body: { in: ["word"] } }, { $not: { body: { contains: "w" } } }, { scan: { eq: "x" } }]) {
      await assert.rejects(query.where(filter).execute(), { code: "UNSUPPORTED" });
    }
    const strategies = await ws.query(MetaSchema).where({ kind: "storage", subject_id: "paper", strategy: "external" }).execute();
    assert.deepEqual(strategies.column("field").sort(), ["body", "scan"]);
    assert.deepEqual((await ws.capabilities.ops(LongText, ExternalRef)).map(({ op }) => op), ["is_null"]);
    assert.equal(await ws.delete("p02", { entity: Paper }), true);
    assert.equal((await ws.get("p05", { entity: Paper })).body, rows[5].body);
    await ws.set("p03", { body: "unique ".repeat(500) }, { entity: Paper });
    await ws.set("p03", { body: rows[3].body }, { entity: Paper });
    const audit = await ws.audit();
    assert.equal(audit.ok, true);
    assert.equal(audit.totals.unused, type === "inmem" ? 0 : 1);
    assert.equal((await ws.repair()).ok, true);
    assert.equal((await ws.audit()).totals.unused, 0);
    assert.equal((await ws.get("p05", { entity: Paper })).body, rows[5].body);
    await ws.close();
  });
}

test("equal values are stored once, and a file keeps them", async () => {
  const folder = mkdtempSync(join(tmpdir(), "hb-external-"));
  try {
    const size = async (Entity, file) => {
      const backends = { main: { type: "sqlite", database: join(folder, file) } };
      const ws = await HeavenBase.open("papers", { backends });
      await ws.register(Entity);
      await ws.upsertMany(Entity, Array.from({ length: 50 }, (_, i) => ({ object_id: `p${i}`, scan: bytes(20000, 7) })));
      await ws.close();
      const again = await HeavenBase.open("papers", { backends });
      assert.deepEqual((await again.get("p49", { entity: "paper" })).scan, bytes(20000, 7));
      await again.close();
      const { statSync } = await import("node:fs");
      return statSync(join(folder, file)).size + (existsSync(join(folder, `${file}-wal`)) ? statSync(join(folder, `${file}-wal`)).size : 0);
    };
    const inline = await size(entity("Paper", { scan: Artifact }), "inline.db");
    const outside = await size(Paper, "outside.db");
    assert.ok(inline > 50 * 20000 && outside < 10 * 20000, `${outside} of ${inline} bytes`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("types that are not texts or bytes stay in the row, without filters", async () => {
  const Odd = entity("Odd", { n: field(Integer).store({ strategy: ExternalRef }), v: field(Vector(2)).store({ to: "main", strategy: ExternalRef }) });
  const ws = await HeavenBase.open("odd", { preset: "debug" });
  await ws.register(Odd);
  await ws.upsert(Odd, { object_id: "a", n: 5, v: [1, 2] });
  assert.deepEqual(await ws.get("a", { entity: Odd }), { object_id: "a", name: null, n: 5, v: Float32Array.of(1, 2) });
  await assert.rejects(ws.query(Odd).where(Odd.n.gt(1)).execute(), { code: "UNSUPPORTED" });
  await ws.close();
});
