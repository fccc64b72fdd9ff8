// SPDX-License-Identifier: MIT
// The real disk in Node: an Emscripten file system over node:fs, whose fsync is a real one. The folder that holds a
// database is mounted under its own path, so that the core sees the paths that the user wrote.
import fs from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, isAbsolute, join, parse, resolve, sep } from "node:path";
import { HeavenBaseError } from "../errors.js";
import { MEMORY_SESSION, fileError, filesOf, keepsFolder, plainPath, withPaths } from "./files.js";

/** @typedef {import("./files.js").FileSession} FileSession */

/** Numbers of WASI, which Emscripten's libc uses. @type {Record<string, number>} */
const ERRNO = { EACCES: 2, EBADF: 8, EBUSY: 10, EEXIST: 20, EFBIG: 22, EINVAL: 28, EIO: 29, EISDIR: 31, ELOOP: 32, EMFILE: 33,
  ENAMETOOLONG: 37, ENFILE: 41, ENODEV: 43, ENOENT: 44, ENOSPC: 51, ENOTDIR: 54, ENOTEMPTY: 55, EPERM: 63, EROFS: 69, EXDEV: 75 };
const FOLDER = 0o040000;
const SEEK_CURRENT = 1;
const SEEK_END = 2;

/** @type {FileSession} */
const DISK_SESSION = Object.freeze({ ...MEMORY_SESSION, persistence: "node" });

/** @type {import("./files.js").FileHost} */
export const nodeFiles = {
  async open({ FS }, _id, backends) {
    const files = filesOf(backends);
    if (files.length === 0) return { backends, session: MEMORY_SESSION };
    if (!FS) throw new HeavenBaseError("HOST", "files need the full module, the slim one has none");
    const placed = files.map(([name, option, path]) => {
      const home = path.startsWith("file://%/") ? join(homedir(), ".heavenbase") : "";     // Deno asks leave to know it
      const real = realPath(resolve(plainPath(path, home, process.cwd(), name)));
      if (keepsFolder(backends[name])) checkReachable(name, option, real);
      else checkFile(name, option, real, path);
      return /** @type {[string, string, string]} */ ([name, option, mountFor(FS, name, real, keepsFolder(backends[name]))]);
    });
    return { backends: withPaths(backends, placed), session: DISK_SESSION };
  },
};

/** One place has one path, whatever links lead to it: locks lie beside files, and the module sees no folder but those that are mounted. @param {string} path @returns {string} */
function realPath(path) {
  try {
    return fs.realpathSync(path);
  } catch {
    const folder = dirname(path);       // what is not there yet has no links in it
    return folder === path ? path : join(realPath(folder), basename(path));
  }
}

/** What lies there; undefined: nothing. @param {string} name @param {string} option @param {string} path */
function lookAt(name, option, path) {
  try {
    return fs.statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    const { code = "EIO" } = /** @type {NodeJS.ErrnoException} */ (error);
    throw fileError(name, `the ${option} of '${name}' leads to ${path}, which cannot be looked at (${code})`, code);
  }
}

/** The folder itself is made, with those above it; a file among them is in the way. @param {string} name @param {string} option @param {string} path */
function checkReachable(name, option, path) {
  const found = lookAt(name, option, path);
  if (found && !found.isDirectory()) throw fileError(name, `the ${option} of '${name}' leads to ${path}, which is a file, not a folder`, "ENOTDIR");
  if (!found && dirname(path) !== path) checkReachable(name, option, dirname(path));
}

/** A folder that a file is to be created in must be there; we do not make it up. @param {string} name @param {string} option @param {string} path @param {string} given */
function checkFile(name, option, path, given) {
  if (given.endsWith("/") || given.endsWith(sep) || lookAt(name, option, path)?.isDirectory()) {
    throw fileError(name, `the ${option} of '${name}' is ${given}, which is a folder, not a file`, "EISDIR");
  }
  const folder = dirname(path);
  const found = lookAt(name, option, folder);
  if (!found) throw fileError(name, `the ${option} of '${name}' lies in ${folder}, which does not exist`, "ENOENT");
  if (!found.isDirectory()) throw fileError(name, `the ${option} of '${name}' lies in ${folder}, which is not a folder`, "ENOTDIR");
}

