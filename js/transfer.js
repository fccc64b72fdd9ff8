// SPDX-License-Identifier: MIT
// A whole workspace as one file, record by record (src/value/archive.h): the core makes and takes the records, this
// loop moves them, so that a large workspace never lies in the module's memory at once.
import { readBatch, readCell } from "./core/batch-reader.js";
import { unpack } from "./core/pack.js";
import { HeavenBaseError, cancelled } from "./errors.js";
import { Call, Flag } from "./generated/abi.js";

/** @typedef {import("./core/call.js").Request} Request */
/** One record done. @typedef {{ entity: string | null, rows: number, bytes: number, totalBytes: number | null }} TransferProgress */
/** @typedef {{ signal?: AbortSignal, timeoutMs?: number, onProgress?: (progress: TransferProgress) => void }} TransferOptions */
/**
 * What the loop needs of a workspace.
 * @typedef {object} Transferable
 * @property {readonly { id: string, index: number }[]} entities the user's, in the order of their registration
 * @property {{ id: string, index: number } | null} catalog null: none is kept
 * @property {(request: Request) => Uint8Array | null | Promise<Uint8Array | null>} bytes
 * @property {(request: Request) => any} json
 * @property {(request: Request) => void | Promise<void>} apply
 * @property {(entity: { index: number }) => number | Promise<number>} count
 */
/** @typedef {{ kind: "head" | "entity" | "rows" | "end", length: number, rows: number, of: string | null, data: any, at: number, number: number }} RecordInfo */

const CATALOG = "sys-catalog";
const RECORD_BYTES = 1 << 20;
const ROWS_FIRST = 256;
const ROWS_MAX = 65_536;
const RECORD_HEAD_LEN = 16;
const FILE_HEAD_LEN = 16;
const MAGIC = Array.from("HBEXPORT", (char) => char.charCodeAt(0));
const SLICE_MS = 12;

/** Lets the host breathe between two records, and notices an abort. @param {AbortSignal | undefined} signal @returns {() => Promise<void>} */
function breather(signal) {
  let since = performance.now();
  return async () => {
    if (signal?.aborted) throw cancelled(signal);
    if (performance.now() - since < SLICE_MS) return;
    await new Promise((resolve) => { setTimeout(resolve); });
    since = performance.now();
    if (signal?.aborted) throw cancelled(signal);
  };
}

/** @param {Transferable} from @param {(record: Uint8Array) => void | Promise<void>} write @param {TransferOptions} options */
export async function exportRecords(from, write, { signal, onProgress }) {
  const breathe = breather(signal);
  let number = 0;
  let rows = 0;
  let bytes = 0;
  /** @param {unknown[]} params @param {{ id: string, index: number } | null} of */
  const next = async (params, of) => {
    const record = await from.bytes({ kind: Call.EXPORT, entity: of?.index, params: [params[0], number, ...params.slice(1)] });
    if (record === null) return null;
    number += 1;
    bytes += record.length;
    await write(record);
    return record;
  };
  await next(["head"], null);
  for (const entity of from.entities) await next(["entity"], entity);
  for (const entity of [...from.entities, ...(from.catalog && from.entities.length > 0 ? [from.catalog] : [])]) {
    let after = "";
    let limit = ROWS_FIRST;
    for (;;) {
      await breathe();
      const record = await next(["rows", after, limit], entity);
      if (record === null) break;
      const last = lastRow(record);
      after = last.id;
      rows += last.count;
      onProgress?.({ entity: entity.id, rows, bytes, totalBytes: null });
      if (last.count < limit) break;
      limit = Math.max(1, Math.min(ROWS_MAX, Math.round((RECORD_BYTES / record.length) * last.count)));
    }
  }
  await next(["end", "", 1, rows], null);
}

/** Everything of one workspace into an empty one, record by record, so that nothing is there a third time. @param {Transferable} from @param {Transferable} into @param {TransferOptions} options */
export async function moveRecords(from, into, options) {
  const { timeoutMs } = options;
  const end = timeoutMs === undefined ? Infinity : performance.now() + timeoutMs;
  const withCatalog = from.catalog !== null && from.entities.length > 0;
  let number = 0;
  await exportRecords(from, async (bytes) => {
    if (performance.now() > end) throw new HeavenBaseError("TIMEOUT", `the workspace was not moved within ${timeoutMs} ms`);
    const params = [number++];
    const { kind } = into.json({ kind: Call.IMPORT, flags: Flag.DRY_RUN, bytes, params });
    if (kind !== "entity" && kind !== "rows") return;
    await into.apply({ kind: Call.IMPORT, flags: withCatalog && kind === "rows" ? Flag.NO_CATALOG : 0, bytes, params });
  }, options);
}

/** @param {Uint8Array} record of rows */
function lastRow(record) {
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  const idLength = view.getUint32(RECORD_HEAD_LEN, true);
  const base = RECORD_HEAD_LEN + Math.ceil((8 + idLength) / 8) * 8;
  const batch = readBatch({ u8: record, view }, base);
  return { count: batch.rowCount, id: /** @type {string} */ (readCell(batch.bytes, batch.columns[0], batch.rowCount - 1, true)) };
}

