// SPDX-License-Identifier: MIT
// query, explain, audit, repair, capabilities over what an earlier process wrote.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Folder, folderWithNotes, lines } from "./hb.mjs";

/** @param {import("./hb.mjs").Folder} folder @param {unknown} spec @param {string[]} flags */
const query = (folder, spec, ...flags) => lines(folder.ok(["query", "note", JSON.stringify(spec), "--format", "ndjson", ...flags]));
/** @param {{ object_id: string }[]} rows */
const ids = (rows) => rows.map((row) => row.object_id.slice(0, 4));

test("filter, near, search, hybrid, order, limit and count", (t) => {
  const folder = folderWithNotes(t);
  assert.deepEqual(ids(query(folder, { filter: { title: { $match: "AGENT" } } })), ["n1"]);
  assert.deepEqual(ids(query(folder, { filter: { n: { $gte: 9007199254740992 } } })), ["n1"]);
  assert.deepEqual(ids(query(folder, { order: ["n"] })), ["0003", "n3", "n1"]);
  assert.deepEqual(ids(query(folder, { order: ["n"], limit: 1, offset: 1 })), ["n3"]);
  const near = query(folder, { near: { field: "emb", query: [0, 1], top_k: 2 }, select: ["title", "score"] });
  assert.deepEqual(ids(near), ["0003", "n1"]);
  assert.ok(near[0].score > 0.99 && near[1].score === 0);
  assert.deepEqual(ids(query(folder, { near: { field: "emb", query: [0, 1], top_k: 1 }, filter: { n: { $gt: 0 } } })), ["n1"]);
  const found = query(folder, { search: { fields: ["body"], query: "vector search" }, select: ["score"] });
  assert.deepEqual(ids(found), ["n1"]);
  assert.ok(found[0].score > 0);
  const hybrid = query(folder, { near: { field: "emb", query: [0, 1] }, search: { fields: ["body"], query: "vector" }, select: ["score"] });
  assert.deepEqual(ids(hybrid).sort(), ["0003", "n1"]);
  assert.deepEqual(query(folder, { count: {} }), [{ count: 3 }]);
});

test("flags add to the spec, wherever it comes from", (t) => {
  const folder = folderWithNotes(t);
  assert.deepEqual(ids(query(folder, { filter: { n: { $gt: 0 } } }, "--filter", '{"title":{"$is_null":true}}')), ["n3"]);
  assert.deepEqual(query(folder, {}, "--select", "n, ok", "--order", "-n", "--limit", "1", "--offset", "1"), [{ object_id: "n3", n: 7, ok: null }]);
  const spec = folder.write("spec.json", { filter: { n: 7 } });
  assert.deepEqual(ids(lines(folder.ok(["query", "note", spec, "-f", "ndjson"]))), ["n3"]);
  assert.deepEqual(ids(lines(folder.ok(["query", "note", "-", "-f", "ndjson"], '{"filter":{"n":7}}'))), ["n3"]);
  assert.match(folder.ok(["query", "note", "--filter", '{"n":9007199254740993}', "-f", "csv", "-s", "n"]), /^object_id,n\nn1,9007199254740993\n$/);
  const { code, err } = folder.run(["query", "note", '{"limit":1}', "--limit", "2"]);
  assert.equal(code, 2);
  assert.match(err, /'limit' is in the spec and given as a flag/);
});

test("a wrong spec is exit code 1 with a hint", (t) => {
  const folder = folderWithNotes(t);
  /** @type {[string[], RegExp][]} */
  const cases = [
    [['{"filterr":{}}'], /unsupported query key 'filterr'; did you mean 'filter'\?/],
    [["--filter", '{"titel":1}'], /no field 'titel'; did you mean 'title'\?/],
    [["--filter", "{bad"], /--filter is no valid JSON/],
    [["{bad"], /QUERY|VALIDATION/],
    [["no-such-file.json"], /cannot read 'no-such-file\.json': No such file/],
    [['{"near":{"field":"emb","query":[1]}}'], /emb/],
    [['{"near":{"field":"emb","query":[1,0],"metric":"bogus"}}'], /bogus/],
    [["--select", "nope"], /nope/],
  ];
  for (const command of ["query", "explain"]) {
    for (const [args, message] of cases) {
      const { code, out, err } = folder.run([command, "note", ...args]);
      assert.deepEqual([code, out], [1, ""], args.join(" "));
      assert.match(err, /^ERR /, args.join(" "));
      assert.match(err, message, args.join(" "));
    }
  }
});

test("explain draws the plan, and gives it as JSON", (t) => {
  const folder = folderWithNotes(t);
  const spec = '{"filter":{"n":{"$gt":0},"title":{"$match":"agent"}},"near":{"field":"emb","query":[1,0],"top_k":3},"select":["title","score"],"limit":2}';
  const tree = folder.ok(["explain", "note", spec]);
  const [head, root] = tree.split("\n");
  assert.equal(head, "query note in workspace shop");
  assert.match(root, /^└─ project +object_id, title, score$/);
  assert.match(tree, /└─ scan note {2}on main \(sqlite\) {2}where n > 0 and title match "agent"/);
  assert.match(tree, /^ {2}filter n gt {2}on main \(sqlite, inline\) {2}native$/m);
  assert.match(tree, /^ {2}filter title match {2}on main \(sqlite, inline\) {2}scan: \S/m);
  assert.match(tree, /^ {2}near emb {2}on main \(sqlite, vector\) {2}.*cosine {2}top 3/m);
  assert.match(tree, /^stored$/m);
  assert.match(tree, /^ {2}emb +main +sqlite +vector +\S/m);
  const plan = JSON.parse(folder.ok(["explain", "note", spec, "--format", "json"]));
  assert.deepEqual(Object.keys(plan), ["workspace", "query", "storage_plan", "steps"]);
  assert.equal(plan.steps.find((/** @type {{ node: string }} */ step) => step.node === "near").backend, "main");
  assert.deepEqual(JSON.parse(folder.ok(["explain", "note", spec, "--json"])), plan);
});

