// SPDX-License-Identifier: MIT
// MessagePack and column batches, there and back, without the module.
import assert from "node:assert/strict";
import test from "node:test";
import { readBatch, readCell, readColumnTyped, readColumnValues } from "../../js/core/batch-reader.js";
import { guessKind, keysOf, writeBatch } from "../../js/core/batch-writer.js";
import { exactJson, isSameJson } from "../../js/core/exact-json.js";
import { packValue, unpack } from "../../js/core/pack.js";
import { Sink } from "../../js/core/sink.js";
import { readText } from "../../js/core/text.js";
import { Kind } from "../../js/generated/abi.js";

function packed(value) {
  const sink = new Sink();
  sink.reset();
  packValue(sink, value);
  return sink.take();
}

/** A batch of one column, read back. */
function batchOf(columns, rowCount) {
  const sink = new Sink();
  sink.reset();
  sink.zeros(3);                    // the writer aligns by itself
  const { off, len } = writeBatch(sink, columns, rowCount, "note");
  const u8 = sink.take().slice(off, off + len);
  return readBatch({ u8, view: new DataView(u8.buffer) });
}

const column = (kind, cells, dim = 0) => ({ name: "f", kind, dim, cells });

const roundTrips = [
  ["null", null], ["true", true], ["false", false], ["zero", 0], ["one byte", 127], ["u8", 200], ["u16", 60000],
  ["u32", 4e9], ["safe", Number.MAX_SAFE_INTEGER], ["negative", -1], ["i8", -100], ["i16", -3000], ["i32", -70000],
  ["negative safe", Number.MIN_SAFE_INTEGER], ["int64", 2n ** 63n - 1n], ["least int64", -(2n ** 63n)], ["float", 1.5],
  ["large float", 1e300], ["text", "abc"], ["text of 40 bytes", "x".repeat(40)], ["text of 300 bytes", "y".repeat(300)],
  ["text of 70000 bytes", "z".repeat(70000)], ["accents", "é名前😀"], ["empty text", ""], ["bytes", new Uint8Array([0, 255])],
  ["300 bytes", new Uint8Array(300).fill(7)], ["vector", new Float32Array([1.5, -2])], ["date", new Date(1700000000123)],
  ["early date", new Date(-1)], ["list", [1, "a", null, [true]]], ["20 items", Array.from({ length: 20 }, (_, i) => i)],
  ["70000 items", Array.from({ length: 70000 }, () => 1)], ["mapping", { a: 1, b: { c: [] } }],
  ["mapping of 20", Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`k${i}`, i]))],
];
for (const [name, value] of roundTrips) {
  test(`pack keeps ${name}`, () => assert.deepEqual(unpack(packed(value)), value));
}

const asPacked = [
  ["a Set becomes a list", new Set([1, 2]), [1, 2]],
  ["a Map becomes a mapping", new Map([["a", 1], [2, "b"]]), { a: 1, 2: "b" }],
  ["undefined members are left out", { a: undefined, b: 1 }, { b: 1 }],
  ["undefined items are null", [undefined], [null]],
  ["a Float64Array becomes a list", new Float64Array([1.5, 2]), [1.5, 2]],
  ["an Int32Array becomes a list", new Int32Array([-1, 2]), [-1, 2]],
  ["a BigInt64Array becomes a list", new BigInt64Array([2n ** 60n]), [2n ** 60n]],
  ["a small bigint becomes a number", 5n, 5],
  ["an ArrayBuffer becomes bytes", new Uint8Array([1, 2]).buffer, new Uint8Array([1, 2])],
];
for (const [name, value, want] of asPacked) {
  test(`pack: ${name}`, () => assert.deepEqual(unpack(packed(value)), want));
}

const cyclic = [];
cyclic.push(cyclic);
const refused = [
  ["a function", () => 1, "TYPE"], ["a symbol", Symbol("x"), "TYPE"], ["a bigint beyond 64 bits", 2n ** 63n, "VALIDATION"],
  ["a value that contains itself", cyclic, "LIMIT"], ["an invalid Date", new Date(NaN), "VALIDATION"],
  ["a lone surrogate", "a\ud800", "VALIDATION"], ["a key that is an object", new Map([[{}, 1]]), "TYPE"],
];
for (const [name, value, code] of refused) {
  test(`pack refuses ${name}`, () => assert.throws(() => packed(value), { code }));
}

