// SPDX-License-Identifier: MIT
// A workspace: entities over named backends. Each method makes one call; local calls finish at once, under one
// resolved promise. Reads run together, writes alone, in the order in which they were called.
import { Backends } from "./backends.js";
import { Capabilities } from "./capabilities.js";
import { Functions, Hooks, completeRows, namesIn, withOperands, withParams, within } from "./compute.js";
import { isSameJson } from "./core/exact-json.js";
import { shapeOf } from "./core/row-reader.js";
import { performTask } from "./core/task.js";
import { Entity, entityFromDefinition, entityIdOf, Catalog, MetaSchema } from "./entity.js";
import { HeavenBaseError, cancelled } from "./errors.js";
import { Frame } from "./frame.js";
import { Call, ENTITY_NONE, Flag, Kind, State } from "./generated/abi.js";
import { checkGraph, edgeFlags, scrubDangling, shortestPath, traverse, withReferences } from "./graph.js";
import { ALTERING, DELETING, EXECUTING, GETTING, READING, SETTING, TRANSFERRING, UPSERTING, WAITING, known } from "./options.js";
import { printable } from "./plan-text.js";
import { PreparedQuery } from "./prepared.js";
import { Query } from "./query.js";
import { checkId, checkIds, checkRow, checkRows, checkTarget, columnsOf, entityName, idColumn, readList, readOne, readRow, readRows, withId } from "./rows.js";
import { encodeSpec } from "./spec.js";
import { eachInTurn, settled, then } from "./then.js";
import { Turns } from "./turns.js";
import { allBytes, exportBytes, exportRecords, exportToStream, importFile, moveRecords } from "./transfer.js";

/** @typedef {import("./core/call.js").Request} Request */
/** @typedef {import("./rows.js").Registered} Registered */
/** @typedef {import("./types.js").AnyEntity} AnyEntity */
/** @typedef {import("./types.js").EntityLike} EntityLike */
/** @typedef {import("./types.js").CallOptions} CallOptions */
/** @template E @typedef {import("./types.js").Row<E>} Row */
/** @template E @typedef {import("./types.js").Patch<E>} Patch */
/** @typedef {CallOptions & { overwrite?: boolean, unknown?: "error" | "drop" }} WriteOptions */
/** @typedef {{ hosts: import("./core/task.js").Hosts, timeoutMs?: number, session: import("./host/files.js").FileSession, disconnect: () => Promise<void>, durability: "strict" | "relaxed", computes: import("./compute.js").Computes, fresh: () => Promise<Place>, settle: (old: import("./core/call.js").Core, core: import("./core/call.js").Core) => Promise<void> }} Setting `fresh` opens the same workspace, empty, in an instance of its own; `disconnect` ends the drivers that were made for it; `settle` makes that the one for workspaces to come */
/** @typedef {{ core: import("./core/call.js").Core, handle: number }} Place */

/** Definitions that this package knows already, so that their references are the exported ones. */
const SYSTEM = new Map([Catalog, MetaSchema].map((one) => [one.entityId, /** @type {Entity} */ (/** @type {unknown} */ (one))]));

/** No prepared query has this number. */
const PREPARED_GONE = 0xffffffff;

/** Long work pauses for whoever looks on or may stop it. @param {{ signal?: AbortSignal, onProgress?: unknown }} options */
const pausing = ({ signal, onProgress }) => (signal || onProgress ? Flag.PAUSES : 0);

export class Workspace {
  #core;
  #handle;
  #setting;
  #turns;
  /** @type {Map<string, Registered>} */
  #registered = new Map();
  #keepsCatalog;
  /** Is there an entity whose rows functions complete? */
  #computed = false;
  /** Specs of prepared queries with operands that functions make, by handle. @type {Map<number, any>} */
  #hooked = new Map();
  /** Prepared queries by our number for them: the core's, and what it was made of. @type {Map<number, { handle: number, text: string }>} */
  #prepared = new Map();
  #preparedLast = 0;
  /** @type {Promise<void> | null} */
  #closing = null;

  /** Made by `HeavenBase.open`. @param {import("./core/call.js").Core} core @param {number} handle @param {Setting} setting */
  constructor(core, handle, setting) {
    this.#core = core;
    this.#handle = handle;
    this.#setting = setting;
    const { session, timeoutMs, durability } = setting;
    const idle = () => this.#core.idle(this.#handle);
    const info = this.#now({ kind: Call.INFO }, () => this.#core.json());      // no closure keeps the core that it began with
    /** @type {string} */
    this.id = info.id;
    this.#turns = new Turns({ id: this.id, timeoutMs, session, durability, idle });
    /** The preset's name; null when backends were given. @type {string | null} */
    this.preset = info.preset || null;
    this.#keepsCatalog = info.catalog;
    this.backends = new Backends(info.backends);
    this.capabilities = new Capabilities((request) => this.#read({ kind: Call.CAPABILITIES, text: JSON.stringify(request) }, () => this.#core.json(), {}));
    for (const { id } of info.entities) this.#resolve(id);
    if (Symbol.asyncDispose) Object.defineProperty(this, Symbol.asyncDispose, { value: () => this.close() });
  }

  /** Where written data survives: "memory" means nowhere. @returns {"memory" | "node" | "idb"} */
  get persistence() {
    return this.#setting.session.persistence;
  }

  /** When a call that has resolved is on disk: "strict" says at once, "relaxed" after `flush`. @returns {"strict" | "relaxed"} */
  get durability() {
    return this.#setting.durability;
  }

  /** Registered entities by id, system entities first. @returns {Readonly<Record<string, Entity>>} */
  get entities() {
    return Object.freeze(Object.fromEntries([...this.#registered].map(([id, one]) => [id, one.entity])));
  }

  /** A registered entity by its id; those of an earlier session are there without registering. @param {string} id @returns {Entity & Record<string, any>} */
  entity(id) {
    return /** @type {any} */ (this.#resolve(id).entity);
  }

  /** [object_id, row] of all rows, in order. @template {EntityLike} E @param {E} entity @param {CallOptions} [options] @returns {Promise<[string, Row<E>][]>} */
  async items(entity, options) {
    return (await this.rows(entity, options)).map((row) => [/** @type {any} */ (row).object_id, row]);
  }

  // ---- calls ------------------------------------------------------------------------------

  /** A call that cannot wait. @template T @param {Request} request @param {() => T} decode @returns {T} */
  #now(request, decode) {
    const state = this.#core.call(this.#handle, request);
    if (state === State.DONE) return decode();
    if (state === State.FAILED) throw this.#core.error();
    this.#core.cancel(this.#core.task);
    throw new HeavenBaseError("INTERNAL", "a local call waits for the host");
  }

  /** One crossing; a promise only when the host has to do something. @template T @param {Request} request @param {() => T} decode @param {CallOptions & { onProgress?: (progress: any) => void }} options @returns {T | Promise<T>} */
  #call(request, decode, { signal, timeoutMs = this.#setting.timeoutMs, onProgress }) {
    const state = this.#core.call(this.#handle, timeoutMs === undefined ? request : { ...request, timeoutMs });
    return state === State.DONE ? decode() : this.#later(state, decode, { signal, onProgress }, timeoutMs);
  }

  /** A call that was not done at once. @template T @param {number} state @param {() => T} decode @param {CallOptions & { onProgress?: (progress: any) => void }} options @param {number | undefined} timeoutMs @returns {Promise<T>} */
  #later(state, decode, { signal, onProgress }, timeoutMs) {
    if (state === State.FAILED) throw this.#core.error();
    return performTask(this.#core, state, { hosts: this.#setting.hosts, signal, timeoutMs, onProgress }, decode);
  }

  /** Takes its turn and works; synchronously when nobody is in the way. @template T @param {boolean} write @param {CallOptions | undefined} options @param {() => T | Promise<T>} work @returns {Promise<T>} */
  #run(write, options, work) {
    return this.#turns.run(write, options, work);
  }

  /** @template T @param {Request} request @param {() => T} decode @param {CallOptions} options */
  #read(request, decode, options) {
    return this.#run(false, options, () => this.#call(request, decode, options));
  }

  /** @template T @param {Request} request @param {() => T} decode @param {CallOptions} options */
  #write(request, decode, options) {
    return this.#run(true, options, () => this.#call(request, decode, options));
  }

