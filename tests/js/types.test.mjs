// SPDX-License-Identifier: MIT
// The types in tests/types hold: every line compiles that should, and every @ts-expect-error is one.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import test from "node:test";
import { fileURLToPath } from "node:url";

test("rows, inserts and queries have the types that the fields declare", () => {
  const at = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
  const { status, stdout } = spawnSync(process.execPath, [at("node_modules/typescript/bin/tsc"), "-p", at("tests/types/tsconfig.json")], { encoding: "utf8" });
  assert.equal(status, 0, stdout);
});
