// SPDX-License-Identifier: MIT
// How the checks of the conformance suite say what they found.
import { HeavenBaseError } from "./errors.js";

/** @typedef {import("./workspace.js").Workspace} Workspace */

/** Why a check does not apply. */
export class Skip extends Error {}

/** Equal only for equal values: bytes and vectors by their kind, mappings whatever their order. @param {unknown} value @returns {string} */
export function printed(value) {
  return JSON.stringify(value, (_, item) => {
    if (typeof item === "bigint") return { bigint: String(item) };
    if (item instanceof Float32Array || item instanceof Uint8Array) return { [item.constructor.name]: [...item] };
    return item !== null && typeof item === "object" && !Array.isArray(item) ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1))) : item;
  }) ?? "undefined";
}

/** @param {unknown} found @param {unknown} expected @param {string} what */
export function same(found, expected, what) {
  if (printed(found) !== printed(expected)) throw new Error(`${what}: expected ${printed(expected)}, found ${printed(found)}`);
}

/** The work must end with a typed error. @param {() => Promise<unknown>} work @param {string} what @param {string[]} codes */
export async function refused(work, what, codes) {
  let found;
  try {
    found = await work();
  } catch (error) {
    if (error instanceof HeavenBaseError && codes.includes(error.code)) return;
    throw new Error(`${what}: expected ${codes.join(" or ")}, found ${error}`, { cause: error });
  }
  throw new Error(`${what}: expected ${codes.join(" or ")}, found ${printed(found)}`);
}

/** @param {Workspace} ws */
export function durable(ws) {
  const lost = ws.backends.items().filter(([, backend]) => !backend.durable).map(([name]) => name);
  if (lost.length > 0) throw new Skip(`not durable: ${lost.join(", ")}`);
}
