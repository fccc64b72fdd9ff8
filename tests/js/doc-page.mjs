// SPDX-License-Identifier: MIT
// A page of documentation as a program: its ```js blocks one after another, in one module. A statement that ends with
//   expression; // → value      must give that value (deeply equal), and one with
//   expression; // throws CODE  must end with that error.
// A value over several lines is written /* → … */. Blocks marked ```js not-run are left out.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { at } from "../../scripts/lib.mjs";

/** @typedef {{ code: string, line: number }} Block */

/** Fenced blocks of one kind, with the line that they start on. @param {string} markdown @param {string} kind @returns {Block[]} */
export function blocksOf(markdown, kind) {
  const blocks = [];
  const lines = markdown.split("\n");
  for (let i = 0; i < lines.length; i++) {
    if (!lines[i].startsWith("```")) continue;
    const info = lines[i].slice(3).trim();
    const end = lines.indexOf("```", i + 1);
    if (end < 0) throw new Error(`the block on line ${i + 1} is not closed`);
    if (info === kind) blocks.push({ code: lines.slice(i + 1, end).join("\n"), line: i + 2 });
    i = end;
  }
  return blocks;
}

const claim = /^(.*;)\s*(?:\/\/ (→|throws) (.*)|\/\* (→) (.*))$/;

/** Turns the claims of a block into checks, keeping its lines. @param {Block} block @returns {{ code: string, checks: number }} */
function checked({ code, line: first }) {
  const lines = code.split("\n");
  let checks = 0;
  for (let i = 0; i < lines.length; i++) {
    const found = claim.exec(lines[i]);
    if (!found) continue;
    const [, statement, word = "→", onLine, , overLines] = found;
    const expression = statement.slice(0, -1);
    const where = JSON.stringify(`line ${first + i}: ${expression}`);
    let value = onLine;
    if (value === undefined) {
      value = overLines;
      const start = i;
      while (!lines[i].trimEnd().endsWith("*/")) value += `\n${lines[++i]}`;
      value = value.trimEnd().slice(0, -2);
      for (let k = start + 1; k <= i; k++) lines[k] = "";
      lines[start] = `await $same(async () => (${expression}), (${value}), ${where});`;
    } else {
      lines[i] = word === "throws" ? `await $throws(async () => (${expression}), ${JSON.stringify(value.trim())}, ${where});`
        : `await $same(async () => (${expression}), (${value}), ${where});`;
    }
    checks++;
  }
  return { code: lines.join("\n"), checks };
}

const prelude = `import { deepStrictEqual as $equal } from "node:assert";
let $count = 0;
const $fail = (where, what) => {
  console.error(where + "\\n    " + what.replaceAll("\\n", "\\n    "));
  process.exitCode = 1;
};
const $same = async (run, value, where) => {
  $count++;
  try { $equal(await run(), value); } catch (error) { $fail(where, error.message); }
};
const $throws = async (run, code, where) => {
  $count++;
  try {
    await run();
    $fail(where, "expected " + code + ", got no error");
  } catch (error) {
    if (error.name !== "HeavenBaseError" || error.code !== code) $fail(where, "expected " + code + ", got " + error.code + ": " + error.message);
    else if (error.message === "") $fail(where, "the error says nothing");
  }
};
`;

/**
 * Writes the page's program where the package can be imported by its name.
 * @param {string} page path of the page @returns {{ path: string, blocks: number, checks: number }}
 */
export function pageProgram(page) {
  const blocks = blocksOf(readFileSync(at(page), "utf8"), "js").map(checked);
  const path = at("build/doc-pages", page.replace(/\.md$/, ".mjs"));
  mkdirSync(dirname(path), { recursive: true });
  const checks = blocks.reduce((sum, block) => sum + block.checks, 0);
  writeFileSync(path, `${prelude}${blocks.map(({ code }) => code).join("\n")}\nconsole.log($count);\n`);
  return { path, blocks: blocks.length, checks };
}

