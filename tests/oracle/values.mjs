// SPDX-License-Identifier: MIT
// Tagged values of the case files, normal form of answers, and equality (README.md 3 and 4).

const SAFE = Number.MAX_SAFE_INTEGER;

/** True for a plain mapping (not an array, not a typed array, not a Date). */
export function isObject(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value)
    && !ArrayBuffer.isView(value) && !(value instanceof Date);
}

function tagOf(value) {
  if (!isObject(value)) return null;
  const keys = Object.keys(value);
  return keys.length === 1 && keys[0].startsWith("$$") ? keys[0] : null;
}

/** A tagged value of a case file as the value a JavaScript caller would pass. */
export function decode(value) {
  if (Array.isArray(value)) return value.map(decode);
  switch (tagOf(value)) {
    case "$$int": return BigInt(value.$$int);
    case "$$num": return { nan: NaN, inf: Infinity, "-inf": -Infinity }[value.$$num];
    case "$$datetime": return new Date(value.$$datetime);
    case "$$date": return value.$$date;
    default:
  }
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, decode(item)]));
}

/** One value of an answer in the normal form of the case files. */
export function normal(value) {
  if (value === undefined || value === null) return null;
  if (typeof value === "bigint") {
    return value >= -BigInt(SAFE) && value <= BigInt(SAFE) ? Number(value) : { $$int: String(value) };
  }
  if (typeof value === "number" && !Number.isFinite(value)) {
    return { $$num: Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf" };
  }
  if (value instanceof Date) return value.getTime();
  if (value instanceof Uint8Array) return { $$bytes: Buffer.from(value).toString("base64") };
  if (ArrayBuffer.isView(value)) return Array.from(value, normal);
  if (Array.isArray(value)) return value.map(normal);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, normal(item)]));
}

/** A row: top-level nulls dropped, the ignored columns dropped. */
export function normalRow(row, ignore = []) {
  if (row === null || row === undefined) return null;
  const out = {};
  for (const [key, value] of Object.entries(row)) {
    const item = normal(value);
    if (item !== null && !ignore.includes(key)) out[key] = item;
  }
  return out;
}

function numbersEqual(a, b) {
  const difference = Math.abs(a - b);
  return difference <= 1e-9 || difference <= 1e-5 * Math.max(Math.abs(a), Math.abs(b));
}

/** A tagged integer and a float of the same size meet when one side recorded 6 digits only. */
function bigAsNumber(value) {
  return tagOf(value) === "$$int" ? Number(value.$$int) : null;
}

/** Equality of two values in normal form. */
export function equal(a, b) {
  if (typeof a === "number" && typeof b === "number") return numbersEqual(a, b);
  if (typeof a === "number" && !Number.isSafeInteger(a) && bigAsNumber(b) !== null) {
    return numbersEqual(a, bigAsNumber(b));
  }
  if (typeof b === "number" && !Number.isSafeInteger(b) && bigAsNumber(a) !== null) {
    return numbersEqual(bigAsNumber(a), b);
  }
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length
      && a.every((item, index) => equal(item, b[index]));
  }
  if (isObject(a) && isObject(b)) {
    const keys = Object.keys(a);
    return keys.length === Object.keys(b).length
      && keys.every((key) => Object.hasOwn(b, key) && equal(a[key], b[key]));
  }
  return a === b;
}

/** Multiset equality; rows with an object_id pair up quickly, the rest by search. */
export function sameMultiset(expected, actual) {
  if (expected.length !== actual.length) return false;
  const order = (rows) => [...rows].sort((x, y) => compareText(String(x?.object_id ?? ""),
    String(y?.object_id ?? "")));
  const [left, right] = [order(expected), order(actual)];
  if (left.every((row, index) => equal(row, right[index]))) return true;
  const rest = [...actual];
  return expected.every((row) => {
    const at = rest.findIndex((other) => equal(row, other));
    if (at < 0) return false;
    rest.splice(at, 1);
    return true;
  });
}

/** Text order by code point (JavaScript's own order is by UTF-16 unit). */
export function compareText(a, b) {
  if (a === b) return 0;
  const [left, right] = [Array.from(a), Array.from(b)];
  const length = Math.min(left.length, right.length);
  for (let i = 0; i < length; i++) {
    if (left[i] !== right[i]) return left[i].codePointAt(0) - right[i].codePointAt(0);
  }
  return left.length - right.length;
}
