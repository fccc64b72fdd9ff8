// SPDX-License-Identifier: MIT
// The gateway over MariaDB: values, transactions, limits, cancelling, roles that only read.
import assert from "node:assert/strict";
import mysql from "mysql2/promise";
import { startGateway } from "heavenbase/gateway";
import { startMariadb } from "../servers/mysql.mjs";

const TOKEN = "token-of-the-engine-tests";

/** @type {import("./run.mjs").Engine} */
export const gatewayMysql = { name: "gateway-mysql", async start() {
  const server = await startMariadb();
  const options = { host: "127.0.0.1", port: server.port, username: "root", database: "gate" };
  const admin = await mysql.createConnection({ host: options.host, port: options.port, user: "root", multipleStatements: true });
  await admin.query("CREATE DATABASE gate; USE gate; CREATE TABLE kept (a bigint PRIMARY KEY, b text); CREATE USER looker@'%'; GRANT SELECT ON gate.* TO looker@'%'; CREATE USER sly@'%'; GRANT SELECT, INSERT ON gate.* TO sly@'%'");
  const started = await startGateway({
    port: 0, tokens: [{ name: "tests", token: TOKEN, connections: ["main", "reader", "sly", "single", "small"] }],
    connections: [
      { name: "main", engine: "mysql", options, pool: 4 }, { name: "reader", engine: "mysql", options: { ...options, username: "looker" }, readOnly: true }, { name: "sly", engine: "mysql", options: { ...options, username: "sly" }, readOnly: true },
      { name: "single", engine: "mysql", options, pool: 1, timeoutMs: 1500, poolTimeoutMs: 300 }, { name: "small", engine: "mysql", options, pool: 2, maxRows: 1000, maxBytes: 100_000 },
    ],
  }, { log: () => {} });
  return { ways: [{ name: "gateway, mysql2, MariaDB", checks: checks(admin, started) }], stop: async () => {
    await started.stop();
    await admin.end();
    await server.stop();
  } };
} };

