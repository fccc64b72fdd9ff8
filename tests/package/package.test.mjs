// SPDX-License-Identifier: MIT
// What npm pack makes: what is in it, how large it is, and that a stranger's folder can use it.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { build } from "esbuild";
import { at, filesUnder } from "../../scripts/lib.mjs";
import { blocksOf } from "../js/doc-page.mjs";

const FULL_BYTES_MAX = 700 * 1024;
const SLIM_BYTES_GOAL = 200 * 1024;

/** A folder of someone else, with the tarball installed. @type {string} */
let folder;
/** @type {string} */
let tarball;
/** @type {{ size: number, unpackedSize: number, files: { path: string, size: number }[] }} */
let packed;

/** @param {string} command @param {string[]} args @param {string} [cwd] */
function run(command, args, cwd = folder) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: "utf8", timeout: 300_000 });
  return { status, stdout, output: `${stdout}${stderr}` };
}

/** Runs a program in that folder. @param {string} name @param {string} source */
function runProgram(name, source) {
  writeFileSync(join(folder, name), source);
  const { status, stdout, output } = run(process.execPath, [name]);
  assert.equal(status, 0, output);
  return stdout.trimEnd();
}

before(() => {
  folder = mkdtempSync(join(tmpdir(), "hb-package-"));
  const text = execFileSync("npm", ["pack", "--ignore-scripts", "--json", "--loglevel=error", "--pack-destination", folder], { cwd: at(), encoding: "utf8" });
  [packed] = JSON.parse(text);
  tarball = join(folder, /** @type {any} */ (packed).filename);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "stranger", private: true, type: "module" }));
  const { status, output } = run("npm", ["install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", tarball]);
  assert.equal(status, 0, output);
});
after(() => folder && rmSync(folder, { recursive: true, force: true }));

const ALLOWED = [
  /^(CHANGELOG|README)\.md$/, /^LICENSE$/, /^package\.json$/, /^js\/[\w/-]+\.js$/, /^js\/host\/core-wasm\.d\.ts$/, /^types\/[\w/-]+\.d\.ts$/,
  /^dist\/hb(-slim)?\.(wasm|mjs|d\.mts)$/, /^dist\/wasi\/hb\.wasm$/,
];

test("the tarball holds what runs, its types and its papers, and nothing else", (t) => {
  const paths = packed.files.map(({ path }) => path);
  assert.deepEqual([...new Set(paths.map((path) => path.split("/")[0]))].sort(), ["CHANGELOG.md", "LICENSE", "README.md", "dist", "js", "package.json", "types"]);
  assert.deepEqual(paths.filter((path) => !ALLOWED.some((pattern) => pattern.test(path))), []);
  const scripts = filesUnder("js").filter((path) => path.endsWith(".js"));
  assert.deepEqual(scripts.filter((path) => !paths.includes(path)), [], "scripts that are not shipped");
  const declarations = scripts.map((path) => path.replace(/^js(.*)\.js$/, "types$1.d.ts"));
  assert.deepEqual(declarations.filter((path) => !paths.includes(path)), [], "scripts without declarations");
  t.diagnostic(`${packed.files.length} files, ${kb(packed.size)} packed, ${kb(packed.unpackedSize)} unpacked`);
});

/** @param {number} bytes */
const kb = (bytes) => `${Math.round(bytes / 1024)} KB`;

test("it depends on nothing, and runs nothing when it is installed", () => {
  const { dependencies, peerDependencies, optionalDependencies, scripts } = JSON.parse(readFileSync(join(folder, "node_modules/heavenbase/package.json"), "utf8"));
  assert.deepEqual([dependencies, peerDependencies, optionalDependencies], [undefined, undefined, undefined]);
  assert.deepEqual(Object.keys(scripts).filter((name) => /^(pre|post)?(install|prepare)/.test(name)), []);
});

for (const [entry, wasm, limit] of /** @type {const} */ ([["heavenbase", "hb.wasm", FULL_BYTES_MAX], ["heavenbase/slim", "hb-slim.wasm", null]])) {
  test(`${entry} is as small as it has to be, in a browser's bundle`, async (t) => {
    const { outputFiles } = await build({
      stdin: { contents: `export * from "${entry}";`, resolveDir: folder }, bundle: true, minify: true, write: false, format: "esm", target: "es2022",
      platform: "browser", conditions: ["browser"], logLevel: "silent", metafile: true,
    });
    const script = brotliCompressSync(outputFiles[0].text).length;
    const module = brotliCompressSync(readFileSync(join(folder, "node_modules/heavenbase/dist", wasm))).length;
    t.diagnostic(`${kb(script + module)} by brotli: script ${kb(script)}, module ${kb(module)}; script by gzip ${kb(gzipSync(outputFiles[0].text).length)}`);
    if (limit === null) t.diagnostic(`goal: ${kb(SLIM_BYTES_GOAL)}`);
    else assert.ok(script + module <= limit, `${script + module} bytes, at most ${limit}`);
  });
}

