// SPDX-License-Identifier: MIT
// The module's linear memory. Views are taken again whenever the memory has grown; nobody else keeps any.
import { readCString, readText } from "./text.js";

/** The glue's object. @typedef {{ HEAPU8: Uint8Array, FS?: any, IDBFS?: any, [name: `_${string}`]: (...args: any[]) => any }} CoreModule */

export class Memory {
  /** @type {CoreModule} */
  #module;
  /** The glue's view that ours were made after. @type {Uint8Array | null} */
  #heap = null;
  #u8 = new Uint8Array(0);
  #u32 = new Uint32Array(this.#u8.buffer);
  #f64 = new Float64Array(this.#u8.buffer);
  #view = new DataView(this.#u8.buffer);

  /** @param {CoreModule} module */
  constructor(module) {
    this.#module = module;
  }

  /** The glue makes its views anew when the memory has grown. */
  #refresh() {
    const heap = this.#module.HEAPU8;
    if (this.#heap === heap) return;
    const buffer = /** @type {ArrayBuffer} */ (heap.buffer);
    this.#heap = heap;
    this.#u8 = new Uint8Array(buffer);
    this.#u32 = new Uint32Array(buffer);
    this.#f64 = new Float64Array(buffer);
    this.#view = new DataView(buffer);
  }

  get u8() {
    this.#refresh();
    return this.#u8;
  }

  get u32() {
    this.#refresh();
    return this.#u32;
  }

  get f64() {
    this.#refresh();
    return this.#f64;
  }

  get view() {
    this.#refresh();
    return this.#view;
  }

  get buffer() {
    return /** @type {ArrayBuffer} */ (this.u8.buffer);
  }

  /** @param {number} ptr @param {number} len */
  copy(ptr, len) {
    return this.u8.slice(ptr, ptr + len);
  }

  /** @param {number} ptr @param {number} len */
  text(ptr, len) {
    return readText(this.u8, ptr, len);
  }

  /** @param {number} ptr */
  cstring(ptr) {
    return readCString(this.u8, ptr);
  }
}
