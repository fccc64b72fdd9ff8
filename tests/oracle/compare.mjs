// SPDX-License-Identifier: MIT
// One comparison function: an expectation against an answer in normal form (README.md 5).
import { readFileSync } from "node:fs";
import { compareText, equal, normalRow, sameMultiset } from "./values.mjs";

const CLASSES = JSON.parse(readFileSync(new URL("./error-classes.json", import.meta.url), "utf8"));

/** Nodes of explain that the reference has; others of ours are not looked at (design D12). */
const NODES = new Set(["filter", "near", "and", "or", "not", "backend_group", "traverse", "aggregate",
  "json_path", "pruned_backend_group"]);

function compareError(expected, answer) {
  if (!answer.error) return `expected an error (${expected.codes?.join(" or ") ?? expected.class})`;
  const { code, message } = answer.error;
  if (!code || !(code in CLASSES || expected.codes?.includes(code))) {
    return `untyped error: ${code ?? "no code"}: ${message}`;
  }
  if (expected.codes?.includes(code)) return null;
  if (expected.soft) return null;
  const classes = CLASSES[code] ?? [];
  const fits = expected.class !== undefined && (classes.includes(expected.class) || classes.includes(expected.base));
  return fits ? null : `error ${code} does not stand for ${expected.codes?.join(" or ") ?? expected.class}: ${message}`;
}

/** Without the rows that a rule leaves open; of a page, or a count, those may change the number. */
function compareButFor({ butFor, ignore: more, paged, ...expected }, answer, ignore) {
  const counts = "value" in expected ? [expected.value, answer.value] : [expected.rows.length, answer.rows?.length];
  if ("value" in expected || paged) {
    return Math.abs(counts[0] - counts[1]) <= butFor.size ? null : `${counts[1]} instead of ${counts[0]}, but for ${butFor.size}`;
  }
  const stays = (row) => !butFor.has(row.object_id);
  const runs = [];
  for (let at = 0; at < expected.rows.length; at += (expected.runs ?? expected.ties)?.[runs.length - 1] ?? 1) {
    runs.push(expected.rows.slice(at, at + ((expected.runs ?? expected.ties)?.[runs.length] ?? 1)).filter(stays).length);
  }
  return compare({ ...expected, runs, rows: expected.rows.filter(stays) },
    { ...answer, rows: answer.rows?.filter(stays) }, [...ignore, ...more]);
}

function compareOrdered(expected, rows) {
  const runs = expected.runs ?? expected.ties ?? expected.rows.map(() => 1);
  let at = 0;
  for (const length of runs) {
    if (!sameMultiset(expected.rows.slice(at, at + length), rows.slice(at, at + length))) {
      return `rows differ from position ${at}`;
    }
    at += length;
  }
  return null;
}

/** Scores of vectors of 32-bit numbers: what is within their reach is what was expected. */
function closeScores(wanted, rows) {
  const scores = new Map(wanted.map((row) => [row.object_id, row.score]));
  for (const row of rows) {
    if (Math.abs(row.score - scores.get(row.object_id)) <= 1e-6) row.score = scores.get(row.object_id);
  }
}

function compareRows(expected, answer, ignore) {
  if (!answer.rows) return "expected rows";
  if (expected.columns && answer.columns) {
    const columns = [...new Set(answer.columns)].filter((name) => !ignore.includes(name)).sort(compareText);
    if (!equal(expected.columns.filter((name) => !ignore.includes(name)), columns)) {
      return `columns ${columns} instead of ${expected.columns}`;
    }
  }
  const mask = expected.mask ?? ((row) => row);
  const rows = answer.rows.map((row) => normalRow(mask(row), ignore));
  if (expected.close) closeScores(expected.rows, rows);
  const wanted = { ...expected, rows: expected.rows.map((row) => normalRow(mask(row), ignore)) };
  if (wanted.rows.length !== rows.length) return `${rows.length} rows instead of ${wanted.rows.length}`;
  if (expected.compare === "count" || expected.cut) return null;
  if (expected.ordered) return compareOrdered(wanted, rows);
  return sameMultiset(wanted.rows, rows) ? null : "rows differ";
}

const isNative = (mode) => String(mode ?? "").startsWith("native");

function compareStep(expected, actual) {
  for (const [key, want] of Object.entries(expected)) {
    const got = actual[key] ?? null;
    if (key === "handler_mode") {
      if (isNative(want) && !isNative(got)) return `${key} ${got} instead of ${want}`;
    } else if (key === "handler_kind") {
      if (isNative(expected.handler_mode) === isNative(actual.handler_mode) && !equal(want, got)) {
        return `${key} ${got} instead of ${want}`;
      }
    } else if ((key === "near_filter_mode" || key === "metric") && Array.isArray(want)) {
      if (!want.includes(got)) return `${key} ${got} instead of one of ${want}`;
    } else if (key === "unsupported") {
      if (want !== Boolean(actual.unsupported_reason ?? actual.unsupported)) return `unsupported is not ${want}`;
    } else if (!equal(want, got)) return `${key} ${JSON.stringify(got)} instead of ${JSON.stringify(want)}`;
  }
  return null;
}

function compareSteps(expected, answer) {
  if (!answer.steps) return "expected steps";
  const dropped = new Set(expected.without ?? []);
  const looked = answer.steps.filter((step) => NODES.has(step.node) && !dropped.has(step.node));
  const wanted = expected.steps.filter((step) => !dropped.has(step.node));
  const found = looked.map((step) => step.node).join(" ");
  if (looked.length !== wanted.length) return `nodes [${found}] instead of [${wanted.map((step) => step.node).join(" ")}]`;
  for (const [index, step] of wanted.entries()) {
    const message = compareStep(step, looked[index]);
    if (message) return `step ${index} (${step.node}): ${message}`;
  }
  return null;
}

/** Null when the answer is as expected, else what is wrong. */
export function compare(expected, answer, ignore = []) {
  if (expected.free) return answer.error ? `unexpected error ${answer.error.code}: ${answer.error.message}` : null;
  if (expected.any) {
    const messages = expected.any.map((one) => compare(one, answer, ignore));
    return messages.includes(null) ? null : messages.join("; or ");
  }
  if (expected.error) return compareError(expected.error, answer);
  if (expected.skip) return compare({ ...expected, skip: undefined }, answer, [...ignore, ...expected.skip]);
  if (answer.error) return `unexpected error ${answer.error.code}: ${answer.error.message}`;
  if (expected.butFor) return compareButFor(expected, answer, ignore);
  if ("rows" in expected) return compareRows(expected, answer, ignore);
  if ("steps" in expected) return compareSteps(expected, answer);
  if ("row" in expected) {
    return equal(normalRow(expected.row, ignore), normalRow(answer.row, ignore)) ? null : "row differs";
  }
  if ("list" in expected) {
    const [want, got] = [expected.list, answer.list ?? []].map((list) => list.map((row) => normalRow(row, ignore)));
    return equal(want, got) ? null : "list differs";
  }
  if (expected.without && Array.isArray(expected.value)) {
    const stays = (list) => (list ?? []).filter((id) => !expected.without.has(id));
    return equal(stays(expected.value), stays(answer.value)) ? null : "value differs";
  }
  return equal(expected.value, answer.value) ? null : "value differs";
}
