// SPDX-License-Identifier: MIT
// When a call may work: reads together, writes alone, in the order in which they were called, and writes after the
// functions of earlier ones. What is free to go works at once, under one resolved promise.
import { within } from "./compute.js";
import { HeavenBaseError, cancelled } from "./errors.js";
import { Holder, isHeld, untilFree } from "./core/held.js";
import { Queue } from "./core/queue.js";
import { whenCopied } from "./host/files.js";

/** @typedef {import("./types.js").CallOptions} CallOptions */
/** @typedef {{ id: string, timeoutMs?: number, session: import("./host/files.js").FileSession, durability: "strict" | "relaxed", idle: () => void }} Place `idle` gives the files to other processes */

export class Turns {
  #place;
  #queue = new Queue();
  #closed = false;
  /** Where others may want the files. @type {Holder | undefined} */
  #holder;
  /** The last of the writes whose functions are under way: writes keep their order, reads go on. @type {Promise<void> | null} */
  #computing = null;

  /** @param {Place} place */
  constructor(place) {
    this.#place = place;
    if (place.session.persistence === "node") this.#holder = new Holder(() => this.#queue.isFree(true), place.idle);
  }

  get closed() {
    return this.#closed;
  }

  /** The last of the writes whose functions are under way. */
  get computing() {
    return this.#computing;
  }

  /** @param {CallOptions} options @returns {CallOptions} with the workspace's time limit */
  waiting({ signal, timeoutMs = this.#place.timeoutMs }) {
    return { signal, timeoutMs };
  }

  /** Takes its turn and works; synchronously when nobody is in the way. @template T @param {boolean} write @param {CallOptions | undefined} options @param {() => T | Promise<T>} work @returns {Promise<T>} */
  run(write, options, work) {
    const signal = options?.signal;
    if (this.#closed) return Promise.reject(new HeavenBaseError("CLOSED", `workspace '${this.#place.id}' is closed`));
    if (signal?.aborted) return Promise.reject(cancelled(signal));
    if (write && this.#computing) return this.#afterComputing(options ?? {}, () => this.enter(write, options, work));
    return this.enter(write, options, work);
  }

  /** As `run`, whatever functions are under way. @template T @param {boolean} write @param {CallOptions | undefined} options @param {() => T | Promise<T>} work @returns {Promise<T>} */
  enter(write, options, work) {
    const queue = this.#queue;
    if (!queue.isFree(write)) {
      const { signal, timeoutMs } = this.waiting(options ?? {});
      return queue.turn(write, signal, timeoutMs).then(() => this.#finish(write, options, work));
    }
    if (!write) return this.#look(options, work);
    queue.enter(write);
    return this.#finish(write, options, work);
  }

  /** A read that need not wait for its turn: it takes one only when the host has something to do. @template T @param {CallOptions | undefined} options @param {() => T | Promise<T>} work @returns {Promise<T>} */
  #look(options, work) {
    let result;
    try {
      result = work();
    } catch (error) {
      result = /** @type {Promise<T>} */ (Promise.reject(error));
      if (!isHeld(error)) return result;
    }
    if (result instanceof Promise) {
      /** @type {Promise<T> | null} */
      let begun = result;
      this.#queue.enter(false);
      return this.#finish(false, options, () => {
        const attempt = begun ?? work();
        begun = null;
        return attempt;
      });
    }
    this.#holder?.rest();
    return Promise.resolve(result);
  }

  /** @template T @param {boolean} write @param {CallOptions | undefined} options @param {() => T | Promise<T>} work @returns {Promise<T>} */
  #finish(write, options, work) {
    const { session, idle } = this.#place;
    const end = () => {
      this.#queue.leave(write);
      if (write) session.wrote();
      this.#holder?.rest();
    };
    const durable = (/** @type {T} */ value) => (write ? whenCopied(this.#place, value) : Promise.resolve(value));
    let result;
    try {
      result = work();
    } catch (error) {
      if (!isHeld(error)) {
        end();
        return Promise.reject(error);
      }
      result = /** @type {Promise<T>} */ (Promise.reject(error));
    }
    if (result instanceof Promise) return untilFree(result, work, { ...options, ...this.waiting(options ?? {}), rest: idle }).finally(end).then(durable);
    end();
    return durable(result);
  }

  /** Work that writes, when the functions of earlier writes are through. @template T @param {CallOptions} options @param {() => Promise<T>} work @returns {Promise<T>} */
  #afterComputing(options, work) {
    const before = this.#computing;
    const after = (async () => {
      await within(Promise.resolve(before), this.waiting(options));
      return work();
    })();
    return this.keepOrder(after);
  }

  /** Later writes wait for this one. @template T @param {Promise<T>} write @returns {Promise<T>} */
  keepOrder(write) {
    const settled = write.then(() => {}, () => {}).then(() => {
      if (this.#computing === settled) this.#computing = null;
    });
    this.#computing = settled;
    return write;
  }

  /** The last turn: nothing is admitted behind it. @param {() => Promise<void>} work @returns {Promise<void>} */
  end(work) {
    const ended = this.run(true, undefined, () => {
      this.#holder?.end();
      return work();
    });
    this.#closed = true;
    return ended;
  }
}
