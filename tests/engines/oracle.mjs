// SPDX-License-Identifier: MIT
// Oracle, stood in for: our driver on a pool with node-oracledb's interface, whose statements a parser of Oracle's SQL reads and PGlite runs; and
// the gateway over the same. No Oracle is here: see tests/servers/translated.mjs for what that shows.
import oracledb from "oracledb";
import { HeavenBase } from "heavenbase";
import { oracledbDriver } from "heavenbase/drivers/oracledb";
import { startGateway } from "heavenbase/gateway";
import { oracleError, oracledbLike } from "../servers/oracledb.mjs";
import { startTranslated } from "../servers/translated.mjs";
import { checksOfData } from "./checks.mjs";
import { golden } from "./mssql.mjs";

const TOKEN = "token-of-the-engine-tests";
/** What Oracle says where PostgreSQL says this. @type {Record<string, number>} */
const NUMBERS = { "42P07": 955, 42701: 1430, 23505: 1, "42P01": 942, 42703: 904, "22P02": 1722, 22003: 1438, "40P01": 60 };
/** What oracledb tells of PostgreSQL's types. @type {Record<number, any>} */
const KINDS = { 1700: oracledb.DB_TYPE_NUMBER, 20: oracledb.DB_TYPE_NUMBER, 23: oracledb.DB_TYPE_NUMBER, 701: oracledb.DB_TYPE_BINARY_DOUBLE, 17: oracledb.DB_TYPE_BLOB, 25: oracledb.DB_TYPE_CLOB };
const DEFINES = /^(CREATE|ALTER|DROP)/;

/** @param {Awaited<ReturnType<typeof startTranslated>>} engine */
const onTranslated = (engine) => () => {
  /** @type {(() => void) | undefined} */
  let free;
  const end = async (/** @type {string} */ sql) => {
    if (!free) return;
    await engine.db.exec(sql);
    free();
    free = undefined;
  };
  return {
    async run(/** @type {string} */ sql, /** @type {{ val: unknown }[]} */ binds, /** @type {{ autoCommit: boolean }} */ { autoCommit }) {
      if (sql.startsWith("ALTER SESSION SET NLS_COMP = BINARY NLS_SORT = BINARY")) return {};
      if (DEFINES.test(sql)) await end("COMMIT");
      const own = free ? undefined : await engine.own();
      try {
        if (own && !autoCommit && !DEFINES.test(sql)) {
          free = own;
          await engine.db.exec("BEGIN");
        }
        const { rows, fields, affectedRows } = await engine.run(sql, binds.map(({ val }) => val));
        if (fields.length === 0) return { rowsAffected: affectedRows ?? 0, wrote: !DEFINES.test(sql), ends: DEFINES.test(sql) };
        return { metaData: fields.map(({ name, dataTypeID }) => ({ name, dbType: KINDS[dataTypeID] ?? oracledb.DB_TYPE_VARCHAR, precision: 0, scale: -127 })), rows: /** @type {any[][]} */ (rows) };
      } catch (error) {
        const { untranslated, code, message } = /** @type {any} */ (error);
        if (untranslated) throw error;
        throw oracleError(NUMBERS[code] ?? 600, { message });
      } finally {
        if (own !== free) own?.();
      }
    },
    commit: () => end("COMMIT"),
    rollback: () => end("ROLLBACK"),
  };
};

export const oracle = {
  name: "oracle",
  async start() {
    const engine = await startTranslated("oracle");
    const like = oracledbLike(onTranslated(engine));
    const driver = oracledbDriver(like.oracledb, like.pool);
    const open = (/** @type {string} */ id) => HeavenBase.open(id, { backends: { main: { type: "oracle" } }, drivers: { main: driver } });
    const gateway = await startGateway({ port: 0, tokens: [{ name: "tests", token: TOKEN, connections: ["main"] }], connections: [{ name: "main", engine: "oracle", timeoutMs: 600_000 }], limits: { bodyMs: 600_000, responseMs: 600_000 } }, { log: () => {}, drivers: { main: driver } });
    const through = (/** @type {string} */ id) => HeavenBase.open(id, { backends: { main: { type: "oracle", via: "gateway", url: gateway.url, token: TOKEN, connection: "main" } } });
    return {
      ways: [{ name: "oracle stand-in, oracledb", open, checks: {
        ...checksOfData(open),
        "every statement of the golden text is Oracle's SQL": () => golden(engine, "oracle"),
      } }, { name: "oracle stand-in, gateway", open: through, checks: checksOfData(through) }],
      async stop() {
        await gateway.stop();
        await engine.stop();
      },
    };
  },
};
