// SPDX-License-Identifier: MIT
// A gateway as part of a program: import { startGateway } from "heavenbase/gateway".
import { readFile } from "node:fs/promises";
import { checkConfig, ConfigError } from "./config.js";
import { ENGINES } from "./engines.js";
import { logTo } from "./log.js";
import { GatewayServer } from "./server.js";

export { ConfigError } from "./config.js";

/** @typedef {import("./config.js").GatewayConfig} GatewayConfig */
/** @typedef {import("./config.js").ConnectionConfig} ConnectionConfig */
/** @typedef {import("../host/sql.js").SqlDriver} SqlDriver */
/**
 * @typedef {object} GatewayOptions
 * @property {Record<string, string | undefined>} [env] for the variables that the configuration names; the process's own by default
 * @property {(line: string) => void} [log] takes the lines of the log; stderr by default
 * @property {Record<string, SqlDriver>} [drivers] by connection, in the place of one that is made of its options; they stay open
 */
/** `stop` waits for requests as long as the configuration says, or until `signal` aborts; `drainMs` says otherwise. @typedef {{ url: string, port: number, stop: (options?: { drainMs?: number, signal?: AbortSignal }) => Promise<void> }} Gateway */

/** Pools that do not end are left behind. */
const CLOSE_MS = 5000;

/** Starts to serve. @param {GatewayConfig} given @param {GatewayOptions} [options] @returns {Promise<Gateway>} throws ConfigError before anything is opened */
export async function startGateway(given, { env = process.env, log: write = (line) => void process.stderr.write(line), drivers = {} } = {}) {
  const config = checkConfig(given, env);
  const tls = config.tls && { cert: await fileOf(config.tls.cert, "tls.cert"), key: await fileOf(config.tls.key, "tls.key") };
  const log = logTo(write);
  /** @type {Map<string, import("./run.js").Connection>} */
  const connections = new Map();
  /** @type {SqlDriver[]} */
  const own = [];
  const close = () => within(CLOSE_MS, Promise.allSettled(own.map((driver) => driver.close?.())));
  try {
    for (const [index, connection] of config.connections.entries()) {
      const driver = drivers[connection.name] ?? await opened(connection, index);
      if (!drivers[connection.name]) own.push(driver);
      if (!driver.session) throw new ConfigError([{ path: `connections[${index}]`, message: "its driver has no sessions" }]);
      connections.set(connection.name, { config: connection, driver, releasing: new Set() });
    }
    const server = new GatewayServer(config, connections, log, tls);
    const { port } = await server.listen();
    const host = config.host.includes(":") ? `[${config.host}]` : config.host;
    const url = `${tls ? "https" : "http"}://${host}:${port}`;
    log("started", { url, connections: config.connections.map(({ name, engine, readOnly }) => ({ name, engine, readOnly })) });
    /** @type {Promise<void> | undefined} */
    let stopped;
    const stop = async (/** @type {number} */ drainMs, /** @type {AbortSignal} */ signal) => {
      log("stopping");
      await server.stop(drainMs, signal);
      await within(CLOSE_MS, Promise.all([...connections.values()].flatMap(({ releasing }) => [...releasing])));
      await close();
      log("stopped");
    };
    return { url, port, stop: ({ drainMs = config.drainMs, signal = new AbortController().signal } = {}) => (stopped ??= stop(drainMs, signal)) };
  } catch (error) {
    await close();
    throw error;
  }
}

/** @param {ConnectionConfig} connection @param {number} index */
async function opened(connection, index) {
  const engine = ENGINES[connection.engine];
  try {
    return await engine.open(connection);
  } catch (error) {
    const isMissing = /** @type {any} */ (error)?.code === "ERR_MODULE_NOT_FOUND";
    throw new ConfigError([{ path: `connections[${index}]`, message: isMissing ? `${connection.engine} needs the package ${engine.package}: npm install ${engine.package}` : "its options are refused by the driver" }]);
  }
}

/** @param {string} path @param {string} where */
async function fileOf(path, where) {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new ConfigError([{ path: where, message: `the file cannot be read: ${/** @type {any} */ (error).code}` }]);
  }
}

/** @param {number} ms @param {Promise<unknown>} work */
async function within(ms, work) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  await Promise.race([work, new Promise((resolve) => { timer = setTimeout(resolve, ms); })]);
  clearTimeout(timer);
}
