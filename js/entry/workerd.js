// SPDX-License-Identifier: MIT
// workerd and its kin: the module comes compiled, as an import; it is instantiated by the first open.
import module from "../../dist/hb.wasm";
import { makeHeavenBase } from "../heavenbase.js";

export * from "../index.js";
export const HeavenBase = makeHeavenBase({ glue: () => import("../../dist/hb.mjs"), wasm: () => ({ module }) });
export const { init } = HeavenBase;
