// SPDX-License-Identifier: MIT
// Options are refused when nobody knows them, never dropped.
import { HeavenBaseError } from "./errors.js";

/** @template {object} T @param {string} method @param {T | undefined | null} options @param {readonly string[]} names @returns {T} */
export function known(method, options, names) {
  if (options === undefined) return /** @type {T} */ ({});
  if (options === null || typeof options !== "object" || Array.isArray(options)) {
    throw new HeavenBaseError("TYPE", `${method} takes its options as one mapping`);
  }
  for (const key in options) {
    if (!names.includes(key)) throw new HeavenBaseError("TYPE", `${method} has no option '${key}'; expected one of: ${names.join(", ")}`);
  }
  const { signal, timeoutMs } = /** @type {{ signal?: unknown, timeoutMs?: unknown }} */ (options);
  if (timeoutMs !== undefined && !(typeof timeoutMs === "number" && timeoutMs >= 0)) {
    throw new HeavenBaseError("TYPE", `${method} takes timeoutMs as a number of milliseconds, zero or more`);
  }
  if (signal !== undefined && signal !== null && typeof (/** @type {any} */ (signal).addEventListener) !== "function") {
    throw new HeavenBaseError("TYPE", `${method} takes signal as an AbortSignal`);
  }
  return options;
}

// What the calls of a workspace take.
export const WAITING = ["signal", "timeoutMs"];
export const TRANSFERRING = [...WAITING, "onProgress"];
export const ALTERING = [...WAITING, "rename", "drop"];
export const READING = [...WAITING, "entity"];
export const DELETING = [...READING, "edges"];
export const GETTING = [...READING, "unique"];
export const UPSERTING = [...WAITING, "overwrite", "unknown"];
export const SETTING = [...READING, "overwrite", "unknown"];
export const EXECUTING = [...WAITING, "total", "pushdown"];
