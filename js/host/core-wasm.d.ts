// SPDX-License-Identifier: MIT
/** The compiled module, where the host imports wasm that way: `init({ module })`. */
declare const module: WebAssembly.Module;
export default module;
