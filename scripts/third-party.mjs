// SPDX-License-Identifier: MIT
// Brings the C libraries into third_party/, each file checked against the sha256 below.
// Two kinds of origin, both asked by package name through the machine's own client:
//   npm     a package of package-lock.json that ships the C files (better-sqlite3, kafka-javascript)
//   debian  the upstream tarball of a Debian source package, by a private deb-src list
// docs/third-party.md says why each library comes from where it does.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { gunzipSync } from "node:zlib";
import { at, fail, run, say, sha256, sha256File, stamp, stamped } from "./lib.mjs";

/**
 * `files` maps the name under third_party/<library>/ to its path in the package; for npm with its sha256. For a Debian
 * source the upstream tarball is pinned. With `patched_sha256` the Debian revision's changes are wanted too, as long as
 * they give exactly these files (filesHash): other revisions may differ in what we do not take.
 * @typedef {{ version: string, npm: string, folder: string, files: Record<string, [string, string]> }} NpmSource
 * @typedef {{ version: string, debian: string, suite: string, tarball: string, sha256: string, strip: number,
 *             patched_sha256?: string, files: Record<string, string> }} DebianSource
 */

const pcre2Modules = ("auto_possess chkdint compile compile_class config context error extuni find_bracket " +
  "maketables match match_data newline ord2utf pattern_info script_run serialize string_utils study substitute " +
  "substring tables ucd valid_utf xclass").split(" ");

/** @type {Record<string, NpmSource | DebianSource>} */
export const sources = {
  sqlite: {
    version: "3.53.2", npm: "better-sqlite3@12.11.1", folder: "better-sqlite3/deps/sqlite3",
    files: {
      "sqlite3.c": ["sqlite3.c", "60d2f39a3726cd6b9021da6f4e868608d66fbb6528a9f513dc8ffcc640493422"],
      "sqlite3.h": ["sqlite3.h", "9e69a1353a4288450b0d5239ede11fc7f1f4c8e5eb07491fc8317eacb5b7de7e"],
    },
  },
  cjson: {
    version: "1.7.19", npm: "@confluentinc/kafka-javascript@1.10.1",
    folder: "@confluentinc/kafka-javascript/deps/librdkafka/src",
    files: {
      "cJSON.c": ["cJSON.c", "fdb11f529efe3ad55b04d3c59c3c2f668cf4b68bd93feed23d51ee89841e0a90"],
      "cJSON.h": ["cJSON.h", "25b0145150d500498e4d209cec69c18c42cf818bffcc54690be3b895a2a16dee"],
    },
  },
  yyjson: {
    version: "0.10.0", debian: "yyjson", suite: "trixie", tarball: "yyjson_0.10.0+ds.orig.tar.xz", strip: 1,
    sha256: "ae6fde69a193e10afab426ef13f113d6903446405f9db9ee98bfb572bd6c961a",
    files: { "yyjson.c": "src/yyjson.c", "yyjson.h": "src/yyjson.h", LICENSE: "LICENSE" },
  },
  pcre2: {
    version: "10.46", debian: "pcre2", suite: "trixie", tarball: "pcre2_10.46.orig.tar.gz", strip: 1,
    sha256: "8d28d7f2c3b970c3a4bf3776bcbb5adfc923183ce74bc8df1ebaad8c1985bd07",
    // Patterns come from outside: the upstream fixes of 10.48 that Debian carries on top of 10.46 are wanted.
    patched_sha256: "0a04135255f4ef1b197d5133534bfb82fefe462c31721b94d358333af51c77a6",
    files: {
      ...Object.fromEntries(pcre2Modules.map((name) => [`pcre2_${name}.c`, `src/pcre2_${name}.c`])),
      "pcre2_chartables.c": "src/pcre2_chartables.c.dist",
      "pcre2.h": "src/pcre2.h.generic",
      "pcre2_compile.h": "src/pcre2_compile.h",
      "pcre2_internal.h": "src/pcre2_internal.h",
      "pcre2_intmodedep.h": "src/pcre2_intmodedep.h",
      "pcre2_ucp.h": "src/pcre2_ucp.h",
      "pcre2_util.h": "src/pcre2_util.h",
      "pcre2_ucptables.c": "src/pcre2_ucptables.c", // included by pcre2_tables.c
      "LICENCE.md": "LICENCE.md",
    },
  },
  utf8proc: {
    version: "2.8.0", debian: "utf8proc", suite: "bookworm", tarball: "utf8proc_2.8.0.orig.tar.gz", strip: 1,
    sha256: "a0a60a79fe6f6d54e7d411facbfcc867a6e198608f2cd992490e46f04b1bcecc",
    files: {
      "utf8proc.c": "utf8proc.c", "utf8proc_data.c": "utf8proc_data.c", "utf8proc.h": "utf8proc.h",
      "LICENSE.md": "LICENSE.md",
    },
  },
};

