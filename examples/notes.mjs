// SPDX-License-Identifier: MIT
// Notes in a SQLite file, found again by words: `node examples/notes.mjs`, twice to see that they stay.
//   node examples/notes.mjs [FILE] [WORDS]
import { HeavenBase, InvertedIndex, LongText, Timestamp, entity, field } from "heavenbase";

const [file = "notes.db", words = "ships"] = process.argv.slice(2);

const Note = entity("Note", {
  text: field(LongText).required().store({ strategy: InvertedIndex }),
  at: field(Timestamp),
});

const ws = await HeavenBase.open("notes", { backends: { main: { type: "sqlite", database: file } } });
await ws.register(Note);
const before = await ws.count(Note);
await ws.upsertMany(Note, [
  { name: "harbour", text: "Ships leave the harbour at dawn.", at: new Date() },
  { name: "list", text: "Paint for the ships, rope, two lamps.", at: new Date() },
  { name: "weather", text: "Rain until the evening.", at: new Date() },
]);
console.log(`${file} held ${before} notes and holds ${await ws.count(Note)}; for “${words}”:`);
for (const { name, score } of await ws.query(Note).search(["text"], words).select("name", "score").execute()) {
  console.log(`  ${score.toFixed(3)} ${name}`);
}
await ws.close();
