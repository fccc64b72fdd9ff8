// SPDX-License-Identifier: MIT
// Faults in a backend of several, made through a workspace that knows only that backend.
import assert from "node:assert/strict";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after } from "node:test";
import { ArrayOf, HeavenBase, Integer, InvertedIndex, LongText, ShortText, Vector, entity, field } from "heavenbase";

const folder = fs.mkdtempSync(join(tmpdir(), "hb-audit-"));
after(() => fs.rmSync(folder, { recursive: true, force: true }));

const Doc = entity("Doc", {
  title: field(ShortText),
  tags: field(ArrayOf(ShortText)),
  body: field(LongText).store({ to: "main" }).store({ to: "search", strategy: InvertedIndex }),
  emb: field(Vector(2)).store({ to: "vec" }),
});
/** The same entity as the instance `search` holds it. */
const Body = entity("Doc", { body: field(LongText).store({ to: "main", strategy: InvertedIndex }) });
const ROWS = [
  { object_id: "a", title: "A", tags: ["x", "y"], body: "first body", emb: [1, 0] },
  { object_id: "b", title: "B", tags: [], body: "second body", emb: [0, 1] },
  { object_id: "c", title: "C" },
];
let count = 0;

/** A workspace over three files with ROWS; `fault` works on the file of `search` alone. */
async function faulty(second, fault) {
  const at = join(folder, String(count += 1));
  fs.mkdirSync(at);
  const search = second === "sqlite" ? { type: "sqlite", database: join(at, "search.db") } : { type: "json", path: join(at, "search") };
  const open = () => HeavenBase.open("audited", { backends: {
    main: { type: "sqlite", database: join(at, "main.db") }, vec: { type: "sqlite", database: join(at, "vec.db") }, search } });
  const ws = await open();
  await ws.register(Doc);
  await ws.upsertMany(Doc, ROWS);
  assert.equal((await ws.audit()).ok, true);
  await ws.close();
  const alone = await HeavenBase.open("audited", { catalog: false, backends: { main: search } });
  await alone.register(Body);
  await fault(alone);
  await alone.close();
  return open();
}

/** The dry run has found and foreseen what the repair then had to do. */
function foresees(said, done) {
  const found = ({ actions, files, storage, replicas, catalog, edges }) => JSON.parse(JSON.stringify([actions, files, storage.problems, storage.unused, replicas.before,
    catalog.before, edges], (key, value) => (["repaired", "value", "quarantined", "renamed", "deleted", "created_at", "updated_at"].includes(key) && (key.endsWith("_at") || typeof value !== "number") ? undefined : value)));
  assert.deepEqual(found(said), found(done));
}

/** Audit and dry run find `replicas`, a repair reports `done`; then all is as it was. */
async function mends(ws, replicas, done) {
  const before = await ws.rows("doc");
  const report = await ws.audit();
  assert.equal(report.ok, false);
  assert.equal(report.catalog.ok, true);
  assert.deepEqual(report.replicas, { ok: false, missing: [], orphaned: [], different: [], checked: report.replicas.checked, ...replicas });
  const said = await ws.repair({ dryRun: true });
  assert.deepEqual([said.ok, said.replicas.dry_run, said.replicas.before], [false, true, report.replicas]);
  assert.deepEqual(await ws.audit(), report);
  const repaired = await ws.repair();
  assert.equal(repaired.ok, true);
  foresees(said, repaired);
  const { missing_written: missing, different_rewritten: different, orphaned_deleted: orphaned } = repaired.replicas;
  assert.deepEqual({ missing, different, orphaned }, { missing: 0, different: 0, orphaned: 0, ...done });
  assert.equal((await ws.audit()).ok, true);
  assert.deepEqual(await ws.rows("doc"), before);
  assert.deepEqual((await ws.query("doc").search("body", "first").execute()).ids, ["a"]);
  await ws.close();
}

