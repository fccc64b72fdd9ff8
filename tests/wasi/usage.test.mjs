// SPDX-License-Identifier: MIT
// Help, version, wrong usage, and what the module asks of its runtime.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Folder, module_path, wasmtime } from "./hb.mjs";

const commands = ["ws create", "ws list", "ws get", "ws unset", "ws presets", "entity define", "entity list", "entity show", "put", "get",
  "rm", "query", "explain", "audit", "repair", "capabilities"];

test("hb --help names every command, on stdout", (t) => {
  const { code, out, err } = new Folder(t).run(["--help"], { wasmtime: [] });
  assert.equal(code, 0);
  assert.equal(err, "");
  for (const command of commands) assert.match(out, new RegExp(`^  ${command}\\b`, "m"), command);
});

test("each command has help with an example, and each group lists its own", (t) => {
  const folder = new Folder(t);
  for (const command of commands) {
    const { code, out } = folder.run([...command.split(" "), "--help"], { wasmtime: [] });
    assert.equal(code, 0, command);
    assert.match(out, new RegExp(`^usage: hb ${command}\\b`), command);
    assert.match(out, new RegExp(`examples\n  hb ${command}`), command);
  }
  const group = folder.run(["ws", "-h"], { wasmtime: [] }).out;
  assert.match(group, /ws create/);
  assert.doesNotMatch(group, /entity define/);
});

test("-v prints the version alone", (t) => {
  const folder = new Folder(t);
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  for (const flag of ["-v", "--version"]) assert.deepEqual(folder.run([flag], { wasmtime: [] }), { code: 0, out: `${version}\n`, err: "" });
});

test("wrong usage is exit code 2, says what was meant, and prints nothing on stdout", (t) => {
  const folder = new Folder(t);
  folder.ok(["ws", "create", "one"]);
  folder.ok(["ws", "create", "two"]);
  /** @type {[string[], RegExp][]} */
  const cases = [
    [[], /a command is needed/],
    [["ws"], /'hb ws' needs a command/],
    [["qurey", "note"], /unknown command 'qurey'; did you mean 'query'\?/],
    [["ws", "creat", "x"], /unknown command 'ws creat'; did you mean 'create'\?/],
    [["query", "note", "--formt", "csv"], /unknown flag '--formt'; did you mean '--format'\?/],
    [["query", "note", "--format", "xml"], /unknown format 'xml'.*table, json, ndjson, csv/],
    [["query", "note", "--format"], /--format needs a value/],
    [["query", "note", "--limit", "-3"], /--limit takes a whole number from 0, found '-3'/],
    [["query", "note", "--limit", "1", "--limit", "2"], /--limit is given twice/],
    [["query", "note", "--json", "--format", "csv"], /exclude each other/],
    [["explain", "note", "--format", "csv"], /expected one of: tree, json/],
    [["audit", "--json=yes"], /--json takes no value/],
    [["put", "note", "-", "--batch", "0"], /--batch takes 1 to 1000000 rows/],
    [["ws", "list", "extra"], /unexpected argument 'extra'/],
    [["get", "note"], /missing argument: ENTITY ID\.\.\./],
    [["ws", "create", "x", "--preset", "debug", "--database", "x.db"], /exclude each other/],
    [["audit"], /there are 2 workspaces, name one with -w or HB_WORKSPACE; expected one of: one, two/],
    [["ws", "list", "--home", "../elsewhere"], /climbs/],
  ];
  for (const [args, message] of cases) {
    const { code, out, err } = folder.run(args);
    assert.equal(code, 2, args.join(" "));
    assert.equal(out, "", args.join(" "));
    assert.match(err, /^ERR /, args.join(" "));
    assert.match(err, message, args.join(" "));
  }
});

test("flags may stand before the command, with = and as letters", (t) => {
  const folder = new Folder(t);
  for (const id of ["one", "two"]) folder.ok(["ws", "create", id]);
  assert.equal(JSON.parse(folder.ok(["-w", "two", "--json", "ws", "get"])).id, "two");
  assert.equal(JSON.parse(folder.ok(["ws", "get", "--workspace=one", "--json"])).id, "one");
  const { code, out } = folder.run(["ws", "get", "--json"], { wasmtime: ["--dir", ".", "--env", "HB_WORKSPACE=two"] });
  assert.deepEqual([code, JSON.parse(out).id], [0, "two"]);
});

test("a folder that was not given is answered with the command line that gives it", (t) => {
  const folder = new Folder(t);
  /** @type {[string[], string[], string][]} */
  const cases = [
    [[], ["ws", "create", "shop"], "wasmtime run --dir . hb.wasm ws create shop"],
    [[], ["ws", "list"], "wasmtime run --dir . hb.wasm ws list"],
    [[], ["entity", "define", "it's.json"], "wasmtime run --dir . hb.wasm entity define 'it'\\''s.json'"],
    [["--dir", "."], ["put", "note", "/etc/rows.json"], "wasmtime run --dir . --dir /etc hb.wasm put note /etc/rows.json"],
    [["--dir", "."], ["--home", "/data/hb", "ws", "list"], "wasmtime run --dir . --dir /data hb.wasm --home /data/hb ws list"],
  ];
  for (const [dirs, args, line] of cases) {
    const { code, out, err } = folder.run(args, { wasmtime: dirs });
    assert.equal(code, 1, args.join(" "));
    assert.equal(out, "");
    assert.equal(err.trimEnd().split("\n").at(-1)?.trim(), line);
  }
});

test("the home may be elsewhere, by flag or environment", (t) => {
  const folder = new Folder(t), other = new Folder(t);
  const dirs = ["--dir", ".", "--dir", other.path];
  assert.equal(folder.run(["--home", `${other.path}/hb`, "ws", "create", "far"], { wasmtime: dirs }).code, 0);
  const { out } = folder.run(["ws", "list"], { wasmtime: [...dirs, "--env", `HB_HOME=${other.path}/hb`] });
  assert.match(out, /^ {2}far /m);
  assert.doesNotMatch(folder.ok(["ws", "list"]), /far/);
});

test("the module imports what wasi/imports.txt lists, and only preview 1", () => {
  const module = new WebAssembly.Module(readFileSync(module_path));
  const imported = [...new Set(WebAssembly.Module.imports(module).map((entry) => `${entry.module}.${entry.name}`))].sort();
  const listed = readFileSync(new URL("../../wasi/imports.txt", import.meta.url), "utf8").split("\n")
    .map((line) => line.replace(/#.*/, "").trim()).filter(Boolean);
  assert.deepEqual(imported, listed);
  for (const name of imported) assert.match(name, /^wasi_snapshot_preview1\./);
});

test("the walk through docs/cli.md runs as it stands there", (t) => {
  const folder = new Folder(t);
  const manual = readFileSync(new URL("../../docs/cli.md", import.meta.url), "utf8");
  const walk = manual.slice(manual.indexOf("## From nothing")).match(/```sh\n([^]*?)```/)?.[1] ?? "";
  assert.equal(walk.match(/^hb /gm)?.length, 7);
  const script = `set -e\nhb() { "${wasmtime}" run --dir . "${module_path}" "$@"; }\n${walk}`;
  const { status, stdout, stderr } = spawnSync("sh", ["-c", script], { cwd: folder.path, encoding: "utf8" });
  assert.equal(stderr, "");
  assert.equal(status, 0);
  assert.match(stdout, /^OK defined note$/m);
  assert.match(stdout, /^000042943200010507604878606023630530843197 +Routing note +1\.0$/m);
  assert.match(stdout, /^query note in workspace shop$/m);
  assert.match(stdout, /^ {4}ok: true$/m);
});