/** One value for everything that decides what a library's folder holds. @param {string} name */
const pin = (name) => sha256(JSON.stringify(sources[name]));

/** @param {string} name */
const present = (name) => stamped(at("third_party", name, ".pin"), pin(name));

/** @param {string} name @param {(out: string) => void} write */
function install(name, write) {
  const out = at("third_party", name);
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  write(out);
  stamp(join(out, ".pin"), pin(name));
}

/** @param {string} name @param {NpmSource} source */
function installFromNpm(name, source) {
  install(name, (out) => {
    for (const [target, [path, hash]] of Object.entries(source.files)) {
      const file = at("node_modules", source.folder, path);
      if (!existsSync(file)) fail(`${source.npm} is not installed; run: npm ci`);
      if (sha256File(file) !== hash) fail(`${name}: ${file} does not have the pinned sha256 ${hash}`);
      cpSync(file, join(out, target));
    }
  });
}

/**
 * The machine's own Debian mirror and keyring, whichever of the two list formats it uses.
 * @returns {{ uri: string, signed_by: string }}
 */
function debianMirror() {
  const codename = /VERSION_CODENAME=(\w+)/.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "bookworm";
  const folder = "/etc/apt/sources.list.d";
  const lists = ["/etc/apt/sources.list", ...(existsSync(folder) ? readdirSync(folder).map((f) => join(folder, f)) : [])];
  for (const list of lists.filter((path) => existsSync(path))) {
    const text = readFileSync(list, "utf8");
    if (list.endsWith(".sources")) {
      for (const stanza of text.split(/\n\s*\n/)) {
        const field = (/** @type {string} */ key) => new RegExp(`^${key}:[ \\t]*(.+)$`, "m").exec(stanza)?.[1].trim() ?? "";
        if (field("Suites").split(/\s+/).includes(codename) && field("Components").split(/\s+/).includes("main")) {
          return { uri: field("URIs").split(/\s+/)[0], signed_by: field("Signed-By") };
        }
      }
    } else if (list.endsWith(".list")) {
      for (const line of text.split("\n")) {
        const parts = /^deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+(.*)$/.exec(line);
        if (parts && parts[3] === codename && parts[4].split(/\s+/).includes("main")) {
          return { uri: parts[2], signed_by: /signed-by=(\S+)/.exec(parts[1] ?? "")?.[1] ?? "" };
        }
      }
    }
  }
  return fail(`no Debian archive for ${codename} found in /etc/apt; the C sources come from Debian source packages`);
}

/** One hash over the files a library takes from a source tree. @param {string} tree @param {DebianSource} source */
const filesHash = (tree, source) =>
  sha256(Object.entries(source.files).map(([target, path]) => `${target} ${sha256File(join(tree, path))}\n`).join(""));

/**
 * Applies the Debian revision's changes to an unpacked tree. False when they can't be had, or are not the pinned ones.
 * @param {string} work @param {string} tree @param {DebianSource} source @param {string[]} apt
 */
