// SPDX-License-Identifier: MIT
// The system entities of a workspace in which nothing was registered yet.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { HeavenBase, Integer, ShortText, entity, field } from "heavenbase";

const folder = await mkdtemp(join(tmpdir(), "hb-system-"));
test.after(() => rm(folder, { recursive: true }));

const layouts = {
  debug: { preset: "debug" }, inmem: { backends: { main: { type: "inmem" } } },
  json: { backends: { main: { type: "json", path: join(folder, "json") } } },
};

for (const [name, options] of Object.entries(layouts)) {
  test(`system entities before any other on ${name}`, async () => {
    const ws = await HeavenBase.open("first", options);
    for (const system of ["sys-catalog", "sys-metaschema"]) {
      assert.equal(await ws.get("nope", { entity: system }), null);
      assert.equal(await ws.exists("nope", { entity: system }), false);
      assert.deepEqual(await ws.getMany(["a", "b"], { entity: system }), [null, null]);
    }
    assert.equal(await ws.count("sys-catalog"), 0);
    assert.equal(await ws.upsert("sys-catalog", { object_id: "c1", name: "n" }), "c1");
    await ws.set("c1", { name: "m" }, { entity: "sys-catalog" });
    assert.equal((await ws.get("c1", { entity: "sys-catalog" })).name, "m");
    await assert.rejects(ws.upsert("sys-metaschema", { object_id: "c1" }), { code: "UNSUPPORTED" });
    assert.equal(await ws.delete("c1", { entity: "sys-catalog" }), true);
    await ws.register(entity("Note", { title: field(ShortText) }));
    await ws.upsert("note", { object_id: "a", title: "A" });
    assert.equal((await ws.audit()).catalog.ok, true);
    await assert.rejects(ws.set("a", { object_id: "b", title: "B" }, { entity: "note" }), { code: "VALIDATION" });
    assert.equal(await ws.set("a", { object_id: "a", title: "B" }, { entity: "note" }), "a");
    if (name !== "inmem" && name !== "json") {
      const Flat = entity("Flat", { n: field(Integer).store({ to: "main", strategy: "side" }) });
      await assert.rejects(Promise.resolve().then(() => ws.register(Flat)), { code: "TYPE", field: "n" });
    }
    await ws.close();
  });
}
