// SPDX-License-Identifier: MIT
// PostgreSQL in WebAssembly, in memory, with pgvector; loaded by COPY, text by tsvector with a GIN index and ts_rank.
import { PGlite } from "@electric-sql/pglite";
import { vector } from "@electric-sql/pglite-pgvector";
import { DIM, FUSE_DEPTH, TOP } from "../../workload.mjs";
import { fuse } from "../plain-ranking.mjs";
import { versionOf } from "./version.mjs";

const LIMIT = 100;
const FIELDS = ["object_id", "name", "title", "year", "price", "category", "tags"];
const TEXT_FIELDS = ["body", "embedding"];
const PRICE = "price >= $1 AND price < $2";

/** pgvector's text form. @param {Float32Array} values */
const vectorText = (values) => `[${values.join(",")}]`;
/** @param {any} value */
const copyText = (value) => String(value).replace(/[\\\t\n\r]/g, (c) => ({ "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r" })[c] ?? c);
/** @param {any} row @param {string} name */
const copyField = (row, name) => (name === "tags" ? `{${row.tags.join(",")}}` : name === "embedding" ? vectorText(row.embedding) : copyText(row[name]));
/** @param {string} text two words */
const anyOf = (text) => text.split(" ").join(" | ");
/** @param {{ rows: any[][] }} result @param {"titles" | "scores"} [second] */
const answer = ({ rows }, second) => ({ ids: rows.map(([id]) => id), ...(second && { [second]: rows.map(([, value]) => value) }) });

/** @param {any} pg @param {boolean} lean @returns {Promise<import("../engine.mjs").Instance>} */
async function makeInstance(pg, lean) {
  const names = [...FIELDS, ...(lean ? [] : TEXT_FIELDS)];
  await pg.exec(`CREATE TABLE doc (object_id text COLLATE "C" PRIMARY KEY, name text, title text, year int, price float8, category text, tags text[]${lean ? "" : `,
    body text, embedding vector(${DIM}), words tsvector GENERATED ALWAYS AS (to_tsvector('simple', body)) STORED`})`);
  const index = () => pg.exec(`CREATE INDEX doc_year ON doc (year); CREATE INDEX doc_tags ON doc USING gin (tags);${lean ? "" : " CREATE INDEX doc_words ON doc USING gin (words);"} ANALYZE doc`);
  const ask = (/** @type {string} */ sql, /** @type {any[]} */ params) => pg.query(sql, params, { rowMode: "array" });
  const columns = names.join(", ");
  const whole = (/** @type {any} */ row) => (row && row.embedding ? { ...row, embedding: Float32Array.from(JSON.parse(row.embedding)) } : row);
  const values = (/** @type {any} */ row) => names.map((name) => (name === "embedding" ? vectorText(row.embedding) : row[name]));
  const insert = `INSERT INTO doc (${columns}) VALUES (${names.map((_, i) => `$${i + 1}`).join(", ")}) ON CONFLICT (object_id) DO UPDATE SET ${names.slice(1).map((name) => `${name} = excluded.${name}`).join(", ")}`;
  const filterScan = `SELECT object_id, title FROM doc WHERE ${PRICE}`;
  const nearest = (/** @type {number} */ count, where = "") => `SELECT object_id, 1 - (embedding <=> $3) FROM doc WHERE ${where || "$1::float8 <= $2::float8"} ORDER BY embedding <=> $3 LIMIT ${count}`;
  const search = (/** @type {number} */ count) => `SELECT object_id, ts_rank(words, q) AS score FROM doc, to_tsquery('simple', $1) q WHERE words @@ q ORDER BY score DESC, object_id LIMIT ${count}`;
  return {
    async load(rows) {
      const lines = rows.map((row) => names.map((name) => copyField(row, name)).join("\t"));
      await pg.query(`COPY doc (${columns}) FROM '/dev/blob'`, [], { blob: new Blob([`${lines.join("\n")}\n`]) });
      await index();
    },
    settle() {},
    upsert: (row) => pg.query(insert, values(row)),
    remove: (id) => pg.query("DELETE FROM doc WHERE object_id = $1", [id]),
    getPart: (id) => pg.query("SELECT object_id, title FROM doc WHERE object_id = $1", [id]).then((/** @type {any} */ { rows }) => rows[0]),
    getFull: (id) => pg.query(`SELECT ${columns} FROM doc WHERE object_id = $1`, [id]).then((/** @type {any} */ { rows }) => whole(rows[0])),
    async getMany(ids) {
      const { rows } = await pg.query(`SELECT ${columns} FROM doc WHERE object_id = ANY($1)`, [ids]);
      const found = new Map(rows.map((/** @type {any} */ row) => [row.object_id, whole(row)]));
      return ids.map((id) => found.get(id));
    },
    filterScan: ({ low, high }) => ask(filterScan, [low, high]).then((/** @type {any} */ result) => answer(result, "titles")),
    filterIndex: (year) => ask("SELECT object_id, title FROM doc WHERE year = $1", [year]).then((/** @type {any} */ result) => answer(result, "titles")),
    filterLimit: ({ low, high }) => ask(`${filterScan} ORDER BY object_id LIMIT ${LIMIT}`, [low, high]).then((/** @type {any} */ result) => answer(result, "titles")),
    ...(!lean && {
      near: async (query) => answer(await ask(nearest(TOP), [0, 0, vectorText(query)]), "scores"),
      nearFiltered: async (query, { low, high }) => answer(await ask(nearest(TOP, PRICE), [low, high, vectorText(query)]), "scores"),
      search: async (text) => answer(await ask(search(TOP), [anyOf(text)]), "scores"),
      routed: async (word, { low, high }, query) => answer(await ask(nearest(TOP, `words @@ to_tsquery('simple', $4) AND ${PRICE}`), [low, high, vectorText(query), word]), "scores"),
      hybrid: async (text, query) => fuse([answer(await ask(nearest(FUSE_DEPTH), [0, 0, vectorText(query)])).ids, answer(await ask(search(FUSE_DEPTH), [anyOf(text)])).ids]),
      match: async (needle) => answer(await ask("SELECT object_id FROM doc WHERE body ILIKE '%' || $1 || '%'", [needle])),
    }),
    close: () => pg.close(),
  };
}

/** @type {import("../engine.mjs").Engine} */
export const engine = {
  name: "pglite", title: "PGlite with pgvector and tsvector", ours: false, textbook: false, slow: true, rowsMax: 20_000,
  version: () => versionOf("@electric-sql/pglite"),
  async open({ lean }) {
    const pg = await PGlite.create({ extensions: { vector } });
    await pg.exec("CREATE EXTENSION IF NOT EXISTS vector");
    return makeInstance(pg, lean);
  },
};
