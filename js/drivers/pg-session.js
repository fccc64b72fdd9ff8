// SPDX-License-Identifier: MIT
// One connection of a node-postgres pool, held for several statements.
import { HeavenBaseError } from "../errors.js";
import { LimitedStatement, valueOf } from "./pg-statement.js";
import { taken } from "./pool.js";

/** @typedef {import("../host/sql.js").SqlOptions} SqlOptions */
/** @typedef {import("../host/sql.js").SqlResult} SqlResult */
/** @typedef {{ query: (config: any) => any, processID?: number, connection?: any, getTransactionStatus?: () => string | null, on: (event: "error", listener: (error: Error) => void) => unknown, off: (event: "error", listener: (error: Error) => void) => unknown, release: (error?: boolean | Error) => void }} PoolClientLike */
/** The part of a pg.Pool that is used. @typedef {{ connect: () => Promise<PoolClientLike>, query: (config: any) => Promise<any>, Client?: new (options: any) => any, options?: any }} PoolLike */

/** Cells stay as PostgreSQL writes them: the core reads them without loss. */
const TEXT = Object.freeze({ getTypeParser: () => (/** @type {string} */ text) => text });
/** How long a server has to end what is cancelled, or to put a connection in order; one that hangs loses the connection. */
const GRACE_MS = 3000;
/**
 * The transaction has a snapshot before the first statement comes: PostgreSQL then refuses SET TRANSACTION READ WRITE.
 */
const BEGIN_READ_ONLY = "BEGIN READ ONLY; SELECT 1";
const SET_READ_ONLY = "SET default_transaction_read_only = on";

/** Connections that have been told to be read-only by default. @type {WeakSet<object>} */
const readers = new WeakSet();

/** @param {PoolLike} pool @param {SqlOptions} options @returns {Promise<PgSession>} */
export async function openSession(pool, { signal, readOnly = false }) {
  signal.throwIfAborted();
  const client = await taken(() => pool.connect(), signal);
  const session = new PgSession(pool, client, readOnly);
  try {
    await session.agree(signal);
    return session;
  } catch (error) {
    session.giveBack();
    throw error;
  }
}

export class PgSession {
  #pool;
  #client;
  #readOnly;
  #isOpen = false;                  // a transaction of begin()
  /** A connection that failed is not used again. @type {Error | undefined} */
  #broken;
  // A connection that is lost between two statements says so by an event, which ends the process if nobody listens.
  #lost = (/** @type {Error} */ error) => { this.#broken = error; };

