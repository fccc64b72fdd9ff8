// SPDX-License-Identifier: MIT
// npm run bench -- remote [--n 100000] [--rounds 5] [--out FILE]
// What the workspace costs over a SQL engine elsewhere: a real PostgreSQL on loopback, by its driver and over the gateway,
// beside the bare driver that is asked the same. Writes REMOTE.md.
import { writeFileSync } from "node:fs";
import { cpus, type, release } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import pg from "pg";
import { Float, HeavenBase, Integer, LongText, ShortText, entity, field } from "heavenbase";
import { pgDriver } from "heavenbase/drivers/pg";
import { startGateway } from "heavenbase/gateway";
import { startPostgres } from "../tests/servers/postgres.mjs";
import { median } from "./measure.mjs";
import { makeWorkload } from "./workload.mjs";

const { values: args } = parseArgs({ args: process.argv.slice(process.argv[2] === "remote" ? 3 : 2), options: {
  n: { type: "string", default: "100000" }, rounds: { type: "string", default: "5" }, out: { type: "string", default: fileURLToPath(new URL("REMOTE.md", import.meta.url)) },
} });
const [N, ROUNDS] = [Number(args.n), Number(args.rounds)];
const BATCH = 10_000;
const LIMIT = 100;
const CALLS = 40; // in each block of what is short
const TOKEN = "token-of-the-bench";
const Doc = entity("Doc", { title: field(ShortText), body: field(LongText), year: field(Integer), price: field(Float), category: field(ShortText) });
const say = (/** @type {string} */ line) => process.stderr.write(`${line}\n`);

/** Counts what comes back. */
const counted = { bytes: 0 };
/** @type {typeof fetch} */
const countingFetch = async (...request) => {
  const response = await fetch(...request);
  const body = await response.arrayBuffer();
  counted.bytes += body.byteLength;
  return new Response(body, { status: response.status, headers: response.headers });
};

/** Seconds of each block, everybody in turn. @param {Record<string, () => Promise<unknown>>} work @param {number} calls @returns {Promise<Record<string, number>>} medians of one call */
async function interleaved(work, calls) {
  /** @type {Record<string, number[]>} */
  const seconds = Object.fromEntries(Object.keys(work).map((name) => [name, []]));
  for (const run of Object.values(work)) for (let i = 0; i < Math.min(calls, 5); i++) await run();
  for (let round = 0; round < ROUNDS * 4; round++) {
    for (const [name, run] of Object.entries(work)) {
      const start = performance.now();
      for (let i = 0; i < calls; i++) await run();
      seconds[name].push((performance.now() - start) / 1000 / calls);
    }
  }
  return Object.fromEntries(Object.entries(seconds).map(([name, list]) => [name, median(list)]));
}

/** Everybody must have the same. @param {unknown} found @param {unknown} expected @param {string} what */
function same(found, expected, what) {
  if (JSON.stringify(found) !== JSON.stringify(expected)) throw new Error(`${what}: the answers differ`);
}

/** The rows of a batch as the bare driver writes them: one statement, a list for each column. @param {pg.Pool} pool @param {any[]} rows */
const insertBare = (pool, rows) => pool.query('INSERT INTO bare SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::float8[], $7::text[]) ON CONFLICT (object_id) DO UPDATE SET '
  + "name = excluded.name, title = excluded.title, body = excluded.body, year = excluded.year, price = excluded.price, category = excluded.category",
  ["object_id", "name", "title", "body", "year", "price", "category"].map((name) => rows.map((row) => row[name])));

/** @param {any[]} rows @param {(batch: any[]) => Promise<unknown>} write rows in a second */
async function rate(rows, write) {
  const start = performance.now();
  for (let at = 0; at < rows.length; at += BATCH) await write(rows.slice(at, at + BATCH));
  return rows.length / ((performance.now() - start) / 1000);
}

/** @param {{ pool: pg.Pool, driver: any, gateway: any, workload: any }} setting */
async function measureReads({ pool, driver, gateway, workload }) {
  const year = workload.years[0];
  const wanted = `SELECT object_id, title, year FROM bare WHERE year = $1 ORDER BY object_id COLLATE "C" LIMIT ${LIMIT}`;
  const filter = (/** @type {any} */ ws, pushdown = true) => ws.query(Doc).where(Doc.year.eq(year)).select(Doc.title, Doc.year).limit(LIMIT).execute({ pushdown });
  const asRows = (/** @type {any} */ frame) => frame.rows().map((/** @type {any} */ row) => [row.object_id, row.title, row.year]);
  const answer = (await pool.query(wanted, [year])).rows.map((row) => [row.object_id, row.title, Number(row.year)]);
  for (const [name, ws] of [["driver", driver], ["gateway", gateway]]) same(asRows(await filter(ws)), answer, name);
  const answerBytes = answer.reduce((sum, [id, title]) => sum + Buffer.byteLength(id) + Buffer.byteLength(title) + 8, 0);
  counted.bytes = 0;
  await filter(gateway);
  const pushedBytes = counted.bytes;
  say("fetching everything once, for comparison");
  counted.bytes = 0;
  const start = performance.now();
  same(asRows(await filter(gateway, false)), answer, "without push-down");
  const [allBytes, allSeconds] = [counted.bytes, (performance.now() - start) / 1000];
  const filters = await interleaved({
    bare: () => pool.query(wanted, [year]), driver: async () => (await filter(driver)).rows(), gateway: async () => (await filter(gateway)).rows(),
  }, CALLS);
  const ids = workload.probes;
  let at = 0;
  const next = () => ids[at++ % ids.length];
  const gets = await interleaved({
    bare: () => pool.query("SELECT * FROM bare WHERE object_id = $1", [next()]), driver: () => driver.get(next(), { entity: Doc }), gateway: () => gateway.get(next(), { entity: Doc }),
  }, CALLS);
  return { answerBytes, pushedBytes, allBytes, allSeconds, filters, gets, found: answer.length };
}

