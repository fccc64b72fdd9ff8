// SPDX-License-Identifier: MIT
// Frame.toArrow(), read back by apache-arrow.
import assert from "node:assert/strict";
import { test } from "node:test";
import { tableFromIPC } from "apache-arrow";
import {
  Array as ArrayOf, Artifact, Boolean as Bool, Categorical, Date as Day, Float, HeavenBase, HyperG, Integer, Json, LongText, ShortText,
  Timestamp, Vector, entity, field,
} from "../../js/entry/node.js";

const Every = entity("Every", {
  title: field(ShortText), body: field(LongText), n: field(Integer), f: field(Float), ok: field(Bool),
  kind: field(Categorical(["a", "b"])), day: field(Day), at: field(Timestamp("us")), tags: field(ArrayOf(ShortText)),
  counts: field(ArrayOf(Integer)), ratios: field(ArrayOf(Float)), days: field(ArrayOf(Day)), mixed: field(ArrayOf),
  v: field(Vector(3)), j: field(Json), h: field(HyperG(["slot", "value"])), blob: field(Artifact),
});

const full = { object_id: "a", name: "A", title: "Grüße 名前", body: "x".repeat(5000), n: 9007199254740993n, f: 1.5, ok: true,
  kind: "b", day: "1969-12-31", at: 1700000000123456, tags: ["x", "yé", ""], counts: [1, 2, 3], ratios: [1, 2.5], days: ["2024-02-29"],
  mixed: [1, "a", null], v: [1, 2, 3], j: { a: [1, { b: null }] }, h: [{ slot: "s", value: "t" }], blob: new Uint8Array([0, 255]) };

/** @param {Record<string, any>} backends */
async function opened(backends) {
  const ws = await HeavenBase.open("arrows", { backends });
  await ws.register(Every);
  return ws;
}

for (const type of ["inmem", "sqlite"]) {
  test(`${type}: every type arrives as its own Arrow type`, async () => {
    const ws = await opened({ main: { type } });
    await ws.upsertMany(Every, [full, { object_id: "b", name: "B", ok: false, tags: [], counts: [], v: [4, 5, 6] }, { object_id: "c" }]);
    const frame = await ws.query(Every).execute();
    const table = tableFromIPC(frame.toArrow());
    assert.equal(table.numRows, 3);
    assert.deepEqual(table.schema.names, frame.colNames());
    const types = Object.fromEntries(table.schema.fields.map((one) => [one.name, String(one.type)]));
    assert.deepEqual(types, { object_id: "Utf8", name: "Utf8", title: "Utf8", body: "Utf8", n: "Int64", f: "Float64", ok: "Bool", kind: "Utf8",
      day: "Date32<DAY>", at: "Timestamp<MICROSECOND, UTC>", tags: "List<Utf8>", counts: "List<Int64>", ratios: "List<Float64>",
      days: "List<Date32<DAY>>", mixed: "Utf8", v: "FixedSizeList[3]<Float32>", j: "Utf8", h: "Utf8", blob: "Binary" });
    const [a, b, c] = table.toArray();
    for (const name of ["title", "body", "n", "f", "ok", "kind"]) assert.equal(a[name], /** @type {any} */ (full)[name], name);
    assert.equal(new Date(a.day).toISOString().slice(0, 10), "1969-12-31");
    assert.equal(Number(a.at), 1700000000123.456, "apache-arrow gives milliseconds");
    assert.deepEqual([...a.tags], full.tags);
    assert.deepEqual([...a.counts], [1n, 2n, 3n]);
    assert.deepEqual([...a.ratios], full.ratios);
    assert.equal(new Date(a.days.get(0)).toISOString().slice(0, 10), "2024-02-29");
    assert.deepEqual([...a.v], full.v);
    assert.deepEqual(JSON.parse(a.mixed), full.mixed);
    assert.deepEqual(JSON.parse(a.j), full.j);
    assert.deepEqual(JSON.parse(a.h), full.h);
    assert.deepEqual([...a.blob], [0, 255]);
    assert.deepEqual([b.ok, [...b.tags], [...b.v], b.title, b.n, b.j], [false, [], [4, 5, 6], null, null, null]);
    assert.deepEqual([c.ok, c.tags, c.v, c.day, c.at], [null, null, null, null, null]);
    assert.equal(table.schema.fields.find((one) => one.name === "j")?.metadata.get("ARROW:extension:name"), "arrow.json");
    await ws.close();
  });
}

