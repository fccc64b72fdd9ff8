// SPDX-License-Identifier: MIT
// SQL Server and Oracle as far as they can be stood in for: their statements, read by sqlglot and translated (translate.py), run in PGlite.
// What is not translated fails. It shows that our SQL is of the dialect and means what it should; not that a server would agree.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { PGlite } from "@electric-sql/pglite";
import { at } from "../../scripts/lib.mjs";
import { pythonPackages } from "./python.mjs";

/** What statements use that PostgreSQL calls otherwise. UTF-16 units are counted as SQL Server does. */
const SETUP = `
  CREATE SCHEMA standin;
  CREATE VIEW standin.columns AS SELECT table_schema, table_name, column_name, CASE data_type WHEN 'character' THEN 'nvarchar' WHEN 'boolean' THEN 'bit'
    WHEN 'double precision' THEN 'float' WHEN 'bytea' THEN 'varbinary' ELSE data_type END AS data_type FROM information_schema.columns WHERE table_schema <> 'standin';
  CREATE VIEW standin.tab_columns AS SELECT table_schema AS owner, table_name, column_name, CASE data_type WHEN 'text' THEN 'CLOB' WHEN 'numeric' THEN 'NUMBER'
    WHEN 'double precision' THEN 'BINARY_DOUBLE' WHEN 'bytea' THEN 'BLOB' ELSE data_type END AS data_type, CASE WHEN data_type = 'numeric' THEN numeric_precision END AS data_precision
    FROM information_schema.columns WHERE table_schema <> 'standin';
  CREATE FUNCTION public.datalength(t text) RETURNS integer LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT 2 * (char_length(t) + (SELECT count(*) FROM regexp_split_to_table(t, '') AS c WHERE octet_length(c) = 4))::integer $$;
  CREATE FUNCTION public.tsql_right(t text, units integer) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT AS $$
    DECLARE taken integer := 0;
    BEGIN
      FOR i IN REVERSE char_length(t)..1 LOOP
        taken := taken + CASE WHEN octet_length(substr(t, i, 1)) = 4 THEN 2 ELSE 1 END;
        IF taken = units THEN RETURN substr(t, i); END IF;
        IF taken > units THEN RETURN substr(t, i + 1); END IF;
      END LOOP;
      RETURN t;
    END $$;
  CREATE SCHEMA dbms_lob;
  CREATE FUNCTION dbms_lob.compare(a text, b text) RETURNS integer LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT CASE WHEN a COLLATE "C" = b COLLATE "C" THEN 0 WHEN a COLLATE "C" < b COLLATE "C" THEN -1 ELSE 1 END $$;
  CREATE FUNCTION dbms_lob.substr(t text, amount integer, start integer) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT substr(t, start, amount) COLLATE "C" $$;
`;

/** @param {"tsql" | "oracle"} dialect */
export async function startTranslated(dialect) {
  const python = spawn("python3", [at("tests/servers/translate.py")], { stdio: ["pipe", "pipe", "inherit"], env: { ...process.env, PYTHONPATH: pythonPackages("sqlglot", "sqlglot") } });
  const lines = createInterface({ input: python.stdout });
  /** @type {((line: string) => void)[]} */
  const waiting = [];
  lines.on("line", (line) => waiting.shift()?.(line));
  lines.on("close", () => { for (const one of waiting.splice(0)) one('{"error":"the translator ended"}'); });
  /** @type {Map<string, Promise<string>>} */
  const known = new Map();
  const ask = (/** @type {object} */ question) => new Promise((resolve, reject) => {
    waiting.push((line) => {
      const { sql, error } = JSON.parse(line);
      if (error === undefined) resolve(sql);
      else reject(Object.assign(new Error(`${error}\n${JSON.stringify(question)}`), { untranslated: true }));
    });
    python.stdin.write(`${JSON.stringify(question)}\n`);
  });
  const translate = (/** @type {string} */ sql) => {
    const found = known.get(sql) ?? ask({ sql, dialect });
    known.set(sql, found);
    return found;
  };
  const db = await PGlite.create();
  await db.exec(SETUP);
  /** @type {Promise<unknown>} */
  let turn = Promise.resolve();
  return {
    db, translate,
    /** Fails when the dialect's parser does not read the text as one statement. @param {string} sql */
    check: (sql) => ask({ sql, dialect, check: true }),
    /** The engine alone, until the function that comes back is called. @returns {Promise<() => void>} */
    async own() {
      const before = turn;
      /** @type {() => void} */
      let free = () => {};
      turn = new Promise((resolve) => { free = () => resolve(undefined); });
      await before;
      return free;
    },
    /** @param {string} sql @param {unknown[]} params */
    run: async (sql, params) => db.query(await translate(sql), params, { rowMode: "array" }),
    async stop() {
      const ended = once(python, "exit");
      python.stdin.end();
      await ended;
      await db.close();
    },
  };
}
