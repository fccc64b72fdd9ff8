// SPDX-License-Identifier: MIT
// One case: a model beside a driver. Writes that we treat differently are first tried as given
// (the difference is asserted), then the state of the reference is restored in terms we accept,
// so that every later step of the case still counts.
import { compare } from "./compare.mjs";
import { Refused } from "./coercion.mjs";
import { Model } from "./model.mjs";
import { instances } from "./placement.mjs";
import { expectationFor, isUneven, writeRules } from "./rules.mjs";
import { decode, equal, isObject, sameMultiset } from "./values.mjs";
import { definitionOf } from "./waiting.mjs";
import { bareJsonFields, derivedId, rowsOf, translateRow } from "./writes.mjs";

const WRITES = new Set(["upsert", "upsert_many", "set", "set_many"]);

export class Session {
  constructor(oracleCase, driver) {
    this.case = oracleCase;
    this.driver = driver;
    this.model = new Model(oracleCase.backends);
    this.workspaceId = "oracle";
    this.standing = new Map();      // entity id -> the definition that our workspace has
    this.restored = new Set();      // entities that only we know after opening again
    this.shut = false;              // there is no workspace, by a rule
    this.models = new Map();        // of workspaces that are not the one that is open
    this.ids = new Set();           // workspaces that the case has opened
    this.touched = [];              // {number, step, index} for reports
  }

  context(step) {
    const args = decode(step.args);
    if (step.op === "register" || step.op === "alter") args.definition = decode(this.case.schemas[step.args.schema]);
    const entity = args.entity ?? (["set", "get", "exists", "delete"].includes(step.op) ? this.model.holder(args.id) : undefined);
    return { case: this.case, step, args, expect: step.expect, model: this.model, workspaceId: this.workspaceId,
      restored: this.restored, ids: this.ids, entity, definition: entity ? this.model.definition(entity) : null,
      defined: args.definition ? definitionOf(args.definition) : null };
  }

  note(rules, step) {
    for (const rule of rules) this.touched.push({ number: rule.number, rule, step });
  }

  /** Null, or {message, expected, actual}. */
  async run(step) {
    const ctx = this.context(step);
    if (step.op === "open") this.shut = false;
    if (this.shut) return null;
    if (this.model.refused.size > 0 && (this.model.refused.has(ctx.entity ?? ctx.defined?.id) || String(ctx.entity).startsWith("sys-")
      || step.op === "audit")) return null;
    return WRITES.has(step.op) ? this.#write(ctx) : this.#read(ctx);
  }

