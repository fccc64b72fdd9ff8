// SPDX-License-Identifier: MIT
// The way in: opens workspaces on a host's module. An entry makes one of these classes for its host.
import { Capabilities } from "./capabilities.js";
import { Loader } from "./core/instance.js";
import { checkComputes } from "./compute.js";
import { HeavenBaseError, cancelled } from "./errors.js";
import { Call, State } from "./generated/abi.js";
import { MEMORY_SESSION, filesOf, isBackends } from "./host/files.js";
import { idbFiles } from "./host/idbfs.js";
import { attempt, untilFree } from "./core/held.js";
import { performTask } from "./core/task.js";
import { known } from "./options.js";
import { unpack } from "./core/pack.js";
import { allBytes, exportHead } from "./transfer.js";
import { Workspace } from "./workspace.js";

/** @typedef {import("./core/call.js").Core} Core */
/** @typedef {import("./core/instance.js").Platform} Platform */
/** @typedef {import("./core/instance.js").WasmSource} WasmSource */
/** @typedef {import("./host/files.js").Backends} Backends */
/** @typedef {import("./host/sql.js").SqlDriver} SqlDriver */
/** @typedef {(options: Record<string, any>) => SqlDriver | Promise<SqlDriver>} MakeDriver */
/**
 * @typedef {object} OpenOptions
 * @property {string} [preset] a named map of backends; default "debug"
 * @property {Record<string, { type: string, [option: string]: unknown }>} [backends] instance name to type and options
 * @property {Record<string, Record<string, unknown>>} [overrides] single options of the backends, put over the preset's
 * @property {Record<string, string | undefined>} [env] variables `HVNB_…` for the preset; in Node the process's own, unless given
 * @property {boolean} [catalog] keep a Catalog row for each row; default true
 * @property {"idb"} [persist] keep the files in IndexedDB
 * @property {"strict" | "relaxed"} [durability] "strict": a call that resolved is on disk; "relaxed": `flush` waits for that. Default "strict", with IndexedDB "relaxed"
 * @property {number} [intentMs] how long other owners leave an unfinished write over several backends alone, in milliseconds; default 30000
 * @property {AbortSignal} [signal]
 * @property {number} [timeoutMs] for every call that names none
 * @property {typeof fetch} [fetch]
 * @property {Record<string, SqlDriver | MakeDriver>} [drivers] by backend instance; what a function makes of the backend's options is closed with the workspace
 * @property {Record<string, (...values: any[]) => unknown>} [computes] functions that definitions name, for this workspace
 */

/** @typedef {{ preset: string, desc: string, backends: Record<string, Record<string, any>> }} PresetInfo */

const OPEN_OPTIONS = ["preset", "backends", "overrides", "env", "catalog", "persist", "durability", "intentMs", "signal", "timeoutMs", "fetch", "drivers", "computes"];
const INTENT_MS_MAX = 86_400_000;
/** With `persist` alone, everything lies in one file. */
const ONE_FILE = Object.freeze({ main: Object.freeze({ type: "sqlite", database: "main.db" }) });

/** The class for one host. @param {Platform} platform */
export function makeHeavenBase(platform) {
  const loader = new Loader(platform);
  const capabilities = new Capabilities(async (request) => askBuiltIn(await loader.load(), request));

  return class HeavenBase {
    /** What is built in, whatever a workspace configures. */
    static get capabilities() {
      return capabilities;
    }

    /** Loads the module now, from somewhere else when a source is given. Without it, the first `open` loads it. @param {WasmSource} [source] @returns {Promise<void>} */
    static init = (source) => loader.init(source);

    /** The presets there are, with the environment's values, secrets redacted. @param {{ env?: Record<string, string | undefined> }} [options] @returns {Promise<PresetInfo[]>} */
    static presets = async (options) => askPresets(await loader.load(), { env: loader.environment(known("presets", options, ["env"]).env) });

    /** One of them. @param {string} name @param {{ env?: Record<string, string | undefined> }} [options] @returns {Promise<PresetInfo>} */
    static preset = async (name, options) =>
      askPresets(await loader.load(), { name: String(name), env: loader.environment(known("preset", options, ["env"]).env) })[0];

    /** Makes the workspace of a manifest: opens it and registers its entities. What the manifest leaves out as secret comes from `overrides` or variables. @param {Record<string, any>} manifest @param {OpenOptions & { id?: string }} [options] @returns {Promise<Workspace>} */
    static fromManifest = (manifest, options = {}) => openManifest(loader, manifest, options);

    /** Opens a workspace; what it stores in files is there again next time. @param {string} id @param {OpenOptions} [options] @returns {Promise<Workspace>} */
    static open = (id, options = {}) => openWorkspace(loader, id, options);

    /**
     * Opens a workspace that holds what `export` put into a file: under the id it had or `id`, over the backends given
     * here or else the preset it had. @param {Parameters<Workspace["import"]>[0]} source
     * @param {OpenOptions & { id?: string, overwrite?: boolean, onProgress?: import("./transfer.js").TransferOptions["onProgress"] }} [options]
     * @returns {Promise<Workspace>}
     */
    static import = (source, options = {}) => importWorkspace(loader, source, options);
  };
}

