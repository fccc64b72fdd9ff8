// SPDX-License-Identifier: MIT
// Checks of the conformance suite that look at the whole workspace, its fields placed as it places them by itself.
import { Skip, durable, refused, same } from "./conformance-checks.js";

/** @typedef {import("./workspace.js").Workspace} Workspace */
/** `again` closes the workspace and opens it anew. @typedef {{ ws: Workspace, open: (id: string) => Promise<Workspace>, again: () => Promise<Workspace>, other: string }} Setting */

const note = "conformance-note";
const definition = { entity_id: note, fields: { title: { type: "short-text", required: true }, body: "long-text", n: "integer", tags: "array[short-text]", meta: "json", embedding: "vector[2]",
  state: { type: { type: "categorical", values: ["new", "used"] }, default: "new" } } };
const rows = [
  { object_id: "a", title: "Agent routing", body: "Agents route each question to one engine.", n: 3, tags: ["x", "y"], meta: { k: { v: 1 } }, embedding: [1, 0] },
  { object_id: "b", title: "Memory", body: "What an agent remembers, it can search.", n: 1, tags: ["y"], meta: { k: { v: 2 } }, embedding: [0.6, 0.8], state: "used" },
  { object_id: "c", title: "Zeta", body: "Nothing of the kind.", n: 2, tags: [], meta: { k: "many" }, embedding: [0, 1] },
  { object_id: "d", title: "Null", body: null, n: null, tags: null, meta: null, embedding: null, state: null },
];

/** @param {Workspace} ws */
async function prepare(ws) {
  await ws.register(definition);
  await ws.deleteMany(await ws.ids(note), { entity: note });
  await ws.upsertMany(note, rows);
}

/** @param {Workspace} ws @param {Record<string, any>} spec @returns {Promise<string>} */
async function found(ws, spec) {
  const answers = [];
  for (const pushdown of [true, false]) answers.push((await ws.queryJson(note, spec).execute({ pushdown })).ids.join(""));
  same(answers[0], answers[1], "with push-down and without");
  return answers[0];
}

/** A row that must be there. @param {Workspace} ws @param {string} id @param {string} [entity] @returns {Promise<Record<string, any>>} */
async function rowOf(ws, id, entity = note) {
  const row = await ws.get(id, { entity });
  if (row === null) throw new Error(`row ${id} of ${entity} is gone`);
  return row;
}

/** Skips what the field's own placement does not claim. @param {Workspace} ws @param {string} field @param {string} dtype @param {string} op */
async function claimed(ws, field, dtype, op) {
  const { storage } = await ws.schema(note);
  for (const { field: name, backend, strategy } of storage) if (name === field && (await ws.capabilities.supports(dtype, op, backend, strategy))) return;
  throw new Skip(`${op} of ${dtype} is not claimed where ${field} lies`);
}

/** @param {Setting} setting */
async function crud({ ws }) {
  await prepare(ws);
  same(await ws.upsert(note, { object_id: "e", title: "Fifth", n: 5 }), "e", "upsert");
  same((await rowOf(ws, "e")).n, 5, "get");
  await ws.set("e", { n: 6 }, { entity: note });
  const { title, n } = await rowOf(ws, "e");
  same([title, n], ["Fifth", 6], "set keeps the other fields");
  await ws.upsert(note, { object_id: "e", title: "Again" });
  same((await rowOf(ws, "e")).n, null, "upsert replaces the whole row");
  same(await ws.existsMany(["e", "zz"], { entity: note }), [true, false], "existsMany");
  same((await ws.getMany(["b", "a"], { entity: note })).map((/** @type {any} */ row) => row?.object_id), ["b", "a"], "getMany keeps the order");
  await ws.delete("e", { entity: note });
  same([await ws.exists("e", { entity: note }), await ws.count(note), await ws.ids(note)], [false, 4, ["a", "b", "c", "d"]], "delete");
}

