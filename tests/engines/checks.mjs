// SPDX-License-Identifier: MIT
// What every server is examined for beside the conformance suite.
import assert from "node:assert/strict";
import { remotePlacements, run } from "../differential/differential.mjs";
import { Float, HeavenBase, Integer, LongText, ShortText, entity, field } from "heavenbase";

const Row = entity("Row", { title: field(ShortText), n: field(Integer) });

/** @typedef {(id: string) => Promise<import("heavenbase").Workspace>} Open */

/** A driver that a function makes of the backend's own options. @param {Record<string, unknown>} options @param {any} connect */
export async function connects(options, connect) {
  const ws = await HeavenBase.open("connected", { backends: { main: options }, drivers: { main: connect } });
  await ws.register(Row);
  await ws.upsert(Row, { name: "a", title: "A", n: 2n ** 62n });
  assert.equal((await ws.query(Row).where(Row.n.eq(2n ** 62n)).execute()).length, 1);
  await ws.drop();
  await ws.close();
}

/**
 * @param {import("../../js/host/sql.js").SqlDriver} driver @param {string} sleep a statement of 30 seconds @param {() => Promise<number>} running how many of them the server has
 */
export async function abortCancels(driver, sleep, running) {
  const stop = new AbortController();
  const since = performance.now();
  const run = driver.execute(sleep, [], { signal: stop.signal });
  await until(running, 1);
  stop.abort();
  await assert.rejects(Promise.resolve(run));
  await until(running, 0);
  assert.ok(performance.now() - since < 10_000);
}

/** @param {() => Promise<number>} count @param {number} wanted */
async function until(count, wanted) {
  const last = Date.now() + 10_000;
  for (;;) {
    const found = await count();
    if (found === wanted) return;
    assert.ok(Date.now() < last, `${found} statements run, expected ${wanted}`);
    await new Promise((resolve) => { setTimeout(resolve, 20); });
  }
}