  async #read(ctx) {
    const { expect, used } = expectationFor(ctx);
    this.note(used, ctx.step);
    const answer = await this.driver.perform(ctx.step.op, ctx.args);
    this.#follow(ctx, answer);
    if (ctx.step.op === "open" && answer.error && !ctx.expect.error) this.shut = true;
    const wrong = compare(expect, answer, ctx.step.ignore);
    if (ctx.step.op === "alter" && ctx.expect.error && ctx.expect.error.class !== "DatabaseError" && !answer.error && !wrong
      && !this.model.refused.has(ctx.defined?.id)) return this.#undoAlter(ctx);
    return verdict(wrong, expect, answer);
  }

  /** Each workspace of a case has a model of its own. */
  #turnTo(id) {
    this.models.set(this.workspaceId, this.model);
    this.model = this.models.get(id) ?? new Model(this.model.backends);
  }

  /** What was there when the workspace was open the last time, and outlived that. */
  #comeBack() {
    const all = instances(this.model.backends);
    const volatile = all.map((one) => one.name).filter((name) => isVolatile(this.case.backends, name));
    this.model.lose(new Set(volatile), volatile.length === all.length);
    this.restored = new Set(this.model.entities.keys());
  }

  /** The reference kept the entity as it was. */
  async #undoAlter(ctx) {
    const definition = this.standing.get(ctx.defined.id);
    const held = this.model.definition(ctx.defined.id);
    const drop = [...ctx.defined.fields.keys()].filter((name) => !held.fields.has(name) && name !== "name");
    const answer = await this.driver.perform("alter", { definition, confirm: ctx.args.confirm, ...(drop.length > 0 && { drop }) });
    return answer.error ? verdict("D25: it cannot be altered back", { value: ctx.defined.id }, answer) : null;
  }

  /** What a step that is not a row write leaves in the model. */
  #follow(ctx, answer) {
    const { op } = ctx.step;
    if (op === "open" && answer.value) {
      if (this.ids.size > 0 && answer.value !== this.workspaceId) this.#turnTo(answer.value);
      if (this.ids.has(answer.value)) this.#comeBack();
      this.workspaceId = answer.value;
      this.ids.add(answer.value);
    }
    if (op === "open" && ctx.args.backends !== undefined) this.model.backends = ctx.args.backends;
    if (op === "drop") this.model.forget();
    if (op === "reopen") this.#comeBack();
    if (op === "drop") this.restored.clear();
    const defines = (op === "register" || op === "alter") && ctx.defined;
    const halfDone = defines && ctx.expect.error?.class === "DatabaseError";    // the reference goes by it, its tables do not
    if (defines && ctx.expect.error && ((op === "register" && !answer.error && !this.standing.has(ctx.defined.id)) || (halfDone && answer.error))) {
      this.model.refused.add(ctx.defined.id);     // only one of us has it
    }
    if (ctx.expect.error && !(halfDone && !answer.error)) return;
    if ((op === "register" || op === "alter") && !ctx.defined && answer.error) this.model.refused.add(ctx.expect.value);
    if ((op === "register" || op === "alter") && ctx.defined) {
      if (storesTwice(ctx.defined)) this.model.unsound.add(ctx.defined.id);
      if (answer.error) this.model.refused.add(ctx.defined.id);
      else {
        if (op === "alter") this.model.alter(ctx.defined);
        else this.model.register(ctx.defined);
        this.standing.set(ctx.defined.id, ctx.args.definition);
      }
      if (halfDone && this.model.outlived(ctx.defined.id).size === 0) this.model.refused.add(ctx.defined.id);
      this.restored.delete(ctx.defined.id);
    }
    const gone = op === "delete" ? [ctx.args.id] : op === "delete_many" ? ctx.args.ids : [];
    for (const id of gone) this.model.remove(ctx.args.entity ?? this.model.holder(id), id);
  }

  async #write(ctx) {
    const plan = planOf(ctx);
    this.note(plan.rules, ctx.step);
    if (ctx.step.op.startsWith("set") && plan.entries.some((entry) => this.model.isPhantom(ctx.entity, entry.id))) return null;
    if (ctx.expect.error) return this.#writeRefusedThere(ctx, plan);
    const tried = plan.touches.length > 0 ? await this.#tryAsGiven(ctx, plan) : { failure: null, done: false };
    if (tried.done) {
      record(this.model, ctx, { ...plan, entries: plan.entries.map((entry) => ({ ...entry, phantom: false })) });
      return tried.failure;
    }
    const { args, expect } = plan;
    const answer = plan.rows.length > 0 || plan.entries.length === 0
      ? await this.driver.perform(ctx.step.op, args) : expect;
    if (answer.error?.code && this.model.outlived(ctx.entity).size > 0) {
      this.model.refused.add(ctx.entity);     // D40: only the reference has the row now
      return null;
    }
    record(this.model, ctx, plan);
    for (const entry of plan.entries.filter((one) => one.phantom)) {
      await this.driver.perform("delete", { entity: ctx.entity, id: entry.id });
    }
    return tried.failure ?? verdict(compare(expect, answer), expect, answer);
  }

  /**
   * The row as the case has it: refused with the right code and nothing written, or stored as it
   * is. `done` means that the write stands as given; else it is to follow in terms we accept.
   */
  async #tryAsGiven(ctx, plan) {
    const before = await this.#rows(ctx.entity);
    const answer = await this.driver.perform(ctx.step.op, ctx.args);
    const modes = new Set(plan.touches.map((touch) => touch.mode));
    if (modes.has("may") && !modes.has("must") && !answer.error) {
      return { done: true, failure: verdict(compare(ctx.expect, answer), ctx.expect, answer) };
    }
    const failure = modes.has("must") || modes.has("may") ? await this.#checkRefused(ctx, plan, before, answer)
      : await this.#checkStored(ctx, plan, answer);
    await this.#restore(ctx.entity, before);
    return { done: false, failure };
  }

  async #checkRefused(ctx, plan, before, answer) {
    const numbers = [...new Set(plan.touches.map((touch) => touch.number))].join(", ");
    const expect = { error: { codes: plan.codes } };
    const wrong = compare(expect, answer);
    if (wrong) return verdict(`${numbers}: ${wrong}`, expect, answer);
    const after = await this.#rows(ctx.entity);
    return sameMultiset(before, after) ? null : verdict(`${numbers}: a refused write left something behind`, before, after);
  }

  /** D8: the text itself must be there. */
  async #checkStored(ctx, plan, answer) {
    const wrong = compare(ctx.expect, answer);
    if (wrong) return verdict(`D8: ${wrong}`, ctx.expect, answer);
    for (const { key, id, given } of plan.touches) {
      const found = await this.driver.perform("get", { entity: ctx.entity, id });
      if (!equal(found.row?.[key] ?? null, given)) {
        return verdict("D8: a text in a Json field is not stored as it is", given, found.row?.[key] ?? found);
      }
    }
    return null;
  }

  /** Refused by the reference: by us too, unless D1 or D8 explain why we take the row. */
  async #writeRefusedThere(ctx, plan) {
    const before = plan.accepts.length > 0 ? await this.#rows(ctx.entity) : null;
    const answer = await this.driver.perform(ctx.step.op, ctx.args);
    if (before && !answer.error) {
      const ids = [answer.value].flat();
      const wanted = rowsOf({ ...ctx.step, args: ctx.args }).map((row) => derivedId(ctx.definition, row));
      await this.#restore(ctx.entity, before);
      const wrong = wanted.findIndex((id, index) => id !== null && id !== ids[index]);
      return wrong < 0 ? null : verdict("D1: another id", wanted, ids);
    }
    const expect = { error: { ...ctx.expect.error, codes: undefined } };
    const wrong = compare(expect, answer);
    const byRule = answer.error && plan.codes.includes(answer.error.code);
    if (before && plan.accepts.every((rule) => rule.condition === "bareJsonText") && !plan.refusedAnyway) {
      return verdict("D8: a text in a Json field is refused", { value: "accepted" }, answer);
    }
    return byRule ? null : verdict(wrong, expect, answer);
  }

  async #rows(entity) {
    return (await this.driver.perform("rows", { entity })).rows ?? [];
  }

  async #restore(entity, before) {
    const now = await this.#rows(entity);
    const kept = new Map(before.map((row) => [row.object_id, row]));
    for (const row of now) {
      if (!kept.has(row.object_id)) await this.driver.perform("delete", { entity, id: row.object_id });
    }
    for (const row of before) {
      const same = now.find((other) => other.object_id === row.object_id);
      if (!same || !equal(same, row)) await this.driver.perform("upsert", { entity, row: decode(row) });
    }
  }
}

