// SPDX-License-Identifier: MIT
// Installs the peers' packages into engines/peers/node_modules: versions and hashes from the lock file there.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { PEERS } from "./engines/index.mjs";

const path = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));
const folder = path("engines/peers");
const pin = path("engines/peers/node_modules/.pin");

/** Only these need their install script: a ready binary, or a compiler. */
const BUILT = ["better-sqlite3"];

/** Does what is missing. What fails is said here, and shows again as a missing engine. @param {readonly string[]} names @param {(line: string) => void} say */
export function installPeers(names, say) {
  const wanted = names.filter((name) => Object.hasOwn(PEERS, name));
  if (wanted.length === 0) return;
  const step = (/** @type {string} */ what, /** @type {string} */ command, /** @type {string[]} */ args, cwd = folder) => {
    say(`peers: ${what}`);
    const { status, stderr, error } = spawnSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "ignore", "pipe"] });
    if (status !== 0) say(`peers: ${what} failed: ${error?.message ?? stderr.trim().split("\n").at(-1)}`);
    return status === 0;
  };
  if (wanted.includes("python") && !existsSync(path("../.cache/python/bin/python"))) step("HeavenBase for Python", process.execPath, [path("../scripts/run.mjs"), "setup", "python"], path(".."));
  if (wanted.every((name) => name === "python")) return;
  const lock = createHash("sha256").update(readFileSync(path("engines/peers/package-lock.json"))).digest("hex");
  if (existsSync(pin) && readFileSync(pin, "utf8") === lock) return;
  // Not `npm ci`: that wants the packages of every platform to be there, and registries lack some.
  const installed = step("npm install, some minutes", "npm", ["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
  for (const name of BUILT) step(`building ${name}`, "npm", ["rebuild", name, "--no-audit", "--loglevel=error"]);
  if (installed) writeFileSync(pin, lock);
}
