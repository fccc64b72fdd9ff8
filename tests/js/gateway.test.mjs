// SPDX-License-Identifier: MIT
// The gateway over PGlite, and over a scripted driver where time matters: its protocol, what it refuses, and its end.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { PGlite } from "@electric-sql/pglite";
import Ajv2020 from "ajv/dist/2020.js";
import { pgliteDriver } from "heavenbase/drivers/pglite";
import { ConfigError, startGateway } from "heavenbase/gateway";
import { at } from "../../scripts/lib.mjs";

const TOKEN = "token-of-the-tests-0123456789";
const OTHER = "token-of-nobody-else-98765432";
const PASSWORD = "password-that-no-one-sees";
const tokens = [{ name: "tests", token: TOKEN, connections: ["main", "reader", "small"] }, { name: "other", token: OTHER, connections: ["reader"] }];

const api = JSON.parse(readFileSync(at("docs/gateway.openapi.json"), "utf8"));
const ajv = new Ajv2020.default({ strict: false, validateFormats: false });
ajv.addSchema(api, "api");

/** @type {PGlite} */
let db;
/** @type {import("heavenbase/gateway").Gateway} */
let gateway;
/** @type {string[]} */
const log = [];
before(async () => {
  db = await PGlite.create();
  await db.exec("CREATE TABLE kept (a int PRIMARY KEY, b text)");
  const driver = pgliteDriver(db);
  gateway = await startGateway({
    port: 0, tokens, cors: { origins: ["https://app.example"] },
    connections: [
      { name: "main", engine: "pglite" }, { name: "reader", engine: "pglite", readOnly: true },
      { name: "small", engine: "pglite", maxRows: 10, maxBytes: 1000 },
    ],
    limits: { bodyBytes: 100_000, statements: 20 },
  }, { log: (line) => log.push(line), drivers: { main: driver, reader: driver, small: driver } });
});
after(async () => {
  await gateway.stop();
  await db.close();
});

/** The schema of an answer, by what the document says of the operation. @param {string} path @param {string} method @param {number} status */
function schemaOf(path, method, status) {
  const template = path.startsWith("/v1/connections/") ? "/v1/connections/{name}/statements" : path;
  const pointer = [template, method.toLowerCase(), "responses", String(status)].map((part) => part.replaceAll("~", "~0").replaceAll("/", "~1")).join("/");
  const declared = api.paths[template]?.[method.toLowerCase()]?.responses[status];
  if (!declared) return api.paths[template]?.[method.toLowerCase()] ? assert.fail(`${method} ${path} answers ${status}, which is not described`) : "api#/components/schemas/Failure";
  if (declared.$ref) return `api${declared.$ref}/content/application~1json/schema`;
  return `api#/paths/${pointer}/content/application~1json/schema`;
}

/**
 * Asks, and holds the answer against the description. @param {string} path @param {{ method?: string, token?: string | null, body?: unknown, headers?: Record<string, string>, from?: string, signal?: AbortSignal }} [options]
 * @returns {Promise<{ status: number, headers: Headers, json: any, text: string }>}
 */
async function ask(path, { method = "GET", token = TOKEN, body, headers = {}, from = gateway.url, signal } = {}) {
  const response = await fetch(`${from}${path}`, { method, signal, headers: { ...(token && { authorization: `Bearer ${token}` }), ...(body !== undefined && { "content-type": "application/json" }), ...headers },
    body: body === undefined ? undefined : typeof body === "string" || body instanceof Uint8Array ? /** @type {any} */ (body) : JSON.stringify(body) });
  const text = await response.text();
  assert.ok(response.headers.get("x-request-id"));
  const json = text === "" ? null : JSON.parse(text);
  if (response.status !== 204) {
    const schema = schemaOf(path, method, response.status);
    assert.ok(ajv.validate(schema, json), `${method} ${path} ${response.status}: ${ajv.errorsText()} in ${text.slice(0, 500)}`);
  }
  return { status: response.status, headers: response.headers, json, text };
}

/** @param {string} name @param {unknown} statements @param {Record<string, unknown>} [more] */
const run = (name, statements, more = {}) => ask(`/v1/connections/${name}/statements`, { method: "POST", body: { statements, ...more } });
/** @param {string} sql @param {unknown[]} [params] */
const one = (sql, ...params) => [{ sql, params }];
const count = async () => (await db.query("SELECT count(*)::int AS n FROM kept")).rows.map((/** @type {any} */ row) => row.n)[0];

