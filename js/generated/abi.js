// SPDX-License-Identifier: MIT
// Made by scripts/make-abi.mjs from src/abi/layout.c: do not edit.

export const ABI_VERSION = 1;
export const AT_NONE = 4294967295;
export const ENTITY_NONE = 4294967295;
export const WIRE_MAGIC = 826425928;
export const WIRE_HEADER_LEN = 32;
export const WIRE_COLUMN_LEN = 40;
export const ROW_MAGIC = 827474504;
export const ROW_LEN = 16;
export const EXT_VECTOR = 1;
export const EXT_TIMESTAMP = -1;
export const DEPTH_MAX = 128;
export const BATCH_ROWS_MAX = 16777216;
export const CALL_LEN = 64;
export const REPLY_LEN = 136;

/** @type {{ readonly OK: number, readonly INVALID_ID: number, readonly VALIDATION: number, readonly TYPE: number, readonly SCHEMA: number, readonly SCHEMA_CONFLICT: number, readonly DUPLICATE: number, readonly UNIQUE: number, readonly AMBIGUOUS: number, readonly QUERY: number, readonly UNKNOWN_FIELD: number, readonly UNKNOWN_ENTITY: number, readonly UNKNOWN_BACKEND: number, readonly UNKNOWN_PRESET: number, readonly UNSUPPORTED: number, readonly UNSUPPORTED_STORAGE: number, readonly ROUTING: number, readonly LIMIT: number, readonly MEMORY: number, readonly BACKEND: number, readonly UNAVAILABLE: number, readonly BAD_REPLY: number, readonly REFUSED: number, readonly CORRUPT: number, readonly LOCKED: number, readonly PARTIAL_WRITE: number, readonly CANCELLED: number, readonly TIMEOUT: number, readonly CLOSED: number, readonly HOST: number, readonly INTERNAL: number, readonly RESTRICTED: number, readonly COMPUTE: number, readonly UNKNOWN_COMPUTE: number, readonly SCHEMA_DRIFT: number, readonly FORMAT: number }} */
export const Status = Object.freeze({
  OK: 0,
  INVALID_ID: 1,
  VALIDATION: 2,
  TYPE: 3,
  SCHEMA: 4,
  SCHEMA_CONFLICT: 5,
  DUPLICATE: 6,
  UNIQUE: 7,
  AMBIGUOUS: 8,
  QUERY: 9,
  UNKNOWN_FIELD: 10,
  UNKNOWN_ENTITY: 11,
  UNKNOWN_BACKEND: 12,
  UNKNOWN_PRESET: 13,
  UNSUPPORTED: 14,
  UNSUPPORTED_STORAGE: 15,
  ROUTING: 16,
  LIMIT: 17,
  MEMORY: 18,
  BACKEND: 19,
  UNAVAILABLE: 20,
  BAD_REPLY: 21,
  REFUSED: 22,
  CORRUPT: 23,
  LOCKED: 24,
  PARTIAL_WRITE: 25,
  CANCELLED: 26,
  TIMEOUT: 27,
  CLOSED: 28,
  HOST: 29,
  INTERNAL: 30,
  RESTRICTED: 31,
  COMPUTE: 32,
  UNKNOWN_COMPUTE: 33,
  SCHEMA_DRIFT: 34,
  FORMAT: 35,
});

/** @type {{ readonly REGISTER: number, readonly INFO: number, readonly SCHEMA: number, readonly UPSERT: number, readonly SET: number, readonly GET: number, readonly EXISTS: number, readonly DELETE: number, readonly QUERY: number, readonly EXPLAIN: number, readonly PREPARE: number, readonly RELEASE: number, readonly AUDIT: number, readonly REPAIR: number, readonly REFRESH: number, readonly DROP: number, readonly CAPABILITIES: number, readonly EXPORT: number, readonly IMPORT: number, readonly ALTER: number, readonly FIND: number, readonly DESCRIBE: number, readonly SIGN: number, readonly HEALTH: number, readonly MANIFEST: number, readonly PRESETS: number, readonly GRAPH: number, readonly VALIDATE: number, readonly FLUSH: number, readonly ATTACH: number, readonly CONNECTIONS: number }} */
export const Call = Object.freeze({
  REGISTER: 1,
  INFO: 2,
  SCHEMA: 3,
  UPSERT: 4,
  SET: 5,
  GET: 6,
  EXISTS: 7,
  DELETE: 8,
  QUERY: 9,
  EXPLAIN: 10,
  PREPARE: 11,
  RELEASE: 12,
  AUDIT: 13,
  REPAIR: 14,
  REFRESH: 15,
  DROP: 16,
  CAPABILITIES: 17,
  EXPORT: 20,
  IMPORT: 21,
  ALTER: 19,
  FIND: 22,
  DESCRIBE: 23,
  SIGN: 24,
  HEALTH: 25,
  MANIFEST: 26,
  PRESETS: 29,
  GRAPH: 18,
  VALIDATE: 30,
  FLUSH: 31,
  ATTACH: 32,
  CONNECTIONS: 33,
});

