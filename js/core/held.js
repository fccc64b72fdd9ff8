// SPDX-License-Identifier: MIT
// Files that another process has for a moment: the call is made again until they are free, its time is over, or it is
// aborted. Nothing was written by a call that was refused so.
import { HeavenBaseError, cancelled } from "../errors.js";

/** How long a call waits for another process when it has no time limit of its own. It is longer than a killed process's lock lives. */
const WAIT_MS = 10000;
/** And at least so many attempts, which take less than that time unless the machine is so busy that the holder does as little as we. */
const ATTEMPTS_MIN = 100;
const PAUSE_MS_MAX = 40;
/** Without a call for one or two of these, the files are free for others. */
const REST_MS = 10;

/** @param {unknown} error */
export const isHeld = (error) => error instanceof HeavenBaseError && error.code === "LOCKED" && error.native === "HELD";

/** All of this program, whatever module they were opened with. @type {Set<Holder>} */
const holders = new Set();

/** An open workspace that holds files against others while it is busy. */
export class Holder {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #resting;
  #used = false;
  #ended = false;
  #isFree;
  #idle;

  /** @param {() => boolean} isFree is no call under way? @param {() => void} idle gives the files back */
  constructor(isFree, idle) {
    this.#isFree = isFree;
    this.#idle = idle;
    holders.add(this);
    this.rest();
  }

  /** After a call: the files are given back once nothing was done for a while. */
  rest() {
    if (this.#ended) return;
    this.#used = true;
    this.#resting ??= setTimeout(() => {
      this.#resting = undefined;
      if (!this.#used && this.#isFree()) return this.#idle();
      this.rest();
      this.#used = false;
    }, REST_MS);
  }

  /** At once, unless a call is under way. */
  giveBack() {
    if (this.#isFree()) this.#idle();
  }

  end() {
    this.#ended = true;
    clearTimeout(this.#resting);
    holders.delete(this);
  }
}

/**
 * Files that another workspace of this program has are free at once, if it is not in the middle of a call; those of
 * another process after a while.
 * @template T
 * @param {T | Promise<T>} first the outcome of the first attempt @param {() => T | Promise<T>} work @param {{ signal?: AbortSignal, timeoutMs?: number, rest?: () => void }} [options]
 * `rest` gives back what is held while waiting, so that two processes never wait for each other
 * @returns {Promise<T>}
 */
export async function untilFree(first, work, { signal, timeoutMs, rest } = {}) {
  const end = Date.now() + (timeoutMs ?? WAIT_MS);
  for (let result = first, turn = 0; ; turn++) {
    const pause = turn === 0 ? 0 : Math.min(5 * 2 ** turn, PAUSE_MS_MAX) * (0.5 + Math.random());
    try {
      return await result;
    } catch (error) {
      const isEnough = timeoutMs !== undefined || turn >= ATTEMPTS_MIN;
      if (!isHeld(error) || (isEnough && Date.now() + pause > end)) throw error;
    }
    rest?.();
    for (const holder of holders) holder.giveBack();
    if (turn > 0) await sleep(pause, signal);
    result = attempt(work);
  }
}

/** @template T @param {() => T | Promise<T>} work @returns {T | Promise<T>} */
export function attempt(work) {
  try {
    return work();
  } catch (error) {
    return Promise.reject(error);
  }
}

/** @param {number} ms @param {AbortSignal} [signal] @returns {Promise<void>} */
function sleep(ms, signal) {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(cancelled(/** @type {AbortSignal} */ (signal)));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted) abort();
  });
}
