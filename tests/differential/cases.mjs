// SPDX-License-Identifier: MIT
// Random cases: a definition with placements, writes, and queries over it, all from one seeded generator.
// Value pools are small, so that filters meet rows, and hold what engines disagree about.

/** @typedef {{ op: "upsert" | "set", rows: Record<string, any>[] } | { op: "delete", ids: string[] }} Write */
/** @typedef {{ kinds: Record<string, TypeName>, stores: Record<string, any[]>, writes: Write[], spec: Record<string, any> }} Case */

/** mulberry32: every choice of a run follows from its seed. */
export class Random {
  /** @param {number} seed */
  constructor(seed) {
    this.state = seed >>> 0;
  }

  /** 0 ≤ n < limit @param {number} limit */
  below(limit) {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * limit);
  }

  /** True one time in `n`. @param {number} n */
  oneIn(n) {
    return this.below(n) === 0;
  }

  /** @template T @param {readonly T[]} list @returns {T} */
  pick(list) {
    return list[this.below(list.length)];
  }

  /** @template T @param {readonly T[]} list @param {number} count @returns {T[]} */
  some(list, count) {
    const rest = [...list];
    return Array.from({ length: Math.min(count, rest.length) }, () => rest.splice(this.below(rest.length), 1)[0]);
  }
}

const texts = ["", "a", "A", "Agent", "agent routing", "Agent  ROUTING table", "Straße", "STRASSE", "é", "e\u0301", "A_b%", "line\nbreak", "Zeta", "zeta ",
  "12", "😀 smile", "İstanbul", "[x]*?", "ﬁne", "a\\b", "'quoted' \"text\"", "agent agent agent", "the agent routes the query"];
const integers = [0, 1, -1, 2, 3, 7, 100, 2 ** 31, -(2 ** 53), 9007199254740993n, 9223372036854775807n, -9223372036854775808n];
const floats = [0, -0, 0.1, 0.5, 1, -1.5, 3, 1e300, -1e-300, 2 ** 53, 1.0000000000000002];
const components = [0, 1, -1, 0.6, 0.8, 0.5, 1e-3];
const jsons = [1, 1.5, "a", "Agent", true, false, [], [1, "a"], {}, { a: 1 }, { a: { b: 2 } }, { a: { b: "x" } }, { a: "1", l: ["a", 1, null] }, { a: null }, { a: { b: true } },
  { a: 2 ** 53 }, { "0": { b: 3 } }, [{ b: 4 }], { a: [1, 2] }, { a: { b: 2.0, c: "é" } }];
const days = ["1970-01-01", "2024-02-29", "2024-01-01", "9999-12-31"];
const ids = ["a", "b", "c", "d", "e", "A", "é", "x-1", "10", "9", "z z", "%"];

const textOps = ["eq", "ne", "lt", "lte", "gt", "gte", "match", "contains", "starts_with", "ends_with", "like", "ilike", "wildcard", "regex", "has_words", "contained_in", "in", "is_null"];
const orderOps = ["eq", "ne", "lt", "lte", "gt", "gte", "in", "is_null"];
const equalOps = ["eq", "ne", "in", "is_null"];
const listOps = ["array_contains", "array_contains", "contained_in", "contains", "eq", "ne", "in", "is_null"];
const patterns = {
  like: ["%a%", "A_b%", "%", "", "_", "agent%", "%\n%", "%ß%", "__", "a\\b"], ilike: ["%A%", "AGENT%", "%strasse%", "é", "É", "_", "ZETA_", "%İ%"],
  wildcard: ["*a*", "[Aa]*", "?", "*[!a]", "[[]x]*", "", "*\n*", "[a-z]*"], regex: ["a", "^A", "t$", "\\d+", "(?i)agent", "[éß]", "^$", "\\bagent\\b", "a|Z", ".", "\\w+\\s\\w+"],
  contained_in: ["The agent routing, (a) strasse", "é; ZETA 12", "e\u0301 A b", "", "line break"], has_words: ["agent", "AGENT routing", "strasse", "a b", "", "é", "fine", "12"], match: ["AG", "ß", "SS", "i", "", "é", "É"],
};

/** How a type is declared, values it takes, its operators, its operands when they are not its values.
 * @typedef {{ dtype: any, value: (r: Random, op?: string) => any, ops: string[], operand?: (r: Random, op: string) => any, strategies: (string | null)[], order?: boolean }} TypeCase */
