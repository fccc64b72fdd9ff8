// SPDX-License-Identifier: MIT
// The list that every host passes, in Node: in memory, and with a file on the real disk.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import * as heavenbase from "heavenbase";
import * as slim from "heavenbase/slim";
import { readFiles, tour, writeFiles } from "../hosts/tour.js";

test("the tour passes in Node", async () => {
  const report = await tour(heavenbase);
  assert.deepEqual(report.backends, ["main", "vec", "search"]);
  assert.match(report.explain, /@vec/);
});

test("the tour is the same with everything in one engine", async () => {
  const { search, hybrid, near } = await tour(heavenbase);
  const inmem = await tour(slim, { backends: { main: { type: "inmem" } } });
  const sqlite = await tour(heavenbase, { backends: { main: { type: "sqlite", database: ":memory:" } } });
  for (const report of [inmem, sqlite]) assert.deepEqual([report.search, report.hybrid, report.near], [search, hybrid, near]);
});

test("what the tour writes to a file is there again", async () => {
  const folder = mkdtempSync(join(tmpdir(), "hb-tour-"));
  try {
    const options = { backends: { main: { type: "sqlite", database: join(folder, "tour.db") } } };
    const written = await writeFiles(heavenbase, options);
    assert.equal(written.persistence, "node");
    await readFiles(heavenbase, options, written);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
