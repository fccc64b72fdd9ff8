// SPDX-License-Identifier: MIT
// The gateway's configuration: read, completed by the environment, and checked whole before anything starts.
import { closest } from "../closest.js";
import { HeavenBaseError } from "../errors.js";
import { ENGINES } from "./engines.js";

/** @typedef {{ path: string, message: string }} ConfigIssue */
/** @typedef {{ name: string, token: string, connections: string[] }} TokenConfig */
/** @typedef {{ name: string, engine: string, options: Record<string, unknown>, pool: number, poolTimeoutMs: number, readOnly: boolean, maxRows: number, maxBytes: number, timeoutMs: number }} ConnectionConfig */
/** @typedef {{ bodyBytes: number, statements: number, headersMs: number, bodyMs: number, responseMs: number, concurrent: number, sockets: number }} LimitsConfig */
/** @typedef {{ host: string, port: number, tls: { cert: string, key: string } | null, tokens: TokenConfig[], cors: { origins: string[] }, connections: ConnectionConfig[], limits: LimitsConfig, drainMs: number }} CheckedConfig */
/**
 * What a configuration file holds; all but `tokens` and `connections` may be left out.
 * @typedef {object} GatewayConfig
 * @property {string} [host]
 * @property {number} [port]
 * @property {{ cert: string, key: string }} [tls]
 * @property {TokenConfig[]} tokens
 * @property {{ origins: string[] }} [cors]
 * @property {(Partial<ConnectionConfig> & { name: string, engine: string })[]} connections
 * @property {Partial<LimitsConfig>} [limits]
 * @property {number} [drainMs]
 */

/** A configuration that is refused: `issues` has every fault, with the path of the value that it is about. */
export class ConfigError extends HeavenBaseError {
  /** @param {ConfigIssue[]} issues */
  constructor(issues) {
    super("VALIDATION", issues.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join("\n"), { field: issues[0].path });
    this.issues = issues;
  }
}

const MIB = 1 << 20;
const TOKEN_CHARACTERS_MIN = 16;
const NAME = /^[A-Za-z0-9_-]{1,64}$/;
/** A variable of the environment, or what stands for a dollar sign. */
const VARIABLE = /\$\$|\$\{([^}]*)\}/g;

/** @typedef {(value: any, path: string, at: Check) => any} Rule what a value has to be; gives it as it is used */
/** @typedef {{ rule: Rule, or?: unknown }} Member `or` stands for one that is absent; without it, it has to be there */

/** The faults that are found, and the environment. */
class Check {
  /** @type {ConfigIssue[]} */
  issues = [];

  /** @param {Record<string, string | undefined>} env */
  constructor(env) {
    this.env = env;
  }

  /** @param {string} path @param {string} message @returns {undefined} */
  no(path, message) {
    this.issues.push({ path, message });
  }

  /** A text with the variables that it names. @param {string} text @param {string} path */
  filled(text, path) {
    return text.replace(VARIABLE, (found, name) => {
      if (found === "$$") return "$";
      const value = Object.hasOwn(this.env, name) ? this.env[name] : undefined;
      if (value === undefined) this.no(path, `the environment has no variable ${name}`);
      return value ?? "";
    });
  }
}

/** @param {unknown} value */
const kindOf = (value) => (value === null ? "null" : Array.isArray(value) ? "a list" : typeof value === "object" ? "a mapping" : `a ${typeof value}`);

/** @param {RegExp} [pattern] @param {string} [said] @returns {Rule} */
const text = (pattern, said = "") => (value, path, at) => {
  if (typeof value !== "string") return at.no(path, `a text is expected, this is ${kindOf(value)}`);
  const issues = at.issues.length;
  const filled = at.filled(value, path);
  if (at.issues.length > issues) return undefined;
  return pattern && !pattern.test(filled) ? at.no(path, said) : filled;
};