/** @type {Omit<TypeCase, "dtype">} */
const text = {
  value: (r) => r.pick(texts), ops: textOps, order: true, strategies: [null, null, "inverted", "json"],
  operand: (r, op) => r.pick(patterns[/** @type {keyof typeof patterns} */ (op)] ?? texts),
};
/** @satisfies {Record<string, TypeCase>} */
export const types = {
  short: { ...text, dtype: "short-text" }, medium: { ...text, dtype: "medium-text" }, long: { ...text, dtype: "long-text" }, name: { ...text, dtype: "short-text" },
  ref: { ...text, dtype: "identifier", value: (r) => r.pick(ids) },
  int: { dtype: "integer", value: (r) => r.pick(integers), ops: orderOps, strategies: [null, "json"], order: true },
  float: { dtype: "float", value: (r) => r.pick(floats), ops: orderOps, strategies: [null, "json"], order: true },
  bool: { dtype: "boolean", value: (r) => r.oneIn(2), ops: equalOps, strategies: [null, "json"], order: true },
  cat: { ...text, dtype: { type: "categorical", values: ["red", "green", "Blue"] }, value: (r) => r.pick(["red", "green", "Blue"]), ops: textOps.filter((op) => !/^[lg]te?$/.test(op)),
    strategies: [null], operand: (r, op) => r.pick(patterns[/** @type {keyof typeof patterns} */ (op)] ?? ["red", "green", "Blue"]) },
  num: { dtype: { type: "categorical", values: [1, 2, 5] }, value: (r) => r.pick([1, 2, 5]), ops: orderOps, strategies: [null], order: true },
  at: { dtype: { type: "timestamp", unit: "ms" }, value: (r) => r.pick([0, 1, 1700000000000, "2024-01-01T00:00:00Z", "2024-02-29T12:30:00+02:00"]), ops: orderOps, strategies: [null], order: true },
  day: { ...text, dtype: "date", value: (r) => r.pick(days), ops: textOps.filter((op) => op !== "has_words"), strategies: [null],
    operand: (r, op) => (op in patterns ? r.pick(patterns[/** @type {keyof typeof patterns} */ (op)]) : /^(contains|starts|ends)/.test(op) ? r.pick(["2024", "-01", "9"]) : r.pick(days)) },
  span: { dtype: "duration", value: (r) => r.pick([0, 1, 5, 3600, "7"]), ops: orderOps, strategies: [null], order: true },
  tags: { dtype: "array[short-text]", value: (r) => r.some(texts.slice(0, 8), r.below(4)), ops: listOps, strategies: [null, "side", "inline", "sparse-gram", "json"],
    operand: (r, op) => (op === "contained_in" ? r.pick(patterns.contained_in) : /contains/.test(op) ? r.pick(texts.slice(0, 8)) : r.some(texts.slice(0, 3), r.below(3))) },
  nums: { dtype: "array[integer]", value: (r) => r.some(integers, r.below(4)), ops: listOps, strategies: [null, "side", "inline", "json"],
    operand: (r, op) => (op === "contained_in" ? r.pick(patterns.contained_in) : /contains/.test(op) ? r.pick(integers) : r.some(integers.slice(0, 3), r.below(3))) },
  any: { dtype: "array", value: (r) => r.some(jsons, r.below(3)), ops: listOps, strategies: [null, "json"], operand: (r, op) => (op === "contained_in" ? r.pick(patterns.contained_in) : /contains/.test(op) ? r.pick(jsons) : r.some(jsons.slice(0, 4), r.below(3))) },
  vec: { dtype: "vector[3]", value: (r) => [r.pick(components), r.pick(components), r.pick(components)], ops: ["is_null", "eq"], strategies: [null, "vector"] },
  json: { dtype: "json", value: (r) => r.pick(jsons), ops: equalOps, strategies: [null, "inline"] },
  facts: { dtype: { type: "hyper-g", fields: [{ name: "slot", dtype: "short-text" }, { name: "value", dtype: "integer", required: false }] }, ops: ["exists", "all", "is_null"], strategies: [null, "side", "json"],
    value: (r) => Array.from({ length: r.below(3) }, () => ({ slot: r.pick(["s", "t", "Straße"]), ...(r.oneIn(4) ? {} : { value: r.pick([0, 1, 2, 5]) }) })) },
  blob: { dtype: "artifact", value: (r) => Uint8Array.from(r.some([0, 1, 255, 65], r.below(3))), ops: equalOps, strategies: [null] },
};
/** @typedef {keyof typeof types} TypeName */

