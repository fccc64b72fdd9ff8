// SPDX-License-Identifier: MIT
// Declarations: fields, entities, the two system entities. Everything is immutable; the core checks and completes.
import { attach, factoriesOf } from "./compute.js";
import { HeavenBaseError } from "./errors.js";
import { FieldRef } from "./expr.js";
import { Boolean as BooleanType, Categorical, Float, Identifier, Integer, Json, LongText, ShortText, Timestamp, descriptorOf, strategyName, strategyParams } from "./field-types.js";
import { toJsonSchema } from "./json-schema.js";
import { known } from "./options.js";
import { validateRow } from "./validate.js";

/** @typedef {import("./types.js").FieldMap} FieldMap */
/** @typedef {import("./compute.js").ComputeFunction} ComputeFunction */
/** Functions that a field holds beside its portable definition. @typedef {{ compute?: ComputeFunction, query?: ComputeFunction, factory?: () => unknown }} Held */
/** @typedef {{ to?: string, strategy?: import("./field-types.js").Strategy | string, optional?: boolean, reason?: string }} StoreOptions */

/**
 * The declaration of a field.
 * @template [Out=any], [In=Out], [Required=false], [HasDefault=false]
 */
export class Field {
  /** @type {Readonly<Record<string, unknown>>} */
  #definition;
  /** @type {Readonly<Held>} */
  #held;
  /** For the type checker alone. @type {{ out: Out, in: In, required: Required, hasDefault: HasDefault } | undefined} */
  types = undefined;

  /** @param {Record<string, unknown>} definition @param {Held} [held] */
  constructor(definition, held = {}) {
    this.#definition = Object.freeze(definition);
    this.#held = Object.freeze(held);
    Object.freeze(this);
  }

