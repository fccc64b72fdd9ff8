// SPDX-License-Identifier: MIT
// Several processes on one SQLite file, and on one folder of row files: Node beside Node, Node beside wasmtime, and processes that were killed.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { HeavenBase, Integer, ShortText, entity, field } from "heavenbase";

const root = fileURLToPath(new URL("../../", import.meta.url));
const wasmtime = join(root, ".cache/bin/wasmtime");
const command = join(root, "dist/wasi/hb.wasm");
const long = process.env.HB_LONG === "1";
const Item = entity("Item", { n: field(Integer), who: field(ShortText) });
/* Patient: on a slow machine the others' turns take their time. */
const on = (database) => ({ backends: { main: { type: "sqlite", database } }, timeoutMs: 60000 });
const inFolder = (path, type = "json") => ({ backends: { main: { type, path } }, timeoutMs: 60000 });

const writer = `
import { HeavenBase } from "heavenbase";
const [main, who, count, batch] = process.argv.slice(-4);
const ws = await HeavenBase.open("shared", { backends: { main: JSON.parse(main) }, timeoutMs: 60000 });
for (let i = 0; i < Number(count); i++) {
  const rows = Array.from({ length: Number(batch) }, (_, k) => ({ object_id: who + "-" + i + "-" + k, n: i, who }));
  await ws.upsertMany("item", rows);
  await ws.set({ object_id: "shared-row", who }, { entity: "item" });
  process.stdout.write(i + "\\n");
}
await ws.close();
`;

/** @param {{ backends: { main: object } }} where @param {string[]} args */
const start = (where, ...args) => spawn(process.execPath, ["--input-type=module", "-e", writer, "--", JSON.stringify(where.backends.main), ...args], { cwd: root, stdio: ["ignore", "pipe", "inherit"] });

