// SPDX-License-Identifier: MIT
// The loop over host operations against a scripted module: concurrency, replies, abort, deadline.
import assert from "node:assert/strict";
import test from "node:test";
import { performTask } from "../../js/core/task.js";
import { Queue } from "../../js/core/queue.js";
import { HeavenBaseError } from "../../js/errors.js";
import { State } from "../../js/generated/abi.js";

const { DONE, OP, WAIT, FAILED } = State;

/** A module that asks for `ops` at once, then waits until every reply came. */
class Scripted {
  task = 7;
  log = [];
  replies = [];
  constructor(ops, end = DONE) {
    this.ops = ops.map((op, id) => ({ id, method: "GET", url: "", headers: {}, body: new Uint8Array(0), sql: "", params: [], inTransaction: false,
      timeoutMs: 0, kind: "fetch", backend: "b", ...op }));
    this.end = end;
    this.next = 0;
  }
  readOp() {
    this.log.push(`op ${this.next}`);
    return this.ops[this.next++];
  }
  goOn(task) {
    assert.equal(task, 7);
    return this.next < this.ops.length ? OP : WAIT;
  }
  takeReply(task, id, reply) {
    this.log.push(`reply ${id}`);
    this.replies[id] = reply;
    return this.replies.filter(Boolean).length === this.ops.length ? this.end : WAIT;
  }
  cancel(task) { this.log.push(`cancel ${task}`); }
  error() { return new HeavenBaseError("BAD_REPLY", "scripted"); }
}

const responses = (delays) => async (url, { signal }) => {
  await new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
    setTimeout(resolve, delays[url]);
  });
  return new Response(`body of ${url}`, { status: 201, headers: { "x-url": url } });
};
const text = (bytes) => new TextDecoder().decode(bytes);

test("operations run together and reply in the order in which they end", async () => {
  const core = new Scripted([{ url: "slow" }, { url: "fast" }]);
  const got = await performTask(core, OP, { hosts: { fetch: responses({ slow: 30, fast: 1 }) } }, () => "answer");
  assert.equal(got, "answer");
  assert.deepEqual(core.log, ["op 0", "op 1", "reply 1", "reply 0"]);
  assert.equal(text(core.replies[0].body), "body of slow");
  assert.deepEqual([core.replies[1].status, core.replies[1].head["x-url"], core.replies[1].failed], [201, "fast", false]);
});

test("an operation that the host cannot carry out is a reply, not an exception", async () => {
  const core = new Scripted([{ url: "x" }]);
  await performTask(core, OP, { hosts: { fetch: () => Promise.reject(Object.assign(new Error("no route"), { code: "ECONNREFUSED" })) } }, () => {});
  assert.deepEqual(core.replies[0], { failed: true, status: 0, head: { message: "no route", native: "ECONNREFUSED" } });
});

test("a failed task is not cancelled again", async () => {
  const core = new Scripted([{ url: "x" }], FAILED);
  await assert.rejects(performTask(core, OP, { hosts: { fetch: responses({ x: 1 }) } }, () => {}), { code: "BAD_REPLY" });
  assert.deepEqual(core.log, ["op 0", "reply 0"]);
});

test("an abort frees the task and stops what runs", async () => {
  const core = new Scripted([{ url: "x" }]);
  const abort = new AbortController();
  let stopped = false;
  const fetch = (url, { signal }) => new Promise(() => signal.addEventListener("abort", () => { stopped = true; }));
  const pending = performTask(core, OP, { hosts: { fetch }, signal: abort.signal }, () => {});
  setTimeout(() => abort.abort(new Error("enough")), 5);
  await assert.rejects(pending, (error) => error.code === "CANCELLED" && error.cause.message === "enough");
  assert.deepEqual(core.log, ["op 0", "cancel 7"]);
  assert.ok(stopped);
});

test("at the deadline the core is woken up, until it sees the time too, and what runs is stopped", async () => {
  const core = new Scripted([{ url: "x" }]);
  let stopped = false;
  let woken = 0;
  const fetch = (url, { signal }) => new Promise(() => signal.addEventListener("abort", () => { stopped = true; }));
  const goOn = core.goOn.bind(core);
  core.goOn = (task) => {
    const state = goOn(task);
    if (state !== WAIT || core.log.length !== 1) return state;
    return woken++ < 3 ? WAIT : FAILED;                  // first for the operation, then by a clock that lags behind
  };
  core.error = () => new HeavenBaseError("TIMEOUT", "no answer within 5 ms", { backend: "b" });
  await assert.rejects(performTask(core, OP, { hosts: { fetch }, timeoutMs: 5 }, () => {}), { code: "TIMEOUT", backend: "b" });
  assert.deepEqual(core.log, ["op 0"]);
  assert.deepEqual([woken, stopped], [4, true]);
});

test("replies before the deadline are taken", async () => {
  const core = new Scripted([{ url: "slow" }, { url: "fast" }]);
  assert.equal(await performTask(core, OP, { hosts: { fetch: responses({ slow: 20, fast: 1 }) }, timeoutMs: 5000 }, () => "answer"), "answer");
});

