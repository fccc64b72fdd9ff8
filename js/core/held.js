// SPDX-License-Identifier: MIT
// Files that another process has for a moment: the call is made again until they are free, its time is over, or it is
// aborted. Nothing was written by a call that was refused so.
import { HeavenBaseError, cancelled } from "../errors.js";

/** How long a call waits for another process when it has no time limit of its own. It is longer than a killed process's lock lives. */
const WAIT_MS = 10000;
const PAUSE_MS_MAX = 40;

/** @param {unknown} error */
export const isHeld = (error) => error instanceof HeavenBaseError && error.code === "LOCKED" && error.native === "HELD";

/**
 * @template T
 * @param {T | Promise<T>} first the outcome of the first attempt @param {() => T | Promise<T>} work @param {{ signal?: AbortSignal, timeoutMs?: number, rest?: () => void }} [options]
 * `rest` gives back what is held while waiting, so that two processes never wait for each other
 * @returns {Promise<T>}
 */
export async function untilFree(first, work, { signal, timeoutMs = WAIT_MS, rest } = {}) {
  const end = Date.now() + timeoutMs;
  for (let result = first, pause = 5; ; pause = Math.min(pause * 2, PAUSE_MS_MAX)) {
    try {
      return await result;
    } catch (error) {
      if (!isHeld(error) || Date.now() + pause > end) throw error;
    }
    rest?.();
    await sleep(pause * (0.5 + Math.random()), signal);
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
