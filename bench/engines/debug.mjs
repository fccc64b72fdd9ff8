// SPDX-License-Identifier: MIT
// Three backends and the Catalog, as a workspace is opened when nothing else is said.
import { makeEngine } from "./heavenbase.mjs";

export const engine = makeEngine({ name: "debug", title: "HeavenBase, debug preset with Catalog", setting: { preset: "debug" }, replicated: true });