/** @param {import("node:test").TestContext} t */
function folderOf(t) {
  const folder = mkdtempSync(join(tmpdir(), "hb-processes-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A database with the entity and one row. @param {string} database */
async function prepare(database) {
  const ws = await HeavenBase.open("shared", on(database));
  await ws.register(Item);
  await ws.upsert(Item, { object_id: "shared-row", n: 0, who: "nobody" });
  return ws;
}

test("writers in several Node processes lose no row, and a reader sees them", async (t) => {
  const database = join(folderOf(t), "shared.db");
  const ws = await prepare(database);
  const [writers, count] = long ? [4, 60] : [2, 12];
  const children = Array.from({ length: writers }, (_, i) => start(on(database), `w${i}`, String(count), "3"));
  const ends = children.map(async (child) => {
    child.stdout.resume();
    return once(child, "close");
  });
  let own = 0;
  const ended = Promise.all(ends).then(() => { own = -own - 1; });
  for (; own >= 0; own++) {
    await ws.upsert(Item, { object_id: `own-${own}`, n: own, who: "own" });
    await new Promise((resolve) => setTimeout(resolve, 15));
    if (own === 20_000) assert.fail("the writers never ended");
  }
  await ended;
  for (const [code] of await Promise.all(ends)) assert.equal(code, 0);
  await ws.refresh();
  for (let i = 0; i < writers; i++) assert.equal(await ws.query(Item).where(Item.who.eq(`w${i}`)).count().scalar() >= count * 3, true);
  assert.ok(await ws.query(Item).where(Item.who.eq("own")).count().scalar() > 0);
  assert.equal((await ws.audit()).catalog.ok, true);
  await ws.close();
  assert.equal(existsSync(`${database}.hb-lock`), false);
});

test("a killed writer leaves whole calls, and its lock is taken over", async (t) => {
  const database = join(folderOf(t), "killed.db");
  await (await prepare(database)).close();
  for (let round = 0; round < (long ? 40 : 2); round++) {
    const child = start(on(database), `k${round}`, "100000", "7");
    let last = -1;
    child.stdout.setEncoding("utf8").on("data", (text) => { last = Number(text.trim().split("\n").at(-1)); });
    while (last < 1) await once(child.stdout, "data");
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 30));
    child.kill("SIGKILL");
    await once(child, "close");
    const ws = await HeavenBase.open("shared", on(database));
    const rows = await ws.query("item").where({ who: `k${round}` }).limit(100000).execute();
    const batches = new Map();
    for (const { object_id: id } of rows.rows()) batches.set(id.split("-")[1], (batches.get(id.split("-")[1]) ?? 0) + (id === "shared-row" ? 0 : 1));
    batches.delete("row");
    for (const [batch, size] of batches) assert.equal(size, 7, `round ${round}, batch ${batch}`);
    assert.ok(batches.size > last, `round ${round}: a call that had ended is lost`);
    assert.equal((await ws.audit()).catalog.ok, true);
    await ws.close();
  }
});

test("Node and wasmtime take turns on one file", { skip: existsSync(wasmtime) && existsSync(command) ? false : "no wasmtime" }, async (t) => {
  const folder = folderOf(t);
  const hb = (/** @type {string[]} */ args, input = "") => {
    const { status, stdout, stderr } = spawnSync(wasmtime, ["run", "--dir", ".", command, ...args], { cwd: folder, input, encoding: "utf8" });
    assert.equal(status, 0, stderr);
    return stdout;
  };
  hb(["ws", "create", "shared"]);
  const ws = await HeavenBase.open("shared", on(join(folder, ".heavenbase/data/shared.db")));
  await ws.register(Item);
  await ws.upsert(Item, { object_id: "node", n: 1 });
  const child = spawn(wasmtime, ["run", "--dir", ".", command, "put", "item"], { cwd: folder, stdio: ["pipe", "ignore", "inherit"] });
  child.stdin.end('{"object_id":"wasi","n":2}\n');
  const [code] = await once(child, "close");
  assert.equal(code, 0);
  await ws.refresh();
  assert.deepEqual((await ws.rows(Item)).map((row) => row.object_id), ["node", "wasi"]);
  writeFileSync(join(folder, "other.json"), '{"name":"Other","fields":{"k":"integer"}}');
  const definer = spawn(wasmtime, ["run", "--dir", ".", command, "entity", "define", "other.json"], { cwd: folder, stdio: "ignore" });
  assert.deepEqual(await once(definer, "close"), [0, null]);
  await ws.refresh();
  await ws.upsert("other", { object_id: "o", k: 3 });
  await ws.alterEntity(entity("Item", { n: field(ShortText), who: field(ShortText) }), { confirm: "item" });
  const putter = spawn(wasmtime, ["run", "--dir", ".", command, "put", "item"], { cwd: folder, stdio: ["pipe", "ignore", "inherit"] });
  putter.stdin.end('{"object_id":"words","n":"three"}\n');
  assert.deepEqual(await once(putter, "close"), [0, null]);
  assert.deepEqual((await ws.rows("item")).map((row) => row.n), ["1", "2", "three"]);
  await ws.close();
  assert.match(hb(["query", "item", '{"count":{}}', "--format", "csv"]), /^count\n3\n$/);
});

test("a lock without heartbeat is dead; a living one makes the call wait no longer than it may", async (t) => {
  const database = join(folderOf(t), "locked.db");
  await (await prepare(database)).close();
  mkdirSync(`${database}.hb-lock`);
  writeFileSync(join(`${database}.hb-lock`, "owner"), "dead.1");
  await assert.rejects(HeavenBase.open("shared", { ...on(database), timeoutMs: 200 }), { code: "LOCKED", native: "HELD" });
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 50);
  await assert.rejects(HeavenBase.open("shared", { ...on(database), signal: stop.signal }), { code: "CANCELLED" });
  const ws = await HeavenBase.open("shared", on(database));
  assert.equal((await ws.rows("item")).length, 1);
  await ws.close();
});

