// SPDX-License-Identifier: MIT
// node tests/differential/differential.mjs [--seed n] [--count n] [--files]: random definitions, data and queries; every
// placement must answer the same, with push-down and without. A disagreement is printed as the smallest case that shows it.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { HeavenBase } from "heavenbase";
import { Random, randomData, randomSpec, types } from "./cases.mjs";

/** @typedef {import("./cases.mjs").Case} Case */
/** @typedef {{ ws: import("heavenbase").Workspace, folder: string | null, isElsewhere: boolean, written: string, indexed: string[] }} Opened */
/** What a backend of files is given as its `path` is a folder of each workspace's own. @typedef {{ name: string, backends: Record<string, any>, placed?: boolean, drivers?: Record<string, any> }} Placement */

const queries_per_data = 20;
/** What lies elsewhere outlives its workspace: each has a place of its own, and goes with it. */
let opened_elsewhere = 0;
const memory = { type: "inmem" }, sqlite = { type: "sqlite", database: ":memory:" }, files = { type: "json", path: "" }, pickles = { type: "pickle", path: "" };
/** The last ones follow the case's own `.store()` declarations. @type {Placement[]} */
export const placements = [
  { name: "inmem", backends: { main: memory } },
  { name: "sqlite", backends: { main: sqlite } },
  { name: "json", backends: { main: files } },
  { name: "debug", backends: { main: sqlite, vec: memory, search: memory } },
  { name: "turned", backends: { main: memory, vec: sqlite, search: sqlite } },
  { name: "placed", backends: { main: sqlite, vec: memory, search: memory }, placed: true },
  { name: "placed in sqlite", backends: { main: sqlite, vec: sqlite, search: sqlite }, placed: true },
];
/** Every kind of row file beside memory; files are slow, so fewer queries are put to these. @type {Placement[]} */
export const filePlacements = [
  { name: "inmem", backends: { main: memory } },
  { name: "pickle", backends: { main: pickles } },
  { name: "file", backends: { main: { type: "file", path: "", fmt: "json" }, vec: { type: "file", path: "", fmt: "pickle" }, search: memory } },
  { name: "placed in files", backends: { main: files, vec: pickles, search: pickles }, placed: true },
];

/** An engine elsewhere beside memory: alone, and as the case says for rows or for vectors. @param {string} type @param {any} driver @returns {Placement[]} */
export const remotePlacements = (type, driver) => [
  { name: "inmem", backends: { main: memory } },
  { name: type, backends: { main: { type } }, drivers: { main: driver } },
  { name: `placed, rows on ${type}`, backends: { main: { type }, vec: memory, search: memory }, drivers: { main: driver }, placed: true },
  { name: `placed, vectors on ${type}`, backends: { main: memory, vec: { type }, search: memory }, drivers: { vec: driver }, placed: true },
];

/** What an engine elsewhere does not have is not asked of it. @param {{ to: string, strategy?: string }[]} stores @param {Placement} placement */
const possible = (stores, { drivers = {} }) => stores.filter(({ to, strategy = "" }) => !(to in drivers && ["inverted", "external"].includes(strategy)));

/** @param {Case} one @param {Placement} placement */
function definition({ kinds, stores }, placement) {
  return { name: "Thing", fields: Object.fromEntries(Object.entries(kinds).map(([name, kind]) => {
    const chosen = placement.placed ? possible(stores[name] ?? [], placement) : [];
    return [name, { type: types[kind].dtype, ...(chosen.length > 0 ? { stores: chosen } : {}) }];
  })) };
}

/** Text of a value that is equal only for equal values; scores to nine digits. @param {unknown} value @param {string} [column] */
function shown(value, column = "") {
  if (typeof value === "number" && /score$/.test(column)) return value.toPrecision(6);
  return JSON.stringify(value, (_, item) => {
    if (typeof item === "bigint") return `${item}n`;
    if (item instanceof Float32Array || item instanceof Uint8Array) return [item.constructor.name, ...item];
    return item; // -0 prints as 0: SQLite's REAL has no negative zero, and no operator tells them apart
  });
}

/** @param {import("heavenbase").Frame<any>} frame */
function frameText(frame) {
  const names = frame.colNames();
  const rows = [...frame.rows()].map((row) => names.map((name) => `${name}=${shown(row[name], name)}`).join(" "));
  return `${[names.join(" "), ...rows].join("\n")}\ntruncated=${frame.truncated}`;
}

/** The outcome as text. @param {() => Promise<string>} work */
async function outcome(work) {
  try {
    return await work();
  } catch (error) {
    const code = /** @type {any} */ (error)?.code;
    if (typeof code !== "string" || code === "INTERNAL") return `BROKEN ${error instanceof Error ? error.stack : error}`;
    return `${code}: ${/** @type {Error} */ (error).message}`;
  }
}

