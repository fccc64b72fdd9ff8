// SPDX-License-Identifier: MIT
// Declarations: fields, entities, the two system entities. Everything is immutable; the core checks and completes.
import { HeavenBaseError } from "./errors.js";
import { FieldRef } from "./expr.js";
import { Boolean as BooleanType, Categorical, Float, Identifier, Integer, Json, LongText, ShortText, Timestamp, descriptorOf, strategyName, strategyParams } from "./field-types.js";

/** @typedef {import("./types.js").FieldMap} FieldMap */
/** @typedef {{ to?: string, strategy?: import("./field-types.js").Strategy | string, optional?: boolean, reason?: string }} StoreOptions */

/**
 * The declaration of a field.
 * @template [Out=any], [In=Out], [Required=false], [HasDefault=false]
 */
export class Field {
  /** @type {Readonly<Record<string, unknown>>} */
  #definition;
  /** For the type checker alone. @type {{ out: Out, in: In, required: Required, hasDefault: HasDefault } | undefined} */
  types = undefined;

  /** @param {Record<string, unknown>} definition */
  constructor(definition) {
    this.#definition = Object.freeze(definition);
    Object.freeze(this);
  }

  /** @param {Record<string, unknown>} changes @returns {any} */
  #with(changes) {
    return new Field({ ...this.#definition, ...changes });
  }

  /** @returns {Field<Out, In, true, HasDefault>} */
  required() { return this.#with({ required: true }); }
  /** @returns {Field<Out, In, false, HasDefault>} */
  optional() { return this.#with({ required: false }); }
  /** Taken when a row has no such key. @param {In | null} value @returns {Field<Out, In, Required, true>} */
  default(value) { return this.#with({ default: value, has_default: true }); }
  /** @param {string} desc @returns {Field<Out, In, Required, HasDefault>} */
  desc(desc) { return this.#with({ desc }); }
  /** @param {...string} tags @returns {Field<Out, In, Required, HasDefault>} */
  tags(...tags) { return this.#with({ tags: [.../** @type {string[]} */ (this.#definition.tags ?? []), ...tags.flat()] }); }
  /** @param {...In} examples @returns {Field<Out, In, Required, HasDefault>} */
  example(...examples) { return this.#with({ examples: [.../** @type {In[]} */ (this.#definition.examples ?? []), ...examples] }); }
  /** Where it is kept; the first is the source of truth, further ones are replicas. @param {StoreOptions} options @returns {Field<Out, In, Required, HasDefault>} */
  store(options) {
    const { to, strategy, optional, reason, ...rest } = options ?? {};
    const unknown = Object.keys(rest)[0];
    if (unknown !== undefined) throw new HeavenBaseError("SCHEMA", `store has no option '${unknown}'; expected one of: to, strategy, optional, reason`);
    const store = { ...(to === undefined ? {} : { to }), ...(strategy === undefined ? {} : { strategy: strategyName(strategy), ...strategyParams(strategy) }),
      ...(optional === undefined ? {} : { optional }), ...(reason === undefined ? {} : { reason }) };
    return this.#with({ stores: [.../** @type {object[]} */ (this.#definition.stores ?? []), store] });
  }

  /** @param {boolean} [enabled] @returns {Field<Out, In, Required, HasDefault>} */
  index(enabled = true) { return this.#with({ index: enabled }); }
  /** @param {boolean} [enabled] @returns {Field<Out, In, Required, HasDefault>} */
  unique(enabled = true) { return this.#with({ unique: enabled }); }
  /**
   * Only these values: the field becomes a Categorical.
   * @template {string | number} const V
   * @param {...V} values @returns {Field<V, V, Required, HasDefault>}
   */
  choices(...values) { return this.#with({ type: Categorical(values.flat()).descriptor }); }

  /** The portable form. */
  toDefinition() {
    return this.#definition;
  }

  toJSON() {
    return this.#definition;
  }
}

/**
 * Declares a field of a logical type.
 * @template Out, In
 * @param {import("./types.js").TypeLike<Out, In>} type
 * @returns {Field<Out, In>}
 */
export function field(type) {
  return new Field({ type: descriptorOf(type) });
}

/** "RoutedDocument" to "routed-document": a dash before every capital but the first. @param {string} name */
export function entityIdOf(name) {
  return name.replace(/(?<=.)\p{Lu}/gu, (letter) => `-${letter}`).toLowerCase().replaceAll("_", "-");
}

/**
 * A registered or registrable kind of rows. Its fields are members, unless a member of this class has the same
 * name: then they are reached through `fields`.
 */
export class Entity {
  /** @type {Readonly<Record<string, unknown>>} */
  #definition;

  /** @param {Record<string, unknown>} definition portable form @param {readonly string[]} fieldNames */
  constructor(definition, fieldNames) {
    this.#definition = Object.freeze(definition);
    /** @type {string} */
    this.entityId = String(definition.entity_id);
    /** @type {string} */
    this.entityName = String(definition.name ?? definition.entity_id);
    const names = new Set(["object_id", "name", ...fieldNames]);
    /** @type {Readonly<Record<string, FieldRef>>} */
    this.fields = Object.freeze(Object.fromEntries([...names].map((name) => [name, new FieldRef(this.entityId, name)])));
    for (const [name, reference] of Object.entries(this.fields)) {
      if (!(name in this)) Object.defineProperty(this, name, { value: reference, enumerable: true });
    }
    Object.freeze(this);
  }

  /** The portable form, as `register` takes it. */
  toDefinition() {
    return this.#definition;
  }

  toJSON() {
    return this.#definition;
  }
}

/**
 * Declares an entity.
 * @template {FieldMap} F
 * @param {string} name
 * @param {F} fields
 * @param {{ id?: string, desc?: string, tags?: readonly string[], indexes?: readonly object[], constraints?: readonly object[] }} [options]
 * @returns {import("./types.js").EntityOf<F>}
 */
export function entity(name, fields, options = {}) {
  if (typeof name !== "string" || name === "") throw new HeavenBaseError("SCHEMA", "an entity needs a name");
  if (fields === null || typeof fields !== "object" || Array.isArray(fields)) {
    throw new HeavenBaseError("SCHEMA", "an entity takes a mapping of names to fields", { entity: name });
  }
  const { id = entityIdOf(name), desc, tags, indexes, constraints, ...rest } = options;
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) {
    throw new HeavenBaseError("SCHEMA", `entity has no option '${unknown}'; expected one of: id, desc, tags, indexes, constraints`, { entity: id });
  }
  const declared = Object.fromEntries(Object.entries(fields).map(([key, one]) => [key, fieldDefinition(one)]));
  const given = Object.entries({ desc, tags, indexes, constraints }).filter(([, value]) => value !== undefined);
  const definition = { entity_id: id, name, ...Object.fromEntries(given), fields: declared };
  return /** @type {any} */ (new Entity(definition, Object.keys(fields)));
}

/** @param {unknown} one a field, a type, or their portable forms */
function fieldDefinition(one) {
  if (one instanceof Field) return one.toDefinition();
  const portable = one !== null && typeof one === "object" && !("descriptor" in one) && ("type" in one || "dtype" in one) && typeof /** @type {any} */ (one).type !== "function";
  if (portable) return one;
  return { type: descriptorOf(one) };
}

/** The entity of a portable definition, for `register` and for what a reopened workspace knows. @param {Record<string, unknown>} definition */
export function entityFromDefinition(definition) {
  const fields = definition.fields;
  const names = Array.isArray(fields) ? fields.map((one) => String(one?.name)) : Object.keys(/** @type {object} */ (fields ?? {}));
  return new Entity(definition, names);
}

const text = field(ShortText);
const json = field(Json);
const flag = field(BooleanType);
const number = field(Float);
const long = field(LongText);
const time = field(Timestamp);
const list = json;

/** What the workspace consists of: computed, read-only; `register` is the way to change it. */
export const MetaSchema = entity("MetaSchema", { kind: text, subject_id: text, name: text, dtype: text, desc: long, tags: json,
  backend: text, type: text, strategy: text, source: text, target: text, meta: json, active: flag, ws: text, field: text }, { id: "sys-metaschema" });

/** One row for each user row. */
export const Catalog = entity("Catalog", { target_id: field(Identifier), target_entity: text, ws: text, name: text, version: text, type: text,
  summary: long, instructions: long, examples: list, artifacts: list, confidence: number, desc: long, keywords: list, tags: list,
  priority: number, active: flag, visible: flag, created_at: time, updated_at: time, expires_at: time, expires_after: field(Integer),
  stale_after: field(Integer), expires_compute: time, stale_compute: time, creator: text, owner: text, auth: json, metadata: json, note: long,
  source: text, parent_id: text, history: list, transforms: list, statistics: json, feedback: list, annotations: list, related: list,
  automations: list }, { id: "sys-catalog" });
