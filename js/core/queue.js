// SPDX-License-Identifier: MIT
// Reads together, writes alone, in the order of the calls.
import { HeavenBaseError, cancelled } from "../errors.js";

/** @typedef {{ write: boolean, admit: () => void }} Waiting */

export class Queue {
  #readers = 0;
  #writing = false;
  /** @type {Waiting[]} */
  #waiting = [];

  /** May a call start now, without waiting? @param {boolean} write */
  isFree(write) {
    return !this.#writing && this.#waiting.length === 0 && !(write && this.#readers > 0);
  }

  /** Starts a call; `isFree` was true. @param {boolean} write */
  enter(write) {
    if (write) this.#writing = true;
    else this.#readers++;
  }

  /** @param {boolean} write */
  leave(write) {
    if (write) this.#writing = false;
    else this.#readers--;
    this.#admit();
  }

  #admit() {
    while (this.#waiting.length > 0) {
      const { write, admit } = this.#waiting[0];
      if (this.#writing || (write && this.#readers > 0)) return;
      this.#waiting.shift();
      this.enter(write);
      admit();
    }
  }

  /** Resolves when it is this call's turn, with the turn taken. @param {boolean} write @param {AbortSignal} [signal] @param {number} [timeoutMs] @returns {Promise<void>} */
  turn(write, signal, timeoutMs) {
    return new Promise((resolve, reject) => {
      const forget = () => {
        signal?.removeEventListener("abort", abort);
        clearTimeout(timer);
      };
      /** @type {Waiting} */
      const waiting = { write, admit: () => {
        forget();
        resolve();
      } };
      const leave = (/** @type {Error} */ reason) => {
        forget();
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(reason);
        this.#admit();
      };
      const abort = () => leave(cancelled(/** @type {AbortSignal} */ (signal)));
      const timer = timeoutMs === undefined ? undefined
        : setTimeout(() => leave(new HeavenBaseError("TIMEOUT", `it was not the call's turn within ${timeoutMs} ms`)), timeoutMs);
      signal?.addEventListener("abort", abort, { once: true });
      this.#waiting.push(waiting);
      this.#admit();
    });
  }
}
