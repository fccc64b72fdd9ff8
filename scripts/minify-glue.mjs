// SPDX-License-Identifier: MIT
// node minify-glue.mjs IN OUT: Emscripten's glue, minified and still an ES module, with its declaration beside it.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { transformSync } from "esbuild";

const declaration = `/* SPDX-License-Identifier: MIT */
/** The functions of src/abi/exports.c as \`_name\`, and the runtime's own members. */
export interface CoreModule {
  readonly HEAPU8: Uint8Array;
  /** Emscripten's file system; the slim module has none. */
  readonly FS?: any;
  readonly IDBFS?: any;
  readonly [name: \`_\${string}\`]: (...args: any[]) => any;
}
export interface CoreOptions {
  instantiateWasm?(
    imports: WebAssembly.Imports,
    receive: (instance: WebAssembly.Instance, module?: WebAssembly.Module) => void,
  ): unknown;
  wasmBinary?: ArrayBuffer | Uint8Array;
  locateFile?(name: string, folder: string): string;
  print?(line: string): void;
  printErr?(line: string): void;
}
export default function createHB(options?: CoreOptions): Promise<CoreModule>;
`;

const [input, output] = process.argv.slice(2);
const { code } = transformSync(readFileSync(input, "utf8"), { minify: true, format: "esm", target: "es2022" });
mkdirSync(dirname(output), { recursive: true });
writeFileSync(output, `/* SPDX-License-Identifier: MIT */\n${code}`);
writeFileSync(output.replace(/\.mjs$/, ".d.mts"), declaration);
