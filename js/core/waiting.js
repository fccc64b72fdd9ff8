// SPDX-License-Identifier: MIT
// Fields of a row that are decoded at the first look at them. They are the row's own, enumerable properties, so that
// spreading, JSON, structuredClone and comparing see a plain object; where their bytes are is a private field that
// nobody sees. Read or written, such a field becomes an ordinary one.
import { Kind } from "../generated/abi.js";
import { readCell } from "./batch-reader.js";

/** Bytes of several rows are kept together: making many small buffers is slow. A row that is kept keeps so much, at most. */
const SLAB_BYTES = 32768;

let slab = new Uint8Array(0);
let used = 0;

/** @param {number} size @returns {number} where in the slab */
function room(size) {
  if (slab.length - used < size) {
    slab = new Uint8Array(Math.max(SLAB_BYTES, size));
    used = 0;
  }
  const at = used;
  used += (size + 7) & ~7;
  return at;
}

/** Makes a class's private fields those of an object that is there already. */
class Given {
  /** @param {object} object */
  constructor(object) {
    return object;
  }
}

export class Waiting extends Given {
  #bytes;
  #at;
  /** Values of a frozen row, which cannot hold them. @type {Map<string, any> | null} */
  #kept = null;

  /** @param {object} row @param {Uint8Array} bytes @param {number} at */
  constructor(row, bytes, at) {
    super(row);
    this.#bytes = bytes;
    this.#at = at;
  }

  /** Copies the beginning of a batch of one row: its table and what is in no heap. @param {object} row @param {Uint8Array} u8 @param {number} at @param {number} len */
  static keep(row, u8, at, len) {
    const to = room(len);
    slab.set(u8.subarray(at, at + len), to);
    new Waiting(row, slab, to);
  }

  /** A field that holds a vector. @param {string} name @param {number} record where its column record is in the batch @returns {PropertyDescriptor} */
  static vector(name, record) {
    return {
      enumerable: true,
      configurable: true,
      /** @this {object} */
      get() {
        const row = Waiting.#owner(this);
        if (row === null) return undefined;
        const known = row.#kept?.get(name);
        if (known) return known;
        const value = row.#vector(record);
        const own = Object.getOwnPropertyDescriptor(row, name);
        if (own?.configurable) settle(row, name, value);
        else (row.#kept ??= new Map()).set(name, value);
        return value;
      },
      /** @this {object} @param {unknown} value */
      set(value) {
        settle(this, name, value);
      },
    };
  }

  /** The row itself, or the row that an object was made from with Object.create. @param {object | null} object @returns {Waiting | null} */
  static #owner(object) {
    let row = object;
    while (row !== null && !(#at in row)) row = Object.getPrototypeOf(row);
    return row;
  }

  /** @param {number} record */
  #vector(record) {
    const bytes = this.#bytes;
    const view = new DataView(bytes.buffer, this.#at);
    const dim = view.getUint32(record + 12, true);
    const data = this.#at + view.getUint32(record + 20, true);
    return readCell({ u8: bytes, view }, { name: "", kind: Kind.VEC, dim, role: 0, state: 0, data, heap: 0, heapLen: 0 }, 0, true);
  }
}

/** @param {object} row @param {string} name @param {unknown} value */
function settle(row, name, value) {
  Object.defineProperty(row, name, { value, enumerable: true, configurable: true, writable: true });
}
