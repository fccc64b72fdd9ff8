// SPDX-License-Identifier: MIT
// The driver around tedious, over a module with its interface that only notes what it is asked (npm run test:engines mssql runs the statements).
import assert from "node:assert/strict";
import { test } from "node:test";
import { TYPES } from "tedious";
import { HeavenBase, Integer, ShortText, entity, field } from "heavenbase";
import { tediousDriver } from "heavenbase/drivers/tedious";
import { serverError, tediousLike } from "../servers/tedious.mjs";

const options = () => ({ signal: new AbortController().signal });
/** @param {(sql: string, params: any[], at: { cancelled: Promise<void> }) => any} answer @param {object} [more] */
function driverOf(answer, more = {}) {
  /** @type {string[]} */
  const seen = [];
  const engine = { note: (/** @type {string} */ text) => { seen.push(text); }, run: async (/** @type {string} */ sql, /** @type {any[]} */ params, /** @type {any} */ at) => answer(sql, params, at) ?? {}, ...more };
  return { seen, driver: tediousDriver(tediousLike(engine), { server: "s", options: { database: "d" } }, { connections: 2 }) };
}

test("values are bound as what they are, and cells come as they are", async () => {
  /** @type {any[]} */
  let given = [];
  const { seen, driver } = driverOf((sql, params) => {
    given = params;
    return sql === "DELETE" ? { count: 3 } : { columns: [{ colName: "n", type: { name: "BigInt" } }, { colName: "m", type: { name: "IntN" }, dataLength: 8 }, { colName: "t", type: { name: "NVarChar" } }], rows: [["9223372036854775807", null, "x"]] };
  });
  const long = "x".repeat(4001);
  assert.deepEqual(await driver.execute("SELECT", [2n ** 63n - 1n, 7, 0.5, -0, true, null, "x", long, new Uint8Array([1, 255]), 2n ** 80n], options()),
    { columns: [{ name: "n", text: "integer" }, { name: "m", text: "integer" }, { name: "t" }], rows: [["9223372036854775807", null, "x"]], affected: 0, bytes: 40 });
  assert.deepEqual(given.map(({ name, type, value, options: { length } }) => [name, type.name, value, length]), [["p1", "BigInt", 2n ** 63n - 1n, undefined], ["p2", "BigInt", 7, undefined], ["p3", "Float", 0.5, undefined], ["p4", "Float", -0, undefined],
    ["p5", "Bit", true, undefined], ["p6", "NVarChar", null, 4000], ["p7", "NVarChar", "x", 4000], ["p8", "NVarChar", long, Infinity], ["p9", "VarBinary", Buffer.from([1, 255]), 8000], ["p10", "NVarChar", String(2n ** 80n), 4000]]);
  assert.equal(TYPES.NVarChar.declaration({ value: long, length: Infinity }), "nvarchar(max)");
  assert.equal(TYPES.VarBinary.declaration({ value: Buffer.alloc(9000), length: Infinity }), "varbinary(max)");
  assert.deepEqual(await driver.execute("DELETE", [], options()), { affected: 3 });
  assert.deepEqual(seen, ["1 connected", "1 SELECT", "1 DELETE"]);
  await driver.close?.();
  assert.equal(seen.at(-1), "1 closed");
});

test("a batch is one transaction, and undone when a statement fails; the first thing that the server said counts", async () => {
  const { seen, driver } = driverOf((sql) => {
    if (sql === "bad") throw new AggregateError([serverError(2714), serverError(2759)]);
    return { count: 1 };
  });
  const batch = /** @type {NonNullable<typeof driver.batch>} */ (driver.batch);
  assert.equal((await batch([{ sql: "a", params: [] }, { sql: "b", params: [] }], options())).length, 2);
  await assert.rejects(Promise.resolve(batch([{ sql: "a", params: [] }, { sql: "bad", params: [] }], options())), { code: "2714" });
  await assert.rejects(Promise.resolve(driver.execute("x", [NaN], options())), { code: "EPARAM" });
  assert.deepEqual(seen.slice(1), ["1 BEGIN", "1 a", "1 b", "1 COMMIT", "1 BEGIN", "1 a", "1 bad", "1 ROLLBACK", "1 x"]);
  await driver.close?.();
});

test("a connection that is lost is not used again, nor one whose transaction a statement ended", async () => {
  const { seen, driver } = driverOf((sql) => {
    if (sql === "lost") throw Object.assign(new Error("gone"), { code: "ESOCKET" });
    if (sql === "fatal") throw serverError(596, { class: 21 });
    return sql === "ends" ? { ends: true } : {};
  });
  await assert.rejects(Promise.resolve(driver.execute("lost", [], options())), { code: "ESOCKET" });
  await assert.rejects(Promise.resolve(driver.execute("fatal", [], options())), { code: "596" });
  await assert.rejects(Promise.resolve(driver.batch?.([{ sql: "ends", params: [] }, { sql: "next", params: [] }], options())), { code: "REFUSED" });
  await driver.execute("SELECT", [], options());
  assert.deepEqual(seen, ["1 connected", "1 lost", "1 closed", "2 connected", "2 fatal", "2 closed", "3 connected", "3 BEGIN", "3 ends", "3 closed", "4 connected", "4 SELECT"]);
  await driver.close?.();
});

