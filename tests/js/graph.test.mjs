// SPDX-License-Identifier: MIT
// Relations: edges between rows, walks along them, and what they forbid.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Float, GraphEdge, HeavenBase, HyperG, Identifier, Integer, ShortText, entity, field } from "../../js/entry/node.js";

const person = (options) => entity("Person", {
  city: ShortText,
  knows: field(HyperG({ to: Identifier("person"), since: Integer })).store({ strategy: GraphEdge(options) }),
});
const Person = person();
const engines = { inmem: { main: { type: "inmem" } }, sqlite: { main: { type: "sqlite", database: ":memory:" } } };

/** a → b → c → d, a → c, e alone. @param {any} ws @param {any} [entity] */
async function people(ws, entity = Person) {
  await ws.register(entity);
  await ws.upsertMany(entity, ["a", "b", "c", "d", "e"].map((id) => ({ object_id: id, city: id < "c" ? "Linz" : "Graz", knows: [] })));
  const link = (from, ...ends) => ws.set(from, { knows: ends.map((to) => ({ to, since: 2000 })) }, { entity });
  await link("a", "b");
  await link("b", "c");
  await link("c", "d", "a");
}

/** @param {Record<string, any>[]} rows */
const ids = (rows) => rows.map((row) => row.object_id);
const code = (expected, more = {}) => (error) => {
  assert.equal(error.code, expected, error.message);
  for (const [key, value] of Object.entries(more)) assert.deepEqual(error[key], value);
  return true;
};