  /** @param {PoolLike} pool @param {PoolClientLike} client @param {boolean} readOnly */
  constructor(pool, client, readOnly) {
    this.#pool = pool;
    this.#client = client;
    this.#readOnly = readOnly;
    client.on("error", this.#lost);
  }

  /** Statements that leave their transaction meet a session that only reads too. */
  async agree(/** @type {AbortSignal} */ signal) {
    if (readers.has(this.#client) === this.#readOnly) return;
    await this.#say(this.#readOnly ? SET_READ_ONLY : "RESET default_transaction_read_only", signal);
    if (this.#readOnly) readers.add(this.#client);
    else readers.delete(this.#client);
  }

  /** @param {string} sql @param {unknown[]} params @param {SqlOptions} options @returns {Promise<SqlResult>} */
  async execute(sql, params, options) {
    if (!this.#readOnly || this.#isOpen) return this.#run(sql, params, options);
    await this.#say(BEGIN_READ_ONLY, options.signal);
    try {
      return await this.#run(sql, params, options);
    } finally {
      await this.#rollback();
    }
  }

  /** @param {SqlOptions} options */
  async begin({ signal }) {
    await this.#say(this.#readOnly ? BEGIN_READ_ONLY : "BEGIN", signal);
    this.#isOpen = true;
  }

  /** @param {SqlOptions} options */
  async commit(options) {
    options.signal.throwIfAborted();
    this.#isOpen = false;
    const said = await this.#cancellable(options.signal, () => this.#client.query("COMMIT"));
    if (said?.command === "ROLLBACK") throw new HeavenBaseError("REFUSED", "the engine rolled the transaction back", { native: "25P02" });
  }

  /** The first error is the one to report. */
  async rollback() {
    this.#isOpen = false;
    await this.#rollback();
  }

  async #rollback() {
    await this.#inTime(() => this.#client.query("ROLLBACK")).catch(() => {});
  }

  /** To the pool, as it is. */
  giveBack() {
    this.#client.off("error", this.#lost);
    this.#client.release(this.#broken);
  }

  /** To the pool, as it came. */
  async release() {
    try {
      if (!this.#broken) await this.#inTime(() => this.#reset());
    } catch (error) {
      this.#broken ??= /** @type {Error} */ (error);
    }
    this.giveBack();
  }

  async #reset() {
    if (this.#client.getTransactionStatus?.() !== "I") await this.#client.query("ROLLBACK");
    await this.#client.query("DISCARD ALL");
    if (this.#readOnly) await this.#client.query(SET_READ_ONLY);
    else readers.delete(this.#client);
  }

  /** A statement of ours, which takes no time: if it is not over when the signal aborts, the server hangs. @param {string} text @param {AbortSignal} signal */
  async #say(text, signal) {
    signal.throwIfAborted();
    const cut = () => this.#cut();
    signal.addEventListener("abort", cut, { once: true });
    try {
      await this.#client.query(text);
    } catch (error) {
      throw this.#judged(error);
    } finally {
      signal.removeEventListener("abort", cut);
    }
  }

  /** @param {string} sql @param {unknown[]} params @param {SqlOptions} options @returns {Promise<SqlResult>} */
  async #run(sql, params, options) {
    options.signal.throwIfAborted();
    if (options.maxRows === undefined) return this.#cancellable(options.signal, () => whole(this.#client, sql, params));
    const { result, tag } = await this.#cancellable(options.signal, () => LimitedStatement.run(this.#client, sql, params, options));
    if (this.#isOpen && /^(COMMIT|ROLLBACK|PREPARE TRANSACTION)/.test(tag)) {
      this.#broken = new HeavenBaseError("REFUSED", "the statement ended the transaction that it was part of", { native: "2D000" });
      throw this.#broken;
    }
    return result;
  }

  /**
   * When the signal aborts, the server is asked to end the statement, and given time for it. The connection is not used
   * again: a cancel that comes late must not meet another's statement.
   * @template T @param {AbortSignal} signal @param {() => Promise<T>} body @returns {Promise<T>}
   */
  async #cancellable(signal, body) {
    let cancelling = Promise.resolve();
    const cancel = () => {
      cancelling = this.#cancel();
    };
    signal.addEventListener("abort", cancel, { once: true });
    try {
      return await body();
    } catch (error) {
      throw this.#judged(error);
    } finally {
      signal.removeEventListener("abort", cancel);
      await cancelling;
      if (signal.aborted) this.#broken ??= new HeavenBaseError("CANCELLED", "the statement was cancelled");
    }
  }

  /** By a connection beside the pool, all of whose own may be busy. */
  async #cancel() {
    const timer = setTimeout(() => this.#cut(), GRACE_MS);
    const asked = { text: "SELECT pg_cancel_backend($1)", values: [this.#client.processID] };
    const { Client, options } = this.#pool;
    const other = Client && new Client(options);
    const otherTimer = setTimeout(() => other?.connection?.stream.destroy(), GRACE_MS);
    try {
      other?.on("error", () => {});
      await other?.connect();
      await (other ?? this.#pool).query(asked);
    } catch {
      this.#cut();                   // not even that can be said: what runs ends with its connection
    } finally {
      clearTimeout(timer);
      clearTimeout(otherTimer);
      other?.end().catch(() => {});
    }
  }

  /** @template T @param {() => Promise<T>} body @returns {Promise<T>} */
  async #inTime(body) {
    const timer = setTimeout(() => this.#cut(), GRACE_MS);
    try {
      return await body();
    } finally {
      clearTimeout(timer);
    }
  }

  #cut() {
    this.#broken ??= new HeavenBaseError("UNAVAILABLE", "the server does not answer");
    this.#client.connection?.stream?.destroy();
  }

  /** @param {unknown} error */
  #judged(error) {
    if (error instanceof HeavenBaseError) return error;
    if (!isSqlState(error)) this.#broken ??= /** @type {Error} */ (error);
    return this.#broken ?? error;
  }
}

/** The server's own error: its connection is sound. @param {any} error */
const isSqlState = (error) => typeof error?.code === "string" && /^[0-9A-Z]{5}$/.test(error.code) && !error.code.startsWith("08") && !error.code.startsWith("57P");

/** @param {PoolClientLike} client @param {string} text @param {unknown[]} params @returns {Promise<SqlResult>} */
async function whole(client, text, params) {
  const { rows, fields, rowCount } = await client.query({ text, values: params.map(valueOf), rowMode: "array", types: TEXT });
  return { columns: fields.map((/** @type {{ name: string }} */ { name }) => name), rows, affected: rowCount ?? 0 };
}
