// SPDX-License-Identifier: MIT
// The gateway over PostgreSQL: what only a real server shows. Cancelled statements, transactions that may not write,
// limits while rows come, a pool that is busy, a server that hangs, is killed and comes back.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import * as heavenbase from "heavenbase";
import { startGateway } from "heavenbase/gateway";
import { at, root } from "../../scripts/lib.mjs";
import { gatewayTour } from "../hosts/gateway-tour.js";
import { freePort } from "../servers/process.mjs";
import { startPostgres } from "../servers/postgres.mjs";
import { launch } from "../web/chromium.mjs";
import { STRICT_POLICY, serve } from "../web/server.mjs";
import { bundle, start } from "../workerd/bundle.mjs";

const TOKEN = "token-of-the-engine-tests";

/** @type {import("./run.mjs").Engine} */
export const gateway = { name: "gateway", async start() {
  const server = await startPostgres();
  const options = { host: "127.0.0.1", port: server.port, username: server.user, database: "postgres" };
  const admin = new pg.Pool({ host: options.host, port: options.port, user: options.username, database: options.database, max: 2 });
  admin.on("error", () => {});
  await admin.query("CREATE EXTENSION vector");
  await admin.query("CREATE TABLE kept (a int PRIMARY KEY, b text); CREATE SEQUENCE counter; CREATE FUNCTION sly() RETURNS int LANGUAGE plpgsql AS $$ BEGIN INSERT INTO kept VALUES (1, 'sly'); RETURN 1; END $$;"
    + "CREATE PROCEDURE leaves() LANGUAGE plpgsql AS $$ BEGIN COMMIT; SET TRANSACTION READ WRITE; INSERT INTO kept VALUES (2, 'left'); END $$;");
  /** @type {string[]} */
  const log = [];
  // The page's server says which gateway its pages may ask, the gateway which pages.
  const port = await freePort();
  const pages = await serve(root, { policy: `${STRICT_POLICY}; connect-src 'self' http://127.0.0.1:${port}` });
  const started = await startGateway({
    port, cors: { origins: [pages.url] }, tokens: [{ name: "tests", token: TOKEN, connections: ["main", "reader", "single", "small"] }],
    connections: [
      { name: "main", engine: "postgres", options, pool: 4, timeoutMs: 20_000, poolTimeoutMs: 1000 }, { name: "reader", engine: "postgres", options, readOnly: true, pool: 2 },
      { name: "single", engine: "postgres", options, pool: 1, timeoutMs: 2000, poolTimeoutMs: 300 }, { name: "small", engine: "postgres", options, pool: 2, maxRows: 1000, maxBytes: 100_000 },
    ],
  }, { log: (line) => log.push(line) });
  const access = { url: started.url, token: TOKEN, connection: "main" };
  const open = (/** @type {string} */ type) => (/** @type {string} */ id) => heavenbase.HeavenBase.open(id, { backends: { main: { type, via: "gateway", ...access } } });
  return {
    ways: [
      { name: "postgres, gateway", open: open("postgres"), checks: hosts(access, pages) },
      { name: "pgvector, gateway", open: open("pgvector") },
      { name: "gateway, node-postgres", checks: checks(server, admin, started, log) },
    ],
    stop: async () => {
      await started.stop();
      await pages.close();
      await admin.end();
      await server.stop();
    },
  };
} };