test("a worker's bundle finds its module in the package", async () => {
  for (const [entry, wasm] of [["heavenbase", "hb.wasm"], ["heavenbase/slim", "hb-slim.wasm"]]) {
    const { metafile, outputFiles } = await build({
      stdin: { contents: `export * from "${entry}";`, resolveDir: folder }, bundle: true, write: false, format: "esm", outdir: folder,
      conditions: ["workerd"], loader: { ".wasm": "copy" }, logLevel: "silent", metafile: true,
    });
    assert.equal(outputFiles.length, 2);
    assert.ok(Object.keys(metafile.inputs).some((path) => path.endsWith(`heavenbase/dist/${wasm}`)));
  }
});

test("README's example runs in a stranger's folder", () => {
  const page = readFileSync(at("README.md"), "utf8");
  const [example] = blocksOf(page, "js");
  const [printed] = blocksOf(page, "text");
  assert.equal(runProgram("example.mjs", example.code), printed.code.trimEnd());
});

test("npx heavenbase runs the package's command", () => {
  const { status, output } = run("npx", ["--no-install", "heavenbase", "gateway", "--help"]);
  assert.equal(status, 0, output);
  assert.match(output, /--config FILE/);
  const refused = runProgram("gateway.mjs", `
    import { startGateway } from "heavenbase/gateway";
    const config = { tokens: [{ name: "a", token: "0123456789abcdef", connections: ["main"] }], connections: [{ name: "main", engine: "postgres" }] };
    await startGateway(config, { log: () => {} }).catch((error) => console.log(error.code, error.message));`);
  assert.equal(refused, "VALIDATION connections[0]: postgres needs the package pg: npm install pg");
});

test("importing reads no wasm, and init takes the packaged module", () => {
  const said = runProgram("core.mjs", `
    import { readFile } from "node:fs/promises";
    let compiled = 0;
    for (const name of ["compile", "instantiate"]) {
      const original = WebAssembly[name];
      WebAssembly[name] = (...args) => { compiled += 1; return original(...args); };
    }
    const { HeavenBase, init } = await import("heavenbase");
    const before = compiled;
    await init({ bytes: await readFile(new URL(import.meta.resolve("heavenbase/core.wasm"))) });
    const ws = await HeavenBase.open("core");
    console.log(before, compiled > 0, ws.backends.names().join());
    await ws.close();`);
  assert.equal(said, "0 true main,vec,search");
});

test("the slim entry works in memory and says what is not built in", () => {
  const said = runProgram("slim.mjs", `
    import { HeavenBase, HeavenBaseError, ShortText, entity, field } from "heavenbase/slim";
    const Note = entity("Note", { title: field(ShortText) });
    const ws = await HeavenBase.open("slim", { backends: { main: { type: "inmem" } } });
    await ws.register(Note);
    await ws.upsert(Note, { object_id: "a", title: "t" });
    console.log((await ws.query(Note).where(Note.title.eq("t")).execute()).ids.join());
    const refusals = await Promise.all([{}, { preset: "debug" }, { backends: { main: { type: "sqlite" } } }].map((options) =>
      HeavenBase.open("slim", options).then(() => "opened", (error) => [error instanceof HeavenBaseError, error.code, error.message.includes("sqlite")].join(" "))));
    console.log(refusals.join("\\n"));`);
  assert.deepEqual(said.split("\n"), ["a", ...Array(3).fill("true UNAVAILABLE true")]);
});

for (const moduleResolution of /** @type {const} */ (["bundler", "nodenext"])) {
  test(`a strict TypeScript program compiles, its module resolution ${moduleResolution}`, () => {
    cpSync(at("tests/package/consumer.ts"), join(folder, "consumer.ts"));
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({
      compilerOptions: { strict: true, noEmit: true, target: "es2022", lib: ["es2022", "dom"], types: [], skipLibCheck: false, exactOptionalPropertyTypes: false,
        module: moduleResolution === "bundler" ? "esnext" : "nodenext", moduleResolution },
      files: ["consumer.ts"],
    }));
    const { status, output } = run(process.execPath, [at("node_modules/typescript/bin/tsc"), "-p", "."]);
    assert.equal(status, 0, output);
  });
}

test("publint finds nothing", () => {
  const { status, output } = run(at("node_modules/.bin/publint"), ["run", tarball, "--strict"]);
  assert.equal(status, 0, output);
  assert.match(output, /All good/);
});

test("attw finds nothing", () => {
  const { status, output } = run(at("node_modules/.bin/attw"), [tarball, "--profile", "esm-only", "--no-color", "--no-emoji"]);
  assert.equal(status, 0, output);
});