for (const second of ["sqlite", "json"]) {
  test(`a replica on ${second} that lost a row gets it back`, async () => {
    const ws = await faulty(second, (alone) => alone.delete("a", { entity: "doc" }));
    await mends(ws, { missing: [{ entity: "doc", object_id: "a", backend: "search" }] }, { missing: 1 });
  });

  test(`a replica on ${second} with another value gets that of the first store`, async () => {
    const ws = await faulty(second, (alone) => alone.upsert("doc", { object_id: "a", body: "third" }));
    await mends(ws, { different: [{ entity: "doc", object_id: "a", backend: "search", fields: ["body"] }] }, { different: 1 });
  });

  test(`a row that only a replica on ${second} has is deleted there`, async () => {
    const ws = await faulty(second, (alone) => alone.upsert("doc", { object_id: "ghost", body: "boo first" }));
    await mends(ws, { orphaned: [{ entity: "doc", object_id: "ghost", backend: "search" }] }, { orphaned: 1 });
  });
}

test("more rows than a page, with faults in several of them", async () => {
  const ids = Array.from({ length: 700 }, (_, i) => `r${String(i).padStart(3, "0")}`);
  const at = join(folder, "pages");
  fs.mkdirSync(at);
  const search = { type: "sqlite", database: join(at, "search.db") };
  const open = () => HeavenBase.open("audited", { backends: {
    main: { type: "sqlite", database: join(at, "main.db") }, vec: { type: "inmem" }, search } });
  const ws = await open();
  await ws.register(Doc);
  await ws.upsertMany(Doc, ids.map((id) => ({ object_id: id, body: `body of ${id}` })));
  await ws.close();
  const alone = await HeavenBase.open("audited", { catalog: false, backends: { main: search } });
  await alone.register(Body);
  await alone.delete("r010", { entity: "doc" });
  await alone.upsert("doc", { object_id: "r400", body: "other" });
  await alone.upsert("doc", { object_id: "z", body: "other" });
  await alone.close();
  // `vec` is in memory: after the reopening it lacks every row.
  const again = await open();
  /** @type {any[]} */
  const heard = [];
  const { replicas, totals } = await again.audit({ onProgress: (progress) => heard.push(progress) });
  assert.deepEqual(totals.replicas, { missing: 701, orphaned: 1, different: 1 });
  assert.equal(replicas.missing.length, 100);
  assert.deepEqual(replicas.missing.filter(({ backend }) => backend === "search").map((row) => row.object_id), ["r010"]);
  assert.deepEqual(replicas.different.map((row) => row.object_id), ["r400"]);
  assert.deepEqual(replicas.orphaned.map((row) => row.object_id), ["z"]);
  assert.equal(replicas.checked.rows, 701);
  assert.deepEqual(heard.filter(({ part }) => part === "catalog").map(({ entity, rows }) => [entity, rows]),
    [["doc", 256], ["doc", 512], ["doc", 700], ["sys-catalog", 256], ["sys-catalog", 512]]);
  assert.deepEqual(heard.filter(({ part }) => part === "replicas").map(({ entity, rows }) => [entity, rows]), [["doc", 256], ["doc", 512], ["doc", 701]]);
  const stop = new AbortController();
  await assert.rejects(again.audit({ signal: stop.signal, onProgress: ({ part }) => part === "replicas" && stop.abort() }), { code: "CANCELLED" });
  await assert.rejects(again.repair({ signal: stop.signal, timeoutMs: 60_000 }), { code: "CANCELLED" });
  const half = new AbortController();
  await assert.rejects(again.repair({ signal: half.signal, onProgress: ({ rows }) => rows === 512 && half.abort() }), { code: "CANCELLED" });
  assert.equal((await again.repair()).ok, true);
  assert.equal((await again.audit()).ok, true);
  await again.close();
});