/** @param {{ url: string, token: string, connection: string }} access @param {Awaited<ReturnType<typeof serve>>} pages @returns {Record<string, () => Promise<void>>} */
const hosts = (access, pages) => ({
  async "a page in Chromium has a workspace through it, if its origin is in the list"() {
    const browser = await launch();
    const inPage = async (/** @type {string} */ origin, /** @type {string} */ id) => {
      const page = await browser.newPage();
      await page.goto(`${origin}/tests/web/plain.html`);
      return page.evaluate(async ([name, gateway_]) => {
        const entry = await import(/** @type {string} */ ("/js/entry/browser.js"));
        const { gatewayTour: tour } = await import(/** @type {string} */ ("/tests/hosts/gateway-tour.js"));
        return tour(entry, name, gateway_).catch((/** @type {any} */ error) => error.code);
      }, /** @type {const} */ ([id, access]));
    };
    try {
      const found = await inPage(pages.url, "in-a-page");
      assert.deepEqual(found, await gatewayTour(heavenbase, "in-node", access));
      assert.deepEqual(found, { count: 300, n: ["4611686018427388202", "4611686018427388203"], near: ["note 3", "note 10"], audit: true });
      assert.equal(await inPage(pages.url.replace("127.0.0.1", "localhost"), "in-another"), "UNAVAILABLE");
    } finally {
      await browser.close();
    }
  },
  async "a worker in workerd has a workspace through it"() {
    const runtime = start(await bundle("tests/workerd/gateway-worker.js"));
    try {
      const response = await runtime.dispatchFetch("http://worker.test/", { method: "POST", body: JSON.stringify(access) });
      const text = await response.text();
      assert.equal(response.status, 200, text);
      assert.deepEqual(JSON.parse(text), await gatewayTour(heavenbase, "in-node", access));
    } finally {
      await runtime.dispose();
    }
  },
});

/**
 * @param {Awaited<ReturnType<typeof startPostgres>>} server @param {any} admin @param {import("heavenbase/gateway").Gateway} started @param {string[]} log
 * @returns {Record<string, () => Promise<void>>}
 */