/** @param {Case} one @param {Placement} placement */
async function open(one, placement) {
  const folder = Object.values(placement.backends).some(({ path }) => path === "") ? mkdtempSync(join(tmpdir(), "hb-differential-")) : null;
  const backends = Object.fromEntries(Object.entries(placement.backends).map(([name, given]) =>
    [name, given.path === "" ? { ...given, path: join(/** @type {string} */ (folder), name) } : given]));
  const { drivers } = placement;
  const ws = await HeavenBase.open(drivers ? `differential-${++opened_elsewhere}` : "differential", { backends, drivers });
  const written = [];
  written.push(await outcome(async () => (await ws.register(definition(one, placement))).entityId));
  for (const write of one.writes) {
    written.push(await outcome(async () => shown(write.op === "delete" ? await ws.deleteMany(write.ids, { entity: "thing" })
      : write.op === "set" ? await ws.setMany(write.rows, { entity: "thing" }) : await ws.upsertMany("thing", write.rows))));
  }
  const placed = await outcome(async () => JSON.stringify((await ws.schema("thing")).storage));
  return { ws, folder, isElsewhere: drivers !== undefined, written: written.join("\n"), indexed: placed.startsWith("[") ? JSON.parse(placed).filter((/** @type {any} */ { strategy }) => strategy === "inverted").map((/** @type {any} */ { field }) => field) : [] };
}

/** @param {Opened[]} opened */
async function close(opened) {
  for (const { ws, folder, isElsewhere } of opened) {
    if (isElsewhere) await ws.drop();
    await ws.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  }
}

/** Placements that must answer alike: text without an index is found and not ranked, so it matters which of the searched fields have one.
 * @param {Opened} opened @param {Record<string, any>} spec @returns {string} */
const group = ({ indexed }, { search }) => (search ? search.fields.filter((/** @type {string} */ name) => indexed.includes(name)).sort().join() : "");

/** What no backend can answer is refused by whoever is asked; errors agree in their code. @param {string} a @param {string} b */
function agree(a, b) {
  if (a === b) return true;
  const code = (/** @type {string} */ text) => /^([A-Z_]+): /.exec(text)?.[1];
  if (a.startsWith("BROKEN") || b.startsWith("BROKEN")) return false;
  return code(a) === code(b) && code(a) !== undefined || code(a) === "UNSUPPORTED" || code(b) === "UNSUPPORTED";
}

/** @param {Opened[]} opened @param {Record<string, any>} spec @param {Placement[]} over @returns {Promise<{ difference: string | null, answer: string }>} */
async function compare(opened, spec, over) {
  /** @type {{ name: string, text: string, group: string }[]} */
  const answers = [];
  for (const [index, one] of opened.entries()) {
    const { name } = over[index], { ws, written } = one;
    for (const pushdown of [true, false]) {
      const text = await outcome(async () => frameText(await ws.queryJson("thing", spec).execute({ pushdown })));
      answers.push({ name: pushdown ? name : `${name}, no push-down`, group: group(one, spec), text: `${written === opened[0].written ? "" : `wrote ${written}\n`}${text}` });
      // Within one placement both ways must agree strictly.
      const before = answers.at(-2);
      if (!pushdown && before && !(before.text === text || agree(before.text, text) && !/^UNSUPPORTED/.test(before.text + text))) {
        return { difference: `${before.name}:\n${before.text}\n\n${name}, no push-down:\n${text}`, answer: "" };
      }
    }
  }
  const firsts = new Map(answers.filter(({ text }) => !text.startsWith("UNSUPPORTED")).reverse().map((one) => [one.group, one]));
  for (const { name, text, group } of answers) {
    const first = firsts.get(group);
    if (first && !agree(first.text, text)) return { difference: `${first.name}:\n${first.text}\n\n${name}:\n${text}`, answer: first.text };
  }
  return { difference: null, answer: (firsts.values().next().value ?? answers[0]).text };
}

/** @param {Case} one @param {Placement[]} [over] */
export async function check(one, over = placements) {
  const opened = await Promise.all(over.map((placement) => open(one, placement)));
  const { difference } = await compare(opened, one.spec, over);
  await close(opened);
  return difference;
}

