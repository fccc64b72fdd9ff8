// SPDX-License-Identifier: MIT
// json, pickle and file workspaces of HeavenBase for Python open here and read equal; what we write, Python reads equal.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after } from "node:test";
import { HeavenBase } from "heavenbase";
import { at } from "../../scripts/lib.mjs";
import { fileUri, fromPython, python } from "./python.mjs";

const folder = fs.mkdtempSync(join(tmpdir(), "hb-interchange-"));
after(() => fs.rmSync(folder, { recursive: true, force: true }));
execFileSync("tar", ["-xzf", at("tests/interchange/fixture.tar.gz"), "-C", folder]);
const { schema, backends: expected } = fromPython(JSON.parse(fs.readFileSync(join(folder, "expected.json"), "utf8")));
const entity = "routed-item";
const exact = 2n ** 53n;
/** @type {Record<string, Record<string, string>>} */
const kinds = { json: {}, pickle: {}, file: { fmt: "pickle" } };

/** One form for both sides: numbers by value, a float32 as such, bytes, dates as milliseconds. @param {any} value @returns {any} */
function plain(value) {
  if (value === undefined || value === null) return null;
  if (typeof value === "bigint") return value <= exact && value >= -exact ? Number(value) : `${value}n`;
  if (value instanceof Date) return value.getTime();
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString("hex") };
  if (ArrayBuffer.isView(value)) return Array.from(/** @type {Float32Array} */ (value));
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]).sort());
  return value;
}

/** A row, with the fields that hold nothing left out. @param {any} row */
function plainRow(row) {
  const out = plain(row);
  if (out.emb) out.emb = out.emb.map(Math.fround);
  return Object.fromEntries(Object.entries(out).filter(([, value]) => value !== null));
}

/** @param {any[]} rows */
const byId = (rows) => Object.fromEntries(rows.map((row) => [row.object_id, plainRow(row)]).sort(([a], [b]) => (a < b ? -1 : 1)));
/** @param {Record<string, any>} rows */
const wanted = (rows) => byId(Object.values(rows));

for (const [kind, options] of Object.entries(kinds)) {
  test(`a ${kind} workspace of Python reads equal, and reads what we change in it`, async () => {
    const path = join(folder, kind);
    const id = `interop-${kind}`;
    const open = () => HeavenBase.open(id, { backends: { main: { type: kind, path, ...options } } });
    const ws = await open();
    await ws.register(schema);
    assert.deepEqual(byId(await ws.rows(entity)), wanted(expected[kind]));
    const audit = await ws.audit();
    assert.deepEqual(audit.files, []);
    assert.equal(audit.catalog.ok, true, JSON.stringify(audit.catalog).slice(0, 600));

    // Every row written anew by us, one changed, one gone, one more.
    const rows = /** @type {any[]} */ (await ws.rows(entity));
    await ws.upsertMany(entity, rows);
    const [first, second] = rows.map((row) => row.object_id);
    await ws.set(first, { title: "changed \u540d", qty: -(2n ** 60n), emb: [0.1, 1e-7, -3], raw: new Uint8Array([0, 255]) }, { entity });
    await ws.delete(second, { entity });
    await ws.upsert(entity, { object_id: "new/\u00fc", name: "new", price: 1e22, meta: { n: 2n ** 62n, list: [null, false, 0.5] }, nums: [1, 2n ** 55n] });
    const ours = byId(await ws.rows(entity));
    assert.equal(Object.keys(ours).length, rows.length);
    await ws.close();

    const again = await open();
    assert.deepEqual(await again.listEntities(), [entity]);
    assert.deepEqual(byId(await again.rows(entity)), ours);
    await again.close();

    const [registered, read, audited] = await python({ id, backends: { main: { type: kind, path: fileUri(path), ...options } },
      steps: [{ op: "register", schema }, { op: "rows", entity }, { op: "audit" }] });
    assert.equal(registered.error, undefined);
    assert.deepEqual(wanted(read.ok), ours);
    assert.equal(audited.ok.catalog.ok, true, JSON.stringify(audited).slice(0, 600));
  });
}

test("a row file that we write has the bytes of one that Python writes", async () => {
  const path = join(folder, "same");
  const ws = await HeavenBase.open("interop-json", { backends: { main: { type: "json", path } } });
  await ws.register(schema);
  await ws.upsertMany(entity, Object.values(expected.json));
  await ws.close();
  const original = fs.mkdtempSync(join(folder, "original-"));
  execFileSync("tar", ["-xzf", at("tests/interchange/fixture.tar.gz"), "-C", original]);
  const theirs = join(original, "json/interop-json/routed_item");
  const ours = join(path, "interop-json/routed_item");
  const names = fs.readdirSync(theirs).sort();
  assert.deepEqual(fs.readdirSync(ours).sort(), names);
  for (const name of names) assert.equal(fs.readFileSync(join(ours, name), "utf8"), fs.readFileSync(join(theirs, name), "utf8"), name);
  assert.equal(fs.statSync(join(ours, names[0])).mode & 0o777, 0o600);
});
