// SPDX-License-Identifier: MIT
// What the conformance suite stores under each type, and which rows each operator must find. Rows a to d hold the
// values, n holds null, o has no such key.

/** An operand and the ids that it finds, in order. @typedef {[operand: unknown, ids: string]} Example */
/** @typedef {{ dtype: string, form: any, values: unknown[], read?: unknown[], ops: Record<string, Example[]> }} TypeForm */

const missing = "no";
/** @type {Record<string, Example[]>} */
const nulls = { is_null: [[true, missing], [false, "abcd"]] };

const texts = ["Agent routing", "beta", "a_b%", "Straße 12"];
/** @type {Record<string, Example[]>} */
const textEquality = { ...nulls, eq: [["beta", "b"], [null, missing]], ne: [["beta", "acdno"], [null, "abcd"]], in: [[["beta", "a_b%"], "bc"], [[], ""], [["beta", null], "bno"]] };
/** @type {Record<string, Example[]>} */
const textOrder = { lt: [["b", "acd"]], lte: [["beta", "abcd"]], gt: [["a", "bc"]], gte: [["beta", "b"], ["c", ""]] };
/** @type {Record<string, Example[]>} */
const textSearch = {
  match: [["AGENT", "a"], ["t", "abd"]], contains: [["ta", "b"], ["TA", ""]], starts_with: [["a_", "c"], ["A", "a"]], ends_with: [["ing", "a"], ["%", "c"]],
  like: [["A%g", "a"], ["a%g", ""], ["_eta", "b"]], ilike: [["a%G", "a"], ["BE%", "b"]], wildcard: [["*_b?", "c"], ["[ab]*", "bc"]], regex: [["^[ab]", "bc"], ["\\d{2}$", "d"]],
  has_words: [["ROUTING", "a"], ["strasse", "d"], ["rout", ""]], contained_in: [["my Beta, test", "b"]], search: [["routing", "a"], ["nothing", ""]],
};
/** @param {string} dtype @param {any} [form] @returns {TypeForm} */
const text = (dtype, form = dtype) => ({ dtype, form, values: texts, ops: { ...textEquality, ...textOrder, ...textSearch } });

/** Four values in ascending order. @param {string} dtype @param {unknown[]} values @param {any} [form] @param {unknown[]} [read] @returns {TypeForm} */
function ordered(dtype, values, form = dtype, read = values) {
  const [a, b, c] = values;
  return { dtype, form, values, read, ops: { ...nulls, eq: [[b, "b"], [null, missing]], ne: [[b, "acdno"], [null, "abcd"]], in: [[[a, c], "ac"], [[], ""], [[a, null], "ano"]],
    lt: [[b, "a"]], lte: [[b, "ab"]], gt: [[c, "d"]], gte: [[c, "cd"], [a, "abcd"]] } };
}

/** @param {TypeForm} form @param {Record<string, Example[]>} ops @returns {TypeForm} */
const withOps = (form, ops) => ({ ...form, ops: { ...form.ops, ...ops } });

const items = [["x", "y"], ["y"], [], ["Agent x"]];
const facts = [[{ slot: "s", value: 1 }], [{ slot: "t", value: 2 }, { slot: "s", value: 3 }], [], [{ slot: "u" }]];
const bytes = [Uint8Array.of(0, 1, 255), Uint8Array.of(), Uint8Array.of(65), Uint8Array.of(0)];

