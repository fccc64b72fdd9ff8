// SPDX-License-Identifier: MIT
// The main job on real data: 4 308 encyclopedia entries with sentence embeddings are written to the `debug` preset
// and asked 14 questions, by filter, by vector, by words and by both. The vectors are stored with the data, so no
// model runs. Every answer is checked; the exit code is 1 when one is wrong.
//   npm run demo            readable
//   npm run demo -- --json  the results as one JSON document
import {
  ArrayOf, Catalog, Categorical, Float, HeavenBase, InlineColumn, Integer, InvertedIndex, LongText, MetaSchema, ShortText,
  SparseGramIndex, Vector, VectorIndex, entity, field,
} from "heavenbase";
import { dimensions, loadDocuments, loadQuestions } from "./data.mjs";
import { nearest, passes, rankingFault } from "./plain.mjs";
import { Terminal } from "./terminal.mjs";

const categories = ["artifact", "artist", "athlete", "battle", "city", "country", "event", "explorer", "fiction", "island",
  "leader", "mountain", "musician", "myth", "organization", "performer", "person", "place", "scientist", "soldier", "star",
  "thinker", "water", "work", "writer"];

// Every entity has an object_id, and a `name` from which it is derived; the rest is declared.
const Document = entity("Document", {
  title: field(ShortText).required(),
  body: field(LongText),
  category: field(Categorical(categories)).required(),
  year: field(Integer),
  until: field(Integer),
  kilometres: field(Float),
  tags: field(ArrayOf(ShortText)),
  embedding: field(Vector(dimensions)),
}, { desc: "A short encyclopedia entry." });

const batch_rows = 500;
const shown_rows = 5;
const top_k = 10;
const as_json = process.argv.includes("--json");
const screen = new Terminal(process.stdout, { quiet: as_json });
const faults = /** @type {string[]} */ ([]);
/** @param {unknown} right @param {string} fault */
const check = (right, fault) => {
  if (!right) faults.push(fault);
};
/** @param {number} number */
const grouped = (number) => String(Math.round(number)).replace(/\B(?=(\d{3})+$)/g, " ");
/** @param {number} since */
const msSince = (since) => performance.now() - since;
/** @param {Iterable<any>} frame */
const ranking = (frame) => Array.from(frame, (row) => ({ name: row.name, score: row.score }));
/** Place of the expected answer, from 1; null when it is not there. @param {any[]} rows @param {string} name */
const placeOf = (rows, name) => {
  const at = rows.findIndex((row) => row.name === name);
  return at < 0 ? null : at + 1;
};

/** A ranking as a table, the expected answers marked. @param {Iterable<any>} frame @param {string[]} answers @param {string[]} scores */
function showRanking(frame, answers, scores = ["score"]) {
  const rows = Array.from(frame).slice(0, shown_rows).map((row, i) => ({
    place: i + 1, ...Object.fromEntries(scores.map((key) => [key, row[key] === null ? "–" : row[key].toFixed(4)])),
    mark: answers.includes(row.name) ? "✓" : "", name: row.name, category: row.category, year: row.year, body: row.body,
  }));
  screen.table([{ key: "place", right: true, paint: "dim" },
    ...scores.map((key) => ({ key, label: key, right: true, paint: "yellow" })), { key: "mark", paint: "green" },
    { key: "name", label: "name", max: 24, paint: "bold" }, { key: "category", label: "category" },
    { key: "year", label: "year", right: true }, { key: "body", label: "body", flex: true, paint: "dim" }], rows);
}

/** @param {import("./data.mjs").DocumentRow[]} documents */
async function write(ws, documents) {
  const start = performance.now();
  for (let at = 0; at < documents.length; at += batch_rows) {
    await ws.upsertMany(Document, documents.slice(at, at + batch_rows));
    const done = Math.min(at + batch_rows, documents.length), seconds = msSince(start) / 1000;
    screen.progress(done / documents.length,
      `${grouped(done)} documents in ${seconds.toFixed(2)} s, ${grouped(done / seconds)} rows/s`);
  }
  return documents.length / (msSince(start) / 1000);
}

