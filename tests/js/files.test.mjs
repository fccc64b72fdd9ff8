// SPDX-License-Identifier: MIT
// SQLite on the real disk in Node: through the module's own files, with a real fsync.
import assert from "node:assert/strict";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import test, { after } from "node:test";
import { HeavenBase, Integer, Json, ShortText, Vector, entity, field } from "heavenbase";

const folder = fs.mkdtempSync(join(tmpdir(), "hb-files-"));
after(() => fs.rmSync(folder, { recursive: true, force: true }));
const Doc = entity("Doc", { title: field(ShortText), n: field(Integer), emb: field(Vector(2)), j: field(Json) });
const on = (database) => ({ backends: { main: { type: "sqlite", database } } });

test("what was written is there again in the next workspace, entities included", async () => {
  const database = join(folder, "again.db");
  const ws = await HeavenBase.open("durable", on(database));
  assert.equal(ws.persistence, "node");
  await ws.register(Doc);
  await ws.upsertMany(Doc, [{ object_id: "a", title: "x", n: 2n ** 60n, emb: [1, 0], j: { k: [1] } }, { object_id: "b" }]);
  const rows = await ws.rows(Doc);
  await ws.close();
  assert.equal(fs.readFileSync(database).subarray(0, 15).toString(), "SQLite format 3");
  const again = await HeavenBase.open("durable", on(database));
  assert.deepEqual(await again.listEntities(), ["doc"]);
  assert.deepEqual(await again.rows("doc"), rows);
  assert.equal((await again.audit()).catalog.ok, true);
  assert.equal(await again.register(Doc), Doc);
  await again.close();
});

test("a relative path is relative to the folder that the program runs in", async () => {
  const database = join(folder, "relative.db");
  const ws = await HeavenBase.open("durable", on(relative(process.cwd(), database)));
  await ws.register(Doc);
  await ws.upsert(Doc, { object_id: "a" });
  await ws.close();
  assert.ok(fs.statSync(database).size > 0);
});

test("a resolved write was synced to the disk", async () => {
  const { fsyncSync } = fs;
  let count = 0;
  fs.fsyncSync = (handle) => {
    count += 1;
    return fsyncSync(handle);
  };
  try {
    const ws = await HeavenBase.open("durable", on(join(folder, "synced.db")));
    await ws.register(Doc);
    const before = count;
    await ws.upsert(Doc, { object_id: "a" });
    assert.ok(count > before, "no fsync");
    await ws.close();
  } finally {
    fs.fsyncSync = fsyncSync;
  }
});

for (const [name, path, native] of [["does not exist", join(folder, "nowhere", "x.db"), "ENOENT"], ["is a file", join(folder, "again.db", "x.db"), "ENOTDIR"]]) {
  test(`a folder that ${name} is a typed error`, () =>
    assert.rejects(HeavenBase.open("durable", on(path)), { name: "HeavenBaseError", code: "UNAVAILABLE", backend: "main", native }));
}

test("an object_id that no file name can hold is refused, and the folder stays as it was", async () => {
  const ws = await HeavenBase.open("names", { backends: { main: { type: "json", path: join(folder, "names") } } });
  await ws.register(Doc);
  await ws.upsert(Doc, { object_id: "é".repeat(38) });
  for (const id of ["é".repeat(42), "é".repeat(63)]) {
    await assert.rejects(ws.upsertMany(Doc, [{ object_id: "a" }, { object_id: id }]), { code: "INVALID_ID" });
    assert.deepEqual([await ws.exists(id, { entity: Doc }), await ws.get(id, { entity: Doc }), await ws.delete(id, { entity: Doc })], [false, null, false]);
  }
  assert.equal(await ws.count(Doc), 1);
  assert.equal((await ws.audit()).ok, true);
  await ws.close();
});

test("a file that is no database is a typed error", async () => {
  const path = join(folder, "junk.db");
  fs.writeFileSync(path, "this is no database, and long enough to be looked at as one ".repeat(100));
  await assert.rejects(HeavenBase.open("durable", on(path)), { name: "HeavenBaseError", backend: "main" });
});

test("nothing is left open after close", async () => {
  const open = () => fs.readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return fs.readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder);
    } catch {
      return false;                   // the handle that lists the folder itself
    }
  });
  const ws = await HeavenBase.open("durable", on(join(folder, "closed.db")));
  await ws.register(Doc);
  await ws.close();
  assert.deepEqual(open(), []);
  assert.deepEqual(fs.readdirSync(folder).filter((name) => /closed.*(wal|shm|journal|lock)/.test(name)), []);
});
