// SPDX-License-Identifier: MIT
// What a workspace says about itself: health, descriptions, the signature, search, the manifest.
import assert from "node:assert/strict";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after } from "node:test";
import { Catalog, HeavenBase, Integer, MetaSchema, ShortText, Vector, VectorIndex, entity, field } from "heavenbase";

const folder = fs.mkdtempSync(join(tmpdir(), "hb-upkeep-"));
after(() => fs.rmSync(folder, { recursive: true, force: true }));
const Note = entity("Note", { title: field(ShortText), stars: field(Integer).default(1), emb: field(Vector(2)).store({ to: "vec", strategy: VectorIndex }) });

test("health names entities and backends and says that they answer", async () => {
  const ws = await HeavenBase.open("upkeep");
  await ws.register(Note);
  assert.deepEqual(await ws.health(), { workspace: "upkeep", entities: ["note"], backends: [
    { name: "main", type: "sqlite", database: ":memory:", durable: false, durability: "none", ok: true },
    { name: "vec", type: "inmem", durable: false, durability: "none", ok: true }, { name: "search", type: "inmem", durable: false, durability: "none", ok: true }], ok: true });
  await ws.close();
});

test("describe changes words alone, and they are kept", async () => {
  const on = { backends: { main: { type: "sqlite", database: join(folder, "words.db") }, vec: { type: "inmem" } } };
  const ws = await HeavenBase.open("upkeep", on);
  await ws.register(Note);
  await ws.upsert(Note, { object_id: "a", title: "x" });
  const said = await ws.describe(Note, { desc: "a remark", tags: ["text"], fields: { title: { desc: "one line", examples: ["Hello"] }, object_id: { desc: "which" } } });
  assert.equal(said, Note);
  const { desc, tags, fields } = await ws.schema(Note);
  assert.deepEqual([desc, tags, fields.title.desc, fields.title.examples, fields.object_id.desc], ["a remark", ["text"], "one line", ["Hello"], "which"]);
  const rows = await ws.query(MetaSchema).where(MetaSchema.desc.eq("one line")).select("field").execute();
  assert.deepEqual(rows.rows().map((row) => row.field), ["title"]);
  await assert.rejects(ws.describe(Note, { fields: { zz: { desc: "x" } } }), { code: "UNKNOWN_FIELD", field: "zz" });
  await assert.rejects(ws.describe(Note, { fields: { title: { type: "integer" } } }), { code: "TYPE", field: "title" });
  await assert.rejects(ws.describe(Note, { name: "x" }), { code: "TYPE" });
  await assert.rejects(ws.describe("sys-catalog", { desc: "x" }), { code: "SCHEMA_CONFLICT" });
  await ws.close();
  const again = await HeavenBase.open("upkeep", on);
  assert.equal((await again.schema("note")).fields.title.desc, "one line");
  assert.equal((await again.rows("note"))[0].title, "x");
  await again.close();
});

test("sign stamps later Catalog rows, and audit does not mind", async () => {
  const ws = await HeavenBase.open("upkeep");
  const Owned = entity("Owned", { owner: field(ShortText) });
  await ws.register(Note);
  await ws.register(Owned);
  await ws.upsert(Note, { object_id: "before" });
  assert.deepEqual(await ws.sign({ owner: "ann", auth: { role: "editor" } }), { owner: "ann", auth: { role: "editor" } });
  assert.deepEqual(await ws.sign({ metadata: { k: 1 }, auth: null }), { owner: "ann", metadata: { k: 1 } });
  await ws.upsert(Note, { object_id: "after" });
  await ws.upsertMany(Owned, [{ object_id: "own", owner: "bob" }, { object_id: "none" }]);
  const rows = (await ws.query(Catalog).select("target_id", "owner", "creator", "metadata").orderBy("target_id").execute()).rows();
  assert.deepEqual(rows.map((row) => [row.target_id, row.owner, row.creator, row.metadata]),
    [["after", "ann", "", { k: 1 }], ["before", "", "", {}], ["none", "ann", "", { k: 1 }], ["own", "bob", "", { k: 1 }]]);
  assert.equal((await ws.audit()).catalog.ok, true);
  await assert.rejects(ws.sign({ owner: "x".repeat(256) }), { code: "VALIDATION", field: "owner" });
  await assert.rejects(ws.sign({ auth: [1] }), { code: "TYPE", field: "auth" });
  await assert.rejects(ws.sign({ name: "x" }), { code: "TYPE" });
  await ws.close();
});

