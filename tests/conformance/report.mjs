// SPDX-License-Identifier: MIT
// What the conformance suite found of one deployment, as its runners print it.

/** Prints what failed and what was skipped. @param {string} title @param {import("heavenbase/conformance").Report} report */
export function printReport(title, report) {
  for (const { name, status, reason, error } of report.results) {
    if (status === "failed") console.log(`not ok ${title}: ${name}\n    ${error instanceof Error ? error.message : error}`);
    if (status === "skipped") console.log(`skipped ${title}: ${name} (${reason})`);
  }
}

/** Adds counts to a total. @typedef {{ passed: number, failed: number, skipped: number }} Counts @param {Counts} total @param {Counts} counts */
export function addCounts(total, counts) {
  for (const key of /** @type {const} */ (["passed", "failed", "skipped"])) total[key] += counts[key];
}
