// SPDX-License-Identifier: MIT
// Waiting for a connection of a pool, or for a place.

/**
 * A connection, as `connect` gives it; one that comes when nobody waits any more goes back.
 * @template {{ release: () => unknown }} C @param {() => Promise<C>} connect @param {AbortSignal} signal @returns {Promise<C>}
 */
export function taken(connect, signal) {
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(signal.reason);
    signal.addEventListener("abort", giveUp, { once: true });
    connect().then((connection) => {
      signal.removeEventListener("abort", giveUp);
      if (signal.aborted) connection.release();
      else resolve(connection);
    }, reject);
  });
}

/** So many at a time; the others wait, the first one first. */
export class Places {
  #free;
  /** @type {(() => void)[]} */
  #waiting = [];

  /** @param {number} count */
  constructor(count) {
    this.#free = count;
  }

  /** A place, as the function that gives it back. @param {AbortSignal} signal @returns {Promise<() => void>} */
  async take(signal) {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free -= 1;
    else await this.#turn(signal);
    let isTaken = true;
    return () => {
      if (isTaken) this.#pass();
      isTaken = false;
    };
  }

  /** @param {AbortSignal} signal @returns {Promise<void>} */
  #turn(signal) {
    return new Promise((resolve, reject) => {
      const go = () => {
        signal.removeEventListener("abort", giveUp);
        resolve();
      };
      const giveUp = () => {
        this.#waiting = this.#waiting.filter((one) => one !== go);
        reject(signal.reason);
      };
      signal.addEventListener("abort", giveUp, { once: true });
      this.#waiting.push(go);
    });
  }

  #pass() {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free += 1;
  }
}