test("a home's row comes back from a backend that has all of it", async () => {
  const at = join(folder, "whole");
  fs.mkdirSync(at);
  const both = () => field(LongText).store({ to: "main" }).store({ to: "side" });
  const Twin = entity("Twin", { name: both(), body: both() });
  const open = () => HeavenBase.open("audited", { backends: {
    main: { type: "json", path: join(at, "main") }, side: { type: "sqlite", database: join(at, "side.db") } } });
  const ws = await open();
  await ws.register(Twin);
  await ws.upsertMany(Twin, [{ object_id: "a", body: "first" }, { object_id: "b", body: "second" }]);
  const rows = await ws.rows(Twin);
  await ws.close();
  fs.writeFileSync(join(at, "main", "audited", "twin", "a.json"), "{ no row");
  const again = await open();
  const repaired = await again.repair();
  assert.equal(repaired.ok, true, JSON.stringify(repaired));
  assert.deepEqual(repaired.replicas.before.missing, [{ entity: "twin", object_id: "a", backend: "main" }]);
  assert.deepEqual(await again.rows(Twin), rows);
  await again.close();
});

test("a repair that puts the home's file of a row aside spares what other backends hold of it", async () => {
  const at = join(folder, "spared");
  fs.mkdirSync(at);
  const Split = entity("Split", { title: field(ShortText), body: field(LongText).store({ to: "side" }) });
  const open = () => HeavenBase.open("audited", { backends: {
    main: { type: "json", path: join(at, "main") }, side: { type: "sqlite", database: join(at, "side.db") } } });
  const ws = await open();
  await ws.register(Split);
  await ws.upsertMany(Split, [{ object_id: "a", title: "A", body: "first" }, { object_id: "b", title: "B", body: "second" }]);
  await ws.close();
  fs.writeFileSync(join(at, "main", "audited", "split", "a.json"), "{ no row");
  const again = await open();
  const repaired = await again.repair();
  assert.deepEqual(repaired.files.map(({ object_id, quarantined }) => [object_id, quarantined]), [["a", true]]);
  assert.equal(repaired.replicas.orphaned_deleted, 0);
  assert.deepEqual((await again.audit()).replicas.orphaned, [{ entity: "split", object_id: "a", backend: "side" }]);
  await again.upsert(Split, { object_id: "a", title: "A", body: "first" });
  assert.equal((await again.audit()).ok, true);
  await again.close();
});

test("a dry run foresees the Catalog rows of rows that replicas restore, and which of two files gets the row's name", async () => {
  const twice = (/** @type {any} */ type) => field(type).store({ to: "main" }).store({ to: "side" });
  const Thing = entity("Thing", { name: twice(ShortText), a: twice(Integer) });
  for (const type of ["json", "pickle"]) {
    const backends = { main: { type, path: join(folder, type, "main") }, side: { type, path: join(folder, type, "side") } };
    const at = (/** @type {string} */ id) => join(folder, type, "main", "unit", "thing", id + (type === "json" ? ".json" : ".pkl"));
    const run = async (/** @type {() => unknown} */ damage, /** @type {(ws: any) => Promise<unknown>} */ more, /** @type {any} */ expected) => {
      let ws = await HeavenBase.open("unit", { backends });
      await ws.register(Thing);
      await ws.upsertMany(Thing, ["m", "n", "x"].map((id, a) => ({ object_id: id, name: `name ${id}`, a })));
      await more(ws);
      await ws.close();
      damage();
      ws = await HeavenBase.open("unit", { backends });
      const said = await ws.repair({ dryRun: true });
      assert.deepEqual([said.actions.catalog, said.actions.files], expected);
      const done = await ws.repair();
      foresees(said, done);
      assert.deepEqual(done.catalog.before.checked, said.catalog.before.checked);
      assert.equal((await ws.audit()).ok, true);
      assert.deepEqual((await ws.query(Thing).execute()).rows().map((row) => [row.object_id, row.name, row.a]), [["m", "name m", 0], ["n", "name n", 1], ["x", "name x", 2]]);
      await ws.drop();
      await ws.close();
    };
    const catalog = (/** @type {any} */ counts) => ({ missing_written: 0, mismatched_rewritten: 0, dangling_deleted: 0, ...counts });
    await run(() => fs.writeFileSync(at("m"), "?"), async () => {}, [catalog({}), { renamed: 0, quarantined: 1 }]);
    await run(() => ["m", "n"].forEach((id) => fs.writeFileSync(at(id), "?")), async (ws) => {
      await ws.delete("catalog:thing:m", { entity: "sys-catalog" });
      await ws.set("catalog:thing:n", { name: "another" }, { entity: "sys-catalog" });
    }, [catalog({ missing_written: 1, mismatched_rewritten: 1 }), { renamed: 0, quarantined: 2 }]);
    if (type === "json") await run(() => fs.writeFileSync(at("m"), '{"object_id": "m", "name": ["x"], "a": "y"}'), async () => {}, [catalog({}), { renamed: 0, quarantined: 0 }]);
    await run(() => { fs.copyFileSync(at("m"), at("b")); fs.renameSync(at("m"), at("c")); }, async () => {}, [catalog({}), { renamed: 1, quarantined: 1 }]);
  }
});

