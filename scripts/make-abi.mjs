// SPDX-License-Identifier: MIT
// node scripts/make-abi.mjs [--check]: js/generated/abi.js from src/abi/layout.c. The layout is compiled and run
// natively (its static asserts hold on both sides of the boundary); --check only says whether the file is stale.
import { mkdirSync, mkdtempSync, readFileSync, existsSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { at, filesUnder, run, say } from "./lib.mjs";

const target = at("js/generated/abi.js");

/** The layout as the C sources state it. @returns {Record<string, Record<string, number | string>>} */
function layout() {
  const folder = mkdtempSync(join(tmpdir(), "hb-abi-"));
  try {
    const main = join(folder, "main.c");
    writeFileSync(main, '#include <stdint.h>\n#include <stdio.h>\n#include "abi/export.h"\nint main(void) { puts(hb_abi_layout_text()); return 0; }\n');
    const sources = filesUnder("src/base").filter((path) => path.endsWith(".c")).map((path) => at(path));
    const yyjson = at("third_party/yyjson");
    run(process.execPath, [at("scripts/trim-yyjson.mjs"), yyjson, folder], { quiet: true });      // as the build has it
    run("cc", ["-std=c11", "-w", "-O0", `-I${at("src")}`, `-I${at("")}`, `-I${yyjson}`, main, at("src/abi/layout.c"),
      ...sources, join(folder, "yyjson.c"), "-lm",
      "-o", join(folder, "layout")], { quiet: true });
    return JSON.parse(run(join(folder, "layout"), [], { quiet: true }).stdout);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {Record<string, Record<string, number | string>>} groups */
function source({ numbers, meanings, ...groups }) {
  const constants = Object.entries(numbers).map(([name, value]) => `export const ${name} = ${value};`);
  const tables = Object.entries(groups).map(([name, entries]) => {
    const title = { status: "Status", calls: "Call", flags: "Flag", kinds: "Kind", cells: "Cell", roles: "Role", states: "State",
      answers: "Answer", ops: "Op", call: "CallAt", reply: "ReplyAt" }[name] ?? name;
    const lines = Object.entries(entries).map(([key, value]) => `  ${key}: ${value},`);
    return `/** @type {{ ${Object.keys(entries).map((key) => `readonly ${key}: number`).join(", ")} }} */\n`
      + `export const ${title} = Object.freeze({\n${lines.join("\n")}\n});`;
  });
  const codes = Object.keys(groups.status).map((name) => `"${name}"`).join(" | ");
  return `// SPDX-License-Identifier: MIT
// Made by scripts/make-abi.mjs from src/abi/layout.c: do not edit.

${constants.join("\n")}

${tables.join("\n\n")}

/** Every code that an error can have. @typedef {${codes}} StatusName */

/** Names by value. @type {readonly StatusName[]} */
export const STATUS_NAMES = Object.freeze(/** @type {StatusName[]} */ (Object.keys(Status)));

/** What each code means, one line each. @type {Readonly<Record<StatusName, string>>} */
export const STATUS_MEANINGS = Object.freeze({
${Object.entries(meanings).map(([name, text]) => `  ${name}: ${JSON.stringify(text)},`).join("\n")}
});
`;
}

const text = source(layout());
if (!process.argv.includes("--check")) {
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, text);
} else if (!existsSync(target) || readFileSync(target, "utf8") !== text) {
  say("js/generated/abi.js is stale: run node scripts/make-abi.mjs");
  process.exitCode = 1;
}