test("fields go where a map of several backends puts them, in the plan too", (t) => {
  const folder = new Folder(t);
  folder.ok(["ws", "create", "wide", "--backends", JSON.stringify({ main: { type: "sqlite", database: "wide.db" },
    vec: { type: "sqlite", database: "vec.db" }, search: { type: "sqlite", database: "search.db" } })]);
  folder.ok(["entity", "define", '{"name":"Note","fields":{"title":"ShortText","body":"LongText","emb":{"type":{"type":"vector","dim":2},"storage":{"to":"vec","strategy":"vector"}}}}']);
  folder.ok(["put", "note"], '[{"object_id":"a","title":"A","body":"alpha beta","emb":[1,0]},{"object_id":"b","title":"B","body":"beta","emb":[0,1]}]');
  const rows = lines(folder.ok(["query", "note", '{"filter":{"title":"B"},"near":{"field":"emb","query":[1,0]},"select":["title","score"]}', "-f", "ndjson"]));
  assert.deepEqual(rows, [{ object_id: "b", title: "B", score: 0 }]);
  assert.match(folder.ok(["explain", "note", '{"near":{"field":"emb","query":[1,0]}}']), /near emb {2}on vec \(sqlite, vector\)/);
  assert.equal(JSON.parse(folder.ok(["audit", "--json"])).catalog.ok, true);
});

test("audit finds what is wrong with the Catalog, repair puts it right", (t) => {
  const folder = folderWithNotes(t);
  assert.match(folder.ok(["audit"]), /^catalog:\n {4}ok: true\n {4}missing: \[\]\n {4}dangling: \[\]\n {4}mismatched: \[\]\n {4}checked:\n {8}objects: 3\n {8}catalog_rows: 3\n/);
  folder.ok(["rm", "sys-catalog", "catalog:note:n1"]);
  folder.ok(["put", "sys-catalog"], '{"object_id":"catalog:note:ghost","target_id":"ghost","target_entity":"note"}');
  const audit = folder.run(["audit", "--json"]);
  assert.equal(audit.code, 1);
  assert.match(audit.err, /^ERR the catalog is out of step: 1 missing, 1 dangling, 0 mismatched; see hb repair$/m);
  const { catalog } = JSON.parse(audit.out);
  assert.equal(catalog.missing[0].expected.object_id, "catalog:note:n1");
  assert.equal(catalog.dangling[0].catalog.object_id, "catalog:note:ghost");
  const dry = folder.run(["repair", "--dry-run", "--json"]);
  assert.equal(dry.code, 1);
  assert.deepEqual([JSON.parse(dry.out).catalog.dry_run, JSON.parse(dry.out).catalog.missing_written], [true, 0]);
  const repaired = JSON.parse(folder.ok(["repair", "--json"])).catalog;
  assert.deepEqual([repaired.ok, repaired.missing_written, repaired.dangling_deleted], [true, 1, 1]);
  assert.equal(JSON.parse(folder.ok(["audit", "--json"])).catalog.ok, true);
});

test("MetaSchema is queried like any entity", (t) => {
  const folder = folderWithNotes(t);
  const rows = lines(folder.ok(["query", "sys-metaschema", "--filter", '{"kind":"storage","subject_id":"note"}', "-s", "field,backend", "-f", "ndjson"]));
  assert.ok(rows.some((row) => row.field === "emb" && row.backend === "main"));
});

test("capabilities of what is built in, and of a workspace", (t) => {
  const folder = folderWithNotes(t);
  const built_in = folder.run(["capabilities", "--type", "vector", "--op", "near"], { wasmtime: [] });
  assert.equal(built_in.code, 0);
  assert.deepEqual(built_in.out.trim().split("\n").slice(2).map((line) => line.split(/ +/).slice(0, 4).join(" ")),
    ["inmem", "file", "json", "pickle", "sqlite"].map((type) => `vector near ${type} vector`));
  const own = JSON.parse(folder.ok(["-w", "shop", "capabilities", "--op", "near", "--json"]));
  assert.deepEqual(own.map((/** @type {{ name: string }} */ row) => row.name), ["main"]);
  assert.match(folder.run(["capabilities", "--type", "vectr"]).err, /did you mean 'vector'\?/);
});

test("--timeout ends a call at its deadline and writes nothing", (t) => {
  const folder = folderWithNotes(t);
  const many = folder.write("many.ndjson", Array.from({ length: 30_000 }, (_, n) => `{"name":"m${n}","title":"${n}"}\n`).join(""));
  const { code, err } = folder.run(["put", "note", many, "--timeout", "1"]);
  assert.equal(code, 1);
  assert.match(err, /TIMEOUT/);
  assert.deepEqual(query(folder, { count: {} }, "--timeout", "60000"), [{ count: 3 }]);
  for (const bad of ["0", "soon", "-1"]) {
    assert.equal(folder.run(["query", "note", "{}", `--timeout=${bad}`]).code, 2, bad);
  }
});
