// SPDX-License-Identifier: MIT
// What the gateway answers when it doesn't answer rows. Messages are made here: an engine's own may hold values.
import { HeavenBaseError } from "../errors.js";

/** The codes and their HTTP status. */
const STATUS = Object.freeze({
  INVALID_REQUEST: 400, UNAUTHORIZED: 401, FORBIDDEN: 403, READ_ONLY: 403, NOT_FOUND: 404, METHOD_NOT_ALLOWED: 405, REQUEST_TIMEOUT: 408,
  REQUEST_TOO_LARGE: 413, UNSUPPORTED_MEDIA_TYPE: 415, STATEMENT_FAILED: 422, RESULT_TOO_LARGE: 422, TOO_MANY_REQUESTS: 429,
  HEADERS_TOO_LARGE: 431, CLIENT_GONE: 499, INTERNAL: 500, UNAVAILABLE: 503, TIMEOUT: 504,
});
/** @typedef {keyof typeof STATUS} GatewayCode */
/** @typedef {{ native?: string, statement?: number, began?: false, headers?: Record<string, string> }} GatewayDetails */

export class GatewayError extends Error {
  /** @param {GatewayCode} code @param {string} message @param {GatewayDetails} [details] */
  constructor(code, message, { native, statement, began, headers = {} } = {}) {
    super(message);
    this.code = code;
    this.status = STATUS[code];
    this.native = native;
    this.statement = statement;
    this.began = began;
    this.headers = headers;
  }

  /** @override */
  get name() {
    return "GatewayError";
  }

  toJSON() {
    const { code, message, native, statement, began } = this;
    return { code, message, ...(native !== undefined && { native }), ...(statement !== undefined && { statement }), ...(began !== undefined && { began }) };
  }
}

/** The next try may find a connection. */
const SOON = { "retry-after": "1" };

/** @param {string} message @param {string} [native] */
export const notBegun = (message, native) => new GatewayError("UNAVAILABLE", message, { began: false, native, headers: SOON });

/** A request that comes too late. */
export const stopping = () => new GatewayError("UNAVAILABLE", "the gateway is stopping", { began: false, headers: { connection: "close", ...SOON } });

/** Why a request is given up, as the reason of its signal. @typedef {"timeout" | "gone" | "stopping"} EndReason */
/** An error that an engine told: what it is, the engine's own code, and names (no values) that say where. @typedef {{ kind: "readOnly" | "cancelled" | "unreachable" | "refused", native?: string, where?: string }} Verdict */

/**
 * What the error of a driver means to the client.
 * @param {unknown} error @param {{ reason: EndReason | undefined, statement: number | undefined, judge: (error: any) => Verdict }} at @returns {Error} a defect of ours is itself
 */
export function failureOf(error, { reason, statement, judge }) {
  if (error instanceof GatewayError || error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError) return error;
  if (error instanceof HeavenBaseError && error.code === "LIMIT") return new GatewayError("RESULT_TOO_LARGE", error.message, { statement });
  const { kind, native, where } = judge(error);
  if (reason !== undefined && kind !== "refused" && kind !== "readOnly") return givenUp(reason, native, statement);
  if (kind === "readOnly") return new GatewayError("READ_ONLY", "the connection only reads", { native, statement });
  if (kind === "unreachable") return new GatewayError("UNAVAILABLE", "the connection to the database was lost", { native });
  const what = statement === undefined ? "the transaction" : `statement ${statement}`;
  return new GatewayError("STATEMENT_FAILED", `the database refused ${what}${where ? `: ${where}` : ""}`, { native, statement });
}

/** @param {EndReason} reason @param {string | undefined} native @param {number | undefined} statement */
function givenUp(reason, native, statement) {
  if (reason === "gone") return new GatewayError("CLIENT_GONE", "the client left");
  if (reason === "stopping") return new GatewayError("UNAVAILABLE", "the gateway is stopping; the statement was cancelled", { statement });
  return new GatewayError("TIMEOUT", "the time for the request is over; the statement was cancelled", { native, statement });
}

/** What a SQLSTATE is about, by its first two characters. @type {Record<string, string>} */
const CLASSES = {
  "0A": "feature not supported", 21: "cardinality violation", 22: "data exception", 23: "integrity constraint violation", 25: "invalid transaction state",
  "2D": "a statement may not end the transaction", 28: "invalid authorisation", 40: "transaction rolled back", 42: "syntax error or access rule violation",
  53: "insufficient resources", 54: "program limit exceeded", 55: "object not in prerequisite state", 57: "operator intervention", P0: "raised by a function",
};
const NETWORK = /^(E[A-Z]+|ERR_SOCKET.*|PROTOCOL_CONNECTION_LOST|UNAVAILABLE)$/;

