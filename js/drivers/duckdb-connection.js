// SPDX-License-Identifier: MIT
// A connection of @duckdb/node-api: values in and out.
import { HeavenBaseError } from "../errors.js";

/** @typedef {import("../host/sql.js").SqlResult} SqlResult */
/** @typedef {import("./duckdb.js").Connection} Connection */

/** An interrupt that comes before the statement has begun is none: it is said again. */
const AGAIN_MS = 50;

/** Interrupts what runs from the signal's abort on, until the function that comes back is called. @param {Connection} connection @param {AbortSignal} signal */
export function interrupting(connection, signal) {
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let timer;
  const interrupt = () => {
    connection.interrupt();
    timer = setInterval(() => connection.interrupt(), AGAIN_MS);
  };
  signal.addEventListener("abort", interrupt, { once: true });
  return () => {
    signal.removeEventListener("abort", interrupt);
    clearInterval(timer);
  };
}

/** What a result holds: rows of a query, and not the number of those that changed. */
const QUERY_RESULT = 3;

/** @param {any} connection of @duckdb/node-api @returns {Connection} */
export const nodeConnection = (connection) => ({
  run: (sql, params) => named(onPrepared(connection, sql, params, async (prepared) => {
    const reader = await prepared.runAndReadAll();
    return { columns: reader.columnNames(), rows: reader.getRows().map((/** @type {unknown[]} */ row) => row.map(cellOf)) };
  })),
  read: (sql, params, limits) => named(onPrepared(connection, sql, params, async (prepared) => {
    limits.check(prepared.statementType);
    return readRows(await prepared.stream(), limits);
  })),
  interrupt: () => connection.interrupt(),
  close: () => connection.closeSync(),
});

/** @param {any} connection @param {string} sql @param {unknown[]} params @param {(prepared: any) => Promise<SqlResult>} body */
async function onPrepared(connection, sql, params, body) {
  const prepared = await connection.prepare(sql);
  try {
    params.forEach((value, i) => bindTo(prepared, i + 1, value));
    return await body(prepared);
  } finally {
    prepared.destroySync();
  }
}

/** Chunk by chunk: what is too large is not read to its end. @param {any} result @param {{ maxRows: number, maxBytes: number }} limits @returns {Promise<SqlResult>} */
async function readRows(result, { maxRows, maxBytes }) {
  if (result.returnType !== QUERY_RESULT) return { columns: [], rows: [], affected: result.rowsChanged };
  /** @type {unknown[][]} */
  const rows = [];
  let bytes = 0;
  for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
    if (rows.length + chunk.rowCount > maxRows) throw new HeavenBaseError("LIMIT", `the result has more than ${maxRows} rows`);
    for (const row of chunk.getRows()) {
      const cells = row.map(toldOf);
      for (const cell of cells) bytes += 4 + (typeof cell === "string" || cell instanceof Uint8Array ? cell.length : 8);
      if (bytes > maxBytes) throw new HeavenBaseError("LIMIT", `the result has more than ${maxBytes} bytes`);
      rows.push(cells);
    }
  }
  return { columns: result.columnNames(), rows, affected: result.rowsChanged, bytes };
}

/** What DuckDB has in the place of a code are the first words of its message: "Out of Range Error: …" is OUT_OF_RANGE. @template T @param {Promise<T>} run */
const named = (run) => run.catch((error) => {
  const [, kind] = /^(?:Error: )?([A-Z][A-Za-z ]{1,22}?)(?: Error|: )/.exec(String(error?.message ?? "")) ?? [];
  throw kind && error.code === undefined ? Object.assign(new Error(error.message, { cause: error }), { code: kind.toUpperCase().replaceAll(" ", "_") }) : error;
});

/** @param {any} prepared @param {number} at @param {unknown} value */
function bindTo(prepared, at, value) {
  switch (typeof value) {
    case "number": return prepared.bindDouble(at, value);
    case "bigint": return BigInt.asIntN(64, value) === value ? prepared.bindBigInt(at, value) : prepared.bindVarchar(at, String(value));
    case "boolean": return prepared.bindBoolean(at, value);
    case "string": return prepared.bindVarchar(at, value);
    default: return value == null ? prepared.bindNull(at) : prepared.bindBlob(at, value);
  }
}

/** Lists are vectors, blobs their bytes. @param {any} value */
function cellOf(value) {
  if (typeof value !== "object" || value === null) return value;
  return value.bytes !== undefined ? new Uint8Array(value.bytes) : Float32Array.from(value.items);
}

/** Whatever is no number, flag, text or bytes is the engine's text. @param {any} value */
function toldOf(value) {
  if (typeof value !== "object" || value === null) return value;
  return value.bytes instanceof Uint8Array ? value.bytes : String(value);
}
