// SPDX-License-Identifier: MIT
// What a workspace should hold after the steps of a case so far, and what a query over it should
// answer: plain JavaScript over plain rows. It follows the case (a write that the reference
// refused changes nothing), so it never needs the implementation under test.
import { coerce, Refused } from "./coercion.mjs";
import { ownField } from "./definition.mjs";
import { passing, Unknown } from "./filters.mjs";
import { placement, primary } from "./placement.mjs";
import { compareText, isObject, normalRow } from "./values.mjs";

export class Model {
  constructor(backends) {
    this.backends = backends;
    this.entities = new Map();      // id -> {definition, rows: Map(object_id -> row)}
    this.phantoms = new Map();      // id -> Set of object_ids that only the reference holds
    this.older = new Map();         // id -> Set of object_ids whose rows are older than a default
    this.loose = new Map();         // id -> Set of object_ids that SQL lost values of
    this.gone = new Map();          // id -> Map(name -> type) of fields that went
    this.changed = new Map();       // id -> Set of fields that had another definition
    this.unsound = new Set();       // entities that the reference cannot read any more
    this.refused = new Set();       // entities whose definition we refuse and the reference takes
  }

  register(definition) {
    const before = this.entities.get(definition.id);
    const gone = this.gone.get(definition.id) ?? new Map();
    this.#outlive(before, definition, gone);
    for (const [name, field] of before?.definition.fields ?? []) if (!definition.fields.has(name)) gone.set(name, JSON.stringify(field.type));
    this.gone.set(definition.id, gone);
    this.entities.set(definition.id, { definition, rows: before?.rows ?? new Map() });
    if (!this.phantoms.has(definition.id)) this.phantoms.set(definition.id, new Set());
  }

  /** What `alter` does to the rows that are there: a field that is new has its default (D31). */
  alter(definition) {
    const held = this.entities.get(definition.id);
    const fields = [...definition.fields.values()].filter((field) => field.hasDefault && !held?.definition.fields.has(field.name)
      && defaultOf(field) !== null);
    this.register(definition);
    if (fields.length === 0) return;
    for (const row of held?.rows.values() ?? []) {
      for (const field of fields) row[field.name] = defaultOf(field);
      this.older.set(definition.id, this.grown(definition.id).add(row.object_id));
    }
  }

