// SPDX-License-Identifier: MIT
// The type vocabulary: rows inferred from declared fields. Types only, no behaviour.
import type { Entity, Field } from "./entity.js";
import type { FieldRef } from "./expr.js";

/** A logical type: what a field holds (`Out` when read, `In` when written). */
export interface LogicalType<Out = unknown, In = Out> {
  readonly descriptor: { readonly type: string; readonly [parameter: string]: unknown };
  toJSON(): unknown;
  /** For the type checker alone. */
  readonly types?: { out: Out; in: In };
}

/** A type, bare or called. */
export type TypeLike<Out, In> = LogicalType<Out, In> | (((...args: any[]) => LogicalType<Out, In>) & { descriptor: object });

/** What `entity` takes for each name. */
export type FieldMap = Readonly<Record<string, Field<any, any, any, any> | TypeLike<any, any>>>;

type OutOf<F> = F extends Field<infer Out, any, infer Required, any> ? (Required extends true ? Out : Out | null)
  : F extends TypeLike<infer Out, any> ? Out | null : any;
type InOf<F> = F extends Field<any, infer In, infer Required, any> ? (Required extends true ? In : In | null)
  : F extends TypeLike<any, infer In> ? In | null : any;
type IsNeeded<F> = F extends Field<any, any, true, false> ? true : false;
type ImplicitName<F> = "name" extends keyof F ? unknown : { name: string | null };
type Flat<T> = { [K in keyof T]: T[K] };

/** A row as it is read. */
export type RowOf<F> = Flat<{ object_id: string } & ImplicitName<F> & { -readonly [K in keyof F]: OutOf<F[K]> }>;
/** A row as it is written. */
export type InsertOf<F> = Flat<{ object_id?: string | number | bigint | null } & ("name" extends keyof F ? unknown : { name?: string | null })
  & { -readonly [K in keyof F as IsNeeded<F[K]> extends true ? K : never]: InOf<F[K]> }
  & { -readonly [K in keyof F as IsNeeded<F[K]> extends true ? never : K]?: InOf<F[K]> }>;

type RefOf<F> = F extends Field<infer Out, any, any, any> ? FieldRef<Out> : F extends TypeLike<infer Out, any> ? FieldRef<Out> : FieldRef;
type RefsOf<F> = { readonly [K in keyof F]: RefOf<F[K]> } & { readonly object_id: FieldRef<string> }
  & ("name" extends keyof F ? unknown : { readonly name: FieldRef<string> });

/** What `entity` gives: the entity with a reference for each field. */
export type EntityOf<F> = Omit<Entity, "fields" | "~standard"> & Omit<RefsOf<F>, keyof Entity>
  & { readonly fields: RefsOf<F>; readonly declared?: F; readonly "~standard": StandardEntity<InsertOf<F>, Partial<RowOf<F>>> };

/** What a compute function is given: the values of its inputs, or the row. */
export type ComputeInputs<I extends readonly string[]> = number extends I["length"] ? [row: any] : { -readonly [K in keyof I]: any };

/** What Standard Schema says about a value that is no row of the entity. */
export interface StandardIssue {
  readonly message: string;
  readonly path?: readonly PropertyKey[];
}
/** The `~standard` property of an entity (standardschema.dev). */
export interface StandardEntity<In, Out> {
  readonly version: 1;
  readonly vendor: "heavenbase";
  readonly validate: (value: unknown) => Promise<{ readonly value: Out; readonly issues?: undefined } | { readonly issues: readonly StandardIssue[] }>;
  readonly types?: { readonly input: In; readonly output: Out } | undefined;
}

/** Any entity, of whatever fields. */
export type AnyEntity = { readonly entityId: string; readonly entityName: string };
/** An entity or its id. */
export type EntityLike = AnyEntity | string;

