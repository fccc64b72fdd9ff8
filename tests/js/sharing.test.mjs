// SPDX-License-Identifier: MIT
// One file or folder under several workspaces: in one program, in two modules of it, in its threads, and beside a process that was stopped.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { HeavenBase, Integer, ShortText, entity, field } from "heavenbase";

const root = fileURLToPath(new URL("../../", import.meta.url));
const long = process.env.HB_LONG === "1";
const Item = entity("Item", { n: field(Integer), who: field(ShortText) });
const Other = entity("Other", { n: field(Integer) });

/** @param {import("node:test").TestContext} t */
function folderOf(t) {
  const folder = mkdtempSync(join(tmpdir(), "hb-sharing-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** @param {string} type @param {string} folder */
const placeOf = (type, folder) => ({ backends: { main: type === "sqlite" ? { type, database: join(folder, "x.db") } : { type, path: join(folder, "rows") } } });

/** @param {any} ws @returns {Promise<Map<string, any>>} */
async function rowsOf(ws) {
  return new Map((await ws.query("item").limit(100000).execute()).rows().map((/** @type {any} */ row) => [row.object_id, row]));
}

/** @param {any} ws */
async function isSound(ws) {
  const report = await ws.audit();
  assert.equal(report.catalog.ok, true, JSON.stringify(report));
}

for (const type of ["sqlite", "json"]) {
  test(`two workspaces of one program work side by side on one ${type} place`, async (t) => {
    for (const [first, second] of [["one", "two"], ["same", "same"]]) {
      const place = placeOf(type, folderOf(t));
      const a = await HeavenBase.open(first, place);
      const b = await HeavenBase.open(second, place);
      await a.register(Item);
      await b.refresh();
      await b.register(Item);
      for (let i = 0; i < 6; i++) {
        await a.upsert(Item, { object_id: `a-${i}`, n: i, who: "a" });
        await b.upsert(Item, { object_id: `b-${i}`, n: i, who: "b" });
        await a.set({ object_id: "a-0", n: 100 + i }, { entity: Item });
        if (first === second) await b.set({ object_id: "a-0", who: `b${i}` }, { entity: Item });
      }
      await Promise.all(Array.from({ length: 6 }, (_, i) => [a.upsert(Item, { object_id: `c-${i}`, n: i }), b.upsert(Item, { object_id: `d-${i}`, n: i })]).flat());
      await Promise.all([a.refresh(), b.refresh()]);
      const [ofA, ofB] = [await rowsOf(a), await rowsOf(b)];
      assert.equal(ofA.get("a-0").n, 105);
      if (first === second) {
        assert.equal(ofA.size, 24);
        assert.deepEqual(ofB, ofA);
        assert.equal(ofB.get("a-0").who, "b5");
      } else {
        assert.deepEqual([...ofA.keys()].map((id) => id[0]).filter((letter) => letter !== "a" && letter !== "c"), []);
        assert.equal(ofA.size, 12);
        assert.equal(ofB.size, 12);
      }
      await isSound(a);
      await isSound(b);
      await a.close();
      assert.equal((await rowsOf(b)).size, ofB.size);
      await b.close();
    }
  });
}

test("what one workspace registers, the other of the same id has after refresh, or registers itself", async (t) => {
  const place = placeOf("sqlite", folderOf(t));
  const a = await HeavenBase.open("same", place);
  const b = await HeavenBase.open("same", place);
  await a.register(Other);
  await a.upsert(Other, { object_id: "o", n: 1 });
  await b.refresh();
  assert.deepEqual(await b.listEntities(), ["other"]);
  assert.equal((await b.get("o", { entity: "other" })).n, 1);
  await b.register(Other);
  assert.equal((await b.get("o", { entity: Other })).n, 1);
  await b.set({ object_id: "o", n: 2 }, { entity: Other });
  assert.equal((await a.get("o", { entity: Other })).n, 2);
  await isSound(a);
  await b.close();
  await a.close();
});

test("a call of one workspace that is under way holds the file, and the other's waits for it", async (t) => {
  const place = placeOf("sqlite", folderOf(t));
  const a = await HeavenBase.open("one", place);
  const b = await HeavenBase.open("two", place);
  await a.register(Item);
  await b.register(Item);
  const many = Array.from({ length: 300 }, (_, i) => ({ object_id: `m-${i}`, n: i }));
  const [, , count] = await Promise.all([a.upsertMany(Item, many), b.upsertMany(Item, many), b.query(Item).count().scalar()]);
  assert.equal(count, 300);
  await a.close();
  await b.close();
});

test("two modules in one program and a thread share a place", async (t) => {
  const place = placeOf("json", folderOf(t));
  const a = await HeavenBase.open("same", place);
  await a.register(Item);
  await HeavenBase.init({ bytes: readFileSync(new URL("../../dist/hb.wasm", import.meta.url)) });
  const b = await HeavenBase.open("same", place);
  const worker = new Worker(`
    const { workerData, parentPort } = require("node:worker_threads");
    import("heavenbase").then(async ({ HeavenBase }) => {
      const ws = await HeavenBase.open("same", workerData);
      for (let i = 0; i < 5; i++) await ws.upsert("item", { object_id: "t-" + i, n: i });
      await ws.close();
      parentPort.postMessage("done");
    });`, { eval: true, workerData: place });
  const done = once(worker, "message");
  for (let i = 0; i < 5; i++) {
    await a.upsert(Item, { object_id: `a-${i}`, n: i });
    await b.upsert("item", { object_id: `b-${i}`, n: i });
  }
  await done;
  await a.refresh();
  assert.equal((await rowsOf(a)).size, 15);
  assert.equal((await rowsOf(b)).size, 15);
  await isSound(b);
  await a.close();
  await b.close();
});

/* VALIDATION and not LOCKED: neither waits for the lock of the other. */
test("two backends of one workspace at one place are refused at once", async (t) => {
  const folder = folderOf(t);
  symlinkSync(folder, join(folder, "link"));
  for (const [type, option, path] of [["sqlite", "database", "x.db"], ["json", "path", "rows"]]) {
    const backends = { main: { type, [option]: join(folder, path) }, more: { type, [option]: join(folder, "link", path) } };
    await assert.rejects(HeavenBase.open("shop", { backends }), { code: "VALIDATION", backend: "more" });
  }
});

// ---- a process that was stopped -----------------------------------------------------------------

const restless = `
import { HeavenBase } from "heavenbase";
const ws = await HeavenBase.open("shared", { backends: { main: JSON.parse(process.argv.at(-1)) } });
for (let i = 0; ; i++) {
  try {
    await ws.upsertMany("item", [{ object_id: "c-" + i, n: i }, { object_id: "d-" + i, n: i }]);
    await ws.set({ object_id: "shared-row", n: i }, { entity: "item" });
    process.stdout.write(i + "\\n");
  } catch (error) {
    if (error.code !== "LOCKED") throw error;
    process.stdout.write("LOCKED " + error.native + "\\n");
  }
}
`;

/** As if the last heartbeat were long ago. @param {string} lock */
function ageLock(lock) {
  if (!existsSync(lock)) return false;
  const past = Date.now() / 1000 - 9;
  for (const name of readdirSync(lock)) utimesSync(join(lock, name), past, past);
  return true;
}

for (const type of ["sqlite", "json"]) {
  test(`a process that is stopped for longer than its lock lives destroys nothing in ${type} when it goes on`, { skip: process.platform === "win32" ? "no SIGSTOP" : false }, async (t) => {
    const folder = folderOf(t);
    const place = placeOf(type, folder);
    const lock = type === "sqlite" ? join(folder, "x.db.hb-lock") : join(folder, "rows/shared/.heavenbase/lock");
    const first = await HeavenBase.open("shared", place);
    await first.register(Item);
    await first.upsert(Item, { object_id: "shared-row", n: -1, who: "nobody" });
    await first.close();
    const child = spawn(process.execPath, ["--input-type=module", "-e", restless, "--", JSON.stringify(place.backends.main)], { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
    t.after(() => child.kill("SIGKILL"));
    /** @type {string[]} */
    const said = [];
    let rest = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      const lines = (rest + text).split("\n");
      rest = /** @type {string} */ (lines.pop());
      said.push(...lines);
    });
    const hear = async (/** @type {number} */ more) => {
      for (const target = said.length + more; said.length < target;) await once(child.stdout, "data");
    };
    let held = 0;
    const rounds = long ? 12 : 3;
    for (let round = 0; round < rounds; round++) {
      await hear(3);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
      child.kill("SIGSTOP");
      await new Promise((resolve) => setTimeout(resolve, long && round === 0 ? 9000 : 1200));
      if (ageLock(lock)) held++;
      const ws = await HeavenBase.open("shared", place);
      await ws.upsertMany(Item, [{ object_id: `p-${round}`, n: round }, { object_id: `q-${round}`, n: round }]);
      await ws.set({ object_id: "shared-row", who: `p${round}` }, { entity: Item });
      await ws.close();
      child.kill("SIGCONT");
    }
    await hear(3);
    child.kill("SIGKILL");
    await once(child, "close");
    ageLock(lock);
    const ws = await HeavenBase.open("shared", place);
    const rows = await rowsOf(ws);
    for (let round = 0; round < rounds; round++) assert.deepEqual([rows.get(`p-${round}`)?.n, rows.get(`q-${round}`)?.n], [round, round]);
    const done = said.filter((line) => !line.startsWith("LOCKED")).map(Number);
    for (const i of done) assert.deepEqual([rows.get(`c-${i}`)?.n, rows.get(`d-${i}`)?.n], [i, i], `${i} of ${done.length}`);
    assert.equal(rows.get("shared-row").who, `p${rounds - 1}`);
    assert.ok(rows.get("shared-row").n >= Math.max(...done));
    await isSound(ws);
    await ws.close();
    t.diagnostic(`taken over ${held} times, ${said.length - done.length} of its calls were LOCKED`);
    assert.ok(held > 0, "it never held the lock when it was stopped");
  });
}

// ---- SQLite of others ---------------------------------------------------------------------------

const python = spawnSync("python3", ["-c", "import sqlite3"]).status === 0;

test("what a killed native SQLite had committed is read once its -shm is gone", { skip: python ? false : "no Python" }, async (t) => {
  const place = placeOf("sqlite", folderOf(t));
  const { database } = /** @type {any} */ (place.backends.main);
  await (await HeavenBase.open("shared", place)).close();
  const code = `
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA journal_mode=WAL")
db.execute("CREATE TABLE theirs (n)")
db.execute("INSERT INTO theirs VALUES (1), (2)")
os.kill(os.getpid(), 9)
`;
  spawnSync("python3", ["-c", code, database]);
  assert.deepEqual([existsSync(`${database}-wal`), existsSync(`${database}-shm`)], [true, true]);
  await assert.rejects(HeavenBase.open("shared", place), { code: "LOCKED", native: "WAL" });
  rmSync(`${database}-shm`);
  const ws = await HeavenBase.open("shared", place);
  await ws.register(Item);
  await isSound(ws);
  await ws.close();
  assert.equal(existsSync(`${database}-wal`), false);
  const read = spawnSync("python3", ["-c", "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('SELECT count(*) FROM theirs').fetchone()[0])", database], { encoding: "utf8" });
  assert.equal(read.stdout.trim(), "2");
});

// ---- paths --------------------------------------------------------------------------------------

test("paths: what is reached, and errors that name what is not", async (t) => {
  const folder = folderOf(t);
  const home = process.cwd();
  t.after(() => process.chdir(home));
  process.chdir(folder);
  mkdirSync("sub");
  mkdirSync("elsewhere");
  writeFileSync("afile", "this is no database, and no folder");
  symlinkSync(join(folder, "elsewhere"), join(folder, "sub/link"));
  const open = async (/** @type {string} */ type, /** @type {string} */ path) => {
    const ws = await HeavenBase.open("w", { backends: { main: { type, [type === "sqlite" ? "database" : "path"]: path } } });
    assert.equal(ws.persistence, "node");
    await ws.close();
  };
  for (const [path, real] of [["x.db", "x.db"], ["./y.db", "y.db"], ["sub/../z.db", "z.db"], [join(folder, "abs.db"), "abs.db"],
    ["sub/link/l.db", "elsewhere/l.db"], [`file://${folder}/f%20g.db`, "f g.db"], ["file://&/h.db", "h.db"]]) {
    await open("sqlite", path);
    assert.ok(existsSync(real), path);
  }
  for (const [path, real] of [["rows", "rows"], ["rows2/", "rows2"], ["missing/a/b", "missing/a/b"], ["sub/../rows3", "rows3"], ["sub/link", "elsewhere"], [".", "."]]) {
    await open("json", path);
    assert.ok(existsSync(join(real, "w/.heavenbase")), path);
  }
  const wrong = [
    ["sqlite", "sub", "UNAVAILABLE", "EISDIR"], ["sqlite", "new/", "UNAVAILABLE", "EISDIR"], ["sqlite", "gone/x.db", "UNAVAILABLE", "ENOENT"],
    ["sqlite", "afile/x.db", "UNAVAILABLE", "ENOTDIR"], ["sqlite", "afile", "CORRUPT", "SQLITE_NOTADB"], ["sqlite", `${"x".repeat(300)}.db`, "UNAVAILABLE", "ENAMETOOLONG"],
    ["sqlite", "a\0b", "VALIDATION", null], ["sqlite", "/x.db", "UNAVAILABLE", "EACCES"],
    ["json", "afile", "UNAVAILABLE", "ENOTDIR"], ["json", "afile/x", "UNAVAILABLE", "ENOTDIR"], ["json", "a\0b", "VALIDATION", null],
    ["json", "file://nowhere/x", "VALIDATION", null], ["json", "/", "UNAVAILABLE", "EACCES"],
  ];
  for (const [type, path, code, native] of wrong) {
    await assert.rejects(open(/** @type {string} */ (type), /** @type {string} */ (path)), { code, native, backend: "main" }, `${type} ${path}`);
  }
  assert.deepEqual(readdirSync(".").sort(), ["abs.db", "afile", "elsewhere", "f g.db", "h.db", "missing", "rows", "rows2", "rows3", "sub", "w", "x.db", "y.db", "z.db"]);
});

for (const type of ["sqlite", "json"]) {
  test(`an instance is told that another one has altered an entity on ${type}, and goes on after refresh`, async (t) => {
    const place = placeOf(type, folderOf(t));
    const a = await HeavenBase.open("same", place);
    const b = await HeavenBase.open("same", place);
    await a.register(Item);
    await a.upsert(Item, { object_id: "i", n: 1, who: "a" });
    await b.refresh();
    assert.equal((await b.get("i", { entity: "item" })).n, 1);
    await a.alterEntity(entity("Item", { n: field(ShortText), who: field(ShortText), more: field(Integer).default(7) }), { confirm: "item" });
    const conflict = { code: "SCHEMA_CONFLICT", entity: "item" };
    await assert.rejects(b.upsert("item", { object_id: "j", n: 2 }), conflict);
    await assert.rejects(b.get("i", { entity: "item" }), conflict);
    await assert.rejects(b.query("item").execute(), conflict);
    await b.refresh();
    await b.upsert("item", { object_id: "j", n: "two" });
    assert.deepEqual((await b.rows("item")).map(({ object_id: id, n, more }) => [id, n, more]), [["i", "1", 7], ["j", "two", 7]]);
    assert.equal((await a.get("j", { entity: "item" })).n, "two");
    await isSound(a);
    await b.close();
    await a.close();
  });
}

for (const type of ["sqlite", "json"]) {
  test(`an entity that another instance dropped is unknown until it is registered, ${type}`, async (t) => {
    const place = placeOf(type, folderOf(t));
    const a = await HeavenBase.open("same", place);
    await a.register(Item);
    await a.upsert(Item, { object_id: "1", n: 1 });
    const b = await HeavenBase.open("same", place);
    await b.register(Item);
    assert.equal((await rowsOf(b)).size, 1);
    await a.drop();
    await a.close();
    const gone = (/** @type {any} */ error) => error.code === "UNKNOWN_ENTITY" && error.entity === "item" && /dropped/.test(error.message);
    for (let turn = 0; turn < 2; turn++) {
      await assert.rejects(b.upsert(Item, { object_id: "2", n: 2 }), gone);
      await assert.rejects(b.query(Item).execute(), gone);
      await assert.rejects(b.get("1", { entity: Item }), gone);
      assert.equal(await b.get("1"), null);
      await b.refresh();
      assert.deepEqual(await b.listEntities(), []);
    }
    assert.equal((await b.audit()).ok, true);
    await b.register(Item);
    assert.equal((await rowsOf(b)).size, 0);
    await b.upsert(Item, { object_id: "3", n: 3 });
    assert.equal((await rowsOf(b)).get("3").n, 3);
    await b.close();
  });
}
