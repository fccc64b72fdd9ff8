// SPDX-License-Identifier: MIT
// Logical types and storage strategies: names and parameters only, their meaning is in the core.
import { HeavenBaseError } from "./errors.js";

/** @typedef {{ readonly type: string, readonly [parameter: string]: unknown }} TypeDescriptor */
/**
 * @template Out, [In=Out]
 * @typedef {import("./types.js").LogicalType<Out, In>} LogicalType
 */
/** @typedef {import("./types.js").AnyEntity} AnyEntity */

class Type {
  /** @param {TypeDescriptor} descriptor */
  constructor(descriptor) {
    this.descriptor = Object.freeze(descriptor);
    Object.freeze(this);
  }

  toJSON() {
    return this.descriptor;
  }
}

/** @param {TypeDescriptor} descriptor @returns {LogicalType<any, any>} */
const make = (descriptor) => /** @type {LogicalType<any, any>} */ (/** @type {unknown} */ (new Type(descriptor)));

/**
 * A type that is usable bare or called with parameters.
 * @template {(...args: any[]) => LogicalType<any, any>} F
 * @param {string} type @param {F} call @returns {F & { descriptor: TypeDescriptor, toJSON(): TypeDescriptor }}
 */
function callable(type, call) {
  const descriptor = Object.freeze({ type });
  return Object.assign(call, { descriptor, toJSON: () => descriptor });
}

/** @param {string} type @param {string} parameter @param {unknown} value @returns {TypeDescriptor} */
const described = (type, parameter, value) => (value === undefined ? { type } : { type, [parameter]: value });

/** Text that is an id, or with an entity a reference to its rows. */
export const Identifier = callable("identifier", /** @returns {LogicalType<string, string | number | bigint>} */ (/** @type {AnyEntity | string} */ target) =>
  make(described("identifier", "target_entity", typeof target === "object" ? target.entityId : target)));
/** Up to 255 code points. */
export const ShortText = callable("short-text", /** @returns {LogicalType<string, string | number | bigint>} */ (/** @type {number} */ maxChars) =>
  make(described("short-text", "max_chars", maxChars)));
/** Up to 4095 code points. */
export const MediumText = callable("medium-text", /** @returns {LogicalType<string, string | number | bigint>} */ (/** @type {number} */ maxChars) =>
  make(described("medium-text", "max_chars", maxChars)));
/** Up to 65535 code points. */
export const LongText = callable("long-text", /** @returns {LogicalType<string, string | number | bigint>} */ (/** @type {number} */ maxChars) =>
  make(described("long-text", "max_chars", maxChars)));
/** 64 bits, exact. @type {LogicalType<number | bigint, number | bigint | string | boolean>} */
export const Integer = make({ type: "integer" });
/** 64-bit, finite. @type {LogicalType<number, number | bigint | string | boolean>} */
export const Float = make({ type: "float" });
/** @type {LogicalType<boolean, boolean | number | string>} */
const BooleanType = make({ type: "boolean" });
export { BooleanType as Boolean };
/** One of the given values. */
export const Categorical = callable("categorical", /**
  @template {string | number} const V
  @param {readonly V[]} values
  @returns {LogicalType<V>}
*/ (values) => {
  if (!globalThis.Array.isArray(values)) throw new HeavenBaseError("SCHEMA", "Categorical takes the list of its values");
  return make({ type: "categorical", values: Object.freeze([...values]) });
});
/** Whole units since 1970, UTC. */
export const Timestamp = callable("timestamp", /** @returns {LogicalType<number, number | bigint | string | Date>} */ (/** @type {"s" | "ms" | "us"} */ unit) =>
  make(described("timestamp", "unit", unit)));
/** `YYYY-MM-DD`. @type {LogicalType<string, string | globalThis.Date>} */
const DateType = make({ type: "date" });
export { DateType as Date };
/** A non-negative integer. @type {LogicalType<number, number | bigint | string>} */
export const Duration = make({ type: "duration" });
/** A list, of any values or of one type. */
export const ArrayOf = callable("array", /**
  @template [Out=unknown], [In=Out]
  @param {LogicalType<Out, In> | (((...args: any[]) => LogicalType<Out, In>) & { descriptor: TypeDescriptor })} [item]
  @returns {LogicalType<Out[], readonly In[] | Set<In>>}
*/ (item) => make(described("array", "item_type", item === undefined ? undefined : descriptorOf(item))));
export { ArrayOf as Array };
/** 32-bit floats, of one dimension or of any. */
export const Vector = callable("vector", /** @returns {LogicalType<Float32Array, Float32Array | Float64Array | readonly number[]>} */ (/** @type {number} */ dim) =>
  make(described("vector", "dim", dim)));