/** @type {TypeForm[]} */
export const forms = [
  text("identifier"), text("short-text"), text("medium-text"), text("long-text"),
  { ...text("categorical", { type: "categorical", values: texts }), ops: { ...textEquality, ...textSearch } },
  withOps(ordered("categorical", [1, 2, 5, 9], { type: "categorical", values: [1, 2, 5, 9] }), { contained_in: [["between 2 and 5", "bc"]] }),
  ordered("integer", [-9223372036854775808n, -1, 9007199254740993n, 9223372036854775807n]),
  ordered("float", [-1e300, -0.1, 1.0000000000000002, 2 ** 53]),
  ordered("timestamp", ["1970-01-01T00:00:00Z", "2024-01-01T00:00:00Z", "2024-02-29T12:30:00+02:00", 4102444800000], { type: "timestamp", unit: "ms" },
    [0, 1704067200000, 1709202600000, 4102444800000]),
  ordered("duration", [0, 1, 3600, 9007199254740991]),
  { dtype: "date", form: "date", values: ["1999-12-31", "2024-01-01", "2024-02-29", "9999-12-31"], ops: {
    ...ordered("date", ["1999-12-31", "2024-01-01", "2024-02-29", "9999-12-31"]).ops, match: [["2024", "bc"]], contains: [["-02-", "c"]], starts_with: [["19", "a"]], ends_with: [["31", "ad"]],
    like: [["2024-__-29", "c"]], ilike: [["19%", "a"]], wildcard: [["*-12-*", "ad"]], regex: [["^2", "bc"]], contained_in: [["on 2024-02-29 and", "c"]] } },
  { dtype: "boolean", form: "boolean", values: [true, false, true, false], ops: { ...nulls, eq: [[true, "ac"], [null, missing]], ne: [[true, "bdno"]], in: [[[false], "bd"], [[], ""], [[true, null], "acno"]] } },
  { dtype: "array", form: "array[short-text]", values: items, ops: { ...nulls, eq: [[["y"], "b"], [[], "c"]], ne: [[["y"], "acdno"]], in: [[[["y"], []], "bc"]], array_contains: [["y", "ab"], ["z", ""]],
    contains: [["y", "ab"]], contained_in: [["an agent x.", "ad"]] } },
  { dtype: "vector", form: "vector[2]", values: [[1, 0], [0, 1], [0.5, 0.5], [-1, 0]], read: [[1, 0], [0, 1], [0.5, 0.5], [-1, 0]].map((one) => Float32Array.from(one)),
    ops: { ...nulls, eq: [[[1, 0], "a"], [[1, 1], ""]], near: [[[1, 0.1], "acbd"]] } },
  { dtype: "json", form: "json", values: [{ k: 1, l: "x" }, { k: 2 }, "text", [1, { m: null }]], ops: { ...nulls, eq: [[{ k: 2 }, "b"], ["text", "c"]], ne: [[{ k: 2 }, "acd"]], in: [[["text", { k: 2 }], "bc"]],
    get: [[{ path: "k", gte: 1 }, "ab"], [{ path: "l", eq: "x" }, "a"]] } },
  { dtype: "hyper-g", form: { type: "hyper-g", fields: [{ name: "slot", dtype: "short-text" }, { name: "value", dtype: "integer", required: false }] }, values: facts, ops: { ...nulls,
    exists: [[{ slot: "t" }, "b"], [{ slot: "s", value: { gte: 2 } }, "b"]], all: [[{ where: { slot: "s" }, then: { value: { eq: 1 } } }, "acd"]],
    eq: [[facts[0], "a"]], ne: [[facts[0], "bcdno"]], in: [[[[], facts[0]], "ac"]] } },
  { dtype: "artifact", form: "artifact", values: bytes, ops: nulls },
];

/** A relation: its items lead to rows of the entity itself. @param {string} entity @returns {TypeForm} */
export function relation(entity) {
  const values = [[{ to: "b", since: 1 }], [{ to: "c", since: 2 }, { to: "a", since: 3 }], [], [{ to: "a" }]];
  return { dtype: "hyper-g", form: { type: "hyper-g", fields: [{ name: "to", dtype: { type: "identifier", target_entity: entity } }, { name: "since", dtype: "integer", required: false }] }, values,
    ops: { ...nulls, exists: [[{ to: "a" }, "bd"], [{ to: "a", since: { gte: 2 } }, "b"]], all: [[{ where: { to: "a" }, then: { since: { eq: 3 } } }, "abc"]] } };
}

/** Operators and an operand of no particular type, for what must be refused. */
export const operators = ["eq", "ne", "lt", "lte", "gt", "gte", "in", "is_null", "match", "contains", "starts_with", "ends_with", "like", "ilike", "wildcard", "regex", "has_words",
  "array_contains", "contained_in", "exists", "all", "get", "near", "search"];
