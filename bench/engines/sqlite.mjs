// SPDX-License-Identifier: MIT
import { makeEngine } from "./heavenbase.mjs";

export const engine = makeEngine({ name: "sqlite", title: "HeavenBase, sqlite", setting: { backends: { main: { type: "sqlite" } }, catalog: false }, persists: true });
