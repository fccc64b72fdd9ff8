// SPDX-License-Identifier: MIT
// Functions that a program gives: computed fields, derived Catalog columns, defaults, operands of queries. The core
// knows them by name; here they are found and run, before the crossing.
import { closest } from "./closest.js";
import { HeavenBaseError, cancelled } from "./errors.js";
import { known } from "./options.js";

/** @typedef {(...values: any[]) => unknown} ComputeFunction may give a promise */
/** @typedef {Readonly<Record<string, ComputeFunction>>} Computes */
/** What a declaration holds besides its portable definition. @typedef {{ functions: Map<string, ComputeFunction>, factories: Map<string, () => unknown> }} Attached */
/** @typedef {{ target: string, name: string, inputs: readonly string[] | null }} Step */
/** @typedef {{ signal?: AbortSignal, timeoutMs?: number }} Waiting */

/** Rows under way at a time. */
const LANES = 8;
const NOTHING = Symbol("nothing to compute");

/** @type {Map<string, ComputeFunction>} */
const registry = new Map();

/**
 * Makes a function known under a name that definitions may use, in every workspace of this program.
 * @param {string} name @param {ComputeFunction} fn @param {{ allowReplace?: boolean }} [options]
 */
export function registerCompute(name, fn, options) {
  const { allowReplace = false } = known("registerCompute", options, ["allowReplace"]);
  if (typeof name !== "string" || name === "") throw new HeavenBaseError("TYPE", "a compute function is registered under a name");
  if (typeof fn !== "function") throw new HeavenBaseError("TYPE", `registerCompute takes a function for '${name}'`);
  if (!allowReplace && registry.has(name) && registry.get(name) !== fn) {
    throw new HeavenBaseError("SCHEMA_CONFLICT", `another function is registered under '${name}'; pass allowReplace to replace it`);
  }
  registry.set(name, fn);
}

/** The `computes` option of `open`. @param {unknown} given @returns {Computes} */
export function checkComputes(given) {
  if (given === undefined) return {};
  if (given === null || typeof given !== "object" || Array.isArray(given)) throw new HeavenBaseError("TYPE", "computes is a mapping of names to functions");
  for (const [name, fn] of Object.entries(given)) {
    if (typeof fn !== "function") throw new HeavenBaseError("TYPE", `computes has something else than a function under '${name}'`);
  }
  return Object.freeze({ ...given });
}

// ---- functions of declarations --------------------------------------------------------------

/** @type {WeakMap<object, Attached>} */
const attached = new WeakMap();

/** @param {object} entity @param {Attached} given */
export function attach(entity, given) {
  if (given.functions.size + given.factories.size > 0) attached.set(entity, given);
}

/** Functions that make defaults, by field. @param {object} entity @returns {ReadonlyMap<string, () => unknown>} */
export const factoriesOf = (entity) => attached.get(entity)?.factories ?? new Map();

/** Finds functions for one entity: the workspace's, the declaration's own, then the program's. */
export class Functions {
  #entity;
  #own;
  #computes;

  /** @param {string} entity id @param {object | undefined} declared @param {Computes} computes */
  constructor(entity, declared, computes) {
    this.#entity = entity;
    this.#own = declared && attached.get(declared);
    this.#computes = computes;
  }

  get factories() {
    return this.#own?.factories ?? new Map();
  }

