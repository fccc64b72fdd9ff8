// SPDX-License-Identifier: MIT
// Relations: what the workspace's graph methods ask of the core. The core walks; rows are then read by id.
import { HeavenBaseError } from "./errors.js";
import { FieldRef } from "./expr.js";
import { Call, Flag } from "./generated/abi.js";
import { checkId, idColumn, readRows } from "./rows.js";

/** What a deletion does about edges that lead to the row. @typedef {"schema" | "detach" | "restrict"} Edges */
/** @typedef {import("./types.js").Direction} Direction */
/** @typedef {import("./types.js").EdgeReference} EdgeReference */
/** @typedef {import("./rows.js").Registered} Registered */
/** A relation: `Person.knows`, or "person.knows". @typedef {FieldRef<any> | string} Relation */
/** An object_id, or with the entity that it is of when the direction leaves it open. @typedef {string | number | bigint | readonly [import("./types.js").EntityLike, string | number | bigint]} Node */
/**
 * What the methods need of their workspace.
 * @typedef {object} Graphs
 * @property {<T>(request: import("./core/call.js").Request, decode: () => T) => T | Promise<T>} call
 * @property {(entity: unknown) => Registered} resolve
 * @property {import("./core/call.js").Core} core
 */

/** @param {Relation} relation */
export function relationName(relation) {
  if (relation instanceof FieldRef) return `${relation.entityId}.${relation.columnName}`;
  if (typeof relation === "string") return relation;
  throw new HeavenBaseError("TYPE", "expected a relation such as Person.knows, or \"person.knows\"");
}

/** @param {Node} node @returns {{ id: string, entity: string | undefined }} */
export function nodeOf(node) {
  if (!Array.isArray(node)) return { id: checkId(node), entity: undefined };
  const [entity, id] = node;
  const name = typeof entity === "string" ? entity : entity?.entityId;
  if (node.length !== 2 || typeof name !== "string") throw new HeavenBaseError("TYPE", "a row of a graph is an object_id, or a list of an entity and an object_id");
  return { id: checkId(id), entity: name };
}

/** @param {Graphs} graphs @param {Record<string, unknown>} options @param {string[]} ids @param {number} [entity] @returns {any} */
function ask({ call, core }, options, ids, entity) {
  return call({ kind: Call.GRAPH, entity, text: JSON.stringify(options), columns: idColumn(ids), rowCount: ids.length }, () => core.json());
}

/** Rows that the walk reaches, nearest first. @param {Graphs} graphs @param {Relation} relation @param {Node} start @param {{ minHops?: number, maxHops?: number, direction?: Direction }} options @returns {Promise<Record<string, any>[]>} */
export async function traverse(graphs, relation, start, { minHops, maxHops, direction }) {
  const { id, entity } = nodeOf(start);
  /** @type {[string, string, number][]} */
  const reached = await ask(graphs, { op: "traverse", field: relationName(relation), min_hops: minHops, max_hops: maxHops, direction, start_entity: entity }, [id]);
  /** @type {Map<string, (Record<string, any> | null)[]>} */
  const rows = new Map();
  for (const name of new Set(reached.map(([one]) => one))) rows.set(name, await rowsOf(graphs, name, reached.filter(([one]) => one === name).map(([, one]) => one)));
  return reached.map(([name]) => rows.get(name)?.shift() ?? null).filter((row) => row !== null);
}

/** @param {Graphs} graphs @param {string} name @param {string[]} ids @returns {any} */
function rowsOf({ call, resolve, core }, name, ids) {
  const registered = resolve(name);
  return call({ kind: Call.GET, entity: registered.index, columns: idColumn(ids), rowCount: ids.length }, () => readRows(core, registered, ids));
}

/** @param {Graphs} graphs @param {Relation} relation @param {Node} from @param {Node} to @param {{ maxHops?: number, direction?: Direction }} options @returns {Promise<[entity: string, id: string][] | null>} */
export async function shortestPath(graphs, relation, from, to, { maxHops, direction }) {
  const start = nodeOf(from), goal = nodeOf(to);
  return ask(graphs, { op: "path", field: relationName(relation), max_hops: maxHops, direction, start_entity: start.entity, goal_entity: goal.entity }, [start.id, goal.id]);
}

/** @param {Graphs} graphs @returns {Promise<EdgeReference[]>} */
export async function checkGraph(graphs) {
  return ask(graphs, { op: "check" }, []);
}

/** @param {Graphs} graphs @param {Relation} relation @param {boolean} confirm @returns {Promise<{ dangling: EdgeReference[], removed: number }>} */
export async function scrubDangling(graphs, relation, confirm) {
  const field = relationName(relation);
  /** @type {EdgeReference[]} */
  const dangling = await ask(graphs, { op: "scrub", field }, []);
  if (confirm && dangling.length > 0) await graphs.call({ kind: Call.GRAPH, text: JSON.stringify({ op: "scrub", field, confirm }) }, () => undefined);
  return { dangling, removed: confirm ? dangling.length : 0 };
}

/** The flags of a delete. @param {unknown} edges */
export function edgeFlags(edges) {
  if (edges === undefined || edges === "schema") return 0;
  if (edges === "detach") return Flag.EDGES_DETACH;
  if (edges === "restrict") return Flag.EDGES_RESTRICT;
  throw new HeavenBaseError("TYPE", "edges is \"schema\", \"detach\" or \"restrict\"");
}

/** A RESTRICTED error tells which edges forbid the deletion. @template T @param {Graphs} graphs @param {readonly string[]} ids @param {() => Registered | Promise<Registered>} holder @param {() => T | Promise<T>} work @returns {T | Promise<T>} */
export function withReferences(graphs, ids, holder, work) {
  /** @param {unknown} error @returns {Promise<never>} */
  const fail = async (error) => {
    if (!(error instanceof HeavenBaseError) || error.code !== "RESTRICTED") throw error;
    const { index } = await holder();
    error.references = await ask(graphs, { op: "references" }, [...new Set(ids)], index);
    throw error;
  };
  try {
    const result = work();
    return result instanceof Promise ? result.catch(fail) : result;
  } catch (error) {
    return fail(error);
  }
}
