// SPDX-License-Identifier: MIT
// Deadlines of calls on the built-in backends, and of calls that wait for their turn.
import assert from "node:assert/strict";
import test from "node:test";
import { HeavenBase, LongText, entity, field } from "heavenbase";

const Page = entity("Page", { body: field(LongText) });
const body = "one two three four five six seven eight nine ten ".repeat(40);
const SLOW = "(o|t|f|s|e|n)[a-z]+ .*zebra";        // every word of a text is a beginning

/** @param {string} type @param {number} count */
async function pages(type, count) {
  const ws = await HeavenBase.open("deadlines", { backends: { main: { type } } });
  await ws.register(Page);
  await ws.upsertMany(Page, Array.from({ length: count }, (_, n) => ({ name: `p${n}`, body: `${n} ${body}` })));
  return ws;
}

/** @param {Promise<unknown>} pending */
async function failure(pending) {
  const error = await pending.then(() => assert.fail("it came to its end"), (reason) => reason);
  return { code: error.code, backend: error.backend, entity: error.entity, native: error.native };
}

for (const [type, count] of /** @type {const} */ ([["sqlite", 4000], ["inmem", 4000]])) {
  test(`a long query on ${type} ends at its deadline, and the workspace goes on`, async () => {
    const ws = await pages(type, count);
    const query = ws.query(Page).where(Page.body.regex(SLOW)).count();
    assert.equal((await query.execute({ timeoutMs: 600_000 })).rows()[0].count, 0);       // all its code is compiled now
    const since = process.cpuUsage();                   // what it takes at least, however busy the machine was
    await query.execute();
    const late = await failure(query.execute({ timeoutMs: Math.ceil(process.cpuUsage(since).user / 4000) }));
    assert.deepEqual(late, { code: "TIMEOUT", backend: "main", entity: "page", native: type === "sqlite" ? "SQLITE_INTERRUPT" : null });
    assert.equal((await ws.query(Page).count().execute()).rows()[0].count, count);
    await ws.close();
  });
}

test("a write that meets its deadline is rolled back", async () => {
  const ws = await pages("sqlite", 10);
  const rows = Array.from({ length: 20_000 }, (_, n) => ({ name: `q${n}`, body: `${n}` }));
  assert.equal((await failure(ws.upsertMany(Page, rows, { timeoutMs: 30 }))).code, "TIMEOUT");
  assert.equal((await ws.query(Page).count().execute()).rows()[0].count, 10);
  assert.equal((await ws.audit()).catalog.ok, true);
  await ws.close();
});

test("the workspace's own timeoutMs holds for every call", async () => {
  const ws = await HeavenBase.open("limited", { backends: { main: { type: "sqlite" } }, timeoutMs: 60_000 });
  await ws.register(Page);
  await ws.upsertMany(Page, Array.from({ length: 1000 }, (_, n) => ({ name: `p${n}`, body })));
  const query = ws.query(Page).where(Page.body.regex(SLOW)).count();
  assert.equal((await query.execute()).rows()[0].count, 0);
  assert.equal((await failure(query.execute({ timeoutMs: 1 }))).code, "TIMEOUT");
  await ws.close();
});
