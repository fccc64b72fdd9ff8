// SPDX-License-Identifier: MIT
// The conformance suite: what every workspace must do, whatever stores its rows. It runs against any deployment that
// `open` opens; what it passes over follows from the capabilities that the backends declare, and from nothing else.
import { forms, operators, relation } from "./conformance-cases.js";
import { Skip, durable, printed, refused, same } from "./conformance-checks.js";
import { features } from "./conformance-features.js";
import { HeavenBaseError } from "./errors.js";

/** @typedef {import("./workspace.js").Workspace} Workspace */
/** @typedef {import("./conformance-cases.js").TypeForm} TypeForm */
/** @typedef {{ name: string, status: "passed" | "failed" | "skipped", reason?: string, error?: unknown }} Result */
/** @typedef {{ passed: number, failed: number, skipped: number, results: Result[], summary: string }} Report */
/** @typedef {{ open: (id: string) => Promise<Workspace>, id?: string, onResult?: (result: Result) => void, signal?: AbortSignal }} ConformanceOptions */
/** A strategy of a backend instance, and the operators that it claims for each type. @typedef {{ backend: string, strategy: string, ops: Map<string, Set<string>> }} Cell */
/** @typedef {{ entity: string, fields: { name: string, form: TypeForm, claimed: Set<string> }[] }} Stored */

/**
 * Runs the suite in workspaces `<id>` and `<id>-other`, which it empties before and drops afterwards.
 * @param {ConformanceOptions} options @returns {Promise<Report>}
 */
export async function conformance({ open, id = "conformance", onResult, signal }) {
  if (typeof open !== "function") throw new HeavenBaseError("TYPE", "conformance needs open, a function that opens the workspace of an id");
  /** @type {Result[]} */
  const results = [];
  const check = async (/** @type {string} */ name, /** @type {() => Promise<unknown>} */ work) => {
    signal?.throwIfAborted();
    const result = await work().then(() => /** @type {Result} */ ({ name, status: "passed" }), (error) =>
      /** @type {Result} */ (error instanceof Skip ? { name, status: "skipped", reason: error.message } : { name, status: "failed", error }));
    results.push(result);
    onResult?.(result);
  };
  for (const one of [id, `${id}-other`]) await emptied(open, one);
  let ws = await open(id);
  const again = async () => {
    await ws.close();
    ws = await open(id);
    return ws;
  };
  try {
    for (const feature of features) await check(feature.name, () => feature.run({ ws, open, again, other: `${id}-other` }));
    /** @type {Stored[]} */
    const stored = [];
    for (const cell of await cellsOf(ws)) stored.push(await checkCell(ws, cell, check));
    await check("all rows of all strategies are there after reopening", async () => {
      durable(ws);
      await again();
      for (const one of stored) await readBack(ws, one);
    });
  } finally {
    await ws.close();
    for (const one of [id, `${id}-other`]) await emptied(open, one);
  }
  const count = (/** @type {Result["status"]} */ status) => results.filter((result) => result.status === status).length;
  const [passed, failed, skipped] = [count("passed"), count("failed"), count("skipped")];
  return { passed, failed, skipped, results, summary: `${passed} passed, ${failed} failed, ${skipped} skipped` };
}

/** @param {ConformanceOptions["open"]} open @param {string} id */
async function emptied(open, id) {
  const ws = await open(id);
  await ws.drop();
  await ws.close();
}

/** @param {Workspace} ws @returns {Promise<Cell[]>} */
async function cellsOf(ws) {
  /** @type {Map<string, Cell>} */
  const cells = new Map();
  for (const { name, strategy, dtype, op } of await ws.capabilities.rows()) {
    const backend = /** @type {string} */ (name);
    const key = `${backend} ${strategy}`;
    const cell = cells.get(key) ?? { backend, strategy, ops: new Map() };
    cells.set(key, cell);
    cell.ops.set(dtype, (cell.ops.get(dtype) ?? new Set()).add(op));
  }
  return [...cells.values()];
}

