// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { test } from "node:test";
import { compare } from "./compare.mjs";
import { pythonText } from "./coercion.mjs";
import { parseDefinition } from "./definition.mjs";
import { doubleOf } from "./double.mjs";
import { placement } from "./placement.mjs";
import { loadCases, replayCase } from "./replay.mjs";
import { EXPECTATIONS } from "./rules.mjs";
import { compareText, decode, equal, normal, normalRow, sameMultiset } from "./values.mjs";
import { hashId } from "./writes.mjs";

test("normal form keeps what JSON can carry and tags the rest", () => {
  const table = [[5n, 5], [2n ** 60n, { $$int: "1152921504606846976" }], [NaN, { $$num: "nan" }],
    [-Infinity, { $$num: "-inf" }], [Float32Array.of(1, 0.5), [1, 0.5]], [undefined, null], [{ a: [1n] }, { a: [1] }]];
  for (const [value, wanted] of table) assert.deepEqual(normal(value), wanted);
  assert.deepEqual(normalRow({ a: null, b: { c: null }, d: 1 }, ["d"]), { b: { c: null } });
});

test("tags become values a caller would pass", () => {
  assert.equal(decode({ $$int: "9223372036854775807" }), 2n ** 63n - 1n);
  assert.equal(decode({ $$datetime: "2024-02-29T23:30:00-05:00" }).toISOString(), "2024-03-01T04:30:00.000Z");
  assert.ok(Number.isNaN(decode([{ $$num: "nan" }])[0]));
});

test("numbers compare with the recorded tolerance, booleans are not numbers", () => {
  const table = [[1, 1.000001, true], [1, 1.01, false], [0, 1e-10, true], [true, 1, false], ["1", 1, false],
    [{ a: 1, b: 2 }, { b: 2, a: 1 }, true], [[1, 2], [2, 1], false], [{ $$int: "9007199254740993" }, 9007199254740993, false]];
  for (const [a, b, wanted] of table.slice(0, 7)) assert.equal(equal(a, b), wanted, JSON.stringify([a, b]));
  assert.ok(sameMultiset([{ a: 1 }, { a: 2 }, { a: 1 }], [{ a: 2 }, { a: 1 }, { a: 1 }]));
  assert.ok(!sameMultiset([{ a: 1 }, { a: 1 }], [{ a: 1 }, { a: 2 }]));
  assert.ok(compareText("\u{1F600}", "\uFFFD") > 0, "by code point, not by UTF-16 unit");
});

test("ordered rows compare in sequence, runs of ties as multisets", () => {
  const rows = [{ object_id: "a" }, { object_id: "b" }, { object_id: "c" }];
  const swapped = [rows[1], rows[0], rows[2]];
  assert.equal(compare({ rows, ordered: true, ties: [2, 1] }, { rows: swapped }), null);
  assert.notEqual(compare({ rows, ordered: true }, { rows: swapped }), null);
  assert.equal(compare({ rows, ordered: false }, { rows: swapped }), null);
  assert.equal(compare({ rows, compare: "count" }, { rows: [{}, {}, {}] }), null);
  assert.notEqual(compare({ rows: [], ordered: false, columns: ["x"] }, { rows: [], columns: ["y"] }), null);
});

test("an error must have a code that stands for the class", () => {
  const wanted = (name, more) => ({ error: { class: name, base: name, ...more } });
  const got = (code) => ({ error: { code, message: "" } });
  assert.equal(compare(wanted("ValueError"), got("VALIDATION")), null);
  assert.notEqual(compare(wanted("KeyError"), got("VALIDATION")), null);
  assert.equal(compare(wanted("DatabaseError", { soft: true }), got("VALIDATION")), null);
  assert.notEqual(compare(wanted("TypeError", { soft: true }), got(null)), null, "an untyped error never counts");
  assert.notEqual(compare(wanted("ValueError"), { value: 1 }), null);
  assert.equal(compare({ error: { codes: ["QUERY"] } }, got("QUERY")), null);
});

test("explain: extra nodes are not looked at, native counts where the reference scans", () => {
  const scan = { node: "filter", field: "a", handler_mode: "py_scan", handler_kind: "row_payload", unsupported: false };
  const ours = { ...scan, handler_mode: "native", handler_kind: "index_filter", unsupported_reason: null, extra: 1 };
  assert.equal(compare({ steps: [scan] }, { steps: [{ node: "scan" }, ours, { node: "sort" }] }), null);
  assert.notEqual(compare({ steps: [{ ...scan, handler_mode: "native" }] }, { steps: [{ ...ours, handler_mode: "scan" }] }), null);
  assert.notEqual(compare({ steps: [scan] }, { steps: [] }), null);
});

