// SPDX-License-Identifier: MIT
// node trim-pcre2.mjs IN OUT: PCRE2's character tables, and its matcher, without what no pattern of ours can ask for. The translator
// (src/text/regex_translate.c) lets through general categories and case, and writes no script, script run, grapheme,
// direction or boolean property; with those members 0, most records, and then most blocks of code points, are alike.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [from, to] = process.argv.slice(2);
const BLOCK = 128;

/** @param {boolean} holds @param {string} what */
function expect(holds, what) {
  if (!holds) throw new Error(`trim-pcre2: ${what}; the tables are not laid out as in PCRE2 10.46`);
}

/** @param {string} text @param {string} name @returns {{ start: number, end: number, body: string }} between the braces */
function arrayOf(text, name) {
  const head = text.lastIndexOf(`PRIV(${name})[] = {`);
  expect(head >= 0, `no ${name}`);
  const start = text.indexOf("{", head) + 1;
  const end = text.indexOf("\n};", start);
  expect(end > start, `no end of ${name}`);
  return { start, end, body: text.slice(start, end).replace(/\/\*.*?\*\//gs, "") };
}

/** @param {string} text @param {string} name */
const numbersOf = (text, name) => (arrayOf(text, name).body.match(/0x[0-9a-f]+|\d+/gi) ?? []).map(Number);

/** @param {string} text @param {string} name @param {string} body */
function replace(text, name, body) {
  const { start, end } = arrayOf(text, name);
  return `${text.slice(0, start)}\n${body}${text.slice(end)}`;
}

/** @param {(string | number)[]} items */
function wrap(items) {
  const lines = [];
  for (let i = 0; i < items.length; i += 16) lines.push(`  ${items.slice(i, i + 16).join(", ")},`);
  return lines.join("\n");
}

/** @template T @param {T[]} items @param {(item: T) => string} key @returns {{ kept: T[], places: number[] }} */
function unique(items, key) {
  /** @type {Map<string, number>} */
  const known = new Map();
  /** @type {T[]} */
  const kept = [];
  const places = items.map((item) => {
    const name = key(item);
    const place = known.get(name) ?? kept.push(item) - 1;
    known.set(name, place);
    return place;
  });
  return { kept, places };
}

/** @param {string} text */
function trimProperties(text) {
  const numbers = shapesOf(text);
  // script, category, grapheme, caseless set, other case, scripts and direction, booleans
  const rows = numbers.records.map(([, category, , set, other]) => [0, category, 0, set, other, 0, 0]);
  const records = unique(rows, (row) => row.join());
  const stage2 = numbers.stage2.map((record) => records.places[record]);
  /** @type {number[][]} */
  const split = [];
  for (let i = 0; i < stage2.length; i += BLOCK) split.push(stage2.slice(i, i + BLOCK));
  const blocks = unique(split, (block) => block.join());
  const stage1 = numbers.stage1.map((block) => blocks.places[block]);
  for (let cp = 0; cp < 0x110000; cp++) {
    const before = numbers.records[numbers.stage2[numbers.stage1[cp >> 7] * BLOCK + (cp & 127)]];
    const after = records.kept[blocks.kept[stage1[cp >> 7]][cp & 127]];
    expect([1, 3, 4].every((member) => before[member] === after[member]), `U+${cp.toString(16)} has changed`);
  }
  let out = replace(text, "ucd_records", records.kept.map((row) => `  { ${row.join(", ")} },`).join("\n"));
  out = replace(out, "ucd_stage1", wrap(stage1));
  out = replace(out, "ucd_stage2", wrap(blocks.kept.flat()));
  // As long as before, so that no index into them can leave them.
  for (const name of ["ucd_script_sets", "ucd_boolprop_sets"]) {
    out = replace(out, name, `  [${numbersOf(text, name).length - 1}] = 0,`);
  }
  return out;
}

/** @param {string} text */
function shapesOf(text) {
  const records = [...arrayOf(text, "ucd_records").body.matchAll(/\{([^}]*)\}/g)].map((match) =>
    match[1].split(",").map((part) => part.trim()).filter((part) => part !== "").map(Number));
  expect(records.length > 1000 && records.every((row) => row.length === 7), "records of another shape");
  const stage1 = numbersOf(text, "ucd_stage1");
  const stage2 = numbersOf(text, "ucd_stage2");
  expect(stage1.length === 0x110000 / BLOCK && stage2.length % BLOCK === 0, "stages of another size");
  return { records, stage1, stage2 };
}

/** Of the names behind \p only those of general categories. @param {string} text */
function trimNames(text) {
  const head = text.indexOf("const char PRIV(utt_names)[] =");
  const end = text.indexOf(";", head);
  const names = text.slice(head, end).match(/STRING_\w+0/g) ?? [];
  const rows = [...arrayOf(text, "utt").body.matchAll(/\{\s*(\d+),\s*(PT_\w+),\s*(\w+)\s*\}/g)];
  expect(head >= 0 && names.length === rows.length && names.length > 400, "names of another shape");
  const kept = rows.map((row, at) => ({ name: names[at], size: Number(rows[at + 1]?.[1]) - Number(row[1]), type: row[2], value: row[3] }))
    .filter(({ type }) => type === "PT_GC" || type === "PT_PC" || type === "PT_LAMP" || type === "PT_ANY");
  expect(kept.length > 30 && kept.every(({ size }) => size > 0), "no general categories");
  let offset = 0;
  const lines = kept.map(({ size, type, value }) => {
    const line = `  { ${offset}, ${type}, ${value} },`;
    offset += size;
    return line;
  });
  const out = replace(text, "utt", lines.join("\n"));
  return `${out.slice(0, head)}const char PRIV(utt_names)[] =\n${kept.map(({ name }) => `  ${name}`).join("\n")}${out.slice(end)}`;
}

/**
 * The matcher without the properties that are in no table any more: each is a case of four switches, and half of those are a
 * place where matching goes on after a recursion. A pattern that came there all the same would fail, not match.
 * @param {string} text
 */
function trimMatcher(text) {
  let switches = 0;
  /** @type {Set<string>} */
  const gone = new Set();
  const without = text.replace(/^( +)case PT_SC:\n.*?^(?=\1case PT_CLIST:)(.*?)^\1case PT_UCNC:\n.*?(?=(?:^ *\/\* This should n\w+ occur \*\/\n\s*)?^\1default:)/gms,
    (cut, _indent, /** @type {string} */ kept) => {
      switches += 1;
      for (const [name] of cut.matchAll(/\bRM\d+\b/g)) if (!kept.includes(name)) gone.add(name);
      return kept;
    });
  expect(switches === 4 && gone.size === 8, `${switches} switches over properties with ${gone.size} recursions`);
  return [...gone].reduce((rest, name) => {
    expect(!new RegExp(`RMATCH\\(\\w+, ${name}\\)`).test(rest), `${name} is still used`);
    return rest.replace(` LBL(${name.slice(2)})`, "");
  }, without);
}

mkdirSync(to, { recursive: true });
writeFileSync(join(to, "pcre2_match.c"), trimMatcher(readFileSync(join(from, "pcre2_match.c"), "utf8")));
writeFileSync(join(to, "pcre2_ucd.c"), trimProperties(readFileSync(join(from, "pcre2_ucd.c"), "utf8")));
writeFileSync(join(to, "pcre2_ucptables.c"), trimNames(readFileSync(join(from, "pcre2_ucptables.c"), "utf8")));
copyFileSync(join(from, "pcre2_tables.c"), join(to, "pcre2_tables.c")); // includes the one beside it