describe("the protocol", () => {
  test("health needs no token, connections are those of the token", async () => {
    assert.deepEqual((await ask("/health", { token: null })).json, { status: "ok" });
    assert.deepEqual((await ask("/v1/connections")).json.connections.map((/** @type {any} */ one_) => one_.name), ["main", "reader", "small"]);
    assert.deepEqual((await ask("/v1/connections", { token: OTHER })).json, { connections: [{ name: "reader", engine: "pglite", readOnly: true }] });
  });

  test("cells keep their values: integers all digits, doubles, bytes, nulls, texts", async () => {
    const { status, text } = await run("main", one(`SELECT 9223372036854775807 AS big, (-9223372036854775808)::bigint AS low, 7::smallint AS s, true AS yes, false AS no,
      1.5::float8 AS f, '-0'::float8 AS zero, 1e300::float8 AS huge, 'NaN'::float8 AS nan, '-Infinity'::float8 AS inf, 12.30::numeric AS n, '\\x00ff10'::bytea AS bytes,
      E'"\\\\ é 😀\\n' AS t, null AS nothing, ARRAY[1,2] AS list, '{"a": 1}'::jsonb AS j, DATE '2020-01-02' AS d`));
    assert.equal(status, 200);
    assert.equal(text, '{"results":[{"columns":["big","low","s","yes","no","f","zero","huge","nan","inf","n","bytes","t","nothing","list","j","d"],"rows":[['
      + '9223372036854775807,-9223372036854775808,7,true,false,1.5,-0,1e+300,"NaN","-Infinity","12.30",{"$bytes":"AP8Q"},"\\"\\\\ é 😀\\n",null,"{1,2}","{\\"a\\": 1}","2020-01-02"]],"affected":0}]}');
  });

  test("parameters keep their values", async () => {
    const body = '{"statements":[{"sql":"SELECT $1::bigint, $2::bigint, $3::float8, $4::bool, $5::text, $6::bytea, $7::text, $8::float8, $9::numeric",'
      + '"params":[-9223372036854775808,9007199254740993,-0.0,false,"[12345678901234567890] \\u00e9",{"$bytes":"AP8Q"},null,"NaN",123456789012345678901234567890]}]}';
    const { text } = await ask("/v1/connections/main/statements", { method: "POST", body });
    assert.match(text, /"rows":\[\[-9223372036854775808,9007199254740993,-0,false,"\[12345678901234567890\] é",\{"\$bytes":"AP8Q"\},null,"NaN","123456789012345678901234567890"\]\]/);
  });

  test("statements run in order on one connection, with a result each; what they leave behind is gone for the next", async () => {
    const { json } = await run("main", [{ sql: "CREATE TEMP TABLE mine (a int)" }, { sql: "INSERT INTO mine SELECT generate_series(1, 3)" }, { sql: "SELECT a FROM mine ORDER BY a" }, { sql: "SET search_path = pg_catalog" }]);
    assert.deepEqual(json.results.map((/** @type {any} */ result) => [result.columns, result.rows, result.affected]), [[[], [], 0], [[], [], 3], [["a"], [[1], [2], [3]], 0], [[], [], 0]]);
    assert.equal((await run("main", one("SELECT * FROM mine"))).json.error.native, "42P01");
    assert.equal((await run("main", one("SELECT count(*) FROM kept"))).status, 200);
    await run("main", [{ sql: "BEGIN" }, { sql: "INSERT INTO kept VALUES (99, 'open')" }]);
    assert.equal(await count(), 0);
  });

  test("with a transaction all statements count, or none", async () => {
    const failed = await run("main", [...one("INSERT INTO kept VALUES (1, 'one')"), ...one("INSERT INTO kept VALUES (1, $1)", "a secret value")], { transaction: true });
    assert.equal(failed.status, 422);
    assert.deepEqual([failed.json.error.code, failed.json.error.native, failed.json.error.statement], ["STATEMENT_FAILED", "23505", 1]);
    assert.ok(!failed.text.includes("secret"));
    assert.equal(await count(), 0);
    assert.equal((await run("main", [...one("INSERT INTO kept VALUES (1, 'one')"), ...one("INSERT INTO kept VALUES (2, 'two')")], { transaction: true })).status, 200);
    assert.equal(await count(), 2);
    const ended = await run("main", [...one("INSERT INTO kept VALUES (3, 'three')"), ...one("ROLLBACK"), ...one("INSERT INTO kept VALUES (4, 'four')")], { transaction: true });
    assert.deepEqual([ended.status, ended.json.error.native, ended.json.error.statement], [422, "2D000", 1]);
    assert.equal(await count(), 2);
    await db.exec("DELETE FROM kept");
  });

  test("a constraint that is checked at the end fails the transaction, and no statement", async () => {
    await db.exec("CREATE TABLE late (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)");
    const { status, json } = await run("main", [...one("INSERT INTO late VALUES (1)"), ...one("INSERT INTO late VALUES (1)")], { transaction: true });
    assert.deepEqual([status, json.error.native, json.error.statement], [422, "23505", undefined]);
  });

  test("x-request-id comes back, or is made", async () => {
    assert.equal((await ask("/health", { headers: { "x-request-id": "abc-1.2:3" } })).headers.get("x-request-id"), "abc-1.2:3");
    assert.match(String((await ask("/health", { headers: { "x-request-id": "a b\u00e9" } })).headers.get("x-request-id")), /^[0-9a-f-]{36}$/);
  });
});

