// SPDX-License-Identifier: MIT
// What every script here needs: the repository root, a way to run a command and to say so, and hashes.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** @param {...string} parts */
export const at = (...parts) => join(root, ...parts);

/** @param {string} line */
export function say(line) {
  process.stdout.write(`${line}\n`);
}

/** Ends the process with a message for a person, no stack. @param {string} message @returns {never} */
export function fail(message) {
  process.stderr.write(`\nerror: ${message}\n`);
  process.exit(1);
}

/** @param {string | Buffer} bytes */
export const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

/** @param {string} path */
export const sha256File = (path) => sha256(readFileSync(path));

/**
 * Runs a command. By default it must succeed and writes to our own output.
 * @param {string} command @param {string[]} args
 * @param {{ cwd?: string, env?: Record<string, string>, quiet?: boolean, may_fail?: boolean, timeout_ms?: number }} [options]
 */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, {
    cwd: options.cwd ?? root,
    env: { ...process.env, ...options.env },
    stdio: options.quiet ? ["ignore", "pipe", "pipe"] : ["ignore", "inherit", "inherit"],
    encoding: "utf8",
    maxBuffer: 256 * 1024 * 1024,
    timeout: options.timeout_ms,
  });
  const output = `${result.stdout ?? ""}${result.stderr ?? ""}`;
  const status = result.error ? 127 : (result.status ?? 128);
  if (status !== 0 && !options.may_fail) {
    if (options.quiet) process.stderr.write(output);
    const why = result.error ? result.error.message : `exit ${result.status ?? result.signal}`;
    fail(`${command} ${args.join(" ")}: ${why}`);
  }
  return { status, output, stdout: result.stdout ?? "" };
}

/** The full path of a program, or "" when it is not installed. @param {string} name */
export function which(name) {
  for (const dir of (process.env.PATH ?? "").split(":")) {
    const path = join(dir, name);
    if (dir && existsSync(path) && statSync(path).isFile()) return path;
  }
  return "";
}

/** True when the stamp at `path` already holds `value`. @param {string} path @param {string} value */
export function stamped(path, value) {
  return existsSync(path) && readFileSync(path, "utf8") === value;
}

/** @param {string} path @param {string} value */
export function stamp(path, value) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, value);
}

/** Every file below a folder, as paths relative to the root; [] when there is no such folder. @param {string} folder @returns {string[]} */
export function filesUnder(folder) {
  if (!existsSync(at(folder))) return [];
  /** @type {string[]} */
  const found = [];
  for (const entry of readdirSync(at(folder), { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) found.push(...filesUnder(path));
    else found.push(path);
  }
  return found.sort();
}

/** @param {number} since a value of performance.now() */
export const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;
