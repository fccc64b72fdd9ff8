// SPDX-License-Identifier: MIT
// A query that the core has parsed already.
/** @typedef {import("./types.js").CallOptions} CallOptions */
/**
 * @typedef {object} PreparedRunner
 * @property {(handle: number, entity: import("./types.js").EntityLike, params: readonly unknown[], options: CallOptions & { total?: boolean }) => Promise<any>} executePrepared
 * @property {(handle: number) => Promise<void>} releasePrepared
 */

/** @template [R=Record<string, any>] */
export class PreparedQuery {
  #runner;
  #handle;
  #entity;

  /** @param {PreparedRunner} runner @param {import("./types.js").EntityLike} entity @param {number} handle @param {readonly unknown[]} params */
  constructor(runner, entity, handle, params) {
    this.#runner = runner;
    this.#handle = handle;
    this.#entity = entity;
    /** The operands it was built with, in the order of their appearance. */
    this.params = Object.freeze([...params]);
    Object.freeze(this);
  }

  /** @param {CallOptions & { total?: boolean, params?: readonly unknown[] }} [options] `params`: other operands, in the same order @returns {Promise<import("./frame.js").Frame<R>>} */
  execute({ params = this.params, ...options } = {}) {
    return this.#runner.executePrepared(this.#handle, this.#entity, params, options);
  }

  /** Forgets it; closing the workspace does so too. */
  release() {
    return this.#runner.releasePrepared(this.#handle);
  }
}