const hostile = [
  ["nothing", []], ["a cut text", [0xa5, 65]], ["a cut list", [0x93, 1]], ["an endless list", [0xdd, 255, 255, 255, 255]],
  ["an unknown code", [0xc1]], ["two values", [1, 2]], ["nesting without end", Array(500).fill(0x91)],
  ["an unknown extension", [0xd4, 9, 0]],
];
for (const [name, bytes] of hostile) {
  test(`unpack survives ${name}`, () => assert.throws(() => unpack(Uint8Array.from(bytes)), { code: /CORRUPT|HOST/ }));
}

test("unpack keeps a key that is called __proto__ as data", () => {
  const map = unpack(packed(new Map([["__proto__", { polluted: true }]])));
  assert.deepEqual(Object.keys(map), ["__proto__"]);
  assert.equal(map.polluted, undefined);
});

const columns = [
  ["texts", Kind.TEXT, ["a", "é", "", "a longer one ".repeat(9)], Kind.TEXT],
  ["integers", Kind.I64, [0, -1, 2 ** 40, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER], Kind.I64],
  ["bigints", Kind.I64, [2n ** 63n - 1n, -(2n ** 63n)], Kind.I64],
  ["integers among floats", Kind.I64, [1, 1.5], Kind.F64],
  ["integers among texts", Kind.I64, [1, "2"], Kind.PACK],
  ["floats", Kind.F64, [1.5, -0.25], Kind.F64],
  ["booleans", Kind.BOOL, [true, false], Kind.BOOL],
  ["booleans among words", Kind.BOOL, [true, "yes"], Kind.PACK],
  ["bytes", Kind.BYTES, [new Uint8Array([1]), new Uint8Array(0)], Kind.BYTES],
  ["json", Kind.PACK, [{ a: [1] }, "text", 5], Kind.PACK],
  ["numbers for a text", Kind.TEXT, ["a", 5], Kind.PACK],
];
for (const [name, kind, cells, stored] of columns) {
  test(`a column of ${name} comes back`, () => {
    const batch = batchOf([column(kind, cells)], cells.length);
    assert.equal(batch.columns[0].kind, stored);
    assert.deepEqual(readColumnValues(batch, batch.columns[0]), cells);
    assert.deepEqual(cells.map((_, row) => readCell(batch.bytes, batch.columns[0], row, true)), cells);
  });
  test(`a column of ${name} keeps nulls`, () => {
    const gaps = [null, ...cells, undefined];
    const batch = batchOf([column(kind, gaps)], gaps.length);
    assert.deepEqual(readColumnValues(batch, batch.columns[0]), [null, ...cells, null]);
    const { state } = batch.columns[0];
    assert.deepEqual([batch.bytes.u8[state], batch.bytes.u8[state + gaps.length - 1]], [1, 0]);
  });
}

test("vectors of one dimension are copied once, from any kind of list", () => {
  const batch = batchOf([column(Kind.VEC, [[1, 2], new Float32Array([3, 4]), null, new Float64Array([5, 6])], 2)], 4);
  assert.equal(batch.columns[0].dim, 2);
  assert.deepEqual(readColumnValues(batch, batch.columns[0]),
    [new Float32Array([1, 2]), new Float32Array([3, 4]), null, new Float32Array([5, 6])]);
});

test("vectors of free length keep their lengths", () => {
  const batch = batchOf([column(Kind.VEC, [[1], [], new Float32Array([2, 3, 4])])], 3);
  assert.deepEqual(readColumnValues(batch, batch.columns[0]), [new Float32Array([1]), new Float32Array([]), new Float32Array([2, 3, 4])]);
});

for (const [name, value] of [["of another length", [1, 2, 3]], ["with a text", [1, "2"]], ["with a null", [1, null]]]) {
  test(`a vector ${name} goes to the core as it is`, () => {
    const batch = batchOf([column(Kind.VEC, [value], 2)], 1);
    assert.equal(batch.columns[0].kind, Kind.PACK);
    assert.deepEqual(readCell(batch.bytes, batch.columns[0], 0, true), value);
  });
}

test("a value that cannot be written names entity and field", () => {
  assert.throws(() => batchOf([column(Kind.I64, [2n ** 70n])], 1), { code: "VALIDATION", entity: "note", field: "f" });
  assert.throws(() => batchOf([column(Kind.PACK, [() => 1])], 1), { code: "TYPE", entity: "note", field: "f" });
});

