// SPDX-License-Identifier: MIT
// Loading, lazily and once per host: the glue, the wasm module, the core around it.
import { HeavenBaseError, located } from "../errors.js";
import { Core } from "./call.js";

/** @typedef {import("./memory.js").CoreModule} CoreModule */
/** @typedef {(options: Record<string, unknown>) => Promise<CoreModule>} CreateModule */
/** Where the wasm comes from; one of the three. @typedef {{ module?: WebAssembly.Module, bytes?: ArrayBuffer | Uint8Array, url?: string | URL }} WasmSource */
/** Files of the host: which options name one, and how it becomes reachable. @typedef {import("../host/files.js").FileHost} FileHost */
/**
 * What an entry knows about its host.
 * @typedef {object} Platform
 * @property {() => Promise<{ default: CreateModule }>} glue imports dist/hb.mjs or hb-slim.mjs
 * @property {() => WasmSource | Promise<WasmSource>} [wasm] absent: the glue fetches it from beside itself
 * @property {FileHost} [files]
 * @property {() => Record<string, string | undefined>} [env] the process's environment, where there is one
 */

/** Emscripten 3's IDBFS reports a failure of IndexedDB as `error` of the glue's own `this`; without one it never answers. */
const GLUE = Object.freeze({ error: new Error("IndexedDB failed") });

/** @type {Loader | undefined} */
let current;

/** The loader of this program: the one that loaded last, else the one of the host's entry. */
export function currentLoader() {
  if (current) return current;
  throw new HeavenBaseError("HOST", "no module is known: import HeavenBase, or open a workspace, first");
}

export class Loader {
  /** @type {Platform} */
  #platform;
  /** @type {WasmSource | undefined} */
  #source;
  /** @type {Promise<Core> | undefined} */
  #core;

  /** @param {Platform} platform */
  constructor(platform) {
    this.#platform = platform;
    current = this;
  }

  get files() {
    return this.#platform.files;
  }

  /** Variables for presets: what is given, else the process's. @param {Record<string, string | undefined> | undefined} given */
  environment(given) {
    if (given !== undefined && (given === null || typeof given !== "object" || Array.isArray(given))) throw new HeavenBaseError("TYPE", "env is a mapping of variables to texts");
    const all = given ?? this.#platform.env?.() ?? {};
    return Object.fromEntries(Object.entries(all).filter(([name, value]) => name.startsWith("HVNB_") && typeof value === "string"));
  }

  /** Loads from `source` instead; workspaces that are open keep what they have. @param {WasmSource} [source] */
  async init(source) {
    if (source !== undefined && (source === null || typeof source !== "object" || !(source.module ?? source.bytes ?? source.url))) {
      throw new HeavenBaseError("TYPE", "init takes { module }, { bytes } or { url }");
    }
    if (source) {
      this.#source = source;
      this.#core = undefined;
    }
    await this.load();
  }

  /** @returns {Promise<Core>} */
  load() {
    current = this;
    this.#core ??= this.#load().catch((error) => {
      this.#core = undefined;           // the next call may try again
      throw located(error, {});
    });
    return this.#core;
  }

  /** Another instance of the module, with memory of its own, which nobody uses yet. @returns {Promise<Core>} */
  async fresh() {
    try {
      return await this.#load();
    } catch (error) {
      throw located(error, {});
    }
  }

  /** Workspaces that open from now on do so in `core`, if they would have in `old`. @param {Core} old @param {Core} core */
  async replace(old, core) {
    const before = this.#core;
    if (before && (await before) === old && this.#core === before) this.#core = Promise.resolve(core);
  }

  async #load() {
    const { default: create } = await this.#platform.glue();
    const source = this.#source ?? (await this.#platform.wasm?.());
    // The glue never learns that an instantiation failed: it waits for `receive`.
    /** @type {(error: unknown) => void} */
    let fail = () => {};
    const failed = new Promise((_, reject) => { fail = reject; });
    const options = await moduleOptions(source, fail);
    const printErr = (/** @type {string} */ line) => console.error(line);
    const created = create.call(GLUE, { ...options, print: () => {}, printErr });
    return new Core(/** @type {CoreModule} */ (await Promise.race([failed, created])));
  }
}

/** @param {WasmSource | undefined} source @param {(error: unknown) => void} fail @returns {Promise<Record<string, unknown>>} */
async function moduleOptions(source, fail) {
  if (!source) return {};
  const { module, bytes } = source;
  if (module) return loaded(module, fail);
  if (bytes) return loaded(await WebAssembly.compile(/** @type {BufferSource} */ (bytes)), fail);
  const response = await fetch(/** @type {string | URL} */ (source.url));
  if (!response.ok) throw new HeavenBaseError("HOST", `${source.url} answered ${response.status}`);
  return loaded(await WebAssembly.compile(await response.arrayBuffer()), fail);
}

/** A module of our own: the glue is not to look beside itself, where a bundled worker has no address. @param {WebAssembly.Module} module @param {(error: unknown) => void} fail */
function loaded(module, fail) {
  return { instantiateWasm: instantiator(module, fail), locateFile: (/** @type {string} */ name) => name };
}

/** @param {WebAssembly.Module} module @param {(error: unknown) => void} fail */
function instantiator(module, fail) {
  return (/** @type {WebAssembly.Imports} */ imports, /** @type {(instance: WebAssembly.Instance, module: WebAssembly.Module) => void} */ receive) => {
    WebAssembly.instantiate(module, imports).then((instance) => receive(instance, module), fail);
    return {};
  };
}
