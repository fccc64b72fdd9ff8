// SPDX-License-Identifier: MIT
// Browsers: the glue fetches the module from beside itself, with a bundler or without.
import { makeHeavenBase } from "../heavenbase.js";

export * from "../index.js";
export const HeavenBase = makeHeavenBase({ glue: () => import("../../dist/hb-slim.mjs") });
export const { init } = HeavenBase;
