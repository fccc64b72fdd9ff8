// SPDX-License-Identifier: MIT
// Makes docs/errors.md from the list of status codes in src/base/status.h and the examples below, which the tests run.
//   node scripts/make-error-docs.mjs           writes the page
//   node scripts/make-error-docs.mjs --check   fails when the page is stale
import { readFileSync, writeFileSync } from "node:fs";
import { at, fail, say } from "./lib.mjs";

const page = "docs/errors.md";

const setup = `import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HeavenBase, Integer, ShortText, Vector, entity, field, init } from "heavenbase";

const Part = entity("Part", {
  code: field(ShortText).unique(), size: field(Integer).required(), embedding: field(Vector(2)),
});
const ws = await HeavenBase.open("errors", { preset: "debug" });
await ws.register(Part);
const bolt = await ws.upsert(Part, { name: "Bolt", code: "b-1", size: 5, embedding: [1, 0] });`;

/** What produces a code: in words, and where a few lines can show it, as code. @type {Record<string, { when: string, js?: string }>} */
const causes = {
  INVALID_ID: {
    when: "Ids of workspaces, backends and entities are lower-case words joined by `-` or `_`; an object_id has 1 to 63 characters. A row " +
      "without `object_id` needs a `name`.",
    js: `await HeavenBase.open("Not an id"); // throws INVALID_ID
await ws.upsert(Part, { size: 1 }); // throws INVALID_ID`,
  },
  VALIDATION: {
    when: "See [types](types.md) for what each accepts.",
    js: `await ws.upsert(Part, { name: "Nut" }); // throws VALIDATION
await ws.upsert(Part, { name: "Nut", size: 5, embedding: [1, NaN] }); // throws VALIDATION`,
  },
  TYPE: { when: "Or a field is declared with a strategy that its backend does not have for the type.", js: `await ws.upsert(Part, "a text instead of a row"); // throws TYPE
await ws.query(Part).where({ size: [1, 2] }).execute(); // throws TYPE` },
  SCHEMA: { when: "", js: `await ws.register({ entity_id: "broken", fields: { size: "Number" } }); // throws SCHEMA` },
  SCHEMA_CONFLICT: {
    when: "`register(entity, { allowReplace: true })` replaces the definition.",
    js: `await ws.register(entity("Part", { code: field(Integer) })); // throws SCHEMA_CONFLICT`,
  },
  DUPLICATE: { when: "", js: `await ws.upsertMany(Part, [{ object_id: "x", size: 1 }, { object_id: "x", size: 2 }]); // throws DUPLICATE
await ws.upsert(Part, { object_id: bolt, size: 6 }, { overwrite: false }); // throws DUPLICATE` },
  UNIQUE: { when: "", js: `await ws.upsert(Part, { name: "Another bolt", code: "b-1", size: 5 }); // throws UNIQUE` },
  AMBIGUOUS: {
    when: "Ids are unique within an entity; name the entity.",
    js: `const Tool = await ws.register(entity("Tool", { use: field(ShortText) }));
await ws.upsert(Part, { object_id: "shared", size: 1 });
await ws.upsert(Tool, { object_id: "shared" });
await ws.get("shared"); // throws AMBIGUOUS`,
  },
  QUERY: {
    when: "Unknown keys, options, metrics and modes; clauses that exclude each other; a bad or unsafe regular expression.",
    js: `await ws.queryJson(Part, { filters: {} }).execute(); // throws QUERY
await ws.query(Part).where(Part.code.regex("(a+)+")).execute(); // throws QUERY`,
  },
  UNKNOWN_FIELD: { when: "", js: `await ws.upsert(Part, { name: "Nut", sise: 5 }); // throws UNKNOWN_FIELD
await ws.query(Part).where({ colour: "red" }).execute(); // throws UNKNOWN_FIELD` },
  UNKNOWN_ENTITY: {
    when: "Entities are named by id (`part`), not by class name.",
    js: `await ws.count("gadget"); // throws UNKNOWN_ENTITY`,
  },
  UNKNOWN_BACKEND: { when: "", js: `await HeavenBase.open("other", { backends: { main: { type: "sqlight" } } }); // throws UNKNOWN_BACKEND
await HeavenBase.open("other", { backends: { main: { type: "sqlite", file: "x.db" } } }); // throws UNKNOWN_BACKEND` },
  UNKNOWN_PRESET: { when: "", js: `await HeavenBase.open("other", { preset: "debugging" }); // throws UNKNOWN_PRESET` },
  UNSUPPORTED: {
    when: "An operator that the type does not have, a strategy that cannot answer it, a clause that is not built yet, a write to MetaSchema.",
    js: `await ws.query(Part).where(Part.size.match("5")).execute(); // throws UNSUPPORTED`,
  },
  UNSUPPORTED_STORAGE: {
    when: "The built-in backends hold every type; an engine of vectors or of words need not.",
  },
  ROUTING: { when: "", js: `await ws.register(entity("Lost", { code: field(ShortText).store({ to: "nowhere" }) })); // throws ROUTING` },
  LIMIT: { when: "The limits are listed in `src/base/limits.h`.", js: `await ws.query(Part).near(Part.embedding, [1, 0], { topK: 1001 }).execute(); // throws LIMIT` },
  MEMORY: { when: "The call failed and left nothing behind; the workspace can still be used." },
  BACKEND: { when: "`error.native` has the engine's own code, for instance `SQLITE_FULL`." },
  UNAVAILABLE: {
    when: "",
    js: `await HeavenBase.open("other", { backends: { main: { type: "sqlite", database: "/no/such/folder/x.db" } } }); // throws UNAVAILABLE`,
  },
  BAD_REPLY: { when: "Remote backends only; this version has none." },
  REFUSED: { when: "A database file that cannot be written; the credentials of a remote backend." },
  CORRUPT: {
    when: "",
    js: `const folder = mkdtempSync(join(tmpdir(), "heavenbase-"));
const database = join(folder, "broken.db");
writeFileSync(database, "not a database, but long enough to be looked at ".repeat(100));
await HeavenBase.open("other", { backends: { main: { type: "sqlite", database } } }); // throws CORRUPT`,
  },
  LOCKED: {
    when: "Workspaces take turns on a file, and a call waits for its turn ([durability.md](durability.md)). But a program with a SQLite of its own that holds the file in WAL mode shares it with nobody here.",
    js: `const held = join(folder, "held.db");
writeFileSync(held + "-shm", ""); // as that program would
await HeavenBase.open("second", { backends: { main: { type: "sqlite", database: held } } }); // throws LOCKED
rmSync(folder, { recursive: true });`,
  },
  PARTIAL_WRITE: { when: "The message says what was committed where. Every backend commits in turn, the entity's home first; this is what is left when a later commit fails." },
  CANCELLED: { when: "", js: `await ws.query(Part).execute({ signal: AbortSignal.abort() }); // throws CANCELLED` },
  TIMEOUT: { when: "`timeoutMs` passed before the answer was there; `error.backend` is the one that had not answered. What the call wrote is rolled back." },
  COMPUTE: { when: "`error.cause` is what the function threw. The command line runs no functions: give the value.",
    js: `const Failing = entity("Failing", { size: field(Integer).compute(() => { throw new Error("no"); }) });
await ws.register(Failing);
await ws.upsert(Failing, { object_id: "x" }); // throws COMPUTE` },
  UNKNOWN_COMPUTE: { when: "`registerCompute(name, fn)`, or `computes` of `open`, makes a function known.",
    js: `await ws.register({ entity_id: "sized", fields: { size: { type: "integer", compute: "measure" } } }); // throws UNKNOWN_COMPUTE` },
  HOST: { when: "Loading the module, a file or a request failed; `error.cause` says why.", js: `await init({ bytes: new Uint8Array(8) }); // throws HOST` },
  CLOSED: { when: "", js: `await ws.close();
await ws.count(Part); // throws CLOSED` },
  INTERNAL: { when: "Please report it." },
  RESTRICTED: { when: "A row is deleted that edges of a relation lead to; `error.references` lists them, `{ edges: \"detach\" }` deletes them too." },
  SCHEMA_DRIFT: { when: "A table or a column was dropped, renamed or given another type. The error names entity, field and backend, what was found and what was expected; the workspace opens, and other entities can be used. `audit()` lists everything under `storage`; `repair()` makes what lacks anew, keeps the values that fit and takes lost ones from replicas." },
  FORMAT: { when: "A database or folder that a later version wrote, or a manifest or export file of one: use that version. What an earlier version wrote is read." },
};

