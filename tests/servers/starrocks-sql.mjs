// SPDX-License-Identifier: MIT
// StarRocks' SQL as far as the module says it, read by the rules of the published grammar (StarRocks.g4, AstBuilder) and
// answered by DuckDB. What has another form is refused, as is what StarRocks refuses: DELETE without WHERE, IS TRUE, names
// of other characters, keys of more than 128 bytes.
import { DuckDBInstance } from "@duckdb/node-api";
import { duckdbDriver } from "heavenbase/drivers/duckdb";

/** What a server says, with its number. */
export class SqlError extends Error {
  /** @param {number} number @param {string} message */
  constructor(number, message) {
    super(message);
    this.code = String(number);
  }
}

const syntax = (/** @type {string} */ what) => new SqlError(1064, `Getting syntax error. Detail message: ${what}`);
const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;
const VARCHAR_MAX = 1_048_576, KEY_MAX = 128, CHILDREN_MAX = 10_000;
/** Types of columns, as DuckDB has them, and as the server tells them. @type {Record<string, { duckdb: string, told: string }>} */
const TYPES = {
  boolean: { duckdb: "BOOLEAN", told: "tinyint" }, bigint: { duckdb: "BIGINT", told: "bigint" }, double: { duckdb: "DOUBLE", told: "double" },
  varchar: { duckdb: "VARCHAR", told: "varchar" }, "array<float>": { duckdb: "FLOAT[]", told: "array" },
};
const FUNCTIONS = new Set(["instr", "starts_with", "ends_with", "count", "sum", "min", "max"]);
/** Types that a CAST may have besides. @type {Record<string, string>} */
const CAST_TYPES = { largeint: "HUGEINT", varchar: "VARCHAR" };
const ESCAPED = /** @type {Record<string, string>} */ ({ n: "\n", t: "\t", r: "\r", b: "\b", 0: "\0", Z: "\x1a" });
/** A text between quotes: doubled quotes first, then what follows a backslash; one before % and _ stays. @param {string} inner */
const textOf = (inner) => inner.replaceAll("''", "'").replace(/\\([\s\S])/g, (_, next) => (next === "%" || next === "_" ? `\\${next}` : ESCAPED[next] ?? next));
/** @param {string} text */
const quoted = (text) => `'${text.replaceAll("'", "''")}'`;
/** @param {string} name */
const named = (name) => `"${name.replaceAll('"', '""')}"`;

/** @typedef {{ kind: "name" | "word" | "text" | "integer" | "double" | "mark", text: string }} Token */
const TOKEN = /\s+|`((?:[^`]|``)*)`|'((?:\\[\s\S]|''|[^'\\])*)'|(\d+(?:\.\d+)?[eE][+-]?\d+)|(\d+)(?![.\w])|([A-Za-z_]\w*)|(<=>|<=|>=|<>|[(),.=<>*-])/y;

/** @param {string} sql @returns {Token[]} */
function tokens(sql) {
  /** @type {Token[]} */
  const all = [];
  TOKEN.lastIndex = 0;
  for (let at = 0; at < sql.length; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at;
    const found = TOKEN.exec(sql);
    if (!found) throw syntax(`no viable alternative at '${sql.slice(at, at + 20)}'`);
    const [, name, text, double, integer, word, mark] = found;
    if (sql.startsWith("--", at) || sql.startsWith("/*", at)) throw syntax("a comment, which nobody writes here");
    if (name !== undefined) all.push({ kind: "name", text: name.replaceAll("``", "`") });
    else if (text !== undefined) all.push({ kind: "text", text: textOf(text) });
    else if (double !== undefined) all.push({ kind: "double", text: double });
    else if (integer !== undefined) all.push({ kind: "integer", text: integer });
    else if (word !== undefined) all.push({ kind: "word", text: word });
    else if (mark !== undefined) all.push({ kind: "mark", text: mark });
  }
  return all;
}

/**
 * @typedef {object} Parsed
 * @property {"select" | "insert" | "delete" | "truncate" | "database" | "create" | "alter" | "drop"} kind
 * @property {string} [sql] DuckDB's
 * @property {string} [database]
 * @property {string} [table]
 * @property {string[]} [columns]
 * @property {string[][]} [rows] of an INSERT, DuckDB's expressions
 * @property {string} [type]
 * @property {[string, string][]} [made] columns and types
 */
class Parser {
  #at = 0;

