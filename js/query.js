// SPDX-License-Identifier: MIT
// The immutable query builder: each method gives a new query around a frozen spec. Names and operands are checked
// by the core when the query runs; only what it cannot see (several near clauses, foreign fields) is checked here.
import { HeavenBaseError } from "./errors.js";
import { FieldRef, Metric, and, expression } from "./expr.js";
import { nodeOf } from "./graph.js";
import { known } from "./options.js";
import { plainSpec } from "./spec.js";

const STREAM_ROWS = 1000;

/** @typedef {import("./types.js").AnyEntity} AnyEntity */
/** @typedef {import("./types.js").CallOptions} CallOptions */
/** @typedef {import("./frame.js").Frame<any>} AnyFrame */
/** @typedef {string | FieldRef<any>} FieldName */
/** @typedef {Readonly<Record<string, any>>} Spec */
/**
 * What a query needs of its workspace.
 * @typedef {object} Runner
 * @property {(query: Query<any, any>, options: CallOptions & { total?: boolean, pushdown?: boolean }) => Promise<AnyFrame>} execute
 * @property {(query: Query<any, any>, options: CallOptions) => Promise<import("./types.js").Plan>} explain
 * @property {(query: Query<any, any>) => Promise<import("./prepared.js").PreparedQuery<any>>} prepare
 */

/**
 * @template {import("./types.js").EntityLike} [E=any], [R=Record<string, any>], [G={}] the entity, a row of the result, the group columns of an aggregate
 */
export class Query {
  #runner;
  #spec;

  /** @param {Runner} runner @param {E} entity @param {Spec} [spec] @param {readonly unknown[]} [params] parameters the spec speaks of */
  constructor(runner, entity, spec = {}, params = []) {
    this.#runner = runner;
    this.#spec = Object.freeze(spec);
    this.entity = entity;
    this.params = Object.freeze([...params]);
    Object.freeze(this);
  }

  get entityId() {
    return typeof this.entity === "string" ? this.entity : this.entity.entityId;
  }

  /** The tree as it was built, frozen; operands are the values that were given. */
  get spec() {
    return this.#spec;
  }

  /** @param {Spec} changes @returns {Query<E, any, any>} */
  #with(changes) {
    return new Query(this.#runner, this.entity, { ...this.#spec, ...changes }, this.params);
  }

