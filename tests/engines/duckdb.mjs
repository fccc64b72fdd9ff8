// SPDX-License-Identifier: MIT
// DuckDB in this process, through its library for Node, and through the gateway.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { HeavenBase, Integer, LongText, ShortText, Vector, entity, field } from "heavenbase";
import { connectDuckdb, duckdbDriver } from "heavenbase/drivers/duckdb";
import { startGateway } from "heavenbase/gateway";
import { checksOfData, checksOfPlacements } from "./checks.mjs";

const TOKEN = "token-of-the-engine-tests";
const Row = entity("Row", { title: field(ShortText), body: field(LongText), n: field(Integer), v: field(Vector(3)) });

/** @type {import("./run.mjs").Engine} */
export const duckdb = { name: "duckdb", async start() {
  const instance = await DuckDBInstance.create(":memory:");
  const driver = duckdbDriver(instance);
  const open = (/** @type {string} */ id) => HeavenBase.open(id, { backends: { main: { type: "duckdb" } }, drivers: { main: driver } });
  const folder = mkdtempSync(join(tmpdir(), "hb-duckdb-gateway-"));
  const started = await startGateway({
    port: 0, tokens: [{ name: "tests", token: TOKEN, connections: ["main", "reader", "single", "small", "file"] }],
    connections: [
      { name: "main", engine: "duckdb", timeoutMs: 600_000 }, { name: "reader", engine: "duckdb", readOnly: true }, { name: "single", engine: "duckdb", pool: 1, poolTimeoutMs: 300 },
      { name: "small", engine: "duckdb", maxRows: 1000, maxBytes: 100_000 }, { name: "file", engine: "duckdb", options: { database: join(folder, "a.duckdb") } },
    ],
    limits: { bodyMs: 600_000, responseMs: 600_000 },   // the gateway shares this process, which is busy
  }, { log: () => {}, drivers: { main: driver, reader: driver } });
  const access = { url: started.url, token: TOKEN };
  const through = (/** @type {string} */ id) => HeavenBase.open(id, { backends: { main: { type: "duckdb", via: "gateway", connection: "main", ...access } } });
  return {
    ways: [{ name: "duckdb, node-api", open, checks: { ...checks(instance, open), ...checksOfPlacements("duckdb", driver) } }, { name: "duckdb, gateway", open: through, checks: { ...checksOfGateway(access, folder), ...checksOfData(through) } }],
    stop: async () => {
      await started.stop();
      instance.closeSync();
      rmSync(folder, { recursive: true });
    },
  };
} };

