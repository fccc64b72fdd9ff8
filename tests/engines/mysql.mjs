// SPDX-License-Identifier: MIT
// MariaDB, MySQL 8 and OceanBase seekdb, through mysql2 and the gateway; MariaDB also through PlanetScale's protocol.
import assert from "node:assert/strict";
import mysql from "mysql2/promise";
import { connect } from "@planetscale/database";
import { Float, HeavenBase, Integer, Json, ShortText, Vector, entity, field } from "heavenbase";
import { connectMysql2, mysql2Driver, starrocksDriver } from "heavenbase/drivers/mysql2";
import { startGateway } from "heavenbase/gateway";
import { startMariadb, startMysql, startSeekdb } from "../servers/mysql.mjs";
import { startPlanetscale } from "../servers/planetscale.mjs";
import { abortCancels, checksOfData, checksOfFailure, checksOfPlacements, connects } from "./checks.mjs";

const TOKEN = "token-of-the-engine-tests";
/** @typedef {{ driver: import("../../js/host/sql.js").SqlDriver, theirs: Record<string, any>, stops: (() => Promise<unknown>)[] }} Setting what more ways need: a user's own database, and where to leave what is to be stopped */

/**
 * @param {string} name @param {string} type @param {() => Promise<import("../servers/process.mjs").Server>} start @param {string} [charset] of the database
 * @param {(setting: Setting) => Promise<import("./run.mjs").Way[]>} [more] @returns {import("./run.mjs").Engine}
 */
const engine = (name, type, start, charset = "latin1", more = async () => []) => ({ name, async start() {
  const server = await start();
  const settings = { host: "127.0.0.1", port: server.port, user: "root" };
  const admin = await mysql.createConnection(settings);
  // A user of one database, who may make none.
  for (const sql of [`CREATE DATABASE theirs CHARACTER SET ${charset}`, "CREATE USER them IDENTIFIED BY 'secret word'", "GRANT ALL ON theirs.* TO them", "CREATE DATABASE own"]) await admin.query(sql);
  await admin.end();
  const theirs = { ...settings, user: "them", password: "secret word", database: "theirs" };
  const pool = mysql.createPool({ ...theirs, connectionLimit: 4 });
  const root = mysql.createPool({ ...settings, connectionLimit: 2 });
  const driver = mysql2Driver(pool);
  const open = (/** @type {string} */ id) => HeavenBase.open(id, { backends: { main: { type } }, drivers: { main: driver } });
  /** @type {(() => Promise<unknown>)[]} */
  const stops = [];
  const gateway = await startGateway({ port: 0, tokens: [{ name: "tests", token: TOKEN, connections: ["main"] }], connections: [{ name: "main", engine: type, timeoutMs: 600_000 }], limits: { bodyMs: 600_000, responseMs: 600_000 } }, { log: () => {}, drivers: { main: driver } });
  stops.push(() => gateway.stop());
  const through = (/** @type {string} */ id) => HeavenBase.open(id, { backends: { main: { type, via: "gateway", url: gateway.url, token: TOKEN, connection: "main" } } });
  const running = async () => Number((/** @type {any} */ (await root.query("SELECT count(*) AS n FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'")))[0][0].n);
  return {
    ways: [{ name: `${name}, mysql2`, open, checks: {
      "connectMysql2 takes the backend's options": () => connects({ type, host: settings.host, port: settings.port, username: "them", password: "secret word", database: "theirs" }, connectMysql2),
      "the user's one database holds two workspaces, or one has its own": () => placed(type, driver, mysql2Driver(root)),
      "an abort cancels the statement in the server": () => abortCancels(driver, "SELECT SLEEP(30)", running),
      "the driver of StarRocks sends texts and gives texts, and its sessions too": () => plain(starrocksDriver(pool), running),
      ...checksOfData(open), ...checksOfPlacements(type, driver), ...checksOfFailure(server, open),
    } }, { name: `${name}, gateway`, open: through, checks: checksOfData(through) }, ...(await more({ driver, theirs, stops }))],
    stop: async () => {
      for (const stop of stops) await stop();
      await pool.end();
      await root.end();
      await server.stop();
    },
  };
} });