  /** Fields that rows were written of by another definition: another type or duty, or of new ones a duty or a default. */
  #outlive(before, definition, gone) {
    const fields = this.outlived(definition.id);
    const shape = (field) => JSON.stringify([field.type, field.required]);
    for (const field of before ? definition.fields.values() : []) {
      const held = before.definition.fields.get(field.name);
      const returns = !held && gone.has(field.name) && gone.get(field.name) !== JSON.stringify(field.type);
      if (returns || (held ? shape(held) !== shape(field) : field.required || field.hasDefault)) fields.add(field.name);
    }
    this.changed.set(definition.id, fields);
  }

  /** The names of such fields. */
  outlived(id) {
    return this.changed.get(id) ?? new Set();
  }

  /** The rows of which the reference may have lost values. */
  looseIds(id) {
    return this.loose.get(id) ?? new Set();
  }

  /** The rows that are older than a default. */
  grown(id) {
    return this.older.get(id) ?? new Set();
  }

  definition(id) {
    return this.entities.get(id)?.definition ?? null;
  }

  rows(id) {
    return [...(this.entities.get(id)?.rows.values() ?? [])].map((row) => this.#shown(id, row));
  }

  row(id, objectId) {
    const row = this.entities.get(id)?.rows.get(String(objectId));
    return row ? this.#shown(id, row) : null;
  }

  /** Without the fields that went. */
  #shown(id, row) {
    const gone = this.gone.get(id);
    if (!gone?.size) return row;
    const { fields } = this.definition(id);
    return Object.fromEntries(Object.entries(row).filter(([name]) => !gone.has(name) || fields.has(name)));
  }

  forget() {
    this.entities.clear();
    this.phantoms.clear();
    this.older.clear();
    this.loose.clear();
    this.changed.clear();
    this.unsound.clear();
  }

  /** Opening again: what lay on the backends `gone` is no more. */
  lose(gone, all) {
    if (all) return this.forget();
    for (const { definition, rows } of this.entities.values()) {
      const placed = placement(definition, this.backends, true);
      const lost = [...definition.fields.keys()].filter((name) => name !== "object_id" && gone.has(primary(placed, name)?.backend));
      const bare = placed.every((binding) => gone.has(binding.backend));
      for (const row of rows.values()) for (const name of lost) delete row[name];
      if (bare) rows.clear();
    }
  }

  /** Which entity holds an id, for calls without `entity`. */
  holder(objectId) {
    return [...this.entities.keys()].find((id) => this.row(id, objectId) !== null) ?? null;
  }

  write(entity, objectId, values, merge) {
    const held = this.entities.get(entity);
    if (!held) return;
    const row = { object_id: String(objectId) };
    const before = merge ? held.rows.get(String(objectId)) : undefined;
    for (const field of held.definition.fields.values()) {
      if (field.hasDefault && before === undefined) row[field.name] = defaultOf(field);
    }
    Object.assign(row, before ? this.#shown(entity, before) : {});
    const stored = placement(held.definition, this.backends, true);
    for (const [key, value] of Object.entries(values)) {
      if (key === "object_id" || !stored.some((binding) => binding.field === key)) continue;
      row[key] = value;
    }
    row.object_id = String(objectId);
    held.rows.set(row.object_id, row);
    if (!merge) {
      this.grown(entity).delete(row.object_id);
      this.looseIds(entity).delete(row.object_id);
    }
    this.phantoms.get(entity)?.delete(row.object_id);
  }

  remove(entity, objectId) {
    const held = this.entities.get(entity);
    held?.rows.delete(String(objectId));
    this.grown(entity).delete(String(objectId));
    this.phantoms.get(entity)?.delete(String(objectId));
  }

  isPhantom(entity, objectId) {
    return this.phantoms.get(entity)?.has(String(objectId)) ?? false;
  }

  addPhantom(entity, objectId) {
    this.entities.get(entity)?.rows.delete(String(objectId));
    this.phantoms.get(entity)?.add(String(objectId));
  }

  /** The answer of a query without aggregates over user rows: {rows, ordered, runs, cut, columns}. */
  query(entity, spec) {
    const definition = this.definition(entity);
    if (!definition) throw new Unknown(entity);
    return answer(this.rows(entity), (name) => ownField(definition, name)?.type ?? null, spec);
  }
}

function defaultOf(field) {
  try {
    return field.default === null ? null : coerce(field.type, field.default, []);
  } catch (error) {
    if (error instanceof Refused) return null;      // then the write was refused, or will be
    throw error;
  }
}

/** Cosine, dot product or minus the Euclidean distance; a zero vector scores 0 under cosine. */
export function similarity(metric, a, b) {
  const dot = a.reduce((sum, x, i) => sum + x * b[i], 0);
  if (metric === "dot") return dot;
  if (metric === "l2") return -Math.sqrt(a.reduce((sum, x, i) => sum + (x - b[i]) ** 2, 0));
  const norms = Math.hypot(...a) * Math.hypot(...b);
  return norms === 0 ? 0 : dot / norms;
}

const TIE = 2e-6;
const METRIC_OF = { euclidean: "l2", ip: "dot", inner_product: "dot", "inner-product": "dot" };

/** The metric that a name stands for. */
export const metricOf = (name) => {
  const lower = String(name ?? "").toLowerCase() || "cosine";
  return METRIC_OF[lower] ?? lower;
};

function nearest(rows, near) {
  const ranked = rows.filter((row) => (row[near.field] ?? null) !== null);
  if (ranked.some((row) => row[near.field].length !== near.query.length)) throw new Refused("dimension");
  const scored = ranked
    .map((row) => ({ ...row, score: similarity(metricOf(near.metric), row[near.field], near.query) }));
  scored.sort((a, b) => b.score - a.score || compareText(a.object_id, b.object_id));
  const k = Math.max(1, Math.trunc(Number(near.top_k ?? 50)));
  const cut = scored.length > k && Math.abs(scored[k - 1].score - scored[k].score) <= TIE;
  return { rows: scored.slice(0, k), cut };
}

