// SPDX-License-Identifier: MIT
// What a killed command, a second command and a reader that went away leave behind.
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Folder, folderWithNotes, lines } from "./hb.mjs";

/** @param {import("node:test").TestContext} t */
function folderWithItems(t) {
  const folder = new Folder(t);
  folder.ok(["ws", "create", "shop"]);
  folder.ok(["entity", "define", '{"name":"Item","fields":{"n":"Integer","title":"ShortText"}}']);
  return folder;
}
/** @param {number} from @param {number} to */
const items = (from, to) => Array.from({ length: to - from }, (_, i) => JSON.stringify({ object_id: `r${from + i}`, n: from + i, title: `item ${from + i}` }) + "\n").join("");

/** Reads until `count` lines came. @param {import("node:child_process").ChildProcess} child @param {number} count */
async function firstLines(child, count) {
  let text = "";
  while (text.split("\n").length <= count) text += (await once(/** @type {import("node:stream").Readable} */ (child.stdout), "data"))[0];
  return text;
}

test("a killed put keeps every row whose id it printed, and the lock of a killed command is taken over", async (t) => {
  const folder = folderWithItems(t);
  const child = folder.start(["put", "item", "-", "--batch", "50"]);
  child.stdin.write(items(0, 120));
  const acknowledged = (await firstLines(child, 100)).trim().split("\n");
  child.kill("SIGKILL");
  await once(child, "close");
  const lock = join(folder.path, ".heavenbase/data/shop.db.hb-lock");
  mkdirSync(lock, { recursive: true });
  writeFileSync(join(lock, "owner"), "somebody.1");
  const stored = lines(folder.ok(["query", "item", "--format", "ndjson"])).map((row) => row.object_id);
  assert.deepEqual([...acknowledged].sort(), stored);
  assert.equal(JSON.parse(folder.ok(["audit", "--json"])).catalog.ok, true);
});

test("a command waits for another one that is about to end", async (t) => {
  const folder = folderWithItems(t);
  const child = folder.start(["put", "item"]);
  const closed = once(child, "close");
  await new Promise((resolve) => setTimeout(resolve, 300));
  setTimeout(() => child.stdin.end(items(0, 3)), 700);
  const other = folder.start(["query", "item", '{"count":{}}', "--format", "csv"]);
  other.stdin.end();
  const chunks = /** @type {string[]} */ ([]);
  other.stdout.setEncoding("utf8").on("data", (chunk) => chunks.push(chunk));
  const [code] = await once(other, "close");
  assert.equal(code, 0);
  assert.match(chunks.join(""), /^count\n[03]\n$/);
  assert.deepEqual(await closed, [0, null]);
});

test("a reader that goes away ends the command without harm", async (t) => {
  const folder = folderWithItems(t);
  folder.ok(["put", "item"], items(0, 5000));
  const child = folder.start(["query", "item", "--format", "ndjson"]);
  child.stdin.end();
  await firstLines(child, 1);
  child.stdout.destroy();
  const [code] = await once(child, "close");
  assert.equal(code, 1);
  assert.equal(existsSync(join(folder.path, ".heavenbase/data/shop.db.hb-lock")), false);
  assert.equal(folder.ok(["query", "item", '{"count":{}}', "--format", "csv"]), "count\n5000\n");
});

test("ids are printed as their batch is stored, not at the end of the input", async (t) => {
  const folder = folderWithItems(t);
  const child = folder.start(["put", "item", "-", "--batch", "10"]);
  child.stdin.write(items(0, 15));
  assert.equal((await firstLines(child, 10)).trim().split("\n").length, 10);
  child.stdin.end();
  const chunks = /** @type {string[]} */ ([]);
  child.stdout.setEncoding("utf8").on("data", (chunk) => chunks.push(chunk));
  assert.deepEqual(await once(child, "close"), [0, null]);
  assert.equal(chunks.join("").trim().split("\n").length, 5);
});

test("20 000 rows stream in batches", (t) => {
  const folder = folderWithItems(t);
  folder.write("rows.ndjson", items(0, 20_000));
  assert.equal(folder.ok(["put", "item", "rows.ndjson", "--batch", "3000"]).split("\n").length - 1, 20_000);
  const [row] = lines(folder.ok(["query", "item", "--filter", '{"n":19999}', "--format", "ndjson"]));
  assert.equal(row.title, "item 19999");
});

test("two workspaces in one folder do not see each other", (t) => {
  const folder = folderWithItems(t);
  folder.ok(["ws", "create", "other"]);
  assert.match(folder.run(["-w", "other", "query", "item"]).err, /workspace 'other' has no entity 'item'/);
  folder.ok(["-w", "other", "entity", "define", '{"name":"Item","fields":{"m":"Float"}}']);
  folder.ok(["-w", "other", "put", "item"], '{"object_id":"o","m":1.5}');
  folder.ok(["-w", "shop", "put", "item"], items(0, 2));
  assert.equal(folder.ok(["-w", "other", "query", "item", "-f", "csv"]), "object_id,m,name\no,1.5,\n");
  assert.equal(folder.ok(["-w", "shop", "query", "item", '{"count":{}}', "-f", "csv"]), "count\n2\n");
});

test("a reopened workspace answers as before", (t) => {
  const folder = folderWithNotes(t);
  const commands = [["query", "note", "--json"], ["query", "note", '{"search":{"fields":["body"],"query":"vector"}}', "--json"],
    ["query", "note", '{"near":{"field":"emb","query":[0,1]}}', "--json"], ["explain", "note", '{"filter":{"n":1}}', "--json"], ["entity", "show", "note"], ["audit"]];
  const before = commands.map((args) => folder.ok(args));
  assert.deepEqual(commands.map((args) => folder.ok(args)), before);
});

test("a file in the way of a folder is an error with its reason", (t) => {
  const folder = new Folder(t);
  writeFileSync(join(folder.path, ".heavenbase"), "");
  const { code, out, err } = folder.run(["ws", "create", "shop"]);
  assert.deepEqual([code, out], [1, ""]);
  assert.match(err, /^ERR cannot make the folder '\.heavenbase\/workspaces': /);
  assert.ok(statSync(join(folder.path, ".heavenbase")).isFile());
});
