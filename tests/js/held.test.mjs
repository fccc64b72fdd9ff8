// SPDX-License-Identifier: MIT
// How long a call waits for files that another process has: attempts are counted, the clock is the test's.
import assert from "node:assert/strict";
import test from "node:test";
import { untilFree } from "../../js/core/held.js";
import { HeavenBaseError } from "../../js/errors.js";

/** Attempts that fail until the `free`th, each taking `ms` by a clock of its own. @param {import("node:test").TestContext} t @param {number} ms @param {number} free */
function world(t, ms, free) {
  const state = { now: 1_000_000, attempts: 0 };
  t.mock.method(Date, "now", () => state.now);
  t.mock.method(globalThis, "setTimeout", (/** @type {() => void} */ wake, /** @type {number} */ pause) => {
    state.now += pause;
    queueMicrotask(wake);
  });
  const work = async () => {
    state.attempts++;
    state.now += ms;
    if (state.attempts < free) throw Object.assign(new HeavenBaseError("LOCKED", "another process has it"), { native: "HELD" });
    return state.attempts;
  };
  return { state, work };
}

test("a call without a time limit waits for ten seconds, and on a slow machine for a hundred attempts", async (t) => {
  const { state, work } = world(t, 1, Infinity);
  await assert.rejects(untilFree(work(), work), { code: "LOCKED", native: "HELD" });
  assert.ok(state.attempts > 150 && state.now - 1_000_000 <= 10_001, `${state.attempts} attempts`);
  t.mock.restoreAll();
  const slow = world(t, 3000, 90);
  assert.equal(await untilFree(slow.work(), slow.work), 90);
  t.mock.restoreAll();
  const never = world(t, 3000, Infinity);
  await assert.rejects(untilFree(never.work(), never.work), { code: "LOCKED", native: "HELD" });
  assert.ok(never.state.attempts >= 100 && never.state.attempts <= 103, `${never.state.attempts} attempts`);
});

test("a time limit is kept, however few the attempts", async (t) => {
  const { state, work } = world(t, 3000, Infinity);
  await assert.rejects(untilFree(work(), work, { timeoutMs: 9000 }), { code: "LOCKED" });
  assert.ok(state.attempts <= 4, `${state.attempts} attempts`);
});
