// SPDX-License-Identifier: MIT
// JSON Schema of rows as JSON. What it lets through, the core takes; the core takes more (numbers as text, say),
// and what it refuses for other reasons than a value's type or range no schema can tell.
import { HeavenBaseError } from "./errors.js";
import { known } from "./options.js";

/** @typedef {Record<string, any>} Schema */

const DIALECT = "https://json-schema.org/draft/2020-12/schema";
/** @type {Record<string, number>} */
const TEXT_CHARS = { identifier: 63, "short-text": 255, "medium-text": 4095, "long-text": 65535 };
/** @type {Record<string, string>} */
const ALIASES = { interval: "duration", text: "short-text", string: "short-text", int: "integer", bool: "boolean" };
/** Units of a timestamp in a second. @type {Record<string, number>} */
const UNITS = { s: 1, ms: 1000, us: 1000000 };
const LAST_SECOND = 253402300799;
const NOT_BLANK = "\\S";

/** @param {Record<string, any>} definition @param {ReadonlySet<string>} made fields with a default that a function makes @param {{ shape?: "insert" | "row" }} [options] @returns {Schema} */
export function toJsonSchema(definition, made, options) {
  const { shape = "insert" } = known("toJsonSchema", options, ["shape"]);
  if (shape !== "insert" && shape !== "row") throw new HeavenBaseError("TYPE", "shape is \"insert\" or \"row\"");
  const row = shape === "row";
  const { fields: given = {}, desc, derive = [] } = definition;
  /** @type {[string, any][]} */
  const listed = Array.isArray(given) ? given.map((one) => [one.name, one]) : Object.entries(given);
  const fields = listed.filter(([name]) => name !== "object_id").map(([name, field]) => /** @type {[string, any]} */ ([name, typeof field === "string" ? { type: field } : field]));
  if (!fields.some(([name]) => name === "name")) fields.unshift(["name", { type: "short-text" }]);
  const properties = Object.fromEntries([["object_id", { type: "string", minLength: 1, maxLength: TEXT_CHARS.identifier }],
    ...fields.map(([name, field]) => [name, property(field, row)])]);
  const needed = row ? Object.keys(properties) : fields.filter(([name, field]) => field.required && !hasValue(field) && !made.has(name)).map(([name]) => name);
  const named = derive.some((/** @type {any} */ one) => one.target === "catalog.name" || one.target === "name") || fields.some(([name, field]) => name === "name" && (hasValue(field) || made.has(name)));
  const keyed = ["object_id", "name"].map((key) => ({ required: [key], properties: { [key]: { type: "string", pattern: NOT_BLANK } } }));
  return { $schema: DIALECT, title: definition.name ?? definition.entity_id, ...(desc ? { description: desc } : {}), type: "object", properties,
    required: needed, additionalProperties: false, ...(row || named ? {} : { anyOf: keyed }) };
}

/** Does the field have a value where a row gives none? @param {any} field */
const hasValue = (field) => (field.default ?? null) !== null || Boolean(field.compute ?? field.computes);

/** @param {any} field @param {boolean} row */
function property(field, row) {
  const type = parseType(field.type ?? field.dtype);
  const schema = typeSchema(type, row);
  const shown = field.required ? schema : nullable(schema);
  const [standard = null] = told([field.default], type);
  const examples = told(field.examples ?? [], type);
  return { ...shown, ...(field.desc ? { description: field.desc } : {}), ...(standard !== null ? { default: standard } : {}), ...(examples.length > 0 ? { examples } : {}) };
}

/** Values as JSON; those that it has no form for are not told. @param {readonly any[]} values @param {any} type @returns {any[]} */
function told(values, { type }) {
  return values.map((value) => json(value, type)).filter((value) => value !== undefined);
}

/** Bytes, and integers that a number cannot hold, are undefined. @param {any} value @param {string} [type] @returns {any} */
function json(value, type) {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : undefined;
  if (typeof value === "number") return Number.isFinite(value) ? value : undefined;
  if (value === null || typeof value !== "object") return value;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? undefined : value.toISOString().slice(0, type === "date" ? 10 : undefined);
  if (value instanceof Uint8Array || value instanceof ArrayBuffer) return undefined;
  if (Array.isArray(value) || ArrayBuffer.isView(value) || value instanceof Set) return every(Array.from(/** @type {any} */ (value), (one) => json(one)));
  const pairs = (value instanceof Map ? [...value] : Object.entries(value)).map(([key, one]) => [key, json(one)]);
  return every(pairs.map((pair) => pair[1])) && Object.fromEntries(pairs);
}