test("health says how durable each backend is, and what is not as it was made", async () => {
  const on = (main, more) => HeavenBase.open("upkeep", { backends: { main, vec: { type: "inmem" } }, ...more });
  const sqlite = { type: "sqlite", database: join(folder, "health.db") };
  const ws = await on(sqlite);
  await ws.register(Note);
  assert.deepEqual((await ws.health()).backends.map((one) => [one.durable, one.durability, one.ok]), [[true, "strict", true], [false, "none", true]]);
  await ws.close();
  const json = { type: "json", path: join(folder, "health-rows") };
  const rows = await on(json, { durability: "relaxed" });
  await rows.register(Note);
  await rows.flush();
  assert.deepEqual((await rows.health()).backends.map((one) => [one.durability, one.ok]), [["relaxed", true], ["none", true]]);
  fs.rmSync(join(folder, "health-rows"), { recursive: true });
  const { ok, backends: [{ error }] } = await rows.health();
  assert.deepEqual([ok, error.code, error.entity], [false, "CORRUPT", "note"]);
  await rows.close().catch(() => {});
});

test("health looks at some files of every folder of rows", async () => {
  for (const type of ["json", "pickle", "file"]) {
    const place = join(folder, `look-${type}`);
    const open = () => HeavenBase.open("upkeep", { backends: { main: { type, path: place }, vec: { type: "inmem" } } });
    const ws = await open();
    await ws.register(Note);
    await ws.upsertMany(Note, Array.from({ length: 40 }, (_, n) => ({ object_id: `n${10 + n}`, title: "x" })));
    assert.equal((await ws.health()).ok, true);
    const files = fs.readdirSync(join(place, "upkeep", "note")).filter((name) => !name.startsWith(".")).sort();
    assert.equal(files.length, 40);
    fs.writeFileSync(join(place, "upkeep", "note", files[0]), "no row");
    const { ok, backends: [{ error }] } = await ws.health();
    assert.deepEqual([ok, error.code, error.entity], [false, "CORRUPT", "note"]);
    assert.match(error.message, new RegExp(`^1 of \\d+ files that were looked at are no rows, .*${files[0].replace(".", "[.]")}: `));
    await ws.repair();
    assert.equal((await ws.health()).ok, true);
    fs.writeFileSync(join(place, "upkeep", "note", files[2]), "no row");
    await ws.refresh();
    assert.equal((await ws.query(Note).execute()).length, 38);
    assert.match((await ws.health()).backends[0].error.message, /^1 of 39 files /, "all of them once one was passed over");
    fs.rmSync(join(place, "upkeep", "note"), { recursive: true });
    fs.writeFileSync(join(place, "upkeep", "note"), "a file where the folder was");
    assert.deepEqual(await ws.health().then(({ backends: [one] }) => [one.ok, one.error.entity]), [false, "note"]);
    await ws.close();
  }
});

test("search scores the Catalog's rows and MetaSchema", async () => {
  const ws = await HeavenBase.open("upkeep");
  const Thing = entity("Thing", { name: field(ShortText), keywords: field({ descriptor: { type: "array", item_type: "short-text" } }), colour: field(ShortText).desc("what Alpha looks like") });
  await ws.register(Thing);
  await ws.upsertMany(Thing, [{ name: "Alpha", keywords: ["first letter"] }, { name: "Alpha beta" }, { name: "gamma", keywords: ["ALPHA"] }, { name: "beta and alpha" }, { name: "hidden alpha" }]);
  const hidden = (await ws.query(Catalog).where(Catalog.name.eq("hidden alpha")).execute()).ids[0];
  await ws.set(hidden, { visible: false }, { entity: Catalog });
  const frame = await ws.search("Alpha");
  assert.deepEqual(frame.colNames(), ["object_id", "source_entity", "kind", "target_entity", "target_id", "subject_id", "field", "name", "desc", "type", "score"]);
  const found = frame.rows().map((row) => [row.kind, row.name, row.score]);
  assert.deepEqual(found.slice(0, 5), [["object", "Alpha", 130], ["object", "Alpha beta", 100], ["object", "beta and alpha", 100], ["field", "colour", 80], ["object", "gamma", 75]]);
  assert.ok(!found.some(([, name]) => name === "hidden alpha"));
  assert.deepEqual((await ws.search("beta alpha", { limit: 2 })).rows().map((row) => [row.name, row.score]), [["Alpha beta", 90], ["beta and alpha", 90]]);
  assert.equal((await ws.search("alpha zzz", { limit: 1 })).rows()[0].score, 50);
  assert.equal((await ws.search("qqxyzzy")).length, 0);
  await assert.rejects(ws.search(" "), { code: "QUERY" });
  await assert.rejects(ws.search(5), { code: "TYPE" });
  await assert.rejects(ws.search("a", { limit: 201 }), { code: "LIMIT" });
  await assert.rejects(ws.search("a", { limit: 0 }), { code: "QUERY" });
  await ws.close();
});

