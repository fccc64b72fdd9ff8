#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// The command of the npm package: npx heavenbase gateway --config FILE
import { readFileSync } from "node:fs";
import { closest } from "../closest.js";
import { runGateway } from "../gateway/command.js";

const USAGE = `usage: heavenbase COMMAND [OPTION…]

commands:
  gateway --config FILE   serves SQL engines over HTTP to browsers and workers; see docs/gateway.md

options:
  --help                  this, or the options of a command
  --version               the version of the package
`;

/** @type {Record<string, (args: string[]) => Promise<number> | number>} */
const commands = {
  gateway: runGateway,
  "--help": () => say(USAGE),
  "-h": () => say(USAGE),
  "--version": () => say(`${JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")).version}\n`),
};

/** @param {string} text */
function say(text) {
  process.stdout.write(text);
  return 0;
}

/** @param {string} name */
function refuse(name) {
  const near = closest(name, Object.keys(commands));
  process.stderr.write(`heavenbase: there is no command '${name}'${near ? `; did you mean '${near}'?` : ""}\n\n${USAGE}`);
  return 2;
}

const [name = "--help", ...args] = process.argv.slice(2);
process.exitCode = await (Object.hasOwn(commands, name) ? commands[name](args) : refuse(name));
