// SPDX-License-Identifier: MIT
// An independent brute-force evaluator of filters: two-valued, row by row (design decision 4).
import { coerce, pythonText, Refused } from "./coercion.mjs";
import { compareText, isObject, normal } from "./values.mjs";

const LOGICAL = new Set(["and", "or", "not"]);
const word = (key) => key.trim().toLowerCase().replace(/^\$/, "");

/** Thrown where this evaluator does not know the answer. */
export class Unknown extends Error {}

/** Calls visit(field, operator, operand) for every comparison; "or-empty" reports `$or: []`. */
export function visitFilter(filter, visit) {
  if (!isObject(filter)) return;
  for (const [key, body] of Object.entries(filter)) {
    if (key.startsWith("$") && LOGICAL.has(word(key))) {
      if (word(key) === "not") visitFilter(body, visit);
      else if (Array.isArray(body)) {
        if (body.length === 0 && word(key) === "or") visit(null, "or-empty", null);
        for (const part of body) visitFilter(part, visit);
      }
    } else if (isObject(body) && !Object.keys(body).some((one) => one.startsWith("$$"))) {
      for (const [op, operand] of Object.entries(body)) visit(key, word(op), operand);
    } else visit(key, "eq", body);
  }
}

/** Rows of `rows` that pass; `typeOf(field)` gives the type of a declared field or null. */
export function passing(filter, rows, typeOf) {
  const test = compile(filter ?? {}, typeOf);
  return test === null ? [...rows] : rows.filter(test);
}

/** A predicate, or null when the filter imposes nothing. */
function compile(filter, typeOf) {
  if (!isObject(filter)) throw new Refused("filter");
  const tests = Object.entries(filter).map(([key, body]) => (key.startsWith("$") && LOGICAL.has(word(key))
    ? logical(word(key), body, typeOf) : field(key, body, typeOf))).filter(Boolean);
  if (tests.length === 0) return null;
  return (row) => tests.every((test) => test(row));
}

function logical(op, body, typeOf) {
  if (op === "not") {
    const inner = compile(body, typeOf);
    return inner === null ? null : (row) => !inner(row);
  }
  if (!Array.isArray(body)) throw new Refused("list of filters");
  const tests = body.map((part) => compile(part, typeOf)).filter(Boolean);
  if (tests.length === 0) return null;
  return op === "and" ? (row) => tests.every((test) => test(row)) : (row) => tests.some((test) => test(row));
}

function field(key, body, typeOf) {
  const pairs = isObject(body) && !Object.keys(body).some((one) => one.startsWith("$$"))
    ? Object.entries(body).map(([op, operand]) => [word(op), operand]) : [["eq", body]];
  const tests = pairs.map(([op, operand]) => comparison(key, op, operand, typeOf));
  return tests.length === 0 ? null : (row) => tests.every((test) => test(row));
}

function comparison(key, op, operand, typeOf) {
  const type = typeOf(key);
  if (type) {
    if (op === "get") return path(key, operand);
    return direct(type, key, op, operand);
  }
  const dot = key.indexOf(".");
  if (dot > 0 && typeOf(key.slice(0, dot))?.kind === "json") {
    return path(key.slice(0, dot), { path: key.slice(dot + 1), [op]: operand });
  }
  throw new Unknown(key);
}

const TEXT_OPS = {
  match: (text, want) => text.toLowerCase().includes(want.toLowerCase()),
  contains: (text, want) => text.includes(want),
  starts_with: (text, want) => text.startsWith(want),
  ends_with: (text, want) => text.endsWith(want),
  like: (text, want) => likePattern(want, "su").test(text),
  ilike: (text, want) => likePattern(want, "sui").test(text),
  wildcard: (text, want) => globPattern(want).test(text),
  regex: (text, want) => regexOf(want).test(text),
};
const NULL_AS_EMPTY = new Set(["match", "contains", "like", "ilike", "wildcard", "regex"]);

const quoted = (text) => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");

function likePattern(pattern, flags) {
  const body = Array.from(pattern, (c) => (c === "%" ? "[^\\n]*" : c === "_" ? "[^\\n]" : quoted(c))).join("");
  return new RegExp(`^${body}$`, flags);
}

