// SPDX-License-Identifier: MIT
// DuckDB in this process, through its library for Node.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { HeavenBase, Integer, LongText, ShortText, Vector, entity, field } from "heavenbase";
import { connectDuckdb, duckdbDriver } from "heavenbase/drivers/duckdb";

const Row = entity("Row", { title: field(ShortText), body: field(LongText), n: field(Integer), v: field(Vector(3)) });

/** @type {import("./run.mjs").Engine} */
export const duckdb = { name: "duckdb", async start() {
  const instance = await DuckDBInstance.create(":memory:");
  const driver = duckdbDriver(instance);
  const open = (/** @type {string} */ id) => HeavenBase.open(id, { backends: { main: { type: "duckdb" } }, drivers: { main: driver } });
  return { ways: [{ name: "duckdb, node-api", open, checks: checks(instance, open) }], stop: async () => instance.closeSync() };
} };

/** @param {DuckDBInstance} instance @param {(id: string) => Promise<import("heavenbase").Workspace>} open */
const checks = (instance, open) => ({
  async "connectDuckdb makes a file, which keeps what was written"() {
    const folder = mkdtempSync(join(tmpdir(), "hb-duckdb-"));
    const options = { backends: { main: { type: "duckdb", database: join(folder, "a.duckdb"), config: { threads: "1" } } }, drivers: { main: connectDuckdb } };
    const ws = await HeavenBase.open("kept", options);
    await ws.register(Row);
    await ws.upsert(Row, { name: "a", title: "A\0B", n: -(2n ** 63n), v: [1, 0, 0.1] });
    await ws.close();
    const again = await HeavenBase.open("kept", options);
    const [found] = (await again.query("row").execute()).rows();
    assert.deepEqual([found.title, found.n, [...found.v]], ["A\0B", -(2n ** 63n), [1, 0, Math.fround(0.1)]]);
    assert.equal((await again.audit()).catalog.ok, true);
    await again.close();
    rmSync(folder, { recursive: true });
  },
  async "texts are compared by code points and exactly"() {
    const ws = await open("texts");
    await ws.register(Row);
    const titles = ["a", "a ", "A", "\u00e4", "a\u0308", "\uffff", "\u{1f600}", "a\0b", "%_\\", "'\"", ""];
    await ws.upsertMany(Row, titles.map((title, n) => ({ name: `t ${n}`, title, n })));
    for (const [n, title] of titles.entries()) {
      assert.deepEqual((await ws.query(Row).where(Row.title.eq(title)).select("n").execute()).column("n").length, 1, JSON.stringify(title));
      if (title === "") continue;
      const holding = titles.flatMap((one, at) => (one.includes(title) ? [at] : []));
      assert.deepEqual([...(await ws.query(Row).where(Row.title.contains(title)).orderBy(Row.n).execute()).column("n")], holding, JSON.stringify(title));
      const ending = titles.flatMap((one, at) => (one.endsWith(title) ? [at] : []));
      assert.deepEqual([...(await ws.query(Row).where(Row.title.endsWith(title)).orderBy(Row.n).execute()).column("n")], ending, JSON.stringify(title));
      assert.equal(n, titles.indexOf(title));
    }
    const sorted = [...(await ws.query(Row).orderBy(Row.title).execute()).column("title")];
    assert.deepEqual(sorted, [...titles].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
    await ws.drop();
    await ws.close();
  },
  async "the nearest come in the core's order, ties and zero vectors too"() {
    const ws = await open("ties");
    await ws.register(Row);
    await ws.upsertMany(Row, Array.from({ length: 300 }, (_, i) => ({ object_id: `r ${String(i).padStart(3, "0")}`, v: i % 3 === 0 ? [0, 0, 0] : [i % 3, 0, 0] })));
    for (const [metric, vector] of /** @type {const} */ ([["cosine", [0, 0, 0]], ["cosine", [-1, 0, 0]], ["l2", [0, 0, 0]], ["dot", [1, 1, 0]]])) {
      const here = await ws.query(Row).near(Row.v, [...vector], { topK: 5, metric }).execute();
      const all = await ws.query(Row).near(Row.v, [...vector], { topK: 300, metric }).execute();
      assert.deepEqual(here.ids, all.ids.slice(0, 5), `${metric} ${vector}`);
    }
    await ws.drop();
    await ws.close();
  },
  async "programs that write at once wait for each other, and an abort ends a long statement"() {
    const all = await Promise.all([1, 2, 3].map(() => open("racing")));
    await Promise.all(all.map((ws) => ws.register(Row)));
    await Promise.all(all.map((ws, i) => ws.upsertMany(Row, Array.from({ length: 700 }, (_, n) => ({ name: `${i} ${n}`, title: "t", n })))));
    assert.equal(await all[0].count(Row), 2100);
    assert.equal((await all[1].audit()).catalog.ok, true);
    const stop = new AbortController();
    const running = duckdbDriver(instance).execute("SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b", [], { signal: stop.signal });
    setTimeout(() => stop.abort(), 200);
    await assert.rejects(Promise.resolve(running), { code: "INTERRUPT" });
    await all[0].drop();
    for (const ws of all) await ws.close();
  },
  async "20 000 rows in one call are one transaction"() {
    const ws = await open("bulk");
    await ws.register(Row);
    await ws.upsertMany(Row, Array.from({ length: 20_000 }, (_, i) => ({ name: `row ${i}`, title: `t ${i}`, n: i, v: [i, 1, 2] })));
    assert.equal(await ws.count(Row), 20_000);
    assert.deepEqual([...(await ws.query(Row).where(Row.n.gte(19_998)).orderBy(Row.n).execute()).column("n")], [19_998, 19_999]);
    assert.equal((await ws.getMany((await ws.ids(Row)).slice(0, 5000), { entity: Row })).length, 5000);
    await ws.drop();
    await ws.close();
  },
});
