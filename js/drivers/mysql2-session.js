// SPDX-License-Identifier: MIT
// One connection of a mysql2 pool, held for several statements.
import { HeavenBaseError } from "../errors.js";
import { CELLS, PLAIN_CELLS, SESSION, bound, checkPlain, isServers, ready, told, valueOf } from "./mysql2-parts.js";
import { taken } from "./pool.js";

/** @typedef {import("../host/sql.js").SqlColumn} SqlColumn */
/** @typedef {import("../host/sql.js").SqlOptions} SqlOptions */
/** @typedef {import("../host/sql.js").SqlResult} SqlResult */
/** @typedef {import("./mysql2-parts.js").ConnectionLike} ConnectionLike */
/** @typedef {import("./mysql2-parts.js").PromisedPoolLike} PromisedPoolLike */

/** How long a server has to end what is cancelled, or to put a connection in order; one that hangs loses the connection. */
const GRACE_MS = 3000;
/** A message may be as large as a row: this much beyond the limit of bytes, and the connection is cut. */
const SLACK_BYTES = 1 << 20;
/**
 * What a role may have that only reads. A transaction that only reads is not enough here: MariaDB's compound statements
 * end it and write, in one text.
 */
const READS = /^GRANT (?:(?:USAGE|SELECT(?: \([^)]*\))?|SHOW VIEW|SHOW DATABASES)(?:, |(?= ON )))+ ON (?!.* WITH GRANT OPTION)/;
/** Types of columns whose texts are integers: tiny, short, long, longlong, int24, year. */
const INTEGERS = new Set([1, 2, 3, 8, 9, 13]);
/** Of a server's status: a transaction is open. */
const IN_TRANSACTION = 1;

/** Connections whose role was seen to read only. @type {WeakSet<object>} */
const readers = new WeakSet();

/** @param {PromisedPoolLike} pool @param {PromisedPoolLike} spare for what has to be said when the pool is busy @param {SqlOptions} options @param {boolean} [plain] StarRocks: texts alone, and no transactions @returns {Promise<Mysql2Session>} */
export async function openSession(pool, spare, { signal, readOnly = false }, plain = false) {
  signal.throwIfAborted();
  if (plain && readOnly) throw new HeavenBaseError("REFUSED", "StarRocks has no transactions that only read: give the connection a user who may only SELECT");
  const session = new Mysql2Session(await taken(() => pool.getConnection(), signal), spare, readOnly, plain);
  try {
    await session.agree(signal);
    return session;
  } catch (error) {
    session.giveBack();
    throw error;
  }
}

export class Mysql2Session {
  #connection;
  #raw;
  #spare;
  #readOnly;
  #plain;
  #isOpen = false;                  // a transaction of begin()
  #isBroken = false;
  // A connection that is lost between two statements says so by an event, which ends the process if nobody listens.
  #lost = () => { this.#isBroken = true; };

  /** @param {ConnectionLike} connection @param {PromisedPoolLike} spare @param {boolean} readOnly @param {boolean} plain */
  constructor(connection, spare, readOnly, plain) {
    this.#connection = connection;
    this.#raw = connection.connection;
    this.#spare = spare;
    this.#readOnly = readOnly;
    this.#plain = plain;
    this.#raw.on("error", this.#lost);
  }

