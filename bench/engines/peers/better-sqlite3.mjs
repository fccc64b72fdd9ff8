// SPDX-License-Identifier: MIT
// Native SQLite: prepared statements, FTS5 over external content, vectors in sqlite-vec's own table for scans and beside
// the row for the rest. In memory, as ours; a file where one is asked for.
import Database from "better-sqlite3";
import * as vec from "sqlite-vec";
import { DIM, FUSE_DEPTH, TOP } from "../../workload.mjs";
import { fuse } from "../plain-ranking.mjs";

const LIMIT = 100;
const FIELDS = ["object_id", "name", "title", "year", "price", "category", "tags"];
const TABLES = `
  CREATE TABLE IF NOT EXISTS doc (slot INTEGER PRIMARY KEY, object_id TEXT UNIQUE NOT NULL, name TEXT, title TEXT, year INTEGER, price REAL, category TEXT, tags TEXT, body TEXT, embedding BLOB) STRICT;
  CREATE TABLE IF NOT EXISTS doc_tag (tag TEXT, slot INTEGER, PRIMARY KEY (tag, slot)) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS doc_year ON doc (year);
  CREATE INDEX IF NOT EXISTS doc_tag_slot ON doc_tag (slot);`;
const TEXT_TABLES = `
  CREATE VIRTUAL TABLE IF NOT EXISTS doc_text USING fts5 (body, content='doc', content_rowid='slot');
  CREATE VIRTUAL TABLE IF NOT EXISTS doc_vec USING vec0 (embedding float[${DIM}] distance_metric=cosine, price float);`;
const BY_PRICE = "FROM doc WHERE price >= ? AND price < ?";

/** @param {Float32Array} vector */
const bytesOf = (vector) => Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength);
/** @param {Buffer} bytes */
const vectorOf = (bytes) => new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
/** @param {any[][]} rows @param {"titles" | "scores"} [second] */
const answer = (rows, second) => ({ ids: rows.map(([id]) => id), ...(second && { [second]: rows.map(([, value]) => value) }) });

/** @param {any} db @param {boolean} lean @returns {import("../engine.mjs").Instance} */
function makeInstance(db, lean) {
  const names = [...FIELDS, ...(lean ? [] : ["body", "embedding"])];
  const raw = (/** @type {string} */ sql) => db.prepare(sql).raw();
  db.exec(TABLES + (lean ? "" : TEXT_TABLES));
  const insert = db.prepare(`INSERT INTO doc (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`);
  const insertTag = db.prepare("INSERT INTO doc_tag (tag, slot) VALUES (?, ?)");
  const find = db.prepare(`SELECT slot${lean ? "" : ", body"} FROM doc WHERE object_id = ?`);
  const dropRow = db.prepare("DELETE FROM doc WHERE slot = ?");
  const dropTags = db.prepare("DELETE FROM doc_tag WHERE slot = ?");
  const getPart = db.prepare("SELECT object_id, title FROM doc WHERE object_id = ?");
  const getFull = db.prepare(`SELECT ${names.join(", ")} FROM doc WHERE object_id = ?`);
  const filterScan = raw(`SELECT object_id, title ${BY_PRICE}`);
  const filterIndex = raw("SELECT object_id, title FROM doc WHERE year = ?");
  const filterLimit = raw(`SELECT object_id, title ${BY_PRICE} ORDER BY slot LIMIT ${LIMIT}`);
  const text = lean ? null : textPart(db, raw);

  const write = (/** @type {any} */ row) => {
    const values = [row.object_id, row.name, row.title, row.year, row.price, row.category, JSON.stringify(row.tags)];
    const slot = insert.run(lean ? values : [...values, row.body, bytesOf(row.embedding)]).lastInsertRowid;
    for (const tag of row.tags) insertTag.run(tag, slot);
    text?.addVector(slot, row);
    return slot;
  };
  const remove = (/** @type {string} */ id) => {
    const old = find.get(id);
    if (!old) return;
    text?.forget(old.slot, old.body);
    dropTags.run(old.slot);
    dropRow.run(old.slot);
  };
  const whole = (/** @type {string} */ id) => {
    const row = getFull.get(id);
    if (!row) return null;
    row.tags = JSON.parse(row.tags);
    if (row.embedding) row.embedding = vectorOf(row.embedding);
    return row;
  };
  return {
    load: db.transaction((/** @type {any[]} */ rows) => {
      for (const row of rows) write(row);
      text?.rebuild();
    }),
    settle() {},
    upsert: db.transaction((/** @type {any} */ row) => {
      remove(row.object_id);
      const slot = write(row);
      text?.addText(slot, row.body);
    }),
    remove: db.transaction(remove),
    getPart: (id) => getPart.get(id),
    getFull: whole,
    getMany: (ids) => ids.map(whole),
    filterScan: ({ low, high }) => answer(filterScan.all(low, high), "titles"),
    filterAdHoc: ({ low, high }) => answer(raw(`SELECT object_id, title ${BY_PRICE}`).all(low, high), "titles"),
    filterIndex: (year) => answer(filterIndex.all(year), "titles"),
    filterLimit: ({ low, high }) => answer(filterLimit.all(low, high), "titles"),
    ...text?.queries,
    close: () => db.close(),
  };
}

