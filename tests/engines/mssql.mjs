// SPDX-License-Identifier: MIT
// SQL Server, stood in for: our driver on a module with tedious' interface, whose statements a parser of T-SQL reads and PGlite runs; and the
// gateway over the same. No SQL Server is here: see tests/servers/translated.mjs for what that shows.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { TYPES } from "tedious";
import { HeavenBase } from "heavenbase";
import { tediousDriver } from "heavenbase/drivers/tedious";
import { startGateway } from "heavenbase/gateway";
import { at } from "../../scripts/lib.mjs";
import { serverError, tediousLike } from "../servers/tedious.mjs";
import { startTranslated } from "../servers/translated.mjs";
import { checksOfData } from "./checks.mjs";

const TOKEN = "token-of-the-engine-tests";
/** What SQL Server says where PostgreSQL says this. @type {Record<string, number>} */
const NUMBERS = { "42P07": 2714, "42P06": 2714, 42701: 2705, 23505: 2627, "42P01": 208, 42703: 207, "22P02": 8114, 22003: 8115, "40P01": 1205, "3F000": 2760 };
/** What tedious tells of PostgreSQL's types, and how it gives their cells. @type {Record<number, [name: string, cell: (value: any) => unknown]>} */
const CELLS = { 20: ["BigInt", String], 23: ["Int", Number], 701: ["Float", Number], 16: ["Bit", (value) => value], 17: ["VarBinary", (value) => Buffer.from(value)] };

/** @param {Awaited<ReturnType<typeof startTranslated>>} engine */
export function onTranslated(engine) {
  return () => {
    /** @type {(() => void) | undefined} */
    let free;
    const told = (/** @type {any} */ error) => { throw error.untranslated ? error : serverError(NUMBERS[error.code] ?? 50000, { message: error.message }); };
    const alone = async (/** @type {() => Promise<any>} */ body) => {
      const own = free ? undefined : await engine.own();
      try {
        return await body();
      } catch (error) {
        return told(error);
      } finally {
        own?.();
      }
    };
    const end = async (/** @type {string} */ sql) => {
      await engine.db.exec(sql);
      free?.();
      free = undefined;
    };
    return {
      run: (/** @type {string} */ sql, /** @type {any[]} */ params) => alone(async () => {
        const { rows, fields, affectedRows } = await engine.run(sql, params.map(valueOf));
        if (fields.length === 0) return { count: affectedRows ?? 0 };
        const kinds = fields.map(({ dataTypeID }) => CELLS[dataTypeID] ?? ["NVarChar", String]);
        return { columns: fields.map(({ name }, i) => ({ colName: name, type: { name: kinds[i][0] } })), rows: /** @type {any[][]} */ (rows).map((row) => row.map((cell, i) => (cell === null ? null : kinds[i][1](cell)))) };
      }),
      begin: async () => {
        free = await engine.own();
        await engine.db.exec("BEGIN");
      },
      commit: () => end("COMMIT"),
      rollback: () => end("ROLLBACK"),
    };
  };
}

/** As the server would hold it. @param {{ name: string, type: any, value: any, options: any }} parameter */
function valueOf({ type, value, options }) {
  if (type === TYPES.NVarChar && value !== null) assert.ok(value.length <= (options.length ?? value.length));
  return type === TYPES.BigInt ? String(value) : value;
}

/** @param {any} engine as a connection is made: `make` gives each its own */
export const driverOf = (engine) => {
  const make = onTranslated(engine);
  const like = (/** @type {any} */ config) => new (tediousLike(make()).Connection)(config);
  const base = tediousLike({ run: async () => ({}) });
  return tediousDriver({ ...base, Connection: /** @type {any} */ (function connect(/** @type {any} */ config) { return like(config); }) }, { server: "standin", options: {} });
};

export const mssql = {
  name: "mssql",
  async start() {
    const engine = await startTranslated("tsql");
    const driver = driverOf(engine);
    const shared = { ...driver, close: undefined };
    const open = (/** @type {string} */ id) => HeavenBase.open(id, { backends: { main: { type: "mssql" } }, drivers: { main: shared } });
    const gateway = await startGateway({ port: 0, tokens: [{ name: "tests", token: TOKEN, connections: ["main"] }], connections: [{ name: "main", engine: "mssql", timeoutMs: 600_000 }], limits: { bodyMs: 600_000, responseMs: 600_000 } }, { log: () => {}, drivers: { main: shared } });
    const through = (/** @type {string} */ id) => HeavenBase.open(id, { backends: { main: { type: "mssql", via: "gateway", url: gateway.url, token: TOKEN, connection: "main" } } });
    const ofSchema = (/** @type {string} */ id) => HeavenBase.open(id, { backends: { main: { type: "sqlserver", schema: `hb_${id}` } }, drivers: { main: shared } });
    return {
      ways: [{ name: "mssql stand-in, tedious", open, checks: {
        ...checksOfData(open),
        "every statement of the golden text is T-SQL": () => golden(engine, "mssql"),
      } }, { name: "mssql stand-in, a schema", checks: checksOfData(ofSchema) }, { name: "mssql stand-in, gateway", open: through, checks: checksOfData(through) }],
      async stop() {
        await gateway.stop();
        await driver.close?.();
        await engine.stop();
      },
    };
  },
};

/** @param {Awaited<ReturnType<typeof startTranslated>>} engine @param {string} dialect */
export async function golden(engine, dialect) {
  let count = 0, own = false;
  for (const line of readFileSync(at("tests/golden/sql.txt"), "utf8").split("\n")) {
    if (!line.startsWith("    ")) own = line.startsWith(`${dialect}:`);
    else if (own) {
      await engine.check(line.trim().replace(/ {2}-- [a-z, ]+$/, ""));
      count += 1;
    }
  }
  assert.ok(count > 100, String(count));
}
