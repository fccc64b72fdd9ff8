// SPDX-License-Identifier: MIT
// JSON of the protocol: integers keep all their digits, doubles that JSON lacks are texts, bytes are {"$bytes": base64}.

/** @typedef {import("../host/sql.js").SqlResult} SqlResult */
/** @typedef {import("../host/sql.js").SqlColumn} SqlColumn */

/** Keys and other texts, and numbers. */
const TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
/** An integer that may be beyond 2^53 stands between these; what looks so inside of a text costs time only. */
const LONG_INTEGER = /[[,:\s]-?\d{16,}[\s,\]}]/;
/** Marks integers, and texts that begin with it; JSON has no other way to write it. */
const MARK = "\\u0000";

/** @param {string} token @param {string | undefined} text @param {string | undefined} colon */
function marked(token, text, colon) {
  if (text) return colon || !text.startsWith(`"${MARK}`) ? token : `"${MARK}t${text.slice(1)}`;
  return /^-?\d{16,}$/.test(token) && isLong(Number(token)) ? `"${MARK}i${token}"` : token;
}

/** @param {number} value beyond a double's range it is none of ours */
const isLong = (value) => !Number.isSafeInteger(value) && Number.isFinite(value);

/** @param {string} _key @param {any} value */
function unmarked(_key, value) {
  if (typeof value !== "string" || value[0] !== "\0") return value;
  return value[1] === "i" ? BigInt(value.slice(2)) : value.slice(2);
}

/** @param {string} text @returns {any} with bigints where a number would lose digits; throws SyntaxError, or RangeError when it is nested too deeply */
export const parseExact = (text) => (LONG_INTEGER.test(text) ? JSON.parse(text.replace(TOKEN, marked), unmarked) : JSON.parse(text));

/** @param {readonly SqlResult[]} results @returns {string} */
export const writeResults = (results) => `{"results":[${results.map(writeResult).join(",")}]}`;

/** @param {SqlResult} result */
function writeResult({ columns = [], rows = [], affected = 0 }) {
  const writers = columns.map((column) => WRITERS[typeof column === "object" && column.text ? column.text : "value"]);
  const lines = rows.map((row) => `[${/** @type {unknown[]} */ (row).map((cell, i) => (cell === null || cell === undefined ? "null" : writers[i](cell))).join(",")}]`);
  const names = columns.map((column) => JSON.stringify(typeof column === "string" ? column : column.name));
  return `{"columns":[${names.join(",")}],"rows":[${lines.join(",")}],"affected":${affected}}`;
}

/** Texts of the engine that are JSON already stay as they are. @type {Record<string, (cell: any) => string>} */
const WRITERS = {
  value: writeValue,
  boolean: (cell) => (typeof cell === "string" ? String(cell === "t") : writeValue(cell)),
  integer: (cell) => (typeof cell === "string" ? cell : writeValue(cell)),
  float: (cell) => (typeof cell !== "string" ? writeValue(cell) : /^-?\d/.test(cell) ? cell : JSON.stringify(cell)),
  bytes: (cell) => (typeof cell === "string" ? writeBytes(Buffer.from(cell.slice(2), "hex")) : writeValue(cell)),
};

/** A double that could be taken for a long integer has an exponent. @param {unknown} value */
function writeValue(value) {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : !Number.isFinite(value) ? JSON.stringify(String(value)) : Number.isInteger(value) && !Number.isSafeInteger(value) ? value.toExponential() : String(value);
  if (typeof value === "bigint" || typeof value === "boolean") return String(value);
  if (value instanceof Uint8Array) return writeBytes(value);
  return JSON.stringify(value instanceof Date ? value.toISOString() : JSON.stringify(value));
}

/** @param {Uint8Array} bytes */
const writeBytes = (bytes) => `{"$bytes":"${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64")}"}`;
