// SPDX-License-Identifier: MIT
// The loop of a call that needs the host: operations run concurrently, each reply goes back as it comes, and an
// abort or a deadline frees the task. The answer is decoded at once, before another call can overwrite it.
import { HeavenBaseError, cancelled } from "../errors.js";
import { State } from "../generated/abi.js";
import { performFetch } from "../host/fetch.js";
import { performSql } from "../host/sql.js";

/** @typedef {import("./call.js").HostOp} HostOp */
/** @typedef {import("./call.js").HostReply} HostReply */
/** The part of Core that a task needs. @typedef {Pick<import("./call.js").Core, "readOp" | "goOn" | "takeReply" | "cancel" | "error" | "task">} TaskCore */
/**
 * @typedef {object} Hosts
 * @property {typeof fetch} [fetch]
 * @property {Record<string, import("../host/sql.js").SqlDriver>} [drivers] by backend instance
 */
/** @typedef {{ hosts: Hosts, signal?: AbortSignal, timeoutMs?: number }} TaskOptions */

/**
 * @template T
 * @param {TaskCore} core @param {number} state what the call returned @param {TaskOptions} options @param {() => T} decode
 * @returns {Promise<T>}
 */
export async function performTask(core, state, { hosts, signal, timeoutMs }, decode) {
  const { task } = core;
  const stop = new AbortController();
  const end = ending(signal, timeoutMs);
  /** @type {Set<Promise<{ op: HostOp, reply: HostReply, settled: Promise<unknown> }>>} */
  const running = new Set();
  try {
    for (;;) {
      if (state === State.DONE) return decode();
      if (state === State.FAILED) throw core.error();
      if (state === State.OP) {
        launch(core.readOp());
        state = core.goOn(task);
        continue;
      }
      const { op, reply, settled } = await Promise.race([end.reached, ...running]);
      running.delete(/** @type {any} */ (settled));
      state = core.takeReply(task, op.id, reply);
    }
  } catch (error) {
    if (state !== State.FAILED) core.cancel(task);
    throw error;
  } finally {
    end.forget();
    stop.abort();
  }

  /** @param {HostOp} op */
  function launch(op) {
    /** @type {Promise<any>} */
    const settled = carryOut(op, hosts, stop.signal).then((reply) => ({ op, reply, settled }));
    running.add(settled);
  }
}

/** A promise that only ever rejects: by the caller's signal, or at the deadline. @param {AbortSignal | undefined} signal @param {number | undefined} timeoutMs */
function ending(signal, timeoutMs) {
  /** @type {(error: Error) => void} */
  let reject = () => {};
  /** @type {Promise<never>} */
  const reached = new Promise((_, fail) => { reject = fail; });
  reached.catch(() => {});            // nobody may be waiting when it comes
  const abort = () => reject(cancelled(/** @type {AbortSignal} */ (signal)));
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort, { once: true });
  const timer = timeoutMs === undefined ? undefined
    : setTimeout(() => reject(new HeavenBaseError("TIMEOUT", `no answer within ${timeoutMs} ms`)), timeoutMs);
  return { reached, forget() {
    signal?.removeEventListener("abort", abort);
    clearTimeout(timer);
  } };
}

/** Never rejects: what the host could not do is a reply too. @param {HostOp} op @param {Hosts} hosts @param {AbortSignal} stop @returns {Promise<HostReply>} */
async function carryOut(op, hosts, stop) {
  const own = new AbortController();
  const abort = () => own.abort();
  stop.addEventListener("abort", abort, { once: true });
  const timer = op.timeoutMs > 0 ? setTimeout(abort, op.timeoutMs) : undefined;
  try {
    return op.kind === "sql" ? await performSql(op, hosts.drivers?.[op.backend], own.signal) : await performFetch(op, hosts.fetch, own.signal);
  } catch (error) {
    const failure = /** @type {{ message?: unknown, code?: unknown }} */ (error ?? {});
    const late = own.signal.aborted && !stop.aborted;
    const message = late ? `no answer within ${op.timeoutMs} ms` : String(failure.message ?? error);
    const native = typeof failure.code === "string" || typeof failure.code === "number" ? String(failure.code) : "";
    return { failed: true, status: 0, head: { message, native } };
  } finally {
    clearTimeout(timer);
    stop.removeEventListener("abort", abort);
  }
}
