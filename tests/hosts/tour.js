// SPDX-License-Identifier: MIT
// The list that every host passes, against the public names alone: no host's built-ins, no test runner. Each step
// checks what it sees and throws on any difference; the report is plain data, the same on every host.

/** @typedef {typeof import("heavenbase")} Face */
/** @typedef {import("heavenbase").OpenOptions} OpenOptions */

/** Four documents whose answers can be worked out by hand; vectors of length 1. */
const DOCUMENTS = Object.freeze([
  { object_id: "d1", name: "Ships", title: "Ships at sea", body: "A ship leaves the harbour at dawn.", pages: 3, tags: ["sea"], embedding: [1, 0] },
  { object_id: "d2", name: "Harbour", title: "The harbour", body: "Ropes and lamps for every ship in the harbour.", pages: 12, tags: ["sea", "town"], embedding: [0.6, 0.8] },
  { object_id: "d3", name: "Rain", title: "Rain", body: "Rain until the evening, then wind.", pages: 5, tags: [], embedding: [0, 1] },
  { object_id: "d4", name: "Far", title: "Far away", pages: 2 ** 40, embedding: [-1, 0] },
]);

/** @param {unknown} value what JSON can say of it; typed arrays as lists @returns {any} */
function plain(value) {
  return JSON.parse(JSON.stringify(value, (_key, item) => (typeof item === "bigint" ? `${item}n` : ArrayBuffer.isView(item) ? Array.from(/** @type {Float32Array} */ (item)) : item)));
}

/** @param {string} what @param {unknown} seen @param {unknown} expected */
function same(what, seen, expected) {
  const [one, other] = [JSON.stringify(plain(seen)), JSON.stringify(plain(expected))];
  if (one !== other) throw new Error(`${what}: expected ${other}, got ${one}`);
  return plain(seen);
}

/** @param {string} what @param {boolean} holds */
function claim(what, holds) {
  if (!holds) throw new Error(what);
}

/** @param {string} what @param {Promise<unknown>} work @param {string} code */
async function refused(what, work, code) {
  const error = await work.then(() => undefined, (reason) => reason);
  same(`${what}: the error's code`, [error?.name, error?.code], ["HeavenBaseError", code]);
  return code;
}

/**
 * With the preset, texts find their index by the convention of names; elsewhere the entity asks for it.
 * @param {Face} hb @param {OpenOptions} options
 */
function declared({ entity, field, ArrayOf, Integer, InvertedIndex, LongText, ShortText, Vector }, { preset }) {
  return entity("Document", {
    title: field(ShortText).required(), body: preset ? field(LongText) : field(LongText).store({ strategy: InvertedIndex }),
    pages: field(Integer), tags: field(ArrayOf(ShortText)), embedding: field(Vector(2)),
  });
}

/** A score to three decimals, so that a report can be read. @param {{ object_id: string, score: number }} row */
const scored = ({ object_id: id, score }) => `${id} ${score.toFixed(3)}`;

/**
 * Opens the debug preset, or the backends that `options` name, and goes through the list.
 * @param {Face} hb what "heavenbase" exports on this host @param {OpenOptions} [options]
 * @returns {Promise<Record<string, any>>} what was seen, step by step
 */
