// SPDX-License-Identifier: MIT
// Placements agree on random cases. HB_LONG=1 looks at more of them; any seed by hand: differential.mjs --seed.
import assert from "node:assert/strict";
import { test } from "node:test";
import { filePlacements, run } from "./differential.mjs";

const count = process.env.HB_LONG ? 20_000 : 2000, file_count = process.env.HB_LONG ? 2000 : 200;

test(`every placement answers ${count} random queries alike, with push-down and without`, async () => {
  const { failures, answered, refused } = await run(1, count);
  assert.deepEqual(failures, []);
  assert.ok(answered > refused, `only ${answered} of ${answered + refused} queries were answered: too little is compared`);
});

test(`row files of every kind answer ${file_count} random queries as memory does`, async () => {
  const { failures, answered, refused } = await run(2, file_count, () => {}, filePlacements);
  assert.deepEqual(failures, []);
  assert.ok(answered > refused, `only ${answered} of ${answered + refused} queries were answered: too little is compared`);
});
