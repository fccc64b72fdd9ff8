// SPDX-License-Identifier: MIT
// What the demo prints with: headings, code lines, aligned tables, a progress line. Plain text where the output is no
// terminal or NO_COLOR is set; nothing at all when `quiet`.

/** @typedef {{ key: string, label?: string, right?: boolean, flex?: boolean, max?: number, paint?: string }} Column */

const codes = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, magenta: 35, cyan: 36 };

/** @param {string} text */
const lengthOf = (text) => [...text].length;
/** @param {string} text @param {number} width */
const cut = (text, width) => (lengthOf(text) > width ? `${[...text].slice(0, Math.max(0, width - 1)).join("")}…` : text);

export class Terminal {
  #stream;
  #quiet;
  #colour;
  #live;

  /** @param {NodeJS.WriteStream} stream @param {{ quiet?: boolean }} [options] */
  constructor(stream, { quiet = false } = {}) {
    this.#stream = stream;
    this.#quiet = quiet;
    this.#live = Boolean(stream.isTTY) && process.env.TERM !== "dumb";
    this.#colour = this.#live && !process.env.NO_COLOR;
    this.width = Math.min(100, Math.max(72, stream.columns ?? 96));
  }

  /** @param {string} style @param {string} text */
  paint(style, text) {
    const code = codes[/** @type {keyof typeof codes} */ (style)];
    return this.#colour && code ? `\x1b[${code}m${text}\x1b[0m` : text;
  }

  /** @param {string} [text] */
  line(text = "") {
    if (!this.#quiet) this.#stream.write(`${text}\n`);
  }

  /** @param {string} title @param {string} [note] */
  heading(title, note = "") {
    this.line();
    this.line(this.paint("bold", title) + (note ? this.paint("dim", `  ${cut(note, this.width - lengthOf(title) - 2)}`) : ""));
  }

  /** Wrapped text under a heading. @param {string} text @param {string} [style] */
  text(text, style = "") {
    let row = "";
    for (const word of text.split(" ")) {
      if (row && row.length + word.length + 3 > this.width) {
        this.line(`  ${this.paint(style, row)}`);
        row = "";
      }
      row += (row ? " " : "") + word;
    }
    this.line(`  ${this.paint(style, row)}`);
  }

  /** What is run, as a reader would write it. @param {string} text */
  code(text) {
    for (const row of text.split("\n")) this.line(`  ${this.paint("cyan", row)}`);
  }

  /** Lines as they are, indented and cut to the width. @param {string} text */
  block(text) {
    for (const row of text.trimEnd().split("\n")) this.line(`  ${cut(row, this.width - 2)}`);
  }

  /**
   * Columns are as wide as their widest cell, or `max`; a `flex` column gets what is left.
   * @param {Column[]} columns @param {Record<string, unknown>[]} rows
   */
  table(columns, rows) {
    const cells = rows.map((row) => columns.map(({ key }) => String(row[key] ?? "")));
    const widths = columns.map(({ label = "", max = Infinity }, i) => Math.min(max, Math.max(lengthOf(label), ...cells.map((row) => lengthOf(row[i])))));
    const flexible = columns.findIndex(({ flex }) => flex);
    if (flexible >= 0) {
      const others = widths.reduce((sum, width, i) => sum + (i === flexible ? 0 : width + 2), 2);
      widths[flexible] = Math.max(8, Math.min(widths[flexible], this.width - others));
    }
    const draw = (/** @type {string[]} */ row, /** @type {boolean} */ head) => row.map((text, i) => {
      const shown = cut(text, widths[i]);
      const gap = " ".repeat(widths[i] - lengthOf(shown));
      const painted = head ? this.paint("dim", shown) : this.paint(columns[i].paint ?? "", shown);
      return columns[i].right ? gap + painted : i === row.length - 1 ? painted : painted + gap;
    }).join("  ");
    if (columns.some(({ label }) => label)) this.line(`  ${draw(columns.map(({ label = "" }) => label), true)}`);
    for (const row of cells) this.line(`  ${draw(row, false)}`.trimEnd());
  }

  /** One line that is drawn over itself; where it can't be, only the last is printed. @param {number} part @param {string} text */
  progress(part, text) {
    if (this.#quiet || (!this.#live && part < 1)) return;
    const filled = Math.round(part * 24);
    const bar = `${"█".repeat(filled)}${this.paint("dim", "░".repeat(24 - filled))}`;
    this.#stream.write(`${this.#live ? "\r\x1b[K" : ""}  ${this.#live ? `${bar}  ` : ""}${text}${part < 1 ? "" : "\n"}`);
  }
}
