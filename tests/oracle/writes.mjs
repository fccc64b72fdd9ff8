// SPDX-License-Identifier: MIT
// What a write of a case means for us: the row that the reference stored in terms we accept, and
// the places (touches) where we must, may or must not refuse the row as it was given.
import { createHash } from "node:crypto";
import { coerce, pythonText, Refused, requiredNull } from "./coercion.mjs";
import { ownField } from "./definition.mjs";
import { isObject } from "./values.mjs";

/** 42 digits: the MD5 of the parts as the reference writes a tuple. */
export function hashId(...parts) {
  const text = `{"__obj_data__": [${parts.map((part) => JSON.stringify(part)).join(", ")}], "__obj_type__": "tuple"}`;
  return BigInt(`0x${createHash("md5").update(text, "utf8").digest("hex")}`).toString().padStart(42, "0");
}

/** The rows that a write step carries: [{id, values}], `args.rows` or the single row. */
export function rowsOf(step) {
  const { op, args } = step;
  if (op === "upsert") return [args.row];
  if (op === "set") {
    const values = Array.isArray(args.values) && args.values.length === 0 ? {} : args.values;
    return [isObject(values) ? { ...values, object_id: args.id } : values];
  }
  return Array.isArray(args.rows) ? args.rows : [];
}

function translateValue(field, value, touches) {
  if (value === null) {
    if (!field.required) return null;
    const stored = requiredNull(field.type);
    touches.push({ number: "D5", mode: "must", absent: stored === undefined });
    return stored ?? null;
  }
  const stored = coerce(field.type, value, touches);
  if (stored === null && field.required) touches.push({ number: "D5", mode: "must", absent: true });
  return stored;
}

/** {values, touches}; throws Refused where the reference refuses the row too. */
export function translateRow(definition, row, id) {
  const values = {};
  const touches = [];
  if ((row.object_id ?? "") === "" && definition.fields.has("name") && holdsNoText(definition.fields.get("name").type, row.name)) {
    values.object_id = id;      // made of what Python prints
    touches.push({ number: "D10", mode: "may", key: "name" });
  } else if ((row.object_id ?? "") === "" && definition.fields.get("name")?.type.kind === "json" && typeof row.name === "string" && id) {
    values.object_id = id;      // made of the text, which is JSON there
  }
  for (const [key, value] of Object.entries(row)) {
    const field = ownField(definition, key);
    if (key === "object_id") values[key] = (value ?? "") === "" && values[key] ? values[key] : translateId(value, touches);
    else if (!field) touches.push({ number: "D4", mode: "must", key });
    else if (field.implicit) translateName(field, value, values, touches);
    else {
      const from = touches.length;
      values[key] = translateValue(field, value, touches);
      for (const touch of touches.slice(from)) touch.key = key;
    }
  }
  return { values, touches };
}

/** Whether a text is white space alone; the mark of byte order is none. */
export const isBlank = (text) => /^[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*$/.test(text);

/** Names whose id the reference makes of what Python prints. */
const holdsNoText = (type, name) => typeof name === "boolean" || (name !== null && typeof name === "object")
  || (name !== undefined && name !== null && NAMELESS.has(type.kind));
const NAMELESS = new Set(["boolean", "array", "hyper-g", "vector", "artifact"]);

function translateId(value, touches) {
  if (typeof value === "string" && value !== "" && isBlank(value)) touches.push({ number: "D33", mode: "must", key: "object_id", absent: true });
  if (value instanceof Date) touches.push({ number: "D10", mode: "must", key: "object_id", absent: true });
  if (typeof value === "number" && !Number.isFinite(value)) touches.push({ number: "D3", mode: "must", key: "object_id", absent: true });
  if (typeof value === "bigint" && BigInt.asIntN(64, value) !== value) touches.push({ number: "D6", mode: "must", key: "object_id", absent: true });
  if (typeof value !== "boolean" && !Array.isArray(value) && !isObject(value)) return value;
  touches.push({ number: "D10", mode: "must", key: "object_id" });
  return pythonText(value);
}

/** The reference drops an undeclared `name`; we keep it, under the rules of a ShortText. */
function translateName(field, value, values, touches) {
  if (value === null) return;
  try {
    const found = [];
    values.name = coerce(field.type, value, found);
    if (found.length > 0) {
      delete values.name;
      touches.push({ number: "D10", mode: "must", key: "name" });
    }
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    touches.push({ number: "D1", mode: "must", key: "name" });
  }
}

/** The id that we derive from an undeclared name where the reference refuses the row, or null. */
export function derivedId(definition, row) {
  const absent = (row.object_id ?? "") === "";
  if (!definition.implicitName || !absent || !["string", "number"].includes(typeof row.name) || String(row.name).trim() === "") return null;
  return hashId(definition.id, String(row.name));
}

/** A Json field of the row that holds a text which the reference cannot parse. */
export function bareJsonFields(definition, row) {
  return Object.keys(row).filter((key) => {
    const field = definition.fields.get(key);
    const isText = field?.type.kind === "json" && typeof row[key] === "string";
    if (!isText && !(field?.type.item?.kind === "json" && Array.isArray(row[key]))) return false;
    try {
      coerce(field.type, row[key], []);
      return false;
    } catch {
      return true;
    }
  });
}