  /** @param {string} name @param {string} target @returns {ComputeFunction} */
  find(name, target) {
    const found = (Object.hasOwn(this.#computes, name) ? this.#computes[name] : undefined) ?? this.#own?.functions.get(name) ?? registry.get(name);
    if (found) return found;
    const near = closest(name, [...Object.keys(this.#computes), ...(this.#own?.functions.keys() ?? []), ...registry.keys()]);
    const hint = near === null ? "" : `; did you mean '${near}'?`;
    throw new HeavenBaseError("UNKNOWN_COMPUTE", `no function is registered under '${name}', which computes '${target}'${hint}`,
      { entity: this.#entity, field: target });
  }

  /** Runs it; what it throws is wrapped. @param {string} name @param {string} target @param {readonly unknown[]} values @param {string} [where] @returns {unknown} */
  run(name, target, values, where = "") {
    const fn = this.find(name, target);
    /** @param {unknown} cause @returns {never} */
    const fail = (cause) => {
      const what = cause instanceof Error ? cause.message : String(cause);
      throw new HeavenBaseError("COMPUTE", `the function '${name}' failed on '${target}'${where}: ${what}`, { entity: this.#entity, field: target, cause });
    };
    try {
      const value = fn(...values);
      return isThenable(value) ? Promise.resolve(value).catch(fail) : value;
    } catch (error) {
      return fail(error);
    }
  }
}

/** @param {unknown} value @returns {value is PromiseLike<unknown>} */
const isThenable = (value) => value !== null && typeof value === "object" && typeof (/** @type {any} */ (value).then) === "function";

/** The functions that a definition names, in whichever of its forms; what is malformed is the core's to refuse. @param {any} definition @returns {{ name: string, target: string }[]} */
export function namesIn(definition) {
  const { fields, derive } = definition;
  const listed = Array.isArray(fields) ? fields.map((one) => [one?.name, one]) : Object.entries(fields ?? {});
  const found = listed.flatMap(([target, field]) => (field !== null && typeof field === "object"
    ? [field.compute, field.computes, field.query_compute, field.query_computes].flat().map((hook) => ({ name: nameOf(hook), target: String(target) })) : []));
  if (Array.isArray(derive)) found.push(...derive.map((hook) => ({ name: nameOf(hook), target: String(hook?.target) })));
  return /** @type {any} */ (found.filter(({ name }) => name !== undefined));
}

/** @param {any} hook */
function nameOf(hook) {
  const name = typeof hook === "string" ? hook : hook?.name ?? hook?.compute;
  return typeof name === "string" ? name : undefined;
}

// ---- rows ---------------------------------------------------------------------------------------

/** The functions of a registered entity in the order in which they run. */
export class Hooks {
  #entity;
  #functions;
  /** @type {Step[]} */
  #steps;
  #defaults;
  /** Field to function name. @type {ReadonlyMap<string, string>} */
  queries;

  /** @param {Record<string, any>} schema the core's @param {Functions} functions */
  constructor(schema, functions) {
    this.#entity = schema.entity_id;
    this.#functions = functions;
    /** @type {[string, any][]} */
    const fields = Object.entries(schema.fields);
    this.#defaults = new Map(fields.filter(([, field]) => field.has_default).map(([name, field]) => [name, field.default]));
    const steps = fields.filter(([, field]) => field.compute).map(([target, { compute }]) => step(target, compute.name, compute.inputs));
    const derives = (schema.derive ?? []).map((/** @type {any} */ one) => step(one.target, one.compute, one.inputs));
    this.#steps = [...inOrder(steps), ...derives];
    this.queries = new Map(fields.filter(([, field]) => field.query_compute).map(([name, field]) => [name, field.query_compute.name]));
    Object.freeze(this);
  }

  /** Is anything made for rows? */
  get forRows() {
    return this.#steps.length + this.#functions.factories.size > 0;
  }

  /** @param {string} field @param {unknown} operand */
  operand(field, operand) {
    return this.#functions.run(/** @type {string} */ (this.queries.get(field)), field, [operand]);
  }

  /**
   * The row, or patch of a stored row, with what functions give; a promise only where one gives a promise.
   * @param {Readonly<Record<string, unknown>>} row @param {Readonly<Record<string, unknown>> | null} stored @param {string} where
   * @returns {Record<string, unknown> | Promise<Record<string, unknown>>}
   */
  complete(row, stored, where) {
    const out = { ...row };
    const made = stored ? [] : [...this.#functions.factories].filter(([name]) => out[name] === undefined);
    /** @type {(() => [string, unknown])[]} */
    const work = [...made.map(([name, make]) => () => this.#made(name, make, where)),
      ...this.#steps.map((one) => () => /** @type {[string, unknown]} */ ([one.target, this.#value(one, out, stored, where)]))];
    /** @param {number} from @returns {Record<string, unknown> | Promise<Record<string, unknown>>} */
    const go = (from) => {
      for (let i = from; i < work.length; i++) {
        const [target, value] = work[i]();
        if (value === NOTHING) continue;
        if (value instanceof Promise) {
          return value.then((settled) => {
            out[target] = settled ?? null;
            return go(i + 1);
          });
        }
        out[target] = value ?? null;
      }
      return out;
    };
    return go(0);
  }

  /** @param {string} name @param {() => unknown} make @param {string} where @returns {[string, unknown]} */
  #made(name, make, where) {
    /** @param {unknown} cause @returns {never} */
    const fail = (cause) => {
      const what = cause instanceof Error ? cause.message : String(cause);
      throw new HeavenBaseError("COMPUTE", `the default of '${name}' failed${where}: ${what}`, { entity: this.#entity, field: name, cause });
    };
    try {
      const value = make();
      return [name, isThenable(value) ? Promise.resolve(value).catch(fail) : value];
    } catch (error) {
      return fail(error);
    }
  }

  /** @param {Step} step @param {Record<string, unknown>} out @param {Readonly<Record<string, unknown>> | null} stored @param {string} where */
  #value({ target, name, inputs }, out, stored, where) {
    const given = out[target];
    if (given !== undefined && given !== null) return NOTHING;
    if (stored && given === undefined && !isTouched(out, inputs)) return NOTHING;
    if (!inputs) return this.#functions.run(name, target, [Object.freeze(this.#whole(out, stored))], where);
    return this.#functions.run(name, target, inputs.map((input) => this.#input(input, target, out, stored, where)), where);
  }

  /** @param {Record<string, unknown>} out @param {Readonly<Record<string, unknown>> | null} stored */
  #whole(out, stored) {
    const given = Object.fromEntries(Object.entries(out).filter(([, value]) => value !== undefined));
    return { ...(stored ?? Object.fromEntries(this.#defaults)), ...given };
  }

  /** @param {string} input @param {string} target @param {Record<string, unknown>} out @param {Readonly<Record<string, unknown>> | null} stored @param {string} where */
  #input(input, target, out, stored, where) {
    if (out[input] !== undefined) return out[input];
    if (stored) return stored[input] ?? null;
    if (this.#defaults.has(input)) return this.#defaults.get(input);
    throw new HeavenBaseError("VALIDATION", `'${target}' is computed from '${input}', which the row does not give${where}`, { entity: this.#entity, field: target });
  }
}

/** @param {string} target @param {string} name @param {readonly string[]} [inputs] @returns {Step} */
const step = (target, name, inputs) => ({ target, name, inputs: inputs && inputs.length > 0 ? inputs : null });

/** Does a patch hold what the function looks at? @param {Record<string, unknown>} patch @param {readonly string[] | null} inputs */
function isTouched(patch, inputs) {
  return inputs ? inputs.some((input) => patch[input] !== undefined) : Object.keys(patch).some((key) => key !== "object_id" && patch[key] !== undefined);
}

/** Inputs before what is computed from them, functions of whole rows last; the core has refused circles. @param {readonly Step[]} steps @returns {Step[]} */
function inOrder(steps) {
  const byTarget = new Map(steps.map((one) => [one.target, one]));
  /** @type {Set<Step>} */
  const placed = new Set();
  /** @param {Step} one */
  const place = (one) => {
    if (placed.has(one)) return;
    for (const input of one.inputs ?? []) {
      const before = byTarget.get(input);
      if (before?.inputs) place(before);
    }
    placed.add(one);
  };
  for (const one of steps) if (one.inputs) place(one);
  return [...placed, ...steps.filter((one) => !one.inputs)];
}

/**
 * Completes rows, some at a time; stops at the first error, an abort or the deadline.
 * @param {Hooks} hooks @param {readonly Record<string, unknown>[]} rows @param {readonly (Record<string, unknown> | null)[] | null} stored @param {Waiting} options
 * @returns {Record<string, unknown>[] | Promise<Record<string, unknown>[]>}
 */
export function completeRows(hooks, rows, stored, options) {
  /** @type {Record<string, unknown>[]} */
  const out = new Array(rows.length);
  const one = (/** @type {number} */ i) => hooks.complete(rows[i], stored?.[i] ?? null, rows.length > 1 ? ` (row ${i + 1} of ${rows.length})` : "");
  for (let i = 0; i < rows.length; i++) {
    const row = one(i);
    if (row instanceof Promise) return within(lanes(i, row), options);
    out[i] = row;
  }
  return out;

  /** @param {number} from @param {Promise<Record<string, unknown>>} first */
  async function lanes(from, first) {
    let next = from + 1;
    let stopped = false;
    const lane = async () => {
      while (next < rows.length && !stopped && !options.signal?.aborted) {
        const at = next++;
        out[at] = await one(at);
      }
    };
    const started = first.then((row) => {
      out[from] = row;
      return lane();
    });
    try {
      await Promise.all([started, ...Array.from({ length: Math.min(LANES, rows.length - from) - 1 }, lane)]);
    } finally {
      stopped = true;
    }
    return out;
  }
}

const TIMER_MS_MAX = 2 ** 31 - 1;

/** Not longer than the caller wants to wait. @template T @param {Promise<T>} promise @param {Waiting} options @returns {Promise<T>} */
export function within(promise, { signal, timeoutMs }) {
  return new Promise((resolve, reject) => {
    const abort = () => end(reject, cancelled(/** @type {AbortSignal} */ (signal)));
    const late = () => end(reject, new HeavenBaseError("TIMEOUT", `a function gave no value within ${timeoutMs} ms`));
    const timer = timeoutMs === undefined || timeoutMs > TIMER_MS_MAX ? undefined : setTimeout(late, timeoutMs);
    /** @template V @param {(value: V) => void} settle @param {V} value */
    const end = (settle, value) => {
      signal?.removeEventListener("abort", abort);
      clearTimeout(timer);
      settle(value);
    };
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted) abort();
    promise.then((value) => end(resolve, value), (error) => end(reject, error));
  });
}

// ---- operands of queries ---------------------------------------------------------------------------

/** @param {unknown} value */
const isVector = (value) => Array.isArray(value) || value instanceof Float32Array || value instanceof Float64Array;

/** The hook that a near clause needs for its operand. @param {Hooks} hooks @param {any} near @param {unknown} operand */
const nearNeeds = (hooks, near, operand) => hooks.queries.has(near?.field) && operand !== null && operand !== undefined && !isVector(operand);

/** The field whose hook a search clause runs. @param {Hooks} hooks @param {any} search @param {string} entity @returns {string | null} */
function searchHook(hooks, search, entity) {
  const fields = Array.isArray(search?.fields) ? search.fields : [];
  const names = new Set(fields.map((/** @type {string} */ field) => hooks.queries.get(field) ?? null));
  if (names.size > 1) {
    throw new HeavenBaseError("QUERY", `the searched fields have different query functions: ${fields.join(", ")}; search them one by one`, { entity });
  }
  return [...names][0] ? fields[0] : null;
}

/** @typedef {{ clause: "near" | "search", field: string }} Operand an operand that a function makes */

/** What of a spec goes through functions. @param {Hooks} hooks @param {any} spec @param {readonly unknown[]} params @param {string} entity @returns {Operand[]} */
function operandsOf(hooks, spec, params, entity) {
  /** @type {Operand[]} */
  const found = [];
  if (spec.near && nearNeeds(hooks, spec.near, given(spec.near.query, params))) found.push({ clause: "near", field: spec.near.field });
  const field = spec.search ? searchHook(hooks, spec.search, entity) : null;
  if (field !== null) found.push({ clause: "search", field });
  return found;
}

/** @param {any} operand @param {readonly unknown[]} params */
const given = (operand, params) => (typeof operand?.$param === "number" ? params[operand.$param] : operand);

/** The spec with operands that functions made. @param {Hooks} hooks @param {any} spec @param {readonly unknown[]} params @param {string} entity @param {Waiting} options @returns {any} */
export function withOperands(hooks, spec, params, entity, options) {
  const operands = operandsOf(hooks, spec, params, entity);
  if (operands.length === 0) return spec;
  const values = operands.map(({ clause, field }) => hooks.operand(field, given(spec[clause].query, params)));
  const filled = (/** @type {unknown[]} */ made) => operands.reduce((all, { clause }, i) => ({ ...all, [clause]: { ...all[clause], query: made[i] } }), { ...spec });
  return values.some((value) => value instanceof Promise) ? within(Promise.all(values), options).then(filled) : filled(values);
}

/** The parameters of a prepared query with operands that functions made. @param {Hooks} hooks @param {any} spec as it was prepared: its operands are parameters @param {readonly unknown[]} params @param {string} entity @param {Waiting} options @returns {readonly unknown[] | Promise<readonly unknown[]>} */
export function withParams(hooks, spec, params, entity, options) {
  const operands = operandsOf(hooks, spec, params, entity).filter(({ clause }) => typeof spec[clause].query?.$param === "number");
  if (operands.length === 0) return params;
  const values = operands.map(({ clause, field }) => hooks.operand(field, given(spec[clause].query, params)));
  const filled = (/** @type {unknown[]} */ made) => {
    const out = [...params];
    operands.forEach(({ clause }, i) => { out[spec[clause].query.$param] = made[i]; });
    return out;
  };
  return values.some((value) => value instanceof Promise) ? within(Promise.all(values), options).then(filled) : filled(values);
}