/** There is no StarRocks here; what is MySQL's protocol about it is. @param {import("../../js/host/sql.js").SqlDriver} driver @param {() => Promise<number>} running */
async function plain(driver, running) {
  const options = { signal: new AbortController().signal };
  const sql = "SELECT 9223372036854775807 AS n, 0.1e0 AS f, 1 = 1 AS b, 'it''s \\\\ \u{1f600}' AS t, NULL AS nothing, 5e-324 AS small";
  const cells = ["9223372036854775807", "0.1", "1", "it's \\ \u{1f600}", null];
  const { columns, rows = [] } = await driver.execute(sql, [], options);
  assert.deepEqual([columns, rows.map((row) => /** @type {unknown[]} */ (row).slice(0, 5))], [["n", "f", "b", "t", "nothing", "small"], [cells]]);
  assert.equal(Number(/** @type {any} */ (rows)[0][5]), 5e-324);
  const session = await /** @type {NonNullable<typeof driver.session>} */ (driver.session)(options);
  const told = await session.execute(sql, [], options);
  assert.deepEqual(told.rows?.map((row) => /** @type {unknown[]} */ (row).slice(0, 5)), [cells]);
  assert.deepEqual(told.columns?.slice(0, 2), [{ name: "n", text: "integer" }, { name: "f" }]);
  await assert.rejects(session.execute("SELECT * FROM nowhere.nothing", [], options), (/** @type {any} */ error) => /^\d+$/.test(error.code));
  await assert.rejects(session.execute(sql, [], { ...options, maxBytes: 1 }), { code: "LIMIT" });
  await session.release();
  await abortCancels(driver, "SELECT SLEEP(30)", running);
}

/** @param {string} type @param {import("../../js/host/sql.js").SqlDriver} theirs @param {import("../../js/host/sql.js").SqlDriver} root */
async function placed(type, theirs, root) {
  await connects({ type, prefix: "app_" }, () => ({ ...theirs, close: undefined }));
  await connects({ type, schema: "hb_made" }, () => ({ ...root, close: undefined }));
}

const planet = { username: "me", password: "pscale_pw_hunter2" };
const Doc = entity("Doc", { title: field(ShortText), n: field(Integer), f: field(Float), j: field(Json), v: field(Vector(3)) });

/** PlanetScale's protocol before the server. @param {Setting} setting @returns {Promise<import("./run.mjs").Way[]>} */
async function overPlanetscale({ theirs, stops }) {
  const pool = mysql.createPool({ ...theirs, connectionLimit: 4 });
  const proxy = await startPlanetscale({ pool, ...planet });
  stops.push(() => proxy.stop(), () => pool.end());
  const options = { type: "mysql", via: "planetscale", url: proxy.url, ...planet };
  const open = (/** @type {string} */ id, /** @type {any} */ rest = {}) => HeavenBase.open(id, { backends: { main: { ...options, ...rest } } });
  return [{ name: "mariadb, planetscale", open, checks: { ...checksOfPlanetscale(proxy, pool, open), ...checksOfData(open) } }];
}

