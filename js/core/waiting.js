// SPDX-License-Identifier: MIT
// Fields of a row that are decoded at the first look at them. They are the row's own, enumerable properties, so that
// spreading, JSON, structuredClone and comparing see a plain object; where their bytes are is a private field that
// nobody sees. Written to, such a field becomes an ordinary one; read, it stays as it is, since changing what kind of
// property it is costs more than the vector.
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
  /** The field that was read first, and its value. */
  #first = "";
  /** @type {Float32Array | null} */
  #value = null;
  /** Those that were read after it. @type {Map<string, Float32Array> | null} */
  #others = null;

  /** @param {object} row @param {Uint8Array} bytes @param {number} at */
  constructor(row, bytes, at) {
    super(row);
    this.#bytes = bytes;
    this.#at = at;
  }

  /** Room for the bytes of all vectors that wait in a row. @param {object} row @param {number} len @returns {number} where `copy` puts them */
  static keep(row, len) {
    const to = room(len);
    new Waiting(row, slab, to);
    return to;
  }

  /** To where `keep` said, before it is called again. @param {Uint8Array} u8 @param {number} at @param {number} len @param {number} to */
  static copy(u8, at, len, to) {
    slab.set(u8.subarray(at, at + len), to);
  }

  /** A field that holds a vector. @param {string} name @param {number} offset of its bytes in what is kept @param {number} dim @returns {PropertyDescriptor} */
  static vector(name, offset, dim) {
    return {
      enumerable: true,
      configurable: true,
      /** @this {object} */
      get() {
        const row = Waiting.#owner(this);
        if (row === null) return undefined;
        if (row.#first === name) return row.#value;
        return row.#others?.get(name) ?? row.#read(name, offset, dim);
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

  /** @param {string} name @param {number} offset @param {number} dim @returns {Float32Array} */
  #read(name, offset, dim) {
    const value = new Float32Array(new Float32Array(this.#bytes.buffer, this.#at + offset, dim));
    if (this.#value !== null) {
      (this.#others ??= new Map()).set(name, value);
      return value;
    }
    this.#first = name;
    this.#value = value;
    return value;
  }
}

/** @param {object} row @param {string} name @param {unknown} value */
function settle(row, name, value) {
  Object.defineProperty(row, name, { value, enumerable: true, configurable: true, writable: true });
}
