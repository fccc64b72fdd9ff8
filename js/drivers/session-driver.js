// SPDX-License-Identifier: MIT
// A driver over sessions: what it needs of an engine is one connection that runs statements.
import { HeavenBaseError } from "../errors.js";

/** @typedef {import("../host/sql.js").SqlDriver} SqlDriver */
/** @typedef {import("../host/sql.js").SqlOptions} SqlOptions */
/** @typedef {import("../host/sql.js").SqlResult} SqlResult */
/**
 * A connection of an engine. `run` tells its errors with the engine's own code; `free` gives it back, `reset` before that makes it as it came.
 * @typedef {object} Line
 * @property {(sql: string, params: unknown[], options: SqlOptions) => Promise<SqlResult>} run
 * @property {() => Promise<unknown>} begin
 * @property {() => Promise<unknown>} commit
 * @property {() => Promise<unknown>} rollback
 * @property {() => boolean} inTransaction
 * @property {() => Promise<unknown>} reset
 * @property {(isBroken: boolean) => unknown} free
 */

/** The part of a session that a driver needs: `giveBack` leaves the connection as it is. @typedef {import("../host/sql.js").SqlSession & { giveBack: () => void }} HeldSession */

/** A driver of which every call takes a session of its own. @template {HeldSession} S @param {(options: SqlOptions) => Promise<S>} open @returns {Required<Pick<SqlDriver, "execute" | "batch" | "session">>} */
export function driverOfSessions(open) {
  /** @template T @param {SqlOptions} options @param {(session: S) => Promise<T>} body @returns {Promise<T>} */
  const on = async (options, body) => {
    const session = await open(options);
    try {
      return await body(session);
    } finally {
      session.giveBack();
    }
  };
  return {
    execute: (sql, params, options) => on(options, (session) => session.execute(sql, params, options)),
    batch: (statements, options) => on(options, async (session) => {
      await session.begin(options);
      try {
        /** @type {SqlResult[]} */
        const results = [];
        for (const { sql, params } of statements) results.push(await session.execute(sql, params, options));
        await session.commit(options);
        return results;
      } catch (error) {
        await session.rollback();
        throw error;
      }
    }),
    session: open,
  };
}

/** @param {(signal: AbortSignal) => Promise<Line>} connect @param {string} engine @returns {SqlDriver & { session: NonNullable<SqlDriver["session"]> }} */
export const sessionDriver = (connect, engine) => driverOfSessions(async ({ signal, readOnly }) => {
  if (readOnly) throw new HeavenBaseError("REFUSED", `${engine} has no transaction that keeps every statement from writing: use a user who may only SELECT`);
  signal.throwIfAborted();
  return new LineSession(await connect(signal));
});

class LineSession {
  #line;
  #isOpen = false;                  // a transaction of begin()
  #isBroken = false;

  /** @param {Line} line */
  constructor(line) {
    this.#line = line;
  }

  /** @param {string} sql @param {unknown[]} params @param {SqlOptions} options @returns {Promise<SqlResult>} */
  async execute(sql, params, options) {
    options.signal.throwIfAborted();
    const result = await this.#line.run(sql, params, options);
    if (this.#isOpen && !this.#line.inTransaction()) {
      this.#isOpen = false;
      this.#isBroken = true;
      throw new HeavenBaseError("REFUSED", "the statement ended the transaction that it was part of", { native: "2D000" });
    }
    return result;
  }

  /** @param {SqlOptions} options */
  async begin({ signal }) {
    signal.throwIfAborted();
    await this.#line.begin();
    this.#isOpen = true;
  }

  /** @param {SqlOptions} options */
  async commit({ signal }) {
    signal.throwIfAborted();
    await this.#line.commit();
    this.#isOpen = false;
  }

  /** The first error is the one to report; one that the engine undid already is not there any more. */
  async rollback() {
    if (this.#isOpen && this.#line.inTransaction()) await this.#line.rollback().catch(() => { this.#isBroken = true; });
    this.#isOpen = false;
  }

  /** As it is. */
  giveBack() {
    this.#line.free(this.#isBroken || this.#isOpen);
  }

  /** As it came. */
  async release() {
    await this.rollback();
    if (!this.#isBroken) await this.#line.reset().catch(() => { this.#isBroken = true; });
    this.giveBack();
  }
}
