// SPDX-License-Identifier: MIT
// Files in IndexedDB: Emscripten's IDBFS mounted at /heavenbase/<workspace>. It copies whole files, so flushes are
// coalesced and never overlap; `flush` is the acknowledgement.
import { HeavenBaseError } from "../errors.js";
import { filesOf, plainPath, withPaths } from "./files.js";

/** @typedef {import("./files.js").FileSession} FileSession */

/** @type {import("./files.js").FileHost} */
export const idbFiles = {
  async open(module, id, backends) {
    const { FS, IDBFS } = module;
    if (!FS || !IDBFS) throw new HeavenBaseError("HOST", "persist: \"idb\" needs the full module, the slim one has no files");
    if (typeof indexedDB === "undefined") throw new HeavenBaseError("HOST", "persist: \"idb\" needs IndexedDB, which this host does not have");
    const root = `/heavenbase/${id}`;
    const files = filesOf(backends).map(([name, option, path]) => placed(root, name, option, path));
    if (files.length === 0) throw new HeavenBaseError("VALIDATION", "persist: \"idb\" has nothing to keep: no backend names a file");
    const release = await soleOwner(id);
    let mount;
    try {
      mount = mountAt(FS, IDBFS, root, id);
      await synced(IDBFS, mount, true);
      for (const [, , path] of files) FS.mkdirTree(path.slice(0, path.lastIndexOf("/")));
    } catch (error) {
      if (mount) FS.unmount(root);
      release();
      throw error;
    }
    return { backends: withPaths(backends, files), session: new IdbSession(FS, IDBFS, mount, root, release) };
  },
};

/** @param {string} root @param {string} name @param {string} option @param {string} path @returns {[string, string, string]} */
function placed(root, name, option, path) {
  path = plainPath(path, "", "", name);
  if (path.startsWith(`${root}/`)) return [name, option, path];
  if (path.startsWith("/") || path.split("/").includes("..")) {
    throw new HeavenBaseError("VALIDATION", `with persist: "idb" the ${option} of '${name}' lies below ${root}, or is relative to it`, { backend: name });
  }
  return [name, option, `${root}/${path}`];
}

/**
 * A copy in memory that two tabs write would lose the rows of one: the browser's Web Locks name the owner, and give the
 * lock back when its page goes away. Hosts without them have no tabs either.
 * @param {string} id @returns {Promise<() => void>} gives the ownership back
 */
function soleOwner(id) {
  const locks = globalThis.navigator?.locks;
  if (!locks) return Promise.resolve(() => {});
  return new Promise((resolve, reject) => {
    locks.request(`heavenbase:${id}`, { ifAvailable: true }, (lock) => {
      if (lock) return new Promise((/** @type {(value: void) => void} */ release) => resolve(() => release()));
      reject(new HeavenBaseError("LOCKED", `workspace '${id}' is open already in this page or in another tab`));
      return undefined;
    }).catch(reject);
  });
}

/** @param {any} FS @param {any} IDBFS @param {string} root @param {string} id */
function mountAt(FS, IDBFS, root, id) {
  FS.mkdirTree(root);
  try {
    return FS.mount(IDBFS, {}, root).mount;
  } catch (error) {
    throw new HeavenBaseError("LOCKED", `workspace '${id}' is open already in this page`, { cause: error });
  }
}

/** @param {any} IDBFS @param {any} mount @param {boolean} populate @returns {Promise<void>} */
function synced(IDBFS, mount, populate) {
  return new Promise((resolve, reject) => {
    IDBFS.syncfs(mount, populate, (/** @type {unknown} */ error) => {
      if (!error) return resolve();
      const message = populate ? "IndexedDB could not be read" : "IndexedDB could not be written";
      reject(new HeavenBaseError("HOST", message, { cause: error }));
    });
  });
}

/** Marks lie this far before the present; times after it are those of writes. */
const MARK_OFFSET_MS = 1_200_000_000_000;
let lastMark = 0;

/**
 * IDBFS copies a file when its time differs from that of the copy, but two writes may share a millisecond. So each file
 * that was written since its last mark is given a new one, which no write can bring about.
 * @param {any} FS @param {string} folder
 */
function markChanges(FS, folder) {
  for (const name of FS.readdir(folder)) {
    if (name === "." || name === "..") continue;
    const path = `${folder}/${name}`;
    const { mode, mtime } = FS.stat(path);
    if (FS.isDir(mode)) {
      markChanges(FS, path);
    } else if (mtime.getTime() > MARK_OFFSET_MS) {
      lastMark = Math.max(lastMark + 1, Date.now() - MARK_OFFSET_MS);
      FS.utime(path, lastMark, lastMark);
    }
  }
}

/** @implements {FileSession} */
class IdbSession {
  persistence = /** @type {const} */ ("idb");
  #FS;
  #IDBFS;
  #mount;
  #root;
  #release;
  #dirty = false;
  #ended = false;
  /** @type {Promise<void> | null} */
  #running = null;

  /** @param {any} FS @param {any} IDBFS @param {any} mount @param {string} root @param {() => void} release */
  constructor(FS, IDBFS, mount, root, release) {
    this.#FS = FS;
    this.#IDBFS = IDBFS;
    this.#mount = mount;
    this.#root = root;
    this.#release = release;
  }

  wrote() {
    // Closing counts as a write too, but after `end` there is no mount: copying that would delete the files.
    if (this.#ended) return;
    this.#dirty = true;
    // A failure is reported by the next flush, which tries again.
    this.#running ??= this.#work().catch(() => {});
  }

  async #work() {
    try {
      await new Promise((resolve) => setTimeout(resolve, 0));       // several writes, one copy
      while (this.#dirty) {
        this.#dirty = false;
        try {
          markChanges(this.#FS, this.#root);
          await synced(this.#IDBFS, this.#mount, false);
        } catch (error) {
          this.#dirty = true;
          throw error;
        }
      }
    } finally {
      this.#running = null;
    }
  }

  async flush() {
    if (this.#running) await this.#running;
    if (this.#dirty) {
      this.#running = this.#work();
      await this.#running;
    }
  }

  async end() {
    this.#dirty = true;               // closing wrote too
    try {
      await this.flush();
    } finally {
      this.#ended = true;
      this.#FS.unmount(this.#root);
      this.#release();
    }
  }
}
