// SPDX-License-Identifier: MIT
// The results as one page of Markdown: nothing in it but what the run measured, and the targets beside it.
import { OPERATIONS } from "./operations.mjs";
import { SCAN, median } from "./measure.mjs";
import { TARGETS, judge } from "./targets.mjs";

/** @typedef {import("./engines/engine.mjs").Engine} Engine */
/**
 * @typedef {object} Size what was measured with one number of rows
 * @property {number} n
 * @property {import("./measure.mjs").Samples} samples
 * @property {import("./measure.mjs").Checked[]} checked
 * @property {Record<string, { bytes: number, raw: number }>} memory by engine
 */
/**
 * @typedef {object} Run
 * @property {string} command
 * @property {readonly Engine[]} engines
 * @property {Record<string, string>} versions
 * @property {{ cpu: string, cores: number, memory: number, node: string, platform: string, load: number[] }} machine `load`: averages at start and end
 * @property {number} rounds
 * @property {number} seconds
 * @property {Size[]} sizes
 */

const BUSY = 0.5; // of the cores, before the bench adds its own
const LOADS = [
  { key: "load", title: "bulk load, every index", rows: 1 },
  { key: "loadLean", title: "bulk load, rows without body and embedding", rows: 1 },
];
const PROCESSES = [
  { key: "open", title: "fresh process: open, one row, first query", rows: 0 },
  { key: "reopen", title: "fresh process: open a file, first query", rows: 0 },
];
/** Every line of a table, in order. @type {{ key: string, title: string, rows?: number }[]} */
const LINES = [...LOADS, ...OPERATIONS, ...PROCESSES];

/** @param {number} x three significant digits */
const digits = (x) => (x >= 100 ? Math.round(x).toLocaleString("en").replaceAll(",", " ") : x >= 10 ? x.toFixed(1) : x >= 1 ? x.toFixed(2) : x.toPrecision(2));

/** @param {number} seconds */
function time(seconds) {
  if (seconds === 0) return "none";
  if (seconds >= 1) return `${digits(seconds)} s`;
  if (seconds >= 1e-3) return `${digits(seconds * 1e3)} ms`;
  return seconds >= 1e-6 ? `${digits(seconds * 1e6)} µs` : `${digits(seconds * 1e9)} ns`;
}

/** @param {number} value @param {"rate" | "time" | "ratio" | "share"} unit */
function show(value, unit) {
  if (unit === "time") return time(value);
  return unit === "rate" ? `${digits(Math.round(value))}/s` : unit === "share" ? value.toFixed(3) : `${digits(value)} ×`;
}

