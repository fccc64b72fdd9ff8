// SPDX-License-Identifier: MIT
// One loaded module: writes call blocks, makes the crossing, reads reply blocks. Everything that a reply points to
// is gone with the next call, so answers are decoded or copied before anything else runs.
import { HeavenBaseError, codeOf } from "../errors.js";
import { ABI_VERSION, AT_NONE, Answer, CALL_LEN, CallAt, ENTITY_NONE, Op, ReplyAt, State } from "../generated/abi.js";
import { writeBatch } from "./batch-writer.js";
import { exactJson } from "./exact-json.js";
import { Memory } from "./memory.js";
import { packValue, unpack } from "./pack.js";
import { Sink } from "./sink.js";

/** @typedef {import("./memory.js").CoreModule} CoreModule */
/** @typedef {import("./batch-writer.js").InputColumn} InputColumn */
/**
 * @typedef {object} Request
 * @property {number} kind
 * @property {number} [entity]
 * @property {number} [flags]
 * @property {number} [prepared]
 * @property {string} [text]
 * @property {unknown} [pack] sent as MessagePack in the place of the text
 * @property {Uint8Array} [bytes] sent as they are in the place of the text
 * @property {readonly unknown[]} [params]
 * @property {string} [id] one object_id
 * @property {readonly InputColumn[]} [columns]
 * @property {number} [rowCount]
 * @property {string | null} [entityId] for errors
 * @property {number} [timeoutMs] the call's deadline, from now on
 */
/**
 * An operation for the host. Its bytes are copies.
 * @typedef {object} HostOp
 * @property {number} id
 * @property {"fetch" | "sql"} kind
 * @property {string} backend
 * @property {string} method
 * @property {string} url
 * @property {Record<string, string>} headers
 * @property {Uint8Array} body FETCH
 * @property {import("../host/sql.js").Statement[]} statements SQL, in this order
 * @property {boolean} inTransaction all of the statements, or none
 * @property {number} timeoutMs 0: the call's
 * @property {number} delayMs FETCH: to wait before it begins
 * @property {number} answerMax FETCH: more bytes are no answer; 0: any number
 * @property {boolean} undo FETCH: given up, its URL is to be DELETEd
 */
/** @typedef {{ failed: boolean, status: number, head: Record<string, string>, body?: Uint8Array, columns?: InputColumn[], rowCount?: number }} HostReply */

export class Core {
  /** @type {CoreModule} */
  #module;
  #sink;
  #reply;
  memory;