/** Where each field lives, by MetaSchema; and why, by explain(). */
async function showStorage(ws) {
  const rows = (await ws.query(MetaSchema).where({ kind: "storage", subject_id: Document.entityId })
    .select("field", "backend", "strategy").execute()).rows();
  const { storage_plan: plan } = await ws.query(Document).explain();
  const why = new Map(plan.bindings.map((one) => [`${one.field_name}.${one.backend}`, one.why]));
  const order = Object.keys(Document.fields);
  rows.sort((a, b) => order.indexOf(a.field) - order.indexOf(b.field));
  screen.heading("Where the fields live", "MetaSchema, a virtual entity, is queried like any other");
  screen.code('ws.query(MetaSchema).where({ kind: "storage", subject_id: "document" })');
  screen.table([{ key: "field", label: "field", paint: "bold" }, { key: "backend", label: "backend", paint: "yellow" },
    { key: "strategy", label: "strategy" }, { key: "why", label: "because", flex: true, paint: "dim" }],
  rows.map((row) => ({ ...row, why: why.get(`${row.field}.${row.backend}`) })));
  const lives = (name, backend, strategy) => rows.some((row) => row.field === name && row.backend === backend && row.strategy === strategy);
  check(lives("embedding", "vec", "vector"), "the vectors are not on vec");
  check(lives("body", "main", "inline") && lives("body", "search", "inverted"), "the texts are not on main and search");
  check(lives("tags", "main", "sparse-gram"), "the tags are not in a gram index on main");
  return rows.map(({ field: name, backend, strategy }) => ({ field: name, backend, strategy }));
}

/** A filter over several fields, sorted and paged, and a count of the same. */
async function showFilter(ws, documents) {
  const astronomers = Document.tags.arrayContains("astronomer").and(Document.year.lt(1700));
  screen.heading("Filter", "SQLite filters, sorts and limits");
  screen.code('where(Document.tags.arrayContains("astronomer").and(Document.year.lt(1700)))\n  .orderBy("year").limit(5)');
  const found = ws.query(Document).where(astronomers);
  const start = performance.now();
  const frame = await found.select("name", "year", "until", "tags", "body").orderBy("year").limit(shown_rows).execute();
  const elapsed = msSince(start);
  const total = (await found.count().execute()).scalar();
  screen.table([{ key: "year", label: "year", right: true, paint: "yellow" }, { key: "until", label: "until", right: true },
    { key: "name", label: "name", paint: "bold" }, { key: "tags", label: "tags", max: 28, paint: "dim" },
    { key: "body", label: "body", flex: true, paint: "dim" }],
  frame.rows().map((row) => ({ ...row, tags: row.tags.join(", ") })));
  screen.text(`${total} rows pass, ${frame.length} shown, ${elapsed.toFixed(1)} ms`, "dim");
  const expected = documents.filter((one) => one.tags.includes("astronomer") && one.year < 1700);
  const years = expected.map((one) => one.year).sort((a, b) => a - b).slice(0, shown_rows);
  check(total === expected.length, `the filter passes ${total} rows instead of ${expected.length}`);
  check(String(frame.rows().map((row) => row.year)) === String(years), "the filtered rows are not the first by year");
  return { total, names: frame.rows().map((row) => row.name) };
}

/** One question by vector, with and without its filter. */
async function showNear(ws, documents, { question, vector, filter, answers }) {
  const query = ws.query(Document).near(Document.embedding, vector, { topK: top_k })
    .select("name", "category", "year", "body", "score");
  screen.heading("Vector", question);
  screen.code("near(Document.embedding, vector, { topK: 10 })");
  const free = await query.execute();
  showRanking(free, answers);
  screen.line();
  screen.code(`the same, where ${JSON.stringify(filter)}`);
  const filtered = await query.where(filter).execute();
  showRanking(filtered, answers);
  const [before, after] = [free, filtered].map((frame) => placeOf(Array.from(frame), answers[0]));
  screen.text(`${answers[0]} was at place ${before ?? "–"} and is now at ${after ?? "–"}: the filter comes first, then the nearest ten.`, "dim");
  check(after === 1 && (before === null || after <= before), `the filter does not bring ${answers[0]} to the top`);
  check(filtered.length === Math.min(top_k, documents.filter((one) => passes(one, filter)).length),
    "a filtered near gives fewer rows than pass");
}

