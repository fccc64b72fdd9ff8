// SPDX-License-Identifier: MIT
// A plan drawn as a tree, for people: the result on top, below each part what it takes its rows from, at the ends the
// scans of the backends; then who answers each condition, and where the fields are kept.

/** @typedef {import("./types.js").Plan} Plan */
/** @typedef {import("./types.js").PlanStep} PlanStep */

/** Lets a plan print itself; the data stays plain. @param {Plan} plan @returns {Plan} */
export function printable(plan) {
  return Object.defineProperty(plan, "toString", { value: () => planText(plan), enumerable: false });
}

/** @param {Plan} plan */
export function planText(plan) {
  const steps = plan.steps ?? [];
  const parts = steps.filter(({ id }) => id !== undefined);
  const lines = [`${plan.query?.entity_id ?? "query"} in ${plan.workspace}`];
  const root = parts.at(-1);
  if (root) draw(root, new Map(parts.map((part) => [part.id, part])), rankedBy(steps, parts), "", true, new Set(), lines);
  const conditions = steps.filter(({ node }) => node === "filter" || node === "json_path").map(conditionLine);
  const storage = (plan.storage_plan?.bindings ?? []).map(bindingLine);
  if (conditions.length > 0) lines.push("conditions", ...conditions);
  if (storage.length > 0) lines.push("storage", ...storage);
  return lines.join("\n");
}

/** The clause that a ranked scan carries out: they come in the same order. @param {PlanStep[]} steps @param {PlanStep[]} parts @returns {Map<number, PlanStep>} */
function rankedBy(steps, parts) {
  const clauses = steps.filter(({ node, id }) => id === undefined && (node === "near" || node === "search"));
  const scans = parts.filter(({ node, pushed }) => node === "scan" && pushed?.rank);
  return new Map(scans.map((scan, index) => [scan.id, clauses[index]]));
}

/** @param {PlanStep} part @param {Map<number, PlanStep>} parts @param {Map<number, PlanStep>} ranked @param {string} indent @param {boolean} last @param {Set<number>} drawn @param {string[]} lines */
function draw(part, parts, ranked, indent, last, drawn, lines) {
  const again = drawn.has(part.id);
  lines.push(`${indent}${last ? "└─ " : "├─ "}${again ? "the same rows: " : ""}${partLine(part, ranked.get(part.id))}`);
  if (again) return;
  drawn.add(part.id);
  const below = [...new Set([...(part.inputs ?? []), ...(typeof part.candidates_from === "number" ? [part.candidates_from] : [])])];
  const inputs = below.map((id) => parts.get(id)).filter((one) => one !== undefined);
  const stem = indent + (last ? "   " : "│  ");
  if (part.statement) lines.push(`${stem}${inputs.length > 0 ? "│" : " "}    ${part.statement.sql}`);
  inputs.forEach((input, index) => draw(input, parts, ranked, stem, index === inputs.length - 1, drawn, lines));
}

/** What, where, and details behind a colon. @param {string} what @param {PlanStep} step @param {(string | false | null | undefined)[]} details */
function line(what, step, details) {
  const kinds = [step.type, step.strategy].filter(Boolean).join(", ");
  const place = step.backend ? ` @${step.backend}${kinds ? ` (${kinds})` : ""}` : "";
  const said = details.filter(Boolean).join(", ");
  return `${what}${place}${said ? `: ${said}` : ""}`;
}

/** @param {[string, boolean][]} order */
const orderText = (order) => order.map(([name, desc]) => name + (desc ? " descending" : "")).join(", ");
/** @param {PlanStep} part */
const columnsText = (part) => part.columns.filter((/** @type {string} */ name) => name !== "object_id").join(", ");

/** @param {PlanStep} part @param {PlanStep} [clause] what a ranked scan carries out */
function partLine(part, clause) {
  const first = typeof part.limit === "number" && `first ${part.limit}`;
  const from = part.offset > 0 && `from ${part.offset}`;
  const where = part.filter && `where ${part.filter}`;
  switch (part.node) {
    case "scan": {
      const order = part.order?.length > 0 && `by ${orderText(part.order)}`;
      if (!clause) return line("scan", part, [where, order, first, from]);
      const how = clause.node === "near" ? clause.metric : `${clause.ranking}, mode ${clause.mode}`;
      return line(`${clause.node} ${clause.field ?? clause.fields.join(", ")}`, { ...part, strategy: clause.strategy },
        [how, `top ${clause.top_k}`, where, order, first, from, clause.handler_mode]);
    }
    case "count": return line("count", part, [part.field && (part.distinct ? `different values of ${part.field}` : part.field), where]);
    case "residual": return line("filter in the core", part, [part.filter]);
    case "merge": return line(`merge by ${part.key}`, part, [part.op]);
    case "hydrate": return line("fetch", part, [columnsText(part)]);
    case "fuse": return line("fuse by reciprocal rank", part, [`k ${part.k}`, first]);
    case "sort": return line("sort", part, [orderText(part.order), first]);
    case "limit": return line("limit", part, [first, from, part.pushed && "by the scan"]);
    case "project": return line("result", part, [part.columns.join(", ")]);
    default: return line(part.node, part, [first, from]);
  }
}

/** @param {PlanStep} step */
function conditionLine(step) {
  const what = step.node === "json_path" ? `paths ${step.fields.join(", ")}` : `${[step.field, ...(step.path ?? [])].join(".")} ${step.comparison ?? step.op}`;
  return `   ${line(what, step, [step.unsupported_reason ? `unsupported, ${step.unsupported_reason}` : step.handler_mode, step.fallback_reason])}`;
}

/** @param {{ field_name: string, backend: string, strategy: string, why?: string }} binding */
function bindingLine({ field_name: name, backend, strategy, why }) {
  return `   ${name}: ${backend}, ${strategy}${why ? ` (${why})` : ""}`;
}
