// SPDX-License-Identifier: MIT
// Aggregates through the builder: what the frames are, what goes down to SQLite, what is refused.
import assert from "node:assert/strict";
import test from "node:test";
import { Float, HeavenBase, Integer, Json, ShortText, entity, field } from "heavenbase";

const Order = entity("Order", { region: field(ShortText), amount: field(Float), qty: field(Integer), meta: field(Json) });
const rows = [{ object_id: "a", region: "north", amount: 1.5, qty: 2, meta: { ch: "web", w: 1 } }, { object_id: "b", region: null, amount: 2, qty: 9223372036854775807n, meta: { ch: "shop" } },
  { object_id: "c", region: "north", amount: null, qty: 3, meta: null }, { object_id: "d", region: "south", amount: -1, qty: null, meta: { ch: "web", w: 0.5 } }];

for (const [name, main] of Object.entries({ inmem: { type: "inmem" }, sqlite: { type: "sqlite", database: ":memory:" } })) {
  test(`aggregates on ${name}`, async () => {
    const ws = await HeavenBase.open("aggregates", { backends: { main } });
    await ws.register(Order);
    await ws.upsertMany(Order, rows);
    const grouped = ws.query(Order).groupBy(Order.region).aggregate({ n: Order.object_id.count(), high: Order.qty.max() });
    const frame = await grouped.execute();
    assert.deepEqual(frame.rows(), [{ region: "north", n: 2, high: 3 }, { region: null, n: 1, high: 9223372036854775807n }, { region: "south", n: 1, high: null }]);
    assert.deepEqual([frame.hasIdentity, frame.ids, frame.metadataColumns, frame.total], [false, [], [], 3]);
    assert.ok((await frame.toArrow()).length > 0);
    const page = await grouped.orderBy("n", "desc").limit(1).execute();
    assert.deepEqual((await grouped.orderBy("n", "desc").limit(1).after(page.cursor).execute()).column("region"), [null]);
    assert.deepEqual((await grouped.having({ n: { lt: 2 } }).having(Order.region.isNotNull()).execute()).rows(), [{ region: "south", n: 1, high: null }]);
    const [step] = (await grouped.explain()).steps.filter((one) => one.node === "aggregate");
    assert.deepEqual([step.handler_mode, step.fallback_reason, step.group_by], name === "sqlite" ? ["native", null, ["region"]]
      : ["fold", "native_aggregate_compiler_not_registered", ["region"]]);
    const [summed] = (await ws.query(Order).aggregate({ s: Order.amount.sum() }).explain()).steps.filter((one) => one.node === "aggregate");
    assert.equal(summed.fallback_reason, name === "sqlite" ? "backend_reducer_not_registered:sum" : "native_aggregate_compiler_not_registered");
    assert.deepEqual(await ws.query(Order).aggregate({ k: Order.meta.keySums() }).scalar(), { w: 1.5 });
    assert.deepEqual(await ws.query(Order).where(Order.amount.gt(0)).aggregate({ m: Order.amount.median() }).scalar(), 1.75);
    await assert.rejects(ws.query(Order).aggregate({ s: Order.qty.sum() }).execute(), { code: "LIMIT", field: "qty" });
    await assert.rejects(grouped.orderBy("amount").execute(), { code: "QUERY" });
    await assert.rejects(grouped.select("n").execute(), { code: "QUERY" });
    await assert.rejects(ws.query(Order).groupBy("region").execute(), { code: "QUERY" });
    await assert.rejects(ws.query(Order).groupBy("meta").aggregate({ n: Order.qty.count() }).execute(), { code: "QUERY", field: "meta" });
    await assert.rejects(grouped.count().execute(), { code: "QUERY" });
    assert.throws(() => ws.query(Order).aggregate(/** @type {any} */ (Order.qty.sum())), { code: "TYPE" });
    await ws.upsert(Order, { object_id: "z", region: "zero", amount: -0 });
    const { top } = /** @type {any} */ (await ws.query(Order).where(Order.region.eq("zero")).aggregate({ k: Order.amount.columnSummary() }).scalar());
    assert.deepEqual(top, [{ value: "0.0", count: 1 }]);
    await ws.close();
  });
}
