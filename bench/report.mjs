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
 * @property {Record<string, any>} vectors by index: seconds of build and search by round, and recall; or why it is missing
 */
/**
 * @typedef {object} Run
 * @property {string} command
 * @property {readonly Engine[]} engines
 * @property {Record<string, string>} versions
 * @property {Record<string, string>} missing engines that did not load, and why
 * @property {string | null} unfit what is wrong with the build that was measured
 * @property {import("./limits.mjs").Limits} limits
 * @property {{ cpu: string, cores: number, memory: number, node: string, platform: string, load: number[] }} machine `load`: averages at start and end
 * @property {number} rounds
 * @property {number} seconds
 * @property {Size[]} sizes
 */

const BUSY = 0.5; // of the cores, before the bench adds its own
const LOADS = [
  { key: "load", title: "bulk load, every index", rows: 1 },
  { key: "loadLean", title: "bulk load, rows without body and embedding", rows: 1 },
  { key: "buildText", title: "the text index alone", rows: 1 },
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

/** @param {number} value @param {import("./targets.mjs").Target["unit"]} unit */
function show(value, unit) {
  if (unit === "time") return time(value);
  if (unit === "bytes") return value >= 1e7 ? `${digits(value / 2 ** 20)} MB` : `${digits(value / 1000)} KB`;
  return unit === "rate" ? `${digits(Math.round(value))}/s` : unit === "share" ? value.toFixed(3) : `${digits(value)} ×`;
}

/** @param {readonly (readonly string[])[]} rows the first one is the head */
const table = ([head, ...rows]) => [head, head.map((_, index) => (index === 0 ? "---" : "---:")), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");

/** @param {Size} size @param {import("./limits.mjs").Limits} [limits] @returns {import("./targets.mjs").Figures} */
export const figuresOf = ({ samples, checked, memory, vectors }, limits = {}) => ({
  seconds: (operation, engine) => (samples[operation]?.[engine] ? median(samples[operation][engine]) : NaN),
  ratio: (above, below) => {
    const [a, b] = [above, below].map(([operation, engine]) => samples[operation]?.[engine] ?? []);
    return a.length > 0 && a.length === b.length ? median(a.map((seconds, round) => seconds / b[round])) : NaN;
  },
  overlap: (operation, engine) => checked.find((one) => one.engine === engine && one.operation === operation)?.overlap ?? NaN,
  memory: (engine) => (memory[engine] ? memory[engine].bytes / memory[engine].raw : NaN),
  vectors: (index, what) => (!vectors[index] || vectors[index].missing ? NaN : what === "recall" ? vectors[index].recall : median(vectors[index][what])),
  once: (key) => limits[key] ?? NaN,
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
  const wrong = checked.filter(({ ok }) => !ok).map(({ engine, operation, faults, reason }) => `${engine} ${operation} (${reason ?? `${faults} questions`})`);
  const overlaps = ["search", "hybrid"].flatMap((operation) => {
    const found = checked.filter((one) => one.operation === operation && one.overlap !== null);
    return found.length === 0 ? [] : [`${operation}: ${found.map(({ engine, overlap }) => `${engine} ${overlap?.toFixed(3)}`).join(", ")}`];
  });
  const verdict = wrong.length === 0 ? `All ${checked.length} pairs of engine and operation answered rightly.` : `**Wrong**: ${wrong.join("; ")}.`;
  return `${verdict}${overlaps.length > 0 ? ` Overlap@10 with the truth: ${overlaps.join("; ")}.` : ""}`;
}

/** Approximate search, beside the exact one. @param {Size} size */
function vectorTable({ vectors }) {
  const rows = Object.values(vectors).map(({ title, missing, build, search, recall }) => (missing ? [title, "–", "–", `missing: ${missing}`] : [title, time(median(build)), time(median(search)), recall.toFixed(3)]));
  return rows.length === 0 ? "" : table([["vectors alone, approximate, one thread", "build", "top-10", "recall@10"], ...rows]);
}

/** @param {Run} run */
function targetTable({ sizes, limits }) {
  const rows = TARGETS.flatMap((target) => (target.at.length === 0 ? [0] : target.at).map((n) => {
    const size = n === 0 ? sizes[0] : sizes.find((one) => one.n === n);
    const figures = size && figuresOf(size, limits);
    const verdict = figures ? judge(target, figures) : null;
    const sign = target.sense === "most" ? "≤" : "≥";
    const scale = target.scale && limits[target.scale.key];
    const head = [target.what, n === 0 ? String(scale ?? "") : String(n)];
    const partly = target.scale && scale !== target.scale.full;
    if (verdict && partly) return [...head, `${sign} ${show(verdict.limit, target.unit)}`, show(verdict.value, target.unit), "", `not measured: ${target.scale?.full} asked for`];
    if (verdict) return [...head, `${sign} ${show(verdict.limit, target.unit)}`, show(verdict.value, target.unit), digits(verdict.ratio), verdict.met ? "met" : "not yet"];
    const limit = figures ? target.limit(figures) : NaN;
    const unbuilt = target.unbuilt || (n === 0 && limits.compactShare === null && target.what.includes("compact()"));
    return [...head, Number.isFinite(limit) ? `${sign} ${show(limit, target.unit)}` : "", "", "", unbuilt ? "not built yet" : "not measured"];
  }));
  return table([["target", "N", "limit", "measured", "measured : limit", ""], ...rows]);
}

/** The exponent of growth from each N to the next. @param {Run} run */
function growth({ engines, sizes }) {
  const steps = sizes.slice(1).map((large, index) => ({ small: sizes[index], large }));
  const exponent = (/** @type {{ small: Size, large: Size }} */ { small, large }, /** @type {string} */ key, /** @type {string} */ name) =>
    Math.log(figuresOf(large).seconds(key, name) / figuresOf(small).seconds(key, name)) / Math.log(large.n / small.n);
  const cell = (/** @type {string} */ key, /** @type {string} */ name) => steps.map((step) => exponent(step, key, name)).map((x) => (Number.isFinite(x) ? x.toFixed(2) : "–")).join(" / ");
  const rows = OPERATIONS.filter(({ key }) => sizes.every(({ samples }) => samples[key])).map(({ key, title }) => [title, ...engines.map(({ name }) => cell(key, name))]);
  return `From N = ${sizes.map(({ n }) => n).join(" to ")}, step by step; 0 is constant, 1 proportional to the rows.\n\n${table([["operation", ...engines.map(({ name }) => name)], ...rows])}`;
}

/** @param {Run} run @returns {string} */
export function report(run) {
  const { command, engines, versions, missing, unfit, machine, rounds, sizes, seconds } = run;
  const [before, after] = machine.load;
  const busy = before > BUSY * machine.cores
    ? `**The machine was shared and busy**: load average ${before.toFixed(1)} on ${machine.cores} cores before the run, ${after.toFixed(1)} after it. Compare ratios; absolute figures suffer.`
    : `Load average ${before.toFixed(1)} on ${machine.cores} cores before the run, ${after.toFixed(1)} after it.`;
  const parts = [
    "# Results of the bench",
    `Written by \`${command}\`; [what is measured and how](../docs/performance.md).`,
    `${machine.cpu}, ${machine.cores} cores, ${machine.memory} GB, ${machine.platform}, Node ${machine.node}. ${busy} Medians of ${rounds} interleaved ${rounds === 1 ? "round" : "rounds"}, ${Math.round(seconds)} s in all.`,
    table([["engine", "is", "version"], ...engines.map(({ name, title }) => [name, title, versions[name]]), ...Object.entries(missing).map(([name, reason]) => [name, `missing: ${reason}`, "–"])]),
    ...(unfit ? [`**The build is none to measure**: ${unfit}.`] : []),
    "`inmem : best peer` and its like are the time of the fastest peer over ours, the median of the rounds' own ratios: above 1 × ours is faster. A peer is any engine that is not HeavenBase.",
    ...sizes.flatMap((size) => [`## N = ${size.n}`, sizeTable(run, size), ...[vectorTable(size)].filter(Boolean), answers(size)]),
    "## Targets", "`measured : limit` is 1 on the line; less is better, whichever way the limit points.", targetTable(run),
    ...(sizes.length > 1 ? ["## Growth", growth(run)] : []),
  ];
  return `${parts.join("\n\n")}\n`;
}