for (const [name, backends] of Object.entries(engines)) {
  const opened = async (work) => {
    const ws = await HeavenBase.open("graphs", { backends });
    try { await work(ws); } finally { await ws.close(); }
  };

  describe(name, () => {
    test("walks go out, in and both ways, nearest first", () => opened(async (ws) => {
      await people(ws);
      assert.deepEqual(ids(await ws.traverse(Person.knows, "a")), ["b"]);
      assert.deepEqual(ids(await ws.traverse(Person.knows, "a", { maxHops: 2 })), ["b", "c"]);
      assert.deepEqual(ids(await ws.traverse(Person.knows, "a", { minHops: 2, maxHops: 9 })), ["c", "d"]);
      assert.deepEqual(ids(await ws.traverse(Person.knows, "a", { minHops: 3 })), ["d"]);
      assert.deepEqual(ids(await ws.traverse("person.knows", "a", { minHops: 0, maxHops: 1 })), ["a", "b"]);
      assert.deepEqual(ids(await ws.traverse(Person.knows, "d", { direction: "in", maxHops: 2 })), ["c", "b"]);
      assert.deepEqual(ids(await ws.traverse(Person.knows, "d", { direction: "any", maxHops: 2 })), ["c", "a", "b"]);
      assert.deepEqual(await ws.traverse(Person.knows, "e", { direction: "any", maxHops: 64 }), []);
      assert.deepEqual(await ws.traverse(Person.knows, "nobody"), []);
      assert.equal((await ws.traverse(Person.knows, "a"))[0].city, "Linz");
    }));

    test("a query is restricted to what a walk reaches", () => opened(async (ws) => {
      await people(ws);
      const near = ws.query(Person).traverse(Person.knows, "a", { maxHops: 3 });
      assert.deepEqual((await near.execute()).ids, ["b", "c", "d"]);
      assert.deepEqual((await near.execute({ pushdown: false })).ids, ["b", "c", "d"]);
      assert.deepEqual((await near.where(Person.city.eq("Graz")).orderBy("object_id", "desc").execute()).ids, ["d", "c"]);
      assert.equal(await near.count().scalar(), 3);
      assert.deepEqual((await ws.query(Person).traverse(Person.knows, "e").execute()).ids, []);
      const spec = { traverse: { field: "person.knows", start: "a", min_hops: 1, max_hops: 3, direction: "out" } };
      assert.deepEqual(near.toJSON(), { traverse: { field: "knows", start: "a", max_hops: 3 } });
      assert.deepEqual((await ws.queryJson("person", spec).execute()).ids, ["b", "c", "d"]);
      const prepared = await near.prepare();
      assert.deepEqual((await prepared.execute()).ids, ["b", "c", "d"]);
      const step = (await near.explain()).steps[0];
      assert.deepEqual(step, { node: "traverse", field: "knows", start: "a", min_hops: 1, max_hops: 3, direction: "out",
        mode: "breadth_first", endpoint_filter: "none", target_entity: "person", backends: ["main"] });
      await assert.rejects(ws.query(Person).traverse(Person.city, "a").execute(), code("UNSUPPORTED"));
      await assert.rejects(ws.query(Person).traverse("knowz", "a").execute(), code("UNKNOWN_FIELD"));
      await assert.rejects(ws.query(Person).traverse("knows", "a", { maxHops: 65 }).execute(), code("LIMIT"));
      await assert.rejects(ws.query(Person).traverse("knows", "a", { minHops: 3, maxHops: 2 }).execute(), code("QUERY"));
      await assert.rejects(ws.queryJson("person", { traverse: { field: "knows", start: "a", hops: 1 } }).execute(), code("QUERY"));
    }));

    test("the shortest path, or null", () => opened(async (ws) => {
      await people(ws);
      assert.deepEqual(await ws.shortestPath(Person.knows, "a", "d"), [["person", "a"], ["person", "b"], ["person", "c"], ["person", "d"]]);
      assert.deepEqual(await ws.shortestPath(Person.knows, "a", "c", { direction: "any" }), [["person", "a"], ["person", "c"]]);
      assert.deepEqual(await ws.shortestPath(Person.knows, "a", "a"), [["person", "a"]]);
      assert.equal(await ws.shortestPath(Person.knows, "a", "d", { maxHops: 2 }), null);
      assert.equal(await ws.shortestPath(Person.knows, "d", "a"), null);
      assert.equal(await ws.shortestPath(Person.knows, "a", "e"), null);
    }));

    test("an edge must lead to a row, of the store or of the same call", () => opened(async (ws) => {
      await people(ws);
      await assert.rejects(ws.upsert(Person, { object_id: "z", knows: [{ to: "nope", since: 1 }, { to: "a", since: 1 }] }),
        code("VALIDATION", { entity: "person", field: "knows" }));
      assert.equal(await ws.exists("z", { entity: Person }), false);
      await assert.rejects(ws.set("a", { knows: [{ to: "nope", since: 1 }] }, { entity: Person }), /1 reference: person\.knows:a->person:nope/);
      await ws.upsertMany(Person, [{ object_id: "x", knows: [{ to: "y", since: 1 }, { to: "x", since: 1 }] }, { object_id: "y", knows: [{ to: "x", since: 1 }] }]);
      assert.deepEqual(ids(await ws.traverse(Person.knows, "x", { maxHops: 5 })), ["y"]);
    }));

    test("an edge forbids the deletion of its end, unless it goes too", () => opened(async (ws) => {
      await people(ws);
      const references = [{ entity: "person", field: "knows", object_id: "a", target_entity: "person", target: "b" }];
      await assert.rejects(ws.delete("b", { entity: Person }), code("RESTRICTED", { references }));
      await assert.rejects(ws.delete("b"), code("RESTRICTED", { references }));
      assert.equal(await ws.exists("b"), true);
      assert.equal(await ws.delete("b", { entity: Person, edges: "detach" }), true);
      assert.deepEqual((await ws.get("a", { entity: Person })).knows, []);
      assert.deepEqual((await ws.get("a", { entity: Person })).city, "Linz");
      assert.deepEqual(await ws.traverse(Person.knows, "a"), []);
      assert.deepEqual(await ws.deleteMany(["c", "d", "c"], { entity: Person }), [true, true, true]);
      assert.deepEqual(await ws.ids(Person), ["a", "e"]);
      assert.equal(await ws.delete("nobody", { entity: Person }), false);
      assert.deepEqual((await ws.audit()).catalog.ok, true);
    }));

    test("onDelete \"detach\" is the field's own rule, and a call may be stricter", () => opened(async (ws) => {
      const Loose = person({ onDelete: "detach" });
      await people(ws, Loose);
      await assert.rejects(ws.delete("c", { entity: Loose, edges: "restrict" }), code("RESTRICTED"));
      assert.equal(await ws.delete("c", { entity: Loose }), true);
      assert.deepEqual((await ws.get("b", { entity: Loose })).knows, []);
      assert.deepEqual(await ws.checkGraph(), []);
    }));

    test("relations between two entities", () => opened(async (ws) => {
      const Firm = entity("Firm", { city: ShortText });
      const Worker = entity("Worker", { jobs: field(HyperG({ at: Identifier(Firm), boss: Identifier("worker"), share: Float })).store({ strategy: GraphEdge({ target: "at" }) }) });
      await ws.register(Firm);
      await ws.register(Worker);
      await ws.upsertMany(Firm, [{ object_id: "f", city: "Linz" }, { object_id: "g" }]);
      await ws.upsertMany(Worker, [{ object_id: "v", jobs: [{ at: "f", boss: "v", share: 1 }] }, { object_id: "w", jobs: [["f", "v", 0.5], ["g", "v", 0.5]] }]);
      assert.deepEqual(ids(await ws.traverse(Worker.jobs, "w")), ["f", "g"]);
      assert.deepEqual(ids(await ws.traverse(Worker.jobs, "f", { direction: "in" })), ["v", "w"]);
      assert.deepEqual(ids(await ws.traverse(Worker.jobs, "v", { direction: "any", maxHops: 3 })), ["f", "w", "g"]);
      assert.deepEqual(ids(await ws.traverse(Worker.jobs, [Firm, "g"], { direction: "any", maxHops: 2 })), ["w", "f"]);
      assert.deepEqual((await ws.query(Firm).traverse(Worker.jobs, "w").where(Firm.city.eq("Linz")).execute()).ids, ["f"]);
      assert.deepEqual((await ws.query(Worker).traverse(Worker.jobs, "g", { direction: "in" }).execute()).ids, ["w"]);
      assert.deepEqual(await ws.shortestPath(Worker.jobs, "v", "g", { direction: "any" }), [["worker", "v"], ["firm", "f"], ["worker", "w"], ["firm", "g"]]);
      await assert.rejects(ws.delete("f", { entity: Firm }), code("RESTRICTED", { entity: "worker", field: "jobs" }));
      assert.equal(await ws.delete("f", { entity: Firm, edges: "detach" }), true);
      assert.deepEqual((await ws.get("w", { entity: Worker })).jobs, [{ at: "g", boss: "v", share: 0.5 }]);
      await assert.rejects(ws.traverse(Worker.jobs, ["person", "v"]), code("QUERY"));
    }));

    test("edges that lead nowhere are found, and scrubbed on demand", () => opened(async (ws) => {
      const Firm = entity("Firm", { city: ShortText });
      const Worker = entity("Worker", { jobs: field(HyperG({ at: Identifier("firm") })).store({ strategy: GraphEdge }) });
      await ws.register(Firm);
      await ws.register(Worker);
      await ws.upsertMany(Firm, [{ object_id: "f" }, { object_id: "g" }]);
      await ws.upsert(Worker, { object_id: "w", jobs: [{ at: "f" }, { at: "g" }] });
      assert.deepEqual(await ws.checkGraph(), []);
      const dangling = [{ entity: "worker", field: "jobs", object_id: "w", target_entity: "firm", target: "f" }];
      // Rows stay where they are: the field is no relation for a while, and nothing is restricted.
      await ws.register(entity("Worker", { jobs: HyperG({ at: Identifier("firm") }) }), { allowReplace: true });
      await ws.delete("f", { entity: "firm" });
      await ws.register(Worker, { allowReplace: true });
      assert.deepEqual(await ws.checkGraph(), dangling);
      assert.deepEqual(await ws.scrubDangling(Worker.jobs), { dangling, removed: 0 });
      assert.deepEqual(await ws.scrubDangling(Worker.jobs, { confirm: true }), { dangling, removed: 1 });
      assert.deepEqual((await ws.get("w", { entity: Worker })).jobs, [{ at: "g" }]);
      assert.deepEqual(await ws.checkGraph(), []);
    }));

    test("who leads here is answered from the index", () => opened(async (ws) => {
      await people(ws);
      const plan = await ws.query(Person).where(Person.knows.exists({ to: "c" })).explain();
      assert.equal(plan.steps[0].handler_mode, "native");
      assert.deepEqual((await ws.query(Person).where(Person.knows.exists({ to: { in: ["c", "d"] } })).execute()).ids, ["b", "c"]);
      assert.deepEqual((await ws.query(Person).where(Person.knows.exists({ to: "c", since: 1999 })).execute()).ids, []);
      assert.deepEqual((await ws.query(Person).where(Person.knows.all({ since: 2000 })).execute()).ids.length > 0, true);
      await assert.rejects(ws.query(Person).where(Person.knows.eq([])).execute(), code("UNSUPPORTED"));
      assert.equal(await ws.capabilities.supports(HyperG, "exists", "main", GraphEdge), true);
      assert.equal(await ws.capabilities.supports(HyperG, "eq", "main", GraphEdge), false);
    }));
  });
}