/** @param {Setting} setting */
async function absent({ ws }) {
  await prepare(ws);
  await ws.upsert(note, { object_id: "e", title: "Fifth" });
  const row = await rowOf(ws, "e");
  same([row.body, row.n, row.tags, row.meta, row.embedding, row.state], [null, null, null, null, null, "new"], "absent fields");
  same((await rowOf(ws, "d")).state, null, "null is no default");
  await ws.upsert(note, { object_id: "f", title: "", tags: [], meta: {} });
  const empty = await rowOf(ws, "f");
  same([empty.title, empty.tags, empty.meta], ["", [], {}], "empty values are values");
}

/** @param {Setting} setting */
async function invalid({ ws }) {
  await prepare(ws);
  const bad = [[{ object_id: "e", title: "ok" }, { object_id: "f", title: "x", n: "many" }], [{ object_id: "e" }], [{ object_id: "e", title: "x", embedding: [1] }], [{ object_id: "e", title: "x", other: 1 }]];
  for (const batch of bad) await refused(() => ws.upsertMany(note, /** @type {any} */ (batch)), "a wrong row", ["VALIDATION", "TYPE", "UNKNOWN_FIELD"]);
  same(await ws.ids(note), ["a", "b", "c", "d"], "rows after refused writes");
}

/** @param {Setting} setting */
async function filters({ ws }) {
  await prepare(ws);
  same(await found(ws, {}), "abcd", "no filter");
  same(await found(ws, { filter: { $or: [{ n: { gte: 3 } }, { $and: [{ tags: { array_contains: "y" } }, { $not: { title: { match: "agent" } } }] }] } }), "ab", "nested");
  same(await found(ws, { filter: { $not: { n: { lt: 3 } } } }), "ad", "not is the complement, null included");
  same(await found(ws, { filter: { "meta.k.v": { gte: 1 } } }), "ab", "a path into Json");
  same(await found(ws, { filter: { object_id: { in: ["c", "zz", "a"] } } }), "ac", "by id");
}

/** @param {Setting} setting */
async function ordering({ ws }) {
  await prepare(ws);
  same(await found(ws, { filter: { n: { is_null: false } }, order: ["n"] }), "bca", "ascending");
  same(await found(ws, { filter: { n: { is_null: false } }, order: ["-n"], limit: 2 }), "ac", "descending, limited");
  same(await found(ws, { order: ["-object_id"], limit: 2, offset: 1 }), "cb", "offset");
  same(await found(ws, { order: ["state", "-title"], filter: { state: { is_null: false } } }), "cab", "two keys");
  same(await found(ws, { limit: 0 }), "", "limit 0");
  const first = await ws.queryJson(note, { order: ["-object_id"], limit: 3 }).execute();
  same(await found(ws, { order: ["-object_id"], limit: 3, after: first.cursor }), "a", "the page after a cursor");
  same((await ws.queryJson(note, { select: ["n"], limit: 1 }).execute()).colNames(), ["object_id", "n"], "select");
}

/** @param {Setting} setting */
async function near({ ws }) {
  await prepare(ws);
  await claimed(ws, "embedding", "vector", "near");
  same(await found(ws, { near: { field: "embedding", query: [1, 0.1], top_k: 2 } }), "ab", "cosine");
  for (const metric of ["l2", "dot"]) same(await found(ws, { near: { field: "embedding", query: [0, 1], top_k: 3, metric } }), "cba", metric);
  same(await found(ws, { near: { field: "embedding", query: [1, 0], top_k: 2 }, filter: { n: { lt: 3 } } }), "bc", "filtered before it is ranked");
  await refused(() => ws.queryJson(note, { near: { field: "embedding", query: [1], top_k: 1 } }).execute(), "another dimension", ["VALIDATION", "QUERY", "TYPE"]);
}