  /** Checks that fail reject, like everything else. @template T @param {() => Promise<T>} work @returns {Promise<T>} */
  #guard(work) {
    try {
      return work();
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Takes its turn with the options that the method knows. @template {CallOptions} G @template T @param {string} method @param {boolean} write @param {G | undefined} options @param {readonly string[]} names @param {(given: G) => T | Promise<T>} work @returns {Promise<T>} */
  #inTurn(method, write, options, names, work) {
    return this.#guard(() => {
      const given = known(method, options, names);
      return this.#run(write, given, () => work(given));
    });
  }

  // ---- entities ---------------------------------------------------------------------------

  /** @param {unknown} given @returns {Registered} */
  #resolve(given) {
    const id = typeof given === "string" ? given : /** @type {AnyEntity} */ (given)?.entityId;
    if (typeof id !== "string") throw new HeavenBaseError("TYPE", "expected an entity, or the id of a registered one");
    const found = this.#registered.get(id);
    if (found) return found;
    const index = this.#core.entityIndex(this.#handle, id);
    return this.#remember(this.#now({ kind: Call.SCHEMA, entity: index }, () => this.#core.definitionJson()), undefined);
  }

  // ---- functions of the program --------------------------------------------------------------

  /** Writes rows that functions complete. They run outside the turn, so that they may read. @template T @param {number} kind @param {Registered} registered @param {readonly Record<string, unknown>[]} rows @param {WriteOptions} options @param {() => T} decode @returns {Promise<T>} */
  #writeComputed(kind, registered, rows, options, decode) {
    const waiting = this.#turns.waiting(options);
    const send = (/** @type {Record<string, unknown>[]} */ ready) => () => this.#send(kind, registered, ready, options, decode, true);
    if (options.signal?.aborted) return Promise.reject(cancelled(options.signal));
    const early = kind === Call.UPSERT ? completeRows(/** @type {Hooks} */ (registered.hooks), rows, null, waiting) : null;
    if (early && !(early instanceof Promise)) return this.#run(true, options, send(early));
    early?.catch(() => {});             // who waits for an earlier write hears of it later
    const before = this.#turns.computing;
    return this.#turns.keepOrder((async () => {
      if (before) await within(before, waiting);
      const ready = await (early ?? this.#completed(kind, registered, rows, options, (work) => this.#turns.enter(false, options, work)));
      if (options.signal?.aborted) throw cancelled(options.signal);
      return this.#turns.enter(true, options, send(ready));
    })());
  }

  /** Rows with what functions give; patches are completed from what is stored. @param {number} kind @param {Registered} registered @param {readonly Record<string, unknown>[]} rows @param {WriteOptions} options @param {(work: () => any) => any} read its turn @returns {Record<string, unknown>[] | Promise<Record<string, unknown>[]>} */
  #completed(kind, registered, rows, options, read) {
    const hooks = /** @type {Hooks} */ (registered.hooks);
    if (kind === Call.UPSERT) return completeRows(hooks, rows, null, this.#turns.waiting(options));
    const ids = rows.map((row) => checkId(row.object_id));
    const stored = read(() => this.#byIds(Call.GET, ids, { ...options, entity: registered.id }, (asked, of) => readRows(this.#core, of, asked), () => null));
    return then(stored, (found) => completeRows(hooks, rows, found, this.#turns.waiting(options)));
  }

  /** In a turn to write. @template T @param {number} kind @param {Registered} registered @param {readonly Record<string, unknown>[]} rows @param {WriteOptions} options @param {() => T} decode @param {boolean} [computed] functions have completed them @returns {T | Promise<T>} */
  #send(kind, registered, rows, options, decode, computed = false) {
    if (!computed && this.#completes(registered)) {
      return then(this.#completed(kind, registered, rows, options, (work) => work()), (ready) => this.#send(kind, registered, ready, options, decode, true));
    }
    const call = () => this.#call(this.#rowsRequest(kind, registered, rows, options, computed), decode, options);
    return kind === Call.SET ? then(this.#refuseExisting(registered, rows, options), call) : call();
  }

  /** An entity whose rows functions complete, where that is known already. @param {EntityLike} entity @returns {Registered | null} */
  #computedEntity(entity) {
    const registered = this.#computed && !this.#turns.closed ? this.#registered.get(typeof entity === "string" ? entity : entity?.entityId) : undefined;
    return registered && this.#completes(registered) ? registered : null;
  }

  /** The functions of an entity whose rows they complete. @param {Registered} registered */
  #completes(registered) {
    return registered.hooks?.forRows === true;
  }

  /** A query with its operands made, as the core takes it. @param {Query<any, any>} query @param {CallOptions} options @returns {import("./spec.js").EncodedSpec | Promise<import("./spec.js").EncodedSpec>} */
  #encoded(query, options) {
    const hooks = this.#registered.get(query.entityId)?.hooks;
    if (!hooks || hooks.queries.size === 0) return encodeSpec(query.spec, query.params);
    return then(withOperands(hooks, query.spec, query.params, query.entityId, this.#turns.waiting(options)), (spec) => encodeSpec(spec, query.params));
  }

  /** Every function that a definition names must be there. @param {Record<string, any>} definition @param {Entity | undefined} declared */
  #checkNames(definition, declared) {
    const names = namesIn(definition);
    if (names.length === 0) return;
    const functions = new Functions(String(definition.entity_id ?? entityIdOf(String(definition.name))), declared, this.#setting.computes);
    for (const { name, target } of names) functions.find(name, target);
  }

  /** @param {any} answer @param {Entity | undefined} entity @param {boolean} [declared] @returns {Registered} */
  #remember({ entity: id, index, columns, schema, storage }, entity, declared = false) {
    const own = entity ?? this.#registered.get(id)?.entity ?? SYSTEM.get(id) ?? entityFromDefinition(schema);
    /** @type {Registered} */
    const registered = { id, index, declared, schema, storage, entity: own,
      shape: shapeOf(columns.map((/** @type {any} */ column) => column.name)),
      columns: new Map(columns.map((/** @type {any} */ column) => [column.name, column])), hooks: null };
    this.#registered.set(id, registered);
    this.#hook(registered, own);
    return registered;
  }

  /** Finds out whether functions have work on an entity, and whose. @param {Registered} registered @param {Entity} declared */
  #hook(registered, declared) {
    const { schema } = registered;
    const hooks = new Hooks(schema, new Functions(registered.id, declared, this.#setting.computes));
    registered.hooks = hooks.forRows || hooks.queries.size > 0 ? hooks : null;
    for (const { target } of schema.derive ?? []) {
      /** @type {Map<string, any>} */ (registered.columns).set(target, { name: target, kind: Kind.PACK, dim: 0, type: "json" });
    }
    this.#computed = [...this.#registered.values()].some((one) => this.#completes(one));
  }

  /**
   * Makes an entity known and its storage ready. Again with the same structure is fine; with another one it needs
   * `allowReplace`: new fields are empty in the rows that there are, and a value that its new type refuses is null.
   * @template {AnyEntity} E
   * @param {E | Record<string, unknown> | string} entity an entity, a portable definition, or the id of a registered one
   * @param {CallOptions & { allowReplace?: boolean, dryRun?: boolean }} [options] `dryRun` only checks that it can be
   * @returns {Promise<E extends AnyEntity ? E : Entity & Record<string, any>>}
   */
  register(entity, options) {
    return /** @type {Promise<any>} */ (this.#guard(() => {
      const { allowReplace = false, dryRun = false, ...waiting } = known("register", options, [...WAITING, "allowReplace", "dryRun"]);
      if (typeof entity === "string") return this.#run(false, waiting, () => this.#resolve(entity).entity);
      if (entity === null || typeof entity !== "object" || Array.isArray(entity)) {
        throw new HeavenBaseError("TYPE", "register takes an entity, a portable definition, or the id of a registered entity");
      }
      const declared = entity instanceof Entity ? entity : undefined;
      const pack = declared ? declared.toDefinition() : entity;
      this.#checkNames(/** @type {any} */ (pack), declared);
      const flags = (allowReplace ? Flag.REPLACE : 0) | (dryRun ? Flag.DRY_RUN : 0);
      return this.#explained(pack, this.#write({ kind: Call.REGISTER, flags, pack }, () => {
        const answer = this.#core.definitionJson();
        if (dryRun) return declared ?? entityFromDefinition(answer.schema);
        const before = this.#registered.get(answer.entity);
        // The first declaration stays; what was only read back from storage gives way to a declaration.
        const kept = before?.declared && !allowReplace ? before.entity : declared ?? entityFromDefinition(answer.schema);
        const registered = this.#remember(answer, kept, true);
        if (declared) this.#hook(registered, declared);      // its functions are the latest
        return registered.entity;
      }, waiting));
    }));
  }

  /** Adds to a conflict of structures the plan that says what differs. @template T @param {unknown} pack @param {Promise<T>} work @returns {Promise<T>} */
  #explained(pack, work) {
    return work.catch((error) => {
      if (error?.code === "SCHEMA_CONFLICT" && error.plan === null && !this.#turns.closed) {
        try {
          error.plan = this.#now({ kind: Call.ALTER, flags: Flag.DRY_RUN, pack }, () => this.#core.json());
        } catch {
          // A system entity has no plan; the conflict itself is what the caller hears of.
        }
      }
      throw error;
    });
  }

  /** @param {string} method @param {unknown} entity @returns {unknown} its portable definition */
  #definitionOf(method, entity) {
    if (entity instanceof Entity) return entity.toDefinition();
    if (entity !== null && typeof entity === "object" && !Array.isArray(entity)) return entity;
    throw new HeavenBaseError("TYPE", `${method} takes an entity or a portable definition`);
  }

  /** What `alterEntity` would do with the rows, without doing it. @param {AnyEntity | Record<string, unknown>} entity @param {CallOptions & import("./types.js").AlterMoves} [options] @returns {Promise<import("./types.js").AlterPlan>} */
  planAlter(entity, options) {
    return this.#guard(() => {
      const { rename = null, drop = null, ...waiting } = known("planAlter", options, ALTERING);
      return this.#read({ kind: Call.ALTER, flags: Flag.DRY_RUN, pack: this.#definitionOf("planAlter", entity), params: [null, rename, drop] }, () => this.#core.json(), waiting);
    });
  }

  /**
   * Another structure for a registered entity, whose rows follow it: fields get defaults, other types, places and names.
   * @template {AnyEntity} E @param {E | Record<string, unknown>} entity
   * @param {CallOptions & import("./types.js").AlterMoves & { confirm: string }} options `confirm` repeats the entity's id
   * @returns {Promise<E extends AnyEntity ? E : Entity & Record<string, any>>}
   */
  alterEntity(entity, options) {
    return /** @type {Promise<any>} */ (this.#guard(() => {
      const { confirm = null, rename = null, drop = null, ...waiting } = known("alterEntity", options, [...ALTERING, "confirm"]);
      const pack = this.#definitionOf("alterEntity", entity);
      this.#checkNames(/** @type {any} */ (pack), entity instanceof Entity ? entity : undefined);
      return this.#explained(pack, this.#write({ kind: Call.ALTER, pack, params: [confirm, rename, drop] }, () => {
        const answer = this.#core.definitionJson();
        return this.#remember(answer, entity instanceof Entity ? entity : entityFromDefinition(answer.schema), true).entity;
      }, waiting));
    }));
  }

  /**
   * Other descriptions, tags and examples for a registered entity and its fields; its structure stays.
   * @template {EntityLike} E
   * @param {E} entity
   * @param {{ desc?: string, tags?: readonly string[], fields?: Record<string, { desc?: string, tags?: readonly string[], examples?: readonly unknown[] }> }} words
   * @param {CallOptions} [options]
   * @returns {Promise<E extends AnyEntity ? E : Entity & Record<string, any>>}
   */
  describe(entity, words, options) {
    return /** @type {Promise<any>} */ (this.#guard(() => {
      const given = known("describe", options, WAITING);
      const pack = known("describe", words, ["desc", "tags", "fields"]);
      return this.#run(true, given, () => {
        const { index, declared, entity: own } = this.#resolve(entity);
        return this.#call({ kind: Call.DESCRIBE, entity: index, pack }, () => this.#remember(this.#core.definitionJson(), own, declared).entity, given);
      });
    }));
  }

  /** Ids of the registered entities, sorted, without the system's. @returns {Promise<string[]>} */
  async listEntities() {
    if (this.#turns.closed) throw new HeavenBaseError("CLOSED", `workspace '${this.id}' is closed`);
    return [...this.#registered.keys()].filter((id) => !SYSTEM.has(id)).sort();
  }

  /** The portable schema of an entity, with bigints for integers beyond 2^53, and under `storage` where its fields are kept and why. @param {EntityLike} entity @returns {Promise<Record<string, any>>} */
  schema(entity) {
    return this.#run(false, undefined, () => {
      const { index } = this.#resolve(entity);
      return this.#now({ kind: Call.SCHEMA, entity: index }, () => {
        const { schema, storage } = this.#core.definitionJson();
        return { ...schema, storage };
      });
    });
  }

  // ---- writing ----------------------------------------------------------------------------

  /** @param {number} kind @param {Registered} registered @param {readonly Record<string, unknown>[]} rows @param {{ overwrite?: boolean, unknown?: "error" | "drop" }} options @param {boolean} computed functions have completed them @returns {Request} */
  #rowsRequest(kind, registered, rows, { overwrite = true, unknown = "error" }, computed) {
    if (unknown !== "error" && unknown !== "drop") throw new HeavenBaseError("TYPE", "unknown is \"error\" or \"drop\"");
    const drop = unknown === "drop";
    const flags = (overwrite ? Flag.OVERWRITE : 0) | (drop ? Flag.DROP_UNKNOWN : 0) | (computed ? Flag.COMPUTED : 0);
    return { kind, entity: registered.index, flags, entityId: registered.id, rowCount: rows.length, columns: columnsOf(rows, registered, drop) };
  }

  /** Writes a whole row: what it leaves out is gone, or takes its default. Gives the object_id. @template {EntityLike} E @param {E} entity @param {import("./types.js").Insert<E>} row @param {CallOptions & { overwrite?: boolean, unknown?: "error" | "drop" }} [options] @returns {Promise<string>} */
  upsert(entity, row, options) {
    return this.#guard(() => {
      const given = known("upsert", options, UPSERTING);
      const computed = this.#computedEntity(entity);
      if (computed) return this.#writeComputed(Call.UPSERT, computed, [checkRow(row, computed.id)], given, () => readOne(this.#core));
      return this.#run(true, given, () => {
        const registered = this.#resolve(entity);
        return this.#send(Call.UPSERT, registered, [checkRow(row, registered.id)], given, () => readOne(this.#core));
      });
    });
  }

  /** All rows or none; they may have different keys. @template {EntityLike} E @param {E} entity @param {Iterable<import("./types.js").Insert<E>>} rows @param {CallOptions & { overwrite?: boolean, unknown?: "error" | "drop" }} [options] @returns {Promise<string[]>} */
  upsertMany(entity, rows, options) {
    return this.#guard(() => {
      const given = known("upsertMany", options, UPSERTING);
      const computed = this.#computedEntity(entity);
      if (computed) return this.#manyComputed(Call.UPSERT, computed, rows, given);
      return this.#run(true, given, () => this.#writeMany(Call.UPSERT, this.#resolve(entity), rows, given));
    });
  }

  /** @param {number} kind @param {Registered} registered @param {unknown} rows @param {CallOptions & { overwrite?: boolean, unknown?: "error" | "drop" }} options @returns {string[] | Promise<string[]>} */
  #writeMany(kind, registered, rows, options) {
    const checked = checkRows(rows, registered.id);
    if (checked.length === 0) return [];
    return this.#send(kind, registered, checked, options, () => readList(this.#core));
  }

  /** @param {number} kind @param {Registered} registered @param {unknown} rows @param {WriteOptions} options @returns {Promise<string[]>} */
  #manyComputed(kind, registered, rows, options) {
    const checked = checkRows(rows, registered.id);
    return checked.length === 0 ? Promise.resolve([]) : this.#writeComputed(kind, registered, checked, options, () => readList(this.#core));
  }

  /**
   * Changes some fields of a row, or makes it: `set(id, values, { entity })` or `set({ object_id, … }, { entity })`.
   * @template {EntityLike} [E=string]
   * @param {string | number | bigint | Patch<E>} target @param {Patch<E> | (CallOptions & { entity?: E, overwrite?: boolean, unknown?: "error" | "drop" })} [values]
   * @param {CallOptions & { entity?: E, overwrite?: boolean, unknown?: "error" | "drop" }} [options]
   * @returns {Promise<string>}
   */
  set(target, values, options) {
    return this.#guard(() => {
      const whole = target !== null && typeof target === "object";
      const given = known("set", /** @type {any} */ (whole ? values : options), SETTING);
      const patch = whole ? checkRow(target, "") : withId(checkRow(values, entityName(given.entity)), checkId(target), entityName(given.entity));
      return this.#computed ? this.#setAnywhere(patch, given) : this.#run(true, given, () => this.#setOne(patch, given));
    });
  }

  /** A patch where functions may have work: the entity is found before the turn to write. @param {Record<string, unknown>} patch @param {any} options @returns {Promise<string>} */
  async #setAnywhere(patch, options) {
    if (this.#turns.closed) throw new HeavenBaseError("CLOSED", `workspace '${this.id}' is closed`);
    checkTarget(patch, options);
    const registered = options.entity === undefined ? await this.#run(false, options, () => this.#holder(patch.object_id, options)) : this.#resolve(options.entity);
    if (!this.#completes(registered)) return this.#run(true, options, () => this.#setOne(patch, { ...options, entity: registered.id }));
    return this.#writeComputed(Call.SET, registered, [patch], options, () => readOne(this.#core));
  }

  /** @param {Record<string, unknown>} patch @param {any} options @returns {string | Promise<string>} */
  #setOne(patch, options) {
    checkTarget(patch, options);
    return then(this.#holder(patch.object_id, options), (registered) => this.#send(Call.SET, registered, [patch], options, () => readOne(this.#core)));
  }

  /** Patches by the object_id in each. @template {EntityLike} [E=string] @param {Iterable<Patch<E>>} rows @param {CallOptions & { entity?: E, overwrite?: boolean, unknown?: "error" | "drop" }} [options] @returns {Promise<string[]>} */
  setMany(rows, options) {
    return this.#guard(() => {
      const given = known("setMany", options, SETTING);
      if (this.#computed && given.entity === undefined) return eachInTurn(checkRows(rows, ""), (row) => this.#setAnywhere(row, given));
      const computed = given.entity === undefined ? null : this.#computedEntity(given.entity);
      if (computed) return this.#manyComputed(Call.SET, computed, rows, given);
      return this.#run(true, given, () => {
        if (given.entity === undefined) return eachInTurn(checkRows(rows, ""), (row) => this.#setOne(row, given));
        return this.#writeMany(Call.SET, this.#resolve(given.entity), rows, given);
      });
    });
  }

  /** The entity that was named, or the only one that holds the row. @param {unknown} id @param {CallOptions & { entity?: EntityLike }} options @returns {Registered | Promise<Registered>} */
  #holder(id, options) {
    if (options.entity !== undefined) return this.#resolve(options.entity);
    const text = checkId(id);
    const candidates = [...this.#registered.values()].filter((one) => !SYSTEM.has(one.id));
    const probes = eachInTurn(candidates, (one) => this.#call({ kind: Call.EXISTS, entity: one.index, id: text }, () => readOne(this.#core), options));
    return probes.then((held) => {
      const holders = candidates.filter((_, index) => held[index]);
      if (holders.length === 1) return holders[0];
      if (holders.length === 0) throw new HeavenBaseError("TYPE", `no entity holds '${text}': name the entity of a new row`);
      throw new HeavenBaseError("AMBIGUOUS", `object_id '${text}' exists in several entities: ${holders.map((one) => one.id).join(", ")}; name the entity`);
    });
  }

  /** `overwrite: false` on a patch: the rows must be new. @param {Registered} registered @param {readonly Record<string, unknown>[]} rows @param {CallOptions & { overwrite?: boolean }} options @returns {void | Promise<void>} */
  #refuseExisting(registered, rows, options) {
    if (options.overwrite !== false) return undefined;
    const ids = [...new Set(rows.map((row) => checkId(row.object_id)))];
    if (ids.length === 0) return undefined;
    return then(this.#call({ kind: Call.EXISTS, entity: registered.index, columns: idColumn(ids), rowCount: ids.length }, () => readList(this.#core), options), (held) => {
      const at = held.indexOf(true);
      if (at < 0) return;
      throw new HeavenBaseError("DUPLICATE", `object_id '${ids[at]}' exists already`, { entity: registered.id, field: "object_id" });
    });
  }

  // ---- reading by id ----------------------------------------------------------------------

  /** The row, or null. Without `entity` every entity is asked; `unique: false` takes the first that has it. @template {EntityLike} [E=string] @param {string | number | bigint} id @param {CallOptions & { entity?: E, unique?: boolean }} [options] @returns {Promise<Row<E> | null>} */
  get(id, options = {}) {
    try {
      known("get", options, GETTING);
      const text = checkId(id);
      return this.#run(false, options, () => /** @type {any} */ (this.#getOne(text, options)));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** @param {string} id @param {CallOptions & { entity?: EntityLike, unique?: boolean }} options @returns {any} */
  #getOne(id, options) {
    const registered = options.entity === undefined ? null : this.#resolve(options.entity);
    const { timeoutMs = this.#setting.timeoutMs } = options;
    const core = this.#core;
    const state = core.callOne(this.#handle, Call.GET, registered === null ? ENTITY_NONE : registered.index, options.unique === false ? Flag.ANY : 0, id, registered !== null, timeoutMs);
    if (state === State.DONE) return readRow(core, registered, id);
    return this.#later(state, () => readRow(core, registered, id), options, timeoutMs);
  }

  /** The row of each id, or null. @template {EntityLike} [E=string] @param {Iterable<string | number | bigint>} ids @param {CallOptions & { entity?: E }} [options] @returns {Promise<(Row<E> | null)[]>} */
  getMany(ids, options = {}) {
    return this.#guard(() => {
      known("getMany", options, READING);
      const texts = checkIds(ids);
      return /** @type {any} */ (this.#run(false, options, () => this.#byIds(Call.GET, texts, options, (asked, of) => readRows(this.#core, of, asked), (id) => this.#getOne(id, options))));
    });
  }

  /** Asks for each different id once. @template T @param {number} kind @param {readonly string[]} ids @param {CallOptions & { entity?: EntityLike }} options @param {(ids: readonly string[], of: Registered) => T[]} decode @param {(id: string) => T | Promise<T>} single when no entity is named @returns {T[] | Promise<T[]>} */
  #byIds(kind, ids, options, decode, single) {
    if (options.entity === undefined) return eachInTurn(ids, single);
    const registered = this.#resolve(options.entity);
    if (ids.length === 0) return [];
    const different = new Set(ids);
    const unique = different.size === ids.length ? ids : [...different];
    const answers = this.#call({ kind, entity: registered.index, columns: idColumn(unique), rowCount: unique.length }, () => decode(unique, registered), options);
    return unique === ids ? answers : then(answers, (found) => {
      const byId = new Map(unique.map((id, index) => [id, found[index]]));
      return ids.map((id) => /** @type {T} */ (byId.get(id)));
    });
  }

  /** @param {string | number | bigint} id @param {CallOptions & { entity?: EntityLike }} [options] @returns {Promise<boolean>} */
  exists(id, options = {}) {
    return this.#guard(() => {
      known("exists", options, READING);
      const text = checkId(id);
      return this.#run(false, options, () => this.#existsOne(text, options));
    });
  }

  /** @param {string} id @param {CallOptions & { entity?: EntityLike }} options @returns {boolean | Promise<boolean>} */
  #existsOne(id, options) {
    const entity = options.entity === undefined ? undefined : this.#resolve(options.entity).index;
    return this.#call({ kind: Call.EXISTS, entity, id }, () => readOne(this.#core), options);
  }

  /** @param {Iterable<string | number | bigint>} ids @param {CallOptions & { entity?: EntityLike }} [options] @returns {Promise<boolean[]>} */
  existsMany(ids, options = {}) {
    return this.#guard(() => {
      known("existsMany", options, READING);
      const texts = checkIds(ids);
      return this.#run(false, options, () => this.#byIds(Call.EXISTS, texts, options, () => readList(this.#core), (id) => this.#existsOne(id, options)));
    });
  }

  /** Was there such a row? `edges` says what becomes of edges that lead to it: "detach" deletes them, "restrict" refuses, "schema" does as their field declares. @param {string | number | bigint} id @param {CallOptions & { entity?: EntityLike, edges?: import("./graph.js").Edges }} [options] @returns {Promise<boolean>} */
  delete(id, options = {}) {
    return this.#guard(() => {
      known("delete", options, DELETING);
      const text = checkId(id);
      return this.#run(true, options, () => this.#deleteOne(text, options));
    });
  }

  /** @param {string} id @param {CallOptions & { entity?: EntityLike, edges?: import("./graph.js").Edges }} options @returns {boolean | Promise<boolean>} */
  #deleteOne(id, options) {
    const entity = options.entity === undefined ? ENTITY_NONE : this.#resolve(options.entity).index;
    const { timeoutMs = this.#setting.timeoutMs } = options;
    const core = this.#core;
    return withReferences(this.#graphs(options), [id], () => this.#holder(id, options), () => {
      const state = core.callOne(this.#handle, Call.DELETE, entity, edgeFlags(options.edges), id, false, timeoutMs, Date.now());
      return state === State.DONE ? readOne(core) : this.#later(state, () => readOne(core), options, timeoutMs);
    });
  }

  /** @param {Iterable<string | number | bigint>} ids @param {CallOptions & { entity?: EntityLike, edges?: import("./graph.js").Edges }} [options] as of `delete` @returns {Promise<boolean[]>} */
  deleteMany(ids, options = {}) {
    return this.#guard(() => {
      known("deleteMany", options, DELETING);
      const texts = checkIds(ids);
      return this.#run(true, options, () => {
        if (options.entity === undefined) return eachInTurn(texts, (id) => this.#deleteOne(id, options));
        const registered = this.#resolve(options.entity);
        if (texts.length === 0) return [];
        const request = { kind: Call.DELETE, entity: registered.index, flags: edgeFlags(options.edges), columns: idColumn(texts), rowCount: texts.length };
        return withReferences(this.#graphs(options), texts, () => registered, () => this.#call(request, () => readList(this.#core), options));
      });
    });
  }

  // ---- reading everything -----------------------------------------------------------------

  /** How many rows. @param {EntityLike} entity @param {CallOptions} [options] @returns {Promise<number>} */
  count(entity, options) {
    return this.#all("count", entity, '{"count":true}', options, () => readOne(this.#core));
  }

  /** All object_ids, in order. @param {EntityLike} entity @param {CallOptions} [options] @returns {Promise<string[]>} */
  ids(entity, options) {
    return this.#all("ids", entity, '{"select":["object_id"]}', options, () => readList(this.#core));
  }

  /** All rows, in the order of their object_ids. @template {EntityLike} E @param {E} entity @param {CallOptions} [options] @returns {Promise<Row<E>[]>} */
  rows(entity, options) {
    return this.#all("rows", entity, "{}", options, () => /** @type {any} */ (Frame.fromAnswer(this.#core).rows()));
  }

  /** @template T @param {string} method @param {EntityLike} entity @param {string} text @param {CallOptions | undefined} options @param {() => T} decode @returns {Promise<T>} */
  #all(method, entity, text, options, decode) {
    return this.#inTurn(method, false, options, WAITING, (given) => this.#call({ kind: Call.QUERY, entity: this.#resolve(entity).index, text }, decode, given));
  }

  // ---- relations --------------------------------------------------------------------------

  /** @param {CallOptions} options @returns {import("./graph.js").Graphs} */
  #graphs(options) {
    return { core: this.#core, resolve: (entity) => this.#resolve(entity), call: (request, decode) => this.#call(request, decode, options) };
  }

  /** Rows that a walk along a relation reaches, nearest first. @param {import("./graph.js").Relation} relation `Person.knows` @param {import("./graph.js").Node} start @param {CallOptions & { minHops?: number, maxHops?: number, direction?: import("./types.js").Direction }} [options] from 1 to `maxHops` hops (1), outwards @returns {Promise<Record<string, any>[]>} */
  traverse(relation, start, options) {
    return this.#inTurn("traverse", false, options, [...WAITING, "minHops", "maxHops", "direction"], (given) => traverse(this.#graphs(given), relation, start, given));
  }

  /** The rows on a shortest way, both ends included, or null when there is none. @param {import("./graph.js").Relation} relation @param {import("./graph.js").Node} from @param {import("./graph.js").Node} to @param {CallOptions & { maxHops?: number, direction?: import("./types.js").Direction }} [options] at most `maxHops` hops (10), outwards @returns {Promise<[entity: string, id: string][] | null>} */
  shortestPath(relation, from, to, options) {
    return this.#inTurn("shortestPath", false, options, [...WAITING, "maxHops", "direction"], (given) => shortestPath(this.#graphs(given), relation, from, to, given));
  }

  /** The edges of all relations that lead to no row. @param {CallOptions} [options] @returns {Promise<import("./types.js").EdgeReference[]>} */
  checkGraph(options) {
    return this.#inTurn("checkGraph", false, options, WAITING, (given) => checkGraph(this.#graphs(given)));
  }

  /** Deletes the edges of a relation that lead to no row; without `confirm: true` it only says which. @param {import("./graph.js").Relation} relation @param {CallOptions & { confirm?: boolean }} [options] @returns {Promise<{ dangling: import("./types.js").EdgeReference[], removed: number }>} */
  scrubDangling(relation, options) {
    return this.#inTurn("scrubDangling", true, options, [...WAITING, "confirm"], (given) => scrubDangling(this.#graphs(given), relation, given.confirm === true));
  }

  // ---- queries ----------------------------------------------------------------------------

  /** A query to be built on. @template {EntityLike} E @param {E} entity @returns {Query<E, Row<E>>} */
  query(entity) {
    if (typeof entity !== "string" && typeof entity?.entityId !== "string") throw new HeavenBaseError("TYPE", "a query is about an entity, or the id of one");
    return new Query(this.#runner, entity);
  }

  /** A query from its portable spec. @template {EntityLike} E @param {E} entity @param {Readonly<Record<string, any>>} spec @param {{ params?: readonly unknown[] }} [options] values of the spec's {"$param": n} @returns {Query<E, Record<string, any>>} */
  queryJson(entity, spec, options) {
    const { params = [] } = known("queryJson", options, ["params"]);
    if (spec === null || typeof spec !== "object" || Array.isArray(spec)) throw new HeavenBaseError("TYPE", "a query spec is a mapping");
    this.query(entity);
    return new Query(this.#runner, entity, { ...spec }, params);
  }

  /** Parses a query once, to run it often. @param {Query<any, any> | EntityLike} query @param {Readonly<Record<string, any>>} [spec] with an entity: its portable spec @returns {Promise<PreparedQuery<any>>} */
  prepare(query, spec) {
    return this.#guard(() => this.#prepareQuery(query instanceof Query ? query : this.queryJson(query, spec ?? {})));
  }

  /** @param {Query<any, any>} query @returns {Promise<PreparedQuery<any>>} */
  #prepareQuery(query) {
    const { text, params } = encodeSpec(query.spec, query.params, { all: true });
    return this.#run(false, undefined, () => {
      this.#resolve(query.entity);
      const { handle } = this.#now({ kind: Call.PREPARE, text }, () => this.#core.json());
      const number = ++this.#preparedLast;
      this.#prepared.set(number, { handle, text });
      if (this.#registered.get(query.entityId)?.hooks?.queries.size) this.#hooked.set(number, JSON.parse(text));
      return new PreparedQuery(this.#preparedRunner, query.entity, number, params);
    });
  }

  /** @param {EntityLike} entity @param {Omit<Request, "kind"> | Promise<Omit<Request, "kind">>} request @param {CallOptions & { total?: boolean, pushdown?: boolean }} options @returns {Promise<Frame<any>>} */
  #execute(entity, request, options) {
    known("execute", options, EXECUTING);
    const flags = (options.total ? Flag.WANT_TOTAL : 0) | (options.pushdown === false ? Flag.NO_PUSHDOWN : 0);
    const decode = () => Frame.fromAnswer(this.#core);
    return settled(request, ({ prepared, text, params }) => this.#run(false, options, () =>
      this.#call({ kind: Call.QUERY, entity: this.#resolve(entity).index, flags, prepared: prepared && this.#preparedHandle(prepared), text, params }, decode, options)));
  }

  /** The core's number for a prepared query. @param {number} number */
  #preparedHandle(number) {
    return this.#prepared.get(number)?.handle ?? PREPARED_GONE;
  }

  /** @param {number} prepared @param {EntityLike} entity @param {readonly unknown[]} params @param {CallOptions} options */
  #preparedRequest(prepared, entity, params, options) {
    const spec = this.#hooked.get(prepared);
    const id = entityName(entity);
    const hooks = spec && this.#registered.get(id)?.hooks;
    return hooks ? then(withParams(hooks, spec, params, id, this.#turns.waiting(options)), (made) => ({ prepared, params: made })) : { prepared, params };
  }

  /** @type {import("./query.js").Runner} */
  #runner = Object.freeze({
    execute: (query, options) => this.#guard(() => this.#execute(query.entity, this.#encoded(query, options), options)),
    explain: (query, options) => this.#guard(() => {
      known("explain", options, WAITING);
      return settled(this.#encoded(query, options), (request) => this.#run(false, options, () =>
        this.#call({ ...request, kind: Call.EXPLAIN, entity: this.#resolve(query.entity).index }, () => printable(this.#core.json()), options)));
    }),
    prepare: (query) => this.#guard(() => this.#prepareQuery(query)),
  });

  /** @type {import("./prepared.js").PreparedRunner} */
  #preparedRunner = Object.freeze({
    executePrepared: (prepared, entity, params, options) => this.#guard(() => this.#execute(entity, this.#preparedRequest(prepared, entity, params, options), options)),
    releasePrepared: (prepared) => this.#run(false, undefined, () => {
      const handle = this.#prepared.get(prepared)?.handle;
      this.#hooked.delete(prepared);
      this.#prepared.delete(prepared);
      return handle === undefined ? undefined : this.#now({ kind: Call.RELEASE, prepared: handle }, () => undefined);
    }),
  });

  // ---- the whole workspace as one file ----------------------------------------------------

  /** @param {CallOptions} options @returns {import("./transfer.js").Transferable} */
  #transferable(options) {
    const catalog = this.#registered.get(Catalog.entityId);
    return { entities: [...this.#registered.values()].filter((one) => !SYSTEM.has(one.id)),
      catalog: this.#keepsCatalog && catalog ? catalog : null,
      bytes: (request) => this.#call(request, () => this.#core.bytes(), options),
      json: (request) => this.#now(request, () => this.#core.json()),
      apply: (request) => this.#call(request, () => undefined, options),
      count: ({ index }) => this.#call({ kind: Call.QUERY, entity: index, text: '{"count":true}' }, () => readOne(this.#core), options) };
  }

  /**
   * Everything that the workspace holds (definitions, rows, Catalog) as one checksummed file, which `import` and
   * `HeavenBase.import` read in any host.
   * @param {import("./transfer.js").TransferOptions} [options]
   * @returns {Promise<Uint8Array>}
   */
  export(options) {
    return exportBytes((write) => this.#exportInto("export", write, options));
  }

  /** The same, written as it is made. The stream is closed at the end, and aborted on an error. @param {WritableStream<Uint8Array>} stream @param {import("./transfer.js").TransferOptions} [options] @returns {Promise<void>} */
  exportTo(stream, options) {
    return exportToStream(stream, (write) => this.#exportInto("exportTo", write, options));
  }

  /** @param {string} method @param {(record: Uint8Array) => void | Promise<void>} write @param {import("./transfer.js").TransferOptions} [options] @returns {Promise<void>} */
  #exportInto(method, write, options) {
    return this.#inTurn(method, false, options, TRANSFERRING, (given) => exportRecords(this.#transferable(given), write, given));
  }

  /**
   * Takes in what `export` made. The whole file is checked first, and refused when one of its entities has rows here,
   * unless `overwrite` says that rows of the same object_id give way; importing again after a failure is safe with it.
   * @param {Uint8Array | ArrayBuffer | Blob | ReadableStream<Uint8Array>} source
   * @param {import("./transfer.js").TransferOptions & { overwrite?: boolean }} [options]
   * @returns {Promise<{ entities: string[], rows: number }>} what the file held
   */
  async import(source, options) {
    const { overwrite = false, ...given } = known("import", options, [...TRANSFERRING, "overwrite"]);
    const bytes = await allBytes(source);
    return this.#run(true, given, async () => {
      const held = await importFile(this.#transferable(given), bytes, { ...given, overwrite });
      this.#renew();
      return held;
    });
  }

  // ---- upkeep -----------------------------------------------------------------------------

  /** Drops caches, so that changes from outside are seen: rows, and what another instance has registered or altered. @param {CallOptions & { entity?: EntityLike, backend?: string }} [options] @returns {Promise<void>} */
  refresh(options) {
    return this.#inTurn("refresh", true, options, [...READING, "backend"], (given) => then(this.#call({ kind: Call.REFRESH, text: given.backend === undefined ? "" : this.backends.get(given.backend).name,
      entity: given.entity === undefined ? undefined : this.#resolve(given.entity).index }, () => undefined, given), () => this.#renew()));
  }

  /** Entities that are new, those that are gone, and those whose definition is another one by now: what was declared for them has no meaning any more. */
  #renew() {
    const { entities } = this.#now({ kind: Call.INFO }, () => this.#core.json());
    for (const id of this.#registered.keys()) if (!entities.some((/** @type {any} */ one) => one.id === id)) this.#registered.delete(id);
    for (const { id, index } of entities) {
      const answer = this.#now({ kind: Call.SCHEMA, entity: index }, () => this.#core.definitionJson());
      if (!isSameJson(answer.schema, this.#resolve(id).schema)) this.#remember(answer, entityFromDefinition(answer.schema));
    }
  }

  /** What it is made of, and whether each backend answers. @param {CallOptions} [options] @returns {Promise<import("./types.js").Health>} */
  health(options) {
    return this.#guard(() => this.#read({ kind: Call.HEALTH }, () => this.#core.json(), known("health", options, WAITING)));
  }

  /** What Catalog rows are stamped with from now on; null takes a stamp away. Gives the whole signature. @param {{ owner?: string | null, creator?: string | null, auth?: object | null, metadata?: object | null }} signature @param {CallOptions} [options] @returns {Promise<import("./types.js").Signature>} */
  sign(signature, options) {
    return this.#guard(() => {
      const pack = known("sign", signature, ["owner", "creator", "auth", "metadata"]);
      return this.#run(false, options, () => this.#call({ kind: Call.SIGN, pack }, () => this.#core.json(), known("sign", options, WAITING)));
    });
  }

  /** Looks a text up in the Catalog's available rows and in MetaSchema; the best come first, with a score. @param {string} text @param {CallOptions & { limit?: number }} [options] @returns {Promise<Frame<import("./types.js").Found>>} */
  search(text, options) {
    return this.#guard(() => {
      const { limit, ...waiting } = known("search", options, [...WAITING, "limit"]);
      return this.#read({ kind: Call.FIND, text: JSON.stringify({ text, limit }) }, () => Frame.fromAnswer(this.#core), waiting);
    });
  }

  /** How the workspace is made and its entities, without rows and secrets; `HeavenBase.fromManifest` makes it again. @param {CallOptions} [options] @returns {Promise<Record<string, any>>} */
  toManifest(options) {
    return this.#guard(() => this.#read({ kind: Call.MANIFEST }, () => this.#core.json(), known("toManifest", options, WAITING)));
  }

  /** Do backends, their structures and the Catalog agree with the source of truth? `onProgress` hears how far it is. @param {CallOptions & { onProgress?: (progress: import("./types.js").AuditProgress) => void }} [options] @returns {Promise<import("./types.js").Audit>} */
  audit(options) {
    return this.#inTurn("audit", false, options, TRANSFERRING, (given) => this.#call({ kind: Call.AUDIT, flags: pausing(given) }, () => this.#core.json(), given));
  }

  /** Makes anew from the source of truth what audit finds fault with. @param {CallOptions & { dryRun?: boolean, onProgress?: (progress: import("./types.js").AuditProgress) => void }} [options] @returns {Promise<import("./types.js").Repair>} */
  repair(options) {
    return this.#inTurn("repair", true, options, [...TRANSFERRING, "dryRun"], (given) =>
      this.#call({ kind: Call.REPAIR, flags: (given.dryRun ? Flag.DRY_RUN : 0) | pausing(given) }, () => this.#core.json(), given));
  }

  /**
   * Gives back memory that rows no longer need, which WebAssembly cannot do in place: the content moves to a fresh
   * instance of the module, and the old one goes with the last workspace in it. Prepared queries and frames go on.
   * Needs, for that time, the memory that the content takes once more. Of a workspace in memory only.
   * @param {import("./transfer.js").TransferOptions} [options]
   * @returns {Promise<import("./types.js").Compaction>}
   */
  compact(options) {
    return this.#inTurn("compact", true, options, TRANSFERRING, (given) => {
      const kept = this.backends.items().find(([, { durable }]) => durable);
      if (kept) {
        throw new HeavenBaseError("UNSUPPORTED", `compact moves what lies in memory; backend '${kept[0]}' keeps its rows elsewhere`, { backend: kept[0] });
      }
      return this.#move(given);
    });
  }

  /** In a turn to write. @param {import("./transfer.js").TransferOptions} options @returns {Promise<import("./types.js").Compaction>} */
  async #move(options) {
    const old = this.#core;
    const oldHandle = this.#handle;
    const { core, handle } = await this.#setting.fresh();
    /** @type {Map<number, number>} */
    const prepared = new Map();
    let other;
    try {
      other = new Workspace(core, handle, this.#setting);
      await moveRecords(this.#transferable(options), other.#transferable(options), { ...this.#turns.waiting(options), ...options });
      const signature = this.#now({ kind: Call.SIGN, pack: {} }, () => old.json());
      other.#now({ kind: Call.SIGN, pack: signature }, () => undefined);
      for (const id of this.#registered.keys()) other.#resolve(id);
      for (const [number, { text }] of this.#prepared) prepared.set(number, other.#now({ kind: Call.PREPARE, text }, () => core.json()).handle);
    } catch (error) {
      core.close(handle);               // all is still where it was
      throw error;
    }
    for (const [number, one] of this.#prepared) one.handle = /** @type {number} */ (prepared.get(number));
    for (const [id, one] of this.#registered) one.index = /** @type {Registered} */ (other.#registered.get(id)).index;
    this.#core = core;
    this.#handle = handle;
    await this.#setting.settle(old, core);
    const before = old.memoryBytes;
    old.close(oldHandle);
    return { before, after: core.memoryBytes };
  }

  /** Deletes everything: rows, registrations, files' content. The workspace can only be closed afterwards. @param {CallOptions} [options] @returns {Promise<void>} */
  drop(options) {
    return this.#guard(() => this.#write({ kind: Call.DROP }, () => {
      for (const id of this.#registered.keys()) if (!SYSTEM.has(id)) this.#registered.delete(id);
    }, known("drop", options, WAITING)));
  }

  /** Resolves when everything written is durable, as far as the host can make it so. @returns {Promise<void>} */
  flush() {
    return this.#run(false, undefined, () => this.#now({ kind: Call.FLUSH }, () => this.#setting.session.flush()));
  }

  /** Ends the workspace after the calls under way; again is fine. @returns {Promise<void>} */
  close() {
    this.#closing ??= this.#turns.end(async () => {
      try {
        this.#now({ kind: Call.FLUSH }, () => {});
      } finally {                       // what could not be written is heard of when all is closed
        this.#core.close(this.#handle);
        await Promise.all([this.#setting.session.end(), this.#setting.disconnect()]);
      }
    });
    return this.#closing;
  }
}
