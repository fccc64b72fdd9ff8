// SPDX-License-Identifier: MIT
// A plan drawn as a tree, for people.

/** @typedef {import("./types.js").Plan} Plan */
/** @typedef {import("./types.js").PlanStep} PlanStep */

/** Lets a plan print itself; the data stays plain. @param {Plan} plan @returns {Plan} */
export function printable(plan) {
  return Object.defineProperty(plan, "toString", { value: () => planText(plan), enumerable: false });
}

/** @param {Plan} plan */
export function planText(plan) {
  const steps = plan.steps ?? [];
  const lines = [`${plan.query?.entity_id ?? "query"} in ${plan.workspace}`];
  steps.forEach((step, index) => lines.push(...stepLines(step, index === steps.length - 1)));
  const storage = (plan.storage_plan?.bindings ?? []).map((/** @type {any} */ one) => `   ${one.field_name}: ${one.backend}, ${one.strategy}${one.why ? ` (${one.why})` : ""}`);
  return [...lines, ...(storage.length > 0 ? ["storage", ...storage] : [])].join("\n");
}

/** @param {PlanStep} step @param {boolean} last */
function stepLines(step, last) {
  const [branch, under] = last ? ["└─ ", "   "] : ["├─ ", "│  "];
  const reasons = [step.fallback_reason, step.unsupported_reason, step.reason, step.why].filter((reason) => typeof reason === "string" && reason !== "");
  return [branch + headline(step), ...reasons.map((reason) => `${under}  ${reason}`)];
}

/** @param {PlanStep} step */
function headline(step) {
  const subject = [step.node, step.field ?? step.fields?.join(", "), step.op !== step.node ? step.op : undefined]
    .filter((part) => part !== undefined && part !== null).join(" ");
  const place = step.backend ? ` @${step.backend}${step.strategy ? ` ${step.strategy}` : ""}` : "";
  const details = ["handler_mode", "metric", "top_k", "near_filter_mode", "mode", "n", "limit", "offset", "k"]
    .filter((key) => step[key] !== undefined && step[key] !== null)
    .map((key) => (key === "handler_mode" ? step[key] : `${key} ${step[key]}`));
  return subject + place + (details.length > 0 ? `  [${details.join(", ")}]` : "");
}
