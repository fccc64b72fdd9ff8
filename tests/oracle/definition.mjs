// SPDX-License-Identifier: MIT
// The portable entity definition as the replayer needs it: fields, types, placements.
import { isObject } from "./values.mjs";

const ALIASES = { interval: "duration", text: "short-text", string: "short-text", int: "integer",
  bool: "boolean", number: "float" };
const TEXT_MAX = { identifier: 63, "short-text": 255, "medium-text": 4095, "long-text": 65535 };
const STRATEGIES = { InlineColumn: "inline", JsonField: "json", SideTable: "side",
  InvertedIndex: "inverted", SparseGramIndex: "sparse-gram", VectorIndex: "vector",
  GraphEdge: "graph", ExternalRef: "external" };

/** Kebab-case as entity ids are made: a dash before every upper-case letter but the first. */
export function kebab(name) {
  return name.replace(/(?<=.)[A-Z]/g, (letter) => `-${letter}`).toLowerCase().replaceAll("_", "-");
}

function typeFromText(text) {
  const match = /^([^[\]]+)(?:\[(.*)\])?$/s.exec(text.trim());
  if (!match) return { kind: text };
  const word = /^[A-Z]/.test(match[1]) ? kebab(match[1]) : match[1];
  const kind = ALIASES[word] ?? word;
  if (match[2] === undefined) return finish({ kind });
  if (kind === "array") return { kind, item: typeFromText(match[2]) };
  if (kind === "vector") return { kind, dim: Number(match[2]) };
  if (kind === "hyper-g") {
    return { kind, columns: match[2].split(",").map((name) => ({ name: name.trim(),
      type: finish({ kind: "short-text" }), required: true })) };
  }
  return finish({ kind });
}

function finish(type) {
  if (type.kind in TEXT_MAX && type.maxChars === undefined) type.maxChars = TEXT_MAX[type.kind];
  if (type.kind === "timestamp") {
    type.unit ??= "ms";
    const scale = { s: 1, ms: 1000, us: 1000000 }[type.unit] ?? 1000;
    type.min ??= 0;
    type.max ??= 253402300799 * scale;
  }
  return type;
}

/** A type text or descriptor as {kind, ...parameters}. */
export function parseType(dtype) {
  if (typeof dtype === "string") return typeFromText(dtype);
  if (!isObject(dtype) || typeof dtype.type !== "string") return { kind: "?" };
  const base = typeFromText(dtype.type);
  switch (base.kind) {
    case "array": return dtype.item_type ? { kind: "array", item: parseType(dtype.item_type) } : base;
    case "vector": return { ...base, ...(dtype.dim ? { dim: dtype.dim } : {}) };
    case "categorical": return { kind: "categorical", values: dtype.values,
      base: dtype.base ?? (typeof dtype.values?.[0] === "number" ? "integer" : "string") };
    case "hyper-g": return { kind: "hyper-g", columns: (dtype.fields ?? []).map((column) => ({
      name: column.name, type: parseType(column.dtype ?? "short-text"),
      required: column.required ?? true })) };
    case "timestamp": return finish({ kind: "timestamp", unit: dtype.unit, min: dtype.min, max: dtype.max });
    default: return finish({ ...base, ...(dtype.max_chars ? { maxChars: dtype.max_chars } : {}) });
  }
}

function parseStore(store) {
  if (!isObject(store)) return { to: store, strategy: "inline", optional: false };
  const named = store.strategy ?? "inline";
  return { to: store.to, strategy: STRATEGIES[named] ?? named, optional: store.optional === true };
}

function parseField(name, body) {
  const field = isObject(body) ? body : { type: body };
  const stores = [field.storage ?? [], field.stores ?? []].flat();
  return {
    name,
    type: parseType(field.type ?? field.dtype),
    required: field.required === true || field.pk === true,
    hasDefault: field.has_default === true || (field.default ?? null) !== null,
    default: field.default ?? null,
    desc: field.desc ?? field.description ?? "",
    stores: stores.map(parseStore),
    unique: field.unique === true,
    indexed: field.index !== undefined || field.indexes !== undefined,
    computed: ["compute", "computes", "query_compute", "query_computes"].some((key) => key in field),
    implicit: false,
  };
}

/** The definition, or null when it is not even a mapping with fields. */
export function parseDefinition(definition) {
  if (!isObject(definition)) return null;
  const { fields } = definition;
  const list = Array.isArray(fields) ? fields.filter(isObject).map((body) => [body.name, body])
    : isObject(fields) ? Object.entries(fields) : null;
  if (list === null) return null;
  const parsed = list.map(([name, body]) => parseField(name, body));
  const implicit = (name, type, required) => ({ ...parseField(name, type), required, implicit: true });
  const declaredName = parsed.some((field) => field.name === "name");
  if (!parsed.some((field) => field.name === "object_id")) {
    parsed.unshift(implicit("object_id", "identifier", true));
  }
  const name = definition.name ?? pascal(definition.entity_id ?? "");
  return {
    id: definition.entity_id ?? kebab(name),
    name,
    desc: definition.desc ?? "",
    fields: new Map(parsed.map((field) => [field.name, field])),
    implicitName: declaredName ? null : implicit("name", "short-text", false),
    constrained: (definition.constraints ?? []).length > 0 || (definition.indexes ?? []).length > 0,
  };
}

function pascal(id) {
  return id.split(/[-_]/).filter(Boolean).map((part) => part[0].toUpperCase() + part.slice(1)).join("");
}

/** Every field that an entity has with us: the declared ones and the implicit name (design D1). */
export function ownField(entity, name) {
  return entity.fields.get(name) ?? (name === "name" ? entity.implicitName : null) ?? null;
}