/** @type {{ readonly OVERWRITE: number, readonly DROP_UNKNOWN: number, readonly REPLACE: number, readonly DRY_RUN: number, readonly NO_PUSHDOWN: number, readonly WANT_TOTAL: number, readonly ANY: number, readonly NO_CATALOG: number, readonly EDGES_DETACH: number, readonly EDGES_RESTRICT: number, readonly COMPUTED: number, readonly PAUSES: number }} */
export const Flag = Object.freeze({
  OVERWRITE: 1,
  DROP_UNKNOWN: 2,
  REPLACE: 4,
  DRY_RUN: 8,
  NO_PUSHDOWN: 16,
  WANT_TOTAL: 32,
  ANY: 64,
  NO_CATALOG: 4096,
  EDGES_DETACH: 1024,
  EDGES_RESTRICT: 2048,
  COMPUTED: 128,
  PAUSES: 16384,
});

/** @type {{ readonly NULL: number, readonly BOOL: number, readonly I64: number, readonly F64: number, readonly TEXT: number, readonly BYTES: number, readonly VEC: number, readonly PACK: number }} */
export const Kind = Object.freeze({
  NULL: 0,
  BOOL: 1,
  I64: 2,
  F64: 3,
  TEXT: 4,
  BYTES: 5,
  VEC: 6,
  PACK: 7,
});

/** @type {{ readonly ABSENT: number, readonly NULL: number, readonly VALUE: number }} */
export const Cell = Object.freeze({
  ABSENT: 0,
  NULL: 1,
  VALUE: 2,
});

/** @type {{ readonly FIELD: number, readonly IDENTITY: number, readonly METADATA: number }} */
export const Role = Object.freeze({
  FIELD: 0,
  IDENTITY: 1,
  METADATA: 2,
});

/** @type {{ readonly DONE: number, readonly OP: number, readonly WAIT: number, readonly FAILED: number, readonly PAUSE: number }} */
export const State = Object.freeze({
  DONE: 0,
  OP: 1,
  WAIT: 2,
  FAILED: 3,
  PAUSE: 4,
});

/** @type {{ readonly NONE: number, readonly FRAME: number, readonly JSON: number, readonly BYTES: number }} */
export const Answer = Object.freeze({
  NONE: 0,
  FRAME: 1,
  JSON: 2,
  BYTES: 3,
});

/** @type {{ readonly FETCH: number, readonly SQL: number }} */
export const Op = Object.freeze({
  FETCH: 1,
  SQL: 2,
});

/** @type {{ readonly kind: number, readonly entity: number, readonly flags: number, readonly prepared: number, readonly now_ms: number, readonly text_off: number, readonly text_len: number, readonly params_off: number, readonly params_len: number, readonly batch_off: number, readonly batch_len: number, readonly id_form: number, readonly timeout_ms: number }} */
export const CallAt = Object.freeze({
  kind: 0,
  entity: 4,
  flags: 8,
  prepared: 12,
  now_ms: 16,
  text_off: 24,
  text_len: 28,
  params_off: 32,
  params_len: 36,
  batch_off: 40,
  batch_len: 44,
  id_form: 48,
  timeout_ms: 52,
});

