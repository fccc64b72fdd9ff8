// SPDX-License-Identifier: MIT
// Stored definitions that somebody lost, edited, put back from long ago or mixed up: what programs are told, what audit
// names, and that a repair mends it.
import assert from "node:assert/strict";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after } from "node:test";
import { HeavenBase, Integer, ShortText, entity, field } from "heavenbase";

const folder = fs.mkdtempSync(join(tmpdir(), "hb-definitions-"));
after(() => fs.rmSync(folder, { recursive: true, force: true }));
const Older = entity("Note", { title: field(ShortText) });
const Note = entity("Note", { title: field(ShortText), n: field(Integer).default(7) });
const Other = entity("Other", { k: field(Integer) });

/** @param {string} path */
const metaOf = (path) => (/** @type {string} */ key) => join(path, "faults", ".heavenbase", "meta", key.replace("/", "%2F"));

/** Which faults: how they come about, the code and the reason that programs are told; no code: nobody is hindered. */
const faults = [
  { name: "lost", inject: (file) => fs.rmSync(file("entity/note")), code: "CORRUPT", reason: /is gone/ },
  { name: "cut off", inject: (file) => fs.truncateSync(file("entity/note"), 12), code: "CORRUPT", reason: /cannot be read/ },
  { name: "edited", inject: (file) => fs.writeFileSync(file("entity/note"), fs.readFileSync(file("entity/note"), "latin1").replace("title", "titel"), "latin1"), code: "SCHEMA_DRIFT", reason: /is not the one that was registered or altered last/ },
  { name: "older", inject: (file, older) => fs.writeFileSync(file("entity/note"), older), code: "SCHEMA_DRIFT", reason: /is not the one that was registered or altered last/ },
  { name: "foreign", inject: (file) => fs.copyFileSync(file("entity/other"), file("entity/note")), code: "SCHEMA_DRIFT", reason: /is that of the entity 'other'/ },
  { name: "copy lost", inject: (file) => fs.rmSync(file("copy/note")), code: null, reason: /has lost its copy/ },
  { name: "copy foreign", inject: (file) => fs.copyFileSync(file("copy/other"), file("copy/note")), code: null, reason: /has a copy that was changed/ },
];

/** @param {any} ws @param {string} code */
async function isRefused(ws, code) {
  const told = (/** @type {any} */ error) => error.code === code && error.entity === "note" && error.backend === "main" && error.message.includes("entity%2Fnote");
  await assert.rejects(ws.query("note").execute(), told);
  await assert.rejects(ws.upsert("note", { object_id: "b", title: "x" }), told);
  await assert.rejects(ws.get("a", { entity: "note" }), told);
  await assert.rejects(ws.alterEntity(Older, { confirm: "note", drop: ["n"] }), told);
}

for (const type of ["json", "pickle"]) {
  for (const { name, inject, code, reason } of faults) {
    for (const reopened of [true, false]) {
      test(`a definition that is ${name} is told, named and mended, ${type}, ${reopened ? "reopened" : "while it is open"}`, async () => {
        const path = join(folder, `${type}-${name}-${reopened}`);
        const open = () => HeavenBase.open("faults", { backends: { main: { type, path } } });
        const file = metaOf(path);
        let ws = await open();
        await ws.register(Older);
        await ws.upsert(Older, { object_id: "a", title: "kept" });
        const older = fs.readFileSync(file("entity/note"));
        await ws.alterEntity(Note, { confirm: "note" });
        await ws.register(Other);
        await ws.upsert(Other, { object_id: "o", k: 1 });
        if (reopened) await ws.close();
        inject(file, older);
        if (reopened) ws = await open();
        else await ws.refresh();
        assert.deepEqual(await ws.listEntities(), ["note", "other"]);
        if (code) await isRefused(ws, code);
        else assert.equal((await ws.query("note").execute()).length, 1);
        assert.deepEqual((await ws.query("other").execute()).rows(), [{ object_id: "o", k: 1, name: null }]);
        const { error } = (await ws.health()).backends[0];
        assert.equal(error.entity, "note");
        assert.match(error.message, reason);
        for (const report of [await ws.audit(), await ws.repair({ dryRun: true })]) {
          assert.equal(report.ok, false);
          const named = JSON.stringify(report.storage);
          assert.ok(named.includes('"what":"definition"') && named.includes("entity%2Fnote"), named);
          assert.match(named, reason);
        }
        if (code) await isRefused(ws, code);
        assert.equal((await ws.repair()).ok, true);
        assert.equal((await ws.audit()).ok, true);
        for (let turn = 0; turn < 2; turn++) {
          assert.deepEqual(await ws.get("a", { entity: "note" }), { object_id: "a", name: null, title: "kept", n: 7 });
          assert.equal((await ws.health()).ok, true);
          await ws.register(Note);
          await ws.close();
          if (turn === 0) ws = await open();
        }
      });
    }
  }

  test(`a definition that is lost with its copy waits for its registration, ${type}`, async () => {
    const path = join(folder, `${type}-both`);
    const open = () => HeavenBase.open("faults", { backends: { main: { type, path } } });
    const file = metaOf(path);
    let ws = await open();
    await ws.register(Note);
    await ws.upsert(Note, { object_id: "a", title: "kept" });
    await ws.close();
    fs.writeFileSync(file("entity/note"), "?");
    fs.writeFileSync(file("copy/note"), "?");
    ws = await open();
    await assert.rejects(ws.query("note").execute(), (error) => error.code === "CORRUPT" && error.message.includes("entity%2Fnote"));
    const report = await ws.repair();
    assert.equal(report.ok, false);
    assert.match(JSON.stringify(report.storage), /register the entity again/);
    await ws.register(Note);
    assert.equal((await ws.get("a", { entity: Note })).title, "kept");
    assert.equal((await ws.audit()).ok, true);
    await ws.close();
  });
}
