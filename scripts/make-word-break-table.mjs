// SPDX-License-Identifier: MIT
// Makes src/text/word_break_table.c and tests/unit/text/word_break_cases.h from the Unicode Character Database.
//   node scripts/make-word-break-table.mjs [folder]
// The folder is the database's own layout; Debian's package `unicode-data` puts it at /usr/share/unicode.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = process.argv[2] ?? "/usr/share/unicode";
const CODE_POINTS = 0x110000;
// In the order of hb_word_class (src/text/word_break.h).
const CLASSES = [
  "Other", "CR", "LF", "Newline", "Extend", "ZWJ", "Format", "Regional_Indicator", "Katakana", "Hebrew_Letter",
  "ALetter", "Single_Quote", "Double_Quote", "MidNumLet", "MidLetter", "MidNum", "Numeric", "ExtendNumLet",
  "WSegSpace",
];
const PICTOGRAPH = 32;

/** @param {string} path */
const read = (path) => readFileSync(join(folder, path), "utf8");

/**
 * Calls back for every range of a property file.
 * @param {string} text @param {(first: number, last: number, name: string) => void} each
 */
function eachRange(text, each) {
  for (const line of text.split("\n")) {
    const match = /^([0-9A-F]+)(?:\.\.([0-9A-F]+))?\s*;\s*(\w+)/.exec(line);
    if (match) each(parseInt(match[1], 16), parseInt(match[2] ?? match[1], 16), match[3]);
  }
}

/** @param {Uint8Array} values @returns {[number, number][]} the first code point of each run and its value */
function runsOf(values) {
  /** @type {[number, number][]} */
  const runs = [];
  for (let cp = 0; cp < values.length; cp++) {
    if (cp === 0 || values[cp] !== values[cp - 1]) runs.push([cp, values[cp]]);
  }
  return runs;
}

/** @param {string[]} items @param {string} separator */
function wrap(items, separator) {
  const lines = [""];
  for (const item of items) {
    const line = lines[lines.length - 1];
    if (line.length + item.length + separator.length > 92) lines.push(item + separator);
    else lines[lines.length - 1] = line + item + separator;
  }
  return lines.map((line) => line.trimEnd());
}

function wordClasses() {
  const classes = new Uint8Array(CODE_POINTS);
  eachRange(read("auxiliary/WordBreakProperty.txt"), (first, last, name) => {
    const value = CLASSES.indexOf(name);
    if (value < 0) throw new Error(`unknown word break class ${name}`);
    classes.fill(value, first, last + 1);
  });
  eachRange(read("emoji/emoji-data.txt"), (first, last, name) => {
    if (name !== "Extended_Pictographic") return;
    for (let cp = first; cp <= last; cp++) classes[cp] |= PICTOGRAPH;
  });
  return classes;
}

/** Cased code points whose general category does not say so (Other_Lowercase and Other_Uppercase). */
function otherCased() {
  const cased = new Uint8Array(CODE_POINTS);
  eachRange(read("PropList.txt"), (first, last, name) => {
    if (name === "Other_Lowercase" || name === "Other_Uppercase") cased.fill(1, first, last + 1);
  });
  return cased;
}

/** @param {string} version */
function tableText(version) {
  const runs = runsOf(wordClasses());
  const words = runs.map(([cp, value]) => `0x${((cp << 6) | value).toString(16)}`);
  const cased = runsOf(otherCased()).map(([cp]) => `0x${cp.toString(16)}`);
  return `// SPDX-License-Identifier: MIT
/* Made by scripts/make-word-break-table.mjs from the Unicode Character Database ${version};
 * do not edit. */
#include "text/word_break.h"

const uint32_t hb_word_break_runs[] = {
    ${wrap(words, ", ").join("\n    ")}
};
const uint32_t hb_word_break_run_count = ${words.length};

const uint32_t hb_other_cased_edges[] = {
    ${wrap(cased, ", ").join("\n    ")}
};
const uint32_t hb_other_cased_edge_count = ${cased.length};
`;
}

/** @param {string} version */
function casesText(version) {
  const cases = [];
  for (const line of read("auxiliary/WordBreakTest.txt").split("\n")) {
    const test = line.replace(/#.*/, "").trim();
    if (test === "") continue;
    cases.push(test.replace(/^÷\s*|\s*÷$/g, "").replace(/\s*÷\s*/g, "/").replace(/\s*×\s*/g, "+"));
  }
  return `// SPDX-License-Identifier: MIT
/* Made by scripts/make-word-break-table.mjs from WordBreakTest-${version}.txt; do not edit.
 * Cases are parted by a space: hexadecimal code points, '/' where a word may end, '+' if not. */
#ifndef HB_TESTS_UNIT_TEXT_WORD_BREAK_CASES_H
#define HB_TESTS_UNIT_TEXT_WORD_BREAK_CASES_H

#define WORD_BREAK_CASE_COUNT ${cases.length}
static const char *const word_break_cases[] = {
${wrap(cases, " ").map((line) => `    "${line}",`).join("\n")}
};
#endif
`;
}

const version = /WordBreakProperty-([\d.]+)\.txt/.exec(read("auxiliary/WordBreakProperty.txt"))?.[1] ?? "unknown";
writeFileSync(join(root, "src/text/word_break_table.c"), tableText(version));
writeFileSync(join(root, "tests/unit/text/word_break_cases.h"), casesText(version));
