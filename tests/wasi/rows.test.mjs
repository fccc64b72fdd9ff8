// SPDX-License-Identifier: MIT
// define, put, get, query, explain, audit, rm: each command its own process, over a file.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Folder, folderWithNotes, lines, note } from "./hb.mjs";

const two = "000336911363765355477943607684287743306534"; // the id that the name "Two" derives

test("entity define, list and show", (t) => {
  const folder = new Folder(t);
  folder.ok(["ws", "create", "shop"]);
  const file = folder.write("note.json", note);
  assert.equal(folder.ok(["entity", "define", file]), "OK defined note\n");
  assert.equal(folder.ok(["entity", "define", "-"], JSON.stringify(note)), "OK defined note\n");
  assert.equal(folder.ok(["entity", "define", '[{"name":"A","fields":{"x":"Integer"}},{"name":"B","fields":{"x":"Float"}}]']),
    "OK defined a\nOK defined b\n");
  assert.equal(folder.ok(["entity", "list"]), `Entities
  entity  name  fields  backends
  ------  ----  ------  --------
  a       A     3       main
  b       B     3       main
  note    Note  12      main
`);
  assert.match(folder.ok(["entity", "list", "--all"]), /sys-catalog/);
  const shown = folder.ok(["entity", "show", "note"]);
  assert.match(shown, /^note \(Note\)\nA note\nFields\n/);
  assert.match(shown, /^ {2}emb +vector\[2\] +no$/m);
  assert.match(shown, /^ {2}tags +array\[short-text\] +no$/m);
  assert.match(shown, /^Storage$/m);
  assert.match(shown, /^ {2}emb +main +vector +source +\S/m);
  const json = JSON.parse(folder.ok(["entity", "show", "note", "--json"]));
  assert.deepEqual([json.entity, json.schema.fields.emb.dtype], ["note", { type: "vector", dim: 2 }]);
});

test("a definition that differs needs --replace", (t) => {
  const folder = new Folder(t);
  folder.ok(["ws", "create", "shop"]);
  folder.ok(["entity", "define", '{"name":"Note","fields":{"a":"Integer"}}']);
  const other = '{"name":"Note","fields":{"a":"Integer","b":"ShortText"}}';
  const { code, out, err } = folder.run(["entity", "define", other]);
  assert.deepEqual([code, out], [1, ""]);
  assert.match(err, /different structure.*--replace.*SCHEMA_CONFLICT/);
  assert.equal(folder.ok(["entity", "define", other, "--replace"]), "OK defined note\n");
  assert.equal(folder.ok(["put", "note"], '{"object_id":"x","a":1,"b":"y"}'), "x\n");
});

test("without functions, computed values are given or refused", (t) => {
  const folder = new Folder(t);
  folder.ok(["ws", "create", "shop"]);
  folder.ok(["entity", "define", '{"name":"C","fields":{"a":"Integer","b":{"type":"Integer","compute":{"name":"twice","inputs":["a"]}},'
    + '"e":{"type":"Vector[2]","query_compute":"embed"}}}']);
  const { code, err } = folder.run(["put", "c"], { input: '{"object_id":"x","a":1}' });
  assert.equal(code, 1);
  assert.match(err, /'b' is computed by the function 'twice'.*COMPUTE/s);
  assert.equal(folder.ok(["put", "c"], '{"object_id":"x","a":1,"b":2,"e":[1,0]}'), "x\n");
  assert.match(folder.run(["query", "c", '{"near":{"field":"e","query":"a text"}}']).err, /received text.*'embed'/s);
  assert.deepEqual(JSON.parse(folder.ok(["entity", "show", "c", "--json"])).schema.fields.b.compute, { name: "twice", inputs: ["a"] });
});

test("rows written by one process are read by the next, value for value", (t) => {
  const folder = folderWithNotes(t);
  assert.equal(folder.ok(["put", "note", "notes.ndjson"]), `n1\n${two}\nn3\n`);
  const out = folder.ok(["get", "note", "n3", "n1"]);
  assert.match(out, /"n":9007199254740993,/);
  const [n3, n1] = lines(out);
  assert.deepEqual(n1, { object_id: "n1", name: "One", title: "Agent routing", body: "Vectors go to the vector store\nand text to search",
    n: 2 ** 53, f: 1.5, ok: true, tags: ["a", "b"], emb: [1, 0], meta: { k: [1, 2.5, "x"] }, blob: "aGk=", at: 1709208000000 });
  assert.deepEqual(n3, { object_id: "n3", name: null, title: null, body: null, n: 7, f: null, ok: null, tags: [], emb: null, meta: "bare",
    blob: null, at: null });
  assert.equal(folder.ok(["get", "note", "n3", "n1"]), out);
});