/** @param {Core} core @param {object} request */
function askBuiltIn(core, request) {
  const state = core.call(0, { kind: Call.CAPABILITIES, text: JSON.stringify(request) });
  if (state === State.FAILED) throw core.error();
  return core.json();
}

/** @param {Loader} loader @param {Record<string, any>} manifest @param {OpenOptions & { id?: string }} options */
async function openManifest(loader, manifest, { id, ...options }) {
  known("fromManifest", options, OPEN_OPTIONS.filter((name) => name !== "preset" && name !== "backends"));
  const core = await loader.load();
  const { env, overrides, ...rest } = options;
  const variables = loader.environment(env);
  const state = core.call(0, { kind: Call.MANIFEST, pack: { manifest, env: variables, overrides } });
  if (state === State.FAILED) throw core.error();
  const { id: own, construction, entities } = unpack(/** @type {Uint8Array} */ (core.bytes()));
  const { intent_ms: intentMs, ...made } = construction;
  const workspace = await openWorkspace(loader, id ?? own, { ...made, intentMs, ...rest, env: { ...variables, ...made.env } });
  try {
    for (const dryRun of [true, false]) {         // all of them, or none
      for (const definition of entities) await workspace.register(definition, { dryRun });
    }
    return workspace;
  } catch (error) {
    await workspace.close().catch(() => {});      // the first error is the one to report
    throw error;
  }
}

/** @param {Core} core @param {{ name?: string, env: Record<string, unknown> }} request @returns {PresetInfo[]} */
function askPresets(core, request) {
  const state = core.call(0, { kind: Call.PRESETS, text: JSON.stringify(request) });
  if (state === State.FAILED) throw core.error();
  return core.json();
}

/** @param {Loader} loader @param {string} id @param {OpenOptions} options */
async function openWorkspace(loader, id, options) {
  known("open", options, OPEN_OPTIONS);
  if (typeof id !== "string") throw new HeavenBaseError("INVALID_ID", "a workspace id is a text");
  const { catalog, persist, signal, timeoutMs, fetch, drivers } = options;
  const computes = checkComputes(options.computes);
  if (persist !== undefined && persist !== "idb") throw new HeavenBaseError("VALIDATION", "persist is \"idb\", or left out");
  checkDurability(options);
  if (signal?.aborted) throw cancelled(signal);
  const env = loader.environment(options.env);
  const core = await loader.load();
  const { construction, session } = await placeFiles(loader, core, id.trim(), options, env);
  const durability = options.durability ?? (session.persistence === "idb" ? "relaxed" : "strict");
  try {
    if (signal?.aborted) throw cancelled(signal);
    const request = { id: id.trim(), ...construction, catalog, env: construction.preset === undefined ? undefined : env, owner: ownerToken(), persist,
      shared: session.persistence === "node", copied: session.persistence === "idb", intent_ms: options.intentMs, durability: options.durability };
    const open = () => core.open({ ...request, now_ms: Date.now() });
    const handle = await untilFree(attempt(open), open, { signal, timeoutMs });
    const connection = await connect(core, handle, drivers ?? {}, { fetch, signal, timeoutMs });
    return new Workspace(core, handle, { ...connection, timeoutMs, session, computes, durability, ...movers(loader, request) });
  } catch (error) {
    await session.end().catch(() => {});        // the first error is the one to report
    throw error;
  }
}

/**
 * Connects what is not in the module: by drivers as they are, and by those that a function makes of the backend's
 * options, which end with the workspace. @param {Core} core @param {number} handle @param {Record<string, SqlDriver | MakeDriver>} given
 * @param {{ fetch?: typeof fetch, signal?: AbortSignal, timeoutMs?: number }} options
 */
async function connect(core, handle, given, { fetch, signal, timeoutMs }) {
  /** @type {Record<string, SqlDriver>} */
  const drivers = {};
  /** @type {SqlDriver[]} */
  const made = [];
  const hosts = { fetch, drivers };
  const disconnect = async () => { await Promise.all(made.map((driver) => driver.close?.())); };
  try {
    const asked = Object.values(given).some((driver) => typeof driver === "function") ? connections(core, handle) : {};
    for (const [name, driver] of Object.entries(given)) {
      if (typeof driver === "function") made.push(drivers[name] = await driver(asked[name] ?? {}));
      else drivers[name] = driver;
    }
    await performTask(core, core.call(handle, { kind: Call.ATTACH, timeoutMs }), { hosts, signal, timeoutMs }, () => {});
  } catch (error) {
    core.close(handle);
    await disconnect().catch(() => {});         // the first error is the one to report
    throw error;
  }
  return { hosts, disconnect };
}

