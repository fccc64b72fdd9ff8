// SPDX-License-Identifier: MIT
// The engines of a connection: the options that each takes, how a pool of it is made, and what its errors mean.
import { judgeDuckdb, judgeMssql, judgeMysql, judgeOracle, judgePostgres } from "./errors.js";

/** @typedef {import("../host/sql.js").SqlDriver} SqlDriver */
/** @typedef {import("./config.js").ConnectionConfig} ConnectionConfig */
/**
 * @typedef {object} Engine
 * @property {Record<string, "string" | "integer" | "boolean" | "strings" | "mapping">} options
 * @property {string} package that has to be installed
 * @property {(connection: ConnectionConfig) => Promise<SqlDriver>} open
 * @property {(error: any) => import("./errors.js").Verdict} judge
 * @property {string} [notReadOnly] why it keeps no connection from writing
 */

/** The engine itself ends what a gateway that was killed left running. */
const AFTER_MS = 5000;

/** @type {Engine} */
const postgres = {
  package: "pg",
  options: { uri: "string", host: "string", port: "integer", database: "string", username: "string", password: "string", params: "mapping", statementTimeoutMs: "integer" },
  async open({ options, pool, poolTimeoutMs, timeoutMs, name }) {
    const { connectPg } = await import("../drivers/pg.js");
    const { statementTimeoutMs = timeoutMs + AFTER_MS, ...server } = /** @type {any} */ (options);
    return connectPg(server, { max: pool, connectionTimeoutMillis: poolTimeoutMs, statement_timeout: statementTimeoutMs, application_name: `heavenbase gateway ${name}`, keepAlive: true });
  },
  judge: judgePostgres,
};

/** @type {Engine} */
const mysql = {
  package: "mysql2",
  options: { uri: "string", host: "string", port: "integer", database: "string", username: "string", password: "string", params: "mapping" },
  async open({ options, pool, poolTimeoutMs }) {
    const { connectMysql2 } = await import("../drivers/mysql2.js");
    return connectMysql2(/** @type {any} */ (options), { connectionLimit: pool, connectTimeout: poolTimeoutMs });
  },
  judge: judgeMysql,
};

/** @type {Engine} */
const starrocks = {
  ...mysql,
  notReadOnly: "StarRocks has no transactions that only read: give the connection a user who may only SELECT",
  async open({ options, pool, poolTimeoutMs }) {
    const { connectStarrocks } = await import("../drivers/mysql2.js");
    return connectStarrocks(/** @type {any} */ (options), { connectionLimit: pool, connectTimeout: poolTimeoutMs });
  },
};

/** @type {Engine} */
const mssql = {
  package: "tedious",
  notReadOnly: "SQL Server has no transactions that only read: give the connection a login that may only SELECT",
  options: { host: "string", port: "integer", database: "string", username: "string", password: "string", params: "mapping" },
  async open({ options, pool, poolTimeoutMs }) {
    const { connectTedious } = await import("../drivers/tedious.js");
    return connectTedious(/** @type {any} */ (options), { connections: pool, connectTimeout: poolTimeoutMs });
  },
  judge: judgeMssql,
};

/** @type {Engine} */
const oracle = {
  package: "oracledb",
  notReadOnly: "Oracle's transactions that only read do not keep statements from defining tables: give the connection a user who may only SELECT",
  options: { uri: "string", username: "string", password: "string", params: "mapping" },
  async open({ options, pool, poolTimeoutMs }) {
    const { connectOracledb } = await import("../drivers/oracledb.js");
    return connectOracledb(/** @type {any} */ (options), { poolMax: pool, queueTimeout: poolTimeoutMs });
  },
  judge: judgeOracle,
};

/** @type {Engine} */
const pglite = {
  package: "@electric-sql/pglite",
  options: { dataDir: "string", extensions: "strings" },
  async open({ options }) {
    const { connectPglite } = await import("../drivers/pglite.js");
    return connectPglite(/** @type {any} */ (options));
  },
  judge: judgePostgres,
};

/** Whoever may send any statement reaches no file beside the database, unless its settings say otherwise. */
const CONFINED = { enable_external_access: "false", lock_configuration: "true" };

/** @type {Engine} */
const duckdb = {
  package: "@duckdb/node-api",
  options: { database: "string", config: "mapping" },
  async open({ options, pool }) {
    const { connectDuckdb } = await import("../drivers/duckdb.js");
    const { database, config } = /** @type {any} */ (options);
    return connectDuckdb({ database, config: { ...CONFINED, ...config } }, { connections: pool });
  },
  judge: judgeDuckdb,
};

/** @type {Readonly<Record<string, Engine>>} */
export const ENGINES = Object.freeze({ postgres, pgvector: postgres, pglite, mysql, mariadb: mysql, oceanbase: mysql, starrocks, duckdb, mssql, sqlserver: mssql, oracle });