function verdict(message, expected, actual) {
  return message ? { message, expected, actual } : null;
}

/** D41: whether a field has two places of different kinds on one backend. */
const storesTwice = (definition) => [...definition.fields.values()].some(({ stores }) =>
  new Set(stores.map((store) => store.to)).size < new Set(stores.map((store) => `${store.to} ${store.strategy}`)).size);

/** In-memory engines start empty when a workspace is opened again. */
function isVolatile(backends, name) {
  const config = isObject(backends) ? backends[name] : null;
  return config === null || config?.type === "inmem" || config?.type === "memory"
    || (config?.type === "sqlite" && (config.database ?? ":memory:") === ":memory:");
}

function idsOf(ctx, rows) {
  if (ctx.step.op === "set") return [ctx.expect.value ?? ctx.args.id];
  if (ctx.step.op === "set_many") return rows.map((row) => row?.object_id);
  return ctx.expect.error ? rows.map(() => null) : [ctx.expect.value].flat();
}

/** Whether `set` is told one row by its id and another by the values. */
function namesAnother(ctx, row) {
  const named = row.object_id;
  return ctx.step.op === "set" && named !== undefined && String(named) !== String(ctx.args.id);
}

/** Python makes a mapping of a list of pairs. */
function asMapping(row) {
  return Array.isArray(row) && row.every((pair) => Array.isArray(pair) && pair.length === 2 && typeof pair[0] === "string")
    ? Object.fromEntries(row) : row;
}