/** @param {Workspace} ws @param {Cell} cell @param {(name: string, work: () => Promise<unknown>) => Promise<void>} check @returns {Promise<Stored>} */
async function checkCell(ws, { backend, strategy, ops }, check) {
  const entity = `conformance-${backend}-${strategy}`;
  const place = `${strategy} on ${backend}`;
  const usable = strategy === "graph" ? [relation(entity)] : forms;
  const fields = usable.flatMap((form, index) => (ops.has(form.dtype) ? [{ name: `f${index}`, form, claimed: /** @type {Set<string>} */ (ops.get(form.dtype)) }] : []));
  const stored = { entity, fields };
  await check(`${place}: every claimed type is placed there`, async () => {
    await ws.register({ entity_id: entity, fields: Object.fromEntries(fields.map(({ name, form }) => [name, { type: form.form, stores: [{ to: backend, strategy }] }])) });
    const { storage } = await ws.schema(entity);
    for (const { name, form } of fields) {
      same(storage.filter((/** @type {any} */ one) => one.field === name).map((/** @type {any} */ one) => [one.backend, one.strategy]), [[backend, strategy]], `storage of ${form.dtype}`);
    }
    await ws.upsertMany(entity, rowsOf(fields, (form) => form.values));
  });
  await check(`${place}: every value is read as it was written`, () => readBack(ws, stored));
  for (const { name, form, claimed } of fields) {
    for (const op of operators) {
      const ask = (/** @type {unknown} */ operand, /** @type {boolean} */ pushdown) => answer(ws, entity, name, op, operand, pushdown);
      if (claimed.has(op) && !(form.ops[op] === undefined && isOtherForm(form, op))) {
        await check(`${place}: ${form.dtype} ${op}`, async () => {
          if (!form.ops[op]) throw new Error(`${op} is claimed for ${form.dtype}, and no type has it`);
          for (const [operand, ids] of form.ops[op]) {
            for (const pushdown of [true, false]) same(await ask(operand, pushdown), ids, `${op} ${printed(operand)}${pushdown ? "" : ", without push-down"}`);
          }
        });
      } else {
        const [operand] = form.ops[op]?.[0] ?? [op === "in" ? [form.values[0]] : op === "near" ? [1, 0] : "a"];
        await check(`${place}: ${form.dtype} ${op} is refused`, () => refused(() => ask(operand, true), op, ["UNSUPPORTED", "VALIDATION", "TYPE", "QUERY"]));
      }
    }
  }
  return stored;
}

/** Categorical has order over integers and text operators over texts; a claim speaks of either. @param {TypeForm} form @param {string} op */
const isOtherForm = ({ dtype }, op) => dtype === "categorical" && forms.some((other) => other.dtype === dtype && other.ops[op] !== undefined);

/** @param {Stored["fields"]} fields @param {(form: TypeForm) => unknown[]} values @returns {Record<string, any>[]} */
function rowsOf(fields, values) {
  const row = (/** @type {string} */ id, /** @type {(form: TypeForm) => unknown} */ value) => ({ object_id: id, ...Object.fromEntries(fields.map(({ name, form }) => [name, value(form)])) });
  return [...["a", "b", "c", "d"].map((id, at) => row(id, (form) => values(form)[at])), row("n", () => null), { object_id: "o" }];
}

/** @param {Workspace} ws @param {Stored} stored */
async function readBack(ws, { entity, fields }) {
  const found = await ws.rows(entity);
  const expected = rowsOf(fields, (form) => form.read ?? form.values);
  for (const { name, form } of fields) {
    same(found.map((/** @type {any} */ row) => [row.object_id, row[name]]), expected.map((row) => [row.object_id, row[name] ?? null]), `${form.dtype} in ${entity}`);
  }
}

/** The ids that a query finds: sorted, or by score. @param {Workspace} ws @param {string} entity @param {string} field @param {string} op @param {unknown} operand @param {boolean} pushdown */
async function answer(ws, entity, field, op, operand, pushdown) {
  const spec = op === "near" ? { near: { field, query: operand, top_k: 10 } } : op === "search" ? { search: { fields: [field], query: operand, top_k: 10 } } : { filter: { [field]: { [op]: operand } }, order: ["object_id"] };
  return (await ws.queryJson(entity, spec).execute({ pushdown })).ids.join("");
}
