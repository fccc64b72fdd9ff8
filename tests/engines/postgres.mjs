// SPDX-License-Identifier: MIT
// PostgreSQL 18 with pgvector, through node-postgres.
import assert from "node:assert/strict";
import pg from "pg";
import { HeavenBase, Integer, ShortText, entity, field } from "heavenbase";
import { connectPg, pgDriver } from "heavenbase/drivers/pg";
import { onPool, startNeon } from "../servers/neon.mjs";
import { startPostgres } from "../servers/postgres.mjs";

const Row = entity("Row", { title: field(ShortText), n: field(Integer) });

/** @type {import("./run.mjs").Engine} */
export const postgres = { name: "postgres", async start() {
  const server = await startPostgres();
  const settings = { host: "127.0.0.1", port: server.port, user: server.user, database: "postgres" };
  const pool = new pg.Pool({ ...settings, max: 4 });
  pool.on("error", () => {});         // the checks below kill the server
  await pool.query("CREATE EXTENSION vector");
  const driver = pgDriver(pool);
  const open = (/** @type {string} */ type) => (/** @type {string} */ id) => HeavenBase.open(id, { backends: { main: { type } }, drivers: { main: driver } });
  const uri = `postgresql://${server.user}:secret@ep-one.test/postgres`;
  const proxy = await startNeon({ run: onPool(pool), connectionString: uri });
  const byNeon = (/** @type {string} */ type) => (/** @type {string} */ id) => HeavenBase.open(id, { backends: { main: { type, via: "neon", url: proxy.url, uri } } });
  return {
    ways: [
      { name: "postgres, node-postgres", open: open("postgres"), checks: checks(server, pool, open("postgres"), settings) },
      { name: "pgvector, node-postgres", open: open("pgvector") },
      { name: "postgres, neon", open: byNeon("postgres"), checks: neonChecks(pool, byNeon("postgres")) },
      { name: "pgvector, neon", open: byNeon("pgvector") },
    ],
    stop: async () => {
      await proxy.stop();
      await pool.end();
      await server.stop();
    },
  };
} };

/**
 * @param {Awaited<ReturnType<typeof startPostgres>>} server @param {any} pool @param {(id: string) => Promise<import("heavenbase").Workspace>} open
 * @param {{ host: string, port: number, user: string, database: string }} settings
 */
const checks = (server, pool, open, { host, port, user, database }) => ({
  async "connectPg takes the backend's options"() {
    const backends = { main: { type: "postgres", host, port, username: user, database, params: { sslmode: "disable" } } };
    const ws = await HeavenBase.open("connected", { backends, drivers: { main: connectPg } });
    await ws.register(Row);
    await ws.upsert(Row, { name: "a", title: "A", n: 2n ** 62n });
    assert.equal((await ws.query(Row).where(Row.n.eq(2n ** 62n)).execute()).length, 1);
    await ws.drop();
    await ws.close();
  },
  async "an abort cancels the statement in the server"() {
    const driver = pgDriver(pool);
    const stop = new AbortController();
    const running = driver.execute("SELECT pg_sleep(30)", [], { signal: stop.signal });
    await new Promise((resolve) => { setTimeout(resolve, 200); });
    stop.abort();
    await assert.rejects(Promise.resolve(running), { code: "57014" });
    const { rows } = await pool.query("SELECT count(*)::int AS n FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'");
    assert.equal(rows[0].n, 0);
  },
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
    await ws.upsert(Hostile, { name: "one", ...Object.fromEntries(names.map((name, i) => [name, `v${i}'"\\`])) });
    const [found] = (await ws.query(Hostile).execute()).rows();
    for (const [i, name] of names.entries()) assert.equal(found[name], `v${i}'"\\`, name);
    await ws.drop();
    await ws.close();
  },
  async "20 000 rows in one call are one transaction"() {
    const ws = await open("bulk");
    await ws.register(Row);
    await ws.upsertMany(Row, Array.from({ length: 20_000 }, (_, i) => ({ name: `row ${i}`, title: `t ${i}`, n: i })));
    assert.equal(await ws.count(Row), 20_000);
    const frame = await ws.query(Row).where(Row.n.gte(19_998)).orderBy(Row.n).execute();
    assert.deepEqual([...frame.column("n")], [19_998, 19_999]);
    await ws.drop();
    await ws.close();
  },
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

/** @param {any} pool @param {(id: string) => Promise<import("heavenbase").Workspace>} open */
const neonChecks = (pool, open) => ({
  async "an abort reaches the server, which cancels the statement"() {
    const ws = await open("neon-abort");
    await ws.register(Row);
    await ws.upsert(Row, { name: "a", title: "A", n: 1 });
    const holder = await pool.connect();
    try {
      await holder.query('BEGIN; LOCK TABLE "hb_neon-abort"."row" IN ACCESS EXCLUSIVE MODE');
      await assert.rejects(ws.count(Row, { timeoutMs: 200 }), { code: "TIMEOUT", backend: "main" });
      for (let left = 50; (await waiting(holder)) > 0; left--) {
        assert.ok(left > 0, "the statement still waits in the server");
        await new Promise((resolve) => { setTimeout(resolve, 20); });
      }
    } finally {
      await holder.query("ROLLBACK");
      holder.release();
    }
    assert.equal(await ws.count(Row), 1);
    await ws.drop();
    await ws.close();
  },
  async "20 000 rows in one call are one transaction"() {
    const ws = await open("neon-bulk");
    await ws.register(Row);
    await ws.upsertMany(Row, Array.from({ length: 20_000 }, (_, i) => ({ name: `row ${i}`, title: `t ${i}`, n: i })));
    assert.equal(await ws.count(Row), 20_000);
    await ws.drop();
    await ws.close();
  },
});

/** How many statements wait for a lock. @param {any} client */
const waiting = async (client) => (await client.query("SELECT count(*)::int AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock'")).rows[0].n;