function checks(server, admin, { url }, log) {
  /** @param {string} name @param {(string | { sql: string, params?: unknown[] })[]} statements @param {any} [more] @param {AbortSignal} [signal] */
  const run = async (name, statements, more = {}, signal = undefined) => {
    const response = await fetch(`${url}/v1/connections/${name}/statements`, { method: "POST", signal, headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
      body: JSON.stringify({ statements: statements.map((one) => (typeof one === "string" ? { sql: one } : one)), ...more }) });
    return { status: response.status, retryAfter: response.headers.get("retry-after"), ...(await response.json()) };
  };
  const cell = async (/** @type {string} */ sql) => Object.values((await admin.query(sql)).rows[0])[0];
  const kept = () => cell("SELECT count(*)::int FROM kept");
  const sleepers = () => cell("SELECT count(*)::int FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND state <> 'idle' AND pid <> pg_backend_pid()");
  /** @param {() => Promise<unknown>} found @param {unknown} wanted */
  const until = async (found, wanted) => {
    for (let i = 0; i < 100 && (await found()) !== wanted; i++) await pause(50);
    assert.equal(await found(), wanted);
  };

  return {
    async "cells are the same as over PGlite"() {
      const { results } = await run("main", [{ sql: "SELECT true, 1.5::float8, 'NaN'::float8, '\\x00ff'::bytea, $1::text, null, 12.30::numeric, ARRAY[1]", params: ["é 😀"] }]);
      assert.deepEqual(results[0].rows, [[true, 1.5, "NaN", { $bytes: "AP8=" }, "é 😀", null, "12.30", "{1}"]]);
      assert.deepEqual((await run("main", ["INSERT INTO kept SELECT i, 'x' FROM generate_series(1, 5) i", "UPDATE kept SET b = 'y' WHERE a < 3", "DELETE FROM kept", "VALUES (1)"])).results.map((/** @type {any} */ one) => one.affected), [5, 2, 5, 0]);
    },
    async "a statement is cancelled in the server when its client leaves, and nothing of it stays"() {
      const leave = new AbortController();
      const asked = run("main", ["INSERT INTO kept VALUES (10, 'gone')", "SELECT pg_sleep(60)"], { transaction: true }, leave.signal);
      asked.catch(() => {});
      await until(sleepers, 1);
      leave.abort();
      await assert.rejects(asked);
      await until(sleepers, 0);
      assert.equal(await kept(), 0);
      await until(async () => log.some((line) => line.includes('"CLIENT_GONE"')), true);
    },
    async "a statement that takes too long is cancelled in the server"() {
      const since = performance.now();
      const { status, error } = await run("main", ["INSERT INTO kept VALUES (11, 'late')", "SELECT pg_sleep(60)"], { transaction: true, timeoutMs: 300 });
      assert.deepEqual([status, error.code, error.native, error.statement], [504, "TIMEOUT", "57014", 1]);
      assert.ok(performance.now() - since < 5000);
      assert.equal(await sleepers(), 0);
      assert.equal(await kept(), 0);
    },
    async "a cancel comes through when the pool is busy, and a busy pool is UNAVAILABLE"() {
      const slow = run("single", ["SELECT pg_sleep(60)"]);
      await until(sleepers, 1);
      const refused = await run("single", ["SELECT 1"]);
      assert.deepEqual([refused.status, refused.error.code, refused.error.began, refused.retryAfter], [503, "UNAVAILABLE", false, "1"]);
      assert.equal((await slow).error.code, "TIMEOUT");
      assert.equal(await sleepers(), 0);
      assert.deepEqual((await run("single", ["SELECT 1"])).results[0].rows, [[1]]);
    },
    async "a connection that only reads writes by no statement"() {
      const write = "INSERT INTO kept VALUES (20, 'x')";
      const attempts = [[write], ["SELECT sly()"], ["WITH w AS (DELETE FROM kept RETURNING 1) SELECT * FROM w"], ["SELECT nextval('counter')"], ["CALL leaves()"], ["CREATE TABLE t (a int)"], ["EXPLAIN ANALYZE INSERT INTO kept VALUES (3, 'x')"],
        ["DO $$ BEGIN COMMIT; SET TRANSACTION READ WRITE; INSERT INTO kept VALUES (20, 'x'); END $$"], ["SET TRANSACTION READ WRITE", write], ["SET transaction_read_only = off", write], ["SELECT set_config('transaction_read_only', 'off', false)", write],
        ["SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE", "COMMIT", write], ["SET default_transaction_read_only = off", "ROLLBACK", write], ["COMMIT AND CHAIN", "SET TRANSACTION READ WRITE", write], ["ROLLBACK AND CHAIN", "SET TRANSACTION READ WRITE", write],
        ["PREPARE w AS INSERT INTO kept VALUES (20, 'x')", "EXECUTE w"], ["BEGIN READ WRITE", write], ["SAVEPOINT s", "SET TRANSACTION READ WRITE", write], ["SELECT lo_create(1)"], ["COPY kept FROM STDIN"], [`SELECT 1; COMMIT; ${write}`],
        ["DECLARE c CURSOR FOR SELECT sly()", "FETCH c"]];
      for (const transaction of [false, true]) {
        for (const statements of attempts) {
          const { status, error } = await run("reader", statements, { transaction });
          assert.ok(status === 403 ? error.code === "READ_ONLY" : status === 422, `${statements}: ${status} ${JSON.stringify(error)}`);
          assert.equal(await kept(), 0, String(statements));
        }
        assert.deepEqual((await run("reader", ["SELECT count(*) FROM kept", "SHOW transaction_read_only", "SHOW default_transaction_read_only"], { transaction })).results.map((/** @type {any} */ one) => one.rows[0][0]), [0, "on", "on"]);
      }
    },
    async "a result that is too large is not read to its end"() {
      const since = process.memoryUsage().rss;
      for (const sql of ["SELECT generate_series(1, 1001)", "SELECT generate_series(1, 2000000000)", "SELECT repeat('x', 1000) FROM generate_series(1, 500)", "SELECT repeat('x', 500000000)", "SELECT repeat('x', 1000000) FROM generate_series(1, 100000)"]) {
        const { status, error } = await run("small", [sql]);
        assert.deepEqual([status, error.code], [422, "RESULT_TOO_LARGE"], sql);
      }
      assert.ok(process.memoryUsage().rss - since < 200 << 20);
      assert.deepEqual((await run("small", ["SELECT count(*) FROM (SELECT generate_series(1, 1000)) s"])).results[0].rows, [[1000]]);
      assert.equal((await run("small", ["SELECT generate_series(1, 1000)"])).results[0].rows.length, 1000);
      const { status } = await run("small", ["INSERT INTO kept VALUES (30, 'x')", "SELECT generate_series(1, 1001)"], { transaction: true });
      assert.deepEqual([status, await kept()], [422, 0]);
      assert.equal((await run("small", ["SELECT 1"])).status, 200);
    },
    async "what a request leaves behind meets no other"() {
      await run("single", ["SET search_path = nowhere", "CREATE TEMP TABLE kept (a int)", "SELECT pg_advisory_lock(7)", "PREPARE p AS SELECT 1", "BEGIN", "INSERT INTO public.kept VALUES (40, 'x')"]);
      const { results } = await run("single", ["SHOW search_path", "SELECT count(*) FROM kept", "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'", "SELECT count(*) FROM pg_prepared_statements"]);
      assert.deepEqual(results.map((/** @type {any} */ one) => one.rows[0][0]), ['"$user", public', 0, 0, 0]);
    },
    async "COPY with the client is refused, and the connection goes on"() {
      for (const sql of ["COPY kept FROM STDIN", "COPY (SELECT 1) TO STDOUT"]) assert.deepEqual([(await run("single", [sql])).error.native], ["0A000"], sql);
      assert.equal((await run("single", ["SELECT 1"])).status, 200);
    },
    async "schemathesis finds that it does what its OpenAPI document says"() {
      const { status, output } = await schemathesis(url);
      assert.equal(status, 0, output);
      assert.match(output, /\d+ generated, \d+ passed/);
    },
    async "a server that hangs is given up, one that was killed is UNAVAILABLE, and found again"() {
      await run("single", ["SELECT 1"]);
      server.pause();
      const hung = await run("single", ["SELECT 1"], { timeoutMs: 300 }).finally(() => server.goOn());
      assert.ok([503, 504].includes(hung.status), JSON.stringify(hung));
      const running = run("main", ["INSERT INTO kept VALUES (50, 'x')", "SELECT pg_sleep(60)"], { transaction: true });
      await until(sleepers, 1);
      await server.kill();
      const lost = await running;
      assert.deepEqual([lost.status, lost.error.code, lost.error.began], [503, "UNAVAILABLE", undefined]);
      const refused = await run("main", ["SELECT 1"]);
      assert.deepEqual([refused.status, refused.error.code, refused.error.began], [503, "UNAVAILABLE", false]);
      await server.start();
      assert.deepEqual((await run("main", ["SELECT count(*) FROM kept"])).results[0].rows, [[0]]);
      assert.equal((await run("single", ["SELECT 1"])).status, 200);
    },
  };
}

