// SPDX-License-Identifier: MIT
// The driver around mysql2, over a pool that only notes what it is asked (npm run test:engines has the servers).
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import { HeavenBase, Integer, ShortText, entity, field } from "heavenbase";
import { connectStarrocks, mysql2Driver, starrocksDriver } from "heavenbase/drivers/mysql2";

/** @param {(sql: string, params: unknown[], connection: number) => unknown} [answer] rows, or an error that is thrown */
function pool(answer = () => []) {
  /** @type {string[]} */
  const seen = [];
  let made = 0;
  /** @type {any[]} */
  const idle = [];
  const connect = () => {
    const id = ++made;
    const connection = new EventEmitter();
    const run = async (/** @type {any} */ options, /** @type {unknown[]} */ params = []) => {
      const sql = typeof options === "string" ? options : options.sql;
      seen.push(`${id} ${sql}`);
      const rows = await answer(sql, params, id);
      if (rows instanceof Error) throw rows;
      return [rows, Array.isArray(rows) && rows[0] ? rows[0].map((/** @type {any} */ _, /** @type {number} */ i) => ({ name: `c${i}` })) : []];
    };
    return { connection, threadId: 70 + id, execute: run, query: run, unprepare: () => { seen.push(`${id} unprepared`); },
      release() { idle.push(this); seen.push(`${id} released`); }, destroy: () => { seen.push(`${id} destroyed`); } };
  };
  return { seen, getConnection: async () => idle.pop() ?? connect() };
}
const options = () => ({ signal: new AbortController().signal });
const failing = (/** @type {object} */ fields) => Object.assign(new Error("words of the server"), fields);