/** @param {Random} r @param {string} name @param {TypeName} kind @returns {Record<string, any>} */
function leaf(r, name, kind) {
  if (r.oneIn(12)) return { object_id: { [r.pick(["eq", "gt", "lte", "starts_with", "match"])]: r.pick(ids) } };
  if (kind === "json" && !r.oneIn(3)) {
    const path = r.pick(["a", "a.b", "l", "a.b.c", "0", "0.b"]);
    const op = r.pick(["eq", "ne", "lt", "gte", "contains", "starts_with", "in", "is_null", "like"]);
    const operand = op === "is_null" ? r.oneIn(2) : op === "in" ? r.some([1, 2, "x", "a", true], 2) : op === "starts_with" || op === "like" ? r.pick(["x", "%", "1"]) : r.pick([1, 2, "x", "a", true, 1.5, null]);
    return { [`${name}.${path}`]: { [op]: operand } };
  }
  const type = types[kind];
  const op = r.pick(type.ops);
  const operand = () => (r.oneIn(15) && !/^[lg]te?$/.test(op) ? null : (type.operand ?? type.value)(r, op));
  if (op === "is_null") return { [name]: { is_null: r.oneIn(2) } };
  if (op === "in") return { [name]: { in: Array.from({ length: r.below(4) }, operand) } };
  if (op === "exists") return { [name]: { exists: r.oneIn(3) ? { slot: "s" } : { slot: r.pick(["s", "t"]), value: { [r.pick(["gte", "lt", "eq", "ne"])]: r.pick([0, 1, 2]) } } } };
  if (op === "all") return { [name]: { all: { where: { slot: r.pick(["s", "t"]) }, then: { value: { [r.pick(["gte", "lt", "ne"])]: 1 } } } } };
  return r.oneIn(6) && op === "eq" ? { [name]: operand() } : { [name]: { [op]: operand() } };
}

/** @param {Random} r @param {Record<string, TypeName>} kinds @param {number} depth @returns {Record<string, any>} */
function filter(r, kinds, depth) {
  const names = Object.keys(kinds);
  const form = depth > 3 ? 9 : r.below(10);
  const branch = () => filter(r, kinds, depth + 1);
  if (form < 2) return { $and: Array.from({ length: 1 + r.below(3) }, branch) };
  if (form < 4) return { $or: Array.from({ length: 1 + r.below(3) }, branch) };
  if (form < 5) return { $not: branch() };
  const name = r.pick(names);
  if (form === 5 && names.length > 1) {
    const other = r.pick(names.filter((one) => one !== name));
    return { ...leaf(r, name, kinds[name]), ...leaf(r, other, kinds[other]) };
  }
  return leaf(r, name, kinds[name]);
}

/** @param {Random} r @param {Record<string, TypeName>} kinds */
function columns(r, kinds) {
  return Object.entries(kinds).flatMap(([name, kind]) => (kind === "json" ? [name, `${name}.a`, `${name}.a.b`] : [name]));
}

const reducers = ["count", "count", "sum", "avg", "min", "max", "median", "percentile", "value_counts", "key_counts", "key_sums", "column_summary"];

/** @param {Random} r @param {Record<string, TypeName>} kinds @returns {Record<string, any>} */
function aggregates(r, kinds) {
  const readable = [...columns(r, kinds), "object_id"];
  const group_by = r.oneIn(3) ? [] : r.some(readable.filter((name) => kinds[name] !== "vec"), 1 + r.below(2));
  const aggregate = Object.fromEntries(["m", "k", "x"].slice(r.below(3)).map((name) => {
    const reducer = r.pick(reducers);
    const extra = reducer === "percentile" ? { q: r.pick([0, 0.25, 1]) } : reducer === "count" && r.oneIn(2) ? { distinct: r.oneIn(2) } : {};
    return [name, { [reducer]: { field: r.pick(readable), ...extra } }];
  }));
  const outputs = [...group_by, ...Object.keys(aggregate)];
  return { ...(group_by.length > 0 ? { group_by } : {}), aggregate, ...(r.oneIn(3) ? { having: { [r.pick(outputs)]: { [r.pick(["eq", "ne", "gt", "is_null"])]: r.pick([1, 2, true, "a"]) } } } : {}),
    ...(r.oneIn(2) ? { order: r.some(outputs, 1).map((name) => (r.oneIn(2) ? `-${name}` : name)) } : {}), ...(r.oneIn(3) ? { limit: r.below(4), offset: r.below(2) } : {}) };
}