/** @param {Open} open @returns {Record<string, () => Promise<void>>} */
export const checksOfData = (open) => ({
  async "programs that register at once make one set of tables"() {
    const all = await Promise.all([1, 2, 3, 4].map(() => open("racing")));
    await Promise.all(all.map((ws) => ws.register(Row)));
    await Promise.all(all.map((ws, i) => ws.upsertMany(Row, Array.from({ length: 50 }, (_, k) => ({ name: `${i} ${k}`, title: `t ${k}`, n: k })))));
    assert.equal(await all[0].count(Row), 200);
    assert.equal((await all[1].audit()).catalog.ok, true);
    await all[0].drop();
    for (const ws of all) await ws.close();
  },
  async "names of SQL, of other cases and too long ones stay apart"() {
    const names = ["select", "Select", "SELECT", "a".repeat(60), `${"a".repeat(60)}b`, "größe", "x_1"];
    const Hostile = entity("Hostile", Object.fromEntries(names.map((name) => [name, field(ShortText)])));
    const ws = await open("hostile");
    await ws.register(Hostile);
    await ws.upsert(Hostile, { name: "one", ...Object.fromEntries(names.map((name, i) => [name, `v${i}'"\\\``])) });
    const [found] = (await ws.query(Hostile).execute()).rows();
    for (const [i, name] of names.entries()) assert.equal(found[name], `v${i}'"\\\``, name);
    await ws.drop();
    await ws.close();
  },
  async "hostile values are values, in every operator and write, and hostile names are names"() {
    const names = ["back`tick", 'quo"te', "apo'strophe", "back\\slash", "semi;colon", "-- comment", "/* comment */", "$1", "?", ":name", "%s", "\u201cquoted\u201d", "order", "x".repeat(63)];
    const taken = [];
    for (const name of names) {
      const Named = entity("Named", { [name]: field(ShortText) });
      const ws = await open("hostile-names");
      try {
        await ws.register(Named);
        await ws.upsert(Named, { object_id: "a", [name]: name });
        assert.deepEqual((await ws.query(Named).where({ [name]: { eq: name } }).execute()).ids, ["a"], name);
        taken.push(name);
      } catch (error) {
        assert.match(String(/** @type {any} */ (error).code), /^(SCHEMA|INVALID_ID|VALIDATION|FIELD_NAME)$/, `${name}: ${error}`);
      }
      await ws.drop();
      await ws.close();
    }
    assert.ok(taken.length > 1, String(taken));
    const ws = await open("hostile-values");
    await ws.register(Row);
    const hostile = ["'", "''", '"', "`", "\\", "\\'", "'; DROP TABLE row; --", "') OR 1=1 -- ", "/*", "*/", "/*! 1 */", "--", "#", ";", "$1", "?", ":name", "%s", "%", "_", "\n", "\r", "\t", "\u001a", "\u201c", "\u02bc", "{\"a\":1}", "[1]", "{}", "NULL"];
    await ws.upsertMany(Row, hostile.map((title, n) => ({ object_id: `id ${n} ${n % 2 ? "'" : "`"}\\";--`, title, n })));
    const found = async (/** @type {any} */ filter) => [...(await ws.query(Row).where(filter).orderBy(Row.n).execute()).column("title")];
    const order = (/** @type {string} */ a, /** @type {string} */ b) => Buffer.compare(Buffer.from(a), Buffer.from(b));
    for (const value of hostile) {
      assert.deepEqual(await found({ title: { eq: value } }), [value], value);
      assert.deepEqual(await found({ title: { in: [value, "absent"] } }), [value], value);
      assert.equal((await found({ title: { ne: value } })).length, hostile.length - 1, value);
      assert.equal((await found({ $not: { title: { eq: value } } })).length, hostile.length - 1, value);
      assert.deepEqual(await found({ title: { lt: value } }), hostile.filter((other) => order(other, value) < 0), value);
      for (const [op, has] of /** @type {const} */ ([["contains", "includes"], ["startsWith", "startsWith"], ["endsWith", "endsWith"]])) {
        assert.deepEqual(await found(/** @type {any} */ (Row.title)[op](value)), hostile.filter((other) => other[has](value)), `${op} ${value}`);
      }
    }
    for (const [n, title] of hostile.entries()) {
      const id = `id ${n} ${n % 2 ? "'" : "`"}\\";--`;
      await ws.set(id, { title: `${title}!` }, { entity: Row });
      assert.equal((await ws.get(id, { entity: Row })).title, `${title}!`, id);
    }
    assert.equal((await ws.deleteMany(hostile.map((_, n) => `id ${n} ${n % 2 ? "'" : "`"}\\";--`), { entity: Row })).length, hostile.length);
    assert.equal(await ws.count(Row), 0);
    await ws.drop();
    await ws.close();
  },
  async "20 000 rows in one call are one transaction, and their ids one question"() {
    const ws = await open("bulk");
    await ws.register(Row);
    const ids = await ws.upsertMany(Row, Array.from({ length: 20_000 }, (_, i) => ({ name: `row ${i}`, title: `t ${i}`, n: i })));
    assert.equal(await ws.count(Row), 20_000);
    const frame = await ws.query(Row).where(Row.n.gte(19_998)).orderBy(Row.n).execute();
    assert.deepEqual([...frame.column("n")], [19_998, 19_999]);
    assert.equal((await ws.query(Row).where(Row.title.like("%9999")).execute()).length, 2);
    await ws.deleteMany(ids.slice(0, 15_000), { entity: Row });
    assert.equal(await ws.count(Row), 5000);
    await ws.drop();
    await ws.close();
  },
  async "a field is added, and another program's too; what was dropped is gone"() {
    const one = await open("grows"), other = await open("grows");
    await one.register(Row);
    await one.upsert(Row, { name: "a", title: "A", n: 1 });
    const More = entity("Row", { title: field(ShortText), n: field(Integer), f: field(Float), body: field(LongText) });
    await Promise.all([one.alterEntity(More, { confirm: "row" }), other.refresh()]);
    await one.upsert(More, { name: "b", title: "B", n: 2, f: 0.1, body: "x".repeat(60_000) });
    assert.equal((await one.query(More).where(More.f.gt(0)).execute()).length, 1);
    await one.drop();
    const again = await open("grows");
    await again.register(Row);
    assert.equal(await again.count(Row), 0);
    await again.drop();
    for (const ws of [one, other, again]) await ws.close();
  },
  async "texts are compared and ordered code point by code point, spaces at the end too"() {
    const ws = await open("texts");
    await ws.register(Row);
    const titles = ["a", "a ", "A", "á", "a\u0301", "ß", "ss", "\u{1f600}", "\uffff", "", " ", "b\t", "b", "it's", "back\\slash", "100%", "_"];
    await ws.upsertMany(Row, titles.map((title, i) => ({ name: `t${i}`, title, n: i })));
    const order = (/** @type {string} */ a, /** @type {string} */ b) => Buffer.compare(Buffer.from(a), Buffer.from(b));
    assert.deepEqual([...(await ws.query(Row).orderBy(Row.title).execute()).column("title")], titles.toSorted(order));
    for (const title of titles) {
      assert.deepEqual([...(await ws.query(Row).where(Row.title.eq(title)).execute()).column("title")], [title], title);
      const below = (await ws.query(Row).where(Row.title.lt(title)).execute()).length;
      assert.equal(below, titles.filter((other) => order(other, title) < 0).length, title);
      for (const [op, has] of /** @type {const} */ ([["contains", "includes"], ["startsWith", "startsWith"], ["endsWith", "endsWith"]])) {
        const found = await ws.query(Row).where(/** @type {any} */ (Row.title)[op](title)).execute();
        assert.deepEqual(new Set(found.column("title")), new Set(titles.filter((other) => other[has](title))), `${op} ${title}`);
      }
    }
    await ws.drop();
    await ws.close();
  },
});

/** @param {import("../servers/process.mjs").Server} server @param {Open} open @returns {Record<string, () => Promise<void>>} */
export const checksOfFailure = (server, open) => ({
  async "a server that is gone is UNAVAILABLE, and what was acknowledged is there when it is back"() {
    const ws = await open("gone");
    await ws.register(Row);
    for (let i = 0; i < 20; i++) await ws.upsert(Row, { name: `r ${i}`, title: "t", n: i });
    server.pause();
    await assert.rejects(ws.count(Row, { timeoutMs: 100 }), { code: "TIMEOUT", backend: "main" }).finally(() => server.goOn());
    const under_way = ws.upsertMany(Row, Array.from({ length: 5000 }, (_, i) => ({ name: `late ${i}`, title: "t", n: i }))).then(() => 5000, () => 0);
    await server.kill();
    const late = await under_way;
    await assert.rejects(ws.count(Row), { code: "UNAVAILABLE", backend: "main" });
    await server.start();
    assert.equal(await ws.count(Row), 20 + late);
    assert.equal((await ws.audit()).catalog.ok, true);
    await ws.upsert(Row, { name: "after", title: "t", n: 1 });
    await ws.drop();
    await ws.close();
  },
});

/** @param {string} type @param {import("../../js/host/sql.js").SqlDriver} driver @returns {Record<string, () => Promise<void>>} */
export const checksOfPlacements = (type, driver) => ({
  async "random queries are answered as memory answers them, with push-down and without"() {
    const { failures, answered, refused } = await run(4, 300, () => {}, remotePlacements(type, driver));
    assert.deepEqual(failures, []);
    assert.ok(answered > refused, `only ${answered} of ${answered + refused} queries were answered`);
  },
});