/** @param {any} admin @param {import("heavenbase/gateway").Gateway} started @returns {Record<string, () => Promise<void>>} */
function checks(admin, { url }) {
  /** @param {string} name @param {(string | { sql: string, params?: unknown[] })[]} statements @param {any} [more] @param {AbortSignal} [signal] */
  const run = async (name, statements, more = {}, signal = undefined) => {
    const response = await fetch(`${url}/v1/connections/${name}/statements`, { method: "POST", signal, headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
      body: JSON.stringify({ statements: statements.map((one) => (typeof one === "string" ? { sql: one } : one)), ...more }) });
    const text = await response.text();
    return { status: response.status, text, ...JSON.parse(text) };
  };
  const cell = async (/** @type {string} */ sql) => Number(Object.values((await admin.query(sql))[0][0])[0]);
  const kept = () => cell("SELECT count(*) FROM kept");
  const sleepers = () => cell("SELECT count(*) FROM information_schema.processlist WHERE info LIKE '%SLEEP(%' AND id <> CONNECTION_ID()");
  /** @param {() => Promise<unknown>} found @param {unknown} wanted */
  const until = async (found, wanted) => {
    for (let i = 0; i < 100 && (await found()) !== wanted; i++) await new Promise((resolve) => { setTimeout(resolve, 50); });
    assert.equal(await found(), wanted);
  };
  const row = "INSERT INTO kept VALUES (1, 'x')";

  return {
    async "values keep their digits and bytes"() {
      const { text } = await run("main", [{ sql: "SELECT 9223372036854775807, CAST(? AS DOUBLE), ?, x'00ff', NULL, CAST(? AS SIGNED), 12.30", params: [1.5, "é 😀", "-9223372036854775808"] }]);
      assert.match(text, /"rows":\[\[9223372036854775807,1.5,"é 😀",\{"\$bytes":"AP8="\},null,-9223372036854775808,"12.30"\]\]/);
      assert.deepEqual((await run("main", [row, "UPDATE kept SET b = 'y'", "DELETE FROM kept", "SELECT 1"])).results.map((/** @type {any} */ one) => one.affected), [1, 1, 1, 0]);
    },
    async "a transaction is all or none, and is not ended by a statement"() {
      const { status, error } = await run("main", [row, row], { transaction: true });
      assert.deepEqual([status, error.native, error.statement, await kept()], [422, "1062", 1, 0]);
      assert.equal((await run("main", [row, "ROLLBACK", row], { transaction: true })).error.native, "2D000");
      assert.equal(await kept(), 0);
      assert.equal((await run("main", [row, "DELETE FROM kept"], { transaction: true })).status, 200);
    },
    async "a statement is cancelled in the server when its client leaves, or takes too long, also when the pool is busy"() {
      const leave = new AbortController();
      const asked = run("single", [row, "SELECT SLEEP(60)"], { transaction: true, timeoutMs: 60_000 }, leave.signal);
      asked.catch(() => {});
      await until(sleepers, 1);
      const busy = await run("single", ["SELECT 1"]);
      assert.deepEqual([busy.status, busy.error.code, busy.error.began], [503, "UNAVAILABLE", false]);
      leave.abort();
      await assert.rejects(asked);
      await until(sleepers, 0);
      assert.equal(await kept(), 0);
      const late = await run("single", [row, "SELECT BENCHMARK(2000000000, SHA2('x', 512))"], { transaction: true, timeoutMs: 300 });
      assert.deepEqual([late.status, late.error.code], [504, "TIMEOUT"]);
      assert.equal(await kept(), 0);
      assert.equal((await run("single", ["SELECT 1"])).status, 200);
    },
    async "a result that is too large is not read to its end"() {
      for (const sql of ["SELECT seq FROM seq_1_to_1001", "SELECT seq FROM seq_1_to_1000000000", "SELECT REPEAT('x', 1000) FROM seq_1_to_500", "SELECT REPEAT('x', 10000000)"]) {
        const { status, error } = await run("small", [sql]);
        assert.deepEqual([status, error?.code], [422, "RESULT_TOO_LARGE"], sql);
      }
      assert.equal((await run("small", [row, "SELECT seq FROM seq_1_to_1001"], { transaction: true })).status, 422);
      assert.equal(await kept(), 0);
      assert.equal((await run("small", ["SELECT seq FROM seq_1_to_1000"])).results[0].rows.length, 1000);
    },
    async "what a request leaves behind meets no other"() {
      await run("single", ["SET @mine = 1", "SET SESSION sql_mode = ''", "CREATE TEMPORARY TABLE kept (a int)", "SELECT GET_LOCK('l', 1)", "SET autocommit = 0", "INSERT INTO gate.kept VALUES (9)"]);
      const { results } = await run("single", ["SELECT @mine", "SELECT @@autocommit", "SELECT @@sql_mode LIKE '%STRICT_ALL_TABLES%'", "SELECT IS_FREE_LOCK('l')", "SELECT COUNT(*) FROM kept"]);
      assert.deepEqual(results.map((/** @type {any} */ one) => one.rows[0][0]), [null, 1, 1, 1, 0]);
    },
    async "a connection that only reads has a role that only reads, or does not serve"() {
      for (const transaction of [false, true]) {
        for (const statements of [[row], ["SET SESSION TRANSACTION READ WRITE", "ANALYZE TABLE kept", row], ["COMMIT", row], ["BEGIN NOT ATOMIC COMMIT; SET SESSION TRANSACTION READ WRITE; INSERT INTO gate.kept VALUES (1, 'x'); END"], ["CREATE TABLE gate.t (a int)"], ["SELECT 1 INTO OUTFILE '/tmp/x'"]]) {
          const { status } = await run("reader", statements, { transaction });
          assert.ok([403, 422].includes(status), `${statements}: ${status}`);
          assert.equal(await kept(), 0, String(statements));
        }
        assert.deepEqual((await run("reader", ["SELECT COUNT(*) FROM kept"], { transaction })).results[0].rows, [[0]]);
      }
      for (const name of ["sly"]) {
        const { status, error } = await run(name, ["SELECT 1"]);
        assert.deepEqual([status, error.code, error.began], [503, "UNAVAILABLE", false]);
      }
    },
  };
}