/** Any JSON value. @type {LogicalType<any>} */
export const Json = make({ type: "json" });
/** A list of small records: column names, or a mapping of names to types. */
export const HyperG = callable("hyper-g", /** @returns {LogicalType<Record<string, any>[], readonly (Record<string, any> | readonly unknown[])[]>} */ (
  /** @type {readonly (string | Record<string, unknown>)[] | Record<string, unknown>} */ columns) => {
  if (columns === null || typeof columns !== "object") {
    throw new HeavenBaseError("SCHEMA", "HyperG takes column names, or a mapping of column names to types");
  }
  const listed = globalThis.Array.isArray(columns) ? columns.map(listedColumn)
    : Object.entries(columns).map(([name, type]) => typedColumn(name, type));
  return make({ type: "hyper-g", fields: Object.freeze(listed) });
});
/** Bytes. @type {LogicalType<Uint8Array, Uint8Array | ArrayBuffer | string>} */
export const Artifact = make({ type: "artifact" });

/** @param {string | Record<string, unknown>} column */
function listedColumn(column) {
  if (typeof column === "string") return { name: column, dtype: { type: "short-text" } };
  return column.dtype === undefined ? column : { ...column, dtype: descriptorOf(column.dtype) };
}

/** @param {string} name @param {unknown} type a type, or a field that may be optional */
function typedColumn(name, type) {
  const declared = /** @type {{ toDefinition?: () => Record<string, unknown> }} */ (type).toDefinition?.();
  if (!declared) return { name, dtype: descriptorOf(type) };
  return { name, dtype: declared.type, required: declared.required === true };
}

/** The portable form of anything that names a type. @param {unknown} type @returns {TypeDescriptor | string} */
export function descriptorOf(type) {
  if (typeof type === "string") return type;
  const { descriptor, type: name } = /** @type {{ descriptor?: TypeDescriptor, type?: unknown }} */ (type ?? {});
  if (descriptor) return descriptor;
  if (typeof name === "string") return /** @type {TypeDescriptor} */ (type);
  throw new HeavenBaseError("TYPE", "expected a logical type such as ShortText or Vector(2)");
}

// ---- strategies -------------------------------------------------------------------------

/** @typedef {{ readonly identifier: string, readonly strategy: string, readonly params?: Readonly<Record<string, unknown>> }} Strategy */
/** @typedef {{ index?: "exact" | "hnsw" | "int8" | "binary", metric?: "cosine" | "l2" | "dot", m?: number, efConstruction?: number, ef?: number }} VectorIndexOptions */
/** @typedef {{ target?: string, onDelete?: "restrict" | "detach" }} GraphEdgeOptions */

/** @param {string} identifier @param {string} strategy @returns {Strategy} */
const strategy = (identifier, strategy) => Object.freeze({ identifier, strategy });
export const InlineColumn = strategy("inline", "InlineColumn");
export const JsonField = strategy("json", "JsonField");
export const SideTable = strategy("side", "SideTable");
export const InvertedIndex = strategy("inverted", "InvertedIndex");
export const SparseGramIndex = strategy("sparse-gram", "SparseGramIndex");
/** @param {string} name @param {Record<string, unknown>} rest */
function noOthers(name, rest, /** @type {string} */ expected) {
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) throw new HeavenBaseError("SCHEMA", `${name} has no option '${unknown}'; expected one of: ${expected}`);
}

/**
 * Vectors for `near`. Bare: compared one by one, exactly. Called with an `index`, the backend inmem answers in less time and
 * not quite exactly: `metric` is the one it serves, `ef` how many rows a search keeps in view; for the graph `hnsw`, `m` is
 * the links of a row and `efConstruction` how far it looks while it links.
 */
export const VectorIndex = Object.freeze(Object.assign(/** @type {(options?: VectorIndexOptions) => Strategy} */ (({ index, metric, m, efConstruction, ef, ...rest } = {}) => {
  noOthers("VectorIndex", rest, "index, metric, m, efConstruction, ef");
  const given = Object.entries({ index, metric, m, ef_construction: efConstruction, ef }).filter(([, value]) => value !== undefined);
  return Object.freeze({ identifier: "vector", strategy: "VectorIndex", params: Object.freeze(Object.fromEntries(given)) });
}), { identifier: "vector", strategy: "VectorIndex" }));
/**
 * A HyperG field becomes a relation: one column, an `Identifier(entity)`, says which row an item leads to. Bare or
 * called: `target` names the column when there are several, `onDelete` says what deleting that row does.
 */
export const GraphEdge = Object.freeze(Object.assign(/** @type {(options?: GraphEdgeOptions) => Strategy} */ (({ target, onDelete, ...rest } = {}) => {
  noOthers("GraphEdge", rest, "target, onDelete");
  const params = Object.freeze({ ...(target === undefined ? {} : { target }), ...(onDelete === undefined ? {} : { on_delete: onDelete }) });
  return Object.freeze({ identifier: "graph", strategy: "GraphEdge", params });
}), { identifier: "graph", strategy: "GraphEdge" }));
export const ExternalRef = strategy("external", "ExternalRef");

/** @param {Strategy | string} given @returns {string} */
export function strategyName(given) {
  if (typeof given === "string") return given;
  if (typeof given?.identifier === "string") return given.identifier;
  throw new HeavenBaseError("TYPE", "expected a storage strategy such as InlineColumn");
}

/** The parameters of a strategy as a storage has them. @param {Strategy | string} given @returns {{ params?: Readonly<Record<string, unknown>> }} */
export function strategyParams(given) {
  const params = typeof given === "string" ? undefined : given.params;
  return params && Object.keys(params).length > 0 ? { params } : {};
}