/** A number, or a variable that holds one. @param {number} min @param {number} max @returns {Rule} */
const integer = (min, max) => (value, path, at) => {
  const number = typeof value === "string" && /^\$\{[^}]*\}$/.test(value) ? numberOf(at.filled(value, path)) : value;
  return Number.isInteger(number) && number >= min && number <= max ? number : at.no(path, `an integer from ${min} to ${max} is expected`);
};

/** @param {string} digits */
const numberOf = (digits) => (/^\d+$/.test(digits) ? Number(digits) : undefined);

/** @type {Rule} */
const boolean = (value, path, at) => (typeof value === "boolean" ? value : at.no(path, `true or false is expected, this is ${kindOf(value)}`));

/** @param {Rule} rule @returns {Rule} */
const listOf = (rule) => (value, path, at) => (Array.isArray(value) ? value.map((item, i) => rule(item, `${path}[${i}]`, at)) : at.no(path, `a list is expected, this is ${kindOf(value)}`));

/** @param {Record<string, Member>} members @returns {Rule} */
const mapping = (members) => (value, path, at) => {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return at.no(path, `a mapping is expected, this is ${kindOf(value)}`);
  const below = (/** @type {string} */ key) => (path ? `${path}.${key}` : key);
  for (const key of Object.keys(value).filter((name) => !Object.hasOwn(members, name))) {
    const near = closest(key, Object.keys(members));
    at.no(below(key), near ? `unknown; did you mean ${near}?` : `unknown; expected one of: ${Object.keys(members).join(", ")}`);
  }
  return Object.fromEntries(Object.entries(members).map(([key, { rule, or }]) => {
    if (Object.hasOwn(value, key) && value[key] !== undefined) return [key, rule(value[key], below(key), at)];
    return [key, or === undefined ? at.no(below(key), "is missing") : or];
  }));
};

/** Items have a `name` of their own each. @param {Rule} rule @param {string} what @returns {Rule} */
const named = (rule, what) => (value, path, at) => {
  const items = listOf(rule)(value, path, at);
  if (items === undefined) return undefined;
  if (items.length === 0) at.no(path, `at least one ${what} is needed`);
  const seen = new Map();
  for (const [i, item] of items.entries()) {
    if (item?.name === undefined) continue;
    if (seen.has(item.name)) at.no(`${path}[${i}].name`, `${path}[${seen.get(item.name)}] is called ${item.name} already`);
    else seen.set(item.name, i);
  }
  return items;
};

const name = text(NAME, "a name of letters, digits, _ and - is expected, at most 64");
/** @type {Rule} */
const secret = (value, path, at) => {
  const token = text()(value, path, at);
  if (token === undefined) return undefined;
  if (token.length < TOKEN_CHARACTERS_MIN) return at.no(path, `a token has at least ${TOKEN_CHARACTERS_MIN} characters, this has ${token.length}`);
  return /^[\x21-\x7e]+$/.test(token) ? token : at.no(path, "a token has printable ASCII characters only, and no spaces");
};
/** @type {Rule} */
const origin = (value, path, at) => {
  const given = text()(value, path, at);
  if (given === undefined || given === "*") return given;
  let exact;
  try {
    exact = new URL(given).origin;
  } catch {
    exact = undefined;
  }
  if (exact === given && exact !== "null") return given;
  const hint = exact && exact !== "null" ? `; did you mean ${exact}?` : "";
  return at.no(path, `an origin as browsers send it is expected (scheme, host, port), or *${hint}`);
};
/** @type {Rule} */
const engine = (value, path, at) => {
  if (typeof value === "string" && Object.hasOwn(ENGINES, value)) return value;
  const near = typeof value === "string" ? closest(value, Object.keys(ENGINES)) : null;
  return at.no(path, near ? `unknown; did you mean ${near}?` : `expected one of: ${Object.keys(ENGINES).join(", ")}`);
};

/** A mapping of texts, with variables. @type {Rule} */
const texts = (value, path, at) => {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return at.no(path, `a mapping is expected, this is ${kindOf(value)}`);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, text()(item, `${path}.${key}`, at)]));
};
const OPTION_RULES = { string: text(), integer: integer(0, 2 ** 31 - 1), boolean, strings: listOf(text()), mapping: texts };