  /** @param {string} clause @param {FieldName} field @returns {string} */
  #name(clause, field) {
    if (typeof field === "string") return field;
    if (!(field instanceof FieldRef)) throw new HeavenBaseError("TYPE", `${clause} takes field names or references`);
    this.#own(clause, field.entityId);
    return field.columnName;
  }

  /** @param {string} clause @param {string | null} entityId */
  #own(clause, entityId) {
    if (entityId === null || entityId === this.entityId) return;
    throw new HeavenBaseError("QUERY", `${clause} speaks of a field of ${entityId}, but the query is about ${this.entityId}`, { entity: this.entityId });
  }

  /** Rows that satisfy the expression, or the portable filter mapping; several calls all hold. @param {import("./expr.js").Expr | Readonly<Record<string, unknown>> | null | undefined} filter @returns {Query<E, R, G>} */
  where(filter) {
    if (filter === null || filter === undefined) return this;
    const added = expression(filter);
    this.#own("where", added.entityId);
    const { filter: before } = this.#spec;
    return this.#with({ filter: before === undefined ? added.filter : and(before, added).filter });
  }

  /** The nearest by vector; only rows that pass the filter compete. Where the field has an index that is not exact, `ef` is how far it looks and `exact` goes past it. @param {FieldName} field @param {ArrayLike<number> | string | Readonly<Record<string, unknown>>} vector or what the field's query function makes one from @param {{ topK?: number, metric?: "cosine" | "l2" | "dot", ef?: number, exact?: boolean }} [options] @returns {Query<E, R & { score: number }>} */
  near(field, vector, options = {}) {
    if (this.#spec.near) throw new HeavenBaseError("QUERY", "the query has a near clause already", { entity: this.entityId });
    const { topK, metric, ef, exact } = known("near", options, ["topK", "metric", "ef", "exact"]);
    return this.#with({ near: clause({ field: this.#name("near", field), query: numbers(vector), top_k: topK, metric, ef, exact }) });
  }

  /** The best by text; null means every indexed text field. @param {FieldName | readonly FieldName[] | null} fields @param {string} text @param {{ topK?: number, mode?: "any" | "all" | "phrase" | "prefix" }} [options] @returns {Query<E, R & { score: number }>} */
  search(fields, text, options = {}) {
    if (this.#spec.search) throw new HeavenBaseError("QUERY", "the query has a search clause already", { entity: this.entityId });
    const { topK, mode } = known("search", options, ["topK", "mode"]);
    const names = fields === null || fields === undefined ? null
      : (Array.isArray(fields) ? fields : [fields]).map((field) => this.#name("search", field));
    return this.#with({ search: clause({ fields: names && Object.freeze(names), query: text, top_k: topK, mode }) });
  }

  /** Only rows that a walk along a relation reaches from a row. @param {FieldName} field `Person.knows`, of any entity that the walk passes @param {import("./graph.js").Node} start @param {{ minHops?: number, maxHops?: number, direction?: import("./types.js").Direction }} [options] from 1 to `maxHops` hops (1), outwards @returns {Query<E, R, G>} */
  traverse(field, start, options = {}) {
    if (this.#spec.traverse) throw new HeavenBaseError("QUERY", "the query has a traverse clause already", { entity: this.entityId });
    const { minHops, maxHops, direction } = known("traverse", options, ["minHops", "maxHops", "direction"]);
    const foreign = field instanceof FieldRef && field.entityId !== this.entityId;
    const name = foreign ? `${field.entityId}.${field.columnName}` : this.#name("traverse", field);
    const { id, entity } = nodeOf(start);
    return this.#with({ traverse: clause({ field: name, start: entity === undefined ? id : Object.freeze([entity, id]), min_hops: minHops, max_hops: maxHops, direction }) });
  }

  /** How near and search are fused: by reciprocal rank. @param {{ k?: number, weights?: { near?: number, search?: number } }} [options] @returns {Query<E, R, G>} */
  fuse(options = {}) {
    const { k, weights } = known("fuse", options, ["k", "weights"]);
    return this.#with({ fuse: clause({ k, weights: weights && Object.freeze({ ...weights }) }) });
  }

  /**
   * The columns of the result; object_id always comes along.
   * @template {FieldName} const F
   * @param {...(F | readonly F[])} fields
   * @returns {Query<E, { object_id: string } & import("./types.js").Columns<R, F>, G>}
   */
  select(...fields) {
    const names = /** @type {FieldName[]} */ (fields.flat()).map((field) => this.#name("select", field));
    return this.#with({ select: Object.freeze(names) });
  }

  /** Appends a sort key; nulls come last in both directions. @param {FieldName} field @param {{ desc?: boolean } | "asc" | "desc"} [direction] @returns {Query<E, R, G>} */
  orderBy(field, direction = "asc") {
    if (direction !== "asc" && direction !== "desc" && (direction === null || typeof direction !== "object")) {
      throw new HeavenBaseError("QUERY", "orderBy takes { desc: true }, \"asc\" or \"desc\"");
    }
    const desc = typeof direction === "object" ? direction.desc === true : direction === "desc";
    return this.#with({ order: Object.freeze([...(this.#spec.order ?? []), (desc ? "-" : "") + this.#name("orderBy", field)]) });
  }

  /** @param {number} count @returns {Query<E, R, G>} */
  limit(count) {
    return this.#with({ limit: count });
  }

  /** @param {number} count @returns {Query<E, R, G>} */
  offset(count) {
    return this.#with({ offset: count });
  }

  /**
   * One row per combination of values, nulls being a value of their own, in the order of appearance by object_id.
   * @template {FieldName} const F
   * @param {...(F | readonly F[])} fields
   * @returns {Query<E, import("./types.js").Columns<R, F>, import("./types.js").Columns<R, F>>}
   */
  groupBy(...fields) {
    const names = /** @type {FieldName[]} */ (fields.flat()).map((field) => this.#name("groupBy", field));
    return this.#with({ group_by: Object.freeze(names) });
  }

  /**
   * Reducers by the name of their column: `{ total: Order.amount.sum() }`; several calls add up.
   * @template {Readonly<Record<string, Metric<any> | Readonly<Record<string, unknown>>>>} M
   * @param {M} metrics
   * @returns {Query<E, G & { [K in keyof M]: M[K] extends Metric<infer V> ? V : any }, G & { [K in keyof M]: M[K] extends Metric<infer V> ? V : any }>}
   */
  aggregate(metrics) {
    if (metrics === null || typeof metrics !== "object" || Array.isArray(metrics) || metrics instanceof Metric) {
      throw new HeavenBaseError("TYPE", "aggregate takes a mapping of names to reducers such as { total: Order.amount.sum() }");
    }
    for (const metric of Object.values(metrics)) if (metric instanceof Metric) this.#own("aggregate", metric.entityId);
    const added = Object.fromEntries(Object.entries(metrics).map(([name, metric]) => [name, metric instanceof Metric ? metric.spec : metric]));
    return this.#with({ aggregate: Object.freeze({ ...this.#spec.aggregate, ...added }) });
  }

  /** Only groups that satisfy it: an expression or filter mapping over group fields and aggregates; several calls all hold. @param {import("./expr.js").Expr | Readonly<Record<string, unknown>> | null | undefined} filter @returns {Query<E, R, G>} */
  having(filter) {
    if (filter === null || filter === undefined) return this;
    const added = expression(filter);
    this.#own("having", added.entityId);
    const { having: before } = this.#spec;
    return this.#with({ having: before === undefined ? added.filter : and(before, added).filter });
  }

  /** One number: how many rows, or different values of a field. @param {FieldName} [field] @param {{ distinct?: boolean }} [options] @returns {Query<E, { count: number }>} */
  count(field = "object_id", options = {}) {
    const { distinct } = known("count", options, ["distinct"]);
    return this.#with({ count: clause({ field: this.#name("count", field), distinct }) });
  }

  /** Only rows behind the last one of a frame, by its cursor, in the same order; null: from the start. @param {string | null | undefined} cursor @returns {Query<E, R, G>} */
  after(cursor) {
    if (cursor !== null && cursor !== undefined && typeof cursor !== "string") throw new HeavenBaseError("TYPE", "after takes the cursor of a frame");
    return this.#with({ after: cursor ?? undefined });
  }

  /** Rows of the Catalog that are active, visible, not expired and not stale. @param {{ now?: number | Date, stale?: boolean, invisible?: boolean }} [options] `stale`, `invisible`: those too @returns {Query<E, R, G>} */
  available(options = {}) {
    const { now, stale, invisible } = known("available", options, ["now", "stale", "invisible"]);
    const asked = clause({ now: now instanceof Date ? now.getTime() : now, stale, invisible });
    return this.#with({ available: Object.keys(asked).length === 0 ? true : asked });
  }

  /**
   * The result as frames of at most `batchSize` rows, each read when it is asked for; ranked and reduced results are read once.
   * @param {CallOptions & { batchSize?: number }} [options]
   * @returns {AsyncGenerator<import("./frame.js").Frame<R>, void, undefined>}
   */
  async *stream({ batchSize = STREAM_ROWS, ...options } = {}) {
    if (!Number.isInteger(batchSize) || batchSize < 1) throw new HeavenBaseError("QUERY", "batchSize is a whole number of rows, one or more");
    const { near, search, aggregate, group_by, count } = this.#spec;
    if (near ?? search ?? aggregate ?? group_by ?? count) {
      const whole = await this.execute(options);
      for (let at = 0; at < whole.length; at += batchSize) yield whole.limit(batchSize, at);
      return;
    }
    let left = this.#spec.limit === undefined || this.#spec.limit === null ? Infinity : Number(this.#spec.limit);
    for (let query = /** @type {Query<E, any, any>} */ (this); ;) {
      const frame = await query.limit(left < batchSize ? left : batchSize).execute(options);
      if (frame.length > 0) yield frame;
      left -= frame.length;
      if (!(left > 0) || frame.length === 0 || !frame.truncated) return;
      if (frame.cursor === null) throw new HeavenBaseError("UNSUPPORTED", "an order by lists cannot be read in parts", { entity: this.entityId });
      query = this.offset(0).after(frame.cursor);
    }
  }

  /** Row by row, as `stream`. @returns {AsyncGenerator<R, void, undefined>} */
  async *[Symbol.asyncIterator]() {
    for await (const frame of this.stream()) yield* frame.rows();
  }

  /** @param {CallOptions & { total?: boolean, pushdown?: boolean }} [options] `total`: count the rows before paging too; `pushdown: false`: backends only fetch, the core does all the rest @returns {Promise<import("./frame.js").Frame<R>>} */
  execute(options = {}) {
    return this.#runner.execute(this, options);
  }

  /** The plan as plain data; its toString() draws it as a tree. @param {CallOptions} [options] */
  explain(options = {}) {
    return this.#runner.explain(this, options);
  }

  /** The first row, or null. @param {CallOptions} [options] @returns {Promise<R | null>} */
  async first(options = {}) {
    const frame = await (this.#spec.limit === undefined && !this.#spec.count ? this.limit(1) : this).execute(options);
    return frame.rows()[0] ?? null;
  }

  /** The only cell of a result of one row and one column. @param {CallOptions} [options] @returns {Promise<any>} */
  async scalar(options = {}) {
    return (await this.execute(options)).scalar();
  }

  /** Parsed once, run often; every operand becomes a parameter. @returns {Promise<import("./prepared.js").PreparedQuery<R>>} */
  prepare() {
    return this.#runner.prepare(this);
  }

  /** The portable spec, as `queryJson` takes it. @returns {Record<string, any>} */
  toJSON() {
    return plainSpec(this.#spec);
  }
}

/** @param {Record<string, unknown>} members @returns {Readonly<Record<string, unknown>>} */
function clause(members) {
  return Object.freeze(Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)));
}

/** A copy, so that later changes do not reach the query. @param {unknown} vector */
function numbers(vector) {
  if (vector instanceof Float32Array) return vector.slice();
  if (vector instanceof Float64Array) return Float32Array.from(vector);
  if (Array.isArray(vector)) return vector.every((item) => typeof item === "number") ? Float32Array.from(vector) : Object.freeze([...vector]);
  return vector;
}