test("vectors print as the shortest text of their float32", (t) => {
  const folder = folderWithNotes(t);
  assert.match(folder.ok(["get", "note", two]), /"emb":\[0\.1,0\.9\]/);
});

test("an upsert replaces the row; --no-overwrite refuses it", (t) => {
  const folder = folderWithNotes(t);
  folder.ok(["put", "note"], '{"object_id":"n1","title":"New"}');
  const [row] = lines(folder.ok(["get", "note", "n1"]));
  assert.deepEqual([row.title, row.n, row.tags], ["New", null, null]);
  const { code, out, err } = folder.run(["put", "note", "--no-overwrite"], { input: '{"object_id":"n1","title":"Newer"}' });
  assert.deepEqual([code, out], [1, ""]);
  assert.match(err, /DUPLICATE/);
});

test("input as one object, an array, NDJSON, with a byte order mark or without a last line feed", (t) => {
  const folder = new Folder(t);
  folder.ok(["ws", "create", "shop"]);
  folder.ok(["entity", "define", '{"name":"Item","fields":{"n":"Integer","meta":"Json"}}']);
  const rows = [{ object_id: "a", n: 1, meta: { "}": ["{", '"'] } }, { object_id: "b", meta: [1, "]"] }];
  for (const input of [JSON.stringify(rows), JSON.stringify(rows, null, 2), rows.map((row) => JSON.stringify(row)).join("\n"),
    rows.map((row) => JSON.stringify(row, null, 4)).join("\r\n\r\n"), "\ufeff" + JSON.stringify(rows) + "\n\n"]) {
    assert.equal(folder.ok(["put", "item"], input), "a\nb\n", input);
    assert.deepEqual(lines(folder.ok(["get", "item", "a", "b"])).map((row) => row.meta), rows.map((row) => row.meta));
  }
  assert.equal(folder.ok(["put", "item"], JSON.stringify(rows[0])), "a\n");
  for (const input of ["", "\n", "[]", " [ ] "]) assert.equal(folder.ok(["put", "item"], input), "", input);
  assert.deepEqual(JSON.parse(folder.ok(["put", "item", "--json"], JSON.stringify(rows))), ["a", "b"]);
  assert.deepEqual(JSON.parse(folder.ok(["put", "item", "--json"], "[]")), []);
});

test("columns of mixed kinds and keys keep each value", (t) => {
  const folder = new Folder(t);
  folder.ok(["ws", "create", "shop"]);
  folder.ok(["entity", "define", '{"name":"Item","fields":{"j":"Json","f":"Float","d":{"type":"Integer","default":5}}}']);
  const values = [true, 1, 1.5, "text", null, [1, [2]], { a: null }];
  folder.ok(["put", "item"], values.map((j, i) => JSON.stringify({ object_id: `r${i}`, j, f: i % 2 ? i : i + 0.5, ...(i === 0 ? { d: 0 } : {}) })).join("\n"));
  const rows = lines(folder.ok(["get", "item", ...values.map((_, i) => `r${i}`)]));
  assert.deepEqual(rows.map((row) => row.j), values);
  assert.deepEqual(rows.map((row) => row.f), [0.5, 1, 2.5, 3, 4.5, 5, 6.5]);
  assert.deepEqual(rows.map((row) => row.d), [0, 5, 5, 5, 5, 5, 5]);
});

test("input that is wrong is exit code 1 with its place, and nothing of its batch is stored", (t) => {
  const folder = new Folder(t);
  folder.ok(["ws", "create", "shop"]);
  folder.ok(["entity", "define", '{"name":"Item","fields":{"n":"Integer"}}']);
  /** @type {[string, RegExp][]} */
  const cases = [
    ['{"object_id":"a"}\n{"object_id":', /input row 2: invalid JSON at byte/],
    ['{"object_id":"a"}\n5', /input row 2: a JSON object was expected/],
    ['[{"object_id":"a"} {"object_id":"b"}]', /input row 2: ',' or '\]' was expected before it/],
    ['[{"object_id":"a"},', /input row 2: the input ends inside the array/],
    ['[{"object_id":"a"}] x', /input row 2: there is text after the array/],
    ['[{"object_id":"a"}', /input row 2: the input ends inside the array/],
    ['{"object_id":"a"}\n{"object_id":"b","n":1,"n":2}', /input row 2: the key 'n' occurs twice/],
    ['{"object_id":"a","m":1}', /no field 'm'; did you mean 'n'\?.*UNKNOWN_FIELD, entity item, field m/],
    ['{"object_id":"a","n":"x"}', /VALIDATION, entity item, field n/],
    ['{"object_id":"a","n":9223372036854775808}', /64 bits.*VALIDATION, entity item, field n/],
    ['{"n":1}', /INVALID_ID, entity item, field object_id/],
    ['{"object_id":"a"}\n{"object_id":"a"}', /DUPLICATE, entity item/],
    ['{"object_id":"\\ud800"}', /input row 1: invalid JSON/],
  ];
  for (const [input, message] of cases) {
    const { code, out, err } = folder.run(["put", "item"], { input });
    assert.deepEqual([code, out], [1, ""], input);
    assert.match(err, /^ERR /, input);
    assert.match(err, message, input);
  }
  assert.equal(folder.ok(["query", "item", '{"count":{}}', "--format", "csv"]), "count\n0\n");
  assert.equal(folder.ok(["put", "item", "--drop-unknown"], '{"object_id":"a","m":1}'), "a\n");
});