const CONNECTION = mapping({
  name: { rule: name }, engine: { rule: engine }, options: { rule: (value) => value, or: {} },
  pool: { rule: integer(1, 1000), or: 10 }, poolTimeoutMs: { rule: integer(1, 600_000), or: 5000 }, readOnly: { rule: boolean, or: false },
  maxRows: { rule: integer(1, 10_000_000), or: 100_000 }, maxBytes: { rule: integer(1, 64 * MIB), or: 32 * MIB }, timeoutMs: { rule: integer(1, 3_600_000), or: 30_000 },
});
/** The options are the engine's. @type {Rule} */
const connection = (value, path, at) => {
  const made = CONNECTION(value, path, at);
  if (!made?.engine) return made;
  const { notReadOnly } = ENGINES[made.engine];
  if (notReadOnly && made.readOnly) at.no(`${path}.readOnly`, notReadOnly);
  const kinds = Object.entries(ENGINES[made.engine].options);
  const given = mapping(Object.fromEntries(kinds.map(([key, kind]) => [key, { rule: OPTION_RULES[kind], or: ABSENT }])))(made.options, `${path}.options`, at);
  return { ...made, options: Object.fromEntries(Object.entries(given ?? {}).filter(([, option]) => option !== ABSENT)) };
};
const ABSENT = Symbol("absent");

const CONFIG = mapping({
  host: { rule: text(/./, "a host is expected"), or: "127.0.0.1" }, port: { rule: integer(0, 65_535), or: 8787 },
  tls: { rule: mapping({ cert: { rule: text(/./, "a file is expected") }, key: { rule: text(/./, "a file is expected") } }), or: null },
  tokens: { rule: named(mapping({ name: { rule: name }, token: { rule: secret }, connections: { rule: listOf(name) } }), "token") },
  cors: { rule: mapping({ origins: { rule: listOf(origin) } }), or: { origins: [] } },
  connections: { rule: named(connection, "connection") },
  limits: { rule: mapping({
    bodyBytes: { rule: integer(1, 256 * MIB), or: 64 * MIB }, statements: { rule: integer(1, 100_000), or: 1000 },
    headersMs: { rule: integer(1, 600_000), or: 10_000 }, bodyMs: { rule: integer(1, 600_000), or: 30_000 }, responseMs: { rule: integer(1, 3_600_000), or: 60_000 },
    concurrent: { rule: integer(1, 100_000), or: 64 }, sockets: { rule: integer(1, 100_000), or: 1000 },
  }), or: undefined },
  drainMs: { rule: integer(0, 600_000), or: 10_000 },
});

/** @param {unknown} given @param {Record<string, string | undefined>} env @returns {CheckedConfig} */
export function checkConfig(given, env) {
  const at = new Check(env);
  const hasLimits = given === null || typeof given !== "object" || Array.isArray(given) || /** @type {any} */ (given).limits !== undefined;
  const checked = CONFIG(hasLimits ? given : { ...given, limits: {} }, "", at);
  if (at.issues.length === 0) checkTokens(checked, at);
  if (at.issues.length > 0) throw new ConfigError(at.issues);
  return checked;
}

/** Tokens lead to connections that are there, and differ. @param {CheckedConfig} config @param {Check} at */
function checkTokens({ tokens, connections }, at) {
  const names = connections.map((one) => one.name);
  for (const [i, { token, connections: allowed }] of tokens.entries()) {
    for (const [k, wanted] of allowed.entries()) {
      if (names.includes(wanted)) continue;
      const near = closest(wanted, names);
      at.no(`tokens[${i}].connections[${k}]`, `no such connection${near ? `; did you mean ${near}?` : ""}`);
    }
    const same = tokens.findIndex((other) => other.token === token);
    if (same < i) at.no(`tokens[${i}].token`, `is the same as that of tokens[${same}]`);
  }
}
