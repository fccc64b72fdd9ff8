// SPDX-License-Identifier: MIT
// Values that may be promises: what is there goes on at once.

/** @template T, U @param {T | Promise<T>} value @param {(value: T) => U | Promise<U>} next @returns {U | Promise<U>} */
export function then(value, next) {
  return value instanceof Promise ? value.then(next) : next(value);
}

/** As `then`, where the next thing gives a promise anyway. @template T, U @param {T | Promise<T>} value @param {(value: T) => Promise<U>} next @returns {Promise<U>} */
export function settled(value, next) {
  return value instanceof Promise ? value.then(next) : next(value);
}

/** @template T, U @param {readonly T[]} items @param {(item: T) => U | Promise<U>} work @returns {Promise<U[]>} */
export async function eachInTurn(items, work) {
  const results = [];
  for (const item of items) results.push(await work(item));
  return results;
}