/** Everything that is known about a write before it happens. */
export function planOf(ctx) {
  const rules = writeRules(ctx);
  const rows = rowsOf({ ...ctx.step, args: ctx.args });
  const ids = idsOf(ctx, rows);
  const numbers = new Map(rules.filter((rule) => rule.condition === "writeTouch").map((rule) => [rule.number, rule]));
  let refusedAnyway = false;
  const entries = rows.map((given, index) => {
    const row = asMapping(given);
    const plain = { id: ids[index], row, values: row, touches: [], phantom: false };
    if (!ctx.definition || !isObject(row)) return plain;
    try {
      const { values, touches } = translateRow(ctx.definition, row, ids[index]);
      if (row !== given) touches.push({ number: "D21", mode: "may" });
      if (namesAnother(ctx, row)) touches.push({ number: "D26", key: "object_id", mode: "must" });
      const counted = touches.filter((touch) => numbers.has(touch.number))
        .map((touch) => ({ ...touch, id: ids[index], given: row[touch.key] }));
      return { ...plain, values, touches: counted, phantom: counted.some((touch) => touch.absent) };
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      refusedAnyway = refusedAnyway || bareJsonFields(ctx.definition, row).length === 0;
      return plain;
    }
  });
  const touches = entries.flatMap((entry) => entry.touches);
  const accepts = rules.filter((rule) => ["derivesId", "acceptsJsonText", "acceptsUneven", "acceptsRestored", "acceptsOlder", "acceptsRetyped"].includes(rule.expectation));
  const stored = entries.filter((entry) => !entry.phantom);
  const used = rules.filter((rule) => accepts.includes(rule) || touches.some((touch) => touch.number === rule.number
    && rule.condition === "writeTouch"));
  return { rules: used, touches, accepts, refusedAnyway, entries, rows: stored,
    codes: touches.flatMap((touch) => numbers.get(touch.number).codes ?? []), ...inOwnTerms(ctx, stored, entries) };
}

/** The arguments with translated rows, and the ids that remain to be answered. */
function inOwnTerms(ctx, stored, entries) {
  const { args, step, expect } = ctx;
  const clean = ({ row, values, touches }) => (touches.length === 0 ? row : values);
  const kept = stored.map(clean);
  const value = entries.length === stored.length ? expect.value : stored.map((entry) => entry.id);
  switch (step.op) {
    case "upsert": return { args: { ...args, row: kept[0] }, expect };
    case "set": {
      const { object_id: _id, ...values } = kept[0] ?? {};
      return { args: { ...args, id: expect.value ?? args.id, values: isObject(asMapping(args.values)) ? values : args.values }, expect };
    }
    default: return { args: { ...args, rows: Array.isArray(args.rows) ? kept : args.rows },
      expect: expect.error ? expect : { value } };
  }
}

/** Brings the model to what the reference stored. */
export function record(model, ctx, plan) {
  if (ctx.expect.error || !ctx.entity) return;
  const merge = ctx.step.op.startsWith("set");
  const uneven = Array.isArray(ctx.args.rows) && instances(model.backends).some((one) => one.type === "sqlite") && isUneven(ctx);
  for (const entry of plan.entries) {
    if (entry.phantom) model.addPhantom(ctx.entity, entry.id);
    else if (isObject(entry.values)) model.write(ctx.entity, entry.id, entry.values, merge);
    if (uneven) model.loose.set(ctx.entity, model.looseIds(ctx.entity).add(String(entry.id)));
  }
}