test("an operation's own deadline is a failed reply", async () => {
  const core = new Scripted([{ url: "x", timeoutMs: 5 }]);
  await performTask(core, OP, { hosts: { fetch: responses({ x: 1000 }) } }, () => {});
  assert.deepEqual([core.replies[0].failed, core.replies[0].head.message], [true, "no answer within 5 ms"]);
});

const TWO = [{ sql: "insert …", params: [1] }, { sql: "select …", params: [2] }];
const result = (params) => ({ columns: ["n", { name: "t" }], rows: [[params[0], "a"], { n: 9, t: null }], affected: params[0] });
const answerOf = ({ columns, rowCount, head }) => [head.affected, rowCount, columns.map(({ name, cells }) => [name, cells])];

test("SQL goes to the driver of its backend, in order; the last statement answers", async () => {
  const core = new Scripted([{ kind: "sql", backend: "main", statements: TWO }]);
  const seen = [];
  const driver = { execute(sql, params) {
    seen.push([sql, params]);
    return result(params);
  } };
  await performTask(core, OP, { hosts: { drivers: { main: driver } } }, () => {});
  assert.deepEqual(seen, [["insert …", [1]], ["select …", [2]]]);
  assert.deepEqual(answerOf(core.replies[0]), ["2", 2, [["n", [2, 9]], ["t", ["a", null]]]]);
});

test("a transaction is the driver's batch, or else begin, commit and rollback", async () => {
  const sql = { kind: "sql", backend: "main", statements: TWO, inTransaction: true };
  const seen = [];
  const begin = (fails) => () => ({
    execute: (text, params) => {
      seen.push(text);
      if (fails) throw Object.assign(new Error("no"), { code: "23505" });
      return result(params);
    },
    commit: () => seen.push("commit"),
    rollback: () => seen.push("rollback"),
  });
  const drivers = [
    { execute() {}, batch: (statements) => statements.map(({ params }) => result(params)) },
    { execute() {}, begin: begin(false) },
    { execute() {}, begin: begin(true) },
    { execute() {} },
  ];
  const replies = [];
  for (const main of drivers) {
    const core = new Scripted([sql]);
    await performTask(core, OP, { hosts: { drivers: { main } } }, () => {});
    replies.push(core.replies[0]);
  }
  assert.deepEqual(answerOf(replies[0]), answerOf(replies[1]));
  assert.deepEqual(seen, ["insert …", "select …", "commit", "insert …", "rollback"]);
  assert.deepEqual(replies.slice(2).map(({ failed, head }) => [failed, head.native]), [[true, "23505"], [true, "UNSUPPORTED"]]);
});

test("a backend without its driver says which one is missing", async () => {
  const core = new Scripted([{ kind: "sql", backend: "main" }]);
  await performTask(core, OP, { hosts: {} }, () => {});
  assert.match(core.replies[0].head.message, /'main' needs a driver/);
});

test("the answer is decoded before anything else can run", async () => {
  const core = new Scripted([{ url: "x" }]);
  let clean = true;
  const take = core.takeReply.bind(core);
  core.takeReply = (...args) => {
    queueMicrotask(() => { clean = false; });
    return take(...args);
  };
  assert.equal(await performTask(core, OP, { hosts: { fetch: responses({ x: 1 }) } }, () => clean), true);
});

// ---- the queue ----------------------------------------------------------------------------

async function play(calls) {
  const queue = new Queue();
  const log = [];
  const call = async ([name, write, ms]) => {
    if (queue.isFree(write)) queue.enter(write);
    else await queue.turn(write);
    log.push(`+${name}`);
    await new Promise((resolve) => setTimeout(resolve, ms));
    log.push(`-${name}`);
    queue.leave(write);
  };
  await Promise.all(calls.map(call));
  return log.join(" ");
}

const orders = [
  ["reads run together", [["r1", false, 9], ["r2", false, 1]], "+r1 +r2 -r2 -r1"],
  ["writes run alone, in order", [["w1", true, 5], ["w2", true, 1]], "+w1 -w1 +w2 -w2"],
  ["a write waits for the reads before it", [["r1", false, 5], ["w1", true, 1]], "+r1 -r1 +w1 -w1"],
  ["a read does not overtake a waiting write", [["r1", false, 5], ["w1", true, 1], ["r2", false, 1]], "+r1 -r1 +w1 -w1 +r2 -r2"],
];
for (const [name, calls, want] of orders) test(name, async () => assert.equal(await play(calls), want));

test("a call whose turn does not come leaves the queue at its deadline", async () => {
  const queue = new Queue();
  queue.enter(true);
  const late = queue.turn(true, undefined, 5);
  const behind = queue.turn(false, undefined, 60_000);
  await assert.rejects(late, { code: "TIMEOUT" });
  queue.leave(true);
  await behind;
  assert.equal(queue.isFree(false), true);
});

test("an aborted call leaves the queue without harm", async () => {
  const queue = new Queue();
  queue.enter(true);
  const abort = new AbortController();
  const waiting = queue.turn(true, abort.signal);
  const behind = queue.turn(false);
  abort.abort();
  await assert.rejects(waiting, { code: "CANCELLED" });
  queue.leave(true);
  await behind;
});
