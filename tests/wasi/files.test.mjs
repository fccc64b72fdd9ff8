// SPDX-License-Identifier: MIT
// Workspaces of row files under wasmtime: alone, beside Node on the same folder, and where a path leads.
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { HeavenBase, Integer, ShortText, entity, field } from "heavenbase";
import { Folder, lines, note, notes } from "./hb.mjs";

const Item = entity("Item", { n: field(Integer), who: field(ShortText) });

for (const [type, suffix, more] of [["json", ".json", {}], ["pickle", ".pkl", {}], ["file", ".pkl", { fmt: "pickle" }]]) {
  test(`${type}: created, filled, read, looked over, mended, opened again, as sqlite answers`, (t) => {
    const folder = new Folder(t);
    const same = new Folder(t);
    folder.ok(["ws", "create", "shop", "--backends", JSON.stringify({ main: { type, path: "rows", ...more } })]);
    same.ok(["ws", "create", "shop"]);
    for (const one of [folder, same]) {
      one.ok(["entity", "define", one.write("note.json", note)]);
      one.ok(["put", "note", one.write("notes.ndjson", notes.replace('{"name":"Two"', '{"object_id":"n2","name":"Two"'))]);
    }
    for (const args of [["get", "n1"], ["query", "note", "--format", "ndjson"], ["query", "note", '{"filter":{"n":{"gt":0}},"order":["-n"],"select":["n"]}', "--format", "csv"],
      ["query", "note", '{"search":{"query":"vectors","field":"body"}}', "--format", "csv"]]) {
      const [here, there] = [folder.run(args), same.run(args)];
      assert.deepEqual([here.code, here.out.replace(/"(created|updated)_at":"[^"]*",?/g, "")], [there.code, there.out.replace(/"(created|updated)_at":"[^"]*",?/g, "")], args.join(" "));
    }
    assert.ok(existsSync(join(folder.path, `rows/shop/note/n1${suffix}`)));
    assert.deepEqual(readdirSync(join(folder.path, "rows/shop/.heavenbase")).sort(), ["generation", "meta", "tx"]);
    assert.equal(JSON.parse(folder.ok(["audit", "--json"])).catalog.ok, true);
    writeFileSync(join(folder.path, `rows/shop/note/n3${suffix}`), "broken");
    const report = folder.run(["audit", "--json"]).out;
    assert.match(report, /note\/n3/);
    assert.equal(lines(folder.ok(["query", "note", "--format", "ndjson"])).length, 2);
    folder.ok(["repair"]);
    assert.doesNotMatch(folder.run(["audit", "--json"]).out, /"file"/);
    assert.deepEqual(lines(folder.ok(["query", "note", "--format", "ndjson"])).map((row) => row.object_id), ["n1", "n2"]);
  });
}

for (const type of ["pickle", "sqlite"]) {
  test(`Node and wasmtime write one ${type} place at once, and no row is lost`, async (t) => {
    const folder = new Folder(t);
    const [option, path] = type === "sqlite" ? ["database", "x.db"] : ["path", "rows"];
    folder.ok(["ws", "create", "shared", "--backends", JSON.stringify({ main: { type, [option]: path } })]);
    const ws = await HeavenBase.open("shared", { backends: { main: { type, [option]: join(folder.path, path) } }, timeoutMs: 60000 });
    await ws.register(Item);
    const child = folder.start(["put", "item", "-", "--batch", "4", "--timeout", "60000"]);
    const closed = once(child, "close");
    child.stdout.resume();
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text) => { said += text; });
    child.stdin.end(Array.from({ length: 40 }, (_, k) => `{"object_id":"wasi-${k}","n":${k}}\n`).join(""));
    let busy = true;
    closed.then(() => { busy = false; });
    let own = 0;
    for (; busy && own < 1000; own++) {
      await ws.upsert(Item, { object_id: `node-${own}`, n: own });
      await new Promise((resolve) => setTimeout(resolve, 15));
    }
    assert.deepEqual(await closed, [0, null], said);
    await ws.refresh();
    const ids = (await ws.query("item").limit(100000).execute()).rows().map((row) => row.object_id);
    assert.equal(ids.filter((id) => id.startsWith("wasi-")).length, 40);
    assert.equal(ids.filter((id) => id.startsWith("node-")).length, own);
    assert.equal((await ws.audit()).catalog.ok, true);
    await ws.close();
    assert.equal(JSON.parse(folder.ok(["audit", "--json"])).catalog.ok, true);
  });
}

