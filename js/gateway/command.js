// SPDX-License-Identifier: MIT
// heavenbase gateway: a gateway as a process, from its configuration file to its exit code.
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parseArgs } from "node:util";
import { HeavenBaseError } from "../errors.js";
import { checkConfig } from "./config.js";
import { startGateway } from "./gateway.js";

const USAGE = `usage: heavenbase gateway --config FILE [--check]

  --config FILE   the configuration, JSON; \${NAME} in its texts stands for a variable of the environment
  --check         reads the configuration, says what is wrong with it, and ends

SIGTERM and SIGINT let requests end that run, as long as drainMs; a second one ends them at once.
`;

/** Ends with 0 after a signal, 1 when it cannot serve, 2 when it is called wrongly. @param {string[]} args @returns {Promise<number>} */
export async function runGateway(args) {
  let options;
  try {
    options = parseArgs({ args, options: { config: { type: "string" }, check: { type: "boolean" }, help: { type: "boolean", short: "h" } } }).values;
  } catch (error) {
    return refuse(/** @type {Error} */ (error).message, 2);
  }
  if (options.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (!options.config) return refuse(`--config is missing\n\n${USAGE}`, 2);
  try {
    const config = configOf(options.config);
    if (options.check) {
      checkConfig(config, process.env);
      process.stdout.write(`${options.config} is right\n`);
      return 0;
    }
    await serve(config);
    return 0;
  } catch (error) {
    return refuse(messageOf(error, options.config), 1);
  }
}

/** What it says of files is from the folder that it is in. @param {string} file */
function configOf(file) {
  const config = JSON.parse(readFileSync(file, "utf8"));
  const tls = config?.tls;
  if (tls === null || typeof tls !== "object") return config;
  const placed = (/** @type {unknown} */ path) => (typeof path === "string" && !path.startsWith("${") ? resolve(dirname(file), path) : path);
  return { ...config, tls: { ...tls, ...("cert" in tls && { cert: placed(tls.cert) }), ...("key" in tls && { key: placed(tls.key) }) } };
}

/** @param {any} config */
async function serve(config) {
  const gateway = await startGateway(config);
  const now = new AbortController();
  await new Promise((resolve) => {
    let asked = 0;
    const stop = () => {
      asked += 1;
      if (asked > 1) now.abort();
      else gateway.stop({ signal: now.signal }).then(resolve);
    };
    process.on("SIGTERM", stop);
    process.on("SIGINT", stop);
  });
  process.exit(0);              // a pool that does not end is left behind
}

/** @param {unknown} error @param {string} file */
function messageOf(error, file) {
  if (error instanceof HeavenBaseError) return error.message.split("\n").map((line) => `${file}: ${line}`).join("\n");
  if (error instanceof SyntaxError) return `${file}: this is not JSON${/ at position \d+/.exec(error.message)?.[0] ?? ""}`;
  return `${file}: ${/** @type {any} */ (error)?.code ?? "failed"}${/** @type {any} */ (error)?.syscall ? ` (${/** @type {any} */ (error).syscall})` : ""}`;
}

/** @param {string} message @param {number} code */
function refuse(message, code) {
  process.stderr.write(`${message.split("\n").map((line, i) => (i === 0 ? `heavenbase: ${line}` : line)).join("\n")}\n`);
  return code;
}
