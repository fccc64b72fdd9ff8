// SPDX-License-Identifier: MIT
// PostgreSQL with pgvector from its Python package, on a port of its own on loopback, with data that goes when it stops.
import { spawn, spawnSync } from "node:child_process";
import { chownSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { at } from "../../scripts/lib.mjs";

const NOBODY = 65534;
const START_MS = 30_000;

/** Where the package's programs lie, and the libraries that they look for beside. */
function programs() {
  const lib = at(".cache/engines/lib");
  for (const python of existsSync(lib) ? readdirSync(lib) : []) {
    const folder = join(lib, python, "site-packages");
    if (existsSync(join(folder, "embedded_postgres/pginstall"))) return folder;
  }
  throw new Error("the Python package embedded-postgres is not there: node scripts/run.mjs setup engines");
}

/** @returns {Promise<number>} one that nobody listens on */
export const freePort = () => new Promise((resolve, reject) => {
  const server = createServer().once("error", reject).listen(0, "127.0.0.1", () => {
    const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
    server.close(() => resolve(port));
  });
});

/** @param {string} program @param {string[]} args @param {import("node:child_process").SpawnSyncOptions} who */
function must(program, args, who) {
  const { status, stderr, error } = spawnSync(program, args, { encoding: "utf8", ...who });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")}: ${error?.message ?? stderr}`);
}

/**
 * Starts a server and waits until it answers. PostgreSQL refuses to run as root: then it runs as nobody, from copies of
 * its programs that nobody may read.
 * @returns {Promise<{ port: number, user: string, pause: () => void, goOn: () => void, kill: () => Promise<void>, start: () => Promise<void>, stop: () => Promise<void> }>}
 */
export async function startPostgres() {
  const folder = mkdtempSync(join(tmpdir(), "hb-postgres-"));
  const data = join(folder, "data");
  const isRoot = process.getuid?.() === 0;
  const who = isRoot ? { uid: NOBODY, gid: NOBODY, cwd: folder } : { cwd: folder };
  for (const part of ["embedded_postgres/pginstall", "embedded_postgres.libs"]) cpSync(join(programs(), part), join(folder, part), { recursive: true });
  mkdirSync(data, { mode: 0o700 });
  if (isRoot) for (const path of [folder, data]) chownSync(path, NOBODY, NOBODY);
  const bin = (/** @type {string} */ name) => join(folder, "embedded_postgres/pginstall/bin", name);
  must(bin("initdb"), ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "--no-instructions"], who);
  const port = await freePort();
  /** @type {import("node:child_process").ChildProcess | undefined} */
  let server;
  const start = async () => {
    let log = "";
    const child = spawn(bin("postgres"), ["-D", data, "-p", String(port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off"],
      { ...who, stdio: ["ignore", "ignore", "pipe"] });
    child.stderr?.setEncoding("utf8").on("data", (text) => { log += text; });
    server = child;
    const until = Date.now() + START_MS;
    while (!/ready to accept connections/.test(log)) {
      if (child.exitCode !== null || Date.now() > until) throw new Error(`postgres did not start: ${log.slice(-2000)}`);
      await new Promise((resolve) => { setTimeout(resolve, 20); });
    }
  };
  /** To the server and its children, each of which has a process group of its own. @param {NodeJS.Signals} name */
  const signal = (name) => {
    if (!server?.pid || server.exitCode !== null || server.signalCode !== null) return;
    const children = readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, "utf8").trim().split(" ").filter(Boolean);
    for (const pid of [server.pid, ...children.map(Number)]) {
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
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => { child.once("exit", resolve); });
    signal("SIGCONT");
    if (name === "SIGKILL") signal(name);
    else child.kill(name);
    await gone;
  };
  process.once("exit", () => signal("SIGKILL"));
  await start();
  return { port, user: "postgres", start, kill: () => end("SIGKILL"), pause: () => signal("SIGSTOP"), goOn: () => signal("SIGCONT"),
    stop: async () => {
      await end("SIGINT");
      rmSync(folder, { recursive: true, force: true });
    } };
}