test("a command takes over the lock that a dead one left", (t) => {
  const folder = new Folder(t);
  folder.ok(["ws", "create", "shop", "--backends", '{"main":{"type":"json","path":"rows"}}']);
  const lock = join(folder.path, "rows/shop/.heavenbase/lock");
  mkdirSync(lock);
  writeFileSync(join(lock, "somebody.1"), "");
  const past = Date.now() / 1000 - 9;
  utimesSync(join(lock, "somebody.1"), past, past);
  assert.equal(JSON.parse(folder.ok(["audit", "--json"])).catalog.ok, true);
  assert.equal(existsSync(lock), false);
});

test("paths: below the folders that were given, and errors that name what is not", (t) => {
  const folder = new Folder(t);
  mkdirSync(join(folder.path, "sub"));
  writeFileSync(join(folder.path, "afile"), "this is no database, and no folder");
  symlinkSync("/etc", join(folder.path, "outside"));
  const create = (/** @type {string} */ type, /** @type {string} */ path) => {
    const made = folder.run(["ws", "create", "w", "--backends", JSON.stringify({ main: { type, [type === "sqlite" ? "database" : "path"]: path } })]);
    if (made.code === 0) folder.ok(["ws", "unset", "w"]);
    return made;
  };
  for (const [type, path] of [["json", "rows"], ["json", "./rows/"], ["json", "sub/../rows"], ["json", "missing/a"], ["json", "."], ["json", "file://&/b"],
    ["sqlite", "./x.db"], ["sqlite", "sub/../y.db"], ["sqlite", "file://&/z.db"]]) {
    assert.equal(create(type, path).code, 0, `${type} ${path}`);
  }
  const before = readdirSync(folder.path).sort();
  for (const [type, path, says] of [["json", "afile", "ENOTDIR"], ["json", "afile/x", "ENOTDIR"], ["json", "/abs/rows", "ENOTCAPABLE"], ["json", "../out", "E"],
    ["json", "outside/x", "E"], ["json", "a\0b", "VALIDATION"], ["json", "file://x/y", "VALIDATION"],
    ["sqlite", "sub", "EISDIR"], ["sqlite", "afile/x.db", "ENOTDIR"], ["sqlite", "afile", "SQLITE_NOTADB"], ["sqlite", "../o.db", "E"], ["sqlite", "/abs/x.db", "ENOTCAPABLE"],
    ["sqlite", `${"x".repeat(300)}.db`, "ENAMETOOLONG"]]) {
    const { code, err } = create(type, path);
    assert.notEqual(code, 0, `${type} ${path}`);
    assert.match(err, new RegExp(`\\(.*${says}`), err);
    if (says.startsWith("E")) assert.ok(err.includes(path.slice(0, 40)) && err.includes("backend main"), err);
  }
  assert.deepEqual(readdirSync(folder.path).sort(), before);
  const inner = folder.run(["ws", "create", "w", "--backends", JSON.stringify({ main: { type: "json", path: `${folder.path}/sub/rows` } })], { wasmtime: ["--dir", ".", "--dir", `${folder.path}/sub`] });
  assert.equal(inner.code, 0, inner.err);
  assert.ok(existsSync(join(folder.path, "sub/rows/w")));
  rmSync(join(folder.path, "outside"));
});
