// SPDX-License-Identifier: MIT
// The way in: opens workspaces on a host's module. An entry makes one of these classes for its host.
import { Capabilities } from "./capabilities.js";
import { Loader } from "./core/instance.js";
import { HeavenBaseError, cancelled } from "./errors.js";
import { Call, State } from "./generated/abi.js";
import { MEMORY_SESSION, isBackends } from "./host/files.js";
import { idbFiles } from "./host/idbfs.js";
import { known } from "./options.js";
import { Workspace } from "./workspace.js";

/** @typedef {import("./core/call.js").Core} Core */
/** @typedef {import("./core/instance.js").Platform} Platform */
/** @typedef {import("./core/instance.js").WasmSource} WasmSource */
/** @typedef {import("./host/files.js").Backends} Backends */
/**
 * @typedef {object} OpenOptions
 * @property {string} [preset] a named map of backends; default "debug"
 * @property {Record<string, { type: string, [option: string]: unknown }>} [backends] instance name to type and options
 * @property {boolean} [catalog] keep a Catalog row for each row; default true
 * @property {"idb"} [persist] keep the files in IndexedDB
 * @property {AbortSignal} [signal]
 * @property {number} [timeoutMs] for every call that names none
 * @property {typeof fetch} [fetch]
 * @property {Record<string, import("./host/sql.js").SqlDriver>} [drivers] by backend instance
 */

const OPEN_OPTIONS = ["preset", "backends", "catalog", "persist", "signal", "timeoutMs", "fetch", "drivers"];
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

    /** Opens a workspace; what it stores in files is there again next time. @param {string} id @param {OpenOptions} [options] @returns {Promise<Workspace>} */
    static open = (id, options = {}) => openWorkspace(loader, id, options);
  };
}

/** @param {Core} core @param {object} request */
function askBuiltIn(core, request) {
  const state = core.call(0, { kind: Call.CAPABILITIES, text: JSON.stringify(request) });
  if (state === State.FAILED) throw core.error();
  return core.json();
}

/** @param {Loader} loader @param {string} id @param {OpenOptions} options */
async function openWorkspace(loader, id, options) {
  known("open", options, OPEN_OPTIONS);
  if (typeof id !== "string") throw new HeavenBaseError("INVALID_ID", "a workspace id is a text");
  const { preset, catalog, persist, signal, timeoutMs, fetch, drivers } = options;
  if (persist !== undefined && persist !== "idb") throw new HeavenBaseError("VALIDATION", "persist is \"idb\", or left out");
  if (signal?.aborted) throw cancelled(signal);
  const given = options.backends ?? (persist && preset === undefined ? ONE_FILE : undefined);
  const core = await loader.load();
  const host = persist === "idb" ? idbFiles : loader.files;
  const { backends, session } = host && (persist || (given && isBackends(given)))
    ? await host.open(core.module, id.trim(), given && isBackends(given) ? given : {}) : { backends: given, session: MEMORY_SESSION };
  try {
    if (signal?.aborted) throw cancelled(signal);
    const handle = core.open({ id, preset: backends ? undefined : preset, backends, catalog });
    return new Workspace(core, handle, { hosts: { fetch, drivers }, timeoutMs, session });
  } catch (error) {
    await session.end().catch(() => {});        // the first error is the one to report
    throw error;
  }
}

/** For hosts that no entry knows: `init` says where the module is. */
export const HeavenBase = /* @__PURE__ */ makeHeavenBase({
  glue: () => Promise.reject(new HeavenBaseError("HOST", "import \"heavenbase\" through its package exports, so that the host's loader is chosen")),
});

/** @param {WasmSource} [source] */
export const init = (source) => HeavenBase.init(source);