test("batches before a failing one stay, and their ids say so", (t) => {
  const folder = new Folder(t);
  folder.ok(["ws", "create", "shop"]);
  folder.ok(["entity", "define", '{"name":"Item","fields":{"n":"Integer"}}']);
  const input = Array.from({ length: 25 }, (_, i) => JSON.stringify({ object_id: `r${i}`, n: i === 17 ? "x" : i })).join("\n");
  const { code, out, err } = folder.run(["put", "item", "-", "--batch", "10"], { input });
  assert.equal(code, 1);
  assert.deepEqual(out.trim().split("\n"), Array.from({ length: 10 }, (_, i) => `r${i}`));
  assert.match(err, /^note: input rows 1 to 10 are stored; the batch that failed begins after them$/m);
  assert.equal(folder.ok(["query", "item", '{"count":{}}', "--format", "csv"]), "count\n10\n");
});

test("get and rm of ids that are not there", (t) => {
  const folder = folderWithNotes(t);
  const got = folder.run(["get", "note", "nope", "n1", "nope2"]);
  assert.equal(got.code, 1);
  assert.deepEqual(lines(got.out).map((row) => row.object_id), ["n1"]);
  assert.equal(got.err, "ERR note has no row 'nope'\nERR note has no row 'nope2'\n");
  assert.deepEqual(folder.run(["get", "note", "nope"]), { code: 1, out: "", err: "ERR note has no row 'nope'\n" });
  assert.deepEqual(folder.run(["rm", "note", "n1", "nope", "n3", "n1"]), { code: 1, out: "n1\nn3\n", err: "ERR note has no row 'nope'\n" });
  assert.equal(folder.ok(["rm", "note", two]), `${two}\n`);
  assert.equal(folder.ok(["query", "note", "--format", "ndjson"]), "");
});

test("an entity that is not there names the nearest", (t) => {
  const folder = folderWithNotes(t);
  for (const args of [["put", "noet"], ["get", "noet", "x"], ["rm", "noet", "x"], ["query", "noet"], ["explain", "noet"], ["entity", "show", "noet"]]) {
    const { code, out, err } = folder.run(args);
    assert.deepEqual([code, out], [1, ""], args.join(" "));
    assert.match(err, /^ERR workspace 'shop' has no entity 'noet'; did you mean 'note'\?/, args.join(" "));
  }
});

test("an int64, nulls and texts in every format", (t) => {
  const folder = folderWithNotes(t);
  const query = ["query", "note", "--select", "title,n,tags", "--order", "-n"];
  assert.equal(folder.ok(query), `object_id                                   title           n                 tags
------------------------------------------  --------------  ----------------  ---------
n1                                          Agent routing   9007199254740993  ["a","b"]
n3                                          null            7                 []
${two}  Zeta, "quoted"  -5                null
`);
  assert.equal(folder.ok([...query, "--format", "csv"]),
    `object_id,title,n,tags\nn1,Agent routing,9007199254740993,"[""a"",""b""]"\nn3,,7,[]\n${two},"Zeta, ""quoted""",-5,\n`);
  assert.equal(folder.ok([...query, "--format", "ndjson"]), `{"object_id":"n1","title":"Agent routing","n":9007199254740993,"tags":["a","b"]}
{"object_id":"n3","title":null,"n":7,"tags":[]}
{"object_id":"${two}","title":"Zeta, \\"quoted\\"","n":-5,"tags":null}
`);
  assert.equal(folder.ok([...query, "--json"]), `[
 {"object_id":"n1","title":"Agent routing","n":9007199254740993,"tags":["a","b"]},
 {"object_id":"n3","title":null,"n":7,"tags":[]},
 {"object_id":"${two}","title":"Zeta, \\"quoted\\"","n":-5,"tags":null}
]
`);
});

test("a stored text cannot steer the terminal", (t) => {
  const folder = folderWithNotes(t);
  folder.ok(["put", "note"], JSON.stringify({ object_id: "esc", title: "a\u001b[31m\u0007\tb\u009b" }));
  const out = folder.ok(["query", "note", "--filter", '{"object_id":"esc"}', "--select", "title"]);
  assert.match(out, /a\\x1b\[31m\\x07\\tb\\x9b/);
  assert.doesNotMatch(out, /\u001b/);
});
