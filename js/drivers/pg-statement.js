// SPDX-License-Identifier: MIT
// A statement of node-postgres whose result is limited while it is read. It speaks the extended protocol, which takes one
// statement and no second one behind it, and has the server stop after the rows that are asked for.
import { HeavenBaseError } from "../errors.js";

/** @typedef {import("../host/sql.js").SqlColumn} SqlColumn */
/** @typedef {import("../host/sql.js").SqlResult} SqlResult */

/** What texts of these types write, by object id. @type {Record<number, SqlColumn["text"]>} */
const TEXTS = { 16: "boolean", 17: "bytes", 20: "integer", 21: "integer", 23: "integer", 26: "integer", 700: "float", 701: "float" };
/** A message may be as large as a row: this much beyond the limit of bytes, and the connection is cut. */
const SLACK_BYTES = 1 << 20;
const COPY_REFUSED = "COPY from and to the client is not served here";

/** @param {readonly { name: string, dataTypeID: number }[]} fields @returns {SqlColumn[]} */
export const columnsOf = (fields) => fields.map(({ name, dataTypeID }) => (TEXTS[dataTypeID] ? { name, text: TEXTS[dataTypeID] } : { name }));

/** pg takes bytes as Buffer, and integers beyond 2^53 as text. @param {unknown} value */
export function valueOf(value) {
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return typeof value === "bigint" ? String(value) : value;
}

/** What the protocol itself takes. @param {unknown} value */
function wireValueOf(value) {
  if (value === null || value === undefined || typeof value === "string") return value ?? null;
  return value instanceof Uint8Array ? valueOf(value) : textOf(value);
}

/** @param {unknown} value */
export const textOf = (value) => (Object.is(value, -0) ? "-0" : String(value));

/** One that node-postgres runs by `client.query(statement)`, calling its `submit` and `handle…`. */
export class LimitedStatement {
  /** @type {SqlColumn[]} */
  #columns = [];
  /** @type {(string | null)[][]} */
  #rows = [];
  #tag = "";
  #bytes = 0;
  #wireBytes = 0;
  /** @type {Error | undefined} */
  #refusal;
  /** @type {any} */
  #stream;
  #count = (/** @type {Uint8Array} */ chunk) => {
    this.#wireBytes += chunk.length;
    if (this.#wireBytes > this.maxBytes * 2 + SLACK_BYTES) this.#tooLarge();
  };

  /**
   * @param {{ query: (statement: any) => unknown }} client @param {string} text @param {unknown[]} params @param {{ maxRows?: number, maxBytes?: number }} limits
   * @returns {Promise<{ result: SqlResult, tag: string }>} the tag says what was done: `SELECT 2`
   */
  static run(client, text, params, limits) {
    return new Promise((resolve, reject) => {
      client.query(new LimitedStatement(text, params.map(wireValueOf), limits, { resolve, reject }));
    });
  }

  /** @param {string} text @param {unknown[]} values @param {{ maxRows?: number, maxBytes?: number }} limits @param {{ resolve: (value: any) => void, reject: (error: unknown) => void }} waiting */
  constructor(text, values, { maxRows = 0x7ffffffe, maxBytes = Infinity }, waiting) {
    this.text = text;
    this.values = values;
    this.maxRows = maxRows;
    this.maxBytes = maxBytes;
    this.waiting = waiting;
  }

  /** @param {any} connection */
  submit(connection) {
    this.#stream = connection.stream;
    this.#stream.on("data", this.#count);
    this.#stream.cork?.();
    try {
      connection.parse({ text: this.text });
      connection.bind({ values: this.values });
      connection.describe({ type: "P" });
      connection.execute({ rows: this.maxRows + 1 });
      connection.sync();
    } finally {
      this.#stream.uncork?.();
    }
    return null;
  }

  /** @param {{ fields: { name: string, dataTypeID: number }[] }} message */
  handleRowDescription({ fields }) {
    this.#columns = columnsOf(fields);
  }

  /** @param {{ fields: (string | null)[], length: number }} message */
  handleDataRow({ fields, length }) {
    if (this.#refusal) return;
    this.#bytes += length;
    if (this.#bytes > this.maxBytes) this.#tooLarge();
    else if (this.#rows.push(fields) > this.maxRows) this.#refuse(`more than ${this.maxRows} rows`);
  }

  /** There are more rows than were asked for. */
  handlePortalSuspended() {
    this.#refuse(`more than ${this.maxRows} rows`);
  }

  handleEmptyQuery() {}

  /** @param {{ text: string }} message */
  handleCommandComplete({ text }) {
    this.#tag = text;
  }

  /** @param {any} connection */
  handleCopyInResponse(connection) {
    this.#refusal ??= new HeavenBaseError("UNSUPPORTED", COPY_REFUSED, { native: "0A000" });
    connection.sendCopyFail(COPY_REFUSED);
    connection.sync();                       // the first one was read as part of the copy
  }

  handleCopyData() {
    this.#refusal ??= new HeavenBaseError("UNSUPPORTED", COPY_REFUSED, { native: "0A000" });
  }

  /** @param {unknown} error */
  handleError(error) {
    this.#stream?.off("data", this.#count);
    this.waiting.reject(this.#refusal ?? error);
  }

  handleReadyForQuery() {
    this.#stream.off("data", this.#count);
    if (this.#refusal) return this.waiting.reject(this.#refusal);
    const affected = Number(/^(?:INSERT \d+|UPDATE|DELETE|MERGE|COPY) (\d+)$/.exec(this.#tag)?.[1] ?? 0);
    this.waiting.resolve({ result: { columns: this.#columns, rows: this.#rows, affected, bytes: this.#bytes }, tag: this.#tag });
  }

  /** @param {string} found */
  #refuse(found) {
    this.#refusal ??= new HeavenBaseError("LIMIT", `the result has ${found}`);
    this.#rows = [];
  }

  /** The server would send the rest of its rows, however large: it is told to stop by the end of the connection. */
  #tooLarge() {
    this.#refuse(`more than ${this.maxBytes} bytes`);
    this.#stream.destroy();
  }
}
