// SPDX-License-Identifier: MIT
// The driver around node-oracledb, over a pool with its interface that only notes what it is asked (npm run test:engines oracle runs the statements).
import assert from "node:assert/strict";
import { test } from "node:test";
import oracledb from "oracledb";
import { HeavenBase } from "heavenbase";
import { oracledbDriver } from "heavenbase/drivers/oracledb";
import { oracleError, oracledbLike } from "../servers/oracledb.mjs";

const SESSION = "ALTER SESSION SET NLS_COMP = BINARY NLS_SORT = BINARY NLS_NUMERIC_CHARACTERS = '.,'";
const options = () => ({ signal: new AbortController().signal });
/** @param {(sql: string, binds: any[], at: { autoCommit: boolean, broken: Promise<void> }) => any} answer */
function driverOf(answer) {
  /** @type {string[]} */
  const seen = [];
  const like = oracledbLike(() => ({ note: (text) => { if (!text.endsWith(SESSION)) seen.push(text); }, run: async (sql, binds, at) => (sql === SESSION ? {} : answer(sql, binds, at) ?? {}) }));
  return { seen, driver: oracledbDriver(like.oracledb, like.pool) };
}
const column = (/** @type {string} */ name, /** @type {any} */ dbType, precision = 0, scale = -127) => ({ name, dbType, precision, scale });

test("values are bound as what they are, and cells come as they are", async () => {
  /** @type {any[]} */
  let given = [];
  let commits;
  const { seen, driver } = driverOf((sql, binds, { autoCommit }) => {
    [given, commits] = [binds, autoCommit];
    return sql === "DELETE" ? { rowsAffected: 3 } : { metaData: [column("n", oracledb.DB_TYPE_NUMBER, 19, 0), column("c", oracledb.DB_TYPE_NUMBER), column("f", oracledb.DB_TYPE_BINARY_DOUBLE), column("t", oracledb.DB_TYPE_CLOB), column("b", oracledb.DB_TYPE_BLOB)],
      rows: [["9223372036854775807", 5, 0.5, "x", [1, 255]], [null, null, null, null, null]] };
  });
  const long = "ß".repeat(2001);
  const binds = [2n ** 63n - 1n, 7, true, null, "x", long, new Uint8Array([1]), new Uint8Array(2001)];
  const found = await driver.execute("SELECT", binds, options());
  assert.deepEqual(found, { columns: [{ name: "n", text: "integer" }, { name: "c", text: "float" }, { name: "f" }, { name: "t" }, { name: "b" }], rows: [["9223372036854775807", "5", 0.5, "x", Buffer.from([1, 255])], [null, null, null, null, null]], affected: 0, bytes: 111 });
  assert.deepEqual(given.map(({ val, type }) => [type.name, val]), [["DB_TYPE_VARCHAR", "9223372036854775807"], ["DB_TYPE_BINARY_DOUBLE", 7], ["DB_TYPE_NUMBER", 1], ["DB_TYPE_VARCHAR", null], ["DB_TYPE_VARCHAR", "x"], ["DB_TYPE_CLOB", long], ["DB_TYPE_RAW", Buffer.from([1])], ["DB_TYPE_BLOB", Buffer.alloc(2001)]]);
  assert.equal(commits, true);
  assert.deepEqual(await driver.execute("DELETE", [], options()), { affected: 3 });
  assert.deepEqual(seen, ["1 SELECT", "1 released", "2 DELETE", "2 released"]);
});

test("a batch is one transaction, and undone when a statement fails; the number is the code", async () => {
  const { seen, driver } = driverOf((sql) => {
    if (sql === "bad") throw oracleError(942);
    return { rowsAffected: 1, wrote: true };
  });
  const batch = /** @type {NonNullable<typeof driver.batch>} */ (driver.batch);
  assert.equal((await batch([{ sql: "a", params: [] }, { sql: "b", params: [] }], options())).length, 2);
  await assert.rejects(Promise.resolve(batch([{ sql: "a", params: [] }, { sql: "bad", params: [] }], options())), { code: "942" });
  assert.deepEqual(seen, ["1 a", "1 b", "1 COMMIT", "1 released", "2 a", "2 bad", "2 ROLLBACK", "2 released"]);
});

test("a connection is given up when a statement ended its transaction, left something in the session, or was broken", async () => {
  /** @type {() => void} */
  let started = () => {};
  const { seen, driver } = driverOf((sql, _binds, { broken }) => {
    if (sql === "CREATE TABLE x") return { ends: true };
    if (sql !== "slow") return { rowsAffected: 1, wrote: sql.startsWith("INSERT") };
    started();
    return broken.then(() => { throw oracleError(1013); });
  });
  await assert.rejects(Promise.resolve(driver.batch?.([{ sql: "INSERT", params: [] }, { sql: "CREATE TABLE x", params: [] }], options())), { code: "REFUSED" });
  const open = /** @type {NonNullable<typeof driver.session>} */ (driver.session);
  const clean = await open(options());
  await clean.execute("INSERT", [], options());
  await clean.release();
  const left = await open(options());
  await left.execute("ALTER SESSION SET CURRENT_SCHEMA = x", [], options());
  await left.release();
  const stop = new AbortController();
  const running = Promise.resolve(driver.execute("slow", [], { signal: stop.signal }));
  await new Promise((resolve) => { started = () => resolve(undefined); });
  stop.abort();
  await assert.rejects(running, { code: "1013" });
  await assert.rejects(open({ ...options(), readOnly: true }), { code: "REFUSED" });
  assert.deepEqual(seen, ["1 INSERT", "1 CREATE TABLE x", "1 dropped", "2 INSERT", "2 ROLLBACK", "2 released", "3 ALTER SESSION SET CURRENT_SCHEMA = x", "3 dropped", "4 slow", "4 break", "4 dropped"]);
});

test("errors are typed, and a result that is too large is LIMIT", async () => {
  for (const [number, code] of /** @type {const} */ ([[1031, "REFUSED"], [942, "SCHEMA_DRIFT"], [54, "LOCKED"], [12899, "VALIDATION"], [1795, "LIMIT"], [12541, "UNAVAILABLE"], [600, "BACKEND"]])) {
    const { driver } = driverOf(() => { throw oracleError(number); });
    await assert.rejects(HeavenBase.open("errors", { backends: { main: { type: "oracle" } }, drivers: { main: driver } }), (/** @type {any} */ error) => {
      assert.deepEqual([error.code, error.backend, error.native], [code, "main", String(number)]);
      assert.doesNotMatch(error.message, /words of the server/);
      return true;
    });
  }
  const { driver } = driverOf(() => ({ metaData: [column("n", oracledb.DB_TYPE_NUMBER)], rows: [[1], [2], [3]] }));
  await assert.rejects(Promise.resolve(driver.execute("SELECT", [], { ...options(), maxRows: 2 })), { code: "LIMIT" });
  await assert.rejects(Promise.resolve(driver.execute("SELECT", [], { ...options(), maxBytes: 9 })), { code: "LIMIT" });
});
