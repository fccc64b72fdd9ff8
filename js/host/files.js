// SPDX-License-Identifier: MIT
// Which options of a backend name a file, and where files go on a host that has no disk of its own.
import { HeavenBaseError } from "../errors.js";

/** @typedef {Record<string, unknown>} BackendConfig */
/** @typedef {Record<string, BackendConfig>} Backends */
/** @typedef {import("../core/memory.js").CoreModule} CoreModule */
/**
 * The open files of one workspace, as far as the host has to do something about them.
 * @typedef {object} FileSession
 * @property {"memory" | "node" | "idb"} persistence
 * @property {() => void} wrote after each write
 * @property {() => Promise<void>} flush resolves when everything written is durable
 * @property {() => Promise<void>} end after the workspace was closed
 */
/** @typedef {{ open(module: CoreModule, id: string, backends: Backends): Promise<{ backends: Backends, session: FileSession }> }} FileHost */

/** The option that names a file or folder, by backend type. @type {Readonly<Record<string, string>>} */
const FILE_OPTIONS = Object.freeze({ sqlite: "database", json: "path", pickle: "path", file: "path" });

/** Types whose path is a folder, which they make; without a path it is one in the home folder. */
const FOLDER_TYPES = Object.freeze(["json", "pickle", "file"]);

/** @param {BackendConfig} config */
export const keepsFolder = (config) => FOLDER_TYPES.includes(String(config?.type));

/**
 * `file:///x` is a path; `file://%/x` lies in the home folder, `file://&/x` in the working folder. Anything else stays.
 * @param {string} path @param {string} home @param {string} here @param {string} backend
 */
export function plainPath(path, home, here, backend) {
  if (!path.startsWith("file:")) return path;
  const found = /^file:\/\/([%&]?)(\/[^?#]+)$/.exec(path);
  try {
    if (!found) throw new URIError("no such form");
    const rest = decodeURIComponent(found[2]);
    const base = found[1] === "%" ? home : here;
    return found[1] === "" ? rest : base === "" ? rest.slice(1) : `${base}${rest}`;
  } catch (cause) {
    throw new HeavenBaseError("VALIDATION", `malformed path '${path}': expected a path, file:///path, file://%/path or file://&/path`, { backend, cause });
  }
}

/** Backends that keep files: [name, option, path]. Malformed ones are left for the core to refuse. @param {Backends} backends @returns {[string, string, string][]} */
export function filesOf(backends) {
  return Object.entries(backends).flatMap(([name, config]) => {
    const option = FILE_OPTIONS[String(config?.type)];
    const given = option === undefined ? undefined : config[option];
    const path = (given === undefined || given === "") && keepsFolder(config) ? `file://%/${config.type}` : given;
    if (typeof path === "string" && path.includes("\0")) {
      throw new HeavenBaseError("VALIDATION", `the ${option} of '${name}' holds a NUL character`, { backend: name });
    }
    return typeof path === "string" && path !== "" && path !== ":memory:" ? [/** @type {[string, string, string]} */ ([name, option, path])] : [];
  });
}

/** @param {Backends} backends @param {readonly [string, string, string][]} files name, option and new path @returns {Backends} */
export function withPaths(backends, files) {
  const changed = { ...backends };
  for (const [name, option, path] of files) changed[name] = { ...changed[name], [option]: path };
  return changed;
}

/** @type {FileSession} */
export const MEMORY_SESSION = Object.freeze({ persistence: "memory", wrote() {}, async flush() {}, async end() {} });

/** A value, once what was written for it is durable: where the host keeps a copy, only its session can say so. @template T @param {{ session: FileSession, durability: "strict" | "relaxed" }} setting @param {T} value @returns {Promise<T>} */
export function whenCopied({ session, durability }, value) {
  return durability === "strict" && session.persistence === "idb" ? session.flush().then(() => value) : Promise.resolve(value);
}

/** @param {unknown} value @returns {value is Backends} */
export function isBackends(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value)
    && Object.values(value).every((config) => config !== null && typeof config === "object");
}

/** @param {string} backend @param {string} message @param {string} native */
export function fileError(backend, message, native) {
  return new HeavenBaseError("UNAVAILABLE", message, { backend, native });
}
