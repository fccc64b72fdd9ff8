// SPDX-License-Identifier: MIT
// Counts what is compiled and instantiated. Imported first, so that it sees what importing the library does.

/** Calls by name. @type {Record<string, number>} */
export const counts = { Module: 0, Instance: 0, compile: 0, instantiate: 0 };

const wasm = /** @type {any} */ (WebAssembly);
for (const name of ["compile", "instantiate"]) {
  const original = wasm[name];
  wasm[name] = (/** @type {unknown[]} */ ...args) => {
    counts[name] += 1;
    return original(...args);
  };
}
for (const name of ["Module", "Instance"]) {
  wasm[name] = new Proxy(wasm[name], {
    construct(target, args) {
      counts[name] += 1;
      return Reflect.construct(target, args);
    },
  });
}
