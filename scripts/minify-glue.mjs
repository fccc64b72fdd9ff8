// SPDX-License-Identifier: MIT
// node minify-glue.mjs IN OUT: Emscripten's glue, minified and still an ES module.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { transformSync } from "esbuild";

const [input, output] = process.argv.slice(2);
const { code } = transformSync(readFileSync(input, "utf8"), { minify: true, format: "esm", target: "es2022" });
mkdirSync(dirname(output), { recursive: true });
writeFileSync(output, `/* SPDX-License-Identifier: MIT */\n${code}`);
