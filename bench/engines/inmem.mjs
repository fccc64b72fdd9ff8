// SPDX-License-Identifier: MIT
import { makeEngine } from "./heavenbase.mjs";

export const engine = makeEngine({ name: "inmem", title: "HeavenBase, inmem", setting: { backends: { main: { type: "inmem" } }, catalog: false } });
