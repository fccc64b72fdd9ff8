// SPDX-License-Identifier: MIT
// A program of someone else, in strict TypeScript: what it reads is typed by the entity that it declared.
import { ArrayOf, HeavenBase, HeavenBaseError, Integer, LongText, ShortText, Vector, VectorIndex, entity, field, init, type ErrorCode, type Insert, type Row } from "heavenbase";
import module from "heavenbase/core.wasm";
import { startGateway, type Gateway, type GatewayConfig } from "heavenbase/gateway";
import * as slim from "heavenbase/slim";

const Note = entity("Note", {
  title: field(ShortText).required(), body: field(LongText), pages: field(Integer), tags: field(ArrayOf(ShortText)),
  embedding: field(Vector(2)).store({ strategy: VectorIndex }),
});
type Note = Row<typeof Note>;

export async function main(): Promise<Note | null> {
  await init({ module });
  const ws = await HeavenBase.open("typed", { preset: "debug", timeoutMs: 1000, signal: new AbortController().signal });
  await ws.register(Note);
  const written: Insert<typeof Note> = { name: "a", title: "t", embedding: [1, 0] };
  const id: string = await ws.upsert(Note, written);
  // @ts-expect-error a title is required
  await ws.upsert(Note, { name: "b" }).catch(() => undefined);
  // @ts-expect-error no such field
  await ws.upsert(Note, { name: "b", title: "t", titel: "t" }).catch(() => undefined);
  const frame = await ws.query(Note).where(Note.title.match("t")).near(Note.embedding, [1, 0], { topK: 1 }).select("title", "score").execute();
  const [first] = frame.rows();
  const said: [string, number] = [first.title, first.score];
  // @ts-expect-error not selected
  first.pages;
  const row = await ws.get(id, { entity: Note });
  if (row) {
    const title: string = row.title;
    const pages: number | bigint | null = row.pages;
    const tags: readonly string[] | null = row.tags;
    // @ts-expect-error may be null
    const never: string = row.body;
    return { ...row, title: `${title} ${pages} ${tags} ${never} ${said}` };
  }
  return row;
}

export function codeOf(error: unknown): ErrorCode | undefined {
  return error instanceof HeavenBaseError ? error.code : undefined;
}

export const open: Promise<unknown> = slim.HeavenBase.open("slim", { backends: { main: { type: "inmem" } } });

export async function serve(token: string): Promise<string> {
  const config: GatewayConfig = { tokens: [{ name: "web", token, connections: ["main"] }], connections: [{ name: "main", engine: "postgres", readOnly: true }], limits: { concurrent: 8 } };
  // @ts-expect-error an engine is required
  config.connections.push({ name: "other" });
  const gateway: Gateway = await startGateway(config, { env: {}, log: () => {} });
  await gateway.stop({ drainMs: 0 });
  return gateway.url;
}
