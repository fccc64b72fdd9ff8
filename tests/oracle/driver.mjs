// SPDX-License-Identifier: MIT
// Carries out the steps of a case on the public package and brings the answers into normal form.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compareText, isObject, normal, normalRow } from "./values.mjs";

const HIDDEN = /^(sys|agent|memory)-/;
const LIMIT_MS = 120_000;

function within(promise) {
  let timer;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${LIMIT_MS} ms`)), LIMIT_MS);
  });
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
}

const given = (options) => Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
const sorted = (list) => [...list].sort(compareText);
const rowsOut = (rows) => [...rows].map((row) => normalRow(row));

const DEBUG_BACKENDS = { main: { type: "sqlite", database: ":memory:" }, vec: { type: "inmem" }, search: { type: "inmem" } };

export class Driver {
  #HeavenBase;
  #directory = null;
  #backends;
  #sqliteLayout;
  #id = "oracle";
  #ws = null;

  /** With `sqliteLayout` every sqlite backend is told its layout. */
  constructor(HeavenBase, backends, { sqliteLayout } = {}) {
    this.#HeavenBase = HeavenBase;
    this.#backends = backends;
    this.#sqliteLayout = sqliteLayout;
  }

  /** The answer in normal form, or {error: {code, message}}. */
  async perform(op, args) {
    try {
      return await within(this.#run(op, args));
    } catch (error) {
      const code = typeof error?.code === "string" ? error.code.replace(/^E_/, "") : null;
      return { error: { code, message: String(error?.message ?? error), stack: error?.stack } };
    }
  }

  async end() {
    try {
      await this.#ws?.close();
    } catch { /* a dropped workspace may refuse to close; the case is over */ }
    if (this.#directory) rmSync(this.#directory, { recursive: true, force: true });
  }

  #place(value) {
    if (typeof value === "string" && value.includes("$TMP")) {
      this.#directory ??= mkdtempSync(join(tmpdir(), "hb-oracle-"));
      return value.replaceAll("$TMP", this.#directory);
    }
    if (!isObject(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, this.#place(item)]));
  }

  #laidOut(backends) {
    return Object.fromEntries(Object.entries(backends).map(([name, item]) =>
      [name, item?.type === "sqlite" ? { ...item, layout: this.#sqliteLayout } : item]));
  }

  async #open() {
    const backends = this.#backends;
    const options = typeof backends === "string" ? { preset: backends } : { backends: this.#place(backends) };
    if (this.#sqliteLayout) options.backends = this.#laidOut(options.backends ?? DEBUG_BACKENDS);
    if (options.backends) delete options.preset;
    this.#ws = await this.#HeavenBase.open(this.#id, options);
    return { value: this.#ws.id };
  }

  async #reopen() {
    try {
      await this.#ws?.close();
    } catch (error) {
      if (!String(error?.code).includes("CLOSED")) throw error;
    }
    await this.#open();
    return { value: true };
  }

  async #run(op, args) {
    const ws = this.#ws;
    if (ws === null && op !== "open" && op !== "reopen") throw Object.assign(new Error("no workspace is open"), { code: "CLOSED" });
    const { entity, overwrite } = args;
    switch (op) {
      case "open":
        this.#id = "id" in args ? args.id : this.#id;
        if (args.backends !== undefined) this.#backends = args.backends;
        return this.#open();
      case "reopen": return this.#reopen();
      case "drop": await ws.drop(); return { value: true };
      case "backends": return { value: sorted(await ws.backends.names()) };
      case "list_entities":
        return { value: sorted((await ws.listEntities()).filter((id) => !HIDDEN.test(id))) };
      case "register":
        return { value: entityId(await ws.register(args.definition, given({ allowReplace: args.allow_replace }))) };
      case "alter":
        return { value: entityId(await ws.alterEntity(args.definition, given({ confirm: args.confirm, drop: args.drop }))) };
      case "upsert": return { value: await ws.upsert(entity, args.row, given({ overwrite, unknown: args.unknown })) };
      case "upsert_many":
        return { value: [...await ws.upsertMany(entity, args.rows, given({ overwrite }))] };
      case "set": return { value: await ws.set(args.id, args.values, given({ entity, overwrite })) };
      case "set_many": return { value: [...await ws.setMany(args.rows, given({ entity, overwrite }))] };
      case "get": return { row: normalRow(await ws.get(args.id, given({ entity, unique: args.unique }))) };
      case "get_many": return { list: (await ws.getMany(args.ids, given({ entity }))).map((row) => normalRow(row)) };
      case "exists": return { value: await ws.exists(args.id, given({ entity })) };
      case "delete": return { value: await ws.delete(args.id, given({ entity })) };
      case "delete_many": return { value: [...await ws.deleteMany(args.ids, given({ entity }))] };
      case "count": return { value: normal(await ws.count(entity)) };
      case "ids": return { value: sorted(await ws.ids(entity)) };
      case "rows": return { rows: rowsOut(await ws.rows(entity)) };
      case "refresh": await ws.refresh(given({ entity, backend: args.backend })); return { value: true };
      case "audit": return { value: auditOf((await ws.audit()).catalog) };
      case "query": return this.#query(entity, args.query);
      case "query_count": return this.#count(args);
      case "explain": {
        const plan = await (await ws.queryJson(entity, args.query)).explain();
        return { steps: normal(plan.steps) };
      }
      default: throw new Error(`the replayer has no operation ${op}`);
    }
  }

  async #query(entity, spec) {
    const frame = await (await this.#ws.queryJson(entity, spec)).execute();
    return { rows: rowsOut(frame.rows()), columns: [...frame.colNames()] };
  }

  async #count({ entity, query, field, distinct }) {
    const counted = await (await this.#ws.queryJson(entity, query)).count(field ?? "object_id", { distinct: distinct === undefined ? true : distinct });
    const frame = typeof counted.execute === "function" ? await counted.execute() : counted;
    return { value: normal(frame.scalar()) };
  }
}

function entityId(entity) {
  return typeof entity === "string" ? entity : entity.entityId;
}

function auditOf({ ok, missing, dangling, mismatched }) {
  return { ok, missing: missing.length, dangling: dangling.length, mismatched: mismatched.length };
}