/** Any source of bytes as one array. @param {unknown} source @returns {Promise<Uint8Array>} */
export async function allBytes(source) {
  if (source instanceof Uint8Array) return source;
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (typeof Blob !== "undefined" && source instanceof Blob) return new Uint8Array(await source.arrayBuffer());
  if (typeof ReadableStream !== "undefined" && source instanceof ReadableStream) return new Uint8Array(await new Response(source).arrayBuffer());
  throw new HeavenBaseError("TYPE", "an export is given as a Uint8Array, ArrayBuffer, Blob or ReadableStream");
}

/** Whose export it is. All else is checked on import. @param {Uint8Array} bytes @returns {{ workspace: string, preset: string }} */
export function exportHead(bytes) {
  const from = FILE_HEAD_LEN + RECORD_HEAD_LEN;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes.length >= from ? view.getUint32(FILE_HEAD_LEN + 8, true) : 0;
  if (length === 0 || from + length > bytes.length || !MAGIC.every((byte, i) => bytes[i] === byte)) {
    throw new HeavenBaseError("CORRUPT", "not an exported workspace");
  }
  const head = unpack(bytes, from, from + length);
  if (typeof head?.workspace !== "string" || typeof head.preset !== "string") {
    throw new HeavenBaseError("CORRUPT", "the export does not say which workspace it is of");
  }
  return head;
}

/** @param {(write: (record: Uint8Array) => void) => Promise<void>} exporting @returns {Promise<Uint8Array>} */
export async function exportBytes(exporting) {
  /** @type {Uint8Array[]} */
  const records = [];
  await exporting((record) => { records.push(record); });
  const whole = new Uint8Array(records.reduce((length, record) => length + record.length, 0));
  let at = 0;
  for (const record of records) {
    whole.set(record, at);
    at += record.length;
  }
  return whole;
}

/** @param {WritableStream<Uint8Array>} stream @param {(write: (record: Uint8Array) => Promise<void>) => Promise<void>} exporting */
export async function exportToStream(stream, exporting) {
  if (typeof stream?.getWriter !== "function") throw new HeavenBaseError("TYPE", "exportTo takes a WritableStream");
  const writer = stream.getWriter();
  try {
    await exporting((record) => writer.ready.then(() => writer.write(record)));
    await writer.close();
  } catch (error) {
    await writer.abort(error).catch(() => {});        // the first error is the one to report
    throw error;
  }
}

/** Checks the whole file, then takes it in. @param {Transferable} into @param {Uint8Array} bytes @param {TransferOptions & { overwrite: boolean }} options */
export async function importFile(into, bytes, options) {
  const records = await checkRecords(into, bytes, options);
  const entities = [...new Set(records.flatMap(({ of }) => (of === null || of === CATALOG ? [] : [of])))];
  for (const entity of options.overwrite ? [] : into.entities.filter(({ id }) => entities.includes(id))) {
    const count = await into.count(entity);
    if (count === 0) continue;
    throw new HeavenBaseError("DUPLICATE", `entity '${entity.id}' has ${count} rows here already; pass overwrite: true to let the export's rows replace them`, { entity: entity.id });
  }
  return { entities, rows: await importRecords(into, bytes, records, options) };
}

/** Checks every record before anything is written. @param {Transferable} into @param {Uint8Array} bytes @param {TransferOptions} options @returns {Promise<RecordInfo[]>} */
async function checkRecords(into, bytes, { signal }) {
  const breathe = breather(signal);
  /** @type {RecordInfo[]} */
  const records = [];
  let rows = 0;
  for (let at = 0; records.at(-1)?.kind !== "end";) {
    await breathe();
    const number = records.length;
    const record = into.json({ kind: Call.IMPORT, flags: Flag.DRY_RUN, bytes: recordBytes(bytes, at, number), params: [number] });
    records.push({ ...record, at, number });
    at += record.length;
    rows += record.rows;
    if (record.kind === "end" && (record.data.records !== records.length || record.data.rows !== rows || at !== bytes.length)) {
      throw new HeavenBaseError("CORRUPT", `the export says ${record.data.records} records of ${record.data.rows} rows, and has ${records.length} of ${rows} and ${bytes.length - at} bytes behind them`);
    }
  }
  return records;
}

/** The record at `at` as far as its head says; the core finds whether that is true. @param {Uint8Array} bytes @param {number} at @param {number} number */
function recordBytes(bytes, at, number) {
  const head = at + (number === 0 ? FILE_HEAD_LEN : 0);
  if (head + RECORD_HEAD_LEN > bytes.length) return bytes.subarray(at);
  const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(head + 8, true);
  return bytes.subarray(at, Math.min(bytes.length, head + RECORD_HEAD_LEN + Math.ceil(length / 8) * 8));
}

/** @param {Transferable} into @param {Uint8Array} bytes @param {readonly RecordInfo[]} records @param {TransferOptions} options */
async function importRecords(into, bytes, records, { signal, onProgress }) {
  const breathe = breather(signal);
  const withCatalog = records.some((record) => record.of === into.catalog?.id);
  let rows = 0;
  for (const { kind, at, length, of, number, rows: more } of records) {
    if (kind !== "entity" && kind !== "rows") continue;
    if (of === CATALOG && into.catalog === null) continue;
    await breathe();
    const flags = withCatalog && kind === "rows" ? Flag.NO_CATALOG : 0;
    await into.apply({ kind: Call.IMPORT, flags, bytes: bytes.subarray(at, at + length), params: [number] });
    rows += more;
    onProgress?.({ entity: of, rows, bytes: at + length, totalBytes: bytes.length });
  }
  return rows;
}
