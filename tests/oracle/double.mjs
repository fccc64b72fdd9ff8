// SPDX-License-Identifier: MIT
// A stand-in for the package, for the replayer's own tests: it answers from the model and refuses
// what the differences say we refuse. Faults can be switched on to prove that the replayer sees them.
import { coerce, Refused } from "./coercion.mjs";
import { parseDefinition } from "./definition.mjs";
import { Unknown, visitFilter } from "./filters.mjs";
import { Model } from "./model.mjs";
import { isObject } from "./values.mjs";
import { derivedId, translateRow } from "./writes.mjs";

class DoubleError extends Error {
  constructor(code, message) {
    super(message ?? code);
    this.code = code;
  }
}

const fail = (code, message) => { throw new DoubleError(code, message); };

function translated(definition, row, faults) {
  try {
    const { values, touches } = translateRow(definition, row);
    // What may be refused is refused where the model cannot say what is stored.
    const must = touches.filter((touch) => (touch.mode === "must" || (touch.mode === "may" && touch.absent)) && !faults.takes?.includes(touch.number));
    if (must.length > 0) fail(must[0].number === "D4" ? "UNKNOWN_FIELD" : "VALIDATION", must[0].number);
    for (const touch of touches) if (touch.mode === "store" && !faults.takes?.includes("D8")) values[touch.key] = row[touch.key];
    return values;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const bare = Object.fromEntries(Object.entries(row).filter(([key, value]) => typeof value !== "string"
      || definition.fields.get(key)?.type.kind !== "json"));
    if (Object.keys(bare).length === Object.keys(row).length) fail("VALIDATION", error.message);
    return { ...translated(definition, bare, faults), ...row };
  }
}

/** A class with the static `open` of the package; `faults` is {takes: [numbers], code}. */
export function doubleOf(faults = {}) {
  return { async open(id, options) { return new Double(id, options, faults); } };
}

class Double {
  #model;
  #faults;

  constructor(id, options, faults) {
    this.id = id;
    this.#model = new Model(options.backends ?? options.preset);
    this.#faults = faults;
  }

  #definition(entity) {
    return this.#model.definition(entity) ?? fail("UNKNOWN_ENTITY", entity);
  }

  /** The one entity that holds an id, for calls without `entity`. */
  #holder(id) {
    const holders = [...this.#model.entities.keys()].filter((entity) => this.#model.row(entity, id) !== null);
    return holders.length > 1 ? fail("AMBIGUOUS") : holders[0];
  }

  async register(definition) {
    const parsed = parseDefinition(definition) ?? fail("SCHEMA");
    for (const field of parsed.fields.values()) {
      if (field.default !== null) {
        try {
          coerce(field.type, field.default, []);
        } catch {
          fail("SCHEMA");
        }
      }
    }
    this.#model.register(parsed);
    return { entityId: parsed.id };
  }

  async upsert(entity, row, { overwrite = true } = {}) {
    return (await this.upsertMany(entity, [row], { overwrite }))[0];
  }

  async upsertMany(entity, rows, { overwrite = true } = {}) {
    const definition = this.#definition(entity);
    const ready = rows.map((row) => {
      const values = translated(definition, row, this.#faults);
      for (const field of definition.fields.values()) {
        if (field.required && field.name !== "object_id" && !(field.name in values) && !field.hasDefault) fail("VALIDATION");
      }
      return { values, id: this.#id(definition, row, values) };
    });
    if (new Set(ready.map((one) => one.id)).size < ready.length) fail("DUPLICATE");
    if (!overwrite && ready.some((one) => this.#model.row(entity, one.id))) fail("DUPLICATE");
    for (const { values, id } of ready) this.#model.write(entity, id, values, false);
    return ready.map((one) => one.id);
  }

  #id(definition, row, values) {
    const given = row.object_id ?? "";
    if (given !== "") {
      if (Array.from(String(given)).length > 63) fail("INVALID_ID");
      return String(given);
    }
    return derivedId({ ...definition, implicitName: true }, { name: values.name }) ?? fail("INVALID_ID");
  }

  async set(id, values, { entity = this.#holder(id), overwrite = true } = {}) {
    if (!entity) fail("TYPE");
    if (!overwrite && this.#model.row(entity, id)) fail("DUPLICATE");
    this.#model.write(entity, id, translated(this.#definition(entity), values, this.#faults), true);
    return String(id);
  }

  async setMany(rows, { entity, overwrite = true } = {}) {
    if (!overwrite && rows.some((row) => this.#model.row(entity, row.object_id))) fail("DUPLICATE");
    const ready = rows.map((row) => (row.object_id ? translated(this.#definition(entity), row, this.#faults) : fail("INVALID_ID")));
    ready.forEach((values, index) => this.#model.write(entity, rows[index].object_id, values, true));
    return rows.map((row) => row.object_id);
  }

  async get(id, { entity = this.#holder(id) } = {}) {
    if (id === null || id === "") fail("INVALID_ID");
    if (entity) this.#definition(entity);
    return entity ? this.#model.row(entity, id) : null;
  }

  async getMany(ids, options) { return Promise.all(ids.map((id) => this.get(id, options))); }
  async exists(id, options) { return (await this.get(id, options)) !== null; }
  async rows(entity) { this.#definition(entity); return this.#model.rows(entity); }
  async ids(entity) { return (await this.rows(entity)).map((row) => row.object_id); }
  async count(entity) { return (await this.rows(entity)).length; }
  async listEntities() { return [...this.#model.entities.keys()]; }
  async close() {}
  async refresh() {}
  async audit() { return { catalog: { ok: true, missing: [], dangling: [], mismatched: [] } }; }

  async delete(id, { entity = this.#holder(id) } = {}) {
    if (id === null || id === "") fail("INVALID_ID");
    const was = await this.exists(id, { entity });
    if (entity) this.#model.remove(entity, id);
    return was;
  }

  async deleteMany(ids, options) {
    const were = await Promise.all(ids.map((id) => this.exists(id, options)));
    for (const id of ids) await this.delete(id, options);
    return were;
  }

  queryJson(entity, spec) {
    return { execute: async () => {
      this.#definition(entity);
      try {
        this.#guard(spec);
        const { rows, columns } = this.#model.query(entity, spec);
        const shown = this.#faults.loses ? rows.filter((row) => row.object_id !== this.#faults.loses) : rows;
        return { rows: () => shown, colNames: () => columns ?? [] };
      } catch (error) {
        if (error instanceof Refused) fail("VALIDATION");
        if (error instanceof Unknown) fail("UNSUPPORTED");
        throw error;
      }
    } };
  }

  #guard(spec) {
    visitFilter(isObject(spec.filter) ? spec.filter : {}, (_field, op) => { if (op === "or-empty") fail("QUERY"); });
  }
}
