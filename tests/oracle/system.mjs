// SPDX-License-Identifier: MIT
// The rows of MetaSchema and Catalog that follow from a case: entities, fields and placements of
// its definitions, and one Catalog row for each of its rows.
import { placement } from "./placement.mjs";
import { hashId } from "./writes.mjs";

const SYSTEM = { "sys-catalog": "Catalog", "sys-metaschema": "MetaSchema" };
export const META_COLUMNS = ["object_id", "kind", "subject_id", "name", "field", "dtype", "backend", "type",
  "strategy", "desc", "ws", "active"];
export const CATALOG_COLUMNS = ["object_id", "target_id", "target_entity", "name", "ws", "active", "visible"];
/** Every column of the system entities. */
export const SYSTEM_COLUMNS = {
  "sys-metaschema": new Set(["object_id", "kind", "subject_id", "name", "dtype", "desc", "tags", "backend", "type", "strategy",
    "source", "target", "meta", "active", "ws", "field", "score", "match"]),
  "sys-catalog": new Set(["object_id", "target_id", "target_entity", "ws", "name", "version", "type", "summary", "instructions",
    "examples", "artifacts", "confidence", "desc", "keywords", "tags", "priority", "active", "visible", "created_at",
    "updated_at", "expires_at", "expires_after", "stale_after", "expires_compute", "stale_compute", "creator", "owner", "auth",
    "metadata", "note", "source", "parent_id", "history", "transforms", "statistics", "feedback", "annotations", "related",
    "automations", "score", "match"]),
};
const BOOLEAN = new Set(["active", "visible"]);

/** Types of the modelled columns of a system entity. */
export function systemType(entity, column) {
  const columns = entity === "sys-catalog" ? CATALOG_COLUMNS : META_COLUMNS;
  if (!columns.includes(column)) return null;
  return BOOLEAN.has(column) ? { kind: "boolean" } : { kind: "short-text", maxChars: 255 };
}

function metaRow(kind, key, values, ws) {
  const plain = `${kind}:${key}`;
  return { object_id: plain.length > 63 ? `${kind}:${hashId(kind, key)}` : plain, kind, subject_id: "",
    name: "", field: "", dtype: "", backend: "", type: "", strategy: "", desc: "", ws, active: true, ...values };
}

/** Rows of kind entity, field and storage. `ours` false gives what the reference should list. */
export function metaRows(model, ws, ours) {
  const rows = Object.entries(SYSTEM).map(([id, name]) => metaRow("entity", id, { subject_id: id, name }, ws));
  for (const [id, { definition }] of model.entities) {
    rows.push(metaRow("entity", id, { subject_id: id, name: definition.name, desc: definition.desc }, ws));
    const fields = [...definition.fields.values()];
    if (ours && definition.implicitName) fields.push(definition.implicitName);
    for (const field of fields) {
      rows.push(metaRow("field", `${id}.${field.name}`, { subject_id: id, name: field.name, field: field.name,
        dtype: field.type.kind, desc: field.desc }, ws));
    }
    for (const { field, backend, type, strategy } of placement(definition, model.backends, ours)) {
      const key = `${id}.${field}.${backend}.${strategy}`;
      rows.push(metaRow("storage", key, { subject_id: id, name: key, field, backend, type, strategy }, ws));
    }
  }
  return rows;
}

/** Catalog rows of all user rows; the name column copies a non-empty ShortText `name`. */
export function catalogRows(model, ws) {
  const rows = [];
  for (const [entity, { definition, rows: held }] of model.entities) {
    const field = definition.fields.get("name") ?? definition.implicitName;
    const copied = field?.type.kind === "short-text" && field.type.maxChars === 255;
    for (const row of held.values()) {
      const plain = `catalog:${entity}:${row.object_id}`;
      rows.push({ object_id: plain.length > 63 ? `catalog:${hashId("catalog", ws, entity, row.object_id)}` : plain,
        target_id: row.object_id, target_entity: entity, name: (copied && row.name) || "", ws, active: true,
        visible: true });
    }
  }
  return rows;
}

/** Descriptions of implicit fields are our own words: both sides get the same mark. */
export function maskImplicit(model) {
  const implicit = new Set();
  for (const [id, { definition }] of model.entities) {
    for (const name of ["object_id", "name"]) {
      const field = definition.fields.get(name) ?? definition.implicitName;
      if (field?.name === name && field.implicit) implicit.add(`${id}.${name}`);
    }
  }
  return (row) => {
    const key = row.object_id?.startsWith?.("field:") ? row.object_id.slice(6) : `${row.subject_id}.${row.field}`;
    return "desc" in row && implicit.has(key) && row.desc !== null ? { ...row, desc: "*" } : row;
  };
}
