// SPDX-License-Identifier: MIT
// MariaDB, MySQL 8 and OceanBase seekdb, through mysql2.
import mysql from "mysql2/promise";
import { HeavenBase } from "heavenbase";
import { connectMysql2, mysql2Driver } from "heavenbase/drivers/mysql2";
import { startMariadb, startMysql, startSeekdb } from "../servers/mysql.mjs";
import { abortCancels, checksOfData, checksOfFailure, connects } from "./checks.mjs";

/** @param {string} name @param {string} type @param {() => Promise<import("../servers/process.mjs").Server>} start @param {string} [charset] of the database @returns {import("./run.mjs").Engine} */
const engine = (name, type, start, charset = "latin1") => ({ name, async start() {
  const server = await start();
  const settings = { host: "127.0.0.1", port: server.port, user: "root" };
  const admin = await mysql.createConnection(settings);
  // A user of one database, who may make none.
  for (const sql of [`CREATE DATABASE theirs CHARACTER SET ${charset}`, "CREATE USER them IDENTIFIED BY 'secret word'", "GRANT ALL ON theirs.* TO them", "CREATE DATABASE own"]) await admin.query(sql);
  await admin.end();
  const pool = mysql.createPool({ ...settings, user: "them", password: "secret word", database: "theirs", connectionLimit: 4 });
  const root = mysql.createPool({ ...settings, connectionLimit: 2 });
  const driver = mysql2Driver(pool);
  const open = (/** @type {string} */ id) => HeavenBase.open(id, { backends: { main: { type } }, drivers: { main: driver } });
  const running = async () => Number((/** @type {any} */ (await root.query("SELECT count(*) AS n FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'")))[0][0].n);
  return {
    ways: [{ name: `${name}, mysql2`, open, checks: {
      "connectMysql2 takes the backend's options": () => connects({ type, host: settings.host, port: settings.port, username: "them", password: "secret word", database: "theirs" }, connectMysql2),
      "the user's one database holds two workspaces, or one has its own": () => placed(type, driver, mysql2Driver(root)),
      "an abort cancels the statement in the server": () => abortCancels(driver, "SELECT SLEEP(30)", running),
      ...checksOfData(open), ...checksOfFailure(server, open),
    } }],
    stop: async () => {
      await pool.end();
      await root.end();
      await server.stop();
    },
  };
} });

/** @param {string} type @param {import("../../js/host/sql.js").SqlDriver} theirs @param {import("../../js/host/sql.js").SqlDriver} root */
async function placed(type, theirs, root) {
  await connects({ type, prefix: "app_" }, () => ({ ...theirs, close: undefined }));
  await connects({ type, schema: "hb_made" }, () => ({ ...root, close: undefined }));
}

export const mariadb = engine("mariadb", "mariadb", startMariadb);
export const mysql8 = engine("mysql", "mysql", startMysql);
export const oceanbase = engine("oceanbase", "oceanbase", startSeekdb, "utf8mb4");