/** The row type of an entity: `Row<typeof Note>`. */
export type Row<E> = E extends { readonly declared?: infer F } ? (unknown extends F ? Record<string, any> : RowOf<NonNullable<F>>) : Record<string, any>;
/** What a write of an entity takes: `Insert<typeof Note>`. */
export type Insert<E> = E extends { readonly declared?: infer F } ? (unknown extends F ? Record<string, unknown> : InsertOf<NonNullable<F>>) : Record<string, unknown>;
/** A patch: any part of a row. */
export type Patch<E> = Partial<Insert<E>>;

/** The columns of a row that names or references pick; what a reference is called is not known to the type checker. */
export type Columns<R, F> = { [K in Extract<F, string>]: K extends keyof R ? R[K] : any } & (Extract<F, FieldRef> extends never ? unknown : Partial<R>);

/** Options of every call that may wait. */
export interface CallOptions {
  signal?: AbortSignal;
  timeoutMs?: number;
}

/** What two definitions of an entity cannot say by themselves. */
export interface AlterMoves {
  /** Fields that are called otherwise, `{ old: "new" }`. */
  rename?: Readonly<Record<string, string>>;
  /** Fields that go with their values. */
  drop?: readonly string[];
}

/** Where a field is kept. */
export interface AlterPlace {
  backend: string;
  strategy: string;
}

/** What differs between a registered structure and a given one, and what altering does with the rows. */
export interface AlterPlan {
  entity: string;
  /** `alterEntity` would do it. */
  ok: boolean;
  /** Only descriptions differ, if anything. */
  same: boolean;
  /** How many there are; `null` when nobody looked: the plan of an error. */
  rows: number | null;
  /** `keep`: rows stay as they are; `fill`: they get new values; `rebuild`: all are written anew; `make`, `drop`: the
   * entity comes to the backend, or leaves it. */
  backends: { backend: string; action: "keep" | "fill" | "rebuild" | "make" | "drop" }[];
  moved: { field: string; from: AlterPlace[]; to: AlterPlace[] }[];
  added: { field: string; definition: Record<string, any> }[];
  removed: string[];
  renamed: { from: string; to: string }[];
  changed: { field: string; what: ("name" | "type" | "required" | "default" | "index" | "unique" | "storage" | "definition")[];
    from: Record<string, any>; to: Record<string, any> }[];
  /** Composite indexes differ. */
  indexes: boolean;
  /** Composite unique constraints differ. */
  constraints: boolean;
  /** What is derived for the Catalog differs. */
  derives: boolean;
  /** Why it would be refused: for fields, and for the first row that does not fit. */
  refused: string[];
}

/** From the row that has the edge to the row that it leads to, the other way, or both. */
export type Direction = "out" | "in" | "any";

/** An edge: the row `object_id` of `entity` leads, in `field`, to the row `target` of `target_entity`. */
export interface EdgeReference {
  entity: string;
  field: string;
  object_id: string;
  target_entity: string;
  target: string;
}

export interface Health {
  ok: boolean;
  workspace: string;
  entities: string[];
  /** `durability`: when a call that has resolved is on disk: at once, after `flush`, or never. */
  backends: { name: string; type: string; database?: string; path?: string; uri?: string; durable: boolean; durability: "strict" | "relaxed" | "none"; ok: boolean;
    error?: { code: string; message: string; entity?: string } }[];
}
/** Options of any SQL engine by HTTP, beside its own: `{ type: "postgres", ...options satisfies HttpOptions }`. */
export type HttpOptions =
  /** the gateway of this package: where it listens, and which of its connections */
  | { via: "gateway"; url: string; connection: string; token?: string }
  /** postgres and pgvector: Neon's SQL over HTTP, at `url` unless the host of `uri` says where */
  | { via: "neon"; uri: string; url?: string; token?: string }
  /** mysql: PlanetScale's SQL over HTTP, at `url` or https://`host` */
  | { via: "planetscale"; url?: string; host?: string; username: string; password: string };
