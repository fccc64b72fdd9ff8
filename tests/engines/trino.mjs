// SPDX-License-Identifier: MIT
// Trino by its own protocol, over a catalog of PostgreSQL.
import { HeavenBase } from "heavenbase";
import { startPostgres } from "../servers/postgres.mjs";
import { startTrino } from "../servers/trino.mjs";

/** @type {import("./run.mjs").Engine} */
export const trino = { name: "trino", slow: true, async start() {
  const postgres = await startPostgres();
  const server = await startTrino(postgres);
  const url = `http://127.0.0.1:${server.port}`;
  const open = (/** @type {string} */ catalog) => (/** @type {string} */ id) => HeavenBase.open(id, { backends: { main: { type: "trino", url, catalog, username: "tests" } } });
  return {
    ways: [{ name: "trino, postgresql", open: open("pg") }],
    stop: async () => {
      await server.stop();
      await postgres.stop();
    },
  };
} };