/** Simpler cases, one change each. @param {Case} one @returns {Generator<Case>} */
function* simpler(one) {
  const without = (/** @type {Record<string, any>} */ object, /** @type {string} */ key) => Object.fromEntries(Object.entries(object).filter(([name]) => name !== key));
  for (const [at, write] of one.writes.entries()) {
    const replaced = (/** @type {any[]} */ ...by) => ({ ...one, writes: one.writes.toSpliced(at, 1, ...by) });
    yield replaced();
    if (write.op === "delete") for (const id of write.ids) yield replaced({ ...write, ids: write.ids.filter((other) => other !== id) });
    else {
      for (const row of write.rows) yield replaced({ ...write, rows: write.rows.filter((other) => other !== row) });
      for (const [index, row] of write.rows.entries()) {
        for (const key of Object.keys(row)) if (key !== "object_id") yield replaced({ ...write, rows: write.rows.with(index, without(row, key)) });
      }
    }
  }
  for (const key of Object.keys(one.spec)) yield { ...one, spec: without(one.spec, key) };
  for (const key of ["select", "order"]) {
    for (const name of one.spec[key]?.length > 1 ? one.spec[key] : []) yield { ...one, spec: { ...one.spec, [key]: one.spec[key].filter((/** @type {string} */ other) => other !== name) } };
  }
  for (const filter of simplerFilters(one.spec.filter ?? {})) yield { ...one, spec: { ...one.spec, filter } };
  for (const name of Object.keys(one.stores)) yield { ...one, stores: without(one.stores, name) };
  for (const name of Object.keys(one.kinds)) {
    yield { ...one, kinds: /** @type {any} */ (without(one.kinds, name)), stores: without(one.stores, name),
      writes: one.writes.map((write) => (write.op === "delete" ? write : { ...write, rows: write.rows.map((row) => without(row, name)) })) };
  }
}

/** @param {Record<string, any>} filter @returns {Generator<Record<string, any>>} */
function* simplerFilters(filter) {
  for (const key of ["$and", "$or"]) {
    for (const [index, part] of (filter[key] ?? []).entries()) {
      yield part;
      if (filter[key].length > 1) yield { [key]: filter[key].toSpliced(index, 1) };
      for (const smaller of simplerFilters(part)) yield { [key]: filter[key].with(index, smaller) };
    }
  }
  if (filter.$not) {
    yield filter.$not;
    for (const smaller of simplerFilters(filter.$not)) yield { $not: smaller };
  }
  const keys = Object.keys(filter);
  if (keys.length > 1) for (const key of keys) yield { [key]: filter[key] };
}

/** @param {Case} one @param {Placement[]} [over] */
export async function shrink(one, over = placements) {
  let difference = /** @type {string} */ (await check(one, over));
  for (let again = true; again;) {
    again = false;
    for (const smaller of simpler(one)) {
      const found = Object.keys(smaller.kinds).length > 0 ? await check(smaller, over) : null;
      // An error that stands on both sides of a smaller case is another case.
      if (found === null || found.includes("BROKEN") !== difference.includes("BROKEN")) continue;
      [one, difference, again] = [smaller, found, true];
      break;
    }
  }
  return { one, difference };
}

/** The smallest case as a person reads it. @param {Case} one @param {string} difference */
export function report(one, difference) {
  const print = (/** @type {unknown} */ value) => shown(value);
  return [`fields ${print(Object.fromEntries(Object.entries(one.kinds).map(([name, kind]) => [name, types[kind].dtype])))}`, `stores ${print(one.stores)}`,
    ...one.writes.map((write) => `${write.op} ${print(write.op === "delete" ? write.ids : write.rows)}`), `query ${print(one.spec)}`, difference].join("\n");
}

/** @param {number} seed @param {number} count @param {(text: string) => void} [say] @param {Placement[]} [over] @returns {Promise<{ failures: string[], answered: number, refused: number }>} */
export async function run(seed, count, say = () => {}, over = placements) {
  const failures = [];
  let answered = 0, refused = 0;
  for (let at = 0; at < count; at += queries_per_data) {
    const r = new Random(seed * 1_000_003 + at);
    const data = randomData(r);
    const opened = await Promise.all(over.map((placement) => open({ ...data, spec: {} }, placement)));
    for (let query = 0; query < queries_per_data && at + query < count; query++) {
      const one = { ...data, spec: randomSpec(r, data.kinds) };
      const { difference, answer } = await compare(opened, one.spec, over);
      if (/^[A-Z_]+: /.test(answer)) refused++;
      else answered++;
      if (difference === null) continue;
      const small = await shrink(one, over);
      failures.push(`seed ${seed}, case ${at + query}\n${report(small.one, small.difference)}`);
      say(failures.at(-1) ?? "");
      break; // what is wrong with these data is seen
    }
    await close(opened);
  }
  return { failures, answered, refused };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const option = (/** @type {string} */ name, /** @type {number} */ otherwise) => {
    const index = process.argv.indexOf(`--${name}`);
    return index < 0 ? otherwise : Number(process.argv[index + 1]);
  };
  const count = option("count", 2000);
  const { failures, answered, refused } = await run(option("seed", 1), count, (text) => console.log(`${text}\n`),
    process.argv.includes("--files") ? filePlacements : placements);
  console.log(`${answered} answered, ${refused} refused, ${failures.length} disagreements`);
  process.exitCode = failures.length > 0 ? 1 : 0;
}
