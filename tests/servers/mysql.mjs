// SPDX-License-Identifier: MIT
// MariaDB from Debian's programs, MySQL from its Maven package, and OceanBase seekdb from its Python package; each on a port
// of its own on loopback, with data that goes when it stops. root has no password.
import { cpSync, mkdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { at } from "../../scripts/lib.mjs";
import { freePort, give, home, must, serve } from "./process.mjs";
import { pythonPackages } from "./python.mjs";

/** What Debian's mariadb-install-db gives to a new server, which wants other packages. */
const SYSTEM = ["mysql_system_tables.sql", "mysql_performance_tables.sql", "mysql_system_tables_data.sql"];

/** @typedef {import("./process.mjs").Server} Server */

/** @returns {Promise<Server>} */
export async function startMariadb() {
  const { folder, who } = home("mariadb");
  const share = "/usr/share/mysql", data = join(folder, "data");
  mkdirSync(data);
  give(data);
  const common = ["--no-defaults", `--datadir=${data}`, `--lc-messages-dir=${share}`, "--log-warnings=0"];
  const input = `CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n${SYSTEM.map((name) => readFileSync(join(share, name), "utf8")).join("")}`;
  must("/usr/sbin/mariadbd", [...common, "--bootstrap", "--enforce-storage-engine="], { ...who, input });
  const port = await freePort();
  return serve({ folder, who, port, program: "/usr/sbin/mariadbd",
    args: [...common, `--port=${port}`, "--bind-address=127.0.0.1", `--socket=${folder}/s.sock`, `--pid-file=${folder}/m.pid`, "--skip-name-resolve", "--innodb-flush-log-at-trx-commit=2"],
    isReady: () => greets(port) });
}

/** @returns {Promise<Server>} */
export async function startMysql() {
  const { folder, who } = home("mysql");
  const base = join(folder, "mysql"), data = join(folder, "data");
  cpSync(at(".cache/mysql"), base, { recursive: true, verbatimSymlinks: true });
  const program = join(base, "bin/mysqld");
  const asWho = { ...who, env: { ...process.env, LD_LIBRARY_PATH: join(base, "lib") } };
  const common = ["--no-defaults", `--basedir=${base}`, `--datadir=${data}`, `--lc-messages-dir=${join(base, "share")}`];
  must(program, [...common, "--initialize-insecure"], asWho);
  const port = await freePort();
  return serve({ folder, who: asWho, port, program,
    args: [...common, `--port=${port}`, "--bind-address=127.0.0.1", "--mysqlx=OFF", `--socket=${folder}/s.sock`, `--pid-file=${folder}/m.pid`, "--innodb-flush-log-at-trx-commit=2",
      "--disable-log-bin", "--default-authentication-plugin=mysql_native_password"],
    isReady: () => greets(port) });
}

/** @returns {Promise<Server>} */
export async function startSeekdb() {
  const { folder, who } = home("seekdb");
  const packages = pythonPackages("pylibseekdb/seekdb");
  for (const part of ["pylibseekdb", "pylibseekdb.libs"]) cpSync(join(packages, part), join(folder, part), { recursive: true });
  const port = await freePort();
  const size = ["memory_limit=2G", "datafile_size=512M", "datafile_maxsize=2G", "log_disk_size=2G", "cpu_count=2"];
  return serve({ folder, who: { ...who, env: { ...process.env, LD_LIBRARY_PATH: `${folder}/pylibseekdb:${folder}/pylibseekdb.libs` } }, port,
    program: join(folder, "pylibseekdb/seekdb"),
    args: ["--nodaemon", "--port", String(port), "--base-dir", join(folder, "data"), ...size.flatMap((one) => ["--parameter", one]), "--log-level", "ERROR"],
    isReady: () => greets(port) });
}

/** A server of this family speaks first: a packet that begins with its protocol's version. @param {number} port @returns {Promise<boolean>} */
const greets = (port) => new Promise((resolve) => {
  const socket = connect(port, "127.0.0.1");
  const end = (/** @type {boolean} */ is) => {
    socket.destroy();
    resolve(is);
  };
  socket.setTimeout(1000, () => end(false));
  socket.once("error", () => end(false)).once("close", () => end(false)).once("data", (bytes) => end(bytes[4] === 10));
});