  /** @param {string} sql */
  constructor(sql) {
    this.all = tokens(sql);
  }

  get #next() {
    return this.all[this.#at];
  }

  /** @param {string} text */
  #is(text) {
    const next = this.#next;
    return next !== undefined && (next.kind === "word" || next.kind === "mark") && next.text.toUpperCase() === text;
  }

  /** @param {string} text */
  #take(text) {
    if (!this.#is(text)) return false;
    this.#at += 1;
    return true;
  }

  /** @param {string} words */
  #must(words) {
    for (const word of words.split(" ")) if (!this.#take(word)) throw syntax(`expected ${word}, found '${this.#next?.text ?? "<EOF>"}'`);
  }

  /** @param {Token["kind"]} kind */
  #of(kind) {
    const next = this.#next;
    if (next?.kind !== kind) throw syntax(`expected a ${kind}, found '${next?.text ?? "<EOF>"}'`);
    this.#at += 1;
    return next.text;
  }

  #name() {
    const name = this.#of("name");
    if (!NAME.test(name)) throw new SqlError(1064, `Incorrect name '${name}'`);
    return name;
  }

  #table() {
    const database = this.#next?.kind === "word" ? this.#of("word") : this.#name();
    this.#must(".");
    return { database, table: this.#next?.kind === "word" ? this.#of("word") : this.#name() };
  }

  /** @template T @param {() => T} item @returns {T[]} */
  #list(item) {
    const all = [item()];
    while (this.#take(",")) all.push(item());
    return all;
  }

  /** @template T @param {() => T} body @returns {T} */
  #within(body) {
    this.#must("(");
    const inner = body();
    this.#must(")");
    return inner;
  }

  #type() {
    const word = this.#of("word").toLowerCase();
    if (word === "varchar") {
      const length = Number(this.#within(() => this.#of("integer")));
      if (length < 1 || length > VARCHAR_MAX) throw new SqlError(1064, "varchar size must be from 1 to 1048576");
      return word;
    }
    if (word !== "array") return word in TYPES ? word : this.#no(word);
    this.#must("<");
    this.#must("FLOAT");
    this.#must(">");
    return "array<float>";
  }

  /** @param {string} word @returns {never} */
  #no(word) {
    throw syntax(`no type '${word}' here`);
  }

  /** @returns {Parsed} */
  statement() {
    const parsed = this.#statement();
    if (this.#next) throw syntax(`extraneous input '${this.#next.text}'`);
    return parsed;
  }

  /** @returns {Parsed} */
  #statement() {
    if (this.#take("SELECT")) return this.#select();
    if (this.#take("INSERT")) return this.#insert();
    if (this.#take("DELETE")) {
      this.#must("FROM");
      const { database, table } = this.#table();
      if (!this.#is("WHERE")) throw new SqlError(1064, "Delete must specify where clause to prevent full table delete");
      this.#must("WHERE");
      return { kind: "delete", database, table, sql: this.#expression() };
    }
    if (this.#take("TRUNCATE")) {
      this.#must("TABLE");
      return { kind: "truncate", ...this.#table() };
    }
    if (this.#take("DROP")) {
      this.#must("TABLE IF EXISTS");
      return { kind: "drop", ...this.#table() };
    }
    if (this.#take("ALTER")) {
      this.#must("TABLE");
      const { database, table } = this.#table();
      this.#must("ADD COLUMN");
      return { kind: "alter", database, table, columns: [this.#name()], type: this.#type() };
    }
    this.#must("CREATE");
    return this.#create();
  }

  /** @returns {Parsed} */
  #create() {
    if (this.#take("SCHEMA") || this.#take("DATABASE")) {
      this.#must("IF NOT EXISTS");
      return { kind: "database", database: this.#name() };
    }
    this.#must("TABLE IF NOT EXISTS");
    const { database, table } = this.#table();
    let key = "";
    /** @type {[string, string][]} */
    const made = this.#within(() => this.#list(() => {
      const name = this.#name(), type = this.#type();
      if (this.#take("NOT")) {
        this.#must("NULL");
        key = name;
      }
      return /** @type {[string, string]} */ ([name, type]);
    }));
    this.#must("PRIMARY KEY");
    const keys = this.#within(() => this.#list(() => this.#name()));
    this.#must("DISTRIBUTED BY HASH");
    const hashed = this.#within(() => this.#list(() => this.#name()));
    if (keys.length !== 1 || keys[0] !== key || made[0][0] !== key) throw new SqlError(1064, "The key columns come first, and are NOT NULL");
    if (hashed.length !== 1 || hashed[0] !== key) throw new SqlError(1064, "Distribution column of a primary key table is its key");
    return { kind: "create", database, table, made };
  }

  /** @returns {Parsed} */
  #insert() {
    this.#must("INTO");
    const { database, table } = this.#table();
    const columns = this.#within(() => this.#list(() => this.#name()));
    this.#must("VALUES");
    const rows = this.#list(() => this.#within(() => this.#list(() => this.#expression())));
    if (rows.some((row) => row.length !== columns.length)) throw new SqlError(1058, "Column count doesn't match value count");
    return { kind: "insert", database, table, columns, rows };
  }

  /** @returns {Parsed} */
  #select() {
    const items = this.#list(() => this.#expression());
    if (!this.#take("FROM")) return { kind: "select", sql: `SELECT ${items.join(", ")}` };
    const { database, table } = this.#table();
    let sql = `SELECT ${items.join(", ")} FROM `;
    const at = sql.length;
    if (this.#take("WHERE")) sql += ` WHERE ${this.#expression()}`;
    if (this.#take("GROUP")) {
      this.#must("BY");
      sql += ` GROUP BY ${this.#list(() => this.#expression()).join(", ")}`;
    }
    if (this.#take("ORDER")) {
      this.#must("BY");
      sql += ` ORDER BY ${this.#list(() => this.#orderKey()).join(", ")}`;
    }
    if (this.#take("LIMIT")) {
      sql += ` LIMIT ${this.#of("integer")}`;
      if (this.#take("OFFSET")) sql += ` OFFSET ${this.#of("integer")}`;
    }
    return { kind: "select", database, table, sql: `${sql.slice(0, at)}${named(database)}.${named(table)}${sql.slice(at)}` };
  }

  #orderKey() {
    const key = this.#next?.kind === "integer" ? this.#of("integer") : this.#expression();
    const desc = this.#take("DESC") ? " DESC" : "";
    if (!this.#take("NULLS")) return `${key}${desc}${desc ? " NULLS LAST" : " NULLS FIRST"}`;
    this.#must("LAST");
    return `${key}${desc} NULLS LAST`;
  }

  // expression: NOT, AND, OR over comparisons, whose left side may be a comparison and whose right side may not
  /** @returns {string} */
  #expression() {
    let left = this.#conjunction(), children = 1;
    while (this.#take("OR")) {
      left = `${left} OR ${this.#conjunction()}`;
      if ((children += 1) > CHILDREN_MAX) throw new SqlError(1064, "Expression child number exceeded the maximum");
    }
    return `(${left})`;
  }

  #conjunction() {
    let left = this.#negation();
    while (this.#take("AND")) left = `${left} AND ${this.#negation()}`;
    return left;
  }

  /** @returns {string} */
  #negation() {
    return this.#take("NOT") ? `(NOT ${this.#negation()})` : this.#comparison();
  }

  #comparison() {
    let left = this.#predicate();
    for (;;) {
      if (this.#take("IS")) {
        const not = this.#take("NOT") ? "NOT " : "";
        this.#must("NULL");
        left = `(${left} IS ${not}NULL)`;
        continue;
      }
      const mark = ["=", "<>", "<", "<=", ">", ">=", "<=>"].find((text) => this.#is(text));
      if (!mark) return left;
      this.#must(mark);
      left = `(${left} ${mark === "<=>" ? "IS NOT DISTINCT FROM" : mark} ${this.#predicate()})`;
    }
  }

  #predicate() {
    const value = this.#value();
    const not = this.#is("NOT") ? "NOT " : "";
    if (not) this.#must("NOT");
    if (!this.#take("IN")) return not ? this.#no("NOT") : value;
    const items = this.#within(() => this.#list(() => this.#expression()));
    if (items.length > CHILDREN_MAX) throw new SqlError(1064, "Expression child number exceeded the maximum");
    return `(${value} ${not}IN (${items.join(", ")}))`;
  }

  /** @returns {string} */
  #value() {
    const next = this.#next;
    if (next === undefined) throw syntax("unexpected <EOF>");
    if (this.#take("-")) return `-${this.#next?.kind === "integer" ? this.#of("integer") : this.#of("double")}`;
    if (this.#is("(")) return this.#within(() => this.#expression());
    if (next.kind === "name") return named(this.#name());
    if (next.kind === "integer" || next.kind === "double") return this.#of(next.kind);
    if (next.kind === "text") {
      const text = this.#of("text");
      if (text.includes("\0")) throw syntax("the character U+0000");
      return quoted(text);
    }
    const word = this.#of("word");
    if (["TRUE", "FALSE", "NULL"].includes(word.toUpperCase())) return word;
    if (word.toUpperCase() === "CAST") {
      return this.#within(() => {
        const value = this.#expression();
        this.#must("AS");
        const bare = this.#next?.kind === "word" ? CAST_TYPES[this.#next.text.toLowerCase()] : undefined;
        if (bare) this.#of("word");
        return `CAST(${value} AS ${bare ?? TYPES[this.#type()].duckdb})`;
      });
    }
    if (!this.#is("(")) return named(word);
    if (!FUNCTIONS.has(word.toLowerCase())) throw new SqlError(1064, `No matching function with signature: ${word}`);
    return `${word}(${this.#within(() => (this.#take("*") ? "*" : (this.#take("DISTINCT") ? "DISTINCT " : "") + this.#list(() => this.#expression()).join(", ")))})`;
  }
}

/** @typedef {{ columns: Map<string, string>, key: string }} Table */

/** Databases with primary key tables. */
export class Engine {
  /** @type {Map<string, Map<string, Table>>} */
  databases = new Map();
  /** How many statements and loads wrote. */
  writes = 0;
  #driver;
  #instance;
  /** What makes and drops comes one after the other, as under the frontend's lock. @type {Promise<unknown>} */
  #turn = Promise.resolve();

  /** @param {any} instance of @duckdb/node-api */
  constructor(instance) {
    this.#instance = instance;
    this.#driver = duckdbDriver(instance);
  }

  static async start() {
    return new Engine(await DuckDBInstance.create(":memory:"));
  }

  stop() {
    this.#instance.closeSync();
  }

  /** @param {string} database @param {string} table */
  table(database, table) {
    const found = this.databases.get(database);
    if (!found) throw new SqlError(5501, `Unknown database '${database}'`);
    const known = found.get(table);
    if (!known) throw new SqlError(5502, `Unknown table '${database}.${table}'`);
    return known;
  }

  /** @param {string} sql @param {AbortSignal} signal @returns {Promise<{ kind: string, names: string[], types: string[], rows: unknown[][] }>} */
  async run(sql, signal) {
    const parsed = new Parser(sql).statement();
    const nothing = { kind: parsed.kind, names: [], types: [], rows: [] };
    if (parsed.kind !== "select") this.writes += 1;
    switch (parsed.kind) {
      case "select": return { kind: "select", ...(await this.#select(parsed, signal)) };
      case "insert": await this.#insert(parsed, signal); return nothing;
      case "delete": this.table(String(parsed.database), String(parsed.table)); await this.#write([`DELETE FROM ${this.#name(parsed)} WHERE ${parsed.sql}`], signal); return nothing;
      case "truncate": this.table(String(parsed.database), String(parsed.table)); await this.#write([`DELETE FROM ${this.#name(parsed)}`], signal); return nothing;
      default: {
        const turn = this.#turn.then(() => this.#define(parsed));
        this.#turn = turn.catch(() => {});
        await turn;
        return nothing;
      }
    }
  }

  /** @param {Parsed} parsed */
  #name({ database, table }) {
    return `${named(String(database))}.${named(String(table))}`;
  }

  /** @param {string[]} statements @param {AbortSignal} signal */
  async #write(statements, signal) {
    await /** @type {NonNullable<typeof this.#driver.batch>} */ (this.#driver.batch)(statements.map((sql) => ({ sql, params: [] })), { signal });
  }

  /** @param {Parsed} parsed @param {AbortSignal} signal */
  async #select({ database, table, sql = "" }, signal) {
    if (database?.toLowerCase() === "information_schema") {
      const wanted = /^SELECT "TABLE_NAME", "COLUMN_NAME", "DATA_TYPE" FROM "information_schema"\."columns" WHERE \(\("TABLE_SCHEMA" = '((?:[^']|'')*)'\)\)$/.exec(sql.replace(/\(("\w+")\)/g, "$1"));
      if (!wanted) throw syntax(`this question is not known here: ${sql}`);
      const rows = [...(this.databases.get(wanted[1]) ?? [])].flatMap(([name, { columns }]) => [...columns].map(([column, type]) => [name, column, TYPES[type].told]));
      return { names: ["TABLE_NAME", "COLUMN_NAME", "DATA_TYPE"], types: ["varchar", "varchar", "varchar"], rows };
    }
    if (database !== undefined) this.table(database, String(table));
    const { columns = [], rows = [] } = await this.#driver.execute(sql, [], { signal });
    return { names: columns.map(String), types: columns.map(() => "varchar"), rows: /** @type {unknown[][]} */ (rows) };
  }

  /** Columns that are not named become null; the row of a key that is there is replaced. @param {string} database @param {string} table @param {string[]} columns @param {string[][]} rows DuckDB's expressions */
  upsert(database, table, columns, rows) {
    const { columns: known, key } = this.table(database, table);
    for (const column of columns) if (!known.has(column)) throw new SqlError(1054, `Unknown column '${column}' in '${table}'`);
    if (!columns.includes(key)) throw new SqlError(1364, `'${key}' must be explicitly mentioned in column permutation`);
    const keys = rows.map((row) => row[columns.indexOf(key)]);
    for (const text of keys) if (Buffer.byteLength(text) > KEY_MAX) throw new SqlError(5025, "primary key size exceed the limit.");
    if (new Set(keys).size !== keys.length) throw new Error("a key comes twice in what is written");
    const names = [...known.keys()];
    const values = rows.map((row) => `(${names.map((name) => (columns.includes(name) ? row[columns.indexOf(name)] : "NULL")).join(", ")})`);
    const others = names.filter((name) => name !== key).map((name) => `${named(name)} = excluded.${named(name)}`);
    return `INSERT INTO ${this.#name({ kind: "insert", database, table })} (${names.map(named).join(", ")}) VALUES ${values.join(", ")} ON CONFLICT (${named(key)}) DO ${others.length > 0 ? `UPDATE SET ${others.join(", ")}` : "NOTHING"}`;
  }

  /** @param {Parsed} parsed @param {AbortSignal} signal */
  async #insert({ database, table, columns, rows }, signal) {
    await this.#write([this.upsert(String(database), String(table), columns ?? [], rows ?? [])], signal);
  }

  /** One load: rows that are written, and keys that are deleted. @param {string} database @param {string} table @param {string[]} columns @param {string[][]} rows @param {string[]} gone @param {AbortSignal} signal */
  async load(database, table, columns, rows, gone, signal) {
    const { key } = this.table(database, table);
    this.writes += 1;
    await this.#write([
      ...(gone.length > 0 ? [`DELETE FROM ${named(database)}.${named(table)} WHERE ${named(key)} IN (${gone.join(", ")})`] : []),
      ...(rows.length > 0 ? [this.upsert(database, table, columns, rows)] : []),
    ], signal);
  }

  /** What was asked for is done, whoever leaves meanwhile. @param {Parsed} parsed */
  async #define({ kind, database = "", table = "", made = [], columns: [column] = [], type = "" }) {
    const { signal } = new AbortController();
    const tables = this.databases.get(database);
    if (kind === "database") {
      await this.#write([`CREATE SCHEMA IF NOT EXISTS ${named(database)}`], signal);
      this.databases.set(database, tables ?? new Map());
      return;
    }
    if (!tables) throw new SqlError(5501, `Unknown database '${database}'`);
    const place = `${named(database)}.${named(table)}`;
    if (kind === "create") {
      if (tables.has(table)) return;
      if (new Set(made.map(([name]) => name.toLowerCase())).size !== made.length) throw new SqlError(1060, "Duplicate column name");
      tables.set(table, { columns: new Map(made), key: made[0][0] });
      await this.#write([`CREATE TABLE ${place} (${made.map(([name, of], i) => `${named(name)} ${TYPES[of].duckdb}${i === 0 ? " PRIMARY KEY" : ""}`).join(", ")})`], signal);
    } else if (kind === "alter") {
      const known = this.table(database, table);
      if (known.columns.has(column)) throw new SqlError(1060, `Duplicate column name '${column}'`);
      known.columns.set(column, type);
      await this.#write([`ALTER TABLE ${place} ADD COLUMN ${named(column)} ${TYPES[type].duckdb}`], signal);
    } else {
      tables.delete(table);
      await this.#write([`DROP TABLE IF EXISTS ${place}`], signal);
    }
  }
}
