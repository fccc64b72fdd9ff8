// SPDX-License-Identifier: MIT
// What the reference stores for a value, and where we refuse it (design D3, D5, D6, D8, D10).
// A `touch` is {number, mode}: "must" refuse, "may" refuse, "store" as given.
import { isObject } from "./values.mjs";

const TEXT = new Set(["short-text", "medium-text", "long-text", "identifier"]);
const TRUE = new Set(["true", "1", "yes", "on"]);
const FALSE = new Set(["false", "0", "no", "off", ""]);
const NONE = new Set(["null", "none", "nil", "nan", "na"]);
const NOT_FINITE = /^[+-]?(nan|inf|infinity)$/i;
/** Numbers as Python alone writes them: "1_000", digits of other scripts. */
const PYTHON_NUMBER = /^[+-]?(?=.*(_|[^\x00-\x7f]))[\p{Nd}_]+(\.[\p{Nd}_]+)?$/u;
const INT64 = [-(2n ** 63n), 2n ** 63n - 1n];

/** Thrown where the reference refuses a value too. */
export class Refused extends Error {}

const isHuge = (value) => typeof value === "bigint" && (value < INT64[0] || value > INT64[1]);

/** Whether a value or one inside it passes a test. */
function holds(value, test) {
  if (Array.isArray(value)) return value.some((item) => holds(item, test));
  return isObject(value) ? Object.values(value).some((item) => holds(item, test)) : test(value);
}

/** Python's str() of a JSON value, as the reference turns anything into text. */
export function pythonText(value) {
  if (typeof value === "string") return value;
  return pythonRepr(value);
}

function pythonRepr(value) {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  if (Array.isArray(value)) return `[${value.map(pythonRepr).join(", ")}]`;
  if (isObject(value)) {
    return `{${Object.entries(value).map(([k, v]) => `${pythonRepr(k)}: ${pythonRepr(v)}`).join(", ")}}`;
  }
  if (value instanceof Date) return value.toISOString();
  const quote = value.includes("'") && !value.includes('"') ? '"' : "'";
  const escaped = value.replaceAll("\\", "\\\\").replaceAll(quote, `\\${quote}`)
    .replaceAll("\n", "\\n").replaceAll("\r", "\\r").replaceAll("\t", "\\t");
  return quote + escaped + quote;
}

export function isTextType(type) {
  return TEXT.has(type.kind) || (type.kind === "categorical" && type.base === "string");
}

/** A text that Python alone reads as a number, in everybody's spelling (D21). */
function plainNumber(value, touches) {
  if (typeof value !== "string" || !PYTHON_NUMBER.test(value.trim())) return value;
  touches.push({ number: "D21", mode: "may", absent: true });
  return value.replaceAll("_", "").replace(/\p{Nd}/gu, (digit) => String(digitValue(digit.codePointAt(0))));
}

/** Decimal digits come in runs of ten. */
function digitValue(code) {
  let below = 0;
  while (below < 9 && /\p{Nd}/u.test(String.fromCodePoint(code - below - 1))) below++;
  return below;
}

function integer(value) {
  if (typeof value === "bigint") return value;
  if (typeof value === "boolean") return Number(value);
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new Refused("not an integer");
    return Math.trunc(value);
  }
  if (typeof value === "string" && /^\s*[+-]?\d+\s*$/.test(value)) {
    const big = BigInt(value.trim().replace(/^\+/, ""));
    return Number.isSafeInteger(Number(big)) ? Number(big) : big;
  }
  throw new Refused("not an integer");
}

function real(value) {
  if (typeof value === "boolean" || typeof value === "bigint") return Number(value);
  if (typeof value === "number") return value;
  if (typeof value === "string" && NOT_FINITE.test(value.trim())) return NaN;
  if (typeof value === "string" && value.trim() !== "" && !/^\s*[+-]?0[xbo]/i.test(value)
    && !Number.isNaN(Number(value))) return Number(value);
  throw new Refused("not a number");
}

function boolean(value, touches) {
  if (typeof value === "boolean") return value;
  if (value instanceof Date) touches.push({ number: "D21", mode: "may", absent: true });
  if (typeof value === "number") {
    if (value !== 0 && value !== 1) throw new Refused("not a boolean");
    return value === 1;
  }
  if (typeof value === "string") {
    const word = value.trim().toLowerCase();
    if (TRUE.has(word)) return true;
    if (FALSE.has(word)) return false;
    if (NONE.has(word)) return null;
    if (/^\d{4}-\d{2}-\d{2}$/.test(value)) {       // a native date, which Python takes for true
      touches.push({ number: "D21", mode: "may", absent: true });
      return true;
    }
    throw new Refused("not a boolean");
  }
  return Array.isArray(value) ? value.length > 0 : isObject(value) ? Object.keys(value).length > 0 : Boolean(value);
}