/** What concerns bodies and embeddings. @param {any} db @param {(sql: string) => any} raw */
function textPart(db, raw) {
  const addText = db.prepare("INSERT INTO doc_text (rowid, body) VALUES (?, ?)");
  const dropText = db.prepare("INSERT INTO doc_text (doc_text, rowid, body) VALUES ('delete', ?, ?)");
  const addVector = db.prepare("INSERT INTO doc_vec (rowid, embedding, price) VALUES (?, ?, ?)");
  const dropVector = db.prepare("DELETE FROM doc_vec WHERE rowid = ?");
  const rebuild = db.prepare("INSERT INTO doc_text (doc_text) VALUES ('rebuild')");
  // The nearest in sqlite-vec's table first, so that only the winners are joined.
  const nearest = (/** @type {number} */ count, more = "") => raw(`SELECT object_id, 1 - distance FROM (SELECT rowid AS slot, distance FROM doc_vec WHERE embedding MATCH ? AND k = ${count} ${more}) JOIN doc USING (slot) ORDER BY distance`);
  const near = nearest(TOP);
  const nearDeep = nearest(FUSE_DEPTH);
  const nearFiltered = nearest(TOP, "AND price >= ? AND price < ?");
  const routed = raw(`SELECT object_id, 1 - vec_distance_cosine(embedding, ?) AS score FROM doc_text JOIN doc ON slot = doc_text.rowid WHERE doc_text MATCH ? AND price >= ? AND price < ? ORDER BY score DESC LIMIT ${TOP}`);
  const found = (/** @type {number} */ count) => raw(`SELECT object_id, -score FROM (SELECT rowid AS slot, rank AS score FROM doc_text WHERE doc_text MATCH ? ORDER BY rank LIMIT ${count}) JOIN doc USING (slot) ORDER BY score`);
  const search = found(TOP);
  const searchDeep = found(FUSE_DEPTH);
  const match = raw("SELECT object_id FROM doc WHERE body LIKE '%' || ? || '%'");
  const anyOf = (/** @type {string} */ words) => words.split(" ").join(" OR ");
  return {
    rebuild: () => rebuild.run(),
    addText: (/** @type {any} */ slot, /** @type {string} */ body) => addText.run(slot, body),
    addVector: (/** @type {any} */ slot, /** @type {any} */ row) => addVector.run(BigInt(slot), bytesOf(row.embedding), row.price),
    forget(/** @type {number} */ slot, /** @type {string} */ body) {
      dropText.run(slot, body);
      dropVector.run(BigInt(slot));
    },
    /** @type {Partial<import("../engine.mjs").Instance>} */
    queries: {
      near: (vector) => answer(near.all(bytesOf(vector)), "scores"),
      nearFiltered: (vector, { low, high }) => answer(nearFiltered.all(bytesOf(vector), low, high), "scores"),
      search: (words) => answer(search.all(anyOf(words)), "scores"),
      routed: (word, { low, high }, vector) => answer(routed.all(bytesOf(vector), word, low, high), "scores"),
      hybrid: (words, vector) => fuse([answer(nearDeep.all(bytesOf(vector))).ids, answer(searchDeep.all(anyOf(words))).ids]),
      match: (needle) => answer(match.all(needle)),
    },
  };
}

/** @type {import("../engine.mjs").Engine} */
export const engine = {
  name: "better-sqlite3", title: "better-sqlite3 with FTS5 and sqlite-vec", ours: false, textbook: false, native: true, persists: true,
  version() {
    const db = new Database(":memory:");
    vec.load(db);
    return db.prepare("SELECT sqlite_version() || ', sqlite-vec ' || vec_version()").pluck().get();
  },
  async open({ lean, file }) {
    const db = new Database(file ?? ":memory:");
    vec.load(db);
    return makeInstance(db, lean);
  },
  /** The index alone, over rows that are there already. @param {readonly any[]} rows */
  async buildText(rows) {
    const db = new Database(":memory:");
    db.exec("CREATE TABLE doc (slot INTEGER PRIMARY KEY, body TEXT); CREATE VIRTUAL TABLE doc_text USING fts5 (body, content='doc', content_rowid='slot')");
    const insert = db.prepare("INSERT INTO doc (body) VALUES (?)");
    db.transaction(() => rows.forEach(({ body }) => insert.run(body)))();
    const start = performance.now();
    db.exec("INSERT INTO doc_text (doc_text) VALUES ('rebuild')");
    const seconds = (performance.now() - start) / 1000;
    db.close();
    return seconds;
  },
};
