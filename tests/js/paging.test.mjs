// SPDX-License-Identifier: MIT
// Cursors, streams, the Catalog's `available`, and what contained_in tells: against the module.
import assert from "node:assert/strict";
import test from "node:test";
import { ArrayOf, Boolean, Catalog, Categorical, Float, HeavenBase, Integer, Json, ShortText, SparseGramIndex, Vector, VectorIndex, entity, field } from "heavenbase";

const Thing = entity("Thing", { title: field(ShortText), n: field(Integer), f: field(Float), ok: field(Boolean), kind: field(Categorical(["b", "a", "c"])),
  j: field(Json), tags: field(ArrayOf(ShortText)), emb: field(Vector(2)).store({ to: "main", strategy: VectorIndex }) });
const rows = Array.from({ length: 23 }, (_, i) => ({
  object_id: `t${String(i).padStart(2, "0")}`, title: i % 5 === 0 ? null : `title ${i % 4}`, n: i % 3 === 0 ? null : i % 2 ? 2n ** 60n + BigInt(i % 5) : i % 5,
  f: [0.1, -0, 1e-300, null][i % 4], ok: [true, false, null][i % 3], kind: ["a", "b", "c", null][i % 4],
  j: { k: i % 4 === 0 ? null : i % 3, t: `x${i % 2}`, b: i % 2 === 0 }, tags: [`tag ${i}`], emb: [1, i / 10] }));
const orders = [[], ["n"], ["-n"], ["title", "-n"], ["-title"], ["f"], ["-f", "title"], ["ok"], ["-ok", "n"], ["kind"], ["-kind", "ok"], ["j.k"], ["-j.k"], ["j.b"], ["-j.t", "f"],
  ["-object_id"], ["object_id"]];
const layouts = { inmem: { main: { type: "inmem" } }, sqlite: { main: { type: "sqlite", database: ":memory:" } },
  split: { main: { type: "sqlite", database: ":memory:" }, vec: { type: "inmem" }, search: { type: "inmem" } } };

/** @param {keyof typeof layouts} layout */
async function opened(layout) {
  const ws = await HeavenBase.open("paging", { backends: layouts[layout] });
  await ws.register(Thing);
  await ws.upsertMany(Thing, rows);
  return ws;
}

for (const layout of /** @type {(keyof typeof layouts)[]} */ (Object.keys(layouts))) {
  test(`pages by cursor are the whole result, on ${layout}`, async () => {
    const ws = await opened(layout);
    for (const order of orders) {
      for (const filter of [{}, { n: { is_null: false } }]) {
        const whole = ws.queryJson(Thing, { order, filter, select: ["title"] });
        const want = (await whole.execute()).ids;
        for (const options of [{}, { total: true }, { pushdown: false }]) {
          const seen = [];
          let cursor = null;
          do {
            const frame = await whole.after(cursor).limit(4).execute(options);
            seen.push(...frame.ids);
            ({ cursor } = frame);
            assert.equal(cursor === null, !frame.truncated);
          } while (cursor !== null);
          assert.deepEqual(seen, want, `${order} ${JSON.stringify(filter)} ${JSON.stringify(options)}`);
        }
      }
    }
    await ws.close();
  });
}

test("a cursor goes with its order and entity alone", async () => {
  const ws = await opened("inmem");
  const { cursor } = await ws.query(Thing).orderBy("n").limit(2).execute();
  await assert.rejects(ws.query(Thing).orderBy("n", "desc").after(cursor).execute(), { code: "QUERY" });
  await assert.rejects(ws.query(Thing).after("nonsense").execute(), { code: "QUERY" });
  await assert.rejects(ws.query(Thing).after(cursor).count().execute(), { code: "QUERY" });
  assert.throws(() => ws.query(Thing).after(/** @type {any} */ (5)), { code: "TYPE" });
  const ranked = ws.query(Thing).near("emb", [1, 0], { topK: 7 });
  const page = await ranked.limit(3).execute();
  const next = await ranked.after(page.cursor).limit(4).execute();
  assert.deepEqual([...page.ids, ...next.ids], (await ranked.execute()).ids);
  assert.equal(next.cursor, null);
  await ws.close();
});

test("streams give every row once, in batches, within limit and offset", async () => {
  const ws = await opened("sqlite");
  const query = ws.query(Thing).orderBy("n");
  const want = (await query.execute()).ids;
  const seen = [];
  for await (const row of query) seen.push(row.object_id);
  assert.deepEqual(seen, want);
  const sizes = [], ids = [];
  for await (const frame of query.offset(2).limit(12).stream({ batchSize: 5 })) {
    sizes.push(frame.length);
    ids.push(...frame.ids);
  }
  assert.deepEqual([sizes, ids], [[5, 5, 2], want.slice(2, 14)]);
  const ranked = [];
  for await (const frame of ws.query(Thing).near("emb", [1, 0], { topK: 5 }).stream({ batchSize: 2 })) ranked.push(frame.length);
  assert.deepEqual(ranked, [2, 2, 1]);
  const controller = new AbortController();
  await assert.rejects(async () => {
    for await (const frame of query.stream({ batchSize: 2, signal: controller.signal })) controller.abort(frame.length);
  });
  await assert.rejects(query.stream({ batchSize: 0 }).next(), { code: "QUERY" });
  await ws.close();
});

