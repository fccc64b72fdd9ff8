// SPDX-License-Identifier: MIT
// A unique constraint over one field outlives a refused call and another instance.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { HeavenBase } from "heavenbase";

const Thing = { name: "Thing", fields: { a: "short-text", b: "integer" }, constraints: [{ fields: ["a"] }] };
const twice = (/** @type {string} */ value) => [{ object_id: "x", a: value }, { object_id: "y", a: value }];

test("a constraint over one field goes on refusing", async () => {
  const directory = mkdtempSync(join(tmpdir(), "hb-unique-"));
  const backends = { main: { type: "sqlite", database: join(directory, "main.db") } };
  try {
    for (let opened = 0; opened < 2; opened++) {
      const ws = await HeavenBase.open("unique-group", { backends });
      await ws.register(Thing);
      for (const value of ["q", "r", "q"]) {
        await assert.rejects(ws.upsertMany("thing", twice(value)), { code: "UNIQUE" });
      }
      assert.equal(await ws.count("thing"), 0);
      await ws.close();
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
