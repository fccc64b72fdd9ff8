// SPDX-License-Identifier: MIT
// Presets: what they hold, with the environment's values, without secrets; those whose engines are built in open.
import assert from "node:assert/strict";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { HeavenBase, ShortText, Vector, entity, field } from "heavenbase";

const Note = entity("Note", { title: field(ShortText), emb: field(Vector(2)) });

test("all presets are listed with their backends", async () => {
  const presets = await HeavenBase.presets({ env: {} });
  assert.deepEqual(presets.map((one) => [one.preset, Object.entries(one.backends).map(([name, { type }]) => `${name}:${type}`)]), [
    ["debug", ["main:sqlite", "vec:inmem", "search:inmem"]],
    ["local-lts", ["main:postgres", "vec:lance", "search:elasticsearch"]],
    ["web-lts", ["main:postgres", "vec:pgvector", "search:elasticsearch"]],
    ["browser", ["main:sqlite"]],
    ["edge", ["main:inmem", "vec:inmem", "search:inmem"]],
  ]);
  await assert.rejects(HeavenBase.preset("zzz"), { code: "UNKNOWN_PRESET" });
});

test("the environment's values take the place of the defaults, secrets are never shown", async () => {
  const { backends } = await HeavenBase.preset("local-lts", { env: {} });
  assert.deepEqual(backends.main, { type: "postgres", name: "main", database: "rubik", host: "localhost", port: 5432, username: "rubik",
    password: "<redacted>", superuser: { username: "rubik", password: "<redacted>", database: "postgres", schema: "public", params: { sslmode: "prefer" } } });
  assert.deepEqual(backends.search.hosts, ["http://localhost:9200"]);
  const env = { HVNB_LOCAL_LTS_POSTGRES_HOST: "db", HVNB_LOCAL_LTS_POSTGRES_PORT: "6000", HVNB_LOCAL_LTS_POSTGRES_PASSWORD: "s3cret",
    HVNB_LOCAL_LTS_POSTGRES_DB: "", HVNB_LOCAL_LTS_ES_URL: "https://me:s3cret@es:9200/x" };
  const text = JSON.stringify(await HeavenBase.preset("local-lts", { env }));
  assert.match(text, /"host":"db","port":6000/);
  assert.match(text, /"database":"rubik"/);
  assert.match(text, /https:\/\/me:<redacted>@es:9200\/x/);
  assert.ok(!text.includes("s3cret"));
  await assert.rejects(HeavenBase.preset("local-lts", { env: { HVNB_LOCAL_LTS_POSTGRES_PORT: "many" } }), { code: "VALIDATION", message: /HVNB_LOCAL_LTS_POSTGRES_PORT/ });
  process.env.HVNB_WEB_LTS_POSTGRES_HOST = "from-process";
  try {
    assert.equal((await HeavenBase.preset("web-lts")).backends.vec.host, "from-process");
  } finally {
    delete process.env.HVNB_WEB_LTS_POSTGRES_HOST;
  }
});

test("values that are none are refused, and no credential of an address is shown", async () => {
  for (const port of ["many", "-1", "0", "65536", "99999999999999999999", "5 4", "0x10", "1.5"]) {
    await assert.rejects(HeavenBase.preset("web-lts", { env: { HVNB_WEB_LTS_POSTGRES_PORT: port } }), { code: "VALIDATION", message: /HVNB_WEB_LTS_POSTGRES_PORT.*1 to 65535/ });
  }
  await assert.rejects(HeavenBase.preset("web-lts", { env: { HVNB_WEB_LTS_POSTGRES_HOST: "db\0evil" } }), { code: "VALIDATION" });
  for (const env of [5, "x", [], null]) await assert.rejects(HeavenBase.preset("web-lts", { env }), { code: "TYPE" });
  await assert.rejects(HeavenBase.open("x", { preset: "edge", env: "x" }), { code: "TYPE" });
  const shown = async (url) => (await HeavenBase.preset("web-lts", { env: { HVNB_WEB_LTS_ES_URL: url } })).backends.search.hosts[0];
  assert.equal(await shown("https://es/x?api_key=s3cret&pretty=1&token=s3cret#a"), "https://es/x?api_key=<redacted>&pretty=1&token=<redacted>#a");
  assert.equal(await shown("https://me:s3cret@es?password=s3cret"), "https://me:<redacted>@es?password=<redacted>");
  assert.equal(await shown("https://es/?q=1&max_tokens=5"), "https://es/?q=1&max_tokens=5");
});

test("an engine that is not built in is named plainly", async () => {
  await assert.rejects(HeavenBase.open("later", { preset: "local-lts" }), { code: "UNAVAILABLE", backend: "vec", message: /engine 'lance'.*not built into.*overrides.*expected one of: inmem, file, json, pickle, sqlite, postgres, pgvector, duckdb, mysql, oceanbase/ });
  await assert.rejects(HeavenBase.open("later", { backends: { main: { type: "nope" } } }), { code: "UNKNOWN_BACKEND" });
});

test("edge works in memory, browser in one file", async () => {
  const folder = fs.mkdtempSync(join(tmpdir(), "hb-presets-"));
  try {
    for (const options of [{ preset: "edge" }, { preset: "browser", overrides: { main: { database: join(folder, "all.db") } } }]) {
      const ws = await HeavenBase.open("trial", options);
      assert.equal(ws.preset, options.preset);
      await ws.register(Note);
      await ws.upsertMany(Note, [{ object_id: "a", title: "x", emb: [1, 0] }, { object_id: "b", emb: [0, 1] }]);
      assert.deepEqual((await ws.query(Note).near(Note.emb, [0, 1], { topK: 1 }).execute()).ids, ["b"]);
      await ws.close();
    }
    const again = await HeavenBase.open("trial", { preset: "browser", overrides: { main: { database: join(folder, "all.db") } } });
    assert.equal(again.persistence, "node");
    assert.equal(await again.count("note"), 2);
    await again.close();
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
});

test("overrides name backends of the map", async () => {
  await assert.rejects(HeavenBase.open("trial", { overrides: { other: { type: "inmem" } } }), { code: "UNKNOWN_BACKEND" });
  await assert.rejects(HeavenBase.open("trial", { overrides: { main: { zzz: 1 } } }), { code: "UNKNOWN_BACKEND" });
  await assert.rejects(HeavenBase.open("trial", { overrides: [] }), { code: "TYPE" });
  const ws = await HeavenBase.open("trial", { preset: "edge", overrides: { vec: { type: "memory" } } });
  assert.equal(ws.backends.get("vec").type, "inmem");
  await ws.close();
});
