// SPDX-License-Identifier: MIT
// Standard Schema: a value against an entity, by the core's own rules, without a workspace.
import { readBatch, readCell } from "./core/batch-reader.js";
import { keysOf } from "./core/batch-writer.js";
import { currentLoader } from "./core/instance.js";
import { HeavenBaseError } from "./errors.js";
import { Call, Kind, State } from "./generated/abi.js";
import { checkRow } from "./rows.js";

/** @typedef {import("./types.js").StandardIssue} StandardIssue */
/** @typedef {{ value: Record<string, unknown>, issues?: undefined } | { issues: readonly StandardIssue[] }} Validated */

/** The row as it would be written, or all that is wrong with it. Ids and what other rows hold are not looked at. @param {Readonly<Record<string, any>>} definition @param {ReadonlySet<string>} made fields with a default that a function makes @param {unknown} value @returns {Promise<Validated>} */
export async function validateRow(definition, made, value) {
  let row;
  try {
    row = checkRow(value, String(definition.entity_id));
  } catch (error) {
    return { issues: [{ message: /** @type {Error} */ (error).message }] };
  }
  const core = await currentLoader().load();
  const columns = [...keysOf([row])].filter((key) => row[key] !== undefined && !(key === "object_id" && (row[key] === null || row[key] === "")))
    .map((name) => ({ name, kind: Kind.PACK, cells: [row[name]] }));
  try {
    const state = core.call(0, { kind: Call.VALIDATE, pack: withoutMade(definition, made, row), columns, rowCount: 1 });
    if (state === State.FAILED) throw core.error();
  } catch (error) {
    // A value that cannot even be sent, a Symbol say; anything else is no matter of the row.
    const { code, message, field } = /** @type {HeavenBaseError} */ (error);
    if (error instanceof HeavenBaseError && (code === "VALIDATION" || code === "TYPE") && field) return { issues: [{ message, path: [field] }] };
    throw error;
  }
  const wrong = core.json();
  if (wrong) return { issues: wrong.issues.map((/** @type {any} */ one) => ({ message: one.message, path: [one.field, ...one.path] })) };
  const { u8, view } = core.memory;
  const batch = readBatch({ u8, view }, core.answerAt);
  return { value: Object.fromEntries(batch.columns.map((column) => [column.name, readCell(batch.bytes, column, 0, true)])) };
}

/** Fields whose value a function of the program will make are not missing. @param {Readonly<Record<string, any>>} definition @param {ReadonlySet<string>} made @param {Record<string, unknown>} row */
function withoutMade(definition, made, row) {
  const missing = [...made].filter((name) => row[name] === undefined);
  if (missing.length === 0) return definition;
  return { ...definition, fields: { ...definition.fields, ...Object.fromEntries(missing.map((name) => [name, { ...definition.fields[name], required: false }])) } };
}