function cell(row, column) {
  if (Object.hasOwn(row, column)) return row[column] ?? null;
  const dot = column.indexOf(".");
  if (dot < 0) return null;
  const value = column.slice(dot + 1).split(".").reduce((inner, step) => (isObject(inner) ? inner[step] : undefined),
    row[column.slice(0, dot)]);
  return value ?? null;
}

function compareCells(a, b) {
  if (Array.isArray(a)) {
    for (let i = 0; i < Math.min(a.length, b.length); i++) {
      const c = compareCells(a[i], b[i]);
      if (c !== 0) return c;
    }
    return a.length - b.length;
  }
  return typeof a === "string" ? compareText(a, b) : a < b ? -1 : a > b ? 1 : 0;
}

function comparator(keys) {
  return (x, y) => {
    for (const { column, falling } of keys) {
      const [a, b] = [cell(x, column), cell(y, column)];
      if (a === null || b === null) {
        if (a !== b) return a === null ? 1 : -1;
        continue;
      }
      const close = column === "score" && Math.abs(a - b) <= TIE;
      const c = close ? 0 : compareCells(a, b);
      if (c !== 0) return falling ? -c : c;
    }
    return 0;
  };
}

function runLengths(rows, compare) {
  const runs = [];
  rows.forEach((row, index) => {
    if (index > 0 && compare(rows[index - 1], row) === 0) runs[runs.length - 1]++;
    else runs.push(1);
  });
  return runs;
}

const KEYS = new Set(["filter", "near", "select", "order", "offset", "limit", "group_by", "aggregate", "having", "available",
  "traverse", "unsafe"]);
const isNames = (list) => list === undefined || (Array.isArray(list) && list.every((name) => typeof name === "string" && name.trim() !== ""));
const isCount = (value) => value === undefined || (typeof value !== "boolean" && Number.isInteger(Number(value ?? NaN)) && Number(value) >= 0);

/** What is no query is refused. */
function checkShape(spec) {
  const { select, order, offset, limit, near } = spec;
  const sound = Object.keys(spec).every((key) => KEYS.has(key)) && isNames(select) && isNames(order) && isCount(offset) && isCount(limit)
    && ((near ?? null) === null || (isObject(near) && typeof near.field === "string" && Array.isArray(near.query)));
  if (!sound) throw new Refused("shape");
}

/** Filter, rank, sort, page, project: in that order (design decision 5). */
export function answer(rows, typeOf, spec) {
  checkShape(spec);
  if (spec.aggregate || spec.group_by || spec.having) throw new Unknown("aggregate");
  let out = passing(spec.filter ?? {}, rows, typeOf);
  let cut = false;
  if (spec.near) ({ rows: out, cut } = nearest(out, spec.near));
  const keys = (spec.order ?? []).map((name) => ({ column: name.replace(/^-/, "").trim(), falling: name.startsWith("-") }));
  if (keys.length === 0 && spec.near) keys.push({ column: "score", falling: true });
  const compare = comparator(keys);
  if (keys.length > 0) out = [...out].sort(compare);
  const from = Number(spec.offset ?? 0);
  const to = spec.limit === undefined ? out.length : from + Number(spec.limit);
  const paged = out.slice(from, to);
  const touchesCut = paged.length < out.length
    && (keys.length === 0 || [from, to].some((at) => at > 0 && at < out.length && compare(out[at - 1], out[at]) === 0));
  const select = spec.select?.length ? [...new Set(["object_id", ...spec.select.map((name) => name.trim())])] : null;
  const shown = paged.map((row) => (select
    ? Object.fromEntries(select.map((column) => [column, cell(row, column)])) : row));
  return { rows: shown.map((row) => normalRow(row)), ordered: keys.length > 0, runs: runLengths(paged, compare),
    cut: cut || touchesCut, columns: select ? [...select].sort(compareText) : undefined };
}
