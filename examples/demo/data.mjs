// SPDX-License-Identifier: MIT
// The demo's data as it lies in ./data: documents a line each, embeddings as float16, questions.
import { readFileSync } from "node:fs";

export const dimensions = 384;

/**
 * @typedef {{ name: string, title: string, body: string, category: string, year?: number, until?: number,
 *   kilometres?: number, tags: string[] }} DocumentText
 * @typedef {DocumentText & { embedding: Float32Array }} DocumentRow
 * @typedef {{ question: string, words: string, filter: Record<string, any>, answers: string[], vector: Float32Array }} Question
 */

/** @param {string} name */
const read = (name) => readFileSync(new URL(`data/${name}`, import.meta.url));

/** The value of each of the 65 536 half-precision bit patterns: sign, 5 bits of exponent, 10 of fraction. */
function halfValues() {
  const values = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const exponent = (bits >> 10) & 31, fraction = bits & 1023;
    const size = exponent === 0 ? fraction * 2 ** -24
      : exponent === 31 ? (fraction === 0 ? Infinity : NaN) : (1 + fraction / 1024) * 2 ** (exponent - 15);
    values[bits] = bits & 0x8000 ? -size : size;
  }
  return values;
}

/** Little-endian float16 to one vector per row. @param {Buffer} bytes @returns {Float32Array[]} */
function vectors(bytes) {
  const half = halfValues();
  const count = bytes.length / 2;
  if (count % dimensions !== 0) throw new Error(`the file of vectors has ${count} numbers, no multiple of ${dimensions}`);
  const numbers = new Float32Array(count);
  for (let i = 0; i < count; i++) numbers[i] = half[bytes.readUInt16LE(2 * i)];
  return Array.from({ length: count / dimensions }, (_, row) => numbers.subarray(row * dimensions, (row + 1) * dimensions));
}

/** @returns {DocumentRow[]} */
export function loadDocuments() {
  const embeddings = vectors(read("embeddings.f16"));
  const lines = read("documents.ndjson").toString("utf8").trimEnd().split("\n");
  if (lines.length !== embeddings.length) throw new Error(`${lines.length} documents, but ${embeddings.length} vectors`);
  return lines.map((line, row) => ({ ...JSON.parse(line), embedding: embeddings[row] }));
}

/** @returns {Question[]} */
export function loadQuestions() {
  const embeddings = vectors(read("questions.f16"));
  return JSON.parse(read("questions.json").toString("utf8"))
    .map((/** @type {any} */ question, /** @type {number} */ row) => ({ ...question, vector: embeddings[row] }));
}
