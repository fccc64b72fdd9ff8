// SPDX-License-Identifier: MIT
// Placements agree on random cases. HB_LONG=1 looks at more of them; any seed by hand: differential.mjs --seed.
import assert from "node:assert/strict";
import { test } from "node:test";
import { PGlite } from "@electric-sql/pglite";
import { vector } from "@electric-sql/pglite-pgvector";
import { pgliteDriver } from "heavenbase/drivers/pglite";
import { filePlacements, remotePlacements, run } from "./differential.mjs";

const count = process.env.HB_LONG ? 20_000 : 2000, file_count = process.env.HB_LONG ? 2000 : 200, remote_count = process.env.HB_LONG ? 2000 : 40;

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

test(`PostgreSQL in WebAssembly answers ${remote_count} random queries as memory does`, async () => {
  const db = await PGlite.create({ extensions: { vector } });
  await db.exec("CREATE EXTENSION vector");
  const { failures, answered, refused } = await run(3, remote_count, () => {}, remotePlacements("pgvector", pgliteDriver(db)));
  await db.close();
  assert.deepEqual(failures, []);
  assert.ok(answered > refused, `only ${answered} of ${answered + refused} queries were answered: too little is compared`);
});