/** PostgreSQL: SQLSTATE, and the names that the server gives beside its message. @param {any} error @returns {Verdict} */
export function judgePostgres(error) {
  const native = error instanceof HeavenBaseError ? error.native : error?.code;
  if (typeof native !== "string" || !/^[0-9A-Z]{5}$/.test(native)) return { kind: "unreachable", native: nativeOf(error) };
  if (native === "25006") return { kind: "readOnly", native };
  if (native === "57014") return { kind: "cancelled", native };
  if (/^(08|57P0|53300)/.test(native)) return { kind: "unreachable", native };
  const names = ["table", "column", "constraint"].filter((key) => typeof error[key] === "string").map((key) => `, ${key} ${JSON.stringify(error[key])}`);
  const position = /^42/.test(native) && /^\d+$/.test(error.position ?? "") ? `, at character ${error.position}` : "";
  return { kind: "refused", native, where: `${CLASSES[native.slice(0, 2)] ?? "error"} (${native})${names.join("")}${position}` };
}

/** MySQL and its relatives: the server's number. @param {any} error @returns {Verdict} */
export function judgeMysql(error) {
  const native = error instanceof HeavenBaseError ? error.native : error?.code;
  if (error instanceof HeavenBaseError && native) return { kind: "refused", native, where: CLASSES[native.slice(0, 2)] };
  if (typeof native !== "string" || !/^\d+$/.test(native)) return { kind: "unreachable", native: nativeOf(error) };
  if (native === "1792") return { kind: "readOnly", native };
  if (/^(1317|1969|3024|4012)$/.test(native)) return { kind: "cancelled", native };
  if (/^(1040|1053|1203|1226|1927)$/.test(native)) return { kind: "unreachable", native };
  return { kind: "refused", native, where: `${CLASSES[String(error.cause?.sqlState).slice(0, 2)] ?? "error"} (${native})` };
}

/** SQL Server: its number. @param {any} error @returns {Verdict} */
export function judgeMssql(error) {
  const native = error instanceof HeavenBaseError ? error.native : error?.code;
  if (error instanceof HeavenBaseError && native) return { kind: "refused", native, where: CLASSES[native.slice(0, 2)] };
  if (native === "ECANCEL" || native === "3617") return { kind: "cancelled", native };
  if (native === "EPARAM") return { kind: "refused", native, where: "a value that does not fit its type" };
  if (typeof native !== "string" || !/^\d+$/.test(native)) return { kind: "unreachable", native: nativeOf(error) };
  if (/^(6005|1092[89]|17142|40197|40501|40613|499(18|19|20))$/.test(native)) return { kind: "unreachable", native };
  return { kind: "refused", native, where: `error ${native}` };
}

/** Oracle: the number of ORA-…, or the driver's word. @param {any} error @returns {Verdict} */
export function judgeOracle(error) {
  const native = error instanceof HeavenBaseError ? error.native : error?.code;
  if (error instanceof HeavenBaseError && native) return { kind: "refused", native, where: CLASSES[native.slice(0, 2)] };
  if (native === "1013" || native === "NJS-123") return { kind: "cancelled", native };
  if (native === "1456" || native === "16000") return { kind: "readOnly", native };
  if (typeof native === "string" && /^NJS-/.test(native)) return /^NJS-(5|040)/.test(native) ? { kind: "unreachable", native } : { kind: "refused", native, where: native };
  if (typeof native !== "string" || !/^\d+$/.test(native)) return { kind: "unreachable", native: nativeOf(error) };
  if (/^(28|1012|103[345]|1089|109[012]|3113|3114|3135|12[1-6]\d\d)$/.test(native)) return { kind: "unreachable", native };
  return { kind: "refused", native, where: `ORA-${native.padStart(5, "0")}` };
}

/** DuckDB: the kind of its error. @param {any} error @returns {Verdict} */
export function judgeDuckdb(error) {
  const native = error instanceof HeavenBaseError ? error.native : error?.code;
  if (typeof native !== "string" || !/^[0-9A-Z_]{2,31}$/.test(native)) return { kind: "unreachable" };
  if (native === "TRANSACTIONCONTEXT" && /read-only mode/.test(error.message)) return { kind: "readOnly", native };
  if (native === "INTERRUPT") return { kind: "cancelled", native };
  if (/^(CONNECTION|FATAL|IO)$/.test(native)) return { kind: "unreachable", native };
  return { kind: "refused", native, where: CLASSES[native.slice(0, 2)] ?? native };
}

/** The code of an operating system or driver. @param {any} error */
const nativeOf = (error) => (typeof error?.code === "string" && NETWORK.test(error.code) && error.code !== "UNAVAILABLE" ? error.code : undefined);