  /** @param {AbortSignal} signal */
  async agree(signal) {
    if (this.#plain) return;
    if (!ready.has(this.#raw)) await this.#say(SESSION, signal);
    ready.add(this.#raw);
    if (!this.#readOnly || readers.has(this.#raw)) return;
    const [grants] = await this.#say({ sql: "SHOW GRANTS", rowsAsArray: true }, signal);
    if (!grants.every((/** @type {string[]} */ [grant]) => READS.test(grant))) throw new HeavenBaseError("REFUSED", "the role may do more than SELECT, so the engine does not keep it from writing");
    readers.add(this.#raw);
  }

  /** @param {string} sql @param {unknown[]} params @param {SqlOptions} options @returns {Promise<SqlResult>} */
  async execute(sql, params, options) {
    if (!this.#readOnly || this.#isOpen) return this.#run(sql, params, options);
    await this.#say("START TRANSACTION READ ONLY", options.signal);
    try {
      return await this.#run(sql, params, options);
    } finally {
      await this.#rollback();
    }
  }

  /** @param {SqlOptions} options */
  async begin({ signal }) {
    if (this.#plain) throw new HeavenBaseError("UNSUPPORTED", "StarRocks has no transactions of any statements", { native: "UNSUPPORTED" });
    await this.#say(this.#readOnly ? "START TRANSACTION READ ONLY" : "START TRANSACTION", signal);
    this.#isOpen = true;
  }

  /** @param {SqlOptions} options */
  async commit({ signal }) {
    signal.throwIfAborted();
    this.#isOpen = false;
    await this.#cancellable(signal, () => this.#connection.query("COMMIT"));
  }

  /** The first error is the one to report. */
  async rollback() {
    this.#isOpen = false;
    await this.#rollback();
  }

  async #rollback() {
    await this.#inTime(() => this.#connection.query("ROLLBACK")).catch(() => this.#lost());
  }

  giveBack() {
    this.#raw.off("error", this.#lost);
    if (this.#isBroken) this.#connection.destroy();
    else this.#connection.release();
  }

  /** To the pool, as it came. */
  async release() {
    try {
      ready.delete(this.#raw);
      if (!this.#isBroken) await this.#inTime(() => this.#connection.reset());
    } catch {
      this.#isBroken = true;
    }
    this.giveBack();
  }

  /** A statement of ours, which takes no time: if it is not over when the signal aborts, the server hangs. @param {string | object} text @param {AbortSignal} signal */
  async #say(text, signal) {
    signal.throwIfAborted();
    const cut = () => this.#cut();
    signal.addEventListener("abort", cut, { once: true });
    try {
      return await this.#connection.query(text);
    } catch (error) {
      return this.#judged(error);
    } finally {
      signal.removeEventListener("abort", cut);
    }
  }

  /** @param {string} sql @param {unknown[]} params @param {SqlOptions} options @returns {Promise<SqlResult>} */
  async #run(sql, params, options) {
    options.signal.throwIfAborted();
    const { result, status } = await this.#cancellable(options.signal, () => this.#read(sql, params, options));
    if (this.#isOpen && status !== undefined && !(status & IN_TRANSACTION)) {
      this.#isBroken = true;
      throw new HeavenBaseError("REFUSED", "the statement ended the transaction that it was part of", { native: "2D000" });
    }
    return result;
  }

  /**
   * Rows are counted as they come; when there are too many, the connection is cut.
   * @param {string} sql @param {unknown[]} params @param {{ maxRows?: number, maxBytes?: number }} limits
   * @returns {Promise<{ result: SqlResult, status: number | undefined }>}
   */
  #read(sql, params, { maxRows = Infinity, maxBytes = Infinity }) {
    if (this.#plain) checkPlain(params);
    return new Promise((resolve, reject) => {
      /** @type {SqlColumn[] | undefined} */
      let columns;
      /** @type {unknown[][]} */
      const rows = [];
      let affected = 0, bytes = 0, wire = 0, tables = 0;
      /** @type {number | undefined} */
      let status;
      /** @type {unknown} */
      let failure;
      const refuse = (/** @type {string} */ found) => {
        failure ??= new HeavenBaseError("LIMIT", `the result has more than ${found}`);
        this.#cut();
        end();
      };
      const count = (/** @type {Uint8Array} */ chunk) => {
        wire += chunk.length;
        if (wire > maxBytes * 2 + SLACK_BYTES) refuse(`${maxBytes} bytes`);
      };
      const end = () => {
        this.#raw.stream.off("data", count);
        if (failure) reject(failure);
        else resolve({ result: { columns, rows, affected, bytes }, status });
      };
      this.#raw.stream.on("data", count);
      const options = { ...(this.#plain ? PLAIN_CELLS : { ...CELLS, jsonStrings: true }), sql };
      const command = this.#plain ? this.#raw.query(options) : this.#raw.execute(options, params.map(valueOf));
      command.on("fields", (/** @type {{ name: string, columnType: number }[] | undefined} */ fields) => {
        if (fields) tables += 1;
        if (fields && tables === 1) columns = fields.map(({ name, columnType }) => (INTEGERS.has(columnType) ? { name, text: /** @type {const} */ ("integer") } : { name }));
      });
      command.on("result", (/** @type {any} */ row) => {
        if (!Array.isArray(row)) [affected, status] = [affected + row.affectedRows, row.serverStatus];
        else if (!failure && tables === 1) {
          bytes += row.reduce((sum, cell) => sum + 4 + (typeof cell === "string" || cell instanceof Uint8Array ? cell.length : 8), 0);
          if (rows.push(row) > maxRows) refuse(`${maxRows} rows`);
          else if (bytes > maxBytes) refuse(`${maxBytes} bytes`);
        }
      });
      command.on("error", (/** @type {unknown} */ error) => { failure ??= error; });
      command.on("end", () => {
        if (!this.#isBroken && !this.#plain) bound(this.#connection, options, params.length);
        end();
      });
    });
  }

  /**
   * When the signal aborts, the server is asked to end the statement, and given time for it. The connection is not used
   * again: a cancel that comes late must not meet another's statement.
   * @template T @param {AbortSignal} signal @param {() => Promise<T>} body @returns {Promise<T>}
   */
  async #cancellable(signal, body) {
    /** @type {Promise<unknown>} */
    let cancelling = Promise.resolve();
    const cancel = () => {
      cancelling = this.#cancel();
    };
    signal.addEventListener("abort", cancel, { once: true });
    try {
      return await body();
    } catch (error) {
      return this.#judged(error);
    } finally {
      signal.removeEventListener("abort", cancel);
      await cancelling;
      if (signal.aborted) this.#isBroken = true;
    }
  }

  async #cancel() {
    const timer = setTimeout(() => this.#cut(), GRACE_MS);
    /** @type {ConnectionLike | undefined} */
    let other;
    try {
      const asked = this.#spare.getConnection();
      other = await Promise.race([asked, /** @type {Promise<undefined>} */ (new Promise((resolve) => { setTimeout(resolve, GRACE_MS, undefined); }))]);
      if (!other) asked.then((late) => late.release(), () => {});
      await other?.query({ sql: `KILL QUERY ${Number(this.#connection.threadId)}`, timeout: GRACE_MS });
      other?.release();
    } catch {
      other?.destroy();
      this.#cut();
    } finally {
      clearTimeout(timer);
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
    this.#isBroken = true;
    this.#raw.stream.destroy(new Error("the connection was cut"));
  }

  /** @param {unknown} error @returns {never} */
  #judged(error) {
    if (error instanceof HeavenBaseError) throw error;
    this.#isBroken ||= !isServers(error);
    return told(error);
  }
}
