// SPDX-License-Identifier: MIT
// SQLite's own WebAssembly build through its object API: prepared statements, FTS5 for text, a scalar function in
// JavaScript for vectors, a table of tags. In memory, since its Node build has no files.
import sqlite3InitModule from "@sqlite.org/sqlite-wasm";
import { FUSE_DEPTH, TOP } from "../workload.mjs";
import { cosineTo, fuse } from "./plain-ranking.mjs";

const LIMIT = 100;
const FIELDS = ["name", "title", "year", "price", "category", "tags"];
const TEXT_FIELDS = ["body", "embedding"];
const TABLES = `
  CREATE TABLE doc (slot INTEGER PRIMARY KEY, object_id TEXT UNIQUE NOT NULL, name TEXT, title TEXT, year INTEGER, price REAL, category TEXT, tags TEXT, body TEXT, embedding BLOB) STRICT;
  CREATE TABLE doc_tag (tag TEXT, slot INTEGER, PRIMARY KEY (tag, slot)) STRICT, WITHOUT ROWID;
  CREATE INDEX doc_year ON doc (year);
  CREATE INDEX doc_tag_slot ON doc_tag (slot);`;
const TEXT_TABLE = "CREATE VIRTUAL TABLE doc_text USING fts5 (body, content='doc', content_rowid='slot');";

/** @type {Promise<any> | undefined} */
let module;
const sqlite3 = () => (module ??= /** @type {any} */ (sqlite3InitModule)());

/** A view where the alignment allows it, as it always does here. @param {Uint8Array} bytes */
const floats = (bytes) => new Float32Array(bytes.byteOffset % 4 === 0 ? bytes.buffer : bytes.slice().buffer, bytes.byteOffset % 4 === 0 ? bytes.byteOffset : 0, bytes.byteLength / 4);

/** @param {any} db */
function wrap(db) {
  /** @param {any} statement @param {readonly any[]} values */
  const run = (statement, values) => {
    statement.bind(values).step();
    statement.reset();
  };
  /** @param {any} statement @param {readonly any[]} values @param {(statement: any) => void} each */
  const rows = (statement, values, each) => {
    statement.bind(values);
    while (statement.step()) each(statement);
    statement.reset();
  };
  /** @param {any} statement @param {readonly any[]} values @param {"titles" | "scores"} [second] */
  const answer = (statement, values, second) => {
    /** @type {any} */
    const found = { ids: [], ...(second && { [second]: [] }) };
    rows(statement, values, (row) => {
      found.ids.push(row.getString(0));
      if (second) found[second].push(row.get(1));
    });
    return found;
  };
  const transaction = (/** @type {() => void} */ work) => {
    db.exec("BEGIN");
    try {
      work();
      db.exec("COMMIT");
    } catch (error) {
      db.exec("ROLLBACK");
      throw error;
    }
  };
  return { run, rows, answer, transaction };
}