const STAMP = /^(\d{4})-?(\d{2})-?(\d{2})(?:[T ](\d{2})(?::?(\d{2})(?::?(\d{2})(?:[.,](\d{1,9}))?)?)?)?\s*(Z|[+-]\d{2}(?::?\d{2}(?::?\d{2})?)?)?$/;

/** ISO text to microseconds since 1970 as a bigint. */
function microseconds(text) {
  const m = STAMP.exec(text.trim());
  if (!m) throw new Refused("not a timestamp");
  const [year, month, day, hour, minute, second] = m.slice(1, 7).map((part) => Number(part ?? 0));
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (year === 0 || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) throw new Refused("no such day");
  if (hour > 23 || minute > 59 || second > 59) throw new Refused("no such time");
  const [hours = 0, minutes = 0, seconds = 0] = (m[8] ?? "").match(/\d{2}/g)?.map(Number) ?? [];
  const zone = (m[8]?.[0] === "-" ? -1 : 1) * ((hours * 60 + minutes) * 60 + seconds);
  const whole = BigInt(date.getTime() + ((hour * 60 + minute) * 60 + second - zone) * 1000) * 1000n;
  return whole + BigInt((m[7] ?? "0").padEnd(6, "0").slice(0, 6));
}

function timestamp(type, value, touches) {
  const per = { s: 1000000n, ms: 1000n, us: 1n }[type.unit] ?? 1000n;
  if (typeof value === "boolean") throw new Refused("bool");
  if (value instanceof Date) return floorDivide(BigInt(value.getTime()) * 1000n, per);
  if (typeof value === "string" && PYTHON_STAMP.test(value.trim())) {
    touches.push({ number: "D21", mode: "may", absent: true });
    return BigInt(Math.max(type.min, 0));
  }
  if (typeof value === "string") return floorDivide(microseconds(value), per);
  if (typeof value === "bigint") return value;
  if (typeof value === "number" && Number.isFinite(value)) return BigInt(Math.trunc(value));
  throw new Refused("not a timestamp");
}

function floorDivide(a, b) {
  const q = a / b;
  return a % b < 0n ? q - 1n : q;
}

/** Times as Python alone takes them: of a week, with any separator, with a space before the zone (D21). */
const PYTHON_STAMP = /^\d{4}-?W\d{2}(-?\d)?|^\d{4}-\d{2}-\d{2}[^T \d]\d{2}(:\d{2}|$)|\d\s+[+-]\d{2}:?\d{2}$/i;

/** Dates as Python alone takes them: "2024-W01-1", "20240102" (D21). */
const PYTHON_DATE = /^\d{4}-?W\d{2}(-?\d)?$|^\d{8}$/;

function date(value, touches) {
  if (typeof value === "string" && PYTHON_DATE.test(value.trim())) {
    touches.push({ number: "D21", mode: "may", absent: true });
    return /^\d{8}$/.test(value.trim()) ? value.trim().replace(/(....)(..)(..)/, "$1-$2-$3") : value;
  }
  if (value instanceof Date) return value.toISOString().slice(0, 10);
  if (typeof value !== "string" || !/^\s*\d{4}-\d{2}-\d{2}\s*$/.test(value)) throw new Refused("not a date");
  microseconds(value);
  return value.trim();
}

function categorical(type, value, touches) {
  if (type.base === "integer") {
    const plain = plainNumber(value, touches);
    const number = typeof plain === "boolean" ? NaN : typeof plain === "string" ? Number(plain || NaN) : plain;
    if (!type.values.includes(number)) throw new Refused("not a member");
    return number;
  }
  const text = asText(value, touches);
  if (!type.values.includes(text)) throw new Refused("not a member");
  return text;
}

function asText(value, touches) {
  if (typeof value === "boolean" || Array.isArray(value) || isObject(value)) touches.push({ number: "D10", mode: "must" });
  if (value instanceof Date) touches.push({ number: "D10", mode: "must", absent: true });     // written with the zone it came with
  if (typeof value === "number" && !Number.isFinite(value)) touches.push({ number: "D3", mode: "must", absent: true });
  if (isHuge(value)) touches.push({ number: "D6", mode: "may" });
  return pythonText(value);
}

function nullItem(type, touches) {
  const stored = requiredNull(type);
  touches.push({ number: "D5", mode: "may", absent: stored === undefined });
  return stored;
}

/** What a required null becomes in the reference; undefined where it stays null. */
export function requiredNull(type) {
  switch (type.kind) {
    case "short-text": case "medium-text": case "long-text": return "";
    case "array": case "hyper-g": return [];
    case "artifact": return new Uint8Array(0);
    case "timestamp": return Math.min(Math.max(Math.trunc(Date.now() * ({ s: 0.001, us: 1000 }[type.unit] ?? 1)), type.min), type.max);
    case "boolean": case "categorical": case "json": return undefined;
    default: throw new Refused("null");
  }
}

