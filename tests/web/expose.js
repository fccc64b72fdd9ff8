// SPDX-License-Identifier: MIT
// What the tests call in the page, however the library came to it.
import { readFiles, tour, writeFiles } from "../hosts/tour.js";

const KEPT = Object.freeze({ persist: /** @type {const} */ ("idb") });
const NAMED = Object.freeze({ ...KEPT, backends: { main: { type: "sqlite", database: "deep/folder/tour.db" } } });
const ROWS = Object.freeze({ ...KEPT, backends: { main: { type: "json", path: "deep/rows" } } });
const PICKLES = Object.freeze({ ...KEPT, backends: { main: { type: "pickle", path: "rows/" } } });

/** @param {import("../hosts/tour.js").Face} heavenbase */
export function expose(heavenbase) {
  const since = performance.now();
  Object.assign(globalThis, { host: {
    tour: () => tour(heavenbase),
    async firstQuery() {
      const ws = await heavenbase.HeavenBase.open("first");
      await ws.query("sys-catalog").execute();
      await ws.close();
      return performance.now() - since;
    },
    write: () => writeFiles(heavenbase, KEPT),
    read: (/** @type {any} */ written) => readFiles(heavenbase, KEPT, written),
    writeNamed: () => writeFiles(heavenbase, NAMED),
    readNamed: (/** @type {any} */ written) => readFiles(heavenbase, NAMED, written),
    writeRows: () => writeFiles(heavenbase, ROWS),
    readRows: (/** @type {any} */ written) => readFiles(heavenbase, ROWS, written),
    writePickles: () => writeFiles(heavenbase, PICKLES),
    readPickles: (/** @type {any} */ written) => readFiles(heavenbase, PICKLES, written),
    async openTwice() {
      const ws = await heavenbase.HeavenBase.open("twice", KEPT);
      const error = await heavenbase.HeavenBase.open("twice", KEPT).catch((reason) => reason);
      await ws.close();
      await (await heavenbase.HeavenBase.open("twice", KEPT)).close();
      return error.code;
    },
    /** Writes without waiting for anything but the write itself, and says how many there are. */
    async add() {
      const ws = await heavenbase.HeavenBase.open("unclosed", KEPT);
      const Line = heavenbase.entity("Line", { text: heavenbase.field(heavenbase.ShortText) });
      await ws.register(Line);
      const before = await ws.count(Line);
      for (let i = 0; i < 20; i++) await ws.upsert(Line, { name: `${before + i}`, text: "written" });
      await ws.flush();
      return [before, await ws.count(Line)];
    },
    /** Two flushed writes while the clock stands still, then the workspace is left as it is. */
    async addWithinOneInstant() {
      const ws = await heavenbase.HeavenBase.open("unclosed", KEPT);
      const Line = heavenbase.entity("Line", { text: heavenbase.field(heavenbase.ShortText) });
      await ws.register(Line);
      const now = Date.now();
      Date.now = () => now;
      for (const name of ["first", "second"]) {
        await ws.upsert(Line, { name, text: "written" });
        await ws.flush();
      }
    },
    /** IndexedDB that refuses: its database has a later version. */
    async openBroken() {
      await new Promise((resolve, reject) => {
        const request = indexedDB.open("/heavenbase/broken", 99);
        request.onsuccess = () => resolve(request.result.close());
        request.onerror = reject;
      });
      return heavenbase.HeavenBase.open("broken", KEPT).then(() => "opened", ({ name, code }) => [name, code]);
    },
    async refused() {
      const cases = [{ persist: "disk" }, { persist: "idb", preset: "debug" }, { persist: "idb", backends: { main: { type: "sqlite", database: "/elsewhere/x.db" } } }];
      return Promise.all(cases.map((options) => heavenbase.HeavenBase.open("refused", /** @type {any} */ (options)).then(() => "opened", ({ code }) => code)));
    },
  } });
  document.documentElement.dataset.ready = "yes";
}
