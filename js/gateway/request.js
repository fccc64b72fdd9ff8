// SPDX-License-Identifier: MIT
// The body of a request: read within its limits, and checked whole before anything is run.
import { GatewayError, stopping } from "./errors.js";
import { parseExact } from "./json.js";

/** @typedef {import("../host/sql.js").Statement} Statement */
/** @typedef {{ statements: Statement[], transaction: boolean, timeoutMs: number | undefined }} StatementsRequest */

const TIMEOUT_MS_MAX = 0xffffffff;
/** Half a surrogate pair: no text of an engine holds it. */
const HALF = /\p{Surrogate}/u;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** @param {string} where @param {string} what @returns {GatewayError} */
const invalid = (where, what) => new GatewayError("INVALID_REQUEST", where ? `${where}: ${what}` : what);

/** @param {import("node:http").IncomingMessage} request @throws GatewayError when it is not JSON by its headers */
export function checkHeaders({ headers }, /** @type {number} */ bytesMax) {
  const [type, ...parameters] = (headers["content-type"] ?? "").toLowerCase().split(";").map((part) => part.trim());
  if (type !== "application/json") throw new GatewayError("UNSUPPORTED_MEDIA_TYPE", "the content type is application/json");
  if (parameters.some((parameter) => /^charset=/.test(parameter) && !/^charset="?utf-8"?$/.test(parameter))) throw new GatewayError("UNSUPPORTED_MEDIA_TYPE", "the character set is UTF-8");
  if (![undefined, "", "identity"].includes(headers["content-encoding"])) throw new GatewayError("UNSUPPORTED_MEDIA_TYPE", "a body has no content encoding");
  if (Number(headers["content-length"] ?? 0) > bytesMax) throw tooLarge(bytesMax);
}

/** @param {number} bytesMax */
const tooLarge = (bytesMax) => new GatewayError("REQUEST_TOO_LARGE", `a body has at most ${bytesMax} bytes`);

/**
 * @param {import("node:http").IncomingMessage} request @param {{ bodyBytes: number, bodyMs: number }} limits @param {AbortSignal} signal
 * @returns {Promise<Buffer>}
 */
export function readBody(request, { bodyBytes, bodyMs }, signal) {
  return new Promise((resolve, reject) => {
    /** @type {Buffer[]} */
    const chunks = [];
    let bytes = 0;
    const end = (/** @type {() => void} */ settle) => {
      clearTimeout(timer);
      request.off("data", take).off("end", done).off("error", lost).off("close", lost);
      signal.removeEventListener("abort", stopped);
      settle();
    };
    const refuse = (/** @type {GatewayError} */ error) => end(() => {
      request.resume();
      reject(error);
    });
    const timer = setTimeout(() => refuse(new GatewayError("REQUEST_TIMEOUT", "the body took too long", { headers: { connection: "close" } })), bodyMs);
    const take = (/** @type {Buffer} */ chunk) => {
      bytes += chunk.length;
      if (bytes > bodyBytes) refuse(tooLarge(bodyBytes));
      else chunks.push(chunk);
    };
    const done = () => end(() => resolve(Buffer.concat(chunks)));
    const stopped = () => refuse(signal.reason === "stopping" ? stopping() : new GatewayError("CLIENT_GONE", "the client left"));
    const lost = () => end(() => reject(new GatewayError("CLIENT_GONE", "the client left")));
    signal.addEventListener("abort", stopped, { once: true });
    request.on("data", take).on("end", done).on("error", lost).on("close", lost);
  });
}

/** @param {Buffer} bytes @param {{ statements: number }} limits @returns {StatementsRequest} */
export function parseRequest(bytes, limits) {
  let body;
  try {
    body = parseExact(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    throw invalid("", "the body is not JSON in UTF-8");
  }
  only(body, ["statements", "transaction", "timeoutMs"], "the body");
  const { statements, transaction = false, timeoutMs } = body;
  if (!Array.isArray(statements)) throw invalid("statements", "a list is expected");
  if (statements.length < 1 || statements.length > limits.statements) throw invalid("statements", `from 1 to ${limits.statements} are expected`);
  if (typeof transaction !== "boolean") throw invalid("transaction", "true or false is expected");
  if (timeoutMs !== undefined && !(Number.isInteger(timeoutMs) && timeoutMs >= 1 && timeoutMs <= TIMEOUT_MS_MAX)) throw invalid("timeoutMs", `an integer from 1 to ${TIMEOUT_MS_MAX} is expected`);
  return { statements: statements.map(statementOf), transaction, timeoutMs };
}

/** @param {unknown} value @param {string[]} keys @param {string} where */
function only(value, keys, where) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw invalid(where, "an object is expected");
  if (Object.keys(value).some((key) => !keys.includes(key))) throw invalid(where, `the members are ${keys.join(", ")}, and there is another`);
}

/** @param {any} given @param {number} index @returns {Statement} */
function statementOf(given, index) {
  const where = `statements[${index}]`;
  only(given, ["sql", "params"], where);
  const { sql, params = [] } = given;
  if (typeof sql !== "string" || !/\S/.test(sql) || !isText(sql)) throw invalid(`${where}.sql`, "a text is expected, not empty, without the character U+0000");
  if (!Array.isArray(params)) throw invalid(`${where}.params`, "a list is expected");
  return { sql, params: params.map((param, i) => paramOf(param, where, i)) };
}

/** @param {string} text */
const isText = (text) => !text.includes("\0") && !HALF.test(text);

/** @param {any} value @param {string} where @param {number} index */
function paramOf(value, where, index) {
  if (value === null || typeof value === "boolean" || typeof value === "bigint") return value;
  if (typeof value === "string") {
    if (!HALF.test(value)) return value;
    throw invalid(`${where}.params[${index}]`, "the text has half a surrogate pair");
  }
  if (typeof value === "number") {
    if (Number.isFinite(value)) return value;
    throw invalid(`${where}.params[${index}]`, "the number is beyond a double's range");
  }
  const keys = Object.keys(value);
  if (keys.length === 1 && keys[0] === "$bytes" && typeof value.$bytes === "string" && BASE64.test(value.$bytes)) return Buffer.from(value.$bytes, "base64");
  throw invalid(`${where}.params[${index}]`, 'null, true, false, a number, a text or {"$bytes": base64} is expected');
}