/** @param {Random} r @param {Record<string, TypeName>} kinds @returns {Record<string, any>} */
export function randomSpec(r, kinds) {
  const named = (/** @type {TypeName[]} */ ...wanted) => Object.keys(kinds).filter((name) => wanted.includes(kinds[name]));
  /** @type {Record<string, any>} */
  const spec = r.oneIn(5) ? {} : { filter: filter(r, kinds, 0) };
  if (r.oneIn(8)) return { ...spec, count: r.oneIn(3) ? true : { field: r.pick([...Object.keys(kinds), "object_id"]), distinct: r.oneIn(2) } };
  const vectors = named("vec"), words = named("short", "medium", "long", "name");
  if (vectors.length > 0 && r.oneIn(3)) spec.near = { field: r.pick(vectors), query: types.vec.value(r), top_k: 1 + r.below(8), ...(r.oneIn(2) ? { metric: r.pick(["cosine", "l2", "dot"]) } : {}) };
  if (words.length > 0 && r.oneIn(3)) {
    spec.search = { fields: r.some(words, 1 + r.below(2)), query: r.pick(["agent", "agent routing", "the AGENT", "strasse", "zet", "é 12", "nothing"]), top_k: 1 + r.below(8), ...(r.oneIn(2) ? { mode: r.pick(["any", "all", "phrase", "prefix"]) } : {}) };
  }
  if (r.oneIn(6)) return { ...spec, ...aggregates(r, kinds) };
  const scores = spec.near && spec.search ? ["score", "near_score", "search_score"] : spec.near || spec.search ? ["score"] : [];
  if (spec.near && spec.search && r.oneIn(3)) spec.fuse = { k: r.pick([1, 60]), weights: { near: r.pick([0, 1, 2]), search: 1 } };
  if (r.oneIn(3)) spec.select = r.some([...columns(r, kinds), ...scores], 1 + r.below(4));
  if (r.oneIn(3)) {
    const sortable = Object.keys(kinds).flatMap((name) => (types[kinds[name]].order ? [name] : kinds[name] === "json" && r.oneIn(3) ? [`${name}.a`] : []));
    spec.order = r.some([...sortable, "object_id", ...scores], 1 + r.below(2)).map((name) => (r.oneIn(2) ? `-${name}` : name));
  }
  if (r.oneIn(3)) spec.limit = r.below(6);
  if (r.oneIn(4)) spec.offset = r.below(4);
  return spec;
}

/** @param {Random} r @param {Record<string, TypeName>} kinds @param {boolean} whole */
function row(r, kinds, whole) {
  const given = Object.entries(kinds).filter(() => !r.oneIn(whole ? 8 : 2));
  return { object_id: r.pick(ids), ...Object.fromEntries(given.map(([name, kind]) => [name, r.oneIn(7) ? null : types[kind].value(r)])) };
}

/** Different ids, as a batch demands. @param {Record<string, any>[]} rows */
const distinct = (rows) => [...new Map(rows.map((one) => [one.object_id, one])).values()];

/** @param {Random} r @returns {{ kinds: Record<string, TypeName>, stores: Record<string, any[]>, writes: Write[] }} */
export function randomData(r) {
  const chosen = r.some(/** @type {TypeName[]} */ (Object.keys(types)), 3 + r.below(6));
  const kinds = Object.fromEntries(chosen.map((kind) => [kind, kind]));
  /** @type {Record<string, any[]>} */
  const stores = {};
  for (const kind of chosen) {
    if (r.oneIn(2)) continue;
    stores[kind] = r.some(["main", "vec", "search"], 1 + r.below(2)).map((to) => {
      const strategy = r.pick(types[kind].strategies);
      return strategy === null ? { to } : { to, strategy };
    });
  }
  /** @type {Write[]} */
  const writes = [{ op: "upsert", rows: distinct(Array.from({ length: 2 + r.below(14) }, () => row(r, kinds, true))) }];
  if (r.oneIn(2)) writes.push({ op: "upsert", rows: distinct(Array.from({ length: 1 + r.below(4) }, () => row(r, kinds, true))) });
  if (r.oneIn(2)) writes.push({ op: "set", rows: distinct(Array.from({ length: 1 + r.below(3) }, () => row(r, kinds, false))) });
  if (r.oneIn(2)) writes.push({ op: "delete", ids: r.some(ids, 1 + r.below(3)) });
  return { kinds, stores, writes };
}