  /** @param {CoreModule} module */
  constructor(module) {
    const version = module._hb_abi_version();
    if (version !== ABI_VERSION) {
      throw new HeavenBaseError("HOST", `the module has ABI version ${version}, this package needs ${ABI_VERSION}`);
    }
    this.#module = module;
    this.memory = new Memory(module);
    this.#reply = module._hb_reply_address() >>> 0;
    this.#sink = new Sink((size) => {
      const base = module._hb_exchange(size) >>> 0;
      if (base === 0) throw new HeavenBaseError("MEMORY", "");
      return { buffer: this.memory.buffer, base };
    });
  }

  /** What the instance's memory takes, used or not. */
  get memoryBytes() {
    return this.memory.buffer.byteLength;
  }

  /** The glue's file systems, for the hosts. */
  get module() {
    return this.#module;
  }

  /** @param {string} text @returns {number} */
  #send(text) {
    this.#sink.reset();
    const len = this.#sink.text(text);
    if (len < 0) throw new HeavenBaseError("TYPE", "the text has a lone surrogate and is not valid Unicode");
    return len;
  }

  /** @param {object} options @returns {number} handle */
  open(options) {
    const handle = this.#module._hb_open(this.#send(JSON.stringify(options)));
    if (handle === 0) throw this.error();
    return handle;
  }

  /** @param {number} handle */
  close(handle) {
    this.#module._hb_close(handle);
  }

  /** Nothing is to be done for the moment: files may be given back to other processes. @param {number} handle */
  idle(handle) {
    this.#module._hb_idle(handle);
  }

  /** Number of a registered entity; UNKNOWN_ENTITY when there is none. @param {number} handle @param {string} id */
  entityIndex(handle, id) {
    const index = this.#module._hb_entity(handle, this.#send(id)) >>> 0;
    if (index === ENTITY_NONE) throw this.error();
    return index;
  }

  /** One crossing. @param {number} handle 0: no workspace @param {Request} request @returns {number} State */
  call(handle, request) {
    const sink = this.#sink;
    sink.again(this.memory.buffer);
    sink.zeros(CALL_LEN);
    const text = request.bytes ? this.#bytes(request.bytes) : this.#section(request.text, request.pack);
    const params = request.params && request.params.length > 0 ? this.#section(undefined, request.params) : NOTHING;
    const batch = this.#batch(request);
    const { view, base } = sink;
    view.setUint32(base + CallAt.kind, request.kind, true);
    view.setUint32(base + CallAt.entity, request.entity ?? ENTITY_NONE, true);
    view.setUint32(base + CallAt.flags, request.flags ?? 0, true);
    view.setUint32(base + CallAt.prepared, request.prepared ?? 0, true);
    view.setFloat64(base + CallAt.now_ms, Date.now(), true);
    view.setUint32(base + CallAt.text_off, text.off, true);
    view.setUint32(base + CallAt.text_len, text.len, true);
    view.setUint32(base + CallAt.params_off, params.off, true);
    view.setUint32(base + CallAt.params_len, params.len, true);
    view.setUint32(base + CallAt.batch_off, batch.off, true);
    view.setUint32(base + CallAt.batch_len, batch.len, true);
    view.setUint32(base + CallAt.id_form, request.id === undefined ? 0 : 1, true);
    view.setUint32(base + CallAt.timeout_ms, wholeMs(request.timeoutMs), true);
    return this.#cross(handle);
  }

  /**
   * A call about one object_id, without the detours of `call`.
   * @param {number} handle @param {number} kind @param {number} entity @param {number} flags @param {string} id @param {boolean} asRow is the answer to be in the row form? @param {number | undefined} timeoutMs @param {number} [now] writes say when @returns {number} State
   */
  callOne(handle, kind, entity, flags, id, asRow, timeoutMs, now = 0) {
    const sink = this.#sink;
    sink.again(this.memory.buffer);
    sink.pos = CALL_LEN;
    const len = sink.text(id);
    if (len < 0) throw new HeavenBaseError("INVALID_ID", "the object_id has a lone surrogate and is not valid Unicode");
    const { u32 } = this.memory;
    const block = sink.base >> 2;
    for (let at = block; at < block + (CALL_LEN >> 2); at++) u32[at] = 0;
    u32[block + (CallAt.kind >> 2)] = kind;
    u32[block + (CallAt.entity >> 2)] = entity;
    u32[block + (CallAt.flags >> 2)] = flags;
    u32[block + (CallAt.batch_off >> 2)] = CALL_LEN;
    u32[block + (CallAt.batch_len >> 2)] = len;
    u32[block + (CallAt.id_form >> 2)] = asRow ? 2 : 1;
    if (timeoutMs !== undefined) u32[block + (CallAt.timeout_ms >> 2)] = wholeMs(timeoutMs);
    if (now !== 0) sink.view.setFloat64(sink.base + CallAt.now_ms, now, true);
    return this.#cross(handle);
  }

  /** @param {number} handle @returns {number} State */
  #cross(handle) {
    const state = this.#module._hb_call(handle);
    if (state !== State.DONE && state !== State.FAILED) this.#sink.leave();      // the task took the exchange buffer
    return state;
  }

  /** @param {Uint8Array} bytes */
  #bytes(bytes) {
    const off = this.#sink.pos;
    this.#sink.bytes(bytes);
    return { off, len: bytes.length };
  }

  /** @param {string | undefined} text @param {unknown} pack */
  #section(text, pack) {
    if (text === undefined && pack === undefined) return NOTHING;
    const off = this.#sink.pos;
    if (text === undefined) packValue(this.#sink, pack);
    else if (this.#sink.text(text) < 0) throw new HeavenBaseError("QUERY", "the text has a lone surrogate and is not valid Unicode");
    return { off, len: this.#sink.pos - off };
  }

  /** @param {Request} request */
  #batch({ id, columns, rowCount, entityId }) {
    const sink = this.#sink;
    if (id === undefined) return columns ? writeBatch(sink, columns, rowCount ?? 0, entityId) : NOTHING;
    const off = sink.pos;
    const len = sink.text(id);
    if (len < 0) throw new HeavenBaseError("INVALID_ID", "the object_id has a lone surrogate and is not valid Unicode");
    return { off, len };
  }

  // ---- the reply block ------------------------------------------------------------------

  /** @param {number} at */
  #u32(at) {
    return this.memory.view.getUint32(this.#reply + at, true);
  }

  /** What a failed call says. */
  error() {
    const text = (/** @type {number} */ at) => this.memory.cstring(this.#u32(at));
    const at = this.#u32(ReplyAt.at);
    return new HeavenBaseError(codeOf(this.#u32(ReplyAt.code)), text(ReplyAt.message_ptr), { entity: text(ReplyAt.entity_ptr),
      field: text(ReplyAt.field_ptr), backend: text(ReplyAt.backend_ptr), native: text(ReplyAt.native_ptr),
      at: at === AT_NONE ? null : at, partial: JSON.parse(text(ReplyAt.detail_ptr) || "null") });
  }

  get task() {
    return this.#u32(ReplyAt.task);
  }

  /** Where the answer lies in memory: a batch in wire form, valid until the next call. */
  get answerAt() {
    const { u32 } = this.memory;
    const reply = this.#reply >> 2;
    if (u32[reply + (ReplyAt.answer >> 2)] !== Answer.FRAME) throw new HeavenBaseError("INTERNAL", "the core did not answer with rows");
    return u32[reply + (ReplyAt.ptr >> 2)];
  }

  /** The text behind the batch. @returns {string | null} */
  #cursor() {
    const len = this.#u32(ReplyAt.cursor_len);
    return len === 0 ? null : this.memory.text(this.#u32(ReplyAt.ptr) + this.#u32(ReplyAt.len), len);
  }

  /** A copy of the answer's batch, and what is known beside it. */
  frame() {
    const bytes = this.memory.copy(this.answerAt, this.#u32(ReplyAt.len));
    const known = this.#u32(ReplyAt.total_known) !== 0;
    return { bytes, total: known ? this.memory.view.getFloat64(this.#reply + ReplyAt.total, true) : null,
      truncated: this.#u32(ReplyAt.truncated) !== 0, cursor: this.#cursor() };
  }

  /** @returns {any} */
  json() {
    if (this.#u32(ReplyAt.answer) !== Answer.JSON) return null;
    return JSON.parse(this.memory.text(this.#u32(ReplyAt.ptr), this.#u32(ReplyAt.len)));
  }

  /** An answer with definitions: integers beyond 2^53 are bigints. @returns {any} */
  definitionJson() {
    return exactJson(this.memory.text(this.#u32(ReplyAt.ptr), this.#u32(ReplyAt.len)));
  }

  /** An Arrow IPC stream of a frame's bytes. @param {Uint8Array} batch @param {readonly number[]} columns @param {readonly number[] | null} rows null: all @returns {Uint8Array} */
  arrow(batch, columns, rows) {
    const sink = this.#sink;
    sink.reset(batch.length + 8 + 4 * (columns.length + (rows?.length ?? 0)));
    sink.bytes(batch);
    sink.align(8);
    const columnsAt = this.#indexes(columns);
    const rowsAt = rows ? this.#indexes(rows) : 0;
    const state = this.#module._hb_arrow(batch.length, columnsAt, columns.length, rowsAt, rows?.length ?? 0);
    if (state !== State.DONE) throw this.error();
    return this.memory.copy(this.#u32(ReplyAt.ptr), this.#u32(ReplyAt.len));
  }

  /** @param {readonly number[]} indexes */
  #indexes(indexes) {
    const sink = this.#sink;
    const at = sink.pos;
    sink.room(indexes.length * 4);
    indexes.forEach((index, i) => sink.view.setUint32(sink.base + at + i * 4, index, true));
    sink.pos += indexes.length * 4;
    return at;
  }

  /** A copy of an answer in bytes; null when there is none. */
  bytes() {
    if (this.#u32(ReplyAt.answer) !== Answer.BYTES) return null;
    return this.memory.copy(this.#u32(ReplyAt.ptr), this.#u32(ReplyAt.len));
  }

  // ---- tasks that wait for the host -----------------------------------------------------

  /** @returns {HostOp} */
  readOp() {
    const text = (/** @type {number} */ ptr, /** @type {number} */ len) => this.memory.text(this.#u32(ptr), this.#u32(len));
    const bytes = (/** @type {number} */ ptr, /** @type {number} */ len) => this.memory.copy(this.#u32(ptr), this.#u32(len));
    const sql = this.#u32(ReplyAt.op_kind) === Op.SQL;
    const body = bytes(ReplyAt.op_body_ptr, ReplyAt.op_body_len);
    const headers = bytes(ReplyAt.op_headers_ptr, ReplyAt.op_headers_len);
    return { id: this.#u32(ReplyAt.op_id), kind: sql ? "sql" : "fetch", backend: text(ReplyAt.op_backend_ptr, ReplyAt.op_backend_len),
      method: text(ReplyAt.op_method_ptr, ReplyAt.op_method_len), url: text(ReplyAt.op_url_ptr, ReplyAt.op_url_len),
      headers: headers.length > 0 ? unpack(headers) : {}, body: sql ? new Uint8Array(0) : body,
      statements: sql ? unpack(body).map((/** @type {[string, unknown[]]} */ [text, params]) => ({ sql: text, params })) : [],
      inTransaction: (this.#u32(ReplyAt.op_flags) & 1) !== 0, undo: (this.#u32(ReplyAt.op_flags) & 2) !== 0,
      timeoutMs: this.#u32(ReplyAt.op_timeout_ms), delayMs: this.#u32(ReplyAt.op_delay_ms), answerMax: this.#u32(ReplyAt.op_answer_max) };
  }

  /** @param {number} task @returns {number} State */
  goOn(task) {
    return this.#module._hb_task_go_on(task);
  }

  /** @param {number} task @param {number} op @param {HostReply} reply @returns {number} State */
  takeReply(task, op, { failed, status, head, body, columns, rowCount }) {
    const sink = this.#sink;
    sink.reset();
    packValue(sink, head);
    const headLen = sink.pos;
    sink.align(8);
    const from = sink.pos;
    if (columns) writeBatch(sink, columns, rowCount ?? 0);
    else if (body) sink.bytes(body);
    return this.#module._hb_task_take_reply(task, op, failed ? 1 : 0, status, headLen, sink.pos - from);
  }

  /** @param {number} task */
  cancel(task) {
    this.#module._hb_task_cancel(task);
  }
}

const NOTHING = Object.freeze({ off: 0, len: 0 });

/** For the core 0 means none, so that no time at all is the shortest. @param {number | undefined} timeoutMs */
const wholeMs = (timeoutMs) => (timeoutMs === undefined ? 0 : Math.min(Math.max(Math.ceil(timeoutMs), 1), 0xffffffff));

export { State };
