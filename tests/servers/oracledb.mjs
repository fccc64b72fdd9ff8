// SPDX-License-Identifier: MIT
// A module and a pool with node-oracledb's interface, as far as our driver may use it: anything else throws. Statements run in what `engine`
// stands for.
import oracledb from "oracledb";

/** @typedef {{ val: any, type: any }} Bind */
/** @typedef {{ run: (sql: string, binds: Bind[], at: { autoCommit: boolean, broken: Promise<void> }) => Promise<{ metaData?: any[], rows?: unknown[][], rowsAffected?: number, wrote?: boolean, ends?: boolean }>, commit?: () => Promise<unknown>, rollback?: () => Promise<unknown>, note?: (text: string) => void }} EngineLike */

const OPTIONS = ["outFormat", "autoCommit", "resultSet", "fetchTypeHandler"];
const TYPES = [oracledb.DB_TYPE_VARCHAR, oracledb.DB_TYPE_CLOB, oracledb.DB_TYPE_RAW, oracledb.DB_TYPE_BLOB, oracledb.DB_TYPE_NUMBER, oracledb.DB_TYPE_BINARY_DOUBLE];

/** @param {number} number of ORA-… @param {object} [more] */
export const oracleError = (number, more = {}) => Object.assign(new Error("words of the server"), { errorNum: number, code: `ORA-${String(number).padStart(5, "0")}`, ...more });

/** Throws for members that there are not. @template {object} T @param {T} object @returns {T} */
const strict = (object) => new Proxy(object, {
  get(target, key) {
    if (key === "then") return undefined;       // it is no promise
    if (!(key in target) && typeof key === "string") throw new Error(`oracledb has no ${key}, or our driver must not use it`);
    const value = Reflect.get(target, key, target);
    return typeof value === "function" ? value.bind(target) : value;
  },
  set(_target, key) {
    throw new Error(`our driver sets ${String(key)}`);
  },
});

/** @param {any} bind */
function checkBind(bind) {
  if (Object.keys(bind).join() !== "val,type" || !TYPES.includes(bind.type)) throw new Error(`a bind of another form: ${JSON.stringify(bind)}`);
  const { val, type } = bind;
  if (val === null) return;
  const [kind, most] = type === oracledb.DB_TYPE_VARCHAR ? ["string", 4000] : type === oracledb.DB_TYPE_CLOB ? ["string", Infinity] : type === oracledb.DB_TYPE_RAW ? ["bytes", 2000] : type === oracledb.DB_TYPE_BLOB ? ["bytes", Infinity] : ["number", Infinity];
  const found = Buffer.isBuffer(val) ? "bytes" : typeof val;
  if (found !== kind || (kind !== "number" && Buffer.byteLength(val) > most)) throw new Error(`${found} of ${kind === "number" ? "" : Buffer.byteLength(val)} bytes as ${type.name}`);
}

/** @param {() => EngineLike} make each connection's own @returns {{ oracledb: any, pool: { getConnection: () => Promise<any> } }} */
export function oracledbLike(make) {
  let made = 0;
  const connect = async () => {
    const id = (made += 1), engine = make(), note = engine.note ?? (() => {});
    let isBusy = false, isOpen = true;
    /** @type {() => void} */
    let stop = () => {};
    /** @template T @param {() => Promise<T>} body @returns {Promise<T>} */
    const alone = async (body) => {
      if (!isOpen) throw Object.assign(new Error("closed"), { code: "NJS-003" });
      if (isBusy) throw new Error("a connection runs one request at a time");
      isBusy = true;
      try {
        return await body();
      } finally {
        isBusy = false;
      }
    };
    const connection = {
      transactionInProgress: false,
      /** @param {string} sql @param {Bind[]} binds @param {any} options */
      execute: (sql, binds, options) => alone(async () => {
        for (const key of Object.keys(options)) if (!OPTIONS.includes(key)) throw new Error(`the option ${key}`);
        binds.forEach(checkBind);
        note(`${id} ${sql}`);
        const broken = /** @type {Promise<void>} */ (new Promise((resolve) => { stop = resolve; }));
        const found = await engine.run(sql, binds.map((bind) => (bind.val?.length === 0 ? { ...bind, val: null } : bind)), { autoCommit: options.autoCommit === true, broken });
        if (found.wrote && !options.autoCommit) connection.transactionInProgress = true;
        if (found.ends) connection.transactionInProgress = false;
        const { metaData, rows = [], rowsAffected } = found;
        if (!metaData) return { rowsAffected };
        if (options.outFormat !== oracledb.OUT_FORMAT_ARRAY || !options.resultSet) throw new Error("rows come as lists, some at a time");
        const fetched = metaData.map((column) => options.fetchTypeHandler?.(column)?.type ?? column.dbType);
        const given = rows.map((row) => row.map((cell, i) => (cell === null ? null : fetched[i] === oracledb.DB_TYPE_VARCHAR ? String(cell) : fetched[i] === oracledb.DB_TYPE_RAW ? Buffer.from(/** @type {any} */ (cell)) : cell)));
        return { metaData, resultSet: strict({
          /** @param {number} count */
          getRows: async (count) => given.splice(0, count),
          close: async () => {},
        }) };
      }),
      commit: () => alone(async () => {
        note(`${id} COMMIT`);
        connection.transactionInProgress = false;
        await engine.commit?.();
      }),
      rollback: () => alone(async () => {
        note(`${id} ROLLBACK`);
        connection.transactionInProgress = false;
        await engine.rollback?.();
      }),
      async break() {
        note(`${id} break`);
        stop();
      },
      /** @param {{ drop?: boolean }} [options] */
      async close({ drop = false } = {}) {
        isOpen = false;
        await engine.rollback?.();
        note(`${id} ${drop ? "dropped" : "released"}`);
      },
    };
    return strict(connection);
  };
  return { oracledb, pool: { getConnection: connect } };
}
