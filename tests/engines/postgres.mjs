// SPDX-License-Identifier: MIT
// PostgreSQL 18 with pgvector, through node-postgres.
import assert from "node:assert/strict";
import pg from "pg";
import { HeavenBase, Integer, ShortText, entity, field } from "heavenbase";
import { connectPg, pgDriver } from "heavenbase/drivers/pg";
import { onPool, startNeon } from "../servers/neon.mjs";
import { startPostgres } from "../servers/postgres.mjs";
import { abortCancels, checksOfData, checksOfFailure, checksOfPlacements, connects } from "./checks.mjs";

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
  const running = async () => (await pool.query("SELECT count(*)::int AS n FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'")).rows[0].n;
  return {
    ways: [
      { name: "postgres, node-postgres", open: open("postgres"), checks: {
        "connectPg takes the backend's options": () => connects({ type: "postgres", host: settings.host, port: settings.port, username: settings.user, database: settings.database, params: { sslmode: "disable" } }, connectPg),
        "an abort cancels the statement in the server": () => abortCancels(driver, "SELECT pg_sleep(30)", running),
        ...checksOfData(open("postgres")), ...checksOfPlacements("pgvector", driver), ...checksOfFailure(server, open("postgres")),
      } },
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
