// SPDX-License-Identifier: MIT
// What a workspace says of its backends.
import { HeavenBaseError } from "./errors.js";

/** @typedef {{ name: string, type: string, durable: boolean, options: Record<string, any> }} BackendInfo */

/** The backend instances as they were configured, secrets redacted. */
export class Backends {
  /** @type {ReadonlyMap<string, BackendInfo>} */
  #byName;

  /** @param {readonly BackendInfo[]} list */
  constructor(list) {
    this.#byName = new Map(list.map((one) => [one.name, Object.freeze(one)]));
    Object.freeze(this);
  }

  /** In the order of declaration. @returns {string[]} */
  names() {
    return [...this.#byName.keys()];
  }

  /** @param {string} name @returns {BackendInfo} */
  get(name) {
    const found = this.#byName.get(name);
    if (found) return found;
    throw new HeavenBaseError("UNKNOWN_BACKEND", `no backend is called '${name}'; there is: ${this.names().sort().join(", ")}`, { backend: name });
  }

  /** @returns {[string, BackendInfo][]} */
  items() {
    return [...this.#byName];
  }
}
