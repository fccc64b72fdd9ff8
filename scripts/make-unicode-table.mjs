// SPDX-License-Identifier: MIT
// Makes src/text/unicode_table.c from the Unicode Character Database.
//   node scripts/make-unicode-table.mjs [folder]
// The folder is the database's own layout; Debian's package `unicode-data` puts it at /usr/share/unicode.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = process.argv[2] ?? "/usr/share/unicode";
const CODE_POINTS = 0x110000;
const BLOCK = 256;
// In the order of hb_category (src/text/unicode.h).
const CATEGORIES = ("Cn Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Cs Co").split(" ");
const DECOMPOSES = 0x20;
const HAS_CASE = 0x40;
const IS_ORDERED = 0x80;
// The longest run of one combining class that a packed entry can hold.
const MARK_RUN_MAX = 128;

/** @param {string} path */
const lines = (path) => readFileSync(join(folder, path), "utf8").split("\n").map((line) => line.replace(/#.*/, "").trim());

/** @param {string} text */
const hex = (text) => parseInt(text, 16);

/** @param {number | string} number */
const show = (number) => `${number}`;

/** @param {string[]} items */
function wrap(items) {
  const out = [""];
  for (const item of items) {
    if (out[out.length - 1].length + item.length + 2 > 94) out.push(`${item}, `);
    else out[out.length - 1] += `${item}, `;
  }
  return out.map((line) => `    ${line.trimEnd()}`).join("\n");
}

/** @typedef {{ first: number, span: number, step: number, delta: number }} CaseRun */

/**
 * Mappings of one code point to one, as runs of the same distance at steps of 1 or 2.
 * @param {Map<number, number>} map @returns {CaseRun[]}
 */
function caseRuns(map) {
  /** @type {CaseRun[]} */
  const runs = [];
  for (const [cp, to] of [...map].sort(([a], [b]) => a - b)) {
    const run = runs[runs.length - 1];
    const gap = run ? cp - run.first - run.span : 0;
    if (run && run.delta === to - cp && (run.span === 0 ? gap <= 2 : gap === run.step)) {
      run.span += gap;
      run.step = gap;
    } else {
      runs.push({ first: cp, span: 0, step: 1, delta: to - cp });
    }
  }
  return runs;
}

function readDatabase() {
  const props = new Uint8Array(CODE_POINTS);
  const classes = new Uint8Array(CODE_POINTS);
  /** @type {Map<number, number>} */
  const lower = new Map();
  /** @type {Map<number, number[]>} */
  const decompositions = new Map();
  let first = -1;
  for (const line of readFileSync(join(folder, "UnicodeData.txt"), "utf8").split("\n")) {
    const field = line.split(";");
    if (field.length < 15) continue;
    const cp = hex(field[0]);
    if (field[1].endsWith(", First>")) {
      first = cp;
      continue;
    }
    const category = CATEGORIES.indexOf(field[2]);
    if (category < 0) throw new Error(`unknown category ${field[2]}`);
    props.fill(category, first >= 0 ? first : cp, cp + 1);
    first = -1;
    classes[cp] = Number(field[3]);
    if (field[13] !== "") lower.set(cp, hex(field[13]));
    if (field[5] !== "" && !field[5].startsWith("<")) decompositions.set(cp, field[5].split(" ").map(hex));
  }
  return { props, classes, lower, decompositions };
}

/** Full case folding: one to one, and one to several. */
function readFolding() {
  /** @type {Map<number, number>} */
  const simple = new Map();
  /** @type {Map<number, number[]>} */
  const full = new Map();
  for (const line of lines("CaseFolding.txt")) {
    const [cp, status, to] = line.split(";").map((part) => part.trim());
    if (status === "C") simple.set(hex(cp), hex(to));
    if (status === "F") full.set(hex(cp), to.split(" ").map(hex));
  }
  return { simple, full };
}

/** @param {Uint8Array} classes */
function markRuns(classes) {
  const runs = [];
  for (let cp = 0; cp < CODE_POINTS; ) {
    let end = cp + 1;
    while (end < CODE_POINTS && classes[end] === classes[cp] && end - cp < MARK_RUN_MAX) end++;
    if (classes[cp] !== 0) {
      if (cp >= 1 << 17) throw new Error("a combining class beyond 17 bits");
      runs.push(((cp << 15) | ((end - cp - 1) << 8) | classes[cp]) >>> 0);
    }
    cp = end;
  }
  return runs;
}

/** @param {Uint8Array} props */
function blocksOf(props) {
  /** @type {Map<string, number>} */
  const known = new Map();
  const index = [];
  const blocks = [];
  for (let cp = 0; cp < CODE_POINTS; cp += BLOCK) {
    const block = props.subarray(cp, cp + BLOCK);
    const key = block.join();
    let at = known.get(key);
    if (at === undefined) {
      at = known.size;
      known.set(key, at);
      blocks.push(...block);
    }
    index.push(at);
  }
  if (known.size > 256) throw new Error("more blocks than a byte can name");
  return { index, blocks };
}

/** @param {Map<number, number[]>} decompositions @param {Uint8Array} props @param {Uint8Array} classes */
function pairsOf(decompositions, props, classes) {
  const entries = [...decompositions].sort(([a], [b]) => a - b);
  const excluded = new Set(lines("CompositionExclusions.txt").filter((line) => line !== "").map(hex));
  for (const [cp, to] of entries) {
    if (to.length > 2 || cp > 0x2ffff || to[0] > 0x2ffff || (to[1] ?? 0) > 0x1ffff) throw new Error("an entry does not fit");
  }
  const composed = entries
    .map(([cp, to], at) => ({ cp, to, at }))
    .filter(({ cp, to }) => to.length === 2 && !excluded.has(cp) && classes[cp] === 0 && classes[to[0]] === 0)
    .sort((a, b) => a.to[1] - b.to[1] || a.to[0] - b.to[0]);
  for (const { to } of composed) {
    if (!["Mn", "Mc"].includes(CATEGORIES[props[to[1]] & 0x1f])) throw new Error("a composition with no mark");
  }
  return { entries, order: composed.map(({ at }) => at) };
}

function tableText() {
  const { props, classes, lower, decompositions } = readDatabase();
  const { simple, full } = readFolding();
  const { entries, order } = pairsOf(decompositions, props, classes);
  for (const [cp] of entries) props[cp] |= DECOMPOSES;
  for (const cp of [...lower.keys(), ...simple.keys(), ...full.keys()]) props[cp] |= HAS_CASE;
  classes.forEach((value, cp) => {
    if (value !== 0) props[cp] |= IS_ORDERED;
  });
  const { index, blocks } = blocksOf(props);
  const version = /CaseFolding-([\d.]+)\.txt/.exec(readFileSync(join(folder, "CaseFolding.txt"), "utf8"))?.[1] ?? "unknown";
  /** @param {string} type @param {string} name @param {string[]} items */
  const array = (type, name, items) => `const ${type} hb_unicode_${name}[] = {\n${wrap(items)}\n};\n`;
  /** @param {string} name @param {number} count */
  const count = (name, count) => `const uint32_t hb_unicode_${name}_count = ${count};\n`;
  /** @param {CaseRun} run */
  const run = ({ first, span, step, delta }) => `{ 0x${first.toString(16)}, ${delta}, ${span}, ${step} }`;
  const lowerRuns = caseRuns(lower);
  const foldRuns = caseRuns(simple);
  const marks = markRuns(classes);
  const folds = [...full].sort(([a], [b]) => a - b);
  return [
    "// SPDX-License-Identifier: MIT\n",
    `/* Made by scripts/make-unicode-table.mjs from the Unicode Character Database ${version};\n * do not edit. */\n`,
    '#include "text/unicode.h"\n\n',
    array("uint8_t", "blocks", index.map(show)), "\n",
    array("uint8_t", "props", blocks.map(show)), "\n",
    array("hb_case_run", "lower_runs", lowerRuns.map(run)), count("lower_run", lowerRuns.length), "\n",
    array("hb_case_run", "fold_runs", foldRuns.map(run)), count("fold_run", foldRuns.length), "\n",
    array("hb_full_fold", "full_folds",
      folds.map(([cp, to]) => `{ ${cp}, { ${[to[0], to[1], to[2] ?? 0].join(", ")} } }`)), count("full_fold", folds.length), "\n",
    array("uint32_t", "mark_runs", marks.map((mark) => `0x${mark.toString(16)}u`)), count("mark_run", marks.length), "\n",
    array("uint8_t", "pair_planes", entries.map(([cp, to]) => show((cp >> 16) | ((to[0] >> 16) << 2) | (((to[1] ?? 0) >> 16) << 4)))),
    array("uint16_t", "pair_cps", entries.map(([cp]) => show(cp & 0xffff))),
    array("uint16_t", "pair_firsts", entries.map(([, to]) => show(to[0] & 0xffff))),
    array("uint16_t", "pair_seconds", entries.map(([, to]) => show((to[1] ?? 0) & 0xffff))), count("pair", entries.length), "\n",
    array("uint16_t", "compose_order", order.map(show)), count("compose", order.length),
  ].join("");
}

writeFileSync(join(root, "src/text/unicode_table.c"), tableText());
