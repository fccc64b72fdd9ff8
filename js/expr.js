// SPDX-License-Identifier: MIT
// Field references and expressions. An expression is a frozen portable filter with the entity that it speaks of.
import { HeavenBaseError } from "./errors.js";
import { known } from "./options.js";

/** @typedef {Readonly<Record<string, unknown>>} Filter */

/** An operand that must travel as a parameter, whatever its shape. */
export class Operand {
  /** @param {unknown} value */
  constructor(value) {
    this.value = value;
    Object.freeze(this);
  }
}

/** Copies lists and guards mappings, whose keys could otherwise be read as operators. @param {unknown} value */
function operand(value) {
  if (value === undefined) throw new HeavenBaseError("TYPE", "an operator needs an operand, got undefined");
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.some((item) => typeof item === "object" && item !== null) ? new Operand(value) : Object.freeze([...value]);
  if (value instanceof Set) return Object.freeze([...value]);
  return new Operand(value);
}

export class Expr {
  /** @param {Filter} filter @param {string | null} entityId */
  constructor(filter, entityId) {
    this.filter = Object.freeze(filter);
    this.entityId = entityId;
    Object.freeze(this);
  }

  /** @param {...Expr} others */
  and(...others) {
    return and(this, ...others);
  }

  /** @param {...Expr} others */
  or(...others) {
    return or(this, ...others);
  }

  not() {
    return not(this);
  }

  toJSON() {
    return this.filter;
  }
}

/** @param {string} word @param {unknown[]} parts */
function joined(word, parts) {
  const all = parts.map(expression);
  const ids = new Set(all.map((one) => one.entityId).filter((id) => id !== null));
  if (ids.size > 1) throw new HeavenBaseError("QUERY", `one expression speaks of several entities: ${[...ids].join(", ")}`);
  const filters = all.flatMap(({ filter }) => {
    const inner = filter[word];
    return Object.keys(filter).length === 1 && Array.isArray(inner) ? inner : [filter];
  });
  return new Expr({ [word]: Object.freeze(filters) }, [...ids][0] ?? null);
}

/** An expression, or a portable filter mapping as one. @param {unknown} given @returns {Expr} */
export function expression(given) {
  if (given instanceof Expr) return given;
  const plain = given !== null && typeof given === "object" && !Array.isArray(given) && !(given instanceof FieldRef);
  if (!plain) throw new HeavenBaseError("TYPE", "expected an expression such as Note.title.eq(\"x\"), or a filter mapping");
  return new Expr({ .../** @type {Filter} */ (given) }, null);
}

/** All of them. @param {...(Expr | Filter)} parts */
export const and = (...parts) => joined("$and", parts);
/** Any of them; none is an error of the query. @param {...(Expr | Filter)} parts */
export const or = (...parts) => joined("$or", parts);
/** The rest of the rows, those with nulls included. @param {Expr | Filter} part */
export function not(part) {
  const { filter, entityId } = expression(part);
  return new Expr({ $not: filter }, entityId);
}

/**
 * A reducer over a field, for `aggregate`.
 * @template [V=any]
 */
export class Metric {
  /** For the type checker alone. @type {V | undefined} */
  type = undefined;

  /** @param {FieldRef<any>} field @param {string} op @param {Readonly<Record<string, unknown>>} [options] */
  constructor(field, op, options = {}) {
    this.entityId = field.entityId;
    this.spec = Object.freeze({ [op]: Object.freeze({ field: field.columnName, ...options }) });
    Object.freeze(this);
  }

  toJSON() {
    return this.spec;
  }
}

/**
 * A field of an entity, or a path into a Json field.
 * @template [V=any]
 */
export class FieldRef {
  /** @param {string} entityId @param {string} fieldName @param {readonly string[]} [keys] path below the field */
  constructor(entityId, fieldName, keys = []) {
    this.entityId = entityId;
    this.fieldName = fieldName;
    this.keys = Object.freeze([...keys]);
    Object.freeze(this);
  }

  /** The column's name in results. */
  get columnName() {
    return [this.fieldName, ...this.keys].join(".");
  }

  toString() {
    return this.columnName;
  }

