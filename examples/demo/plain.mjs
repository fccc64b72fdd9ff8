// SPDX-License-Identifier: MIT
// The same questions answered by a plain loop over the documents, to check the workspace's answers by.

/** @param {number} value @param {string} op @param {any} operand */
function holds(value, op, operand) {
  if (op === "$in") return operand.includes(value);
  if (value === undefined) return false;
  switch (op) {
    case "$eq": return value === operand;
    case "$lt": return value < operand;
    case "$gte": return value >= operand;
    default: throw new Error(`the demo's filters have no ${op}`);
  }
}

/** Whether a document passes one of the questions' filters. @param {any} document @param {Record<string, any>} filter */
export function passes(document, filter) {
  return Object.entries(filter).every(([field, condition]) => {
    const operators = typeof condition === "object" ? condition : { $eq: condition };
    return Object.entries(operators).every(([op, operand]) => holds(document[field], op, operand));
  });
}

/** @param {Float32Array} a @param {Float32Array} b */
function cosine(a, b) {
  let dot = 0, aa = 0, bb = 0;
  for (let i = 0; i < a.length; i++) {
    dot += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  return dot / Math.sqrt(aa * bb);
}

/**
 * The k documents nearest to a vector among those that pass, best first.
 * @param {import("./data.mjs").DocumentRow[]} documents @param {Float32Array} vector
 * @param {Record<string, any>} filter @param {number} k
 */
export function nearest(documents, vector, filter, k) {
  return documents.filter((document) => passes(document, filter))
    .map((document) => ({ name: document.name, score: cosine(document.embedding, vector) }))
    .sort((a, b) => b.score - a.score).slice(0, k);
}

/**
 * Null when two rankings agree: the same names in the same places, and scores equal up to float32 sums.
 * @param {{ name: string, score: number }[]} found @param {{ name: string, score: number }[]} expected
 */
export function rankingFault(found, expected) {
  if (found.length !== expected.length) return `${found.length} rows instead of ${expected.length}`;
  for (const [i, want] of expected.entries()) {
    const got = found[i];
    if (Math.abs(got.score - want.score) > 1e-5) return `place ${i + 1} scores ${got.score} instead of ${want.score}`;
    const tied = expected.filter((other) => Math.abs(other.score - want.score) <= 1e-5).map((other) => other.name);
    if (!tied.includes(got.name)) return `place ${i + 1} is ${got.name} instead of ${want.name}`;
  }
  return null;
}