/** @param {Awaited<ReturnType<typeof startPlanetscale>>} proxy @param {any} pool @param {(id: string, rest?: any) => Promise<import("heavenbase").Workspace>} open @returns {Record<string, () => Promise<void>>} */
const checksOfPlanetscale = (proxy, pool, open) => ({
  async "PlanetScale's own driver finds its server: rows, types, a transaction, an error"() {
    const client = connect({ url: proxy.url.replace("//", `//${planet.username}:${planet.password}@`), fetch: (/** @type {any} */ url, /** @type {any} */ init) => fetch(url, init) });
    const { rows, types } = await client.execute("SELECT ? AS t, ? + 1 AS n, NULL AS nothing, CAST(? AS DOUBLE) AS f, X'00FF' AS b", ["it's \\ \u{1f600}", 41, 0.1]);
    assert.deepEqual([rows, types.t, types.b, types.nothing], [[{ t: "it's \\ \u{1f600}", n: 42, nothing: null, f: 0.1, b: new Uint8Array([0, 255]) }], "VARCHAR", "VARBINARY", "NULL"]);
    await client.execute("CREATE TABLE planet (a int PRIMARY KEY)");
    await client.transaction(async (tx) => {
      await tx.execute("INSERT INTO planet VALUES (1)");
      assert.equal((await client.execute("SELECT * FROM planet")).rows.length, 0);
      await tx.execute("INSERT INTO planet VALUES (2)");
    });
    await assert.rejects(client.transaction((tx) => tx.execute("INSERT INTO planet VALUES (1)")), /errno 1062/);
    assert.deepEqual((await client.execute("SELECT * FROM planet ORDER BY a", null, { as: "array" })).rows, [[1], [2]]);
    assert.equal(proxy.open(), 0);
    await client.execute("DROP TABLE planet");
    await assert.rejects(connect({ url: proxy.url.replace("//", "//me:wrong@"), fetch }).execute("SELECT 1"), { status: 401 });
  },
  async "rows come back as they went, hostile ones too"() {
    const ws = await open("planet-values");
    await ws.register(Doc);
    const titles = ["'", "''", "\\", "\\'", "\\\\'; DROP TABLE x; -- ", "?", "`?`", "\n\r\t\b\u001a\0", "/*! ? */", "%_", "é😀", ""];
    const floats = [1e-300, -0.1, 2 ** 60, 5e-324, 1.7976931348623157e308, 0.1 + 0.2];
    const rows = titles.map((title, i) => ({ name: `n${i}${title}`, title, n: i % 2 ? 2n ** 62n + 1n : -(2n ** 63n), f: floats[i % floats.length], j: { k: [title, null, 0.5] }, v: [0.1, -1e-20, i] }));
    const ids = await ws.upsertMany(Doc, rows);
    for (const [i, id] of ids.entries()) {
      const found = await ws.get(id, { entity: Doc });
      assert.deepEqual([found.title, found.n, found.f, found.j, [...found.v]], [rows[i].title, rows[i].n, rows[i].f, rows[i].j, [...Float32Array.from(rows[i].v)]]);
      assert.deepEqual((await ws.query(Doc).where(Doc.title.eq(titles[i])).execute()).ids, [id], titles[i]);
      assert.ok((await ws.query(Doc).where(Doc.title.endsWith(titles[i])).execute()).ids.includes(id), titles[i]);
      assert.equal((await ws.query(Doc).where(Doc.f.eq(rows[i].f)).execute()).length, 2);
    }
    assert.equal((await ws.audit()).catalog.ok, true);
    await ws.drop();
    await ws.close();
  },
  async "nothing is left of a transaction that fails, and the server is told so"() {
    const ws = await open("planet-tx");
    await ws.register(Doc);
    await ws.upsertMany(Doc, Array.from({ length: 1200 }, (_, n) => ({ name: `r ${n}`, n })));
    await pool.query("RENAME TABLE `hb_planet-tx$sys-catalog` TO aside");
    await assert.rejects(ws.upsert(Doc, { name: "late", n: 1 }), (/** @type {any} */ error) => {
      assert.deepEqual([error.code, error.backend, error.native], ["SCHEMA_DRIFT", "main", "1146"]);
      assert.doesNotMatch(JSON.stringify(error) + error.stack, /hunter2|late/);
      return true;
    });
    assert.equal(proxy.open(), 0);
    await pool.query("RENAME TABLE aside TO `hb_planet-tx$sys-catalog`");
    assert.equal(await ws.count(Doc), 1200);
    await ws.drop();
    await ws.close();
  },
  async "what is wrong is said when the workspace opens, without secrets"() {
    for (const [rest, code] of /** @type {[any, string][]} */ ([[{ password: "pscale_pw_wrong" }, "REFUSED"], [{ password: undefined }, "VALIDATION"], [{ username: "a:b" }, "VALIDATION"], [{ url: undefined }, "VALIDATION"], [{ url: undefined, host: "me@evil" }, "VALIDATION"], [{ password: "a\nb" }, "VALIDATION"]])) {
      await assert.rejects(open("planet-options", rest), (/** @type {any} */ error) => {
        assert.deepEqual([error.code, error.backend], [code, "main"], JSON.stringify(rest));
        assert.doesNotMatch(JSON.stringify(error) + error.stack, /pscale_pw/);
        return true;
      });
    }
    const ws = await open("planet-options");
    assert.doesNotMatch(JSON.stringify([ws.backends.get("main"), await ws.toManifest(), await ws.health()]), /hunter2/);
    await ws.close();
  },
});

export const mariadb = engine("mariadb", "mariadb", startMariadb, "latin1", overPlanetscale);
export const mysql8 = engine("mysql", "mysql", startMysql);
export const oceanbase = engine("oceanbase", "oceanbase", startSeekdb, "utf8mb4");