/** The same in words, ranked by BM25. */
async function showSearch(ws, { words, answers }) {
  screen.heading("Words", `“${words}”`);
  screen.code(`search(["body"], ${JSON.stringify(words)}, { topK: 10 })`);
  showRanking(await ws.query(Document).search(["body"], words, { topK: top_k })
    .select("name", "category", "year", "body", "score").execute(), answers);
}

/** Both at once under a filter, and the plan that it takes. */
async function showHybrid(ws, { question, words, vector, filter, answers }) {
  screen.heading("Hybrid", question);
  screen.code(`where(${JSON.stringify(filter)}).near(Document.embedding, vector, { topK: 10 })\n` +
    `  .search(["body"], ${JSON.stringify(words)}, { topK: 10 })`);
  const query = ws.query(Document).where(filter).near(Document.embedding, vector, { topK: top_k })
    .search(["body"], words, { topK: top_k }).select("name", "category", "year", "body", "score", "near_score", "search_score");
  showRanking(await query.execute(), answers, ["score", "near_score", "search_score"]);
  screen.text("score: sum of 1 / (60 + place) over the two rankings", "dim");
  const plan = await query.explain();
  screen.heading("The plan", "query.explain()");
  screen.block(String(plan).split("\nstorage\n")[0]);       // where the fields live was shown before
  return plan;
}

/** One question in four ways. @returns {Promise<any>} */
async function ask(ws, documents, { question, words, filter, vector, answers }) {
  const near = ws.query(Document).near(Document.embedding, vector, { topK: top_k }).select("name", "score");
  const search = ws.query(Document).search(["body"], words, { topK: top_k }).select("name", "score");
  const hybrid = ws.query(Document).where(filter).near(Document.embedding, vector, { topK: top_k })
    .search(["body"], words, { topK: top_k }).select("name", "score", "near_score", "search_score");
  const start = performance.now();
  const frames = [];
  for (const query of [near, near.where(filter), search.where(filter), hybrid]) frames.push(await query.execute());
  const elapsed = msSince(start);
  const [free, filtered, text, both] = frames.map(ranking);
  for (const [rows, under] of /** @type {const} */ ([[free, {}], [filtered, filter]])) {
    const fault = rankingFault(rows, nearest(documents, vector, under, top_k));
    check(!fault, `${question} by vector: ${fault}`);
  }
  const places = { near: placeOf(free, answers[0]), filtered: placeOf(filtered, answers[0]),
    search: placeOf(text, answers[0]), hybrid: placeOf(both, answers[0]) };
  check(places.filtered !== null && places.filtered <= 3, `${question} by vector: ${answers[0]} is not among the first three`);
  check(places.hybrid !== null && places.hybrid <= 3, `${question} by both: ${answers[0]} is not among the first three`);
  return { question, answer: answers[0], places, ms: elapsed, top: { near: free, filtered, search: text, hybrid: both } };
}

async function showAll(ws, documents, questions) {
  const results = [];
  for (const question of questions) results.push(await ask(ws, documents, question));
  screen.heading(`All ${questions.length} questions`, "place of the expected answer among ten, vector rankings checked by a plain loop");
  const shown = (place) => place ?? "–";
  screen.table([{ key: "question", label: "question", flex: true }, { key: "answer", label: "answer", max: 19, paint: "bold" },
    { key: "near", label: "vector", right: true }, { key: "filtered", label: "+ filter", right: true, paint: "green" },
    { key: "search", label: "words", right: true }, { key: "hybrid", label: "hybrid", right: true, paint: "green" }],
  results.map(({ question, answer, places }) => ({ question, answer, ...Object.fromEntries(
    Object.entries(places).map(([key, place]) => [key, shown(place)])) })));
  const mean = results.reduce((sum, { ms }) => sum + ms, 0) / results.length / 4;
  screen.text(`words and hybrid under the filter too; ${mean.toFixed(1)} ms per query`, "dim");
  return results;
}