/** @param {any} db @param {boolean} lean @returns {import("./engine.mjs").Instance} */
function makeInstance(db, lean) {
  const { run, rows, answer, transaction } = wrap(db);
  const names = ["object_id", ...FIELDS, ...(lean ? [] : TEXT_FIELDS)];
  db.exec(TABLES + (lean ? "" : TEXT_TABLE));
  /** @type {any[]} */
  const statements = [];
  const prepare = (/** @type {string} */ sql) => {
    const statement = db.prepare(sql);
    statements.push(statement);
    return statement;
  };
  const columns = names.join(", ");
  const insert = prepare(`INSERT INTO doc (${columns}) VALUES (${names.map(() => "?").join(", ")}) RETURNING slot`);
  const insertTag = prepare("INSERT INTO doc_tag (tag, slot) VALUES (?, ?)");
  const find = prepare(`SELECT slot${lean ? "" : ", body"} FROM doc WHERE object_id = ?`);
  const dropRow = prepare("DELETE FROM doc WHERE slot = ?");
  const dropTags = prepare("DELETE FROM doc_tag WHERE slot = ?");
  const getPart = prepare("SELECT object_id, title FROM doc WHERE object_id = ?");
  const getFull = prepare(`SELECT ${columns} FROM doc WHERE object_id = ?`);
  const byPrice = "FROM doc WHERE price >= ? AND price < ?";
  const filterScan = prepare(`SELECT object_id, title ${byPrice}`);
  const filterIndex = prepare("SELECT object_id, title FROM doc WHERE year = ?");
  const filterLimit = prepare(`SELECT object_id, title ${byPrice} ORDER BY slot LIMIT ${LIMIT}`);

  /** @param {any} row */
  const values = (row) => names.map((name) => (name === "tags" ? JSON.stringify(row.tags) : name === "embedding" ? new Uint8Array(row.embedding.buffer, row.embedding.byteOffset, row.embedding.byteLength) : row[name]));
  /** @param {any} row */
  const write = (row) => {
    let slot = 0;
    rows(insert, values(row), (statement) => { slot = statement.getInt(0); });
    for (const tag of row.tags) run(insertTag, [tag, slot]);
    return slot;
  };
  /** @param {any} statement */
  const whole = (statement) => {
    /** @type {any} */
    const row = {};
    names.forEach((name, index) => {
      const value = statement.get(index);
      row[name] = name === "tags" ? JSON.parse(value) : name === "embedding" ? floats(value) : value;
    });
    return row;
  };
  /** @param {string} id */
  const getWhole = (id) => {
    let row = null;
    rows(getFull, [id], (statement) => { row = whole(statement); });
    return row;
  };

  const text = lean ? null : textPart(db, prepare, { answer, run }, byPrice);
  /** @param {string} id */
  const remove = (id) => {
    rows(find, [id], (statement) => {
      const slot = statement.getInt(0);
      text?.forget(slot, statement.getString(1));
      run(dropTags, [slot]);
      run(dropRow, [slot]);
    });
  };
  return {
    load(all) {
      transaction(() => {
        for (const row of all) write(row);
        text?.rebuild();
      });
    },
    settle() {},
    upsert: (row) => transaction(() => {
      remove(row.object_id);
      text?.add(write(row), row.body);
    }),
    remove: (id) => transaction(() => remove(id)),
    getPart(id) {
      let row = null;
      rows(getPart, [id], (statement) => { row = { object_id: statement.getString(0), title: statement.getString(1) }; });
      return row;
    },
    getFull: getWhole,
    getMany: (ids) => ids.map(getWhole),
    filterScan: ({ low, high }) => answer(filterScan, [low, high], "titles"),
    filterAdHoc({ low, high }) {
      const found = db.selectArrays(`SELECT object_id, title ${byPrice}`, [low, high]);
      return { ids: found.map((/** @type {any[]} */ row) => row[0]), titles: found.map((/** @type {any[]} */ row) => row[1]) };
    },
    filterIndex: (year) => answer(filterIndex, [year], "titles"),
    filterLimit: ({ low, high }) => answer(filterLimit, [low, high], "titles"),
    ...(text?.queries ?? /** @type {any} */ ({})),
    close() {
      for (const statement of statements) statement.finalize();
      db.close();
    },
  };
}

