// SPDX-License-Identifier: MIT
// A server's process for the tests: on a port of its own on loopback, in a folder that goes when it stops. As root it runs
// as nobody, since database servers refuse to be root.
import { spawn, spawnSync } from "node:child_process";
import { chownSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const NOBODY = 65534;
const START_MS = 60_000;

/**
 * `pause` and `goOn` stop and continue it, `kill` ends it like a power cut, `start` starts it anew with its data, `stop`
 * ends it for good. @typedef {{ port: number, start: () => Promise<void>, kill: () => Promise<void>, pause: () => void, goOn: () => void, stop: () => Promise<void> }} Server
 */
/** What a program is run with. @typedef {{ cwd: string, env?: NodeJS.ProcessEnv, uid?: number, gid?: number }} Who */

/** A folder for a server's files, and who it runs as there. @param {string} name @returns {{ folder: string, who: Who }} */
export function home(name) {
  const folder = mkdtempSync(join(tmpdir(), `hb-${name}-`));
  const isRoot = process.getuid?.() === 0;
  if (isRoot) chownSync(folder, NOBODY, NOBODY);
  return { folder, who: isRoot ? { cwd: folder, uid: NOBODY, gid: NOBODY } : { cwd: folder } };
}

/** @param {string} folder that the server's user may write to */
export const give = (folder) => {
  if (process.getuid?.() === 0) chownSync(folder, NOBODY, NOBODY);
};

/** @returns {Promise<number>} one that nobody listens on */
export const freePort = () => new Promise((resolve, reject) => {
  const server = createServer().once("error", reject).listen(0, "127.0.0.1", () => {
    const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
    server.close(() => resolve(port));
  });
});

/** @param {string} program @param {string[]} args @param {import("node:child_process").SpawnSyncOptions} options */
export function must(program, args, options) {
  const { status, stderr, error } = spawnSync(program, args, { encoding: "utf8", ...options });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${error?.message ?? String(stderr).slice(-2000)}`);
}

/** SIGSTOP reaches a server's threads one after the other: some answer still. @param {number} pid */
const isStopped = (pid) => readdirSync(`/proc/${pid}/task`).every((id) => /\) [tTZX] /.test(readFileSync(`/proc/${pid}/task/${id}/stat`, "utf8")));

/** @param {number} pid */
function isAlive(pid) {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

/**
 * Starts it and waits until `isReady` says so. @param {{ folder: string, who: Who, port: number, program: string, args: string[], isReady: (log: string) => boolean | Promise<boolean>, end?: NodeJS.Signals, startMs?: number }} server @returns {Promise<Server>}
 */
export async function serve({ folder, who, port, program, args, isReady, end: ending = "SIGTERM", startMs = START_MS }) {
  /** @type {import("node:child_process").ChildProcess | undefined} */
  let server;
  const runs = () => server !== undefined && server.exitCode === null && server.signalCode === null;
  const start = async () => {
    let log = "";
    const child = spawn(program, args, { ...who, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [child.stdout, child.stderr]) stream?.setEncoding("utf8").on("data", (text) => { log = (log + text).slice(-20_000); });
    child.on("error", (error) => { log += error.message; });
    server = child;
    const until = Date.now() + startMs;
    while (!(await isReady(log))) {
      if (!runs() || Date.now() > until) throw new Error(`${program} did not start: ${log.slice(-2000)}`);
      await new Promise((resolve) => { setTimeout(resolve, 20); });
    }
  };
  /** The server and its children, each of which may have a process group of its own. */
  const pids = () => {
    if (!server?.pid || !runs()) return [];
    return [server.pid, ...readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number)];
  };
  /** @param {NodeJS.Signals} name */
  const signal = (name) => {
    for (const pid of pids()) {
      try {
        process.kill(pid, name);
      } catch {
        // it has ended meanwhile
      }
    }
  };
  /** @param {NodeJS.Signals} name */
  const end = async (name) => {
    const child = server;
    if (!child || !runs()) return;
    const gone = new Promise((resolve) => { child.once("exit", resolve); });
    const all = pids();
    signal("SIGCONT");
    if (name === "SIGKILL") signal(name);
    else child.kill(name);
    await gone;
    // Children that end later hold what the next start needs.
    for (const until = Date.now() + START_MS; all.some(isAlive) && Date.now() < until;) await new Promise((resolve) => { setTimeout(resolve, 20); });
  };
  const pause = () => {
    signal("SIGSTOP");
    for (const until = Date.now() + 5000; !pids().every(isStopped) && Date.now() < until;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  };
  process.once("exit", () => signal("SIGKILL"));
  await start();
  return { port, start, kill: () => end("SIGKILL"), pause, goOn: () => signal("SIGCONT"),
    stop: async () => {
      await end(ending);
      rmSync(folder, { recursive: true, force: true });
    } };
}
