// SPDX-License-Identifier: MIT
// What can be stored where, and which operator runs natively, by a scan, or not at all.
import { descriptorOf, strategyName } from "./field-types.js";

/** @typedef {"native" | "fallback" | "no"} Mode */
/** @typedef {import("./types.js").TypeLike<any, any> | string} TypeName */
/** @typedef {import("./field-types.js").Strategy | string} StrategyName */
/** @typedef {{ dtype?: TypeName | null, op?: string | null, backend?: string | null, strategy?: StrategyName | null }} Filters */

export class Capabilities {
  #ask;

  /** @param {(request: Record<string, unknown>) => Promise<any>} ask */
  constructor(ask) {
    this.#ask = ask;
    Object.freeze(this);
  }

  /** @param {string} method @param {Filters} filters */
  #answer(method, { dtype, op, backend, strategy }) {
    const request = { method, dtype: dtype == null ? undefined : typeName(dtype), op: op ?? undefined, backend: backend ?? undefined,
      strategy: strategy == null ? undefined : strategyName(strategy) };
    return this.#ask(request);
  }

  /** Is the operator answered for that type, stored so, on that backend? @param {TypeName} dtype @param {string} op @param {string} backend @param {StrategyName} strategy @returns {Promise<boolean>} */
  async supports(dtype, op, backend, strategy) {
    return (await this.#answer("supports", { dtype, op, backend, strategy })).supported;
  }

  /** By the backend's own engine, by a scan of ours, or not at all. @param {TypeName} dtype @param {string} op @param {string} backend @param {StrategyName} strategy @returns {Promise<Mode>} */
  async mode(dtype, op, backend, strategy) {
    return (await this.#answer("supports", { dtype, op, backend, strategy })).mode;
  }

  /** @param {TypeName | null} [dtype] @param {{ backend?: string, op?: string }} [filters] @returns {Promise<{ identifier: string, strategy: string, mode: Mode }[]>} */
  async strategies(dtype, { backend, op } = {}) {
    return this.#answer("strategies", { dtype, backend, op });
  }

  /** @param {TypeName | null} [dtype] @param {StrategyName | null} [strategy] @param {{ backend?: string }} [filters] @returns {Promise<{ op: string, mode: Mode }[]>} */
  async ops(dtype, strategy, { backend } = {}) {
    return this.#answer("ops", { dtype, strategy, backend });
  }

  /** @param {TypeName | null} [dtype] @param {StrategyName | null} [strategy] @param {{ op?: string }} [filters] @returns {Promise<{ type: string, aliases: string[], name: string | null, mode: Mode }[]>} */
  async backends(dtype, strategy, { op } = {}) {
    return this.#answer("backends", { dtype, strategy, op });
  }

  /** @param {{ strategy?: StrategyName, backend?: string, op?: string }} [filters] @returns {Promise<{ identifier: string, dtype: string, mode: Mode }[]>} */
  async logicalTypes({ strategy, backend, op } = {}) {
    return this.#answer("logical_types", { strategy, backend, op });
  }

  /** @param {Filters} [filters] @returns {Promise<{ dtype: string, op: string, backend: string, name: string | null, strategy: string, mode: Mode }[]>} */
  async rows({ dtype, op, backend, strategy } = {}) {
    return this.#answer("rows", { dtype, op, backend, strategy });
  }
}

/** @param {TypeName} dtype */
function typeName(dtype) {
  const descriptor = descriptorOf(dtype);
  return typeof descriptor === "string" ? descriptor : descriptor.type;
}