test("a file that a native program holds in WAL mode is LOCKED", async (t) => {
  const database = join(folderOf(t), "native.db");
  await (await prepare(database)).close();
  writeFileSync(`${database}-shm`, "");
  await assert.rejects(HeavenBase.open("shared", on(database)), { code: "LOCKED", native: "WAL" });
  rmSync(`${database}-shm`);
  await (await HeavenBase.open("shared", on(database))).close();
});

/** A folder with the entity and one row. @param {ReturnType<typeof inFolder>} where */
async function prepareFolder(where) {
  const ws = await HeavenBase.open("shared", where);
  await ws.register(Item);
  await ws.upsert(Item, { object_id: "shared-row", n: 0, who: "nobody" });
  return ws;
}

for (const type of ["json", "pickle"]) {
  test(`writers in several Node processes lose no row of a ${type} folder, and a reader sees them`, async (t) => {
    const folder = folderOf(t);
    const where = inFolder(folder, type);
    const ws = await prepareFolder(where);
    const [writers, count] = long ? [4, 40] : [2, 10];
    const ends = Array.from({ length: writers }, (_, i) => {
      const child = start(where, `w${i}`, String(count), "3");
      child.stdout.resume();
      return once(child, "close");
    });
    let busy = true, own = 0;
    const ended = Promise.all(ends).then((codes) => {
      busy = false;
      return codes;
    });
    for (; busy && own < 20_000; own++) {
      await ws.upsert(Item, { object_id: `own-${own}`, n: own, who: "own" });
      /* A merge from what is there now: the other field is a writer's or nobody's, and stays. */
      await ws.set({ object_id: "shared-row", n: own }, { entity: "item" });
      await new Promise((resolve) => setTimeout(resolve, 15));
    }
    assert.equal(busy, false, "the writers never ended");
    for (const [code] of await ended) assert.equal(code, 0);
    await ws.refresh();
    const ids = new Set((await ws.query(Item).limit(100000).execute()).rows().map((row) => row.object_id));
    for (let w = 0; w < writers; w++) {
      for (let i = 0; i < count; i++) for (let k = 0; k < 3; k++) assert.ok(ids.has(`w${w}-${i}-${k}`), `w${w}-${i}-${k} is lost`);
    }
    for (let i = 0; i < own; i++) assert.ok(ids.has(`own-${i}`), `own-${i} is lost`);
    const merged = await ws.get("shared-row", { entity: Item });
    assert.equal(merged.n, own - 1);
    assert.match(merged.who, /^w\d$/);
    assert.equal((await ws.audit()).catalog.ok, true);
    await ws.close();
    assert.deepEqual(readdirSync(join(folder, "shared/.heavenbase")).filter((name) => name.startsWith("lock")), []);
    assert.equal(existsSync(join(folder, "shared/.heavenbase/tx/journal")), false);
  });
}

test("a killed writer of a folder leaves whole calls, and its lock is taken over", async (t) => {
  const where = inFolder(folderOf(t));
  await (await prepareFolder(where)).close();
  const child = start(where, "k", "100000", "7");
  let last = -1;
  child.stdout.setEncoding("utf8").on("data", (text) => { last = Number(text.trim().split("\n").at(-1)); });
  while (last < 1) await once(child.stdout, "data");
  child.kill("SIGKILL");
  await once(child, "close");
  const ws = await HeavenBase.open("shared", where);
  const batches = new Map();
  for (const { object_id: id } of (await ws.query("item").where({ who: "k" }).limit(100000).execute()).rows()) {
    if (id !== "shared-row") batches.set(id.split("-")[1], (batches.get(id.split("-")[1]) ?? 0) + 1);
  }
  for (const [batch, size] of batches) assert.equal(size, 7, `batch ${batch}`);
  assert.ok(batches.size > last, "a call that had ended is lost");
  assert.equal((await ws.audit()).catalog.ok, true);
  await ws.close();
});