/**
 * All checks, on a copy of the document whose connections and statements are there more often than by chance.
 * @param {string} url @returns {Promise<{ status: number | null, output: string }>}
 */
async function schemathesis(url) {
  const folder = mkdtempSync(join(tmpdir(), "hb-schemathesis-"));
  const api = JSON.parse(readFileSync(at("docs/gateway.openapi.json"), "utf8"));
  const { post } = api.paths["/v1/connections/{name}/statements"];
  post.parameters[0].schema = { anyOf: [{ enum: ["small", "reader"] }, post.parameters[0].schema] };
  const { sql } = api.components.schemas.Statement.properties;
  api.components.schemas.Statement.properties.sql = { anyOf: [{ enum: ["SELECT 1 AS a", "SELECT $1::text AS t", "SELECT $1::bigint, $2::bytea", "SELECT generate_series(1, 3)", "INSERT INTO kept VALUES (60, $1)"] }, sql] };
  writeFileSync(join(folder, "api.json"), JSON.stringify(api));
  const child = spawn(at(".cache/schemathesis/bin/st"), ["--config-file", at("tests/engines/schemathesis.toml"), "run", join(folder, "api.json"), "--url", url, "--header", `Authorization: Bearer ${TOKEN}`,
    "--checks", "all", "--phases", "examples,coverage,fuzzing,stateful", "--max-examples", "50", "--seed", "6", "--generation-database", "none", "--no-color"], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const from of [child.stdout, child.stderr]) from.setEncoding("utf8").on("data", (text) => { output += text; });
  const status = await new Promise((resolve) => { child.once("close", resolve); });
  rmSync(folder, { recursive: true, force: true });
  return { status, output };
}

/** @param {number} ms */
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