/** @type {{ readonly state: number, readonly task: number, readonly answer: number, readonly ptr: number, readonly len: number, readonly total_known: number, readonly truncated: number, readonly cursor_len: number, readonly total: number, readonly code: number, readonly at: number, readonly entity_ptr: number, readonly field_ptr: number, readonly backend_ptr: number, readonly native_ptr: number, readonly message_ptr: number, readonly detail_ptr: number, readonly op_id: number, readonly op_kind: number, readonly op_backend_ptr: number, readonly op_backend_len: number, readonly op_method_ptr: number, readonly op_method_len: number, readonly op_url_ptr: number, readonly op_url_len: number, readonly op_headers_ptr: number, readonly op_headers_len: number, readonly op_body_ptr: number, readonly op_body_len: number, readonly op_flags: number, readonly op_timeout_ms: number, readonly op_delay_ms: number, readonly op_answer_max: number }} */
export const ReplyAt = Object.freeze({
  state: 0,
  task: 4,
  answer: 8,
  ptr: 12,
  len: 16,
  total_known: 20,
  truncated: 24,
  cursor_len: 28,
  total: 32,
  code: 40,
  at: 44,
  entity_ptr: 48,
  field_ptr: 52,
  backend_ptr: 56,
  native_ptr: 60,
  message_ptr: 64,
  detail_ptr: 68,
  op_id: 72,
  op_kind: 76,
  op_backend_ptr: 80,
  op_backend_len: 84,
  op_method_ptr: 88,
  op_method_len: 92,
  op_url_ptr: 96,
  op_url_len: 100,
  op_headers_ptr: 104,
  op_headers_len: 108,
  op_body_ptr: 112,
  op_body_len: 116,
  op_flags: 120,
  op_timeout_ms: 124,
  op_delay_ms: 128,
  op_answer_max: 132,
});

/** Every code that an error can have. @typedef {"OK" | "INVALID_ID" | "VALIDATION" | "TYPE" | "SCHEMA" | "SCHEMA_CONFLICT" | "DUPLICATE" | "UNIQUE" | "AMBIGUOUS" | "QUERY" | "UNKNOWN_FIELD" | "UNKNOWN_ENTITY" | "UNKNOWN_BACKEND" | "UNKNOWN_PRESET" | "UNSUPPORTED" | "UNSUPPORTED_STORAGE" | "ROUTING" | "LIMIT" | "MEMORY" | "BACKEND" | "UNAVAILABLE" | "BAD_REPLY" | "REFUSED" | "CORRUPT" | "LOCKED" | "PARTIAL_WRITE" | "CANCELLED" | "TIMEOUT" | "CLOSED" | "HOST" | "INTERNAL" | "RESTRICTED" | "COMPUTE" | "UNKNOWN_COMPUTE" | "SCHEMA_DRIFT" | "FORMAT"} StatusName */

/** Names by value. @type {readonly StatusName[]} */
export const STATUS_NAMES = Object.freeze(/** @type {StatusName[]} */ (Object.keys(Status)));

/** What each code means, one line each. @type {Readonly<Record<StatusName, string>>} */
export const STATUS_MEANINGS = Object.freeze({
  OK: "success",
  INVALID_ID: "a workspace, backend, entity, field or object id is malformed or missing",
  VALIDATION: "a value does not satisfy its field's type or constraints",
  TYPE: "an argument has the wrong shape: not a mapping, list, text or number as required",
  SCHEMA: "an entity definition is malformed",
  SCHEMA_CONFLICT: "the entity is registered with a different structure",
  DUPLICATE: "the object_id exists already or occurs twice in one batch",
  UNIQUE: "a unique constraint rejects the value",
  AMBIGUOUS: "the object_id exists in several entities",
  QUERY: "the query is malformed",
  UNKNOWN_FIELD: "the entity has no such field",
  UNKNOWN_ENTITY: "no such entity is registered",
  UNKNOWN_BACKEND: "no such backend instance, type or option",
  UNKNOWN_PRESET: "no such preset",
  UNSUPPORTED: "no backend and no fallback can do this for that type and strategy",
  UNSUPPORTED_STORAGE: "the backend cannot store this type",
  ROUTING: "a field is stored to a backend that the workspace does not have",
  LIMIT: "a documented maximum is exceeded",
  MEMORY: "memory could not be allocated",
  BACKEND: "the storage engine reported an error",
  UNAVAILABLE: "the backend cannot be reached or its driver is missing",
  BAD_REPLY: "the backend answered with something undocumented",
  REFUSED: "the backend refused the credentials or the operation",
  CORRUPT: "stored bytes cannot be decoded",
  LOCKED: "another owner holds the storage",
  PARTIAL_WRITE: "a write that spans backends was completed only in part",
  CANCELLED: "the caller aborted",
  TIMEOUT: "the deadline passed",
  CLOSED: "the workspace is closed or dropped",
  HOST: "the host environment failed",
  INTERNAL: "a defect of this library",
  RESTRICTED: "edges lead to the row that is to be deleted",
  COMPUTE: "a function that computes a value failed, or cannot run in this host",
  UNKNOWN_COMPUTE: "no function is registered under that name",
  SCHEMA_DRIFT: "another program changed the tables that an entity is stored in",
  FORMAT: "what is stored, or given, is in the format of another version",
});