export async function tour(hb, options = { preset: "debug" }) {
  const { HeavenBase, MetaSchema, and, not } = hb;
  const ws = await HeavenBase.open("tour", options);
  /** @type {Record<string, any>} */
  const report = { preset: ws.preset, backends: ws.backends.names() };
  const Document = declared(hb, options);
  const ids = async (/** @type {any} */ query) => (await query.execute()).ids;

  await ws.register(Document);
  report.register = same("register", await ws.listEntities(), ["document"]);

  report.write = same("write", await ws.upsertMany(Document, DOCUMENTS), ["d1", "d2", "d3", "d4"]);
  same("count", await ws.count(Document), 4);
  same("a derived id", await ws.upsert(Document, { name: "Agent guide", title: "Agent guide" }), "000254803128638436057640835755417441951253");
  same("delete", await ws.deleteMany(["000254803128638436057640835755417441951253"], { entity: Document }), [true]);
  report.read = same("read", await ws.get("d2", { entity: Document }), {
    object_id: "d2", name: "Harbour", title: "The harbour", body: "Ropes and lamps for every ship in the harbour.", pages: 12, tags: ["sea", "town"], embedding: [Math.fround(0.6), Math.fround(0.8)],
  });
  same("set", await ws.set("d4", { tags: ["far"] }, { entity: Document }), "d4");
  report.refused = await refused("a row without its title", ws.upsert(Document, /** @type {any} */ ({ object_id: "d5" })), "VALIDATION");

  report.filter = {
    match: same("match", await ids(ws.query(Document).where(Document.title.match("HARBOUR"))), ["d2"]),
    range: same("range", await ids(ws.query(Document).where(and(Document.pages.gt(3), Document.pages.lte(12)))), ["d2", "d3"]),
    not: same("not", await ids(ws.query(Document).where(not(Document.body.isNotNull()))), ["d4"]),
    item: same("arrayContains", await ids(ws.query(Document).where(Document.tags.arrayContains("sea"))), ["d1", "d2"]),
    regex: same("regex", await ids(ws.query(Document).where(Document.body.regex("^R\\w+ "))), ["d2", "d3"]),
    order: same("order", await ids(ws.query(Document).orderBy("pages", "desc").limit(2).offset(1)), ["d2", "d3"]),
    portable: same("portable JSON", await ids(ws.queryJson("document", { filter: { pages: { gte: 5 } }, order: ["-pages"] })), ["d4", "d2", "d3"]),
    count: same("count of a query", await ws.query(Document).where(Document.pages.lt(10)).count().scalar(), 2),
  };

  const near = await ws.query(Document).near(Document.embedding, [1, 0], { topK: 3 }).select("title", "score").execute();
  report.near = same("near", near.rows().map(scored), ["d1 1.000", "d2 0.600", "d3 0.000"]);
  report.filteredNear = same("near among filtered rows",
    await ids(ws.query(Document).where(Document.pages.gt(3)).near(Document.embedding, [1, 0], { topK: 2 })), ["d2", "d3"]);

  const search = await ws.query(Document).search("body", "harbour lamps").select("score").execute();
  same("search", search.ids, ["d2", "d1"]);
  report.search = search.rows().map(scored);
  claim("search: scores fall", search.rows()[0].score > search.rows()[1].score && search.rows()[1].score > 0);
  same("search for a phrase", await ids(ws.query(Document).search("body", "every ship", { mode: "phrase" })), ["d2"]);

  const hybrid = await ws.query(Document).near(Document.embedding, [0.6, 0.8], { topK: 3 }).search("body", "lamps ship").execute();
  // Reciprocal ranks with k = 60: near finds d2, d3, d1 and search d2, d1.
  const fused = [["d2", 1 / 61 + 1 / 61], ["d1", 1 / 63 + 1 / 62], ["d3", 1 / 62]];
  report.hybrid = same("hybrid", hybrid.rows().map(scored), fused.map(([id, score]) => scored(/** @type {any} */ ({ object_id: id, score }))));

  const query = ws.query(Document).where(Document.pages.gt(3)).near(Document.embedding, [1, 0], { topK: 2 });
  const plan = await query.explain();
  same("explain: where near ran", plan.steps.filter(({ node }) => node === "near").map(({ field }) => field), ["embedding"]);
  claim("explain draws a tree", /[├└]─ /.test(String(plan)));
  report.explain = String(plan);

  const storage = await ws.query(MetaSchema).where(and(MetaSchema.kind.eq("storage"), MetaSchema.subject_id.eq("document"))).select("field", "backend").execute();
  report.storage = storage.rows().map((/** @type {any} */ row) => `${row.field} in ${row.backend}`).sort();
  const { catalog } = await ws.audit();
  report.audit = same("audit", { ok: catalog.ok, checked: catalog.checked.catalog_rows }, { ok: true, checked: 4 });
  await ws.close();
  await refused("a closed workspace", ws.count(Document), "CLOSED");
  return report;
}

/**
 * Writes to files, and says what a later opening must find again.
 * @param {Face} hb @param {OpenOptions} options which name files, or persist
 * @returns {Promise<Record<string, any>>} the state that was written
 */
export async function writeFiles(hb, options) {
  const ws = await hb.HeavenBase.open("tour-files", options);
  const Document = declared(hb, options);
  await ws.register(Document);
  await ws.upsertMany(Document, DOCUMENTS);
  await ws.set("d3", { pages: 6 }, { entity: Document });
  await ws.delete("d4", { entity: Document });
  await ws.flush();
  const written = await stateOf(ws);
  same("rows written", written.ids, ["d1", "d2", "d3"]);
  await ws.close();
  return written;
}

/**
 * Opens the files again: the same rows, answers and ids, and an audit that holds.
 * @param {Face} hb @param {OpenOptions} options @param {Record<string, any>} written what `writeFiles` said
 */
export async function readFiles(hb, options, written) {
  const ws = await hb.HeavenBase.open("tour-files", options);
  const found = same("rows found again", await stateOf(ws), written);
  const Document = declared(hb, options);
  await ws.register(Document);
  same("a row written later", await ws.upsert(Document, { object_id: "d9", title: "Later" }), "d9");
  await ws.delete("d9", { entity: Document });
  await ws.close();
  return found;
}

/** @param {import("heavenbase").Workspace} ws */
async function stateOf(ws) {
  const rows = await ws.rows("document");
  const near = await ws.query("document").near("embedding", [1, 0], { topK: 2 }).select("score").execute();
  const search = await ws.query("document").search("body", "harbour").select("score").execute();
  const { catalog } = await ws.audit();
  return plain({ persistence: ws.persistence, ids: await ws.ids("document"), rows, near: near.rows(), search: search.rows(), audit: catalog.ok });
}
