// SPDX-License-Identifier: MIT
// One workspace over three engines: rows on PostgreSQL, side fields on MariaDB, vectors on pgvector. What they answer is
// merged, they are asked at once, and when one is gone the others' part goes on as documented.
import assert from "node:assert/strict";
import mysql from "mysql2/promise";
import pg from "pg";
import { HeavenBase, Integer, ShortText, Vector, VectorIndex, entity, field } from "heavenbase";
import { mysql2Driver } from "heavenbase/drivers/mysql2";
import { pgDriver } from "heavenbase/drivers/pg";
import { startMariadb } from "../servers/mysql.mjs";
import { startPostgres } from "../servers/postgres.mjs";

const Note = entity("Note", {
  title: field(ShortText), n: field(Integer), tag: field(ShortText).store({ to: "side" }), size: field(Integer).store({ to: "side" }), v: field(Vector(2)).store({ to: "vec", strategy: VectorIndex }),
});
/** Longer than any machine needs for an operation; only what never comes takes so long. */
const NEVER_MS = 120_000;

/** @typedef {import("../../js/host/sql.js").SqlDriver} SqlDriver */
/** @typedef {{ backend: string, what: "asked" | "answered", sql: string }} Trace */

/** Operations as they begin and end, and whom they have to meet before any is answered. */
class Watch {
  /** @type {Trace[]} */
  traces = [];
  /** Backends that are asked at the same time, once. @type {Set<string>} */
  #expected = new Set();
  #met = () => {};
  #meeting = Promise.resolve();

  /** The next operation of each of these is answered when all of them have begun. @param {string[]} backends */
  expect(...backends) {
    this.traces = [];
    this.#expected = new Set(backends);
    this.#meeting = new Promise((resolve) => { this.#met = () => resolve(undefined); });
  }

  /** @param {string} backend @param {SqlDriver} driver @returns {SqlDriver} */
  on(backend, driver) {
    const watched = async (/** @type {string} */ sql, /** @type {() => any} */ work) => {
      this.traces.push({ backend, what: "asked", sql });
      if (this.#expected.delete(backend)) {
        if (this.#expected.size === 0) this.#met();
        await within(NEVER_MS, this.#meeting, `${backend} was asked alone`);
      }
      const result = await work();
      this.traces.push({ backend, what: "answered", sql });
      return result;
    };
    return {
      execute: (sql, params, options) => watched(sql, () => driver.execute(sql, params, options)),
      batch: (statements, options) => watched(statements.map(({ sql }) => sql).join("; "), () => driver.batch?.(statements, options)),
    };
  }
}

/** @param {number} ms @param {Promise<unknown>} work @param {string} otherwise */
async function within(ms, work, otherwise) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  await Promise.race([work, new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(otherwise)), ms); })]).finally(() => clearTimeout(timer));
}

/** @type {import("./run.mjs").Engine} */
export const three = { name: "three", async start() {
  const rows = await startPostgres(), side = await startMariadb(), vectors = await startPostgres();
  const [main, vec] = [rows, vectors].map(({ port, user }) => new pg.Pool({ host: "127.0.0.1", port, user, database: "postgres", max: 4 }));
  for (const pool of [main, vec]) pool.on("error", () => {});         // the checks below kill servers
  await vec.query("CREATE EXTENSION vector");
  const admin = await mysql.createConnection({ host: "127.0.0.1", port: side.port, user: "root" });
  await admin.query("CREATE DATABASE side");
  await admin.end();
  const pool = mysql.createPool({ host: "127.0.0.1", port: side.port, user: "root", database: "side", connectionLimit: 4 });
  const watch = new Watch();
  const drivers = { main: watch.on("main", pgDriver(main)), side: watch.on("side", mysql2Driver(pool)), vec: watch.on("vec", pgDriver(vec)) };
  const open = (/** @type {string} */ id) => HeavenBase.open(id, { backends: { main: { type: "postgres" }, side: { type: "mariadb" }, vec: { type: "pgvector" } }, drivers });
  return {
    ways: [{ name: "postgres, mariadb, pgvector", open, checks: checks(open, watch, { side, vec: vectors }) }],
    stop: async () => {
      for (const one of [main, vec, pool]) await one.end();
      for (const server of [rows, side, vectors]) await server.stop();
    },
  };
} };

const COUNT = 60;
const noteOf = (/** @type {number} */ n) => ({ object_id: `n${String(n).padStart(2, "0")}`, name: `note ${n}`, title: `t ${n % 7}`, n, tag: n % 5 === 0 ? null : `g ${n % 3}`, size: n * 10, v: n % 4 === 0 ? null : [n, 1] });
const notes = Array.from({ length: COUNT }, (_, n) => noteOf(n));

/**
 * @param {(id: string) => Promise<import("heavenbase").Workspace>} open @param {Watch} watch
 * @param {{ side: import("../servers/process.mjs").Server, vec: import("../servers/process.mjs").Server }} servers @returns {Record<string, () => Promise<void>>}
 */
