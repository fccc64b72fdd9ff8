// SPDX-License-Identifier: MIT
// The portable JSON spec on its way out: operands that JSON would bend (int64, vectors, bytes, dates, long texts)
// travel as numbered parameters beside it.
import { fitsI64 } from "./core/pack.js";
import { HeavenBaseError } from "./errors.js";
import { Expr, FieldRef, Operand } from "./expr.js";

const INLINE_CHARS_MAX = 256;
const INLINE_ITEMS_MAX = 64;

/** @typedef {{ text: string, params: unknown[] }} EncodedSpec */

/**
 * `all`: every operand becomes a parameter, so that a prepared query can be run with others.
 * @param {unknown} spec @param {readonly unknown[]} [given] parameters that the spec already speaks of
 * @param {{ all?: boolean }} [options] @returns {EncodedSpec}
 */
export function encodeSpec(spec, given = [], { all = false } = {}) {
  const params = [...given];
  const text = JSON.stringify(encode(spec, params, all, 0));
  if (text === undefined) throw new HeavenBaseError("TYPE", "a query is a mapping");
  return { text, params };
}

/** @param {unknown} value @param {unknown[]} params */
function param(value, params) {
  return { $param: params.push(value) - 1 };
}

/** Places whose plain values are operands, not words of the language. */
const OPERAND_KEYS = new Set(["eq", "ne", "lt", "lte", "gt", "gte", "in", "match", "contains", "starts_with", "ends_with", "like", "ilike",
  "wildcard", "regex", "has_words", "array_contains", "contained_in", "query"]);

/** @param {unknown} value @param {unknown[]} params @param {boolean} all @param {number} depth @returns {unknown} */
function encode(value, params, all, depth) {
  switch (typeof value) {
    case "string": return value.length > INLINE_CHARS_MAX ? param(value, params) : value;
    case "number": return Number.isFinite(value) ? value : param(value, params);
    // Beyond 64 bits the core is given the float that any JSON reader makes of it, and refuses it by field.
    case "bigint": return Number.isSafeInteger(Number(value)) || !fitsI64(value) ? Number(value) : param(value, params);
    case "boolean": case "undefined": return value;
    case "object": return value === null ? null : encodeObject(value, params, all, depth);
    default: throw new HeavenBaseError("TYPE", `a ${typeof value} has no place in a query`);
  }
}

/** @param {object} value @param {unknown[]} params @param {boolean} all @param {number} depth @returns {unknown} */
function encodeObject(value, params, all, depth) {
  if (depth > 256) throw new HeavenBaseError("LIMIT", "the query nests too deeply, or contains itself");
  if (value instanceof Operand) return param(value.value, params);
  if (value instanceof Expr) return encode(value.filter, params, all, depth + 1);
  if (value instanceof FieldRef) return value.columnName;
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof Date) return param(value, params);
  if (value instanceof Set) return encodeList([...value], params, all, depth);
  if (Array.isArray(value)) return encodeList(value, params, all, depth);
  const pairs = value instanceof Map ? [...value] : Object.entries(value);
  return Object.fromEntries(pairs.map(([key, item]) => {
    const fixed = all && OPERAND_KEYS.has(key) && item !== null && !isMapping(item);
    return [key, fixed ? param(item instanceof Operand ? item.value : item, params) : encode(item, params, all, depth + 1)];
  }));
}

/** @param {unknown} value */
const isMapping = (value) => typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;

/** @param {unknown[]} items @param {unknown[]} params @param {boolean} all @param {number} depth */
function encodeList(items, params, all, depth) {
  const scalar = items.every((item) => typeof item !== "object" || item === null);
  return scalar && items.length > INLINE_ITEMS_MAX ? param(items, params) : items.map((item) => encode(item, params, all, depth + 1));
}

/** The same spec as plain JSON: vectors as lists, integers beyond 2^53 as decimal text, dates as ISO text, bytes as base64. @param {any} value @returns {any} */
export function plainSpec(value) {
  if (value === null || typeof value !== "object") return typeof value === "bigint" ? plainInteger(value) : value;
  if (value instanceof Operand) return plainSpec(value.value);
  if (value instanceof Expr) return plainSpec(value.filter);
  if (value instanceof FieldRef) return value.columnName;
  if (value instanceof Date) return value.toISOString();
  if (value instanceof ArrayBuffer) return base64(new Uint8Array(value));
  if (value instanceof Uint8Array) return base64(value);
  if (ArrayBuffer.isView(value)) return Array.from(/** @type {Float32Array} */ (value));
  if (value instanceof Set || Array.isArray(value)) return [...value].map(plainSpec);
  const pairs = value instanceof Map ? [...value] : Object.entries(value);
  return Object.fromEntries(pairs.filter((pair) => pair[1] !== undefined).map(([key, item]) => [key, plainSpec(item)]));
}

/** @param {bigint} value */
const plainInteger = (value) => (Number.isSafeInteger(Number(value)) ? Number(value) : String(value));
/** @param {Uint8Array} bytes */
const base64 = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