test("typed columns are numbers without nulls, and bigints only where one is needed", () => {
  const typed = (kind, cells) => {
    const batch = batchOf([column(kind, cells)], cells.length);
    return readColumnTyped(batch, batch.columns[0]);
  };
  assert.deepEqual(typed(Kind.F64, [1.5]), new Float64Array([1.5]));
  assert.deepEqual(typed(Kind.I64, [1, 2]), new Float64Array([1, 2]));
  assert.deepEqual(typed(Kind.I64, [1, 2n ** 60n]), new BigInt64Array([1n, 2n ** 60n]));
  assert.deepEqual(typed(Kind.I64, [1, null]), [1, null]);
});

test("a batch larger than the first buffer grows it", () => {
  const cells = Array.from({ length: 5000 }, (_, i) => `text number ${i} é`);
  const batch = batchOf([column(Kind.TEXT, cells), { ...column(Kind.I64, cells.map((_, i) => i)), name: "n" }], cells.length);
  assert.deepEqual(readColumnValues(batch, batch.columns[0]), cells);
  assert.equal(readCell(batch.bytes, batch.columns[1], 4999, true), 4999);
});

test("many ASCII texts are decoded at once and sliced", () => {
  const cells = Array.from({ length: 100 }, (_, i) => (i % 7 ? `id-${i}` : null));
  const batch = batchOf([column(Kind.TEXT, cells)], cells.length);
  assert.deepEqual(readColumnValues(batch, batch.columns[0]), cells);
});

test("the keys of a batch are the union over its rows", () => {
  assert.deepEqual([...keysOf([{ a: 1 }, { a: 2 }, { b: 1, a: 1 }, {}])], ["a", "b"]);
});

test("a column without a field gets the kind of its first value", () => {
  const kinds = [[[null, 1], Kind.I64], [["a"], Kind.TEXT], [[true], Kind.BOOL], [[{}], Kind.PACK], [[], Kind.PACK],
    [[new Uint8Array(1)], Kind.BYTES], [[new Float32Array(1)], Kind.VEC]];
  assert.deepEqual(kinds.map(([cells]) => guessKind(cells)), kinds.map(([, kind]) => kind));
});

test("integers of JSON beyond 2^53 are bigints, and nothing else changes", () => {
  const cases = [
    ["9007199254740993", 9007199254740993n], ["-9223372036854775808", -(2n ** 63n)], ["9007199254740991", 9007199254740991], ["1000000000000000000", 10n ** 18n],
    ["0.12345678901234567", 0.12345678901234567], ["12345678901234567.0", 12345678901234568], ["1234567890123456789e3", 1234567890123456789e3], ["1.5e300", 1.5e300],
    ['"9007199254740993"', "9007199254740993"], ['"\\u00009007199254740993"', "\u00009007199254740993"], ['"\\"9007199254740993\\\\"', '"9007199254740993\\'],
    ['{"9007199254740993":[9007199254740993,"\\u0000i9007199254740993"]}', { "9007199254740993": [9007199254740993n, "\u0000i9007199254740993"] }],
    ['{"\\u0000i1" : {"\\u0000": 9007199254740993}, "b":null,"c":true}', { "\u0000i1": { "\u0000": 9007199254740993n }, b: null, c: true }],
  ];
  for (const [text, value] of cases) assert.deepEqual(exactJson(text), value, text);
  assert.throws(() => exactJson("[9007199254740993"), SyntaxError);
  assert.equal(isSameJson({ a: [1n] }, { a: [1n] }), true);
  for (const [a, b] of [[1n, 2n], [{ a: 1 }, { a: 2 }], [1n, "1"]]) assert.equal(isSameJson(a, b), false);
});

test("short texts come back as they were written, whatever was read before them", () => {
  const texts = ["", "a", "a\0", "\0", "\0\0", "ab", "tag-1", "tag-10", "tag-1000", "12345678", "123456789", "é", "aé", "abcé", "abcdé", "日本", "😀", "\x7f", "\x7f".repeat(8)];
  for (let i = 0; i < 3000; i++) texts.push(i.toString(2 + (i % 35)), String.fromCharCode(i % 128).repeat(1 + (i % 9)), `${i}\0`);
  const bytes = texts.map((text) => new TextEncoder().encode(text));
  for (let turn = 0; turn < 2; turn++) {
    texts.forEach((text, i) => {
      const u8 = Uint8Array.of(7, 200, ...bytes[i], 97, 97);
      assert.equal(readText(u8, 2, bytes[i].length), text);
    });
  }
});
