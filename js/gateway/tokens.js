// SPDX-License-Identifier: MIT
// Who may use which connections.
import { createHash, timingSafeEqual } from "node:crypto";

/** @typedef {import("./config.js").TokenConfig} TokenConfig */
/** @typedef {{ name: string, connections: ReadonlySet<string> }} Bearer */

/** @param {string} text */
const hashed = (text) => createHash("sha256").update(text).digest();

/** Finds whose token a header holds, in a time that does not depend on it. @param {readonly TokenConfig[]} tokens @returns {(header: string | undefined) => Bearer | null} */
export function bearers(tokens) {
  const known = tokens.map(({ name, token, connections }) => ({ hash: hashed(token), bearer: { name, connections: new Set(connections) } }));
  return (header) => {
    const given = hashed(/^Bearer +([\x21-\x7e]+) *$/i.exec(header ?? "")?.[1] ?? "");
    /** @type {Bearer | null} */
    let found = null;
    for (const { hash, bearer } of known) {
      if (timingSafeEqual(hash, given)) found = bearer;
    }
    return found;
  };
}