  /** @param {string} op @param {unknown} value */
  #is(op, value) {
    const condition = this.keys.length === 0 ? { [op]: value } : { get: Object.freeze({ path: this.keys, [op]: value }) };
    return new Expr({ [this.fieldName]: Object.freeze(condition) }, this.entityId);
  }

  /** Equal; null asks for rows without a value. @param {V | null} value */
  eq(value) { return this.#is("eq", operand(value)); }
  /** Not equal; rows without a value match. @param {V | null} value */
  ne(value) { return this.#is("ne", operand(value)); }
  /** @param {V} value */
  lt(value) { return this.#is("lt", operand(value)); }
  /** @param {V} value */
  lte(value) { return this.#is("lte", operand(value)); }
  /** @param {V} value */
  gt(value) { return this.#is("gt", operand(value)); }
  /** @param {V} value */
  gte(value) { return this.#is("gte", operand(value)); }
  /** Equal to one of them. @param {Iterable<V | null>} values */
  in(values) {
    if (values === null || typeof values !== "object") throw new HeavenBaseError("TYPE", "in takes a list", this.#where());
    return this.#is("in", operand([...values]));
  }

  /** Case-insensitive substring. @param {string} text */
  match(text) { return this.#is("match", operand(text)); }
  /** Substring, or for arrays: an equal item. @param {unknown} value */
  contains(value) { return this.#is("contains", operand(value)); }
  /** @param {string} text */
  startsWith(text) { return this.#is("starts_with", operand(text)); }
  /** @param {string} text */
  endsWith(text) { return this.#is("ends_with", operand(text)); }
  /** `%` any run, `_` one character. @param {string} pattern */
  like(pattern) { return this.#is("like", operand(pattern)); }
  /** @param {string} pattern */
  ilike(pattern) { return this.#is("ilike", operand(pattern)); }
  /** `*`, `?`, `[abc]`. @param {string} pattern */
  wildcard(pattern) { return this.#is("wildcard", operand(pattern)); }
  /** Found anywhere. @param {string} pattern */
  regex(pattern) { return this.#is("regex", operand(pattern)); }
  /** All the words of the text, in any order; unranked. @param {string} text */
  hasWords(text) { return this.#is("has_words", operand(text)); }
  isNull() { return this.#is("is_null", true); }
  isNotNull() { return this.#is("is_null", false); }
  /** @param {V extends readonly (infer Item)[] ? Item : unknown} item */
  arrayContains(item) { return this.#is("array_contains", operand(item)); }
  /** The stored text, or an item, occurs in this text. @param {string} text */
  containedIn(text) { return this.#is("contained_in", operand(text)); }
  /** Some item satisfies all conditions. @param {Record<string, unknown>} conditions */
  exists(conditions) { return this.#is("exists", operand(conditions)); }
  /** Some item satisfies all conditions. @param {Record<string, unknown>} conditions */
  any(conditions) { return this.exists(conditions); }
  /** Every item that matches `where` satisfies `then`; with one argument, every item. @param {Record<string, unknown>} where @param {Record<string, unknown>} [then] */
  all(where, then) { return this.#is("all", operand(then === undefined ? { where: {}, then: where } : { where, then })); }

  /** How many rows have a value; `distinct`: how many different ones. @param {{ distinct?: boolean }} [options] @returns {Metric<number>} */
  count(options = {}) { return new Metric(this, "count", known("count", options, ["distinct"])); }
  /** Integers exactly, within 64 bits. @returns {Metric<V | null>} */
  sum() { return new Metric(this, "sum"); }
  /** @returns {Metric<number | null>} */
  avg() { return new Metric(this, "avg"); }
  /** @returns {Metric<V | null>} */
  min() { return new Metric(this, "min"); }
  /** @returns {Metric<V | null>} */
  max() { return new Metric(this, "max"); }
  /** @returns {Metric<number | null>} */
  median() { return new Metric(this, "median"); }
  /** Interpolated between neighbours. @param {number} q 0 to 1 @returns {Metric<number | null>} */
  percentile(q) { return new Metric(this, "percentile", { q }); }
  /** How often each value occurs, or each item of a list, the most frequent first. @returns {Metric<Record<string, number>>} */
  valueCounts() { return new Metric(this, "value_counts"); }
  /** How many Json objects have each key. @returns {Metric<Record<string, number>>} */
  keyCounts() { return new Metric(this, "key_counts"); }
  /** The numbers under each key of Json objects, added up. @returns {Metric<Record<string, number>>} */
  keySums() { return new Metric(this, "key_sums"); }
  /**
   * Distinct values, ranges, distributions, as `kind` calls for; without it, as the field's type does.
   * @param {"bool" | "json" | "list" | "numeric" | "text" | "time" | "vector"} [kind] @returns {Metric<Record<string, any>>}
   */
  columnSummary(kind) { return new Metric(this, "column_summary", kind === undefined ? {} : { kind }); }

  /** A path into a Json field, keys joined by dots. @param {string} path @returns {FieldRef<any>} */
  path(path) { return this.at(...String(path).split(".")); }
  /** A path into a Json field, key by key. @param {...(string | number)} keys @returns {FieldRef<any>} */
  at(...keys) { return new FieldRef(this.entityId, this.fieldName, [...this.keys, ...keys.map(String)]); }

  #where() {
    return { entity: this.entityId, field: this.fieldName };
  }
}