/** @returns {{ name: string, value: number, text: string }[]} */
function readCodes() {
  const header = readFileSync(at("src/base/status.h"), "utf8");
  const rows = [...header.matchAll(/X\((\w+),\s*(\d+),\s*"([^"]*)"\)/g)];
  return rows.map(([, name, value, text]) => ({ name, value: Number(value), text })).filter(({ name }) => name !== "OK");
}

/** @param {{ name: string, value: number, text: string }[]} codes */
function draw(codes) {
  // CLOSED comes last, as its example ends the workspace of the others.
  const order = [...codes.filter(({ name }) => name !== "CLOSED"), ...codes.filter(({ name }) => name === "CLOSED")];
  const sections = order.map(({ name, text }) => {
    const { when, js } = causes[name];
    return [`## ${name}`, `${text[0].toUpperCase()}${text.slice(1)}.${when ? ` ${when}` : ""}`, ...(js ? ["```js\n" + js + "\n```"] : [])].join("\n\n");
  });
  return [
    "# Errors",
    "<!-- Made by scripts/make-error-docs.mjs from src/base/status.h: do not edit. -->",
    "Whatever goes wrong is a `HeavenBaseError`. Its `code` is stable and comes from one list in C; `message` says what was found and what was\n" +
    "expected, with a hint where a name is close to a known one; `entity`, `field` and `backend` say where, and are null where they do not apply;\n" +
    "`native` is the engine's own code, `at` a position in the input, `cause` the error underneath. Nothing of a failed call is written, with the\n" +
    "one exception that `PARTIAL_WRITE` names.",
    "The examples share this workspace, and the tests run them:",
    "```js\n" + setup + "\n```",
    `| code | number | meaning |\n| --- | --- | --- |\n${codes.map(({ name, value, text }) => `| [${name}](#${name.toLowerCase()}) | ${value} | ${text} |`).join("\n")}`,
    ...sections,
  ].join("\n\n") + "\n";
}

const codes = readCodes();
const names = codes.map(({ name }) => name);
const undocumented = names.filter((name) => !causes[name]), gone = Object.keys(causes).filter((name) => !names.includes(name));
if (names.length === 0) fail("found no codes in src/base/status.h");
if (undocumented.length > 0) fail(`scripts/make-error-docs.mjs says nothing about ${undocumented.join(", ")}`);
if (gone.length > 0) fail(`scripts/make-error-docs.mjs speaks of codes that are gone: ${gone.join(", ")}`);

const text = draw(codes);
if (process.argv.includes("--check")) {
  if (readFileSync(at(page), "utf8") !== text) fail(`${page} is stale: run node scripts/make-error-docs.mjs`);
  say(`${page} is up to date`);
} else {
  writeFileSync(at(page), text);
  say(`wrote ${page}: ${codes.length} codes`);
}