test("a manifest makes the workspace again, without rows", async () => {
  const ws = await HeavenBase.open("upkeep", { preset: "debug", catalog: false });
  await ws.register(Note);
  await ws.upsert(Note, { object_id: "a" });
  const manifest = JSON.parse(JSON.stringify(await ws.toManifest()));
  await ws.close();
  assert.deepEqual([manifest.kind, manifest.version, manifest.id, manifest.construction], ["heavenbase.workspace.manifest", 2, "upkeep", { kind: "preset", catalog: false, preset: "debug" }]);
  assert.deepEqual(manifest.entities.map((one) => one.definition.entity_id), ["note"]);
  assert.deepEqual(manifest.entities[0].storage.filter((one) => one.field === "emb"), [{ field: "emb", backend: "vec", strategy: "vector" }]);
  const made = await HeavenBase.fromManifest(manifest, { id: "other" });
  assert.equal(made.id, "other");
  assert.deepEqual(await made.listEntities(), ["note"]);
  assert.equal(await made.count("note"), 0);
  assert.equal((await made.register(Note)).entityId, "note");
  assert.deepEqual({ ...await made.toManifest(), id: "upkeep" }, manifest);
  await made.close();
});

test("a manifest with backends holds no secrets and asks for them", async () => {
  const ws = await HeavenBase.open("upkeep", { backends: { main: { type: "inmem" } } });
  const manifest = await ws.toManifest();
  await ws.close();
  assert.deepEqual(manifest.construction, { kind: "backends", catalog: true, backends: { main: { type: "inmem" } } });
  manifest.construction.backends = { main: { type: "milvus", password: "<redacted>", nested: { token: "<redacted>" } } };
  const failing = (options) => HeavenBase.fromManifest(manifest, options).then(() => null, (error) => error);
  const asked = await failing({ env: {} });
  assert.deepEqual([asked.code, asked.backend], ["VALIDATION", "main"]);
  assert.match(asked.message, /HVNB_MAIN_PASSWORD/);
  assert.match((await failing({ env: { HVNB_MAIN_PASSWORD: "x" } })).message, /HVNB_MAIN_NESTED_TOKEN/);
  assert.equal((await failing({ env: { HVNB_MAIN_PASSWORD: "x", HVNB_MAIN_NESTED_TOKEN: "y" } })).code, "UNAVAILABLE");
  assert.equal((await failing({ env: {}, overrides: { main: { password: "x", nested: {} } } })).code, "UNAVAILABLE");
});

for (const [what, change] of [["another kind", { kind: "x" }], ["another version", { version: 1 }], ["a bad id", { id: "Bad Id" }], ["no construction", { construction: {} }],
  ["entities that are no list", { entities: {} }], ["an entity without definition", { entities: [{}] }]]) {
  test(`a manifest with ${what} is refused whole`, async () => {
    const ws = await HeavenBase.open("upkeep");
    const manifest = await ws.toManifest();
    await ws.close();
    await assert.rejects(HeavenBase.fromManifest({ ...manifest, ...change }), { code: "VALIDATION" });
    await assert.rejects(HeavenBase.fromManifest({ ...manifest, ...change, kind: manifest.kind, version: 3 }), { code: "FORMAT" });
    await assert.rejects(HeavenBase.fromManifest({ ...manifest, entities: [{ definition: { name: "A", fields: { a: "nope" } } }] }), { code: "SCHEMA" });
    await assert.rejects(HeavenBase.fromManifest("x"), { code: "TYPE" });
  });
}