test("an abort cancels the statement in the server; a result that is too large too", async () => {
  /** @type {() => void} */
  let started = () => {};
  const { seen, driver } = driverOf((sql, _params, { cancelled }) => {
    if (sql === "large") return { columns: [{ colName: "n", type: { name: "Int" } }], rows: [[1], [2], [3]] };
    if (sql !== "slow") return {};
    started();
    return cancelled.then(() => { throw Object.assign(new Error("Canceled."), { code: "ECANCEL" }); });
  });
  const stop = new AbortController();
  const running = Promise.resolve(driver.execute("slow", [], { signal: stop.signal }));
  await new Promise((resolve) => { started = () => resolve(undefined); });
  stop.abort();
  await assert.rejects(running, { code: "ECANCEL" });
  await assert.rejects(Promise.resolve(driver.execute("never", [], { signal: stop.signal })), { name: "AbortError" });
  await assert.rejects(Promise.resolve(driver.execute("large", [], { ...options(), maxRows: 2 })), { code: "LIMIT" });
  await assert.rejects(Promise.resolve(driver.execute("large", [], { ...options(), maxBytes: 20 })), { code: "LIMIT" });
  assert.deepEqual(seen, ["1 connected", "1 slow", "1 cancel", "1 large", "1 cancel", "1 large", "1 cancel"]);
  await driver.close?.();
});

test("a session holds one connection, gives it back as it came, and does not promise to read only", async () => {
  const { seen, driver } = driverOf(() => ({}));
  const open = /** @type {NonNullable<typeof driver.session>} */ (driver.session);
  const first = await open(options()), second = await open(options());
  const waiting = new AbortController();
  const third = open({ signal: waiting.signal });
  waiting.abort();
  await assert.rejects(third, { name: "AbortError" });
  await first.begin(options());
  await first.execute("a", [], options());
  await first.release();
  await second.release();
  await assert.rejects(open({ ...options(), readOnly: true }), { code: "REFUSED" });
  assert.deepEqual(seen.filter((line) => line.startsWith("1")), ["1 connected", "1 BEGIN", "1 a", "1 ROLLBACK", "1 reset"]);
  await driver.close?.();
});

test("errors are typed, and say nothing of what the server said", async () => {
  for (const [number, code] of /** @type {const} */ ([[18456, "REFUSED"], [208, "SCHEMA_DRIFT"], [1222, "LOCKED"], [2628, "VALIDATION"], [8003, "LIMIT"], [40613, "UNAVAILABLE"], [50000, "BACKEND"]])) {
    const { driver } = driverOf(() => { throw serverError(number); });
    await assert.rejects(HeavenBase.open("errors", { backends: { main: { type: "mssql" } }, drivers: { main: driver } }), (/** @type {any} */ error) => {
      assert.deepEqual([error.code, error.backend, error.native], [code, "main", String(number)]);
      assert.doesNotMatch(error.message, /words of the server/);
      return true;
    });
  }
  const { driver } = driverOf(() => ({}), { connect() { throw Object.assign(new Error("Login failed for user 'me'"), { code: "ELOGIN" }); } });
  await assert.rejects(HeavenBase.open("login", { backends: { main: { type: "mssql" } }, drivers: { main: driver } }), { code: "REFUSED", native: "ELOGIN" });
});

test("texts with a space behind are stored with a mark, and read without", async () => {
  const Row = entity("Row", { title: field(ShortText), n: field(Integer) });
  /** @type {unknown[]} */
  const stored = [];
  const { driver } = driverOf((sql, params) => {
    if (sql.startsWith("MERGE INTO [hb_marks$row]")) stored.push(...params.filter(({ type }) => type === TYPES.NVarChar).map(({ value }) => value));
    return sql.includes("FROM [hb_marks$row]") ? { columns: ["object_id", "title", "n"].map((colName) => ({ colName, type: { name: "NVarChar" } })), rows: [["a", "x \u0001", "9007199254740993"]] } : {};
  });
  const ws = await HeavenBase.open("marks", { catalog: false, backends: { main: { type: "mssql" } }, drivers: { main: driver } });
  await ws.register(Row);
  await ws.upsert(Row, { object_id: "a", name: "n", title: "x ", n: 1 });
  assert.deepEqual(stored, ["a", "n", "x \u0001"]);
  assert.deepEqual((await ws.query(Row).select("title", "n").execute()).rows(), [{ object_id: "a", title: "x ", n: 9007199254740993n }]);
  await ws.close();
});