test("what is no relation is refused at register", async () => {
  const ws = await HeavenBase.open("graphs", { backends: engines.inmem });
  const refused = async (type, options = {}) =>
    assert.rejects(ws.register(entity("Bad", { edges: field(type).store({ strategy: GraphEdge(options) }) })), code("SCHEMA", { entity: "bad", field: "edges" }));
  await refused(ShortText);
  await refused(HyperG(["a", "b"]));
  await refused(HyperG({ a: Identifier("x"), b: Identifier("x") }));
  await refused(HyperG({ a: Identifier("x") }), { target: "b" });
  await refused(HyperG({ a: Identifier("x"), b: ShortText }), { target: "b" });
  await refused(HyperG({ a: field(Identifier("x")).optional() }));
  await refused(HyperG({ a: Identifier("x") }), { onDelete: "explode" });
  await refused(HyperG({ a: Identifier("x"), b: HyperG(["c"]) }));
  assert.throws(() => GraphEdge({ cascade: true }), code("SCHEMA"));
  const portable = { name: "Good", fields: { edges: { type: { type: "hyper-g", fields: [{ name: "a", dtype: { type: "identifier", target_entity: "good" } }] },
    storage: { strategy: "GraphEdge", params: { target: "a", on_delete: "detach" } } } } };
  await ws.register(portable);
  await ws.register(portable);
  await assert.rejects(ws.register({ ...portable, fields: { edges: { ...portable.fields.edges, storage: { strategy: "graph" } } } }), code("SCHEMA_CONFLICT"));
  await ws.close();
});