describe("what is refused", () => {
  const path = "/v1/connections/main/statements";

  test("paths, methods, tokens, connections, content types", async () => {
    const asked = /** @type {[string, any, number, string][]} */ ([
      ["/", {}, 404, "NOT_FOUND"], ["/v1/connections/%00/statements", { method: "POST", body: {} }, 404, "NOT_FOUND"], ["/v1/connections/none/statements", { method: "POST", body: {} }, 404, "NOT_FOUND"],
      ["/health", { method: "POST" }, 405, "METHOD_NOT_ALLOWED"], [path, {}, 405, "METHOD_NOT_ALLOWED"], [path, { method: "OPTIONS" }, 405, "METHOD_NOT_ALLOWED"],
      ["/v1/connections", { token: null }, 401, "UNAUTHORIZED"], ["/v1/connections", { token: `${TOKEN}x` }, 401, "UNAUTHORIZED"], ["/v1/connections", { token: TOKEN.slice(0, -1) }, 401, "UNAUTHORIZED"],
      [path, { method: "POST", body: {}, token: null }, 401, "UNAUTHORIZED"], ["/v1/connections", { token: null, headers: { authorization: `Basic ${TOKEN}` } }, 401, "UNAUTHORIZED"],
      [path, { method: "POST", body: {}, token: OTHER }, 403, "FORBIDDEN"],
      [path, { method: "POST", body: "{}", headers: { "content-type": "text/plain" } }, 415, "UNSUPPORTED_MEDIA_TYPE"], [path, { method: "POST" }, 415, "UNSUPPORTED_MEDIA_TYPE"],
      [path, { method: "POST", body: "{}", headers: { "content-type": "application/json; charset=latin1" } }, 415, "UNSUPPORTED_MEDIA_TYPE"],
      [path, { method: "POST", body: "{}", headers: { "content-encoding": "gzip" } }, 415, "UNSUPPORTED_MEDIA_TYPE"],
      [path, { method: "POST", body: " ".repeat(100_001) }, 413, "REQUEST_TOO_LARGE"],
    ]);
    for (const [where, options, status, code] of asked) {
      const answer = await ask(where, options);
      assert.deepEqual([answer.status, answer.json.error.code], [status, code], `${where} ${JSON.stringify(options).slice(0, 100)}`);
    }
    assert.equal((await ask("/v1/connections", { token: null })).headers.get("www-authenticate"), "Bearer");
    assert.equal((await ask(path)).headers.get("allow"), "POST");
  });

  test("a body that is not as described, with the place, without what stands there", async () => {
    const ok = { sql: "SELECT 1" };
    const bodies = /** @type {[unknown, string][]} */ ([
      ["", "the body"], ["{", "the body"], ["[]", "the body"], ["null", "the body"], [new Uint8Array([0x22, 0xff, 0x22]), "the body"], ["\ufeff{}", "the body"], ["[".repeat(50_000), "the body"],
      [`{"statements":[{"sql":"SELECT 1","params":[1234567890123456789,${"[".repeat(20_000)}${"]".repeat(20_000)}]}]}`, ""],
      [{}, "statements"], [{ statements: [] }, "statements"], [{ statements: Array(21).fill(ok) }, "statements"], [{ statements: [ok], secret: 1 }, "the body"], [{ statements: [ok], transaction: 1 }, "transaction"],
      [{ statements: [ok], timeoutMs: 0 }, "timeoutMs"], [{ statements: [ok], timeoutMs: "1" }, "timeoutMs"], [{ statements: [ok, null] }, "statements[1]"], [{ statements: [{}] }, "statements[0].sql"],
      [{ statements: [{ sql: "" }] }, "statements[0].sql"], [{ statements: [{ sql: " \n" }] }, "statements[0].sql"], [{ statements: [{ sql: "SELECT\u00001" }] }, "statements[0].sql"], ['{"statements":[{"sql":"\\ud800"}]}', "statements[0].sql"],
      [{ statements: [{ ...ok, params: {} }] }, "statements[0].params"], [{ statements: [{ ...ok, extra: 1 }] }, "statements[0]"], ['{"statements":[{"sql":"SELECT 1","__proto__":{}}]}', "statements[0]"],
      [{ statements: [{ ...ok, params: [1, ["secret"]] }] }, "statements[0].params[1]"], [{ statements: [{ ...ok, params: [{ $bytes: "secret!" }] }] }, "statements[0].params[0]"],
      [{ statements: [{ ...ok, params: [{ $bytes: "AAAA", more: 1 }] }] }, "statements[0].params[0]"], ['{"statements":[{"sql":"SELECT 1","params":[1e999]}]}', "statements[0].params[0]"],
      [`{"statements":[{"sql":"SELECT 1","params":[${"9".repeat(400)}]}]}`, "statements[0].params[0]"], ['{"statements":[{"sql":"SELECT 1","params":["\\udc00"]}]}', "statements[0].params[0]"],
    ]);
    for (const [body, where] of bodies) {
      const { status, json, text } = await ask(path, { method: "POST", body });
      assert.deepEqual([status, json.error.code], [400, "INVALID_REQUEST"], JSON.stringify(body).slice(0, 100));
      assert.ok(json.error.message.startsWith(where) && !text.includes("secret"), `${text} for ${JSON.stringify(body).slice(0, 100)}`);
    }
  });

  test("more than one statement in a text", async () => {
    const { status, json } = await run("main", one("SELECT 1; DROP TABLE kept"));
    assert.deepEqual([status, json.error.native], [422, "42601"]);
    assert.equal(await count(), 0);
  });

  test("writing where only reading is allowed, by the engine", async () => {
    for (const transaction of [false, true]) {
      const attempts = [
        one("INSERT INTO kept VALUES (5, 'x')"), one("WITH w AS (INSERT INTO kept VALUES (5, 'x') RETURNING a) SELECT * FROM w"), one("CREATE TABLE another (a int)"), one("SELECT nextval('counter')"),
        [...one("SET TRANSACTION READ WRITE"), ...one("INSERT INTO kept VALUES (5, 'x')")], [...one("COMMIT"), ...one("INSERT INTO kept VALUES (5, 'x')")], [...one("SET default_transaction_read_only = off"), ...one("COMMIT"), ...one("INSERT INTO kept VALUES (5, 'x')")],
        [...one("COMMIT AND CHAIN"), ...one("SET TRANSACTION READ WRITE"), ...one("INSERT INTO kept VALUES (5, 'x')")], [...one("BEGIN READ WRITE"), ...one("INSERT INTO kept VALUES (5, 'x')")],
        one("DO $$ BEGIN COMMIT; SET TRANSACTION READ WRITE; INSERT INTO kept VALUES (5, 'x'); END $$"), one("SELECT set_config('transaction_read_only', 'off', false)"),
      ];
      await db.exec("CREATE SEQUENCE IF NOT EXISTS counter");
      for (const statements of attempts) {
        const { status, json } = await run("reader", statements, { transaction });
        assert.ok(status === 403 ? json.error.code === "READ_ONLY" && json.error.native === "25006" : status === 422, `${JSON.stringify(statements)}: ${JSON.stringify(json)}`);
        assert.equal(await count(), 0, JSON.stringify(statements));
      }
      assert.deepEqual((await run("reader", one("SELECT count(*) FROM kept"), { transaction })).json.results[0].rows, [[0]]);
    }
    assert.equal((await run("main", one("SHOW default_transaction_read_only"))).json.results[0].rows[0][0], "off");
  });

  test("results of more rows or bytes than the connection allows, over all statements", async () => {
    const rows = (/** @type {number} */ n) => one("SELECT generate_series(1, $1::int)", n);
    assert.equal((await run("small", rows(10))).json.results[0].rows.length, 10);
    for (const statements of [rows(11), [...rows(6), ...rows(5)], one("SELECT repeat('x', 1001)"), [...one("SELECT repeat('x', 600)"), ...one("SELECT repeat('x', 600)")]]) {
      assert.deepEqual([(await run("small", statements)).json.error.code, (await run("small", statements)).status], ["RESULT_TOO_LARGE", 422]);
    }
    const { status } = await run("small", [...one("INSERT INTO kept VALUES (7, 'x')"), ...rows(11)], { transaction: true });
    assert.deepEqual([status, await count()], [422, 0]);
  });

  test("pages of other origins; those of the list may ask", async () => {
    const preflight = { method: "OPTIONS", token: null, headers: { origin: "https://app.example", "access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type" } };
    const allowed = await ask(path, preflight);
    assert.equal(allowed.status, 204);
    assert.deepEqual(["access-control-allow-origin", "access-control-allow-methods", "access-control-allow-headers", "vary"].map((name) => allowed.headers.get(name)),
      ["https://app.example", "POST", "authorization, content-type, x-request-id", "Origin"]);
    for (const origin of ["https://evil.example", "https://app.example.evil", "http://app.example", "https://app.example:8443", "null"]) {
      const refused = await ask(path, { ...preflight, headers: { ...preflight.headers, origin } });
      assert.deepEqual([refused.status, refused.headers.get("access-control-allow-origin"), refused.headers.get("vary")], [403, null, "Origin"]);
      assert.equal((await ask("/v1/connections", { headers: { origin } })).status, 403);
    }
    const answer = await ask(path, { method: "POST", body: { statements: [{ sql: "SELECT nothing" }] }, headers: { origin: "https://app.example" } });
    assert.deepEqual([answer.status, answer.headers.get("access-control-allow-origin"), answer.headers.get("access-control-expose-headers")], [422, "https://app.example", "x-request-id, retry-after"]);
  });
});