/** What concerns bodies and embeddings. @param {any} db @param {(sql: string) => any} prepare @param {{ answer: Function, run: Function }} use @param {string} byPrice */
function textPart(db, prepare, { answer, run }, byPrice) {
  let score = cosineTo(new Float32Array(1));
  db.createFunction({ name: "closeness", xFunc: (/** @type {number} */ _context, /** @type {Uint8Array} */ bytes) => score(floats(bytes)), arity: 1, deterministic: true });
  const addText = prepare("INSERT INTO doc_text (rowid, body) VALUES (?, ?)");
  const dropText = prepare("INSERT INTO doc_text (doc_text, rowid, body) VALUES ('delete', ?, ?)");
  const nearest = (/** @type {string} */ from, /** @type {number} */ limit) => prepare(`SELECT object_id, closeness(embedding) AS score ${from} ORDER BY score DESC LIMIT ${limit}`);
  const near = nearest("FROM doc", TOP);
  const nearDeep = nearest("FROM doc", FUSE_DEPTH);
  const nearFiltered = nearest(byPrice, TOP);
  const routed = nearest("FROM doc_text JOIN doc ON slot = doc_text.rowid WHERE doc_text MATCH ? AND price >= ? AND price < ?", TOP);
  // By rank inside FTS5 first, so that only the winners are joined.
  const found = (/** @type {number} */ limit) => prepare(`SELECT object_id, -score FROM (SELECT rowid AS slot, rank AS score FROM doc_text WHERE doc_text MATCH ? ORDER BY rank LIMIT ${limit}) JOIN doc USING (slot) ORDER BY score`);
  const search = found(TOP);
  const searchDeep = found(FUSE_DEPTH);
  const match = prepare("SELECT object_id FROM doc WHERE body LIKE '%' || ? || '%'");
  const anyOf = (/** @type {string} */ words) => words.split(" ").join(" OR ");
  return {
    rebuild: () => db.exec("INSERT INTO doc_text (doc_text) VALUES ('rebuild')"),
    add: (/** @type {number} */ slot, /** @type {string} */ body) => run(addText, [slot, body]),
    forget: (/** @type {number} */ slot, /** @type {string} */ body) => run(dropText, [slot, body]),
    queries: {
      near(/** @type {Float32Array} */ vector) {
        score = cosineTo(vector);
        return answer(near, undefined, "scores");
      },
      nearFiltered(/** @type {Float32Array} */ vector, /** @type {import("./engine.mjs").Range} */ { low, high }) {
        score = cosineTo(vector);
        return answer(nearFiltered, [low, high], "scores");
      },
      search: (/** @type {string} */ words) => answer(search, [anyOf(words)], "scores"),
      routed(/** @type {string} */ word, /** @type {import("./engine.mjs").Range} */ { low, high }, /** @type {Float32Array} */ vector) {
        score = cosineTo(vector);
        return answer(routed, [word, low, high], "scores");
      },
      hybrid(/** @type {string} */ words, /** @type {Float32Array} */ vector) {
        score = cosineTo(vector);
        return fuse([answer(nearDeep, undefined).ids, answer(searchDeep, [anyOf(words)]).ids]);
      },
      match: (/** @type {string} */ needle) => answer(match, [needle]),
    },
  };
}

/** @type {import("./engine.mjs").Engine} */
export const engine = {
  name: "sqlite-wasm", title: "@sqlite.org/sqlite-wasm, oo1 with FTS5", ours: false, textbook: false,
  version: async () => (await sqlite3()).version.libVersion,
  async open({ lean }) {
    const { oo1 } = await sqlite3();
    return makeInstance(new oo1.DB(":memory:"), lean);
  },
  /** Over rows that are there already. */
  async buildText(rows) {
    const { oo1 } = await sqlite3();
    const db = new oo1.DB(":memory:");
    db.exec("CREATE TABLE doc (slot INTEGER PRIMARY KEY, body TEXT); CREATE VIRTUAL TABLE doc_text USING fts5 (body, content='doc', content_rowid='slot'); BEGIN");
    const insert = db.prepare("INSERT INTO doc (body) VALUES (?)");
    for (const { body } of rows) insert.bind([body]).stepReset();
    insert.finalize();
    db.exec("COMMIT");
    const start = performance.now();
    db.exec("INSERT INTO doc_text (doc_text) VALUES ('rebuild')");
    const took = (performance.now() - start) / 1000;
    db.close();
    return took;
  },
};
