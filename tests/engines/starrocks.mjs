// SPDX-License-Identifier: MIT
// StarRocks, on a stand-in: by a driver, through the gateway, and by its own HTTP with a driver for tables.
import assert from "node:assert/strict";
import { HeavenBase, Integer, ShortText, entity, field } from "heavenbase";
import { startGateway } from "heavenbase/gateway";
import { startStarrocks } from "../servers/starrocks.mjs";
import { checksOfData, checksOfPlacements } from "./checks.mjs";

const TOKEN = "token-of-the-engine-tests";
const account = { username: "me", password: "hunter2" };
const Row = entity("Row", { title: field(ShortText), n: field(Integer) });

/** @type {import("./run.mjs").Engine} */
export const starrocks = { name: "starrocks", async start() {
  const server = await startStarrocks(account);
  const { driver } = server;
  /** Of what goes to the driver beside HTTP, all makes, empties or drops tables. @type {import("../../js/host/sql.js").SqlDriver} */
  const tables = { execute: (sql, params, options) => {
    assert.match(sql, /^(CREATE|ALTER|DROP|TRUNCATE) /);
    return driver.execute(sql, params, options);
  } };
  const gateway = await startGateway({ port: 0, tokens: [{ name: "tests", token: TOKEN, connections: ["main"] }], connections: [{ name: "main", engine: "starrocks", timeoutMs: 600_000 }], limits: { bodyMs: 600_000, responseMs: 600_000 } }, { log: () => {}, drivers: { main: driver } });
  const byHttp = { type: "starrocks", via: "http", url: server.frontend, load_url: server.backend, ...account };
  const open = (/** @type {string} */ id) => HeavenBase.open(id, { backends: { main: { type: "starrocks" } }, drivers: { main: driver } });
  const through = (/** @type {string} */ id) => HeavenBase.open(id, { backends: { main: { type: "starrocks", via: "gateway", url: gateway.url, token: TOKEN, connection: "main" } } });
  const http = (/** @type {string} */ id) => HeavenBase.open(id, { backends: { main: byHttp }, drivers: { main: tables } });
  return {
    ways: [
      { name: "starrocks stand-in, driver", open, checks: { ...checksOfData(open), ...checksOfPlacements("starrocks", driver) } },
      { name: "starrocks stand-in, gateway", open: through },
      { name: "starrocks stand-in, http", open: http, checks: { ...checksOfData(http), ...checksOfHttp(server, byHttp, through) } },
      { name: "starrocks stand-in", checks: { "nothing undocumented was sent": async () => assert.deepEqual(server.problems, []) } },
    ],
    stop: async () => {
      await gateway.stop();
      await server.stop();
    },
  };
} };

/** @param {import("../servers/starrocks.mjs").Starrocks} server @param {Record<string, string>} byHttp @param {(id: string) => Promise<import("heavenbase").Workspace>} through @returns {Record<string, () => Promise<void>>} */
const checksOfHttp = (server, byHttp, through) => ({
  async "tables that the gateway made are used by HTTP alone; without them it says what is missing"() {
    const lone = await HeavenBase.open("lone", { backends: { main: byHttp } });
    await assert.rejects(lone.register(Row), (/** @type {any} */ error) => error.code === "UNSUPPORTED" && error.backend === "main" && /driver/.test(error.message) && !/hunter2/.test(error.message));
    await lone.close();
    const made = await through("shared");
    await made.register(Row);
    await made.upsert(Row, { name: "a", title: "A", n: 1 });
    const ws = await HeavenBase.open("shared", { backends: { main: byHttp } });
    await ws.register(Row);
    await ws.upsertMany(Row, [{ name: "b", title: "B", n: 2n ** 62n }, { name: "c", title: "it's \\", n: null }]);
    assert.deepEqual([...(await made.query(Row).orderBy(Row.title).execute()).column("n")], [1, 2n ** 62n, null]);
    assert.equal((await ws.deleteMany((await ws.query(Row).where(Row.n.eq(1)).execute()).ids, { entity: Row })).length, 1);
    assert.equal(await made.count(Row), 2);
    await ws.close();
    await made.drop();
    await made.close();
  },
  async "a frontend that wants what fetch cannot send is told of, with the remedy"() {
    const { load_url, ...rest } = byHttp;
    assert.ok(load_url);
    const ws = await HeavenBase.open("refused", { backends: { main: rest }, drivers: { main: server.driver } });
    await assert.rejects(ws.register(Row), (/** @type {any} */ error) => error.code === "UNSUPPORTED" && /load_url/.test(error.message));
    await ws.close();
  },
  async "a wrong password is REFUSED, and told to nobody"() {
    await assert.rejects(HeavenBase.open("wrong", { backends: { main: { ...byHttp, password: "pscale_wrong" } } }), (/** @type {any} */ error) => error.code === "REFUSED" && !/pscale/.test(JSON.stringify(error) + error.stack));
  },
});