/** @param {readonly (readonly string[])[]} rows the first one is the head */
const table = ([head, ...rows]) => [head, head.map((_, index) => (index === 0 ? "---" : "---:")), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");

/** @param {Size} size @returns {import("./targets.mjs").Figures} */
export const figuresOf = ({ samples, checked, memory }) => ({
  seconds: (operation, engine) => (samples[operation]?.[engine] ? median(samples[operation][engine]) : NaN),
  ratio: (above, below) => {
    const [a, b] = [above, below].map(([operation, engine]) => samples[operation]?.[engine] ?? []);
    return a.length > 0 && a.length === b.length ? median(a.map((seconds, round) => seconds / b[round])) : NaN;
  },
  overlap: (operation, engine) => checked.find((one) => one.engine === engine && one.operation === operation)?.overlap ?? NaN,
  memory: (engine) => (memory[engine] ? memory[engine].bytes / memory[engine].raw : NaN),
});

/** @param {number} ratio of the best peer's time to ours; 0 where the peer's is below what can be measured */
const lead = (ratio) => (Number.isFinite(ratio) && ratio > 0 ? `${digits(ratio)} ×` : "");

/** @param {Run} run @param {Size} size */
function sizeTable({ engines }, size) {
  const figures = figuresOf(size);
  const ours = engines.filter((engine) => engine.ours);
  const peers = engines.filter((engine) => !engine.ours);
  const rows = LINES.filter(({ key }) => size.samples[key]).map(({ key, title, rows: count }) => {
    const cells = engines.map(({ name }) => {
      const seconds = figures.seconds(key, name);
      return Number.isNaN(seconds) ? "–" : count ? `${digits(Math.round(count / seconds))}/s` : time(seconds);
    });
    const [best] = peers.filter(({ name }) => size.samples[key][name]).sort((a, b) => figures.seconds(key, a.name) - figures.seconds(key, b.name));
    return [title, ...cells, ...ours.map(({ name }) => (best ? lead(figures.ratio([key, best.name], [key, name])) : ""))];
  });
  const measured = Object.keys(size.memory).length > 0;
  const memory = ["memory after the load, for each raw byte", ...engines.map(({ name }) => (measured && size.memory[name] ? `${digits(figures.memory(name))} ×` : "–")), ...ours.map(() => "")];
  const scan = figures.seconds("near", SCAN);
  return [
    table([["operation", ...engines.map(({ name }) => name), ...ours.map(({ name }) => `${name} : best peer`)], ...rows, ...(measured ? [memory] : [])]),
    Number.isNaN(scan) ? "" : `\nA bare SIMD128 scan of the same vectors in WebAssembly, without a top-10: ${time(scan)}.`,
  ].join("\n");
}

/** @param {Size} size */
function answers({ checked }) {
  const wrong = checked.filter(({ ok }) => !ok).map(({ engine, operation, faults }) => `${engine} ${operation} (${faults} questions)`);
  const overlaps = ["search", "hybrid"].flatMap((operation) => {
    const found = checked.filter((one) => one.operation === operation && one.overlap !== null);
    return found.length === 0 ? [] : [`${operation}: ${found.map(({ engine, overlap }) => `${engine} ${overlap?.toFixed(3)}`).join(", ")}`];
  });
  const verdict = wrong.length === 0 ? `All ${checked.length} pairs of engine and operation answered rightly.` : `**Wrong**: ${wrong.join("; ")}.`;
  return `${verdict}${overlaps.length > 0 ? ` Overlap@10 with the truth: ${overlaps.join("; ")}.` : ""}`;
}

/** @param {Run} run */
function targetTable({ sizes }) {
  const rows = TARGETS.flatMap((target) => target.at.map((n) => {
    const size = sizes.find((one) => one.n === n);
    const verdict = size ? judge(target, figuresOf(size)) : null;
    const sign = target.sense === "most" ? "≤" : "≥";
    const head = [target.what, String(n)];
    return verdict ? [...head, `${sign} ${show(verdict.limit, target.unit)}`, show(verdict.value, target.unit), digits(verdict.ratio), verdict.met ? "met" : "not yet"]
      : [...head, "", "", "", "not measured"];
  }));
  return table([["target", "N", "limit", "measured", "measured : limit", ""], ...rows]);
}

/** The exponent of growth between the smallest and the largest N. @param {Run} run */
function growth({ engines, sizes }) {
  const [small, large] = [sizes[0], sizes[sizes.length - 1]];
  const [first, last] = [figuresOf(small), figuresOf(large)];
  const exponent = (/** @type {string} */ key, /** @type {string} */ name) => Math.log(last.seconds(key, name) / first.seconds(key, name)) / Math.log(large.n / small.n);
  const rows = OPERATIONS.filter(({ key }) => small.samples[key] && large.samples[key])
    .map(({ key, title }) => [title, ...engines.map(({ name }) => (Number.isNaN(exponent(key, name)) ? "–" : exponent(key, name).toFixed(2)))]);
  return `From N = ${small.n} to ${large.n}; 0 is constant, 1 proportional to the rows.\n\n${table([["operation", ...engines.map(({ name }) => name)], ...rows])}`;
}

/** @param {Run} run @returns {string} */
export function report(run) {
  const { command, engines, versions, machine, rounds, sizes, seconds } = run;
  const [before, after] = machine.load;
  const busy = before > BUSY * machine.cores
    ? `**The machine was shared and busy**: load average ${before.toFixed(1)} on ${machine.cores} cores before the run, ${after.toFixed(1)} after it. Compare ratios; absolute figures suffer.`
    : `Load average ${before.toFixed(1)} on ${machine.cores} cores before the run, ${after.toFixed(1)} after it.`;
  const parts = [
    "# Results of the bench",
    `Written by \`${command}\`; [what is measured and how](../docs/performance.md).`,
    `${machine.cpu}, ${machine.cores} cores, ${machine.memory} GB, ${machine.platform}, Node ${machine.node}. ${busy} Medians of ${rounds} interleaved ${rounds === 1 ? "round" : "rounds"}, ${Math.round(seconds)} s in all.`,
    table([["engine", "is", "version"], ...engines.map(({ name, title }) => [name, title, versions[name]])]),
    "`inmem : best peer` and its like are the time of the fastest peer over ours, the median of the rounds' own ratios: above 1 × ours is faster. A peer is any engine that is not HeavenBase.",
    ...sizes.flatMap((size) => [`## N = ${size.n}`, sizeTable(run, size), answers(size)]),
    "## Targets", "`measured : limit` is 1 on the line; less is better, whichever way the limit points.", targetTable(run),
    "Not measured by the bench yet: HNSW, quantisation, the build of the text index alone, CPU time in workerd, reuse of memory after deletes.",
    ...(sizes.length > 1 ? ["## Growth", growth(run)] : []),
  ];
  return `${parts.join("\n\n")}\n`;
}
