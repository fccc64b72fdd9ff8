// SPDX-License-Identifier: MIT
// FETCH operations by the host's own fetch.
import { HeavenBaseError } from "../errors.js";

/** @typedef {import("../core/call.js").HostOp} HostOp */
/** @typedef {import("../core/call.js").HostReply} HostReply */

/** @param {HostOp} op @param {typeof fetch | undefined} custom @param {AbortSignal} signal @returns {Promise<HostReply>} */
export async function performFetch(op, custom, signal) {
  const call = custom ?? globalThis.fetch;
  if (typeof call !== "function") throw new HeavenBaseError("HOST", "this host has no fetch; pass one to open");
  const body = op.body.length > 0 ? /** @type {BodyInit} */ (/** @type {unknown} */ (op.body)) : undefined;
  const response = await call(op.url, { method: op.method || "GET", headers: op.headers, body, signal });
  return { failed: false, status: response.status, head: Object.fromEntries(response.headers), body: new Uint8Array(await response.arrayBuffer()) };
}
