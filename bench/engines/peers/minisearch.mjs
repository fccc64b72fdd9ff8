// SPDX-License-Identifier: MIT
// MiniSearch: full text alone, with the parameters that it comes with.
import MiniSearch from "minisearch";
import { TOP } from "../../workload.mjs";
import { versionOf } from "./version.mjs";

const make = () => new MiniSearch({ idField: "object_id", fields: ["body"], storeFields: ["object_id", "title"] });

/** @returns {import("../engine.mjs").Instance} */
function makeInstance() {
  const index = make();
  return {
    load: (rows) => index.addAll(rows),
    settle() {},
    upsert: (row) => (index.has(row.object_id) ? index.replace(row) : index.add(row)),
    remove: (id) => index.discard(id),
    getPart: (id) => index.getStoredFields(id) ?? null,
    search(text) {
      const found = index.search(text).slice(0, TOP);
      return { ids: found.map(({ id }) => id), scores: found.map(({ score }) => score) };
    },
    close() {},
  };
}

/** @type {import("../engine.mjs").Engine} */
export const engine = {
  name: "minisearch", title: "MiniSearch", ours: false, textbook: false, textOnly: true,
  version: () => versionOf("minisearch"),
  open: async () => makeInstance(),
  async buildText(rows) {
    const index = make();
    const start = performance.now();
    index.addAll(rows);
    return (performance.now() - start) / 1000;
  },
};
