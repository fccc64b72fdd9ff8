// SPDX-License-Identifier: MIT
// A module with tedious' interface, as far as our driver may use it: anything else throws. Parameters are declared and checked by tedious' own
// types. Statements run in what `engine` stands for.
import { EventEmitter } from "node:events";
import { TYPES } from "tedious";

/** @typedef {{ name: string, type: any, value: unknown, options: any }} Parameter */
/** @typedef {{ connect?: (config: any) => unknown, run: (sql: string, params: Parameter[], at: { inTransaction: boolean, cancelled: Promise<void> }) => Promise<{ columns?: any[], rows?: unknown[][], count?: number, ends?: boolean }>, begin?: () => Promise<unknown>, commit?: () => Promise<unknown>, rollback?: () => Promise<unknown>, note?: (text: string) => void }} EngineLike */

/** Throws for members that there are not. @template {object} T @param {T} object @returns {T} */
const strict = (object) => new Proxy(object, {
  get(target, key) {
    if (!(key in target) && typeof key === "string") throw new Error(`tedious has no ${key}, or our driver must not use it`);
    const value = Reflect.get(target, key, target);
    return typeof value === "function" ? value.bind(target) : value;
  },
  set(_target, key) {
    throw new Error(`our driver sets ${String(key)}`);
  },
});

/** @param {number} number of a server's error @param {object} [more] */
export const serverError = (number, more = {}) => Object.assign(new Error("words of the server"), { code: "EREQUEST", number, class: 16, ...more });

/** @param {EngineLike} engine */
export function tediousLike(engine) {
  const note = engine.note ?? (() => {});
  let made = 0;

  class Request extends EventEmitter {
    /** @type {Parameter[]} */
    parameters = [];
    /** @param {string} sql @param {(error: any, count?: number) => void} done */
    constructor(sql, done) {
      super();
      this.sql = sql;
      this.done = done;
    }

    /** @param {number} ms */
    setTimeout(ms) {
      if (ms !== 0) throw new Error("the driver's own time limit");
    }

    /** @param {string} name @param {any} type @param {unknown} value @param {any} [options] */
    addParameter(name, type, value, options = {}) {
      for (const key of Object.keys(options)) if (!["length", "precision", "scale"].includes(key)) throw new Error(`a parameter has no ${key}`);
      if (!Object.values(TYPES).includes(type)) throw new Error("a type that tedious does not have");
      if (name !== `p${this.parameters.length + 1}`) throw new Error(`the parameter ${name}`);
      this.parameters.push({ name, type, value, options });
    }
  }

  class Connection extends EventEmitter {
    inTransaction = false;
    #id = (made += 1);
    #isBusy = false;
    #isOpen = false;
    /** @type {() => void} */
    #cancel = () => {};

    /** @param {any} config */
    constructor(config) {
      super();
      const { useColumnNames, rowCollectionOnRequestCompletion, rowCollectionOnDone } = config.options;
      if (useColumnNames || rowCollectionOnRequestCompletion || rowCollectionOnDone) throw new Error("rows come as lists, one by one");
      this.config = config;
    }

    /** @param {(error?: any) => void} done */
    connect(done) {
      setImmediate(() => {
        try {
          engine.connect?.(this.config);
          this.#isOpen = true;
          note(`${this.#id} connected`);
          done();
        } catch (error) {
          done(error);
        }
      });
    }

    close() {
      if (this.#isOpen) note(`${this.#id} closed`);
      this.#isOpen = false;
      setImmediate(() => this.emit("end"));
    }

    cancel() {
      note(`${this.#id} cancel`);
      this.#cancel();
      return this.#isBusy;
    }

    /** @param {string} what @param {(() => Promise<unknown>) | undefined} body @param {boolean} after @param {(error?: any) => void} done */
    #transaction(what, body, after, done) {
      this.#begin();
      note(`${this.#id} ${what}`);
      Promise.resolve(body?.()).then(() => {
        this.inTransaction = after;
        this.#end(done);
      }, (error) => this.#end(done, error));
    }

    /** @param {(error?: any) => void} done */
    beginTransaction(done) {
      if (this.inTransaction) throw new Error("a transaction inside of another");
      this.#transaction("BEGIN", engine.begin, true, done);
    }

    /** @param {(error?: any) => void} done */
    commitTransaction(done) {
      this.#transaction("COMMIT", engine.commit, false, done);
    }

    /** @param {(error?: any) => void} done */
    rollbackTransaction(done) {
      this.#transaction("ROLLBACK", engine.rollback, false, done);
    }

    /** @param {(error?: any) => void} done */
    reset(done) {
      this.#transaction("reset", undefined, false, done);
    }

    #begin() {
      if (!this.#isOpen) throw new Error("the connection is not open");
      if (this.#isBusy) throw new Error("a connection runs one request at a time");
      this.#isBusy = true;
    }

    /** @param {(error?: any, count?: number) => void} done @param {any} [error] @param {number} [count] */
    #end(done, error, count) {
      this.#isBusy = false;
      setImmediate(() => done(error, count));
    }

    /** @param {Request} request */
    execSql(request) {
      this.#begin();
      note(`${this.#id} ${request.sql}`);
      try {
        for (const { type, value, options } of request.parameters) {
          type.declaration({ value, ...options });
          type.validate(value, undefined);
        }
      } catch (error) {
        this.#end(request.done, error);
        return;
      }
      const cancelled = /** @type {Promise<void>} */ (new Promise((resolve) => { this.#cancel = resolve; }));
      engine.run(request.sql, request.parameters, { inTransaction: this.inTransaction, cancelled }).then(({ columns, rows = [], count, ends }) => {
        if (ends) this.inTransaction = false;
        if (columns) request.emit("columnMetadata", columns);
        for (const row of rows) request.emit("row", row.map((value) => ({ value })));
        this.#end(request.done, undefined, count ?? rows.length);
      }, (error) => this.#end(request.done, error));
    }
  }

  return {
    TYPES,
    Request: /** @type {any} */ (function make(/** @type {string} */ sql, /** @type {any} */ done) { return new Request(sql, done); }),
    Connection: /** @type {any} */ (function make(/** @type {any} */ config) { return strict(new Connection(config)); }),
  };
}