test("text as Python prints it", () => {
  const table = [[["a"], "['a']"], [{ a: 1, b: null }, "{'a': 1, 'b': None}"], [true, "True"], [["it's"], '["it\'s"]'], ["x", "x"]];
  for (const [value, wanted] of table) assert.equal(pythonText(value), wanted);
});

test("ids are those of the reference", () => {
  assert.equal(hashId("person", "Alice"), "000186282857987389533805814158127884324433");
  assert.equal(hashId("routed-document", 'x"y'), "000143539515858920017874349323300366037027");
});

test("placement: the reference by provider, ours by name too", () => {
  const entity = parseDefinition({ name: "Doc", fields: { body: "long-text", e: "vector[2]", tags: "array[short-text]" } });
  const at = (backends, ours) => placement(entity, backends, ours).map((one) => `${one.field}@${one.backend}.${one.strategy}`);
  assert.deepEqual(at("debug", false), ["body@main.inline", "e@vec.vector", "tags@main.sparse-gram",
    "object_id@main.inline", "object_id@vec.inline"]);
  assert.deepEqual(at("debug", true), ["body@main.inline", "body@search.inverted", "e@vec.vector", "tags@main.sparse-gram",
    "name@main.inline", "object_id@main.inline", "object_id@vec.inline", "object_id@search.inline"]);
  const duo = { main: { type: "inmem" }, vec: { type: "inmem" } };
  assert.ok(at(duo, false).includes("e@main.vector"));
  assert.ok(at(duo, true).includes("e@vec.vector"));
});

const PROBE = { id: "probe", group: "dtypes", backends: { main: { type: "inmem" } },
  schemas: [{ name: "Probe", fields: { f: { type: "short-text", required: true }, n: "integer", j: "json" } }] };

function probe(...steps) {
  return { ...PROBE, steps: [{ op: "register", args: { schema: 0 }, expect: { value: "probe" } }, ...steps] };
}

const upsert = (row, expect) => ({ op: "upsert", args: { entity: "probe", row }, expect });
const rows = (...list) => ({ op: "rows", args: { entity: "probe" }, expect: { rows: list, ordered: false } });

const TOUCHED = probe(
  upsert({ object_id: "a", f: null, n: 1 }, { value: "a" }),
  upsert({ object_id: "b", f: ["x"] }, { value: "b" }),
  upsert({ object_id: "b", f: "x", zzz: 1 }, { value: "b" }),
  upsert({ object_id: "c", f: "y", name: "Kept", j: "[1]" }, { value: "c" }),
  upsert({ object_id: "d", f: "y", j: "bare" }, { error: { class: "ValueError", base: "ValueError" } }),
  rows({ object_id: "a", f: "", n: 1 }, { object_id: "b", f: "x" }, { object_id: "c", f: "y", j: [1] }),
  { op: "query", args: { entity: "probe", query: { filter: { n: null }, select: ["object_id"] } },
    expect: { error: { class: "TypeError", base: "TypeError", soft: true } } });

test("a case that rules touch passes, and every later step still counts", async () => {
  const { status, failures, touched } = await replayCase(doubleOf(), TOUCHED);
  assert.deepEqual(failures, []);
  assert.equal(status, "passed");
  assert.deepEqual([...new Set(touched.map((one) => one.number))].sort(), ["D1", "D10", "D4", "D5", "D8", "D9"]);
});

for (const number of ["D4", "D5", "D8", "D10"]) {
  test(`a workspace that does as the reference in ${number} fails the case`, async () => {
    const { failures } = await replayCase(doubleOf({ takes: [number] }), TOUCHED);
    assert.notEqual(failures.length, 0);
    assert.match(failures[0].message, new RegExp(number));
  });
}

test("a lost row fails the case", async () => {
  const oracleCase = probe(upsert({ object_id: "a", f: "x" }, { value: "a" }),
    { op: "query", args: { entity: "probe", query: { filter: { f: "x" } } }, expect: { rows: [{ object_id: "a", f: "x" }], ordered: false } });
  assert.equal((await replayCase(doubleOf(), oracleCase)).status, "passed");
  assert.equal((await replayCase(doubleOf({ loses: "a" }), oracleCase)).status, "failed");
});