function column(type, value, touches) {
  if (!type.required && (value === null || value === undefined)) return null;
  return coerce(type.type, value, touches);
}

function hyperItem(type, item, touches) {
  const values = Array.isArray(item)
    ? Object.fromEntries(type.columns.map((one, index) => [one.name, item[index]])) : item;
  if (!isObject(values)) throw new Refused("not an item");
  if (Array.isArray(item) && item.length !== type.columns.length) throw new Refused("length");
  const out = {};
  for (const key of Object.keys(values)) {
    if (!type.columns.some((one) => one.name === key)) throw new Refused("unknown column");
  }
  for (const one of type.columns) {
    if ((values[one.name] ?? null) === null && one.required) throw new Refused("missing column");
    if (values[one.name] !== undefined) out[one.name] = column(one, values[one.name], touches);
  }
  return out;
}

/** A non-null value as the reference stores it; appends to `touches` where we differ. */
export function coerce(type, value, touches) {
  switch (type.kind) {
    case "short-text": case "medium-text": case "long-text": case "identifier": {
      const text = asText(value, touches);
      if (Array.from(text).length > type.maxChars) throw new Refused("too long");
      if (type.kind === "identifier" && text === "") throw new Refused("empty");
      return text;
    }
    case "integer": {
      const number = integer(plainNumber(value, touches));
      const big = BigInt(number);
      if (big < INT64[0] || big > INT64[1]) touches.push({ number: "D6", mode: "must", absent: true });
      return number;
    }
    case "float": {
      const number = real(plainNumber(value, touches));
      if (isHuge(value)) touches.push({ number: "D6", mode: "may" });
      if (!Number.isFinite(number)) touches.push({ number: "D3", mode: "must", absent: true });
      return number;
    }
    case "boolean": return boolean(value, touches);
    case "duration": {
      if (typeof value === "boolean") throw new Refused("bool");
      const number = integer(plainNumber(value, touches));
      if (number < 0) throw new Refused("negative");
      if (BigInt(number) > INT64[1]) touches.push({ number: "D6", mode: "may", absent: true });
      return number;
    }
    case "date": return date(value, touches);
    case "timestamp": {
      const stamp = timestamp(type, value, touches);
      const bounded = stamp < BigInt(type.min) ? type.min : stamp > BigInt(type.max) ? type.max : stamp;
      if (bounded !== stamp) touches.push({ number: "D6", mode: "must" });
      return Number(bounded);
    }
    case "categorical": return categorical(type, value, touches);
    case "json":
      if (holds(value, isHuge)) touches.push({ number: "D6", mode: "may", absent: true });
      if (typeof value !== "string") return value;
      touches.push({ number: "D8", mode: "store", absent: PYTHON_JSON.test(value) });
      return parseJsonText(value);
    case "vector": {
      if (!Array.isArray(value)) throw new Refused("not a list");
      if (type.dim && value.length !== type.dim) throw new Refused("dimension");
      const numbers = value.map((item) => real(item === null ? "x" : item));
      if (!numbers.every(Number.isFinite)) touches.push({ number: "D3", mode: "must", absent: true });
      else if (!numbers.every((one) => Number.isFinite(Math.fround(one)))) touches.push({ number: "D22", mode: "may", absent: true });
      return numbers;
    }
    case "array":
      if (isObject(value)) {        // Python lists the keys of a mapping
        touches.push({ number: "D21", mode: "may", absent: true });
        return coerce(type, Object.keys(value), touches);
      }
      if (!Array.isArray(value)) throw new Refused("not a list");
      if (!type.item) {
        if (holds(value, isHuge)) touches.push({ number: "D6", mode: "may", absent: true });
        return value;
      }
      return value.map((item) => (item === null ? nullItem(type.item, touches)
        : coerce(type.item, item, touches)));
    case "hyper-g":
      if (!Array.isArray(value)) throw new Refused("not a list");
      return value.map((item) => hyperItem(type, item, touches));
    default: return value;
  }
}

/** Python reads these outside of texts in JSON, and no one else. */
const PYTHON_JSON = /^[^"]*(NaN|Infinity)/;

/** The reference decodes a Json text, and once more when that gives a text. */
function parseJsonText(text) {
  try {
    const first = JSON.parse(PYTHON_JSON.test(text) ? text.replace(/-?(NaN|Infinity)/g, "null") : text);
    return typeof first === "string" ? JSON.parse(first) : first;
  } catch {
    throw new Refused("not JSON text");
  }
}
