// SPDX-License-Identifier: MIT
// A process of its own for one engine: node bench/probe.mjs bare | open ENGINE | memory ENGINE N | fill ENGINE FILE N | reopen ENGINE FILE
const [task, name, ...rest] = process.argv.slice(2);

const CHUNK = 1000;

/** Says when the answer was there and ends: Node would wait for the module's optimisation in the background first. */
function answered() {
  process.stdout.write(JSON.stringify({ at: performance.timeOrigin + performance.now() }), () => process.exit());
}

/** @returns {Promise<import("./engines/engine.mjs").Engine>} */
async function find() {
  const { ENGINES } = await import("./engines/index.mjs");
  return (await ENGINES[name]()).engine;
}

/** @type {Record<string, () => Promise<void> | void>} */
const tasks = {
  /** What Node itself takes. */
  bare: answered,

  /** Open, one row, one query. */
  async open() {
    const instance = await (await find()).open({ lean: true });
    await instance.load([{ object_id: "d0000000", name: "One", title: "One", year: 2000, price: 1, category: "category-a", tags: ["tag-1"] }]);
    const { titles } = await instance.filterIndex(2000);
    if (titles?.[0] !== "One") throw new Error(`${name} did not find its row`);
    answered();
  },

  /** Bytes that the rows take once they are loaded and indexed: heap and everything outside of it. */
  async memory() {
    const { makeSource, rawBytes } = await import("./workload.mjs");
    const { collect } = await import("./measure.mjs");
    const instance = await (await find()).open({ lean: false });
    const source = makeSource();
    const used = () => {
      collect();
      const { heapUsed, external } = process.memoryUsage();
      return heapUsed + external;
    };
    const n = Number(rest[0]);
    const before = used();
    let raw = 0;
    for (let at = 0; at < n; at += CHUNK) {
      const rows = Array.from({ length: Math.min(CHUNK, n - at) }, (_, index) => source.row("d", at + index));
      for (const row of rows) raw += rawBytes(row);
      await instance.load(rows);
    }
    await instance.settle();
    process.stdout.write(JSON.stringify({ bytes: used() - before, raw }));
    await instance.close();
  },

  async fill() {
    const { makeSource } = await import("./workload.mjs");
    const instance = await (await find()).open({ lean: false, file: rest[0] });
    const source = makeSource();
    await instance.load(Array.from({ length: Number(rest[1]) }, (_, index) => source.row("d", index)));
    await instance.close();
  },

  async reopen() {
    const instance = await (await find()).open({ lean: false, file: rest[0] });
    const { titles } = await instance.filterLimit({ low: 0, high: 1000 }, 100);
    if (!titles?.length) throw new Error(`${name} did not find its rows`);
    answered();
  },
};

await tasks[task]();