function applyDebianChanges(work, tree, source, apt) {
  const args = [...apt, "-qq", "-t", source.suite, "source", "--download-only", "--diff-only", source.debian];
  if (run("apt-get", args, { cwd: work, quiet: true, may_fail: true }).status !== 0) return false;
  const diff = readdirSync(work).find((name) => name.startsWith(`${source.debian}_`) && name.endsWith(".diff.gz"));
  if (!diff) return false;
  writeFileSync(join(work, "debian.diff"), gunzipSync(readFileSync(join(work, diff))));
  const patch = run("patch", ["-s", "-p1", "-i", join(work, "debian.diff")], { cwd: tree, quiet: true, may_fail: true });
  return patch.status === 0 && filesHash(tree, source) === source.patched_sha256;
}

/** @param {[string, DebianSource][]} wanted */
function installFromDebian(wanted) {
  const work = mkdtempSync(join(tmpdir(), "hb-src-"));
  const mirror = debianMirror();
  const keyring = mirror.signed_by || "/usr/share/keyrings/debian-archive-keyring.gpg";
  const suites = [...new Set(wanted.map(([, source]) => source.suite))].join(" ");
  for (const dir of ["lists/partial", "cache/archives/partial"]) mkdirSync(join(work, dir), { recursive: true });
  writeFileSync(join(work, "src.sources"),
    `Types: deb-src\nURIs: ${mirror.uri}\nSuites: ${suites}\nComponents: main\nSigned-By: ${keyring}\n`);
  // A private list and private folders: neither root nor a change to the machine is needed.
  const apt = [`-oDir::Etc::SourceList=${work}/src.sources`, "-oDir::Etc::SourceParts=/dev/null",
    `-oDir::State::Lists=${work}/lists`, `-oDir::Cache=${work}/cache`, "-oAPT::Sandbox::User=root"];
  try {
    say("third-party: reading the Debian source index");
    run("apt-get", [...apt, "-qq", "update"], { cwd: work });
    for (const [name, source] of wanted) installOneFromDebian(name, source, work, apt);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** @param {string} name @param {DebianSource} source @param {string} work @param {string[]} apt */
function installOneFromDebian(name, source, work, apt) {
  say(`third-party: ${name} ${source.version} from Debian source package ${source.debian}`);
  run("apt-get", [...apt, "-qq", "-t", source.suite, "source", "--download-only", "--tar-only", source.debian], { cwd: work });
  const tarball = join(work, source.tarball);
  if (!existsSync(tarball)) fail(`${name}: Debian ${source.suite} no longer ships ${source.tarball}`);
  if (sha256File(tarball) !== source.sha256) fail(`${name}: ${source.tarball} does not have the pinned sha256 ${source.sha256}`);
  const unpack = (/** @type {string} */ tree) => {
    mkdirSync(tree);
    run("tar", ["-xf", tarball, `--strip-components=${source.strip}`, "-C", tree]);
    return tree;
  };
  let tree = unpack(join(work, name));
  if (source.patched_sha256 && !applyDebianChanges(work, tree, source, apt)) {
    say(`third-party: WARNING: Debian's security changes to ${name} ${source.version} are not the pinned ones or can't be had;` +
      " taking the pinned upstream tarball as it is");
    tree = unpack(join(work, `${name}-plain`));
  }
  install(name, (out) => {
    for (const [target, path] of Object.entries(source.files)) cpSync(join(tree, path), join(out, basename(target)));
  });
}

/** Makes third_party/ complete; does nothing when it already is. */
export function thirdParty() {
  const missing = Object.entries(sources).filter(([name]) => !present(name));
  for (const [name, source] of missing) {
    if (!("npm" in source)) continue;
    say(`third-party: ${name} ${source.version} from npm package ${source.npm}`);
    installFromNpm(name, source);
  }
  const debian = missing.filter(/** @returns {entry is [string, DebianSource]} */ (entry) => "debian" in entry[1]);
  if (debian.length > 0) installFromDebian(debian);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) thirdParty();