test("two workspaces on one folder see each other's rows without refresh, and a held one is LOCKED", async (t) => {
  const where = inFolder(folderOf(t));
  const one = await prepareFolder(where);
  const two = await HeavenBase.open("shared", where);
  assert.equal((await two.rows("item")).length, 1);
  await one.upsert(Item, { object_id: "of-one", n: 1 });
  assert.equal((await two.rows("item")).length, 2);
  await two.set({ object_id: "of-one", who: "two" }, { entity: "item" });
  const { n, who } = await one.get("of-one", { entity: Item });
  assert.deepEqual([n, who], [1, "two"]);
  await one.close();
  await two.close();
  const lock = join(where.backends.main.path, "shared/.heavenbase/lock");
  mkdirSync(lock);
  writeFileSync(join(lock, "owner"), "other.1");
  await assert.rejects(HeavenBase.open("shared", { ...where, timeoutMs: 100 }), { code: "LOCKED", native: "HELD" });
});

test("Node and wasmtime take turns on one folder", { skip: existsSync(wasmtime) && existsSync(command) ? false : "no wasmtime" }, async (t) => {
  const folder = folderOf(t);
  const run = (/** @type {string[]} */ ...args) => spawn(wasmtime, ["run", "--dir", ".", command, ...args], { cwd: folder, stdio: ["pipe", "ignore", "inherit"] });
  const create = run("ws", "create", "shared", "--backends", JSON.stringify({ main: { type: "json", path: "rows" } }));
  create.stdin.end();
  assert.equal((await once(create, "close"))[0], 0);
  const ws = await HeavenBase.open("shared", inFolder(join(folder, "rows")));
  await ws.register(Item);
  await ws.upsert(Item, { object_id: "node", n: 1 });
  for (let i = 0; i < 2; i++) {
    const child = run("put", "item", "--batch", "5");
    child.stdin.end(Array.from({ length: 20 }, (_, k) => `{"object_id":"wasi-${i}-${k}","n":${k}}\n`).join(""));
    let code;
    const closed = once(child, "close").then((all) => { [code] = all; });
    for (let k = 0; code === undefined && k < 500; k++) {
      await ws.upsert(Item, { object_id: `node-${i}-${k}`, n: k });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await closed;
    assert.equal(code, 0);
  }
  const ids = (await ws.query("item").limit(100000).execute()).rows().map((row) => row.object_id);
  assert.equal(ids.filter((id) => id.startsWith("wasi-")).length, 40);
  assert.ok(ids.includes("node") && ids.includes("node-1-0"));
  /* One command under way knows the old definition; the next one reads the new. */
  const late = spawn(wasmtime, ["run", "--dir", ".", command, "put", "item", "--batch", "1"], { cwd: folder, stdio: ["pipe", "ignore", "pipe"] });
  let said = "";
  late.stderr.setEncoding("utf8").on("data", (text) => { said += text; });
  const ended = once(late, "close");
  late.stdin.write('{"object_id":"early","n":7}\n');
  for (let k = 0; k < 600 && !await ws.exists("early", { entity: Item }); k++) await new Promise((resolve) => setTimeout(resolve, 50));
  await ws.alterEntity(entity("Item", { n: field(ShortText), who: field(ShortText) }), { confirm: "item" });
  late.stdin.end('{"object_id":"late","n":8}\n');
  assert.notEqual((await ended)[0], 0);
  assert.match(said, /another instance of the workspace has altered entity 'item'/);
  const next = run("put", "item");
  next.stdin.end('{"object_id":"words","n":"eight"}\n');
  assert.equal((await once(next, "close"))[0], 0);
  assert.equal(await ws.exists("late", { entity: "item" }), false);
  assert.deepEqual((await ws.getMany(["early", "words"], { entity: "item" })).map((row) => row.n), ["7", "eight"]);
  assert.equal((await ws.audit()).ok, true);
  await ws.close();
});
