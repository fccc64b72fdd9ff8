// SPDX-License-Identifier: MIT
// Runs dist/wasi/hb.wasm under the real wasmtime, in a temporary folder.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
export const wasmtime = join(root, ".cache/bin/wasmtime");
/** HB_WASM: another build's module. */
export const module_path = process.env.HB_WASM ?? join(root, "dist/wasi/hb.wasm");

/** @typedef {{ code: number | null, out: string, err: string }} Result */

export class Folder {
  /** @type {string} */
  path;

  /** @param {import("node:test").TestContext} t */
  constructor(t) {
    this.path = mkdtempSync(join(tmpdir(), "hb-cli-"));
    t.after(() => rmSync(this.path, { recursive: true, force: true }));
  }

  /** @param {string} name @param {string | object} content */
  write(name, content) {
    writeFileSync(join(this.path, name), typeof content === "string" ? content : JSON.stringify(content));
    return name;
  }

  /** Runs a command to its end. @param {string[]} args @param {{ input?: string, wasmtime?: string[] }} [options] @returns {Result} */
  run(args, options = {}) {
    const { status, stdout, stderr } = spawnSync(wasmtime, ["run", ...(options.wasmtime ?? ["--dir", "."]), module_path, ...args],
      { cwd: this.path, input: options.input ?? "", encoding: "utf8", maxBuffer: 1 << 28 });
    return { code: status, out: stdout, err: stderr };
  }

  /** The same, and fails when the command does. @param {string[]} args @param {string} [input] */
  ok(args, input) {
    const { code, out, err } = this.run(args, { input });
    if (code !== 0) throw new Error(`hb ${args.join(" ")}: exit code ${code}\n${err}${out}`);
    return out;
  }

  /** Starts a command that reads from a pipe. @param {string[]} args */
  start(args) {
    return spawn(wasmtime, ["run", "--dir", ".", module_path, ...args], { cwd: this.path, stdio: ["pipe", "pipe", "pipe"] });
  }
}

/** NDJSON as values. @param {string} text */
export const lines = (text) => text.split("\n").filter(Boolean).map((line) => JSON.parse(line));

export const note = {
  name: "Note",
  desc: "A note",
  fields: {
    title: "ShortText", body: "LongText", n: "Integer", f: "Float", ok: "Boolean", tags: "array[short-text]",
    emb: { type: { type: "vector", dim: 2 } }, meta: "Json", blob: "Artifact", at: "Timestamp",
  },
};

/** One row per line; the 64-bit integer stands as text, since a double cannot hold it. */
export const notes = [
  '{"object_id":"n1","name":"One","title":"Agent routing","body":"Vectors go to the vector store\\nand text to search","n":9007199254740993,'
    + '"f":1.5,"ok":true,"tags":["a","b"],"emb":[1,0],"meta":{"k":[1,2.5,"x"]},"blob":"hi","at":"2024-02-29T12:00:00Z"}',
  '{"name":"Two","title":"Zeta, \\"quoted\\"","body":"Nothing about it","n":-5,"f":2,"emb":[0.1,0.9]}',
  '{"object_id":"n3","title":null,"n":7,"meta":"bare","tags":[]}',
].join("\n") + "\n";

/** @param {import("node:test").TestContext} t */
export function folderWithNotes(t) {
  const folder = new Folder(t);
  folder.ok(["ws", "create", "shop"]);
  folder.ok(["entity", "define", folder.write("note.json", note)]);
  folder.ok(["put", "note", folder.write("notes.ndjson", notes)]);
  return folder;
}
