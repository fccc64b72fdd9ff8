// SPDX-License-Identifier: MIT
// Automatic placement, once as the reference decides it and once as we do (design D1 and D2).
// The two differ in four things only: vectors prefer an instance called `vec`, long text gets a
// replica on an instance called `search`, there is an implicit `name`, and a field has one place on
// a backend (D41).

const SQL = new Set(["sqlite", "duckdb", "postgres", "mysql", "mssql", "oracle"]);
const ALIASES = { memory: "inmem", postgresql: "postgres", pg: "postgres" };
const VECTOR = new Set(["inmem", "pgvector", "lance", "milvus", "chroma", "pinecone"]);
const ORDER = ["inmem", "file", "json", "pickle", "sqlite"];

const DEBUG = { main: { type: "sqlite", database: ":memory:" }, vec: { type: "inmem" },
  search: { type: "inmem" } };

/** The instances of a case as a list of {name, type} in declaration order. */
export function instances(backends) {
  const map = backends === "debug" ? DEBUG : typeof backends === "object" ? backends ?? {} : {};
  return Object.entries(map).map(([name, config]) => ({ name,
    type: ALIASES[config?.type] ?? config?.type }));
}

/** The instance called main, or the first. */
const homeOf = (all) => all.find((one) => one.name === "main") ?? all[0];

function pick(all, matches) {
  const home = homeOf(all);
  if (home && matches(home)) return home;
  const rank = (one) => (ORDER.indexOf(one.type) + ORDER.length + 1) % (ORDER.length + 1);
  return all.filter(matches).sort((a, b) => rank(a) - rank(b))[0] ?? home;
}

function automatic(type, all, ours) {
  const isSql = (one) => SQL.has(one.type);
  const row = pick(all, () => true);
  const at = (one, strategy) => [{ backend: one.name, type: one.type, strategy }];
  switch (type.kind) {
    case "vector": {
      const named = ours ? all.find((one) => one.name === "vec") : undefined;
      return at(named ?? pick(all, (one) => VECTOR.has(one.type)), "vector");
    }
    case "long-text": {
      const search = ours ? all.find((one) => one.name === "search") : undefined;
      if (search && search === row) return at(row, "inverted");
      return [...at(row, "inline"), ...(search ? at(search, "inverted") : [])];
    }
    case "json": return at(row, "json");
    case "array":
      if (type.item?.kind === "short-text") {
        const sql = pick(all, isSql);
        return isSql(sql) ? at(sql, "sparse-gram") : at(row, "inline");
      }
      return at(row, isSql(row) ? "side" : "inline");
    case "hyper-g": return at(row, isSql(row) ? "side" : "inline");
    default: return at(row, "inline");
  }
}

/** We keep one place on a backend: every strategy keeps the value itself, so inline is implied by another (D41). */
const oneEach = (found) => found.filter((one, at) => found.findIndex((other) => other.backend === one.backend) === at)
  .map((one) => ({ ...one, strategy: found.find((other) => other.backend === one.backend && other.strategy !== "inline")?.strategy ?? one.strategy }));

function declared(field, all, ours) {
  const found = field.stores.flatMap((store, at) => {
    const one = (store.to ?? "") === "" ? homeOf(all) : all.find((instance) => instance.name === store.to);
    const again = field.stores.slice(0, at).some((other) => other.to === store.to && other.strategy === store.strategy);
    return one && !again ? [{ backend: one.name, type: one.type, strategy: store.strategy }] : [];
  });
  return ours ? oneEach(found) : found;
}

/** Every binding of an entity: [{field, backend, type, strategy}], object_id last. */
export function placement(entity, backends, ours) {
  const all = instances(backends);
  if (all.length === 0) return [];
  const fields = [...entity.fields.values()].filter((field) => field.name !== "object_id");
  if (ours && entity.implicitName) fields.push(entity.implicitName);
  const bindings = fields.flatMap((field) => (field.stores.length > 0 ? declared(field, all, ours)
    : automatic(field.type, all, ours)).map((binding) => ({ field: field.name, ...binding })));
  const holders = all.filter((one) => bindings.some((binding) => binding.backend === one.name));
  const home = holders.length > 0 ? holders : [pick(all, () => true)];
  return [...bindings, ...home.map((one) => ({ field: "object_id", backend: one.name,
    type: one.type, strategy: "inline" }))];
}

/** The binding a field is read through, or null. */
export function primary(bindings, name) {
  return bindings.find((binding) => binding.field === name) ?? null;
}
