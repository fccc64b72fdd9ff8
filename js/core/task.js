// SPDX-License-Identifier: MIT
// The loop of a call that needs the host: operations run concurrently, each reply goes back as it comes, and an
// abort frees the task. The deadline is the core's: here a timer wakes it up, so that it sees that time has passed.
// The answer is decoded at once, before another call can overwrite it.
import { cancelled } from "../errors.js";
import { State } from "../generated/abi.js";
import { performFetch, undo } from "../host/fetch.js";
import { performSql } from "../host/sql.js";

/** @typedef {import("./call.js").HostOp} HostOp */
/** @typedef {import("./call.js").HostReply} HostReply */
/** The part of Core that a task needs. @typedef {Pick<import("./call.js").Core, "readOp" | "goOn" | "takeReply" | "cancel" | "error" | "task" | "json">} TaskCore */
/**
 * @typedef {object} Hosts
 * @property {typeof fetch} [fetch]
 * @property {Record<string, import("../host/sql.js").SqlDriver>} [drivers] by backend instance
 */
/** `onProgress` hears how far a call is that pauses. @typedef {{ hosts: Hosts, signal?: AbortSignal, timeoutMs?: number, onProgress?: (progress: any) => void }} TaskOptions */

/** Long work lets others in after so long. */
const TURN_MS = 16;

/**
 * @template T
 * @param {TaskCore} core @param {number} state what the call returned @param {TaskOptions} options @param {() => T} decode
 * @returns {Promise<T>}
 */
export async function performTask(core, state, { hosts, signal, timeoutMs, onProgress }, decode) {
  const { task } = core;
  let since = Date.now();
  const stop = new AbortController();
  const end = ending(signal, timeoutMs);
  /** @type {Set<Promise<{ op: HostOp, reply: HostReply, settled: Promise<unknown> }>>} */
  const running = new Set();
  try {
    for (;;) {
      if (state === State.DONE) return decode();
      if (state === State.FAILED) throw core.error();
      if (state === State.PAUSE) {
        onProgress?.(core.json());
        if (Date.now() - since >= TURN_MS || signal?.aborted) {
          await Promise.race([end.aborted, new Promise((resolve) => { setTimeout(resolve); })]);
          since = Date.now();
        }
        state = core.goOn(task);
        continue;
      }
      if (state === State.OP) {
        launch(core.readOp());
        state = core.goOn(task);
        continue;
      }
      const event = await Promise.race([end.aborted, end.late(), ...running]);
      if (event === LATE) {
        state = core.goOn(task);
        continue;
      }
      running.delete(/** @type {any} */ (event.settled));
      state = core.takeReply(task, event.op.id, event.reply);
    }
  } catch (error) {
    if (state !== State.FAILED) core.cancel(task);
    throw error;
  } finally {
    end.forget();
    if (running.size > 0) stop.abort();     // an abort that nobody hears costs as much as a small call
  }

  /** @param {HostOp} op */
  function launch(op) {
    /** @type {Promise<any>} */
    const settled = carryOut(op, hosts, stop.signal).then((reply) => ({ op, reply, settled }));
    running.add(settled);
  }
}

const LATE = Symbol("late");
/** @type {Promise<never>} */
const NEVER = new Promise(() => {});
const TIMER_MS_MAX = 2 ** 31 - 1;

/** What ends a wait besides a reply: `aborted` only ever rejects, `late()` comes at the deadline. @param {AbortSignal | undefined} signal @param {number | undefined} timeoutMs */
function ending(signal, timeoutMs) {
  /** @type {(error: Error) => void} */
  let reject = () => {};
  /** @type {Promise<never>} */
  const aborted = new Promise((_, fail) => { reject = fail; });
  aborted.catch(() => {});            // nobody may be waiting when it comes
  const abort = () => reject(cancelled(/** @type {AbortSignal} */ (signal)));
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort, { once: true });
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @type {Promise<typeof LATE> | undefined} */
  let waiting;
  // The core's clock may be coarser than the timer: it is woken up again, each time a little later.
  let delay = timeoutMs ?? 0;
  let next = 1;
  const late = () => {
    if (timeoutMs === undefined) return NEVER;
    waiting ??= new Promise((resolve) => {
      timer = setTimeout(() => {
        waiting = undefined;
        delay = next;
        next *= 2;
        resolve(LATE);
      }, Math.min(delay, TIMER_MS_MAX));
    });
    return waiting;
  };
  return { aborted, late, forget() {
    signal?.removeEventListener("abort", abort);
    clearTimeout(timer);
  } };
}

/** Never rejects: what the host could not do is a reply too. @param {HostOp} op @param {Hosts} hosts @param {AbortSignal} stop @returns {Promise<HostReply>} */
async function carryOut(op, hosts, stop) {
  let late = false;
  let done = () => {};
  try {
    if (op.delayMs > 0) await pause(op.delayMs, stop).catch((error) => {
      if (op.undo) undo(op, hosts.fetch ?? globalThis.fetch);     // what it goes on with runs already
      throw error;
    });
    let signal = stop;
    if (op.timeoutMs > 0) {
      ({ signal, done } = limited(stop, op.timeoutMs, () => { late = true; }));
    }
    return op.kind === "sql" ? await performSql(op, hosts.drivers?.[op.backend], signal) : await performFetch(op, hosts.fetch, signal);
  } catch (error) {
    const failure = /** @type {{ message?: unknown, code?: unknown, cause?: { code?: unknown } }} */ (error ?? {});
    const message = late ? `no answer within ${op.timeoutMs} ms` : String(failure.message ?? error);
    const code = typeof failure.code === "string" || typeof failure.code === "number" ? failure.code : failure.cause?.code;
    const native = !late && (typeof code === "string" || typeof code === "number") ? String(code) : "";
    return { failed: true, status: 0, head: { message, native } };
  } finally {
    done();
  }
}

/** A signal that aborts with another, or after a time, of which `late` then hears. @param {AbortSignal} other @param {number} ms @param {() => void} late */
function limited(other, ms, late) {
  const own = new AbortController();
  const abort = () => own.abort();
  other.addEventListener("abort", abort, { once: true });
  const timer = setTimeout(() => {
    late();
    abort();
  }, ms);
  return { signal: own.signal, done() {
    clearTimeout(timer);
    other.removeEventListener("abort", abort);
  } };
}

/** @param {number} ms @param {AbortSignal} signal */
function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve(undefined);
    }, ms);
    signal.addEventListener("abort", stop, { once: true });
  });
}