/** @param {any[]} values @returns {any[] | undefined} undefined when one of them is */
const every = (values) => (values.includes(undefined) ? undefined : values);

/** @param {Schema} schema @returns {Schema} */
function nullable(schema) {
  if (schema.anyOf) return { anyOf: [...schema.anyOf, { type: "null" }] };
  if (schema.enum) return { enum: [...schema.enum, null] };
  return schema.type ? { ...schema, type: [schema.type, "null"] } : schema;
}

/** A type's name, shorthand or descriptor, as a descriptor. @param {any} given @returns {any} */
function parseType(given) {
  if (given !== null && typeof given === "object") return typeof given.type === "string" ? { ...parseType(given.type), ...given, type: parseType(given.type).type } : given;
  const [, word = String(given), inner] = /^([^[\]]+)(?:\[(.*)\])?$/su.exec(String(given).trim()) ?? [];
  const kebab = word.replace(/(?<=.)[A-Z]/gu, (letter) => `-${letter}`).toLowerCase();
  const type = ALIASES[kebab] ?? kebab;
  if (inner === undefined) return { type };
  if (type === "array") return { type, item_type: parseType(inner) };
  if (type === "vector") return { type, dim: Number(inner) };
  if (type === "hyper-g") return { type, fields: inner.split(",").map((name) => ({ name: name.trim(), dtype: { type: "short-text" } })) };
  return type === "identifier" ? { type, target_entity: inner } : { type };
}

/** @param {any} type @param {boolean} row @returns {Schema} */
function typeSchema(type, row) {
  switch (type.type) {
    case "identifier": return { type: "string", minLength: 1, maxLength: type.max_chars ?? TEXT_CHARS.identifier };
    case "short-text": case "medium-text": case "long-text": return { type: "string", maxLength: type.max_chars ?? TEXT_CHARS[type.type] };
    case "integer": return { type: "integer", minimum: -(2 ** 63), exclusiveMaximum: 2 ** 63 };
    case "float": return { type: "number" };
    case "boolean": return { type: "boolean" };
    case "categorical": return { enum: told(type.values, type) };
    case "timestamp": return timestamp(type, row);
    case "date": return { type: "string", format: "date", pattern: "^\\d{4}-\\d{2}-\\d{2}$" };
    case "duration": return { type: "integer", minimum: 0, exclusiveMaximum: 2 ** 63 };
    case "array": return { type: "array", ...(type.item_type ? { items: typeSchema(parseType(type.item_type), row) } : {}) };
    case "vector": return { type: "array", items: { type: "number" }, ...(type.dim ? { minItems: type.dim, maxItems: type.dim } : {}) };
    case "hyper-g": return { type: "array", items: columns(type.fields ?? [], row) };
    case "artifact": return row ? { type: "string", contentEncoding: "base64" } : { type: "string" };
    case "json": return {};
    default: throw new HeavenBaseError("SCHEMA", `no logical type is called '${type.type}'`);
  }
}

/** A whole number in the unit; a write takes ISO 8601 text too. @param {any} type @param {boolean} row */
function timestamp({ unit = "ms", min = 0, max = LAST_SECOND * UNITS[unit] }, row) {
  const number = { type: "integer", minimum: min, maximum: max };
  const plain = min === 0 && max === LAST_SECOND * UNITS[unit];
  return row || !plain ? number : { anyOf: [number, { type: "string", format: "date-time", pattern: "^\\d{4}-\\d{2}-\\d{2}T" }] };
}

/** @param {any[]} fields @param {boolean} row */
function columns(fields, row) {
  const properties = Object.fromEntries(fields.map(({ name, dtype, required = true }) => {
    const schema = typeSchema(parseType(dtype ?? "short-text"), row);
    return [name, required ? schema : nullable(schema)];
  }));
  const required = fields.filter((one) => one.required !== false).map(({ name }) => name);
  return { type: "object", properties, required, additionalProperties: false };
}
