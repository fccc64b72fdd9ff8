// SPDX-License-Identifier: MIT
// Loading: the generated numbers are the module's, nothing loads at import time, init overrides.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { HeavenBase, init } from "heavenbase";
import * as slim from "heavenbase/slim";
import * as abi from "../../js/generated/abi.js";
import { HeavenBase as Unbound } from "../../js/index.js";
import createHB from "../../dist/hb.mjs";

const wasm = (name) => readFileSync(new URL(`../../dist/${name}`, import.meta.url));

test("js/generated/abi.js states what the module states", async () => {
  const module = await createHB({ instantiateWasm(imports, receive) {
    const compiled = new WebAssembly.Module(wasm("hb.wasm"));
    const instance = new WebAssembly.Instance(compiled, imports);
    receive(instance, compiled);
    return instance.exports;
  } });
  const at = module._hb_abi_layout() >>> 0;
  const text = new TextDecoder().decode(module.HEAPU8.slice(at, module.HEAPU8.indexOf(0, at)));
  const layout = JSON.parse(text);
  const same = { status: abi.Status, calls: abi.Call, flags: abi.Flag, kinds: abi.Kind, cells: abi.Cell, roles: abi.Role, states: abi.State,
    answers: abi.Answer, ops: abi.Op, call: abi.CallAt, reply: abi.ReplyAt, meanings: abi.STATUS_MEANINGS };
  for (const [name, table] of Object.entries(same)) assert.deepEqual(layout[name], { ...table }, name);
  for (const [name, value] of Object.entries(layout.numbers)) assert.equal(abi[name], value, name);
});

const sources = [["bytes", () => ({ bytes: wasm("hb.wasm") })], ["a module", () => ({ module: new WebAssembly.Module(wasm("hb.wasm")) })],
  ["an url", () => ({ url: `data:application/wasm;base64,${wasm("hb.wasm").toString("base64")}` })]];
for (const [name, source] of sources) {
  test(`init takes ${name}`, async () => {
    await init(source());
    const ws = await HeavenBase.open("initialised");
    assert.equal(ws.id, "initialised");
    await ws.close();
  });
}

for (const [name, source, code] of [["nothing", {}, "TYPE"], ["null", null, "TYPE"], ["bytes that are no module", { bytes: new Uint8Array(8) }, "HOST"]]) {
  test(`init refuses ${name}`, async () => {
    await assert.rejects(init(source), { name: "HeavenBaseError", code });
    await init({ bytes: wasm("hb.wasm") });
  });
}

test("without an entry there is no module, and the error says so", () => assert.rejects(Unbound.open("x"), { code: "HOST", message: /exports/ }));

test("the slim module has the same face, without SQLite", async () => {
  const ws = await slim.HeavenBase.open("slim", { backends: { main: { type: "inmem" } } });
  const Note = slim.entity("Note", { title: slim.field(slim.ShortText) });
  await ws.register(Note);
  const id = await ws.upsert(Note, { name: "a", title: "t" });
  assert.equal((await ws.get(id, { entity: Note })).title, "t");
  await ws.close();
  await assert.rejects(slim.HeavenBase.open("slim", { backends: { main: { type: "sqlite" } } }), { code: "UNAVAILABLE", message: /sqlite/ });
});
