// SPDX-License-Identifier: MIT
// The house's rules, checked: one line of output per breach, one count per rule. Needs no dependency; the rules
// about objects and modules read what the builds before it left in build/ and dist/.
import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join, normalize, relative } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";
import { at, filesUnder, root, run, say } from "../../scripts/lib.mjs";
import { cFunctions, withoutComments } from "./c-text.mjs";

const file_lines_max = 900;
const function_lines_max = 70;
/** Data-flow order: an include may point left, never right. */
const layers = ["base", "text", "value", "query", "eval", "plan", "compile", "index", "exec", "workspace", "abi"];
// The goal for slim is 200 000: docs/performance.md names what is left. This holds what has been reached.
const brotli_bytes_max = { hb: 680_000, "hb-slim": 283_000 };

/** @param {string} path */
const read = (path) => readFileSync(at(path), "utf8");
/** Files under git, or about to be: what a clone would hold. */
const tree = run("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { quiet: true }).stdout.trim().split("\n")
  .filter((path) => existsSync(at(path)));
const code = tree.filter((path) => /^(src|backends|wasi|js|web|tests|scripts|bench|examples|cmake)\//.test(path) &&
  /\.(c|h|js|mjs|ts|cmake|py)$/.test(path));
const cFiles = tree.filter((path) => /^(src|backends|wasi)\/.*\.[ch]$/.test(path));
const coreFiles = cFiles.filter((path) => !path.startsWith("wasi/"));

/** What a clone does not hold, and any layer may use. */
const thirdPartyHeaders = new Set(filesUnder("third_party").map((path) => basename(path)).filter((name) => name.endsWith(".h")));

/** A file that a program wrote; its first lines say so. @param {string} path */
const isGenerated = (path) => /generated|made by/i.test(read(path).split("\n").slice(0, 5).join("\n"));
/** @param {string} path */
const layerOf = (path) => (path.startsWith("src/") ? (path.split("/").length > 2 ? path.split("/")[1] : "api") : path.split("/")[0]);

/** Every `#include "…"` with the file it names, "" when there is none. @param {string} path */
function includesOf(path) {
  const lines = read(path).split("\n");
  return lines.flatMap((text, index) => {
    const name = /^\s*#\s*include\s+"([^"]+)"/.exec(text)?.[1];
    if (!name || thirdPartyHeaders.has(name)) return [];
    const target = [join(dirname(path), name), join("src", name), name].map(normalize).find((candidate) => existsSync(at(candidate)));
    return [{ line: index + 1, name, target: target ?? "" }];
  });
}

/** May a file of layer `from` include `target`? @param {string} from @param {string} target */
function mayInclude(from, target) {
  const to = layerOf(target);
  if (from === to) return true;
  if (from === "wasi") return true;
  if (from === "backends") return to !== "api" && layers.indexOf(to) <= layers.indexOf("index");
  // The public header shows the vocabulary of the left half; those who implement it, from exec on, see it.
  if (to === "api") return layers.indexOf(from) >= layers.indexOf("exec");
  if (from === "api") return layers.indexOf(to) >= 0 && layers.indexOf(to) <= layers.indexOf("compile");
  // Planning reads the capabilities, execution calls the table; nobody sees one backend's own header.
  if (to === "backends") return target === "backends/backend.h" && layers.indexOf(from) >= layers.indexOf("plan");
  return to !== "wasi" && layers.indexOf(to) <= layers.indexOf(from);
}

/** @param {RegExp} pattern @param {string} text @returns {{ line: number, found: string }[]} */
function matches(pattern, text) {
  return text.split("\n").flatMap((line, index) => {
    const found = pattern.exec(line);
    return found ? [{ line: index + 1, found: found[0].trim() }] : [];
  });
}

/** Calls that have no place in the core, by reason. @type {[RegExp, string][]} */
const banned = [
  [/(?<![\w.>])(strcpy|strcat|sprintf|vsprintf|strtok|gets|atoi|atol|atoll|atof|alloca)\s*\(/, "unbounded or locale-bound"],
  [/(?<![\w.>])(strtod|strtof|setlocale|toupper|tolower|isalpha|isspace|isdigit)\s*\(/, "depends on the locale"],
  [/(?<![\w.>])(printf|fprintf|vprintf|puts|fputs|putchar|fopen|fread|fwrite|open|read|write|getenv|system)\s*\(/, "the core does no I/O"],
  [/(?<![\w.>])(time|clock|clock_gettime|gettimeofday|rand|srand|random|arc4random)\s*\(/, "clock and randomness are arguments"],
  [/(?<![\w.>])(setjmp|longjmp|exit|_Exit|signal)\s*\(/, "no jumps out of a call"],
  [/\bgoto\s+(?!done\b)\w+/, "the only label is done"],
];

/** Objects of our own code, from a build's compile_commands.json. @param {string} preset @returns {{ source: string, object: string }[]} */
function compiled(preset) {
  const path = `build/${preset}/compile_commands.json`;
  if (!existsSync(at(path))) return [];
  /** @type {{ directory: string, file: string, command: string }[]} */
  const commands = JSON.parse(read(path));
  return commands.map(({ directory, file, command }) => ({ source: relative(root, file), object: join(directory, / -o (\S+)/.exec(command)?.[1] ?? "") }))
    .filter(({ source }) => /^(src|backends|wasi)\//.test(source));
}

/** Imports of a wasm module, one `module.name` each. @param {string} path */
function wasmImports(path) {
  const module = new WebAssembly.Module(readFileSync(at(path)));
  return [...new Set(WebAssembly.Module.imports(module).map((entry) => `${entry.module}.${entry.name}`))].sort();
}

// Written in pieces, so that this file does not break its own rule.
const hosts = new RegExp(["registry\\.npm" + "js", "pypi" + "\\.org", "python" + "hosted", "crates" + "\\.io/api", "deb\\.debian" + "\\.org",
  "proxy\\.golang" + "\\.org", "snapshot\\.debian" + "\\.org"].join("|"));
const elsewhere = new RegExp(["\\.\\./" + "shared", "/work/" + "(main|shared)", "/tmp/" + "brief"].join("|"));
const unfinished = new RegExp(["\\bFIX" + "ME\\b", "\\bX" + "XX\\b", "\\bTO" + "DO\\b(?!\\(#\\d+\\))", "not " + "implemented", "\\bunimple" + "mented",
  "\\.(skip|only|todo)" + "\\("].join("|"));

/** Every rule gives the breaches it found. @type {Record<string, () => string[]>} */
const rules = {
  "every include names a file": () => cFiles.flatMap((path) => includesOf(path).filter(({ target }) => !target)
    .map(({ line, name }) => `${path}:${line}: no such file: ${name}`)),

  "includes point left": () => cFiles.flatMap((path) => includesOf(path)
    .filter(({ target }) => target && !mayInclude(layerOf(path), target))
    .map(({ line, name }) => `${path}:${line}: ${layerOf(path)} may not include ${name}`)),

  "folders of src are layers": () => [...new Set(cFiles.filter((path) => path.startsWith("src/")).map(layerOf))]
    .filter((layer) => layer !== "api" && !layers.includes(layer)).map((layer) => `src/${layer}: not a layer; add it to tests/tidy/tidy.mjs and CMakeLists.txt`),

  "only src/abi knows Emscripten": () => cFiles.filter((path) => !path.startsWith("src/abi/"))
    .flatMap((path) => matches(/emscripten|__EMSCRIPTEN__|export_name/i, withoutComments(read(path))).map(({ line, found }) => `${path}:${line}: ${found}`)),

  "feature macros are tested in few places": () => cFiles
    .filter((path) => path !== "backends/registry.c" && !path.startsWith("src/abi/"))
    .flatMap((path) => matches(/\bHB_WITH_\w+/, withoutComments(read(path))).map(({ line, found }) => `${path}:${line}: ${found}`)),

  [`files have at most ${file_lines_max} lines`]: () => code.filter((path) => !isGenerated(path))
    .map((path) => ({ path, count: read(path).split("\n").length - 1 })).filter(({ count }) => count > file_lines_max)
    .map(({ path, count }) => `${path}: ${count} lines`),

  [`functions have at most ${function_lines_max} lines`]: () => cFiles.filter((path) => path.endsWith(".c")).flatMap((path) => cFunctions(read(path))
    .filter(({ lines }) => lines > function_lines_max).map(({ name, line, lines }) => `${path}:${line}: ${name} has ${lines} lines`)),

  "lines have at most 100 columns": () => cFiles.filter((path) => !isGenerated(path)).flatMap((path) => read(path).split("\n")
    .flatMap((text, index) => ([...text].length > 100 ? [`${path}:${index + 1}: ${[...text].length} columns`] : []))),

  "no banned calls": () => coreFiles.flatMap((path) => {
    // A failed HB_ASSERT is our own defect and may say so before it aborts.
    // The C library's files behind the seam of base/fs.h.
    const text = path === "src/base/fs_posix.c" ? "" : withoutComments(read(path)).replace(/(_Noreturn void hb_assert_failed\([^}]*= )write\(/, "$1(    ");
    return banned.flatMap(([pattern, reason]) => matches(pattern, text).map(({ line, found }) => `${path}:${line}: ${found} … (${reason})`));
  }),

  "malloc is named in one file": () => {
    const named = coreFiles.filter((path) => matches(/(?<![\w.>])(malloc|calloc|realloc|free)\s*\(/, withoutComments(read(path))).length > 0);
    return named.length > 1 ? named.map((path) => `${path}: calls the C allocator`) : [];
  },

  "no writable statics": () => compiled("native").filter(({ object }) => existsSync(object)).flatMap(({ source, object }) => {
    const table = run("objdump", ["-t", object], { quiet: true }).stdout;
    return table.split("\n").flatMap((line) => {
      const symbol = /^[0-9a-f]+ .{6}O (\.t?(?:data|bss)\S*|\*COM\*)\s+[0-9a-f]+ (?:\.hidden )?(\S+)/.exec(line);
      if (!symbol || symbol[1].startsWith(".data.rel.ro") || /^(__|\.L|_ZZ)/.test(symbol[2])) return [];
      return [`${source}: ${symbol[2]} lies in ${symbol[1]}`];
    });
  }),

  "every C file is built": () => {
    const built = new Set(["native", "wasi", "emscripten"].flatMap((preset) => compiled(preset).map(({ source }) => source)));
    return cFiles.filter((path) => path.endsWith(".c") && !built.has(path)).map((path) => `${path}: in no build`);
  },

  "header guards are named after the file": () => cFiles.filter((path) => path.endsWith(".h")).flatMap((path) => {
    const guard = path === "src/hb.h" ? "HB_H" : `HB_${path.replace(/^src\//, "").replace(/[/.-]/g, "_").toUpperCase()}`;
    return read(path).includes(`#ifndef ${guard}\n#define ${guard}\n`) ? [] : [`${path}: want ${guard}`];
  }),

  "each file says its licence": () => code.concat(["CMakeLists.txt", ".ci/run"].filter((path) => existsSync(at(path))))
    .filter((path) => !read(path).split("\n").slice(0, 3).some((line) => line.includes("SPDX-License-Identifier: MIT")))
    .map((path) => `${path}: no SPDX line`),

  "no words of unfinished work": () => code.filter((path) => !path.startsWith("tests/tidy/")).flatMap((path) => matches(unfinished, read(path))
    .map(({ line, found }) => `${path}:${line}: ${found}`)),

  "the tree stands alone": () => tree.filter((path) => !/\.(jsonl|ndjson|bin|f16|db|gz|png|wasm)$/.test(path)).flatMap((path) =>
    [hosts, elsewhere].flatMap((pattern) => matches(pattern, read(path)).map(({ line, found }) => `${path}:${line}: ${found}`))),

  "JavaScript keeps Node to its hosts": () => tree.filter((path) => /^js\/.*\.(js|ts)$/.test(path) && !/^js\/((host|entry)\/node[^/]*|(bin|gateway)\/.*)$/.test(path))
    .flatMap((path) => matches(/from\s+["']node:|import\(\s*["']node:|\brequire\(|\beval\(|new Function\(/, read(path))
      .map(({ line, found }) => `${path}:${line}: ${found}`)),

  "the WASI module imports what wasi/imports.txt lists": () => {
    if (!existsSync(at("dist/wasi/hb.wasm")) || !existsSync(at("wasi/imports.txt"))) return [];
    const allowed = read("wasi/imports.txt").split("\n").map((line) => line.replace(/#.*/, "").trim()).filter(Boolean);
    const imported = wasmImports("dist/wasi/hb.wasm");
    return [...imported.filter((name) => !allowed.includes(name)).map((name) => `imported, not listed: ${name}`),
      ...allowed.filter((name) => !imported.includes(name)).map((name) => `listed, not imported: ${name}`)];
  },

  "generated files are fresh": () => tree.filter((path) => /^scripts\/(generate|make)-[\w-]+\.mjs$/.test(path) && read(path).includes("--check"))
    .flatMap((path) => {
      const { status, output } = run(process.execPath, [at(path), "--check"], { quiet: true, may_fail: true });
      return status === 0 ? [] : [`${path} --check: ${output.trim()}`];
    }),

  "the modules are small": () => Object.entries(brotli_bytes_max).flatMap(([name, bytes_max]) => {
    const files = [`dist/${name}.mjs`, `dist/${name}.wasm`];
    if (!files.every((path) => existsSync(at(path)))) return [];
    const options = { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } };
    const bytes = files.reduce((sum, path) => sum + brotliCompressSync(readFileSync(at(path)), options).length, 0);
    say(`  ${name}: ${bytes} bytes, brotli`);
    return bytes > bytes_max ? [`${name}: ${bytes} bytes with brotli, at most ${bytes_max}`] : [];
  }),
};

let passed = 0;
let failed = 0;
for (const [name, rule] of Object.entries(rules)) {
  const breaches = rule();
  if (breaches.length === 0) {
    passed += 1;
    continue;
  }
  failed += 1;
  say(`FAIL ${name}`);
  for (const breach of breaches) say(`  ${breach}`);
}
say(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