/** The options of remote backends, secrets and all. @param {Core} core @param {number} handle @returns {Record<string, Record<string, unknown>>} */
function connections(core, handle) {
  const state = core.call(handle, { kind: Call.CONNECTIONS });
  if (state === State.FAILED) throw core.error();
  return core.json();
}

/** How a workspace moves to another instance. A scope of its own: nothing here keeps the first one. @param {Loader} loader @param {object} request */
function movers(loader, request) {
  return {
    fresh: async () => {
      const core = await loader.fresh();
      return { core, handle: core.open({ ...request, now_ms: Date.now() }) };
    },
    settle: (/** @type {Core} */ old, /** @type {Core} */ core) => loader.replace(old, core),
  };
}

/** @param {OpenOptions} options */
function checkDurability({ durability, intentMs }) {
  if (durability !== undefined && durability !== "strict" && durability !== "relaxed") {
    throw new HeavenBaseError(typeof durability === "string" ? "VALIDATION" : "TYPE", "durability is \"strict\" or \"relaxed\"");
  }
  if (intentMs === undefined) return;
  if (typeof intentMs !== "number") throw new HeavenBaseError("TYPE", "intentMs is a number of milliseconds");
  if (!Number.isInteger(intentMs) || intentMs < 1 || intentMs > INTENT_MS_MAX) {
    throw new HeavenBaseError("VALIDATION", `intentMs expects whole milliseconds from 1 to ${INTENT_MS_MAX}`);
  }
}

/** @typedef {{ preset?: string, backends?: Backends, overrides?: any, places?: Record<string, Record<string, string>> }} Construction */

/**
 * Makes the files reachable that the backends name, on hosts that have files, and says where they are.
 * @param {Loader} loader @param {Core} core @param {string} id @param {OpenOptions} options @param {Record<string, unknown>} env
 * @returns {Promise<{ construction: Construction, session: import("./host/files.js").FileSession }>}
 */
async function placeFiles(loader, core, id, { preset, backends, overrides, persist }, env) {
  const given = backends ?? (persist && preset === undefined ? ONE_FILE : undefined);
  /** @type {Construction} */
  const construction = given === undefined ? { preset, overrides } : { backends: /** @type {Backends} */ (given), overrides };
  const map = given ?? (preset === undefined ? {} : askPresets(core, { name: String(preset), env })[0].backends);
  if (!isBackends(map) || (overrides !== undefined && !isBackends(overrides))) return { construction, session: MEMORY_SESSION };
  const merged = merge(map, overrides);
  const kept = persist ?? (preset === "browser" && given === undefined && !loader.files && typeof indexedDB !== "undefined" ? "idb" : undefined);
  const host = kept === "idb" ? idbFiles : loader.files;
  if (!host || (!kept && filesOf(merged).length === 0)) return { construction, session: MEMORY_SESSION };
  const placed = await host.open(core.module, id, merged);
  const places = Object.fromEntries(filesOf(placed.backends).map(([name, option, path]) => [name, { [option]: path }]));
  return { construction: { ...construction, places }, session: placed.session };
}

/** @param {Backends} backends @param {Backends | undefined} changes @returns {Backends} */
function merge(backends, changes) {
  const merged = { ...backends };
  for (const [name, options] of Object.entries(changes ?? {})) {
    const moved = typeof options.type === "string" && options.type !== merged[name]?.type;      // other engines have other options
    Object.defineProperty(merged, name, { value: moved ? options : { ...merged[name], ...options }, enumerable: true, writable: true, configurable: true });
  }
  return merged;
}

/** @param {Loader} loader @param {Parameters<Workspace["import"]>[0]} source @param {OpenOptions & { id?: string, overwrite?: boolean, onProgress?: any }} options */
async function importWorkspace(loader, source, { id, overwrite, onProgress, ...options }) {
  const bytes = await allBytes(source);
  const { workspace, preset } = exportHead(bytes);
  const placed = options.preset !== undefined || options.backends !== undefined || options.persist !== undefined;
  const ws = await openWorkspace(loader, id ?? workspace, placed || preset === "" ? options : { ...options, preset });
  try {
    await ws.import(bytes, { overwrite, onProgress, signal: options.signal, timeoutMs: options.timeoutMs });
  } catch (error) {
    await ws.close();
    throw error;
  }
  return ws;
}

/** No other open workspace has it. */
const ownerToken = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join("");

/** For hosts that no entry knows: `init` says where the module is. */
export const HeavenBase = /* @__PURE__ */ makeHeavenBase({
  glue: () => Promise.reject(new HeavenBaseError("HOST", "import \"heavenbase\" through its package exports, so that the host's loader is chosen")),
});

/** @param {WasmSource} [source] */
export const init = (source) => HeavenBase.init(source);