/** What comes back for bytes, until the other side closes. @param {string[]} pieces @param {number} [everyMs] @param {number} [port] @returns {Promise<string>} */
const raw = (pieces, everyMs = 0, port = gateway.port) => new Promise((resolve, reject) => {
  const socket = connect(port, "127.0.0.1");
  let text = "";
  socket.setEncoding("utf8").on("data", (chunk) => { text += chunk; }).on("close", () => resolve(text)).on("error", (error) => (text ? resolve(text) : reject(error)));
  const next = () => {
    const piece = pieces.shift();
    if (piece === undefined || socket.destroyed) return;
    socket.write(piece);
    setTimeout(next, everyMs);
  };
  next();
});

describe("hostile clients", () => {
  const head = `POST /v1/connections/main/statements HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Type: application/json\r\n`;

  test("headers and bodies that come slowly, or never, are given up", async () => {
    const { port, stop } = await over(scripted(), { limits: { headersMs: 300, bodyMs: 300 } });
    assert.match(await raw(["GET /health HT"], 0, port), /^HTTP\/1\.1 408 /);
    assert.match(await raw([`${head}Content-Length: 50\r\n\r\n{`], 0, port), /^HTTP\/1\.1 408 [\s\S]*REQUEST_TIMEOUT/);
    assert.match(await raw([`${head}Transfer-Encoding: chunked\r\n\r\n`, ...Array(20).fill("1\r\n \r\n")], 50, port), /^HTTP\/1\.1 408 /);
    await stop();
  });

  test("what is not HTTP, and headers that are too large", async () => {
    assert.match(await raw(["\0\0\0 nonsense\r\n\r\n"]), /^HTTP\/1\.1 400 [\s\S]*INVALID_REQUEST/);
    assert.match(await raw([`GET /health HTTP/1.1\r\nX: ${"y".repeat(20_000)}\r\n\r\n`]), /^HTTP\/1\.1 431 [\s\S]*HEADERS_TOO_LARGE/);
    assert.match(await raw([`${head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`]), /^HTTP\/1\.1 400 /);
    assert.match(await raw(["GET http://[ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"]), /^HTTP\/1\.1 (400|404) /);
  });

  test("a body larger than allowed that does not say so before", async () => {
    assert.match(await raw([`${head}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n`, `20000\r\n${" ".repeat(0x20000)}\r\n`]), /^HTTP\/1\.1 413 [\s\S]*REQUEST_TOO_LARGE/);
  });

  test("whoever asks first is told before sending", async () => {
    const body = '{"statements":[{"sql":"SELECT 1"}]}';
    assert.match(await raw([`${head}Expect: 100-continue\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`, body], 50), /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
    assert.match(await raw([`${head.replace(TOKEN, "x".repeat(20))}Expect: 100-continue\r\nConnection: close\r\nContent-Length: 10000000\r\n\r\n`]), /^HTTP\/1\.1 401 /);
  });
});

/** A driver whose statements wait until they are let go, or cancelled. @param {{ connections?: number }} [options] */
function scripted({ connections = 1 } = {}) {
  const seen = { begun: 0, cancelled: 0, released: 0, committed: 0, rolledBack: 0, closed: 0 };
  /** @type {((value: any) => void)[]} */
  const waiting = [];
  /** @type {(() => void)[]} */
  const queue = [];
  let free = connections;
  const driver = {
    execute: async () => ({}),
    close: () => { seen.closed += 1; },
    async session({ signal }) {
      if (free === 0) await new Promise((resolve, reject) => {
        queue.push(() => resolve(undefined));
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      });
      free -= 1;
      return {
        execute: (/** @type {string} */ sql, /** @type {unknown[]} */ _params, /** @type {any} */ options) => new Promise((resolve, reject) => {
          seen.begun += 1;
          waiting.push(() => resolve({ columns: ["sql"], rows: [[sql]] }));
          if (sql === "fail") reject(Object.assign(new Error(`${PASSWORD} in a message`), { code: "ECONNRESET" }));
          if (sql === "break") reject(new TypeError(`${PASSWORD} in a message`));
          options.signal.addEventListener("abort", () => {
            seen.cancelled += 1;
            reject(Object.assign(new Error("cancelled"), { code: "57014" }));
          });
        }),
        begin: async () => {},
        commit: async () => { seen.committed += 1; },
        rollback: async () => { seen.rolledBack += 1; },
        release: async () => {
          seen.released += 1;
          free += 1;
          queue.shift()?.();
        },
      };
    },
  };
  return { driver: /** @type {any} */ (driver), seen, letGo: () => waiting.splice(0).forEach((go) => go(undefined)) };
}

/** @param {() => boolean} condition */
async function until(condition) {
  for (let i = 0; i < 400 && !condition(); i++) await new Promise((resolve) => { setTimeout(resolve, 5); });
  assert.ok(condition());
}

/** @param {ReturnType<typeof scripted>} script @param {any} [more] */
async function over({ driver }, more = {}) {
  /** @type {string[]} */
  const lines = [];
  const started = await startGateway({ port: 0, tokens: [{ name: "tests", token: TOKEN, connections: ["main"] }], connections: [{ name: "main", engine: "postgres", ...more.connection }], limits: more.limits, drainMs: more.drainMs },
    { drivers: { main: driver }, log: (line) => lines.push(line) });
  const post = (/** @type {string} */ sql, /** @type {any} */ body = {}, /** @type {AbortSignal | undefined} */ signal = undefined) =>
    ask("/v1/connections/main/statements", { method: "POST", from: started.url, body: { statements: [{ sql }], ...body }, signal });
  return { ...started, lines, post };
}

describe("time", () => {
  test("a statement that takes too long is cancelled; a request shortens the time only", async () => {
    const script = scripted();
    const { post, stop } = await over(script, { connection: { timeoutMs: 150 } });
    const { status, json } = await post("slow", { transaction: true });
    assert.deepEqual([status, json.error.code, json.error.native, json.error.statement], [504, "TIMEOUT", "57014", 0]);
    assert.deepEqual([script.seen.cancelled, script.seen.rolledBack, script.seen.committed], [1, 1, 0]);
    const since = performance.now();
    assert.equal((await post("slow", { timeoutMs: 20 })).status, 504);
    assert.equal((await post("slow", { timeoutMs: 3_600_000 })).status, 504);
    assert.ok(performance.now() - since < 60_000);
    await stop();
  });

  test("when the client leaves, what runs is cancelled, and rolled back", async () => {
    const script = scripted();
    const { post, stop, lines } = await over(script);
    const leave = new AbortController();
    const asked = post("slow", { transaction: true }, leave.signal);
    await until(() => script.seen.begun === 1);
    leave.abort();
    await assert.rejects(asked);
    await until(() => script.seen.released === 1 && lines.some((line) => line.includes("CLIENT_GONE")));
    assert.deepEqual([script.seen.cancelled, script.seen.rolledBack, script.seen.committed], [1, 1, 0]);
    await stop();
  });

  test("a pool that stays busy is UNAVAILABLE and nothing has begun; too many requests are told to come later", async () => {
    const script = scripted();
    const { post, stop } = await over(script, { connection: { timeoutMs: 5000 }, limits: { concurrent: 2 } });
    const first = post("one");
    await until(() => script.seen.begun === 1);
    const second = post("two", { timeoutMs: 300 });
    await new Promise((resolve) => { setTimeout(resolve, 100); });
    const third = await post("three");
    assert.deepEqual([third.status, third.json.error.code, third.json.error.began, third.headers.get("retry-after")], [429, "TOO_MANY_REQUESTS", false, "1"]);
    const { status, json, headers } = await second;
    assert.deepEqual([status, json.error.code, json.error.began, headers.get("retry-after")], [503, "UNAVAILABLE", false, "1"]);
    script.letGo();
    assert.deepEqual((await first).json.results[0].rows, [["one"]]);
    assert.equal(script.seen.begun, 1);
    await stop();
  });

  test("a connection that is lost in a statement is UNAVAILABLE, and it may have begun", async () => {
    const script = scripted();
    const { post, stop } = await over(script);
    const { status, json } = await post("fail");
    assert.deepEqual([status, json.error.code, json.error.native, "began" in json.error], [503, "UNAVAILABLE", "ECONNRESET", false]);
    await stop();
  });
});

describe("the end", () => {
  test("what runs may end, what is new is refused, then the server is gone", async () => {
    const script = scripted({ connections: 2 });
    const { post, stop, url, lines } = await over(script);
    const running = post("slow");
    await until(() => script.seen.begun === 1);
    const stopped = stop();
    assert.deepEqual((await ask("/health", { from: url })).json, { status: "stopping" });
    const late = await post("late");
    assert.deepEqual([late.status, late.json.error.began], [503, false]);
    script.letGo();
    assert.equal((await running).status, 200);
    await stopped;
    await assert.rejects(fetch(`${url}/health`));
    assert.deepEqual(lines.map((line) => JSON.parse(line).event).filter((event) => event !== "request"), ["started", "stopping", "stopped"]);
  });

  test("a body that never comes does not hold the end up", async () => {
    const { stop, port } = await over(scripted(), { drainMs: 20 });
    const told = raw([`POST /v1/connections/main/statements HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{`], 0, port);
    await new Promise((resolve) => { setTimeout(resolve, 200); });
    const since = performance.now();
    await stop();
    assert.ok(performance.now() - since < 5000);
    assert.match(await told, /^HTTP\/1\.1 503 [\s\S]*"began":false/);
  });

  test("what does not end in time is cancelled", async () => {
    const script = scripted();
    const { post, stop } = await over(script, { drainMs: 50 });
    const running = post("slow", { transaction: true });
    await until(() => script.seen.begun === 1);
    await stop();
    const { status, json } = await running;
    assert.deepEqual([status, json.error.code], [503, "UNAVAILABLE"]);
    assert.deepEqual([script.seen.cancelled, script.seen.rolledBack, script.seen.released], [1, 1, 1]);
  });
});

test("logs are lines of JSON, without values, texts, tokens and passwords", async () => {
  await run("main", one("SELECT $1 AS visible_name", "a-value-of-a-parameter"), {});
  await run("main", one("SELECT 'a-literal' + 1"));
  await ask("/v1/connections/main/statements?token=in-the-query-string", { method: "POST", body: { statements: [] } });
  const script = scripted();
  const { post, stop, lines } = await over(script, { connection: { options: { password: PASSWORD, uri: `postgres://u:${PASSWORD}@h/d` } } });
  await post("fail");
  assert.deepEqual([(await post("break")).status, JSON.parse(/** @type {string} */ (lines.at(-1))).fault.startsWith("TypeError at ")], [500, true]);
  await stop();
  const all = [...log, ...lines];
  for (const hidden of [TOKEN, OTHER, PASSWORD, "a-value-of", "visible_name", "a-literal", "SELECT", "in-the-query-string"]) assert.ok(!all.join("").includes(hidden), hidden);
  const entry = all.map((line) => JSON.parse(line)).find(({ native }) => native === "23505");
  assert.deepEqual(Object.keys(entry), ["time", "event", "id", "remote", "method", "route", "token", "connection", "statements", "rows", "error", "native", "bytes", "ms", "status"]);
  assert.deepEqual([entry.event, entry.token, entry.connection, entry.statements, entry.status], ["request", "tests", "main", 2, 422]);
  assert.ok(all.every((line) => line.endsWith("\n") && line.indexOf("\n") === line.length - 1));
});

describe("the configuration", () => {
  const right = { tokens: [{ name: "a", token: TOKEN, connections: ["main"] }], connections: [{ name: "main", engine: "postgres" }] };
  /** @param {any} change @param {Record<string, string>} [env] */
  const issues = (change, env = {}) => startGateway({ ...right, ...change }, { env, log: () => {} }).then(() => assert.fail("started"), (error) => {
    assert.ok(error instanceof ConfigError && error.code === "VALIDATION", String(error));
    return error.issues.map(({ path, message }) => `${path}: ${message}`);
  });

  test("faults are told with their place, all at once, and without secrets", async () => {
    assert.deepEqual(await issues({ prot: 1, port: 65_536, tls: { cert: "a" }, cors: { origins: ["https://app.example/", "app.example"] }, limits: { concurent: 1 }, drainMs: -1 }), [
      "prot: unknown; did you mean port?", "port: an integer from 0 to 65535 is expected", "tls.key: is missing",
      "cors.origins[0]: an origin as browsers send it is expected (scheme, host, port), or *; did you mean https://app.example?", "cors.origins[1]: an origin as browsers send it is expected (scheme, host, port), or *",
      "limits.concurent: unknown; did you mean concurrent?", "drainMs: an integer from 0 to 600000 is expected"]);
    assert.deepEqual(await issues({ connections: [{ name: "main", engine: "postgress", readonly: true }, { name: "main", engine: "pgvector", options: { pasword: PASSWORD, port: "1" }, pool: 0 }, { name: "no good", engine: "pglite" }] }), [
      "connections[0].readonly: unknown; did you mean readOnly?", "connections[0].engine: unknown; did you mean postgres?", "connections[1].pool: an integer from 1 to 1000 is expected",
      "connections[1].options.pasword: unknown; did you mean password?", "connections[1].options.port: an integer from 0 to 2147483647 is expected",
      "connections[2].name: a name of letters, digits, _ and - is expected, at most 64", "connections[1].name: connections[0] is called main already"]);
    assert.deepEqual(await issues({ tokens: [{ name: "a", token: "short", connections: [] }, { name: "b", token: `${TOKEN} ${PASSWORD}`, connections: "main" }] }), [
      "tokens[0].token: a token has at least 16 characters, this has 5", "tokens[1].token: a token has printable ASCII characters only, and no spaces", "tokens[1].connections: a list is expected, this is a string"]);
    assert.deepEqual(await issues({ tokens: [...right.tokens, { ...right.tokens[0], name: "b", connections: ["mian"] }] }), [
      "tokens[1].connections[0]: no such connection; did you mean main?", "tokens[1].token: is the same as that of tokens[0]"]);
    assert.deepEqual(await issues({ tls: { cert: "/nowhere/cert.pem", key: "/nowhere/key.pem" } }), ["tls.cert: the file cannot be read: ENOENT"]);
    assert.deepEqual(await issues({ connections: [{ name: "main", engine: "starrocks", readOnly: true }] }), ["connections[0].readOnly: StarRocks has no transactions that only read: give the connection a user who may only SELECT"]);
    await assert.rejects(startGateway(/** @type {any} */ (null)), { code: "VALIDATION", message: "a mapping is expected, this is null" });
    await assert.rejects(startGateway(/** @type {any} */ ({})), { code: "VALIDATION", message: "tokens: is missing\nconnections: is missing" });
  });

  test("variables of the environment stand in texts, and those that are not there are named", async () => {
    const { driver } = scripted();
    const given = { ...right, port: /** @type {any} */ ("${PORT}"), tokens: [{ name: "a", token: "${START}-0123456789-$$", connections: ["main"] }] };
    const started = await startGateway(given, { env: { PORT: "0", START: "abcdef" }, drivers: { main: driver }, log: () => {} });
    assert.equal((await ask("/v1/connections", { from: started.url, token: "abcdef-0123456789-$" })).status, 200);
    await started.stop();
    assert.deepEqual(await issues({ ...given, host: "${toString}" }, { START: PASSWORD }), ["host: the environment has no variable toString", "port: the environment has no variable PORT", "port: an integer from 0 to 65535 is expected"]);
  });
});

describe("the command", () => {
  const command = at("js/bin/heavenbase.js");
  const call = (/** @type {string[]} */ ...args) => spawnSync(process.execPath, [command, ...args], { encoding: "utf8" });
  /** @type {string} */
  let folder;
  before(() => { folder = mkdtempSync(join(tmpdir(), "hb-gateway-")); });
  after(() => rmSync(folder, { recursive: true, force: true }));

  test("says what it can, and what is wrong", () => {
    assert.match(call("--help").stdout, /^usage: heavenbase COMMAND/);
    assert.equal(call("--version").stdout.trim(), JSON.parse(readFileSync(at("package.json"), "utf8")).version);
    assert.deepEqual([call("gatway").status, call("gatway").stderr.split("\n")[0]], [2, "heavenbase: there is no command 'gatway'; did you mean 'gateway'?"]);
    assert.match(call("gateway", "--help").stdout, /--config FILE/);
    assert.deepEqual([call("gateway").status, call("gateway", "--confg", "x").status], [2, 2]);
    const file = join(folder, "wrong.json");
    assert.deepEqual([call("gateway", "--config", file).status, call("gateway", "--config", file).stderr], [1, `heavenbase: ${file}: ENOENT (open)\n`]);
    writeFileSync(file, `{"tokens": [{"name": "a", "token": "${PASSWORD}",}]}`);
    assert.deepEqual([call("gateway", "--config", file).status, call("gateway", "--config", file).stderr.includes(PASSWORD)], [1, false]);
    writeFileSync(file, JSON.stringify({ tokens: [{ name: "a", token: "${HB_NO_SUCH}", connections: [] }], connection: [] }));
    assert.equal(call("gateway", "--config", file, "--check").stderr, `heavenbase: ${file}: connection: unknown; did you mean connections?\n${file}: tokens[0].token: the environment has no variable HB_NO_SUCH\n${file}: connections: is missing\n`);
  });

  test("serves until it is told to stop, and ends with 0", async () => {
    const file = join(folder, "gateway.json");
    writeFileSync(file, JSON.stringify({ port: 0, tokens: [{ name: "a", token: "${HB_TEST_TOKEN}", connections: ["main"] }], connections: [{ name: "main", engine: "pglite" }] }));
    assert.equal(spawnSync(process.execPath, [command, "gateway", "--check", "--config", file], { env: { ...process.env, HB_TEST_TOKEN: TOKEN } }).status, 0);
    const child = spawn(process.execPath, [command, "gateway", "--config", file], { env: { ...process.env, HB_TEST_TOKEN: TOKEN }, stdio: ["ignore", "pipe", "pipe"] });
    let text = "";
    child.stderr.setEncoding("utf8").on("data", (chunk) => { text += chunk; });
    const ended = new Promise((resolve) => { child.once("exit", (code, signal) => resolve([code, signal])); });
    for (let i = 0; i < 1200 && !text.includes("started"); i++) await new Promise((resolve) => { setTimeout(resolve, 25); });
    const { url } = JSON.parse(text.split("\n")[0]);
    const { json } = await ask("/v1/connections/main/statements", { method: "POST", from: url, body: { statements: [{ sql: "SELECT 40 + 2 AS a" }] } });
    assert.deepEqual(json.results[0].rows, [[42]]);
    child.kill("SIGTERM");
    assert.deepEqual(await ended, [0, null]);
    assert.deepEqual(text.trim().split("\n").map((line) => JSON.parse(line).event), ["started", "request", "stopping", "stopped"]);
  });
});

test("it serves by TLS", async () => {
  const made = spawnSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost", "-days", "1", "-keyout", "-", "-out", "-"], { encoding: "utf8" });
  if (made.status !== 0) return assert.fail(made.stderr);
  const folder = mkdtempSync(join(tmpdir(), "hb-gateway-tls-"));
  writeFileSync(join(folder, "pair.pem"), made.stdout);
  const file = join(folder, "pair.pem");
  const started = await startGateway({ port: 0, tls: { cert: file, key: file }, tokens: [{ name: "tests", token: TOKEN, connections: ["main"] }], connections: [{ name: "main", engine: "postgres" }] }, { drivers: { main: scripted().driver }, log: () => {} });
  rmSync(folder, { recursive: true });
  const { request: ask_ } = await import("node:https");
  const status = await new Promise((resolve, reject) => {
    ask_(`${started.url}/health`, { rejectUnauthorized: false }, (response) => resolve(response.resume().statusCode)).on("error", reject).end();
  });
  assert.deepEqual([status, started.url.startsWith("https://")], [200, true]);
  await started.stop();
});
