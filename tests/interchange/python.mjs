// SPDX-License-Identifier: MIT
// Runs HeavenBase for Python on a job (workspace.py says which steps there are). Its registry of workspaces goes to a
// home folder of the run, so that runs never meet. Opening one takes the package about ten seconds.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { at } from "../../scripts/lib.mjs";

const timeout_ms = 600_000;

/**
 * @typedef {{ op: string, [key: string]: unknown }} Step
 * @typedef {{ ok?: any, error?: string }} Answer
 */

/** Values as workspace.py wants them: BigInt and bytes are wrapped. @param {unknown} value @returns {unknown} */
export function toPython(value) {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : { $int: String(value) };
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString("base64") };
  if (ArrayBuffer.isView(value)) return Array.from(/** @type {any} */ (value));
  if (Array.isArray(value)) return value.map(toPython);
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toPython(item)]));
  return value;
}

/** The other way; integers beyond 2^53 become BigInt. @param {any} value @returns {any} */
export function fromPython(value) {
  if (Array.isArray(value)) return value.map(fromPython);
  if (!value || typeof value !== "object") return value;
  const keys = Object.keys(value);
  if (keys.length === 1 && keys[0] === "$int") return BigInt(value.$int);
  if (keys.length === 1 && keys[0] === "$bytes") return new Uint8Array(Buffer.from(value.$bytes, "base64"));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fromPython(item)]));
}

/**
 * One process per call: opens the workspace, runs the steps, answers one by one.
 * @param {{ id: string, backends: Record<string, unknown>, steps: Step[] }} job @returns {Promise<Answer[]>}
 */
export function python(job) {
  const home = mkdtempSync(join(tmpdir(), "hb-python-"));
  return new Promise((resolve, reject) => {
    const child = spawn(at(".cache/python/bin/python"), ["-W", "ignore", at("tests/interchange/workspace.py")], {
      stdio: ["pipe", "pipe", "pipe"], env: { PATH: process.env.PATH, HOME: home, PYTHONHASHSEED: "0", TZ: "UTC" },
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), timeout_ms);
    let out = "";
    let complaint = "";
    child.stdout.setEncoding("utf8").on("data", (text) => { out += text; });
    child.stderr.setEncoding("utf8").on("data", (text) => { complaint += text; });
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(timer);
      rmSync(home, { recursive: true, force: true });
      if (code !== 0) reject(new Error(`Python ended with ${code}: ${complaint.trim().split("\n").slice(-3).join("\n")}`));
      else resolve(fromPython(JSON.parse(out)));
    });
    child.stdin.end(JSON.stringify({ ...job, backends: toPython(job.backends), steps: toPython(job.steps) }));
  });
}

/** A folder or file as the package takes it. @param {string} path absolute */
export const fileUri = (path) => `file://${path.split("/").map(encodeURIComponent).join("/")}`;
