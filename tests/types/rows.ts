// SPDX-License-Identifier: MIT
// What the type checker must know, and what it must refuse. Checked by tests/js/types.test.mjs, never run.
import {
  ArrayOf, Artifact, Boolean, Categorical, Float, HeavenBase, Integer, Json, LongText, MetaSchema, ShortText, Timestamp, Vector, VectorIndex,
  entity, field,
} from "../../js/index.js";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { HttpOptions, Insert, MssqlOptions, OracleOptions, Row, StarrocksHttpOptions, TrinoOptions } from "../../js/index.js";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function holds<T extends true>(): T | void {}

const Note = entity("Note", { title: field(ShortText), body: field(LongText) });
holds<Same<Row<typeof Note>, { object_id: string; name: string | null; title: string | null; body: string | null }>>();

const Task = entity("Task", {
  name: field(ShortText).required(),
  state: field(Categorical(["open", "done"])).required().default("open"),
  weight: field(Float),
  count: field(Integer).index(),
  done: field(Boolean),
  due: field(Timestamp("s")),
  tags: field(ArrayOf(ShortText)),
  embedding: field(Vector(2)).store({ to: "vec", strategy: VectorIndex }),
  extra: field(Json),
  file: Artifact,
});
type TaskRow = Row<typeof Task>;
holds<Same<TaskRow["name"], string>>();
holds<Same<TaskRow["state"], "open" | "done">>();
holds<Same<TaskRow["count"], number | bigint | null>>();
holds<Same<TaskRow["embedding"], Float32Array | null>>();
holds<Same<TaskRow["tags"], string[] | null>>();
holds<Same<TaskRow["file"], Uint8Array | null>>();

const good: Insert<typeof Task> = { name: "a", embedding: [1, 0], tags: new Set(["x"]), due: new Date(), count: 5n };
void good;
// @ts-expect-error the name is required
const nameless: Insert<typeof Task> = { weight: 1 };
void nameless;
// @ts-expect-error no such state
const stateless: Insert<typeof Task> = { name: "a", state: "lost" };
void stateless;
// @ts-expect-error a list of texts is no vector
const texts: Insert<typeof Task> = { name: "a", embedding: ["1"] };
void texts;

const Computed = entity("Computed", {
  a: field(ShortText).required(),
  // @ts-expect-error one input, two parameters of which the second is never given
  broken: field(Integer).required().compute((a: string, b: string) => a.length + b.length, { inputs: ["a"] }),
  size: field(Integer).required().compute((a) => a.length, { inputs: ["a"] }),
  named: field(Integer).required().compute("size-of", { inputs: ["a"] }),
  whole: field(Float).compute(async (row) => row.a.length),
  emb: field(Vector(2)).compute(async (a: string) => [a.length, 1], { inputs: ["a"] }).queryCompute((text: string) => [text.length, 1]),
  // @ts-expect-error a text is no vector
  wrong: field(Vector(2)).compute(() => "text"),
  made: field(Integer).required().default(() => 1),
});
const short: Insert<typeof Computed> = { a: "x" };
void short;
holds<Same<Row<typeof Computed>["size"], number | bigint>>();
const standard: StandardSchemaV1<Insert<typeof Computed>, Partial<Row<typeof Computed>>> = Computed;
holds<Same<StandardSchemaV1.InferInput<typeof Computed>, Insert<typeof Computed>>>();
void standard;

async function uses() {
  const ws = await HeavenBase.open("types", { preset: "debug" });
  const Registered = await ws.register(Task);
  holds<Same<typeof Registered, typeof Task>>();
  const id: string = await ws.upsert(Task, { name: "a" });
  // @ts-expect-error no such field
  await ws.upsert(Task, { name: "a", colour: "red" });
  await ws.upsert("task", { anything: 1 });
  const row = await ws.get(id, { entity: Task });
  const state: "open" | "done" | undefined = row?.state;
  void state;
  // @ts-expect-error no such column
  void row?.colour;
  const groups = await ws.query(Task).groupBy("state").aggregate({ total: Task.weight.sum(), n: Task.object_id.count() }).having({ n: { gt: 1 } }).execute();
  holds<Same<(typeof groups extends import("../../js/index.js").Frame<infer R> ? R : never)["total"], number | null>>();
  const grouped: { state: "open" | "done"; n: number }[] = groups.rows();
  void grouped;
  const frame = await ws.query(Task).where(Task.name.match("a")).near(Task.embedding, [1, 0], { topK: 1 }).select("name", "score").execute();
  const name: string = frame.rows()[0].name;
  const score: number = frame.rows()[0].score;
  void [name, score];
  // @ts-expect-error weight was not selected
  void frame.rows()[0].weight;
  // @ts-expect-error a text field is not compared with a number
  Task.name.eq(5);
  // @ts-expect-error no such metric
  ws.query(Task).near(Task.embedding, [1, 0], { metric: "bogus" });
  await ws.query(MetaSchema).where(MetaSchema.kind.eq("storage")).select("field", "backend").execute();
  const all: TaskRow[] = await ws.rows(Task);
  void all;
  await ws.set(id, { weight: 2 }, { entity: Task });
  // @ts-expect-error the weight is a number
  await ws.set(id, { weight: [] }, { entity: Task });
  // @ts-expect-error no such option
  await HeavenBase.open("types", { presett: "debug" });
}
void uses;

const trino: TrinoOptions = { url: "https://trino.test", catalog: "pg", username: "me", writes: "replace" };
const stars: StarrocksHttpOptions = { via: "http", url: "https://fe.test:8030", load_url: "https://be.test:8040", username: "me" };
const byHttp: HttpOptions[] = [{ via: "gateway", url: "https://gw.test", connection: "main", token: "t" }, { via: "neon", uri: "postgresql://h/d" }];
void HeavenBase.open("w", { backends: { main: { type: "postgres", ...byHttp[0] } } });
void HeavenBase.open("w", { backends: { main: { type: "trino", ...trino } } });
void HeavenBase.open("w", { backends: { main: { type: "starrocks", ...stars } } });
const mssql: MssqlOptions = { host: "db.test", database: "d", username: "me", params: { trustServerCertificate: true } };
const oracle: OracleOptions = { uri: "db.test:1521/d", username: "me", prefix: "app_" };
// @ts-expect-error SQL Server takes no uri
const wrong: MssqlOptions = { uri: "mssql://db.test" };
void HeavenBase.open("w", { backends: { main: { type: "mssql", ...mssql }, other: { type: "oracle", ...oracle }, third: { type: "mssql", ...wrong } } });
// @ts-expect-error a gateway has connections
const unconnected: HttpOptions = { via: "gateway", url: "https://gw.test" };
void unconnected;
