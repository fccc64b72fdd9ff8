// SPDX-License-Identifier: MIT
// Where a name or a length is not quite what was declared: what is taken all the same, and what is refused.
import assert from "node:assert/strict";
import { test } from "node:test";
import { HeavenBase } from "heavenbase";

const DOC = { name: "Doc", fields: { n: "integer", v: "vector" } };
const rows = [{ object_id: "a", n: 1, v: [1, 0] }, { object_id: "b", n: 2, v: [0, 1] }, { object_id: "c", n: 3, v: [1, 0, 0] }];
const layouts = { inmem: { main: { type: "inmem" } }, sqlite: { main: { type: "sqlite", database: ":memory:" } } };

for (const [layout, backends] of Object.entries(layouts)) {
  test(`near refuses a vector that is not as long as those that take part, on ${layout}`, async () => {
    const ws = await HeavenBase.open("lengths", { backends });
    await ws.register(DOC);
    await ws.upsertMany("doc", rows);
    const near = async (query, filter) => (await ws.queryJson("doc", { near: { field: "v", query }, filter, select: ["score"] })).execute();
    const short = await near([1, 0], { n: { $lt: 3 } });
    assert.deepEqual(short.rows().map((row) => row.object_id), ["a", "b"]);
    await assert.rejects(near([1, 0]), { code: "VALIDATION" });
    await assert.rejects(near([1, 0], { n: { $gte: 2 } }), { code: "VALIDATION" });
    assert.deepEqual((await near([1, 0, 0], { n: 3 })).rows().map((row) => row.object_id), ["c"]);
    await ws.close();
  });
}

test("names are taken without the white space around them", async () => {
  const ws = await HeavenBase.open(" lengths ", { backends: layouts.inmem });
  assert.equal(ws.id, "lengths");
  await ws.register({ ...DOC, entity_id: "" });
  await ws.upsertMany("doc", rows);
  const frame = await (await ws.queryJson("doc", { group_by: [" n "], aggregate: { " many ": { " COUNT ": { field: " n" } } }, order: ["- many", "-n"], limit: 1 })).execute();
  assert.deepEqual(frame.rows(), [{ n: 3, many: 1 }]);
  await ws.close();
});

test("an id of more than 63 characters is of no row, and a backend has a name", async () => {
  const ws = await HeavenBase.open("lengths", { backends: layouts.inmem });
  await ws.register(DOC);
  assert.equal(await ws.exists("é".repeat(63), { entity: "doc" }), false);
  await assert.rejects(async () => ws.exists("é".repeat(64), { entity: "doc" }), { code: "INVALID_ID" });
  await assert.rejects(async () => ws.get("x".repeat(64), { entity: "doc" }), { code: "INVALID_ID" });
  await assert.rejects(async () => ws.refresh({ backend: "" }), { code: "UNKNOWN_BACKEND" });
  await ws.close();
});

test("having compares groups of a path like values at that path", async () => {
  const ws = await HeavenBase.open("groups", { backends: layouts.inmem });
  await ws.register({ name: "Rec", fields: { j: "json" } });
  await ws.upsertMany("rec", [1, 2, 2.5, "2", true, null].map((n, at) => ({ object_id: `r${at}`, j: { n } })));
  const groups = async (having) => (await (await ws.queryJson("rec", { group_by: ["j.n"], aggregate: { many: { count: { field: "object_id" } } }, having })).execute())
    .rows().map((row) => row["j.n"]);
  assert.deepEqual(await groups({ "j.n": { $gt: 1 } }), [2, 2.5]);
  assert.deepEqual(await groups({ "j.n": { $lte: "2" } }), ["2"]);
  await assert.rejects(groups({ "j.n": { $gt: null } }), { code: "TYPE" });
  await ws.close();
});
