// SPDX-License-Identifier: MIT
import { readFileSync } from "node:fs";

/** As it is pinned: many packages hide their own. @param {string} name */
export function versionOf(name) {
  const { dependencies, optionalDependencies } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8"));
  return { ...dependencies, ...optionalDependencies }[name];
}