const ms = (/** @type {number} */ seconds) => `${(seconds * 1000).toFixed(seconds < 0.01 ? 3 : 1)} ms`;
const times = (/** @type {number} */ ratio) => `${ratio.toFixed(2)} ×`;
const perSecond = (/** @type {number} */ count) => `${Math.round(count).toLocaleString("en").replaceAll(",", " ")} rows/s`;

/** @param {Awaited<ReturnType<typeof measureReads>>} reads @param {Record<string, number>} writes @param {string} version */
function page(reads, writes, version) {
  const targets = [
    ["1 % filter with a limit: bytes of the reply for each byte of the answer", reads.pushedBytes / reads.answerBytes, 2, times],
    ["workspace over the bare driver, 1 % filter with a limit", reads.filters.driver / reads.filters.bare, 1.3, times],
    ["workspace over the bare driver, get by id", reads.gets.driver / reads.gets.bare, 1.3, times],
  ];
  return `# Remote engines

\`npm run bench -- remote\` writes this page: PostgreSQL ${version} on loopback, ${N.toLocaleString("en").replaceAll(",", " ")} documents of the workload without their
vectors and tags, by node-postgres and over the gateway, beside the bare driver that is asked the same. Everybody is asked in turn, ${ROUNDS * 4} blocks
each; medians. Answers are compared. ${type()} ${release()}, ${cpus().length} × ${cpus()[0]?.model.trim()}, Node ${process.versions.node}.

| | bare driver | workspace, driver | workspace, gateway |
| --- | ---: | ---: | ---: |
| upsert, ${BATCH.toLocaleString("en").replaceAll(",", " ")} rows a call | ${["bare", "driver", "gateway"].map((name) => perSecond(writes[name])).join(" | ")} |
| 1 % filter, limit ${LIMIT}: ${reads.found} rows | ${["bare", "driver", "gateway"].map((name) => ms(reads.filters[name])).join(" | ")} |
| get by id, all fields | ${["bare", "driver", "gateway"].map((name) => ms(reads.gets[name])).join(" | ")} |

The 1 % filter without push-down, once: ${ms(reads.allSeconds)} and ${reads.allBytes.toLocaleString("en").replaceAll(",", " ")} bytes over the gateway, with it ${reads.pushedBytes.toLocaleString("en").replaceAll(",", " ")} bytes for an answer of ${reads.answerBytes.toLocaleString("en").replaceAll(",", " ")}.

| target | found | bar | |
| --- | ---: | ---: | --- |
| upsert over the gateway | ${perSecond(writes.gateway)} | 20 000 rows/s | ${writes.gateway >= 20_000 ? "met" : "missed"} |
${targets.map(([what, ratio, bar, print]) => `| ${what} | ${/** @type {any} */ (print)(ratio)} | ${/** @type {any} */ (print)(bar)} | ${Number(ratio) <= Number(bar) ? "met" : "missed"} |`).join("\n")}
`;
}

say(`a workload of ${N} rows`);
const workload = makeWorkload(N);
const rows = workload.rows.map(({ object_id, name, title, body, year, price, category }) => ({ object_id, name, title, body, year, price, category }));
say("starting PostgreSQL");
const server = await startPostgres();
const pool = new pg.Pool({ host: "127.0.0.1", port: server.port, user: server.user, database: "postgres", max: 4 });
const options = { host: "127.0.0.1", port: server.port, username: server.user, database: "postgres" };
const started = await startGateway({ tokens: [{ name: "bench", token: TOKEN, connections: ["main"] }],
  connections: [{ name: "main", engine: "postgres", options, pool: 4, maxRows: 10 * N, maxBytes: 2 ** 26, timeoutMs: 600_000 }] }, { log() {} });
try {
  await pool.query('CREATE TABLE bare (object_id text COLLATE "C" PRIMARY KEY, name text, title text, body text, year bigint, price float8, category text); '
    + "CREATE INDEX ON bare (name); CREATE INDEX ON bare (title); CREATE INDEX ON bare (year); CREATE INDEX ON bare (price); CREATE INDEX ON bare (category)");
  const driver = await HeavenBase.open("bench-driver", { backends: { main: { type: "postgres" } }, drivers: { main: pgDriver(pool) }, catalog: false });
  const gateway = await HeavenBase.open("bench-gateway", { backends: { main: { type: "postgres", via: "gateway", url: started.url, token: TOKEN, connection: "main" } }, catalog: false, fetch: countingFetch });
  for (const ws of [driver, gateway]) await ws.register(Doc);
  say("writing");
  const writes = { bare: await rate(rows, (batch) => insertBare(pool, batch)), driver: await rate(rows, (batch) => driver.upsertMany(Doc, batch)),
    gateway: await rate(rows, (batch) => gateway.upsertMany(Doc, batch)) };
  await pool.query("ANALYZE");
  say("reading");
  const reads = await measureReads({ pool, driver, gateway, workload });
  const version = (await pool.query("SHOW server_version")).rows[0].server_version;
  writeFileSync(args.out, page(reads, writes, version));
  say(`written: ${args.out}`);
  await driver.close();
  await gateway.close();
} finally {
  await started.stop();
  await pool.end();
  await server.stop();
}
