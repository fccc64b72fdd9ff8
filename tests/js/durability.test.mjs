// SPDX-License-Identifier: MIT
// What is on disk when: strict and relaxed workspaces whose process is killed, and writes over several backends of which one fails.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs, { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { HeavenBase, Integer, ShortText, entity, field } from "heavenbase";

const root = fileURLToPath(new URL("../../", import.meta.url));
const rounds = process.env.HB_LONG === "1" ? 25 : 1;
const Item = entity("Item", { n: field(Integer), who: field(ShortText) });

/** @param {import("node:test").TestContext} t */
function folderOf(t) {
  const folder = mkdtempSync(join(tmpdir(), "hb-durability-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes pairs of rows, says which one has resolved, every third time flushes and says so, and is killed in the middle. */
const writer = `
import { HeavenBase } from "heavenbase";
const [options] = process.argv.slice(-1);
const ws = await HeavenBase.open("kept", JSON.parse(options));
await ws.register({ name: "Item", fields: { n: "integer", who: "short-text" } });
await ws.flush();
for (let n = 0; ; n++) {
  await ws.upsertMany("item", [{ object_id: "a" + n, n }, { object_id: "b" + n, n }]);
  process.stdout.write("w" + n + "\\n");
  if (n % 3 === 2) {
    await ws.flush();
    process.stdout.write("f" + n + "\\n");
  }
}
`;

/** Runs the writer until some pairs were written and kills it. @param {object} options @param {number} pairs @returns {Promise<{ written: number, flushed: number }>} */
async function kill(options, pairs) {
  const child = spawn(process.execPath, ["--input-type=module", "-e", writer, "--", JSON.stringify(options)], { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8");
  for await (const text of child.stdout) {
    output += text;
    if (output.includes(`w${pairs}\n`)) break;
  }
  child.kill("SIGKILL");
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  const last = (/** @type {string} */ kind) => Math.max(-1, ...[...output.matchAll(new RegExp(`^${kind}(\\d+)$`, "gm"))].map(([, n]) => Number(n)));
  return { written: last("w"), flushed: last("f") };
}

/** Opens what the killed process left, and gives the numbers of its pairs; each must be whole. @param {object} options */
async function pairsOf(options) {
  const ws = await HeavenBase.open("kept", options);
  const rows = await ws.rows("item");
  const numbers = rows.filter((row) => row.object_id.startsWith("a")).map((row) => row.n).sort((a, b) => a - b);
  assert.deepEqual(rows.filter((row) => row.object_id.startsWith("b")).map((row) => row.n).sort((a, b) => a - b), numbers, "half a call");
  assert.deepEqual(numbers, numbers.map((_, i) => i), "a call is missing before others");
  assert.equal((await ws.audit()).ok, true);
  await ws.close();
  return numbers.length;
}

/** @type {[string, (folder: string) => Record<string, any> & { type: string }][]} */
const kinds = [["sqlite", (folder) => ({ type: "sqlite", database: join(folder, "kept.db") })], ["json", (folder) => ({ type: "json", path: folder })]];

// Together, since the lock of a killed process is only taken over after 8 s.
test("what a killed process leaves", { concurrency: true }, async (t) => {
  await Promise.all(kinds.flatMap(([type, main]) => [
    t.test(`strict, ${type}: every call that has resolved`, async (t) => {
      for (let round = 0; round < rounds; round++) {
        const options = { backends: { main: main(folderOf(t)) } };
        const { written } = await kill(options, 3 + round);
        const kept = await pairsOf(options);
        assert.ok(kept >= written + 1, `${written + 1} resolved, ${kept} there`);
      }
    }),
    t.test(`relaxed, ${type}: every call before a flush, and whole ones after it`, async (t) => {
      for (let round = 0; round < rounds; round++) {
        const options = { backends: { main: main(folderOf(t)) }, durability: "relaxed" };
        const { flushed } = await kill(options, 4 + round);
        const kept = await pairsOf(options);
        assert.ok(kept >= flushed + 1, `${flushed + 1} flushed, ${kept} there`);
      }
    }),
  ]));
});

test("relaxed row files are written when nothing is to be done, and by close", async (t) => {
  const folder = folderOf(t);
  const ws = await HeavenBase.open("kept", { backends: { main: { type: "json", path: folder } }, durability: "relaxed" });
  await ws.register(Item);
  const row = (/** @type {string} */ id) => existsSync(join(folder, "kept/item", `${id}.json`));
  await ws.upsert(Item, { object_id: "a", n: 1 });
  assert.equal(row("a"), false);
  assert.equal((await ws.get("a", { entity: Item })).n, 1);
  await ws.flush();
  assert.equal(row("a"), true);
  await ws.upsert(Item, { object_id: "b", n: 1 });
  for (let i = 0; i < 3000 && !row("b"); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(row("b"), true);
  await ws.upsert(Item, { object_id: "c", n: 1 });
  await ws.delete("a", { entity: Item });
  await ws.close();
  assert.deepEqual([row("a"), row("c")], [false, true]);
});

test("the options are checked, and the workspace says which holds", async () => {
  const strict = await HeavenBase.open("kept");
  assert.equal(strict.durability, "strict");
  await strict.close();
  const relaxed = await HeavenBase.open("kept", { durability: "relaxed", intentMs: 5 });
  assert.equal(relaxed.durability, "relaxed");
  await relaxed.close();
  /** @type {[any, string][]} */
  const wrong = [[{ durability: "loose" }, "VALIDATION"], [{ durability: 1 }, "TYPE"], [{ intentMs: "5" }, "TYPE"], [{ intentMs: 0 }, "VALIDATION"],
    [{ intentMs: 1.5 }, "VALIDATION"], [{ intentMs: 86_400_001 }, "VALIDATION"], [{ intentMs: Number.NaN }, "VALIDATION"]];
  for (const [options, code] of wrong) await assert.rejects(HeavenBase.open("kept", options), { name: "HeavenBaseError", code });
});

// ---- several backends -------------------------------------------------------------------------

const Doc = entity("Doc", { title: field(ShortText).store({ to: "main" }), n: field(Integer).store({ to: "side" }), note: field(ShortText).store({ to: "other" }) });

/** @param {string} folder @param {number} [intentMs] */
const three = (folder, intentMs) => ({ intentMs, backends: { main: { type: "sqlite", database: join(folder, "main.db") },
  side: { type: "json", path: join(folder, "side") }, other: { type: "sqlite", database: join(folder, "other.db") } } });

/** From now on the disk refuses the rename by which a call on the folder counts, until the returned function is called. @param {string} folder */
function blockSide(folder) {
  const rename = fs.renameSync;
  fs.renameSync = (from, to) => {
    if (String(to) === join(folder, "side/three/.heavenbase/tx/journal")) throw Object.assign(new Error("the device failed"), { code: "EIO" });
    rename(from, to);
  };
  return () => { fs.renameSync = rename; };
}

/** A workspace with two rows, then a write that fails in the second of its three backends. @param {import("node:test").TestContext} t @param {number} [intentMs] */
async function partial(t, intentMs) {
  const folder = folderOf(t);
  const ws = await HeavenBase.open("three", three(folder, intentMs));
  await ws.register(Doc);
  await ws.upsertMany(Doc, [{ object_id: "a", title: "old", n: 1, note: "old" }, { object_id: "b", title: "old", n: 1, note: "old" }]);
  const free = blockSide(folder);
  const failed = await ws.upsertMany(Doc, ["a", "b"].map((object_id) => ({ object_id, title: "new", n: 2, note: "new" })), { overwrite: true }).catch((error) => error);
  free();
  return { folder, ws, failed };
}

const stateOf = async (/** @type {any} */ ws) => (await ws.rows("doc")).map((/** @type {any} */ row) => [row.title, row.n, row.note].join(" "));
const old = ["old 1 old", "old 1 old"];
const changed = ["new 2 new", "new 2 new"];

test("a failure in the second of three backends names what is where, and repair completes it", async (t) => {
  const { ws, failed } = await partial(t);
  assert.equal(failed.code, "PARTIAL_WRITE");
  assert.equal(failed.entity, "doc");
  assert.equal(failed.backend, "side");
  assert.deepEqual(failed.partial, { committed: ["main"], pending: ["side", "other"], rows: 2, ids: ["a", "b"] });
  assert.match(failed.message, /committed on 'main', pending on 'side', 'other'/);
  assert.deepEqual(failed.toJSON().partial, failed.partial);
  assert.notDeepEqual(await stateOf(ws), changed);
  assert.equal((await ws.audit()).intents.pending.length, 1);
  assert.equal((await ws.repair()).intents.completed, 1);
  assert.deepEqual(await stateOf(ws), changed);
  assert.equal((await ws.audit()).ok, true);
  await ws.close();
});

test("reopening completes it once its deadline is past", async (t) => {
  const { folder, ws, failed } = await partial(t, 1);
  assert.equal(failed.code, "PARTIAL_WRITE");
  await ws.close();
  await new Promise((resolve) => setTimeout(resolve, 20));
  const again = await HeavenBase.open("three", three(folder));
  assert.deepEqual(await stateOf(again), changed);
  assert.equal((await again.audit()).ok, true);
  await again.close();
});

test("before the deadline nobody else completes it, or writes its rows", async (t) => {
  const { folder, ws, failed } = await partial(t, 60_000);
  assert.equal(failed.code, "PARTIAL_WRITE");
  const other = await HeavenBase.open("three", three(folder));
  assert.equal((await other.repair()).intents.completed, 0);
  assert.equal((await other.audit()).intents.pending.length, 1);
  await assert.rejects(other.set({ object_id: "a", title: "mine" }, { entity: "doc" }), { code: "LOCKED" });
  await other.upsert("doc", { object_id: "c", title: "free", n: 3, note: "free" });
  assert.deepEqual((await stateOf(other)).at(-1), "free 3 free");
  assert.notDeepEqual((await stateOf(other)).slice(0, 2), changed);
  // Its own owner may, at any time.
  assert.equal((await ws.repair()).intents.completed, 1);
  assert.deepEqual((await stateOf(other)).slice(0, 2), changed);
  await other.close();
  await ws.close();
});

test("two living writers never complete each other's", async (t) => {
  const { folder, ws, failed } = await partial(t, 60_000);
  assert.equal(failed.code, "PARTIAL_WRITE");
  const other = await HeavenBase.open("three", three(folder, 60_000));
  await other.upsert("doc", { object_id: "d", title: "old", n: 1, note: "old" });
  const free = blockSide(folder);
  const second = await other.upsertMany("doc", ["d", "e"].map((object_id) => ({ object_id, title: "new", n: 2, note: "new" })), { overwrite: true }).catch((error) => error);
  free();
  assert.deepEqual(second.partial?.ids, ["d", "e"]);
  assert.equal((await ws.repair()).intents.completed, 1);
  assert.equal((await ws.audit()).intents.pending.length, 1);
  assert.equal((await other.repair()).intents.completed, 1);
  assert.deepEqual(await stateOf(ws), [...changed, ...changed]);
  await ws.close();
  await other.close();
});

test("a write that fails before its source of truth leaves all as it was", async (t) => {
  const folder = folderOf(t);
  const ws = await HeavenBase.open("three", three(folder));
  await ws.register(Doc);
  await ws.upsertMany(Doc, [{ object_id: "a", title: "old", n: 1, note: "old" }, { object_id: "b", title: "old", n: 1, note: "old" }]);
  await assert.rejects(ws.upsertMany(Doc, [{ object_id: "a", title: "new" }, { object_id: "b", title: 5n ** 99n }], { overwrite: true }), { name: "HeavenBaseError" });
  assert.deepEqual(await stateOf(ws), old);
  assert.equal((await ws.audit()).intents.pending.length, 0);
  await ws.close();
});