/** Options of the backend mssql for a driver that a function makes of them: `{ type: "mssql", ...options satisfies MssqlOptions }`. */
export interface MssqlOptions {
  /** what the names of the workspace's tables begin with, in the user's default schema; `hb_<workspace id>$` by default */
  prefix?: string;
  /** instead: a schema of the workspace's own */
  schema?: string;
  host?: string;
  port?: number;
  database?: string;
  username?: string;
  password?: string;
  /** `options` of tedious, and its `authentication` */
  params?: Record<string, unknown>;
}
/** Options of the backend oracle for a driver that a function makes of them: `{ type: "oracle", ...options satisfies OracleOptions }`. */
export interface OracleOptions {
  /** what the names of the workspace's tables begin with, in the user's own schema; `hb_<workspace id>$` by default */
  prefix?: string;
  /** instead: another user's schema, which holds the workspace alone */
  schema?: string;
  /** `host:port/service`, or a descriptor */
  uri?: string;
  username?: string;
  password?: string;
  /** what else a pool of oracledb takes */
  params?: Record<string, unknown>;
}
/** Options of the backend trino: `{ type: "trino", ...options satisfies TrinoOptions }`. */
export interface TrinoOptions {
  /** the coordinator; a password or a token goes to `https:` only, or to this machine */
  url: string;
  catalog: string;
  /** the schema that holds the workspace; `hb_<workspace id>` by default */
  schema?: string;
  /** who asks; not needed with a token that says it */
  username?: string;
  password?: string;
  /** a JWT in the place of a password */
  token?: string;
  /** properties of the session: `name=value,name=value` */
  session?: string;
  /** how rows are written; by default the catalog's connector says it */
  writes?: "merge" | "replace" | "insert";
}
/** Options of the backend starrocks by its own HTTP: `{ type: "starrocks", ...options satisfies StarrocksHttpOptions }`. */
export interface StarrocksHttpOptions {
  via: "http";
  /** a frontend, `http://host:8030`, or what stands before it */
  url: string;
  /** where rows are loaded: a backend or compute node, `http://host:8040`, or a proxy that adds `Expect: 100-continue`; `url` by default */
  load_url?: string;
  /** other hosts that a load may be redirected to, with the password: `be1, be2:8040` */
  load_hosts?: string;
  username: string;
  password?: string;
  /** the database that holds the workspace; `hb_<workspace id>` by default */
  schema?: string;
}
/** What `compact` gave back: bytes of the module's memory. `before` is shared with the workspaces that were opened beside it. */
export interface Compaction {
  before: number;
  after: number;
}
export interface Signature {
  owner?: string;
  creator?: string;
  auth?: Record<string, any>;
  metadata?: Record<string, any>;
}
/** A row of `ws.search`: of the Catalog (kind "object") or of MetaSchema. */
export interface Found {
  object_id: string;
  source_entity: string;
  kind: string;
  target_entity: string;
  target_id: string;
  subject_id: string;
  field: string;
  name: string;
  desc: string;
  type: string;
  score: number;
}

export interface CatalogAudit {
  ok: boolean;
  missing: { expected: Record<string, any> }[];
  dangling: { catalog: Record<string, any> }[];
  mismatched: { catalog: Record<string, any>; expected: Record<string, any>; fields: string[] }[];
  checked: { objects: number; catalog_rows: number; entities: number };
}

/** Rows of entities that lie in several backends, against their source of truth. */
export interface ReplicaAudit {
  ok: boolean;
  /** The home has the row, this backend has not. */
  missing: { entity: string; object_id: string; backend: string }[];
  /** This backend has the row, the home has not. */
  orphaned: { entity: string; object_id: string; backend: string }[];
  /** These fields have another value than in their first store. */
  different: { entity: string; object_id: string; backend: string; fields: string[] }[];
  checked: { entities: number; rows: number };
}

/** Structures of an engine (indexes, item tables, values outside the rows) that do not follow from its rows, and values that do not fit
 * their fields. */
