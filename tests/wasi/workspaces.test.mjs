// SPDX-License-Identifier: MIT
// hb ws: presets, create, list, get, unset.
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Folder } from "./hb.mjs";

const debug_layout = `domain: workspace-preset
data:
    desc: <desc>
    backends:
        main:
            type: sqlite
            name: main
            database: ':memory:'
        vec:
            type: inmem
            name: vec
        search:
            type: inmem
            name: search
    preset: debug
    args: {}
bindings: {}
raw:
    preset: debug
meta:
    catalog_revision: 0

`;

test("ws presets show debug has the exact layout, and needs no folder", (t) => {
  const folder = new Folder(t);
  for (const args of [["ws", "presets", "show", "debug"], ["ws", "presets", "debug"], ["ws", "preset", "debug"]]) {
    const { code, out, err } = folder.run(args, { wasmtime: [] });
    assert.deepEqual([code, err], [0, ""]);
    assert.equal(out.replace(/^ {4}desc: .+$/m, "    desc: <desc>"), debug_layout);
  }
  assert.equal(JSON.parse(folder.ok(["ws", "presets", "show", "debug", "--json"])).data.backends.main.database, ":memory:");
});

test("ws presets lists them", (t) => {
  const folder = new Folder(t);
  for (const args of [["ws", "presets"], ["ws", "presets", "list"]]) {
    const out = folder.ok(args).split("\n");
    assert.equal(out[0], "Workspace Presets");
    assert.match(out[1], /^ {2}preset +desc +backends$/);
    assert.match(out[3], /^ {2}debug +\S.* {2}main, vec, search$/);
  }
});

test("a preset takes its values from the environment and hides its secrets", (t) => {
  const folder = new Folder(t);
  const { out } = folder.run(["ws", "presets", "show", "local-lts"], { wasmtime: ["--env", "HVNB_LOCAL_LTS_POSTGRES_PORT=99", "--env", "HVNB_LOCAL_LTS_POSTGRES_PASSWORD=s3cret"] });
  assert.match(out, /^ {12}port: 99$/m);
  assert.match(out, /^ {12}password:<redacted>$/m);
  assert.ok(!out.includes("s3cret"));
});

test("presets that are not there, and a missing name", (t) => {
  const folder = new Folder(t);
  assert.deepEqual(folder.run(["ws", "presets", "show", "nope"]),
    { code: 1, out: "", err: "ERR Unknown preset 'nope' for workspace-preset; expected one of: debug, local-lts, web-lts, browser, edge\n" });
  assert.deepEqual(folder.run(["ws", "presets", "show"]),
    { code: 1, out: "", err: "ERR preset name is required for 'hb ws presets show <name>'\n" });
});

test("ws create makes a durable workspace and says what it is", (t) => {
  const folder = new Folder(t);
  const out = folder.ok(["ws", "create", "shop"]);
  assert.equal(out.replace(/'\d{4}-\d\d-\d\dT[\d:.]+Z'/g, "<time>"), `created: shop
registered:
    id: shop
    construction:
        kind: backends
        backends:
            main:
                type: sqlite
                name: main
                database: file://%/data/shop.db
    created_at: <time>
    updated_at: <time>
backend_names:
- main
`);
  assert.ok(existsSync(join(folder.path, ".heavenbase/data/shop.db")));
  const record = JSON.parse(readFileSync(join(folder.path, ".heavenbase/workspaces/shop.json"), "utf8"));
  assert.deepEqual(Object.keys(record), ["id", "backends", "created_at", "updated_at"]);
  assert.deepEqual(readdirSync(join(folder.path, ".heavenbase/workspaces")), ["shop.json"]);
});

test("ws create --preset debug warns that its data does not stay", (t) => {
  const { code, out, err } = new Folder(t).run(["ws", "create", "trial", "--preset", "debug"]);
  assert.equal(code, 0);
  assert.match(out, /^created: trial\npreset: debug\nregistered:\n {4}id: trial\n {4}construction:\n {8}kind: preset\n {8}preset: debug\n/);
  assert.match(out, /\nbackend_names:\n- main\n- vec\n- search\n$/);
  assert.match(err, /keeps main, vec, search in memory: that data does not outlive this command/);
});

test("creating again is fine when nothing changes, an error when it would", (t) => {
  const folder = new Folder(t);
  const first = folder.ok(["ws", "create", "shop", "--database", "shop.db"]);
  assert.equal(folder.ok(["ws", "create", "shop", "--database", "shop.db"]), first);
  assert.equal(folder.ok(["ws", "create", "shop"]), first);
  const { code, err } = folder.run(["ws", "create", "shop", "--preset", "debug"]);
  assert.equal(code, 1);
  assert.match(err, /^ERR Workspace 'shop' already exists with a different construction/);
  assert.ok(existsSync(join(folder.path, "shop.db")));
});

