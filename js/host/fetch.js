// SPDX-License-Identifier: MIT
// FETCH operations by the host's own fetch. No redirect is followed, since what a request carries may be a secret, and
// no cookie goes with it.
import { HeavenBaseError } from "../errors.js";

/** @typedef {import("../core/call.js").HostOp} HostOp */
/** @typedef {import("../core/call.js").HostReply} HostReply */

/** What a request that was given up has to be ended by, at most. */
const UNDO_MS = 5000;

/** @param {HostOp} op @param {typeof fetch | undefined} custom @param {AbortSignal} signal @returns {Promise<HostReply>} */
export async function performFetch(op, custom, signal) {
  const call = custom ?? globalThis.fetch;
  if (typeof call !== "function") throw new HeavenBaseError("HOST", "this host has no fetch; pass one to open");
  const body = op.body.length > 0 ? /** @type {BodyInit} */ (/** @type {unknown} */ (op.body)) : undefined;
  const giveUp = () => undo(op, call);
  if (op.undo) signal.addEventListener("abort", giveUp, { once: true });
  try {
    const response = await call(op.url, { method: op.method || "GET", headers: op.headers, body, signal, redirect: "manual", ...anonymous() });
    return { failed: false, status: response.status, head: Object.fromEntries(response.headers), body: await bytesOf(response, op.answerMax) };
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}

/** workerd has no cookies, and refuses to be told to send none. Node loads its fetch when it is first looked at. @returns {RequestInit} */
const anonymous = () => (typeof Request === "function" && "credentials" in Request.prototype ? { credentials: "omit" } : {});

/** @param {HostOp} op @param {typeof fetch} call */
export function undo({ url, headers }, call) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), UNDO_MS);
  const ended = Promise.resolve(call(url, { method: "DELETE", headers, signal: stop.signal, redirect: "manual", keepalive: true, ...anonymous() }));
  ended.then((response) => response.body?.cancel()).catch(() => {}).finally(() => clearTimeout(timer));     // nobody waits for it
}

/** @param {Response} response @param {number} max 0: none */
async function bytesOf(response, max) {
  if (!max || !response.body) return new Uint8Array(await response.arrayBuffer());
  /** @type {Uint8Array[]} */
  const parts = [];
  let size = 0;
  const reader = response.body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    size += part.value.length;
    if (size > max) {
      reader.cancel().catch(() => {});
      throw new HeavenBaseError("BAD_REPLY", `an answer of more than ${max} bytes`);
    }
    parts.push(part.value);
  }
  if (parts.length === 1) return parts[0];
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