/** Mounts the top folder of a path, once per module; gives the path inside the module. @param {any} FS @param {string} backend @param {string} path @param {boolean} isFolder */
function mountFor(FS, backend, path, isFolder) {
  const { root } = parse(path);
  const parts = path.slice(root.length).split(sep);
  // The module has devices of its own in /dev; and one root, where Windows has one per drive.
  const drive = root.replace(/[^A-Za-z0-9]+/g, "");
  const depth = parts[0] === "dev" ? 2 : 1;
  const tooShort = parts[0] === "" || parts.length < depth + (isFolder ? 0 : 1);
  if (!isAbsolute(path) || tooShort) throw fileError(backend, `the data of '${backend}' cannot lie directly in ${isFolder ? path : dirname(path)}`, "EACCES");
  const top = drive === "" ? "" : `/${drive}`;
  const point = `${top}/${parts.slice(0, depth).join("/")}`;
  FS.mkdirTree(point);
  if (!FS.isMountpoint(FS.lookupPath(point, { follow_mount: false }).node)) {
    FS.mount(diskOf(FS), { root: topFolder(backend, join(root, ...parts.slice(0, depth))) }, point);
  }
  return `${top}/${parts.join("/")}`;
}

/** Only a folder that is there can be mounted. @param {string} backend @param {string} path */
function topFolder(backend, path) {
  try {
    fs.mkdirSync(path, { recursive: true });
    return path;
  } catch (error) {
    const { code = "EIO" } = /** @type {NodeJS.ErrnoException} */ (error);
    throw fileError(backend, `the folder ${path} of '${backend}' cannot be made (${code})`, code);
  }
}

/** @type {WeakMap<object, object>} */
const disks = new WeakMap();

/** @param {any} FS */
function diskOf(FS) {
  let disk = disks.get(FS);
  if (!disk) {
    disk = makeDisk(FS);
    disks.set(FS, disk);
  }
  return disk;
}