test("what cannot be opened is not recorded", (t) => {
  const folder = new Folder(t);
  /** @type {[string[], RegExp][]} */
  const cases = [
    [["Bad"], /^ERR Invalid workspace_id 'Bad'; /],
    [["../x"], /^ERR Invalid workspace_id '\.\.\/x'; /],
    [["a", "--preset", "nope"], /^ERR Unknown preset 'nope'/],
    [["a", "--backends", '{"main":{"type":"sqlit"}}'], /did you mean 'sqlite'\?/],
    [["a", "--backends", '{"main":{"type":"sqlite","databse":"x.db"}}'], /no option 'databse'; did you mean 'database'\?/],
    [["a", "--backends", '{"main":'], /^ERR the backend map is no valid JSON/],
    [["a", "--database", "no/such/folder/x.db"], /no\/such\/folder.*UNAVAILABLE.*ENOENT/],
    [["a", "--database", folder.write("text.db", "this is no database, but long enough to be looked at as one".repeat(20))], /CORRUPT|SQLITE_NOTADB/],
  ];
  for (const [args, message] of cases) {
    const { code, out, err } = folder.run(["ws", "create", ...args]);
    assert.equal(code, 1, args.join(" "));
    assert.equal(out, "", args.join(" "));
    assert.match(err, message, args.join(" "));
  }
  assert.equal(folder.ok(["ws", "list", "--json"]), "[]\n");
});

test("ws list, get and unset", (t) => {
  const folder = new Folder(t);
  folder.ok(["ws", "create", "shop"]);
  folder.ok(["ws", "create", "a-b_c", "--preset", "debug"]);
  const [heading, columns, , ...rows] = folder.ok(["ws", "list"]).trimEnd().split("\n");
  assert.equal(heading, "Workspaces");
  assert.match(columns, /^ {2}id +updated_at$/);
  assert.deepEqual(rows.map((row) => row.trim().split(/ +/)[0]), ["a-b_c", "shop"]);
  assert.match(folder.ok(["ws", "get", "shop"]), /^id: shop\nconstruction:\n {4}kind: backends\n/);
  assert.deepEqual(folder.run(["ws", "get", "nope"]), { code: 1, out: "", err: "ERR \"No registered workspace 'nope'\"\n" });
  assert.equal(folder.ok(["ws", "unset", "a-b_c"]), "OK removed workspace a-b_c\n");
  assert.equal(folder.ok(["ws", "rm", "a-b_c"]), "OK workspace a-b_c was not registered\n");
  assert.deepEqual(JSON.parse(folder.ok(["ws", "list", "--json"])).map((/** @type {{ id: string }} */ row) => row.id), ["shop"]);
});

test("unset keeps the data, and create finds it again", (t) => {
  const folder = new Folder(t);
  folder.ok(["ws", "create", "shop"]);
  folder.ok(["entity", "define", '{"name":"Item","fields":{"n":"Integer"}}']);
  folder.ok(["put", "item"], '{"object_id":"a","n":1}');
  folder.ok(["ws", "unset", "shop"]);
  assert.match(folder.run(["get", "item", "a"]).err, /there is no workspace yet; make one: hb ws create ID/);
  folder.ok(["ws", "create", "shop"]);
  assert.deepEqual(JSON.parse(folder.ok(["get", "item", "a"])).n, 1);
});

test("options of a backend type that is not built in are shown redacted", (t) => {
  const folder = new Folder(t);
  folder.ok(["ws", "create", "shop"]);
  const path = join(folder.path, ".heavenbase/workspaces/shop.json");
  const record = JSON.parse(readFileSync(path, "utf8"));
  record.backends.far = { type: "faraway", name: "far", password: "hunter2" };
  writeFileSync(path, JSON.stringify(record));
  const yaml = folder.ok(["ws", "get", "shop"]);
  assert.match(yaml, /^ {12}password:<redacted>$/m);
  assert.match(yaml, /^ {12}type: faraway$/m);
  for (const args of [["ws", "get", "shop"], ["ws", "get", "shop", "--json"], ["audit"], ["ws", "create", "shop"]]) {
    const { out, err } = folder.run(args);
    assert.doesNotMatch(out + err, /hunter2/, args.join(" "));
  }
});

test("a damaged record is an error that names the file", (t) => {
  const folder = new Folder(t);
  folder.ok(["ws", "create", "shop"]);
  const path = join(folder.path, ".heavenbase/workspaces/shop.json");
  for (const text of ["{", "[]", '{"id":"other","preset":"debug"}', '{"id":"shop"}']) {
    writeFileSync(path, text);
    const { code, out, err } = folder.run(["audit"]);
    assert.deepEqual([code, out], [1, ""], text);
    assert.match(err, /\.heavenbase\/workspaces\/shop\.json/, text);
  }
});