/** A case over texts: the reference's answer to a filter, and whether ours, brute force, passes as it is and with a row less. */
async function texts(values, filter, ids, lost) {
  const steps = [{ op: "register", args: { schema: 0 }, expect: { value: "probe" } },
    { op: "upsert_many", args: { entity: "probe", rows: values.map((f, i) => ({ object_id: String(i), f })) }, expect: { value: values.map((_, i) => String(i)) } },
    { op: "query", args: { entity: "probe", query: { filter, select: ["object_id"], order: ["object_id"] } },
      expect: { rows: ids.map((id) => ({ object_id: id })), ordered: true, columns: ["object_id"] } }];
  const replay = async (options) => (await replayCase(doubleOf(options), { ...PROBE, schemas: [{ name: "Probe", fields: { f: "short-text" } }], steps })).status;
  return [await replay({}), await replay({ loses: lost })];
}

test("like: only a text that ends in a line end is left open", async () => {
  const asThere = await texts(["a", "a\n", "b"], { f: { like: "a" } }, ["0", "1"], "0");
  assert.deepEqual(asThere, ["passed", "failed"], "with the line end is another text, without it is this one");
  assert.deepEqual(await texts(["a", "b\n", "b"], { $not: { f: { like: "a" } } }, ["1", "2"], "2"), ["passed", "failed"]);
});

test("contained_in: only what composing changes is left open, and a count by as much", () => {
  const ctx = { step: { op: "query" }, case: PROBE, expect: { rows: [] }, args: { entity: "probe", query: { filter: { f: { contained_in: "cafe\u0301 bar" } } } },
    definition: parseDefinition({ name: "Probe", fields: { f: "short-text" } }),
    model: { rows: () => [{ object_id: "e", f: "e" }, { object_id: "n", f: "e\u0301" }, { object_id: "b", f: "bar" }, { object_id: "x", f: "zzz" }] } };
  const { butFor } = EXPECTATIONS.butForComposed(ctx, ctx.expect);
  assert.deepEqual([...butFor], ["e", "n"]);
  const expected = { rows: [{ object_id: "b" }, { object_id: "e" }], ordered: false, butFor, ignore: ["match"] };
  const rows = (...ids) => ({ rows: ids.map((id) => ({ object_id: id, match: [] })) });
  assert.equal(compare(expected, rows("b", "n")), null);
  assert.notEqual(compare(expected, rows("n", "e")), null, "a row that composing leaves alone is missing");
  assert.notEqual(compare(expected, rows("b", "x")), null);
  assert.equal(compare({ value: 2, butFor }, { value: 4 }), null);
  assert.notEqual(compare({ value: 2, butFor }, { value: 5 }), null);
});

test("near: null vectors are out, and the filter comes first", async () => {
  const near = { field: "e", query: [1, 0], top_k: 1 };
  const oracleCase = { ...PROBE, backends: "debug", schemas: [{ name: "Probe", fields: { n: "integer", e: "vector[2]" } }], steps: [
    { op: "register", args: { schema: 0 }, expect: { value: "probe" } },
    { op: "upsert_many", args: { entity: "probe", rows: [{ object_id: "a", n: 1, e: [1, 0] }, { object_id: "b", n: 2, e: [0, 1] },
      { object_id: "c", n: 2, e: null }] }, expect: { value: ["a", "b", "c"] } },
    { op: "query", args: { entity: "probe", query: { near, filter: { n: 2 }, select: ["score"] } },
      expect: { rows: [], ordered: true, columns: ["object_id", "score"] } }] };
  assert.deepEqual((await replayCase(doubleOf(), oracleCase)).failures, []);
  assert.equal((await replayCase(doubleOf({ loses: "b" }), oracleCase)).status, "failed");
});

test("the stand-in passes every public write and filter case, so the replayer adds no failure of its own", async () => {
  const groups = new Set(["dtypes", "writes", "logic", "near", "property"]);
  const simple = (one) => groups.has(one.group) && one.steps.every((step) => !["explain", "query_count", "refresh", "backends"].includes(step.op)
    && !(step.op !== "query" && step.expect.error?.class === "KeyError") && step.expect.error?.class !== "DatabaseError"
    && !(step.args.query?.order && step.expect.error?.class === "TypeError")        // what it sorts it can compare
    && !step.args.entity?.startsWith("sys-") && one.schemas.length < 2
    && !["aggregate", "group_by", "traverse"].some((key) => key in (step.args.query ?? {})));
  const failed = [];
  const reduces = (step) => Boolean(step.args?.query?.aggregate);   // which the stand-in cannot
  const cases = loadCases([]).map((one) => ({ ...one, steps: one.steps.filter((step) => !reduces(step)) }));
  for (const oracleCase of cases.filter(simple)) {
    const { status, failures } = await replayCase(doubleOf(), oracleCase);
    if (status === "failed") failed.push(`${oracleCase.id}: ${failures[0].index} ${failures[0].message}`);
  }
  assert.deepEqual(failed, []);
});