test("a stream sees the rows behind its place as they are when it comes there", async () => {
  const ws = await opened("inmem");
  const seen = [];
  for await (const frame of ws.query(Thing).select("n").stream({ batchSize: 10 })) {
    if (seen.length === 0) {
      await ws.delete("t15", { entity: Thing });
      await ws.upsert(Thing, { object_id: "t14b", n: 1 });
      await ws.upsert(Thing, { object_id: "t00b", n: 1 });
    }
    seen.push(...frame.ids);
  }
  assert.deepEqual(seen, [...rows.map((row) => row.object_id).filter((id) => id !== "t15"), "t14b"].sort());
  await ws.close();
});

test("available asks the Catalog", async () => {
  const ws = await opened("inmem");
  const of = (/** @type {object} */ options) => ws.query(Catalog).available(options).where({ target_entity: "thing" }).count().scalar();
  const [one, two, three] = (await ws.query(Catalog).where({ target_entity: "thing" }).limit(3).execute()).ids;
  await ws.set(one, { visible: false }, { entity: Catalog });
  await ws.set(two, { stale_compute: 1000 }, { entity: Catalog });
  await ws.set(three, { active: false }, { entity: Catalog });
  assert.equal(await of({}), rows.length - 3);
  assert.equal(await of({ invisible: true }), rows.length - 2);
  assert.equal(await of({ stale: true }), rows.length - 2);
  assert.equal(await of({ now: 999 }), rows.length - 2);
  assert.equal(await of({ now: new Date(8.64e15) }), rows.length - 3 - (rows.length - 3) * Number(8.64e15 >= 253402300799000));
  await assert.rejects(ws.query(Thing).available().execute(), { code: "QUERY" });
  assert.equal((await ws.queryJson(Catalog, { available: false, filter: { target_entity: "thing" } }).execute()).length, rows.length);
  await assert.rejects(ws.queryJson(Catalog, { available: { later: 1 } }).execute(), { code: "QUERY" });
  await ws.close();
});

const Word = entity("Word", { term: field(ShortText), keys: field(ArrayOf(ShortText)).store({ to: "main", strategy: SparseGramIndex }), plain: field(ArrayOf(ShortText)) });
for (const layout of /** @type {const} */ (["inmem", "sqlite"])) {
  test(`contained_in tells what it found and where, on ${layout}`, async () => {
    const ws = await HeavenBase.open("words", { backends: layouts[layout] });
    await ws.register(Word);
    const keys = ["New-York", "straße", "c++", "!"];
    await ws.upsertMany(Word, [{ object_id: "a", term: "New York", keys, plain: keys }, { object_id: "b", term: "Paris", keys: ["paris"], plain: null },
      { object_id: "c", term: "", keys: [], plain: [] }, { object_id: "d", term: null, keys: null, plain: null }, { object_id: "e", term: "Cafe\u0301", keys: ["한"], plain: [] }]);
    const text = "In new   york, a STRASSE (C++); CAFÉ \u1112\u1161\u11ab new york";
    const found = await ws.query(Word).where(Word.term.containedIn(text)).execute();
    assert.deepEqual(found.ids, ["a", "e"]);
    assert.deepEqual(found.metadataColumns, ["match"]);
    const [first] = found.rows();
    assert.deepEqual(first.match, [[3, 13, 3, 11, "new   york"], [41, 49, 33, 41, "new york"]].map(([from, to, normFrom, normTo, part]) => ({ field: "term", op: "contained_in", keyword: "New York",
      keyword_norm: "new york", query_span: [from, to], query_norm_span: [normFrom, normTo], query_text: part, ordinal: 0, normalizer: "default:auto", precision: "exact" })));
    const cafe = found.rows()[1].match[0];
    assert.equal([...text].slice(...cafe.query_span).join(""), "CAFÉ");
    for (const name of ["keys", "plain"]) {
      const [row] = await ws.query(Word).where({ [name]: { contained_in: text } }).select("match").execute();
      assert.deepEqual(row.match.map((/** @type {any} */ one) => [one.ordinal, one.query_text]), [[0, "new   york"], [0, "new york"], [1, "STRASSE"], [2, "C++"]]);
    }
    const plan = await ws.query(Word).where(Word.keys.containedIn(text)).explain();
    assert.equal(plan.steps[0].handler_mode, layout === "sqlite" ? "native" : "scan");
    assert.deepEqual((await ws.query(Word).where(Word.keys.containedIn(text)).execute()).ids, ["a", "e"]);
    assert.deepEqual((await ws.query(Word).where(Word.keys.containedIn(text).not()).execute()).colNames().includes("match"), false);
    assert.equal((await ws.query(Word).where(Word.term.containedIn("")).execute()).length, 0);
    await assert.rejects(ws.query(Word).where(Word.term.containedIn("x")).orderBy("match").execute(), { code: "QUERY" });
    await ws.close();
  });
}

test("fields without an index score once, wherever they are", async () => {
  const Spread = entity("Spread", { a: field(ShortText).store({ to: "main" }), b: field(ShortText).store({ to: "search" }) });
  const ws = await HeavenBase.open("spread", { backends: layouts.split });
  await ws.register(Spread);
  await ws.upsertMany(Spread, [{ object_id: "1", a: "agent", b: "agent" }, { object_id: "2", a: "agent", b: "x" }, { object_id: "3", a: "x", b: "x" }]);
  const query = ws.query(Spread).search(["a", "b"], "agent");
  assert.deepEqual((await query.execute()).rows().map(({ object_id, score }) => [object_id, score]), [["1", 1], ["2", 1]]);
  const searches = (await query.explain()).steps.filter((step) => step.node === "search");
  assert.deepEqual(searches.map((step) => step.ranking), ["equal scores", "equal scores"]);
  await ws.close();
});