export interface StorageAudit {
  ok: boolean;
  /** `object_id`, `field`: what it concerns, or "". `value`, after a repair: what became of one that was lost. */
  problems: { backend: string; entity: string; field: string; object_id: string;
    what: "drift" | "definition" | "unique" | "table" | "side_table" | "index" | "external" | "value";
    path: string; reason: string; repaired: boolean; value?: "restored" | "lost" }[];
  /** How many values outside the rows no row holds: no fault. A repair deletes them. */
  unused: { backend: string; entity: string; field: string; path: string; values: number; deleted: boolean }[];
}

/** Stored rows that cannot be read. `belongs`: a whole row whose own file this should be; a repair renames it. */
export type FileAudit = { backend: string; entity: string; path: string; object_id: string; reason: string; quarantined: boolean;
  belongs?: string; renamed?: boolean }[];

/** How many findings there are: a report lists the first 100 of a kind. */
export interface AuditTotals {
  catalog: { missing: number; dangling: number; mismatched: number };
  replicas: { missing: number; orphaned: number; different: number };
  storage: number;
  /** Values outside the rows. */
  unused: number;
  files: number;
  edges: number;
}

/** What an audit or a repair is at, and how many rows this part is through. */
export interface AuditProgress { part: "storage" | "replicas" | "edges" | "catalog"; entity: string; rows: number }

/** Edges that lead to no row, as `checkGraph` gives them. */
export interface EdgeAudit {
  ok: boolean;
  dangling: { entity: string; field: string; object_id: string; target_entity: string; target: string }[];
}

/** What a write over several backends has come to, in the error PARTIAL_WRITE. */
export interface PartialWrite {
  /** Backends that hold the write. */
  committed: string[];
  /** Backends that do not hold it yet. */
  pending: string[];
  /** How many rows it is about. */
  rows: number;
  /** Their object_ids: the first ones, when there are many. */
  ids: string[];
}

/** Writes over several backends that are not through everywhere. */
export interface IntentAudit {
  ok: boolean;
  pending: Record<string, any>[];
}

/** What `audit` gives; `ok` when every part is. */
export interface Audit {
  ok: boolean;
  catalog: CatalogAudit;
  replicas: ReplicaAudit;
  storage: StorageAudit;
  files: FileAudit;
  edges: EdgeAudit;
  intents: IntentAudit;
  totals: AuditTotals;
}

/** What a repair does, by part of the report: rows, problems, files. */
export interface RepairActions {
  catalog: { missing_written: number; mismatched_rewritten: number; dangling_deleted: number };
  replicas: { missing_written: number; different_rewritten: number; orphaned_deleted: number };
  storage: { repaired: number; deleted: number };
  files: { renamed: number; quarantined: number };
}

/** What `repair` did, with the audits before and after; of a dry run the counts of both are 0. */
export interface Repair {
  /** Nothing is left to repair. */
  ok: boolean;
  catalog: { ok: boolean; dry_run: boolean; missing_written: number; mismatched_rewritten: number; dangling_deleted: number;
    before: CatalogAudit; after: CatalogAudit };
  replicas: { ok: boolean; dry_run: boolean; missing_written: number; different_rewritten: number; orphaned_deleted: number;
    before: ReplicaAudit; after?: ReplicaAudit };
  storage: StorageAudit;
  files: FileAudit;
  edges: EdgeAudit;
  intents: IntentAudit & { completed: number; taken_back: number };
  /** What was done; of a dry run what would be. */
  actions: RepairActions;
  totals: AuditTotals;
}

/** A step of a plan: what a backend does, natively or by scan, and why. */
export type PlanStep = { node: string; [key: string]: any };
/** What `explain` gives; its toString() draws it as a tree. */
export interface Plan {
  workspace: string;
  query: Record<string, any>;
  storage_plan: Record<string, any>;
  steps: PlanStep[];
}
