// SPDX-License-Identifier: MIT
// DuckDB: appended by chunks, prepared statements, vectors as FLOAT arrays. Its full-text and HNSW extensions are
// downloads of their own at run time and are not used; a word is found by a regular expression.
import { DuckDBDataChunk, DuckDBInstance, arrayValue, listValue, version } from "@duckdb/node-api";
import { DIM, TOP } from "../../workload.mjs";

const LIMIT = 100;
const CHUNK = 2048;
const FIELDS = ["object_id", "name", "title", "year", "price", "category", "tags"];
const BY_PRICE = "FROM doc WHERE price >= ? AND price < ?";

/** @param {string} name @param {any} value */
const stored = (name, value) => (name === "tags" ? listValue(value) : name === "embedding" ? arrayValue(Array.from(value)) : value);
/** @param {any} value */
const read = (value) => (value !== null && typeof value === "object" && "items" in value ? value.items : value);

/** @param {any} db @param {boolean} lean @returns {Promise<import("../engine.mjs").Instance>} */
async function makeInstance(db, lean) {
  const connection = await db.connect();
  const names = [...FIELDS, ...(lean ? [] : ["body", "embedding"])];
  const columns = names.join(", ");
  await connection.run(`CREATE TABLE doc (object_id VARCHAR PRIMARY KEY, name VARCHAR, title VARCHAR, year INTEGER, price DOUBLE, category VARCHAR, tags VARCHAR[]${lean ? "" : `, body VARCHAR, embedding FLOAT[${DIM}]`})`);
  await connection.run("CREATE INDEX doc_year ON doc (year)");
  const prepare = async (/** @type {string} */ sql) => {
    const statement = await connection.prepare(sql);
    return async (/** @type {any[]} */ ...values) => {
      statement.bind(values);
      return (await statement.runAndReadAll()).getColumns();
    };
  };
  const answered = async (/** @type {Promise<any[][]>} */ found, /** @type {"titles" | "scores"} */ second) => {
    const [ids, values] = await found;
    return { ids: ids ?? [], [second]: values ?? [] };
  };
  const insert = await prepare(`INSERT OR REPLACE INTO doc (${columns}) VALUES (${names.map((name) => (name === "embedding" ? `?::FLOAT[${DIM}]` : "?")).join(", ")})`);
  const drop = await prepare("DELETE FROM doc WHERE object_id = ?");
  const getPart = await prepare("SELECT object_id, title FROM doc WHERE object_id = ?");
  const getFull = await prepare(`SELECT ${columns} FROM doc WHERE object_id = ?`);
  const getMany = await prepare(`SELECT ${columns} FROM doc WHERE list_contains(?::VARCHAR[], object_id)`);
  const filterScan = await prepare(`SELECT object_id, title ${BY_PRICE}`);
  const filterIndex = await prepare("SELECT object_id, title FROM doc WHERE year = ?");
  const filterLimit = await prepare(`SELECT object_id, title ${BY_PRICE} ORDER BY object_id LIMIT ${LIMIT}`);
  const rowAt = (/** @type {any[][]} */ found, /** @type {number} */ at) => Object.fromEntries(names.map((name, column) => [name, name === "embedding" ? Float32Array.from(read(found[column][at])) : read(found[column][at])]));
  return {
    async load(rows) {
      const appender = await connection.createAppender("doc");
      const types = names.map((_, column) => appender.columnType(column));
      for (let at = 0; at < rows.length; at += CHUNK) {
        const part = rows.slice(at, at + CHUNK);
        const chunk = DuckDBDataChunk.create(types);
        chunk.setColumns(names.map((name) => part.map((row) => stored(name, /** @type {any} */ (row)[name]))));
        appender.appendDataChunk(chunk);
      }
      appender.closeSync();
    },
    settle() {},
    upsert: (row) => insert(...names.map((name) => stored(name, /** @type {any} */ (row)[name]))),
    remove: (id) => drop(id),
    getPart: (id) => getPart(id).then(([ids, titles]) => (ids?.length ? { object_id: ids[0], title: titles[0] } : null)),
    getFull: (id) => getFull(id).then((found) => (found[0]?.length ? rowAt(found, 0) : null)),
    async getMany(ids) {
      const found = await getMany(listValue([...ids]));
      const at = new Map(found[0].map((/** @type {any} */ id, /** @type {number} */ index) => [id, index]));
      return ids.map((id) => rowAt(found, /** @type {number} */ (at.get(id))));
    },
    filterScan: ({ low, high }) => answered(filterScan(low, high), "titles"),
    filterAdHoc: ({ low, high }) => answered(connection.runAndReadAll(`SELECT object_id, title ${BY_PRICE}`, [low, high]).then((/** @type {any} */ reader) => reader.getColumns()), "titles"),
    filterIndex: (year) => answered(filterIndex(year), "titles"),
    filterLimit: ({ low, high }) => answered(filterLimit(low, high), "titles"),
    ...(!lean && await textPart(prepare, answered)),
    close: () => {
      connection.closeSync();
      db.closeSync();
    },
  };
}

/** @param {(sql: string) => Promise<(...values: any[]) => Promise<any[][]>>} prepare @param {(found: Promise<any[][]>, second: "titles" | "scores") => any} answered @returns {Promise<Partial<import("../engine.mjs").Instance>>} */
async function textPart(prepare, answered) {
  const nearest = (/** @type {string} */ from) => prepare(`SELECT object_id, array_cosine_similarity(embedding, ?::FLOAT[${DIM}]) AS score ${from} ORDER BY score DESC LIMIT ${TOP}`);
  const near = await nearest("FROM doc");
  const nearFiltered = await nearest(BY_PRICE);
  const routed = await nearest(`${BY_PRICE} AND regexp_matches(body, ?, 'i')`);
  const match = await prepare("SELECT object_id FROM doc WHERE contains(lower(body), ?)");
  const array = (/** @type {Float32Array} */ vector) => arrayValue(Array.from(vector));
  return {
    near: (vector) => answered(near(array(vector)), "scores"),
    nearFiltered: (vector, { low, high }) => answered(nearFiltered(array(vector), low, high), "scores"),
    routed: (word, { low, high }, vector) => answered(routed(array(vector), low, high, `\\b${word}\\b`), "scores"),
    match: (needle) => match(needle).then(([ids]) => ({ ids: ids ?? [] })),
  };
}

/** @type {import("../engine.mjs").Engine} */
export const engine = {
  name: "duckdb", title: "DuckDB, @duckdb/node-api", ours: false, textbook: false, native: true,
  version: () => version(),
  // One thread, as all the others: the machine is shared with them.
  open: async ({ lean }) => makeInstance(await DuckDBInstance.create(":memory:", { threads: "1" }), lean),
};
