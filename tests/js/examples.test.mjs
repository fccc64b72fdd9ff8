// SPDX-License-Identifier: MIT
// The examples that people read first are executed as they stand: the face as designed, and the README's ten lines.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Runs source text as a module of this package, so that it imports "heavenbase" like a user. */
async function run(source) {
  const folder = mkdtempSync(join(root, "build", "example-"));
  const path = join(folder, "example.mjs");
  try {
    writeFileSync(path, source);
    return await import(pathToFileURL(path).href);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const face = `import { HeavenBase, entity, field, ShortText, LongText, Vector, VectorIndex, MetaSchema } from "heavenbase";

const Note = entity("Note", { title: field(ShortText), body: field(LongText) });
const ws = await HeavenBase.open("core-workspace", { preset: "debug" });
await ws.register(Note);
const id = await ws.upsert(Note, { name: "Routing note", title: "Routing note", body: "One logical row…" });
export const title = (await ws.get(id, { entity: Note })).title;

const RoutedDocument = entity("RoutedDocument", {
  title: field(ShortText).store({ to: "main" }),
  embedding: field(Vector(2)).store({ to: "vec", strategy: VectorIndex }),
});
await ws.register(RoutedDocument);
await ws.upsert(RoutedDocument, { object_id: "d1", title: "Agent routing", embedding: [1, 0] });
const frame = await ws.query(RoutedDocument).near(RoutedDocument.embedding, [1, 0], { topK: 1 })
  .select("title", "score").execute();
export const nearest = frame.rows()[0];
export const plan = await ws.query(RoutedDocument).where(RoutedDocument.title.match("agent")).explain();
export const storage = (await ws.query(MetaSchema).where(MetaSchema.kind.eq("storage")).select("field", "backend").execute()).rows();
export const ok = (await ws.audit()).catalog.ok;
export { id, ws };
`;

test("the face in JavaScript works as designed", async () => {
  const { id, title, nearest, plan, storage, ok, ws } = await run(face);
  assert.equal(id, "000042943200010507604878606023630530843197");
  assert.equal(title, "Routing note");
  assert.deepEqual(nearest, { object_id: "d1", title: "Agent routing", score: 1 });
  assert.equal(plan.steps[0].backend, "main");
  assert.ok(storage.some((row) => row.field === "embedding" && row.backend === "vec"));
  assert.equal(ok, true);
  await ws.close();
});

const readme = join(root, "README.md");
const example = existsSync(readme) ? /```js\n([\s\S]*?)```/.exec(readFileSync(readme, "utf8"))?.[1] : undefined;
if (example) test("the README's first example runs", () => run(example));