/** The file system in Emscripten's terms: how to mount, node operations, stream operations. @param {any} FS */
function makeDisk(FS) {
  /** Runs `work`; a failure of the disk becomes an errno. @template T @param {() => T} work @returns {T} */
  const attempt = (work) => {
    try {
      return work();
    } catch (error) {
      const code = /** @type {NodeJS.ErrnoException} */ (error).code;
      if (code === undefined) throw error;
      throw new FS.ErrnoError(ERRNO[code] ?? ERRNO.EIO);
    }
  };
  /** @param {any} node @returns {string} */
  const pathOf = (node) => (node.parent === node ? node.mount.opts.root : join(pathOf(node.parent), node.name));
  /** @param {any} parent @param {string} name @param {number} mode */
  const makeNode = (parent, name, mode) => {
    const node = FS.createNode(parent, name, mode, 0);
    node.node_ops = nodeOps;
    node.stream_ops = streamOps;
    // Other processes make and remove files too: every look-up goes to the disk.
    if (parent) FS.hashRemoveNode(node);
    return node;
  };

  /** Takes what was called so out of Emscripten's table of names, where its replacement is added. @param {any} folder @param {string} name */
  const forget = (folder, name) => {
    for (let old = FS.nameTable[FS.hashName(folder.id, name)]; old; old = old.name_next) {
      if (old.parent.id === folder.id && old.name === name) return FS.hashRemoveNode(old);
    }
  };

  const nodeOps = {
    /** @param {any} node */
    getattr: (node) => attempt(() => {
      const { dev, ino, mode, nlink, uid, gid, rdev, size, atime, mtime, ctime, blksize, blocks } = fs.lstatSync(pathOf(node));
      return { dev, ino, mode, nlink, uid, gid, rdev, size, atime, mtime, ctime, blksize: blksize || 4096, blocks: blocks || Math.ceil(size / 512) };
    }),
    /** @param {any} node @param {any} attributes */
    setattr: (node, { mode, size, timestamp, atime, mtime }) => attempt(() => {
      const path = pathOf(node);
      if (mode !== undefined) {
        fs.chmodSync(path, mode & 0o7777);
        node.mode = mode;
      }
      if (size !== undefined) fs.truncateSync(path, size);
      const changed = mtime ?? timestamp;
      if (changed !== undefined) fs.utimesSync(path, new Date(atime ?? changed), new Date(changed));
    }),
    /** @param {any} parent @param {string} name */
    lookup: (parent, name) => attempt(() => makeNode(parent, name, fs.lstatSync(join(pathOf(parent), name)).mode)),
    /** @param {any} parent @param {string} name @param {number} mode */
    mknod: (parent, name, mode) => attempt(() => {
      const path = join(pathOf(parent), name);
      if ((mode & 0o170000) === FOLDER) fs.mkdirSync(path, mode & 0o7777);
      else fs.closeSync(fs.openSync(path, "wx", mode & 0o7777));
      return makeNode(parent, name, mode);
    }),
    /** @param {any} node @param {any} folder @param {string} name */
    rename: (node, folder, name) => attempt(() => {
      fs.renameSync(pathOf(node), join(pathOf(folder), name));
      forget(folder, name);
      node.name = name;
      node.parent = folder;
    }),
    /** @param {any} parent @param {string} name */
    unlink: (parent, name) => attempt(() => fs.unlinkSync(join(pathOf(parent), name))),
    /** @param {any} parent @param {string} name */
    rmdir: (parent, name) => attempt(() => fs.rmdirSync(join(pathOf(parent), name))),
    /** @param {any} node */
    readdir: (node) => attempt(() => [".", "..", ...fs.readdirSync(pathOf(node))]),
    /** @param {any} node */
    readlink: (node) => attempt(() => fs.readlinkSync(pathOf(node))),
  };

  const streamOps = {
    /** Creating and truncating happened before, by the node operations. @param {any} stream */
    open: (stream) => attempt(() => {
      const folder = FS.isDir(stream.node.mode);
      stream.disk = fs.openSync(pathOf(stream.node), folder || (stream.flags & 3) === 0 ? "r" : "r+");
    }),
    /** @param {any} stream */
    close: (stream) => attempt(() => fs.closeSync(stream.disk)),
    /** @param {any} stream @param {Int8Array} memory @param {number} off @param {number} len @param {number} at */
    read: (stream, memory, off, len, at) => attempt(() => fs.readSync(stream.disk, bytesOf(memory, off, len), 0, len, at)),
    /** @param {any} stream @param {Int8Array} memory @param {number} off @param {number} len @param {number} at */
    write: (stream, memory, off, len, at) => attempt(() => fs.writeSync(stream.disk, bytesOf(memory, off, len), 0, len, at)),
    /** @param {any} stream @param {number} off @param {number} whence */
    llseek: (stream, off, whence) => attempt(() => {
      const from = whence === SEEK_CURRENT ? stream.position : whence === SEEK_END ? fs.fstatSync(stream.disk).size : 0;
      if (from + off < 0) throw new FS.ErrnoError(ERRNO.EINVAL);
      return from + off;
    }),
    /** @param {any} stream */
    fsync: (stream) => attempt(() => {
      fs.fsyncSync(stream.disk);
      return 0;
    }),
  };

  return { mount: (/** @type {any} */ mount) => makeNode(null, "/", fs.lstatSync(mount.opts.root).mode), ops: { nodeOps, streamOps } };
}

/** @param {Int8Array | Uint8Array} memory @param {number} off @param {number} len */
function bytesOf(memory, off, len) {
  return new Uint8Array(memory.buffer, memory.byteOffset + off, len);
}
