// SPDX-License-Identifier: MIT
// Where encoders write: a growing run of bytes, either a plain buffer or the module's exchange buffer. Views are
// kept only between two calls of `room`, since growing moves the bytes.

const encoder = new TextEncoder();

/** A short ASCII text by loop is several times cheaper than TextEncoder (measured in Node 20). */
const LOOP_CHARS_MAX = 48;

/** Memory is taken in pieces of this at least, and taken anew beyond the other, so that it can be given back. */
const FIRST_BYTES = 1024;
const KEPT_BYTES_MAX = 65536;

/**
 * Gives the memory that holds the bytes [0, size) and where they begin in it.
 * @callback Grow
 * @param {number} size
 * @returns {{ buffer: ArrayBuffer, base: number }}
 */

export class Sink {
  /** @type {Grow} */
  #grow;
  #cap = 0;
  /** Is the memory still the one that was taken last? */
  #taken = false;
  /** Bytes used. */
  pos = 0;
  /** First byte in the memory. */
  base = 0;
  /** @type {Uint8Array} */
  u8 = new Uint8Array(0);
  /** @type {DataView} */
  view = new DataView(this.u8.buffer);

  /** @param {Grow} [grow] default: a buffer of its own */
  constructor(grow = ownBuffer()) {
    this.#grow = grow;
  }

  /** Begins anew, with memory that is taken again: it may have moved. @param {number} [size] */
  reset(size = 1024) {
    this.pos = 0;
    this.#take(Math.max(size, FIRST_BYTES));
  }

  /** Begins anew where it began before, if nobody took that away; `buffer` is where memory is now. @param {ArrayBuffer} buffer */
  again(buffer) {
    if (!this.#taken || this.#cap > KEPT_BYTES_MAX) {
      this.reset();
      return;
    }
    this.pos = 0;
    this.#look(buffer);
  }

  /** The memory belongs to somebody else now. */
  leave() {
    this.#taken = false;
  }

  /** Room for `more` bytes behind `pos`. @param {number} more */
  room(more) {
    if (this.pos + more > this.#cap) this.#take(Math.max(this.pos + more, this.#cap * 2));
  }

  /** @param {number} size */
  #take(size) {
    const { buffer, base } = this.#grow(size);
    this.#cap = size;
    this.#taken = true;
    this.base = base;
    this.#look(buffer);
  }

  /** @param {ArrayBuffer} buffer */
  #look(buffer) {
    if (this.u8.buffer !== buffer) {
      this.u8 = new Uint8Array(buffer);
      this.view = new DataView(buffer);
    }
  }

  /** Pads with zero bytes. @param {number} align */
  align(align) {
    const more = (align - (this.pos % align)) % align;
    this.room(more);
    for (let at = this.base + this.pos, end = at + more; at < end; at++) this.u8[at] = 0;
    this.pos += more;
  }

  /** @param {number} count */
  zeros(count) {
    this.room(count);
    this.u8.fill(0, this.base + this.pos, this.base + this.pos + count);
    this.pos += count;
  }

  /** @param {Uint8Array} bytes */
  bytes(bytes) {
    this.room(bytes.length);
    this.u8.set(bytes, this.base + this.pos);
    this.pos += bytes.length;
  }

  /** Appends UTF-8; gives the number of bytes, or -1 for a text with a lone surrogate. @param {string} text */
  text(text) {
    const chars = text.length;
    this.room(chars * 3);
    const start = this.base + this.pos;
    const { u8 } = this;
    let i = 0;
    if (chars <= LOOP_CHARS_MAX) {
      for (; i < chars; i++) {
        const code = text.charCodeAt(i);
        if (code >= 128) break;
        u8[start + i] = code;
      }
    }
    if (i < chars) {
      const { written } = encoder.encodeInto(text, u8.subarray(start, start + chars * 3));
      if (written !== chars && /\p{Surrogate}/u.test(text)) return -1;
      i = written;
    }
    this.pos += i;
    return i;
  }

  /** A copy of what was written. */
  take() {
    return this.u8.slice(this.base, this.base + this.pos);
  }
}

/** @returns {Grow} */
function ownBuffer() {
  let buffer = new ArrayBuffer(0);
  return (size) => {
    if (size > buffer.byteLength) {
      const larger = new ArrayBuffer(size);
      new Uint8Array(larger).set(new Uint8Array(buffer));
      buffer = larger;
    }
    return { buffer, base: 0 };
  };
}