test("scores, Json paths, projections and parts of a frame arrive as they are shown", async () => {
  const ws = await opened({ main: { type: "inmem" } });
  await ws.upsertMany(Every, [full, { ...full, object_id: "b", v: [0, 0, 1], n: 2, j: { a: 7 } }, { ...full, object_id: "c", v: [1, 0, 0], n: 3 }]);
  const frame = await ws.query(Every).near(Every.v, [1, 0, 0], { topK: 3 }).select("n", "j.a", "score").execute();
  const table = tableFromIPC(frame.toArrow());
  assert.deepEqual(table.schema.names, ["object_id", "n", "j.a", "score"]);
  assert.deepEqual(table.toArray().map((row) => row.object_id), ["c", "a", "b"]);
  assert.equal(table.toArray()[0].score, 1);
  assert.equal(table.toArray()[2]["j.a"], "7");
  const part = tableFromIPC(frame.filterIds(["b", "c"]).project(["n"]).toArrow());
  assert.deepEqual(part.toArray().map((row) => [row.object_id, Number(row.n)]), [["c", 3], ["b", 2]]);
  assert.equal(tableFromIPC(frame.limit(0).toArrow()).numRows, 0);
  const none = await ws.query(Every).where(Every.n.eq(-1)).execute();
  assert.equal(tableFromIPC(none.toArrow()).numRows, 0);
  await ws.close();
});

for (const type of ["inmem", "sqlite"]) {
  test(`${type}: groups and aggregates arrive with exact integers, nulls and mappings`, async () => {
    const ws = await opened({ main: { type } });
    await ws.upsertMany(Every, [full, { ...full, object_id: "b", n: 2, f: null, day: "2000-01-01" }, { object_id: "c" }, { object_id: "d", kind: "a", n: -3, ok: false, f: 2 }]);
    const metrics = { rows: Every.object_id.count(), sum: Every.n.sum(), mean: Every.f.avg(), first: Every.day.min(), tags: Every.tags.valueCounts() };
    const read = async (/** @type {any} */ query) => tableFromIPC((await query.execute()).toArrow());
    const groups = await read(ws.query(Every).groupBy("kind", "ok").aggregate(metrics));
    assert.deepEqual(groups.schema.fields.map((one) => `${one.name} ${one.type}`), ["kind Utf8", "ok Bool", "rows Int64", "sum Int64", "mean Float64", "first Utf8", "tags Utf8"]);
    assert.deepEqual(groups.toArray().map((row) => Object.values(row.toJSON())), [
      ["b", true, 2n, 9007199254740995n, 1.5, "1969-12-31", '{"":2,"x":2,"yé":2}'], [null, null, 1n, null, null, null, "{}"], ["a", false, 1n, -3n, 2, null, "{}"]]);
    const paths = await read(ws.query(Every).groupBy("j.a").aggregate({ most: Every.n.max() }));
    assert.deepEqual(paths.schema.names, ["j.a", "most"]);
    const none = await read(ws.query(Every).where(Every.n.eq(77)).aggregate({ rows: Every.object_id.count(), sum: Every.n.sum() }));
    assert.deepEqual(none.toArray().map((row) => row.toJSON()), [{ rows: 0n, sum: null }]);
    assert.equal((await read(ws.query(Every).count())).toArray()[0].count, 4n);
    await ws.close();
  });
}
