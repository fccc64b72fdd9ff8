// SPDX-License-Identifier: MIT
// What the tests call in the page, however the library came to it.
import { remote } from "../hosts/remote.js";
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
    remote: (/** @type {any} */ given) => remote(heavenbase, given),
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
    /** What IndexedDB has of each strict write as soon as its call has resolved; nothing is flushed, the workspace is left as it is. */
    async addStrictly() {
      const ws = await heavenbase.HeavenBase.open("strict", { ...KEPT, durability: "strict" });
      const Line = heavenbase.entity("Line", { text: heavenbase.field(heavenbase.ShortText) });
      await ws.register(Line);
      const seen = [];
      for (const text of ["strict-one", "strict-two"]) {
        await ws.upsert(Line, { name: text, text });
        seen.push((await bytesInIndexedDb("strict")).includes(text));
      }
      const { backends: [{ durability }] } = await ws.health();
      return { durability: [ws.durability, durability], seen, rows: await ws.count(Line), early: (await bytesInIndexedDb("strict")).includes("never-written") };
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

/** The contents of a workspace's files in IndexedDB, as Latin-1. @param {string} id @returns {Promise<string>} */
async function bytesInIndexedDb(id) {
  const settled = (/** @type {IDBRequest<any>} */ request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const database = await settled(indexedDB.open(`/heavenbase/${id}`));
  const files = await settled(database.transaction("FILE_DATA").objectStore("FILE_DATA").getAll());
  database.close();
  const decoder = new TextDecoder("latin1");
  return files.map((/** @type {{ contents?: Uint8Array }} */ { contents }) => (contents ? decoder.decode(contents) : "")).join();
}
