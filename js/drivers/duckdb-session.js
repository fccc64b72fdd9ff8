// SPDX-License-Identifier: MIT
// A connection of DuckDB held for several statements.
import { HeavenBaseError } from "../errors.js";
import { interrupting } from "./duckdb-connection.js";

/** @typedef {import("../host/sql.js").SqlOptions} SqlOptions */
/** @typedef {import("../host/sql.js").SqlResult} SqlResult */
/** @typedef {import("./duckdb.js").Connection} Connection */
/** @typedef {import("./pool.js").Places} Places */

/** BEGIN, COMMIT, ROLLBACK, as DuckDB's own parser tells the kind of a statement. */
const OF_TRANSACTIONS = 10;

export class DuckdbSession {
  #connection;
  #writers;
  #readOnly;
  #leave;
  #isOpen = false;                  // a transaction of begin()
  /** Lets the next one write. */
  #endTurn = () => {};

  /** @param {Connection} connection @param {{ writers: Places, readOnly: boolean, leave: () => void }} setting `leave`: it is not used any more */
  constructor(connection, { writers, readOnly, leave }) {
    this.#connection = connection;
    this.#writers = writers;
    this.#readOnly = readOnly;
    this.#leave = leave;
  }

  /** @param {string} sql @param {unknown[]} params @param {SqlOptions} options @returns {Promise<SqlResult>} */
  async execute(sql, params, options) {
    if (!this.#readOnly || this.#isOpen) return this.#run(sql, params, options);
    await this.begin(options);
    try {
      return await this.#run(sql, params, options);
    } finally {
      await this.rollback();
    }
  }

  /** @param {SqlOptions} options */
  async begin({ signal }) {
    signal.throwIfAborted();
    if (!this.#readOnly) this.#endTurn = await this.#writers.take(signal);
    await this.#connection.run(this.#readOnly ? "BEGIN TRANSACTION READ ONLY" : "BEGIN TRANSACTION", []);
    this.#isOpen = true;
  }

  /** @param {SqlOptions} options */
  async commit({ signal }) {
    signal.throwIfAborted();
    await this.#connection.run("COMMIT", []);
    this.#isOpen = false;
    this.#endTurn();
  }

  /** One that the engine has undone already is not there any more. */
  async rollback() {
    if (this.#isOpen) await this.#connection.run("ROLLBACK", []).catch(() => {});
    this.#isOpen = false;
    this.#endTurn();
  }

  async release() {
    await this.rollback();
    this.#connection.close();
    this.#leave();
  }

  /** @param {string} sql @param {unknown[]} params @param {SqlOptions} options @returns {Promise<SqlResult>} */
  async #run(sql, params, { signal, maxRows = Infinity, maxBytes = Infinity }) {
    signal.throwIfAborted();
    const done = interrupting(this.#connection, signal);
    try {
      return await this.#connection.read(sql, params, { maxRows, maxBytes, check: (kind) => this.#check(kind) });
    } finally {
      done();
    }
  }

  /** @param {number} kind of a statement */
  #check(kind) {
    if (this.#isOpen && kind === OF_TRANSACTIONS) throw new HeavenBaseError("REFUSED", "a statement may not end the transaction that it is part of", { native: "2D000" });
  }
}
