// SPDX-License-Identifier: MIT
// PGlite held for several statements. It is one connection: sessions take turns.
import { HeavenBaseError } from "../errors.js";
import { columnsOf, textOf } from "./pg-statement.js";

/** @typedef {import("../host/sql.js").SqlOptions} SqlOptions */
/** @typedef {import("../host/sql.js").SqlResult} SqlResult */
/** @typedef {import("./pglite.js").PGliteLike} PGliteLike */
/** @typedef {import("./pglite.js").Queries} Queries */

/** The end of each instance's last session. @type {WeakMap<object, Promise<void>>} */
const turns = new WeakMap();

/** Cells as the engine writes them, parameters as texts. */
const serializers = new Proxy({}, { get: () => (/** @type {unknown} */ value) => (value instanceof Uint8Array ? `\\x${Buffer.from(value).toString("hex")}` : textOf(value)) });
const asIs = (/** @type {string} */ text) => text;

/** @param {PGliteLike} db @param {SqlOptions} options @returns {Promise<PgliteSession>} */
export async function openSession(db, { signal, readOnly = false }) {
  const before = turns.get(db);
  let end = () => {};
  const mine = new Promise((resolve) => { end = () => resolve(undefined); });
  turns.set(db, mine.then(() => before));
  try {
    await turn(before, signal);
  } catch (error) {
    end();
    throw error;
  }
  return new PgliteSession(db, readOnly, end);
}

/** @param {Promise<void> | undefined} before @param {AbortSignal} signal @returns {Promise<void>} */
const turn = (before, signal) => new Promise((resolve, reject) => {
  signal.throwIfAborted();
  const giveUp = () => reject(signal.reason);
  signal.addEventListener("abort", giveUp, { once: true });
  Promise.resolve(before).then(() => {
    signal.removeEventListener("abort", giveUp);
    resolve();
  });
});

export class PgliteSession {
  #db;
  #readOnly;
  #end;
  /** The open transaction, and how to close it. @type {{ tx: Queries, close: (commit: boolean) => Promise<void> } | undefined} */
  #transaction;

  /** @param {PGliteLike} db @param {boolean} readOnly @param {() => void} end */
  constructor(db, readOnly, end) {
    this.#db = db;
    this.#readOnly = readOnly;
    this.#end = end;
  }

  /** @param {string} sql @param {unknown[]} params @param {SqlOptions} options @returns {Promise<SqlResult>} */
  async execute(sql, params, options) {
    if (!this.#readOnly || this.#transaction) return this.#run(sql, params, options);
    await this.begin(options);
    try {
      return await this.#run(sql, params, options);
    } finally {
      await this.rollback();
    }
  }

  /** PGlite's transactions are the run of a function: this one waits until the session is done. @param {SqlOptions} options */
  async begin({ signal }) {
    signal.throwIfAborted();
    /** @type {(commit: boolean) => void} */
    let decide = () => {};
    const decision = new Promise((resolve) => { decide = resolve; });
    /** @type {Promise<void>} */
    let ended = Promise.resolve();
    const tx = await new Promise((resolve, reject) => {
      ended = this.#db.transaction(async (opened) => {
        resolve(opened);
        if (!(await decision)) throw new RolledBack();
      });
      ended.catch(reject);
    });
    this.#transaction = { tx, close: (commit) => {
      decide(commit);
      return ended;
    } };
    if (!this.#readOnly) return;
    await tx.query("SET TRANSACTION READ ONLY");
    await tx.query("SELECT 1");                 // with a snapshot, SET TRANSACTION READ WRITE is refused
  }

  /** @param {SqlOptions} options */
  async commit({ signal }) {
    signal.throwIfAborted();
    await this.#close(true);
  }

  async rollback() {
    await this.#close(false).catch((error) => {
      if (!(error instanceof RolledBack)) throw error;
    });
  }

  /** @param {boolean} commit */
  async #close(commit) {
    const transaction = this.#transaction;
    this.#transaction = undefined;
    await transaction?.close(commit);
  }

  async release() {
    try {
      await this.rollback();
      await this.#db.query("ROLLBACK");
      await this.#db.query("DISCARD ALL");
    } finally {
      this.#end();
    }
  }

  /** @param {string} sql @param {unknown[]} params @param {SqlOptions} options @returns {Promise<SqlResult>} */
  async #run(sql, params, { signal, maxRows = Infinity, maxBytes = Infinity }) {
    signal.throwIfAborted();
    const parsers = Object.fromEntries(Object.keys(this.#db.parsers ?? {}).map((type) => [type, asIs]));
    const on = this.#transaction?.tx ?? this.#db;
    const { rows, fields, affectedRows, command } = /** @type {any} */ (await on.query(sql, params, { rowMode: "array", serializers, parsers }));
    if (this.#transaction && /^(COMMIT|ROLLBACK)$/.test(command)) {
      throw new HeavenBaseError("REFUSED", "the statement ended the transaction that it was part of", { native: "2D000" });
    }
    if (rows.length > maxRows) throw new HeavenBaseError("LIMIT", `the result has more than ${maxRows} rows`);
    let bytes = 0;
    for (const row of rows) for (const cell of row) bytes += cell === null ? 4 : cell.length + 4;
    if (bytes > maxBytes) throw new HeavenBaseError("LIMIT", `the result has more than ${maxBytes} bytes`);
    return { columns: columnsOf(fields), rows, affected: affectedRows ?? 0, bytes };
  }
}

/** Ends a transaction of PGlite without its effects. */
class RolledBack extends Error {}
