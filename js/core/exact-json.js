// SPDX-License-Identifier: MIT
// JSON of the core in which integers beyond 2^53 are bigints, as they are in rows.

/** Keys, other texts, and numbers. */
const TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
/** Marks integers, and texts that begin with it; JSON has no other way to write it. */
const MARK = "\\u0000";

/** @param {string} token @param {string | undefined} text @param {string | undefined} colon */
function marked(token, text, colon) {
  if (text) return colon || !text.startsWith(`"${MARK}`) ? token : `"${MARK}t${text.slice(1)}`;
  return /^-?\d{16,}$/.test(token) && !Number.isSafeInteger(Number(token)) ? `"${MARK}i${token}"` : token;
}

/** @param {string} _key @param {any} value */
function unmarked(_key, value) {
  if (typeof value !== "string" || value[0] !== "\0") return value;
  return value[1] === "i" ? BigInt(value.slice(2)) : value.slice(2);
}

/** @param {string} text @returns {any} */
export const exactJson = (text) => (/\d{16}/.test(text) ? JSON.parse(text.replace(TOKEN, marked), unmarked) : JSON.parse(text));

/** Are two such values the same, members in the same order? @param {any} a @param {any} b */
export const isSameJson = (a, b) => textOf(a) === textOf(b);

/** @param {any} value */
const textOf = (value) => JSON.stringify(value, (_key, item) => (typeof item === "bigint" ? `${item}n` : item));