/** @param {{ url: string, token: string }} access @param {string} folder */
function checksOfGateway({ url, token }, folder) {
  /** @param {string} name @param {(string | { sql: string, params?: unknown[] })[]} statements @param {any} [more] @param {AbortSignal} [signal] */
  const run = async (name, statements, more = {}, signal = undefined) => {
    const response = await fetch(`${url}/v1/connections/${name}/statements`, { method: "POST", signal, headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ statements: statements.map((one) => (typeof one === "string" ? { sql: one } : one)), ...more }) });
    const text = await response.text();
    return { status: response.status, text, ...JSON.parse(text) };
  };
  const first = async (/** @type {string} */ name, /** @type {string} */ sql) => (await run(name, [sql])).results[0].rows[0][0];

  return {
    async "values keep their digits and bytes, and what changed is counted"() {
      const { text } = await run("main", [{ sql: "SELECT 9223372036854775807, $1::DOUBLE, 1152921504606846976::DOUBLE, $2::VARCHAR, '\\x00\\xff'::BLOB, NULL, 'NaN'::DOUBLE, 12.30::DECIMAL(9,2), [1.5::FLOAT, 0.1::FLOAT], true", params: [1.5, "\u00e9 \u{1f600}"] }]);
      assert.match(text, /"rows":\[\[9223372036854775807,1.5,1.152921504606847e\+18,"\u00e9 \u{1f600}",\{"\$bytes":"AP8="\},null,"NaN","12.30","\[1.5, 0.10000000149011612\]",true\]\]/u);
      const { results } = await run("small", ["CREATE TABLE kept (a INTEGER PRIMARY KEY)", "INSERT INTO kept VALUES (1), (2)", "UPDATE kept SET a = 7 WHERE a = 1", "DELETE FROM kept"]);
      assert.deepEqual(results, [0, 2, 1, 2].map((affected) => ({ columns: [], rows: [], affected })));
    },
    async "a transaction is all or none, and is not ended by a statement"() {
      const row = "INSERT INTO kept VALUES (1)";
      const { status, error } = await run("small", [row, row], { transaction: true });
      assert.deepEqual([status, error.code, error.native, error.statement], [422, "STATEMENT_FAILED", "CONSTRAINT", 1]);
      for (const sql of ["COMMIT", "ROLLBACK", "BEGIN"]) assert.equal((await run("small", [row, sql], { transaction: true })).error.native, "2D000", sql);
      assert.equal((await run("small", [`${row}; COMMIT`], { transaction: true })).status, 422);
      assert.equal(await first("small", "SELECT count(*) FROM kept"), 0);
      assert.equal((await run("small", [row, "DELETE FROM kept"], { transaction: true })).status, 200);
    },
    async "a statement is interrupted when its client leaves or takes too long, and a busy pool is UNAVAILABLE"() {
      const long = "SELECT sum(a.range * b.range) FROM range(100000000) a, range(1000000) b";
      const leave = new AbortController();
      const asked = run("single", [long], {}, leave.signal);
      asked.catch(() => {});
      for (;;) {
        const { status, error } = await run("single", ["SELECT 1"]);
        if (status === 200) continue;           // the long one has not begun
        assert.deepEqual([status, error.code, error.began], [503, "UNAVAILABLE", false]);
        break;
      }
      leave.abort();
      await assert.rejects(asked);
      const late = await untilFree(() => run("single", [long], { timeoutMs: 200 }));
      assert.deepEqual([late.status, late.error.code], [504, "TIMEOUT"]);
      assert.equal((await untilFree(() => run("single", ["SELECT 1"]))).status, 200);
    },
    async "a result that is too large is not read to its end"() {
      for (const sql of ["SELECT range FROM range(1001)", "SELECT range FROM range(100000000000)", "SELECT repeat('x', 1000) FROM range(500)"]) {
        assert.deepEqual([(await run("small", [sql])).error?.code], ["RESULT_TOO_LARGE"], sql);
      }
      assert.equal((await run("small", ["INSERT INTO kept VALUES (1)", "SELECT range FROM range(1001)"], { transaction: true })).status, 422);
      assert.equal(await first("small", "SELECT count(*) FROM kept"), 0);
      assert.equal((await run("small", ["SELECT range FROM range(1000)"])).results[0].rows.length, 1000);
    },
    async "what a request leaves behind meets no other"() {
      await run("small", ["CREATE TEMP TABLE mine (a INTEGER)", "PREPARE p AS SELECT 1", "BEGIN", "INSERT INTO kept VALUES (9)"]);
      assert.equal((await run("small", ["SELECT * FROM mine"])).error.native, "CATALOG");
      assert.equal((await run("small", ["EXECUTE p"])).status, 422);
      assert.equal(await first("small", "SELECT count(*) FROM kept"), 0);
    },
    async "a connection that only reads writes by no statement, and none reaches files"() {
      await run("main", ["CREATE SCHEMA looked", "CREATE TABLE looked.kept (a INTEGER)", "CREATE SEQUENCE looked.counter"]);
      const write = "INSERT INTO looked.kept VALUES (1)";
      for (const transaction of [false, true]) {
        for (const statements of [[write], ["SELECT nextval('looked.counter')"], ["CREATE TABLE looked.t (a INTEGER)"], ["COMMIT", write], ["ROLLBACK", write], ["BEGIN", write], ["PREPARE w AS COMMIT", "EXECUTE w", write], [`COMMIT; ${write}`], ["DROP TABLE looked.kept"], ["CHECKPOINT looked"]]) {
          const { status, error } = await run("reader", statements, { transaction });
          assert.ok(status === 403 ? error.code === "READ_ONLY" : status === 422, `${statements}: ${status} ${JSON.stringify(error)}`);
        }
        assert.deepEqual((await run("reader", ["SELECT count(*) FROM looked.kept"], { transaction })).results[0].rows, [[0]]);
      }
      for (const sql of ["COPY (SELECT 1) TO '/tmp/hb-duckdb-x.csv'", "SELECT * FROM read_csv('/etc/passwd')", `ATTACH '${join(folder, "b.duckdb")}' AS b`, "SET enable_external_access = true", "INSTALL httpfs"]) {
        assert.equal((await run("small", [sql])).status, 422, sql);
      }
    },
    async "a file keeps what was written"() {
      await run("file", ["CREATE TABLE kept (a INTEGER)", "INSERT INTO kept VALUES (3)"]);
      assert.equal(await first("file", "SELECT a FROM kept"), 3);
    },
  };
}

/** A connection whose statement is interrupted comes back a little later. @param {() => Promise<any>} ask */
async function untilFree(ask) {
  for (;;) {
    const answer = await ask();
    if (answer.error?.code !== "UNAVAILABLE") return answer;
  }
}

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
