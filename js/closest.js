// SPDX-License-Identifier: MIT
// What somebody may have meant.

/** The known name that was probably meant. @param {string} name @param {readonly string[]} names */
export function closest(name, names) {
  const scored = names.map((one) => ({ one, far: distance(name.toLowerCase(), one.toLowerCase()) })).sort((a, b) => a.far - b.far);
  return scored.length > 0 && scored[0].far <= Math.max(2, Math.floor(name.length / 3)) ? scored[0].one : null;
}

/** Edits from one text to another. @param {string} a @param {string} b */
function distance(a, b) {
  let last = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    last = row;
  }
  return last[b.length];
}