/** What the configured backends do by themselves, and what the core does for them. */
async function showCapabilities(ws) {
  const asked = /** @type {[any, string, string, any][]} */ ([[Vector, "near", "vec", VectorIndex], [LongText, "search", "search", InvertedIndex],
    [LongText, "regex", "main", InlineColumn], [Integer, "gte", "main", InlineColumn],
    [ArrayOf(ShortText), "array_contains", "main", SparseGramIndex], [LongText, "near", "search", InvertedIndex]]);
  const rows = [];
  for (const [dtype, op, backend, strategy] of asked) {
    const supported = await ws.capabilities.supports(dtype, op, backend, strategy);
    const mode = await ws.capabilities.mode(dtype, op, backend, strategy);
    rows.push({ dtype: dtype.descriptor.type, op, backend, strategy: strategy.identifier, mode, supported });
  }
  screen.heading("Capabilities", "native: by the backend's own operator or index; fallback: by a scan");
  screen.code("ws.capabilities.mode(Vector, \"near\", \"vec\", VectorIndex)");
  screen.table([{ key: "dtype", label: "type" }, { key: "op", label: "operator", paint: "bold" }, { key: "backend", label: "backend" },
    { key: "strategy", label: "strategy" }, { key: "mode", label: "answer", paint: "yellow" }], rows);
  check(rows.slice(0, 5).every((row) => row.supported) && !rows[5].supported, "the capabilities are not those of the debug preset");
  return rows;
}

/** One Catalog row per document, and all of them as they should be. */
async function showAudit(ws, documents) {
  const { catalog } = await ws.audit();
  const kept = (await ws.query(Catalog).where({ target_entity: Document.entityId }).count().execute()).scalar();
  screen.heading("Audit", "the stored Catalog against the documents' rows");
  screen.code("(await ws.audit()).catalog");
  const { ok, missing, dangling, mismatched } = catalog;
  screen.text(`ok: ${ok} · ${grouped(kept)} Catalog rows · missing ${missing.length}, dangling ${dangling.length}, mismatched ${mismatched.length}`);
  check(ok && kept === documents.length, "the audit finds faults in the Catalog");
  return { ok, rows: kept };
}

const started = performance.now();
const documents = loadDocuments();
const questions = loadQuestions();
/** @param {string} answer */
const questionOf = (answer) => {
  const question = questions.find(({ answers }) => answers[0] === answer);
  if (!question) throw new Error(`no question has the answer ${answer}`);
  return question;
};

screen.line(screen.paint("bold", "HeavenBase: one workspace over several storage engines"));
screen.text(`${grouped(documents.length)} encyclopedia entries of WordNet with ${dimensions}-dimensional sentence embeddings, ` +
  `${questions.length} questions that they answer. The embeddings are stored with the data; no model runs.`, "dim");

const ws = await HeavenBase.open("demo", { preset: "debug" });
await ws.register(Document);
screen.heading("Open, register, write", `preset debug: ${ws.backends.items().map(([name, { type }]) => `${name} is ${type}`).join(", ")}`);
screen.code('const ws = await HeavenBase.open("demo", { preset: "debug" });\nawait ws.register(Document);\nawait ws.upsertMany(Document, rows);');
const rows_per_second = await write(ws, documents);
check((await ws.count(Document)) === documents.length, "not every document was written");

const storage = await showStorage(ws);
const filter = await showFilter(ws, documents);
await showNear(ws, documents, questionOf("Mary Shelley"));
await showSearch(ws, questionOf("Thor"));
const plan = await showHybrid(ws, questionOf("Anatoli Karpov"));
const results = await showAll(ws, documents, questions);
const capabilities = await showCapabilities(ws);
const audit = await showAudit(ws, documents);
await ws.close();

const seconds = msSince(started) / 1000;
screen.line();
if (as_json) {
  process.stdout.write(`${JSON.stringify({ ok: faults.length === 0, faults, documents: documents.length, rows_per_second,
    seconds, storage, filter, questions: results, plan, capabilities, audit })}\n`);
}
for (const fault of faults) screen.line(screen.paint("red", `wrong: ${fault}`));
const answered = results.filter(({ places }) => places.hybrid === 1).length;
screen.line(faults.length > 0 ? screen.paint("red", `${faults.length} answers are wrong.`)
  : screen.paint("green", `${grouped(documents.length)} documents, ${questions.length} questions: all answered, ${answered} of them in the first place, ` +
    `in ${seconds.toFixed(1)} s.`));
process.exitCode = faults.length > 0 ? 1 : 0;
