// SPDX-License-Identifier: MIT
// The one error class. Codes come from the C core's list; STATUS_MEANINGS says what each means.
import { STATUS_MEANINGS, STATUS_NAMES } from "./generated/abi.js";

/** @typedef {import("./generated/abi.js").StatusName} ErrorCode */

/**
 * Where an error happened and what stands behind it.
 * @typedef {object} ErrorDetails
 * @property {string | null} [entity] entity id
 * @property {string | null} [field] field name
 * @property {string | null} [backend] backend instance
 * @property {string | null} [native] the engine's own code: SQLSTATE, HTTP status, errno
 * @property {number | null} [at] byte offset in the input
 * @property {import("./types.js").EdgeReference[] | null} [references] RESTRICTED: the edges that forbid it
 * @property {import("./types.js").PartialWrite | null} [partial] PARTIAL_WRITE: what is where
 * @property {unknown} [cause]
 * @property {import("./types.js").AlterPlan | null} [plan] SCHEMA_CONFLICT: what differs
 */

/** Every failure of this library. Act on `code`; `message` is for people. */
export class HeavenBaseError extends Error {
  /** @param {ErrorCode} code @param {string} message @param {ErrorDetails} [details] */
  constructor(code, message, details = {}) {
    super(message || STATUS_MEANINGS[code], details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.entity = details.entity || null;
    this.field = details.field || null;
    this.backend = details.backend || null;
    this.native = details.native || null;
    this.at = details.at ?? null;
    /** With SCHEMA_CONFLICT: what differs between the registered structure and the given one. */
    this.plan = details.plan ?? null;
    /** RESTRICTED: the edges that forbid the deletion. @type {import("./types.js").EdgeReference[] | null} */
    this.references = details.references ?? null;
    /** PARTIAL_WRITE: which backends hold the write, which lack it, and which rows it is about. @type {import("./types.js").PartialWrite | null} */
    this.partial = details.partial ?? null;
  }

  /** @override */
  get name() {
    return "HeavenBaseError";
  }

  toJSON() {
    const { code, message, entity, field, backend, native, references, partial } = this;
    return { code, message, entity, field, backend, native, ...(references && { references }), ...(partial && { partial }) };
  }
}

/** Every code with one line of explanation. */
export const ERROR_CODES = STATUS_MEANINGS;

/** The name of a status number. @param {number} status @returns {ErrorCode} */
export function codeOf(status) {
  return STATUS_NAMES[status] ?? "INTERNAL";
}

/** The caller aborted. @param {AbortSignal} signal */
export function cancelled(signal) {
  return new HeavenBaseError("CANCELLED", "the call was aborted", { cause: signal.reason });
}

/**
 * Says where an error of an inner layer happened; anything else becomes a HOST error.
 * @param {unknown} error @param {ErrorDetails} details @returns {HeavenBaseError}
 */
export function located(error, details) {
  if (!(error instanceof HeavenBaseError)) {
    return new HeavenBaseError("HOST", error instanceof Error ? error.message : String(error), { ...details, cause: error });
  }
  const { code, message, entity, field, backend, native, at, references, partial, cause, plan } = error;
  return new HeavenBaseError(code, message, { entity: entity ?? details.entity, field: field ?? details.field,
    backend: backend ?? details.backend, native, at, references, partial, cause, plan });
}
