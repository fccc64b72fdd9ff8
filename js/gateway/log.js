// SPDX-License-Identifier: MIT
// One line of JSON for each event, without values, texts of SQL, tokens or passwords.

/** @typedef {(event: string, facts?: Record<string, unknown>) => void} Log */

/** @param {(line: string) => void} write @returns {Log} facts that are undefined are left out */
export const logTo = (write) => (event, facts = {}) => write(`${JSON.stringify({ time: new Date().toISOString(), event, ...facts })}\n`);