  /** @param {Record<string, unknown>} changes @param {Held} [held] @returns {any} */
  #with(changes, held = {}) {
    return new Field({ ...this.#definition, ...changes }, { ...this.#held, ...held });
  }

  /** The functions given to a field; for `entity` alone. @param {Field<any, any, any, any>} one @returns {Readonly<Held>} */
  static held(one) {
    return one.#held;
  }

  /** @returns {Field<Out, In, true, HasDefault>} */
  required() { return this.#with({ required: true }); }
  /** @returns {Field<Out, In, false, HasDefault>} */
  optional() { return this.#with({ required: false }); }
  /** Taken when a row has no such key: a value, or a function that makes one for each row and stays with the program. @param {In | null | (() => In | null | Promise<In | null>)} value @returns {Field<Out, In, Required, true>} */
  default(value) {
    if (typeof value !== "function") return this.#with({ default: value, has_default: true }, { factory: undefined });
    const { default: _, has_default, ...rest } = this.#definition;
    return /** @type {any} */ (new Field(rest, { ...this.#held, factory: /** @type {() => unknown} */ (value) }));
  }

  /**
   * Gives the value when a row has none: from the values of `inputs`, in order, or without them from the whole row. A
   * function may be async; a text is the name of a registered one.
   * @template {readonly string[]} const I
   * @param {string | ((...inputs: import("./types.js").ComputeInputs<I>) => In | null | Promise<In | null>)} fn
   * @param {{ inputs?: I }} [options] @returns {Field<Out, In, Required, true>}
   */
  compute(fn, options) {
    const { inputs } = known("compute", options, ["inputs"]);
    return this.#with({ compute: { name: functionName("compute", fn), ...inputsOf("compute", inputs) } }, { compute: functionOf(fn) });
  }

  /**
   * Makes the operand of a query from what was asked for: the vector of `near` from a text, or the text of `search`.
   * @param {string | ((operand: any) => unknown)} fn @param {{ ops?: readonly ("near" | "search")[] }} [options] the type of the field tells it @returns {Field<Out, In, Required, HasDefault>}
   */
  queryCompute(fn, options) {
    const { ops } = known("queryCompute", options, ["ops"]);
    return this.#with({ query_compute: { name: functionName("queryCompute", fn), ...(ops === undefined ? {} : { ops: Object.freeze([...ops]) }) } }, { query: functionOf(fn) });
  }
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

/** @param {string} method @param {unknown} fn @returns {string} "" for a function that goes by its place */
function functionName(method, fn) {
  if (typeof fn === "string" && fn !== "") return fn;
  if (typeof fn === "function") return "";
  throw new HeavenBaseError("TYPE", `${method} takes a function, or the name of a registered one`);
}

/** @param {unknown} fn @returns {ComputeFunction | undefined} */
const functionOf = (fn) => (typeof fn === "function" ? /** @type {ComputeFunction} */ (fn) : undefined);

/** @param {string} method @param {readonly string[] | undefined} inputs */
function inputsOf(method, inputs) {
  if (inputs === undefined) return {};
  if (!Array.isArray(inputs) || !inputs.every((one) => typeof one === "string")) throw new HeavenBaseError("TYPE", `${method} takes inputs as a list of field names`);
  return { inputs: Object.freeze([...inputs]) };
}

/** @typedef {{ readonly fields: readonly string[], readonly to?: string }} FieldGroup */

/** An index or a constraint over several fields: names, then where. @param {string} method @param {readonly unknown[]} given @returns {FieldGroup} */
function group(method, given) {
  const last = given.at(-1);
  const { to } = typeof last === "object" && !Array.isArray(last) ? known(method, /** @type {{ to?: string }} */ (last), ["to"]) : {};
  const fields = (typeof last === "object" && !Array.isArray(last) ? given.slice(0, -1) : given).flat();
  if (fields.length === 0 || !fields.every((one) => typeof one === "string")) throw new HeavenBaseError("TYPE", `${method} takes the names of fields`);
  return Object.freeze({ fields: Object.freeze(/** @type {string[]} */ (fields)), ...(to === undefined ? {} : { to }) });
}

/** An index over fields, for `indexes`. @param {...(string | { to?: string })} fields names, and last where */
export const index = (...fields) => group("index", fields);
/** No two rows with the same values in these fields, for `constraints`. @param {...(string | { to?: string })} fields names, and last where */
export const unique = (...fields) => group("unique", fields);

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

  /** The entity of a portable definition, to be registered; what it says is checked then. @param {Record<string, unknown>} definition @returns {Entity & Record<string, any>} */
  static fromSchema(definition) {
    return entityFromSchema(definition);
  }

  /** The portable form, as `register` takes it. Functions go by name: one without a name by its place, `entity.field`. */
  toDefinition() {
    return this.#definition;
  }

  toJSON() {
    return this.#definition;
  }

  /** Indexes over fields, as declared. @returns {readonly FieldGroup[]} */
  get indexes() {
    return /** @type {readonly FieldGroup[]} */ (this.#definition.indexes ?? NONE);
  }

  /** Unique constraints over fields, as declared. @returns {readonly FieldGroup[]} */
  get constraints() {
    return /** @type {readonly FieldGroup[]} */ (this.#definition.constraints ?? NONE);
  }

  /** JSON Schema (draft 2020-12) of rows as JSON: of what a write takes, or of what is read. @param {{ shape?: "insert" | "row" }} [options] */
  toJsonSchema(options) {
    return toJsonSchema(this.#definition, new Set(factoriesOf(this).keys()), options);
  }

  /** Standard Schema (standardschema.dev): validation by the core, with its coercion. */
  get "~standard"() {
    return Object.freeze({ version: /** @type {const} */ (1), vendor: "heavenbase", validate: (/** @type {unknown} */ value) => validateRow(this.#definition, new Set(factoriesOf(this).keys()), value) });
  }
}

/** @type {readonly FieldGroup[]} */
const NONE = Object.freeze([]);

/** @typedef {{ target: string, compute: string | ComputeFunction, inputs?: readonly string[] }} Derive a computed field, or with `catalog.<column>` a computed column of the row's Catalog row */
/**
 * @typedef {object} EntityOptions
 * @property {string} [id]
 * @property {string} [desc]
 * @property {readonly string[]} [tags]
 * @property {readonly (readonly string[] | FieldGroup)[]} [indexes] names of fields, or `index(...)`
 * @property {readonly (readonly string[] | FieldGroup)[]} [constraints] names of fields, or `unique(...)`
 * @property {readonly Derive[]} [derive]
 */
const ENTITY_OPTIONS = ["id", "desc", "tags", "indexes", "constraints", "derive"];

/**
 * Declares an entity.
 * @template {FieldMap} F
 * @param {string} name
 * @param {F} fields
 * @param {EntityOptions} [options]
 * @returns {import("./types.js").EntityOf<F>}
 */
export function entity(name, fields, options = {}) {
  if (typeof name !== "string" || name === "") throw new HeavenBaseError("SCHEMA", "an entity needs a name");
  if (fields === null || typeof fields !== "object" || Array.isArray(fields)) {
    throw new HeavenBaseError("SCHEMA", "an entity takes a mapping of names to fields", { entity: name });
  }
  const { id = entityIdOf(name), desc, tags, indexes, constraints, derive, ...rest } = options;
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) {
    throw new HeavenBaseError("SCHEMA", `entity has no option '${unknown}'; expected one of: ${ENTITY_OPTIONS.join(", ")}`, { entity: id });
  }
  /** @type {import("./compute.js").Attached} */
  const held = { functions: new Map(), factories: new Map() };
  const declared = Object.fromEntries(Object.entries(fields).map(([key, one]) => [key, named(fieldDefinition(one), one, `${id}.${key}`, key, held)]));
  const given = Object.entries({ desc, tags: tags && Object.freeze([...tags]), indexes: groups("index", indexes), constraints: groups("unique", constraints),
    derive: derive && Object.freeze(derive.map((one) => derived(one, id, held))) }).filter(([, value]) => value !== undefined);
  const definition = { entity_id: id, name, ...Object.fromEntries(given), fields: Object.freeze(declared) };
  const made = new Entity(definition, Object.keys(fields));
  attach(made, held);
  return /** @type {any} */ (made);
}

/** @param {string} method @param {readonly (readonly string[] | FieldGroup)[] | undefined} list */
const groups = (method, list) => list && Object.freeze(list.map((one) => (Array.isArray(one) ? group(method, one) : one)));

/** Functions without a name go by their place; the definition says so, the entity keeps them. @param {any} definition @param {unknown} one @param {string} place @param {string} key @param {import("./compute.js").Attached} held */
function named(definition, one, place, key, held) {
  if (!(one instanceof Field)) return definition;
  const { compute, query, factory } = Field.held(one);
  if (factory) held.factories.set(key, factory);
  let out = definition;
  if (compute && !out.compute.name) out = { ...out, compute: { ...out.compute, name: keep(held, place, compute) } };
  if (query && !out.query_compute.name) out = { ...out, query_compute: { ...out.query_compute, name: keep(held, `${place}.query`, query) } };
  return Object.freeze(out);
}

/** @param {import("./compute.js").Attached} held @param {string} name @param {ComputeFunction} fn */
function keep(held, name, fn) {
  held.functions.set(name, fn);
  return name;
}

/** @param {Derive} one @param {string} id @param {import("./compute.js").Attached} held */
function derived(one, id, held) {
  const { target, compute, inputs } = known("derive", one, ["target", "compute", "inputs"]);
  if (typeof target !== "string") throw new HeavenBaseError("TYPE", "a derive has a target: a field, or catalog.<column>", { entity: id });
  const name = functionName("derive", compute) || keep(held, `${id}.${target}`, /** @type {ComputeFunction} */ (compute));
  return Object.freeze({ target, compute: name, ...inputsOf("derive", inputs) });
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

/**
 * The entity of a portable definition, to be registered; what it says is checked then.
 * @param {Record<string, any>} definition @returns {Entity & Record<string, any>}
 */
export function entityFromSchema(definition) {
  if (definition === null || typeof definition !== "object" || Array.isArray(definition)) {
    throw new HeavenBaseError("TYPE", "an entity definition is a mapping");
  }
  const { entity_id, name } = definition;
  if (typeof entity_id !== "string" && typeof name !== "string") throw new HeavenBaseError("SCHEMA", "an entity definition needs name or entity_id");
  return /** @type {any} */ (entityFromDefinition({ ...definition, entity_id: entity_id ?? entityIdOf(name) }));
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