/** @param {Setting} setting */
async function search({ ws }) {
  await prepare(ws);
  await claimed(ws, "body", "long-text", "search");
  same(await found(ws, { search: { fields: ["body"], query: "SEARCH", top_k: 5 } }), "b", "a word in any case");
  same(await found(ws, { search: { fields: ["body"], query: "agent remembers", top_k: 5, mode: "all" } }), "b", "all words");
  same(await found(ws, { search: { fields: ["body"], query: "remembers agent", top_k: 5, mode: "phrase" } }), "", "no such phrase");
  same([...(await found(ws, { search: { fields: ["body"], query: "agen", top_k: 5, mode: "prefix" } }))].sort().join(""), "ab", "a prefix");
}

/** @param {Setting} setting */
async function hybrid({ ws }) {
  await prepare(ws);
  await claimed(ws, "embedding", "vector", "near");
  await claimed(ws, "body", "long-text", "search");
  const spec = { near: { field: "embedding", query: [0.6, 0.8], top_k: 4 }, search: { fields: ["body"], query: "agent search", top_k: 4 } };
  same((await found(ws, spec))[0], "b", "first in both, first in the end");
  const frame = await ws.queryJson(note, { ...spec, select: ["score", "near_score", "search_score"] }).execute();
  const scores = frame.rows().map((/** @type {any} */ row) => row.score);
  same(scores, [...scores].sort((a, b) => b - a), "scores fall");
}

/** @param {Setting} setting */
async function aggregates({ ws }) {
  await prepare(ws);
  for (const pushdown of [true, false]) {
    const one = (await ws.queryJson(note, { aggregate: { rows: { count: { field: "object_id" } }, sum: { sum: { field: "n" } }, avg: { avg: { field: "n" } }, min: { min: { field: "n" } }, max: { max: { field: "title" } }, mid: { median: { field: "n" } } } })
      .execute({ pushdown })).rows()[0];
    same(one, { rows: 4, sum: 6, avg: 2, min: 1, max: "Zeta", mid: 2 }, "over all rows");
    const groups = await ws.queryJson(note, { group_by: ["state"], aggregate: { total: { sum: { field: "n" } } }, having: { total: { gt: 0 } }, order: ["state"] }).execute({ pushdown });
    same(groups.rows(), [{ state: "new", total: 5 }, { state: "used", total: 1 }], "by group");
  }
  await reduced(ws);
}

/** Groups and reducers of every scalar type, nulls among them, the same with push-down and without. @param {Workspace} ws */
async function reduced(ws) {
  const entity = "conformance-sum";
  await ws.register({ entity_id: entity, fields: { text: "short-text", yes: "boolean", big: "integer", x: "float", day: "date" } });
  await ws.deleteMany(await ws.ids(entity), { entity });
  const texts = ["b", "B", "b ", "é", "", null, "b"];
  const bigs = [2n ** 62n, 2n ** 62n - 1n, -(2n ** 63n), 2n ** 53n + 1n, 0n, null, 7n];
  await ws.upsertMany(entity, texts.map((text, i) => ({ object_id: `r${(i * 5) % 7}`, text, yes: i % 3 === 2 ? null : i % 2 === 0, big: bigs[i], x: i === 5 ? null : i % 2 ? -0.1 * i : -0, day: i === 5 ? null : `200${i}-01-02` })));
  const measures = Object.fromEntries(["text", "yes", "big", "x", "day"].flatMap((field) => [[`n_${field}`, { count: { field } }], [`d_${field}`, { count: { field, distinct: true } }],
    ...(field === "yes" ? [] : [[`lo_${field}`, { min: { field } }], [`hi_${field}`, { max: { field } }]])]));
  const totals = { sum: { sum: { field: "big" } }, avg: { avg: { field: "big" } }, exact: { sum: { field: "x" } } };
  const specs = [{ aggregate: measures }, { aggregate: totals }, { aggregate: { avg: totals.avg }, filter: { big: { $gt: 0 } } }, { aggregate: { ...measures, ...totals }, filter: { text: "nobody" } },
    ...["text", "yes", "big", "x", "day"].map((field) => ({ group_by: [field], aggregate: { n: { count: { field: "object_id" } }, sum: totals.sum, low: { min: { field: "text" } }, high: { max: { field: "big" } } } })),
    { group_by: ["yes", "text"], aggregate: { avg: totals.avg, n: { count: { field: "big" } } }, filter: { big: { $ne: 7 } } }];
  for (const spec of specs) {
    const answers = [];
    for (const pushdown of [true, false]) answers.push((await ws.queryJson(entity, spec).execute({ pushdown })).rows());
    same(answers[0], answers[1], JSON.stringify(spec));
  }
  for (const pushdown of [true, false]) {
    await refused(() => ws.queryJson(entity, { aggregate: { sum: totals.sum }, filter: { big: { $gt: 0 } } }).execute({ pushdown }), "a sum beyond 64 bits", ["LIMIT"]);
    same((await ws.queryJson(entity, { aggregate: { avg: totals.avg }, filter: { big: { $gt: 2 ** 60 } } }).execute({ pushdown })).rows(), [{ avg: 2 ** 62 }], "an average needs no 64 bits");
  }
}