test("a field that comes back with another type hides no row of a file backend", async () => {
  const twice = (/** @type {any} */ type) => ({ type, stores: [{ to: "main" }, { to: "side" }] });
  for (const type of ["json", "pickle"]) {
    const at = join(folder, `returns-${type}`);
    const backends = { main: { type, path: join(at, "main") }, side: { type: "sqlite", database: ":memory:" } };
    const define = (/** @type {any} */ more) => ({ name: "Thing", fields: { a: "short-text", ...more } });
    const ws = await HeavenBase.open("returns", { backends });
    await ws.register(define({ n: "short-text" }));
    await ws.upsertMany("thing", [{ object_id: "r", a: "A", n: "none" }, { object_id: "s", a: "B", n: "7" }]);
    await ws.register(define({}), { allowReplace: true });
    await ws.alterEntity(define({ n: "integer" }), { confirm: "thing" });
    const rows = [{ object_id: "r", name: null, a: "A", n: null }, { object_id: "s", name: null, a: "B", n: 7 }];
    assert.deepEqual(await ws.rows("thing"), rows);
    assert.deepEqual(await ws.get("r"), rows[0]);
    assert.equal(await ws.count("thing"), 2);
    assert.deepEqual((await ws.query("thing").where({ n: { is_null: true } }).execute()).ids, ["r"]);
    const { problems } = (await ws.audit()).storage;
    const suffix = type === "json" ? "json" : "pkl";
    assert.deepEqual(problems.map(({ what, backend, object_id, field: name, repaired }) => [what, backend, object_id, name, repaired]), [["value", "main", "r", "n", false]]);
    assert.equal(problems[0].path, join(at, "main", "returns", "thing", `r.${suffix}`));
    const said = await ws.repair({ dryRun: true });
    assert.deepEqual(await ws.rows("thing"), rows);
    const done = await ws.repair();
    foresees(said, done);
    assert.deepEqual([done.ok, done.storage.problems[0].repaired, done.storage.problems[0].value], [true, true, "lost"]);
    assert.deepEqual(fs.readdirSync(join(at, "main", "returns", "thing", ".quarantine")), [`r.${suffix}`]);
    assert.equal((await ws.audit()).ok, true);
    assert.deepEqual(await ws.rows("thing"), rows);
    // What another backend holds comes back.
    await ws.register({ name: "Copy", fields: { v: twice("integer") } });
    await ws.upsert("copy", { object_id: "c", v: 5 });
    if (type === "pickle") {
      await ws.close();
      continue;
    }
    fs.writeFileSync(join(at, "main", "returns", "copy", "c.json"), '{"object_id": "c", "v": "five"}');
    await ws.refresh();
    const again = await ws.repair();
    assert.deepEqual([again.ok, again.storage.problems[0].value], [true, "restored"]);
    assert.equal((await ws.get("c"))?.v, 5);
    await ws.close();
  }
});