test("a connection is set up once, values are bound, and what cannot be bound becomes what can", async () => {
  /** @type {unknown[][]} */
  const given = [];
  const one = pool((sql, params) => { given.push(params); return sql.startsWith("SELECT") ? [["1", null]] : { affectedRows: 3 }; });
  const driver = mysql2Driver({ promise: () => one });
  assert.deepEqual(await driver.execute("SELECT ?", [2n ** 63n - 1n, new Uint8Array([1, 255]), null, -0, true, "x"], options()),
    { columns: ["c0", "c1"], rows: [["1", null]], affected: 0 });
  assert.deepEqual(given[1], ["9223372036854775807", Buffer.from([1, 255]), null, -0, true, "x"]);
  assert.deepEqual(await driver.execute("DELETE", Array(65).fill(1), options()), { affected: 3 });
  assert.match(one.seen[0], /^1 SET SESSION sql_mode = 'STRICT_ALL_TABLES/);
  assert.deepEqual(one.seen.slice(1), ["1 SELECT ?", "1 released", "1 DELETE", "1 unprepared", "1 released"]);
});

test("a connection keeps few statements prepared: the ones used last", async () => {
  const one = pool();
  const driver = mysql2Driver(one);
  for (let i = 0; i < 40; i++) {
    await driver.execute("often", [], options());
    await driver.execute(`once ${i}`, [], options());
  }
  assert.equal(one.seen.filter((line) => line === "1 unprepared").length, 41 - 32);
  await driver.execute("fails", Array(65).fill(0), options());
  assert.equal(one.seen.at(-2), "1 unprepared");
});

test("a batch is one transaction, and undone when a statement fails; the server's number is the code", async () => {
  const one = pool((sql) => (sql === "bad" ? failing({ code: "ER_DUP_ENTRY", errno: 1062, sqlState: "23000" }) : { affectedRows: 1 }));
  const driver = mysql2Driver(one);
  const batch = /** @type {NonNullable<typeof driver.batch>} */ (driver.batch);
  assert.equal((await batch([{ sql: "a", params: [] }, { sql: "b", params: [] }], options())).length, 2);
  await assert.rejects(Promise.resolve(batch([{ sql: "a", params: [] }, { sql: "bad", params: [] }], options())), { code: "1062" });
  assert.deepEqual(one.seen.slice(1), ["1 START TRANSACTION", "1 a", "1 b", "1 COMMIT", "1 released", "1 START TRANSACTION", "1 a", "1 bad", "1 ROLLBACK", "1 released"]);
});

test("a connection that is lost is not used again, and does not end the process", async () => {
  const one = pool((sql) => (sql === "lost" ? failing({ code: "PROTOCOL_CONNECTION_LOST", fatal: true }) : []));
  const driver = mysql2Driver(one);
  await assert.rejects(Promise.resolve(driver.execute("lost", [], options())), { code: "PROTOCOL_CONNECTION_LOST" });
  await driver.execute("SELECT", [], options());
  assert.deepEqual(one.seen.filter((line) => !line.includes("SET")), ["1 lost", "1 destroyed", "2 SELECT", "2 released"]);
});

test("an abort kills the statement by another connection, and gives its own up", async () => {
  /** @type {(error: Error) => void} */
  let end = () => {};
  const one = pool((sql) => {
    if (sql.startsWith("KILL")) end(failing({ errno: 1317, sqlState: "70100" }));
    return sql === "slow" ? new Promise((resolve) => { end = resolve; }) : [];
  });
  const stop = new AbortController();
  const running = Promise.resolve(mysql2Driver(one).execute("slow", [], { signal: stop.signal }));
  setTimeout(() => stop.abort(), 5);
  await assert.rejects(running, { code: "1317" });
  assert.deepEqual(one.seen.slice(1), ["1 slow", "2 KILL QUERY 71", "2 released", "1 destroyed"]);
  await assert.rejects(Promise.resolve(mysql2Driver(one).execute("never", [], { signal: stop.signal })), { name: "AbortError" });
});

test("errors are typed, and say nothing of what the server said", async () => {
  for (const [errno, code] of [[1045, "REFUSED"], [1146, "SCHEMA_DRIFT"], [1205, "LOCKED"], [3024, "TIMEOUT"], [1406, "VALIDATION"], [1153, "LIMIT"], [1040, "UNAVAILABLE"], [1235, "BACKEND"]]) {
    const driver = mysql2Driver(pool((sql) => (sql.startsWith("SET") ? [] : failing({ errno, sqlState: "HY000" }))));
    await assert.rejects(HeavenBase.open("errors", { backends: { main: { type: "mysql" } }, drivers: { main: driver } }), (/** @type {any} */ error) => {
      assert.deepEqual([error.code, error.backend, error.native], [code, "main", String(errno)]);
      assert.doesNotMatch(error.message, /words of the server/);
      return true;
    });
  }
});

test("a workspace's texts may come as bytes, and be none", async () => {
  const Row = entity("Row", { title: field(ShortText), n: field(Integer) });
  let title = Buffer.from("größe");
  const driver = mysql2Driver(pool((sql) => {
    if (!sql.startsWith("SELECT")) return { affectedRows: 0 };
    if (sql.includes("collations")) return [];
    return sql.includes("FROM `hb_bytes$row`") ? [[Buffer.from("a"), title, "7"]] : [];
  }));
  const ws = await HeavenBase.open("bytes", { catalog: false, backends: { main: { type: "mariadb" } }, drivers: { main: driver } });
  await ws.register(Row);
  assert.deepEqual((await ws.query(Row).select("title", "n").execute()).rows(), [{ object_id: "a", title: "größe", n: 7 }]);
  title = Buffer.from([0xff]);
  await assert.rejects(ws.query(Row).select("title", "n").execute(), { code: "BAD_REPLY", backend: "main" });
  await ws.close();
});

test("StarRocks gets texts without parameters, each by itself, and gives texts", async () => {
  /** @type {any[]} */
  const given = [];
  const one = pool((sql) => (sql === "bad" ? failing({ errno: 5502, sqlState: "42602" }) : sql.startsWith("SELECT") ? [["1", "[0.5]", null]] : { affectedRows: 1 }));
  const noted = { getConnection: async () => {
    const connection = await one.getConnection();
    const { query } = connection;
    return Object.assign(connection, { query: (/** @type {any} */ options) => { given.push(options); return query.call(connection, options); }, execute: () => assert.fail("prepared") });
  } };
  const driver = starrocksDriver({ promise: () => noted });
  assert.deepEqual(await driver.execute("SELECT 1", [], options()), { columns: ["c0", "c1", "c2"], rows: [["1", "[0.5]", null]], affected: 0 });
  assert.deepEqual(await driver.execute("INSERT", [], options()), { affected: 1 });
  await assert.rejects(Promise.resolve(driver.execute("bad", [], options())), { code: "5502" });
  await assert.rejects(Promise.resolve(driver.execute("INSERT ?", [1], options())), { code: "UNSUPPORTED" });
  assert.deepEqual(one.seen, ["1 SELECT 1", "1 released", "1 INSERT", "1 released", "1 bad", "1 released"]);
  assert.equal(given[0].typeCast({ string: (/** @type {string} */ encoding) => `text in ${encoding}` }), "text in utf8");
  assert.equal(driver.batch, undefined);
  const session = /** @type {NonNullable<typeof driver.session>} */ (driver.session);
  await assert.rejects(session({ ...options(), readOnly: true }), { code: "REFUSED" });
  const held = await session(options());
  await assert.rejects(held.begin(options()), { code: "UNSUPPORTED" });
  const made = await connectStarrocks({ host: "127.0.0.1" });
  await made.close?.();
});