/** `$` also stands before a line end that is the last character. */
const beforeLineEnd = (pattern) => pattern.replace(/\\.|\[(?:\\.|[^\]])*\]|\$/gsu, (part) => (part === "$" ? "(?=\\n?$)" : part));

/** What JavaScript reads too; of other patterns there is no opinion here. */
function regexOf(pattern) {
  try {
    return new RegExp(beforeLineEnd(pattern), "u");
  } catch {
    throw new Unknown(pattern);
  }
}

function globPattern(pattern) {
  const body = pattern.replace(/\[!?[^\]]+\]|[\s\S]/gu, (part) => (part === "*" ? ".*" : part === "?" ? "."
    : part.length > 1 && part[0] === "[" ? part.replace("[!", "[^") : quoted(part)));
  return new RegExp(`^${body}$`, "su");
}

function order(a, b) {
  return typeof a === "string" ? compareText(a, b) : a < b ? -1 : a > b ? 1 : 0;
}

const ORDER = { lt: (c) => c < 0, lte: (c) => c <= 0, gt: (c) => c > 0, gte: (c) => c >= 0 };

/** Deep equality without the tolerance that recorded answers need. */
function same(a, b) {
  const exact = (value) => JSON.stringify(normal(value), (_key, item) => (isObject(item)
    ? Object.fromEntries(Object.entries(item).sort(([x], [y]) => compareText(x, y))) : item));
  return exact(a) === exact(b);
}

function direct(type, key, op, operand) {
  const get = (row) => row[key] ?? null;
  const cast = (value) => {
    if (value === null) return null;
    if (type.kind === "array" && op === "array_contains") return coerce(type.item ?? { kind: "?" }, value, []);
    return coerce(type, value, []);
  };
  if (op === "contains" && type.kind === "array") return direct(type, key, "array_contains", operand);
  switch (op) {
    case "eq": { const want = cast(operand); return (row) => same(get(row), want); }
    case "ne": {
      const want = cast(operand);
      if (type.kind === "json" && want !== null) return (row) => get(row) !== null && !same(get(row), want);
      return (row) => !same(get(row), want);
    }
    case "in": {
      if (!Array.isArray(operand)) throw new Refused("in");
      const wanted = operand.map(cast);
      return (row) => wanted.some((want) => same(get(row), want));
    }
    case "array_contains": {
      if (operand === null) throw new Unknown("null item");
      const want = cast(operand);
      return (row) => Array.isArray(get(row)) && get(row).some((item) => same(item, want));
    }
    default:
  }
  if (op in ORDER) {
    const want = cast(operand);
    if (want === null) throw new Refused("null order");
    return (row) => get(row) !== null && ORDER[op](order(get(row), want));
  }
  if (op in TEXT_OPS) {
    if (operand === null) return () => false;
    const want = pythonText(operand);
    return (row) => {
      const value = get(row) ?? (NULL_AS_EMPTY.has(op) ? "" : null);
      return value !== null && TEXT_OPS[op](value, want);
    };
  }
  throw new Unknown(op);
}

function kindOf(value) {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return typeof value === "bigint" ? "number" : typeof value;
}

/** A comparison inside a Json value: kind-strict, a missing path never matches. */
function path(key, spec) {
  const steps = Array.isArray(spec.path) ? spec.path : String(spec.path).split(".");
  const [op, want] = Object.entries(spec).filter(([name]) => name !== "path")
    .map(([name, value]) => [word(name), value])[0];
  const reach = (row) => steps.reduce((value, step) => (isObject(value) && Object.hasOwn(value, step)
    ? value[step] : undefined), row[key] ?? undefined);
  const alike = (value, other) => value !== undefined && value !== null && kindOf(value) === kindOf(other);
  switch (op) {
    case "eq": return (row) => alike(reach(row), want) && same(reach(row), want);
    case "ne": return (row) => alike(reach(row), want) && !same(reach(row), want);
    case "in": return (row) => want.some((one) => alike(reach(row), one) && same(reach(row), one));
    case "contains": return (row) => typeof reach(row) === "string" && reach(row).includes(want);
    default:
  }
  if (op in ORDER) {
    return (row) => alike(reach(row), want) && typeof want !== "boolean" && ORDER[op](order(reach(row), want));
  }
  throw new Unknown(op);
}
