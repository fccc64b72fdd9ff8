// SPDX-License-Identifier: MIT
// tedious (npm tedious): SQL Server and Azure SQL from Node. It has no pool: the driver keeps its connections.
//   import * as tedious from "tedious";
//   const driver = tediousDriver(tedious, { server, authentication, options: { database } });
//   HeavenBase.open(id, { backends: { main: { type: "mssql" } }, drivers: { main: driver } })
// or with what the backend's options say:
//   HeavenBase.open(id, { backends: { main: { type: "mssql", host, username, password, database } }, drivers: { main: connectTedious } })
import { Places, taken } from "./pool.js";
import { sessionDriver } from "./session-driver.js";
import { TediousLine, told } from "./tedious-line.js";

/** @typedef {import("../host/sql.js").SqlDriver} SqlDriver */
/** The part of the package that is used. @typedef {{ Connection: new (config: any) => any, Request: new (sql: string, done: (error: any, count?: number) => void) => any, TYPES: Record<string, any> }} TediousLike */

/**
 * A driver whose connections are made of tedious' own `config`, at most so many at a time, and closed with the workspace. An abort cancels the
 * statement in the server. @param {TediousLike} tedious the module @param {Record<string, any>} config @param {{ connections?: number }} [options] @returns {SqlDriver}
 */
export function tediousDriver(tedious, config, { connections = 10 } = {}) {
  const places = new Places(connections);
  /** @type {TediousLine[]} */
  let idle = [];
  let isClosed = false;
  const settings = { ...config, options: { ...config.options, useColumnNames: false, rowCollectionOnRequestCompletion: false, rowCollectionOnDone: false } };
  const connect = async (/** @type {AbortSignal} */ signal) => {
    const leave = await places.take(signal);
    const free = (/** @type {TediousLine} */ line, /** @type {boolean} */ isBroken) => {
      if (isBroken || isClosed || line.isLost) line.close();
      else idle.push(line);
      leave();
    };
    try {
      idle = idle.filter((line) => !line.isLost);
      const line = idle.pop() ?? (await taken(() => opened(tedious, settings), signal)).line;
      line.freed = (isBroken) => free(line, isBroken);
      return line;
    } catch (error) {
      leave();
      throw error;
    }
  };
  return {
    ...sessionDriver(connect, "SQL Server"),
    close() {
      isClosed = true;
      for (const line of idle.splice(0)) line.close();
    },
  };
}

/**
 * Makes the driver of the backend's own options: `drivers: { main: connectTedious }`. The package tedious has to be installed. The connection
 * is encrypted and the certificate checked, unless `params` says otherwise.
 * @param {{ host?: string, port?: number, database?: string, username?: string, password?: string, params?: Record<string, unknown> }} options `params` are tedious' `options`, and its `authentication`
 * @param {{ connections?: number, connectTimeout?: number }} [more] @returns {Promise<SqlDriver>}
 */
export async function connectTedious({ host = "localhost", port, database, username, password, params = {} }, { connections, ...more } = {}) {
  const module = /** @type {any} */ (await import(/** @type {string} */ ("tedious")));
  const { authentication = { type: "default", options: { userName: username, password } }, ...rest } = params;
  const said = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, value === "true" ? true : value === "false" ? false : value]));
  const options = { encrypt: true, trustServerCertificate: false, ...more, ...(port !== undefined && { port }), ...(database !== undefined && { database }), ...said };
  return tediousDriver(module.default ?? module, { server: host, authentication, options }, { connections });
}

/** @param {TediousLike} tedious @param {any} settings @returns {Promise<{ line: TediousLine, release: () => void }>} */
function opened(tedious, settings) {
  return new Promise((resolve, reject) => {
    const connection = new tedious.Connection(settings);
    const line = new TediousLine(tedious, connection);
    connection.connect((/** @type {any} */ error) => {
      if (!error) return resolve({ line, release: () => line.close() });
      line.close();
      return reject(told(error));
    });
  });
}