const checks = (open, watch, servers) => ({
  async "conditions, orders and vectors of three engines are merged right"() {
    const ws = await filled(open, "merges");
    const ids = async (/** @type {any} */ query) => (await query.execute()).ids;
    const expected = (/** @type {(note: any) => boolean} */ is) => notes.filter(is).map(({ object_id }) => object_id);
    assert.deepEqual(await ids(ws.query(Note).where(Note.title.eq("t 3").and(Note.tag.eq("g 1")))), expected(({ title, tag }) => title === "t 3" && tag === "g 1"));
    assert.deepEqual(await ids(ws.query(Note).where(Note.title.eq("t 3").or(Note.size.lt(50)))), expected(({ title, size }) => title === "t 3" || size < 50));
    assert.deepEqual(await ids(ws.query(Note).where(Note.tag.ne("g 1").and(Note.n.gte(10)))), expected(({ tag, n }) => tag !== "g 1" && n >= 10));
    assert.deepEqual(await ids(ws.query(Note).where(Note.v.isNull().and(Note.tag.isNull()))), expected(({ v, tag }) => v === null && tag === null));
    const sorted = await ws.query(Note).where(Note.n.lt(9)).orderBy(Note.size, "desc").select("size", "title", "tag").limit(3).execute();
    assert.deepEqual([[...sorted.column("size")], [...sorted.column("title")], [...sorted.column("tag")]], [[80, 70, 60], ["t 1", "t 0", "t 6"], ["g 2", "g 1", "g 0"]]);
    const near = await ws.query(Note).where(Note.title.eq("t 1").and(Note.tag.isNotNull())).near(Note.v, [30, 1], { topK: 3, metric: "l2" }).execute();
    assert.deepEqual(near.ids, notes.filter(({ title, tag, v }) => title === "t 1" && tag !== null && v).sort((a, b) => Math.abs(a.n - 30) - Math.abs(b.n - 30)).slice(0, 3).map(({ object_id }) => object_id));
    const [whole] = (await ws.query(Note).where(Note.n.eq(7)).execute()).rows();
    assert.deepEqual([whole.title, whole.tag, whole.size, [...whole.v]], ["t 0", "g 1", 70, [7, 1]]);
    assert.equal(await ws.count(Note), COUNT);
    const audit = await ws.audit();
    assert.deepEqual([audit.catalog.ok, audit.replicas.ok], [true, true]);
    await ws.drop();
    await ws.close();
  },
  async "engines that do not wait for each other's answers are asked at once"() {
    const ws = await filled(open, "at-once");
    watch.expect("main", "side");
    const either = (/** @type {any} */ { title, tag }) => title === "t 3" || tag === "g 1";
    assert.equal((await ws.query(Note).where(Note.title.eq("t 3").or(Note.tag.eq("g 1"))).select("n").execute()).length, notes.filter(either).length);
    const first = watch.traces.findIndex(({ what }) => what === "answered");
    assert.deepEqual(watch.traces.slice(0, first).map(({ backend }) => backend).sort(), ["main", "side"], "both are open before either is answered");
    watch.expect("side", "vec");
    const { object_id } = noteOf(7);
    const found = await ws.get(object_id, { entity: Note });
    assert.deepEqual([found.tag, [...found.v]], ["g 1", [7, 1]]);
    await ws.drop();
    await ws.close();
  },
  async "a read that needs an engine which is gone names it; others go on"() {
    const ws = await filled(open, "one-gone");
    await servers.side.kill();
    try {
      await assert.rejects(ws.query(Note).where(Note.tag.eq("g 1")).execute(), { code: "UNAVAILABLE", backend: "side" });
      await assert.rejects(ws.get("n07", { entity: Note }), { code: "UNAVAILABLE", backend: "side" });
      assert.equal((await ws.query(Note).where(Note.title.eq("t 3")).select("n").execute()).length, 9);
      assert.equal((await ws.query(Note).near(Note.v, [7, 1], { topK: 1, metric: "l2" }).select("n").execute()).ids[0], "n07");
      const health = await ws.health();
      assert.deepEqual(health.backends.map(({ name, ok }) => [name, ok]), [["main", true], ["side", false], ["vec", true]]);
    } finally {
      await servers.side.start();
    }
    assert.equal((await ws.query(Note).where(Note.tag.eq("g 1")).execute()).length, notes.filter(({ tag }) => tag === "g 1").length);
    await ws.drop();
    await ws.close();
  },
  async "a write that loses an engine on the way says what is where, and repair() completes it"() {
    for (const gone of /** @type {const} */ (["side", "vec"])) {
      const ws = await filled(open, `lost-${gone}`);
      await servers[gone].kill();
      try {
        await assert.rejects(ws.upsertMany(Note, [{ ...noteOf(7), title: "late", tag: "late", v: [100, 1] }, { ...noteOf(61), tag: "late" }]), (/** @type {any} */ error) => {
          assert.deepEqual([error.code, error.backend], ["PARTIAL_WRITE", gone]);
          assert.ok(error.partial.committed.includes("main") && error.partial.pending.includes(gone), JSON.stringify(error.partial));
          assert.deepEqual([error.partial.rows, [...error.partial.ids].sort()], [2, ["n07", "n61"]]);
          return true;
        });
        assert.equal((await ws.query(Note).where(Note.title.eq("late")).select("n").execute()).length, 1);
      } finally {
        await servers[gone].start();
      }
      const { intents } = await ws.repair();
      assert.equal(intents.completed, 1);
      assert.deepEqual((await ws.query(Note).where(Note.tag.eq("late")).execute()).ids, ["n07", "n61"]);
      assert.deepEqual((await ws.query(Note).near(Note.v, [100, 1], { topK: 1, metric: "l2" }).select("n").execute()).ids, ["n07"]);
      const audit = await ws.audit();
      assert.deepEqual([audit.catalog.ok, audit.replicas.ok, audit.storage.ok], [true, true, true]);
      await ws.drop();
      await ws.close();
    }
  },
});

/** @param {(id: string) => Promise<import("heavenbase").Workspace>} open @param {string} id */
async function filled(open, id) {
  const ws = await open(id);
  await ws.register(Note);
  await ws.upsertMany(Note, notes);
  return ws;
}