/** @param {Setting} setting */
async function replicas({ ws }) {
  const names = ws.backends.names();
  if (names.length < 2) throw new Skip("one backend");
  const entity = "conformance-replica";
  const stores = names.map((to) => ({ to, strategy: "inline" }));
  await ws.register({ entity_id: entity, fields: { text: { type: "short-text", stores }, n: { type: "integer", stores } } });
  await ws.upsertMany(entity, [{ object_id: "a", text: "one", n: 1 }, { object_id: "b", text: "two", n: 2 }, { object_id: "c", text: "three", n: 3 }]);
  await ws.set("b", { n: 9 }, { entity });
  await ws.delete("a", { entity });
  same((await ws.rows(entity)).map((/** @type {any} */ row) => [row.object_id, row.text, row.n]), [["b", "two", 9], ["c", "three", 3]], "rows");
  for (const pushdown of [true, false]) same((await ws.queryJson(entity, { filter: { n: { gt: 5 } } }).execute({ pushdown })).ids, ["b"], "query");
  await ws.upsert(entity, { object_id: "a", text: "anew" });
  same((await rowOf(ws, "a", entity)).n, null, "what was deleted does not come back");
}

/** @param {Setting} setting */
async function reopening({ ws, again }) {
  durable(ws);
  await prepare(ws);
  const before = await ws.rows(note);
  const reopened = await again();
  same(await reopened.rows(note), before, "rows");
  same(await found(reopened, { filter: { "meta.k.v": 2 } }), "b", "query");
  await reopened.register(definition);
  await refused(() => reopened.register({ ...definition, fields: { ...definition.fields, n: "short-text" } }), "another structure", ["SCHEMA_CONFLICT"]);
}

/** @param {Setting} setting */
async function apart({ ws, open, other }) {
  await prepare(ws);
  const second = await open(other);
  try {
    await second.register(definition);
    same(await second.count(note), 0, "rows of the other workspace");
    await second.upsert(note, { object_id: "a", title: "Other" });
    same((await rowOf(ws, "a")).title, "Agent routing", "the first one's row");
    await second.drop();
  } finally {
    await second.close();
  }
  await ws.refresh();
  same(await ws.count(note), 4, "rows after the other workspace was dropped");
}

/** @param {Setting} setting */
async function audited({ ws }) {
  await prepare(ws);
  const report = await ws.audit();
  same(report.catalog.ok, true, "audit");
}

/** @type {{ name: string, run: (setting: Setting) => Promise<void> }[]} */
export const features = [
  { name: "rows are written, read, changed and deleted", run: crud }, { name: "absent, null and empty", run: absent }, { name: "a wrong row writes nothing", run: invalid },
  { name: "filters", run: filters }, { name: "order, limit, pages", run: ordering }, { name: "near", run: near }, { name: "search", run: search }, { name: "near and search together", run: hybrid },
  { name: "aggregates", run: aggregates }, { name: "replicas", run: replicas }, { name: "rows and entities are there after reopening", run: reopening },
  { name: "workspaces are apart, and dropped apart", run: apart }, { name: "audit finds nothing", run: audited },
];
