// SPDX-License-Identifier: MIT
// Waiting for a connection of a pool.

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
