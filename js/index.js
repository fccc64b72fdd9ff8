// SPDX-License-Identifier: MIT
// The public names. Each host's entry (entry/*.js) adds its own HeavenBase, which knows where the module lies.
export { HeavenBase, init } from "./heavenbase.js";
export { Workspace } from "./workspace.js";
export { Entity, Field, entity, entityFromSchema, field, index, unique, Catalog, MetaSchema } from "./entity.js";
export { registerCompute } from "./compute.js";
export { Artifact, Array, ArrayOf, Boolean, Categorical, Date, Duration, Float, HyperG, Identifier, Integer, Json, LongText, MediumText,
  ShortText, Timestamp, Vector } from "./field-types.js";
export { ExternalRef, GraphEdge, InlineColumn, InvertedIndex, JsonField, SideTable, SparseGramIndex, VectorIndex } from "./field-types.js";
export { Expr, FieldRef, Metric, and, not, or } from "./expr.js";
export { Query } from "./query.js";
export { PreparedQuery } from "./prepared.js";
export { Frame } from "./frame.js";
export { ERROR_CODES, HeavenBaseError } from "./errors.js";

/** @typedef {import("./errors.js").ErrorCode} ErrorCode */
/** @typedef {import("./host/sql.js").SqlDriver} SqlDriver */
/** @typedef {import("./heavenbase.js").OpenOptions} OpenOptions */
/** @typedef {import("./types.js").CallOptions} CallOptions */
/** @typedef {import("./types.js").Direction} Direction */
/** @typedef {import("./types.js").EdgeReference} EdgeReference */
/** @typedef {import("./types.js").HttpOptions} HttpOptions */
/** @typedef {import("./types.js").MssqlOptions} MssqlOptions */
/** @typedef {import("./types.js").OracleOptions} OracleOptions */
/** @typedef {import("./types.js").TrinoOptions} TrinoOptions */
/** @typedef {import("./types.js").StarrocksHttpOptions} StarrocksHttpOptions */
/** @typedef {import("./types.js").Plan} Plan */
/** @template E @typedef {import("./types.js").Row<E>} Row */
/** @template E @typedef {import("./types.js").Insert<E>} Insert */
/** @template E @typedef {import("./types.js").Patch<E>} Patch */
