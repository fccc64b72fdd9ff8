// SPDX-License-Identifier: MIT
// A process of its own for one engine:
//   node bench/probe.mjs bare | open ENGINE | memory ENGINE N | fill ENGINE FILE N | reopen ENGINE FILE
//   node bench/probe.mjs room ENGINE N | refill ENGINE N | churn ENGINE WRITES | compact ENGINE N
const [task, name, ...rest] = process.argv.slice(2);

const CHUNK = 1000;
/** As the source makes them. @param {string} prefix @param {number} index */
const idOf = (prefix, index) => `${prefix}${String(index).padStart(7, "0")}`;

/** Says when the answer was there and ends: Node would wait for the module's optimisation in the background first. */
function answered() {
  process.stdout.write(JSON.stringify({ at: performance.timeOrigin + performance.now() }), () => process.exit());
}

/** @returns {Promise<import("./engines/engine.mjs").Engine>} */
async function find() {
  const { engineOf } = await import("./engines/index.mjs");
  return engineOf(name);
}

/** What a process holds: its heap and all outside of it that Node counts, linear memory whole; natively, all of it. */
async function meter() {
  const { collect } = await import("./measure.mjs");
  const { native } = await find();
  return () => {
    collect();
    const { heapUsed, external, rss } = process.memoryUsage();
    return native ? rss : heapUsed + external;
  };
}

/** Rows in calls of a thousand. @param {import("./engines/engine.mjs").Instance} instance @param {(prefix: string, index: number) => import("./workload.mjs").Row} make @param {string} prefix @param {number} from @param {number} to */
async function loadRows(instance, make, prefix, from, to) {
  for (let at = from; at < to; at += CHUNK) await instance.load(Array.from({ length: Math.min(CHUNK, to - at) }, (_, index) => make(prefix, at + index)));
}

/** @param {unknown} answer */
const say = (answer) => process.stdout.write(JSON.stringify(answer));

/** @type {Record<string, () => Promise<void> | void>} */
const tasks = {
  /** What Node itself takes. */
  bare: answered,

  /** Open, one row, one query. */
  async open() {
    const instance = await (await find()).open({ lean: true });
    await instance.load([{ object_id: "d0000000", name: "One", title: "One", year: 2000, price: 1, category: "category-a", tags: ["tag-1"] }]);
    const { titles } = await /** @type {any} */ (instance).filterIndex(2000);
    if (titles?.[0] !== "One") throw new Error(`${name} did not find its row`);
    answered();
  },

  /** Bytes that the rows take once they are loaded and indexed: heap and everything outside of it. */
  async memory() {
    const { makeSource, rawBytes } = await import("./workload.mjs");
    const used = await meter();
    const instance = await (await find()).open({ lean: false });
    const source = makeSource();
    const before = used();
    let raw = 0;
    await loadRows(instance, (prefix, index) => {
      const row = source.row(prefix, index);
      raw += rawBytes(row);
      return row;
    }, "d", 0, Number(rest[0]));
    await instance.settle();
    say({ bytes: used() - before, raw });
    await instance.close();
  },

  /** All that the engine adds to a process with so many rows in it, its code and empty memory included. */
  async room() {
    const { makeSource } = await import("./workload.mjs");
    const used = await meter();
    const source = makeSource();
    const before = used();
    const instance = await (await find()).open({ lean: false });
    await loadRows(instance, source.row, "d", 0, Number(rest[0]));
    await instance.settle();
    say({ bytes: used() - before });
    await instance.close();
  },

  /** Every second row deleted, as many others written, three times over. */
  async refill() {
    const { makeSource } = await import("./workload.mjs");
    const used = await meter();
    const instance = await (await find()).open({ lean: false });
    const source = makeSource();
    const n = Number(rest[0]);
    await loadRows(instance, source.row, "d", 0, n);
    await instance.settle();
    const before = used();
    for (const [old, prefix] of [["d", "e"], ["e", "f"], ["f", "g"]]) {
      for (let index = 0; index < n >> 1; index++) await instance.remove?.(idOf(old, index));
      await loadRows(instance, source.row, prefix, 0, n >> 1);
      await instance.settle();
    }
    say({ before, after: used() });
    await instance.close();
  },

  /** Writes and deletes in turn beside rows that stay; the first tenth of them sets what is needed. */
  async churn() {
    const { makeSource } = await import("./workload.mjs");
    const used = await meter();
    const instance = await (await find()).open({ lean: false });
    const source = makeSource();
    await loadRows(instance, source.row, "d", 0, CHUNK);
    await instance.settle();
    const rows = Array.from({ length: CHUNK }, (_, index) => source.row("x", index));
    const turns = Number(rest[0]) / 2;
    let before = 0;
    for (let turn = 0; turn < turns; turn++) {
      if (turn === Math.floor(turns / 10)) before = used();
      const row = rows[turn % CHUNK];
      await instance.upsert?.(row);
      await instance.remove?.(row.object_id);
    }
    say({ before, after: used() });
    await instance.close();
  },

  /** Most rows deleted, then compacted into a fresh instance: what is left of the memory. null: there is no such call. */
  async compact() {
    const { makeSource } = await import("./workload.mjs");
    const used = await meter();
    const instance = await (await find()).open({ lean: false });
    if (!instance.compact) return void say(null);
    const n = Number(rest[0]);
    const source = makeSource();
    await loadRows(instance, source.row, "d", 0, n);
    for (let index = 0; index < n * 0.9; index++) await instance.remove?.(idOf("d", index));
    const before = used();
    await instance.compact();
    used();
    await new Promise((resolve) => { setTimeout(resolve, 50); });       // a dead memory is let go a turn after it was collected
    say({ before, after: used() });
    await instance.close();
  },

  async fill() {
    const { makeSource } = await import("./workload.mjs");
    const instance = await (await find()).open({ lean: false, file: rest[0] });
    const source = makeSource();
    await loadRows(instance, source.row, "d", 0, Number(rest[1]));
    await instance.close();
  },

  async reopen() {
    const instance = await (await find()).open({ lean: false, file: rest[0] });
    const { titles } = await /** @type {any} */ (instance).filterLimit({ low: 0, high: 1000 }, 100);
    if (!titles?.length) throw new Error(`${name} did not find its rows`);
    answered();
  },
};

await tasks[task]();
