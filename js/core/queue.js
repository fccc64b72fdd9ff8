// SPDX-License-Identifier: MIT
// Reads together, writes alone, in the order of the calls.
import { cancelled } from "../errors.js";

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

  /** Resolves when it is this call's turn, with the turn taken. @param {boolean} write @param {AbortSignal} [signal] @returns {Promise<void>} */
  turn(write, signal) {
    return new Promise((resolve, reject) => {
      /** @type {Waiting} */
      const waiting = { write, admit: () => {
        signal?.removeEventListener("abort", abort);
        resolve();
      } };
      const abort = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(cancelled(/** @type {AbortSignal} */ (signal)));
        this.#admit();
      };
      signal?.addEventListener("abort", abort, { once: true });
      this.#waiting.push(waiting);
      this.#admit();
    });
  }
}
