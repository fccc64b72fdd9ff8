// SPDX-License-Identifier: MIT
// PostgreSQL with pgvector from its Python package, on a port of its own on loopback, with data that goes when it stops.
import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { freePort, give, home, must, serve } from "./process.mjs";
import { pythonPackages } from "./python.mjs";

/**
 * Runs from copies of its programs: nobody may not read them where they are.
 * @returns {Promise<import("./process.mjs").Server & { user: string }>}
 */
export async function startPostgres() {
  const { folder, who } = home("postgres");
  const data = join(folder, "data");
  const packages = pythonPackages("embedded_postgres/pginstall");
  for (const part of ["embedded_postgres/pginstall", "embedded_postgres.libs"]) cpSync(join(packages, part), join(folder, part), { recursive: true });
  mkdirSync(data, { mode: 0o700 });
  give(data);
  const bin = (/** @type {string} */ name) => join(folder, "embedded_postgres/pginstall/bin", name);
  must(bin("initdb"), ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "--no-instructions"], who);
  const port = await freePort();
  const server = await serve({ folder, who, port, program: bin("postgres"), end: "SIGINT",
    args: ["-D", data, "-p", String(port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off"],
    isReady: (log) => /ready to accept connections/.test(log) });
  return { ...server, user: "postgres" };
}
