// SPDX-License-Identifier: MIT
// Features that are not built yet, told by the content of a case (waiting.json).
import { visitFilter } from "./filters.mjs";
import { instances } from "./placement.mjs";
import { parseDefinition } from "./definition.mjs";
import { isObject } from "./values.mjs";

function fieldsOf(definition) {
  const fields = isObject(definition) ? definition.fields : null;
  return Array.isArray(fields) ? fields.filter(isObject) : isObject(fields) ? Object.values(fields).filter(isObject) : [];
}

function schemaHas(schemas, keys) {
  return schemas.some((one) => isObject(one) && (keys.some((key) => key in one)
    || fieldsOf(one).some((field) => keys.some((key) => key in field))));
}

/** What a definition says, or null where it says nothing that can be read. */
export function definitionOf(definition) {
  try {
    return parseDefinition(definition);
  } catch {
    return null;
  }
}

function usesStrategy(schemas, names) {
  return schemas.some((one) => [...(definitionOf(one)?.fields.values() ?? [])]
    .some((field) => field.stores.some((store) => names.includes(store.strategy))));
}

function filterUses(entry, step, kindOf) {
  let found = false;
  visitFilter(step.args.query?.filter, (field, op) => {
    const fits = !entry.fieldKind || entry.fieldKind.includes(kindOf(step.args.entity, field));
    if (entry.filterOperator.includes(op) && fits) found = true;
  });
  return found;
}

function stepFits(entry, step, kindOf) {
  if (entry.op && !entry.op.includes(step.op)) return false;
  if (entry.args && !entry.args.some((key) => step.args[key])) return false;
  if (entry.queryKey && !entry.queryKey.some((key) => isObject(step.args.query) && key in step.args.query)) return false;
  return !entry.filterOperator || filterUses(entry, step, kindOf);
}

/** {case: feature or null, steps: Map(step -> feature)} of what waits in a case. */
export function waitingIn(entries, oracleCase) {
  const definitions = oracleCase.schemas.map(definitionOf).filter(Boolean);
  const kindOf = (entity, field) => definitions.find((one) => one.id === entity)?.fields.get(field)?.type.kind;
  const steps = new Map();
  for (const entry of entries) {
    const whole = (entry.backendType && instances(oracleCase.backends).some((one) => entry.backendType.includes(one.type)))
      || (entry.schema && schemaHas(oracleCase.schemas, entry.schema))
      || (entry.strategy && usesStrategy(oracleCase.schemas, entry.strategy));
    if (whole) return { case: entry.feature, steps };
    if (!entry.op) continue;
    const hits = oracleCase.steps.filter((step) => stepFits(entry, step, kindOf));
    if (entry.scope === "case" && hits.length > 0) return { case: entry.feature, steps };
    for (const step of hits) steps.set(step, entry.feature);
  }
  return { case: null, steps };
}
