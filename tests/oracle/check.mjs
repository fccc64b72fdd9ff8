// SPDX-License-Identifier: MIT
// --check-rules: without the package, what each rule touches, and whether the model that the rules
// compute with gives the recorded answers wherever no rule applies.
import { compare } from "./compare.mjs";
import { Unknown } from "./filters.mjs";
import { Refused } from "./coercion.mjs";
import { answer } from "./model.mjs";
import { countOf, expectationFor } from "./rules.mjs";
import { Session, planOf, record } from "./session.mjs";
import { metaRows, systemType } from "./system.mjs";
import { normalRow } from "./values.mjs";
import { waitingIn } from "./waiting.mjs";

const WRITES = new Set(["upsert", "upsert_many", "set", "set_many"]);
const READS = new Set(["query", "query_count", "get", "rows", "ids", "count"]);

/** Answers as the recording has them, so that a session can be followed without the package. */
const recorded = (step) => ({ perform: async () => step.expect });

function asked(ctx) {
  const { op } = ctx.step;
  const { entity } = ctx;
  const rows = () => ctx.model.rows(entity).map((row) => normalRow(row));
  switch (op) {
    case "get": return { row: normalRow(ctx.model.row(entity, ctx.args.id)) };
    case "rows": return { rows: rows() };
    case "ids": return { value: rows().map((row) => row.object_id).sort() };
    case "count": return { value: rows().length };
    default:
  }
  if (entity === "sys-metaschema") {
    return shown(answer(metaRows(ctx.model, ctx.workspaceId, false), (name) => systemType(entity, name), ctx.args.query));
  }
  const result = ctx.model.query(entity, ctx.args.query);
  if (op === "query_count") return { value: countOf(result.rows, ctx.args) };
  return shown(result);
}

const shown = (result) => ({ rows: result.rows, columns: result.columns });

function modelDisagrees(ctx) {
  if (!READS.has(ctx.step.op) || ctx.expect.error || ctx.step.informative || ctx.case.informative) return null;
  if (!ctx.definition && ctx.entity !== "sys-metaschema") return null;
  if (ctx.model.refused.has(ctx.entity)) return null;
  try {
    return compare(ctx.expect, asked(ctx), ctx.step.ignore) ?? "";
  } catch (error) {
    if (error instanceof Unknown || error instanceof Refused) return null;
    throw error;
  }
}

function report(touches, verbose) {
  for (const [number, { steps, cases, samples }] of [...touches].sort()) {
    console.log(`${number}: ${steps} steps in ${cases.size} cases`);
    for (const sample of verbose ? samples : samples.slice(0, 2)) console.log(`    ${sample}`);
  }
}

export async function checkRules(cases, waiting, verbose) {
  const touches = new Map();
  const seen = { agree: 0, differ: 0, unknown: 0 };
  for (const oracleCase of cases) {
    const session = new Session(oracleCase, null);
    const skipped = waitingIn(waiting, oracleCase);
    for (const step of oracleCase.steps) {
      session.driver = recorded(step);
      const ctx = session.context(step);
      const from = session.touched.length;
      if (WRITES.has(step.op)) {
        const plan = planOf(ctx);
        session.note(plan.rules, step);
        record(session.model, ctx, plan);
      } else await session.run(step);
      const used = session.touched.slice(from);
      for (const { number, rule } of used) {
        const key = `${number} ${rule.condition}`;
        const entry = touches.get(key) ?? { steps: 0, cases: new Set(), samples: [] };
        entry.steps++;
        entry.cases.add(oracleCase.id);
        entry.samples.push(`${oracleCase.id} ${step.op} ${JSON.stringify(step.args).slice(0, 110)}`
          + ` => ${JSON.stringify(expectationFor(ctx).expect).slice(0, 110)}`);
        touches.set(key, entry);
      }
      if (used.length > 0 || skipped.steps.has(step)) continue;
      const wrong = modelDisagrees(ctx);
      if (wrong === null) seen.unknown++;
      else if (wrong === "") seen.agree++;
      else {
        seen.differ++;
        console.log(`model differs: ${oracleCase.id} ${step.op} ${JSON.stringify(step.args).slice(0, 160)}: ${wrong}`);
      }
    }
  }
  report(touches, verbose);
  console.log(`model: ${seen.agree} answers as recorded, ${seen.differ} differ, ${seen.unknown} without opinion`);
  return seen.differ > 0 ? 1 : 0;
}
