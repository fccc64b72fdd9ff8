// SPDX-License-Identifier: MIT
// node-postgres (npm pg): Node, and Cloudflare workers over Hyperdrive.
//   const pool = new pg.Pool({ connectionString });
//   HeavenBase.open(id, { backends: { main: { type: "postgres" } }, drivers: { main: pgDriver(pool) } })
// or with what the backend's options say:
//   HeavenBase.open(id, { backends: { main: { type: "postgres", host, username, password } }, drivers: { main: connectPg } })

/** @typedef {import("../host/sql.js").SqlDriver} SqlDriver */
/** @typedef {import("../host/sql.js").SqlResult} SqlResult */
/** @typedef {{ query: (config: any) => Promise<{ rows: any[], fields: { name: string }[], rowCount: number | null }>, processID?: number, on: (event: "error", listener: (error: Error) => void) => unknown, off: (event: "error", listener: (error: Error) => void) => unknown, release: (error?: boolean | Error) => void }} PoolClientLike */
/** The part of a pg.Pool that is used. @typedef {{ connect: () => Promise<PoolClientLike>, query: (config: any) => Promise<any> }} PoolLike */

/** Cells stay as PostgreSQL writes them: the core reads them without loss. */
const TEXT = Object.freeze({ getTypeParser: () => (/** @type {string} */ text) => text });

/** A driver around a pool, which the caller ends. An abort cancels the statement in the server. @param {PoolLike} pool @returns {SqlDriver} */
export function pgDriver(pool) {
  return {
    execute: (sql, params, { signal }) => onClient(pool, signal, (client) => run(client, sql, params)),
    batch: (statements, { signal }) => onClient(pool, signal, async (client) => {
      await client.query("BEGIN");
      try {
        /** @type {SqlResult[]} */
        const results = [];
        for (const { sql, params } of statements) results.push(await run(client, sql, params));
        signal.throwIfAborted();
        await client.query("COMMIT");
        return results;
      } catch (error) {
        await client.query("ROLLBACK").catch(() => {});        // the first error is the one to report
        throw error;
      }
    }),
  };
}

/**
 * Makes a pool of the backend's own options, and its driver: `drivers: { main: connectPg }`. The package pg has to be
 * installed. @param {{ uri?: string, host?: string, port?: number, database?: string, username?: string, password?: string, params?: { sslmode?: string } }} options @returns {Promise<SqlDriver>}
 */
export async function connectPg({ uri, host, port, database, username, password, params }) {
  const { default: pg } = /** @type {any} */ (await import(/** @type {string} */ ("pg")));
  const sslmode = params?.sslmode;
  const pool = new pg.Pool({ connectionString: uri, host, port, database, user: username, password,
    ...(sslmode && sslmode !== "disable" && sslmode !== "prefer" && { ssl: { rejectUnauthorized: sslmode.startsWith("verify") } }) });
  pool.on("error", () => {});           // an idle connection that is lost: the next statement takes another
  return { ...pgDriver(pool), close: () => pool.end() };
}

/** @template T @param {PoolLike} pool @param {AbortSignal} signal @param {(client: PoolClientLike) => Promise<T>} body @returns {Promise<T>} */
async function onClient(pool, signal, body) {
  signal.throwIfAborted();
  const client = await pool.connect();
  /** @type {Error | undefined} a connection that failed is not used again */
  let broken;
  // A connection that is lost between two statements says so by an event, which ends the process if nobody listens.
  const lost = (/** @type {Error} */ error) => { broken = error; };
  client.on("error", lost);
  const cancel = () => {
    pool.query({ text: "SELECT pg_cancel_backend($1)", values: [client.processID] }).catch(() => {});     // it may have ended by then
  };
  signal.addEventListener("abort", cancel, { once: true });
  try {
    signal.throwIfAborted();
    return await body(client);
  } catch (error) {
    if (!isSqlState(error)) broken ??= /** @type {Error} */ (error);
    throw broken ?? error;
  } finally {
    signal.removeEventListener("abort", cancel);
    client.off("error", lost);
    client.release(broken);
  }
}

/** The server's own error: its connection is sound. @param {any} error */
const isSqlState = (error) => typeof error?.code === "string" && /^[0-9A-Z]{5}$/.test(error.code) && !error.code.startsWith("08") && !error.code.startsWith("57P");

/** @param {PoolClientLike} client @param {string} text @param {unknown[]} params @returns {Promise<SqlResult>} */
async function run(client, text, params) {
  const { rows, fields, rowCount } = await client.query({ text, values: params.map(valueOf), rowMode: "array", types: TEXT });
  return { columns: fields.map(({ name }) => name), rows, affected: rowCount ?? 0 };
}

/** pg takes bytes as Buffer, and integers beyond 2^53 as text. @param {unknown} value */
function valueOf(value) {
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return typeof value === "bigint" ? String(value) : value;
}
