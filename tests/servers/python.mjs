// SPDX-License-Identifier: MIT
// Where Python packages that carry servers were installed (scripts/requirements-engines.txt, requirements-java.txt).
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { at } from "../../scripts/lib.mjs";

/** The folder of packages that has `part`. @param {string} part @param {string} [environment] */
export function pythonPackages(part, environment = "engines") {
  const lib = at(".cache", environment, "lib");
  for (const python of existsSync(lib) ? readdirSync(lib) : []) {
    const folder = join(lib, python, "site-packages");
    if (existsSync(join(folder, part))) return folder;
  }
  throw new Error(`there is no ${part}: node scripts/run.mjs setup engines`);
}
